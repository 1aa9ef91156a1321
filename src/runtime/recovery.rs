//! What a crash left behind, made good before anything is dialled.
//!
//! Attempts without an end become `unknown` by the engine's rule: they count, and cool off. Dialogs that the carrier may
//! still hold are ended. Results that were accepted and not yet written were replayed by the store when it opened.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::Config;
use crate::engine::event::{DayCounts, Event, GroupChange, OpenAttempt};
use crate::model::disposition::Disposition;
use crate::model::name::GroupName;
use crate::model::settings::{IdleThreshold, Settings};
use crate::model::time::{Now, Timestamp};
use crate::sip::{DialogRecord, Endpoint};
use crate::store::{OpenStage, Store, StoreError};

/// What the service begins with.
pub struct Recovered {
    /// The engine's first inputs.
    pub first: Vec<Event>,
    /// Dialogs to be ended.
    pub dialogs: Vec<DialogRecord>,
    /// Live controls in force.
    pub controls: Controls,
}

/// Reads what the engine begins with, and what is left of the run before.
///
/// # Errors
/// The store cannot be read: without knowing what was dialled, nothing may be.
pub async fn recover(store: &Store, config: &Config, now: Timestamp) -> Result<Recovered, StoreError> {
    let controls = controls(store).await?;
    let mut settings = config.settings();
    lay_over(&mut settings, &controls);
    let mut first = vec![Event::SettingsApplied { settings: Arc::new(settings) }];
    let midnight = config.installation.zone.day_began(now);
    for row in store.campaigns().await? {
        let totals = store.campaign_totals(&row.campaign.key, midnight).await?;
        let today = DayCounts {
            dialled: totals.today.attempts.saturating_sub(totals.today.of(Disposition::NotDialled)),
            answered: totals
                .today
                .answered
                .saturating_sub(totals.today.of(Disposition::Machine) + totals.today.of(Disposition::Fax)),
            connected: totals.today.connected,
            abandoned: totals.today.abandoned,
            hung_up: totals.today.of(Disposition::HungUp),
            machines: totals.today.of(Disposition::Machine) + totals.today.of(Disposition::Fax),
            accepted: totals.today.of(Disposition::Accepted),
        };
        first.push(Event::CampaignApplied { campaign: Arc::new(row.campaign), state: row.state, today: Some(today) });
    }
    let open = store.open_attempts().await?;
    if !open.is_empty() {
        tracing::warn!(attempts = open.len(), "attempts without an end are left of the run before");
        let attempts = open
            .into_iter()
            .map(|open| OpenAttempt {
                attempt: open.intent.attempt,
                campaign: open.intent.campaign,
                lead: open.intent.lead,
                number: open.intent.number,
                at: open.intent.at,
                unknown_before: 0,
                ended: match open.stage {
                    OpenStage::Live => false,
                    OpenStage::AwaitingResult(_) => true,
                },
            })
            .collect();
        first.push(Event::Recovered { attempts });
    }
    let mut dialogs = Vec::new();
    for leftover in store.leftover_dialogs().await? {
        match serde_json::from_str(&leftover.record) {
            Ok(record) => dialogs.push(record),
            Err(error) => tracing::warn!(leg = leftover.id, %error, "a left-over dialog cannot be read"),
        }
        store.drop_dialog(&leftover.id).await?;
    }
    Ok(Recovered { first, dialogs, controls })
}

/// What supervisors set over the configuration while the service ran, by group.
pub type Controls = BTreeMap<GroupName, GroupChange>;

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
            };
            (row.group, change)
        })
        .collect())
}

/// Lays the live controls over settings that come from the configuration, at start and at each reload.
pub fn lay_over(settings: &mut Settings, controls: &Controls) {
    for (group, change) in controls {
        let Some(group) = settings.groups.get_mut(group) else { continue };
        group.idle_threshold = change.idle_threshold.map_or(group.idle_threshold, IdleThreshold::Above);
        group.hysteresis = change.hysteresis.unwrap_or(group.hysteresis);
        group.dwell_s = change.dwell_s.unwrap_or(group.dwell_s);
        group.reserve = change.reserve.unwrap_or(group.reserve);
    }
}

/// Says goodbye to carriers that still hold a call of the run before.
pub fn end_leftovers(endpoint: &mut Endpoint, now: Now, dialogs: Vec<DialogRecord>) {
    if !dialogs.is_empty() {
        tracing::warn!(dialogs = dialogs.len(), "calls left over at the carrier are ended");
    }
    for record in dialogs {
        endpoint.end_leftover(now, record);
    }
}
