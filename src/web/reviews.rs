//! Messages of customers that a person is to read, and what they are said to mean.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::WebState;
use super::access::{Can, Managers};
use super::body::{Asked, Named, Sent};
use super::problem::{Kind, Problem};
use crate::model::id::MessageId;
use crate::model::lead::SuppressionReason;
use crate::model::name::CampaignKey;
use crate::store::{Reading, Registered, ReviewRow};

/// Rows of a page where the request names no number, and the most.
const PAGE: usize = 50;
const PAGE_MAX: usize = 200;

/// Messages that wait.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ReviewPage {
    /// They, the one that waits longest first.
    pub items: Vec<ReviewRow>,
    /// How many wait in all.
    pub waiting: u64,
    /// Give it as `after` for the next page; `null` at the end.
    pub next: Option<MessageId>,
}

/// Which messages.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub struct ReviewQuery {
    /// Only those that answer messages of this campaign.
    #[param(value_type = Option<String>)]
    pub campaign: Option<CampaignKey>,
    /// `next` of the page before.
    #[param(value_type = Option<String>)]
    pub after: Option<MessageId>,
    /// At most so many, 200 at most; 50 without it.
    pub limit: Option<usize>,
}

/// What a message means.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewRequest {
    /// It.
    pub decision: Reading,
    /// For which campaign, where the message answers none or another is meant.
    #[schema(value_type = Option<String>)]
    pub campaign: Option<CampaignKey>,
}

/// What was done.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ReviewDone {
    /// What became of the pre-registration, where the customer is interested.
    pub registered: Option<Registered>,
    /// The number is suppressed by it.
    pub suppressed: bool,
}

/// Messages of customers that a person is to read: what no rule fits, and free words that may opt out, with what they may mean.
#[utoipa::path(get, path = "/reviews", tag = "messages", params(ReviewQuery), security(("session" = ["manager"])),
    responses((status = 200, body = ReviewPage)))]
pub async fn reviews(
    State(state): State<WebState>,
    _user: Can<Managers>,
    Asked(query): Asked<ReviewQuery>,
) -> Result<Json<ReviewPage>, Problem> {
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::new(Kind::BadQuery, format!("limit is {limit}; expected 1 to {PAGE_MAX}")));
    }
    let (items, waiting) = state.records.reviews(query.campaign.as_ref(), query.after, limit).await?;
    let next = items.last().filter(|_| items.len() == limit).map(|last| last.message);
    Ok(Json(ReviewPage { items, waiting, next }))
}

/// Say what a message means, once. What the words would have done is done: `interested` pre-registers the customer by the campaign's
/// own consent text, `opt_out` suppresses the number, `not_interested` gives the campaign's lead up. Somebody who decided
/// before is named, and nothing is changed.
#[utoipa::path(post, path = "/reviews/{message}", tag = "messages", params(("message" = String, Path)),
    request_body = ReviewRequest, security(("session" = ["manager"])), responses((status = 200, body = ReviewDone)))]
pub async fn decide_review(
    State(state): State<WebState>,
    user: Can<Managers>,
    Named(message): Named<MessageId>,
    Sent(request): Sent<ReviewRequest>,
) -> Result<Json<ReviewDone>, Problem> {
    let ReviewRequest { decision, campaign } = request;
    let now = state.now().timestamp;
    let decided = match state.records.decide_review(message, (decision, campaign), &user.login, now).await? {
        Ok(decided) => decided,
        Err(before) => {
            let decision = crate::model::word::word(&before.decision);
            let detail = format!("{} decided at {} that it means `{decision}`", before.by, before.at);
            return Err(Problem::new(Kind::Conflict, detail));
        }
    };
    if decided.suppressed {
        state.handle.let_go(decided.number, None, SuppressionReason::OptOut);
    }
    let registered = decided.registered.map(|(campaign, registered)| {
        if registered.is_due() {
            // The dialer finds it in any case, a little later.
            let _told = state.handle.leads_changed(campaign);
        }
        registered
    });
    Ok(Json(ReviewDone { registered, suppressed: decided.suppressed }))
}
