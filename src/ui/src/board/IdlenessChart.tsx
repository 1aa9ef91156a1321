import { Box, Group, Text, useComputedColorScheme } from "@mantine/core";
import { useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import uPlot from "uplot";
import type { BoardSample, GroupView } from "../api/types";
import { clock, percent } from "../format";
import { gateSpans, seriesOf, type Span } from "./history";

interface Props {
  history: BoardSample[];
  group: GroupView;
  spanMs: number;
  until: number;
}

/** Height at the usual size of text; it grows with it in full screen. */
const HEIGHT = 210;

/** Idleness against its threshold; the times at which the gate was open are shaded. */
export function IdlenessChart({ history, group, spanMs, until }: Props) {
  const { t, i18n } = useTranslation();
  const dark = useComputedColorScheme("light") === "dark";
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const spans = useRef<Span[]>([]);
  const [scale, setScale] = useState(1);

  const shown = useMemo(() => history.filter((sample) => sample.at >= until - spanMs), [history, until, spanMs]);
  const series = useMemo(() => seriesOf(shown, group.group, group.hysteresis), [shown, group.group, group.hysteresis]);
  const openings = useMemo(() => gateSpans(shown, group.group), [shown, group.group]);
  spans.current = openings;

  const names = { idleness: t("board.idleness"), threshold: t("chart.threshold"), closes: t("chart.closesBelow") };
  useEffect(() => {
    const parent = box.current;
    if (!parent) return;
    const chart = new uPlot(options(parent.clientWidth, scale, dark, names, i18n.language, spans), [[], [], [], []], parent);
    plot.current = chart;
    const resized = new ResizeObserver(() => {
      setScale(parent.clientHeight / HEIGHT);
      chart.setSize({ width: parent.clientWidth, height: parent.clientHeight });
    });
    resized.observe(parent);
    return () => {
      resized.disconnect();
      chart.destroy();
      plot.current = null;
    };
    // The names change with the language only.
  }, [dark, i18n.language, scale]);

  useEffect(() => {
    const chart = plot.current;
    if (!chart) return;
    chart.batch(() => {
      chart.setData([series.at, series.idleness, series.threshold, series.closesBelow], false);
      chart.setScale("x", { min: (until - spanMs) / 1000, max: until / 1000 });
    });
  }, [series, until, spanMs, dark, i18n.language, scale]);

  return (
    <figure style={{ margin: 0 }} data-testid={`chart-${group.group}`} data-openings={openings.length}>
      <Box ref={box} h={HEIGHT} role="img" aria-label={t("chart.label", { idleness: percent(group.idleness), threshold: percent(group.idle_threshold), count: openings.length })} />
      <Group component="figcaption" gap="md" mt={4} wrap="wrap">
        <Key name={names.idleness} line={`2.5px solid ${INK(dark).idleness}`} />
        <Key name={names.threshold} line={`2px dashed ${INK(dark).threshold}`} />
        <Key name={names.closes} line={`2px dotted ${INK(dark).closes}`} />
        <Group gap={6} wrap="nowrap">
          <span style={{ width: 18, height: 12, background: INK(dark).gate, border: `1px solid ${INK(dark).gateEdge}` }} />
          <Text size="xs" c="dimmed">
            {t("chart.gateOpen")}
          </Text>
        </Group>
        <Text size="xs" c="dimmed" className="figures">
          {t("chart.openings", { count: openings.length })}
          {openings.length > 0 && " · " + t("chart.lastOpening", { time: clock(openings.at(-1)?.from ?? 0, i18n.language) })}
        </Text>
      </Group>
    </figure>
  );
}

function Key({ name, line }: { name: string; line: string }) {
  return (
    <Group gap={6} wrap="nowrap">
      <span style={{ width: 18, borderTop: line }} />
      <Text size="xs" c="dimmed">
        {name}
      </Text>
    </Group>
  );
}

const INK = (dark: boolean) =>
  dark
    ? { text: "#c9c9c9", grid: "#424242", idleness: "#66d9e8", threshold: "#ffa94d", closes: "#b197fc", gate: "rgba(56,217,169,.20)", gateEdge: "#38d9a9" }
    : { text: "#495057", grid: "#e3e6e8", idleness: "#0b7285", threshold: "#d9480f", closes: "#6741d9", gate: "rgba(18,184,134,.18)", gateEdge: "#099268" };

function options(
  width: number,
  scale: number,
  dark: boolean,
  names: { idleness: string; threshold: string; closes: string },
  language: string,
  spans: { current: Span[] },
): uPlot.Options {
  const ink = INK(dark);
  const hours = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const axis = { stroke: ink.text, grid: { stroke: ink.grid, width: 1 }, ticks: { stroke: ink.grid, width: 1 }, font: `${Math.round(12 * scale)}px system-ui, sans-serif` };
  return {
    width: Math.max(width, 100),
    height: HEIGHT * scale,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: { x: { time: true, auto: false }, y: { range: [0, 1] } },
    axes: [
      { ...axis, space: 90 * scale, size: 40 * scale, values: (_, at) => at.map((seconds) => hours.format(seconds * 1000)) },
      { ...axis, size: 58 * scale, values: (_, shares) => shares.map((value) => `${Math.round(value * 100)} %`), splits: [0, 0.25, 0.5, 0.75, 1] },
    ],
    series: [
      {},
      { label: names.idleness, stroke: ink.idleness, width: 2.5, points: { show: false } },
      { label: names.threshold, stroke: ink.threshold, width: 2, dash: [8, 5], points: { show: false } },
      { label: names.closes, stroke: ink.closes, width: 1.5, dash: [2, 4], points: { show: false } },
    ],
    hooks: { drawClear: [(chart) => shade(chart, spans.current, ink.gate, ink.gateEdge)] },
  };
}

function shade(chart: uPlot, spans: Span[], fill: string, edge: string): void {
  const { left, top, width, height } = chart.bbox;
  const x = (at: number) => Math.min(left + width, Math.max(left, chart.valToPos(at / 1000, "x", true)));
  const ctx = chart.ctx;
  ctx.save();
  for (const span of spans) {
    const from = x(span.from);
    const to = x(span.to);
    ctx.fillStyle = fill;
    ctx.fillRect(from, top, Math.max(1, to - from), height);
    ctx.fillStyle = edge;
    ctx.fillRect(from, top, Math.max(1, to - from), 3);
  }
  ctx.restore();
}
