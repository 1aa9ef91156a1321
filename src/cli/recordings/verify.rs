//! `lull recording verify`: every recording is read and compared with its hash.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::cli::exports::span;
use crate::cli::moment::{Moment, moment};
use crate::cli::place::Installation;
use crate::cli::{Failure, Outcome, Place, bar, show};
use crate::media::wav::{hash, hexadecimal};
use crate::model::attempt::CallRef;
use crate::model::recording::{RecordingReason, RecordingState, call_of, file_of};
use crate::model::time::Timestamp;
use crate::store::{RecordingCursor, RecordingFilter, RecordingRow, Store, StoreError};

/// Rows read at once.
const AT_ONCE: usize = 500;
/// A file that is younger may not be written down yet.
const YOUNG: Duration = Duration::from_secs(60);
/// Of each kind of fault so many are named to people; programs are told all.
const NAMED_MAX: usize = 50;

/// Reads every recording, and says which are gone or not what was recorded, and which files belong to no call.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Recordings that began at or after this: 2026-11-16, 2026-11-16T08:00 or 2026-11-16T00:00:00Z; without it, all.
    #[arg(long, value_parser = moment)]
    from: Option<Moment>,
    /// Recordings that began before this, or on this day; without it, until now.
    #[arg(long, value_parser = moment)]
    to: Option<Moment>,
}

/// A file that is not what was recorded.
#[derive(Debug, Serialize)]
struct Changed {
    call: String,
    file: String,
    expected: String,
    found: String,
}

/// What was found.
#[derive(Debug, Default, Serialize)]
struct Verified {
    /// Recordings that were read.
    read: u64,
    /// They are what was recorded.
    sound: u64,
    /// Files that are not there.
    missing: Vec<String>,
    /// Files that are not what was recorded.
    changed: Vec<Changed>,
    /// Files that cannot be read, with the reason.
    unreadable: Vec<String>,
    /// Files in the folder that belong to no recording.
    unknown: Vec<String>,
    /// Calls without a recording, by the reason; not a fault.
    without: BTreeMap<&'static str, u64>,
}

impl Verified {
    fn is_sound(&self) -> bool {
        self.missing.is_empty() && self.changed.is_empty() && self.unreadable.is_empty() && self.unknown.is_empty()
    }
}

impl Verify {
    pub(super) fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let now = installation.now();
        let (from, to) = span(self.from, self.to, &installation.zone(), now)?;
        let filter = RecordingFilter { from: Some(from), to: Some(to), ..RecordingFilter::default() };
        let folder = installation.config.data.recordings.clone();
        let unreadable = |error| Failure::new(format!("the folder of recordings {}: {error}", folder.display()));
        let files = files_in(&folder, now).map_err(unreadable)?;
        let bar = bar(place.json);
        bar.set_length(files.len() as u64);
        let verified = installation.with_store(|store, now| {
            let (filter, folder, bar) = (&filter, &folder, &bar);
            async move {
                let mut verified = Verified::default();
                verify(&store, filter, folder, now, &mut verified, &mut || bar.inc(1)).await?;
                unknown(&store, files, &mut verified).await?;
                Ok(verified)
            }
        })?;
        bar.finish_and_clear();
        show(place.json, &verified, || told(&verified, &folder));
        Ok(if verified.is_sound() { Outcome::Done } else { Outcome::Findings })
    }
}

async fn verify(
    store: &Store,
    filter: &RecordingFilter,
    folder: &Path,
    now: Timestamp,
    verified: &mut Verified,
    step: &mut (dyn FnMut() + Send),
) -> Result<(), StoreError> {
    let mut after: Option<RecordingCursor> = None;
    loop {
        let page = store.recordings(filter, after, AT_ONCE).await?;
        after = page.last().map(|row| (row.recording.began_at, row.recording.call));
        let (mut gone, mut back) = (Vec::new(), Vec::new());
        for row in &page {
            let call = row.recording.call;
            match (&row.recording.state, &row.recording.sha256) {
                (RecordingState::Whole | RecordingState::CutOff, Some(expected)) => {
                    look(row, expected, folder, verified, &mut gone, &mut back);
                    step();
                }
                (RecordingState::None | RecordingState::Removed, _) => {
                    let reason = row.recording.reason.map_or("unknown", RecordingReason::as_str);
                    *verified.without.entry(reason).or_default() += 1;
                }
                (RecordingState::Running, _) => *verified.without.entry("running").or_default() += 1,
                (RecordingState::Whole | RecordingState::CutOff, None) => {
                    verified.unreadable.push(format!("{call}: its hash was never written down"));
                }
            }
        }
        // Pages tell the same from now on.
        store.recordings_seen(&gone, &back, now).await?;
        if page.len() < AT_ONCE {
            return Ok(());
        }
    }
}

fn look(
    row: &RecordingRow,
    expected: &str,
    folder: &Path,
    verified: &mut Verified,
    gone: &mut Vec<CallRef>,
    back: &mut Vec<CallRef>,
) {
    let call = row.recording.call;
    let file = file_of(call);
    verified.read += 1;
    match File::open(folder.join(&file)).and_then(|mut file| hash(&mut file)) {
        Ok((_, found)) => {
            if row.lost_at.is_some() {
                back.push(call);
            }
            let found = hexadecimal(&found);
            match found == expected {
                true => verified.sound += 1,
                false => {
                    let (call, expected) = (call.to_string(), expected.to_owned());
                    verified.changed.push(Changed { call, file, expected, found });
                }
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if row.lost_at.is_none() {
                gone.push(call);
            }
            verified.missing.push(file);
        }
        Err(error) => verified.unreadable.push(format!("{file}: {error}")),
    }
}

/// WAV files in the folder, without those that are so young that they may not be written down yet.
fn files_in(folder: &Path, now: Timestamp) -> io::Result<Vec<String>> {
    let mut files = Vec::new();
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        // Nothing was ever recorded.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(files),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let changed = entry.metadata()?.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let young = now.since(Timestamp::from_millis(0) + changed) < YOUNG;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".wav") && (!young || call_of(&name).is_none()) {
            files.push(name);
        }
    }
    files.sort();
    Ok(files)
}

/// Which of the files belong to no recording.
async fn unknown(store: &Store, files: Vec<String>, verified: &mut Verified) -> Result<(), StoreError> {
    for some in files.chunks(AT_ONCE) {
        let known = store.recordings_of(some.iter().filter_map(|file| call_of(file))).await?;
        let is_known = |file: &&String| {
            call_of(file).and_then(|call| known.get(&call)).is_some_and(|row| row.recording.file.is_some())
        };
        verified.unknown.extend(some.iter().filter(|file| !is_known(file)).cloned());
    }
    Ok(())
}

fn told(verified: &Verified, folder: &Path) -> String {
    let Verified { read, sound, missing, changed, unreadable, unknown, without } = verified;
    let mut lines = Vec::new();
    let mut name = |what: &str, all: &[String]| {
        lines.extend(all.iter().take(NAMED_MAX).map(|one| format!("{what}: {one}")));
        if all.len() > NAMED_MAX {
            lines.push(format!("{what}: {} more; --json names all", all.len() - NAMED_MAX));
        }
    };
    name("missing", missing);
    let changed: Vec<String> = changed.iter().map(|one| format!("{}: SHA-256 is {}", one.file, one.found)).collect();
    name("not what was recorded", &changed);
    name("cannot be read", unreadable);
    name("belongs to no recording", unknown);
    let reasons: Vec<String> = without.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
    if !reasons.is_empty() {
        lines.push(format!("Calls without a recording, by the reason: {}.", reasons.join(", ")));
    }
    lines.push(format!("{sound} of {read} recordings in {} are what was recorded.", folder.display()));
    lines.join("\n")
}

/// Copies a file and gives the SHA-256 of what was copied.
pub(super) fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<String> {
    struct Tee<'a, R, W>(&'a mut R, &'a mut W);
    impl<R: Read, W: Write> Read for Tee<'_, R, W> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.read(buffer)?;
            self.1.write_all(buffer.get(..count).unwrap_or_default())?;
            Ok(count)
        }
    }
    hash(&mut Tee(from, to)).map(|(_, found)| hexadecimal(&found))
}
