//! For when a call may be promised: by an agent who agrees on it, and by whoever moves it later.
//!
//! Not whether it may be dialled when its time has come: that is the guard's business, with what is known then. Read [`check`] first.

use super::calling_hours::{callable, next_callable};
use super::campaign::Campaign;
use super::numbers::NumberKind;
use super::profile::Profile;
use super::time::Timestamp;
use super::zone::read_zones;

/// Why a call cannot be promised for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromiseFault {
    /// It is over already.
    Past,
    /// The customer may not be called then.
    OutsideWindow {
        /// The next time that is allowed.
        next: Option<Timestamp>,
    },
}

/// Whether a call may be promised for `at`, which must lie after `now` and within the hours of campaign, profile and
/// the number's kind in every zone the customer may be in. Where no zone is known, as with a caller who returns a call, the hours are left to the guard.
///
/// # Errors
/// What stands against it.
pub fn check(
    now: Timestamp,
    at: Timestamp,
    campaign: &Campaign,
    profile: Option<&Profile>,
    zones: &[String],
    kind: Option<NumberKind>,
) -> Result<(), PromiseFault> {
    if at <= now {
        return Err(PromiseFault::Past);
    }
    let Some(zones) = read_zones(zones) else { return Ok(()) };
    let hours = campaign.hours_for(profile, kind);
    if callable(at, &zones, &hours) {
        return Ok(());
    }
    Err(PromiseFault::OutsideWindow { next: next_callable(at, &zones, &hours) })
}
