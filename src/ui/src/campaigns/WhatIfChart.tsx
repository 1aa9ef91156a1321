import { Group, SegmentedControl, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { WhatifHour } from "../api/types";
import { moment } from "../format";

const WIDTH = 720;
const HEIGHT = 200;
const LEFT = 44;
const BELOW = 22;
const MARGIN = 8;
const SIDES = ["recorded", "as_it_was", "changed"] as const;
const LINES: Record<(typeof SIDES)[number], { stroke: string; dash?: string }> = {
  recorded: { stroke: "var(--mantine-color-dimmed)" },
  as_it_was: { stroke: "var(--mantine-color-orange-7)", dash: "6 4" },
  changed: { stroke: "var(--mantine-color-teal-7)" },
};
const FIGURES = ["connected", "utilisation", "service_level", "abandon_rate"] as const;
type FigureName = (typeof FIGURES)[number];

/** Recorded, as it was and changed, hour by hour. */
export function WhatIfChart({ hours }: { hours: WhatifHour[] }) {
  const { t, i18n } = useTranslation();
  const [figure, setFigure] = useState<FigureName>("connected");
  const first = hours[0];
  const last = hours.at(-1);
  if (!first || !last || hours.length < 2) return null;
  const share = figure !== "connected";
  const values = hours.flatMap((hour) => SIDES.map((side) => hour[side][figure] ?? 0));
  const top = Math.max(...values, share ? 0.01 : 1);
  const x = (at: number) => LEFT + ((WIDTH - LEFT - MARGIN) * (at - first.at)) / Math.max(1, last.at - first.at);
  const y = (value: number) => HEIGHT - BELOW - (HEIGHT - BELOW - MARGIN) * (value / top);
  const shown = (value: number) => (share ? `${(value * 100).toFixed(top < 0.1 ? 1 : 0)} %` : value.toFixed(top < 8 ? 1 : 0));
  const name = { recorded: t("whatif.recorded"), as_it_was: t("whatif.asItWas"), changed: t("whatif.changed") };
  return (
    <Stack gap="xs" data-testid="whatif-chart">
      <SegmentedControl
        size="xs"
        value={figure}
        onChange={(value) => setFigure(FIGURES.find((one) => one === value) ?? "connected")}
        data={FIGURES.map((value) => ({ value, label: t(`whatif.chart.${value}`) }))}
        aria-label={t("whatif.chartOf")}
      />
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={t(`whatif.chart.${figure}`)} style={{ width: "100%" }}>
        {[0, 0.25, 0.5, 0.75, 1].map((part) => (
          <g key={part}>
            <path d={`M${LEFT} ${y(top * part)}H${WIDTH - MARGIN}`} stroke="var(--mantine-color-default-border)" />
            <text x={LEFT - 6} y={y(top * part) + 4} textAnchor="end" fontSize={11} fill="var(--mantine-color-dimmed)">
              {shown(top * part)}
            </text>
          </g>
        ))}
        {SIDES.map((side) => (
          <path
            key={side}
            d={line(hours, (hour) => hour[side][figure], x, y)}
            fill="none"
            stroke={LINES[side].stroke}
            strokeDasharray={LINES[side].dash}
            strokeWidth={side === "recorded" ? 4 : 1.8}
            strokeOpacity={side === "recorded" ? 0.5 : 1}
          />
        ))}
        <text x={LEFT} y={HEIGHT - 6} fontSize={11} fill="var(--mantine-color-dimmed)">
          {moment(first.at, i18n.language)}
        </text>
        <text x={WIDTH - MARGIN} y={HEIGHT - 6} textAnchor="end" fontSize={11} fill="var(--mantine-color-dimmed)">
          {moment(last.at, i18n.language)}
        </text>
      </svg>
      <Group gap="md">
        {SIDES.map((side) => (
          <Group key={side} gap={6} wrap="nowrap">
            <span style={{ width: 18, borderTop: `3px ${LINES[side].dash ? "dashed" : "solid"} ${LINES[side].stroke}` }} />
            <Text size="xs" c="dimmed">
              {name[side]}
            </Text>
          </Group>
        ))}
      </Group>
    </Stack>
  );
}

/** Hours without a value leave a gap. */
function line(hours: WhatifHour[], of: (hour: WhatifHour) => number | null, x: (at: number) => number, y: (value: number) => number): string {
  let drawn = "";
  let pen = "M";
  for (const hour of hours) {
    const value = of(hour);
    if (value === null) {
      pen = "M";
      continue;
    }
    drawn += `${pen}${x(hour.at).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = "L";
  }
  return drawn;
}
