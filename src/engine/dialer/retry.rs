//! Retry rules: what becomes of a lead after an attempt.
//!
//! The campaign's table says for each disposition when the lead is dialled again and how often. A disposition that is
//! missing there ends the lead, except where the customer could do nothing about it: an attempt we withdrew, lost sight
//! of, or that the trunk failed is made up for. Read [`after_attempt`] first.

use std::collections::BTreeMap;
use std::time::Duration;

use super::numbers::among;
use crate::engine::acd::agent::Customer;
use crate::engine::guard::UNKNOWN_COOL_OFF;
use crate::model::campaign::{Campaign, RetryRule};
use crate::model::disposition::{Disposition, DispositionKind};
use crate::model::lead::LeadNext;
use crate::model::numbers::Numbers;
use crate::model::profile::Profile;
use crate::model::time::Timestamp;

/// A lead whose trunk failed is not dialled again earlier, so that a broken trunk makes no hot loop (I-17).
pub const TRUNK_COOL_OFF_OF_LEAD: Duration = Duration::from_secs(600);
/// A lead whose intent was withdrawn before the INVITE left goes back to the hopper after this: long enough for the
/// store to have written the withdrawal, so that the lead is not fetched half written.
pub const REQUEUE: Duration = Duration::from_secs(2);
/// A call given up while it rang is made up for after this, if the campaign has no rule of its own.
pub const CANCELLED_AGAIN: Duration = Duration::from_secs(600);
/// So many attempts of one lead may end unknown if the campaign has no rule of its own.
pub const UNKNOWN_MAX: u32 = 2;

/// What follows an attempt that ended on the network's side. `attempts` are those before it, `numbers` what was known of the
/// person's numbers.
pub fn after_attempt(
    at: Timestamp,
    campaign: &Campaign,
    profile: Option<&Profile>,
    attempts: &BTreeMap<Disposition, u32>,
    numbers: &Numbers,
    disposition: Disposition,
) -> LeadNext {
    let next = of_one_number(at, campaign, profile, attempts, disposition);
    let exhausted = counted(attempts).saturating_add(1) >= campaign.attempts_max;
    among(at, campaign, profile, numbers, disposition, exhausted, next)
}

/// Attempts that count.
fn counted(attempts: &BTreeMap<Disposition, u32>) -> u32 {
    attempts.iter().filter(|(disposition, _)| disposition.counts_as_attempt()).map(|(_, count)| *count).sum()
}

fn of_one_number(
    at: Timestamp,
    campaign: &Campaign,
    profile: Option<&Profile>,
    attempts: &BTreeMap<Disposition, u32>,
    disposition: Disposition,
) -> LeadNext {
    match disposition {
        Disposition::NotDialled => return LeadNext::Retry { at: at + REQUEUE },
        Disposition::InvalidNumber => return LeadNext::GivenUp,
        Disposition::Congestion | Disposition::TrunkFailure => {
            let wished = campaign.retry.get(&disposition).map_or(Duration::ZERO, after);
            return LeadNext::Retry { at: at + wished.max(TRUNK_COOL_OFF_OF_LEAD) };
        }
        Disposition::Busy
        | Disposition::NoAnswer
        | Disposition::Rejected
        | Disposition::Unwanted
        | Disposition::Machine
        | Disposition::Fax
        | Disposition::Abandoned
        | Disposition::HungUp
        | Disposition::Cancelled
        | Disposition::Unknown
        | Disposition::Accepted
        | Disposition::Considering
        | Disposition::Declined
        | Disposition::Callback
        | Disposition::WrongPerson
        | Disposition::AgentMachine
        | Disposition::Disconnected
        | Disposition::DoNotCall
        | Disposition::Complaint
        | Disposition::Handled
        | Disposition::Other
        | Disposition::NotRecorded => {}
    }
    let Some(rule) = rule(campaign, disposition).filter(|_| !disposition.suppresses()) else {
        return ended(disposition);
    };
    let alike = attempts.get(&disposition).copied().unwrap_or_default().saturating_add(1);
    if alike >= rule.attempts_max || counted(attempts).saturating_add(1) >= campaign.attempts_max {
        return LeadNext::GivenUp;
    }
    let least = match disposition {
        Disposition::Unknown => UNKNOWN_COOL_OFF,
        Disposition::Abandoned => profile.map_or(Duration::ZERO, |p| Duration::from_secs(p.abandon_cool_off_s)),
        Disposition::Machine => profile.map_or(Duration::ZERO, |p| Duration::from_secs(p.abandon.machine_cool_off_s)),
        _ => Duration::ZERO, // every other disposition rests as long as its rule says
    };
    LeadNext::Retry { at: at + after(&rule).max(least) }
}

/// What follows a result that an agent recorded (or did not).
pub fn after_result(at: Timestamp, campaign: &Campaign, customer: &Customer, disposition: Disposition) -> LeadNext {
    after_attempt(at, campaign, None, &customer.attempts, &customer.numbers, disposition)
}

fn rule(campaign: &Campaign, disposition: Disposition) -> Option<RetryRule> {
    let own = campaign.retry.get(&disposition).copied();
    let made_up_for = match disposition {
        Disposition::Cancelled => Some(RetryRule { after_s: CANCELLED_AGAIN.as_secs(), attempts_max: u32::MAX }),
        Disposition::Unknown => Some(RetryRule { after_s: UNKNOWN_COOL_OFF.as_secs(), attempts_max: UNKNOWN_MAX }),
        _ => None, // every other disposition ends the lead unless the campaign has a rule
    };
    own.or(made_up_for)
}

fn after(rule: &RetryRule) -> Duration {
    Duration::from_secs(rule.after_s)
}

/// An agent's result settles the matter; the network's gives the lead up.
fn ended(disposition: Disposition) -> LeadNext {
    match disposition.kind() {
        DispositionKind::Network => LeadNext::GivenUp,
        DispositionKind::Agent if disposition.suppresses() => LeadNext::GivenUp,
        DispositionKind::Agent => LeadNext::Done,
    }
}

#[cfg(test)]
mod tests;
