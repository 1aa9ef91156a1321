//! Files that are written as jobs: asked for, watched, stopped, fetched, and started again after a restart.
//!
//! A job is a task of its own, a few of them at a time; what became of it is written down, how far it is is known in memory alone.
//! Stopping is letting go of the task: a file that is half written goes with it. Read [`Jobs`] first.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::AbortHandle;

use super::WebState;
use super::access::{Account, Analysts, Can, Role, SignedIn};
use super::body::{Asked, Named, Sent};
use super::desk_socket::still_signed_in;
use super::exports::{ExportFormat, XLSX};
use super::live::{self, HEARTBEAT_EVERY, pause, raised};
use super::problem::{Kind, Problem};
use super::ranges::{self, Stored};
use crate::export::{Ask, Format, Kind as FileKind, Progress};
use crate::model::id::ExportId;
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::model::zone::Zone;
use crate::store::{ExportAsked, ExportRow, ExportState, ExportStep};

/// Files that are written at once: each reads as fast as the database gives, beside calls.
const AT_ONCE: usize = 2;
/// Jobs that wait or are worked on.
const JOBS_MAX: usize = 20;
/// Rows of a page where the request names no number, and the most.
const PAGE: usize = 50;
const PAGE_MAX: usize = 500;
/// Least time between two events of one reader.
const EVENT_EVERY: Duration = Duration::from_millis(500);
/// A reader that takes nothing for this long is dropped.
const STALLED_MAX: Duration = Duration::from_secs(30);

/// A file to be written.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportRequest {
    /// What each row is.
    pub kind: FileKind,
    /// Whose; needed for calls, results and leads.
    #[schema(value_type = Option<String>)]
    pub campaign: Option<CampaignKey>,
    /// Calls that began, results that were recorded, leads and entries that were added at this time or later; all without it.
    #[schema(value_type = Option<i64>)]
    pub from: Option<Timestamp>,
    /// And before this time; until now without it.
    #[schema(value_type = Option<i64>)]
    pub to: Option<Timestamp>,
    /// The form of the file; CSV without it.
    #[serde(default)]
    pub format: ExportFormat,
    /// A CSV file begins with a byte order mark, which Excel needs to read Chinese.
    #[serde(default)]
    pub bom: bool,
    /// Numbers are masked; names, notes and cells of lists are left out. Always so for marketing.
    #[serde(default)]
    pub masked: bool,
}

/// A file that somebody asked for.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ExportView {
    /// Its id.
    pub id: ExportId,
    /// What each row is.
    pub kind: FileKind,
    /// Whose; `null`: of all.
    pub campaign: Option<CampaignKey>,
    /// From this time on.
    pub from: Timestamp,
    /// Until before this time.
    pub to: Timestamp,
    /// The form of the file.
    pub format: ExportFormat,
    /// What tells who a customer is was left out.
    pub masked: bool,
    /// How it stands.
    pub state: ExportState,
    /// How far it is, while it is written.
    pub progress: Option<Progress>,
    /// Rows of the file, when it is done.
    pub rows: u64,
    /// Its length in bytes, when it is done.
    pub bytes: u64,
    /// Why it could not be written.
    pub error: Option<String>,
    /// Who asked.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// When it was done, failed or was stopped.
    pub finished_at: Option<Timestamp>,
}

/// Which files.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ExportsQuery {
    /// Older than this one: the last of the page before.
    #[param(value_type = Option<String>)]
    pub before: Option<ExportId>,
    /// At most so many, 500 at most; 50 without it.
    pub limit: Option<usize>,
}

/// What is being written, and a bell for whoever watches.
#[derive(Debug)]
pub(super) struct Jobs {
    live: Mutex<BTreeMap<ExportId, Live>>,
    pub(super) places: Arc<Semaphore>,
    changes: watch::Sender<u64>,
}

#[derive(Debug)]
pub(super) struct Live {
    progress: Progress,
    task: Option<AbortHandle>,
}

impl Default for Jobs {
    fn default() -> Jobs {
        Jobs { live: Mutex::default(), places: Arc::new(Semaphore::new(AT_ONCE)), changes: watch::Sender::new(0) }
    }
}

impl Jobs {
    pub(super) fn live(&self) -> MutexGuard<'_, BTreeMap<ExportId, Live>> {
        // A panic while it was held leaves whole entries.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn progress(&self, id: ExportId) -> Option<Progress> {
        self.live().get(&id).map(|live| live.progress)
    }

    fn went_on(&self, id: ExportId, progress: Progress) {
        if let Some(live) = self.live().get_mut(&id) {
            live.progress = progress;
        }
        self.ring();
    }

    fn ring(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Lets go of a job; whether it was there.
    fn stop(&self, id: ExportId) -> bool {
        let Some(live) = self.live().remove(&id) else { return false };
        if let Some(task) = live.task {
            task.abort();
        }
        true
    }

    /// Lets go of all of them: the service ends, and their state says so when it begins again.
    pub(super) fn stop_all(&self) {
        for (_, live) in std::mem::take(&mut *self.live()) {
            if let Some(task) = live.task {
                task.abort();
            }
        }
    }

    /// A place among the jobs, before its task is begun.
    fn enter(&self, id: ExportId) -> Result<(), Problem> {
        let mut live = self.live();
        if live.len() >= JOBS_MAX {
            let detail = format!("{JOBS_MAX} files wait or are written already; wait for one or stop it");
            return Err(Problem::new(Kind::Overloaded, detail).retry_after(30));
        }
        live.insert(id, Live { progress: Progress::default(), task: None });
        Ok(())
    }

    fn begun(&self, id: ExportId, task: AbortHandle) {
        match self.live().get_mut(&id) {
            Some(live) => live.task = Some(task),
            // It was stopped in the meantime, or is done already.
            None => task.abort(),
        }
    }
}

/// Where the file of a job is.
fn place(folder: &Path, row: &ExportRow) -> PathBuf {
    folder.join(format!("{}.{}", row.id, row.asked.format))
}

fn folder(state: &WebState) -> PathBuf {
    state.settings().data_dir.join("exports")
}

/// Begins the work of a job that has its place.
fn begin(state: &WebState, row: ExportRow) {
    let (id, work) = (row.id, state.clone());
    let task = tokio::spawn(async move {
        let Ok(permit) = work.exports.places.clone().acquire_owned().await else { return };
        let step = match run(&work, &row).await {
            Ok((rows, bytes)) => ExportStep { state: ExportState::Done, rows, bytes, error: None },
            Err(error) => {
                tracing::error!(%error, id = %row.id, "a file that was asked for could not be written");
                ExportStep { state: ExportState::Failed, rows: 0, bytes: 0, error: Some(error) }
            }
        };
        // A job that was let go of has had its end written down by whoever did it.
        let mine = work.exports.live().remove(&row.id).is_some();
        if mine {
            work.records.step_export(row.id, step, work.now().timestamp).await;
        }
        work.exports.ring();
        drop(permit);
    });
    state.exports.begun(id, task.abort_handle());
}

/// Writes the file: its rows and its length, or what is wrong, in words.
async fn run(state: &WebState, row: &ExportRow) -> Result<(u64, u64), String> {
    let step = ExportStep { state: ExportState::Running, rows: 0, bytes: 0, error: None };
    state.records.step_export(row.id, step, state.now().timestamp).await;
    state.exports.ring();
    let ask = asked(state, &row.asked)?;
    let folder = folder(state);
    let path = place(&folder, row);
    tokio::fs::create_dir_all(&folder).await.map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut told = |progress| state.exports.went_on(row.id, progress);
    let rows = state.records.export_watched(&ask, &path, &mut told).await?;
    let bytes = tokio::fs::metadata(&path).await.map_err(|error| format!("{}: {error}", path.display()))?.len();
    Ok((rows, bytes))
}

fn asked(state: &WebState, asked: &ExportAsked) -> Result<Ask, String> {
    let kind = asked.kind.parse().map_err(|error: crate::export::NoKind| error.to_string())?;
    let format = if asked.format == "xlsx" { Format::Xlsx } else { Format::Csv { mark: asked.bom } };
    let zone = Zone::named(&state.settings().engine.zone).unwrap_or_else(|_| Zone::utc());
    let ExportAsked { campaign, from, to, masked, .. } = asked.clone();
    Ok(Ask { kind, campaign, state: None, from, to, format, masked, zone })
}

fn view(row: ExportRow, progress: Option<Progress>) -> ExportView {
    let asked = row.asked;
    ExportView {
        id: row.id,
        kind: asked.kind.parse().unwrap_or(FileKind::Calls),
        campaign: asked.campaign,
        from: asked.from,
        to: asked.to,
        format: if asked.format == "xlsx" { ExportFormat::Xlsx } else { ExportFormat::Csv },
        masked: asked.masked,
        state: row.state,
        progress: progress.filter(|_| row.state == ExportState::Running),
        rows: row.rows,
        bytes: row.bytes,
        error: row.error,
        by: row.created_by,
        at: row.created_at,
        finished_at: row.finished_at,
    }
}

/// Marketing sees what it asked for itself, and of that only what is masked: a role may have been a greater one before.
fn may_see(user: &Account, row: &ExportRow) -> bool {
    user.role == Role::Manager || (row.created_by == user.login && row.asked.masked)
}

async fn list(state: &WebState, user: &Account, query: ExportsQuery) -> Result<Vec<ExportView>, Problem> {
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let own = (user.role != Role::Manager).then_some(user.login.as_str());
    let rows = state.records.exports(own, query.before, limit).await?;
    let seen = rows.into_iter().filter(|row| may_see(user, row));
    Ok(seen.map(|row| (state.exports.progress(row.id), row)).map(|(progress, row)| view(row, progress)).collect())
}

async fn one(state: &WebState, user: &Account, id: ExportId) -> Result<ExportRow, Problem> {
    let row = state.records.export_job(id).await?.filter(|row| may_see(user, row));
    row.ok_or_else(|| Problem::not_found(format!("export `{id}`")))
}

/// Files that were asked for, newest first. Marketing sees its own.
#[utoipa::path(get, path = "/exports", tag = "exports", params(ExportsQuery),
    security(("session" = ["manager", "marketing"])), responses((status = 200, body = Vec<ExportView>)))]
pub async fn exports(
    State(state): State<WebState>,
    user: Can<Analysts>,
    Asked(query): Asked<ExportsQuery>,
) -> Result<Json<Vec<ExportView>>, Problem> {
    list(&state, &user, query).await.map(Json)
}

/// Ask for a file. It is written as a job, two at a time, and kept for the days of `retention.exports_days`. Marketing gets calls,
/// results and leads, masked.
#[utoipa::path(post, path = "/exports", tag = "exports", request_body = ExportRequest,
    security(("session" = ["manager", "marketing"])), responses((status = 202, body = ExportView)))]
pub async fn ask_export(
    State(state): State<WebState>,
    user: Can<Analysts>,
    Sent(request): Sent<ExportRequest>,
) -> Result<(StatusCode, Json<ExportView>), Problem> {
    let ExportRequest { kind, campaign, from, to, format, bom, masked } = request;
    let marketing = user.role == Role::Marketing;
    if marketing && !kind.needs_campaign() {
        return Err(Problem::new(Kind::Forbidden, "your role, marketing, may not have the ledgers"));
    }
    match &campaign {
        None if kind.needs_campaign() => {
            let detail = format!("{} are of one campaign; expected its key", kind.as_str());
            return Err(Problem::field("/campaign", "missing", detail));
        }
        Some(key) if !state.records.campaign_exists(key).await? => return Err(super::campaigns::no_campaign(key)),
        Some(_) | None => {}
    }
    let now = state.now().timestamp;
    let (from, to) = (from.unwrap_or(Timestamp::from_millis(0)), to.unwrap_or(now));
    if from >= to {
        return Err(Problem::field("/to", "out_of_range", format!("the time ends at {to}; expected after {from}")));
    }
    let format = match format {
        ExportFormat::Csv => "csv",
        ExportFormat::Xlsx => "xlsx",
    };
    let masked = masked || marketing;
    let asked =
        ExportAsked { kind: kind.as_str().to_owned(), campaign, from, to, format: format.to_owned(), bom, masked };
    if state.exports.live().len() >= JOBS_MAX {
        // Not written down only to be refused; who comes between is refused below.
        return Err(Problem::new(Kind::Overloaded, "too many files are asked for already").retry_after(30));
    }
    let row = state.records.add_export(asked, &user.login, now).await?;
    if let Err(full) = state.exports.enter(row.id) {
        state.records.remove_export(row.id, &user.login, now).await?;
        return Err(full);
    }
    begin(&state, row.clone());
    state.exports.ring();
    Ok((StatusCode::ACCEPTED, Json(view(row, None))))
}

/// How one file stands.
#[utoipa::path(get, path = "/exports/{id}", tag = "exports", params(("id" = String, Path)),
    security(("session" = ["manager", "marketing"])), responses((status = 200, body = ExportView)))]
pub async fn export(
    State(state): State<WebState>,
    user: Can<Analysts>,
    Named(id): Named<ExportId>,
) -> Result<Json<ExportView>, Problem> {
    let row = one(&state, &user, id).await?;
    Ok(Json(view(row, state.exports.progress(id))))
}

/// Stop a file that waits or is written, or remove one that is not.
#[utoipa::path(delete, path = "/exports/{id}", tag = "exports", params(("id" = String, Path)),
    security(("session" = ["manager", "marketing"])), responses((status = 204)))]
pub async fn remove_export(
    State(state): State<WebState>,
    user: Can<Analysts>,
    Named(id): Named<ExportId>,
) -> Result<StatusCode, Problem> {
    let row = one(&state, &user, id).await?;
    let now = state.now().timestamp;
    if state.exports.stop(id) {
        let step = ExportStep { state: ExportState::Cancelled, rows: 0, bytes: 0, error: None };
        state.records.step_export(id, step, now).await;
        state.audit(&user, "export_cancelled", &id.to_string(), "").await;
    } else {
        // One that is gone already is removed as well.
        let _ = tokio::fs::remove_file(place(&folder(&state), &row)).await;
        state.records.remove_export(id, &user.login, now).await?;
    }
    state.exports.ring();
    Ok(StatusCode::NO_CONTENT)
}

/// Write a file anew that was interrupted by a restart, was stopped or failed.
#[utoipa::path(post, path = "/exports/{id}/restart", tag = "exports", params(("id" = String, Path)),
    security(("session" = ["manager", "marketing"])), responses((status = 202, body = ExportView)))]
pub async fn restart_export(
    State(state): State<WebState>,
    user: Can<Analysts>,
    Named(id): Named<ExportId>,
) -> Result<(StatusCode, Json<ExportView>), Problem> {
    let row = one(&state, &user, id).await?;
    match row.state {
        ExportState::Interrupted | ExportState::Cancelled | ExportState::Failed => {}
        ExportState::Waiting | ExportState::Running | ExportState::Done => {
            return Err(Problem::new(Kind::Conflict, "it is being written or done; ask for another file"));
        }
    }
    state.exports.enter(id)?;
    let step = ExportStep { state: ExportState::Waiting, rows: 0, bytes: 0, error: None };
    state.records.step_export(id, step, state.now().timestamp).await;
    state.audit(&user, "export_restarted", &id.to_string(), "").await;
    begin(&state, row.clone());
    state.exports.ring();
    let row = ExportRow { state: ExportState::Waiting, finished_at: None, error: None, ..row };
    Ok((StatusCode::ACCEPTED, Json(view(row, None))))
}

/// The file. A part of it with `Range`, so that a download that broke off goes on.
#[utoipa::path(get, path = "/exports/{id}/file", tag = "exports", params(("id" = String, Path),
    ("Range" = Option<String>, Header, description = "one range of bytes")),
    security(("session" = ["manager", "marketing"])),
    responses((status = 200, body = String, content_type = "text/csv"), (status = 206, body = String, content_type = "text/csv")))]
pub async fn export_file(
    State(state): State<WebState>,
    user: Can<Analysts>,
    Named(id): Named<ExportId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let row = one(&state, &user, id).await?;
    if row.state != ExportState::Done {
        return Err(Problem::not_found(format!("file of `{id}`, which is not done")));
    }
    let of = row.asked.campaign.as_ref().map_or("all", CampaignKey::as_str);
    let (kind, format) = (&row.asked.kind, &row.asked.format);
    let stored = Stored {
        path: place(&folder(&state), &row),
        media: if format == "xlsx" { XLSX } else { "text/csv; charset=utf-8" },
        name: format!("{of}-{kind}.{format}"),
        // Written once and never changed.
        tag: format!("\"{id}-{}\"", row.finished_at.unwrap_or(row.created_at).as_millis()),
    };
    let response = ranges::send(&stored, &headers).await?;
    let response = response.ok_or_else(|| Problem::not_found(format!("file of `{id}`: it was removed")))?;
    if response.status() == StatusCode::OK {
        state.audit(&user, "export_fetched", &id.to_string(), &format!("{of} {kind}")).await;
    }
    Ok(response)
}

/// The list as it changes, as server-sent events `exports`: the newest 50, twice a second at most.
#[utoipa::path(get, path = "/exports/events", tag = "exports", security(("session" = ["manager", "marketing"])),
    responses((status = 200, body = Vec<ExportView>, content_type = "text/event-stream")))]
pub async fn export_events(State(state): State<WebState>, user: Can<Analysts>) -> Result<Response, Problem> {
    let signed_in = user.0.clone();
    live::events(&state, |state, pieces| async move { watch(&state, &signed_in, &pieces).await })
}

async fn watch(state: &WebState, signed_in: &SignedIn, pieces: &mpsc::Sender<Result<Bytes, std::io::Error>>) {
    let mut changes = state.exports.changes.subscribe();
    changes.mark_changed();
    let mut closing = state.closing.subscribe();
    loop {
        tokio::select! {
            biased;
            () = raised(&mut closing) => return,
            () = pieces.closed() => return,
            changed = changes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(HEARTBEAT_EVERY) => {}
        }
        if !still_signed_in(state, signed_in).await {
            return;
        }
        changes.borrow_and_update();
        let Ok(seen) = list(state, &signed_in.account, ExportsQuery { before: None, limit: None }).await else {
            return;
        };
        let json = serde_json::to_string(&seen).unwrap_or_default();
        let piece = Bytes::from(format!("event: exports\ndata: {json}\n\n"));
        if pieces.send_timeout(Ok(piece), STALLED_MAX).await.is_err() {
            return;
        }
        pause(&mut closing, EVENT_EVERY).await;
    }
}
