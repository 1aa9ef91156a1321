import { Anchor, Badge, Button, Group, Menu, Select, Stack, Table, Text } from "@mantine/core";
import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Link, useNavigate, useSearchParams } from "react-router";
import { askExport, attempts } from "../api/client";
import type { AttemptView, Campaign } from "../api/types";
import { Panel } from "../board/Panel";
import { DISPOSITIONS } from "../dispositions";
import { duration, moment, phone } from "../format";
import { useLiveBoard } from "../shell/BoardContext";
import { ProblemAlert } from "../shell/ProblemAlert";
import { RecordedFilter } from "../recordings/RecordedFilter";
import { Recording } from "../recordings/Recording";
import { Waiting } from "../shell/Waiting";
import { addressOf, type Behind, behindOf } from "./behind";

/** Attempts of a campaign, latest first. */
export function Attempts({ campaign }: { campaign: Campaign }) {
  const { t } = useTranslation();
  const [params, setParams] = useSearchParams();
  const behind = behindOf(params);
  const show = (next: Behind) => setParams(new URLSearchParams(addressOf(next)), { replace: true });
  const pages = useInfiniteQuery({
    queryKey: ["campaigns", campaign.key, "attempts", behind],
    queryFn: ({ pageParam }) => attempts(campaign.key, pageParam, behind),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor,
  });
  const goTo = useNavigate();
  // CSV begins with the mark that Excel needs for Chinese.
  const file = useMutation({
    mutationFn: (format: "csv" | "xlsx") => askExport({ kind: "calls", campaign: campaign.key, format, bom: format === "csv" }),
    onSuccess: () => void goTo("/exports"),
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
            value={behind.disposition ?? null}
            onChange={(value) => show({ ...behind, disposition: value ?? undefined })}
            clearable
            searchable
            data-testid="attempt-filter"
          />
          <RecordedFilter size="xs" value={behind.recording ?? null} onChange={(value) => show({ ...behind, recording: value ?? undefined })} />
          <Menu>
            <Menu.Target>
              <Button size="xs" variant="default" loading={file.isPending} data-testid="export">
                {t("attempt.export")}
              </Button>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item onClick={() => file.mutate("xlsx")} data-testid="export-xlsx">
                {t("attempt.exportXlsx")}
              </Menu.Item>
              <Menu.Item onClick={() => file.mutate("csv")} data-testid="export-csv">
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
      <Narrowed behind={behind} campaign={campaign} onAll={() => show({})} />
      {file.error && <ProblemAlert error={file.error} />}
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

/** What was clicked to come here, in words, and the way back to all attempts. */
function Narrowed({ behind, campaign, onAll }: { behind: Behind; campaign: Campaign; onAll: () => void }) {
  const { t, i18n } = useTranslation();
  const { snapshot } = useLiveBoard();
  const { stage, result, agent, list, from, to } = behind;
  const words: string[] = [];
  if (stage) words.push(t("attempt.stageIs", { stage: t(`results.stages.${stage}`) }));
  if (result !== undefined) {
    const title = campaign.results.find((one) => one.key === result)?.title ?? result;
    words.push(result ? `${t("attempt.result")}: ${title}` : t("attempt.noResult"));
  }
  if (agent !== undefined) words.push(`${t("attempt.agent")}: ${snapshot?.agents.find((one) => one.user === agent)?.name ?? agent}`);
  if (list !== undefined) words.push(`${t("results.parts.list")}: ${list}`);
  if (from || to) {
    const at = (value: number | undefined) => (value ? moment(value, i18n.language) : "…");
    words.push(t("attempt.between", { from: at(from), to: at(to) }));
  }
  if (words.length === 0) return null;
  return (
    <Group gap="xs" mb="xs" data-testid="narrowed">
      <Text size="sm">{t("attempt.shownOnly")}</Text>
      {words.map((word) => (
        <Badge key={word} variant="light" tt="none">
          {word}
        </Badge>
      ))}
      <Button size="compact-xs" variant="subtle" onClick={onAll} data-testid="show-all">
        {t("attempt.showAll")}
      </Button>
    </Group>
  );
}

function AttemptTable({ rows, campaign }: { rows: AttemptView[]; campaign: Campaign }) {
  const { t, i18n } = useTranslation();
  const { snapshot } = useLiveBoard();
  const agentName = (id: string | null) => (id ? (snapshot?.agents.find((one) => one.user === id)?.name ?? id) : "");
  const resultTitle = (key: string | null) => campaign.results.find((one) => one.key === key)?.title ?? key;
  return (
    <Table.ScrollContainer minWidth={960}>
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
            <Table.Th>{t("recording.title")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody className="figures">
          {rows.map((row) => (
            <Table.Tr key={row.id} title={row.id}>
              <Table.Td>{moment(row.at, i18n.language)}</Table.Td>
              <Table.Td>
                {/* A masked number leads nowhere. */}
                {row.number.includes("*") ? (
                  phone(row.number)
                ) : (
                  <Anchor component={Link} to={`/customers?${new URLSearchParams({ number: row.number })}`} size="sm">
                    {phone(row.number)}
                  </Anchor>
                )}
              </Table.Td>
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
              <Table.Td>
                <Recording call={row.id} recording={row.recording} />
              </Table.Td>
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
