// What becomes of the recipients of an outreach, in the order in which it happens: one list for bar, table and filter.

import type { OutreachView } from "../api/types";

type Count = OutreachView["counts"][number];
export type Kind = NonNullable<Count["message"]> | NonNullable<Count["skipped"]> | "waiting";

/** Colours of the bar, in its order: what went well first. */
export const BARS: Partial<Record<Kind, string>> = {
  delivered: "teal",
  sent: "blue",
  sending: "cyan",
  queued: "cyan",
  unknown: "orange",
  undeliverable: "red",
  expired: "red",
  rejected: "red",
  suppressed: "gray",
  replied: "gray",
  blank: "yellow",
  too_long: "yellow",
  landline: "yellow",
  not_open: "gray",
  no_hours: "gray",
  too_late: "gray",
  waiting: "gray.3",
};
const ORDER = Object.keys(BARS) as Kind[];

/** Of which kind a count is. */
export function kindOf(one: Count): Kind {
  return one.message ?? one.skipped ?? "waiting";
}

/** How many there are of each kind, in order. */
export function kindsOf(counts: Count[]): Map<Kind, number> {
  const kinds = new Map<Kind, number>();
  for (const kind of ORDER) {
    const sum = counts.filter((one) => kindOf(one) === kind).reduce((before, one) => before + one.count, 0);
    if (sum > 0) kinds.set(kind, sum);
  }
  return kinds;
}

/** Each kind's part of the bar, in per cent. Who waits is the bar's empty end. */
export function shares(kinds: Map<Kind, number>): { kind: Kind; share: number }[] {
  const total = [...kinds.values()].reduce((sum, value) => sum + value, 0);
  return [...kinds].filter(([kind]) => kind !== "waiting").map(([kind, value]) => ({ kind, share: (100 * value) / total }));
}
