//! Promised calls: which are agreed, and what managers change about them.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::WebState;
use super::access::{Agents, Can, Managers};
use super::body::{Asked, Sent};
use super::history::ShownNumber;
use super::problem::{Kind, Problem};
use super::suppressions::check_note;
use crate::model::id::LeadId;
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::store::{CallbackFilter, CallbackState, Whose};

/// Rows of a page where the request names no number, and the most.
const PAGE: u32 = 50;
const PAGE_MAX: u32 = 200;
/// Promised calls that are changed by one request, at most: each is a transaction of its own.
pub(super) const CHANGES_MAX: usize = 200;
/// Own promised calls that a desk shows.
const AT_DESK: u32 = 50;

/// A promised call.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct CallbackView {
    /// Whose.
    pub lead: LeadId,
    /// Of which campaign.
    pub campaign: CampaignKey,
    /// What people read of it.
    pub campaign_title: String,
    /// The number, masked for agents.
    pub number: ShownNumber,
    /// The customer's name.
    pub name: String,
    /// IANA names of every time zone the number may be in.
    pub zones: Vec<String>,
    /// When it was promised for.
    pub at: Timestamp,
    /// When the dialer may try it: later where the customer's hours are closed, or its agent was away.
    pub due_at: Timestamp,
    /// How it stands.
    pub state: CallbackState,
    /// How long its time is over, in ms; 0 while it is coming.
    pub late_ms: i64,
    /// Login of the agent it was promised by; `null`: anyone of the group.
    pub agent: Option<String>,
    /// What people read of that agent; `null` where there is no such user any more.
    pub agent_name: Option<String>,
    /// What the last recorded result is called.
    pub result: Option<String>,
    /// What was written with it.
    pub note: String,
    /// When.
    pub said_at: Option<Timestamp>,
    /// By whom.
    pub said_by: Option<String>,
}

/// A page of promised calls.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct CallbackPage {
    /// They, the longest overdue first.
    pub items: Vec<CallbackView>,
    /// Give it as `cursor` for the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// Which promised calls.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub struct CallbackQuery {
    /// Only of this campaign.
    #[param(value_type = Option<String>)]
    pub campaign: Option<CampaignKey>,
    /// Only those that this agent promised in person, by login.
    pub agent: Option<String>,
    /// Only those that anyone of the group may take.
    pub team: bool,
    /// Only those that stand like this.
    #[param(inline)]
    pub state: Option<CallbackState>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// At most so many, 200 at most; 50 without it.
    pub limit: Option<u32>,
}

/// A promised call as whoever changes it has seen it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeenCallback {
    /// Whose.
    pub lead: LeadId,
    /// When it was promised for. One that somebody moved meanwhile is not changed.
    #[schema(value_type = i64)]
    pub at: Timestamp,
}

/// What becomes of promised calls.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub enum CallbackDeed {
    /// To another time, which must be allowed by the hours of campaign and profile.
    Move {
        /// When.
        #[schema(value_type = i64)]
        at: Timestamp,
    },
    /// To another agent, or to anyone of the group.
    Give {
        /// Login of an agent of the campaign's group; `null`: anyone.
        agent: Option<String>,
    },
    /// They are not made.
    Cancel {
        /// Why; kept in the audit trail.
        why: String,
        /// The leads go back to their list and are due at once, without a promise; else they are given up.
        #[serde(default)]
        back_to_list: bool,
    },
}

/// A change of promised calls.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallbackChangeRequest {
    /// Which, 1 to 200.
    pub callbacks: Vec<SeenCallback>,
    /// What becomes of each.
    pub change: CallbackDeed,
}

/// One that was not changed.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct CallbackRefused {
    /// Whose.
    pub lead: LeadId,
    /// Why, as a code: `callback_gone`, `callback_moved`, `callback_outside_window`, `out_of_range`, `unknown_agent`.
    pub code: String,
    /// Why, in words.
    pub detail: String,
    /// The next time that is allowed, where the customer may not be called at the one that was asked for.
    pub next: Option<Timestamp>,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct CallbacksChanged {
    /// So many were changed.
    pub changed: u64,
    /// Those that were not.
    pub refused: Vec<CallbackRefused>,
}

/// Promised calls, the longest overdue first.
#[utoipa::path(get, path = "/callbacks", tag = "callbacks", params(CallbackQuery),
    security(("session" = ["manager"])), responses((status = 200, body = CallbackPage)))]
pub async fn callbacks(
    State(state): State<WebState>,
    _user: Can<Managers>,
    Asked(query): Asked<CallbackQuery>,
) -> Result<Json<CallbackPage>, Problem> {
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::new(Kind::BadQuery, format!("limit is {limit}; expected 1 to {PAGE_MAX}")));
    }
    let whose = match (query.agent, query.team) {
        (None, false) => Whose::All,
        (None, true) => Whose::Team,
        (Some(login), false) => Whose::Agent(login),
        (Some(_), true) => {
            return Err(Problem::new(Kind::BadQuery, "agent and team are both given; expected one of them"));
        }
    };
    let now = state.now().timestamp;
    let (from, before) = query.state.map_or((None, None), |standing| standing.span(now));
    let filter = CallbackFilter { campaign: query.campaign, whose, from, before };
    state.records.callbacks(&filter, query.cursor.as_deref(), limit, now).await.map(Json)
}

/// Change promised calls: to another time, to another agent or anyone, or not to be made. Each that can be changed is; the answer
/// says which could not. The dialer hears of it at once.
#[utoipa::path(post, path = "/callbacks/change", tag = "callbacks", request_body = CallbackChangeRequest,
    security(("session" = ["manager"])), responses((status = 200, body = CallbacksChanged)))]
pub async fn change_callbacks(
    State(state): State<WebState>,
    user: Can<Managers>,
    Sent(request): Sent<CallbackChangeRequest>,
) -> Result<Json<CallbacksChanged>, Problem> {
    let CallbackChangeRequest { callbacks, change } = request;
    if !(1..=CHANGES_MAX).contains(&callbacks.len()) {
        let detail = format!("{} callbacks; expected 1 to {CHANGES_MAX}", callbacks.len());
        return Err(Problem::field("/callbacks", "out_of_range", detail));
    }
    if let CallbackDeed::Cancel { why, .. } = &change {
        if why.trim().is_empty() {
            return Err(Problem::field("/change/why", "empty", "say why they are not made"));
        }
        check_note(why, "/change/why")?;
    }
    let now = state.now().timestamp;
    let profiles = state.settings().engine.profiles.clone();
    let mut answer = CallbacksChanged { changed: 0, refused: Vec::new() };
    let mut campaigns: BTreeSet<CampaignKey> = BTreeSet::new();
    for seen in callbacks {
        match state.records.change_callback(seen, &change, &profiles, &user.login, now).await? {
            Ok(campaign) => {
                answer.changed += 1;
                campaigns.insert(campaign);
            }
            Err(refused) => answer.refused.push(refused),
        }
    }
    for campaign in campaigns {
        if let Err(error) = state.handle.leads_changed(campaign) {
            // Durable already: what the dialer has in hand is refused when its intent is recorded.
            tracing::error!(%error, "the dialer was not told of changed callbacks");
        }
    }
    Ok(Json(answer))
}

/// One's own promised calls, those that are overdue first. Numbers are masked: they are shown with the call.
#[utoipa::path(get, path = "/desk/callbacks", tag = "desk", security(("session" = ["agent"])),
    responses((status = 200, body = CallbackPage)))]
pub async fn desk_callbacks(State(state): State<WebState>, user: Can<Agents>) -> Result<Json<CallbackPage>, Problem> {
    let filter = CallbackFilter { whose: Whose::Agent(user.login.clone()), ..CallbackFilter::default() };
    let mut page = state.records.callbacks(&filter, None, AT_DESK, state.now().timestamp).await?;
    page.items.iter_mut().for_each(|callback| callback.number.mask());
    Ok(Json(page))
}
