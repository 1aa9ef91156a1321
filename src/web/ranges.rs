//! Files as answers, whole or one range of their bytes (RFC 9110, section 14): a download that broke off goes on where it was.

use std::path::PathBuf;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::live::Written;
use super::problem::Problem;
use super::upload::PIECE_MAX;

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;

/// A file that does not change.
pub(super) struct Stored {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Its media type.
    pub(super) media: &'static str,
    /// What it is called when it is saved: letters, digits, `-` and `.` only.
    pub(super) name: String,
    /// Its strong tag.
    pub(super) tag: String,
}

/// The file, or the part of it that is asked for; `None` where there is none.
pub(super) async fn send(stored: &Stored, asked: &HeaderMap) -> Result<Option<Response>, Problem> {
    let mut file = match File::open(&stored.path).await {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Problem::internal("opening a file", error)),
    };
    let broken = |error: std::io::Error| Problem::internal("reading a file", error);
    let length = file.metadata().await.map_err(broken)?.len();
    let part = match range(asked, length, &stored.tag) {
        Part::All => None,
        Part::Some { first, last } => Some((first, last)),
        Part::Impossible => {
            let headers = [(header::CONTENT_RANGE, format!("bytes */{length}"))];
            return Ok(Some((StatusCode::RANGE_NOT_SATISFIABLE, headers).into_response()));
        }
    };
    let (first, count) = part.map_or((0, length), |(first, last)| (first, last - first + 1));
    file.seek(std::io::SeekFrom::Start(first)).await.map_err(broken)?;
    let mut response = body(file, count).into_response();
    let headers = response.headers_mut();
    let mut put = |name, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    };
    put(header::CONTENT_TYPE, stored.media.to_owned());
    put(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", stored.name));
    put(header::ACCEPT_RANGES, "bytes".to_owned());
    put(header::ETAG, stored.tag.clone());
    put(header::CONTENT_LENGTH, count.to_string());
    // Its bytes are counted, so it is not compressed on the way.
    put(header::CONTENT_ENCODING, "identity".to_owned());
    if let Some((first, last)) = part {
        put(header::CONTENT_RANGE, format!("bytes {first}-{last}/{length}"));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(Some(response))
}

fn body(mut file: File, mut left: u64) -> Body {
    let (pieces, body) = Written::channel();
    tokio::spawn(async move {
        let mut buffer = vec![0; READ_BYTES];
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(READ_BYTES).min(READ_BYTES);
            let piece = match file.read(buffer.get_mut(..most).unwrap_or_default()).await {
                Ok(0) => return,
                Ok(length) => {
                    left -= length as u64;
                    Ok(Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default()))
                }
                Err(error) => Err(error),
            };
            let broken = piece.is_err();
            if pieces.send_timeout(piece, PIECE_MAX).await.is_err() || broken {
                return;
            }
        }
    });
    body
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// Nothing else was asked for, or in a way that may be ignored: several ranges, another unit, another version of the file.
    All,
    /// From the first byte to the last, both in it.
    Some { first: u64, last: u64 },
    /// It begins behind the end.
    Impossible,
}

fn range(asked: &HeaderMap, length: u64, tag: &str) -> Part {
    let text = |name| asked.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let Some(range) = text(header::RANGE) else { return Part::All };
    if text(header::IF_RANGE).is_some_and(|known| known.trim() != tag) {
        return Part::All;
    }
    let Some((first, last)) = range.trim().strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Part::All;
    };
    let end = length.saturating_sub(1);
    match (first.trim(), last.trim()) {
        // The last so many bytes.
        ("", count) => match count.parse::<u64>() {
            Ok(0) => Part::Impossible,
            Ok(_) if length == 0 => Part::Impossible,
            Ok(count) => Part::Some { first: length.saturating_sub(count), last: end },
            Err(_) => Part::All,
        },
        (first, last) => {
            let last = if last.is_empty() { Ok(end) } else { last.parse::<u64>() };
            match (first.parse::<u64>(), last) {
                (Ok(first), Ok(last)) if first > last && last != end => Part::All,
                (Ok(first), Ok(_)) if first >= length => Part::Impossible,
                (Ok(first), Ok(last)) => Part::Some { first, last: last.min(end) },
                _ => Part::All,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_read_and_what_cannot_be_is_told_from_what_may_be_ignored() {
        let of = |text: &str| {
            let headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_str(text).unwrap())]);
            range(&headers, 100, "\"a\"")
        };
        assert_eq!(of("bytes=0-9"), Part::Some { first: 0, last: 9 });
        assert_eq!(of("bytes=90-"), Part::Some { first: 90, last: 99 });
        assert_eq!(of("bytes=90-500"), Part::Some { first: 90, last: 99 });
        assert_eq!(of("bytes=-10"), Part::Some { first: 90, last: 99 });
        assert_eq!(of("bytes=-500"), Part::Some { first: 0, last: 99 });
        assert_eq!(of("bytes=100-"), Part::Impossible);
        assert_eq!(of("bytes=-0"), Part::Impossible);
        for ignored in ["bytes=0-9,20-29", "lines=1-2", "bytes=9-1", "bytes=x-", "nonsense"] {
            assert_eq!(of(ignored), Part::All, "{ignored}");
        }
        let other = HeaderMap::from_iter([
            (header::RANGE, HeaderValue::from_static("bytes=0-9")),
            (header::IF_RANGE, HeaderValue::from_static("\"b\"")),
        ]);
        assert_eq!(range(&other, 100, "\"a\""), Part::All, "the file is another one by now");
    }
}
