//! The idle gate: opens outbound when idleness has exceeded a threshold for long enough, closes it at once.
//!
//! ```text
//!   closed ──(smoothed idleness > threshold for dwell)──▶ open
//!     ▲                                                     │
//!     └──(smoothed idleness < threshold − hysteresis)───────┘
//! ```

use std::time::Duration;

use crate::engine::stats::Smoothed;
use crate::model::time::Instant;

/// What a gate goes by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateRule {
    /// Idleness that must be exceeded, 0 to 1.
    pub idle_threshold: f64,
    /// How far below the threshold it closes.
    pub hysteresis: f64,
    /// How long the threshold must have been exceeded.
    pub dwell: Duration,
}

/// Open or closed, and since when it could open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gate {
    /// Idleness is not above the threshold.
    #[default]
    Closed,
    /// Idleness has been above the threshold since then; the dwell runs.
    Dwelling {
        /// When it went above.
        since: Instant,
    },
    /// Outbound may use the slots.
    Open,
}

impl Gate {
    /// Whether outbound may use the slots.
    pub fn is_open(self) -> bool {
        match self {
            Gate::Open => true,
            Gate::Closed | Gate::Dwelling { .. } => false,
        }
    }

    /// The gate after a look at the idleness of this moment. A group without staffed agents has its gate closed.
    #[must_use]
    pub fn after(self, now: Instant, idleness: &Smoothed, rule: &GateRule, staffed: u32) -> Gate {
        if staffed == 0 {
            return Gate::Closed;
        }
        match self {
            Gate::Open if idleness.is_below(rule.idle_threshold - rule.hysteresis) => Gate::Closed,
            Gate::Open => Gate::Open,
            Gate::Closed | Gate::Dwelling { .. } if !idleness.exceeds(rule.idle_threshold) => Gate::Closed,
            Gate::Closed if rule.dwell.is_zero() => Gate::Open,
            Gate::Closed => Gate::Dwelling { since: now },
            Gate::Dwelling { since } if now >= since + rule.dwell => Gate::Open,
            Gate::Dwelling { since } => Gate::Dwelling { since },
        }
    }

    /// When it is to be looked at again if nothing happens before.
    pub fn next_look(self, idleness: &Smoothed, rule: &GateRule) -> Option<Instant> {
        match self {
            Gate::Closed => idleness.crosses(rule.idle_threshold),
            Gate::Dwelling { since } => {
                let opens = since + rule.dwell;
                Some(idleness.crosses(rule.idle_threshold).map_or(opens, |falls| falls.min(opens)))
            }
            Gate::Open => idleness.crosses(rule.idle_threshold - rule.hysteresis),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: GateRule = GateRule { idle_threshold: 0.3, hysteresis: 0.1, dwell: Duration::from_secs(5) };

    fn at(s: u64) -> Instant {
        Instant::from_micros(s * 1_000_000)
    }

    fn idle(value: f64) -> Smoothed {
        Smoothed::new(value, Instant::ZERO, 0.0)
    }

    #[test]
    fn it_opens_only_after_the_dwell_and_a_dip_starts_the_dwell_anew() {
        let gate = Gate::default().after(at(0), &idle(0.5), &RULE, 4);
        assert_eq!(gate, Gate::Dwelling { since: at(0) });
        let dipped = gate.after(at(4), &idle(0.3), &RULE, 4);
        assert_eq!(dipped, Gate::Closed, "equal to the threshold does not exceed it");
        let again = dipped.after(at(4), &idle(0.5), &RULE, 4);
        assert!(!again.after(at(8), &idle(0.5), &RULE, 4).is_open());
        assert!(again.after(at(9), &idle(0.5), &RULE, 4).is_open());
    }

    #[test]
    fn it_stays_open_within_the_hysteresis_and_closes_at_once_below() {
        assert!(Gate::Open.after(at(0), &idle(0.2), &RULE, 4).is_open());
        assert!(!Gate::Open.after(at(0), &idle(0.19), &RULE, 4).is_open());
        assert!(!Gate::Open.after(at(0), &idle(1.0), &RULE, 0).is_open(), "nobody is there");
    }

    #[test]
    fn a_crossing_between_events_is_foreseen() {
        let mut idleness = Smoothed::new(0.0, Instant::ZERO, 30.0);
        idleness.feed(1.0);
        let rises = Gate::Closed.next_look(&idleness, &RULE).unwrap();
        assert!((rises.as_secs_f64() - 30.0 * (1.0f64 / 0.7).ln()).abs() < 1e-3);
        idleness.advance(rises);
        let gate = Gate::Closed.after(rises, &idleness, &RULE, 1);
        assert_eq!(gate.next_look(&idleness, &RULE), Some(rises + RULE.dwell));
    }
}
