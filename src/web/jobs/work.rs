//! The queue of imports, and who works it off.
//!
//! One loop takes jobs in their order, as many at once as files are received at once. It begins with what the run of the service
//! before this one left. Read [`run`] first.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{ImportJob, JobProgress};
use crate::model::id::{ImportId, JobId};
use crate::store::{ImportStage, JobState, Progress, Stop};
use crate::web::WebState;
use crate::web::problem::Problem;
use crate::web::records::jobs::Ended;
use crate::web::uploads;

/// How often it is looked for files that nobody goes on with.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);
/// At the end of the service a batch gets this long.
const FINISH_MAX: Duration = Duration::from_secs(10);
/// What the store did not take is tried again after this.
const AGAIN: Duration = Duration::from_secs(5);

/// Jobs that wait or are worked on.
#[derive(Debug, Default)]
pub(in crate::web) struct Jobs {
    inner: Mutex<Inner>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    live: BTreeMap<JobId, Live>,
    queue: VecDeque<JobId>,
    /// The service ends: what stops now was not cancelled by anybody.
    ending: bool,
}

#[derive(Debug)]
struct Live {
    job: watch::Sender<ImportJob>,
    stop: Stop,
}

impl Jobs {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How a job stands that waits or is worked on.
    pub(in crate::web) fn seen(&self, id: JobId) -> Option<ImportJob> {
        self.inner().live.get(&id).map(|live| live.job.borrow().clone())
    }

    /// The same as it changes.
    pub(super) fn watch(&self, id: JobId) -> Option<watch::Receiver<ImportJob>> {
        self.inner().live.get(&id).map(|live| live.job.subscribe())
    }

    /// Jobs that wait.
    pub(super) fn queued(&self) -> usize {
        self.inner().queue.len()
    }

    /// Puts a job that is written down behind the others. One that is there already keeps its place.
    pub(super) fn queue(&self, job: ImportJob) {
        let mut inner = self.inner();
        let id = job.id;
        if inner.live.contains_key(&id) {
            return;
        }
        inner.live.insert(id, Live { job: watch::Sender::new(job), stop: Stop::default() });
        inner.queue.push_back(id);
        drop(inner);
        self.news.notify_one();
    }

    /// Whether an import is being brought in.
    pub(in crate::web) fn brings(&self, import: ImportId) -> bool {
        self.inner().live.values().any(|live| live.job.borrow().import == Some(import))
    }

    fn next(&self) -> Option<JobId> {
        self.inner().queue.pop_front()
    }

    fn change(&self, id: JobId, change: impl FnOnce(&mut ImportJob)) {
        if let Some(live) = self.inner().live.get(&id) {
            live.job.send_modify(change);
        }
    }

    /// Takes a job out, and tells whoever watches how it ended.
    fn end(&self, id: JobId, job: Option<ImportJob>) {
        let mut inner = self.inner();
        inner.queue.retain(|other| *other != id);
        if let (Some(live), Some(job)) = (inner.live.remove(&id), job) {
            live.job.send_replace(job);
        }
    }

    fn stop_of(&self, id: JobId) -> Stop {
        self.inner().live.get(&id).map(|live| live.stop.clone()).unwrap_or_default()
    }

    fn begin(&self) {
        self.inner().ending = false;
    }

    fn stop_all(&self) {
        let mut inner = self.inner();
        inner.ending = true;
        inner.live.values().for_each(|live| live.stop.ask());
    }

    fn is_ending(&self) -> bool {
        self.inner().ending
    }
}

/// Stops a job: one that waits at once, one that is worked on at the end of its batch.
pub(super) async fn cancel(state: &WebState, id: JobId) -> Result<(), Problem> {
    state.jobs.stop_of(id).ask();
    let waits = state.jobs.inner().queue.contains(&id);
    if waits {
        // A run before may have brought something in.
        let import = state.jobs.seen(id).and_then(|job| job.import);
        let outcome = state.records.so_far(import).await;
        let ended = Ended { state: JobState::Cancelled, import, outcome, problem: None };
        state.records.end_job(id, ended, state.now().timestamp).await?;
        state.jobs.end(id, state.records.job(id).await?);
    }
    Ok(())
}

/// Works jobs off until `closed` says that the service ends; those that are worked on then stop at the end of their batch.
pub async fn run(state: WebState, mut closed: watch::Receiver<bool>) {
    state.jobs.begin();
    if let Err(error) = state.shelf().clear_leftovers().await {
        tracing::warn!(%error, "files that were left half received could not be removed");
    }
    let mut working = JoinSet::new();
    let (mut found, mut sweep) = (false, Instant::now());
    loop {
        if !found {
            found = take_up(&state).await;
        }
        let again = if found { sweep } else { Instant::now() + AGAIN };
        tokio::select! {
            () = crate::web::live::raised(&mut closed) => break,
            () = sleep_until(again) => {
                if found {
                    sweep = Instant::now() + SWEEP_EVERY;
                    // What could not be looked at was logged, and is looked at again.
                    let _problem = uploads::sweep(&state, state.now().timestamp).await;
                }
            }
            turn = turn(&state), if found => {
                let (turn, id) = turn;
                let state = state.clone();
                working.spawn(async move { work(&state, id, turn).await });
            }
            Some(_) = working.join_next() => {}
        }
    }
    state.jobs.stop_all();
    let finish = async { while working.join_next().await.is_some() {} };
    if timeout(FINISH_MAX, finish).await.is_err() {
        tracing::warn!("an import did not stop in time; it can go on after the next start");
    }
}

/// Waits until there is a job and room for it.
async fn turn(state: &WebState) -> (OwnedSemaphorePermit, JobId) {
    loop {
        let news = state.jobs.news.notified();
        if state.jobs.queued() == 0 {
            news.await;
            continue;
        }
        // Closed only with the program.
        let Ok(turn) = Arc::clone(&state.uploads).acquire_owned().await else { return std::future::pending().await };
        if let Some(id) = state.jobs.next() {
            return (turn, id);
        }
    }
}

/// What the run of the service before this one left: jobs that it worked on are broken off, those that waited wait again.
/// Whether that is done.
async fn take_up(state: &WebState) -> bool {
    let left = async {
        state.records.break_jobs_off(state.now().timestamp).await?;
        state.records.queued_jobs().await
    };
    match left.await {
        Ok(jobs) => {
            jobs.into_iter().for_each(|job| state.jobs.queue(job));
            true
        }
        Err(_) => false, // the cause is in the log
    }
}

/// Does a job.
async fn work(state: &WebState, id: JobId, turn: OwnedSemaphorePermit) {
    let now = state.now().timestamp;
    if !written(|| state.records.begin_job(id, now)).await {
        // It was cancelled at the last moment.
        return state.jobs.end(id, None);
    }
    state.jobs.change(id, |job| (job.state, job.started_at) = (JobState::Running, Some(now)));
    let Some(job) = state.jobs.seen(id) else { return };
    let stop = state.jobs.stop_of(id);
    let (told, campaign) = (state.clone(), job.campaign.clone());
    let progress = move |progress| tell(&told, id, progress);
    let mut ended = state.records.do_job(&job, &state.settings(), stop, progress, now).await;
    drop(turn);
    if ended.state == JobState::Cancelled && state.jobs.is_ending() {
        ended.state = JobState::BrokenOff;
    }
    let brought = ended.outcome.as_ref().is_some_and(|outcome| outcome.counts.accepted + outcome.counts.updated > 0);
    if brought && !job.request.dry_run {
        // The leads are durable: an engine that cannot hear of it now asks again by itself.
        if let Err(error) = state.handle.leads_changed(campaign) {
            tracing::warn!(%error, "the dialer was not told of new leads");
        }
    }
    let at = state.now().timestamp;
    written(|| state.records.end_job(id, ended.clone(), at)).await;
    let job = written(|| state.records.job(id)).await;
    state.jobs.end(id, job);
}

/// Tries until storage answers; the causes are in the log. At the end of the service whoever waits here is let go of, and the
/// job is found broken off.
async fn written<T, F: Future<Output = Result<T, Problem>>>(mut write: impl FnMut() -> F) -> T {
    loop {
        match write().await {
            Ok(value) => return value,
            Err(_) => sleep(AGAIN).await,
        }
    }
}

/// Tells whoever watches how far a job is, and remembers which import it makes.
fn tell(state: &WebState, id: JobId, progress: Progress) {
    let mut begun = None;
    state.jobs.change(id, |job| {
        let mut seen = job.progress.unwrap_or(JobProgress {
            stage: ImportStage::Reading,
            rows_read: 0,
            rows_merged: 0,
            bytes_read: 0,
            bytes_total: progress.bytes_total,
        });
        seen.stage = progress.stage;
        match progress.stage {
            ImportStage::Reading => {
                (seen.rows_read, seen.bytes_read, seen.bytes_total) =
                    (progress.rows, progress.bytes_read, progress.bytes_total);
            }
            ImportStage::Merging => seen.rows_merged = progress.rows,
            ImportStage::WritingErrors => {}
        }
        job.progress = Some(seen);
        if job.import != progress.import && progress.import.is_some() {
            (job.import, begun) = (progress.import, progress.import);
        }
    });
    if let Some(import) = begun {
        let state = state.clone();
        tokio::spawn(async move { state.records.job_brings(id, import).await });
    }
}
