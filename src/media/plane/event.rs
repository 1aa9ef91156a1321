//! What the plane tells.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::CommandFault;
use crate::media::classify::Classification;
use crate::media::dtmf::Digit;
use crate::media::leg::LegStats;
use crate::model::id::LegId;
use crate::model::time::Instant;

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// The leg listens to this source only, from now on.
    LegLatched {
        /// The leg.
        leg: LegId,
        /// The source.
        source: SocketAddr,
    },
    /// A prompt ended.
    PromptEnded {
        /// The leg.
        leg: LegId,
        /// Its name.
        prompt: Arc<str>,
        /// Why.
        end: PromptEnd,
    },
    /// A key was pressed and released.
    Digit {
        /// The leg.
        leg: LegId,
        /// Which key.
        digit: Digit,
        /// How long it was held.
        duration: Duration,
    },
    /// All digits of [`super::Command::PressDigits`] were sent.
    DigitsSent {
        /// The leg.
        leg: LegId,
    },
    /// Detection has a verdict.
    Classified {
        /// The leg.
        leg: LegId,
        /// Verdict, confidence, time taken and the rule that decided.
        classification: Classification,
    },
    /// Nothing came from the peer for [`super::SILENT_AFTER`] although it is not on hold. Repeats while it lasts.
    RtpSilent {
        /// The leg.
        leg: LegId,
        /// Since when.
        since: Instant,
        /// Datagrams that came from other sources so far. Many of them and nothing heard: the peer sends from elsewhere
        /// than it signalled, and should be marked as behind NAT.
        refused_sources: u64,
    },
    /// The first packet after a bridge or the start of a prompt went out to the leg.
    FirstAudioOut {
        /// The leg.
        leg: LegId,
        /// What it hears.
        voice: Voice,
        /// Time since the command was carried out.
        after: Duration,
    },
    /// A recording is complete.
    Recorded {
        /// The leg.
        leg: LegId,
        /// The file.
        file: PathBuf,
        /// Its length.
        length: Duration,
        /// Its size.
        bytes: u64,
        /// 20 ms pieces that are missing.
        dropped_frames: u64,
        /// SHA-256 over the file.
        sha256: [u8; 32],
    },
    /// A recording could not be begun or went wrong; the call goes on.
    RecordFailed {
        /// The leg.
        leg: LegId,
        /// The file.
        file: PathBuf,
        /// Why.
        why: RecordFault,
    },
    /// A command could not be carried out.
    Refused {
        /// The leg.
        leg: LegId,
        /// Why.
        why: CommandFault,
    },
    /// The leg is closed and its ports are back.
    LegClosed {
        /// The leg.
        leg: LegId,
        /// Its figures.
        stats: LegStats,
    },
}

/// Why a prompt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptEnd {
    /// It was heard to its end.
    Finished,
    /// [`super::Command::StopPlay`].
    Stopped,
    /// Another prompt took its place.
    Replaced,
    /// The leg was bridged.
    Bridged,
}

/// What is heard first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// The bridged leg.
    Bridge,
    /// A prompt.
    Prompt,
}

/// Why a recording failed.
#[derive(Debug, thiserror::Error)]
pub enum RecordFault {
    /// The disk.
    #[error("cannot write: {0}")]
    Disk(std::io::Error),
    /// The leg is being recorded already.
    #[error("the leg is being recorded already")]
    AlreadyRecording,
    /// Nothing is negotiated, so the law of the file is not known.
    #[error("the leg has no negotiated media yet")]
    NoMedia,
    /// Too many at once, or the recorder has stopped.
    #[error("the recorder takes no more recordings")]
    RecorderFull,
}
