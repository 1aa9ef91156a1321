//! Campaigns: what they are, how they stand, and starting, pausing and changing them.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::WebState;
use super::access::{Anyone, Can, Managers, Steerers, Watchers};
use super::body::{Asked, Named, Sent};
use super::groups::{ChangeView, ChangesQuery};
use super::history::AttemptView;
use super::problem::{ErrorItem, Kind, Problem};
use super::validators::{self, BasedOn};
use crate::engine::event::DayCounts;
use crate::engine::snapshot::CampaignView;
use crate::model::campaign::{Campaign, CampaignState};
use crate::model::changes::Differences;
use crate::model::decision::Decision;
use crate::model::name::{CampaignKey, GroupName};
use crate::model::profile::Profile;
use crate::model::time::Timestamp;
use crate::runtime::handle::Sorting;
use crate::store::RevisionRow;

/// Decisions of a page when no number is asked for: some minutes.
const DECISIONS_DEFAULT: u32 = 200;
/// Most decisions of a page: as many points as a chart shows.
const DECISIONS_MAX: u32 = 1000;

/// Leads by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct LeadCounts {
    /// May be dialled when due.
    pub open: u64,
    /// An attempt is on its way.
    pub dialling: u64,
    /// A callback was agreed.
    pub callback: u64,
    /// Reached, nothing left to do.
    pub done: u64,
    /// Attempts used up, invalid, or suppressed.
    pub given_up: u64,
    /// May be dialled, but the campaign's selection leaves them out.
    pub left_out: u64,
}

/// One campaign in the list.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct CampaignSummary {
    /// Its name.
    #[schema(value_type = String)]
    pub key: CampaignKey,
    /// What people read.
    pub title: String,
    /// Whether it dials.
    pub state: CampaignState,
    /// The agents that work it.
    pub group: GroupName,
    /// The revision in force.
    pub revision: u64,
    /// Its leads.
    pub leads: LeadCounts,
    /// Counts of today.
    pub today: DayCounts,
    /// Its live figures; `null` when the dialer does not have it.
    pub view: Option<CampaignView>,
}

/// One applied text of a campaign.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct RevisionView {
    /// Counted from 1.
    pub revision: u64,
    /// Who applied it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why, as they said.
    pub why: String,
}

/// Everything about one campaign.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct CampaignDetail {
    /// The definition in force.
    pub campaign: Campaign,
    /// Whether it dials.
    pub state: CampaignState,
    /// Who set that; `dialer` where it was paused by itself.
    pub state_by: String,
    /// When.
    pub state_at: Timestamp,
    /// Why, as they said; `recording_disk` and `recording_disk_full` where it was paused because a recording failed.
    pub state_why: String,
    /// The revision in force.
    pub revision: u64,
    /// All revisions, latest first.
    pub revisions: Vec<RevisionView>,
    /// The text in force, as it was written.
    pub text: String,
    /// Its leads.
    pub leads: LeadCounts,
    /// How far they are sorted after their selection changed; `null` when they are.
    pub sorting: Option<Sorting>,
    /// Ended attempts by outcome, since the beginning.
    pub totals: BTreeMap<String, u64>,
    /// The compliance profile it is held to; `null` when it is not configured any more.
    pub profile: Option<Profile>,
}

/// A campaign's text to be applied.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CampaignText {
    /// The file's text (TOML).
    pub text: String,
    /// Why it is changed; kept with the revision.
    #[serde(default)]
    pub why: String,
}

/// What became of an applied text.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct CampaignApplied {
    /// The campaign.
    pub key: CampaignKey,
    /// The revision in force.
    pub revision: u64,
    /// Whether the text differed from the one before.
    pub changed: bool,
    /// Its live state, which applying does not change.
    pub state: CampaignState,
}

/// A campaign's text to be checked.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CampaignCheck {
    /// The file's text (TOML).
    pub text: String,
    /// The name of the file, for the errors.
    pub file: Option<String>,
}

/// What is wrong with a text.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct CampaignChecked {
    /// Nothing is.
    pub ok: bool,
    /// Every error, with its place.
    pub errors: Vec<ErrorItem>,
    /// The campaign as it would be, when nothing is wrong.
    pub campaign: Option<Campaign>,
    /// What would change, when nothing is wrong; against nothing for a new campaign.
    pub differences: Option<Differences>,
    /// The revision in force that it was compared with; `null` for a new campaign.
    pub revision: Option<u64>,
}

/// One applied text, whole.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct RevisionDetail {
    /// Counted from 1.
    pub revision: u64,
    /// Who applied it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why, as they said.
    pub why: String,
    /// The text, as it was written.
    pub text: String,
}

/// Which text.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct TextQuery {
    /// Of which revision; without it, of the one in force.
    pub revision: Option<u64>,
}

/// Which revisions are compared.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct CompareQuery {
    /// The earlier one; without it, the one before `to`.
    pub from: Option<u64>,
    /// The later one; without it, the one in force.
    pub to: Option<u64>,
}

/// What two revisions differ in.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Compared {
    /// The earlier one; 0 for what was before the first.
    pub from: u64,
    /// The later one.
    pub to: u64,
    /// What differs.
    pub differences: Differences,
}

/// A change of a campaign's live state.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StateChange {
    /// What it becomes.
    pub state: WantedState,
}

/// The states that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WantedState {
    /// Dial when it may.
    Running,
    /// Dial nothing; calls that are up go on.
    Paused,
    /// Over.
    Ended,
}

impl From<WantedState> for CampaignState {
    fn from(wanted: WantedState) -> CampaignState {
        match wanted {
            WantedState::Running => CampaignState::Running,
            WantedState::Paused => CampaignState::Paused,
            WantedState::Ended => CampaignState::Ended,
        }
    }
}

/// One page of attempts, latest first.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct AttemptPage {
    /// The attempts.
    pub items: Vec<AttemptView>,
    /// Give it as `cursor` for the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// Which decisions.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct DecisionQuery {
    /// Taken at this time or later, in ms since 1970; as far back as they are kept without it.
    pub from: Option<i64>,
    /// Taken before this time, in ms since 1970; until now without it.
    pub to: Option<i64>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// At most this many; 200 without it, 1,000 at most.
    pub limit: Option<u32>,
}

/// One page of decisions, latest first.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct DecisionPage {
    /// The decisions.
    pub items: Vec<Decision>,
    /// Give it as `cursor` for the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// All campaigns.
#[utoipa::path(get, path = "/campaigns", tag = "campaigns",
    security(("session" = ["manager", "marketing", "operator"])), responses((status = 200, body = Vec<CampaignSummary>)))]
pub async fn campaigns(
    State(state): State<WebState>,
    _user: Can<Watchers>,
) -> Result<Json<Vec<CampaignSummary>>, Problem> {
    let mut summaries = state.records.campaigns(state.today_from(), state.now().timestamp).await?;
    let snapshot = state.handle.snapshot();
    for summary in &mut summaries {
        if let Some(view) = snapshot.campaigns.iter().find(|view| view.campaign == summary.key) {
            summary.state = view.state;
            summary.today = view.today.clone();
            summary.view = Some(view.clone());
        }
    }
    Ok(Json(summaries))
}

/// One campaign.
#[utoipa::path(get, path = "/campaigns/{key}", tag = "campaigns", params(("key" = String, Path)),
    security(("session" = ["manager", "agent", "marketing", "operator"])), responses((status = 200, body = CampaignDetail)))]
pub async fn campaign(
    State(state): State<WebState>,
    _user: Can<Anyone>,
    Named(key): Named<CampaignKey>,
) -> Result<Json<CampaignDetail>, Problem> {
    let (today_from, now) = (state.today_from(), state.now().timestamp);
    let mut detail = state.records.campaign(&key, today_from, now).await?.ok_or_else(|| no_campaign(&key))?;
    let settings = state.settings();
    detail.profile = settings.engine.profiles.get(&detail.campaign.profile).cloned();
    if let Some(view) = state.handle.snapshot().campaigns.iter().find(|view| view.campaign == key) {
        detail.state = view.state;
    }
    detail.sorting = state.handle.sorting(&key);
    Ok(Json(detail))
}

/// Check and apply a text. The campaign's live state stays as it is; a new campaign starts as `ready`. With `If-Match` only where
/// that revision is in force. The text that is in force already is no change, whatever it was based on.
#[utoipa::path(put, path = "/campaigns/{key}", tag = "campaigns", params(("key" = String, Path),
    ("If-Match" = Option<String>, Header, description = "the tag of the revision that was changed, \"revision-N\", or *"),
    ("If-None-Match" = Option<String>, Header, description = "*: only where there is no such campaign")),
    request_body = CampaignText, security(("session" = ["manager"])), responses((status = 200, body = CampaignApplied)))]
pub async fn apply_campaign(
    State(state): State<WebState>,
    user: Can<Managers>,
    Named(key): Named<CampaignKey>,
    BasedOn(base): BasedOn,
    Sent(sent): Sent<CampaignText>,
) -> Result<([(HeaderName, String); 1], Json<CampaignApplied>), Problem> {
    let file = format!("{key}.toml");
    let campaign = state.read_campaign(&sent.text, &file).map_err(bad_campaign)?;
    if campaign.key != key {
        let detail = format!("the text defines `{}`, the address says `{key}`", campaign.key);
        return Err(Problem::field("/text", "other_key", detail));
    }
    let now = state.now().timestamp;
    let applied = state.records.apply_campaign(&campaign, &sent.text, base, (&user.login, &sent.why), now).await?;
    // Told again even without a change: an engine that missed it before gets it now.
    state.handle.campaign_applied(campaign.into(), applied.state)?;
    Ok((validators::of_revision(applied.revision), Json(applied)))
}

/// Check a text without applying it, and tell what it would change.
#[utoipa::path(post, path = "/campaigns/check", tag = "campaigns", request_body = CampaignCheck,
    security(("session" = ["manager"])), responses((status = 200, body = CampaignChecked)))]
pub async fn check_campaign(
    State(state): State<WebState>,
    _user: Can<Managers>,
    Sent(sent): Sent<CampaignCheck>,
) -> Result<Json<CampaignChecked>, Problem> {
    let file = sent.file.as_deref().unwrap_or("campaign.toml");
    let campaign = match state.read_campaign(&sent.text, file) {
        Ok(campaign) => campaign,
        Err(errors) => {
            let checked = CampaignChecked { ok: false, errors, campaign: None, differences: None, revision: None };
            return Ok(Json(checked));
        }
    };
    let (revision, differences) = state.records.plan(&campaign, &sent.text).await?;
    let differences = Some(differences);
    Ok(Json(CampaignChecked { ok: true, errors: Vec::new(), campaign: Some(campaign), differences, revision }))
}

/// A text of a campaign, as it was applied. Its `ETag` is what `If-Match` wants.
#[utoipa::path(get, path = "/campaigns/{key}/text", tag = "campaigns", params(("key" = String, Path), TextQuery),
    security(("session" = ["manager", "marketing", "operator"])), responses((status = 200, body = RevisionDetail)))]
pub async fn campaign_text(
    State(state): State<WebState>,
    _user: Can<Watchers>,
    Named(key): Named<CampaignKey>,
    Asked(query): Asked<TextQuery>,
) -> Result<([(HeaderName, String); 1], Json<RevisionDetail>), Problem> {
    let row = state.records.revision(&key, query.revision).await?.ok_or_else(|| no_campaign(&key))?;
    let RevisionRow { revision, text, applied_by: by, applied_at: at, why, .. } = row;
    Ok((validators::of_revision(revision), Json(RevisionDetail { revision, by, at, why, text })))
}

/// What two revisions of a campaign differ in.
#[utoipa::path(get, path = "/campaigns/{key}/compare", tag = "campaigns",
    params(("key" = String, Path), CompareQuery), security(("session" = ["manager", "marketing", "operator"])),
    responses((status = 200, body = Compared)))]
pub async fn compare_revisions(
    State(state): State<WebState>,
    _user: Can<Watchers>,
    Named(key): Named<CampaignKey>,
    Asked(query): Asked<CompareQuery>,
) -> Result<Json<Compared>, Problem> {
    let compared = state.records.compare(&key, query.from, query.to).await?;
    let (from, to, differences) = compared.ok_or_else(|| no_campaign(&key))?;
    Ok(Json(Compared { from, to, differences }))
}

/// Start, pause or end a campaign. Answered when it is durable.
#[utoipa::path(post, path = "/campaigns/{key}/state", tag = "campaigns", params(("key" = String, Path)),
    request_body = StateChange, security(("session" = ["manager"])), responses((status = 204)))]
pub async fn control_campaign(
    State(state): State<WebState>,
    user: Can<Managers>,
    Named(key): Named<CampaignKey>,
    Sent(change): Sent<StateChange>,
) -> Result<StatusCode, Problem> {
    let now = state.now().timestamp;
    let wanted = CampaignState::from(change.state);
    state.handle.control_campaign(now, &user.login, key, wanted).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who started, paused and ended a campaign, set its limits and applied its texts, latest first.
#[utoipa::path(get, path = "/campaigns/{key}/changes", tag = "campaigns", params(("key" = String, Path), ChangesQuery),
    security(("session" = ["manager", "operator"])), responses((status = 200, body = Vec<ChangeView>)))]
pub async fn campaign_changes(
    State(state): State<WebState>,
    _user: Can<Steerers>,
    Named(key): Named<CampaignKey>,
    Asked(query): Asked<ChangesQuery>,
) -> Result<Json<Vec<ChangeView>>, Problem> {
    if !state.records.campaign_exists(&key).await? {
        return Err(no_campaign(&key));
    }
    state
        .records
        .changes(key.as_str(), &["campaign_state", "campaign_applied", "campaign_limits"], &query)
        .await
        .map(Json)
}

/// Why a campaign dialled as much as it did, latest first: at most one decision a second, kept for the days of
/// `retention.decisions_days`.
#[utoipa::path(get, path = "/campaigns/{key}/decisions", tag = "campaigns",
    params(("key" = String, Path), DecisionQuery), security(("session" = ["manager", "marketing", "operator"])),
    responses((status = 200, body = DecisionPage)))]
pub async fn campaign_decisions(
    State(state): State<WebState>,
    _user: Can<Watchers>,
    Named(key): Named<CampaignKey>,
    Asked(query): Asked<DecisionQuery>,
) -> Result<Json<DecisionPage>, Problem> {
    let limit = query.limit.unwrap_or(DECISIONS_DEFAULT);
    if !(1..=DECISIONS_MAX).contains(&limit) {
        return Err(Problem::new(Kind::BadQuery, format!("limit is {limit}; expected 1 to {DECISIONS_MAX}")));
    }
    let (from, to) = (query.from.unwrap_or(i64::MIN), query.to.unwrap_or(i64::MAX));
    if from >= to {
        return Err(Problem::new(Kind::BadQuery, format!("from is {from} and to is {to}; expected from before to")));
    }
    if !state.records.campaign_exists(&key).await? {
        return Err(no_campaign(&key));
    }
    let (from, to) = (Timestamp::from_millis(from), Timestamp::from_millis(to));
    state.records.decisions(&key, from, to, query.cursor.as_deref(), limit).await.map(Json)
}

/// No campaign has this name.
pub(super) fn no_campaign(key: &CampaignKey) -> Problem {
    Problem::not_found(format!("campaign `{key}`"))
}

fn bad_campaign(errors: Vec<ErrorItem>) -> Problem {
    let count = errors.len();
    let places = if count == 1 { "one place".to_owned() } else { format!("{count} places") };
    Problem::new(Kind::BadCampaign, format!("the text is wrong in {places}; nothing was changed")).with_errors(errors)
}
