//! Due leads: what the hopper fetches, and how much is left for it.
//!
//! The order of dialling: agreed callbacks that are due, then by priority, then whoever has waited longest. Campaign, zones,
//! rank and due time are the columns of one index. The best leads of each set of zones are read from it a few at a time and
//! merged, and all else is read only of those that were chosen: fetching costs the same with a thousand leads and with ten
//! million, and hardly more with twenty sets of zones than with one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashSet, VecDeque};

use super::Store;
use super::attempts::{Asked, seen};
use super::db::{Conn, params, rows, statements};
use super::error::StoreError;
use super::leads::callback;
use crate::model::disposition::Disposition;
use crate::model::id::{LeadId, ListId};
use crate::model::lead::{Lead, LeadState};
use crate::model::name::CampaignKey;
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;

/// Most leads fetched at once: the hopper holds minutes of dialling, not the list.
pub(super) const FETCH_MAX: usize = 2000;
/// Fewest keys of a set of zones read at once: a question costs more than a few keys that are not needed.
const KEYS_MIN: usize = 64;

// `cross join` keeps the few leads that are due as the outer side, whatever the planner thinks of the statistics.
statements! {
    ZONE_SETS = "select zones from campaign_zones where campaign = $1 order by zones";
    NEXT_RANK = "
        select rank from leads
        where campaign = $1 and zones = $2 and due_at is not null and rank < $3
        order by rank desc limit 1";
    DUE_KEYS = "
        select due_at, id from leads
        where campaign = $1 and zones = $2 and rank = $3 and due_at <= $4 and (due_at, id) > ($5, $6)
        order by due_at, id limit $7";
    DUE_LEADS = "
        select l.id, l.list_id, l.number, l.zones, l.state, l.callback_at, l.callback_agent, l.last_attempt
        from json_each($1) j cross join leads l where l.id = cast(j.value ->> 0 as bigint)";
    DUE_ATTEMPTS = "
        select a.lead_id as id, a.disposition as disposition, count(*) as count
        from json_each($1) j cross join attempts a
        where a.lead_id = cast(j.value ->> 0 as bigint) and a.disposition is not null
        group by a.lead_id, a.disposition";
    NEXT_DUE = "
        select due_at from leads
        where campaign = $1 and zones = $2 and rank = $3 and due_at is not null
        order by due_at limit 1";
    COUNT_DUE = "
        select count(*) as count from leads where campaign = $1 and zones = $2 and rank = $3 and due_at <= $4";
}

impl Store {
    /// The next leads that are due and whose zones are all open, best first, with the facts about their numbers.
    ///
    /// `claimed` leads are passed over (the hopper has them already). `open` is asked once for each set of zones that
    /// occurs in the campaign. The facts are of now; the guard sees them again when the intent is recorded.
    pub async fn fetch_leads(
        &self,
        campaign: &CampaignKey,
        now: Timestamp,
        limit: usize,
        claimed: &HashSet<LeadId>,
        open: &(dyn Fn(&[String]) -> bool + Send + Sync),
    ) -> Result<Vec<Lead>, StoreError> {
        let mut conn = self.reader().await?;
        let sets = open_zone_sets(&mut conn, campaign, open).await?;
        let best = best(&mut conn, campaign, now, &sets, limit.min(FETCH_MAX), claimed).await?;
        leads(&mut conn, campaign, now, &best).await
    }

    /// When the next lead of the campaign is due in the zones that `open` accepts; may lie in the past.
    pub async fn next_due(
        &self,
        campaign: &CampaignKey,
        open: &(dyn Fn(&[String]) -> bool + Send + Sync),
    ) -> Result<Option<Timestamp>, StoreError> {
        let mut conn = self.reader().await?;
        let mut next: Option<Timestamp> = None;
        for zones in open_zone_sets(&mut conn, campaign, open).await? {
            for rank in ranks(&mut conn, campaign, &zones).await? {
                let row = conn.row(NEXT_DUE, params![campaign.as_str(), zones.as_str(), rank]).await?;
                let due = row.map(|row| row.time("due_at")).transpose()?;
                next = [next, due].into_iter().flatten().min();
            }
        }
        Ok(next)
    }

    /// How many leads are due in the zones that `open` accepts.
    pub async fn count_due(
        &self,
        campaign: &CampaignKey,
        now: Timestamp,
        open: &(dyn Fn(&[String]) -> bool + Send + Sync),
    ) -> Result<u64, StoreError> {
        let mut conn = self.reader().await?;
        let mut count = 0;
        for zones in open_zone_sets(&mut conn, campaign, open).await? {
            for rank in ranks(&mut conn, campaign, &zones).await? {
                let row = conn.one(COUNT_DUE, params![campaign.as_str(), zones.as_str(), rank, now]).await?;
                count += row.count("count")?;
            }
        }
        Ok(count)
    }

    /// The sets of zones that occur among a campaign's leads; an empty set is "unknown".
    pub async fn campaign_zones(&self, campaign: &CampaignKey) -> Result<Vec<Vec<String>>, StoreError> {
        let mut conn = self.reader().await?;
        let rows = conn.rows(ZONE_SETS, params![campaign.as_str()]).await?;
        rows.iter().map(|row| row.json("zones")).collect()
    }
}

/// Due time and id: the order of leads of one rank.
type Key = (Timestamp, LeadId);

/// The best leads of all `sets`, at most `wanted`.
async fn best(
    conn: &mut Conn,
    campaign: &CampaignKey,
    now: Timestamp,
    sets: &[String],
    wanted: usize,
    claimed: &HashSet<LeadId>,
) -> Result<Vec<LeadId>, StoreError> {
    let mut chosen = Vec::with_capacity(wanted);
    let mut rank_below = i64::MAX;
    // The highest rank below that, of each set; whoever has none is out of leads.
    let mut next: Vec<(&str, i64)> = Vec::with_capacity(sets.len());
    for zones in sets {
        let row = conn.row(NEXT_RANK, params![campaign.as_str(), zones.as_str(), rank_below]).await?;
        next.extend(row.map(|row| row.int("rank")).transpose()?.map(|rank| (zones.as_str(), rank)));
    }
    while let Some(rank) = next.iter().map(|(_, rank)| *rank).max() {
        let of_rank = next.iter().filter(|(_, of)| *of == rank);
        let mut queues: Vec<Queue<'_>> = of_rank
            .map(|(zones, _)| Queue { campaign, zones, rank, now, read: VecDeque::new(), last: None, more: true })
            .collect();
        // What the hopper holds already stands first in the index, so it is read as well.
        let each = ((wanted - chosen.len() + claimed.len()) / queues.len() + 1).max(KEYS_MIN);
        let mut heads = BinaryHeap::with_capacity(queues.len());
        for (place, queue) in queues.iter_mut().enumerate() {
            heads.extend(queue.next(conn, each).await?.map(|key| Reverse((key, place))));
        }
        while let Some(Reverse((key, place))) = heads.pop()
            && chosen.len() < wanted
        {
            if !claimed.contains(&key.1) {
                chosen.push(key.1);
            }
            if let Some(queue) = queues.get_mut(place) {
                heads.extend(queue.next(conn, each).await?.map(|key| Reverse((key, place))));
            }
        }
        if chosen.len() >= wanted {
            break; // what comes after is not asked for
        }
        rank_below = rank;
        let mut lower = Vec::with_capacity(next.len());
        for (zones, of) in next {
            if of < rank {
                lower.push((zones, of));
                continue;
            }
            let row = conn.row(NEXT_RANK, params![campaign.as_str(), zones, rank_below]).await?;
            lower.extend(row.map(|row| row.int("rank")).transpose()?.map(|rank| (zones, rank)));
        }
        next = lower;
    }
    Ok(chosen)
}

/// The due leads of one place in the index, in their order, read a few at a time.
struct Queue<'q> {
    campaign: &'q CampaignKey,
    zones: &'q str,
    rank: i64,
    now: Timestamp,
    read: VecDeque<Key>,
    last: Option<Key>,
    more: bool,
}

impl Queue<'_> {
    async fn next(&mut self, conn: &mut Conn, each: usize) -> Result<Option<Key>, StoreError> {
        if self.read.is_empty() && self.more {
            let (due_at, id) = self.last.map_or((i64::MIN, i64::MIN), |(due_at, id)| (due_at.as_millis(), id.0));
            let values = params![self.campaign.as_str(), self.zones, self.rank, self.now, due_at, id, each as u64];
            let mut keys: Vec<(i64, i64)> = conn.tuples(DUE_KEYS, "due_at, id", values).await?;
            keys.sort_unstable();
            self.read.extend(keys.into_iter().map(|(due_at, id)| (Timestamp::from_millis(due_at), LeadId(id))));
            self.more = self.read.len() == each;
            self.last = self.read.back().copied();
        }
        Ok(self.read.pop_front())
    }
}

/// All about these leads, in their order.
async fn leads(
    conn: &mut Conn,
    campaign: &CampaignKey,
    now: Timestamp,
    ids: &[LeadId],
) -> Result<Vec<Lead>, StoreError> {
    let mut found: BTreeMap<LeadId, Lead> = BTreeMap::new();
    let mut dialled = Vec::new();
    let asked = vec![rows(ids.iter().map(|id| params![id.0]))];
    type Found = (i64, i64, String, String, LeadState, Option<i64>, Option<String>, Option<i64>);
    let columns = "id, list_id, number, zones, state, callback_at, callback_agent, last_attempt";
    for (id, list, number, zones, state, promised, agent, last) in
        conn.tuples::<Found>(DUE_LEADS, columns, asked).await?
    {
        if last.is_some() {
            dialled.push(params![id]);
        }
        let unreadable = |what, value: &str| StoreError::Unreadable { what, value: value.to_owned() };
        let lead = Lead {
            id: LeadId(id),
            campaign: campaign.clone(),
            list: ListId(list),
            number: PhoneNumber::from_e164(&number).map_err(|_| unreadable("number", "a number that is not E.164"))?,
            zones: serde_json::from_str(&zones).map_err(|_| unreadable("zones", &zones))?,
            attempts: BTreeMap::new(),
            facts: Default::default(),
            callback: callback(state, promised.map(Timestamp::from_millis), agent),
        };
        found.insert(LeadId(id), lead);
    }
    if !dialled.is_empty() {
        for row in conn.rows(DUE_ATTEMPTS, vec![rows(dialled.into_iter())]).await? {
            let count = u32::try_from(row.count("count")?).unwrap_or(u32::MAX);
            if let Some(lead) = found.get_mut(&LeadId(row.int("id")?)) {
                lead.attempts.insert(row.parsed::<Disposition>("disposition")?, count);
            }
        }
    }
    // One that was removed meanwhile is left out.
    let mut leads: Vec<Lead> = ids.iter().filter_map(|id| found.remove(id)).collect();
    let asked: Vec<Asked<'_>> = leads
        .iter()
        .map(|lead| Asked { campaign: &lead.campaign, lead: lead.id, number: &lead.number, at: now })
        .collect();
    let facts = seen(conn, &asked).await?;
    for (lead, seen) in leads.iter_mut().zip(facts) {
        lead.facts = seen.facts;
    }
    Ok(leads)
}

async fn open_zone_sets(
    conn: &mut Conn,
    campaign: &CampaignKey,
    open: &(dyn Fn(&[String]) -> bool + Send + Sync),
) -> Result<Vec<String>, StoreError> {
    let mut sets = Vec::new();
    for row in conn.rows(ZONE_SETS, params![campaign.as_str()]).await? {
        let zones: Vec<String> = row.json("zones")?;
        // An unknown zone is never dialled, whatever the caller says.
        if !zones.is_empty() && open(&zones) {
            sets.push(row.text("zones")?);
        }
    }
    Ok(sets)
}

async fn ranks(conn: &mut Conn, campaign: &CampaignKey, zones: &str) -> Result<Vec<i64>, StoreError> {
    let mut ranks = Vec::new();
    let mut below = i64::MAX;
    while let Some(row) = conn.row(NEXT_RANK, params![campaign.as_str(), zones, below]).await? {
        below = row.int("rank")?;
        ranks.push(below);
    }
    Ok(ranks)
}
