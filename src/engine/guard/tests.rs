//! The gate before a dial, reason by reason.

use std::time::Duration;

use super::*;
use crate::engine::tests::rig;
use crate::model::calling_hours::{DaySpan, MinuteOfDay, WeeklyHours};
use crate::model::id::AttemptId;
use crate::model::lead::SuppressionReason;

const NOON: Timestamp = Timestamp::from_millis(rig::MORNING_MS + 2 * 3_600_000);

struct Case {
    campaign: Campaign,
    state: CampaignState,
    profile: Profile,
    zones: Vec<String>,
    kind: Option<NumberKind>,
    facts: NumberFacts,
}

impl Case {
    fn good() -> Case {
        let zones = vec!["Asia/Shanghai".to_owned()];
        let (campaign, profile) = (rig::campaign(), rig::profile());
        Case { campaign, state: CampaignState::Running, profile, zones, kind: None, facts: NumberFacts::default() }
    }

    fn called(&self) -> Called<'_> {
        Called { zones: &self.zones, kind: self.kind }
    }

    fn check_at(&self, at: Timestamp) -> Result<(), Refusal> {
        check(at, &self.campaign, self.state, &self.profile, self.called(), &self.facts)
    }

    fn next(&self, refusal: Refusal) -> LeadNext {
        after_refusal(NOON, &self.campaign, &self.profile, self.called(), &self.facts, refusal)
    }

    fn tried(&mut self, ago: Duration, disposition: Option<Disposition>) {
        self.facts.past.push(PastAttempt { at: NOON - ago, campaign: rig::key(), disposition, elsewhere: false });
    }
}

fn hours(from: u16, to: u16) -> WeeklyHours {
    WeeklyHours::every_day(DaySpan { from: MinuteOfDay(from * 60), to: MinuteOfDay(to * 60) })
}

#[test]
fn a_number_with_nothing_against_it_passes() {
    assert_eq!(Case::good().check_at(NOON), Ok(()));
}

#[test]
fn each_fact_has_its_reason_and_the_gravest_is_given() {
    let mut case = Case::good();
    case.facts.live_attempt = Some(AttemptId(1));
    assert_eq!(case.check_at(NOON), Err(Refusal::NumberBusy));
    case.profile.consent_required = true;
    assert_eq!(case.check_at(NOON), Err(Refusal::NoConsent));
    case.state = CampaignState::Paused;
    assert_eq!(case.check_at(NOON), Err(Refusal::CampaignState { state: CampaignState::Paused }));
    case.facts.suppressed = Some(SuppressionReason::CourtOrder);
    assert_eq!(case.check_at(NOON), Err(Refusal::Suppressed { by: SuppressionReason::CourtOrder }));
    assert_eq!(case.next(Refusal::Suppressed { by: SuppressionReason::CourtOrder }), LeadNext::GivenUp);
    let mut consented = Case::good();
    consented.profile.consent_required = true;
    consented.facts.consent = true;
    assert_eq!(consented.check_at(NOON), Ok(()));
}

#[test]
fn a_number_at_work_is_called_in_the_hours_of_its_kind() {
    let mut case = Case::good();
    case.campaign.numbers.hours.insert(NumberKind::Work, hours(13, 17));
    assert_eq!(case.check_at(NOON), Ok(()));
    case.kind = Some(NumberKind::Work);
    assert_eq!(case.check_at(NOON), Err(Refusal::OutsideWindow));
    assert_eq!(case.next(Refusal::OutsideWindow), LeadNext::Retry { at: NOON + Duration::from_secs(3600) });
    assert_eq!(case.check_at(NOON + Duration::from_secs(3600)), Ok(()));
}

#[test]
fn attempts_to_another_number_of_the_person_count_for_caps_and_give_this_one_no_rest() {
    let mut case = Case::good();
    case.tried(Duration::from_secs(60), Some(Disposition::Unknown));
    assert_eq!(case.check_at(NOON), Err(Refusal::CoolOff));
    case.facts.past.iter_mut().for_each(|past| past.elsewhere = true);
    assert_eq!(case.check_at(NOON), Ok(()));
    case.campaign.attempt_caps.push(AttemptCap { max: 1, within_s: 3600 });
    assert_eq!(case.check_at(NOON), Err(Refusal::AttemptCap));
}

#[test]
fn both_the_campaigns_and_the_laws_hours_must_be_open_in_every_zone() {
    let mut case = Case::good();
    case.campaign.hours = hours(9, 18);
    case.profile.hours = hours(13, 21);
    assert_eq!(case.check_at(NOON), Err(Refusal::OutsideWindow));
    assert_eq!(case.check_at(NOON + Duration::from_secs(3600)), Ok(()));
    let opens = NOON + Duration::from_secs(3600);
    assert_eq!(case.next(Refusal::OutsideWindow), LeadNext::Retry { at: opens });
    case.zones.push("Europe/London".to_owned());
    assert_eq!(case.check_at(opens), Err(Refusal::OutsideWindow), "5 in the morning in London");
    case.zones = vec![];
    assert_eq!(case.check_at(opens), Err(Refusal::ZoneUnknown));
    case.zones = vec!["Asia/Shanghai".to_owned(), "Nowhere/Land".to_owned()];
    assert_eq!(case.check_at(opens), Err(Refusal::ZoneUnknown), "one unknown zone holds the number");
}

#[test]
fn hours_that_never_open_give_the_lead_up() {
    let mut case = Case::good();
    case.campaign.hours = WeeklyHours::default();
    assert_eq!(case.next(Refusal::OutsideWindow), LeadNext::GivenUp);
}

#[test]
fn caps_count_attempts_of_all_campaigns_within_their_window() {
    let mut case = Case::good();
    let day = 86_400;
    case.profile.attempt_caps = vec![AttemptCap { max: 2, within_s: day }];
    case.tried(Duration::from_secs(3600), Some(Disposition::NoAnswer));
    assert_eq!(case.check_at(NOON), Ok(()));
    case.tried(Duration::from_secs(7200), None);
    assert_eq!(case.check_at(NOON), Err(Refusal::AttemptCap), "an open attempt counts");
    let free = NOON + Duration::from_secs(day - 7200);
    assert_eq!(case.next(Refusal::AttemptCap), LeadNext::Retry { at: free });
    assert_eq!(case.check_at(free), Ok(()));
    assert_eq!(case.check_at(free - Duration::from_millis(1)), Err(Refusal::AttemptCap));
    case.facts.past[1].disposition = Some(Disposition::TrunkFailure);
    assert_eq!(case.check_at(NOON), Ok(()), "nobody's phone rang");
    case.campaign.attempt_caps = vec![AttemptCap { max: 1, within_s: day }];
    assert_eq!(case.check_at(NOON), Err(Refusal::AttemptCap), "the campaign's own cap comes on top");
}

#[test]
fn a_cap_of_zero_forbids_every_attempt() {
    let mut case = Case::good();
    case.campaign.attempt_caps = vec![AttemptCap { max: 0, within_s: 3600 }];
    assert_eq!(case.check_at(NOON), Err(Refusal::AttemptCap));
}

#[test]
fn abandoned_and_unknown_attempts_are_followed_by_a_rest() {
    let mut case = Case::good();
    case.tried(Duration::from_secs(599), Some(Disposition::Unknown));
    assert_eq!(case.check_at(NOON), Err(Refusal::CoolOff));
    assert_eq!(case.check_at(NOON + Duration::from_secs(1)), Ok(()));
    case.tried(Duration::from_secs(71 * 3600), Some(Disposition::Abandoned));
    assert_eq!(case.check_at(NOON + Duration::from_secs(1)), Err(Refusal::CoolOff));
    assert_eq!(case.next(Refusal::CoolOff), LeadNext::Retry { at: NOON + Duration::from_secs(3600) });
}

#[test]
fn a_refused_lead_never_comes_back_at_once() {
    let case = Case::good();
    for refusal in [Refusal::NumberBusy, Refusal::NoConsent, Refusal::AttemptCap, Refusal::CoolOff, Refusal::GateClosed]
    {
        let LeadNext::Retry { at } = case.next(refusal) else { panic!("{refusal:?}") };
        assert!(at >= NOON + PUT_OFF_MIN, "{refusal:?}");
    }
}
