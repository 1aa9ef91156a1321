import { Alert, Button, Code, Group, List, Stack, Table, Text, Title } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { gateways, phones, reload, trunks } from "../api/client";
import type { GatewayView, PhoneView } from "../api/types";
import { Panel } from "../board/Panel";
import { TrunkTable } from "../board/TrunkTable";
import { moment } from "../format";
import { Icon } from "../icons";
import { useLiveBoard } from "../shell/BoardContext";
import { Empty } from "../shell/Empty";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";

/** Trunks, phones, and reading the configuration again. */
export function OperatorPage() {
  const { t } = useTranslation();
  const { snapshot } = useLiveBoard();
  const lines = useQuery({ queryKey: ["trunks"], queryFn: trunks, enabled: snapshot === null });
  const devices = useQuery({ queryKey: ["phones"], queryFn: phones, refetchInterval: 5000 });
  const sms = useQuery({ queryKey: ["gateways"], queryFn: gateways, refetchInterval: 5000 });
  const shown = snapshot?.trunks ?? lines.data;
  return (
    <Stack data-testid="operator">
      <Title order={1} fz="h2">
        {t("nav.operator")}
      </Title>
      <Reload />
      <Panel title={t("board.trunks")}>
        {lines.error && <ProblemAlert error={lines.error} onRetry={() => void lines.refetch()} />}
        {shown ? <TrunkTable trunks={shown} /> : lines.error ? null : <Waiting />}
      </Panel>
      <Panel title={t("phone.title")}>
        {devices.error && <ProblemAlert error={devices.error} onRetry={() => void devices.refetch()} />}
        {devices.isPending && <Waiting />}
        {devices.data && <PhoneTable rows={devices.data} />}
      </Panel>
      <Panel title={t("gateway.title")}>
        {sms.error && <ProblemAlert error={sms.error} onRetry={() => void sms.refetch()} />}
        {sms.isPending && <Waiting />}
        {sms.data && <GatewayTable rows={sms.data} />}
      </Panel>
    </Stack>
  );
}

function PhoneTable({ rows }: { rows: PhoneView[] }) {
  const { t, i18n } = useTranslation();
  if (rows.length === 0) return <Empty title={t("phone.none")} next={t("phone.noneNext")} />;
  return (
    <Table fz="sm" verticalSpacing={6} data-testid="phones">
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{t("phone.phone")}</Table.Th>
          <Table.Th>{t("board.state")}</Table.Th>
          <Table.Th>{t("phone.contact")}</Table.Th>
          <Table.Th>{t("phone.expires")}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {rows.map((row) => (
          <Table.Tr key={row.phone} data-testid={`phone-${row.phone}`} data-registered={row.address !== null}>
            <Table.Td>{row.phone}</Table.Td>
            <Table.Td>
              <Group gap={4} wrap="nowrap" c={row.address !== null ? "var(--mantine-color-teal-text)" : "var(--mantine-color-red-text)"}>
                <Icon name={row.address !== null ? "phone" : "down"} size={14} />
                <Text size="sm" c="inherit">
                  {t(row.address !== null ? "phone.registered" : "phone.notRegistered")}
                </Text>
              </Group>
            </Table.Td>
            <Table.Td>{row.address ?? "–"}</Table.Td>
            <Table.Td>{row.registered_until !== null ? moment(row.registered_until, i18n.language) : "–"}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

/** SMS gateways and how they are. */
function GatewayTable({ rows }: { rows: GatewayView[] }) {
  const { t, i18n } = useTranslation();
  if (rows.length === 0) return <Empty title={t("gateway.none")} next={t("gateway.noneNext")} />;
  const up = (row: GatewayView) => row.state === "up" || row.state === "throttled";
  return (
    <Table fz="sm" verticalSpacing={6} data-testid="gateways">
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{t("gateway.name")}</Table.Th>
          <Table.Th>{t("board.state")}</Table.Th>
          <Table.Th>{t("gateway.waiting")}</Table.Th>
          <Table.Th>{t("gateway.senders")}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {rows.map((row) => (
          <Table.Tr key={row.name} data-testid={`gateway-${row.name}`} data-state={row.state}>
            <Table.Td>{row.name}</Table.Td>
            <Table.Td>
              <Group gap={4} wrap="nowrap" c={up(row) ? "var(--mantine-color-teal-text)" : "var(--mantine-color-red-text)"}>
                <Icon name={up(row) ? "phone" : "down"} size={14} />
                <Text size="sm" c="inherit">
                  {t(`gateway.state.${row.state}`)} · {moment(row.since, i18n.language)}
                </Text>
              </Group>
              {!up(row) && row.error && (
                <Text size="xs" c="dimmed">
                  {row.error}
                </Text>
              )}
            </Table.Td>
            <Table.Td>{row.waiting}</Table.Td>
            <Table.Td>{row.senders.join(", ")}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function Reload() {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const again = useMutation({ mutationFn: reload, onSuccess: () => void queries.invalidateQueries() });
  return (
    <Panel title={t("reload.title")}>
      <Stack align="flex-start">
        <Text size="sm" c="dimmed">
          {t("reload.text")} <Code>lull reload</Code>
        </Text>
        <Button variant="default" loading={again.isPending} onClick={() => again.mutate()} data-testid="reload">
          {t("reload.do")}
        </Button>
        {again.error && <ProblemAlert error={again.error} w="100%" styles={{ message: { whiteSpace: "pre-wrap" } }} />}
        {again.data && (
          <Alert color="teal" role="status" icon={<Icon name="ready" />} w="100%" data-testid="reloaded">
            {again.data.changed.length === 0 ? t("reload.nothing") : t("reload.changed", { count: again.data.changed.length })}
            <List size="sm">
              {again.data.changed.map((name) => (
                <List.Item key={name}>{name}</List.Item>
              ))}
            </List>
          </Alert>
        )}
      </Stack>
    </Panel>
  );
}
