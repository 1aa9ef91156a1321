//! For whoever runs the installation: trunks, phones, reloading, and whether all is well.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;

use super::access::{Can, Operators};
use super::problem::{Kind, Problem};
use super::{PhoneView, WebState};
use crate::engine::snapshot::TrunkView;
use crate::runtime::handle::Internals;

/// A picture of the engine older than this means that it hangs, in ms; it paints several a second.
const PICTURE_AGE_MAX_MS: u64 = 10_000;

/// What a reload changed.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Reloaded {
    /// Names of what changed.
    pub changed: Vec<String>,
}

/// Whether the service can do its work.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Health {
    /// Nothing stands in the way.
    pub ok: bool,
    /// What does.
    pub problems: Vec<HealthProblem>,
}

/// One thing that stands in the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct HealthProblem {
    /// A stable code.
    pub code: String,
    /// What it is about, for people.
    pub detail: String,
}

/// Trunks with their state and channels.
#[utoipa::path(get, path = "/trunks", tag = "operations", security(("session" = ["operator"])),
    responses((status = 200, body = Vec<TrunkView>)))]
pub async fn trunks(State(state): State<WebState>, _user: Can<Operators>) -> Json<Vec<TrunkView>> {
    Json(state.handle.snapshot().trunks.clone())
}

/// Configured phones and where they are registered.
#[utoipa::path(get, path = "/phones", tag = "operations", security(("session" = ["operator"])),
    responses((status = 200, body = Vec<PhoneView>)))]
pub async fn phones(State(state): State<WebState>, _user: Can<Operators>) -> Json<Vec<PhoneView>> {
    Json(state.phones.borrow().as_ref().clone())
}

/// Read the configuration file again. Calls that are up go on; with an error in the file nothing changes.
#[utoipa::path(post, path = "/reload", tag = "operations", security(("session" = ["operator"])),
    responses((status = 200, body = Reloaded)))]
pub async fn reload(State(state): State<WebState>, user: Can<Operators>) -> Result<Json<Reloaded>, Problem> {
    let changed = state.handle.reload().await?.map_err(|wrong| Problem::new(Kind::BadConfig, wrong))?;
    state.audit(&user, "reload", "configuration", &changed.join(", ")).await;
    Ok(Json(Reloaded { changed }))
}

/// Sizes of the service's tables, for the test that calls leave nothing behind.
#[utoipa::path(get, path = "/internals", tag = "operations", security(("session" = ["operator"])),
    responses((status = 200, body = Internals)))]
pub async fn internals(State(state): State<WebState>, _user: Can<Operators>) -> Result<Json<Internals>, Problem> {
    Ok(Json(state.handle.internals().await?))
}

/// The process answers.
#[utoipa::path(get, path = "/livez", tag = "operations", security(()), responses((status = 200, body = Health)))]
pub async fn livez() -> Json<Health> {
    Json(Health { ok: true, problems: Vec::new() })
}

/// The service can do its work: 200, or 503 with what stands in the way.
#[utoipa::path(get, path = "/readyz", tag = "operations", security(()),
    responses((status = 200, body = Health), (status = 503, body = Health)))]
pub async fn readyz(State(state): State<WebState>) -> (StatusCode, Json<Health>) {
    let problems = problems(&state).await;
    let status = if problems.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Health { ok: problems.is_empty(), problems }))
}

/// The description of this API (OpenAPI).
#[utoipa::path(get, path = "/openapi.json", tag = "operations", security(()),
    responses((status = 200, body = serde_json::Value)))]
pub async fn openapi_file(State(state): State<WebState>) -> ([(axum::http::HeaderName, &'static str); 1], String) {
    ([(axum::http::header::CONTENT_TYPE, "application/json")], state.openapi.as_str().to_owned())
}

pub(super) async fn problems(state: &WebState) -> Vec<HealthProblem> {
    let mut problems = Vec::new();
    let mut say = |code: &str, detail: String| problems.push(HealthProblem { code: code.to_owned(), detail });
    if let Some(trouble) = state.records.trouble().await {
        say("store_down", trouble.to_owned());
    }
    let now = state.now().timestamp;
    let snapshot = state.handle.snapshot();
    let age = now.since(snapshot.at);
    if age.as_millis() > u128::from(PICTURE_AGE_MAX_MS) {
        say("engine_silent", "the dialer shows no fresh picture of its state".to_owned());
    }
    if snapshot.draining {
        say("draining", "the service is shutting down and finishes the calls that are up".to_owned());
    }
    if !snapshot.trunks.is_empty() && snapshot.trunks.iter().all(|trunk| !trunk.up) {
        say("trunks_down", "no trunk answers".to_owned());
    }
    problems
}
