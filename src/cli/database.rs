//! `lull db`, `lull backup` and `lull restore`: the database as a whole.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use serde::Serialize;

use super::place::Installation;
use super::{Failure, Outcome, Place, bar, show};
use crate::config::secret::first_line;
use crate::model::database::{AddressFault, DatabasePlace};
use crate::store::{self, Copied, CopyProgress};

/// No attempt takes as long: ring timeout, call and wrap-up together. What is live for longer was forgotten.
const ATTEMPT_MAX_S: u64 = 24 * 3600;

/// Checks the database, brings it up to date, copies it.
#[derive(Debug, Subcommand)]
pub(crate) enum Database {
    /// Brings the database to the schema of this program. The service does so by itself when it starts.
    Migrate,
    /// Looks for damage, and for rows that break the rules: attempts without an end, results that do not count.
    ///
    /// The service may run. Ends with 3 if something is wrong.
    Check,
    /// Copies everything into another, empty database, such as from SQLite to PostgreSQL, and compares both.
    Copy(Copy),
}

/// Copies everything into another, empty database. The service must be stopped; the copy is there whole or not at all.
#[derive(Debug, Args)]
pub(crate) struct Copy {
    /// Where to: postgres://USER@HOST/DATABASE, or the path of a file.
    to: String,
    /// File with the password of that server, in its first line; without it, what ~/.pgpass or PGPASSWORD says.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// Writes a backup of the database: one file, whatever the database is. The service may run.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The file; it must not be there yet.
    file: PathBuf,
}

/// Brings a backup into the database of the configuration, which must be empty. The service must be stopped.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The backup. It stays as it is.
    file: PathBuf,
}

#[derive(Debug, Serialize)]
struct Migrated {
    database: String,
    from: Option<i64>,
    to: i64,
}

#[derive(Debug, Serialize)]
struct Checked {
    database: String,
    schema: i64,
    faults: Vec<String>,
}

impl Database {
    pub(crate) fn run(self, place: &Place) -> Result<Outcome, Failure> {
        let installation = Installation::open(place)?;
        match self {
            Database::Migrate => migrate(place, &installation),
            Database::Check => check(place, &installation),
            Database::Copy(copy) => copy.run(place, &installation),
        }
    }
}

fn migrate(place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
    let database = &installation.config.data.database;
    let from = installation.block_on(store::schema_of(database))?;
    let (to, _) = installation.with_store(|store, _| async move { store.schema_version().await })?;
    let migrated = Migrated { database: database.to_string(), from, to };
    show(place.json, &migrated, || match from {
        None => format!("{database} was made, with schema {to}."),
        Some(from) if from == to => format!("{database} has schema {to} already."),
        Some(from) => format!("{database} was brought from schema {from} to {to}."),
    });
    Ok(Outcome::Done)
}

fn check(place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
    let database = &installation.config.data.database;
    if installation.block_on(store::schema_of(database))?.is_none() {
        return Err(Failure::new(format!("there is no database of lull at {database} yet; the service makes it")));
    }
    let (schema, faults) = installation.with_store(|store, now| async move {
        let (schema, _) = store.schema_version().await?;
        let mut faults = store.faults().await?;
        let broken = store.audit_sums(now, ATTEMPT_MAX_S).await?;
        faults.extend(broken.into_iter().map(|broken| {
            let store::Discrepancy { rule, object, found } = broken;
            format!("{rule}: {object} is {found}")
        }));
        Ok((schema, faults))
    })?;
    let checked = Checked { database: database.to_string(), schema, faults };
    show(place.json, &checked, || match checked.faults.is_empty() {
        true => format!("{database} is sound, with schema {schema}."),
        false => format!("{database} has faults:\n  {}", checked.faults.join("\n  ")),
    });
    Ok(if checked.faults.is_empty() { Outcome::Done } else { Outcome::Findings })
}

impl Copy {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let folder = std::env::current_dir()?;
        let to = DatabasePlace::read(&self.to, &folder).map_err(|fault| {
            Failure::new(match fault {
                AddressFault::Password => format!("{fault}, and addresses are shown: use --password-file"),
                AddressFault::NoDatabase => format!("{fault}; expected postgres://USER@HOST/DATABASE"),
            })
        })?;
        let password = self.password_file.as_deref().map(first_line).transpose();
        let password = password.map_err(|says| Failure::new(format!("{says}; its first line is the password")))?;
        let to = to.with_password(password.map(|password| password.reveal().to_owned()));
        let from = &installation.config.data.database;
        let bar = bar(place.json);
        let copied =
            installation.block_on(store::copy_database(from, &to, false, &mut |progress| draw(&bar, progress)))?;
        bar.finish_and_clear();
        show(place.json, &copied, || {
            let next = format!("To use it, set data.database = \"{to}\" and start the service.");
            format!("{}\nThe copy was read back and is equal to its source.\n{next}", rows_of(&copied))
        });
        Ok(Outcome::Done)
    }
}

impl Backup {
    pub(crate) fn run(self, place: &Place) -> Result<Outcome, Failure> {
        let installation = Installation::open(place)?;
        let data = &installation.config.data;
        let bar = bar(place.json);
        let mut drawn = |progress| draw(&bar, progress);
        installation.block_on(store::back_up(&data.database, &self.file, &mut drawn))?;
        bar.finish_and_clear();
        let bytes = std::fs::metadata(&self.file)?.len();
        let told = serde_json::json!({ "file": self.file, "bytes": bytes, "database": data.database.to_string() });
        show(place.json, &told, || {
            format!(
                "{} holds the whole database ({:.1} MB) and was read back. Not in it: the configuration, and recordings \
                 in {}.",
                self.file.display(),
                bytes as f64 / 1e6,
                data.recordings.display()
            )
        });
        Ok(Outcome::Done)
    }
}

impl Restore {
    pub(crate) fn run(self, place: &Place) -> Result<Outcome, Failure> {
        let installation = Installation::open(place)?;
        let data = &installation.config.data;
        std::fs::create_dir_all(&data.directory)?;
        let bar = bar(place.json);
        let mut drawn = |progress| draw(&bar, progress);
        let copied = installation.block_on(store::restore(&self.file, &data.database, &mut drawn))?;
        bar.finish_and_clear();
        show(place.json, &copied, || {
            let file = self.file.display();
            format!("{}\n{} is as the backup {file} has it.", rows_of(&copied), data.database)
        });
        Ok(Outcome::Done)
    }
}

/// The tables that have rows, one on each line.
fn rows_of(copied: &Copied) -> String {
    let full = copied.tables.iter().filter(|(_, rows)| *rows > 0);
    let lines: Vec<String> = full.map(|(table, rows)| format!("{rows:>10} {table}")).collect();
    lines.join("\n")
}

fn draw(bar: &ProgressBar, progress: CopyProgress) {
    bar.set_length(progress.of);
    bar.set_position(progress.rows);
}
