//! Whole days of UTC, added up from their hours: one breakdown at a time, so that a year of a hundred agents is some tens of
//! thousands of rows and not millions.
//!
//! As with hours nobody adds to a day. Whoever counts an hour says that its day is due, and the day is added up anew from its hours;
//! until then its hours are read. Read [`whole`] and [`Store::count_days`] first.

use std::collections::{BTreeMap, BTreeSet};

use super::{By, Figures, HOUR_MS, Part, add, columns, parts, sums};
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::store::Store;
use crate::store::db::{Conn, params, rows, statements};
use crate::store::error::StoreError;

/// Hours of a day of UTC.
pub(super) const HOURS: i64 = 24;
/// Days counted before it is looked for others.
const DAYS_AT_ONCE: u32 = 100;

/// What a day is broken down by, each for itself.
const KINDS: [By; 5] = [By::Hour, By::List, By::Agent, By::Disposition, By::Result];

/// From one that is in to the first that is not.
type Run = (i64, i64);

statements! {
    DUE = "select day from figures_days_due where campaign = $1 and day >= $2 and day < $3 order by day";
    // A day whose hours are being counted is left for the next time.
    OVER = "
        select d.campaign as campaign, d.day as day, d.mark as mark from figures_days_due d
        where d.day < $1 and not exists (
            select 1 from figures_stale s
            where s.campaign = d.campaign and s.hour >= d.day * 24 and s.hour < d.day * 24 + 24)
        order by d.day, d.campaign limit $2";
    OF_HOURS = concat!("select ", parts!(), sums!(), "
        from figures where campaign = $1 and hour >= $2 and hour < $3 group by 1, 2");
    OF_DAYS = concat!("select day, kind, number, word, ", columns!(), "
        from figures_days where campaign = $1 and kind = $2");
    HOURS_COUNTED = "select distinct hour from figures where campaign = $1";
    OUTDATE = "
        insert into figures_days_due (campaign, day, mark) values ($1, $2, $3)
        on conflict (campaign, day) do update set mark = excluded.mark";
    DROP_DAY = "
        delete from figures_days
        where campaign = $1 and kind in ('hour', 'list', 'agent', 'disposition', 'result') and day = $2";
    PUT_DAY = concat!("
        insert into figures_days (campaign, day, kind, number, word, ", columns!(), ")
        select $2, $3, j.value ->> 0, cast(j.value ->> 1 as bigint), j.value ->> 2,
            cast(j.value ->> 3 as bigint), cast(j.value ->> 4 as bigint), cast(j.value ->> 5 as bigint),
            cast(j.value ->> 6 as bigint), cast(j.value ->> 7 as bigint), cast(j.value ->> 8 as bigint),
            cast(j.value ->> 9 as bigint), cast(j.value ->> 10 as bigint), cast(j.value ->> 11 as bigint),
            cast(j.value ->> 12 as bigint), cast(j.value ->> 13 as bigint), cast(j.value ->> 14 as bigint),
            cast(j.value ->> 15 as bigint)
        from json_each($1) j where true");
    SETTLE = "delete from figures_days_due where campaign = $1 and day = $2 and mark = $3";
}

/// Which of the hours from `first` until before `end` lie in whole days that are counted, and which do not: runs of days, and runs
/// of hours. `stale` are those of the hours that are not counted themselves.
pub(super) async fn whole(
    conn: &mut Conn,
    campaign: &CampaignKey,
    first: i64,
    end: i64,
    stale: &BTreeSet<i64>,
) -> Result<(Vec<Run>, Vec<Run>), StoreError> {
    let (first_day, end_day) = (first.div_euclid(HOURS) + i64::from(first % HOURS > 0), end.div_euclid(HOURS));
    if first_day >= end_day {
        return Ok((Vec::new(), vec![(first, end)]));
    }
    let open = open(conn, campaign, (first_day, end_day), stale).await?;
    Ok(split(first, end, (first_day, end_day), &open))
}

/// The days from the first until before the end whose hours are to be read, because the day is not counted or one of its hours is not.
pub(super) async fn open(
    conn: &mut Conn,
    campaign: &CampaignKey,
    (first, end): Run,
    stale: &BTreeSet<i64>,
) -> Result<BTreeSet<i64>, StoreError> {
    let due = conn.rows(DUE, params![campaign.as_str(), first, end]).await?;
    let mut open: BTreeSet<i64> = due.iter().map(|row| row.int("day")).collect::<Result<_, _>>()?;
    open.extend(stale.iter().map(|hour| hour.div_euclid(HOURS)).filter(|day| (first..end).contains(day)));
    Ok(open)
}

/// The days outside of `open`, and the hours that are left.
fn split(first: i64, end: i64, (first_day, end_day): Run, open: &BTreeSet<i64>) -> (Vec<Run>, Vec<Run>) {
    let (mut days, mut hours) = (Vec::new(), Vec::new());
    let (mut day, mut hour) = (first_day, first);
    for &open in open.iter().chain([&end_day]) {
        if day < open {
            days.push((day, open));
            hours.push((hour, day * HOURS));
            hour = open * HOURS;
        }
        day = open + 1;
    }
    hours.push((hour, end));
    hours.retain(|(first, end)| first < end);
    (days, hours)
}

/// Says that an hour was counted: to be called in the transaction that does. `mark` is one that was never there before.
pub(super) async fn outdate(conn: &mut Conn, campaign: &CampaignKey, hour: i64, mark: i64) -> Result<(), StoreError> {
    conn.run(OUTDATE, params![campaign.as_str(), hour.div_euclid(HOURS), mark]).await?;
    Ok(())
}

/// The sums of a day, by kind and part.
type Sums = BTreeMap<(&'static str, Part), Figures>;

async fn of_hours(conn: &mut Conn, campaign: &CampaignKey, day: i64) -> Result<Sums, StoreError> {
    let mut sums = Sums::new();
    for by in KINDS {
        let mut found = BTreeMap::new();
        let values = params![campaign.as_str(), day * HOURS, (day + 1) * HOURS, by.as_str()];
        add(&mut found, &conn.rows(OF_HOURS, values).await?, by)?;
        sums.extend(found.into_iter().map(|(part, figures)| ((by.as_str(), part), figures)));
    }
    Ok(sums)
}

/// First hours of the days that are not due and whose sums, or that there are none, are not those of their hours.
pub(super) async fn wrong(conn: &mut Conn, campaign: &CampaignKey) -> Result<Vec<i64>, StoreError> {
    conn.begin_snapshot().await?;
    let found = wrong_within(conn, campaign).await;
    conn.control("commit").await?;
    found
}

async fn wrong_within(conn: &mut Conn, campaign: &CampaignKey) -> Result<Vec<i64>, StoreError> {
    let due = conn.rows(DUE, params![campaign.as_str(), i64::MIN, i64::MAX]).await?;
    let due: BTreeSet<i64> = due.iter().map(|row| row.int("day")).collect::<Result<_, _>>()?;
    let mut kept: BTreeMap<i64, Sums> = BTreeMap::new();
    for by in KINDS {
        for row in conn.rows(OF_DAYS, params![campaign.as_str(), by.as_str()]).await? {
            let sums = kept.entry(row.int("day")?).or_default();
            let mut found = BTreeMap::new();
            add(&mut found, std::slice::from_ref(&row), by)?;
            sums.extend(found.into_iter().map(|(part, figures)| ((by.as_str(), part), figures)));
        }
    }
    // A day of which nothing is kept is read as one without calls.
    for row in conn.rows(HOURS_COUNTED, params![campaign.as_str()]).await? {
        kept.entry(row.int("hour")?.div_euclid(HOURS)).or_default();
    }
    let mut wrong = Vec::new();
    for (day, sums) in kept {
        if !due.contains(&day) && of_hours(conn, campaign, day).await? != sums {
            wrong.push(day * HOURS);
        }
    }
    Ok(wrong)
}

impl Store {
    /// Counts the days that are due and over; how many.
    pub async fn count_days(&self, now: Timestamp) -> Result<u64, StoreError> {
        let today = (now.as_millis() / HOUR_MS).div_euclid(HOURS);
        let mut counted = 0;
        loop {
            let mut conn = self.reader().await?;
            let over = conn.rows(OVER, params![today, DAYS_AT_ONCE]).await?;
            drop(conn);
            let mut settled = 0;
            for row in &over {
                settled += u64::from(self.count_day(row.parsed("campaign")?, row.int("day")?, row.int("mark")?).await?);
            }
            counted += settled;
            if settled == 0 || over.len() < DAYS_AT_ONCE as usize {
                return Ok(counted);
            }
        }
    }

    /// Adds up a day from its hours. The adding up holds up nobody who writes; it counts only if no hour was counted meanwhile.
    async fn count_day(&self, campaign: CampaignKey, day: i64, seen: i64) -> Result<bool, StoreError> {
        let mut conn = self.reader().await?;
        conn.begin_snapshot().await?;
        let sums = of_hours(&mut conn, &campaign, day).await;
        conn.control("commit").await?;
        drop(conn);
        let sums = sums?;
        self.write(move |conn| {
            Box::pin(async move {
                if conn.run(SETTLE, params![campaign.as_str(), day, seen]).await? == 0 {
                    return Ok(false);
                }
                conn.run(DROP_DAY, params![campaign.as_str(), day]).await?;
                let sums = sums.iter().map(|((kind, part), figures)| {
                    let (number, word) = match part {
                        Part::Number(number) => (*number, ""),
                        Part::Word(word) => (0, word.as_str()),
                    };
                    params![*kind, number, word].into_iter().chain(figures.values()).collect()
                });
                conn.run(PUT_DAY, vec![rows(sums), campaign.as_str().into(), day.into()]).await?;
                Ok(true)
            })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_parted_into_whole_days_that_are_counted_and_the_rest() {
        let of = |first, end, open: &[i64]| {
            split(first, end, (first / 24 + i64::from(first % 24 > 0), end / 24), &open.iter().copied().collect())
        };
        assert_eq!(of(0, 48, &[]), (vec![(0, 2)], vec![]));
        assert_eq!(of(5, 50, &[]), (vec![(1, 2)], vec![(5, 24), (48, 50)]));
        assert_eq!(of(0, 240, &[0, 3, 4, 9]), (vec![(1, 3), (5, 9)], vec![(0, 24), (72, 120), (216, 240)]));
        assert_eq!(of(3, 26, &[]), (vec![], vec![(3, 26)]));
    }
}
