//! A rig for one endpoint in virtual time: messages in, messages and events out, deadlines stepped one by one.

use super::*;
use crate::model::time::Timestamp;
use crate::sip::digest::{Account, Algorithm, Challenge};
use crate::sip::settings::{Listener, Phone, Transport, Trunk, TrunkAccount};

mod challenges;
mod inbound;
mod lossy;
mod outbound;
mod phones;
mod sessions;
mod torture;
mod trunks;

pub(super) const CARRIER: &str = "192.0.2.10:5060";
pub(super) const SPARE: &str = "192.0.2.11:5060";
pub(super) const PHONE: &str = "10.0.0.7:5062";
pub(super) const STRANGER: &str = "203.0.113.66:5060";
pub(super) const LEG: LegId = LegId(7);

pub(super) fn settings() -> Settings {
    let listener = |transport| Listener { transport, host: "198.51.100.1".into(), port: 5060 };
    let account = Account { username: "lull".into(), password: "trunk secret".into() };
    Settings {
        listeners: vec![listener(Transport::Udp), listener(Transport::Tcp)],
        trunks: vec![Trunk {
            name: "carrier".into(),
            sources: vec!["192.0.2.0/24".parse().expect("network")],
            targets: vec![target(CARRIER)],
            account: Some(TrunkAccount { realm: Some("carrier.example".into()), account, md5: true }),
            probe_interval_s: None,
        }],
        phone_networks: vec!["10.0.0.0/24".parse().expect("network")],
        phones: vec![Phone { user: "1001".into(), account: phone_account() }],
        session_expires_s: None,
        ..Settings::default()
    }
}

pub(super) fn phone_account() -> Account {
    Account { username: "1001".into(), password: "phone secret".into() }
}

pub(super) fn address(text: &str) -> SocketAddr {
    text.parse().expect("address")
}

pub(super) fn target(text: &str) -> Target {
    Target { listener: 0, remote: address(text) }
}

pub(super) fn spec(targets: &[&str]) -> CallSpec {
    let party = |user: &str| crate::sip::Party { display: None, user: user.into(), host: "lull.example".into() };
    CallSpec {
        callee: Callee::Trunk("carrier".into()),
        targets: targets.iter().map(|one| target(one)).collect(),
        request_uri: Some("sip:+15551234@carrier.example".into()),
        from: party("+15550000"),
        to: party("+15551234"),
        asserted_identity: None,
        headers: Vec::new(),
        token: None,
        sdp: Bytes::from_static(b"v=0 offer"),
    }
}

/// One endpoint and its virtual time.
pub(super) struct Rig {
    pub(super) endpoint: Endpoint,
    pub(super) now: Now,
}

impl Rig {
    pub(super) fn new() -> Rig {
        Rig::with(settings())
    }

    pub(super) fn with(settings: Settings) -> Rig {
        let now =
            Now { instant: Instant::from_micros(1_000_000), timestamp: Timestamp::from_millis(1_795_000_000_000) };
        Rig { endpoint: Endpoint::new(settings, [7; 32], now), now }
    }

    /// A datagram from an address.
    pub(super) fn hear(&mut self, from: &str, message: &str) {
        self.endpoint.receive_datagram(self.now, 0, address(from), message.as_bytes());
    }

    /// Everything that was sent since, with its destination.
    pub(super) fn transmits(&mut self) -> Vec<(Destination, String)> {
        std::iter::from_fn(|| self.endpoint.poll_transmit())
            .map(|out| (out.to, String::from_utf8(out.bytes.to_vec()).expect("we send UTF-8 here")))
            .collect()
    }

    pub(super) fn sent(&mut self) -> Vec<String> {
        self.transmits().into_iter().map(|(_, text)| text).collect()
    }

    /// The only message that was sent since.
    pub(super) fn one(&mut self) -> String {
        let sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:#?}");
        sent.into_iter().next().expect("counted")
    }

    /// First words of everything sent since: `INVITE`, `180`.
    pub(super) fn said(&mut self) -> Vec<String> {
        self.sent().iter().map(|text| gist(text)).collect()
    }

    pub(super) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.endpoint.poll_event()).collect()
    }

    /// Lets time pass, every deadline at its own instant; returns when (ms from the start of this) what was sent.
    pub(super) fn pass(&mut self, span: Duration) -> Vec<(u64, String)> {
        let start = self.now.instant;
        let end = start + span;
        let mut said = Vec::new();
        while let Some((at, _)) = self.endpoint.poll_timeout().filter(|(at, _)| *at <= end) {
            self.now.instant = at.max(self.now.instant);
            self.endpoint.handle_timeout(self.now);
            let at_ms = u64::try_from(self.now.instant.since(start).as_millis()).expect("short");
            said.extend(self.sent().iter().map(|text| (at_ms, gist(text))));
        }
        self.now.instant = end;
        said
    }

    /// Originates [`LEG`] and returns its INVITE.
    pub(super) fn call(&mut self) -> String {
        self.endpoint.originate(self.now, LEG, spec(&[CARRIER, SPARE])).expect("placed");
        self.one()
    }

    /// A call that is up, outbound: its INVITE.
    pub(super) fn call_up(&mut self) -> String {
        let invite = self.call();
        self.hear(CARRIER, &reply(&invite, 200, "them", &ok_lines(), "v=0 answer"));
        assert_eq!(self.said(), ["ACK"]);
        assert!(matches!(self.events().as_slice(), [Event::Answered { leg: LEG, .. }]));
        invite
    }

    pub(super) fn incoming(&mut self) -> crate::sip::Incoming {
        match self.events().as_slice() {
            [Event::Incoming(incoming)] => incoming.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// All tables of calls are empty once everything had its time.
    pub(super) fn assert_empty(&mut self) {
        self.pass(Duration::from_secs(120));
        let counts = self.endpoint.counts();
        let left = Counts { registrations: counts.registrations, connections: counts.connections, ..Counts::default() };
        let timers = counts.timers.saturating_sub(counts.registrations);
        assert_eq!(Counts { timers, unread_events: 0, ..counts }, left, "{counts:?}");
    }
}

pub(super) fn ok_lines() -> String {
    "Contact: <sip:them@192.0.2.10:5060>\r\nContent-Type: application/sdp\r\n".into()
}

/// The method of a request or the status of a response.
pub(super) fn gist(text: &str) -> String {
    let mut words = text.split_whitespace();
    let first = words.next().unwrap_or("");
    if first == "SIP/2.0" { words.next().unwrap_or("").to_owned() } else { first.to_owned() }
}

/// The value of a header in a message of ours.
pub(super) fn value<'a>(message: &'a str, name: &str) -> &'a str {
    let wanted = format!("{name}: ");
    message.lines().find_map(|line| line.strip_prefix(wanted.as_str())).unwrap_or("")
}

/// A response to a request of ours; `tag` of To is added unless it is there or empty.
pub(super) fn reply(request: &str, status: u16, tag: &str, lines: &str, body: &str) -> String {
    let to = value(request, "To");
    let tag = if tag.is_empty() || to.contains("tag=") { String::new() } else { format!(";tag={tag}") };
    format!(
        "SIP/2.0 {status} Some Text\r\nVia: {}\r\nFrom: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n{lines}Content-Length: {}\r\n\r\n{body}",
        value(request, "Via"),
        value(request, "From"),
        value(request, "Call-ID"),
        value(request, "CSeq"),
        body.len()
    )
}

/// A request of a peer outside a dialog.
pub(super) fn ask(method: &str, branch: &str, cseq: u32, lines: &str, body: &str) -> String {
    format!(
        "{method} sip:+15550000@198.51.100.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK{branch}\r\n\
         From: \"Doe\" <sip:+15559999@192.0.2.10>;tag=theirs\r\nTo: <sip:+15550000@198.51.100.1>\r\n\
         Call-ID: inbound@192.0.2.10\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n\
         Contact: <sip:them@192.0.2.10:5060>\r\nUser-Agent: A telephone that has a rather long name 1.0\r\n{lines}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub(super) const SDP: &str = "Content-Type: application/sdp\r\n";

/// A request of the peer in the dialog that a message of ours (a response, or a request) belongs to.
pub(super) fn in_dialog(ours: &str, method: &str, branch: &str, cseq: u32, lines: &str, body: &str) -> String {
    let response = ours.starts_with("SIP/2.0");
    let (from, to) = if response {
        (value(ours, "From").to_owned(), value(ours, "To").to_owned())
    } else {
        (value(ours, "To").to_owned(), value(ours, "From").to_owned())
    };
    let from = if from.contains("tag=") { from } else { format!("{from};tag=them") };
    format!(
        "{method} sip:198.51.100.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK{branch}\r\n\
         From: {from}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n{lines}\
         Content-Length: {}\r\n\r\n{body}",
        value(ours, "Call-ID"),
        body.len()
    )
}

/// Credentials for the challenge of a 401 or 407 of ours.
pub(super) fn prove(refusal: &str, method: &str, uri: &str, account: &Account, algorithm: Algorithm) -> String {
    let challenge = refusal
        .lines()
        .filter_map(|line| line.split_once("-Authenticate: "))
        .filter_map(|(_, value)| Challenge::read(value))
        .find(|challenge| challenge.algorithm == algorithm)
        .expect("a challenge of this algorithm");
    let name = if gist(refusal) == "401" { "Authorization" } else { "Proxy-Authorization" };
    format!("{name}: {}\r\n", challenge.answer(account, method, uri, 1, "cnonce"))
}

pub(super) fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}
