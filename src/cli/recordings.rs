//! `lull recording`: which calls were recorded, whether the files are what was recorded, and the files themselves.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::exports::span;
use super::ledgers::Numbered;
use super::moment::{Moment, moment};
use super::people::BY;
use super::place::Installation;
use super::{Failure, Outcome, Place, in_columns, show};
use crate::model::attempt::CallRef;
use crate::model::name::CampaignKey;
use crate::model::recording::{CallRecording, Recorded, RecordingReason, RecordingState, file_of};
use crate::runtime::recordings::remove;
use crate::store::{RecordingFilter, RecordingRow};

mod verify;

/// Recordings of calls: lists, verifies, copies and erases them. docs/recordings.md tells more.
#[derive(Debug, Subcommand)]
pub(crate) enum Recordings {
    /// Lists calls that were to be recorded, latest first, with their recordings or why there is none.
    List(List),
    /// Reads every recording, and says which are gone or not what was recorded, and which files belong to no call.
    ///
    /// The service may run. Ends with 3 if something is wrong.
    Verify(verify::Verify),
    /// Copies a recording to a file, if it is what was recorded. That is written in the audit log before.
    Export(Export),
    /// Removes the recordings of all calls to and from a number, for good. That is written in the audit log.
    Erase(Erase),
}

/// Lists calls that were to be recorded, latest first.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only of this campaign.
    #[arg(long)]
    campaign: Option<CampaignKey>,
    /// Recordings that began at or after this: 2026-11-16, 2026-11-16T08:00 or 2026-11-16T00:00:00Z; without it, all.
    #[arg(long, value_parser = moment)]
    from: Option<Moment>,
    /// Recordings that began before this, or on this day; without it, until now.
    #[arg(long, value_parser = moment)]
    to: Option<Moment>,
    /// Only those that can be heard (yes), that need not be there (no), or that are missing.
    #[arg(long, value_name = "yes|no|missing")]
    recording: Option<Recorded>,
    /// At most so many, up to 1000.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
}

/// Copies a recording to a file, if it is what was recorded.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The call: att_… or inb_…; `lull recording list` shows them.
    call: CallRef,
    /// The file, a WAV; it must not be there yet.
    file: PathBuf,
}

/// Removes the recordings of all calls to and from a number, for good.
#[derive(Debug, Args)]
pub(crate) struct Erase {
    #[command(flatten)]
    number: Numbered,
    /// Why, for the audit log; without what tells who the customer is.
    #[arg(long)]
    why: String,
}

impl Recordings {
    pub(crate) fn run(self, place: &Place) -> Result<Outcome, Failure> {
        let installation = Installation::open(place)?;
        match self {
            Recordings::List(list) => list.run(place, &installation),
            Recordings::Verify(verify) => verify.run(place, &installation),
            Recordings::Export(export) => export.run(place, &installation),
            Recordings::Erase(erase) => erase.run(place, &installation),
        }
    }
}

impl List {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let List { campaign, from, to, recording, limit } = self;
        if let Some(campaign) = &campaign {
            installation.must_know(campaign)?;
        }
        let (from, to) = span(from, to, &installation.zone(), installation.now())?;
        let filter = RecordingFilter { campaign, from: Some(from), to: Some(to), recorded: recording };
        let limit = usize::from(limit);
        let rows = installation.with_store(|store, _| async move { store.recordings(&filter, None, limit).await })?;
        show(place.json, &rows, || table(&rows));
        Ok(Outcome::Done)
    }
}

fn table(rows: &[RecordingRow]) -> String {
    if rows.is_empty() {
        return "No call was to be recorded in that time.".to_owned();
    }
    let head = ["call", "began", "campaign", "seconds", "bytes", "recording"].map(str::to_owned).to_vec();
    let line = |row: &RecordingRow| {
        let CallRecording { call, began_at, length_ms, bytes, .. } = &row.recording;
        let seconds = length_ms.map_or_else(String::new, |ms| format!("{:.1}", ms as f64 / 1e3));
        let campaign = row.campaign.as_ref().map(ToString::to_string).unwrap_or_default();
        let bytes = bytes.map(|bytes| bytes.to_string()).unwrap_or_default();
        vec![call.to_string(), began_at.to_string(), campaign, seconds, bytes, standing(row)]
    };
    in_columns(&std::iter::once(head).chain(rows.iter().map(line)).collect::<Vec<_>>())
}

/// How a recording stands, in words.
fn standing(row: &RecordingRow) -> String {
    let CallRecording { state, reason, file, .. } = &row.recording;
    let file = file.as_deref().unwrap_or_default();
    let why = reason.map_or("it is not known why", RecordingReason::told);
    match state {
        _ if row.lost_at.is_some() => format!("{file} is gone"),
        RecordingState::Whole => file.to_owned(),
        RecordingState::CutOff => format!("{file}, cut off: {why}"),
        RecordingState::Running => format!("{file}, being recorded"),
        RecordingState::None => format!("none: {why}"),
        RecordingState::Removed => format!("removed: {why}"),
    }
}

impl Export {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let Export { call, file } = self;
        let row = installation.with_store(|store, _| async move { store.recording(call).await })?;
        let row = row.ok_or_else(|| {
            Failure::new(format!("no call `{call}` was to be recorded; `lull recording list` shows which were"))
        })?;
        let Some(expected) = row.recording.sha256.clone() else {
            return Err(Failure::new(format!("`{call}` has no recording to be copied: {}", standing(&row))));
        };
        let from = installation.config.data.recordings.join(file_of(call));
        let failed = |what: &std::path::Path, error: std::io::Error| {
            Failure::new(format!(
                "{} cannot be copied to {}: {}: {error}",
                from.display(),
                file.display(),
                what.display()
            ))
        };
        let mut source = std::fs::File::open(&from).map_err(|error| failed(&from, error))?;
        let mut target = std::fs::File::create_new(&file).map_err(|error| failed(&file, error))?;
        let undo = || drop(std::fs::remove_file(&file));
        // Nobody hears what is not written down: before the first byte, as for a player.
        let written = installation.with_store(|store, now| async move {
            store.audit(BY, "recording_exported", &call.to_string(), "", now).await
        });
        if let Err(failure) = written {
            undo();
            return Err(failure);
        }
        let copied = verify::copy(&mut source, &mut target).and_then(|found| target.sync_all().map(|()| found));
        let found = copied.map_err(|error| {
            undo();
            failed(&file, error)
        })?;
        if found != expected {
            undo();
            let detail =
                format!("{} is not what was recorded: its SHA-256 is {found}, expected {expected}", from.display());
            return Err(Failure::new(detail));
        }
        let told = serde_json::json!({ "call": call.to_string(), "file": file, "sha256": found });
        show(place.json, &told, || format!("The recording of {call} is in {}: {}.", file.display(), standing(&row)));
        Ok(Outcome::Done)
    }
}

impl Erase {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let number = self.number.read(installation)?;
        let folder = installation.config.data.recordings.clone();
        let why = self.why;
        let removed = installation.with_store(|store, now| async move {
            let rows = store.recordings_of_number(&number).await?;
            let calls: Vec<CallRef> = rows.iter().map(|row| row.recording.call).collect();
            for call in &calls {
                // The call's id, and not the number: that is what is to be forgotten.
                store.audit(BY, "recording_erased", &call.to_string(), &why, now).await?;
            }
            remove(&store, &folder, calls, RecordingReason::Erasure).await
        })?;
        let told = serde_json::json!({ "removed": removed.files, "stuck": removed.stuck });
        show(place.json, &told, || match (removed.files, removed.stuck) {
            (0, 0) => "There is no recording of calls with this number.".to_owned(),
            (1, 0) => "1 recording was removed.".to_owned(),
            (files, 0) => format!("{files} recordings were removed."),
            (files, stuck) => format!(
                "{files} recordings were removed, and {stuck} could not be: their files are not in {} or cannot be removed.",
                installation.config.data.recordings.display()
            ),
        });
        Ok(if removed.stuck > 0 { Outcome::Failed } else { Outcome::Done })
    }
}
