//! Two settings on the same recorded traffic, some times over, and what was recorded beside them.
//!
//! Each replication lives through all stretches twice under the same chance, once as it was and once changed; the difference
//! is taken replication by replication, so that what both have in common cancels out. The interval says how sure the
//! difference is on this traffic, not on next week's. Read [`compare`] and [`Comparison`] first.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use serde::Serialize;

use super::tally::{Hour, Hours, Tally};
use super::traffic::{HOUR_MS, Traffic};
use super::world::World;
use crate::engine::event::Event;
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::model::zone::Zone;
use crate::sim::figures::{ANSWERS_FEW, Figure};
use crate::sim::streams::Streams;
use crate::sim::student::{half_width, quantile};

/// A rehearsal is good where it comes within this share of what was recorded, whatever chance says.
const CLOSE_SHARE: f64 = 0.05;
/// For a share of calls or time, within so much of the whole.
const CLOSE_POINTS: f64 = 0.01;

/// Settings, campaigns and controls of each stretch.
#[derive(Clone, Debug, Default)]
pub struct Variant {
    /// In the order of [`Traffic::stretches`].
    pub plans: Vec<Vec<(Duration, Event)>>,
}

/// What is compared, and how often.
#[derive(Clone, Debug)]
pub struct Question {
    /// Whose figures.
    pub campaign: CampaignKey,
    /// From when on traffic counts.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
    /// What days are told apart by.
    pub zone: Zone,
    /// How often each setting is lived through.
    pub replications: u32,
    /// Of all chance.
    pub seed: u64,
    /// Threads to use.
    pub threads: usize,
}

/// How a value is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = WhatifUnit)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Of 1.
    Share,
    /// A number.
    Number,
    /// Seconds.
    Seconds,
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = WhatifRow)]
pub struct Row {
    /// Its name.
    pub key: &'static str,
    /// How it is read.
    pub unit: Unit,
    /// As it was recorded; `null` where nothing was counted.
    pub recorded: Option<f64>,
    /// Rehearsed with the settings that were in force.
    pub as_it_was: Figure,
    /// Rehearsed with the change.
    pub changed: Figure,
    /// Changed less as it was, replication by replication.
    pub difference: Figure,
    /// Whether the rehearsal comes close to what was recorded; `null` where that is not judged.
    pub close: Option<bool>,
}

/// Figures of one hour under one setting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = WhatifHourFigures)]
pub struct HourFigures {
    /// Customers connected to an agent.
    pub connected: f64,
    /// Share of their time that agents talk or wrap up.
    pub utilisation: Option<f64>,
    /// Share of callers answered in time.
    pub service_level: Option<f64>,
    /// Abandoned among abandoned and connected.
    pub abandon_rate: Option<f64>,
}

/// One hour.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = WhatifHour)]
pub struct HourPoint {
    /// When it begins.
    pub at: Timestamp,
    /// As it was recorded.
    pub recorded: HourFigures,
    /// Rehearsed as it was.
    pub as_it_was: HourFigures,
    /// Rehearsed with the change.
    pub changed: HourFigures,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = WhatifComparison)]
pub struct Comparison {
    /// Replications of each setting.
    pub replications: u32,
    /// The figures, in the order in which they are shown.
    pub rows: Vec<Row>,
    /// The rehearsal as it was comes close to what was recorded in all figures that are judged: the difference can be
    /// believed.
    pub matches: bool,
    /// Hour by hour; hours without agents are left out.
    pub hours: Vec<HourPoint>,
}

/// A part and the whole it is of.
type Part = fn(&Hour) -> (f64, f64);

enum Measure {
    /// A share or rate of all hours together.
    Rate(Part),
    /// A sum.
    Sum(fn(&Hour) -> f64),
    /// The largest of a day.
    WorstDay,
}

/// Key, unit, measure, and whether it is judged.
const ROWS: &[(&str, Unit, Measure, bool)] = &[
    (
        "outbound_connects_per_agent_hour",
        Unit::Number,
        Measure::Rate(|h| (3600.0 * h.day.connected as f64, h.day.agent_s)),
        true,
    ),
    ("agent_utilisation", Unit::Share, Measure::Rate(busy), true),
    ("outbound_utilisation", Unit::Share, Measure::Rate(|h| (h.day.outbound_busy_s, h.day.agent_s)), false),
    ("inbound_occupancy", Unit::Share, Measure::Rate(|h| (h.day.inbound_busy_s, h.day.agent_s)), false),
    ("dials", Unit::Number, Measure::Sum(|h| h.day.dials as f64), false),
    ("outbound_connected", Unit::Number, Measure::Sum(|h| h.day.connected as f64), false),
    ("abandon_rate", Unit::Share, Measure::Rate(abandoned), true),
    ("worst_day_abandon_rate", Unit::Share, Measure::WorstDay, false),
    ("inbound_offered", Unit::Number, Measure::Sum(|h| h.day.inbound_offered as f64), false),
    ("service_level", Unit::Share, Measure::Rate(in_time), true),
    (
        "inbound_abandonment",
        Unit::Share,
        Measure::Rate(|h| (h.day.inbound_abandoned as f64, h.day.inbound_offered as f64)),
        false,
    ),
    (
        "mean_wait_s",
        Unit::Seconds,
        Measure::Rate(|h| (h.day.answered_wait_s + h.day.abandoned_wait_s, waits(h))),
        false,
    ),
    ("gate_openings", Unit::Number, Measure::Sum(|h| h.gate_openings as f64), false),
];

fn busy(hour: &Hour) -> (f64, f64) {
    (hour.day.outbound_busy_s + hour.day.inbound_busy_s, hour.day.agent_s)
}

fn abandoned(hour: &Hour) -> (f64, f64) {
    (hour.day.abandoned as f64, (hour.day.abandoned + hour.day.connected) as f64)
}

fn in_time(hour: &Hour) -> (f64, f64) {
    (hour.day.inbound_in_time as f64, hour.day.inbound_offered as f64)
}

fn waits(hour: &Hour) -> f64 {
    (hour.day.inbound_answered + hour.day.inbound_abandoned) as f64
}

fn rate((part, whole): (f64, f64)) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

impl Measure {
    fn of(&self, hours: &Hours, zone: &Zone) -> Option<f64> {
        match self {
            Measure::Rate(part) => rate(part(&sum(hours.values()))),
            Measure::Sum(of) => Some(of(&sum(hours.values()))),
            Measure::WorstDay => {
                let mut days: BTreeMap<Timestamp, Hour> = BTreeMap::new();
                for (hour, counts) in hours {
                    days.entry(zone.day_began(began(*hour))).or_default().add(counts);
                }
                let telling = days.values().filter(|day| day.day.connected + day.day.abandoned >= ANSWERS_FEW);
                telling.filter_map(|day| rate(abandoned(day))).reduce(f64::max)
            }
        }
    }
}

fn sum<'h>(hours: impl IntoIterator<Item = &'h Hour>) -> Hour {
    hours.into_iter().fold(Hour::default(), |mut sum, hour| {
        sum.add(hour);
        sum
    })
}

fn began(hour: i64) -> Timestamp {
    Timestamp::from_millis(hour.saturating_mul(HOUR_MS))
}

/// Lives through the traffic as it was and with other settings; `None` if it was told to stop. `progress` is called after
/// each stretch, from whichever thread lived it: [`steps`] times.
pub fn compare(
    traffic: &Traffic,
    changed: &Variant,
    question: &Question,
    stop: &AtomicBool,
    progress: &(dyn Fn() + Sync),
) -> Option<Comparison> {
    let as_it_was = Variant { plans: traffic.stretches.iter().map(|stretch| stretch.plans.clone()).collect() };
    let variants = [&as_it_was, changed];
    let next = AtomicU32::new(0);
    let lived: Mutex<BTreeMap<u32, Hours>> = Mutex::default();
    let work = || {
        loop {
            let item = next.fetch_add(1, Ordering::Relaxed);
            if item >= 2 * question.replications {
                break;
            }
            let variant = variants[(item % 2) as usize];
            let Some(hours) = live(traffic, variant, question, item / 2, stop, progress) else { break };
            if let Ok(mut lived) = lived.lock() {
                lived.insert(item, hours);
            }
        }
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..question.threads.max(1)).map(|_| scope.spawn(work)).collect();
        work();
        drop(others); // joined at the end of the scope
    });
    if stop.load(Ordering::Relaxed) {
        return None;
    }
    let lived = lived.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    let side =
        |side: u32| -> Vec<&Hours> { lived.iter().filter(|(it, _)| **it % 2 == side).map(|(_, it)| it).collect() };
    let mut recorded = Hours::new();
    for stretch in &traffic.stretches {
        add(&mut recorded, &stretch.recorded);
    }
    Some(told(&recorded, &side(0), &side(1), question))
}

/// How often `progress` of [`compare`] is called.
pub fn steps(traffic: &Traffic, replications: u32) -> u64 {
    2 * u64::from(replications) * traffic.stretches.len() as u64
}

/// One replication of one setting.
fn live(
    traffic: &Traffic,
    variant: &Variant,
    question: &Question,
    replication: u32,
    stop: &AtomicBool,
    progress: &(dyn Fn() + Sync),
) -> Option<Hours> {
    let streams = Streams::new(question.seed, u64::from(replication));
    let mut hours = Hours::new();
    for (place, plans) in variant.plans.iter().enumerate() {
        let tally = Tally::new(question.campaign.clone(), question.from, question.to);
        let world = World::new(traffic, place, plans, streams, tally)?;
        add(&mut hours, &world.run(stop)?);
        progress();
    }
    Some(hours)
}

fn add(sum: &mut Hours, more: &Hours) {
    for (hour, counts) in more {
        sum.entry(*hour).or_default().add(counts);
    }
}

fn told(recorded: &Hours, as_it_was: &[&Hours], changed: &[&Hours], question: &Question) -> Comparison {
    let mut rows = Vec::new();
    for (key, unit, measure, judged) in ROWS {
        let values = |lived: &[&Hours]| -> Vec<Option<f64>> {
            lived.iter().map(|hours| measure.of(hours, &question.zone)).collect()
        };
        let (before, after) = (values(as_it_was), values(changed));
        let differences = before.iter().zip(&after).map(|(before, after)| Some((*after)? - (*before)?)).collect();
        let recorded = measure.of(recorded, &question.zone);
        let close = judged.then(|| is_close(*unit, recorded, &before));
        let difference = figure(differences);
        let (as_it_was, changed) = (figure(before), figure(after));
        rows.push(Row { key, unit: *unit, recorded, as_it_was, changed, difference, close });
    }
    let matches = rows.iter().all(|row| row.close != Some(false));
    let hours = hours(recorded, as_it_was, changed);
    Comparison { replications: question.replications, rows, matches, hours }
}

fn figure(values: Vec<Option<f64>>) -> Figure {
    let values: Vec<f64> = values.into_iter().flatten().collect();
    let mean = (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    Figure { mean, ci95: half_width(&values) }
}

/// Whether what was recorded could be one more replication: within the interval in which 95 % of them fall, or so near that
/// it does not matter.
fn is_close(unit: Unit, recorded: Option<f64>, rehearsed: &[Option<f64>]) -> bool {
    let values: Vec<f64> = rehearsed.iter().copied().flatten().collect();
    let (Some(recorded), false) = (recorded, values.is_empty()) else { return recorded.is_none() && values.is_empty() };
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    let chance =
        if values.len() > 1 { quantile(values.len() - 1) * (variance * (1.0 + 1.0 / count)).sqrt() } else { 0.0 };
    let points = match unit {
        Unit::Share => CLOSE_POINTS,
        Unit::Number | Unit::Seconds => 0.0,
    };
    (recorded - mean).abs() <= chance.max(CLOSE_SHARE * recorded.abs()).max(points)
}

fn hours(recorded: &Hours, as_it_was: &[&Hours], changed: &[&Hours]) -> Vec<HourPoint> {
    let staffed = recorded.iter().filter(|(_, counts)| counts.day.agent_s > 0.0 || counts.day.inbound_offered > 0);
    let mean = |lived: &[&Hours], hour: i64| {
        let all = sum(lived.iter().filter_map(|hours| hours.get(&hour)));
        let figures = hour_figures(&all);
        HourFigures { connected: figures.connected / lived.len().max(1) as f64, ..figures }
    };
    staffed
        .map(|(hour, counts)| HourPoint {
            at: began(*hour),
            recorded: hour_figures(counts),
            as_it_was: mean(as_it_was, *hour),
            changed: mean(changed, *hour),
        })
        .collect()
}

fn hour_figures(hour: &Hour) -> HourFigures {
    HourFigures {
        connected: hour.day.connected as f64,
        utilisation: rate(busy(hour)),
        service_level: rate(in_time(hour)),
        abandon_rate: rate(abandoned(hour)),
    }
}
