//! What if: a campaign's recorded traffic under another setting.
//!
//! Journals are read here and run again, so that the engine says once more what it did; `sim::rehearsal` lives through what
//! came from outside with the change. Asked by the command line and by the pages, one question at a time. Nothing is
//! dialled and nothing of the installation is changed.
//!
//! Read [`ask`], [`Ask`] and [`Told`] first; `docs/whatif.md` is for users.

mod change;
mod reading;
mod report;

#[cfg(test)]
pub(crate) mod tests;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use serde::Serialize;

pub use change::{KEYS, KeyOf};
pub use report::{page, table};

use crate::engine::replay::Sum;
use crate::model::document::Complaints;
use crate::model::name::{CampaignKey, GroupName};
use crate::model::time::Timestamp;
use crate::model::zone::Zone;
use crate::runtime::journal::JournalError;
use crate::sim::rehearsal::compare::{self, Question};
use crate::sim::rehearsal::gather::TooMany;
use crate::sim::rehearsal::{Comparison, compare as rehearse};

/// Replications where nobody says how many: enough for an interval that tells a change of a twentieth from chance.
pub const REPLICATIONS: u32 = 10;
/// Most replications.
pub const REPLICATIONS_MAX: u32 = 1_000;
/// Most keys in one question: there are not so many.
pub const CHANGES_MAX: usize = 40;

/// A question.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Whose traffic.
    pub campaign: CampaignKey,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
    /// Keys and values as somebody wrote them; see [`KEYS`].
    pub changes: Vec<(String, String)>,
    /// How often each setting is lived through.
    pub replications: u32,
    /// Of all chance.
    pub seed: u64,
    /// Threads to use.
    pub threads: usize,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = WhatifProgress)]
#[serde(rename_all = "snake_case", tag = "stage")]
pub enum Progress {
    /// Journals are read and run again.
    Reading {
        /// Bytes read.
        done: u64,
        /// Bytes there are.
        of: u64,
    },
    /// The traffic is lived through.
    Rehearsing {
        /// Stretches lived through.
        done: u64,
        /// Stretches there are, over all replications and both settings.
        of: u64,
    },
}

/// One value that is changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = WhatifChange)]
pub struct Changed {
    /// Its key.
    pub key: String,
    /// As the definition last in force had it.
    pub from: String,
    /// As it would be.
    pub to: String,
}

/// What should be known before the figures are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
#[schema(as = WhatifNote)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// Journals of an older version have no checksums: that the engine says what it said then is not proved.
    NotProved,
    /// The list came to its end: no more dials are placed than were recorded.
    ListRanDry,
    /// The service was restarted within the span; calls that were up then are left out.
    Restarted,
    /// A part of the span is left out, because the first file of its run is gone.
    PartGone,
    /// No caller hung up: how long callers wait is not known, and they wait for ever.
    PatienceUnknown,
}

impl Note {
    /// For people.
    pub fn text(self) -> &'static str {
        match self {
            Note::NotProved => "journals without checksums: it is not proved that the engine says what it said then",
            Note::ListRanDry => "the list came to its end: no more dials are placed than were recorded",
            Note::Restarted => "the service was restarted within the span; calls that were up then are left out",
            Note::PartGone => "a part of the span is left out: the first journal file of its run is gone",
            Note::PatienceUnknown => "no caller hung up: how long callers would wait is not known, they wait for ever",
        }
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = WhatifAnswer)]
pub struct Told {
    /// Whose traffic.
    #[schema(value_type = String)]
    pub campaign: CampaignKey,
    /// What people read.
    pub title: String,
    /// The agents that work it: inbound figures are those of their queues.
    #[schema(value_type = String)]
    pub group: GroupName,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
    /// What is changed; empty: nothing, and only the rehearsal is tried.
    pub changes: Vec<Changed>,
    /// What should be known before the figures are believed.
    pub notes: Vec<Note>,
    /// The figures.
    #[serde(flatten)]
    pub comparison: Comparison,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum WhatifError {
    /// There are no journals at all.
    #[error("there are no journals in {0}; the service writes them while it runs")]
    NoJournals(PathBuf),
    /// There are, but not of this campaign and span.
    #[error("no traffic of `{campaign}` between {from} and {to}; {}", exist(*first, *last))]
    NoTraffic {
        /// The campaign.
        campaign: CampaignKey,
        /// From when it was looked for.
        from: Timestamp,
        /// Until when.
        to: Timestamp,
        /// When the first journal begins.
        first: Timestamp,
        /// When the last was written.
        last: Timestamp,
    },
    /// The runs of the span cannot be run again.
    #[error("the traffic between {from} and {to} cannot be rehearsed: the first journal file of that run is gone")]
    BeginningGone {
        /// From when it was looked for.
        from: Timestamp,
        /// Until when.
        to: Timestamp,
    },
    /// What agents would do is not in the record.
    #[error(
        "pacing `preview` cannot be rehearsed: recorded calls do not tell how long agents look at a lead, nor which they skip"
    )]
    Preview,
    /// The span is none.
    #[error("the span ends at {to}, before it begins at {from}")]
    Backwards {
        /// Its beginning.
        from: Timestamp,
        /// Its end.
        to: Timestamp,
    },
    /// The engine of today does not say what that of then did.
    #[error(
        "{path}:{line}: the engine's commands differ from here on (checksum {recorded} then, {replayed} now); the journal \
         was written by lull {program}, and can be rehearsed by that version only"
    )]
    Different {
        /// Which file.
        path: PathBuf,
        /// Which line.
        line: usize,
        /// Version that wrote it.
        program: String,
        /// Checksum in the journal.
        recorded: Sum,
        /// Checksum now.
        replayed: Sum,
    },
    /// A journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Too much.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// A key that is none.
    #[error("`{key}` cannot be changed in a rehearsal; {expected}")]
    UnknownKey {
        /// What was given.
        key: String,
        /// What could have been meant.
        expected: String,
    },
    /// A value is wrong.
    #[error("the change is wrong: {0}")]
    Change(Complaints),
    /// It was told to stop.
    #[error("cancelled")]
    Cancelled,
}

fn exist(first: Timestamp, last: Timestamp) -> String {
    format!("journals exist from {first} to {last}")
}

/// Answers a question from the journals in `folder`. Takes minutes for a busy week; `progress` is told how far it is, and
/// `stop` ends it. Blocks.
///
/// # Errors
/// There is no such traffic, a journal cannot be read or run again, or a change is wrong.
pub fn ask(
    folder: &Path,
    ask: &Ask,
    stop: &AtomicBool,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Told, WhatifError> {
    if ask.from >= ask.to {
        return Err(WhatifError::Backwards { from: ask.from, to: ask.to });
    }
    change::check_keys(&ask.changes)?;
    let read = reading::read(folder, ask, stop, progress)?;
    let (variant, changes) = change::apply(ask, &read)?;
    let question = Question {
        campaign: ask.campaign.clone(),
        from: ask.from,
        to: ask.to,
        zone: Zone::named(&read.settings.zone).unwrap_or_else(|_| Zone::utc()),
        replications: ask.replications,
        seed: ask.seed,
        threads: ask.threads,
    };
    let of = compare::steps(&read.traffic, ask.replications);
    let done = std::sync::atomic::AtomicU64::new(0);
    progress(Progress::Rehearsing { done: 0, of });
    let step = || {
        let done = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        progress(Progress::Rehearsing { done, of });
    };
    let comparison = rehearse(&read.traffic, &variant, &question, stop, &step).ok_or(WhatifError::Cancelled)?;
    Ok(Told {
        campaign: ask.campaign.clone(),
        title: read.campaign.title.clone(),
        group: read.campaign.group.clone(),
        from: ask.from,
        to: ask.to,
        changes,
        notes: read.notes,
        comparison,
    })
}
