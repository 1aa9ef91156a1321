//! From the journals of a span to recorded traffic.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use super::{Ask, Note, Progress, WhatifError};
use crate::engine::replay::Replay;
use crate::model::campaign::Campaign;
use crate::model::settings::Settings;
use crate::model::time::{Now, Timestamp};
use crate::runtime::journal::{self, Reader, Run};
use crate::sim::rehearsal::{Gatherer, Traffic};

/// Traffic before the span that is lived through as well, so that the engine has learned and its counts of the day are
/// right: a whole day.
const WARM_UP: Duration = Duration::from_secs(24 * 3600);
/// Inputs between two looks at whether to go on.
const LOOK_EVERY: u64 = 2048;

/// What was read.
pub(super) struct Read {
    /// The traffic.
    pub(super) traffic: Traffic,
    /// The campaign as it was last.
    pub(super) campaign: Arc<Campaign>,
    /// The settings as they were last.
    pub(super) settings: Arc<Settings>,
    /// What should be known.
    pub(super) notes: Vec<Note>,
}

/// A run and until when it may have lasted.
struct Lasting {
    run: Run,
    until: Timestamp,
}

/// Reads what matters.
pub(super) fn read(
    folder: &Path,
    ask: &Ask,
    stop: &AtomicBool,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Read, WhatifError> {
    let runs = if folder.is_dir() { journal::runs(&[folder.to_owned()])? } else { Vec::new() };
    let (Some(first), Some(last)) = (runs.first(), runs.last()) else {
        return Err(WhatifError::NoJournals(folder.to_owned()));
    };
    let (first, last) = (first.header.begun, last.files.last().map_or(last.header.begun, |file| written(file)));
    let none = || WhatifError::NoTraffic { campaign: ask.campaign.clone(), from: ask.from, to: ask.to, first, last };
    let ends: Vec<Timestamp> =
        runs.iter().skip(1).map(|run| run.header.begun).chain([Timestamp::from_millis(i64::MAX)]).collect();
    let within = runs.into_iter().zip(ends).map(|(run, until)| Lasting { run, until });
    let within: Vec<Lasting> =
        within.filter(|lasting| lasting.run.header.begun < ask.to && lasting.until > ask.from - WARM_UP).collect();
    let gone = |lasting: &Lasting| lasting.run.header.part != 0;
    let mut notes = BTreeSet::new();
    if within.iter().any(|lasting| gone(lasting) && lasting.until > ask.from) {
        notes.insert(Note::PartGone);
    }
    let whole: Vec<&Run> = within.iter().filter(|lasting| !gone(lasting)).map(|lasting| &lasting.run).collect();
    if whole.is_empty() && !within.is_empty() {
        return Err(WhatifError::BeginningGone { from: ask.from, to: ask.to });
    }
    let bytes = |file: &PathBuf| std::fs::metadata(file).map_or(0, |file| file.len());
    let of = whole.iter().flat_map(|run| &run.files).map(bytes).sum();
    let mut meter = Meter { done: 0, of, progress, stop };
    let mut gatherer = Gatherer::new(ask.campaign.clone(), ask.from - WARM_UP, ask.from, ask.to);
    let mut definition = None;
    for run in whole {
        gatherer.begin_run();
        if !run_again(run, &mut gatherer, &mut meter)? {
            notes.insert(Note::NotProved);
        }
        definition = gatherer.definition().or(definition);
    }
    let traffic = gatherer.finish();
    let (campaign, settings) = definition.ok_or_else(none)?;
    let mine = traffic.lore.campaigns.get(&ask.campaign);
    if !mine.is_some_and(|lore| lore.dials.iter().any(|dial| dial.at >= ask.from)) {
        return Err(none());
    }
    notes.extend(seen(&traffic, ask, &campaign, &settings));
    Ok(Read { traffic, campaign, settings, notes: notes.into_iter().collect() })
}

/// What the traffic itself says.
fn seen(traffic: &Traffic, ask: &Ask, campaign: &Campaign, settings: &Settings) -> Vec<Note> {
    let mut notes = Vec::new();
    if traffic.lore.campaigns.get(&ask.campaign).is_some_and(|lore| lore.dials_max.is_some()) {
        notes.push(Note::ListRanDry);
    }
    if traffic.stretches.iter().filter(|stretch| stretch.end > ask.from).count() > 1 {
        notes.push(Note::Restarted);
    }
    let queues = settings.groups.get(&campaign.group).map_or(&[][..], |group| &group.queues);
    let callers = traffic.stretches.iter().flat_map(|stretch| &stretch.callers);
    let own: Vec<bool> = callers
        .filter(|caller| caller.queue.as_ref().is_some_and(|queue| queues.contains(queue)))
        .map(|caller| caller.patience.whole)
        .collect();
    if !own.is_empty() && !own.contains(&true) {
        notes.push(Note::PatienceUnknown);
    }
    notes
}

/// How far the reading is.
struct Meter<'p> {
    done: u64,
    of: u64,
    progress: &'p (dyn Fn(Progress) + Sync),
    stop: &'p AtomicBool,
}

/// Runs one run again; whether all of it was proved.
fn run_again(run: &Run, gatherer: &mut Gatherer, meter: &mut Meter<'_>) -> Result<bool, WhatifError> {
    let mut replay = Replay::new(run.header.seed);
    let (mut inputs, mut unproved, mut unproved_before) = (0u64, false, false);
    for path in &run.files {
        let mut reader = Reader::open(path)?;
        let before = meter.done;
        while let Some(line) = reader.next() {
            let (line, entry) = line?;
            inputs += 1;
            if inputs % LOOK_EVERY == 0 {
                meter.done = before + reader.bytes();
                (meter.progress)(Progress::Reading { done: meter.done, of: meter.of });
                if meter.stop.load(Ordering::Relaxed) {
                    return Err(WhatifError::Cancelled);
                }
            }
            if gatherer.is_past(entry.timestamp) {
                return Ok(!unproved_before);
            }
            let now = Now { instant: entry.instant, timestamp: entry.timestamp };
            unproved_before |= std::mem::replace(&mut unproved, entry.commands.is_none());
            gatherer.told(now, entry.event.as_ref())?;
            let same = replay.run_seen(entry, &mut |command| gatherer.said(now, command));
            if let Err(difference) = same {
                return Err(WhatifError::Different {
                    path: path.clone(),
                    line,
                    program: run.header.program.clone(),
                    recorded: difference.recorded,
                    replayed: difference.replayed,
                });
            }
        }
        meter.done = before + reader.bytes();
    }
    // Only the last line may lack its checksum: the program ended before the engine had answered.
    Ok(!unproved_before)
}

/// When a file was last written.
fn written(file: &Path) -> Timestamp {
    let modified = std::fs::metadata(file).and_then(|file| file.modified()).ok();
    let since = modified.and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
