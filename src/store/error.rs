//! What can go wrong with the store, told so that an operator knows what to do.

use std::path::PathBuf;

use crate::model::time::Timestamp;

/// Why the store does not take writes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DownReason {
    /// The file was deleted or replaced while it was open: what would be written would be lost.
    #[error("the database file was deleted or replaced while it was in use")]
    FileGone,
    /// The disk reported an error. Nothing is retried on the same open file (a second fsync would lie).
    #[error("the disk reported an error: {detail}")]
    Io {
        /// The database's words.
        detail: String,
    },
    /// The file's content makes no sense.
    #[error("the database is damaged: {detail}")]
    Damaged {
        /// The database's words.
        detail: String,
    },
}

/// Whether writes are taken, for the engine (no new calls while not [`Health::Up`]) and for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Writes are durable.
    Up,
    /// The disk is full. Results go to the journal; everything else is refused until there is room.
    DiskFull,
    /// Nothing can be written; the store tries to recover by itself every second.
    Down(DownReason),
}

/// An error of the store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The file or its directory cannot be opened.
    #[error("cannot open the database {place}: {detail}")]
    CannotOpen {
        /// The file, or the address of the server.
        place: String,
        /// Why.
        detail: String,
    },
    /// The file is something else.
    #[error("{place} is not a database; expected a SQLite file written by lull, or a path where none exists yet")]
    NotADatabase {
        /// The file, or the address of the server.
        place: String,
    },
    /// A database of another program.
    #[error(
        "{place} is a database of another program; expected one written by lull, an empty one, or a path where none exists yet"
    )]
    ForeignDatabase {
        /// The file, or the address of the server.
        place: String,
    },
    /// Written by a later program.
    #[error("{place} has schema {found}, this program knows up to {known}: install the newer lull that wrote it")]
    NewerSchema {
        /// The file, or the address of the server.
        place: String,
        /// The schema of the file.
        found: i64,
        /// The newest schema of this program.
        known: i64,
    },
    /// A migration that was applied differs from the one in this program.
    #[error("{place}: migration {version} was applied in another form; the database comes from a different build")]
    ChangedMigration {
        /// The file, or the address of the server.
        place: String,
        /// The migration.
        version: i64,
    },
    /// The file or its directory may not be written.
    #[error("{place} is read-only; expected a file and directory, or a server, that this user may write")]
    ReadOnly {
        /// The file, or the address of the server.
        place: String,
    },
    /// Another service uses the database.
    #[error("{place} is in use by another lull ({holder}); stop it first, or give this one its own database")]
    InUse {
        /// The file, or the address of the server.
        place: String,
        /// What the other one wrote into the lock file.
        holder: String,
    },
    /// No room on the disk, or in the size allowed.
    #[error("the disk is full: {place} cannot grow")]
    DiskFull {
        /// The file, or the address of the server.
        place: String,
    },
    /// The integrity check found faults.
    #[error("{place} is damaged: {detail}; restore a backup")]
    Damaged {
        /// The file, or the address of the server.
        place: String,
        /// The first complaint.
        detail: String,
    },
    /// Writes are not taken.
    #[error("the store is down: {0}")]
    Down(DownReason),
    /// The commit failed in a way that leaves open whether it happened. Not to be retried blindly: read the id.
    #[error("it is unknown whether the write was committed; read it back before trying again")]
    Unresolved,
    /// The journal that keeps results while the database cannot is full or cannot be written.
    #[error("the journal {} cannot take the result: {detail}", path.display())]
    Journal {
        /// The journal's file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// Another process held the database for longer than the busy timeout.
    #[error("the database is busy: another process has held it for more than {waited_s} s")]
    Busy {
        /// How long was waited, in seconds.
        waited_s: u64,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// Something of that name is there already.
    #[error("the {what} `{name}` exists already")]
    AlreadyExists {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// What was to be changed is not what the change is based on.
    #[error(
        "the {what} `{name}` is at revision {revision} by now (0: there is none); look at what was changed and try again"
    )]
    Moved {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
        /// What is in force; 0 where there is nothing.
        revision: u64,
    },
    /// It could be done for a while, and no more.
    #[error("the {what} `{name}` could be taken back until {until}; since then it is too late")]
    TooLate {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
        /// Until when it could.
        until: Timestamp,
    },
    /// Nothing of that name is there.
    #[error("there is no {what} `{name}`")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A value that was handed in does not fit.
    #[error("{what} `{value}`: expected {expected}")]
    Unfit {
        /// What it was meant as.
        what: &'static str,
        /// What it was.
        value: String,
        /// What would fit.
        expected: String,
    },
    /// A stored value does not read back as what it must be.
    #[error("a stored {what} makes no sense: `{value}`")]
    Unreadable {
        /// The column.
        what: &'static str,
        /// What was found.
        value: String,
    },
    /// A statement was refused by the database.
    #[error("statement {statement}: {detail}")]
    Statement {
        /// The statement's name.
        statement: &'static str,
        /// The database's words.
        detail: String,
    },
}

impl StoreError {
    /// Whether the same write may succeed later without anything else changing: the disk was full, another process held
    /// the database, the store is coming back. Everything else is about the write itself.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            StoreError::DiskFull { .. }
                | StoreError::Down(_)
                | StoreError::Unresolved
                | StoreError::Journal { .. }
                | StoreError::Busy { .. }
        )
    }

    /// Whether the whole transaction is lost with it, and not only the one item.
    pub(super) fn ends_transaction(&self) -> bool {
        match self {
            StoreError::DiskFull { .. } | StoreError::Down(_) | StoreError::Busy { .. } => true,
            StoreError::CannotOpen { .. }
            | StoreError::NotADatabase { .. }
            | StoreError::ForeignDatabase { .. }
            | StoreError::NewerSchema { .. }
            | StoreError::ChangedMigration { .. }
            | StoreError::ReadOnly { .. }
            | StoreError::InUse { .. }
            | StoreError::Damaged { .. }
            | StoreError::Unresolved
            | StoreError::Journal { .. }
            | StoreError::Closed
            | StoreError::AlreadyExists { .. }
            | StoreError::NotFound { .. }
            | StoreError::Moved { .. }
            | StoreError::TooLate { .. }
            | StoreError::Unfit { .. }
            | StoreError::Unreadable { .. }
            | StoreError::Statement { .. } => false,
        }
    }

    /// Whether the write may be kept in the journal instead: the database could not take it, whoever asked.
    pub(crate) fn is_outage(&self) -> bool {
        self.ends_transaction() || matches!(self, StoreError::Unresolved | StoreError::Closed)
    }
}
