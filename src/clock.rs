//! The only reader of the operating system's clocks.
//!
//! Drivers own a [`Clock`] and hand [`Now`] down; nothing below them asks what time it is. There is no test clock here:
//! a test makes its own [`Now`] and steps it.

use crate::model::time::{Instant, Now, Timestamp};

/// A reader of both clocks, whose monotonic origin is the moment it was started.
///
/// Cheap to copy. Copies share the origin, so that their instants can be compared.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: std::time::Instant,
}

impl Clock {
    /// A clock whose [`Instant::ZERO`] is now. One per process.
    #[expect(clippy::disallowed_methods, reason = "this is the one reader of the clocks")]
    pub fn start() -> Clock {
        Clock { origin: std::time::Instant::now() }
    }

    /// What both clocks say.
    #[expect(clippy::disallowed_methods, reason = "this is the one reader of the clocks")]
    pub fn now(&self) -> Now {
        let elapsed = std::time::Instant::now().saturating_duration_since(self.origin);
        Now { instant: Instant::ZERO + elapsed, timestamp: Timestamp::from(jiff::Timestamp::now()) }
    }

    /// When one of this clock's instants comes, as the drivers' timers want it; `None` for one too far away to be
    /// represented ([`Instant::FAR`]), which means never.
    pub fn when(&self, at: Instant) -> Option<std::time::Instant> {
        self.origin.checked_add(at.since(Instant::ZERO))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_go_forward_and_the_calendar_is_past_2020() {
        let clock = Clock::start();
        let first = clock.now();
        let second = clock.now();
        assert!(second.instant >= first.instant);
        assert!(first.timestamp > Timestamp::from_millis(1_577_836_800_000));
        assert_eq!(clock.when(Instant::ZERO), Some(clock.origin));
    }
}
