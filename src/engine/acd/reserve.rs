//! The reserve of an agent group whose idle threshold is `auto`: how many idle agents are kept for callers.
//!
//! Without ring lag the best rule is a threshold: outbound begins while more than r agents are idle, and the r that just
//! meets the service level lies between two whole numbers, met by choosing between them by chance (Gans & Zhou 2003,
//! Bhulai & Koole 2003). Traffic changes, so r is not computed: it is steered by measured waits (Legros, Jouini & Koole
//! 2015). Between two neighbouring whole reserves both the service level and outbound are linear in the share of time of
//! either, so moving r between them costs nothing; moving it past one does. Read [`Reserve::note`] first.

use crate::engine::Engine;
use crate::engine::random::Chance;
use crate::model::name::QueueName;
use crate::model::settings::IdleThreshold;

/// How far one caller moves the reserve in the long run, in agents, at a target of one half. At others it is divided by
/// the variance of a single caller's fate relative to that: where hardly anybody may wait, each who does says the more.
const STEP: f64 = 0.015;
/// Least variance it is divided by: at high targets the reserve would else follow every single caller who waited.
const VARIANCE_MIN: f64 = 0.4;
/// The first callers move it so many times as far on top, falling off with their number: nothing is known at first, and
/// an hour's traffic must do.
const EAGER: f64 = 5.0;
const EAGER_CALLERS: f64 = 60.0;
/// How far below none the reserve may be steered, in agents: callers answered in time are credit for later, but an
/// easy morning must not buy a bad afternoon.
const CREDIT_MAX: f64 = 0.5;

/// How far the steering may go past a whole reserve before the next pair of neighbours is chosen from, in agents. Beyond
/// a whole number outbound pays more for each caller, so one unlucky quarter of an hour must not lead there.
const SLACK: f64 = 1.0;
/// A team of which nothing is known keeps one agent.
const START: u32 = 1;

/// A reserve between two whole numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reserve {
    steered: f64,
    below: u32,
    drawn: u32,
    callers: u32,
}

impl Default for Reserve {
    fn default() -> Reserve {
        Reserve { steered: f64::from(START), below: START - 1, drawn: START, callers: 0 }
    }
}

impl Reserve {
    /// The reserve that the service level asks for, in agents: between two neighbours, also while the steering goes past
    /// one of them.
    pub fn wish(&self) -> f64 {
        let below = f64::from(self.below);
        self.steered.clamp(below, below + 1.0)
    }

    /// The whole reserve in force.
    pub fn agents(&self) -> u32 {
        self.drawn
    }

    /// A caller was answered in time, or was not. `target` is the share to be answered in time, `agents_max` the largest
    /// reserve that makes sense.
    pub fn note(&mut self, in_time: bool, target: f64, agents_max: u32) {
        let due = target - f64::from(u8::from(in_time));
        let variance = (4.0 * target * (1.0 - target)).max(VARIANCE_MIN);
        let eager = 1.0 + EAGER / (1.0 + f64::from(self.callers) / EAGER_CALLERS);
        self.callers = self.callers.saturating_add(1);
        self.steered = (self.steered + STEP * eager / variance * due).clamp(-CREDIT_MAX, f64::from(agents_max));
        let below = f64::from(self.below);
        if self.steered > below + 1.0 + SLACK {
            self.below += 1;
        } else if self.steered < below - SLACK {
            self.below = self.below.saturating_sub(1);
        }
    }

    /// An agent was released and nobody waits: the fraction is met by chance.
    pub fn draw(&mut self, chance: &mut Chance) {
        let fraction = self.wish() - f64::from(self.below);
        // No chance is drawn where there is none to take, so that a group that needs no reserve costs no luck.
        let more = fraction > 0.0 && chance.unit() < fraction;
        self.drawn = self.below + u32::from(more);
    }
}

impl Engine {
    /// A caller's wait is over, in time or not: steers the reserves of the groups that serve the queue.
    pub(in crate::engine) fn note_wait(&mut self, queue: &QueueName, in_time: bool) {
        let Some(target) = self.queues.get(queue).map(|queue| queue.settings.service_level_target) else { return };
        for name in self.groups.keys().cloned().collect::<Vec<_>>() {
            let Some(group) = self.groups.get(&name) else { continue };
            let steered = group.settings.idle_threshold == IdleThreshold::Auto;
            if !steered || !self.serves(&name, queue) {
                continue;
            }
            let Some(group) = self.groups.get_mut(&name) else { continue };
            group.steered.note(in_time, target, group.staffed);
        }
    }
}
