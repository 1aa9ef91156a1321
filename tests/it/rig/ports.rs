//! Ports that are free on this machine, no two alike within one run.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range from which systems hand out ports by themselves.
const FIRST: u16 = 13_000;
const COUNT: u16 = 7_000;
/// Audio of services and phones.
const AUDIO_FIRST: u16 = 20_000;
const AUDIO_COUNT: u16 = 12_000;
/// Ports of one of them: 30 legs.
const AUDIO_PORTS: u16 = 60;

static NEXT: AtomicU16 = AtomicU16::new(0);
static NEXT_AUDIO: AtomicU16 = AtomicU16::new(0);

/// Two runs at once begin at different places.
fn offset(count: u16) -> u16 {
    u16::try_from(u64::from(std::process::id()) * 97 % u64::from(count)).unwrap_or(0)
}

/// A port free for UDP and TCP.
pub fn free_port() -> u16 {
    for _ in 0..COUNT {
        // Four apart: SIPp also takes the next even port, for a video it never sends.
        let step = NEXT.fetch_add(4, Ordering::Relaxed);
        let port = FIRST + (offset(COUNT) / 4 * 4).wrapping_add(step) % COUNT;
        let any = Ipv4Addr::UNSPECIFIED;
        if UdpSocket::bind((any, port)).is_ok() && TcpListener::bind((any, port)).is_ok() {
            return port;
        }
    }
    panic!("no port between {FIRST} and {} is free", FIRST + COUNT);
}

/// A range of ports for audio, none of which another program on this machine has.
pub(super) fn audio_ports() -> (u16, u16) {
    let slots = AUDIO_COUNT / AUDIO_PORTS;
    for _ in 0..slots {
        let step = NEXT_AUDIO.fetch_add(1, Ordering::Relaxed);
        let first = AUDIO_FIRST + (offset(slots).wrapping_add(step)) % slots * AUDIO_PORTS;
        let last = first + AUDIO_PORTS - 1;
        if (first..=last).all(|port| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()) {
            return (first, last);
        }
    }
    panic!("no {AUDIO_PORTS} ports in a row from {AUDIO_FIRST} are free");
}
