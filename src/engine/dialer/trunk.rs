//! Trunks as the engine counts them: channels, health, and the rest they get after they failed.

use std::time::Duration;

use crate::engine::Engine;
use crate::engine::timers::Timer;
use crate::model::attempt::{CallFailure, Refusal};
use crate::model::campaign::Campaign;
use crate::model::name::TrunkName;
use crate::model::settings::TrunkLimits;
use crate::model::time::{Instant, Now};

/// A carrier that asks for more is not obeyed beyond this (reliability.md F-66).
pub const RETRY_AFTER_MAX_S: u32 = 300;
/// So many 403 in a row, and the trunk rests: our caller ID or account is blocked (reliability.md F-65).
pub const FORBIDDEN_MAX: u32 = 10;
/// How long it then rests before one call tries again.
pub const FORBIDDEN_REST: Duration = Duration::from_secs(300);
/// The first rest after a failure of the trunk itself; doubled with each further failure in a row.
pub const REST_FIRST: Duration = Duration::from_secs(1);
/// The longest of these rests.
pub const REST_MAX: Duration = Duration::from_secs(60);
/// After the driver put a dial off, the trunk is not offered another for this long, so that a full trunk makes no loop
/// of intents.
pub const DEFERRED_REST: Duration = Duration::from_millis(500);

/// One trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trunk {
    /// Answers its keep-alive. A trunk nobody reported about is taken to be up.
    pub up: bool,
    /// Channels in use, both directions, with those that intents hold.
    pub channels: u32,
    /// Dials that were decided and whose INVITE has not left.
    pub sending: u32,
    /// Not offered a dial before this.
    pub rests_until: Instant,
    failures: u32,
    forbidden: u32,
}

impl Default for Trunk {
    fn default() -> Trunk {
        Trunk { up: true, channels: 0, sending: 0, rests_until: Instant::ZERO, failures: 0, forbidden: 0 }
    }
}

impl Trunk {
    /// Whether it can be used at all: up, and not resting.
    pub fn is_usable(&self, now: Instant) -> bool {
        self.up && self.rests_until <= now
    }

    /// Whether one more dial fits.
    ///
    /// # Errors
    /// Why not.
    pub fn room(&self, now: Instant, limits: &TrunkLimits) -> Result<(), Refusal> {
        if !self.is_usable(now) {
            return Err(Refusal::TrunkDown);
        }
        if self.channels >= limits.channels_max {
            return Err(Refusal::TrunkChannels);
        }
        // At least one, however slow the trunk: the driver's governor keeps the rate.
        let in_flight_max = limits.calls_per_second.ceil().clamp(1.0, f64::from(u32::MAX)) as u32;
        if self.sending >= in_flight_max {
            return Err(Refusal::TrunkRate);
        }
        Ok(())
    }

    /// The far side was reached: the trunk works.
    pub fn works(&mut self) {
        self.failures = 0;
        self.forbidden = 0;
    }

    /// The trunk itself failed a call. How long it rests, if at all.
    pub fn failed(&mut self, failure: &CallFailure) -> Option<Duration> {
        if failure.status == 403 {
            self.forbidden = (self.forbidden + 1).min(FORBIDDEN_MAX);
            return (self.forbidden >= FORBIDDEN_MAX).then_some(FORBIDDEN_REST);
        }
        self.forbidden = 0;
        if let Some(wish_s) = failure.retry_after_s {
            return Some(Duration::from_secs(u64::from(wish_s.min(RETRY_AFTER_MAX_S))));
        }
        let rest = REST_FIRST.saturating_mul(1 << self.failures.min(16)).min(REST_MAX);
        self.failures = self.failures.saturating_add(1);
        Some(rest)
    }
}

impl Engine {
    /// The campaign's first trunk with room.
    ///
    /// # Errors
    /// What keeps the one that is nearest to having room.
    pub(in crate::engine) fn trunk_for(&self, now: Now, campaign: &Campaign) -> Result<TrunkName, Refusal> {
        let mut nearest = Refusal::TrunkDown;
        for name in &campaign.trunks {
            match self.room_of(now, name) {
                Ok(()) => return Ok(name.clone()),
                Err(Refusal::TrunkRate) => nearest = Refusal::TrunkRate,
                Err(Refusal::TrunkChannels) if nearest == Refusal::TrunkDown => nearest = Refusal::TrunkChannels,
                Err(_) => {} // down, or further away than what was found before
            }
        }
        Err(nearest)
    }

    fn room_of(&self, now: Now, name: &TrunkName) -> Result<(), Refusal> {
        let limits = self.settings.trunks.get(name).ok_or(Refusal::TrunkDown)?;
        self.trunks.get(name).copied().unwrap_or_default().room(now.instant, limits)
    }

    /// Trunks for a dial whose intent holds a channel of `own`, in the campaign's order.
    pub(in crate::engine) fn trunks_for_dial(&self, now: Now, campaign: &Campaign, own: &TrunkName) -> Vec<TrunkName> {
        let fits = |name: &&TrunkName| {
            let trunk = self.trunks.get(*name).copied().unwrap_or_default();
            let Some(limits) = self.settings.trunks.get(*name) else { return false };
            trunk.is_usable(now.instant) && (*name == own || trunk.channels < limits.channels_max)
        };
        campaign.trunks.iter().filter(fits).cloned().collect()
    }

    /// One more call on the trunk.
    pub(in crate::engine) fn take_channel(&mut self, name: &TrunkName) {
        self.trunks.entry(name.clone()).or_default().channels += 1;
    }

    /// One call less on the trunk.
    pub(in crate::engine) fn give_channel(&mut self, name: &TrunkName) {
        let trunk = self.trunks.entry(name.clone()).or_default();
        assert!(trunk.channels > 0, "a trunk's channel was given back twice");
        trunk.channels -= 1;
    }

    /// The trunk is not offered a dial for a while.
    pub(in crate::engine) fn rest_trunk(&mut self, now: Now, name: &TrunkName, span: Duration) {
        if span.is_zero() {
            return;
        }
        let trunk = self.trunks.entry(name.clone()).or_default();
        trunk.rests_until = trunk.rests_until.max(now.instant + span);
        self.timers.set(Timer::TrunkCoolOff { trunk: name.clone() }, trunk.rests_until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::attempt::FailureKind;

    fn failure(status: u16, retry_after_s: Option<u32>) -> CallFailure {
        CallFailure { kind: FailureKind::Rejected, status, q850: 0, rang: false, retry_after_s }
    }

    #[test]
    fn a_carriers_wish_is_obeyed_up_to_five_minutes() {
        let mut trunk = Trunk::default();
        assert_eq!(trunk.failed(&failure(503, Some(0))), Some(Duration::ZERO));
        assert_eq!(trunk.failed(&failure(503, Some(120))), Some(Duration::from_secs(120)));
        assert_eq!(trunk.failed(&failure(503, Some(86_400))), Some(Duration::from_secs(300)));
    }

    #[test]
    fn failures_in_a_row_rest_longer_and_longer_until_a_call_gets_through() {
        let mut trunk = Trunk::default();
        let rests: Vec<u64> = (0..8).filter_map(|_| trunk.failed(&failure(500, None))).map(|r| r.as_secs()).collect();
        assert_eq!(rests, [1, 2, 4, 8, 16, 32, 60, 60]);
        trunk.works();
        assert_eq!(trunk.failed(&failure(500, None)), Some(REST_FIRST));
    }

    #[test]
    fn ten_times_403_in_a_row_opens_the_breaker_and_one_probe_more_opens_it_again() {
        let mut trunk = Trunk::default();
        for _ in 0..9 {
            assert_eq!(trunk.failed(&failure(403, None)), None);
        }
        assert_eq!(trunk.failed(&failure(403, None)), Some(FORBIDDEN_REST));
        assert_eq!(trunk.failed(&failure(403, None)), Some(FORBIDDEN_REST));
    }

    #[test]
    fn room_is_denied_by_health_then_channels_then_rate() {
        let limits = TrunkLimits { channels_max: 2, calls_per_second: 0.5 };
        let mut trunk = Trunk::default();
        assert_eq!(trunk.room(Instant::ZERO, &limits), Ok(()));
        trunk.sending = 1;
        assert_eq!(trunk.room(Instant::ZERO, &limits), Err(Refusal::TrunkRate));
        trunk.channels = 2;
        assert_eq!(trunk.room(Instant::ZERO, &limits), Err(Refusal::TrunkChannels));
        trunk.up = false;
        assert_eq!(trunk.room(Instant::ZERO, &limits), Err(Refusal::TrunkDown));
    }
}
