//! SMS over a real SMSC simulator: sent once and never twice, what customers answer is taken in, and who opts out is left alone.

use std::time::Duration;

use serde_json::{Value, json};

use crate::browser::browse;
use crate::rig::{
    AGENT_HZ, Api, CARRIER, CUSTOMER_HZ, Centre, Ear, Law, PASSWORD, Phone, Plan, SMSC_PASSWORD, SOON, SYSTEM_ID, Sipp,
    Smsc, now, scenario, until,
};

const ANN: &str = "+8613800000001";
const BEN: &str = "+8613800000002";

/// Adds the simulator to the configuration.
pub fn with_gateway(centre: &Centre, smsc: &Smsc, further: &str) {
    let gateway = format!(
        "\n[gateways.smsc]\ntarget = \"127.0.0.1:{}\"\nsystem_id = \"{SYSTEM_ID}\"\npassword = \"{SMSC_PASSWORD}\"\n\
         senders = [\"10690000\", \"Lull\"]\nper_second = 100.0\n{further}",
        smsc.port
    );
    centre.write("lull.toml", &(centre.read("lull.toml") + &gateway));
}

/// A service that is bound to a simulator.
pub fn bound(plan: Plan, further: &str) -> (Centre, Smsc) {
    let smsc = Smsc::start();
    let mut centre = Centre::prepared(plan);
    with_gateway(&centre, &smsc, further);
    centre.serve();
    smsc.until_bound();
    (centre, smsc)
}

pub fn nobody() -> Plan {
    Plan { agents: 0, ..Plan::default() }
}

pub fn send(boss: &Api, number: &str, text: &str) -> String {
    let sent = boss.post("/api/v1/messages", &json!({ "number": number, "text": text })).good();
    sent["id"].as_str().expect("an id").to_owned()
}

fn messages(boss: &Api) -> Vec<Value> {
    boss.get("/api/v1/messages").good().as_array().expect("a list").clone()
}

/// Waits until a message stands like this; gives it.
#[track_caller]
pub fn until_state(boss: &Api, id: &str, state: &str) -> Value {
    let mut last = Vec::new();
    let end = now() + SOON;
    while now() < end {
        last = messages(boss);
        if let Some(found) = last.iter().find(|one| one["id"] == id && one["state"] == state) {
            return found.clone();
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    panic!("{id} is not {state}: {last:?}");
}

#[test]
fn a_message_is_handed_over_and_its_receipt_says_what_became_of_it() {
    let (centre, mut smsc) = bound(nobody(), "");
    let boss = centre.boss();
    let gateways = boss.get("/api/v1/gateways").good();
    assert_eq!((&gateways[0]["name"], &gateways[0]["state"]), (&"smsc".into(), &"up".into()), "{gateways}");
    smsc.ask(&json!({ "receipts": "DELIVRD" }));
    let id = send(&boss, "138 0000 0001", "Hello {Ann} €");
    let part = smsc.until_submitted(1).remove(0);
    assert_eq!(
        (&part["to"], &part["from"], &part["text"]),
        (&"8613800000001".into(), &"10690000".into(), &"Hello {Ann} €".into())
    );
    assert_eq!((&part["esm"], &part["receipt"], &part["header"]), (&0.into(), &1.into(), &Value::Null), "{part}");
    let row = until_state(&boss, &id, "delivered");
    assert_eq!((&row["parts"], &row["error"]), (&1.into(), &Value::Null), "{row}");

    smsc.ask(&json!({ "receipts": "UNDELIV" }));
    let long = "请您".repeat(80);
    let id = send(&boss, BEN, &long);
    let parts = smsc.until_submitted(4).split_off(1);
    let texts: Vec<&str> = parts.iter().map(|part| part["text"].as_str().expect("text")).collect();
    assert_eq!(texts.concat(), long, "three parts of 67 characters");
    for (place, part) in parts.iter().enumerate() {
        let header = part["header"].as_str().expect("parts are tied together");
        assert_eq!((part["coding"].as_u64(), part["esm"].as_u64()), (Some(8), Some(0x40)), "{part}");
        assert!(header.ends_with(&format!("030{}", place + 1)), "{header}");
    }
    let row = until_state(&boss, &id, "undeliverable");
    assert_eq!((&row["parts"], &row["error"]), (&3.into(), &"UNDELIV 000".into()), "{row}");
    let told = centre.good(&["message", "list", "--number", BEN]);
    assert!(told.contains("undeliverable (UNDELIV 000)"), "{told}");
}

#[test]
fn a_receipt_that_overtakes_the_answer_is_not_lost() {
    let (centre, mut smsc) = bound(nobody(), "");
    smsc.ask(&json!({ "receipts": "DELIVRD", "early": true }));
    let boss = centre.boss();
    let id = send(&boss, ANN, "early");
    until_state(&boss, &id, "delivered");
    assert!(centre.rows("select 1 from early_receipts").is_empty());
}

#[test]
fn a_customer_who_opts_out_is_confirmed_once_and_gets_nothing_more() {
    let (centre, mut smsc) = bound(nobody(), "");
    let boss = centre.boss();
    centre.good(&["consent", "add", ANN, "--text", "call me", "--channel", "web"]);
    let id = send(&boss, ANN, "回复 R 退订");
    until_state(&boss, &id, "sent");
    assert_eq!(smsc.text("8613800000001", " ｒ。"), 0);
    let confirmation = smsc.until_submitted(2).remove(1);
    assert!(confirmation["text"].as_str().expect("text").starts_with("已退订"), "{confirmation}");
    assert_eq!((&confirmation["to"], &confirmation["from"]), (&"8613800000001".into(), &"10690000".into()));

    // The store has the suppression, the revocation, and the message that it answers.
    let came = messages(&boss).into_iter().find(|one| one["direction"] == "in").expect("it came");
    assert_eq!((&came["meaning"], &came["answers"]), (&"opt_out".into(), &id.as_str().into()), "{came}");
    let entries = boss.get("/api/v1/suppressions?number=%2B8613800000001").good();
    assert_eq!((&entries[0]["reason"], &entries[0]["added_by"]), (&"opt_out".into(), &"customer".into()), "{entries}");
    let consents = boss.get("/api/v1/consents?number=%2B8613800000001").good();
    assert_eq!((&consents[1]["kind"], &consents[1]["channel"]), (&"revoked".into(), &"sms".into()), "{consents}");

    // Twice is once, and nothing leaves for the number any more.
    assert_eq!(smsc.text("+8613800000001", "退订"), 0);
    let refused = boss.post("/api/v1/messages", &json!({ "number": ANN, "text": "but" }));
    assert_eq!((refused.status, refused.json()["errors"][0]["code"].clone()), (422, "suppressed".into()));
    let ran = centre.run(&["message", "send", ANN, "but"], "");
    assert_eq!(ran.code, 3, "{}{}", ran.out, ran.err);
    let id = send(&boss, BEN, "to somebody else");
    until_state(&boss, &id, "sent");
    let to_ann = smsc.all("submitted").iter().filter(|part| part["to"] == "8613800000001").count();
    assert_eq!(to_ann, 2, "the message and one confirmation");
}

#[test]
fn free_words_that_may_opt_out_leave_the_customer_alone_until_somebody_has_read_them() {
    let (centre, mut smsc) = bound(nobody(), "");
    let boss = centre.boss();
    assert_eq!(smsc.text("8613800000001", "请不要再打电话给我了"), 0);
    assert_eq!(smsc.text("8613800000002", "办理"), 0);
    let found = messages(&boss);
    let meanings: Vec<&str> = found.iter().map(|one| one["meaning"].as_str().expect("a meaning")).collect();
    assert_eq!(meanings, ["other", "perhaps_opt_out"]);
    let entries = boss.get("/api/v1/suppressions?number=%2B8613800000001").good();
    assert!(entries[0]["note"].as_str().expect("a note").contains("to be read by a person"), "{entries}");
    assert!(boss.get("/api/v1/suppressions?number=%2B8613800000002").good().as_array().expect("a list").is_empty());
    assert!(smsc.all("submitted").is_empty(), "nothing is confirmed that may not have been meant");
}

#[test]
fn a_customer_who_opts_out_while_it_rings_is_given_up_within_two_seconds() {
    let (centre, mut smsc) = bound(Plan::default(), "");
    let mut carrier = Sipp::carrier(&centre, &scenario::rings_out(), 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let _desk = centre.agent_ready(1);
    until("it rings", SOON, || carrier.sent("SIP/2.0 180"));
    let asked = now();
    smsc.text("8613800000001", "STOP");
    carrier.until_gets("CANCEL", SOON);
    let took = asked.elapsed();
    assert!(took <= Duration::from_secs(2), "the CANCEL came after {took:?}");
    carrier.finish(SOON);
    assert_eq!(centre.until_ended(ANN)["disposition"], "cancelled");
    assert_eq!(centre.value("select state from leads"), "given_up");
}

#[test]
fn a_customer_who_answers_a_campaigns_message_is_called_at_once() {
    let replies = "\n[replies]\ninterested = [\"1\", \"办理\"]\nconsent = \"回复1即同意来电\"\nanswer = \"谢谢，马上给您打电话\"\n";
    let plan = Plan { campaign_tables: replies.to_owned(), ..Plan::default() };
    let (centre, mut smsc) = bound(plan, "");
    let boss = centre.boss();
    let ear = Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu);
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 0, 300), 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    let desk = centre.agent_ready(1);
    let sent =
        boss.post("/api/v1/messages", &json!({ "number": ANN, "text": "回复1办理", "campaign": "spring" })).good();
    until_state(&boss, sent["id"].as_str().expect("an id"), "sent");
    smsc.text("8613800000001", "办理！");
    assert_eq!(smsc.until_submitted(2)[1]["text"], "谢谢，马上给您打电话");
    let screen = desk.until_state("talking");
    assert_eq!(screen["view"]["call"]["number"], ANN, "{screen}");
    let came = messages(&boss).into_iter().find(|one| one["direction"] == "in").expect("it came");
    assert_eq!(
        (&came["meaning"], &came["campaign"], &came["answers"]),
        (&"interested".into(), &"spring".into(), &sent["id"])
    );
    let lead = centre.rows("select number, priority, extra from leads").remove(0);
    assert_eq!((&lead["number"], &lead["priority"]), (&ANN.into(), &90.into()), "{lead}");
    assert!(lead["extra"].as_str().expect("text").contains("办理！"), "{lead}");
    let consent = boss.get("/api/v1/consents?number=%2B8613800000001").good();
    assert_eq!((&consent[0]["kind"], &consent[0]["purpose"]), (&"given".into(), &"spring".into()), "{consent}");
    desk.hang_up();
    carrier.finish(SOON);
}

#[test]
fn a_manager_reads_and_writes_messages_on_the_customers_page() {
    let replies = "\n[replies]\ninterested = [\"办理\"]\nconsent = \"回复办理即同意来电\"\nto = [\"10690000\"]\n";
    let (centre, mut smsc) = bound(Plan { campaign_tables: replies.to_owned(), ..nobody() }, "");
    smsc.text("8613800000001", "办理");
    browse(&centre, "messages", &[("login", "boss"), ("password", PASSWORD), ("number", ANN)]);
    assert_eq!(smsc.until_submitted(1)[0]["text"], "We call you at six.");
    assert_eq!(centre.rows("select 1 from audit where what = 'consent_evidence'").len(), 1);
}

#[test]
fn many_messages_at_once_are_all_acknowledged_at_once() {
    let (centre, mut smsc) = bound(nobody(), "");
    let asked = now();
    for n in 0..200_u32 {
        let message = json!({ "n": 1_000 + n, "from": format!("86138000{n:05}"), "to": "10690000", "text": format!("hello {n}") });
        smsc.ask(&json!({ "deliver": message }));
    }
    until("all are acknowledged", SOON, || (smsc.all("answered").len() == 200).then_some(()));
    // The line says nothing meanwhile that would wake anybody up, for half a minute.
    assert!(asked.elapsed() < Duration::from_secs(15), "{:?}", asked.elapsed());
    assert!(smsc.all("answered").iter().all(|answered| answered["status"] == 0));
    assert_eq!(centre.value("select count(*) from messages"), 200);
}

#[test]
fn a_command_that_cannot_be_read_is_refused_and_what_is_behind_it_is_taken() {
    let (centre, mut smsc) = bound(nobody(), "");
    let boss = centre.boss();
    // A sender of more characters than a sender can have.
    let long = "8".repeat(40);
    assert_eq!(smsc.deliver(json!({ "from": long, "to": "10690000", "text": "x" })), 8);
    assert_eq!(smsc.text("8613800000001", "STOP"), 0);
    assert_eq!(boss.get("/api/v1/suppressions?number=%2B8613800000001").good()[0]["reason"], "opt_out");
    assert_eq!(smsc.all("bound").len(), 1, "the connection is the first one still");
}

#[test]
fn who_opts_out_between_claim_and_turn_gets_nothing_more() {
    // One SMS in five seconds: the second waits for its turn, claimed.
    let (centre, mut smsc) = bound(nobody(), "");
    centre.write("lull.toml", &centre.read("lull.toml").replace("per_second = 100.0", "per_second = 0.2"));
    centre.good(&["reload"]);
    until("it is bound anew", SOON, || (smsc.all("bound").len() == 2).then_some(()));
    let boss = centre.boss();
    send(&boss, BEN, "first");
    smsc.until_submitted(1);
    let second = send(&boss, ANN, "second");
    until_state(&boss, &second, "sending");
    assert_eq!(smsc.text("8613800000001", "STOP"), 0);
    until_state(&boss, &second, "suppressed");
    let texts: Vec<Value> = smsc.until_submitted(2).into_iter().map(|part| part["text"].clone()).collect();
    assert!(texts[0] == "first" && texts[1].as_str().expect("text").starts_with("已退订"), "{texts:?}");
}

#[test]
fn a_message_in_pieces_is_put_together_in_whatever_order_and_however_often_they_come() {
    let (centre, mut smsc) = bound(nobody(), "");
    let boss = centre.boss();
    let piece = |place: u8, text: &str| {
        json!({ "from": "8613800000001", "to": "10690000", "text": text, "coding": 0, "esm": 0x40,
                "udh": format!("0500039f02{place:02x}") })
    };
    // Hexadecimal digits of "STOP" and " please", in the GSM alphabet.
    assert_eq!(smsc.deliver(piece(2, "20706c65617365")), 0);
    assert_eq!(smsc.deliver(piece(2, "20706c65617365")), 0);
    assert!(messages(&boss).is_empty());
    assert_eq!(smsc.deliver(piece(1, "53544f50")), 0);
    let came = messages(&boss).into_iter().find(|one| one["direction"] == "in").expect("it came");
    assert_eq!((&came["text"], &came["meaning"]), (&"STOP please".into(), &"opt_out".into()), "{came}");
    assert!(centre.rows("select 1 from message_pieces").is_empty());
}

#[test]
fn what_a_gateway_tells_is_kept_even_where_it_makes_no_sense() {
    let (centre, mut smsc) = bound(nobody(), "");
    let boss = centre.boss();
    assert_eq!(smsc.deliver(json!({ "from": "BANK", "to": "10690000", "text": "53544f50", "coding": 0, "ton": 5 })), 0);
    assert_eq!(smsc.deliver(json!({ "from": "8613800000001", "to": "", "text": "d83d00", "coding": 8 })), 0);
    assert_eq!(smsc.deliver(json!({ "from": "8613800000001", "to": "1", "text": "ff", "coding": 0, "esm": 0x40 })), 0);
    assert_eq!(smsc.deliver(json!({ "from": "1", "to": "1", "text": "no receipt", "esm": 4 })), 0);
    assert_eq!(smsc.deliver(json!({ "from": "1", "to": "1", "text": "id:nobody stat:DELIVRD", "esm": 4 })), 0);
    let found = messages(&boss);
    let read: Vec<(&str, &str)> =
        found.iter().map(|one| (one["number"].as_str().expect("text"), one["text"].as_str().expect("text"))).collect();
    assert_eq!(read, [(ANN, "\u{fffd}"), (ANN, "\u{fffd}\u{fffd}"), ("BANK", "STOP")]);
    assert!(centre.rows("select 1 from suppressions").is_empty());
    assert_eq!(centre.rows("select gateway_id from early_receipts").len(), 1);
}

#[test]
fn a_gateway_that_asks_for_fewer_gets_them_later_and_one_that_refuses_is_believed() {
    let (centre, mut smsc) = bound(nobody(), "");
    let boss = centre.boss();
    smsc.ask(&json!({ "answer": { "status": 88, "times": 1 } }));
    let id = send(&boss, ANN, "not now");
    until_state(&boss, &id, "sent");
    assert_eq!(smsc.all("submitted").len(), 1);
    smsc.ask(&json!({ "answer": { "status": 11, "times": 1 } }));
    let id = send(&boss, ANN, "to nobody");
    let row = until_state(&boss, &id, "rejected");
    assert_eq!(row["error"], "EsmeRinvdstadr (0x0000000b)", "{row}");
    assert_eq!(smsc.all("submitted").len(), 1);
}

#[test]
fn a_message_without_an_answer_is_unknown_and_never_sent_again() {
    let (mut centre, mut smsc) = bound(nobody(), "response_timeout_s = 1\n");
    let boss = centre.boss();
    smsc.ask(&json!({ "silent": 1 }));
    let id = send(&boss, ANN, "is anybody there");
    let row = until_state(&boss, &id, "unknown");
    assert!(row["error"].as_str().expect("an error").contains("timed out"), "{row}");

    // The connection ends before the answer.
    smsc.ask(&json!({ "silent": 1 }));
    let id = send(&boss, ANN, "and now");
    smsc.until_submitted(2);
    smsc.ask(&json!({ "hang_up": true }));
    until_state(&boss, &id, "unknown");
    let id = send(&boss, ANN, "after it is connected again");
    until_state(&boss, &id, "sent");

    // The service ends before the answer.
    smsc.ask(&json!({ "silent": 1 }));
    let id = send(&boss, ANN, "kill me");
    smsc.until_submitted(4);
    centre.kill();
    centre.serve();
    let boss = centre.boss();
    let row = until_state(&boss, &id, "unknown");
    assert!(
        ["timed out", "ended while"].iter().any(|why| row["error"].as_str().expect("an error").contains(why)),
        "{row}"
    );
    let last = send(&boss, ANN, "the last one");
    until_state(&boss, &last, "sent");
    let texts: Vec<Value> = smsc.all("submitted").into_iter().map(|part| part["text"].clone()).collect();
    assert_eq!(texts, ["is anybody there", "and now", "after it is connected again", "kill me", "the last one"]);
}

#[test]
fn what_waits_for_a_gateway_that_is_away_leaves_when_it_is_back_unless_the_customer_opted_out() {
    let smsc = Smsc::start();
    let mut centre = Centre::prepared(nobody());
    with_gateway(&centre, &smsc, "");
    let told = centre.good(&["message", "send", ANN, "by command, before the service runs"]);
    assert!(told.contains("waits for the gateway smsc: 1 SMS"), "{told}");
    centre.good(&["message", "send", BEN, "withdrawn"]);
    centre.good(&["suppression", "add", BEN, "--reason", "opt_out"]);
    centre.serve();
    let boss = centre.boss();
    until("the other one is withdrawn", SOON, || {
        messages(&boss).into_iter().find(|one| one["text"] == "withdrawn" && one["state"] == "suppressed")
    });
    assert_eq!(smsc.until_submitted(1)[0]["to"], "8613800000001");
}

#[test]
fn a_wrong_password_is_told_with_what_the_gateway_said() {
    let smsc = Smsc::start();
    let mut centre = Centre::prepared(nobody());
    with_gateway(&centre, &smsc, "");
    centre.write("lull.toml", &centre.read("lull.toml").replace(SMSC_PASSWORD, "wrong"));
    centre.serve();
    let boss = centre.boss();
    let gateway = until("the gateway is down", SOON, || {
        let gateways = boss.get("/api/v1/gateways").good();
        Some(gateways[0].clone()).filter(|gateway| gateway["state"] == "down")
    });
    assert_eq!(gateway["error"], "the bind was refused: EsmeRbindfail (0x0000000d)", "{gateway}");
    let unknown = boss.post("/api/v1/messages", &json!({ "number": ANN, "text": "x", "sender": "Bank" }));
    let says = unknown.json()["errors"][0]["detail"].as_str().expect("a detail").to_owned();
    assert_eq!(says, "`Bank` is not a sender of smsc; expected one of: 10690000, Lull");
}
