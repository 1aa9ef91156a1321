import { useCallback, useEffect, useReducer } from "react";
import { desk as askDesk, deskAct, deskSignIn, deskSocketUrl } from "../api/client";
import { asProblem } from "../api/problem";
import type { AgentAction, Desk } from "../api/types";
import { after, type DeskState } from "./deskState";

/** Waits between attempts to connect again; the last one repeats. */
const BACK_OFF_MS = [500, 1000, 2000, 4000, 8000];
const SESSION = "lull.desk-session";

export interface DeskLink {
  state: DeskState;
  signIn: (groups: string[]) => Promise<void>;
  act: (action: AgentAction) => Promise<void>;
}

/** The agent's desk on this tab: its connection, its state, and what can be done. */
export function useDesk(): DeskLink {
  const [state, tell] = useReducer(after, { at: "asking" });
  const session = state.at === "on_shift" ? state.session : null;

  const ask = useCallback(async (replaced = false) => {
    for (let failures = 0; ; failures += 1) {
      try {
        const desk = await askDesk();
        if (replaced && desk.view) tell({ type: "replaced" });
        else tell({ type: "asked", session: replaced ? null : sessionStorage.getItem(SESSION), desk });
        return;
      } catch (error) {
        if (asProblem(error).status === 401) return;
        await new Promise((resolve) => setTimeout(resolve, BACK_OFF_MS[Math.min(failures, 4)]));
      }
    }
  }, []);

  useEffect(() => void ask(), [ask]);
  useEffect(() => {
    if (session === null) return;
    return connect(session, tell, ask);
  }, [session, ask]);
  useEffect(() => {
    if (state.at === "signed_out" || state.at === "replaced") sessionStorage.removeItem(SESSION);
  }, [state.at]);

  const signIn = useCallback(async (groups: string[]) => {
    const answer = await deskSignIn(groups);
    sessionStorage.setItem(SESSION, answer.session);
    tell({ type: "signed_in", session: answer.session, desk: answer.desk });
  }, []);

  const act = useCallback(
    async (action: AgentAction) => {
      if (session === null) return;
      try {
        await deskAct(session, action);
      } catch (error) {
        const { code } = asProblem(error);
        if (code === "replaced") tell({ type: "replaced" });
        if (code === "not_signed_in") tell({ type: "signed_out" });
        throw error;
      }
      if (action.action === "sign_out") tell({ type: "signed_out" });
    },
    [session],
  );

  return { state, signIn, act };
}

type Message = ({ type: "desk" } & Pick<Desk, "view"> & Partial<Desk>) | { type: "replaced" } | { type: "logged_out" };
type Tell = (fact: Parameters<typeof after>[1]) => void;

/** Holds the socket of a session open, again and again, until told to stop. */
function connect(session: string, tell: Tell, ask: (replaced?: boolean) => Promise<void>): () => void {
  let socket: WebSocket | null = null;
  let timer = 0;
  let failures = 0;
  let ended = false;

  const open = () => {
    socket = new WebSocket(deskSocketUrl(session));
    let greeted = false;
    socket.onmessage = (event: MessageEvent<string>) => {
      const message = JSON.parse(event.data) as Message;
      if (message.type === "replaced" || message.type === "logged_out") {
        ended = true;
        socket?.close();
        // After a restart of the service nobody is on shift any more; only the API can tell that from a newer desk.
        void ask(message.type === "replaced");
      }
      if (message.type === "desk") {
        greeted = true;
        failures = 0;
        const { view, lead = null, campaign = null, customer = null } = message;
        tell({ type: "shown", desk: { view, lead, campaign, customer } });
      }
    };
    socket.onclose = () => {
      if (ended) return;
      tell({ type: "lost", now: Date.now() });
      // Refused before a word was said: the shift may have ended meanwhile, which only the API can tell.
      if (!greeted && failures >= 2) void ask();
      const wait = BACK_OFF_MS[Math.min(failures, BACK_OFF_MS.length - 1)] ?? 8000;
      failures += 1;
      // A little chance, so that all desks of a centre do not come back in the same instant.
      timer = window.setTimeout(open, wait * (0.75 + Math.random() / 2));
    };
  };

  open();
  return () => {
    ended = true;
    window.clearTimeout(timer);
    socket?.close();
  };
}
