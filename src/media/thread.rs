//! The media thread: one `mio` loop that owns all media sockets and drives the plane.
//!
//! Not where anything is decided; the plane does that. Nothing here waits except the poll itself, nothing reads a disk.
//! Read [`start`] and [`MediaHandle`].

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};

use super::plane::{Command, CommandFault, Effect, Event, Idle, Plane, PlaneCounts, PlaneSettings, Transmit};
use super::ports::{LegPorts, PortLease};
use super::record::{RECORDINGS_MAX, Recorded, RecorderHandle, recorder};
use super::rtp::DATAGRAM_MAX;
use crate::model::id::LegId;
use crate::model::time::Instant;

/// Commands that may wait: a thousand calls each doing sixteen things in one turn.
const ORDERS_MAX: usize = 16_384;
/// Commands carried out before sockets get their turn.
const ORDERS_PER_TURN: usize = 256;
/// Datagrams read from one socket before the others get their turn: a flood on one port delays nobody.
const DATAGRAMS_PER_TURN: usize = 16;
/// Readiness events taken from the system at once.
const EVENTS_PER_POLL: usize = 1_024;
const WAKE: Token = Token(usize::MAX);

/// The clock of the loop: monotonic, in the caller's reckoning.
pub type Clock = Box<dyn Fn() -> Instant + Send>;
/// Receives every event on the media thread; must not block.
pub type Listener = Box<dyn FnMut(Event) + Send>;

/// How the media thread starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaSettings {
    /// Legs at once; normally [`super::ports::MediaPorts::limit`].
    pub legs_max: usize,
    /// Secret chance for the numbers of streams.
    pub seed: u64,
}

/// Why the media thread does not take something.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// It cannot be started.
    #[error("cannot start the media thread: {0}")]
    Start(io::Error),
    /// More than 16384 commands wait.
    #[error("the media thread is too busy: its command queue is full")]
    Busy,
    /// It has stopped.
    #[error("the media thread has stopped")]
    Stopped,
    /// No answer in time.
    #[error("the media thread did not answer in time")]
    Late,
}

enum Order {
    Open { leg: LegId, ports: LegPorts, idle: Idle },
    Command(Command),
    Counts(SyncSender<PlaneCounts>),
    Shutdown,
}

/// Sends commands to the media thread; cheap to clone.
#[derive(Clone)]
pub struct MediaHandle {
    orders: SyncSender<Order>,
    waker: Arc<Waker>,
}

impl fmt::Debug for MediaHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaHandle").finish_non_exhaustive()
    }
}

impl MediaHandle {
    /// Gives a leg its ports. It hears and sends nothing until [`Command::SetRemote`].
    pub fn open(&self, leg: LegId, ports: LegPorts, idle: Idle) -> Result<(), MediaError> {
        self.order(Order::Open { leg, ports, idle })
    }

    /// Queues a command; it is carried out within a millisecond.
    pub fn send(&self, command: Command) -> Result<(), MediaError> {
        self.order(Order::Command(command))
    }

    /// Queues a command that waits for [`MediaHandle::nudge`]: whoever has several to give wakes the thread once.
    pub fn post(&self, command: Command) -> Result<(), MediaError> {
        self.queue(Order::Command(command))
    }

    /// As [`MediaHandle::open`], and waits for [`MediaHandle::nudge`].
    pub fn post_open(&self, leg: LegId, ports: LegPorts, idle: Idle) -> Result<(), MediaError> {
        self.queue(Order::Open { leg, ports, idle })
    }

    /// Wakes the thread.
    pub fn nudge(&self) -> Result<(), MediaError> {
        self.waker.wake().map_err(|_| MediaError::Stopped)
    }

    /// Asks how much is open; blocks up to `patience`.
    pub fn counts(&self, patience: Duration) -> Result<PlaneCounts, MediaError> {
        let (sender, receiver) = sync_channel(1);
        self.order(Order::Counts(sender))?;
        receiver.recv_timeout(patience).map_err(|error| match error {
            RecvTimeoutError::Timeout => MediaError::Late,
            RecvTimeoutError::Disconnected => MediaError::Stopped,
        })
    }

    fn order(&self, order: Order) -> Result<(), MediaError> {
        self.queue(order)?;
        self.nudge()
    }

    fn queue(&self, order: Order) -> Result<(), MediaError> {
        self.orders.try_send(order).map_err(|error| match error {
            TrySendError::Full(_) => MediaError::Busy,
            TrySendError::Disconnected(_) => MediaError::Stopped,
        })
    }
}

/// The running thread.
#[derive(Debug)]
pub struct MediaThread {
    handle: MediaHandle,
    thread: JoinHandle<()>,
}

impl MediaThread {
    /// Closes all legs, finishes all recordings, and waits for both threads. All events were delivered when it returns.
    pub fn stop(self) {
        // A full queue drains within milliseconds; a blocking send waits for that.
        if self.handle.orders.send(Order::Shutdown).is_ok() {
            let _ = self.handle.waker.wake();
        }
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Starts the media thread and its recorder. Every event goes to `listener`, on the media thread.
pub fn start(
    settings: MediaSettings,
    clock: Clock,
    listener: Listener,
) -> Result<(MediaHandle, MediaThread), MediaError> {
    let poll = Poll::new().map_err(MediaError::Start)?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKE).map_err(MediaError::Start)?);
    let (order_sender, orders) = sync_channel(ORDERS_MAX);
    let (recorder_handle, recorder) = recorder();
    let (result_sender, recorded) = sync_channel::<Recorded>(RECORDINGS_MAX);
    let recorder_waker = Arc::clone(&waker);
    let recorder_thread = recorder
        .spawn(move |result| {
            // Fails only when the media thread is gone, and then nobody asks.
            if result_sender.send(result).is_ok() {
                let _ = recorder_waker.wake();
            }
        })
        .map_err(MediaError::Start)?;
    let plane = Plane::new(PlaneSettings {
        legs_max: settings.legs_max,
        seed: settings.seed,
        recorder: Some(recorder_handle.clone()),
    });
    let driver = Driver {
        poll,
        plane,
        sockets: Vec::new(),
        ready: Vec::new(),
        orders,
        recorded,
        clock,
        listener,
        recorder: recorder_handle,
        buffer: [0; DATAGRAM_MAX + 1],
        orders_wait: false,
        stopping: false,
    };
    let thread = std::thread::Builder::new()
        .name("media".to_owned())
        .spawn(move || driver.run(recorder_thread))
        .map_err(MediaError::Start)?;
    let handle = MediaHandle { orders: order_sender, waker };
    Ok((handle.clone(), MediaThread { handle, thread }))
}

/// The sockets of one leg.
struct Sockets {
    rtp: UdpSocket,
    rtcp: Option<UdpSocket>,
    connected: Option<SocketAddr>,
    /// Last, so that the sockets are closed when the count goes down.
    _lease: PortLease,
}

struct Driver {
    poll: Poll,
    plane: Plane,
    sockets: Vec<Option<Sockets>>,
    /// Tokens that may have more to read: readiness is told once.
    ready: Vec<Token>,
    orders: Receiver<Order>,
    recorded: Receiver<Recorded>,
    clock: Clock,
    listener: Listener,
    recorder: RecorderHandle,
    buffer: [u8; DATAGRAM_MAX + 1],
    orders_wait: bool,
    stopping: bool,
}

impl Driver {
    fn run(mut self, recorder_thread: JoinHandle<()>) {
        let mut events = Events::with_capacity(EVENTS_PER_POLL);
        while !self.stopping {
            self.wait(&mut events);
            self.take_orders();
            self.read_sockets();
            let now = (self.clock)();
            if self.plane.poll_timeout().is_some_and(|at| at <= now) {
                self.plane.handle_timeout(now);
            }
            self.flush(now);
        }
        self.finish(recorder_thread);
    }

    /// Polls for as long as nothing is due.
    fn wait(&mut self, events: &mut Events) {
        let timeout = if self.orders_wait || !self.ready.is_empty() {
            Some(Duration::ZERO)
        } else {
            let now = (self.clock)();
            self.plane.poll_timeout().map(|at| at.since(now))
        };
        if let Err(error) = self.poll.poll(events, timeout) {
            // A signal; anything else would repeat, and the loop must not end while calls are up.
            debug_assert_eq!(error.kind(), io::ErrorKind::Interrupted, "{error}");
            return;
        }
        let cut_short = self.ready.len();
        for event in &*events {
            if event.token() == WAKE {
                self.orders_wait = true;
            } else if !self.ready[..cut_short].contains(&event.token()) {
                self.ready.push(event.token());
            }
        }
    }

    fn take_orders(&mut self) {
        if !std::mem::take(&mut self.orders_wait) {
            return;
        }
        while let Ok(result) = self.recorded.try_recv() {
            self.plane.recorded(result);
        }
        let now = (self.clock)();
        for _ in 0..ORDERS_PER_TURN {
            match self.orders.try_recv() {
                Ok(Order::Open { leg, ports, idle }) => self.open(now, leg, ports, idle),
                Ok(Order::Command(command)) => self.plane.handle(now, command),
                Ok(Order::Counts(reply)) => {
                    // An asker who lost patience is gone.
                    let _ = reply.try_send(self.plane.counts());
                }
                Ok(Order::Shutdown) | Err(TryRecvError::Disconnected) => {
                    self.stopping = true;
                    return;
                }
                Err(TryRecvError::Empty) => {
                    self.flush(now);
                    return;
                }
            }
            self.flush(now);
        }
        self.orders_wait = true;
    }

    fn open(&mut self, now: Instant, leg: LegId, ports: LegPorts, idle: Idle) {
        let slot = match self.plane.open(now, leg, idle) {
            Ok(slot) => slot,
            Err(why) => {
                (self.listener)(Event::Refused { leg, why });
                return;
            }
        };
        let place = slot as usize;
        if self.sockets.len() <= place {
            self.sockets.resize_with(place + 1, || None);
        }
        let LegPorts { rtp, rtcp, lease } = ports;
        let mut sockets = Sockets {
            rtp: UdpSocket::from_std(rtp),
            rtcp: rtcp.map(UdpSocket::from_std),
            connected: None,
            _lease: lease,
        };
        let registry = self.poll.registry();
        let mut watched = registry.register(&mut sockets.rtp, Token(place * 2), Interest::READABLE);
        if let (Ok(()), Some(rtcp)) = (&watched, &mut sockets.rtcp) {
            watched = registry.register(rtcp, Token(place * 2 + 1), Interest::READABLE);
        }
        if let Err(error) = watched {
            self.plane.refuse(slot, CommandFault::Socket(error));
        }
        self.sockets[place] = Some(sockets);
    }

    /// Reads every socket that has something, a little from each.
    fn read_sockets(&mut self) {
        let mut ready = std::mem::take(&mut self.ready);
        ready.retain(|token| self.read_socket(*token));
        // Those that were cut short come before new ones.
        ready.append(&mut self.ready);
        self.ready = ready;
    }

    /// Reads one socket; true when more may wait.
    fn read_socket(&mut self, token: Token) -> bool {
        let place = token.0 / 2;
        let is_rtcp = token.0 % 2 == 1;
        let now = (self.clock)();
        let mut faults = 0;
        for _ in 0..DATAGRAMS_PER_TURN {
            let Some(sockets) = self.sockets.get(place).and_then(Option::as_ref) else { return false };
            let socket = match (is_rtcp, &sockets.rtcp) {
                (false, _) => &sockets.rtp,
                (true, Some(rtcp)) => rtcp,
                (true, None) => return false,
            };
            match socket.recv_from(&mut self.buffer) {
                Ok((length, source)) => {
                    let datagram = &self.buffer[..length];
                    if is_rtcp {
                        self.plane.receive_rtcp(now, place as u32, source, datagram);
                    } else if let Some(transmit) = self.plane.receive(now, place as u32, source, datagram) {
                        let slot = transmit.slot;
                        if !send(&self.sockets, &transmit) {
                            self.plane.send_failed(slot);
                        }
                    }
                    self.effects();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // The peer's port is closed (ICMP): not the end of a call, and the queue behind it is still read.
                Err(_) => faults += 1,
            }
        }
        // A socket that does nothing but fail must not keep the loop spinning.
        faults < DATAGRAMS_PER_TURN
    }

    /// Sends what the wheel made due and does what the plane asks for.
    fn flush(&mut self, now: Instant) {
        while let Some(transmit) = self.plane.poll_transmit(now) {
            let slot = transmit.slot;
            if !send(&self.sockets, &transmit) {
                self.plane.send_failed(slot);
            }
        }
        self.effects();
    }

    fn effects(&mut self) {
        while let Some(effect) = self.plane.poll_effect() {
            match effect {
                Effect::Tell(event) => (self.listener)(event),
                Effect::Release { slot } => self.release(slot),
                Effect::Connect { slot, peer } => {
                    if let Some(sockets) = self.sockets.get_mut(slot as usize).and_then(Option::as_mut) {
                        // Unconnected works too, only dearer.
                        sockets.connected = sockets.rtp.connect(peer).is_ok().then_some(peer);
                    }
                }
            }
        }
    }

    fn release(&mut self, slot: u32) {
        if let Some(mut sockets) = self.sockets.get_mut(slot as usize).and_then(Option::take) {
            // Closing a socket takes it out of the poll as well; this only is tidier.
            let _ = self.poll.registry().deregister(&mut sockets.rtp);
            if let Some(rtcp) = &mut sockets.rtcp {
                let _ = self.poll.registry().deregister(rtcp);
            }
        }
    }

    fn finish(mut self, recorder_thread: JoinHandle<()>) {
        self.plane.close_all();
        self.effects();
        self.recorder.shutdown();
        // Ends when the recorder's threads have ended and dropped their senders.
        while let Ok(result) = self.recorded.recv() {
            self.plane.recorded(result);
            self.effects();
        }
        if let Err(panic) = recorder_thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Sends one packet; false when the system would not take it.
fn send(sockets: &[Option<Sockets>], transmit: &Transmit<'_>) -> bool {
    let Some(sockets) = sockets.get(transmit.slot as usize).and_then(Option::as_ref) else { return false };
    let attempt = || {
        if sockets.connected == Some(transmit.to) {
            sockets.rtp.send(transmit.packet)
        } else {
            sockets.rtp.send_to(transmit.packet, transmit.to)
        }
    };
    match attempt() {
        Ok(_) => true,
        // A connected socket first reports the ICMP answer to an earlier packet; this one has not been sent yet.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => attempt().is_ok(),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests;
