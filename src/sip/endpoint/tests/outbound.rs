//! Calls of ours: timers, cancels, forks, fail-over, credentials.

use super::*;
use crate::sip::CallToken;
use crate::sip::event::FailureKind;

fn failure(rig: &mut Rig) -> Failure {
    match rig.events().pop() {
        Some(Event::Failed { leg: LEG, cause }) => cause,
        other => panic!("{other:?}"),
    }
}

fn challenge(nonce: &str, realm: &str, algorithm: &str) -> String {
    format!(
        "WWW-Authenticate: Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={algorithm}, qop=\"auth,auth-int\"\r\n"
    )
}

#[test]
fn a_call_is_answered_acknowledged_and_hung_up_by_us() {
    let mut rig = Rig::new();
    let invite = rig.call();
    rig.hear(CARRIER, &reply(&invite, 100, "", "", ""));
    rig.hear(CARRIER, &reply(&invite, 183, "them", SDP, "v=0 early"));
    rig.hear(CARRIER, &reply(&invite, 200, "them", &ok_lines(), "v=0 answer"));
    let events = rig.events();
    assert_eq!(events[0], Event::Trying { leg: LEG });
    assert_eq!(events[1], Event::Ringing { leg: LEG, status: 183, early_sdp: Some(Bytes::from_static(b"v=0 early")) });
    let answer = Bytes::from_static(b"v=0 answer");
    assert_eq!(events[2..], [Event::Answered { leg: LEG, sdp: answer, crossed_cancel: false }]);
    let ack = rig.one();
    assert!(ack.starts_with("ACK sip:them@192.0.2.10:5060 SIP/2.0"), "{ack}");
    assert!(value(&ack, "To").ends_with(";tag=them") && value(&ack, "CSeq") == "1 ACK");
    rig.endpoint.hang_up(rig.now, LEG, None).expect("up");
    let bye = rig.one();
    assert_eq!((gist(&bye), value(&bye, "CSeq")), ("BYE".into(), "2 BYE"));
    let ended = Event::Ended { leg: LEG, by: EndedBy::Local, reason: EndReason::default() };
    assert_eq!(rig.events(), [ended]);
    rig.hear(CARRIER, &reply(&bye, 200, "", "", ""));
    rig.assert_empty();
}

#[test]
fn a_call_is_hung_up_by_the_other_side_with_its_reason() {
    let mut rig = Rig::new();
    let invite = rig.call_up();
    let bye = in_dialog(&invite, "BYE", "b1", 1, "Reason: Q.850;cause=16;text=\"x\"\r\n", "");
    rig.hear(CARRIER, &bye);
    assert_eq!(rig.said(), ["200"]);
    let events = rig.events();
    let [Event::Ended { leg: LEG, by: EndedBy::Remote, reason }] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(reason.q850, Some(16));
    // Our 200 was lost: it is said again, and nothing else happens.
    rig.hear(CARRIER, &bye);
    assert_eq!((rig.said(), rig.events()), (vec!["200".to_owned()], vec![]));
    rig.assert_empty();
    rig.hear(CARRIER, &bye);
    assert_eq!(rig.said(), ["481"]);
}

#[test]
fn an_invite_is_repeated_by_timer_a_until_the_next_target_is_tried_and_timer_b_gives_up() {
    let mut rig = Rig::new();
    rig.call();
    let said = rig.pass(secs(31));
    let at: Vec<u64> = said.iter().map(|(at, _)| *at).collect();
    assert_eq!(at, [500, 1_500, 3_500, 4_000, 4_500, 5_500, 7_500, 11_500, 19_500]);
    assert!(said.iter().all(|(_, gist)| gist == "INVITE"));
    let said = rig.pass(secs(40));
    assert_eq!(said, [(4_500, "INVITE".to_owned())]);
    let cause = failure(&mut rig);
    assert_eq!((cause.status, cause.kind), (408, FailureKind::Timeout));
    rig.assert_empty();
}

#[test]
fn over_a_stream_nothing_is_repeated() {
    let mut rig = Rig::new();
    let mut spec = spec(&[CARRIER]);
    spec.targets[0].listener = 1;
    rig.endpoint.originate(rig.now, LEG, spec).expect("placed");
    let sent = rig.transmits();
    assert!(matches!(sent.as_slice(), [(Destination::Connect(_), _)]));
    assert_eq!(rig.pass(secs(31)), []);
    rig.pass(secs(2));
    assert_eq!(failure(&mut rig).kind, FailureKind::Timeout);
    rig.assert_empty();
}

#[test]
fn a_cancel_waits_for_a_provisional_response_and_goes_where_the_invite_went() {
    let mut rig = Rig::new();
    let invite = rig.call();
    rig.endpoint.cancel(rig.now, LEG, None).expect("calling");
    assert_eq!(rig.sent(), Vec::<String>::new());
    rig.hear(CARRIER, &reply(&invite, 100, "", "", ""));
    let sent = rig.transmits();
    let [(to, cancel)] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!(*to, Destination::Datagram(target(CARRIER)));
    assert_eq!((value(cancel, "Via"), value(cancel, "CSeq")), (value(&invite, "Via"), "1 CANCEL"));
    assert_eq!(
        cancel.lines().next().map(|line| line.replace("CANCEL", "INVITE")),
        invite.lines().next().map(str::to_owned)
    );
    rig.hear(CARRIER, &reply(cancel, 200, "them", "", ""));
    rig.hear(CARRIER, &reply(&invite, 487, "them", "", ""));
    let sent = rig.transmits();
    let [(to, ack)] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!((*to, value(ack, "Via")), (Destination::Datagram(target(CARRIER)), value(&invite, "Via")));
    assert!(value(ack, "To").ends_with(";tag=them"), "{ack}");
    assert_eq!(failure(&mut rig).kind, FailureKind::Cancelled);
    // The ACK was lost: it is sent again, and nothing is told twice.
    rig.hear(CARRIER, &reply(&invite, 487, "them", "", ""));
    assert_eq!((rig.said(), rig.events()), (vec!["ACK".to_owned()], vec![]));
    rig.assert_empty();
}

#[test]
fn a_200_that_crosses_the_cancel_is_an_answer_that_says_so() {
    let mut rig = Rig::new();
    let invite = rig.call();
    rig.hear(CARRIER, &reply(&invite, 180, "them", "", ""));
    rig.endpoint.cancel(rig.now, LEG, None).expect("calling");
    assert_eq!(rig.said(), ["CANCEL"]);
    rig.hear(CARRIER, &reply(&invite, 200, "them", &ok_lines(), "v=0"));
    assert_eq!(rig.said(), ["ACK"]);
    assert!(matches!(rig.events().last(), Some(Event::Answered { crossed_cancel: true, .. })));
    rig.endpoint.hang_up(rig.now, LEG, None).expect("up");
    assert_eq!(rig.events().len(), 1);
    rig.assert_empty();
}

#[test]
fn a_200_long_after_a_cancel_without_487_is_acknowledged_and_ended() {
    let mut rig = Rig::new();
    let invite = rig.call();
    rig.hear(CARRIER, &reply(&invite, 180, "them", "", ""));
    rig.endpoint.cancel(rig.now, LEG, None).expect("calling");
    rig.pass(secs(33));
    assert_eq!(failure(&mut rig).kind, FailureKind::Cancelled);
    rig.hear(CARRIER, &reply(&invite, 200, "them", &ok_lines(), "v=0"));
    assert_eq!(rig.said(), ["ACK", "BYE"]);
    assert_eq!(rig.events(), []);
    rig.assert_empty();
}

#[test]
fn a_call_that_rings_for_ever_is_cancelled_whatever_its_caller_does() {
    let mut rig = Rig::new();
    let invite = rig.call();
    rig.hear(CARRIER, &reply(&invite, 180, "them", "", ""));
    let said = rig.pass(crate::sip::RINGING_MAX + secs(1));
    assert!(said.iter().any(|(_, gist)| gist == "CANCEL"), "{said:?}");
    rig.hear(CARRIER, &reply(&invite, 487, "them", "", ""));
    let cause = failure(&mut rig);
    assert_eq!((cause.status, cause.kind), (487, FailureKind::Timeout));
    rig.assert_empty();
}

#[test]
fn a_repeated_200_is_acknowledged_again_even_after_the_hang_up_and_answers_once() {
    let mut rig = Rig::new();
    let invite = rig.call_up();
    let ok = reply(&invite, 200, "them", &ok_lines(), "v=0 answer");
    for _ in 0..11 {
        rig.hear(CARRIER, &ok);
    }
    assert_eq!((rig.said(), rig.events()), (vec!["ACK".to_owned(); 11], vec![]));
    rig.endpoint.hang_up(rig.now, LEG, None).expect("up");
    assert_eq!(rig.said(), ["BYE"]);
    rig.hear(CARRIER, &ok);
    assert_eq!(rig.said(), ["ACK"]);
    // From another address it is nobody's.
    rig.hear(SPARE, &ok);
    assert_eq!(rig.sent(), Vec::<String>::new());
    assert_eq!(rig.events().len(), 1);
    rig.assert_empty();
}

#[test]
fn a_second_fork_that_answers_is_acknowledged_and_ended_once() {
    let mut rig = Rig::new();
    let invite = rig.call_up();
    let fork = reply(&invite, 200, "fork", "Contact: <sip:fork@192.0.2.99>\r\n", "");
    rig.hear(CARRIER, &fork);
    let sent = rig.transmits();
    assert_eq!(sent.iter().map(|(_, text)| gist(text)).collect::<Vec<_>>(), ["ACK", "BYE"]);
    for (to, text) in &sent {
        assert_eq!(*to, Destination::Datagram(target(CARRIER)), "never to an address out of a Contact");
        assert!(value(text, "To").ends_with(";tag=fork") && text.contains(" sip:fork@192.0.2.99 "), "{text}");
    }
    rig.hear(CARRIER, &fork);
    assert_eq!(rig.said(), ["ACK"]);
    assert_eq!(rig.events(), []);
    rig.endpoint.hang_up(rig.now, LEG, None).expect("still up");
    assert_eq!(rig.events().len(), 1);
    rig.assert_empty();
}

#[test]
fn the_next_target_is_tried_after_503_and_after_no_connection_as_a_new_call() {
    for refused in [true, false] {
        let mut rig = Rig::new();
        let first = rig.call();
        if refused {
            rig.hear(CARRIER, &reply(&first, 503, "them", "Retry-After: 30\r\n", ""));
        } else {
            rig.endpoint.unreachable(rig.now, target(CARRIER));
        }
        let sent = rig.transmits();
        let (to, second) = sent.last().expect("sent");
        assert_eq!((*to, gist(second).as_str()), (Destination::Datagram(target(SPARE)), "INVITE"));
        assert_ne!(value(second, "Call-ID"), value(&first, "Call-ID"));
        rig.hear(SPARE, &reply(second, 503, "them", "Retry-After: 120 (busy);duration=3600\r\n", ""));
        let cause = failure(&mut rig);
        assert_eq!((cause.status, cause.kind, cause.retry_after_s), (503, FailureKind::Rejected, Some(120)));
        rig.assert_empty();
    }
}

#[test]
fn a_late_200_of_the_target_before_is_acknowledged_and_ended() {
    let mut rig = Rig::new();
    let first = rig.call();
    rig.endpoint.unreachable(rig.now, target(CARRIER));
    assert_eq!(rig.said(), ["INVITE"]);
    rig.hear(CARRIER, &reply(&first, 200, "them", &ok_lines(), "v=0"));
    assert_eq!(rig.said(), ["ACK", "BYE"]);
    assert_eq!(rig.events(), [Event::Resent { leg: LEG }]);
}

#[test]
fn once_a_phone_rings_or_the_call_is_refused_no_other_target_is_tried() {
    for (provisional, last, phrase_kept) in [(Some(180), 503, true), (None, 486, true), (None, 603, true)] {
        let mut rig = Rig::new();
        let invite = rig.call();
        if let Some(status) = provisional {
            rig.hear(CARRIER, &reply(&invite, status, "them", "", ""));
        }
        rig.hear(CARRIER, &reply(&invite, last, "them", "Reason: Q.850;cause=17\r\n", ""));
        assert_eq!(rig.said(), ["ACK"], "{last}");
        let cause = failure(&mut rig);
        assert_eq!((cause.status, cause.kind, cause.q850), (last, FailureKind::Rejected, Some(17)));
        assert_eq!(cause.phrase == "Some Text", phrase_kept);
        rig.assert_empty();
    }
}

#[test]
fn a_redirection_is_told_and_not_followed() {
    for status in [300, 302, 305, 380] {
        let mut rig = Rig::new();
        let invite = rig.call();
        rig.hear(CARRIER, &reply(&invite, status, "them", "Contact: <sip:+1900@203.0.113.9>\r\n", ""));
        assert_eq!(rig.said(), ["ACK"]);
        assert_eq!(failure(&mut rig).kind, FailureKind::Redirected);
        rig.assert_empty();
    }
}

#[test]
fn a_challenge_of_the_trunk_is_answered_with_md5_and_with_sha_256() {
    for (algorithm, status, header) in [("MD5", 401, "Authorization"), ("SHA-256", 407, "Proxy-Authorization")] {
        let mut rig = Rig::new();
        let invite = rig.call();
        let ask = challenge("n1", "carrier.example", algorithm);
        let ask = if status == 407 { ask.replace("WWW-", "Proxy-") } else { ask };
        rig.hear(CARRIER, &reply(&invite, status, "them", &ask, ""));
        let sent = rig.sent();
        assert_eq!(sent.iter().map(|text| gist(text)).collect::<Vec<_>>(), ["ACK", "INVITE"]);
        let again = &sent[1];
        assert_eq!(value(again, "CSeq"), "2 INVITE");
        assert_eq!(value(again, "Call-ID"), value(&invite, "Call-ID"));
        assert!(again.ends_with("\r\n\r\nv=0 offer"), "{again}");
        let given = value(again, header);
        assert!(given.contains(&format!("algorithm={algorithm}")) && given.contains("nc=00000001"), "{given}");
        // The refusal is repeated because our ACK was lost: acknowledged, not answered again.
        rig.hear(CARRIER, &reply(&invite, status, "them", &ask, ""));
        assert_eq!(rig.said(), ["ACK"]);
        rig.hear(CARRIER, &reply(again, 200, "them2", &ok_lines(), "v=0"));
        assert_eq!(value(&rig.one(), "CSeq"), "2 ACK");
        assert!(matches!(rig.events().as_slice(), [Event::Resent { .. }, Event::Answered { .. }]));
        rig.endpoint.hang_up(rig.now, LEG, None).expect("up");
        assert_eq!(value(&rig.one(), "CSeq"), "3 BYE");
        rig.events();
        rig.assert_empty();
    }
}

#[test]
fn a_nonce_that_changes_each_time_is_followed_twice_and_no_more() {
    let mut rig = Rig::new();
    let mut invite = rig.call();
    let mut invites = 1;
    for round in 0..5 {
        let ask = challenge(&format!("nonce{round}"), "carrier.example", "SHA-256");
        rig.hear(CARRIER, &reply(&invite, 401, "them", &ask, ""));
        if let Some(again) = rig.sent().into_iter().find(|text| gist(text) == "INVITE") {
            invites += 1;
            invite = again;
        }
    }
    assert_eq!(invites, 3);
    assert_eq!(failure(&mut rig).kind, FailureKind::AuthFailed);
    rig.assert_empty();
}

#[test]
fn a_foreign_realm_gets_no_credentials() {
    let mut rig = Rig::new();
    let invite = rig.call();
    rig.hear(CARRIER, &reply(&invite, 407, "them", &challenge("n", "evil.example", "MD5"), ""));
    assert_eq!(rig.said(), ["ACK"]);
    assert_eq!(failure(&mut rig).kind, FailureKind::AuthFailed);
}

#[test]
fn an_interval_found_too_short_is_lengthened_once() {
    let mut rig = Rig::with(Settings { session_expires_s: Some(90), ..settings() });
    let invite = rig.call();
    rig.hear(CARRIER, &reply(&invite, 422, "them", "Min-SE: 600\r\n", ""));
    let sent = rig.sent();
    let again = &sent[1];
    assert_eq!((value(again, "Session-Expires"), value(again, "Min-SE")), ("600", "600"));
    rig.hear(CARRIER, &reply(again, 422, "them", "Min-SE: 900\r\n", ""));
    assert_eq!(rig.said(), ["ACK"]);
    assert_eq!(failure(&mut rig).status, 422);
    rig.assert_empty();
}

#[test]
fn responses_that_are_not_to_what_was_asked_change_nothing() {
    let mut rig = Rig::new();
    let invite = rig.call();
    let ok = reply(&invite, 200, "them", &ok_lines(), "v=0");
    let via = value(&invite, "Via").to_owned();
    let wrong = [
        (SPARE, ok.clone()),
        (CARRIER, ok.replace("CSeq: 1 INVITE", "CSeq: 2 INVITE")),
        (CARRIER, ok.replace("CSeq: 1 INVITE", "CSeq: 1 OPTIONS")),
        (CARRIER, ok.replace("branch=z9hG4bK", "branch=z9hG4bK0")),
        (CARRIER, ok.replace("branch=z9hG4bK", "branch=")),
        (CARRIER, ok.replacen("Via: ", &format!("Via: {via}\r\nVia: "), 1)),
        (CARRIER, ok.replace("Content-Length: 3", "Content-Length: 30")),
    ];
    for (from, text) in wrong {
        rig.hear(from, &text);
        assert_eq!((rig.sent(), rig.events()), (vec![], vec![]), "{text}");
    }
    rig.hear(CARRIER, &ok);
    assert_eq!(rig.said(), ["ACK"]);
}

#[test]
fn a_reliable_provisional_response_is_pracked_once() {
    let mut rig = Rig::new();
    let invite = rig.call();
    let lines = "Require: 100rel\r\nRSeq: 9\r\nContact: <sip:them@192.0.2.10>\r\n";
    rig.hear(CARRIER, &reply(&invite, 183, "them", lines, ""));
    rig.hear(CARRIER, &reply(&invite, 183, "them", lines, ""));
    let prack = rig.one();
    assert_eq!((value(&prack, "RAck"), value(&prack, "CSeq")), ("9 1 INVITE", "2 PRACK"));
    rig.hear(CARRIER, &reply(&prack, 200, "", "", ""));
    rig.hear(CARRIER, &reply(&invite, 200, "them", &ok_lines(), "v=0"));
    rig.endpoint.hang_up(rig.now, LEG, None).expect("up");
    assert_eq!(rig.sent().iter().map(|text| value(text, "CSeq").to_owned()).collect::<Vec<_>>(), ["1 ACK", "3 BYE"]);
    rig.events();
    rig.assert_empty();
}

#[test]
fn routes_of_the_answer_are_followed_in_reverse_and_strict_routers_are_humoured() {
    let mut rig = Rig::new();
    let invite = rig.call();
    let lines = "Record-Route: <sip:b.example;lr>, <sip:a.example;lr>\r\nContact: <sip:them@x.example>\r\n";
    rig.hear(CARRIER, &reply(&invite, 200, "them", lines, ""));
    let ack = rig.one();
    let routes: Vec<&str> = ack.lines().filter_map(|line| line.strip_prefix("Route: ")).collect();
    assert_eq!(routes, ["<sip:a.example;lr>", "<sip:b.example;lr>"]);

    let mut rig = Rig::new();
    let invite = rig.call();
    rig.hear(CARRIER, &reply(&invite, 200, "them", &lines.replace(";lr", ""), ""));
    let ack = rig.one();
    let routes: Vec<&str> = ack.lines().filter_map(|line| line.strip_prefix("Route: ")).collect();
    assert!(ack.starts_with("ACK sip:a.example SIP/2.0"), "{ack}");
    assert_eq!(routes, ["<sip:b.example>", "<sip:them@x.example>"]);
}

#[test]
fn a_call_that_was_up_at_a_crash_is_ended_with_bye() {
    let mut rig = Rig::new();
    rig.call_up();
    let record = rig.endpoint.dialog_record(LEG).expect("live");
    assert_eq!(record.stage, Stage::Confirmed);
    let mut after = Rig::new();
    after.endpoint.end_leftover(after.now, record);
    let bye = after.one();
    assert_eq!((gist(&bye), value(&bye, "CSeq")), ("BYE".into(), "101 BYE"));
    after.hear(CARRIER, &reply(&bye, 481, "", "", ""));
    assert_eq!(after.events(), []);
    after.assert_empty();
}

#[test]
fn a_call_that_rang_at_a_crash_is_cancelled_and_a_late_answer_is_ended() {
    for answered in [false, true] {
        let mut rig = Rig::new();
        let invite = rig.call();
        rig.hear(CARRIER, &reply(&invite, 401, "them", &challenge("n", "carrier.example", "MD5"), ""));
        let invite = rig.sent().pop().expect("sent again");
        let record = rig.endpoint.dialog_record(LEG).expect("live");
        let mut after = Rig::new();
        after.endpoint.end_leftover(after.now, record);
        let cancel = after.one();
        assert_eq!((gist(&cancel), value(&cancel, "CSeq")), ("CANCEL".into(), "2 CANCEL"));
        after.hear(CARRIER, &reply(&cancel, 200, "them", "", ""));
        after.hear(CARRIER, &reply(&invite, 180, "them", "", ""));
        if answered {
            after.hear(CARRIER, &reply(&invite, 200, "them", &ok_lines(), "v=0"));
            assert_eq!(after.said(), ["ACK", "BYE"]);
        } else {
            after.hear(CARRIER, &reply(&invite, 487, "them", "", ""));
            assert_eq!(after.said(), ["ACK"]);
        }
        assert_eq!(after.events(), []);
        after.assert_empty();
    }
}

#[test]
fn what_cannot_be_placed_says_why_and_sends_nothing() {
    let mut rig = Rig::with(Settings { legs_max: 1, ..settings() });
    let now = rig.now;
    let unknown = CallSpec { callee: Callee::Trunk("other".into()), ..spec(&[CARRIER]) };
    assert_eq!(rig.endpoint.originate(now, LEG, unknown), Err(OriginateError::UnknownTrunk));
    let phone = CallSpec { callee: Callee::Phone("1001".into()), ..spec(&[]) };
    assert_eq!(rig.endpoint.originate(now, LEG, phone), Err(OriginateError::NotRegistered));
    assert_eq!(rig.endpoint.originate(now, LEG, spec(&[])), Err(OriginateError::NoTarget));
    let bad = CallSpec { request_uri: Some("sip:a b@c".into()), ..spec(&[CARRIER]) };
    assert_eq!(rig.endpoint.originate(now, LEG, bad), Err(OriginateError::RequestUri));
    assert_eq!(rig.sent(), Vec::<String>::new());
    rig.call();
    assert_eq!(rig.endpoint.originate(now, LEG, spec(&[CARRIER])), Err(OriginateError::LegInUse));
    assert_eq!(rig.endpoint.originate(now, LegId(8), spec(&[CARRIER])), Err(OriginateError::Full));
}

#[test]
fn a_silent_server_is_left_for_the_next_and_cancelled_if_it_speaks_after_all() {
    let mut rig = Rig::new();
    let first = rig.call();
    let said = rig.pass(crate::sip::FAIL_OVER_AFTER + secs(1));
    assert_eq!(said.iter().filter(|(at_ms, gist)| *at_ms == 4_000 && gist == "INVITE").count(), 1, "{said:?}");
    rig.hear(CARRIER, &reply(&first, 180, "slow", "", ""));
    assert_eq!(rig.said(), ["CANCEL"]);
    rig.hear(CARRIER, &reply(&first, 180, "slow", "", ""));
    rig.hear(CARRIER, &reply(&first, 487, "slow", "", ""));
    assert_eq!(rig.said(), ["ACK"]);
    rig.hear(CARRIER, &reply(&first, 200, "other-fork", &ok_lines(), "v=0"));
    assert_eq!(rig.said(), ["ACK", "BYE"], "somebody picked up there: nobody may hear silence");
    assert_eq!(rig.events(), [Event::Resent { leg: LEG }], "the call at the next server goes on");
    rig.endpoint.cancel(rig.now, LEG, None).expect("it is on its way");
    rig.assert_empty();
}

/// A call whose names follow from its number, placed until its INVITE for the server of `place` has been corrected
/// `corrections` times: that INVITE.
fn tokened(rig: &mut Rig, place: usize, corrections: usize) -> String {
    let spec = CallSpec { token: Some(CallToken::of(&[7; 32], 42)), ..spec(&[CARRIER, SPARE]) };
    rig.endpoint.originate(rig.now, LEG, spec).expect("placed");
    let mut invite = rig.one();
    let at = [CARRIER, SPARE][place];
    if place == 1 {
        rig.hear(CARRIER, &reply(&invite, 503, "them", "", ""));
        invite = rig.sent().pop().expect("the next server");
    }
    for round in 0..corrections {
        let ask = challenge(&format!("n{round}"), "carrier.example", "SHA-256");
        rig.hear(at, &reply(&invite, 401, "them", &ask, ""));
        invite = rig.sent().pop().expect("sent again");
    }
    invite
}

#[test]
fn a_call_is_found_again_from_its_number_alone_wherever_it_was_and_however_often_corrected() {
    for (place, corrections, answered) in [(0, 0, false), (0, 1, false), (0, 2, true), (1, 0, true), (1, 1, false)] {
        let invite = tokened(&mut Rig::new(), place, corrections);
        let at = [CARRIER, SPARE][place];
        let mut after = Rig::new();
        let spec = CallSpec { token: Some(CallToken::of(&[7; 32], 42)), sdp: "".into(), ..spec(&[CARRIER, SPARE]) };
        after.endpoint.end_unrecorded(after.now, &spec);
        let cancels = after.sent();
        // RFC 3261, 9.1: what a CANCEL must have in common with its INVITE.
        let same = |cancel: &&String| {
            ["Call-ID", "From", "To", "Via"].iter().all(|name| value(cancel, name) == value(&invite, name))
        };
        let cancel = cancels.iter().find(same).expect("one of them is meant for it");
        assert_eq!(value(cancel, "CSeq").split(' ').next(), value(&invite, "CSeq").split(' ').next());
        assert_eq!(cancel.split(' ').nth(1), invite.split(' ').nth(1), "the same Request-URI");
        for other in cancels.iter().filter(|other| *other != cancel) {
            after.hear(CARRIER, &reply(other, 481, "", "", ""));
            after.hear(SPARE, &reply(other, 481, "", "", ""));
        }
        after.hear(at, &reply(cancel, 200, "them", "", ""));
        if answered {
            after.hear(at, &reply(&invite, 200, "them", &ok_lines(), "v=0"));
            let sent = after.sent();
            assert_eq!(sent.iter().map(|text| gist(text)).collect::<Vec<_>>(), ["ACK", "BYE"]);
            let number = |text: &str| value(text, "CSeq").split(' ').next().and_then(|n| n.parse::<u32>().ok());
            assert!(number(&sent[1]) > number(&invite), "{}", sent[1]);
        } else {
            after.hear(at, &reply(&invite, 487, "them", "", ""));
            assert_eq!(after.said(), ["ACK"]);
        }
        assert_eq!(after.events(), []);
        after.assert_empty();
    }
}
