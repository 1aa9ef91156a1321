//! The pacing table of a campaign file, which scenarios of the simulator have too.

use super::parts::kind_of;
use super::sound;
use crate::model::campaign::{Adaptive, DropRule, OnTimeOut, Pacing, Preview, RatioOn};
use crate::model::document::{ComplaintCode, Table};

/// Most lines for one idle agent. More would abandon nearly everybody.
const LINES_PER_AGENT_MAX: f64 = 10.0;
/// Highest level of adaptive pacing, for the same reason.
const LEVEL_MAX: f64 = 10.0;
/// A step that takes longer than an hour is none.
const STEP_S_MAX: f64 = 3600.0;
/// A round more often than this is polling.
const STEP_S_MIN: f64 = 0.1;
/// Shortest and longest look at a lead, in seconds: nobody reads a name in less, and whoever takes longer is not there.
const PREVIEW_S: std::ops::RangeInclusive<u32> = 5..=3600;
/// Longest rest of a lead that was skipped, in seconds: 90 days.
const SKIPPED_REST_S_MAX: u64 = 90 * 86_400;
/// Most reasons for a skip, so that they fit on one screen.
const SKIP_REASONS_MAX: usize = 20;
/// Longest of them, in characters: a line.
const SKIP_REASON_LENGTH_MAX: usize = 80;

/// What the tables of two kinds of files mean by what is left out.
#[derive(Clone, Copy, Debug)]
pub struct PacingDefaults {
    /// Whether the abandon budget limits `ratio` and `adaptive`, and `ratio` restarts by itself: so in a live campaign,
    /// and not in a scenario, which asks what the bare rule would do.
    pub safeguards: bool,
}

/// Reads a pacing table.
pub fn pacing(table: &Table<'_>, defaults: PacingDefaults) -> Option<Pacing> {
    #[derive(Clone, Copy)]
    enum Mode {
        Progressive,
        Ratio,
        Adaptive,
        Predictive,
        Preview,
    }
    const MODES: &[(&str, Mode)] = &[
        ("progressive", Mode::Progressive),
        ("ratio", Mode::Ratio),
        ("adaptive", Mode::Adaptive),
        ("predictive", Mode::Predictive),
        ("preview", Mode::Preview),
    ];
    let ringing_max = || sound(table, "ringing_max", |key| table.optional_within(key, 1..=100_000));
    match kind_of(table, "mode", MODES)? {
        // An agent has one line at a time: there is nothing to limit.
        Mode::Preview => preview(table).map(Pacing::Preview),
        Mode::Progressive => Some(Pacing::Progressive { ringing_max: ringing_max()? }),
        Mode::Predictive => Some(Pacing::Predictive { ringing_max: ringing_max()? }),
        Mode::Ratio => ratio(table, ringing_max(), defaults),
        Mode::Adaptive => {
            let ringing_max = ringing_max();
            let within_budget = table.or("within_budget", defaults.safeguards);
            let rules = adaptive(table);
            Some(Pacing::Adaptive { rules: rules?, ringing_max: ringing_max?, within_budget: within_budget? })
        }
    }
}

fn preview(table: &Table<'_>) -> Option<Preview> {
    const OUTCOMES: &[(&str, OnTimeOut)] = &[("dial", OnTimeOut::Dial), ("return", OnTimeOut::Return)];
    let usual = Preview::default();
    let time_limit_s = table.within("time_limit_s", PREVIEW_S, usual.time_limit_s);
    let on_time_out = table.word("on_time_out", OUTCOMES, usual.on_time_out);
    let skips_max = sound(table, "skips_max", |key| table.optional_within(key, 0..=1000));
    let skip_reasons = skip_reasons(table, usual.skip_reasons);
    let skipped_rest_s = table.within("skipped_rest_s", 60..=SKIPPED_REST_S_MAX, usual.skipped_rest_s);
    Some(Preview {
        time_limit_s: time_limit_s?,
        on_time_out: on_time_out?,
        skips_max: skips_max?,
        skip_reasons: skip_reasons?,
        skipped_rest_s: skipped_rest_s?,
    })
}

fn skip_reasons(table: &Table<'_>, usual: Vec<String>) -> Option<Vec<String>> {
    let reasons: Vec<String> = table.or("skip_reasons", usual)?;
    let Some(spot) = table.spot("skip_reasons") else { return Some(reasons) };
    let lines = |reason: &String| !reason.trim().is_empty() && reason.chars().count() <= SKIP_REASON_LENGTH_MAX;
    if reasons.is_empty() || reasons.len() > SKIP_REASONS_MAX || !reasons.iter().all(lines) {
        let expected = format!(
            "write 1 to {SKIP_REASONS_MAX} of 1 to {SKIP_REASON_LENGTH_MAX} characters; to allow no skip, `skips_max = 0`"
        );
        return spot.wrong(ComplaintCode::WrongValue, "these are not reasons that an agent can choose from", expected);
    }
    Some(reasons)
}

fn ratio(table: &Table<'_>, ringing_max: Option<Option<u32>>, defaults: PacingDefaults) -> Option<Pacing> {
    const MOMENTS: &[(&str, RatioOn)] = &[("every_event", RatioOn::EveryEvent), ("agent_freed", RatioOn::AgentFreed)];
    let lines_per_agent = table.required_within("lines_per_agent", 0.1..=LINES_PER_AGENT_MAX);
    let min_idle_total = table.or("min_idle_total", 0);
    let on = table.word("on", MOMENTS, RatioOn::EveryEvent);
    let within_budget = table.or("within_budget", defaults.safeguards);
    let restarts = table.or("restarts", defaults.safeguards);
    Some(Pacing::Ratio {
        lines_per_agent: lines_per_agent?,
        min_idle_total: min_idle_total?,
        on: on?,
        ringing_max: ringing_max?,
        within_budget: within_budget?,
        restarts: restarts?,
    })
}

fn adaptive(table: &Table<'_>) -> Option<Adaptive> {
    const RULES: &[(&str, DropRule)] =
        &[("hard_limit", DropRule::HardLimit), ("average", DropRule::Average), ("tapered", DropRule::Tapered)];
    let usual = Adaptive::default();
    let step = |key, fallback| table.within(key, STEP_S_MIN..=STEP_S_MAX, fallback);
    let level_start = table.within("level_start", 1.0..=LEVEL_MAX, usual.level_start);
    let level_max = table.within("level_max", 1.0..=LEVEL_MAX, usual.level_max);
    let target = table.within("target", -100.0..=100.0, f64::from(usual.target));
    let intensity_percent = table.within("intensity_percent", -100.0..=100.0, usual.intensity_percent);
    let drop_rule = table.word("drop_rule", RULES, usual.drop_rule);
    let drop_max = table.within("drop_max", 0.0..=1.0, usual.drop_max);
    let taper_until = table.within("taper_until", 0..=2400, usual.taper_until);
    let level_every_s = step("level_every_s", usual.level_every_s);
    let drops_every_s = step("drops_every_s", usual.drops_every_s);
    let dial_every_s = step("dial_every_s", usual.dial_every_s);
    let available_only = table.or("available_only", usual.available_only);
    let target_in_rounds = table.or("target_in_rounds", usual.target_in_rounds);
    let inbound_override = table.or("inbound_override", usual.inbound_override);
    let callers_first = table.or("callers_first", usual.callers_first);
    let agents_min = table.or("agents_min", usual.agents_min);
    Some(Adaptive {
        level_start: level_start?,
        level_max: level_max?,
        target: target?.round() as i32,
        intensity_percent: intensity_percent?,
        drop_rule: drop_rule?,
        drop_max: drop_max?,
        taper_until: taper_until?,
        level_every_s: level_every_s?,
        drops_every_s: drops_every_s?,
        dial_every_s: dial_every_s?,
        available_only: available_only?,
        target_in_rounds: target_in_rounds?,
        inbound_override: inbound_override?,
        callers_first: callers_first?,
        agents_min: agents_min?,
    })
}
