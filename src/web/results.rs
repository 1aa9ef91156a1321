//! A campaign's results, and the attempts behind each figure.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::WebState;
use super::access::{Analysts, Can, Role};
use super::body::{Asked, Named};
use super::campaigns::{AttemptPage, no_campaign};
use super::history::AttemptView;
use super::problem::{Kind, Problem};
use crate::model::disposition::Disposition;
use crate::model::id::{ListId, UserId};
use crate::model::name::CampaignKey;
use crate::model::recording::Recorded;
use crate::model::time::Timestamp;
use crate::model::zone::Zone;
use crate::report::{Breakdown, Question, Report};
use crate::store::{Behind, Stage};

/// Attempts of a page when no number is asked for.
const PAGE_DEFAULT: u32 = 50;
/// Most attempts of a page.
const PAGE_MAX: u32 = 500;

/// Most days that are counted back.
const DAYS_MAX: u32 = 3660;

/// Which results.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ResultQuery {
    /// Of attempts that began at this time or later, in ms since 1970; all without it.
    pub from: Option<i64>,
    /// Of attempts that began before this time, in ms since 1970; until now without it.
    pub to: Option<i64>,
    /// Instead of `from`: the last so many days of the installation's calendar, today among them; 1 to 3660.
    pub days: Option<u32>,
    /// The parts; days without it.
    #[serde(default)]
    #[param(inline)]
    pub by: Breakdown,
}

/// Which attempts; all that is given must hold.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct AttemptQuery {
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// At most this many; 50 without it, 500 at most.
    pub limit: Option<u32>,
    /// That began at this time or later, in ms since 1970.
    pub from: Option<i64>,
    /// That began before this time, in ms since 1970.
    pub to: Option<i64>,
    /// Only with this outcome.
    #[param(value_type = Option<String>)]
    pub disposition: Option<Disposition>,
    /// Only with this result of the campaign; empty for those without one.
    pub result: Option<String>,
    /// Only of leads of this list.
    #[param(value_type = Option<String>)]
    pub list: Option<ListId>,
    /// Only with this agent.
    #[param(value_type = Option<String>)]
    pub agent: Option<UserId>,
    /// Only those that brought their lead so far for the first time.
    #[param(inline)]
    pub stage: Option<Stage>,
    /// Only those with a recording that can be heard (`yes`), those that need none (`no`), or whose recording is missing.
    #[param(inline)]
    pub recording: Option<Recorded>,
}

/// What became of a campaign's attempts: sums, rates and the funnel, broken down.
#[utoipa::path(get, path = "/campaigns/{key}/results", tag = "campaigns", params(("key" = String, Path), ResultQuery),
    security(("session" = ["manager", "marketing"])), responses((status = 200, body = Report)))]
pub async fn campaign_results(
    State(state): State<WebState>,
    _user: Can<Analysts>,
    Named(key): Named<CampaignKey>,
    Asked(query): Asked<ResultQuery>,
) -> Result<Json<Report>, Problem> {
    let ResultQuery { from, to, days, by } = query;
    let ((from, to), zone) = span_of(&state, ResultSpan { from, to, days })?;
    if !state.records.campaign_exists(&key).await? {
        return Err(no_campaign(&key));
    }
    let question = Question { campaign: key, from, to, by };
    state.records.report(&question, &zone).await.map(Json)
}

/// Attempts of a campaign, latest first: those behind a figure of its results, by the same definitions. Marketing sees masked
/// numbers.
#[utoipa::path(get, path = "/campaigns/{key}/attempts", tag = "campaigns",
    params(("key" = String, Path), AttemptQuery), security(("session" = ["manager", "marketing"])),
    responses((status = 200, body = AttemptPage)))]
pub async fn campaign_attempts(
    State(state): State<WebState>,
    user: Can<Analysts>,
    Named(key): Named<CampaignKey>,
    Asked(query): Asked<AttemptQuery>,
) -> Result<Json<AttemptPage>, Problem> {
    let limit = query.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::new(Kind::BadQuery, format!("limit is {limit}; expected 1 to {PAGE_MAX}")));
    }
    let (from, to) = span(query.from, query.to, Timestamp::from_millis(i64::MAX))?;
    if !state.records.campaign_exists(&key).await? {
        return Err(no_campaign(&key));
    }
    let AttemptQuery { cursor, disposition, result, list, agent, stage, recording: recorded, .. } = query;
    let behind = Behind { campaign: key, from, to, disposition, result, list, agent, stage, recorded };
    let mut page = state.records.attempts(&behind, cursor.as_deref(), limit).await?;
    if user.role == Role::Marketing {
        page.items.iter_mut().for_each(AttemptView::mask);
    }
    Ok(Json(page))
}

/// Of which time something is asked.
pub(super) struct ResultSpan {
    /// From this time on, in ms since 1970.
    pub(super) from: Option<i64>,
    /// Before this time, in ms since 1970.
    pub(super) to: Option<i64>,
    /// Instead of `from`: the last so many days, today among them.
    pub(super) days: Option<u32>,
}

/// From when until before when that is, and the zone whose days count.
pub(super) fn span_of(state: &WebState, asked: ResultSpan) -> Result<((Timestamp, Timestamp), Zone), Problem> {
    let now = state.now().timestamp;
    let zone = Zone::named(&state.settings().engine.zone).unwrap_or_else(|_| Zone::utc());
    let from = match asked.days {
        None => asked.from,
        Some(_) if asked.from.is_some() => {
            return Err(Problem::new(Kind::BadQuery, "from and days are both given; expected one of them"));
        }
        Some(days) if !(1..=DAYS_MAX).contains(&days) => {
            return Err(Problem::new(Kind::BadQuery, format!("days is {days}; expected 1 to {DAYS_MAX}")));
        }
        Some(days) => Some(zone.days_before(now, days - 1).as_millis()),
    };
    Ok((span(from, asked.to, now)?, zone))
}

pub(super) fn span(from: Option<i64>, to: Option<i64>, end: Timestamp) -> Result<(Timestamp, Timestamp), Problem> {
    let (from, to) = (Timestamp::from_millis(from.unwrap_or(0)), to.map_or(end, Timestamp::from_millis));
    if from >= to {
        return Err(Problem::new(Kind::BadQuery, format!("from is {from} and to is {to}; expected from before to")));
    }
    Ok((from, to))
}
