//! The driver's loop: one thread that reads the sockets, feeds the engine, and does what it says.
//!
//! It is a *switchboard*: an answered customer goes from datagram to bridge without a hand-over between threads. Each
//! turn takes one input, lets its consequences settle (facts become events, events become commands, commands become
//! facts) and sends what has to be sent. It decides nothing.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};

use super::board::Board;
use super::handle::{Ask, Driver};
use super::internals::Internals;
use super::journal::Journal;
use super::lines::{Dial, Fact, Lines};
use super::records::{Record, Records};
use super::recovery::Controls;
use super::setup::Targets;
use super::wire::{StreamFact, Wire};
use crate::clock::Clock;
use crate::engine::Engine;
use crate::engine::clocks::Clocks;
use crate::engine::command::{Answer, Command};
use crate::engine::event::Event;
use crate::engine::recovery::lay_over;
use crate::media::plane::Event as MediaEvent;
use crate::model::id::{RequestId, UserId};
use crate::model::lead::LeadNext;
use crate::model::settings::Settings;
use crate::model::time::{Instant, Now};
use crate::sip::{Destination, Target};
use crate::store::{AgentStateChange, Write};

/// Largest datagram: UDP's own limit.
const DATAGRAM_MAX: usize = 65_535;
/// Datagrams taken from one listener before the others get their turn.
const BURST_MAX: usize = 64;
/// Rounds within which an input must have settled; more means that facts and commands chase each other.
const ROUNDS_MAX: usize = 10_000;
/// Without any input, the loop turns at least this often, to look at the clocks.
const TURN_MAX: Duration = Duration::from_millis(500);
/// While draining, the loop ends when the last call has, or after this.
pub const DRAIN_MAX: Duration = Duration::from_secs(15 * 60);
/// While draining, agents may still record the result of the last call for this long after it ended.
const RESULTS_WITHIN: Duration = Duration::from_secs(15);
/// How long the end of the program waits for recordings: each is hashed when it is complete.
const LAST_RECORDINGS_MAX: Duration = Duration::from_secs(5);

/// What ends the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Finish the calls that are up, then end.
    Drain,
    /// End now; what is up is released.
    Now,
}

/// What a changed configuration gives the loop.
pub type Reload = Box<dyn FnMut(Now, &mut Lines, Change) -> Result<(Vec<String>, Settings), String> + Send>;

/// Why the lines must be planned anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The configuration is to be read again.
    Configuration,
    /// Names of trunks resolve to other addresses.
    Addresses(Targets),
}

/// Everything the loop owns.
pub struct Core {
    /// The one reader of the clocks.
    pub clock: Clock,
    /// What decides.
    pub engine: Engine,
    /// Its inputs, for replay.
    pub journal: Journal,
    /// The telephone side.
    pub lines: Lines,
    /// Sockets of the signalling.
    pub wire: Wire,
    /// The way to the store.
    pub records: Records,
    /// What the media thread reports.
    pub media_events: mpsc::Receiver<MediaEvent>,
    /// Asks from pages and API.
    pub driver: Driver,
    /// Samples for the charts.
    pub board: Board,
    /// Reads the configuration again.
    pub reload: Reload,
    /// Newly resolved addresses of trunks.
    pub addresses: mpsc::Receiver<Targets>,
    /// Live controls of groups, which outlive a reload.
    pub controls: Controls,
    /// Tells the loop to end.
    pub stop: mpsc::Receiver<Stop>,
}

/// The loop at work.
struct Turn {
    core: Core,
    pending: VecDeque<Event>,
    waiting: BTreeMap<RequestId, oneshot::Sender<Answer>>,
    draining_since: Option<Instant>,
    /// While draining: when the last call was over.
    quiet_since: Option<Instant>,
    clocks: Clocks,
    resettling: bool,
    /// Room for a datagram.
    buffer: Vec<u8>,
}

impl Core {
    /// Runs until told to stop. `first` are the inputs the engine begins with: settings, campaigns, what is recovered.
    pub async fn run(self, first: Vec<Event>) {
        let now = self.clock.now();
        let mut turn = Turn {
            core: self,
            pending: first.into(),
            waiting: BTreeMap::new(),
            draining_since: None,
            quiet_since: None,
            clocks: Clocks::new(now),
            resettling: false,
            buffer: vec![0; DATAGRAM_MAX],
        };
        turn.settle(now);
        while turn.once().await {}
        turn.last_recordings().await;
        turn.core.records.finish().await;
    }
}

impl Turn {
    /// One input and its consequences; `false` when the loop ends.
    async fn once(&mut self) -> bool {
        let deadline = self.deadline();
        let udp: Vec<_> = self.core.wire.udp().to_vec();
        tokio::select! {
            listener = readable(&udp) => self.read_datagrams(listener, &udp),
            Some(event) = self.core.media_events.recv() => {
                let now = self.core.clock.now();
                self.core.lines.handle_media(now, event);
                self.settle(now);
            }
            fact = self.core.wire.next_fact() => self.stream_fact(fact),
            Some(events) = self.core.records.next() => {
                self.pending.extend(events);
                let now = self.core.clock.now();
                self.settle(now);
            }
            Some(ask) = self.core.driver.asks.recv() => self.ask(ask),
            Some(found) = self.core.addresses.recv() => self.readdress(found),
            stop = self.core.stop.recv() => match stop {
                Some(Stop::Drain) if self.draining_since.is_none() => {
                    let now = self.core.clock.now();
                    self.draining_since = Some(now.instant);
                    self.pending.push_back(Event::Drain);
                    self.settle(now);
                }
                Some(Stop::Drain) => {}
                Some(Stop::Now) | None => {
                    self.release_everything();
                    return false;
                }
            },
            () = until(&self.core.clock, deadline) => {
                let now = self.core.clock.now();
                self.settle(now);
            }
        }
        if self.drained() {
            self.release_everything();
            return false;
        }
        true
    }

    /// When something is due at the latest.
    fn deadline(&self) -> Instant {
        let core = &self.core;
        let soonest = [
            core.engine.poll_timeout().map(|(at, _)| at),
            core.lines.poll_sip_timeout(),
            core.lines.poll_timeout(),
            core.board.due(),
        ];
        let latest = core.clock.now().instant + TURN_MAX;
        soonest.into_iter().flatten().fold(latest, Instant::min)
    }

    fn read_datagrams(&mut self, place: usize, udp: &[(u8, Arc<UdpSocket>)]) {
        let Some((listener, socket)) = udp.get(place) else { return };
        for _ in 0..BURST_MAX {
            match socket.try_recv_from(&mut self.buffer) {
                Ok((length, remote)) => {
                    let now = self.core.clock.now();
                    self.core.lines.endpoint().receive_datagram(now, *listener, remote, &self.buffer[..length]);
                    self.settle(now);
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    // An ICMP error about something sent earlier; SIP's own timers deal with the peer.
                    tracing::debug!(%error, "a datagram could not be received");
                    return;
                }
            }
        }
    }

    fn stream_fact(&mut self, fact: StreamFact) {
        let now = self.core.clock.now();
        let endpoint = self.core.lines.endpoint();
        match fact {
            StreamFact::Opened { connection, remote, listener } => {
                endpoint.stream_opened(now, connection, listener, remote);
            }
            StreamFact::Data { connection, bytes, .. } => endpoint.receive_stream(now, connection, &bytes),
            StreamFact::Closed { connection, remote, listener, opened, why } => {
                tracing::debug!(connection, %remote, why, "a SIP connection is closed");
                endpoint.stream_closed(now, connection);
                if !opened {
                    endpoint.unreachable(now, Target { listener, remote });
                }
            }
        }
        self.settle(now);
    }

    fn ask(&mut self, ask: Ask) {
        match ask {
            Ask::Tell(event) => self.pending.push_back(event),
            Ask::Request { request, event, by, reply } => {
                self.core.records.asked_by(request, by);
                self.waiting.insert(request, reply);
                self.seat(&event);
                self.pending.push_back(event);
            }
            Ask::Internals { reply } => self.tell_internals(reply),
            Ask::Reload { reply } => {
                let outcome = (self.core.reload)(self.core.clock.now(), &mut self.core.lines, Change::Configuration)
                    .map(|(changed, mut settings)| {
                        lay_over(&mut settings, &self.core.controls);
                        self.pending.push_back(Event::SettingsApplied { settings: Arc::new(settings) });
                        changed
                    });
                // Whoever asked may have gone.
                drop(reply.send(outcome));
            }
        }
        let now = self.core.clock.now();
        self.settle(now);
    }

    fn readdress(&mut self, found: Targets) {
        let now = self.core.clock.now();
        // The configuration is the one in force, so nothing of it can be wrong; only addresses change.
        match (self.core.reload)(now, &mut self.core.lines, Change::Addresses(found)) {
            Ok(_) => tracing::info!("a trunk's name resolves to other addresses now"),
            Err(error) => tracing::error!(error, "new addresses of a trunk could not be used"),
        }
        self.settle(now);
    }

    /// The media thread is asked on a thread that may wait.
    fn tell_internals(&mut self, reply: oneshot::Sender<Internals>) {
        let Core { clock, engine, lines, records, .. } = &mut self.core;
        let internals = Internals::of_loop(clock.now().timestamp, engine, lines, records);
        let media = lines.media_handle();
        // Whoever asked may have gone.
        tokio::task::spawn_blocking(move || drop(reply.send(internals.with_media(&media))));
    }

    /// The lines must know an agent's phone before the engine wants it rung.
    fn seat(&mut self, event: &Event) {
        if let Event::AgentSignedIn { user, device, .. } = event {
            self.core.lines.seat(*user, device.clone());
        }
    }

    /// Lets everything that follows from the inputs happen, and sends what has to be sent.
    fn settle(&mut self, now: Now) {
        self.look_at_clocks(now);
        self.core.lines.handle_sip_timeout(now);
        self.core.lines.handle_timeout(now);
        let mut rounds = 0;
        loop {
            self.gather(now);
            match self.pending.pop_front() {
                Some(event) => {
                    self.core.journal.append(now, Some(&event));
                    self.core.records.see(&event);
                    self.core.engine.handle(now, event);
                }
                None if self.core.engine.poll_timeout().is_some_and(|(at, _)| at <= now.instant) => {
                    self.core.journal.append(now, None);
                    self.core.engine.handle_timeout(now);
                }
                None => break,
            }
            while let Some(command) = self.core.engine.poll_command() {
                self.core.journal.see(&command);
                self.carry_out(now, command);
            }
            self.core.journal.answered();
            rounds += 1;
            assert!(rounds < ROUNDS_MAX, "events and commands chase each other without end");
        }
        // Audio first: a bridge takes effect with the next packet, while the signalling is still being written.
        self.core.lines.nudge_media();
        self.transmit(now);
        // What could not be sent is news at once, not at the next input.
        if self.core.lines.endpoint().counts().unread_events > 0 && !self.resettling {
            self.resettling = true;
            self.settle(now);
            self.resettling = false;
        }
        self.core.journal.look(now.instant);
        self.core.board.look(now, &self.core.engine, &self.core.driver);
    }

    /// Facts of the lines become events.
    fn gather(&mut self, now: Now) {
        while let Some(event) = self.core.lines.endpoint().poll_event() {
            self.core.lines.handle_sip(now, event);
        }
        while let Some(fact) = self.core.lines.poll_fact() {
            match fact {
                Fact::Engine(event) => self.pending.push_back(event),
                Fact::Arrived(arrival) => self.core.records.look_up_story(arrival),
                Fact::Dialog(record) => self.core.records.dialog(now, record),
                Fact::DialogOver(leg) => self.core.records.dialog_over(leg),
                Fact::Recording(recording) => self.core.records.recording(*recording),
                Fact::RecordingBroke { recording, file } => self.core.records.recording_broke(*recording, file),
                Fact::Phones => self.core.driver.show_phones(self.core.lines.registered().clone()),
                Fact::CloseStream(connection) => self.core.wire.close(connection),
            }
        }
    }

    fn transmit(&mut self, now: Now) {
        while let Some(transmit) = self.core.lines.endpoint().poll_transmit() {
            let wire = &mut self.core.wire;
            match transmit.to {
                Destination::Datagram(target) => {
                    if let Err(error) = wire.send_datagram(target.listener, target.remote, &transmit.bytes) {
                        tracing::debug!(%error, remote = %target.remote, "a datagram could not be sent");
                        self.core.lines.endpoint().unreachable(now, target);
                    }
                }
                Destination::Connection(connection) => {
                    if !wire.send_stream(connection, transmit.bytes) {
                        self.core.lines.endpoint().stream_closed(now, connection);
                    }
                }
                Destination::Connect(target) => {
                    wire.send_or_connect(target.listener, target.remote, transmit.bytes);
                }
            }
        }
    }

    fn carry_out(&mut self, now: Now, command: Command) {
        let lines = &mut self.core.lines;
        let records = &mut self.core.records;
        match command {
            Command::FetchLeads { campaign, limit, held, question } => {
                records.fetch_leads(now, campaign, limit, held, question);
            }
            Command::PutOffLead { lead, next, .. } => {
                let (until, number) = match next {
                    LeadNext::Retry { at } => (Some(at), None),
                    LeadNext::Other { at, number, .. } => (Some(at), Some(number)),
                    LeadNext::Callback(callback) => (Some(callback.at), None),
                    LeadNext::Done | LeadNext::GivenUp => (None, None),
                };
                records.write(Record::Lead { lead, until, number, at: now.timestamp });
            }
            Command::SettleLead { lead, attempt, next, at } => {
                records.write(Record::Settled { lead, attempt, next, at });
            }
            Command::RecordIntent { intent } => records.record_intent(intent),
            Command::Dial { attempt, number, caller_id, trunks } => {
                lines.dial(now, Dial { attempt, number, caller_id }, &trunks);
            }
            Command::WithdrawDial { attempt } => lines.withdraw(attempt),
            Command::CancelAttempt { attempt, why } => lines.cancel(now, attempt, why),
            Command::Classify { attempt } => lines.classify(attempt),
            Command::AnswerInbound { call } => lines.answer_inbound(now, call),
            Command::RejectInbound { call, status } => lines.reject_inbound(now, call, status),
            Command::Play { call, prompt, repeat } => lines.play(call, &prompt, repeat),
            Command::Bridge { call, user, record } => {
                let campaign = self.core.engine.campaign_of(call).filter(|_| record);
                lines.bridge(now, call, user, campaign.map(|campaign| campaign.key.clone()));
            }
            Command::HangUp { call } => lines.hang_up(now, call),
            Command::RingAgent { user } => lines.ring_agent(now, user),
            Command::ReleaseAgent { user } => lines.release_agent(now, user),
            Command::RecordAttempt { end } => records.record(Write::End(Box::new(end))),
            Command::RecordResult { result } => records.record(Write::Result(Box::new(result))),
            Command::RecordCaller { caller } => records.record(Write::Caller(Box::new(caller))),
            Command::RecordInbound { end } => records.record(Write::Inbound(Box::new(end))),
            Command::RecordGate { change } => records.write(Record::Gate(change)),
            Command::RecordDecision { decision } => records.decision(*decision),
            Command::RecordAgentState { user, state, at } => {
                records.agent_state(AgentStateChange { user, at, state });
            }
            Command::RecordCampaignState { request, campaign, state, why, at } => {
                records.write(Record::CampaignState { request, campaign, state, why, at });
            }
            Command::RecordCampaignLimits { request, campaign, change, at } => {
                records.write(Record::CampaignLimits { request, campaign, change, at });
            }
            Command::RecordGroupControl { request, group, change, at } => {
                let controls = self.core.controls.entry(group.clone()).or_default();
                controls.and_then(&change);
                records.write(Record::GroupControl { request, group, controls: controls.clone(), change, at });
            }
            Command::Reply { request, answer } => {
                records.answered(request);
                if let Some(reply) = self.waiting.remove(&request) {
                    // Whoever asked may have gone.
                    drop(reply.send(answer));
                }
            }
            Command::AgentChanged { view } => self.core.driver.show_desk(*view),
            Command::AgentGone { user } => self.gone(user),
        }
    }

    fn gone(&mut self, user: UserId) {
        self.core.driver.clear_desk(user);
    }

    fn drained(&mut self) -> bool {
        let Some(since) = self.draining_since else { return false };
        let now = self.core.clock.now().instant;
        if !self.core.engine.is_idle() || !self.pending.is_empty() {
            self.quiet_since = None;
            return now.since(since) > DRAIN_MAX;
        }
        // The calls are over; agents get a while to record what came of them.
        let quiet = *self.quiet_since.get_or_insert(now);
        now.since(quiet) > RESULTS_WITHIN || self.core.engine.wrapping_up() == 0
    }

    /// Says goodbye to everybody, as far as one datagram does.
    fn release_everything(&mut self) {
        let now = self.core.clock.now();
        self.core.lines.release_all(now);
        self.settle(now);
    }

    /// Waits until the recordings of the calls that were released are written to their ends.
    async fn last_recordings(&mut self) {
        let ended = async {
            while self.core.lines.recording() > 0
                && let Some(event) = self.core.media_events.recv().await
            {
                let now = self.core.clock.now();
                self.core.lines.handle_media(now, event);
                // A recording that fails now may still pause its campaign.
                self.settle(now);
            }
        };
        if tokio::time::timeout(LAST_RECORDINGS_MAX, ended).await.is_err() {
            let recordings = self.core.lines.recording();
            tracing::error!(
                recordings,
                "recordings were not written to their ends in time; the next start looks at them"
            );
        }
    }

    fn look_at_clocks(&mut self, now: Now) {
        if let Some(sure) = self.clocks.look(now) {
            if !sure {
                tracing::error!("the wall clock stepped; no new calls until the clocks agree again");
            }
            // Before whatever waits: no dial is decided by a time that is not to be trusted.
            self.pending.push_front(Event::ClockHealth { sure });
        }
    }
}

/// Waits until one of the listeners has a datagram, and says which.
async fn readable(udp: &[(u8, Arc<UdpSocket>)]) -> usize {
    poll_fn(|context| {
        for (index, (_, socket)) in udp.iter().enumerate() {
            if socket.poll_recv_ready(context).is_ready() {
                return Poll::Ready(index);
            }
        }
        Poll::Pending
    })
    .await
}

async fn until(clock: &Clock, at: Instant) {
    match clock.when(at) {
        Some(when) => tokio::time::sleep_until(when.into()).await,
        None => std::future::pending().await,
    }
}
