//! Trials made from seeds: a short day of a small contact centre with its own law, people and misfortunes.
//!
//! Each seed is one day, always the same. Read [`day`].

use std::collections::BTreeMap;

use super::{Fault, Law, Span};
use crate::model::campaign::{Adaptive, Pacing, RatioOn, RetryRule};
use crate::model::disposition::Disposition;
use crate::model::profile::AttemptCap;
use crate::model::settings::{IdleThreshold, ServeFirst};
use crate::model::time::Timestamp;
use crate::sim::distribution::Distribution;
use crate::sim::profile::Profile;
use crate::sim::scenario::{AgentGroup, Arrivals, GateSettings, Inbound, Outbound, Outcomes, Scenario};
use crate::sim::streams::{Kind, Stream, Streams};

/// Length of a trial, in seconds.
const DURATION_S: f64 = 1800.0;
/// Faults are over by then: the rest shows whether life returns.
const CALM_S: f64 = 1200.0;
/// No caller comes after this: who is there is served or leaves before the end.
const LAST_CALLER_S: f64 = 1500.0;

/// Beginnings of trials, in UTC: around changes of daylight saving time, month's ends, and plain days.
const BEGINNINGS: &[&str] = &[
    "2026-03-08T06:45:00Z", // New York goes to summer time at 07:00 UTC
    "2026-11-01T05:45:00Z", // and back at 06:00
    "2026-03-29T00:45:00Z", // Berlin and London at 01:00
    "2026-10-25T00:45:00Z",
    "2026-04-04T15:45:00Z", // Sydney back at 16:00
    "2026-10-03T15:45:00Z",
    "2026-11-26T12:45:00Z", // Shanghai closes at 21:00
    "2026-11-26T23:45:00Z", // a new day of the installation
    "2026-11-28T10:00:00Z",
    "2026-12-31T15:50:00Z",
    "2026-05-11T09:55:00Z",
    "2026-05-11T13:00:00Z",
];

/// Zones of customers; the last is unknown.
const ZONES: &[&[&str]] = &[
    &["America/New_York"],
    &["Europe/Berlin"],
    &["Europe/London"],
    &["Australia/Sydney"],
    &["Asia/Shanghai"],
    &["America/New_York", "Europe/London"],
    &["Asia/Kolkata"],
    &[],
];

struct Dice(Stream);

impl Dice {
    fn chance(&mut self, of: f64) -> bool {
        self.0.unit() < of
    }

    fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.0.unit()
    }

    fn below(&mut self, count: usize) -> usize {
        (self.0.unit() * count as f64) as usize
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len()).min(of.len() - 1)]
    }
}

/// The trial of a seed.
pub fn day(seed: u64) -> Scenario {
    let mut dice = Dice(Streams::new(seed, 0).stream(Kind::Trial, 1, 0));
    let law = law(&mut dice);
    let groups = 1 + usize::from(dice.chance(0.25));
    let agents: Vec<AgentGroup> = (0..groups).map(|place| agents(&mut dice, place)).collect();
    let campaigns = 1 + dice.below(3);
    let shared_gate = gate(&mut dice);
    let own_gates = dice.chance(0.2);
    let outbound = (0..campaigns).map(|place| {
        let gate = if own_gates { gate(&mut dice) } else { shared_gate };
        campaign(&mut dice, place, gate)
    });
    let outbound = outbound.collect();
    let inbound = dice.chance(0.85).then(|| inbound(&mut dice));
    let mut faults = faults(&mut dice);
    let mut law = law;
    // A stream of its own, so that what befalls a day otherwise stays as it is.
    let mut dice = Dice(Streams::new(seed, 0).stream(Kind::Trial, 2, 0));
    match dice.below(4) {
        0 => faults.extend(closing(&mut dice, &mut law)),
        1 => faults.extend(suppressed_meanwhile(&mut dice)),
        2 if dice.chance(0.4) => faults.extend(stepped_twice(&mut dice)),
        3 if dice.chance(0.4) => faults.extend(started_in_vain(&mut dice)),
        _ => {}
    }
    // So is this one.
    let mut dice = Dice(Streams::new(seed, 0).stream(Kind::Trial, 4, 0));
    if dice.chance(0.1) {
        law.dials_max = Some(20 + dice.below(200) as u64);
    }
    let (warm_up_s, duration_s, replications) = (0.0, DURATION_S, 1);
    Scenario {
        seed,
        replications,
        warm_up_s,
        duration_s,
        agents,
        inbound,
        outbound,
        faults,
        law: Some(law),
        drains: true,
    }
}

fn law(dice: &mut Dice) -> Law {
    let begins = dice.pick(BEGINNINGS).parse::<jiff::Timestamp>().map_or(Timestamp::from_millis(0), Timestamp::from);
    // Half of the laws are open wherever it is; the others close or open within the trial, somewhere.
    let wide = dice.chance(0.5);
    let open = if wide { (0, 1440) } else { dice.pick(&[(60, 180), (480, 1260), (120, 125), (540, 1200), (0, 1320)]) };
    let campaign_open = if dice.chance(0.7) { (0, 1440) } else { (90, 1290) };
    let day = dice.chance(0.2).then(|| dice.below(7) as u8);
    let zones = if wide { &ZONES[..7] } else { ZONES };
    let rule = |after_s, attempts_max| RetryRule { after_s, attempts_max };
    let mut retry = BTreeMap::new();
    if dice.chance(0.8) {
        retry.insert(Disposition::NoAnswer, rule(dice.pick(&[1, 30, 120, 300]), 5));
        retry.insert(Disposition::Busy, rule(60, 3));
        retry.insert(Disposition::Machine, rule(dice.pick(&[5, 200]), 3));
        retry.insert(Disposition::Abandoned, rule(60, 2));
    }
    let caps = match dice.below(3) {
        0 => Vec::new(),
        1 => vec![AttemptCap { max: 2, within_s: 86_400 }],
        _ => vec![AttemptCap { max: 1, within_s: 240 }, AttemptCap { max: 4, within_s: 7 * 86_400 }],
    };
    Law {
        begins,
        open,
        campaign_open,
        closed_day: day,
        zones: zones.iter().map(|zones| zones.to_vec()).collect(),
        caps,
        consent_required: dice.chance(0.3),
        consent_share: 0.8,
        suppressed_share: 0.05,
        abandon_cool_off_s: dice.pick(&[0, 600, 72 * 3600]),
        numbers: dice.pick(&[60, 300, 900]),
        retry,
        attempts_max: dice.pick(&[1, 3, 6]),
        dials_max: None,
        wrap_up_max_s: dice.chance(0.4).then(|| dice.pick(&[0, 5, 30])),
        nailed_up: dice.chance(0.6),
        keeps_for_answers: dice.chance(0.3),
    }
}

fn agents(dice: &mut Dice, place: usize) -> AgentGroup {
    let count = 1 + dice.below(13);
    AgentGroup {
        name: format!("group {place}"),
        count: Profile::constant(count as f64),
        inbound: place == 0 || dice.chance(0.5),
        outbound: true,
        reserve: dice.pick(&[0, 0, 1]),
        handle_factor: None,
    }
}

fn uniform(min: f64, max: f64) -> Distribution {
    Distribution::Uniform { min, max }
}

fn inbound(dice: &mut Dice) -> Inbound {
    let rate = dice.pick(&[20.0, 60.0, 180.0]);
    let arrivals = Profile::of(vec![(0.0, rate), (LAST_CALLER_S, 0.0)]);
    Inbound {
        arrivals: Arrivals::PerHour(arrivals.unwrap_or_else(|| Profile::constant(0.0))),
        busyness: None,
        talk_s: uniform(5.0, 90.0),
        wrap_up_s: uniform(1.0, 20.0),
        patience_s: Some(uniform(2.0, 90.0)),
        balking: dice.pick(&[0.0, 0.1]),
        service_level_target: 0.8,
        within_s: 10.0,
    }
}

fn campaign(dice: &mut Dice, place: usize, gate: GateSettings) -> Outbound {
    let detects = dice.chance(0.5);
    let share = |value| Profile::constant(value);
    let outcomes = Outcomes {
        share: 1.0,
        person: share(dice.between(0.2, 0.7)),
        machine: share(if detects { 0.15 } else { 0.0 }),
        failure: share(0.1),
    };
    let ring_min_s = dice.pick(&[0.0, 5.0, 15.0]);
    Outbound {
        name: format!("campaign {place}"),
        active: Vec::new(),
        classes: vec![outcomes],
        machine_s: uniform(3.0, 15.0),
        failure_s: uniform(0.1, 3.0),
        answer_s: uniform(0.5, 22.0),
        detection_s: if detects { uniform(0.3, 2.5) } else { Distribution::Constant { value: 0.0 } },
        ring_timeout_s: dice.pick(&[15.0, 20.0, 30.0]),
        ring_min_s,
        talk_s: uniform(3.0, 90.0),
        wrap_up_s: uniform(1.0, 20.0),
        patience_s: Distribution::Constant { value: 2.0 },
        look_s: uniform(0.0, 20.0),
        max_abandon_rate: dice.pick(&[0.0, 0.01, 0.03, 0.05]),
        leads: Some(dice.pick(&[100, 400])),
        pacing: pacing(dice),
        gate,
        may_cancel_ringing: dice.chance(0.8),
    }
}

fn pacing(dice: &mut Dice) -> Pacing {
    let ringing_max = dice.chance(0.2).then_some(5);
    match dice.below(4) {
        0 => Pacing::Progressive { ringing_max },
        1 => Pacing::Ratio {
            lines_per_agent: dice.pick(&[1.5, 3.0]),
            min_idle_total: 0,
            on: dice.pick(&[RatioOn::EveryEvent, RatioOn::AgentFreed]),
            ringing_max,
            within_budget: true,
            restarts: true,
        },
        2 => Pacing::Adaptive { rules: Adaptive::default(), ringing_max, within_budget: true },
        _ => Pacing::Predictive { ringing_max },
    }
}

fn gate(dice: &mut Dice) -> GateSettings {
    let idle_threshold = match dice.below(4) {
        0 => IdleThreshold::Off,
        1 => IdleThreshold::Auto,
        _ => IdleThreshold::Above(dice.pick(&[0.0, 0.1, 0.3])),
    };
    GateSettings {
        idle_threshold,
        hysteresis: 0.1,
        dwell_s: dice.pick(&[0.0, 5.0]),
        smoothing_s: dice.pick(&[0.0, 10.0]),
        serve_first: dice.pick(&[ServeFirst::Auto, ServeFirst::Answered, ServeFirst::Inbound]),
    }
}

/// One to seven misfortunes, all over by [`CALM_S`].
fn faults(dice: &mut Dice) -> Vec<Fault> {
    let count = 1 + dice.below(7);
    (0..count).map(|_| fault(dice)).collect()
}

/// Moves the day so that somewhere the hours end while it is busy, and lets the store stall over that moment: what was about
/// to leave must not leave any more.
fn closing(dice: &mut Dice, law: &mut Law) -> Vec<Fault> {
    let ends = [law.open.1, law.campaign_open.1];
    let ends: Vec<u16> = ends.into_iter().filter(|minute| *minute < 1440).collect();
    let minute = match ends.is_empty() {
        // The law is open all day: then the campaigns are not.
        true => {
            law.campaign_open = (90, 1290);
            1290
        }
        false => dice.pick(&ends),
    };
    let known: Vec<&'static str> = law.zones.iter().flatten().copied().collect();
    let zone = dice.pick(&known);
    let at_s = dice.between(60.0, CALM_S - 400.0);
    let day = law.begins.to_jiff().in_tz(zone).map(|there| there.date());
    let closes = day.and_then(|day| {
        let time = jiff::civil::time((minute / 60) as i8, (minute % 60) as i8, 0, 0);
        day.to_datetime(time).in_tz(zone)
    });
    // A zone without rules or a time that does not exist: the day stays where it is.
    let Ok(closes) = closes else { return Vec::new() };
    law.begins = Timestamp::from(closes.timestamp()) - std::time::Duration::from_secs_f64(at_s);
    let span = Span { from_s: at_s - dice.between(0.2, 20.0), to_s: at_s + dice.between(0.2, 30.0) };
    if dice.chance(0.7) { vec![Fault::StoreStall(span)] } else { Vec::new() }
}

/// Numbers are suppressed while the store or the carrier takes its time, when intents are being recorded and dials wait.
fn suppressed_meanwhile(dice: &mut Dice) -> Vec<Fault> {
    let from_s = dice.between(30.0, CALM_S - 400.0);
    let span = Span { from_s, to_s: from_s + dice.between(1.0, 60.0) };
    let (at_s, after_s) = (from_s + dice.between(0.3, 0.9) * (span.to_s - from_s), span.to_s + dice.between(0.0, 1.0));
    let slow = match dice.chance(0.5) {
        true => Fault::StoreStall(span),
        false => Fault::SlowAnswers { span, up_to_s: dice.pick(&[1.5, 5.0]) },
    };
    let count = 5 + dice.below(20) as u32;
    vec![slow, Fault::Suppressed { at_s, count }, Fault::Suppressed { at_s: after_s, count }]
}

/// The clock steps, and again before it is trusted: a time server that was found and lost.
fn stepped_twice(dice: &mut Dice) -> Vec<Fault> {
    let at_s = dice.between(30.0, CALM_S - 400.0);
    let by_s = dice.pick(&[3.0, -30.0, 600.0]);
    let again_s = at_s + dice.between(5.0, 55.0);
    vec![Fault::ClockStep { at_s, by_s }, Fault::ClockStep { at_s: again_s, by_s: -by_s }]
}

/// A campaign is paused, and started again while the store refuses that; or the program is killed while it is paused.
fn started_in_vain(dice: &mut Dice) -> Vec<Fault> {
    let from_s = dice.between(30.0, CALM_S - 400.0);
    let span = Span { from_s, to_s: from_s + dice.between(20.0, 120.0) };
    let to_s = from_s + dice.between(0.2, 0.9) * (span.to_s - from_s);
    let pause = Fault::Pause { span: Span { from_s: from_s - dice.between(1.0, 20.0), to_s } };
    let crash = Fault::Crash { at_s: to_s - dice.between(0.0, 5.0), down_s: dice.between(0.5, 10.0) };
    if dice.chance(0.5) { vec![Fault::StoreRefusal(span), pause] } else { vec![pause, crash] }
}

fn fault(dice: &mut Dice) -> Fault {
    let at_s = dice.between(20.0, CALM_S - 320.0);
    let back_s = dice.between(5.0, 200.0);
    let span = Span { from_s: at_s, to_s: at_s + dice.between(0.5, 240.0) };
    match dice.below(15) {
        0 => Fault::CarrierOutage(span),
        1 => Fault::SlowAnswers { span, up_to_s: dice.pick(&[0.3, 1.5, 5.0]) },
        2 => Fault::Lost { span, share: dice.pick(&[0.05, 0.3]) },
        3 => Fault::Doubled { span, share: dice.pick(&[0.1, 0.5]) },
        4 => Fault::StoreStall(span),
        5 => Fault::StoreRefusal(span),
        6..=8 => Fault::Crash { at_s, down_s: dice.between(0.5, 60.0) },
        9 => Fault::ClockStep { at_s, by_s: dice.pick(&[1.0, -1.5, 3.0, -30.0, 600.0, 3600.0, -3600.0]) },
        10 => Fault::AgentsVanish { at_s, count: 1 + dice.below(8) as u32, back_s },
        11 if dice.chance(0.5) => Fault::Revoked { at_s, count: 1 + dice.below(10) as u32 },
        11 => Fault::Suppressed { at_s, count: 1 + dice.below(10) as u32 },
        12 => Fault::SignOut { at_s, back_s },
        13 => Fault::Burst { at_s, callers: 3 + dice.below(30) as u32 },
        _ => Fault::Pause { span },
    }
}
