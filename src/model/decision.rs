//! Why a campaign dials as much as it does: what is told of it once a second at most, kept for some days, and shown.
//!
//! How it is come by is the engine's matter. Read [`Decision`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::name::CampaignKey;
use super::time::Timestamp;

/// Why a campaign placed so many dials within a moment, and no more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Decision {
    /// Whose.
    pub campaign: CampaignKey,
    /// When.
    pub at: Timestamp,
    /// Dials placed since the decision before.
    pub placed: u32,
    /// What kept it from placing one more, by code: a refusal's, or `agents_held`, `ringing_max`, `price`, `lines`,
    /// `level`, `idle_total`, `hopper`.
    pub limit: String,
    /// Idle agents of its group.
    pub idle: u32,
    /// Of these, with an outbound slot.
    pub idle_with_slot: u32,
    /// Outbound slots of the group's open gate.
    pub slots: u32,
    /// Attempts of the group on their way to an agent.
    pub pending: u32,
    /// How many more calls of today may be abandoned by the cap.
    pub abandons_left: u32,
    /// Leads that were refused since the decision before, by reason.
    pub refusals: BTreeMap<String, u32>,
    /// What predictive pacing forecast; `None` with other pacing, and while outbound has no slot.
    pub forecast: Option<Forecast>,
}

/// What predictive pacing expects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Forecast {
    /// Agents expected to be free when a dial placed now is answered, customers and callers before it already served.
    pub agents_free: f64,
    /// Answers expected of the lines on their way, within half a minute.
    pub answers_expected: f64,
    /// Chance that a dial is answered by a person, 0 to 1.
    pub answer_share: f64,
    /// Chance that a dial placed now, if answered, finds no agent, 0 to 1.
    pub abandon_chance: f64,
    /// Price of an abandoned call, in connected ones; `None` at a cap of 0, where none may be risked.
    pub abandon_price: Option<f64>,
    /// Price of taking the last idle agent from callers, in connected calls.
    pub caller_price: f64,
    /// Dials wanted beyond those on their way.
    pub more: u32,
}
