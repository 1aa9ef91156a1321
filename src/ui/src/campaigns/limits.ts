// What a form of live limits changes, compared with what is in force.

import type { LimitChange, LimitView } from "../api/types";

export type LimitField = LimitView["limit"];

export const LIMIT_FIELDS: LimitField[] = ["lines_max", "dials_per_day_max", "abandon_rate_max"];

const SHARE: LimitField = "abandon_rate_max";

/** A limit as people read it; `null` where nothing binds. */
export function shownLimit(field: LimitField, value: number | null): string | null {
  if (value === null) return null;
  return field === SHARE ? `${Math.round(value * 10000) / 100} %` : String(value);
}

/** As it stands in the form: a share in percent, nothing where nothing binds. */
export function typedLimit(limit: LimitView): string {
  if (limit.in_force === null) return "";
  return String(limit.limit === SHARE ? Math.round(limit.in_force * 10000) / 100 : limit.in_force);
}

/** Most that may be typed. */
export function mostOf(limit: LimitView): number {
  if (limit.limit === SHARE) return Math.round((limit.max ?? 1) * 10000) / 100;
  return limit.limit === "lines_max" ? 100_000 : 1_000_000_000;
}

/** Only what differs is sent, so that two people changing different limits do not undo each other. An empty field stays as it is. */
export function limitsOf(
  before: LimitView[],
  typed: Partial<Record<LimitField, string>>,
): { change: LimitChange; wrong: LimitField[]; differences: { field: LimitField; from: string | null; to: string }[] } {
  const change: LimitChange = {};
  const wrong: LimitField[] = [];
  const differences: { field: LimitField; from: string | null; to: string }[] = [];
  for (const limit of before) {
    const { limit: field } = limit;
    const text = (typed[field] ?? "").trim();
    if (text === "" || text === typedLimit(limit)) continue;
    const shown = Number(text);
    if (!Number.isFinite(shown) || shown < 0 || shown > mostOf(limit) || (field !== SHARE && !Number.isInteger(shown))) {
      wrong.push(field);
      continue;
    }
    const value = field === SHARE ? shown / 100 : shown;
    change[field] = value;
    differences.push({ field, from: shownLimit(field, limit.in_force), to: shownLimit(field, value) ?? "" });
  }
  return { change, wrong, differences };
}
