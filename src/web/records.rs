//! What the API reads and writes in the store, in the shapes of the API: the one place that knows both.

mod callbacks;
mod controls;
mod counted;
mod customers;
mod decisions;
mod exports;
mod funnel;
pub(super) mod jobs;
mod keys;
mod landing;
mod ledgers;
pub(super) mod lists;
mod messages;
mod orders;
mod outreach;
mod people;
mod promises;
mod recordings;
mod search;
mod webhooks;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use self::counted::CountedLeads;
use self::funnel::CountedFunnels;
use super::Settings;
use super::campaigns::{CampaignApplied, CampaignDetail, CampaignSummary, LeadCounts, RevisionView};
use super::problem::{ErrorItem, Kind, Problem};
use crate::engine::event::DayCounts;
use crate::model::attempt::GateChange;
use crate::model::campaign::{Campaign, CampaignState};
use crate::model::changes::Differences;
use crate::model::disposition::Disposition;
use crate::model::name::{CampaignKey, GroupName};
use crate::model::time::Timestamp;
use crate::model::zone::Zone;
use crate::report::{self, Question, Report};
use crate::store::{self, AttemptTotals, Base, KeptAnswer, RevisionRow, SessionLife, Store, StoreError};

/// How far back gate changes are read: more than any chart of the wallboard shows.
const GATE_CHANGES_BACK: Duration = Duration::from_secs(24 * 3600);

/// The store behind the API.
pub(super) struct Records {
    store: Store,
    settings: watch::Receiver<Arc<Settings>>,
    counted: Arc<CountedLeads>,
    funnels: CountedFunnels,
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        match &error {
            StoreError::AlreadyExists { .. } => Problem::new(Kind::Conflict, error.to_string()),
            StoreError::NotFound { .. } => Problem::new(Kind::NotFound, error.to_string()),
            StoreError::TooLate { .. } => Problem::new(Kind::TooLate, error.to_string()),
            StoreError::Unfit { what, .. } => {
                let pointer = match what.split_whitespace().next() {
                    Some("password") => "/password",
                    Some("login") => "/login",
                    Some("name") => "/name",
                    Some("url") => "/url",
                    Some("events") => "/events",
                    Some("scopes") => "/scopes",
                    Some("role") => "/role",
                    _ => "",
                };
                Problem::field(pointer, "unfit", error.to_string())
            }
            StoreError::Moved { revision, .. } => {
                let found = ErrorItem {
                    code: Kind::RevisionDiffers.code().to_owned(),
                    detail: error.to_string(),
                    value: Some(revision.to_string()),
                    ..ErrorItem::default()
                };
                Problem::new(Kind::RevisionDiffers, error.to_string()).with_errors(vec![found])
            }
            StoreError::Unreadable { .. } | StoreError::Statement { .. } => Problem::internal("the store", error),
            StoreError::Down(_)
            | StoreError::DiskFull { .. }
            | StoreError::Busy { .. }
            | StoreError::Unresolved
            | StoreError::Journal { .. }
            | StoreError::Closed
            | StoreError::CannotOpen { .. }
            | StoreError::NotADatabase { .. }
            | StoreError::ForeignDatabase { .. }
            | StoreError::NewerSchema { .. }
            | StoreError::ChangedMigration { .. }
            | StoreError::ReadOnly { .. }
            | StoreError::InUse { .. }
            | StoreError::Damaged { .. } => Problem::unavailable("the store", error),
        }
    }
}

impl Records {
    pub(super) fn new(store: Store, settings: watch::Receiver<Arc<Settings>>) -> Records {
        Records { store, settings, counted: Arc::default(), funnels: CountedFunnels::default() }
    }

    fn session_life(&self) -> SessionLife {
        self.settings.borrow().session
    }

    /// What keeps the store from taking writes or answering reads, in words.
    pub(super) async fn trouble(&self) -> Option<&'static str> {
        match &*self.store.health().borrow() {
            store::Health::Up => {}
            store::Health::DiskFull => return Some("the disk is full: results are kept aside, all else is refused"),
            store::Health::Down(_) => return Some("storage takes no writes; the log says why"),
        }
        self.store.schema_version().await.is_err().then_some("storage does not answer")
    }

    pub(super) async fn audit(
        &self,
        who: &str,
        what: &'static str,
        object: &str,
        detail: &str,
        now: Timestamp,
    ) -> Result<(), Problem> {
        Ok(self.store.audit(who, what, object, detail, now).await?)
    }

    /// The answer that is kept under an id.
    pub(super) async fn kept_answer(&self, id: &str, now: Timestamp) -> Result<Option<KeptAnswer>, Problem> {
        Ok(self.store.kept_answer(id, now).await?)
    }

    /// Keeps an answer. What was asked is done already: a failure is logged and stops nothing.
    pub(super) async fn keep_answer(&self, id: String, answer: KeptAnswer, now: Timestamp) {
        if let Err(error) = self.store.keep_answer(id, answer, now).await {
            tracing::error!(%error, "an answer could not be kept for whoever asks again");
        }
    }

    /// Gate changes of these groups, latest first.
    pub(super) async fn gate_changes(
        &self,
        groups: &[GroupName],
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<GateChange>, Problem> {
        let mut changes = Vec::new();
        for group in groups {
            let after_now = now + Duration::from_millis(1);
            changes.extend(self.store.gate_changes(group, now - GATE_CHANGES_BACK, after_now).await?);
        }
        changes.sort_by_key(|change: &GateChange| std::cmp::Reverse(change.at));
        changes.truncate(limit as usize);
        Ok(changes)
    }

    pub(super) async fn campaigns(
        &self,
        today_from: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<CampaignSummary>, Problem> {
        let rows = self.store.campaigns().await?;
        let mut summaries = Vec::with_capacity(rows.len());
        for row in rows {
            let totals = self.store.campaign_totals(&row.campaign.key, today_from).await?;
            summaries.push(CampaignSummary {
                key: row.campaign.key.clone(),
                title: row.campaign.title.clone(),
                state: row.state,
                group: row.campaign.group.clone(),
                revision: row.revision,
                leads: self.counted.of(&self.store, &row.campaign.key, now).await?.into(),
                today: day_counts(&totals.today),
                view: None,
            });
        }
        Ok(summaries)
    }

    pub(super) async fn campaign(
        &self,
        key: &CampaignKey,
        today_from: Timestamp,
        now: Timestamp,
    ) -> Result<Option<CampaignDetail>, Problem> {
        let Some(row) = self.store.campaign(key).await? else { return Ok(None) };
        let revisions = self.store.revisions(key).await?;
        let totals = self.store.campaign_totals(key, today_from).await?;
        let text = revisions.iter().find(|revision| revision.revision == row.revision);
        let by_disposition: BTreeMap<String, u64> = totals
            .total
            .by_disposition
            .iter()
            .map(|(disposition, count)| (disposition.as_str().to_owned(), *count))
            .collect();
        Ok(Some(CampaignDetail {
            text: text.map(|revision| revision.text.clone()).unwrap_or_default(),
            campaign: row.campaign,
            state: row.state,
            state_by: row.state_by,
            state_at: row.state_at,
            state_why: row.state_why,
            revision: row.revision,
            revisions: revisions
                .into_iter()
                .map(|one| RevisionView {
                    revision: one.revision,
                    by: one.applied_by,
                    at: one.applied_at,
                    why: one.why,
                })
                .collect(),
            leads: self.counted.of(&self.store, key, now).await?.into(),
            sorting: None,
            totals: by_disposition,
            profile: None,
        }))
    }

    pub(super) async fn report(&self, question: &Question, zone: &Zone) -> Result<Report, Problem> {
        Ok(report::report(&self.store, question, zone).await?)
    }

    /// A revision of a campaign, or the one in force; `None` where there is no such campaign.
    pub(super) async fn revision(
        &self,
        key: &CampaignKey,
        revision: Option<u64>,
    ) -> Result<Option<RevisionRow>, Problem> {
        Ok(self.store.revision(key, revision).await?)
    }

    pub(super) async fn plan(&self, campaign: &Campaign, text: &str) -> Result<(Option<u64>, Differences), Problem> {
        Ok(self.store.plan(campaign, text).await?)
    }

    pub(super) async fn compare(
        &self,
        key: &CampaignKey,
        from: Option<u64>,
        to: Option<u64>,
    ) -> Result<Option<(u64, u64, Differences)>, Problem> {
        Ok(self.store.compare_revisions(key, from, to).await?)
    }

    pub(super) async fn campaign_definition(&self, key: &CampaignKey) -> Result<Option<Campaign>, Problem> {
        Ok(self.store.campaign(key).await?.map(|row| row.campaign))
    }

    pub(super) async fn campaign_exists(&self, key: &CampaignKey) -> Result<bool, Problem> {
        Ok(self.store.campaign(key).await?.is_some())
    }

    pub(super) async fn apply_campaign(
        &self,
        campaign: &Campaign,
        text: &str,
        base: Base,
        (by, why): (&str, &str),
        now: Timestamp,
    ) -> Result<CampaignApplied, Problem> {
        let key = campaign.key.clone();
        let before = self.store.campaign(&key).await?.map(|row| row.revision);
        let revision = self.store.apply_campaign_based_on(base, campaign.clone(), text, (by, why), now).await?;
        // Applying makes an ended campaign ready again, so the state is read afterwards.
        let state = self.store.campaign(&key).await?.map_or(CampaignState::Ready, |row| row.state);
        Ok(CampaignApplied { key, revision, changed: before != Some(revision), state })
    }
}

impl From<store::LeadCounts> for LeadCounts {
    fn from(counts: store::LeadCounts) -> LeadCounts {
        let store::LeadCounts { open, dialling, callback, done, given_up, left_out } = counts;
        LeadCounts { open, dialling, callback, done, given_up, left_out }
    }
}

/// Counts of a day from the store, for a campaign that the engine does not have.
fn day_counts(totals: &AttemptTotals) -> DayCounts {
    let of = |dispositions: &[Disposition]| -> u64 {
        dispositions.iter().filter_map(|one| totals.by_disposition.get(one)).sum()
    };
    let machines = of(&[Disposition::Machine]);
    let figures = &totals.figures;
    DayCounts {
        dialled: figures.attempts,
        answered: figures.answered.saturating_sub(machines),
        connected: figures.connected,
        abandoned: figures.abandoned,
        hung_up: figures.answered.saturating_sub(machines + figures.connected + figures.abandoned),
        machines,
        accepted: of(&[Disposition::Accepted]),
    }
}
