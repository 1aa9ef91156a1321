//! The one gate before a dial: may this number be called for this campaign at this moment?
//!
//! Pure. The engine asks it when it picks a lead, with what was known when the lead was fetched; the driver asks the
//! very same function inside the transaction that records the intent, with fresh facts. Nothing is dialled that it did
//! not let pass twice. Whether agents, slots and trunks are free is not asked here. Read [`check`] first.

use std::time::Duration;

use crate::model::attempt::{Intent, Refusal};
use crate::model::calling_hours::{callable, next_callable};
use crate::model::campaign::{Campaign, CampaignState};
use crate::model::disposition::Disposition;
use crate::model::lead::{Lead, LeadNext, NumberFacts, PastAttempt};
use crate::model::numbers::NumberKind;
use crate::model::profile::{AttemptCap, Profile};
use crate::model::time::Timestamp;
use crate::model::zone::read_zones;

/// After an attempt whose outcome nobody knows, the number rests at least this long: its phone may have rung, and the
/// carrier may still be ringing it (reliability.md decision 1, I-17).
pub const UNKNOWN_COOL_OFF: Duration = Duration::from_secs(600);
/// A refused lead is not looked at again earlier than this, so that one lead cannot keep the hopper spinning.
pub const PUT_OFF_MIN: Duration = Duration::from_secs(60);
/// A lead without consent, or with an unknown time zone, is looked at again after this: somebody may have added it.
pub const PUT_OFF_HOLD: Duration = Duration::from_secs(3600);
/// A number that another attempt is dialling is looked at again after this.
pub const PUT_OFF_BUSY: Duration = Duration::from_secs(600);

/// What a calling window depends on besides the clock.
#[derive(Clone, Copy, Debug)]
pub struct Called<'a> {
    /// IANA names of every zone the number may be in.
    pub zones: &'a [String],
    /// Where it rings, if somebody said so.
    pub kind: Option<NumberKind>,
}

impl<'a> Called<'a> {
    /// The number that is next for a lead.
    pub fn of(lead: &'a Lead) -> Called<'a> {
        Called { zones: &lead.zones, kind: lead.numbers.kind }
    }
}

/// Whether a number may be dialled now. The first reason that holds is given, the gravest first.
///
/// `at` is calendar time. It must be open in all zones the number may be in, by the campaign's and the profile's hours and those of
/// its kind; no zone, or one that is not known, is never open.
///
/// # Errors
/// The reason why not.
pub fn check(
    at: Timestamp,
    campaign: &Campaign,
    state: CampaignState,
    profile: &Profile,
    called: Called<'_>,
    facts: &NumberFacts,
) -> Result<(), Refusal> {
    if let Some(by) = facts.suppressed {
        return Err(Refusal::Suppressed { by });
    }
    if state != CampaignState::Running {
        return Err(Refusal::CampaignState { state });
    }
    if profile.consent_required && !facts.consent {
        return Err(Refusal::NoConsent);
    }
    if facts.live_attempt.is_some() {
        return Err(Refusal::NumberBusy);
    }
    let zones = read_zones(called.zones).ok_or(Refusal::ZoneUnknown)?;
    if !callable(at, &zones, &campaign.hours_for(Some(profile), called.kind)) {
        return Err(Refusal::OutsideWindow);
    }
    if caps(campaign, profile).any(|cap| cap_ends(at, cap, &facts.past).is_some()) {
        return Err(Refusal::AttemptCap);
    }
    if cool_off_ends(profile, &facts.past).is_some_and(|end| end > at) {
        return Err(Refusal::CoolOff);
    }
    Ok(())
}

/// The last look, inside the transaction that records the intent, with facts read there.
///
/// # Errors
/// The reason why not.
pub fn check_intent(
    intent: &Intent,
    campaign: &Campaign,
    profile: &Profile,
    facts: &NumberFacts,
) -> Result<(), Refusal> {
    let called = Called { zones: &intent.zones, kind: intent.kind };
    check(intent.at, campaign, CampaignState::Running, profile, called, facts)
}

/// Whether the calling window is open in every zone.
pub fn is_open(at: Timestamp, campaign: &Campaign, profile: &Profile, zones: &[String]) -> bool {
    is_open_for(at, campaign, profile, Called { zones, kind: None })
}

/// The same for a number of a kind.
pub fn is_open_for(at: Timestamp, campaign: &Campaign, profile: &Profile, called: Called<'_>) -> bool {
    read_zones(called.zones).is_some_and(|zones| callable(at, &zones, &campaign.hours_for(Some(profile), called.kind)))
}

/// When the calling window is open next, in every zone.
pub fn opens(at: Timestamp, campaign: &Campaign, profile: &Profile, zones: &[String]) -> Option<Timestamp> {
    opens_for(at, campaign, Some(profile), zones, None)
}

/// The same for a number of a kind.
pub fn opens_for(
    at: Timestamp,
    campaign: &Campaign,
    profile: Option<&Profile>,
    zones: &[String],
    kind: Option<NumberKind>,
) -> Option<Timestamp> {
    next_callable(at, &read_zones(zones)?, &campaign.hours_for(profile, kind))
}

/// What becomes of a lead that was refused: when it is worth asking again, or that it is not.
pub fn after_refusal(
    at: Timestamp,
    campaign: &Campaign,
    profile: &Profile,
    called: Called<'_>,
    facts: &NumberFacts,
    refusal: Refusal,
) -> LeadNext {
    let again = match refusal {
        Refusal::Suppressed { .. } => return LeadNext::GivenUp,
        Refusal::OutsideWindow => {
            let Some(zones) = read_zones(called.zones) else { return LeadNext::Retry { at: at + PUT_OFF_HOLD } };
            match next_callable(at, &zones, &campaign.hours_for(Some(profile), called.kind)) {
                Some(next) => return LeadNext::Retry { at: next.max(at) },
                None => return LeadNext::GivenUp,
            }
        }
        Refusal::AttemptCap => caps(campaign, profile).filter_map(|cap| cap_ends(at, cap, &facts.past)).max(),
        Refusal::CoolOff => cool_off_ends(profile, &facts.past),
        Refusal::NumberBusy => Some(at + PUT_OFF_BUSY),
        Refusal::ZoneUnknown | Refusal::NoConsent => Some(at + PUT_OFF_HOLD),
        Refusal::CampaignState { .. }
        | Refusal::GateClosed
        | Refusal::IdlenessBelowCampaign
        | Refusal::NoSlot
        | Refusal::NoAgent
        | Refusal::Pacing
        | Refusal::NoLeadDue
        | Refusal::TrunkChannels
        | Refusal::TrunkRate
        | Refusal::TrunkDown
        | Refusal::StoreDown
        | Refusal::ClockUnsure
        | Refusal::AbandonBudget
        | Refusal::Skipped
        | Refusal::NotDecided
        | Refusal::AgentAway
        | Refusal::Draining
        | Refusal::BeforeFirstDay
        | Refusal::AfterLastDay
        | Refusal::LinesReached
        | Refusal::QuotaReached
        | Refusal::BudgetSpent => None,
    };
    LeadNext::Retry { at: again.unwrap_or(at).max(at + PUT_OFF_MIN) }
}

fn caps<'a>(campaign: &'a Campaign, profile: &'a Profile) -> impl Iterator<Item = &'a AttemptCap> {
    profile.attempt_caps.iter().chain(&campaign.attempt_caps)
}

/// When a cap that is reached allows the next attempt; `None` if it is not reached.
fn cap_ends(at: Timestamp, cap: &AttemptCap, past: &[PastAttempt]) -> Option<Timestamp> {
    let window = Duration::from_secs(cap.within_s);
    let counted: Vec<Timestamp> = past.iter().filter(|p| counts(p) && p.at + window > at).map(|p| p.at).collect();
    if counted.len() < cap.max as usize {
        return None;
    }
    // Newest first: the window is free again when the oldest of the `max` newest has left it.
    let oldest = counted.get((cap.max as usize).saturating_sub(1)).copied().unwrap_or(at);
    Some(oldest + window)
}

/// An open attempt counts as one: it may be ringing.
fn counts(past: &PastAttempt) -> bool {
    past.disposition.is_none_or(Disposition::counts_as_attempt)
}

fn cool_off_ends(profile: &Profile, past: &[PastAttempt]) -> Option<Timestamp> {
    let rest = |p: &PastAttempt| match p.disposition {
        Some(Disposition::Abandoned) => Some(p.at + Duration::from_secs(profile.abandon_cool_off_s)),
        Some(Disposition::Machine) => Some(p.at + Duration::from_secs(profile.abandon.machine_cool_off_s)),
        Some(Disposition::Unknown) => Some(p.at + UNKNOWN_COOL_OFF),
        Some(_) | None => None,
    };
    past.iter().filter(|past| !past.elsewhere).filter_map(rest).max()
}

#[cfg(test)]
mod tests;
