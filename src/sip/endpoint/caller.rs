//! Calls of ours and how they are ended; what comes back is in `responses`.

use super::*;
use crate::sip::FAIL_OVER_AFTER;
use crate::sip::dialog::{Calling, Cancel, Progress};
use crate::sip::token::CallToken;

/// The CSeq of a leftover's BYE skips this many: requests sent after the record was taken are not in it.
const LEFTOVER_CSEQ_GAP: u32 = 100;

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
        let known = |target: &Target| usize::from(target.listener) < self.settings.listeners.len();
        if targets.len() > crate::sip::TARGETS_MAX || !targets.iter().all(known) {
            return Err(OriginateError::NoTarget);
        }
        crate::sip::uri::Uri::read(&uri).map_err(|_| OriginateError::RequestUri)?;
        if let Some(trunk) = &trunk {
            self.probe_too(trunk, &targets);
        }
        let (call_id, local_tag) = self.names(spec.token.as_ref(), 0);
        let dialog = Dialog { connection, ..outgoing(&spec, uri, target, call_id, local_tag) };
        let invite = ClientKey { branch: self.branch(spec.token.as_ref(), 0, 1), cancel: false };
        let local_sdp = spec.sdp.clone();
        let calling = Calling {
            spec: Some(Box::new(CallSpec { targets, ..spec })),
            target_index: 0,
            invite,
            invite_cseq: 1,
            progress: Progress::Silent,
            cancel: Cancel::No,
            last_rseq: None,
        };
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

    pub(super) fn send_invite(&mut self, now: Now, id: LegId) {
        let Some(leg) = self.legs.get(&id) else { return };
        let Phase::Calling(calling) = &leg.phase else { return };
        let (key, cseq, hop) = (calling.invite, calling.invite_cseq, leg.dialog.hop());
        let Some(spec) = &calling.spec else { return };
        let has_next = spec.targets.len() > calling.target_index + 1;
        let Some(out) = self.invite(&leg.dialog, spec, cseq, key.branch) else { return };
        let (purpose, method) = (Purpose::Invite, Method::Invite);
        self.begin_request(now, Outgoing { key, purpose, method, leg: Some(id), cseq, bytes: out.into(), hop });
        if has_next {
            self.set_deadline(now, key, FAIL_OVER_AFTER);
        }
    }

    fn invite(&self, dialog: &Dialog, spec: &CallSpec, cseq: u32, branch: u64) -> Option<Vec<u8>> {
        let listener = self.settings.listeners.get(usize::from(dialog.target.listener))?;
        let mut out = writer::start("INVITE", &dialog.remote_target, listener, branch);
        writer::identity(&mut out, dialog, cseq, "INVITE");
        writer::contact(&mut out, listener);
        if let Some(party) = &spec.asserted_identity {
            writer::line(&mut out, "P-Asserted-Identity", &[&writer::name_addr(party)]);
        }
        for (name, value) in &spec.headers {
            writer::line(&mut out, name, &[value]);
        }
        self.common_lines(&mut out);
        writer::finish(&mut out, &spec.sdp);
        Some(out)
    }

    /// Call-ID and tag of a call at the server of this place.
    pub(super) fn names(&mut self, token: Option<&CallToken>, place: usize) -> (String, u64) {
        match token {
            Some(token) => (token.call_id(place), token.tag(place)),
            None => (format!("{:016x}{:016x}", self.fresh(), self.fresh()), self.fresh()),
        }
    }

    /// The branch of an INVITE there.
    pub(super) fn branch(&mut self, token: Option<&CallToken>, place: usize, cseq: u32) -> u64 {
        token.map_or_else(|| self.fresh(), |token| token.branch(place, cseq))
    }

    /// Gives a request another time to be answered in.
    pub(super) fn set_deadline(&mut self, now: Now, key: ClientKey, span: Duration) {
        let deadline = self.timers.set(now.instant + span, Timer::RequestDeadline(key));
        let old = match self.clients.get_mut(&key) {
            Some(client) => client.deadline.replace(deadline),
            None => Some(deadline),
        };
        self.timers.cancel(old);
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
            self.send_wanted_cancel(now, id);
        }
        Ok(())
    }

    /// Sends the CANCEL that [`Endpoint::cancel`] wanted.
    pub(super) fn send_wanted_cancel(&mut self, now: Now, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Phase::Calling(calling) = &mut leg.phase else { return };
        let Cancel::Wanted(reason) = &calling.cancel else { return };
        let (invite, reason) = (calling.invite, reason.clone());
        calling.cancel = Cancel::Sent;
        self.send_cancel(now, Some(id), invite, &reason);
    }

    /// A call has rung for [`crate::sip::RINGING_MAX`]: it is cancelled. `false` if it was cancelled before, or is none.
    pub(super) fn give_up_ringing(&mut self, now: Now, key: ClientKey) -> bool {
        let Some(client) = self.clients.get(&key).filter(|client| client.purpose == Purpose::Invite) else {
            return false;
        };
        let Some(id) = client.leg else { return false };
        let Some(Phase::Calling(calling)) = self.legs.get_mut(&id).map(|leg| &mut leg.phase) else { return false };
        if calling.cancel != Cancel::No {
            return false;
        }
        calling.cancel = Cancel::Overdue;
        self.send_cancel(now, Some(id), key, &EndReason::default());
        true
    }

    pub(super) fn send_cancel(&mut self, now: Now, leg: Option<LegId>, invite: ClientKey, reason: &EndReason) {
        let Some(client) = self.clients.get(&invite) else { return };
        let (hop, cseq) = (client.hop, client.cseq);
        let mut extra = Vec::new();
        writer::reason(&mut extra, reason);
        let Some(bytes) = writer::companion(&client.bytes, "CANCEL", None, &extra) else { return };
        let key = ClientKey { branch: invite.branch, cancel: true };
        let (purpose, method) = (Purpose::Cancel, Method::Cancel);
        self.begin_request(now, Outgoing { key, purpose, method, leg, cseq, bytes, hop });
        // RFC 3261, 9.1: without a final answer the INVITE is given up 64·T1 after the CANCEL.
        self.set_deadline(now, invite, micros(PATIENCE_US));
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
                self.end_with(now, id, EndedBy::Local, EndReason::default());
                Ok(())
            }
        }
    }

    pub(super) fn send_bye(&mut self, now: Now, id: LegId, reason: &EndReason) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.dialog.local_cseq += 1;
        let (dialog, trunk) = (leg.dialog.clone(), leg.trunk.clone());
        self.bye(now, &dialog, trunk, reason);
    }

    /// `trunk` is whose credentials it may get, should it be challenged.
    pub(super) fn bye(&mut self, now: Now, dialog: &Dialog, trunk: Option<Arc<str>>, reason: &EndReason) {
        let key = ClientKey { branch: self.fresh(), cancel: false };
        let cseq = dialog.local_cseq;
        let Some(mut out) = writer::in_dialog(&self.settings, dialog, "BYE", cseq, key.branch) else { return };
        writer::reason(&mut out, reason);
        writer::line(&mut out, "User-Agent", &[&self.settings.user_agent]);
        writer::finish(&mut out, &[]);
        let (purpose, method, hop) = (Purpose::Bye, Method::Bye, dialog.hop());
        self.begin_request(now, Outgoing { key, purpose, method, leg: None, cseq, bytes: out.into(), hop });
        if let Some(client) = self.clients.get_mut(&key) {
            client.trunk = trunk;
        }
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

    /// Ends a dialog that a crash left over: BYE where it was up, CANCEL where it rang. Makes no events.
    pub fn end_leftover(&mut self, now: Now, record: DialogRecord) {
        let DialogRecord { leg, trunk, mut dialog, stage } = record;
        match stage {
            Stage::Confirmed => {
                dialog.local_cseq = dialog.local_cseq.saturating_add(LEFTOVER_CSEQ_GAP);
                self.bye(now, &dialog, trunk, &EndReason::default());
            }
            Stage::Early { invite } => self.cancel_leftover(now, leg, trunk, dialog, &invite),
            Stage::Offered => {}
        }
    }

    /// The leg comes back to life without a listener, so that a 200 that crosses is acknowledged and ended.
    fn cancel_leftover(&mut self, now: Now, id: LegId, trunk: Option<Arc<str>>, dialog: Dialog, invite: &str) {
        let Some(message) = Message::read(invite.as_bytes()) else { return };
        let via = message.text(Name::Via).unwrap_or_default();
        let Some(branch) = Via::read(&via).and_then(|via| writer::own_branch(&via)) else { return };
        let Some(cseq) = CSeq::read(&message.text(Name::CSeq).unwrap_or_default()).map(|cseq| cseq.number) else {
            return;
        };
        if self.legs.contains_key(&id) {
            return;
        }
        self.revive(id, trunk, dialog, ClientKey { branch, cancel: false }, cseq);
        self.cancel_once_more(now, id, branch, cseq, Bytes::copy_from_slice(invite.as_bytes()));
    }

    /// Ends whatever a crash may have left of a call that is known by its token alone: it was about to be placed, and
    /// nothing tells whether its INVITE left, to which of its servers, and how often it was corrected. Each INVITE that
    /// can have left is cancelled; a carrier that has none of them says so (481). Makes no events.
    pub fn end_unrecorded(&mut self, now: Now, spec: &CallSpec) {
        let (Callee::Trunk(trunk), Some(uri), Some(token)) = (&spec.callee, &spec.request_uri, &spec.token) else {
            return;
        };
        for (place, target) in spec.targets.iter().enumerate() {
            let tag = token.tag(place);
            let dialog = outgoing(spec, uri.clone(), *target, token.call_id(place), tag);
            // Beyond whatever was sent: a BYE may have to follow (RFC 3261, 12.2.1.1).
            let dialog = Dialog { local_cseq: super::credentials::INVITES_MAX + LEFTOVER_CSEQ_GAP, ..dialog };
            for cseq in 1..=super::credentials::INVITES_MAX {
                let branch = token.branch(place, cseq);
                let key = ClientKey { branch, cancel: false };
                let Some(invite) = self.invite(&dialog, spec, cseq, branch) else { return };
                let id = match self.tags.get(&tag) {
                    Some(id) => *id,
                    None => {
                        let id = LegId(self.mint.next(now.timestamp));
                        self.revive(id, Some(Arc::clone(trunk)), dialog.clone(), key, cseq);
                        id
                    }
                };
                if !self.clients.contains_key(&key) {
                    self.cancel_once_more(now, id, branch, cseq, invite.into());
                }
            }
        }
    }

    /// A leg of a run before, which nobody is told of.
    fn revive(&mut self, id: LegId, trunk: Option<Arc<str>>, dialog: Dialog, invite: ClientKey, cseq: u32) {
        let calling = Calling {
            spec: None,
            target_index: 0,
            invite,
            invite_cseq: cseq,
            progress: Progress::Ringing,
            cancel: Cancel::Sent,
            last_rseq: None,
        };
        self.tags.insert(dialog.local_tag, id);
        let leg = Leg {
            id,
            trunk,
            dialog,
            phase: Phase::Calling(calling),
            session: None,
            local_sdp: Bytes::new(),
            peer_updates: false,
            answered: None,
        };
        self.legs.insert(id, leg);
    }

    /// Cancels an INVITE of a run before, as if it had been sent by this one.
    fn cancel_once_more(&mut self, now: Now, id: LegId, branch: u64, cseq: u32, invite: Bytes) {
        let Some(leg) = self.legs.get(&id) else { return };
        let key = ClientKey { branch, cancel: false };
        let client = ClientTransaction {
            purpose: Purpose::Invite,
            method: Method::Invite,
            leg: Some(id),
            trunk: leg.trunk.clone(),
            cseq,
            bytes: invite,
            hop: leg.dialog.hop(),
            state: ClientState::Proceeding,
            interval_us: T1_US,
            resend: None,
            deadline: None,
            again: Again::default(),
        };
        self.clients.insert(key, client);
        self.send_cancel(now, Some(id), key, &EndReason::default());
    }
}

/// The dialog that an INVITE of ours begins.
fn outgoing(spec: &CallSpec, uri: String, target: Target, call_id: String, local_tag: u64) -> Dialog {
    Dialog {
        call_id,
        local_tag,
        remote_tag: None,
        local: writer::name_addr(&spec.from),
        remote: writer::name_addr(&spec.to),
        local_cseq: 1,
        remote_cseq: None,
        routes: Vec::new(),
        remote_target: uri,
        target,
        connection: None,
        caller: true,
    }
}
