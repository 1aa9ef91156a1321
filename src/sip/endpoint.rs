//! The endpoint: all transactions, dialogs and registrations of one signalling thread, without sockets.
//!
//! The driver feeds datagrams, stream bytes and time; it drains [`Endpoint::poll_transmit`] and [`Endpoint::poll_event`].
//!
//! One outbound call: `originate` → INVITE → [`Event::Trying`], [`Event::Ringing`] → [`Event::Answered`] (the ACK is on its
//! way) → `hang_up` or [`Event::Ended`]. One inbound call: [`Event::Incoming`] → `ring`, `answer` or `reject` →
//! [`Event::Ended`]. Each leg ends in exactly one `Failed` or `Ended`.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::codec::{Framer, Message, Name, StreamPiece};
use super::dialog::{Dialog, Leg, Phase, Reoffer, Up};
use super::digest::Guard;
use super::event::{
    CallSpec, Callee, Counts, Destination, DialogRecord, Discarded, EndReason, EndedBy, Event, Failure, LegError,
    OriginateError, Stage, Transmit,
};
use super::header::{CSeq, NameAddr, Via};
use super::registrar::Registrar;
use super::settings::{Settings, Target};
use super::timers::{Timer, Timers};
use super::transaction::{
    ClientKey, ClientState, ClientTransaction, Hop, PATIENCE_US, Purpose, Seal, ServerKey, ServerTransaction, T1_US,
    T2_US, Table,
};
use super::vocabulary::{self, Method};
use super::writer::{self, Reply};
use crate::model::id::{LegId, Mint};
use crate::model::time::{Instant, Now};

mod caller;
mod peers;
mod requests;

/// Transactions of each side at once; beyond it new calls are refused.
const TRANSACTIONS_MAX: usize = 20_000;
/// Streams at once.
const STREAMS_MAX: usize = 4_096;

/// A stream that is open.
struct Stream {
    listener: u8,
    remote: SocketAddr,
    framer: Framer,
}

/// The keep-alive of one trunk.
struct Probe {
    /// Addresses it is dialled at, learned from calls and settings.
    targets: Vec<Target>,
    up: Option<bool>,
    missed: u32,
}

/// Who a source address belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Peer {
    Trunk(Arc<str>),
    PhoneNetwork,
}

/// All of SIP but the sockets.
pub struct Endpoint {
    settings: Settings,
    chance: ChaCha12Rng,
    seal: Seal,
    guard: Guard,
    mint: Mint,
    legs: BTreeMap<LegId, Leg>,
    tags: Table<u64, LegId>,
    clients: Table<ClientKey, ClientTransaction>,
    servers: Table<ServerKey, ServerTransaction>,
    timers: Timers,
    registrar: Registrar,
    streams: BTreeMap<u64, Stream>,
    by_remote: BTreeMap<(u8, SocketAddr), u64>,
    probes: BTreeMap<Arc<str>, Probe>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
    discarded: Discarded,
}

impl Endpoint {
    /// An endpoint without calls. `seed` must be random: tags and nonces come from it.
    pub fn new(settings: Settings, seed: [u8; 32], now: Now) -> Endpoint {
        let mut chance = ChaCha12Rng::from_seed(seed);
        let mut secret = [0; 32];
        chance.fill_bytes(&mut secret);
        let seal = Seal([chance.next_u64(), chance.next_u64()]);
        let mint = Mint::new(chance.next_u64());
        let mut endpoint = Endpoint {
            settings: Settings::default(),
            chance,
            seal,
            guard: Guard::new(secret),
            mint,
            legs: BTreeMap::new(),
            tags: Table::default(),
            clients: Table::default(),
            servers: Table::default(),
            timers: Timers::default(),
            registrar: Registrar::default(),
            streams: BTreeMap::new(),
            by_remote: BTreeMap::new(),
            probes: BTreeMap::new(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            discarded: Discarded::default(),
        };
        endpoint.reconfigure(now, settings);
        endpoint
    }

    /// Takes changed settings; calls that are up go on.
    pub fn reconfigure(&mut self, now: Now, settings: Settings) {
        self.probes.retain(|name, _| settings.trunks.iter().any(|trunk| trunk.name == *name));
        for trunk in &settings.trunks {
            if let Some(interval) = trunk.probe_interval_s
                && !self.probes.contains_key(&trunk.name)
            {
                let probe = Probe { targets: Vec::new(), up: None, missed: 0 };
                self.probes.insert(Arc::clone(&trunk.name), probe);
                // The first soon, the rest at the interval: an operator wants to see at once whether a trunk answers.
                let first = Duration::from_secs(u64::from(interval.min(2)));
                self.timers.set(now.instant + first, Timer::Probe(Arc::clone(&trunk.name)));
            }
        }
        self.settings = settings;
    }

    /// One datagram.
    pub fn receive_datagram(&mut self, now: Now, listener: u8, remote: SocketAddr, bytes: &[u8]) {
        let hop = Hop { target: Target { listener, remote }, connection: None };
        self.receive(now, hop, bytes);
    }

    /// A stream is open, in either direction.
    pub fn stream_opened(&mut self, _now: Now, connection: u64, listener: u8, remote: SocketAddr) {
        if self.streams.len() >= STREAMS_MAX {
            return self.events.push_back(Event::CloseStream { connection });
        }
        self.streams.insert(connection, Stream { listener, remote, framer: Framer::default() });
        self.by_remote.insert((listener, remote), connection);
    }

    /// Bytes of a stream.
    pub fn receive_stream(&mut self, now: Now, connection: u64, bytes: &[u8]) {
        let Some(stream) = self.streams.get_mut(&connection) else { return };
        let hop =
            Hop { target: Target { listener: stream.listener, remote: stream.remote }, connection: Some(connection) };
        stream.framer.push(bytes);
        while let Some(stream) = self.streams.get_mut(&connection) {
            match stream.framer.next_piece() {
                Some(StreamPiece::Message(message)) => self.receive(now, hop, &message),
                Some(StreamPiece::Ping) => self.send(hop, Bytes::from_static(b"\r\n")),
                Some(StreamPiece::Garbage(_)) => {
                    self.forget_stream(connection);
                    return self.events.push_back(Event::CloseStream { connection });
                }
                None => return,
            }
        }
    }

    /// A stream is gone. Registrations over it end; requests on their way are left to their timers.
    pub fn stream_closed(&mut self, _now: Now, connection: u64) {
        self.forget_stream(connection);
        let gone: Vec<Arc<str>> = self
            .registrar
            .bindings
            .iter()
            .filter(|(_, binding)| binding.hop.connection == Some(connection))
            .map(|(user, _)| Arc::clone(user))
            .collect();
        for user in gone {
            self.unbind(&user);
        }
    }

    fn forget_stream(&mut self, connection: u64) {
        if let Some(stream) = self.streams.remove(&connection) {
            self.by_remote.remove(&(stream.listener, stream.remote));
        }
    }

    /// A target cannot be reached: requests that wait for it fail over at once.
    pub fn unreachable(&mut self, now: Now, target: Target) {
        let waiting: Vec<ClientKey> = self
            .clients
            .iter()
            .filter(|(_, client)| client.hop.target == target && client.state == ClientState::Calling)
            .map(|(key, _)| *key)
            .collect();
        for key in waiting {
            self.request_failed(now, key, super::event::FailureKind::Transport);
        }
    }

    /// What has to be sent next.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// What happened next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When the next deadline passes, and its name.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        self.timers.next()
    }

    /// Lets deadlines pass.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(timer) = self.timers.pop_due(now.instant) {
            match timer {
                Timer::RequestResend(key) => self.resend_request(now, key),
                Timer::RequestDeadline(key) => self.request_deadline(now, key),
                Timer::ResponseResend(key) => self.resend_response(now, key),
                Timer::ResponseDeadline(key) => self.drop_server(key),
                Timer::AnswerResend(leg) => self.resend_answer(now, leg),
                Timer::AnswerDeadline(leg) => self.answer_unacknowledged(now, leg),
                Timer::SessionRefresh(leg) => self.refresh_session(now, leg),
                Timer::SessionExpiry(leg) => self.session_expired(now, leg),
                Timer::Registration(user) => self.unbind(&user),
                Timer::Probe(trunk) => self.probe(now, &trunk),
                Timer::ReofferRetry(_) | Timer::StreamStall(_) => {}
            }
        }
    }

    /// Sizes of the tables.
    pub fn counts(&self) -> Counts {
        Counts {
            legs: self.legs.len(),
            client_transactions: self.clients.len(),
            server_transactions: self.servers.len(),
            dialog_tags: self.tags.len(),
            afterglow: 0,
            registrations: self.registrar.bindings.len(),
            connections: self.streams.len(),
            timers: self.timers.len(),
            unsent: self.transmits.len(),
            unread_events: self.events.len(),
        }
    }

    /// Messages that led to nothing.
    pub fn discarded(&self) -> Discarded {
        self.discarded
    }

    // ---- below: what all parts share ----

    fn receive(&mut self, now: Now, hop: Hop, bytes: &[u8]) {
        // Strangers cost nothing, not even the reading of what they sent.
        if self.peer(hop.target.remote, false).is_none() {
            self.discarded.unknown_source += 1;
            return;
        }
        let Some(message) = Message::read(bytes) else {
            self.discarded.unreadable += 1;
            return;
        };
        let registers = message.method() == Some(Some(Method::Register));
        let Some(peer) = self.peer(hop.target.remote, registers) else { return };
        match message.status() {
            Some(status) => self.response(now, hop, &message, status),
            None => self.request(now, hop, &peer, message),
        }
    }

    /// Whom an address belongs to. Trunks come first: a carrier inside a phone network is a carrier. Where phones and a
    /// carrier share one address (a machine for trials), the port that is dialled is the carrier's, and what registers
    /// from another is a phone.
    fn peer(&self, remote: SocketAddr, registers: bool) -> Option<Peer> {
        let ip = remote.ip();
        let phones = self.settings.phone_networks.iter().any(|network| network.contains(ip));
        let exact =
            self.settings.trunks.iter().find(|trunk| trunk.targets.iter().any(|target| target.remote == remote));
        if let Some(trunk) = exact {
            return Some(Peer::Trunk(Arc::clone(&trunk.name)));
        }
        if phones && registers {
            return Some(Peer::PhoneNetwork);
        }
        if phones && self.registrar.bindings.values().any(|binding| binding.hop.target.remote == remote) {
            return Some(Peer::PhoneNetwork);
        }
        let trunk = self.settings.trunks.iter().find(|trunk| trunk.sources.iter().any(|network| network.contains(ip)));
        match (trunk, phones) {
            (Some(trunk), _) => Some(Peer::Trunk(Arc::clone(&trunk.name))),
            (None, true) => Some(Peer::PhoneNetwork),
            (None, false) => None,
        }
    }

    fn send(&mut self, hop: Hop, bytes: Bytes) {
        let datagram = self.settings.transport(hop.target.listener) == super::Transport::Udp;
        let to = match hop.connection.filter(|connection| self.streams.contains_key(connection)) {
            Some(connection) => Destination::Connection(connection),
            None if datagram => Destination::Datagram(hop.target),
            None => match self.by_remote.get(&(hop.target.listener, hop.target.remote)) {
                Some(connection) => Destination::Connection(*connection),
                None => Destination::Connect(hop.target),
            },
        };
        self.transmits.push_back(Transmit { to, bytes });
    }

    fn unreliable(&self, hop: Hop) -> bool {
        self.settings.transport(hop.target.listener) == super::Transport::Udp
    }

    /// Sends a request and watches over it.
    fn begin_request(
        &mut self,
        now: Now,
        key: ClientKey,
        purpose: Purpose,
        method: Method,
        leg: Option<LegId>,
        cseq: u32,
        local_tag: u64,
        bytes: Bytes,
        hop: Hop,
    ) {
        let resend =
            self.unreliable(hop).then(|| self.timers.set(now.instant + micros(T1_US), Timer::RequestResend(key)));
        let deadline = Some(self.timers.set(now.instant + micros(PATIENCE_US), Timer::RequestDeadline(key)));
        let trunk = leg.and_then(|leg| self.legs.get(&leg)).and_then(|leg| leg.trunk.clone());
        self.send(hop, bytes.clone());
        let client = ClientTransaction {
            purpose,
            method,
            leg,
            trunk,
            cseq,
            local_tag,
            bytes,
            hop,
            state: ClientState::Calling,
            interval_us: T1_US,
            resend,
            deadline,
            auth_tries: 0,
            corrected: false,
        };
        self.clients.insert(key, client);
    }

    fn resend_request(&mut self, now: Now, key: ClientKey) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        let invite = client.method == Method::Invite;
        if client.state == ClientState::Completed || (invite && client.state != ClientState::Calling) {
            return;
        }
        client.interval_us = if invite { client.interval_us * 2 } else { (client.interval_us * 2).min(T2_US) };
        let (hop, bytes, wait) = (client.hop, client.bytes.clone(), client.interval_us);
        client.resend = Some(self.timers.set(now.instant + micros(wait), Timer::RequestResend(key)));
        self.send(hop, bytes);
    }

    fn request_deadline(&mut self, now: Now, key: ClientKey) {
        match self.clients.get(&key).map(|client| client.state) {
            Some(ClientState::Completed) => drop(self.end_client(key)),
            Some(ClientState::Calling | ClientState::Proceeding) => {
                self.request_failed(now, key, super::event::FailureKind::Timeout);
            }
            None => {}
        }
    }

    fn end_client(&mut self, key: ClientKey) -> Option<ClientTransaction> {
        let client = self.clients.remove(&key)?;
        self.timers.cancel(client.resend);
        self.timers.cancel(client.deadline);
        Some(client)
    }

    fn drop_server(&mut self, key: ServerKey) {
        if let Some(server) = self.servers.remove(&key) {
            self.timers.cancel(server.resend);
            self.timers.cancel(server.deadline);
        }
    }

    fn end_leg(&mut self, id: LegId) -> Option<Leg> {
        let leg = self.legs.remove(&id)?;
        self.tags.remove(&leg.dialog.local_tag);
        if let Some(session) = leg.session {
            self.timers.cancel(Some(session.timer));
        }
        match &leg.phase {
            Phase::Accepted { answer, .. } => {
                self.timers.cancel(Some(answer.resend));
                self.timers.cancel(Some(answer.deadline));
            }
            Phase::Up(Up { reoffer: Reoffer::Unacked(answer), .. }) => {
                self.timers.cancel(Some(answer.resend));
                self.timers.cancel(Some(answer.deadline));
            }
            Phase::Calling(_) | Phase::Offered(_) | Phase::Up(_) => {}
        }
        Some(leg)
    }

    fn end_with(&mut self, id: LegId, by: EndedBy, reason: EndReason) {
        if self.end_leg(id).is_some() {
            self.events.push_back(Event::Ended { leg: id, by, reason });
        }
    }

    fn fresh(&mut self) -> u64 {
        self.chance.next_u64()
    }
}

/// The tag of To, if it is one of ours.
fn own_tag(message: &Message, name: Name) -> Option<u64> {
    let text = message.text(name)?;
    writer::from_hex16(NameAddr::read(&text)?.tag()?)
}

fn micros(us: u64) -> Duration {
    Duration::from_micros(us)
}
