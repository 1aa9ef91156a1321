//! Who is asking, and whether they may: one extractor in front of every handler.
//!
//! A handler that takes [`Can`] runs only for the roles it names. A handler without it serves anybody; the
//! authorisation test holds each one to the roles its description in the OpenAPI file declares.

use std::marker::PhantomData;

use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::WebState;
use super::problem::{Kind, Problem};
use crate::model::agent::Device;
use crate::model::id::{SessionId, UserId};
use crate::model::name::GroupName;

pub use crate::store::Role;
use crate::store::{ApiKey, KEY_PREFIX};

/// The user behind a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// Who.
    pub id: UserId,
    /// The name used to log in.
    pub login: String,
    /// What people read.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// `en` or `zh-CN`.
    pub language: String,
    /// Agent groups the user may sign in to.
    pub groups: Vec<GroupName>,
    /// How an agent hears and speaks.
    pub device: Option<Device>,
}

/// A logged-in user with the session that proves it.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Who.
    pub account: Account,
    /// By which session; a key has none, and 0 stands here.
    pub session: SessionId,
    /// The key of the program that asks, where it is one.
    pub key: Option<ApiKey>,
}

/// A set of roles.
pub trait Allowed: Send + Sync + 'static {
    /// The roles in it.
    const ROLES: &'static [Role];
}

macro_rules! allowed {
    ($($(#[$doc:meta])* $name:ident = [$($role:ident),+];)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;
        impl Allowed for $name {
            const ROLES: &'static [Role] = &[$(Role::$role),+];
        }
    )*};
}

allowed! {
    /// Everybody who is logged in.
    Anyone = [Manager, Agent, Marketing, Operator];
    /// Who looks at the board: everybody but agents.
    Watchers = [Manager, Marketing, Operator];
    /// Managers.
    Managers = [Manager];
    /// Agents.
    Agents = [Agent];
    /// Operators.
    Operators = [Operator];
    /// Who steers: managers and operators.
    Steerers = [Manager, Operator];
    /// Who reads figures of campaigns: managers and marketing.
    Analysts = [Manager, Marketing];
    /// Who talks about customers: managers and agents.
    Callers = [Manager, Agent];
    /// Who may read single leads: managers, agents (of their own call), marketing (masked).
    LeadReaders = [Manager, Agent, Marketing];
}

/// The one gate in front of handlers: it yields the user only when the role is in `R`.
#[derive(Clone, Debug)]
pub struct Can<R>(pub SignedIn, PhantomData<R>);

impl<R> std::ops::Deref for Can<R> {
    type Target = Account;
    fn deref(&self) -> &Account {
        &self.0.account
    }
}

impl<R: Allowed> FromRequestParts<WebState> for Can<R> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &WebState) -> Result<Can<R>, Problem> {
        let signed_in = match parts.extensions.get::<SignedIn>() {
            Some(signed_in) => signed_in.clone(),
            None => identify(&parts.headers, state).await?,
        };
        if !R::ROLES.contains(&signed_in.account.role) {
            let role = signed_in.account.role.as_str();
            tracing::warn!(user = %signed_in.account.id, role, path = parts.uri.path(), "denied");
            return Err(Problem::new(Kind::Forbidden, format!("your role, {role}, may not do this")));
        }
        if let Some(key) = &signed_in.key {
            within_scopes(key, parts, state)?;
        }
        Ok(Can(signed_in, PhantomData))
    }
}

/// A program may do only what its key says, and of that only what its role may.
fn within_scopes(key: &ApiKey, parts: &Parts, state: &WebState) -> Result<(), Problem> {
    let path = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
    let write = !parts.method.is_safe();
    // What is not described is no part of the API that keys are for.
    let part = state.part_of(&parts.method, path);
    if part.is_some_and(|part| key.may(part, write)) {
        return Ok(());
    }
    let needed = format!("{}:{}", part.unwrap_or("nothing"), if write { "write" } else { "read" });
    tracing::warn!(key = key.name, needed, path, "denied");
    Err(Problem::new(Kind::Forbidden, format!("the key `{}` lacks the scope {needed}", key.name)))
}

/// The user whose session the request carries, or the program whose key it carries.
pub(super) async fn identify(headers: &HeaderMap, state: &WebState) -> Result<SignedIn, Problem> {
    let missing = || Problem::new(Kind::NotLoggedIn, "log in first");
    let token = token_of(headers, state).ok_or_else(missing)?;
    if token.starts_with(KEY_PREFIX) {
        let no_key = || Problem::new(Kind::NotLoggedIn, "the key is unknown, over or revoked; `lull key list` tells");
        return state.records.key(&token, state.now().timestamp).await?.ok_or_else(no_key);
    }
    state.records.session(&token, state.now().timestamp).await?.ok_or_else(missing)
}

/// The session token of a request: a bearer token if there is one, else the cookie.
pub(super) fn token_of(headers: &HeaderMap, state: &WebState) -> Option<String> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        // A program that sends a header means it: a bad one is not covered up by a cookie.
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned());
    }
    let wanted = state.cookie_name();
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == wanted)
        .map(|(_, token)| token.to_owned())
}

/// The session cookie of a new session, or the one that removes it (`token` empty).
pub(super) fn cookie(state: &WebState, token: &str) -> String {
    let secure = if state.settings().secure_cookie { "; Secure" } else { "" };
    let age = if token.is_empty() { "; Max-Age=0" } else { "" };
    format!("{}={token}; Path=/; HttpOnly; SameSite=Lax{secure}{age}", state.cookie_name())
}
