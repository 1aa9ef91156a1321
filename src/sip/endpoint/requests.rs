//! Requests of peers: calls, their ends, and questions.

use super::*;
use crate::sip::dialog::{Offered, Unacked};
use crate::sip::event::{Incoming, Source};
use crate::sip::header;
use crate::sip::transaction::ServerState;

/// Extensions that may be required of us.
const UNDERSTOOD: [&str; 2] = writer::SUPPORTED;

impl Endpoint {
    pub(super) fn request(&mut self, now: Now, hop: Hop, peer: &Peer, message: Message) {
        let via = message.text(Name::Via).unwrap_or_default().into_owned();
        let Some(via) =
            header::split(&via, b',').next().and_then(Via::read).map(|via| self.seal.transaction(&message, &via))
        else {
            self.discarded.malformed += 1;
            return;
        };
        let key = via;
        let method = message.method().flatten();
        if method == Some(Method::Ack) {
            return self.acknowledged(now, key, &message);
        }
        if let Some(server) = self.servers.get(&key)
            && method != Some(Method::Cancel)
        {
            if let Some(last) = server.last.clone() {
                self.send(hop, last);
            }
            return;
        }
        if let Some(fault) = message.fault {
            self.discarded.malformed += 1;
            return self.answer_status(hop, &message, fault.status, fault.phrase, &[]);
        }
        let Some(method) = method else {
            let mut lines = Vec::new();
            writer::line(&mut lines, "Allow", &[allow(peer)]);
            return self.answer_status(hop, &message, 501, "", &lines);
        };
        if method == Method::Cancel {
            return self.cancelled(now, hop, key, &message);
        }
        if let Some(unknown) = self.unknown_requirement(&message) {
            let mut lines = Vec::new();
            writer::line(&mut lines, "Unsupported", &[&unknown]);
            return self.answer_status(hop, &message, 420, "", &lines);
        }
        let to = message.text(Name::To).unwrap_or_default().into_owned();
        if NameAddr::read(&to).and_then(|to| to.tag()).is_some() {
            return self.in_dialog_request(now, hop, key, method, message);
        }
        match (method, peer) {
            (Method::Invite, _) => self.new_call(now, hop, key, peer, message),
            (Method::Options, _) => {
                let mut lines = Vec::new();
                writer::line(&mut lines, "Allow", &[allow(peer)]);
                writer::line(&mut lines, "Accept", &["application/sdp"]);
                writer::line(&mut lines, "Supported", &["timer, 100rel"]);
                self.answer_status(hop, &message, 200, "", &lines);
            }
            (Method::Register, Peer::PhoneNetwork) => self.register(now, hop, &message),
            (Method::Bye | Method::Update | Method::PRack | Method::Info, _) => {
                self.answer_status(hop, &message, 481, "", &[]);
            }
            _ => {
                let mut lines = Vec::new();
                writer::line(&mut lines, "Allow", &[allow(peer)]);
                self.answer_status(hop, &message, 405, "", &lines);
            }
        }
    }

    fn unknown_requirement(&self, message: &Message) -> Option<String> {
        let required = message.all(Name::Require).chain(message.all(Name::ProxyRequire));
        let unknown: Vec<String> = required
            .flat_map(|value| value.split(',').map(|one| one.trim().to_owned()).collect::<Vec<_>>())
            .filter(|one| !one.is_empty() && !UNDERSTOOD.contains(&one.as_str()))
            .collect();
        (!unknown.is_empty()).then(|| unknown.join(", "))
    }

    pub(super) fn answer_status(&mut self, hop: Hop, message: &Message, status: u16, phrase: &str, lines: &[u8]) {
        let to = message.text(Name::To).unwrap_or_default().into_owned();
        let tagged = NameAddr::read(&to).and_then(|to| to.tag()).is_some();
        let to_tag = (!tagged && status > 100).then(|| self.fresh());
        let reply = Reply { status, phrase, to_tag, lines, body: &[], record_route: false };
        let bytes = writer::respond(message, hop, &self.settings.user_agent, reply);
        self.send(hop, bytes);
    }

    fn new_call(&mut self, now: Now, hop: Hop, key: ServerKey, peer: &Peer, message: Message) {
        if self.legs.len() >= self.settings.legs_max || self.servers.len() >= TRANSACTIONS_MAX {
            self.discarded.overload += 1;
            let mut lines = Vec::new();
            writer::line(&mut lines, "Retry-After", &[&self.settings.overload_retry_after_s.to_string()]);
            return self.answer_status(hop, &message, 503, "", &lines);
        }
        if let Some((status, lines)) = unacceptable(&message) {
            return self.answer_status(hop, &message, status, "", &lines);
        }
        let source = match peer {
            Peer::Trunk(name) => Source::Trunk(Arc::clone(name)),
            Peer::PhoneNetwork => match self.prove(now, &message, "INVITE") {
                Ok(user) => Source::Phone(user),
                Err(lines) => return self.answer_status(hop, &message, 407, "", &lines),
            },
        };
        let id = LegId(self.mint.next(now.timestamp));
        let tag = self.fresh();
        let (from, to) = (text(&message, Name::From), text(&message, Name::To));
        let mut dialog = Dialog {
            call_id: text(&message, Name::CallId),
            local_tag: tag,
            remote_tag: None,
            local: without_tag(&to),
            remote: without_tag(&from),
            local_cseq: 0,
            remote_cseq: CSeq::read(&text(&message, Name::CSeq)).map(|cseq| cseq.number),
            routes: Vec::new(),
            remote_target: String::new(),
            target: hop.target,
            connection: hop.connection,
            caller: false,
        };
        super::caller::learn(&mut dialog, &message, false);
        let sdp = (!message.body.is_empty()).then(|| message.body.clone());
        let user = |value: &str| NameAddr::read(value).map(|party| party.user().into_owned());
        let incoming = Incoming {
            leg: id,
            source,
            remote: hop.target.remote,
            dialled: crate::sip::uri::Uri::read(&message.request_uri())
                .map(|uri| uri.user_unescaped().into_owned())
                .unwrap_or_default(),
            to_user: user(&to).unwrap_or_default(),
            from_user: user(&from).unwrap_or_default(),
            from_display: NameAddr::read(&from).map(|party| party.display().into_owned()).unwrap_or_default(),
            asserted_user: message.text(Name::PAssertedIdentity).and_then(|value| user(&value)),
            diverted_by: message.text(Name::Diversion).and_then(|value| user(&value)),
            call_id: dialog.call_id.clone(),
            sdp: sdp.clone(),
        };
        let trunk = match &incoming.source {
            Source::Trunk(name) => Some(Arc::clone(name)),
            Source::Phone(_) => None,
        };
        let offered = Offered {
            transaction: key,
            reliable: false,
            rseq: 0,
            unpracked: None,
            answer_waiting: None,
            has_offer: sdp.is_some(),
        };
        let trying = writer::respond(&message, hop, "", Reply { status: 100, ..Reply::default() });
        self.send(hop, trying.clone());
        let leg = Leg {
            id,
            trunk,
            dialog,
            phase: Phase::Offered(offered),
            session: None,
            local_sdp: Bytes::new(),
            peer_updates: message.lists(Name::Allow, "UPDATE"),
            answered: None,
        };
        self.tags.insert(tag, id);
        self.legs.insert(id, leg);
        let server = ServerTransaction {
            request: message,
            hop,
            leg: id,
            last: Some(trying),
            state: ServerState::Proceeding,
            interval_us: T1_US,
            resend: None,
            deadline: None,
        };
        self.servers.insert(key, server);
        self.events.push_back(Event::Incoming(incoming));
    }

    /// Tells the caller that it rings.
    ///
    /// # Errors
    /// The leg is gone, or is answered.
    pub fn ring(&mut self, _now: Now, id: LegId) -> Result<(), LegError> {
        self.respond_to_invite(id, 180, &[], Bytes::new()).map(drop)
    }

    /// Answers a call.
    ///
    /// # Errors
    /// The leg is gone, or is answered.
    pub fn answer(&mut self, now: Now, id: LegId, sdp: Bytes) -> Result<(), LegError> {
        let mut lines = Vec::new();
        let leg = self.legs.get(&id).ok_or(LegError::Gone)?;
        let Phase::Offered(offered) = &leg.phase else { return Err(LegError::State) };
        let (key, has_offer) = (offered.transaction, offered.has_offer);
        self.session_lines(&mut lines, key);
        let bytes = self.respond_to_invite(id, 200, &lines, sdp.clone())?;
        let Some(server) = self.servers.get(&key) else { return Err(LegError::Gone) };
        let (hop, request) = (server.hop, server.request.clone());
        let cseq = CSeq::read(&text(&request, Name::CSeq)).map_or(0, |cseq| cseq.number);
        // RFC 6026: a 2xx is the leg's business from here on.
        self.drop_server(key);
        let answer = self.unacked(now, id, bytes, hop, cseq, !has_offer);
        self.start_session(now, id, &request, false);
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.local_sdp = sdp;
            leg.phase = Phase::Accepted { answer, hang_up: None };
        }
        Ok(())
    }

    fn unacked(&mut self, now: Now, id: LegId, bytes: Bytes, hop: Hop, cseq: u32, offers: bool) -> Unacked {
        let resend = self.timers.set(now.instant + micros(T1_US), Timer::AnswerResend(id));
        let deadline = self.timers.set(now.instant + micros(PATIENCE_US), Timer::AnswerDeadline(id));
        Unacked { bytes, hop, cseq, interval_us: T1_US, resend, deadline, offers }
    }

    /// Refuses a call.
    ///
    /// # Errors
    /// The leg is gone, or is answered.
    pub fn reject(&mut self, now: Now, id: LegId, status: u16, retry_after_s: Option<u32>) -> Result<(), LegError> {
        let mut lines = Vec::new();
        if let Some(wait) = retry_after_s {
            writer::line(&mut lines, "Retry-After", &[&wait.to_string()]);
        }
        let leg = self.legs.get(&id).ok_or(LegError::Gone)?;
        let Phase::Offered(offered) = &leg.phase else { return Err(LegError::State) };
        let key = offered.transaction;
        self.respond_to_invite(id, status.max(400), &lines, Bytes::new())?;
        self.complete(now, key);
        self.end_with(id, EndedBy::Local, EndReason::default());
        Ok(())
    }

    fn respond_to_invite(&mut self, id: LegId, status: u16, lines: &[u8], sdp: Bytes) -> Result<Bytes, LegError> {
        let leg = self.legs.get(&id).ok_or(LegError::Gone)?;
        let Phase::Offered(offered) = &leg.phase else { return Err(LegError::State) };
        let (key, tag) = (offered.transaction, leg.dialog.local_tag);
        let server = self.servers.get_mut(&key).ok_or(LegError::Gone)?;
        let mut all = Vec::new();
        if let Some(listener) = self.settings.listeners.get(usize::from(server.hop.target.listener)) {
            writer::contact(&mut all, listener);
        }
        writer::line(&mut all, "Allow", &[writer::ALLOW]);
        all.extend_from_slice(lines);
        let reply = Reply { status, phrase: "", to_tag: Some(tag), lines: &all, body: &sdp, record_route: true };
        let bytes = writer::respond(&server.request, server.hop, &self.settings.user_agent, reply);
        server.last = Some(bytes.clone());
        let hop = server.hop;
        self.send(hop, bytes.clone());
        Ok(bytes)
    }

    /// A non-2xx final was sent: it is repeated over UDP until the ACK comes.
    fn complete(&mut self, now: Now, key: ServerKey) {
        let Some(server) = self.servers.get_mut(&key) else { return };
        server.state = ServerState::Completed;
        let hop = server.hop;
        let resend =
            self.unreliable(hop).then(|| self.timers.set(now.instant + micros(T1_US), Timer::ResponseResend(key)));
        let deadline = self.timers.set(now.instant + micros(PATIENCE_US), Timer::ResponseDeadline(key));
        if let Some(server) = self.servers.get_mut(&key) {
            (server.resend, server.deadline) = (resend, Some(deadline));
        }
    }

    pub(super) fn resend_response(&mut self, now: Now, key: ServerKey) {
        let Some(server) = self.servers.get_mut(&key) else { return };
        if server.state != ServerState::Completed {
            return;
        }
        server.interval_us = (server.interval_us * 2).min(T2_US);
        let (hop, last, wait) = (server.hop, server.last.clone(), server.interval_us);
        server.resend = Some(self.timers.set(now.instant + micros(wait), Timer::ResponseResend(key)));
        if let Some(bytes) = last {
            self.send(hop, bytes);
        }
    }

    pub(super) fn resend_answer(&mut self, now: Now, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let answer = match &mut leg.phase {
            Phase::Accepted { answer, .. } | Phase::Up(Up { reoffer: Reoffer::Unacked(answer), .. }) => answer,
            Phase::Calling(_) | Phase::Offered(_) | Phase::Up(_) => return,
        };
        answer.interval_us = (answer.interval_us * 2).min(T2_US);
        let (hop, bytes, wait) = (answer.hop, answer.bytes.clone(), answer.interval_us);
        answer.resend = self.timers.set(now.instant + micros(wait), Timer::AnswerResend(id));
        self.send(hop, bytes);
    }

    pub(super) fn answer_unacknowledged(&mut self, now: Now, id: LegId) {
        self.send_bye(now, id, &EndReason::default());
        self.end_with(id, EndedBy::Unacknowledged, EndReason::default());
    }

    fn acknowledged(&mut self, now: Now, key: ServerKey, message: &Message) {
        if let Some(server) = self.servers.get_mut(&key)
            && server.state == ServerState::Completed
        {
            return self.drop_server(key);
        }
        let Some(id) = own_tag(message, Name::To).and_then(|tag| self.tags.get(&tag).copied()) else {
            self.discarded.stray_ack += 1;
            return;
        };
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let cseq = CSeq::read(&text(message, Name::CSeq)).map(|cseq| cseq.number);
        let (answer, hang_up) = match &mut leg.phase {
            Phase::Accepted { answer, hang_up } if Some(answer.cseq) == cseq => {
                let ended = (answer.resend, answer.deadline, answer.offers);
                let hang_up = hang_up.take();
                leg.phase = Phase::Up(Up { ack: None, reoffer: Reoffer::None });
                (ended, hang_up)
            }
            Phase::Up(up) => match &up.reoffer {
                Reoffer::Unacked(answer) if Some(answer.cseq) == cseq => {
                    let ended = (answer.resend, answer.deadline, answer.offers);
                    up.reoffer = Reoffer::None;
                    (ended, None)
                }
                _ => return,
            },
            Phase::Accepted { .. } | Phase::Calling(_) | Phase::Offered(_) => return,
        };
        self.timers.cancel(Some(answer.0));
        self.timers.cancel(Some(answer.1));
        if answer.2 && !message.body.is_empty() {
            self.events.push_back(Event::ReofferAnswered { leg: id, result: Ok(message.body.clone()) });
        }
        if let Some(reason) = hang_up {
            self.send_bye(now, id, &reason);
            self.end_with(id, EndedBy::Local, EndReason::default());
        }
    }

    fn cancelled(&mut self, now: Now, hop: Hop, key: ServerKey, message: &Message) {
        let Some(server) = self.servers.get(&key) else {
            return self.answer_status(hop, message, 481, "", &[]);
        };
        let (id, state) = (server.leg, server.state);
        self.answer_status(hop, message, 200, "", &[]);
        let offered = self.legs.get(&id).is_some_and(|leg| matches!(leg.phase, Phase::Offered(_)));
        if state != ServerState::Proceeding || !offered {
            return;
        }
        if self.respond_to_invite(id, 487, &[], Bytes::new()).is_ok() {
            self.complete(now, key);
        }
        let reason = EndReason {
            q850: message.all(Name::Reason).find_map(|value| header::q850_cause(&value)),
            text: text(message, Name::Reason),
        };
        self.end_with(id, EndedBy::CallerCancelled, reason);
    }

    fn in_dialog_request(&mut self, now: Now, hop: Hop, key: ServerKey, method: Method, message: Message) {
        let leg = own_tag(&message, Name::To)
            .and_then(|tag| self.tags.get(&tag).copied())
            .and_then(|id| self.legs.get_mut(&id))
            .filter(|leg| leg.dialog.call_id == text(&message, Name::CallId));
        let Some(leg) = leg else { return self.answer_status(hop, &message, 481, "", &[]) };
        let id = leg.id;
        let number = CSeq::read(&text(&message, Name::CSeq)).map_or(0, |cseq| cseq.number);
        if let Some((answered, bytes)) = &leg.answered
            && *answered == number
        {
            let bytes = bytes.clone();
            return self.send(hop, bytes);
        }
        if leg.dialog.remote_cseq.is_some_and(|last| number < last) {
            return self.answer_status(hop, &message, 500, "CSeq Out Of Order", &[]);
        }
        leg.dialog.remote_cseq = Some(number);
        match method {
            Method::Bye => {
                self.answer_status(hop, &message, 200, "", &[]);
                let reason = EndReason {
                    q850: message.all(Name::Reason).find_map(|value| header::q850_cause(&value)),
                    text: text(&message, Name::Reason),
                };
                let calling = self.legs.get(&id).is_some_and(|leg| matches!(leg.phase, Phase::Calling(_)));
                if !calling {
                    self.end_with(id, EndedBy::Remote, reason);
                }
            }
            Method::Invite => self.reinvited(hop, key, id, message),
            Method::Update => self.updated(now, hop, id, message),
            Method::Options | Method::Info | Method::PRack => {
                self.answer_status(hop, &message, 200, "", &[]);
            }
            _ => {
                let mut lines = Vec::new();
                writer::line(&mut lines, "Allow", &[writer::ALLOW]);
                self.answer_status(hop, &message, 405, "", &lines);
            }
        }
    }

    fn reinvited(&mut self, hop: Hop, key: ServerKey, id: LegId, message: Message) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Phase::Up(up) = &mut leg.phase else {
            return self.answer_status(hop, &message, 491, "", &[]);
        };
        if !matches!(up.reoffer, Reoffer::None) {
            return self.answer_status(hop, &message, 491, "", &[]);
        }
        let sdp = (!message.body.is_empty()).then(|| message.body.clone());
        up.reoffer = Reoffer::Asked { transaction: key, has_offer: sdp.is_some() };
        if let Some(contact) = message.text(Name::Contact).as_deref().and_then(NameAddr::read) {
            leg.dialog.remote_target = contact.uri.to_owned();
        }
        let trying = writer::respond(&message, hop, "", Reply { status: 100, ..Reply::default() });
        self.send(hop, trying.clone());
        let server = ServerTransaction {
            request: message,
            hop,
            leg: id,
            last: Some(trying),
            state: ServerState::Proceeding,
            interval_us: T1_US,
            resend: None,
            deadline: None,
        };
        self.servers.insert(key, server);
        self.events.push_back(Event::Reoffer { leg: id, sdp });
    }

    fn updated(&mut self, now: Now, hop: Hop, id: LegId, message: Message) {
        if message.body.is_empty() {
            // A refresh of the session (RFC 4028, 7.4).
            let mut lines = Vec::new();
            if let Some(listener) = self.settings.listeners.get(usize::from(hop.target.listener)) {
                writer::contact(&mut lines, listener);
            }
            if let Some(expires) = message.text(Name::SessionExpires) {
                writer::line(&mut lines, "Require", &["timer"]);
                writer::line(&mut lines, "Session-Expires", &[&expires]);
            }
            self.answer_status(hop, &message, 200, "", &lines);
            return self.start_session(now, id, &message, false);
        }
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Phase::Up(up) = &mut leg.phase else { return self.answer_status(hop, &message, 491, "", &[]) };
        if !matches!(up.reoffer, Reoffer::None) {
            return self.answer_status(hop, &message, 491, "", &[]);
        }
        let sdp = Some(message.body.clone());
        up.reoffer = Reoffer::AskedByUpdate { request: Box::new(message), hop };
        self.events.push_back(Event::Reoffer { leg: id, sdp });
    }

    /// Answers a re-INVITE or UPDATE.
    ///
    /// # Errors
    /// The leg is gone, or nothing was asked.
    pub fn answer_reoffer(&mut self, now: Now, id: LegId, sdp: Bytes) -> Result<(), LegError> {
        let leg = self.legs.get_mut(&id).ok_or(LegError::Gone)?;
        let Phase::Up(up) = &mut leg.phase else { return Err(LegError::State) };
        leg.local_sdp = sdp.clone();
        match std::mem::replace(&mut up.reoffer, Reoffer::None) {
            Reoffer::Asked { transaction, has_offer } => {
                let server = self.servers.get(&transaction).ok_or(LegError::Gone)?;
                let (hop, request) = (server.hop, server.request.clone());
                let bytes = self.reoffer_response(&request, hop, 200, &sdp);
                self.drop_server(transaction);
                let cseq = CSeq::read(&text(&request, Name::CSeq)).map_or(0, |cseq| cseq.number);
                let answer = self.unacked(now, id, bytes, hop, cseq, !has_offer);
                self.start_session(now, id, &request, false);
                if let Some(Phase::Up(up)) = self.legs.get_mut(&id).map(|leg| &mut leg.phase) {
                    up.reoffer = Reoffer::Unacked(answer);
                }
            }
            Reoffer::AskedByUpdate { request, hop } => {
                let bytes = self.reoffer_response(&request, hop, 200, &sdp);
                let number = CSeq::read(&text(&request, Name::CSeq)).map_or(0, |cseq| cseq.number);
                if let Some(leg) = self.legs.get_mut(&id) {
                    leg.answered = Some((number, bytes));
                }
            }
            other => {
                up.reoffer = other;
                return Err(LegError::State);
            }
        }
        Ok(())
    }

    /// Refuses a re-INVITE or UPDATE; the session stays as it was.
    ///
    /// # Errors
    /// The leg is gone, or nothing was asked.
    pub fn reject_reoffer(&mut self, now: Now, id: LegId, status: u16) -> Result<(), LegError> {
        let leg = self.legs.get_mut(&id).ok_or(LegError::Gone)?;
        let Phase::Up(up) = &mut leg.phase else { return Err(LegError::State) };
        match std::mem::replace(&mut up.reoffer, Reoffer::None) {
            Reoffer::Asked { transaction, .. } => {
                let server = self.servers.get(&transaction).ok_or(LegError::Gone)?;
                let (hop, request) = (server.hop, server.request.clone());
                let bytes = self.reoffer_response(&request, hop, status, &[]);
                if let Some(server) = self.servers.get_mut(&transaction) {
                    server.last = Some(bytes);
                }
                self.complete(now, transaction);
            }
            Reoffer::AskedByUpdate { request, hop } => drop(self.reoffer_response(&request, hop, status, &[])),
            other => {
                up.reoffer = other;
                return Err(LegError::State);
            }
        }
        Ok(())
    }

    fn reoffer_response(&mut self, request: &Message, hop: Hop, status: u16, sdp: &[u8]) -> Bytes {
        let mut lines = Vec::new();
        if let Some(listener) = self.settings.listeners.get(usize::from(hop.target.listener)) {
            writer::contact(&mut lines, listener);
        }
        if status < 300
            && let Some(expires) = request.text(Name::SessionExpires)
        {
            writer::line(&mut lines, "Require", &["timer"]);
            let refresher = if expires.contains("refresher") { "" } else { ";refresher=uac" };
            writer::line(&mut lines, "Session-Expires", &[&expires, refresher]);
        }
        let reply = Reply { status, phrase: "", to_tag: None, lines: &lines, body: sdp, record_route: false };
        let bytes = writer::respond(request, hop, &self.settings.user_agent, reply);
        self.send(hop, bytes.clone());
        bytes
    }

    /// The session timer of our 2xx (RFC 4028, 9).
    fn session_lines(&self, lines: &mut Vec<u8>, key: ServerKey) {
        let Some(server) = self.servers.get(&key) else { return };
        let Some(expires) = server.request.text(Name::SessionExpires) else { return };
        let refresher = if expires.contains("refresher") { "" } else { ";refresher=uac" };
        writer::line(lines, "Require", &["timer"]);
        writer::line(lines, "Session-Expires", &[&expires, refresher]);
    }
}

fn allow(peer: &Peer) -> &'static str {
    match peer {
        Peer::Trunk(_) => writer::ALLOW,
        Peer::PhoneNetwork => writer::ALLOW_PHONES,
    }
}

fn text(message: &Message, name: Name) -> String {
    message.text(name).unwrap_or_default().into_owned()
}

/// The name and address of From or To, without its parameters.
fn without_tag(value: &str) -> String {
    match value.rfind('>') {
        Some(end) => value[..=end].to_owned(),
        None => value.split(';').next().unwrap_or(value).to_owned(),
    }
}

/// Why a new INVITE cannot be handled: its URI, its body, or what it accepts (RFC 3261, 8.2).
fn unacceptable(message: &Message) -> Option<(u16, Vec<u8>)> {
    match crate::sip::uri::Uri::read(&message.request_uri()) {
        Ok(_) => {}
        Err(crate::sip::uri::UriError::Scheme) => return Some((416, Vec::new())),
        Err(crate::sip::uri::UriError::Malformed) => return Some((400, Vec::new())),
    }
    let is_sdp = |value: &str| value.trim().to_ascii_lowercase().starts_with("application/sdp");
    if !message.body.is_empty() && message.text(Name::ContentType).is_none_or(|value| !is_sdp(&value)) {
        let mut lines = Vec::new();
        writer::line(&mut lines, "Accept", &["application/sdp"]);
        return Some((415, lines));
    }
    let accepts = |value: &str| {
        value
            .split(',')
            .any(|one| is_sdp(one) || one.trim().starts_with("*/*") || one.trim().starts_with("application/*"))
    };
    if message.count(Name::Accept) > 0 && !message.all(Name::Accept).any(|value| accepts(&value)) {
        return Some((406, Vec::new()));
    }
    None
}
