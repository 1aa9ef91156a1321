//! Endpoints that are told what happened: where they are, what they want to hear of, and what signs it.
//!
//! What is on its way to them is in `deliveries`, what it says in `outbox`. Read [`Webhook`] first.

use std::fmt;
use std::time::Duration;

use super::db::{Conn, Row, Statement, json, params, statements};
use super::error::StoreError;
use super::outbox::Wants;
use super::{Ids, Store};
use crate::model::id::WebhookId;
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a secret begins with.
pub const SECRET_PREFIX: &str = "whsec_";
/// Bytes of a secret that is made here; 24 to 64 are allowed by the specification.
const SECRET_BYTES: usize = 32;
/// Endpoints there may be: each is looked at whenever something happened.
const WEBHOOKS_MAX: u64 = 50;
/// Longest name of an endpoint, in characters.
const NAME_MAX: usize = 60;
/// Longest address, in bytes.
const URL_MAX: usize = 2000;
/// How all types are written.
const ALL_EVENTS: &str = "*";

/// What an endpoint's receiver checks signatures with.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets {
    /// The one in force.
    pub now: String,
    /// The one before a rotation, and until when it counts as well.
    pub before: Option<(String, Timestamp)>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(set)")
    }
}

impl Secrets {
    /// Those to be signed with at a time, the newest first.
    pub fn at(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        let before = self.before.as_ref().filter(|(_, until)| *until > now).map(|(secret, _)| secret.as_str());
        std::iter::once(self.now.as_str()).chain(before)
    }
}

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// What it is for; no two have the same.
    pub name: String,
    /// Where events are posted.
    pub url: String,
    /// Which.
    pub events: Wants,
    /// Of this campaign only.
    pub campaign: Option<CampaignKey>,
    /// What signs them.
    pub secrets: Secrets,
    /// Who added it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// The first failure after which nothing was delivered.
    pub failing_since: Option<Timestamp>,
    /// The last delivery.
    pub succeeded_at: Option<Timestamp>,
    /// Since when it is told nothing.
    pub disabled_at: Option<Timestamp>,
    /// Why.
    pub disabled_why: Option<String>,
}

/// An endpoint to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWebhook {
    /// What it is for.
    pub name: String,
    /// Where events are posted: whoever adds it has read it as an address.
    pub url: String,
    /// Which.
    pub events: Wants,
    /// Of this campaign only.
    pub campaign: Option<CampaignKey>,
}

/// What is changed about an endpoint. What is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookChange {
    /// What it is for.
    pub name: Option<String>,
    /// Where events are posted: whoever changes it has read it as an address. What waits goes there too.
    pub url: Option<String>,
    /// Which events, from now on.
    pub events: Option<Wants>,
    /// Of this campaign only, or of all.
    pub campaign: Option<Option<CampaignKey>>,
}

statements! {
    ADD = "
        insert into webhooks (id, name, url, events, campaign, secret, created_by, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        on conflict do nothing";
    COUNT = "select count(*) as count from webhooks";
    ALL = "
        select id, name, url, events, campaign, secret, secret_before, secret_before_until, created_by, created_at,
               failing_since, succeeded_at, disabled_at, disabled_why
        from webhooks order by name";
    NAMED = "select count(*) as count from webhooks where name = $1 and id <> $2";
    CHANGE = "
        update webhooks set name = $2, events = $4, campaign = $5,
            failing_since = case when url = $3 then failing_since else null end, url = $3
        where id = $1";
    ROTATE = "
        update webhooks set secret_before = secret, secret_before_until = $3, secret = $2 where id = $1
        returning name";
    ENABLE = "
        update webhooks set disabled_at = null, disabled_why = null, failing_since = null where id = $1
        returning name";
    DISABLE = "
        update webhooks set disabled_at = coalesce(disabled_at, $2), disabled_why = coalesce(disabled_why, $3)
        where id = $1 returning name";
    REMOVE = "delete from webhooks where id = $1 returning name";
    REMOVE_TRIES = "
        delete from webhook_attempts where id in (select id from webhook_attempts where webhook_id = $1 limit $2)";
    REMOVE_DELIVERIES = "
        delete from webhook_deliveries where webhook_id = $1 and event_id in (
            select event_id from webhook_deliveries where webhook_id = $1 limit $2)";
}

impl Store {
    /// Adds an endpoint, with a secret that is made here.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] for a name or an address that cannot be one, or one endpoint too many;
    /// [`StoreError::AlreadyExists`] for a name that another has; [`StoreError::NotFound`] for an unknown campaign.
    pub async fn add_webhook(&self, new: NewWebhook, by: &str, at: Timestamp) -> Result<Webhook, StoreError> {
        let NewWebhook { name, url, events, campaign } = new;
        must_fit(&name, &url, &events)?;
        let id = WebhookId(self.inner.ids.next(at));
        let secrets = Secrets { now: new_secret()?, before: None };
        let created_by = by.to_owned();
        let webhook = Webhook {
            id,
            name,
            url,
            events,
            campaign,
            secrets,
            created_by,
            created_at: at,
            failing_since: None,
            succeeded_at: None,
            disabled_at: None,
            disabled_why: None,
        };
        let (ids, added) = (self.ids(), webhook.clone());
        self.write(move |conn| {
            Box::pin(async move {
                if let Some(campaign) = &added.campaign {
                    super::campaigns::must_exist(conn, campaign).await?;
                }
                let count = conn.one(COUNT, vec![]).await?.count("count")?;
                if count >= WEBHOOKS_MAX {
                    let expected = format!("at most {WEBHOOKS_MAX} of them");
                    return Err(StoreError::Unfit { what: "number of webhooks", value: count.to_string(), expected });
                }
                let values = params![
                    added.id.0,
                    added.name.as_str(),
                    added.url.as_str(),
                    events_text(&added.events),
                    added.campaign.as_ref().map(CampaignKey::as_str),
                    added.secrets.now.as_str(),
                    added.created_by.as_str(),
                    at,
                ];
                if conn.run(ADD, values).await? == 0 {
                    return Err(StoreError::AlreadyExists { what: "webhook", name: added.name });
                }
                ids.outbox.unsettle();
                let detail = format!("{} {}", added.url, events_text(&added.events));
                super::audit::note(conn, &ids, at, &added.created_by, "webhook_added", &added.name, &detail).await
            })
        })
        .await?;
        self.inner.ids.outbox.ring();
        Ok(webhook)
    }

    /// All endpoints, by name. What they want is known without asking from then on.
    pub async fn webhooks(&self) -> Result<Vec<Webhook>, StoreError> {
        let changes = self.inner.ids.outbox.changes();
        let mut conn = self.reader().await?;
        let all = conn.rows(ALL, vec![]).await?.iter().map(webhook).collect::<Result<Vec<_>, _>>()?;
        self.inner.ids.outbox.learn(changes, enabled(&all));
        Ok(all)
    }

    /// Changes an endpoint; what it is from then on. Its secret, its log and what waits for it stay.
    ///
    /// # Errors
    /// As [`Store::add_webhook`], and [`StoreError::NotFound`] for an unknown endpoint.
    pub async fn change_webhook(
        &self,
        id: WebhookId,
        change: WebhookChange,
        by: &str,
        at: Timestamp,
    ) -> Result<Webhook, StoreError> {
        let (ids, by) = (self.ids(), by.to_owned());
        let changed = self
            .write(move |conn| {
                Box::pin(async move {
                    let all = conn.rows(ALL, vec![]).await?.iter().map(webhook).collect::<Result<Vec<_>, _>>()?;
                    let before = all.into_iter().find(|webhook| webhook.id == id);
                    let before =
                        before.ok_or_else(|| StoreError::NotFound { what: "webhook", name: id.to_string() })?;
                    let WebhookChange { name, url, events, campaign } = change;
                    let after = Webhook {
                        name: name.unwrap_or_else(|| before.name.clone()),
                        url: url.unwrap_or_else(|| before.url.clone()),
                        events: events.unwrap_or_else(|| before.events.clone()),
                        campaign: campaign.unwrap_or_else(|| before.campaign.clone()),
                        ..before.clone()
                    };
                    must_fit(&after.name, &after.url, &after.events)?;
                    if let Some(campaign) = after.campaign.as_ref().filter(|_| after.campaign != before.campaign) {
                        super::campaigns::must_exist(conn, campaign).await?;
                    }
                    if conn.one(NAMED, params![after.name.as_str(), id.0]).await?.count("count")? > 0 {
                        return Err(StoreError::AlreadyExists { what: "webhook", name: after.name });
                    }
                    let events = events_text(&after.events);
                    let campaign = after.campaign.as_ref().map(CampaignKey::as_str);
                    let values = params![id.0, after.name.as_str(), after.url.as_str(), events.as_str(), campaign];
                    conn.run(CHANGE, values).await?;
                    ids.outbox.unsettle();
                    let detail = format!("{} {} {events} {}", after.name, after.url, campaign.unwrap_or("of all"));
                    super::audit::note(conn, &ids, at, &by, "webhook_changed", &before.name, &detail).await?;
                    let failing_since = before.failing_since.filter(|_| after.url == before.url);
                    Ok(Webhook { failing_since, ..after })
                })
            })
            .await?;
        self.inner.ids.outbox.ring();
        Ok(changed)
    }

    /// Makes a new secret; the one before counts beside it for a while.
    pub async fn rotate_webhook(
        &self,
        id: WebhookId,
        keep: Duration,
        by: &str,
        at: Timestamp,
    ) -> Result<String, StoreError> {
        let secret = new_secret()?;
        let values = params![id.0, secret.as_str(), at + keep];
        let detail = format!("the secret before counts until {}", at + keep);
        self.change(id, (ROTATE, values), (by, "webhook_rotated", detail), at).await?;
        Ok(secret)
    }

    /// Tells the endpoint again, beginning with what still waits.
    pub async fn enable_webhook(&self, id: WebhookId, by: &str, at: Timestamp) -> Result<(), StoreError> {
        self.change(id, (ENABLE, params![id.0]), (by, "webhook_enabled", String::new()), at).await
    }

    /// Tells the endpoint nothing more. What waits for it stays, until it is too old.
    pub async fn disable_webhook(&self, id: WebhookId, why: &str, by: &str, at: Timestamp) -> Result<(), StoreError> {
        self.change(id, (DISABLE, params![id.0, at, why]), (by, "webhook_disabled", why.to_owned()), at).await
    }

    /// Removes an endpoint with all that waits for it and its log.
    pub async fn remove_webhook(&self, id: WebhookId, by: &str, at: Timestamp) -> Result<(), StoreError> {
        self.disable_webhook(id, "being removed", by, at).await?;
        for statement in [REMOVE_TRIES, REMOVE_DELIVERIES] {
            self.in_pieces(statement, params![id.0]).await?;
        }
        self.change(id, (REMOVE, params![id.0]), (by, "webhook_removed", String::new()), at).await
    }

    /// One statement about an endpoint, written to the audit trail.
    async fn change(
        &self,
        id: WebhookId,
        (statement, values): (Statement, Vec<super::db::Value>),
        (by, what, detail): (&str, &'static str, String),
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (ids, by) = (self.ids(), by.to_owned());
        self.write(move |conn| {
            Box::pin(async move {
                let Some(row) = conn.row(statement, values).await? else {
                    return Err(StoreError::NotFound { what: "webhook", name: id.to_string() });
                };
                ids.outbox.unsettle();
                super::audit::note(conn, &ids, at, &by, what, &row.text("name")?, &detail).await
            })
        })
        .await?;
        self.inner.ids.outbox.ring();
        Ok(())
    }

    /// Waits until something may have to be delivered: a change told something, or an endpoint was changed. Commands beside the
    /// service ring no bell.
    pub async fn told(&self) {
        self.inner.ids.outbox.rung().await;
    }
}

fn must_fit(name: &str, url: &str, events: &Wants) -> Result<(), StoreError> {
    let unfit = |what, value: &str, expected: &str| {
        Err(StoreError::Unfit { what, value: value.to_owned(), expected: expected.to_owned() })
    };
    if name.trim().is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
        return unfit("name of the webhook", name, "1 to 60 characters that can be read");
    }
    if url.len() > URL_MAX || !(url.starts_with("https://") || url.starts_with("http://")) {
        return unfit("url of the webhook", url, "at most 2,000 characters that begin with https://");
    }
    if *events == Wants::These(Vec::new()) {
        return unfit("events of the webhook", "none", "at least one type of event, or all");
    }
    Ok(())
}

/// Tells an endpoint nothing more, within the caller's transaction.
pub(super) async fn disable(
    conn: &mut Conn,
    ids: &Ids,
    id: WebhookId,
    why: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let Some(row) = conn.row(DISABLE, params![id.0, at, why]).await? else { return Ok(()) };
    ids.outbox.unsettle();
    super::audit::note(conn, ids, at, "service", "webhook_disabled", &row.text("name")?, why).await
}

/// Learns what is wanted, before anything is told.
pub(super) async fn learn(conn: &mut Conn, ids: &Ids) -> Result<(), StoreError> {
    let changes = ids.outbox.changes();
    let all = conn.rows(ALL, vec![]).await?.iter().map(webhook).collect::<Result<Vec<_>, _>>()?;
    ids.outbox.learn(changes, enabled(&all));
    Ok(())
}

fn enabled(all: &[Webhook]) -> impl Iterator<Item = &Wants> {
    all.iter().filter(|webhook| webhook.disabled_at.is_none()).map(|webhook| &webhook.events)
}

fn new_secret() -> Result<String, StoreError> {
    let mut bytes = [0; SECRET_BYTES];
    // Without randomness a signature proves nothing.
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Unfit {
        what: "randomness of the operating system",
        value: error.to_string(),
        expected: "256 random bits".to_owned(),
    })?;
    Ok(format!("{SECRET_PREFIX}{}", STANDARD.encode(bytes)))
}

fn events_text(events: &Wants) -> String {
    match events {
        Wants::All => ALL_EVENTS.to_owned(),
        Wants::These(types) => json(types),
    }
}

fn webhook(row: &Row) -> Result<Webhook, StoreError> {
    let events = if row.text("events")? == ALL_EVENTS { Wants::All } else { Wants::These(row.json("events")?) };
    let before = row.opt_text("secret_before")?.zip(row.opt_time("secret_before_until")?);
    Ok(Webhook {
        id: WebhookId(row.int("id")?),
        name: row.text("name")?,
        url: row.text("url")?,
        events,
        campaign: row.opt_parsed("campaign")?,
        secrets: Secrets { now: row.text("secret")?, before },
        created_by: row.text("created_by")?,
        created_at: row.time("created_at")?,
        failing_since: row.opt_time("failing_since")?,
        succeeded_at: row.opt_time("succeeded_at")?,
        disabled_at: row.opt_time("disabled_at")?,
        disabled_why: row.opt_text("disabled_why")?,
    })
}
