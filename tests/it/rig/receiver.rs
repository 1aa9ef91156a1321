//! Whoever is told by webhooks, and providers of SMS: an HTTP server by hand that keeps what it got and answers what the test says.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;

use super::{SERVICE, SOON, until};

/// No request takes longer.
const REQUEST_WITHIN: Duration = Duration::from_secs(20);

/// How a request is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// With a status and further header lines.
    Status(u16, String),
    /// With a status, further header lines and a body.
    Body(u16, String, Vec<u8>),
    /// Never, with the connection left open.
    Silence,
    /// Never, with the connection ended.
    HangUp,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Got {
    /// First line and headers.
    pub head: String,
    /// Body.
    pub body: String,
}

impl Got {
    /// One header.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let found = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next();
        found.unwrap_or_else(|| panic!("there is no {name} in {}", self.head))
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.body))
    }

    /// Whether a secret signed it, as Standard Webhooks has it.
    #[track_caller]
    pub fn is_signed_by(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("a secret")).expect("base64");
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).expect("any length is a key");
        let (id, seconds) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        mac.update(format!("{id}.{seconds}.{}", self.body).as_bytes());
        let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        self.header("webhook-signature").split(' ').any(|one| one == expected)
    }
}

#[derive(Debug, Default)]
struct Shared {
    got: Mutex<Vec<Got>>,
    answers: Mutex<VecDeque<Answer>>,
    /// Connections that are left open.
    open: Mutex<Vec<TcpStream>>,
    over: AtomicBool,
}

/// The server; it ends with the test.
#[derive(Debug)]
pub struct Receiver {
    at: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// One on a port of its own.
    #[track_caller]
    pub fn open() -> Receiver {
        Receiver::at(0)
    }

    /// One on a port.
    #[track_caller]
    pub fn at(port: u16) -> Receiver {
        let listener = TcpListener::bind((SERVICE, port)).expect("a port is free");
        let at = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared::default());
        let seen = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if seen.over.load(Ordering::SeqCst) {
                    return;
                }
                let seen = Arc::clone(&seen);
                if let Ok(stream) = stream {
                    std::thread::spawn(move || serve(stream, &seen));
                }
            }
        });
        Receiver { at, shared, thread: Some(thread) }
    }

    /// Where it is told.
    pub fn url(&self) -> String {
        format!("http://{}/hooks/lull?from=test", self.at)
    }

    /// Its place, for whoever stands in front of it.
    pub fn place(&self) -> SocketAddr {
        self.at
    }

    /// Answers the next requests like this, in order; further ones are taken.
    pub fn answers(&self, answers: impl IntoIterator<Item = Answer>) {
        self.shared.answers.lock().expect("no thread failed").extend(answers);
    }

    /// With these statuses.
    pub fn statuses(&self, statuses: &[u16]) {
        self.answers(statuses.iter().map(|status| Answer::Status(*status, String::new())));
    }

    /// What it got so far.
    pub fn got(&self) -> Vec<Got> {
        self.shared.got.lock().expect("no thread failed").clone()
    }

    /// Waits for so many requests.
    #[track_caller]
    pub fn until_got(&self, count: usize) -> Vec<Got> {
        until(&format!("{count} requests"), SOON, || Some(self.got()).filter(|got| got.len() >= count))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        // Wakes the thread, which waits for the next connection.
        drop(TcpStream::connect(self.at));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn serve(mut stream: TcpStream, shared: &Shared) {
    drop(stream.set_read_timeout(Some(REQUEST_WITHIN)));
    let Some(got) = read(&mut stream) else { return };
    let answer = shared.answers.lock().expect("no thread failed").pop_front();
    let answer = answer.unwrap_or_else(|| Answer::Status(204, String::new()));
    shared.got.lock().expect("no thread failed").push(got);
    match answer {
        Answer::Status(status, headers) => write(&mut stream, status, &headers, &[]),
        Answer::Body(status, headers, body) => write(&mut stream, status, &headers, &body),
        Answer::HangUp => {}
        Answer::Silence => shared.open.lock().expect("no thread failed").push(stream),
    }
}

fn write(stream: &mut TcpStream, status: u16, headers: &str, body: &[u8]) {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} Test\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n");
    // Whoever asked may read to a bound and go.
    drop(stream.write_all(head.as_bytes()));
    drop(stream.write_all(body));
}

fn read(stream: &mut TcpStream) -> Option<Got> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&piece[..count]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
        let headers = head.lines().filter_map(|line| line.split_once(':'));
        let mut lengths = headers.filter(|(key, _)| key.eq_ignore_ascii_case("content-length"));
        let length: usize = lengths.next()?.1.trim().parse().ok()?;
        if bytes.len() >= end + 4 + length {
            return Some(Got { head, body: String::from_utf8(bytes[end + 4..].to_vec()).ok()? });
        }
    }
}
