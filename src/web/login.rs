//! Logging in and out, and one's own account.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::WebState;
use super::access::{self, Account, Anyone, Can, Role};
use super::body::Sent;
use super::frame::Client;
use super::problem::{Kind, Problem};
use crate::model::agent::Device;
use crate::model::id::UserId;
use crate::model::name::GroupName;

/// Languages the pages are written in.
pub const LANGUAGES: &[&str] = &["en", "zh-CN"];

/// What is needed to log in.
#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// The login name.
    pub login: String,
    /// The password.
    pub password: String,
    /// Also give the session's token in the answer, for programs that send it as `Authorization: Bearer`.
    #[serde(default)]
    pub token: bool,
}

/// A fresh session.
#[derive(Clone, Serialize, utoipa::ToSchema)]
pub struct LoginAnswer {
    /// Who logged in.
    pub user: Me,
    /// The token, if it was asked for. It is in the cookie in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// One's own account.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Me {
    /// The user's id.
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
}

impl From<Account> for Me {
    fn from(account: Account) -> Me {
        let Account { id, login, name, role, language, groups, device } = account;
        Me { id, login, name, role, language, groups, device }
    }
}

/// A change of one's own account. What is absent stays.
#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MeChange {
    /// `en` or `zh-CN`.
    pub language: Option<String>,
    /// A new password. All sessions of the user end.
    pub password: Option<PasswordChange>,
}

/// A change of one's own password.
#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The one in force.
    pub old: String,
    /// The one from now on.
    pub new: String,
}

/// Log in.
///
/// The answer is the same for an unknown login and a wrong password. Five tries a minute for each login and each
/// network (/64 of IPv6, one address of IPv4); more are answered 429 with `Retry-After`.
#[utoipa::path(post, path = "/login", tag = "account", security(()), request_body = LoginRequest,
    responses((status = 200, body = LoginAnswer)))]
pub async fn log_in(
    State(state): State<WebState>,
    client: Client,
    Sent(request): Sent<LoginRequest>,
) -> Result<Response, Problem> {
    state.throttle.admit(&state, &request.login, client.address)?;
    let LoginRequest { login, password, token: wants_token } = request;
    let _turn = state
        .logins
        .try_acquire()
        .map_err(|_| Problem::new(Kind::Overloaded, "too many people log in at once; try again").retry_after(2))?;
    let now = state.now().timestamp;
    let opened = state.records.log_in(&login, &password, &client.agent, now).await?;
    let Some((account, token)) = opened else {
        state.throttle.failed(&state, client.address);
        tracing::warn!(address = %client.address, "a login failed");
        return Err(Problem::new(Kind::BadCredentials, "login or password is wrong"));
    };
    tracing::info!(user = %account.id, role = account.role.as_str(), "logged in");
    let cookie = access::cookie(&state, &token);
    let answer = LoginAnswer { user: account.into(), token: wants_token.then_some(token) };
    Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), Json(answer)).into_response())
}

/// Log out: the session ends everywhere it is used.
#[utoipa::path(post, path = "/logout", tag = "account", security(()), responses((status = 204)))]
pub async fn log_out(State(state): State<WebState>, headers: HeaderMap) -> Result<Response, Problem> {
    if let Some(token) = access::token_of(&headers, &state) {
        let now = state.now().timestamp;
        if let Some(signed_in) = state.records.session(&token, now).await? {
            state.records.end_session(signed_in.session, now).await?;
        }
    }
    let cookie = access::cookie(&state, "");
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, cookie)])).into_response())
}

/// One's own account.
#[utoipa::path(get, path = "/me", tag = "account", security(("session" = ["manager", "agent", "marketing", "operator"])),
    responses((status = 200, body = Me)))]
pub async fn me(user: Can<Anyone>) -> Json<Me> {
    Json(user.0.account.into())
}

/// Change one's own language or password. With a new password all sessions end, and the answer's cookie opens a fresh
/// one; programs log in again.
#[utoipa::path(patch, path = "/me", tag = "account", request_body = MeChange,
    security(("session" = ["manager", "agent", "marketing", "operator"])), responses((status = 200, body = Me)))]
pub async fn change_me(
    State(state): State<WebState>,
    user: Can<Anyone>,
    client: Client,
    Sent(change): Sent<MeChange>,
) -> Result<Response, Problem> {
    let now = state.now().timestamp;
    let mut account = user.0.account.clone();
    if let Some(language) = change.language {
        account.language = known_language(&language, "/language")?;
        state.records.set_language(&account, &account.language, now).await?;
    }
    let Some(new) = change.password else { return Ok(Json(Me::from(account)).into_response()) };
    state.throttle.admit_account(&state, &account.login)?;
    if !state.records.password_is(&account.login, &new.old).await? {
        return Err(Problem::field("/password/old", "bad_credentials", "this is not your password"));
    }
    let token = state.records.replace_password(&account, &new.new, &client.agent, now).await?;
    let cookie = access::cookie(&state, &token);
    Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), Json(Me::from(account))).into_response())
}

/// A language the pages are written in.
pub(super) fn known_language(text: &str, pointer: &str) -> Result<String, Problem> {
    if LANGUAGES.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(Problem::field(pointer, "unknown_language", format!("`{text}` is not one of: {}", LANGUAGES.join(", "))))
}
