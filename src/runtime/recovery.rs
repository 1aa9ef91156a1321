//! What a crash left behind, made good before anything is dialled.
//!
//! Attempts without an end become `unknown` by the engine's rule: they count, and cool off. Dialogs that the carrier may
//! still hold are ended. Results that were accepted and not yet written were replayed by the store when it opened.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::config::Config;
use crate::engine::event::{Event, GroupChange, OpenAttempt};
use crate::engine::ledger::HOURS_KEPT;
pub use crate::engine::recovery::Controls;
use crate::engine::recovery::{DayTotals, Found, FoundCampaign, first_inputs, lay_over};
use crate::engine::stats::QueueDay;
use crate::model::disposition::Disposition;
use crate::model::limits::Used;
use crate::model::name::{CampaignKey, QueueName, TrunkName};
use crate::model::time::{Now, Timestamp};
use crate::runtime::lines::{Dial, LinePlan, call_spec};
use crate::sip::{self, DialogRecord, Endpoint};
use crate::store::{OpenAttempt as Open, OpenStage, Store, StoreError};

/// For so long attempts are read for the windows of laws.
const BOOKS_KEPT: Duration = Duration::from_secs(HOURS_KEPT.unsigned_abs() * 3600);

/// What the service begins with.
pub struct Recovered {
    /// The engine's first inputs.
    pub first: Vec<Event>,
    /// Dialogs to be ended.
    pub dialogs: Vec<DialogRecord>,
    /// Attempts whose INVITE may have left without a record of its dialog.
    pub unresolved: Vec<Unresolved>,
    /// Live controls in force.
    pub controls: Controls,
}

/// An intent without an end: perhaps nothing left, perhaps a phone rings.
#[derive(Clone, Debug, PartialEq)]
pub struct Unresolved {
    /// What was about to be dialled.
    pub dial: Dial,
    /// The trunks it may have gone to.
    pub trunks: BTreeSet<TrunkName>,
}

/// Reads what the engine begins with, and what is left of the run before.
///
/// # Errors
/// The store cannot be read: without knowing what was dialled, nothing may be.
pub async fn recover(store: &Store, config: &Config, now: Timestamp) -> Result<Recovered, StoreError> {
    let controls = controls(store).await?;
    let mut settings = config.settings();
    lay_over(&mut settings, &controls);
    let mut trunks: BTreeMap<CampaignKey, BTreeSet<TrunkName>> = BTreeMap::new();
    let mut campaigns = Vec::new();
    let midnight = config.installation.zone.day_began(now);
    for row in store.campaigns().await? {
        let totals = store.campaign_totals(&row.campaign.key, midnight).await?;
        let counted = DayTotals {
            attempts: totals.today.figures.attempts,
            answered: totals.today.figures.answered,
            connected: totals.today.figures.connected,
            abandoned: totals.today.figures.abandoned,
        };
        let today = counted.day(|disposition| totals.today.of(disposition));
        let whole = &totals.total;
        let used = Used {
            dialled: whole.figures.attempts.saturating_sub(whole.of(Disposition::NotDialled)),
            accepted: whole.figures.accepted,
            talk_ms: whole.figures.talk_ms,
        };
        trunks.insert(row.campaign.key.clone(), row.campaign.trunks.iter().cloned().collect());
        let hours = store.abandon_books(&row.campaign.key, now - BOOKS_KEPT).await?;
        let limits = store.live_limits(&row.campaign.key).await?;
        let campaign = Arc::new(row.campaign);
        campaigns.push(FoundCampaign { campaign, state: row.state, today, used, limits, hours });
    }
    let open = store.open_attempts().await?;
    let queues = queues_today(store, config, midnight, now).await?;
    // What began longer ago has neither rung nor waited for an ACK until now.
    let recent = |open: &&Open| open.stage == OpenStage::Live && now.since(open.intent.at) < sip::RINGING_MAX;
    let unresolved = open.iter().filter(recent).map(|open| unresolved(open, &trunks)).collect();
    if !open.is_empty() {
        tracing::warn!(attempts = open.len(), "attempts without an end are left of the run before");
    }
    let open = open.into_iter().map(|open| match open.stage {
        OpenStage::Live => OpenAttempt::of(open.intent, false),
        OpenStage::AwaitingResult(_) => OpenAttempt::of(open.intent, true),
    });
    let open = open.collect();
    let first = first_inputs(Found { settings: Arc::new(settings), campaigns, queues, open });
    let mut dialogs = Vec::new();
    for leftover in store.leftover_dialogs().await? {
        match serde_json::from_str(&leftover.record) {
            Ok(record) => dialogs.push(record),
            Err(error) => tracing::warn!(leg = leftover.id, %error, "a left-over dialog cannot be read"),
        }
        store.drop_dialog(&leftover.id).await?;
    }
    Ok(Recovered { first, dialogs, unresolved, controls })
}

/// What each queue has done since midnight. Calls that a crash cut off have no end, and are not counted.
async fn queues_today(
    store: &Store,
    config: &Config,
    midnight: Timestamp,
    now: Timestamp,
) -> Result<BTreeMap<QueueName, QueueDay>, StoreError> {
    let mut days = BTreeMap::new();
    for (name, settings) in &config.queues {
        let within_ms = Duration::try_from_secs_f64(settings.within_s).unwrap_or(Duration::MAX).as_millis();
        let within_ms = u64::try_from(within_ms).unwrap_or(u64::MAX);
        let figures = store.inbound_figures(name, midnight, now, within_ms).await?;
        let day = QueueDay {
            offered: figures.offered,
            answered: figures.answered,
            answered_in_time: figures.answered_in_time,
            abandoned: figures.abandoned,
            overflowed: figures.overflowed,
            answered_wait_ms: figures.answer_wait_ms,
        };
        days.insert(name.clone(), day);
    }
    Ok(days)
}

fn unresolved(open: &Open, trunks: &BTreeMap<CampaignKey, BTreeSet<TrunkName>>) -> Unresolved {
    let intent = &open.intent;
    let dial = Dial { attempt: intent.attempt, number: intent.number.clone(), caller_id: intent.caller_id.clone() };
    let mut trunks = trunks.get(&intent.campaign).cloned().unwrap_or_default();
    trunks.insert(intent.trunk.clone());
    Unresolved { dial, trunks }
}

async fn controls(store: &Store) -> Result<Controls, StoreError> {
    let rows = store.group_controls().await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let change = GroupChange {
                idle_threshold: row.controls.idle_threshold,
                hysteresis: row.controls.hysteresis,
                dwell_s: row.controls.dwell_s,
                reserve: row.controls.reserve,
                back: Vec::new(),
            };
            (row.group, change)
        })
        .collect())
}

/// Says goodbye to carriers that still hold a call of the run before, whether its dialog was written down or the process
/// was killed before that.
pub fn end_leftovers(endpoint: &mut Endpoint, now: Now, recovered: &Recovered, plan: &LinePlan, secret: &[u8; 32]) {
    let Recovered { dialogs, unresolved, .. } = recovered;
    if !dialogs.is_empty() || !unresolved.is_empty() {
        let (dialogs, unresolved) = (dialogs.len(), unresolved.len());
        tracing::warn!(dialogs, unresolved, "calls left over at the carrier are ended");
    }
    for record in dialogs {
        endpoint.end_leftover(now, record.clone());
    }
    let answered: BTreeSet<&str> =
        dialogs.iter().filter(|one| one.stage == sip::Stage::Confirmed).map(|one| one.dialog.call_id()).collect();
    for Unresolved { dial, trunks } in unresolved {
        for (name, plan) in plan.trunks.iter().filter(|(name, _)| trunks.contains(*name)) {
            let spec = call_spec(plan, name, dial, secret, Bytes::new());
            if !spec.call_ids().iter().any(|call_id| answered.contains(call_id.as_str())) {
                endpoint.end_unrecorded(now, &spec);
            }
        }
    }
}

/// Names of the files with secrets in the data folder.
const SECRET: &str = "call-secret";
const FORM_SECRET: &str = "form-secret";

/// The secret that names of calls follow from, made at the first start. It must outlive the process that placed them.
///
/// # Errors
/// It cannot be read or written.
pub fn call_secret(folder: &Path) -> io::Result<[u8; 32]> {
    kept_secret(&folder.join(SECRET))
}

/// The secret that the forms of landing pages are sealed with, made at the first start.
///
/// # Errors
/// It cannot be read or written.
pub fn form_secret(folder: &Path) -> io::Result<[u8; 32]> {
    kept_secret(&folder.join(FORM_SECRET))
}

fn kept_secret(path: &Path) -> io::Result<[u8; 32]> {
    match fs::read(path) {
        Ok(bytes) => match bytes.try_into() {
            Ok(secret) => return Ok(secret),
            Err(_) => tracing::warn!(path = %path.display(), "a secret is damaged; a new one is made"),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(io::Error::other)?;
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(&secret)?;
    file.sync_all()?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_made_once_and_only_its_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let secret = call_secret(folder.path()).unwrap();
        assert_eq!(call_secret(folder.path()).unwrap(), secret);
        let path = folder.path().join(SECRET);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, "torn").unwrap();
        assert_ne!(call_secret(folder.path()).unwrap(), secret);
    }
}
