//! Adaptive: a level of lines per agent, steered by the balance of waiting agents and waiting customers.
//!
//! After the public description of the field's best-known open dialler: a controller that samples, steps the level every
//! 15 s and looks at the abandoned calls once a minute, and a loop that dials every 2.5 s. Its weaknesses are kept (it
//! knows no answer rate, ring time or talk time), because people compare with it. Its limits per server are not: what a
//! trunk carries is the trunk's own limit here. Read [`Level`] first.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Figures, Limit, Outlook, Pacer, Phase, affordable, ringing_max_or, within};
use crate::engine::acd::group::Engagement;
use crate::model::campaign::{Adaptive, DropRule};
use crate::model::time::{Instant, Now};

/// Agents who only take outbound are sampled once a second, over so many samples.
const SAMPLE: Duration = Duration::from_secs(1);
const SAMPLES: usize = 15;
/// Blended ones at each round of dialling, over so many rounds.
const ROUNDS: usize = 20;
/// Today's share of abandoned calls says nothing up to so many calls.
const CALLS_FEW: u64 = 50;
/// Nor does the last minute's, up to so many.
const MINUTE_CALLS_FEW: u64 = 20;
/// A last minute in which more than this share of all calls was abandoned halves the level at each step.
const MINUTE_DROPS_MAX: f64 = 0.5;
/// Hours × 100 + minutes before the end of the day from which the tapered rule lowers the level.
const TAPER_FROM: f64 = 1000.0;

/// The controller and its loop.
#[derive(Clone, Debug)]
pub struct Level {
    rules: Adaptive,
    ringing_max: Option<u32>,
    within_budget: bool,
    level: f64,
    samples: VecDeque<Sample>,
    drops: Drops,
    clocks: Option<Clocks>,
    round: Option<Round>,
}

/// When each of its loops turns next.
#[derive(Clone, Copy, Debug)]
struct Clocks {
    sample: Instant,
    level: Instant,
    drops: Instant,
    round: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    ready: u32,
    waiting: u32,
    signed_in: u32,
}

/// The abandoned calls at the last look.
#[derive(Clone, Copy, Debug, Default)]
struct Drops {
    dialled: u64,
    abandoned: u64,
    today: Option<f64>,
    minute_calls: u64,
    minute_abandoned: u64,
}

/// One round of dialling, while it lasts.
#[derive(Clone, Copy, Debug)]
struct Round {
    goal: u32,
    existing: u32,
}

impl Level {
    /// A controller at its first level.
    pub fn new(rules: Adaptive, ringing_max: Option<u32>, within_budget: bool) -> Level {
        let level = rules.level_start;
        let (samples, drops) = (VecDeque::new(), Drops::default());
        Level { rules, ringing_max, within_budget, level, samples, drops, clocks: None, round: None }
    }

    /// Lines per agent at this moment.
    pub fn lines_per_agent(&self) -> f64 {
        self.level
    }

    fn sample(&mut self, figures: &Figures, outlook: &Outlook<'_>) {
        let blended = outlook.is_blended();
        let callers = if blended { outlook.waiting_callers() } else { 0 };
        let waiting = outlook.waiting_customers() + callers;
        let signed_in = outlook.signed_in();
        self.samples.push_back(Sample { ready: figures.idle_with_slot, waiting, signed_in });
        let most = if blended { ROUNDS } else { SAMPLES };
        while self.samples.len() > most {
            self.samples.pop_front();
        }
    }

    fn look_at_drops(&mut self, outlook: &Outlook<'_>) {
        let today = outlook.today();
        let since = |now: u64, before: u64| if now >= before { now - before } else { now }; // a new day
        self.drops = Drops {
            dialled: today.dialled,
            abandoned: today.abandoned,
            today: (today.answered > 0).then(|| today.abandoned as f64 / today.answered as f64),
            minute_calls: since(today.dialled, self.drops.dialled),
            minute_abandoned: since(today.abandoned, self.drops.abandoned),
        };
    }

    /// One step: by the balance, then by the abandoned calls.
    fn step(&mut self, wall_clock: u32, signed_in: u32) {
        let mut level = self.balanced();
        let minute = self.drops.minute_abandoned as f64 / self.drops.minute_calls.max(1) as f64;
        if self.drops.minute_calls > MINUTE_CALLS_FEW && minute > MINUTE_DROPS_MAX {
            level /= 2.0;
        }
        let over = self.drops.today.is_some_and(|share| share > self.rules.drop_max);
        if over && self.drops.dialled > CALLS_FEW {
            level = match self.rules.drop_rule {
                DropRule::HardLimit => 1.0,
                DropRule::Average => level / 2.0,
                DropRule::Tapered => {
                    let left = f64::from(self.rules.taper_until) - f64::from(wall_clock);
                    if left < 0.0 { 1.0 } else { level * (left / TAPER_FROM).min(1.0) }
                }
            };
        }
        if signed_in < self.rules.agents_min {
            level = 1.0;
        }
        self.level = level.max(1.0);
    }

    /// The level by the balance of waiting agents and customers.
    fn balanced(&self) -> f64 {
        let count = self.samples.len().max(1) as f64;
        let mean =
            |of: fn(&Sample) -> u32| self.samples.iter().map(|sample| f64::from(of(sample))).sum::<f64>() / count;
        let difference = mean(|sample| sample.ready) - mean(|sample| sample.waiting);
        let agents = mean(|sample| sample.signed_in);
        let wanted = difference + f64::from(self.rules.target);
        let move_by = if agents > 0.0 { wanted / agents } else { 0.0 };
        let intensity = self.rules.intensity_percent / 100.0;
        let move_by = if move_by >= 0.0 { move_by * (1.0 + intensity) } else { move_by * (intensity - 1.0).abs() };
        let level = (self.level * (1.0 + move_by) * 1000.0).round() / 1000.0;
        level.min(self.rules.level_max).max(1.0)
    }

    /// What is to be reached in this round, and what is there besides attempts on their way.
    fn begin_round(&self, figures: &Figures, outlook: &Outlook<'_>) -> Round {
        let (mut with_customers, mut with_callers) = (0u32, 0u32);
        for busy in outlook.busy().filter(|busy| busy.phase == Phase::Talking) {
            match busy.engagement {
                Engagement::Outbound => with_customers += 1,
                Engagement::Inbound => with_callers += 1,
                Engagement::Idle | Engagement::Preview | Engagement::Away => {}
            }
        }
        let ready = figures.idle_with_slot;
        let counted = if self.rules.available_only { ready } else { ready + with_customers + with_callers };
        let target = if self.rules.target_in_rounds { self.rules.target } else { 0 };
        let agents = counted.saturating_add_signed(target);
        let mut goal = (self.level * f64::from(agents)).round().clamp(0.0, f64::from(u32::MAX)) as u32;
        if self.rules.available_only {
            goal += with_customers;
        }
        let inbound = with_callers + outlook.waiting_callers();
        let overridden = self.rules.inbound_override && ready > 0;
        let existing = with_customers + if overridden { 0 } else { inbound };
        let callers_wait = self.rules.callers_first && outlook.waiting_callers() > 0;
        Round { goal: if callers_wait { 0 } else { goal }, existing }
    }
}

impl Pacer for Level {
    fn look(&mut self, now: Now, figures: &Figures, outlook: &Outlook<'_>) {
        let every = |s: f64| Duration::try_from_secs_f64(s).unwrap_or(SAMPLE).max(Duration::from_millis(1));
        let (level, drops) = (every(self.rules.level_every_s), every(self.rules.drops_every_s));
        let round = every(self.rules.dial_every_s);
        let at = now.instant;
        let mut clocks =
            self.clocks.unwrap_or(Clocks { sample: at, level: at + level, drops: at + drops, round: at + round });
        self.round = None;
        let blended = outlook.is_blended();
        let rounds = due(&mut clocks.round, at, round);
        if due(&mut clocks.sample, at, if blended { round } else { SAMPLE }) {
            self.sample(figures, outlook);
        }
        if due(&mut clocks.drops, at, drops) {
            self.look_at_drops(outlook);
        }
        if due(&mut clocks.level, at, level) {
            self.step(outlook.wall_clock(now), outlook.signed_in());
        }
        if rounds {
            self.round = Some(self.begin_round(figures, outlook));
        }
        self.clocks = Some(clocks);
    }

    fn agents_per_line(&self, budget_spent: bool) -> f64 {
        if self.within_budget && budget_spent { 1.0 } else { 1.0 / self.level.max(1.0) }
    }

    fn place(&self, figures: &Figures) -> u32 {
        let Some(round) = self.round else { return 0 };
        let wanted = round.goal.saturating_sub(round.existing.saturating_add(figures.pending_alike));
        within(if self.within_budget { wanted.min(affordable(figures)) } else { wanted }, figures, self.ringing_max)
    }

    fn keep(&self, figures: &Figures) -> u32 {
        // It hangs up nothing by itself; without a slot the gate has closed.
        if figures.slots == 0 { 0 } else { u32::MAX }
    }

    fn limit(&self, figures: &Figures) -> Limit {
        ringing_max_or(Limit::Level, figures, self.ringing_max)
    }

    fn next_look(&self) -> Option<Instant> {
        let clocks = self.clocks?;
        Some(clocks.sample.min(clocks.level).min(clocks.drops).min(clocks.round))
    }
}

/// Whether a loop turns now; if so, when it turns next.
fn due(clock: &mut Instant, now: Instant, every: Duration) -> bool {
    if *clock > now {
        return false;
    }
    // A loop that was late goes on from now: rounds are not made up for.
    *clock = if *clock + every > now { *clock + every } else { now + every };
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(rules: Adaptive) -> Level {
        Level::new(rules, None, false)
    }

    fn seen(mut level: Level, ready: u32, waiting: u32) -> Level {
        level.samples.extend([Sample { ready, waiting, signed_in: 10 }; 3]);
        level
    }

    #[test]
    fn the_level_follows_the_balance_and_stays_within_its_limits() {
        let mut idle = seen(level(Adaptive::default()), 2, 0);
        idle.step(1200, 10);
        assert_eq!(idle.level, 1.2);
        for _ in 0..20 {
            idle.step(1200, 10);
        }
        assert_eq!(idle.level, 3.0);
        let mut short = seen(level(Adaptive { level_start: 2.0, ..Adaptive::default() }), 0, 1);
        short.step(1200, 10);
        assert_eq!(short.level, 1.8);
        let eager = Adaptive { level_start: 2.0, intensity_percent: 50.0, ..Adaptive::default() };
        let mut eager = seen(level(eager), 0, 1);
        eager.step(1200, 10);
        assert_eq!(eager.level, 1.9, "it falls slower");
    }

    #[test]
    fn too_many_abandoned_calls_lower_the_level_by_the_rule_that_was_chosen() {
        let over = Drops { dialled: 60, today: Some(0.04), ..Drops::default() };
        for (rule, wall_clock, expected) in [
            (DropRule::HardLimit, 1200, 1.0),
            (DropRule::Average, 1200, 1.2),
            (DropRule::Tapered, 1700, 1.0),
            (DropRule::Tapered, 1300, 2.4 * 0.8),
            (DropRule::Tapered, 2200, 1.0),
        ] {
            let rules = Adaptive { level_start: 2.4, drop_rule: rule, ..Adaptive::default() };
            let mut level = Level { drops: over, ..seen(level(rules), 0, 0) };
            level.step(wall_clock, 10);
            assert!((level.level - expected).abs() < 1e-9, "{rule:?} at {wall_clock}: {}", level.level);
        }
    }
}
