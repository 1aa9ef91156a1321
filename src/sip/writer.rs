//! From facts to bytes: requests, responses, and requests made out of earlier ones.
//!
//! Nothing written here can carry a line break out of a value: [`line`] drops control characters.

use bytes::Bytes;

use super::codec::{Message, Name};
use super::dialog::Dialog;
use super::event::{EndReason, Party};
use super::header::Via;
use super::settings::{Listener, Settings};
use super::transaction::Hop;
use super::uri::escape_user;
use super::vocabulary;

/// The methods answered with something other than 405 and 501.
pub(super) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO";
/// The same from phones.
pub(super) const ALLOW_PHONES: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO, REGISTER";
/// The extensions a Require header may name.
pub(super) const SUPPORTED: [&str; 2] = ["timer", "100rel"];
const BRANCH_MAGIC: &str = "z9hG4bK";
/// Room for an INVITE with SDP without growing.
const ROOM: usize = 1_400;

/// Appends bytes that come from outside, without control characters.
pub(super) fn clean(out: &mut Vec<u8>, text: &[u8]) {
    if text.iter().any(|byte| byte.is_ascii_control()) {
        out.extend(text.iter().filter(|byte| !byte.is_ascii_control()));
    } else {
        out.extend_from_slice(text);
    }
}

/// Appends one header line.
pub(super) fn line(out: &mut Vec<u8>, name: &str, parts: &[&str]) {
    clean(out, name.as_bytes());
    out.extend_from_slice(b": ");
    for part in parts {
        clean(out, part.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends the last headers and the body.
pub(super) fn finish(out: &mut Vec<u8>, body: &[u8]) {
    if !body.is_empty() {
        out.extend_from_slice(b"Content-Type: application/sdp\r\n");
    }
    out.extend_from_slice(b"Content-Length: ");
    number(out, body.len() as u64);
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(body);
}

pub(super) fn number(out: &mut Vec<u8>, value: u64) {
    let mut digits = [0u8; 20];
    let (mut at, mut rest) = (digits.len(), value);
    loop {
        at -= 1;
        if let Some(digit) = digits.get_mut(at) {
            *digit = b'0' + (rest % 10) as u8;
        }
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(at..).unwrap_or(&[]));
}

/// 16 hexadecimal digits: branches and tags.
pub(super) fn hex16(value: u64) -> [u8; 16] {
    let mut out = [b'0'; 16];
    for (place, digit) in out.iter_mut().rev().enumerate() {
        let nibble = ((value >> (place * 4)) & 15) as u8;
        *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    }
    out
}

/// The value behind [`hex16`].
pub(super) fn from_hex16(text: &str) -> Option<u64> {
    let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (text.len() == 16 && text.bytes().all(lower)).then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

/// The branch of ours in a Via of ours.
pub(super) fn own_branch(via: &Via<'_>) -> Option<u64> {
    from_hex16(via.branch()?.strip_prefix(BRANCH_MAGIC)?)
}

fn via(out: &mut Vec<u8>, listener: &Listener, branch: u64) {
    out.extend_from_slice(b"Via: SIP/2.0/");
    out.extend_from_slice(listener.transport.token().as_bytes());
    out.push(b' ');
    clean(out, listener.host.as_bytes());
    out.push(b':');
    number(out, u64::from(listener.port));
    out.extend_from_slice(b";branch=");
    out.extend_from_slice(BRANCH_MAGIC.as_bytes());
    out.extend_from_slice(&hex16(branch));
    out.extend_from_slice(b";rport\r\n");
}

/// Start line, Via and Max-Forwards.
pub(super) fn start(method: &str, uri: &str, listener: &Listener, branch: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(ROOM);
    out.extend_from_slice(method.as_bytes());
    out.push(b' ');
    clean(&mut out, uri.as_bytes());
    out.extend_from_slice(b" SIP/2.0\r\n");
    via(&mut out, listener, branch);
    out.extend_from_slice(b"Max-Forwards: 70\r\n");
    out
}

/// Our Contact line.
pub(super) fn contact(out: &mut Vec<u8>, listener: &Listener) {
    let transport = match listener.transport {
        super::Transport::Udp => "",
        super::Transport::Tcp => ";transport=tcp",
        super::Transport::Tls => ";transport=tls",
    };
    out.extend_from_slice(b"Contact: <sip:");
    clean(out, listener.host.as_bytes());
    out.push(b':');
    number(out, u64::from(listener.port));
    out.extend_from_slice(transport.as_bytes());
    out.extend_from_slice(b">\r\n");
}

/// `"Display" <sip:user@host>`.
pub(super) fn name_addr(party: &Party) -> String {
    let user = escape_user(&party.user);
    let at = if user.is_empty() { "" } else { "@" };
    let address = format!("<sip:{user}{at}{}>", party.host);
    match &party.display {
        None => address,
        Some(display) => {
            let display = display.replace('\\', "\\\\").replace('"', "\\\"");
            format!("\"{display}\" {address}")
        }
    }
}

/// From, To, Call-ID and CSeq of a request of ours.
pub(super) fn identity(out: &mut Vec<u8>, dialog: &Dialog, cseq: u32, method: &str) {
    let tag = hex16(dialog.local_tag);
    line(out, "From", &[&dialog.local, ";tag=", std::str::from_utf8(&tag).unwrap_or("")]);
    match &dialog.remote_tag {
        Some(tag) => line(out, "To", &[&dialog.remote, ";tag=", tag]),
        None => line(out, "To", &[&dialog.remote]),
    }
    line(out, "Call-ID", &[&dialog.call_id]);
    out.extend_from_slice(b"CSeq: ");
    number(out, u64::from(cseq));
    out.push(b' ');
    out.extend_from_slice(method.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// A request in a dialog up to CSeq (RFC 3261, 12.2.1.1), strict routers included.
pub(super) fn in_dialog(settings: &Settings, dialog: &Dialog, method: &str, cseq: u32, branch: u64) -> Option<Vec<u8>> {
    let listener = settings.listeners.get(usize::from(dialog.target.listener))?;
    let first = dialog.routes.first().map(String::as_str);
    let first_uri = first.and_then(super::header::NameAddr::read).map(|route| route.uri);
    let strict = first_uri.filter(|uri| super::uri::Uri::read(uri).is_ok_and(|uri| uri.param("lr").is_none()));
    let mut out = start(method, strict.unwrap_or(&dialog.remote_target), listener, branch);
    for route in dialog.routes.iter().skip(usize::from(strict.is_some())) {
        line(&mut out, "Route", &[route]);
    }
    if strict.is_some() {
        line(&mut out, "Route", &["<", &dialog.remote_target, ">"]);
    }
    identity(&mut out, dialog, cseq, method);
    Some(out)
}

/// The Reason line of a BYE or CANCEL (RFC 3326).
pub(super) fn reason(out: &mut Vec<u8>, reason: &EndReason) {
    if let Some(cause) = reason.q850 {
        let text = reason.text.replace(['"', '\\'], "");
        line(out, "Reason", &["Q.850;cause=", &cause.to_string(), ";text=\"", &text, "\""]);
    }
}

/// The CANCEL, or the ACK of a non-2xx, of an INVITE of ours: same branch, target and Route (RFC 3261, 9.1 and
/// 17.1.1.3).
pub(super) fn companion(invite: &[u8], method: &str, to: Option<&[u8]>, extra: &[u8]) -> Option<Bytes> {
    let invite = Message::read(invite)?;
    let mut out = Vec::with_capacity(600);
    out.extend_from_slice(method.as_bytes());
    out.push(b' ');
    clean(&mut out, invite.request_uri().as_bytes());
    out.extend_from_slice(b" SIP/2.0\r\n");
    for (name, token, value) in invite.fields() {
        let value = match name {
            Name::Via | Name::MaxForwards | Name::Route | Name::From | Name::CallId => value,
            Name::To => to.unwrap_or(value),
            Name::CSeq => {
                out.extend_from_slice(b"CSeq: ");
                out.extend(value.iter().take_while(|byte| byte.is_ascii_digit()));
                out.push(b' ');
                out.extend_from_slice(method.as_bytes());
                out.extend_from_slice(b"\r\n");
                continue;
            }
            _ => continue,
        };
        out.extend_from_slice(token);
        out.extend_from_slice(b": ");
        clean(&mut out, value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(extra);
    finish(&mut out, &[]);
    Some(out.into())
}

/// A request of ours once more: new branch, next CSeq, the headers of `drop` replaced by `add`.
pub(super) fn again(
    request: &[u8],
    listener: &Listener,
    branch: u64,
    cseq: u32,
    drop: &[Name],
    add: &[(&str, &str)],
) -> Option<Bytes> {
    let request = Message::read(request)?;
    let method = String::from_utf8_lossy(request.method_token()).into_owned();
    let mut out = start(&method, &request.request_uri(), listener, branch);
    for (name, token, value) in request.fields() {
        match name {
            Name::Via | Name::MaxForwards | Name::ContentLength => continue,
            _ if drop.contains(&name) => continue,
            Name::CSeq => {
                line(&mut out, "CSeq", &[&cseq.to_string(), " ", &method]);
                continue;
            }
            _ => {}
        }
        out.extend_from_slice(token);
        out.extend_from_slice(b": ");
        clean(&mut out, value);
        out.extend_from_slice(b"\r\n");
    }
    for (name, value) in add {
        line(&mut out, name, &[value]);
    }
    // Content-Type is among the copied headers.
    out.extend_from_slice(b"Content-Length: ");
    number(&mut out, request.body.len() as u64);
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(&request.body);
    Some(out.into())
}

/// What a response holds besides what it echoes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reply<'a> {
    pub(super) status: u16,
    /// Another reason phrase than the usual one; empty for that.
    pub(super) phrase: &'a str,
    /// Our tag, if To has none.
    pub(super) to_tag: Option<u64>,
    /// Whole header lines.
    pub(super) lines: &'a [u8],
    pub(super) body: &'a [u8],
    /// Record-Route is echoed in what makes a dialog.
    pub(super) record_route: bool,
}

/// The response to a request (RFC 3261, 8.2.6), its top Via completed (18.2.1, RFC 3581).
pub(super) fn respond(request: &Message, hop: Hop, server: &str, reply: Reply<'_>) -> Bytes {
    let mut out = Vec::with_capacity(700 + reply.body.len());
    out.extend_from_slice(b"SIP/2.0 ");
    number(&mut out, u64::from(reply.status));
    out.push(b' ');
    let phrase = if reply.phrase.is_empty() { vocabulary::phrase(reply.status) } else { reply.phrase };
    clean(&mut out, phrase.as_bytes());
    out.extend_from_slice(b"\r\n");
    let mut first_via = true;
    for (name, _, value) in request.fields() {
        let title: &[u8] = match name {
            Name::Via => b"Via: ",
            Name::From => b"From: ",
            Name::To => b"To: ",
            Name::CallId => b"Call-ID: ",
            Name::CSeq => b"CSeq: ",
            Name::RecordRoute if reply.record_route => b"Record-Route: ",
            _ => continue,
        };
        out.extend_from_slice(title);
        if name == Name::Via && first_via {
            first_via = false;
            complete_via(&mut out, value, hop);
        } else {
            clean(&mut out, value);
        }
        if let (Name::To, Some(tag)) = (name, reply.to_tag) {
            out.extend_from_slice(b";tag=");
            out.extend_from_slice(&hex16(tag));
        }
        out.extend_from_slice(b"\r\n");
    }
    if !server.is_empty() {
        line(&mut out, "Server", &[server]);
    }
    out.extend_from_slice(reply.lines);
    finish(&mut out, reply.body);
    out.into()
}

/// Echoes the top Via with `received` where the source differs from what it says, and `rport` where it is asked for.
fn complete_via(out: &mut Vec<u8>, value: &[u8], hop: Hop) {
    let text = String::from_utf8_lossy(value);
    let end = super::header::split(&text, b',').next().map_or(0, str::len);
    let view = text.get(..end).and_then(Via::read);
    let (Some(view), Some(first), Some(rest)) = (view, value.get(..end), value.get(end..)) else {
        return clean(out, value);
    };
    let remote = hop.target.remote;
    let wants_port = view.params.value("rport") == Some("");
    if wants_port {
        for (index, piece) in first.split(|byte| *byte == b';').enumerate() {
            if index > 0 {
                out.push(b';');
            }
            clean(out, piece);
            if piece.trim_ascii().eq_ignore_ascii_case(b"rport") {
                out.push(b'=');
                number(out, u64::from(remote.port()));
            }
        }
    } else {
        clean(out, first);
    }
    let ip = remote.ip().to_canonical();
    if (wants_port || super::uri::read_ip(view.host) != Some(ip)) && view.params.value("received").is_none() {
        out.extend_from_slice(format!(";received={ip}").as_bytes());
    }
    clean(out, rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_in_values_do_not_make_headers() {
        let mut out = Vec::new();
        line(&mut out, "X-Note", &["a\r\nEvil: b\0"]);
        assert_eq!(out, b"X-Note: aEvil: b\r\n");
    }

    #[test]
    fn tags_and_branches_read_back() {
        for value in [0, 1, u64::MAX, 0x0123_4567_89ab_cdef] {
            assert_eq!(from_hex16(std::str::from_utf8(&hex16(value)).expect("hex")), Some(value));
        }
        assert_eq!(from_hex16("0123456789ABCDEF"), None);
    }
}
