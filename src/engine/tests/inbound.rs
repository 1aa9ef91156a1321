//! Callers: routing, queues, hours, overflow, service level, and who serves them.

use std::sync::Arc;

use super::rig::*;
use crate::engine::command::Command;
use crate::engine::event::{AgentAction, Event, Story};
use crate::model::agent::{AgentState, DeviceLeg};
use crate::model::attempt::{CallRef, InboundOutcome};
use crate::model::calling_hours::WeeklyHours;
use crate::model::disposition::Disposition;
use crate::model::id::{InboundId, LeadId};
use crate::model::settings::{NumberRoute, ServeFirst, Settings};
use crate::model::time::Timestamp;

#[test]
fn a_caller_who_finds_an_idle_agent_is_connected_at_once() {
    let mut rig = Rig::bare(settings());
    rig.staff(1);
    let call = rig.caller();
    assert_eq!(rig.state(1), AgentState::Talking { call: CallRef::Inbound(call) });
    assert!(!rig.played(CallRef::Inbound(call), "hold"));
    assert_eq!(rig.queue().service_level, Some(1.0));
    rig.tell(Event::InboundHungUp { call });
    assert!(matches!(rig.state(1), AgentState::WrapUp { .. }));
    assert_eq!(rig.inbound_end_of(call).unwrap().outcome, InboundOutcome::Answered);
    rig.wait(20.0);
    assert_eq!(rig.state(1), AgentState::Ready);
}

#[test]
fn waiting_callers_hear_the_greeting_then_the_hold_prompt_and_are_served_in_order() {
    let mut rig = Rig::bare(settings());
    let (first, second) = (rig.caller(), rig.caller());
    rig.tell(Event::PromptEnded { call: CallRef::Inbound(first) });
    assert!(rig.played(CallRef::Inbound(first), "please-wait") && rig.played(CallRef::Inbound(first), "hold"));
    rig.wait(12.0);
    rig.staff(1);
    assert_eq!(rig.state(1), AgentState::Talking { call: CallRef::Inbound(first) });
    assert_eq!(rig.queue().service_level, Some(0.0), "12 s is not in time");
    assert_eq!(rig.queue().longest_wait_ms, 12_000);
    rig.act(1, AgentAction::HangUp).unwrap();
    rig.record(1, CallRef::Inbound(first), "handled").unwrap();
    assert_eq!(rig.state(1), AgentState::Talking { call: CallRef::Inbound(second) });
}

#[test]
fn callers_who_hang_up_or_wait_too_long_or_find_the_queue_full_are_counted() {
    let mut settings = settings();
    let queue = settings.queues.values_mut().next().unwrap();
    (queue.waiting_max, queue.wait_max_s) = (2, 60.0);
    let mut rig = Rig::bare(settings);
    let (gives_up, waits, too_many) = (rig.caller(), rig.caller(), rig.caller());
    assert!(rig.played(CallRef::Inbound(too_many), "overflow"));
    rig.tell(Event::PromptEnded { call: CallRef::Inbound(too_many) });
    assert!(rig.hung_up(CallRef::Inbound(too_many)));
    rig.tell(Event::InboundHungUp { call: gives_up });
    rig.wait(60.0);
    assert!(rig.played(CallRef::Inbound(waits), "overflow"));
    rig.wait(130.0); // the end of the prompt is never reported
    assert!(rig.hung_up(CallRef::Inbound(waits)));
    let view = rig.queue();
    assert_eq!((view.offered, view.abandoned, view.overflowed, view.waiting), (3, 1, 2, 0));
    assert_eq!(rig.inbound_end_of(waits).unwrap().outcome, InboundOutcome::Overflowed);
    assert_eq!(rig.inbound_end_of(gives_up).unwrap().outcome, InboundOutcome::Abandoned);
    let tables = rig.engine.tables();
    assert_eq!((tables.callers, tables.channels, tables.deadlines), (0, 0, 0));
}

#[test]
fn outside_the_hours_a_message_is_played_and_an_unknown_number_is_refused() {
    let mut settings = settings();
    settings.queues.values_mut().next().unwrap().hours = Some(WeeklyHours::default());
    settings.numbers.insert("12345".into(), NumberRoute::Prompt { prompt: "news".parse().unwrap() });
    let mut rig = Rig::bare(settings);
    rig.staff(1);
    let closed = rig.caller();
    assert!(rig.played(CallRef::Inbound(closed), "closed"));
    rig.tell(Event::PromptEnded { call: CallRef::Inbound(closed) });
    assert_eq!(rig.inbound_end_of(closed).unwrap().outcome, InboundOutcome::Closed);
    assert_eq!(rig.queue().offered, 0, "callers outside the hours are not offered");
    let lost = rig.caller_to("+8611111111");
    assert_eq!(rig.inbound_end_of(lost).unwrap().outcome, InboundOutcome::Unrouted);
    assert_eq!(rig.count(|c| matches!(c, Command::RejectInbound { status: 404, .. })), 1);
    let news = rig.caller_to("+12345");
    assert!(rig.played(CallRef::Inbound(news), "news"));
}

#[test]
fn inbound_only_agents_come_first_and_in_each_group_the_longest_idle() {
    let mut settings = settings();
    let mut only = settings.groups[&group()].clone();
    only.outbound = false;
    settings.groups.insert("inbound".parse().unwrap(), only);
    let mut rig = Rig::bare(settings);
    rig.staff(1);
    rig.wait(10.0);
    for n in [3, 2] {
        rig.sign_in(n, DeviceLeg::NailedUp, vec!["inbound".parse().unwrap()]);
        rig.act(n, AgentAction::Ready).unwrap();
        rig.wait(1.0);
    }
    for expected in [3, 2, 1] {
        let call = rig.caller();
        assert_eq!(rig.state(expected), AgentState::Talking { call: CallRef::Inbound(call) });
    }
}

#[test]
fn queues_of_higher_priority_are_served_first() {
    let mut settings = settings();
    let mut urgent = settings.queues.values().next().unwrap().clone();
    urgent.priority = 90;
    settings.queues.insert("urgent".parse().unwrap(), urgent);
    settings.groups.get_mut(&group()).unwrap().queues.push("urgent".parse().unwrap());
    settings.numbers.insert("9".into(), NumberRoute::Queue { queue: "urgent".parse().unwrap() });
    let mut rig = Rig::bare(settings);
    rig.caller();
    rig.wait(1.0);
    let urgent = rig.caller_to("9");
    rig.staff(1);
    assert_eq!(rig.state(1), AgentState::Talking { call: CallRef::Inbound(urgent) });
}

#[test]
fn who_a_caller_is_is_told_before_the_recording_begins_and_only_where_there_is_one() {
    let mut rig = Rig::with(1, campaign());
    let call = rig.caller_to("+862112345678");
    assert_eq!(rig.state(1), AgentState::Talking { call: CallRef::Inbound(call) });
    assert_eq!(rig.count(|command| matches!(command, Command::RecordCaller { .. })), 0, "it is not recorded");

    let mut recorded = campaign();
    recorded.recording.on = true;
    let mut rig = Rig::with(1, recorded);
    let call = rig.caller_to("+862112345678");
    let told = rig.last(|command| matches!(command, Command::RecordCaller { .. })).map(|(_, command)| command);
    let Some(Command::RecordCaller { caller }) = told else { panic!("{told:?}") };
    assert_eq!((caller.call, caller.campaign, caller.agent), (call, Some(key()), user(1)));
    assert_eq!((caller.caller, caller.did.as_str()), (Some(number(99_999)), "+862112345678"));
    let said: Vec<&str> = rig.log.iter().map(|(_, command)| command.kind()).collect();
    let place = |code: &str| said.iter().position(|said| *said == code);
    assert!(place("record_caller") < place("bridge"), "{said:?}");
    // A caller of no campaign is not recorded.
    rig.tell(Event::InboundHungUp { call });
    rig.wait(60.0);
    rig.caller();
    assert_eq!(rig.count(|command| matches!(command, Command::RecordCaller { .. })), 1);
}

#[test]
fn a_returned_call_shows_its_campaign_and_lead_on_the_desk() {
    let mut rig = Rig::with(1, campaign());
    let story = Story { campaign: key(), lead: LeadId(5), at: Timestamp::from_millis(1), disposition: None };
    let call = InboundId(1);
    let did = "+862112345678".to_owned();
    rig.tell(Event::InboundOffered { call, trunk: trunk(), did, caller: Some(number(5)), story: Some(story) });
    let desk = rig.engine.agents[&user(1)].view().call.unwrap();
    assert_eq!((desk.campaign, desk.lead, desk.number), (Some(key()), Some(LeadId(5)), Some(number(5))));
    rig.act(1, AgentAction::HangUp).unwrap();
    rig.record(1, CallRef::Inbound(call), "took-it").unwrap();
    assert_eq!(rig.result_of(CallRef::Inbound(call)).unwrap().disposition, Disposition::Accepted);
}

fn one_agent_two_waiting(serve_first: ServeFirst, inbound_missed: bool) -> (Rig, InboundId) {
    let mut settings: Settings = settings();
    let group = settings.groups.get_mut(&group()).unwrap();
    (group.serve_first, group.hysteresis) = (serve_first, 0.2);
    let mut rig = Rig::bare(settings);
    if inbound_missed {
        let missed = rig.caller();
        rig.tell(Event::InboundHungUp { call: missed });
    }
    let mut campaign = campaign();
    campaign.wrap_up_s = 0;
    campaign.cancel_before_ring_min = false;
    rig.begin(2, campaign);
    rig.wait(6.0);
    let ringing = rig.ringing();
    rig.answer(ringing[0]); // takes an agent
    let busy = if rig.engine.agents[&user(1)].holds(CallRef::Outbound(ringing[0])) { 1 } else { 2 };
    rig.caller(); // takes the other
    let waits = rig.caller();
    rig.answer(ringing[1]);
    assert!(!rig.played(CallRef::Outbound(ringing[1]), "information"), "waits for the deadline first");
    rig.act(busy, AgentAction::HangUp).unwrap();
    (rig, waits)
}

#[test]
fn a_freed_agent_takes_the_answered_customer_before_the_caller() {
    for serve_first in [ServeFirst::Answered, ServeFirst::Auto] {
        let (rig, waits) = one_agent_two_waiting(serve_first, false);
        assert_eq!(rig.board().connected, 1, "{serve_first:?}");
        assert_eq!(rig.queue().waiting, 1);
        assert!(rig.inbound_end_of(waits).is_none());
    }
}

#[test]
fn a_freed_agent_takes_the_caller_first_if_so_set_or_below_the_service_level() {
    for (serve_first, missed) in [(ServeFirst::Inbound, false), (ServeFirst::Auto, true)] {
        let (mut rig, _) = one_agent_two_waiting(serve_first, missed);
        assert_eq!(rig.queue().waiting, 0, "{serve_first:?}");
        rig.wait(2.0);
        assert_eq!(rig.board().today.abandoned, 1);
    }
}

#[test]
fn a_caller_whose_agents_phone_is_lost_goes_to_the_front_of_the_queue() {
    let mut rig = Rig::bare(settings());
    rig.staff(1);
    let first = rig.caller();
    rig.wait(30.0);
    let second = rig.caller();
    rig.manners.legs = false;
    rig.tell(Event::AgentLegDown { user: user(1) });
    assert!(rig.played(CallRef::Inbound(first), "hold"));
    assert_eq!(rig.state(1), AgentState::Connecting);
    rig.tell(Event::AgentLegUp { user: user(1) });
    assert_eq!(rig.state(1), AgentState::Talking { call: CallRef::Inbound(first) });
    assert_eq!(rig.queue().answered, 1, "counted once");
    rig.tell(Event::InboundHungUp { call: first });
    rig.wait(20.0);
    assert_eq!(rig.state(1), AgentState::Talking { call: CallRef::Inbound(second) });
}

#[test]
fn while_draining_new_callers_are_refused_and_those_that_talk_go_on() {
    let mut rig = Rig::bare(settings());
    rig.staff(1);
    let talks = rig.caller();
    rig.tell(Event::Drain);
    let late = rig.caller();
    assert_eq!(rig.count(|c| matches!(c, Command::RejectInbound { call, status: 503 } if *call == late)), 1);
    assert_eq!(rig.state(1), AgentState::Talking { call: CallRef::Inbound(talks) });
    assert!(!rig.engine.is_idle());
    rig.tell(Event::InboundHungUp { call: talks });
    assert!(rig.engine.is_idle());
}

#[test]
fn an_event_about_a_call_that_is_gone_is_counted_and_changes_nothing() {
    let mut rig = Rig::bare(settings());
    let before = rig.log.len();
    rig.tell(Event::InboundHungUp { call: InboundId(77) });
    rig.tell(Event::PromptEnded { call: CallRef::Inbound(InboundId(77)) });
    rig.tell(Event::AgentLegUp { user: user(9) });
    assert_eq!(rig.engine.snapshot(rig.now).stale_events, 3);
    assert_eq!(rig.log.len(), before);
    let again = Arc::new(rig.settings.clone());
    rig.tell(Event::SettingsApplied { settings: again });
}
