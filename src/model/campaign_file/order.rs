//! `[order]` and `[costs]` of a campaign file: what can be ordered, and what the way there costs.

use std::collections::BTreeSet;

use super::parts::list;
use super::{required_text, sound};
use crate::model::costs::Costs;
use crate::model::document::{ComplaintCode, Table};
use crate::model::limits::Limits;
use crate::model::order::{ITEMS_MAX, Money, NAME_LENGTH_MAX, OfferedItem, OrderRules, QUANTITY_MAX};

/// The highest unit cost.
const COST_MAX: f64 = 1e9;

pub(super) fn order(root: &Table<'_>) -> Option<Option<OrderRules>> {
    if !root.has("order") {
        root.spot("order");
        return Some(None);
    }
    let table = root.table("order")?;
    let currency = currency(&table);
    let address_required = table.or("address_required", true);
    let mut names = BTreeSet::new();
    let items = list(&table, "items", |item| {
        let name = required_text(item, "name");
        let price = price(item);
        let quantity_max = item.within("quantity_max", 1..=QUANTITY_MAX, 1);
        let quantity = item.within("quantity", 0..=QUANTITY_MAX, 1);
        let (name, quantity, quantity_max) = (name?, quantity?, quantity_max?);
        if name.chars().count() > NAME_LENGTH_MAX {
            let says = format!("the name has {} characters", name.chars().count());
            return item.spot("name")?.wrong(
                ComplaintCode::OutOfRange,
                says,
                format!("expected at most {NAME_LENGTH_MAX}"),
            );
        }
        if !names.insert(name.clone()) {
            let says = format!("`{name}` is offered twice");
            return item.spot("name")?.wrong(ComplaintCode::Duplicate, says, "remove one of them");
        }
        if quantity > quantity_max {
            let says = format!("{quantity} are ordered usually, and {quantity_max} may be");
            return item.spot("name")?.wrong(ComplaintCode::Conflict, says, "raise `quantity_max`");
        }
        Some(OfferedItem { name, price: price?, quantity, quantity_max })
    });
    let items = items?;
    if items.is_empty() || items.len() > ITEMS_MAX {
        let says = format!("{} items are offered", items.len());
        return root.spot("order")?.wrong(
            ComplaintCode::OutOfRange,
            says,
            format!("expected 1 to {ITEMS_MAX}, each under [[order.items]]"),
        );
    }
    Some(Some(OrderRules { currency: currency?, address_required: address_required?, items }))
}

fn currency(table: &Table<'_>) -> Option<String> {
    let code = required_text(table, "currency")?;
    if code.len() != 3 || !code.bytes().all(|letter| letter.is_ascii_uppercase()) {
        let says = format!("`{code}` is not a currency");
        return table.spot("currency")?.wrong(
            ComplaintCode::WrongValue,
            says,
            "expected three capital letters, such as CNY",
        );
    }
    Some(code)
}

fn price(item: &Table<'_>) -> Option<Money> {
    let price = item.required_at::<f64>("price")?;
    if let Some(money) = Money::of_units(price.value) {
        return Some(money);
    }
    let says = format!("{} is not a price", price.value);
    item.spot("price")?.wrong(ComplaintCode::OutOfRange, says, "expected 0 to 1000000000 with at most two decimals")
}

/// `limits`: what has a price there has the same one here.
pub(super) fn costs(root: &Table<'_>, limits: Option<&Limits>) -> Option<Costs> {
    let budget = limits.and_then(|limits| limits.budget);
    let usual = Costs {
        per_dial: budget.map_or(0.0, |budget| budget.per_dial),
        per_talk_minute: budget.map_or(0.0, |budget| budget.per_talk_minute),
        ..Costs::default()
    };
    if !root.has("costs") {
        root.spot("costs");
        return Some(usual);
    }
    let table = root.table("costs")?;
    let free = |key| table.within(key, 0.0..=COST_MAX, 0.0);
    let shared = |key, budgeted: f64| {
        let given = sound(&table, key, |key| table.optional_within(key, 0.0..=COST_MAX))?;
        match given {
            // A campaign that is written out says both alike.
            Some(given) if budgeted > 0.0 && (given - budgeted).abs() > f64::EPSILON => {
                let says = format!("`{key}` is said in `limits.budget` already");
                table.spot(key)?.wrong(ComplaintCode::Conflict, says, "remove it here: it is the same price")
            }
            given => Some(given.unwrap_or(budgeted)),
        }
    };
    let per_sms = free("per_sms");
    let per_dial = shared("per_dial", usual.per_dial);
    let per_talk_minute = shared("per_talk_minute", usual.per_talk_minute);
    let (per_delivery, fixed) = (free("per_delivery"), free("fixed"));
    Some(Costs {
        per_sms: per_sms?,
        per_dial: per_dial?,
        per_talk_minute: per_talk_minute?,
        per_delivery: per_delivery?,
        fixed: fixed?,
    })
}
