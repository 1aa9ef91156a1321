//! Calls to us, from the INVITE to the ACK.

use super::requests::{end_reason, number, text};
use super::session::Part;
use super::*;
use crate::sip::RINGING_MAX;
use crate::sip::dialog::{Offered, Provisional, Unacked};
use crate::sip::endpoint::admission;
use crate::sip::event::{Incoming, Source};
use crate::sip::uri::Uri;

impl Endpoint {
    pub(super) fn new_call(&mut self, now: Now, hop: Hop, key: ServerKey, peer: &Peer, message: Message) {
        let full = self.legs.len() >= self.settings.legs_max
            || self.servers.len() >= TRANSACTIONS_MAX
            || self.events.len() >= UNREAD_MAX;
        if full {
            self.discarded.overload += 1;
            let mut lines = Vec::new();
            writer::line(&mut lines, "Retry-After", &[&self.settings.overload_retry_after_s.to_string()]);
            return self.refuse(peer, hop, &message, 503, "", &lines);
        }
        if let Some((status, lines)) = admission::unacceptable(&message) {
            return self.refuse(peer, hop, &message, status, "", &lines);
        }
        if let Some(lines) = self.interval_too_small(&message) {
            return self.refuse(peer, hop, &message, 422, "", &lines);
        }
        let source = match peer {
            Peer::Trunk(name) => Source::Trunk(Arc::clone(name)),
            Peer::PhoneNetwork => match self.prove(now, hop, &message, "INVITE") {
                Ok(user) => Source::Phone(user),
                Err(lines) => return self.refuse(peer, hop, &message, 407, "", &lines),
            },
        };
        let merge = self.seal.of(&[
            NameAddr::read(&text(&message, Name::From))
                .and_then(|from| from.tag().map(str::to_owned))
                .unwrap_or_default()
                .as_bytes(),
            text(&message, Name::CallId).as_bytes(),
            &number(&message).to_be_bytes(),
        ]);
        if self.merges.contains_key(&merge) {
            // The same call over another way (RFC 3261, 8.2.2.2).
            return self.answer_status(hop, &message, 482, "", &[]);
        }
        let id = LegId(self.mint.next(now.timestamp));
        let dialog = self.inbound_dialog(hop, &message);
        let incoming = incoming(id, source, hop, &message);
        let trunk = match &incoming.source {
            Source::Trunk(name) => Some(Arc::clone(name)),
            Source::Phone(_) => None,
        };
        let provisional =
            if message.lists(Name::Require, "100rel") { Provisional::Reliable(0) } else { Provisional::Unreliable };
        let offered = Offered { transaction: key, has_offer: incoming.sdp.is_some(), provisional };
        self.tags.insert(dialog.local_tag, id);
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
        self.legs.insert(id, leg);
        self.open_server(now, key, hop, id, message, Some(merge));
        self.events.push_back(Event::Incoming(incoming));
    }

    fn inbound_dialog(&mut self, hop: Hop, message: &Message) -> Dialog {
        let mut dialog = Dialog {
            call_id: text(message, Name::CallId),
            local_tag: self.fresh(),
            remote_tag: None,
            local: without_tag(&text(message, Name::To)),
            remote: without_tag(&text(message, Name::From)),
            local_cseq: 0,
            remote_cseq: Some(number(message)),
            routes: Vec::new(),
            remote_target: String::new(),
            target: hop.target,
            connection: hop.connection,
            caller: false,
        };
        super::responses::learn(&mut dialog, message, false);
        dialog
    }

    /// Says 100 and keeps the transaction of an INVITE, the first or a later one of its dialog.
    pub(super) fn open_server(
        &mut self,
        now: Now,
        key: ServerKey,
        hop: Hop,
        leg: LegId,
        request: Message,
        merge: Option<u128>,
    ) {
        let trying = writer::respond(&request, hop, "", Reply { status: 100, ..Reply::default() });
        self.send(hop, trying.clone());
        let deadline = self.timers.set(now.instant + RINGING_MAX, Timer::ResponseDeadline(key));
        let server = ServerTransaction {
            request: Some(request),
            hop,
            leg,
            merge,
            last: Some(trying),
            state: ServerState::Proceeding,
            interval_us: T1_US,
            resend: None,
            deadline: Some(deadline),
        };
        if let Some(merge) = merge {
            self.merges.insert(merge, key);
        }
        self.servers.insert(key, server);
    }

    /// RFC 4028, 9: the 422 to an interval that is too short.
    pub(super) fn interval_too_small(&self, message: &Message) -> Option<Vec<u8>> {
        let asked = message.text(Name::SessionExpires).and_then(|value| header::SessionExpires::read(&value))?;
        let shortest = self.settings.min_session_expires_s;
        // Who does not know session timers did not set this one: a proxy did, and must not be refused for it.
        if asked.interval_s >= shortest || !message.lists(Name::Supported, "timer") {
            return None;
        }
        let mut lines = Vec::new();
        writer::line(&mut lines, "Min-SE", &[&shortest.to_string()]);
        Some(lines)
    }

    /// Tells the caller that it rings.
    ///
    /// # Errors
    /// The leg is gone, or is answered.
    pub fn ring(&mut self, now: Now, id: LegId) -> Result<(), LegError> {
        let leg = self.legs.get_mut(&id).ok_or(LegError::Gone)?;
        let Phase::Offered(offered) = &mut leg.phase else { return Err(LegError::State) };
        let key = offered.transaction;
        let mut lines = Vec::new();
        let rseq = match offered.provisional {
            Provisional::Unreliable => None,
            Provisional::Reliable(last) => Some(last + 1),
            // RFC 3262, 3: no second one before the first is acknowledged; it says the same anyway.
            Provisional::Unpracked(_) => return Ok(()),
        };
        if let Some(rseq) = rseq {
            offered.provisional = Provisional::Unpracked(rseq);
            writer::line(&mut lines, "Require", &["100rel"]);
            writer::line(&mut lines, "RSeq", &[&rseq.to_string()]);
        }
        self.respond_to_invite(id, 180, &lines, Bytes::new())?;
        if rseq.is_some() {
            let resend = self.timers.set(now.instant + micros(T1_US), Timer::ResponseResend(key));
            let deadline = self.timers.set(now.instant + micros(PATIENCE_US), Timer::ResponseDeadline(key));
            self.set_server_timers(key, Some(resend), deadline);
        }
        Ok(())
    }

    /// A PRACK came: `true` if it acknowledges the provisional response that waits for one.
    pub(super) fn pracked(&mut self, now: Now, id: LegId, message: &Message) -> bool {
        let Some(Phase::Offered(offered)) = self.legs.get_mut(&id).map(|leg| &mut leg.phase) else { return false };
        let key = offered.transaction;
        let Provisional::Unpracked(rseq) = offered.provisional else { return false };
        let text = message.text(Name::RAck).unwrap_or_default();
        if text.split_ascii_whitespace().next().and_then(|one| one.parse().ok()) != Some(rseq) {
            return false;
        }
        offered.provisional = Provisional::Reliable(rseq);
        let deadline = self.timers.set(now.instant + RINGING_MAX, Timer::ResponseDeadline(key));
        self.set_server_timers(key, None, deadline);
        true
    }

    fn set_server_timers(&mut self, key: ServerKey, resend: Option<Handle>, deadline: Handle) {
        let Some(server) = self.servers.get_mut(&key) else { return self.timers.cancel(Some(deadline)) };
        server.interval_us = T1_US;
        let old = (std::mem::replace(&mut server.resend, resend), server.deadline.replace(deadline));
        self.timers.cancel(old.0);
        self.timers.cancel(old.1);
    }

    /// Answers a call.
    ///
    /// # Errors
    /// The leg is gone, or is answered.
    pub fn answer(&mut self, now: Now, id: LegId, sdp: Bytes) -> Result<(), LegError> {
        let leg = self.legs.get(&id).ok_or(LegError::Gone)?;
        let Phase::Offered(offered) = &leg.phase else { return Err(LegError::State) };
        let (key, has_offer) = (offered.transaction, offered.has_offer);
        let server = self.servers.get(&key).ok_or(LegError::Gone)?;
        let (hop, request) = (server.hop, server.request.clone().ok_or(LegError::Gone)?);
        let mut lines = Vec::new();
        super::indialog::session_lines(&mut lines, &request);
        let bytes = self.respond_to_invite(id, 200, &lines, sdp.clone())?;
        self.absorb(now, key, PATIENCE_US);
        let answer = self.unacked(now, id, bytes, hop, number(&request), !has_offer);
        self.start_session(now, id, &request, Part::Server);
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.local_sdp = sdp;
            leg.phase = Phase::Accepted { answer, hang_up: None };
        }
        Ok(())
    }

    pub(super) fn unacked(&mut self, now: Now, id: LegId, bytes: Bytes, hop: Hop, cseq: u32, offers: bool) -> Unacked {
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
        self.respond_to_invite(id, status.clamp(300, 699), &lines, Bytes::new())?;
        self.complete(now, key);
        self.end_with(now, id, EndedBy::Local, EndReason::default());
        Ok(())
    }

    fn respond_to_invite(&mut self, id: LegId, status: u16, lines: &[u8], sdp: Bytes) -> Result<Bytes, LegError> {
        let leg = self.legs.get(&id).ok_or(LegError::Gone)?;
        let Phase::Offered(offered) = &leg.phase else { return Err(LegError::State) };
        let (key, tag) = (offered.transaction, leg.dialog.local_tag);
        let server = self.servers.get_mut(&key).ok_or(LegError::Gone)?;
        let request = server.request.as_ref().ok_or(LegError::Gone)?;
        let mut all = Vec::new();
        if let Some(listener) = self.settings.listeners.get(usize::from(server.hop.target.listener)) {
            writer::contact(&mut all, listener);
        }
        writer::line(&mut all, "Allow", &[writer::ALLOW]);
        all.extend_from_slice(lines);
        let reply = Reply { status, phrase: "", to_tag: Some(tag), lines: &all, body: &sdp, record_route: true };
        let bytes = writer::respond(request, server.hop, &self.settings.user_agent, reply);
        server.last = Some(bytes.clone());
        let hop = server.hop;
        self.send(hop, bytes.clone());
        Ok(bytes)
    }

    /// A non-2xx final was sent: it is repeated over UDP until the ACK comes.
    pub(super) fn complete(&mut self, now: Now, key: ServerKey) {
        let Some(server) = self.servers.get_mut(&key) else { return };
        server.state = ServerState::Completed;
        server.request = None;
        let hop = server.hop;
        let resend =
            self.unreliable(hop).then(|| self.timers.set(now.instant + micros(T1_US), Timer::ResponseResend(key)));
        let deadline = self.timers.set(now.instant + micros(PATIENCE_US), Timer::ResponseDeadline(key));
        self.set_server_timers(key, resend, deadline);
    }

    /// RFC 6026: repetitions of the request are taken in silence from here on; what is left to say the leg says.
    pub(super) fn absorb(&mut self, now: Now, key: ServerKey, wait_us: u64) {
        let Some(server) = self.servers.get_mut(&key) else { return };
        server.state = ServerState::Absorbing;
        (server.request, server.last) = (None, None);
        let deadline = self.timers.set(now.instant + micros(wait_us), Timer::ResponseDeadline(key));
        self.set_server_timers(key, None, deadline);
    }

    /// Ends the transaction of an INVITE whose leg is over, with 487 unless it was answered.
    pub(super) fn terminate(&mut self, now: Now, key: ServerKey, tag: u64) {
        let Some(server) = self.servers.get_mut(&key) else { return };
        let (ServerState::Proceeding, Some(request)) = (server.state, &server.request) else { return };
        let reply = Reply { status: 487, to_tag: Some(tag).filter(|tag| *tag != 0), ..Reply::default() };
        let (bytes, hop) = (writer::respond(request, server.hop, &self.settings.user_agent, reply), server.hop);
        server.last = Some(bytes.clone());
        self.send(hop, bytes);
        self.complete(now, key);
    }

    pub(super) fn resend_response(&mut self, now: Now, key: ServerKey) {
        let Some(server) = self.servers.get_mut(&key) else { return };
        let reliable_provisional = server.state == ServerState::Proceeding;
        // Timer G stops growing at T2; RFC 3262 lets provisional responses go on doubling.
        let longest_us = if reliable_provisional { PATIENCE_US } else { T2_US };
        server.interval_us = (server.interval_us * 2).min(longest_us);
        let (hop, last, wait) = (server.hop, server.last.clone(), server.interval_us);
        server.resend = Some(self.timers.set(now.instant + micros(wait), Timer::ResponseResend(key)));
        if let Some(bytes) = last {
            self.send(hop, bytes);
        }
    }

    pub(super) fn response_deadline(&mut self, now: Now, key: ServerKey) {
        let Some(server) = self.servers.get_mut(&key) else { return };
        server.deadline = None;
        let (state, id) = (server.state, server.leg);
        let offered = self.legs.get(&id).and_then(|leg| match &leg.phase {
            Phase::Offered(offered) if offered.transaction == key => Some(offered.provisional),
            Phase::Offered(_) | Phase::Calling(_) | Phase::Accepted { .. } | Phase::Up(_) => None,
        });
        match (state, offered) {
            (ServerState::Proceeding, Some(provisional)) => {
                let (status, by) = match provisional {
                    Provisional::Unpracked(_) => (504, EndedBy::Unacknowledged),
                    Provisional::Unreliable | Provisional::Reliable(_) => (480, EndedBy::Local),
                };
                if self.respond_to_invite(id, status, &[], Bytes::new()).is_ok() {
                    self.complete(now, key);
                }
                self.end_with(now, id, by, EndReason::default());
            }
            // A re-INVITE that nobody answered.
            (ServerState::Proceeding, None) => {
                if let Some(Phase::Up(up)) = self.legs.get_mut(&id).map(|leg| &mut leg.phase) {
                    up.reoffer = Reoffer::None;
                }
                self.terminate(now, key, 0);
            }
            (ServerState::Completed | ServerState::Absorbing, _) => self.drop_server(key),
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
        self.end_with(now, id, EndedBy::Unacknowledged, EndReason::default());
    }

    pub(super) fn acknowledged(&mut self, now: Now, key: ServerKey, hop: Hop, message: &Message) {
        match self.servers.get(&key).map(|server| server.state) {
            // Timer I: a repeated INVITE may still be under way. Streams do not repeat.
            Some(ServerState::Completed) if self.unreliable(hop) => return self.absorb(now, key, T4_US),
            Some(ServerState::Completed) => return self.drop_server(key),
            Some(ServerState::Absorbing | ServerState::Proceeding) | None => {}
        }
        let Some(tag) = own_tag(message, Name::To) else {
            self.discarded.stray_ack += 1;
            return;
        };
        let Some(leg) = self.tags.get(&tag).copied().and_then(|id| self.legs.get_mut(&id)) else {
            self.discarded.stray_ack += u64::from(!self.afterglow.contains_key(&tag));
            return;
        };
        let (id, cseq) = (leg.id, CSeq::read(&text(message, Name::CSeq)).map(|cseq| cseq.number));
        let (answer, hang_up) = match &mut leg.phase {
            Phase::Accepted { answer, hang_up } if Some(answer.cseq) == cseq => {
                let ended = (answer.resend, answer.deadline, answer.offers);
                let hang_up = hang_up.take();
                leg.phase = Phase::Up(Up::default());
                (ended, hang_up)
            }
            Phase::Up(up) => match &up.reoffer {
                Reoffer::Unacked(answer) if Some(answer.cseq) == cseq => {
                    let ended = (answer.resend, answer.deadline, answer.offers);
                    up.reoffer = Reoffer::None;
                    (ended, None)
                }
                Reoffer::None
                | Reoffer::Refreshing
                | Reoffer::Asked { .. }
                | Reoffer::AskedByUpdate { .. }
                | Reoffer::Unacked(_) => return,
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
            self.end_with(now, id, EndedBy::Local, EndReason::default());
        }
    }

    pub(super) fn cancelled(&mut self, now: Now, hop: Hop, key: ServerKey, peer: &Peer, message: &Message) {
        let server = self.servers.get(&key).filter(|server| server.hop.target.remote.ip() == hop.target.remote.ip());
        let Some(server) = server else {
            return self.refuse(peer, hop, message, 481, "", &[]);
        };
        let (id, state) = (server.leg, server.state);
        self.answer_status(hop, message, 200, "", &[]);
        if state != ServerState::Proceeding {
            return;
        }
        let Some(leg) = self.legs.get_mut(&id) else { return };
        match &mut leg.phase {
            // The 487 is sent as the leg ends.
            Phase::Offered(_) => self.end_with(now, id, EndedBy::CallerCancelled, end_reason(message)),
            Phase::Up(up) => {
                up.reoffer = Reoffer::None;
                self.terminate(now, key, 0);
            }
            Phase::Calling(_) | Phase::Accepted { .. } => {}
        }
    }
}

fn incoming(leg: LegId, source: Source, hop: Hop, message: &Message) -> Incoming {
    let (from, to) = (text(message, Name::From), text(message, Name::To));
    let user =
        |value: &str| header::split(value, b',').next().and_then(NameAddr::read).map(|party| party.user().into_owned());
    Incoming {
        leg,
        source,
        remote: hop.target.remote,
        dialled: Uri::read(&message.request_uri()).map(|uri| uri.user_unescaped().into_owned()).unwrap_or_default(),
        to_user: user(&to).unwrap_or_default(),
        from_user: user(&from).unwrap_or_default(),
        from_display: NameAddr::read(&from).map(|party| party.display().into_owned()).unwrap_or_default(),
        asserted_user: message.text(Name::PAssertedIdentity).and_then(|value| user(&value)),
        diverted_by: message.text(Name::Diversion).and_then(|value| user(&value)),
        call_id: text(message, Name::CallId),
        sdp: (!message.body.is_empty()).then(|| message.body.clone()),
    }
}

/// The name and address of From or To, without its parameters.
fn without_tag(value: &str) -> String {
    match value.rfind('>') {
        Some(end) => value[..=end].to_owned(),
        None => value.split(';').next().unwrap_or(value).trim().to_owned(),
    }
}
