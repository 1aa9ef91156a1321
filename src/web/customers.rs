//! One customer: a lead with its history, or all there is about a number.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::collections::BTreeMap;

use super::WebState;
use super::access::{Callers, Can, LeadReaders, Role};
use super::body::{Asked, Named};
use super::consents::ConsentView;
use super::history::{AttemptView, InboundView, ResultView, ShownNumber};
use super::orders::OrderView;
use super::problem::{Kind, Problem};
use super::suppressions::{NumberQuery, SuppressionView};
use crate::model::id::{LeadId, ListId, RegistrationId};
use crate::model::lead::{Callback, LeadState};
use crate::model::name::CampaignKey;
use crate::model::numbers::NumberKind;
use crate::model::time::Timestamp;
use crate::store::{MessageRow, PromiseState, Visits};

/// A lead with all that happened to it.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct LeadDetail {
    /// Its id.
    pub id: LeadId,
    /// Whose.
    pub campaign: CampaignKey,
    /// The list it came with.
    pub list: ListId,
    /// The number, masked where the asker may not see it.
    pub number: ShownNumber,
    /// The customer's name.
    pub name: String,
    /// IANA names of every time zone the number may be in.
    pub zones: Vec<String>,
    /// All numbers of the person in the order of the list, where there are several or one says where it rings.
    pub numbers: Vec<LeadNumber>,
    /// The list's further columns.
    pub extra: BTreeMap<String, String>,
    /// Where it stands.
    pub state: LeadState,
    /// When it may be dialled next.
    pub due_at: Option<Timestamp>,
    /// A promised call.
    pub callback: Option<Callback>,
    /// Attempts, latest first.
    pub attempts: Vec<AttemptView>,
    /// Recorded results, latest first.
    pub results: Vec<ResultView>,
    /// When the customer asked to be called, the last time first.
    pub asked: Vec<AskedView>,
    /// How often the customer opened the campaign's page by a link of their own.
    pub visits: Visits,
}

/// A time that a customer asked to be called.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct AskedView {
    /// Which.
    pub id: RegistrationId,
    /// By which channel.
    pub channel: String,
    /// The customer's own words, where there are any.
    pub words: Option<String>,
    /// When.
    pub asked_at: Timestamp,
    /// The time that the customer wishes to be called at.
    pub preferred_at: Option<Timestamp>,
    /// How the promise of a call stands.
    pub promise: PromiseState,
    /// Until when it was promised.
    pub promised_until: Option<Timestamp>,
}

/// One of a person's numbers.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct LeadNumber {
    /// The number, masked where the asker may not see it.
    pub number: ShownNumber,
    /// Where it rings.
    pub kind: NumberKind,
}

/// A lead as part of a customer's history.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct LeadSummary {
    /// Its id.
    pub id: LeadId,
    /// Whose.
    pub campaign: CampaignKey,
    /// The customer's name in that list.
    pub name: String,
    /// Where it stands.
    pub state: LeadState,
}

/// What is known about a number.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Customer {
    /// The number.
    pub number: ShownNumber,
    /// Leads with this number.
    pub leads: Vec<LeadSummary>,
    /// Attempts to it, latest first.
    pub attempts: Vec<AttemptView>,
    /// Calls from it, latest first.
    pub inbound: Vec<InboundView>,
    /// Recorded results, latest first.
    pub results: Vec<ResultView>,
    /// Entries on the suppression list.
    pub suppressions: Vec<SuppressionView>,
    /// Entries of the consent ledger.
    pub consents: Vec<ConsentView>,
    /// SMS from and to it, latest first.
    pub messages: Vec<MessageRow>,
    /// Orders, latest first.
    pub orders: Vec<OrderView>,
}

/// One lead. Agents see the lead of the call at hand only; marketing sees masked numbers and no names.
#[utoipa::path(get, path = "/leads/{id}", tag = "customers", params(("id" = String, Path)),
    security(("session" = ["manager", "agent", "marketing"])), responses((status = 200, body = LeadDetail)))]
pub async fn lead(
    State(state): State<WebState>,
    user: Can<LeadReaders>,
    Named(id): Named<LeadId>,
) -> Result<Json<LeadDetail>, Problem> {
    if user.role == Role::Agent && state.call_at_hand(user.id).and_then(|call| call.lead) != Some(id) {
        return Err(not_at_hand());
    }
    let mut detail = state.records.lead(id).await?.ok_or_else(|| Problem::not_found(format!("lead `{id}`")))?;
    if user.role == Role::Marketing {
        mask(&mut detail);
    }
    Ok(Json(detail))
}

/// All there is about a number. Agents may ask for the number of the call at hand only.
#[utoipa::path(get, path = "/customers", tag = "customers", params(NumberQuery),
    security(("session" = ["manager", "agent"])), responses((status = 200, body = Customer)))]
pub async fn customer(
    State(state): State<WebState>,
    user: Can<Callers>,
    Asked(query): Asked<NumberQuery>,
) -> Result<Json<Customer>, Problem> {
    let number = state.dialable(&query.number, query.region.as_deref(), "/number")?;
    if user.role == Role::Agent && !state.is_at_hand(user.id, &number) {
        return Err(not_at_hand());
    }
    state.records.customer(&number).await.map(Json)
}

/// Marketing works with figures, not with people: no number, name, further columns, answers or free text.
fn mask(detail: &mut LeadDetail) {
    detail.number.mask();
    detail.numbers.iter_mut().for_each(|one| one.number.mask());
    detail.name = detail.name.chars().take(1).chain("***".chars()).collect();
    detail.extra.clear();
    detail.asked.iter_mut().for_each(|asked| asked.words = None);
    detail.attempts.iter_mut().for_each(AttemptView::mask);
    for result in &mut detail.results {
        result.note.clear();
        result.answers.clear();
    }
}

fn not_at_hand() -> Problem {
    Problem::new(Kind::NotAtHand, "agents see the customer of the call at hand only")
}
