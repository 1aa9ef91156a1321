//! Endpoints that are told what happened: adding them, trying them, and what became of each delivery.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};

use super::WebState;
use super::access::{Can, Steerers};
use super::body::{Asked, Named, Sent};
use super::problem::Problem;
use crate::model::id::{EventId, WebhookId};
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::store::{DeliveryRow, DeliveryState, EventType, TryRow, Verdict, Wants, Webhook};

/// Rows of a page where the request names no number, and the most.
const PAGE: usize = 50;
const PAGE_MAX: usize = 1000;
/// How long the secret before counts beside a new one, in hours, where the request does not say, and the most.
const KEEP_H: u32 = 24;
const KEEP_H_MAX: u32 = 30 * 24;

/// An endpoint. Its secret is shown when it is made and never again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct WebhookView {
    /// Its id.
    pub id: WebhookId,
    /// What it is for.
    pub name: String,
    /// Where events are posted.
    pub url: String,
    /// Which; `null`: all, and those to come.
    pub events: Option<Vec<EventType>>,
    /// Of this campaign only; `null`: of all, and what belongs to none.
    pub campaign: Option<CampaignKey>,
    /// Who added it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// The last delivery.
    pub succeeded_at: Option<Timestamp>,
    /// The first failure after which nothing was delivered.
    pub failing_since: Option<Timestamp>,
    /// Since when it is told nothing.
    pub disabled_at: Option<Timestamp>,
    /// Why.
    pub disabled_why: Option<String>,
    /// Until when the secret before the last rotation counts as well.
    pub secret_before_until: Option<Timestamp>,
}

/// An endpoint to be added.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// What it is for; no two have the same.
    pub name: String,
    /// Where events are posted: https://, or http:// in a network that the configuration allows.
    pub url: String,
    /// Which; all, and those to come, without it.
    pub events: Option<Vec<EventType>>,
    /// Of this campaign only.
    #[schema(value_type = Option<String>)]
    pub campaign: Option<CampaignKey>,
}

/// What is changed about an endpoint. What is absent stays; `"events": null` are all, `"campaign": null` is of all.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookChangeRequest {
    /// What it is for.
    pub name: Option<String>,
    /// Where events are posted; what waits goes there too.
    pub url: Option<String>,
    /// Which, from now on.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<EventType>>)]
    pub events: Option<Option<Vec<EventType>>>,
    /// Of this campaign only.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub campaign: Option<Option<CampaignKey>>,
}

/// Tells `null` (`Some(None)`) from absent (`None`).
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

/// An endpoint that was added.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct WebhookAdded {
    /// What was added.
    pub webhook: WebhookView,
    /// What signatures are checked with. This is the only time that it is shown.
    pub secret: String,
}

/// For how long the secret before counts.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateRequest {
    /// In hours, at most 720; 24 without it, and 0 for a secret that leaked.
    pub keep_h: Option<u32>,
}

/// A new secret.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct WebhookSecret {
    /// What signatures are checked with. This is the only time that it is shown.
    pub secret: String,
}

/// Why an endpoint is told nothing.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DisableRequest {
    /// Why; shown with it.
    pub why: String,
}

/// What is to be sent again.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResendRequest {
    /// One event, however its delivery stands; all that failed, without it.
    #[schema(value_type = Option<String>)]
    pub event: Option<EventId>,
}

/// What is sent again.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Resent {
    /// How many deliveries.
    pub deliveries: u64,
}

/// What came back from an endpoint that was tried.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct WebhookTested {
    /// The event that was sent.
    pub event: EventId,
    /// Whether it was taken.
    pub delivered: bool,
    /// What the receiver answered; `null` where it did not.
    pub status: Option<u16>,
    /// How long it took, in ms.
    pub duration_ms: u64,
    /// What went wrong.
    pub error: Option<String>,
    /// The beginning of the answer.
    pub response: String,
}

/// Which deliveries.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct DeliveriesQuery {
    /// Only those that stand like this.
    pub state: Option<DeliveryState>,
    /// Older than this event: the last of the page before.
    #[param(value_type = Option<String>)]
    pub before: Option<EventId>,
    /// At most so many, 1,000 at most; 50 without it.
    pub limit: Option<usize>,
}

/// Which tries.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct TriesQuery {
    /// Only those of this event.
    #[param(value_type = Option<String>)]
    pub event: Option<EventId>,
    /// Older than this try: the last of the page before.
    pub before: Option<i64>,
    /// At most so many, 1,000 at most; 50 without it.
    pub limit: Option<usize>,
}

impl From<Webhook> for WebhookView {
    fn from(webhook: Webhook) -> WebhookView {
        WebhookView {
            id: webhook.id,
            name: webhook.name,
            url: webhook.url,
            events: match webhook.events {
                Wants::All => None,
                Wants::These(types) => Some(types),
            },
            campaign: webhook.campaign,
            created_by: webhook.created_by,
            created_at: webhook.created_at,
            succeeded_at: webhook.succeeded_at,
            failing_since: webhook.failing_since,
            disabled_at: webhook.disabled_at,
            disabled_why: webhook.disabled_why,
            secret_before_until: webhook.secrets.before.map(|(_, until)| until),
        }
    }
}

/// All endpoints, by name.
#[utoipa::path(get, path = "/webhooks", tag = "webhooks", security(("session" = ["manager", "operator"])),
    responses((status = 200, body = Vec<WebhookView>)))]
pub async fn webhooks(State(state): State<WebState>, _user: Can<Steerers>) -> Result<Json<Vec<WebhookView>>, Problem> {
    Ok(Json(state.records.webhooks().await?.into_iter().map(WebhookView::from).collect()))
}

/// Add an endpoint. It is told what happens from then on, signed as Standard Webhooks has it.
#[utoipa::path(post, path = "/webhooks", tag = "webhooks", request_body = NewWebhook,
    security(("session" = ["manager", "operator"])), responses((status = 201, body = WebhookAdded)))]
pub async fn add_webhook(
    State(state): State<WebState>,
    user: Can<Steerers>,
    Sent(new): Sent<NewWebhook>,
) -> Result<(StatusCode, Json<WebhookAdded>), Problem> {
    check_address(&state, &new.url).await?;
    check_events(new.events.as_deref().unwrap_or_default())?;
    let now = state.now().timestamp;
    let webhook = state.records.add_webhook(new, &user.login, now).await?;
    let secret = webhook.secrets.now.clone();
    Ok((StatusCode::CREATED, Json(WebhookAdded { webhook: webhook.into(), secret })))
}

async fn check_address(state: &WebState, url: &str) -> Result<(), Problem> {
    let refused = |error: crate::webhooks::AddressFault| Problem::field("/url", "bad_address", error.to_string());
    state.messenger.check(url).await.map_err(refused)
}

fn check_events(events: &[EventType]) -> Result<(), Problem> {
    let Some(place) = events.iter().position(|event| *event == EventType::WebhookTest) else { return Ok(()) };
    let detail = "webhook.test is sent to an endpoint that is tried, and to that alone";
    Err(Problem::field(&format!("/events/{place}"), "unfit", detail))
}

/// Change an endpoint. Its secret, its log and what waits for it stay.
#[utoipa::path(patch, path = "/webhooks/{id}", tag = "webhooks", params(("id" = String, Path)),
    request_body = WebhookChangeRequest, security(("session" = ["manager", "operator"])),
    responses((status = 200, body = WebhookView)))]
pub async fn change_webhook(
    State(state): State<WebState>,
    user: Can<Steerers>,
    Named(id): Named<WebhookId>,
    Sent(change): Sent<WebhookChangeRequest>,
) -> Result<Json<WebhookView>, Problem> {
    if let Some(url) = &change.url {
        check_address(&state, url).await?;
    }
    check_events(change.events.iter().flatten().flatten().copied().collect::<Vec<_>>().as_slice())?;
    let webhook = state.records.change_webhook(id, change, &user.login, state.now().timestamp).await?;
    Ok(Json(webhook.into()))
}

/// One endpoint.
#[utoipa::path(get, path = "/webhooks/{id}", tag = "webhooks", params(("id" = String, Path)),
    security(("session" = ["manager", "operator"])), responses((status = 200, body = WebhookView)))]
pub async fn webhook(
    State(state): State<WebState>,
    _user: Can<Steerers>,
    Named(id): Named<WebhookId>,
) -> Result<Json<WebhookView>, Problem> {
    Ok(Json(state.records.webhook(id).await?.into()))
}

/// Remove an endpoint, with what waits for it and its log.
#[utoipa::path(delete, path = "/webhooks/{id}", tag = "webhooks", params(("id" = String, Path)),
    security(("session" = ["manager", "operator"])), responses((status = 204)))]
pub async fn remove_webhook(
    State(state): State<WebState>,
    user: Can<Steerers>,
    Named(id): Named<WebhookId>,
) -> Result<StatusCode, Problem> {
    state.records.remove_webhook(id, &user.login, state.now().timestamp).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Send an endpoint an event of its own, `webhook.test`, once and now, and say what came back.
#[utoipa::path(post, path = "/webhooks/{id}/test", tag = "webhooks", params(("id" = String, Path)),
    security(("session" = ["manager", "operator"])), responses((status = 200, body = WebhookTested)))]
pub async fn test_webhook(
    State(state): State<WebState>,
    user: Can<Steerers>,
    Named(id): Named<WebhookId>,
) -> Result<Json<WebhookTested>, Problem> {
    let tried = state.records.test_webhook(&state.messenger, id, &user.login).await?;
    state.audit(&user, "webhook_tested", &id.to_string(), tried.error.as_deref().unwrap_or("delivered")).await;
    Ok(Json(WebhookTested {
        event: tried.event,
        delivered: tried.verdict == Verdict::Delivered,
        status: tried.status,
        duration_ms: u64::try_from(tried.took.as_millis()).unwrap_or(u64::MAX),
        error: tried.error,
        response: tried.response,
    }))
}

/// Make a new secret. Until the one before is over both sign, so that a receiver can change over without a gap.
#[utoipa::path(post, path = "/webhooks/{id}/rotate", tag = "webhooks", params(("id" = String, Path)),
    request_body = RotateRequest, security(("session" = ["manager", "operator"])),
    responses((status = 200, body = WebhookSecret)))]
pub async fn rotate_webhook(
    State(state): State<WebState>,
    user: Can<Steerers>,
    Named(id): Named<WebhookId>,
    Sent(request): Sent<RotateRequest>,
) -> Result<Json<WebhookSecret>, Problem> {
    let keep_h = request.keep_h.unwrap_or(KEEP_H);
    if keep_h > KEEP_H_MAX {
        let detail = format!("{keep_h} hours; expected at most {KEEP_H_MAX}");
        return Err(Problem::field("/keep_h", "out_of_range", detail));
    }
    let keep = Duration::from_secs(u64::from(keep_h) * 3600);
    let secret = state.records.rotate_webhook(id, keep, &user.login, state.now().timestamp).await?;
    Ok(Json(WebhookSecret { secret }))
}

/// Tell an endpoint again what happens, beginning with what still waits for it.
#[utoipa::path(post, path = "/webhooks/{id}/enable", tag = "webhooks", params(("id" = String, Path)),
    security(("session" = ["manager", "operator"])), responses((status = 204)))]
pub async fn enable_webhook(
    State(state): State<WebState>,
    user: Can<Steerers>,
    Named(id): Named<WebhookId>,
) -> Result<StatusCode, Problem> {
    state.records.enable_webhook(id, &user.login, state.now().timestamp).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tell an endpoint nothing more. What happens meanwhile it will not hear of.
#[utoipa::path(post, path = "/webhooks/{id}/disable", tag = "webhooks", params(("id" = String, Path)),
    request_body = DisableRequest, security(("session" = ["manager", "operator"])), responses((status = 204)))]
pub async fn disable_webhook(
    State(state): State<WebState>,
    user: Can<Steerers>,
    Named(id): Named<WebhookId>,
    Sent(request): Sent<DisableRequest>,
) -> Result<StatusCode, Problem> {
    super::suppressions::check_note(&request.why, "/why")?;
    state.records.disable_webhook(id, &request.why, &user.login, state.now().timestamp).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What an endpoint was or will be told, newest first, and how each delivery stands.
#[utoipa::path(get, path = "/webhooks/{id}/deliveries", tag = "webhooks",
    params(("id" = String, Path), DeliveriesQuery), security(("session" = ["manager", "operator"])),
    responses((status = 200, body = Vec<DeliveryRow>)))]
pub async fn webhook_deliveries(
    State(state): State<WebState>,
    _user: Can<Steerers>,
    Named(id): Named<WebhookId>,
    Asked(query): Asked<DeliveriesQuery>,
) -> Result<Json<Vec<DeliveryRow>>, Problem> {
    let limit = query.limit.unwrap_or(PAGE).min(PAGE_MAX);
    state.records.deliveries(id, query.state, query.before, limit).await.map(Json)
}

/// Every try to tell an endpoint something, newest first, with what came back.
#[utoipa::path(get, path = "/webhooks/{id}/log", tag = "webhooks", params(("id" = String, Path), TriesQuery),
    security(("session" = ["manager", "operator"])), responses((status = 200, body = Vec<TryRow>)))]
pub async fn webhook_log(
    State(state): State<WebState>,
    _user: Can<Steerers>,
    Named(id): Named<WebhookId>,
    Asked(query): Asked<TriesQuery>,
) -> Result<Json<Vec<TryRow>>, Problem> {
    let limit = query.limit.unwrap_or(PAGE).min(PAGE_MAX);
    state.records.tries(id, query.event, query.before, limit).await.map(Json)
}

/// Send again, now: one event, or all that failed. A receiver knows them by their `webhook-id`, which stays.
#[utoipa::path(post, path = "/webhooks/{id}/resend", tag = "webhooks", params(("id" = String, Path)),
    request_body = ResendRequest, security(("session" = ["manager", "operator"])),
    responses((status = 200, body = Resent)))]
pub async fn resend_webhook(
    State(state): State<WebState>,
    user: Can<Steerers>,
    Named(id): Named<WebhookId>,
    Sent(request): Sent<ResendRequest>,
) -> Result<Json<Resent>, Problem> {
    let deliveries = state.records.resend(id, request.event, &user.login, state.now().timestamp).await?;
    Ok(Json(Resent { deliveries }))
}
