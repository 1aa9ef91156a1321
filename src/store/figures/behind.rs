//! The attempts behind a figure: what a click on it lists, by the same definitions.
//!
//! However rare they are among millions, they are found at once: the counts say on which days there are any, and in which of their
//! hours. Read [`Behind`] first.

use std::collections::BTreeSet;

use super::days::HOURS;
use super::{HOUR_MS, days};
use crate::model::disposition::Disposition;
use crate::model::id::{ListId, UserId};
use crate::model::name::CampaignKey;
use crate::model::recording::Recorded;
use crate::model::time::Timestamp;
use crate::store::Store;
use crate::store::db::{Conn, Statement, Value, params, statements, word};
use crate::store::error::StoreError;
use crate::store::history::{AttemptCursor, AttemptRow, PAGE_MAX, attempt_row};
use crate::store::recordings::{missing, recorded_word};

/// Days looked up at once.
const DAYS_AT_ONCE: u32 = 31;
/// Hours looked up at once.
const HOURS_AT_ONCE: u32 = 24;

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

/// What a row of sums has of the stage that `$8` names.
macro_rules! of_stage {
    () => {
        "case $8 when 'dialled' then leads_dialled when 'answered' then leads_answered
         when 'connected' then leads_connected when 'accepted' then accepted else attempts end"
    };
}

/// Days that have any of a part: `$kind` is what they are broken down by, `$part` the column and the value.
macro_rules! with_part {
    ($kind:literal, $column:literal, $value:literal) => {
        concat!(
            " and (",
            $value,
            " is null or exists (
            select 1 from figures_days o
            where o.campaign = $1 and o.kind = '",
            $kind,
            "' and o.day = d.day and o.",
            $column,
            " = ",
            $value,
            "
              and ",
            of_stage!(),
            " > 0))"
        )
    };
}

/// What else is asked of an attempt `a`.
macro_rules! is_behind {
    () => {
        "(cast($5 as text) is null or a.disposition = $5)
          and exists (
              select 1 from attempt_figures f
              where f.id = a.id and (cast($6 as text) is null or f.result = $6)
                and (cast($7 as bigint) is null or f.list_id = $7) and (cast($8 as bigint) is null or f.agent_id = $8)
                and case $9 when 'dialled' then f.leads_dialled when 'answered' then f.leads_answered
                    when 'connected' then f.leads_connected when 'accepted' then f.accepted else 1 end = 1)"
    };
}

/// Attempts, latest first, of a span of hours and with all that is asked; `$which` is what an index finds them by.
macro_rules! rows_where {
    ($which:literal) => {
        concat!(
            "
        select a.* from attempts a
        where ",
            $which,
            " and a.at >= $2 and (a.at, a.id) < ($3, $4) and ",
            is_behind!(),
            "
          and (cast($11 as text) is null or coalesce((
              select ",
            recorded_word!(),
            " from recordings r
              where r.direction = 'outbound' and r.call_id = a.id), 'no') = $11)
        order by a.at desc, a.id desc limit $10"
        )
    };
}

/// Attempts by their recordings, latest first: those of which there is a row, and `$which` of them.
macro_rules! rows_recorded {
    ($which:expr) => {
        concat!(
            "
        select a.* from recordings r cross join attempts a
        where r.campaign = $1 and r.direction = 'outbound' and ",
            $which,
            "
          and r.called_at >= $2 and (r.called_at, r.call_id) < ($3, $4) and a.id = r.call_id and ",
            is_behind!(),
            "
        order by r.called_at desc, r.call_id desc limit $10"
        )
    };
}

statements! {
    ANY_IN_DAYS = concat!("
        select d.day as day from figures_days d
        where d.campaign = $1 and d.kind = 'hour' and d.day >= $2 and d.day <= $3",
        with_part!("disposition", "word", "cast($4 as text)"), with_part!("result", "word", "cast($5 as text)"),
        with_part!("list", "number", "cast($6 as bigint)"), with_part!("agent", "number", "cast($7 as bigint)"), "
        group by d.day having sum(", of_stage!(), ") > 0 order by d.day desc limit $9");
    // Of days that are counted: each of their hours is a seek, and with a list a small one.
    ANY_IN_COUNTED = concat!("
        select d.number as hour from figures_days d
        where d.campaign = $1 and d.kind = 'hour' and d.day >= $2 / 24 and d.day <= $3 / 24
          and d.number >= $2 and d.number <= $3 and exists (
              select 1 from figures f
              where f.campaign = d.campaign and f.hour = d.number
                and f.list_id >= coalesce(cast($6 as bigint), -9223372036854775807)
                and f.list_id <= coalesce(cast($6 as bigint), 9223372036854775807)
                and (cast($4 as text) is null or f.disposition = $4) and (cast($5 as text) is null or f.result = $5)
                and (cast($7 as bigint) is null or f.agent_id = $7) and ", of_stage!(), " > 0)
        order by d.day desc, d.number desc limit $9");
    ANY_IN_HOURS = concat!("
        select hour from figures
        where campaign = $1 and hour >= $2 and hour <= $3
          and (cast($4 as text) is null or disposition = $4) and (cast($5 as text) is null or result = $5)
          and (cast($6 as bigint) is null or list_id = $6) and (cast($7 as bigint) is null or agent_id = $7)
        group by hour having sum(", of_stage!(), ") > 0 order by hour desc limit $9");
    STALE_HOURS = "
        select hour from figures_stale where campaign = $1 and hour >= $2 and hour <= $3 order by hour desc";
    ROWS = rows_where!("a.campaign = $1");
    // By the index of agents, which has few rows in an hour: the expression keeps that of campaigns out of it.
    ROWS_OF_AGENT = rows_where!("a.agent_id = cast($8 as bigint) and a.campaign || '' = $1");
    // Counts know nothing of recordings: where none is missing, or none was made, they would lead through all attempts.
    ROWS_MISSING = rows_recorded!(missing!());
    ROWS_RECORDED = rows_recorded!(concat!(recorded_word!(), " = 'yes'"));
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
        let until = after.map_or(to, |cursor| (cursor.at.as_millis(), cursor.id.0).min(to));
        let by_recording = match self.recorded {
            Some(Recorded::Missing) => Some(ROWS_MISSING),
            // What else is asked is often rarer than a recording.
            Some(Recorded::Yes) if !self.is_narrow() => Some(ROWS_RECORDED),
            // Most calls have none, so that there is one nearby.
            Some(Recorded::Yes | Recorded::No) | None => None,
        };
        if let Some(statement) = by_recording {
            return conn.rows(statement, self.rows_values(from, until, limit)).await?.iter().map(attempt_row).collect();
        }
        let (first, mut below) = (from / HOUR_MS, until.0 / HOUR_MS);
        let stale = conn.rows(STALE_HOURS, params![self.campaign.as_str(), first, below]).await?;
        let stale: BTreeSet<i64> = stale.iter().map(|row| row.int("hour")).collect::<Result<_, _>>()?;
        let open =
            days::open(conn, &self.campaign, (first.div_euclid(HOURS), below.div_euclid(HOURS) + 1), &stale).await?;
        let mut found = Vec::new();
        while below >= first {
            let (days, lowest) = self.days(conn, &open, first.div_euclid(HOURS), below.div_euclid(HOURS)).await?;
            for (begin, end) in runs_from_the_end(&days, |day| open.contains(&day)) {
                let span = ((begin * HOURS).max(first), (end * HOURS + HOURS - 1).min(below));
                let any = if open.contains(&begin) { ANY_IN_HOURS } else { ANY_IN_COUNTED };
                self.within(conn, any, span, &stale, (from, until), limit, &mut found).await?;
                if found.len() >= limit {
                    return Ok(found);
                }
            }
            below = lowest * HOURS - 1;
        }
        Ok(found)
    }

    /// The latest days up to `last` that may have any, in their order, and down to which day they are all.
    async fn days(
        &self,
        conn: &mut Conn,
        open: &BTreeSet<i64>,
        first: i64,
        last: i64,
    ) -> Result<(Vec<i64>, i64), StoreError> {
        let values = self.values(first, last, DAYS_AT_ONCE);
        let counted = conn.rows(ANY_IN_DAYS, values).await?;
        let counted: Vec<i64> = counted.iter().map(|row| row.int("day")).collect::<Result<_, _>>()?;
        let lowest = match counted.last() {
            Some(day) if counted.len() >= DAYS_AT_ONCE as usize => *day,
            _ => first,
        };
        let days: BTreeSet<i64> = open.range(lowest..=last).copied().chain(counted).collect();
        Ok((days.into_iter().collect(), lowest))
    }

    /// Adds the rows of a span of hours, until there are enough of them.
    async fn within(
        &self,
        conn: &mut Conn,
        any: Statement,
        (first, mut below): (i64, i64),
        stale: &BTreeSet<i64>,
        (from, until): (i64, (i64, i64)),
        limit: usize,
        found: &mut Vec<AttemptRow>,
    ) -> Result<(), StoreError> {
        while below >= first && found.len() < limit {
            let counted = conn.rows(any, self.values(first, below, HOURS_AT_ONCE)).await?;
            let counted: Vec<i64> = counted.iter().map(|row| row.int("hour")).collect::<Result<_, _>>()?;
            let lowest = match counted.last() {
                Some(hour) if counted.len() >= HOURS_AT_ONCE as usize => *hour,
                _ => first,
            };
            let hours: BTreeSet<i64> = stale.range(lowest..=below).copied().chain(counted).collect();
            for (first, last) in runs_from_the_end(&hours.into_iter().collect::<Vec<_>>(), |_| true) {
                let (first, end) = ((first * HOUR_MS).max(from), (last + 1) * HOUR_MS);
                let mut values = self.rows_values(first, (end, i64::MIN).min(until), limit - found.len());
                values.extend(params![self.recorded.map(Recorded::as_str)]);
                let statement = if self.agent.is_some_and(|agent| agent.0 != 0) { ROWS_OF_AGENT } else { ROWS };
                for row in conn.rows(statement, values).await? {
                    found.push(attempt_row(&row)?);
                }
                if found.len() >= limit {
                    return Ok(());
                }
            }
            below = lowest - 1;
        }
        Ok(())
    }

    /// Whether more is asked than the time and the recording: counts lead to the hours that have any.
    fn is_narrow(&self) -> bool {
        self.disposition.is_some()
            || self.result.is_some()
            || self.list.is_some()
            || self.agent.is_some()
            || self.stage.is_some()
    }

    /// What is asked of attempts that began at or after `first` and before `until`.
    fn rows_values(&self, first: i64, (at, id): (i64, i64), limit: usize) -> Vec<Value> {
        params![
            self.campaign.as_str(),
            first,
            at,
            id,
            self.disposition.as_ref().map(word),
            self.result.as_deref(),
            self.list.map(|list| list.0),
            self.agent.map(|agent| agent.0),
            self.stage.as_ref().map(word),
            limit as u64,
        ]
    }

    /// What is asked of the counts of days or hours.
    fn values(&self, first: i64, last: i64, limit: u32) -> Vec<Value> {
        params![
            self.campaign.as_str(),
            first,
            last,
            self.disposition.as_ref().map(word),
            self.result.as_deref(),
            self.list.map(|list| list.0),
            self.agent.map(|agent| agent.0),
            self.stage.as_ref().map(word),
            limit,
        ]
    }
}

/// First and last of each run of neighbours of one kind, the latest run first.
fn runs_from_the_end(numbers: &[i64], kind: impl Fn(i64) -> bool) -> Vec<(i64, i64)> {
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *number && kind(*last) == kind(*number) => *last = *number,
            _ => runs.push((*number, *number)),
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
        assert_eq!(runs_from_the_end(&[], |_| true), []);
        assert_eq!(runs_from_the_end(&[1, 2, 3, 7, 9, 10], |_| true), [(9, 10), (7, 7), (1, 3)]);
        assert_eq!(runs_from_the_end(&[1, 2, 3, 7], |number| number == 2), [(7, 7), (3, 3), (2, 2), (1, 1)]);
    }
}
