// What a manager fills in, as the service takes it.

export const WHATIF_FIELDS = [
  "idle_threshold",
  "hysteresis",
  "dwell_s",
  "reserve",
  "serve_first",
  "pacing",
  "lines_per_agent",
  "ringing_max",
  "abandon_rate_max",
] as const;
export type WhatifField = (typeof WHATIF_FIELDS)[number];
export type WhatifTyped = Partial<Record<WhatifField, string>>;

/** Shares are typed and shown in per cent; the service counts from 0 to 1. */
const SHARES: ReadonlySet<WhatifField> = new Set(["idle_threshold", "hysteresis", "abandon_rate_max"]);

export function isShare(field: WhatifField): boolean {
  return SHARES.has(field);
}

/** Only what was filled in is changed. A threshold may also be `auto` or `off`. */
export function changesTyped(typed: WhatifTyped): Record<string, string> {
  const set: Record<string, string> = {};
  for (const field of WHATIF_FIELDS) {
    const text = typed[field]?.trim() ?? "";
    if (text === "") continue;
    const share = Number(text);
    // What is no number goes as it is: the service says what it expected.
    set[field] = isShare(field) && Number.isFinite(share) ? String(Number((share / 100).toFixed(6))) : text;
  }
  return set;
}

/** What a link to the page asks for, such as `?set=reserve=2`. */
export function typedFromLink(values: string[]): WhatifTyped {
  const typed: WhatifTyped = {};
  for (const pair of values) {
    const cut = pair.indexOf("=");
    const field = WHATIF_FIELDS.find((one) => one === pair.slice(0, cut));
    if (!field) continue;
    const value = pair.slice(cut + 1);
    const share = Number(value);
    typed[field] = isShare(field) && value !== "" && Number.isFinite(share) ? String(Number((share * 100).toFixed(4))) : value;
  }
  return typed;
}

/** The link's part for what was filled in. */
export function linkOf(set: Record<string, string>): string {
  const params = new URLSearchParams({ tab: "whatif" });
  for (const [key, value] of Object.entries(set)) params.append("set", `${key}=${value}`);
  return `?${params.toString()}`;
}

export const DAY_MS = 86_400_000;
