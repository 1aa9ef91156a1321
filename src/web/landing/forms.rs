//! Forms that come back: whether they are ours, how old they are, and what stands in them.
//!
//! Each form that is shown carries a name of its own, the time, and a seal over both and over what it is about: whose page, which
//! number, which words of consent. What was changed, made up, or shown with other words does not fit the seal.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::{HeaderMap, header};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::model::time::Timestamp;

/// How long a form may be filled in.
const FORM_LIFE: Duration = Duration::from_secs(2 * 3600);
/// Bytes of chance in the name of a form.
const NAME_BYTES: usize = 12;
/// Longest body and most fields: ten times what a browser sends.
pub(super) const BODY_MAX: usize = 16 * 1024;
const FIELDS_MAX: usize = 40;

/// Why a form is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seal {
    /// It is ours, and shown long ago.
    Old,
    /// It does not fit: made up, of another page, or with words that are not in force.
    Broken,
}

/// Seals a form about `subject` that is shown now.
///
/// # Errors
/// That the operating system gives no randomness.
pub(super) fn seal(secret: &[u8; 32], subject: &str, now: Timestamp) -> Result<String, getrandom::Error> {
    let mut name = [0; NAME_BYTES];
    getrandom::fill(&mut name)?;
    let (name, at) = (hex(&name), now.as_millis());
    Ok(format!("{at}.{name}.{}", mark(secret, subject, at, &name)))
}

/// The name of a form that came back, if it is ours and about `subject`.
pub(super) fn open(secret: &[u8; 32], subject: &str, sealed: &str, now: Timestamp) -> Result<String, Seal> {
    let mut parts = sealed.split('.');
    let (Some(at), Some(name), Some(given), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(Seal::Broken);
    };
    let at: i64 = at.parse().map_err(|_| Seal::Broken)?;
    let expected = mark(secret, subject, at, name);
    if !bool::from(expected.as_bytes().ct_eq(given.as_bytes())) {
        return Err(Seal::Broken);
    }
    let shown = Timestamp::from_millis(at);
    if now > shown + FORM_LIFE { Err(Seal::Old) } else { Ok(name.to_owned()) }
}

fn mark(secret: &[u8; 32], subject: &str, at: i64, name: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(format!("landing\n{at}\n{name}\n{subject}").as_bytes());
    hex(&mac.finalize().into_bytes())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The fields of a form as a browser sends them; none if it is no such form. Of a field that comes twice the last counts.
pub(super) fn fields(headers: &HeaderMap, body: &[u8]) -> Option<BTreeMap<String, String>> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    if !kind.trim_start().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
        return None;
    }
    let mut fields = BTreeMap::new();
    for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        if fields.len() >= FIELDS_MAX {
            return None;
        }
        let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let (name, value) = pair.split_at(at);
        fields.insert(decoded(name)?, decoded(value.get(1..).unwrap_or_default())?);
    }
    Some(fields)
}

/// A piece as the URL standard encodes it; none if it is no UTF-8.
fn decoded(piece: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(piece.len());
    let mut rest = piece;
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let (digits, after) = rest.split_at_checked(2)?;
                bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
                rest = after;
            }
            other => bytes.push(*other),
        }
    }
    let text = String::from_utf8(bytes).ok()?;
    // A line break and a tab may be typed; whatever else controls a terminal is not.
    text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t')).then_some(text)
}

/// Whether a browser says that the form was sent from a page of another site. Old browsers say nothing; the seal stands all the
/// same. `own`: further origins that are ours.
pub(super) fn is_from_elsewhere(headers: &HeaderMap, own: &[String]) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return !matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text("origin") else { return false };
    let host = text("host").unwrap_or_default();
    let ours = origin.split_once("://").is_some_and(|(_, of)| of.eq_ignore_ascii_case(host));
    !ours && !own.iter().any(|one| one.trim_end_matches('/').eq_ignore_ascii_case(origin))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    const SECRET: [u8; 32] = [7; 32];
    const NOW: Timestamp = Timestamp::from_millis(1_795_318_496_000);

    fn headers(given: &[(&'static str, &'static str)]) -> HeaderMap {
        given.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_seal_fits_its_own_form_for_two_hours_and_nothing_else() {
        let sealed = seal(&SECRET, "link 1", NOW).unwrap();
        let name = open(&SECRET, "link 1", &sealed, NOW + FORM_LIFE).unwrap();
        assert_eq!(open(&SECRET, "link 1", &sealed, NOW).unwrap(), name);
        assert_ne!(open(&SECRET, "link 1", &seal(&SECRET, "link 1", NOW).unwrap(), NOW).unwrap(), name);
        let late = NOW + FORM_LIFE + Duration::from_millis(1);
        assert_eq!(open(&SECRET, "link 1", &sealed, late), Err(Seal::Old));
        assert_eq!(open(&SECRET, "link 2", &sealed, NOW), Err(Seal::Broken));
        assert_eq!(open(&[8; 32], "link 1", &sealed, NOW), Err(Seal::Broken));
        let later = sealed.replacen("1795318496000", "1795318496001", 1);
        for made_up in ["", "1.2", "1.2.3", "x.y.z", "1.2.3.4", &later, &format!("{sealed}0")] {
            assert_eq!(open(&SECRET, "link 1", made_up, NOW), Err(Seal::Broken), "{made_up}");
        }
    }

    #[test]
    fn fields_are_read_as_browsers_write_them_and_nothing_else_is() {
        let form = headers(&[("content-type", "application/x-www-form-urlencoded")]);
        let read = |body: &[u8]| fields(&form, body);
        let found = read(b"number=%2B86+138&do=register&name=%E7%8E%8B&empty=&bare").unwrap();
        assert_eq!(found["number"], "+86 138");
        assert_eq!(found["name"], "王");
        assert_eq!((found["empty"].as_str(), found["bare"].as_str()), ("", ""));
        assert_eq!(read(b"").unwrap().len(), 0);
        for broken in [&b"a=%E7"[..], b"a=%zz", b"a=%2", b"a=\xff", b"a=%00", b"a=%1b[0m"] {
            assert_eq!(read(broken), None, "{broken:?}");
        }
        let many: String = (0..1000).map(|at| format!("f{at}=1&")).collect();
        assert_eq!(read(many.as_bytes()), None);
        assert_eq!(fields(&headers(&[("content-type", "application/json")]), b"a=1"), None);
        assert_eq!(fields(&HeaderMap::new(), b"a=1"), None);
    }

    #[test]
    fn forms_of_other_sites_are_told_by_what_browsers_say() {
        let own = ["https://go.example".to_owned()];
        let elsewhere = |given: &[(&'static str, &'static str)]| is_from_elsewhere(&headers(given), &own);
        assert!(!elsewhere(&[]));
        assert!(!elsewhere(&[("sec-fetch-site", "same-origin")]));
        assert!(elsewhere(&[("sec-fetch-site", "cross-site")]));
        assert!(elsewhere(&[("sec-fetch-site", "same-site"), ("origin", "https://go.example")]));
        assert!(!elsewhere(&[("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:8080")]));
        assert!(!elsewhere(&[("origin", "https://go.example"), ("host", "10.0.0.1:8080")]));
        assert!(elsewhere(&[("origin", "https://evil.example"), ("host", "go.example")]));
        assert!(elsewhere(&[("origin", "null"), ("host", "go.example")]));
    }
}
