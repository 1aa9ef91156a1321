//! Calls of a campaign as a file that people open in a spreadsheet: CSV or XLSX.
//!
//! Read [`Ask`] and [`write`] first. Not a report: each row is a call, and whoever adds them up gets the figures of the pages,
//! because both come from the same rows.

mod sheet;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::model::database::beside;
use crate::model::disposition::Disposition;
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::model::zone::Zone;
use crate::store::{CallPage, CallRecord, Store, StoreError};
use sheet::Sheet;

/// Rows read at once.
const PAGE_ROWS: usize = 1000;
/// A worksheet has no more columns.
const COLUMNS_MAX: usize = 16_384;

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
    /// Whose calls.
    pub campaign: CampaignKey,
    /// Begun at or after.
    pub from: Timestamp,
    /// Begun before.
    pub to: Timestamp,
    /// The form of the file.
    pub format: Format,
    /// Without what tells who a customer is: numbers are masked, names, notes and cells of lists are left out.
    pub masked: bool,
    /// The zone in which times are written.
    pub zone: Zone,
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Calls read, of both passes.
    pub rows: u64,
    /// Calls to be read in both.
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

/// Headings that every file has; those of answers and of the lists' own cells follow.
const HEADINGS: [&str; 21] = [
    "call",
    "began",
    "campaign",
    "list",
    "number",
    "name",
    "attempt",
    "outcome",
    "network",
    "result",
    "agent",
    "rang",
    "answered",
    "connected",
    "ended",
    "answered_by",
    "ring_s",
    "wait_s",
    "talk_s",
    "wrap_up_s",
    "note",
];

/// Writes the calls in the order in which they began; the number of rows. The file is there whole, or not at all.
///
/// # Errors
/// [`ExportError`].
pub async fn write(
    store: &Store,
    ask: &Ask,
    path: &Path,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<u64, ExportError> {
    let mut state = Progress { rows: 0, of: 2 * store.count_calls(&ask.campaign, ask.from, ask.to).await? };
    // Once for the headings, which are in the rows, and once for the rows.
    let (mut questions, mut cells) = (BTreeSet::new(), BTreeSet::new());
    let mut pages = Pages::of(ask);
    while let Some(calls) = pages.next(store).await? {
        state.rows += calls.len() as u64;
        for call in calls {
            questions.extend(call.answers.into_keys());
            cells.extend(call.extra.into_keys().filter(|_| !ask.masked));
        }
        progress(state);
    }
    let columns = Columns { questions: questions.into_iter().collect(), cells: cells.into_iter().collect() };
    let wide = columns.headings().len();
    if wide > COLUMNS_MAX {
        let detail = format!("the calls have {wide} columns, a worksheet has {COLUMNS_MAX}: choose a shorter time");
        return Err(ExportError::File { path: path.to_path_buf(), detail });
    }
    let part = Passing(beside(path, "part"));
    let count = rows(store, ask, &columns, &part.0, &mut state, progress).await?;
    let named = |error: std::io::Error| ExportError::File { path: path.to_path_buf(), detail: error.to_string() };
    std::fs::rename(&part.0, path).map_err(named)?;
    Ok(count)
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
    let mut sheet = Sheet::create(part, ask.format, columns.headings())?;
    let mut pages = Pages::of(ask);
    let mut count = 0;
    while let Some(calls) = pages.next(store).await? {
        count += calls.len() as u64;
        state.rows = (state.rows + calls.len() as u64).min(state.of);
        for call in &calls {
            sheet.row(&columns.cells_of(call, ask))?;
        }
        progress(*state);
    }
    sheet.finish()?;
    Ok(count)
}

struct Pages {
    page: CallPage,
    done: bool,
}

impl Pages {
    fn of(ask: &Ask) -> Pages {
        let Ask { campaign, from, to, .. } = ask;
        let page = CallPage { campaign: campaign.clone(), from: *from, to: *to, after: None, limit: PAGE_ROWS };
        Pages { page, done: false }
    }

    async fn next(&mut self, store: &Store) -> Result<Option<Vec<CallRecord>>, StoreError> {
        if self.done {
            return Ok(None);
        }
        let calls = store.calls(&self.page).await?;
        self.done = calls.len() < PAGE_ROWS;
        self.page.after = calls.last().map(|call| (call.at, call.id));
        Ok(Some(calls).filter(|calls| !calls.is_empty()))
    }
}

/// The columns beyond those of every file.
struct Columns {
    questions: Vec<String>,
    cells: Vec<String>,
}

impl Columns {
    fn headings(&self) -> Vec<String> {
        let questions = self.questions.iter().map(|question| format!("answer: {question}"));
        let fixed = HEADINGS.iter().map(|heading| (*heading).to_owned());
        fixed.chain(questions).chain(self.cells.iter().cloned()).collect()
    }

    fn cells_of(&self, call: &CallRecord, ask: &Ask) -> Vec<String> {
        let time = |at: Option<Timestamp>| at.map_or_else(String::new, |at| civil(at, &ask.zone));
        let word = |word: Option<Disposition>| word.map_or_else(String::new, |word| word.to_string());
        let seconds = |from: Option<Timestamp>, to: Option<Timestamp>| match (from, to) {
            (Some(from), Some(to)) => format!("{:.1}", to.since(from).as_secs_f64()),
            _ => String::new(),
        };
        let of_ms = |ms: Option<i64>| ms.map_or_else(String::new, |ms| format!("{:.1}", ms as f64 / 1e3));
        let personal = |text: &str| if ask.masked { String::new() } else { text.to_owned() };
        let number = if ask.masked { call.number.masked() } else { call.number.as_str().to_owned() };
        let by = serde_json::to_value(call.answered_by).ok();
        let by = by.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        let mut cells = vec![
            call.id.to_string(),
            time(Some(call.at)),
            ask.campaign.to_string(),
            call.list.clone(),
            number,
            personal(&call.name),
            (call.ordinal + 1).to_string(),
            word(call.disposition),
            word(call.network_disposition),
            call.result.clone().unwrap_or_default(),
            call.agent.clone().unwrap_or_default(),
            time(call.rang_at),
            time(call.answered_at),
            time(call.connected_at),
            time(call.ended_at),
            by,
            seconds(call.rang_at, call.answered_at.or(call.ended_at)),
            seconds(call.answered_at, call.connected_at),
            of_ms(call.talk_ms),
            of_ms(call.wrap_up_ms),
            personal(&call.note),
        ];
        cells.extend(self.questions.iter().map(|key| call.answers.get(key).cloned().unwrap_or_default()));
        cells.extend(self.cells.iter().map(|key| call.extra.get(key).cloned().unwrap_or_default()));
        cells
    }
}

/// A time as people write it there, with its distance from UTC: 2026-11-30T14:05:09+08:00.
fn civil(at: Timestamp, zone: &Zone) -> String {
    at.to_jiff().to_zoned(zone.as_jiff().clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}
