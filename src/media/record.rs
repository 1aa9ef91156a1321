//! The recorder: a thread that writes recordings, fed over a bounded ring that never blocks the media loop.
//!
//! Not the file format; [`super::wav`] has it. A slow disk costs audio in the recording, counted, and never a call. What ends
//! is forced to the disk and hashed by threads of its own: on the one that writes it would stall the recordings of all others. Read
//! [`RecorderHandle`] and [`Recorded`].

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::g711::Law;
use super::wav::{Channel, TwoChannelWav};
use crate::model::id::LegId;

/// Recordings that may be open at once. Each holds a file and up to 32 kB.
pub const RECORDINGS_MAX: usize = 2_048;
/// Frames on their way to the disk: 3 MB, more than a second of 100 recordings, 8 times the writer's nap at 500.
const FRAMES_MAX: usize = 16_384;
/// Each open recording has at most its start and its stop under way, so that these never fail.
const NOTES_MAX: usize = 2 * RECORDINGS_MAX + 1;
/// How long the writer naps between two rounds. Waking it for each frame would cost more than the relaying.
const NAP: Duration = Duration::from_millis(50);
/// Threads that bring recordings to their ends. Each waits for the disk most of the time: four bring 100 or more a second there.
const ENDING_THREADS: usize = 4;
/// Bytes of one frame: 20 ms.
pub const FRAME_LEN: usize = 160;

/// Names one recording within the plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordingId(pub u64);

/// Up to 20 ms of one channel.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    recording: RecordingId,
    channel: Channel,
    at: u64,
    len: u8,
    bytes: [u8; FRAME_LEN],
}

/// What the recorder is told besides audio.
#[derive(Debug)]
enum Note {
    Start { recording: RecordingId, leg: LegId, file: PathBuf, law: Law },
    Stop { recording: RecordingId, dropped: u64 },
    Shutdown,
}

/// How a recording ended.
#[derive(Debug)]
pub enum Recorded {
    /// The file is complete, and on the disk.
    Done {
        /// Which recording.
        recording: RecordingId,
        /// The leg it was of.
        leg: LegId,
        /// Where it is.
        file: PathBuf,
        /// Length.
        length: Duration,
        /// Size.
        bytes: u64,
        /// 20 ms pieces of audio that are missing: the disk was too slow, or they came too late.
        dropped_frames: u64,
        /// SHA-256 over the file.
        sha256: [u8; 32],
    },
    /// The file could not be created or written; what was written is left.
    Failed {
        /// Which recording.
        recording: RecordingId,
        /// The leg it was of.
        leg: LegId,
        /// Where it is or should have been.
        file: PathBuf,
        /// What the system said.
        why: io::Error,
    },
}

/// The media loop's end of the ring.
#[derive(Clone, Debug)]
pub struct RecorderHandle {
    notes: SyncSender<Note>,
    frames: SyncSender<Frame>,
}

/// The recorder's ends.
#[derive(Debug)]
pub struct Recorder {
    notes: Receiver<Note>,
    frames: Receiver<Frame>,
    open: BTreeMap<RecordingId, Open>,
    /// Recordings to end once the audio before their stop is written.
    stops: Vec<(RecordingId, u64)>,
    stopping: bool,
}

#[derive(Debug)]
struct Open {
    leg: LegId,
    file: PathBuf,
    wav: TwoChannelWav<File>,
}

/// A recording of which no more audio comes.
#[derive(Debug)]
struct Ending {
    recording: RecordingId,
    dropped: u64,
    open: Open,
}

/// A recorder and the handle that feeds it.
pub fn recorder() -> (RecorderHandle, Recorder) {
    let (note_sender, notes) = sync_channel(NOTES_MAX);
    let (frame_sender, frames) = sync_channel(FRAMES_MAX);
    let handle = RecorderHandle { notes: note_sender, frames: frame_sender };
    (handle, Recorder { notes, frames, open: BTreeMap::new(), stops: Vec::new(), stopping: false })
}

impl RecorderHandle {
    /// Begins a file. False when the recorder is gone or [`RECORDINGS_MAX`] was not respected.
    pub fn start(&self, recording: RecordingId, leg: LegId, file: PathBuf, law: Law) -> bool {
        self.notes.try_send(Note::Start { recording, leg, file, law }).is_ok()
    }

    /// Ends a file; `dropped` are the frames that [`RecorderHandle::push`] refused.
    pub fn stop(&self, recording: RecordingId, dropped: u64) -> bool {
        self.notes.try_send(Note::Stop { recording, dropped }).is_ok()
    }

    /// Ends all files and the thread.
    pub fn shutdown(&self) {
        // Waits at most until the writer has taken one note.
        let _ = self.notes.send(Note::Shutdown);
    }

    /// Adds audio of any length, already in the file's law; the number of frames that found no room.
    pub fn push(&self, recording: RecordingId, channel: Channel, at: u64, audio: &[u8]) -> u64 {
        let mut dropped = 0;
        for (index, piece) in audio.chunks(FRAME_LEN).enumerate() {
            let mut bytes = [0; FRAME_LEN];
            bytes[..piece.len()].copy_from_slice(piece);
            let at = at + (index * FRAME_LEN) as u64;
            let frame = Frame { recording, channel, at, len: piece.len() as u8, bytes };
            match self.frames.try_send(frame) {
                Ok(()) => {}
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => dropped += 1,
            }
        }
        dropped
    }
}

impl Recorder {
    /// Runs on threads of its own until told to stop; each end of a recording is given to `ended`.
    pub fn spawn(self, ended: impl Fn(Recorded) + Clone + Send + 'static) -> io::Result<thread::JoinHandle<()>> {
        // Never full: whoever starts recordings counts one until its end was told.
        let (endings, waiting) = sync_channel(RECORDINGS_MAX);
        let waiting = Arc::new(Mutex::new(waiting));
        let mut threads = Vec::with_capacity(ENDING_THREADS);
        for _ in 0..ENDING_THREADS {
            let (waiting, ended) = (Arc::clone(&waiting), ended.clone());
            let thread = thread::Builder::new().name("recorder-end".to_owned());
            threads.push(thread.spawn(move || end_them(&waiting, &ended))?);
        }
        thread::Builder::new().name("recorder".to_owned()).spawn(move || {
            self.run(&endings, &ended);
            drop(endings);
            for thread in threads {
                if let Err(panic) = thread.join() {
                    std::panic::resume_unwind(panic);
                }
            }
        })
    }

    fn run(mut self, endings: &SyncSender<Ending>, ended: &impl Fn(Recorded)) {
        loop {
            let nothing_waits = self.stops.is_empty() && !self.stopping;
            let note = if self.open.is_empty() && nothing_waits {
                self.notes.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else if nothing_waits {
                self.notes.recv_timeout(NAP)
            } else {
                Err(RecvTimeoutError::Timeout)
            };
            match note {
                Ok(note) => self.take(note, ended),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.stopping = true,
            }
            self.take_notes(ended);
            // These were said after the audio that is drained now; later ones wait for the next round.
            let stops = std::mem::take(&mut self.stops);
            let last_round = self.stopping;
            self.drain_frames(ended);
            for (recording, dropped) in stops {
                self.finish(recording, dropped, endings);
            }
            if last_round {
                break;
            }
        }
        while let Some(recording) = self.open.keys().next().copied() {
            self.finish(recording, 0, endings);
        }
    }

    fn take_notes(&mut self, ended: &impl Fn(Recorded)) {
        while let Ok(note) = self.notes.try_recv() {
            self.take(note, ended);
        }
    }

    fn take(&mut self, note: Note, ended: &impl Fn(Recorded)) {
        match note {
            Note::Start { recording, leg, file, law } => self.start(recording, leg, file, law, ended),
            Note::Stop { recording, dropped } => self.stops.push((recording, dropped)),
            Note::Shutdown => self.stopping = true,
        }
    }

    fn start(&mut self, recording: RecordingId, leg: LegId, file: PathBuf, law: Law, ended: &impl Fn(Recorded)) {
        match TwoChannelWav::create(&file, law) {
            Ok(wav) => {
                self.open.insert(recording, Open { leg, file, wav });
            }
            Err(why) => ended(Recorded::Failed { recording, leg, file, why }),
        }
    }

    /// Takes the audio that waits, at most one ring full, so that a stop is never starved.
    fn drain_frames(&mut self, ended: &impl Fn(Recorded)) {
        for _ in 0..FRAMES_MAX {
            let frame = match self.frames.try_recv() {
                Ok(frame) => frame,
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return,
            };
            if !self.open.contains_key(&frame.recording) {
                self.take_notes(ended); // its start may have come in since
            }
            // A frame of a recording that failed finds nobody: its end was told then.
            let Some(open) = self.open.get_mut(&frame.recording) else { continue };
            if let Err(why) = open.wav.place(frame.channel, frame.at, &frame.bytes[..usize::from(frame.len)])
                && let Some(Open { leg, file, .. }) = self.open.remove(&frame.recording)
            {
                ended(Recorded::Failed { recording: frame.recording, leg, file, why });
            }
        }
    }

    fn finish(&mut self, recording: RecordingId, dropped: u64, endings: &SyncSender<Ending>) {
        let Some(open) = self.open.remove(&recording) else { return };
        if endings.send(Ending { recording, dropped, open }).is_err() {
            tracing::error!("the threads that end recordings are gone; the next start finds out how this one ended");
        }
    }
}

/// Brings recordings to their ends until no more will come.
fn end_them(waiting: &Mutex<Receiver<Ending>>, ended: &impl Fn(Recorded)) {
    loop {
        // One of the threads waits with the lock, the others for it.
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Ending { recording, dropped, open: Open { leg, file, wav } }) = next else { return };
        let finished = wav.finish().and_then(|finished| name_to_disk(&file).map(|()| finished));
        ended(match finished {
            Ok(finished) => Recorded::Done {
                recording,
                leg,
                file,
                length: Duration::from_micros(finished.samples * 125),
                bytes: finished.bytes,
                dropped_frames: dropped + finished.late,
                sha256: finished.sha256,
            },
            Err(why) => Recorded::Failed { recording, leg, file, why },
        });
    }
}

/// The name of a new file is in its folder, which is forced to the disk for itself.
fn name_to_disk(file: &Path) -> io::Result<()> {
    let Some(folder) = file.parent() else { return Ok(()) };
    let folder = match File::open(folder) {
        Ok(folder) => folder,
        // No descriptor left, or a folder that may not be read: the file itself is on the disk, and nothing of it is missing.
        Err(error) => {
            tracing::warn!(%error, "the folder of recordings cannot be forced to the disk");
            return Ok(());
        }
    };
    match folder.sync_all() {
        // Some file systems do not know that; they see to it themselves, or cannot.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        told => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::wav::HEADER_LEN;
    use std::sync::mpsc;

    const WAIT: Duration = Duration::from_secs(10);

    #[test]
    fn frames_pushed_before_the_stop_are_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (handle, recorder) = recorder();
        let (ends, ended) = mpsc::sync_channel(8);
        let thread = recorder.spawn(move |end| ends.send(end).unwrap()).unwrap();
        let file = folder.path().join("a.wav");
        let id = RecordingId(1);
        assert!(handle.start(id, LegId(5), file.clone(), Law::Mu));
        assert_eq!(handle.push(id, Channel::Heard, 0, &[3; 480]), 0);
        assert_eq!(handle.push(id, Channel::Sent, 480, &[4; 160]), 0);
        assert!(handle.stop(id, 2));
        match ended.recv_timeout(WAIT).unwrap() {
            Recorded::Done { leg, length, bytes, dropped_frames, .. } => {
                assert_eq!((leg, length, dropped_frames), (LegId(5), Duration::from_millis(80), 2));
                assert_eq!(bytes, (HEADER_LEN + 2 * 640) as u64);
            }
            Recorded::Failed { why, .. } => panic!("{why}"),
        }
        let written = std::fs::read(&file).unwrap();
        assert!(written[HEADER_LEN..].iter().step_by(2).take(480).all(|byte| *byte == 3));
        assert!(written[HEADER_LEN + 1..].iter().step_by(2).skip(480).all(|byte| *byte == 4));
        handle.shutdown();
        thread.join().unwrap();
    }

    #[test]
    fn all_that_end_at_once_are_told_each_with_what_is_in_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let (handle, recorder) = recorder();
        let (ends, ended) = mpsc::sync_channel(64);
        let thread = recorder.spawn(move |end| ends.send(end).unwrap()).unwrap();
        for id in 1..=40_u64 {
            assert!(handle.start(RecordingId(id), LegId(id as i64), folder.path().join(format!("{id}.wav")), Law::Mu));
            assert_eq!(handle.push(RecordingId(id), Channel::Heard, 0, &vec![id as u8; 160 * id as usize]), 0);
        }
        handle.shutdown();
        thread.join().unwrap();
        let mut lengths = BTreeMap::new();
        while let Ok(end) = ended.try_recv() {
            let Recorded::Done { recording, file, bytes, sha256, .. } = end else { panic!("{end:?}") };
            let written = std::fs::read(&file).unwrap();
            assert_eq!((bytes, sha256), crate::media::wav::hash(&mut written.as_slice()).unwrap());
            lengths.insert(recording.0, bytes);
        }
        assert!(lengths.iter().all(|(id, bytes)| *bytes == HEADER_LEN as u64 + 2 * 160 * id), "{lengths:?}");
        assert_eq!(lengths.len(), 40);
    }

    #[test]
    fn a_file_that_cannot_be_created_fails_its_recording_only() {
        let folder = tempfile::tempdir().unwrap();
        let (handle, recorder) = recorder();
        let (ends, ended) = mpsc::sync_channel(8);
        let thread = recorder.spawn(move |end| ends.send(end).unwrap()).unwrap();
        handle.start(RecordingId(1), LegId(1), folder.path().join("no/such/folder.wav"), Law::Mu);
        assert!(matches!(ended.recv_timeout(WAIT).unwrap(), Recorded::Failed { leg: LegId(1), .. }));
        handle.start(RecordingId(2), LegId(2), folder.path().join("b.wav"), Law::Mu);
        handle.push(RecordingId(2), Channel::Heard, 0, &[1; 160]);
        handle.shutdown();
        assert!(matches!(ended.recv_timeout(WAIT).unwrap(), Recorded::Done { leg: LegId(2), .. }));
        thread.join().unwrap();
    }
}
