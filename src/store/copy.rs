//! The whole database into another: from SQLite to PostgreSQL and back, into backups and out of them.
//!
//! A copy is made from one moment of its source, put into an empty database in one transaction, and read back from there
//! before that transaction is committed: it is there whole and equal, or not at all. Read [`copy_database`] first.

use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::db::{Conn, Db, Native, Row, Statement, Value, params, rows as batch};
use super::error::StoreError;
use super::{Opener, Options, Store, schema};
use crate::model::database::{DatabasePlace, beside};

/// Rows read and written at once.
const ROWS_AT_ONCE: usize = 2000;

/// Every table, each after those it refers to, with the columns of its key.
const TABLES: &[(&str, &[&str])] = &[
    ("campaigns", &["key"]),
    ("campaign_revisions", &["campaign", "revision"]),
    ("group_controls", &["group_name"]),
    ("campaign_limits", &["campaign"]),
    ("lists", &["id"]),
    ("leads", &["id"]),
    ("lead_numbers", &["lead_id", "place"]),
    ("campaign_zones", &["campaign", "zones"]),
    ("imports", &["id"]),
    ("import_jobs", &["id"]),
    ("lead_updates", &["import_id", "lead_id"]),
    ("list_templates", &["name"]),
    ("attempts", &["id"]),
    ("results", &["direction", "call_id", "revision"]),
    ("inbound_calls", &["id"]),
    ("recorded_callers", &["id"]),
    ("recordings", &["direction", "call_id"]),
    ("gate_changes", &["id"]),
    ("agent_states", &["id"]),
    ("refusals", &["campaign", "day", "code"]),
    ("dialogs", &["id"]),
    ("suppressions", &["id"]),
    ("consents", &["id"]),
    ("consent_chain", &["place"]),
    ("messages", &["id"]),
    ("message_parts", &["message_id", "part"]),
    ("early_receipts", &["gateway", "gateway_id"]),
    ("message_pieces", &["gateway", "number", "ours", "reference", "pieces", "piece"]),
    ("outreaches", &["campaign", "name"]),
    ("outreach_recipients", &["campaign", "outreach", "lead_id"]),
    ("pre_registrations", &["id"]),
    ("links", &["id"]),
    ("visits", &["id"]),
    ("codes", &["id"]),
    ("landing_forms", &["id"]),
    ("reviews", &["message_id"]),
    ("orders", &["id"]),
    ("order_changes", &["order_id", "place"]),
    ("audit", &["id"]),
    ("users", &["id"]),
    ("user_sessions", &["id"]),
    ("decisions", &["id"]),
    ("api_keys", &["id"]),
    ("figures", &["campaign", "hour", "list_id", "agent_id", "disposition", "result"]),
    ("figures_kept", &["campaign", "hour", "list_id", "agent_id", "disposition", "result"]),
    ("figures_stale", &["campaign", "hour"]),
    ("figures_days", &["campaign", "kind", "day", "number", "word"]),
    ("figures_days_due", &["campaign", "day"]),
    ("kept_answers", &["id"]),
    ("exports", &["id"]),
    ("webhooks", &["id"]),
    ("webhook_events", &["id"]),
    ("webhook_deliveries", &["webhook_id", "event_id"]),
    ("webhook_attempts", &["id"]),
];

const FILE_COLUMNS: Statement = Statement {
    name: "FILE_COLUMNS",
    text: "select name, lower(type) as kind from pragma_table_info($1) order by cid",
};
const SERVER_COLUMNS: Statement = Statement {
    name: "SERVER_COLUMNS",
    text: "select cast(column_name as text) as name, cast(data_type as text) as kind from information_schema.columns
           where table_schema = current_schema() and table_name = $1 order by ordinal_position",
};
const FILE_FAULTS: Statement = Statement { name: "FILE_FAULTS", text: "pragma integrity_check(100)" };
const FILE_STRAYS: Statement = Statement {
    name: "FILE_STRAYS",
    text: "select \"table\" as found, rowid as row, parent from pragma_foreign_key_check limit 100",
};
const SERVER_FAULTS: Statement = Statement {
    name: "SERVER_FAULTS",
    text: "select 'the index ' || cast(c.relname as text) || ' is not valid' as fault
           from pg_index i join pg_class c on c.oid = i.indexrelid
           where not i.indisvalid and c.relnamespace = (select oid from pg_namespace where nspname = current_schema())",
};
const VACUUM_INTO: Statement = Statement { name: "VACUUM_INTO", text: "vacuum into $1" };

/// How far a copy is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopyProgress {
    /// Rows that were written, and read back.
    pub rows: u64,
    /// Rows to be written and to be read back; known from the start.
    pub of: u64,
}

/// What was copied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Copied {
    /// Rows of each table, in the order in which they were copied.
    pub tables: Vec<(&'static str, u64)>,
    /// SHA-256 of all values, equal in source and copy.
    pub digest: String,
}

impl Copied {
    /// Rows of all tables.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|(_, rows)| rows).sum()
    }
}

/// The portable types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Int,
    Text,
    Bool,
    Real,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Column {
    name: String,
    kind: Kind,
}

/// Copies all of a database into an empty one, in one transaction, and compares both.
///
/// No service may use the target; where `hot` is not set, none may use the source: whatever it writes after the copy has
/// begun is not in it.
///
/// # Errors
/// [`StoreError::Unfit`] for a target that is not empty, [`StoreError::Damaged`] for a copy that differs, and whatever either
/// database has to say. The target is as it was.
pub async fn copy_database(
    from: &DatabasePlace,
    to: &DatabasePlace,
    hot: bool,
    progress: &mut (dyn FnMut(CopyProgress) + Send),
) -> Result<Copied, StoreError> {
    let opener = if hot { Opener::Command } else { Opener::Service };
    let source = Store::open(from, Options { opener, ..Options::default() }).await?;
    // Results that were kept while the database could not take them belong to it.
    source.write(|_| Box::pin(async { Ok(()) })).await?;
    let target = Store::open(to, Options::default()).await?;
    let copied = async {
        let mut reading = source.reader().await?;
        let mut writing = Db::at(to.clone(), false, None)?.writer(false).await?;
        reading.begin_snapshot().await?;
        writing.begin_write().await?;
        let copied = copy(&mut reading, &mut writing, to, progress).await?;
        writing.control("release item; commit").await?;
        Ok(copied)
    };
    let copied = copied.await;
    target.close().await;
    source.close().await;
    copied
}

async fn copy(
    reading: &mut Conn,
    writing: &mut Conn,
    to: &DatabasePlace,
    progress: &mut (dyn FnMut(CopyProgress) + Send),
) -> Result<Copied, StoreError> {
    let mut state = CopyProgress::default();
    for (table, _) in TABLES {
        if count(writing, table).await? > 0 {
            return Err(StoreError::Unfit {
                what: "database to copy into",
                value: to.to_string(),
                expected: format!("an empty one; its table {table} has rows"),
            });
        }
        state.of += 2 * count(reading, table).await?;
    }
    let mut whole = Sha256::new();
    let mut copied = Copied::default();
    for (table, key) in TABLES {
        let columns = columns(reading, table).await?;
        let theirs = self::columns(writing, table).await?;
        let insert = insert(table, &columns);
        // SQLite reads a number in JSON to within a last bit of what it was, which is not the same number.
        let real = columns.iter().any(|column| column.kind == Kind::Real);
        let one_by_one = (real && matches!(writing.native(), Native::Sqlite(_))).then(|| insert_one(table, &columns));
        let mut written = Sha256::new();
        let mut from = Pages::of(table, key, &columns);
        let mut rows = 0;
        while let Some(page) = from.next(reading).await? {
            rows += page.len() as u64;
            page.iter().for_each(|row| digest(&mut written, row));
            match &one_by_one {
                Some(insert) => {
                    for row in page {
                        writing.run_made("copy", insert, row).await?;
                    }
                }
                None => drop(writing.run_made("copy", &insert, vec![batch(page)]).await?),
            }
            state.rows = (state.rows + ROWS_AT_ONCE as u64).min(state.of);
            progress(state);
        }
        let (mut found, mut there) = (Sha256::new(), 0);
        let mut back = Pages::of(table, key, &columns);
        while let Some(page) = back.next(writing).await? {
            there += page.len() as u64;
            page.iter().for_each(|row| digest(&mut found, row));
            state.rows = (state.rows + ROWS_AT_ONCE as u64).min(state.of);
            progress(state);
        }
        let (written, found) = (written.finalize(), found.finalize());
        if columns != theirs || written != found || rows != there {
            let detail = format!("after copying, its table {table} differs from the source: {there} rows of {rows}");
            return Err(StoreError::Damaged { place: to.to_string(), detail });
        }
        whole.update(written);
        copied.tables.push((table, rows));
    }
    copied.digest = whole.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(copied)
}

async fn count(conn: &mut Conn, table: &str) -> Result<u64, StoreError> {
    let rows = conn.rows_made("copy", &format!("select count(*) as count from {table}"), vec![]).await?;
    rows.first().map_or(Ok(0), |row| row.count("count"))
}

/// The columns of a table. Both engines list them in the order in which they were declared.
async fn columns(conn: &mut Conn, table: &str) -> Result<Vec<Column>, StoreError> {
    let statement = match conn.native() {
        Native::Sqlite(_) => FILE_COLUMNS,
        Native::Postgres(_) => SERVER_COLUMNS,
    };
    let rows = conn.rows(statement, params![table]).await?;
    rows.iter()
        .map(|row| {
            let kind = match row.text("kind")?.as_str() {
                "integer" | "bigint" => Kind::Int,
                "text" => Kind::Text,
                "boolean" => Kind::Bool,
                "double precision" => Kind::Real,
                other => return Err(StoreError::Unreadable { what: "type of a column", value: other.to_owned() }),
            };
            Ok(Column { name: row.text("name")?, kind })
        })
        .collect()
}

fn insert(table: &str, columns: &[Column]) -> String {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let values: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(place, column)| match column.kind {
            Kind::Int => format!("cast(j.value ->> {place} as bigint)"),
            Kind::Text => format!("j.value ->> {place}"),
            Kind::Bool => format!("cast(j.value ->> {place} as boolean)"),
            Kind::Real => format!("cast(j.value ->> {place} as double precision)"),
        })
        .collect();
    format!("insert into {table} ({}) select {} from json_each($1) j where true", names.join(", "), values.join(", "))
}

fn insert_one(table: &str, columns: &[Column]) -> String {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let places: Vec<String> = (1..=columns.len()).map(|place| format!("${place}")).collect();
    format!("insert into {table} ({}) values ({})", names.join(", "), places.join(", "))
}

/// A table, page by page in the order of its key.
struct Pages<'t> {
    table: &'t str,
    key: &'t [&'t str],
    columns: &'t [Column],
    /// The key of the last row that was read.
    last: Option<Vec<Value>>,
    done: bool,
}

impl<'t> Pages<'t> {
    fn of(table: &'t str, key: &'t [&'t str], columns: &'t [Column]) -> Pages<'t> {
        Pages { table, key, columns, last: None, done: false }
    }

    async fn next(&mut self, conn: &mut Conn) -> Result<Option<Vec<Vec<Value>>>, StoreError> {
        if self.done {
            return Ok(None);
        }
        let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        let key = self.key.join(", ");
        let after = match &self.last {
            None => String::new(),
            Some(last) => {
                let places: Vec<String> = (1..=last.len()).map(|place| format!("${place}")).collect();
                format!("where ({key}) > ({})", places.join(", "))
            }
        };
        let (table, names) = (self.table, names.join(", "));
        let text = format!("select {names} from {table} {after} order by {key} limit {ROWS_AT_ONCE}");
        let found = conn.rows_made("copy", &text, self.last.clone().unwrap_or_default()).await?;
        self.done = found.len() < ROWS_AT_ONCE;
        let rows = found.iter().map(|row| self.read(row)).collect::<Result<Vec<_>, _>>()?;
        let Some(last) = rows.last() else { return Ok(None) };
        let of_key = |name: &&str| self.columns.iter().position(|column| column.name == **name);
        self.last = Some(self.key.iter().filter_map(of_key).filter_map(|at| last.get(at).cloned()).collect());
        Ok(Some(rows))
    }

    fn read(&self, row: &Row) -> Result<Vec<Value>, StoreError> {
        let value = |(at, column): (usize, &Column)| {
            Ok(match column.kind {
                Kind::Int => Value::Int(row.at(at)?),
                Kind::Text => Value::Text(row.at::<Option<String>>(at)?.map(super::db::storable)),
                Kind::Bool => Value::Bool(row.at(at)?),
                Kind::Real => Value::Real(row.at(at)?),
            })
        };
        self.columns.iter().enumerate().map(value).collect()
    }
}

fn digest(hasher: &mut Sha256, row: &[Value]) {
    for value in row {
        let (kind, bytes): (u8, Vec<u8>) = match value {
            Value::Int(Some(v)) => (1, v.to_le_bytes().to_vec()),
            Value::Real(Some(v)) => (2, v.to_bits().to_le_bytes().to_vec()),
            Value::Text(Some(v)) => (3, v.as_bytes().to_vec()),
            Value::Rows(v) => (3, v.as_bytes().to_vec()),
            Value::Bool(Some(v)) => (4, vec![u8::from(*v)]),
            Value::Int(None) | Value::Real(None) | Value::Text(None) | Value::Bool(None) => (0, Vec::new()),
        };
        hasher.update([kind]);
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    }
}

/// Writes a backup: the database as it is at one moment, as one SQLite file whatever the database is. A service may run.
///
/// # Errors
/// [`StoreError::AlreadyExists`] for a file that is there, and whatever the database has to say; no file is left then.
pub async fn back_up(
    place: &DatabasePlace,
    file: &Path,
    progress: &mut (dyn FnMut(CopyProgress) + Send),
) -> Result<(), StoreError> {
    if file.exists() {
        return Err(StoreError::AlreadyExists { what: "file", name: file.display().to_string() });
    }
    let part = beside(file, "part");
    forget(&part);
    let written = async {
        match place {
            DatabasePlace::File(_) => {
                let store = Store::open(place, Options { opener: Opener::Command, ..Options::default() }).await?;
                let mut conn = Db::at(place.clone(), false, None)?.writer(false).await?;
                conn.run(VACUUM_INTO, params![part.display().to_string()]).await?;
                store.close().await;
            }
            DatabasePlace::Server(_) => {
                copy_database(place, &part.as_path().into(), true, progress).await?;
            }
        }
        // What cannot be read back is no backup.
        let checked = Options { opener: Opener::Command, quick_check: true, ..Options::default() };
        Store::open(&part, checked).await?.close().await;
        let failed = |error: std::io::Error| StoreError::CannotOpen {
            place: file.display().to_string(),
            detail: error.to_string(),
        };
        std::fs::File::open(&part).and_then(|file| file.sync_all()).map_err(failed)?;
        std::fs::rename(&part, file).map_err(failed)
    };
    let written = written.await;
    forget(&part);
    written
}

/// Brings a backup into an empty database, of whichever engine. The file stays as it is.
///
/// # Errors
/// As [`copy_database`].
pub async fn restore(
    file: &Path,
    place: &DatabasePlace,
    progress: &mut (dyn FnMut(CopyProgress) + Send),
) -> Result<Copied, StoreError> {
    // A backup of an earlier program is brought to the schema of this one: in a file of its own.
    let work = place.beside("restoring");
    forget(&work);
    let failed =
        |error: std::io::Error| StoreError::CannotOpen { place: file.display().to_string(), detail: error.to_string() };
    let copied = match std::fs::copy(file, &work).map_err(failed) {
        Ok(_) => copy_database(&work.as_path().into(), place, true, progress).await,
        Err(error) => Err(error),
    };
    forget(&work);
    copied
}

/// Removes a file of SQLite with everything that may be beside it.
fn forget(path: &Path) {
    let with = |end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    for file in [path.to_path_buf(), with("-wal"), with("-shm"), with(".lock"), with(".results")] {
        // Most are not there.
        let _ = std::fs::remove_file(file);
    }
}

impl Store {
    /// What is wrong with the database itself: its pages and indexes, and rows that refer to nothing.
    pub async fn faults(&self) -> Result<Vec<String>, StoreError> {
        let mut conn = self.reader().await?;
        match conn.native() {
            Native::Sqlite(_) => {
                let rows = conn.rows(FILE_FAULTS, vec![]).await?;
                let mut faults = rows.iter().map(|row| row.text("integrity_check")).collect::<Result<Vec<_>, _>>()?;
                faults.retain(|fault| fault != "ok");
                for row in conn.rows(FILE_STRAYS, vec![]).await? {
                    let (table, parent) = (row.text("found")?, row.text("parent")?);
                    let id = row.opt_int("row")?.unwrap_or_default();
                    faults.push(format!("row {id} of {table} refers to a row of {parent} that is not there"));
                }
                Ok(faults)
            }
            Native::Postgres(_) => {
                let rows = conn.rows(SERVER_FAULTS, vec![]).await?;
                rows.iter().map(|row| row.text("fault")).collect()
            }
        }
    }
}

/// The schema of a database before it is opened, where there is one.
///
/// # Errors
/// The database cannot be reached.
pub async fn schema_of(place: &DatabasePlace) -> Result<Option<i64>, StoreError> {
    if place.file().is_some_and(|path| !path.exists()) {
        return Ok(None);
    }
    let mut conn = Db::at(place.clone(), false, None)?.writer(false).await?;
    schema::found(&mut conn).await
}
