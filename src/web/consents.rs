//! The consent ledger: who permitted what, in which words, when, and whether it was revoked.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use serde::{Deserialize, Serialize};

use super::WebState;
use super::access::{Can, Managers};
use super::body::{Asked, Named, Sent};
use super::problem::Problem;
use super::suppressions::{NumberQuery, check_note};
use crate::model::id::ConsentId;
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;
use crate::store::ConsentEvidence;

/// One entry of the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ConsentView {
    /// Its id.
    pub id: ConsentId,
    /// The customer's number.
    pub number: PhoneNumber,
    /// What for: a campaign's name, or `*` for everything.
    pub purpose: String,
    /// Given or revoked.
    pub kind: ConsentKind,
    /// The words the customer agreed to.
    pub text: String,
    /// Version of these words.
    pub text_version: String,
    /// By which channel: `web`, `sms`, `call`, `paper`, …
    pub channel: String,
    /// Where the record came from.
    pub source: String,
    /// When the customer said so.
    pub at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// Who recorded it.
    pub recorded_by: String,
    /// When.
    pub recorded_at: Timestamp,
}

/// Given or revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConsentKind {
    /// The customer agreed.
    Given,
    /// The customer took it back.
    Revoked,
}

/// A consent to be recorded.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentRequest {
    /// The customer's number, in international form or with `region`.
    pub number: String,
    /// Region of a number without a country code, as two letters.
    pub region: Option<String>,
    /// What for: a campaign's name, or `*` for everything.
    pub purpose: String,
    /// The words the customer agreed to.
    pub text: String,
    /// Version of these words.
    pub text_version: String,
    /// By which channel.
    pub channel: String,
    /// When the customer said so; now, without it.
    #[schema(value_type = Option<i64>)]
    pub at: Option<Timestamp>,
    /// When it ends by itself.
    #[schema(value_type = Option<i64>)]
    pub expires_at: Option<Timestamp>,
}

/// A consent taken back.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeRequest {
    /// By which channel the customer took it back.
    pub channel: String,
    /// Free text.
    #[serde(default)]
    pub note: String,
}

/// All entries of a number, oldest first.
#[utoipa::path(get, path = "/consents", tag = "ledgers", params(NumberQuery), security(("session" = ["manager"])),
    responses((status = 200, body = Vec<ConsentView>)))]
pub async fn consents(
    State(state): State<WebState>,
    _user: Can<Managers>,
    Asked(query): Asked<NumberQuery>,
) -> Result<Json<Vec<ConsentView>>, Problem> {
    let number = state.dialable(&query.number, query.region.as_deref(), "/number")?;
    state.records.consents(&number).await.map(Json)
}

/// Everything a number agreed to and took back, with its places in the chain of hashes, as evidence. That it was fetched is in
/// the audit log.
#[utoipa::path(get, path = "/consents/evidence", tag = "ledgers", params(NumberQuery),
    security(("session" = ["manager"])), responses((status = 200, body = ConsentEvidence)))]
pub async fn consent_evidence(
    State(state): State<WebState>,
    user: Can<Managers>,
    Asked(query): Asked<NumberQuery>,
) -> Result<([(HeaderName, String); 1], Json<ConsentEvidence>), Problem> {
    let number = state.dialable(&query.number, query.region.as_deref(), "/number")?;
    let now = state.now().timestamp;
    let evidence = state.records.consent_evidence(&number, now).await?;
    let entries = evidence.entries.len();
    state.records.audit(&user.login, "consent_evidence", number.as_str(), &format!("{entries} entries"), now).await?;
    let disposition = format!("attachment; filename=\"consents-{}.json\"", number.as_str().trim_start_matches('+'));
    Ok(([(header::CONTENT_DISPOSITION, disposition)], Json(evidence)))
}

/// Record a consent.
#[utoipa::path(post, path = "/consents", tag = "ledgers", request_body = ConsentRequest,
    security(("session" = ["manager"])), responses((status = 201, body = ConsentView)))]
pub async fn record_consent(
    State(state): State<WebState>,
    user: Can<Managers>,
    Sent(request): Sent<ConsentRequest>,
) -> Result<(StatusCode, Json<ConsentView>), Problem> {
    let number = state.dialable(&request.number, request.region.as_deref(), "/number")?;
    let now = state.now().timestamp;
    for (pointer, text) in [("/text", &request.text), ("/channel", &request.channel), ("/purpose", &request.purpose)] {
        if text.trim().is_empty() {
            return Err(Problem::field(pointer, "empty", "must not be empty: a consent is evidence"));
        }
        check_note(text, pointer)?;
    }
    check_note(&request.text_version, "/text_version")?;
    if request.at.is_some_and(|at| at > now) {
        return Err(Problem::field("/at", "in_future", "a consent cannot be given in the future"));
    }
    let at = request.at.unwrap_or(now);
    if request.expires_at.is_some_and(|end| end <= at) {
        return Err(Problem::field("/expires_at", "out_of_range", "it must end after it was given"));
    }
    let purpose = request
        .purpose
        .parse()
        .map_err(|_| Problem::field("/purpose", "bad_field", "expected a campaign's name, or `*` for everything"))?;
    let entry = state.records.consent(&number, &request, purpose, at, &user.login, now).await?;
    state.audit(&user, "consent_recorded", &entry.id.to_string(), &request.purpose).await;
    Ok((StatusCode::CREATED, Json(entry)))
}

/// Record that a consent was taken back: a further entry.
#[utoipa::path(post, path = "/consents/{id}/revoke", tag = "ledgers", params(("id" = String, Path)),
    request_body = RevokeRequest, security(("session" = ["manager"])), responses((status = 201, body = ConsentView)))]
pub async fn revoke_consent(
    State(state): State<WebState>,
    user: Can<Managers>,
    Named(id): Named<ConsentId>,
    Sent(request): Sent<RevokeRequest>,
) -> Result<(StatusCode, Json<ConsentView>), Problem> {
    check_note(&request.note, "/note")?;
    check_note(&request.channel, "/channel")?;
    let now = state.now().timestamp;
    let entry = state.records.revoke_consent(id, &request, &user.login, now).await?;
    let entry = entry.ok_or_else(|| Problem::not_found(format!("consent `{id}` that was given")))?;
    state.audit(&user, "consent_revoked", &id.to_string(), &request.channel).await;
    Ok((StatusCode::CREATED, Json(entry)))
}
