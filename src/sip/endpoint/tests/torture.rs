//! The messages of RFC 4475 through the endpoint, from a trunk and from a phone network.

use std::path::PathBuf;

use super::*;

/// What becomes of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// One answer of this status, no call.
    Status(&'static [u16]),
    /// A call that may be answered.
    Call,
    /// Nothing is sent.
    Silence,
}

use Outcome::{Call, Silence, Status};

/// By name of the file: what a trunk gets. A REGISTER is not for trunks.
const TORTURE: [(&str, Outcome); 49] = [
    ("valid/wsinv", Status(&[481])), // it has a To tag of a dialog that nobody here knows
    ("valid/intmeth", Status(&[405, 501])),
    ("valid/esc01", Call),
    ("valid/escnull", Status(&[405])),
    ("valid/esc02", Status(&[501])),
    ("valid/lwsdisp", Status(&[200])),
    ("valid/longreq", Call),
    ("valid/dblreq", Status(&[405])),
    ("valid/semiuri", Status(&[200])),
    ("valid/transports", Status(&[200])),
    ("valid/mpart01", Status(&[405])),
    ("valid/unreason", Silence),
    ("valid/noreason", Silence),
    ("invalid/badinv01", Status(&[400])),
    ("invalid/clerr", Status(&[400])),
    ("invalid/ncl", Status(&[400])),
    ("invalid/scalar02", Status(&[400])),
    ("invalid/scalarlg", Silence),
    ("invalid/quotbal", Status(&[400])),
    ("invalid/ltgtruri", Status(&[400])),
    ("invalid/lwsruri", Status(&[400])),
    ("invalid/lwsstart", Status(&[400])),
    ("invalid/trws", Status(&[400])),
    ("invalid/escruri", Status(&[400])),
    ("invalid/baddate", Call),
    ("invalid/regbadct", Status(&[400])),
    ("invalid/badaspec", Status(&[400])),
    ("invalid/baddn", Status(&[400])),
    ("invalid/badvers", Status(&[505])),
    ("invalid/mismatch01", Status(&[400])),
    ("invalid/mismatch02", Status(&[400])),
    ("invalid/bigcode", Silence),
    ("invalid/badbranch", Status(&[200])),
    ("invalid/insuf", Status(&[400])),
    ("invalid/unkscm", Status(&[416])),
    ("invalid/novelsc", Status(&[416])),
    ("invalid/unksm2", Status(&[405])),
    ("invalid/bext01", Status(&[420])),
    ("invalid/invut", Status(&[415])),
    ("invalid/regaut01", Status(&[405])),
    ("invalid/multi01", Status(&[400])),
    ("invalid/mcl01", Status(&[400])),
    ("invalid/bcast", Silence),
    ("invalid/zeromf", Status(&[200])),
    ("invalid/cparam01", Status(&[405])),
    ("invalid/cparam02", Status(&[405])),
    ("invalid/regescrt", Status(&[405])),
    ("invalid/sdp01", Status(&[406])),
    ("invalid/inv2543", Call),
];

fn corpus() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/rfc4475");
    if !folder.is_dir() {
        eprintln!("skipped: the torture messages are not in {}", folder.display());
        return None;
    }
    Some(folder)
}

fn message(folder: &std::path::Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(format!("{name}.dat"))).expect("a torture message")
}

fn statuses(rig: &mut Rig) -> Vec<u16> {
    std::iter::from_fn(|| rig.endpoint.poll_transmit())
        .map(|out| Message::read(&out.bytes).and_then(|message| message.status()).expect("a readable response"))
        .collect()
}

#[test]
fn a_trunk_gets_the_answer_that_each_torture_message_deserves() {
    let Some(folder) = corpus() else { return };
    for (name, expected) in TORTURE {
        let mut rig = Rig::new();
        rig.endpoint.receive_datagram(rig.now, 0, address(CARRIER), &message(&folder, name));
        let sent = statuses(&mut rig);
        let events = rig.events();
        match expected {
            Status(any) => {
                assert!(sent.len() == 1 && any.contains(&sent[0]), "{name}: {sent:?}");
                assert_eq!(events, [], "{name}");
            }
            Silence => assert_eq!((sent, events), (vec![], vec![]), "{name}"),
            Call => {
                assert_eq!(sent, [100], "{name}");
                let [Event::Incoming(incoming)] = events.as_slice() else { panic!("{name}: {events:?}") };
                rig.endpoint.answer(rig.now, incoming.leg, Bytes::from_static(b"v=0")).expect("answerable");
                assert_eq!(statuses(&mut rig), [200], "{name}");
                // Nobody acknowledges it: the BYE that follows can be written too.
                let said = rig.pass(secs(40));
                assert!(said.iter().any(|(_, gist)| gist == "BYE"), "{name}: {said:?}");
                assert_eq!(rig.events().len(), 1, "{name}");
            }
        }
        rig.assert_empty();
    }
}

#[test]
fn a_register_of_a_phone_network_is_challenged_or_refused() {
    let Some(folder) = corpus() else { return };
    let registers: [(&str, u16); 9] = [
        ("valid/escnull", 401),
        ("valid/dblreq", 401),
        ("invalid/scalar02", 400),
        ("invalid/regbadct", 400),
        ("invalid/unksm2", 401),
        ("invalid/regaut01", 401),
        ("invalid/cparam01", 401),
        ("invalid/cparam02", 401),
        ("invalid/regescrt", 401),
    ];
    for (name, expected) in registers {
        let mut rig = Rig::new();
        // Over a stream, because these are shorter than any challenge.
        rig.endpoint.stream_opened(rig.now, 1, 1, address(PHONE));
        let hop = Hop { target: Target { listener: 1, remote: address(PHONE) }, connection: Some(1) };
        rig.endpoint.receive(rig.now, hop, &message(&folder, name));
        assert_eq!(statuses(&mut rig), [expected], "{name}");
        assert_eq!(rig.events(), [], "{name}");
    }
}

#[test]
fn strangers_get_nothing_for_any_torture_message() {
    let Some(folder) = corpus() else { return };
    let mut rig = Rig::new();
    for (name, _) in TORTURE {
        rig.endpoint.receive_datagram(rig.now, 0, address(STRANGER), &message(&folder, name));
        assert_eq!((rig.sent(), rig.events()), (vec![], vec![]), "{name}");
    }
    assert_eq!(rig.endpoint.counts(), Counts::default());
    assert_eq!(rig.endpoint.discarded().unknown_source, 49);
}

#[test]
fn nothing_from_an_unproven_phone_is_answered_with_more_bytes_than_it_has_or_a_challenge_needs() {
    let Some(folder) = corpus() else { return };
    for (name, _) in TORTURE {
        let mut rig = Rig::new();
        let bytes = message(&folder, name);
        rig.endpoint.receive_datagram(rig.now, 0, address(PHONE), &bytes);
        let sent: Vec<_> = std::iter::from_fn(|| rig.endpoint.poll_transmit()).collect();
        let out: usize = sent.iter().map(|out| out.bytes.len()).sum();
        // 640: the shortest challenge that every phone knows, with room for long values.
        assert!(sent.len() <= 1 && out <= bytes.len().max(640), "{name}: {out} bytes for {}", bytes.len());
        assert_eq!(rig.pass(secs(60)), [], "{name}");
        assert_eq!(rig.endpoint.counts(), Counts::default(), "{name}");
    }
}

#[test]
fn no_answer_goes_to_an_address_that_is_not_one_host() {
    let mut settings = settings();
    settings.trunks[0].sources.push("0.0.0.0/0".parse().expect("network"));
    let mut rig = Rig::with(settings);
    for remote in ["255.255.255.255:5060", "224.0.0.1:5060", "0.0.0.0:5060", "192.0.2.10:0"] {
        rig.hear(remote, &ask("OPTIONS", "a", 1, "", ""));
        assert_eq!(rig.sent(), Vec::<String>::new(), "{remote}");
    }
}
