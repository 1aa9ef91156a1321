//! From the document to typed values: one function for each section, then what they must agree on.

mod centre;
mod gateways;
mod sections;
mod telephony;

use std::collections::BTreeMap;
use std::path::Path;

use super::{Certificate, Codec, Config, Secret, secret};
use crate::model::document::{
    At, Complaint, ComplaintCode, Complaints, Document, Reader, SourceKind, Spot, Table, did_you_mean,
};
use crate::model::name::ProfileName;
use crate::model::profile::Profile;
use crate::model::profile_file;
use crate::model::settings::GroupSettings;

/// The whole configuration; `base` is the directory that relative paths start at. `None` after a complaint.
pub(super) fn config(root: &Table<'_>, base: &Path) -> Option<Config> {
    let installation = section(root, "installation").and_then(|table| sections::installation(&table));
    let data = section(root, "data").and_then(|table| sections::data(&table, base));
    let retention = section(root, "retention").and_then(|table| sections::retention(&table));
    let lists = section(root, "lists").and_then(|table| sections::lists(&table));
    let http = section(root, "http").and_then(|table| sections::http(&table, base));
    let access = section(root, "access").and_then(|table| sections::access(&table));
    let webhooks = section(root, "webhooks").and_then(|table| sections::webhooks(&table, base));
    let log = section(root, "log").and_then(|table| sections::log(&table));
    let sip = section(root, "sip").and_then(|table| telephony::sip(&table, base));
    let rtp = section(root, "rtp").and_then(|table| telephony::rtp(&table));
    let trunks = telephony::trunks(root, base);
    let phones = telephony::phones(root, base);
    let gateways = gateways::gateways(root, base);
    let prompts = section(root, "prompts").and_then(|table| centre::prompts(&table, base));
    let queues = centre::queues(root, prompts.as_ref());
    let groups = centre::groups(root, queues.as_ref());
    let numbers = section(root, "numbers").and_then(|table| centre::numbers(&table, queues.as_ref(), prompts.as_ref()));
    let spoken = match (&sip, &trunks) {
        (Some(sip), Some(trunks)) => telephony::spoken(root, sip, trunks),
        (_, _) => None,
    };
    let profiles = data.as_ref().and_then(|data| profiles(root, data.profiles.as_deref()));
    spoken?;
    Some(Config {
        installation: installation?,
        data: data?,
        retention: retention?,
        lists: lists?,
        http: http?,
        access: access?,
        webhooks: webhooks?,
        log: log?,
        sip: sip?,
        rtp: rtp?,
        trunks: trunks?,
        numbers: numbers?,
        queues: queues?,
        groups: groups?,
        phones: phones?,
        gateways: gateways?,
        prompts: prompts?,
        profiles: profiles?,
        settings_in_force: Vec::new(),
    })
}

/// An agent group with some keys of its gate changed, read as its section is. What is not changed is not judged again.
///
/// # Errors
/// What is wrong with the group as it would be, by key and value.
pub fn group_changed(group: &GroupSettings, changes: &[(String, String)]) -> Result<GroupSettings, Complaints> {
    let mut table = toml::Table::try_from(group).unwrap_or_default();
    table.retain(|key, _| key != "wrap_up_s" && key != "queues");
    let text = toml::to_string(&table).unwrap_or_default();
    let mut document = Document::parse(SourceKind::File, "the agent group", &text);
    for (key, value) in changes {
        document.set(SourceKind::Flag, key, std::slice::from_ref(key), value);
    }
    let reader = Reader::new(&document);
    let read = centre::group(&reader.root(), None);
    let changed = reader.finish(read)?;
    Ok(GroupSettings { wrap_up_s: group.wrap_up_s, queues: group.queues.clone(), ..changed })
}

fn section<'r>(root: &Table<'r>, key: &'static str) -> Option<Table<'r>> {
    root.required_table(key)
}

/// Shipped profiles, and those of the directory over them.
fn profiles(root: &Table<'_>, directory: Option<&Path>) -> Option<BTreeMap<ProfileName, Profile>> {
    let mut profiles = profile_file::shipped();
    let Some(directory) = directory else { return Some(profiles) };
    let table = root.table("data")?;
    // Its keys have been judged when the section was read.
    table.accept_rest();
    let spot = table.spot("profiles")?;
    let unreadable = |error: &std::io::Error| {
        let says = format!("{} cannot be read: {error}", directory.display());
        spot.wrong(ComplaintCode::WrongValue, says, "name a directory with profiles, *.toml")
    };
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => return unreadable(&error),
    };
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    let mut sound = true;
    for path in paths {
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => return unreadable(&error),
        };
        match profile_file::read(&path.display().to_string(), &text) {
            Ok(profile) => {
                profiles.insert(profile.name.clone(), profile);
            }
            Err(complaints) => {
                sound = false;
                let says = format!("a profile is wrong: {complaints}");
                spot.wrong::<()>(ComplaintCode::WrongValue, says, "mend it or move it away");
            }
        }
    }
    sound.then_some(profiles)
}

/// `certificate_file` and `key_file`, both or none.
fn certificate(table: &Table<'_>, base: &Path) -> Option<Option<Certificate>> {
    let certificate = table.optional_at::<String>("certificate_file");
    let key = table.optional_at::<String>("key_file");
    match (certificate, key) {
        (Some(certificate), Some(key)) => Some(Some(Certificate {
            certificate_file: Config::beside(base, &certificate.value),
            key_file: Config::beside(base, &key.value),
        })),
        (None, None) => (!table.has("certificate_file") && !table.has("key_file")).then_some(None),
        (Some(_), None) => {
            table.missing("key_file");
            None
        }
        (None, Some(_)) => {
            table.missing("certificate_file");
            None
        }
    }
}

/// `password` or the first line of `password_file`; `Some(None)` if there is neither.
fn password(table: &Table<'_>, base: &Path) -> Option<Option<Secret>> {
    let inline = table.spot("password");
    let file = table.spot("password_file");
    match (inline, file) {
        (None, None) => Some(None),
        (Some(spot), None) => match spot.text("a password in quotes")? {
            "" => spot.wrong(ComplaintCode::WrongValue, "the password is empty", "give one or remove the key"),
            text => Some(Some(Secret::new(text))),
        },
        (None, Some(spot)) => {
            let path = Config::beside(base, spot.text("the path of a file")?);
            match secret::first_line(&path) {
                Ok(password) => Some(Some(password)),
                Err(says) => spot.wrong(ComplaintCode::WrongValue, says, "its first line is the password"),
            }
        }
        (Some(_), Some(spot)) => {
            spot.wrong(ComplaintCode::Conflict, "there is a password and a password file", "remove one of them")
        }
    }
}

fn codecs(table: &Table<'_>, fallback: &[Codec]) -> Option<Vec<Codec>> {
    const WORDS: &[(&str, Codec)] = &[("pcmu", Codec::Pcmu), ("pcma", Codec::Pcma)];
    let Some(spot) = table.spot("codecs") else { return Some(fallback.to_vec()) };
    let mut codecs = Vec::new();
    for item in spot.items("a list of codecs")? {
        let codec = item.one_of(WORDS)?;
        if codecs.contains(&codec) {
            return item.wrong(
                ComplaintCode::Duplicate,
                format!("{} is named twice", item.shown()),
                "remove one of them",
            );
        }
        codecs.push(codec);
    }
    if codecs.is_empty() {
        return spot.wrong(ComplaintCode::WrongValue, "the list is empty", "name pcmu, pcma or both");
    }
    Some(codecs)
}

/// Reads a word or an address by its own parser.
fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    table: &Table<'_>,
    key: &'static str,
    expected: &str,
) -> Option<T> {
    match table.spot(key) {
        Some(spot) => spot.parsed(expected),
        None => {
            table.missing(key);
            None
        }
    }
}

/// The same where it may be left out: `Some(None)`.
fn parsed_if_there<T: std::str::FromStr<Err: std::fmt::Display>>(
    table: &Table<'_>,
    key: &'static str,
    expected: &str,
) -> Option<Option<T>> {
    match table.spot(key) {
        Some(spot) => spot.parsed(expected).map(Some),
        None => Some(None),
    }
}

/// Text that may be left out: `Some(None)`.
fn text_if_there(table: &Table<'_>, key: &'static str) -> Option<Option<String>> {
    match table.spot(key) {
        Some(spot) => spot.text("text in quotes").map(|text| Some(text.to_owned())),
        None => Some(None),
    }
}

/// Complains about a name that nothing has.
fn unknown_name(table: &Table<'_>, place: &At<String>, what: &str, known: &[&str]) {
    let says = format!("`{}` is not a {what}", place.value);
    let mut complaint = Complaint::new(ComplaintCode::UnknownName, place.place, &place.key, says);
    complaint.expected =
        did_you_mean(&place.value, known.iter().copied()).or_else(|| Some(format!("add a {what} of this name")));
    table.reader().complain(complaint);
}

fn at_spot(spot: &Spot<'_>, value: &str) -> At<String> {
    At { value: value.to_owned(), place: spot.place(), key: spot.key.clone() }
}
