//! Webhooks and their deliveries.

use std::time::Duration;

use super::Records;
use crate::model::id::{EventId, WebhookId};
use crate::model::time::Timestamp;
use crate::store::{self, DeliveryRow, DeliveryState, Tried, TryRow, Waiting, Wants, Webhook};
use crate::web::problem::Problem;
use crate::web::webhooks::{NewWebhook, WebhookChangeRequest};
use crate::webhooks::Messenger;

impl Records {
    pub(in crate::web) async fn webhooks(&self) -> Result<Vec<Webhook>, Problem> {
        Ok(self.store.webhooks().await?)
    }

    pub(in crate::web) async fn webhook(&self, id: WebhookId) -> Result<Webhook, Problem> {
        let found = self.store.webhooks().await?.into_iter().find(|webhook| webhook.id == id);
        found.ok_or_else(|| Problem::not_found(format!("webhook `{id}`")))
    }

    pub(in crate::web) async fn add_webhook(
        &self,
        new: NewWebhook,
        by: &str,
        now: Timestamp,
    ) -> Result<Webhook, Problem> {
        let NewWebhook { name, url, events, campaign } = new;
        let new = store::NewWebhook { name, url, events: events.map_or(Wants::All, Wants::these), campaign };
        Ok(self.store.add_webhook(new, by, now).await?)
    }

    pub(in crate::web) async fn change_webhook(
        &self,
        id: WebhookId,
        change: WebhookChangeRequest,
        by: &str,
        now: Timestamp,
    ) -> Result<Webhook, Problem> {
        let WebhookChangeRequest { name, url, events, campaign } = change;
        let events = events.map(|events| events.map_or(Wants::All, Wants::these));
        let change = store::WebhookChange { name, url, events, campaign };
        Ok(self.store.change_webhook(id, change, by, now).await?)
    }

    pub(in crate::web) async fn remove_webhook(&self, id: WebhookId, by: &str, now: Timestamp) -> Result<(), Problem> {
        Ok(self.store.remove_webhook(id, by, now).await?)
    }

    pub(in crate::web) async fn test_webhook(
        &self,
        messenger: &Messenger,
        id: WebhookId,
        by: &str,
    ) -> Result<Tried, Problem> {
        let webhook = self.webhook(id).await?;
        Ok(messenger.test(&self.store, &webhook, by).await?)
    }

    pub(in crate::web) async fn rotate_webhook(
        &self,
        id: WebhookId,
        keep: Duration,
        by: &str,
        now: Timestamp,
    ) -> Result<String, Problem> {
        Ok(self.store.rotate_webhook(id, keep, by, now).await?)
    }

    pub(in crate::web) async fn enable_webhook(&self, id: WebhookId, by: &str, now: Timestamp) -> Result<(), Problem> {
        Ok(self.store.enable_webhook(id, by, now).await?)
    }

    pub(in crate::web) async fn disable_webhook(
        &self,
        id: WebhookId,
        why: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<(), Problem> {
        Ok(self.store.disable_webhook(id, why, by, now).await?)
    }

    pub(in crate::web) async fn deliveries(
        &self,
        id: WebhookId,
        state: Option<DeliveryState>,
        before: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<DeliveryRow>, Problem> {
        self.webhook(id).await?;
        Ok(self.store.deliveries(id, state, before, limit).await?)
    }

    pub(in crate::web) async fn tries(
        &self,
        id: WebhookId,
        event: Option<EventId>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<TryRow>, Problem> {
        self.webhook(id).await?;
        Ok(self.store.tries(id, event, before, limit).await?)
    }

    /// How many deliveries are sent again.
    pub(in crate::web) async fn resend(
        &self,
        id: WebhookId,
        event: Option<EventId>,
        by: &str,
        now: Timestamp,
    ) -> Result<u64, Problem> {
        self.webhook(id).await?;
        match event {
            Some(event) => Ok(self.store.resend(id, event, by, now).await.map(|()| 1)?),
            None => Ok(self.store.resend_failed(id, by, now).await?),
        }
    }

    /// What waits to be delivered; none where storage does not answer.
    pub(in crate::web) async fn deliveries_waiting(&self) -> Option<Waiting> {
        self.store.deliveries_waiting().await.ok()
    }
}
