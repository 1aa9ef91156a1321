//! Agents: the people who sign in and take calls.

use serde::{Deserialize, Serialize};

use super::attempt::CallRef;
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
    /// A result has been recorded for it.
    pub recorded: bool,
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
    /// The phone is connected (nailed up) or registered (per call).
    pub phone_up: bool,
    /// Raised at every change: a desk that saw a later one ignores an earlier one.
    pub revision: u64,
}
