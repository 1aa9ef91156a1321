//! Figures: one definition each, counted from the rows themselves, hour by hour, and day by day from the hours. [`Store::figures`]
//! is what every page, file and alert asks; `upkeep` counts the hours, `days` the days.
//!
//! *Answered*: somebody or something picked up. *Connected*: an agent was put through. *Abandoned*: a person answered and
//! found no agent in time. The *abandon rate* is abandoned / (connected + abandoned).

pub(super) mod behind;
pub(super) mod days;
pub(super) mod marks;
pub(super) mod upkeep;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{AddAssign, Sub};
use std::time::Duration;

use jiff::civil::Date;

use serde::Serialize;

use super::Store;
use super::db::{Conn, Row, Value, params, statements};
use super::error::StoreError;
use crate::model::abandonment::AbandonTally;
use crate::model::disposition::Disposition;
use crate::model::id::ListId;
use crate::model::name::{CampaignKey, QueueName};
use crate::model::time::Timestamp;
use crate::model::zone::Zone;

/// Milliseconds of an hour: what attempts are counted by.
const HOUR_MS: i64 = 3_600_000;

/// Sums over attempts. What one attempt adds to each stands in the database's view `attempt_figures`, and nowhere else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Figures {
    /// Begun.
    pub attempts: u64,
    /// Of these, on their way.
    pub live: u64,
    /// Picked up by somebody or something.
    pub answered: u64,
    /// Of these, by a machine: as the detection heard it, or as the agent said.
    pub machines: u64,
    /// Put through to an agent.
    pub connected: u64,
    /// A person answered and found no agent in time.
    pub abandoned: u64,
    /// The customer took the offer: the result that counts now says so.
    pub accepted: u64,
    /// Leads that were dialled for the first time, once the attempt is over.
    pub leads_dialled: u64,
    /// Leads that were answered for the first time.
    pub leads_answered: u64,
    /// Leads that reached an agent for the first time.
    pub leads_connected: u64,
    /// How long phones rang, in ms.
    pub ring_ms: u64,
    /// How long customers waited from their answer until an agent was there, in ms.
    pub wait_ms: u64,
    /// How long agents and customers were connected, in ms.
    pub talk_ms: u64,
}

impl Figures {
    /// Abandoned among people who answered, 0 to 1; `None` while nobody has.
    pub fn abandon_rate(&self) -> Option<f64> {
        share(self.abandoned, self.connected + self.abandoned)
    }

    /// Answered among attempts that ended.
    pub fn answer_rate(&self) -> Option<f64> {
        share(self.answered, self.attempts.saturating_sub(self.live))
    }

    /// Accepted among connected: what marketing calls the conversion.
    pub fn conversion(&self) -> Option<f64> {
        share(self.accepted, self.connected)
    }

    /// Mean time that a customer and an agent were connected, in ms.
    pub fn mean_talk_ms(&self) -> Option<u64> {
        self.talk_ms.checked_div(self.connected)
    }

    /// Of the columns of all figures.
    fn values(&self) -> Vec<Value> {
        params![
            self.attempts,
            self.live,
            self.answered,
            self.machines,
            self.connected,
            self.abandoned,
            self.accepted,
            self.leads_dialled,
            self.leads_answered,
            self.leads_connected,
            self.ring_ms,
            self.wait_ms,
            self.talk_ms,
        ]
    }

    fn of(row: &Row) -> Result<Figures, StoreError> {
        Ok(Figures {
            attempts: row.count("attempts")?,
            live: row.count("live")?,
            answered: row.count("answered")?,
            machines: row.count("machines")?,
            connected: row.count("connected")?,
            abandoned: row.count("abandoned")?,
            accepted: row.count("accepted")?,
            leads_dialled: row.count("leads_dialled")?,
            leads_answered: row.count("leads_answered")?,
            leads_connected: row.count("leads_connected")?,
            ring_ms: row.count("ring_ms")?,
            wait_ms: row.count("wait_ms")?,
            talk_ms: row.count("talk_ms")?,
        })
    }
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Figures) {
        self.attempts += other.attempts;
        self.live += other.live;
        self.answered += other.answered;
        self.machines += other.machines;
        self.connected += other.connected;
        self.abandoned += other.abandoned;
        self.accepted += other.accepted;
        self.leads_dialled += other.leads_dialled;
        self.leads_answered += other.leads_answered;
        self.leads_connected += other.leads_connected;
        self.ring_ms += other.ring_ms;
        self.wait_ms += other.wait_ms;
        self.talk_ms += other.talk_ms;
    }
}

impl Sub for Figures {
    type Output = Figures;
    /// What is left of a whole without a part of it.
    fn sub(self, part: Figures) -> Figures {
        Figures {
            attempts: self.attempts - part.attempts,
            live: self.live - part.live,
            answered: self.answered - part.answered,
            machines: self.machines - part.machines,
            connected: self.connected - part.connected,
            abandoned: self.abandoned - part.abandoned,
            accepted: self.accepted - part.accepted,
            leads_dialled: self.leads_dialled - part.leads_dialled,
            leads_answered: self.leads_answered - part.leads_answered,
            leads_connected: self.leads_connected - part.leads_connected,
            ring_ms: self.ring_ms - part.ring_ms,
            wait_ms: self.wait_ms - part.wait_ms,
            talk_ms: self.talk_ms - part.talk_ms,
        }
    }
}

/// When an hour of UTC, counted since 1970, began.
pub(super) fn hour_began(hour: i64) -> Timestamp {
    Timestamp::from_millis(hour * HOUR_MS)
}

fn share(part: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}

/// What figures are broken down by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The hour of UTC since 1970 in which the attempt began.
    Hour,
    /// The list of the lead.
    List,
    /// The agent who was connected, or said the result; 0 for none.
    Agent,
    /// What counts.
    Disposition,
    /// The campaign's own name of the result; empty for none.
    Result,
}

impl By {
    fn as_str(self) -> &'static str {
        match self {
            By::Hour => "hour",
            By::List => "list",
            By::Agent => "agent",
            By::Disposition => "disposition",
            By::Result => "result",
        }
    }
}

/// A part of what is broken down.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// An hour, a list, an agent.
    Number(i64),
    /// A disposition, a result.
    Word(String),
}

/// What became of attempts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttemptTotals {
    /// Sums over all of them.
    pub figures: Figures,
    /// Ended ones by what counts.
    pub by_disposition: BTreeMap<Disposition, u64>,
}

impl AttemptTotals {
    /// How many ended like this.
    pub fn of(&self, disposition: Disposition) -> u64 {
        self.by_disposition.get(&disposition).copied().unwrap_or(0)
    }
}

/// A campaign at a glance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CampaignTotals {
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

/// All figures, added up.
macro_rules! sums {
    () => {
        "
        cast(sum(attempts) as bigint) as attempts, cast(sum(live) as bigint) as live,
        cast(sum(answered) as bigint) as answered, cast(sum(machines) as bigint) as machines,
        cast(sum(connected) as bigint) as connected, cast(sum(abandoned) as bigint) as abandoned,
        cast(sum(accepted) as bigint) as accepted, cast(sum(leads_dialled) as bigint) as leads_dialled,
        cast(sum(leads_answered) as bigint) as leads_answered, cast(sum(leads_connected) as bigint) as leads_connected,
        cast(sum(ring_ms) as bigint) as ring_ms, cast(sum(wait_ms) as bigint) as wait_ms,
        cast(sum(talk_ms) as bigint) as talk_ms"
    };
}
pub(super) use sums;

/// The columns of all figures, in the order of [`Figures::values`].
macro_rules! columns {
    () => {
        "attempts, live, answered, machines, connected, abandoned, accepted, leads_dialled, leads_answered,
        leads_connected, ring_ms, wait_ms, talk_ms"
    };
}
pub(super) use columns;

/// What they are broken down by, as [`By::as_str`] names it.
macro_rules! parts {
    () => {
        "
        case $4 when 'hour' then hour when 'list' then list_id when 'agent' then agent_id else 0 end as number,
        case $4 when 'disposition' then disposition when 'result' then result else '' end as word,"
    };
}
pub(super) use parts;

statements! {
    COUNTED = concat!("select ", parts!(), sums!(), "
        from figures f
        where campaign = $1 and hour >= $2 and hour < $3
          and not exists (select 1 from figures_stale s where s.campaign = f.campaign and s.hour = f.hour)
        group by 1, 2");
    FRESH = concat!("select ", parts!(), sums!(), "
        from attempt_figures where campaign = $1 and at >= $2 and at < $3 group by 1, 2");
    DAYS = concat!("select number, word, ", sums!(), "
        from figures_days where campaign = $1 and kind = $4 and day >= $2 and day < $3 group by number, word");
    KEPT = concat!("select ", parts!(), sums!(), "
        from figures_kept where campaign = $1 and hour >= $2 and hour < $3 group by 1, 2");
    LIST_NAMES = "select id, name from lists where campaign = $1 order by id";
    LEADS = "select cast(coalesce(sum(leads), 0) as bigint) as leads from lists where campaign = $1";
    STALE = "
        select hour from figures_stale where campaign = $1 and hour >= $2 and hour < $3 order by hour";
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
    /// A campaign's attempts; `today_from` is when the installation's day began.
    pub async fn campaign_totals(
        &self,
        campaign: &CampaignKey,
        today_from: Timestamp,
    ) -> Result<CampaignTotals, StoreError> {
        let mut conn = self.reader().await?;
        let (start, end) = (Timestamp::from_millis(0), Timestamp::from_millis(i64::MAX));
        Ok(CampaignTotals {
            today: totals(&mut conn, campaign, today_from, end).await?,
            total: totals(&mut conn, campaign, start, end).await?,
        })
    }

    /// A campaign's attempts that began from `from` until before `to`, broken down.
    ///
    /// Whole hours that nothing changed in since they were counted come from the counts, the rest from the attempts
    /// themselves: the answer is that of a full count, at any time. Of attempts that were removed the hour is known and not
    /// the minute.
    pub async fn figures(
        &self,
        campaign: &CampaignKey,
        from: Timestamp,
        to: Timestamp,
        by: By,
    ) -> Result<BTreeMap<Part, Figures>, StoreError> {
        let mut conn = self.reader().await?;
        figures(&mut conn, campaign, from, to, by).await
    }

    /// The same by civil day.
    pub async fn figures_by_day(
        &self,
        campaign: &CampaignKey,
        from: Timestamp,
        to: Timestamp,
        zone: &Zone,
    ) -> Result<BTreeMap<Date, Figures>, StoreError> {
        let mut conn = self.reader().await?;
        conn.begin_snapshot().await?;
        let found = by_day(&mut conn, campaign, from, to, zone).await;
        conn.control("commit").await?;
        found
    }

    /// The lists of a campaign with their names, oldest first.
    pub async fn list_names(&self, campaign: &CampaignKey) -> Result<Vec<(ListId, String)>, StoreError> {
        let mut conn = self.reader().await?;
        let rows = conn.rows(LIST_NAMES, params![campaign.as_str()]).await?;
        rows.iter().map(|row| Ok((ListId(row.int("id")?), row.text("name")?))).collect()
    }

    /// How many leads the lists of a campaign have; those that were taken back are not among them.
    pub async fn lead_total(&self, campaign: &CampaignKey) -> Result<u64, StoreError> {
        let mut conn = self.reader().await?;
        conn.one(LEADS, params![campaign.as_str()]).await?.count("leads")
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

pub(super) async fn totals(
    conn: &mut Conn,
    campaign: &CampaignKey,
    from: Timestamp,
    to: Timestamp,
) -> Result<AttemptTotals, StoreError> {
    let mut totals = AttemptTotals::default();
    for (part, figures) in figures(conn, campaign, from, to, By::Disposition).await? {
        totals.figures += figures;
        if let Part::Word(word) = part
            && let Ok(disposition) = word.parse()
        {
            // A result may be recorded before the call is over.
            totals.by_disposition.insert(disposition, figures.attempts - figures.live);
        }
    }
    totals.by_disposition.retain(|_, count| *count > 0);
    Ok(totals)
}

async fn figures(
    conn: &mut Conn,
    campaign: &CampaignKey,
    from: Timestamp,
    to: Timestamp,
    by: By,
) -> Result<BTreeMap<Part, Figures>, StoreError> {
    // What is stale and what was counted must be of one moment, or an attempt is counted twice or not at all.
    conn.begin_snapshot().await?;
    let found = figures_within(conn, campaign, from, to, by).await;
    conn.control("commit").await?;
    found
}

async fn figures_within(
    conn: &mut Conn,
    campaign: &CampaignKey,
    from: Timestamp,
    to: Timestamp,
    by: By,
) -> Result<BTreeMap<Part, Figures>, StoreError> {
    let (from, to) = (from.as_millis().max(0), to.as_millis().max(0));
    // The hours that lie in the time as a whole.
    let (first, end) = (from / HOUR_MS + i64::from(from % HOUR_MS > 0), to / HOUR_MS);
    let mut found = BTreeMap::new();
    let mut spans = Vec::new();
    if first >= end {
        spans.push((from, to));
    } else {
        spans.push((from, first * HOUR_MS));
        let stale = conn.rows(STALE, params![campaign.as_str(), first, end]).await?;
        let stale: BTreeSet<i64> = stale.iter().map(|row| row.int("hour")).collect::<Result<_, _>>()?;
        for &hour in &stale {
            spans.push((hour * HOUR_MS, (hour + 1) * HOUR_MS));
            add(&mut found, &conn.rows(KEPT, params![campaign.as_str(), hour, hour + 1, by.as_str()]).await?, by)?;
        }
        spans.push((end * HOUR_MS, to));
        let (days, hours) = days::whole(conn, campaign, first, end, &stale).await?;
        for (first, end) in days {
            add(&mut found, &conn.rows(DAYS, params![campaign.as_str(), first, end, by.as_str()]).await?, by)?;
        }
        for (first, end) in hours {
            add(&mut found, &conn.rows(COUNTED, params![campaign.as_str(), first, end, by.as_str()]).await?, by)?;
        }
    }
    spans.retain(|(from, to)| from < to);
    spans.dedup_by(|next, span| {
        let meets = span.1 == next.0;
        if meets {
            span.1 = next.1;
        }
        meets
    });
    for (from, to) in spans {
        add(&mut found, &conn.rows(FRESH, params![campaign.as_str(), from, to, by.as_str()]).await?, by)?;
    }
    Ok(found)
}

async fn by_day(
    conn: &mut Conn,
    campaign: &CampaignKey,
    from: Timestamp,
    to: Timestamp,
    zone: &Zone,
) -> Result<BTreeMap<Date, Figures>, StoreError> {
    let mut days: BTreeMap<Date, Figures> = BTreeMap::new();
    for (part, figures) in figures_within(conn, campaign, from, to, By::Hour).await? {
        let Part::Number(hour) = part else { continue };
        let last = hour_began(hour + 1) - Duration::from_millis(1);
        let midnight = zone.day_began(last);
        let mut later = Figures::default();
        // Not every zone's midnight is a full hour of UTC.
        if midnight > hour_began(hour) {
            let (begin, end) = (midnight.max(from), hour_began(hour + 1).min(to));
            for (_, figures) in figures_within(conn, campaign, begin, end, By::Hour).await? {
                later += figures;
            }
            *days.entry(zone.date(last)).or_default() += later;
        }
        *days.entry(zone.date(hour_began(hour))).or_default() += figures - later;
    }
    days.retain(|_, figures| *figures != Figures::default());
    Ok(days)
}

fn add(to: &mut BTreeMap<Part, Figures>, rows: &[Row], by: By) -> Result<(), StoreError> {
    for row in rows {
        let part = match by {
            By::Hour | By::List | By::Agent => Part::Number(row.int("number")?),
            By::Disposition | By::Result => Part::Word(row.text("word")?),
        };
        *to.entry(part).or_default() += Figures::of(row)?;
    }
    Ok(())
}
