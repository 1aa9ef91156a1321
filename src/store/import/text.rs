//! The characters of a file: which encoding it is in, and its text in UTF-8.
//!
//! People's files say nothing of their encoding. A byte order mark decides; then whether all of it is UTF-8; then the
//! statistics that browsers use. What is sure is taken, what is not is asked for: a wrong guess would turn a million names
//! into others. Read [`look`] and [`Decoded`] first.

use std::fs::File;
use std::io::{self, BufRead, Read, Seek as _, SeekFrom};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Decoder, DecoderResult, Encoding, GB18030, GBK, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use sha2::{Digest as _, Sha256};

use super::ImportError;
use super::plan::TextEncoding;

/// Bytes looked at together.
const CHUNK_BYTES: usize = 1 << 20;
/// Bytes decoded at once.
const DECODED_BYTES: usize = 64 * 1024;
/// Bytes in which text in UTF-16 shows itself.
const HEAD_BYTES: usize = 4096;
/// Of UTF-16 at least one character in so many is ASCII: delimiters, digits, ends of lines.
const ASCII_ONE_IN: usize = 8;
/// And so many at least: one phone number has more.
const ZEROS_MIN: usize = 6;
/// With so many good characters for each bad one a file is in UTF-8 and damaged, not in another encoding.
const GOOD_FOR_EACH_BAD: usize = 4;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text in this encoding, after so many bytes.
    Text { encoding: &'static Encoding, begins: u64 },
    /// An XLSX workbook (a ZIP file, in any case).
    Workbook,
}

/// A file that was looked at from end to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) kind: Kind,
    /// SHA-256 of its bytes: the same file again.
    pub(super) digest: [u8; 32],
    pub(super) bytes: u64,
}

/// Finds out what a file is. `country` (two small letters) helps where encodings look alike.
pub(super) fn look(file: &mut File, chosen: Option<TextEncoding>, country: Option<&str>) -> Result<Look, ImportError> {
    let refuse = |error: io::Error| ImportError::Read { detail: error.to_string() };
    let (mut hasher, mut bytes) = (Sha256::new(), 0_u64);
    let (mut chunk, mut held) = (vec![0; CHUNK_BYTES], 0);
    let mut head = Vec::new();
    let mut doubtful: Vec<u8> = Vec::new();
    loop {
        let count = file.read(&mut chunk[held..]).map_err(refuse)?;
        let end = held + count;
        hasher.update(&chunk[held..end]);
        bytes += count as u64;
        if head.len() < HEAD_BYTES {
            head.extend_from_slice(&chunk[held..end]);
            head.truncate(HEAD_BYTES);
        }
        if !doubtful.is_empty() {
            held = 0;
            if doubtful.len() < CHUNK_BYTES {
                doubtful.extend_from_slice(&chunk[..end]);
            }
        } else {
            held = match std::str::from_utf8(&chunk[..end]) {
                Ok(_) => 0,
                // A character that goes on in the next chunk.
                Err(error) if error.error_len().is_none() && count > 0 => {
                    let from = error.valid_up_to();
                    chunk.copy_within(from..end, 0);
                    end - from
                }
                Err(_) => {
                    doubtful.extend_from_slice(&chunk[..end]);
                    0
                }
            };
        }
        if count == 0 {
            break;
        }
    }
    file.seek(SeekFrom::Start(0)).map_err(refuse)?;
    let kind = kind(&head, &doubtful, chosen, country)?;
    Ok(Look { kind, digest: hasher.finalize().into(), bytes })
}

fn kind(
    head: &[u8],
    doubtful: &[u8],
    chosen: Option<TextEncoding>,
    country: Option<&str>,
) -> Result<Kind, ImportError> {
    if head.starts_with(b"PK\x03\x04") {
        return Ok(Kind::Workbook);
    }
    if head.starts_with(b"\xd0\xcf\x11\xe0") {
        return Err(ImportError::OldSpreadsheet);
    }
    if let Some((encoding, mark)) = Encoding::for_bom(head) {
        return Ok(Kind::Text { encoding, begins: mark as u64 });
    }
    let encoding = match chosen {
        Some(TextEncoding(encoding)) => encoding,
        None => guess(head, doubtful, country)?,
    };
    Ok(Kind::Text { encoding, begins: 0 })
}

fn guess(head: &[u8], doubtful: &[u8], country: Option<&str>) -> Result<&'static Encoding, ImportError> {
    // Where the zero of an ASCII character is: 0 before it, 1 behind it. A few zeros that went astray do not make UTF-16.
    let wide = |half: usize| {
        let zeros = |at: usize| head.chunks_exact(2).filter(|unit| unit.get(at) == Some(&0)).count();
        zeros(half) >= ZEROS_MIN.max(head.len() / 2 / ASCII_ONE_IN) && zeros(1 - half) == 0
    };
    if wide(1) {
        return Ok(UTF_16LE);
    }
    if wide(0) {
        return Ok(UTF_16BE);
    }
    if doubtful.is_empty() {
        return Ok(UTF_8);
    }
    let (mut good, mut bad) = (0, 0);
    for part in doubtful.utf8_chunks() {
        good += part.valid().chars().filter(|c| !c.is_ascii()).count();
        bad += usize::from(!part.invalid().is_empty());
    }
    if good >= GOOD_FOR_EACH_BAD * bad {
        return Ok(UTF_8); // the reader names the place
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(doubtful, true);
    let found = detector.guess(country.map(str::as_bytes), Utf8Detection::Deny);
    let chinese = found == GBK || found == GB18030;
    if chinese && is_chinese(doubtful) {
        return Ok(GB18030);
    }
    let guess = if chinese { WINDOWS_1252 } else { found }.name().to_owned();
    Err(ImportError::UnknownEncoding { guess })
}

/// Whether text that may be in GB18030 has mostly characters of GB 2312, as Chinese has: an accented letter and the plain one
/// after it make a character too, but hardly ever one of these.
fn is_chinese(text: &[u8]) -> bool {
    let (mut common, mut all, mut place) = (0_u32, 0_u32, 0);
    while let [lead, trail, ..] = text[place..] {
        if lead < 0x81 {
            place += 1;
            continue;
        }
        all += 1;
        common += u32::from((0xa1..=0xf7).contains(&lead) && trail >= 0xa1);
        place += if trail.is_ascii_digit() { 4.min(text.len() - place) } else { 2 };
    }
    2 * common >= all
}

/// Text of any encoding as UTF-8.
pub(super) struct Decoded<R> {
    input: R,
    encoding: &'static Encoding,
    decoder: Decoder,
    raw: Vec<u8>,
    /// What of `raw` is still to be decoded.
    left: std::ops::Range<usize>,
    text: Vec<u8>,
    taken: usize,
    /// Bytes decoded, and lines begun.
    offset: u64,
    line: u64,
    over: bool,
}

impl<R: Read> Decoded<R> {
    /// Of `input`, which stands `offset` bytes behind the beginning of its file.
    pub(super) fn new(input: R, encoding: &'static Encoding, offset: u64) -> Decoded<R> {
        let (raw, text) = (vec![0; DECODED_BYTES], Vec::with_capacity(DECODED_BYTES * 3));
        let decoder = encoding.new_decoder_without_bom_handling();
        Decoded { input, encoding, decoder, raw, left: 0..0, text, taken: 0, offset, line: 1, over: false }
    }

    fn decode(&mut self) -> io::Result<()> {
        while self.taken == self.text.len() && !self.over {
            let mut last = false;
            if self.left.is_empty() {
                let count = self.input.read(&mut self.raw)?;
                self.left = 0..count;
                last = count == 0;
            }
            self.text.resize(DECODED_BYTES * 3, 0);
            let raw = &self.raw[self.left.clone()];
            let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(raw, &mut self.text, last);
            self.text.truncate(written);
            self.taken = 0;
            self.left.start += read;
            self.offset += read as u64;
            match result {
                DecoderResult::InputEmpty => self.over = last,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(bad, after) => {
                    let newlines = self.text.iter().filter(|byte| **byte == b'\n').count() as u64;
                    let byte = self.offset - u64::from(bad) - u64::from(after);
                    let (encoding, line) = (self.encoding.name(), self.line + newlines);
                    return Err(io::Error::other(Malformed { encoding, line, byte }));
                }
            }
            self.line += self.text.iter().filter(|byte| **byte == b'\n').count() as u64;
        }
        Ok(())
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let text = self.fill_buf()?;
        let count = text.len().min(into.len());
        into[..count].copy_from_slice(&text[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<R: Read> BufRead for Decoded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.decode()?;
        Ok(&self.text[self.taken..])
    }

    fn consume(&mut self, count: usize) {
        self.taken += count;
    }
}

/// Bytes that are nothing in the file's encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: byte {byte} is not {encoding}")]
struct Malformed {
    encoding: &'static str,
    line: u64,
    byte: u64,
}

/// What went wrong while reading.
pub(super) fn reading(error: &io::Error) -> ImportError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Malformed>()) {
        Some(Malformed { encoding, line, byte }) => {
            ImportError::NotDecodable { encoding: (*encoding).to_owned(), line: *line, byte: *byte }
        }
        None => ImportError::Read { detail: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn kind_of(bytes: &[u8]) -> Result<Kind, ImportError> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        look(&mut file, None, Some("cn")).map(|look| look.kind)
    }

    fn encoded(text: &str, encoding: &'static Encoding) -> Vec<u8> {
        if encoding == UTF_16LE {
            return text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        }
        if encoding == UTF_16BE {
            return text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        }
        encoding.encode(text).0.into_owned()
    }

    const ROWS: &str = "手机,姓名\n13800000001,王小明\n13800000002,欧阳娜娜\n13800000003,㐂\n";

    #[test]
    fn the_encodings_of_chinese_files_are_told_apart() {
        for encoding in [UTF_8, UTF_16LE, UTF_16BE, GB18030] {
            let bytes = encoded(ROWS, encoding);
            assert_eq!(kind_of(&bytes), Ok(Kind::Text { encoding, begins: 0 }), "{}", encoding.name());
            let mut text = String::new();
            Decoded::new(&bytes[..], encoding, 0).read_to_string(&mut text).unwrap();
            assert_eq!(text, ROWS, "{}", encoding.name());
        }
        let mut marked = vec![0xff, 0xfe];
        marked.extend(encoded(ROWS, UTF_16LE));
        assert_eq!(kind_of(&marked), Ok(Kind::Text { encoding: UTF_16LE, begins: 2 }));
        assert_eq!(kind_of(b"\xef\xbb\xbfphone\n"), Ok(Kind::Text { encoding: UTF_8, begins: 3 }));
        let astray = b"phone,name\n\0\n\"a\0\"\n";
        assert_eq!(kind_of(astray), Ok(Kind::Text { encoding: UTF_8, begins: 0 }));
        assert_eq!(kind_of(b"PK\x03\x04..."), Ok(Kind::Workbook));
        assert_eq!(kind_of(b"\xd0\xcf\x11\xe0..."), Err(ImportError::OldSpreadsheet));
    }

    #[test]
    fn names_that_come_late_are_found_and_a_character_over_the_edge_of_a_chunk_is_no_fault() {
        let mut text = "phone,name\n".to_owned();
        while text.len() < CHUNK_BYTES - 1 {
            text.push('1');
        }
        text.push_str("王小明在北京买了三件衣服\n");
        assert_eq!(kind_of(text.as_bytes()), Ok(Kind::Text { encoding: UTF_8, begins: 0 }));
        assert_eq!(kind_of(&encoded(&text, GB18030)), Ok(Kind::Text { encoding: GB18030, begins: 0 }));
    }

    #[test]
    fn a_damaged_file_is_not_read_as_if_it_were_in_another_encoding() {
        let mut bytes = ROWS.repeat(20).into_bytes();
        bytes[40] = 0xff;
        assert_eq!(kind_of(&bytes), Ok(Kind::Text { encoding: UTF_8, begins: 0 }));
        let mut damaged = encoded(&ROWS.repeat(3), GB18030);
        let end = damaged.len();
        damaged[end - 2] = 0xff; // the second half of the last name's last character
        let mut text = String::new();
        let error = Decoded::new(&damaged[..], GB18030, 0).read_to_string(&mut text).unwrap_err();
        let byte = end as u64 - 5;
        let line = 12;
        assert_eq!(reading(&error), ImportError::NotDecodable { encoding: "gb18030".to_owned(), line, byte });
    }

    #[test]
    fn what_is_neither_is_asked_for_by_name() {
        let text = "phone,name\n+4930123456,Jürgen Müßig\n+4930123457,Bärbel Größler\n".repeat(3);
        let (bytes, ..) = WINDOWS_1252.encode(&text);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        for country in ["de", "cn"] {
            let error = look(&mut file, None, Some(country)).unwrap_err();
            assert_eq!(error, ImportError::UnknownEncoding { guess: "windows-1252".to_owned() }, "in {country}");
        }
        let chosen = TextEncoding(WINDOWS_1252);
        let look = look(&mut file, Some(chosen), None).unwrap();
        assert_eq!(look.kind, Kind::Text { encoding: WINDOWS_1252, begins: 0 });
    }
}
