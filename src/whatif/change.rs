//! What is changed: a few keys of the agent group and of the campaign, read by the readers of their files.

use std::time::Duration;

use super::reading::Read;
use super::{Ask, Changed, WhatifError};
use crate::config;
use crate::engine::event::{Event, GroupChange};
use crate::model::campaign::{Campaign, Pacing};
use crate::model::campaign_file::{self, Known};
use crate::model::document::did_you_mean;
use crate::model::live_limits::{LimitChange, LimitName, LiveLimits};
use crate::model::settings::{GroupSettings, Settings};
use crate::sim::rehearsal::Variant;

/// Whose a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOf {
    /// The agent group's, as in the configuration.
    Group,
    /// The campaign's, as in its file.
    Campaign,
    /// The campaign's pacing table.
    Pacing,
}

/// What can be changed. A ring timeout cannot: what a line that was given up would have done is not known.
pub const KEYS: &[(&str, KeyOf)] = &[
    ("idle_threshold", KeyOf::Group),
    ("hysteresis", KeyOf::Group),
    ("dwell_s", KeyOf::Group),
    ("reserve", KeyOf::Group),
    ("smoothing_s", KeyOf::Group),
    ("serve_first", KeyOf::Group),
    ("keep_for_answers", KeyOf::Group),
    ("abandon_rate_max", KeyOf::Campaign),
    ("idle_threshold_min", KeyOf::Campaign),
    ("assignment", KeyOf::Campaign),
    ("priority", KeyOf::Campaign),
    ("may_cancel_ringing", KeyOf::Campaign),
    ("cancel_before_ring_min", KeyOf::Campaign),
    ("pacing", KeyOf::Pacing),
    ("ringing_max", KeyOf::Pacing),
    ("lines_per_agent", KeyOf::Pacing),
    ("min_idle_total", KeyOf::Pacing),
    ("on", KeyOf::Pacing),
    ("within_budget", KeyOf::Pacing),
    ("restarts", KeyOf::Pacing),
    ("level_start", KeyOf::Pacing),
    ("level_max", KeyOf::Pacing),
    ("target", KeyOf::Pacing),
    ("intensity_percent", KeyOf::Pacing),
    ("drop_rule", KeyOf::Pacing),
    ("drop_max", KeyOf::Pacing),
];

fn kind_of(key: &str) -> Option<KeyOf> {
    KEYS.iter().find(|(known, _)| *known == key).map(|(_, of)| *of)
}

/// Whether all keys are known: said before anything long is read.
pub(super) fn check_keys(changes: &[(String, String)]) -> Result<(), WhatifError> {
    match changes.iter().find(|(key, _)| kind_of(key).is_none()) {
        None => Ok(()),
        Some((key, _)) => {
            let names = || KEYS.iter().map(|(known, _)| *known);
            let all = || format!("expected one of: {}", names().collect::<Vec<_>>().join(", "));
            let expected = did_you_mean(key, names()).unwrap_or_else(all);
            Err(WhatifError::UnknownKey { key: key.clone(), expected })
        }
    }
}

/// The traffic's plans with the change, and what it changes of the definitions last in force.
pub(super) fn apply(ask: &Ask, read: &Read) -> Result<(Variant, Vec<Changed>), WhatifError> {
    let changes = Changes { of: &ask.changes, campaign: &read.campaign };
    let settings = changes.settings(&read.settings)?;
    let campaign = changes.campaign(&read.campaign, &read.settings)?;
    if [&read.campaign, &campaign].iter().any(|campaign| matches!(campaign.pacing, Pacing::Preview(_))) {
        return Err(WhatifError::Preview);
    }
    let told = changes.told(&read.settings, &settings, &campaign);
    let mut plans = Vec::new();
    for stretch in &read.traffic.stretches {
        let mut in_force = read.settings.clone();
        let mut changed: Vec<(Duration, Event)> = Vec::with_capacity(stretch.plans.len());
        for (at, event) in &stretch.plans {
            if let Event::SettingsApplied { settings } = event {
                in_force = settings.clone();
            }
            changed.push((*at, changes.event(event, &in_force)?));
        }
        plans.push(changed);
    }
    Ok((Variant { plans }, told))
}

struct Changes<'a> {
    of: &'a [(String, String)],
    campaign: &'a Campaign,
}

impl Changes<'_> {
    fn some(&self, of: KeyOf) -> Vec<(String, String)> {
        self.of.iter().filter(|(key, _)| kind_of(key) == Some(of)).cloned().collect()
    }

    fn event(&self, event: &Event, in_force: &Settings) -> Result<Event, WhatifError> {
        Ok(match event {
            Event::SettingsApplied { settings } => Event::SettingsApplied { settings: self.settings(settings)?.into() },
            Event::CampaignApplied { campaign, state, today } if campaign.key == self.campaign.key => {
                let campaign = self.campaign(campaign, in_force)?.into();
                Event::CampaignApplied { campaign, state: *state, today: today.clone() }
            }
            Event::GroupControl { request, group, change } if *group == self.campaign.group => {
                Event::GroupControl { request: *request, group: group.clone(), change: self.control(change) }
            }
            Event::LimitsRecovered { campaign, limits } if *campaign == self.campaign.key => {
                Event::LimitsRecovered { campaign: campaign.clone(), limits: self.limits(*limits) }
            }
            Event::CampaignLimits { request, campaign, change } if *campaign == self.campaign.key => {
                let change = LimitChange { set: self.limits(change.set), back: change.back.clone() };
                Event::CampaignLimits { request: *request, campaign: campaign.clone(), change }
            }
            other => other.clone(),
        })
    }

    /// What somebody set live of the campaign's limits then gives way to what is asked for now.
    fn limits(&self, limits: LiveLimits) -> LiveLimits {
        let asked = self.of.iter().any(|(key, _)| key == LimitName::AbandonRateMax.as_str());
        LiveLimits { abandon_rate_max: limits.abandon_rate_max.filter(|_| !asked), ..limits }
    }

    /// What somebody set by hand then gives way to what is asked for now.
    fn control(&self, change: &GroupChange) -> GroupChange {
        let asked = |key: &str| self.of.iter().any(|(other, _)| other == key);
        GroupChange {
            idle_threshold: change.idle_threshold.filter(|_| !asked("idle_threshold")),
            hysteresis: change.hysteresis.filter(|_| !asked("hysteresis")),
            dwell_s: change.dwell_s.filter(|_| !asked("dwell_s")),
            reserve: change.reserve.filter(|_| !asked("reserve")),
            back: change.back.iter().copied().filter(|one| !asked(one.name())).collect(),
        }
    }

    fn settings(&self, settings: &Settings) -> Result<Settings, WhatifError> {
        let mut settings = settings.clone();
        let changes = self.some(KeyOf::Group);
        if let (Some(group), false) = (settings.groups.get_mut(&self.campaign.group), changes.is_empty()) {
            *group = config::group_changed(group, &changes).map_err(WhatifError::Change)?;
        }
        Ok(settings)
    }

    fn campaign(&self, campaign: &Campaign, settings: &Settings) -> Result<Campaign, WhatifError> {
        let mut campaign = campaign.clone();
        let mut changes: Vec<(Vec<String>, String)> = Vec::new();
        changes.extend(self.some(KeyOf::Campaign).into_iter().map(|(key, value)| (vec![key], value)));
        for (key, value) in self.some(KeyOf::Pacing) {
            let key = if key == "pacing" { "mode".to_owned() } else { key };
            if key == "mode" && value != mode(&campaign.pacing) {
                // Parameters of the mode before mean nothing to the next.
                campaign.pacing = Pacing::Progressive { ringing_max: ringing_max(&campaign.pacing) };
            }
            changes.push((vec!["pacing".to_owned(), key], value));
        }
        if changes.is_empty() {
            return Ok(campaign);
        }
        let known = known(&campaign, settings);
        campaign_file::changed(&campaign, &changes, Some(&known)).map_err(WhatifError::Change)
    }

    fn told(&self, before: &Settings, after: &Settings, campaign: &Campaign) -> Vec<Changed> {
        let group = |settings: &Settings| settings.groups.get(&self.campaign.group).map(group_table);
        let (before, after) = (group(before).unwrap_or_default(), group(after).unwrap_or_default());
        let (was, is) = (campaign_table(self.campaign), campaign_table(campaign));
        let told = self.of.iter().map(|(key, _)| {
            let (from, to) = match kind_of(key) {
                Some(KeyOf::Group) => (before.get(key), after.get(key)),
                Some(KeyOf::Campaign) => (was.get(key), is.get(key)),
                Some(KeyOf::Pacing) | None => (pacing(&was, key), pacing(&is, key)),
            };
            Changed { key: key.clone(), from: shown(from), to: shown(to) }
        });
        told.collect()
    }
}

/// What the campaign may refer to: what it refers to already, under the rules of its profile.
fn known(campaign: &Campaign, settings: &Settings) -> Known {
    let consent = campaign.recording.consent_prompt.iter();
    let named = campaign.outreach.values().filter_map(|one| Some((one.gateway.clone()?, one.sender.clone())));
    let gateways = named.map(|(gateway, sender)| (gateway, sender.into_iter().collect()));
    Known {
        profiles: settings.profiles.clone(),
        groups: [campaign.group.clone()].into(),
        trunks: campaign.trunks.iter().cloned().collect(),
        prompts: consent.chain([&campaign.information_message]).cloned().collect(),
        numbers: [campaign.caller_id.clone()].into(),
        gateways: gateways.collect(),
        landing_url: None,
    }
}

fn mode(pacing: &Pacing) -> &'static str {
    match pacing {
        Pacing::Progressive { .. } => "progressive",
        Pacing::Ratio { .. } => "ratio",
        Pacing::Predictive { .. } => "predictive",
        Pacing::Adaptive { .. } => "adaptive",
        Pacing::Preview(_) => "preview",
    }
}

fn ringing_max(pacing: &Pacing) -> Option<u32> {
    match pacing {
        Pacing::Progressive { ringing_max }
        | Pacing::Ratio { ringing_max, .. }
        | Pacing::Predictive { ringing_max }
        | Pacing::Adaptive { ringing_max, .. } => *ringing_max,
        Pacing::Preview(_) => None,
    }
}

fn group_table(group: &GroupSettings) -> toml::Table {
    toml::Table::try_from(group).unwrap_or_default()
}

fn campaign_table(campaign: &Campaign) -> toml::Table {
    toml::Table::try_from(campaign).unwrap_or_default()
}

fn pacing<'t>(campaign: &'t toml::Table, key: &str) -> Option<&'t toml::Value> {
    campaign.get("pacing")?.get(if key == "pacing" { "mode" } else { key })
}

fn shown(value: Option<&toml::Value>) -> String {
    match value {
        None => "–".to_owned(),
        Some(toml::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
