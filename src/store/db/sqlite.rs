//! SQLite: how a file is opened, and what its codes mean.

use std::path::Path;

use sqlx::ConnectOptions as _;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use super::{PATIENCE, READERS_MAX, STATEMENTS_CACHED};
use crate::store::error::{DownReason, StoreError};

/// Page cache in KiB (negative: SQLite's way of saying KiB instead of pages): the writer touches the same few pages of
/// each index over and over; readers find the rest in the system's own cache.
const WRITER_CACHE_KIB: &str = "-2048";
/// See [`WRITER_CACHE_KIB`].
const READER_CACHE_KIB: &str = "-512";

// Primary result codes (sqlite.org/rescode.html); the low byte of the extended code.
const SQLITE_BUSY: i64 = 5;
const SQLITE_READONLY: i64 = 8;
const SQLITE_IOERR: i64 = 10;
const SQLITE_CORRUPT: i64 = 11;
const SQLITE_FULL: i64 = 13;
const SQLITE_CANTOPEN: i64 = 14;
const SQLITE_NOTADB: i64 = 26;

/// Readers of a file. Opens nothing yet.
pub(super) fn readers(path: &Path) -> SqlitePool {
    let options = options(path, READER_CACHE_KIB).pragma("query_only", "on");
    SqlitePoolOptions::new().max_connections(READERS_MAX).acquire_timeout(PATIENCE).connect_lazy_with(options)
}

/// A connection that writes. `create`: the file may be made.
pub(super) async fn writer(
    path: &Path,
    create: bool,
    size_max_pages: Option<u32>,
) -> Result<SqliteConnection, StoreError> {
    let mut options = options(path, WRITER_CACHE_KIB)
        .create_if_missing(create)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    if let Some(pages) = size_max_pages {
        options = options.pragma("max_page_count", pages.to_string());
    }
    connect(path, options).await
}

/// A file whose content need not survive a crash.
pub(super) async fn scratch(path: &Path) -> Result<SqliteConnection, StoreError> {
    let options = options(path, WRITER_CACHE_KIB)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Off)
        .synchronous(SqliteSynchronous::Off);
    connect(path, options).await
}

async fn connect(path: &Path, options: SqliteConnectOptions) -> Result<SqliteConnection, StoreError> {
    let place = path.display().to_string();
    options.connect().await.map_err(|error| match translate(&place, "open", &error) {
        StoreError::Statement { detail, .. } => StoreError::CannotOpen { place, detail },
        StoreError::Down(DownReason::Damaged { detail }) => StoreError::Damaged { place, detail },
        other => other,
    })
}

fn options(path: &Path, cache_kib: &'static str) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        .statement_cache_capacity(STATEMENTS_CACHED)
        .pragma("cache_size", cache_kib)
        .pragma("temp_store", "memory")
        .disable_statement_logging() // they would carry phone numbers
}

/// SQLite's codes as facts.
pub(super) fn translate(place: &str, statement: &'static str, error: &sqlx::Error) -> StoreError {
    let detail = error.to_string();
    let code = match error {
        sqlx::Error::Database(database) => database.code().and_then(|code| code.parse::<i64>().ok()),
        sqlx::Error::PoolTimedOut => return StoreError::Busy { waited_s: PATIENCE.as_secs() },
        sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => return StoreError::Down(DownReason::Io { detail }),
        sqlx::Error::PoolClosed => return StoreError::Closed,
        _ => None,
    };
    let place = place.to_owned();
    match code.map(|code| code & 0xff) {
        Some(SQLITE_FULL) => StoreError::DiskFull { place },
        Some(SQLITE_IOERR) => StoreError::Down(DownReason::Io { detail }),
        Some(SQLITE_CORRUPT) => StoreError::Down(DownReason::Damaged { detail }),
        Some(SQLITE_BUSY) => StoreError::Busy { waited_s: PATIENCE.as_secs() },
        Some(SQLITE_READONLY) => StoreError::ReadOnly { place },
        Some(SQLITE_CANTOPEN) => StoreError::CannotOpen { place, detail },
        Some(SQLITE_NOTADB) => StoreError::NotADatabase { place },
        Some(_) | None => StoreError::Statement { statement, detail },
    }
}
