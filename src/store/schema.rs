//! The database's shape: the migration series, and the checks before a file is taken for ours.

use std::borrow::Cow;
use std::path::Path;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr as _};

use super::db::{Conn, statements, translate};
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
];

statements! {
    APPLICATION = "select application_id as id from pragma_application_id";
    TABLES = "select count(*) as count from sqlite_master where name not like 'sqlite_%'";
    QUICK_CHECK = "pragma quick_check(1)";
    SCHEMA_VERSION = "select max(version) as version from _sqlx_migrations";
}

/// The newest schema this program knows.
pub(super) fn newest() -> i64 {
    SERIES.iter().map(|(version, _, _)| *version).max().unwrap_or(0)
}

/// Brings the file to the newest schema, after making sure that it is ours.
pub(super) async fn prepare(conn: &mut Conn, path: &Path, quick_check: bool) -> Result<(), StoreError> {
    let foreign = conn.one(APPLICATION, vec![]).await?.int("id")? != APPLICATION_ID;
    if foreign && conn.one(TABLES, vec![]).await?.int("count")? > 0 {
        return Err(StoreError::ForeignDatabase { path: path.to_path_buf() });
    }
    if quick_check {
        let verdict = conn.one(QUICK_CHECK, vec![]).await?.text("quick_check")?;
        if verdict != "ok" {
            return Err(StoreError::Damaged { path: path.to_path_buf(), detail: verdict });
        }
    }
    if foreign {
        const SET_APPLICATION_ID: &str = "pragma application_id = 1280658508";
        debug_assert!(SET_APPLICATION_ID.ends_with(&APPLICATION_ID.to_string()));
        conn.control(SET_APPLICATION_ID).await?;
    }
    migrate(conn, path).await
}

async fn migrate(conn: &mut Conn, path: &Path) -> Result<(), StoreError> {
    let migrator = Migrator::with_migrations(SERIES.iter().map(migration).collect());
    let Conn::Sqlite { conn, .. } = conn else { return Err(StoreError::Closed) };
    // A second process that opens a new file at the same moment makes one of the two fail; the second try finds the
    // work done.
    let outcome = match migrator.run(&mut *conn).await {
        Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(_, _)) => migrator.run(&mut *conn).await,
        other => other,
    };
    outcome.map_err(|error| match error {
        MigrateError::VersionMissing(found) => {
            StoreError::NewerSchema { path: path.to_path_buf(), found, known: newest() }
        }
        MigrateError::VersionMismatch(version) => StoreError::ChangedMigration { path: path.to_path_buf(), version },
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => translate(path, "migration", &error),
        other => StoreError::CannotOpen { path: path.to_path_buf(), detail: other.to_string() },
    })
}

fn migration((version, name, text): &(i64, &'static str, &'static str)) -> Migration {
    // SQLite's rowid is only used for a key that is declared by exactly these words; it saves one b-tree per table.
    let sqlite = text.replace("bigint primary key", "integer primary key");
    let sql = AssertSqlSafe(sqlite).into_sql_str();
    Migration::new(*version, Cow::Borrowed(*name), MigrationType::Simple, sql, false)
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
        assert_eq!(STATEMENTS.len(), 4);
    }
}
