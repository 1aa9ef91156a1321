//! Idleness, the gate, slots and the reserve.

use super::rig::*;
use crate::engine::command::{Command, RequestRefusal};
use crate::engine::event::{AgentAction, Configured, GroupChange};
use crate::model::attempt::CallRef;
use crate::model::settings::{GateMode, IdleThreshold};

#[test]
fn the_gate_opens_after_the_dwell_and_is_recorded_with_its_figures() {
    let mut rig = Rig::with(4, campaign());
    rig.wait(4.9);
    assert!(!rig.group().gate_open && rig.ringing().is_empty());
    assert_eq!(rig.board().not_dialling.as_deref(), Some("gate_closed"));
    rig.wait(0.2);
    assert!(rig.group().gate_open);
    assert_eq!(rig.ringing().len(), 4, "one dial for each idle agent with a slot");
    let (_, Command::RecordGate { change }) = rig.last(|c| matches!(c, Command::RecordGate { .. })).unwrap() else {
        panic!("no gate was recorded")
    };
    assert!(change.open);
    assert_eq!((change.agents, change.inbound_busy, change.waiting, change.slots), (4, 0, 0, 4));
}

#[test]
fn the_gate_closes_at_once_below_the_hysteresis_and_not_within_it() {
    let mut settings = settings();
    let group = settings.groups.get_mut(&group()).unwrap();
    (group.idle_threshold, group.hysteresis) = (IdleThreshold::Above(0.5), 0.2);
    let mut rig = Rig::bare(settings);
    rig.begin(5, campaign());
    rig.supply.clear();
    rig.wait(6.0);
    rig.caller();
    rig.caller();
    rig.caller();
    assert!(rig.group().gate_open, "0.4 is below the threshold and within the hysteresis");
    rig.caller();
    assert!(!rig.group().gate_open, "0.2 is below threshold minus hysteresis");
    assert_eq!(rig.group().slots, 0);
}

#[test]
fn agents_on_outbound_do_not_lower_idleness_and_paused_ones_do_not_count() {
    let mut rig = Rig::dialling(4, campaign());
    for attempt in rig.ringing() {
        rig.answer(attempt);
    }
    assert_eq!(rig.group().outbound_busy, 4);
    assert_eq!(rig.group().idleness_now, 1.0);
    assert!(rig.group().gate_open);
    let mut rig = Rig::with(4, campaign());
    rig.caller();
    assert_eq!(rig.group().idleness_now, 0.75);
    rig.act(3, AgentAction::NotReady { reason: "lunch".into() }).unwrap();
    rig.act(4, AgentAction::SignOut).unwrap();
    assert_eq!(rig.group().staffed, 2);
    assert_eq!(rig.group().idleness_now, 0.5);
}

#[test]
fn without_staffed_agents_idleness_is_nothing_and_the_gate_is_closed() {
    let mut rig = Rig::dialling(1, campaign());
    assert!(rig.group().gate_open);
    rig.act(1, AgentAction::NotReady { reason: "lunch".into() }).unwrap();
    assert!(!rig.group().gate_open);
    assert_eq!((rig.group().idleness, rig.group().slots), (0.0, 0));
    assert_eq!(rig.board().not_dialling.as_deref(), Some("no_agent"));
}

#[test]
fn callers_waiting_count_as_inbound_need() {
    let mut rig = Rig::with(2, campaign());
    for _ in 0..3 {
        rig.caller();
    }
    let group = rig.group();
    assert_eq!((group.inbound_busy, group.waiting, group.idleness_now), (2, 1, 0.0));
}

#[test]
fn smoothed_idleness_crosses_the_threshold_between_events() {
    let mut settings = settings();
    let group = settings.groups.get_mut(&group()).unwrap();
    (group.smoothing_s, group.dwell_s, group.idle_threshold) = (30.0, 5.0, IdleThreshold::Above(0.5));
    let mut rig = Rig::bare(settings);
    for n in 1..=2 {
        rig.staff(n);
    }
    let calls = [rig.caller(), rig.caller()];
    rig.wait(600.0);
    assert!(rig.group().idleness < 0.001, "{}", rig.group().idleness);
    for (n, call) in [(1, calls[0]), (2, calls[1])] {
        let agent = if rig.engine.agents[&user(n)].holds(CallRef::Inbound(call)) { n } else { 3 - n };
        rig.act(agent, AgentAction::HangUp).unwrap();
    }
    rig.wait(20.0); // wrap-up
    let rises_s = 30.0 * std::f64::consts::LN_2;
    rig.wait(rises_s - 0.5 + 5.0);
    assert!(!rig.group().gate_open);
    rig.wait(0.6);
    assert!(rig.group().gate_open, "{}", rig.group().idleness);
}

#[test]
fn the_reserve_keeps_agents_out_of_outbound() {
    let mut settings = settings();
    settings.groups.get_mut(&group()).unwrap().reserve = 3;
    let mut rig = Rig::bare(settings);
    rig.begin(4, campaign());
    rig.wait(6.0);
    assert_eq!(rig.group().slots, 1);
    assert_eq!(rig.ringing().len(), 1);
    assert_eq!(rig.control(GroupChange { reserve: Some(1), ..GroupChange::default() }), Some(Ok(())));
    assert_eq!(rig.ringing().len(), 3, "a live change takes effect at once");
    rig.control(GroupChange { reserve: Some(4), ..GroupChange::default() });
    assert_eq!(rig.board().not_dialling.as_deref(), Some("no_slot"));
}

#[test]
fn a_campaign_may_demand_more_idleness_than_its_group() {
    let mut demanding = campaign();
    demanding.idle_threshold_min = Some(0.8);
    let mut rig = Rig::with(4, demanding);
    rig.caller();
    rig.wait(10.0);
    assert!(rig.group().gate_open);
    assert_eq!(rig.board().not_dialling.as_deref(), Some("idleness_below_campaign"));
    assert!(rig.ringing().is_empty());
}

#[test]
fn live_controls_are_checked_and_durable_before_they_are_acknowledged() {
    let mut rig = Rig::with(1, campaign());
    let refused = rig.control(GroupChange { idle_threshold: Some(1.5), ..GroupChange::default() });
    assert!(matches!(refused, Some(Err(RequestRefusal::OutOfRange { .. }))), "{refused:?}");
    let not_a_number = rig.control(GroupChange { dwell_s: Some(f64::NAN), ..GroupChange::default() });
    assert!(matches!(not_a_number, Some(Err(RequestRefusal::OutOfRange { .. }))));
    rig.manners.records = None;
    let asked = rig.control(GroupChange { idle_threshold: Some(0.7), ..GroupChange::default() });
    assert_eq!(asked, None, "answered only when it is durable");
    assert_eq!(rig.group().idle_threshold, 0.7, "and in force at once");
    rig.manners.records = Some(false);
    let failed = rig.control(GroupChange { idle_threshold: Some(0.6), ..GroupChange::default() });
    assert_eq!(failed, Some(Err(RequestRefusal::StoreDown)));
}

#[test]
fn a_reload_keeps_live_controls_unless_the_file_changed_them() {
    let mut rig = Rig::with(1, campaign());
    rig.control(GroupChange { idle_threshold: Some(0.7), reserve: Some(2), ..GroupChange::default() });
    let mut settings = rig.settings.clone();
    settings.groups.get_mut(&group()).unwrap().reserve = 1;
    rig.tell(crate::engine::event::Event::SettingsApplied { settings: std::sync::Arc::new(settings) });
    assert_eq!((rig.group().idle_threshold, rig.group().reserve), (0.7, 1));
}

#[test]
fn a_control_goes_back_to_the_configuration_and_only_what_was_changed_is_recorded() {
    let mut settings = settings();
    settings.groups.get_mut(&group()).unwrap().idle_threshold = IdleThreshold::Auto;
    let mut rig = Rig::bare(settings);
    rig.begin(4, campaign());
    rig.control(GroupChange { idle_threshold: Some(0.7), reserve: Some(2), ..GroupChange::default() });
    assert_eq!((rig.group().gate_mode, rig.group().reserve), (GateMode::Number, 2));
    let back = vec![Configured::IdleThreshold(IdleThreshold::Auto)];
    let change = GroupChange { reserve: Some(3), back, ..GroupChange::default() };
    assert_eq!(rig.control(change.clone()), Some(Ok(())));
    assert_eq!(rig.group().gate_mode, GateMode::Auto);
    let recorded = rig.last(|c| matches!(c, Command::RecordGroupControl { .. })).unwrap().1;
    assert!(matches!(recorded, Command::RecordGroupControl { change: told, .. } if told == change));
}

#[test]
fn changes_of_controls_add_up_and_what_went_back_is_set_no_more() {
    let mut controls = GroupChange { reserve: Some(2), dwell_s: Some(9.0), ..GroupChange::default() };
    controls.and_then(&GroupChange {
        hysteresis: Some(0.2),
        back: vec![Configured::Reserve(1)],
        ..GroupChange::default()
    });
    assert_eq!((controls.reserve, controls.hysteresis, controls.dwell_s), (None, Some(0.2), Some(9.0)));
    assert_eq!(controls.back, [Configured::Reserve(1)]);
    controls.and_then(&GroupChange { reserve: Some(4), ..GroupChange::default() });
    assert_eq!((controls.reserve, controls.back.len()), (Some(4), 0));
}

#[test]
fn without_a_gate_outbound_has_every_idle_agent_at_once() {
    let mut settings = settings();
    let group_settings = settings.groups.get_mut(&group()).unwrap();
    (group_settings.idle_threshold, group_settings.reserve) = (IdleThreshold::Off, 3);
    let mut rig = Rig::bare(settings);
    rig.begin(4, campaign());
    assert_eq!((rig.group().slots, rig.group().reserve, rig.ringing().len()), (4, 0, 4));
}

#[test]
fn a_steered_reserve_begins_with_one_agent_and_a_number_set_by_hand_takes_its_place() {
    let mut settings = settings();
    settings.groups.get_mut(&group()).unwrap().idle_threshold = IdleThreshold::Auto;
    let mut rig = Rig::bare(settings);
    rig.begin(4, campaign());
    assert!(rig.group().gate_open, "there is no dwell");
    assert_eq!(rig.group().slots, 3);
    rig.control(GroupChange { idle_threshold: Some(0.3), ..GroupChange::default() });
    assert_eq!((rig.group().idle_threshold, rig.group().gate_open), (0.3, true), "idleness is above it");
}

#[test]
fn what_may_not_be_given_up_rings_on_when_callers_take_the_agents() {
    let mut patient = campaign();
    patient.may_cancel_ringing = false;
    let mut rig = Rig::dialling(3, patient);
    rig.wait(16.0); // past the minimum ring time
    rig.caller();
    rig.caller();
    assert_eq!(rig.ringing().len(), 3);
}
