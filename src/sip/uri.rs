//! SIP, SIPS and TEL URIs (RFC 3261, 19.1; RFC 3966), read without copying and never re-encoded.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};

/// Why a URI is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// A scheme other than sip, sips and tel.
    #[error("unknown URI scheme")]
    Scheme,
    /// The right scheme, wrong text.
    #[error("malformed URI")]
    Malformed,
}

/// A URI, borrowed from the text it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'a> {
    /// sip, sips or tel.
    pub scheme: Scheme,
    /// The user part or the telephone number, as escaped as it was; empty if there is none.
    pub user: &'a str,
    /// The host; an IPv6 address keeps its brackets; empty for tel.
    pub host: &'a str,
    /// The port, if one is written.
    pub port: Option<u16>,
    /// `;`-separated parameters without the first `;`.
    pub params: &'a str,
    /// What stands behind `?`, which nobody here interprets.
    pub headers: Option<&'a str>,
}

/// The schemes a request can be addressed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:`
    Tel,
}

impl<'a> Uri<'a> {
    /// Reads a URI that stands alone or between `<` and `>`.
    pub fn read(text: &'a str) -> Result<Uri<'a>, UriError> {
        let (scheme, rest) = text.split_once(':').ok_or(UriError::Malformed)?;
        if text.bytes().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control() || b"<>\"".contains(&byte)) {
            return Err(UriError::Malformed);
        }
        let scheme = match scheme {
            _ if scheme.eq_ignore_ascii_case("sip") => Scheme::Sip,
            _ if scheme.eq_ignore_ascii_case("sips") => Scheme::Sips,
            _ if scheme.eq_ignore_ascii_case("tel") => return read_tel(rest),
            _ => return Err(UriError::Scheme),
        };
        // '@' may not appear unescaped in any other part, and the user part may hold ';', '?' and ':'.
        let (user, rest) = match rest.split_once('@') {
            Some((user, rest)) => (user.split(':').next().unwrap_or(""), rest),
            None => ("", rest),
        };
        let (rest, headers) = match rest.split_once('?') {
            Some((rest, headers)) => (rest, Some(headers)),
            None => (rest, None),
        };
        let (host_port, params) = rest.split_once(';').unwrap_or((rest, ""));
        let (host, port) = read_host_port(host_port).ok_or(UriError::Malformed)?;
        Ok(Uri { scheme, user, host, port, params, headers })
    }

    /// The user part with its escapes resolved, for comparison and display only.
    pub fn user_unescaped(&self) -> Cow<'a, str> {
        unescape(self.user)
    }

    /// The host if it is an address and not a name.
    pub fn ip(&self) -> Option<IpAddr> {
        read_ip(self.host)
    }

    /// The value of a parameter: `Some("")` if it has none.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        self.params.split(';').find_map(|param| {
            let (key, value) = param.split_once('=').unwrap_or((param, ""));
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

fn read_tel(rest: &str) -> Result<Uri<'_>, UriError> {
    let (number, params) = rest.split_once(';').unwrap_or((rest, ""));
    let digits = number.strip_prefix('+').unwrap_or(number);
    let legal = |byte: u8| byte.is_ascii_hexdigit() || b"-.()*#".contains(&byte);
    if digits.is_empty() || !digits.bytes().all(legal) {
        return Err(UriError::Malformed);
    }
    Ok(Uri { scheme: Scheme::Tel, user: number, host: "", port: None, params, headers: None })
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
pub fn read_host_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match text.find(']') {
        Some(end) => {
            let (host, rest) = text.split_at(end + 1);
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let host_ok = if host.starts_with('[') {
        read_ip(host).is_some()
    } else {
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    };
    let port = match port {
        None => None,
        Some(port) => Some(port.parse::<u16>().ok().filter(|port| *port > 0)?),
    };
    host_ok.then_some((host, port))
}

/// An IPv4 address, or an IPv6 address with or without brackets.
pub fn read_ip(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        // `:::` is an erratum of RFC 3261's grammar that RFC 5118 (4.10) asks to tolerate.
        Some(inner) => inner.replace(":::", "::").parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse().ok(),
    }
}

/// Resolves `%hh`; what is not an escape stays as it is.
pub fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escaped = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match (byte, escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(value)) => {
                out.push(value);
                at += 3;
            }
            (other, _) => {
                out.push(*other);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// Writes a user part, escaping what may not stand there (RFC 3261, 25.1: unreserved and user-unreserved).
///
/// `;`, `?`, `/`, `:` and `@` are escaped too, so that no text can smuggle parameters or another host into a target.
pub fn escape_user(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,".contains(&byte) {
            out.push(byte as char);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn uris_of_the_field_are_read_and_not_altered() {
        let uri = Uri::read("sip:user;par=u%40example.net@example.com:5070;lr?x=y").expect("valid");
        assert_eq!((uri.user, uri.host, uri.port), ("user;par=u%40example.net", "example.com", Some(5070)));
        assert_eq!(uri.user_unescaped(), "user;par=u@example.net");
        assert_eq!((uri.param("lr"), uri.headers), (Some(""), Some("x=y")));
        assert_eq!(Uri::read("tel:+15551234;phone-context=a").map(|uri| uri.user), Ok("+15551234"));
        let v6 = Uri::read("sip:[2001:db8::1]:5060").expect("valid");
        assert_eq!((v6.host, v6.port, v6.ip().is_some()), ("[2001:db8::1]", Some(5060), true));
        assert_eq!(Uri::read("sip:a%20b@h").map(|uri| uri.user), Ok("a%20b"));
    }

    #[test]
    fn what_is_no_sip_or_tel_uri_says_why() {
        assert_eq!(Uri::read("soap.beep://192.0.2.103:3002"), Err(UriError::Scheme));
        for bad in ["sip:", "sip:a@", "sip:2001:db8::1", "sip:a b@c", "sip:a@h:0", "sip:a@h:70000", "tel:", "nothing"] {
            assert_eq!(Uri::read(bad), Err(UriError::Malformed), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn an_escaped_user_is_the_user_of_the_uri_and_nothing_else(user in "\\PC{1,30}") {
            let text = format!("sip:{}@host.example", escape_user(&user));
            let uri = Uri::read(&text).expect("escaped");
            prop_assert_eq!(uri.user_unescaped(), user);
            prop_assert_eq!(uri.host, "host.example");
            prop_assert_eq!(uri.params, "");
        }
    }
}
