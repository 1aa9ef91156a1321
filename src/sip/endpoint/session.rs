//! Session timers (RFC 4028): refreshed by UPDATE, or by a re-INVITE with the same description.

use super::*;
use crate::sip::dialog::Session;
use crate::sip::header::{Refresher, SessionExpires};

/// The shortest interval there is (RFC 4028, 4).
const INTERVAL_S_MIN: u32 = 90;
/// The side that does not refresh gives up this long before the end, or a third of the interval (RFC 4028, 10).
const MARGIN_S: u32 = 32;

/// Which part this end had in the request that (re)started the session.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Sent it.
    Client,
    /// Answered it.
    Server,
}

impl Endpoint {
    /// Who refreshes, and when the session is over. `message` is the 2xx where this end sent the request, and the
    /// request where it answered.
    pub(super) fn start_session(&mut self, now: Now, id: LegId, message: &Message, part: Part) {
        let asked = message.text(Name::SessionExpires).and_then(|value| SessionExpires::read(&value));
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if let Some(old) = leg.session.take() {
            self.timers.cancel(Some(old.timer));
        }
        let Some(asked) = asked else { return };
        let interval_s = asked.interval_s.max(INTERVAL_S_MIN);
        let refresh_here = match asked.refresher {
            Some(Refresher::Uac) => part == Part::Client,
            // Our 2xx leaves it to the client where the request does not say.
            None => part == Part::Client,
            Some(Refresher::Uas) => part == Part::Server,
        };
        let (wait_s, timer) = if refresh_here {
            (interval_s / 2, Timer::SessionRefresh(id))
        } else {
            (interval_s - interval_s.div_ceil(3).min(MARGIN_S), Timer::SessionExpiry(id))
        };
        let timer = self.timers.set(now.instant + seconds(wait_s), timer);
        let expires = now.instant + seconds(interval_s);
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.session = Some(Session { interval_s, expires, timer });
        }
    }

    pub(super) fn refresh_session(&mut self, now: Now, id: LegId) {
        let branch = self.fresh();
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let (Some(session), Phase::Up(up)) = (leg.session, &mut leg.phase) else { return };
        if !matches!(up.reoffer, Reoffer::None) {
            // The peer's own re-INVITE is at work; its answer restarts the timer, and if not, we come back.
            return self.refresh_later(now, id);
        }
        let (purpose, method, body) = if leg.peer_updates {
            (Purpose::Update, Method::Update, Bytes::new())
        } else {
            up.reoffer = Reoffer::Refreshing;
            (Purpose::Reinvite, Method::Invite, leg.local_sdp.clone())
        };
        leg.dialog.local_cseq += 1;
        let dialog = leg.dialog.clone();
        let (cseq, hop) = (dialog.local_cseq, dialog.hop());
        let token = vocabulary::token(method);
        let Some(mut out) = writer::in_dialog(&self.settings, &dialog, token, cseq, branch) else { return };
        if let Some(listener) = self.settings.listeners.get(usize::from(dialog.target.listener)) {
            writer::contact(&mut out, listener);
        }
        writer::line(&mut out, "Allow", &[writer::ALLOW]);
        writer::line(&mut out, "Supported", &["timer"]);
        writer::line(&mut out, "Session-Expires", &[&format!("{};refresher=uac", session.interval_s)]);
        writer::line(&mut out, "User-Agent", &[&self.settings.user_agent]);
        writer::finish(&mut out, &body);
        // If nothing comes of it the session is over when the peer thinks so too.
        let timer = self.timers.set(session.expires, Timer::SessionExpiry(id));
        if let Some(session) = self.legs.get_mut(&id).and_then(|leg| leg.session.as_mut()) {
            session.timer = timer;
        }
        let key = ClientKey { branch, cancel: false };
        self.begin_request(now, Outgoing { key, purpose, method, leg: Some(id), cseq, bytes: out.into(), hop });
    }

    /// A refresh was refused for now (491, 5xx): again after a while, the owner of the Call-ID later (RFC 3261, 14.1).
    pub(super) fn refresh_later(&mut self, now: Now, id: LegId) {
        let chance = self.chance.next_u64();
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(session) = &mut leg.session else { return };
        let wait_us = if leg.dialog.caller { 2_100_000 + chance % 1_900_000 } else { chance % 2_000_000 };
        let again = now.instant + micros(wait_us);
        let old = session.timer;
        session.timer = if again < session.expires {
            self.timers.set(again, Timer::SessionRefresh(id))
        } else {
            self.timers.set(session.expires, Timer::SessionExpiry(id))
        };
        self.timers.cancel(Some(old));
    }

    pub(super) fn session_expired(&mut self, now: Now, id: LegId) {
        self.send_bye(now, id, &EndReason::default());
        self.end_with(now, id, EndedBy::SessionTimer, EndReason::default());
    }
}

fn seconds(s: u32) -> Duration {
    Duration::from_secs(u64::from(s))
}
