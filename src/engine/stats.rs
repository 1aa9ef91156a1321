//! Figures that steer: smoothed idleness, the service level of a queue, the abandon budget of a campaign.
//!
//! Only arithmetic. Read [`Smoothed`] and [`abandons_left`] first.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::event::DayCounts;
use crate::model::time::Instant;

/// A value smoothed exponentially in continuous time. The input is constant between events, so that the closed form
/// `s(t) = x + (s₀ − x)·e^(−t/τ)` is exact and nothing needs to be polled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Smoothed {
    input: f64,
    value: f64,
    at: Instant,
    time_constant_s: f64,
}

/// A crossing that is further away than this is not waited for: an event will come first.
const CROSSING_FAR_S: f64 = 86_400.0;
/// Two figures of idleness closer than this are the same.
const SAME: f64 = 1e-9;

impl Smoothed {
    /// Begins at a value.
    pub fn new(value: f64, at: Instant, time_constant_s: f64) -> Smoothed {
        Smoothed { input: value, value, at, time_constant_s }
    }

    /// Brings the value up to now with the input that held since the last time.
    pub fn advance(&mut self, now: Instant) {
        let span_s = now.since(self.at).as_secs_f64();
        self.value = self.after(span_s);
        self.at = self.at.max(now);
    }

    /// The input from now on. Call [`Smoothed::advance`] before.
    pub fn feed(&mut self, input: f64) {
        self.input = input;
        if self.time_constant_s <= 0.0 {
            self.value = input;
        }
    }

    /// Forgets the past.
    pub fn restart(&mut self, value: f64) {
        self.input = value;
        self.value = value;
    }

    /// Another time constant from now on, in seconds.
    pub fn set_time_constant(&mut self, time_constant_s: f64) {
        self.time_constant_s = time_constant_s;
        self.feed(self.input);
    }

    /// The smoothed value at the last advance.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// The input at this moment.
    pub fn input(&self) -> f64 {
        self.input
    }

    /// Whether the value lies above a level.
    pub fn exceeds(&self, level: f64) -> bool {
        self.value > level + SAME
    }

    /// Whether the value lies below a level.
    pub fn is_below(&self, level: f64) -> bool {
        self.value < level - SAME
    }

    /// When the value will have crossed the level if the input stays as it is; `None` if it will not.
    pub fn crosses(&self, level: f64) -> Option<Instant> {
        let distance = self.input - self.value;
        let target = if distance > 0.0 { level + 2.0 * SAME } else { level - 2.0 * SAME };
        let remaining = self.input - target;
        // From one side of the level to an input that lies beyond it.
        let comes = (distance > 0.0 && self.value < target && remaining > 0.0)
            || (distance < 0.0 && self.value > target && remaining < 0.0);
        if !comes || self.time_constant_s <= 0.0 {
            return None;
        }
        let span_s = self.time_constant_s * (distance / remaining).ln();
        if !(0.0..=CROSSING_FAR_S).contains(&span_s) {
            return None;
        }
        // At least a microsecond ahead, so that rounding cannot make the timer fire for ever at one instant.
        Some(self.at + Duration::from_micros((span_s * 1e6).ceil() as u64 + 1))
    }

    fn after(&self, span_s: f64) -> f64 {
        if self.time_constant_s <= 0.0 {
            return self.input;
        }
        self.input + (self.value - self.input) * (-span_s / self.time_constant_s).exp()
    }
}

/// What a queue has done today.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueDay {
    /// Callers who came while it was open.
    pub offered: u64,
    /// Of these, connected to an agent.
    pub answered: u64,
    /// Of these, in time.
    pub answered_in_time: u64,
    /// Hung up while waiting.
    pub abandoned: u64,
    /// Sent to the overflow.
    pub overflowed: u64,
    /// Sum of the waits of answered callers, in ms.
    pub answered_wait_ms: u64,
}

impl QueueDay {
    /// Share answered in time of those who no longer wait; `None` before the first.
    pub fn service_level(&self) -> Option<f64> {
        let over = self.answered + self.abandoned + self.overflowed;
        (over > 0).then(|| self.answered_in_time as f64 / over as f64)
    }
}

/// Answered calls below which a share says little: up to here one abandoned call is allowed whatever the cap, if the
/// cap is not 0 (reliability.md I-30).
pub const ANSWERED_FEW: f64 = 100.0;
/// How many more calls may be abandoned, of those that so many are a share of. Zero when the budget is used up: from then
/// on only dials with an agent held for them.
pub fn abandons_left(abandoned: f64, answered: f64, abandon_rate_max: f64) -> u32 {
    if abandon_rate_max <= 0.0 {
        return 0;
    }
    let share = abandon_rate_max * answered;
    let budget = if answered < ANSWERED_FEW { share.max(1.0) } else { share };
    // 1e-9: 3 % of 100 answers are 3, whatever binary fractions say.
    (budget + 1e-9 - abandoned).floor().clamp(0.0, f64::from(u32::MAX)) as u32
}

/// Today's share of dials that a person answers. Before there are any it is taken to be a half: the safe side.
pub fn answer_share(today: &DayCounts) -> f64 {
    /// Dials that the first guess weighs as much as.
    const GUESS_DIALS: f64 = 10.0;
    (today.answered as f64 + GUESS_DIALS / 2.0) / (today.dialled as f64 + GUESS_DIALS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(s: f64) -> Instant {
        Instant::from_micros((s * 1e6) as u64)
    }

    #[test]
    fn smoothing_is_the_same_in_one_step_and_in_many() {
        let mut once = Smoothed::new(0.2, Instant::ZERO, 30.0);
        once.feed(0.9);
        let mut often = once;
        once.advance(seconds(60.0));
        for step in 1..=600 {
            often.advance(seconds(f64::from(step) * 0.1));
        }
        assert!((once.value() - often.value()).abs() < 1e-9, "{} {}", once.value(), often.value());
        assert!((once.value() - (0.9 - 0.7 * (-2f64).exp())).abs() < 1e-9);
    }

    #[test]
    fn the_computed_crossing_is_where_the_value_passes_the_level() {
        for (from, to, level) in [(0.2, 0.9, 0.5), (0.9, 0.1, 0.4), (0.0, 1.0, 0.999)] {
            let mut smoothed = Smoothed::new(from, Instant::ZERO, 30.0);
            smoothed.feed(to);
            let at = smoothed.crosses(level).unwrap();
            let mut before = smoothed;
            before.advance(at - Duration::from_millis(1));
            smoothed.advance(at);
            if to > from {
                assert!(smoothed.exceeds(level) && !before.exceeds(level), "{from} {to} {level}");
            } else {
                assert!(smoothed.is_below(level) && !before.is_below(level), "{from} {to} {level}");
            }
        }
    }

    #[test]
    fn a_level_that_is_never_passed_has_no_crossing() {
        let mut smoothed = Smoothed::new(0.2, Instant::ZERO, 30.0);
        smoothed.feed(0.5);
        assert_eq!(smoothed.crosses(0.5), None);
        assert_eq!(smoothed.crosses(0.6), None);
        assert_eq!(smoothed.crosses(0.1), None);
        smoothed.set_time_constant(0.0);
        assert_eq!(smoothed.value(), 0.5);
    }

    #[test]
    fn the_abandon_budget_allows_one_of_few_and_the_cap_of_many() {
        assert_eq!(abandons_left(0.0, 0.0, 0.03), 1);
        assert_eq!(abandons_left(1.0, 20.0, 0.03), 0);
        assert_eq!(abandons_left(2.0, 100.0, 0.03), 1);
        assert_eq!(abandons_left(3.0, 100.0, 0.03), 0);
        assert_eq!(abandons_left(30.0, 1000.0, 0.03), 0);
        assert_eq!(abandons_left(20.0, 1000.0, 0.03), 10);
        assert_eq!(abandons_left(0.0, 1000.0, 0.0), 0, "a cap of 0 never allows an overdial");
    }
}
