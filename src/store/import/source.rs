//! A file of rows, whatever it is: CSV in any encoding, or a worksheet.

use std::fs::File;
use std::io::{BufReader, Read, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use encoding_rs::{Encoding, UTF_8};

use super::ImportError;
use super::plan::FileFormat;
use super::rows::{Record, Rows};
use super::sheet::{Workbook, sheet_names};
use super::text::{Decoded, Kind, Look, look, reading};

/// A file that was looked at: what it is, and that its rows can be asked for.
pub(super) struct Source {
    file: File,
    look: Look,
    format: FileFormat,
}

impl Source {
    /// Opens a file and finds out what it is.
    pub(super) fn open(path: &Path, format: &FileFormat) -> Result<Source, ImportError> {
        let refuse = |detail: String| ImportError::Open { path: path.to_path_buf(), detail };
        let mut file = File::open(path).map_err(|error| refuse(error.to_string()))?;
        if file.metadata().map_err(|error| refuse(error.to_string()))?.is_dir() {
            return Err(refuse("it is a directory".to_owned()));
        }
        let look = look(&mut file, format.encoding, format.country.as_deref())?;
        Ok(Source { file, look, format: format.clone() })
    }

    /// SHA-256 of the file.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.look.digest
    }

    /// Its length.
    pub(super) fn bytes(&self) -> u64 {
        self.look.bytes
    }

    /// The encoding of a text file, in small letters.
    pub(super) fn encoding(&self) -> Option<String> {
        match self.look.kind {
            Kind::Text { encoding, .. } => Some(encoding.name().to_ascii_lowercase()),
            Kind::Workbook => None,
        }
    }

    /// What stands between the cells of a text file: what was said, or what the header has most of.
    pub(super) fn delimiter(&mut self) -> Result<Option<u8>, ImportError> {
        let Kind::Text { encoding, begins } = self.look.kind else { return Ok(None) };
        if let Some(chosen) = &self.format.delimiter {
            return Ok(Some(chosen.0));
        }
        let failed = |error: std::io::Error| reading(&error);
        self.file.seek(SeekFrom::Start(begins)).map_err(failed)?;
        let found = Rows::new(Decoded::new(&self.file, encoding, begins), 0, None)?.delimiter();
        self.file.seek(SeekFrom::Start(0)).map_err(failed)?;
        Ok(Some(found))
    }

    /// The visible sheets of a workbook.
    pub(super) fn sheets(&mut self) -> Result<Vec<String>, ImportError> {
        match self.look.kind {
            Kind::Text { .. } => Ok(Vec::new()),
            Kind::Workbook => {
                let names = sheet_names(&self.file)?;
                self.file.seek(SeekFrom::Start(0)).map_err(|error| reading(&error))?;
                Ok(names)
            }
        }
    }

    /// Each row, the header first, with the bytes read before it; ends when `take` says so.
    ///
    /// # Errors
    /// What makes the whole file unreadable, and what `take` finds.
    pub(super) fn each(
        self,
        take: &mut dyn FnMut(Record, u64) -> Result<bool, ImportError>,
    ) -> Result<(), ImportError> {
        match self.look.kind {
            Kind::Workbook => {
                let bytes = self.look.bytes as f64;
                let mut book = Workbook::open(self.file, self.format.sheet.as_deref())?;
                book.each(&mut |record, done| take(record, (bytes * done) as u64))
            }
            Kind::Text { encoding, begins } => self.each_of_text(encoding, begins, take),
        }
    }

    fn each_of_text(
        self,
        encoding: &'static Encoding,
        begins: u64,
        take: &mut dyn FnMut(Record, u64) -> Result<bool, ImportError>,
    ) -> Result<(), ImportError> {
        let read = Arc::new(AtomicU64::new(0));
        let mut file = Counted { input: self.file, read: Arc::clone(&read) };
        // Its mark is no part of the text.
        std::io::copy(&mut (&mut file).take(begins), &mut std::io::sink()).map_err(|error| reading(&error))?;
        let delimiter = self.format.delimiter.map(|delimiter| delimiter.0);
        let mut hand = |record| take(record, read.load(Ordering::Relaxed));
        if encoding == UTF_8 {
            let mut rows = Rows::new(BufReader::with_capacity(1 << 16, file), begins, delimiter)?;
            while let Some(record) = rows.next()? {
                if !hand(record)? {
                    break;
                }
            }
        } else {
            let mut rows = Rows::new(Decoded::new(file, encoding, begins), 0, delimiter)?;
            while let Some(record) = rows.next()? {
                if !hand(record)? {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// Counts what was read of a file, for progress.
struct Counted {
    input: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = self.input.read(into)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
