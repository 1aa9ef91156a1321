//! How many attempts are started and when.
//!
//! A pacer only counts: which lead, and whether it may be dialled at all, is the hopper's and the guard's matter. Read
//! [`Pacer`] and [`Figures`] first.

mod progressive;
mod ratio;

pub use progressive::Progressive;
pub use ratio::Ratio;

use crate::model::campaign::Pacing;

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
    /// An agent of the group has just become idle (or the gate opened, or the campaign started).
    pub agent_freed: bool,
    /// How many more calls may be abandoned by the cap. Attempts beyond those that an agent is held for never exceed it,
    /// so that the cap holds even if every line answers at once.
    pub abandons_left: u32,
}

/// A policy of dialling. Asked after every event; it never polls.
pub trait Pacer {
    /// How many more attempts are started now.
    fn place(&self, figures: &Figures) -> u32;

    /// How many attempts on their way the agents can take. What rings beyond it is given up (after the minimum ring
    /// time) when slots shrink.
    fn keep(&self, figures: &Figures) -> u32;
}

/// The pacer of a campaign's setting.
pub fn pacer(pacing: &Pacing) -> Box<dyn Pacer + Send> {
    match pacing {
        Pacing::Progressive { ringing_max } => Box::new(Progressive { ringing_max: *ringing_max }),
        Pacing::Ratio { lines_per_agent, min_idle_total, on, ringing_max } => Box::new(Ratio {
            lines_per_agent: *lines_per_agent,
            min_idle_total: *min_idle_total,
            on: *on,
            ringing_max: *ringing_max,
        }),
    }
}

/// Lines that one agent may keep busy, for the size of the hopper.
pub fn lines_per_agent(pacing: &Pacing) -> f64 {
    match pacing {
        Pacing::Progressive { .. } => 1.0,
        Pacing::Ratio { lines_per_agent, .. } => lines_per_agent.max(1.0),
    }
}

/// What a limit on ringing attempts leaves of a wish.
fn within(wish: u32, figures: &Figures, ringing_max: Option<u32>) -> u32 {
    match ringing_max {
        Some(max) => wish.min(max.saturating_sub(figures.pending_own)),
        None => wish,
    }
}
