// A stand-in for the service, for working on the pages: fixed data, moving a little. Not part of the product.
// `npm run build && npm run mock`, then http://127.0.0.1:8099 with the login `manager`, `marketing`, `operator` or
// `agent` and any password but `wrong`.

import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL("..", import.meta.url));
const read = (name) => JSON.parse(readFileSync(join(HERE, "src/test", `${name}.json`), "utf8"));
const KINDS = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };

const base = read("snapshot");
const campaign = read("campaign");
const deskFixture = read("desk");
const empty = process.env.MOCK_EMPTY === "1";
let role = process.env.MOCK_ROLE ?? null;
let onShift = process.env.MOCK_CALL ?? null;
let recorded = false;
const tries = { wrong: 0 };

/** All times of a fixture moved so that its `now` is now. */
function moved(value, by) {
  if (Array.isArray(value)) return value.map((one) => moved(one, by));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, moved(one, by)]));
  }
  return typeof value === "number" && value > 1e12 ? value + by : value;
}
const started = Date.now();
const fresh = (value) => moved(value, started - base.at);

const idlenessAt = (at) => Math.min(1, Math.max(0, 0.5 + 0.35 * Math.sin(at / 20000) + 0.05 * Math.sin(at / 1700)));

function snapshot() {
  const now = Date.now();
  const shown = fresh(base);
  shown.at = now;
  const group = shown.groups[0];
  group.idleness = idlenessAt(now);
  group.gate_open = group.idleness > 0.4;
  if (empty) return { ...shown, campaigns: [], agents: [], queues: [], trunks: [], groups: [{ ...group, agents: {} }] };
  return shown;
}

function history(since) {
  const samples = [];
  for (let at = Math.max(since, Date.now() - 30 * 60_000); at < Date.now(); at += 2000) {
    const idleness = idlenessAt(at);
    samples.push({
      at,
      groups: { blend: { idleness, idle_threshold: 0.4, gate_open: idleness > 0.4, slots: 4, staffed: 8, inbound_busy: 3, outbound_busy: 3, waiting: 0, ringing: 2 } },
    });
  }
  return samples;
}

function desk() {
  if (!onShift) return { view: null, lead: null, campaign: null, customer: null };
  const shown = fresh(deskFixture);
  if (onShift === "inbound") {
    shown.view.call.call = { direction: "inbound", id: "inb_0000000000099" };
    shown.view.call.waited_ms = 3400;
  }
  if (onShift === "ready" || onShift === "not_ready" || onShift === "connecting") {
    return { view: { ...shown.view, call: null, state: onShift, reason: onShift === "not_ready" ? "lunch" : undefined, phone_up: onShift !== "connecting" }, lead: null, campaign: null, customer: null };
  }
  if (onShift === "previewing") {
    const preview = { lead: shown.lead.id, campaign: shown.campaign.key, number: shown.lead.number, until: started + 90_000, on_time_out: "return", skips_left: 2 };
    shown.campaign.pacing = { mode: "preview", time_limit_s: 90, on_time_out: "return", skips_max: 2, skip_reasons: ["wrong-time", "wrong-data", "spoken-lately", "other"], skipped_rest_s: 3600 };
    return { ...shown, view: { ...shown.view, state: "previewing", call: null, preview, until: preview.until } };
  }
  if (onShift === "wrap_up") Object.assign(shown.view, { state: "wrap_up", until: started + 40_000 });
  shown.view.call.recorded = recorded;
  return shown;
}

let upload = { id: "upl_1", name: "", length: 0, offset: 0, created_at: 0 };
let job = null;

/** A list on its way in: whatever is sent has the same columns, and every job takes six looks to be done. */
function imports(method, path, body) {
  if (path === "/uploads" && method === "POST") {
    upload = { ...upload, ...body, offset: 0, created_at: Date.now() };
    return { status: 201, body: upload };
  }
  if (path === "/uploads/upl_1/preview") {
    const columns = [["手机", "number"], ["姓名", "name"], ["城市", "custom"]].map(([heading, use]) => ({ heading, use }));
    const rows = [["13800138000", "王芳", "上海"], ["1.38E+10", "李雷", "北京"]].map((cells, place) => ({ line: place + 2, cells }));
    return { body: { encoding: "gb18030", delimiter: ",", sheets: [], columns, rows, fault: null, template: null } };
  }
  if (path === "/uploads/upl_1") {
    if (method === "PATCH") upload.offset = upload.length;
    return method === "GET" ? { body: upload } : { status: 204 };
  }
  if (path === "/uploads") return { body: upload.created_at ? [upload] : [] };
  if (path === "/list-templates") return { body: [] };
  if (/^\/campaigns\/[^/]+\/import-jobs$/.test(path)) {
    if (method === "GET") return { body: job ? [job] : [] };
    job = { id: `job_${Date.now()}`, campaign: path.split("/")[2], file: upload.name, request: body, state: "running", progress: { stage: "reading", rows_read: 0, rows_merged: 0, bytes_read: 0, bytes_total: 100 }, import: null, list: null, report: null, problem: null, created_by: "maria", created_at: Date.now(), started_at: Date.now(), ended_at: null };
    return { status: 202, body: job };
  }
  if (/^\/import-jobs\/[^/]+(\/cancel|\/resume)?$/.test(path) && job) {
    const told = path.split("/")[3];
    if (told) job.state = told === "cancel" ? "cancelled" : "running";
    const seen = job.progress;
    if (job.state === "running" && seen.rows_merged < 300) {
      if (seen.rows_read < 300) Object.assign(seen, { rows_read: seen.rows_read + 100, bytes_read: seen.bytes_read + 33 });
      else Object.assign(seen, { stage: "merging", rows_merged: seen.rows_merged + 100 });
    } else if (job.state === "running") {
      const counts = { rows: 300, accepted: 280, updated: 5, duplicate: 5, suppressed: 2, invalid: 8, left: 0, without_zone: 1, no_window: 4, resumed: false };
      const id = job.request.dry_run ? "imp_2" : "imp_1";
      const report = { ...counts, id, list: null, dry_run: job.request.dry_run, rejected: { number_rounded: 8, duplicate_in_file: 5, suppressed: 2 }, rejected_file: `/api/v1/imports/${id}/rejected.csv` };
      Object.assign(job, { state: "done", report, import: job.request.dry_run ? null : "imp_1", ended_at: Date.now() });
    }
    return { body: job };
  }
  if (path === "/imports/imp_1/undo") {
    const would = { removed: 270, given_up: 10, restored: 5 };
    return { body: method === "POST" ? would : { import: "imp_1", state: "done", until: Date.now() + 3_600_000, possible: true, ...would } };
  }
  return null;
}

const problem = (status, code, detail, errors = [], more = {}) => ({ status, body: { type: `urn:lull:problem:${code}`, title: code, status, detail, code, instance: "req_1", errors, ...more } });

function answer(method, path, query, body) {
  const me = { id: "user_0000000000004", login: role, name: role === "agent" ? "Liu Yang" : "Maria", role, language: process.env.MOCK_LANGUAGE ?? "en", groups: role === "agent" ? ["blend", "retention"] : [], device: role === "agent" ? { phone: "agent-4", leg: "nailed_up" } : null };
  if (path === "/login") {
    if (body.password === "wrong") {
      tries.wrong += 1;
      return tries.wrong > 2 ? { ...problem(429, "throttled", "too many tries"), headers: { "retry-after": "20" } } : problem(401, "bad_credentials", "login or password is wrong");
    }
    role = body.login;
    return { body: { user: { ...me, login: role, role } } };
  }
  if (!role) return problem(401, "not_logged_in", "log in first");
  if (path === "/logout") {
    role = null;
    return { status: 204 };
  }
  if (path === "/me") return { body: me };
  if (path === "/board/history") return { body: history(Number(query.get("since") ?? 0)) };
  if (path === "/board/gate-changes") return { body: fresh([{ group: "blend", at: base.at - 30000, open: true, idleness: 0.46, idle_threshold: 0.4, agents: 8, inbound_busy: 3, waiting: 0, slots: 4 }, { group: "blend", at: base.at - 90000, open: false, idleness: 0.29, idle_threshold: 0.4, agents: 8, inbound_busy: 6, waiting: 1, slots: 0 }]) };
  if (path === "/campaigns") {
    const rows = empty ? [] : snapshot().campaigns.map((view) => ({ key: view.campaign, title: view.title, state: view.state, group: view.group, revision: 3, leads: campaign.leads, today: view.today, view }));
    return { body: rows };
  }
  if (path === "/campaigns/check") return { body: { ok: false, campaign: null, errors: [{ code: "unknown_key", detail: "unknown key `ring_timout_s`; did you mean `ring_timeout_s`?", line: 6, column: 1, value: "ring_timout_s", expected: "ring_timeout_s" }, { code: "range", detail: "the share is above 1", line: 7, column: 20, value: "3", expected: "0 to 1" }] } };
  if (/^\/campaigns\/[^/]+\/attempts$/.test(path)) return { body: { items: fresh(deskFixture.customer.attempts), next_cursor: null } };
  if (/^\/campaigns\/[^/]+\/decisions$/.test(path)) {
    const limits = ["agents_held", "price", "gate_closed"];
    const row = (n) => ({ campaign: "spring-offer", at: base.at - n * 1000, placed: n % 4, limit: limits[Math.floor(n / 20) % 3], idle: 5, idle_with_slot: n % 5, slots: 6, pending: 4 + (n % 7), abandons_left: 3, refusals: {}, forecast: null });
    return { body: { items: empty ? [] : fresh(Array.from({ length: 90 }, (_, n) => row(n))), next_cursor: null } };
  }
  if (/^\/campaigns\/[^/]+\/lists$/.test(path)) {
    return { body: fresh([{ id: "list_1", name: "march-replies", import: "imp_1", state: "done", created_by: "maria", created_at: base.at, rows: 2100, accepted: 2000, duplicate: 60, suppressed: 25, invalid: 15, left: 0, rejected_file: "x", undo_until: Date.now() + 3_600_000 }]) };
  }
  const arriving = imports(method, path, body);
  if (arriving) return arriving;
  if (/^\/campaigns\/[^/]+\/state$/.test(path)) {
    const key = path.split("/")[2];
    base.campaigns.find((one) => one.campaign === key).state = body.state;
    return { status: 204 };
  }
  if (/^\/campaigns\/[^/]+$/.test(path)) return { body: fresh(campaign) };
  if (/^\/groups\//.test(path)) {
    Object.assign(base.groups[0], body);
    return { status: 204 };
  }
  if (path === "/suppressions" && method === "GET") return { body: fresh([{ id: "sup_1", number: "+8613800138000", campaign: null, reason: "opt_out", source: "agent", note: "asked by SMS", added_by: "maria", added_at: base.at - 86400000, expires_at: null, lifted_by: null, lifted_at: null, lifted_why: null }]) };
  if (path === "/suppressions") return { status: 201, body: { id: "sup_2", number: body.number, campaign: null, reason: body.reason, source: "page", note: body.note, added_by: "maria", added_at: Date.now(), expires_at: null, lifted_by: null, lifted_at: null, lifted_why: null } };
  if (path === "/desk") return { body: desk() };
  if (path === "/desk/sign-in") {
    onShift = "ready";
    return { body: { session: "ses_0000000000001", desk: desk() } };
  }
  if (path === "/desk/act") {
    const { action } = body;
    if (action.action === "record") {
      if (action.outcome.callback) return problem(409, "callback_outside_window", "the customer may not be called at that time", [], { next: Math.ceil(Date.now() / 3600000) * 3600000 + 7200000 });
      if (!action.outcome.answers.monthly_fee) return problem(422, "bad_answer", "question `monthly_fee`: an answer is required", [{ pointer: "/action/outcome/answers/monthly_fee", code: "bad_answer", detail: "an answer is required" }]);
      recorded = true;
    }
    if (action.action === "start_call") onShift = "talking";
    if (action.action === "skip_lead") onShift = "previewing";
    if (action.action === "hang_up") onShift = "wrap_up";
    if (action.action === "ready") onShift = "ready";
    if (action.action === "not_ready") onShift = "not_ready";
    if (action.action === "sign_out") onShift = null;
    return { status: 204 };
  }
  if (path === "/settings/reasons") return { body: ["break", "lunch", "training", "other"] };
  if (path === "/trunks") return { body: base.trunks };
  if (path === "/phones") return { body: fresh([{ phone: "agent-4", address: "192.0.2.14:5060", registered_until: base.at + 600000 }, { phone: "agent-5", address: null, registered_until: null }]) };
  if (path === "/reload") return { body: { changed: ["trunk carrier-a", "group blend"] } };
  return problem(404, "not_found", `there is no address ${path}`);
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, "http://localhost");
  if (url.pathname.startsWith("/api/v1/")) {
    const path = url.pathname.slice("/api/v1".length);
    if (path === "/board/events") {
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
      const send = () => response.write(`event: snapshot\ndata: ${JSON.stringify(snapshot())}\n\n`);
      send();
      const timer = setInterval(send, 1000);
      request.on("close", () => clearInterval(timer));
      return;
    }
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const json = request.headers["content-type"]?.includes("json") ? JSON.parse(text || "{}") : text;
    const { status = 200, body, headers = {} } = answer(request.method, path, url.searchParams, json);
    response.writeHead(status, { "content-type": status < 400 ? "application/json" : "application/problem+json", ...headers });
    response.end(body === undefined ? undefined : JSON.stringify(body));
    return;
  }
  const nonce = randomBytes(8).toString("hex");
  const file = extname(url.pathname) ? url.pathname : "/index.html";
  try {
    let data = readFileSync(join(HERE, "dist", file));
    if (file === "/index.html") data = data.toString().replace("__LULL_NONCE__", nonce);
    response.writeHead(200, {
      "content-type": KINDS[extname(file)] ?? "application/octet-stream",
      "content-security-policy": `default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; style-src 'self' 'nonce-${nonce}'`,
    });
    response.end(data);
  } catch {
    response.writeHead(404).end();
  }
});

server.on("upgrade", (request, socket) => {
  const accept = createHash("sha1").update(request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64");
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  const send = () => {
    const text = Buffer.from(JSON.stringify({ type: "desk", ...desk() }));
    const head = text.length < 126 ? Buffer.from([0x81, text.length]) : Buffer.from([0x81, 126, text.length >> 8, text.length & 255]);
    socket.write(Buffer.concat([head, text]));
  };
  send();
  const timer = setInterval(send, 1000);
  socket.on("close", () => clearInterval(timer));
  socket.on("error", () => clearInterval(timer));
});

const port = Number(process.env.MOCK_PORT ?? 8099);
server.listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${port}`));
