//! An attempt: one try to reach a lead by phone, from the intent that is durable before anything leaves to its end.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::campaign::CampaignState;
use super::disposition::Disposition;
use super::id::{AttemptId, InboundId, LeadId, RequestId, UserId};
use super::lead::{LeadNext, SuppressionReason};
use super::name::{CampaignKey, GroupName, QueueName, TrunkName};
use super::numbers::NumberKind;
use super::order::NewOrder;
use super::phone::PhoneNumber;
use super::time::Timestamp;

/// A customer's call, whichever side began it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", tag = "direction", content = "id")]
pub enum CallRef {
    /// Lull dialled.
    Outbound(AttemptId),
    /// The customer dialled.
    Inbound(InboundId),
}

/// The id alone, whose prefix says the direction.
impl fmt::Display for CallRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallRef::Outbound(attempt) => attempt.fmt(f),
            CallRef::Inbound(call) => call.fmt(f),
        }
    }
}

/// A text is the id of no call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is the id of no call; expected one that starts with `att_` or `inb_`")]
pub struct NoCallId(String);

impl FromStr for CallRef {
    type Err = NoCallId;
    fn from_str(text: &str) -> Result<CallRef, NoCallId> {
        let inbound = || text.parse().map(CallRef::Inbound).ok();
        text.parse().map(CallRef::Outbound).ok().or_else(inbound).ok_or_else(|| NoCallId(text.to_owned()))
    }
}

/// What is recorded, durably, before an INVITE leaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// The attempt it begins.
    pub attempt: AttemptId,
    /// Whose lead.
    pub campaign: CampaignKey,
    /// Which lead.
    pub lead: LeadId,
    /// The number that will be dialled.
    pub number: PhoneNumber,
    /// Shown to the customer.
    pub caller_id: PhoneNumber,
    /// The trunk it is meant for.
    pub trunk: TrunkName,
    /// When the engine decided it.
    pub at: Timestamp,
    /// The zones the number may be in, for the last look at its calling window.
    pub zones: Vec<String>,
    /// Where it rings, for the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<NumberKind>,
    /// Version of the time zone data the calling window was judged with.
    pub tzdata: String,
    /// Attempts of this lead before this one.
    pub number_of_attempt: u32,
}

/// Why a dial was refused or put off. Each is counted per campaign and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum Refusal {
    /// The campaign is not running.
    CampaignState {
        /// What it is instead.
        state: CampaignState,
    },
    /// The idle gate of the group is closed.
    GateClosed,
    /// The group is idle enough for its gate, but not for this campaign.
    IdlenessBelowCampaign,
    /// The gate is open but gives no slot: inbound need and reserve take all agents.
    NoSlot,
    /// No agent of the group is signed in and not paused.
    NoAgent,
    /// As many attempts are on their way as the pacing wants.
    Pacing,
    /// No lead is due.
    NoLeadDue,
    /// The callee's calling window is closed in at least one possible zone.
    OutsideWindow,
    /// No time zone is known for the number.
    ZoneUnknown,
    /// An attempt cap of the profile or the campaign is reached.
    AttemptCap,
    /// The number cools off after an abandoned call or an unknown outcome.
    CoolOff,
    /// The number is suppressed.
    Suppressed {
        /// Why.
        by: SuppressionReason,
    },
    /// The profile requires consent and none is recorded.
    NoConsent,
    /// Another attempt to this number is on its way.
    NumberBusy,
    /// All channels of the trunks are in use.
    TrunkChannels,
    /// The trunks' calls per second are used up.
    TrunkRate,
    /// No trunk of the campaign is up.
    TrunkDown,
    /// The store does not answer: no new calls.
    StoreDown,
    /// The clocks disagree: no new calls until time is confirmed.
    ClockUnsure,
    /// The abandon budget is spent; only dials with an agent held for them.
    AbandonBudget,
    /// An agent saw the lead and skipped it.
    Skipped,
    /// An agent saw the lead and decided nothing in time.
    NotDecided,
    /// The call was promised by an agent who is not there or has another one to make.
    AgentAway,
    /// The program is shutting down and finishes the calls that are up.
    Draining,
    /// The campaign's first day has not come.
    BeforeFirstDay,
    /// The campaign's last day is over.
    AfterLastDay,
    /// As many calls are on their way as somebody allowed at once, for now.
    LinesReached,
    /// One of the campaign's quotas is reached.
    QuotaReached,
    /// One more dial would cost more than the campaign may.
    BudgetSpent,
}

impl Refusal {
    /// A stable code for logs, metrics and translations.
    pub fn code(self) -> &'static str {
        match self {
            Refusal::CampaignState { .. } => "campaign_state",
            Refusal::GateClosed => "gate_closed",
            Refusal::IdlenessBelowCampaign => "idleness_below_campaign",
            Refusal::NoSlot => "no_slot",
            Refusal::NoAgent => "no_agent",
            Refusal::Pacing => "pacing",
            Refusal::NoLeadDue => "no_lead_due",
            Refusal::OutsideWindow => "outside_window",
            Refusal::ZoneUnknown => "zone_unknown",
            Refusal::AttemptCap => "attempt_cap",
            Refusal::CoolOff => "cool_off",
            Refusal::Suppressed { .. } => "suppressed",
            Refusal::NoConsent => "no_consent",
            Refusal::NumberBusy => "number_busy",
            Refusal::TrunkChannels => "trunk_channels",
            Refusal::TrunkRate => "trunk_rate",
            Refusal::TrunkDown => "trunk_down",
            Refusal::StoreDown => "store_down",
            Refusal::ClockUnsure => "clock_unsure",
            Refusal::AbandonBudget => "abandon_budget",
            Refusal::Skipped => "skipped",
            Refusal::NotDecided => "not_decided",
            Refusal::AgentAway => "agent_away",
            Refusal::Draining => "draining",
            Refusal::BeforeFirstDay => "before_first_day",
            Refusal::AfterLastDay => "after_last_day",
            Refusal::LinesReached => "lines_reached",
            Refusal::QuotaReached => "quota_reached",
            Refusal::BudgetSpent => "budget_spent",
        }
    }
}

/// How a call ended on the network's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallFailure {
    /// What kind of end.
    pub kind: FailureKind,
    /// SIP status, 0 where there was none.
    pub status: u16,
    /// Q.850 cause of a Reason header (RFC 3326), 0 where there was none.
    pub q850: u8,
    /// Whether a 18x was seen: the customer's phone may have rung.
    pub rang: bool,
    /// Seconds the carrier asked us to wait (Retry-After), capped.
    pub retry_after_s: Option<u32>,
}

/// The kinds of failure an attempt can end with before it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// A final response other than 2xx.
    Rejected,
    /// Nothing came in time.
    Timeout,
    /// No trunk could be reached.
    Transport,
    /// The trunk did not take our credentials.
    AuthFailed,
    /// We cancelled it.
    Cancelled,
    /// A 3xx, which is not followed.
    Redirected,
    /// The answer carried no usable media description.
    Media,
}

/// A finished attempt, recorded once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptEnd {
    /// Which attempt.
    pub attempt: AttemptId,
    /// How the network or the dialer sees it. Replaced by the agent's result when one is recorded.
    pub disposition: Disposition,
    /// SIP status and Q.850 cause where there were any.
    pub failure: Option<CallFailure>,
    /// When it first rang.
    pub rang_at: Option<Timestamp>,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// When an agent was connected.
    pub connected_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Timestamp,
    /// The agent that was connected.
    pub agent: Option<UserId>,
    /// Machine detection's verdict, confidence in per cent, and time taken in ms.
    pub classified: Option<(AnsweredBy, u8, u32)>,
    /// What becomes of the lead, if this attempt decides it (an agent's result will otherwise).
    pub next: Option<LeadNext>,
}

/// Who or what answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnsweredBy {
    /// A person.
    Person,
    /// A machine.
    Machine,
    /// A fax or modem.
    Fax,
    /// A network announcement.
    Announcement,
    /// It could not be told in time; treated as a person.
    Unsure,
}

/// What an agent recorded about a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallResult {
    /// The request that waits for it to be durable. `None` when wrap-up ran out and the dialer recorded it.
    pub request: Option<RequestId>,
    /// The call.
    pub call: CallRef,
    /// The campaign, where there is one.
    pub campaign: Option<CampaignKey>,
    /// The lead, where there is one.
    pub lead: Option<LeadId>,
    /// The number, so that a suppression lands in the same transaction.
    pub number: Option<PhoneNumber>,
    /// Who.
    pub agent: UserId,
    /// The campaign's own name of the result.
    pub result: String,
    /// What it means.
    pub disposition: Disposition,
    /// Answers by question key, as text.
    pub answers: BTreeMap<String, String>,
    /// Free text.
    pub note: String,
    /// When.
    pub at: Timestamp,
    /// How long the agent talked and wrapped up, in ms.
    pub talk_ms: u64,
    /// How long the agent wrapped up, in ms.
    pub wrap_up_ms: u64,
    /// What becomes of the lead.
    pub next: Option<LeadNext>,
    /// The number is suppressed in the same transaction.
    pub suppress: Option<SuppressionReason>,
    /// The order that is opened in the same transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<NewOrder>,
}

/// A finished inbound call, recorded once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InboundEnd {
    /// Which call.
    pub call: InboundId,
    /// The queue it waited in, if it came that far.
    pub queue: Option<QueueName>,
    /// The campaign whose call the customer returned, if so.
    pub campaign: Option<CampaignKey>,
    /// The number that was dialled.
    pub did: String,
    /// The caller, where the trunk told.
    pub caller: Option<PhoneNumber>,
    /// When it arrived.
    pub offered_at: Timestamp,
    /// When an agent was connected.
    pub connected_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Timestamp,
    /// The agent that was connected.
    pub agent: Option<UserId>,
    /// How it ended.
    pub outcome: InboundOutcome,
}

/// A caller who is about to be connected to an agent and recorded: what is to be known of the call should its end never come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedCaller {
    /// Which call.
    pub call: InboundId,
    /// The queue it waited in.
    pub queue: Option<QueueName>,
    /// The campaign whose call the customer returned, if so.
    pub campaign: Option<CampaignKey>,
    /// The number that was dialled.
    pub did: String,
    /// The caller, where the trunk told.
    pub caller: Option<PhoneNumber>,
    /// When it arrived.
    pub offered_at: Timestamp,
    /// The agent who is to be connected.
    pub agent: UserId,
}

/// How an inbound call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InboundOutcome {
    /// An agent talked to the caller.
    Answered,
    /// The caller hung up while waiting.
    Abandoned,
    /// Sent to the overflow: told to call later.
    Overflowed,
    /// Outside the opening hours.
    Closed,
    /// Nothing leads from the dialled number to a queue.
    Unrouted,
}

impl InboundOutcome {
    /// As it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            InboundOutcome::Answered => "answered",
            InboundOutcome::Abandoned => "abandoned",
            InboundOutcome::Overflowed => "overflowed",
            InboundOutcome::Closed => "closed",
            InboundOutcome::Unrouted => "unrouted",
        }
    }
}

/// An opening or closing of an idle gate, recorded with the figures that caused it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GateChange {
    /// Whose gate.
    pub group: GroupName,
    /// When.
    pub at: Timestamp,
    /// Open or closed from now on.
    pub open: bool,
    /// Smoothed idleness at that moment, 0 to 1.
    pub idleness: f64,
    /// The threshold in force.
    pub idle_threshold: f64,
    /// Signed-in agents that are not paused.
    pub agents: u32,
    /// Of these, handling or reserved for inbound.
    pub inbound_busy: u32,
    /// Callers waiting.
    pub waiting: u32,
    /// Slots given from now on.
    pub slots: u32,
}
