//! The `[faults]` of a scenario: what goes wrong, by kind.

use super::read::{SECONDS_MAX, list};
use crate::model::document::{ComplaintCode, Table};
use crate::sim::faults::{Fault, Span};

/// Largest step of a clock, in seconds: a day.
const STEP_MAX_S: f64 = 86_400.0;

/// Everything that goes wrong, in the order of the kinds; `None` after a complaint.
pub(super) fn faults(table: &Table<'_>) -> Option<Vec<Fault>> {
    let kinds = [
        list(table, "carrier_outage", |it| span(it).map(Fault::CarrierOutage)),
        list(table, "slow_answers", |it| {
            let up_to_s = it.required_within("up_to_s", 0.0..=3600.0);
            Some(Fault::SlowAnswers { span: span(it)?, up_to_s: up_to_s? })
        }),
        list(table, "lost", |it| {
            let share = it.required_within("share", 0.0..=1.0);
            Some(Fault::Lost { span: span(it)?, share: share? })
        }),
        list(table, "doubled", |it| {
            let share = it.required_within("share", 0.0..=1.0);
            Some(Fault::Doubled { span: span(it)?, share: share? })
        }),
        list(table, "store_stall", |it| span(it).map(Fault::StoreStall)),
        list(table, "store_refusal", |it| span(it).map(Fault::StoreRefusal)),
        list(table, "crash", |it| {
            let down_s = it.within("down_s", 0.1..=SECONDS_MAX, 10.0);
            Some(Fault::Crash { at_s: at(it)?, down_s: down_s? })
        }),
        list(table, "clock_step", |it| {
            let by_s = it.required_within("by_s", -STEP_MAX_S..=STEP_MAX_S);
            Some(Fault::ClockStep { at_s: at(it)?, by_s: by_s? })
        }),
        list(table, "agents_vanish", |it| {
            let count = it.required_within("count", 1..=100_000);
            let back_s = it.within("back_s", 0.1..=SECONDS_MAX, 300.0);
            Some(Fault::AgentsVanish { at_s: at(it)?, count: count?, back_s: back_s? })
        }),
        list(table, "suppressed", |it| {
            let count = it.required_within("count", 1..=100_000);
            Some(Fault::Suppressed { at_s: at(it)?, count: count? })
        }),
        list(table, "revoked", |it| {
            let count = it.required_within("count", 1..=100_000);
            Some(Fault::Revoked { at_s: at(it)?, count: count? })
        }),
        list(table, "sign_out", |it| {
            let back_s = it.within("back_s", 0.1..=SECONDS_MAX, 300.0);
            Some(Fault::SignOut { at_s: at(it)?, back_s: back_s? })
        }),
        list(table, "burst", |it| {
            let callers = it.required_within("callers", 1..=100_000);
            Some(Fault::Burst { at_s: at(it)?, callers: callers? })
        }),
        list(table, "pause", |it| span(it).map(|span| Fault::Pause { span })),
    ];
    let kinds: Option<Vec<Vec<Fault>>> = kinds.into_iter().collect();
    kinds.map(|kinds| kinds.into_iter().flatten().collect())
}

fn at(table: &Table<'_>) -> Option<f64> {
    table.required_within("at_s", -SECONDS_MAX..=SECONDS_MAX)
}

fn span(table: &Table<'_>) -> Option<Span> {
    let from_s = table.required_within("from_s", -SECONDS_MAX..=SECONDS_MAX);
    let to_s = table.required_within("to_s", -SECONDS_MAX..=SECONDS_MAX);
    let (from_s, to_s) = (from_s?, to_s?);
    if from_s >= to_s {
        let says = format!("it ends at {to_s}, before it begins");
        return table.spot("to_s")?.wrong(ComplaintCode::Conflict, says, format!("expected more than {from_s}"));
    }
    Some(Span { from_s, to_s })
}
