//! `[leads]` of a campaign file: which leads, and in which order.

use std::collections::BTreeSet;

use super::parts::{list, texts};
use super::{required_text, sound};
use crate::model::document::{ComplaintCode, Spot, Table};
use crate::model::selection::{Again, Condition, LeadOrder, Selection, Share};

/// Largest share of a list in a mix.
const SHARE_MAX: u32 = 1000;

const ORDERS: &[(&str, LeadOrder)] = &[
    ("oldest", LeadOrder::Oldest),
    ("newest", LeadOrder::Newest),
    ("score", LeadOrder::Score),
    ("random", LeadOrder::Random),
];
const AGAIN: &[(&str, Again)] = &[("last", Again::Last), ("first", Again::First)];

pub(super) fn read(root: &Table<'_>) -> Option<Selection> {
    if !root.has("leads") {
        root.spot("leads");
        return Some(Selection::default());
    }
    let table = root.table("leads")?;
    let order = table.word("order", ORDERS, LeadOrder::default());
    let again = table.word("again", AGAIN, Again::default());
    let only = list(&table, "only", condition);
    let after_reply = texts(&table, "after_reply");
    let mix = mix(&table);
    let selection = Selection { order: order?, again: again?, only: only?, after_reply: after_reply?, mix: mix? };
    if !selection.mix.is_empty() && selection.order != LeadOrder::Oldest {
        let says = "a mix says by itself who comes next";
        return table.spot("order")?.wrong(ComplaintCode::Conflict, says, "remove `order`, or the mix");
    }
    Some(selection)
}

pub(super) fn condition(table: &Table<'_>) -> Option<Condition> {
    let column = required_text(table, "column");
    let is = texts(table, "is");
    let not = texts(table, "not");
    let at_least = sound(table, "at_least", |key| table.optional::<f64>(key));
    let at_most = sound(table, "at_most", |key| table.optional::<f64>(key));
    let condition = Condition { column: column?, is: is?, not: not?, at_least: at_least?, at_most: at_most? };
    let spot = table.spot("column")?;
    if condition.is.is_empty()
        && condition.not.is_empty()
        && condition.at_least.is_none()
        && condition.at_most.is_none()
    {
        let says = format!("nothing is asked of `{}`", condition.column);
        return spot.wrong(ComplaintCode::MissingKey, says, "give `is`, `not`, `at_least` or `at_most`");
    }
    if let (Some(least), Some(most)) = (condition.at_least, condition.at_most)
        && least > most
    {
        let says = format!("at_least {least} is more than at_most {most}");
        return table.spot("at_least")?.wrong(ComplaintCode::Conflict, says, "swap them");
    }
    Some(condition)
}

fn mix(table: &Table<'_>) -> Option<Vec<Share>> {
    let mut taken = BTreeSet::new();
    list(table, "mix", |table| {
        let list = required_text(table, "list");
        let share = table.required_within("share", 1..=SHARE_MAX);
        let list = list?;
        if !taken.insert(list.clone()) {
            let spot: Spot<'_> = table.spot("list")?;
            return spot.wrong(ComplaintCode::Duplicate, format!("`{list}` is named twice"), "remove one of them");
        }
        Some(Share { list, share: share? })
    })
}
