//! What the carrier has seen, and what of it must not have happened.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Setup;
use crate::calendar::wall_clock;
use crate::report::{Finding, spread};
use crate::rtp::Heard;

/// Findings kept until they are told; more are only counted.
const FINDINGS_MAX: usize = 1000;
/// Numbers that were called and not reached, kept for callers who call back.
const MISSED_MAX: usize = 200;

/// Sums and findings.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Keep-alives answered.
    pub options: u64,
    /// INVITEs that arrived, each once.
    pub arrived: u64,
    /// Calls from the centre by how they ended.
    pub ends: BTreeMap<&'static str, u64>,
    /// Callers by how their calls ended.
    pub callers: BTreeMap<&'static str, u64>,
    live: BTreeMap<String, u32>,
    attempts: BTreeMap<String, u32>,
    missed: VecDeque<(String, String)>,
    shown: BTreeMap<String, String>,
    findings: VecDeque<Finding>,
    finding_counts: BTreeMap<String, u64>,
    first_voice_ms: Vec<u64>,
    first_packet_ms: Vec<u64>,
    waits_ms: Vec<u64>,
    answered_in_time: u64,
    packets: u64,
    packets_missing: u64,
}

/// A caller is answered in time within this: the "80 in 10" of the demo's queue.
const IN_TIME: Duration = Duration::from_secs(10);

impl Ledger {
    /// An INVITE arrived. Gives how often the number was called before.
    pub fn arrives(&mut self, setup: &Setup, called: &str, shown: &str, now: Timestamp) -> u32 {
        self.arrived += 1;
        let attempt = self.attempts.entry(called.to_owned()).or_default();
        let ordinal = *attempt;
        *attempt += 1;
        let live = self.live.entry(called.to_owned()).or_default();
        *live += 1;
        let live = *live;
        self.shown.insert(called.to_owned(), shown.to_owned());
        if live > 1 {
            self.find("double_dial", format!("{called} is being called {live} times at once"));
        }
        if setup.never.contains(called) {
            self.find("never_dial", format!("{called} must never be called"));
        }
        if ordinal >= setup.attempts_max {
            self.find("attempt_cap", format!("{called}: attempt {} of at most {}", ordinal + 1, setup.attempts_max));
        }
        if !setup.caller_ids.is_empty() && !setup.caller_ids.contains(shown) {
            self.find("caller_id", format!("{called} was shown {shown}"));
        }
        if !setup.customers.is_empty() {
            self.check_window(setup, called, now);
        }
        ordinal
    }

    fn check_window(&mut self, setup: &Setup, called: &str, now: Timestamp) {
        let Some(zone) = setup.customers.get(called) else {
            self.find("stranger", format!("{called} is on no list"));
            return;
        };
        let Some(clock) = wall_clock(zone, now) else { return };
        let (from, to) = setup.hours;
        if clock.hour() < from || clock.hour() >= to {
            self.find("window", format!("{called} was called at {clock}, outside {from}:00 to {to}:00"));
        }
    }

    /// A call from the centre is over.
    pub fn leaves(&mut self, called: &str) {
        if let Some(live) = self.live.get_mut(called) {
            *live = live.saturating_sub(1);
            if *live == 0 {
                self.live.remove(called);
            }
        }
    }

    /// No call from the centre is up.
    pub fn is_idle(&self) -> bool {
        self.live.is_empty()
    }

    /// How a call from the centre ended.
    pub fn ended(&mut self, how: &'static str) {
        *self.ends.entry(how).or_default() += 1;
    }

    /// Somebody saw a missed call and may call back.
    pub fn missed(&mut self, called: &str) {
        let Some(shown) = self.shown.get(called) else { return };
        if self.missed.len() == MISSED_MAX {
            self.missed.pop_front();
        }
        self.missed.push_back((called.to_owned(), shown.clone()));
    }

    /// The number of somebody who calls back, and the number that was shown.
    pub fn calls_back(&mut self) -> Option<(String, String)> {
        self.missed.pop_front()
    }

    /// What a person heard from the answer to the end.
    pub fn heard(&mut self, heard: &Heard) {
        self.packets += heard.packets;
        self.packets_missing += heard.missing;
        self.first_packet_ms.extend(heard.first_packet_ms);
        if heard.agent_windows() > 0 {
            self.first_voice_ms.extend(heard.first_voice_ms);
        }
    }

    /// A caller was put through to an agent after this time.
    pub fn put_through(&mut self, after: Duration) {
        self.waits_ms.push(after.as_millis() as u64);
        self.answered_in_time += u64::from(after <= IN_TIME);
    }

    /// A caller's call is over.
    pub fn caller_ended(&mut self, how: &'static str) {
        *self.callers.entry(how).or_default() += 1;
    }

    /// Something that must not happen.
    pub fn find(&mut self, what: &str, detail: String) {
        *self.finding_counts.entry(what.to_owned()).or_default() += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push_back(Finding { what: what.to_owned(), detail });
        }
    }

    /// Findings that were not told yet.
    pub fn take_findings(&mut self) -> Vec<Finding> {
        self.findings.drain(..).collect()
    }

    /// How often each thing was found.
    pub fn finding_counts(&self) -> &BTreeMap<String, u64> {
        &self.finding_counts
    }

    /// Figures of the moment.
    pub fn status(&self) -> Value {
        json!({
            "arrived": self.arrived,
            "live": self.live.values().sum::<u32>(),
            "ends": self.ends,
            "callers": self.callers,
            "service_level": self.service_level(),
        })
    }

    /// Share of callers who heard an agent in time, of all whose fate is known.
    fn service_level(&self) -> Option<f64> {
        let offered = self.callers.values().sum::<u64>();
        (offered > 0).then(|| self.answered_in_time as f64 / offered as f64)
    }

    /// All figures.
    pub fn report(&self, still_up: usize) -> Value {
        let capped = self.attempts.values().copied().max().unwrap_or(0);
        json!({
            "arrived": self.arrived,
            "numbers": self.attempts.len(),
            "attempts_per_number_max": capped,
            "ends": self.ends,
            "callers": self.callers,
            "caller_wait_ms": spread(self.waits_ms.clone()),
            "service_level": self.service_level(),
            "answer_to_first_packet_ms": spread(self.first_packet_ms.clone()),
            "answer_to_agent_voice_ms": spread(self.first_voice_ms.clone()),
            "packets": self.packets,
            "packets_missing": self.packets_missing,
            "options_answered": self.options,
            "findings": self.finding_counts,
            "calls_still_up": still_up,
        })
    }
}
