//! Reads the sources and fails when a room imports what it must not, or outgrows what can be read.
//!
//! The rooms and their doors are told in ARCHITECTURE.md; this file holds the code to them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What each room may import of this crate. A room that is not listed may import anything (`cli`, `main`).
const DOORS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("engine", &["model"]),
    ("sim", &["model", "engine"]),
    ("sip", &["model"]),
    ("media", &["model"]),
    ("store", &["model"]),
    ("certificate", &["model"]),
    ("clock", &["model"]),
    ("http_client", &["model"]),
    // What a gateway of the configuration is, is described where it is spoken to.
    ("config", &["model", "sms", "http_client"]),
    ("sms", &["model", "http_client"]),
    ("runtime", &["model", "engine", "sip", "media", "store", "certificate", "clock", "config", "sms"]),
    // Files of results, for `cli` and `web`.
    ("export", &["model", "store"]),
    // Results as people read them, for `cli` and `web`.
    ("report", &["model", "store"]),
    // What happened, on its way to other systems.
    ("webhooks", &["model", "store", "config", "certificate", "clock", "http_client"]),
    ("web", &["export", "report", "model", "engine", "store", "runtime", "certificate", "clock", "webhooks", "whatif"]),
    // Between the journals of the driver and the simulator: it reads the one and asks the other.
    ("whatif", &["model", "engine", "sim", "runtime", "config"]),
];

/// Finer doors: what a room may see only a part of.
const ONLY: &[(&str, &str, &[&str])] = &[
    // Pages ask through the handle and read pictures; they never touch the engine or the driver's insides.
    ("web", "runtime", &["handle"]),
    ("web", "engine", &["command", "event", "snapshot"]),
    ("whatif", "runtime", &["journal"]),
    // The driver and its parts use the codec's types, not its insides.
];

/// External crates that only some rooms may use.
const CRATES: &[(&str, &[&str])] = &[
    ("axum", &["web"]),
    ("sqlx", &["store"]),
    ("rsip", &["sip"]),
    ("mio", &["media"]),
    ("rusmppc", &["sms"]),
    ("rusmpp", &["sms"]),
    ("clap", &["cli"]),
    ("governor", &["runtime", "web"]),
    ("tokio", &["runtime", "sms", "http_client", "store", "web", "webhooks", "cli"]),
    // Expressions of schedules only; time is jiff's.
    ("cron", &["model"]),
    ("chrono", &["model"]),
    ("rand_chacha", &["engine", "sim", "sip"]),
];

/// Lines beyond which a file must say in its header why it is long.
const FILE_LINES_MAX: usize = 650;
/// The words with which a header says it.
const LONG_FILE_EXCUSE: &str = "long because";

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the source folder can be read") {
            let path = entry.expect("a folder entry can be read").path();
            if path.is_dir() && !path.ends_with("node_modules") && !path.ends_with("ui") {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// `src/sip/codec.rs` → `sip`; `src/cli.rs` → `cli`.
fn room(path: &Path) -> String {
    let inside = path.strip_prefix(root()).expect("a source lies below src");
    let first = inside.components().next().expect("a source has a name").as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// Code without comments, so that a comment may name what the code must not.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| {
        let line = line.trim_start();
        let code = if line.starts_with("//") { "" } else { line };
        (index + 1, code)
    })
}

/// The paths after `crate::` in a line, also inside one level of braces: `crate::{a::b, c}` gives `a::b` and `c`.
fn crate_paths(line: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        let preceded = line[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$');
        if preceded {
            continue;
        }
        let rest = &line[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => {
                paths.extend(list.split(['}', ';']).next().unwrap_or("").split(',').map(|p| p.trim().to_owned()))
            }
            None => paths.push(
                rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':' || *c == '{').collect(),
            ),
        }
    }
    paths.retain(|p| !p.is_empty());
    paths
}

#[test]
fn rooms_import_only_through_their_doors() {
    let doors: BTreeMap<&str, &[&str]> = DOORS.iter().copied().collect();
    let mut trespasses = Vec::new();
    for path in sources(&root()) {
        let room = room(&path);
        let Some(open) = doors.get(room.as_str()) else { continue };
        let text = fs::read_to_string(&path).expect("a source is UTF-8");
        for (number, line) in code(&text) {
            for wanted in crate_paths(line) {
                let mut steps = wanted.split("::");
                let target = steps.next().unwrap_or("");
                let part = steps.next().unwrap_or("").trim_matches(['{', ' ']);
                let place = || format!("{}:{number}: {}", path.display(), line.trim());
                if target != room && !open.contains(&target) && doors.contains_key(target) | (target == "cli") {
                    trespasses.push(place());
                }
                let narrow = ONLY.iter().find(|(from, to, _)| *from == room && *to == target);
                if let Some((_, _, parts)) = narrow
                    && !part.is_empty()
                    && !parts.contains(&part)
                {
                    trespasses.push(place());
                }
            }
        }
    }
    assert!(trespasses.is_empty(), "rooms import what they must not:\n{}", trespasses.join("\n"));
}

#[test]
fn crates_stay_in_the_rooms_they_were_let_into() {
    let mut trespasses = Vec::new();
    for path in sources(&root()) {
        let room = room(&path);
        let text = fs::read_to_string(&path).expect("a source is UTF-8");
        for (number, line) in code(&text) {
            for (name, rooms) in CRATES {
                let used = line.contains(&format!("{name}::")) && !line.contains(&format!("_{name}::"));
                if used && !rooms.contains(&room.as_str()) {
                    trespasses.push(format!("{}:{number}: {}", path.display(), line.trim()));
                }
            }
        }
    }
    assert!(trespasses.is_empty(), "crates are used outside their rooms:\n{}", trespasses.join("\n"));
}

#[test]
fn files_stay_readable_and_modules_are_never_called_mod() {
    let mut faults = Vec::new();
    for path in sources(&root()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if ["mod.rs", "utils.rs", "util.rs", "common.rs", "types.rs", "helpers.rs"].contains(&name.as_str()) {
            faults.push(format!("{}: a file is named after what it is about", path.display()));
        }
        let text = fs::read_to_string(&path).expect("a source is UTF-8");
        let header: String = text.lines().take_while(|l| l.starts_with("//!")).collect();
        if text.lines().count() > FILE_LINES_MAX && !header.contains(LONG_FILE_EXCUSE) {
            faults.push(format!("{}: {} lines, and the header does not say why", path.display(), text.lines().count()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_fence_sees_imports_in_braces_and_in_paths() {
    assert_eq!(crate_paths("use crate::{engine::event, model};"), ["engine::event", "model"]);
    assert_eq!(crate_paths("let x = crate::store::open();"), ["store::open"]);
    assert_eq!(crate_paths("use mycrate::store;"), Vec::<String>::new());
}
