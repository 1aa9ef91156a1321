import type { AgentResult, Campaign, Disposition } from "../api/types";

/** What an agent may record of a caller who belongs to no campaign: the dispositions themselves. */
const PLAIN: { disposition: Disposition; note_required: boolean }[] = [
  { disposition: "handled", note_required: false },
  { disposition: "wrong_person", note_required: false },
  { disposition: "disconnected", note_required: false },
  { disposition: "do_not_call", note_required: false },
  { disposition: "complaint", note_required: true },
  { disposition: "other", note_required: true },
];

/** The results to choose from; the first nine have the keys Alt+1 to Alt+9. */
export function resultsFor(campaign: Campaign | null, name: (disposition: string) => string): AgentResult[] {
  if (campaign && campaign.results.length > 0) return campaign.results;
  return PLAIN.map((one) => ({
    key: one.disposition,
    title: name(one.disposition),
    disposition: one.disposition,
    note_required: one.note_required,
  }));
}

/** The result that a key press chooses, by the key's place, so that a layout with other characters works too. */
export function resultOfKey(event: { altKey: boolean; ctrlKey: boolean; metaKey: boolean; code: string }, results: AgentResult[]): AgentResult | null {
  if (!event.altKey || event.ctrlKey || event.metaKey) return null;
  const match = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
  return match ? (results[Number(match[1]) - 1] ?? null) : null;
}
