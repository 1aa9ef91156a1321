//! Figures: one definition each, counted from the rows themselves.
//!
//! *Answered*: somebody or something picked up. *Connected*: an agent was put through. *Abandoned*: a person answered and
//! found no agent in time. The *abandon rate* is abandoned / (connected + abandoned).

use std::collections::BTreeMap;

use serde::Serialize;

use super::Store;
use super::db::{Conn, Row, params, statements};
use super::error::StoreError;
use super::leads::{LeadCounts, lead_counts};
use crate::model::abandonment::AbandonTally;
use crate::model::disposition::Disposition;
use crate::model::name::{CampaignKey, QueueName};
use crate::model::time::Timestamp;

/// What became of attempts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct AttemptTotals {
    /// Begun.
    pub attempts: u64,
    /// Of these, on their way.
    pub live: u64,
    /// Picked up by somebody or something.
    pub answered: u64,
    /// Put through to an agent.
    pub connected: u64,
    /// A person answered and found no agent in time.
    pub abandoned: u64,
    /// Ended ones by what counts.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub by_disposition: BTreeMap<Disposition, u64>,
}

impl AttemptTotals {
    /// How many ended like this.
    pub fn of(&self, disposition: Disposition) -> u64 {
        self.by_disposition.get(&disposition).copied().unwrap_or(0)
    }

    /// Abandoned among people who answered, 0 to 1; `None` while nobody has.
    pub fn abandon_rate(&self) -> Option<f64> {
        let people = self.connected + self.abandoned;
        (people > 0).then(|| self.abandoned as f64 / people as f64)
    }
}

/// A campaign at a glance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct CampaignTotals {
    /// Its leads by state.
    pub leads: LeadCounts,
    /// Attempts begun since the day began.
    pub today: AttemptTotals,
    /// All attempts.
    pub total: AttemptTotals,
}

/// One queue over a span of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct InboundFigures {
    /// Callers who came to the queue while it was open.
    pub offered: u64,
    /// Of these, answered.
    pub answered: u64,
    /// Of these, answered in time.
    pub answered_in_time: u64,
    /// Hung up while waiting.
    pub abandoned: u64,
    /// Of these, before the time had passed: nobody could have answered in time.
    pub abandoned_in_time: u64,
    /// Sent to the overflow.
    pub overflowed: u64,
    /// Came while the queue was closed; not offered.
    pub closed: u64,
    /// Sum of the waits of those answered, in ms.
    pub answer_wait_ms: u64,
    /// Longest wait, in ms.
    pub wait_max_ms: u64,
    /// Sum of the talk times, in ms.
    pub talk_ms: u64,
}

impl InboundFigures {
    /// Share answered in time among those offered, without who hung up before the time had passed.
    pub fn service_level(&self) -> Option<f64> {
        let counted = self.offered.saturating_sub(self.abandoned_in_time);
        (counted > 0).then(|| self.answered_in_time as f64 / counted as f64)
    }

    /// Average speed of answer, in ms.
    pub fn average_answer_ms(&self) -> Option<u64> {
        self.answer_wait_ms.checked_div(self.answered)
    }
}

statements! {
    TOTALS = "
        select disposition, state,
               count(*) as attempts,
               count(*) filter (where answered_at is not null) as answered,
               count(*) filter (where connected_at is not null) as connected,
               count(*) filter (where network_disposition = 'abandoned') as abandoned
        from attempts where campaign = $1 and at >= $2 and at < $3
        group by disposition, state";
    BOOKS = "
        select coalesce(answered_at, at) / 3600000 as hour,
               count(*) filter (where answered_at is not null and coalesce(disposition, '') not in ('machine', 'fax'))
                   as answered,
               count(*) filter (where connected_at is not null) as connected,
               count(*) filter (where network_disposition = 'abandoned') as abandoned,
               count(*) filter (where disposition in ('machine', 'fax')) as machines
        from attempts where campaign = $1 and at >= $2
        group by coalesce(answered_at, at) / 3600000
        order by coalesce(answered_at, at) / 3600000";
    INBOUND = "
        select count(*) filter (where outcome in ('answered', 'abandoned', 'overflowed')) as offered,
               count(*) filter (where outcome = 'answered') as answered,
               count(*) filter (where outcome = 'answered' and connected_at - offered_at <= $4) as answered_in_time,
               count(*) filter (where outcome = 'abandoned') as abandoned,
               count(*) filter (where outcome = 'abandoned' and ended_at - offered_at <= $4) as abandoned_in_time,
               count(*) filter (where outcome = 'overflowed') as overflowed,
               count(*) filter (where outcome = 'closed') as closed,
               cast(coalesce(sum(connected_at - offered_at) filter (where outcome = 'answered'), 0) as bigint)
                   as answer_wait_ms,
               cast(coalesce(max(coalesce(connected_at, ended_at) - offered_at)
                             filter (where outcome in ('answered', 'abandoned', 'overflowed')), 0) as bigint)
                   as wait_max_ms,
               cast(coalesce(sum(ended_at - connected_at) filter (where outcome = 'answered'), 0) as bigint) as talk_ms
        from inbound_calls where queue = $1 and offered_at >= $2 and offered_at < $3";
}

impl Store {
    /// A campaign's leads and attempts; `today_from` is when the installation's day began.
    pub async fn campaign_totals(
        &self,
        campaign: &CampaignKey,
        today_from: Timestamp,
    ) -> Result<CampaignTotals, StoreError> {
        let mut conn = self.reader().await?;
        let end = Timestamp::from_millis(i64::MAX);
        Ok(CampaignTotals {
            leads: lead_counts(&mut conn, campaign).await?,
            today: totals(&mut conn, campaign, today_from, end).await?,
            total: totals(&mut conn, campaign, Timestamp::from_millis(i64::MIN), end).await?,
        })
    }

    /// A campaign's attempts that began from `from` until before `to`.
    pub async fn attempt_totals(
        &self,
        campaign: &CampaignKey,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<AttemptTotals, StoreError> {
        let mut conn = self.reader().await?;
        totals(&mut conn, campaign, from, to).await
    }

    /// What a law's measure of abandoned calls asks of a campaign's attempts that began from `from` on, by the hour of UTC
    /// in which they were answered.
    pub async fn abandon_books(
        &self,
        campaign: &CampaignKey,
        from: Timestamp,
    ) -> Result<Vec<(i64, AbandonTally)>, StoreError> {
        let mut conn = self.reader().await?;
        let rows = conn.rows(BOOKS, params![campaign.as_str(), from]).await?;
        let hour = |row: &Row| {
            let tally = AbandonTally {
                answered: row.count("answered")?,
                connected: row.count("connected")?,
                abandoned: row.count("abandoned")?,
                machines: row.count("machines")?,
            };
            Ok((row.int("hour")?, tally))
        };
        rows.iter().map(hour).collect()
    }

    /// A queue's callers who arrived from `from` until before `to`; `within_ms` is the time they are to be answered in.
    pub async fn inbound_figures(
        &self,
        queue: &QueueName,
        from: Timestamp,
        to: Timestamp,
        within_ms: u64,
    ) -> Result<InboundFigures, StoreError> {
        let mut conn = self.reader().await?;
        let row = conn.one(INBOUND, params![queue.as_str(), from, to, within_ms]).await?;
        Ok(InboundFigures {
            offered: row.count("offered")?,
            answered: row.count("answered")?,
            answered_in_time: row.count("answered_in_time")?,
            abandoned: row.count("abandoned")?,
            abandoned_in_time: row.count("abandoned_in_time")?,
            overflowed: row.count("overflowed")?,
            closed: row.count("closed")?,
            answer_wait_ms: row.count("answer_wait_ms")?,
            wait_max_ms: row.count("wait_max_ms")?,
            talk_ms: row.count("talk_ms")?,
        })
    }
}

async fn totals(
    conn: &mut Conn,
    campaign: &CampaignKey,
    from: Timestamp,
    to: Timestamp,
) -> Result<AttemptTotals, StoreError> {
    let mut totals = AttemptTotals::default();
    for row in conn.rows(TOTALS, params![campaign.as_str(), from, to]).await? {
        let attempts = row.count("attempts")?;
        totals.attempts += attempts;
        totals.answered += row.count("answered")?;
        totals.connected += row.count("connected")?;
        totals.abandoned += row.count("abandoned")?;
        if row.text("state")? == "live" {
            totals.live += attempts;
        } else if let Some(disposition) = row.opt_parsed::<Disposition>("disposition")? {
            *totals.by_disposition.entry(disposition).or_default() += attempts;
        }
    }
    Ok(totals)
}
