import { Code, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";

/** Nothing to show, and what to do about it. */
export function Empty({ title, next, command, children }: { title: string; next: string; command?: string; children?: ReactNode }) {
  return (
    <Stack gap={4} py="sm" data-testid="empty">
      <Text fw={600}>{title}</Text>
      <Text size="sm" c="dimmed">
        {next}
      </Text>
      {command && (
        <Code block fz="sm">
          {command}
        </Code>
      )}
      {children}
    </Stack>
  );
}
