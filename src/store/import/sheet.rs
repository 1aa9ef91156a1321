//! A worksheet's rows, cell by cell: a workbook is never held in memory but for its table of strings.
//!
//! A workbook is a ZIP file, and a small one can inflate to anything: all of it is inflated once and thrown away, with
//! bounds, before it is read. Read [`Workbook`] first.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};

use calamine::{DataRef, Reader as _, SheetType, SheetVisible, Xlsx};

use super::ImportError;
use super::rows::{ROW_BYTES_MAX, Record};

/// Bytes to which all parts of a workbook may inflate: a million rows of twenty columns take half of it.
const INFLATED_MAX: u64 = 2 << 30;
/// The same of the table of strings, which is held in memory.
const STRINGS_MAX: u64 = 160 << 20;
/// Parts of a workbook.
const PARTS_MAX: usize = 10_000;
/// Rows of a worksheet, by its format.
const ROWS_MAX: u32 = 1 << 20;
/// Whole numbers up to this are exact in Excel; of longer ones the last digits are lost.
const EXACT_MAX: f64 = 1e15;

/// An opened workbook and the sheet that is meant.
pub(super) struct Workbook {
    book: Xlsx<BufReader<File>>,
    sheet: String,
}

impl Workbook {
    /// Checks its size and finds the sheet: the one that is named, or the only visible one with anything in it.
    pub(super) fn open(mut file: File, wanted: Option<&str>) -> Result<Workbook, ImportError> {
        check_size(&file)?;
        file.seek(SeekFrom::Start(0)).map_err(|error| damaged(&error))?;
        let book = Xlsx::new(BufReader::new(file)).map_err(|error| damaged(&error))?;
        let sheets = book.sheets_metadata().iter().filter(|sheet| sheet.typ == SheetType::WorkSheet);
        let all: Vec<(String, bool)> =
            sheets.map(|sheet| (sheet.name.clone(), sheet.visible == SheetVisible::Visible)).collect();
        let mut workbook = Workbook { book, sheet: String::new() };
        let mut filled = Vec::new();
        for (name, visible) in &all {
            match wanted {
                Some(wanted) if wanted == name => filled = vec![name.clone()],
                Some(_) => {}
                None if *visible && workbook.has_cells(name)? => filled.push(name.clone()),
                None => {}
            }
        }
        let names = |of: &[String]| of.join(", ");
        match filled.as_slice() {
            [only] => workbook.sheet.clone_from(only),
            [] if wanted.is_none() => return Err(ImportError::Empty),
            [] => {
                let all: Vec<String> = all.into_iter().map(|(name, _)| name).collect();
                return Err(ImportError::NoSuchSheet {
                    name: wanted.unwrap_or_default().to_owned(),
                    found: names(&all),
                });
            }
            several => return Err(ImportError::WhichSheet { found: names(several) }),
        }
        Ok(workbook)
    }

    fn has_cells(&mut self, sheet: &str) -> Result<bool, ImportError> {
        let mut cells = self.book.worksheet_cells_reader(sheet).map_err(|error| damaged(&error))?;
        while let Some(cell) = cells.next_cell().map_err(|error| damaged(&error))? {
            if !text_of(cell.get_value()).is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Each row that is not blank, with how much of the sheet was read before it, 0 to 1. Ends when `take` says so.
    pub(super) fn each(
        &mut self,
        take: &mut dyn FnMut(Record, f64) -> Result<bool, ImportError>,
    ) -> Result<(), ImportError> {
        let mut cells = self.book.worksheet_cells_reader(&self.sheet).map_err(|error| damaged(&error))?;
        let rows = f64::from(cells.dimensions().end.0.max(1));
        let mut row = Row::default();
        while let Some(cell) = cells.next_cell().map_err(|error| damaged(&error))? {
            let (place, column) = cell.get_position();
            if place >= ROWS_MAX {
                return Err(ImportError::Read { detail: format!("row {place} is beyond the last row of a worksheet") });
            }
            if place != row.place {
                let done = (f64::from(row.place) / rows).min(1.0);
                if let Some(record) = row.end(place)
                    && !take(record, done)?
                {
                    return Ok(());
                }
            }
            row.set(column as usize, text_of(cell.get_value()));
        }
        if let Some(record) = row.end(ROWS_MAX) {
            take(record, 1.0)?;
        }
        Ok(())
    }
}

/// The row at hand.
#[derive(Default)]
struct Row {
    place: u32,
    fields: Vec<String>,
    bytes: usize,
    /// Columns of the first row, the header: what others leave out at their ends is empty.
    width: usize,
}

impl Row {
    fn set(&mut self, column: usize, text: String) {
        if text.is_empty() {
            return;
        }
        if self.fields.len() <= column {
            self.fields.resize(column + 1, String::new());
        }
        self.bytes += text.len();
        if self.bytes <= ROW_BYTES_MAX {
            self.fields[column] = text;
        }
    }

    /// The row as it was read, unless it is blank; the next one begins.
    fn end(&mut self, next: u32) -> Option<Record> {
        let line = u64::from(self.place) + 1;
        let (mut fields, bytes) = (std::mem::take(&mut self.fields), std::mem::take(&mut self.bytes));
        self.place = next;
        if fields.is_empty() {
            return None;
        }
        if self.width == 0 {
            self.width = fields.len();
        }
        if fields.len() < self.width {
            fields.resize(self.width, String::new());
        }
        Some(Record { line, fields, too_long: bytes > ROW_BYTES_MAX })
    }
}

/// A cell as a person reads it.
fn text_of(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) if number.fract() == 0.0 && number.abs() < EXACT_MAX => format!("{number:.0}"),
        DataRef::Float(number) if number.abs() >= EXACT_MAX => format!("{number:E}").replace('E', "E+"),
        DataRef::Float(number) => number.to_string(),
        DataRef::String(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(yes) => if *yes { "TRUE" } else { "FALSE" }.to_owned(),
        DataRef::DateTime(time) => {
            let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
            let date = format!("{year:04}-{month:02}-{day:02}");
            match (hour, minute, second) {
                (0, 0, 0) => date,
                _ => format!("{date} {hour:02}:{minute:02}:{second:02}"),
            }
        }
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::Error(error) => error.to_string(),
        DataRef::Empty => String::new(),
    }
}

/// The names of a workbook's visible sheets.
pub(super) fn sheet_names(mut file: &File) -> Result<Vec<String>, ImportError> {
    check_size(file)?;
    file.seek(SeekFrom::Start(0)).map_err(|error| damaged(&error))?;
    let book = Xlsx::new(BufReader::new(file)).map_err(|error| damaged(&error))?;
    let sheets = book.sheets_metadata().iter();
    let shown = sheets.filter(|sheet| sheet.typ == SheetType::WorkSheet && sheet.visible == SheetVisible::Visible);
    Ok(shown.map(|sheet| sheet.name.clone()).collect())
}

/// Inflates every part into nothing.
fn check_size(file: &File) -> Result<(), ImportError> {
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(|error| damaged(&error))?;
    let too_large = |what: &str, most: u64| {
        Err(ImportError::TooLarge { what: what.to_owned(), allowed: format!("{} MB", most >> 20) })
    };
    if archive.len() > PARTS_MAX {
        return Err(ImportError::TooLarge { what: "number of parts".to_owned(), allowed: PARTS_MAX.to_string() });
    }
    let mut left = INFLATED_MAX;
    for place in 0..archive.len() {
        let part = archive.by_index(place).map_err(|error| damaged(&error))?;
        let strings = part.name().is_ok_and(|name| name.ends_with("sharedStrings.xml"));
        let most = if strings { STRINGS_MAX.min(left) } else { left };
        let bytes = io::copy(&mut part.take(most + 1), &mut io::sink()).map_err(|error| damaged(&error))?;
        if bytes > most && strings {
            return too_large("table of texts, unpacked", STRINGS_MAX);
        }
        if bytes > most {
            return too_large("content, unpacked", INFLATED_MAX);
        }
        left -= bytes;
    }
    Ok(())
}

fn damaged(error: &dyn std::fmt::Display) -> ImportError {
    ImportError::DamagedWorkbook { detail: error.to_string() }
}
