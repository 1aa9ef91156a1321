//! Calls per second of a trunk, kept by a governor, with one queue per trunk.
//!
//! A carrier counts the calls of any second it likes. A token bucket with room for a whole second lets twice the rate
//! through in the worst second, so the burst is 1 to 3. What cannot leave now waits in order, never longer than
//! [`WAIT_MAX`]: a dial that waited longer was decided on an older picture of the agents and goes back to the engine.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::model::time::Instant;

/// Longest wait for a place in the rate.
pub const WAIT_MAX: Duration = Duration::from_secs(1);
/// Largest burst a trunk may be given.
pub const BURST_MAX: u32 = 3;

type Limiter = RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<std::time::Instant>>;

/// One trunk's rate and its queue of dials that wait for it.
#[derive(Debug)]
pub struct Rate<T> {
    limiter: Limiter,
    waiting: VecDeque<(Instant, T)>,
    waiting_max: usize,
    held_until: Instant,
}

impl<T> Rate<T> {
    /// `calls_per_second` above zero; `burst` is cut to 1 to [`BURST_MAX`].
    pub fn new(calls_per_second: f64, burst: u32) -> Rate<T> {
        let cps = calls_per_second.clamp(0.01, 10_000.0);
        let burst = NonZeroU32::new(burst.clamp(1, BURST_MAX)).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(Duration::from_secs_f64(1.0 / cps))
            .unwrap_or(Quota::per_second(NonZeroU32::MIN))
            .allow_burst(burst);
        let waiting_max = (cps * WAIT_MAX.as_secs_f64()).ceil() as usize + 1;
        Rate {
            limiter: RateLimiter::direct_with_clock(quota, MonotonicClock),
            waiting: VecDeque::new(),
            waiting_max,
            held_until: Instant::ZERO,
        }
    }

    /// Puts a dial in the queue; gives it back if the queue is as long as a wait may be.
    ///
    /// # Errors
    /// The dial itself, if there is no room.
    pub fn queue(&mut self, now: Instant, dial: T) -> Result<(), T> {
        if self.waiting.len() >= self.waiting_max {
            return Err(dial);
        }
        self.waiting.push_back((now, dial));
        Ok(())
    }

    /// Holds the trunk back until then, as the carrier asked (Retry-After).
    pub fn hold(&mut self, until: Instant) {
        self.held_until = self.held_until.max(until);
    }

    /// The next dial that may leave now, or that has waited too long; otherwise when to ask again.
    pub fn next(&mut self, now: Instant) -> Turn<T> {
        let Some((since, _)) = self.waiting.front() else { return Turn::Nothing };
        let overdue = *since + WAIT_MAX;
        if now >= overdue {
            return self.take().map_or(Turn::Nothing, Turn::TooLate);
        }
        if now < self.held_until {
            return Turn::AskAt(self.held_until.min(overdue));
        }
        match self.limiter.check() {
            Ok(()) => self.take().map_or(Turn::Nothing, Turn::Go),
            Err(until) => {
                let wait = until.wait_time_from(MonotonicClock.now()).max(Duration::from_millis(1));
                Turn::AskAt((now + wait).min(overdue))
            }
        }
    }

    /// Takes out the dials that match, such as one that was cancelled while it waited.
    pub fn remove(&mut self, matches: impl Fn(&T) -> bool) -> Option<T> {
        let place = self.waiting.iter().position(|(_, dial)| matches(dial))?;
        self.waiting.remove(place).map(|(_, dial)| dial)
    }

    /// Takes out all dials that wait.
    pub fn drain(&mut self) -> impl Iterator<Item = T> + '_ {
        self.waiting.drain(..).map(|(_, dial)| dial)
    }

    /// Until when the carrier asked to be left alone.
    pub fn held_until(&self) -> Instant {
        self.held_until
    }

    /// Dials that wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn take(&mut self) -> Option<T> {
        self.waiting.pop_front().map(|(_, dial)| dial)
    }
}

/// What a rate says.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn<T> {
    /// Nothing waits.
    Nothing,
    /// This one may leave.
    Go(T),
    /// This one has waited too long and goes back.
    TooLate(T),
    /// Nothing may leave before then.
    AskAt(Instant),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_never_more_than_the_trunk_allows_and_order_is_kept() {
        let mut rate = Rate::new(1.0, 2);
        let now = Instant::from_micros(1);
        for dial in 0..2 {
            assert_eq!(rate.queue(now, dial), Ok(()));
        }
        assert_eq!(rate.next(now), Turn::Go(0));
        assert_eq!(rate.next(now), Turn::Go(1));
        assert_eq!(rate.queue(now, 2), Ok(()));
        assert!(matches!(rate.next(now), Turn::AskAt(at) if at > now), "a third call left in the same second");
    }

    #[test]
    fn what_waited_too_long_goes_back_and_a_full_queue_refuses() {
        let mut rate = Rate::new(1.0, 1);
        let now = Instant::from_micros(1);
        assert_eq!(rate.queue(now, 'a'), Ok(()));
        assert_eq!(rate.queue(now, 'b'), Ok(()));
        assert_eq!(rate.queue(now, 'c'), Err('c'));
        assert_eq!(rate.next(now), Turn::Go('a'));
        assert_eq!(rate.next(now + WAIT_MAX), Turn::TooLate('b'));
        assert_eq!(rate.next(now + WAIT_MAX), Turn::Nothing);
    }

    #[test]
    fn a_carrier_that_asks_for_a_pause_gets_it() {
        let mut rate = Rate::new(100.0, 3);
        let now = Instant::from_micros(1);
        rate.hold(now + Duration::from_millis(500));
        assert_eq!(rate.queue(now, 'a'), Ok(()));
        assert_eq!(rate.next(now), Turn::AskAt(now + Duration::from_millis(500)));
        assert_eq!(rate.next(now + Duration::from_millis(500)), Turn::Go('a'));
        assert_eq!(rate.remove(|dial| *dial == 'a'), None);
    }
}
