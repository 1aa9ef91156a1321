//! Delivery files: what carriers say became of orders, one row for each state of an order.
//!
//! Each row is applied, was so already, or is complained about with its line; none stops the others, and the same file twice changes
//! nothing. Read [`Store::import_orders`] first.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::tz::TimeZone;
use serde::Serialize;

use super::ImportError;
use super::checks::read_time;
use super::headers::plain;
use super::plan::{FileFormat, ImportMode};
use super::rows::Record;
use super::source::Source;
use crate::model::order::{NAME_LENGTH_MAX, OrderNumber, OrderState, TEXT_LENGTH_MAX};
use crate::model::time::Timestamp;
use crate::model::zone::Zone;
use crate::store::Store;
use crate::store::orders::{Moved, OrderMove};

/// Most rows of one file: they are held in memory.
pub const ORDER_ROWS_MAX: usize = 200_000;
/// Complaints that are listed; all are counted.
pub const ORDER_COMPLAINTS_MAX: usize = 1000;
/// Rows applied at once.
const AT_ONCE: usize = 1000;

/// How a delivery file is to be taken in.
#[derive(Clone, Debug)]
pub struct OrderFilePlan {
    /// The file.
    pub path: PathBuf,
    /// What it is called in the history of the orders.
    pub name: String,
    /// How it is to be read.
    pub format: FileFormat,
    /// The zone of times without one.
    pub zone: Zone,
    /// Whether anything is changed.
    pub mode: ImportMode,
    /// Who brings it in.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// What came of a delivery file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct OrderFileOutcome {
    /// Rows that were read.
    pub rows: u64,
    /// Orders that came into another state: each row counts.
    pub changed: u64,
    /// Rows that said what was known.
    pub already: u64,
    /// Rows that are complained about; none of them changed anything.
    pub complained: u64,
    /// The first 1,000 complaints.
    pub complaints: Vec<OrderComplaint>,
}

/// What is wrong with a row of a delivery file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct OrderComplaint {
    /// The line it begins in, from 1.
    pub line: u64,
    /// The order, as the file names it.
    pub order: String,
    /// What is wrong and what was expected.
    pub problem: String,
}

/// What a column of a delivery file can mean, and what people call it, without case, spaces and punctuation.
const COLUMNS: [&[&str]; 6] = [
    &["order", "ordernumber", "orderno", "orderid", "订单", "订单号", "订单编号"],
    &["state", "status", "deliverystate", "deliverystatus", "状态", "配送状态", "物流状态"],
    &["time", "at", "date", "when", "时间", "日期", "更新时间", "签收时间"],
    &["carrier", "courier", "承运商", "快递", "快递公司", "物流公司"],
    &["tracking", "trackingnumber", "trackingno", "waybill", "运单号", "快递单号", "物流单号"],
    &["note", "remark", "reason", "comment", "备注", "原因"],
];
const ORDER: usize = 0;
const STATE: usize = 1;
const TIME: usize = 2;
const CARRIER: usize = 3;
const TRACKING: usize = 4;
const NOTE: usize = 5;

type Places = [Option<usize>; COLUMNS.len()];
type Understood = Result<OrderMove, OrderComplaint>;

impl Store {
    /// Takes a delivery file in, row by row in its own sequence.
    ///
    /// # Errors
    /// [`ImportError`] says what is wrong with the file as a whole, before anything is changed.
    pub async fn import_orders(&self, plan: OrderFilePlan) -> Result<OrderFileOutcome, ImportError> {
        let zone = plan.zone.as_jiff().clone();
        let (path, format) = (plan.path.clone(), plan.format.clone());
        let reading = tokio::task::spawn_blocking(move || read(&path, &format, &zone));
        let rows = reading.await.map_err(|error| ImportError::Read { detail: error.to_string() })??;
        let mut outcome = OrderFileOutcome { rows: rows.len() as u64, ..OrderFileOutcome::default() };
        let mut standing = BTreeMap::new();
        for part in rows.chunks(AT_ONCE) {
            let mut moves: Vec<(u64, OrderMove)> = Vec::new();
            for (line, row) in part {
                match row {
                    Ok(one) => moves.push((*line, one.clone())),
                    Err(complaint) => outcome.complain(complaint.clone()),
                }
            }
            let wanted: Vec<OrderMove> = moves.iter().map(|(_, one)| one.clone()).collect();
            let done = match plan.mode {
                ImportMode::Run => self.set_orders(wanted, &plan.by, &plan.name, plan.at).await?,
                ImportMode::DryRun => self.try_orders(&wanted, &mut standing, plan.at).await?,
            };
            for ((line, one), moved) in moves.iter().zip(done) {
                outcome.count(*line, one, moved);
            }
        }
        // What was complained about before others were applied stands before them.
        outcome.complaints.sort_by_key(|complaint| complaint.line);
        Ok(outcome)
    }
}

impl OrderFileOutcome {
    fn count(&mut self, line: u64, wanted: &OrderMove, moved: Moved) {
        match (moved, moved.problem(wanted.state)) {
            (Moved::Changed, _) => self.changed += 1,
            (_, None) => self.already += 1,
            (_, Some(problem)) => self.complain(OrderComplaint { line, order: wanted.order.to_string(), problem }),
        }
    }

    fn complain(&mut self, complaint: OrderComplaint) {
        self.complained += 1;
        if self.complaints.len() < ORDER_COMPLAINTS_MAX {
            self.complaints.push(complaint);
        }
    }
}

fn read(path: &std::path::Path, format: &FileFormat, zone: &TimeZone) -> Result<Vec<(u64, Understood)>, ImportError> {
    let mut places: Option<Places> = None;
    let mut rows = Vec::new();
    Source::open(path, format)?.each(&mut |record, _| {
        let Some(places) = &places else {
            places = Some(header(&record.fields)?);
            return Ok(true);
        };
        if rows.len() >= ORDER_ROWS_MAX {
            let what = "number of rows".to_owned();
            return Err(ImportError::TooLarge { what, allowed: ORDER_ROWS_MAX.to_string() });
        }
        rows.push((record.line, understand(&record, places, zone)));
        Ok(true)
    })?;
    match (places, rows.is_empty()) {
        (None, _) => Err(ImportError::Empty),
        (Some(_), true) => Err(ImportError::HeaderOnly),
        (Some(_), false) => Ok(rows),
    }
}

fn header(fields: &[String]) -> Result<Places, ImportError> {
    let mut places: Places = [None; COLUMNS.len()];
    for (place, name) in fields.iter().enumerate() {
        let name = plain(name);
        if let Some(meaning) = COLUMNS.iter().position(|names| names.contains(&name.as_str())) {
            places[meaning].get_or_insert(place);
        }
    }
    if places[ORDER].is_none() || places[STATE].is_none() {
        let expected = "a column called order number (订单号) and one called state (状态)".to_owned();
        return Err(ImportError::Cell { what: "header", value: fields.join(", "), expected });
    }
    Ok(places)
}

fn understand(record: &Record, places: &Places, zone: &TimeZone) -> Understood {
    let cell = |meaning: usize| {
        places[meaning].and_then(|place| record.fields.get(place)).map(|cell| cell.trim()).unwrap_or_default()
    };
    let complain = |problem: String| OrderComplaint { line: record.line, order: cell(ORDER).to_owned(), problem };
    if record.too_long {
        return Err(complain("the row is too long; expected at most 64 kB".to_owned()));
    }
    let order: OrderNumber = cell(ORDER).parse().map_err(|error| complain(format!("`{}`: {error}", cell(ORDER))))?;
    let state: OrderState =
        cell(STATE).parse().map_err(|error: crate::model::order::UnknownOrderState| complain(error.to_string()))?;
    let at = read_time(&cell(TIME).replace('/', "-"), zone, false).map_err(complain)?;
    for (meaning, most) in [(CARRIER, NAME_LENGTH_MAX), (TRACKING, NAME_LENGTH_MAX), (NOTE, TEXT_LENGTH_MAX)] {
        if cell(meaning).chars().count() > most {
            return Err(complain(format!("`{}` is longer than {most} characters", COLUMNS[meaning][0])));
        }
    }
    let filled = |meaning| Some(cell(meaning).to_owned()).filter(|text| !text.is_empty());
    Ok(OrderMove {
        order,
        state,
        at,
        carrier: filled(CARRIER),
        tracking: filled(TRACKING),
        detail: cell(NOTE).to_owned(),
    })
}
