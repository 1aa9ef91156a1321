//! How many attempts are started and when.
//!
//! A pacer only counts: which lead, and whether it may be dialled at all, is the hopper's and the guard's matter. Read
//! [`Pacer`], [`Figures`] and [`Outlook`] first.

mod adaptive;
mod balance;
pub mod learned;
mod outlook;
mod predictive;
mod preview;
mod progressive;
mod ratio;
mod yardstick;

pub use adaptive::Level;
pub use outlook::{Busy, Outlook, Phase};
pub use predictive::Predictive;
pub use preview::Preview;
pub use progressive::Progressive;
pub use ratio::Ratio;

use crate::model::campaign::Pacing;
use crate::model::decision::Forecast;
use crate::model::time::{Instant, Now};

/// What a pacer may know at a decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Outbound slots of the group's open gate; 0 while it is closed.
    pub slots: u32,
    /// Idle agents of the group who have a slot: idle, and not more than the slots that outbound does not use.
    pub idle_with_slot: u32,
    /// Idle agents of all groups.
    pub idle_total: u32,
    /// Attempts of the group on their way to an agent: being recorded, ringing, being classified, or waiting.
    pub pending: u32,
    /// Of these, the campaign's own.
    pub pending_own: u32,
    /// The same, where each line of another campaign counts as the lines of this one that the same agents would do for
    /// (see [`Pacer::agents_per_line`]). Where two lines ring for each agent in one campaign and one in another, one of
    /// the first takes the room of half of the second, and one of the second that of two of the first.
    pub pending_alike: u32,
    /// The same for the abandon budget: whole lines, each of which may be answered at once; only lines that a forecast
    /// stands behind count as the agents that they count on.
    pub pending_risked: u32,
    /// An agent of the group has just become idle (or the gate opened, or the campaign started).
    pub agent_freed: bool,
    /// How many more calls may be abandoned by the cap. Attempts beyond those that an agent is held for never exceed it,
    /// so that the cap holds even if every line answers at once.
    pub abandons_left: u32,
}

/// A policy of dialling. Asked after every event; one that goes by the clock says when it wants to be asked besides.
///
/// After each input the engine calls [`Pacer::look`] once with everything there is to see, then [`Pacer::place`] as often
/// as dials are shared out among campaigns: `look` learns and decides, `place` only does the sum.
pub trait Pacer {
    /// Takes in what there is, before dials are placed. A policy without a memory needs nothing of it.
    fn look(&mut self, _now: Now, _figures: &Figures, _outlook: &Outlook<'_>) {}

    /// The part of an agent that it counts on for each attempt on its way: above 0, and 1 where an agent is held for each.
    fn agents_per_line(&self, budget_spent: bool) -> f64;

    /// How many more attempts are started now.
    fn place(&self, figures: &Figures) -> u32;

    /// How many attempts on their way the agents can take. What rings beyond it is given up (after the minimum ring
    /// time) when slots shrink.
    fn keep(&self, figures: &Figures) -> u32;

    /// What keeps it from placing one more dial, where nothing but the pacing does.
    fn limit(&self, figures: &Figures) -> Limit;

    /// The forecast behind its last decision, where it makes one.
    fn forecast(&self) -> Option<Forecast> {
        None
    }

    /// When it is to be asked again even if nothing happens before.
    fn next_look(&self) -> Option<Instant> {
        None
    }
}

/// What a pacer is held back by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// An idle agent is held for every dial, and each has one.
    AgentsHeld,
    /// The campaign's own limit on ringing attempts.
    RingingMax,
    /// One more is worth less than it is likely to cost in abandoned calls and waiting callers.
    Price,
    /// The ratio's lines per agent are on their way.
    Lines,
    /// The level's lines per agent are on their way, or its next round has not begun.
    Level,
    /// Fewer agents are idle, over all groups, than the campaign demands.
    IdleTotal,
    /// The leads that were asked for have not come.
    Hopper,
}

impl Limit {
    /// A stable code for records and translations, different from those of refusals.
    pub fn code(self) -> &'static str {
        match self {
            Limit::AgentsHeld => "agents_held",
            Limit::RingingMax => "ringing_max",
            Limit::Price => "price",
            Limit::Lines => "lines",
            Limit::Level => "level",
            Limit::IdleTotal => "idle_total",
            Limit::Hopper => "hopper",
        }
    }
}

/// The pacer of a campaign's setting.
pub fn pacer(pacing: &Pacing) -> Box<dyn Pacer + Send> {
    match pacing {
        Pacing::Progressive { ringing_max } => Box::new(Progressive { ringing_max: *ringing_max }),
        Pacing::Ratio { lines_per_agent, min_idle_total, on, ringing_max, within_budget, restarts } => {
            Box::new(Ratio {
                lines_per_agent: *lines_per_agent,
                min_idle_total: *min_idle_total,
                on: *on,
                ringing_max: *ringing_max,
                within_budget: *within_budget,
                restarts: *restarts,
            })
        }
        Pacing::Predictive { ringing_max } => Box::new(Predictive::new(*ringing_max)),
        Pacing::Preview(_) => Box::new(Preview),
        Pacing::Adaptive { rules, ringing_max, within_budget } => {
            Box::new(Level::new(rules.clone(), *ringing_max, *within_budget))
        }
    }
}

/// Lines for which predictive pacing has leads in hand: where one in three answers, an agent needs as many.
const PREDICTIVE_LINES: f64 = 3.0;

/// Lines that one agent may keep busy, for the size of the hopper.
pub fn lines_per_agent(pacing: &Pacing) -> f64 {
    match pacing {
        Pacing::Progressive { .. } | Pacing::Preview(_) => 1.0,
        Pacing::Ratio { lines_per_agent, .. } => lines_per_agent.max(1.0),
        Pacing::Adaptive { rules, .. } => rules.level_max.max(1.0),
        Pacing::Predictive { .. } => PREDICTIVE_LINES,
    }
}

/// What a limit on ringing attempts leaves of a wish.
fn within(wish: u32, figures: &Figures, ringing_max: Option<u32>) -> u32 {
    match ringing_max {
        Some(max) => wish.min(max.saturating_sub(figures.pending_own)),
        None => wish,
    }
}

/// The campaign's own limit on ringing attempts where it is reached, else what else holds it back.
fn ringing_max_or(other: Limit, figures: &Figures, ringing_max: Option<u32>) -> Limit {
    if ringing_max.is_some_and(|most| figures.pending_own >= most) { Limit::RingingMax } else { other }
}

/// How many more attempts today's abandon budget allows beside those on their way: those with an agent held for them, and
/// as many more as may still be abandoned.
fn affordable(figures: &Figures) -> u32 {
    figures.idle_with_slot.saturating_add(figures.abandons_left).saturating_sub(figures.pending_risked)
}
