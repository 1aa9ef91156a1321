//! One SQL text, two engines: the few lines that differ between databases.
//!
//! Everything above this file writes [`Statement`]s with `$1` placeholders, binds [`Value`]s and reads [`Row`]s; it
//! never sees a driver's type. What an engine cannot do by the common text is a method of [`Conn`], told apart here and in
//! `sqlite` and `postgres`; on PostgreSQL the functions of SQLite that the text uses are made by the first migration.

mod postgres;
mod sqlite;

pub(super) use postgres::storable;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgRow};
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteRow};
use sqlx::{Postgres, Row as _, SqlSafeStr as _, SqlStr, Sqlite};

use super::error::StoreError;
use crate::model::database::DatabasePlace;
pub(super) use crate::model::word::word;

/// How long is waited for another process to finish its write, and for a reader to be free.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Readers at once: pages and API; the dialer's own reads are short.
const READERS_MAX: u32 = 4;
/// Distinct statements are fewer than this; each is prepared once per connection.
const STATEMENTS_CACHED: usize = 512;

/// A SQL text with a name for errors. Made only by [`statements!`], so that a test can prepare every one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statement {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
}

/// Names statements, and lists them for the test that prepares them all.
macro_rules! statements {
    ($($name:ident = $text:expr;)*) => {
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
    /// Many rows: a JSON array.
    Rows(String),
}

impl serde::Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Int(v) => v.serialize(serializer),
            Value::Real(v) => v.serialize(serializer),
            Value::Text(v) => v.serialize(serializer),
            Value::Bool(v) => v.serialize(serializer),
            Value::Rows(v) => v.serialize(serializer),
        }
    }
}

/// Many rows as one value: a JSON array of arrays, which a statement reads with `json_each($1) j` and
/// `cast(j.value ->> 0 as bigint)`. One command for a whole batch: each costs two changes of threads.
pub(super) fn rows(rows: impl IntoIterator<Item = Vec<Value>>) -> Value {
    Value::Rows(json(&rows.into_iter().collect::<Vec<_>>()))
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
    Postgres(PgRow),
}

/// What a column holds, by either driver. Unchecked: SQLite knows only the types of values, not those of expressions.
macro_rules! get {
    ($row:expr, $column:expr) => {
        match $row {
            Row::Sqlite(row) => row.try_get_unchecked($column),
            Row::Postgres(row) => row.try_get_unchecked($column),
        }
        .map_err(|error| unreadable($column, &error))
    };
}

impl Row {
    /// The value of a column by its place, from 0.
    pub(super) fn at<T>(&self, place: usize) -> Result<T, StoreError>
    where
        T: for<'r> sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>,
        T: for<'r> sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres>,
    {
        match self {
            Row::Sqlite(row) => row.try_get_unchecked(place),
            Row::Postgres(row) => row.try_get_unchecked(place),
        }
        .map_err(|error| unreadable("a column", &error))
    }

    pub(super) fn opt_int(&self, column: &'static str) -> Result<Option<i64>, StoreError> {
        get!(self, column)
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
        get!(self, column)
    }

    pub(super) fn real(&self, column: &'static str) -> Result<f64, StoreError> {
        self.opt_real(column)?.ok_or(StoreError::Unreadable { what: column, value: "null".to_owned() })
    }

    pub(super) fn opt_text(&self, column: &'static str) -> Result<Option<String>, StoreError> {
        get!(self, column)
    }

    pub(super) fn text(&self, column: &'static str) -> Result<String, StoreError> {
        self.opt_text(column)?.ok_or(StoreError::Unreadable { what: column, value: "null".to_owned() })
    }

    pub(super) fn bool(&self, column: &'static str) -> Result<bool, StoreError> {
        get!(self, column)
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

/// JSON of a value that always can be written.
pub(super) fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| panic!("a value of ours must have a JSON form: {error}"))
}

/// A connection, the writer's own or one of the readers'.
pub(super) enum Conn {
    Sqlite { place: Arc<str>, conn: SqliteConnection },
    SqliteReader { place: Arc<str>, conn: PoolConnection<Sqlite> },
    Postgres { place: Arc<str>, conn: PgConnection },
    PostgresReader { place: Arc<str>, conn: PoolConnection<Postgres> },
}

/// The driver's connection.
pub(super) enum Native<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

/// A statement with its values, for either driver. PostgreSQL stores no character of code 0.
macro_rules! bound {
    ($sql:expr, $values:expr, $text:expr, $rows:expr) => {
        $values.into_iter().fold(sqlx::query($sql), |query, value| match value {
            Value::Int(v) => query.bind(v),
            Value::Real(v) => query.bind(v),
            Value::Text(v) => query.bind(v.map($text)),
            Value::Bool(v) => query.bind(v),
            Value::Rows(v) => query.bind($rows(v)),
        })
    };
}

impl Conn {
    /// The driver's connection.
    pub(super) fn native(&mut self) -> Native<'_> {
        match self {
            Conn::Sqlite { conn, .. } => Native::Sqlite(conn),
            Conn::SqliteReader { conn, .. } => Native::Sqlite(&mut *conn),
            Conn::Postgres { conn, .. } => Native::Postgres(conn),
            Conn::PostgresReader { conn, .. } => Native::Postgres(&mut *conn),
        }
    }

    /// A driver's error as a fact.
    pub(super) fn translate(&self, statement: &'static str, error: &sqlx::Error) -> StoreError {
        match self {
            Conn::Sqlite { place, .. } | Conn::SqliteReader { place, .. } => sqlite::translate(place, statement, error),
            Conn::Postgres { place, .. } | Conn::PostgresReader { place, .. } => {
                postgres::translate(place, statement, error)
            }
        }
    }

    /// Runs a statement; the number of rows it changed.
    pub(super) async fn run(&mut self, statement: Statement, values: Vec<Value>) -> Result<u64, StoreError> {
        self.execute(statement.name, statement.text.into_sql_str(), values).await
    }

    /// Runs a text that was made of names of our own; the number of rows it changed.
    pub(super) async fn run_made(
        &mut self,
        name: &'static str,
        text: &str,
        values: Vec<Value>,
    ) -> Result<u64, StoreError> {
        self.execute(name, sqlx::AssertSqlSafe(text).into_sql_str(), values).await
    }

    async fn execute(&mut self, name: &'static str, sql: SqlStr, values: Vec<Value>) -> Result<u64, StoreError> {
        let outcome = match self.native() {
            Native::Sqlite(conn) => bound!(sql, values, std::convert::identity, std::convert::identity)
                .execute(conn)
                .await
                .map(|done| done.rows_affected()),
            Native::Postgres(conn) => bound!(sql, values, storable, postgres::storable_rows)
                .execute(conn)
                .await
                .map(|done| done.rows_affected()),
        };
        outcome.map_err(|error| self.translate(name, &error))
    }

    /// All rows of a statement.
    pub(super) async fn rows(&mut self, statement: Statement, values: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        self.fetch(statement.name, statement.text.into_sql_str(), values).await
    }

    /// All rows of a text that was made of names of our own.
    pub(super) async fn rows_made(
        &mut self,
        name: &'static str,
        text: &str,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        self.fetch(name, sqlx::AssertSqlSafe(text).into_sql_str(), values).await
    }

    /// All rows of a statement as tuples of these columns, in no order. They come as one text: a driver takes far longer to hand
    /// over a row than a database to read one, which counts where there are hundreds.
    pub(super) async fn tuples<T: serde::de::DeserializeOwned>(
        &mut self,
        statement: Statement,
        columns: &'static str,
        values: Vec<Value>,
    ) -> Result<Vec<T>, StoreError> {
        let (open, close) = match self.native() {
            Native::Sqlite(_) => ("json_group_array(json_array(", "))"),
            Native::Postgres(_) => ("cast(json_agg(json_build_array(", ")) as text)"),
        };
        let text = format!("select {open}{columns}{close} as packed from ({}) packed_rows", statement.text);
        for row in self.rows_made(statement.name, &text, values).await? {
            // Nothing at all is null to one of the engines.
            let Some(packed) = row.opt_text("packed")? else { continue };
            return serde_json::from_str(&packed)
                .map_err(|error| StoreError::Unreadable { what: statement.name, value: error.to_string() });
        }
        Ok(Vec::new())
    }

    async fn fetch(&mut self, name: &'static str, sql: SqlStr, values: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let outcome = match self.native() {
            Native::Sqlite(conn) => bound!(sql, values, std::convert::identity, std::convert::identity)
                .fetch_all(conn)
                .await
                .map(|rows| rows.into_iter().map(Row::Sqlite).collect()),
            Native::Postgres(conn) => bound!(sql, values, storable, postgres::storable_rows)
                .fetch_all(conn)
                .await
                .map(|rows| rows.into_iter().map(Row::Postgres).collect()),
        };
        outcome.map_err(|error| self.translate(name, &error))
    }

    /// The first row of a statement, if there is one.
    pub(super) async fn row(&mut self, statement: Statement, values: Vec<Value>) -> Result<Option<Row>, StoreError> {
        let outcome = match self.native() {
            Native::Sqlite(conn) => bound!(statement.text, values, std::convert::identity, std::convert::identity)
                .fetch_optional(conn)
                .await
                .map(|row| row.map(Row::Sqlite)),
            Native::Postgres(conn) => bound!(statement.text, values, storable, postgres::storable_rows)
                .fetch_optional(conn)
                .await
                .map(|row| row.map(Row::Postgres)),
        };
        outcome.map_err(|error| self.translate(statement.name, &error))
    }

    /// The row of a statement that always gives one.
    pub(super) async fn one(&mut self, statement: Statement, values: Vec<Value>) -> Result<Row, StoreError> {
        let missing = StoreError::Statement { statement: statement.name, detail: "gave no row".to_owned() };
        self.row(statement, values).await?.ok_or(missing)
    }

    /// Transaction control, pragmas, definitions: no values, no rows; several at once.
    pub(super) async fn control(&mut self, text: &'static str) -> Result<(), StoreError> {
        let outcome = match self.native() {
            Native::Sqlite(conn) => sqlx::raw_sql(text).execute(conn).await.map(drop),
            Native::Postgres(conn) => sqlx::raw_sql(text).execute(conn).await.map(drop),
        };
        outcome.map_err(|error| self.translate("control", &error))
    }

    /// Begins a transaction that writes, and the savepoint `item` in it: there is never another transaction that writes at the
    /// same time, in whatever process.
    pub(super) async fn begin_write(&mut self) -> Result<(), StoreError> {
        match self.native() {
            Native::Sqlite(_) => self.control("begin immediate; savepoint item").await,
            Native::Postgres(_) => self.control(postgres::BEGIN_WRITE).await,
        }
    }

    /// Begins a transaction that sees the database as it is now, whatever others write meanwhile.
    pub(super) async fn begin_snapshot(&mut self) -> Result<(), StoreError> {
        match self.native() {
            // The moment is that of the first reading.
            Native::Sqlite(_) => self.control("begin; select count(*) from campaigns").await,
            Native::Postgres(_) => self.control("begin isolation level repeatable read, read only").await,
        }
    }

    /// Whether the database takes writes: writes a little, and commits it.
    pub(super) async fn probe(&mut self) -> Result<(), StoreError> {
        match self.native() {
            // Writes one page; nothing reads the number.
            Native::Sqlite(_) => self.control("pragma user_version = 1").await,
            // A record of the log that no one reads.
            Native::Postgres(_) => self.control("select pg_logical_emit_message(true, 'lull', 'probe')").await,
        }
    }

    /// Whether whoever is at the other end is still there. A file is.
    pub(super) async fn ping(&mut self) -> Result<(), StoreError> {
        match self.native() {
            Native::Sqlite(_) => Ok(()),
            Native::Postgres(_) => self.control("select 1").await,
        }
    }

    /// Makes what a connection before this one wrote durable before anything is built upon it. SQLite: everything the log
    /// holds is written to the file and synced anew. PostgreSQL has recovered when it takes a connection.
    pub(super) async fn settle(&mut self) -> Result<(), StoreError> {
        match self.native() {
            Native::Sqlite(_) => self.control("pragma wal_checkpoint(truncate)").await,
            Native::Postgres(_) => Ok(()),
        }
    }

    /// What makes the next start quicker.
    pub(super) async fn tidy(&mut self) -> Result<(), StoreError> {
        match self.native() {
            Native::Sqlite(_) => self.control("pragma optimize; pragma wal_checkpoint(truncate)").await,
            Native::Postgres(_) => Ok(()),
        }
    }

    /// Asks the database whether it accepts a statement, without running it.
    #[cfg(test)]
    pub(super) async fn prepare(&mut self, statement: Statement) -> Result<(), StoreError> {
        use sqlx::Executor as _;
        let outcome = match self.native() {
            Native::Sqlite(conn) => conn.prepare(statement.text.into_sql_str()).await.map(drop),
            Native::Postgres(conn) => conn.prepare(statement.text.into_sql_str()).await.map(drop),
        };
        outcome.map_err(|error| self.translate(statement.name, &error))
    }

    /// How SQLite would answer a statement.
    #[cfg(test)]
    pub(super) async fn explain(&mut self, statement: Statement) -> Result<Vec<String>, StoreError> {
        let text = sqlx::AssertSqlSafe(format!("explain query plan {}", statement.text));
        let Native::Sqlite(conn) = self.native() else { return Ok(Vec::new()) };
        match sqlx::query(text).fetch_all(conn).await {
            Ok(rows) => Ok(rows.iter().filter_map(|row| row.try_get("detail").ok()).collect()),
            Err(error) => Err(self.translate(statement.name, &error)),
        }
    }
}

/// The database: where connections come from.
pub(super) struct Db {
    place: DatabasePlace,
    shown: Arc<str>,
    engine: Engine,
}

enum Engine {
    Sqlite { path: PathBuf, readers: SqlitePool, size_max_pages: Option<u32> },
    Postgres { readers: PgPool, options: PgConnectOptions, alone: bool },
}

impl Db {
    /// The database at a place. Opens nothing yet. `alone`: its writer is the one service's, of which PostgreSQL takes no
    /// second one; `size_max_pages`: most pages of a file.
    ///
    /// # Errors
    /// The address of a server cannot be understood.
    pub(super) fn at(place: DatabasePlace, alone: bool, size_max_pages: Option<u32>) -> Result<Db, StoreError> {
        let shown: Arc<str> = place.to_string().into();
        let engine = match &place {
            DatabasePlace::File(path) => {
                Engine::Sqlite { path: path.clone(), readers: sqlite::readers(path), size_max_pages }
            }
            DatabasePlace::Server(server) => {
                let options = postgres::options(&shown, server)?;
                Engine::Postgres { readers: postgres::readers(&options), options, alone }
            }
        };
        Ok(Db { place, shown, engine })
    }

    pub(super) fn place(&self) -> &DatabasePlace {
        &self.place
    }

    /// A connection that writes. `create`: a file may be made.
    pub(super) async fn writer(&self, create: bool) -> Result<Conn, StoreError> {
        let place = Arc::clone(&self.shown);
        match &self.engine {
            Engine::Sqlite { path, size_max_pages, .. } => {
                Ok(Conn::Sqlite { place, conn: sqlite::writer(path, create, *size_max_pages).await? })
            }
            Engine::Postgres { options, alone, .. } => {
                let conn = postgres::writer(&place, options, *alone).await?;
                Ok(Conn::Postgres { place, conn })
            }
        }
    }

    /// One of the readers.
    pub(super) async fn reader(&self) -> Result<Conn, StoreError> {
        let place = Arc::clone(&self.shown);
        match &self.engine {
            Engine::Sqlite { readers, .. } => match readers.acquire().await {
                Ok(conn) => Ok(Conn::SqliteReader { place, conn }),
                Err(error) => Err(sqlite::translate(&place, "open", &error)),
            },
            Engine::Postgres { readers, .. } => match readers.acquire().await {
                Ok(conn) => Ok(Conn::PostgresReader { place, conn }),
                Err(error) => Err(postgres::translate(&place, "open", &error)),
            },
        }
    }

    /// A file of its own for work that need not survive a crash; SQLite whatever the database is.
    pub(super) async fn scratch(path: &Path) -> Result<Conn, StoreError> {
        let conn = sqlite::scratch(path).await?;
        Ok(Conn::Sqlite { place: path.display().to_string().into(), conn })
    }

    pub(super) async fn close(&self) {
        match &self.engine {
            Engine::Sqlite { readers, .. } => readers.close().await,
            Engine::Postgres { readers, .. } => readers.close().await,
        }
    }
}
