//! Lists and the imports that made them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Records;
use crate::model::dialable::{self, Region};
use crate::model::id::ImportId;
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::store::{self, Duplicates, FileFormat, ImportError, ImportMode, ImportPlan, ReadNumber, Rejection};
use crate::web::API_BASE;
use crate::web::lists::{ImportQuery, ImportReport, ImportState, ListView};
use crate::web::problem::{Kind, Problem};
use crate::web::upload::Received;

/// Imports that are looked through for those of a campaign.
const IMPORTS_READ: usize = 1000;
/// Files of rejected rows that are kept; beyond it the oldest are deleted.
const REJECTED_FILES_MAX: usize = 200;

/// A list to be brought in.
pub(in crate::web) struct Incoming {
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
    /// How numbers that are there already are dealt with.
    pub(in crate::web) duplicates: Duplicates,
    /// Only count and check.
    pub(in crate::web) dry_run: bool,
    /// Names the run, and its file of rejected rows, until the store has an id for it.
    pub(in crate::web) run: ImportId,
    /// Where rejected rows go.
    pub(in crate::web) data_dir: PathBuf,
    /// Who.
    pub(in crate::web) by: String,
    /// When.
    pub(in crate::web) at: Timestamp,
}

impl Records {
    /// Lists of a campaign, latest first.
    pub(in crate::web) async fn lists(&self, key: &CampaignKey, data_dir: &Path) -> Result<Vec<ListView>, Problem> {
        let imports = self.store.imports(IMPORTS_READ).await?;
        let of_campaign = imports.into_iter().filter(|import| import.campaign.as_ref() == Some(key));
        Ok(of_campaign.filter_map(|import| list_view(import, data_dir)).collect())
    }

    /// Brings a received file in. Goes on to its end even if nobody waits for it any more.
    pub(in crate::web) async fn import(&self, incoming: Incoming, file: Received) -> Result<ImportReport, Problem> {
        let store = self.store.clone();
        // A task of its own: a browser that goes away must not leave an import half done.
        let running = tokio::spawn(async move { import(&store, incoming, file).await });
        running.await.map_err(|error| Problem::internal("an import", error))?
    }
}

/// How a file is to be read, as it was asked for.
pub(in crate::web) fn format(query: &ImportQuery, region: Option<Region>) -> Result<FileFormat, Problem> {
    let bad = |error: ImportError| Problem::new(Kind::BadQuery, error.to_string());
    Ok(FileFormat {
        encoding: query.encoding.as_deref().map(str::parse).transpose().map_err(bad)?,
        delimiter: query.delimiter.as_deref().map(str::parse).transpose().map_err(bad)?,
        sheet: query.sheet.clone(),
        country: region.map(|region| region.to_string().to_ascii_lowercase()),
    })
}

/// How numbers that are there already are dealt with, as it was asked for.
pub(in crate::web) fn duplicates(query: &ImportQuery) -> Duplicates {
    Duplicates { scope: query.duplicates_in.unwrap_or_default(), policy: query.on_duplicate.unwrap_or_default() }
}

/// Where the rejected rows of a run are.
pub(in crate::web) fn rejected_path(data_dir: &Path, run: ImportId) -> PathBuf {
    data_dir.join("rejected").join(format!("{run}.csv"))
}

async fn import(store: &store::Store, incoming: Incoming, file: Received) -> Result<ImportReport, Problem> {
    let Incoming { campaign, name, region, format, number_column, duplicates, dry_run, run, data_dir, by, at } =
        incoming;
    let error_file = rejected_path(&data_dir, run);
    let failed = |error: std::io::Error| Problem::internal("writing rejected rows", error);
    tokio::fs::create_dir_all(data_dir.join("rejected")).await.map_err(failed)?;
    let plan = ImportPlan {
        path: file.path().to_path_buf(),
        campaign,
        list: name,
        format,
        number_column,
        duplicates,
        mode: if dry_run { ImportMode::DryRun } else { ImportMode::Run },
        error_file: Some(error_file.clone()),
        by,
        at,
    };
    let outcome = store.import_leads(plan, reader(region), &mut |_| {}).await?;
    let id = outcome.import.unwrap_or(run);
    let mut rejected_file = None;
    if outcome.error_file.is_some() {
        tokio::fs::rename(&error_file, rejected_path(&data_dir, id)).await.map_err(failed)?;
        rejected_file = Some(rejected_address(id));
    }
    forget_old(&data_dir).await.map_err(failed)?;
    let counts = outcome.counts;
    Ok(ImportReport {
        id,
        list: outcome.list,
        dry_run,
        rows: counts.rows,
        accepted: counts.accepted,
        updated: counts.updated,
        duplicate: counts.duplicate,
        suppressed: counts.suppressed,
        invalid: counts.invalid,
        without_zone: counts.without_zone,
        rejected: outcome.rejected,
        rejected_file,
        resumed: outcome.resumed,
    })
}

fn reader(region: Option<Region>) -> ReadNumber {
    Arc::new(move |text| match dialable::read(text, region) {
        Ok(read) => {
            Ok(store::Dialable { number: read.number, zones: read.zones.iter().map(ToString::to_string).collect() })
        }
        Err(why) => Err(Rejection { code: why.code(), message: why.to_string() }),
    })
}

fn rejected_address(id: ImportId) -> String {
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
    let surplus = names.len().saturating_sub(REJECTED_FILES_MAX);
    for path in names.into_iter().take(surplus) {
        tokio::fs::remove_file(path).await?;
    }
    Ok(())
}

fn list_view(row: store::ImportRow, data_dir: &Path) -> Option<ListView> {
    let id = row.list?;
    let there = rejected_path(data_dir, row.id).is_file();
    Some(ListView {
        id,
        import: row.id,
        name: row.file.strip_suffix(".csv").unwrap_or(&row.file).to_owned(),
        state: match row.state.as_str() {
            "running" => ImportState::Running,
            "done" => ImportState::Done,
            "undone" => ImportState::Undone,
            _ => ImportState::Failed,
        },
        created_by: row.started_by,
        created_at: row.started_at,
        rows: row.counts.rows,
        accepted: row.counts.accepted,
        updated: row.counts.updated,
        duplicate: row.counts.duplicate,
        suppressed: row.counts.suppressed,
        invalid: row.counts.invalid,
        rejected_file: there.then(|| rejected_address(row.id)),
    })
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Problem {
        match error {
            ImportError::Store(error) => error.into(),
            ImportError::Open { .. } | ImportError::ErrorFile { .. } => Problem::internal("an import", error),
            ImportError::Running => Problem::new(Kind::Conflict, error.to_string()),
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
            | ImportError::NoNumberColumn { .. }
            | ImportError::DuplicateHeader { .. }
            | ImportError::AmbiguousHeader { .. }
            | ImportError::TooManyColumns { .. }
            | ImportError::Cell { .. } => Problem::new(Kind::BadFile, error.to_string()),
        }
    }
}
