import { Card, Group, Title } from "@mantine/core";
import { useId } from "@mantine/hooks";
import type { ReactNode } from "react";

interface Props {
  title: string;
  actions?: ReactNode;
  children: ReactNode;
  testId?: string;
}

/** A titled part of a page. */
export function Panel({ title, actions, children, testId }: Props) {
  const id = useId();
  return (
    <Card component="section" withBorder padding="md" className="card" aria-labelledby={id} data-testid={testId}>
      <Group justify="space-between" mb="xs" wrap="wrap" gap="xs">
        <Title order={2} fz="md" id={id}>
          {title}
        </Title>
        {actions}
      </Group>
      {children}
    </Card>
  );
}
