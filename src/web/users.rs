//! The people who log in.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};

use super::WebState;
use super::access::{Can, Role, Steerers};
use super::body::{Named, Sent};
use super::login::known_language;
use super::problem::{Kind, Problem};
use crate::model::agent::Device;
use crate::model::id::UserId;
use crate::model::name::GroupName;
use crate::model::time::Timestamp;

/// Longest name, in characters.
const NAME_MAX: usize = 100;

/// One user.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct UserView {
    /// The id.
    pub id: UserId,
    /// The login name.
    pub login: String,
    /// What people read.
    pub name: String,
    /// What the user is here to do.
    pub role: Role,
    /// `en` or `zh-CN`.
    pub language: String,
    /// Agent groups the user may sign in to.
    pub groups: Vec<GroupName>,
    /// The phone, for agents.
    pub device: Option<Device>,
    /// When the user was added.
    pub created_at: Timestamp,
    /// Since when the user cannot log in.
    pub disabled_at: Option<Timestamp>,
}

/// A user to be added.
#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The login name: unique, without spaces.
    pub login: String,
    /// What people read.
    pub name: String,
    /// What the user is here to do.
    pub role: Role,
    /// `en` or `zh-CN`; `en` without it.
    pub language: Option<String>,
    /// The first password.
    pub password: String,
    /// Agent groups the user may sign in to.
    #[serde(default)]
    pub groups: Vec<GroupName>,
    /// The phone, for agents.
    pub device: Option<Device>,
}

/// A change of a user. What is absent stays; `"device": null` takes the phone away.
#[derive(Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UserChange {
    /// What people read.
    pub name: Option<String>,
    /// What the user is here to do. All sessions of the user end.
    pub role: Option<Role>,
    /// `en` or `zh-CN`.
    pub language: Option<String>,
    /// A new password. All sessions of the user end.
    pub password: Option<String>,
    /// Agent groups the user may sign in to.
    pub groups: Option<Vec<GroupName>>,
    /// The phone.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<Device>)]
    pub device: Option<Option<Device>>,
    /// Whether the user is kept from logging in. All sessions of the user end.
    pub disabled: Option<bool>,
}

/// Tells `null` (`Some(None)`) from absent (`None`).
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Device>>, D::Error> {
    Option::<Device>::deserialize(deserializer).map(Some)
}

/// All users.
#[utoipa::path(get, path = "/users", tag = "users", security(("session" = ["manager", "operator"])),
    responses((status = 200, body = Vec<UserView>)))]
pub async fn users(State(state): State<WebState>, _user: Can<Steerers>) -> Result<Json<Vec<UserView>>, Problem> {
    state.records.users().await.map(Json)
}

/// Add a user. Managers add everybody but operators.
#[utoipa::path(post, path = "/users", tag = "users", request_body = NewUser,
    security(("session" = ["manager", "operator"])), responses((status = 201, body = UserView)))]
pub async fn add_user(
    State(state): State<WebState>,
    user: Can<Steerers>,
    Sent(new): Sent<NewUser>,
) -> Result<(StatusCode, Json<UserView>), Problem> {
    may_set(&user, new.role)?;
    check_name(&new.name)?;
    let language = known_language(new.language.as_deref().unwrap_or("en"), "/language")?;
    check_groups(&state, &new.groups)?;
    check_device(&state, new.device.as_ref())?;
    let now = state.now().timestamp;
    let view = state.records.add_user(new, language, &user.login, now).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// Change a user. Managers change everybody but operators; nobody disables or demotes themselves.
#[utoipa::path(patch, path = "/users/{id}", tag = "users", params(("id" = String, Path)), request_body = UserChange,
    security(("session" = ["manager", "operator"])), responses((status = 200, body = UserView)))]
pub async fn change_user(
    State(state): State<WebState>,
    user: Can<Steerers>,
    Named(id): Named<UserId>,
    Sent(change): Sent<UserChange>,
) -> Result<Json<UserView>, Problem> {
    let there = state.records.user(id).await?.ok_or_else(|| Problem::not_found(format!("user `{id}`")))?;
    may_set(&user, there.role)?;
    if let Some(role) = change.role {
        may_set(&user, role)?;
    }
    if id == user.id && (change.role.is_some_and(|role| role != user.role) || change.disabled == Some(true)) {
        return Err(Problem::new(Kind::Conflict, "nobody disables or demotes themselves; ask somebody else"));
    }
    if let Some(name) = &change.name {
        check_name(name)?;
    }
    if let Some(language) = &change.language {
        known_language(language, "/language")?;
    }
    if let Some(groups) = &change.groups {
        check_groups(&state, groups)?;
    }
    check_device(&state, change.device.as_ref().and_then(Option::as_ref))?;
    let now = state.now().timestamp;
    state.records.change_user(there, change, &user.login, now).await.map(Json)
}

/// Managers do not make or touch operators: nobody rises above themselves.
fn may_set(user: &Can<Steerers>, role: Role) -> Result<(), Problem> {
    if user.role == Role::Manager && role == Role::Operator {
        return Err(Problem::new(Kind::Forbidden, "only operators add or change operators"));
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), Problem> {
    let length = name.trim().chars().count();
    if length == 0 || length > NAME_MAX {
        return Err(Problem::field("/name", "bad_field", format!("a name has 1 to {NAME_MAX} characters")));
    }
    Ok(())
}

fn check_groups(state: &WebState, groups: &[GroupName]) -> Result<(), Problem> {
    let settings = state.settings();
    let unknown = groups.iter().enumerate().find(|(_, group)| !settings.engine.groups.contains_key(*group));
    match unknown {
        Some((index, group)) => Err(Problem::field(
            &format!("/groups/{index}"),
            "unknown_group",
            format!("there is no agent group `{group}` in the configuration"),
        )),
        None => Ok(()),
    }
}

fn check_device(state: &WebState, device: Option<&Device>) -> Result<(), Problem> {
    let Some(device) = device else { return Ok(()) };
    if state.phones.borrow().iter().any(|phone| phone.phone == device.phone) {
        return Ok(());
    }
    let detail = format!("there is no phone `{}` in the configuration", device.phone);
    Err(Problem::field("/device/phone", "unknown_phone", detail))
}
