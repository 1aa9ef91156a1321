//! Agents: people with a SIP phone and a desk, who talk, record results, take breaks, and come back after every trouble.
//!
//! Read [`Setup`] and [`desk::Desk`] first.

pub mod desk;
pub mod outcome;
pub mod phone;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::report::{Finding, Line, say, spread, standard_input_closes};

/// All agents get this long to hang up and to leave.
const END_WITHIN: Duration = Duration::from_secs(5);
/// Agents sign in one after the other, this far apart: as people do, and so that the service is not flooded.
const APART: Duration = Duration::from_millis(120);

/// What the agents are told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Setup {
    /// Seed of everybody's behaviour.
    pub seed: u64,
    /// The API.
    pub api: SocketAddr,
    /// Where phones register.
    pub registrar: SocketAddr,
    /// Domain of the phones.
    pub domain: String,
    /// Who they are.
    pub people: Vec<Agent>,
    /// Mean time an agent talks before ending an outbound call, in seconds (lognormal, cv 0.6).
    pub outbound_talk_s: f64,
    /// The same for inbound calls.
    pub inbound_talk_s: f64,
    /// Mean time to record a result, in seconds (lognormal, cv 0.5).
    pub recording_s: f64,
    /// Share of calls after which a break is taken.
    pub breaks: f64,
    /// Mean length of a break, in seconds (exponential).
    pub break_s: f64,
}

/// One agent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Agent {
    /// Login.
    pub login: String,
    /// Password.
    pub password: String,
    /// Phone: the user part of its address.
    pub phone: String,
    /// Its password.
    pub phone_password: String,
}

/// What all agents have seen.
#[derive(Debug, Default)]
pub struct Tally {
    /// Calls by direction.
    pub calls: BTreeMap<&'static str, u64>,
    /// Results acknowledged as durable, by campaign and result.
    pub acknowledged: BTreeMap<String, u64>,
    /// Refusals and troubles, by code.
    pub troubles: BTreeMap<String, u64>,
    /// Time from the desk's "talking" until the customer's voice, in ms.
    pub first_voice_ms: Vec<u64>,
    /// Packets that arrived on agents' lines during calls, and that were missing.
    pub packets: (u64, u64),
    findings: Vec<Finding>,
    finding_counts: BTreeMap<String, u64>,
}

/// A tally that all agents write to.
pub type Shared = Arc<Mutex<Tally>>;

/// The tally, for a moment.
pub fn tally(shared: &Shared) -> MutexGuard<'_, Tally> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tally {
    /// Something that must not happen.
    pub fn find(&mut self, what: &str, detail: String) {
        *self.finding_counts.entry(what.to_owned()).or_default() += 1;
        self.findings.push(Finding { what: what.to_owned(), detail });
    }

    /// Something that may happen and is counted.
    pub fn trouble(&mut self, what: &str) {
        *self.troubles.entry(what.to_owned()).or_default() += 1;
    }

    fn figures(&self) -> Value {
        json!({
            "calls": self.calls,
            "results_acknowledged": self.acknowledged.values().sum::<u64>(),
            "troubles": self.troubles,
        })
    }

    fn report(&self) -> Value {
        json!({
            "calls": self.calls,
            "acknowledged": self.acknowledged,
            "results_acknowledged": self.acknowledged.values().sum::<u64>(),
            "troubles": self.troubles,
            "talking_to_first_voice_ms": spread(self.first_voice_ms.clone()),
            "packets": self.packets.0,
            "packets_missing": self.packets.1,
            "findings": self.finding_counts,
        })
    }
}

/// Runs the agents as a process: until standard input closes.
pub async fn run(setup: Setup) {
    let mut closes = standard_input_closes();
    let shared = Shared::default();
    let (stop, stops) = watch::channel(false);
    let setup = Arc::new(setup);
    let mut tasks = tokio::task::JoinSet::new();
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    let mut arrive = tokio::time::interval(APART);
    let mut next = 0;
    say(&Line::Ready);
    loop {
        tokio::select! {
            _ = &mut closes => break,
            _ = tick.tick() => tell(&shared),
            _ = arrive.tick(), if next < setup.people.len() => {
                tasks.spawn(desk::Desk::new(setup.clone(), next, shared.clone()).work(stops.clone()));
                next += 1;
            }
        }
    }
    let _ = stop.send(true);
    let all = async { while tasks.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(END_WITHIN, all).await;
    tell(&shared);
    let figures = tally(&shared).report();
    say(&Line::Report { figures });
}

/// Becomes ready when the world ends.
async fn stopped(stops: &mut watch::Receiver<bool>) {
    // An error means that whoever would say so is gone, which says it as well.
    let _ = stops.wait_for(|stop| *stop).await;
}

fn tell(shared: &Shared) {
    let (findings, figures) = {
        let mut tally = tally(shared);
        (std::mem::take(&mut tally.findings), tally.figures())
    };
    findings.into_iter().for_each(|finding| say(&Line::Finding(finding)));
    say(&Line::Status { figures });
}
