//! Import: a file becomes leads, suppressions or consents, and every row is accounted for.
//!
//! Not in memory: rows go through a staging file, are sorted by number there, and are merged in short transactions, so
//! that the dialer's own writes go between them. Read [`ImportPlan`], [`ImportCounts`] and [`Store::import_leads`] first.

mod checks;
mod headers;
mod judging;
mod ledger;
mod mapping;
mod merging;
mod numbers;
mod order_file;
mod plan;
mod preview;
mod reading;
mod rows;
mod sheet;
mod source;
mod staging;
mod text;
mod undo;
mod windows;

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use self::headers::Columns;
use self::merging::Into;
use self::source::Source;
use self::staging::Staging;
use self::windows::NoWindow;
use super::Store;
use super::db::{Row, params, statements};
use super::error::StoreError;
use crate::model::database::DatabasePlace;
use crate::model::id::{ImportId, ListId};
use crate::model::time::Timestamp;

pub use ledger::{LedgerDefaults, LedgerKind, LedgerPlan};
pub use mapping::{ColumnUse, MappedColumn, Mapping};
#[cfg(test)]
pub(in crate::store) use merging::STATEMENTS as MERGING_STATEMENTS;
#[cfg(test)]
pub(in crate::store) use numbers::STATEMENTS as NUMBERS_STATEMENTS;
pub use order_file::{ORDER_ROWS_MAX, OrderComplaint, OrderFileOutcome, OrderFilePlan};
pub use plan::{
    Delimiter, Dialable, DuplicatePolicy, DuplicateScope, Duplicates, FileFormat, ImportCounts, ImportError,
    ImportMode, ImportOutcome, ImportPlan, ImportRow, ImportStage, Progress, ReadNumber, Rejection, Stop, TextEncoding,
};
pub use preview::{FilePreview, PreviewColumn, PreviewFault, PreviewRow};
#[cfg(test)]
pub(in crate::store) use undo::STATEMENTS as UNDO_STATEMENTS;
pub use undo::{UndoOutlook, Undone};
pub use windows::Windows;

/// Rows merged in one transaction: holds the writer for some 20 ms.
const ROWS_PER_MERGE: usize = 1800;
/// The same for a server, which takes longer over a row.
const ROWS_PER_MERGE_OF_SERVER: usize = 600;
/// The columns of an import.
macro_rules! imports {
    ($rest:literal) => {
        concat!(
            "select i.id, i.kind, i.campaign, i.list_id, l.name as list_name, i.file, i.state, i.rows, i.accepted,
                    coalesce(i.updated, 0) as updated, i.duplicate, i.invalid, i.suppressed, i.detail, i.started_by,
                    i.started_at, i.ended_at
             from imports i left join lists l on l.id = i.list_id ",
            $rest
        )
    };
}

statements! {
    BEGIN_IMPORT = "
        insert into imports (id, kind, campaign, list_id, file, state, rows, accepted, duplicate, invalid, suppressed,
                             detail, started_by, started_at, fingerprint)
        values ($1, $2, $3, $4, $5, 'running', 0, 0, 0, 0, 0, '', $6, $7, $8)";
    SAME_IMPORT = "
        select id, list_id from imports where fingerprint = $1 and state <> 'undone' order by id desc limit 1";
    CREATE_LIST = "insert into lists (id, campaign, name, created_by, created_at) values ($1, $2, $3, $4, $5)";
    END_IMPORT = "
        update imports set state = $2, rows = $3, accepted = $4, duplicate = $5, invalid = $6, suppressed = $7,
                           detail = $8, ended_at = $9, updated = $10
        where id = $1";
    IMPORT_ROW = imports!("where i.id = $1");
    IMPORTS = imports!("order by i.id desc limit $1");
    BROUGHT_IN = "select count(*) as count from leads where import_id = $1";
}

/// How an import came to its end.
struct Finished {
    /// What was rejected.
    error_file: Option<PathBuf>,
    /// It was asked to stop before.
    stopped: bool,
}

impl Store {
    /// Imports leads from a file: reads and checks all of it, then merges it into a new list of the campaign.
    ///
    /// One that is stopped while it merges says in its outcome how far it came.
    ///
    /// # Errors
    /// [`ImportError`] says what is wrong with the file as a whole; single bad rows are counted and written to the
    /// error file, which has the original columns and four more, and can be corrected and imported again.
    pub async fn import_leads(
        &self,
        plan: ImportPlan,
        read: ReadNumber,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<ImportOutcome, ImportError> {
        let mut conn = self.reader().await?;
        super::campaigns::must_exist(&mut conn, &plan.campaign).await?;
        drop(conn);
        let source = open(&plan.path, &plan.format).await?;
        let id = self.inner.ids.next(plan.at);
        let fingerprint = fingerprint(&plan, source.digest());
        let kind = match plan.mode {
            ImportMode::DryRun => "check",
            ImportMode::Run => "import",
        };
        let mut staging = Staging::create(self.staging_place(kind, &fingerprint)).await?;
        let columns = reading::stage(&plan, source, read, &mut staging, progress).await?;
        // A check counts what the import will: also what that recognises, because it was brought in before.
        let (into, resumed) = match plan.mode {
            ImportMode::DryRun => {
                let same = self.same_import(&fingerprint).await?;
                (Into { import: same, list: None }, same.is_some())
            }
            ImportMode::Run => {
                let (import, list, again) = self.begin_import(&plan, id, fingerprint).await?;
                (Into { import: Some(import), list: Some(list) }, again)
            }
        };
        let mut no_window = NoWindow::by(plan.windows.clone());
        let finished = self.finish(&plan, into, &columns, &mut staging, &mut no_window, progress).await;
        let mut counts = staging.counts().await?;
        let begun = into.import.filter(|_| plan.mode == ImportMode::Run);
        if let (Ok(Finished { stopped: true, .. }) | Err(_), Some(import)) = (&finished, begun) {
            // An earlier run may have come further.
            counts.accepted = self.brought_in(import).await?;
            counts.left = counts.rows.saturating_sub(counts.accepted + counts.updated + counts.rejected());
        }
        if let Some(import) = begun {
            let failed = match &finished {
                Ok(Finished { stopped, .. }) => stopped.then_some(&ImportError::Stopped),
                Err(error) => Some(error),
            };
            self.end_import(import, &counts, failed, plan.at).await?;
        }
        let Finished { error_file, stopped } = finished?;
        counts.no_window = no_window.rows();
        let rejected = staging.rejected_by_code().await?;
        Ok(ImportOutcome { import: begun, list: into.list, counts, rejected, error_file, resumed, stopped })
    }

    /// Merges what was staged, and writes down what was rejected, also of an import that is stopped on its way.
    async fn finish(
        &self,
        plan: &ImportPlan,
        into: Into,
        columns: &Columns,
        staging: &mut Staging,
        no_window: &mut NoWindow,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Finished, ImportError> {
        let stopped = match self.merge(plan, into, staging, no_window, progress).await {
            Ok(()) => false,
            Err(ImportError::Stopped) => true,
            Err(error) => return Err(error),
        };
        let import = into.list.and(into.import);
        progress(Progress { stage: ImportStage::WritingErrors, rows: 0, bytes_read: 0, bytes_total: 0, import });
        match &plan.error_file {
            Some(path) if staging.counts().await?.rejected() > 0 => {
                staging.write_errors(columns, path).await?;
                Ok(Finished { error_file: Some(path.clone()), stopped })
            }
            Some(_) | None => Ok(Finished { error_file: None, stopped }),
        }
    }

    /// The latest imports, newest first.
    pub async fn imports(&self, limit: usize) -> Result<Vec<ImportRow>, StoreError> {
        let mut conn = self.reader().await?;
        let rows = conn.rows(IMPORTS, params![limit.min(1000) as u64]).await?;
        rows.iter().map(import_row).collect()
    }

    /// One import; `None` where there is none of this id.
    pub async fn import(&self, id: ImportId) -> Result<Option<ImportRow>, StoreError> {
        let mut conn = self.reader().await?;
        conn.row(IMPORT_ROW, params![id.0]).await?.as_ref().map(import_row).transpose()
    }

    /// Leads that an import has brought in, by all of its runs.
    async fn brought_in(&self, import: ImportId) -> Result<u64, StoreError> {
        let mut conn = self.reader().await?;
        conn.one(BROUGHT_IN, params![import.0]).await?.count("count")
    }

    /// The import of the same file to the same list, if there is one that was not taken back.
    async fn same_import(&self, fingerprint: &str) -> Result<Option<ImportId>, StoreError> {
        let mut conn = self.reader().await?;
        let row = conn.row(SAME_IMPORT, params![fingerprint]).await?;
        row.map(|row| row.int("id").map(ImportId)).transpose()
    }

    /// Where the rows of an import, or of a check, are staged.
    fn staging_place(&self, kind: &str, fingerprint: &str) -> PathBuf {
        self.place().beside(&format!("{kind}-{}", fingerprint.get(..16).unwrap_or_default()))
    }

    /// Rows that one transaction of an import takes or takes back.
    pub(super) fn rows_per_merge(&self) -> usize {
        match self.place() {
            DatabasePlace::File(_) => ROWS_PER_MERGE,
            DatabasePlace::Server(_) => ROWS_PER_MERGE_OF_SERVER,
        }
    }

    /// Begins an import, or goes on with that of the same file: one that was broken off, or one that is done.
    async fn begin_import(
        &self,
        plan: &ImportPlan,
        id: i64,
        fingerprint: String,
    ) -> Result<(ImportId, ListId, bool), StoreError> {
        let list = self.inner.ids.next(plan.at);
        let ids = self.ids();
        let plan = plan.clone();
        self.write(move |conn| {
            Box::pin(async move {
                let file = file_name(&plan.path);
                let (campaign, by) = (plan.campaign.as_str(), plan.by.as_str());
                if let Some(row) = conn.row(SAME_IMPORT, params![fingerprint.as_str()]).await?
                    && let Some(list) = row.opt_int("list_id")?
                {
                    let import = ImportId(row.int("id")?);
                    let object = import.to_string();
                    super::audit::note(conn, &ids, plan.at, by, "import_resumed", &object, &file).await?;
                    return Ok((import, ListId(list), true));
                }
                conn.run(CREATE_LIST, params![list, campaign, plan.list.as_str(), by, plan.at]).await?;
                let fingerprint = Some(fingerprint.as_str());
                let values = params![id, "leads", Some(campaign), Some(list), file.as_str(), by, plan.at, fingerprint];
                conn.run(BEGIN_IMPORT, values).await?;
                let object = ImportId(id).to_string();
                super::audit::note(conn, &ids, plan.at, by, "import_started", &object, &file).await?;
                Ok((ImportId(id), ListId(list), false))
            })
        })
        .await
    }

    async fn end_import(
        &self,
        import: ImportId,
        counts: &ImportCounts,
        failed: Option<&ImportError>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (ids, counts, detail) = (self.ids(), *counts, failed.map(ToString::to_string));
        self.write(move |conn| {
            Box::pin(async move {
                let state = if detail.is_some() { "failed" } else { "done" };
                let ImportCounts { rows, accepted, updated, duplicate, invalid, suppressed, .. } = counts;
                let said = detail.as_deref().unwrap_or_default();
                let values =
                    params![import.0, state, rows, accepted, duplicate, invalid, suppressed, said, at, updated];
                conn.run(END_IMPORT, values).await?;
                super::outbox::import_finished(conn, &ids, import, &counts, detail.as_deref(), at).await
            })
        })
        .await
    }
}

fn import_row(row: &Row) -> Result<ImportRow, StoreError> {
    let mut counts = ImportCounts {
        rows: row.count("rows")?,
        accepted: row.count("accepted")?,
        updated: row.count("updated")?,
        duplicate: row.count("duplicate")?,
        invalid: row.count("invalid")?,
        suppressed: row.count("suppressed")?,
        ..ImportCounts::default()
    };
    counts.left = counts.rows.saturating_sub(counts.accepted + counts.updated + counts.rejected());
    Ok(ImportRow {
        id: ImportId(row.int("id")?),
        kind: row.text("kind")?,
        campaign: row.opt_parsed("campaign")?,
        list: row.opt_int("list_id")?.map(ListId),
        list_name: row.opt_text("list_name")?,
        file: row.text("file")?,
        state: row.text("state")?,
        counts,
        detail: row.text("detail")?,
        started_by: row.text("started_by")?,
        started_at: row.time("started_at")?,
        ended_at: row.opt_time("ended_at")?,
    })
}

/// What tells an import of leads from every other: the file, and all that decides what its rows become.
fn fingerprint(plan: &ImportPlan, digest: [u8; 32]) -> String {
    let ImportPlan { campaign, list, format, number_column, mapping, duplicates, .. } = plan;
    let mut hasher = Sha256::new();
    hasher.update(digest);
    hasher.update(format!("{campaign:?} {list:?} {format:?} {number_column:?} {duplicates:?}"));
    if !mapping.is_empty() {
        hasher.update(format!("{mapping:?}"));
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Looks at the whole of a file, on a thread that may wait.
async fn open(path: &Path, format: &FileFormat) -> Result<Source, ImportError> {
    let (path, format) = (path.to_path_buf(), format.clone());
    let opened = tokio::task::spawn_blocking(move || Source::open(&path, &format));
    opened.await.map_err(|error| ImportError::Read { detail: error.to_string() })?
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
