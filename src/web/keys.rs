//! Keys of programs that use the API: made, listed and revoked by people.
//!
//! No key makes or revokes keys, whatever its scopes: one that leaked must not outlive its own revocation.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::WebState;
use super::access::{Can, Role, Steerers};
use super::body::{Named, Sent};
use super::problem::{Kind, Problem};
use crate::model::id::KeyId;
use crate::model::time::Timestamp;
use crate::store::{ApiKey, KeyScope};

/// A key of a program. Its text is shown when it is made and kept nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct KeyView {
    /// Its id.
    pub id: KeyId,
    /// What it is for.
    pub name: String,
    /// What bounds it, as it does people.
    pub role: Role,
    /// What it may do of that, such as `lists:write`.
    pub scopes: Vec<String>,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// The last request, to the minute.
    pub seen_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// All keys, and what a new one may be for.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct KeyList {
    /// Keys, newest first, with those that were revoked.
    pub keys: Vec<KeyView>,
    /// The parts of the API that scopes name, beside `*` for all.
    pub parts: Vec<String>,
}

/// A key to be made.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKeyRequest {
    /// What it is for; no two good keys have the same.
    pub name: String,
    /// What bounds it: manager, marketing or operator.
    pub role: Role,
    /// What it may do of that: `PART:read` or `PART:write`, at least one.
    pub scopes: Vec<String>,
    /// When it ends by itself; without it, when it is revoked.
    #[schema(value_type = Option<i64>)]
    pub expires_at: Option<Timestamp>,
}

/// A key that was made.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct KeyAdded {
    /// Its name.
    pub name: String,
    /// The key. This is the only time that it is shown.
    pub key: String,
}

impl From<ApiKey> for KeyView {
    fn from(key: ApiKey) -> KeyView {
        KeyView {
            id: key.id,
            name: key.name,
            role: key.role,
            scopes: key.scopes.iter().map(KeyScope::to_string).collect(),
            created_by: key.created_by,
            created_at: key.created_at,
            expires_at: key.expires_at,
            seen_at: key.seen_at,
            revoked_at: key.revoked_at,
        }
    }
}

/// All keys, with those that were revoked.
#[utoipa::path(get, path = "/keys", tag = "keys", security(("session" = ["manager", "operator"])),
    responses((status = 200, body = KeyList)))]
pub async fn keys(State(state): State<WebState>, _user: Can<Steerers>) -> Result<Json<KeyList>, Problem> {
    let keys = state.records.keys().await?.into_iter().map(KeyView::from).collect();
    Ok(Json(KeyList { keys, parts: state.parts() }))
}

/// Make a key. Managers make those of managers and marketing, operators all.
#[utoipa::path(post, path = "/keys", tag = "keys", request_body = NewKeyRequest,
    security(("session" = ["manager", "operator"])), responses((status = 201, body = KeyAdded)))]
pub async fn add_key(
    State(state): State<WebState>,
    user: Can<Steerers>,
    Sent(new): Sent<NewKeyRequest>,
) -> Result<(StatusCode, Json<KeyAdded>), Problem> {
    may_deal_with(&user, new.role)?;
    let now = state.now().timestamp;
    let parts = state.parts();
    for (place, text) in new.scopes.iter().enumerate() {
        let wrong = |detail: String| Problem::field(&format!("/scopes/{place}"), "unknown_scope", detail);
        let scope: KeyScope = text.parse().map_err(|error: crate::store::NoScope| wrong(error.to_string()))?;
        if scope.part != "*" && !parts.contains(&scope.part) {
            let known = parts.join(", ");
            return Err(wrong(format!("the API has no part `{}`; expected * or one of {known}", scope.part)));
        }
    }
    if new.expires_at.is_some_and(|at| at <= now) {
        return Err(Problem::field("/expires_at", "out_of_range", "that time is over; expected a time to come"));
    }
    let name = new.name.clone();
    let key = state.records.add_key(new, &user.login, now).await?;
    Ok((StatusCode::CREATED, Json(KeyAdded { name, key })))
}

/// Make a key worthless, at once.
#[utoipa::path(delete, path = "/keys/{id}", tag = "keys", params(("id" = String, Path)),
    security(("session" = ["manager", "operator"])), responses((status = 204)))]
pub async fn revoke_key(
    State(state): State<WebState>,
    user: Can<Steerers>,
    Named(id): Named<KeyId>,
) -> Result<StatusCode, Problem> {
    let found = state.records.keys().await?.into_iter().find(|key| key.id == id && key.revoked_at.is_none());
    let key = found.ok_or_else(|| Problem::not_found(format!("key `{id}` that opens something")))?;
    may_deal_with(&user, key.role)?;
    state.records.revoke_key(&key.name, &user.login, state.now().timestamp).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// As with people: nobody rises above themselves, and no program makes or revokes keys.
fn may_deal_with(user: &Can<Steerers>, role: Role) -> Result<(), Problem> {
    if user.0.key.is_some() {
        return Err(Problem::new(Kind::Forbidden, "keys are made and revoked by people, not by programs"));
    }
    if user.role == Role::Manager && role == Role::Operator {
        return Err(Problem::new(Kind::Forbidden, "only operators make or revoke keys of operators"));
    }
    Ok(())
}
