//! Webhooks out: what happened is posted to whoever wants to hear of it, signed as Standard Webhooks has it.
//!
//! What is told is written down by `store`, with the change that it tells; here it is only sent, and written down how that
//! went. At least once and in no promised order: a receiver knows a repetition by its `webhook-id`. Read [`Messenger`] first,
//! then [`courier`], the loop; `http_client::address` keeps the service from being sent to places of its own network.

pub mod courier;
mod post;
mod schedule;
mod signature;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls::ClientConfig;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::certificate::{self, CertificateError};
use crate::clock::Clock;
use crate::config;
use crate::http_client::address::{Bounds, Target};
use crate::model::id::EventId;
use crate::store::{Store, StoreError, Tried, Verdict, Webhook};

pub use crate::http_client::address::AddressFault;

/// How long an address may take to be looked up when an endpoint is added.
const LOOK_UP_MAX: Duration = Duration::from_secs(5);

/// How many tries came to what, since the start.
#[derive(Debug, Default)]
pub struct Figures {
    delivered: AtomicU64,
    failed: AtomicU64,
    given_up: AtomicU64,
}

impl Figures {
    /// Tries that were answered with success.
    pub fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// Tries that failed and will be repeated.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Tries that failed and will not be repeated.
    pub fn given_up(&self) -> u64 {
        self.given_up.load(Ordering::Relaxed)
    }

    fn count(&self, verdict: Verdict) {
        let counter = match verdict {
            Verdict::Delivered => &self.delivered,
            Verdict::Again { .. } => &self.failed,
            Verdict::GivenUp => &self.given_up,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Sends one event to one endpoint, and judges what came back.
#[derive(Debug)]
pub struct Messenger {
    settings: watch::Receiver<Arc<config::Webhooks>>,
    trusting: Arc<ClientConfig>,
    clock: Clock,
    figures: Figures,
}

impl Messenger {
    /// One that uses the settings as they are when it sends; whom it trusts is read once.
    ///
    /// # Errors
    /// What is wrong with `webhooks.authorities_file`.
    pub fn new(settings: watch::Receiver<Arc<config::Webhooks>>, clock: Clock) -> Result<Messenger, CertificateError> {
        let authorities = settings.borrow().authorities_file.clone();
        let trusting = certificate::trusting(authorities.as_deref())?;
        Ok(Messenger { settings, trusting, clock, figures: Figures::default() })
    }

    /// What came of the tries so far.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Whether an address may be an endpoint's. One whose name cannot be looked up now may be.
    ///
    /// # Errors
    /// What is wrong with it, or why what it leads to is refused.
    pub async fn check(&self, url: &str) -> Result<(), AddressFault> {
        let target: Target = url.parse()?;
        let allowed = self.settings.borrow().allow_private.clone();
        let Ok(Ok(addresses)) = timeout(LOOK_UP_MAX, target.addresses()).await else { return Ok(()) };
        let judged: Vec<_> =
            addresses.into_iter().map(|one| target.judge(one.ip(), Bounds::Internet(&allowed))).collect();
        match judged.iter().any(Result::is_ok) {
            true => Ok(()),
            false => judged.into_iter().next().unwrap_or(Ok(())),
        }
    }

    /// Posts an event and says what becomes of the delivery. `tries_before`: how often that was done already.
    pub async fn send(&self, webhook: &Webhook, event: EventId, body: &str, tries_before: u32) -> Tried {
        let settings = Arc::clone(&self.settings.borrow());
        let began = self.clock.now();
        let patience = Duration::from_secs(settings.timeout_s.into());
        let answer = match self.sealed(webhook, event, body, &settings) {
            Ok((target, letter)) => {
                let posted = post::post(&target, letter, &settings.allow_private, &self.trusting, began.timestamp);
                timeout(patience, posted).await.unwrap_or(Err(post::PostError::TooSlow { seconds: settings.timeout_s }))
            }
            Err(error) => Err(error),
        };
        let ended = self.clock.now();
        let chance = webhook.id.0 ^ event.0.rotate_left(32) ^ i64::from(tries_before);
        let judged = schedule::judge(
            &answer,
            tries_before,
            ended.timestamp,
            webhook.failing_since,
            &settings,
            chance.cast_unsigned(),
        );
        self.figures.count(judged.verdict);
        let (status, response) = match answer {
            Ok(answer) => (Some(answer.status), answer.text),
            Err(_) => (None, String::new()),
        };
        Tried {
            webhook: webhook.id,
            event,
            at: began.timestamp,
            took: ended.instant.since(began.instant),
            status,
            error: judged.error,
            response,
            verdict: judged.verdict,
            disable: judged.disable,
        }
    }

    /// Where it goes and what is sent, signed as of now.
    fn sealed(
        &self,
        webhook: &Webhook,
        event: EventId,
        body: &str,
        settings: &config::Webhooks,
    ) -> Result<(Target, post::Letter), post::PostError> {
        let target: Target = webhook.url.parse()?;
        if let Some(address) = target.literal() {
            target.judge(address, Bounds::Internet(&settings.allow_private))?;
        }
        let now = self.clock.now().timestamp;
        let (id, seconds) = (event.to_string(), now.as_millis().div_euclid(1000));
        let signature = signature::header(webhook.secrets.at(now), &id, seconds, body)?;
        Ok((target, post::Letter { id, seconds, signature, body: body.to_owned() }))
    }

    /// Sends an endpoint an event of its own, once, and writes down how that went.
    ///
    /// # Errors
    /// It could not be written down.
    pub async fn test(&self, store: &Store, webhook: &Webhook, by: &str) -> Result<Tried, StoreError> {
        let (event, body) = store.test_event(webhook, by, self.clock.now().timestamp);
        let tried = self.send(webhook, event, &body, 0).await;
        let verdict = match tried.verdict {
            Verdict::Again { .. } => Verdict::GivenUp,
            verdict @ (Verdict::Delivered | Verdict::GivenUp) => verdict,
        };
        // Somebody looks at the answer: that person decides.
        let tried = Tried { verdict, disable: None, ..tried };
        store.record_test(tried.clone(), body).await?;
        Ok(tried)
    }
}
