//! Signalling and media port without engine and store: a process of its own that only places calls.
//!
//! It does for each call what the service does at the wire: takes a port, opens a leg of the media thread, sends the
//! INVITE with an offer, reads the answer, and hangs up at once, as SIPp's own caller does. Read [`run`] first.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lull::clock::Clock;
use lull::media::leg::SourceRule;
use lull::media::plane::{Command, Idle};
use lull::media::ports::{MediaPorts, PortSettings};
use lull::media::sdp::{self, LocalMedia, MediaPolicy};
use lull::media::thread::{self, MediaHandle, MediaSettings};
use lull::model::id::LegId;
use lull::model::time::{Instant, Now};
use lull::sip::{CallSpec, Callee, Destination, Endpoint, Event, Listener, Party, Settings, Target, Transport, Trunk};
use serde::{Deserialize, Serialize};
use tokio::net::UdpSocket;
use tokio::time::{sleep_until, timeout};

use super::LoadError;
use crate::numbers;

/// Calls that have not ended this long after the last one began never will.
const END_WITHIN: Duration = Duration::from_secs(40);
/// Datagrams read in one turn.
const BURST: usize = 64;
const TRUNK: &str = "carrier";

/// What became of the calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Answered and ended by us.
    pub completed: u64,
    /// Anything else.
    pub failed: u64,
    /// Legs of the signalling that are still there.
    pub legs_left: u64,
}

struct Bare {
    clock: Clock,
    endpoint: Endpoint,
    socket: UdpSocket,
    local: SocketAddr,
    uas: SocketAddr,
    media: MediaHandle,
    ports: MediaPorts,
    calls: BTreeMap<LegId, LocalMedia>,
    outcome: Outcome,
    buffer: Vec<u8>,
}

/// Places so many calls at so many a second, one after the other, and waits for their ends.
///
/// # Errors
/// Sockets or the media thread cannot be had.
pub async fn run(uas: SocketAddr, rate: u32, calls: u64) -> Result<Outcome, LoadError> {
    let mut bare = Bare::new(uas).await?;
    let begin = bare.clock.now().instant;
    let every = Duration::from_secs(1) / rate.max(1);
    let mut placed = 0;
    let mut last = begin;
    loop {
        let now = bare.clock.now();
        while placed < calls && begin + every * u32::try_from(placed).unwrap_or(u32::MAX) <= now.instant {
            placed += 1;
            last = now.instant;
            bare.place(now, placed);
        }
        bare.settle(now);
        if placed == calls && (bare.calls.is_empty() || now.instant.since(last) > END_WITHIN) {
            break;
        }
        let next = (placed < calls).then(|| begin + every * u32::try_from(placed).unwrap_or(u32::MAX));
        let due = [next, bare.endpoint.poll_timeout().map(|(at, _)| at)].into_iter().flatten().min();
        bare.wait(due.unwrap_or(now.instant + Duration::from_millis(500))).await;
    }
    bare.outcome.legs_left = bare.calls.len() as u64;
    Ok(bare.outcome)
}

impl Bare {
    async fn new(uas: SocketAddr) -> Result<Bare, LoadError> {
        let clock = Clock::start();
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let local = socket.local_addr()?;
        let settings = Settings {
            listeners: vec![Listener { transport: Transport::Udp, host: local.ip().to_string(), port: local.port() }],
            trunks: vec![Trunk {
                name: Arc::from(TRUNK),
                sources: Vec::new(),
                targets: vec![Target { listener: 0, remote: uas }],
                account: None,
                probe_interval_s: None,
            }],
            ..Settings::default()
        };
        let endpoint = Endpoint::new(settings, [7; 32], clock.now());
        let media_settings = MediaSettings { legs_max: 5_000, seed: 7 };
        let (media, _thread) = thread::start(media_settings, Box::new(move || clock.now().instant), Box::new(|_| {}))
            .map_err(|error| LoadError::Other(error.to_string()))?;
        let ports = PortSettings { address: local.ip(), range: 30_000..=39_999, with_rtcp: true, files_max: 20_000 };
        let ports = MediaPorts::new(ports).map_err(|error| LoadError::Other(error.to_string()))?;
        let (calls, outcome) = (BTreeMap::new(), Outcome::default());
        Ok(Bare { clock, endpoint, socket, local, uas, media, ports, calls, outcome, buffer: vec![0; 65_535] })
    }

    async fn wait(&self, until: Instant) {
        match self.clock.when(until) {
            Some(when) => {
                tokio::select! {
                    _ = self.socket.readable() => {}
                    () = sleep_until(when.into()) => {}
                }
            }
            None => drop(timeout(Duration::from_secs(1), self.socket.readable()).await),
        }
    }

    fn place(&mut self, now: Now, number: u64) {
        if let Err(why) = self.try_place(now, LegId(number as i64)) {
            say_why(&why);
            self.outcome.failed += 1;
        }
    }

    fn try_place(&mut self, now: Now, leg: LegId) -> Result<(), String> {
        let ports = self.ports.take().map_err(|error| error.to_string())?;
        let port = ports.port().map_err(|error| error.to_string())?;
        let local = LocalMedia::new(self.local.ip(), port, leg.0.unsigned_abs());
        self.media.open(leg, ports, Idle::Silence).map_err(|error| error.to_string())?;
        let offer = sdp::offer(&local);
        let to = numbers::customer(leg.0.unsigned_abs() as usize);
        let spec = CallSpec {
            callee: Callee::Trunk(Arc::from(TRUNK)),
            targets: vec![Target { listener: 0, remote: self.uas }],
            request_uri: Some(format!("sip:{to}@{}", self.uas)),
            from: Party { display: None, user: numbers::centre(0), host: self.local.ip().to_string() },
            to: Party { display: None, user: to, host: self.uas.ip().to_string() },
            asserted_identity: None,
            headers: Vec::new(),
            sdp: offer,
            token: None,
        };
        self.calls.insert(leg, local);
        if let Err(error) = self.endpoint.originate(now, leg, spec) {
            self.calls.remove(&leg);
            self.close(leg);
            return Err(error.to_string());
        }
        Ok(())
    }

    fn close(&self, leg: LegId) {
        // The media thread lives as long as this process.
        let _ = self.media.send(Command::CloseLeg { leg });
    }

    fn settle(&mut self, now: Now) {
        for _ in 0..BURST {
            // Anything but a datagram: nothing more to read, or an ICMP answer, which SIP's timers deal with.
            let Ok((length, from)) = self.socket.try_recv_from(&mut self.buffer) else { break };
            self.endpoint.receive_datagram(now, 0, from, &self.buffer[..length]);
        }
        self.endpoint.handle_timeout(now);
        while let Some(event) = self.endpoint.poll_event() {
            self.take(now, event);
        }
        while let Some(transmit) = self.endpoint.poll_transmit() {
            if let Destination::Datagram(target) = transmit.to {
                let _ = self.socket.try_send_to(&transmit.bytes, target.remote);
            }
        }
    }

    fn take(&mut self, now: Now, event: Event) {
        match event {
            Event::Answered { leg, sdp, .. } => {
                let policy = MediaPolicy { allow_loopback: true, ..MediaPolicy::default() };
                let agreed = self.calls.get(&leg).and_then(|local| {
                    sdp::parse(&sdp, &policy).and_then(|remote| sdp::accept_answer(local, &remote)).ok()
                });
                if let Some(media) = agreed {
                    let _ = self.media.send(Command::SetRemote { leg, media, source: SourceRule::Signalled });
                    self.outcome.completed += 1;
                } else {
                    self.outcome.failed += 1;
                }
                let _ = self.endpoint.hang_up(now, leg, None);
                self.over(leg);
            }
            Event::Failed { leg, .. } => {
                self.outcome.failed += 1;
                self.over(leg);
            }
            Event::Ended { leg, .. } => self.over(leg),
            Event::Trying { .. }
            | Event::Resent { .. }
            | Event::Ringing { .. }
            | Event::Reoffer { .. }
            | Event::ReofferAnswered { .. }
            | Event::Incoming(_)
            | Event::Registered { .. }
            | Event::Unregistered { .. }
            | Event::TrunkUp { .. }
            | Event::TrunkDown { .. }
            | Event::Dtmf { .. }
            | Event::AuthFailure { .. }
            | Event::CloseStream { .. } => {}
        }
    }

    fn over(&mut self, leg: LegId) {
        if self.calls.remove(&leg).is_some() {
            self.close(leg);
        }
    }
}

fn say_why(why: &str) {
    eprintln!("a call could not be placed: {why}");
}
