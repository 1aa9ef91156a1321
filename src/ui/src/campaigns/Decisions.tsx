import { Button, Group, SegmentedControl, Stack, Table, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { decisions } from "../api/client";
import type { Decision } from "../api/types";
import { Panel } from "../board/Panel";
import { useLimitText } from "../board/WhySoMany";
import { useReasonText } from "../board/WhyNot";
import { clock, percent } from "../format";
import { Empty } from "../shell/Empty";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";
import { DecisionChart } from "./DecisionChart";

/** Spans to choose from, in minutes. */
const SPANS = [15, 60, 240, 1440];
/** Rows of the list; the chart shows all that was read. */
const ROWS = 200;

/** Why a campaign dialled as much as it did: a chart over time, and each decision in words. */
export function Decisions({ campaign }: { campaign: string }) {
  const { t } = useTranslation();
  const [minutes, setMinutes] = useState(SPANS[0] ?? 15);
  const pages = useInfiniteQuery({
    queryKey: ["campaigns", campaign, "decisions", minutes],
    queryFn: ({ pageParam }) => decisions(campaign, Date.now() - minutes * 60_000, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor,
  });
  const rows = pages.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Panel
      title={t("decision.title")}
      testId="decisions"
      actions={
        <Group gap="xs">
          <SegmentedControl
            size="xs"
            aria-label={t("board.span")}
            data={SPANS.map((span) => ({ value: String(span), label: t("board.minutes", { count: span }) }))}
            value={String(minutes)}
            onChange={(value) => setMinutes(Number(value))}
          />
          <Button size="xs" variant="default" loading={pages.isRefetching} onClick={() => void pages.refetch()}>
            {t("attempt.refresh")}
          </Button>
        </Group>
      }
    >
      {pages.error && <ProblemAlert error={pages.error} onRetry={() => void pages.refetch()} />}
      {pages.isPending && <Waiting />}
      {pages.data && rows.length === 0 && <Empty title={t("decision.none")} next={t("decision.noneNext")} />}
      {rows.length > 0 && (
        <Stack>
          <DecisionChart decisions={rows} />
          <DecisionTable rows={rows.slice(0, ROWS)} />
          {rows.length > ROWS && (
            <Text size="sm" c="dimmed">
              {t("decision.listed", { shown: ROWS, all: rows.length })}
            </Text>
          )}
          {pages.hasNextPage && (
            <Button variant="default" loading={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()} data-testid="decision-more">
              {t("attempt.more")}
            </Button>
          )}
        </Stack>
      )}
    </Panel>
  );
}

function DecisionTable({ rows }: { rows: Decision[] }) {
  const { t, i18n } = useTranslation();
  const limit = useLimitText();
  const reason = useReasonText();
  const refused = (row: Decision) =>
    Object.entries(row.refusals)
      .map(([code, times]) => t("decision.refused", { reason: reason(code), times }))
      .join(" ");
  return (
    <Table.ScrollContainer minWidth={860} mah={420}>
      <Table fz="sm" verticalSpacing={4} stickyHeader data-testid="decision-table">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("attempt.at")}</Table.Th>
            <Table.Th ta="right">{t("decision.placed")}</Table.Th>
            <Table.Th>{t("decision.limit")}</Table.Th>
            <Table.Th ta="right">{t("decision.agents")}</Table.Th>
            <Table.Th ta="right">{t("decision.slots")}</Table.Th>
            <Table.Th ta="right">{t("decision.pending")}</Table.Th>
            <Table.Th>{t("decision.forecast")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody className="figures">
          {rows.map((row) => (
            <Table.Tr key={row.at} data-limit={row.limit}>
              <Table.Td>{clock(row.at, i18n.language)}</Table.Td>
              <Table.Td ta="right">{row.placed}</Table.Td>
              <Table.Td>
                {limit(row.limit)}
                <Text size="xs" c="dimmed">
                  {refused(row)}
                </Text>
              </Table.Td>
              <Table.Td ta="right">
                {row.idle_with_slot} / {row.idle}
              </Table.Td>
              <Table.Td ta="right">{row.slots}</Table.Td>
              <Table.Td ta="right">{row.pending}</Table.Td>
              <Table.Td>
                {row.forecast
                  ? t("decision.expects", {
                      agents: row.forecast.agents_free.toFixed(1),
                      answers: row.forecast.answers_expected.toFixed(1),
                      chance: percent(row.forecast.abandon_chance, 1),
                      price: row.forecast.abandon_price === null ? "–" : row.forecast.abandon_price.toFixed(0),
                    })
                  : "–"}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
