//! The attempts behind a figure: what a click on it lists, by the same definitions.
//!
//! However rare they are among millions, they are found at once: the counts say in which hours there are any. Read [`Behind`] first.

use super::HOUR_MS;
use crate::model::disposition::Disposition;
use crate::model::id::{ListId, UserId};
use crate::model::name::CampaignKey;
use crate::model::recording::Recorded;
use crate::model::time::Timestamp;
use crate::store::Store;
use crate::store::db::{Conn, params, statements, word};
use crate::store::error::StoreError;
use crate::store::history::{AttemptCursor, AttemptRow, PAGE_MAX, attempt_row};
use crate::store::recordings::recorded_word;

/// Hours looked up at once.
const HOURS_AT_ONCE: u32 = 100;

/// How far leads came: each stage counts a lead once, at the attempt that brought it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Dialled for the first time.
    Dialled,
    /// Answered for the first time.
    Answered,
    /// Connected to an agent for the first time.
    Connected,
    /// Took the offer.
    Accepted,
}

impl Stage {
    /// All of them, from the first to the last.
    pub const ALL: [Stage; 4] = [Stage::Dialled, Stage::Answered, Stage::Connected, Stage::Accepted];
}

/// What all rows have in common; all that is set must hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Behind {
    /// Of this campaign.
    pub campaign: CampaignKey,
    /// Begun at or after.
    pub from: Timestamp,
    /// Begun before.
    pub to: Timestamp,
    /// What counts.
    pub disposition: Option<Disposition>,
    /// The campaign's own name of the result; empty for those without one.
    pub result: Option<String>,
    /// Whose leads came with this list.
    pub list: Option<ListId>,
    /// With this agent; 0 for those without one.
    pub agent: Option<UserId>,
    /// That brought their lead so far.
    pub stage: Option<Stage>,
    /// Whether there is a recording.
    pub recorded: Option<Recorded>,
}

statements! {
    ANY_IN_HOURS = "
        select hour from figures
        where campaign = $1 and hour >= $2 and hour <= $3
          and (cast($4 as text) is null or disposition = $4) and (cast($5 as text) is null or result = $5)
          and (cast($6 as bigint) is null or list_id = $6) and (cast($7 as bigint) is null or agent_id = $7)
        group by hour
        having sum(case $8 when 'dialled' then leads_dialled when 'answered' then leads_answered
                   when 'connected' then leads_connected when 'accepted' then accepted else attempts end) > 0
        order by hour desc limit $9";
    STALE_HOURS = "
        select hour from figures_stale where campaign = $1 and hour >= $2 and hour <= $3 order by hour desc";
    ROWS = concat!("
        select * from attempts
        where campaign = $1 and at >= $2 and (at, id) < ($3, $4)
          and (cast($5 as text) is null or disposition = $5)
          and exists (
              select 1 from attempt_figures f
              where f.id = attempts.id and (cast($6 as text) is null or f.result = $6)
                and (cast($7 as bigint) is null or f.list_id = $7) and (cast($8 as bigint) is null or f.agent_id = $8)
                and case $9 when 'dialled' then f.leads_dialled when 'answered' then f.leads_answered
                    when 'connected' then f.leads_connected when 'accepted' then f.accepted else 1 end = 1)
          and (cast($11 as text) is null or coalesce((
              select ", recorded_word!(), " from recordings r
              where r.direction = 'outbound' and r.call_id = attempts.id), 'no') = $11)
        order by at desc, id desc limit $10");
}

impl Store {
    /// A page of the attempts behind a figure, latest first, after the row `after` of the page before. At most 1,000.
    pub async fn attempts_behind(
        &self,
        of: &Behind,
        after: Option<AttemptCursor>,
        limit: usize,
    ) -> Result<Vec<AttemptRow>, StoreError> {
        let mut conn = self.reader().await?;
        conn.begin_snapshot().await?;
        let found = of.page(&mut conn, after, limit.min(PAGE_MAX)).await;
        conn.control("commit").await?;
        found
    }
}

impl Behind {
    async fn page(
        &self,
        conn: &mut Conn,
        after: Option<AttemptCursor>,
        limit: usize,
    ) -> Result<Vec<AttemptRow>, StoreError> {
        let from = self.from.as_millis().max(0);
        // Before this, and at the same moment before this id.
        let to = (self.to.as_millis(), i64::MIN);
        let (until, id) = after.map_or(to, |cursor| (cursor.at.as_millis(), cursor.id.0).min(to));
        let mut found = Vec::new();
        let mut below = until / HOUR_MS;
        let stale = conn.rows(STALE_HOURS, params![self.campaign.as_str(), from / HOUR_MS, below]).await?;
        let stale: Vec<i64> = stale.iter().map(|row| row.int("hour")).collect::<Result<_, _>>()?;
        loop {
            let hours = self.hours(conn, from / HOUR_MS, below).await?;
            let last = hours.last().copied();
            let whole = (hours.len() as u32) < HOURS_AT_ONCE;
            let lowest = if whole { from / HOUR_MS } else { last.unwrap_or(below) };
            let mut all: Vec<i64> =
                stale.iter().copied().filter(|hour| (lowest..=below).contains(hour)).chain(hours).collect();
            all.sort_unstable();
            all.dedup();
            for (first, last) in runs_from_the_end(&all) {
                let (first, end) = ((first * HOUR_MS).max(from), (last + 1) * HOUR_MS);
                let (at, id) = (end, i64::MIN).min((until, id));
                let values = params![
                    self.campaign.as_str(),
                    first,
                    at,
                    id,
                    self.disposition.as_ref().map(word),
                    self.result.as_deref(),
                    self.list.map(|list| list.0),
                    self.agent.map(|agent| agent.0),
                    self.stage.as_ref().map(word),
                    (limit - found.len()) as u64,
                    self.recorded.map(Recorded::as_str),
                ];
                for row in conn.rows(ROWS, values).await? {
                    found.push(attempt_row(&row)?);
                }
                if found.len() >= limit {
                    return Ok(found);
                }
            }
            if whole || lowest == 0 {
                return Ok(found);
            }
            below = lowest - 1;
        }
    }

    /// The latest counted hours that have any, up to `below`.
    async fn hours(&self, conn: &mut Conn, from: i64, below: i64) -> Result<Vec<i64>, StoreError> {
        let values = params![
            self.campaign.as_str(),
            from,
            below,
            self.disposition.as_ref().map(word),
            self.result.as_deref(),
            self.list.map(|list| list.0),
            self.agent.map(|agent| agent.0),
            self.stage.as_ref().map(word),
            HOURS_AT_ONCE,
        ];
        conn.rows(ANY_IN_HOURS, values).await?.iter().map(|row| row.int("hour")).collect()
    }
}

/// First and last of each run of neighbours, the latest run first.
fn runs_from_the_end(hours: &[i64]) -> Vec<(i64, i64)> {
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for hour in hours {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *hour => *last = *hour,
            _ => runs.push((*hour, *hour)),
        }
    }
    runs.reverse();
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_hours_are_one_run_and_the_latest_comes_first() {
        assert_eq!(runs_from_the_end(&[]), []);
        assert_eq!(runs_from_the_end(&[1, 2, 3, 7, 9, 10]), [(9, 10), (7, 7), (1, 3)]);
    }
}
