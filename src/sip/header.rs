//! Typed views of header values, borrowed from the message. Reading is strict where RFC 4475 asks for a 400.
//!
//! Start with [`NameAddr`] (From, To, Contact, Route), [`Via`] and [`CSeq`].

use std::borrow::Cow;

use super::codec::{is_token_byte, read_number};
use super::uri::{self, Uri};

/// Splits at `separator` outside quotes and angle brackets; pieces are trimmed.
pub fn split(value: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let text = rest?;
        match find_outside(text, separator) {
            Some(at) => {
                rest = text.get(at + 1..);
                text.get(..at).map(str::trim)
            }
            None => {
                rest = None;
                Some(text.trim())
            }
        }
    })
}

fn find_outside(text: &str, wanted: u8) -> Option<usize> {
    let (mut quoted, mut angled, mut skip) = (false, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if skip => skip = false,
            b'\\' if quoted => skip = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            _ if byte == wanted && !angled => return Some(at),
            b'<' => angled = true,
            b'>' => angled = false,
            _ => {}
        }
    }
    None
}

/// `;name=value` parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params<'a>(&'a str);

impl<'a> Params<'a> {
    /// Reads what follows a value: nothing, or `;` and parameters none of which is empty.
    pub fn read(text: &'a str) -> Option<Params<'a>> {
        let text = text.trim();
        if text.is_empty() {
            return Some(Params(""));
        }
        let text = text.strip_prefix(';')?;
        let named = |param: &str| {
            let name = param.split('=').next().unwrap_or("").trim();
            !name.is_empty() && name.bytes().all(|byte| is_token_byte(byte) || matches!(byte, b'[' | b']' | b':'))
        };
        split(text, b';').all(named).then_some(Params(text))
    }

    /// A parameter's value, `Some("")` if it has none, without its quotes.
    pub fn value(&self, name: &str) -> Option<&'a str> {
        split(self.0, b';').find_map(|param| {
            let (key, value) = param.split_once('=').unwrap_or((param, ""));
            let value = value.trim();
            let bare = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
            key.trim().eq_ignore_ascii_case(name).then_some(bare)
        })
    }
}

/// One Via value (RFC 3261, 20.42).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
    /// UDP, TCP, TLS or anything else.
    pub transport: &'a str,
    /// The sender's own name or address.
    pub host: &'a str,
    /// The sender's port, if written.
    pub port: Option<u16>,
    /// All parameters.
    pub params: Params<'a>,
}

impl<'a> Via<'a> {
    /// Reads one value of a Via list.
    pub fn read(text: &'a str) -> Option<Via<'a>> {
        let mut parts = text.splitn(3, '/');
        let protocol = parts.next()?.trim();
        let version = parts.next()?.trim();
        let rest = parts.next()?.trim();
        if !protocol.eq_ignore_ascii_case("SIP") || version.is_empty() {
            return None;
        }
        let transport_end = rest.find(|c: char| c.is_ascii_whitespace())?;
        let (transport, rest) = rest.split_at(transport_end);
        let (sent_by, params) = match rest.find(';') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        // `host : port` may be written with spaces.
        let sent_by = sent_by.trim();
        let (host, port) = match uri::read_host_port(sent_by) {
            Some(found) => found,
            None => {
                let (host, port) = sent_by.rsplit_once(':')?;
                (host.trim(), Some(port.trim().parse().ok()?))
            }
        };
        Some(Via { transport, host, port, params: Params::read(params)? })
    }

    /// The branch, if it is written.
    pub fn branch(&self) -> Option<&'a str> {
        self.params.value("branch")
    }
}

/// A name and an address with parameters: From, To, Contact, Route, Record-Route, P-Asserted-Identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameAddr<'a> {
    display: &'a str,
    /// The URI between `<` and `>`, or bare.
    pub uri: &'a str,
    /// The header's parameters, not the URI's.
    pub params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    /// Reads one value.
    pub fn read(text: &'a str) -> Option<NameAddr<'a>> {
        let text = text.trim();
        let Some(open) = find_outside(text, b'<') else {
            return NameAddr::read_bare(text);
        };
        let (display, rest) = text.split_at(open);
        let (uri, params) = rest.get(1..)?.split_once('>')?;
        let display = display.trim();
        if !display_is_legal(display) || uri.is_empty() || uri.bytes().any(|byte| byte.is_ascii_whitespace()) {
            return None;
        }
        Some(NameAddr { display, uri, params: Params::read(params)? })
    }

    /// Without brackets all parameters are the header's, and `?` and `,` may not stand in the URI (RFC 3261, 20.10).
    fn read_bare(text: &'a str) -> Option<NameAddr<'a>> {
        let at = text.find(';').unwrap_or(text.len());
        let (uri, params) = text.split_at(at);
        let uri = uri.trim();
        if uri.is_empty() || !uri.contains(':') || uri.bytes().any(|byte| b"?,\"<> \t".contains(&byte)) {
            return None;
        }
        Some(NameAddr { display: "", uri, params: Params::read(params)? })
    }

    /// The display name without quotes and escapes.
    pub fn display(&self) -> Cow<'a, str> {
        let bare = self.display.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        match bare {
            Some(quoted) if quoted.contains('\\') => {
                let mut out = String::with_capacity(quoted.len());
                let mut chars = quoted.chars();
                while let Some(c) = chars.next() {
                    out.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
                }
                Cow::Owned(out)
            }
            Some(quoted) => Cow::Borrowed(quoted),
            None => Cow::Borrowed(self.display),
        }
    }

    /// The tag.
    pub fn tag(&self) -> Option<&'a str> {
        self.params.value("tag").filter(|tag| !tag.is_empty())
    }

    /// The user part of the URI, unescaped; empty if there is none or the scheme is another.
    pub fn user(&self) -> Cow<'a, str> {
        Uri::read(self.uri).map_or(Cow::Borrowed(""), |uri| uri.user_unescaped())
    }
}

fn display_is_legal(display: &str) -> bool {
    if let Some(rest) = display.strip_prefix('"') {
        // The closing quote is the last character, and no earlier one.
        return find_outside(display, b'\0').is_none()
            && rest.ends_with('"')
            && closing_quote(rest) == Some(rest.len() - 1);
    }
    display.bytes().all(|byte| is_token_byte(byte) || byte == b' ' || byte == b'\t' || !byte.is_ascii())
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut skip = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if skip => skip = false,
            b'\\' => skip = true,
            b'"' => return Some(at),
            _ => {}
        }
    }
    None
}

/// Sequence number and method (RFC 3261, 20.16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// The number, under 2³².
    pub number: u32,
    /// The method's token.
    pub method: &'a str,
}

impl<'a> CSeq<'a> {
    /// Reads the header's value.
    pub fn read(text: &'a str) -> Option<CSeq<'a>> {
        let mut words = text.split_ascii_whitespace();
        let number = u32::try_from(read_number(words.next()?.as_bytes())?).ok()?;
        let method = words.next()?;
        words.next().is_none().then_some(CSeq { number, method })
    }
}

/// Who refreshes a session (RFC 4028).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    /// The side that sent the request.
    Uac,
    /// The side that answered it.
    Uas,
}

/// Session-Expires (RFC 4028, 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires {
    /// The interval.
    pub interval_s: u32,
    /// Who refreshes, if said.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// Reads the header's value.
    pub fn read(text: &str) -> Option<SessionExpires> {
        let at = text.find(';').unwrap_or(text.len());
        let (interval, params) = text.split_at(at);
        let interval_s = u32::try_from(read_number(interval.trim().as_bytes())?).ok()?;
        let refresher = match Params::read(params)?.value("refresher") {
            Some(who) if who.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(who) if who.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            Some(_) | None => None,
        };
        Some(SessionExpires { interval_s, refresher })
    }
}

/// The Q.850 cause in a Reason header (RFC 3326), whatever stands beside it.
pub fn q850_cause(value: &str) -> Option<u16> {
    split(value, b',').find_map(|one| {
        let at = one.find(';')?;
        let (protocol, params) = one.split_at(at);
        if !protocol.trim().eq_ignore_ascii_case("Q.850") {
            return None;
        }
        Params::read(params)?.value("cause")?.parse().ok()
    })
}

/// The seconds of a Retry-After header, comment and parameters ignored.
pub fn retry_after_s(value: &str) -> Option<u32> {
    let end = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    value.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_split_outside_quotes_and_brackets_only() {
        let contacts = r#""Doe, <J>;" <sip:a,b@c;x=1>;q=0.5 , <sip:d@e>"#;
        let found: Vec<_> = split(contacts, b',').filter_map(NameAddr::read).collect();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].display().as_ref(), found[0].uri), ("Doe, <J>;", "sip:a,b@c;x=1"));
        assert_eq!((found[0].params.value("q"), found[1].uri), (Some("0.5"), "sip:d@e"));
    }

    #[test]
    fn a_display_name_reads_back_without_quotes_and_escapes() {
        let name =
            NameAddr::read(r#""J Rosenberg \\\""       <sip:jdrosen@example.com> ; tag = 98asjd8"#).expect("valid");
        assert_eq!(name.display(), r#"J Rosenberg \""#);
        assert_eq!(name.tag(), Some("98asjd8"));
        assert_eq!(NameAddr::read("caller<sip:caller@example.com>;tag=323").expect("valid").display(), "caller");
    }

    #[test]
    fn malformed_addresses_are_refused() {
        for bad in [
            "\"Mr. J. User <sip:j.user@example.com>",
            "\"Watson\" < sip:t.watson@example.org >",
            "Bell, Alexander <sip:a.g.bell@example.com>;tag=43",
            "\"Joe\" <sip:joe@example.org>;;;;",
            "sip:user@example.com?Route=%3Csip:sip.example.com%3E",
            "<>",
            "",
        ] {
            assert_eq!(NameAddr::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_via_is_read_with_spaces_anywhere_the_grammar_allows() {
        let via = Via::read("SIP  / 2.0  / TCP     spindle.example.com   ; branch  =   z9hG4bK9ikj8").expect("valid");
        assert_eq!((via.transport, via.host, via.branch()), ("TCP", "spindle.example.com", Some("z9hG4bK9ikj8")));
        let v6 = Via::read("SIP/2.0/UDP [2001:db8::9:1]:5070;received=[2001:db8::9:255];rport").expect("valid");
        assert_eq!((v6.host, v6.port, v6.params.value("rport")), ("[2001:db8::9:1]", Some(5070), Some("")));
        assert_eq!(Via::read("SIP/2.0/UDP 192.0.2.15;;,;,,"), None);
    }

    #[test]
    fn numbers_out_of_range_are_no_cseq() {
        assert_eq!(CSeq::read("0009   INVITE"), Some(CSeq { number: 9, method: "INVITE" }));
        assert_eq!(CSeq::read("36893488147419103232 REGISTER"), None);
        assert_eq!(CSeq::read("-1 REGISTER"), None);
    }

    #[test]
    fn causes_and_delays_are_found_beside_other_text() {
        assert_eq!(q850_cause("SIP;cause=200, Q.850;cause=17;text=\"User busy; really\""), Some(17));
        assert_eq!(retry_after_s("120 (maintenance);duration=3600"), Some(120));
        assert_eq!(retry_after_s("949302838503028349304023988"), None);
    }
}
