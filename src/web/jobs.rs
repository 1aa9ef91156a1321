//! Imports as jobs: asked for, answered at once, and done in their turn while nobody waits.
//!
//! A few at a time, the rest in their order. What a restart must know is the store's; what changes every moment is in memory.
//! Read [`ImportJob`] first, then [`work::run`].

mod events;
pub(super) mod work;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::access::{Can, Managers};
use super::body::{Named, Sent};
use super::campaigns::no_campaign;
use super::lists::{ImportReport, LIST_NAME_MAX};
use super::problem::{Kind, Problem};
use super::records::lists::format;
use super::templates::{mapping, over};
use super::{API_BASE, WebState, uploads};
use crate::model::id::{ImportId, JobId, ListId, UploadId};
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::store::{DuplicatePolicy, DuplicateScope, ImportStage, JobProblem, JobState, MappedColumn, NewJob};

/// Jobs that wait. More are a mistake of a program.
const QUEUED_MAX: usize = 100;
/// Jobs of a campaign that are told.
const TOLD_MAX: u32 = 100;

/// How a file is to be brought in.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportRequest {
    /// The file: an upload of yours, all of which has come.
    pub upload: UploadId,
    /// Name of the list; the same file again to the same list is the same import.
    pub name: String,
    /// Only count and check; nothing is kept but the file of rejected rows.
    #[serde(default)]
    pub dry_run: bool,
    /// Region of numbers without a country code, as two letters (`CN`, `US`, `GB`).
    pub region: Option<String>,
    /// Encoding of a text file (`utf-8`, `gb18030`, `utf-16le` …); without it, what it looks like.
    pub encoding: Option<String>,
    /// What stands between cells (`comma`, `semicolon`, `tab`, `pipe`, or the sign); without it, the likeliest.
    pub delimiter: Option<String>,
    /// Sheet of a workbook, where several have cells.
    pub sheet: Option<String>,
    /// What columns are for; others are understood by their headings.
    #[serde(default)]
    pub mapping: Vec<MappedColumn>,
    /// A saved template that says what columns are for; `mapping` goes before it.
    pub template: Option<String>,
    /// Where a number may be already; on the campaign, if left out.
    pub duplicates_in: Option<DuplicateScope>,
    /// What becomes of a row whose number is on the campaign already; it is left out, if this is.
    pub on_duplicate: Option<DuplicatePolicy>,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct JobProgress {
    /// What it does.
    pub stage: ImportStage,
    /// Rows that were read and checked.
    pub rows_read: u64,
    /// Rows of these that were brought in, or left out, or in a dry run judged.
    pub rows_merged: u64,
    /// Of the file, read so far.
    pub bytes_read: u64,
    /// Of the file.
    pub bytes_total: u64,
}

/// An import as a job.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ImportJob {
    /// Its id.
    pub id: JobId,
    /// Whose leads they become.
    #[schema(value_type = String)]
    pub campaign: CampaignKey,
    /// What the file is called.
    pub file: String,
    /// What was asked for.
    pub request: ImportRequest,
    /// How it stands.
    pub state: JobState,
    /// How far it is, while it is worked on.
    pub progress: Option<JobProgress>,
    /// The import that it makes, once it has begun to bring rows in: by this id it can be undone.
    pub import: Option<ImportId>,
    /// The list of that import.
    pub list: Option<ListId>,
    /// What it came to. Of one that was cancelled or failed, as far as it came: what was brought in before stays.
    pub report: Option<ImportReport>,
    /// What stood in its way.
    pub problem: Option<JobProblem>,
    /// Who asked for it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it was begun.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
}

fn no_job(id: JobId) -> Problem {
    Problem::not_found(format!("job `{id}`"))
}

/// How a job stands now.
async fn find(state: &WebState, id: JobId) -> Result<ImportJob, Problem> {
    match state.jobs.seen(id) {
        Some(seen) => Ok(seen),
        None => state.records.job(id).await?.ok_or_else(|| no_job(id)),
    }
}

/// Have a file brought in, or only checked. Answered at once; jobs are done in their order, a few at a time.
#[utoipa::path(post, path = "/campaigns/{key}/import-jobs", tag = "lists", params(("key" = String, Path)),
    request_body = ImportRequest, security(("session" = ["manager"])), responses((status = 202, body = ImportJob)))]
pub async fn add_job(
    State(state): State<WebState>,
    user: Can<Managers>,
    Named(key): Named<CampaignKey>,
    Sent(mut request): Sent<ImportRequest>,
) -> Result<(StatusCode, [(header::HeaderName, String); 1], Json<ImportJob>), Problem> {
    if !state.records.campaign_exists(&key).await? {
        return Err(no_campaign(&key));
    }
    let characters = request.name.trim().chars().count();
    if !(1..=LIST_NAME_MAX).contains(&characters) {
        let detail = format!("name has {characters} characters; expected 1 to {LIST_NAME_MAX}");
        return Err(Problem::field("/name", "unfit", detail));
    }
    request.name = request.name.trim().to_owned();
    // Judged now, so that a slip is told to whoever made it, and said in full, so that a later job is the same.
    let region = state.region(request.region.as_deref())?;
    format(request.encoding.as_deref(), request.delimiter.as_deref(), request.sheet.clone(), region)?;
    request.region = region.map(|region| region.to_string());
    let columns = mapping(std::mem::take(&mut request.mapping), "/mapping")?;
    let unfit = |field: &str, detail: String| Problem::field(&format!("/{field}"), "unfit", detail);
    let columns = over(&state, columns, request.template.take().as_deref(), unfit).await?;
    request.mapping = columns.columns().to_vec();
    let upload = uploads::own(&state, &user, request.upload).await?;
    uploads::whole(&upload)?;
    if state.jobs.queued() >= QUEUED_MAX {
        let detail = format!("{QUEUED_MAX} jobs wait already; try again when some are done");
        return Err(Problem::new(Kind::Overloaded, detail).retry_after(60));
    }
    let now = state.now().timestamp;
    let id = JobId(state.mint(now));
    let plan = serde_json::to_string(&request).map_err(|error| Problem::internal("writing a job down", error))?;
    let job = NewJob { campaign: key, upload: upload.id, file: upload.about.name, plan, dry_run: request.dry_run };
    state.records.add_job(id, job, &user.login, now).await?;
    let job = state.records.job(id).await?.ok_or_else(|| no_job(id))?;
    state.jobs.queue(job.clone());
    let location = [(header::LOCATION, format!("{API_BASE}/import-jobs/{id}"))];
    Ok((StatusCode::ACCEPTED, location, Json(job)))
}

/// The latest 100 jobs of a campaign, newest first: what was brought in and checked, by whom, and what it came to.
#[utoipa::path(get, path = "/campaigns/{key}/import-jobs", tag = "lists", params(("key" = String, Path)),
    security(("session" = ["manager"])), responses((status = 200, body = Vec<ImportJob>)))]
pub async fn jobs(
    State(state): State<WebState>,
    _user: Can<Managers>,
    Named(key): Named<CampaignKey>,
) -> Result<Json<Vec<ImportJob>>, Problem> {
    if !state.records.campaign_exists(&key).await? {
        return Err(no_campaign(&key));
    }
    let written = state.records.jobs(&key, TOLD_MAX).await?;
    Ok(Json(written.into_iter().map(|job| state.jobs.seen(job.id).unwrap_or(job)).collect()))
}

/// How a job stands.
#[utoipa::path(get, path = "/import-jobs/{id}", tag = "lists", params(("id" = String, Path)),
    security(("session" = ["manager"])), responses((status = 200, body = ImportJob)))]
pub async fn job(
    State(state): State<WebState>,
    _user: Can<Managers>,
    Named(id): Named<JobId>,
) -> Result<Json<ImportJob>, Problem> {
    find(&state, id).await.map(Json)
}

/// A job as it goes on (server-sent events): `job` with how it stands, at most four a second, and at its end `end`, after which
/// nothing comes.
#[utoipa::path(get, path = "/import-jobs/{id}/events", tag = "lists", params(("id" = String, Path)),
    security(("session" = ["manager"])),
    responses((status = 200, body = ImportJob, content_type = "text/event-stream")))]
pub async fn job_events(
    State(state): State<WebState>,
    user: Can<Managers>,
    Named(id): Named<JobId>,
) -> Result<Response, Problem> {
    let job = find(&state, id).await?;
    events::of_job(&state, &user.0, job)
}

/// Stop a job at the end of the batch at hand. What was brought in before stays and can be undone; the job can go on later.
#[utoipa::path(post, path = "/import-jobs/{id}/cancel", tag = "lists", params(("id" = String, Path)),
    security(("session" = ["manager"])), responses((status = 202, body = ImportJob)))]
pub async fn cancel_job(
    State(state): State<WebState>,
    user: Can<Managers>,
    Named(id): Named<JobId>,
) -> Result<(StatusCode, Json<ImportJob>), Problem> {
    let job = find(&state, id).await?;
    if !job.state.is_open() {
        return Err(Problem::new(
            Kind::Conflict,
            "the job is over; only one that waits or is worked on can be cancelled",
        ));
    }
    work::cancel(&state, id).await?;
    state.audit(&user, "import_cancelled", &id.to_string(), &job.file).await;
    Ok((StatusCode::ACCEPTED, Json(find(&state, id).await?)))
}

/// Have a job go on that failed, was cancelled, or was broken off by an end of the service. What it brought in before is
/// recognised; its counts will be those of all runs.
#[utoipa::path(post, path = "/import-jobs/{id}/resume", tag = "lists", params(("id" = String, Path)),
    security(("session" = ["manager"])), responses((status = 202, body = ImportJob)))]
pub async fn resume_job(
    State(state): State<WebState>,
    user: Can<Managers>,
    Named(id): Named<JobId>,
) -> Result<(StatusCode, Json<ImportJob>), Problem> {
    let job = find(&state, id).await?;
    let refused = || Problem::new(Kind::Conflict, "only a job that failed, was cancelled or broken off can go on");
    if !job.state.may_go_on() {
        return Err(refused());
    }
    let upload = state.shelf().find(job.request.upload).await;
    if upload.map_err(|error| Problem::internal("an upload", error))?.is_none() {
        let detail = "the file of the job is not kept any more; send it again, to the same list, and it goes on";
        return Err(Problem::new(Kind::Conflict, detail));
    }
    if !state.records.queue_job_again(id).await? {
        return Err(refused());
    }
    state.audit(&user, "import_resumed", &id.to_string(), &job.file).await;
    let job = state.records.job(id).await?.ok_or_else(|| no_job(id))?;
    state.jobs.queue(job.clone());
    Ok((StatusCode::ACCEPTED, Json(job)))
}
