//! An INVITE once more: with credentials, or with the session interval that a 422 asks for.
//!
//! Only the INVITE that opens a call is ever signed. Inside a dialog the peer may be anybody a carrier lets through, and
//! a signed BYE would hand them a hash of the trunk's password to guess at (I-45).

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

impl Endpoint {
    /// Sends an INVITE again with credentials; `false` if there are none for this peer and realm.
    pub(super) fn authorize(&mut self, now: Now, key: ClientKey, message: &Message) -> bool {
        let Some(client) = self.clients.get(&key) else { return false };
        let mut again = client.again;
        if again.credentials >= CREDENTIALS_MAX {
            return false;
        }
        let account = client.trunk.as_ref().and_then(|name| self.settings.trunk(name)).and_then(|t| t.account.clone());
        let Some(TrunkAccount { realm, account, md5 }) = account else { return false };
        let (ask, tell, replaced) = if message.status() == Some(407) {
            (Name::ProxyAuthenticate, "Proxy-Authorization", Name::ProxyAuthorization)
        } else {
            (Name::WwwAuthenticate, "Authorization", Name::Authorization)
        };
        let fits = |challenge: &Challenge| {
            realm.as_ref().is_none_or(|wanted| *wanted == challenge.realm)
                && (md5 || challenge.algorithm != Algorithm::Md5)
        };
        let Some(challenge) = message.all(ask).filter_map(|value| Challenge::read(&value)).find(fits) else {
            self.discarded.foreign_challenge += 1;
            return false;
        };
        let Some(request) = Message::read(&client.bytes) else { return false };
        let cnonce = format!("{:016x}", self.fresh());
        let answer = challenge.answer(&account, "INVITE", &request.request_uri(), 1, &cnonce);
        again.credentials += 1;
        self.invite_again(now, key, again, &[replaced], &[(tell, &answer)])
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
