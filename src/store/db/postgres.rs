//! PostgreSQL: how a server is reached, and what its codes mean.
//!
//! Whatever SQLite gives by being one file with one writer is asked for by name: a lock for the one service, a lock for the
//! one transaction that writes, commits that are on the disk when they are answered.

use std::str::FromStr as _;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};

use super::{PATIENCE, READERS_MAX, STATEMENTS_CACHED};
use crate::model::database::ServerDatabase;
use crate::store::error::{DownReason, StoreError};

/// Begins a transaction that writes. The lock makes it the only one: what the guard reads in it stays true until its commit,
/// as with SQLite. Its number is `LULL` in ASCII, and 1. One text, so that it is one way to the server and back.
pub(super) const BEGIN_WRITE: &str = "begin; select pg_advisory_xact_lock(1280658508, 1); savepoint item";
/// Taken for as long as the connection lives, by the one service.
const TAKE_SERVICE_LOCK: &str = "select pg_try_advisory_lock(1280658508, 2)";
/// Who holds it.
const SERVICE: &str = "
    select concat('process ', a.pid, ' of ', a.usename, ' from ', coalesce(cast(a.client_addr as text), 'this machine'))
    from pg_locks l join pg_stat_activity a on a.pid = l.pid
    where l.locktype = 'advisory' and l.classid = 1280658508 and l.objid = 2 and l.granted
      and l.database = (select oid from pg_database where datname = current_database())";

/// How to reach the server, with what every connection needs.
pub(super) fn options(place: &str, server: &ServerDatabase) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(server.url())
        .map_err(|error| StoreError::CannotOpen { place: place.to_owned(), detail: error.to_string() })?;
    let options = match server.password() {
        Some(password) => options.password(password),
        None => options,
    };
    let patience_ms = PATIENCE.as_millis().to_string();
    Ok(options
        .application_name("lull")
        .statement_cache_capacity(STATEMENTS_CACHED)
        .disable_statement_logging() // they would carry phone numbers
        .options([
            ("lock_timeout", patience_ms.as_str()),
            // What is answered with success is on the disk, whatever the server is set to.
            ("synchronous_commit", "on"),
            // What is there already is no news.
            ("client_min_messages", "warning"),
            // A connection whose other end vanished must let go of its locks: within a minute, not within hours.
            ("tcp_keepalives_idle", "30"),
            ("tcp_keepalives_interval", "10"),
            ("tcp_keepalives_count", "3"),
        ]))
}

/// Readers of a database. Opens nothing yet.
pub(super) fn readers(options: &PgConnectOptions) -> PgPool {
    let options = options.clone().options([("default_transaction_read_only", "on")]);
    PgPoolOptions::new().max_connections(READERS_MAX).acquire_timeout(PATIENCE).connect_lazy_with(options)
}

/// A connection that writes. `alone`: as the one service of the database.
pub(super) async fn writer(place: &str, options: &PgConnectOptions, alone: bool) -> Result<PgConnection, StoreError> {
    let opening = |error: sqlx::Error| match translate(place, "open", &error) {
        StoreError::Statement { detail, .. } | StoreError::Down(DownReason::Io { detail }) => {
            StoreError::CannotOpen { place: place.to_owned(), detail }
        }
        other => other,
    };
    let mut conn = options.connect().await.map_err(opening)?;
    if alone {
        let taken: bool = sqlx::query_scalar(TAKE_SERVICE_LOCK).fetch_one(&mut conn).await.map_err(opening)?;
        if !taken {
            let holder: Option<String> =
                sqlx::query_scalar(SERVICE).fetch_optional(&mut conn).await.map_err(opening)?;
            let holder = holder.unwrap_or_else(|| "one that has just gone".to_owned());
            return Err(StoreError::InUse { place: place.to_owned(), holder });
        }
    }
    Ok(conn)
}

/// A text as the server takes it: PostgreSQL has no place for the character of code 0, and nothing of ours means anything
/// by it.
pub(in crate::store) fn storable(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// Rows in JSON as the server takes them: see [`storable`]. JSON writes the character as `\u0000`, and a backslash as two.
pub(super) fn storable_rows(json: String) -> String {
    const NUL: &str = "\\u0000";
    if !json.contains(NUL) {
        return json;
    }
    let mut clean = String::with_capacity(json.len());
    let mut rest = json.as_str();
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        clean.push_str(before);
        let length = if escape.starts_with(NUL) { NUL.len() } else { 2.min(escape.len()) };
        let (escape, after) = escape.split_at(length);
        clean.push_str(if escape == NUL { "\u{fffd}" } else { escape });
        rest = after;
    }
    clean.push_str(rest);
    clean
}

/// SQLSTATE codes (PostgreSQL manual, appendix A) as facts.
pub(super) fn translate(place: &str, statement: &'static str, error: &sqlx::Error) -> StoreError {
    let detail = error.to_string();
    let code = match error {
        sqlx::Error::Database(database) => database.code().unwrap_or_default().into_owned(),
        sqlx::Error::PoolTimedOut => return StoreError::Busy { waited_s: PATIENCE.as_secs() },
        sqlx::Error::PoolClosed => return StoreError::Closed,
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
            return StoreError::Down(DownReason::Io { detail });
        }
        _ => String::new(),
    };
    let place = place.to_owned();
    match code.as_str() {
        "53100" => StoreError::DiskFull { place },
        "25006" => StoreError::ReadOnly { place },
        // A lock was not given in time, a deadlock, or an order of transactions that does not exist.
        "55P03" | "40P01" | "40001" | "53300" => StoreError::Busy { waited_s: PATIENCE.as_secs() },
        "XX001" | "XX002" => StoreError::Down(DownReason::Damaged { detail }),
        // Connections, shutdown, crash, the operating system's errors.
        _ if code.starts_with("08") || code.starts_with("57P") || code.starts_with("58") => {
            StoreError::Down(DownReason::Io { detail })
        }
        // The database, the user or the password is wrong, or the user may not.
        _ if code.starts_with("28") || code == "3D000" || code == "42501" => StoreError::CannotOpen { place, detail },
        _ => StoreError::Statement { statement, detail },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_character_of_code_0_is_replaced() {
        for text in ["plain", "a\0b", "\\u0000", "\\\0", "\\\\u0000\0\\", "\0\0", "\"\0\""] {
            let json = serde_json::to_string(&[text]).unwrap();
            let read: Vec<String> = serde_json::from_str(&storable_rows(json)).unwrap();
            assert_eq!(read, [storable(text.to_owned())], "{text:?}");
        }
    }
}
