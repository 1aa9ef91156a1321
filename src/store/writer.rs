//! The one writer: takes every write that waits, runs them in one transaction, commits once, then answers each.
//!
//! Not a pool and not a cache: there is one connection, and nothing is answered before its commit is on the disk
//! (`synchronous=full`). A write that fails on its own account is undone to its savepoint and fails alone. An error of
//! the disk fails everybody, and nothing is retried on the connection that saw it. Read [`Writer::run`] and
//! [`Writer::batch`] first.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::Ids;
use super::db::{Conn, Db};
use super::error::{DownReason, Health, StoreError};
use super::journal::Journal;

/// Most writes in one transaction: bounds how long the first of them waits for the others.
const BATCH_MAX: usize = 256;
/// Writes that may wait. Senders beyond it wait themselves, so nothing is lost and nothing grows.
pub(super) const QUEUE_MAX: usize = 4096;
/// How often an idle writer looks whether its file is still there and whether it can recover.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// What a write does on the connection, boxed so that writes of all kinds wait in one queue.
pub(super) type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'c>>;

/// A write of any kind.
pub(super) trait Job: Send {
    fn run<'c>(&'c mut self, conn: &'c mut Conn) -> Work<'c, ()>;
    /// Tells whoever waits. `fate` is the transaction's: its error replaces the write's own success.
    fn answer(self: Box<Self>, fate: Result<(), StoreError>);
}

/// A write and the caller that waits for it.
pub(super) struct Task<T, F> {
    work: Option<F>,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Task<T, F>
where
    F: for<'c> FnOnce(&'c mut Conn) -> Work<'c, T>,
{
    pub(super) fn new(work: F) -> (Task<T, F>, oneshot::Receiver<Result<T, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        (Task { work: Some(work), outcome: None, reply }, answer)
    }
}

impl<T, F> Job for Task<T, F>
where
    T: Send,
    F: for<'c> FnOnce(&'c mut Conn) -> Work<'c, T> + Send,
{
    fn run<'c>(&'c mut self, conn: &'c mut Conn) -> Work<'c, ()> {
        Box::pin(async move {
            let Some(work) = self.work.take() else { return Ok(()) };
            match work(conn).await {
                Ok(value) => {
                    self.outcome = Some(Ok(value));
                    Ok(())
                }
                Err(error) => {
                    self.outcome = Some(Err(error.clone()));
                    Err(error)
                }
            }
        })
    }

    fn answer(self: Box<Self>, fate: Result<(), StoreError>) {
        let outcome = match (fate, self.outcome) {
            (Err(error), _) => Err(error),
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Err(StoreError::Closed),
        };
        // A caller that went away does not wait for an answer; its write happened all the same.
        let _ = self.reply.send(outcome);
    }
}

/// What the writer is sent.
pub(super) enum Message {
    Job(Box<dyn Job>),
    Close(oneshot::Sender<()>),
}

/// Which file is open: a path whose file was replaced is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileIdentity {
    device: u64,
    inode: u64,
}

impl FileIdentity {
    pub(super) fn of(path: &Path) -> Option<FileIdentity> {
        use std::os::unix::fs::MetadataExt as _;
        let metadata = std::fs::metadata(path).ok()?;
        Some(FileIdentity { device: metadata.dev(), inode: metadata.ino() })
    }
}

/// The task that owns the writing connection.
pub(super) struct Writer {
    pub(super) db: Arc<Db>,
    pub(super) conn: Option<Conn>,
    pub(super) health: watch::Sender<Health>,
    pub(super) journal: Option<Arc<Journal>>,
    pub(super) ids: Arc<Ids>,
    pub(super) file: Option<FileIdentity>,
}

impl Writer {
    /// Until every handle is gone or one says close.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Message>) {
        loop {
            let first = match timeout(HEARTBEAT, queue.recv()).await {
                Ok(Some(Message::Job(job))) => job,
                Ok(Some(Message::Close(done))) => {
                    refuse_the_rest(queue);
                    return self.close(Some(done)).await;
                }
                Ok(None) => return self.close(None).await,
                Err(_) => {
                    self.heartbeat().await;
                    continue;
                }
            };
            let mut jobs = vec![first];
            let mut closing = None;
            while jobs.len() < BATCH_MAX {
                match queue.try_recv() {
                    Ok(Message::Job(job)) => jobs.push(job),
                    Ok(Message::Close(done)) => {
                        closing = Some(done);
                        break;
                    }
                    Err(_) => break,
                }
            }
            self.batch(jobs).await;
            if let Some(done) = closing {
                refuse_the_rest(queue);
                return self.close(Some(done)).await;
            }
        }
    }

    /// Nobody waits: notice a lost file or server, recover, replay the journal, and see whether a full disk has room again
    /// (nobody else will: while it is full the engine records no intents).
    async fn heartbeat(&mut self) {
        if self.ready().await.is_err() {
            return;
        }
        let full = *self.health.borrow() == Health::DiskFull;
        let Some(conn) = self.conn.as_mut() else { return };
        let told = if full { conn.probe().await } else { conn.ping().await };
        if full || told.is_err() {
            self.note(&told);
        }
    }

    /// One transaction for all of `jobs`; each is answered after the commit.
    async fn batch(&mut self, mut jobs: Vec<Box<dyn Job>>) {
        let fate = match self.ready().await {
            Ok(()) => self.transaction(&mut jobs).await,
            Err(error) => Err(error),
        };
        self.note(&fate);
        for job in jobs {
            job.answer(fate.clone());
        }
    }

    async fn transaction(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        let Some(conn) = self.conn.as_mut() else { return Err(StoreError::Closed) };
        // Each command costs two changes of threads, or the way to a server, so what follows upon each other goes in one.
        let mut begun = false;
        for job in jobs.iter_mut() {
            let ready = match begun {
                false => conn.begin_write().await,
                true => conn.control("release item; savepoint item").await,
            };
            begun = true;
            let ran = match ready {
                Ok(()) => job.run(conn).await,
                Err(error) => Err(error),
            };
            let settled = match ran {
                Ok(()) => Ok(()),
                Err(error) if error.ends_transaction() => Err(error),
                // The savepoint stays, for the next one or the commit to release.
                Err(_) => {
                    self.ids.marks.undone();
                    conn.control("rollback to item").await
                }
            };
            if let Err(error) = settled {
                // The database may have rolled back by itself; then there is nothing to roll back, which is as well.
                let _ = conn.control("rollback").await;
                self.ids.marks.undone();
                return Err(error);
            }
        }
        // Released by name: a server would answer the commit of a transaction that failed unseen with success, and undo it.
        match conn.control("release item; commit").await {
            Ok(()) => {
                self.ids.outbox.committed();
                self.ids.marks.committed();
                Ok(())
            }
            Err(full @ StoreError::DiskFull { .. }) => {
                let _ = conn.control("rollback").await;
                self.ids.marks.undone();
                Err(full)
            }
            Err(error) => {
                // Whether it is on the disk cannot be known from here, and asking again would lie (an fsync that
                // failed once reports success the second time). The connection goes; a new one recovers the log.
                tracing::error!(%error, "a commit failed; its outcome is unknown");
                self.lose(error);
                Err(StoreError::Unresolved)
            }
        }
    }

    /// A connection to the right file and an empty journal, or the reason why not.
    async fn ready(&mut self) -> Result<(), StoreError> {
        if self.file.is_some() && self.db.place().file().and_then(FileIdentity::of) != self.file {
            self.conn = None;
            self.turn(Health::Down(DownReason::FileGone));
            return Err(StoreError::Down(DownReason::FileGone));
        }
        if self.conn.is_none() {
            let again = async {
                let mut conn = self.db.writer(false).await?;
                conn.settle().await.map(|()| conn)
            };
            // Whatever keeps it from coming back, results are kept until it does.
            let conn = again.await.map_err(|error| match error.is_outage() {
                true => error,
                false => StoreError::Down(DownReason::Io { detail: error.to_string() }),
            })?;
            self.conn = Some(conn);
            self.ids.marks.forget();
            tracing::info!("the store has recovered");
            self.turn(Health::Up);
        }
        self.replay().await
    }

    /// Results that were kept in the journal come first, so that a correction cannot overtake what it corrects.
    async fn replay(&mut self) -> Result<(), StoreError> {
        let Some(journal) = self.journal.clone().filter(|journal| !journal.is_empty()) else { return Ok(()) };
        let Some(conn) = self.conn.as_mut() else { return Err(StoreError::Closed) };
        let replayed = super::journal::replay(&journal, conn, &self.ids).await;
        self.note(&replayed);
        replayed
    }

    /// What an outcome says about the store's health.
    fn note(&mut self, fate: &Result<(), StoreError>) {
        match fate {
            Ok(()) => self.turn(Health::Up),
            Err(StoreError::DiskFull { .. }) => self.turn(Health::DiskFull),
            Err(error @ StoreError::Down(DownReason::Io { .. } | DownReason::Damaged { .. })) => {
                self.lose(error.clone());
            }
            Err(_) => {}
        }
    }

    fn lose(&mut self, error: StoreError) {
        self.conn = None;
        let reason = match error {
            StoreError::Down(reason) => reason,
            other => DownReason::Io { detail: other.to_string() },
        };
        self.turn(Health::Down(reason));
    }

    fn turn(&mut self, health: Health) {
        self.health.send_if_modified(|current| {
            let changed = *current != health;
            if changed && health != Health::Up {
                tracing::error!(?health, "the store does not take writes: no new calls");
            }
            *current = health;
            changed
        });
    }

    async fn close(mut self, done: Option<oneshot::Sender<()>>) {
        if let Some(mut conn) = self.conn.take() {
            // The data is safe without it.
            let _ = conn.tidy().await;
        }
        if let Some(done) = done {
            self.db.close().await;
            let _ = done.send(());
        }
    }
}

/// Nothing more is taken, and what came too late is told so before whoever closes hears that it is done.
fn refuse_the_rest(mut queue: mpsc::Receiver<Message>) {
    queue.close();
    while let Ok(message) = queue.try_recv() {
        match message {
            Message::Job(job) => job.answer(Err(StoreError::Closed)),
            Message::Close(done) => drop(done.send(())),
        }
    }
}
