//! Trunks that are watched, sources that are not known, and streams.

use super::*;

fn watched() -> Rig {
    let mut settings = settings();
    settings.trunks[0].probe_interval_s = Some(30);
    Rig::with(settings)
}

/// Lets the next probe go out and answers it.
fn probe(rig: &mut Rig, status: Option<u16>) -> Vec<Event> {
    let options = loop {
        let (at, _) = rig.endpoint.poll_timeout().expect("the next probe");
        rig.now.instant = at;
        rig.endpoint.handle_timeout(rig.now);
        if let Some(options) = rig.sent().pop() {
            break options;
        }
    };
    assert_eq!(gist(&options), "OPTIONS");
    match status {
        Some(status) => rig.hear(CARRIER, &reply(&options, status, "them", "", "")),
        None => rig.endpoint.unreachable(rig.now, target(CARRIER)),
    }
    rig.events()
}

#[test]
fn a_trunk_is_up_with_any_answer_and_down_after_two_missed_ones() {
    let mut rig = watched();
    let up = Event::TrunkUp { trunk: "carrier".into() };
    let down = Event::TrunkDown { trunk: "carrier".into(), status: 408 };
    assert_eq!(probe(&mut rig, Some(404)), std::slice::from_ref(&up));
    assert_eq!(probe(&mut rig, Some(200)), []);
    assert_eq!(probe(&mut rig, None), [], "one lost datagram is no outage");
    assert_eq!(probe(&mut rig, Some(200)), []);
    assert_eq!(probe(&mut rig, None), []);
    assert_eq!(probe(&mut rig, None), [down]);
    assert_eq!(probe(&mut rig, Some(503)), []);
    assert_eq!(probe(&mut rig, Some(200)), [up]);
}

#[test]
fn a_trunk_that_is_dead_from_the_start_is_told_at_once() {
    let mut rig = watched();
    assert_eq!(probe(&mut rig, Some(503)), [Event::TrunkDown { trunk: "carrier".into(), status: 503 }]);
}

#[test]
fn a_trunk_taken_out_of_the_settings_is_no_longer_probed() {
    let mut rig = watched();
    rig.endpoint.reconfigure(rig.now, Settings { trunks: Vec::new(), ..settings() });
    assert_eq!(rig.pass(secs(100)), []);
    assert_eq!(rig.endpoint.counts(), Counts::default());
}

#[test]
fn an_unknown_source_gets_nothing_and_costs_nothing() {
    let mut rig = Rig::new();
    for (branch, method) in ["INVITE", "REGISTER", "OPTIONS", "MESSAGE", "BYE", "ACK"].iter().enumerate() {
        rig.hear(STRANGER, &ask(method, &branch.to_string(), 1, SDP, "v=0"));
    }
    rig.endpoint.stream_opened(rig.now, 9, 1, address(STRANGER));
    assert_eq!(rig.events(), [Event::CloseStream { connection: 9 }]);
    assert_eq!((rig.sent(), rig.endpoint.counts()), (vec![], Counts::default()));
    assert_eq!(rig.endpoint.discarded().unknown_source, 7);
}

#[test]
fn a_stream_carries_messages_in_pieces_and_answers_pings() {
    let mut rig = Rig::new();
    rig.endpoint.stream_opened(rig.now, 4, 1, address(CARRIER));
    let options = ask("OPTIONS", "o1", 1, "", "");
    for byte in options.bytes() {
        rig.endpoint.receive_stream(rig.now, 4, &[byte]);
    }
    rig.endpoint.receive_stream(rig.now, 4, b"\r\n\r\n");
    let sent = rig.transmits();
    assert!(sent.iter().all(|(to, _)| *to == Destination::Connection(4)));
    assert_eq!(sent.iter().map(|(_, text)| gist(text)).collect::<Vec<_>>(), ["200", ""]);
    assert_eq!(rig.endpoint.counts().timers, 0);
}

#[test]
fn a_stream_of_garbage_and_one_that_dribbles_are_closed() {
    let mut rig = Rig::new();
    rig.endpoint.stream_opened(rig.now, 1, 1, address(CARRIER));
    rig.endpoint.receive_stream(rig.now, 1, b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: -1\r\n\r\n");
    assert_eq!(rig.events(), [Event::CloseStream { connection: 1 }]);
    rig.endpoint.stream_opened(rig.now, 2, 1, address(CARRIER));
    for _ in 0..40 {
        rig.endpoint.receive_stream(rig.now, 2, b"x");
        rig.pass(secs(1));
    }
    assert_eq!(rig.events(), [Event::CloseStream { connection: 2 }]);
    assert_eq!(rig.endpoint.counts(), Counts::default());
}

#[test]
fn a_younger_stream_to_the_same_address_survives_the_end_of_the_older() {
    let mut rig = Rig::new();
    for connection in [1, 2] {
        rig.endpoint.stream_opened(rig.now, connection, 1, address(CARRIER));
    }
    rig.endpoint.stream_closed(rig.now, 1);
    let mut spec = spec(&[CARRIER]);
    spec.targets[0].listener = 1;
    rig.endpoint.originate(rig.now, LEG, spec).expect("placed");
    assert!(matches!(rig.transmits().as_slice(), [(Destination::Connection(2), _)]));
}
