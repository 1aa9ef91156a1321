//! The whole way of a campaign's customers, and the leads behind each count.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};

use super::WebState;
use super::access::{Analysts, Can, Role};
use super::body::{Asked, Named};
use super::campaigns::no_campaign;
use super::history::ShownNumber;
use super::problem::{Kind, Problem};
use crate::export::csv_of;
use crate::model::id::LeadId;
use crate::model::lead::LeadState;
use crate::model::name::CampaignKey;
use crate::model::zone::Zone;
use crate::report::funnel::{Funnel, FunnelBreakdown, table};
use crate::store::{FunnelLead, FunnelStage};

/// Leads of a page when no number is asked for.
const PAGE_DEFAULT: u32 = 50;
/// Most leads of a page.
const PAGE_MAX: u32 = 500;

/// The form of the counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FunnelFormat {
    /// All of it.
    #[default]
    Json,
    /// The counts of the whole and of each part, for a spreadsheet.
    Csv,
}

/// What the funnel is broken down by.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub struct FunnelQuery {
    /// `variant`, `language`, `channel`, `day` or `hour` (of the reply), `agent`, `list`, or the name of a column of the list, with
    /// `column:` before it if it is one of these words. Not at all without it.
    pub by: Option<String>,
    /// The form; JSON without it.
    #[param(inline)]
    pub format: FunnelFormat,
}

/// Which leads of a stage.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub struct FunnelLeadsQuery {
    /// As of the funnel.
    pub by: Option<String>,
    /// Only those in the part with this key; empty: those of which it is not known.
    pub part: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// At most so many, 500 at most; 50 without it.
    pub limit: Option<u32>,
    /// The form; JSON without it.
    #[param(inline)]
    pub format: FunnelFormat,
}

/// A lead of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct FunnelLeadView {
    /// Its id.
    pub lead: LeadId,
    /// The number, masked for marketing.
    pub number: ShownNumber,
    /// The customer's name; empty for marketing.
    pub name: String,
    /// Where it stands.
    pub state: LeadState,
}

/// A page of the leads behind a count.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct FunnelLeadPage {
    /// They, in the order in which they were brought in.
    pub items: Vec<FunnelLeadView>,
    /// Give it as `cursor` for the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// How far the customers of a campaign came, from the message to the delivery, what it cost, and how soon who asked was called.
#[utoipa::path(get, path = "/campaigns/{key}/funnel", tag = "campaigns", params(("key" = String, Path), FunnelQuery),
    security(("session" = ["manager", "marketing"])), responses((status = 200, body = Funnel)))]
pub async fn campaign_funnel(
    State(state): State<WebState>,
    _user: Can<Analysts>,
    Named(key): Named<CampaignKey>,
    Asked(query): Asked<FunnelQuery>,
) -> Result<Response, Problem> {
    let by = breakdown(query.by.as_deref())?;
    let funnel = state.records.funnel(&key, &by, &zone(&state), state.now().timestamp).await?;
    let funnel = funnel.ok_or_else(|| no_campaign(&key))?;
    match query.format {
        FunnelFormat::Json => Ok(Json(funnel).into_response()),
        FunnelFormat::Csv => Ok(csv(&format!("{key}-funnel"), &table(&funnel))),
    }
}

/// The leads that came so far: those behind a count of the funnel, by the same definition. Marketing sees masked numbers.
#[utoipa::path(get, path = "/campaigns/{key}/funnel/{stage}", tag = "campaigns",
    params(("key" = String, Path), ("stage" = String, Path), FunnelLeadsQuery),
    security(("session" = ["manager", "marketing"])), responses((status = 200, body = FunnelLeadPage)))]
pub async fn funnel_leads(
    State(state): State<WebState>,
    user: Can<Analysts>,
    Path((key, stage)): Path<(String, String)>,
    Asked(query): Asked<FunnelLeadsQuery>,
) -> Result<Response, Problem> {
    let key: CampaignKey =
        key.parse().map_err(|error: crate::model::name::NameError| Problem::not_found(error.to_string()))?;
    let stage: FunnelStage = stage.parse().map_err(Problem::not_found)?;
    let limit = query.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::new(Kind::BadQuery, format!("limit is {limit}; expected 1 to {PAGE_MAX}")));
    }
    let expected = |_| Problem::new(Kind::BadQuery, "cursor: expected `next_cursor` of the page before");
    let after: Option<LeadId> = query.cursor.as_deref().map(str::parse).transpose().map_err(expected)?;
    let by = breakdown(query.by.as_deref())?;
    if by == FunnelBreakdown::Nothing && query.part.is_some() {
        return Err(Problem::new(Kind::BadQuery, "part: expected `by` as well"));
    }
    if !state.records.campaign_exists(&key).await? {
        return Err(no_campaign(&key));
    }
    let part = (&by, query.part.as_deref());
    let (rows, next) = state.records.funnel_leads(&key, stage, part, &zone(&state), after, limit as usize).await?;
    let masked = user.role == Role::Marketing;
    let items: Vec<FunnelLeadView> = rows.into_iter().map(|row| view(row, masked)).collect();
    match query.format {
        FunnelFormat::Json => {
            let next_cursor = next.map(|lead| lead.to_string());
            Ok(Json(FunnelLeadPage { items, next_cursor }).into_response())
        }
        FunnelFormat::Csv => {
            let mut rows = vec![["lead", "number", "name", "state"].map(str::to_owned).to_vec()];
            for FunnelLeadView { lead, number, name, state } in items {
                rows.push(vec![lead.to_string(), number.into_text(), name, state.as_str().to_owned()]);
            }
            Ok(csv(&format!("{key}-{}", stage.as_str()), &rows))
        }
    }
}

fn view(row: FunnelLead, masked: bool) -> FunnelLeadView {
    let mut number = ShownNumber::from(&row.number);
    if masked {
        number.mask();
    }
    let name = if masked { String::new() } else { row.name };
    FunnelLeadView { lead: row.lead, number, name, state: row.state }
}

fn breakdown(text: Option<&str>) -> Result<FunnelBreakdown, Problem> {
    let bad = |error: crate::report::funnel::NoBreakdown| Problem::new(Kind::BadQuery, format!("by: {error}"));
    text.unwrap_or_default().parse().map_err(bad)
}

fn zone(state: &WebState) -> Zone {
    Zone::named(&state.settings().engine.zone).unwrap_or_else(|_| Zone::utc())
}

fn csv(name: &str, rows: &[Vec<String>]) -> Response {
    let disposition = format!("attachment; filename=\"{name}.csv\"");
    let headers =
        [(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    (headers, csv_of(rows)).into_response()
}
