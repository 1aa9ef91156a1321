//! `[numbers]` of a campaign file: which of a person's numbers, and when.

use std::collections::BTreeMap;

use crate::model::calendar::read_hours;
use crate::model::document::{Complaint, ComplaintCode, Table, did_you_mean};
use crate::model::numbers::{NumberKind, NumberRules};

/// Longest time until the next number, in seconds: a day.
const NEXT_AFTER_S_MAX: u64 = 86_400;

const KINDS: &[(&str, NumberKind)] = &[
    ("mobile", NumberKind::Mobile),
    ("home", NumberKind::Home),
    ("work", NumberKind::Work),
    ("other", NumberKind::Other),
];

pub(super) fn read(root: &Table<'_>) -> Option<NumberRules> {
    if !root.has("numbers") {
        root.spot("numbers");
        return Some(NumberRules::default());
    }
    let table = root.table("numbers")?;
    let next_after_s = table.within("next_after_s", 0..=NEXT_AFTER_S_MAX, NumberRules::default().next_after_s);
    let order = order(&table);
    let hours = hours(&table);
    Some(NumberRules { next_after_s: next_after_s?, order: order?, hours: hours? })
}

fn order(table: &Table<'_>) -> Option<Vec<NumberKind>> {
    let Some(spot) = table.spot("order") else { return Some(Vec::new()) };
    let mut order = Vec::new();
    for item in spot.items("a list of kinds of numbers")? {
        let kind = item.one_of(KINDS)?;
        if order.contains(&kind) {
            let says = format!("`{}` is named twice", kind.as_str());
            return item.wrong(ComplaintCode::Duplicate, says, "remove one of them");
        }
        order.push(kind);
    }
    Some(order)
}

fn hours(table: &Table<'_>) -> Option<BTreeMap<NumberKind, crate::model::calling_hours::WeeklyHours>> {
    if !table.has("hours") {
        table.spot("hours");
        return Some(BTreeMap::new());
    }
    let mut hours = BTreeMap::new();
    let mut sound = true;
    for (name, inner) in table.named("hours") {
        let read = read_hours(&inner);
        let complain = |code, says: String, expected: String| {
            table.reader().complain(Complaint::new(code, name.place, &name.key, says).expecting(expected));
        };
        let Some((_, kind)) = KINDS.iter().find(|(word, _)| *word == name.value) else {
            let expected = did_you_mean(&name.value, KINDS.iter().map(|(word, _)| *word))
                .unwrap_or_else(|| "expected one of `mobile`, `home`, `work`, `other`".to_owned());
            complain(ComplaintCode::WrongValue, format!("`{}` is not a kind of number", name.value), expected);
            sound = false;
            continue;
        };
        match read {
            Some(read) if read.is_never_open() => {
                let expected = "name at least one weekday with a span, or leave the kind out";
                complain(ComplaintCode::WrongValue, "the hours are never open".to_owned(), expected.to_owned());
                sound = false;
            }
            Some(read) => {
                hours.insert(*kind, read);
            }
            None => sound = false,
        }
    }
    sound.then_some(hours)
}
