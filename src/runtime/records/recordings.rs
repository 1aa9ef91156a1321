//! How recordings stand, on its way to the store: gathered for a moment and written together.
//!
//! Nobody waits for it, and a crash loses none of it: the audio is in a file under the name of its call, which the next start
//! finds. Read [`Recordings`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::RETRY_AFTER;
use crate::model::attempt::CallRef;
use crate::model::recording::CallRecording;
use crate::store::Store;

/// Gathered for this long.
const GATHER: Duration = Duration::from_millis(50);
/// Most that wait for a store that does not take them: a day of a large centre. Beyond it the oldest are left to the next start.
const WAITING_MAX: usize = 50_000;

/// What waits to be written, by call: the latest word counts. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Recordings {
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Debug, Default)]
struct Waiting {
    recordings: BTreeMap<CallRef, CallRecording>,
    /// A task writes, or is about to.
    busy: bool,
}

impl Recordings {
    /// Takes one. `true`: the caller must start [`Recordings::write`].
    pub(super) fn take(&self, recording: CallRecording) -> bool {
        let mut waiting = self.lock();
        waiting.recordings.insert(recording.call, recording);
        waiting.shorten();
        !std::mem::replace(&mut waiting.busy, true)
    }

    /// Writes until nothing waits. Tried again as long as the store may recover.
    pub(super) async fn write(self, store: Store) {
        loop {
            tokio::time::sleep(GATHER).await;
            let Some(recordings) = self.gathered() else { return };
            if let Err(error) = store.record_recordings(recordings.clone()).await {
                tracing::error!(%error, count = recordings.len(), "the store does not take what was recorded");
                if error.is_transient() {
                    self.put_back(recordings);
                    tokio::time::sleep(RETRY_AFTER).await;
                }
            }
        }
    }

    fn gathered(&self) -> Option<Vec<CallRecording>> {
        let mut waiting = self.lock();
        if waiting.recordings.is_empty() {
            waiting.busy = false;
            return None;
        }
        Some(std::mem::take(&mut waiting.recordings).into_values().collect())
    }

    /// What was said of the same calls since counts.
    fn put_back(&self, recordings: Vec<CallRecording>) {
        let mut waiting = self.lock();
        for recording in recordings {
            waiting.recordings.entry(recording.call).or_insert(recording);
        }
        waiting.shorten();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A panic while it was held leaves whole records.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn shorten(&mut self) {
        while self.recordings.len() > WAITING_MAX {
            if let Some((call, _)) = self.recordings.pop_first() {
                tracing::error!(%call, "how its recording stands is left to the next start: the store was behind for too long");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::{AttemptId, UserId};
    use crate::model::recording::{RecordingReason, RecordingState};
    use crate::model::time::Timestamp;

    fn begun(id: i64) -> CallRecording {
        CallRecording::begun(CallRef::Outbound(AttemptId(id)), UserId(1), Timestamp::from_millis(id))
    }

    #[test]
    fn one_task_is_started_and_the_end_of_a_recording_is_not_undone_by_its_beginning() {
        let recordings = Recordings::default();
        assert!(recordings.take(begun(1)));
        assert!(!recordings.take(begun(2)), "the task that was started writes this one too");
        let batch = recordings.gathered().expect("two");
        assert_eq!(batch.len(), 2);
        recordings.take(begun(1).without(RecordingReason::Disk));
        recordings.put_back(batch);
        let again = recordings.gathered().expect("two again");
        let states: Vec<_> = again.iter().map(|one| (one.call, one.state)).collect();
        let call = |id| CallRef::Outbound(AttemptId(id));
        assert_eq!(states, [(call(1), RecordingState::None), (call(2), RecordingState::Running)]);
        assert!(recordings.gathered().is_none());
        assert!(recordings.take(begun(3)), "the task has ended");
    }
}
