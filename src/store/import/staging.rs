//! The staging file: where an import's rows are sorted and judged, beside the database and out of its way.
//!
//! It is worth nothing after a crash and gone after the import, so it is written without syncing. What a crash left is
//! overwritten by the next import of the same file; while one runs, a lock keeps another away.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use super::headers::{Columns, ERROR_COLUMNS};
use super::numbers::{self, RowNumber};
use super::{ImportCounts, ImportError};
use crate::model::id::LeadId;
use crate::model::name::CampaignKey;
use crate::model::numbers::NumberKind;
use crate::model::time::Timestamp;
use crate::store::db::{Conn, Db, json, params, rows as batch, statements};
use crate::store::error::StoreError;

/// Rejected rows read at once while the error file is written.
const ERRORS_PER_READ: usize = 1000;

/// A row between reading and merging.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Staged {
    pub(super) line: u64,
    pub(super) number: String,
    pub(super) name: String,
    pub(super) zones: String,
    pub(super) zone_source: String,
    /// As the file has it; without one new leads have the default, and those that are there keep theirs.
    pub(super) priority: Option<u8>,
    pub(super) score: Option<i64>,
    pub(super) replied_at: Option<Timestamp>,
    pub(super) extra: String,
    /// All numbers of the person, the row's own first.
    pub(super) numbers: Vec<RowNumber>,
    /// Cells with a further number that is none.
    pub(super) unread: u64,
    pub(super) originals: Vec<String>,
    pub(super) verdict: Option<Verdict>,
}

/// Most rows have one number, of which nothing more is known: what their own columns say already.
fn is_written(numbers: &[RowNumber]) -> bool {
    numbers.len() > 1 || numbers.iter().any(|own| own.kind != NumberKind::Other)
}

/// A number that a row of the file took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) number: String,
    pub(super) line: u64,
    /// The person who was there and gets it by this run.
    pub(super) gains: Option<LeadId>,
}

/// Why a row is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    line: u64,
    kind: &'static str,
    column: String,
    code: &'static str,
    message: String,
}

impl Verdict {
    pub(super) fn invalid(line: u64, column: &str, code: &'static str, message: String) -> Verdict {
        Verdict { line, kind: "invalid", column: column.to_owned(), code, message }
    }

    pub(super) fn duplicate_in_file(line: u64, first: u64) -> Verdict {
        let message = format!("the number is in line {first} already");
        Verdict { line, kind: "duplicate", column: String::new(), code: "duplicate_in_file", message }
    }

    pub(super) fn duplicate_in_campaign(line: u64, campaign: &CampaignKey) -> Verdict {
        let message = format!("the number is on the campaign {campaign} already");
        Verdict { line, kind: "duplicate", column: String::new(), code: "duplicate_in_campaign", message }
    }

    /// The lead was there and is brought up to date: nothing to be corrected.
    pub(super) fn updated(line: u64) -> Verdict {
        Verdict { line, kind: "updated", column: String::new(), code: "updated", message: String::new() }
    }

    pub(super) fn suppressed(line: u64) -> Verdict {
        let message = "the number is suppressed and must not be dialled".to_owned();
        Verdict { line, kind: "suppressed", column: String::new(), code: "suppressed", message }
    }

    /// The four cells of the error file.
    pub(super) fn cells(&self) -> [String; 4] {
        [self.line.to_string(), self.column.clone(), self.code.to_owned(), self.message.clone()]
    }

    pub(super) fn line(&self) -> u64 {
        self.line
    }

    pub(super) fn code(&self) -> &'static str {
        self.code
    }
}

const CREATE: &str = "
    create table staged (
        line integer primary key, number text not null, name text not null, zones text not null,
        zone_source text not null, priority bigint, extra text not null, originals text not null,
        error_kind text, error_column text, error_code text, error_message text, score bigint, replied_at bigint,
        numbers text, unread bigint not null);
    create table taken (number text primary key, line integer not null, gains integer) without rowid;
    create index taken_gains on taken (gains) where gains is not null";

statements! {
    ADD = "
        insert into staged
        select j.value ->> 0, j.value ->> 1, j.value ->> 2, j.value ->> 3, j.value ->> 4, j.value ->> 5, j.value ->> 6,
               j.value ->> 7, j.value ->> 8, j.value ->> 9, j.value ->> 10, j.value ->> 11, j.value ->> 12, j.value ->> 13,
               j.value ->> 14, j.value ->> 15
        from json_each($1) j";
    NEXT = "
        select line, number, name, zones, zone_source, priority, score, replied_at, extra, numbers from staged
        where number <> '' and (number, line) > ($1, $2) order by number, line limit $3";
    JUDGE = "
        update staged set error_kind = $2, error_column = $3, error_code = $4, error_message = $5 where line = $1";
    TAKE = "
        insert into taken select j.value ->> 0, j.value ->> 1, j.value ->> 2 from json_each($1) j";
    TAKEN = "
        select t.number as number, t.line as line from json_each($1) j cross join taken t where t.number = j.value ->> 0";
    GAINED = "
        select t.gains as lead, count(*) as count from json_each($1) j cross join taken t
        where t.gains = j.value ->> 0 group by t.gains";
    COUNTS = "
        select count(*) as rows,
               count(*) filter (where error_kind is null and (number, line) <= ($1, $2)) as accepted,
               count(*) filter (where error_kind is null and (number, line) > ($1, $2)) as not_seen,
               count(*) filter (where error_kind = 'updated') as updated,
               count(*) filter (where error_kind = 'duplicate') as duplicate,
               count(*) filter (where error_kind = 'invalid') as invalid,
               count(*) filter (where error_kind = 'suppressed') as suppressed,
               count(*) filter (
                   where error_kind is null and (number, line) <= ($1, $2) and zone_source = 'none') as without_zone,
               coalesce(sum(unread) filter (where error_kind is null and (number, line) <= ($1, $2)), 0) as unread
        from staged";
    BY_CODE = "
        select error_code, count(*) as count from staged
        where error_kind is not null and error_kind <> 'updated' group by error_code";
    ERRORS = "
        select line, originals, error_column, error_code, error_message from staged
        where error_kind is not null and error_kind <> 'updated' and line > $1 order by line limit $2";
}

/// An open staging file; dropped, it is gone.
pub(super) struct Staging {
    path: PathBuf,
    conn: Conn,
    /// Any row has several numbers.
    several: bool,
    /// Where the last batch ended, by number and line.
    seen: (String, u64),
    _lock: Lock,
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Held while a staging file is in use; a process that is killed lets go of it.
pub(super) struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// That of a staging file, whether there is one or not.
    ///
    /// # Errors
    /// [`ImportError::Running`] where somebody has it.
    pub(super) fn of(staging: &Path) -> Result<Lock, ImportError> {
        let path = crate::model::database::beside(staging, "lock");
        let refuse = |error: std::io::Error| ImportError::Open { path: path.clone(), detail: error.to_string() };
        let file = File::create(&path).map_err(refuse)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { path, _file: file }),
            Err(TryLockError::WouldBlock) => Err(ImportError::Running),
            Err(TryLockError::Error(error)) => Err(refuse(error)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Staging {
    pub(super) async fn create(path: PathBuf) -> Result<Staging, ImportError> {
        let lock = Lock::of(&path)?;
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(ImportError::Open { path, detail: error.to_string() });
            }
            Ok(()) | Err(_) => {}
        }
        let conn = Db::scratch(&path).await?;
        let mut staging = Staging { path, conn, several: false, seen: (String::new(), 0), _lock: lock };
        staging.conn.control(CREATE).await?;
        Ok(staging)
    }

    pub(super) async fn add(&mut self, rows: &[Staged]) -> Result<(), StoreError> {
        self.several |= rows.iter().any(|row| row.numbers.len() > 1);
        let rows = batch(rows.iter().map(|row| {
            let verdict = row.verdict.as_ref();
            params![
                row.line,
                if verdict.is_some() { "" } else { row.number.as_str() },
                &*row.name,
                &*row.zones,
                &*row.zone_source,
                row.priority.map(i64::from),
                &*row.extra,
                json(&row.originals),
                verdict.map(|verdict| verdict.kind),
                verdict.map(|verdict| verdict.column.as_str()),
                verdict.map(|verdict| verdict.code),
                verdict.map(|verdict| verdict.message.as_str()),
                row.score,
                row.replied_at,
                is_written(&row.numbers).then(|| json(&row.numbers)),
                row.unread,
            ]
        }));
        self.conn.run(ADD, vec![rows]).await.map(drop)
    }

    pub(super) async fn sort(&mut self) -> Result<(), StoreError> {
        self.conn.control("create index staged_number on staged (number, line) where number <> ''").await
    }

    /// The next rows that can still be taken, by number.
    pub(super) async fn next_by_number(&mut self, limit: usize) -> Result<Vec<Staged>, StoreError> {
        let (number, line) = &self.seen;
        let rows = self.conn.rows(NEXT, params![number.as_str(), *line, limit as u64]).await?;
        rows.iter()
            .map(|row| {
                Ok(Staged {
                    line: row.count("line")?,
                    number: row.text("number")?,
                    name: row.text("name")?,
                    zones: row.text("zones")?,
                    zone_source: row.text("zone_source")?,
                    priority: row.opt_int("priority")?.and_then(|priority| u8::try_from(priority).ok()),
                    score: row.opt_int("score")?,
                    replied_at: row.opt_time("replied_at")?,
                    numbers: match row.opt_text("numbers")? {
                        Some(_) => row.json("numbers")?,
                        None => Vec::new(),
                    },
                    extra: row.text("extra")?,
                    ..Staged::default()
                })
            })
            .collect()
    }

    /// Which rows of earlier batches have numbers of these: the line of each.
    pub(super) async fn taken(&mut self, batch: &[Staged]) -> Result<BTreeMap<String, u64>, StoreError> {
        if !self.several {
            return Ok(BTreeMap::new());
        }
        let found = self.conn.rows(TAKEN, vec![numbers::all_of(batch)]).await?;
        found.iter().map(|row| Ok((row.text("number")?, row.count("line")?))).collect()
    }

    /// How many numbers earlier batches gave to these people.
    pub(super) async fn gained(&mut self, leads: BTreeSet<LeadId>) -> Result<BTreeMap<LeadId, usize>, StoreError> {
        if !self.several {
            return Ok(BTreeMap::new());
        }
        let leads = batch(leads.iter().map(|lead| params![lead.0]));
        let found = self.conn.rows(GAINED, vec![leads]).await?;
        let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        found.iter().map(|row| Ok((LeadId(row.int("lead")?), count(row.count("count")?)))).collect()
    }

    /// A batch is judged: what became of its rows, and which numbers they took.
    pub(super) async fn judge(
        &mut self,
        end: (String, u64),
        verdicts: &[Verdict],
        taken: &[Taken],
    ) -> Result<(), StoreError> {
        self.seen = end;
        if verdicts.is_empty() && !self.several {
            return Ok(());
        }
        self.conn.control("begin").await?;
        if self.several {
            let row = |one: &Taken| params![one.number.as_str(), one.line, one.gains.map(|lead| lead.0)];
            self.conn.run(TAKE, vec![batch(taken.iter().map(row))]).await?;
        }
        for verdict in verdicts {
            let Verdict { line, kind, column, code, message } = verdict;
            self.conn.run(JUDGE, params![*line, *kind, column.as_str(), *code, message.as_str()]).await?;
        }
        self.conn.control("commit").await
    }

    /// What became of the rows; those that no batch came to are left, and nothing else is counted of them.
    pub(super) async fn counts(&mut self) -> Result<ImportCounts, StoreError> {
        let (number, line) = &self.seen;
        let row = self.conn.one(COUNTS, params![number.as_str(), *line]).await?;
        Ok(ImportCounts {
            rows: row.count("rows")?,
            accepted: row.count("accepted")?,
            updated: row.count("updated")?,
            duplicate: row.count("duplicate")?,
            invalid: row.count("invalid")?,
            suppressed: row.count("suppressed")?,
            left: row.count("not_seen")?,
            without_zone: row.count("without_zone")?,
            numbers_unread: row.count("unread")?,
            ..ImportCounts::default()
        })
    }

    pub(super) async fn rejected_by_code(&mut self) -> Result<BTreeMap<String, u64>, StoreError> {
        let rows = self.conn.rows(BY_CODE, vec![]).await?;
        rows.iter().map(|row| Ok((row.text("error_code")?, row.count("count")?))).collect()
    }

    /// Writes the rejected rows in the file's order: the original columns, then four that say what is wrong.
    pub(super) async fn write_errors(&mut self, columns: &Columns, path: &Path) -> Result<(), ImportError> {
        let mut file = ErrorFile::create(path, &columns.names)?;
        let mut last = 0;
        loop {
            let rows = self.conn.rows(ERRORS, params![last, ERRORS_PER_READ as u64]).await?;
            if rows.is_empty() {
                return file.finish();
            }
            for row in rows {
                last = row.count("line")?;
                let mut cells: Vec<String> = row.json("originals")?;
                cells.push(last.to_string());
                for column in ["error_column", "error_code", "error_message"] {
                    cells.push(row.text(column)?);
                }
                file.write(&cells)?;
            }
        }
    }
}

/// A file of rejected rows, written beside its place and put there when it is whole.
pub(super) struct ErrorFile {
    path: PathBuf,
    part: PathBuf,
    writer: csv::Writer<std::fs::File>,
}

impl ErrorFile {
    pub(super) fn create(path: &Path, names: &[String]) -> Result<ErrorFile, ImportError> {
        let part = crate::model::database::beside(path, "part");
        let writer = csv::Writer::from_path(&part)
            .map_err(|error| ImportError::ErrorFile { path: path.to_path_buf(), detail: error.to_string() })?;
        let mut file = ErrorFile { path: path.to_path_buf(), part, writer };
        let header: Vec<String> =
            names.iter().cloned().chain(ERROR_COLUMNS.iter().map(|name| (*name).to_owned())).collect();
        file.write(&header)?;
        Ok(file)
    }

    pub(super) fn write(&mut self, cells: &[String]) -> Result<(), ImportError> {
        let refuse = |error: csv::Error| ImportError::ErrorFile { path: self.path.clone(), detail: error.to_string() };
        self.writer.write_record(cells).map_err(refuse)
    }

    pub(super) fn finish(mut self) -> Result<(), ImportError> {
        let written = self.writer.flush().and_then(|()| std::fs::rename(&self.part, &self.path));
        written.map_err(|error| ImportError::ErrorFile { path: self.path.clone(), detail: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_statement_is_accepted_and_the_file_is_gone_afterwards() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stage");
        let mut staging = Staging::create(path.clone()).await.unwrap();
        for statement in STATEMENTS {
            staging.conn.prepare(*statement).await.unwrap_or_else(|error| panic!("{error}"));
        }
        assert!(path.exists());
        assert_eq!(Staging::create(path.clone()).await.err(), Some(ImportError::Running));
        drop(staging);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        std::fs::write(&path, "left by a crash").unwrap();
        Staging::create(path).await.unwrap();
    }
}
