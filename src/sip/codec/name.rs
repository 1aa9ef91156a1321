//! The headers this program acts on, found by name or by compact name.

/// A header that somebody here asks for; all others are [`Name::Other`] and keep their name in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the header of that name")]
pub enum Name {
    Via,
    From,
    To,
    CallId,
    CSeq,
    Contact,
    MaxForwards,
    Route,
    RecordRoute,
    ContentLength,
    ContentType,
    Allow,
    Supported,
    Require,
    ProxyRequire,
    Expires,
    MinExpires,
    MinSe,
    SessionExpires,
    Authorization,
    ProxyAuthorization,
    WwwAuthenticate,
    ProxyAuthenticate,
    RetryAfter,
    Reason,
    RSeq,
    RAck,
    UserAgent,
    Accept,
    PAssertedIdentity,
    Diversion,
    Other,
}

const BY_NAME: [(&str, Name); 31] = [
    ("via", Name::Via),
    ("from", Name::From),
    ("to", Name::To),
    ("call-id", Name::CallId),
    ("cseq", Name::CSeq),
    ("contact", Name::Contact),
    ("max-forwards", Name::MaxForwards),
    ("route", Name::Route),
    ("record-route", Name::RecordRoute),
    ("content-length", Name::ContentLength),
    ("content-type", Name::ContentType),
    ("allow", Name::Allow),
    ("supported", Name::Supported),
    ("require", Name::Require),
    ("proxy-require", Name::ProxyRequire),
    ("expires", Name::Expires),
    ("min-expires", Name::MinExpires),
    ("min-se", Name::MinSe),
    ("session-expires", Name::SessionExpires),
    ("authorization", Name::Authorization),
    ("proxy-authorization", Name::ProxyAuthorization),
    ("www-authenticate", Name::WwwAuthenticate),
    ("proxy-authenticate", Name::ProxyAuthenticate),
    ("retry-after", Name::RetryAfter),
    ("reason", Name::Reason),
    ("rseq", Name::RSeq),
    ("rack", Name::RAck),
    ("user-agent", Name::UserAgent),
    ("accept", Name::Accept),
    ("p-asserted-identity", Name::PAssertedIdentity),
    ("diversion", Name::Diversion),
];

impl Name {
    /// The header of this name; names are compared without case, one letter is a compact name (RFC 3261, 7.3.3).
    pub fn of(token: &[u8]) -> Name {
        if let [letter] = token {
            return Name::of_compact(letter.to_ascii_lowercase());
        }
        // The length and the first letter decide nearly always, so few comparisons are whole.
        let first = token.first().map(u8::to_ascii_lowercase);
        BY_NAME
            .iter()
            .find(|(name, _)| {
                name.len() == token.len()
                    && name.as_bytes().first().copied() == first
                    && name.as_bytes().eq_ignore_ascii_case(token)
            })
            .map_or(Name::Other, |(_, name)| *name)
    }

    fn of_compact(letter: u8) -> Name {
        match letter {
            b'v' => Name::Via,
            b'f' => Name::From,
            b't' => Name::To,
            b'i' => Name::CallId,
            b'm' => Name::Contact,
            b'l' => Name::ContentLength,
            b'c' => Name::ContentType,
            b'k' => Name::Supported,
            b'x' => Name::SessionExpires,
            _ => Name::Other,
        }
    }
}
