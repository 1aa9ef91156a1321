//! Lists of leads: what there is, and bringing one in from a file.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::access::{Can, Managers};
use super::body::{Asked, Named};
use super::campaigns::no_campaign;
use super::exports::XLSX;
use super::problem::{Kind, Problem};
use super::records::lists::{Incoming, duplicates, format, rejected_path};
use super::{WebState, templates, upload};
use crate::model::id::{ImportId, ListId};
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::store::{DuplicatePolicy, DuplicateScope, MappedColumn, Mapping, Stop, Undone};

/// Longest name of a list, in characters.
pub(super) const LIST_NAME_MAX: usize = 100;

/// One list of a campaign, with what its import did.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ListView {
    /// Its id.
    pub id: ListId,
    /// The import that made it.
    pub import: ImportId,
    /// Its name.
    pub name: String,
    /// How the import stands.
    pub state: ImportState,
    /// Who brought it in.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// Rows in the file.
    pub rows: u64,
    /// Rows that became leads.
    pub accepted: u64,
    /// Rows that brought leads up to date.
    pub updated: u64,
    /// Rows whose number was there already.
    pub duplicate: u64,
    /// Rows whose number must not be dialled.
    pub suppressed: u64,
    /// Rows that cannot be used.
    pub invalid: u64,
    /// Rows that were not come to: none, unless it was stopped or failed.
    pub left: u64,
    /// Where the file of rejected rows is, as long as it is kept.
    pub rejected_file: Option<String>,
    /// Until when it can be taken back; `null` where it cannot.
    pub undo_until: Option<Timestamp>,
}

/// How an import stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportState {
    /// Under way, or killed on its way.
    Running,
    /// At its end.
    Done,
    /// Broken off; what was brought in before stays.
    Failed,
    /// Taken back.
    Undone,
}

/// How a file is to be read.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ImportQuery {
    /// Name of the new list.
    pub name: String,
    /// Region of numbers without a country code, as two letters (`CN`, `US`, `GB`).
    pub region: Option<String>,
    /// Encoding of a text file (`utf-8`, `gb18030`, `utf-16le` …); without it, what it looks like.
    pub encoding: Option<String>,
    /// What stands between cells (`comma`, `semicolon`, `tab`, `pipe`, or the sign); without it, the likeliest.
    pub delimiter: Option<String>,
    /// Sheet of a workbook, where several have cells.
    pub sheet: Option<String>,
    /// Heading of the number's column, where several could be meant.
    pub number_column: Option<String>,
    /// What columns are for, as the JSON of a job's `mapping`: `[{"heading": "客户的号", "use": "number"}]`; others are
    /// understood by their headings.
    pub mapping: Option<String>,
    /// A saved template that says what columns are for; `mapping` goes before it.
    pub template: Option<String>,
    /// Where a number may be already; on the campaign, if left out.
    #[param(inline)]
    pub duplicates_in: Option<DuplicateScope>,
    /// What becomes of a row whose number is on the campaign already; it is left out, if this is.
    #[param(inline)]
    pub on_duplicate: Option<DuplicatePolicy>,
    /// Only count and check; nothing is kept but the file of rejected rows.
    pub dry_run: Option<bool>,
}

/// What an import did. Accepted, updated, duplicate, suppressed and invalid add up to the rows of the file.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ImportReport {
    /// The run.
    pub id: ImportId,
    /// The list; `null` for a dry run.
    pub list: Option<ListId>,
    /// Nothing was kept.
    pub dry_run: bool,
    /// Rows in the file, without the header.
    pub rows: u64,
    /// Rows that became leads.
    pub accepted: u64,
    /// Rows that brought leads up to date.
    pub updated: u64,
    /// Rows whose number the campaign has already, or that occurs earlier in the file.
    pub duplicate: u64,
    /// Rows whose number must not be dialled.
    pub suppressed: u64,
    /// Rows that cannot be used.
    pub invalid: u64,
    /// Rows that were not come to: none, unless the import was stopped or failed.
    pub left: u64,
    /// Among the accepted, rows without a time zone: they are never dialled.
    pub without_zone: u64,
    /// Among the accepted, rows that are never dialled, because the campaign's calling hours do not open in their time zones
    /// before it ends, or because they have none.
    pub no_window: u64,
    /// Cells with a further number that is none: their rows were taken without it, and agents see the cell.
    pub numbers_unread: u64,
    /// Rejected rows by the code of what is wrong with them.
    pub rejected: BTreeMap<String, u64>,
    /// Where the file of rejected rows is; `null` when none was rejected.
    pub rejected_file: Option<String>,
    /// The same file had been imported to the list before, or an import of it was broken off: the counts are those of both.
    pub resumed: bool,
}

/// Lists of a campaign, latest first.
#[utoipa::path(get, path = "/campaigns/{key}/lists", tag = "lists", params(("key" = String, Path)),
    security(("session" = ["manager"])), responses((status = 200, body = Vec<ListView>)))]
pub async fn lists(
    State(state): State<WebState>,
    _user: Can<Managers>,
    Named(key): Named<CampaignKey>,
) -> Result<Json<Vec<ListView>>, Problem> {
    if !state.records.campaign_exists(&key).await? {
        return Err(no_campaign(&key));
    }
    let settings = state.settings();
    let mut lists = state.records.lists(&key, &settings, state.now().timestamp).await?;
    // What is brought in at this moment is cancelled, not undone.
    lists.iter_mut().filter(|list| state.jobs.brings(list.import)).for_each(|list| list.undo_until = None);
    Ok(Json(lists))
}

/// Bring a file in, CSV or XLSX with a header, as the body. Answered when the leads are durable; the same file sent again to
/// the same list is the same import, whether it was broken off or not.
#[utoipa::path(post, path = "/campaigns/{key}/lists", tag = "lists", params(("key" = String, Path), ImportQuery),
    request_body(content((String = "text/csv"), (String = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"))), security(("session" = ["manager"])),
    responses((status = 200, body = ImportReport)))]
pub async fn import_list(
    State(state): State<WebState>,
    user: Can<Managers>,
    Named(key): Named<CampaignKey>,
    Asked(query): Asked<ImportQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ImportReport>, Problem> {
    let length = query.name.trim().chars().count();
    if length == 0 || length > LIST_NAME_MAX {
        let detail = format!("name has {length} characters; expected 1 to {LIST_NAME_MAX}");
        return Err(Problem::new(Kind::BadQuery, detail));
    }
    is_table(&headers)?;
    if !state.records.campaign_exists(&key).await? {
        return Err(no_campaign(&key));
    }
    let _turn = state.uploads.try_acquire().map_err(|_| {
        Problem::new(Kind::Overloaded, "other files are being brought in; try again when they are done").retry_after(10)
    })?;
    let region = state.region(query.region.as_deref())?;
    let columns = mapping_of(query.mapping.as_deref())?;
    let columns = templates::over(&state, columns, query.template.as_deref(), unfit).await?;
    let run = ImportId(state.mint(state.now().timestamp));
    let file = upload::receive(&state, run, &query.name, body).await?;
    let (settings, at) = (state.settings(), state.now().timestamp);
    let incoming = Incoming {
        path: file.path().to_path_buf(),
        campaign: key.clone(),
        name: query.name.trim().to_owned(),
        region,
        format: format(query.encoding.as_deref(), query.delimiter.as_deref(), query.sheet, region)?,
        duplicates: duplicates(query.duplicates_in, query.on_duplicate),
        number_column: query.number_column,
        mapping: columns,
        dry_run: query.dry_run.unwrap_or(false),
        run,
        data_dir: settings.data_dir.clone(),
        windows: state.records.windows(&key, &settings, at).await?,
        stop: Stop::default(),
        by: user.login.clone(),
        at,
    };
    let report = state.records.import(incoming, file).await?;
    if report.accepted > 0 && !report.dry_run {
        // The leads are durable: an engine that cannot hear of it now asks again by itself.
        if let Err(error) = state.handle.leads_changed(key) {
            tracing::warn!(%error, "the dialer was not told of new leads");
        }
    }
    Ok(Json(report))
}

/// The rejected rows of an import: the file's columns, and line, column, code and message of what is wrong.
#[utoipa::path(get, path = "/imports/{id}/rejected.csv", tag = "lists", params(("id" = String, Path)),
    security(("session" = ["manager"])), responses((status = 200, body = String, content_type = "text/csv")))]
pub async fn rejected_rows(
    State(state): State<WebState>,
    _user: Can<Managers>,
    Named(id): Named<ImportId>,
) -> Result<Response, Problem> {
    let path = rejected_path(&state.settings().data_dir, id);
    let body = upload::send_file(&path).await?.ok_or_else(|| no_import(id))?;
    let disposition = format!("attachment; filename=\"{id}-rejected.csv\"");
    let headers =
        [(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, body).into_response())
}

/// What taking an import back would do.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct UndoView {
    /// The import.
    pub import: ImportId,
    /// How it stands.
    pub state: ImportState,
    /// Until when it can be taken back.
    pub until: Timestamp,
    /// Whether it can be taken back now.
    pub possible: bool,
    /// What would be taken back.
    #[serde(flatten)]
    pub would: Undone,
}

/// What taking an import back would do now, and until when it can be.
#[utoipa::path(get, path = "/imports/{id}/undo", tag = "lists", params(("id" = String, Path)),
    security(("session" = ["manager"])), responses((status = 200, body = UndoView)))]
pub async fn undo_outlook(
    State(state): State<WebState>,
    _user: Can<Managers>,
    Named(id): Named<ImportId>,
) -> Result<Json<UndoView>, Problem> {
    let mut outlook = state.records.undo_outlook(id, &state.settings(), state.now().timestamp).await?;
    outlook.possible &= !state.jobs.brings(id);
    Ok(Json(outlook))
}

/// Take an import back: its leads that were never dialled are removed, the others given up, and leads that it brought up to date
/// say again what they said before, unless a later import has brought them up to date as well. Numbers that it gave to people who
/// were there are taken back, except those that were called for them since, or for which a call is promised. Within the hours that are configured (`lists.undo_hours`); later 409 `too_late`.
#[utoipa::path(post, path = "/imports/{id}/undo", tag = "lists", params(("id" = String, Path)),
    security(("session" = ["manager"])), responses((status = 200, body = Undone)))]
pub async fn undo_import(
    State(state): State<WebState>,
    user: Can<Managers>,
    Named(id): Named<ImportId>,
) -> Result<Json<Undone>, Problem> {
    if state.jobs.brings(id) {
        return Err(Problem::new(Kind::Conflict, "the import is under way; cancel its job first"));
    }
    let (campaign, undone) =
        state.records.undo_import(id, &user.login, &state.settings(), state.now().timestamp).await?;
    // What is gone is not dialled: it is judged again before each dial. The dialer only hears of it sooner.
    if let Some(campaign) = campaign
        && let Err(error) = state.handle.leads_changed(campaign)
    {
        tracing::warn!(%error, "the dialer was not told of leads that were taken back");
    }
    Ok(Json(undone))
}

/// What columns are for, as it stands in an address.
fn mapping_of(text: Option<&str>) -> Result<Mapping, Problem> {
    let Some(text) = text else { return Ok(Mapping::default()) };
    let columns: Vec<MappedColumn> = serde_json::from_str(text).map_err(|error| {
        let expected = "expected JSON such as [{\"heading\": \"Telefon\", \"use\": \"number\"}]";
        unfit("mapping", format!("{error}; {expected}"))
    })?;
    Mapping::new(columns).map_err(|error| unfit("mapping", error.to_string()))
}

fn unfit(parameter: &str, detail: String) -> Problem {
    Problem::new(Kind::BadQuery, format!("{parameter}: {detail}"))
}

fn no_import(id: ImportId) -> Problem {
    Problem::not_found(format!("import `{id}` with rejected rows"))
}

/// What a file is, its bytes say better than whoever sends it; but a form or JSON is a mistake.
pub(super) fn is_table(headers: &HeaderMap) -> Result<(), Problem> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "text/csv" | "application/csv" | XLSX => Ok(()),
        _ => Err(Problem::new(Kind::MediaType, format!("expected the header `Content-Type: text/csv` or `{XLSX}`"))),
    }
}
