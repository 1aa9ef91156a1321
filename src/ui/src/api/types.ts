// The API's types by the names the pages use. `schema.d.ts` is generated from the service's own description.

import type { components } from "./schema";

type Schemas = components["schemas"];

/** The service writes every field, an absent value as null; the description only says that it may be absent. */
export type Told<T> = T extends readonly (infer Item)[]
  ? Told<Item>[]
  : T extends object
    ? { [Key in keyof T]-?: Told<Exclude<T[Key], undefined>> }
    : T;

export type Role = Schemas["Role"];
export type Language = "en" | "zh-CN";
export type Me = Told<Schemas["Me"]>;

export type CampaignState = Schemas["CampaignState"];
export type DayCounts = Told<Schemas["DayCounts"]>;
export type GroupView = Told<Schemas["GroupView"]>;
export type QueueView = Told<Schemas["QueueView"]>;
export type CampaignView = Told<Schemas["CampaignView"]>;
export type TrunkView = Told<Schemas["TrunkView"]>;
export type GroupSample = Told<Schemas["GroupSample"]>;
export type BoardSample = Told<Schemas["BoardSample"]>;
export type GroupChange = Schemas["GroupControlRequest"];
export type LimitChange = Schemas["LimitRequest"];
export type LimitView = Told<Schemas["LimitView"]>;
export type ControlView = Told<Schemas["ControlView"]>;
export type ChangeView = Omit<Told<Schemas["ChangeView"]>, "controls"> & { controls: Record<string, unknown> };
export type Snapshot = Omit<Told<Schemas["Snapshot"]>, "agents"> & { agents: AgentView[] };

export const AGENT_STATES = ["ready", "previewing", "reserved", "talking", "wrap_up", "not_ready", "connecting"] as const satisfies readonly Schemas["AgentState"]["state"][];
export type AgentStateCode = Schemas["AgentState"]["state"];
export type Disposition = Schemas["Disposition"];
export type SuppressionReason = Schemas["SuppressionReason"];
export type GatewayView = Told<Schemas["GatewayView"]>;
export type OutreachView = Told<Schemas["OutreachView"]>;
export type AudienceView = Told<Schemas["AudienceView"]>;
export type MessageView = Told<Schemas["MessageRow"]>;
export type MessageRequest = Schemas["MessageRequest"];
export type CallRef = Told<Schemas["CallRef"]>;
export type DeskCall = Told<Schemas["DeskCall"]>;

export type DeskPreview = Told<Schemas["DeskPreview"]>;

/** The notice's own fields lie flat beside the others. */
export interface DeskNotice {
  notice: Schemas["NoticeKind"]["notice"];
  /** In `refused`: why. */
  refusal?: { reason: string };
  /** In `unreached`: how the call ended. */
  disposition?: string;
  number: string | null;
  at: number;
}

/** The state's own fields lie flat beside the others, so that only some states have some of them. */
export interface AgentView {
  user: string;
  name: string;
  groups: string[];
  state: AgentStateCode;
  /** In `wrap_up` and `previewing`: when it ends by itself. */
  until?: number;
  /** In `not_ready`: why. */
  reason?: string;
  since: number;
  pause_next: string | null;
  call: DeskCall | null;
  /** The lead the agent sees and decides about. */
  preview: DeskPreview | null;
  /** What became of the last lead, where the agent did not decide it. */
  notice: DeskNotice | null;
  phone_up: boolean;
  revision: number;
}

export type Campaign = Told<Schemas["Campaign"]>;
export type Question = Told<Schemas["Question"]>;
export type AgentResult = Told<Schemas["AgentResult"]>;
export type WeeklyHours = Told<Schemas["WeeklyHours"]>;
export type Profile = Told<Schemas["Profile"]>;
export type CampaignSummary = Told<Schemas["CampaignSummary"]>;
export type CampaignDetail = Told<Schemas["CampaignDetail"]>;
export type Differences = Told<Schemas["Differences"]>;
export type CampaignApplied = Told<Schemas["CampaignApplied"]>;
export type Decision = Told<Schemas["Decision"]>;
export type WhatifQuestion = Schemas["WhatifQuestion"];
export type WhatifView = Told<Schemas["WhatifView"]>;
export type WhatifJob = Told<Schemas["WhatifJob"]>;
export type WhatifTold = NonNullable<WhatifJob["told"]>;
export type WhatifRow = WhatifTold["rows"][number];
export type WhatifHour = WhatifTold["hours"][number];
export type Breakdown = Schemas["Breakdown"];
export type Stage = Schemas["Stage"];
export type Report = Told<Schemas["Report"]>;
export type ResultLine = Told<Schemas["ReportLine"]>;
export type ResultStep = Told<Schemas["FunnelStep"]>;
export type RecordingView = Told<Schemas["RecordingView"]>;
export type Recorded = Schemas["Recorded"];
export const RECORDED = ["yes", "no", "missing"] as const satisfies readonly Recorded[];
export type AttemptView = Told<Schemas["AttemptView"]>;
export type ListView = Told<Schemas["ListView"]>;
export type ImportReport = Told<Schemas["ImportReport"]>;
export type ImportRequest = Schemas["ImportRequest"];
export type ImportJob = Told<Schemas["ImportJob"]>;
export type MappedColumn = Schemas["MappedColumn"];
export const COLUMN_USES = ["number", "mobile", "home", "work", "name", "zone", "priority", "score", "replied", "custom", "ignore"] as const satisfies readonly Schemas["ColumnUse"][];
export type LeadNumber = Schemas["LeadNumber"];
export type ColumnUse = Schemas["ColumnUse"];
export const DUPLICATE_POLICIES = ["skip", "update", "add_numbers"] as const satisfies readonly Schemas["DuplicatePolicy"][];
export type DuplicatePolicy = (typeof DUPLICATE_POLICIES)[number];
export type Preview = Told<Schemas["PreviewView"]>;
export type TemplateView = Told<Schemas["TemplateView"]>;

/** One thing that is wrong: in a body (`pointer`) or in a file (`line`, `column`). Here an absent field is absent. */
export type ErrorItem = Schemas["ErrorItem"];

export type CallbackView = Told<Schemas["CallbackView"]>;
export type CallbackDeed = Schemas["CallbackDeed"];
export type CallbackState = Schemas["CallbackState"];
export const CALLBACK_STATES = ["overdue", "due", "coming"] as const satisfies readonly CallbackState[];
export type PromiseView = Told<Schemas["PromiseView"]>;
export type PromiseFigures = Told<Schemas["PromiseFigures"]>;
export type ReviewRow = Told<Schemas["ReviewRow"]>;
export type Reading = Schemas["Reading"];
export type AskedView = Told<Schemas["AskedView"]>;
export type LinkVisits = Told<Schemas["LinkVisits"]>;
/** How a call that is owed to a customer stands, the most urgent first. */
export const OWED_STATES = ["overdue", "at_risk", "in_time"] as const satisfies readonly Schemas["Owed"][];
export type User = Told<Schemas["UserView"]>;

export type EventType = Schemas["EventType"];
export const EVENT_TYPES = [
  "call.ended",
  "result.recorded",
  "lead.done",
  "lead.given_up",
  "lead.callback_agreed",
  "suppression.added",
  "suppression.lifted",
  "consent.given",
  "consent.revoked",
  "message.received",
  "promise.at_risk",
  "promise.broken",
  "order.opened",
  "order.changed",
  "campaign.started",
  "campaign.paused",
  "campaign.ended",
  "import.finished",
] as const satisfies readonly EventType[];
export type WebhookView = Told<Schemas["WebhookView"]>;
export type WebhookAdded = Told<Schemas["WebhookAdded"]>;
export type NewWebhook = Schemas["NewWebhook"];
export type WebhookChange = Schemas["WebhookChangeRequest"];
export type Delivery = Told<Schemas["DeliveryRow"]>;
export type DeliveryState = Schemas["DeliveryState"];
export const DELIVERY_STATES = ["waiting", "delivered", "failed"] as const satisfies readonly DeliveryState[];
export type KeyView = Told<Schemas["KeyView"]>;
export type NewKey = Schemas["NewKeyRequest"];

export type ExportJob = Told<Schemas["ExportView"]>;
export type ExportRequest = Schemas["ExportRequest"];
export type ExportKind = ExportJob["kind"];
export const EXPORT_KINDS = ["calls", "results", "leads", "suppressions", "consents", "orders"] as const satisfies readonly ExportKind[];

export type OrderState = Schemas["OrderState"];
export const ORDER_STATES = ["confirmed", "dispatched", "delivered", "refused", "returned", "cancelled"] as const satisfies readonly OrderState[];
export type OrderView = Told<Schemas["OrderView"]>;
export type OrderDetail = Told<Schemas["OrderDetail"]>;
/** What is absent stays. */
export type OrderChangeRequest = Partial<Schemas["OrderChangeRequest"]>;
export type OrderFileOutcome = Told<Schemas["OrderFileOutcome"]>;

export type FunnelStage = Schemas["FunnelStage"];
export const FUNNEL_STAGES = ["audience", "sent", "received", "responded", "registered", "dialled", "answered", "connected", "accepted", "delivered"] as const satisfies readonly FunnelStage[];
/** What the funnel may be broken down by; whatever else is a column of the list. */
export const FUNNEL_PARTS = ["variant", "language", "channel", "day", "hour", "agent", "list"] as const;
export type FunnelView = Told<Schemas["Funnel"]>;
export type FunnelLine = FunnelView["parts"][number];

export type FoundResult = Told<Schemas["FoundResult"]>;

export type SuppressionRequest = Schemas["SuppressionRequest"];
export type SuppressionView = Told<Schemas["SuppressionView"]>;
export type PhoneView = Told<Schemas["PhoneView"]>;
export type LeadDetail = Told<Schemas["LeadDetail"]>;
export type Customer = Told<Schemas["Customer"]>;

/** What is on an agent's screen. */
export interface Desk {
  view: AgentView | null;
  lead: LeadDetail | null;
  campaign: Campaign | null;
  customer: Customer | null;
}

export type AgentAction = Schemas["DeskAction"];
