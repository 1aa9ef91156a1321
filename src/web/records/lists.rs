//! Lists and the imports that made them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Records;
use crate::model::dialable::{self, Region};
use crate::model::id::{ImportId, ListId};
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::model::window::opens_at_all;
use crate::model::zone::Zone;
use crate::store::{
    self, DuplicatePolicy, DuplicateScope, Duplicates, FileFormat, ImportCounts, ImportError, ImportMode,
    ImportOutcome, ImportPlan, Mapping, Progress, ReadNumber, Rejection, Stop, Undone, Windows,
};
use crate::web::lists::{ImportReport, ImportState, ListView, UndoView};
use crate::web::problem::{Kind, Problem};
use crate::web::upload::Received;
use crate::web::{API_BASE, Settings};

/// Imports that are looked through for those of a campaign.
const IMPORTS_READ: usize = 1000;
/// Files of rejected rows that are kept; beyond it the oldest are deleted.
const REJECTED_FILES_MAX: usize = 200;

/// A list to be brought in.
pub(in crate::web) struct Incoming {
    /// The file.
    pub(in crate::web) path: PathBuf,
    /// The campaign.
    pub(in crate::web) campaign: CampaignKey,
    /// The list's name.
    pub(in crate::web) name: String,
    /// Region of numbers without a country code.
    pub(in crate::web) region: Option<Region>,
    /// How the file is to be read.
    pub(in crate::web) format: FileFormat,
    /// The number's column, where several could be meant.
    pub(in crate::web) number_column: Option<String>,
    /// What columns are for, where somebody says it.
    pub(in crate::web) mapping: Mapping,
    /// How numbers that are there already are dealt with.
    pub(in crate::web) duplicates: Duplicates,
    /// Only count and check.
    pub(in crate::web) dry_run: bool,
    /// Names the run, and its file of rejected rows, until the store has an id for it.
    pub(in crate::web) run: ImportId,
    /// Where rejected rows go.
    pub(in crate::web) data_dir: PathBuf,
    /// Which leads can be dialled at all.
    pub(in crate::web) windows: Option<Windows>,
    /// How it is stopped.
    pub(in crate::web) stop: Stop,
    /// Who.
    pub(in crate::web) by: String,
    /// When.
    pub(in crate::web) at: Timestamp,
}

impl Records {
    /// Lists of a campaign, latest first.
    pub(in crate::web) async fn lists(
        &self,
        key: &CampaignKey,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<Vec<ListView>, Problem> {
        let imports = self.store.imports(IMPORTS_READ).await?;
        let of_campaign = imports.into_iter().filter(|import| import.campaign.as_ref() == Some(key));
        Ok(of_campaign.filter_map(|import| list_view(import, settings, now)).collect())
    }

    /// What taking an import back would do.
    pub(in crate::web) async fn undo_outlook(
        &self,
        id: ImportId,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<UndoView, Problem> {
        let store::UndoOutlook { import, would, until } = self.store.undo_outlook(id, settings.undo_within).await?;
        let state = import_state(&import);
        let possible = state != ImportState::Undone && now <= until;
        Ok(UndoView { import: id, state, until, possible, would })
    }

    /// Takes an import back; its campaign, and what was taken back.
    pub(in crate::web) async fn undo_import(
        &self,
        id: ImportId,
        by: &str,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<(Option<CampaignKey>, Undone), Problem> {
        let undone = self.store.undo_import(id, by, now, settings.undo_within).await.map_err(|error| match error {
            unfit @ store::StoreError::Unfit { .. } => Problem::new(Kind::Conflict, unfit.to_string()),
            other => other.into(),
        })?;
        let campaign = self.store.import(id).await?.and_then(|import| import.campaign);
        Ok((campaign, undone))
    }

    /// Which leads of a campaign can be dialled at all before it ends.
    pub(in crate::web) async fn windows(
        &self,
        key: &CampaignKey,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<Option<Windows>, Problem> {
        let Some(row) = self.store.campaign(key).await? else { return Ok(None) };
        let profile = settings.engine.profiles.get(&row.campaign.profile).cloned();
        let calendar = Zone::named(&settings.engine.zone).unwrap_or_else(|_| Zone::utc());
        let opens = move |zones: &[String]| opens_at_all(now, &row.campaign, profile.as_ref(), zones, &calendar);
        Ok(Some(Windows(Arc::new(opens))))
    }

    /// Brings a received file in. Goes on to its end even if nobody waits for it any more.
    pub(in crate::web) async fn import(&self, incoming: Incoming, file: Received) -> Result<ImportReport, Problem> {
        let store = self.store.clone();
        // A task of its own: a browser that goes away must not leave an import half done.
        let running = tokio::spawn(async move {
            let (run, dry_run) = (incoming.run, incoming.dry_run);
            let outcome = import(&store, incoming, &mut |_| {}).await;
            drop(file);
            let outcome = outcome?;
            let id = outcome.import.unwrap_or(run);
            let rejected_file = outcome.error_file.is_some().then(|| rejected_address(id));
            let ImportOutcome { list, counts, rejected, resumed, .. } = outcome;
            Ok(report(id, list, dry_run, counts, rejected, rejected_file, resumed))
        });
        running.await.map_err(|error| Problem::internal("an import", error))?
    }
}

/// How a file is to be read, as it was asked for.
pub(in crate::web) fn format(
    encoding: Option<&str>,
    delimiter: Option<&str>,
    sheet: Option<String>,
    region: Option<Region>,
) -> Result<FileFormat, Problem> {
    let bad = |error: ImportError| Problem::new(Kind::BadQuery, error.to_string());
    Ok(FileFormat {
        encoding: encoding.map(str::parse).transpose().map_err(bad)?,
        delimiter: delimiter.map(str::parse).transpose().map_err(bad)?,
        sheet,
        country: region.map(|region| region.to_string().to_ascii_lowercase()),
    })
}

/// How numbers that are there already are dealt with, as it was asked for.
pub(in crate::web) fn duplicates(scope: Option<DuplicateScope>, policy: Option<DuplicatePolicy>) -> Duplicates {
    Duplicates { scope: scope.unwrap_or_default(), policy: policy.unwrap_or_default() }
}

/// Where the rejected rows of a run are.
pub(in crate::web) fn rejected_path(data_dir: &Path, run: ImportId) -> PathBuf {
    data_dir.join("rejected").join(format!("{run}.csv"))
}

/// Brings a file in, or checks it. Rejected rows are in the file of the import, or of the run where there is none.
pub(in crate::web) async fn import(
    store: &store::Store,
    incoming: Incoming,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<ImportOutcome, ImportError> {
    let Incoming { path, campaign, name, region, format, number_column, mapping, duplicates, .. } = incoming;
    let Incoming { dry_run, run, data_dir, windows, stop, by, at, .. } = incoming;
    let error_file = rejected_path(&data_dir, run);
    let failed = |error: std::io::Error| ImportError::ErrorFile { path: error_file.clone(), detail: error.to_string() };
    tokio::fs::create_dir_all(data_dir.join("rejected")).await.map_err(failed)?;
    let plan = ImportPlan {
        path,
        campaign,
        list: name,
        format,
        number_column,
        mapping,
        duplicates,
        mode: if dry_run { ImportMode::DryRun } else { ImportMode::Run },
        error_file: Some(error_file.clone()),
        windows,
        stop,
        by,
        at,
    };
    let outcome = store.import_leads(plan, reader(region), progress).await?;
    if let (Some(written), Some(import)) = (&outcome.error_file, outcome.import) {
        tokio::fs::rename(written, rejected_path(&data_dir, import)).await.map_err(failed)?;
    }
    forget_old(&data_dir).await.map_err(failed)?;
    Ok(outcome)
}

/// What an import did, as the API says it.
pub(in crate::web) fn report(
    id: ImportId,
    list: Option<ListId>,
    dry_run: bool,
    counts: ImportCounts,
    rejected: BTreeMap<String, u64>,
    rejected_file: Option<String>,
    resumed: bool,
) -> ImportReport {
    let ImportCounts {
        rows,
        accepted,
        updated,
        duplicate,
        invalid,
        suppressed,
        left,
        without_zone,
        no_window,
        numbers_unread,
    } = counts;
    ImportReport {
        id,
        list,
        dry_run,
        rows,
        accepted,
        updated,
        duplicate,
        suppressed,
        invalid,
        left,
        without_zone,
        no_window,
        numbers_unread,
        rejected,
        rejected_file,
        resumed,
    }
}

fn reader(region: Option<Region>) -> ReadNumber {
    Arc::new(move |text| match dialable::read(text, region) {
        Ok(read) => {
            Ok(store::Dialable { number: read.number, zones: read.zones.iter().map(ToString::to_string).collect() })
        }
        Err(why) => Err(Rejection { code: why.code(), message: why.to_string() }),
    })
}

pub(in crate::web) fn rejected_address(id: ImportId) -> String {
    format!("{API_BASE}/imports/{id}/rejected.csv")
}

/// Deletes the oldest files of rejected rows. Their names are ids, which sort by age.
async fn forget_old(data_dir: &Path) -> std::io::Result<()> {
    let mut names = Vec::new();
    let mut entries = tokio::fs::read_dir(data_dir.join("rejected")).await?;
    while let Some(entry) = entries.next_entry().await? {
        names.push(entry.path());
    }
    names.sort();
    names.truncate(names.len().saturating_sub(REJECTED_FILES_MAX));
    remove(names).await
}

/// Removes files. One that is gone already, because another import or the retention removed it meanwhile, is no failure.
async fn remove(files: Vec<PathBuf>) -> std::io::Result<()> {
    for path in files {
        match tokio::fs::remove_file(path).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

fn import_state(row: &store::ImportRow) -> ImportState {
    match row.state.as_str() {
        "running" => ImportState::Running,
        "done" => ImportState::Done,
        "undone" => ImportState::Undone,
        _ => ImportState::Failed,
    }
}

fn list_view(row: store::ImportRow, settings: &Settings, now: Timestamp) -> Option<ListView> {
    let id = row.list?;
    let there = rejected_path(&settings.data_dir, row.id).is_file();
    let (state, until) = (import_state(&row), row.undo_until(settings.undo_within));
    Some(ListView {
        id,
        import: row.id,
        name: row.list_name.unwrap_or(row.file),
        state,
        created_by: row.started_by,
        created_at: row.started_at,
        rows: row.counts.rows,
        accepted: row.counts.accepted,
        updated: row.counts.updated,
        duplicate: row.counts.duplicate,
        suppressed: row.counts.suppressed,
        invalid: row.counts.invalid,
        left: row.counts.left,
        rejected_file: there.then(|| rejected_address(row.id)),
        undo_until: Some(until).filter(|until| state != ImportState::Undone && now <= *until),
    })
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Problem {
        match error {
            ImportError::Store(error) => error.into(),
            ImportError::Open { .. } | ImportError::ErrorFile { .. } => Problem::internal("an import", error),
            ImportError::Running | ImportError::Stopped => Problem::new(Kind::Conflict, error.to_string()),
            ImportError::Read { .. }
            | ImportError::Empty
            | ImportError::HeaderOnly
            | ImportError::OldSpreadsheet
            | ImportError::DamagedWorkbook { .. }
            | ImportError::WhichSheet { .. }
            | ImportError::NoSuchSheet { .. }
            | ImportError::TooLarge { .. }
            | ImportError::UnknownEncoding { .. }
            | ImportError::NotDecodable { .. }
            | ImportError::NotUtf8 { .. }
            | ImportError::QuoteNotClosed { .. }
            | ImportError::NoSuchColumn { .. }
            | ImportError::TooManyNumbers { .. }
            | ImportError::NoNumberColumn { .. }
            | ImportError::DuplicateHeader { .. }
            | ImportError::AmbiguousHeader { .. }
            | ImportError::TooManyColumns { .. }
            | ImportError::Cell { .. } => Problem::new(Kind::BadFile, error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_files_of_rejected_rows_go_and_one_that_is_gone_already_is_no_failure() {
        let directory = tempfile::tempdir().unwrap();
        let path = |run: usize| rejected_path(directory.path(), ImportId(1000 + run as i64));
        std::fs::create_dir(directory.path().join("rejected")).unwrap();
        (0..REJECTED_FILES_MAX + 3).for_each(|run| std::fs::write(path(run), "phone\n").unwrap());
        forget_old(directory.path()).await.unwrap();
        let there: Vec<bool> = (0..5).map(|run| path(run).exists()).collect();
        assert_eq!(there, [false, false, false, true, true]);
        remove(vec![path(2), path(3)]).await.unwrap();
        assert!(!path(3).exists(), "it goes on after the one that was gone");
        // A folder is no file: any other error is told.
        assert!(remove(vec![directory.path().join("rejected")]).await.is_err());
    }
}
