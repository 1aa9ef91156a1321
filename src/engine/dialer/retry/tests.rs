//! Retry rules, disposition by disposition.

use super::*;
use crate::engine::tests::rig;

const AT: Timestamp = Timestamp::from_millis(rig::MORNING_MS);

fn after_s(seconds: u64) -> LeadNext {
    LeadNext::Retry { at: AT + Duration::from_secs(seconds) }
}

fn decide(campaign: &Campaign, before: &[(Disposition, u32)], disposition: Disposition) -> LeadNext {
    let before: BTreeMap<Disposition, u32> = before.iter().copied().collect();
    after_attempt(AT, campaign, Some(&rig::profile()), &before, &Numbers::default(), disposition)
}

#[test]
fn a_rule_is_followed_until_its_attempts_are_used_up() {
    let campaign = rig::campaign();
    assert_eq!(decide(&campaign, &[], Disposition::NoAnswer), after_s(3600));
    assert_eq!(decide(&campaign, &[(Disposition::NoAnswer, 1)], Disposition::NoAnswer), after_s(3600));
    assert_eq!(decide(&campaign, &[(Disposition::NoAnswer, 2)], Disposition::NoAnswer), LeadNext::GivenUp);
}

#[test]
fn the_leads_own_maximum_counts_every_kind_of_attempt() {
    let mut campaign = rig::campaign();
    campaign.attempts_max = 3;
    let before = [(Disposition::Busy, 1), (Disposition::TrunkFailure, 9)];
    assert_eq!(decide(&campaign, &before, Disposition::NoAnswer), after_s(3600), "trunk failures do not count");
    let before = [(Disposition::Busy, 1), (Disposition::Machine, 1)];
    assert_eq!(decide(&campaign, &before, Disposition::NoAnswer), LeadNext::GivenUp);
}

#[test]
fn a_disposition_without_a_rule_ends_the_lead() {
    let campaign = rig::campaign();
    assert_eq!(decide(&campaign, &[], Disposition::Busy), LeadNext::GivenUp);
    assert_eq!(decide(&campaign, &[], Disposition::Declined), LeadNext::Done);
    assert_eq!(decide(&campaign, &[], Disposition::NotRecorded), LeadNext::Done);
}

#[test]
fn invalid_and_suppressed_numbers_are_given_up_whatever_the_rules_say() {
    let mut campaign = rig::campaign();
    let rule = RetryRule { after_s: 1, attempts_max: 9 };
    for disposition in
        [Disposition::InvalidNumber, Disposition::Unwanted, Disposition::DoNotCall, Disposition::Complaint]
    {
        campaign.retry.insert(disposition, rule);
        assert_eq!(decide(&campaign, &[], disposition), LeadNext::GivenUp, "{disposition}");
    }
}

#[test]
fn what_the_customer_could_not_help_is_made_up_for() {
    let mut campaign = rig::campaign();
    campaign.attempts_max = 1;
    let many = [(Disposition::TrunkFailure, 50)];
    for disposition in [Disposition::TrunkFailure, Disposition::Congestion] {
        assert_eq!(decide(&campaign, &many, disposition), after_s(600), "{disposition}");
    }
    assert_eq!(decide(&campaign, &many, Disposition::NotDialled), LeadNext::Retry { at: AT + REQUEUE });
    let campaign = rig::campaign();
    assert_eq!(decide(&campaign, &[], Disposition::Cancelled), after_s(600));
    assert_eq!(decide(&campaign, &[], Disposition::Unknown), after_s(600));
    assert_eq!(decide(&campaign, &[(Disposition::Unknown, 1)], Disposition::Unknown), LeadNext::GivenUp);
}

#[test]
fn an_abandoned_number_rests_as_long_as_the_law_wants() {
    let mut campaign = rig::campaign();
    campaign.retry.insert(Disposition::Abandoned, RetryRule { after_s: 60, attempts_max: 3 });
    assert_eq!(decide(&campaign, &[], Disposition::Abandoned), after_s(72 * 3600));
}

#[test]
fn an_unknown_outcome_rests_even_if_the_rule_is_in_a_hurry() {
    let mut campaign = rig::campaign();
    campaign.retry.insert(Disposition::Unknown, RetryRule { after_s: 1, attempts_max: 3 });
    assert_eq!(decide(&campaign, &[], Disposition::Unknown), after_s(600));
}
