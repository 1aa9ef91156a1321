//! Which phone is where (RFC 3261, 10.3): one binding per user, the latest wins.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::codec::{Message, Name, read_number};
use super::header::{NameAddr, split};
use super::timers::Handle;
use super::transaction::Hop;
use super::uri::Uri;
use crate::model::time::Instant;

/// Where a phone can be called.
#[derive(Debug)]
pub(super) struct Binding {
    pub(super) contact: String,
    /// The flow the REGISTER came over: calls go back there, whatever the contact says (NAT).
    pub(super) hop: Hop,
    pub(super) expires: Instant,
    pub(super) timer: Handle,
    pub(super) call_id: String,
    pub(super) cseq: u32,
}

/// All bindings, by user.
#[derive(Debug, Default)]
pub(super) struct Registrar {
    pub(super) bindings: BTreeMap<Arc<str>, Binding>,
}

/// What a REGISTER asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// What is bound?
    Query,
    /// Bind this contact.
    Bind { contact: String, expires_s: u32 },
    /// Remove all (`*`), or the contact named.
    Remove,
}

/// Reads the wish; `None` for a 400.
pub(super) fn wish(request: &Message, default_s: u32) -> Option<Wish> {
    let expires = match request.raw(Name::Expires) {
        None => None,
        Some(value) => Some(seconds(value)?),
    };
    let mut latest = None;
    for value in request.all(Name::Contact) {
        if value.trim() == "*" {
            return (expires == Some(0) && request.count(Name::Contact) == 1).then_some(Wish::Remove);
        }
        for one in split(&value, b',') {
            let contact = NameAddr::read(one)?;
            Uri::read(contact.uri).ok()?;
            let own = match contact.params.value("expires") {
                None => None,
                Some(value) => Some(seconds(value.as_bytes())?),
            };
            let expires_s = own.or(expires).unwrap_or(default_s);
            // Among several contacts the last that is to stay wins.
            if expires_s > 0 || latest.is_none() {
                latest = Some((contact.uri.to_owned(), expires_s));
            }
        }
    }
    Some(match latest {
        None => Wish::Query,
        Some((_, 0)) => Wish::Remove,
        Some((contact, expires_s)) => Wish::Bind { contact, expires_s },
    })
}

/// Under 2³² (RFC 3261, 20.19).
fn seconds(value: &[u8]) -> Option<u32> {
    u32::try_from(read_number(value)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &str) -> Option<Wish> {
        let text = format!("REGISTER sip:lull SIP/2.0\r\n{lines}\r\n");
        wish(&Message::read(text.as_bytes()).expect("message"), 3_600)
    }

    #[test]
    fn a_register_says_what_it_wants() {
        let bind = |contact: &str, expires_s| Some(Wish::Bind { contact: contact.into(), expires_s });
        assert_eq!(of(""), Some(Wish::Query));
        assert_eq!(of("Contact: *\r\nExpires: 0\r\n"), Some(Wish::Remove));
        assert_eq!(of("Contact: *\r\nExpires: 5\r\n"), None);
        assert_eq!(of("m: <sip:a@b>;expires=0\r\n"), Some(Wish::Remove));
        assert_eq!(of("m: <sip:a@b>\r\nExpires: 90\r\n"), bind("sip:a@b", 90));
        assert_eq!(of("m: <sip:a@b>;expires=0, <sip:c@d>\r\n"), bind("sip:c@d", 3_600));
        assert_eq!(of("m: <sip:a@b>;expires=280297596632815\r\n"), None);
        assert_eq!(of("m: <name:John_Smith>\r\n"), None);
    }
}
