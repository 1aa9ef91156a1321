// What the chart of decisions draws: one point for each decision, oldest first.

import type { Decision } from "../api/types";

export interface Series {
  /** Seconds since 1970. */
  at: number[];
  /** Idle agents with a slot. */
  agents: number[];
  /** Attempts on their way. */
  pending: number[];
  /** Dials placed since the point before. */
  placed: number[];
  /** Answers expected; nothing where no forecast was made. */
  answers: (number | null)[];
}

export function seriesOf(latestFirst: Decision[]): Series {
  const rows = [...latestFirst].reverse();
  return {
    at: rows.map((row) => row.at / 1000),
    agents: rows.map((row) => row.idle_with_slot),
    pending: rows.map((row) => row.pending),
    placed: rows.map((row) => row.placed),
    answers: rows.map((row) => row.forecast?.answers_expected ?? null),
  };
}
