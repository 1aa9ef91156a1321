//! Challenges inside a dialog: who gets an answer, and how often (I-45).

use super::*;

fn asks(realm: &str, nonce: &str) -> String {
    format!("WWW-Authenticate: Digest realm=\"{realm}\", nonce=\"{nonce}\", qop=\"auth\", algorithm=SHA-256\r\n")
}

/// A BYE of a call that is up at this server.
fn bye(rig: &mut Rig, at: &str) -> String {
    rig.endpoint.originate(rig.now, LEG, spec(&[at])).expect("placed");
    let invite = rig.one();
    rig.hear(at, &reply(&invite, 200, "them", &ok_lines(), "v=0 answer"));
    rig.sent();
    rig.endpoint.hang_up(rig.now, LEG, None).expect("up");
    rig.events();
    rig.one()
}

#[test]
fn a_bye_that_the_carrier_challenges_is_sent_again_with_credentials_twice_at_most() {
    let mut rig = Rig::new();
    let first = bye(&mut rig, CARRIER);
    rig.hear(CARRIER, &reply(&first, 401, "", &asks("carrier.example", "n1"), ""));
    let second = rig.one();
    assert_eq!((value(&first, "CSeq"), value(&second, "CSeq")), ("2 BYE", "3 BYE"));
    for same in ["From", "To", "Call-ID"] {
        assert_eq!(value(&first, same), value(&second, same));
    }
    assert!(value(&second, "Authorization").contains("nonce=\"n1\""), "{second}");
    assert_ne!(value(&first, "Via"), value(&second, "Via"));
    rig.hear(CARRIER, &reply(&second, 401, "", &asks("carrier.example", "n2"), ""));
    let third = rig.one();
    assert!(value(&third, "Authorization").contains("nonce=\"n2\""), "{third}");
    rig.hear(CARRIER, &reply(&third, 401, "", &asks("carrier.example", "n3"), ""));
    assert_eq!(rig.sent(), Vec::<String>::new());
    rig.assert_empty();
}

#[test]
fn in_a_dialog_a_foreign_realm_a_foreign_address_and_a_trunk_without_a_realm_get_nothing() {
    let without_realm = || {
        let mut settings = settings();
        let account = settings.trunks[0].account.as_mut().expect("there is one");
        account.realm = None;
        settings
    };
    // The second server is of the carrier's network, but not one that the operator wrote down.
    for (settings, at, realm) in [
        (settings(), CARRIER, "evil.example"),
        (settings(), SPARE, "carrier.example"),
        (without_realm(), CARRIER, "carrier.example"),
    ] {
        let mut rig = Rig::with(settings);
        let bye = bye(&mut rig, at);
        rig.hear(at, &reply(&bye, 401, "", &asks(realm, "n1"), ""));
        assert_eq!(rig.sent(), Vec::<String>::new(), "{at} {realm}");
        assert_eq!(rig.endpoint.discarded().foreign_challenge, 1);
        rig.assert_empty();
    }
}

#[test]
fn a_refresh_that_the_carrier_challenges_goes_on_with_credentials_and_the_session_with_it() {
    for (allow, method) in [("", "INVITE"), ("Allow: UPDATE\r\n", "UPDATE")] {
        let mut rig = Rig::with(Settings { session_expires_s: Some(90), ..settings() });
        let invite = rig.call();
        let timer = format!("{}{allow}Session-Expires: 90;refresher=uac\r\n", ok_lines());
        rig.hear(CARRIER, &reply(&invite, 200, "them", &timer, "v=0 answer"));
        rig.sent();
        rig.now.instant += secs(45);
        rig.endpoint.handle_timeout(rig.now);
        let first = rig.one();
        assert_eq!(gist(&first), method);
        let foreign = reply(&first, 401, "", &asks("carrier.example", "n1"), "");
        rig.hear(CARRIER, &foreign);
        let again = rig.sent().pop().expect("sent again");
        assert!(gist(&again) == method && value(&again, "Authorization").contains("n1"), "{again}");
        assert_eq!(value(&again, "CSeq"), format!("3 {method}"));
        rig.sent();
        rig.hear(CARRIER, &reply(&again, 200, "them", &timer, "v=0 answer"));
        rig.sent();
        // The next request of the dialog follows the one that was signed, and the session lives on.
        rig.now.instant += secs(45);
        rig.endpoint.handle_timeout(rig.now);
        assert_eq!(value(&rig.one(), "CSeq"), format!("4 {method}"));
        assert!(!rig.events().iter().any(|event| matches!(event, Event::Ended { .. })));
    }
}
