//! Files of recordings and what the database says of them, held together: what a crash left is made good at the start, what is
//! too old is removed with its file, and files that vanish are noticed.
//!
//! Not the recording itself; the media thread writes that. Read [`make_good`], [`remove_old`] and [`look_for_files`] first.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use crate::media::wav::{HEADER_LEN, hexadecimal, mend};
use crate::model::attempt::{CallRef, InboundEnd, InboundOutcome, RecordedCaller};
use crate::model::recording::{CallRecording, RecordingReason, RecordingState, call_of, file_of};
use crate::model::time::Timestamp;
use crate::runtime::retention::Removed;
use crate::store::{RecordingCursor, Store, StoreError};

/// Calls that are looked up, and files that are removed, at once.
const AT_ONCE: usize = 500;
/// Samples of a millisecond.
const SAMPLES_PER_MS: u64 = 8;

/// What the last run left: recordings that it did not end, all files of calls, and callers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leftover {
    /// By the database they still run.
    pub running: Vec<CallRecording>,
    /// Calls that have a file.
    pub files: Vec<CallRef>,
    /// Callers who were being recorded.
    pub callers: Vec<RecordedCaller>,
}

/// What was made good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MadeGood {
    /// Recordings that were complete, and not written down as such.
    pub whole: u64,
    /// Recordings that were cut off and can be heard.
    pub cut_off: u64,
    /// Recordings of which nothing was left.
    pub lost: u64,
    /// Files that the database knew nothing of.
    pub adopted: u64,
}

impl Leftover {
    /// Looks what is there. Must be done before the first call: later ones are not left over.
    ///
    /// # Errors
    /// The store cannot be read. A folder that cannot be read is told in the log and counts as empty.
    pub async fn find(store: &Store, folder: &Path) -> Result<Leftover, StoreError> {
        let running = store.running_recordings().await?.into_iter().map(|row| row.recording).collect();
        let files = files_of_calls(folder).unwrap_or_else(|error| {
            tracing::error!(folder = %folder.display(), %error, "recordings of the run before cannot be looked for");
            BTreeSet::new()
        });
        let callers = store.recorded_callers().await?;
        Ok(Leftover { running, files: files.into_iter().collect(), callers })
    }
}

/// Calls that have a file in the folder of recordings.
///
/// # Errors
/// The folder cannot be read.
pub fn files_of_calls(folder: &Path) -> io::Result<BTreeSet<CallRef>> {
    let mut calls = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        calls.extend(entry?.file_name().to_str().and_then(call_of));
    }
    Ok(calls)
}

/// Ends what the last run did not end: the header of a recording that was cut off is mended, the file is hashed, and files that
/// the database knows nothing of are written down. Whether one is whole is what its file says. Then the calls of callers are over
/// who were being recorded. What cannot be done now is tried at the next start.
///
/// # Errors
/// The store does not answer or take it.
pub async fn make_good(store: &Store, folder: &Path, left: Leftover) -> Result<MadeGood, StoreError> {
    let mut done = MadeGood::default();
    let ended: BTreeSet<CallRef> = left.running.iter().map(|recording| recording.call).collect();
    for running in left.running {
        let file = folder.join(file_of(running.call));
        let none = running.without(RecordingReason::Crash);
        let Some(Some(looked)) = blocking(move || look_at(none, &file)).await else { continue };
        match looked.state {
            RecordingState::Whole => done.whole += 1,
            RecordingState::None => done.lost += 1,
            _ => done.cut_off += 1,
        }
        store.record_recordings(vec![looked]).await?;
    }
    let files: Vec<CallRef> = left.files.into_iter().filter(|call| !ended.contains(call)).collect();
    for calls in files.chunks(AT_ONCE) {
        let known = store.recordings_of(calls.iter().copied()).await?;
        // Of some it was said that there is nothing, because their disk was not there at an earlier start.
        let unknown = |call: &CallRef| known.get(call).is_none_or(|row| row.recording.state == RecordingState::None);
        for call in calls.iter().copied().filter(unknown) {
            let file = folder.join(file_of(call));
            let Some(Some(adopted)) = blocking(move || adopt(call, &file)).await else { continue };
            store.record_recordings(vec![adopted]).await?;
            done.adopted += 1;
        }
    }
    for caller in left.callers {
        end_of_caller(store, caller).await?;
    }
    Ok(done)
}

/// The call of a caller who was being recorded when the last run ended: over when the recording is. One that was not recorded after
/// all reached nobody.
async fn end_of_caller(store: &Store, caller: RecordedCaller) -> Result<(), StoreError> {
    let Some(row) = store.recording(CallRef::Inbound(caller.call)).await? else {
        return store.forget_callers(&[caller.call]).await;
    };
    let recording = row.recording;
    if recording.state == RecordingState::Running {
        return Ok(()); // its file cannot be read now
    }
    let RecordedCaller { call, queue, campaign, did, caller, offered_at, agent } = caller;
    let end = InboundEnd {
        call,
        queue,
        campaign,
        did,
        caller,
        offered_at,
        connected_at: Some(recording.began_at),
        ended_at: recording.ended_at.unwrap_or(recording.began_at),
        agent: recording.agent.or(Some(agent)),
        outcome: InboundOutcome::Answered,
    };
    store.record_inbound(end).await
}

/// A recording that failed or was cut off, with what is in its file; `none` is what it is if nothing is. A file without audio is
/// removed. Nothing for a file that cannot be read now: the next start tries it again.
pub fn look_at(none: CallRecording, file: &Path) -> Option<CallRecording> {
    match mend(file) {
        Ok(Some(mended)) => {
            let length_ms = mended.samples / SAMPLES_PER_MS;
            // A crash may come between the end of a file and its row; what the disk did not take is never complete.
            let whole = mended.finished && none.reason == Some(RecordingReason::Crash);
            let (state, reason) =
                if whole { (RecordingState::Whole, None) } else { (RecordingState::CutOff, none.reason) };
            Some(CallRecording {
                state,
                reason,
                file: Some(file_of(none.call)),
                ended_at: none.ended_at.or(Some(none.began_at + Duration::from_millis(length_ms))),
                length_ms: Some(length_ms),
                bytes: Some(mended.bytes),
                sha256: Some(hexadecimal(&mended.sha256)),
                ..none
            })
        }
        Ok(None) => {
            if fs::metadata(file).is_ok_and(|metadata| metadata.len() <= HEADER_LEN as u64) {
                // If it stays, it is only a name.
                let _ = fs::remove_file(file);
            }
            Some(none)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(none),
        Err(error) => {
            tracing::error!(file = %file.display(), %error, "a recording that was cut off cannot be mended");
            None
        }
    }
}

/// The recording that a file holds of which the database knows nothing: made by an older program, or cut off before it was
/// written down. `None`: it cannot be read, or has no audio.
fn adopt(call: CallRef, file: &Path) -> Option<CallRecording> {
    // Before it is mended, which changes it.
    let changed = fs::metadata(file).and_then(|metadata| metadata.modified()).ok()?;
    let changed = Timestamp::from_millis(0) + changed.duration_since(UNIX_EPOCH).ok()?;
    let mended = match mend(file) {
        Ok(mended) => mended?,
        Err(error) => {
            tracing::error!(file = %file.display(), %error, "a recording that is not written down cannot be read");
            return None;
        }
    };
    let length_ms = mended.samples / SAMPLES_PER_MS;
    let (state, reason) = match mended.finished {
        true => (RecordingState::Whole, None),
        false => (RecordingState::CutOff, Some(RecordingReason::Crash)),
    };
    Some(CallRecording {
        call,
        agent: None,
        began_at: changed - Duration::from_millis(length_ms),
        state,
        reason,
        file: Some(file_of(call)),
        ended_at: Some(changed),
        length_ms: Some(length_ms),
        bytes: Some(mended.bytes),
        sha256: Some(hexadecimal(&mended.sha256)),
        dropped_frames: None,
    })
}

/// Removes recordings that began before this: the file first, so that a row never tells that one is gone which is still there.
///
/// # Errors
/// The store does not answer or take it.
pub async fn remove_old(store: &Store, folder: &Path, before: Timestamp) -> Result<Removed, StoreError> {
    let mut removed = Removed::default();
    loop {
        let old = store.filed_recordings(before, None, AT_ONCE).await?;
        let count = old.len();
        let calls = old.into_iter().map(|row| row.recording.call).collect();
        let gone = remove(store, folder, calls, RecordingReason::Retention).await?;
        removed.files += gone.files;
        removed.bytes += gone.bytes;
        if count < AT_ONCE || gone.files == 0 {
            removed.stuck = gone.stuck;
            return Ok(removed);
        }
    }
}

/// Removes the recordings of these calls, the files first; a file that is gone already counts as removed, except where it is to be
/// erased.
///
/// # Errors
/// The store does not take it.
pub async fn remove(
    store: &Store,
    folder: &Path,
    calls: Vec<CallRef>,
    why: RecordingReason,
) -> Result<Removed, StoreError> {
    let folder = folder.to_path_buf();
    let Some((removed, gone)) = blocking(move || remove_files(&folder, calls, why)).await else {
        return Ok(Removed::default());
    };
    if !gone.is_empty() {
        store.recordings_removed(&gone, why).await?;
    }
    Ok(removed)
}

fn remove_files(folder: &Path, calls: Vec<CallRef>, why: RecordingReason) -> (Removed, Vec<CallRef>) {
    let mut removed = Removed::default();
    let mut gone = Vec::new();
    for call in calls {
        let file = folder.join(file_of(call));
        let bytes = fs::metadata(&file).map_or(0, |metadata| metadata.len());
        match fs::remove_file(&file) {
            // Whoever erases must be sure: the folder may be another one, or its disk not there.
            Err(error) if error.kind() != io::ErrorKind::NotFound || why == RecordingReason::Erasure => {
                tracing::warn!(file = %file.display(), %error, "cannot be removed");
                removed.stuck += 1;
            }
            Ok(()) | Err(_) => {
                removed.files += 1;
                removed.bytes += bytes;
                gone.push(call);
            }
        }
    }
    (removed, gone)
}

/// Looks for the file of every recording, and writes down which are gone and which are there again; how many are gone.
///
/// # Errors
/// The store does not answer or take it.
pub async fn look_for_files(store: &Store, folder: &Path, now: Timestamp) -> Result<u64, StoreError> {
    let place = folder.to_path_buf();
    let there = match blocking(move || files_of_calls(&place)).await {
        Some(Ok(there)) => there,
        Some(Err(error)) => {
            // A folder that is not there now tells nothing about its files.
            tracing::error!(folder = %folder.display(), %error, "the files of recordings cannot be looked for");
            return Ok(0);
        }
        None => return Ok(0),
    };
    // What began since the folder was listed is not in that list.
    let mut after: Option<RecordingCursor> = None;
    let mut missing = 0;
    loop {
        let page = store.filed_recordings(now, after, AT_ONCE).await?;
        after = page.last().map(|row| (row.recording.began_at, row.recording.call));
        let (mut gone, mut back) = (Vec::new(), Vec::new());
        for row in &page {
            let call = row.recording.call;
            match (there.contains(&call), row.lost_at) {
                (false, known) => {
                    missing += 1;
                    gone.extend(known.is_none().then_some(call));
                }
                (true, Some(_)) => back.push(call),
                (true, None) => {}
            }
        }
        if !gone.is_empty() || !back.is_empty() {
            store.recordings_seen(&gone, &back, now).await?;
        }
        if page.len() < AT_ONCE {
            return Ok(missing);
        }
    }
}

/// Disks may be slow. `None`: the program ends.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::g711::Law;
    use crate::media::wav::{Channel, TwoChannelWav};
    use crate::model::id::{AttemptId, InboundId, UserId};
    use crate::model::name::CampaignKey;
    use crate::model::phone::PhoneNumber;
    use crate::model::recording::Recorded;
    use crate::store::{Options, Receipt, Write};

    const NOW: Timestamp = Timestamp::from_millis(1_795_318_496_000);

    struct Rig {
        folder: tempfile::TempDir,
        store: Store,
    }

    impl Rig {
        async fn new() -> Rig {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(&folder.path().join("lull.db"), Options::default()).await.unwrap();
            Rig { folder, store }
        }

        /// A file as a writer leaves it that was killed after so many seconds, or that finished.
        fn written(&self, call: CallRef, seconds: u64, finished: bool) {
            let mut wav = TwoChannelWav::create(&self.folder.path().join(file_of(call)), Law::Mu).unwrap();
            for frame in 0..seconds * 50 {
                wav.place(Channel::Heard, frame * 160, &[7; 160]).unwrap();
            }
            if finished {
                wav.finish().unwrap();
            }
        }

        async fn begun(&self, call: CallRef, at: Timestamp) {
            let begun = CallRecording::begun(call, UserId(1), at);
            self.store.record_recordings(vec![begun]).await.unwrap();
        }

        async fn standing(&self, call: CallRef) -> CallRecording {
            self.store.recording(call).await.unwrap().unwrap().recording
        }

        async fn after_a_start(&self) -> MadeGood {
            let left = Leftover::find(&self.store, self.folder.path()).await.unwrap();
            make_good(&self.store, self.folder.path(), left).await.unwrap()
        }
    }

    fn call(id: i64) -> CallRef {
        CallRef::Outbound(AttemptId(id))
    }

    #[tokio::test]
    async fn a_start_ends_what_was_cut_off_and_writes_down_what_was_not() {
        let rig = Rig::new().await;
        let (cut, nothing, empty, before) = (call(1), call(2), call(3), CallRef::Inbound(InboundId(4)));
        let complete = call(5);
        rig.written(cut, 20, false);
        // Killed after the file was complete and before that was written down.
        rig.written(complete, 20, true);
        rig.written(empty, 0, false);
        rig.written(before, 3, true);
        std::fs::write(rig.folder.path().join("notes.wav"), "of somebody").unwrap();
        for call in [cut, nothing, empty, complete] {
            rig.begun(call, NOW).await;
        }
        assert_eq!(rig.after_a_start().await, MadeGood { whole: 1, cut_off: 1, lost: 2, adopted: 1 });
        let whole = rig.standing(complete).await;
        assert_eq!((whole.state, whole.reason, whole.length_ms), (RecordingState::Whole, None, Some(20_000)));
        assert_eq!(whole.ended_at, Some(NOW + Duration::from_secs(20)));
        let mended = rig.standing(cut).await;
        assert_eq!((mended.state, mended.reason), (RecordingState::CutOff, Some(RecordingReason::Crash)));
        let seconds = mended.length_ms.unwrap() / 1000;
        assert!((18..=20).contains(&seconds), "{mended:?}");
        assert_eq!(mended.ended_at, Some(NOW + Duration::from_millis(mended.length_ms.unwrap())));
        let bytes = std::fs::read(rig.folder.path().join(file_of(cut))).unwrap();
        let (length, hash) = crate::media::wav::hash(&mut bytes.as_slice()).unwrap();
        assert_eq!((mended.bytes, mended.sha256), (Some(length), Some(hexadecimal(&hash))));
        for call in [nothing, empty] {
            let lost = rig.standing(call).await;
            let told = (lost.state, lost.reason, lost.file);
            assert_eq!(told, (RecordingState::None, Some(RecordingReason::Crash), None), "{call}");
        }
        assert!(!rig.folder.path().join(file_of(empty)).exists(), "a file without audio is no recording");
        let adopted = rig.standing(before).await;
        assert_eq!((adopted.state, adopted.length_ms), (RecordingState::Whole, Some(3_000)));
        // The next start finds nothing left to do.
        assert_eq!(rig.after_a_start().await, MadeGood::default());
        // Its disk was away, and is there again.
        rig.written(nothing, 5, true);
        assert_eq!(rig.after_a_start().await, MadeGood { adopted: 1, ..MadeGood::default() });
        let found = rig.standing(nothing).await;
        assert_eq!((found.state, found.length_ms, found.began_at), (RecordingState::Whole, Some(5_000), NOW));
        assert_eq!(rig.after_a_start().await, MadeGood::default());
    }

    #[tokio::test]
    async fn a_caller_whose_call_a_crash_cut_off_is_found_by_number_before_and_after_the_start() {
        let rig = Rig::new().await;
        let number = PhoneNumber::from_e164("+8613800000009").unwrap();
        let campaign: CampaignKey = "spring".parse().unwrap();
        let of = |id: i64| RecordedCaller {
            call: InboundId(id),
            queue: None,
            campaign: Some(campaign.clone()),
            did: "100".to_owned(),
            caller: Some(number.clone()),
            offered_at: NOW,
            agent: UserId(8),
        };
        // The phone of the second one's agent did not answer.
        for id in [1, 2] {
            let told = rig.store.record(vec![Write::Caller(Box::new(of(id)))]).await;
            assert_eq!(told, [Ok(Receipt::Inbound)]);
        }
        let call = CallRef::Inbound(InboundId(1));
        rig.written(call, 20, false);
        rig.begun(call, NOW + Duration::from_secs(3)).await;
        let found = async || {
            let rows = rig.store.recordings_of_number(&number).await.unwrap();
            rows.into_iter().map(|row| (row.recording.call, row.recording.state, row.campaign)).collect::<Vec<_>>()
        };
        assert_eq!(found().await, [(call, RecordingState::Running, Some(campaign.clone()))]);
        let history = rig.store.number_history(&number, 9).await.unwrap().inbound;
        assert!(history.iter().all(|call| call.ended_at.is_none() && call.outcome.is_none()), "{history:?}");
        assert_eq!(history.len(), 2);

        rig.after_a_start().await;
        assert_eq!(found().await, [(call, RecordingState::CutOff, Some(campaign.clone()))]);
        let history = rig.store.number_history(&number, 9).await.unwrap().inbound;
        assert_eq!(history.len(), 1, "{history:?}");
        let ended = rig.standing(call).await.ended_at;
        assert_eq!((history[0].ended_at, history[0].outcome), (ended, Some(InboundOutcome::Answered)));
        assert_eq!((history[0].connected_at, history[0].agent), (Some(NOW + Duration::from_secs(3)), Some(UserId(1))));
        assert_eq!(rig.store.recorded_callers().await.unwrap(), []);
        assert_eq!(rig.after_a_start().await, MadeGood::default());
        assert_eq!(rig.store.number_history(&number, 9).await.unwrap().inbound, history);
    }

    #[tokio::test]
    async fn a_recording_that_was_mended_and_not_written_down_is_still_one_that_was_cut_off() {
        let rig = Rig::new().await;
        rig.written(call(1), 20, false);
        rig.begun(call(1), NOW).await;
        rig.written(call(2), 20, false);
        let file = |call| rig.folder.path().join(file_of(call));
        // The start before was killed between the two.
        for call in [call(1), call(2)] {
            mend(&file(call)).unwrap();
        }
        assert_eq!(rig.after_a_start().await, MadeGood { cut_off: 1, adopted: 1, ..MadeGood::default() });
        for call in [call(1), call(2)] {
            let cut = rig.standing(call).await;
            assert_eq!((cut.state, cut.reason), (RecordingState::CutOff, Some(RecordingReason::Crash)), "{call}");
        }
        // What the disk did not take in the end is not complete, whatever its header says.
        rig.written(call(3), 20, true);
        let failed = CallRecording::begun(call(3), UserId(1), NOW).without(RecordingReason::Disk);
        let looked = look_at(failed, &file(call(3))).unwrap();
        assert_eq!((looked.state, looked.reason), (RecordingState::CutOff, Some(RecordingReason::Disk)));
    }

    #[tokio::test]
    async fn whoever_erases_is_told_of_files_that_are_not_where_they_are_looked_for() {
        let rig = Rig::new().await;
        for id in 1..=2 {
            rig.written(call(id), 2, true);
        }
        rig.after_a_start().await;
        let elsewhere = tempfile::tempdir().unwrap();
        let erase = async |folder: &Path, call| remove(&rig.store, folder, vec![call], RecordingReason::Erasure).await;
        let removed = erase(elsewhere.path(), call(1)).await.unwrap();
        assert_eq!((removed.files, removed.stuck), (0, 1));
        assert_eq!(rig.standing(call(1)).await.state, RecordingState::Whole);
        let removed = erase(rig.folder.path(), call(1)).await.unwrap();
        assert_eq!((removed.files, removed.stuck), (1, 0));
        let erased = rig.standing(call(1)).await;
        assert_eq!((erased.state, erased.reason), (RecordingState::Removed, Some(RecordingReason::Erasure)));
        assert_eq!(rig.standing(call(2)).await.state, RecordingState::Whole);
    }

    #[tokio::test]
    async fn what_is_too_old_goes_with_its_file_and_a_file_that_vanished_is_noticed_until_it_is_back() {
        let rig = Rig::new().await;
        for id in 1..=3 {
            rig.written(call(id), 2, true);
        }
        rig.after_a_start().await;
        let (folder, store) = (rig.folder.path(), &rig.store);
        let hour = Duration::from_secs(3600);
        let began = rig.standing(call(1)).await.began_at;
        let look = async || look_for_files(store, folder, began + hour).await.unwrap();
        assert_eq!(look().await, 0);
        let (file, aside) = (folder.join(file_of(call(2))), folder.join("aside"));
        std::fs::rename(&file, &aside).unwrap();
        assert_eq!((look().await, look().await), (1, 1));
        assert_eq!(store.recording(call(2)).await.unwrap().unwrap().recorded(), Recorded::Missing);
        std::fs::rename(&aside, &file).unwrap();
        assert_eq!(look().await, 0);
        assert_eq!(store.recording(call(2)).await.unwrap().unwrap().recorded(), Recorded::Yes);
        assert!(
            look_for_files(store, &folder.join("none"), began).await.unwrap() == 0,
            "an unmounted disk loses nothing"
        );

        assert_eq!(remove_old(store, folder, began - hour).await.unwrap(), Removed::default());
        std::fs::remove_file(&file).unwrap();
        let removed = remove_old(store, folder, began + hour).await.unwrap();
        assert_eq!((removed.files, removed.bytes, removed.stuck), (3, 2 * (58 + 2 * 16_000), 0));
        for id in 1..=3 {
            let left = rig.standing(call(id)).await;
            let told = (left.state, left.reason, left.length_ms);
            assert_eq!(told, (RecordingState::Removed, Some(RecordingReason::Retention), Some(2_000)));
            assert!(!folder.join(file_of(call(id))).exists());
        }
    }
}
