// What an agent has typed about a call and not yet recorded. Kept in this tab until the result is durable, so that
// a reload, a lost connection or a refused result loses nothing.

import type { DeskCall } from "../api/types";

export interface Draft {
  answers: Record<string, string>;
  note: string;
  /** Key of the chosen result. */
  result: string | null;
  /** Agreed time as the customer's clock shows it, `2026-11-22T15:30`. */
  callbackAt: string;
  /** The callback is for this agent only. */
  callbackMine: boolean;
  /** What the customer orders. */
  order: OrderDraft;
}

export interface OrderDraft {
  /** By the names of items: only those that the agent changed. */
  quantities: Record<string, number>;
  recipient: string;
  address: string;
  note: string;
}

export type DraftChange =
  | { type: "answered"; key: string; value: string }
  | { type: "noted"; note: string }
  | { type: "chosen"; result: string }
  | { type: "agreed"; at: string }
  | { type: "mine"; mine: boolean }
  | { type: "ordered"; order: OrderDraft }
  | { type: "opened"; draft: Draft };

export const NOTHING_ORDERED: OrderDraft = { quantities: {}, recipient: "", address: "", note: "" };
export const EMPTY: Draft = { answers: {}, note: "", result: null, callbackAt: "", callbackMine: false, order: NOTHING_ORDERED };

export function changed(draft: Draft, change: DraftChange): Draft {
  switch (change.type) {
    case "answered":
      return { ...draft, answers: { ...draft.answers, [change.key]: change.value } };
    case "noted":
      return { ...draft, note: change.note };
    case "chosen":
      return { ...draft, result: change.result };
    case "agreed":
      return { ...draft, callbackAt: change.at };
    case "mine":
      return { ...draft, callbackMine: change.mine };
    case "ordered":
      return { ...draft, order: change.order };
    case "opened":
      return change.draft;
  }
}

export function isEmpty(draft: Draft): boolean {
  return (
    draft.note.trim() === "" && draft.callbackAt === "" && draft.order.address.trim() === "" && Object.values(draft.answers).every((value) => value === "")
  );
}

const PREFIX = "lull.draft.";

export function keptDraft(call: string): Draft {
  try {
    const text = sessionStorage.getItem(PREFIX + call);
    return text === null ? EMPTY : readDraft(JSON.parse(text));
  } catch {
    return EMPTY;
  }
}

/** Where what is typed about a lead before it is called is kept. */
export function leadKey(lead: string): string {
  return `before.${lead}`;
}

/** What was typed about a call, or about its lead before it was called. */
export function draftOf(call: DeskCall): Draft {
  const own = keptDraft(call.call.id);
  return isEmpty(own) && call.lead !== null ? keptDraft(leadKey(call.lead)) : own;
}

export function keepDraft(call: string, draft: Draft): void {
  try {
    sessionStorage.setItem(PREFIX + call, JSON.stringify(draft));
  } catch {
    // No room or no permission: the draft still lives in memory.
  }
}

export function dropDraft(call: string): void {
  sessionStorage.removeItem(PREFIX + call);
}

/** Takes what fits of an older or damaged draft. */
function readDraft(value: unknown): Draft {
  if (typeof value !== "object" || value === null) return EMPTY;
  const kept = value as Partial<Record<keyof Draft, unknown>>;
  const answers: Record<string, string> = {};
  if (typeof kept.answers === "object" && kept.answers !== null) {
    for (const [key, answer] of Object.entries(kept.answers)) if (typeof answer === "string") answers[key] = answer;
  }
  return {
    answers,
    note: typeof kept.note === "string" ? kept.note : "",
    result: typeof kept.result === "string" ? kept.result : null,
    callbackAt: typeof kept.callbackAt === "string" ? kept.callbackAt : "",
    callbackMine: kept.callbackMine === true,
    order: readOrder(kept.order),
  };
}

function readOrder(value: unknown): OrderDraft {
  if (typeof value !== "object" || value === null) return NOTHING_ORDERED;
  const kept = value as Partial<Record<keyof OrderDraft, unknown>>;
  const text = (one: unknown) => (typeof one === "string" ? one : "");
  const quantities: Record<string, number> = {};
  if (typeof kept.quantities === "object" && kept.quantities !== null) {
    for (const [name, quantity] of Object.entries(kept.quantities)) if (typeof quantity === "number") quantities[name] = quantity;
  }
  return { quantities, recipient: text(kept.recipient), address: text(kept.address), note: text(kept.note) };
}
