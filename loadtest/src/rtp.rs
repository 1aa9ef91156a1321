//! One end of an audio stream: sends 20 ms packets of G.711, and listens.
//!
//! Not a jitter buffer: packets are taken as they come. Read [`Audio`] and [`Heard`] first.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use crate::sip::sdp::{Law, Remote};
use crate::sound::{Hearing, Mark, Mouth, WINDOW, from_alaw, from_ulaw, hear, to_alaw};

/// Of so many windows of 100 ms one is listened to.
const LISTEN_EVERY: u32 = 3;
/// Ports are tried this often before it is an error.
const PORT_TRIES: usize = 64;
const HEADER: usize = 12;

/// What was heard since it was last asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Heard {
    /// Packets that arrived.
    pub packets: u64,
    /// Packets that are missing between the first and the last, by sequence number.
    pub missing: u64,
    /// Windows of 100 ms that were listened to.
    pub windows: u32,
    /// Of these, with any sound.
    pub sound: u32,
    /// Of these, with this voice.
    pub voices: BTreeMap<Mark, u32>,
    /// Time from the start until the first packet, in ms.
    pub first_packet_ms: Option<u64>,
    /// Time from the start until a voice was first told, in ms.
    pub first_voice_ms: Option<u64>,
}

impl Heard {
    /// The voice that was heard most, if any was heard at least twice.
    pub fn voice(&self) -> Option<Mark> {
        let best = self.voices.iter().max_by_key(|(_, count)| **count)?;
        (*best.1 >= 2).then_some(*best.0)
    }

    /// Windows with an agent's voice.
    pub fn agent_windows(&self) -> u32 {
        self.voices.iter().filter(|(mark, _)| mark.is_agent()).map(|(_, count)| count).sum()
    }
}

/// A port for audio that is not yet in use.
#[derive(Debug)]
pub struct Audio {
    socket: UdpSocket,
    local: SocketAddr,
}

/// An audio stream that runs until this is dropped.
#[derive(Debug)]
pub struct Stream {
    heard: Arc<Mutex<Ear>>,
    control: watch::Sender<Control>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Clone, Debug)]
struct Control {
    remote: SocketAddr,
    law: Law,
    mouth: Mouth,
}

#[derive(Debug, Default)]
struct Ear {
    heard: Heard,
    since: Option<Instant>,
    window: Vec<i16>,
    windows: u32,
    sequence: Option<u16>,
}

impl Audio {
    /// Takes an even port, as RTP wants it.
    ///
    /// # Errors
    /// There is none.
    pub async fn open(ip: IpAddr) -> io::Result<Audio> {
        for _ in 0..PORT_TRIES {
            let socket = UdpSocket::bind((ip, 0)).await?;
            let local = socket.local_addr()?;
            if local.port() % 2 == 0 {
                return Ok(Audio { socket, local });
            }
        }
        Err(io::ErrorKind::AddrInUse.into())
    }

    /// Its address, for the session description.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Begins to send and to listen. The law is the first of the other end's that we speak.
    pub fn start(self, remote: &Remote, law: Law, mouth: Mouth) -> Stream {
        let (control, changes) = watch::channel(Control { remote: remote.address, law, mouth });
        let heard = Arc::new(Mutex::new(Ear { since: Some(Instant::now()), ..Ear::default() }));
        let task = tokio::spawn(run(self.socket, changes, heard.clone()));
        Stream { heard, control, task }
    }
}

impl Stream {
    /// What was heard since the start or since [`Stream::take`].
    pub fn heard(&self) -> Heard {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).heard.clone()
    }

    /// Takes what was heard and begins anew: on a line that is held for a shift, at each call.
    pub fn take(&self) -> Heard {
        let mut ear = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        ear.since = Some(Instant::now());
        ear.sequence = None;
        std::mem::take(&mut ear.heard)
    }

    /// Sends to another place.
    pub fn move_to(&self, remote: &Remote) {
        self.control.send_modify(|control| control.remote = remote.address);
    }

    /// Says something else from now on.
    pub fn say(&self, mouth: Mouth) {
        self.control.send_modify(|control| control.mouth = mouth);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(socket: UdpSocket, mut changes: watch::Receiver<Control>, heard: Arc<Mutex<Ear>>) {
    let mut control = changes.borrow_and_update().clone();
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    // After a stall the missing packets are sent at once, as a sound card would.
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut packet = [0; HEADER + crate::sound::FRAME];
    let mut buffer = [0; 2048];
    let source = crate::chance::fresh_seed() as u32;
    let (mut sent, mut said) = (0u64, 0u64);
    loop {
        tokio::select! {
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
                control = changes.borrow_and_update().clone();
                said = 0;
            }
            _ = tick.tick() => {
                write_packet(&mut packet, &control, source, sent, said);
                let _ = socket.try_send_to(&packet, control.remote);
                sent += 1;
                said += 1;
            }
            read = socket.recv_from(&mut buffer) => {
                if let Ok((length, _)) = read {
                    heard.lock().unwrap_or_else(PoisonError::into_inner).take_packet(&buffer[..length]);
                }
            }
        }
    }
}

fn write_packet(packet: &mut [u8], control: &Control, source: u32, sent: u64, said: u64) {
    let marker = if said == 0 { 0x80 } else { 0 };
    packet[0] = 0x80;
    packet[1] = control.law.payload_type() | marker;
    packet[2..4].copy_from_slice(&(sent as u16).to_be_bytes());
    packet[4..8].copy_from_slice(&((sent * crate::sound::FRAME as u64) as u32).to_be_bytes());
    packet[8..12].copy_from_slice(&source.to_be_bytes());
    packet[HEADER..].copy_from_slice(&control.mouth.frame(said));
    if control.law == Law::A {
        packet[HEADER..].iter_mut().for_each(|byte| *byte = to_alaw(from_ulaw(*byte)));
    }
}

impl Ear {
    fn take_packet(&mut self, packet: &[u8]) {
        let Some((payload_type, sequence, payload)) = read_packet(packet) else { return };
        let decode = match payload_type {
            0 => from_ulaw,
            8 => from_alaw,
            _ => return, // events and comfort noise are no sound
        };
        let ms = self.since.map_or(0, |since| since.elapsed().as_millis() as u64);
        self.heard.packets += 1;
        self.heard.first_packet_ms.get_or_insert(ms);
        if let Some(last) = self.sequence {
            let step = sequence.wrapping_sub(last);
            // A larger step is another source that took over.
            if (2..100).contains(&step) {
                self.heard.missing += u64::from(step - 1);
            }
        }
        self.sequence = Some(sequence);
        self.window.extend(payload.iter().copied().map(decode));
        if self.window.len() >= WINDOW {
            self.windows = self.windows.wrapping_add(1);
            if self.windows.is_multiple_of(LISTEN_EVERY) {
                self.listen(ms);
            }
            self.window.clear();
        }
    }

    fn listen(&mut self, ms: u64) {
        self.heard.windows += 1;
        match hear(&self.window) {
            Hearing::Quiet => {}
            Hearing::Sound => self.heard.sound += 1,
            Hearing::Voice(mark) => {
                self.heard.sound += 1;
                *self.heard.voices.entry(mark).or_default() += 1;
                self.heard.first_voice_ms.get_or_insert(ms);
            }
        }
    }
}

/// Payload type, sequence number and payload; `None`: not RTP.
fn read_packet(packet: &[u8]) -> Option<(u8, u16, &[u8])> {
    let (head, rest) = packet.split_at_checked(HEADER)?;
    if head[0] >> 6 != 2 || (192..224).contains(&head[1]) {
        return None; // another version, or RTCP on the same port
    }
    let sources = usize::from(head[0] & 0x0f) * 4;
    Some((head[1] & 0x7f, u16::from_be_bytes([head[2], head[3]]), rest.get(sources..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(mouth: Mouth, law: Law, count: u64) -> Vec<[u8; 172]> {
        let control = Control { remote: SocketAddr::from(([127, 0, 0, 1], 9)), law, mouth };
        let write = |index| {
            let mut packet = [0; 172];
            write_packet(&mut packet, &control, 7, index, index);
            packet
        };
        (0..count).map(write).collect()
    }

    #[test]
    fn a_voice_is_told_in_both_laws() {
        let mark = Mark::customer("+447700900007");
        for law in [Law::Mu, Law::A] {
            let mut ear = Ear::default();
            packets(Mouth::Talking(mark), law, 60).iter().for_each(|packet| ear.take_packet(packet));
            assert_eq!(ear.heard.voice(), Some(mark));
            assert_eq!((ear.heard.packets, ear.heard.missing), (60, 0));
        }
    }

    #[test]
    fn missing_packets_are_counted_and_rubbish_is_not_heard() {
        let mut ear = Ear::default();
        for (index, packet) in packets(Mouth::Silent, Law::Mu, 10).iter().enumerate() {
            if index != 4 && index != 5 {
                ear.take_packet(packet);
            }
        }
        ear.take_packet(b"not rtp");
        assert_eq!((ear.heard.packets, ear.heard.missing, ear.heard.voice()), (8, 2, None));
    }
}
