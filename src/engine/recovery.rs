//! What an engine begins with after a stop or a crash: what is durable, as inputs in their order.
//!
//! A driver reads its store and gives what it found; the rules are here, so that a simulated crash is recovered from as a
//! real one is. What becomes of attempts without an end the engine decides (`Event::Recovered`). Read [`first_inputs`]
//! first.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::event::{DayCounts, Event, GroupChange, OpenAttempt};
use super::stats::QueueDay;
use crate::model::abandonment::AbandonTally;
use crate::model::attempt::Intent;
use crate::model::campaign::{Campaign, CampaignState};
use crate::model::disposition::Disposition;
use crate::model::limits::Used;
use crate::model::live_limits::LiveLimits;
use crate::model::name::{GroupName, QueueName};
use crate::model::settings::{IdleThreshold, Settings};

/// What the store knew.
#[derive(Clone, Debug)]
pub struct Found {
    /// Settings in force, with the live controls laid over them.
    pub settings: Arc<Settings>,
    /// Every campaign.
    pub campaigns: Vec<FoundCampaign>,
    /// What the queues have done today.
    pub queues: BTreeMap<QueueName, QueueDay>,
    /// Attempts without an end, or whose agent's result is missing.
    pub open: Vec<OpenAttempt>,
}

/// One campaign as the store knew it.
#[derive(Clone, Debug)]
pub struct FoundCampaign {
    /// Its definition.
    pub campaign: Arc<Campaign>,
    /// Its live state.
    pub state: CampaignState,
    /// Its counts of today.
    pub today: DayCounts,
    /// What it has used since its beginning, today included.
    pub used: Used,
    /// What somebody set of its limits.
    pub limits: LiveLimits,
    /// What a law's measure asks, by the hour of UTC, for as long as the longest window.
    pub hours: Vec<(i64, AbandonTally)>,
}

/// Attempts of one campaign since midnight, as a store counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayTotals {
    /// Intents.
    pub attempts: u64,
    /// Answered by whatever.
    pub answered: u64,
    /// Connected to an agent.
    pub connected: u64,
    /// Abandoned.
    pub abandoned: u64,
}

impl DayTotals {
    /// The engine's counts; `of` gives the attempts with a disposition.
    pub fn day(&self, of: impl Fn(Disposition) -> u64) -> DayCounts {
        let machines = of(Disposition::Machine) + of(Disposition::Fax);
        DayCounts {
            dialled: self.attempts.saturating_sub(of(Disposition::NotDialled)),
            answered: self.answered.saturating_sub(machines),
            connected: self.connected,
            abandoned: self.abandoned,
            hung_up: of(Disposition::HungUp),
            machines,
            accepted: of(Disposition::Accepted),
        }
    }
}

impl OpenAttempt {
    /// Of its intent; `ended`: only the agent's result was missing.
    pub fn of(intent: Intent, ended: bool) -> OpenAttempt {
        OpenAttempt {
            attempt: intent.attempt,
            campaign: intent.campaign,
            lead: intent.lead,
            number: intent.number,
            at: intent.at,
            unknown_before: 0,
            ended,
        }
    }
}

/// The engine's first inputs, in order.
pub fn first_inputs(found: Found) -> Vec<Event> {
    let mut first = vec![Event::SettingsApplied { settings: found.settings }];
    for FoundCampaign { campaign, state, today, used, limits, hours } in found.campaigns {
        let key = campaign.key.clone();
        first.push(Event::CampaignApplied { campaign, state, today: Some(today) });
        first.push(Event::UseRecovered { campaign: key.clone(), used });
        if !limits.is_empty() {
            first.push(Event::LimitsRecovered { campaign: key.clone(), limits });
        }
        first.push(Event::BooksRecovered { campaign: key, hours });
    }
    first.push(Event::QueuesRecovered { queues: found.queues });
    if !found.open.is_empty() {
        first.push(Event::Recovered { attempts: found.open });
    }
    first
}

/// What supervisors set over the configuration while the service ran, by group.
pub type Controls = BTreeMap<GroupName, GroupChange>;

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
