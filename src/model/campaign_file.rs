//! Campaigns as people write them: reading a file, with every complaint at once, and writing one.
//!
//! `campaigns/README.md` is the reference of the keys; a test holds that it names exactly those this module reads. Not
//! the campaign itself, which is [`Campaign`]. Read [`read`], [`Known`] and [`write`] first.

mod landing;
mod numbers;
mod order;
mod outreach;
mod pacing;
mod parts;
mod pre_registration;
mod replies;
mod schema;
mod selection;

pub use pacing::{PacingDefaults, pacing};
pub use schema::schema;

use std::collections::{BTreeMap, BTreeSet};

use super::calendar::{read_hours, write_hours};
use super::calling_hours::WeeklyHours;
use super::campaign::{Assignment, Campaign};
use super::document::{At, ComplaintCode, Complaints, Document, Reader, SourceKind, Spot, Table, did_you_mean};
use super::name::{GatewayName, GroupName, ProfileName, PromptName, TrunkName};
use super::phone::PhoneNumber;
use super::profile::Profile;

/// Abandoned share where neither the campaign nor a known profile says otherwise: the strictest common rule.
const ABANDON_RATE_MAX: f64 = 0.03;
/// Longest ringing, in seconds. Networks end it themselves well before.
const RING_TIMEOUT_S_MAX: u32 = 120;
/// Longest wrap-up, in seconds.
const WRAP_UP_S_MAX: u32 = 3600;
/// Most attempts for one lead.
const ATTEMPTS_MAX: u32 = 100;

/// A live campaign is held to its abandon budget, and forgets no idle agent.
const PRODUCTION: PacingDefaults = PacingDefaults { safeguards: true };

/// What the installation has, for a campaign to refer to.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Compliance profiles.
    pub profiles: BTreeMap<ProfileName, Profile>,
    /// Agent groups that may take outbound calls.
    pub groups: BTreeSet<GroupName>,
    /// Trunks.
    pub trunks: BTreeSet<TrunkName>,
    /// Prompts.
    pub prompts: BTreeSet<PromptName>,
    /// Numbers that belong to the installation and may be shown to customers.
    pub numbers: BTreeSet<PhoneNumber>,
    /// SMS gateways, with their senders.
    pub gateways: BTreeMap<GatewayName, Vec<String>>,
    /// What addresses of landing pages begin with; `None`: it is not said where people find them.
    pub landing_url: Option<String>,
}

/// Reads a campaign file. `file` is how complaints call it; without `known`, what it refers to is not looked up.
pub fn read(file: &str, text: &str, known: Option<&Known>) -> Result<Campaign, Complaints> {
    let document = Document::parse(SourceKind::File, file, text);
    let reader = Reader::new(&document);
    let campaign = campaign(&reader.root(), known);
    reader.finish(campaign)
}

/// Writes a campaign as a file that [`read`] reads back to the same campaign.
pub fn write(campaign: &Campaign) -> Result<String, toml::ser::Error> {
    let mut table = toml::Table::try_from(campaign)?;
    table.insert("hours".into(), toml::Value::Table(write_hours(&campaign.hours)));
    if !campaign.numbers.hours.is_empty()
        && let Some(toml::Value::Table(numbers)) = table.get_mut("numbers")
    {
        let of_kinds = campaign.numbers.hours.iter();
        let hours = of_kinds.map(|(kind, hours)| (kind.as_str().to_owned(), toml::Value::Table(write_hours(hours))));
        numbers.insert("hours".into(), toml::Value::Table(hours.collect()));
    }
    for (name, outreach) in &campaign.outreach {
        let Some(toml::Value::Table(all)) = table.get_mut("outreach") else { continue };
        let (Some(toml::Value::Table(written)), Some(hours)) = (all.get_mut(name.as_str()), &outreach.hours) else {
            continue;
        };
        written.insert("hours".into(), toml::Value::Table(write_hours(hours)));
    }
    toml::to_string_pretty(&table)
}

/// A campaign with some keys changed, read as [`read`] reads a file: each change is the path of a key, such as `pacing`,
/// `mode`, and its value as a person writes it. The time for wrapping up is not judged again.
///
/// # Errors
/// What is wrong with the campaign as it would be, by key and value.
pub fn changed(
    campaign: &Campaign,
    changes: &[(Vec<String>, String)],
    known: Option<&Known>,
) -> Result<Campaign, Complaints> {
    let usual = Campaign { wrap_up_s: 0, ..campaign.clone() };
    let text = write(&usual).unwrap_or_default();
    let mut document = Document::parse(SourceKind::File, "the campaign", &text);
    for (path, value) in changes {
        document.set(SourceKind::Flag, &path.join("."), path, value);
    }
    let reader = Reader::new(&document);
    let read = self::campaign(&reader.root(), known);
    let changed = reader.finish(read)?;
    Ok(Campaign { wrap_up_s: campaign.wrap_up_s, ..changed })
}

fn campaign(root: &Table<'_>, known: Option<&Known>) -> Option<Campaign> {
    let key = root.required("key");
    let title = required_text(root, "title");
    let offer = root.required_table("offer").and_then(|table| parts::offer(&table));
    let script = parts::script(root);
    let questionnaire = parts::questionnaire(root);
    let results = parts::results(root);
    let pacing = root.required_table("pacing").and_then(|table| pacing(&table, PRODUCTION));
    let group =
        root.required_at("group").map(|group| refer(root, group, "outbound agent group", known.map(|k| &k.groups)));
    let idle_threshold_min = sound(root, "idle_threshold_min", |key| root.optional_within(key, 0.0..=1.0));
    let assignment = root.word("assignment", ASSIGNMENTS, Assignment::default());
    let (profile, rules) = profile(root, known);
    let hours = root.required_table("hours").and_then(|table| hours(root, &table, rules));
    let caller_id = caller_id(root, known);
    let caller_ids = parts::caller_ids(root, caller_id.as_ref(), known);
    let limits = parts::limits(root);
    let leads = selection::read(root);
    let numbers = numbers::read(root);
    let schedule = parts::schedule(root);
    let trunks = trunks(root, known);
    let ring_timeout_s = ring_timeout(root, rules);
    let cancel_before_ring_min = root.or("cancel_before_ring_min", false);
    let may_cancel_ringing = root.or("may_cancel_ringing", true);
    let retry = parts::retry(root);
    let attempt_caps = super::profile_file::read_caps(root);
    let attempts_max = root.within("attempts_max", 1..=ATTEMPTS_MAX, 5);
    let abandon_rate_max = abandon_rate(root, rules);
    let wrap_up_s = root.within("wrap_up_s", 0..=WRAP_UP_S_MAX, 30);
    let priority = root.within("priority", 0..=99, 50);
    let tier = root.within("tier", 1..=5, 1);
    let detect_machines = root.or("detect_machines", false);
    let recording = parts::recording(root, known);
    let callbacks = parts::callbacks(root);
    let replies = replies::read(root);
    let outreach = outreach::read(root, rules, known, leads.as_ref());
    let landing = landing::read(root, known);
    let pre_registration = pre_registration::read(root);
    let order = order::order(root);
    let costs = order::costs(root, limits.as_ref());
    let information_message = root
        .required_at("information_message")
        .map(|prompt| refer(root, prompt, "prompt", known.map(|known| &known.prompts)));
    Some(Campaign {
        key: key?,
        title: title?,
        offer: offer?,
        script: script?,
        questionnaire: questionnaire?,
        results: results?,
        hours: hours?,
        pacing: pacing?,
        group: group?,
        idle_threshold_min: idle_threshold_min?,
        assignment: assignment?,
        profile: profile?,
        caller_id: caller_id?,
        caller_ids: caller_ids?,
        trunks: trunks?,
        ring_timeout_s: ring_timeout_s?,
        cancel_before_ring_min: cancel_before_ring_min?,
        may_cancel_ringing: may_cancel_ringing?,
        limits: limits?,
        leads: leads?,
        numbers: numbers?,
        schedule: schedule?,
        retry: retry?,
        attempt_caps: attempt_caps?,
        attempts_max: attempts_max?,
        abandon_rate_max: abandon_rate_max?,
        wrap_up_s: wrap_up_s?,
        priority: priority?,
        tier: tier?,
        detect_machines: detect_machines?,
        recording: recording?,
        callbacks: callbacks?,
        replies: replies?,
        outreach: outreach?,
        landing: landing?,
        pre_registration: pre_registration?,
        order: order?,
        costs: costs?,
        information_message: information_message?,
    })
}

const ASSIGNMENTS: &[(&str, Assignment)] = &[("random", Assignment::Random), ("longest_idle", Assignment::LongestIdle)];

/// Tells a value that was left out, `Some(None)`, from one that was complained about, `None`.
fn sound<T>(table: &Table<'_>, key: &'static str, read: impl FnOnce(&'static str) -> Option<T>) -> Option<Option<T>> {
    let there = table.has(key);
    match read(key) {
        Some(value) => Some(Some(value)),
        None if there => None,
        None => Some(None),
    }
}

fn required_text(table: &Table<'_>, key: &'static str) -> Option<String> {
    let text = table.required_at::<String>(key)?;
    if text.value.trim().is_empty() {
        let spot = table.spot(key)?;
        return spot.wrong(ComplaintCode::WrongValue, "the text is empty", "write something");
    }
    Some(text.value)
}

/// Complains if the name is not among those known. The name is given back all the same: the complaint stands.
fn refer<T: Ord + std::fmt::Display>(table: &Table<'_>, name: At<T>, what: &str, known: Option<&BTreeSet<T>>) -> T {
    if let Some(known) = known
        && !known.contains(&name.value)
    {
        let says = format!(
            "`{}` is not {} {what} of this installation",
            name.value,
            if what.starts_with(['o', 'S']) { "an" } else { "a" }
        );
        let names: Vec<String> = known.iter().map(T::to_string).collect();
        let mut complaint = super::document::Complaint::new(ComplaintCode::UnknownName, name.place, &name.key, says);
        complaint.expected = did_you_mean(&name.value.to_string(), names.iter().map(String::as_str))
            .or_else(|| Some("look it up in the configuration".to_owned()));
        table.reader().complain(complaint);
    }
    name.value
}

fn profile<'k>(root: &Table<'_>, known: Option<&'k Known>) -> (Option<ProfileName>, Option<&'k Profile>) {
    let Some(at) = root.required_at::<ProfileName>("profile") else { return (None, None) };
    let Some(known) = known else { return (Some(at.value), None) };
    let names: BTreeSet<ProfileName> = known.profiles.keys().cloned().collect();
    let rules = known.profiles.get(&at.value);
    (Some(refer(root, at, "profile", Some(&names))), rules)
}

fn hours(root: &Table<'_>, table: &Table<'_>, rules: Option<&Profile>) -> Option<WeeklyHours> {
    let hours = read_hours(table)?;
    let spot = root.spot("hours")?;
    if hours.is_never_open() {
        return spot.wrong(
            ComplaintCode::WrongValue,
            "the hours are never open",
            "name at least one weekday with a span",
        );
    }
    if let Some(rules) = rules
        && hours.intersect(&rules.hours).is_never_open()
    {
        let says = format!("the hours never meet those of the profile `{}`", rules.name);
        return spot.wrong(ComplaintCode::Conflict, says, "choose hours within the profile's");
    }
    Some(hours)
}

fn caller_id(root: &Table<'_>, known: Option<&Known>) -> Option<PhoneNumber> {
    let at = root.required_at::<PhoneNumber>("caller_id")?;
    own_number(at.value, &root.spot("caller_id")?, known)
}

/// A number that calls arrive at: customers call back what they are shown.
fn own_number(number: PhoneNumber, spot: &Spot<'_>, known: Option<&Known>) -> Option<PhoneNumber> {
    if let Some(known) = known
        && !known.numbers.contains(&number)
    {
        let says = format!("{} is not a number of this installation", number.as_str());
        let numbers = known.numbers.iter().map(PhoneNumber::as_str);
        let expected = did_you_mean(number.as_str(), numbers)
            .unwrap_or_else(|| "add it to [numbers] of the configuration if calls to it arrive here".to_owned());
        return spot.wrong(ComplaintCode::UnknownName, says, expected);
    }
    Some(number)
}

fn trunks(root: &Table<'_>, known: Option<&Known>) -> Option<Vec<TrunkName>> {
    let spot = root.spot("trunks").or_else(|| {
        root.missing("trunks");
        None
    })?;
    let mut trunks: Vec<TrunkName> = Vec::new();
    for item in spot.items("a list of names of trunks")? {
        let name: TrunkName = item.parsed("the name of a trunk")?;
        if trunks.contains(&name) {
            return item.wrong(ComplaintCode::Duplicate, format!("`{name}` is named twice"), "remove one of them");
        }
        let at = At { value: name, place: item.place(), key: item.key.clone() };
        trunks.push(refer(root, at, "trunk", known.map(|known| &known.trunks)));
    }
    if trunks.is_empty() {
        return spot.wrong(ComplaintCode::WrongValue, "the list is empty", "name at least one trunk");
    }
    Some(trunks)
}

fn ring_timeout(root: &Table<'_>, rules: Option<&Profile>) -> Option<u32> {
    let seconds = root.required_within("ring_timeout_s", 5..=RING_TIMEOUT_S_MAX)?;
    if let Some(rules) = rules
        && f64::from(seconds) < rules.ring_min_s
    {
        let says = format!("{seconds} s is shorter than the profile `{}` allows", rules.name);
        let expected = format!("let it ring for at least {} s", rules.ring_min_s);
        return root.spot("ring_timeout_s")?.wrong(ComplaintCode::Conflict, says, expected);
    }
    Some(seconds)
}

fn abandon_rate(root: &Table<'_>, rules: Option<&Profile>) -> Option<f64> {
    let allowed = rules.map_or(ABANDON_RATE_MAX, |rules| rules.abandon_rate_max);
    let rate = root.within("abandon_rate_max", 0.0..=1.0, allowed)?;
    if let Some(rules) = rules
        && rate > allowed
    {
        let says = format!("{rate} is more than the profile `{}` allows", rules.name);
        return root.spot("abandon_rate_max")?.wrong(
            ComplaintCode::Conflict,
            says,
            format!("expected at most {allowed}"),
        );
    }
    Some(rate)
}

/// A name for a column: lower-case letters, digits and `_`, beginning with a letter.
fn column_name(spot: &Spot<'_>, taken: &mut BTreeSet<String>) -> Option<String> {
    /// Fits the column of a spreadsheet and of a report.
    const LENGTH_MAX: usize = 40;
    let text = spot.text("a name in quotes")?;
    let shaped = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && text.len() <= LENGTH_MAX;
    if !shaped {
        let expected = "expected lower-case letters, digits and `_`, beginning with a letter, at most 40 of them";
        return spot.wrong(ComplaintCode::WrongValue, format!("{} cannot be a column name", spot.shown()), expected);
    }
    if !taken.insert(text.to_owned()) {
        return spot.wrong(ComplaintCode::Duplicate, format!("`{text}` is used twice"), "give each its own name");
    }
    Some(text.to_owned())
}

#[cfg(test)]
mod tests;
