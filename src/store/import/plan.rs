//! What an import is asked to do, what it answers, and what can be wrong with a file as a whole.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use super::mapping::Mapping;
use super::windows::Windows;
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

/// Asks an import to stop at the end of the batch at hand. Clones are one.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked.
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The encoding of a text file, as the web names encodings: `utf-8`, `gb18030`, `utf-16le`, `big5`, `windows-1252` …
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextEncoding(pub(super) &'static encoding_rs::Encoding);

impl std::str::FromStr for TextEncoding {
    type Err = ImportError;

    fn from_str(text: &str) -> Result<TextEncoding, ImportError> {
        let known = encoding_rs::Encoding::for_label_no_replacement(text.as_bytes());
        known.map(TextEncoding).ok_or_else(|| ImportError::Cell {
            what: "encoding",
            value: text.to_owned(),
            expected: "a name such as utf-8, gb18030, utf-16le, big5 or windows-1252".to_owned(),
        })
    }
}

/// What stands between the cells of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delimiter(pub(super) u8);

impl std::str::FromStr for Delimiter {
    type Err = ImportError;

    fn from_str(text: &str) -> Result<Delimiter, ImportError> {
        let byte = match (text, text.as_bytes()) {
            ("comma", _) => Some(b','),
            ("semicolon", _) => Some(b';'),
            ("tab" | "\\t", _) => Some(b'\t'),
            ("pipe", _) => Some(b'|'),
            (_, [byte]) if *byte == b'\t' || (byte.is_ascii_punctuation() && *byte != b'"') || *byte == b' ' => {
                Some(*byte)
            }
            _ => None,
        };
        byte.map(Delimiter).ok_or_else(|| ImportError::Cell {
            what: "delimiter",
            value: text.to_owned(),
            expected: "comma, semicolon, tab, pipe, or one sign other than a letter, a digit or a quotation mark"
                .to_owned(),
        })
    }
}

/// How a file is to be read; what is left out is found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileFormat {
    /// Its encoding, for text without a byte order mark.
    pub encoding: Option<TextEncoding>,
    /// What stands between cells.
    pub delimiter: Option<Delimiter>,
    /// The sheet of a workbook.
    pub sheet: Option<String>,
    /// Where it comes from, as two small letters: helps where encodings look alike.
    pub country: Option<String>,
}

/// What to do with the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportMode {
    /// Check every row and change nothing.
    DryRun,
    /// Bring them in.
    Run,
}

/// Where a number may be already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DuplicateScope {
    /// On the campaign.
    #[default]
    Campaign,
    /// On any campaign.
    Everywhere,
}

/// What becomes of a row whose number is on the campaign already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DuplicatePolicy {
    /// It is left out.
    #[default]
    Skip,
    /// Its cells go to the lead that is there: those that are not empty, and never what its calls came to. Further numbers are
    /// added.
    Update,
    /// Its further numbers are added to the lead that is there, and nothing else of it.
    AddNumbers,
}

/// How numbers that are there already are dealt with. In any case a number counts once in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Duplicates {
    /// Where they are looked for.
    pub scope: DuplicateScope,
    /// What becomes of their rows.
    pub policy: DuplicatePolicy,
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
    /// How the file is to be read.
    pub format: FileFormat,
    /// The number's column, where several could be meant.
    pub number_column: Option<String>,
    /// What columns are for, where somebody says it.
    pub mapping: Mapping,
    /// How numbers that are there already are dealt with.
    pub duplicates: Duplicates,
    /// What to do.
    pub mode: ImportMode,
    /// Where rejected rows are written; `None`: nowhere.
    pub error_file: Option<PathBuf>,
    /// Which leads can be dialled at all; `None`: nobody counts those that cannot.
    pub windows: Option<Windows>,
    /// How it is stopped before its end.
    pub stop: Stop,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// What became of the rows. `accepted + updated + duplicate + invalid + suppressed + left = rows`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct ImportCounts {
    /// Rows of the file, without header and blank lines.
    pub rows: u64,
    /// Brought in.
    pub accepted: u64,
    /// On the campaign already, and brought up to date.
    pub updated: u64,
    /// In the file or on the campaign already.
    pub duplicate: u64,
    /// Not readable as what they should be.
    pub invalid: u64,
    /// Suppressed for the campaign.
    pub suppressed: u64,
    /// Not come to, where the import was stopped or failed; else none.
    pub left: u64,
    /// Among the accepted: without a time zone, so never dialled.
    pub without_zone: u64,
    /// Cells with a further number that is none: the row was taken without it, and agents see the cell.
    pub numbers_unread: u64,
    /// Among the accepted: never dialled, since the campaign's hours do not open in their time zones before it ends, or since
    /// they have none.
    pub no_window: u64,
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
    /// The import that brings rows in, once it has begun.
    pub import: Option<ImportId>,
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
    /// The same file had been imported to the list before, or an import of it was broken off: the counts are those of both.
    pub resumed: bool,
    /// It was stopped while it merged: rows that it did not come to are counted as left.
    pub stopped: bool,
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
    /// What that is called.
    pub list_name: Option<String>,
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
    /// A workbook of Excel 97 to 2003, or an encrypted one.
    #[error(
        "this is a workbook of Excel 97 to 2003, or one with a password; in Excel choose Save as, Excel Workbook (.xlsx)"
    )]
    OldSpreadsheet,
    /// A workbook that cannot be read.
    #[error("the workbook cannot be read: {detail}; open it in Excel and save it again")]
    DamagedWorkbook {
        /// Why.
        detail: String,
    },
    /// Several sheets have cells.
    #[error("several sheets of the workbook have cells: {found}; name the one that is meant")]
    WhichSheet {
        /// Their names.
        found: String,
    },
    /// No such sheet.
    #[error("the workbook has no sheet `{name}`; found {found}")]
    NoSuchSheet {
        /// What was asked for.
        name: String,
        /// The names there are.
        found: String,
    },
    /// Larger than is taken.
    #[error(
        "the workbook's {what} is larger than the {allowed} that are taken; save the rows as CSV, or in several files"
    )]
    TooLarge {
        /// What of it.
        what: String,
        /// How much may be.
        allowed: String,
    },
    /// Neither UTF-8 nor GB18030.
    #[error(
        "the file is in none of UTF-8, UTF-16 and GB18030; it looks like {guess}: name its encoding, or save it as CSV UTF-8"
    )]
    UnknownEncoding {
        /// The likeliest.
        guess: String,
    },
    /// Not text in the encoding it was said or taken to be in.
    #[error("line {line}: byte {byte} is not {encoding}; mend the character there, or name another encoding")]
    NotDecodable {
        /// The encoding.
        encoding: String,
        /// The line.
        line: u64,
        /// Place in the file, from 0.
        byte: u64,
    },
    /// UTF-8 but for one place.
    #[error(
        "line {line}: byte {byte} (value {value:#04x}) is not UTF-8, as the rest is; mend the character there, or name another encoding"
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
    /// More columns with numbers than a person may have.
    #[error(
        "there are more than {allowed} columns with phone numbers: {found}; say which of them are custom fields, or leave them out"
    )]
    TooManyNumbers {
        /// Those that were found.
        found: String,
        /// How many there may be.
        allowed: usize,
    },
    /// A column that is to be something, and is not there.
    #[error("the file has no column `{name}`, which the mapping names; found {found}")]
    NoSuchColumn {
        /// Its heading.
        name: String,
        /// The columns there are.
        found: String,
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
    /// Somebody stopped it. While the file was read, the import as a whole comes to this, and what an earlier run merged stays;
    /// while it merged, its outcome says how far it came, and this is what is written down with the import. The same import
    /// again goes on from there.
    #[error("it was stopped before its end")]
    Stopped,
    /// The same import is under way.
    #[error("this file is being imported to this list already; wait until that is done")]
    Running,
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

impl ImportError {
    /// A stable code, by which pages say it in their reader's language.
    pub fn code(&self) -> &'static str {
        match self {
            ImportError::Open { .. } => "file_not_opened",
            ImportError::Read { .. } => "file_not_read",
            ImportError::Empty => "file_empty",
            ImportError::HeaderOnly => "header_only",
            ImportError::OldSpreadsheet => "old_spreadsheet",
            ImportError::DamagedWorkbook { .. } => "damaged_workbook",
            ImportError::WhichSheet { .. } => "which_sheet",
            ImportError::NoSuchSheet { .. } => "no_such_sheet",
            ImportError::TooLarge { .. } => "workbook_too_large",
            ImportError::UnknownEncoding { .. } => "encoding_unknown",
            ImportError::NotDecodable { .. } => "not_decodable",
            ImportError::NotUtf8 { .. } => "not_utf8",
            ImportError::QuoteNotClosed { .. } => "quote_not_closed",
            ImportError::TooManyNumbers { .. } => "too_many_numbers",
            ImportError::NoSuchColumn { .. } => "no_such_column",
            ImportError::NoNumberColumn { .. } => "no_number_column",
            ImportError::DuplicateHeader { .. } => "duplicate_header",
            ImportError::AmbiguousHeader { .. } => "ambiguous_header",
            ImportError::TooManyColumns { .. } => "too_many_columns",
            ImportError::Cell { .. } => "option_unfit",
            ImportError::Stopped => "stopped",
            ImportError::Running => "import_running",
            ImportError::ErrorFile { .. } => "error_file",
            ImportError::Store(_) => "store",
        }
    }
}
