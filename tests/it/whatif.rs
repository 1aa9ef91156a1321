//! What a setting would have done on the journal of real calls.

use serde_json::Value;

use crate::rig::{AGENT_HZ, CARRIER, CUSTOMER_HZ, Centre, Ear, Law, Phone, Plan, SOON, Sipp, scenario};

const ANN: &str = "+8613800000001";
const BEN: &str = "+8613800000002";

#[test]
fn real_calls_are_rehearsed_and_wrong_questions_are_told() {
    let mut centre = Centre::running(Plan::default());
    let ear = Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu);
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 8, 100), 2);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN, BEN]);
    let desk = centre.agent_ready(1);
    for _ in 0..2 {
        let screen = desk.until_state("talking");
        desk.hang_up();
        desk.until_state("wrap_up");
        let number = screen["view"]["call"]["number"].as_str().expect("a number").to_owned();
        desk.record(&screen["view"]["call"]["call"], "taken", "Agreed.").good();
        centre.until_ended(&number);
    }
    carrier.finish(SOON);
    centre.service().close_stdin();
    assert_eq!(centre.service().ended(SOON).code(), Some(0));
    let campaigns = centre.run(&["campaign", "list", "--json"], "");
    let campaigns: Value = serde_json::from_str(&campaigns.out).expect("--json gives JSON");
    let campaign = campaigns[0]["campaign"].as_str().expect("a campaign").to_owned();

    let ran = centre.run(&["whatif", &campaign, "--set", "idle_threshold=0.9", "--json", "--html", "whatif.html"], "");
    let told: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}{}", ran.out, ran.err));
    let matches = told["matches"].as_bool().unwrap_or_else(|| panic!("{told}"));
    assert_eq!(ran.code, if matches { 0 } else { 3 }, "{told}");
    let row = |key: &str| {
        let rows = told["rows"].as_array().expect("rows");
        rows.iter().find(|row| row["key"] == key).unwrap_or_else(|| panic!("{key}: {told}")).clone()
    };
    assert_eq!(row("outbound_connected")["recorded"], 2.0, "{told}");
    assert_eq!(row("dials")["recorded"], 2.0, "{told}");
    assert_eq!(told["changes"][0]["to"], "0.9", "{told}");
    assert!(centre.read("whatif.html").starts_with("<!doctype html>"));

    let ran = centre.run(&["whatif", &campaign, "--set", "reserve=many"], "");
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("reserve") && ran.err.contains("many"), "{}", ran.err);
    let ran = centre.run(&["whatif", &campaign, "--from", "2001-01-01", "--to", "2001-01-02"], "");
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("no traffic of") && ran.err.contains("journals exist from"), "{}", ran.err);
    let ran = centre.run(&["whatif", &campaign, "--from", "yesterday"], "");
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
}
