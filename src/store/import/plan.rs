//! What an import is asked to do, what it answers, and what can be wrong with a file as a whole.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use crate::model::id::{ImportId, ListId};
use crate::model::name::CampaignKey;
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;
use crate::store::error::StoreError;

/// A number that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialable {
    /// In E.164.
    pub number: PhoneNumber,
    /// IANA names of the zones it may be in; empty: unknown.
    pub zones: Vec<String>,
}

/// Why a cell is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// A stable code.
    pub code: &'static str,
    /// What is wrong, what was expected.
    pub message: String,
}

/// Reads what people write as a number.
pub type ReadNumber = Arc<dyn Fn(&str) -> Result<Dialable, Rejection> + Send + Sync>;

/// What to do with the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportMode {
    /// Check every row and change nothing.
    DryRun,
    /// Bring them in.
    Run,
}

/// An import of leads.
#[derive(Clone, Debug)]
pub struct ImportPlan {
    /// The file.
    pub path: PathBuf,
    /// The campaign the list belongs to.
    pub campaign: CampaignKey,
    /// Name of the new list.
    pub list: String,
    /// The number's column, where several could be meant.
    pub number_column: Option<String>,
    /// What to do.
    pub mode: ImportMode,
    /// Where rejected rows are written; `None`: nowhere.
    pub error_file: Option<PathBuf>,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// What became of the rows. `accepted + duplicate + invalid + suppressed = rows`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ImportCounts {
    /// Rows of the file, without header and blank lines.
    pub rows: u64,
    /// Brought in.
    pub accepted: u64,
    /// In the file or on the campaign already.
    pub duplicate: u64,
    /// Not readable as what they should be.
    pub invalid: u64,
    /// Suppressed for the campaign.
    pub suppressed: u64,
    /// Among the accepted: without a time zone, so never dialled.
    pub without_zone: u64,
}

impl ImportCounts {
    /// Rows that were not accepted.
    pub fn rejected(&self) -> u64 {
        self.duplicate + self.invalid + self.suppressed
    }
}

/// How far an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Progress {
    /// What it does.
    pub stage: ImportStage,
    /// Rows done in this stage.
    pub rows: u64,
    /// Of the file, read so far.
    pub bytes_read: u64,
    /// Of the file.
    pub bytes_total: u64,
}

/// What an import does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportStage {
    /// Reads and checks the file; nothing has changed yet.
    Reading,
    /// Brings rows in (or, in a dry run, checks them against what is there).
    Merging,
    /// Writes the rejected rows.
    WritingErrors,
}

/// What an import did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImportOutcome {
    /// Its id, by which it can be undone; `None` after a dry run.
    pub import: Option<ImportId>,
    /// The list it made; `None` after a dry run.
    pub list: Option<ListId>,
    /// What became of the rows.
    pub counts: ImportCounts,
    /// Rejected rows by code.
    pub rejected: BTreeMap<String, u64>,
    /// The file with the rejected rows, if there are any and a file was wanted.
    pub error_file: Option<PathBuf>,
}

/// An import in the list of imports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ImportRow {
    /// Its id.
    pub id: ImportId,
    /// `leads`, `suppressions` or `consents`.
    pub kind: String,
    /// The campaign, for leads.
    pub campaign: Option<CampaignKey>,
    /// The list it made.
    pub list: Option<ListId>,
    /// The file's name.
    pub file: String,
    /// `running`, `done`, `failed` or `undone`. A run that was killed stays `running`.
    pub state: String,
    /// What became of the rows.
    pub counts: ImportCounts,
    /// Why it failed.
    pub detail: String,
    /// Who.
    pub started_by: String,
    /// When.
    pub started_at: Timestamp,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
}

/// Why a file cannot be imported as a whole. Up to and including [`ImportError::Cell`] nothing has been changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Cannot be opened.
    #[error("cannot open {}: {detail}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// Cannot be read to its end.
    #[error("cannot read the file: {detail}")]
    Read {
        /// Why.
        detail: String,
    },
    /// Nothing in it.
    #[error("the file is empty; expected a header line and at least one row")]
    Empty,
    /// A header and nothing else.
    #[error("the file has a header and no rows")]
    HeaderOnly,
    /// An Excel file.
    #[error("this is a spreadsheet, not a CSV file; in Excel choose Save as, CSV UTF-8")]
    Spreadsheet,
    /// UTF-16.
    #[error("the file is in UTF-16 (\"Unicode text\"); in Excel choose Save as, CSV UTF-8")]
    Utf16,
    /// Not UTF-8.
    #[error(
        "line {line}: byte {byte} (value {value:#04x}) is not UTF-8; the file is probably in GB18030 or a Windows code page: in Excel choose Save as, CSV UTF-8"
    )]
    NotUtf8 {
        /// The line.
        line: u64,
        /// Place in the file, from 0.
        byte: u64,
        /// What is there.
        value: u8,
    },
    /// A field that never ends.
    #[error("the quotation mark in line {line} is never closed: everything after it would be one cell")]
    QuoteNotClosed {
        /// Where it is.
        line: u64,
    },
    /// No number.
    #[error(
        "no column is recognised as the phone number; found {found}; expected one called phone, number, mobile, 手机 or 电话, or name it"
    )]
    NoNumberColumn {
        /// The columns there are.
        found: String,
    },
    /// Two columns of one name.
    #[error("the columns {first} and {second} are both called `{name}`; rename one")]
    DuplicateHeader {
        /// The name.
        name: String,
        /// The one, from 1.
        first: usize,
        /// The other.
        second: usize,
    },
    /// Two columns of one meaning.
    #[error("both `{first}` and `{second}` could be the {meaning}; rename one, or name the one that is meant")]
    AmbiguousHeader {
        /// What they mean.
        meaning: &'static str,
        /// The one.
        first: String,
        /// The other.
        second: String,
    },
    /// Too wide.
    #[error("the header has {found} columns; at most {allowed} are taken")]
    TooManyColumns {
        /// How many there are.
        found: usize,
        /// How many may be.
        allowed: usize,
    },
    /// A default or an option that does not fit.
    #[error("{what} `{value}`: expected {expected}")]
    Cell {
        /// Which.
        what: &'static str,
        /// What it is.
        value: String,
        /// What would fit.
        expected: String,
    },
    /// The error file cannot be written.
    #[error("cannot write the rejected rows to {}: {detail}", path.display())]
    ErrorFile {
        /// The file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// The store failed. What was merged before stays and can be undone.
    #[error(transparent)]
    Store(#[from] StoreError),
}
