import { Anchor, Group, Progress, Stack, Table, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { rejectedRows } from "../api/client";
import type { ImportReport } from "../api/types";
import { count } from "../format";

/** The parts that a file's rows fall into, with the colours they are drawn in. */
export const PARTS = [
  ["accepted", "teal.7"],
  ["updated", "blue.6"],
  ["duplicate", "gray.6"],
  ["suppressed", "grape.6"],
  ["invalid", "red.7"],
  ["left", "yellow.7"],
] as const;

/** What became of a file's rows: one bar, the counts beside it, and what to do about rows that were rejected. */
export function ReportView({ report }: { report: ImportReport }) {
  const { t, i18n } = useTranslation();
  const language = i18n.language;
  const shown = PARTS.filter(([part]) => part !== "left" || report.left > 0);
  const sum = shown.reduce((total, [part]) => total + report[part], 0);
  const noWindow = report.no_window - report.without_zone;
  return (
    <Stack gap="sm" data-testid="import-report">
      <Progress.Root size={28} aria-label={t("list.rows")} data-testid="import-bar">
        {shown
          .filter(([part]) => report[part] > 0)
          .map(([part, color]) => (
            <Progress.Section key={part} value={(100 * report[part]) / Math.max(1, report.rows)} color={color} aria-label={t(`list.${part}`)} />
          ))}
      </Progress.Root>
      <Table fz="sm" verticalSpacing={2} maw={420} withRowBorders={false}>
        <Table.Tbody className="figures">
          {shown.map(([part, color]) => (
            <Table.Tr key={part}>
              <Table.Td>
                <Group gap={6} wrap="nowrap">
                  <svg width={12} height={12} aria-hidden="true">
                    <rect width={12} height={12} rx={2} fill={`var(--mantine-color-${color.replace(".", "-")})`} />
                  </svg>
                  {t(`list.${part}`)}
                </Group>
              </Table.Td>
              <Table.Td ta="right" data-testid={`import-${part}`}>
                {count(report[part], language)}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
        <Table.Tfoot>
          <Table.Tr>
            <Table.Th>{t("list.rows")}</Table.Th>
            <Table.Th ta="right" className="figures" data-testid="import-rows">
              {count(report.rows, language)}
            </Table.Th>
          </Table.Tr>
        </Table.Tfoot>
      </Table>
      {sum !== report.rows && (
        <Text size="sm" c="red" role="alert">
          {t("list.doesNotAddUp", { sum })}
        </Text>
      )}
      {report.without_zone > 0 && <Text size="sm">{t("list.withoutZone", { rows: count(report.without_zone, language) })}</Text>}
      {report.numbers_unread > 0 && (
        <Text size="sm" data-testid="import-numbers-unread">
          {t("list.numbersUnread", { count: report.numbers_unread })}
        </Text>
      )}
      {noWindow > 0 && (
        <Text size="sm" data-testid="import-no-window">
          {t("list.noWindow", { rows: count(noWindow, language) })}
        </Text>
      )}
      {report.resumed && <Text size="sm">{t("list.resumed")}</Text>}
      <Rejected report={report} />
    </Stack>
  );
}

/** Rejected rows by what is wrong with them, each with what to do. */
function Rejected({ report }: { report: ImportReport }) {
  const { t, i18n } = useTranslation();
  const codes = Object.entries(report.rejected).sort(([, one], [, other]) => other - one);
  if (codes.length === 0) return null;
  return (
    <Stack gap={4}>
      <Table fz="sm" verticalSpacing={4} data-testid="rejected-codes">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("list.rejectedRows")}</Table.Th>
            <Table.Th ta="right">{t("list.rowCount")}</Table.Th>
            <Table.Th>{t("list.whatToDo")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {codes.map(([code, rows]) => (
            <Table.Tr key={code} data-testid={`rejected-${code}`}>
              <Table.Td>{t(`rowProblem.${code}`, { defaultValue: code })}</Table.Td>
              <Table.Td ta="right" className="figures">
                {count(rows, i18n.language)}
              </Table.Td>
              <Table.Td>{t(`rowHelp.${code}`, { defaultValue: t("rowHelp.other") })}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {report.rejected_file !== null && (
        <Anchor href={rejectedRows(report.id)} download size="sm" data-testid="rejected-rows">
          {t("list.rejected")}
        </Anchor>
      )}
    </Stack>
  );
}
