// Where the desk stands, as a reducer: the socket and the buttons only report facts to it.

import type { Desk } from "../api/types";

export type DeskState =
  | { at: "asking" }
  /** Not on shift on this tab; `elsewhere` when another tab or computer of the same user is. */
  | { at: "signed_out"; elsewhere: boolean }
  | { at: "on_shift"; session: string; desk: Desk; lostSince: number | null }
  | { at: "replaced" };

export type DeskFact =
  | { type: "asked"; session: string | null; desk: Desk }
  | { type: "signed_in"; session: string; desk: Desk }
  | { type: "shown"; desk: Desk }
  | { type: "lost"; now: number }
  | { type: "signed_out" }
  | { type: "replaced" };

export function after(state: DeskState, fact: DeskFact): DeskState {
  switch (fact.type) {
    case "asked": {
      if (!fact.desk.view) return { at: "signed_out", elsewhere: false };
      if (!fact.session) return { at: "signed_out", elsewhere: true };
      return { at: "on_shift", session: fact.session, desk: fact.desk, lostSince: null };
    }
    case "signed_in":
      return { at: "on_shift", session: fact.session, desk: fact.desk, lostSince: null };
    case "shown":
      return state.at === "on_shift" ? shown(state, fact.desk) : state;
    case "lost":
      return state.at === "on_shift" ? { ...state, lostSince: state.lostSince ?? fact.now } : state;
    case "signed_out":
      return { at: "signed_out", elsewhere: false };
    case "replaced":
      return { at: "replaced" };
  }
}

/** An earlier picture that arrives late is ignored, except after a lost connection, when counting may have begun anew. */
function shown(state: Extract<DeskState, { at: "on_shift" }>, desk: Desk): DeskState {
  const known = state.desk.view;
  // Right after the sign-in the picture may not have been painted yet.
  if (desk.view === null && known === null) return { ...state, lostSince: null };
  if (desk.view === null) return { at: "signed_out", elsewhere: false };
  if (state.lostSince === null && known && desk.view.revision < known.revision) return state;
  return { ...state, desk, lostSince: null };
}
