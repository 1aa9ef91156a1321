//! What the charts of a day show, at regular times.

use std::time::Duration;

use super::figures::Day;
use super::scenario::Scenario;
use crate::engine::snapshot::Snapshot;

/// Points of a chart: as many as a wide screen shows apart.
const POINTS: f64 = 600.0;

/// One moment of the day.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// When, in seconds.
    pub at_s: f64,
    /// Agents busy with customers of campaigns.
    pub outbound: u32,
    /// Agents busy with callers.
    pub inbound: u32,
    /// Agents idle.
    pub idle: u32,
    /// Dials ringing.
    pub ringing: u32,
    /// Callers waiting.
    pub waiting: u32,
    /// Outbound slots of all groups with campaigns.
    pub slots: u32,
    /// Smoothed idleness of the first group with campaigns, 0 to 1.
    pub idleness: f64,
    /// Its gate.
    pub gate_open: bool,
    /// Its threshold; 0 where it is no number.
    pub idle_threshold: f64,
    /// Its reserve as steered, or as set.
    pub reserve: f64,
    /// Share of calls abandoned so far, if anybody answered.
    pub abandon_rate: Option<f64>,
}

/// The moments of one day.
#[derive(Clone, Debug)]
pub struct Trace {
    /// In order.
    pub points: Vec<Point>,
    /// The strictest cap of the campaigns.
    pub abandon_cap: Option<f64>,
    interval: Duration,
}

impl Trace {
    /// No moments yet.
    pub fn new(scenario: &Scenario) -> Trace {
        let interval = Duration::try_from_secs_f64(scenario.duration_s / POINTS).unwrap_or(Duration::from_secs(1));
        let abandon_cap = scenario.outbound.iter().map(|campaign| campaign.max_abandon_rate).reduce(f64::min);
        Trace { points: Vec::new(), abandon_cap, interval: interval.max(Duration::from_millis(1)) }
    }

    /// Between two points.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// One more moment: agents on outbound, on inbound and idle; dials ringing; the day so far; and the engine's picture.
    pub fn sample(&mut self, at_s: f64, agents: [u32; 3], ringing: u32, day: &Day, picture: &Snapshot) {
        let [outbound, inbound, idle] = agents;
        let has_campaign = |name: &_| picture.campaigns.iter().any(|campaign| campaign.group == *name);
        let mut dialling = picture.groups.iter().filter(|group| has_campaign(&group.group));
        let slots = dialling.clone().map(|group| group.slots).sum();
        let first = dialling.next();
        self.points.push(Point {
            at_s,
            outbound,
            inbound,
            idle,
            ringing,
            waiting: picture.queues.iter().map(|queue| queue.waiting).sum(),
            slots,
            idleness: first.map_or(0.0, |group| group.idleness),
            gate_open: first.is_some_and(|group| group.gate_open),
            idle_threshold: first.map_or(0.0, |group| group.idle_threshold),
            reserve: first.map_or(0.0, |group| group.reserve_steered.max(f64::from(group.reserve))),
            abandon_rate: day.abandon_rate(),
        });
    }
}
