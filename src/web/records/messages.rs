//! SMS, and what customers ask for by them and elsewhere.

use super::Records;
use crate::model::id::{LeadId, MessageId};
use crate::model::name::{CampaignKey, GatewayName};
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;
use crate::store::{Decided, DecidedBefore, MessageRow, NewMessage, Reading, Registered, Registration, ReviewRow};
use crate::web::problem::Problem;

impl Records {
    pub(in crate::web) async fn messages(
        &self,
        number: Option<&PhoneNumber>,
        before: Option<MessageId>,
        limit: usize,
    ) -> Result<Vec<MessageRow>, Problem> {
        Ok(self.store.messages(number.map(PhoneNumber::as_str), before, limit).await?)
    }

    pub(in crate::web) async fn waiting_messages(&self, gateway: &GatewayName) -> Result<u64, Problem> {
        Ok(self.store.count_waiting_messages(gateway).await?)
    }

    /// Whether a number is suppressed for a campaign, or for everything.
    pub(in crate::web) async fn is_suppressed(
        &self,
        number: &PhoneNumber,
        campaign: Option<&CampaignKey>,
        now: Timestamp,
    ) -> Result<bool, Problem> {
        Ok(self.store.is_written_off(number, campaign, now).await?)
    }

    pub(in crate::web) async fn pre_register(
        &self,
        registration: Registration,
        by: &str,
        now: Timestamp,
    ) -> Result<(Registered, Option<LeadId>), Problem> {
        Ok(self.store.pre_register(registration, by, now).await?)
    }

    /// Messages that wait for a person to read them, and how many there are.
    pub(in crate::web) async fn reviews(
        &self,
        campaign: Option<&CampaignKey>,
        after: Option<MessageId>,
        limit: usize,
    ) -> Result<(Vec<ReviewRow>, u64), Problem> {
        Ok((self.store.reviews(campaign, after, limit).await?, self.store.count_reviews().await?))
    }

    /// Decides what a message means; who did before, if somebody did.
    pub(in crate::web) async fn decide_review(
        &self,
        message: MessageId,
        (decision, campaign): (Reading, Option<CampaignKey>),
        by: &str,
        now: Timestamp,
    ) -> Result<Result<Decided, DecidedBefore>, Problem> {
        Ok(self.store.decide_review(message, decision, campaign, by, now).await?)
    }

    pub(in crate::web) async fn queue_message(
        &self,
        message: NewMessage,
        by: &str,
        now: Timestamp,
    ) -> Result<MessageRow, Problem> {
        let id = self.store.queue_message(message, by, now).await?;
        let row = self.store.message(id).await?;
        row.ok_or_else(|| Problem::internal("queueing a message", "it is not there"))
    }
}
