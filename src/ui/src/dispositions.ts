import type { Disposition, SuppressionReason } from "./api/types";

/** The closed set of outcomes, in the order in which they are shown. */
export const DISPOSITIONS = [
  "busy",
  "no_answer",
  "invalid_number",
  "rejected",
  "unwanted",
  "congestion",
  "trunk_failure",
  "machine",
  "fax",
  "abandoned",
  "hung_up",
  "cancelled",
  "unknown",
  "not_dialled",
  "accepted",
  "considering",
  "declined",
  "callback",
  "wrong_person",
  "agent_machine",
  "disconnected",
  "do_not_call",
  "complaint",
  "handled",
  "other",
  "not_recorded",
] as const satisfies readonly Disposition[];

export const SUPPRESSION_REASONS = ["do_not_call", "opt_out", "complaint", "court_order", "unwanted", "manual"] as const satisfies readonly SuppressionReason[];
