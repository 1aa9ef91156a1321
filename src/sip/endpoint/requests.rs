//! Requests of peers: which are taken, and what the others are told.

use super::*;
use crate::sip::endpoint::admission;

/// The shortest challenge that every phone knows, with room for long Via and Call-ID values.
const CHALLENGE_MAX: usize = 640;

impl Endpoint {
    pub(super) fn request(&mut self, now: Now, hop: Hop, peer: &Peer, message: Message) {
        let method = message.method().flatten();
        let via = message.text(Name::Via).unwrap_or_default();
        let top = header::split(&via, b',').next().and_then(Via::read);
        let Some(key) = top.map(|via| self.seal.transaction(&message, &via)) else {
            self.discarded.malformed += 1;
            if message.count(Name::Via) > 0 && method != Some(Method::Ack) {
                self.refuse(peer, hop, &message, 400, "Bad Via", &[]);
            }
            return;
        };
        if method == Some(Method::Ack) {
            return self.acknowledged(now, key, hop, &message);
        }
        if method != Some(Method::Cancel)
            && let Some(server) = self.servers.get(&key)
        {
            if server.state != ServerState::Absorbing
                && let Some(last) = server.last.clone()
            {
                self.send(hop, last);
            }
            return;
        }
        if let Some(fault) = admission::fault(&message) {
            self.discarded.malformed += 1;
            return self.refuse(peer, hop, &message, fault.status, fault.phrase, &[]);
        }
        let Some(method) = method else {
            return self.refuse(peer, hop, &message, 501, "", &allow_line(peer));
        };
        if method == Method::Cancel {
            return self.cancelled(now, hop, key, peer, &message);
        }
        if let Some(fault) = admission::uri_fault(&message) {
            return self.refuse(peer, hop, &message, fault.status, fault.phrase, &[]);
        }
        if let Some(unknown) = admission::unknown_requirement(&message) {
            let mut lines = Vec::new();
            writer::line(&mut lines, "Unsupported", &[&unknown]);
            return self.refuse(peer, hop, &message, 420, "", &lines);
        }
        let to = message.text(Name::To).unwrap_or_default();
        if NameAddr::read(&to).and_then(|to| to.tag()).is_some() {
            return self.in_dialog_request(now, hop, key, peer, method, message);
        }
        match (method, peer) {
            (Method::Invite, _) => self.new_call(now, hop, key, peer, message),
            (Method::Options, _) => self.refuse(peer, hop, &message, 200, "", &abilities(peer)),
            (Method::Register, Peer::PhoneNetwork) => self.register(now, hop, &message),
            (Method::Bye | Method::Update | Method::PRack | Method::Info, _) => {
                self.refuse(peer, hop, &message, 481, "", &[]);
            }
            (
                Method::Ack
                | Method::Cancel
                | Method::Register
                | Method::Message
                | Method::Notify
                | Method::Publish
                | Method::Refer
                | Method::Subscribe,
                _,
            ) => self.refuse(peer, hop, &message, 405, "", &allow_line(peer)),
        }
    }

    /// Answers without keeping anything. The tag of To is the same for repetitions of the request (RFC 3261, 8.2.7).
    pub(super) fn answer_status(&mut self, hop: Hop, message: &Message, status: u16, phrase: &str, lines: &[u8]) {
        let bytes = self.status_bytes(hop, message, status, phrase, lines, true);
        self.send(hop, bytes);
    }

    /// Answers somebody who has proven nothing. Over UDP the source may be forged, so that the answer goes to a victim:
    /// it is cut to the length of the question (I-46). A short REGISTER of an honest phone leaves no room for any challenge
    /// (300 bytes against 450), and its network is one that the operator named: up to [`CHALLENGE_MAX`] bytes are sent all
    /// the same, one datagram for one, and nothing beyond.
    pub(super) fn refuse(&mut self, peer: &Peer, hop: Hop, message: &Message, status: u16, phrase: &str, lines: &[u8]) {
        let forgeable = *peer == Peer::PhoneNetwork && self.unreliable(hop);
        let room = message.length().max(CHALLENGE_MAX);
        let mut bytes = self.status_bytes(hop, message, status, phrase, lines, true);
        if forgeable && bytes.len() > room {
            // One challenge must stay, or no phone could ever answer it: the last, which every phone knows.
            let mut challenges = lines.split_inclusive(|byte| *byte == b'\n');
            let last = challenges.rfind(|line| line.windows(12).any(|part| part == b"Authenticate"));
            bytes = self.status_bytes(hop, message, status, phrase, last.unwrap_or(&[]), false);
        }
        if forgeable && bytes.len() > room {
            self.discarded.would_amplify += 1;
            return;
        }
        self.send(hop, bytes);
    }

    fn status_bytes(&self, hop: Hop, message: &Message, status: u16, phrase: &str, lines: &[u8], named: bool) -> Bytes {
        let to = message.text(Name::To).unwrap_or_default();
        let tagged = NameAddr::read(&to).and_then(|to| to.tag()).is_some();
        let to_tag = (!tagged && status > 100).then(|| {
            let piece = |name| message.raw(name).unwrap_or(&[]);
            self.seal.of(&[piece(Name::Via), piece(Name::From), piece(Name::CallId), piece(Name::CSeq)]) as u64
        });
        let server = if named { self.settings.user_agent.as_str() } else { "" };
        let reply = Reply { status, phrase, to_tag, lines, body: &[], record_route: false };
        writer::respond(message, hop, server, reply)
    }
}

/// What OPTIONS asks for.
fn abilities(peer: &Peer) -> Vec<u8> {
    let mut lines = allow_line(peer);
    writer::line(&mut lines, "Accept", &["application/sdp"]);
    writer::line(&mut lines, "Supported", &["timer, 100rel"]);
    lines
}

/// The Allow line of a 405 or 501.
fn allow_line(peer: &Peer) -> Vec<u8> {
    let mut lines = Vec::new();
    let allow = match peer {
        Peer::Trunk(_) => writer::ALLOW,
        Peer::PhoneNetwork => writer::ALLOW_PHONES,
    };
    writer::line(&mut lines, "Allow", &[allow]);
    lines
}

pub(super) fn text(message: &Message, name: Name) -> String {
    message.text(name).unwrap_or_default().into_owned()
}

/// The CSeq number of a request that was admitted.
pub(super) fn number(message: &Message) -> u32 {
    CSeq::read(&message.text(Name::CSeq).unwrap_or_default()).map_or(0, |cseq| cseq.number)
}

/// The Reason of a peer's BYE or CANCEL.
pub(super) fn end_reason(message: &Message) -> EndReason {
    EndReason {
        q850: message.all(Name::Reason).find_map(|value| header::q850_cause(&value)),
        text: text(message, Name::Reason),
    }
}
