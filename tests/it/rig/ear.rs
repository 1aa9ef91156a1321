//! A customer's ear and mouth: RTP by hand, behind the SDP that SIPp sends.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::sound::{Law, Tone, loud_windows_of};
use super::{free_port, now, until};

/// The packet clock of telephony.
const PACKET: Duration = Duration::from_millis(20);
const SAMPLES: usize = 160;

/// Hears what is sent to its port and says a tone to whoever speaks to it.
#[derive(Debug)]
pub struct Ear {
    /// Its port.
    pub port: u16,
    law: Law,
    heard: Arc<Mutex<Vec<Heard>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// One packet.
#[derive(Clone, Debug)]
struct Heard {
    at: Instant,
    payload_type: u8,
    payload: Vec<u8>,
}

impl Ear {
    /// Listens at an address; says `voice_hz` once it knows where to.
    pub fn open(address: &str, voice_hz: f64, law: Law) -> Ear {
        let port = free_port();
        let socket = UdpSocket::bind((address, port)).expect("a free port can be bound");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let talk = Talk { socket, law, tone: Tone::new(voice_hz), heard: Arc::clone(&heard), stop: Arc::clone(&stop) };
        let thread = std::thread::spawn(move || talk.run());
        Ear { port, law, heard, stop, thread: Some(thread) }
    }

    fn all(&self) -> Vec<Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Packets so far.
    pub fn packets(&self) -> usize {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// What was heard since the packet of this number.
    pub fn samples_since(&self, packet: usize) -> Vec<i16> {
        let all = self.all();
        let ours = all.iter().skip(packet).filter(|heard| heard.payload_type == self.law.payload_type());
        ours.flat_map(|heard| heard.payload.iter().map(|code| self.law.decode(*code))).collect()
    }

    /// Waits until this tone has been heard for `windows` of 50 ms since the packet of this number.
    #[track_caller]
    pub fn until_hears(&self, hz: f64, windows: usize, since: usize) {
        until(&format!("the customer hears {hz} Hz"), Duration::from_secs(15), || {
            (loud_windows_of(hz, &self.samples_since(since)) >= windows).then_some(())
        });
    }

    /// When this tone was first heard: the time of the packet that completed its first window of 50 ms.
    pub fn first_heard(&self, hz: f64) -> Option<Instant> {
        let all = self.all();
        let mut window: Vec<i16> = Vec::new();
        for heard in all.iter().filter(|heard| heard.payload_type == self.law.payload_type()) {
            window.extend(heard.payload.iter().map(|code| self.law.decode(*code)));
            let from = window.len().saturating_sub(400);
            if loud_windows_of(hz, &window[from..]) > 0 {
                return Some(heard.at);
            }
        }
        None
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

struct Talk {
    socket: UdpSocket,
    law: Law,
    tone: Tone,
    heard: Arc<Mutex<Vec<Heard>>>,
    stop: Arc<AtomicBool>,
}

impl Talk {
    fn run(mut self) {
        let mut to: Option<SocketAddr> = None;
        let (mut sequence, mut stamp) = (1_u16, 1_000_u32);
        let mut next = now() + PACKET;
        let mut buffer = [0; 2_048];
        while !self.stop.load(Ordering::Relaxed) {
            let left = next.saturating_duration_since(now());
            if left.is_zero() {
                next += PACKET;
                if let Some(to) = to {
                    self.say(to, sequence, stamp);
                    (sequence, stamp) = (sequence.wrapping_add(1), stamp.wrapping_add(SAMPLES as u32));
                }
                continue;
            }
            self.socket.set_read_timeout(Some(left)).expect("a timeout can be set");
            let Ok((length, from)) = self.socket.recv_from(&mut buffer) else { continue };
            if length > 12 && buffer[0] >> 6 == 2 {
                to = Some(from);
                let payload_type = buffer[1] & 0x7f;
                let heard = Heard { at: now(), payload_type, payload: buffer[12..length].to_vec() };
                self.heard.lock().unwrap_or_else(PoisonError::into_inner).push(heard);
            }
        }
    }

    fn say(&mut self, to: SocketAddr, sequence: u16, stamp: u32) {
        let packet = rtp(self.law, sequence, stamp, &self.tone.samples(SAMPLES));
        // Nobody may be there any more.
        drop(self.socket.send_to(&packet, to));
    }
}

/// One packet of speech (RFC 3550, 5.1).
pub fn rtp(law: Law, sequence: u16, stamp: u32, samples: &[i16]) -> Vec<u8> {
    let mut packet = vec![0x80, law.payload_type()];
    packet.extend(sequence.to_be_bytes());
    packet.extend(stamp.to_be_bytes());
    packet.extend([0xCA, 0xFE, 0x00, 0x01]);
    packet.extend(samples.iter().map(|sample| law.encode(*sample)));
    packet
}
