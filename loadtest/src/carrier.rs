//! The carrier: a network with customers who answer, ring out, are busy or are machines, and with callers of its own.
//!
//! Everything it does to a number follows from the seed and the number ([`fate`]). Everything it sees is held against
//! what it was told to expect ([`ledger`]). Read [`Setup`] first.

pub mod caller;
pub mod customer;
pub mod fate;
pub mod ledger;
pub mod waves;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, mpsc};

use crate::calendar;
use crate::report::{Line, say, standard_input_closes};
use crate::sip::digest::Account;
use crate::sip::message::{address, user};
use crate::sip::station::{Received, Station, answer_stranger};
use fate::Manners;
use ledger::Ledger;
use waves::Waves;

/// Calls at once in both directions; more are refused as congestion.
const CALLS_MAX: usize = 500;
/// Calls that are still up at the end get this long to be ended.
const END_WITHIN: Duration = Duration::from_secs(5);

/// What the carrier is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Setup {
    /// Seed of everybody's behaviour.
    pub seed: u64,
    /// Where it takes calls.
    pub listen: SocketAddr,
    /// Where it sends callers: the centre's trunk address.
    pub centre: SocketAddr,
    /// How people behave.
    pub manners: Manners,
    /// How callers come; `None`: nobody calls.
    pub waves: Option<Waves>,
    /// Numbers of the centre that callers dial.
    pub hotlines: Vec<String>,
    /// Numbers that the centre may show.
    pub caller_ids: BTreeSet<String>,
    /// Everybody who may be called, with the time zone; empty: anybody.
    pub customers: BTreeMap<String, String>,
    /// Numbers that must never be called.
    pub never: BTreeSet<String>,
    /// Hours of the callee's day in which calls may arrive, from and to.
    pub hours: (i8, i8),
    /// Most attempts for one number in the whole run.
    pub attempts_max: u32,
    /// Asks for a proof of this account at each call.
    pub account: Option<Account>,
}

/// The carrier at work.
#[derive(Debug)]
pub struct Carrier {
    setup: Setup,
    station: Arc<Station>,
    ledger: Mutex<Ledger>,
    room: Arc<Semaphore>,
    stopping: AtomicBool,
}

impl Carrier {
    /// Takes calls from now on.
    ///
    /// # Errors
    /// The address is in use or not ours.
    pub async fn open(setup: Setup) -> std::io::Result<Arc<Carrier>> {
        let (station, strangers) = Station::open(setup.listen).await?;
        let room = Arc::new(Semaphore::new(CALLS_MAX));
        let carrier =
            Arc::new(Carrier { setup, station, ledger: Mutex::default(), room, stopping: AtomicBool::new(false) });
        tokio::spawn(carrier.clone().take_calls(strangers));
        Ok(carrier)
    }

    /// Where it takes calls.
    pub fn local(&self) -> SocketAddr {
        self.station.local()
    }

    /// What has been seen so far.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The world ends: whoever is on the phone hangs up.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the world ends.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Calls that are up, in both directions.
    pub fn calls(&self) -> usize {
        self.station.calls()
    }

    async fn take_calls(self: Arc<Carrier>, mut strangers: mpsc::Receiver<Received>) {
        while let Some(received) = strangers.recv().await {
            let message = &received.message;
            if message.method() != Some("INVITE") {
                if message.method() == Some("OPTIONS") {
                    self.ledger().options += 1;
                }
                answer_stranger(&self.station, &received);
                continue;
            }
            // A repetition finds its call; only the first one gets a seat.
            let Some(seat) = self.station.seat(message.call_id()) else { continue };
            let called = international(user(message.uri()));
            let shown = international(user(address(message.header("From").unwrap_or_default())));
            let ordinal = self.ledger().arrives(&self.setup, &called, &shown, calendar::now());
            let carrier = self.clone();
            tokio::spawn(async move {
                customer::take(&carrier, seat, received, &called, ordinal).await;
                carrier.ledger().leaves(&called);
            });
        }
    }
}

/// A number as it is compared: with its plus sign.
fn international(number: &str) -> String {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    format!("+{digits}")
}

/// Runs the carrier as a process: until standard input closes.
///
/// # Errors
/// The address is in use or not ours.
pub async fn run(setup: Setup) -> std::io::Result<()> {
    let mut closes = standard_input_closes();
    let carrier = Carrier::open(setup).await?;
    let callers = tokio::spawn(caller::come(carrier.clone()));
    say(&Line::Ready);
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = &mut closes => break,
            _ = tick.tick() => carrier.tell(),
        }
    }
    callers.abort();
    carrier.stop();
    let end = tokio::time::Instant::now() + END_WITHIN;
    while carrier.calls() > 0 && tokio::time::Instant::now() < end {
        tick.tick().await;
    }
    carrier.tell();
    let figures = carrier.ledger().report(carrier.calls());
    say(&Line::Report { figures });
    Ok(())
}

impl Carrier {
    fn tell(&self) {
        let (findings, figures) = {
            let mut ledger = self.ledger();
            (ledger.take_findings(), ledger.status())
        };
        findings.into_iter().for_each(|finding| say(&Line::Finding(finding)));
        say(&Line::Status { figures });
    }
}
