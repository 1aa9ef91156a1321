//! `[pre_registration]` of a campaign file: what is promised to customers who asked to be called.

use super::sound;
use crate::model::document::{ComplaintCode, Table};
use crate::model::pre_registration::PreRegistration;

/// Longest time within which a call can be promised, in minutes of the hours: a week of days and nights.
const CALL_WITHIN_MAX: u32 = 7 * 24 * 60;
/// Longest time in which a priority falls, in hours.
const DECAY_HOURS_MAX: u32 = 24 * 90;
/// Longest rest after a customer's own call, in hours.
const REST_HOURS_MAX: u32 = 24 * 30;
/// How far a priority falls where the file says nothing else: to what is usual for a campaign's lists.
const PRIORITY_FLOOR: u8 = 50;
/// How long a customer is left alone after talking to an agent where the file says nothing else, in hours.
const REST_HOURS: u32 = 24;

pub(super) fn read(root: &Table<'_>) -> Option<Option<PreRegistration>> {
    if !root.has("pre_registration") {
        root.spot("pre_registration");
        return Some(None);
    }
    let table = root.table("pre_registration")?;
    let within = sound(&table, "call_within_minutes", |key| table.optional_within(key, 1..=CALL_WITHIN_MAX));
    let usual = within.flatten().map_or(0, |minutes| minutes / 4);
    let before = table.within("escalate_before_minutes", 0..=CALL_WITHIN_MAX, usual);
    let decay = sound(&table, "decay_hours", |key| table.optional_within(key, 1..=DECAY_HOURS_MAX));
    let floor = table.within("priority_floor", 0..=99, PRIORITY_FLOOR);
    let rest = table.within("rest_after_inbound_hours", 0..=REST_HOURS_MAX, REST_HOURS);
    let (within, before, decay) = (within?, before?, decay?);
    for (key, needs, there) in [
        ("escalate_before_minutes", "call_within_minutes", within.is_some()),
        ("priority_floor", "decay_hours", decay.is_some()),
    ] {
        if table.has(key) && !there {
            let says = format!("it means nothing without `{needs}`");
            return table.spot(key)?.wrong(ComplaintCode::Conflict, says, format!("give `{needs}`, or leave it out"));
        }
    }
    if let Some(within) = within
        && before >= within
    {
        let says = format!("{before} minutes before its end a promise of {within} minutes has not begun");
        return table.spot("escalate_before_minutes")?.wrong(
            ComplaintCode::Conflict,
            says,
            format!("expected less than {within}"),
        );
    }
    Some(Some(PreRegistration {
        call_within_minutes: within,
        escalate_before_minutes: before,
        decay_hours: decay,
        priority_floor: floor?,
        rest_after_inbound_hours: rest?,
    }))
}
