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
use super::dialog::{Afterglow, Dialog, Leg, Phase, Reoffer, Tail, Up};
use super::digest::Guard;
use super::event::{
    CallSpec, Callee, Counts, Destination, DialogRecord, Discarded, EndReason, EndedBy, Event, Failure, LegError,
    OriginateError, Stage, Transmit,
};
use super::header::{self, CSeq, NameAddr, Via};
use super::registrar::Registrar;
use super::settings::{Settings, Target};
use super::timers::{Handle, Timer, Timers};
use super::transaction::{
    Again, ClientKey, ClientState, ClientTransaction, Hop, Outgoing, PATIENCE_US, Purpose, Seal, ServerKey,
    ServerState, ServerTransaction, T1_US, T2_US, T4_US, Table,
};
use super::vocabulary::{self, Method};
use super::writer::{self, Reply};
use crate::model::id::{LegId, Mint};
use crate::model::time::{Instant, Now};

mod admission;
mod caller;
mod credentials;
mod inbound;
mod indialog;
mod peers;
mod requests;
mod responses;
mod session;
mod streams;
#[cfg(test)]
mod tests;

/// Transactions of each side at once, beyond which new calls are refused: 600 calls a second for 32 s, at about 2 kB each.
const TRANSACTIONS_MAX: usize = 20_000;
/// Ends of calls (BYE and the like) may go beyond that limit, for they make room; past this one they are sent once and
/// not watched.
const TRANSACTIONS_HARD_MAX: usize = 2 * TRANSACTIONS_MAX;
/// Legs that are over and still known, about 1 kB each; beyond it a late answer finds nobody and is not acknowledged.
const AFTERGLOW_MAX: usize = 20_000;
/// Streams at once: a stream may hold one message of 64 kB, so this is 256 MB at the very worst.
const STREAMS_MAX: usize = 4_096;
/// Unsent messages. The driver drains them after each input; if it does not, the network would lose them too, and what
/// matters is sent again by its timer.
const UNSENT_MAX: usize = 65_536;
/// Unread events, beyond which those that nobody has to know of are left out and calls are refused. What ends a leg is
/// never left out; there is one per leg, and legs are bounded.
const UNREAD_MAX: usize = 65_536;

/// A stream that is open.
struct Stream {
    listener: u8,
    remote: SocketAddr,
    framer: Framer,
    /// Runs while part of a message waits for the rest.
    stall: Option<Handle>,
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
    /// Which INVITE came first, by what it would share with itself over another way.
    merges: Table<u128, ServerKey>,
    afterglow: Table<u64, Afterglow>,
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
            merges: Table::default(),
            afterglow: Table::default(),
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
                Timer::ResponseDeadline(key) => self.response_deadline(now, key),
                Timer::AnswerResend(leg) => self.resend_answer(now, leg),
                Timer::AnswerDeadline(leg) => self.answer_unacknowledged(now, leg),
                Timer::SessionRefresh(leg) => self.refresh_session(now, leg),
                Timer::SessionExpiry(leg) => self.session_expired(now, leg),
                Timer::Registration(user) => self.unbind(&user),
                Timer::Probe(trunk) => self.probe(now, &trunk),
                Timer::Afterglow(tag) => drop(self.afterglow.remove(&tag)),
                Timer::StreamStall(connection) => self.stream_stalled(connection),
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
            afterglow: self.afterglow.len(),
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
        // Strangers cost nothing, not even the reading of what they sent. Nobody answers to an address that is not one
        // host's.
        if !is_one_host(hop.target.remote) || self.peer(hop.target.remote, false).is_none() {
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
        if self.transmits.len() >= UNSENT_MAX {
            self.discarded.overload += 1;
            return;
        }
        self.transmits.push_back(Transmit { to, bytes });
    }

    fn unreliable(&self, hop: Hop) -> bool {
        self.settings.transport(hop.target.listener) == super::Transport::Udp
    }

    /// Sends a request and watches over it.
    fn begin_request(&mut self, now: Now, out: Outgoing) {
        let Outgoing { key, purpose, method, leg, cseq, bytes, hop } = out;
        self.send(hop, bytes.clone());
        if self.clients.len() >= TRANSACTIONS_HARD_MAX {
            self.discarded.overload += 1;
            return;
        }
        let resend =
            self.unreliable(hop).then(|| self.timers.set(now.instant + micros(T1_US), Timer::RequestResend(key)));
        let deadline = Some(self.timers.set(now.instant + micros(PATIENCE_US), Timer::RequestDeadline(key)));
        let trunk = leg.and_then(|leg| self.legs.get(&leg)).and_then(|leg| leg.trunk.clone());
        let client = ClientTransaction {
            purpose,
            method,
            leg,
            trunk,
            cseq,
            bytes,
            hop,
            state: ClientState::Calling,
            interval_us: T1_US,
            resend,
            deadline,
            again: Again::default(),
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
            Some(ClientState::Proceeding) if self.give_up_ringing(now, key) => {}
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
            if let Some(merge) = server.merge {
                self.merges.remove(&merge);
            }
        }
    }

    /// Takes a leg out. Nothing of it stays but its tag, for a while.
    fn end_leg(&mut self, now: Now, id: LegId) -> Option<Leg> {
        let mut leg = self.legs.remove(&id)?;
        let tag = leg.dialog.local_tag;
        self.tags.remove(&tag);
        if let Some(session) = leg.session {
            self.timers.cancel(Some(session.timer));
        }
        let tail = match std::mem::replace(&mut leg.phase, Phase::Up(Up::default())) {
            Phase::Accepted { answer, .. } => {
                self.timers.cancel(Some(answer.resend));
                self.timers.cancel(Some(answer.deadline));
                Tail::default()
            }
            Phase::Up(Up { tail, reoffer }) => {
                self.drop_reoffer(now, reoffer);
                tail
            }
            Phase::Offered(offered) => {
                self.terminate(now, offered.transaction, tag);
                Tail::default()
            }
            Phase::Calling(_) => Tail::default(),
        };
        self.keep_afterglow(now, leg.dialog.clone(), tail);
        Some(leg)
    }

    fn keep_afterglow(&mut self, now: Now, dialog: Dialog, tail: Tail) {
        if self.afterglow.len() < AFTERGLOW_MAX {
            self.timers.set(now.instant + micros(PATIENCE_US), Timer::Afterglow(dialog.local_tag));
            self.afterglow.insert(dialog.local_tag, Afterglow { dialog, tail });
        }
    }

    fn drop_reoffer(&mut self, now: Now, reoffer: Reoffer) {
        match reoffer {
            Reoffer::None | Reoffer::Refreshing => {}
            Reoffer::Asked { transaction, .. } => self.terminate(now, transaction, 0),
            Reoffer::AskedByUpdate { request, hop } => self.answer_status(hop, &request, 487, "", &[]),
            Reoffer::Unacked(answer) => {
                self.timers.cancel(Some(answer.resend));
                self.timers.cancel(Some(answer.deadline));
            }
        }
    }

    fn end_with(&mut self, now: Now, id: LegId, by: EndedBy, reason: EndReason) {
        if self.end_leg(now, id).is_some() {
            self.events.push_back(Event::Ended { leg: id, by, reason });
        }
    }

    /// An event that nobody has to know of.
    fn mention(&mut self, event: Event) {
        if self.events.len() < UNREAD_MAX {
            self.events.push_back(event);
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

/// Whether an answer to this address reaches one host: not broadcast, multicast or nobody's (RFC 4475, 3.3.10).
fn is_one_host(remote: SocketAddr) -> bool {
    let ip = remote.ip().to_canonical();
    let broadcast = matches!(ip, std::net::IpAddr::V4(ip) if ip.is_broadcast());
    !(broadcast || ip.is_multicast() || ip.is_unspecified() || remote.port() == 0)
}

const fn micros(us: u64) -> Duration {
    Duration::from_micros(us)
}
