//! Intents, ends, results and leads.

use std::time::Duration;

use super::*;
use crate::model::attempt::{InboundEnd, InboundOutcome, Refusal};
use crate::model::id::InboundId;
use crate::model::lead::{Callback, LeadState, NumberFacts, SuppressionReason};
use crate::model::live_limits::{LimitChange, LimitName, LiveLimits};

const PHONE: &str = "+8613800138000";

async fn state(rig: &Rig, lead: LeadId) -> LeadState {
    rig.store.lead(lead).await.unwrap().unwrap().state
}

fn suppression(text: &str, scope: Scope, expires_at: Option<Timestamp>) -> Suppression {
    Suppression {
        number: number(text),
        scope,
        reason: SuppressionReason::DoNotCall,
        source: "hand".to_owned(),
        note: String::new(),
        expires_at,
    }
}

#[tokio::test]
async fn an_intent_takes_the_lead_and_a_second_one_to_the_number_is_refused_by_the_table() {
    let mut rig = Rig::new().await;
    let (lead, _) = rig.dialling(PHONE).await;
    assert_eq!(state(&rig, lead).await, LeadState::Dialling);
    let summer = rig.campaign("summer").await;
    let other = rig.lead_of("summer", summer, PHONE, 0, "Asia/Shanghai").await;
    let mut intent = rig.intent(other, PHONE);
    intent.campaign = key("summer");
    // The check lets it pass on purpose: the constraint alone must hold.
    let outcome = rig.record(intent).await;
    assert_eq!(outcome, IntentOutcome::Refused(Refusal::NumberBusy));
    assert_eq!(state(&rig, other).await, LeadState::Open);
}

#[tokio::test]
async fn the_check_sees_facts_that_were_committed_after_the_lead_was_fetched() {
    let mut rig = Rig::new().await;
    let lead = rig.lead(PHONE).await;
    assert_eq!(rig.due().await[0].facts, NumberFacts::default());
    // An expiring suppression leaves the lead open, so that only the facts can tell.
    let until = Some(after(3600));
    rig.store.suppress(suppression(PHONE, Scope::Campaign(key("spring")), until), "ann", NOW).await.unwrap();
    let intent = rig.intent(lead, PHONE);
    let check = |facts: &NumberFacts| match facts.suppressed {
        Some(by) => Err(Refusal::Suppressed { by }),
        None => Ok(()),
    };
    let outcome = rig.store.record_intent(intent, std::sync::Arc::new(check)).await.unwrap();
    assert_eq!(outcome, IntentOutcome::Refused(Refusal::Suppressed { by: SuppressionReason::DoNotCall }));
    assert!(rig.store.open_attempts().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_paused_campaign_and_a_closed_lead_record_no_intent() {
    let mut rig = Rig::new().await;
    let lead = rig.lead(PHONE).await;
    let pause = CampaignState::Paused;
    rig.store.set_campaign_state(&key("spring"), pause, "ann", "lunch", NOW).await.unwrap();
    let intent = rig.intent(lead, PHONE);
    let refused = rig.record(intent.clone()).await;
    assert_eq!(refused, IntentOutcome::Refused(Refusal::CampaignState { state: pause }));
    rig.store.set_campaign_state(&key("spring"), CampaignState::Running, "ann", "on", NOW).await.unwrap();
    rig.store.give_up(vec![lead], NOW).await.unwrap();
    assert_eq!(rig.record(intent).await, IntentOutcome::Refused(Refusal::NoLeadDue));
}

#[tokio::test]
async fn an_attempt_ends_once_and_moves_its_lead_on() {
    let mut rig = Rig::new().await;
    let (lead, attempt) = rig.dialling(PHONE).await;
    let next = Some(LeadNext::Retry { at: after(900) });
    assert!(rig.store.end_attempt(end(attempt, Disposition::NoAnswer, next)).await.unwrap());
    assert!(!rig.store.end_attempt(end(attempt, Disposition::Busy, Some(LeadNext::GivenUp))).await.unwrap());
    let card = rig.store.lead(lead).await.unwrap().unwrap();
    assert_eq!((card.state, card.due_at), (LeadState::Open, Some(after(900))));
    assert!(rig.due().await.is_empty());
    let later = rig
        .store
        .fetch_leads(&key("spring"), &Selection::default(), after(900), 9, &HashSet::new(), &|_| true)
        .await
        .unwrap();
    assert_eq!(later[0].attempts, BTreeMap::from([(Disposition::NoAnswer, 1)]));
    assert_eq!(later[0].facts.past.len(), 1);
    assert_eq!(later[0].facts.past[0].disposition, Some(Disposition::NoAnswer));
    let unknown = rig.store.end_attempt(end(AttemptId(99), Disposition::Busy, None)).await.unwrap_err();
    assert!(matches!(unknown, StoreError::NotFound { what: "attempt", .. }));
}

#[tokio::test]
async fn a_result_is_recorded_once_per_request_and_a_correction_is_a_revision() {
    let mut rig = Rig::new().await;
    let (lead, attempt) = rig.dialling(PHONE).await;
    rig.store.end_attempt(end(attempt, Disposition::NotRecorded, None)).await.unwrap();
    let first = result(attempt, lead, 1, Disposition::Accepted);
    let receipt = rig.store.record_result(first.clone()).await.unwrap();
    assert_eq!((receipt.revision, receipt.repeated), (1, false));
    let again = rig.store.record_result(first.clone()).await.unwrap();
    assert_eq!((again.revision, again.repeated), (1, true));
    let same_content = CallResult { request: Some(RequestId(2)), ..first.clone() };
    assert!(rig.store.record_result(same_content).await.unwrap().repeated);
    let corrected = CallResult {
        next: Some(LeadNext::Callback(Callback { at: after(7200), agent: Some("ann".to_owned()) })),
        ..result(attempt, lead, 3, Disposition::Callback)
    };
    assert_eq!(rig.store.record_result(corrected).await.unwrap().revision, 2);
    // Wrap-up ran out at the same moment: what the agent said stands.
    let late = result(attempt, lead, 0, Disposition::NotRecorded);
    assert!(rig.store.record_result(late).await.unwrap().repeated);
    assert_eq!(state(&rig, lead).await, LeadState::Callback);
    assert_eq!(rig.store.audit_sums(after(100), 3600).await.unwrap(), vec![]);
}

#[tokio::test]
async fn a_result_while_the_call_is_up_is_not_undone_by_its_end() {
    let mut rig = Rig::new().await;
    let (lead, attempt) = rig.dialling(PHONE).await;
    rig.store.record_result(result(attempt, lead, 1, Disposition::Accepted)).await.unwrap();
    let retry = Some(LeadNext::Retry { at: after(1) });
    rig.store.end_attempt(end(attempt, Disposition::NotRecorded, retry)).await.unwrap();
    assert_eq!(state(&rig, lead).await, LeadState::Done);
    assert_eq!(rig.store.audit_sums(after(100), 3600).await.unwrap(), vec![]);
}

#[tokio::test]
async fn a_result_that_suppresses_closes_the_number_in_every_campaign_at_once() {
    let mut rig = Rig::new().await;
    let (lead, attempt) = rig.dialling(PHONE).await;
    let summer = rig.campaign("summer").await;
    let other = rig.lead_of("summer", summer, PHONE, 0, "Asia/Shanghai").await;
    rig.store.end_attempt(end(attempt, Disposition::NotRecorded, None)).await.unwrap();
    let stop = CallResult {
        number: Some(number(PHONE)),
        suppress: Some(SuppressionReason::OptOut),
        next: Some(LeadNext::GivenUp),
        ..result(attempt, lead, 1, Disposition::DoNotCall)
    };
    rig.store.record_result(stop).await.unwrap();
    assert_eq!(state(&rig, other).await, LeadState::GivenUp);
    let held = rig.store.suppressions_of(&number(PHONE)).await.unwrap();
    assert_eq!(held.len(), 1);
    assert!(held[0].in_force(NOW) && held[0].scope == Scope::All, "{held:?}");
    // Lifting it reopens only what the suppression had closed.
    rig.store.lift_suppression(held[0].id, "ann", "customer called back", after(99)).await.unwrap();
    assert_eq!(state(&rig, other).await, LeadState::Open);
    assert_eq!(state(&rig, lead).await, LeadState::GivenUp);
    assert_eq!(rig.store.suppressions_of(&number(PHONE)).await.unwrap()[0].lifted_by.as_deref(), Some("ann"));
    assert!(rig.store.lift_suppression(held[0].id, "ann", "again", after(99)).await.is_err());
}

#[tokio::test]
async fn leads_come_callbacks_first_then_by_priority_then_by_waiting() {
    let mut rig = Rig::new().await;
    let low = rig.lead_of("spring", rig.list, "+8613800000001", 1, "Asia/Shanghai").await;
    let high = rig.lead_of("spring", rig.list, "+8613800000002", 9, "Europe/Berlin").await;
    let promised = rig.lead_of("spring", rig.list, "+8613800000003", 0, "Asia/Shanghai").await;
    let _unknown_zone = rig.lead_of("spring", rig.list, "+8613800000004", 99, "").await;
    let intent = rig.intent(promised, "+8613800000003");
    let attempt = intent.attempt;
    rig.record(intent).await;
    let callback = Callback { at: NOW, agent: Some("ann".to_owned()) };
    let next = Some(LeadNext::Callback(callback.clone()));
    rig.store.end_attempt(end(attempt, Disposition::NotRecorded, next)).await.unwrap();
    let ids = |leads: Vec<Lead>| leads.into_iter().map(|lead| lead.id).collect::<Vec<_>>();
    let due = rig.due().await;
    assert_eq!(due[0].callback, Some(callback));
    assert_eq!(ids(due), vec![promised, high, low]);
    let claimed = HashSet::from([promised]);
    let rest = rig.store.fetch_leads(&key("spring"), &Selection::default(), NOW, 1, &claimed, &|_| true).await.unwrap();
    assert_eq!(ids(rest), vec![high]);
    let china = |zones: &[String]| zones == ["Asia/Shanghai"];
    let open =
        rig.store.fetch_leads(&key("spring"), &Selection::default(), NOW, 9, &HashSet::new(), &china).await.unwrap();
    assert_eq!(ids(open), vec![promised, low]);
    rig.store.put_off(vec![(low, after(60), None), (promised, after(50), None)]).await.unwrap();
    assert_eq!(rig.store.next_due(&key("spring"), &china).await.unwrap(), Some(after(50)));
    assert_eq!(rig.store.count_due(&key("spring"), after(55), &china).await.unwrap(), 1);
    assert_eq!(rig.store.lead_counts(&key("spring")).await.unwrap().total(), 4);
}

#[tokio::test]
async fn a_consent_covers_until_it_expires_or_is_revoked_for_the_purpose_or_for_all() {
    let rig = Rig::new().await;
    let who = number(PHONE);
    let spring = Scope::Campaign(key("spring"));
    let given = ConsentGiven {
        number: who.clone(),
        purpose: Scope::All,
        text: "Call me about offers".to_owned(),
        text_version: "3".to_owned(),
        channel: "web".to_owned(),
        source: "form".to_owned(),
        at: NOW,
        expires_at: Some(after(100)),
    };
    let id = rig.store.record_consent(given.clone(), "ann", after(1)).await.unwrap();
    assert_eq!(rig.store.record_consent(given.clone(), "ann", after(2)).await.unwrap(), id);
    assert!(rig.store.has_consent(&who, &spring, after(99)).await.unwrap());
    assert!(!rig.store.has_consent(&who, &spring, after(100)).await.unwrap());
    let revoked = ConsentRevoked {
        number: who.clone(),
        purpose: spring.clone(),
        channel: "sms".to_owned(),
        source: "reply".to_owned(),
        text: "STOP".to_owned(),
        at: after(10),
    };
    rig.store.revoke_consent(revoked, "ann", after(10)).await.unwrap();
    assert!(!rig.store.has_consent(&who, &spring, after(11)).await.unwrap());
    assert!(rig.store.has_consent(&who, &Scope::Campaign(key("summer")), after(11)).await.unwrap());
    let renewed = ConsentGiven { at: after(20), purpose: spring.clone(), ..given };
    rig.store.record_consents(vec![renewed], "ann", after(20)).await.unwrap();
    assert!(rig.store.has_consent(&who, &spring, after(21)).await.unwrap());
    assert_eq!(rig.store.consents_of(&who).await.unwrap().len(), 3);
    assert_eq!(rig.store.consents(None, 2).await.unwrap().len(), 2);
    rig.lead(PHONE).await;
    let due = rig
        .store
        .fetch_leads(&key("spring"), &Selection::default(), after(21), 9, &HashSet::new(), &|_| true)
        .await
        .unwrap();
    assert!(due[0].facts.consent);
}

#[tokio::test]
async fn recovery_finds_live_attempts_and_leads_that_wait_for_a_result() {
    let mut rig = Rig::new().await;
    let (_, live) = rig.dialling("+8613800000001").await;
    let (waiting, ended) = rig.dialling("+8613800000002").await;
    let (done, settled) = rig.dialling("+8613800000003").await;
    rig.store.end_attempt(end(ended, Disposition::NotRecorded, None)).await.unwrap();
    rig.store.end_attempt(end(settled, Disposition::NotRecorded, None)).await.unwrap();
    rig.store.record_result(result(settled, done, 1, Disposition::Declined)).await.unwrap();
    rig.store.save_dialog("call-1", "{}", NOW).await.unwrap();
    let rig = rig.crash().await;
    let open = rig.store.open_attempts().await.unwrap();
    assert_eq!(open.iter().map(|one| one.intent.attempt).collect::<Vec<_>>(), vec![live, ended]);
    assert_eq!(open[0].stage, OpenStage::Live);
    assert!(matches!(&open[1].stage, OpenStage::AwaitingResult(end) if end.disposition == Disposition::NotRecorded));
    assert_eq!(rig.store.audit_sums(after(9000), 60).await.unwrap().len(), 2);
    let next = Some(LeadNext::Retry { at: after(7200) });
    rig.store.end_attempt(end(live, Disposition::Unknown, next)).await.unwrap();
    rig.store.settle_lead(waiting, ended, LeadNext::Retry { at: after(60) }, after(40)).await.unwrap();
    assert!(rig.store.open_attempts().await.unwrap().is_empty());
    assert_eq!(rig.store.audit_sums(after(9000), 60).await.unwrap(), vec![]);
    assert_eq!(rig.store.leftover_dialogs().await.unwrap()[0].id, "call-1");
    rig.store.drop_dialog("call-1").await.unwrap();
    assert!(rig.store.leftover_dialogs().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_applied_text_is_a_revision_and_an_ended_campaign_must_be_applied_again() {
    let rig = Rig::new().await;
    let apply = async |text: &str| rig.store.apply_campaign(campaign("spring"), text, "ann", "why", NOW).await.unwrap();
    assert_eq!(apply("text").await, 1);
    assert_eq!(apply("other text").await, 2);
    let set = async |state| rig.store.set_campaign_state(&key("spring"), state, "bob", "over", after(1)).await;
    set(CampaignState::Ended).await.unwrap();
    assert!(set(CampaignState::Running).await.unwrap_err().to_string().contains("applied again"));
    assert_eq!(apply("other text").await, 3);
    let row = rig.store.campaign(&key("spring")).await.unwrap().unwrap();
    assert_eq!((row.revision, row.state), (3, CampaignState::Ready));
    assert_eq!(rig.store.revisions(&key("spring")).await.unwrap().len(), 3);
    let trail = rig.store.audit_trail(None, 50).await.unwrap();
    assert!(trail.iter().any(|entry| entry.what == "campaign_state" && entry.who == "bob"), "{trail:?}");
}

#[tokio::test]
async fn live_controls_gates_and_refusals_read_back_as_they_were_written() {
    let rig = Rig::new().await;
    let group = "sales".parse().unwrap();
    let controls = GroupControls { idle_threshold: Some(0.4), reserve: Some(2), ..GroupControls::default() };
    rig.store.set_group_controls(&group, controls, &serde_json::json!({"reserve": 2}), "ann", NOW).await.unwrap();
    assert_eq!(rig.store.group_controls().await.unwrap()[0].controls, controls);
    assert!(rig.store.live_limits(&key("spring")).await.unwrap().is_empty());
    let day = LiveLimits { dials_per_day_max: Some(7), ..LiveLimits::default() };
    let set = LiveLimits { lines_max: Some(4), abandon_rate_max: Some(0.01), ..LiveLimits::default() };
    for (set, back, expected) in [
        (day, vec![], day),
        (LiveLimits { lines_max: Some(9), ..LiveLimits::default() }, vec![], LiveLimits { lines_max: Some(9), ..day }),
        (set, vec![LimitName::DialsPerDayMax], set),
    ] {
        rig.store.set_live_limits(&key("spring"), &LimitChange { set, back }, "ann", NOW).await.unwrap();
        assert_eq!(rig.store.live_limits(&key("spring")).await.unwrap(), expected);
    }
    let trail = rig.store.audit_trail(None, 1).await.unwrap();
    assert_eq!((trail[0].what.as_str(), trail[0].who.as_str()), ("campaign_limits", "ann"));
    assert_eq!(trail[0].detail, r#"{"abandon_rate_max":0.01,"dials_per_day_max":null,"lines_max":4}"#);
    let change = crate::model::attempt::GateChange {
        group: group.clone(),
        at: NOW,
        open: true,
        idleness: 0.61,
        idle_threshold: 0.4,
        agents: 10,
        inbound_busy: 3,
        waiting: 0,
        slots: 5,
    };
    rig.store.record_gate(change.clone()).await.unwrap();
    assert_eq!(rig.store.gate_changes(&group, NOW, after(1)).await.unwrap(), vec![change]);
    let day = jiff::civil::date(2026, 11, 22);
    let count = RefusalCount { campaign: key("spring"), day, code: "gate_closed".to_owned(), count: 3 };
    rig.store.count_refusals(vec![count.clone(), count.clone()]).await.unwrap();
    let counts = rig.store.refusals(&key("spring"), day, day).await.unwrap();
    assert_eq!(counts, vec![RefusalCount { count: 6, ..count }]);
}

#[tokio::test]
async fn an_inbound_call_is_recorded_once_and_its_result_reaches_the_lead() {
    let rig = Rig::new().await;
    let lead = rig.lead(PHONE).await;
    let call = InboundEnd {
        call: InboundId(5),
        queue: Some("service".parse().unwrap()),
        campaign: Some(key("spring")),
        did: "+862112345678".to_owned(),
        caller: Some(number(PHONE)),
        offered_at: NOW,
        connected_at: Some(after(4)),
        ended_at: after(64),
        agent: Some(UserId(7)),
        outcome: InboundOutcome::Answered,
    };
    rig.store.record_inbound(call.clone()).await.unwrap();
    rig.store.record_inbound(call).await.unwrap();
    let answer =
        CallResult { call: CallRef::Inbound(InboundId(5)), ..result(AttemptId(0), lead, 1, Disposition::Handled) };
    rig.store.record_result(answer).await.unwrap();
    assert_eq!(state(&rig, lead).await, LeadState::Done);
    assert_eq!(rig.store.audit_sums(NOW + Duration::from_secs(9), 60).await.unwrap(), vec![]);
}

#[tokio::test]
async fn calls_that_are_too_old_go_with_their_results_unless_their_lead_may_be_dialled_again() {
    let mut rig = Rig::new().await;
    let (done, first) = rig.dialling("+8613800138000").await;
    rig.store.end_attempt(end(first, Disposition::NotRecorded, None)).await.unwrap();
    rig.store.record_result(result(first, done, 1, Disposition::Accepted)).await.unwrap();
    let (_, again) = rig.dialling("+8613800138001").await;
    let retry = Some(LeadNext::Retry { at: after(600) });
    rig.store.end_attempt(end(again, Disposition::Busy, retry)).await.unwrap();
    let (_, live) = rig.dialling("+8613800138002").await;
    assert_eq!(rig.store.forget_calls(NOW).await.unwrap(), 0, "nothing began before");
    assert_eq!(rig.store.forget_calls(after(10_000)).await.unwrap(), 1);
    let all = rig.store.attempts(&AttemptFilter::default(), None, 10).await.unwrap();
    let left: Vec<AttemptId> = all.iter().map(|row| row.id).collect();
    assert_eq!((left.len(), left.contains(&again), left.contains(&live)), (2, true, true));
    assert!(rig.store.results_of(CallRef::Outbound(first)).await.unwrap().is_empty());
    assert_eq!(rig.store.lead(done).await.unwrap().unwrap().state, crate::model::lead::LeadState::Done);
    assert_eq!(rig.store.audit_sums(after(100), 3600).await.unwrap(), vec![]);
}

#[tokio::test]
async fn a_campaign_is_applied_only_to_what_it_is_based_on() {
    let rig = Rig::new().await;
    let apply = async |base: Base, name: &str, text: &str| {
        rig.store.apply_campaign_based_on(base, campaign(name), text, ("ann", "why"), NOW).await
    };
    let moved = |name: &str, revision| Err(StoreError::Moved { what: "campaign", name: name.to_owned(), revision });
    assert_eq!(apply(Base::Revisions(vec![1]), "spring", "second").await, Ok(2));
    assert_eq!(apply(Base::Revisions(vec![1]), "spring", "third").await, moved("spring", 2));
    assert_eq!(apply(Base::Revisions(vec![1]), "spring", "second").await, Ok(2), "is in force already");
    assert_eq!(apply(Base::Revisions(vec![]), "spring", "third").await, moved("spring", 2));
    assert_eq!(apply(Base::Revisions(vec![2, 7]), "spring", "third").await, Ok(3));
    assert_eq!(apply(Base::Nothing, "spring", "fourth").await, moved("spring", 3));
    assert_eq!(apply(Base::Something, "spring", "fourth").await, Ok(4));
    assert_eq!(apply(Base::Something, "autumn", "first").await, moved("autumn", 0));
    assert_eq!(apply(Base::Nothing, "autumn", "first").await, Ok(1));
}
