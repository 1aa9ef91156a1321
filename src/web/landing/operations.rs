//! What the API says of landing pages, and links that it makes for messages which others send.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::model::campaign::{CampaignState, Landing, link_address, page_address};
use crate::model::message::way;
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::store::{LandingCounts, NewLink};
use crate::web::WebState;
use crate::web::access::{Analysts, Can, Managers};
use crate::web::body::{Named, Sent};
use crate::web::campaigns::no_campaign;
use crate::web::problem::{Kind, Problem};

/// A day.
const DAY: Duration = Duration::from_secs(86_400);

/// A campaign's landing page.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct LandingView {
    /// Its address, for whoever has no link; none while the configuration does not say how customers reach it.
    pub address: Option<String>,
    /// What keeps customers from it.
    pub trouble: Option<LandingTrouble>,
    /// HTML that shows the page inside the pages of another site; none while no site may do so.
    pub embed: Option<String>,
    /// Whoever has no link can register: a gateway sends the codes.
    pub for_everybody: bool,
    /// What came of it.
    #[serde(flatten)]
    pub counts: LandingCounts,
}

/// What keeps customers from a landing page, or some of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LandingTrouble {
    /// The campaign has ended: its page says so.
    Ended,
    /// The configuration does not say how customers reach it (`http.landing_url`).
    NoLandingUrl,
    /// Whoever has no link cannot register: no gateway sends codes, or several could and none is named (`landing.gateway`).
    NoGateway,
}

/// Whom a link is for.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkRequest {
    /// Whose number, in international form or with `region`.
    pub number: String,
    /// Region of a number without a country code, as two letters.
    pub region: Option<String>,
}

/// A link that was made. It is told this once: the database does not hold it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct LinkMade {
    /// The whole address.
    pub address: String,
    /// From when on it leads nowhere.
    #[schema(value_type = i64)]
    pub expires_at: Timestamp,
}

/// A campaign's landing page: its address and what came of it.
#[utoipa::path(get, path = "/campaigns/{key}/landing", tag = "campaigns", params(("key" = String, Path)),
    security(("session" = ["manager", "marketing"])), responses((status = 200, body = LandingView)))]
pub async fn campaign_landing(
    State(state): State<WebState>,
    _user: Can<Analysts>,
    Named(campaign): Named<CampaignKey>,
) -> Result<Json<LandingView>, Problem> {
    let (landing, stands) = landing_of(&state, &campaign).await?;
    let base = state.settings().landing_url.clone();
    let made = page_address(base.as_deref(), &campaign);
    let senders = state.handle.gateways().into_iter().map(|(name, gateway)| (name, gateway.senders)).collect();
    let codes = way(&senders, landing.gateway.as_ref(), None);
    let trouble = if stands == CampaignState::Ended {
        Some(LandingTrouble::Ended)
    } else if made.is_err() {
        Some(LandingTrouble::NoLandingUrl)
    } else {
        (landing.for_everybody && codes.is_err()).then_some(LandingTrouble::NoGateway)
    };
    let address = made.ok();
    let embed = address.as_ref().filter(|_| !landing.embed_from.is_empty()).map(|address| {
        format!("<iframe src=\"{address}\" title=\"{campaign}\" style=\"width:100%;height:44rem;border:0\"></iframe>")
    });
    Ok(Json(LandingView {
        address,
        trouble,
        embed,
        for_everybody: landing.for_everybody && codes.is_ok(),
        counts: state.records.landing_counts(&campaign).await?,
    }))
}

/// Make a link to a campaign's landing page for one number, for a message that another system sends.
#[utoipa::path(post, path = "/campaigns/{key}/links", tag = "campaigns", params(("key" = String, Path)),
    request_body = LinkRequest, security(("session" = ["manager"])), responses((status = 201, body = LinkMade)))]
pub async fn make_link(
    State(state): State<WebState>,
    user: Can<Managers>,
    Named(campaign): Named<CampaignKey>,
    Sent(request): Sent<LinkRequest>,
) -> Result<(StatusCode, Json<LinkMade>), Problem> {
    let number = state.dialable(&request.number, request.region.as_deref(), "/number")?;
    let (landing, stands) = landing_of(&state, &campaign).await?;
    if stands == CampaignState::Ended {
        return Err(Problem::new(Kind::Conflict, format!("campaign `{campaign}` has ended: its page says so")));
    }
    let base = state.settings().landing_url.clone();
    let unreachable = |error: crate::model::campaign::NoLandingUrl| Problem::new(Kind::Conflict, error.to_string());
    page_address(base.as_deref(), &campaign).map_err(unreachable)?;
    let now = state.now().timestamp;
    let expires_at = now + DAY * landing.link_days;
    let link = NewLink { campaign, number, lead: None, message: None, expires_at };
    let (object, whose) = (link.campaign.to_string(), link.number.to_string());
    let token = state.records.make_link(link, now).await?;
    // Whoever has the link can agree in the customer's name: it stands there who made it.
    state.audit(&user, "link_made", &object, &whose).await;
    let address = link_address(base.as_deref(), &token).map_err(unreachable)?;
    Ok((StatusCode::CREATED, Json(LinkMade { address, expires_at })))
}

async fn landing_of(state: &WebState, campaign: &CampaignKey) -> Result<(Landing, CampaignState), Problem> {
    let row = state.records.landing_campaign(campaign).await?.ok_or_else(|| no_campaign(campaign))?;
    let landing = row.campaign.landing;
    let none = || Problem::not_found(format!("landing page of campaign `{campaign}` ([landing] in its file)"));
    Ok((landing.ok_or_else(none)?, row.state))
}
