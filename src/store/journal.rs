//! The journal beside the database: what an agent recorded is kept here while the database cannot take it.
//!
//! Not a log of everything: it is empty in normal times. Its room is set aside when the store opens, because the usual
//! reason to need it is a full disk. Each record is synced before it is acknowledged and replayed once: the store's own
//! keys (request, call and content) make a second replay after a crash change nothing.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Ids;
use super::db::Conn;
use super::error::StoreError;
use crate::model::attempt::{AttemptEnd, CallResult, InboundEnd, RecordedCaller};

/// Room set aside: about five thousand results, an hour of three hundred agents.
const JOURNAL_BYTES: usize = 4 << 20;
/// Length and checksum in front of each record, in hexadecimal, each followed by a space.
const HEADER_BYTES: usize = 8 + 1 + 16 + 1;

/// Something that must not be lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "record")]
pub(super) enum Entry {
    Result(CallResult),
    AttemptEnd(AttemptEnd),
    Caller(RecordedCaller),
    InboundEnd(InboundEnd),
}

/// An open journal.
pub(super) struct Journal {
    path: PathBuf,
    state: Mutex<State>,
}

struct State {
    file: File,
    used: usize,
    entries: Vec<Entry>,
}

impl Journal {
    /// Opens or makes the journal at `path` and reads what is still in it. Blocks on the disk.
    pub(super) fn open(path: &Path) -> Result<Journal, StoreError> {
        let broken = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                StoreError::DiskFull { place: path.display().to_string() }
            }
            _ => StoreError::Journal { path: path.to_path_buf(), detail: error.to_string() },
        };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(broken)?;
        let length = file.metadata().map_err(broken)?.len();
        if length < JOURNAL_BYTES as u64 {
            file.seek(SeekFrom::End(0)).map_err(broken)?;
            let missing = JOURNAL_BYTES - usize::try_from(length).unwrap_or(0);
            file.write_all(&vec![0; missing]).and_then(|()| file.sync_all()).map_err(broken)?;
        }
        file.seek(SeekFrom::Start(0)).map_err(broken)?;
        let mut bytes = Vec::with_capacity(JOURNAL_BYTES);
        file.read_to_end(&mut bytes).map_err(broken)?;
        let (entries, used) = records(&bytes);
        Ok(Journal { path: path.to_path_buf(), state: Mutex::new(State { file, used, entries }) })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).entries.is_empty()
    }

    /// Keeps an entry; on return it is on the disk. Blocks.
    pub(super) fn append(&self, entry: Entry) -> Result<(), StoreError> {
        let failed = |detail: String| StoreError::Journal { path: self.path.clone(), detail };
        let json = serde_json::to_string(&entry).map_err(|error| failed(error.to_string()))?;
        let record = format!("{:08x} {} {json}\n", json.len(), checksum(json.as_bytes()));
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.used + record.len() > JOURNAL_BYTES {
            return Err(failed(format!("it is full ({JOURNAL_BYTES} bytes)")));
        }
        let at = state.used as u64;
        let written = state.file.seek(SeekFrom::Start(at)).and_then(|_| state.file.write_all(record.as_bytes()));
        written.and_then(|()| state.file.sync_data()).map_err(|error| failed(error.to_string()))?;
        state.used += record.len();
        state.entries.push(entry);
        Ok(())
    }

    fn entries(&self) -> Vec<Entry> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).entries.clone()
    }

    /// Forgets the first `count` entries, which the database now has. Later ones are written anew from the start.
    fn settle(&self, count: usize) -> Result<(), StoreError> {
        let failed = |error: std::io::Error| StoreError::Journal { path: self.path.clone(), detail: error.to_string() };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let settled = count.min(state.entries.len());
        let later: Vec<Entry> = state.entries.split_off(settled);
        let mut bytes = Vec::new();
        for entry in &later {
            let json = super::db::json(entry);
            bytes.extend_from_slice(format!("{:08x} {} {json}\n", json.len(), checksum(json.as_bytes())).as_bytes());
        }
        let kept = bytes.len();
        bytes.resize(state.used.max(kept), 0);
        let written = state.file.seek(SeekFrom::Start(0)).and_then(|_| state.file.write_all(&bytes));
        let outcome = written.and_then(|()| state.file.sync_data()).map_err(failed);
        state.used = kept;
        state.entries = later;
        outcome
    }
}

/// The records at the start of `bytes` that are whole, and where they end. A record torn by a crash was never
/// acknowledged.
fn records(bytes: &[u8]) -> (Vec<Entry>, usize) {
    let mut entries = Vec::new();
    let mut used = 0;
    while let Some((entry, length)) = bytes.get(used..).and_then(record) {
        entries.push(entry);
        used += length;
    }
    (entries, used)
}

fn record(bytes: &[u8]) -> Option<(Entry, usize)> {
    let header = std::str::from_utf8(bytes.get(..HEADER_BYTES)?).ok()?;
    let length = usize::from_str_radix(header.get(..8)?, 16).ok()?;
    let end = HEADER_BYTES.checked_add(length)?;
    let json = bytes.get(HEADER_BYTES..end)?;
    if header.get(9..25)? != checksum(json) || bytes.get(end) != Some(&b'\n') {
        return None;
    }
    Some((serde_json::from_slice(json).ok()?, end + 1))
}

fn checksum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Applies everything the journal holds in one transaction, then forgets it.
pub(super) async fn replay(journal: &Journal, conn: &mut Conn, ids: &Ids) -> Result<(), StoreError> {
    let entries = journal.entries();
    conn.begin_write().await?;
    for entry in &entries {
        let applied = super::batch::apply(conn, ids, &[entry.into()]).await;
        match applied.and_then(|receipts| receipts.into_iter().try_for_each(|receipt| receipt.map(drop))) {
            Ok(()) => conn.control("release item; savepoint item").await?,
            Err(error) if error.ends_transaction() => {
                ids.marks.undone();
                let _ = conn.control("rollback").await;
                return Err(error);
            }
            Err(error) => {
                // It cannot be applied now or later; it is told in full, so that a person can.
                tracing::error!(%error, entry = super::db::json(entry), "an entry of the journal does not fit");
                ids.marks.undone();
                conn.control("rollback to item").await?;
            }
        }
    }
    conn.control("commit").await?;
    journal.settle(entries.len())?;
    tracing::info!(entries = entries.len(), "the journal was replayed");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::attempt::InboundOutcome;
    use crate::model::id::InboundId;
    use crate::model::time::Timestamp;

    fn entry(id: i64) -> Entry {
        Entry::InboundEnd(InboundEnd {
            call: InboundId(id),
            queue: None,
            campaign: None,
            did: "+4930123456".to_owned(),
            caller: None,
            offered_at: Timestamp::from_millis(1),
            connected_at: None,
            ended_at: Timestamp::from_millis(2),
            agent: None,
            outcome: InboundOutcome::Abandoned,
        })
    }

    #[test]
    fn what_was_appended_is_there_after_opening_again_and_gone_after_settling() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("j");
        let journal = Journal::open(&path).unwrap();
        for id in 0..3 {
            journal.append(entry(id)).unwrap();
        }
        drop(journal);
        let journal = Journal::open(&path).unwrap();
        assert_eq!(journal.entries(), vec![entry(0), entry(1), entry(2)]);
        journal.settle(2).unwrap();
        drop(journal);
        assert_eq!(Journal::open(&path).unwrap().entries(), vec![entry(2)]);
    }

    #[test]
    fn a_record_torn_by_a_crash_ends_the_journal_and_spoils_nothing_before_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("j");
        let journal = Journal::open(&path).unwrap();
        journal.append(entry(1)).unwrap();
        journal.append(entry(2)).unwrap();
        drop(journal);
        let mut bytes = std::fs::read(&path).unwrap();
        let (_, used) = records(&bytes);
        for cut in 1..used {
            bytes[used - cut] = 0;
            let (entries, _) = records(&bytes);
            assert!(entries.len() < 2 && entries.first().is_none_or(|first| *first == entry(1)), "cut {cut}");
        }
    }

    #[test]
    fn a_full_journal_says_so_and_keeps_what_it_has() {
        let directory = tempfile::tempdir().unwrap();
        let journal = Journal::open(&directory.path().join("j")).unwrap();
        journal.state.lock().unwrap().used = JOURNAL_BYTES - 10;
        let error = journal.append(entry(1)).unwrap_err();
        assert!(error.to_string().contains("is full"), "{error}");
        assert!(journal.is_empty());
    }
}
