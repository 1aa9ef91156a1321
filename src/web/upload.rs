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
const PIECE_MAX: Duration = Duration::from_secs(30);
/// Bytes read from a file at once.
const READ_BYTES: usize = 64 * 1024;

/// A received file. It is deleted when this is dropped.
#[derive(Debug)]
pub(super) struct Received {
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
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, "a received file could not be deleted");
        }
    }
}

/// Writes a request's body to a file of the data directory, up to the configured size.
pub(super) async fn receive(state: &WebState, mut body: Body) -> Result<Received, Problem> {
    let settings = state.settings();
    let directory = settings.data_dir.join("uploads");
    let failed = |error: std::io::Error| Problem::internal("receiving a file", error);
    tokio::fs::create_dir_all(&directory).await.map_err(failed)?;
    // The name is ours: nothing a sender says becomes part of a path.
    let id = ImportId(state.mint(state.now().timestamp));
    let path = directory.join(format!("{id}.csv"));
    let mut file = File::create_new(&path).await.map_err(failed)?;
    let received = Received { path };
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

async fn next_piece(body: &mut Body) -> Result<Option<Bytes>, Problem> {
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
    let (pieces, body) = Written::new();
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
