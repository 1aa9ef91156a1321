//! What the engine wants done. The driver does it and reports facts back as events.

use serde::{Deserialize, Serialize};

use crate::model::agent::{AgentState, AgentView};
use crate::model::attempt::{AttemptEnd, CallRef, CallResult, GateChange, InboundEnd, Intent, RecordedCaller, Refusal};
use crate::model::campaign::CampaignState;
use crate::model::decision::Decision;
use crate::model::id::{AttemptId, InboundId, LeadId, RequestId, UserId};
use crate::model::lead::{Callback, LeadNext};
use crate::model::live_limits::LimitChange;
use crate::model::name::{CampaignKey, GroupName, PromptName, TrunkName};
use crate::model::phone::PhoneNumber;
use crate::model::recording::RecordingReason;
use crate::model::time::Timestamp;

/// One thing to be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "command")]
pub enum Command {
    // ---- leads and intents ----
    /// Read leads that are due; answered by `LeadsFetched`. One at a time per campaign.
    FetchLeads {
        /// For which campaign.
        campaign: CampaignKey,
        /// At most this many.
        limit: u32,
        /// Leads already in hand, to be left out.
        held: Vec<LeadId>,
        /// The number of the question, which the answer gives back.
        question: u64,
    },
    /// A lead was refused: write when it is worth looking at again, or that it is given up. There is no attempt.
    PutOffLead {
        /// Whose.
        campaign: CampaignKey,
        /// Which lead.
        lead: LeadId,
        /// What becomes of it: `Retry` or `GivenUp`.
        next: LeadNext,
        /// Why.
        refusal: Refusal,
    },
    /// Pass the gate once more and make the intent durable; answered by `IntentRecorded`, `IntentRefused` or
    /// `IntentFailed`.
    RecordIntent {
        /// The intent.
        intent: Intent,
    },
    /// Send the INVITE of a durable intent; answered by `AttemptSent` or `DialDeferred`, later by the call's facts.
    Dial {
        /// Which attempt.
        attempt: AttemptId,
        /// The number.
        number: PhoneNumber,
        /// Shown to the customer.
        caller_id: PhoneNumber,
        /// Trunks in the order in which they are tried; only those with room by the engine's count.
        trunks: Vec<TrunkName>,
    },

    /// Take a dial back whose INVITE has not left; answered by `DialDeferred`. One that left in the meantime is left
    /// alone: it rings, and what rings is given up by its own rules.
    WithdrawDial {
        /// Which attempt.
        attempt: AttemptId,
    },

    // ---- calls ----
    /// Stop ringing. The outcome comes as `AttemptFailed` (cancelled), or as `AttemptAnswered` if the answer crosses.
    CancelAttempt {
        /// Which attempt.
        attempt: AttemptId,
        /// Why, for the log and the Reason header.
        why: CancelReason,
    },
    /// Listen to who answered; answered by `AttemptClassified`.
    Classify {
        /// Which attempt.
        attempt: AttemptId,
    },
    /// Answer an inbound call, so that prompts can be heard.
    AnswerInbound {
        /// Which call.
        call: InboundId,
    },
    /// Refuse an inbound call.
    RejectInbound {
        /// Which call.
        call: InboundId,
        /// SIP status.
        status: u16,
    },
    /// Play a prompt to the customer, instead of what is being played. Without repetition it ends with `PromptEnded`.
    Play {
        /// To whom.
        call: CallRef,
        /// What.
        prompt: PromptName,
        /// Over and over.
        repeat: bool,
    },
    /// Let customer and agent hear each other; rings the agent's phone first if it is rung per call. Answered by
    /// `Bridged` or `BridgeFailed`.
    Bridge {
        /// Which call.
        call: CallRef,
        /// Who.
        user: UserId,
        /// Record the call.
        record: bool,
    },
    /// End the customer's call. The bridge to the agent ends with it; a nailed-up leg stays.
    HangUp {
        /// Which call.
        call: CallRef,
    },

    // ---- agents' phones ----
    /// Ring a nailed-up phone; answered by `AgentLegUp` or `AgentLegDown`.
    RingAgent {
        /// Who.
        user: UserId,
    },
    /// Release the agent's phone.
    ReleaseAgent {
        /// Who.
        user: UserId,
    },

    // ---- what is remembered ----
    /// An attempt is over.
    RecordAttempt {
        /// Its end.
        end: AttemptEnd,
    },
    /// An agent's result, durable before it is acknowledged; answered by `Recorded` when it carries a request.
    RecordResult {
        /// The result.
        result: CallResult,
    },
    /// An attempt that ended before a crash, and whose agent recorded nothing, leaves its lead to the retry rules.
    SettleLead {
        /// Which lead.
        lead: LeadId,
        /// Which attempt.
        attempt: AttemptId,
        /// What becomes of it.
        next: LeadNext,
        /// When it was decided.
        at: Timestamp,
    },
    /// A caller is about to be connected and recorded; must be known by then should the call never come to its end.
    RecordCaller {
        /// Who.
        caller: RecordedCaller,
    },
    /// An inbound call is over.
    RecordInbound {
        /// Its end.
        end: InboundEnd,
    },
    /// A gate opened or closed.
    RecordGate {
        /// With its figures.
        change: GateChange,
    },
    /// Why a campaign placed so many dials; at most one a second for each.
    RecordDecision {
        /// With its figures.
        decision: Box<Decision>,
    },
    /// An agent changed state.
    RecordAgentState {
        /// Who.
        user: UserId,
        /// To what; `None`: signed out.
        state: Option<AgentState>,
        /// When.
        at: Timestamp,
    },
    /// A campaign's live state changed; durable before it is acknowledged; answered by `Recorded`.
    RecordCampaignState {
        /// Who waits.
        request: Option<RequestId>,
        /// Which campaign.
        campaign: CampaignKey,
        /// What it is from now on.
        state: CampaignState,
        /// Why its recordings fail, where it is paused for that and nobody asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<RecordingReason>,
        /// When.
        at: Timestamp,
    },
    /// Limits of a campaign were set live; durable before it is acknowledged; answered by `Recorded`.
    RecordCampaignLimits {
        /// Who waits.
        request: RequestId,
        /// Which campaign.
        campaign: CampaignKey,
        /// What was set, and what went back.
        change: LimitChange,
        /// When.
        at: Timestamp,
    },
    /// A live control of a group changed; durable before it is acknowledged; answered by `Recorded`.
    RecordGroupControl {
        /// Who waits.
        request: RequestId,
        /// Which group.
        group: GroupName,
        /// What was changed.
        change: super::event::GroupChange,
        /// When.
        at: Timestamp,
    },

    // ---- who waits for an answer ----
    /// Answers a request.
    Reply {
        /// Which.
        request: RequestId,
        /// The answer.
        answer: Answer,
    },
    /// An agent's desk changed.
    AgentChanged {
        /// What it shows now.
        view: Box<AgentView>,
    },
    /// An agent has signed out, or was replaced by a newer sign-in elsewhere.
    AgentGone {
        /// Who.
        user: UserId,
    },
}

impl Command {
    /// Which one it is, as in its JSON form.
    pub fn kind(&self) -> &'static str {
        match self {
            Command::FetchLeads { .. } => "fetch_leads",
            Command::PutOffLead { .. } => "put_off_lead",
            Command::RecordIntent { .. } => "record_intent",
            Command::Dial { .. } => "dial",
            Command::WithdrawDial { .. } => "withdraw_dial",
            Command::CancelAttempt { .. } => "cancel_attempt",
            Command::Classify { .. } => "classify",
            Command::AnswerInbound { .. } => "answer_inbound",
            Command::RejectInbound { .. } => "reject_inbound",
            Command::Play { .. } => "play",
            Command::Bridge { .. } => "bridge",
            Command::HangUp { .. } => "hang_up",
            Command::RingAgent { .. } => "ring_agent",
            Command::ReleaseAgent { .. } => "release_agent",
            Command::RecordAttempt { .. } => "record_attempt",
            Command::RecordResult { .. } => "record_result",
            Command::SettleLead { .. } => "settle_lead",
            Command::RecordCaller { .. } => "record_caller",
            Command::RecordInbound { .. } => "record_inbound",
            Command::RecordGate { .. } => "record_gate",
            Command::RecordDecision { .. } => "record_decision",
            Command::RecordAgentState { .. } => "record_agent_state",
            Command::RecordCampaignState { .. } => "record_campaign_state",
            Command::RecordCampaignLimits { .. } => "record_campaign_limits",
            Command::RecordGroupControl { .. } => "record_group_control",
            Command::Reply { .. } => "reply",
            Command::AgentChanged { .. } => "agent_changed",
            Command::AgentGone { .. } => "agent_gone",
        }
    }
}

/// Why a ringing attempt is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// It rang as long as the campaign wants.
    RingTimeout,
    /// Inbound needs the agents.
    InboundNeedsAgents,
    /// The number was suppressed.
    Suppressed,
    /// The campaign was paused or ended, or the program drains.
    Stopped,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "answer")]
pub enum Answer {
    /// Done, and durable where that matters.
    Done,
    /// Not done.
    Refused {
        /// Why.
        why: RequestRefusal,
    },
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "code")]
pub enum RequestRefusal {
    /// No such campaign.
    #[error("there is no campaign `{campaign}`")]
    UnknownCampaign {
        /// The name that was given.
        campaign: CampaignKey,
    },
    /// No such group.
    #[error("there is no agent group `{group}`")]
    UnknownGroup {
        /// The name that was given.
        group: GroupName,
    },
    /// The campaign has ended.
    #[error("the campaign has ended; apply it again to start over")]
    CampaignEnded,
    /// A value is out of range.
    #[error("`{field}` is {value}; expected {expected}")]
    OutOfRange {
        /// Which field.
        field: String,
        /// What was given.
        value: String,
        /// What was expected.
        expected: String,
    },
    /// The user is not signed in.
    #[error("not signed in")]
    NotSignedIn,
    /// A newer sign-in of the same user owns the desk.
    #[error("this desk was replaced by a newer sign-in")]
    Replaced,
    /// The action does not fit the agent's state.
    #[error("not possible while {state}")]
    WrongState {
        /// The state's code.
        state: String,
    },
    /// The call is not this agent's.
    #[error("this call does not belong to you")]
    NotYourCall,
    /// The result is not one of the campaign's.
    #[error("`{result}` is not a result of this campaign; expected one of: {expected}")]
    UnknownResult {
        /// What was given.
        result: String,
        /// What is possible.
        expected: String,
    },
    /// An answer is missing or does not fit its question.
    #[error("question `{question}`: {problem}")]
    BadAnswer {
        /// The question's key.
        question: String,
        /// What is wrong and what was expected.
        problem: String,
    },
    /// What was ordered does not fit what the campaign offers, or no address is known.
    #[error("order, {field}: {problem}")]
    BadOrder {
        /// `items`, `recipient`, `address` or `note`.
        field: String,
        /// What is wrong and what was expected.
        problem: String,
    },
    /// The result needs a note.
    #[error("this result needs a note")]
    NoteRequired,
    /// The result needs a time for the callback.
    #[error("this result needs a time for the callback")]
    CallbackRequired,
    /// The agreed time is outside the hours in which this customer may be called.
    #[error("the customer may not be called at that time; {}", next_allowed(*next))]
    CallbackOutsideWindow {
        /// The next moment that is allowed, if there is one within the campaign's hours.
        next: Option<Timestamp>,
    },
    /// The wrap-up was extended before.
    #[error("wrap-up can be extended once")]
    AlreadyExtended,
    /// The store does not answer; the request can be repeated.
    #[error("the result could not be stored now; it was not lost: try again")]
    StoreDown,
    /// The lead is not on this desk any more.
    #[error("this lead is not on your desk any more")]
    LeadGone,
    /// As many leads were skipped one after the other as may be.
    #[error("no more leads may be skipped one after the other; expected at most {skips_max}")]
    SkipsUsedUp {
        /// As many may be.
        skips_max: u32,
    },
    /// The reason is not one of the campaign's.
    #[error("`{reason}` is not a reason to skip; expected one of: {expected}")]
    UnknownSkipReason {
        /// What was given.
        reason: String,
        /// What is possible.
        expected: String,
    },
    /// A dial was refused; for requests that ask for one.
    #[error("the call is not started: {}", refusal.code())]
    Dial {
        /// Why.
        refusal: Refusal,
    },
    /// A callback to a lead that has none.
    #[error("there is no lead to call back")]
    NoLead {
        /// The callback that was asked for.
        callback: Callback,
    },
}

fn next_allowed(next: Option<Timestamp>) -> String {
    match next {
        Some(next) => format!("the next time that is allowed is {next}"),
        None => "no time is allowed within the campaign's hours".to_owned(),
    }
}
