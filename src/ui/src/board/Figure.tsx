import { Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";

interface Props {
  label: string;
  value: ReactNode;
  note?: ReactNode;
  size?: string;
  testId?: string;
}

/** One figure with its name. */
export function Figure({ label, value, note, size = "xl", testId }: Props) {
  return (
    <Stack gap={0} component="dl" m={0}>
      <Text component="dt" size="xs" c="dimmed">
        {label}
      </Text>
      <Text component="dd" m={0} fz={size} fw={600} lh={1.25} className="figures" data-testid={testId}>
        {value}
      </Text>
      {note && (
        <Text component="dd" m={0} size="xs" c="dimmed" className="figures">
          {note}
        </Text>
      )}
    </Stack>
  );
}
