// What the desk says about the customer of a call, put together from the lead and from all that is known of the number.

import type { AskedView, Desk, LeadNumber, LinkVisits, MessageView, OrderView, RecordingView } from "../api/types";

export interface HistoryEntry {
  at: number;
  direction: "outbound" | "inbound";
  campaign: string | null;
  /** A disposition, or how an inbound call ended; null while an attempt is on its way. */
  outcome: string | null;
  note: string;
  recording: RecordingView | null;
}

export interface About {
  name: string | null;
  number: string | null;
  zones: string[];
  /** All numbers of the person, where there are several. */
  numbers: { number: string; kind: LeadNumber["kind"] }[];
  extra: Record<string, string>;
  /** Earlier calls, latest first; the call at hand is not among them. */
  history: HistoryEntry[];
  callbackAt: number | null;
  /** When the customer asked to be called, the last time first. */
  asked: AskedView[];
  /** How often the customer opened the campaign's page by a link of their own. */
  visits: LinkVisits;
  /** SMS from and to the customer, latest first. */
  messages: MessageView[];
  /** What the customer ordered, latest first. */
  orders: OrderView[];
}

export function about(desk: Desk): About {
  const { lead, customer } = desk;
  const call = desk.view?.call ?? null;
  return {
    name: lead?.name || customer?.leads.find((one) => one.name)?.name || null,
    number: lead?.number ?? customer?.number ?? call?.number ?? null,
    zones: lead?.zones ?? [],
    numbers: (lead?.numbers ?? []).length > 1 ? (lead?.numbers ?? []) : [],
    extra: lead?.extra ?? {},
    history: historyOf(desk).filter((entry) => entry.id !== call?.call.id),
    callbackAt: lead?.callback?.at ?? null,
    asked: lead?.asked ?? [],
    visits: lead?.visits ?? { count: 0, last_at: null },
    messages: customer?.messages ?? [],
    orders: customer?.orders ?? [],
  };
}

/** Calls with a customer in both directions, latest first, with what agents said of them. */
export function historyOf({ lead, customer }: Pick<Desk, "lead" | "customer">): (HistoryEntry & { id: string })[] {
  const attempts = customer?.attempts ?? lead?.attempts ?? [];
  const results = customer?.results ?? lead?.results ?? [];
  const recorded = new Map(results.map((result) => [result.call.id, result]));
  const entries = [
    ...attempts.map((attempt) => ({
      id: attempt.id,
      at: attempt.at,
      direction: "outbound" as const,
      campaign: attempt.campaign,
      outcome: recorded.get(attempt.id)?.disposition ?? attempt.disposition,
      note: recorded.get(attempt.id)?.note ?? "",
      recording: attempt.recording,
    })),
    ...(customer?.inbound ?? []).map((call) => ({
      id: call.id,
      at: call.offered_at,
      direction: "inbound" as const,
      campaign: call.campaign,
      outcome: recorded.get(call.id)?.disposition ?? call.outcome,
      note: recorded.get(call.id)?.note ?? "",
      recording: call.recording,
    })),
  ];
  return entries.sort((a, b) => b.at - a.at);
}
