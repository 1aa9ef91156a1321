//! One UDP socket and the calls on it: each message goes to the call whose Call-ID it carries.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::message::Message;

/// Messages that may wait for one call. A call that is this far behind is broken.
const MAILBOX: usize = 64;
/// Requests that belong to no call and wait for the owner.
const STRANGERS: usize = 1024;

/// A message and who sent it.
#[derive(Clone, Debug)]
pub struct Received {
    /// The message.
    pub message: Message,
    /// The sender.
    pub from: SocketAddr,
}

/// A socket with its calls.
#[derive(Debug)]
pub struct Station {
    /// Sends without asking the runtime, whose socket is not writable before it was polled once.
    socket: std::net::UdpSocket,
    reader: OnceLock<AbortHandle>,
    local: SocketAddr,
    calls: Mutex<HashMap<String, mpsc::Sender<Received>>>,
    serial: AtomicU64,
    salt: u64,
}

/// A call's place at its station. It is free again when this is dropped.
#[derive(Debug)]
pub struct Seat {
    /// The station.
    pub station: Arc<Station>,
    call_id: String,
    mailbox: mpsc::Receiver<Received>,
}

impl Station {
    /// Opens the socket. Requests that belong to no call come out of the receiver.
    ///
    /// # Errors
    /// The address is in use or not ours.
    pub async fn open(address: SocketAddr) -> io::Result<(Arc<Station>, mpsc::Receiver<Received>)> {
        let sender = std::net::UdpSocket::bind(address)?;
        sender.set_nonblocking(true)?;
        let socket = UdpSocket::from_std(sender.try_clone()?)?;
        let local = socket.local_addr()?;
        let station = Arc::new(Station {
            socket: sender,
            reader: OnceLock::new(),
            local,
            calls: Mutex::default(),
            serial: AtomicU64::new(0),
            salt: crate::chance::fresh_seed(),
        });
        let (strange, strangers) = mpsc::channel(STRANGERS);
        let owner = Arc::downgrade(&station);
        let reader = tokio::spawn(async move {
            let mut buffer = vec![0; 65_536];
            loop {
                // An ICMP answer to an earlier packet is an error of this read, not of the socket.
                let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
                let Some(station) = owner.upgrade() else { return };
                if let Some(message) = Message::read(&buffer[..length]) {
                    station.deliver(Received { message, from }, &strange);
                }
            }
        });
        station.reader.get_or_init(|| reader.abort_handle());
        Ok((station, strangers))
    }

    /// The address it is bound to.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Sends. A full socket buffer loses the message, as a network would.
    pub fn send(&self, message: &Message, to: SocketAddr) {
        let _ = self.socket.send_to(&message.to_bytes(), to);
    }

    /// A token that no other call, branch or tag of any station has.
    pub fn token(&self) -> String {
        format!("{:x}.{:x}", self.salt, self.serial.fetch_add(1, Ordering::Relaxed))
    }

    /// A Via of this station with a fresh branch.
    pub fn via(&self) -> String {
        format!("SIP/2.0/UDP {};branch=z9hG4bK{};rport", self.local, self.token())
    }

    /// Takes the messages of a call from now on; `None` if the call is already being followed.
    pub fn seat(self: &Arc<Station>, call_id: &str) -> Option<Seat> {
        let (sender, mailbox) = mpsc::channel(MAILBOX);
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.contains_key(call_id) {
            return None;
        }
        calls.insert(call_id.to_owned(), sender);
        Some(Seat { station: self.clone(), call_id: call_id.to_owned(), mailbox })
    }

    /// Calls that are being followed.
    pub fn calls(&self) -> usize {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn deliver(&self, received: Received, strange: &mpsc::Sender<Received>) {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        match calls.get(received.message.call_id()) {
            Some(call) => drop(call.try_send(received)),
            // A response to a call that is over is of no use to anybody.
            None if received.message.method().is_some() => drop(strange.try_send(received)),
            None => {}
        }
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        if let Some(reader) = self.reader.get() {
            reader.abort();
        }
    }
}

impl Seat {
    /// The next message of the call.
    ///
    /// # Panics
    /// Never: the station holds the other end as long as the seat exists.
    pub async fn next(&mut self) -> Received {
        match self.mailbox.recv().await {
            Some(received) => received,
            None => std::future::pending().await,
        }
    }

    /// The Call-ID.
    pub fn call_id(&self) -> &str {
        &self.call_id
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.station.calls.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.call_id);
    }
}

/// Answers a request that belongs to no call, as RFC 3261 wants it. INVITE and REGISTER are the owner's business.
pub fn answer_stranger(station: &Station, received: &Received) {
    let (status, phrase) = match received.message.method() {
        Some("OPTIONS") => (200, "OK"),
        Some("ACK") | None => return,
        Some("BYE" | "CANCEL" | "UPDATE" | "INFO" | "PRACK") => (481, "Call/Transaction Does Not Exist"),
        Some(_) => (501, "Not Implemented"),
    };
    let mut response = Message::response(&received.message, status, phrase);
    let to = response.header("To").unwrap_or_default().to_owned();
    if !to.contains(";tag=") {
        response.set("To", format!("{to};tag={}", station.token()));
    }
    station.send(&response.with("Allow", super::call::ALLOW), received.from);
}
