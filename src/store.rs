//! What Lull remembers: leads, attempts, results, the suppression and consent ledgers, campaigns, users.
//!
//! One SQLite file, or one database of a PostgreSQL server. Not the engine's memory (the engine asks for leads and reports
//! what happened) and not the place
//! where it is decided whether to dial: the guard is called inside the transaction that records an intent, with the
//! facts read in that transaction. Every write that is answered with success is on the disk.
//!
//! Read [`Store`], [`StoreError`] and [`IntentOutcome`] first; `writer` is how writes become durable together.

mod answers;
mod attempts;
mod audit;
mod batch;
mod callbacks;
mod calls;
mod campaigns;
mod consents;
mod copy;
mod db;
mod decisions;
mod deliveries;
mod due;
mod error;
mod exports;
mod figures;
mod forgetting;
mod funnel;
mod history;
mod import;
mod jobs;
mod journal;
mod keys;
mod landing;
mod leads;
mod links;
mod live_limits;
mod messages;
mod opting_out;
mod orders;
mod outbox;
mod outreach;
mod password;
mod placing;
mod promises;
mod recordings;
mod registrations;
mod results;
mod schema;
mod search;
mod sessions;
mod spreadsheets;
mod suppressions;
mod templates;
mod users;
mod webhooks;
mod writer;

#[cfg(test)]
mod tests;

pub use answers::{ANSWERS_KEPT, KeptAnswer};
pub use attempts::{Ended, IntentCheck, IntentOutcome, OpenAttempt, OpenStage};
pub use audit::{AuditEntry, Discrepancy};
pub use batch::{Receipt, Write};
pub use callbacks::{CallbackChange, CallbackCursor, CallbackFilter, CallbackRow, CallbackState, Whose};
pub use calls::{AgentStateChange, LeftoverDialog, RefusalCount, ResultReceipt, RunningDialog};
pub use campaigns::{Base, CampaignRow, GroupControls, GroupControlsRow, RevisionRow};
pub use consents::chain::{ChainEnd, ChainFault, ChainFaultKind, ChainReport, ChainedConsent, ConsentEvidence};
pub use consents::{ConsentGiven, ConsentKind, ConsentRevoked, ConsentRow, PURPOSE_ALL};
pub use copy::{Copied, CopyProgress, back_up, copy_database, restore, schema_of};
pub use decisions::DecisionCursor;
pub use deliveries::{DeliveryRow, DeliveryState, Due, Tried, TryRow, Verdict, Waiting};
pub use error::{DownReason, Health, StoreError};
pub use exports::{ExportAsked, ExportRow, ExportState, ExportStep};
pub use figures::behind::{Behind, Stage};
pub use figures::upkeep::Recount;
pub use figures::{AttemptTotals, By, CampaignTotals, Figures, InboundFigures, Part};
pub use funnel::{FunnelBy, FunnelCounts, FunnelLead, FunnelPart, FunnelSpeed, FunnelStage};
pub use history::{AttemptCursor, AttemptFilter, AttemptRow, InboundRow, LeadDetail, NumberHistory, ResultRow, Story};

pub use import::{
    ColumnUse, Delimiter, Dialable, DuplicatePolicy, DuplicateScope, Duplicates, FileFormat, FilePreview, ImportCounts,
    ImportError, ImportMode, ImportOutcome, ImportPlan, ImportRow, ImportStage, LedgerDefaults, LedgerKind, LedgerPlan,
    MappedColumn, Mapping, ORDER_ROWS_MAX, OrderComplaint, OrderFileOutcome, OrderFilePlan, PreviewColumn,
    PreviewFault, PreviewRow, Progress, ReadNumber, Rejection, Stop, TextEncoding, UndoOutlook, Undone, Windows,
};
pub use jobs::{JobOutcome, JobProblem, JobRow, JobState, NewJob};
pub use keys::{ApiKey, KEY_PREFIX, KeyScope, NewKey, NoScope};
pub use landing::{CodeAsked, FormAct, FormAnswer, FormDone, SentForm};
pub use leads::{LeadCard, LeadCounts, NewLead, ZoneSource};
pub use links::{LandingCounts, Link, NewLink, VisitKind, Visits};
pub use messages::reviewing::{Decided, DecidedBefore, Reading, ReadingReason, ReviewRow, Suggestion};
pub use messages::taking::{Arrived, TakenIn};
pub use messages::{Claimed, Handed, Meaning, MessageDirection, MessagePurpose, MessageRow, NewMessage};
pub use orders::{Attention, Moved, OrderAmended, OrderChange, OrderCount, OrderFilter, OrderMove, OrderRow};
pub use outbox::{EventType, NoEventType, Wants};
pub use outreach::gathering::{AudienceSeen, Sample, SkippedSeen, TextSeen};
pub use outreach::releasing::{Released, TestSend};
pub use outreach::{OutreachCount, OutreachRow, OutreachState, RecipientRow, Skipped};
pub use password::{PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN, PasswordFault};
pub use promises::{
    AskedPromise, AskedRow, Owed, OwedCounts, PromiseCursor, PromiseRow, PromiseState, RegistrationCount, Watched,
};
pub use recordings::{RecordingCursor, RecordingFilter, RecordingRow};
pub use registrations::{Registered, Registration};
pub use results::{CallPage, CallRecord};
pub use search::{Found, Search, SearchPage};
pub use sessions::{SessionLife, SessionRow, SignedIn};
pub use spreadsheets::{LeadRecord, SaidCursor, SaidRecord};
pub use suppressions::{SCOPE_ALL, Scope, Suppression, SuppressionRow};
pub use templates::ListTemplate;
pub use users::{NewUser, Role, User};
pub use webhooks::{NewWebhook, SECRET_PREFIX, Secrets, Webhook, WebhookChange};

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::model::database::DatabasePlace;
use crate::model::id::Mint;
use crate::model::time::Timestamp;
use db::{Conn, Db};
use journal::{Entry, Journal};
use writer::{FileIdentity, Message, QUEUE_MAX, Task, Work, Writer};

/// Bytes of a page of the database, SQLite's own choice.
const PAGE_BYTES: u64 = 4096;

/// Who opens the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Opener {
    /// The service: at most one per database. It keeps the journal.
    #[default]
    Service,
    /// A command beside the service, for the length of its work.
    Command,
}

/// How to open the store.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Who opens it.
    pub opener: Opener,
    /// Check the file's integrity first; takes about a second per gigabyte.
    pub quick_check: bool,
    /// Most bytes the database file may take; beyond it the disk counts as full.
    pub size_max_bytes: Option<u64>,
    /// Fewest characters of a password; `None`: [`PASSWORD_LENGTH_MIN`].
    pub password_length_min: Option<u32>,
}

/// The store. A handle: clones share one writer and one set of readers.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    db: Arc<Db>,
    writer: mpsc::Sender<Message>,
    health: watch::Receiver<Health>,
    ids: Arc<Ids>,
    journal: Option<Arc<Journal>>,
    hashing: Semaphore,
    password_length_min: AtomicU32,
    /// Held, not read: its lock ends with it.
    _lock: Option<File>,
}

/// Mints the ids of what the store itself makes, and knows what of it somebody is to be told and which hours are marked.
pub(crate) struct Ids {
    mint: Mutex<Mint>,
    outbox: outbox::Outbox,
    marks: figures::marks::Marks,
}

impl Ids {
    fn new(salt: u64, opener: Opener) -> Ids {
        let marks = figures::marks::Marks::new(opener == Opener::Service);
        Ids { mint: Mutex::new(Mint::new(salt)), outbox: outbox::Outbox::default(), marks }
    }

    fn next(&self, now: Timestamp) -> i64 {
        self.mint.lock().unwrap_or_else(PoisonError::into_inner).next(now)
    }
}

impl Store {
    /// Opens the database at a place, makes a file where there is none, and brings it to the newest schema.
    ///
    /// # Errors
    /// Says what is wrong: no database, another program's, a newer schema, read-only, damaged, in use by another service, no
    /// room on the disk; a server that cannot be reached or does not let this user in.
    pub async fn open(place: impl Into<DatabasePlace>, options: Options) -> Result<Store, StoreError> {
        let place: DatabasePlace = place.into();
        if let Some(path) = place.file() {
            check_place(path)?;
        }
        let service = options.opener == Opener::Service;
        // Of a server's database the writing connection keeps a second service out: it may be on another machine.
        let lock = if service { Some(lock(&place)?) } else { None };
        let pages = options.size_max_bytes.map(|bytes| u32::try_from(bytes / PAGE_BYTES).unwrap_or(u32::MAX));
        let db = Arc::new(Db::at(place.clone(), service, pages)?);
        let mut conn = db.writer(true).await?;
        schema::prepare(&mut conn, &place.to_string(), options.quick_check).await?;
        consents::chain::take_in(&mut conn).await?;
        let ids = Arc::new(Ids::new(salt(), options.opener));
        webhooks::learn(&mut conn, &ids).await?;
        let journal = match options.opener {
            Opener::Service => {
                let kept = place.beside("results");
                let opened = tokio::task::spawn_blocking(move || Journal::open(&kept)).await;
                Some(Arc::new(opened.map_err(|_| StoreError::Closed)??))
            }
            Opener::Command => None,
        };
        let (health_sender, health) = watch::channel(Health::Up);
        let (sender, queue) = mpsc::channel(QUEUE_MAX);
        let writer = Writer {
            db: Arc::clone(&db),
            conn: Some(conn),
            health: health_sender,
            journal: journal.clone(),
            ids: Arc::clone(&ids),
            file: place.file().and_then(FileIdentity::of),
        };
        begin_writing(writer, queue)?;
        let inner = Inner {
            db,
            writer: sender,
            health,
            ids,
            journal,
            hashing: Semaphore::new(password::HASHES_AT_ONCE),
            password_length_min: AtomicU32::new(options.password_length_min.unwrap_or(PASSWORD_LENGTH_MIN)),
            _lock: lock,
        };
        Ok(Store { inner: Arc::new(inner) })
    }

    /// Finishes what waits, and closes the file. Later calls answer [`StoreError::Closed`].
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.inner.writer.send(Message::Close(done)).await.is_ok() {
            let _ = closed.await;
        }
    }

    /// Whether writes are taken; changes are seen by waiting on the receiver.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.inner.health.clone()
    }

    /// Demands this many characters of passwords that are set from now on; those that are kept stay as they are.
    pub fn demand_password_length(&self, min: u32) {
        self.inner.password_length_min.store(min, Ordering::Relaxed);
    }

    fn password_length_min(&self) -> usize {
        self.inner.password_length_min.load(Ordering::Relaxed) as usize
    }

    /// Where the database is.
    pub fn place(&self) -> &DatabasePlace {
        self.inner.db.place()
    }

    /// The schema of the file and the newest one this program knows, for `doctor`.
    pub async fn schema_version(&self) -> Result<(i64, i64), StoreError> {
        let mut conn = self.reader().await?;
        Ok((schema::version(&mut conn).await?, schema::newest()))
    }

    /// Queues a write and waits until the transaction it is in is on the disk.
    async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> Work<'c, T> + Send + 'static,
    {
        let (task, answer) = Task::new(work);
        self.inner.writer.send(Message::Job(Box::new(task))).await.map_err(|_| StoreError::Closed)?;
        // The writer ended without an answer: whether the commit happened is open.
        answer.await.unwrap_or(Err(StoreError::Unresolved))
    }

    /// What to do when a write that must not be lost was not taken: keep it in the journal.
    ///
    /// # Errors
    /// The write's own error where it was refused for what it says, and the journal's where that is full as well.
    async fn keep(&self, error: StoreError, entry: Entry) -> Result<(), StoreError> {
        let Some(journal) = self.inner.journal.clone().filter(|_| error.is_outage()) else { return Err(error) };
        let kept = tokio::task::spawn_blocking(move || journal.append(entry)).await;
        kept.map_err(|_| StoreError::Closed)?
    }

    async fn reader(&self) -> Result<Conn, StoreError> {
        self.inner.db.reader().await
    }

    fn ids(&self) -> Arc<Ids> {
        Arc::clone(&self.inner.ids)
    }
}

/// The writer has a thread and a runtime of its own: it and SQLite's thread answer each other some dozen times for each
/// batch, which would wake the threads that serve pages every time.
fn begin_writing(writer: Writer, queue: mpsc::Receiver<Message>) -> Result<(), StoreError> {
    let place = writer.db.place().to_string();
    let failed = |error: io::Error| StoreError::CannotOpen { place: place.clone(), detail: error.to_string() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let thread = std::thread::Builder::new().name("store".to_owned());
    // Not joined: it ends with the last handle, or when it is told to close.
    thread.spawn(move || runtime.block_on(writer.run(queue))).map(drop).map_err(failed)
}

fn check_place(path: &Path) -> Result<(), StoreError> {
    let refuse = |detail: String| Err(StoreError::CannotOpen { place: path.display().to_string(), detail });
    if path.is_dir() {
        return refuse("it is a directory; expected a file".to_owned());
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !directory.is_dir() {
        return refuse(format!("the directory {} does not exist; make it first", directory.display()));
    }
    if path.exists() && std::fs::OpenOptions::new().read(true).write(true).open(path).is_err() {
        return Err(StoreError::ReadOnly { place: path.display().to_string() });
    }
    Ok(())
}

/// Takes the lock that keeps a second service out. It ends with the process, however that ends.
fn lock(database: &DatabasePlace) -> Result<File, StoreError> {
    let path = database.beside("lock");
    let place = path.display().to_string();
    let refuse = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            StoreError::ReadOnly { place: place.clone() }
        }
        std::io::ErrorKind::StorageFull => StoreError::DiskFull { place: place.clone() },
        _ => StoreError::CannotOpen { place: place.clone(), detail: error.to_string() },
    };
    let mut file = File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(refuse)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            return Err(StoreError::InUse { place: database.to_string(), holder: holder.trim().to_owned() });
        }
        Err(std::fs::TryLockError::Error(error)) => return Err(refuse(error)),
    }
    let written = file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0)).map(drop));
    written
        .and_then(|()| io::Write::write_all(&mut file, format!("process {}\n", std::process::id()).as_bytes()))
        .map_err(refuse)?;
    Ok(file)
}

fn salt() -> u64 {
    let mut bytes = [0; 8];
    // Without randomness ids of two processes might meet; the primary keys refuse that.
    let _ = getrandom::fill(&mut bytes);
    u64::from_le_bytes(bytes)
}
