//! A scenario: a contact centre and its customers, as a file describes them.
//!
//! `read` reads the file; `wiring` turns it into the engine's settings and campaigns. Read [`Scenario`] first.

mod chances;
mod mishaps;
mod read;
pub mod wiring;

use std::sync::Arc;

pub use read::{Files, read};

use super::distribution::Distribution;
use super::faults::{Fault, Law};
use super::profile::Profile;
use crate::model::campaign::Pacing;
use crate::model::settings::{IdleThreshold, ServeFirst};

/// A day to be simulated, some times over.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Of all chance.
    pub seed: u64,
    /// Independent days.
    pub replications: u32,
    /// Simulated before time 0; learned from, not counted. In seconds.
    pub warm_up_s: f64,
    /// Length of the day that is counted, in seconds.
    pub duration_s: f64,
    /// Agent groups.
    pub agents: Vec<AgentGroup>,
    /// Callers, if there are any.
    pub inbound: Option<Inbound>,
    /// Campaigns.
    pub outbound: Vec<Outbound>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// Under which rules customers may be called; `None`: the day is no trial.
    pub law: Option<Law>,
    /// Nothing new begins towards the end, so that nothing may be left at it.
    pub drains: bool,
}

/// A group of agents.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentGroup {
    /// What people read.
    pub name: String,
    /// How many are signed in, over the day.
    pub count: Profile,
    /// They take callers.
    pub inbound: bool,
    /// They take customers of campaigns.
    pub outbound: bool,
    /// Of them, kept for callers where an idle threshold is a number.
    pub reserve: u32,
    /// One draw per agent multiplies talk times.
    pub handle_factor: Option<Distribution>,
}

/// When callers come.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrivals {
    /// By chance, at a rate per hour.
    PerHour(Profile),
    /// At recorded times, in seconds, in order.
    Replay(Arc<[f64]>),
}

/// The callers and their queue.
#[derive(Clone, Debug, PartialEq)]
pub struct Inbound {
    /// When they come.
    pub arrivals: Arrivals,
    /// One draw per day multiplies all arrivals.
    pub busyness: Option<Distribution>,
    /// Talk, in seconds.
    pub talk_s: Distribution,
    /// Wrap-up, in seconds.
    pub wrap_up_s: Distribution,
    /// How long a caller waits, in seconds; `None`: for ever.
    pub patience_s: Option<Distribution>,
    /// Chance that a caller who finds no idle agent hangs up at once.
    pub balking: f64,
    /// Share of callers to be answered in time, 0 to 1.
    pub service_level_target: f64,
    /// The time meant, in seconds.
    pub within_s: f64,
}

/// Chances of a dial.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcomes {
    /// Share of the leads that are like this; the shares of a campaign sum to 1.
    pub share: f64,
    /// A person would answer, if it rang long enough.
    pub person: Profile,
    /// A machine answers.
    pub machine: Profile,
    /// The call fails.
    pub failure: Profile,
}

/// One campaign and its customers.
#[derive(Clone, Debug, PartialEq)]
pub struct Outbound {
    /// What people read.
    pub name: String,
    /// When it runs, in seconds; empty: always.
    pub active: Vec<(f64, f64)>,
    /// Classes of leads, known before dialling; one if the file names none.
    pub classes: Vec<Outcomes>,
    /// From the dial until a machine is recognised and released, in seconds.
    pub machine_s: Distribution,
    /// From the dial to a failure, in seconds.
    pub failure_s: Distribution,
    /// From the dial until a person answers, in seconds.
    pub answer_s: Distribution,
    /// From the answer until it is known that a person answered, in seconds.
    pub detection_s: Distribution,
    /// Rings at most so long, in seconds.
    pub ring_timeout_s: f64,
    /// Rings at least so long before it may be given up, in seconds.
    pub ring_min_s: f64,
    /// Talk, in seconds.
    pub talk_s: Distribution,
    /// Wrap-up, in seconds.
    pub wrap_up_s: Distribution,
    /// How long a person who answered waits for an agent, in seconds.
    pub patience_s: Distribution,
    /// With preview: how long an agent looks at a lead before the call is started, in seconds.
    pub look_s: Distribution,
    /// Largest share of abandoned calls, 0 to 1.
    pub max_abandon_rate: f64,
    /// How many leads there are; `None`: more than can be dialled.
    pub leads: Option<u64>,
    /// How many are dialled and when.
    pub pacing: Pacing,
    /// When outbound may have agents.
    pub gate: GateSettings,
    /// Ringing may be given up.
    pub may_cancel_ringing: bool,
}

/// When outbound may have agents, and who gets a freed one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateSettings {
    /// The idle threshold.
    pub idle_threshold: IdleThreshold,
    /// How far below the threshold the gate closes.
    pub hysteresis: f64,
    /// How long the threshold must have been exceeded, in seconds.
    pub dwell_s: f64,
    /// Time constant of the smoothing of idleness, in seconds.
    pub smoothing_s: f64,
    /// Who gets a freed agent.
    pub serve_first: ServeFirst,
}

impl Outbound {
    /// Whether it runs at a time, in seconds.
    pub fn runs_at(&self, at_s: f64) -> bool {
        self.active.is_empty() || self.active.iter().any(|(from_s, to_s)| (*from_s..*to_s).contains(&at_s))
    }
}

impl Scenario {
    /// The same day under another pacing of every campaign.
    #[must_use]
    pub fn paced(&self, pacing: &Pacing) -> Scenario {
        let mut scenario = self.clone();
        for campaign in &mut scenario.outbound {
            campaign.pacing = pacing.clone();
        }
        scenario
    }
}
