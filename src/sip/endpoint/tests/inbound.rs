//! Calls to us: answers, their repetition, cancels, ends, and what is refused.

use super::*;

fn arrive(rig: &mut Rig, lines: &str, body: &str) -> crate::sip::Incoming {
    rig.hear(CARRIER, &ask("INVITE", "i1", 1, lines, body));
    assert_eq!(rig.said(), ["100"]);
    rig.incoming()
}

fn answered(rig: &mut Rig) -> (LegId, String) {
    let incoming = arrive(rig, SDP, "v=0 offer");
    rig.endpoint.answer(rig.now, incoming.leg, Bytes::from_static(b"v=0 ours")).expect("offered");
    (incoming.leg, rig.one())
}

/// A call that is up: its leg and our 200.
fn up(rig: &mut Rig) -> (LegId, String) {
    let (leg, ok) = answered(rig);
    rig.hear(CARRIER, &in_dialog(&ok, "ACK", "a1", 1, "", ""));
    assert_eq!((rig.sent(), rig.events()), (vec![], vec![]));
    (leg, ok)
}

fn ended(rig: &mut Rig, leg: LegId) -> EndedBy {
    match rig.events().as_slice() {
        [Event::Ended { leg: one, by, .. }] if *one == leg => *by,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_call_arrives_with_what_was_dialled_rings_is_answered_and_hung_up_by_us() {
    let mut rig = Rig::new();
    let lines = format!("{SDP}P-Asserted-Identity: <sip:+15557777@x>\r\nRecord-Route: <sip:p.example;lr>\r\n");
    let incoming = arrive(&mut rig, &lines, "v=0 offer");
    assert_eq!((incoming.dialled.as_str(), incoming.from_user.as_str()), ("+15550000", "+15559999"));
    assert_eq!((incoming.from_display.as_str(), incoming.asserted_user.as_deref()), ("Doe", Some("+15557777")));
    assert_eq!(incoming.sdp.as_deref(), Some(&b"v=0 offer"[..]));
    rig.endpoint.ring(rig.now, incoming.leg).expect("offered");
    assert_eq!(rig.said(), ["180"]);
    rig.endpoint.answer(rig.now, incoming.leg, Bytes::from_static(b"v=0 ours")).expect("offered");
    let ok = rig.one();
    assert_eq!(value(&ok, "Record-Route"), "<sip:p.example;lr>");
    assert_eq!(rig.endpoint.answer(rig.now, incoming.leg, Bytes::new()), Err(LegError::State));
    rig.hear(CARRIER, &in_dialog(&ok, "ACK", "a1", 1, "", ""));
    rig.endpoint.hang_up(rig.now, incoming.leg, None).expect("up");
    let bye = rig.one();
    assert!(bye.starts_with("BYE sip:them@192.0.2.10:5060 "), "{bye}");
    assert_eq!((value(&bye, "Route"), value(&bye, "CSeq")), ("<sip:p.example;lr>", "1 BYE"));
    assert_eq!(ended(&mut rig, incoming.leg), EndedBy::Local);
    rig.hear(CARRIER, &reply(&bye, 200, "", "", ""));
    rig.assert_empty();
}

#[test]
fn a_repeated_invite_gets_the_same_answer_and_makes_no_second_call() {
    let mut rig = Rig::new();
    let invite = ask("INVITE", "i1", 1, SDP, "v=0 offer");
    let incoming = arrive(&mut rig, SDP, "v=0 offer");
    rig.hear(CARRIER, &invite);
    assert_eq!(rig.said(), ["100"]);
    rig.endpoint.ring(rig.now, incoming.leg).expect("offered");
    let ringing = rig.one();
    rig.hear(CARRIER, &invite);
    assert_eq!(rig.one(), ringing);
    // The same call over another way (RFC 3261, 8.2.2.2).
    rig.hear(CARRIER, &ask("INVITE", "i2", 1, SDP, "v=0 offer"));
    assert_eq!(rig.said(), ["482"]);
    rig.endpoint.answer(rig.now, incoming.leg, Bytes::from_static(b"v=0")).expect("offered");
    let ok = rig.one();
    rig.hear(CARRIER, &invite);
    rig.hear(CARRIER, &in_dialog(&ok, "ACK", "a1", 1, "", ""));
    rig.hear(CARRIER, &invite);
    assert_eq!((rig.sent(), rig.events()), (vec![], vec![]), "absorbed after the answer");
    rig.hear(CARRIER, &in_dialog(&ok, "BYE", "b1", 2, "", ""));
    rig.hear(CARRIER, &invite);
    assert_eq!(rig.said(), ["200"]);
    assert_eq!(ended(&mut rig, incoming.leg), EndedBy::Remote);
    rig.assert_empty();
}

#[test]
fn a_refusal_is_repeated_until_its_ack_and_then_absorbs_for_t4() {
    let mut rig = Rig::new();
    let incoming = arrive(&mut rig, SDP, "v=0 offer");
    rig.endpoint.reject(rig.now, incoming.leg, 486, Some(9)).expect("offered");
    let busy = rig.one();
    assert_eq!((gist(&busy).as_str(), value(&busy, "Retry-After")), ("486", "9"));
    let at: Vec<u64> = rig.pass(secs(8)).into_iter().map(|(at, _)| at).collect();
    assert_eq!(at, [500, 1_500, 3_500, 7_500]);
    rig.hear(CARRIER, &in_dialog(&busy, "ACK", "i1", 1, "", ""));
    rig.hear(CARRIER, &ask("INVITE", "i1", 1, SDP, "v=0 offer"));
    assert_eq!(rig.pass(secs(6)), []);
    assert_eq!(ended(&mut rig, incoming.leg), EndedBy::Local);
    rig.assert_empty();
}

#[test]
fn a_cancelled_call_gets_200_for_the_cancel_and_487_until_its_ack() {
    let mut rig = Rig::new();
    let incoming = arrive(&mut rig, SDP, "v=0 offer");
    let cancel = ask("CANCEL", "i1", 1, "Reason: SIP;cause=200;text=\"elsewhere\"\r\n", "");
    // Not from another address, and not of another call.
    rig.hear(SPARE, &cancel);
    rig.hear(CARRIER, &ask("CANCEL", "other", 1, "", ""));
    assert_eq!((rig.said(), rig.events()), (vec!["481".to_owned(), "481".to_owned()], vec![]));
    rig.hear(CARRIER, &cancel);
    let sent = rig.sent();
    assert_eq!(sent.iter().map(|text| gist(text)).collect::<Vec<_>>(), ["200", "487"]);
    assert_eq!(ended(&mut rig, incoming.leg), EndedBy::CallerCancelled);
    assert_eq!(rig.pass(secs(1)), [(500, "487".to_owned())]);
    rig.hear(CARRIER, &in_dialog(&sent[1], "ACK", "i1", 1, "", ""));
    assert_eq!(rig.pass(secs(6)), []);
    assert_eq!(rig.endpoint.answer(rig.now, incoming.leg, Bytes::new()), Err(LegError::Gone));
    rig.assert_empty();
}

#[test]
fn a_cancel_after_the_answer_changes_nothing() {
    let mut rig = Rig::new();
    answered(&mut rig);
    rig.hear(CARRIER, &ask("CANCEL", "i1", 1, "", ""));
    assert_eq!((rig.said(), rig.events()), (vec!["200".to_owned()], vec![]));
}

#[test]
fn a_200_without_ack_is_repeated_and_then_the_call_ends_with_bye() {
    let mut rig = Rig::new();
    let (leg, _) = answered(&mut rig);
    let said = rig.pass(secs(33));
    let oks: Vec<u64> = said.iter().filter(|(_, gist)| gist == "200").map(|(at, _)| *at).collect();
    assert_eq!(oks, [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    assert!(said.contains(&(32_000, "BYE".to_owned())), "{said:?}");
    assert_eq!(ended(&mut rig, leg), EndedBy::Unacknowledged);
    rig.assert_empty();
}

#[test]
fn a_hang_up_before_the_ack_waits_for_it_and_a_bye_before_the_ack_ends_the_call() {
    let mut rig = Rig::new();
    let (leg, ok) = answered(&mut rig);
    rig.endpoint.hang_up(rig.now, leg, None).expect("accepted");
    assert_eq!((rig.sent(), rig.events()), (vec![], vec![]));
    rig.hear(CARRIER, &in_dialog(&ok, "ACK", "a1", 1, "", ""));
    assert_eq!(rig.said(), ["BYE"]);
    assert_eq!(ended(&mut rig, leg), EndedBy::Local);

    let mut rig = Rig::new();
    let (leg, ok) = answered(&mut rig);
    rig.hear(CARRIER, &in_dialog(&ok, "BYE", "b1", 2, "", ""));
    assert_eq!(rig.said(), ["200"]);
    assert_eq!(ended(&mut rig, leg), EndedBy::Remote);
    rig.hear(CARRIER, &in_dialog(&ok, "ACK", "a1", 1, "", ""));
    assert_eq!((rig.pass(secs(5)), rig.endpoint.discarded().stray_ack), (vec![], 0));
    rig.assert_empty();
}

#[test]
fn byes_that_cross_end_the_call_once() {
    let mut rig = Rig::new();
    let (leg, ok) = up(&mut rig);
    rig.endpoint.hang_up(rig.now, leg, None).expect("up");
    let bye = rig.one();
    rig.hear(CARRIER, &in_dialog(&ok, "BYE", "b1", 2, "", ""));
    assert_eq!(rig.said(), ["200"]);
    rig.hear(CARRIER, &reply(&bye, 481, "", "", ""));
    assert_eq!(ended(&mut rig, leg), EndedBy::Local);
    rig.assert_empty();
}

#[test]
fn a_bye_of_the_caller_before_the_answer_ends_the_invite_too() {
    let mut rig = Rig::new();
    let incoming = arrive(&mut rig, SDP, "v=0 offer");
    rig.endpoint.ring(rig.now, incoming.leg).expect("offered");
    let ringing = rig.one();
    rig.hear(CARRIER, &in_dialog(&ringing, "BYE", "b1", 2, "", ""));
    assert_eq!(rig.said(), ["200", "487"]);
    assert_eq!(ended(&mut rig, incoming.leg), EndedBy::Remote);
    rig.assert_empty();
}

#[test]
fn a_call_that_nobody_answers_is_refused_in_the_end() {
    let mut rig = Rig::new();
    let incoming = arrive(&mut rig, SDP, "v=0 offer");
    let said = rig.pass(crate::sip::RINGING_MAX + secs(1));
    assert_eq!(said.first(), Some(&(300_000, "480".to_owned())));
    assert_eq!(ended(&mut rig, incoming.leg), EndedBy::Local);
    rig.assert_empty();
}

#[test]
fn a_caller_that_requires_100rel_gets_reliable_ringing() {
    let mut rig = Rig::new();
    let incoming = arrive(&mut rig, &format!("{SDP}Require: 100rel\r\n"), "v=0 offer");
    rig.endpoint.ring(rig.now, incoming.leg).expect("offered");
    let ringing = rig.one();
    assert_eq!((value(&ringing, "Require"), value(&ringing, "RSeq")), ("100rel", "1"));
    assert_eq!(rig.pass(secs(2)), [(500, "180".to_owned()), (1_500, "180".to_owned())]);
    let prack = in_dialog(&ringing, "PRACK", "p1", 2, "RAck: 1 1 INVITE\r\n", "");
    rig.hear(CARRIER, &prack);
    rig.hear(CARRIER, &prack);
    assert_eq!(rig.said(), ["200", "200"]);
    assert_eq!(rig.pass(secs(5)), []);
    rig.hear(CARRIER, &in_dialog(&ringing, "PRACK", "p2", 3, "RAck: 1 1 INVITE\r\n", ""));
    assert_eq!(rig.said(), ["481"]);
    rig.endpoint.answer(rig.now, incoming.leg, Bytes::from_static(b"v=0")).expect("offered");
    assert_eq!(rig.said(), ["200"]);

    let mut rig = Rig::new();
    let incoming = arrive(&mut rig, &format!("{SDP}Require: 100rel\r\n"), "v=0 offer");
    rig.endpoint.ring(rig.now, incoming.leg).expect("offered");
    let said = rig.pass(secs(33));
    assert!(said.contains(&(32_000, "504".to_owned())), "{said:?}");
    assert_eq!(ended(&mut rig, incoming.leg), EndedBy::Unacknowledged);
    rig.assert_empty();
}

#[test]
fn the_answer_in_the_ack_of_a_call_without_offer_is_told() {
    let mut rig = Rig::new();
    let incoming = arrive(&mut rig, "", "");
    assert_eq!(incoming.sdp, None);
    rig.endpoint.answer(rig.now, incoming.leg, Bytes::from_static(b"v=0 our offer")).expect("offered");
    let ok = rig.one();
    rig.hear(CARRIER, &in_dialog(&ok, "ACK", "a1", 1, SDP, "v=0 their answer"));
    let told = Event::ReofferAnswered { leg: incoming.leg, result: Ok(Bytes::from_static(b"v=0 their answer")) };
    assert_eq!(rig.events(), [told]);
}

#[test]
fn a_re_invite_with_or_without_sdp_is_asked_and_answered_and_its_repetition_absorbed() {
    for (lines, body, answer) in [(SDP, "v=0 a=sendonly", ""), ("", "", "v=0 theirs")] {
        let mut rig = Rig::new();
        let (leg, ok) = up(&mut rig);
        let reinvite = in_dialog(&ok, "INVITE", "r1", 2, lines, body);
        rig.hear(CARRIER, &reinvite);
        assert_eq!(rig.said(), ["100"]);
        let sdp = (!body.is_empty()).then(|| Bytes::copy_from_slice(body.as_bytes()));
        assert_eq!(rig.events(), [Event::Reoffer { leg, sdp }]);
        // One more before the answer.
        rig.hear(CARRIER, &in_dialog(&ok, "INVITE", "r2", 3, SDP, "v=0"));
        let busy = rig.sent();
        assert_eq!(busy.iter().map(|text| gist(text)).collect::<Vec<_>>(), ["100", "500"]);
        rig.hear(CARRIER, &in_dialog(&busy[1], "ACK", "r2", 3, "", ""));
        rig.endpoint.answer_reoffer(rig.now, leg, Bytes::from_static(b"v=0 recvonly")).expect("asked");
        assert!(rig.one().ends_with("v=0 recvonly"));
        rig.hear(CARRIER, &reinvite);
        assert_eq!(rig.sent(), Vec::<String>::new());
        // Before its ACK the next one has to wait.
        rig.hear(CARRIER, &in_dialog(&ok, "INVITE", "r3", 4, SDP, "v=0"));
        assert_eq!(rig.said(), ["100", "491"]);
        let body_lines = if answer.is_empty() { "" } else { SDP };
        rig.hear(CARRIER, &in_dialog(&ok, "ACK", "a2", 2, body_lines, answer));
        let told = !answer.is_empty();
        assert_eq!(rig.events().len(), usize::from(told));
        assert_eq!(rig.pass(secs(1)), [(500, "491".to_owned())], "only the refusal waits for its ACK");
        rig.hear(CARRIER, &in_dialog(&ok, "BYE", "b1", 5, "", ""));
        assert_eq!(ended(&mut rig, leg), EndedBy::Remote);
        rig.assert_empty();
    }
}

#[test]
fn a_re_invite_can_be_refused_or_left_over_when_the_call_ends() {
    let mut rig = Rig::new();
    let (leg, ok) = up(&mut rig);
    rig.hear(CARRIER, &in_dialog(&ok, "INVITE", "r1", 2, SDP, "v=0 bad"));
    rig.endpoint.reject_reoffer(rig.now, leg, 488).expect("asked");
    let sent = rig.sent();
    assert_eq!(sent.iter().map(|text| gist(text)).collect::<Vec<_>>(), ["100", "488"]);
    rig.hear(CARRIER, &in_dialog(&sent[1], "ACK", "r1", 2, "", ""));
    assert_eq!(rig.endpoint.reject_reoffer(rig.now, leg, 488), Err(LegError::State));
    rig.hear(CARRIER, &in_dialog(&ok, "INVITE", "r2", 3, SDP, "v=0"));
    rig.hear(CARRIER, &in_dialog(&ok, "BYE", "b1", 4, "", ""));
    assert_eq!(rig.said(), ["100", "200", "487"]);
    assert_eq!(rig.events().len(), 3);
    rig.assert_empty();
}

#[test]
fn an_update_changes_or_refreshes_the_session() {
    let mut rig = Rig::new();
    let (leg, ok) = up(&mut rig);
    let update = in_dialog(&ok, "UPDATE", "u1", 2, SDP, "v=0 new");
    rig.hear(CARRIER, &update);
    assert_eq!(rig.events(), [Event::Reoffer { leg, sdp: Some(Bytes::from_static(b"v=0 new")) }]);
    rig.endpoint.answer_reoffer(rig.now, leg, Bytes::from_static(b"v=0 ours 2")).expect("asked");
    let answer = rig.one();
    rig.hear(CARRIER, &update);
    assert_eq!((rig.one(), rig.events()), (answer, vec![]));
    rig.hear(CARRIER, &in_dialog(&ok, "UPDATE", "u2", 3, "", ""));
    assert_eq!((rig.said(), rig.events()), (vec!["200".to_owned()], vec![]));
}

#[test]
fn keys_told_by_info_are_told_once() {
    let mut rig = Rig::new();
    let (leg, ok) = up(&mut rig);
    for (cseq, kind, body, key) in [
        (2, "application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", Some('5')),
        (3, "application/dtmf-relay", "Signal= *\r\n", Some('*')),
        (4, "application/dtmf", "11", Some('#')),
        (5, "application/dtmf", "x", None),
        (6, "text/plain", "5", None),
    ] {
        let lines = format!("Content-Type: {kind}\r\n");
        let info = in_dialog(&ok, "INFO", &format!("n{cseq}"), cseq, &lines, body);
        rig.hear(CARRIER, &info);
        rig.hear(CARRIER, &info);
        let told: Vec<Event> = key.map(|key| Event::Dtmf { leg, key }).into_iter().collect();
        assert_eq!((rig.said().len(), rig.events()), (2, told), "{body}");
    }
}

#[test]
fn requests_that_fit_no_call_are_refused_by_their_kind() {
    let mut rig = Rig::new();
    let (_, ok) = up(&mut rig);
    let stale = in_dialog(&ok, "INFO", "s1", 0, "", "");
    let foreign_tag = in_dialog(&ok, "BYE", "s2", 9, "", "").replace("tag=theirs", "tag=somebody");
    let foreign_call = in_dialog(&ok, "BYE", "s3", 9, "", "").replace("inbound@", "other@");
    for (text, status) in [
        (stale, "500"),
        (foreign_tag, "481"),
        (foreign_call, "481"),
        (in_dialog(&ok, "REFER", "s4", 3, "Refer-To: <sip:+1900@x>\r\n", ""), "405"),
        (in_dialog(&ok, "DANCE", "s5", 4, "", ""), "501"),
        (ask("BYE", "s6", 1, "", ""), "481"),
        (ask("REGISTER", "s7", 1, "", ""), "405"),
        (ask("MESSAGE", "s8", 1, "", ""), "405"),
        (ask("SUBSCRIBE", "s9", 1, "", ""), "405"),
        (ask("INVITE", "t1", 2, "Content-Type: text/plain\r\n", "hello"), "415"),
        (ask("INVITE", "t2", 2, "Require: telepathy\r\n", ""), "420"),
        (ask("INVITE", "t3", 2, "Supported: timer\r\nSession-Expires: 30\r\n", ""), "422"),
    ] {
        rig.hear(CARRIER, &text);
        assert_eq!((rig.said(), rig.events()), (vec![status.to_owned()], vec![]), "{text}");
    }
    rig.hear(CARRIER, &ask("REGISTER", "s10", 1, "", ""));
    let refusal = rig.one();
    assert!(value(&refusal, "Allow").contains("INVITE") && !value(&refusal, "Allow").contains("REGISTER"));
}

#[test]
fn beyond_the_limit_of_legs_a_call_gets_503_and_those_that_are_up_go_on() {
    let mut rig = Rig::with(Settings { legs_max: 1, ..settings() });
    let (leg, ok) = up(&mut rig);
    rig.hear(CARRIER, &ask("INVITE", "more", 2, SDP, "v=0"));
    let busy = rig.one();
    assert_eq!((gist(&busy).as_str(), value(&busy, "Retry-After")), ("503", "5"));
    assert_eq!(rig.endpoint.discarded().overload, 1);
    rig.hear(CARRIER, &in_dialog(&ok, "BYE", "b1", 2, "", ""));
    assert_eq!(ended(&mut rig, leg), EndedBy::Remote);
    rig.assert_empty();
}
