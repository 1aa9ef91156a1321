//! A name server: answers what it was told, over UDP, to whoever asks.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{SERVICE, free_port};

/// How often it looks whether the test is over.
const TURN: Duration = Duration::from_millis(50);
/// Types of records (RFC 1035, 3.2.2; RFC 2782).
const A: u16 = 1;
const SRV: u16 = 33;

/// One record. All live for a second, so that whoever obeys that soon sees a change.
#[derive(Clone, Debug)]
pub enum Record {
    /// An address.
    A(&'static str, Ipv4Addr),
    /// A service: its name, the priority, where it is.
    Srv(&'static str, u16, &'static str, u16),
}

/// A running name server.
#[derive(Debug)]
pub struct Names {
    /// Where it listens.
    pub address: SocketAddr,
    records: Arc<Mutex<Vec<Record>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Names {
    /// Answers with these records from now on.
    pub fn telling(records: Vec<Record>) -> Names {
        let socket = UdpSocket::bind((SERVICE, free_port())).expect("a free port can be bound");
        socket.set_read_timeout(Some(TURN)).expect("a timeout can be set");
        let address = socket.local_addr().expect("a bound socket has an address");
        let records = Arc::new(Mutex::new(records));
        let stop = Arc::new(AtomicBool::new(false));
        let (told, over) = (Arc::clone(&records), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 1_500];
            while !over.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
                let records = told.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if let Some(answer) = answer(&buffer[..length], &records) {
                    // Whoever asked may have gone.
                    drop(socket.send_to(&answer, from));
                }
            }
        });
        Names { address, records, stop, thread: Some(thread) }
    }

    /// Answers with other records from now on.
    pub fn change(&self, records: Vec<Record>) {
        *self.records.lock().unwrap_or_else(PoisonError::into_inner) = records;
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// An answer with what is known; a name without records gets an answer without any (RFC 1035, 4.1).
fn answer(query: &[u8], records: &[Record]) -> Option<Vec<u8>> {
    let mut at = 12;
    let mut labels = Vec::new();
    while *query.get(at)? > 0 {
        let length = usize::from(query[at]);
        labels.push(String::from_utf8_lossy(query.get(at + 1..at + 1 + length)?).to_ascii_lowercase());
        at += 1 + length;
    }
    let asked = u16::from_be_bytes([*query.get(at + 1)?, *query.get(at + 2)?]);
    let (name, question) = (labels.join("."), query.get(12..at + 5)?);
    let mut found: Vec<(u16, Vec<u8>)> = Vec::new();
    for record in records {
        match record {
            Record::A(of, address) if *of == name && asked == A => found.push((A, address.octets().to_vec())),
            Record::Srv(of, priority, target, port) if *of == name && asked == SRV => {
                let numbers = [*priority, 10, *port].into_iter().flat_map(u16::to_be_bytes);
                found.push((SRV, numbers.chain(encoded(target)).collect()));
            }
            Record::A(..) | Record::Srv(..) => {}
        }
    }
    let mut out = query.get(..2)?.to_vec();
    // An answer with authority, and recursion as it was wanted.
    out.extend([0x85, 0x80, 0, 1]);
    out.extend(u16::try_from(found.len()).ok()?.to_be_bytes());
    out.extend([0, 0, 0, 0]);
    out.extend(question);
    for (kind, data) in found {
        // The name is the one of the question; class IN, one second.
        out.extend([0xC0, 0x0C]);
        out.extend(kind.to_be_bytes());
        out.extend([0, 1, 0, 0, 0, 1]);
        out.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
        out.extend(data);
    }
    Some(out)
}

fn encoded(name: &str) -> Vec<u8> {
    let label = |label: &str| [&[label.len() as u8], label.as_bytes()].concat();
    let mut out: Vec<u8> = name.split('.').flat_map(label).collect();
    out.push(0);
    out
}
