//! Outreach: what a campaign's messages would say, to whom; starting and pausing them, and how far they are.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::WebState;
use super::access::{Can, Managers, Steerers};
use super::body::{Asked, Named, NamedIn, Sent};
use super::campaigns::no_campaign;
use super::problem::{Kind, Problem};
use crate::model::campaign::link_address;
use crate::model::id::{LeadId, MessageId};
use crate::model::name::{CampaignKey, OutreachName};
use crate::model::outreach::{LINK_SAMPLE, Outreach, TOKEN_SAMPLE, Way, named, prepared, ready};
use crate::model::time::Timestamp;
use crate::model::zone::Zone;
use crate::store::{AudienceSeen, CampaignRow, OutreachCount, OutreachRow, RecipientRow, TestSend};

/// Rows of a page where nothing else is said, and at most.
const PAGE_USUAL: usize = 50;
const PAGE_MAX: usize = 500;
/// Leads that are looked at to say what would be sent: less than a second.
const LOOKED_AT_MAX: u64 = 20_000;
/// What recipients can be asked for by: how they stand, why they were left out, how their message stands.
const STATES: &[&str] = &[
    "waiting",
    "given",
    "skipped",
    "blank",
    "too_long",
    "landline",
    "replied",
    "not_open",
    "no_hours",
    "too_late",
    "queued",
    "sending",
    "sent",
    "delivered",
    "undeliverable",
    "expired",
    "rejected",
    "unknown",
    "suppressed",
];
/// Numbers of one test.
const TEST_MAX: usize = 10;

/// An outreach of a campaign.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct OutreachView {
    /// Its name.
    #[schema(value_type = String)]
    pub name: OutreachName,
    /// What it says and to whom; none: a later revision of the campaign has it no more.
    pub outreach: Option<Outreach>,
    /// How it stands; none: it was never started.
    pub run: Option<OutreachRow>,
    /// How many recipients there are, by text and by what became of them.
    pub counts: Vec<OutreachCount>,
    /// When the next of those who wait may be sent to.
    #[schema(value_type = Option<i64>)]
    pub next_at: Option<Timestamp>,
    /// What would keep it from sending now.
    pub obstacle: Option<String>,
}

/// What an outreach would send, and for how much.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct AudienceView {
    /// What it would send.
    #[serde(flatten)]
    pub seen: AudienceSeen,
    /// What the SMS of those who were looked at cost, by the campaign's `costs.per_sms`; none: it says no price.
    pub cost: Option<f64>,
}

/// Starting an outreach.
#[derive(Clone, Copy, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartRequest {
    /// Although nobody is in the audience yet, or a column is not on the list.
    #[serde(default)]
    pub anyway: bool,
}

/// Messages that show what an outreach would say.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestRequest {
    /// Numbers of your own, in international form or with `region`; at most 10.
    pub numbers: Vec<String>,
    /// Region of numbers without a country code, as two letters.
    pub region: Option<String>,
    /// Which text; the first without it.
    #[schema(value_type = Option<String>)]
    pub variant: Option<OutreachName>,
    /// In which language; the usual one without it.
    pub language: Option<String>,
}

/// Which recipients.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RecipientQuery {
    /// Only those who wait (`waiting`), who were left out (`skipped`, or why: `blank`, `too_long`, `landline`, `replied`,
    /// `not_open`, `no_hours`, `too_late`), or whose message is like this (`queued`, `sent`, `delivered`…).
    pub state: Option<String>,
    /// Only those of this text.
    pub variant: Option<String>,
    /// Only those after this one.
    #[param(value_type = Option<String>)]
    pub after: Option<LeadId>,
    /// At most so many, 50 without it, 500 at most.
    pub limit: Option<usize>,
}

impl WebState {
    async fn campaign_row(&self, key: &CampaignKey) -> Result<CampaignRow, Problem> {
        self.records.campaign_row(key).await?.ok_or_else(|| no_campaign(key))
    }

    /// The day by the installation's calendar.
    fn today(&self) -> Date {
        let zone = Zone::named(&self.settings().engine.zone).unwrap_or_else(|_| Zone::utc());
        zone.date(self.now().timestamp)
    }

    /// How it sends, or will once its first day has come; `otherwise` is said before what keeps it from that.
    fn way(&self, row: &CampaignRow, name: &OutreachName, otherwise: &str) -> Result<Way, Problem> {
        let found = prepared(&row.campaign, row.state, name, &self.settings().known, self.today());
        found.map(|(_, way)| way).map_err(|held| Problem::new(Kind::Conflict, format!("{otherwise}: {held}")))
    }
}

fn outreach_of<'c>(row: &'c CampaignRow, name: &OutreachName) -> Result<&'c Outreach, Problem> {
    named(&row.campaign, name).map_err(|error| Problem::new(Kind::NotFound, error.to_string()))
}

/// The outreaches of a campaign, how far each is, and what keeps it from sending.
#[utoipa::path(get, path = "/campaigns/{key}/outreaches", tag = "outreach", params(("key" = String, Path)),
    security(("session" = ["manager", "operator"])), responses((status = 200, body = Vec<OutreachView>)))]
pub async fn outreaches(
    State(state): State<WebState>,
    _user: Can<Steerers>,
    Named(key): Named<CampaignKey>,
) -> Result<Json<Vec<OutreachView>>, Problem> {
    let campaign = state.campaign_row(&key).await?;
    let mut runs = state.records.outreaches(&key).await?;
    let mut views = Vec::new();
    for (name, outreach) in &campaign.campaign.outreach {
        let run = runs.iter().position(|run| run.name == *name).map(|at| runs.remove(at));
        views.push(state.outreach_view(&campaign, name, Some(outreach.clone()), run).await?);
    }
    for run in runs {
        let name = run.name.clone();
        views.push(state.outreach_view(&campaign, &name, None, Some(run)).await?);
    }
    Ok(Json(views))
}

impl WebState {
    async fn outreach_view(
        &self,
        campaign: &CampaignRow,
        name: &OutreachName,
        outreach: Option<Outreach>,
        run: Option<OutreachRow>,
    ) -> Result<OutreachView, Problem> {
        let key = &campaign.campaign.key;
        let (counts, next_at) = match &run {
            Some(_) => self.records.outreach_progress(key, name).await?,
            None => (Vec::new(), None),
        };
        let held = ready(&campaign.campaign, campaign.state, name, &self.settings().known, self.today()).err();
        let obstacle = held.map(|held| held.to_string());
        Ok(OutreachView { name: name.clone(), outreach, run, counts, next_at, obstacle })
    }
}

/// What an outreach would send, to how many, and to whom not: from the first 20,000 leads of the campaign. Nothing is sent.
#[utoipa::path(get, path = "/campaigns/{key}/outreaches/{name}/audience", tag = "outreach",
    params(("key" = String, Path), ("name" = String, Path)), security(("session" = ["manager", "operator"])),
    responses((status = 200, body = AudienceView)))]
pub async fn audience(
    State(state): State<WebState>,
    _user: Can<Steerers>,
    NamedIn(key, name): NamedIn<CampaignKey, OutreachName>,
) -> Result<Json<AudienceView>, Problem> {
    let campaign = state.campaign_row(&key).await?;
    let outreach = outreach_of(&campaign, &name)?;
    let link = link_address(state.settings().landing_url.as_deref(), TOKEN_SAMPLE);
    let link = link.unwrap_or_else(|_| LINK_SAMPLE.to_owned());
    let seen = state.records.audience(&key, &name, outreach, &link, LOOKED_AT_MAX).await?;
    let cost = seen.cost(campaign.campaign.costs.per_sms);
    Ok(Json(AudienceView { seen, cost }))
}

/// Start an outreach, or go on with it. Nobody who had a message gets another one. It sends as hours and gateway allow.
#[utoipa::path(post, path = "/campaigns/{key}/outreaches/{name}/start", tag = "outreach",
    params(("key" = String, Path), ("name" = String, Path)), request_body = StartRequest,
    security(("session" = ["manager"])), responses((status = 200, body = OutreachRow)))]
pub async fn start_outreach(
    State(state): State<WebState>,
    user: Can<Managers>,
    NamedIn(key, name): NamedIn<CampaignKey, OutreachName>,
    Sent(request): Sent<StartRequest>,
) -> Result<Json<OutreachRow>, Problem> {
    let campaign = state.campaign_row(&key).await?;
    let outreach = outreach_of(&campaign, &name)?;
    state.way(&campaign, &name, "the outreach cannot start")?;
    if !request.anyway {
        let seen = state.records.audience(&key, &name, outreach, LINK_SAMPLE, LOOKED_AT_MAX).await?;
        if let Some(obstacle) = seen.obstacle(outreach) {
            return Err(Problem::new(Kind::Conflict, obstacle));
        }
    }
    let row = state.records.start_outreach(&key, &name, &user.login, state.now().timestamp).await?;
    state.audit(&user, "outreach_started", key.as_str(), name.as_str()).await;
    Ok(Json(row))
}

/// Pause an outreach. What no gateway has begun to send does not leave until it is started again.
#[utoipa::path(post, path = "/campaigns/{key}/outreaches/{name}/pause", tag = "outreach",
    params(("key" = String, Path), ("name" = String, Path)), security(("session" = ["manager", "operator"])),
    responses((status = 200, body = OutreachRow)))]
pub async fn pause_outreach(
    State(state): State<WebState>,
    user: Can<Steerers>,
    NamedIn(key, name): NamedIn<CampaignKey, OutreachName>,
) -> Result<Json<OutreachRow>, Problem> {
    let row = state.records.pause_outreach(&key, &name, &user.login, state.now().timestamp).await?;
    let row = row.ok_or_else(|| Problem::new(Kind::NotFound, format!("the outreach `{name}` was never started")))?;
    state.audit(&user, "outreach_paused", key.as_str(), name.as_str()).await;
    Ok(Json(row))
}

/// Send a text to numbers of your own, as the first of the audience would get it. Tests count for nothing.
#[utoipa::path(post, path = "/campaigns/{key}/outreaches/{name}/test", tag = "outreach",
    params(("key" = String, Path), ("name" = String, Path)), request_body = TestRequest,
    security(("session" = ["manager"])), responses((status = 201, body = Vec<String>)))]
pub async fn test_outreach(
    State(state): State<WebState>,
    user: Can<Managers>,
    NamedIn(key, name): NamedIn<CampaignKey, OutreachName>,
    Sent(request): Sent<TestRequest>,
) -> Result<(StatusCode, Json<Vec<MessageId>>), Problem> {
    let campaign = state.campaign_row(&key).await?;
    let outreach = outreach_of(&campaign, &name)?;
    if request.numbers.is_empty() || request.numbers.len() > TEST_MAX {
        let says = format!("there are {} numbers; expected 1 to {TEST_MAX}", request.numbers.len());
        return Err(Problem::field("/numbers", "out_of_range", says));
    }
    let now = state.now().timestamp;
    let mut numbers = Vec::new();
    for (place, number) in request.numbers.iter().enumerate() {
        let pointer = format!("/numbers/{place}");
        let number = state.dialable(number, request.region.as_deref(), &pointer)?;
        if state.records.is_suppressed(&number, Some(&key), now).await? {
            let says = format!("{number} is suppressed: no message leaves for it");
            return Err(Problem::field(&pointer, "suppressed", says));
        }
        numbers.push(number);
    }
    let way = state.way(&campaign, &name, "nothing can be sent")?;
    let test = TestSend { variant: request.variant.clone(), language: request.language, numbers };
    let sent = state.records.test_outreach((&key, &name), (outreach, &way), test, &user.login, now).await?;
    let sent = sent.ok_or_else(|| {
        let names: Vec<&str> = outreach.variants.keys().map(OutreachName::as_str).collect();
        Problem::field("/variant", "unknown_name", format!("expected one of: {}", names.join(", ")))
    })?;
    Ok((StatusCode::CREATED, Json(sent)))
}

/// Recipients, in the order of their leads.
#[utoipa::path(get, path = "/campaigns/{key}/outreaches/{name}/recipients", tag = "outreach",
    params(("key" = String, Path), ("name" = String, Path), RecipientQuery), security(("session" = ["manager"])),
    responses((status = 200, body = Vec<RecipientRow>)))]
pub async fn recipients(
    State(state): State<WebState>,
    _user: Can<Managers>,
    NamedIn(key, name): NamedIn<CampaignKey, OutreachName>,
    Asked(query): Asked<RecipientQuery>,
) -> Result<Json<Vec<RecipientRow>>, Problem> {
    let asked = query.state.unwrap_or_default();
    if !asked.is_empty() && !STATES.contains(&asked.as_str()) {
        return Err(Problem::field("/state", "bad_value", format!("expected one of: {}", STATES.join(", "))));
    }
    let limit = query.limit.unwrap_or(PAGE_USUAL).clamp(1, PAGE_MAX);
    let variant = query.variant.unwrap_or_default();
    state.records.recipients((&key, &name), (&asked, &variant), query.after, limit).await.map(Json)
}
