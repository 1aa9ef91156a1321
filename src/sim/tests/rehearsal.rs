//! A simulated day with its journal is recorded traffic: it is rehearsed, as it was and with a setting changed.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::read;
use crate::engine::event::Event;
use crate::engine::replay::{Entry, Replay};
use crate::model::settings::{IdleThreshold, Settings};
use crate::model::time::{Now, Timestamp};
use crate::model::zone::Zone;
use crate::sim::Day;
use crate::sim::rehearsal::compare::{Question, Row};
use crate::sim::rehearsal::tally::Hour;
use crate::sim::rehearsal::{Comparison, Gatherer, Traffic, Variant, compare};
use crate::sim::scenario::wiring::campaign_key;
use crate::sim::streams::{Kind, Streams};
pub(crate) use crate::sim::world::MIDNIGHT;
use crate::sim::world::World;

/// Two hours of a mixed group: callers give up, customers are abandoned, lines are given up when the gate closes.
pub(crate) const DAY: &str = r#"
seed = 3
warm_up_s = 1800
duration_s = 7200
[[agents]]
name = "blend"
count = [{ at_s = 0, value = 8 }, { at_s = 3600, value = 6 }, { at_s = 4500, value = 9 }]
serves = ["inbound", "outbound"]
[inbound]
arrivals_per_hour = 75
talk_s = { distribution = "lognormal", mean = 180, cv = 0.9 }
wrap_up_s = { distribution = "lognormal", mean = 30, cv = 0.5 }
patience_s = { distribution = "exponential", mean = 60 }
[[outbound]]
name = "offer"
person_probability = 0.35
machine_probability = 0.1
machine_s = { distribution = "uniform", min = 10, max = 20 }
failure_probability = 0.05
failure_s = { distribution = "uniform", min = 1, max = 4 }
answer_s = { distribution = "lognormal", mean = 10, cv = 0.4 }
ring_timeout_s = 25
talk_s = { distribution = "lognormal", mean = 120, cv = 0.9 }
wrap_up_s = { distribution = "lognormal", mean = 30, cv = 0.5 }
pacing = { mode = "ratio", lines_per_agent = 1.5 }
idle_threshold = 0.1
hysteresis = 0.1
"#;

const DAY_S: u64 = 7_200;

/// The journal of a simulated day, with the engine's seed, and what the day's own world counted.
pub(crate) fn journal(text: &str) -> (u64, Vec<Entry>, Day) {
    let scenario = read(text);
    let seed = Streams::new(scenario.seed, 0).stream(Kind::Day, 0, 0).bits();
    let mut world = World::new(&scenario, 0);
    world.journal = Some(Default::default());
    world.live_through();
    let (_, entries) = world.journal.take().unwrap();
    (seed, entries, world.day)
}

/// The traffic of a simulated day, from its journal.
fn recorded(text: &str) -> (Traffic, Day) {
    let (seed, entries, day) = journal(text);
    let mut gatherer = Gatherer::new(campaign_key(0), MIDNIGHT - Duration::from_secs(86_400), MIDNIGHT, end());
    gatherer.begin_run();
    let mut replay = Replay::new(seed);
    for entry in entries {
        let now = Now { instant: entry.instant, timestamp: entry.timestamp };
        gatherer.told(now, entry.event.as_ref()).unwrap();
        replay.run_seen(entry, &mut |command| gatherer.said(now, command)).unwrap();
    }
    (gatherer.finish(), day)
}

pub(crate) fn end() -> Timestamp {
    MIDNIGHT + Duration::from_secs(DAY_S)
}

fn rehearsed(traffic: &Traffic, change: &dyn Fn(&mut Settings), threads: usize) -> Comparison {
    let event = |event: &Event| match event {
        Event::SettingsApplied { settings } => {
            let mut settings = (**settings).clone();
            change(&mut settings);
            Event::SettingsApplied { settings: Arc::new(settings) }
        }
        other => other.clone(),
    };
    let stretch = |plans: &Vec<(Duration, Event)>| plans.iter().map(|(at, it)| (*at, event(it))).collect();
    let changed = Variant { plans: traffic.stretches.iter().map(|it| stretch(&it.plans)).collect() };
    let (campaign, zone) = (campaign_key(0), Zone::utc());
    let question = Question { campaign, from: MIDNIGHT, to: end(), zone, replications: 5, seed: 1, threads };
    compare(traffic, &changed, &question, &AtomicBool::new(false), &|| {}).unwrap()
}

fn row<'c>(told: &'c Comparison, key: &str) -> &'c Row {
    told.rows.iter().find(|row| row.key == key).unwrap()
}

#[test]
fn what_a_journal_comes_to_is_what_the_day_counted() {
    let (traffic, day) = recorded(DAY);
    let [stretch] = traffic.stretches.as_slice() else { panic!("{} stretches", traffic.stretches.len()) };
    let counted = stretch.recorded.values().fold(Hour::default(), |mut sum, hour| {
        sum.add(hour);
        sum
    });
    let of = |day: &Day| [day.dials, day.connected, day.abandoned, day.inbound_answered, day.inbound_abandoned];
    // A call that is still up at the end has no end in the journal.
    for (counted, day) in of(&counted.day).into_iter().zip(of(&day)) {
        assert!(counted <= day && day - counted <= 8, "{counted} of {day}");
    }
    assert_eq!((counted.day.dials, counted.day.connected), (day.dials, day.connected));
    for (counted, day) in [
        (counted.day.agent_s, day.agent_s),
        (counted.day.outbound_busy_s, day.outbound_busy_s),
        (counted.day.inbound_busy_s, day.inbound_busy_s),
    ] {
        assert!((counted - day).abs() < 0.005 * day + 1.0, "{counted} of {day}");
    }
}

#[test]
fn a_rehearsal_without_a_change_is_the_recorded_day_and_its_difference_nothing() {
    let (traffic, _) = recorded(DAY);
    let told = rehearsed(&traffic, &|_| {}, 2);
    assert!(told.matches, "{:#?}", told.rows);
    for row in &told.rows {
        assert!(row.difference.mean.is_none_or(|mean| mean == 0.0), "{row:?}");
        assert!(row.difference.ci95.is_none_or(|ci95| ci95 == 0.0), "{row:?}");
    }
    // Callers come when they came; only those who are still talking at the end are counted nowhere.
    let callers = row(&told, "inbound_offered");
    assert!((callers.as_it_was.mean.unwrap() - callers.recorded.unwrap()).abs() <= 4.0, "{callers:?}");
    assert_eq!(told, rehearsed(&traffic, &|_| {}, 1), "whatever the number of threads");
}

#[test]
fn a_higher_threshold_connects_fewer_customers_and_keeps_more_agents_for_callers() {
    let (traffic, _) = recorded(DAY);
    let threshold = |settings: &mut Settings| {
        settings.groups.values_mut().for_each(|group| group.idle_threshold = IdleThreshold::Above(0.7));
    };
    let told = rehearsed(&traffic, &threshold, 2);
    let difference = |key| {
        let difference = row(&told, key).difference;
        (difference.mean.unwrap(), difference.ci95.unwrap())
    };
    let (connects, sure) = difference("outbound_connects_per_agent_hour");
    assert!(connects + sure < 0.0, "{connects} ± {sure}");
    let (level, sure) = difference("service_level");
    assert!(level - sure > 0.0, "{level} ± {sure}");
    assert!(told.matches, "a change does not touch what is compared with the record");
}

#[test]
fn a_rehearsal_that_is_told_to_stop_gives_nothing() {
    let (traffic, _) = recorded(DAY);
    let plans = traffic.stretches.iter().map(|stretch| stretch.plans.clone()).collect();
    let (campaign, zone) = (campaign_key(0), Zone::utc());
    let question = Question { campaign, from: MIDNIGHT, to: end(), zone, replications: 2, seed: 1, threads: 1 };
    assert_eq!(compare(&traffic, &Variant { plans }, &question, &AtomicBool::new(true), &|| {}), None);
}
