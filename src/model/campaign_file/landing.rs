//! `[landing]` of a campaign file: the page on which customers pre-register themselves.

use super::parts::texts;
use super::replies::{Terms, terms};
use super::{Known, refer, required_text, sound};
use crate::model::campaign::{LINK_DAYS, Landing, LandingText};
use crate::model::document::{ComplaintCode, Table};

/// Longest texts, in characters: a page is read on a phone, and what is agreed to must be read at all.
const HEADLINE_MAX: usize = 80;
const TEXT_MAX: usize = 2000;
const CONSENT_MAX: usize = 1000;
const DONE_MAX: usize = 500;
/// How long a link holds where nothing else is said, and at most, in days.
const LINK_DAYS_MAX: u32 = 365;
/// Most sites that may show the page: they stand in a header of each answer.
const SITES_MAX: usize = 20;

pub(super) fn read(root: &Table<'_>, known: Option<&Known>) -> Option<Option<Landing>> {
    if !root.has("landing") {
        root.spot("landing");
        return Some(None);
    }
    let table = root.table("landing")?;
    let zh = words(&table, "zh");
    let en = words(&table, "en");
    let terms = terms(&table, "web");
    let link_days = table.within("link_days", 1..=LINK_DAYS_MAX, LINK_DAYS);
    let for_everybody = table.or("for_everybody", true);
    let gateways = known.map(|known| known.gateways.keys().cloned().collect());
    let gateway = sound(&table, "gateway", |key| table.optional_at(key));
    let gateway = gateway.map(|at| at.map(|at| refer(&table, at, "SMS gateway", gateways.as_ref())));
    let embed_from = sites(&table);
    let (zh, en) = (zh?, en?);
    if zh.is_none() && en.is_none() {
        let says = "the page has no words";
        return root.spot("landing")?.wrong(ComplaintCode::MissingKey, says, "add [landing.zh] or [landing.en]");
    }
    let Terms { consent_version, consent_days, priority, list } = terms?;
    Some(Some(Landing {
        zh,
        en,
        consent_version,
        consent_days,
        priority,
        list,
        link_days: link_days?,
        for_everybody: for_everybody?,
        gateway: gateway?,
        embed_from: embed_from?,
    }))
}

fn words(landing: &Table<'_>, language: &'static str) -> Option<Option<LandingText>> {
    if !landing.has(language) {
        landing.spot(language);
        return Some(None);
    }
    let table = landing.table(language)?;
    let headline = short(&table, "headline", HEADLINE_MAX);
    let text = short(&table, "text", TEXT_MAX);
    let consent = short(&table, "consent", CONSENT_MAX);
    let done = if table.has("done") {
        short(&table, "done", DONE_MAX).map(Some)
    } else {
        table.spot("done");
        Some(None)
    };
    Some(Some(LandingText { headline: headline?, text: text?, consent: consent?, done: done? }))
}

fn short(table: &Table<'_>, key: &'static str, max: usize) -> Option<String> {
    let text = required_text(table, key)?;
    let length = text.chars().count();
    if length > max {
        let says = format!("it has {length} characters");
        return table.spot(key)?.wrong(ComplaintCode::OutOfRange, says, format!("expected at most {max}"));
    }
    Some(text)
}

fn sites(table: &Table<'_>) -> Option<Vec<String>> {
    if !table.has("embed_from") {
        table.spot("embed_from");
        return Some(Vec::new());
    }
    let sites = texts(table, "embed_from")?;
    let spot = table.spot("embed_from")?;
    if sites.len() > SITES_MAX {
        let says = format!("there are {} sites", sites.len());
        return spot.wrong(ComplaintCode::OutOfRange, says, format!("expected at most {SITES_MAX}"));
    }
    if let Some(wrong) = sites.iter().find(|site| !is_origin(site)) {
        let says = format!("`{wrong}` is not the origin of a site");
        let expected = "expected https://, a name and perhaps a port, such as https://www.example.com";
        return spot.wrong(ComplaintCode::WrongValue, says, expected);
    }
    Some(sites)
}

/// `https://NAME[:PORT]`, or `http://` on this very machine. It stands in a header of each answer: no other sign may be in it.
fn is_origin(site: &str) -> bool {
    let (rest, safe) = match (site.strip_prefix("https://"), site.strip_prefix("http://")) {
        (Some(rest), _) => (rest, true),
        (None, Some(rest)) => (rest, false),
        (None, None) => return false,
    };
    let (name, port) = rest.split_once(':').map_or((rest, None), |(name, port)| (name, Some(port)));
    let named =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    let ported = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    named && ported && (safe || matches!(name, "localhost" | "127.0.0.1"))
}
