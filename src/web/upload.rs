//! Files that come in and go out, streamed through the data directory and never held in memory.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::WebState;
use super::live::Written;
use super::problem::{Kind, Problem};
use crate::model::id::ImportId;

/// A sender that sends nothing for this long is given up.
pub(super) const PIECE_MAX: Duration = Duration::from_secs(30);
/// Characters of a list's name in the name of its file: file systems take 255 bytes.
const NAME_CHARS_MAX: usize = 60;
/// Bytes read from a file at once.
const READ_BYTES: usize = 64 * 1024;

/// A received file in a directory of its own. Both are deleted when this is dropped.
#[derive(Debug)]
pub(super) struct Received {
    directory: PathBuf,
    path: PathBuf,
}

impl Received {
    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.directory) {
            tracing::warn!(%error, "a received file could not be deleted");
        }
    }
}

/// Writes a request's body to a file of the data directory, up to the configured size. The file is called like the
/// list, because the store keeps that name with the import.
pub(super) async fn receive(state: &WebState, run: ImportId, list: &str, mut body: Body) -> Result<Received, Problem> {
    let settings = state.settings();
    let directory = settings.data_dir.join("uploads").join(run.to_string());
    let failed = |error: std::io::Error| Problem::internal("receiving a file", error);
    tokio::fs::create_dir_all(&directory).await.map_err(failed)?;
    let received = Received { path: directory.join(file_name(list)), directory };
    let mut file = File::create_new(received.path()).await.map_err(failed)?;
    let mut bytes = 0_u64;
    while let Some(piece) = next_piece(&mut body).await? {
        bytes += piece.len() as u64;
        if bytes > settings.upload_max_bytes {
            let detail = format!("the file is longer than {} bytes, the most that is taken", settings.upload_max_bytes);
            return Err(Problem::new(Kind::TooLarge, detail));
        }
        file.write_all(&piece).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    Ok(received)
}

/// Letters, digits, spaces and hyphens of a name; nothing else a sender says becomes part of a path.
fn file_name(list: &str) -> String {
    let fits = |c: char| if c.is_alphanumeric() || matches!(c, ' ' | '-') { c } else { '_' };
    let name: String = list.trim().chars().take(NAME_CHARS_MAX).map(fits).collect();
    format!("{name}.csv")
}

pub(super) async fn next_piece(body: &mut Body) -> Result<Option<Bytes>, Problem> {
    loop {
        let next = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx));
        let frame = timeout(PIECE_MAX, next)
            .await
            .map_err(|_| Problem::new(Kind::TooSlow, format!("nothing came for {} s", PIECE_MAX.as_secs())))?;
        match frame {
            None => return Ok(None),
            Some(Err(error)) => return Err(Problem::new(Kind::BadFile, format!("the file broke off: {error}"))),
            // Trailers carry nothing of the file.
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => return Ok(Some(data)),
                Err(_) => continue,
            },
        }
    }
}

/// A file as a body; `None` where there is none.
pub(super) async fn send_file(path: &Path) -> Result<Option<Body>, Problem> {
    let mut file = match File::open(path).await {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Problem::internal("opening a file", error)),
    };
    let (pieces, body) = Written::channel();
    tokio::spawn(async move {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let piece = match file.read(&mut buffer).await {
                Ok(0) => return,
                Ok(length) => Ok(Bytes::copy_from_slice(&buffer[..length])),
                Err(error) => Err(error),
            };
            let broken = piece.is_err();
            if pieces.send_timeout(piece, PIECE_MAX).await.is_err() || broken {
                return;
            }
        }
    });
    Ok(Some(body))
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn no_name_leaves_its_directory_or_hides() {
        assert_eq!(file_name("春季 list-1"), "春季 list-1.csv");
        for (bad, safe) in
            [("../../etc/passwd", "______etc_passwd.csv"), (".", "_.csv"), ("a\0/b", "a__b.csv"), ("", ".csv")]
        {
            assert_eq!(file_name(bad), safe);
        }
        assert!(file_name(&"长".repeat(300)).len() <= 255);
    }
}
