//! Which of a person's numbers is dialled next.
//!
//! Where nobody was reached the next number follows soon; when all were tried as often, the lead rests as its retry rule says and
//! begins again with the first. A number that is found not to reach the person is not dialled again. Read [`among`] first.

use std::time::Duration;

use super::retry::REQUEUE;
use crate::engine::guard;
use crate::model::attempt::Refusal;
use crate::model::campaign::Campaign;
use crate::model::disposition::Disposition;
use crate::model::lead::{Lead, LeadNext};
use crate::model::numbers::{NumberKind, Numbers, OtherNumber, is_bad, nobody_reached};
use crate::model::profile::Profile;
use crate::model::time::Timestamp;

/// What becomes of a lead after an attempt to one of its numbers, where `next` is what would if it had no other.
/// `exhausted`: it has had all the attempts that the campaign allows for one lead.
pub fn among(
    at: Timestamp,
    campaign: &Campaign,
    profile: Option<&Profile>,
    numbers: &Numbers,
    disposition: Disposition,
    exhausted: bool,
    next: LeadNext,
) -> LeadNext {
    let bad = is_bad(disposition);
    if exhausted || numbers.others.is_empty() || !(bad || nobody_reached(disposition)) {
        return next;
    }
    let tried = numbers.tried.saturating_add(u32::from(disposition.counts_as_attempt()));
    // Not before the store has written the end of this one.
    let soon = at + Duration::from_secs(campaign.numbers.next_after_s).max(REQUEUE);
    let good = || numbers.others.iter().filter(|other| !other.bad);
    // Whose turn it is in this round, by when it may be called.
    let untried = good().filter(|other| bad || other.tried < tried);
    if let Some((at, other)) = earliest(soon, campaign, profile, untried) {
        return to(at, other, next);
    }
    // The round is over, or all others were bad before this one.
    let LeadNext::Retry { at } = next else { return next };
    let again = LeadNext::Retry { at };
    let own_turn = (campaign.numbers.turn(numbers.kind.unwrap_or(NumberKind::Other)), numbers.place);
    let first = good().filter(|other| other.tried <= tried);
    match earliest(at, campaign, profile, first) {
        Some((opens, other)) if opens == at && (campaign.numbers.turn(other.kind), other.place) < own_turn => {
            to(opens, other, again)
        }
        Some(_) | None => again,
    }
}

/// What becomes of a lead whose number was refused without an attempt, where `next` is what would if it had no other: one that may
/// be called earlier is tried instead. A promise is kept on its own number.
pub fn instead(
    at: Timestamp,
    campaign: &Campaign,
    profile: Option<&Profile>,
    lead: &Lead,
    refusal: Refusal,
    next: LeadNext,
) -> LeadNext {
    let from = match refusal {
        Refusal::OutsideWindow => at + REQUEUE,
        // Nothing says when this one may be called: the others are asked in turn, no more often than it would have been.
        Refusal::ZoneUnknown | Refusal::NoConsent => at + guard::PUT_OFF_HOLD,
        _ => return next, // what stands against it stands against the person, or passes
    };
    if lead.callback.is_some() {
        return next;
    }
    let good = lead.numbers.others.iter().filter(|other| !other.bad);
    match earliest(from, campaign, profile, good) {
        Some((opens, other)) if next.again().is_none_or(|own| opens < own || refusal != Refusal::OutsideWindow) => {
            to(opens, other, next)
        }
        Some(_) | None => next,
    }
}

/// Another number at a time; `otherwise` if it turns out to be somebody else's.
fn to(at: Timestamp, other: &OtherNumber, otherwise: LeadNext) -> LeadNext {
    LeadNext::Other { at, number: other.number.clone(), otherwise: Some(Box::new(otherwise)) }
}

/// The number that may be called first from then on: among those the least tried, the one whose kind comes first, and the first of
/// the list.
fn earliest<'n>(
    from: Timestamp,
    campaign: &Campaign,
    profile: Option<&Profile>,
    numbers: impl Iterator<Item = &'n OtherNumber>,
) -> Option<(Timestamp, &'n OtherNumber)> {
    let opening = |other: &'n OtherNumber| {
        let opens = guard::opens_for(from, campaign, profile, &other.zones, Some(other.kind))?;
        Some((opens.max(from), other))
    };
    let mut found: Vec<(Timestamp, &OtherNumber)> = numbers.filter_map(opening).collect();
    found.sort_by_key(|(opens, other)| (*opens, other.tried, campaign.numbers.turn(other.kind), other.place));
    found.into_iter().next()
}

#[cfg(test)]
mod tests;
