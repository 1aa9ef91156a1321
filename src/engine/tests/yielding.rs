//! Inbound first: what rings in excess is given up, not before the minimum ring time.

use super::rig::*;
use crate::engine::command::{CancelReason, Command};
use crate::engine::event::{AgentAction, DayCounts, Event};
use crate::model::attempt::CallRef;
use crate::model::campaign::CampaignState;
use crate::model::disposition::Disposition;

fn cancelled(rig: &Rig, reason: CancelReason) -> usize {
    rig.count(|c| matches!(c, Command::CancelAttempt { why, .. } if *why == reason))
}

#[test]
fn inbound_takes_an_agent_and_one_ringing_attempt_is_given_up_after_the_minimum() {
    let mut rig = Rig::dialling(3, campaign());
    assert_eq!(rig.ringing().len(), 3);
    let rang = rig.now;
    rig.wait(4.0);
    rig.caller();
    assert_eq!(cancelled(&rig, CancelReason::InboundNeedsAgents), 0, "it has not rung long enough");
    rig.wait(12.0);
    assert_eq!(cancelled(&rig, CancelReason::InboundNeedsAgents), 1);
    let (at, _) = rig.last(|c| matches!(c, Command::CancelAttempt { .. })).unwrap();
    assert!(at.instant.since(rang.instant).as_secs_f64() >= 14.0);
    assert_eq!(rig.ringing().len(), 2);
    let ended = rig
        .log
        .iter()
        .filter(|(_, c)| matches!(c, Command::RecordAttempt { end } if end.disposition == Disposition::Cancelled));
    assert_eq!(ended.count(), 1);
}

#[test]
fn a_campaign_may_give_up_before_the_minimum() {
    let mut hasty = campaign();
    hasty.cancel_before_ring_min = true;
    let mut rig = Rig::dialling(3, hasty);
    rig.wait(1.0);
    rig.caller();
    assert_eq!(cancelled(&rig, CancelReason::InboundNeedsAgents), 1);
}

#[test]
fn an_agent_who_comes_back_in_time_saves_the_ringing_attempt() {
    let mut rig = Rig::dialling(3, campaign());
    rig.wait(4.0);
    let call = rig.caller();
    rig.wait(5.0);
    rig.tell(Event::InboundHungUp { call });
    let busy = (1..=3).find(|n| rig.engine.agents[&user(*n)].desk.is_some()).unwrap();
    rig.record(busy, CallRef::Inbound(call), "handled").unwrap();
    rig.wait(10.0);
    assert_eq!(cancelled(&rig, CancelReason::InboundNeedsAgents), 0);
}

#[test]
fn a_closed_gate_lets_go_of_all_that_rings() {
    let mut rig = Rig::dialling(3, campaign());
    rig.wait(14.5);
    for _ in 0..4 {
        rig.caller();
    }
    assert!(!rig.group().gate_open);
    rig.wait(1.0);
    assert_eq!(rig.ringing().len(), 0);
    assert_eq!(cancelled(&rig, CancelReason::InboundNeedsAgents), 3);
    assert_eq!(rig.board().not_dialling.as_deref(), Some("gate_closed"));
}

#[test]
fn a_person_who_answers_after_the_gate_closed_still_gets_an_idle_agent() {
    let mut settings = settings();
    settings.groups.get_mut(&group()).unwrap().idle_threshold = crate::model::settings::IdleThreshold::Above(0.6);
    let mut rig = Rig::bare(settings);
    rig.begin(3, campaign());
    rig.wait(6.0);
    let attempt = rig.ringing()[0];
    rig.caller();
    rig.caller();
    assert!(!rig.group().gate_open);
    rig.answer(attempt);
    assert_eq!(rig.board().connected, 1);
}

#[test]
fn half_of_the_agents_vanish_and_no_new_dial_is_placed_over_those_who_stay() {
    let mut rig = Rig::dialling(6, campaign());
    let dials = rig.count(|c| matches!(c, Command::Dial { .. }));
    for n in 1..=3 {
        rig.act(n, AgentAction::SignOut).unwrap();
    }
    assert_eq!(rig.count(|c| matches!(c, Command::Dial { .. })), dials);
    rig.wait(16.0);
    assert_eq!(rig.ringing().len(), 3);
}

#[test]
fn an_intent_whose_slot_is_gone_is_never_dialled() {
    let mut rig = Rig::with(1, campaign());
    rig.manners.intents = false;
    rig.wait(6.0);
    let attempt = *rig.engine.attempts.keys().next().unwrap();
    rig.caller();
    rig.tell(Event::IntentRecorded { attempt });
    assert_eq!(rig.count(|c| matches!(c, Command::Dial { .. })), 0);
    assert_eq!(rig.end_of(attempt).unwrap().disposition, Disposition::NotDialled);
    assert_eq!(rig.board().today.dialled, 0);
}

#[test]
fn a_paused_campaign_sends_nothing_more_and_stops_ringing_after_the_minimum() {
    let mut rig = Rig::dialling(2, campaign());
    rig.wait(3.0);
    assert_eq!(rig.set_campaign(CampaignState::Paused), Some(Ok(())));
    let dials = rig.count(|c| matches!(c, Command::Dial { .. }));
    assert_eq!(rig.ringing().len(), 2);
    rig.wait(12.5);
    assert_eq!(cancelled(&rig, CancelReason::Stopped), 2);
    rig.wait(100.0);
    assert_eq!(rig.count(|c| matches!(c, Command::Dial { .. })), dials);
    assert_eq!(rig.board().not_dialling.as_deref(), Some("campaign_state"));
}

#[test]
fn a_draining_program_places_no_call_and_finishes_those_that_are_up() {
    let mut rig = Rig::dialling(2, campaign());
    let ringing = rig.ringing();
    rig.answer(ringing[0]);
    rig.tell(Event::Drain);
    rig.wait(20.0);
    assert!(rig.ringing().is_empty());
    assert_eq!(rig.board().connected, 1);
    rig.hang_up(ringing[0]);
    assert!(rig.engine.is_idle());
}

/// Three agents, three lines ringing, and nothing left of the abandon budget.
fn budget_spent() -> Rig {
    let mut rig = Rig::bare(settings());
    rig.begin(3, campaign());
    let spent = DayCounts { dialled: 40, answered: 20, connected: 19, abandoned: 1, ..DayCounts::default() };
    let (campaign, state) = (std::sync::Arc::new(campaign()), CampaignState::Running);
    rig.tell(Event::CampaignApplied { campaign, state, today: Some(spent) });
    rig.wait(6.0);
    assert_eq!(rig.ringing().len(), 3);
    rig
}

#[test]
fn with_the_budget_spent_a_caller_leaves_the_agents_whom_ringing_lines_need() {
    let mut rig = budget_spent();
    rig.caller();
    assert_eq!(rig.queue().waiting, 1, "three lines ring for three agents");
    let ringing = rig.ringing();
    for attempt in &ringing[..2] {
        rig.answer(*attempt);
    }
    assert_eq!((rig.board().today.connected, rig.board().today.abandoned), (21, 1));
    // The third line ends: the last agent is kept for nobody.
    rig.fail(ringing[2], 486);
    assert_eq!(rig.queue().waiting, 0);
    assert_eq!(rig.queue().answered, 1);
}

#[test]
fn a_kept_agent_goes_to_the_caller_once_the_ringing_line_was_given_up() {
    let mut rig = budget_spent();
    rig.caller();
    rig.wait(16.0);
    assert_eq!(cancelled(&rig, CancelReason::InboundNeedsAgents), 1, "one line more than inbound leaves agents");
    assert_eq!(rig.queue().waiting, 0);
}

#[test]
fn whoever_keeps_no_agents_gives_the_caller_one_at_once() {
    let mut settings = settings();
    settings.groups.values_mut().for_each(|group| group.keep_for_answers = false);
    let mut rig = budget_spent();
    rig.tell(Event::SettingsApplied { settings: std::sync::Arc::new(settings) });
    rig.caller();
    assert_eq!(rig.queue().waiting, 0);
}
