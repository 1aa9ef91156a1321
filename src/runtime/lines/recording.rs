//! Which calls are recorded: one recording for each, from the first agent to the end of the customer's leg.
//!
//! Not the audio; the media thread writes that.

use std::io;

use super::{Fact, Lines};
use crate::engine::event::Event;
use crate::media::plane::{Command as MediaCommand, Event as MediaEvent, RecordFault};
use crate::media::wav::hexadecimal;
use crate::model::attempt::CallRef;
use crate::model::id::{LegId, UserId};
use crate::model::name::CampaignKey;
use crate::model::recording::{CallRecording, RecordingReason, RecordingState, file_of};
use crate::model::time::Now;

impl Lines {
    /// A customer's leg is joined with an agent's. The recording begins with the first agent; a later one is on it too.
    pub(super) fn record(&mut self, now: Now, leg: LegId, call: CallRef, agent: UserId, wanted: Option<CampaignKey>) {
        let Some(line) = self.legs.get_mut(&leg) else { return };
        let (Some(campaign), false) = (wanted, std::mem::replace(&mut line.joined, true)) else { return };
        let begun = CallRecording::begun(call, agent, now.timestamp);
        let file = self.plan.recordings.join(file_of(call));
        self.media(MediaCommand::Record { leg, file, announce: None });
        self.facts.push_back(Fact::Recording(Box::new(begun.clone())));
        self.recordings.insert(leg, (campaign, begun));
    }

    /// What the media thread says about a recording that ended or failed.
    pub(super) fn recorded(&mut self, now: Now, event: MediaEvent) {
        let ended_at = Some(now.timestamp);
        match event {
            MediaEvent::Recorded { leg, file, length, bytes, dropped_frames, sha256 } => {
                let (file, seconds, hash) = (file.display(), length.as_secs(), hexadecimal(&sha256));
                tracing::info!(%file, seconds, dropped_frames, hash, "recorded");
                let Some((_, begun)) = self.recordings.remove(&leg) else { return self.stale() };
                let whole = CallRecording {
                    state: RecordingState::Whole,
                    ended_at,
                    length_ms: Some(u64::try_from(length.as_millis()).unwrap_or(u64::MAX)),
                    bytes: Some(bytes),
                    sha256: Some(hash),
                    dropped_frames: Some(dropped_frames),
                    ..begun
                };
                self.facts.push_back(Fact::Recording(Box::new(whole)));
            }
            MediaEvent::RecordFailed { leg, file, why } => {
                tracing::error!(%leg, file = %file.display(), %why, "the recording failed; the call goes on");
                let Some((campaign, begun)) = self.recordings.remove(&leg) else { return self.stale() };
                let (reason, written) = reason_of(&why);
                if matches!(reason, RecordingReason::Disk | RecordingReason::DiskFull) {
                    self.tell(Event::RecordingFailed { call: begun.call, campaign, reason });
                }
                let recording = Box::new(CallRecording { ended_at, ..begun.without(reason) });
                self.facts.push_back(match written {
                    true => Fact::RecordingBroke { recording, file },
                    false => Fact::Recording(recording),
                });
            }
            _ => self.stale(),
        }
    }
}

/// Why there is no recording, and whether something of it may have been written.
fn reason_of(fault: &RecordFault) -> (RecordingReason, bool) {
    use io::ErrorKind::{AlreadyExists, QuotaExceeded, StorageFull};
    match fault {
        RecordFault::Disk(error) => match error.kind() {
            StorageFull | QuotaExceeded => (RecordingReason::DiskFull, true),
            // It is not ours.
            AlreadyExists => (RecordingReason::Disk, false),
            _ => (RecordingReason::Disk, true),
        },
        RecordFault::NoMedia => (RecordingReason::NoMedia, false),
        RecordFault::AlreadyRecording | RecordFault::RecorderFull => (RecordingReason::Busy, false),
    }
}
