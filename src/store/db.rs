//! One SQL text, two engines: the few lines that differ between databases.
//!
//! Everything above this file writes [`Statement`]s with `$1` placeholders, binds [`Value`]s and reads [`Row`]s; it
//! never sees a driver's type. PostgreSQL is a further variant of [`Conn`] and [`Db`], not a second copy of the SQL.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Row as _, Sqlite};

use super::error::{DownReason, StoreError};

/// How long a connection waits for another process to finish its write.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Readers at once: pages and API; the dialer's own reads are short.
const READERS_MAX: u32 = 4;
/// Distinct statements are fewer than this; each is prepared once per connection.
const STATEMENTS_CACHED: usize = 512;
/// Page cache in KiB (negative: SQLite's way of saying KiB instead of pages): the writer touches the same few pages of
/// each index over and over; readers find the rest in the system's own cache.
const WRITER_CACHE_KIB: &str = "-2048";
/// See [`WRITER_CACHE_KIB`].
const READER_CACHE_KIB: &str = "-512";

/// A SQL text with a name for errors. Made only by [`statements!`], so that a test can prepare every one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statement {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
}

/// Names statements, and lists them for the test that prepares them all.
macro_rules! statements {
    ($($name:ident = $text:literal;)*) => {
        $(const $name: $crate::store::db::Statement =
            $crate::store::db::Statement { name: stringify!($name), text: $text };)*
        #[cfg(test)]
        pub(in crate::store) const STATEMENTS: &[$crate::store::db::Statement] = &[$($name,)*];
    };
}
pub(super) use statements;

/// A value bound to a placeholder. The variants are the portable column types.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Int(Option<i64>),
    Real(Option<f64>),
    Text(Option<String>),
    Bool(Option<bool>),
}

impl serde::Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Int(v) => v.serialize(serializer),
            Value::Real(v) => v.serialize(serializer),
            Value::Text(v) => v.serialize(serializer),
            Value::Bool(v) => v.serialize(serializer),
        }
    }
}

/// Many rows as one value: a JSON array of arrays, which a statement reads with `json_each($1) j` and
/// `cast(j.value ->> 0 as bigint)`. One command for a whole batch: each costs two changes of threads.
pub(super) fn rows(rows: impl IntoIterator<Item = Vec<Value>>) -> Value {
    Value::Text(Some(json(&rows.into_iter().collect::<Vec<_>>())))
}

macro_rules! values {
    ($($from:ty => $value:ident => $into:expr;)*) => {$(
        impl From<$from> for Value {
            fn from($value: $from) -> Value { $into }
        }
    )*};
}
values! {
    i64 => v => Value::Int(Some(v));
    Option<i64> => v => Value::Int(v);
    u32 => v => Value::Int(Some(i64::from(v)));
    u64 => v => Value::Int(Some(i64::try_from(v).unwrap_or(i64::MAX)));
    f64 => v => Value::Real(Some(v));
    Option<f64> => v => Value::Real(v);
    &str => v => Value::Text(Some(v.to_owned()));
    String => v => Value::Text(Some(v));
    Option<String> => v => Value::Text(v);
    Option<&str> => v => Value::Text(v.map(str::to_owned));
    bool => v => Value::Bool(Some(v));
    Option<bool> => v => Value::Bool(v);
    crate::model::time::Timestamp => v => Value::Int(Some(v.as_millis()));
    Option<crate::model::time::Timestamp> => v => Value::Int(v.map(|t| t.as_millis()));
}

/// `params![a, b]`: the values of a statement in order.
macro_rules! params {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::db::Value::from($value)),*] };
}
pub(super) use params;

/// A row that was read.
pub(super) enum Row {
    Sqlite(SqliteRow),
}

impl Row {
    pub(super) fn opt_int(&self, column: &'static str) -> Result<Option<i64>, StoreError> {
        let Row::Sqlite(row) = self;
        row.try_get_unchecked(column).map_err(|error| unreadable(column, &error))
    }

    pub(super) fn int(&self, column: &'static str) -> Result<i64, StoreError> {
        self.opt_int(column)?.ok_or(StoreError::Unreadable { what: column, value: "null".to_owned() })
    }

    /// A count or a length: what cannot be negative.
    pub(super) fn count(&self, column: &'static str) -> Result<u64, StoreError> {
        let value = self.int(column)?;
        u64::try_from(value).map_err(|_| StoreError::Unreadable { what: column, value: value.to_string() })
    }

    pub(super) fn opt_real(&self, column: &'static str) -> Result<Option<f64>, StoreError> {
        let Row::Sqlite(row) = self;
        row.try_get_unchecked(column).map_err(|error| unreadable(column, &error))
    }

    pub(super) fn real(&self, column: &'static str) -> Result<f64, StoreError> {
        self.opt_real(column)?.ok_or(StoreError::Unreadable { what: column, value: "null".to_owned() })
    }

    pub(super) fn opt_text(&self, column: &'static str) -> Result<Option<String>, StoreError> {
        let Row::Sqlite(row) = self;
        row.try_get_unchecked(column).map_err(|error| unreadable(column, &error))
    }

    pub(super) fn text(&self, column: &'static str) -> Result<String, StoreError> {
        self.opt_text(column)?.ok_or(StoreError::Unreadable { what: column, value: "null".to_owned() })
    }

    pub(super) fn bool(&self, column: &'static str) -> Result<bool, StoreError> {
        let Row::Sqlite(row) = self;
        row.try_get_unchecked(column).map_err(|error| unreadable(column, &error))
    }

    pub(super) fn time(&self, column: &'static str) -> Result<crate::model::time::Timestamp, StoreError> {
        self.int(column).map(crate::model::time::Timestamp::from_millis)
    }

    pub(super) fn opt_time(&self, column: &'static str) -> Result<Option<crate::model::time::Timestamp>, StoreError> {
        Ok(self.opt_int(column)?.map(crate::model::time::Timestamp::from_millis))
    }

    /// A text that must parse as what it was written from.
    pub(super) fn parsed<T: std::str::FromStr>(&self, column: &'static str) -> Result<T, StoreError> {
        let text = self.text(column)?;
        text.parse().map_err(|_| StoreError::Unreadable { what: column, value: text })
    }

    pub(super) fn opt_parsed<T: std::str::FromStr>(&self, column: &'static str) -> Result<Option<T>, StoreError> {
        self.opt_text(column)?
            .map(|text| text.parse().map_err(|_| StoreError::Unreadable { what: column, value: text }))
            .transpose()
    }

    /// A word of a closed set that serde writes as a plain string.
    pub(super) fn word<T: serde::de::DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        read_word(column, self.text(column)?)
    }

    pub(super) fn opt_word<T: serde::de::DeserializeOwned>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        self.opt_text(column)?.map(|text| read_word(column, text)).transpose()
    }

    pub(super) fn json<T: serde::de::DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        let text = self.text(column)?;
        serde_json::from_str(&text).map_err(|_| StoreError::Unreadable { what: column, value: text })
    }
}

fn read_word<T: serde::de::DeserializeOwned>(column: &'static str, text: String) -> Result<T, StoreError> {
    serde_json::from_value(serde_json::Value::String(text.clone()))
        .map_err(|_| StoreError::Unreadable { what: column, value: text })
}

fn unreadable(column: &'static str, error: &sqlx::Error) -> StoreError {
    StoreError::Unreadable { what: column, value: error.to_string() }
}

/// The word serde writes for a value of a closed set, as it is stored.
pub(super) fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        other => panic!("a closed set must be written as a plain word, got {other:?}"),
    }
}

/// JSON of a value that always can be written.
pub(super) fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| panic!("a value of ours must have a JSON form: {error}"))
}

/// A connection, the writer's own or one of the readers'.
pub(super) enum Conn {
    Sqlite { path: PathBuf, conn: SqliteConnection },
    SqliteReader { path: PathBuf, conn: sqlx::pool::PoolConnection<Sqlite> },
}

impl Conn {
    fn parts(&mut self) -> (&Path, &mut SqliteConnection) {
        match self {
            Conn::Sqlite { path, conn } => (path, conn),
            Conn::SqliteReader { path, conn } => (path, &mut *conn),
        }
    }

    /// Runs a statement; the number of rows it changed.
    pub(super) async fn run(&mut self, statement: Statement, values: Vec<Value>) -> Result<u64, StoreError> {
        let (path, conn) = self.parts();
        match bound(statement, values).execute(conn).await {
            Ok(done) => Ok(done.rows_affected()),
            Err(error) => Err(translate(path, statement.name, &error)),
        }
    }

    /// All rows of a statement.
    pub(super) async fn rows(&mut self, statement: Statement, values: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let (path, conn) = self.parts();
        match bound(statement, values).fetch_all(conn).await {
            Ok(rows) => Ok(rows.into_iter().map(Row::Sqlite).collect()),
            Err(error) => Err(translate(path, statement.name, &error)),
        }
    }

    /// The first row of a statement, if there is one.
    pub(super) async fn row(&mut self, statement: Statement, values: Vec<Value>) -> Result<Option<Row>, StoreError> {
        let (path, conn) = self.parts();
        match bound(statement, values).fetch_optional(conn).await {
            Ok(row) => Ok(row.map(Row::Sqlite)),
            Err(error) => Err(translate(path, statement.name, &error)),
        }
    }

    /// The row of a statement that always gives one.
    pub(super) async fn one(&mut self, statement: Statement, values: Vec<Value>) -> Result<Row, StoreError> {
        let missing = StoreError::Statement { statement: statement.name, detail: "gave no row".to_owned() };
        self.row(statement, values).await?.ok_or(missing)
    }

    /// Asks the database whether it accepts a statement, without running it.
    #[cfg(test)]
    pub(super) async fn prepare(&mut self, statement: Statement) -> Result<(), StoreError> {
        use sqlx::{Executor as _, SqlSafeStr as _};
        let (path, conn) = self.parts();
        match conn.prepare(statement.text.into_sql_str()).await {
            Ok(_) => Ok(()),
            Err(error) => Err(translate(path, statement.name, &error)),
        }
    }

    /// How SQLite would answer a statement.
    #[cfg(test)]
    pub(super) async fn explain(&mut self, statement: Statement) -> Result<Vec<String>, StoreError> {
        let text = sqlx::AssertSqlSafe(format!("explain query plan {}", statement.text));
        let (path, conn) = self.parts();
        match sqlx::query(text).fetch_all(conn).await {
            Ok(rows) => Ok(rows.iter().filter_map(|row| row.try_get("detail").ok()).collect()),
            Err(error) => Err(translate(path, statement.name, &error)),
        }
    }

    /// Transaction control and pragmas: no values, no rows.
    pub(super) async fn control(&mut self, text: &'static str) -> Result<(), StoreError> {
        let (path, conn) = self.parts();
        match sqlx::query(text).execute(conn).await {
            Ok(_) => Ok(()),
            Err(error) => Err(translate(path, "control", &error)),
        }
    }
}

fn bound(
    statement: Statement,
    values: Vec<Value>,
) -> sqlx::query::Query<'static, Sqlite, sqlx::sqlite::SqliteArguments> {
    values.into_iter().fold(sqlx::query(statement.text), |query, value| match value {
        Value::Int(v) => query.bind(v),
        Value::Real(v) => query.bind(v),
        Value::Text(v) => query.bind(v),
        Value::Bool(v) => query.bind(v),
    })
}

// Primary result codes (sqlite.org/rescode.html); the low byte of the extended code.
const SQLITE_BUSY: i64 = 5;
const SQLITE_READONLY: i64 = 8;
const SQLITE_IOERR: i64 = 10;
const SQLITE_CORRUPT: i64 = 11;
const SQLITE_FULL: i64 = 13;
const SQLITE_CANTOPEN: i64 = 14;
const SQLITE_NOTADB: i64 = 26;

/// SQLite's codes as facts.
pub(super) fn translate(path: &Path, statement: &'static str, error: &sqlx::Error) -> StoreError {
    let detail = error.to_string();
    let code = match error {
        sqlx::Error::Database(database) => database.code().and_then(|code| code.parse::<i64>().ok()),
        sqlx::Error::PoolTimedOut => return StoreError::Busy { waited_s: BUSY_TIMEOUT.as_secs() },
        sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => return StoreError::Down(DownReason::Io { detail }),
        sqlx::Error::PoolClosed => return StoreError::Closed,
        _ => None,
    };
    let path = path.to_path_buf();
    match code.map(|code| code & 0xff) {
        Some(SQLITE_FULL) => StoreError::DiskFull { path },
        Some(SQLITE_IOERR) => StoreError::Down(DownReason::Io { detail }),
        Some(SQLITE_CORRUPT) => StoreError::Down(DownReason::Damaged { detail }),
        Some(SQLITE_BUSY) => StoreError::Busy { waited_s: BUSY_TIMEOUT.as_secs() },
        Some(SQLITE_READONLY) => StoreError::ReadOnly { path },
        Some(SQLITE_CANTOPEN) => StoreError::CannotOpen { path, detail },
        Some(SQLITE_NOTADB) => StoreError::NotADatabase { path },
        Some(_) | None => StoreError::Statement { statement, detail },
    }
}

/// The database: where connections come from.
pub(super) enum Db {
    Sqlite { path: PathBuf, readers: SqlitePool, size_max_pages: Option<u32> },
}

impl Db {
    /// SQLite in `path`. Opens nothing yet.
    pub(super) fn sqlite(path: &Path, size_max_pages: Option<u32>) -> Db {
        let options = sqlite_options(path, READER_CACHE_KIB).pragma("query_only", "on");
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .acquire_timeout(BUSY_TIMEOUT)
            .connect_lazy_with(options);
        Db::Sqlite { path: path.to_path_buf(), readers, size_max_pages }
    }

    pub(super) fn path(&self) -> &Path {
        let Db::Sqlite { path, .. } = self;
        path
    }

    /// A connection that writes. `create`: the file may be made.
    pub(super) async fn writer(&self, create: bool) -> Result<Conn, StoreError> {
        let Db::Sqlite { path, size_max_pages, .. } = self;
        let mut options = sqlite_options(path, WRITER_CACHE_KIB)
            .create_if_missing(create)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        if let Some(pages) = size_max_pages {
            options = options.pragma("max_page_count", pages.to_string());
        }
        match options.connect().await {
            Ok(conn) => Ok(Conn::Sqlite { path: path.clone(), conn }),
            Err(error) => Err(opening(path, translate(path, "open", &error))),
        }
    }

    /// One of the readers.
    pub(super) async fn reader(&self) -> Result<Conn, StoreError> {
        let Db::Sqlite { path, readers, .. } = self;
        match readers.acquire().await {
            Ok(conn) => Ok(Conn::SqliteReader { path: path.clone(), conn }),
            Err(error) => Err(translate(path, "open", &error)),
        }
    }

    /// A file of its own for work that need not survive a crash; SQLite whatever the database is.
    pub(super) async fn scratch(path: &Path) -> Result<Conn, StoreError> {
        let options = sqlite_options(path, WRITER_CACHE_KIB)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Off)
            .synchronous(SqliteSynchronous::Off);
        match options.connect().await {
            Ok(conn) => Ok(Conn::Sqlite { path: path.to_path_buf(), conn }),
            Err(error) => Err(opening(path, translate(path, "open", &error))),
        }
    }

    pub(super) async fn close(&self) {
        let Db::Sqlite { readers, .. } = self;
        readers.close().await;
    }
}

fn sqlite_options(path: &Path, cache_kib: &'static str) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(STATEMENTS_CACHED)
        .pragma("cache_size", cache_kib)
        .pragma("temp_store", "memory")
        .disable_statement_logging() // they would carry phone numbers
}

fn opening(path: &Path, error: StoreError) -> StoreError {
    match error {
        StoreError::Statement { detail, .. } => StoreError::CannotOpen { path: path.to_path_buf(), detail },
        StoreError::Down(DownReason::Damaged { detail }) => StoreError::Damaged { path: path.to_path_buf(), detail },
        other => other,
    }
}
