//! Sections without names: installation, data, retention, lists, http, access, webhooks, log.

use std::net::IpAddr;
use std::path::Path;

use super::{certificate, parsed, parsed_if_there, password, text_if_there};
use crate::config::{Access, Config, Data, Http, Installation, Lists, Log, Network, Retention, Tls, Webhooks};
use crate::model::database::{AddressFault, DatabasePlace};
use crate::model::document::{ComplaintCode, Table};

/// A century; more is a slip.
const DAYS_MAX: u32 = 36_500;
/// A year: by then an import's leads are history.
const UNDO_HOURS_MAX: u32 = 366 * 24;
/// Most reasons for not being ready: they are shown as a menu.
const REASONS_MAX: usize = 30;
/// Most tries of one delivery, and the longest wait between two, in seconds: a week.
const WAITS_MAX: usize = 20;
const WAIT_MAX_S: u32 = 7 * 86_400;

pub(super) fn installation(table: &Table<'_>) -> Option<Installation> {
    let title = table.required("title");
    let zone = table.required("zone");
    let region = parsed(table, "region", "a country such as CN");
    let reasons: Option<Vec<String>> = table.required("not_ready_reasons");
    if let (Some(reasons), Some(spot)) = (&reasons, table.spot("not_ready_reasons"))
        && !(1..=REASONS_MAX).contains(&reasons.len())
    {
        let says = format!("there are {} reasons", reasons.len());
        return spot.wrong(ComplaintCode::OutOfRange, says, format!("expected 1 to {REASONS_MAX}"));
    }
    Some(Installation { title: title?, zone: zone?, region: region?, not_ready_reasons: reasons? })
}

pub(super) fn data(table: &Table<'_>, base: &Path) -> Option<Data> {
    let directory = table.required::<String>("directory").map(|path| Config::beside(base, &path));
    let database = directory.as_deref().and_then(|directory| database(table, base, directory));
    let recordings: Option<String> = table.required("recordings");
    let profiles = text_if_there(table, "profiles");
    let directory = directory?;
    Some(Data {
        database: database?,
        recordings: directory.join(recordings?),
        profiles: profiles?.map(|path| Config::beside(base, &path)),
        directory,
    })
}

fn database(table: &Table<'_>, base: &Path, directory: &Path) -> Option<DatabasePlace> {
    let text: Option<String> = table.required("database");
    let password = password(table, base);
    let (text, password) = (text?, password?);
    let spot = table.spot("database");
    let wrong = |says: &str, expected: &str| match &spot {
        Some(spot) => spot.wrong(ComplaintCode::WrongValue, says, expected),
        None => None,
    };
    match DatabasePlace::read(&text, directory) {
        Ok(place @ DatabasePlace::Server(_)) => {
            Some(place.with_password(password.map(|password| password.reveal().to_owned())))
        }
        // A file asks for none: one that is there anyway is that of the server used before, or later.
        Ok(place @ DatabasePlace::File(_)) => Some(place),
        Err(AddressFault::Password) => wrong(
            "the address has a password in it, and addresses are shown",
            "an address without one, and password_file beside it",
        ),
        Err(AddressFault::NoDatabase) => {
            wrong("the address names no database", "an address such as postgres://lull@db.example/lull")
        }
    }
}

pub(super) fn retention(table: &Table<'_>) -> Option<Retention> {
    // Attempt caps look back 31 days.
    let attempts_days = table.required_within("attempts_days", 31..=DAYS_MAX);
    let recordings_days = table.required_within("recordings_days", 1..=DAYS_MAX);
    let journal_days = table.required_within("journal_days", 1..=DAYS_MAX);
    let decisions_days = table.required_within("decisions_days", 1..=DAYS_MAX);
    let webhooks_days = table.required_within("webhooks_days", 1..=DAYS_MAX);
    let exports_days = table.required_within("exports_days", 1..=DAYS_MAX);
    let imports_days = table.required_within("imports_days", 1..=DAYS_MAX);
    let messages_days = table.required_within("messages_days", 1..=DAYS_MAX);
    let orders_days = table.required_within("orders_days", 1..=DAYS_MAX);
    Some(Retention {
        attempts_days: attempts_days?,
        recordings_days: recordings_days?,
        journal_days: journal_days?,
        decisions_days: decisions_days?,
        webhooks_days: webhooks_days?,
        exports_days: exports_days?,
        imports_days: imports_days?,
        messages_days: messages_days?,
        orders_days: orders_days?,
    })
}

pub(super) fn lists(table: &Table<'_>) -> Option<Lists> {
    Some(Lists { undo_hours: table.required_within("undo_hours", 0..=UNDO_HOURS_MAX)? })
}

pub(super) fn http(table: &Table<'_>, base: &Path) -> Option<Http> {
    #[derive(Clone, Copy, PartialEq)]
    enum Kind {
        Off,
        SelfSigned,
        Files,
    }
    const KINDS: &[(&str, Kind)] = &[("off", Kind::Off), ("self_signed", Kind::SelfSigned), ("files", Kind::Files)];
    let listen = parsed(table, "listen", "an address and a port such as 127.0.0.1:8080");
    let metrics_listen = parsed_if_there(table, "metrics_listen", "an address and a port such as 127.0.0.1:9464");
    let landing_listen = parsed_if_there(table, "landing_listen", "an address and a port such as 0.0.0.0:8443");
    let trusted_proxies = proxies(table);
    let kind = table.word("tls", KINDS, Kind::Off);
    let certificate = certificate(table, base);
    let public_url = url(table, "public_url");
    let landing_url = url(table, "landing_url").and_then(|url| at_the_root(table, url));
    let tls = match (kind?, certificate?) {
        (Kind::Off, _) => Tls::Off,
        (Kind::SelfSigned, _) => Tls::SelfSigned,
        (Kind::Files, Some(certificate)) => Tls::Files(certificate),
        (Kind::Files, None) => {
            table.missing("certificate_file");
            return None;
        }
    };
    Some(Http {
        listen: listen?,
        tls,
        public_url: public_url?,
        metrics_listen: metrics_listen?,
        landing_listen: landing_listen?,
        landing_url: landing_url?,
        trusted_proxies: trusted_proxies?,
    })
}

fn url(table: &Table<'_>, key: &'static str) -> Option<Option<String>> {
    let found = text_if_there(table, key);
    if let (Some(Some(url)), Some(spot)) = (&found, table.spot(key))
        && !(url.starts_with("https://") || url.starts_with("http://"))
    {
        return spot.wrong(ComplaintCode::WrongValue, format!("`{url}` is not an address"), "begin it with https://");
    }
    found
}

/// The forms of landing pages go to `/r/…` and `/p/…`, whatever stands before.
fn at_the_root(table: &Table<'_>, url: Option<String>) -> Option<Option<String>> {
    let has_path = |url: &String| {
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        rest.trim_end_matches('/').contains(['/', '?', '#'])
    };
    if let (Some(url), Some(spot)) = (url.as_ref().filter(|url| has_path(url)), table.spot("landing_url")) {
        let expected = "expected a name and perhaps a port, such as https://go.example.com";
        return spot.wrong(ComplaintCode::WrongValue, format!("`{url}` has a path"), expected);
    }
    Some(url)
}

fn proxies(table: &Table<'_>) -> Option<Vec<IpAddr>> {
    const EXPECTED: &str = "an IP address such as 127.0.0.1";
    let given: Vec<String> = table.required("trusted_proxies")?;
    let spot = table.spot("trusted_proxies")?;
    let read = |text: &String| {
        let read = text.parse().ok();
        read.or_else(|| spot.wrong(ComplaintCode::WrongValue, format!("`{text}` is not an address"), EXPECTED))
    };
    given.iter().map(read).collect()
}

pub(super) fn access(table: &Table<'_>) -> Option<Access> {
    let session_idle_s = table.required_within("session_idle_s", 60..=30 * 86_400);
    let session_max_s = table.required_within("session_max_s", 60..=30 * 86_400);
    let logins_per_minute = table.required_within("logins_per_minute", 1..=1000);
    let password_length_min = table.required_within("password_length_min", 8..=64);
    if let (Some(idle), Some(max), Some(spot)) = (session_idle_s, session_max_s, table.spot("session_max_s"))
        && idle > max
    {
        let says = format!("{max} s is shorter than session_idle_s, {idle} s");
        return spot.wrong(ComplaintCode::Conflict, says, "make it at least as long");
    }
    Some(Access {
        session_idle_s: session_idle_s?,
        session_max_s: session_max_s?,
        logins_per_minute: logins_per_minute?,
        password_length_min: password_length_min?,
    })
}

pub(super) fn webhooks(table: &Table<'_>, base: &Path) -> Option<Webhooks> {
    let allow_private: Option<Vec<Network>> = table.required("allow_private");
    let authorities_file = text_if_there(table, "authorities_file");
    let timeout_s = table.required_within("timeout_s", 1..=60);
    let disable_after_h = table.required_within("disable_after_h", 1..=24 * 365);
    let retry_after_s: Option<Vec<u32>> = table.required("retry_after_s");
    if let (Some(waits), Some(spot)) = (&retry_after_s, table.spot("retry_after_s")) {
        let expected = || format!("expected at most {WAITS_MAX} waits of 1 to {WAIT_MAX_S} s");
        if waits.len() > WAITS_MAX {
            return spot.wrong(ComplaintCode::OutOfRange, format!("there are {} waits", waits.len()), expected());
        }
        if let Some(wait) = waits.iter().find(|wait| !(1..=WAIT_MAX_S).contains(*wait)) {
            return spot.wrong(ComplaintCode::OutOfRange, format!("there is a wait of {wait} s"), expected());
        }
    }
    Some(Webhooks {
        allow_private: allow_private?,
        authorities_file: authorities_file?.map(|path| Config::beside(base, &path)),
        timeout_s: timeout_s?,
        retry_after_s: retry_after_s?,
        disable_after_h: disable_after_h?,
    })
}

pub(super) fn log(table: &Table<'_>) -> Option<Log> {
    let level =
        parsed::<tracing_subscriber::EnvFilter>(table, "level", "a level such as info, or info,lull::sip=debug");
    let level = level.and_then(|_| table.required("level"));
    let json = table.word("format", &[("text", false), ("json", true)], false);
    Some(Log { level: level?, json: json? })
}
