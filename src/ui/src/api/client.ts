// The only module that talks to the service's API over HTTP. Everything it throws is a `Problem`.

import { Problem, problemFrom, problemOf } from "./problem";
import type {
  AgentAction,
  AttemptPage,
  BoardSample,
  CampaignApplied,
  CampaignDetail,
  CampaignState,
  CampaignSummary,
  Desk,
  ErrorItem,
  GateChange,
  GroupChange,
  ImportReport,
  ListView,
  Me,
  Phone,
  SuppressionView,
  TrunkView,
} from "./types";

const BASE = "/api/v1";

/** The service's clock minus this browser's, in ms, as the last answer told; good to a second. */
let clockAhead = 0;

/** Now by the service's clock, for timers that count from its times. */
export function serviceNow(): number {
  return Date.now() + clockAhead;
}

/** Learns the service's clock from a moment it just named. */
export function learnClock(at: number): void {
  clockAhead = at - Date.now();
}

let onSignedOut: () => void = () => {};

/** Called when the service says that nobody is logged in any more. */
export function whenSignedOut(then: () => void): void {
  onSignedOut = then;
}

async function send(method: string, path: string, body?: BodyInit, type?: string): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(BASE + path, {
      method,
      credentials: "same-origin",
      headers: { accept: "application/json", ...(type ? { "content-type": type } : {}) },
      ...(body === undefined ? {} : { body }),
    });
  } catch {
    throw new Problem(0, {}, null);
  }
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (problem.code === "not_logged_in") onSignedOut();
  throw problem;
}

async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await send(
    method,
    path,
    body === undefined ? undefined : JSON.stringify(body),
    body === undefined ? undefined : "application/json",
  );
  if (response.status === 204) return undefined as T;
  const text = await response.text();
  return (text === "" ? undefined : JSON.parse(text)) as T;
}

function query(values: Record<string, string | number | boolean | null | undefined>): string {
  const pairs = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return pairs.length === 0 ? "" : "?" + new URLSearchParams(pairs.map(([k, v]) => [k, String(v)])).toString();
}

const enc = encodeURIComponent;

// ---- who is here ----

export const login = (name: string, password: string) =>
  ask<{ user: Me }>("POST", "/login", { login: name, password }).then((answer) => answer.user);
export const logout = () => ask<void>("POST", "/logout");
export const me = () => ask<Me>("GET", "/me");
export const changeMe = (change: { language?: string }) => ask<Me>("PATCH", "/me", change);

// ---- the board ----

export const boardEvents = `${BASE}/board/events`;
export const boardHistory = (since: number) => ask<BoardSample[]>("GET", `/board/history${query({ since })}`);
export const gateChanges = (group: string, limit: number) =>
  ask<GateChange[]>("GET", `/board/gate-changes${query({ group, limit })}`);
export const changeGroup = (group: string, change: GroupChange) =>
  ask<void>("PATCH", `/groups/${enc(group)}`, change);

// ---- campaigns ----

export const campaigns = () => ask<CampaignSummary[]>("GET", "/campaigns");
export const campaign = (key: string) => ask<CampaignDetail>("GET", `/campaigns/${enc(key)}`);
export const setCampaignState = (key: string, state: CampaignState) =>
  ask<void>("POST", `/campaigns/${enc(key)}/state`, { state });
export const checkCampaign = (text: string, file?: string) =>
  ask<{ ok: boolean; errors: ErrorItem[] }>("POST", "/campaigns/check", { text, file });
export const applyCampaign = (key: string, text: string, why: string) =>
  ask<CampaignApplied>("PUT", `/campaigns/${enc(key)}`, { text, why });
export const attempts = (key: string, cursor: string | null, disposition: string | null) =>
  ask<AttemptPage>("GET", `/campaigns/${enc(key)}/attempts${query({ cursor, disposition, limit: 50 })}`);
export const lists = (key: string) => ask<ListView[]>("GET", `/campaigns/${enc(key)}/lists`);

/** Sends a file of leads and tells how far it has come, 0 to 1. */
export function uploadList(
  key: string,
  file: File,
  options: { name: string; region: string; dryRun: boolean },
  onProgress: (share: number) => void,
): Promise<ImportReport> {
  const path = `/campaigns/${enc(key)}/lists${query({ name: options.name, region: options.region, dry_run: options.dryRun })}`;
  return new Promise((resolve, reject) => {
    // fetch cannot tell how much of a body has been sent.
    const request = new XMLHttpRequest();
    request.open("POST", BASE + path);
    request.setRequestHeader("content-type", "text/csv");
    request.setRequestHeader("accept", "application/json");
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    };
    request.onerror = () => reject(new Problem(0, {}, null));
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) {
        resolve(JSON.parse(request.responseText) as ImportReport);
        return;
      }
      const headers = new Headers({ "retry-after": request.getResponseHeader("retry-after") ?? "" });
      const problem = problemFrom({ status: request.status, headers }, request.responseText);
      if (problem.code === "not_logged_in") onSignedOut();
      reject(problem);
    };
    request.send(file);
  });
}

export const rejectedRows = (importId: string) => `${BASE}/imports/${enc(importId)}/rejected.csv`;

// ---- suppressions ----

export const suppressions = (number: string) => ask<SuppressionView[]>("GET", `/suppressions${query({ number })}`);
export const suppress = (entry: {
  number: string;
  region?: string;
  reason: string;
  campaign?: string;
  note: string;
}) => ask<SuppressionView>("POST", "/suppressions", entry);
export const unsuppress = (id: string, why: string) => ask<void>("DELETE", `/suppressions/${enc(id)}`, { why });

// ---- the desk ----

export const deskSignIn = (groups?: string[]) =>
  ask<{ session: string; desk: Desk }>("POST", "/desk/sign-in", groups ? { groups } : {});
export const deskAct = (session: string, action: AgentAction) => ask<void>("POST", "/desk/act", { session, action });
export const desk = () => ask<Desk>("GET", "/desk");
export const reasons = () => ask<string[]>("GET", "/settings/reasons");
export function deskSocketUrl(session: string): string {
  const url = new URL(`${BASE}/desk/socket${query({ session })}`, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

// ---- operator ----

export const trunks = () => ask<TrunkView[]>("GET", "/trunks");
export const phones = () => ask<Phone[]>("GET", "/phones");
export const reload = () => ask<{ changed: string[] }>("POST", "/reload");
