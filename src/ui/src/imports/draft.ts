// What somebody has said of a list that is being brought in. Kept in this tab, so that going back and forth, a reload or a lost
// connection loses nothing, and the running job is found again.

import type { ColumnUse, DuplicatePolicy, ImportRequest, MappedColumn, Preview, TemplateView } from "../api/types";

/** What a column is for; the name is that of a custom field. */
export interface Column {
  use: ColumnUse;
  name: string;
}

export interface Draft {
  /** Which step is shown, from 0. */
  step: number;
  /** The file on the service, and what it was on this computer: the same file again goes on where it was. */
  upload: string | null;
  file: { name: string; size: number; changed: number } | null;
  /** Whether all of it has come. */
  whole: boolean;
  name: string;
  region: string;
  encoding: string;
  delimiter: string;
  sheet: string;
  /** By heading, what was chosen by hand. */
  columns: Record<string, Column>;
  /** The template that was chosen; `null`: none; left open, the one that fits. */
  template?: string | null;
  known: DuplicatePolicy;
  everywhere: boolean;
  /** The job that checks, and what it was asked. */
  check: { job: string; asked: string } | null;
  /** The job that imports. */
  run: string | null;
}

export const EMPTY: Draft = {
  step: 0,
  upload: null,
  file: null,
  whole: false,
  name: "",
  region: "",
  encoding: "",
  delimiter: "",
  sheet: "",
  columns: {},
  known: "skip",
  everywhere: false,
  check: null,
  run: null,
};

/** Without case, spaces and punctuation, as the service compares headings. */
export function plain(heading: string): string {
  return [...heading.toLowerCase()].filter((sign) => /[\p{Alphabetic}\p{N}]/u.test(sign)).join("");
}

/** What each column of the file is for: what was chosen by hand, what the template says, what its heading says. */
export function columnsOf(draft: Draft, preview: Preview, template: TemplateView | null): [string, Column][] {
  const saved = new Map(template?.columns.map((column) => [plain(column.heading), { use: column.use, name: column.name ?? "" }]));
  const guessed = new Map(preview.columns.map((column) => [plain(column.heading), { use: column.use, name: "" }]));
  const own = new Map(Object.entries(draft.columns).map(([heading, column]) => [plain(heading), column]));
  const chosen = new Map<string, Column>();
  // In the order of what counts more, so that what one column is for is not given to another as well.
  for (const source of [own, saved, guessed]) {
    const uses = [...chosen.values()].map((column) => column.use);
    const taken = new Set(uses.filter(isSingle));
    // Whoever says which columns are numbers says which are not.
    const numbered = uses.some(isNumber);
    for (const { heading } of preview.columns) {
      const column = source.get(plain(heading));
      if (column && !chosen.has(plain(heading))) {
        chosen.set(plain(heading), taken.has(column.use) || (numbered && isNumber(column.use)) ? { ...column, use: "custom" } : column);
      }
    }
  }
  return preview.columns.map(({ heading }) => [heading, chosen.get(plain(heading)) ?? { use: "custom", name: "" }]);
}

/** Whether it is one of the person's numbers. */
function isNumber(use: ColumnUse): boolean {
  return use === "number" || use === "mobile" || use === "home" || use === "work";
}

/** Whether only one column can be for it. */
function isSingle(use: ColumnUse): boolean {
  return use !== "custom" && use !== "ignore" && !isNumber(use);
}

/** Gives a column a purpose; where only one column can have it, the one that had it becomes a custom field. */
export function withUse(columns: [string, Column][], heading: string, use: ColumnUse): Record<string, Column> {
  const single = isSingle(use);
  return Object.fromEntries(
    columns.map(([other, column]) => {
      if (other === heading) return [other, { ...column, use }];
      return [other, single && column.use === use ? { use: "custom" as const, name: column.name } : column];
    }),
  );
}

/** Why the columns cannot be used as they are. */
export type ColumnFault = "noNumber" | "manyNumbers" | "sameName";

/** Most numbers of a person. */
const NUMBERS_MAX = 5;

export function faultOf(columns: [string, Column][]): ColumnFault | null {
  const numbers = columns.filter(([, column]) => isNumber(column.use)).length;
  if (numbers === 0) return "noNumber";
  if (numbers > NUMBERS_MAX) return "manyNumbers";
  const names = columns.filter(([, column]) => column.use === "custom").map(([heading, column]) => plain(column.name || heading));
  return new Set(names).size < names.length ? "sameName" : null;
}

export function mappingOf(columns: [string, Column][]): MappedColumn[] {
  return columns.map(([heading, { use, name }]) => ({
    heading,
    use,
    ...(use === "custom" && name.trim() !== "" ? { name: name.trim() } : {}),
  }));
}

/** The question of a job. */
export function requestOf(draft: Draft, columns: [string, Column][], dryRun: boolean): ImportRequest {
  const one = (key: "region" | "encoding" | "delimiter" | "sheet", text: string) => (text.trim() === "" ? {} : { [key]: text.trim() });
  return {
    upload: draft.upload ?? "",
    name: draft.name.trim(),
    dry_run: dryRun,
    ...one("region", draft.region.toUpperCase()),
    ...one("encoding", draft.encoding),
    ...one("delimiter", draft.delimiter),
    ...one("sheet", draft.sheet),
    mapping: mappingOf(columns),
    ...(draft.known === "skip" ? {} : { on_duplicate: draft.known }),
    ...(draft.everywhere ? { duplicates_in: "everywhere" as const } : {}),
  };
}

const PREFIX = "lull.import.";

export function keptDraft(campaign: string): Draft {
  try {
    const text = sessionStorage.getItem(PREFIX + campaign);
    return text === null ? EMPTY : { ...EMPTY, ...(JSON.parse(text) as Partial<Draft>) };
  } catch {
    return EMPTY;
  }
}

export function keepDraft(campaign: string, draft: Draft): void {
  try {
    sessionStorage.setItem(PREFIX + campaign, JSON.stringify(draft));
  } catch {
    // A full or forbidden storage: the page itself still has it.
  }
}

export function forgetDraft(campaign: string): void {
  try {
    sessionStorage.removeItem(PREFIX + campaign);
  } catch {
    // Nothing was kept then.
  }
}
