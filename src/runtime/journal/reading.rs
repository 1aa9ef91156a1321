//! Reading an event log back, line by line: a day's file is larger than what one wants in memory.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::{FORMAT, Header, JournalError};
use crate::engine::replay::Entry;

/// A file of the log, entry by entry. A last line that was cut off by a crash is left out.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    header: Header,
    lines: BufReader<File>,
    line: usize,
    bytes: u64,
    text: String,
    /// A line that is no entry: cut off, if it is the last.
    cut: Option<JournalError>,
}

impl Reader {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// It cannot be read, or is not an event log of a format that is known.
    pub fn open(path: &Path) -> Result<Reader, JournalError> {
        let io = |cause| JournalError::Io { path: path.to_owned(), cause };
        let wrong = |problem| JournalError::Line { path: path.to_owned(), line: 1, problem };
        let mut lines = BufReader::new(File::open(path).map_err(io)?);
        let mut text = String::new();
        let bytes = lines.read_line(&mut text).map_err(io)? as u64;
        let header: Header = serde_json::from_str(&text)
            .map_err(|error| wrong(format!("expected the header of an event log: {error}")))?;
        if header.lull_journal != FORMAT {
            return Err(wrong(format!("format {}, expected {FORMAT}", header.lull_journal)));
        }
        Ok(Reader { path: path.to_owned(), header, lines, line: 1, bytes, text, cut: None })
    }

    /// Its first line.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Which file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read_line(&mut self) -> Result<bool, JournalError> {
        self.text.clear();
        let read = self.lines.read_line(&mut self.text);
        let read = read.map_err(|cause| JournalError::Io { path: self.path.clone(), cause })?;
        self.line += usize::from(read > 0);
        self.bytes += read as u64;
        Ok(read > 0)
    }
}

impl Iterator for Reader {
    /// The number of the line, from 1, and what it says.
    type Item = Result<(usize, Entry), JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.read_line() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
            if let Some(error) = self.cut.take() {
                return Some(Err(error));
            }
            match serde_json::from_str(&self.text) {
                Ok(entry) => return Some(Ok((self.line, entry))),
                Err(error) => {
                    let (path, line, problem) = (self.path.clone(), self.line, error.to_string());
                    self.cut = Some(JournalError::Line { path, line, problem });
                }
            }
        }
    }
}

/// Reads the header of a file.
///
/// # Errors
/// As [`Reader::open`].
pub fn header(path: &Path) -> Result<Header, JournalError> {
    Reader::open(path).map(|reader| reader.header)
}

/// Reads a whole file.
///
/// # Errors
/// The file cannot be read, or a line other than the last is not an entry.
pub fn read(path: &Path) -> Result<(Header, Vec<Entry>), JournalError> {
    let mut reader = Reader::open(path)?;
    let entries: Result<Vec<Entry>, JournalError> = reader.by_ref().map(|line| line.map(|(_, entry)| entry)).collect();
    entries.map(|entries| (reader.header, entries))
}

/// The files of one run of the program, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Header of its first file.
    pub header: Header,
    /// The files.
    pub files: Vec<PathBuf>,
}

/// Sorts files, and the files of folders, into runs. Parts of one run that do not follow each other are runs of their
/// own: what lay between is gone.
///
/// # Errors
/// A folder or a header cannot be read.
pub fn runs(paths: &[PathBuf]) -> Result<Vec<Run>, JournalError> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(in_folder(path).map_err(|cause| JournalError::Io { path: path.clone(), cause })?);
        } else {
            files.push(path.clone());
        }
    }
    let mut runs: Vec<Run> = Vec::new();
    let mut part = 0;
    for file in files {
        let header = header(&file)?;
        let before = std::mem::replace(&mut part, header.part);
        match runs.last_mut() {
            Some(run) if header.part == before + 1 && header.seed == run.header.seed => run.files.push(file),
            Some(_) | None => runs.push(Run { header, files: vec![file] }),
        }
    }
    Ok(runs)
}

/// By name, which is by time.
fn in_folder(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
