//! Phones that register, are called, and call.

use super::*;

const URI: &str = "sip:lull.example";

fn register(branch: &str, cseq: u32, lines: &str) -> String {
    format!(
        "REGISTER {URI} SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.7:5062;branch=z9hG4bK{branch};rport\r\n\
         From: <sip:1001@lull.example>;tag=f\r\nTo: <sip:1001@lull.example>\r\nCall-ID: reg@10.0.0.7\r\n\
         CSeq: {cseq} REGISTER\r\nMax-Forwards: 70\r\nUser-Agent: Telephone 1.0 with a name as long as phones have it\r\n\
         Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, REFER, NOTIFY, MESSAGE, UPDATE, PRACK, SUBSCRIBE, PUBLISH\r\n\
         Supported: replaces, outbound, path, gruu, norefersub, 100rel\r\n{lines}Content-Length: 0\r\n\r\n"
    )
}

const CONTACT: &str = "Contact: <sip:1001@192.168.1.5:5062;ob>\r\nExpires: 600\r\n";

/// Signs in over UDP; the events.
fn sign_in(rig: &mut Rig, cseq: u32, lines: &str, algorithm: Algorithm) -> (String, Vec<Event>) {
    rig.hear(PHONE, &register(&format!("c{cseq}"), cseq, lines));
    let refusal = rig.one();
    assert_eq!(gist(&refusal), "401");
    let proof = prove(&refusal, "REGISTER", URI, &phone_account(), algorithm);
    rig.hear(PHONE, &register(&format!("p{cseq}"), cseq + 1, &format!("{lines}{proof}")));
    (rig.one(), rig.events())
}

#[test]
fn a_phone_registers_with_either_hash_and_is_called_back_where_it_is_seen() {
    for algorithm in [Algorithm::Sha256, Algorithm::Md5] {
        let mut rig = Rig::new();
        let (ok, events) = sign_in(&mut rig, 1, CONTACT, algorithm);
        assert_eq!((gist(&ok).as_str(), value(&ok, "Contact")), ("200", "<sip:1001@192.168.1.5:5062;ob>;expires=600"));
        let [Event::Registered { user, remote, expires_s: 600, .. }] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!((user.as_ref(), *remote), ("1001", address(PHONE)));
        // A refresh is silent.
        assert_eq!(sign_in(&mut rig, 3, CONTACT, algorithm).1, []);
        let call = CallSpec { callee: Callee::Phone("1001".into()), targets: vec![], request_uri: None, ..spec(&[]) };
        rig.endpoint.originate(rig.now, LEG, call).expect("registered");
        let sent = rig.transmits();
        let [(to, invite)] = sent.as_slice() else { panic!("{sent:?}") };
        assert_eq!(*to, Destination::Datagram(target(PHONE)), "not the address of the contact");
        assert!(invite.starts_with("INVITE sip:1001@192.168.1.5:5062;ob SIP/2.0"), "{invite}");
    }
}

#[test]
fn a_registration_runs_out_or_is_taken_back() {
    let mut rig = Rig::new();
    let gone = Event::Unregistered { user: "1001".into() };
    sign_in(&mut rig, 1, CONTACT, Algorithm::Md5);
    rig.pass(secs(599));
    assert_eq!(rig.events(), []);
    rig.pass(secs(2));
    assert_eq!(rig.events(), std::slice::from_ref(&gone));
    for lines in ["Contact: *\r\nExpires: 0\r\n", "Contact: <sip:1001@192.168.1.5:5062;ob>;expires=0\r\n"] {
        sign_in(&mut rig, 3, CONTACT, Algorithm::Md5);
        let (ok, events) = sign_in(&mut rig, 5, lines, Algorithm::Md5);
        assert_eq!((gist(&ok).as_str(), events), ("200", vec![gone.clone()]));
    }
    rig.assert_empty();
}

#[test]
fn a_register_that_cannot_be_served_says_why() {
    let mut rig = Rig::new();
    for (lines, status) in
        [("Contact: *\r\nExpires: 60\r\n", "400"), ("Contact: <sip:1001@192.168.1.5>\r\nExpires: 5\r\n", "423")]
    {
        let (refusal, events) = sign_in(&mut rig, 1, lines, Algorithm::Md5);
        assert_eq!((gist(&refusal).as_str(), events), (status, vec![]), "{lines}");
    }
    sign_in(&mut rig, 11, CONTACT, Algorithm::Md5);
    let (overtaken, _) = sign_in(&mut rig, 5, "Contact: <sip:old@192.168.1.5>\r\n", Algorithm::Md5);
    assert_eq!(gist(&overtaken), "500");
    // Nobody registers for somebody else.
    rig.hear(PHONE, &register("x1", 20, CONTACT));
    let proof = prove(&rig.one(), "REGISTER", URI, &phone_account(), Algorithm::Md5);
    let other = register("x2", 21, &format!("{CONTACT}{proof}")).replace("To: <sip:1001@", "To: <sip:1002@");
    rig.hear(PHONE, &other);
    assert_eq!(rig.said(), ["403"]);
}

#[test]
fn a_wrong_password_is_told_with_the_address_it_came_from_whatever_its_via_says() {
    let mut rig = Rig::new();
    rig.hear(PHONE, &register("w1", 1, CONTACT));
    let wrong = Account { password: "guess".into(), ..phone_account() };
    let proof = prove(&rig.one(), "REGISTER", URI, &wrong, Algorithm::Sha256);
    let text = register("w2", 2, &format!("{CONTACT}{proof}")).replace("UDP 10.0.0.7", "UDP 192.0.2.10");
    rig.hear(PHONE, &text);
    assert_eq!(rig.said(), ["401"]);
    assert_eq!(rig.events(), [Event::AuthFailure { remote: address(PHONE), user: "1001".into() }]);
    assert_eq!(rig.endpoint.counts().registrations, 0);
}

#[test]
fn an_unknown_user_is_challenged_like_a_known_one() {
    let mut rig = Rig::new();
    rig.hear(PHONE, &register("u1", 1, CONTACT));
    let known = rig.one();
    rig.hear(PHONE, &register("u1", 1, CONTACT).replace("sip:1001@", "sip:9999@"));
    let unknown = rig.one();
    assert_eq!((gist(&known), known.len()), (gist(&unknown), unknown.len()));
}

#[test]
fn a_phone_over_a_stream_is_called_over_it_and_signed_off_with_it() {
    let mut rig = Rig::new();
    rig.endpoint.stream_opened(rig.now, 3, 1, address(PHONE));
    rig.endpoint.receive_stream(rig.now, 3, register("s1", 1, CONTACT).as_bytes());
    let refusal = rig.one();
    assert_eq!(refusal.matches("WWW-Authenticate: ").count(), 2, "both hashes are offered");
    let proof = prove(&refusal, "REGISTER", URI, &phone_account(), Algorithm::Sha256);
    rig.endpoint.receive_stream(rig.now, 3, register("s2", 2, &format!("{CONTACT}{proof}")).as_bytes());
    assert_eq!((rig.said(), rig.events().len()), (vec!["200".to_owned()], 1));
    let call = CallSpec { callee: Callee::Phone("1001".into()), targets: vec![], request_uri: None, ..spec(&[]) };
    rig.endpoint.originate(rig.now, LEG, call.clone()).expect("registered");
    assert!(matches!(rig.transmits().as_slice(), [(Destination::Connection(3), _)]));
    rig.endpoint.stream_closed(rig.now, 3);
    assert_eq!(rig.events(), [Event::Unregistered { user: "1001".into() }]);
    assert_eq!(rig.endpoint.originate(rig.now, LegId(8), call), Err(OriginateError::NotRegistered));
}

#[test]
fn a_phone_calls_once_it_has_proven_who_it_is() {
    let mut rig = Rig::new();
    let padding =
        "Subject: so that the challenge is not longer than the question, which is what a forged source could want\r\n";
    let invite = |branch: &str, cseq, lines: &str| {
        ask(
            "INVITE",
            branch,
            cseq,
            &format!("{SDP}{padding}{lines}"),
            "v=0 offer, and as long as a real one would be: nine lines",
        )
    };
    rig.hear(PHONE, &invite("i1", 1, ""));
    let refusal = rig.one();
    assert_eq!(gist(&refusal), "407");
    rig.hear(PHONE, &in_dialog(&refusal, "ACK", "i1", 1, "", ""));
    let proof = prove(&refusal, "INVITE", "sip:+15550000@198.51.100.1", &phone_account(), Algorithm::Md5);
    rig.hear(PHONE, &invite("i2", 2, &proof));
    assert_eq!(rig.said(), ["100"]);
    let incoming = rig.incoming();
    assert_eq!((incoming.source, incoming.remote), (crate::sip::Source::Phone("1001".into()), address(PHONE)));
}

#[test]
fn a_phone_that_says_very_little_can_sign_in_all_the_same() {
    let mut rig = Rig::new();
    let short = |cseq: u32, lines: &str| {
        format!(
            "REGISTER {URI} SIP/2.0\r\nv: SIP/2.0/UDP 10.0.0.7:5062;branch=z9hG4bKm{cseq}\r\nf: <sip:1001@l>;tag=1\r\n\
             t: <sip:1001@l>\r\ni: 1\r\nCSeq: {cseq} REGISTER\r\nm: <sip:1001@10.0.0.7:5062>\r\n{lines}l: 0\r\n\r\n"
        )
    };
    rig.hear(PHONE, &short(1, ""));
    let refusal = rig.one();
    let proof = prove(&refusal, "REGISTER", URI, &phone_account(), Algorithm::Md5);
    rig.hear(PHONE, &short(2, &proof));
    assert_eq!((rig.said(), rig.events().len()), (vec!["200".to_owned()], 1));
}
