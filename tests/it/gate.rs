//! The idle gate on real calls: outbound in the lulls of inbound, and never at its cost.

use serde_json::json;

use crate::rig::{AGENT_HZ, CARRIER, CUSTOMER_HZ, Centre, Ear, Law, Phone, Plan, SOON, Sipp, scenario, until};

const ANN: &str = "+8613800000001";
const BEN: &str = "+8613800000002";
const SERVICE_NUMBER: &str = "+861000000086";

#[test]
fn when_inbound_takes_the_agent_the_ringing_attempt_is_given_up_after_its_minimum_ring() {
    let centre = Centre::running(Plan { ring_min_s: 3.0, ..Plan::default() });
    let mut carrier = Sipp::carrier(&centre, &scenario::rings_out(), 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    until("it rings", SOON, || carrier.sent("SIP/2.0 180"));
    let ear = Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu);
    let mut caller = Sipp::caller(&centre, "caller", &scenario::calls(&ear, BEN, None), SERVICE_NUMBER);
    desk.until_state("talking");
    ear.until_hears(AGENT_HZ, 5, 0);
    carrier.finish(SOON);
    let rang = carrier.got("CANCEL")[0].at_s - carrier.sent("SIP/2.0 180").expect("it rang").at_s;
    assert!((2.95..6.0).contains(&rang), "it rang for {rang} s");
    let attempt = centre.until_ended(ANN);
    assert_eq!(attempt["disposition"], "cancelled", "{attempt}");
    centre.until_board("the gate is closed and said to be the reason", |board| {
        board["groups"][0]["gate_open"] == false && board["campaigns"][0]["not_dialling"] == "gate_closed"
    });
    desk.hang_up();
    caller.finish(SOON);
    let gates = centre.rows("select open, agents, inbound_busy, slots from gate_changes order by at, id");
    assert_eq!(gates[0]["open"], 1, "{gates:?}");
    assert_eq!((&gates[1]["open"], &gates[1]["inbound_busy"]), (&0.into(), &1.into()), "{gates:?}");
}

#[test]
fn nothing_is_dialled_while_inbound_holds_the_gate_shut_and_dialling_begins_when_it_opens() {
    let centre = Centre::running(Plan::default());
    let customer = Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu);
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&customer, 0, 200), 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    let ear = Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu);
    let mut caller = Sipp::caller(&centre, "caller", &scenario::calls(&ear, BEN, None), SERVICE_NUMBER);
    let desk = centre.agent_ready(1);
    desk.until_state("talking");
    centre.customers(&[ANN]);
    centre.until_board("the closed gate holds the dial back", |board| {
        board["campaigns"][0]["leads_open"] == 1 && board["campaigns"][0]["not_dialling"] == "gate_closed"
    });
    assert_eq!(centre.value("select count(*) from attempts"), 0);
    desk.hang_up();
    caller.finish(SOON);
    until("the outbound call is there", SOON, || {
        let screen = desk.screen();
        let call = &screen["view"]["call"]["call"];
        (screen["view"]["state"] == "talking" && call["direction"] == "outbound").then_some(())
    });
    desk.hang_up();
    carrier.finish(SOON);
}

#[test]
fn reserve_keeps_an_agent_for_inbound_and_can_be_changed_while_running() {
    let centre = Centre::running(Plan { reserve: 1, ..Plan::default() });
    let customer = Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu);
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&customer, 0, 200), 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    let boss = centre.boss();
    centre.until_board("the reserve holds the dial back", |board| board["campaigns"][0]["not_dialling"] == "no_slot");
    boss.patch("/api/v1/groups/blend", &json!({ "reserve": 0 })).good();
    desk.until_state("talking");
    desk.hang_up();
    carrier.finish(SOON);
}

#[test]
fn reload_changes_a_threshold_without_dropping_a_call() {
    let centre = Centre::running(Plan::default());
    let ear = Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu);
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 0, 200), 1);
    let phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    desk.until_state("talking");
    let changed = centre.read("lull.toml").replace("idle_threshold = 0.1", "idle_threshold = 0.66");
    centre.write("lull.toml", &changed);
    let told = centre.good(&["reload"]);
    assert!(told.contains("groups"), "{told}");
    centre.until_board("the threshold is the new one", |board| board["groups"][0]["idle_threshold"] == 0.66);
    let (packets, samples) = (ear.packets(), phone.heard().len());
    ear.until_hears(AGENT_HZ, 20, packets);
    phone.until_hears(CUSTOMER_HZ, 20, samples);

    centre.write("lull.toml", &changed.replace("idle_threshold", "idle_treshold"));
    let refused = centre.run(&["reload"], "");
    assert_eq!(refused.code, 1, "{}{}", refused.out, refused.err);
    assert!(refused.err.contains("idle_treshold"), "{}", refused.err);
    let packets = ear.packets();
    ear.until_hears(AGENT_HZ, 10, packets);
    desk.hang_up();
    carrier.finish(SOON);
}
