// What a form of live controls changes, compared with what is in force.

import type { GroupChange, GroupView } from "../api/types";

export const CONTROL_FIELDS = ["idle_threshold", "hysteresis", "dwell_s", "reserve"] as const;
export type ControlField = (typeof CONTROL_FIELDS)[number];

export interface Difference {
  field: ControlField;
  from: string;
  to: string;
}

const UNITS: Record<ControlField, { suffix: string; perUnit: number; max: number; whole: boolean }> = {
  idle_threshold: { suffix: " %", perUnit: 100, max: 100, whole: false },
  hysteresis: { suffix: " %", perUnit: 100, max: 100, whole: false },
  dwell_s: { suffix: " s", perUnit: 1, max: 3600, whole: false },
  reserve: { suffix: "", perUnit: 1, max: 1000, whole: true },
};

/** A control's value as people read it: a number with its unit, or the word of the configuration. */
export function shownControl(field: ControlField, value: number | string | null, t: (key: string) => string): string {
  if (value === null) return "–";
  if (typeof value === "string") return t(`controls.word.${value}`);
  const { suffix, perUnit } = UNITS[field];
  return `${Math.round(value * perUnit * 10) / 10}${suffix}`;
}

/** Only what differs is sent, so that two people changing different controls do not undo each other. */
export function changesOf(
  before: Pick<GroupView, ControlField>,
  typed: Record<ControlField, string | number>,
): { change: GroupChange; wrong: ControlField[]; differences: Difference[] } {
  const change: GroupChange = {};
  const wrong: ControlField[] = [];
  const differences: Difference[] = [];
  for (const field of CONTROL_FIELDS) {
    const { suffix, perUnit, max, whole } = UNITS[field];
    const text = String(typed[field]).trim();
    const shown = Number(text);
    if (text === "" || !Number.isFinite(shown) || shown < 0 || shown > max || (whole && !Number.isInteger(shown))) {
      wrong.push(field);
      continue;
    }
    const was = Math.round(before[field] * perUnit * 10) / 10;
    if (Math.abs(was - shown) < 0.05) continue;
    change[field] = shown / perUnit;
    differences.push({ field, from: `${was}${suffix}`, to: `${shown}${suffix}` });
  }
  return { change, wrong, differences };
}
