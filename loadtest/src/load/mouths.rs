//! A thread that speaks on many lines at once, 20 ms by 20 ms, and counts what it hears on them.
//!
//! All lines have one clock and each its own place within the 20 ms, so that packets leave evenly. The same thread serves
//! every program that is measured. What is said can be recognised by its first bytes: [`tone`]. Read [`Mouths`] first.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use lull::clock::Clock;

/// Bytes of a packet's header.
pub const HEADER: usize = 12;
/// Bytes of 20 ms of G.711.
pub const FRAME: usize = 160;
/// What every tone begins with. No prompt, no silence and no hold music does.
const SIGNATURE: [u8; 6] = [0x11, 0x91, 0x22, 0xa2, 0x33, 0xb3];
/// Packets taken from a line in one turn.
const READ_MAX: usize = 64;

/// What a speaker says: recognisable, and whose it is can be told.
pub fn tone(speaker: u16) -> [u8; FRAME] {
    let mut frame = [0x2a; FRAME];
    frame[..6].copy_from_slice(&SIGNATURE);
    frame[6..8].copy_from_slice(&speaker.to_be_bytes());
    frame
}

/// Who is heard in an RTP packet.
pub fn speaker(packet: &[u8]) -> Option<u16> {
    let payload = packet.get(HEADER..)?;
    if packet[0] >> 6 != 2 || payload.get(..6)? != SIGNATURE {
        return None;
    }
    Some(u16::from_be_bytes([*payload.get(6)?, *payload.get(7)?]))
}

/// One line.
struct Line {
    socket: UdpSocket,
    remote: SocketAddr,
    payload: [u8; FRAME],
    every_ms: u64,
    place_ms: u64,
    sequence: u16,
    timestamp: u32,
    source: u32,
    gone: Arc<AtomicBool>,
}

/// A line speaks until this is dropped.
#[derive(Debug)]
pub struct Speaking {
    gone: Arc<AtomicBool>,
}

impl Drop for Speaking {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
    }
}

/// The thread with its lines.
pub struct Mouths {
    lines: Arc<Mutex<Vec<Line>>>,
    tones: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    next: AtomicU64,
    thread: Option<JoinHandle<()>>,
}

impl Mouths {
    /// Starts the thread.
    pub fn start() -> Mouths {
        let lines = Arc::<Mutex<Vec<Line>>>::default();
        let stop = Arc::<AtomicBool>::default();
        let tones = Arc::<AtomicU64>::default();
        let (theirs, stopped, heard) = (lines.clone(), stop.clone(), tones.clone());
        let thread = std::thread::spawn(move || run(&theirs, &stopped, &heard));
        Mouths { lines, tones, stop, next: AtomicU64::new(0), thread: Some(thread) }
    }

    /// Packets with somebody's tone that were heard so far, on all lines.
    pub fn tones(&self) -> u64 {
        self.tones.load(Ordering::Relaxed)
    }

    /// Speaks on a socket, a packet every so many ms.
    ///
    /// # Errors
    /// The socket is not usable.
    pub fn speak(
        &self,
        socket: UdpSocket,
        remote: SocketAddr,
        payload: [u8; FRAME],
        every_ms: u64,
    ) -> std::io::Result<Speaking> {
        socket.set_nonblocking(true)?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let gone = Arc::<AtomicBool>::default();
        let line = Line {
            socket,
            remote,
            payload,
            every_ms,
            // 7 and 20 have no common divisor: neighbours are far apart and all places are used.
            place_ms: number * 7 % every_ms.max(1),
            sequence: 0,
            timestamp: 0,
            source: number as u32 + 1,
            gone: gone.clone(),
        };
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        Ok(Speaking { gone })
    }
}

impl Drop for Mouths {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a thread of its own keeps the clock of the packets")]
fn run(lines: &Mutex<Vec<Line>>, stop: &AtomicBool, heard: &AtomicU64) {
    let clock = Clock::start();
    let mut done_ms = 0;
    let mut buffer = [0; 2048];
    while !stop.load(Ordering::Relaxed) {
        let now_ms = clock.now().instant.as_micros() / 1000;
        {
            let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
            lines.retain(|line| !line.gone.load(Ordering::Relaxed));
            // After a stall of the machine what is late is sent at once, but no more than a moment's worth.
            for ms in (done_ms + 1).max(now_ms.saturating_sub(100))..=now_ms {
                for line in lines.iter_mut().filter(|line| ms % line.every_ms == line.place_ms) {
                    heard.fetch_add(line.turn(&mut buffer), Ordering::Relaxed);
                }
            }
        }
        done_ms = now_ms;
        std::thread::sleep(Duration::from_micros(500));
    }
}

impl Line {
    /// Speaks once and listens. Gives how many tones were heard.
    fn turn(&mut self, buffer: &mut [u8]) -> u64 {
        let mut packet = [0; HEADER + FRAME];
        packet[0] = 0x80;
        packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        packet[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        packet[8..12].copy_from_slice(&self.source.to_be_bytes());
        packet[HEADER..].copy_from_slice(&self.payload);
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(self.every_ms as u32 * 8);
        // What the system does not take is lost, as on a network.
        let _ = self.socket.send_to(&packet, self.remote);
        let mut tones = 0;
        for _ in 0..READ_MAX {
            // An ICMP answer to an earlier packet is an error of this read and nothing more.
            let Ok(length) = self.socket.recv(buffer) else { break };
            tones += u64::from(speaker(&buffer[..length]).is_some());
        }
        tones
    }
}

/// A socket for audio on an even port of this address.
///
/// # Errors
/// There is none.
pub fn audio_socket(ip: IpAddr) -> std::io::Result<UdpSocket> {
    for _ in 0..64 {
        let socket = UdpSocket::bind((ip, 0))?;
        if socket.local_addr()?.port() % 2 == 0 {
            return Ok(socket);
        }
    }
    Err(std::io::ErrorKind::AddrInUse.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_tells_who_speaks_and_silence_does_not() {
        let mut packet = vec![0x80; HEADER];
        packet.extend_from_slice(&tone(513));
        assert_eq!(speaker(&packet), Some(513));
        packet[HEADER..].fill(0xff);
        assert_eq!(speaker(&packet), None);
        assert_eq!(speaker(&packet[..HEADER + 3]), None);
        assert_eq!(speaker(b""), None);
    }

    #[test]
    fn two_lines_hear_each_other() {
        let mouths = Mouths::start();
        let ip = IpAddr::from([127, 0, 0, 1]);
        let (one, other) = (audio_socket(ip).unwrap(), audio_socket(ip).unwrap());
        let (at_one, at_other) = (one.local_addr().unwrap(), other.local_addr().unwrap());
        let _one = mouths.speak(one, at_other, tone(1), 20).unwrap();
        let _other = mouths.speak(other, at_one, tone(2), 20).unwrap();
        let clock = Clock::start();
        while mouths.tones() < 6 {
            assert!(clock.now().instant.as_micros() < 10_000_000, "nothing is heard");
            std::thread::yield_now();
        }
    }
}
