//! Searching what agents wrote: notes, and answers of the questionnaire.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::WebState;
use super::access::{Can, Managers};
use super::body::{Asked, Named};
use super::campaigns::no_campaign;
use super::problem::{Kind, Problem};
use super::recordings::RecordingView;
use super::results::span;
use crate::model::attempt::CallRef;
use crate::model::disposition::Disposition;
use crate::model::id::LeadId;
use crate::model::name::CampaignKey;
use crate::model::recording::Recorded;
use crate::model::time::Timestamp;
use crate::store::Search;

/// Rows of a page where the request names no number, and the most.
const PAGE: u32 = 50;
const PAGE_MAX: u32 = 200;
/// Longest text, in characters.
const TEXT_MAX: usize = 200;

/// What to look for.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SearchQuery {
    /// Somewhere in the note or in an answer, in upper or lower case. With `question` it may be empty: every answer to it.
    #[serde(default)]
    pub text: String,
    /// Only in the answer to this question, by its key.
    pub question: Option<String>,
    /// Only results that were recorded at this time or later, in ms since 1970; all without it.
    pub from: Option<i64>,
    /// Only results that were recorded before this time, in ms since 1970; all without it.
    pub to: Option<i64>,
    /// Only of calls with a recording that can be heard (`yes`), of those that need none (`no`), or whose recording is missing.
    #[param(inline)]
    pub recording: Option<Recorded>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// At most so many, 200 at most; 50 without it.
    pub limit: Option<u32>,
}

/// A result in which it was found.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct FoundResult {
    /// The call.
    pub call: CallRef,
    /// The lead, where there is one.
    pub lead: Option<LeadId>,
    /// The number, where it is known.
    pub number: Option<String>,
    /// The customer's name.
    pub name: String,
    /// When it was recorded.
    pub at: Timestamp,
    /// Login of the agent.
    pub agent: Option<String>,
    /// The campaign's own name of the result.
    pub result: String,
    /// What it means.
    pub disposition: Disposition,
    /// What the agent wrote.
    pub note: String,
    /// Answers by question key.
    pub answers: BTreeMap<String, String>,
    /// It is in the note.
    pub in_note: bool,
    /// Keys of the questions in whose answers it is.
    pub in_answers: Vec<String>,
    /// The recording of the call, or why there is none; `null` for a call that reached no agent or was not to be recorded.
    pub recording: Option<RecordingView>,
}

/// A page of what was found.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct FoundPage {
    /// The latest first. A page looks through 20,000 results at most, so it may hold fewer than were asked for, or none.
    pub items: Vec<FoundResult>,
    /// So many results were looked through for this page.
    pub looked_through: u64,
    /// They go back to this time; `null` where there is nothing older.
    pub back_to: Option<Timestamp>,
    /// Give it as `cursor` to look further back; `null` where there is nothing older.
    pub next_cursor: Option<String>,
}

/// Results of a campaign in whose note or answers a text is found, the latest first. Each request looks through a bounded number of
/// results and says how far it came.
#[utoipa::path(get, path = "/campaigns/{key}/search", tag = "campaigns", params(("key" = String, Path), SearchQuery),
    security(("session" = ["manager"])), responses((status = 200, body = FoundPage)))]
pub async fn search_results(
    State(state): State<WebState>,
    _user: Can<Managers>,
    Named(key): Named<CampaignKey>,
    Asked(query): Asked<SearchQuery>,
) -> Result<Json<FoundPage>, Problem> {
    let SearchQuery { text, question, from, to, recording, cursor, limit } = query;
    let limit = limit.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::new(Kind::BadQuery, format!("limit is {limit}; expected 1 to {PAGE_MAX}")));
    }
    let text = text.trim().to_owned();
    if text.is_empty() && question.is_none() {
        return Err(Problem::new(Kind::BadQuery, "text is empty; expected something to look for, or a question"));
    }
    let length = text.chars().count();
    if length > TEXT_MAX {
        return Err(Problem::new(Kind::BadQuery, format!("text has {length} characters; expected at most {TEXT_MAX}")));
    }
    let (from, to) = span(from, to, Timestamp::from_millis(i64::MAX))?;
    if !state.records.campaign_exists(&key).await? {
        return Err(no_campaign(&key));
    }
    let search = Search { campaign: key, text, question, from, to, recorded: recording };
    state.records.search(&search, cursor.as_deref(), limit).await.map(Json)
}
