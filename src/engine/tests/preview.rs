//! Preview: the agent sees the lead first and starts the call.

use super::rig::*;
use crate::engine::command::{CancelReason, Command, RequestRefusal};
use crate::engine::dialer::preview::UNDECIDED_MAX;
use crate::engine::event::{AgentAction, Event};
use crate::model::agent::{AgentState, DeviceLeg, NoticeKind};
use crate::model::attempt::{CallRef, InboundOutcome, Refusal};
use crate::model::campaign::*;
use crate::model::disposition::Disposition;
use crate::model::id::{AttemptId, LeadId};
use crate::model::lead::{LeadNext, SuppressionReason};

fn previewing(rules: Preview) -> Campaign {
    Campaign { pacing: Pacing::Preview(rules), ..campaign() }
}

fn rules() -> Preview {
    Preview { time_limit_s: 60, skips_max: Some(2), ..Preview::default() }
}

/// The lead on an agent's desk.
fn shown(rig: &Rig, n: i64) -> Option<LeadId> {
    rig.engine.agents[&user(n)].view().preview.map(|preview| preview.lead)
}

fn notice(rig: &Rig, n: i64) -> Option<NoticeKind> {
    rig.engine.agents[&user(n)].view().notice.map(|notice| notice.what)
}

fn start(rig: &mut Rig, n: i64) -> Result<(), RequestRefusal> {
    let lead = shown(rig, n).expect("a lead on the desk");
    rig.act(n, AgentAction::StartCall { lead })
}

fn skip(rig: &mut Rig, n: i64, reason: &str) -> Result<(), RequestRefusal> {
    let lead = shown(rig, n).expect("a lead on the desk");
    rig.act(n, AgentAction::SkipLead { lead, reason: reason.to_owned() })
}

fn put_off(rig: &Rig, lead: LeadId) -> Option<(LeadNext, Refusal)> {
    rig.log.iter().rev().find_map(|(_, command)| match command {
        Command::PutOffLead { lead: own, next, refusal, .. } if *own == lead => Some((next.clone(), *refusal)),
        _ => None,
    })
}

fn intents(rig: &Rig) -> usize {
    rig.count(|c| matches!(c, Command::RecordIntent { .. }))
}

#[test]
fn each_idle_agent_sees_another_lead_and_nothing_is_dialled_by_itself() {
    let mut rig = Rig::dialling(3, previewing(rules()));
    let mut leads: Vec<LeadId> = (1..=3).filter_map(|n| shown(&rig, n)).collect();
    leads.sort();
    leads.dedup();
    assert_eq!(leads.len(), 3, "one lead on one desk");
    assert_eq!((intents(&rig), rig.board().previewing, rig.group().outbound_busy), (0, 3, 3));
    rig.wait(50.0);
    assert_eq!(intents(&rig), 0, "an offer is no attempt");
}

#[test]
fn the_agent_who_starts_the_call_gets_the_customer_who_answers() {
    let mut rig = Rig::dialling(3, previewing(rules()));
    let lead = shown(&rig, 2).unwrap();
    assert_eq!(start(&mut rig, 2), Ok(()));
    let attempt = rig.ringing()[0];
    let call = CallRef::Outbound(attempt);
    assert_eq!(rig.state(2), AgentState::Reserved { call });
    let desk = rig.engine.agents[&user(2)].view().call.unwrap();
    assert_eq!((desk.lead, desk.answered), (Some(lead), false));
    assert_eq!((rig.board().ringing, rig.group().outbound_busy), (1, 3));
    rig.wait(5.0);
    rig.answer(attempt);
    assert_eq!(rig.state(2), AgentState::Talking { call });
    assert!(rig.engine.agents[&user(2)].view().call.unwrap().answered);
    rig.hang_up(attempt);
    rig.record(2, call, "took-it").unwrap();
    let next = shown(&rig, 2).expect("the next lead");
    assert_ne!(next, lead);
    assert_eq!((rig.board().today.answered, rig.board().today.abandoned), (1, 0));
}

#[test]
fn an_attempt_that_has_its_agent_takes_no_idle_one_from_another_campaign() {
    let mut rig = Rig::dialling(1, previewing(rules()));
    start(&mut rig, 1).unwrap();
    let other = Campaign { key: "other".parse().unwrap(), priority: 99, ..campaign() };
    rig.supply.extend((500..520).map(|n| crate::model::lead::Lead { campaign: other.key.clone(), ..lead(n) }));
    rig.run_campaign(other);
    assert_eq!(rig.ringing().len(), 1, "the only agent is held");
    rig.staff(2);
    assert_eq!(rig.ringing().len(), 2, "the second is idle, and free for a line of the other");
    assert_eq!(rig.board().today.abandoned, 0);
}

#[test]
fn a_call_that_nobody_answers_frees_its_agent_with_a_word_about_it() {
    let mut rig = Rig::dialling(1, previewing(rules()));
    start(&mut rig, 1).unwrap();
    rig.wait(26.0);
    assert_eq!(rig.count(|c| matches!(c, Command::CancelAttempt { why: CancelReason::RingTimeout, .. })), 1);
    assert_eq!(notice(&rig, 1), Some(NoticeKind::Unreached { disposition: Disposition::NoAnswer }));
    assert!(matches!(rig.state(1), AgentState::Previewing { .. }), "the next lead is there already");
    start(&mut rig, 1).unwrap();
    assert_eq!(notice(&rig, 1), None, "the agent went on");
}

#[test]
fn machine_detection_frees_the_agent_as_well() {
    let mut rig = Rig::dialling(1, Campaign { detect_machines: true, ..previewing(rules()) });
    start(&mut rig, 1).unwrap();
    let attempt = rig.ringing()[0];
    rig.wait(4.0);
    rig.answer(attempt);
    let by = crate::model::attempt::AnsweredBy::Machine;
    rig.tell(Event::AttemptClassified { attempt, by, confidence: 90, took_ms: 700 });
    assert_eq!(notice(&rig, 1), Some(NoticeKind::Unreached { disposition: Disposition::Machine }));
    assert!(matches!(rig.state(1), AgentState::Previewing { .. }));
}

#[test]
fn a_lead_is_skipped_with_a_reason_and_only_so_often_in_a_row() {
    let mut rig = Rig::dialling(1, previewing(rules()));
    let first = shown(&rig, 1).unwrap();
    let expected = "wrong-time, wrong-data, spoken-lately, other".to_owned();
    let reason = "because".to_owned();
    assert_eq!(skip(&mut rig, 1, "because"), Err(RequestRefusal::UnknownSkipReason { reason, expected }));
    assert_eq!(skip(&mut rig, 1, "wrong-data"), Ok(()));
    let again = rig.now.timestamp + std::time::Duration::from_secs(3600);
    assert_eq!(put_off(&rig, first), Some((LeadNext::Retry { at: again }, Refusal::Skipped)));
    assert_eq!(rig.refusals("skipped"), 1);
    let fetch = rig.act(1, AgentAction::SkipLead { lead: first, reason: "other".into() });
    assert_eq!(fetch, Err(RequestRefusal::LeadGone), "a second press is about a lead that is gone");
    assert_eq!(skip(&mut rig, 1, "other"), Ok(()));
    assert_eq!(rig.engine.agents[&user(1)].view().preview.unwrap().skips_left, Some(0));
    assert_eq!(skip(&mut rig, 1, "other"), Err(RequestRefusal::SkipsUsedUp { skips_max: 2 }));
    start(&mut rig, 1).unwrap();
    let attempt = rig.ringing()[0];
    rig.wait(4.0);
    rig.fail(attempt, 486);
    assert_eq!(skip(&mut rig, 1, "other"), Ok(()), "a call begins the count anew");
}

#[test]
fn a_skipped_lead_is_not_asked_for_again_before_the_store_knows() {
    let mut rig = Rig::dialling(1, previewing(Preview { skips_max: None, ..rules() }));
    let first = shown(&rig, 1).unwrap();
    skip(&mut rig, 1, "other").unwrap();
    rig.manners.leads = false;
    for _ in 0..6 {
        skip(&mut rig, 1, "other").unwrap();
    }
    let held = |rig: &Rig| match rig.last(|c| matches!(c, Command::FetchLeads { .. })) {
        Some((_, Command::FetchLeads { held, .. })) => held,
        other => panic!("{other:?}"),
    };
    assert!(held(&rig).contains(&first) && held(&rig).contains(&shown(&rig, 1).unwrap()));
    rig.wait(31.0);
    assert!(!held(&rig).contains(&first), "asked again, and the store knows by now");
    assert!(held(&rig).contains(&shown(&rig, 1).unwrap()), "the lead on the desk is never asked for");
}

#[test]
fn at_the_time_limit_the_lead_goes_back_and_who_never_decides_is_paused() {
    let mut rig = Rig::dialling(1, previewing(rules()));
    let first = shown(&rig, 1).unwrap();
    rig.wait(60.0);
    let (next, why) = put_off(&rig, first).expect("it rests");
    assert_eq!(why, Refusal::NotDecided);
    assert!(matches!(next, LeadNext::Retry { .. }));
    assert_eq!(notice(&rig, 1), Some(NoticeKind::TimedOut));
    assert!(shown(&rig, 1).is_some_and(|lead| lead != first));
    for _ in 1..UNDECIDED_MAX {
        rig.wait(61.0);
    }
    assert_eq!(rig.state(1), AgentState::NotReady { reason: "not-deciding".into() });
    assert_eq!(intents(&rig), 0);
}

#[test]
fn at_the_time_limit_the_lead_is_dialled_where_the_campaign_says_so() {
    let mut rig = Rig::dialling(1, previewing(Preview { on_time_out: OnTimeOut::Dial, ..rules() }));
    let lead = shown(&rig, 1).unwrap();
    rig.wait(60.0);
    assert_eq!(intents(&rig), 1);
    assert_eq!(rig.engine.agents[&user(1)].view().call.unwrap().lead, Some(lead));
}

#[test]
fn a_caller_takes_an_agent_who_only_looks_and_the_lead_is_unharmed() {
    let mut rig = Rig::dialling(2, previewing(rules()));
    rig.wait(3.0);
    start(&mut rig, 1).unwrap();
    let lead = shown(&rig, 2).unwrap();
    let call = rig.caller();
    assert_eq!(rig.state(2), AgentState::Talking { call: CallRef::Inbound(call) });
    assert_eq!(notice(&rig, 2), Some(NoticeKind::CallerFirst));
    assert_eq!(put_off(&rig, lead), None);
    rig.tell(Event::InboundHungUp { call });
    rig.record(2, CallRef::Inbound(call), "handled").unwrap();
    assert_eq!(rig.inbound_end_of(call).unwrap().outcome, InboundOutcome::Answered);
    rig.wait(6.0);
    assert_eq!(shown(&rig, 2), Some(lead), "the same lead comes back");
}

#[test]
fn an_idle_agent_is_taken_before_one_who_looks() {
    let mut rig = Rig::dialling(2, previewing(rules()));
    rig.control(crate::engine::event::GroupChange { reserve: Some(1), ..Default::default() });
    let looks = (1..=2).find(|n| shown(&rig, *n).is_some()).unwrap();
    let idle = 3 - looks;
    rig.act(idle, AgentAction::NotReady { reason: "break".into() }).unwrap();
    rig.act(idle, AgentAction::Ready).unwrap();
    assert_eq!(rig.state(idle), AgentState::Ready, "kept as the reserve");
    let call = rig.caller();
    assert_eq!(rig.state(idle), AgentState::Talking { call: CallRef::Inbound(call) });
}

#[test]
fn whatever_takes_the_lead_away_leaves_it_as_it_was() {
    type Take = fn(&mut Rig);
    let ways: [(&str, Take); 7] = [
        ("pause", |rig| rig.act(1, AgentAction::NotReady { reason: "break".into() }).unwrap()),
        ("sign-out", |rig| rig.act(1, AgentAction::SignOut).unwrap()),
        ("campaign paused", |rig| drop(rig.set_campaign(CampaignState::Paused))),
        ("drain", |rig| rig.tell(Event::Drain)),
        ("phone lost", |rig| rig.tell(Event::AgentLegDown { user: user(1) })),
        ("desk lost", |rig| {
            rig.tell(Event::AgentPresence { user: user(1), present: false });
            rig.wait(16.0);
        }),
        ("clock", |rig| rig.tell(Event::ClockHealth { sure: false })),
    ];
    for (name, take) in ways {
        let mut rig = Rig::dialling(1, previewing(rules()));
        rig.manners.legs = false;
        let lead = shown(&rig, 1).unwrap();
        take(&mut rig);
        let looks = rig.engine.agents.get(&user(1)).is_some_and(|agent| agent.offer.is_some());
        assert!(!looks, "{name}");
        assert_eq!((put_off(&rig, lead), intents(&rig)), (None, 0), "{name}");
        assert_eq!(rig.engine.tables().numbers, 0, "{name}");
        assert!(rig.engine.offered.is_empty(), "{name}");
    }
}

#[test]
fn a_closing_gate_takes_leads_back_but_not_a_call_that_was_started() {
    let mut rig = Rig::dialling(4, previewing(rules()));
    start(&mut rig, 1).unwrap();
    rig.control(crate::engine::event::GroupChange { idle_threshold: Some(1.0), ..Default::default() });
    rig.caller();
    rig.wait(1.0);
    assert!(!rig.group().gate_open);
    assert_eq!(rig.board().previewing, 0);
    assert_eq!(rig.ringing().len(), 1);
    rig.wait(16.0);
    assert_eq!(rig.ringing().len(), 1, "the agent is held for it");
    let attempt = rig.ringing()[0];
    rig.answer(attempt);
    assert_eq!(rig.state(1), AgentState::Talking { call: CallRef::Outbound(attempt) });
}

#[test]
fn a_number_that_is_suppressed_meanwhile_leaves_the_desk_with_a_word_about_it() {
    let mut rig = Rig::dialling(1, previewing(rules()));
    let lead = shown(&rig, 1).unwrap();
    let (number, reason) = (number(lead.0), SuppressionReason::Complaint);
    rig.tell(Event::Suppressed { number, campaign: None, reason });
    let refusal = Refusal::Suppressed { by: reason };
    assert_eq!(put_off(&rig, lead), Some((LeadNext::GivenUp, refusal)));
    assert_eq!(notice(&rig, 1), Some(NoticeKind::Refused { refusal }));
    assert!(shown(&rig, 1).is_some_and(|next| next != lead));
}

#[test]
fn the_last_look_at_the_number_frees_the_agent_who_started_the_call() {
    let mut rig = Rig::dialling(1, previewing(rules()));
    rig.manners.intents = false;
    start(&mut rig, 1).unwrap();
    let (_, command) = rig.last(|c| matches!(c, Command::RecordIntent { .. })).unwrap();
    let Command::RecordIntent { intent } = command else { unreachable!() };
    let refusal = Refusal::Suppressed { by: SuppressionReason::OptOut };
    rig.tell(Event::IntentRefused { attempt: intent.attempt, refusal });
    assert_eq!(notice(&rig, 1), Some(NoticeKind::Refused { refusal }));
    assert!(shown(&rig, 1).is_some_and(|lead| lead != intent.lead));
    start(&mut rig, 1).unwrap();
    let id = |rig: &Rig| *rig.engine.attempts.keys().next().unwrap();
    let attempt: AttemptId = id(&rig);
    rig.tell(Event::IntentFailed { attempt });
    assert_eq!(notice(&rig, 1), Some(NoticeKind::Refused { refusal: Refusal::StoreDown }));
    assert_eq!(rig.engine.tables().attempts, 0);
}

#[test]
fn a_window_that_closed_meanwhile_is_seen_when_the_call_is_started() {
    let mut rig = Rig::dialling(1, previewing(rules()));
    let lead = shown(&rig, 1).unwrap();
    let closed = Campaign { hours: crate::model::calling_hours::WeeklyHours::default(), ..previewing(rules()) };
    rig.run_campaign(closed);
    let refused = rig.act(1, AgentAction::StartCall { lead });
    assert_eq!(refused, Err(RequestRefusal::Dial { refusal: Refusal::OutsideWindow }));
    assert_eq!(notice(&rig, 1), Some(NoticeKind::Refused { refusal: Refusal::OutsideWindow }));
    assert_eq!(intents(&rig), 0);
}

#[test]
fn without_a_line_the_lead_stays_on_the_desk() {
    let mut rig = Rig::dialling(1, previewing(rules()));
    rig.tell(Event::TrunkHealth { trunk: trunk(), up: false });
    let lead = shown(&rig, 1).unwrap();
    assert_eq!(start(&mut rig, 1), Err(RequestRefusal::Dial { refusal: Refusal::TrunkDown }));
    assert_eq!(shown(&rig, 1), Some(lead));
    rig.tell(Event::TrunkHealth { trunk: trunk(), up: true });
    assert_eq!(start(&mut rig, 1), Ok(()));
}

#[test]
fn a_number_on_one_desk_is_dialled_for_no_other_campaign() {
    let mut rig = Rig::dialling(1, previewing(rules()));
    let lead_on_desk = shown(&rig, 1).unwrap();
    let other = Campaign { key: "other".parse().unwrap(), ..campaign() };
    let twin = crate::model::lead::Lead { campaign: other.key.clone(), id: LeadId(900), ..lead(lead_on_desk.0) };
    rig.supply.push_back(twin);
    rig.run_campaign(other);
    rig.staff(2);
    assert_eq!(put_off(&rig, LeadId(900)).map(|(_, why)| why), Some(Refusal::NumberBusy));
    assert!(rig.ringing().is_empty());
}

#[test]
fn a_customer_whose_agent_lost_the_phone_is_left_to_another_idle_one() {
    let mut rig = Rig::dialling(2, previewing(rules()));
    rig.manners.legs = false;
    start(&mut rig, 1).unwrap();
    let attempt = rig.ringing()[0];
    rig.tell(Event::AgentLegDown { user: user(1) });
    assert_eq!(rig.state(1), AgentState::Connecting);
    rig.wait(2.0);
    rig.act(2, AgentAction::NotReady { reason: "break".into() }).unwrap();
    rig.act(2, AgentAction::Ready).unwrap();
    assert_eq!(rig.state(2), AgentState::Ready, "kept for the line that lost its agent");
    rig.answer(attempt);
    assert_eq!(rig.state(2), AgentState::Talking { call: CallRef::Outbound(attempt) });
    assert_eq!(rig.board().today.abandoned, 0);
}

#[test]
fn a_promised_callback_is_shown_to_whoever_promised_it() {
    let mut rig = Rig::bare(settings());
    rig.staff(1);
    rig.staff(2);
    let callback = crate::model::lead::Callback { at: rig.now.timestamp, agent: Some("agent-2".into()) };
    rig.supply.push_back(crate::model::lead::Lead { callback: Some(callback), ..lead(7) });
    rig.run_campaign(previewing(rules()));
    rig.wait(6.0);
    assert_eq!((shown(&rig, 1), shown(&rig, 2)), (None, Some(LeadId(7))));
}

#[test]
fn a_newer_desk_of_the_same_agent_keeps_the_lead() {
    let mut rig = Rig::dialling(1, previewing(rules()));
    let lead = shown(&rig, 1);
    rig.sign_in(1, DeviceLeg::NailedUp, vec![group()]);
    assert_eq!(shown(&rig, 1), lead);
}

#[test]
fn after_a_shift_of_previews_the_tables_are_empty() {
    let mut rig = Rig::dialling(3, previewing(rules()));
    for round in 0..12 {
        let n = round % 3 + 1;
        start(&mut rig, n).unwrap();
        let attempt = *rig.ringing().last().unwrap();
        if round % 2 == 0 {
            rig.answer(attempt);
            rig.hang_up(attempt);
            rig.record(n, CallRef::Outbound(attempt), "no").unwrap();
        } else {
            rig.fail(attempt, 486);
        }
        rig.wait(1.0);
    }
    (1..=3).for_each(|n| rig.act(n, AgentAction::SignOut).unwrap());
    let tables = rig.engine.tables();
    assert_eq!((tables.attempts, tables.numbers, tables.agents, tables.deadlines, tables.channels), (0, 0, 0, 0, 0));
    assert!(rig.engine.offered.is_empty());
}
