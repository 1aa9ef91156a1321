//! The agent's desk: signing in, acting, and what is on the screen.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

use super::WebState;
use super::access::{Agents, Can};
use super::body::Sent;
use super::customers::{Customer, LeadDetail};
use super::problem::{Kind, Problem};
use super::suppressions::check_note;
use crate::engine::event::{AgentAction, RecordedOutcome};
use crate::model::agent::{AgentView, DeskCall, DeskPreview};
use crate::model::attempt::CallRef;
use crate::model::campaign::Campaign;
use crate::model::id::{LeadId, SessionId};
use crate::model::lead::Callback;
use crate::model::name::{CampaignKey, GroupName};
use crate::model::order::{AskedOrder, ITEMS_MAX};
use crate::model::phone::PhoneNumber;

/// Most answers in one result: more questions than a campaign may ask.
const ANSWERS_MAX: usize = 200;

/// Where an agent signs in.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInRequest {
    /// Groups to work for; all the user's groups without it.
    pub groups: Option<Vec<GroupName>>,
}

/// A desk of one's own.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct SignInAnswer {
    /// Goes with each action and with the socket; a newer sign-in replaces it.
    pub session: SessionId,
    /// What is on the screen.
    pub desk: Desk,
}

/// What is on an agent's screen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Desk {
    /// The agent; `null` while not signed in.
    pub view: Option<AgentView>,
    /// The lead of the call at hand, or the one that the agent sees before a call.
    pub lead: Option<LeadDetail>,
    /// Its campaign, with script, questionnaire and results.
    pub campaign: Option<Campaign>,
    /// The history of its number.
    pub customer: Option<Customer>,
}

/// What an agent does.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActRequest {
    /// The desk's session, from signing in.
    pub session: SessionId,
    /// What.
    pub action: DeskAction,
}

/// What can be done at the desk.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", tag = "action", deny_unknown_fields)]
pub enum DeskAction {
    /// Willing to take calls.
    Ready {},
    /// Paused, at once or after the call at hand.
    NotReady {
        /// One of `/settings/reasons`.
        reason: String,
    },
    /// End the customer's call.
    HangUp {},
    /// Call the lead that is on the desk.
    StartCall {
        /// The lead, from the desk's `preview`.
        lead: LeadId,
    },
    /// Pass over the lead that is on the desk; the next one comes.
    SkipLead {
        /// The lead, from the desk's `preview`.
        lead: LeadId,
        /// One of the `skip_reasons` of the campaign's pacing.
        reason: String,
    },
    /// Record the result of the call at hand or being wrapped up.
    Record {
        /// The call.
        call: CallRef,
        /// What is recorded.
        outcome: Outcome,
    },
    /// Double the wrap-up time, once per call.
    ExtendWrapUp {},
    /// Leave. Refused during a call.
    SignOut {},
}

/// What an agent records.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The key of one of the campaign's results; for a plain inbound call, a disposition.
    pub result: String,
    /// Answers by question key, as text.
    #[serde(default)]
    pub answers: BTreeMap<String, String>,
    /// Free text.
    #[serde(default)]
    pub note: String,
    /// A later call that was agreed.
    pub callback: Option<PromisedCall>,
    /// What the customer ordered, with a result that means accepted; without it what the campaign's `order` has usually.
    pub order: Option<Ordered>,
}

/// What a customer ordered.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ordered {
    /// Names of the campaign's items, and how many of each.
    pub items: Vec<OrderedItem>,
    /// Who takes it.
    #[serde(default)]
    pub recipient: String,
    /// Where to.
    #[serde(default)]
    pub address: String,
    /// What else is to be known.
    #[serde(default)]
    pub note: String,
}

/// How many of an item.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderedItem {
    /// Its name.
    pub name: String,
    /// How many; 0: none.
    pub quantity: u32,
}

/// A later call that was agreed.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PromisedCall {
    /// When.
    #[schema(value_type = i64)]
    pub at: crate::model::time::Timestamp,
    /// By the same agent; else by anyone of the group.
    #[serde(default)]
    pub personal: bool,
}

/// Sign in to take calls. A desk that is open elsewhere is replaced.
#[utoipa::path(post, path = "/desk/sign-in", tag = "desk", request_body = SignInRequest,
    security(("session" = ["agent"])), responses((status = 200, body = SignInAnswer)))]
pub async fn desk_sign_in(
    State(state): State<WebState>,
    user: Can<Agents>,
    Sent(request): Sent<SignInRequest>,
) -> Result<Json<SignInAnswer>, Problem> {
    let groups = request.groups.unwrap_or_else(|| user.groups.clone());
    if let Some(index) = groups.iter().position(|group| !user.groups.contains(group)) {
        let detail = format!("you do not belong to the agent group `{}`", groups[index]);
        return Err(Problem::field(&format!("/groups/{index}"), "unknown_group", detail));
    }
    if groups.is_empty() {
        return Err(Problem::new(Kind::Conflict, "you belong to no agent group; ask a manager"));
    }
    let device = user.device.clone().ok_or_else(|| {
        Problem::new(Kind::NoPhone, "no phone is assigned to you; ask a manager to assign one of the configuration's")
    })?;
    let now = state.now().timestamp;
    let session = SessionId(state.mint(now));
    let (name, login) = (user.name.clone(), user.login.clone());
    state.handle.sign_in(now, user.id, session, name, login, groups, device).await?;
    state.desks.signed_in(user.id, session);
    let desk = on_screen(&state, user.id).await?;
    Ok(Json(SignInAnswer { session, desk }))
}

/// Act at the desk. Answered when it is durable; a refusal has the code of what stands against it.
#[utoipa::path(post, path = "/desk/act", tag = "desk", request_body = ActRequest, security(("session" = ["agent"])),
    responses((status = 204)))]
pub async fn desk_act(
    State(state): State<WebState>,
    user: Can<Agents>,
    Sent(request): Sent<ActRequest>,
) -> Result<StatusCode, Problem> {
    let action = engine_action(request.action, &user.login, &state)?;
    let skipped = match &action {
        AgentAction::SkipLead { lead, reason } => Some((lead.to_string(), reason.clone())),
        _ => None,
    };
    state.handle.act(state.now().timestamp, user.id, request.session, action).await?;
    if let Some((lead, reason)) = skipped {
        state.audit(&user, "lead_skipped", &lead, &reason).await;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// What is on the screen.
#[utoipa::path(get, path = "/desk", tag = "desk", security(("session" = ["agent"])),
    responses((status = 200, body = Desk)))]
pub async fn desk(State(state): State<WebState>, user: Can<Agents>) -> Result<Json<Desk>, Problem> {
    on_screen(&state, user.id).await.map(Json)
}

/// Reasons an agent may give for a pause.
#[utoipa::path(get, path = "/settings/reasons", tag = "desk", security(("session" = ["agent"])),
    responses((status = 200, body = Vec<String>)))]
pub async fn pause_reasons(State(state): State<WebState>, _user: Can<Agents>) -> Json<Vec<String>> {
    Json(state.settings().not_ready_reasons.clone())
}

/// The desk of a user, with what the store knows about the call at hand.
pub(super) async fn on_screen(state: &WebState, user: crate::model::id::UserId) -> Result<Desk, Problem> {
    let view = state.handle.desk(user).borrow().clone();
    let mut desk = match view.as_deref().and_then(About::of) {
        Some(about) => about.read(state).await?,
        None => Desk::default(),
    };
    desk.view = view.map(Arc::unwrap_or_clone);
    Ok(desk)
}

/// Whom a desk is about: the customer of the call at hand, or of the lead that the agent sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct About {
    /// The call, and whether its result is recorded: what is read may be another then.
    call: Option<(CallRef, bool)>,
    lead: Option<LeadId>,
    campaign: Option<CampaignKey>,
    number: Option<PhoneNumber>,
}

impl About {
    /// Nobody without a call or a lead.
    pub(super) fn of(view: &AgentView) -> Option<About> {
        let of_call = |call: &DeskCall| About {
            call: Some((call.call, call.recorded)),
            lead: call.lead,
            campaign: call.campaign.clone(),
            number: call.number.clone(),
        };
        let of_preview = |preview: &DeskPreview| About {
            call: None,
            lead: Some(preview.lead),
            campaign: Some(preview.campaign.clone()),
            number: preview.number.clone(),
        };
        view.call.as_ref().map(of_call).or_else(|| view.preview.as_ref().map(of_preview))
    }

    /// Lead, campaign and history; the view is left empty.
    pub(super) async fn read(&self, state: &WebState) -> Result<Desk, Problem> {
        let lead = match self.lead {
            Some(lead) => state.records.lead(lead).await?,
            None => None,
        };
        let campaign = match &self.campaign {
            Some(key) => state.records.campaign_definition(key).await?,
            None => None,
        };
        let customer = match &self.number {
            Some(number) => Some(state.records.customer(number).await?),
            None => None,
        };
        Ok(Desk { view: None, lead, campaign, customer })
    }
}

fn engine_action(action: DeskAction, login: &str, state: &WebState) -> Result<AgentAction, Problem> {
    Ok(match action {
        DeskAction::Ready {} => AgentAction::Ready,
        DeskAction::NotReady { reason } => {
            let settings = state.settings();
            if !settings.not_ready_reasons.contains(&reason) {
                let expected = settings.not_ready_reasons.join(", ");
                let detail = format!("`{reason}` is not one of the reasons: {expected}");
                return Err(Problem::field("/action/reason", "unknown_reason", detail));
            }
            AgentAction::NotReady { reason }
        }
        DeskAction::HangUp {} => AgentAction::HangUp,
        DeskAction::StartCall { lead } => AgentAction::StartCall { lead },
        DeskAction::SkipLead { lead, reason } => AgentAction::SkipLead { lead, reason },
        DeskAction::Record { call, outcome } => {
            AgentAction::Record { call, outcome: recorded_outcome(outcome, login)? }
        }
        DeskAction::ExtendWrapUp {} => AgentAction::ExtendWrapUp,
        DeskAction::SignOut {} => AgentAction::SignOut,
    })
}

fn recorded_outcome(outcome: Outcome, login: &str) -> Result<RecordedOutcome, Problem> {
    let Outcome { result, answers, note, callback, order } = outcome;
    check_note(&note, "/action/outcome/note")?;
    if answers.len() > ANSWERS_MAX {
        let detail = format!("{} answers; expected at most {ANSWERS_MAX}", answers.len());
        return Err(Problem::field("/action/outcome/answers", "too_many", detail));
    }
    let callback =
        callback.map(|promised| Callback { at: promised.at, agent: promised.personal.then(|| login.to_owned()) });
    if let Some(order) = order.as_ref().filter(|order| order.items.len() > ITEMS_MAX) {
        let detail = format!("{} items; expected at most {ITEMS_MAX}", order.items.len());
        return Err(Problem::field("/action/outcome/order/items", "too_many", detail));
    }
    let order = order.map(|Ordered { items, recipient, address, note }| AskedOrder {
        items: items.into_iter().map(|item| (item.name, item.quantity)).collect(),
        recipient,
        address,
        note,
    });
    Ok(RecordedOutcome { result, answers, note, callback, order })
}
