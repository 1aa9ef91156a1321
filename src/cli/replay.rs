//! `lull replay`: runs the journal of a day again, and proves that the engine gives the same commands.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::{Failure, Outcome, Place, show};
use crate::engine::replay::{Entry, Replay as Rerun, Tally};
use crate::runtime::journal::{self, JournalError, Reader, Run};

/// Runs journals again through a fresh engine with their seed, shows what it did, and proves that it gives the same
/// commands as then: every line carries a checksum of all that the engine had said. Nothing is dialled and no installation
/// is needed. Exit code 3: commands differ; the first input that they differ after is named.
#[derive(Debug, Args)]
#[command(
    after_help = "The journals of an installation are in its data folder, in `journal`. A run whose first file is \
    gone cannot be run again; one of an older version, without checksums, can be run but not proved."
)]
pub(crate) struct Replay {
    /// Journal files, or folders of them; the files of one run in their order.
    #[arg(value_name = "JOURNAL", required = true)]
    journals: Vec<PathBuf>,
}

/// What came of a run.
#[derive(Debug, Serialize)]
struct Told {
    begun: String,
    program: String,
    seed: u64,
    files: Vec<String>,
    inputs: u64,
    deadlines: u64,
    proved: u64,
    from: Option<String>,
    to: Option<String>,
    days: usize,
    commands: BTreeMap<&'static str, u64>,
    verdict: Verdict,
    /// The input after which commands differ, or at which the engine panicked.
    difference: Option<Found>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    /// Every input gave the commands it gave then.
    Proved,
    /// There are no checksums, or not everywhere.
    NotProvable,
    /// It gave others.
    Different,
    /// The engine panicked.
    Panicked,
    /// The beginning of the run is gone.
    BeginningGone,
}

/// Where a run went another way.
#[derive(Debug, Serialize)]
struct Found {
    file: String,
    line: usize,
    input: serde_json::Value,
    recorded: Option<String>,
    replayed: Option<String>,
}

impl Replay {
    pub(crate) fn run(self, place: &Place) -> Result<Outcome, Failure> {
        let runs = journal::runs(&self.journals)?;
        if runs.is_empty() {
            return Err(Failure::new("there is no journal (`*.jsonl`) in what was given"));
        }
        let bar = bar(&runs, place.json);
        let told: Result<Vec<Told>, JournalError> = runs.iter().map(|run| replay(run, &bar)).collect();
        bar.finish_and_clear();
        let told = told?;
        show(place.json, &serde_json::json!({ "runs": told }), || {
            told.iter().map(text).collect::<Vec<String>>().join("\n")
        });
        let found = told.iter().any(|told| matches!(told.verdict, Verdict::Different | Verdict::Panicked));
        let none = told.iter().all(|told| told.verdict == Verdict::BeginningGone);
        Ok(match (found, none) {
            (true, _) => Outcome::Findings,
            (false, true) => Outcome::Failed,
            (false, false) => Outcome::Done,
        })
    }
}

/// Runs one run again, up to the first difference.
fn replay(run: &Run, bar: &ProgressBar) -> Result<Told, JournalError> {
    let mut rerun = Rerun::new(run.header.seed);
    if run.header.part != 0 {
        return Ok(told(run, rerun.tally(), Verdict::BeginningGone, None));
    }
    let (mut unproved, mut unproved_before) = (false, false);
    for path in &run.files {
        let mut reader = Reader::open(path)?;
        let mut seen = 0;
        while let Some(line) = reader.next() {
            let (line, entry) = line?;
            bar.inc(reader.bytes() - seen);
            seen = reader.bytes();
            unproved_before |= std::mem::replace(&mut unproved, entry.commands.is_none());
            if let Err((verdict, found)) = step(&mut rerun, path, line, entry) {
                return Ok(told(run, rerun.tally(), verdict, Some(found)));
            }
        }
    }
    // Only the last line may lack its checksum: the program ended before the engine had answered.
    let all = !unproved_before && rerun.tally().proved > 0;
    Ok(told(run, rerun.tally(), if all { Verdict::Proved } else { Verdict::NotProvable }, None))
}

fn step(rerun: &mut Rerun, path: &Path, line: usize, entry: Entry) -> Result<(), (Verdict, Found)> {
    let input = serde_json::to_value(&entry.event).unwrap_or_default();
    let found = |input, recorded, replayed| Found { file: path.display().to_string(), line, input, recorded, replayed };
    // A run that ended in a panic ends in the same one again: that is a finding, not the end of this program.
    match catch_unwind(AssertUnwindSafe(|| rerun.run(entry))) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(difference)) => {
            let (recorded, replayed) = (difference.recorded.to_string(), difference.replayed.to_string());
            Err((Verdict::Different, found(input, Some(recorded), Some(replayed))))
        }
        Err(_) => Err((Verdict::Panicked, found(input, None, None))),
    }
}

fn told(run: &Run, tally: &Tally, verdict: Verdict, difference: Option<Found>) -> Told {
    Told {
        begun: run.header.begun.to_string(),
        program: run.header.program.clone(),
        seed: run.header.seed,
        files: run.files.iter().map(|file| file.display().to_string()).collect(),
        inputs: tally.inputs,
        deadlines: tally.deadlines,
        proved: tally.proved,
        from: tally.from.map(|at| at.to_string()),
        to: tally.to.map(|at| at.to_string()),
        days: tally.days.len(),
        commands: tally.commands.clone(),
        verdict,
        difference,
    }
}

fn text(told: &Told) -> String {
    let files = if told.files.len() == 1 { "1 file".to_owned() } else { format!("{} files", told.files.len()) };
    let mut text = format!("run of {}, seed {}, lull {}, {files}\n", told.begun, told.seed, told.program);
    if let (Some(from), Some(to)) = (&told.from, &told.to) {
        let days = if told.days == 1 { "1 day".to_owned() } else { format!("{} days", told.days) };
        text += &format!("  {} inputs ({} deadlines), {from} to {to}, {days}\n", told.inputs, told.deadlines);
        let width = told.commands.keys().map(|kind| kind.len()).max().unwrap_or_default();
        for (kind, count) in &told.commands {
            text += &format!("    {kind:width$}  {count:>9}\n");
        }
    }
    text + &match (told.verdict, &told.difference) {
        (Verdict::Proved, _) => format!("  proved: {} inputs gave the same commands as then\n", told.proved),
        (Verdict::NotProvable, _) => {
            format!("  cannot be proved, only run again: {} of {} inputs carry a checksum\n", told.proved, told.inputs)
        }
        (Verdict::BeginningGone, _) => "  cannot be run again: the first file of this run is gone\n".to_owned(),
        (Verdict::Different | Verdict::Panicked, None) => String::new(),
        (Verdict::Different | Verdict::Panicked, Some(found)) => difference(told, found),
    }
}

fn difference(told: &Told, found: &Found) -> String {
    let what = match (&found.recorded, &found.replayed) {
        (Some(recorded), Some(replayed)) => {
            format!("commands differ from this input on: checksum {recorded} then, {replayed} now")
        }
        (_, _) => "the engine panics at this input".to_owned(),
    };
    let other = if told.program == env!("CARGO_PKG_VERSION") {
        String::new()
    } else {
        format!("\n    written by lull {}, run again by lull {}", told.program, env!("CARGO_PKG_VERSION"))
    };
    format!("  {}:{}: {what}\n    {}{other}\n", found.file, found.line, found.input)
}

fn bar(runs: &[Run], quiet: bool) -> ProgressBar {
    let files = runs.iter().flat_map(|run| &run.files);
    let bytes = files.filter_map(|file| std::fs::metadata(file).ok()).map(|file| file.len()).sum();
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(bytes), target);
    // The template is ours; one that is wrong would only leave the usual bar.
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes}, {eta} left") {
        bar.set_style(style);
    }
    bar
}
