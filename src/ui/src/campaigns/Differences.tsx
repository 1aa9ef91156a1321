import { Box, Stack, Table, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Differences as Found } from "../api/types";

const MARKS = { kept: " ", added: "+", removed: "−", gap: "⋯" } as const;
const COLOURS = { kept: undefined, added: "var(--mantine-color-teal-light)", removed: "var(--mantine-color-red-light)", gap: undefined } as const;

/** What two texts of a campaign differ in: values first, then the lines as they are written. */
export function Differences({ found }: { found: Found }) {
  const { t } = useTranslation();
  if (found.lines.length === 0) {
    return (
      <Text size="sm" c="dimmed" data-testid="differences-none">
        {t("differences.none")}
      </Text>
    );
  }
  return (
    <Stack gap="xs" data-testid="differences">
      {found.values.length === 0 ? (
        <Text size="sm" c="dimmed">
          {t("differences.wordsOnly")}
        </Text>
      ) : (
        <Table fz="sm" verticalSpacing={4}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t("differences.key")}</Table.Th>
              <Table.Th>{t("differences.from")}</Table.Th>
              <Table.Th>{t("differences.to")}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {found.values.map((change) => (
              <Table.Tr key={change.key} data-testid={`change-${change.key}`}>
                <Table.Td>
                  <code>{change.key}</code>
                </Table.Td>
                <Table.Td>{shown(change.from)}</Table.Td>
                <Table.Td>{shown(change.to)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      <Box component="pre" fz="xs" m={0} style={{ overflowX: "auto" }} aria-label={t("differences.lines")}>
        {found.lines.map((line, place) => (
          <Box key={place} component="div" px="xs" bg={COLOURS[line.kind]}>
            {MARKS[line.kind]} {line.text}
          </Box>
        ))}
      </Box>
    </Stack>
  );
}

/** A value as people write it: text without quotes, what is not there as a dash. */
function shown(value: unknown): string {
  if (value === null || value === undefined) return "–";
  return typeof value === "string" ? value : JSON.stringify(value);
}
