//! A client of the API: HTTP/1.1 by hand, so that nothing of the program's own code stands between test and wire.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

/// No answer takes longer.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// The API, as one user.
#[derive(Clone, Debug)]
pub struct Api {
    at: SocketAddr,
    token: Option<String>,
    /// Further lines of the head.
    headers: String,
}

/// One answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// Headers as they came.
    pub head: String,
    /// Body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text()))
    }

    /// The body of a success; anything else fails the test.
    #[track_caller]
    pub fn good(&self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {}", self.status, self.text());
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// One header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }
}

impl Api {
    /// Nobody in particular.
    pub fn anonymous(at: SocketAddr) -> Api {
        Api { at, token: None, headers: String::new() }
    }

    /// Whoever has this token or key.
    pub fn with_token(at: SocketAddr, token: &str) -> Api {
        Api { at, token: Some(token.to_owned()), headers: String::new() }
    }

    /// The same with a header in every request.
    pub fn with_header(&self, name: &str, value: &str) -> Api {
        Api { headers: format!("{}{name}: {value}\r\n", self.headers), ..self.clone() }
    }

    /// Logs in.
    #[track_caller]
    pub fn login(at: SocketAddr, login: &str, password: &str) -> Api {
        let body = json!({ "login": login, "password": password, "token": true });
        let answer = Api::anonymous(at).post("/api/v1/login", &body).good();
        Api::with_token(at, answer["token"].as_str().expect("a token was asked for"))
    }

    /// Asks.
    #[track_caller]
    pub fn get(&self, path: &str) -> Reply {
        self.must("GET", path, None)
    }

    /// Sends.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.must("POST", path, Some(("application/json", body.to_string().as_bytes())))
    }

    /// Replaces.
    #[track_caller]
    pub fn put(&self, path: &str, body: &Value) -> Reply {
        self.must("PUT", path, Some(("application/json", body.to_string().as_bytes())))
    }

    /// Changes.
    #[track_caller]
    pub fn patch(&self, path: &str, body: &Value) -> Reply {
        self.must("PATCH", path, Some(("application/json", body.to_string().as_bytes())))
    }

    /// Sends a body of another type.
    #[track_caller]
    pub fn upload(&self, path: &str, content_type: &str, body: &[u8]) -> Reply {
        self.must("POST", path, Some((content_type, body)))
    }

    #[track_caller]
    fn must(&self, method: &str, path: &str, body: Option<(&str, &[u8])>) -> Reply {
        self.send(method, path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// One request on a connection of its own.
    pub fn send(&self, method: &str, path: &str, body: Option<(&str, &[u8])>) -> io::Result<Reply> {
        let mut stream = TcpStream::connect_timeout(&self.at, ANSWER_WITHIN)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.at);
        if let Some(token) = &self.token {
            head += &format!("Authorization: Bearer {token}\r\n");
        }
        head += &self.headers;
        if let Some((content_type, bytes)) = body {
            head += &format!("Content-Type: {content_type}\r\nContent-Length: {}\r\n", bytes.len());
        }
        stream.write_all(format!("{head}\r\n").as_bytes())?;
        stream.write_all(body.map_or(&[], |(_, bytes)| bytes))?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        read(&answer).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not an HTTP answer"))
    }
}

fn read(answer: &[u8]) -> Option<Reply> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8(answer[..end].to_vec()).ok()?;
    let status = head.split_whitespace().nth(1)?.parse().ok()?;
    let rest = &answer[end + 4..];
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if chunked { unchunked(rest)? } else { rest.to_vec() };
    Some(Reply { status, head, body })
}

fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?.trim(), 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(end + 2..end + 2 + length)?);
        rest = rest.get(end + 4 + length..)?;
    }
}
