//! Calls that are promised to customers who asked for them: kept, at risk and broken, by the real service, and what a person reads into a
//! reply.

use serde_json::{Value, json};

use crate::browser::browse;
use crate::rig::{
    AGENT_HZ, Api, CARRIER, CUSTOMER_HZ, Centre, Ear, Law, PASSWORD, Phone, Plan, SOON, Sipp, scenario, until,
};

const ANN: &str = "+8613800000001";
const BEN: &str = "+8613800000002";
const RULES: &str = "\n[pre_registration]\ncall_within_minutes = 60\nescalate_before_minutes = 15\ndecay_hours = 24\n";

fn register(boss: &Api, number: &str, at: Option<u64>) -> Value {
    let mut body = json!({ "number": number, "name": "王芳", "channel": "web", "source": "form 7", "consent": "yes",
        "columns": { "reply": "请晚上打" } });
    if let Some(at) = at {
        body["at"] = at.into();
    }
    boss.post("/api/v1/campaigns/spring/pre-registrations", &body).good()
}

/// Waits until the promise to a customer stands like this in the database.
#[track_caller]
fn until_promise(centre: &Centre, number: &str, promise: &str) {
    let asked = format!("select promise from pre_registrations where number = '{number}'");
    until("the promise stands as it should", SOON, || {
        (centre.rows(&asked).first()?["promise"] == promise).then_some(())
    });
}

#[test]
fn a_customer_who_asks_is_called_and_the_promise_is_kept() {
    let centre = Centre::running(Plan { campaign_tables: RULES.to_owned(), ..Plan::default() });
    let boss = centre.boss();
    assert_eq!(register(&boss, ANN, None)["outcome"], "new");
    until_promise(&centre, ANN, "open");
    let owed = boss.get("/api/v1/promises").good();
    assert_eq!((&owed["items"][0]["state"], &owed["items"][0]["number"]), (&"in_time".into(), &ANN.into()), "{owed}");
    let ear = Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu);
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 0, 300), 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    let desk = centre.agent_ready(1);
    let screen = desk.until_state("talking");
    let asked = &screen["lead"]["asked"][0];
    assert_eq!((&asked["channel"], &asked["promise"]), (&"web".into(), &"open".into()), "{screen}");
    desk.hang_up();
    carrier.finish(SOON);
    until_promise(&centre, ANN, "kept");
    let report = boss.get("/api/v1/promises/report?days=2").good();
    let total = &report["total"];
    assert_eq!(
        (&total["kept"], &total["talked_in_time"], &total["broken"]),
        (&1.into(), &1.into(), &0.into()),
        "{report}"
    );
    assert!(centre.good(&["promise", "list"]).contains("No call is owed."));
    let printed = centre.good(&["promise", "report"]);
    assert!(printed.contains("100.0 %"), "{printed}");
}

#[test]
fn a_promise_that_is_not_kept_is_escalated_and_broken_once_also_across_a_crash() {
    let mut centre = Centre::running(Plan { agents: 0, campaign_tables: RULES.to_owned(), ..Plan::default() });
    let boss = centre.boss();
    // The one asked 50 minutes ago, the other two hours ago: another system tells late.
    let now_ms = u64::try_from(jiff::Timestamp::now().as_millisecond()).expect("after 1970");
    register(&boss, ANN, Some(now_ms - 50 * 60_000));
    register(&boss, BEN, Some(now_ms - 120 * 60_000));
    until_promise(&centre, BEN, "broken");
    until("it is escalated", SOON, || {
        (centre.value("select count(*) from pre_registrations where escalated_at is not null") == 2).then_some(())
    });
    assert_eq!(centre.value(&format!("select priority from leads where number = '{ANN}'")), 99);
    centre.kill();
    centre.serve();
    let boss = centre.boss();
    let owed = boss.get("/api/v1/promises").good();
    let states: Vec<&Value> = owed["items"].as_array().expect("a list").iter().map(|one| &one["state"]).collect();
    assert_eq!(states, ["overdue", "at_risk"], "{owed}");
    let listed = centre.good(&["promise", "list", "--state", "overdue"]);
    assert!(listed.contains(BEN) && listed.contains("overdue by") && !listed.contains(ANN), "{listed}");
    browse(&centre, "promises", &[("login", "boss"), ("password", PASSWORD)]);
}
