//! Agents: sign-in, phones, pauses, presence, wrap-up.

use super::rig::*;
use crate::engine::command::{Command, RequestRefusal};
use crate::engine::event::{AgentAction, Event};
use crate::model::agent::{AgentState, Device, DeviceLeg};
use crate::model::attempt::CallRef;
use crate::model::disposition::Disposition;
use crate::model::id::{RequestId, SessionId};

fn not_ready(reason: &str) -> AgentState {
    AgentState::NotReady { reason: reason.into() }
}

#[test]
fn a_nailed_up_phone_is_rung_at_sign_in_and_ready_pressed_before_is_honoured() {
    let mut rig = Rig::bare(settings());
    rig.manners.legs = false;
    rig.sign_in(1, DeviceLeg::NailedUp, vec![group()]);
    rig.sign_in(2, DeviceLeg::NailedUp, vec![group()]);
    assert_eq!(rig.state(1), AgentState::Connecting);
    rig.act(1, AgentAction::Ready).unwrap();
    assert_eq!(rig.state(1), AgentState::Connecting);
    assert_eq!(rig.group().staffed, 0, "an agent without a phone takes no calls");
    for n in 1..=2 {
        rig.tell(Event::AgentLegUp { user: user(n) });
    }
    assert_eq!(rig.state(1), AgentState::Ready);
    assert_eq!(rig.state(2), not_ready("signed-in"));
}

#[test]
fn a_phone_that_cannot_be_reached_is_rung_three_times_and_again_when_ready_is_pressed() {
    let mut rig = Rig::bare(settings());
    rig.manners.legs = false;
    rig.sign_in(1, DeviceLeg::NailedUp, vec![group()]);
    for _ in 0..3 {
        rig.tell(Event::AgentLegDown { user: user(1) });
        rig.wait(5.0);
    }
    let rung = |rig: &Rig| rig.count(|c| matches!(c, Command::RingAgent { .. }));
    assert_eq!((rung(&rig), rig.state(1)), (3, not_ready("phone-failed")));
    rig.act(1, AgentAction::Ready).unwrap();
    assert_eq!((rung(&rig), rig.state(1)), (4, AgentState::Connecting));
    rig.tell(Event::AgentLegUp { user: user(1) });
    assert_eq!(rig.state(1), AgentState::Ready);
}

#[test]
fn the_newest_sign_in_owns_the_desk_and_keeps_the_call() {
    let mut rig = Rig::bare(settings());
    rig.staff(1);
    let call = rig.caller();
    let device = Device { phone: "phone-1".into(), leg: DeviceLeg::NailedUp };
    let request = RequestId(rig.id());
    let (name, session, groups) = ("agent-1".to_owned(), SessionId(77), vec![group()]);
    rig.tell(Event::AgentSignedIn { request, user: user(1), session, name, login: String::new(), groups, device });
    assert_eq!(rig.state(1), AgentState::Talking { call: CallRef::Inbound(call) });
    assert_eq!(rig.act(1, AgentAction::HangUp), Err(RequestRefusal::Replaced), "the older tab");
    assert_eq!(rig.act(2, AgentAction::Ready), Err(RequestRefusal::NotSignedIn));
    let request = RequestId(rig.id());
    rig.tell(Event::AgentActed { request, user: user(1), session, action: AgentAction::HangUp });
    assert_eq!(rig.answer_to(request), Some(Ok(())));
}

#[test]
fn an_unknown_group_is_refused() {
    let mut rig = Rig::bare(settings());
    let device = Device { phone: "phone-1".into(), leg: DeviceLeg::NailedUp };
    let request = RequestId(rig.id());
    let groups = vec!["nobody".parse().unwrap()];
    let name = "agent-1".to_owned();
    rig.tell(Event::AgentSignedIn {
        request,
        user: user(1),
        session: SessionId(1),
        name,
        login: String::new(),
        groups,
        device,
    });
    assert!(matches!(rig.answer_to(request), Some(Err(RequestRefusal::UnknownGroup { .. }))));
    assert_eq!(rig.engine.tables().agents, 0);
}

#[test]
fn a_pause_asked_for_during_a_call_begins_after_wrap_up() {
    let mut rig = Rig::bare(settings());
    rig.staff(1);
    let call = rig.caller();
    rig.act(1, AgentAction::NotReady { reason: "lunch".into() }).unwrap();
    assert_eq!(rig.engine.agents[&user(1)].view().pause_next.as_deref(), Some("lunch"));
    rig.tell(Event::InboundHungUp { call });
    rig.wait(19.0);
    assert!(matches!(rig.state(1), AgentState::WrapUp { .. }));
    rig.wait(1.0);
    assert_eq!(rig.state(1), not_ready("lunch"));
    let recorded = |code: &str| {
        let fits = |state: &Option<AgentState>| state.as_ref().is_some_and(|state| state.code() == code);
        rig.count(|c| matches!(c, Command::RecordAgentState { state, .. } if fits(state)))
    };
    assert_eq!((recorded("talking"), recorded("wrap_up")), (1, 1));
    let lunch = Some(not_ready("lunch"));
    assert_eq!(rig.count(|c| matches!(c, Command::RecordAgentState { state, .. } if *state == lunch)), 1);
}

#[test]
fn signing_out_is_refused_during_a_call_and_ends_everything_after_it() {
    let mut rig = Rig::bare(settings());
    rig.staff(1);
    let call = rig.caller();
    assert!(matches!(rig.act(1, AgentAction::SignOut), Err(RequestRefusal::WrongState { .. })));
    rig.tell(Event::InboundHungUp { call });
    rig.act(1, AgentAction::SignOut).unwrap();
    assert_eq!(rig.result_of(CallRef::Inbound(call)).unwrap().disposition, Disposition::NotRecorded);
    assert_eq!(rig.count(|c| matches!(c, Command::ReleaseAgent { .. })), 1);
    assert_eq!(rig.count(|c| matches!(c, Command::AgentGone { .. })), 1);
    let tables = rig.engine.tables();
    assert_eq!((tables.agents, tables.deadlines, rig.group().staffed), (0, 0, 0));
}

#[test]
fn a_desk_that_is_gone_for_longer_than_the_grace_is_paused_and_a_call_goes_on() {
    let mut rig = Rig::bare(settings());
    rig.staff(1);
    rig.staff(2);
    let call = rig.caller();
    let (busy, idle) = if rig.state(1) == AgentState::Ready { (2, 1) } else { (1, 2) };
    for n in [busy, idle] {
        rig.tell(Event::AgentPresence { user: user(n), present: false });
    }
    rig.wait(14.0);
    assert_eq!(rig.state(idle), AgentState::Ready);
    rig.wait(1.0);
    assert_eq!(rig.state(idle), not_ready("desk-lost"));
    assert_eq!(rig.state(busy), AgentState::Talking { call: CallRef::Inbound(call) });
    rig.tell(Event::InboundHungUp { call });
    rig.wait(20.0);
    assert_eq!(rig.state(busy), not_ready("desk-lost"));
}

#[test]
fn a_desk_that_comes_back_in_time_changes_nothing() {
    let mut rig = Rig::bare(settings());
    rig.staff(1);
    for _ in 0..10 {
        rig.tell(Event::AgentPresence { user: user(1), present: false });
        rig.wait(2.0);
        rig.tell(Event::AgentPresence { user: user(1), present: true });
        rig.wait(2.0);
    }
    assert_eq!(rig.state(1), AgentState::Ready);
}

#[test]
fn wrap_up_can_be_doubled_once() {
    let mut rig = Rig::bare(settings());
    rig.staff(1);
    let call = rig.caller();
    assert!(matches!(rig.act(1, AgentAction::ExtendWrapUp), Err(RequestRefusal::WrongState { .. })));
    rig.tell(Event::InboundHungUp { call });
    rig.wait(10.0);
    rig.act(1, AgentAction::ExtendWrapUp).unwrap();
    assert_eq!(rig.act(1, AgentAction::ExtendWrapUp), Err(RequestRefusal::AlreadyExtended));
    rig.wait(29.0);
    assert!(matches!(rig.state(1), AgentState::WrapUp { .. }));
    rig.wait(1.0);
    assert_eq!(rig.state(1), AgentState::Ready);
}

#[test]
fn hanging_up_a_phone_that_is_rung_per_call_ends_the_call() {
    let mut rig = Rig::bare(settings());
    rig.sign_in(1, DeviceLeg::PerCall, vec![group()]);
    assert_eq!(rig.state(1), not_ready("signed-in"));
    rig.act(1, AgentAction::Ready).unwrap();
    let call = CallRef::Inbound(rig.caller());
    rig.tell(Event::AgentLegDown { user: user(1) });
    assert!(rig.hung_up(call));
    assert!(matches!(rig.state(1), AgentState::WrapUp { .. }));
    rig.act(1, AgentAction::Ready).unwrap();
    assert_eq!(rig.state(1), AgentState::Ready, "the agent ended wrap-up");
}

#[test]
fn every_change_of_a_desk_raises_its_revision() {
    let mut rig = Rig::bare(settings());
    rig.staff(1);
    let call = rig.caller();
    rig.tell(Event::InboundHungUp { call });
    let mut last = 0;
    for (_, command) in &rig.log {
        if let Command::AgentChanged { view } = command {
            assert!(view.revision > last);
            last = view.revision;
        }
    }
    assert!(last >= 4, "{last}");
}

#[test]
fn no_call_lasts_for_ever() {
    let mut rig = Rig::bare(settings());
    rig.staff(1);
    let call = rig.caller();
    rig.wait(2.0 * 3600.0 + 1.0);
    assert!(rig.hung_up(CallRef::Inbound(call)));
    assert!(rig.inbound_end_of(call).is_some());
}
