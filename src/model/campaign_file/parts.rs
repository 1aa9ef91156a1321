//! The tables of a campaign file.

use std::collections::{BTreeMap, BTreeSet};

use super::{Known, column_name, refer, required_text, sound};
use crate::model::calendar::DateText;
use crate::model::campaign::{
    AgentResult, Answer, Callbacks, Offer, Question, Recording, RetryRule, ScriptSection, WhenRecordingFails,
};
use crate::model::disposition::{Disposition, DispositionKind};
use crate::model::document::{ComplaintCode, Readable as _, Spot, Table, did_you_mean};
use crate::model::limits::{Budget, Limits};
use crate::model::phone::PhoneNumber;
use crate::model::schedule::{Deed, Planned};

/// Longest wait before a retry, in seconds: 90 days.
const RETRY_AFTER_S_MAX: u64 = 90 * 86_400;
/// Most texts of a list.
const TEXTS_MAX: usize = 1000;
/// Most characters of a free answer.
const TEXT_LENGTH_MAX: u32 = 10_000;
/// Most entries of a list that people read on one screen.
const ENTRIES_MAX: usize = 100;
/// Most numbers of a pool.
const CALLER_IDS_MAX: usize = 1000;
/// How long a personal callback waits for its agent where the file does not say, and at most: a week.
const WAIT_FOR_AGENT_MINUTES: u32 = 30;
const WAIT_FOR_AGENT_MINUTES_MAX: u32 = 7 * 24 * 60;
/// Largest quota.
const COUNT_MAX: u64 = 1_000_000_000;

pub(super) fn offer(table: &Table<'_>) -> Option<Offer> {
    let name = required_text(table, "name");
    let selling_points = table.or("selling_points", Vec::new());
    let steps = table.or("steps", Vec::new());
    Some(Offer { name: name?, selling_points: selling_points?, steps: steps? })
}

pub(super) fn script(root: &Table<'_>) -> Option<Vec<ScriptSection>> {
    list(root, "script", |table| {
        let title = required_text(table, "title");
        let text = required_text(table, "text");
        Some(ScriptSection { title: title?, text: text? })
    })
}

pub(super) fn questionnaire(root: &Table<'_>) -> Option<Vec<Question>> {
    let mut taken = BTreeSet::new();
    list(root, "questionnaire", |table| {
        let key = key(table, &mut taken);
        let text = required_text(table, "text");
        let answer = table.required_table("answer").and_then(|answer| self::answer(&answer));
        let required = table.or("required", false);
        Some(Question { key: key?, text: text?, answer: answer?, required: required? })
    })
}

fn answer(table: &Table<'_>) -> Option<Answer> {
    #[derive(Clone, Copy)]
    enum Kind {
        Choice,
        Number,
        Text,
        Date,
    }
    const KINDS: &[(&str, Kind)] =
        &[("choice", Kind::Choice), ("number", Kind::Number), ("text", Kind::Text), ("date", Kind::Date)];
    match kind_of(table, "kind", KINDS)? {
        Kind::Choice => choice(table),
        Kind::Number => {
            let min = sound(table, "min", |key| table.optional::<f64>(key));
            let max = sound(table, "max", |key| table.optional::<f64>(key));
            let (min, max) = (min?, max?);
            if let (Some(least), Some(most)) = (min, max)
                && least > most
            {
                let says = format!("min {least} is more than max {most}");
                return table.spot("min")?.wrong(ComplaintCode::Conflict, says, "swap them");
            }
            Some(Answer::Number { min, max })
        }
        Kind::Text => Some(Answer::Text { length_max: table.within("length_max", 1..=TEXT_LENGTH_MAX, 500)? }),
        Kind::Date => Some(Answer::Date),
    }
}

/// The word that decides which other keys a table has.
pub(super) fn kind_of<T: Copy>(table: &Table<'_>, key: &'static str, words: &[(&'static str, T)]) -> Option<T> {
    let kind = match table.spot(key) {
        Some(spot) => spot.one_of(words),
        None => {
            table.missing(key);
            None
        }
    };
    if kind.is_none() {
        table.accept_rest();
    }
    kind
}

fn choice(table: &Table<'_>) -> Option<Answer> {
    let Some(spot) = table.spot("options") else {
        table.missing("options");
        return None;
    };
    let mut options: Vec<String> = Vec::new();
    for item in spot.items("a list of choices")? {
        let option = item.text("a choice in quotes")?.to_owned();
        if options.contains(&option) {
            return item.wrong(ComplaintCode::Duplicate, format!("`{option}` is a choice twice"), "remove one of them");
        }
        options.push(option);
    }
    if !(2..=ENTRIES_MAX).contains(&options.len()) {
        let says = format!("there are {} choices", options.len());
        return spot.wrong(ComplaintCode::OutOfRange, says, format!("expected 2 to {ENTRIES_MAX}"));
    }
    Some(Answer::Choice { options })
}

pub(super) fn results(root: &Table<'_>) -> Option<Vec<AgentResult>> {
    if !root.has("results") {
        root.missing("results");
    }
    let mut taken = BTreeSet::new();
    let results = list(root, "results", |table| {
        let key = key(table, &mut taken);
        let title = required_text(table, "title");
        let disposition = table.spot("disposition").or_else(|| {
            table.missing("disposition");
            None
        });
        let disposition = disposition.and_then(|spot| agent_disposition(&spot));
        let note_required = table.or("note_required", false);
        Some(AgentResult { key: key?, title: title?, disposition: disposition?, note_required: note_required? })
    })?;
    if results.is_empty()
        && let Some(spot) = root.spot("results")
    {
        return spot.wrong(ComplaintCode::WrongValue, "there are no results", "an agent must have one to choose");
    }
    Some(results)
}

fn agent_disposition(spot: &Spot<'_>) -> Option<Disposition> {
    let text = spot.text("a disposition in quotes")?;
    let of_agents = || {
        let all = Disposition::ALL.iter().copied();
        // What the wrap-up timer records by itself is not chosen.
        all.filter(|d| d.kind() == DispositionKind::Agent && *d != Disposition::NotRecorded)
    };
    if let Some(disposition) = of_agents().find(|disposition| disposition.as_str() == text) {
        return Some(disposition);
    }
    let expected = did_you_mean(text, of_agents().map(Disposition::as_str)).unwrap_or_default();
    spot.wrong(ComplaintCode::WrongValue, format!("`{text}` is not a disposition an agent can give"), expected)
}

pub(super) fn retry(root: &Table<'_>) -> Option<BTreeMap<Disposition, RetryRule>> {
    let mut rules = BTreeMap::new();
    let mut all_sound = true;
    for (name, table) in root.named("retry") {
        let after_s = table.required_within("after_s", 1..=RETRY_AFTER_S_MAX);
        let attempts_max = table.required_within("attempts_max", 1..=super::ATTEMPTS_MAX);
        let rule = after_s.zip(attempts_max).map(|(after_s, attempts_max)| RetryRule { after_s, attempts_max });
        let complain = |code, says: String, expected: String| {
            let complaint = crate::model::document::Complaint::new(code, name.place, &name.key, says);
            root.reader().complain(complaint.expecting(expected));
        };
        let Ok(disposition) = name.value.parse::<Disposition>() else {
            let names = Disposition::ALL.iter().map(|disposition| disposition.as_str());
            let expected = did_you_mean(&name.value, names)
                .unwrap_or_else(|| "expected one such as `busy` or `no_answer`; README.md lists them".to_owned());
            complain(ComplaintCode::WrongValue, format!("`{}` is not a disposition", name.value), expected);
            all_sound = false;
            continue;
        };
        if disposition.suppresses() || disposition == Disposition::InvalidNumber {
            let says = format!("a number is not called again after `{disposition}`");
            complain(ComplaintCode::Conflict, says, "remove the rule".to_owned());
        }
        if disposition == Disposition::NotDialled {
            let says = "a dial that was withdrawn before it left is made up for by itself".to_owned();
            complain(ComplaintCode::Conflict, says, "remove the rule".to_owned());
        }
        match rule {
            Some(rule) => {
                rules.insert(disposition, rule);
            }
            None => all_sound = false,
        }
    }
    let is_table =
        root.spot("retry").is_none_or(|spot| matches!(spot.node.value, crate::model::document::Value::Table(_)));
    (all_sound && is_table).then_some(rules)
}

/// Further numbers to be shown.
pub(super) fn caller_ids(
    root: &Table<'_>,
    first: Option<&PhoneNumber>,
    known: Option<&Known>,
) -> Option<Vec<PhoneNumber>> {
    let Some(spot) = root.spot("caller_ids") else { return Some(Vec::new()) };
    let mut numbers: Vec<PhoneNumber> = Vec::new();
    for item in spot.items("a list of numbers in quotes")? {
        let number = PhoneNumber::read(&item)?;
        if numbers.contains(&number) || first == Some(&number) {
            let says = format!("{} is named twice", number.as_str());
            return item.wrong(ComplaintCode::Duplicate, says, "remove one of them");
        }
        numbers.push(super::own_number(number, &item, known)?);
    }
    if numbers.len() > CALLER_IDS_MAX {
        let says = format!("there are {} numbers", numbers.len());
        return spot.wrong(ComplaintCode::OutOfRange, says, format!("expected at most {CALLER_IDS_MAX}"));
    }
    Some(numbers)
}

/// How promised calls are kept.
pub(super) fn callbacks(root: &Table<'_>) -> Option<Callbacks> {
    if !root.has("callbacks") {
        root.spot("callbacks");
        return Some(Callbacks { wait_for_agent_minutes: WAIT_FOR_AGENT_MINUTES });
    }
    let table = root.table("callbacks")?;
    let wait = table.within("wait_for_agent_minutes", 0..=WAIT_FOR_AGENT_MINUTES_MAX, WAIT_FOR_AGENT_MINUTES);
    Some(Callbacks { wait_for_agent_minutes: wait? })
}

/// From when to when, and how much.
pub(super) fn limits(root: &Table<'_>) -> Option<Limits> {
    if !root.has("limits") {
        root.spot("limits");
        return Some(Limits::default());
    }
    let table = root.table("limits")?;
    let day = |key| sound(&table, key, |key| table.optional::<DateText>(key).map(|date| date.0));
    let (first_day, last_day) = (day("first_day"), day("last_day"));
    let accepted_max = sound(&table, "accepted_max", |key| table.optional_within(key, 1..=COUNT_MAX));
    let dials_max = sound(&table, "dials_max", |key| table.optional_within(key, 1..=COUNT_MAX));
    let dials_per_day_max = sound(&table, "dials_per_day_max", |key| table.optional_within(key, 1..=COUNT_MAX));
    let talk_hours_max = sound(&table, "talk_hours_max", |key| table.optional_within(key, 0.01..=1e6));
    let budget = sound(&table, "budget", |key| {
        let budget = table.table(key)?;
        let amount = budget.required_within("amount", 0.0..=1e12);
        let per_dial = budget.within("per_dial", 0.0..=1e6, 0.0);
        let per_talk_minute = budget.within("per_talk_minute", 0.0..=1e6, 0.0);
        let read = Budget { amount: amount?, per_dial: per_dial?, per_talk_minute: per_talk_minute? };
        if read.per_dial + read.per_talk_minute == 0.0 {
            let says = "nothing has a price, so nothing is ever spent";
            return table.spot(key)?.wrong(ComplaintCode::Conflict, says, "give per_dial or per_talk_minute");
        }
        Some(read)
    });
    let limits = Limits {
        first_day: first_day?,
        last_day: last_day?,
        accepted_max: accepted_max?,
        dials_max: dials_max?,
        dials_per_day_max: dials_per_day_max?,
        talk_hours_max: talk_hours_max?,
        budget: budget?,
    };
    if let (Some(first), Some(last)) = (limits.first_day, limits.last_day)
        && first > last
    {
        let says = format!("the last day, {last}, lies before the first, {first}");
        return table.spot("last_day")?.wrong(ComplaintCode::Conflict, says, "write the later day last");
    }
    Some(limits)
}

/// Starts and pauses at times that come again.
pub(super) fn schedule(root: &Table<'_>) -> Option<Vec<Planned>> {
    const DEEDS: &[(&str, Deed)] = &[("start", Deed::Start), ("pause", Deed::Pause)];
    list(root, "schedule", |table| {
        let at = table.spot("at").or_else(|| {
            table.missing("at");
            None
        });
        let at = at.and_then(|at| at.parsed("five fields, minute hour day month weekday, such as \"0 9 * * mon-fri\""));
        let deed = table.spot("do").or_else(|| {
            table.missing("do");
            None
        });
        let deed = deed.and_then(|deed| deed.one_of(DEEDS));
        Some(Planned { at: at?, deed: deed? })
    })
}

pub(super) fn recording(root: &Table<'_>, known: Option<&Known>) -> Option<Recording> {
    if !root.has("recording") {
        root.spot("recording");
        return Some(Recording::default());
    }
    let table = root.table("recording")?;
    let on = table.or("on", false);
    let consent_prompt = sound(&table, "consent_prompt", |key| {
        let prompt = table.optional_at(key)?;
        Some(refer(&table, prompt, "prompt", known.map(|known| &known.prompts)))
    });
    let when_it_fails = table.word("when_it_fails", WHEN_RECORDING_FAILS, WhenRecordingFails::default());
    Some(Recording { on: on?, consent_prompt: consent_prompt?, when_it_fails: when_it_fails? })
}

const WHEN_RECORDING_FAILS: &[(&str, WhenRecordingFails)] =
    &[("go_on", WhenRecordingFails::GoOn), ("pause", WhenRecordingFails::Pause)];

fn key(table: &Table<'_>, taken: &mut BTreeSet<String>) -> Option<String> {
    let Some(spot) = table.spot("key") else {
        table.missing("key");
        return None;
    };
    column_name(&spot, taken)
}

/// Reads a list of tables that may be left out; `None` after a complaint about any of them.
pub(super) fn list<T>(
    root: &Table<'_>,
    key: &'static str,
    read: impl FnMut(&Table<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    let count = match root.spot(key) {
        Some(spot) => spot.items("a list of tables, each under its own heading in double brackets")?.len(),
        None => return Some(Vec::new()),
    };
    if count > ENTRIES_MAX {
        let says = format!("there are {count} entries");
        return root.spot(key)?.wrong(ComplaintCode::OutOfRange, says, format!("expected at most {ENTRIES_MAX}"));
    }
    // All are read before the first missing one ends it, so that all complaints are made.
    let tables = root.tables(key);
    let entries: Vec<Option<T>> = tables.iter().map(read).collect();
    if entries.len() < count { None } else { entries.into_iter().collect() }
}

/// A list of texts that may be left out, and is not empty where it is there.
pub(super) fn texts(table: &Table<'_>, key: &'static str) -> Option<Vec<String>> {
    let Some(spot) = table.spot(key) else { return Some(Vec::new()) };
    let texts: Option<Vec<String>> = spot
        .items("a list of texts in quotes")?
        .iter()
        .map(|item| item.text("a text in quotes").map(str::to_owned))
        .collect();
    let texts = texts?;
    if texts.is_empty() || texts.len() > TEXTS_MAX {
        let says = format!("there are {} texts", texts.len());
        return spot.wrong(ComplaintCode::OutOfRange, says, format!("expected 1 to {TEXTS_MAX}"));
    }
    Some(texts)
}
