//! Live controls: who changed what and when, from the audit trail.

use std::collections::BTreeMap;

use super::Records;
use crate::model::live_limits::{LimitName, LiveLimits};
use crate::model::name::{CampaignKey, GroupName};
use crate::model::time::Timestamp;
use crate::store::AuditEntry;
use crate::web::Settings;
use crate::web::groups::{ChangeView, ChangesQuery, ControlName};
use crate::web::limits::LimitView;
use crate::web::problem::Problem;

/// How far back it is looked for who changed a control last, in changes of its group.
const LOOKED_THROUGH: usize = 500;

/// How a control came to be as it is.
#[derive(Clone, Debug, Default)]
pub(in crate::web) struct ControlMark {
    /// It is set over the configuration.
    pub(in crate::web) set: bool,
    /// Who changed it last.
    pub(in crate::web) by: Option<String>,
    /// When.
    pub(in crate::web) at: Option<Timestamp>,
}

impl Records {
    /// How each control of a group came to be as it is, by name.
    pub(in crate::web) async fn control_marks(
        &self,
        group: &GroupName,
    ) -> Result<BTreeMap<&'static str, ControlMark>, Problem> {
        let set = self.store.group_controls().await?.into_iter().find(|row| row.group == *group);
        let set = set.map(|row| row.controls).unwrap_or_default();
        let entries = self.store.audit_of(group.as_str(), &["group_controls"], None, LOOKED_THROUGH).await?;
        let entries: Vec<ChangeView> = entries.into_iter().map(ChangeView::from).collect();
        Ok(ControlName::ALL
            .into_iter()
            .map(|control| {
                let last = entries.iter().find(|entry| entry.controls.contains_key(control.as_str()));
                let mark = ControlMark {
                    set: match control {
                        ControlName::IdleThreshold => set.idle_threshold.is_some(),
                        ControlName::Hysteresis => set.hysteresis.is_some(),
                        ControlName::DwellS => set.dwell_s.is_some(),
                        ControlName::Reserve => set.reserve.is_some(),
                    },
                    by: last.map(|entry| entry.by.clone()),
                    at: last.map(|entry| entry.at),
                };
                (control.as_str(), mark)
            })
            .collect())
    }

    /// The limits of a campaign that can be set live; `None` where there is no such campaign.
    pub(in crate::web) async fn live_limits(
        &self,
        key: &CampaignKey,
        settings: &Settings,
    ) -> Result<Option<Vec<LimitView>>, Problem> {
        let Some(row) = self.store.campaign(key).await? else { return Ok(None) };
        let live = self.store.live_limits(key).await?;
        let by_definition = LiveLimits::defined_by(&row.campaign);
        let cap = settings.engine.profiles.get(&row.campaign.profile).map(|profile| profile.abandon_rate_max);
        let entries = self.store.audit_of(key.as_str(), &["campaign_limits"], None, LOOKED_THROUGH).await?;
        let entries: Vec<ChangeView> = entries.into_iter().map(ChangeView::from).collect();
        let view = |limit: LimitName| {
            let last = entries.iter().find(|entry| entry.controls.contains_key(limit.as_str()));
            let defined = by_definition.get(limit);
            let max = cap.filter(|_| limit == LimitName::AbandonRateMax);
            let wished = live.get(limit).or(defined);
            LimitView {
                limit,
                // The law's cap holds beside every other.
                in_force: wished.map(|wished| max.map_or(wished, |max| wished.min(max))),
                defined,
                max,
                set: live.has(limit),
                changed_by: last.map(|entry| entry.by.clone()),
                changed_at: last.map(|entry| entry.at),
            }
        };
        Ok(Some(LimitName::ALL.map(view).into()))
    }

    /// What was done to a campaign or group, latest first.
    pub(in crate::web) async fn changes(
        &self,
        object: &str,
        whats: &[&str],
        query: &ChangesQuery,
    ) -> Result<Vec<ChangeView>, Problem> {
        let entries = self.store.audit_of(object, whats, query.before, query.limit()).await?;
        Ok(entries.into_iter().map(ChangeView::from).collect())
    }
}

impl From<AuditEntry> for ChangeView {
    fn from(entry: AuditEntry) -> ChangeView {
        let controls = match entry.what.as_str() {
            "group_controls" | "campaign_limits" => serde_json::from_str(&entry.detail).ok(),
            _ => None, // told in words
        };
        ChangeView {
            id: entry.id.to_string(),
            at: entry.at,
            by: entry.who,
            what: entry.what,
            detail: if controls.is_some() { String::new() } else { entry.detail },
            controls: controls.unwrap_or_default(),
        }
    }
}
