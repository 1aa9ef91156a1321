//! A file of rows, as CSV or as a workbook.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use rust_xlsxwriter::{Workbook, Worksheet, XlsxError};

use super::{ExportError, Format};

/// A worksheet has no more rows.
const SHEET_ROWS_MAX: u32 = 1_048_576;
/// A cell has no more characters.
const CELL_CHARACTERS_MAX: usize = 32_767;

pub(super) struct Sheet {
    path: PathBuf,
    headings: Vec<String>,
    into: Into,
}

enum Into {
    Csv(Box<csv::Writer<File>>),
    Xlsx { workbook: Box<Workbook>, row: u32 },
}

impl Sheet {
    pub(super) fn create(path: &Path, format: Format, headings: Vec<String>) -> Result<Sheet, ExportError> {
        let refuse = |detail: String| ExportError::File { path: path.to_path_buf(), detail };
        let into = match format {
            Format::Csv { mark } => {
                let mut file = File::create(path).map_err(|error| refuse(error.to_string()))?;
                if mark {
                    file.write_all("\u{feff}".as_bytes()).map_err(|error| refuse(error.to_string()))?;
                }
                Into::Csv(Box::new(csv::Writer::from_writer(file)))
            }
            Format::Xlsx => Into::Xlsx { workbook: Box::new(Workbook::new()), row: SHEET_ROWS_MAX },
        };
        let mut sheet = Sheet { path: path.to_path_buf(), headings, into };
        if let Format::Csv { .. } = format {
            let headings = sheet.headings.clone();
            sheet.row(&headings)?;
        } else {
            sheet.next_sheet()?;
        }
        Ok(sheet)
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: &[String]) -> Result<(), ExportError> {
        match &mut self.into {
            Into::Csv(writer) => {
                let written = writer.write_record(cells.iter().map(|cell| harmless(cell)));
                written.map_err(|error| self.refuse(&error))
            }
            Into::Xlsx { workbook, row } => {
                if *row == SHEET_ROWS_MAX {
                    self.next_sheet()?;
                    return self.row(cells);
                }
                let at = *row;
                *row += 1;
                let written = last_of(workbook).and_then(|sheet| put(sheet, at, cells));
                written.map_err(|error| self.refuse(&error))
            }
        }
    }

    /// A further sheet of a workbook, with the headings.
    fn next_sheet(&mut self) -> Result<(), ExportError> {
        let Into::Xlsx { workbook, row } = &mut self.into else { return Ok(()) };
        *row = 1;
        let made = workbook.add_worksheet_with_constant_memory().and_then(|sheet| put(sheet, 0, &self.headings));
        made.map_err(|error| self.refuse(&error))
    }

    pub(super) fn finish(mut self) -> Result<(), ExportError> {
        match &mut self.into {
            Into::Csv(writer) => {
                let written = writer.flush().and_then(|()| writer.get_ref().sync_all());
                written.map_err(|error| self.refuse(&error))
            }
            Into::Xlsx { workbook, .. } => {
                let saved = workbook.save(&self.path);
                saved.map_err(|error| self.refuse(&error))
            }
        }
    }

    fn refuse(&self, error: &dyn std::fmt::Display) -> ExportError {
        ExportError::File { path: self.path.clone(), detail: error.to_string() }
    }
}

fn last_of(workbook: &mut Workbook) -> Result<&mut Worksheet, XlsxError> {
    let last = workbook.worksheets().len().saturating_sub(1);
    workbook.worksheet_from_index(last)
}

/// Writes cells as texts: whatever they look like, Excel neither calculates nor rounds them.
fn put(sheet: &mut Worksheet, row: u32, cells: &[String]) -> Result<(), XlsxError> {
    for (column, cell) in (0u16..).zip(cells) {
        if cell.is_empty() {
            continue;
        }
        match cell.char_indices().nth(CELL_CHARACTERS_MAX) {
            Some((end, _)) => sheet.write_string(row, column, cell.get(..end).unwrap_or_default())?,
            None => sheet.write_string(row, column, cell)?,
        };
    }
    Ok(())
}

/// A cell of a CSV file that no spreadsheet takes for a formula (OWASP, CSV injection): what a customer or an agent typed may
/// begin as one. A phone number stays as it is: it has digits only behind its plus.
pub(super) fn harmless(cell: &str) -> String {
    let is_number =
        cell.strip_prefix('+').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'*'));
    match cell.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']) && !is_number {
        true => format!("'{cell}"),
        false => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_a_formula_is_written_as_text_and_numbers_stay() {
        for (cell, written) in [
            ("=HYPERLINK(\"http://x\")", "'=HYPERLINK(\"http://x\")"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-2+3", "'-2+3"),
            ("\tx", "'\tx"),
            ("＝1", "'＝1"),
            ("+8613800138000", "+8613800138000"),
            ("+86138****8000", "+86138****8000"),
            ("+1 and more", "'+1 and more"),
            ("王小明", "王小明"),
            ("", ""),
        ] {
            assert_eq!(harmless(cell), written);
        }
    }
}
