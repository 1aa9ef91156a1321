//! Which of a person's numbers is next: rounds, bad numbers, hours of a kind, limits.

use std::collections::BTreeMap;

use super::*;
use crate::engine::dialer::retry::after_attempt;
use crate::engine::tests::rig;
use crate::model::calling_hours::{DaySpan, MinuteOfDay, WeeklyHours};

/// Ten in the morning where the customers are.
const AT: Timestamp = Timestamp::from_millis(rig::MORNING_MS);
const SOON: Timestamp = Timestamp::from_millis(rig::MORNING_MS + 300_000);

fn other(n: i64, kind: NumberKind, place: u32, tried: u32) -> OtherNumber {
    let zones = vec!["Asia/Shanghai".to_owned()];
    OtherNumber { number: rig::number(n), zones, kind, place, tried, bad: false }
}

fn numbers(tried: u32, others: Vec<OtherNumber>) -> Numbers {
    Numbers { kind: Some(NumberKind::Mobile), place: 0, tried, others }
}

fn decide(campaign: &Campaign, numbers: &Numbers, before: u32, disposition: Disposition) -> LeadNext {
    let before = BTreeMap::from([(Disposition::NoAnswer, before)]);
    bare(after_attempt(AT, campaign, Some(&rig::profile()), &before, numbers, disposition))
}

/// Without what becomes of the lead if the number is somebody else's.
fn bare(next: LeadNext) -> LeadNext {
    match next {
        LeadNext::Other { at, number, .. } => LeadNext::Other { at, number, otherwise: None },
        next => next,
    }
}

fn dials(at: Timestamp, n: i64) -> LeadNext {
    LeadNext::Other { at, number: rig::number(n), otherwise: None }
}

fn again() -> LeadNext {
    LeadNext::Retry { at: AT + Duration::from_secs(3600) }
}

#[test]
fn where_nobody_is_reached_the_numbers_take_turns_and_the_first_begins_the_next_round() {
    let mut campaign = rig::campaign();
    campaign.attempts_max = 99;
    campaign.retry.values_mut().for_each(|rule| rule.attempts_max = 99);
    let (home, work) = (NumberKind::Home, NumberKind::Work);
    let first = numbers(0, vec![other(2, work, 1, 0), other(3, home, 2, 0)]);
    assert_eq!(decide(&campaign, &first, 0, Disposition::NoAnswer), dials(SOON, 2), "the next of the list");
    campaign.numbers.order = vec![NumberKind::Mobile, home];
    assert_eq!(decide(&campaign, &first, 0, Disposition::NoAnswer), dials(SOON, 3), "the next by kind");
    let last = Numbers {
        kind: Some(work),
        place: 1,
        ..numbers(0, vec![other(1, NumberKind::Mobile, 0, 1), other(3, home, 2, 1)])
    };
    let round = dials(AT + Duration::from_secs(3600), 1);
    assert_eq!(decide(&campaign, &last, 2, Disposition::NoAnswer), round, "all were tried: the lead rests");
    let first_again = numbers(0, vec![other(2, work, 1, 1), other(3, home, 2, 1)]);
    assert_eq!(decide(&campaign, &first_again, 0, Disposition::NoAnswer), again(), "it is the first itself");
    // Somebody was there: the same number is called again.
    campaign.retry.insert(Disposition::Considering, campaign.retry[&Disposition::NoAnswer]);
    assert_eq!(decide(&campaign, &first, 0, Disposition::Considering), again());
}

#[test]
fn a_number_that_is_nobodys_makes_room_for_the_others_and_the_lead_ends_with_the_last() {
    let mut campaign = rig::campaign();
    campaign.numbers.next_after_s = 60;
    let minute = AT + Duration::from_secs(60);
    let two = numbers(0, vec![other(2, NumberKind::Work, 1, 4)]);
    for disposition in [Disposition::InvalidNumber, Disposition::WrongPerson, Disposition::Fax] {
        assert_eq!(decide(&campaign, &two, 0, disposition), dials(minute, 2), "{disposition}");
    }
    let mut bad = two.clone();
    bad.others.iter_mut().for_each(|other| other.bad = true);
    assert_eq!(decide(&campaign, &bad, 0, Disposition::InvalidNumber), LeadNext::GivenUp);
    assert_eq!(decide(&campaign, &bad, 0, Disposition::NoAnswer), again(), "a bad one takes no turn");
    assert_eq!(decide(&campaign, &two, 0, Disposition::DoNotCall), LeadNext::GivenUp, "the person said so");
    assert_eq!(decide(&campaign, &two, 0, Disposition::Accepted), LeadNext::Done);
}

#[test]
fn every_number_gets_a_try_but_no_lead_more_than_its_attempts() {
    let mut campaign = rig::campaign();
    let two = numbers(0, vec![other(2, NumberKind::Work, 1, 0)]);
    // The rule's three are used up, or there is none: the number that was not tried is tried.
    assert_eq!(decide(&campaign, &two, 2, Disposition::NoAnswer), dials(SOON, 2));
    campaign.retry.clear();
    assert_eq!(decide(&campaign, &two, 0, Disposition::NoAnswer), dials(SOON, 2));
    let tried = numbers(0, vec![other(2, NumberKind::Work, 1, 1)]);
    assert_eq!(decide(&campaign, &tried, 0, Disposition::NoAnswer), LeadNext::GivenUp);
    campaign.attempts_max = 3;
    assert_eq!(decide(&campaign, &two, 1, Disposition::NoAnswer), dials(SOON, 2));
    assert_eq!(decide(&campaign, &two, 2, Disposition::NoAnswer), LeadNext::GivenUp);
}

#[test]
fn a_number_is_called_in_the_hours_of_its_kind_and_whichever_opens_first_is_next() {
    let mut campaign = rig::campaign();
    let span =
        |from: u16, to: u16| WeeklyHours::every_day(DaySpan { from: MinuteOfDay(from * 60), to: MinuteOfDay(to * 60) });
    campaign.numbers.hours.insert(NumberKind::Work, span(14, 17));
    let opens = AT + Duration::from_secs(4 * 3600);
    let one = numbers(0, vec![other(2, NumberKind::Work, 1, 0)]);
    assert_eq!(decide(&campaign, &one, 0, Disposition::Busy), dials(opens, 2));
    let two = numbers(0, vec![other(2, NumberKind::Work, 1, 0), other(3, NumberKind::Home, 2, 0)]);
    assert_eq!(decide(&campaign, &two, 0, Disposition::Busy), dials(SOON, 3));
}

#[test]
fn a_number_that_may_not_be_called_now_makes_room_for_one_that_may_unless_it_was_promised() {
    let mut campaign = rig::campaign();
    let span =
        |from: u16, to: u16| WeeklyHours::every_day(DaySpan { from: MinuteOfDay(from * 60), to: MinuteOfDay(to * 60) });
    campaign.numbers.hours.insert(NumberKind::Work, span(14, 17));
    let mut lead = rig::lead(1);
    lead.numbers = Numbers { kind: Some(NumberKind::Work), ..numbers(0, vec![other(2, NumberKind::Home, 1, 3)]) };
    let at_once = AT + REQUEUE;
    let refused = |campaign: &Campaign, lead: &Lead, refusal| {
        let profile = rig::profile();
        let next = guard::after_refusal(AT, campaign, &profile, guard::Called::of(lead), &lead.facts, refusal);
        bare(instead(AT, campaign, Some(&profile), lead, refusal, next))
    };
    assert_eq!(refused(&campaign, &lead, Refusal::OutsideWindow), dials(at_once, 2));
    // Never within the campaign's hours: the person is not given up.
    campaign.numbers.hours.insert(NumberKind::Work, span(2, 3));
    campaign.hours = span(9, 18);
    assert_eq!(refused(&campaign, &lead, Refusal::OutsideWindow), dials(at_once, 2));
    let hour = AT + Duration::from_secs(3600);
    assert_eq!(refused(&campaign, &lead, Refusal::NoConsent), dials(hour, 2), "somebody may have agreed for that one");
    assert_eq!(refused(&campaign, &lead, Refusal::CoolOff), LeadNext::Retry { at: AT + guard::PUT_OFF_MIN });
    lead.callback = Some(crate::model::lead::Callback { at: AT, agent: None });
    assert!(!matches!(refused(&campaign, &lead, Refusal::OutsideWindow), LeadNext::Other { .. }));
    lead.callback = None;
    lead.numbers.others.clear();
    assert_eq!(refused(&campaign, &lead, Refusal::OutsideWindow), LeadNext::GivenUp);
}

#[test]
fn what_becomes_of_a_lead_without_the_other_number_is_said_with_it() {
    let campaign = rig::campaign();
    let one = numbers(0, vec![other(2, NumberKind::Work, 1, 0)]);
    let otherwise = |disposition| {
        let none = BTreeMap::new();
        match after_attempt(AT, &campaign, Some(&rig::profile()), &none, &one, disposition) {
            LeadNext::Other { otherwise, .. } => *otherwise.unwrap(),
            next => panic!("{next:?}"),
        }
    };
    assert_eq!(otherwise(Disposition::NoAnswer), again());
    assert_eq!(otherwise(Disposition::InvalidNumber), LeadNext::GivenUp);
    let older: LeadNext = serde_json::from_str(r#"{"Other":{"at":5,"number":"+8613800000001"}}"#).unwrap();
    assert!(matches!(older, LeadNext::Other { otherwise: None, .. }), "{older:?}");
}
