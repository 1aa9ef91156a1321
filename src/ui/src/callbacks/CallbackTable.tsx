import { Anchor, Badge, Checkbox, Table, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { serviceNow } from "../api/client";
import type { CallbackView } from "../api/types";
import { duration, localTime, moment, phone } from "../format";
import { knowsZone } from "../zoneTime";

interface Props {
  rows: CallbackView[];
  chosen: CallbackView[];
  onChosen: (chosen: CallbackView[]) => void;
}

const COLOURS = { overdue: "red", due: "orange", coming: "gray" } as const;

/** Promised calls with what was said; those to be changed are ticked. */
export function CallbackTable({ rows, chosen, onChosen }: Props) {
  const { t, i18n } = useTranslation();
  const isChosen = (row: CallbackView) => chosen.some((one) => one.lead === row.lead);
  const all = rows.every(isChosen);
  return (
    <Table.ScrollContainer minWidth={900}>
      <Table fz="sm" verticalSpacing={6} data-testid="callback-table">
        <Table.Thead>
          <Table.Tr>
            <Table.Th w={36}>
              <Checkbox
                aria-label={t("callbacks.chooseAll")}
                checked={all}
                indeterminate={!all && chosen.length > 0}
                onChange={() => onChosen(all ? [] : rows)}
                data-testid="callbacks-choose-all"
              />
            </Table.Th>
            <Table.Th>{t("callbacks.when")}</Table.Th>
            <Table.Th>{t("callbacks.customer")}</Table.Th>
            <Table.Th>{t("callbacks.campaign")}</Table.Th>
            <Table.Th>{t("callbacks.whose")}</Table.Th>
            <Table.Th>{t("callbacks.said")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={row.lead} data-testid={`callback-${row.lead}`} data-state={row.state}>
              <Table.Td>
                <Checkbox
                  aria-label={t("callbacks.choose", { name: row.name || row.number })}
                  checked={isChosen(row)}
                  onChange={() => onChosen(isChosen(row) ? chosen.filter((one) => one.lead !== row.lead) : [...chosen, row])}
                />
              </Table.Td>
              <Table.Td>
                <When row={row} />
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
              <Table.Td>{row.agent === null ? t("callbacks.team") : (row.agent_name ?? row.agent)}</Table.Td>
              <Table.Td maw={320}>
                <Text size="sm" style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
                  {row.note || "–"}
                </Text>
                {row.said_at !== null && (
                  <Text size="xs" c="dimmed">
                    {t("callbacks.saidBy", { by: row.said_by ?? "–", time: moment(row.said_at, i18n.language) })}
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

/** By the manager's clock, by the customer's where it shows another time, and how late it is. */
function When({ row }: { row: CallbackView }) {
  const { t, i18n } = useTranslation();
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const zones = row.zones.filter((zone) => knowsZone(zone) && zone !== own);
  const wait = row.due_at - serviceNow();
  return (
    <>
      <Text size="sm" className="figures">
        {moment(row.at, i18n.language)}
      </Text>
      {zones.map((zone) => (
        <Text key={zone} size="xs" c="dimmed" className="figures">
          {t("callbacks.theirs", { time: localTime(row.at, i18n.language, zone) })}
        </Text>
      ))}
      <Badge size="sm" variant="light" tt="none" radius="sm" color={COLOURS[row.state]}>
        {row.state === "coming" ? t("callbacks.states.coming") : t("callbacks.late", { span: duration(row.late_ms) })}
      </Badge>
      {row.state !== "coming" && wait > 0 && (
        <Text size="xs" c="dimmed">
          {t("callbacks.again", { time: moment(row.due_at, i18n.language) })}
        </Text>
      )}
    </>
  );
}
