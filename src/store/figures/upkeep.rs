//! Counting the hours: which ones changed, counting them again, and what stays of attempts that are removed.
//!
//! Nobody adds to a count. Whoever changes an attempt marks its hour in the same transaction, and marked hours are counted anew
//! from the attempts; until then they are read from the attempts. So there is no sum that could drift. Read [`mark`] and
//! [`Store::count_hours`] first.

use std::collections::{BTreeMap, BTreeSet};

use super::marks::Hour;
use super::{Figures, HOUR_MS, columns, days, hour_began, sums};
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::store::db::{Conn, Row, params, rows, statements};
use crate::store::error::StoreError;
use crate::store::{Ids, Store};

/// An hour that ended so long ago is counted: before, it changes all the time.
const QUIET_MS: i64 = 15 * 60 * 1000;
/// Hours counted before it is looked for others.
const HOURS_AT_ONCE: u32 = 100;

/// Hours whose counts are not what a full count gives, or all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Recount {
    /// Hours that were counted again.
    pub hours: u64,
    /// Attempts in them, those that were removed included.
    pub attempts: u64,
    /// Hours that differ, as hours of UTC since 1970, and the first hours of days that do; they are marked to be counted again.
    pub wrong: Vec<i64>,
}

/// What the figures of an hour are kept by.
type Cell = (i64, i64, String, String);

statements! {
    MARK = "
        insert into figures_stale (campaign, hour, mark)
        select j.value ->> 0, cast(j.value ->> 1 as bigint), cast(j.value ->> 2 as bigint) from json_each($1) j where true
        on conflict (campaign, hour) do update set mark = excluded.mark";
    QUIET = "select campaign, hour, mark from figures_stale where hour < $1 order by hour, campaign limit $2";
    HOURS = "
        select hour from (
            select hour from figures where campaign = $1
            union select hour from figures_kept where campaign = $1
            union select hour from figures_stale where campaign = $1) h
        order by hour";
    COUNT = concat!("select list_id, agent_id, disposition, result,", sums!(), "
        from attempt_figures where campaign = $1 and at >= $2 and at < $3
        group by list_id, agent_id, disposition, result");
    OF_HOUR = "select * from figures where campaign = $1 and hour = $2";
    KEPT_OF_HOUR = "select * from figures_kept where campaign = $1 and hour = $2";
    MARK_OF_HOUR = "select mark from figures_stale where campaign = $1 and hour = $2";
    DROP_HOUR = "delete from figures where campaign = $1 and hour = $2";
    PUT_HOUR = concat!("
        insert into figures (campaign, hour, list_id, agent_id, disposition, result, ", columns!(), ")
        select $2, $3, cast(j.value ->> 0 as bigint), cast(j.value ->> 1 as bigint), j.value ->> 2, j.value ->> 3,
            cast(j.value ->> 4 as bigint), cast(j.value ->> 5 as bigint), cast(j.value ->> 6 as bigint),
            cast(j.value ->> 7 as bigint), cast(j.value ->> 8 as bigint), cast(j.value ->> 9 as bigint),
            cast(j.value ->> 10 as bigint), cast(j.value ->> 11 as bigint), cast(j.value ->> 12 as bigint),
            cast(j.value ->> 13 as bigint), cast(j.value ->> 14 as bigint), cast(j.value ->> 15 as bigint),
            cast(j.value ->> 16 as bigint)
        from json_each($1) j where true");
    UNMARK = "delete from figures_stale where campaign = $1 and hour = $2 and mark = $3";
}

/// Says that attempts that began then have changed: to be called in the transaction that changes them.
pub(in crate::store) async fn mark(
    conn: &mut Conn,
    ids: &Ids,
    changed: impl IntoIterator<Item = (CampaignKey, Timestamp)>,
) -> Result<(), StoreError> {
    let mut hours: BTreeSet<Hour> =
        changed.into_iter().map(|(campaign, at)| (campaign, at.as_millis() / HOUR_MS)).collect();
    ids.marks.leave_unmarked(&mut hours);
    let Some(last) = hours.iter().map(|(_, hour)| *hour).max() else { return Ok(()) };
    let mark = ids.next(hour_began(last));
    let marks = hours.iter().map(|(campaign, hour)| params![campaign.as_str(), *hour, mark]);
    conn.run(MARK, vec![rows(marks)]).await?;
    ids.marks.written(hours);
    Ok(())
}

impl Store {
    /// Counts the hours that changed and are over; how many. Others write between them, and an hour that changes while it is
    /// counted is left for the next time.
    pub async fn count_hours(&self, now: Timestamp) -> Result<u64, StoreError> {
        let before = (now.as_millis() - QUIET_MS) / HOUR_MS;
        let mut counted = 0;
        loop {
            let mut conn = self.reader().await?;
            let quiet = conn.rows(QUIET, params![before, HOURS_AT_ONCE]).await?;
            drop(conn);
            let mut settled = 0;
            for row in &quiet {
                settled += u64::from(self.count_hour(row.parsed("campaign")?, row.int("hour")?).await?);
            }
            counted += settled;
            if settled == 0 || quiet.len() < HOURS_AT_ONCE as usize {
                return Ok(counted);
            }
        }
    }

    /// Counts all hours of a campaign from the attempts and compares them with what is kept. What is wrong is marked, so that
    /// it is read from the attempts from now on, until the service has counted it again.
    ///
    /// # Errors
    /// What the database says. `progress` is told how many hours are done, of how many.
    pub async fn recount(
        &self,
        campaign: &CampaignKey,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<Recount, StoreError> {
        let mut conn = self.reader().await?;
        let rows = conn.rows(HOURS, params![campaign.as_str()]).await?;
        let hours: Vec<i64> = rows.iter().map(|row| row.int("hour")).collect::<Result<_, _>>()?;
        let mut recount = Recount::default();
        for hour in &hours {
            conn.begin_snapshot().await?;
            let compared = compare(&mut conn, campaign, *hour).await;
            conn.control("commit").await?;
            let (attempts, equal) = compared?;
            recount.hours += 1;
            recount.attempts += attempts;
            if !equal {
                recount.wrong.push(*hour);
            }
            progress(recount.hours, hours.len() as u64);
        }
        recount.wrong.extend(days::wrong(&mut conn, campaign).await?);
        recount.wrong.sort_unstable();
        recount.wrong.dedup();
        drop(conn);
        for hour in &recount.wrong {
            let (ids, changed) = (self.ids(), vec![(campaign.clone(), hour_began(*hour))]);
            self.write(move |conn| Box::pin(async move { mark(conn, &ids, changed).await })).await?;
        }
        Ok(recount)
    }

    /// Counts a marked hour. The counting holds up nobody who writes; what it found counts only if nothing changed meanwhile.
    async fn count_hour(&self, campaign: CampaignKey, hour: i64) -> Result<bool, StoreError> {
        let ids = self.ids();
        let _counting = ids.marks.counting((campaign.clone(), hour));
        // Whoever was writing may have left out the mark: what they wrote is there after this.
        self.write(|_| Box::pin(async { Ok(()) })).await?;
        let mut conn = self.reader().await?;
        conn.begin_snapshot().await?;
        let found = async {
            let marked = conn.row(MARK_OF_HOUR, params![campaign.as_str(), hour]).await?;
            let Some(marked) = marked.map(|row| row.int("mark")).transpose()? else { return Ok(None) };
            Ok(Some((marked, count(&mut conn, &campaign, hour).await?)))
        };
        let found = found.await;
        conn.control("commit").await?;
        drop(conn);
        let Some((seen, cells)) = found? else { return Ok(false) };
        let mark = ids.next(hour_began(hour));
        self.write(move |conn| {
            Box::pin(async move {
                if conn.run(UNMARK, params![campaign.as_str(), hour, seen]).await? == 0 {
                    return Ok(false);
                }
                conn.run(DROP_HOUR, params![campaign.as_str(), hour]).await?;
                let cells = cells.iter().map(|((list, agent, disposition, result), of)| {
                    let key = params![*list, *agent, disposition.as_str(), result.as_str()];
                    key.into_iter().chain(of.values()).collect()
                });
                conn.run(PUT_HOUR, vec![rows(cells), campaign.as_str().into(), hour.into()]).await?;
                days::outdate(conn, &campaign, hour, mark).await?;
                Ok(true)
            })
        })
        .await
    }
}

/// A full count of an hour: its attempts, and what is kept of those that were removed.
async fn count(conn: &mut Conn, campaign: &CampaignKey, hour: i64) -> Result<BTreeMap<Cell, Figures>, StoreError> {
    let mut cells = BTreeMap::new();
    let within = params![campaign.as_str(), hour * HOUR_MS, (hour + 1) * HOUR_MS];
    add_cells(&mut cells, &conn.rows(COUNT, within).await?)?;
    add_cells(&mut cells, &conn.rows(KEPT_OF_HOUR, params![campaign.as_str(), hour]).await?)?;
    Ok(cells)
}

/// How many attempts an hour has, and whether what is kept of it is right. One that is marked is read from its attempts.
async fn compare(conn: &mut Conn, campaign: &CampaignKey, hour: i64) -> Result<(u64, bool), StoreError> {
    let counted = count(conn, campaign, hour).await?;
    let attempts = counted.values().map(|of| of.attempts).sum();
    if conn.row(MARK_OF_HOUR, params![campaign.as_str(), hour]).await?.is_some() {
        return Ok((attempts, true));
    }
    let mut kept = BTreeMap::new();
    add_cells(&mut kept, &conn.rows(OF_HOUR, params![campaign.as_str(), hour]).await?)?;
    Ok((attempts, kept == counted))
}

fn add_cells(to: &mut BTreeMap<Cell, Figures>, rows: &[Row]) -> Result<(), StoreError> {
    for row in rows {
        let cell = (row.int("list_id")?, row.int("agent_id")?, row.text("disposition")?, row.text("result")?);
        *to.entry(cell).or_default() += Figures::of(row)?;
    }
    Ok(())
}
