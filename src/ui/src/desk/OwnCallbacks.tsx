import { Card, Stack, Table, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { deskCallbacks } from "../api/client";
import { duration, localTime, moment } from "../format";
import { knowsZone } from "../zoneTime";

/** They change when a result is recorded or a manager moves one. */
const AGAIN_MS = 30_000;

/** The calls that the agent has promised in person, between calls. Nothing where there are none: the desk stays calm. */
export function OwnCallbacks() {
  const { t, i18n } = useTranslation();
  const own = useQuery({ queryKey: ["desk", "callbacks"], queryFn: deskCallbacks, refetchInterval: AGAIN_MS });
  const rows = own.data?.items ?? [];
  if (rows.length === 0) return null;
  return (
    <Card withBorder padding="md" className="card" component="section" aria-labelledby="own-callbacks" data-testid="own-callbacks">
      <Stack gap="xs">
        <Title order={2} fz="md" id="own-callbacks">
          {t("callbacks.own")}
        </Title>
        <Text size="sm" c="dimmed">
          {t("callbacks.ownNote")}
        </Text>
        <Table fz="sm" verticalSpacing={4}>
          <Table.Tbody>
            {rows.map((row) => {
              const zone = row.zones.find(knowsZone);
              return (
                <Table.Tr key={row.lead} data-testid={`own-${row.lead}`}>
                  <Table.Td className="figures">
                    {moment(row.at, i18n.language)}
                    {zone && zone !== Intl.DateTimeFormat().resolvedOptions().timeZone && (
                      <Text size="xs" c="dimmed">
                        {t("callbacks.theirs", { time: localTime(row.at, i18n.language, zone) })}
                      </Text>
                    )}
                  </Table.Td>
                  <Table.Td>{row.name || row.number}</Table.Td>
                  <Table.Td>{row.campaign_title}</Table.Td>
                  <Table.Td>{row.note}</Table.Td>
                  <Table.Td c={row.state === "overdue" ? "var(--mantine-color-red-text)" : undefined}>
                    {row.state === "coming" ? "" : t("callbacks.late", { span: duration(row.late_ms) })}
                  </Table.Td>
                </Table.Tr>
              );
            })}
          </Table.Tbody>
        </Table>
      </Stack>
    </Card>
  );
}
