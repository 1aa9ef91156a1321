//! Questions about a simulated day whose journal lies in a folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::{Ask, Note, Progress, Told, WhatifError, ask, page, table};
use crate::engine::replay::Entry;
use crate::runtime::journal::Header;
use crate::sim::scenario::wiring::campaign_key;
use crate::sim::tests::rehearsal::{DAY, journal};
pub(crate) use crate::sim::tests::rehearsal::{MIDNIGHT, end};

/// Writes the journal of the simulated day into a folder, as the service does; gives its file.
pub(crate) fn write(folder: &Path) -> PathBuf {
    let (seed, entries, _) = journal(DAY);
    written(folder, seed, &entries)
}

fn written(folder: &Path, seed: u64, entries: &[Entry]) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let begun = entries[0].timestamp;
    let program = env!("CARGO_PKG_VERSION").to_owned();
    let header = Header { lull_journal: 1, program, seed, begun, part: 0 };
    let mut text = serde_json::to_string(&header).unwrap() + "\n";
    entries.iter().for_each(|entry| text += &(serde_json::to_string(entry).unwrap() + "\n"));
    let path = folder.join("2026-11-22T233000.000Z-000.jsonl");
    fs::write(&path, text).unwrap();
    path
}

fn question(changes: &[(&str, &str)]) -> Ask {
    let changes = changes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Ask { campaign: campaign_key(0), from: MIDNIGHT, to: end(), changes, replications: 3, seed: 1, threads: 2 }
}

fn answer(folder: &Path, ask: &Ask) -> Result<Told, WhatifError> {
    super::ask(folder, ask, &AtomicBool::new(false), &|_| {})
}

#[test]
fn a_change_is_answered_with_its_direction_and_told_to_people() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let seen: Mutex<Vec<Progress>> = Mutex::default();
    let it = question(&[("idle_threshold", "0.8"), ("reserve", "2"), ("pacing", "progressive")]);
    let told =
        ask(folder.path(), &it, &AtomicBool::new(false), &|progress| seen.lock().unwrap().push(progress)).unwrap();
    let changes: Vec<String> = told.changes.iter().map(|it| format!("{} {} {}", it.key, it.from, it.to)).collect();
    assert_eq!(changes, ["idle_threshold 0.1 0.8", "reserve 0 2", "pacing ratio progressive"]);
    let connects = told.comparison.rows.iter().find(|row| row.key == "outbound_connects_per_agent_hour").unwrap();
    assert!(connects.difference.mean.unwrap() + connects.difference.ci95.unwrap() < 0.0, "{connects:?}");
    let seen = seen.into_inner().unwrap();
    assert!(seen.iter().any(|it| matches!(it, Progress::Reading { done, of } if done <= of && *done > 0)), "{seen:?}");
    assert_eq!(seen.last(), Some(&Progress::Rehearsing { done: 6, of: 6 }));

    let table = table(&told);
    for part in
        ["idle_threshold 0.1 → 0.8", "recorded", "difference", "outbound connects per agent hour", "replications"]
    {
        assert!(table.contains(part), "{part}: {table}");
    }
    let page = page(&told);
    assert!(
        page.starts_with("<!doctype html>") && page.contains("Agents in use, %") && !page.contains("http"),
        "{page}"
    );
}

#[test]
fn without_traffic_it_is_said_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let none = answer(&folder.path().join("journal"), &question(&[])).unwrap_err().to_string();
    assert!(none.contains("there are no journals in"), "{none}");
    write(folder.path());
    let mut other = question(&[]);
    other.campaign = "other".parse().unwrap();
    let none = answer(folder.path(), &other).unwrap_err().to_string();
    let expected = "no traffic of `other` between 2026-11-23T00:00:00.000Z and 2026-11-23T02:00:00.000Z; journals exist from \
                    2026-11-22T23:30:00.000Z to ";
    assert!(none.starts_with(expected), "{none}");
    let mut later = question(&[]);
    (later.from, later.to) = (end() + Duration::from_secs(86_400), end() + Duration::from_secs(90_000));
    assert!(matches!(answer(folder.path(), &later), Err(WhatifError::NoTraffic { .. })));
    let backwards = Ask { to: MIDNIGHT, from: end(), ..question(&[]) };
    assert!(matches!(answer(folder.path(), &backwards), Err(WhatifError::Backwards { .. })));
}

#[test]
fn a_wrong_change_names_key_value_and_what_was_expected() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let wrong = |changes: &[(&str, &str)]| answer(folder.path(), &question(changes)).unwrap_err().to_string();
    let told = wrong(&[("idle_treshold", "0.2")]);
    assert!(told.contains("`idle_treshold`") && told.contains("idle_threshold"), "{told}");
    let told = wrong(&[("ring_timeout_s", "30")]);
    assert!(told.contains("`ring_timeout_s`") && told.contains("expected one of: idle_threshold"), "{told}");
    for (key, value, parts) in [
        ("idle_threshold", "2", ["2", "0", "1"]),
        ("idle_threshold", "sometimes", ["sometimes", "auto", "off"]),
        ("reserve", "20000", ["20000", "0", "10000"]),
        ("serve_first", "nobody", ["nobody", "answered", "inbound"]),
        ("pacing", "guess", ["guess", "progressive", "predictive"]),
        ("abandon_rate_max", "0.5", ["0.5", "0.03", "rules-0"]),
    ] {
        let told = wrong(&[(key, value)]);
        let key = if key == "pacing" { "pacing.mode" } else { key };
        assert!(told.contains(key) && parts.iter().all(|part| told.contains(part)), "{key} = {value}: {told}");
    }
    let told = wrong(&[("pacing", "ratio"), ("lines_per_agent", "99")]);
    assert!(told.contains("pacing.lines_per_agent") && told.contains("99") && told.contains("10"), "{told}");
}

#[test]
fn a_journal_that_the_engine_of_today_contradicts_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path());
    let text = fs::read_to_string(&path).unwrap();
    let line = text.lines().position(|line| line.contains("attempt_answered")).unwrap() + 1;
    fs::write(&path, text.replacen("attempt_answered", "attempt_hung_up", 1)).unwrap();
    match answer(folder.path(), &question(&[])) {
        Err(WhatifError::Different { path: named, line: at, .. }) => assert_eq!((named, at), (path.clone(), line)),
        other => panic!("{other:?}"),
    }
    fs::write(&path, text.replacen("\"i\":", "\"j\":", 5)).unwrap();
    let told = answer(folder.path(), &question(&[])).unwrap_err().to_string();
    assert!(told.contains(".jsonl:2:"), "{told}");
}

#[test]
fn what_is_not_proved_and_what_is_gone_is_noted() {
    let folder = tempfile::tempdir().unwrap();
    let (seed, mut entries, _) = journal(DAY);
    entries.iter_mut().for_each(|entry| entry.commands = None);
    let path = written(folder.path(), seed, &entries);
    let it = Ask { replications: 2, ..question(&[]) };
    let told = answer(folder.path(), &it).unwrap();
    assert!(told.notes.contains(&Note::NotProved), "{:?}", told.notes);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"part\":0", "\"part\":1", 1)).unwrap();
    assert!(matches!(answer(folder.path(), &it), Err(WhatifError::BeginningGone { .. })));
}

#[test]
fn a_question_that_is_told_to_stop_ends() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let told = ask(folder.path(), &question(&[]), &AtomicBool::new(true), &|_| {});
    assert!(matches!(told, Err(WhatifError::Cancelled)), "{told:?}");
}
