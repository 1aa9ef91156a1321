import { Box, Group, Text, useComputedColorScheme } from "@mantine/core";
import { useEffect, useMemo, useRef } from "react";
import { useTranslation } from "react-i18next";
import uPlot from "uplot";
import type { Decision } from "../api/types";
import { seriesOf } from "./decisionSeries";

const HEIGHT = 220;

const INK = (dark: boolean) =>
  dark
    ? { text: "#c9c9c9", grid: "#3b3b3b", agents: "#38d9a9", pending: "#74c0fc", placed: "#ffa94d", answers: "#e599f7" }
    : { text: "#495057", grid: "#dee2e6", agents: "#087f5b", pending: "#1864ab", placed: "#d9480f", answers: "#9c36b5" };

/** Agents, attempts on their way, dials and expected answers over time. */
export function DecisionChart({ decisions }: { decisions: Decision[] }) {
  const { t, i18n } = useTranslation();
  const dark = useComputedColorScheme("light") === "dark";
  const box = useRef<HTMLDivElement>(null);
  const series = useMemo(() => seriesOf(decisions), [decisions]);
  const ink = INK(dark);
  const lines = [
    { name: t("decision.agents"), ink: ink.agents, dash: [] as number[], values: series.agents },
    { name: t("decision.pending"), ink: ink.pending, dash: [8, 5], values: series.pending },
    { name: t("decision.placed"), ink: ink.placed, dash: [2, 4], values: series.placed },
    { name: t("decision.answers"), ink: ink.answers, dash: [10, 3, 2, 3], values: series.answers },
  ];
  useEffect(() => {
    const parent = box.current;
    if (!parent) return;
    const hours = new Intl.DateTimeFormat(i18n.language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
    const axis = { stroke: ink.text, grid: { stroke: ink.grid, width: 1 }, ticks: { stroke: ink.grid, width: 1 } };
    const chart = new uPlot(
      {
        width: Math.max(parent.clientWidth, 100),
        height: HEIGHT,
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false } },
        scales: { x: { time: true } },
        axes: [{ ...axis, space: 90, values: (_, at) => at.map((seconds) => hours.format(seconds * 1000)) }, axis],
        series: [{}, ...lines.map((line) => ({ label: line.name, stroke: line.ink, width: 2, dash: line.dash, points: { show: false } }))],
      },
      [series.at, ...lines.map((line) => line.values)],
      parent,
    );
    const resized = new ResizeObserver(() => chart.setSize({ width: parent.clientWidth, height: HEIGHT }));
    resized.observe(parent);
    return () => {
      resized.disconnect();
      chart.destroy();
    };
    // The lines follow from the series, the colours and the language.
  }, [series, dark, i18n.language]);
  return (
    <figure style={{ margin: 0 }} data-testid="decision-chart" data-points={series.at.length}>
      <Box ref={box} h={HEIGHT} role="img" aria-label={t("decision.chart", { count: series.at.length })} />
      <Group component="figcaption" gap="md" mt={4} wrap="wrap">
        {lines.map((line, index) => (
          <Group key={line.name} gap={6} wrap="nowrap">
            <span style={{ width: 18, borderTop: `2px ${index === 0 ? "solid" : index === 1 ? "dashed" : "dotted"} ${line.ink}` }} />
            <Text size="xs" c="dimmed">
              {line.name}
            </Text>
          </Group>
        ))}
      </Group>
    </figure>
  );
}
