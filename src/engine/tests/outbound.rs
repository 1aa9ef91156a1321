//! Attempts: from the intent over ringing and the answer to an agent, a message, or an end.

use std::time::Duration;

use super::rig::*;
use crate::engine::command::{CancelReason, Command};
use crate::engine::event::{AgentAction, Event, OpenAttempt};
use crate::model::agent::{AgentState, DeviceLeg};
use crate::model::attempt::{AnsweredBy, CallFailure, CallRef, FailureKind, Refusal};
use crate::model::calling_hours::{DaySpan, MinuteOfDay, WeeklyHours};
use crate::model::campaign::{Campaign, CampaignState, Pacing, RatioOn, Recording, WhenRecordingFails};
use crate::model::disposition::Disposition;
use crate::model::id::{AttemptId, LeadId};
use crate::model::lead::{LeadNext, PastAttempt, SuppressionReason};
use crate::model::recording::RecordingReason;

fn ratio(lines_per_agent: f64) -> crate::model::campaign::Campaign {
    let mut campaign = campaign();
    campaign.pacing = Pacing::Ratio {
        lines_per_agent,
        min_idle_total: 0,
        on: RatioOn::EveryEvent,
        ringing_max: None,
        within_budget: true,
        restarts: true,
    };
    campaign
}

#[test]
fn an_intent_is_durable_before_anything_leaves() {
    let mut rig = Rig::with(2, campaign());
    rig.manners.intents = false;
    rig.wait(6.0);
    assert_eq!(rig.count(|c| matches!(c, Command::RecordIntent { .. })), 2);
    assert_eq!(rig.count(|c| matches!(c, Command::Dial { .. })), 0);
    let intents: Vec<AttemptId> = rig.engine.attempts.keys().copied().collect();
    rig.tell(Event::IntentRecorded { attempt: intents[0] });
    assert_eq!(rig.count(|c| matches!(c, Command::Dial { attempt, .. } if *attempt == intents[0])), 1);
    rig.tell(Event::IntentRecorded { attempt: intents[0] });
    assert_eq!(rig.count(|c| matches!(c, Command::Dial { .. })), 1, "an intent is dialled once");
}

#[test]
fn a_dial_whose_window_closed_while_its_intent_was_recorded_does_not_leave() {
    let mut campaign = campaign();
    // Open until a minute after the beginning, at 10:01.
    campaign.hours = WeeklyHours::every_day(DaySpan { from: MinuteOfDay(540), to: MinuteOfDay(601) });
    let mut rig = Rig::with(1, campaign);
    rig.manners.intents = false;
    rig.wait(6.0);
    let attempt = *rig.engine.attempts.keys().next().unwrap();
    rig.wait(60.0);
    rig.tell(Event::IntentRecorded { attempt });
    assert_eq!(rig.count(|c| matches!(c, Command::Dial { .. })), 0);
    assert_eq!(rig.end_of(attempt).unwrap().disposition, Disposition::NotDialled);
    assert!(rig.refusals("outside_window") >= 1);
}

#[test]
fn an_answered_customer_gets_an_idle_agent_at_once() {
    let mut rig = Rig::dialling(2, campaign());
    let attempt = rig.ringing()[0];
    rig.wait(8.0);
    rig.answer(attempt);
    assert_eq!(rig.state(1), AgentState::Talking { call: CallRef::Outbound(attempt) }, "the longest idle");
    let desk = rig.engine.agents[&user(1)].view().call.unwrap();
    assert_eq!((desk.campaign, desk.lead.is_some(), desk.waited_ms), (Some(key()), true, 0));
    rig.wait(60.0);
    rig.hang_up(attempt);
    let end = rig.end_of(attempt).unwrap();
    assert_eq!((end.disposition, end.next, end.agent), (Disposition::NotRecorded, None, Some(user(1))));
    assert!(matches!(rig.state(1), AgentState::WrapUp { .. }));
    let today = rig.board().today;
    assert_eq!((today.answered, today.connected, today.abandoned), (1, 1, 0));
}

#[test]
fn nobody_answers_and_the_lead_is_called_again_later() {
    let mut rig = Rig::dialling(1, campaign());
    let attempt = rig.ringing()[0];
    rig.wait(23.9); // the dial left a second before the rig's time
    assert!(rig.end_of(attempt).is_none());
    let before = rig.now;
    rig.wait(0.2);
    let end = rig.end_of(attempt).unwrap();
    assert_eq!(end.disposition, Disposition::NoAnswer);
    let (at, _) = rig.last(|c| matches!(c, Command::CancelAttempt { .. })).unwrap();
    assert_eq!(end.next, Some(LeadNext::Retry { at: at.timestamp + Duration::from_secs(3600) }));
    assert!(at.instant >= before.instant);
    assert_eq!(rig.ringing().len(), 1, "the next lead rings");
}

#[test]
fn it_rings_at_least_as_long_as_the_law_wants() {
    let mut impatient = campaign();
    impatient.ring_timeout_s = 5;
    let mut rig = Rig::dialling(1, impatient);
    let attempt = rig.ringing()[0];
    rig.wait(13.9);
    assert!(rig.end_of(attempt).is_none());
    rig.wait(1.2);
    assert_eq!(rig.end_of(attempt).unwrap().disposition, Disposition::NoAnswer);
}

#[test]
fn a_customer_without_an_agent_hears_the_message_within_two_seconds() {
    let mut rig = Rig::dialling(1, ratio(2.0));
    let ringing = rig.ringing();
    assert_eq!(ringing.len(), 2);
    rig.answer(ringing[0]);
    let answered = rig.now;
    rig.answer(ringing[1]);
    rig.wait(3.0);
    let call = CallRef::Outbound(ringing[1]);
    let (at, _) = rig.last(|c| matches!(c, Command::Play { call: to, .. } if *to == call)).unwrap();
    let waited = at.instant.since(answered.instant);
    assert!(waited <= Duration::from_secs(2) && waited >= Duration::from_millis(1500), "{waited:?}");
    assert!(rig.played(call, "information") && !rig.hung_up(call));
    assert_eq!(rig.board().today.abandoned, 1);
    rig.tell(Event::PromptEnded { call });
    assert!(rig.hung_up(call));
    let end = rig.end_of(ringing[1]).unwrap();
    assert_eq!((end.disposition, end.next), (Disposition::Abandoned, Some(LeadNext::GivenUp)));
}

#[test]
fn a_waiting_customer_takes_the_first_agent_who_becomes_free() {
    let mut rig = Rig::dialling(1, ratio(2.0));
    let ringing = rig.ringing();
    rig.answer(ringing[0]);
    rig.answer(ringing[1]);
    rig.wait(1.5);
    rig.act(1, AgentAction::HangUp).unwrap();
    rig.record(1, CallRef::Outbound(ringing[0]), "no").unwrap();
    assert_eq!(rig.state(1), AgentState::Talking { call: CallRef::Outbound(ringing[1]) });
    rig.wait(5.0);
    assert!(!rig.played(CallRef::Outbound(ringing[1]), "information"));
    assert_eq!(rig.board().today.abandoned, 0);
}

#[test]
fn a_customer_who_hangs_up_while_waiting_is_counted_apart_from_the_abandoned() {
    let mut rig = Rig::dialling(1, ratio(2.0));
    let ringing = rig.ringing();
    rig.answer(ringing[0]);
    rig.answer(ringing[1]);
    rig.wait(1.0);
    rig.hang_up(ringing[1]);
    assert_eq!(rig.end_of(ringing[1]).unwrap().disposition, Disposition::HungUp);
    let today = rig.board().today;
    assert_eq!((today.answered, today.connected, today.hung_up, today.abandoned), (2, 1, 1, 0));
}

fn detecting() -> (Rig, AttemptId) {
    let mut detecting = campaign();
    detecting.detect_machines = true;
    let mut rig = Rig::dialling(1, detecting);
    let attempt = rig.ringing()[0];
    rig.answer(attempt);
    assert_eq!(rig.count(|c| matches!(c, Command::Classify { .. })), 1);
    assert_eq!(rig.state(1), AgentState::Ready, "nobody is reserved before it is known who answered");
    (rig, attempt)
}

#[test]
fn a_machine_is_hung_up_and_never_reaches_an_agent() {
    let (mut rig, attempt) = detecting();
    let by = AnsweredBy::Machine;
    rig.tell(Event::AttemptClassified { attempt, by, confidence: 90, took_ms: 1200 });
    assert!(rig.hung_up(CallRef::Outbound(attempt)));
    let end = rig.end_of(attempt).unwrap();
    assert_eq!((end.disposition, end.classified), (Disposition::Machine, Some((by, 90, 1200))));
    let today = rig.board().today;
    assert_eq!((today.machines, today.answered), (1, 0));
}

#[test]
fn whoever_cannot_be_told_from_a_person_is_treated_as_one() {
    let (mut rig, attempt) = detecting();
    rig.tell(Event::AttemptClassified { attempt, by: AnsweredBy::Unsure, confidence: 0, took_ms: 1500 });
    assert_eq!(rig.state(1), AgentState::Talking { call: CallRef::Outbound(attempt) });
}

#[test]
fn detection_that_takes_too_long_ends_with_the_deadline() {
    let (mut rig, attempt) = detecting();
    rig.wait(2.0);
    assert_eq!(rig.state(1), AgentState::Talking { call: CallRef::Outbound(attempt) });
    assert_eq!(rig.engine.attempts[&attempt].classified, Some((AnsweredBy::Unsure, 0, 1800)));
}

#[test]
fn the_recording_is_announced_with_an_agent_reserved_and_then_bridged() {
    let mut recorded = campaign();
    recorded.recording =
        Recording { on: true, consent_prompt: Some("recorded".parse().unwrap()), ..Recording::default() };
    let mut rig = Rig::dialling(1, recorded);
    let attempt = rig.ringing()[0];
    let call = CallRef::Outbound(attempt);
    rig.answer(attempt);
    assert!(rig.played(call, "recorded"));
    assert_eq!(rig.state(1), AgentState::Reserved { call });
    rig.wait(4.0);
    assert!(!rig.played(call, "information"), "the customer is hearing something");
    rig.tell(Event::PromptEnded { call });
    assert_eq!(rig.count(|c| matches!(c, Command::Bridge { record: true, .. })), 1);
    assert_eq!(rig.state(1), AgentState::Talking { call });
}

#[test]
fn a_campaign_that_is_not_to_call_without_recordings_is_paused_by_the_first_that_fails() {
    let failed = |reason| Event::RecordingFailed { call: CallRef::Outbound(AttemptId(1)), campaign: key(), reason };
    let mut goes_on = campaign();
    goes_on.recording.on = true;
    let mut rig = Rig::dialling(2, goes_on.clone());
    rig.tell(failed(RecordingReason::DiskFull));
    assert_eq!(rig.board().state, CampaignState::Running);

    let pauses = Recording { when_it_fails: WhenRecordingFails::Pause, ..goes_on.recording.clone() };
    let mut rig = Rig::dialling(2, Campaign { recording: pauses, ..goes_on });
    let ringing = rig.ringing();
    rig.answer(ringing[0]);
    rig.tell(failed(RecordingReason::DiskFull));
    assert_eq!(rig.board().state, CampaignState::Paused);
    assert_eq!(rig.state(1), AgentState::Talking { call: CallRef::Outbound(ringing[0]) }, "the call goes on");
    let is_pause = |command: &Command| matches!(command, Command::RecordCampaignState { request: None, .. });
    let (_, told) = rig.last(is_pause).unwrap();
    let Command::RecordCampaignState { campaign, state, why, .. } = told else { panic!("{told:?}") };
    assert_eq!((campaign, state, why), (key(), CampaignState::Paused, Some(RecordingReason::DiskFull)));
    // Those that fail after it say nothing new, and nothing more is dialled.
    rig.tell(failed(RecordingReason::Disk));
    assert_eq!(rig.count(is_pause), 1);
    let dialled = rig.count(|command| matches!(command, Command::Dial { .. }));
    rig.wait(120.0);
    assert_eq!(rig.count(|command| matches!(command, Command::Dial { .. })), dialled);
    assert_eq!(rig.set_campaign(CampaignState::Running), Some(Ok(())));
    assert_eq!(rig.board().state, CampaignState::Running);
    rig.tell(failed(RecordingReason::Disk));
    assert_eq!((rig.board().state, rig.count(is_pause)), (CampaignState::Paused, 2));
}

#[test]
fn an_answer_that_crosses_a_cancellation_is_an_answer() {
    let mut rig = Rig::dialling(1, campaign());
    let attempt = rig.ringing()[0];
    rig.manners.cancels = false;
    rig.wait(25.0);
    assert_eq!(rig.count(|c| matches!(c, Command::CancelAttempt { .. })), 1);
    rig.answer(attempt);
    let call = CallRef::Outbound(attempt);
    let busy = rig.state(1) == AgentState::Talking { call };
    rig.wait(2.0);
    assert!(busy || rig.played(call, "information"));
}

#[test]
fn a_cancelled_call_whose_end_is_never_reported_is_ended() {
    let mut rig = Rig::dialling(1, campaign());
    let attempt = rig.ringing()[0];
    rig.manners.cancels = false;
    rig.wait(24.5 + 41.0);
    assert_eq!(rig.end_of(attempt).unwrap().disposition, Disposition::NoAnswer);
    assert!(rig.hung_up(CallRef::Outbound(attempt)));
}

#[test]
fn a_trunks_failure_does_not_use_up_the_customers_attempts_and_rests_the_trunk() {
    let mut rig = Rig::dialling(1, campaign());
    rig.manners.rings = false;
    let attempt = rig.ringing()[0];
    let failure =
        CallFailure { kind: FailureKind::Rejected, status: 503, q850: 0, rang: false, retry_after_s: Some(3600) };
    rig.tell(Event::AttemptFailed { attempt, failure });
    let end = rig.end_of(attempt).unwrap();
    assert_eq!(end.disposition, Disposition::Congestion);
    assert_eq!(end.next, Some(LeadNext::Retry { at: rig.now.timestamp + Duration::from_secs(600) }));
    assert!(rig.ringing().is_empty());
    assert_eq!(rig.board().not_dialling.as_deref(), Some("trunk_down"));
    rig.wait(299.0);
    assert!(rig.ringing().is_empty(), "an absurd wish is obeyed for five minutes");
    rig.wait(2.0);
    assert_eq!(rig.ringing().len(), 1);
}

#[test]
fn a_busy_line_and_a_wrong_number_end_as_the_campaign_says() {
    let mut rig = Rig::dialling(2, campaign());
    let ringing = rig.ringing();
    rig.fail(ringing[0], 486);
    assert_eq!(rig.end_of(ringing[0]).unwrap().next, Some(LeadNext::GivenUp), "no rule for busy");
    rig.fail(ringing[1], 404);
    let end = rig.end_of(ringing[1]).unwrap();
    assert_eq!((end.disposition, end.next), (Disposition::InvalidNumber, Some(LeadNext::GivenUp)));
}

#[test]
fn an_unwanted_call_suppresses_the_number_everywhere() {
    let mut rig = Rig::bare(settings());
    let mut twin = lead(50);
    twin.number = number(1);
    rig.supply.push_back(lead(1));
    rig.supply.push_back(twin);
    rig.staff(1);
    rig.run_campaign(campaign());
    rig.wait(6.0);
    let attempt = rig.ringing()[0];
    rig.fail(attempt, 607);
    assert_eq!(rig.end_of(attempt).unwrap().disposition, Disposition::Unwanted);
    let put_off = rig.count(|c| matches!(c, Command::PutOffLead { lead: LeadId(50), next: LeadNext::GivenUp, .. }));
    assert_eq!(put_off, 1);
    assert!(rig.ringing().is_empty());
}

#[test]
fn one_number_is_dialled_once_at_a_time_whatever_lists_it_is_on() {
    let mut rig = Rig::bare(settings());
    for n in 1..=3 {
        let mut twin = lead(n);
        twin.number = number(1);
        rig.supply.push_back(twin);
    }
    rig.staff(1);
    rig.staff(2);
    rig.run_campaign(campaign());
    rig.wait(6.0);
    assert_eq!(rig.ringing().len(), 1);
    assert_eq!(rig.refusals("number_busy"), 2);
}

#[test]
fn the_guard_refuses_with_old_facts_and_the_store_with_fresh_ones() {
    let mut rig = Rig::bare(settings());
    let mut suppressed = lead(1);
    suppressed.facts.suppressed = Some(SuppressionReason::OptOut);
    rig.supply.extend([suppressed, lead(2)]);
    rig.manners.intents = false;
    rig.staff(1);
    rig.run_campaign(campaign());
    rig.wait(6.0);
    assert_eq!(rig.refusals("suppressed"), 1);
    let intent = *rig.engine.attempts.keys().next().unwrap();
    rig.tell(Event::IntentRefused { attempt: intent, refusal: Refusal::NoConsent });
    assert_eq!(rig.refusals("no_consent"), 1);
    assert!(rig.end_of(intent).is_none(), "there was no attempt");
    let held = rig.count(|c| matches!(c, Command::PutOffLead { lead: LeadId(2), next: LeadNext::Retry { .. }, .. }));
    assert_eq!(held, 1);
    assert_eq!(rig.engine.tables().attempts, 0);
}

#[test]
fn a_dial_that_the_driver_puts_off_counts_for_nobody_and_does_not_spin() {
    let mut rig = Rig::with(1, campaign());
    rig.manners.sends = false;
    rig.wait(6.0);
    let attempt = *rig.engine.attempts.keys().next().unwrap();
    rig.tell(Event::DialDeferred { attempt, refusal: Refusal::TrunkRate });
    let end = rig.end_of(attempt).unwrap();
    assert_eq!(end.disposition, Disposition::NotDialled);
    assert!(!end.disposition.counts_as_attempt() && matches!(end.next, Some(LeadNext::Retry { .. })));
    assert_eq!(rig.count(|c| matches!(c, Command::RecordIntent { .. })), 1);
    rig.wait(0.6);
    assert_eq!(rig.count(|c| matches!(c, Command::RecordIntent { .. })), 2);
    assert_eq!(rig.board().today.dialled, 0);
}

#[test]
fn a_store_that_cannot_record_an_intent_is_not_hammered() {
    let mut rig = Rig::with(1, campaign());
    rig.manners.intents = false;
    rig.wait(6.0);
    let attempt = *rig.engine.attempts.keys().next().unwrap();
    rig.tell(Event::IntentFailed { attempt });
    rig.wait(0.5);
    assert_eq!(rig.count(|c| matches!(c, Command::RecordIntent { .. })), 1);
    assert_eq!(rig.board().not_dialling.as_deref(), Some("store_down"));
    rig.wait(0.6);
    assert_eq!(rig.count(|c| matches!(c, Command::RecordIntent { .. })), 2);
}

#[test]
fn with_the_abandon_budget_spent_an_agent_is_held_for_each_dial() {
    let mut rig = Rig::dialling(2, ratio(2.0));
    let ringing = rig.ringing();
    assert_eq!(ringing.len(), 3, "of few calls one may be lost, so one more than the agents is risked");
    for attempt in ringing {
        rig.answer(attempt);
    }
    rig.wait(2.0);
    assert_eq!(rig.board().today.abandoned, 1);
    for n in 1..=2 {
        rig.act(n, AgentAction::HangUp).unwrap();
    }
    rig.wait(31.0);
    assert_eq!(rig.ringing().len(), 2, "no more than idle agents");
    assert_eq!(rig.board().not_dialling.as_deref(), Some("abandon_budget"));
}

#[test]
fn a_cap_of_zero_never_dials_more_than_agents_are_held() {
    let mut strict = ratio(3.0);
    strict.abandon_rate_max = 0.0;
    let rig = Rig::dialling(2, strict);
    assert_eq!(rig.ringing().len(), 2);
}

#[test]
fn a_phone_rung_per_call_that_fails_passes_the_customer_to_the_next_agent() {
    let mut rig = Rig::bare(settings());
    for n in 1..=2 {
        rig.sign_in(n, DeviceLeg::PerCall, vec![group()]);
        rig.act(n, AgentAction::Ready).unwrap();
    }
    rig.begin(0, campaign());
    rig.wait(6.0);
    rig.manners.bridges = false;
    let attempt = rig.ringing()[0];
    let call = CallRef::Outbound(attempt);
    rig.answer(attempt);
    rig.wait(0.5);
    rig.tell(Event::BridgeFailed { call, user: user(1) });
    assert_eq!(rig.state(1), AgentState::NotReady { reason: "phone-failed".into() });
    assert_eq!(rig.state(2), AgentState::Reserved { call });
    rig.wait(2.0);
    assert!(rig.played(call, "information"), "the second phone was too slow");
    assert_eq!(rig.count(|c| matches!(c, Command::ReleaseAgent { user: u } if *u == user(2))), 1);
    rig.tell(Event::Bridged { call, user: user(2) });
    assert_eq!(rig.state(2), AgentState::NotReady { reason: "phone-failed".into() });
}

#[test]
fn an_agent_whose_phone_is_lost_leaves_the_customer_to_another_or_to_the_message() {
    let mut rig = Rig::dialling(1, campaign());
    let attempt = rig.ringing()[0];
    rig.answer(attempt);
    rig.wait(20.0);
    rig.manners.legs = false;
    rig.tell(Event::AgentLegDown { user: user(1) });
    assert_eq!(rig.state(1), AgentState::Connecting);
    rig.wait(2.0);
    assert!(rig.played(CallRef::Outbound(attempt), "information"));
    rig.tell(Event::PromptEnded { call: CallRef::Outbound(attempt) });
    let end = rig.end_of(attempt).unwrap();
    assert_eq!(end.disposition, Disposition::Disconnected);
    let today = rig.board().today;
    assert_eq!((today.connected, today.abandoned), (1, 0), "connected once, abandoned never");
}

#[test]
fn attempts_without_an_end_become_unknown_and_rest() {
    let mut rig = Rig::with(0, campaign());
    let at = rig.now.timestamp;
    let open = |n, unknown_before| OpenAttempt {
        attempt: AttemptId(n),
        campaign: key(),
        lead: LeadId(n),
        number: number(n),
        at,
        unknown_before,
        ended: false,
    };
    let attempts = vec![open(1, 0), open(2, 1)];
    rig.tell(Event::Recovered { attempts });
    let end = rig.end_of(AttemptId(1)).unwrap();
    assert_eq!(end.disposition, Disposition::Unknown);
    assert_eq!(end.next, Some(LeadNext::Retry { at: rig.now.timestamp + Duration::from_secs(600) }));
    assert_eq!(rig.end_of(AttemptId(2)).unwrap().next, Some(LeadNext::GivenUp));
    let silent = OpenAttempt { ended: true, ..open(3, 0) };
    rig.tell(Event::Recovered { attempts: vec![silent] });
    assert!(rig.end_of(AttemptId(3)).is_none(), "its end is recorded already");
    let settled = |c: &Command| matches!(c, Command::SettleLead { lead: LeadId(3), next: LeadNext::Done, .. });
    assert_eq!(rig.count(settled), 1);
}

#[test]
fn attempts_of_the_past_are_judged_when_a_lead_is_picked() {
    let mut rig = Rig::bare(settings());
    let mut tried = lead(1);
    let at = rig.now.timestamp - Duration::from_secs(60);
    tried.facts.past =
        vec![PastAttempt { at, campaign: key(), disposition: Some(Disposition::Unknown), elsewhere: false }];
    rig.supply.push_back(tried);
    rig.staff(1);
    rig.run_campaign(campaign());
    rig.wait(6.0);
    assert_eq!(rig.refusals("cool_off"), 1);
    let (_, Command::PutOffLead { next, .. }) = rig.last(|c| matches!(c, Command::PutOffLead { .. })).unwrap() else {
        panic!()
    };
    assert_eq!(next, LeadNext::Retry { at: at + Duration::from_secs(600) });
}

#[test]
fn a_campaign_ends_the_call_of_the_reserved_agent_when_the_customer_leaves() {
    let mut rig = Rig::dialling(1, campaign());
    rig.manners.bridges = false;
    let attempt = rig.ringing()[0];
    rig.answer(attempt);
    assert!(matches!(rig.state(1), AgentState::Reserved { .. }));
    rig.hang_up(attempt);
    assert_eq!(rig.state(1), AgentState::Ready, "free at once");
    assert_eq!(rig.board().today.hung_up, 1);
}

#[test]
fn a_suppression_stops_ringing_at_once_whatever_the_minimum() {
    let mut rig = Rig::dialling(1, campaign());
    let attempt = rig.ringing()[0];
    let number = rig.engine.attempts[&attempt].lead.number.clone();
    rig.wait(1.0);
    rig.tell(Event::Suppressed { number, campaign: None, reason: SuppressionReason::OptOut });
    let why = CancelReason::Suppressed;
    assert_eq!(rig.count(|c| matches!(c, Command::CancelAttempt { why: w, .. } if *w == why)), 1);
    assert_eq!(rig.end_of(attempt).unwrap().next, Some(LeadNext::GivenUp));
}

#[test]
fn a_suppression_that_crosses_the_intent_stops_the_dial_and_leaves_a_talk_alone() {
    let mut rig = Rig::with(1, campaign());
    rig.manners.intents = false;
    rig.wait(6.0);
    let attempt = *rig.engine.attempts.keys().next().unwrap();
    let number = rig.engine.attempts[&attempt].lead.number.clone();
    let reason = SuppressionReason::DoNotCall;
    rig.tell(Event::Suppressed { number, campaign: Some(key()), reason });
    rig.tell(Event::IntentRecorded { attempt });
    assert_eq!(rig.count(|c| matches!(c, Command::Dial { attempt: a, .. } if *a == attempt)), 0);
    let end = rig.end_of(attempt).unwrap();
    assert_eq!((end.disposition, end.next), (Disposition::NotDialled, Some(LeadNext::GivenUp)));

    let mut rig = Rig::dialling(1, campaign());
    let attempt = rig.ringing()[0];
    let number = rig.engine.attempts[&attempt].lead.number.clone();
    rig.answer(attempt);
    rig.tell(Event::Suppressed { number, campaign: None, reason });
    assert_eq!(rig.state(1), AgentState::Talking { call: CallRef::Outbound(attempt) });
}
