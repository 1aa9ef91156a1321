//! Agent groups and their live controls: what is in force, what the configuration says, who changed what and when.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::WebState;
use super::access::{Can, Steerers};
use super::body::{Asked, Named, Sent};
use super::problem::Problem;
use crate::engine::event::{Configured, GroupChange};
use crate::engine::snapshot::GroupView;
use crate::model::name::GroupName;
use crate::model::settings::{GateMode, GroupSettings, IdleThreshold, IdleThresholdText};
use crate::model::time::Timestamp;

/// Changes of a page where the request names no number, and the most.
const PAGE: usize = 50;
const PAGE_MAX: usize = 500;

/// What can be changed of a group while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ControlName {
    /// Idleness above which outbound slots open.
    IdleThreshold,
    /// The gate closes below threshold minus this.
    Hysteresis,
    /// How long idleness must have exceeded the threshold, in seconds.
    DwellS,
    /// Agents kept out of outbound.
    Reserve,
}

impl ControlName {
    /// All of them, in the order in which they are shown.
    pub const ALL: [ControlName; 4] =
        [ControlName::IdleThreshold, ControlName::Hysteresis, ControlName::DwellS, ControlName::Reserve];

    /// As the audit trail names it.
    pub fn as_str(self) -> &'static str {
        match self {
            ControlName::IdleThreshold => "idle_threshold",
            ControlName::Hysteresis => "hysteresis",
            ControlName::DwellS => "dwell_s",
            ControlName::Reserve => "reserve",
        }
    }

    fn configured(self, settings: &GroupSettings) -> Configured {
        match self {
            ControlName::IdleThreshold => Configured::IdleThreshold(settings.idle_threshold),
            ControlName::Hysteresis => Configured::Hysteresis(settings.hysteresis),
            ControlName::DwellS => Configured::DwellS(settings.dwell_s),
            ControlName::Reserve => Configured::Reserve(settings.reserve),
        }
    }

    fn in_force(self, view: &GroupView) -> IdleThresholdText {
        let number = IdleThresholdText::Number;
        match (self, view.gate_mode) {
            (ControlName::IdleThreshold, GateMode::Number) => number(view.idle_threshold),
            (ControlName::IdleThreshold, GateMode::Auto) => IdleThresholdText::Word("auto".to_owned()),
            (ControlName::IdleThreshold, GateMode::Off) => IdleThresholdText::Word("off".to_owned()),
            (ControlName::Hysteresis, _) => number(view.hysteresis),
            (ControlName::DwellS, _) => number(view.dwell_s),
            (ControlName::Reserve, _) => number(f64::from(view.reserve)),
        }
    }
}

/// As the configuration writes it.
fn written(configured: Configured) -> IdleThresholdText {
    match configured {
        Configured::IdleThreshold(IdleThreshold::Above(idleness)) => IdleThresholdText::Number(idleness),
        Configured::IdleThreshold(IdleThreshold::Auto) => IdleThresholdText::Word("auto".to_owned()),
        Configured::IdleThreshold(IdleThreshold::Off) => IdleThresholdText::Word("off".to_owned()),
        Configured::Hysteresis(value) | Configured::DwellS(value) => IdleThresholdText::Number(value),
        Configured::Reserve(agents) => IdleThresholdText::Number(f64::from(agents)),
    }
}

/// One live control.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ControlView {
    /// Which.
    pub control: ControlName,
    /// What is in force; `null` while the dialer does not have the group.
    pub in_force: Option<IdleThresholdText>,
    /// What the configuration says; `null` where it does not have the group.
    pub configured: Option<IdleThresholdText>,
    /// It is set over the configuration.
    pub set: bool,
    /// Who changed it last; `null`: nobody, as far as the audit trail goes back.
    pub changed_by: Option<String>,
    /// When.
    pub changed_at: Option<Timestamp>,
}

/// One agent group: as it is configured, and as it stands with its live controls.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct GroupDetail {
    /// Its name.
    pub group: GroupName,
    /// What the configuration says.
    pub settings: Option<GroupSettings>,
    /// What is in force, and how it stands.
    pub view: Option<GroupView>,
    /// What can be changed while it runs.
    pub controls: Vec<ControlView>,
}

/// A change of live controls. What is absent stays.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupControlRequest {
    /// 0 to 1.
    pub idle_threshold: Option<f64>,
    /// 0 to 1.
    pub hysteresis: Option<f64>,
    /// Seconds.
    pub dwell_s: Option<f64>,
    /// Agents.
    pub reserve: Option<u32>,
    /// Controls that go back to what the configuration says, now and after each reload.
    #[serde(default)]
    pub to_configuration: Vec<ControlName>,
}

/// Which changes.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ChangesQuery {
    /// Older than this one: the `id` of the last of the page before.
    #[param(value_type = Option<String>)]
    pub before: Option<i64>,
    /// At most so many, 500 at most; 50 without it.
    pub limit: Option<usize>,
}

impl ChangesQuery {
    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX)
    }
}

/// Something that somebody changed, from the audit trail.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ChangeView {
    /// Raised with each change.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// What, as a code: `group_controls`, `campaign_limits`, `campaign_state`, `campaign_applied`.
    pub what: String,
    /// What was set, by control, where live controls were changed; `null`: back to the configuration.
    #[schema(value_type = Object)]
    pub controls: serde_json::Map<String, serde_json::Value>,
    /// The rest, in words.
    pub detail: String,
}

/// One agent group.
#[utoipa::path(get, path = "/groups/{name}", tag = "groups", params(("name" = String, Path)),
    security(("session" = ["manager", "operator"])), responses((status = 200, body = GroupDetail)))]
pub async fn group(
    State(state): State<WebState>,
    _user: Can<Steerers>,
    Named(group): Named<GroupName>,
) -> Result<Json<GroupDetail>, Problem> {
    let settings = state.settings().engine.groups.get(&group).cloned();
    let view = state.handle.snapshot().groups.iter().find(|view| view.group == group).cloned();
    if settings.is_none() && view.is_none() {
        return Err(no_group(&group));
    }
    let marks = state.records.control_marks(&group).await?;
    let controls = ControlName::ALL.map(|control| {
        let mark = marks.get(control.as_str()).cloned().unwrap_or_default();
        ControlView {
            control,
            in_force: view.as_ref().map(|view| control.in_force(view)),
            configured: settings.as_ref().map(|settings| written(control.configured(settings))),
            set: mark.set,
            changed_by: mark.by,
            changed_at: mark.at,
        }
    });
    Ok(Json(GroupDetail { group, settings, view, controls: controls.into() }))
}

/// Change live controls of a group. What is absent stays. Answered when it is durable.
#[utoipa::path(patch, path = "/groups/{name}", tag = "groups", params(("name" = String, Path)),
    request_body = GroupControlRequest, security(("session" = ["manager", "operator"])),
    responses((status = 204)))]
pub async fn change_group(
    State(state): State<WebState>,
    user: Can<Steerers>,
    Named(group): Named<GroupName>,
    Sent(request): Sent<GroupControlRequest>,
) -> Result<StatusCode, Problem> {
    let GroupControlRequest { idle_threshold, hysteresis, dwell_s, reserve, to_configuration } = request;
    let mut back = Vec::new();
    if !to_configuration.is_empty() {
        let settings = state.settings();
        let configured = settings.engine.groups.get(&group).ok_or_else(|| no_group(&group))?;
        for control in ControlName::ALL.into_iter().filter(|control| to_configuration.contains(control)) {
            back.push(control.configured(configured));
        }
        let set = [
            idle_threshold.map(|_| "idle_threshold"),
            hysteresis.map(|_| "hysteresis"),
            dwell_s.map(|_| "dwell_s"),
            reserve.map(|_| "reserve"),
        ];
        if let Some(both) = set.into_iter().flatten().find(|name| back.iter().any(|one| one.name() == *name)) {
            let detail = format!("{both} is set and goes back to the configuration; expected one of them");
            return Err(Problem::field("/to_configuration", "conflict", detail));
        }
    }
    let change = GroupChange { idle_threshold, hysteresis, dwell_s, reserve, back };
    state.handle.control_group(state.now().timestamp, &user.login, group, change).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who changed which live control of a group, latest first.
#[utoipa::path(get, path = "/groups/{name}/changes", tag = "groups", params(("name" = String, Path), ChangesQuery),
    security(("session" = ["manager", "operator"])), responses((status = 200, body = Vec<ChangeView>)))]
pub async fn group_changes(
    State(state): State<WebState>,
    _user: Can<Steerers>,
    Named(group): Named<GroupName>,
    Asked(query): Asked<ChangesQuery>,
) -> Result<Json<Vec<ChangeView>>, Problem> {
    state.records.changes(group.as_str(), &["group_controls"], &query).await.map(Json)
}

fn no_group(group: &GroupName) -> Problem {
    Problem::not_found(format!("agent group `{group}`"))
}
