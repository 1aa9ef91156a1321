//! SMS: how the gateways are, what was sent and came, and messages to one number.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::WebState;
use super::access::{Can, Managers, Steerers};
use super::body::{Asked, Sent};
use super::campaigns::no_campaign;
use super::problem::Problem;
use crate::model::id::MessageId;
use crate::model::message::{Alphabet, PARTS_MAX, Unfit, fit, parts, way};
use crate::model::name::{CampaignKey, GatewayName};
use crate::runtime::handle::GatewaySeen;
use crate::store::{MessageRow, NewMessage};

/// Rows of a page where nothing else is said, and at most.
const PAGE_USUAL: usize = 50;
const PAGE_MAX: usize = 500;
/// Longest text that is counted, in characters.
const TEXT_MAX: usize = 2000;

/// An SMS gateway.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct GatewayView {
    /// How it stands.
    #[serde(flatten)]
    pub gateway: GatewaySeen,
    /// Messages that wait for it.
    pub waiting: u64,
}

/// Which messages.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct MessageQuery {
    /// From and to this number only, in international form or with `region`.
    pub number: Option<String>,
    /// Region of a number without a country code, as two letters.
    pub region: Option<String>,
    /// Only those that are older than this one.
    #[param(value_type = Option<String>)]
    pub before: Option<MessageId>,
    /// At most so many, 50 without it, 500 at most.
    pub limit: Option<usize>,
}

/// A message to one number.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageRequest {
    /// To whom, in international form or with `region`.
    pub number: String,
    /// Region of a number without a country code, as two letters.
    pub region: Option<String>,
    /// What it says.
    pub text: String,
    /// Through which gateway; it may be left out where there is only one.
    #[schema(value_type = Option<String>)]
    pub gateway: Option<GatewayName>,
    /// Number or name to be shown as the sender: one of the gateway's; the usual one without it.
    pub sender: Option<String>,
    /// The campaign that it belongs to: a reply to it is one to the campaign.
    #[schema(value_type = Option<String>)]
    pub campaign: Option<CampaignKey>,
}

/// A text to be counted.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CountRequest {
    /// What it would say.
    pub text: String,
}

/// How many SMS a text takes.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Counted {
    /// How it is written.
    pub alphabet: Alphabet,
    /// How many SMS.
    pub parts: usize,
    /// How many characters more fit into the last of them: septets of the GSM alphabet, or UTF-16 code units.
    pub room: usize,
    /// Most that a message may have.
    pub parts_max: usize,
}

/// The SMS gateways and how they are.
#[utoipa::path(get, path = "/gateways", tag = "messages", security(("session" = ["manager", "operator"])),
    responses((status = 200, body = Vec<GatewayView>)))]
pub async fn gateways(State(state): State<WebState>, _user: Can<Steerers>) -> Result<Json<Vec<GatewayView>>, Problem> {
    let mut views = Vec::new();
    for gateway in state.handle.gateways().into_values() {
        let waiting = state.records.waiting_messages(&gateway.name).await?;
        views.push(GatewayView { gateway, waiting });
    }
    Ok(Json(views))
}

/// Messages in both directions, newest first.
#[utoipa::path(get, path = "/messages", tag = "messages", params(MessageQuery), security(("session" = ["manager"])),
    responses((status = 200, body = Vec<MessageRow>)))]
pub async fn messages(
    State(state): State<WebState>,
    _user: Can<Managers>,
    Asked(query): Asked<MessageQuery>,
) -> Result<Json<Vec<MessageRow>>, Problem> {
    let number = match &query.number {
        Some(number) => Some(state.dialable(number, query.region.as_deref(), "/number")?),
        None => None,
    };
    let limit = query.limit.unwrap_or(PAGE_USUAL).clamp(1, PAGE_MAX);
    state.records.messages(number.as_ref(), query.before, limit).await.map(Json)
}

/// Queue a message to one number. It leaves as soon as its gateway takes it; what became of it is told with the message.
#[utoipa::path(post, path = "/messages", tag = "messages", request_body = MessageRequest,
    security(("session" = ["manager"])), responses((status = 201, body = MessageRow)))]
pub async fn send_message(
    State(state): State<WebState>,
    user: Can<Managers>,
    Sent(request): Sent<MessageRequest>,
) -> Result<(StatusCode, Json<MessageRow>), Problem> {
    let number = state.dialable(&request.number, request.region.as_deref(), "/number")?;
    let senders = state.handle.gateways().into_iter().map(|(name, gateway)| (name, gateway.senders)).collect();
    let (gateway, sender) = way(&senders, request.gateway.as_ref(), request.sender.as_deref())?;
    fit(&request.text)?;
    if let Some(campaign) = &request.campaign
        && !state.records.campaign_exists(campaign).await?
    {
        return Err(no_campaign(campaign));
    }
    let now = state.now().timestamp;
    if state.records.is_suppressed(&number, request.campaign.as_ref(), now).await? {
        let says = format!("{number} is suppressed: no message leaves for it");
        return Err(Problem::field("/number", "suppressed", says));
    }
    let message = NewMessage { gateway, number, sender, text: request.text, campaign: request.campaign };
    let row = state.records.queue_message(message, &user.login, now).await?;
    Ok((StatusCode::CREATED, Json(row)))
}

/// How many SMS a text takes.
#[utoipa::path(post, path = "/messages/count", tag = "messages", request_body = CountRequest,
    security(("session" = ["manager"])), responses((status = 200, body = Counted)))]
pub async fn count_message(_user: Can<Managers>, Sent(request): Sent<CountRequest>) -> Result<Json<Counted>, Problem> {
    if request.text.chars().count() > TEXT_MAX {
        return Err(Problem::field("/text", "too_long", format!("at most {TEXT_MAX} characters are counted")));
    }
    let split = parts(&request.text);
    Ok(Json(Counted { alphabet: split.alphabet, parts: split.texts.len(), room: split.room, parts_max: PARTS_MAX }))
}

impl From<Unfit> for Problem {
    fn from(unfit: Unfit) -> Problem {
        Problem::field(&format!("/{}", unfit.field), unfit.code, unfit.says)
    }
}
