// The only module that talks to the service's API over HTTP. Everything it throws is a `Problem`.

import createClient from "openapi-fetch";
import { Problem, problemOf } from "./problem";
import type { Behind } from "../campaigns/behind";
import type { paths } from "./schema";
import type {
  AgentAction,
  Breakdown,
  CallbackDeed,
  CampaignState,
  Desk,
  ExportRequest,
  FunnelStage,
  GroupChange,
  LimitChange,
  ImportRequest,
  MappedColumn,
  MessageRequest,
  NewKey,
  NewWebhook,
  OrderChangeRequest,
  OrderState,
  Reading,
  SuppressionRequest,
  Told,
  WebhookChange,
  WhatifQuestion,
} from "./types";

const BASE = "/api/v1";

/** The service's clock minus this browser's, in ms. */
let clockAhead = 0;

/** Now by the service's clock, for timers that count from its times. */
export function serviceNow(): number {
  return Date.now() + clockAhead;
}

/** Learns the service's clock from a moment it just named. */
export function learnClock(at: number): void {
  clockAhead = at - Date.now();
}

/** The date of an answer is cut to seconds: it corrects only clocks that are plainly wrong. */
function learnDate(header: string | null): void {
  const at = header === null ? Number.NaN : Date.parse(header);
  if (Math.abs(at + 500 - serviceNow()) > 2000) learnClock(at + 500);
}

let onSignedOut: () => void = () => {};

/** Called when the service says that nobody is logged in any more. */
export function whenSignedOut(then: () => void): void {
  onSignedOut = then;
}

const api = createClient<paths>({ credentials: "same-origin" });

/** What the service answered, or the problem it told of. */
async function told<T>(asked: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<Told<T>> {
  let answer: { data?: T; error?: unknown; response: Response };
  try {
    answer = await asked;
  } catch {
    throw new Problem(0, {}, null);
  }
  learnDate(answer.response.headers.get("date"));
  if (answer.response.ok) return answer.data as Told<T>;
  const problem = problemOf(answer.response, answer.error);
  if (problem.code === "not_logged_in") onSignedOut();
  throw problem;
}

// ---- who is here ----

export const login = async (name: string, password: string) =>
  (await told(api.POST("/api/v1/login", { body: { login: name, password } }))).user;
export const logout = () => told(api.POST("/api/v1/logout"));
export const me = () => told(api.GET("/api/v1/me"));
export const chooseMyLanguage = (language: string) => told(api.PATCH("/api/v1/me", { body: { language } }));

// ---- the board ----

export const boardEvents = `${BASE}/board/events`;
export const boardHistory = (since: number) => told(api.GET("/api/v1/board/history", { params: { query: { since } } }));
export const gateChanges = (group: string, limit: number) =>
  told(api.GET("/api/v1/board/gate-changes", { params: { query: { group, limit } } }));
export const campaignLimits = (key: string) => told(api.GET("/api/v1/campaigns/{key}/limits", { params: { path: { key } } }));
export const changeLimits = (key: string, change: LimitChange) =>
  told(api.PATCH("/api/v1/campaigns/{key}/limits", { params: { path: { key } }, body: change }));
export const changeGroup = (name: string, change: GroupChange) =>
  told(api.PATCH("/api/v1/groups/{name}", { params: { path: { name } }, body: change }));

export const group = (name: string) => told(api.GET("/api/v1/groups/{name}", { params: { path: { name } } }));
export const groupChanges = (name: string) => told(api.GET("/api/v1/groups/{name}/changes", { params: { path: { name } } }));

// ---- campaigns ----

export const campaignChanges = (key: string) => told(api.GET("/api/v1/campaigns/{key}/changes", { params: { path: { key } } }));

export const campaigns = () => told(api.GET("/api/v1/campaigns"));
export const campaign = (key: string) => told(api.GET("/api/v1/campaigns/{key}", { params: { path: { key } } }));
export const setCampaignState = (key: string, state: Exclude<CampaignState, "ready">) =>
  told(api.POST("/api/v1/campaigns/{key}/state", { params: { path: { key } }, body: { state } }));
export const checkCampaign = (text: string, file: string) =>
  told(api.POST("/api/v1/campaigns/check", { body: { text, file } }));
export const compareRevisions = (key: string, from: number, to: number) =>
  told(api.GET("/api/v1/campaigns/{key}/compare", { params: { path: { key }, query: { from, to } } }));
export const applyCampaign = (key: string, text: string, why: string) =>
  told(api.PUT("/api/v1/campaigns/{key}", { params: { path: { key } }, body: { text, why } }));
export const attempts = (key: string, cursor: string | null, behind: Behind) =>
  told(
    api.GET("/api/v1/campaigns/{key}/attempts", {
      params: { path: { key }, query: { limit: 50, ...behind, ...(cursor ? { cursor } : {}) } },
    }),
  );
/** Results of the last so many days, today among them; of all without a number. */
export const results = (key: string, days: number | null, by: Breakdown) =>
  told(
    api.GET("/api/v1/campaigns/{key}/results", {
      params: { path: { key }, query: { by, ...(days === null ? {} : { days }) } },
    }),
  );
type SearchQuery = NonNullable<paths["/api/v1/campaigns/{key}/search"]["get"]["parameters"]["query"]>;
export const searchResults = (key: string, query: SearchQuery) =>
  told(api.GET("/api/v1/campaigns/{key}/search", { params: { path: { key }, query } }));
/** Where the audio of a call's recording is, for a player. */
export const recordingAudio = (call: string) => `${BASE}/recordings/${encodeURIComponent(call)}/audio`;
/** Asks for one byte of it: a player only knows that something went wrong, and this says what. */
export const askForAudio = (call: string) =>
  told(api.GET("/api/v1/recordings/{id}/audio", { params: { path: { id: call }, header: { Range: "bytes=0-0" } }, parseAs: "text" }));
export const decisions = (key: string, from: number, cursor: string | null) =>
  told(
    api.GET("/api/v1/campaigns/{key}/decisions", {
      params: { path: { key }, query: { from, limit: 1000, ...(cursor ? { cursor } : {}) } },
    }),
  );
export const whatif = (key: string) =>
  told(api.GET("/api/v1/campaigns/{key}/whatif", { params: { path: { key } } }));
export const askWhatif = (key: string, question: WhatifQuestion) =>
  told(api.POST("/api/v1/campaigns/{key}/whatif", { params: { path: { key } }, body: question }));
export const cancelWhatif = (key: string) =>
  told(api.DELETE("/api/v1/campaigns/{key}/whatif", { params: { path: { key } } }));
export const landing = (key: string) => told(api.GET("/api/v1/campaigns/{key}/landing", { params: { path: { key } } }));
export const lists = (key: string) => told(api.GET("/api/v1/campaigns/{key}/lists", { params: { path: { key } } }));

// ---- files on their way in ----

export const uploads = () => told(api.GET("/api/v1/uploads"));
export const addUpload = (name: string, length: number) => told(api.POST("/api/v1/uploads", { body: { name, length } }));
export const upload = (id: string) => told(api.GET("/api/v1/uploads/{id}", { params: { path: { id } } }));
export const removeUpload = (id: string) => told(api.DELETE("/api/v1/uploads/{id}", { params: { path: { id } } }));
/** Sends the next piece of a file, which goes on at `offset`. */
export const sendPiece = (id: string, offset: number, piece: Blob) =>
  told(
    api.PATCH("/api/v1/uploads/{id}", {
      params: { path: { id }, header: { "Upload-Offset": offset } },
      headers: { "content-type": "application/offset+octet-stream" },
      body: piece as unknown as string,
      bodySerializer: (body) => body as unknown as Blob,
    }),
  );
export const previewUpload = (id: string, query: { region?: string; encoding?: string; delimiter?: string; sheet?: string }) =>
  told(api.GET("/api/v1/uploads/{id}/preview", { params: { path: { id }, query } }));

export const importJobs = (key: string) => told(api.GET("/api/v1/campaigns/{key}/import-jobs", { params: { path: { key } } }));
/** A name for a request, so that it can be sent again where its answer got lost. */
export const requestKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
export const addImportJob = (key: string, request: ImportRequest, named: string) =>
  told(
    api.POST("/api/v1/campaigns/{key}/import-jobs", {
      params: { path: { key }, header: { "Idempotency-Key": named } },
      body: request,
    }),
  );
export const importJob = (id: string) => told(api.GET("/api/v1/import-jobs/{id}", { params: { path: { id } } }));
export const importJobEvents = (id: string) => `${BASE}/import-jobs/${encodeURIComponent(id)}/events`;
export const cancelImportJob = (id: string) =>
  told(api.POST("/api/v1/import-jobs/{id}/cancel", { params: { path: { id } } }));
export const resumeImportJob = (id: string) =>
  told(api.POST("/api/v1/import-jobs/{id}/resume", { params: { path: { id } } }));
export const undoOutlook = (id: string) => told(api.GET("/api/v1/imports/{id}/undo", { params: { path: { id } } }));
export const undoImport = (id: string) => told(api.POST("/api/v1/imports/{id}/undo", { params: { path: { id } } }));

export const templates = () => told(api.GET("/api/v1/list-templates"));
export const saveTemplate = (name: string, columns: MappedColumn[]) =>
  told(api.PUT("/api/v1/list-templates/{name}", { params: { path: { name } }, body: { columns } }));
export const removeTemplate = (name: string) =>
  told(api.DELETE("/api/v1/list-templates/{name}", { params: { path: { name } } }));

export const rejectedRows = (importId: string) => `${BASE}/imports/${encodeURIComponent(importId)}/rejected.csv`;

// ---- SMS ----

export const gateways = () => told(api.GET("/api/v1/gateways"));
export const messages = (number: string) => told(api.GET("/api/v1/messages", { params: { query: { number } } }));
export const countMessage = (text: string) => told(api.POST("/api/v1/messages/count", { body: { text } }));
export const sendMessage = (message: MessageRequest, named: string) =>
  told(api.POST("/api/v1/messages", { params: { header: { "Idempotency-Key": named } }, body: message }));

const outreach = (key: string, name: string) => ({ params: { path: { key, name } } });
type RecipientFilter = NonNullable<paths["/api/v1/campaigns/{key}/outreaches/{name}/recipients"]["get"]["parameters"]["query"]>;
export const outreaches = (key: string) => told(api.GET("/api/v1/campaigns/{key}/outreaches", { params: { path: { key } } }));
export const outreachAudience = (key: string, name: string) => told(api.GET("/api/v1/campaigns/{key}/outreaches/{name}/audience", outreach(key, name)));
export const startOutreach = (key: string, name: string) => told(api.POST("/api/v1/campaigns/{key}/outreaches/{name}/start", { ...outreach(key, name), body: {} }));
export const pauseOutreach = (key: string, name: string) => told(api.POST("/api/v1/campaigns/{key}/outreaches/{name}/pause", outreach(key, name)));
export const testOutreach = (key: string, name: string, body: { numbers: string[]; variant?: string }) =>
  told(api.POST("/api/v1/campaigns/{key}/outreaches/{name}/test", { ...outreach(key, name), body }));
export const outreachRecipients = (key: string, name: string, query: RecipientFilter) =>
  told(api.GET("/api/v1/campaigns/{key}/outreaches/{name}/recipients", { params: { path: { key, name }, query } }));

/** A customer's consents as a file of evidence. */
export const consentEvidence = (number: string) => `${BASE}/consents/evidence?number=${encodeURIComponent(number)}`;

// ---- promised calls ----

type CallbackFilter = NonNullable<paths["/api/v1/callbacks"]["get"]["parameters"]["query"]>;
export const callbacks = (query: CallbackFilter) => told(api.GET("/api/v1/callbacks", { params: { query } }));
export const changeCallbacks = (callbacks: { lead: string; at: number }[], change: CallbackDeed) =>
  told(api.POST("/api/v1/callbacks/change", { body: { callbacks, change } }));
export const deskCallbacks = () => told(api.GET("/api/v1/desk/callbacks"));

// ---- customers who asked to be called ----

type PromiseFilter = NonNullable<paths["/api/v1/promises"]["get"]["parameters"]["query"]>;
export const promises = (query: PromiseFilter) => told(api.GET("/api/v1/promises", { params: { query } }));
export const promiseCounts = () => told(api.GET("/api/v1/promises/counts"));
export const promiseReport = (query: { campaign: string | undefined; days: number }) =>
  told(api.GET("/api/v1/promises/report", { params: { query } }));
/** The same as a CSV file. */
export const promiseReportFile = (campaign: string | undefined, days: number) =>
  `${BASE}/promises/report/file?days=${days}${campaign ? `&campaign=${encodeURIComponent(campaign)}` : ""}`;
// ---- orders ----

type OrderFilter = NonNullable<paths["/api/v1/orders"]["get"]["parameters"]["query"]>;
export const orders = (query: OrderFilter) => told(api.GET("/api/v1/orders", { params: { query } }));
export const orderCounts = (campaign: string | undefined) =>
  told(api.GET("/api/v1/orders/counts", { params: { query: campaign === undefined ? {} : { campaign } } }));
export const order = (order: string) => told(api.GET("/api/v1/orders/{order}", { params: { path: { order } } }));
export const changeOrder = (order: string, body: OrderChangeRequest) =>
  told(api.PATCH("/api/v1/orders/{order}", { params: { path: { order } }, body: body as Required<OrderChangeRequest> }));
export const findOrders = (find: string) => told(api.GET("/api/v1/desk/orders", { params: { query: { find } } }));
/** Takes a carrier's delivery file in, or only checks it. */
export const importOrders = (file: File, dry_run: boolean) =>
  told(
    api.POST("/api/v1/orders/import", {
      params: { query: { name: file.name, dry_run } },
      headers: { "content-type": file.name.toLowerCase().endsWith(".xlsx") ? XLSX : "text/csv" },
      body: file as unknown as string,
      bodySerializer: (body) => body as unknown as Blob,
    }),
  );
const XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
/** Excel needs the mark to read Chinese. */
export const ordersFile = (campaign: string | undefined, state: OrderState | undefined) => {
  const query = new URLSearchParams({ bom: "true", ...(campaign === undefined ? {} : { campaign }), ...(state === undefined ? {} : { state }) });
  return `${BASE}/orders/file?${query.toString()}`;
};

// ---- the funnel ----

export const funnel = (key: string, by: string) =>
  told(api.GET("/api/v1/campaigns/{key}/funnel", { params: { path: { key }, query: by === "" ? {} : { by } } }));
export const funnelLeads = (key: string, stage: FunnelStage, query: { by?: string; part?: string; cursor?: string }) =>
  told(api.GET("/api/v1/campaigns/{key}/funnel/{stage}", { params: { path: { key, stage }, query } }));
export const funnelFile = (key: string, by: string) =>
  `${BASE}/campaigns/${encodeURIComponent(key)}/funnel?${new URLSearchParams({ format: "csv", ...(by === "" ? {} : { by }) }).toString()}`;

/** Messages that a person is to read, the one that waits longest first. */
export const reviews = (query: { limit: number }) => told(api.GET("/api/v1/reviews", { params: { query } }));
/** Says what a message means, for the campaign where it is needed. */
export const decideReview = (message: string, decision: Reading, campaign: string | null) =>
  told(api.POST("/api/v1/reviews/{message}", { params: { path: { message } }, body: { decision, ...(campaign === null ? {} : { campaign }) } }));

// ---- people ----

export const users = () => told(api.GET("/api/v1/users"));

// ---- files ----

export const exports = () => told(api.GET("/api/v1/exports"));
export const exportEvents = `${BASE}/exports/events`;
export const askExport = (body: ExportRequest) => told(api.POST("/api/v1/exports", { body }));
export const removeExport = (id: string) => told(api.DELETE("/api/v1/exports/{id}", { params: { path: { id } } }));
export const restartExport = (id: string) => told(api.POST("/api/v1/exports/{id}/restart", { params: { path: { id } } }));
export const exportFile = (id: string) => `${BASE}/exports/${encodeURIComponent(id)}/file`;

// ---- other systems ----

type DeliveryQuery = NonNullable<paths["/api/v1/webhooks/{id}/deliveries"]["get"]["parameters"]["query"]>;
const byId = (id: string) => ({ params: { path: { id } } });
export const webhooks = () => told(api.GET("/api/v1/webhooks"));
export const addWebhook = (body: NewWebhook) => told(api.POST("/api/v1/webhooks", { body }));
export const changeWebhook = (id: string, body: WebhookChange) => told(api.PATCH("/api/v1/webhooks/{id}", { ...byId(id), body }));
export const removeWebhook = (id: string) => told(api.DELETE("/api/v1/webhooks/{id}", byId(id)));
export const testWebhook = (id: string) => told(api.POST("/api/v1/webhooks/{id}/test", byId(id)));
export const rotateWebhook = (id: string, keep_h: number) =>
  told(api.POST("/api/v1/webhooks/{id}/rotate", { ...byId(id), body: { keep_h } }));
export const enableWebhook = (id: string) => told(api.POST("/api/v1/webhooks/{id}/enable", byId(id)));
export const disableWebhook = (id: string, why: string) =>
  told(api.POST("/api/v1/webhooks/{id}/disable", { ...byId(id), body: { why } }));
export const deliveries = (id: string, query: DeliveryQuery) =>
  told(api.GET("/api/v1/webhooks/{id}/deliveries", { params: { path: { id }, query } }));
export const tries = (id: string, event: string) =>
  told(api.GET("/api/v1/webhooks/{id}/log", { params: { path: { id }, query: { event } } }));
/** Sends one event again, or all that failed. */
export const resendWebhook = (id: string, event: string | null) =>
  told(api.POST("/api/v1/webhooks/{id}/resend", { ...byId(id), body: { event } }));
export const keys = () => told(api.GET("/api/v1/keys"));
export const addKey = (body: NewKey) => told(api.POST("/api/v1/keys", { body }));
export const revokeKey = (id: string) => told(api.DELETE("/api/v1/keys/{id}", byId(id)));

// ---- suppressions ----

export const suppressions = (number: string) => told(api.GET("/api/v1/suppressions", { params: { query: { number } } }));
export const suppress = (entry: SuppressionRequest) => told(api.POST("/api/v1/suppressions", { body: entry }));
export const unsuppress = (id: string, why: string) =>
  told(api.DELETE("/api/v1/suppressions/{id}", { params: { path: { id } }, body: { why } }));

/** All there is about a number. */
export const customer = (number: string) => told(api.GET("/api/v1/customers", { params: { query: { number } } }));

// ---- the desk ----

export const deskSignIn = async (groups: string[]) => {
  const answer = await told(api.POST("/api/v1/desk/sign-in", { body: { groups } }));
  return { session: answer.session, desk: answer.desk as unknown as Desk };
};
export const deskAct = (session: string, action: AgentAction) =>
  told(api.POST("/api/v1/desk/act", { body: { session, action } }));
export const desk = async () => (await told(api.GET("/api/v1/desk"))) as unknown as Desk;
export const reasons = () => told(api.GET("/api/v1/settings/reasons"));
export function deskSocketUrl(session: string): string {
  const url = new URL(`${BASE}/desk/socket?session=${encodeURIComponent(session)}`, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

// ---- operator ----

export const trunks = () => told(api.GET("/api/v1/trunks"));
export const phones = () => told(api.GET("/api/v1/phones"));
export const reload = () => told(api.POST("/api/v1/reload"));
