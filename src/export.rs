//! Calls, results, leads, suppressions, consents and orders as a file that people open in a spreadsheet: CSV or XLSX.
//!
//! Read [`Ask`] and [`write`] first. Not a report: each row is a call, a lead and so on, and whoever adds the calls up gets the figures
//! of the pages, because both come from the same rows.

mod lines;
mod sheet;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::database::beside;
use crate::model::name::CampaignKey;
use crate::model::order::OrderState;
use crate::model::time::Timestamp;
use crate::model::zone::Zone;
use crate::store::{Store, StoreError};
use lines::{Line, Pages};
use sheet::Sheet;

/// A worksheet has no more columns.
const COLUMNS_MAX: usize = 16_384;

/// What each row of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A call, with the result that counts.
    Calls,
    /// A result that was recorded, or a correction of one, of calls in either direction.
    Results,
    /// A lead, with the last result and its answers.
    Leads,
    /// An entry of the suppression ledger.
    Suppressions,
    /// An entry of the consent ledger.
    Consents,
    /// An order.
    Orders,
}

/// A text names no kind of file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no kind of file; expected calls, results, leads, suppressions, consents or orders")]
pub struct NoKind(String);

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 6] =
        [Kind::Calls, Kind::Results, Kind::Leads, Kind::Suppressions, Kind::Consents, Kind::Orders];

    /// As it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Calls => "calls",
            Kind::Results => "results",
            Kind::Leads => "leads",
            Kind::Suppressions => "suppressions",
            Kind::Consents => "consents",
            Kind::Orders => "orders",
        }
    }

    /// Whether it is of one campaign; else of one or of all.
    pub fn needs_campaign(self) -> bool {
        match self {
            Kind::Calls | Kind::Results | Kind::Leads => true,
            Kind::Suppressions | Kind::Consents | Kind::Orders => false,
        }
    }
}

impl FromStr for Kind {
    type Err = NoKind;
    fn from_str(text: &str) -> Result<Kind, NoKind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| NoKind(text.to_owned()))
    }
}

/// The form of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values in UTF-8; `mark` puts a byte order mark first, without which Excel takes it for another encoding.
    Csv {
        /// Whether there is one.
        mark: bool,
    },
    /// A workbook. Every cell is a text, so that Excel changes no number.
    Xlsx,
}

/// What is to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// What each row is.
    pub kind: Kind,
    /// Whose; none, where the kind allows it: of all.
    pub campaign: Option<CampaignKey>,
    /// Of orders: only those in this state.
    pub state: Option<OrderState>,
    /// Calls that began, results that were recorded, leads and entries that were added, orders that were opened at or after this.
    pub from: Timestamp,
    /// And before this.
    pub to: Timestamp,
    /// The form of the file.
    pub format: Format,
    /// Without what tells who a customer is: numbers are masked, names, notes and cells of lists are left out.
    pub masked: bool,
    /// The zone in which times are written.
    pub zone: Zone,
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = ExportProgress)]
pub struct Progress {
    /// Rows read, of all passes.
    pub rows: u64,
    /// Rows to be read in all.
    pub of: u64,
}

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store had something to say.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file cannot be written.
    #[error("{} cannot be written: {detail}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        detail: String,
    },
}

/// Writes the rows, calls and results and leads in the order in which they came to be, entries of ledgers and orders the latest first; how
/// many. The file is there whole, or not at all: also when whoever asked for it goes away in the middle.
///
/// # Errors
/// [`ExportError`].
pub async fn write(
    store: &Store,
    ask: &Ask,
    path: &Path,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<u64, ExportError> {
    // Once for the headings, which are in the rows, and once for the rows; ledgers have the same headings always.
    let passes = if ask.kind.needs_campaign() { 2 } else { 1 };
    let mut state = Progress { rows: 0, of: passes * lines::count(store, ask).await? };
    let (mut questions, mut cells) = (BTreeSet::new(), BTreeSet::new());
    let mut pages = Pages::of(ask);
    while ask.kind.needs_campaign()
        && let Some((read, lines)) = pages.next(store).await?
    {
        state.rows += read;
        for line in lines {
            questions.extend(line.answers.into_keys());
            cells.extend(line.extra.into_keys());
        }
        progress(state);
    }
    let columns = Columns { questions: questions.into_iter().collect(), cells: cells.into_iter().collect() };
    let wide = columns.headings(ask.kind).len();
    if wide > COLUMNS_MAX {
        let detail = format!("the rows have {wide} columns, a worksheet has {COLUMNS_MAX}: choose a shorter time");
        return Err(ExportError::File { path: path.to_path_buf(), detail });
    }
    let part = Passing(beside(path, "part"));
    let count = rows(store, ask, &columns, &part.0, &mut state, progress).await?;
    let named = |error: std::io::Error| ExportError::File { path: path.to_path_buf(), detail: error.to_string() };
    std::fs::rename(&part.0, path).map_err(named)?;
    Ok(count)
}

/// Rows as CSV, for what is too short to be a file: cells that a spreadsheet would take for a formula begin with an apostrophe.
pub fn csv_of(rows: &[Vec<String>]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        // Into memory, and each row has the width of the first: nothing can fail.
        let _ = writer.write_record(row.iter().map(|cell| sheet::harmless(cell)));
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

/// A file that is gone when this is: also when whoever asked for it went away in the middle, because it tells of customers.
#[derive(Debug)]
pub struct Passing(pub PathBuf);

impl Drop for Passing {
    fn drop(&mut self) {
        // It may not be there yet, or not any more.
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn rows(
    store: &Store,
    ask: &Ask,
    columns: &Columns,
    part: &Path,
    state: &mut Progress,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<u64, ExportError> {
    let mut sheet = Sheet::create(part, ask.format, columns.headings(ask.kind))?;
    let mut pages = Pages::of(ask);
    let mut count = 0;
    while let Some((read, lines)) = pages.next(store).await? {
        count += lines.len() as u64;
        state.rows = (state.rows + read).min(state.of);
        for line in lines {
            sheet.row(&columns.cells_of(line))?;
        }
        progress(*state);
    }
    sheet.finish()?;
    Ok(count)
}

/// The columns beyond those of every file.
struct Columns {
    questions: Vec<String>,
    cells: Vec<String>,
}

impl Columns {
    fn headings(&self, kind: Kind) -> Vec<String> {
        let questions = self.questions.iter().map(|question| format!("answer: {question}"));
        let fixed = lines::headings(kind).iter().map(|heading| (*heading).to_owned());
        fixed.chain(questions).chain(self.cells.iter().cloned()).collect()
    }

    fn cells_of(&self, line: Line) -> Vec<String> {
        let Line { fixed: mut cells, mut answers, mut extra } = line;
        cells.extend(self.questions.iter().map(|key| answers.remove(key).unwrap_or_default()));
        cells.extend(self.cells.iter().map(|key| extra.remove(key).unwrap_or_default()));
        cells
    }
}
