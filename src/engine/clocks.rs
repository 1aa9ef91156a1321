//! Whether wall clock and monotonic clock tell the same story. Both drivers look, and tell the engine when that changes
//! (reliability.md I-7).

use std::time::Duration;

use crate::model::time::Now;

/// Wall clock and monotonic clock may diverge this much within [`CLOCK_WINDOW`] before dialling stops.
pub const CLOCK_STEP_MAX: Duration = Duration::from_secs(2);
/// See [`CLOCK_STEP_MAX`]. After a step, time is trusted again once the clocks have agreed for this long.
pub const CLOCK_WINDOW: Duration = Duration::from_secs(60);

/// Watches whether wall clock and monotonic clock tell the same story.
#[derive(Clone, Debug)]
pub struct Clocks {
    base: Now,
    sure: bool,
}

impl Clocks {
    /// Trusts what it sees first.
    pub fn new(now: Now) -> Clocks {
        Clocks { base: now, sure: true }
    }

    /// What changed about the trust in calendar time. A driver looks before anything else, at every turn.
    pub fn look(&mut self, now: Now) -> Option<bool> {
        let elapsed = now.instant.since(self.base.instant);
        let expected = self.base.timestamp + elapsed;
        let apart = now.timestamp.since(expected).max(expected.since(now.timestamp));
        if apart > CLOCK_STEP_MAX {
            // From here on the new time is compared with itself.
            self.base = now;
            return std::mem::replace(&mut self.sure, false).then_some(false);
        }
        if elapsed < CLOCK_WINDOW {
            return None;
        }
        self.base = now;
        (!std::mem::replace(&mut self.sure, true)).then_some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::{Instant, Timestamp};

    fn at(instant_s: u64, timestamp_s: i64) -> Now {
        Now {
            instant: Instant::from_micros(instant_s * 1_000_000),
            timestamp: Timestamp::from_millis(timestamp_s * 1_000),
        }
    }

    #[test]
    fn a_step_of_the_wall_clock_is_noticed_once_and_trust_returns_after_a_minute_of_agreement() {
        let mut clocks = Clocks::new(at(0, 1_000));
        assert_eq!(clocks.look(at(10, 1_010)), None);
        assert_eq!(clocks.look(at(11, 4_611)), Some(false), "an hour forward");
        assert_eq!(clocks.look(at(12, 4_612)), None);
        assert_eq!(clocks.look(at(72, 4_672)), Some(true));
        assert_eq!(clocks.look(at(73, 4_670)), Some(false), "three seconds back");
    }

    #[test]
    fn slow_drift_is_not_a_step() {
        let mut clocks = Clocks::new(at(0, 1_000));
        for minute in 1..600_u64 {
            // Two seconds in ten hours, well above what any quartz does.
            let drift = minute as i64 * 60 * 2 / 36_000;
            assert_eq!(clocks.look(at(minute * 60, 1_000 + minute as i64 * 60 + drift)), None);
        }
    }
}
