//! Inbound calls: SIPp calls our numbers.

use serde_json::Value;

use crate::rig::{
    AGENT_HZ, CARRIER, CUSTOMER_HZ, Centre, Ear, HOLD_HZ, INFORMATION_HZ, Law, Phone, Plan, SOON, Sipp, scenario, until,
};

const SERVICE_NUMBER: &str = "+861000000086";
const CAMPAIGN_NUMBER: &str = "+861000000000";
const BEN: &str = "+8613800000002";

fn ear() -> Ear {
    Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu)
}

#[test]
fn a_caller_hears_hold_audio_until_an_agent_is_free_and_then_the_agent() {
    let centre = Centre::running(Plan::default());
    let phone = Phone::registered(&centre, 1, AGENT_HZ);
    let ear = ear();
    let mut caller = Sipp::caller(&centre, "caller", &scenario::calls(&ear, BEN, None), SERVICE_NUMBER);
    ear.until_hears(HOLD_HZ, 10, 0);
    centre.until_board("the caller is shown", |board| board["queues"][0]["waiting"] == 1);
    let desk = centre.agent_ready(1);
    let screen = desk.until_state("talking");
    let call = &screen["view"]["call"];
    assert_eq!((&call["queue"], &call["number"]), (&"service".into(), &BEN.into()), "{screen}");
    assert!(call["waited_ms"].as_u64().is_some_and(|waited| waited > 0), "{screen}");
    let since = ear.packets();
    ear.until_hears(AGENT_HZ, 10, since);
    phone.until_hears(CUSTOMER_HZ, 10, 0);
    desk.hang_up();
    caller.finish(SOON);
    let row = until("the call is on record", SOON, || centre.rows("select * from inbound_calls").into_iter().next());
    assert_eq!((&row["outcome"], &row["queue"]), (&"answered".into(), &"service".into()), "{row}");
    assert_eq!((&row["caller"], &row["did"]), (&BEN.into(), &SERVICE_NUMBER.into()), "{row}");
}

#[test]
fn a_caller_who_hangs_up_while_waiting_is_counted_as_abandoned() {
    let centre = Centre::running(Plan::default());
    let ear = ear();
    let mut caller = Sipp::caller(&centre, "caller", &scenario::calls(&ear, BEN, Some(800)), SERVICE_NUMBER);
    caller.finish(SOON);
    let row = until("the call is on record", SOON, || centre.rows("select * from inbound_calls").into_iter().next());
    assert_eq!((&row["outcome"], &row["connected_at"]), (&"abandoned".into(), &Value::Null), "{row}");
    let board = centre.until_board("the caller is counted", |board| board["queues"][0]["abandoned"] == 1);
    assert_eq!(board["queues"][0]["waiting"], 0, "{board}");
    assert_eq!(board["trunks"][0]["channels"], 0, "{board}");
}

#[test]
fn after_a_restart_the_board_still_shows_what_the_queue_did_today() {
    let mut centre = Centre::running(Plan::default());
    let (first, ear) = (ear(), ear());
    let gone = scenario::calls(&first, "+8613800000003", Some(300));
    Sipp::caller(&centre, "impatient", &gone, SERVICE_NUMBER).finish(SOON);
    let phone = Phone::registered(&centre, 1, AGENT_HZ);
    let mut caller = Sipp::caller(&centre, "caller", &scenario::calls(&ear, BEN, None), SERVICE_NUMBER);
    ear.until_hears(HOLD_HZ, 5, 0);
    let desk = centre.agent_ready(1);
    desk.until_state("talking");
    desk.hang_up();
    caller.finish(SOON);
    until("both calls are on record", SOON, || (centre.value("select count(*) from inbound_calls") == 2).then_some(()));
    centre.kill();
    drop(phone);
    centre.serve();
    let board = centre.until_board("the figures are back", |board| board["queues"][0]["offered"] == 2);
    let queue = &board["queues"][0];
    let counted = ["answered", "answered_in_time", "abandoned", "overflowed"].map(|figure| queue[figure].clone());
    assert_eq!(counted, [1, 1, 1, 0].map(Value::from), "{queue}");
    let waited = centre.value("select sum(connected_at - offered_at) from inbound_calls");
    assert!(waited.as_i64().is_some_and(|waited| waited > 0), "{:?}", centre.rows("select * from inbound_calls"));
    assert_eq!(queue["answered_wait_ms"], waited, "{queue}");
}

#[test]
fn a_customer_who_returns_our_call_is_known_at_the_desk() {
    let centre = Centre::running(Plan {
        campaign_tables: "[retry.busy]\nafter_s = 3600\nattempts_max = 3\n".to_owned(),
        ..Plan::default()
    });
    let refuses = scenario::refuses_with_the_status_of_the_number(&[486], "");
    let mut carrier = Sipp::carrier(&centre, &refuses, 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    let dora = "+8613800000486";
    centre.customers(&[dora]);
    let desk = centre.agent_ready(1);
    assert_eq!(centre.until_ended(dora)["disposition"], "busy");
    carrier.finish(SOON);
    let ear = ear();
    let mut caller = Sipp::caller(&centre, "caller", &scenario::calls(&ear, dora, None), CAMPAIGN_NUMBER);
    let screen = desk.until_state("talking");
    let call = &screen["view"]["call"];
    assert_eq!(call["call"]["direction"], "inbound", "{screen}");
    assert_eq!((&call["campaign"], &screen["lead"]["name"]), (&"spring".into(), &"Customer 0".into()), "{screen}");
    desk.hang_up();
    caller.finish(SOON);
}

#[test]
fn a_number_that_leads_to_a_message_plays_it_and_hangs_up() {
    let centre = Centre::running(Plan { agents: 0, ..Plan::default() });
    let ear = ear();
    let mut caller = Sipp::caller(&centre, "caller", &scenario::calls(&ear, BEN, None), "+861000000087");
    ear.until_hears(INFORMATION_HZ, 20, 0);
    caller.finish(SOON);
}

#[test]
fn a_number_that_is_not_ours_is_answered_404_and_disturbs_nobody() {
    let centre = Centre::running(Plan { agents: 0, ..Plan::default() });
    let ear = ear();
    let caller = Sipp::caller(&centre, "caller", &scenario::calls(&ear, BEN, None), "+861099999999");
    caller.until_gets("SIP/2.0 404", SOON);
    let row = until("the call is on record", SOON, || centre.rows("select * from inbound_calls").into_iter().next());
    assert_eq!(row["outcome"], "unrouted", "{row}");
}
