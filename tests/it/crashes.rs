//! What is left after `kill -9`, SIGTERM and their like.

use std::time::Duration;

use crate::rig::{AGENT_HZ, CARRIER, CUSTOMER_HZ, Centre, Ear, Law, Message, Phone, Plan, SOON, Sipp, scenario, until};

const ANN: &str = "+8613800000001";
const BEN: &str = "+8613800000002";

#[test]
fn killed_while_a_phone_rings_it_cancels_the_call_after_the_restart_and_does_not_dial_again() {
    let mut centre = Centre::running(Plan::default());
    let carrier = Sipp::carrier(&centre, &scenario::rings_until_the_service_comes_back(), 2);
    let mut phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let _desk = centre.agent_ready(1);
    until("it rings", SOON, || carrier.sent("SIP/2.0 180"));
    let known = "select count(*) from dialogs";
    until("the call's dialog is on disk", SOON, || (centre.value(known) == 2).then_some(()));
    centre.kill();
    assert_eq!(centre.value("select state from attempts"), "live", "the intent is there");
    centre.serve();
    carrier.until_gets("CANCEL", SOON);
    let attempt = centre.until_ended(ANN);
    assert_eq!(attempt["disposition"], "unknown", "{attempt}");
    // The phone finds the service again by itself; an agent who is ready again gets nobody twice.
    phone.child.kill();
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    let _desk = centre.agent_ready(1);
    centre.until_board("the board says why nothing is dialled", |board| {
        board["campaigns"][0]["not_dialling"] == "no_lead_due"
    });
    assert_eq!(carrier.got("INVITE").len(), 1, "the number is not dialled again");
    assert_eq!(centre.value("select count(*) from attempts"), 1);
}

#[test]
fn killed_before_the_dialog_was_written_down_it_cancels_the_call_by_the_intent_alone() {
    let trunk = "username = \"lull\"\npassword = \"secret of the trunk\"".to_owned();
    let mut centre = Centre::running(Plan { trunk, ..Plan::default() });
    // The call that rings is the one that answered a challenge: its CANCEL must name the second INVITE, not the first.
    let challenge =
        "Proxy-Authenticate: Digest realm=\"carrier.example\", nonce=\"n1\", qop=\"auth\", algorithm=SHA-256";
    let carrier = Sipp::patient_carrier(&centre, &scenario::challenges_and_rings(challenge), 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let _desk = centre.agent_ready(1);
    until("it rings", SOON, || carrier.sent("SIP/2.0 180"));
    centre.kill();
    centre.forget_dialogs();
    centre.serve();
    // Other INVITEs that may have left are cancelled too; the carrier knows nothing of them.
    let invite = carrier.got("INVITE").pop().expect("it rang");
    let same =
        |name: &str, message: &Message| scenario::header(&invite.text, name) == scenario::header(&message.text, name);
    until("the call is cancelled", SOON, || {
        let cancels = carrier.got("CANCEL");
        cancels.into_iter().find(|cancel| ["Via", "From", "To", "Call-ID"].iter().all(|name| same(name, cancel)))
    });
    assert_eq!(centre.until_ended(ANN)["disposition"], "unknown");
    assert_eq!(carrier.got("INVITE").len(), 2, "and the number is not dialled again");
}

#[test]
fn killed_during_a_call_it_says_goodbye_to_the_carrier_after_the_restart() {
    let mut centre = Centre::running(Plan::default());
    let ear = Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu);
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 0, 200), 1);
    let phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    desk.until_state("talking");
    ear.until_hears(AGENT_HZ, 5, 0);
    until("the dialogs are on disk", SOON, || (centre.value("select count(*) from dialogs") == 2).then_some(()));
    centre.kill();
    centre.serve();
    carrier.until_gets("BYE", Duration::from_secs(5));
    carrier.finish(SOON);
    phone.child.until_says("session closed", SOON);
    let attempt = centre.until_ended(ANN);
    assert_eq!(attempt["disposition"], "unknown", "{attempt}");
    centre.good(&["db", "check"]);
}

#[test]
fn a_result_that_was_acknowledged_survives_kill_9_in_the_same_breath() {
    let mut centre = Centre::running(Plan::default());
    let ear = Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu);
    let _carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 0, 200), 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    let screen = desk.until_state("talking");
    desk.hang_up();
    desk.record(&screen["view"]["call"]["call"], "stop", "Asked never to be called again.").good();
    centre.kill();
    let result = centre.rows("select result, disposition, note from results");
    assert_eq!(result.len(), 1);
    assert_eq!(result[0]["disposition"], "do_not_call", "{result:?}");
    assert_eq!(centre.value("select number from suppressions"), ANN);
    centre.serve();
    let attempt = centre.until_ended(ANN);
    assert_eq!(attempt["disposition"], "do_not_call", "{attempt}");
    assert_eq!(centre.value("select count(*) from results"), 1, "applied once");
}

#[test]
fn dialling_resumes_by_itself_after_kill_9() {
    let mut centre = Centre::running(Plan::default());
    let carrier = Sipp::carrier(&centre, &scenario::rings_until_the_service_comes_back(), 2);
    let phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN, BEN]);
    let _desk = centre.agent_ready(1);
    until("it rings", SOON, || carrier.sent("SIP/2.0 180"));
    centre.kill();
    centre.serve();
    drop(phone);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    let _desk = centre.agent_ready(1);
    until("the other number is dialled", SOON, || (carrier.got("INVITE").len() == 2).then_some(()));
    let numbers = centre.rows("select number, count(*) as attempts from attempts group by number");
    assert_eq!(numbers.len(), 2, "{numbers:?}");
    assert!(numbers.iter().all(|row| row["attempts"] == 1), "{numbers:?}");
}

#[test]
fn sigterm_finishes_the_call_that_is_up_and_begins_no_other() {
    let mut centre = Centre::running(Plan { agents: 2, ..Plan::default() });
    let ear = Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu);
    let carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 0, 200), 2);
    let phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    let screen = desk.until_state("talking");
    ear.until_hears(AGENT_HZ, 5, 0);
    centre.service().signal("TERM");
    centre.service().until_says("finishing the calls", SOON);
    centre.customers(&[BEN]);
    let (packets, samples) = (ear.packets(), phone.heard().len());
    ear.until_hears(AGENT_HZ, 20, packets);
    phone.until_hears(CUSTOMER_HZ, 20, samples);
    assert!(centre.service().is_running());
    desk.hang_up();
    // The agent may finish what was begun: the service waits for the result of the last call too.
    desk.until_state("wrap_up");
    desk.record(&screen["view"]["call"]["call"], "taken", "").good();
    let status = centre.service().ended(SOON);
    assert_eq!(status.code(), Some(0));
    assert_eq!(carrier.got("INVITE").len(), 1, "nobody else was called");
    carrier.until_gets("BYE", SOON);
    assert_eq!(centre.until_ended(ANN)["disposition"], "accepted");
    let left = centre.rows("select id, record from dialogs");
    assert!(left.is_empty(), "nothing is left over: {left:?}");
}

#[test]
fn a_second_sigterm_ends_everything_at_once() {
    let mut centre = Centre::running(Plan::default());
    let ear = Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu);
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 0, 200), 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    desk.until_state("talking");
    centre.service().signal("TERM");
    centre.service().until_says("finishing the calls", SOON);
    centre.service().signal("TERM");
    let status = centre.service().ended(SOON);
    assert_eq!(status.code(), Some(0));
    carrier.finish(SOON);
    let gone = crate::rig::Api::anonymous(centre.http()).send("GET", "/livez", None);
    assert!(gone.is_err(), "the pages are closed too");
}
