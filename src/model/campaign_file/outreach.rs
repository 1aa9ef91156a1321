//! `[outreach]` of a campaign file: the messages that a campaign may start with.

use std::collections::BTreeMap;

use super::parts::list;
use super::selection::condition;
use super::{Known, refer, required_text, sound};
use crate::model::calendar::{DateText, read_hours};
use crate::model::calling_hours::WeeklyHours;
use crate::model::document::{At, Complaint, ComplaintCode, Table, did_you_mean};
use crate::model::message::PARTS_MAX;
use crate::model::name::{GatewayName, OutreachName};
use crate::model::outreach::{MessageRules, Outreach, Template, Variant};
use crate::model::profile::Profile;
use crate::model::selection::Selection;

/// Most messages a minute.
const PER_MINUTE_MAX: u32 = 600_000;
/// Largest share of a variant.
const SHARE_MAX: u32 = 1000;
/// The column of the recipient's language where nothing is said.
const LANGUAGE_COLUMN: &str = "language";

pub(super) fn read(
    root: &Table<'_>,
    rules: Option<&Profile>,
    known: Option<&Known>,
    leads: Option<&Selection>,
) -> Option<BTreeMap<OutreachName, Outreach>> {
    if !root.has("outreach") {
        root.spot("outreach");
        return Some(BTreeMap::new());
    }
    let mut all = BTreeMap::new();
    let mut sound = root.spot("outreach")?.is_table();
    for (name, table) in root.named("outreach") {
        match (self::name(&table, &name), outreach(&table, rules, known, leads)) {
            (Some(_), Some(outreach)) if outreach.has_link() && !root.has("landing") => {
                let says = "its texts have a link, and the campaign has no page for it";
                table.spot("variants")?.wrong::<()>(ComplaintCode::Conflict, says, "add [landing], or take {link} out");
                sound = false;
            }
            (Some(name), Some(outreach)) => {
                all.insert(name, outreach);
            }
            (_, _) => sound = false,
        }
    }
    sound.then_some(all)
}

fn name(table: &Table<'_>, name: &At<String>) -> Option<OutreachName> {
    name.value
        .parse()
        .map_err(|error: crate::model::name::NameError| {
            let complaint = Complaint::new(ComplaintCode::WrongValue, name.place, &name.key, error.to_string());
            table.reader().complain(complaint);
        })
        .ok()
}

fn outreach(
    table: &Table<'_>,
    rules: Option<&Profile>,
    known: Option<&Known>,
    leads: Option<&Selection>,
) -> Option<Outreach> {
    let list_name = required_text(table, "list");
    let only = list(table, "only", condition);
    let (gateway, sender) = way(table, known);
    let variants = variants(table, rules.map(|rules| &rules.messages));
    let language_column = table.or("language_column", LANGUAGE_COLUMN.to_owned());
    let language = sound(table, "language", |key| table.optional::<String>(key));
    let hours = hours(table, rules);
    let day = |key| sound(table, key, |key| table.optional::<DateText>(key).map(|date| date.0));
    let (first_day, last_day) = (day("first_day"), day("last_day"));
    let per_minute = sound(table, "per_minute", |key| table.optional_within(key, 1..=PER_MINUTE_MAX));
    let called_anyway = table.or("called_anyway", false);
    let variants = variants?;
    let language = usual_language(table, language?, &variants);
    let read = Outreach {
        list: list_name?,
        only: only?,
        gateway: gateway?,
        sender: sender?,
        variants,
        language_column: language_column?,
        language: language?,
        hours: hours?,
        first_day: first_day?,
        last_day: last_day?,
        per_minute: per_minute?,
        called_anyway: called_anyway?,
    };
    if let (Some(first), Some(last)) = (read.first_day, read.last_day)
        && first > last
    {
        let says = format!("the last day, {last}, lies before the first, {first}");
        return table.spot("last_day")?.wrong(ComplaintCode::Conflict, says, "write the later day last");
    }
    if let Some(leads) = leads
        && !read.called_anyway
        && !leads.after_reply.contains(&read.list)
    {
        let says = format!("the people of `{}` would be called without having replied", read.list);
        let expected = "name the list in `leads.after_reply`, or write `called_anyway = true`";
        return table.spot("list")?.wrong(ComplaintCode::Conflict, says, expected);
    }
    Some(read)
}

fn way(table: &Table<'_>, known: Option<&Known>) -> (Option<Option<GatewayName>>, Option<Option<String>>) {
    let gateway = sound(table, "gateway", |key| {
        let at = table.optional_at::<GatewayName>(key)?;
        let names = known.map(|known| known.gateways.keys().cloned().collect());
        Some(refer(table, at, "SMS gateway", names.as_ref()))
    });
    let sender = sound(table, "sender", |key| table.optional::<String>(key));
    if let (Some(known), Some(Some(gateway)), Some(Some(sender))) = (known, &gateway, &sender)
        && let Some(senders) = known.gateways.get(gateway)
        && !senders.contains(sender)
        && let Some(spot) = table.spot("sender")
    {
        let says = format!("`{sender}` is not a sender of {gateway}");
        spot.wrong::<()>(ComplaintCode::UnknownName, says, format!("expected one of: {}", senders.join(", ")));
        return (Some(Some(gateway.clone())), None);
    }
    (gateway, sender)
}

fn hours(table: &Table<'_>, rules: Option<&Profile>) -> Option<Option<WeeklyHours>> {
    if !table.has("hours") {
        table.spot("hours");
        return Some(None);
    }
    let hours = read_hours(&table.table("hours")?)?;
    let never = hours.is_never_open() || rules.is_some_and(|rules| hours.intersect(&rules.hours).is_never_open());
    if never {
        let says = "no message could ever leave in these hours";
        let expected = "name at least one weekday with a span within the profile's hours";
        return table.spot("hours")?.wrong(ComplaintCode::Conflict, says, expected);
    }
    Some(Some(hours))
}

fn usual_language(
    table: &Table<'_>,
    named: Option<String>,
    variants: &BTreeMap<OutreachName, Variant>,
) -> Option<String> {
    let first = variants.values().next()?;
    let language = match (named, first.text.len()) {
        (Some(named), _) => named,
        (None, 1) => first.text.keys().next()?.clone(),
        (None, _) => {
            table.missing("language");
            return None;
        }
    };
    for (name, variant) in variants {
        if !variant.text.contains_key(&language) {
            let says = format!("the variant `{name}` has no text in `{language}`");
            let expected = "whoever's language is not known gets that one";
            return table.spot("variants")?.wrong(ComplaintCode::Conflict, says, expected);
        }
    }
    Some(language)
}

fn variants(table: &Table<'_>, rules: Option<&MessageRules>) -> Option<BTreeMap<OutreachName, Variant>> {
    let Some(spot) = table.spot("variants") else {
        table.missing("variants");
        return None;
    };
    let mut variants = BTreeMap::new();
    let mut sound = spot.is_table();
    for (name, inner) in table.named("variants") {
        match (self::name(&inner, &name), variant(&inner, rules)) {
            (Some(name), Some(variant)) => {
                variants.insert(name, variant);
            }
            (_, _) => sound = false,
        }
    }
    if !sound {
        return None;
    }
    if variants.values().all(|variant| variant.share == 0) {
        let says = "there is no variant with a share";
        return spot.wrong(ComplaintCode::WrongValue, says, "give one, such as [outreach.NAME.variants.a.text]");
    }
    Some(variants)
}

fn variant(table: &Table<'_>, rules: Option<&MessageRules>) -> Option<Variant> {
    let share = table.within("share", 0..=SHARE_MAX, 1);
    let texts = table.required_table("text")?;
    let mut text = BTreeMap::new();
    let mut sound = true;
    for (language, spot) in texts.entries() {
        let read = spot.text("a text in quotes").and_then(|written| {
            let template = match Template::parse(written) {
                Ok(template) => template,
                Err(fault) => return spot.wrong(ComplaintCode::WrongValue, fault.to_string(), "fields are {column}"),
            };
            if written.trim().is_empty() {
                return spot.wrong(ComplaintCode::WrongValue, "the text is empty", "write something");
            }
            if !template.can_fit() {
                let says = format!("it takes {} SMS", template.parts_min());
                return spot.wrong(ComplaintCode::OutOfRange, says, format!("expected at most {PARTS_MAX}"));
            }
            if let Some(lacking) = rules.and_then(|rules| rules.lacks(written)) {
                let says = "the text lacks what the profile asks for";
                return spot.wrong(ComplaintCode::Conflict, says, lacking.to_string());
            }
            Some(template)
        });
        let tag = language.value.to_ascii_lowercase();
        let is_tag = !tag.is_empty() && tag.len() <= 16 && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !is_tag || text.contains_key(&tag) {
            let says = format!("`{}` is no language, or is there twice", language.value);
            let expected = did_you_mean(&tag, ["zh", "en"]).unwrap_or_else(|| "such as `zh`, `en`, `zh-tw`".to_owned());
            let complaint = Complaint::new(ComplaintCode::WrongValue, language.place, &language.key, says);
            table.reader().complain(complaint.expecting(expected));
            sound = false;
        }
        match read {
            Some(template) => {
                text.insert(tag, template);
            }
            None => sound = false,
        }
    }
    if sound && text.is_empty() {
        let says = "there is no text";
        return table.spot("text")?.wrong(ComplaintCode::WrongValue, says, "write one, such as zh = \"…\"");
    }
    sound.then_some(())?;
    Some(Variant { share: share?, text })
}
