//! A request once more: with credentials, or with the session interval that a 422 asks for.
//!
//! Inside a dialog the peer may be anybody a carrier lets through, and a signed BYE hands them a hash of the trunk's
//! password to guess at. There a challenge is answered only where the operator wrote down both the realm and the very
//! address that asks (I-45); of an INVITE that opens a call, the trunk it goes to is enough.

use super::*;
use crate::sip::digest::{Algorithm, Challenge};
use crate::sip::settings::TrunkAccount;

/// How often a request is sent again with credentials: once, and once more for a nonce that was too old (I-45).
const CREDENTIALS_MAX: u8 = 2;
/// How often it is sent again with a longer session interval.
const INTERVAL_MAX: u8 = 1;
/// INVITEs to one server for one call, at most.
pub(super) const INVITES_MAX: u32 = 1 + CREDENTIALS_MAX as u32 + INTERVAL_MAX as u32;
/// The longest session interval a 422 may ask for: a day.
const INTERVAL_S_MAX: u32 = 86_400;

/// Where a challenge came.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// To the INVITE that opens a call.
    Opening,
    /// Inside a dialog.
    Dialog,
}

/// An answer to a challenge.
struct Given {
    header: &'static str,
    /// The header of an earlier answer.
    replaced: Name,
    answer: String,
    again: Again,
}

impl Endpoint {
    /// Sends an INVITE again with credentials; `false` if there are none for this peer and realm.
    pub(super) fn authorize(&mut self, now: Now, key: ClientKey, message: &Message) -> bool {
        let Some(given) = self.credentials(key, message, Place::Opening) else { return false };
        self.invite_again(now, key, given.again, &[given.replaced], &[(given.header, &given.answer)])
    }

    /// Sends a request inside a dialog again with credentials; `false` if there are none for who asks.
    pub(super) fn authorize_in_dialog(&mut self, now: Now, key: ClientKey, message: &Message) -> bool {
        let Some(given) = self.credentials(key, message, Place::Dialog) else { return false };
        let branch = self.fresh();
        let Some(client) = self.clients.get(&key) else { return false };
        let (hop, method, leg) = (client.hop, client.method, client.leg);
        let (purpose, trunk) = (client.purpose.clone(), client.trunk.clone());
        let leg_cseq = leg.and_then(|id| self.legs.get(&id)).map_or(0, |leg| leg.dialog.local_cseq);
        let cseq = leg_cseq.max(client.cseq) + 1;
        let Some(listener) = self.settings.listeners.get(usize::from(hop.target.listener)) else { return false };
        let add = [(given.header, given.answer.as_str())];
        let Some(bytes) = writer::again(&client.bytes, listener, branch, cseq, &[given.replaced], &add) else {
            return false;
        };
        if let Some(leg) = leg.and_then(|id| self.legs.get_mut(&id)) {
            leg.dialog.local_cseq = cseq;
        }
        if let Some(client) = self.clients.get_mut(&key) {
            client.leg = None;
        }
        // Only of an INVITE is a refusal repeated until it is acknowledged (RFC 3261, 17.1.1.2).
        if method == Method::Invite {
            self.complete_client(now, key)
        } else {
            drop(self.end_client(key))
        }
        let key = ClientKey { branch, cancel: false };
        self.begin_request(now, Outgoing { key, purpose, method, leg, cseq, bytes, hop });
        if let Some(client) = self.clients.get_mut(&key) {
            (client.again, client.trunk) = (given.again, trunk);
        }
        true
    }

    /// The answer to a challenge, if whoever asks may have one, and not too often.
    fn credentials(&mut self, key: ClientKey, message: &Message, place: Place) -> Option<Given> {
        let client = self.clients.get(&key)?;
        let (mut again, asks) = (client.again, client.hop.target.remote);
        if again.credentials >= CREDENTIALS_MAX {
            return None;
        }
        let trunk = client.trunk.as_ref().and_then(|name| self.settings.trunk(name))?;
        let TrunkAccount { realm, account, md5 } = trunk.account.clone()?;
        let written = trunk.targets.iter().any(|target| target.remote == asks);
        let (ask, header, replaced) = if message.status() == Some(407) {
            (Name::ProxyAuthenticate, "Proxy-Authorization", Name::ProxyAuthorization)
        } else {
            (Name::WwwAuthenticate, "Authorization", Name::Authorization)
        };
        let fits = |challenge: &Challenge| {
            let ours = match (&realm, place) {
                (Some(wanted), Place::Opening) => *wanted == challenge.realm,
                (None, Place::Opening) => true,
                (Some(wanted), Place::Dialog) => *wanted == challenge.realm && written,
                (None, Place::Dialog) => false,
            };
            ours && (md5 || challenge.algorithm != Algorithm::Md5)
        };
        let Some(challenge) = message.all(ask).filter_map(|value| Challenge::read(&value)).find(fits) else {
            self.discarded.foreign_challenge += 1;
            return None;
        };
        let request = Message::read(&client.bytes)?;
        let (method, uri) = (vocabulary::token(client.method), request.request_uri().into_owned());
        let cnonce = format!("{:016x}", self.fresh());
        again.credentials += 1;
        let answer = challenge.answer(&account, method, &uri, 1, &cnonce);
        Some(Given { header, replaced, answer, again })
    }

    /// Sends an INVITE again with the interval of a 422 (RFC 4028, 7.3); `false` if that is out of reason.
    pub(super) fn lengthen_interval(&mut self, now: Now, key: ClientKey, message: &Message) -> bool {
        let Some(client) = self.clients.get(&key) else { return false };
        let mut again = client.again;
        let wanted = message.text(Name::MinSe).and_then(|value| value.split(';').next()?.trim().parse::<u32>().ok());
        let Some(interval) = wanted.filter(|interval| *interval <= INTERVAL_S_MAX) else { return false };
        if again.interval >= INTERVAL_MAX {
            return false;
        }
        again.interval += 1;
        let text = interval.to_string();
        let add = [("Session-Expires", text.as_str()), ("Min-SE", text.as_str())];
        self.invite_again(now, key, again, &[Name::SessionExpires, Name::MinSe], &add)
    }

    fn invite_again(
        &mut self,
        now: Now,
        key: ClientKey,
        again: Again,
        replaced: &[Name],
        add: &[(&str, &str)],
    ) -> bool {
        let Some(client) = self.clients.get(&key) else { return false };
        let (hop, cseq, old, Some(id)) = (client.hop, client.cseq + 1, client.bytes.clone(), client.leg) else {
            return false;
        };
        let Some(Leg { phase: Phase::Calling(calling), .. }) = self.legs.get(&id) else { return false };
        let (place, token) = (calling.target_index, calling.spec.as_ref().and_then(|spec| spec.token.clone()));
        let fresh = ClientKey { branch: self.branch(token.as_ref(), place, cseq), cancel: false };
        let Some(listener) = self.settings.listeners.get(usize::from(hop.target.listener)) else { return false };
        let Some(bytes) = writer::again(&old, listener, fresh.branch, cseq, replaced, add) else { return false };
        let Some(leg) = self.legs.get_mut(&id) else { return false };
        let Phase::Calling(calling) = &mut leg.phase else { return false };
        calling.invite = fresh;
        calling.invite_cseq = cseq;
        leg.dialog.local_cseq = leg.dialog.local_cseq.max(cseq);
        // The refused one stays to acknowledge its refusal again, on behalf of nobody.
        if let Some(client) = self.clients.get_mut(&key) {
            client.leg = None;
        }
        self.complete_client(now, key);
        let (purpose, method) = (Purpose::Invite, Method::Invite);
        self.begin_request(now, Outgoing { key: fresh, purpose, method, leg: Some(id), cseq, bytes, hop });
        if let Some(client) = self.clients.get_mut(&fresh) {
            client.again = again;
        }
        self.events.push_back(Event::Resent { leg: id });
        true
    }
}
