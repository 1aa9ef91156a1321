//! The event log: every input of the engine, in order, with its time.
//!
//! It is not the record of what happened to customers (that is the store, durable before it is acknowledged) but the
//! means to run an afternoon again: the same inputs in the same order give the same commands. One JSON object a line, so
//! that a person can read it; a header line says which seed and version it belongs to. Written by a thread of its own,
//! so that a slow disk delays no call; if the disk cannot keep up, the log ends with a line that says so, because a log
//! with holes cannot be replayed. Each line also carries the checksum of what the engine answered, so that a replay can be
//! proved; `reading` reads it all back.

mod reading;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::reading::{Reader, Run, header, read, runs};
use crate::engine::command::Command;
use crate::engine::event::Event;
use crate::engine::replay::{Checksum, Entry};
use crate::model::time::{Instant, Now, Timestamp};

/// Inputs that are handed over together: to wake the thread that writes costs more than an input.
const HANDED_TOGETHER: usize = 128;
/// Bundles of inputs that may wait for the disk: a minute of a busy centre.
const WAITING_MAX: usize = 128;
/// How long an input may wait to be handed over.
const HAND_OVER_EVERY: Duration = Duration::from_millis(200);
/// How long an input may stay in memory before it is written.
const FLUSH_EVERY: Duration = Duration::from_millis(200);
/// A new file is begun beyond this size.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Files kept; the oldest go first.
const FILES_MAX: usize = 32;
/// Version of the format. Checksums were added within it: who does not know them reads on without.
const FORMAT: u32 = 1;

/// First line of a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Version of the format.
    pub lull_journal: u32,
    /// Version of the program that wrote it.
    pub program: String,
    /// Seed of the engine whose inputs follow.
    pub seed: u64,
    /// When it was begun.
    pub begun: Timestamp,
    /// Files of one run are numbered from 0; only the first begins with a fresh engine.
    pub part: u32,
}

/// Why a journal cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system said no.
    #[error("{path}: {cause}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What it said.
        cause: io::Error,
    },
    /// A line is not what was expected there.
    #[error("{path}:{line}: {problem}")]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
}

/// The way into the log.
#[derive(Debug)]
pub struct Journal {
    lines: Option<SyncSender<Vec<Entry>>>,
    bundle: Vec<Entry>,
    bundle_begun: Instant,
    checksum: Checksum,
    writer: Option<JoinHandle<()>>,
    lost: u64,
}

impl Journal {
    /// Begins a log in `folder`.
    ///
    /// # Errors
    /// The folder or the first file cannot be made.
    pub fn begin(folder: &Path, seed: u64, now: Timestamp) -> Result<Journal, JournalError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |cause| JournalError::Io { path, cause }
        };
        fs::create_dir_all(folder).map_err(at(folder))?;
        let header =
            Header { lull_journal: FORMAT, program: env!("CARGO_PKG_VERSION").to_owned(), seed, begun: now, part: 0 };
        let mut files = Files { folder: folder.to_owned(), header, bytes: 0, file: None };
        files.open().map_err(at(folder))?;
        let (lines, bundles) = sync_channel(WAITING_MAX);
        let writer = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || files.run(&bundles))
            .map_err(at(folder))?;
        Ok(Journal {
            lines: Some(lines),
            bundle: Vec::with_capacity(HANDED_TOGETHER),
            bundle_begun: Instant::ZERO,
            checksum: Checksum::default(),
            writer: Some(writer),
            lost: 0,
        })
    }

    /// A log that keeps nothing, where the operator switched it off.
    pub fn off() -> Journal {
        Journal {
            lines: None,
            bundle: Vec::new(),
            bundle_begun: Instant::ZERO,
            checksum: Checksum::default(),
            writer: None,
            lost: 0,
        }
    }

    /// Appends one input, before the engine is told of it: should that end the program, the input is in the log. Never
    /// waits: if the disk does not keep up, the log ends here.
    pub fn append(&mut self, now: Now, event: Option<&Event>) {
        if self.lines.is_none() {
            return;
        }
        if self.bundle.is_empty() {
            self.bundle_begun = now.instant;
        }
        let (instant, timestamp, event) = (now.instant, now.timestamp, event.cloned());
        self.bundle.push(Entry { instant, timestamp, event, commands: None });
    }

    /// Takes in a command that the engine gave for the input appended last.
    pub fn see(&mut self, command: &Command) {
        if self.lines.is_some() {
            self.checksum.see(command);
        }
    }

    /// All commands of the input appended last were seen.
    pub fn answered(&mut self) {
        if let Some(entry) = self.bundle.last_mut() {
            entry.commands = Some(self.checksum.sum());
        }
        if self.bundle.len() >= HANDED_TOGETHER {
            self.hand_over();
        }
    }

    /// Hands over what has waited long enough. A crash loses what has not been: the log is for replay, not for proof.
    pub fn look(&mut self, now: Instant) {
        if !self.bundle.is_empty() && now.since(self.bundle_begun) >= HAND_OVER_EVERY {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        let Some(lines) = &self.lines else { return };
        let bundle = std::mem::replace(&mut self.bundle, Vec::with_capacity(HANDED_TOGETHER));
        match lines.try_send(bundle) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                tracing::error!("the disk does not keep up with the event log; the log ends here, calls go on");
                self.lines = None;
                self.lost += 1;
            }
            Err(TrySendError::Disconnected(_)) => {
                self.lines = None;
                self.lost += 1;
            }
        }
    }

    /// Whether the log ended early.
    pub fn ended_early(&self) -> bool {
        self.lost > 0
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.hand_over();
        self.lines = None;
        if let Some(writer) = self.writer.take() {
            // The writer ends when its channel is closed; a panic there was already reported.
            drop(writer.join());
        }
    }
}

struct Files {
    folder: PathBuf,
    header: Header,
    bytes: u64,
    file: Option<BufWriter<File>>,
}

impl Files {
    fn run(mut self, bundles: &Receiver<Vec<Entry>>) {
        loop {
            let outcome = match bundles.recv_timeout(FLUSH_EVERY) {
                Ok(bundle) => bundle.iter().try_for_each(|entry| self.write(entry)),
                Err(RecvTimeoutError::Timeout) => self.file.as_mut().map_or(Ok(()), Write::flush),
                Err(RecvTimeoutError::Disconnected) => {
                    if let Err(error) = self.file.as_mut().map_or(Ok(()), Write::flush) {
                        tracing::error!(%error, "the end of the event log could not be written");
                    }
                    return;
                }
            };
            if let Err(error) = outcome {
                tracing::error!(%error, folder = %self.folder.display(), "the event log could not be written; it ends here, calls go on");
                return;
            }
        }
    }

    fn write(&mut self, entry: &Entry) -> io::Result<()> {
        if self.bytes > FILE_BYTES_MAX {
            self.header.part += 1;
            self.header.begun = entry.timestamp;
            self.open()?;
        }
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        self.bytes += line.len() as u64;
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(&line))
    }

    fn open(&mut self) -> io::Result<()> {
        if let Some(mut file) = self.file.take() {
            file.flush()?;
        }
        self.forget_oldest()?;
        let stamp = self.header.begun.to_string().replace(':', "");
        let path = self.folder.join(format!("{stamp}-{:03}.jsonl", self.header.part));
        let mut file = BufWriter::new(File::create(path)?);
        let mut line = serde_json::to_vec(&self.header)?;
        line.push(b'\n');
        file.write_all(&line)?;
        file.flush()?;
        self.bytes = line.len() as u64;
        self.file = Some(file);
        Ok(())
    }

    fn forget_oldest(&self) -> io::Result<()> {
        let mut files: Vec<PathBuf> = fs::read_dir(&self.folder)?
            .filter_map(|entry| entry.ok().map(|e| e.path()))
            .filter(|path| path.extension().is_some_and(|e| e == "jsonl"))
            .collect();
        files.sort();
        let surplus = (files.len() + 1).saturating_sub(FILES_MAX);
        files.iter().take(surplus).try_for_each(fs::remove_file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Event> {
        vec![Event::StoreHealth { up: false }, Event::StoreHealth { up: true }, Event::Drain]
    }

    fn only_file(folder: &Path) -> PathBuf {
        fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()
    }

    #[test]
    fn what_was_appended_reads_back_in_order_with_its_times() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::begin(folder.path(), 7, Timestamp::from_millis(1_795_000_000_000)).unwrap();
        for (index, event) in entries().iter().enumerate() {
            let now = Now {
                instant: Instant::from_micros(index as u64),
                timestamp: Timestamp::from_millis(1_795_000_000_000 + index as i64),
            };
            journal.append(now, Some(event));
            journal.answered();
        }
        assert!(!journal.ended_early());
        drop(journal);
        let (header, read) = read(&only_file(folder.path())).unwrap();
        assert_eq!((header.seed, header.part), (7, 0));
        assert_eq!(read.iter().filter_map(|e| e.event.clone()).collect::<Vec<_>>(), entries());
        assert_eq!(read[2].instant, Instant::from_micros(2));
    }

    #[test]
    fn a_line_cut_off_by_a_crash_is_left_out_and_a_broken_one_in_the_middle_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::begin(folder.path(), 7, Timestamp::from_millis(1_795_000_000_000)).unwrap();
        for event in &entries() {
            journal.append(Now::default(), Some(event));
        }
        drop(journal);
        let path = only_file(folder.path());
        let whole = fs::read_to_string(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 5]).unwrap();
        assert_eq!(read(&path).unwrap().1.len(), 2);
        fs::write(&path, whole.replacen("store_health", "store_wealth", 1)).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains(":2:") && error.contains("store_wealth"), "{error}");
    }
}
