//! A CSV reader that names lines and bytes, and whose memory does not depend on the file.
//!
//! RFC 4180 with the leniency people's files need: any delimiter, `\n`, `\r\n` or `\r`, quotes in the middle of
//! a field taken as they stand. A property test holds it to the `csv` crate; what it adds is the true line of every row
//! (also after blank lines and embedded newlines), the byte of a bad character, and a bound on rows that never end.

use std::io::{BufRead, Read as _};

use super::ImportError;
use super::text::reading;

/// Bytes of one row; what is beyond them is not kept. An export of a customer record is far below.
pub(super) const ROW_BYTES_MAX: usize = 64 * 1024;
/// Bytes looked at to find the delimiter.
const HEAD_BYTES: usize = 64 * 1024;
/// Delimiters that are recognised, likeliest first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// One row as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// The line it begins in, from 1.
    pub(super) line: u64,
    /// Its fields, unquoted.
    pub(super) fields: Vec<String>,
    /// It was longer than [`ROW_BYTES_MAX`]; the fields are cut.
    pub(super) too_long: bool,
}

/// Reads rows from text.
pub(super) struct Rows<R> {
    input: R,
    delimiter: u8,
    /// Line of the next byte.
    line: u64,
    /// Place of the next byte in the file.
    offset: u64,
    raw: Vec<u8>,
}

/// A file whose first bytes were looked at.
pub(super) type Headed<R> = std::io::Chain<std::io::Cursor<Vec<u8>>, R>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    FieldStart,
    Unquoted,
    Quoted {
        since: u64,
    },
    /// A quotation mark inside a quoted field: its end, or the first of two.
    Quote,
}

/// Where the fields of the row at hand end, in unquoted bytes.
#[derive(Default)]
struct Fields {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    too_long: bool,
}

impl Fields {
    fn push(&mut self, byte: u8) {
        if self.bytes.len() < ROW_BYTES_MAX {
            self.bytes.push(byte);
        } else {
            self.too_long = true;
        }
    }

    fn end_field(&mut self) {
        if self.ends.len() < ROW_BYTES_MAX {
            self.ends.push(self.bytes.len());
        } else {
            self.too_long = true;
        }
    }
}

impl<R: BufRead> Rows<R> {
    /// Of text that begins `offset` bytes behind the beginning of its file; without a delimiter the likeliest is taken.
    pub(super) fn new(mut input: R, offset: u64, chosen: Option<u8>) -> Result<Rows<Headed<R>>, ImportError> {
        let mut head = vec![0; HEAD_BYTES];
        let mut length = 0;
        while length < head.len() {
            match input.read(&mut head[length..]).map_err(|error| reading(&error))? {
                0 => break,
                count => length += count,
            }
        }
        head.truncate(length);
        let delimiter = chosen.unwrap_or_else(|| delimiter(&head));
        let input = std::io::Cursor::new(head).chain(input);
        Ok(Rows { input, delimiter, line: 1, offset, raw: Vec::new() })
    }

    /// What stands between its cells.
    pub(super) fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// The next row that is not a blank line.
    ///
    /// # Errors
    /// What makes the whole file unreadable: a byte that is not UTF-8, a quotation mark that is never closed.
    pub(super) fn next(&mut self) -> Result<Option<Record>, ImportError> {
        loop {
            let (line, offset) = (self.line, self.offset);
            self.raw.clear();
            let mut fields = Fields::default();
            let Some(ended) = self.scan(&mut fields)? else { return Ok(None) };
            if ended == Ended::Blank {
                continue;
            }
            self.check_utf8(line, offset)?;
            return Ok(Some(record(line, fields)));
        }
    }

    /// Reads to the end of a row; `None` at the end of the file.
    fn scan(&mut self, fields: &mut Fields) -> Result<Option<Ended>, ImportError> {
        let mut at = At::FieldStart;
        loop {
            let Some(byte) = self.take()? else {
                return match at {
                    At::Quoted { since } => Err(ImportError::QuoteNotClosed { line: since }),
                    At::FieldStart if fields.ends.is_empty() => Ok(None),
                    At::FieldStart | At::Unquoted | At::Quote => {
                        fields.end_field();
                        Ok(Some(Ended::Row))
                    }
                };
            };
            at = match (at, byte) {
                (At::Quoted { .. }, b'"') => At::Quote,
                (At::Quoted { since }, other) => {
                    fields.push(other);
                    At::Quoted { since }
                }
                (At::Quote, b'"') => {
                    fields.push(b'"');
                    At::Quoted { since: self.line }
                }
                (At::FieldStart, b'"') => At::Quoted { since: self.line },
                (at, b'\n' | b'\r') => {
                    let blank = at == At::FieldStart && fields.ends.is_empty();
                    fields.end_field();
                    return Ok(Some(if blank { Ended::Blank } else { Ended::Row }));
                }
                (_, other) if other == self.delimiter => {
                    fields.end_field();
                    At::FieldStart
                }
                (_, other) => {
                    fields.push(other);
                    At::Unquoted
                }
            };
        }
    }

    /// The next byte, counted.
    fn take(&mut self) -> Result<Option<u8>, ImportError> {
        let Some(byte) = self.peek()? else { return Ok(None) };
        self.input.consume(1);
        self.offset += 1;
        if self.raw.len() < ROW_BYTES_MAX {
            self.raw.push(byte);
        }
        // A `\r` that a `\n` follows is not a line of its own.
        if byte == b'\n' || (byte == b'\r' && self.peek()? != Some(b'\n')) {
            self.line += 1;
        }
        Ok(Some(byte))
    }

    fn peek(&mut self) -> Result<Option<u8>, ImportError> {
        let buffer = self.input.fill_buf().map_err(|error| reading(&error))?;
        Ok(buffer.first().copied())
    }

    fn check_utf8(&self, line: u64, offset: u64) -> Result<(), ImportError> {
        let Err(error) = std::str::from_utf8(&self.raw) else { return Ok(()) };
        let good = error.valid_up_to();
        if error.error_len().is_none() && self.raw.len() == ROW_BYTES_MAX {
            return Ok(()); // cut in the middle of a character by our own bound
        }
        let newlines = self.raw[..good].iter().filter(|byte| **byte == b'\n').count() as u64;
        Err(ImportError::NotUtf8 {
            line: line + newlines,
            byte: offset + good as u64,
            value: self.raw.get(good).copied().unwrap_or(0),
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Row,
    Blank,
}

fn record(line: u64, fields: Fields) -> Record {
    let mut start = 0;
    let mut texts = Vec::with_capacity(fields.ends.len());
    for end in fields.ends {
        texts.push(String::from_utf8_lossy(&fields.bytes[start..end]).into_owned());
        start = end;
    }
    Record { line, fields: texts, too_long: fields.too_long }
}

/// The delimiter that occurs most in the first line, outside quotation marks.
fn delimiter(head: &[u8]) -> u8 {
    let mut quoted = false;
    let mut counts = [0_usize; DELIMITERS.len()];
    for byte in head {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted && counts.iter().any(|count| *count > 0) => break,
            other if !quoted => {
                if let Some(place) = DELIMITERS.iter().position(|one| one == other) {
                    counts[place] += 1;
                }
            }
            _ => {}
        }
    }
    let most = counts.iter().copied().max().unwrap_or(0);
    let place = counts.iter().position(|count| *count == most).unwrap_or(0);
    DELIMITERS[place]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    fn read(bytes: &[u8]) -> Result<Vec<Record>, ImportError> {
        let mut rows = Rows::new(Cursor::new(bytes.to_vec()), 0, None)?;
        let mut all = Vec::new();
        while let Some(record) = rows.next()? {
            all.push(record);
        }
        Ok(all)
    }

    #[test]
    fn lines_are_those_an_editor_shows_whatever_stands_between() {
        let text = "phone,note\r\n\r\n1,\"two\r\nlines\"\r\n\n\n2,x\r3,y";
        let records = read(text.as_bytes()).unwrap();
        let lines: Vec<u64> = records.iter().map(|record| record.line).collect();
        assert_eq!(lines, [1, 3, 7, 8]);
        assert_eq!(records[1].fields, ["1", "two\r\nlines"]);
    }

    #[test]
    fn the_delimiter_is_the_one_the_header_uses() {
        for (text, fields) in [("a;b,c;d\n", 3), ("a\tb\n", 2), ("a|b|c\n", 3), ("\"a;b;c;d\",e\n", 2), ("phone\n", 1)]
        {
            assert_eq!(read(text.as_bytes()).unwrap()[0].fields.len(), fields, "{text:?}");
        }
    }

    #[test]
    fn a_byte_that_is_not_utf_8_is_named_by_line_and_place() {
        let mut bytes = b"phone,name\n1,\"a\nb".to_vec();
        bytes.extend_from_slice(&[0xc1, 0xf5]);
        bytes.extend_from_slice(b"\"\n");
        let error = read(&bytes).unwrap_err();
        assert_eq!(error, ImportError::NotUtf8 { line: 3, byte: 17, value: 0xc1 });
    }

    #[test]
    fn a_row_without_end_costs_no_memory_and_an_open_quote_is_named() {
        let mut bytes = b"phone,name\n1,".to_vec();
        bytes.extend(std::iter::repeat_n(b'x', 1 << 20));
        bytes.extend_from_slice(b"\n2,y\n");
        let records = read(&bytes).unwrap();
        assert!(records[1].too_long && records[1].fields[1].len() <= ROW_BYTES_MAX);
        assert_eq!(records[2].fields, ["2", "y"]);
        assert_eq!(read(b"phone\n1\n\"2\n3\n").unwrap_err(), ImportError::QuoteNotClosed { line: 3 });
    }

    proptest! {
        #[test]
        fn it_reads_what_the_csv_crate_reads(text in "[a-c,\"\r\n ]{0,60}") {
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
            let theirs: Vec<Vec<String>> = reader
                .records()
                .map(|record| record.unwrap().iter().map(str::to_owned).collect())
                .collect();
            match read(text.as_bytes()) {
                Ok(ours) => {
                    let ours: Vec<Vec<String>> = ours.into_iter().map(|record| record.fields).collect();
                    prop_assert_eq!(ours, theirs);
                }
                Err(ImportError::QuoteNotClosed { .. }) => {} // the crate takes the rest of the file as one field
                Err(error) => prop_assert!(false, "{error}"),
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
        }
    }
}
