//! Preview with the real service: the agent sees the lead first, and starts the call.

use serde_json::{Value, json};

use crate::rig::{AGENT_HZ, CARRIER, CUSTOMER_HZ, Centre, Ear, Law, Phone, Plan, SOON, Sipp, scenario, until};

const ANN: &str = "+8613800000001";
const BEN: &str = "+8613800000002";
const SERVICE_NUMBER: &str = "+861000000086";

fn ear() -> Ear {
    Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu)
}

fn preview() -> Plan {
    Plan { pacing: "mode = \"preview\"\ntime_limit_s = 600\nskips_max = 1", ..Plan::default() }
}

/// The lead on the desk.
fn lead(screen: &Value) -> Value {
    assert_eq!(screen["view"]["state"], "previewing", "{screen}");
    screen["view"]["preview"]["lead"].clone()
}

#[test]
fn the_agent_sees_the_lead_starts_the_call_and_gets_the_customer() {
    let centre = Centre::running(preview());
    let ear = ear();
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 0, 300), 1);
    let phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    let screen = desk.until_state("previewing");
    assert_eq!((&screen["lead"]["name"], &screen["lead"]["number"]), (&"Customer 0".into(), &ANN.into()), "{screen}");
    assert_eq!(
        (&screen["campaign"]["key"], &screen["customer"]["number"]),
        (&"spring".into(), &ANN.into()),
        "{screen}"
    );
    assert_eq!(screen["view"]["call"], Value::Null, "{screen}");
    assert_eq!(centre.value("select count(*) from attempts"), 0, "an offer is no attempt");

    desk.act(&json!({ "action": "start_call", "lead": lead(&screen) })).good();
    let screen = desk.until_state("talking");
    let call = &screen["view"]["call"];
    assert_eq!((&call["number"], &call["answered"]), (&ANN.into(), &true.into()), "{screen}");
    ear.until_hears(AGENT_HZ, 20, 0);
    phone.until_hears(CUSTOMER_HZ, 20, 0);
    desk.hang_up();
    carrier.finish(SOON);
    desk.record(&call["call"], "taken", "").good();
    let attempt = centre.until_ended(ANN);
    assert_eq!(attempt["disposition"], "accepted", "{attempt}");
    desk.until_state("ready");

    // Why so many dials: kept, and told to whoever asks.
    let decisions = until("the dial is explained", SOON, || {
        let page = centre.boss().get("/api/v1/campaigns/spring/decisions?limit=1000").good();
        let items = page["items"].as_array().cloned().unwrap_or_default();
        items.iter().any(|item| item["placed"] == 1).then_some(items)
    });
    assert!(
        decisions.iter().any(|item| item["limit"] == "gate_closed" || item["limit"] == "no_agent"),
        "{decisions:?}"
    );
    assert!(decisions.iter().all(|item| item["campaign"] == "spring"), "{decisions:?}");
}

#[test]
fn a_lead_is_skipped_with_a_reason_and_a_suppressed_one_leaves_the_desk() {
    let centre = Centre::running(preview());
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN, BEN]);
    let desk = centre.agent_ready(1);
    let screen = desk.until_state("previewing");
    let (first, number) = (lead(&screen), screen["lead"]["number"].clone());
    let refused = desk.act(&json!({ "action": "skip_lead", "lead": first, "reason": "because" }));
    assert_eq!((refused.status, &refused.json()["code"]), (409, &"unknown_skip_reason".into()));
    desk.act(&json!({ "action": "skip_lead", "lead": first, "reason": "wrong-data" })).good();
    let screen = until("the other lead is shown", SOON, || {
        let screen = desk.screen();
        (screen["view"]["preview"]["lead"] != first && screen["lead"] != Value::Null).then_some(screen)
    });
    assert_eq!(screen["view"]["preview"]["skips_left"], 0, "{screen}");
    let second = screen["lead"]["number"].as_str().unwrap().to_owned();
    assert_ne!(second, number.as_str().unwrap());
    let again = desk.act(&json!({ "action": "skip_lead", "lead": lead(&screen), "reason": "other" }));
    assert_eq!((again.status, &again.json()["code"]), (409, &"skips_used_up".into()));
    let trail = centre.rows("select who, detail from audit where what = 'lead_skipped'");
    assert_eq!(trail.iter().map(|row| row["detail"].clone()).collect::<Vec<_>>(), ["wrong-data"], "{trail:?}");

    let entry = json!({ "number": second, "reason": "complaint", "note": "asked us" });
    centre.boss().post("/api/v1/suppressions", &entry).good();
    let screen = until("the lead has left the desk", SOON, || {
        let screen = desk.screen();
        (screen["view"]["preview"] == Value::Null).then_some(screen)
    });
    let notice = &screen["view"]["notice"];
    assert_eq!(
        (&notice["notice"], &notice["refusal"]["reason"]),
        (&"refused".into(), &"suppressed".into()),
        "{screen}"
    );
    assert_eq!(centre.value("select count(*) from attempts"), 0, "nobody was called");
}

#[test]
fn a_caller_takes_the_agent_who_only_looks_and_the_lead_comes_back() {
    let centre = Centre::running(preview());
    let ear = ear();
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    let shown = lead(&desk.until_state("previewing"));
    let mut caller = Sipp::caller(&centre, "caller", &scenario::calls(&ear, BEN, None), SERVICE_NUMBER);
    let screen = desk.until_state("talking");
    assert_eq!(screen["view"]["call"]["call"]["direction"], "inbound", "{screen}");
    assert_eq!(screen["view"]["notice"]["notice"], "caller_first", "{screen}");
    let call = screen["view"]["call"]["call"].clone();
    desk.hang_up();
    caller.finish(SOON);
    desk.record(&call, "handled", "").good();
    assert_eq!(lead(&desk.until_state("previewing")), shown);
    assert_eq!(centre.value("select state from leads"), "open");
}

#[test]
fn a_kill_while_an_agent_looks_leaves_the_lead_as_it_was() {
    let mut centre = Centre::running(preview());
    let phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    let shown = lead(&desk.until_state("previewing"));
    drop(phone); // it would not notice the new service before its registration ends
    centre.kill();
    centre.serve();
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    assert_eq!(centre.value("select count(*) from attempts"), 0);
    assert_eq!(centre.value("select state from leads"), "open");
    let desk = centre.agent_ready(1);
    assert_eq!(lead(&desk.until_state("previewing")), shown, "the same lead is offered again");
}
