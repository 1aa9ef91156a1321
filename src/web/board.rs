//! The wallboard: the latest picture, what came before it, and each new one as it comes.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::WebState;
use super::access::{Can, Watchers};
use super::body::Asked;
use super::live;
use super::problem::{Kind, Problem};
use crate::engine::snapshot::Snapshot;
use crate::model::attempt::GateChange;
use crate::model::name::GroupName;
use crate::model::time::Timestamp;
use crate::runtime::handle::BoardSample;

/// Gate changes given when no number is asked for.
const GATE_CHANGES_DEFAULT: u32 = 50;
/// Most gate changes at once: more than a chart of a day can show.
const GATE_CHANGES_MAX: u32 = 500;

/// The board as it is now.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Board {
    /// The picture.
    #[serde(flatten)]
    pub snapshot: Snapshot,
    /// The time of the oldest sample that `/board/history` has; `null` when it has none.
    pub history_from: Option<Timestamp>,
}

/// Which samples.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct HistoryQuery {
    /// Samples taken after this time, in ms since 1970; all without it.
    pub since: Option<i64>,
}

/// Which gate changes.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct GateQuery {
    /// Only of this group.
    #[param(value_type = Option<String>)]
    pub group: Option<GroupName>,
    /// At most this many, the latest; 50 without it, 500 at most.
    pub limit: Option<u32>,
}

/// The board as it is now. It does not tell the numbers of the customers on the line.
#[utoipa::path(get, path = "/board", tag = "board", security(("session" = ["manager", "marketing", "operator"])),
    responses((status = 200, body = Board)))]
pub async fn board(State(state): State<WebState>, _user: Can<Watchers>) -> Json<Board> {
    let snapshot = live::for_the_wall(&state.handle.snapshot());
    let history_from = state.handle.history(Timestamp::from_millis(i64::MIN)).first().map(|sample| sample.at);
    Json(Board { snapshot, history_from })
}

/// Samples of the board for the charts, oldest first: about two hours at one every two seconds.
#[utoipa::path(get, path = "/board/history", tag = "board", params(HistoryQuery),
    security(("session" = ["manager", "marketing", "operator"])), responses((status = 200, body = Vec<BoardSample>)))]
pub async fn board_history(
    State(state): State<WebState>,
    _user: Can<Watchers>,
    Asked(query): Asked<HistoryQuery>,
) -> Json<Vec<Arc<BoardSample>>> {
    let since = Timestamp::from_millis(query.since.unwrap_or(i64::MIN));
    Json(state.handle.history(since))
}

/// Recent openings and closings of idle gates with their figures, latest first.
#[utoipa::path(get, path = "/board/gate-changes", tag = "board", params(GateQuery),
    security(("session" = ["manager", "marketing", "operator"])), responses((status = 200, body = Vec<GateChange>)))]
pub async fn gate_changes(
    State(state): State<WebState>,
    _user: Can<Watchers>,
    Asked(query): Asked<GateQuery>,
) -> Result<Json<Vec<GateChange>>, Problem> {
    let limit = query.limit.unwrap_or(GATE_CHANGES_DEFAULT);
    if !(1..=GATE_CHANGES_MAX).contains(&limit) {
        return Err(Problem::new(Kind::BadQuery, format!("limit is {limit}; expected 1 to {GATE_CHANGES_MAX}")));
    }
    let groups = match query.group {
        Some(group) => vec![group],
        None => state.settings().engine.groups.keys().cloned().collect(),
    };
    state.records.gate_changes(&groups, limit, state.now().timestamp).await.map(Json)
}

/// The board as it changes: server-sent events named `snapshot`, at most four a second, the latest picture first.
/// Comments every 15 seconds keep the connection alive. A reader that is slow misses pictures in between, never the
/// last one.
#[utoipa::path(get, path = "/board/events", tag = "board",
    security(("session" = ["manager", "marketing", "operator"])),
    responses((status = 200, body = Snapshot, content_type = "text/event-stream")))]
pub async fn board_events(State(state): State<WebState>, user: Can<Watchers>) -> Result<Response, Problem> {
    live::board_events(&state, &user.0)
}
