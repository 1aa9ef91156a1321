//! Promised calls wait for whoever promised them.

use super::rig::*;
use crate::engine::command::Command;
use crate::engine::event::{AgentAction, Event};
use crate::model::agent::AgentState;
use crate::model::attempt::{CallRef, Refusal};
use crate::model::campaign::{Callbacks, Campaign};
use crate::model::id::LeadId;
use crate::model::lead::{Callback, Lead, LeadNext};

fn waiting(minutes: u32) -> Campaign {
    Campaign { callbacks: Callbacks { wait_for_agent_minutes: minutes }, ..campaign() }
}

/// A lead promised by `agent-N` for the time at which the rig begins.
fn promise(rig: &Rig, lead_n: i64, agent: i64) -> Lead {
    let at = rig.now.timestamp;
    Lead { callback: Some(Callback { at, agent: Some(format!("agent-{agent}")) }), ..lead(lead_n) }
}

fn ringing_leads(rig: &Rig) -> Vec<LeadId> {
    rig.ringing().iter().map(|id| rig.engine.attempts[id].lead.id).collect()
}

fn put_off(rig: &Rig, lead: i64) -> Option<LeadNext> {
    let of_lead = |c: &Command| matches!(c, Command::PutOffLead { lead: l, refusal: Refusal::AgentAway, .. } if *l == LeadId(lead));
    match rig.last(of_lead)?.1 {
        Command::PutOffLead { next, .. } => Some(next),
        _ => None,
    }
}

#[test]
fn a_promised_call_waits_until_its_agent_is_idle() {
    let mut rig = Rig::bare(settings());
    rig.staff(1);
    rig.staff(2);
    rig.act(2, AgentAction::NotReady { reason: "lunch".into() }).unwrap();
    rig.supply.extend([promise(&rig, 9, 2), lead(1)]);
    rig.run_campaign(waiting(30));
    rig.wait(6.0);
    assert_eq!(ringing_leads(&rig), [LeadId(1)], "agent 1 is free, but did not promise it");
    rig.act(2, AgentAction::Ready).unwrap();
    rig.wait(1.0);
    assert_eq!(ringing_leads(&rig), [LeadId(1), LeadId(9)]);
    let kept = rig.ringing()[1];
    rig.answer(kept);
    assert!(rig.engine.agents[&user(2)].holds(CallRef::Outbound(kept)));
    assert_eq!(put_off(&rig, 9), None, "it never left the hand");
}

#[test]
fn a_second_promise_of_the_same_agent_goes_back_for_a_minute() {
    let mut rig = Rig::bare(settings());
    rig.staff(1);
    rig.staff(2);
    rig.act(2, AgentAction::NotReady { reason: "lunch".into() }).unwrap();
    rig.supply.extend([promise(&rig, 8, 2), promise(&rig, 9, 2)]);
    rig.run_campaign(waiting(30));
    rig.wait(6.0);
    let Some(LeadNext::Retry { at }) = put_off(&rig, 9) else { panic!("it was not put off") };
    assert!(at > rig.now.timestamp && put_off(&rig, 8).is_none());
}

#[test]
fn without_its_agent_a_promised_call_goes_to_the_team_when_the_wait_is_over() {
    let mut rig = Rig::bare(settings());
    rig.staff(1);
    let promised = promise(&rig, 9, 2);
    rig.supply.push_back(promised.clone());
    rig.run_campaign(waiting(10));
    rig.wait(6.0);
    assert!(put_off(&rig, 9).is_some() && rig.ringing().is_empty());
    assert_eq!(rig.board().refusals.get("agent_away"), Some(&1));
    rig.wait(600.0);
    rig.supply.push_back(promised);
    rig.tell(Event::LeadsChanged { campaign: key() });
    rig.wait(1.0);
    assert_eq!(ringing_leads(&rig), [LeadId(9)]);
}

#[test]
fn a_promise_in_hand_goes_to_the_team_by_itself_when_the_wait_is_over() {
    let mut rig = Rig::bare(settings());
    rig.staff(1);
    rig.staff(2);
    rig.act(2, AgentAction::NotReady { reason: "lunch".into() }).unwrap();
    rig.supply.push_back(promise(&rig, 9, 2));
    rig.run_campaign(waiting(10));
    rig.wait(590.0);
    assert!(rig.ringing().is_empty());
    rig.wait(15.0);
    assert_eq!(ringing_leads(&rig), [LeadId(9)]);
    let id = rig.ringing()[0];
    rig.answer(id);
    assert_eq!(rig.state(1), AgentState::Talking { call: CallRef::Outbound(id) });
}

#[test]
fn a_campaign_that_does_not_wait_gives_it_to_anyone_at_once() {
    let mut rig = Rig::bare(settings());
    rig.staff(1);
    rig.supply.push_back(promise(&rig, 9, 2));
    rig.run_campaign(waiting(0));
    rig.wait(6.0);
    assert_eq!(ringing_leads(&rig), [LeadId(9)]);
}

#[test]
fn a_change_of_leads_and_a_suppression_reach_promises_in_hand() {
    let mut rig = Rig::bare(settings());
    rig.staff(1);
    rig.staff(2);
    rig.act(2, AgentAction::NotReady { reason: "lunch".into() }).unwrap();
    rig.supply.push_back(promise(&rig, 9, 2));
    rig.run_campaign(waiting(30));
    rig.wait(6.0);
    let in_hand = |rig: &Rig| rig.engine.campaigns[&key()].hopper.promised.len();
    assert_eq!(in_hand(&rig), 1);
    rig.tell(Event::LeadsChanged { campaign: key() });
    assert_eq!(in_hand(&rig), 0, "it may be promised for another time now");
    rig.supply.push_back(promise(&rig, 9, 2));
    rig.tell(Event::LeadsChanged { campaign: key() });
    rig.wait(2.0);
    assert_eq!(in_hand(&rig), 1);
    let reason = crate::model::lead::SuppressionReason::OptOut;
    rig.tell(Event::Suppressed { number: number(9), campaign: None, reason });
    assert_eq!(in_hand(&rig), 0);
    rig.act(2, AgentAction::Ready).unwrap();
    rig.wait(5.0);
    assert!(rig.ringing().is_empty());
}
