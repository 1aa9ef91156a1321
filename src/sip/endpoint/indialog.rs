//! Requests of the peer in a dialog: its end, changes of the session, refreshes, keys.

use super::requests::{end_reason, number, text};
use super::session::Part;
use super::*;

impl Endpoint {
    pub(super) fn in_dialog_request(
        &mut self,
        now: Now,
        hop: Hop,
        key: ServerKey,
        peer: &Peer,
        method: Method,
        message: Message,
    ) {
        let tag = own_tag(&message, Name::To);
        let leg = tag
            .and_then(|tag| self.tags.get(&tag).copied())
            .and_then(|id| self.legs.get_mut(&id))
            .filter(|leg| belongs(&leg.dialog, leg.trunk.as_ref(), hop, peer, &message));
        let Some(leg) = leg else {
            let over = tag.and_then(|tag| self.afterglow.get(&tag));
            // Our 200 to its BYE was lost, or its BYE crossed ours: the call is over, as it wishes.
            let over = over.is_some_and(|over| message.raw(Name::CallId) == Some(over.dialog.call_id.as_bytes()));
            if over && method == Method::Bye {
                return self.answer_status(hop, &message, 200, "", &[]);
            }
            return self.refuse(peer, hop, &message, 481, "", &[]);
        };
        let (id, number) = (leg.id, number(&message));
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
                // Before the answer only the caller may say BYE (RFC 3261, 15).
                let calling = self.legs.get(&id).is_some_and(|leg| matches!(leg.phase, Phase::Calling(_)));
                if !calling {
                    self.end_with(now, id, EndedBy::Remote, end_reason(&message));
                }
            }
            Method::Invite => self.reinvited(now, hop, key, id, message),
            Method::Update => self.updated(now, hop, id, message),
            Method::Info => self.informed(hop, id, &message),
            Method::PRack => {
                let status = if self.pracked(now, id, &message) { 200 } else { 481 };
                self.answer_and_keep(hop, id, &message, status);
            }
            Method::Options => self.answer_status(hop, &message, 200, "", &[]),
            Method::Ack
            | Method::Cancel
            | Method::Register
            | Method::Message
            | Method::Notify
            | Method::Publish
            | Method::Refer
            | Method::Subscribe => {
                let mut lines = Vec::new();
                writer::line(&mut lines, "Allow", &[writer::ALLOW]);
                self.answer_status(hop, &message, 405, "", &lines);
            }
        }
    }

    /// Answers, and gives the same answer to repetitions.
    fn answer_and_keep(&mut self, hop: Hop, id: LegId, message: &Message, status: u16) {
        let reply = Reply { status, ..Reply::default() };
        let bytes = writer::respond(message, hop, &self.settings.user_agent, reply);
        self.send(hop, bytes.clone());
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.answered = Some((number(message), bytes));
        }
    }

    fn informed(&mut self, hop: Hop, id: LegId, message: &Message) {
        self.answer_and_keep(hop, id, message, 200);
        if let Some(key) = pressed_key(message) {
            self.mention(Event::Dtmf { leg: id, key });
        }
    }

    fn reinvited(&mut self, now: Now, hop: Hop, key: ServerKey, id: LegId, message: Message) {
        let busy = match self.legs.get(&id).map(|leg| &leg.phase) {
            Some(Phase::Up(up)) => match up.reoffer {
                Reoffer::None => None,
                // RFC 3261, 14.2: a second one before the first is answered.
                Reoffer::Asked { .. } | Reoffer::AskedByUpdate { .. } => Some(500),
                Reoffer::Refreshing | Reoffer::Unacked(_) => Some(491),
            },
            Some(Phase::Calling(_) | Phase::Offered(_) | Phase::Accepted { .. }) | None => Some(491),
        };
        let small = self.interval_too_small(&message);
        let (status, lines) = match (busy, super::admission::unacceptable(&message), small) {
            (None, None, None) => (0, Vec::new()),
            (Some(500), _, _) => {
                let mut lines = Vec::new();
                writer::line(&mut lines, "Retry-After", &[&(self.fresh() % 10).to_string()]);
                (500, lines)
            }
            (Some(status), _, _) => (status, Vec::new()),
            (None, Some((status, lines)), _) => (status, lines),
            (None, None, Some(lines)) => (422, lines),
        };
        let sdp = (!message.body.is_empty()).then(|| message.body.clone());
        if status != 0 {
            self.open_server(now, key, hop, id, message.clone(), None);
            let reply = Reply { status, lines: &lines, ..Reply::default() };
            let bytes = writer::respond(&message, hop, &self.settings.user_agent, reply);
            if let Some(server) = self.servers.get_mut(&key) {
                server.last = Some(bytes.clone());
            }
            self.send(hop, bytes);
            return self.complete(now, key);
        }
        if let Some(leg) = self.legs.get_mut(&id)
            && let Phase::Up(up) = &mut leg.phase
        {
            up.reoffer = Reoffer::Asked { transaction: key, has_offer: sdp.is_some() };
            super::responses::refresh_target(&mut leg.dialog, &message);
        }
        self.open_server(now, key, hop, id, message, None);
        self.events.push_back(Event::Reoffer { leg: id, sdp });
    }

    fn updated(&mut self, now: Now, hop: Hop, id: LegId, message: Message) {
        if let Some(lines) = self.interval_too_small(&message) {
            return self.answer_status(hop, &message, 422, "", &lines);
        }
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if message.body.is_empty() {
            // A refresh of the session (RFC 4028, 7.4).
            super::responses::refresh_target(&mut leg.dialog, &message);
            self.reoffer_response(&message, hop, 200, &[]);
            return self.start_session(now, id, &message, Part::Server);
        }
        let Phase::Up(up) = &mut leg.phase else { return self.answer_status(hop, &message, 491, "", &[]) };
        if !matches!(up.reoffer, Reoffer::None) {
            return self.answer_status(hop, &message, 491, "", &[]);
        }
        super::responses::refresh_target(&mut leg.dialog, &message);
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
        match std::mem::take(&mut up.reoffer) {
            Reoffer::Asked { transaction, has_offer } => {
                leg.local_sdp = sdp.clone();
                let server = self.servers.get(&transaction).ok_or(LegError::Gone)?;
                let (hop, request) = (server.hop, server.request.clone().ok_or(LegError::Gone)?);
                let bytes = self.reoffer_response(&request, hop, 200, &sdp);
                self.absorb(now, transaction, PATIENCE_US);
                let answer = self.unacked(now, id, bytes, hop, number(&request), !has_offer);
                self.start_session(now, id, &request, Part::Server);
                if let Some(Phase::Up(up)) = self.legs.get_mut(&id).map(|leg| &mut leg.phase) {
                    up.reoffer = Reoffer::Unacked(answer);
                }
            }
            Reoffer::AskedByUpdate { request, hop } => {
                leg.local_sdp = sdp.clone();
                let bytes = self.reoffer_response(&request, hop, 200, &sdp);
                self.start_session(now, id, &request, Part::Server);
                if let Some(leg) = self.legs.get_mut(&id) {
                    leg.answered = Some((number(&request), bytes));
                }
            }
            other @ (Reoffer::None | Reoffer::Refreshing | Reoffer::Unacked(_)) => {
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
        let status = status.clamp(400, 699);
        match std::mem::take(&mut up.reoffer) {
            Reoffer::Asked { transaction, .. } => {
                let server = self.servers.get(&transaction).ok_or(LegError::Gone)?;
                let (hop, request) = (server.hop, server.request.clone().ok_or(LegError::Gone)?);
                let bytes = self.reoffer_response(&request, hop, status, &[]);
                if let Some(server) = self.servers.get_mut(&transaction) {
                    server.last = Some(bytes);
                }
                self.complete(now, transaction);
            }
            Reoffer::AskedByUpdate { request, hop } => {
                let bytes = self.reoffer_response(&request, hop, status, &[]);
                if let Some(leg) = self.legs.get_mut(&id) {
                    leg.answered = Some((number(&request), bytes));
                }
            }
            other @ (Reoffer::None | Reoffer::Refreshing | Reoffer::Unacked(_)) => {
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
        if status < 300 {
            session_lines(&mut lines, request);
        }
        let reply = Reply { status, phrase: "", to_tag: None, lines: &lines, body: sdp, record_route: false };
        let bytes = writer::respond(request, hop, &self.settings.user_agent, reply);
        self.send(hop, bytes.clone());
        bytes
    }
}

/// Whether a request is one of this dialog: the same call, the same other end, and from where the call is.
fn belongs(dialog: &Dialog, trunk: Option<&Arc<str>>, hop: Hop, peer: &Peer, message: &Message) -> bool {
    let from = message.text(Name::From).unwrap_or_default();
    let theirs = NameAddr::read(&from).and_then(|from| from.tag());
    let same_place = dialog.target.remote.ip() == hop.target.remote.ip()
        || matches!((trunk, peer), (Some(own), Peer::Trunk(name)) if own == name);
    // Before the answer our side of an outbound dialog knows no tag of the peer yet.
    let same_end = dialog.remote_tag.is_none() || dialog.remote_tag.as_deref() == theirs;
    same_place && same_end && dialog.call_id == text(message, Name::CallId)
}

/// The session timer of our 2xx (RFC 4028, 9).
pub(super) fn session_lines(lines: &mut Vec<u8>, request: &Message) {
    let Some(expires) = request.text(Name::SessionExpires) else { return };
    let refresher = if expires.contains("refresher") { "" } else { ";refresher=uac" };
    writer::line(lines, "Require", &["timer"]);
    writer::line(lines, "Session-Expires", &[&expires, refresher]);
}

/// The key of an INFO with `application/dtmf-relay` (`Signal=5`) or `application/dtmf` (`5`).
fn pressed_key(info: &Message) -> Option<char> {
    let kind = info.text(Name::ContentType)?.split(';').next()?.trim().to_ascii_lowercase();
    let body = std::str::from_utf8(&info.body).ok()?;
    let value = match kind.as_str() {
        "application/dtmf-relay" => body.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            name.trim().eq_ignore_ascii_case("signal").then_some(value)
        })?,
        "application/dtmf" => body,
        _ => return None,
    };
    match value.trim() {
        // Some phones send the event numbers of RFC 4733.
        "10" => Some('*'),
        "11" => Some('#'),
        one => {
            let mut chars = one.chars();
            let key = chars.next()?.to_ascii_uppercase();
            (chars.next().is_none() && matches!(key, '0'..='9' | '*' | '#' | 'A'..='D')).then_some(key)
        }
    }
}
