//! A SIP message as text: start line, headers in order, body.

use std::fmt;

/// One request or response.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// What it is.
    pub start: Start,
    /// Headers in order; compact names are expanded, lists are kept as they are.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// A request.
    Request {
        /// Its method.
        method: String,
        /// Its URI.
        uri: String,
    },
    /// A response.
    Response {
        /// Its status.
        status: u16,
        /// Its phrase.
        phrase: String,
    },
}

impl Message {
    /// A request without headers.
    pub fn request(method: &str, uri: &str) -> Message {
        let start = Start::Request { method: method.to_owned(), uri: uri.to_owned() };
        Message { start, headers: Vec::new(), body: Vec::new() }
    }

    /// A response to this request, with the headers that RFC 3261 8.2.6 wants copied.
    pub fn response(to: &Message, status: u16, phrase: &str) -> Message {
        let start = Start::Response { status, phrase: phrase.to_owned() };
        let copied = ["Via", "From", "To", "Call-ID", "CSeq", "Record-Route"];
        let headers = to.headers.iter().filter(|(name, _)| copied.iter().any(|c| c.eq_ignore_ascii_case(name)));
        Message { start, headers: headers.cloned().collect(), body: Vec::new() }
    }

    /// Reads a datagram. `None`: not SIP, or a keep-alive.
    pub fn read(bytes: &[u8]) -> Option<Message> {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]);
        let mut lines = head.split("\r\n");
        let start = start_line(lines.next()?)?;
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines {
            if line.starts_with([' ', '\t']) {
                let (_, value) = headers.last_mut()?;
                value.push(' ');
                value.push_str(line.trim());
            } else {
                let (name, value) = line.split_once(':')?;
                headers.push((full_name(name.trim()).to_owned(), value.trim().to_owned()));
            }
        }
        let mut message = Message { start, headers, body: bytes[end + 4..].to_vec() };
        if let Some(length) = message.header("Content-Length").and_then(|l| l.parse().ok()) {
            message.body.truncate(length);
        }
        Some(message)
    }

    /// Adds a header at the end.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Message {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// Replaces a header, or adds it.
    pub fn set(&mut self, name: &str, value: impl fmt::Display) {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_string()));
    }

    /// With a session description.
    #[must_use]
    pub fn with_sdp(self, sdp: &str) -> Message {
        let mut message = self.with("Content-Type", "application/sdp");
        message.body = sdp.as_bytes().to_vec();
        message
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// All headers of this name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.headers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The method of a request.
    pub fn method(&self) -> Option<&str> {
        match &self.start {
            Start::Request { method, .. } => Some(method),
            Start::Response { .. } => None,
        }
    }

    /// The URI of a request; nothing for a response.
    pub fn uri(&self) -> &str {
        match &self.start {
            Start::Request { uri, .. } => uri,
            Start::Response { .. } => "",
        }
    }

    /// The status of a response.
    pub fn status(&self) -> Option<u16> {
        match &self.start {
            Start::Request { .. } => None,
            Start::Response { status, .. } => Some(*status),
        }
    }

    /// The Call-ID; empty if there is none.
    pub fn call_id(&self) -> &str {
        self.header("Call-ID").unwrap_or_default()
    }

    /// Number and method of CSeq.
    pub fn cseq(&self) -> Option<(u32, &str)> {
        let (number, method) = self.header("CSeq")?.split_once(' ')?;
        Some((number.parse().ok()?, method.trim()))
    }

    /// For the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut head = match &self.start {
            Start::Request { method, uri } => format!("{method} {uri} SIP/2.0\r\n"),
            Start::Response { status, phrase } => format!("SIP/2.0 {status} {phrase}\r\n"),
        };
        for (name, value) in self.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("Content-Length")) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", self.body.len()));
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

fn start_line(line: &str) -> Option<Start> {
    if let Some(rest) = line.strip_prefix("SIP/2.0 ") {
        let (status, phrase) = rest.split_once(' ').unwrap_or((rest, ""));
        return Some(Start::Response { status: status.parse().ok()?, phrase: phrase.to_owned() });
    }
    let (method, rest) = line.split_once(' ')?;
    let uri = rest.strip_suffix(" SIP/2.0")?;
    Some(Start::Request { method: method.to_owned(), uri: uri.to_owned() })
}

fn full_name(name: &str) -> &str {
    match name {
        "v" => "Via",
        "f" => "From",
        "t" => "To",
        "i" => "Call-ID",
        "m" => "Contact",
        "c" => "Content-Type",
        "l" => "Content-Length",
        "k" => "Supported",
        "x" => "Session-Expires",
        other => other,
    }
}

/// The URI of a From, To or Contact.
pub fn address(value: &str) -> &str {
    match value.split_once('<').and_then(|(_, rest)| rest.split_once('>')) {
        Some((uri, _)) => uri,
        None => value.split(';').next().unwrap_or(value).trim(),
    }
}

/// A parameter of a header value, such as `tag` of a From.
pub fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let after = value.rsplit_once('>').map_or(value, |(_, after)| after);
    after.split(';').skip(usize::from(!value.contains('>'))).find_map(|part| {
        let (key, value) = part.trim().split_once('=').unwrap_or((part.trim(), ""));
        key.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

/// The user part of a `sip:` or `tel:` URI.
pub fn user(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    match rest.split_once('@') {
        Some((user, _)) => user.split(';').next().unwrap_or(user),
        None if uri.starts_with("tel:") => rest.split(';').next().unwrap_or(rest),
        None => "",
    }
}

/// Host and port of a `sip:` URI, if the host is an address.
pub fn target(uri: &str) -> Option<std::net::SocketAddr> {
    let rest = uri.split_once(':')?.1;
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = host.split([';', '?']).next()?;
    host.parse().ok().or_else(|| Some(std::net::SocketAddr::new(host.trim_matches(['[', ']']).parse().ok()?, 5060)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_reads_back() {
        let message = Message::request("INVITE", "sip:+447700900001@127.0.0.1:5060")
            .with("Via", "SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1")
            .with("From", "\"A <b>\" <sip:a@b>;tag=1")
            .with("CSeq", "1 INVITE")
            .with_sdp("v=0\r\n");
        let mut read = Message::read(&message.to_bytes()).unwrap();
        assert_eq!(read.header("content-length"), Some("5"));
        read.headers.pop();
        assert_eq!(read, message);
        assert_eq!(read.cseq(), Some((1, "INVITE")));
    }

    #[test]
    fn compact_names_folded_lines_and_rubbish_are_told_apart() {
        let read = Message::read(b"OPTIONS sip:a SIP/2.0\r\nv: SIP/2.0/UDP b\r\n ;branch=c\r\ni: 1\r\n\r\n").unwrap();
        assert_eq!(read.header("Via"), Some("SIP/2.0/UDP b ;branch=c"));
        assert_eq!(read.call_id(), "1");
        assert_eq!(Message::read(b"\r\n\r\n"), None);
        assert_eq!(Message::read(b"GET / HTTP/1.1\r\n\r\n"), None);
    }

    #[test]
    fn parts_of_addresses_are_found() {
        assert_eq!(address("\"B\" <sip:b@c;x=y>;tag=z"), "sip:b@c;x=y");
        assert_eq!(parameter("<sip:b@c;x=y>;tag=z", "tag"), Some("z"));
        assert_eq!(parameter("<sip:b@c;x=y>;tag=z", "x"), None);
        assert_eq!(parameter("sip:b@c;tag=z", "tag"), Some("z"));
        assert_eq!(user("sip:+44;phone-context=x@1.2.3.4:5"), "+44");
        assert_eq!(user("tel:+44;x=y"), "+44");
        assert_eq!(target("sip:a@1.2.3.4;lr").unwrap().to_string(), "1.2.3.4:5060");
        assert_eq!(target("sip:1.2.3.4:99").unwrap().to_string(), "1.2.3.4:99");
        assert_eq!(target("sip:a@example.org"), None);
    }
}
