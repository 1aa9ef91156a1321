//! Pre-registrations from any channel: a web form, a mini-program, a CRM.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::WebState;
use super::access::{Can, Managers};
use super::body::{Named, Sent};
use super::campaigns::no_campaign;
use super::problem::Problem;
use super::suppressions::check_note;
use crate::model::campaign::REPLY_PRIORITY;
use crate::model::id::LeadId;
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::store::{Registered, Registration};

/// The list of leads where nothing else is said.
const LIST: &str = "pre-registered";
/// Most further columns, and longest of each, in characters.
const COLUMNS_MAX: usize = 50;
/// How far the clock of whoever tells may be ahead of ours.
const AHEAD_MAX: Duration = Duration::from_secs(300);
/// How far ahead a customer may wish to be called.
const PREFERRED_MAX: Duration = Duration::from_secs(90 * 86_400);

/// A customer who asked to be called.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistrationRequest {
    /// Whose number, in international form or with `region`.
    pub number: String,
    /// Region of a number without a country code, as two letters.
    pub region: Option<String>,
    /// The person's name.
    #[serde(default)]
    pub name: String,
    /// By which channel: `web`, `app`, `im` or another word.
    pub channel: String,
    /// Where it can be found again: a page, a form, an id of yours.
    pub source: String,
    /// The words that the customer agreed to.
    pub consent: String,
    /// Version of these words.
    #[serde(default = "first")]
    pub consent_version: String,
    /// Until when that holds; until revoked, without it.
    #[schema(value_type = Option<i64>)]
    pub consent_until: Option<Timestamp>,
    /// When the customer asked; now, without it.
    #[schema(value_type = Option<i64>)]
    pub at: Option<Timestamp>,
    /// When the customer wishes to be called, 90 days ahead at most; as soon as possible, without it.
    #[schema(value_type = Option<i64>)]
    pub preferred_at: Option<Timestamp>,
    /// Priority of the lead, 0 to 99; 90 without it.
    pub priority: Option<u8>,
    /// The list that the lead is on, made with the first; `pre-registered` without it.
    pub list: Option<String>,
    /// Further columns, such as the customer's own words: scripts can show them.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
}

fn first() -> String {
    "1".to_owned()
}

/// What became of it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct RegistrationView {
    /// What became of it.
    pub outcome: Registered,
    /// The lead, where it is a new one.
    pub lead: Option<LeadId>,
}

/// Pre-register a customer: the consent is recorded and the customer is a lead of the campaign at once, before those that lists
/// brought in. A customer who is on the campaign already comes forward, or stays if there is nothing more to call about.
#[utoipa::path(post, path = "/campaigns/{key}/pre-registrations", tag = "campaigns", params(("key" = String, Path)),
    request_body = RegistrationRequest, security(("session" = ["manager"])),
    responses((status = 201, body = RegistrationView)))]
pub async fn pre_register(
    State(state): State<WebState>,
    user: Can<Managers>,
    Named(campaign): Named<CampaignKey>,
    Sent(request): Sent<RegistrationRequest>,
) -> Result<(StatusCode, Json<RegistrationView>), Problem> {
    let number = state.dialable(&request.number, request.region.as_deref(), "/number")?;
    let now = state.now().timestamp;
    let texts = [("/consent", &request.consent), ("/channel", &request.channel), ("/source", &request.source)];
    for (pointer, text) in texts {
        if text.trim().is_empty() {
            return Err(Problem::field(pointer, "empty", "must not be empty: a consent is evidence"));
        }
        check_note(text, pointer)?;
    }
    check_note(&request.consent_version, "/consent_version")?;
    check_note(&request.name, "/name")?;
    if request.columns.len() > COLUMNS_MAX {
        return Err(Problem::field("/columns", "too_many", format!("expected at most {COLUMNS_MAX} columns")));
    }
    for (column, cell) in &request.columns {
        check_note(column, "/columns")?;
        check_note(cell, &format!("/columns/{}", column.replace('~', "~0").replace('/', "~1")))?;
    }
    let at = request.at.unwrap_or(now);
    if at > now + AHEAD_MAX {
        return Err(Problem::field("/at", "in_future", "nobody can have asked in the future"));
    }
    // A clock that is a little ahead is no reason to call later.
    let at = at.min(now);
    if request.consent_until.is_some_and(|end| end <= now) {
        return Err(Problem::field("/consent_until", "out_of_range", "a consent that is over covers no call"));
    }
    if request.preferred_at.is_some_and(|at| at > now + PREFERRED_MAX) {
        return Err(Problem::field("/preferred_at", "out_of_range", "expected a time within the next 90 days"));
    }
    let priority = request.priority.unwrap_or(REPLY_PRIORITY);
    if priority > 99 {
        return Err(Problem::field("/priority", "out_of_range", "expected 0 to 99"));
    }
    let list = request.list.unwrap_or_else(|| LIST.to_owned());
    if list.trim().is_empty() {
        return Err(Problem::field("/list", "empty", "a list must have a name"));
    }
    check_note(&list, "/list")?;
    if !state.records.campaign_exists(&campaign).await? {
        return Err(no_campaign(&campaign));
    }
    let registration = Registration {
        campaign: campaign.clone(),
        number,
        name: request.name,
        consent: request.consent,
        consent_version: request.consent_version,
        consent_until: request.consent_until,
        channel: request.channel,
        source: request.source,
        at,
        priority,
        list,
        extra: request.columns,
        preferred: request.preferred_at,
        message: None,
        link: None,
    };
    let (outcome, lead) = state.records.pre_register(registration, &user.login, now).await?;
    if outcome.is_due() {
        // The dialer finds it in any case, a little later.
        let _told = state.handle.leads_changed(campaign);
    }
    Ok((StatusCode::CREATED, Json(RegistrationView { outcome, lead })))
}
