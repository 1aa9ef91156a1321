//! Limits of a campaign that can be set while it runs: what is in force, what the definition says, who changed what and when.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::WebState;
use super::access::{Can, Steerers};
use super::body::{Named, Sent};
use super::campaigns::no_campaign;
use super::problem::Problem;
use crate::model::live_limits::{LimitChange, LimitName, LiveLimits};
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;

/// One limit that can be set live.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct LimitView {
    /// Which.
    pub limit: LimitName,
    /// What holds; `null`: nothing binds.
    pub in_force: Option<f64>,
    /// What the definition says; `null`: nothing.
    pub defined: Option<f64>,
    /// The most that can be set: the profile's cap of abandoned calls.
    pub max: Option<f64>,
    /// It is set over the definition.
    pub set: bool,
    /// Who changed it last; `null`: nobody, as far as the audit trail goes back.
    pub changed_by: Option<String>,
    /// When.
    pub changed_at: Option<Timestamp>,
}

/// A change of live limits. What is absent stays.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitRequest {
    /// Calls on their way to a customer at once; 0: none.
    pub lines_max: Option<u32>,
    /// Dials on one day of the installation; 0: none.
    pub dials_per_day_max: Option<u64>,
    /// The cap of abandoned calls, 0 to that of the profile.
    pub abandon_rate_max: Option<f64>,
    /// Limits that go back to what the definition says, now and after each revision.
    #[serde(default)]
    pub to_definition: Vec<LimitName>,
}

/// The limits of a campaign that can be set live.
#[utoipa::path(get, path = "/campaigns/{key}/limits", tag = "campaigns", params(("key" = String, Path)),
    security(("session" = ["manager", "operator"])), responses((status = 200, body = Vec<LimitView>)))]
pub async fn campaign_limits(
    State(state): State<WebState>,
    _user: Can<Steerers>,
    Named(key): Named<CampaignKey>,
) -> Result<Json<Vec<LimitView>>, Problem> {
    state.records.live_limits(&key, &state.settings()).await?.ok_or_else(|| no_campaign(&key)).map(Json)
}

/// Set limits of a campaign over its definition, or let them go back. What is absent stays. Stricter ones hold at once, laxer ones
/// once they are durable, both after a restart as well;
/// calls that are up go on. Answered when it is durable.
#[utoipa::path(patch, path = "/campaigns/{key}/limits", tag = "campaigns", params(("key" = String, Path)),
    request_body = LimitRequest, security(("session" = ["manager", "operator"])), responses((status = 204)))]
pub async fn change_limits(
    State(state): State<WebState>,
    user: Can<Steerers>,
    Named(key): Named<CampaignKey>,
    Sent(request): Sent<LimitRequest>,
) -> Result<StatusCode, Problem> {
    let LimitRequest { lines_max, dials_per_day_max, abandon_rate_max, to_definition } = request;
    let set = LiveLimits { lines_max, dials_per_day_max, abandon_rate_max };
    let change = LimitChange { set, back: to_definition };
    if let Some(both) = change.contradiction() {
        let detail = format!("{} is set and goes back to the definition; expected one of them", both.as_str());
        return Err(Problem::field("/to_definition", "conflict", detail));
    }
    state.handle.limit_campaign(state.now().timestamp, &user.login, key, change).await?;
    Ok(StatusCode::NO_CONTENT)
}
