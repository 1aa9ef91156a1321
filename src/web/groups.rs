//! Agent groups and their live controls.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;

use super::WebState;
use super::access::{Can, Steerers};
use super::body::{Named, Sent};
use super::problem::Problem;
use crate::engine::event::GroupChange;
use crate::engine::snapshot::GroupView;
use crate::model::name::GroupName;
use crate::model::settings::GroupSettings;

/// One agent group: as it is configured, and as it stands with its live controls.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct GroupDetail {
    /// Its name.
    pub group: GroupName,
    /// What the configuration says.
    pub settings: Option<GroupSettings>,
    /// What is in force, and how it stands.
    pub view: Option<GroupView>,
}

/// One agent group.
#[utoipa::path(get, path = "/groups/{name}", tag = "groups", params(("name" = String, Path)),
    security(("session" = ["manager", "operator"])), responses((status = 200, body = GroupDetail)))]
pub async fn group(
    State(state): State<WebState>,
    _user: Can<Steerers>,
    Named(group): Named<GroupName>,
) -> Result<Json<GroupDetail>, Problem> {
    let settings = state.settings().engine.groups.get(&group).cloned();
    let view = state.handle.snapshot().groups.iter().find(|view| view.group == group).cloned();
    if settings.is_none() && view.is_none() {
        return Err(Problem::not_found(format!("agent group `{group}`")));
    }
    Ok(Json(GroupDetail { group, settings, view }))
}

/// Change live controls of a group. What is absent stays. Answered when it is durable.
#[utoipa::path(patch, path = "/groups/{name}", tag = "groups", params(("name" = String, Path)),
    request_body = GroupChange, security(("session" = ["manager", "operator"])), responses((status = 204)))]
pub async fn change_group(
    State(state): State<WebState>,
    user: Can<Steerers>,
    Named(group): Named<GroupName>,
    Sent(change): Sent<GroupChange>,
) -> Result<StatusCode, Problem> {
    let now = state.now().timestamp;
    let told = serde_json::to_string(&change).unwrap_or_default();
    state.handle.control_group(now, &user.login, group.clone(), change).await?;
    state.audit(&user, "group_control", group.as_str(), &told).await;
    Ok(StatusCode::NO_CONTENT)
}
