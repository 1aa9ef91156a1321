//! What comes back to our requests.

use super::session::Part;
use super::*;
use crate::sip::dialog::{Cancel, Progress};
use crate::sip::event::FailureKind;
use crate::sip::header;
use crate::sip::{FAIL_OVER_AFTER, RINGING_MAX};

/// Forks of one call that are remembered; the BYE to one more is sent for each repetition of its 200.
const FORKS_MAX: usize = 8;

impl Endpoint {
    pub(super) fn response(&mut self, now: Now, hop: Hop, message: &Message, status: u16) {
        let via = message.text(Name::Via).unwrap_or_default();
        let cseq_text = message.text(Name::CSeq).unwrap_or_default();
        // A second Via means that it was not for us (RFC 3261, 8.1.3.3), a fault that it cannot be trusted.
        let own = message.fault.is_none() && message.count(Name::Via) == 1;
        let (true, Some(branch), Some(cseq)) =
            (own, Via::read(&via).and_then(|via| writer::own_branch(&via)), CSeq::read(&cseq_text))
        else {
            self.discarded.stray_response += 1;
            return;
        };
        let key = ClientKey { branch, cancel: cseq.method == "CANCEL" };
        let Some(client) = self.clients.get(&key) else { return self.late_answer(now, hop, message, status, &cseq) };
        // I-45 and RFC 3261 17.1.3: only the one we asked, and only about what we asked.
        let same_host = client.hop.target.remote.ip() == hop.target.remote.ip();
        let method = vocabulary::token(client.method);
        if !same_host || cseq.method != method || cseq.number != client.cseq {
            self.discarded.stray_response += 1;
            return;
        }
        let challenged = matches!(status, 401 | 407) && matches!(client.purpose, Purpose::Bye | Purpose::Update);
        if challenged && self.authorize_in_dialog(now, key, message) {
            return;
        }
        let Some(client) = self.clients.get(&key) else { return };
        match (&client.purpose, status) {
            (Purpose::Invite, 100..=199) => self.provisional(now, key, message, status),
            (Purpose::Reinvite, 100..=199) => self.refresh_proceeds(key),
            (_, 100..=199) => {}
            (Purpose::Invite, 200..=299) => self.accepted(now, hop, key, message),
            (Purpose::Invite, _) => self.refused(now, key, message, status),
            (Purpose::Reinvite, 200..=299) => self.reinvite_accepted(now, key, message),
            (Purpose::Reinvite, _) => self.reinvite_refused(now, key, message, status),
            (Purpose::Update, _) => self.update_answered(now, key, message, status),
            (Purpose::Probe(trunk, _), _) => {
                let trunk = Arc::clone(trunk);
                drop(self.end_client(key));
                self.probe_answered(&trunk, status);
            }
            (Purpose::Cancel | Purpose::Bye | Purpose::Prack, _) => drop(self.end_client(key)),
        }
    }

    fn provisional(&mut self, now: Now, key: ClientKey, message: &Message, status: u16) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        if client.state == ClientState::Completed {
            return;
        }
        let Some(id) = client.leg else {
            // The call went on to the next server because this one was silent: its phone must not ring as well.
            client.state = ClientState::Completed;
            return self.send_cancel(now, None, key, &EndReason::default());
        };
        if client.state == ClientState::Calling {
            client.state = ClientState::Proceeding;
            let deadline = self.timers.set(now.instant + RINGING_MAX, Timer::RequestDeadline(key));
            let (resend, old) = (client.resend.take(), client.deadline.replace(deadline));
            self.timers.cancel(resend);
            self.timers.cancel(old);
        }
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Phase::Calling(calling) = &mut leg.phase else { return };
        let (before, told) = (calling.progress, calling.spec.is_some());
        calling.progress = before.max(if status == 100 { Progress::Trying } else { Progress::Ringing });
        if before == Progress::Silent {
            self.mention(Event::Trying { leg: id });
        }
        if status > 100 && told {
            let early_sdp = (!message.body.is_empty()).then(|| message.body.clone());
            self.mention(Event::Ringing { leg: id, status, early_sdp });
        }
        let reliable = message.lists(Name::Require, "100rel").then(|| message.text(Name::RSeq)).flatten();
        if let Some(rseq) = reliable.and_then(|text| text.trim().parse::<u32>().ok()) {
            self.prack(now, id, message, rseq);
        }
        self.send_wanted_cancel(now, id);
    }

    /// RFC 3262: a reliable provisional response is acknowledged.
    fn prack(&mut self, now: Now, id: LegId, message: &Message, rseq: u32) {
        let branch = self.fresh();
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Phase::Calling(calling) = &mut leg.phase else { return };
        if calling.last_rseq.is_some_and(|last| rseq <= last) {
            return;
        }
        calling.last_rseq = Some(rseq);
        let invite_cseq = calling.invite_cseq;
        let mut dialog = leg.dialog.clone();
        learn(&mut dialog, message, true);
        leg.dialog.local_cseq += 1;
        let (cseq, hop) = (leg.dialog.local_cseq, dialog.hop());
        let Some(mut out) = writer::in_dialog(&self.settings, &dialog, "PRACK", cseq, branch) else { return };
        writer::line(&mut out, "RAck", &[&format!("{rseq} {invite_cseq} INVITE")]);
        writer::finish(&mut out, &[]);
        let (key, purpose, method) = (ClientKey { branch, cancel: false }, Purpose::Prack, Method::PRack);
        self.begin_request(now, Outgoing { key, purpose, method, leg: Some(id), cseq, bytes: out.into(), hop });
    }

    fn accepted(&mut self, now: Now, hop: Hop, key: ClientKey, message: &Message) {
        let Some(client) = self.clients.get(&key) else { return };
        let cseq = client.cseq;
        if client.state == ClientState::Completed || client.leg.is_none() {
            // Another fork picks up after the call was refused, or a server after the call went on to the next.
            return self.late_answer(now, hop, message, 200, &CSeq { number: cseq, method: "INVITE" });
        }
        let Some(client) = self.end_client(key) else { return };
        drop(self.end_client(ClientKey { branch: key.branch, cancel: true }));
        let Some(id) = client.leg else { return };
        let branch = self.fresh();
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Phase::Calling(calling) = &leg.phase else { return };
        let (crossed, leftover) = (calling.cancel != Cancel::No, calling.spec.is_none());
        learn(&mut leg.dialog, message, true);
        leg.dialog.connection = client.hop.connection;
        leg.dialog.target = client.hop.target;
        leg.peer_updates = message.lists(Name::Allow, "UPDATE");
        leg.phase = Phase::Up(Up::default());
        let dialog = leg.dialog.clone();
        self.acknowledge(id, &dialog, cseq, branch);
        if leftover {
            self.send_bye(now, id, &EndReason::default());
            drop(self.end_leg(now, id));
            return;
        }
        self.start_session(now, id, message, Part::Client);
        let sdp = message.body.clone();
        self.events.push_back(Event::Answered { leg: id, sdp, crossed_cancel: crossed });
    }

    /// Sends the ACK of a 2xx, and keeps it for repeated ones.
    fn acknowledge(&mut self, id: LegId, dialog: &Dialog, cseq: u32, branch: u64) {
        let Some(ack) = self.ack(dialog, cseq, branch) else { return };
        self.send(dialog.hop(), ack.clone());
        if let Some(Phase::Up(up)) = self.legs.get_mut(&id).map(|leg| &mut leg.phase) {
            up.tail.ack = Some((cseq, ack));
        }
    }

    fn ack(&self, dialog: &Dialog, cseq: u32, branch: u64) -> Option<Bytes> {
        let mut out = writer::in_dialog(&self.settings, dialog, "ACK", cseq, branch)?;
        writer::finish(&mut out, &[]);
        Some(out.into())
    }

    /// A 2xx without a transaction: repeated, or from a second fork, or of a call that is over (RFC 3261, 13.2.2.4).
    fn late_answer(&mut self, now: Now, hop: Hop, message: &Message, status: u16, cseq: &CSeq<'_>) {
        self.discarded.stray_response += 1;
        if !(200..300).contains(&status) || cseq.method != "INVITE" {
            return;
        }
        let Some(tag) = own_tag(message, Name::From) else { return };
        let live = self.tags.get(&tag).copied();
        let to = message.text(Name::To).unwrap_or_default();
        let theirs = NameAddr::read(&to).and_then(|to| to.tag()).unwrap_or_default();
        let branch = self.fresh();
        let mut none = Tail::default();
        let (dialog, tail) = match live {
            Some(id) => match self.legs.get_mut(&id) {
                Some(Leg { dialog, phase: Phase::Up(up), .. }) => (&*dialog, &mut up.tail),
                // The transaction of an INVITE that is on its way would have taken it.
                Some(Leg { dialog, .. }) => (&*dialog, &mut none),
                None => return,
            },
            None => match self.afterglow.get_mut(&tag) {
                Some(over) => (&over.dialog, &mut over.tail),
                None => return,
            },
        };
        let ours = message.raw(Name::CallId) == Some(dialog.call_id.as_bytes())
            && dialog.caller
            && dialog.target.remote.ip() == hop.target.remote.ip();
        if !ours {
            return;
        }
        if dialog.remote_tag.as_deref() == Some(theirs) {
            let again = tail.ack.as_ref().filter(|(number, _)| *number == cseq.number).map(|(_, ack)| ack.clone());
            let to = dialog.hop();
            if let Some(ack) = again {
                self.send(to, ack);
            }
            return;
        }
        let known = tail.forks.iter().any(|fork| fork == theirs);
        if !known && tail.forks.len() < FORKS_MAX {
            tail.forks.push(theirs.to_owned());
        }
        let mut fork = dialog.clone();
        fork.remote_tag = None;
        fork.routes.clear();
        learn(&mut fork, message, true);
        if let Some(ack) = self.ack(&fork, cseq.number, branch) {
            self.send(fork.hop(), ack);
        }
        if !known {
            fork.local_cseq = fork.local_cseq.max(cseq.number) + 1;
            self.bye(now, &fork, None, &EndReason::default());
        }
    }

    /// Acknowledges a non-2xx; `true` if it came for the first time.
    fn acknowledge_refusal(&mut self, key: ClientKey, message: &Message) -> bool {
        let Some(client) = self.clients.get(&key) else { return false };
        let (hop, first) = (client.hop, client.state != ClientState::Completed);
        if let Some(ack) = writer::companion(&client.bytes, "ACK", message.raw(Name::To), &[]) {
            self.send(hop, ack);
        }
        first
    }

    /// Repeated finals are acknowledged for a while (timer D); over streams there are none.
    pub(super) fn complete_client(&mut self, now: Now, key: ClientKey) {
        let Some(client) = self.clients.get(&key) else { return };
        if !self.unreliable(client.hop) {
            drop(self.end_client(key));
        } else {
            let deadline = self.timers.set(now.instant + micros(PATIENCE_US), Timer::RequestDeadline(key));
            if let Some(client) = self.clients.get_mut(&key) {
                client.state = ClientState::Completed;
                let (old, resend) = (client.deadline.replace(deadline), client.resend.take());
                self.timers.cancel(old);
                self.timers.cancel(resend);
            }
        }
        drop(self.end_client(ClientKey { branch: key.branch, cancel: true }));
    }

    fn refused(&mut self, now: Now, key: ClientKey, message: &Message, status: u16) {
        if !self.acknowledge_refusal(key, message) {
            return;
        }
        let Some(id) = self.clients.get(&key).and_then(|client| client.leg) else { return };
        let wanted = self
            .legs
            .get(&id)
            .is_some_and(|leg| matches!(&leg.phase, Phase::Calling(calling) if calling.cancel == Cancel::No));
        let corrected = match status {
            401 | 407 if wanted => self.authorize(now, key, message),
            422 if wanted => self.lengthen_interval(now, key, message),
            _ => false,
        };
        if corrected {
            return;
        }
        self.complete_client(now, key);
        let kind = match status {
            300..=399 => FailureKind::Redirected,
            401 | 407 => FailureKind::AuthFailed,
            _ => FailureKind::Rejected,
        };
        let failure = Failure {
            status,
            phrase: message.phrase().into_owned(),
            q850: message.all(Name::Reason).find_map(|value| header::q850_cause(&value)),
            retry_after_s: message.text(Name::RetryAfter).and_then(|value| header::retry_after_s(&value)),
            kind,
        };
        self.call_failed(now, id, failure, status == 503);
    }

    /// An INVITE came to nothing: the next target, if nobody's phone has rung, or the end.
    fn call_failed(&mut self, now: Now, id: LegId, mut failure: Failure, may_fail_over: bool) {
        if may_fail_over && self.fail_over(now, id) {
            return;
        }
        let Some(Leg { phase: Phase::Calling(calling), .. }) = self.legs.get(&id) else { return };
        match calling.cancel {
            Cancel::No => {}
            Cancel::Wanted(_) | Cancel::Sent => failure.kind = FailureKind::Cancelled,
            Cancel::Overdue => failure.kind = FailureKind::Timeout,
        }
        let leftover = calling.spec.is_none();
        drop(self.end_leg(now, id));
        if !leftover {
            self.events.push_back(Event::Failed { leg: id, cause: failure });
        }
    }

    /// Tries the next target. To another server it is another call, with another Call-ID and tag; the old tag is kept for
    /// answers that come too late.
    fn fail_over(&mut self, now: Now, id: LegId) -> bool {
        let Some(Leg { phase: Phase::Calling(calling), .. }) = self.legs.get(&id) else { return false };
        let token = calling.spec.as_ref().and_then(|spec| spec.token.clone());
        let place = calling.target_index + 1;
        let branch = self.branch(token.as_ref(), place, 1);
        let (call_id, tag) = self.names(token.as_ref(), place);
        let Some(leg) = self.legs.get_mut(&id) else { return false };
        let Phase::Calling(calling) = &mut leg.phase else { return false };
        let Some(spec) = &calling.spec else { return false };
        let Some(target) = spec.targets.get(place).copied() else { return false };
        if calling.progress == Progress::Ringing || calling.cancel != Cancel::No {
            return false;
        }
        calling.target_index = place;
        calling.progress = Progress::Silent;
        calling.invite = ClientKey { branch, cancel: false };
        calling.invite_cseq = 1;
        let fresh = Dialog { target, connection: None, call_id, local_tag: tag, local_cseq: 1, ..leg.dialog.clone() };
        let old = std::mem::replace(&mut leg.dialog, fresh);
        self.tags.remove(&old.local_tag);
        self.tags.insert(tag, id);
        self.keep_afterglow(now, old, Tail::default());
        self.send_invite(now, id);
        self.events.push_back(Event::Resent { leg: id });
        true
    }

    /// The call went on to the next server, but the one that was silent may only be slow: what it says yet is heard until
    /// its timer B, on behalf of nobody.
    fn listen_on(&mut self, now: Now, key: ClientKey, client: ClientTransaction) {
        self.clients.insert(key, ClientTransaction { leg: None, resend: None, deadline: None, ..client });
        self.set_deadline(now, key, micros(PATIENCE_US).saturating_sub(FAIL_OVER_AFTER));
    }

    /// A request got no answer, or could not be sent.
    pub(super) fn request_failed(&mut self, now: Now, key: ClientKey, kind: FailureKind) {
        let Some(client) = self.end_client(key) else { return };
        match (&client.purpose, client.leg) {
            (Purpose::Invite, Some(id)) => {
                drop(self.end_client(ClientKey { branch: key.branch, cancel: true }));
                let status = if kind == FailureKind::Transport { 503 } else { 408 };
                let failure = Failure { status, phrase: String::new(), q850: None, retry_after_s: None, kind };
                // With a 100 the server has it, and may yet ring: a second call must not follow (F-50).
                let silent = client.state == ClientState::Calling;
                self.call_failed(now, id, failure, silent);
                if silent && kind == FailureKind::Timeout && self.legs.contains_key(&id) {
                    self.listen_on(now, key, client);
                }
            }
            (Purpose::Probe(trunk, _), _) => self.probe_answered(trunk, 408),
            (Purpose::Reinvite | Purpose::Update, Some(id)) => {
                self.send_bye(now, id, &EndReason::default());
                self.end_with(now, id, EndedBy::Unreachable, EndReason::default());
            }
            (Purpose::Invite | Purpose::Reinvite | Purpose::Update, None) => {}
            (Purpose::Cancel | Purpose::Bye | Purpose::Prack, _) => {}
        }
    }

    // ---- refreshes of the session ----

    fn refresh_proceeds(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        if client.state == ClientState::Calling {
            client.state = ClientState::Proceeding;
            let resend = client.resend.take();
            self.timers.cancel(resend);
        }
    }

    fn reinvite_accepted(&mut self, now: Now, key: ClientKey, message: &Message) {
        let Some(client) = self.end_client(key) else { return };
        let Some(id) = client.leg else { return };
        let branch = self.fresh();
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Phase::Up(up) = &mut leg.phase else { return };
        up.reoffer = Reoffer::None;
        refresh_target(&mut leg.dialog, message);
        let dialog = leg.dialog.clone();
        self.acknowledge(id, &dialog, client.cseq, branch);
        self.start_session(now, id, message, Part::Client);
        if !message.body.is_empty() {
            let result = Ok(message.body.clone());
            self.events.push_back(Event::ReofferAnswered { leg: id, result });
        }
    }

    fn reinvite_refused(&mut self, now: Now, key: ClientKey, message: &Message, status: u16) {
        if !self.acknowledge_refusal(key, message) {
            return;
        }
        if matches!(status, 401 | 407) && self.authorize_in_dialog(now, key, message) {
            return;
        }
        let id = self.clients.get(&key).and_then(|client| client.leg);
        self.complete_client(now, key);
        let Some(id) = id else { return };
        if let Some(Phase::Up(up)) = self.legs.get_mut(&id).map(|leg| &mut leg.phase) {
            up.reoffer = Reoffer::None;
        }
        self.refresh_refused(now, id, status);
    }

    fn update_answered(&mut self, now: Now, key: ClientKey, message: &Message, status: u16) {
        let Some(id) = self.end_client(key).and_then(|client| client.leg) else { return };
        if status >= 300 {
            return self.refresh_refused(now, id, status);
        }
        if let Some(leg) = self.legs.get_mut(&id) {
            refresh_target(&mut leg.dialog, message);
        }
        self.start_session(now, id, message, Part::Client);
    }

    fn refresh_refused(&mut self, now: Now, id: LegId, status: u16) {
        match status {
            // The peer knows nothing of the call (RFC 3261, 12.2.1.2; RFC 5057).
            408 | 481 => self.end_with(now, id, EndedBy::Remote, EndReason::default()),
            _ => self.refresh_later(now, id),
        }
    }
}

/// Takes tag, target and route of a message that makes a dialog (RFC 3261, 12.1.1 and 12.1.2); `reverse`: of a response.
pub(super) fn learn(dialog: &mut Dialog, message: &Message, reverse: bool) {
    let name = if reverse { Name::To } else { Name::From };
    if let Some(text) = message.text(name)
        && let Some(party) = NameAddr::read(&text)
    {
        dialog.remote_tag = party.tag().map(str::to_owned);
        if dialog.remote_target.is_empty() {
            // RFC 2543 clients need not send a Contact.
            dialog.remote_target = party.uri.to_owned();
        }
    }
    refresh_target(dialog, message);
    let mut routes: Vec<String> = message
        .all(Name::RecordRoute)
        .flat_map(|value| header::split(&value, b',').map(|one| one.trim().to_owned()).collect::<Vec<_>>())
        .collect();
    if reverse {
        routes.reverse();
    }
    dialog.routes = routes;
}

/// Takes the peer's Contact (RFC 3261, 12.2).
pub(super) fn refresh_target(dialog: &mut Dialog, message: &Message) {
    if let Some(text) = message.text(Name::Contact)
        && let Some(contact) = header::split(&text, b',').next().and_then(NameAddr::read)
    {
        dialog.remote_target = contact.uri.to_owned();
    }
}
