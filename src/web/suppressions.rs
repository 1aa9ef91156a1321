//! Numbers that must not be dialled.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::WebState;
use super::access::{Callers, Can, Managers, Role};
use super::body::{Asked, Named, Sent};
use super::campaigns::no_campaign;
use super::problem::{Kind, Problem};
use crate::model::id::SuppressionId;
use crate::model::lead::SuppressionReason;
use crate::model::name::CampaignKey;
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;

/// Longest note, in characters.
pub(super) const NOTE_MAX: usize = 2000;

/// One entry of the ledger. Nothing is ever deleted from it.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct SuppressionView {
    /// Its id.
    pub id: SuppressionId,
    /// The number.
    pub number: PhoneNumber,
    /// For one campaign; `null`: for all.
    pub campaign: Option<CampaignKey>,
    /// Why.
    pub reason: SuppressionReason,
    /// Where it came from.
    pub source: String,
    /// Free text.
    pub note: String,
    /// Who added it.
    pub added_by: String,
    /// When.
    pub added_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// Who lifted it.
    pub lifted_by: Option<String>,
    /// When.
    pub lifted_at: Option<Timestamp>,
    /// Why.
    pub lifted_why: Option<String>,
}

/// Whose entries.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct NumberQuery {
    /// The number, in international form or with `region`.
    pub number: String,
    /// Region of a number without a country code, as two letters.
    pub region: Option<String>,
}

/// A number not to be dialled from now on.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SuppressionRequest {
    /// The number, in international form or with `region`.
    pub number: String,
    /// Region of a number without a country code, as two letters.
    pub region: Option<String>,
    /// Why.
    pub reason: SuppressionReason,
    /// For one campaign only.
    #[schema(value_type = Option<String>)]
    pub campaign: Option<CampaignKey>,
    /// Free text.
    #[serde(default)]
    pub note: String,
}

/// Why an entry is lifted.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LiftRequest {
    /// Why; kept with the entry.
    pub why: String,
}

/// All entries of a number, lifted ones too.
#[utoipa::path(get, path = "/suppressions", tag = "ledgers", params(NumberQuery),
    security(("session" = ["manager"])), responses((status = 200, body = Vec<SuppressionView>)))]
pub async fn suppressions(
    State(state): State<WebState>,
    _user: Can<Managers>,
    Asked(query): Asked<NumberQuery>,
) -> Result<Json<Vec<SuppressionView>>, Problem> {
    let number = state.dialable(&query.number, query.region.as_deref(), "/number")?;
    state.records.suppressions(&number).await.map(Json)
}

/// Suppress a number. Attempts to it that are on their way are given up. Agents may do so for the call at hand.
#[utoipa::path(post, path = "/suppressions", tag = "ledgers", request_body = SuppressionRequest,
    security(("session" = ["manager", "agent"])), responses((status = 201, body = SuppressionView)))]
pub async fn suppress(
    State(state): State<WebState>,
    user: Can<Callers>,
    Sent(request): Sent<SuppressionRequest>,
) -> Result<(StatusCode, Json<SuppressionView>), Problem> {
    let number = state.dialable(&request.number, request.region.as_deref(), "/number")?;
    check_note(&request.note, "/note")?;
    if let Some(key) = &request.campaign
        && !state.records.campaign_exists(key).await?
    {
        return Err(no_campaign(key));
    }
    if user.role == Role::Agent && !state.is_at_hand(user.id, &number) {
        return Err(Problem::new(Kind::NotAtHand, "agents suppress the number of the call at hand only"));
    }
    let now = state.now().timestamp;
    let entry = state.records.suppress(&number, &request, user.role, &user.login, now).await?;
    state.handle.let_go(number, request.campaign, request.reason);
    Ok((StatusCode::CREATED, Json(entry)))
}

/// Lift an entry. It stays in the ledger, with who lifted it and why.
#[utoipa::path(delete, path = "/suppressions/{id}", tag = "ledgers", params(("id" = String, Path)),
    request_body = LiftRequest, security(("session" = ["manager"])), responses((status = 204)))]
pub async fn lift_suppression(
    State(state): State<WebState>,
    user: Can<Managers>,
    Named(id): Named<SuppressionId>,
    Sent(request): Sent<LiftRequest>,
) -> Result<StatusCode, Problem> {
    if request.why.trim().is_empty() {
        return Err(Problem::field("/why", "empty", "say why it is lifted"));
    }
    check_note(&request.why, "/why")?;
    let lifted = state.records.lift_suppression(id, &user.login, &request.why, state.now().timestamp).await?;
    if !lifted {
        return Err(Problem::not_found(format!("suppression `{id}` in force")));
    }
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn check_note(note: &str, pointer: &str) -> Result<(), Problem> {
    let length = note.chars().count();
    if length > NOTE_MAX {
        return Err(Problem::field(pointer, "too_long", format!("{length} characters; expected at most {NOTE_MAX}")));
    }
    Ok(())
}
