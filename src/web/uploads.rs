//! Files that come in pieces, so that a broken line or a restart costs a piece and not the file.
//!
//! In the shape of tus 1.0: a piece says where it goes on (`Upload-Offset`), and whoever does not know asks. Not the import of
//! what came, which is a job made from it. Read [`UploadView`] and [`send_piece`] first.

pub(super) mod shelf;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;

use self::shelf::{About, Shelf, Upload};
use super::access::{Account, Can, Managers};
use super::body::{Asked, Named, Sent};
use super::problem::{Kind, Problem};
use super::templates::TemplateView;
use super::upload::next_piece;
use super::{API_BASE, WebState};
use crate::model::id::UploadId;
use crate::model::time::Timestamp;
use crate::store::{FilePreview, JobRow, JobState};

/// Where a piece goes on.
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
/// How long the whole file is.
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
/// The media type of a piece (tus 1.0).
const PIECE: &str = "application/offset+octet-stream";
/// Files of one person that wait.
const OF_ONE_MAX: usize = 8;
/// Files of all that wait: they take room on the disk of the database.
const OF_ALL_MAX: usize = 64;
/// For how long a file is kept after it was begun, or after the last job that was made of it.
const KEPT: Duration = Duration::from_secs(48 * 3600);
/// For how long once it has been brought in.
const KEPT_DONE: Duration = Duration::from_secs(6 * 3600);
/// Longest name of a file, in characters.
const NAME_MAX: usize = 200;
/// Rows of a file that are shown.
const PREVIEW_ROWS: usize = 20;

/// A file that is to come.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUpload {
    /// What it is called.
    pub name: String,
    /// Its length, in bytes.
    pub length: u64,
}

/// A file on its way in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct UploadView {
    /// Its id.
    pub id: UploadId,
    /// What it is called.
    pub name: String,
    /// Its length, in bytes.
    pub length: u64,
    /// How much of it has come: the next piece begins there.
    pub offset: u64,
    /// Since when.
    pub created_at: Timestamp,
}

impl From<Upload> for UploadView {
    fn from(upload: Upload) -> UploadView {
        let Upload { id, about, offset } = upload;
        UploadView { id, name: about.name, length: about.length, offset, created_at: about.at }
    }
}

/// How a file is to be looked at.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PreviewQuery {
    /// Region of numbers without a country code: helps where encodings look alike.
    pub region: Option<String>,
    /// Encoding of a text file; without it, what it looks like.
    pub encoding: Option<String>,
    /// What stands between cells; without it, the likeliest.
    pub delimiter: Option<String>,
    /// Sheet of a workbook, where several have cells.
    pub sheet: Option<String>,
}

/// How a file begins.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct PreviewView {
    /// What it was taken for, its columns and its first rows.
    #[serde(flatten)]
    pub preview: FilePreview,
    /// The saved template that fits its columns, if one does.
    pub template: Option<TemplateView>,
}

/// Uploads that something is being added to. One piece at a time goes to each.
#[derive(Debug, Default)]
pub(super) struct Receiving(Arc<Mutex<BTreeSet<UploadId>>>);

impl Receiving {
    fn begin(&self, id: UploadId) -> Result<Turn, Problem> {
        let fresh = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        let busy = || Problem::new(Kind::Conflict, "a piece of this file is being received").retry_after(1);
        fresh.then(|| Turn { of: Arc::clone(&self.0), id }).ok_or_else(busy)
    }
}

/// Held while something is added to an upload.
struct Turn {
    of: Arc<Mutex<BTreeSet<UploadId>>>,
    id: UploadId,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.of.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

fn failed(error: std::io::Error) -> Problem {
    match error.kind() {
        std::io::ErrorKind::StorageFull => Problem::unavailable("the disk of uploads", error),
        _ => Problem::internal("an upload", error),
    }
}

/// The asker's own upload. That of somebody else is not there.
pub(super) async fn own(state: &WebState, user: &Account, id: UploadId) -> Result<Upload, Problem> {
    let found = state.shelf().find(id).await.map_err(failed)?;
    let own = found.filter(|upload| upload.about.by == user.login);
    own.ok_or_else(|| Problem::not_found(format!("upload `{id}` of yours; one is kept for two days")))
}

fn described(upload: Upload) -> Response {
    let headers = [
        (OFFSET, upload.offset.to_string()),
        (LENGTH, upload.about.length.to_string()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, Json(UploadView::from(upload))).into_response()
}

/// Files of yours that are kept, oldest first.
#[utoipa::path(get, path = "/uploads", tag = "lists", security(("session" = ["manager"])),
    responses((status = 200, body = Vec<UploadView>)))]
pub async fn uploads(State(state): State<WebState>, user: Can<Managers>) -> Result<Json<Vec<UploadView>>, Problem> {
    let all = state.shelf().all().await.map_err(failed)?;
    let own = all.into_iter().filter(|upload| upload.about.by == user.login);
    Ok(Json(own.map(UploadView::from).collect()))
}

/// Announce a file. It is sent in pieces to the address of `Location`, and kept for two days.
#[utoipa::path(post, path = "/uploads", tag = "lists", request_body = NewUpload,
    security(("session" = ["manager"])), responses((status = 201, body = UploadView)))]
pub async fn add_upload(
    State(state): State<WebState>,
    user: Can<Managers>,
    Sent(new): Sent<NewUpload>,
) -> Result<Response, Problem> {
    let characters = new.name.trim().chars().count();
    if !(1..=NAME_MAX).contains(&characters) || new.name.chars().any(char::is_control) {
        let detail = format!("name has {characters} characters; expected 1 to {NAME_MAX} that can be read");
        return Err(Problem::field("/name", "unfit", detail));
    }
    let most = state.settings().upload_max_bytes;
    if !(1..=most).contains(&new.length) {
        let detail = format!("length is {} bytes; expected 1 to {most}", new.length);
        return Err(Problem::field("/length", "out_of_range", detail));
    }
    let now = state.now().timestamp;
    sweep(&state, now).await?;
    let is_own = |upload: &Upload| upload.about.by == user.login;
    if !make_room(&state, OF_ONE_MAX, is_own).await? {
        let detail = format!("{OF_ONE_MAX} files of yours are kept, the most there may be; delete one (GET /uploads)");
        return Err(Problem::new(Kind::Conflict, detail));
    }
    if !make_room(&state, OF_ALL_MAX, |_| true).await? {
        let detail = format!("{OF_ALL_MAX} files are kept, the most there may be; the oldest goes within two days");
        return Err(Problem::new(Kind::Overloaded, detail).retry_after(600));
    }
    let about = About { name: new.name.trim().to_owned(), length: new.length, by: user.login.clone(), at: now };
    let upload = state.shelf().add(UploadId(state.mint(now)), about).await.map_err(failed)?;
    let location = [(header::LOCATION, format!("{API_BASE}/uploads/{}", upload.id))];
    Ok((StatusCode::CREATED, location, described(upload)).into_response())
}

/// How much of a file has come. HEAD says the same in `Upload-Offset` and `Upload-Length`.
#[utoipa::path(get, path = "/uploads/{id}", tag = "lists", params(("id" = String, Path)),
    security(("session" = ["manager"])), responses((status = 200, body = UploadView)))]
pub async fn upload(
    State(state): State<WebState>,
    user: Can<Managers>,
    Named(id): Named<UploadId>,
) -> Result<Response, Problem> {
    own(&state, &user, id).await.map(described)
}

/// Send the next piece of a file. `Upload-Offset` says where it goes on; where that is not where the file ends, 409
/// `offset_differs` tells the right place in the same header. Of a piece that breaks off what has come is kept.
#[utoipa::path(patch, path = "/uploads/{id}", tag = "lists",
    params(("id" = String, Path), ("Upload-Offset" = u64, Header, description = "where the piece goes on")),
    request_body(content = String, content_type = "application/offset+octet-stream"),
    security(("session" = ["manager"])), responses((status = 204)))]
pub async fn send_piece(
    State(state): State<WebState>,
    user: Can<Managers>,
    Named(id): Named<UploadId>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let said = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if said(&header::CONTENT_TYPE) != PIECE {
        return Err(Problem::new(Kind::MediaType, format!("expected the header `Content-Type: {PIECE}`")));
    }
    let wrong = || Problem::new(Kind::BadHeader, "Upload-Offset: expected a number of bytes, such as 0");
    let offset: u64 = said(&OFFSET).parse().map_err(|_| wrong())?;
    let turn = state.receiving.begin(id)?;
    let upload = own(&state, &user, id).await?;
    if upload.offset != offset {
        let detail = format!("{} bytes of the file have come, and the piece begins at {offset}", upload.offset);
        let problem = Problem::new(Kind::OffsetDiffers, detail);
        return Ok(([(OFFSET, upload.offset.to_string())], problem).into_response());
    }
    let announced = said(&header::CONTENT_LENGTH).parse::<u64>().unwrap_or(0);
    if announced > upload.about.length - offset {
        return Err(beyond(upload.about.length));
    }
    // On its own: whoever goes away must not leave a write behind that ends after the next piece has begun.
    let shelf = state.shelf();
    let received = tokio::spawn(async move {
        let received = receive(&shelf, &upload, body).await;
        drop(turn);
        received
    });
    let offset = received.await.map_err(|error| Problem::internal("receiving a piece", error))??;
    Ok((StatusCode::NO_CONTENT, [(OFFSET, offset.to_string())]).into_response())
}

fn beyond(length: u64) -> Problem {
    let detail = format!("the piece goes beyond the {length} bytes that the file was said to have");
    Problem::new(Kind::TooLarge, detail)
}

/// Writes a piece behind what has come; how much there is then. What is answered for is on the disk.
async fn receive(shelf: &Shelf, upload: &Upload, mut body: Body) -> Result<u64, Problem> {
    let mut file = shelf.open_end(upload.id).await.map_err(failed)?;
    let (mut offset, length) = (upload.offset, upload.about.length);
    let ended = loop {
        let piece = match next_piece(&mut body).await {
            Ok(Some(piece)) => piece,
            Ok(None) => break Ok(()),
            Err(problem) => break Err(problem),
        };
        if piece.len() as u64 > length - offset {
            break Err(beyond(length));
        }
        if let Err(error) = file.write_all(&piece).await {
            break Err(failed(error));
        }
        offset += piece.len() as u64;
    };
    file.flush().await.map_err(failed)?;
    file.sync_data().await.map_err(failed)?;
    ended.map(|()| offset)
}

/// Throw a file away.
#[utoipa::path(delete, path = "/uploads/{id}", tag = "lists", params(("id" = String, Path)),
    security(("session" = ["manager"])), responses((status = 204)))]
pub async fn remove_upload(
    State(state): State<WebState>,
    user: Can<Managers>,
    Named(id): Named<UploadId>,
) -> Result<StatusCode, Problem> {
    let _turn = state.receiving.begin(id)?;
    own(&state, &user, id).await?;
    if state.records.jobs_of_upload(id).await?.iter().any(|job| job.state.is_open()) {
        return Err(Problem::new(Kind::Conflict, "a job is to import this file; cancel it first"));
    }
    state.shelf().remove(id).await.map_err(failed)?;
    Ok(StatusCode::NO_CONTENT)
}

/// How a file begins: what it is taken for, what its columns are likely for, its first 20 rows, and what is wrong with it.
#[utoipa::path(get, path = "/uploads/{id}/preview", tag = "lists", params(("id" = String, Path), PreviewQuery),
    security(("session" = ["manager"])), responses((status = 200, body = PreviewView)))]
pub async fn preview_upload(
    State(state): State<WebState>,
    user: Can<Managers>,
    Named(id): Named<UploadId>,
    Asked(query): Asked<PreviewQuery>,
) -> Result<Json<PreviewView>, Problem> {
    let upload = own(&state, &user, id).await?;
    whole(&upload)?;
    let region = state.region(query.region.as_deref())?;
    let PreviewQuery { encoding, delimiter, sheet, .. } = query;
    let format = super::records::lists::format(encoding.as_deref(), delimiter.as_deref(), sheet, region)?;
    // Reading a large file to its end takes a second of a core.
    let _turn = state.previews.acquire().await.map_err(|error| Problem::internal("looking at a file", error))?;
    state.records.preview(&state.shelf().content(id), &format, PREVIEW_ROWS).await.map(Json)
}

/// All of it must have come.
pub(super) fn whole(upload: &Upload) -> Result<(), Problem> {
    match upload.is_whole() {
        true => Ok(()),
        false => {
            let detail = format!("{} of {} bytes have come; send the rest first", upload.offset, upload.about.length);
            Err(Problem::new(Kind::Conflict, detail))
        }
    }
}

/// Removes files that nobody goes on with.
pub(super) async fn sweep(state: &WebState, now: Timestamp) -> Result<(), Problem> {
    let shelf = state.shelf();
    for upload in shelf.all().await.map_err(failed)? {
        let jobs = state.records.jobs_of_upload(upload.id).await?;
        if kept_until(upload.about.at, &jobs).is_some_and(|until| until < now)
            && let Ok(_turn) = state.receiving.begin(upload.id)
        {
            shelf.remove(upload.id).await.map_err(failed)?;
            tracing::info!(upload = %upload.id, by = upload.about.by, "removed a file that nobody went on with");
        }
    }
    Ok(())
}

/// Whether there is room for one more of these files, after those that have been brought in were removed as far as need be, the
/// oldest first.
async fn make_room(state: &WebState, most: usize, counts: impl Fn(&Upload) -> bool) -> Result<bool, Problem> {
    let shelf = state.shelf();
    let kept: Vec<Upload> = shelf.all().await.map_err(failed)?.into_iter().filter(counts).collect();
    let mut surplus = (kept.len() + 1).saturating_sub(most);
    for upload in kept {
        if surplus == 0 {
            break;
        }
        let jobs = state.records.jobs_of_upload(upload.id).await?;
        if is_done(&jobs)
            && let Ok(_turn) = state.receiving.begin(upload.id)
        {
            shelf.remove(upload.id).await.map_err(failed)?;
            surplus -= 1;
        }
    }
    Ok(surplus == 0)
}

/// Whether a file has been brought in, and no job has to do with it any more.
fn is_done(jobs: &[JobRow]) -> bool {
    let done = |job: &JobRow| job.state == JobState::Done && !job.job.dry_run;
    jobs.iter().any(done) && !jobs.iter().any(|job| job.state.is_open())
}

/// Until when a file is kept; `None` while a job has to do with it.
fn kept_until(begun: Timestamp, jobs: &[JobRow]) -> Option<Timestamp> {
    if jobs.iter().any(|job| job.state.is_open()) {
        return None;
    }
    let ended = |job: &JobRow| job.ended_at.unwrap_or(job.created_at);
    let done = jobs.iter().filter(|job| job.state == JobState::Done && !job.job.dry_run).map(ended).max();
    Some(match done {
        Some(done) => done + KEPT_DONE,
        None => jobs.iter().map(ended).max().unwrap_or(begun).max(begun) + KEPT,
    })
}
