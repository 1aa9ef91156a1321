//! What is known of the recording of a call: whether there is one, whole or cut off, or why there is none.
//!
//! Not the audio, which is a file, and not whether a campaign wants its calls recorded: that is
//! [`super::campaign::Recording`]. Read [`CallRecording`] first.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::attempt::CallRef;
use super::id::UserId;
use super::time::Timestamp;

/// How the recording of a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordingState {
    /// The call is up and is being recorded.
    Running,
    /// The file is complete.
    Whole,
    /// The file ends before the call did.
    CutOff,
    /// There never was one.
    None,
    /// There was one, and it was removed.
    Removed,
}

impl RecordingState {
    /// As it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            RecordingState::Running => "running",
            RecordingState::Whole => "whole",
            RecordingState::CutOff => "cut_off",
            RecordingState::None => "none",
            RecordingState::Removed => "removed",
        }
    }
}

/// Why there is no recording, or none any more, or why it was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordingReason {
    /// There was no room on the disk.
    DiskFull,
    /// The file could not be made or written for another reason.
    Disk,
    /// No audio was agreed upon with the other side.
    NoMedia,
    /// As many recordings as can be were under way.
    Busy,
    /// The service ended in the middle of it.
    Crash,
    /// Removed after `retention.recordings_days`.
    Retention,
    /// Removed because the customer's data were erased.
    Erasure,
}

impl RecordingReason {
    /// As it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            RecordingReason::DiskFull => "disk_full",
            RecordingReason::Disk => "disk",
            RecordingReason::NoMedia => "no_media",
            RecordingReason::Busy => "busy",
            RecordingReason::Crash => "crash",
            RecordingReason::Retention => "retention",
            RecordingReason::Erasure => "erasure",
        }
    }

    /// In words, after "there is no recording: ".
    pub fn told(self) -> &'static str {
        match self {
            RecordingReason::DiskFull => "there was no room on the disk",
            RecordingReason::Disk => "the file could not be written",
            RecordingReason::NoMedia => "no audio was agreed upon",
            RecordingReason::Busy => "too many calls were being recorded",
            RecordingReason::Crash => "the service ended in the middle of the call",
            RecordingReason::Retention => "it was kept for its days and removed",
            RecordingReason::Erasure => "the customer's recordings were erased",
        }
    }
}

/// The recording of one call that was to be recorded, or why there is none. It tells nothing of who the customer is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecording {
    /// The call.
    pub call: CallRef,
    /// The first agent that was connected, where that is known.
    pub agent: Option<UserId>,
    /// When it began, or would have begun.
    pub began_at: Timestamp,
    /// How it stands.
    pub state: RecordingState,
    /// Why it is not whole.
    pub reason: Option<RecordingReason>,
    /// Name of the file in the folder of recordings.
    pub file: Option<String>,
    /// When it ended; none while it runs.
    pub ended_at: Option<Timestamp>,
    /// Length, in ms.
    pub length_ms: Option<u64>,
    /// Length of the file.
    pub bytes: Option<u64>,
    /// SHA-256 over the file, in hexadecimal.
    pub sha256: Option<String>,
    /// 20 ms pieces of audio that are missing.
    pub dropped_frames: Option<u64>,
}

impl CallRecording {
    /// One that begins now, into the file of the call.
    pub fn begun(call: CallRef, agent: UserId, at: Timestamp) -> CallRecording {
        CallRecording {
            call,
            agent: Some(agent),
            began_at: at,
            state: RecordingState::Running,
            reason: None,
            file: Some(file_of(call)),
            ended_at: None,
            length_ms: None,
            bytes: None,
            sha256: None,
            dropped_frames: None,
        }
    }

    /// There is none, for a reason.
    #[must_use]
    pub fn without(self, reason: RecordingReason) -> CallRecording {
        CallRecording { state: RecordingState::None, reason: Some(reason), file: None, ..self }
    }
}

/// The name of a call's file in the folder of recordings: made by the program, never of what came over the wire.
pub fn file_of(call: CallRef) -> String {
    format!("{call}.wav")
}

/// The call whose recording a file is by its name; none for files that are no recordings.
pub fn call_of(file: &str) -> Option<CallRef> {
    file.strip_suffix(".wav").and_then(|id| id.parse().ok())
}

/// Which calls, by their recordings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Recorded {
    /// There is one that can be heard.
    Yes,
    /// There is none, or none any more, and there need not be: not connected, the campaign does not record, removed, still
    /// under way.
    No,
    /// There should be one: it failed, or its file is gone.
    Missing,
}

impl Recorded {
    /// All of them.
    pub const ALL: [Recorded; 3] = [Recorded::Yes, Recorded::No, Recorded::Missing];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Recorded::Yes => "yes",
            Recorded::No => "no",
            Recorded::Missing => "missing",
        }
    }
}

/// A text is none of `yes`, `no` and `missing`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}`: expected yes, no or missing")]
pub struct NotRecorded(String);

impl FromStr for Recorded {
    type Err = NotRecorded;
    fn from_str(text: &str) -> Result<Recorded, NotRecorded> {
        Recorded::ALL.into_iter().find(|one| one.as_str() == text).ok_or_else(|| NotRecorded(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::{AttemptId, InboundId};

    #[test]
    fn a_files_name_tells_its_call_and_other_files_are_none() {
        for call in [CallRef::Outbound(AttemptId(7)), CallRef::Inbound(InboundId(8))] {
            assert_eq!(call_of(&file_of(call)), Some(call));
        }
        for other in ["", ".wav", "notes.txt", "old.wav", "att_0000000000007", "lead_0000000000007.wav"] {
            assert_eq!(call_of(other), None, "{other}");
        }
    }

    #[test]
    fn words_are_stored_as_they_are_sent() {
        use RecordingReason::*;
        for reason in [DiskFull, Disk, NoMedia, Busy, Crash, Retention, Erasure] {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
        let states = [RecordingState::Running, RecordingState::Whole, RecordingState::CutOff, RecordingState::None];
        for state in states.into_iter().chain([RecordingState::Removed]) {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        for recorded in Recorded::ALL {
            assert_eq!(recorded.as_str().parse(), Ok(recorded));
            assert_eq!(serde_json::to_value(recorded).unwrap(), recorded.as_str());
        }
        assert!("maybe".parse::<Recorded>().is_err());
    }
}
