//! `lull webhook`: endpoints that are told what happened.

use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use tokio::sync::watch;

use super::people::BY;
use super::place::Installation;
use super::{Failure, Outcome, Place, show};
use crate::clock::Clock;
use crate::http_client::address::Target;
use crate::model::id::{EventId, WebhookId};
use crate::model::name::CampaignKey;
use crate::store::{DeliveryRow, DeliveryState, EventType, NewWebhook, TryRow, Verdict, Wants, Webhook, WebhookChange};
use crate::webhooks::Messenger;

/// Lines that are shown of a log.
const SHOWN: usize = 30;

/// Endpoints that are told what happened: calls, results, leads, suppressions, consents, campaigns, imports.
#[derive(Debug, Subcommand)]
pub(crate) enum Webhooks {
    /// Adds an endpoint and shows its secret, once. A running service tells it what happens from two seconds later.
    Add(Add),
    /// Lists endpoints, with those that are disabled.
    List,
    /// Shows an endpoint and what it was told last.
    Show(Shown),
    /// Shows every try to tell an endpoint something, the latest first.
    Log(Logged),
    /// Sends an endpoint an event of its own and says what came back. Exit code 3 if it was not taken.
    Test(Named),
    /// Changes an endpoint; what is not named stays. Its secret, its log and what waits for it stay too.
    Change(Change),
    /// Makes a new secret and shows it, once. The one before counts beside it for a while.
    Rotate(Rotate),
    /// Tells an endpoint again what happens, beginning with what still waits for it.
    Enable(Named),
    /// Tells an endpoint nothing more. What happens meanwhile it will not hear of.
    Disable(Disable),
    /// Sends again, now: one event, or all that failed.
    Resend(Resend),
    /// Removes an endpoint, with what waits for it and its log.
    Remove(Named),
}

/// Adds an endpoint.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// Where events are posted: https://, or http:// in a network that webhooks.allow_private names.
    url: String,
    /// Which events, separated by commas, such as call.ended,result.recorded; or all.
    #[arg(long, value_name = "EVENTS", value_parser = wants)]
    events: Wants,
    /// Of this campaign only.
    #[arg(long)]
    campaign: Option<CampaignKey>,
    /// What it is for; without it, the host of its address.
    #[arg(long)]
    name: Option<String>,
}

/// An endpoint.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// Its name or id.
    webhook: String,
}

/// An endpoint to be shown.
#[derive(Debug, Args)]
pub(crate) struct Shown {
    #[command(flatten)]
    named: Named,
    /// Only deliveries that are waiting, delivered or failed.
    #[arg(long, value_parser = state)]
    state: Option<DeliveryState>,
}

/// An endpoint whose log is shown.
#[derive(Debug, Args)]
pub(crate) struct Logged {
    #[command(flatten)]
    named: Named,
    /// Only tries of this event.
    #[arg(long)]
    event: Option<EventId>,
}

/// An endpoint whose secret is changed.
#[derive(Debug, Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    named: Named,
    /// For how many hours the secret before counts as well; 0 for one that leaked.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(0..=720))]
    keep_h: u32,
}

/// An endpoint that is changed.
#[derive(Debug, Args)]
#[group(required = true, multiple = true, id = "changes", args = ["url", "events", "campaign", "all_campaigns", "rename"])]
pub(crate) struct Change {
    #[command(flatten)]
    named: Named,
    /// Where events are posted from now on; what waits goes there too.
    #[arg(long)]
    url: Option<String>,
    /// Which events from now on, separated by commas; or all.
    #[arg(long, value_name = "EVENTS", value_parser = wants)]
    events: Option<Wants>,
    /// Of this campaign only.
    #[arg(long, conflicts_with = "all_campaigns")]
    campaign: Option<CampaignKey>,
    /// Of all campaigns again.
    #[arg(long)]
    all_campaigns: bool,
    /// Another name for what it is for.
    #[arg(long, value_name = "NAME")]
    rename: Option<String>,
}

/// An endpoint that is told nothing more.
#[derive(Debug, Args)]
pub(crate) struct Disable {
    #[command(flatten)]
    named: Named,
    /// Why; shown with it.
    #[arg(long, default_value = "by hand")]
    why: String,
}

/// What is sent again.
#[derive(Debug, Args)]
#[group(required = true, multiple = false, id = "what", args = ["event", "failed"])]
pub(crate) struct Resend {
    #[command(flatten)]
    named: Named,
    /// One event, however its delivery stands.
    #[arg(long)]
    event: Option<EventId>,
    /// All that failed and are still kept.
    #[arg(long)]
    failed: bool,
}

fn wants(text: &str) -> Result<Wants, String> {
    if text.trim() == "all" {
        return Ok(Wants::All);
    }
    let types: Result<Vec<EventType>, _> = text.split(',').map(|word| word.trim().parse::<EventType>()).collect();
    types.map(Wants::these).map_err(|error| format!("{error}, or all"))
}

fn state(text: &str) -> Result<DeliveryState, String> {
    match text {
        "waiting" => Ok(DeliveryState::Waiting),
        "delivered" => Ok(DeliveryState::Delivered),
        "failed" => Ok(DeliveryState::Failed),
        _ => Err("expected waiting, delivered or failed".to_owned()),
    }
}

impl Webhooks {
    pub(crate) fn run(self, place: &Place) -> Result<Outcome, Failure> {
        let installation = Installation::open(place)?;
        match self {
            Webhooks::Add(add) => add.run(place, &installation),
            Webhooks::List => list(place, &installation),
            Webhooks::Show(shown) => shown.run(place, &installation),
            Webhooks::Log(logged) => logged.run(place, &installation),
            Webhooks::Test(named) => test(place, &installation, &named),
            Webhooks::Change(change) => change.run(place, &installation),
            Webhooks::Rotate(rotate) => rotate.run(place, &installation),
            Webhooks::Enable(named) => {
                let Webhook { id, name, .. } = named.find(&installation)?;
                installation.with_store(|store, now| async move { store.enable_webhook(id, BY, now).await })?;
                show(place.json, &serde_json::json!({ "enabled": id }), || format!("`{name}` is told what happens."));
                Ok(Outcome::Done)
            }
            Webhooks::Disable(Disable { named, why }) => {
                let Webhook { id, name, .. } = named.find(&installation)?;
                installation.with_store(|store, now| async move { store.disable_webhook(id, &why, BY, now).await })?;
                show(place.json, &serde_json::json!({ "disabled": id }), || format!("`{name}` is told nothing more."));
                Ok(Outcome::Done)
            }
            Webhooks::Resend(resend) => resend.run(place, &installation),
            Webhooks::Remove(named) => {
                let Webhook { id, name, .. } = named.find(&installation)?;
                installation.with_store(|store, now| async move { store.remove_webhook(id, BY, now).await })?;
                show(place.json, &serde_json::json!({ "removed": id }), || format!("`{name}` is removed."));
                Ok(Outcome::Done)
            }
        }
    }
}

/// One that sends for a command, with the settings of the configuration.
fn messenger(installation: &Installation) -> Result<Messenger, Failure> {
    let (_, settings) = watch::channel(Arc::new(installation.config.webhooks.clone()));
    Ok(Messenger::new(settings, Clock::start())?)
}

impl Named {
    fn find(&self, installation: &Installation) -> Result<Webhook, Failure> {
        let all = installation.with_store(|store, _| async move { store.webhooks().await })?;
        let id = self.webhook.parse::<WebhookId>().ok();
        let found = all.into_iter().find(|webhook| webhook.name == self.webhook || Some(webhook.id) == id);
        let missing = || Failure::new(format!("there is no webhook `{}`; `lull webhook list` shows all", self.webhook));
        found.ok_or_else(missing)
    }
}

impl Add {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let Add { url, events, campaign, name } = self;
        let messenger = messenger(installation)?;
        installation.block_on(messenger.check(&url))?;
        let name = match name {
            Some(name) => name,
            None => url.parse::<Target>()?.host,
        };
        let new = NewWebhook { name, url, events, campaign };
        let webhook = installation.with_store(|store, now| async move { store.add_webhook(new, BY, now).await })?;
        let secret = &webhook.secrets.now;
        let told = serde_json::json!({ "id": webhook.id, "name": webhook.name, "secret": secret });
        show(place.json, &told, || {
            format!(
                "{secret}\nThis is the only time that it is shown. `lull webhook test {}` tries whether it is heard.",
                webhook.name
            )
        });
        Ok(Outcome::Done)
    }
}

/// A webhook for programs, without its secrets.
fn as_json(webhook: &Webhook) -> serde_json::Value {
    let events = match &webhook.events {
        Wants::All => None,
        Wants::These(types) => Some(types),
    };
    serde_json::json!({
        "id": webhook.id, "name": webhook.name, "url": webhook.url, "events": events, "campaign": webhook.campaign,
        "created_by": webhook.created_by, "created_at": webhook.created_at, "succeeded_at": webhook.succeeded_at,
        "failing_since": webhook.failing_since, "disabled_at": webhook.disabled_at,
        "disabled_why": webhook.disabled_why,
    })
}

fn line(webhook: &Webhook) -> String {
    let events = match &webhook.events {
        Wants::All => "all".to_owned(),
        Wants::These(types) => types.iter().map(|event| event.as_str()).collect::<Vec<_>>().join(","),
    };
    let of = webhook.campaign.as_ref().map_or(String::new(), |campaign| format!(" of {campaign}"));
    let state = match (&webhook.disabled_at, &webhook.failing_since, &webhook.succeeded_at) {
        (Some(at), _, _) => {
            format!("disabled since {at}: {}", webhook.disabled_why.as_deref().unwrap_or_default())
        }
        (None, Some(at), _) => format!("failing since {at}"),
        (None, None, Some(at)) => format!("told last {at}"),
        (None, None, None) => "told nothing yet".to_owned(),
    };
    format!("{:<20} {}  {events}{of}; {state}\n", webhook.name, webhook.url)
}

fn list(place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
    let all = installation.with_store(|store, _| async move { store.webhooks().await })?;
    show(place.json, &all.iter().map(as_json).collect::<Vec<_>>(), || match all.is_empty() {
        true => {
            "There are no webhooks. Add one: lull webhook add https://crm.example/hooks/lull --events all".to_owned()
        }
        false => all.iter().map(line).collect(),
    });
    Ok(Outcome::Done)
}

impl Shown {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let webhook = self.named.find(installation)?;
        let (id, state) = (webhook.id, self.state);
        let rows = installation.with_store(|store, _| async move { store.deliveries(id, state, None, SHOWN).await })?;
        let told = serde_json::json!({ "webhook": as_json(&webhook), "deliveries": rows });
        show(place.json, &told, || {
            let one = |row: &DeliveryRow| {
                let stands = match (row.state, row.due_at) {
                    (DeliveryState::Delivered, _) => "delivered".to_owned(),
                    (DeliveryState::Failed, _) => "failed".to_owned(),
                    (DeliveryState::Waiting, Some(at)) if row.attempts > 0 => format!("again at {at}"),
                    (DeliveryState::Waiting, _) => "waiting".to_owned(),
                };
                let last = row.error.as_deref().unwrap_or_default();
                format!("{} {} {:<22} {stands}, tries: {} {last}\n", row.at, row.event, row.kind, row.attempts)
            };
            format!("{}{}", line(&webhook), rows.iter().map(one).collect::<String>())
        });
        Ok(Outcome::Done)
    }
}

impl Logged {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let (id, event) = (self.named.find(installation)?.id, self.event);
        let tries = installation.with_store(|store, _| async move { store.tries(id, event, None, SHOWN).await })?;
        show(place.json, &tries, || {
            let one = |row: &TryRow| {
                let came = row.error.clone().or(row.status.map(|status| status.to_string())).unwrap_or_default();
                let answer = if row.response.is_empty() { String::new() } else { format!(": {}", row.response) };
                format!("{} {} {:<22} {} ms, {came}{answer}\n", row.at, row.event, row.kind, row.duration_ms)
            };
            match tries.is_empty() {
                true => "Nothing was sent yet.".to_owned(),
                false => tries.iter().map(one).collect(),
            }
        });
        Ok(Outcome::Done)
    }
}

fn test(place: &Place, installation: &Installation, named: &Named) -> Result<Outcome, Failure> {
    let webhook = named.find(installation)?;
    let messenger = messenger(installation)?;
    let tried = installation.with_store(|store, _| {
        let (messenger, webhook) = (&messenger, &webhook);
        async move { messenger.test(&store, webhook, BY).await }
    })?;
    let delivered = tried.verdict == Verdict::Delivered;
    let took_ms = tried.took.as_millis();
    let told = serde_json::json!({
        "event": tried.event, "delivered": delivered, "status": tried.status, "duration_ms": took_ms,
        "error": tried.error, "response": tried.response,
    });
    show(place.json, &told, || {
        let answer = if tried.response.is_empty() { String::new() } else { format!("\n{}", tried.response) };
        match (&tried.error, tried.status) {
            (None, Some(status)) => format!("It was taken: {status} after {took_ms} ms.{answer}"),
            (error, _) => {
                format!("It was not taken after {took_ms} ms: {}.{answer}", error.as_deref().unwrap_or("no answer"))
            }
        }
    });
    Ok(if delivered { Outcome::Done } else { Outcome::Findings })
}

impl Change {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let Change { named, url, events, campaign, all_campaigns, rename } = self;
        let id = named.find(installation)?.id;
        if let Some(url) = &url {
            installation.block_on(messenger(installation)?.check(url))?;
        }
        let campaign = if all_campaigns { Some(None) } else { campaign.map(Some) };
        let change = WebhookChange { name: rename, url, events, campaign };
        let changed =
            installation.with_store(|store, now| async move { store.change_webhook(id, change, BY, now).await })?;
        show(place.json, &as_json(&changed), || line(&changed));
        Ok(Outcome::Done)
    }
}

impl Rotate {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let webhook = self.named.find(installation)?;
        let keep = Duration::from_secs(u64::from(self.keep_h) * 3600);
        let id = webhook.id;
        let secret =
            installation.with_store(|store, now| async move { store.rotate_webhook(id, keep, BY, now).await })?;
        show(place.json, &serde_json::json!({ "id": id, "secret": secret }), || {
            let hours = self.keep_h;
            format!(
                "{secret}\nThis is the only time that it is shown. The one before counts for {hours} hours as well."
            )
        });
        Ok(Outcome::Done)
    }
}

impl Resend {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let id = self.named.find(installation)?.id;
        let event = self.event;
        let count = installation.with_store(|store, now| async move {
            match event {
                Some(event) => store.resend(id, event, BY, now).await.map(|()| 1),
                None => store.resend_failed(id, BY, now).await,
            }
        })?;
        show(place.json, &serde_json::json!({ "deliveries": count }), || {
            format!("{count} to be sent again by the running service.")
        });
        Ok(Outcome::Done)
    }
}
