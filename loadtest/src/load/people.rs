//! Customers who are called, and callers: each measures how long it takes until an agent is heard.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lull::clock::Clock;
use tokio::net::UdpSocket;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::LoadError;
use super::mouths::{FRAME, HEADER, Mouths, audio_socket, speaker, tone};
use crate::numbers;
use crate::sip::answering::Answering;
use crate::sip::call::Turn;
use crate::sip::calling::{Calling, Order, Progress};
use crate::sip::sdp::{self, Law, Remote};
use crate::sip::station::{Received, Seat, Station, answer_stranger};

/// The carrier's address.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Whoever hears no agent within this time hangs up, and is counted.
const PATIENCE: Duration = Duration::from_secs(20);

/// What people have seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// Times that were measured, in µs.
    pub times_us: Vec<u64>,
    /// Calls that heard no agent.
    pub unheard: u64,
    /// Calls that were refused.
    pub refused: BTreeMap<u16, u64>,
    /// When each agent's last call ended, in µs.
    freed: BTreeMap<u16, u64>,
}

/// Shared by all people of a measurement.
pub type Notes = Arc<Mutex<Seen>>;

/// The notes, for a moment.
pub fn notes(shared: &Notes) -> std::sync::MutexGuard<'_, Seen> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a customer does who is called.
#[derive(Clone)]
pub enum Manner {
    /// Measures from the answer to the first packet of an agent, listens this long, and hangs up.
    Measures {
        /// How long, from the first packet of the agent on.
        listens: Duration,
    },
    /// Talks until the other side hangs up.
    Talks {
        /// Who speaks for them.
        mouths: Arc<Mouths>,
    },
}

/// A carrier whose customers all behave alike, until this is dropped.
pub struct Customers {
    /// Where it takes calls.
    pub address: SocketAddr,
    /// What they have seen.
    pub notes: Notes,
    task: JoinHandle<()>,
}

impl Drop for Customers {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Customers {
    /// Takes calls from now on.
    ///
    /// # Errors
    /// There is no socket.
    pub async fn open(clock: Clock, manner: Manner) -> Result<Customers, LoadError> {
        let (station, strangers) = Station::open((HERE, 0).into()).await?;
        let notes = Notes::default();
        let address = station.local();
        let task = tokio::spawn(take_calls(station, strangers, clock, manner, notes.clone()));
        Ok(Customers { address, notes, task })
    }
}

async fn take_calls(
    station: Arc<Station>,
    mut strangers: mpsc::Receiver<Received>,
    clock: Clock,
    manner: Manner,
    notes: Notes,
) {
    let mut calls = tokio::task::JoinSet::new();
    while let Some(received) = strangers.recv().await {
        match received.message.method() {
            Some("INVITE") => {
                if let Some(seat) = station.seat(received.message.call_id()) {
                    match manner.clone() {
                        Manner::Measures { listens } => {
                            calls.spawn(measure(seat, received, clock, listens, notes.clone()));
                        }
                        Manner::Talks { mouths } => {
                            calls.spawn(talk(seat, received, mouths));
                        }
                    }
                }
            }
            _ => answer_stranger(&station, &received),
        }
        while calls.try_join_next().is_some() {}
    }
}

/// Answers at once. The time runs from before the 200 is written.
async fn measure(seat: Seat, invite: Received, clock: Clock, listens: Duration, notes: Notes) -> Option<()> {
    let answering = Answering::take(seat, invite, "customer")?;
    let socket = audio_socket(HERE).ok()?;
    let local = socket.local_addr().ok()?;
    socket.set_nonblocking(true).ok()?;
    let socket = UdpSocket::from_std(socket).ok()?;
    let remote = answering.offer().clone();
    let first = tokio::spawn(async move { first_tone(&socket, &remote, clock).await });
    let answered = clock.now().instant.as_micros();
    let call = answering.answer(&sdp::write(local, 1, &[Law::Mu])).await;
    match timeout(PATIENCE, first).await {
        Ok(Ok(Some((at, _)))) => {
            self::notes(&notes).times_us.push(at.saturating_sub(answered));
            sleep(listens).await;
        }
        _ => self::notes(&notes).unheard += 1,
    }
    call?.hang_up().await;
    Some(())
}

/// When an agent is first heard, and which. One packet is sent, so that the other side hears that somebody is there.
async fn first_tone(socket: &UdpSocket, remote: &Remote, clock: Clock) -> Option<(u64, u16)> {
    let mut hello = [0xff; HEADER + FRAME];
    hello[..HEADER].copy_from_slice(&[0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9]);
    let _ = socket.send_to(&hello, remote.address).await;
    let mut buffer = [0; 2048];
    loop {
        // An ICMP answer to an earlier packet is an error of this read, not of the socket.
        let Ok(length) = socket.recv(&mut buffer).await else { continue };
        if let Some(agent) = speaker(&buffer[..length]) {
            return Some((clock.now().instant.as_micros(), agent));
        }
    }
}

async fn talk(seat: Seat, invite: Received, mouths: Arc<Mouths>) -> Option<()> {
    let answering = Answering::take(seat, invite, "customer")?;
    let socket = audio_socket(HERE).ok()?;
    let local = socket.local_addr().ok()?;
    let _speaking = mouths.speak(socket, answering.offer().address, tone(u16::MAX), 20).ok()?;
    let mut call = answering.answer(&sdp::write(local, 1, &[Law::Mu])).await?;
    while call.next().await != Turn::HungUp {}
    Some(())
}

/// Callers of the centre.
#[derive(Clone)]
pub struct Callers {
    /// Where they call.
    pub centre: SocketAddr,
    /// The number they dial.
    pub number: String,
    /// Their line.
    pub station: Arc<Station>,
    /// The clock.
    pub clock: Clock,
    /// What they have seen.
    pub notes: Notes,
}

impl Callers {
    /// A line to call from; its address is where the centre's trunk must say calls come from.
    ///
    /// # Errors
    /// There is no socket.
    pub async fn station() -> Result<Arc<Station>, LoadError> {
        let (station, mut strangers) = Station::open((HERE, 0).into()).await?;
        let answering = Arc::downgrade(&station);
        tokio::spawn(async move {
            while let Some(received) = strangers.recv().await {
                let Some(station) = answering.upgrade() else { return };
                answer_stranger(&station, &received);
            }
        });
        Ok(station)
    }

    fn order(&self, index: usize, local: SocketAddr) -> Order {
        Order {
            to: format!("sip:{}@{}", self.number, self.centre),
            from_user: numbers::caller(index),
            peer: self.centre,
            sdp: sdp::write(local, 1, &[Law::Mu]),
            account: None,
        }
    }

    async fn connect(&self, index: usize, local: SocketAddr) -> Option<Box<crate::sip::call::Call>> {
        let mut calling = Calling::start(&self.station, self.order(index, local));
        loop {
            match timeout(PATIENCE, calling.next()).await.ok()? {
                Progress::Ringing(_) => {}
                Progress::Answered(call) => return Some(call),
                Progress::Refused(status) => {
                    *notes(&self.notes).refused.entry(status).or_default() += 1;
                    return None;
                }
                Progress::Silence => {
                    *notes(&self.notes).refused.entry(0).or_default() += 1;
                    return None;
                }
            }
        }
    }

    /// Calls, waits until an agent is heard, measures how long that agent has been free, listens, hangs up.
    pub async fn call_and_measure(self, index: usize, listens: Duration) -> Option<()> {
        let socket = audio_socket(HERE).ok()?;
        let local = socket.local_addr().ok()?;
        socket.set_nonblocking(true).ok()?;
        let socket = UdpSocket::from_std(socket).ok()?;
        let call = self.connect(index, local).await?;
        let (heard, agent) = match timeout(PATIENCE, first_tone(&socket, &call.audio, self.clock)).await {
            Ok(Some(heard)) => heard,
            _ => {
                notes(&self.notes).unheard += 1;
                call.hang_up().await;
                return None;
            }
        };
        {
            let mut notes = notes(&self.notes);
            if let Some(freed) = notes.freed.remove(&agent) {
                notes.times_us.push(heard.saturating_sub(freed));
            }
        }
        // The agent goes on talking; the buffer overflows and nobody minds.
        let end = Instant::now() + listens;
        let mut buffer = [0; 2048];
        while tokio::time::timeout_at(end, socket.recv(&mut buffer)).await.is_ok() {}
        notes(&self.notes).freed.insert(agent, self.clock.now().instant.as_micros());
        call.hang_up().await;
        Some(())
    }

    /// Calls and stays until told to go; sends a packet now and then and reads what comes.
    pub async fn call_and_hold(self, index: usize, mouths: Arc<Mouths>, go: Arc<Notify>, up: mpsc::Sender<bool>) {
        let held = async {
            let socket = audio_socket(HERE).ok()?;
            let local = socket.local_addr().ok()?;
            let call = self.connect(index, local).await?;
            let speaking = mouths.speak(socket, call.audio.address, tone(u16::MAX), 100).ok()?;
            Some((call, speaking))
        };
        let going = go.notified();
        let held = held.await;
        let _ = up.send(held.is_some()).await;
        let Some((mut call, speaking)) = held else { return };
        tokio::pin!(going);
        loop {
            tokio::select! {
                () = &mut going => break,
                turn = call.next() => if turn == Turn::HungUp { return },
            }
        }
        drop(speaking);
        call.hang_up().await;
    }
}
