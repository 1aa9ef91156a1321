// What the API sends and takes, in the words of the program. Times are milliseconds since 1970 (UTC), rates 0 to 1.

export type Role = "manager" | "agent" | "marketing" | "operator";
export type Language = "en" | "zh-CN";

export interface Device {
  phone: string;
  leg: "nailed_up" | "per_call";
}

export interface Me {
  id: string;
  login: string;
  name: string;
  role: Role;
  language: string | null;
  groups: string[];
  device: Device | null;
}

export type CampaignState = "ready" | "running" | "paused" | "ended";

export interface DayCounts {
  dialled: number;
  answered: number;
  connected: number;
  abandoned: number;
  hung_up: number;
  machines: number;
  accepted: number;
}

export interface GroupView {
  group: string;
  title: string;
  agents: Record<string, number>;
  staffed: number;
  inbound_busy: number;
  outbound_busy: number;
  waiting: number;
  idleness: number;
  idleness_now: number;
  idle_threshold: number;
  hysteresis: number;
  dwell_s: number;
  reserve: number;
  gate_open: boolean;
  gate_since: number;
  slots: number;
}

export interface QueueView {
  queue: string;
  title: string;
  open: boolean;
  waiting: number;
  longest_wait_ms: number;
  offered: number;
  answered: number;
  answered_in_time: number;
  abandoned: number;
  overflowed: number;
  answered_wait_ms: number;
  service_level: number | null;
  service_level_target: number;
  within_s: number;
}

export interface CampaignView {
  campaign: string;
  title: string;
  group: string;
  state: CampaignState;
  dialling: number;
  ringing: number;
  answered_waiting: number;
  connected: number;
  hopper: number;
  leads_open: number;
  next_due: number | null;
  today: DayCounts;
  abandon_rate: number | null;
  abandon_rate_max: number;
  not_dialling: string | null;
  refusals: Record<string, number>;
}

export interface TrunkView {
  trunk: string;
  up: boolean;
  channels: number;
  channels_max: number;
}

export const AGENT_STATES = ["ready", "reserved", "talking", "wrap_up", "not_ready", "connecting"] as const;
export type AgentStateCode = (typeof AGENT_STATES)[number];

export interface CallRef {
  direction: "outbound" | "inbound";
  id: string;
}

export interface DeskCall {
  call: CallRef;
  campaign: string | null;
  lead: string | null;
  queue: string | null;
  number: string | null;
  since: number;
  waited_ms: number;
  recorded: boolean;
}

export interface AgentView {
  user: string;
  name: string;
  groups: string[];
  state: AgentStateCode;
  /** With `wrap_up`: when it ends by itself. */
  until?: number;
  /** With `not_ready`: why. */
  reason?: string;
  since: number;
  pause_next: string | null;
  call: DeskCall | null;
  phone_up: boolean;
  revision: number;
}

export interface Snapshot {
  at: number;
  groups: GroupView[];
  queues: QueueView[];
  campaigns: CampaignView[];
  agents: AgentView[];
  trunks: TrunkView[];
  draining: boolean;
  stale_events: number;
}

export interface GroupSample {
  idleness: number;
  idle_threshold: number;
  gate_open: boolean;
  slots: number;
  staffed: number;
  inbound_busy: number;
  outbound_busy: number;
  waiting: number;
  ringing: number;
}

export interface BoardSample {
  at: number;
  groups: Record<string, GroupSample>;
}

export interface GateChange {
  group: string;
  at: number;
  open: boolean;
  idleness: number;
  idle_threshold: number;
  agents: number;
  inbound_busy: number;
  waiting: number;
  slots: number;
}

export interface GroupChange {
  idle_threshold?: number;
  hysteresis?: number;
  dwell_s?: number;
  reserve?: number;
}

export interface DaySpan {
  from: number;
  to: number;
}

export interface WeeklyHours {
  days: DaySpan[][];
  holidays: string[];
  workdays: string[];
}

export type Answer =
  | { kind: "choice"; options: string[] }
  | { kind: "number"; min: number | null; max: number | null }
  | { kind: "text"; length_max: number }
  | { kind: "date" };

export interface Question {
  key: string;
  text: string;
  answer: Answer;
  required: boolean;
}

export interface AgentResult {
  key: string;
  title: string;
  disposition: string;
  note_required: boolean;
}

export type Pacing =
  | { mode: "progressive"; ringing_max: number | null }
  | {
      mode: "ratio";
      lines_per_agent: number;
      min_idle_total: number;
      on: "every_event" | "agent_freed";
      ringing_max: number | null;
    };

export interface AttemptCap {
  max: number;
  within_s: number;
}

export interface Campaign {
  key: string;
  title: string;
  offer: { name: string; selling_points: string[]; steps: string[] };
  script: { title: string; text: string }[];
  questionnaire: Question[];
  results: AgentResult[];
  hours: WeeklyHours;
  pacing: Pacing;
  group: string;
  idle_threshold_min: number | null;
  assignment: "random" | "longest_idle";
  profile: string;
  caller_id: string;
  trunks: string[];
  ring_timeout_s: number;
  cancel_before_ring_min: boolean;
  retry: Record<string, { after_s: number; attempts_max: number }>;
  attempt_caps: AttemptCap[];
  attempts_max: number;
  abandon_rate_max: number;
  wrap_up_s: number;
  priority: number;
  tier: number;
  detect_machines: boolean;
  recording: { on: boolean; consent_prompt: string | null };
  information_message: string;
}

export interface Profile {
  name: string;
  title: string;
  sources: string[];
  notice: string;
  hours: WeeklyHours;
  abandon_rate_max: number;
  connect_deadline_s: number;
  ring_min_s: number;
  attempt_caps: AttemptCap[];
  abandon_cool_off_s: number;
  consent_required: boolean;
  information_message: string;
}

export interface LeadCounts {
  open: number;
  dialling: number;
  callback: number;
  done: number;
  given_up: number;
}

export interface CampaignSummary {
  key: string;
  title: string;
  state: CampaignState;
  group: string;
  revision: number;
  leads: LeadCounts;
  today: DayCounts;
  view: CampaignView | null;
}

export interface RevisionView {
  revision: number;
  by: string;
  at: number;
  why: string;
}

export interface CampaignDetail {
  campaign: Campaign;
  state: CampaignState;
  revision: number;
  revisions: RevisionView[];
  text: string;
  leads: LeadCounts;
  totals: Record<string, number>;
  profile: Profile | null;
}

/** One thing that is wrong: in a body (`pointer`) or in a file (`line`, `column`). */
export interface ErrorItem {
  pointer?: string;
  code: string;
  detail: string;
  file?: string;
  line?: number;
  column?: number;
  value?: string;
  expected?: string;
}

export interface CampaignApplied {
  key: string;
  revision: number;
  changed: boolean;
  state: CampaignState;
}

export interface AttemptView {
  id: string;
  campaign: string;
  lead: string;
  number: string;
  trunk: string;
  at: number;
  rang_at: number | null;
  answered_at: number | null;
  connected_at: number | null;
  ended_at: number | null;
  agent: string | null;
  disposition: string | null;
  network_disposition: string | null;
  result: string | null;
  sip_status: number | null;
}

export interface AttemptPage {
  items: AttemptView[];
  next_cursor: string | null;
}

export interface ImportReport {
  id: string;
  list: string | null;
  dry_run: boolean;
  rows: number;
  accepted: number;
  duplicate: number;
  suppressed: number;
  invalid: number;
  rejected_file: string | null;
  errors: ErrorItem[];
}

export interface ListView {
  id: string;
  name: string;
  created_by: string;
  created_at: number;
  leads: LeadCounts;
}

export interface SuppressionView {
  id: string;
  number: string;
  campaign: string | null;
  reason: string;
  source: string;
  note: string;
  added_by: string;
  added_at: number;
  expires_at: number | null;
  lifted_by: string | null;
  lifted_at: number | null;
  lifted_why: string | null;
}

export interface ResultView {
  call: CallRef;
  campaign: string | null;
  agent: string;
  result: string;
  disposition: string;
  answers: Record<string, string>;
  note: string;
  at: number;
}

export interface InboundView {
  id: string;
  queue: string | null;
  campaign: string | null;
  offered_at: number;
  connected_at: number | null;
  ended_at: number;
  outcome: string;
}

export interface LeadDetail {
  id: string;
  campaign: string;
  list: string;
  number: string;
  name: string;
  zones: string[];
  extra: Record<string, string>;
  state: string;
  due_at: number | null;
  callback: { at: number; agent: string | null } | null;
  attempts: AttemptView[];
  results: ResultView[];
}

export interface Customer {
  number: string;
  leads: { id: string; campaign: string; name: string; state: string }[];
  attempts: AttemptView[];
  inbound: InboundView[];
  results: ResultView[];
}

/** What is on an agent's screen. */
export interface Desk {
  view: AgentView | null;
  lead: LeadDetail | null;
  campaign: Campaign | null;
  customer: Customer | null;
}

export interface Outcome {
  result: string;
  answers: Record<string, string>;
  note: string;
  callback: { at: number; personal: boolean } | null;
}

export type AgentAction =
  | { action: "ready" }
  | { action: "not_ready"; reason: string }
  | { action: "hang_up" }
  | { action: "record"; call: CallRef; outcome: Outcome }
  | { action: "extend_wrap_up" }
  | { action: "sign_out" };

export interface Phone {
  phone: string;
  registered: boolean;
  contact: string | null;
  expires_at: number | null;
}
