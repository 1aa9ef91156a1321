//! What happened with a customer, as pages show it: attempts, results, inbound calls. And who may see the number.

use serde::Serialize;
use std::collections::BTreeMap;

use super::recordings::RecordingView;
use crate::model::attempt::{CallRef, InboundOutcome};
use crate::model::disposition::Disposition;
use crate::model::id::{AttemptId, InboundId, LeadId, UserId};
use crate::model::name::{CampaignKey, QueueName, TrunkName};
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;

/// A phone number as the asker may see it: whole, or masked like `+86138****8000`.
#[derive(Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(value_type = String)]
pub struct ShownNumber(String);

impl ShownNumber {
    /// As it is shown.
    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// Masks it; a number that is masked already stays as it is.
    pub fn mask(&mut self) {
        if let Ok(number) = PhoneNumber::from_e164(&self.0) {
            self.0 = number.masked();
        }
    }
}

impl From<&PhoneNumber> for ShownNumber {
    fn from(number: &PhoneNumber) -> ShownNumber {
        ShownNumber(number.as_str().to_owned())
    }
}

/// Masked, so that a log does not tell a customer's number.
impl std::fmt::Debug for ShownNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = self.clone();
        shown.mask();
        f.write_str(&shown.0)
    }
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct AttemptView {
    /// Its id.
    pub id: AttemptId,
    /// Whose.
    pub campaign: CampaignKey,
    /// For which lead.
    pub lead: LeadId,
    /// The number, masked where the asker may not see it.
    pub number: ShownNumber,
    /// The trunk it was meant for.
    pub trunk: TrunkName,
    /// When its intent was recorded.
    pub at: Timestamp,
    /// When it first rang.
    pub rang_at: Option<Timestamp>,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// When an agent was connected.
    pub connected_at: Option<Timestamp>,
    /// When it was over; `null` while it is on its way.
    pub ended_at: Option<Timestamp>,
    /// The agent that was connected.
    pub agent: Option<UserId>,
    /// The outcome that counts: the agent's if one was recorded, else the network's.
    pub disposition: Option<Disposition>,
    /// The network's outcome.
    pub network_disposition: Option<Disposition>,
    /// The campaign's own name of the agent's result.
    pub result: Option<String>,
    /// The final SIP status where there was one.
    pub sip_status: Option<u16>,
    /// The recording, or why there is none; `null` for a call that reached no agent or was not to be recorded.
    pub recording: Option<RecordingView>,
}

impl AttemptView {
    /// Masks the number.
    pub fn mask(&mut self) {
        self.number.mask();
    }
}

/// What an agent recorded.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ResultView {
    /// About which call.
    pub call: CallRef,
    /// Of which campaign.
    pub campaign: Option<CampaignKey>,
    /// By whom.
    pub agent: UserId,
    /// The campaign's own name of the result.
    pub result: String,
    /// What it means.
    pub disposition: Disposition,
    /// Answers by question key.
    pub answers: BTreeMap<String, String>,
    /// Free text.
    pub note: String,
    /// When.
    pub at: Timestamp,
}

/// An inbound call.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct InboundView {
    /// Its id.
    pub id: InboundId,
    /// The queue it waited in.
    pub queue: Option<QueueName>,
    /// The campaign whose call the customer returned.
    pub campaign: Option<CampaignKey>,
    /// When it arrived.
    pub offered_at: Timestamp,
    /// When an agent was connected.
    pub connected_at: Option<Timestamp>,
    /// When it was over; `null` while it is up and being recorded.
    pub ended_at: Option<Timestamp>,
    /// How it ended; `null` while it is up.
    pub outcome: Option<InboundOutcome>,
    /// The recording, or why there is none; `null` for a call that reached no agent or was not to be recorded.
    pub recording: Option<RecordingView>,
}
