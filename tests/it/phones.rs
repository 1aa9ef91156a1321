//! The registrar, and whom the service answers at all.

use std::time::Duration;

use crate::rig::{AGENT_HZ, CARRIER, Centre, PHONES, Phone, Plan, SOON, STRANGER, Sipp, Stranger, scenario, until};

/// An answer that is going to come has come by then: it takes a millisecond.
const LISTEN: Duration = Duration::from_millis(400);

#[test]
fn a_phone_with_the_right_password_is_registered_and_shown() {
    let centre = Centre::running(Plan::default());
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    let phones = centre.boss().get("/api/v1/phones");
    let phones = if phones.status == 403 { centre.operator().get("/api/v1/phones").good() } else { phones.good() };
    assert_eq!(phones[0]["phone"], "seat-1", "{phones}");
    assert!(phones[0]["address"].as_str().is_some_and(|address| address.starts_with(PHONES)), "{phones}");
}

#[test]
fn registering_is_challenged_and_only_the_right_password_passes() {
    let centre = Centre::running(Plan::default());
    let right = scenario::registers("seat-1", &centre.phone_password(1), 200);
    Sipp::from(&centre, "right", &right, "seat-1", PHONES).finish(SOON);
    let wrong = Sipp::from(&centre, "wrong", &scenario::registers("seat-1", "wrong", 200), "seat-1", PHONES);
    let refusal = until("the wrong password is refused", SOON, || {
        let answers = wrong.got("SIP/2.0 ");
        (answers.len() >= 2).then(|| answers[1].text.clone())
    });
    assert!(refusal.starts_with("SIP/2.0 401") || refusal.starts_with("SIP/2.0 403"), "{refusal}");
    // An unknown phone is challenged alike: who listens learns no names.
    let unknown = Sipp::from(&centre, "unknown", &scenario::registers("seat-99", "wrong", 200), "seat-99", PHONES);
    unknown.until_gets("SIP/2.0 401", SOON);
}

#[test]
fn a_carrier_that_registers_is_told_that_this_is_no_registrar_for_it() {
    let centre = Centre::running(Plan::default());
    let carrier = Stranger::at(CARRIER, centre.sip_port);
    carrier.say(carrier.request("REGISTER", "seat-1", "reg1").as_bytes());
    let answer = carrier.hears(SOON).expect("the carrier is answered");
    assert!(answer.starts_with("SIP/2.0 405"), "{answer}");
    let allow = answer.lines().find(|line| line.to_ascii_lowercase().starts_with("allow:"));
    assert!(allow.is_some_and(|allow| !allow.contains("REGISTER")), "{answer}");
}

#[test]
fn a_stranger_hears_nothing_whatever_it_says() {
    let centre = Centre::running(Plan::default());
    let stranger = Stranger::at(STRANGER, centre.sip_port);
    for method in ["OPTIONS", "INVITE", "REGISTER", "MESSAGE", "SUBSCRIBE", "BYE", "NONSENSE"] {
        stranger.say(stranger.request(method, "seat-1", &format!("knock-{method}")).as_bytes());
    }
    stranger.say(b"\r\n\r\n");
    stranger.say(b"\x00\xff not SIP at all");
    // The carrier asks after the stranger did: once it is answered, the stranger would have been.
    let carrier = Stranger::at(CARRIER, centre.sip_port);
    carrier.say(carrier.request("OPTIONS", "ping", "control").as_bytes());
    let answer = carrier.hears(SOON).expect("the carrier is answered");
    assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
    assert_eq!(stranger.hears(LISTEN), None);
    let stream = std::net::TcpStream::connect(("127.0.0.1", centre.sip_port));
    assert!(stream.is_ok(), "the listener itself is there");
}

#[test]
fn malformed_messages_of_a_carrier_are_answered_and_stop_nothing() {
    let centre = Centre::running(Plan::default());
    let carrier = Stranger::at(CARRIER, centre.sip_port);
    let good = carrier.request("OPTIONS", "ping", "bad1");
    carrier.say(good.replace("CSeq: 1 OPTIONS", "CSeq: 1 INVITE").as_bytes());
    let answer = carrier.hears(SOON).expect("a request that can be read is answered");
    assert!(answer.starts_with("SIP/2.0 400"), "{answer}");
    carrier.say(carrier.request("OPTIONS", "ping", "bad2").replace("SIP/2.0\r\nVia", "SIP/7.0\r\nVia").as_bytes());
    let answer = carrier.hears(SOON).expect("another version is answered");
    assert!(answer.starts_with("SIP/2.0 505"), "{answer}");
    for piece in [1, 7, 40, 120] {
        carrier.say(&good.as_bytes()[..piece]);
    }
    carrier.say(carrier.request("OPTIONS", "ping", "good2").as_bytes());
    let answer = until("the service still answers", SOON, || carrier.hears(LISTEN).filter(|a| a.contains("good2")));
    assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
}

#[test]
fn an_agent_without_a_registered_phone_is_told_so_and_gets_no_call() {
    let centre = Centre::running(Plan::default());
    centre.customers(&["+8613800000001"]);
    let desk = crate::rig::Desk::sign_in(centre.api("agent-1"));
    // Sign-in is answered before the first picture of the desk is painted.
    let screen = desk.until_state("not_ready");
    assert_eq!(screen["view"]["phone_up"], false, "{screen}");
    assert_eq!(screen["view"]["reason"], "phone-failed", "{screen}");
    assert_eq!(centre.value("select count(*) from attempts"), 0);
}
