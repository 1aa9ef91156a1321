//! `[replies]` of a campaign file: which messages of customers pre-register them.

use super::parts::texts;
use super::{required_text, sound};
use crate::model::campaign::{REPLY_PRIORITY, Replies};
use crate::model::document::{ComplaintCode, Table};
use crate::model::message::{PARTS_MAX, parts};
use crate::model::reply::{opt_out, plain};

/// Longest time that a consent by reply holds, in days: ten years.
const CONSENT_DAYS_MAX: u32 = 3650;

pub(super) fn read(root: &Table<'_>) -> Option<Option<Replies>> {
    if !root.has("replies") {
        root.spot("replies");
        return Some(None);
    }
    let table = root.table("replies")?;
    let interested = keywords(&table);
    let to = match table.has("to") {
        true => texts(&table, "to"),
        false => {
            table.spot("to");
            Some(Vec::new())
        }
    };
    let consent = required_text(&table, "consent");
    let terms = terms(&table, "replies");
    let answer = sound(&table, "answer", |key| table.optional::<String>(key));
    let answer = answer?;
    if let Some(text) = &answer
        && parts(text).texts.len() > PARTS_MAX
    {
        let says = format!("it takes {} SMS", parts(text).texts.len());
        return table.spot("answer")?.wrong(ComplaintCode::OutOfRange, says, format!("expected at most {PARTS_MAX}"));
    }
    let Terms { consent_version, consent_days, priority, list } = terms?;
    let (interested, to, consent) = (interested?, to?, consent?);
    Some(Some(Replies { interested, to, consent, consent_version, consent_days, priority, list, answer }))
}

/// What is the same for every way in which a customer pre-registers.
pub(super) struct Terms {
    pub(super) consent_version: String,
    pub(super) consent_days: Option<u32>,
    pub(super) priority: u8,
    pub(super) list: String,
}

/// `list`: the usual one.
pub(super) fn terms(table: &Table<'_>, list: &str) -> Option<Terms> {
    let consent_version = table.or("consent_version", "1".to_owned());
    let consent_days = sound(table, "consent_days", |key| table.optional_within(key, 1..=CONSENT_DAYS_MAX));
    let priority = table.within("priority", 0..=99, REPLY_PRIORITY);
    let list = table.or("list", list.to_owned());
    Some(Terms { consent_version: consent_version?, consent_days: consent_days?, priority: priority?, list: list? })
}

fn keywords(table: &Table<'_>) -> Option<Vec<String>> {
    let Some(spot) = table.spot("interested") else {
        table.missing("interested");
        return None;
    };
    let mut words: Vec<String> = Vec::new();
    for item in spot.items("a list of words in quotes")? {
        let word = item.text("a word in quotes")?.to_owned();
        let alike = plain(&word);
        if alike.is_empty() {
            let says = format!("`{word}` has no letter and no digit");
            return item.wrong(ComplaintCode::WrongValue, says, "punctuation and spaces make no difference in a reply");
        }
        if opt_out(&word).is_some() {
            let says = format!("`{word}` opts out, whatever a campaign says");
            return item.wrong(ComplaintCode::Conflict, says, "choose another word");
        }
        if words.iter().any(|other| plain(other) == alike) {
            let says = format!("`{word}` is there already: case, width, spaces and punctuation make no difference");
            return item.wrong(ComplaintCode::Duplicate, says, "remove one of them");
        }
        words.push(word);
    }
    if words.is_empty() {
        return spot.wrong(ComplaintCode::WrongValue, "the list is empty", "name at least one word, such as \"1\"");
    }
    Some(words)
}
