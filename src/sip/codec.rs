//! From bytes to a [`Message`]: start line, headers in their order, body.
//!
//! Not a validator of single headers: `header` and `uri` read those when somebody asks. What cannot be answered at all
//! is no message (`None`); what can be answered with a 4xx carries its [`Fault`], so that the answer can still echo Via,
//! From, To, Call-ID and CSeq.
//!
//! Choices where RFC 4475 leaves one: several spaces in the start line and a space at its end are refused (400); a lone
//! LF ends a line as CRLF does; a lone CR or an unescaped NUL in a header is refused.

use std::borrow::Cow;

use bytes::Bytes;
use memchr::{memchr, memchr2};

use super::vocabulary::{self, Method};

mod framing;
mod name;
#[cfg(test)]
mod tests;

pub use framing::{Framer, StreamPiece};
pub use name::Name;

/// The longest message that is read: a UDP datagram can carry no more, and no call needs more over a stream.
pub const MESSAGE_MAX: usize = 65_535;
/// Header lines of one message; the longest legal one of RFC 4475 has under 50.
pub const HEADERS_MAX: usize = 256;

/// Why a message that can be answered is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The status of the answer.
    pub status: u16,
    /// The reason phrase of the answer, which names the fault.
    pub phrase: &'static str,
}

impl Fault {
    /// A 400 that says what is wrong.
    pub const fn bad(phrase: &'static str) -> Fault {
        Fault { status: 400, phrase }
    }
}

/// Where a piece lies in the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    from: u32,
    to: u32,
}

impl Span {
    fn of(from: usize, to: usize) -> Span {
        Span { from: from as u32, to: to as u32 } // heads are at most MESSAGE_MAX long
    }
}

#[derive(Clone, Copy, Debug)]
enum Start {
    Request { method: Option<Method>, token: Span, uri: Span },
    Response { status: u16, phrase: Span },
}

#[derive(Clone, Copy, Debug)]
struct Field {
    name: Name,
    token: Span,
    value: Span,
}

/// One SIP message. Cloning shares the bytes.
#[derive(Clone, Debug)]
pub struct Message {
    head: Bytes,
    start: Start,
    fields: Vec<Field>,
    /// The body, as many bytes as Content-Length says.
    pub body: Bytes,
    /// The first thing found wrong while reading.
    pub fault: Option<Fault>,
}

impl Message {
    /// Reads one datagram, or one message cut out of a stream.
    ///
    /// `None`: not SIP, too large, or too garbled for an answer.
    pub fn read(bytes: &[u8]) -> Option<Message> {
        let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let bytes = bytes.get(blank..)?;
        if bytes.is_empty() || bytes.len() > MESSAGE_MAX {
            return None;
        }
        let raw = match unfold(bytes) {
            Some(unfolded) => Bytes::from(unfolded),
            None => Bytes::copy_from_slice(bytes),
        };
        let mut fault = None;
        let (line, mut at) = next_line(&raw, 0);
        let start = read_start(&raw, line, &mut fault)?;
        let mut fields = Vec::with_capacity(20);
        let body_from = loop {
            if at >= raw.len() {
                fault = fault.or(Some(Fault::bad("Headers Do Not End")));
                break raw.len();
            }
            let (line, next) = next_line(&raw, at);
            at = next;
            if line.from == line.to {
                break next;
            }
            if fields.len() == HEADERS_MAX {
                return None;
            }
            match read_field(&raw, line) {
                Ok(field) => fields.push(field),
                Err(wrong) => fault = fault.or(Some(wrong)),
            }
        };
        let mut message = Message { head: raw.slice(..body_from), start, fields, body: Bytes::new(), fault };
        message.cut_body(raw.slice(body_from..));
        Some(message)
    }

    /// The method of a request: `Some(None)` if its token is unknown; `None` for responses.
    pub fn method(&self) -> Option<Option<Method>> {
        match self.start {
            Start::Request { method, .. } => Some(method),
            Start::Response { .. } => None,
        }
    }

    /// The method's token as it was sent; empty for responses.
    pub fn method_token(&self) -> &[u8] {
        match self.start {
            Start::Request { token, .. } => self.piece(token),
            Start::Response { .. } => &[],
        }
    }

    /// The Request-URI as it was sent; empty for responses.
    pub fn request_uri(&self) -> Cow<'_, str> {
        match self.start {
            Start::Request { uri, .. } => String::from_utf8_lossy(self.piece(uri)),
            Start::Response { .. } => Cow::Borrowed(""),
        }
    }

    /// The status of a response.
    pub fn status(&self) -> Option<u16> {
        match self.start {
            Start::Request { .. } => None,
            Start::Response { status, .. } => Some(status),
        }
    }

    /// The reason phrase as the peer wrote it: carriers put the cause there.
    pub fn phrase(&self) -> Cow<'_, str> {
        match self.start {
            Start::Request { .. } => Cow::Borrowed(""),
            Start::Response { phrase, .. } => String::from_utf8_lossy(self.piece(phrase)),
        }
    }

    /// The first value of a header, unfolded and trimmed, as bytes that can be echoed.
    pub fn raw(&self, name: Name) -> Option<&[u8]> {
        self.fields.iter().find(|field| field.name == name).map(|field| self.piece(field.value))
    }

    /// The first value of a header as text; bytes that are not UTF-8 become U+FFFD in this value only.
    pub fn text(&self, name: Name) -> Option<Cow<'_, str>> {
        self.raw(name).map(String::from_utf8_lossy)
    }

    /// All values of a header, one per line, in their order.
    pub fn all(&self, name: Name) -> impl Iterator<Item = Cow<'_, str>> {
        self.fields
            .iter()
            .filter(move |field| field.name == name)
            .map(|field| String::from_utf8_lossy(self.piece(field.value)))
    }

    /// The first value of a header that [`Name`] does not list.
    pub fn other(&self, name: &str) -> Option<Cow<'_, str>> {
        self.fields
            .iter()
            .find(|field| field.name == Name::Other && self.piece(field.token).eq_ignore_ascii_case(name.as_bytes()))
            .map(|field| String::from_utf8_lossy(self.piece(field.value)))
    }

    /// How many lines carry this header.
    pub fn count(&self, name: Name) -> usize {
        self.fields.iter().filter(|field| field.name == name).count()
    }

    /// Whether a list header (Supported, Require, Allow) names a token.
    pub fn lists(&self, name: Name, token: &str) -> bool {
        self.all(name).any(|value| value.split(',').any(|one| one.trim().eq_ignore_ascii_case(token)))
    }

    /// Every header line: its kind, its name as sent, its value.
    pub fn fields(&self) -> impl Iterator<Item = (Name, &[u8], &[u8])> {
        self.fields.iter().map(|field| (field.name, self.piece(field.token), self.piece(field.value)))
    }

    /// How many bytes it had, folds aside.
    pub fn length(&self) -> usize {
        self.head.len() + self.body.len()
    }

    fn piece(&self, span: Span) -> &[u8] {
        self.head.get(span.from as usize..span.to as usize).unwrap_or(&[])
    }

    /// RFC 3261, 18.3: Content-Length cuts; without it a datagram's body goes to its end.
    fn cut_body(&mut self, rest: Bytes) {
        match self.content_length() {
            Ok(None) => self.body = rest,
            Ok(Some(length)) if length <= rest.len() => self.body = rest.slice(..length),
            Ok(Some(_)) => self.fault = self.fault.or(Some(Fault::bad("Content-Length Exceeds Message"))),
            Err(fault) => self.fault = self.fault.or(Some(fault)),
        }
    }

    fn content_length(&self) -> Result<Option<usize>, Fault> {
        let mut length = None;
        for (_, _, value) in self.fields().filter(|(name, _, _)| *name == Name::ContentLength) {
            let one = read_number(value).ok_or(Fault::bad("Bad Content-Length"))?;
            let one = usize::try_from(one).map_err(|_| Fault::bad("Bad Content-Length"))?;
            if length.is_some_and(|earlier| earlier != one) {
                return Err(Fault::bad("Conflicting Content-Length"));
            }
            length = Some(one);
        }
        Ok(length)
    }
}

/// A decimal number made of digits only.
pub fn read_number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 19 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0u64, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

/// Whether a byte may stand in a token (RFC 3261, 25.1).
pub fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

/// The line that starts at `at` without its end, and where the next one starts.
fn next_line(raw: &[u8], at: usize) -> (Span, usize) {
    let rest = raw.get(at..).unwrap_or(&[]);
    let end = memchr(b'\n', rest).unwrap_or(rest.len());
    let line = rest.get(..end).unwrap_or(rest);
    let kept = line.len() - usize::from(line.last() == Some(&b'\r'));
    (Span::of(at, at + kept), at + end + usize::from(end < rest.len()))
}

/// The message with folded header lines joined; `None` if there are none, which is the common case.
fn unfold(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut folded = false;
    let mut out: Vec<u8> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let (line, next) = next_line(bytes, at);
        let text = bytes.get(line.from as usize..line.to as usize).unwrap_or(&[]);
        if text.is_empty() {
            break;
        }
        if at > 0 && matches!(text.first(), Some(b' ' | b'\t')) {
            if !folded {
                folded = true;
                out.extend_from_slice(bytes.get(..at).unwrap_or(&[]));
            }
            while matches!(out.last(), Some(b'\r' | b'\n')) {
                out.pop();
            }
            out.push(b' ');
            out.extend_from_slice(text.trim_ascii());
            out.extend_from_slice(b"\r\n");
        } else if folded {
            out.extend_from_slice(text);
            out.extend_from_slice(b"\r\n");
        }
        at = next;
    }
    if folded {
        out.extend_from_slice(bytes.get(at..).unwrap_or(&[]));
    }
    folded.then_some(out)
}

fn read_start(raw: &[u8], line: Span, fault: &mut Option<Fault>) -> Option<Start> {
    let (from, to) = (line.from as usize, line.to as usize);
    let text = raw.get(from..to)?;
    if let Some(rest) = text.strip_prefix(b"SIP/") {
        // A response that cannot be read cannot be answered either: no fault, no message.
        let rest = rest.strip_prefix(b"2.0 ")?;
        let code = rest.get(..3)?;
        let status = u16::try_from(read_number(code)?).ok().filter(|status| (100..700).contains(status))?;
        let phrase = match rest.get(3) {
            None => to,
            Some(b' ') => from + 12,
            Some(_) => return None,
        };
        return Some(Start::Response { status, phrase: Span::of(phrase, to) });
    }
    let version_at = memchr::memmem::rfind(text, b" SIP/")?;
    let first = memchr(b' ', text)?;
    let token = text.get(..first)?;
    if token.is_empty() {
        return None;
    }
    if !token.iter().all(|byte| is_token_byte(*byte)) {
        *fault = Some(Fault::bad("Bad Method"));
    }
    let uri = Span::of(from + first + 1, from + version_at.max(first + 1));
    let uri_text = raw.get(uri.from as usize..uri.to as usize)?;
    let version = text.get(version_at + 1..)?;
    if uri_text.is_empty() || uri_text.iter().any(u8::is_ascii_whitespace) || version.contains(&b' ') {
        *fault = fault.or(Some(Fault::bad("Bad Request Line")));
    } else if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        *fault = fault.or(Some(Fault { status: 505, phrase: "Version Not Supported" }));
    }
    Some(Start::Request { method: vocabulary::method(token), token: Span::of(from, from + first), uri })
}

fn read_field(raw: &[u8], line: Span) -> Result<Field, Fault> {
    let (from, to) = (line.from as usize, line.to as usize);
    let text = raw.get(from..to).unwrap_or(&[]);
    if smuggles(text) {
        return Err(Fault::bad("Control Character In Header"));
    }
    let colon = memchr(b':', text).ok_or(Fault::bad("Header Without Colon"))?;
    let token = text.get(..colon).unwrap_or(&[]).trim_ascii_end();
    if token.is_empty() || !token.iter().all(|byte| is_token_byte(*byte)) {
        return Err(Fault::bad("Bad Header Name"));
    }
    let value = text.get(colon + 1..).unwrap_or(&[]);
    let value_from = from + colon + 1 + (value.len() - value.trim_ascii_start().len());
    let value_to = value_from + value.trim_ascii().len();
    Ok(Field {
        name: Name::of(token),
        token: Span::of(from, from + token.len()),
        value: Span::of(value_from, value_to),
    })
}

/// A lone CR, or a NUL that no backslash quotes, can make two readers see two different messages.
fn smuggles(line: &[u8]) -> bool {
    let mut at = 0;
    while let Some(found) = line.get(at..).and_then(|rest| memchr2(b'\r', 0, rest)) {
        let quoted = (at + found).checked_sub(1).and_then(|before| line.get(before)) == Some(&b'\\');
        if !quoted {
            return true;
        }
        at += found + 1;
    }
    false
}
