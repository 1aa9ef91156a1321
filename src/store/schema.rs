//! The database's shape: the migration series, and the checks before a file is taken for ours.

use std::borrow::Cow;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr as _};

use super::db::{Conn, Native, Statement, statements};
use super::error::StoreError;

/// `LULL` in ASCII, in SQLite's header: tells our files from those of others.
const APPLICATION_ID: i64 = 0x4c55_4c4c;

/// Number, name and text of every migration, oldest first.
const SERIES: &[(i64, &str, &str)] = &[
    (1, "campaigns and leads", include_str!("../../migrations/0001_campaigns_and_leads.sql")),
    (2, "attempts and calls", include_str!("../../migrations/0002_attempts_and_calls.sql")),
    (3, "ledgers", include_str!("../../migrations/0003_ledgers.sql")),
    (4, "people", include_str!("../../migrations/0004_people.sql")),
    (5, "decisions", include_str!("../../migrations/0005_decisions.sql")),
    (6, "imports", include_str!("../../migrations/0006_imports.sql")),
    (7, "api keys", include_str!("../../migrations/0007_api_keys.sql")),
    (8, "figures", include_str!("../../migrations/0008_figures.sql")),
    (9, "webhooks", include_str!("../../migrations/0009_webhooks.sql")),
    (10, "idempotency", include_str!("../../migrations/0010_idempotency.sql")),
    (11, "selection", include_str!("../../migrations/0011_selection.sql")),
    (12, "numbers", include_str!("../../migrations/0012_numbers.sql")),
    (13, "import jobs", include_str!("../../migrations/0013_import_jobs.sql")),
    (14, "callbacks", include_str!("../../migrations/0014_callbacks.sql")),
    (15, "exports", include_str!("../../migrations/0015_exports.sql")),
    (16, "days of figures", include_str!("../../migrations/0016_days_of_figures.sql")),
    (17, "numbers of imports", include_str!("../../migrations/0017_numbers_of_imports.sql")),
    (18, "live limits", include_str!("../../migrations/0018_live_limits.sql")),
    (19, "recordings", include_str!("../../migrations/0019_recordings.sql")),
    (20, "recorded callers", include_str!("../../migrations/0020_recorded_callers.sql")),
    (21, "consent chain", include_str!("../../migrations/0021_consent_chain.sql")),
    (22, "messages", include_str!("../../migrations/0022_messages.sql")),
    (23, "pre-registrations", include_str!("../../migrations/0023_pre_registrations.sql")),
    (24, "links", include_str!("../../migrations/0024_links.sql")),
    (25, "outreach", include_str!("../../migrations/0025_outreach.sql")),
    (26, "orders", include_str!("../../migrations/0026_orders.sql")),
];

/// On PostgreSQL the first migration makes what the common text uses of SQLite's functions: the items of a JSON array, and the
/// merging of an object into another (RFC 7396, for objects of plain members without nulls).
const SERVER_FUNCTIONS: &str = "
create function json_each(rows text) returns table (value jsonb)
    language sql immutable strict parallel safe rows 200
    as $$ select item from jsonb_array_elements(cast(rows as jsonb)) as items (item) $$;
create function json_patch(target text, patch text) returns text
    language sql immutable strict parallel safe
    as $$ select cast(cast(target as jsonb) || cast(patch as jsonb) as text) $$;
";

statements! {
    SCHEMA_VERSION = "select max(version) as version from _sqlx_migrations";
}

const APPLICATION: Statement = Statement {
    name: "APPLICATION",
    text: "select application_id as id, (select count(*) from sqlite_master where name not like 'sqlite_%') as tables
           from pragma_application_id",
};
const QUICK_CHECK: Statement = Statement { name: "QUICK_CHECK", text: "pragma quick_check(1)" };
const SERVER_TABLES: Statement = Statement {
    name: "SERVER_TABLES",
    text: "select count(*) as tables, count(*) filter (where tablename = 'campaign_revisions') as ours
           from pg_tables where schemaname = current_schema()",
};

const FILE_HAS_SERIES: Statement = Statement {
    name: "FILE_HAS_SERIES",
    text: "select count(*) as count from sqlite_master where name = '_sqlx_migrations'",
};
const SERVER_HAS_SERIES: Statement = Statement {
    name: "SERVER_HAS_SERIES",
    text: "select count(*) as count from pg_tables
           where schemaname = current_schema() and tablename = '_sqlx_migrations'",
};

/// The schema a database has, without changing it; none where there is none of ours.
pub(super) async fn found(conn: &mut Conn) -> Result<Option<i64>, StoreError> {
    let has_series = match conn.native() {
        Native::Sqlite(_) => FILE_HAS_SERIES,
        Native::Postgres(_) => SERVER_HAS_SERIES,
    };
    if conn.one(has_series, vec![]).await?.int("count")? == 0 {
        return Ok(None);
    }
    conn.one(SCHEMA_VERSION, vec![]).await?.opt_int("version")
}

/// The newest schema this program knows.
pub(super) fn newest() -> i64 {
    SERIES.iter().map(|(version, _, _)| *version).max().unwrap_or(0)
}

/// Brings the database to the newest schema, after making sure that it is ours.
pub(super) async fn prepare(conn: &mut Conn, place: &str, quick_check: bool) -> Result<(), StoreError> {
    let foreign = StoreError::ForeignDatabase { place: place.to_owned() };
    match conn.native() {
        Native::Sqlite(_) => {
            let row = conn.one(APPLICATION, vec![]).await?;
            let ours = row.int("id")? == APPLICATION_ID;
            if !ours && row.int("tables")? > 0 {
                return Err(foreign);
            }
            if quick_check {
                let verdict = conn.one(QUICK_CHECK, vec![]).await?.text("quick_check")?;
                if verdict != "ok" {
                    return Err(StoreError::Damaged { place: place.to_owned(), detail: verdict });
                }
            }
            if !ours {
                const SET_APPLICATION_ID: &str = "pragma application_id = 1280658508";
                debug_assert!(SET_APPLICATION_ID.ends_with(&APPLICATION_ID.to_string()));
                conn.control(SET_APPLICATION_ID).await?;
            }
        }
        Native::Postgres(_) => {
            let row = conn.one(SERVER_TABLES, vec![]).await?;
            if row.int("tables")? > 0 && row.int("ours")? == 0 {
                return Err(foreign);
            }
        }
    }
    migrate(conn, place).await
}

async fn migrate(conn: &mut Conn, place: &str) -> Result<(), StoreError> {
    // A second process that opens a new database at the same moment makes one of the two fail; the second try finds the
    // work done.
    let outcome = match run_series(conn).await {
        Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(_, _)) => run_series(conn).await,
        other => other,
    };
    outcome.map_err(|error| match error {
        MigrateError::VersionMissing(found) => {
            StoreError::NewerSchema { place: place.to_owned(), found, known: newest() }
        }
        MigrateError::VersionMismatch(version) => StoreError::ChangedMigration { place: place.to_owned(), version },
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => conn.translate("migration", &error),
        other => StoreError::CannotOpen { place: place.to_owned(), detail: other.to_string() },
    })
}

async fn run_series(conn: &mut Conn) -> Result<(), MigrateError> {
    match conn.native() {
        Native::Sqlite(conn) => Migrator::with_migrations(SERIES.iter().map(of_file).collect()).run(conn).await,
        Native::Postgres(conn) => Migrator::with_migrations(SERIES.iter().map(of_server).collect()).run(conn).await,
    }
}

fn of_file((version, name, text): &(i64, &'static str, &'static str)) -> Migration {
    // SQLite's rowid is only used for a key that is declared by exactly these words; it saves one b-tree per table.
    migration(*version, name, text.replace("bigint primary key", "integer primary key"))
}

fn of_server((version, name, text): &(i64, &'static str, &'static str)) -> Migration {
    let before = if *version == 1 { SERVER_FUNCTIONS } else { "" };
    migration(*version, name, format!("{before}{}", compared_by_code(text)))
}

/// Texts are compared by the codes of their characters, as SQLite does it and whatever the database was made with: the same
/// order on every page, and indexes that no update of the system's languages can break.
fn compared_by_code(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 1024);
    for line in text.lines() {
        // A column is its name and its type; one that is added comes after the word for it.
        let from = line.find(" column ").map_or(0, |at| at + " column ".len());
        let (before, declared) = line.split_at(from);
        let name = declared.trim_start().split(' ').next().unwrap_or_default();
        let at = before.len() + (declared.len() - declared.trim_start().len()) + name.len();
        let rest = line.get(at..).unwrap_or_default();
        let kind = rest.trim_start();
        let is_text =
            kind.strip_prefix("text").is_some_and(|after| after.is_empty() || after.starts_with([' ', ',', ';']));
        if is_text && !name.starts_with("--") {
            let spaces = rest.len() - kind.len();
            out.push_str(line.get(..at + spaces + "text".len()).unwrap_or_default());
            out.push_str(" collate \"C\"");
            out.push_str(kind.get("text".len()..).unwrap_or_default());
        } else {
            out.push_str(line);
        }
        out.push('\n');
    }
    out
}

fn migration(version: i64, name: &'static str, text: String) -> Migration {
    let sql = AssertSqlSafe(text).into_sql_str();
    Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql, false)
}

/// The schema the file has, for `doctor`.
pub(super) async fn version(conn: &mut Conn) -> Result<i64, StoreError> {
    conn.one(SCHEMA_VERSION, vec![]).await?.int("version")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_numbered_without_gaps_and_use_portable_types_only() {
        for (place, (version, _, text)) in SERIES.iter().enumerate() {
            assert_eq!(*version, place as i64 + 1);
            let code: String =
                text.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join("\n");
            for word in ["integer", "autoincrement", "strict", "rowid", "datetime", "now()", "blob", "real", "default"]
            {
                assert!(
                    !code.split(|c: char| !c.is_alphanumeric() && c != '(' && c != ')').any(|w| w == word),
                    "{word}"
                );
            }
        }
    }
    #[test]
    fn a_server_compares_every_text_by_code() {
        let text = "-- a text about texts\ncreate table t (\n    key  text primary key,\n    text text not null check (text in ('a')),\n    n bigint,\n    o text\n);\nalter table t add column p text;\n";
        let expected = "-- a text about texts\ncreate table t (\n    key  text collate \"C\" primary key,\n    text text collate \"C\" not null check (text in ('a')),\n    n bigint,\n    o text collate \"C\"\n);\nalter table t add column p text collate \"C\";\n";
        assert_eq!(compared_by_code(text), expected);
    }
}
