//! Requests of ours: calls, their ends, and what comes back.

use super::*;
use crate::sip::dialog::{Calling, Cancel, Progress, Session};
use crate::sip::digest::Challenge;
use crate::sip::event::FailureKind;
use crate::sip::header;
use crate::sip::settings::TrunkAccount;

/// How often a request is sent again with credentials.
const AUTH_TRIES_MAX: u8 = 2;

impl Endpoint {
    /// Places a call.
    ///
    /// # Errors
    /// Says why nothing was sent.
    pub fn originate(&mut self, now: Now, id: LegId, spec: CallSpec) -> Result<(), OriginateError> {
        if self.legs.contains_key(&id) {
            return Err(OriginateError::LegInUse);
        }
        if self.legs.len() >= self.settings.legs_max || self.clients.len() >= TRANSACTIONS_MAX {
            return Err(OriginateError::Full);
        }
        let (trunk, targets, uri, connection) = match &spec.callee {
            Callee::Trunk(name) => {
                self.settings.trunk(name).ok_or(OriginateError::UnknownTrunk)?;
                let uri = spec.request_uri.clone().ok_or(OriginateError::RequestUri)?;
                (Some(Arc::clone(name)), spec.targets.clone(), uri, None)
            }
            Callee::Phone(user) => {
                let binding = self.registrar.bindings.get(user).ok_or(OriginateError::NotRegistered)?;
                let uri = spec.request_uri.clone().unwrap_or_else(|| binding.contact.clone());
                (None, vec![binding.hop.target], uri, binding.hop.connection)
            }
        };
        let target = *targets.first().ok_or(OriginateError::NoTarget)?;
        self.settings.listeners.get(usize::from(target.listener)).ok_or(OriginateError::NoTarget)?;
        if let Some(probe) = trunk.as_ref().and_then(|name| self.probes.get_mut(name)) {
            for target in &targets {
                if !probe.targets.contains(target) {
                    probe.targets.push(*target);
                }
            }
        }
        let dialog = Dialog {
            call_id: format!("{:016x}{:016x}", self.fresh(), self.fresh()),
            local_tag: self.fresh(),
            remote_tag: None,
            local: writer::name_addr(&spec.from),
            remote: writer::name_addr(&spec.to),
            local_cseq: 1,
            remote_cseq: None,
            routes: Vec::new(),
            remote_target: uri,
            target,
            connection,
            caller: true,
        };
        let invite = ClientKey { branch: self.fresh(), cancel: false };
        let calling = Calling {
            spec: Box::new(CallSpec { targets, ..spec }),
            target_index: 0,
            invite,
            invite_cseq: 1,
            progress: Progress::Silent,
            cancel: Cancel::No,
            last_rseq: None,
        };
        let local_sdp = calling.spec.sdp.clone();
        let leg = Leg {
            id,
            trunk,
            dialog,
            phase: Phase::Calling(calling),
            session: None,
            local_sdp,
            peer_updates: false,
            answered: None,
        };
        self.tags.insert(leg.dialog.local_tag, id);
        self.legs.insert(id, leg);
        self.send_invite(now, id);
        Ok(())
    }

    fn send_invite(&mut self, now: Now, id: LegId) {
        let Some(leg) = self.legs.get(&id) else { return };
        let Phase::Calling(calling) = &leg.phase else { return };
        let (key, cseq, hop, tag) = (calling.invite, calling.invite_cseq, leg.dialog.hop(), leg.dialog.local_tag);
        let Some(listener) = self.settings.listeners.get(usize::from(leg.dialog.target.listener)) else { return };
        let mut out = writer::start("INVITE", &leg.dialog.remote_target, listener, key.branch);
        writer::identity(&mut out, &leg.dialog, cseq, "INVITE");
        writer::contact(&mut out, listener);
        if let Some(party) = &calling.spec.asserted_identity {
            writer::line(&mut out, "P-Asserted-Identity", &[&writer::name_addr(party)]);
        }
        for (name, value) in &calling.spec.headers {
            writer::line(&mut out, name, &[value]);
        }
        self.common_lines(&mut out);
        writer::finish(&mut out, &calling.spec.sdp);
        self.begin_request(now, key, Purpose::Invite, Method::Invite, Some(id), cseq, tag, out.into(), hop);
    }

    /// Allow, Supported, session timer and name of a request that opens or refreshes a session.
    pub(super) fn common_lines(&self, out: &mut Vec<u8>) {
        writer::line(out, "Allow", &[writer::ALLOW]);
        writer::line(out, "Supported", &["timer, 100rel"]);
        if let Some(interval) = self.settings.session_expires_s {
            writer::line(out, "Session-Expires", &[&interval.to_string()]);
            writer::line(out, "Min-SE", &[&self.settings.min_session_expires_s.to_string()]);
        }
        writer::line(out, "User-Agent", &[&self.settings.user_agent]);
    }

    /// Stops a call that is not answered. If the answer crosses, [`Event::Answered`] says so.
    ///
    /// # Errors
    /// The leg is gone, or is answered.
    pub fn cancel(&mut self, now: Now, id: LegId, reason: Option<&EndReason>) -> Result<(), LegError> {
        let leg = self.legs.get_mut(&id).ok_or(LegError::Gone)?;
        let Phase::Calling(calling) = &mut leg.phase else { return Err(LegError::State) };
        if calling.cancel != Cancel::No {
            return Ok(());
        }
        calling.cancel = Cancel::Wanted(reason.cloned().unwrap_or_default());
        if calling.progress > Progress::Silent {
            self.send_cancel(now, id);
        }
        Ok(())
    }

    fn send_cancel(&mut self, now: Now, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Phase::Calling(calling) = &mut leg.phase else { return };
        let Cancel::Wanted(reason) = std::mem::replace(&mut calling.cancel, Cancel::Sent) else { return };
        let (invite, tag) = (calling.invite, leg.dialog.local_tag);
        let Some(client) = self.clients.get(&invite) else { return };
        let (hop, cseq) = (client.hop, client.cseq);
        let mut extra = Vec::new();
        writer::reason(&mut extra, &reason);
        let Some(bytes) = writer::companion(&client.bytes, "CANCEL", None, &extra) else { return };
        let key = ClientKey { branch: invite.branch, cancel: true };
        self.begin_request(now, key, Purpose::Cancel, Method::Cancel, Some(id), cseq, tag, bytes, hop);
        // RFC 3261, 9.1: without a final answer the INVITE is given up 64·T1 after the CANCEL.
        let deadline = self.timers.set(now.instant + micros(PATIENCE_US), Timer::RequestDeadline(invite));
        if let Some(client) = self.clients.get_mut(&invite) {
            let old = client.deadline.replace(deadline);
            self.timers.cancel(old);
        }
    }

    /// Ends a call that is up, or refuses or cancels one that is not.
    ///
    /// # Errors
    /// The leg is gone.
    pub fn hang_up(&mut self, now: Now, id: LegId, reason: Option<&EndReason>) -> Result<(), LegError> {
        let leg = self.legs.get_mut(&id).ok_or(LegError::Gone)?;
        match &mut leg.phase {
            Phase::Calling(_) => self.cancel(now, id, reason),
            Phase::Offered(_) => self.reject(now, id, 480, None),
            Phase::Accepted { hang_up, .. } => {
                // RFC 3261, 15: the callee waits for the ACK with its BYE.
                *hang_up = Some(reason.cloned().unwrap_or_default());
                Ok(())
            }
            Phase::Up(_) => {
                self.send_bye(now, id, &reason.cloned().unwrap_or_default());
                self.end_with(id, EndedBy::Local, EndReason::default());
                Ok(())
            }
        }
    }

    pub(super) fn send_bye(&mut self, now: Now, id: LegId, reason: &EndReason) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.dialog.local_cseq += 1;
        let dialog = leg.dialog.clone();
        self.bye(now, &dialog, reason);
    }

    pub(super) fn bye(&mut self, now: Now, dialog: &Dialog, reason: &EndReason) {
        let key = ClientKey { branch: self.fresh(), cancel: false };
        let cseq = dialog.local_cseq;
        let Some(mut out) = writer::in_dialog(&self.settings, dialog, "BYE", cseq, key.branch) else { return };
        writer::reason(&mut out, reason);
        writer::line(&mut out, "User-Agent", &[&self.settings.user_agent]);
        writer::finish(&mut out, &[]);
        self.begin_request(now, key, Purpose::Bye, Method::Bye, None, cseq, dialog.local_tag, out.into(), dialog.hop());
    }

    /// What is needed to end this leg after a crash.
    pub fn dialog_record(&self, id: LegId) -> Option<DialogRecord> {
        let leg = self.legs.get(&id)?;
        let stage = match &leg.phase {
            Phase::Calling(calling) => {
                let invite = &self.clients.get(&calling.invite)?.bytes;
                Stage::Early { invite: String::from_utf8_lossy(invite).into_owned() }
            }
            Phase::Offered(_) => Stage::Offered,
            Phase::Accepted { .. } | Phase::Up(_) => Stage::Confirmed,
        };
        Some(DialogRecord { leg: id, trunk: leg.trunk.clone(), dialog: leg.dialog.clone(), stage })
    }

    /// Ends a dialog that a crash left over: BYE where it was up, CANCEL where it rang.
    pub fn end_leftover(&mut self, now: Now, record: DialogRecord) {
        let mut dialog = record.dialog;
        match record.stage {
            Stage::Confirmed => {
                // Requests sent after the record was taken are not in it.
                dialog.local_cseq += 100;
                self.bye(now, &dialog, &EndReason::default());
            }
            Stage::Early { invite } => {
                let Some(bytes) = writer::companion(invite.as_bytes(), "CANCEL", None, &[]) else { return };
                let Some(message) = Message::read(invite.as_bytes()) else { return };
                let via = message.text(Name::Via).unwrap_or_default();
                let Some(branch) = Via::read(&via).and_then(|via| writer::own_branch(&via)) else { return };
                let key = ClientKey { branch, cancel: true };
                let (tag, hop) = (dialog.local_tag, dialog.hop());
                self.begin_request(now, key, Purpose::Cancel, Method::Cancel, None, 1, tag, bytes, hop);
                // A 200 that crosses is acknowledged and ended.
                let spec = CallSpec {
                    callee: Callee::Trunk(Arc::from("")),
                    targets: Vec::new(),
                    request_uri: None,
                    from: super::super::event::Party::default(),
                    to: super::super::event::Party::default(),
                    asserted_identity: None,
                    headers: Vec::new(),
                    sdp: Bytes::new(),
                };
                let calling = Calling {
                    spec: Box::new(spec),
                    target_index: usize::MAX,
                    invite: ClientKey { branch, cancel: false },
                    invite_cseq: 1,
                    progress: Progress::Ringing,
                    cancel: Cancel::Overdue,
                    last_rseq: None,
                };
                let invite_client = ClientKey { branch, cancel: false };
                let deadline =
                    self.timers.set(now.instant + micros(PATIENCE_US), Timer::RequestDeadline(invite_client));
                let client = ClientTransaction {
                    purpose: Purpose::Invite,
                    method: Method::Invite,
                    leg: Some(record.leg),
                    trunk: record.trunk.clone(),
                    cseq: 1,
                    local_tag: tag,
                    bytes: Bytes::from(invite),
                    hop,
                    state: ClientState::Proceeding,
                    interval_us: T1_US,
                    resend: None,
                    deadline: Some(deadline),
                    auth_tries: AUTH_TRIES_MAX,
                    corrected: true,
                };
                self.clients.insert(invite_client, client);
                self.tags.insert(tag, record.leg);
                let leg = Leg {
                    id: record.leg,
                    trunk: record.trunk,
                    dialog,
                    phase: Phase::Calling(calling),
                    session: None,
                    local_sdp: Bytes::new(),
                    peer_updates: false,
                    answered: None,
                };
                self.legs.insert(record.leg, leg);
            }
            Stage::Offered => {}
        }
    }

    // ---- responses ----

    pub(super) fn response(&mut self, now: Now, hop: Hop, message: &Message, status: u16) {
        let via = message.text(Name::Via).unwrap_or_default();
        let cseq_text = message.text(Name::CSeq).unwrap_or_default();
        let (Some(branch), Some(cseq)) =
            (Via::read(&via).and_then(|via| writer::own_branch(&via)), CSeq::read(&cseq_text))
        else {
            self.discarded.stray_response += 1;
            return;
        };
        let key = ClientKey { branch, cancel: cseq.method == "CANCEL" };
        let Some(client) = self.clients.get(&key) else { return self.late_answer(now, message, status, &cseq) };
        // I-45 and RFC 3261 17.1.3: only the one we asked, and only about what we asked.
        let same_host = client.hop.target.remote.ip() == hop.target.remote.ip();
        let method = vocabulary::token(client.method);
        if !same_host || cseq.method != method || cseq.number != client.cseq {
            self.discarded.stray_response += 1;
            return;
        }
        match client.purpose {
            Purpose::Invite => self.invite_response(now, key, message, status),
            _ => self.other_response(now, key, message, status),
        }
    }

    fn other_response(&mut self, now: Now, key: ClientKey, message: &Message, status: u16) {
        if status < 200 {
            return;
        }
        if (status == 401 || status == 407) && self.authorize(now, key, message) {
            return;
        }
        let Some(client) = self.end_client(key) else { return };
        match client.purpose {
            Purpose::Probe(trunk, _) => self.probe_answered(&trunk, status),
            Purpose::Update | Purpose::Reinvite => {
                if let Some(leg) = client.leg
                    && (status == 408 || status == 481)
                {
                    self.end_with(leg, EndedBy::Remote, EndReason::default());
                } else if let Some(leg) = client.leg
                    && status < 300
                {
                    self.start_session(now, leg, message, false);
                }
            }
            Purpose::Invite | Purpose::Cancel | Purpose::Bye | Purpose::Prack => {}
        }
    }

    fn invite_response(&mut self, now: Now, key: ClientKey, message: &Message, status: u16) {
        match status {
            100..=199 => self.provisional(now, key, message, status),
            200..=299 => self.accepted(now, key, message),
            _ => self.refused(now, key, message, status),
        }
    }

    fn provisional(&mut self, now: Now, key: ClientKey, message: &Message, status: u16) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        if client.state == ClientState::Completed {
            return;
        }
        let Some(id) = client.leg else { return };
        if client.state == ClientState::Calling {
            client.state = ClientState::Proceeding;
            let (resend, deadline) = (client.resend.take(), client.deadline.take());
            self.timers.cancel(resend);
            self.timers.cancel(deadline);
        }
        let reliable = message.lists(Name::Require, "100rel").then(|| message.text(Name::RSeq)).flatten();
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Phase::Calling(calling) = &mut leg.phase else { return };
        let before = calling.progress;
        calling.progress = before.max(if status == 100 { Progress::Trying } else { Progress::Ringing });
        if before == Progress::Silent {
            self.events.push_back(Event::Trying { leg: id });
        }
        if status > 100 {
            let early_sdp = (!message.body.is_empty()).then(|| message.body.clone());
            self.events.push_back(Event::Ringing { leg: id, status, early_sdp });
        }
        if let Some(rseq) = reliable.and_then(|text| text.trim().parse::<u32>().ok()) {
            self.prack(now, id, message, rseq);
        }
        let wanted = self
            .legs
            .get(&id)
            .is_some_and(|leg| matches!(&leg.phase, Phase::Calling(c) if matches!(c.cancel, Cancel::Wanted(_))));
        if wanted {
            self.send_cancel(now, id);
        }
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
        dialog.local_cseq = leg.dialog.local_cseq;
        let key = ClientKey { branch, cancel: false };
        let Some(mut out) = writer::in_dialog(&self.settings, &dialog, "PRACK", dialog.local_cseq, branch) else {
            return;
        };
        writer::line(&mut out, "RAck", &[&format!("{rseq} {invite_cseq} INVITE")]);
        writer::finish(&mut out, &[]);
        let (cseq, tag, hop) = (dialog.local_cseq, dialog.local_tag, dialog.hop());
        self.begin_request(now, key, Purpose::Prack, Method::PRack, Some(id), cseq, tag, out.into(), hop);
    }

    fn accepted(&mut self, now: Now, key: ClientKey, message: &Message) {
        let Some(client) = self.end_client(key) else { return };
        drop(self.end_client(ClientKey { branch: key.branch, cancel: true }));
        let Some(id) = client.leg else { return };
        let branch = self.fresh();
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Phase::Calling(calling) = &leg.phase else { return };
        let crossed = calling.cancel != Cancel::No;
        let leftover = calling.target_index == usize::MAX;
        let cseq = calling.invite_cseq;
        learn(&mut leg.dialog, message, true);
        leg.dialog.connection = client.hop.connection;
        leg.dialog.target = client.hop.target;
        leg.peer_updates = message.lists(Name::Allow, "UPDATE");
        let dialog = leg.dialog.clone();
        let ack = self.ack(&dialog, cseq, branch);
        if let Some(ack) = &ack {
            self.send(dialog.hop(), ack.clone());
        }
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.phase = Phase::Up(Up { ack: ack.map(|ack| (cseq, ack)), reoffer: Reoffer::None });
        }
        if leftover {
            self.send_bye(now, id, &EndReason::default());
            drop(self.end_leg(id));
            return;
        }
        self.start_session(now, id, message, true);
        let sdp = message.body.clone();
        self.events.push_back(Event::Answered { leg: id, sdp, crossed_cancel: crossed });
    }

    fn ack(&self, dialog: &Dialog, cseq: u32, branch: u64) -> Option<Bytes> {
        let mut out = writer::in_dialog(&self.settings, dialog, "ACK", cseq, branch)?;
        writer::finish(&mut out, &[]);
        Some(out.into())
    }

    /// A 2xx without a transaction: repeated, or from a second fork, or of a call that is over.
    fn late_answer(&mut self, now: Now, message: &Message, status: u16, cseq: &CSeq<'_>) {
        self.discarded.stray_response += 1;
        if !(200..300).contains(&status) || cseq.method != "INVITE" {
            return;
        }
        let Some(id) = own_tag(message, Name::From).and_then(|tag| self.tags.get(&tag).copied()) else { return };
        let to = message.text(Name::To).unwrap_or_default();
        let theirs = NameAddr::read(&to).and_then(|to| to.tag()).map(str::to_owned);
        let branch = self.fresh();
        let Some(leg) = self.legs.get(&id) else { return };
        let hop = leg.dialog.hop();
        if leg.dialog.remote_tag == theirs {
            if let Phase::Up(Up { ack: Some((number, bytes)), .. }) = &leg.phase
                && *number == cseq.number
            {
                let bytes = bytes.clone();
                self.send(hop, bytes);
            }
            return;
        }
        // A second fork: acknowledged and ended (RFC 3261, 13.2.2.4).
        let mut fork = leg.dialog.clone();
        fork.remote_tag = None;
        fork.routes.clear();
        learn(&mut fork, message, true);
        if let Some(ack) = self.ack(&fork, cseq.number, branch) {
            self.send(hop, ack);
        }
        fork.local_cseq = cseq.number + 1;
        self.bye(now, &fork, &EndReason::default());
    }

    fn refused(&mut self, now: Now, key: ClientKey, message: &Message, status: u16) {
        let Some(client) = self.clients.get(&key) else { return };
        let (hop, invite, state) = (client.hop, client.bytes.clone(), client.state);
        let to = message.raw(Name::To).map(<[u8]>::to_vec);
        if let Some(ack) = writer::companion(&invite, "ACK", to.as_deref(), &[]) {
            self.send(hop, ack);
        }
        if state == ClientState::Completed {
            return;
        }
        if (status == 401 || status == 407) && self.authorize(now, key, message) {
            return;
        }
        // Repeated finals are acknowledged for a while (timer D); over streams there are none.
        let unreliable = self.unreliable(hop);
        let Some(id) = self.clients.get(&key).and_then(|client| client.leg) else { return };
        if unreliable {
            let deadline = self.timers.set(now.instant + micros(PATIENCE_US), Timer::RequestDeadline(key));
            if let Some(client) = self.clients.get_mut(&key) {
                client.state = ClientState::Completed;
                let (old, resend) = (client.deadline.replace(deadline), client.resend.take());
                self.timers.cancel(old);
                self.timers.cancel(resend);
            }
        } else {
            drop(self.end_client(key));
        }
        drop(self.end_client(ClientKey { branch: key.branch, cancel: true }));
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
        let branch = self.fresh();
        let call_id = format!("{:016x}{:016x}", self.fresh(), self.fresh());
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Phase::Calling(calling) = &mut leg.phase else { return };
        let next = calling.target_index.checked_add(1).and_then(|index| calling.spec.targets.get(index)).copied();
        if let Some(target) = next
            && may_fail_over
            && calling.progress < Progress::Ringing
            && calling.cancel == Cancel::No
        {
            calling.target_index += 1;
            calling.progress = Progress::Silent;
            calling.invite = ClientKey { branch, cancel: false };
            calling.invite_cseq = 1;
            leg.dialog.target = target;
            leg.dialog.connection = None;
            // Another server must not take it for a repetition of the first.
            leg.dialog.call_id = call_id;
            leg.dialog.local_cseq = 1;
            return self.send_invite(now, id);
        }
        if calling.cancel != Cancel::No {
            failure.kind = FailureKind::Cancelled;
        }
        let leftover = calling.target_index == usize::MAX;
        drop(self.end_leg(id));
        if !leftover {
            self.events.push_back(Event::Failed { leg: id, cause: failure });
        }
    }

    /// A request got no answer, or could not be sent.
    pub(super) fn request_failed(&mut self, now: Now, key: ClientKey, kind: FailureKind) {
        let Some(client) = self.end_client(key) else { return };
        match (&client.purpose, client.leg) {
            (Purpose::Invite, Some(id)) => {
                drop(self.end_client(ClientKey { branch: key.branch, cancel: true }));
                let status = if kind == FailureKind::Transport { 503 } else { 408 };
                let failure = Failure { status, phrase: String::new(), q850: None, retry_after_s: None, kind };
                self.call_failed(now, id, failure, true);
            }
            (Purpose::Probe(trunk, _), _) => self.probe_answered(&trunk.clone(), 408),
            (Purpose::Reinvite | Purpose::Update, Some(id)) => {
                self.send_bye(now, id, &EndReason::default());
                self.end_with(id, EndedBy::Unreachable, EndReason::default());
            }
            _ => {}
        }
    }

    /// Sends a request once more with credentials; `false` if there are none for this peer and realm.
    fn authorize(&mut self, now: Now, key: ClientKey, message: &Message) -> bool {
        let Some(client) = self.clients.get(&key) else { return false };
        if client.auth_tries >= AUTH_TRIES_MAX {
            return false;
        }
        let account = client.trunk.as_ref().and_then(|name| self.settings.trunk(name)).and_then(|t| t.account.clone());
        let Some(TrunkAccount { realm, account, md5 }) = account else { return false };
        let proxy = message.status() == Some(407);
        let (ask, tell, drop_name) = if proxy {
            (Name::ProxyAuthenticate, "Proxy-Authorization", Name::ProxyAuthorization)
        } else {
            (Name::WwwAuthenticate, "Authorization", Name::Authorization)
        };
        let fits = |challenge: &Challenge| {
            realm.as_ref().is_none_or(|wanted| *wanted == challenge.realm)
                && (md5 || challenge.algorithm != crate::sip::digest::Algorithm::Md5)
        };
        let Some(challenge) = message.all(ask).filter_map(|value| Challenge::read(&value)).find(fits) else {
            self.discarded.foreign_challenge += 1;
            return false;
        };
        let Some(request) = Message::read(&client.bytes) else { return false };
        let (method, uri) = (vocabulary::token(client.method), request.request_uri().into_owned());
        let (hop, leg, cseq, tag, tries) =
            (client.hop, client.leg, client.cseq + 1, client.local_tag, client.auth_tries);
        let (purpose, kind, old) = (client.purpose.clone(), client.method, client.bytes.clone());
        let cnonce = format!("{:016x}", self.fresh());
        let answer = challenge.answer(&account, method, &uri, 1, &cnonce);
        let fresh = ClientKey { branch: self.fresh(), cancel: false };
        let Some(listener) = self.settings.listeners.get(usize::from(hop.target.listener)) else { return false };
        let Some(bytes) = writer::again(&old, listener, fresh.branch, cseq, &[drop_name], &[(tell, &answer)]) else {
            return false;
        };
        drop(self.end_client(key));
        if let Some(leg) = leg.and_then(|id| self.legs.get_mut(&id)) {
            leg.dialog.local_cseq = leg.dialog.local_cseq.max(cseq);
            if let Phase::Calling(calling) = &mut leg.phase
                && purpose == Purpose::Invite
            {
                calling.invite = fresh;
                calling.invite_cseq = cseq;
            }
        }
        self.begin_request(now, fresh, purpose, kind, leg, cseq, tag, bytes, hop);
        if let Some(client) = self.clients.get_mut(&fresh) {
            client.auth_tries = tries + 1;
        }
        true
    }

    /// RFC 4028: who refreshes, and when the session is over.
    pub(super) fn start_session(&mut self, now: Now, id: LegId, message: &Message, caller: bool) {
        let expires = message.text(Name::SessionExpires).and_then(|value| header::SessionExpires::read(&value));
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if let Some(old) = leg.session.take() {
            self.timers.cancel(Some(old.timer));
        }
        let Some(expires) = expires else { return };
        let interval_s = expires.interval_s.max(90);
        let refresh_here = match expires.refresher {
            Some(header::Refresher::Uac) => caller,
            Some(header::Refresher::Uas) => !caller,
            None => caller,
        };
        let (wait_s, timer) = if refresh_here {
            (interval_s / 2, Timer::SessionRefresh(id))
        } else {
            (interval_s - interval_s.div_ceil(3).min(32), Timer::SessionExpiry(id))
        };
        let timer = self.timers.set(now.instant + Duration::from_secs(u64::from(wait_s)), timer);
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.session = Some(Session { interval_s, timer, refresh_here });
        }
    }

    pub(super) fn refresh_session(&mut self, now: Now, id: LegId) {
        let branch = self.fresh();
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(session) = leg.session else { return };
        if !leg.peer_updates {
            // Without UPDATE the peer's own expiry or the silence of its audio ends the call.
            return;
        }
        leg.dialog.local_cseq += 1;
        let dialog = leg.dialog.clone();
        let key = ClientKey { branch, cancel: false };
        let Some(mut out) = writer::in_dialog(&self.settings, &dialog, "UPDATE", dialog.local_cseq, branch) else {
            return;
        };
        if let Some(listener) = self.settings.listeners.get(usize::from(dialog.target.listener)) {
            writer::contact(&mut out, listener);
        }
        writer::line(&mut out, "Supported", &["timer"]);
        writer::line(&mut out, "Session-Expires", &[&format!("{};refresher=uac", session.interval_s)]);
        writer::finish(&mut out, &[]);
        let timer = Timer::SessionRefresh(id);
        let at = now.instant + Duration::from_secs(u64::from(session.interval_s / 2));
        let timer = self.timers.set(at, timer);
        if let Some(session) = self.legs.get_mut(&id).and_then(|leg| leg.session.as_mut()) {
            session.timer = timer;
        }
        let (cseq, tag, hop) = (dialog.local_cseq, dialog.local_tag, dialog.hop());
        self.begin_request(now, key, Purpose::Update, Method::Update, Some(id), cseq, tag, out.into(), hop);
    }

    pub(super) fn session_expired(&mut self, now: Now, id: LegId) {
        self.send_bye(now, id, &EndReason::default());
        self.end_with(id, EndedBy::SessionTimer, EndReason::default());
    }
}

/// Takes tag, target and route of a response that makes a dialog (RFC 3261, 12.1.2).
pub(super) fn learn(dialog: &mut Dialog, message: &Message, reverse: bool) {
    let name = if reverse { Name::To } else { Name::From };
    if let Some(text) = message.text(name)
        && let Some(tag) = NameAddr::read(&text).and_then(|party| party.tag())
    {
        dialog.remote_tag = Some(tag.to_owned());
    }
    if let Some(text) = message.text(Name::Contact)
        && let Some(contact) = NameAddr::read(&text)
    {
        dialog.remote_target = contact.uri.to_owned();
    }
    let mut routes: Vec<String> = message
        .all(Name::RecordRoute)
        .flat_map(|value| header::split(&value, b',').map(|one| one.trim().to_owned()).collect::<Vec<_>>())
        .collect();
    if reverse {
        routes.reverse();
    }
    dialog.routes = routes;
}
