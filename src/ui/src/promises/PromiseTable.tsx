import { Anchor, Badge, Table, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { serviceNow } from "../api/client";
import type { PromiseView } from "../api/types";
import { duration, localTime, moment, phone } from "../format";
import { useNow } from "../useNow";
import { knowsZone } from "../zoneTime";

const COLOURS = { overdue: "red", at_risk: "orange", in_time: "teal" } as const;

/** Calls that are owed, with the time that is left for each. */
export function PromiseTable({ rows }: { rows: PromiseView[] }) {
  const { t, i18n } = useTranslation();
  useNow(1000);
  return (
    <Table.ScrollContainer minWidth={900}>
      <Table fz="sm" verticalSpacing={6} data-testid="promise-table">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("promises.left")}</Table.Th>
            <Table.Th>{t("promises.customer")}</Table.Th>
            <Table.Th>{t("promises.campaign")}</Table.Th>
            <Table.Th>{t("promises.asked")}</Table.Th>
            <Table.Th>{t("promises.words")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={row.id} data-testid={`promise-${row.id}`} data-state={row.state}>
              <Table.Td>
                <Left row={row} />
              </Table.Td>
              <Table.Td>
                <Text size="sm">{row.name}</Text>
                <Anchor component={Link} to={`/customers?number=${encodeURIComponent(row.number)}`} size="sm" className="figures">
                  {phone(row.number)}
                </Anchor>
              </Table.Td>
              <Table.Td>
                <Anchor component={Link} to={`/campaigns/${row.campaign}`} size="sm">
                  {row.campaign_title}
                </Anchor>
              </Table.Td>
              <Table.Td>
                <Text size="sm" className="figures">
                  {moment(row.asked_at, i18n.language)}
                </Text>
                <Text size="xs" c="dimmed">
                  {t(`promises.channel.${row.channel}`, { defaultValue: row.channel })}
                </Text>
              </Table.Td>
              <Table.Td maw={320}>
                <Text size="sm" style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
                  {row.words || "–"}
                </Text>
                {row.preferred_at !== null && (
                  <Text size="xs" c="dimmed">
                    {t("promises.wished", { time: moment(row.preferred_at, i18n.language) })}
                  </Text>
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

/** How much time is left or how late it is, until when by the manager's clock, and by the customer's where that differs. */
function Left({ row }: { row: PromiseView }) {
  const { t, i18n } = useTranslation();
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const zones = row.zones.filter((zone) => knowsZone(zone) && zone !== own);
  const left = row.promised_until - serviceNow();
  return (
    <>
      <Badge size="sm" variant="light" tt="none" radius="sm" color={COLOURS[row.state]}>
        {left > 0 ? t(`promises.leftOf.${row.state}`, { span: duration(left) }) : t("promises.late", { span: duration(-left) })}
      </Badge>
      <Text size="sm" className="figures">
        {t("promises.until", { time: moment(row.promised_until, i18n.language) })}
      </Text>
      {zones.map((zone) => (
        <Text key={zone} size="xs" c="dimmed" className="figures">
          {t("callbacks.theirs", { time: localTime(row.promised_until, i18n.language, zone) })}
        </Text>
      ))}
      {row.due_at !== null && row.due_at > serviceNow() && (
        <Text size="xs" c="dimmed">
          {t("promises.notBefore", { time: moment(row.due_at, i18n.language) })}
        </Text>
      )}
    </>
  );
}
