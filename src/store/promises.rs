//! Promises to customers who asked to be called: until when, whether they were kept, and what is owed.
//!
//! A promise is kept by the first dial that reached the customer's phone, or by the customer's own call that an agent took: both
//! are written down by the transaction that records the end of that call. What only time does (a promise comes to be at risk, or
//! breaks; a priority falls) is done by [`Store::watch_promises`], each once, by rows that say so. Read that first.

mod reading;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

#[cfg(test)]
pub(super) use reading::STATEMENTS as READING_STATEMENTS;
pub use reading::{AskedRow, Owed, OwedCounts, PromiseCursor, PromiseRow, RegistrationCount};

use super::db::{Conn, Row, params, rows, statements};
use super::error::StoreError;
use super::{Store, outbox, placing};
use crate::model::id::{AttemptId, LeadId, RegistrationId};
use crate::model::name::CampaignKey;
use crate::model::numbers::NumberKind;
use crate::model::phone::PhoneNumber;
use crate::model::pre_registration::{AT_RISK_PRIORITY, Deadline, Decay};
use crate::model::time::Timestamp;

/// Rows of one kind that one look takes up; where there are more, it is looked again at once.
const AT_ONCE: usize = 500;
/// A promise is broken so long after its end, in ms: a dial that began in time may still be on its way into the database.
const BREAKS_AFTER_MS: i64 = 5_000;

/// How a promise stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PromiseState {
    /// Nothing was promised.
    None,
    /// A call was promised, and it is not worked out yet until when: a matter of seconds.
    Asked,
    /// The call is owed, and its time has not run out.
    Open,
    /// The customer was called, or talked to an agent, in time.
    Kept,
    /// The time ran out first.
    Broken,
    /// The call is not owed any more: the customer opted out, or is done for another reason.
    Void,
}

/// A promise for which it is to be worked out until when it is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedPromise {
    /// Which.
    pub id: RegistrationId,
    /// By which campaign.
    pub campaign: CampaignKey,
    /// IANA names of every time zone the number may be in; none where the lead is gone.
    pub zones: Vec<String>,
    /// Where the number rings, if the list said so.
    pub kind: Option<NumberKind>,
    /// From when on it counts: when the customer asked, or the time that the customer wishes for.
    pub counts_from: Timestamp,
}

/// What a look at the promises did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// So many came to be at risk.
    pub at_risk: u64,
    /// So many broke.
    pub broken: u64,
    /// So many are owed no more without having been kept.
    pub over: u64,
    /// So many leads fell behind.
    pub fell: u64,
    /// Campaigns whose leads are in another order now.
    pub moved: BTreeSet<CampaignKey>,
    /// There is more to do at once.
    pub more: bool,
}

statements! {
    ASKED = "
        select p.id as id, p.campaign as campaign, p.counts_from as counts_from,
               l.zones as zones, l.kind as kind
        from pre_registrations p left join leads l on l.id = p.lead_id
        where p.promise = 'asked' order by p.id limit $1";
    DATE = "
        update pre_registrations set at_risk_at = w.at_risk_at, promised_at = w.promised_at,
            promise = case when w.promised_at is null then 'void' when closed_at is null then 'open'
                           when closed_at <= w.promised_at then 'kept' else 'open' end,
            closed_at = case when closed_at is null and w.promised_at is null then $2 else closed_at end
        from (select cast(j.value ->> 0 as bigint) as id, cast(j.value ->> 1 as bigint) as at_risk_at,
                  cast(j.value ->> 2 as bigint) as promised_at
              from json_each($1) j) w
        where pre_registrations.id = w.id and pre_registrations.promise = 'asked'";
    AT_RISK = "
        select id from pre_registrations
        where promise = 'open' and escalated_at is null and at_risk_at <= $1 and closed_at is null
        order by at_risk_at, id limit $2";
    ESCALATE = "
        update pre_registrations set escalated_at = $2, decays_at = null
        where id in (select cast(j.value ->> 0 as bigint) from json_each($1) j)
          and promise = 'open' and escalated_at is null and closed_at is null
        returning id, lead_id, campaign";
    RAISE = "
        update leads set rank = leads.rank + $2 - leads.priority, priority = $2
        where id in (select cast(j.value ->> 0 as bigint) from json_each($1) j)
          and state in ('open', 'dialling', 'callback') and priority < $2";
    BREAKING = "
        select p.id as id from pre_registrations p
        where p.promise = 'open' and p.promised_at < $1 and not exists (
            select 1 from attempts a
            where a.lead_id = p.lead_id and a.disposition is null and a.state = 'live' and a.at <= p.promised_at)
        order by p.promised_at, p.id limit $2";
    BREAK = "
        update pre_registrations set promise = 'broken', broken_at = promised_at
        where id in (select cast(j.value ->> 0 as bigint) from json_each($1) j) and promise = 'open' and promised_at < $2
          and not exists (
            select 1 from attempts a
            where a.lead_id = pre_registrations.lead_id and a.disposition is null and a.state = 'live'
              and a.at <= pre_registrations.promised_at)
        returning id";
    OVER = "
        select p.id as id from pre_registrations p
        left join leads l on l.id = p.lead_id
        left join campaigns c on c.key = p.campaign
        where p.closed_at is null
          -- What a person has to read first may turn out to be no opting out.
          and not exists (select 1 from reviews v where v.number = p.number and v.decision is null and v.perhaps)
          and (
            l.id is null or l.state = 'done'
            or (l.state = 'given_up' and (l.closed_by in ('suppression', 'undo') or p.promise = 'broken'))
            or (p.promise = 'broken' and c.state = 'ended'))
        limit $1";
    CLOSE = "
        update pre_registrations set closed_at = $2, promise = case when promise = 'broken' then promise else 'void' end
        where id in (select cast(j.value ->> 0 as bigint) from json_each($1) j) and closed_at is null";
    CLOSE_OF_LEAD = "
        update pre_registrations set closed_at = $2, promise = case when promise = 'broken' then promise else 'void' end
        where lead_id = $1 and closed_at is null";
    // Who asked again falls as the last time says.
    FALLING = "
        select p.id as id, p.lead_id as lead_id, p.campaign as campaign, l.state as state, n.priority_from as priority_from,
               n.priority_to as priority_to, n.counts_from as counts_from, n.decays_until as decays_until
        from pre_registrations p
        cross join pre_registrations n
        left join leads l on l.id = p.lead_id
        where p.decays_at <= $1
          and n.id = (select max(x.id) from pre_registrations x where x.lead_id = p.lead_id)
        order by p.decays_at, p.id limit $2";
    LOWER = "
        update leads set rank = leads.rank + w.priority - leads.priority, priority = w.priority
        from (select cast(j.value ->> 0 as bigint) as id, cast(j.value ->> 1 as bigint) as priority from json_each($1) j) w
        where leads.id = w.id and leads.priority > w.priority";
    FALLS_NEXT = "
        update pre_registrations set decays_at = w.next
        from (select cast(j.value ->> 0 as bigint) as id, cast(j.value ->> 1 as bigint) as next from json_each($1) j) w
        where pre_registrations.id = w.id and pre_registrations.decays_at <= $2";
    CALLED = "
        update pre_registrations set
            dialled_at = case when pre_registrations.dialled_at is null and w.counts then
                case when w.at < pre_registrations.created_at then pre_registrations.created_at else w.at end
                else pre_registrations.dialled_at end,
            connected_at = coalesce(pre_registrations.connected_at, w.connected_at),
            reached_by = case when pre_registrations.connected_at is null and w.connected_at is not null then 'outbound'
                              else pre_registrations.reached_by end,
            promise = case when pre_registrations.promise = 'open' and w.counts and w.at <= pre_registrations.promised_at
                           then 'kept' else pre_registrations.promise end,
            closed_at = case when pre_registrations.closed_at is null and w.counts then
                case when w.at < pre_registrations.created_at then pre_registrations.created_at else w.at end
                else pre_registrations.closed_at end,
            decays_at = case when pre_registrations.closed_at is null and pre_registrations.escalated_at is not null
                             and w.counts then w.at else pre_registrations.decays_at end
        from (
            select e.lead as lead, min(e.at) as at, min(e.connected_at) as connected_at, max(e.counts) = 1 as counts
            from (select cast(j.value ->> 0 as bigint) as lead, cast(j.value ->> 1 as bigint) as at,
                      cast(j.value ->> 2 as bigint) as connected_at, cast(j.value ->> 3 as bigint) as counts
                  from json_each($1) j) e
            group by e.lead) w
        where pre_registrations.lead_id = w.lead
          and (pre_registrations.dialled_at is null or pre_registrations.connected_at is null)
          and (w.at >= pre_registrations.created_at or w.connected_at >= pre_registrations.created_at)";
    TALKED = "
        update pre_registrations set connected_at = w.at, reached_by = 'inbound',
            promise = case when pre_registrations.promise = 'open' and w.at <= pre_registrations.promised_at then 'kept'
                           else pre_registrations.promise end,
            decays_at = case when pre_registrations.closed_at is null and pre_registrations.escalated_at is not null
                             then w.at else pre_registrations.decays_at end,
            closed_at = coalesce(pre_registrations.closed_at, w.at)
        from (
            select e.id as id, min(e.at) as at
            from (
                select p.id as id, cast(j.value ->> 1 as bigint) as at
                from json_each($1) j cross join pre_registrations p
                where p.number = j.value ->> 0
                union all
                select p.id as id, cast(j.value ->> 1 as bigint) as at
                from json_each($1) j cross join lead_numbers n cross join pre_registrations p
                where n.number = j.value ->> 0 and p.lead_id = n.lead_id) e
            group by e.id) w
        where pre_registrations.id = w.id and pre_registrations.connected_at is null
          and pre_registrations.created_at <= w.at
        returning pre_registrations.lead_id, pre_registrations.campaign, pre_registrations.connected_at";
    REST = "
        update leads set due_at = w.until
        from (select cast(j.value ->> 0 as bigint) as id, cast(j.value ->> 1 as bigint) as until from json_each($1) j) w
        where leads.id = w.id and leads.state in ('open', 'callback') and leads.due_at < w.until";
    FORGET = "
        delete from pre_registrations where id in (
            select id from pre_registrations
            where created_at < $1 and closed_at is not null and decays_at is null order by created_at, id limit $2)";
}

impl Store {
    /// Promises of which it is to be worked out until when they are to be kept, the earliest first, some hundreds at most.
    pub async fn asked_promises(&self) -> Result<Vec<AskedPromise>, StoreError> {
        let mut conn = self.reader().await?;
        conn.rows(ASKED, params![AT_ONCE as u64]).await?.iter().map(asked_promise).collect()
    }

    /// Writes down until when these are to be kept; none: they never can be, and are not owed.
    pub async fn date_promises(
        &self,
        until: Vec<(RegistrationId, Option<Deadline>)>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let until = until.into_iter().map(|(id, until)| {
            params![id.0, until.map(|until| until.at_risk_at), until.map(|until| until.promised_at)]
        });
        let until = rows(until);
        self.write(move |conn| Box::pin(async move { conn.run(DATE, params_of(until, now)).await })).await
    }

    /// Does what has become due of promises at `now`: what is at risk comes before all that is not promised for a time, and is
    /// told; what is broken is told; what is not owed any more is closed; leads that have waited long fall behind those that
    /// have not.
    pub async fn watch_promises(&self, now: Timestamp) -> Result<Watched, StoreError> {
        let mut watched = Watched::default();
        self.close_over(now, &mut watched).await?;
        self.escalate(now, &mut watched).await?;
        self.break_promises(now, &mut watched).await?;
        self.let_fall(now, &mut watched).await?;
        Ok(watched)
    }

    async fn close_over(&self, now: Timestamp, watched: &mut Watched) -> Result<(), StoreError> {
        let Some(over) = self.found(OVER, params![AT_ONCE as u64], watched).await? else { return Ok(()) };
        watched.over +=
            self.write(move |conn| Box::pin(async move { conn.run(CLOSE, params_of(over, now)).await })).await?;
        Ok(())
    }

    async fn escalate(&self, now: Timestamp, watched: &mut Watched) -> Result<(), StoreError> {
        let Some(found) = self.found(AT_RISK, params![now, AT_ONCE as u64], watched).await? else { return Ok(()) };
        let ids = self.ids();
        let escalated = self.write(move |conn| {
            Box::pin(async move {
                let escalated = conn.rows(ESCALATE, params_of(found, now)).await?;
                let mut leads: BTreeMap<CampaignKey, Vec<LeadId>> = BTreeMap::new();
                let mut promises = Vec::new();
                for row in &escalated {
                    promises.push(RegistrationId(row.int("id")?));
                    if let Some(lead) = row.opt_int("lead_id")? {
                        leads.entry(row.parsed("campaign")?).or_default().push(LeadId(lead));
                    }
                }
                for (campaign, leads) in &leads {
                    let raised = rows(leads.iter().map(|lead| params![lead.0]));
                    conn.run(RAISE, vec![raised, u32::from(AT_RISK_PRIORITY).into()]).await?;
                    placing::place_again(conn, campaign, leads).await?;
                }
                outbox::promises_at_risk(conn, &ids, &promises, now).await?;
                Ok((promises.len() as u64, leads.into_keys().collect::<Vec<_>>()))
            })
        });
        let (count, campaigns) = escalated.await?;
        watched.at_risk += count;
        watched.moved.extend(campaigns);
        Ok(())
    }

    async fn break_promises(&self, now: Timestamp, watched: &mut Watched) -> Result<(), StoreError> {
        let before = Timestamp::from_millis(now.as_millis() - BREAKS_AFTER_MS);
        let Some(found) = self.found(BREAKING, params![before, AT_ONCE as u64], watched).await? else { return Ok(()) };
        let ids = self.ids();
        let broken = self.write(move |conn| {
            Box::pin(async move {
                let broken = conn.rows(BREAK, params_of(found, before)).await?;
                let broken: Vec<RegistrationId> =
                    broken.iter().map(|row| row.int("id").map(RegistrationId)).collect::<Result<_, _>>()?;
                outbox::promises_broken(conn, &ids, &broken, now).await?;
                Ok(broken.len() as u64)
            })
        });
        watched.broken += broken.await?;
        Ok(())
    }

    async fn let_fall(&self, now: Timestamp, watched: &mut Watched) -> Result<(), StoreError> {
        let mut conn = self.reader().await?;
        let falling = conn.rows(FALLING, params![now, AT_ONCE as u64]).await?;
        drop(conn);
        if falling.is_empty() {
            return Ok(());
        }
        watched.more |= falling.len() == AT_ONCE;
        let mut leads: BTreeMap<CampaignKey, BTreeMap<LeadId, u8>> = BTreeMap::new();
        let mut next = Vec::new();
        for row in &falling {
            let (priority, falls_next) = decay(row)?.at(now);
            let state = row.opt_text("state")?;
            let done = state.as_deref().is_none_or(|state| state == "done");
            next.push(params![row.int("id")?, falls_next.filter(|_| !done)]);
            if let (false, Some(lead)) = (done, row.opt_int("lead_id")?) {
                leads.entry(row.parsed("campaign")?).or_default().insert(LeadId(lead), priority);
            }
        }
        let fell = self.write(move |conn| {
            Box::pin(async move {
                let mut fell = 0;
                for (campaign, leads) in &leads {
                    let lower = leads.iter().map(|(lead, priority)| params![lead.0, u32::from(*priority)]);
                    fell += conn.run(LOWER, vec![rows(lower)]).await?;
                    placing::place_again(conn, campaign, &leads.keys().copied().collect::<Vec<_>>()).await?;
                }
                conn.run(FALLS_NEXT, params_of(rows(next), now)).await?;
                Ok((fell, leads.into_keys().collect::<Vec<_>>()))
            })
        });
        let (count, campaigns) = fell.await?;
        watched.fell += count;
        watched.moved.extend(campaigns);
        Ok(())
    }

    /// Ids that a statement finds, as rows for another one; none where there are none.
    async fn found(
        &self,
        statement: super::db::Statement,
        values: Vec<super::db::Value>,
        watched: &mut Watched,
    ) -> Result<Option<super::db::Value>, StoreError> {
        let mut conn = self.reader().await?;
        let found = conn.rows(statement, values).await?;
        watched.more |= found.len() == AT_ONCE;
        let ids: Vec<_> = found.iter().map(|row| Ok(params![row.int("id")?])).collect::<Result<_, StoreError>>()?;
        Ok((!ids.is_empty()).then(|| rows(ids)))
    }

    /// Removes registrations that came in before this and of which nothing is left to do; how many.
    pub async fn forget_registrations(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.in_pieces(FORGET, params![before]).await
    }
}

/// A dial that is over.
pub(super) struct Dialled {
    pub(super) lead: LeadId,
    pub(super) attempt: AttemptId,
    pub(super) at: Timestamp,
    /// It reached the customer's phone, or tried to.
    pub(super) counts: bool,
    pub(super) connected_at: Option<Timestamp>,
}

/// Dials are over: promises to these customers that are kept by it are, within the caller's transaction.
pub(super) async fn dialled(conn: &mut Conn, dials: &[Dialled]) -> Result<(), StoreError> {
    let dials = dials.iter().filter(|dial| dial.counts || dial.connected_at.is_some());
    let dials: Vec<_> = dials
        .map(|dial| params![dial.lead.0, dial.at, dial.connected_at, i64::from(dial.counts), dial.attempt.0])
        .collect();
    if dials.is_empty() {
        return Ok(());
    }
    conn.run(CALLED, vec![rows(dials)]).await.map(drop)
}

/// Customers talked to an agent who took their own calls: promises to them are kept by it, and they are not called for these for as
/// long as their campaigns say, within the caller's transaction.
pub(super) async fn talked(conn: &mut Conn, calls: &[(&PhoneNumber, Timestamp)]) -> Result<(), StoreError> {
    if calls.is_empty() {
        return Ok(());
    }
    let callers = rows(calls.iter().map(|(number, at)| params![number.as_str(), *at]));
    let mut resting: BTreeMap<CampaignKey, Vec<(i64, Timestamp)>> = BTreeMap::new();
    for row in conn.rows(TALKED, vec![callers]).await? {
        if let Some(lead) = row.opt_int("lead_id")? {
            resting.entry(row.parsed("campaign")?).or_default().push((lead, row.time("connected_at")?));
        }
    }
    for (campaign, leads) in resting {
        let rules = placing::chosen(conn, &campaign).await?.pre_registration;
        let hours = rules.map_or(0, |rules| rules.rest_after_inbound_hours);
        if hours > 0 {
            let rest = std::time::Duration::from_secs(3600) * hours;
            conn.run(REST, vec![rows(leads.into_iter().map(|(lead, at)| params![lead, at + rest]))]).await?;
        }
    }
    Ok(())
}

/// No call is owed to the customer of a lead any more, within the caller's transaction: somebody decided so.
pub(super) async fn close(conn: &mut Conn, lead: LeadId, now: Timestamp) -> Result<(), StoreError> {
    conn.run(CLOSE_OF_LEAD, params![lead.0, now]).await.map(drop)
}

fn params_of(rows: super::db::Value, now: Timestamp) -> Vec<super::db::Value> {
    vec![rows, now.into()]
}

fn asked_promise(row: &Row) -> Result<AskedPromise, StoreError> {
    Ok(AskedPromise {
        id: RegistrationId(row.int("id")?),
        campaign: row.parsed("campaign")?,
        zones: if row.opt_text("zones")?.is_some() { row.json("zones")? } else { Vec::new() },
        kind: row.opt_word("kind")?,
        counts_from: row.time("counts_from")?,
    })
}

fn decay(row: &Row) -> Result<Decay, StoreError> {
    let priority = |column| Ok::<u8, StoreError>(u8::try_from(row.count(column)?).unwrap_or(99));
    Ok(Decay {
        priority: priority("priority_from")?,
        to: priority("priority_to")?,
        from: row.time("counts_from")?,
        until: row.time("decays_until")?,
    })
}
