//! What a request must hold before anybody looks at what it wants (RFC 3261, 8.1.1 and 8.2; RFC 4475).

use crate::sip::codec::{Fault, Message, Name, read_number};
use crate::sip::header::{CSeq, NameAddr, split};
use crate::sip::uri::{Uri, UriError};
use crate::sip::writer;

/// The headers that stand once in every request, and what is said if they do not.
const SINGLE: [(Name, &str, &str); 4] = [
    (Name::From, "Missing From", "Repeated From"),
    (Name::To, "Missing To", "Repeated To"),
    (Name::CallId, "Missing Call-ID", "Repeated Call-ID"),
    (Name::CSeq, "Missing CSeq", "Repeated CSeq"),
];

/// The first thing wrong with a request, whatever its method.
pub(super) fn fault(request: &Message) -> Option<Fault> {
    if request.fault.is_some() {
        return request.fault;
    }
    for (name, missing, repeated) in SINGLE {
        match request.count(name) {
            0 => return Some(Fault::bad(missing)),
            1 => {}
            _ => return Some(Fault::bad(repeated)),
        }
    }
    let cseq = request.text(Name::CSeq).unwrap_or_default();
    match CSeq::read(&cseq) {
        None => return Some(Fault::bad("Bad CSeq")),
        Some(cseq) if cseq.method.as_bytes() != request.method_token() => {
            return Some(Fault::bad("CSeq Method Mismatch"));
        }
        Some(_) => {}
    }
    // RFC 2543 clients send no Max-Forwards.
    let hops = request.raw(Name::MaxForwards);
    if request.count(Name::MaxForwards) > 1 || hops.is_some_and(|hops| read_number(hops).is_none_or(|n| n > 255)) {
        return Some(Fault::bad("Bad Max-Forwards"));
    }
    let expires = request.raw(Name::Expires);
    if expires.is_some_and(|value| read_number(value).is_none_or(|seconds| u32::try_from(seconds).is_err())) {
        return Some(Fault::bad("Bad Expires"));
    }
    if request.raw(Name::CallId).is_none_or(<[u8]>::is_empty) {
        return Some(Fault::bad("Missing Call-ID"));
    }
    if request.text(Name::From).as_deref().and_then(NameAddr::read).is_none() {
        return Some(Fault::bad("Bad From"));
    }
    if request.text(Name::To).as_deref().and_then(NameAddr::read).is_none() {
        return Some(Fault::bad("Bad To"));
    }
    let contact_ok = |value: &str| value == "*" || split(value, b',').all(|one| NameAddr::read(one).is_some());
    (!request.all(Name::Contact).all(|value| contact_ok(&value))).then_some(Fault::bad("Bad Contact"))
}

/// What is wrong with the Request-URI.
pub(super) fn uri_fault(request: &Message) -> Option<Fault> {
    match Uri::read(&request.request_uri()) {
        // Headers may not stand there (RFC 3261, 19.1.1).
        Ok(uri) if uri.headers.is_some() => Some(Fault::bad("Headers In Request-URI")),
        Ok(_) => None,
        Err(UriError::Scheme) => Some(Fault { status: 416, phrase: "" }),
        Err(UriError::Malformed) => Some(Fault::bad("Bad Request-URI")),
    }
}

/// The required extensions that nobody here knows, as they are listed in Unsupported.
pub(super) fn unknown_requirement(request: &Message) -> Option<String> {
    let required = request.all(Name::Require).chain(request.all(Name::ProxyRequire));
    let understood = |one: &str| writer::SUPPORTED.iter().any(|known| known.eq_ignore_ascii_case(one));
    let unknown: Vec<String> = required
        .flat_map(|value| value.split(',').map(|one| one.trim().to_owned()).collect::<Vec<_>>())
        .filter(|one| !one.is_empty() && !understood(one))
        .collect();
    (!unknown.is_empty()).then(|| unknown.join(", "))
}

/// Why the body of an INVITE, or the body it wants, cannot be served: the status, and the lines that explain it.
pub(super) fn unacceptable(invite: &Message) -> Option<(u16, Vec<u8>)> {
    let kind = |value: &str| value.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    let mut lines = Vec::new();
    writer::line(&mut lines, "Accept", &["application/sdp"]);
    let content = invite.text(Name::ContentType).map(|value| kind(&value));
    if !invite.body.is_empty() && content.as_deref() != Some("application/sdp") {
        return Some((415, lines));
    }
    let accepts = |value: &str| {
        value.split(',').any(|one| matches!(kind(one).as_str(), "application/sdp" | "application/*" | "*/*"))
    };
    if invite.count(Name::Accept) > 0 && !invite.all(Name::Accept).any(|value| accepts(&value)) {
        return Some((406, Vec::new()));
    }
    None
}
