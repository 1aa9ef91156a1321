//! Calls that were promised to customers who asked for them: what is owed, and a report of what was kept.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};

use super::WebState;
use super::access::{Analysts, Can, Managers, Steerers};
use super::body::Asked;
use super::history::ShownNumber;
use super::problem::{Kind, Problem};
use super::results::{ResultSpan, span_of};
use crate::model::id::{LeadId, MessageId, RegistrationId};
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::report::{PromiseReport, promise_csv};
use crate::store::{Owed, OwedCounts};

/// Rows of a page where the request names no number, and the most.
const PAGE: u32 = 50;
const PAGE_MAX: u32 = 200;

/// A call that is owed to a customer who asked for it.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct PromiseView {
    /// The pre-registration.
    pub id: RegistrationId,
    /// The lead that is called for it.
    pub lead: Option<LeadId>,
    /// Of which campaign.
    pub campaign: CampaignKey,
    /// What people read of it.
    pub campaign_title: String,
    /// The number.
    pub number: ShownNumber,
    /// The customer's name.
    pub name: String,
    /// IANA names of every time zone the number may be in.
    pub zones: Vec<String>,
    /// By which channel the customer asked.
    pub channel: String,
    /// Where that can be found again.
    pub source: String,
    /// The message that it came by.
    pub message: Option<MessageId>,
    /// The customer's own words, where there are any.
    pub words: Option<String>,
    /// When the customer asked.
    pub asked_at: Timestamp,
    /// The time that the customer wishes to be called at.
    pub preferred_at: Option<Timestamp>,
    /// Until when the call was promised.
    pub promised_until: Timestamp,
    /// When it came to be at risk.
    pub escalated_at: Option<Timestamp>,
    /// How it stands.
    pub state: Owed,
    /// How much of its time is left, in ms; below 0: how long it is overdue.
    pub left_ms: i64,
    /// When the dialer may try next, where that is a time.
    pub due_at: Option<Timestamp>,
}

/// A page of promises that are owed.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct PromisePage {
    /// They, the longest overdue first.
    pub items: Vec<PromiseView>,
    /// Give it as `cursor` for the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// Which promises.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub struct PromiseQuery {
    /// Only of this campaign.
    #[param(value_type = Option<String>)]
    pub campaign: Option<CampaignKey>,
    /// Only those that stand like this.
    #[param(inline)]
    pub state: Option<Owed>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// At most so many, 200 at most; 50 without it.
    pub limit: Option<u32>,
}

/// Which customers who asked.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub struct PromiseReportQuery {
    /// Only of this campaign.
    #[param(value_type = Option<String>)]
    pub campaign: Option<CampaignKey>,
    /// Of those that came in at this time or later, in ms since 1970; all without it.
    pub from: Option<i64>,
    /// Of those that came in before this time, in ms since 1970; until now without it.
    pub to: Option<i64>,
    /// Instead of `from`: the last so many days of the installation's calendar, today among them; 1 to 3660.
    pub days: Option<u32>,
}

/// Promises that are owed to customers who asked to be called, the longest overdue first.
#[utoipa::path(get, path = "/promises", tag = "promises", params(PromiseQuery),
    security(("session" = ["manager"])), responses((status = 200, body = PromisePage)))]
pub async fn promises(
    State(state): State<WebState>,
    _user: Can<Managers>,
    Asked(query): Asked<PromiseQuery>,
) -> Result<Json<PromisePage>, Problem> {
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::new(Kind::BadQuery, format!("limit is {limit}; expected 1 to {PAGE_MAX}")));
    }
    let (campaign, cursor) = (query.campaign.as_ref(), query.cursor.as_deref());
    state.records.promises(campaign, query.state, cursor, limit, state.now().timestamp).await.map(Json)
}

/// How many promises each campaign owes; a campaign that owes none is not among them.
#[utoipa::path(get, path = "/promises/counts", tag = "promises", security(("session" = ["manager", "operator"])),
    responses((status = 200, body = BTreeMap<String, OwedCounts>)))]
pub async fn promise_counts(
    State(state): State<WebState>,
    _user: Can<Steerers>,
) -> Result<Json<BTreeMap<CampaignKey, OwedCounts>>, Problem> {
    state.records.promise_counts().await.map(Json)
}

/// What became of customers who asked to be called, by day and channel: how many were called in time.
#[utoipa::path(get, path = "/promises/report", tag = "promises", params(PromiseReportQuery),
    security(("session" = ["manager", "marketing"])), responses((status = 200, body = PromiseReport)))]
pub async fn promise_report(
    State(state): State<WebState>,
    _user: Can<Analysts>,
    Asked(query): Asked<PromiseReportQuery>,
) -> Result<Json<PromiseReport>, Problem> {
    let PromiseReportQuery { campaign, from, to, days } = query;
    let (span, zone) = span_of(&state, ResultSpan { from, to, days })?;
    state.records.promise_report(campaign.as_ref(), span, &zone).await.map(Json)
}

/// The parts of the report as a CSV file, with a byte order mark, which Excel needs to read Chinese.
#[utoipa::path(get, path = "/promises/report/file", tag = "promises", params(PromiseReportQuery),
    security(("session" = ["manager", "marketing"])),
    responses((status = 200, body = String, content_type = "text/csv")))]
pub async fn promise_report_file(
    State(state): State<WebState>,
    _user: Can<Analysts>,
    Asked(query): Asked<PromiseReportQuery>,
) -> Result<Response, Problem> {
    let PromiseReportQuery { campaign, from, to, days } = query;
    let (span, zone) = span_of(&state, ResultSpan { from, to, days })?;
    let report = state.records.promise_report(campaign.as_ref(), span, &zone).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"promises.csv\""),
    ];
    Ok((headers, format!("\u{feff}{}", promise_csv(&report))).into_response())
}
