//! Phones that register, and trunks that are watched.

use super::requests::{number, text};
use super::*;
use crate::sip::digest::{Credentials, Verdict};
use crate::sip::registrar::{Binding, Wish, wish};

/// Probes in a row that must fail before a trunk counts as down: one lost datagram is no outage (F-72).
const MISSED_MAX: u32 = 2;

impl Endpoint {
    pub(super) fn register(&mut self, now: Now, hop: Hop, message: &Message) {
        let user = match self.prove(now, hop, message, "REGISTER") {
            Ok(user) => user,
            Err(lines) => return self.refuse(&Peer::PhoneNetwork, hop, message, 401, "", &lines),
        };
        let to = message.text(Name::To).unwrap_or_default();
        if NameAddr::read(&to).is_none_or(|to| to.user() != *user) {
            // RFC 3261, 10.3: nobody registers for somebody else.
            return self.answer_status(hop, message, 403, "", &[]);
        }
        let (shortest, longest) = self.settings.registration_s;
        let Some(wish) = wish(message, longest) else {
            return self.answer_status(hop, message, 400, "Bad Contact", &[]);
        };
        let (cseq, call_id) = (number(message), text(message, Name::CallId));
        let bound = self.registrar.bindings.get(&user);
        if bound.is_some_and(|bound| bound.call_id == call_id && cseq < bound.cseq) {
            // RFC 3261, 10.3: an older request that was overtaken.
            return self.answer_status(hop, message, 500, "CSeq Out Of Order", &[]);
        }
        match wish {
            Wish::Query => {}
            Wish::Remove => self.unbind(&user),
            Wish::Bind { expires_s, .. } if expires_s < shortest => {
                let mut lines = Vec::new();
                writer::line(&mut lines, "Min-Expires", &[&shortest.to_string()]);
                return self.answer_status(hop, message, 423, "", &lines);
            }
            Wish::Bind { contact, expires_s } => {
                let expires_s = expires_s.min(longest);
                self.bind(now, &user, contact, expires_s, hop, call_id, cseq, message);
            }
        }
        let mut lines = Vec::new();
        if let Some(binding) = self.registrar.bindings.get(&user) {
            let left = binding.expires.since(now.instant).as_secs().to_string();
            writer::line(&mut lines, "Contact", &["<", &binding.contact, ">;expires=", &left]);
        }
        self.answer_status(hop, message, 200, "", &lines);
    }

    fn bind(
        &mut self,
        now: Now,
        user: &Arc<str>,
        contact: String,
        expires_s: u32,
        hop: Hop,
        call_id: String,
        cseq: u32,
        message: &Message,
    ) {
        let expires = now.instant + Duration::from_secs(u64::from(expires_s));
        let timer = self.timers.set(expires, Timer::Registration(Arc::clone(user)));
        let binding = Binding { contact: contact.clone(), hop, expires, timer, call_id, cseq };
        let old = self.registrar.bindings.insert(Arc::clone(user), binding);
        let moved = match &old {
            Some(old) => old.contact != contact || old.hop.target != hop.target,
            None => true,
        };
        if let Some(old) = old {
            self.timers.cancel(Some(old.timer));
        }
        if moved {
            let user_agent = message.text(Name::UserAgent).unwrap_or_default().into_owned();
            let (user, remote) = (Arc::clone(user), hop.target.remote);
            self.events.push_back(Event::Registered { user, contact, remote, expires_s, user_agent });
        }
    }

    pub(super) fn unbind(&mut self, user: &Arc<str>) {
        if let Some(binding) = self.registrar.bindings.remove(user) {
            self.timers.cancel(Some(binding.timer));
            self.events.push_back(Event::Unregistered { user: Arc::clone(user) });
        }
    }

    /// Who sent this, proven by digest; otherwise the challenge.
    pub(super) fn prove(&mut self, now: Now, hop: Hop, message: &Message, method: &str) -> Result<Arc<str>, Vec<u8>> {
        let register = method == "REGISTER";
        let name = if register { Name::Authorization } else { Name::ProxyAuthorization };
        let given = message.all(name).find_map(|value| Credentials::read(&value));
        let mut stale = false;
        if let Some(given) = given {
            let phone = self.settings.phones.iter().find(|phone| phone.account.username == given.username);
            let verdict = self.guard.check(
                now.instant,
                &self.settings.realm,
                &self.settings.phone_algorithms,
                &given,
                phone.map(|phone| &phone.account),
                method,
            );
            match (verdict, phone) {
                (Verdict::Right, Some(phone)) => return Ok(Arc::clone(&phone.user)),
                (Verdict::Stale, _) => stale = true,
                (Verdict::Right | Verdict::Wrong, _) => {
                    self.mention(Event::AuthFailure { remote: hop.target.remote, user: given.username.clone() });
                }
            }
        }
        let header = if register { "WWW-Authenticate" } else { "Proxy-Authenticate" };
        let mut lines = Vec::new();
        for algorithm in &self.settings.phone_algorithms {
            let challenge = self.guard.challenge(now.instant, &self.settings.realm, *algorithm, stale);
            writer::line(&mut lines, header, &[&challenge]);
        }
        Err(lines)
    }

    // ---- keep-alive of trunks ----

    /// Where a trunk was dialled it is probed from then on. Its targets are few, and stale ones go with a reload.
    pub(super) fn probe_too(&mut self, trunk: &Arc<str>, targets: &[Target]) {
        let Some(probe) = self.probes.get_mut(trunk) else { return };
        for target in targets {
            if probe.targets.len() < crate::sip::TARGETS_MAX && !probe.targets.contains(target) {
                probe.targets.push(*target);
            }
        }
    }

    pub(super) fn probe(&mut self, now: Now, trunk: &Arc<str>) {
        let interval = self.settings.trunk(trunk).and_then(|trunk| trunk.probe_interval_s);
        let Some(interval) = interval else { return };
        let again = now.instant + Duration::from_secs(u64::from(interval));
        self.timers.set(again, Timer::Probe(Arc::clone(trunk)));
        let configured = self.settings.trunk(trunk).map(|trunk| trunk.targets.clone()).unwrap_or_default();
        self.probe_too(trunk, &configured);
        let Some(probe) = self.probes.get(trunk) else { return };
        let targets = probe.targets.clone();
        for target in targets {
            let key = ClientKey { branch: self.fresh(), cancel: false };
            let tag = self.fresh();
            let Some(listener) = self.settings.listeners.get(usize::from(target.listener)) else { continue };
            let uri = format!("sip:{}", target.remote);
            let mut out = writer::start("OPTIONS", &uri, listener, key.branch);
            let from = format!("<sip:lull@{}>;tag=", listener.host);
            let tag_text = writer::hex16(tag);
            writer::line(&mut out, "From", &[&from, std::str::from_utf8(&tag_text).unwrap_or("")]);
            writer::line(&mut out, "To", &["<", &uri, ">"]);
            writer::line(&mut out, "Call-ID", &[&format!("{:016x}", key.branch ^ tag)]);
            writer::line(&mut out, "CSeq", &["1 OPTIONS"]);
            writer::contact(&mut out, listener);
            writer::line(&mut out, "Accept", &["application/sdp"]);
            writer::line(&mut out, "User-Agent", &[&self.settings.user_agent]);
            writer::finish(&mut out, &[]);
            let hop = Hop { target, connection: None };
            let purpose = Purpose::Probe(Arc::clone(trunk), target);
            let (method, bytes) = (Method::Options, out.into());
            self.begin_request(now, Outgoing { key, purpose, method, leg: None, cseq: 1, bytes, hop });
        }
    }

    /// Any answer but 408 and 503 shows that somebody is there.
    pub(super) fn probe_answered(&mut self, trunk: &Arc<str>, status: u16) {
        let Some(probe) = self.probes.get_mut(trunk) else { return };
        let answers = status != 408 && status != 503;
        probe.missed = if answers { 0 } else { probe.missed + 1 };
        let up = match (answers, probe.missed) {
            (true, _) => true,
            (false, missed) if missed >= MISSED_MAX || probe.up.is_none() => false,
            (false, _) => return,
        };
        if probe.up.replace(up) == Some(up) {
            return;
        }
        let trunk = Arc::clone(trunk);
        self.events.push_back(if up { Event::TrunkUp { trunk } } else { Event::TrunkDown { trunk, status } });
    }
}
