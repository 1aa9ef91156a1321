//! The beginning of a file as an import would read it: what it was taken for, its columns, its first rows.
//!
//! Not a check: whatever lies behind the first rows is seen by a dry run. Read [`FilePreview`] first.

use std::path::Path;

use serde::Serialize;

use super::headers::Columns;
use super::mapping::ColumnUse;
use super::source::Source;
use super::{FileFormat, ImportError};
use crate::store::Store;

/// Characters of a cell that are shown.
const CELL_CHARS_MAX: usize = 200;

/// How a file begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FilePreview {
    /// The encoding of a text file; `None` for a workbook, and where it was not recognised.
    pub encoding: Option<String>,
    /// What stands between the cells of a text file.
    pub delimiter: Option<String>,
    /// The visible sheets of a workbook.
    pub sheets: Vec<String>,
    /// Its columns.
    pub columns: Vec<PreviewColumn>,
    /// Its first rows.
    pub rows: Vec<PreviewRow>,
    /// What keeps it from being read as it was asked for.
    pub fault: Option<PreviewFault>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PreviewColumn {
    /// Its heading; `column_N` where it has none.
    pub heading: String,
    /// What it is for, going by its heading.
    #[serde(rename = "use")]
    pub role: ColumnUse,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PreviewRow {
    /// Its line in the file, from 1.
    pub line: u64,
    /// Its cells, by columns; long ones are cut.
    pub cells: Vec<String>,
}

/// Why a file cannot be read as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PreviewFault {
    /// A stable code.
    pub code: String,
    /// What is wrong, and what to do.
    pub detail: String,
}

impl PreviewFault {
    /// An error of an import as a fault.
    pub fn of(error: &ImportError) -> PreviewFault {
        PreviewFault { code: error.code().to_owned(), detail: error.to_string() }
    }
}

impl Store {
    /// Reads the beginning of a file, up to so many rows. What is wrong with the file is part of the answer.
    ///
    /// # Errors
    /// [`ImportError::Open`] where there is no file, [`ImportError::Read`] where its disk fails.
    pub async fn preview_file(
        &self,
        path: &Path,
        format: &FileFormat,
        rows: usize,
    ) -> Result<FilePreview, ImportError> {
        let (path, format) = (path.to_path_buf(), format.clone());
        let read = tokio::task::spawn_blocking(move || preview(&path, &format, rows));
        read.await.map_err(|error| ImportError::Read { detail: error.to_string() })?
    }
}

fn preview(path: &Path, format: &FileFormat, rows: usize) -> Result<FilePreview, ImportError> {
    let mut preview = FilePreview::default();
    match fill(&mut preview, path, format, rows) {
        Ok(()) => {}
        Err(error @ (ImportError::Open { .. } | ImportError::Read { .. })) => return Err(error),
        Err(error) => preview.fault = Some(PreviewFault::of(&error)),
    }
    Ok(preview)
}

fn fill(preview: &mut FilePreview, path: &Path, format: &FileFormat, rows: usize) -> Result<(), ImportError> {
    let mut source = Source::open(path, format)?;
    preview.encoding = source.encoding();
    preview.sheets = source.sheets()?;
    preview.delimiter = source.delimiter()?.map(|delimiter| char::from(delimiter).to_string());
    let mut columns: Option<Columns> = None;
    source.each(&mut |record, _| {
        let Some(columns) = &columns else {
            let named = Columns::named(&record.fields)?;
            let uses = named.suggested().into_iter();
            let headings = named.names.iter().cloned();
            preview.columns = headings.zip(uses).map(|(heading, role)| PreviewColumn { heading, role }).collect();
            columns = Some(named);
            return Ok(rows > 0);
        };
        let cut = |cell: String| match cell.char_indices().nth(CELL_CHARS_MAX) {
            Some((end, _)) => format!("{}…", cell.get(..end).unwrap_or_default()),
            None => cell,
        };
        let cells = columns.originals(&record.fields).into_iter().map(cut).collect();
        preview.rows.push(PreviewRow { line: record.line, cells });
        Ok(preview.rows.len() < rows)
    })?;
    if columns.is_none() { Err(ImportError::Empty) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], format: FileFormat, rows: usize) -> FilePreview {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        std::fs::write(&path, bytes).unwrap();
        preview(&path, &format, rows).unwrap()
    }

    #[test]
    fn a_file_is_shown_as_it_would_be_read_with_what_it_was_taken_for() {
        let (text, ..) =
            encoding_rs::GB18030.encode("手机;姓名;备注\n\n13800000001;王芳;\"a\nb\"\n13800000002;李伟\n3;x;y\n");
        let seen = read(&text, FileFormat::default(), 2);
        assert_eq!((seen.encoding.as_deref(), seen.delimiter.as_deref()), (Some("gb18030"), Some(";")));
        let uses: Vec<(&str, ColumnUse)> = seen.columns.iter().map(|one| (one.heading.as_str(), one.role)).collect();
        assert_eq!(uses, [("手机", ColumnUse::Mobile), ("姓名", ColumnUse::Name), ("备注", ColumnUse::Custom)]);
        let rows: Vec<(u64, Vec<&str>)> =
            seen.rows.iter().map(|row| (row.line, row.cells.iter().map(String::as_str).collect())).collect();
        assert_eq!(rows, [(3, vec!["13800000001", "王芳", "a\nb"]), (5, vec!["13800000002", "李伟", ""])]);
        let comma = FileFormat { delimiter: Some(",".parse().unwrap()), ..FileFormat::default() };
        assert_eq!(read(&text, comma, 2).columns.len(), 1);
    }

    #[test]
    fn what_is_wrong_is_part_of_the_answer_and_long_cells_are_cut() {
        let fault = |bytes: &[u8]| read(bytes, FileFormat::default(), 20).fault.map(|fault| fault.code);
        assert_eq!(fault(b"").as_deref(), Some("file_empty"));
        assert_eq!(fault(b"a,A\n1,2\n").as_deref(), Some("duplicate_header"));
        assert_eq!(fault(b"\xd0\xcf\x11\xe0").as_deref(), Some("old_spreadsheet"));
        let latin = b"phone,name\n+4930123456,J\xfcrgen M\xfc\xdfig\n+4930123457,B\xe4rbel Gr\xf6\xdfler\n";
        assert_eq!(fault(latin).as_deref(), Some("encoding_unknown"));
        let long = format!("phone\n{}\n", "长".repeat(300));
        let cell = read(long.as_bytes(), FileFormat::default(), 20).rows.remove(0).cells.remove(0);
        assert_eq!(cell.chars().count(), CELL_CHARS_MAX + 1);
        let mut book = rust_xlsxwriter::Workbook::new();
        for name in ["May", "June"] {
            book.add_worksheet().set_name(name).unwrap().write_string(0, 0, "phone").unwrap();
        }
        let seen = read(&book.save_to_buffer().unwrap(), FileFormat::default(), 20);
        assert_eq!(
            (seen.sheets, seen.fault.unwrap().code.as_str()),
            (vec!["May".to_owned(), "June".to_owned()], "which_sheet")
        );
    }
}
