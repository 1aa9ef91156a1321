import { Anchor, Group, Select, SegmentedControl, SimpleGrid, Stack, Table, Text, Tooltip } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { results } from "../api/client";
import type { Breakdown, Report, ResultLine, ResultStep } from "../api/types";
import { Panel } from "../board/Panel";
import { count, percent, seconds } from "../format";
import { Empty } from "../shell/Empty";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";
import { fromZoned, toZoned } from "../zoneTime";
import { addressOf, type Behind } from "./behind";

const SPANS = ["today", "week", "month", "all"] as const;
type Span = (typeof SPANS)[number];
const PARTS: readonly Breakdown[] = ["day", "hour", "list", "agent", "result", "disposition"];
/** Days of the installation's calendar; none for all. */
const DAYS: Record<Span, number | null> = { today: 1, week: 7, month: 30, all: null };
const DAY_MS = 86_400_000;

/** What became of a campaign's calls: the funnel, and sums and rates by day, hour, list, agent or result. */
export function Results({ campaign }: { campaign: string }) {
  const { t } = useTranslation();
  const [span, setSpan] = useState<Span>("month");
  const [by, setBy] = useState<Breakdown>("day");
  const asked = useQuery({
    queryKey: ["campaigns", campaign, "results", span, by],
    queryFn: () => results(campaign, DAYS[span], by),
    refetchInterval: 30_000,
  });
  return (
    <Stack data-testid="results">
      <Group gap="md">
        <SegmentedControl
          size="xs"
          aria-label={t("results.span")}
          data={SPANS.map((one) => ({ value: one, label: t(`results.spans.${one}`) }))}
          value={span}
          onChange={(value) => setSpan(value as Span)}
        />
        <Select
          size="xs"
          aria-label={t("results.by")}
          data={PARTS.map((one) => ({ value: one, label: t(`results.parts.${one}`) }))}
          value={by}
          onChange={(value) => value && setBy(value as Breakdown)}
          allowDeselect={false}
          data-testid="results-by"
        />
      </Group>
      {asked.error && <ProblemAlert error={asked.error} onRetry={() => void asked.refetch()} />}
      {asked.isPending && <Waiting />}
      {asked.data && <Shown report={asked.data} />}
    </Stack>
  );
}

function Shown({ report }: { report: Report }) {
  const { t } = useTranslation();
  const behind = { from: report.from, to: report.to };
  return (
    <SimpleGrid cols={{ base: 1, xl: 2 }} spacing="md">
      <Panel title={t("results.funnel")} testId="funnel">
        <Funnel steps={report.funnel} behind={behind} />
        <Text size="xs" c="dimmed" mt="xs">
          {t("results.funnelNote")}
        </Text>
      </Panel>
      <Panel title={t(`results.parts.${report.by}`)}>
        {report.lines.length === 0 ? (
          <Empty title={t("results.none")} next={t("results.noneNext")} />
        ) : (
          <LineTable report={report} behind={behind} />
        )}
        <Text size="xs" c="dimmed" mt="xs">
          {t("results.zone", { zone: report.zone })}
        </Text>
      </Panel>
    </SimpleGrid>
  );
}

/** Bars that are a table for whoever does not see them. */
function Funnel({ steps, behind }: { steps: ResultStep[]; behind: Behind }) {
  const { t, i18n } = useTranslation();
  const most = Math.max(1, ...steps.map((step) => step.leads));
  return (
    <Table fz="sm" verticalSpacing={6} withRowBorders={false}>
      <Table.Tbody className="figures">
        {steps.map((step) => {
          const stage = step.stage ?? "leads";
          const number = count(step.leads, i18n.language);
          return (
            <Table.Tr key={stage}>
              <Table.Th w="7.5rem" scope="row">
                {t(`results.stages.${stage}`)}
              </Table.Th>
              <Table.Td w="5rem" ta="right" data-testid={`funnel-${stage}`}>
                {step.stage ? (
                  <Anchor component={Link} to={addressOf({ ...behind, stage: step.stage })} size="sm">
                    {number}
                  </Anchor>
                ) : (
                  number
                )}
              </Table.Td>
              <Table.Td>
                <svg width="100%" height="18" viewBox="0 0 100 18" preserveAspectRatio="none" aria-hidden="true">
                  <rect width="100" height="18" rx="2" fill="var(--mantine-color-default-border)" opacity="0.35" />
                  <rect width={(100 * step.leads) / most} height="18" rx="2" fill="var(--mantine-color-blue-6)" />
                </svg>
              </Table.Td>
              <Table.Td w="11rem">
                {step.of_previous === null ? "" : t("results.ofPrevious", { share: percent(step.of_previous, 1) })}
              </Table.Td>
            </Table.Tr>
          );
        })}
      </Table.Tbody>
    </Table>
  );
}

function LineTable({ report, behind }: { report: Report; behind: Behind }) {
  const { t } = useTranslation();
  return (
    <Table.ScrollContainer minWidth={720}>
      <Table fz="sm" verticalSpacing={4} stickyHeader data-testid="result-lines">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t(`results.parts.${report.by}`)}</Table.Th>
            {(["attempts", "answered", "connected", "abandoned", "accepted", "answerRate", "abandonRate"] as const).map((name) => (
              <Table.Th key={name} ta="right">
                {t(`results.${name}`)}
              </Table.Th>
            ))}
            <Table.Th ta="right">
              <Tooltip label={t("results.conversionNote")}>
                <span>{t("results.conversion")}</span>
              </Tooltip>
            </Table.Th>
            <Table.Th ta="right">{t("results.talk")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody className="figures">
          {report.lines.map((line) => (
            <LineRow key={line.key} line={line} name={<PartName report={report} line={line} behind={behind} />} />
          ))}
        </Table.Tbody>
        <Table.Tfoot className="figures">
          <LineRow line={report.total} name={t("results.all")} />
        </Table.Tfoot>
      </Table>
    </Table.ScrollContainer>
  );
}

function LineRow({ line, name }: { line: ResultLine; name: React.ReactNode }) {
  const { i18n } = useTranslation();
  const { figures, rates } = line;
  const counts = [figures.attempts, figures.answered, figures.connected, figures.abandoned, figures.accepted];
  return (
    <Table.Tr data-testid={`line-${line.key || "total"}`}>
      <Table.Td>{name}</Table.Td>
      {counts.map((value, place) => (
        // The columns never change their order.
        <Table.Td key={place} ta="right">
          {count(value, i18n.language)}
        </Table.Td>
      ))}
      <Table.Td ta="right">{percent(rates.answer_rate, 1)}</Table.Td>
      <Table.Td ta="right">{percent(rates.abandon_rate, 2)}</Table.Td>
      <Table.Td ta="right">{percent(rates.conversion, 1)}</Table.Td>
      <Table.Td ta="right">{seconds(rates.mean_talk_s === null ? null : rates.mean_talk_s * 1000)}</Table.Td>
    </Table.Tr>
  );
}

/** A part's name; where its attempts can be listed, a link to them. */
function PartName({ report, line, behind }: { report: Report; line: ResultLine; behind: Behind }) {
  const { t } = useTranslation();
  const name =
    report.by === "disposition"
      ? t(line.key ? `disposition.${line.key}` : "disposition.open", { defaultValue: line.key })
      : line.title || line.key || t("results.without");
  const rows = rowsOf(report, line, behind);
  if (!rows) return <>{name}</>;
  return (
    <Anchor component={Link} to={addressOf(rows)} size="sm">
      {name}
    </Anchor>
  );
}

function rowsOf(report: Report, line: ResultLine, behind: Behind): Behind | null {
  switch (report.by) {
    case "day": {
      const from = fromZoned(`${line.key}T00:00`, report.zone);
      // Noon of the next day is on the next day, whatever the clocks do.
      const next = from === null ? null : fromZoned(`${toZoned(from + 1.5 * DAY_MS, report.zone).slice(0, 10)}T00:00`, report.zone);
      return from === null || next === null
        ? null
        : { from: Math.max(from, behind.from ?? from), to: Math.min(next, behind.to ?? next) };
    }
    case "list":
    case "result":
      return line.key || report.by === "result" ? { ...behind, [report.by]: line.key } : null;
    case "agent":
    case "disposition":
      return line.key ? { ...behind, [report.by]: line.key } : null;
    case "hour":
      return null;
  }
}
