//! The engine's state as people see it: the wallboard, the metrics, and "why is it not dialling?".

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::DayCounts;
use crate::model::abandonment::AbandonWindow;
use crate::model::agent::AgentView;
use crate::model::campaign::CampaignState;
use crate::model::decision::{Decision, Forecast};
use crate::model::name::{CampaignKey, GroupName, QueueName, TrunkName};
use crate::model::settings::GateMode;
use crate::model::time::Timestamp;

/// Everything at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Snapshot {
    /// When.
    pub at: Timestamp,
    /// Agent groups.
    pub groups: Vec<GroupView>,
    /// Inbound queues.
    pub queues: Vec<QueueView>,
    /// Campaigns.
    pub campaigns: Vec<CampaignView>,
    /// Agents who are signed in.
    pub agents: Vec<AgentView>,
    /// Trunks.
    pub trunks: Vec<TrunkView>,
    /// No new calls: the program is finishing.
    pub draining: bool,
    /// Events about things that were already gone, since the start.
    pub stale_events: u64,
}

/// One agent group with its gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GroupView {
    /// Its name.
    pub group: GroupName,
    /// What people read.
    pub title: String,
    /// Signed-in agents by state code.
    pub agents: BTreeMap<String, u32>,
    /// Signed in and not paused.
    pub staffed: u32,
    /// Handling, wrapping up or reserved for inbound.
    pub inbound_busy: u32,
    /// Handling, wrapping up or reserved for outbound, or looking at a lead.
    pub outbound_busy: u32,
    /// Callers waiting in its queues.
    pub waiting: u32,
    /// Smoothed idleness, 0 to 1.
    pub idleness: f64,
    /// Idleness at this moment, 0 to 1.
    pub idleness_now: f64,
    /// What kind of gate it has.
    pub gate_mode: GateMode,
    /// The threshold in force; 0 where it is not a number.
    pub idle_threshold: f64,
    /// The hysteresis in force.
    pub hysteresis: f64,
    /// The dwell in force, in seconds.
    pub dwell_s: f64,
    /// The reserve in force.
    pub reserve: u32,
    /// The reserve that the service level asks for, in agents; 0 unless the gate is `auto`.
    pub reserve_steered: f64,
    /// Whether the gate is open.
    pub gate_open: bool,
    /// Since when it is as it is.
    pub gate_since: Timestamp,
    /// Agents that may be on outbound at once.
    pub slots: u32,
}

/// One inbound queue, with its figures of today.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct QueueView {
    /// Its name.
    pub queue: QueueName,
    /// What people read.
    pub title: String,
    /// Open by its hours.
    pub open: bool,
    /// Callers waiting.
    pub waiting: u32,
    /// How long the first of them has waited, in ms.
    pub longest_wait_ms: u64,
    /// Callers who came while it was open.
    pub offered: u64,
    /// Of these, answered.
    pub answered: u64,
    /// Of these, answered in time.
    pub answered_in_time: u64,
    /// Callers who hung up while waiting.
    pub abandoned: u64,
    /// Callers sent to the overflow.
    pub overflowed: u64,
    /// Sum of the waits of answered callers, in ms: divide by `answered` for the average speed of answer.
    pub answered_wait_ms: u64,
    /// Share answered in time of those offered and no longer waiting, 0 to 1; `None` before the first.
    pub service_level: Option<f64>,
    /// The target.
    pub service_level_target: f64,
    /// The time meant by "in time", in seconds.
    pub within_s: f64,
}

/// One campaign, with its figures of today.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CampaignView {
    /// Its name.
    pub campaign: CampaignKey,
    /// What people read.
    pub title: String,
    /// Its group.
    pub group: GroupName,
    /// Whether it dials.
    pub state: CampaignState,
    /// Agents who look at a lead of it and decide.
    #[serde(default)]
    pub previewing: u32,
    /// Attempts whose intent is being recorded or whose INVITE waits.
    pub dialling: u32,
    /// Attempts that are out and not answered.
    pub ringing: u32,
    /// Answered and not yet with an agent.
    pub answered_waiting: u32,
    /// Connected to an agent.
    pub connected: u32,
    /// Leads in the hopper.
    pub hopper: u32,
    /// Leads that are neither done nor given up, when last asked.
    pub leads_open: u64,
    /// When the next lead is due, if none is now.
    pub next_due: Option<Timestamp>,
    /// Counts of today.
    pub today: DayCounts,
    /// Abandoned among answered by people today, 0 to 1; `None` before the first.
    pub abandon_rate: Option<f64>,
    /// The cap that applies.
    pub abandon_rate_max: f64,
    /// How the abandoned calls stand in each window that counts: today, and the law's where it is another one.
    #[serde(default)]
    pub abandon_windows: Vec<AbandonWindowView>,
    /// Why it places no further dial at this moment, by code: the binding reason.
    pub not_dialling: Option<String>,
    /// How often each reason held a dial back today, by code.
    pub refusals: BTreeMap<String, u64>,
    /// Why so many dials and no more, with predictive pacing.
    #[serde(default)]
    pub forecast: Option<Forecast>,
    /// What was told last of its dials, with every pacing.
    #[serde(default)]
    pub decision: Option<Decision>,
}

/// Abandoned calls in one window of time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AbandonWindowView {
    /// Which window.
    pub window: AbandonWindow,
    /// Abandoned calls, with those taken for machines that are presumed to have been people.
    pub abandoned: f64,
    /// What they are a share of.
    pub whole: f64,
    /// The share, 0 to 1; `None` before the first call.
    pub rate: Option<f64>,
    /// How many more may be abandoned.
    pub left: u32,
}

/// One trunk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TrunkView {
    /// Its name.
    pub trunk: TrunkName,
    /// Answers its keep-alive.
    pub up: bool,
    /// Channels in use.
    pub channels: u32,
    /// Channels there are.
    pub channels_max: u32,
}
