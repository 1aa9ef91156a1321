//! Ways to a carrier: streams, TLS, several servers, names, challenges.

use std::net::SocketAddr;

use serde_json::Value;
use sha2::Digest as _;

use crate::rig::{
    AGENT_HZ, CARRIER, CUSTOMER_HZ, Centre, Ear, Law, Message, Names, Phone, Plan, Proof, Record, SERVICE, SOON,
    STRANGER, Sipp, Tunnel, free_port, scenario, until,
};

const ANN: &str = "+8613800000001";
const BEN: &str = "+8613800000002";

fn ear() -> Ear {
    Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu)
}

fn at(host: &str, port: u16) -> SocketAddr {
    SocketAddr::new(host.parse().expect("an address"), port)
}

/// A carrier's server under TLS that proves a name; what it takes goes on to SIPp at the other port.
fn under_tls(centre: &Centre, proof: &Proof) -> Tunnel {
    Tunnel::ends_tls(at(CARRIER, centre.trunk_port), proof, at(CARRIER, centre.other_port))
}

fn tls() -> Plan {
    Plan { transport: "tls", sip: "authorities_file = \"carrier.crt\"".to_owned(), ..Plan::default() }
}

#[test]
fn a_call_goes_over_a_tls_trunk_to_a_carrier_that_proves_its_name() {
    let mut centre = Centre::prepared(tls());
    let proof = Proof::of(CARRIER, centre.folder());
    std::fs::copy(&proof.certificate, centre.path("carrier.crt")).expect("a file can be copied");
    let _tunnel = under_tls(&centre, &proof);
    centre.serve();
    let ear = ear();
    let answers = scenario::answers(&ear, 0, 200);
    let mut carrier = Sipp::carrier_at(&centre, "carrier", &answers, centre.other_port, 1);
    let phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    desk.until_state("talking");
    ear.until_hears(AGENT_HZ, 10, 0);
    phone.until_hears(CUSTOMER_HZ, 10, 0);
    desk.hang_up();
    carrier.finish(SOON);
    assert!(carrier.got("INVITE")[0].text.contains("Via: SIP/2.0/TLS"));
}

#[test]
fn a_carrier_that_cannot_prove_its_name_gets_no_call_and_the_log_and_the_doctor_say_why() {
    let mut centre = Centre::prepared(tls());
    let proof = Proof::of("other.example", centre.folder());
    std::fs::copy(&proof.certificate, centre.path("carrier.crt")).expect("a file can be copied");
    let _tunnel = under_tls(&centre, &proof);
    centre.serve();
    let carrier = Sipp::carrier_at(&centre, "carrier", &scenario::rings_out(), centre.other_port, 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let _desk = centre.agent_ready(1);
    let attempt = centre.until_ended(ANN);
    assert_eq!(attempt["disposition"], "trunk_failure", "{attempt}");
    centre.service().until_says("the peer did not prove its name, so no call goes there", SOON);
    assert!(carrier.messages().is_empty(), "not a word was said to it");
    let examined = centre.run(&["doctor", "--findings-only", "--json"], "");
    assert_eq!(examined.code, 3, "{}", examined.out);
    let report: Value = serde_json::from_str(&examined.out).expect("JSON");
    let findings = report["findings"].as_array().expect("a list");
    let found = findings.iter().find(|one| one["code"] == "trunk_unproven").expect("the doctor looks at TLS");
    assert_eq!(found["subject"], "trunk carrier", "{found}");
    assert!(found["says"].as_str().is_some_and(|says| says.contains("not valid for name")), "{found}");
}

#[test]
fn a_caller_comes_in_over_tls_with_the_certificate_that_was_made_for_the_lan() {
    let mut centre = Centre::prepared(tls());
    let proof = Proof::of(CARRIER, centre.folder());
    std::fs::copy(&proof.certificate, centre.path("carrier.crt")).expect("a file can be copied");
    centre.serve();
    let entrance = free_port();
    let made = centre.path("data/sip-certificate.pem");
    let to = at(SERVICE, centre.tls_port);
    let _tunnel = Tunnel::begins_tls(at(SERVICE, entrance), at(CARRIER, 0), to, "lull.local", &made);
    let ear = ear();
    let calls = scenario::calls(&ear, "+8613800000077", Some(400));
    let mut caller = Sipp::to(&centre, "caller", &calls, "+861000000087", CARRIER, entrance);
    caller.finish(SOON);
    until("the call is on record", SOON, || {
        (centre.value("select count(*) from inbound_calls where caller = '+8613800000077'") == 1).then_some(())
    });
    // Whoever is not known does not even get to see the certificate.
    let stranger = free_port();
    let _closed = Tunnel::begins_tls(at(SERVICE, stranger), at(STRANGER, 0), to, "lull.local", &made);
    let mut refused = Sipp::to(&centre, "stranger", &calls, "+861000000087", STRANGER, stranger);
    refused.child.ended(SOON);
    assert!(refused.messages().iter().all(|message| !message.received));
}

#[test]
fn a_call_goes_to_the_next_server_when_the_first_is_dead() {
    // Over TCP the kernel says so at once; over UDP silence does.
    for transport in ["tcp", "udp"] {
        let centre = Centre::running(Plan { transport, targets: "\"FIRST\", \"OTHER\"".to_owned(), ..Plan::default() });
        let ear = ear();
        let answers = scenario::answers(&ear, 0, 100);
        let mut other = Sipp::carrier_at(&centre, "other", &answers, centre.other_port, 1);
        let _phone = Phone::registered(&centre, 1, AGENT_HZ);
        centre.customers(&[ANN]);
        let desk = centre.agent_ready(1);
        desk.until_state("talking");
        desk.hang_up();
        other.finish(SOON);
        assert_eq!(centre.value("select count(*) from attempts"), 1, "it is one attempt");
    }
}

#[test]
fn a_call_goes_to_the_next_server_when_the_first_is_overloaded() {
    let centre = Centre::running(Plan { targets: "\"FIRST\", \"OTHER\"".to_owned(), ..Plan::default() });
    let ear = ear();
    let mut first = Sipp::carrier(&centre, &scenario::refuses("503 Overloaded"), 1);
    let answers = scenario::answers(&ear, 0, 100);
    let mut other = Sipp::carrier_at(&centre, "other", &answers, centre.other_port, 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    desk.until_state("talking");
    desk.hang_up();
    first.finish(SOON);
    other.finish(SOON);
    let call_id = |sipp: &Sipp| scenario::header(&sipp.got("INVITE")[0].text, "Call-ID");
    assert_ne!(call_id(&first), call_id(&other), "to another server it is another call");
}

#[test]
fn a_call_that_rang_goes_to_no_other_server() {
    let centre = Centre::running(Plan { targets: "\"FIRST\", \"OTHER\"".to_owned(), ..Plan::default() });
    let mut first = Sipp::carrier(&centre, &scenario::rings_and_refuses("503 Overloaded"), 1);
    let other = Sipp::carrier_at(&centre, "other", &scenario::rings_out(), centre.other_port, 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let _desk = centre.agent_ready(1);
    first.finish(SOON);
    let attempt = centre.until_ended(ANN);
    assert_eq!((&attempt["sip_status"], &attempt["rang"]), (&503.into(), &1.into()), "{attempt}");
    assert!(other.messages().is_empty(), "a phone that rang is not made to ring again");
}

#[test]
fn a_carrier_is_found_by_its_srv_records_and_found_again_when_they_change() {
    let service = "_sip._udp.carrier.test";
    let address = CARRIER.parse().expect("an address");
    let names = Names::telling(Vec::new());
    let (targets, sip) = ("\"srv:carrier.test\"".to_owned(), format!("resolver = \"{}\"", names.address));
    let mut centre = Centre::prepared(Plan { targets, sip, ..Plan::default() });
    let place = |port| vec![Record::Srv(service, 10, "a.carrier.test", port), Record::A("a.carrier.test", address)];
    names.change(place(centre.trunk_port));
    centre.serve();
    let refuses = scenario::refuses("486 Busy Here");
    let mut first = Sipp::carrier(&centre, &refuses, 1);
    let mut other = Sipp::carrier_at(&centre, "other", &refuses, centre.other_port, 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let _desk = centre.agent_ready(1);
    first.finish(SOON);
    let domain = format!("INVITE sip:{ANN}@carrier.test SIP/2.0");
    assert!(first.got(&domain).len() == 1, "the domain is asked for, not the host that serves it");
    assert_eq!(centre.until_ended(ANN)["sip_status"], 486);
    let examined = centre.run(&["doctor", "--findings-only"], "").out;
    assert!(examined.contains(&format!("carrier.test is {CARRIER}:{}", centre.trunk_port)), "{examined}");
    // A server that knows nothing any more changes nothing (F-45); then it tells of another place.
    names.change(Vec::new());
    centre.service().until_says("the addresses found last are used on", SOON);
    names.change(place(centre.other_port));
    centre.service().until_says("a trunk's name resolves to other addresses now", SOON);
    centre.customers(&[BEN]);
    other.finish(SOON);
    assert_eq!(centre.until_ended(BEN)["sip_status"], 486);
}

const ACCOUNT: &str = "username = \"lull\"\npassword = \"secret of the trunk\"\nrealm = \"carrier.example\"";

/// The response of RFC 7616, 3.4.1, computed here and not by the program.
fn expected(authorization: &str, uri: &str, hash: impl Fn(String) -> String) -> String {
    let of = |name: &str| scenario::parameter(authorization, name);
    let (realm, nonce) = (of("realm"), of("nonce"));
    let secret = hash(format!("lull:{realm}:secret of the trunk"));
    let rest = [nonce, of("nc"), of("cnonce"), of("qop"), hash(format!("INVITE:{uri}"))].join(":");
    hash(format!("{secret}:{rest}"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_proxy_that_challenges_with_md5_or_sha_256_gets_what_the_rfc_computes() {
    type Hash = fn(String) -> String;
    let hashes: [(&str, Hash); 2] =
        [("MD5", |text| hex(&md5::Md5::digest(text))), ("SHA-256", |text| hex(&sha2::Sha256::digest(text)))];
    for (algorithm, hash) in hashes {
        let centre = Centre::running(Plan { trunk: ACCOUNT.to_owned(), ..Plan::default() });
        let ear = ear();
        let challenge = format!(
            "Proxy-Authenticate: Digest realm=\"carrier.example\", nonce=\"n0nce\", opaque=\"o\", \
             qop=\"auth-int,auth\", algorithm={algorithm}"
        );
        let mut carrier = Sipp::carrier(&centre, &scenario::challenges_with(&[&challenge], Some(&ear)), 1);
        let _phone = Phone::registered(&centre, 1, AGENT_HZ);
        centre.customers(&[ANN]);
        let desk = centre.agent_ready(1);
        desk.until_state("talking");
        desk.hang_up();
        carrier.finish(SOON);
        let invites = carrier.got("INVITE");
        assert_eq!(invites.len(), 2, "one without and one with credentials");
        assert_eq!(scenario::header(&invites[0].text, "Proxy-Authorization"), "", "nothing is told unasked");
        let answer = scenario::header(&invites[1].text, "Proxy-Authorization");
        let uri = format!("sip:{ANN}@{CARRIER}");
        let of = |name: &str| scenario::parameter(&answer, name);
        assert_eq!((of("uri"), of("nc"), of("qop")), (uri.clone(), "00000001".to_owned(), "auth".to_owned()));
        assert_eq!((of("algorithm"), of("opaque")), (algorithm.to_owned(), "o".to_owned()));
        assert_eq!(of("response"), expected(&answer, &uri, hash), "{algorithm}: {answer}");
    }
}

#[test]
fn a_carrier_with_a_new_nonce_each_time_is_answered_twice_and_then_the_trunk_has_failed() {
    let mut centre = Centre::running(Plan { trunk: ACCOUNT.to_owned(), ..Plan::default() });
    let challenge = |nonce: u8| {
        format!("Proxy-Authenticate: Digest realm=\"carrier.example\", nonce=\"n{nonce}\", qop=\"auth\", algorithm=MD5")
    };
    let challenges: Vec<String> = (1..=3).map(challenge).collect();
    let challenges: Vec<&str> = challenges.iter().map(String::as_str).collect();
    let mut carrier = Sipp::carrier(&centre, &scenario::challenges_with(&challenges, None), 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let _desk = centre.agent_ready(1);
    carrier.finish(SOON);
    let attempt = centre.until_ended(ANN);
    assert_eq!(
        (&attempt["failure_kind"], &attempt["disposition"]),
        (&"auth_failed".into(), &"trunk_failure".into()),
        "{attempt}"
    );
    let nonces: Vec<String> = carrier
        .got("INVITE")
        .iter()
        .map(|invite| scenario::parameter(&scenario::header(&invite.text, "Proxy-Authorization"), "nonce"))
        .collect();
    assert_eq!(nonces, ["", "n1", "n2"], "at most two tries");
    centre.service().until_says("the trunk does not take our credentials", SOON);
}

#[test]
fn a_reload_reaches_the_names_of_tls_peers_and_who_may_open_a_stream() {
    let trusting = |file: &str| format!("authorities_file = \"{file}\"");
    let mut centre =
        Centre::prepared(Plan { transport: "tls", sip: trusting("nobody.example.crt"), ..Plan::default() });
    let proof = Proof::of(CARRIER, centre.folder());
    Proof::of("nobody.example", centre.folder());
    let _tunnel = under_tls(&centre, &proof);
    centre.serve();
    let (entrance, made) = (free_port(), centre.path("data/sip-certificate.pem"));
    let to = at(SERVICE, centre.tls_port);
    let _entrance = Tunnel::begins_tls(at(SERVICE, entrance), at(STRANGER, 0), to, "lull.local", &made);
    let ear = Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu);
    let calls = scenario::calls(&ear, "+8613800000077", Some(100));
    let mut refused = Sipp::to(&centre, "stranger", &calls, "+861000000087", STRANGER, entrance);
    refused.child.ended(SOON);

    let before = centre.read("lull.toml");
    let after = before.replace(&trusting("nobody.example.crt"), &trusting(&format!("{CARRIER}.crt"))).replace(
        "transport = \"tls\"\nchannels",
        &format!("transport = \"tls\"\nsources = [\"{STRANGER}\"]\nchannels"),
    );
    centre.write("lull.toml", &after.replace(&format!("{CARRIER}.crt"), "missing.crt"));
    let wrong = centre.run(&["reload"], "");
    assert_eq!(wrong.code, 1, "{wrong:?}");
    assert!(wrong.err.contains("missing.crt"), "a file that cannot be read changes nothing: {}", wrong.err);
    centre.write("lull.toml", &after);
    let told = centre.good(&["reload"]);
    assert!(told.contains("sip") && !told.contains("restart"), "{told}");

    let mut known = Sipp::to(&centre, "known", &calls, "+861000000087", STRANGER, entrance);
    known.finish(SOON);
    let mut carrier = Sipp::carrier_at(&centre, "carrier", &scenario::refuses("486 Busy Here"), centre.other_port, 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let _desk = centre.agent_ready(1);
    carrier.finish(SOON);
}

#[test]
fn a_bye_is_signed_for_the_carriers_own_realm_twice_at_most_and_for_no_other() {
    let challenge = |realm: &str, nonce: u8| {
        format!("WWW-Authenticate: Digest realm=\"{realm}\", nonce=\"n{nonce}\", qop=\"auth\", algorithm=SHA-256")
    };
    let own = [1, 2, 3].map(|nonce| challenge("carrier.example", nonce));
    let foreign = [challenge("evil.example", 1)];
    // What is challenged, whether the last BYE is accepted, and the nonces that were answered.
    let cases: [(&[String], bool, &[&str]); 3] =
        [(&own[..1], true, &["", "n1"]), (&own, false, &["", "n1", "n2"]), (&foreign, false, &[""])];
    for (challenges, accepts, answered) in cases {
        let centre = Centre::running(Plan { trunk: ACCOUNT.to_owned(), ..Plan::default() });
        let ear = ear();
        let headers: Vec<&str> = challenges.iter().map(String::as_str).collect();
        let mut carrier = Sipp::carrier(&centre, &scenario::challenges_the_bye(&ear, &headers, accepts), 1);
        let _phone = Phone::registered(&centre, 1, AGENT_HZ);
        centre.customers(&[ANN]);
        let desk = centre.agent_ready(1);
        desk.until_state("talking");
        desk.hang_up();
        // A BYE too many would make the scenario fail.
        carrier.finish(SOON);
        let nonce = |bye: &Message| scenario::parameter(&scenario::header(&bye.text, "Authorization"), "nonce");
        assert_eq!(carrier.got("BYE").iter().map(nonce).collect::<Vec<_>>(), answered);
        desk.until_state("wrap_up");
    }
}
