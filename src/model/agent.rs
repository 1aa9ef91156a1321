//! Agents: the people who sign in and take calls.

use serde::{Deserialize, Serialize};

use super::attempt::{CallRef, Refusal};
use super::campaign::OnTimeOut;
use super::disposition::Disposition;
use super::id::{LeadId, UserId};
use super::name::{CampaignKey, GroupName, QueueName};
use super::phone::PhoneNumber;
use super::time::Timestamp;

/// How an agent hears and speaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Device {
    /// Name of the phone in the configuration; its address of record is `name@` the phone domain.
    pub phone: String,
    /// Whether the leg is held for the whole shift.
    pub leg: DeviceLeg,
}

/// How long an agent's leg lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeviceLeg {
    /// The phone is rung once at sign-in and stays connected: a customer is heard at once.
    #[default]
    NailedUp,
    /// The phone is rung for each call, with a header that asks it to answer by itself.
    PerCall,
}

/// What an agent is doing (glossary: 坐席状态).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum AgentState {
    /// Signed in; the phone is being reached, or was lost.
    Connecting,
    /// Idle and willing.
    Ready,
    /// Sees a lead and decides whether to call it.
    Previewing {
        /// The lead.
        lead: LeadId,
        /// When the decision is taken from the agent.
        until: Timestamp,
    },
    /// A customer has been given to this agent and is being connected.
    Reserved {
        /// The call.
        #[serde(rename = "call_ref")]
        call: CallRef,
    },
    /// Talking to a customer.
    Talking {
        /// The call.
        #[serde(rename = "call_ref")]
        call: CallRef,
    },
    /// The call is over; the result is being recorded.
    WrapUp {
        /// The call.
        #[serde(rename = "call_ref")]
        call: CallRef,
        /// When it ends by itself.
        until: Timestamp,
    },
    /// Paused.
    NotReady {
        /// Why, from the configured reasons.
        reason: String,
    },
}

impl AgentState {
    /// A stable code for boards, metrics and translations.
    pub fn code(&self) -> &'static str {
        match self {
            AgentState::Connecting => "connecting",
            AgentState::Ready => "ready",
            AgentState::Previewing { .. } => "previewing",
            AgentState::Reserved { .. } => "reserved",
            AgentState::Talking { .. } => "talking",
            AgentState::WrapUp { .. } => "wrap_up",
            AgentState::NotReady { .. } => "not_ready",
        }
    }
}

/// A call as the agent's desk shows it. Names and history are read from the store by lead and number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeskCall {
    /// The call.
    pub call: CallRef,
    /// The campaign: the one that dialled, or the one whose call the customer returns.
    pub campaign: Option<CampaignKey>,
    /// The lead, where there is one.
    pub lead: Option<LeadId>,
    /// The queue an inbound caller came through.
    pub queue: Option<QueueName>,
    /// The customer's number, where it is known.
    pub number: Option<PhoneNumber>,
    /// When the customer answered or was put through.
    pub since: Timestamp,
    /// How long the caller waited, in ms.
    pub waited_ms: u64,
    /// The customer is on the line; `false` while the call that the agent started is on its way.
    pub answered: bool,
    /// A result has been recorded for it.
    pub recorded: bool,
}

/// A lead that an agent sees before it is called. Names and history are read from the store by lead and number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeskPreview {
    /// The lead.
    pub lead: LeadId,
    /// Its campaign.
    pub campaign: CampaignKey,
    /// The customer's number; left out where it hangs on a wall.
    pub number: Option<PhoneNumber>,
    /// When the decision is taken from the agent.
    pub until: Timestamp,
    /// What happens then.
    pub on_time_out: OnTimeOut,
    /// Leads that may still be skipped one after the other, this one counted; `None`: as many as the agent likes.
    pub skips_left: Option<u32>,
}

/// What became of a lead that an agent saw, where the agent did not decide it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeskNotice {
    /// What.
    #[serde(flatten)]
    pub what: NoticeKind,
    /// The customer's number; left out where it hangs on a wall.
    pub number: Option<PhoneNumber>,
    /// When.
    pub at: Timestamp,
}

/// The kinds of [`DeskNotice`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", tag = "notice")]
pub enum NoticeKind {
    /// It must not be called, or not now.
    Refused {
        /// Why.
        refusal: Refusal,
    },
    /// It was called, and no agent was connected.
    Unreached {
        /// How the call ended.
        disposition: Disposition,
    },
    /// The time limit was over, and it went back.
    TimedOut,
    /// A caller was put through instead; the lead went back unharmed.
    CallerFirst,
}

/// One agent, as the desk and the wallboard show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AgentView {
    /// Who.
    pub user: UserId,
    /// What people read.
    pub name: String,
    /// The groups the agent signed in to.
    pub groups: Vec<GroupName>,
    /// What the agent is doing.
    #[serde(flatten)]
    pub state: AgentState,
    /// Since when.
    pub since: Timestamp,
    /// The agent asked to be paused after this call, with this reason.
    pub pause_next: Option<String>,
    /// The call at hand: reserved, talking or wrapping up.
    pub call: Option<DeskCall>,
    /// The lead the agent sees and decides about.
    pub preview: Option<DeskPreview>,
    /// What became of the last lead on this desk, until the agent acts again.
    pub notice: Option<DeskNotice>,
    /// The phone is connected (nailed up) or registered (per call).
    pub phone_up: bool,
    /// Raised at every change: a desk that saw a later one ignores an earlier one.
    pub revision: u64,
}
