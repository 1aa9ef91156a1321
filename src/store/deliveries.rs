//! What is on its way to webhooks, and the log of every try.
//!
//! Not the sending: whoever delivers asks [`Store::due_deliveries`], sends, and writes down with [`Store::record_try`] what came
//! of it. Nothing says here that a delivery is under way, so that after a crash it is simply sent again: at least once. Read
//! [`Tried`] first.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::db::{Conn, Row, params, statements, word};
use super::error::StoreError;
use super::forgetting::ROWS_AT_ONCE;
use super::outbox::{Event, EventType};
use super::webhooks::Webhook;
use super::{Ids, Store};
use crate::model::id::{EventId, WebhookId};
use crate::model::time::Timestamp;

/// Most rows on a page.
const PAGE_MAX: usize = 1000;

/// A delivery whose time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// What is told.
    pub event: EventId,
    /// The bytes to be sent.
    pub body: String,
    /// Tries before this one.
    pub attempts: u32,
}

/// What becomes of a delivery after a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It arrived.
    Delivered,
    /// It is tried again then.
    Again {
        /// Not before.
        at: Timestamp,
    },
    /// It is not tried again by itself.
    GivenUp,
}

/// A try, to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// To which endpoint.
    pub webhook: WebhookId,
    /// What was told.
    pub event: EventId,
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// What the receiver answered; none where it did not.
    pub status: Option<u16>,
    /// What went wrong.
    pub error: Option<String>,
    /// The beginning of the answer.
    pub response: String,
    /// What becomes of the delivery.
    pub verdict: Verdict,
    /// The endpoint is told nothing more, for this reason.
    pub disable: Option<String>,
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It will be sent.
    Waiting,
    /// The receiver took it.
    Delivered,
    /// It is not sent again by itself.
    Failed,
}

/// A delivery as pages show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DeliveryRow {
    /// What is told: the `webhook-id` of every try.
    pub event: EventId,
    /// Its type.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: String,
    /// When it happened.
    pub at: Timestamp,
    /// Whose it is.
    pub campaign: Option<String>,
    /// How it stands.
    pub state: DeliveryState,
    /// Tries so far, since it was last sent by hand.
    pub attempts: u32,
    /// When it is tried next, while it waits.
    pub due_at: Option<Timestamp>,
    /// When it was delivered or given up.
    pub finished_at: Option<Timestamp>,
    /// What the receiver answered last.
    pub status: Option<u16>,
    /// What went wrong last.
    pub error: Option<String>,
}

/// A try as pages show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TryRow {
    /// Raised with each try; the cursor of the next page.
    pub id: i64,
    /// What was told.
    pub event: EventId,
    /// Its type.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: String,
    /// When it began.
    pub at: Timestamp,
    /// What the receiver answered; null where it did not.
    pub status: Option<u16>,
    /// How long it took, in ms.
    pub duration_ms: u64,
    /// What went wrong.
    pub error: Option<String>,
    /// The beginning of the answer.
    pub response: String,
}

/// What waits to be delivered to endpoints that are enabled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many deliveries.
    pub count: u64,
    /// When the oldest of their events happened.
    pub oldest: Option<Timestamp>,
}

statements! {
    DUE = "
        select d.event_id as event_id, d.attempts as attempts, v.body as body
        from webhook_deliveries d join webhook_events v on v.id = d.event_id
        where d.webhook_id = $1 and d.state = 'waiting' and d.due_at <= $2
        order by d.due_at, d.event_id limit $3";
    SETTLE = "
        update webhook_deliveries set state = $3, due_at = $4, finished_at = $5, attempts = attempts + 1
        where webhook_id = $1 and event_id = $2 and state = 'waiting'";
    ADD_TRY = "
        insert into webhook_attempts (id, webhook_id, event_id, at, status, duration_ms, error, response)
        values ($1, $2, $3, $4, $5, $6, $7, $8)";
    SUCCEEDED = "update webhooks set succeeded_at = $2, failing_since = null where id = $1";
    FAILED = "update webhooks set failing_since = coalesce(failing_since, $2) where id = $1";
    ADD_EVENT = "insert into webhook_events (id, type, campaign, at, body) values ($1, $2, null, $3, $4)";
    ADD_DELIVERY = "
        insert into webhook_deliveries (webhook_id, event_id, state, attempts, due_at, created_at, finished_at)
        values ($1, $2, $3, 1, 0, $4, $5)";
    RESEND = "
        update webhook_deliveries set state = 'waiting', attempts = 0, due_at = 0, finished_at = null
        where webhook_id = $1 and event_id = $2";
    RESEND_FAILED = "
        update webhook_deliveries set state = 'waiting', attempts = 0, due_at = 0, finished_at = null
        where webhook_id = $1 and event_id in (
            select event_id from webhook_deliveries where webhook_id = $1 and state = 'failed' limit $2)";
    DELIVERIES = "
        select d.event_id as event_id, d.state as state, d.attempts as attempts, d.due_at as due_at,
               d.finished_at as finished_at, v.type as type, v.at as at, v.campaign as campaign, t.status as status,
               t.error as error
        from webhook_deliveries d join webhook_events v on v.id = d.event_id
        left join webhook_attempts t on t.id = (
            select max(n.id) from webhook_attempts n where n.event_id = d.event_id and n.webhook_id = d.webhook_id)
        where d.webhook_id = $1 and d.event_id < $2 and (cast($3 as text) is null or d.state = $3)
        order by d.event_id desc limit $4";
    TRIES = "
        select t.id as id, t.event_id as event_id, v.type as type, t.at as at, t.status as status,
               t.duration_ms as duration_ms, t.error as error, t.response as response
        from webhook_attempts t join webhook_events v on v.id = t.event_id
        where t.webhook_id = $1 and t.id < $2 and (cast($3 as bigint) is null or t.event_id = $3)
        order by t.id desc limit $4";
    WAITING = "
        select count(*) as count, min(d.created_at) as oldest
        from webhooks e join webhook_deliveries d on d.webhook_id = e.id
        where e.disabled_at is null and d.state = 'waiting'";
    CROWDED = "
        select d.webhook_id as id
        from webhooks e join webhook_deliveries d on d.webhook_id = e.id
        where e.disabled_at is null and d.state = 'waiting'
        group by d.webhook_id having count(*) > $1";
    FORGET_TRIES = "
        delete from webhook_attempts where event_id in (
            select v.id from webhook_events v
            where v.at < $1 and not exists (
                select 1 from webhook_deliveries d join webhooks e on e.id = d.webhook_id
                where d.event_id = v.id and d.state = 'waiting' and e.disabled_at is null)
            order by v.at, v.id limit $2)";
    FORGET_DELIVERIES = "
        delete from webhook_deliveries where event_id in (
            select v.id from webhook_events v
            where v.at < $1 and not exists (
                select 1 from webhook_deliveries d join webhooks e on e.id = d.webhook_id
                where d.event_id = v.id and d.state = 'waiting' and e.disabled_at is null)
            order by v.at, v.id limit $2)";
    FORGET_EVENTS = "
        delete from webhook_events where id in (
            select v.id from webhook_events v
            where v.at < $1 and not exists (
                select 1 from webhook_deliveries d join webhooks e on e.id = d.webhook_id
                where d.event_id = v.id and d.state = 'waiting' and e.disabled_at is null)
            order by v.at, v.id limit $2)";
}

impl Store {
    /// Deliveries to an endpoint whose time has come, the longest due first.
    pub async fn due_deliveries(
        &self,
        webhook: WebhookId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Due>, StoreError> {
        let mut conn = self.reader().await?;
        let rows = conn.rows(DUE, params![webhook.0, now, limit.min(PAGE_MAX) as u64]).await?;
        rows.iter()
            .map(|row| {
                Ok(Due {
                    event: EventId(row.int("event_id")?),
                    body: row.text("body")?,
                    attempts: small(row.count("attempts")?),
                })
            })
            .collect()
    }

    /// Writes down a try and what becomes of the delivery. Changes nothing where the endpoint was removed meanwhile.
    pub async fn record_try(&self, tried: Tried) -> Result<(), StoreError> {
        let ids = self.ids();
        self.write(move |conn| {
            Box::pin(async move {
                let ended = tried.at + tried.took;
                let (state, due_at, finished_at) = match tried.verdict {
                    Verdict::Delivered => (DeliveryState::Delivered, ended, Some(ended)),
                    Verdict::Again { at } => (DeliveryState::Waiting, at, None),
                    Verdict::GivenUp => (DeliveryState::Failed, ended, Some(ended)),
                };
                let values = params![tried.webhook.0, tried.event.0, word(&state), due_at, finished_at];
                if conn.run(SETTLE, values).await? == 0 {
                    return Ok(());
                }
                log(conn, &ids, &tried).await
            })
        })
        .await
    }

    /// Writes down that an endpoint was tried with an event of its own, which is not tried again.
    pub async fn record_test(&self, tried: Tried, body: String) -> Result<(), StoreError> {
        let ids = self.ids();
        self.write(move |conn| {
            Box::pin(async move {
                let ended = tried.at + tried.took;
                let kind = EventType::WebhookTest.as_str();
                conn.run(ADD_EVENT, params![tried.event.0, kind, tried.at, body]).await?;
                let state = match tried.verdict {
                    Verdict::Delivered => DeliveryState::Delivered,
                    Verdict::Again { .. } | Verdict::GivenUp => DeliveryState::Failed,
                };
                let values = params![tried.webhook.0, tried.event.0, word(&state), tried.at, ended];
                conn.run(ADD_DELIVERY, values).await?;
                log(conn, &ids, &tried).await
            })
        })
        .await
    }

    /// An event that tests an endpoint, and its body. It is not written down yet.
    pub fn test_event(&self, webhook: &Webhook, by: &str, at: Timestamp) -> (EventId, String) {
        let data = serde_json::json!({ "webhook": webhook.id, "name": webhook.name, "by": by });
        let event = Event { kind: EventType::WebhookTest, at, campaign: None, data };
        (EventId(self.inner.ids.next(at)), event.body())
    }

    /// Sends a delivery again, now, however it stands.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where there is none, or no more.
    pub async fn resend(&self, webhook: WebhookId, event: EventId, by: &str, at: Timestamp) -> Result<(), StoreError> {
        let (ids, by) = (self.ids(), by.to_owned());
        self.write(move |conn| {
            Box::pin(async move {
                if conn.run(RESEND, params![webhook.0, event.0]).await? == 0 {
                    return Err(StoreError::NotFound { what: "delivery", name: format!("{event} to {webhook}") });
                }
                super::audit::note(conn, &ids, at, &by, "webhook_resent", &webhook.to_string(), &event.to_string())
                    .await
            })
        })
        .await?;
        self.inner.ids.outbox.ring();
        Ok(())
    }

    /// Sends again, now, all that failed and is still there; how many.
    pub async fn resend_failed(&self, webhook: WebhookId, by: &str, at: Timestamp) -> Result<u64, StoreError> {
        let sent = self.in_pieces(RESEND_FAILED, params![webhook.0]).await?;
        let detail = format!("{sent} that had failed");
        self.audit(by, "webhook_resent", &webhook.to_string(), &detail, at).await?;
        self.inner.ids.outbox.ring();
        Ok(sent)
    }

    /// A page of an endpoint's deliveries, newest first, before `before`.
    pub async fn deliveries(
        &self,
        webhook: WebhookId,
        state: Option<DeliveryState>,
        before: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let mut conn = self.reader().await?;
        let before = before.map_or(i64::MAX, |event| event.0);
        let values = params![webhook.0, before, state.as_ref().map(word), limit.min(PAGE_MAX) as u64];
        conn.rows(DELIVERIES, values).await?.iter().map(delivery).collect()
    }

    /// A page of the log of tries, newest first, before `before`; of one event, or of all.
    pub async fn tries(
        &self,
        webhook: WebhookId,
        event: Option<EventId>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<TryRow>, StoreError> {
        let mut conn = self.reader().await?;
        let event = event.map(|event| event.0);
        let values = params![webhook.0, before.unwrap_or(i64::MAX), event, limit.min(PAGE_MAX) as u64];
        conn.rows(TRIES, values).await?.iter().map(one_try).collect()
    }

    /// What waits to be delivered.
    pub async fn deliveries_waiting(&self) -> Result<Waiting, StoreError> {
        let mut conn = self.reader().await?;
        let row = conn.one(WAITING, vec![]).await?;
        Ok(Waiting { count: row.count("count")?, oldest: row.opt_time("oldest")? })
    }

    /// Endpoints that are enabled and for which more than so many deliveries wait.
    pub async fn crowded_webhooks(&self, most: u64) -> Result<Vec<WebhookId>, StoreError> {
        let mut conn = self.reader().await?;
        conn.rows(CROWDED, params![most]).await?.iter().map(|row| row.int("id").map(WebhookId)).collect()
    }

    /// Removes events from before a time with their deliveries and tries, except what still waits for an endpoint that is
    /// enabled; how many events.
    pub async fn forget_webhook_log(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut removed = 0;
        loop {
            let gone = self
                .write(move |conn| {
                    Box::pin(async move {
                        for statement in [FORGET_TRIES, FORGET_DELIVERIES] {
                            conn.run(statement, params![before, ROWS_AT_ONCE]).await?;
                        }
                        conn.run(FORGET_EVENTS, params![before, ROWS_AT_ONCE]).await
                    })
                })
                .await?;
            removed += gone;
            if gone < u64::from(ROWS_AT_ONCE) {
                return Ok(removed);
            }
        }
    }
}

/// The line of the log, and what the try says of the endpoint.
async fn log(conn: &mut Conn, ids: &Ids, tried: &Tried) -> Result<(), StoreError> {
    let Tried { webhook, event, at, took, status, error, response, verdict, disable } = tried;
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let values = params![
        ids.next(*at),
        webhook.0,
        event.0,
        *at,
        status.map(i64::from),
        took_ms,
        error.as_deref(),
        response.as_str()
    ];
    conn.run(ADD_TRY, values).await?;
    let ended = *at + *took;
    let heard = if *verdict == Verdict::Delivered { SUCCEEDED } else { FAILED };
    conn.run(heard, params![webhook.0, ended]).await?;
    match disable {
        Some(why) => super::webhooks::disable(conn, ids, *webhook, why, ended).await,
        None => Ok(()),
    }
}

fn small(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn status(row: &Row) -> Result<Option<u16>, StoreError> {
    Ok(row.opt_int("status")?.and_then(|status| u16::try_from(status).ok()))
}

fn delivery(row: &Row) -> Result<DeliveryRow, StoreError> {
    let state = row.word("state")?;
    Ok(DeliveryRow {
        event: EventId(row.int("event_id")?),
        kind: row.text("type")?,
        at: row.time("at")?,
        campaign: row.opt_text("campaign")?,
        state,
        attempts: small(row.count("attempts")?),
        due_at: if state == DeliveryState::Waiting { Some(row.time("due_at")?) } else { None },
        finished_at: row.opt_time("finished_at")?,
        status: status(row)?,
        error: row.opt_text("error")?,
    })
}

fn one_try(row: &Row) -> Result<TryRow, StoreError> {
    Ok(TryRow {
        id: row.int("id")?,
        event: EventId(row.int("event_id")?),
        kind: row.text("type")?,
        at: row.time("at")?,
        status: status(row)?,
        duration_ms: row.count("duration_ms")?,
        error: row.opt_text("error")?,
        response: row.text("response")?,
    })
}
