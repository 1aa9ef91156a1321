//! Session timers (RFC 4028).

use super::*;

fn timed() -> Rig {
    Rig::with(Settings { session_expires_s: Some(600), ..settings() })
}

/// A call of ours that is up with a session of 600 s.
fn up(rig: &mut Rig, refresher: &str, allow: &str) -> String {
    let invite = rig.call();
    assert_eq!((value(&invite, "Session-Expires"), value(&invite, "Supported")), ("600", "timer, 100rel"));
    let lines = format!("{}Session-Expires: 600;refresher={refresher}\r\nAllow: {allow}\r\n", ok_lines());
    rig.hear(CARRIER, &reply(&invite, 200, "them", &lines, "v=0"));
    assert_eq!(rig.said(), ["ACK"]);
    rig.events();
    invite
}

#[test]
fn we_refresh_with_update_again_and_again() {
    let mut rig = timed();
    up(&mut rig, "uac", "INVITE, UPDATE");
    for round in 2..6 {
        assert_eq!(rig.pass(Duration::from_millis(299_900)), []);
        rig.now.instant += Duration::from_millis(100);
        rig.endpoint.handle_timeout(rig.now);
        let update = rig.one();
        assert_eq!(value(&update, "CSeq"), format!("{round} UPDATE"));
        assert_eq!(value(&update, "Session-Expires"), "600;refresher=uac");
        rig.hear(CARRIER, &reply(&update, 200, "", "Session-Expires: 600;refresher=uac\r\n", ""));
    }
    assert_eq!(rig.events(), []);
}

#[test]
fn without_update_we_refresh_with_a_re_invite_of_the_same_description() {
    let mut rig = timed();
    up(&mut rig, "uac", "INVITE, BYE");
    rig.now.instant += secs(300);
    rig.endpoint.handle_timeout(rig.now);
    let reinvite = rig.one();
    assert!(reinvite.starts_with("INVITE sip:them@192.0.2.10:5060 ") && reinvite.ends_with("v=0 offer"), "{reinvite}");
    // Theirs has to wait (RFC 3261, 14.2).
    rig.hear(CARRIER, &in_dialog(&reinvite, "INVITE", "r1", 1, SDP, "v=0"));
    assert_eq!(rig.said(), ["100", "491"]);
    rig.hear(CARRIER, &reply(&reinvite, 491, "", "", ""));
    assert_eq!(rig.said(), ["ACK"]);
    let again = rig.pass(secs(5));
    let first = again.iter().find(|(_, gist)| gist == "INVITE").expect("tried again");
    assert!((2_100..=4_000).contains(&first.0), "the owner of the Call-ID waits longer: {again:?}");
    let counts = rig.endpoint.counts();
    assert_eq!(counts.legs, 1);
}

#[test]
fn a_refreshing_re_invite_is_acknowledged_as_often_as_it_is_answered() {
    let mut rig = timed();
    up(&mut rig, "uac", "INVITE");
    rig.now.instant += secs(300);
    rig.endpoint.handle_timeout(rig.now);
    let reinvite = rig.one();
    let lines = format!("{}Session-Expires: 600;refresher=uac\r\n", ok_lines());
    let ok = reply(&reinvite, 200, "", &lines, "v=0 same");
    rig.hear(CARRIER, &ok);
    rig.hear(CARRIER, &ok);
    assert_eq!(rig.said(), ["ACK", "ACK"]);
    assert_eq!(rig.events(), [Event::ReofferAnswered { leg: LEG, result: Ok(Bytes::from_static(b"v=0 same")) }]);
    assert_eq!(rig.pass(secs(299)), []);
}

#[test]
fn a_refresh_that_nobody_knows_or_nobody_answers_ends_the_call() {
    for (status, by) in [(Some(481), EndedBy::Remote), (None, EndedBy::Unreachable)] {
        let mut rig = timed();
        up(&mut rig, "uac", "UPDATE");
        rig.now.instant += secs(300);
        rig.endpoint.handle_timeout(rig.now);
        let update = rig.one();
        match status {
            Some(status) => rig.hear(CARRIER, &reply(&update, status, "", "", "")),
            None => assert!(rig.pass(secs(33)).iter().any(|(_, gist)| gist == "BYE")),
        }
        assert_eq!(rig.events(), [Event::Ended { leg: LEG, by, reason: EndReason::default() }]);
        rig.assert_empty();
    }
}

#[test]
fn a_refresh_that_is_refused_for_good_ends_with_the_session() {
    let mut rig = timed();
    up(&mut rig, "uac", "UPDATE");
    for _ in 0..400 {
        let Some((at, _)) = rig.endpoint.poll_timeout() else { break };
        rig.now.instant = at;
        rig.endpoint.handle_timeout(rig.now);
        for text in rig.sent() {
            let status = if gist(&text) == "UPDATE" { 500 } else { 200 };
            rig.hear(CARRIER, &reply(&text, status, "", "", ""));
        }
    }
    assert_eq!(rig.events(), [Event::Ended { leg: LEG, by: EndedBy::SessionTimer, reason: EndReason::default() }]);
    rig.assert_empty();
}

#[test]
fn a_peer_that_does_not_refresh_loses_the_call_a_little_early() {
    let mut rig = timed();
    up(&mut rig, "uas", "UPDATE");
    let said = rig.pass(secs(569));
    assert_eq!(said.first(), Some(&(568_000, "BYE".to_owned())), "600 s less 32 s");
    assert_eq!(rig.events(), [Event::Ended { leg: LEG, by: EndedBy::SessionTimer, reason: EndReason::default() }]);
    rig.assert_empty();
}

#[test]
fn a_peer_that_refreshes_keeps_the_call() {
    let mut rig = timed();
    let invite = up(&mut rig, "uas", "UPDATE");
    for cseq in 1..5 {
        assert_eq!(rig.pass(secs(500)), []);
        let lines = "Supported: timer\r\nSession-Expires: 600;refresher=uac\r\n";
        rig.hear(CARRIER, &in_dialog(&invite, "UPDATE", &format!("u{cseq}"), cseq, lines, ""));
        let ok = rig.one();
        assert_eq!((gist(&ok).as_str(), value(&ok, "Session-Expires")), ("200", "600;refresher=uac"));
    }
    assert_eq!(rig.events(), []);
}
