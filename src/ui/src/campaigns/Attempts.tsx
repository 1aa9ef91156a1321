import { Button, Group, Menu, Select, Stack, Table, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { attempts, callsFile } from "../api/client";
import type { AttemptView, Campaign } from "../api/types";
import { Panel } from "../board/Panel";
import { DISPOSITIONS } from "../dispositions";
import { duration, moment, phone } from "../format";
import { useLiveBoard } from "../shell/BoardContext";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";

/** Attempts of a campaign, latest first. */
export function Attempts({ campaign }: { campaign: Campaign }) {
  const { t } = useTranslation();
  const [disposition, setDisposition] = useState<string | null>(null);
  const pages = useInfiniteQuery({
    queryKey: ["campaigns", campaign.key, "attempts", disposition],
    queryFn: ({ pageParam }) => attempts(campaign.key, pageParam, disposition),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor,
  });
  const rows = pages.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Panel
      title={t("attempt.title")}
      actions={
        <Group gap="xs">
          <Select
            size="xs"
            aria-label={t("attempt.filter")}
            placeholder={t("attempt.all")}
            data={DISPOSITIONS.map((code) => ({ value: code, label: t(`disposition.${code}`) }))}
            value={disposition}
            onChange={setDisposition}
            clearable
            searchable
            data-testid="attempt-filter"
          />
          <Menu>
            <Menu.Target>
              <Button size="xs" variant="default" data-testid="export">
                {t("attempt.export")}
              </Button>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item component="a" href={callsFile(campaign.key, "xlsx")} data-testid="export-xlsx">
                {t("attempt.exportXlsx")}
              </Menu.Item>
              <Menu.Item component="a" href={callsFile(campaign.key, "csv")} data-testid="export-csv">
                {t("attempt.exportCsv")}
              </Menu.Item>
            </Menu.Dropdown>
          </Menu>
          <Button size="xs" variant="default" loading={pages.isRefetching} onClick={() => void pages.refetch()}>
            {t("attempt.refresh")}
          </Button>
        </Group>
      }
    >
      {pages.error && <ProblemAlert error={pages.error} onRetry={() => void pages.refetch()} />}
      {pages.isPending && <Waiting />}
      {pages.data && rows.length === 0 && <Text size="sm">{t("attempt.none")}</Text>}
      {rows.length > 0 && (
        <Stack>
          <AttemptTable rows={rows} campaign={campaign} />
          {pages.hasNextPage && (
            <Button variant="default" loading={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()} data-testid="attempt-more">
              {t("attempt.more")}
            </Button>
          )}
        </Stack>
      )}
    </Panel>
  );
}

function AttemptTable({ rows, campaign }: { rows: AttemptView[]; campaign: Campaign }) {
  const { t, i18n } = useTranslation();
  const { snapshot } = useLiveBoard();
  const agentName = (id: string | null) => (id ? (snapshot?.agents.find((one) => one.user === id)?.name ?? id) : "");
  const resultTitle = (key: string | null) => campaign.results.find((one) => one.key === key)?.title ?? key;
  return (
    <Table.ScrollContainer minWidth={860}>
      <Table fz="sm" verticalSpacing={4} data-testid="attempts">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("attempt.at")}</Table.Th>
            <Table.Th>{t("attempt.number")}</Table.Th>
            <Table.Th>{t("attempt.outcome")}</Table.Th>
            <Table.Th ta="right">{t("attempt.rang")}</Table.Th>
            <Table.Th ta="right">{t("attempt.talked")}</Table.Th>
            <Table.Th>{t("attempt.agent")}</Table.Th>
            <Table.Th>{t("attempt.trunk")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody className="figures">
          {rows.map((row) => (
            <Table.Tr key={row.id} title={row.id}>
              <Table.Td>{moment(row.at, i18n.language)}</Table.Td>
              <Table.Td>{phone(row.number)}</Table.Td>
              <Table.Td>
                {row.disposition ? t(`disposition.${row.disposition}`, { defaultValue: row.disposition }) : t("disposition.open")}
                <Text size="xs" c="dimmed">
                  {resultTitle(row.result)}
                  {row.sip_status ? ` SIP ${row.sip_status}` : ""}
                </Text>
              </Table.Td>
              <Table.Td ta="right">{span(row.rang_at, row.answered_at ?? row.ended_at)}</Table.Td>
              <Table.Td ta="right">{span(row.connected_at, row.ended_at)}</Table.Td>
              <Table.Td>{agentName(row.agent)}</Table.Td>
              <Table.Td>{row.trunk}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function span(from: number | null, to: number | null): string {
  return from === null || to === null ? "–" : duration(to - from);
}
