//! Reading a scenario file, with every complaint at once and its line and column.
//!
//! The keys are those of `docs/simulate.md`. Read [`read`] first.

use std::io;
use std::sync::Arc;

use super::chances::outcomes;
use super::mishaps::faults;
use super::{AgentGroup, Arrivals, GateSettings, Inbound, Outbound, Scenario};
use crate::model::campaign::Pacing;
use crate::model::campaign_file::{PacingDefaults, pacing};
use crate::model::document::{ComplaintCode, Complaints, Document, Reader, SourceKind, Spot, Table, Value};
use crate::model::settings::{IdleThreshold, ServeFirst};
use crate::sim::distribution::Distribution;
use crate::sim::faults::Law;
use crate::sim::profile::Profile;
use crate::sim::world::MIDNIGHT;

/// Reads a file that a scenario names, by its name as written there.
pub type Files<'f> = &'f dyn Fn(&str) -> io::Result<String>;

/// Longest time in a scenario, in seconds: a year.
pub(super) const SECONDS_MAX: f64 = 366.0 * 86_400.0;
/// Most agents of one group.
const AGENTS_MAX: f64 = 100_000.0;
/// How long an agent looks at a lead, where the scenario does not say, in seconds.
const LOOK_S: f64 = 15.0;
/// Most days.
const REPLICATIONS_MAX: u32 = 100_000;
/// A bare rule is what a scenario asks about: no safeguards unless it says so.
const BARE: PacingDefaults = PacingDefaults { safeguards: false };

/// Reads a scenario. `file` is how complaints call it; files that it names are read by `files`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(file: &str, text: &str, files: Files<'_>) -> Result<Scenario, Complaints> {
    let document = Document::parse(SourceKind::File, file, text);
    let reader = Reader::new(&document);
    let scenario = scenario(&reader.root(), files);
    reader.finish(scenario)
}

fn scenario(root: &Table<'_>, files: Files<'_>) -> Option<Scenario> {
    let seed = root.or("seed", 1);
    let replications = root.within("replications", 1..=REPLICATIONS_MAX, 20);
    let warm_up_s = root.within("warm_up_s", 0.0..=SECONDS_MAX, 0.0);
    let duration_s = root.required_within("duration_s", 1.0..=SECONDS_MAX);
    let agents = list(root, "agents", |table| agent_group(table, files));
    if !root.has("agents") {
        root.missing("agents");
    }
    let inbound = match root.table("inbound") {
        Some(table) => inbound(&table, files).map(Some),
        None if root.has("inbound") => None,
        None => Some(None),
    };
    let outbound = list(root, "outbound", |table| campaign(table, files));
    let faults = match root.table("faults") {
        Some(table) => faults(&table),
        None if root.has("faults") => None,
        None => Some(Vec::new()),
    };
    let scenario = Scenario {
        seed: seed?,
        replications: replications?,
        warm_up_s: warm_up_s?,
        duration_s: duration_s?,
        agents: agents?,
        inbound: inbound?,
        outbound: outbound?,
        law: faults.as_ref().filter(|faults| !faults.is_empty()).map(|_| Law::none(MIDNIGHT)),
        faults: faults?,
        drains: false,
    };
    let unserved = |what: &'static str, served: bool| -> Option<()> {
        if served {
            return Some(());
        }
        root.spot(what)?.wrong(ComplaintCode::Conflict, format!("nobody serves {what}"), "name it in `serves`")
    };
    unserved("inbound", scenario.inbound.is_none() || scenario.agents.iter().any(|group| group.inbound))?;
    unserved("outbound", scenario.outbound.is_empty() || scenario.agents.iter().any(|group| group.outbound))?;
    Some(scenario)
}

fn agent_group(table: &Table<'_>, files: Files<'_>) -> Option<AgentGroup> {
    const SERVES: &[(&str, bool)] = &[("inbound", false), ("outbound", true)];
    let name = table.required("name");
    let count = required_profile(table, "count", AGENTS_MAX);
    let served = match table.spot("serves") {
        Some(spot) => spot.items("a list of \"inbound\" and \"outbound\"").and_then(|items| {
            let words: Vec<Option<bool>> = items.iter().map(|item| item.one_of(SERVES)).collect();
            words.into_iter().collect::<Option<Vec<bool>>>()
        }),
        None => {
            table.missing("serves");
            None
        }
    };
    let reserve = table.within("reserve", 0..=10_000, 0);
    let handle_factor = optional(table, "handle_factor", files);
    let (name, served): (String, Vec<bool>) = (name?, served?);
    Some(AgentGroup {
        name,
        count: count?,
        inbound: served.contains(&false),
        outbound: served.contains(&true),
        reserve: reserve?,
        handle_factor: handle_factor?,
    })
}

fn inbound(table: &Table<'_>, files: Files<'_>) -> Option<Inbound> {
    let arrivals = arrivals(table, files);
    let busyness = optional(table, "busyness", files);
    let talk_s = required(table, "talk_s", files);
    let wrap_up_s = or_zero(table, "wrap_up_s", files);
    let patience_s = optional(table, "patience_s", files);
    let balking = table.within("balking", 0.0..=1.0, 0.0);
    let (target, within_s) = match table.table("service_level") {
        Some(level) => {
            let target = level.within("target", 0.0..=1.0, 0.8);
            (target, level.within("within_s", 0.0..=SECONDS_MAX, 10.0))
        }
        None if table.has("service_level") => (None, None),
        None => (Some(0.8), Some(10.0)),
    };
    Some(Inbound {
        arrivals: arrivals?,
        busyness: busyness?,
        talk_s: talk_s?,
        wrap_up_s: wrap_up_s?,
        patience_s: patience_s?,
        balking: balking?,
        service_level_target: target?,
        within_s: within_s?,
    })
}

fn arrivals(table: &Table<'_>, files: Files<'_>) -> Option<Arrivals> {
    let rate = table.has("arrivals_per_hour");
    let Some(replay) = table.table("replay") else {
        return required_profile(table, "arrivals_per_hour", 1e9).map(Arrivals::PerHour);
    };
    if rate {
        let spot = table.spot("arrivals_per_hour")?;
        return spot.wrong(ComplaintCode::Conflict, "callers are replayed already", "remove one of them");
    }
    let mut times = column(&replay, files)?;
    times.sort_by(f64::total_cmp);
    Some(Arrivals::Replay(times.into()))
}

fn campaign(table: &Table<'_>, files: Files<'_>) -> Option<Outbound> {
    let name = table.required("name");
    let active = active(table);
    let classes = outcomes(table);
    let has = |of: fn(&super::Outcomes) -> &Profile| {
        classes.as_ref().is_some_and(|classes| classes.iter().any(|class| of(class).largest() > 0.0))
    };
    let needed = |key, wanted: bool| if wanted { required(table, key, files) } else { or_zero(table, key, files) };
    let machine_s = needed("machine_s", has(|class| &class.machine));
    let failure_s = needed("failure_s", has(|class| &class.failure));
    let answer_s = needed("answer_s", has(|class| &class.person));
    let detection_s = or_zero(table, "detection_s", files);
    let ring_timeout_s = table.within("ring_timeout_s", 0.0..=SECONDS_MAX, 60.0);
    let ring_min_s = table.within("ring_min_s", 0.0..=SECONDS_MAX, 0.0);
    let talk_s = required(table, "talk_s", files);
    let wrap_up_s = or_zero(table, "wrap_up_s", files);
    let usual = Distribution::Constant { value: 2.0 };
    let patience_s = optional(table, "patience_s", files).map(|patience| patience.unwrap_or(usual));
    let max_abandon_rate = table.within("max_abandon_rate", 0.0..=1.0, 0.03);
    let usual = Distribution::Constant { value: LOOK_S };
    let look_s = optional(table, "look_s", files).map(|look| look.unwrap_or(usual));
    let leads = leads(table);
    let pacing = campaign_pacing(table);
    let gate = gate(table);
    let may_cancel_ringing = table.or("may_cancel_ringing", true);
    Some(Outbound {
        name: name?,
        active: active?,
        classes: classes?,
        machine_s: machine_s?,
        failure_s: failure_s?,
        answer_s: answer_s?,
        detection_s: detection_s?,
        ring_timeout_s: ring_timeout_s?,
        ring_min_s: ring_min_s?,
        talk_s: talk_s?,
        wrap_up_s: wrap_up_s?,
        patience_s: patience_s?,
        look_s: look_s?,
        max_abandon_rate: max_abandon_rate?,
        leads: leads?,
        pacing: pacing?,
        gate: gate?,
        may_cancel_ringing: may_cancel_ringing?,
    })
}

fn campaign_pacing(table: &Table<'_>) -> Option<Pacing> {
    let inner = table.required_table("pacing")?;
    pacing(&inner, BARE)
}

fn gate(table: &Table<'_>) -> Option<GateSettings> {
    const WORDS: &[(&str, IdleThreshold)] = &[("auto", IdleThreshold::Auto), ("off", IdleThreshold::Off)];
    const SERVE: &[(&str, ServeFirst)] =
        &[("answered", ServeFirst::Answered), ("inbound", ServeFirst::Inbound), ("auto", ServeFirst::Auto)];
    let idle_threshold = match table.spot("idle_threshold") {
        Some(spot) if matches!(spot.node.value, Value::Text(_)) => spot.one_of(WORDS),
        Some(_) => table.within("idle_threshold", 0.0..=1.0, 0.0).map(IdleThreshold::Above),
        None => Some(IdleThreshold::Auto),
    };
    let hysteresis = table.within("hysteresis", 0.0..=1.0, 0.1);
    let dwell_s = table.within("dwell_s", 0.0..=3600.0, 5.0);
    let smoothing_s = table.within("smoothing_s", 0.0..=3600.0, 10.0);
    let serve_first = table.word("serve_first", SERVE, ServeFirst::Auto);
    Some(GateSettings {
        idle_threshold: idle_threshold?,
        hysteresis: hysteresis?,
        dwell_s: dwell_s?,
        smoothing_s: smoothing_s?,
        serve_first: serve_first?,
    })
}

fn active(table: &Table<'_>) -> Option<Vec<(f64, f64)>> {
    list(table, "active", |span| {
        let from_s = span.required_within("from_s", -SECONDS_MAX..=SECONDS_MAX);
        let to_s = span.required_within("to_s", -SECONDS_MAX..=SECONDS_MAX);
        let (from_s, to_s) = (from_s?, to_s?);
        if from_s >= to_s {
            let says = format!("it ends at {to_s}, before it begins");
            return span.spot("to_s")?.wrong(ComplaintCode::Conflict, says, format!("expected more than {from_s}"));
        }
        Some((from_s, to_s))
    })
}

fn leads(table: &Table<'_>) -> Option<Option<u64>> {
    let Some(spot) = table.spot("leads") else { return Some(None) };
    match &spot.node.value {
        Value::Text(text) if text == "unlimited" => Some(None),
        Value::Text(_) => spot.wrong_type("a number, or \"unlimited\""),
        _ => table.or("leads", 0).map(Some), // a number, or complained about as none
    }
}

/// Reads a list of tables that may be left out; `None` after a complaint about any of them.
pub(super) fn list<T>(
    root: &Table<'_>,
    key: &'static str,
    read: impl FnMut(&Table<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    let Some(spot) = root.spot(key) else { return Some(Vec::new()) };
    let count = spot.items("a list of tables")?.len();
    let tables = root.tables(key);
    let entries: Vec<Option<T>> = tables.iter().map(read).collect();
    if entries.len() < count { None } else { entries.into_iter().collect() }
}

/// A number, or a list of `{ at_s, value }`.
pub(super) fn profile(table: &Table<'_>, key: &'static str, largest: f64) -> Option<Option<Profile>> {
    let Some(spot) = table.spot(key) else { return Some(None) };
    if !matches!(spot.node.value, Value::List(_)) {
        return table.within(key, 0.0..=largest, 0.0).map(|value| Some(Profile::constant(value)));
    }
    let steps = list(table, key, |step| {
        let at_s = step.required_within("at_s", -SECONDS_MAX..=SECONDS_MAX);
        let value = step.required_within("value", 0.0..=largest);
        Some((at_s?, value?))
    })?;
    match Profile::of(steps) {
        Some(profile) => Some(Some(profile)),
        None => {
            spot.wrong(ComplaintCode::WrongValue, "the times do not rise", "write at least one, earlier ones first")
        }
    }
}

fn required_profile(table: &Table<'_>, key: &'static str, largest: f64) -> Option<Profile> {
    if !table.has(key) {
        table.missing(key);
    }
    profile(table, key, largest)?
}

fn required(table: &Table<'_>, key: &'static str, files: Files<'_>) -> Option<Distribution> {
    if !table.has(key) {
        table.missing(key);
    }
    optional(table, key, files)?
}

fn or_zero(table: &Table<'_>, key: &'static str, files: Files<'_>) -> Option<Distribution> {
    optional(table, key, files).map(|found| found.unwrap_or(Distribution::ZERO))
}

fn optional(table: &Table<'_>, key: &'static str, files: Files<'_>) -> Option<Option<Distribution>> {
    match table.table(key) {
        Some(inner) => distribution(&inner, files).map(Some),
        None if table.has(key) => None,
        None => Some(None),
    }
}

fn distribution(table: &Table<'_>, files: Files<'_>) -> Option<Distribution> {
    let Some(spot) = table.spot("distribution") else {
        table.missing("distribution");
        table.accept_rest();
        return None;
    };
    let found = named(&spot, table, files);
    if found.is_none() && !KINDS.iter().any(|(word, _)| matches!(&spot.node.value, Value::Text(text) if text == word)) {
        table.accept_rest();
    }
    found
}

/// The words for distributions.
#[derive(Clone, Copy)]
enum Word {
    Constant,
    Uniform,
    Exponential,
    LogNormal,
    Gamma,
    Weibull,
    Erlang,
    Hyperexponential,
    Empirical,
}

const KINDS: &[(&str, Word)] = &[
    ("constant", Word::Constant),
    ("uniform", Word::Uniform),
    ("exponential", Word::Exponential),
    ("lognormal", Word::LogNormal),
    ("gamma", Word::Gamma),
    ("weibull", Word::Weibull),
    ("erlang", Word::Erlang),
    ("hyperexponential", Word::Hyperexponential),
    ("empirical", Word::Empirical),
];

fn named(spot: &Spot<'_>, table: &Table<'_>, files: Files<'_>) -> Option<Distribution> {
    /// Smaller ones only make numbers that a computer cannot hold.
    const SHAPE: std::ops::RangeInclusive<f64> = 0.01..=1e6;
    let number = |key| table.required_within(key, 0.0..=SECONDS_MAX);
    let shape = || table.required_within("shape", SHAPE);
    match spot.one_of(KINDS)? {
        Word::Constant => Some(Distribution::Constant { value: number("value")? }),
        Word::Uniform => {
            let (min, max) = (number("min"), number("max"));
            let (min, max) = (min?, max?);
            if min > max {
                let says = format!("min {min} is more than max {max}");
                return table.spot("min")?.wrong(ComplaintCode::Conflict, says, "swap them");
            }
            Some(Distribution::Uniform { min, max })
        }
        Word::Exponential => Some(Distribution::Exponential { mean: number("mean")? }),
        Word::LogNormal => {
            let (mean, cv) = (number("mean"), table.required_within("cv", 0.0..=100.0));
            Some(Distribution::LogNormal { mean: mean?, cv: cv? })
        }
        Word::Gamma => {
            let (shape, mean) = (shape(), number("mean"));
            Some(Distribution::Gamma { shape: shape?, mean: mean? })
        }
        Word::Weibull => {
            let (shape, mean) = (shape(), number("mean"));
            Some(Distribution::Weibull { shape: shape?, mean: mean? })
        }
        Word::Erlang => {
            let (k, mean) = (table.required_within("k", 1..=10_000), number("mean"));
            Some(Distribution::Erlang { k: k?, mean: mean? })
        }
        Word::Hyperexponential => hyperexponential(table),
        Word::Empirical => Some(Distribution::Empirical { values: Arc::from(column(table, files)?) }),
    }
}

fn hyperexponential(table: &Table<'_>) -> Option<Distribution> {
    let (means, probabilities) = (table.required::<Vec<f64>>("means"), table.required::<Vec<f64>>("probabilities"));
    let (means, probabilities) = (means?, probabilities?);
    let sum: f64 = probabilities.iter().sum();
    let sound = means.len() == probabilities.len() && (sum - 1.0).abs() < 1e-6;
    if !sound || means.iter().chain(&probabilities).any(|value| *value < 0.0) {
        let says = "the probabilities do not fit the means";
        let expected = "expected one for each mean, none negative, 1 in sum";
        return table.spot("probabilities")?.wrong(ComplaintCode::Conflict, says, expected);
    }
    Some(Distribution::Hyperexponential { branches: probabilities.into_iter().zip(means).collect() })
}

/// Numbers of a column of a CSV file.
fn column(table: &Table<'_>, files: Files<'_>) -> Option<Vec<f64>> {
    let (file, column) = (table.required_at::<String>("file"), table.required_at::<String>("column"));
    let separator = table.or("separator", ",".to_owned());
    let (file, column, separator) = (file?, column?, separator?);
    let spot = table.spot("file")?;
    let text = match files(&file.value) {
        Ok(text) => text,
        Err(why) => {
            let says = format!("`{}` cannot be read: {why}", file.value);
            return spot.wrong(ComplaintCode::UnknownName, says, "name a file beside the scenario");
        }
    };
    let [separator] = separator.as_bytes() else {
        return table.spot("separator")?.wrong(ComplaintCode::WrongValue, "not one character", "expected such as `,`");
    };
    let mut rows = csv::ReaderBuilder::new().delimiter(*separator).from_reader(text.as_bytes());
    let headings = rows.headers().cloned().unwrap_or_default();
    let Some(place) = headings.iter().position(|heading| heading == column.value) else {
        let says = format!("`{}` has no column `{}`", file.value, column.value);
        let known: Vec<&str> = headings.iter().collect();
        return table.spot("column")?.wrong(ComplaintCode::UnknownName, says, format!("it has: {}", known.join(", ")));
    };
    let mut values = Vec::new();
    for (index, row) in rows.records().enumerate() {
        let cell = row.ok().and_then(|row| row.get(place).map(str::to_owned)).unwrap_or_default();
        match cell.trim().parse::<f64>() {
            Ok(value) if value.is_finite() => values.push(value),
            Ok(_) | Err(_) => {
                let says = format!("row {} of `{}` has `{cell}` in `{}`", index + 2, file.value, column.value);
                return spot.wrong(ComplaintCode::WrongValue, says, "expected a number");
            }
        }
    }
    if values.is_empty() {
        return spot.wrong(ComplaintCode::WrongValue, format!("`{}` has no rows", file.value), "expected numbers");
    }
    Some(values)
}
