//! What is older than the operator wants to keep is removed: calls with their results, recordings, journals, why campaigns
//! dialled as much as they did, what webhooks were told, files that were asked for, and imports as jobs, by the days of
//! `retention`.
//!
//! Not suppressions and consents, which are kept for good. Age is the time of the last change, so that a file
//! that is being written is never old. Read [`keep`] first.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::Config;
use crate::model::time::Timestamp;
use crate::runtime::recordings;
use crate::store::{Store, StoreError};

/// How often it is looked for what has grown old.
const EVERY: Duration = Duration::from_secs(3600);
/// A day.
const DAY: Duration = Duration::from_secs(86_400);

/// What was removed of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Files.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
    /// Files that could not be removed.
    pub stuck: u64,
}

impl Removed {
    fn and(self, other: Removed) -> Removed {
        let Removed { files, bytes, stuck } = other;
        Removed { files: self.files + files, bytes: self.bytes + bytes, stuck: self.stuck + stuck }
    }
}

/// Removes what is old at the start, every hour, and whenever the configuration changes; says what it removed.
pub async fn keep(mut config: watch::Receiver<Arc<Config>>, store: Store, clock: Clock) {
    loop {
        let current = Arc::clone(&config.borrow_and_update());
        let now = clock.now().timestamp;
        let (calls, decisions) = (current.retention.attempts_days, current.retention.decisions_days);
        // Before their calls: who was called tells whose they are.
        let (folder, days) = (&current.data.recordings, current.retention.recordings_days.min(calls));
        let recordings = recordings::remove_old(&store, folder, now - DAY * days).await;
        let recordings = recordings.unwrap_or_else(|error| {
            tracing::error!(kind = "recordings", %error, days, "not all that is too old could be removed");
            Removed::default()
        });
        told("calls", calls, store.forget_calls(now - DAY * calls).await);
        told("decisions", decisions, store.forget_decisions(now - DAY * decisions).await);
        let webhooks = current.retention.webhooks_days;
        told("webhooks", webhooks, store.forget_webhook_log(now - DAY * webhooks).await);
        let undo_hours = current.lists.undo_hours;
        let before = now - Duration::from_secs(3600) * undo_hours;
        told("updates of leads", undo_hours.div_ceil(24), store.forget_lead_updates(before).await);
        let exports = current.retention.exports_days;
        told("exports", exports, store.forget_exports(now - DAY * exports).await);
        let imports = current.retention.imports_days;
        told("imports as jobs", imports, store.forget_jobs(now - DAY * imports).await);
        let messages = current.retention.messages_days;
        told("pre-registrations", calls, store.forget_registrations(now - DAY * calls).await);
        told("messages", messages, store.forget_messages(now - DAY * messages).await);
        told("links and visits", messages, store.forget_links(now - DAY * messages).await);
        told("forms", 1, store.forget_forms(now - DAY).await);
        let orders = current.retention.orders_days;
        told("customers of orders", orders, store.forget_orders(now - DAY * orders, now).await);
        told("answers", 1, store.forget_answers(now).await);
        // Folders may be large and disks slow.
        let swept = Arc::clone(&current);
        if tokio::task::spawn_blocking(move || sweep_all(&swept, recordings, now)).await.is_err() {
            return;
        }
        match recordings::look_for_files(&store, folder, now).await {
            Ok(0) => {}
            Ok(missing) => tracing::error!(missing, folder = %folder.display(), "files of recordings are gone"),
            Err(error) => tracing::error!(%error, "the files of recordings could not be looked for"),
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            changed = config.changed() => if changed.is_err() { return },
        }
    }
}

fn told(kind: &str, days: u32, removed: Result<u64, StoreError>) {
    match removed {
        Ok(0) => {}
        Ok(rows) => tracing::info!(kind, rows, days, "removed what was kept for longer than its days"),
        Err(error) => tracing::error!(kind, %error, days, "not all that is too old could be removed"),
    }
}

/// `removed`: recordings that were removed by what the database knows of them; files that it does not know are left for here.
fn sweep_all(config: &Config, removed: Removed, now: Timestamp) {
    let (recordings, journal) = (&config.data.recordings, &config.data.directory.join("journal"));
    let exports = &config.data.directory.join("exports");
    let rejected = &config.data.directory.join("rejected");
    let kinds = [
        ("recordings", recordings, "wav", config.retention.recordings_days),
        ("journal", journal, "jsonl", config.retention.journal_days),
        ("exports", exports, "csv", config.retention.exports_days),
        ("exports", exports, "xlsx", config.retention.exports_days),
        ("rejected rows", rejected, "csv", config.retention.imports_days),
        // What a program that was killed had written of one.
        ("rejected rows", rejected, "part", config.retention.imports_days),
    ];
    for (kind, folder, extension, days) in kinds {
        let before = if kind == "recordings" { removed } else { Removed::default() };
        match sweep(folder, extension, now, DAY * days).map(|swept| swept.and(before)) {
            Ok(Removed { files: 0, stuck: 0, .. }) => {}
            Ok(Removed { files, bytes, stuck: 0 }) => {
                tracing::info!(kind, files, bytes, days, "removed what was kept for longer than its days");
            }
            Ok(Removed { files, bytes, stuck }) => {
                tracing::error!(kind, files, bytes, stuck, days, "not all that is too old could be removed");
            }
            Err(error) => tracing::error!(kind, folder = %folder.display(), %error, "old files cannot be looked for"),
        }
    }
}

/// Removes files of this extension that were last changed longer ago than `kept`.
///
/// # Errors
/// The folder cannot be read; one that is not there holds nothing.
pub fn sweep(folder: &Path, extension: &str, now: Timestamp, kept: Duration) -> io::Result<Removed> {
    let mut removed = Removed::default();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(removed),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue, // somebody else removed it meanwhile
            Err(error) => return Err(error),
        };
        let ours = metadata.is_file() && path.extension().is_some_and(|given| given == extension);
        // A time that the file system does not tell, or one before 1970, is no reason to remove anything.
        let changed = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let old = changed.is_some_and(|changed| now.since(Timestamp::from_millis(0)) > changed + kept);
        if !ours || !old {
            continue;
        }
        match fs::remove_file(&path) {
            Ok(()) => {
                removed.files += 1;
                removed.bytes += metadata.len();
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "cannot be removed");
                removed.stuck += 1;
            }
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_files_of_the_kind_go_and_a_folder_that_is_not_there_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let at = |days: u32| UNIX_EPOCH + DAY * days;
        for (name, day) in [("old.wav", 10), ("edge.wav", 20), ("young.wav", 30), ("old.txt", 1)] {
            let file = fs::File::create(folder.path().join(name)).unwrap();
            file.set_modified(at(day)).unwrap();
        }
        let now = Timestamp::from_millis(0) + DAY * 40;
        let removed = sweep(folder.path(), "wav", now, DAY * 20).unwrap();
        assert_eq!(removed, Removed { files: 1, bytes: 0, stuck: 0 });
        assert!(!folder.path().join("old.wav").exists() && folder.path().join("edge.wav").exists());
        assert_eq!(sweep(&folder.path().join("none"), "wav", now, DAY).unwrap(), Removed::default());
    }

    #[test]
    fn rejected_rows_go_after_their_days_whether_they_were_written_to_the_end_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let rejected = folder.path().join("rejected");
        fs::create_dir(&rejected).unwrap();
        let mut config = crate::config::load(&crate::config::Sources::default()).unwrap();
        (config.data.directory, config.data.recordings) = (folder.path().to_owned(), folder.path().join("recordings"));
        let now = Timestamp::from_millis(0) + DAY * 10_000;
        let days = config.retention.imports_days;
        for (name, age) in [("1.csv", days + 1), ("2.csv.part", days + 1), ("3.csv", days - 1), ("4.csv.part", 0)] {
            let file = fs::File::create(rejected.join(name)).unwrap();
            file.set_modified(UNIX_EPOCH + DAY * (10_000 - age)).unwrap();
        }
        sweep_all(&config, Removed::default(), now);
        let mut left: Vec<_> = fs::read_dir(&rejected).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["3.csv", "4.csv.part"]);
    }
}
