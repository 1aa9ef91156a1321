//! Due leads: what the hopper fetches, and how much is left for it.
//!
//! The order of dialling: agreed callbacks that are due, then by priority, then as the campaign's selection has it. Campaign,
//! zones, rank and due time are the columns of one index ([`placing`](super::placing) says what the last two hold). The best leads of each set of zones are read from it a few at a time and
//! merged, and all else is read only of those that were chosen: fetching costs the same with a thousand leads and with ten
//! million, and hardly more with twenty sets of zones than with one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashSet, VecDeque};

use super::Store;
use super::attempts::{Called, number_facts, past, phone};
use super::db::{Conn, Value, params, rows, statements};
use super::error::StoreError;
use super::leads::{ZoneSource, callback};
use crate::model::disposition::Disposition;
use crate::model::id::{AttemptId, LeadId, ListId};
use crate::model::lead::{Lead, LeadState, NumberFacts, SuppressionReason};
use crate::model::name::CampaignKey;
use crate::model::numbers::{self, NumberKind, Numbers, OtherNumber};
use crate::model::phone::PhoneNumber;
use crate::model::selection::{Again, Selected, Selection};
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
        where campaign = $1 and zones = $2 and due_at is not null and rank < $3 and rank >= 0
        order by rank desc limit 1";
    NEXT_RANKS = "
        select j.value ->> 0 as zones, (
            select l.rank from leads l
            where l.campaign = $1 and l.zones = j.value ->> 0 and l.due_at is not null and l.rank < $2 and l.rank >= 0
            order by l.rank desc limit 1) as rank
        from json_each($3) j";
    DUE_KEYS = "
        select due_at, id from leads
        where campaign = $1 and zones = $2 and rank = $3 and due_at <= $4 and (due_at, id) > ($5, $6)
        order by due_at, id limit $7";
    FIRST_KEYS = "
        select j.value ->> 0 as zones, (
            select string_agg(k.due_at || ':' || k.id, ',') from (
                select l.due_at as due_at, l.id as id from leads l
                where l.campaign = $1 and l.zones = j.value ->> 0 and l.rank = $2 and l.due_at <= $3
                  and (l.due_at, l.id) > ($4, $5)
                order by l.due_at, l.id limit $6) k) as keys
        from json_each($7) j";
    DUE_LEADS = concat!("
        select l.id as id, l.list_id as list_id, l.number as number, l.zones as zones, l.state as state,
               l.callback_at as callback_at, l.callback_agent as callback_agent, l.last_attempt as last_attempt,
               l.kind as kind, l.numbers as numbers, l.zone_source as zone_source,",
               number_facts!("l.number", "l.campaign", "l.id", "l.numbers", "$2"), "
        from json_each($1) j cross join leads l where l.id = cast(j.value ->> 0 as bigint)");
    DUE_ATTEMPTS = "
        select a.lead_id as id, a.disposition as disposition, count(*) as count
        from json_each($1) j cross join attempts a
        where a.lead_id = cast(j.value ->> 0 as bigint) and a.disposition is not null
        group by a.lead_id, a.disposition";
    NUMBERS = "
        select n.lead_id as id, n.place as place, n.number as number, n.zones as zones, n.kind as kind,
               case when exists (
                   select 1 from leads o where o.number = n.number and o.campaign = n.campaign and o.id <> n.lead_id
               ) then 1 else 0 end as elsewhere
        from json_each($1) j cross join lead_numbers n
        where n.lead_id = cast(j.value ->> 0 as bigint) order by n.lead_id, n.place";
    TRIED = "
        select a.lead_id as id, a.number as number, a.disposition as disposition, count(*) as count
        from json_each($1) j cross join attempts a
        where a.lead_id = cast(j.value ->> 0 as bigint) and a.disposition is not null
        group by a.lead_id, a.number, a.disposition";
    NEXT_DUE = "
        select due_at from leads
        where campaign = $1 and zones = $2 and rank = $3 and due_at is not null
        order by due_at limit 1";
    SELECTED = "
        select l.id as id, s.name as list, l.priority as priority, l.score as score, l.replied_at as replied_at,
               l.created_at as created_at, l.extra as extra, l.state as state
        from json_each($1) j cross join leads l cross join lists s
        where l.id = cast(j.value ->> 0 as bigint) and s.id = l.list_id";
    COUNT_DUE = "
        select count(*) as count from leads where campaign = $1 and zones = $2 and rank = $3 and due_at <= $4";
}

impl Store {
    /// The next leads that are due and whose zones are all open, best first, with the facts about their numbers.
    ///
    /// `selection` is the campaign's, `claimed` leads are passed over (the hopper has them already). `open` is asked once for
    /// each set of zones that occurs in the campaign. Leads that the selection leaves out are none, also while they have not
    /// been placed anew. The facts are of now; the guard sees them again when the intent is recorded.
    pub async fn fetch_leads(
        &self,
        campaign: &CampaignKey,
        selection: &Selection,
        now: Timestamp,
        limit: usize,
        claimed: &HashSet<LeadId>,
        open: &(dyn Fn(&[String]) -> bool + Send + Sync),
    ) -> Result<Vec<Lead>, StoreError> {
        let mut conn = self.reader().await?;
        let sets = open_zone_sets(&mut conn, campaign, open).await?;
        let limits = Wanted { now, again: selection.again, leads: limit.min(FETCH_MAX), claimed };
        let mut best = best(&mut conn, campaign, &sets, &limits).await?;
        if !selection.only.is_empty() {
            retain_admitted(&mut conn, selection, &mut best).await?;
        }
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
/// Before every key, and after those of all fresh leads.
const BEFORE_ALL: Key = (Timestamp::from_millis(i64::MIN), LeadId(i64::MIN));
const FRESH_ENDS: Key = (Timestamp::from_millis(0), LeadId(i64::MAX));

/// How many leads, and in which order where that is not the index's own.
struct Wanted<'c> {
    now: Timestamp,
    again: Again,
    leads: usize,
    claimed: &'c HashSet<LeadId>,
}

/// The best leads of all `sets`.
async fn best(
    conn: &mut Conn,
    campaign: &CampaignKey,
    sets: &[String],
    wanted: &Wanted<'_>,
) -> Result<Vec<LeadId>, StoreError> {
    let mut chosen = Vec::with_capacity(wanted.leads);
    // Fresh leads are due at 0 or before, others at a time: which come first, the order of the index or the other way round.
    let (fresh, dialled) = ((BEFORE_ALL, Timestamp::from_millis(0)), (FRESH_ENDS, wanted.now));
    let spans: &[(Key, Timestamp)] = match wanted.again {
        Again::Last => &[(BEFORE_ALL, wanted.now)],
        Again::First => &[dialled, fresh],
    };
    // The highest rank below the last one, of each set; whoever has none is out of leads.
    let mut next = next_ranks(conn, campaign, i64::MAX, sets.iter().map(String::as_str)).await?;
    while let Some(rank) = next.iter().map(|(_, rank)| *rank).max() {
        for (after, until) in spans {
            let of_rank = next.iter().filter(|(_, of)| *of == rank);
            let mut queues: Vec<Queue<'_>> = of_rank
                .map(|(zones, _)| Queue {
                    campaign,
                    zones,
                    rank,
                    until: *until,
                    read: VecDeque::new(),
                    last: *after,
                    more: true,
                })
                .collect();
            merge(conn, &mut queues, wanted, &mut chosen).await?;
            if chosen.len() >= wanted.leads {
                return Ok(chosen); // what comes after is not asked for
            }
        }
        let (done, mut lower): (Vec<_>, Vec<_>) = next.into_iter().partition(|(_, of)| *of == rank);
        lower.extend(next_ranks(conn, campaign, rank, done.into_iter().map(|(zones, _)| zones)).await?);
        next = lower;
    }
    Ok(chosen)
}

/// Takes from several queues of one rank, the first of all heads each time.
async fn merge(
    conn: &mut Conn,
    queues: &mut [Queue<'_>],
    wanted: &Wanted<'_>,
    chosen: &mut Vec<LeadId>,
) -> Result<(), StoreError> {
    // What the hopper holds already stands first in the index, so it is read as well.
    let each = ((wanted.leads - chosen.len() + wanted.claimed.len()) / queues.len().max(1) + 1).max(KEYS_MIN);
    fill(conn, queues, each).await?;
    let mut heads = BinaryHeap::with_capacity(queues.len());
    for (place, queue) in queues.iter_mut().enumerate() {
        heads.extend(queue.next(conn, each).await?.map(|key| Reverse((key, place))));
    }
    while let Some(Reverse((key, place))) = heads.pop()
        && chosen.len() < wanted.leads
    {
        if !wanted.claimed.contains(&key.1) {
            chosen.push(key.1);
        }
        if let Some(queue) = queues.get_mut(place) {
            heads.extend(queue.next(conn, each).await?.map(|key| Reverse((key, place))));
        }
    }
    Ok(())
}

/// Reads the first keys of all queues, which are of one rank and begin after one key, in one question: a question costs more
/// than what it asks for.
async fn fill(conn: &mut Conn, queues: &mut [Queue<'_>], each: usize) -> Result<(), StoreError> {
    let Some(first) = queues.first() else { return Ok(()) };
    let sets = rows(queues.iter().map(|queue| params![queue.zones]));
    let (due_at, id) = (first.last.0.as_millis(), first.last.1.0);
    let mut values = params![first.campaign.as_str(), first.rank, first.until, due_at, id, each as u64];
    values.push(sets);
    let found: Vec<(String, Option<String>)> = conn.tuples(FIRST_KEYS, "zones, keys", values).await?;
    let mut found: BTreeMap<String, String> =
        found.into_iter().map(|(zones, keys)| (zones, keys.unwrap_or_default())).collect();
    for queue in queues {
        let keys = found.remove(queue.zones).unwrap_or_default();
        let unreadable = || StoreError::Unreadable { what: "keys of leads", value: keys.clone() };
        let read = |key: &str| {
            let (due_at, id) = key.split_once(':')?;
            Some((due_at.parse().ok()?, id.parse().ok()?))
        };
        let keys = keys.split(',').filter(|key| !key.is_empty()).map(|key| read(key).ok_or_else(unreadable));
        queue.take(keys.collect::<Result<_, _>>()?, each);
    }
    Ok(())
}

/// The highest rank below `below` of each of these sets of zones that has one, in one question.
async fn next_ranks<'z>(
    conn: &mut Conn,
    campaign: &CampaignKey,
    below: i64,
    sets: impl Iterator<Item = &'z str>,
) -> Result<Vec<(&'z str, i64)>, StoreError> {
    let sets: BTreeMap<&str, &'z str> = sets.map(|zones| (zones, zones)).collect();
    if sets.is_empty() {
        return Ok(Vec::new());
    }
    let asked = params![campaign.as_str(), below, rows(sets.keys().map(|zones| params![*zones]))];
    let found: Vec<(String, Option<i64>)> = conn.tuples(NEXT_RANKS, "zones, rank", asked).await?;
    let mut ranks: Vec<(&str, i64)> =
        found.iter().filter_map(|(zones, rank)| Some((*sets.get(zones.as_str())?, (*rank)?))).collect();
    ranks.sort_unstable();
    Ok(ranks)
}

/// Leaves out those that the selection does: they may not have been placed since it changed.
async fn retain_admitted(conn: &mut Conn, selection: &Selection, ids: &mut Vec<LeadId>) -> Result<(), StoreError> {
    type Found = (i64, String, u8, Option<i64>, Option<i64>, i64, String, LeadState);
    let columns = "id, list, priority, score, replied_at, created_at, extra, state";
    let asked = vec![rows(ids.iter().map(|id| params![id.0]))];
    let mut admitted = HashSet::with_capacity(ids.len());
    for (id, list, priority, score, replied_at, created_at, extra, state) in
        conn.tuples::<Found>(SELECTED, columns, asked).await?
    {
        let unreadable = |_| StoreError::Unreadable { what: "extra", value: extra.clone() };
        let cells: BTreeMap<String, String> = serde_json::from_str(&extra).map_err(unreadable)?;
        let lead = Selected {
            id: LeadId(id),
            list: &list,
            priority,
            score,
            replied_at: replied_at.map(Timestamp::from_millis),
            created_at: Timestamp::from_millis(created_at),
            extra: &cells,
        };
        // One that agreed to be called back is called, whatever the selection says.
        if state == LeadState::Callback || selection.admits(&lead) {
            admitted.insert(lead.id);
        }
    }
    ids.retain(|id| admitted.contains(id));
    Ok(())
}

/// The due leads of one place in the index, in their order, read a few at a time.
struct Queue<'q> {
    campaign: &'q CampaignKey,
    zones: &'q str,
    rank: i64,
    until: Timestamp,
    read: VecDeque<Key>,
    last: Key,
    more: bool,
}

impl Queue<'_> {
    async fn next(&mut self, conn: &mut Conn, each: usize) -> Result<Option<Key>, StoreError> {
        if self.read.is_empty() && self.more {
            let (due_at, id) = (self.last.0.as_millis(), self.last.1.0);
            let values = params![self.campaign.as_str(), self.zones, self.rank, self.until, due_at, id, each as u64];
            self.take(conn.tuples(DUE_KEYS, "due_at, id", values).await?, each);
        }
        Ok(self.read.pop_front())
    }

    /// Takes the keys that were read after the last one, in any order, when so many were asked for.
    fn take(&mut self, mut keys: Vec<(i64, i64)>, asked: usize) {
        keys.sort_unstable();
        self.more = keys.len() == asked;
        self.read.extend(keys.into_iter().map(|(due_at, id)| (Timestamp::from_millis(due_at), LeadId(id))));
        self.last = self.read.back().copied().unwrap_or(self.last);
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
    let asked = vec![rows(ids.iter().map(|id| params![id.0])), now.into()];
    let (mut several, mut in_zones) = (HashSet::new(), HashSet::new());
    for lead in conn.tuples::<DueLead>(DUE_LEADS, DueLead::COLUMNS, asked).await? {
        let id = LeadId(lead.id);
        if lead.numbers.is_some() {
            several.insert(lead.id);
            if lead.zone_source == ZoneSource::Column {
                in_zones.insert(id);
            }
        }
        if lead.last_attempt.is_some() {
            dialled.push(params![lead.id]);
        }
        found.insert(id, lead.read(campaign)?);
    }
    if !dialled.is_empty() {
        for row in conn.rows(DUE_ATTEMPTS, vec![rows(dialled.into_iter())]).await? {
            let count = u32::try_from(row.count("count")?).unwrap_or(u32::MAX);
            if let Some(lead) = found.get_mut(&LeadId(row.int("id")?)) {
                lead.attempts.insert(row.parsed::<Disposition>("disposition")?, count);
            }
        }
    }
    if !several.is_empty() {
        read_numbers(conn, rows(several.iter().map(|id| params![*id])), &in_zones, &mut found).await?;
    }
    // One that was removed meanwhile is left out.
    let mut leads: Vec<Lead> = ids.iter().filter_map(|id| found.remove(id)).collect();
    let asked = leads.iter().zip(0..).map(|(lead, place)| Called {
        place,
        number: &lead.number,
        at: now,
        lead: several.contains(&lead.id.0).then_some(lead.id),
    });
    for (place, past) in past(conn, asked).await? {
        if let Some(lead) = usize::try_from(place).ok().and_then(|place| leads.get_mut(place)) {
            lead.facts.past = past;
        }
    }
    Ok(leads)
}

/// A row of [`DUE_LEADS`].
#[derive(serde::Deserialize)]
struct DueLead {
    id: i64,
    list: i64,
    number: String,
    zones: String,
    state: LeadState,
    promised: Option<i64>,
    agent: Option<String>,
    last_attempt: Option<i64>,
    kind: Option<NumberKind>,
    numbers: Option<i64>,
    zone_source: ZoneSource,
    suppressed: Option<SuppressionReason>,
    consent: i64,
    live_attempt: Option<i64>,
}

impl DueLead {
    /// In the order of the fields.
    const COLUMNS: &str = "id, list_id, number, zones, state, callback_at, callback_agent, last_attempt, kind, numbers,
        zone_source, suppressed, consent, live_attempt";

    fn read(self, campaign: &CampaignKey) -> Result<Lead, StoreError> {
        let unreadable = |what, value: &str| StoreError::Unreadable { what, value: value.to_owned() };
        let number =
            PhoneNumber::from_e164(&self.number).map_err(|_| unreadable("number", "a number that is not E.164"))?;
        Ok(Lead {
            id: LeadId(self.id),
            campaign: campaign.clone(),
            list: ListId(self.list),
            number,
            zones: serde_json::from_str(&self.zones).map_err(|_| unreadable("zones", &self.zones))?,
            numbers: Numbers { kind: self.kind, ..Numbers::default() },
            attempts: BTreeMap::new(),
            facts: NumberFacts {
                suppressed: self.suppressed,
                consent: self.consent != 0,
                live_attempt: self.live_attempt.map(AttemptId),
                past: Vec::new(),
            },
            callback: callback(self.state, self.promised.map(Timestamp::from_millis), self.agent),
        })
    }
}

/// The numbers of people who have several, and how often each was tried.
/// `in_zones`: leads whose list says which zone the person is in, whatever the number.
async fn read_numbers(
    conn: &mut Conn,
    asked: Value,
    in_zones: &HashSet<LeadId>,
    leads: &mut BTreeMap<LeadId, Lead>,
) -> Result<(), StoreError> {
    let mut tried: BTreeMap<(i64, String), (u32, bool)> = BTreeMap::new();
    for row in conn.rows(TRIED, vec![asked.clone()]).await? {
        let disposition: Disposition = row.parsed("disposition")?;
        let (count, bad) = tried.entry((row.int("id")?, row.text("number")?)).or_default();
        if disposition.counts_as_attempt() {
            *count = count.saturating_add(u32::try_from(row.count("count")?).unwrap_or(u32::MAX));
        }
        *bad |= numbers::is_bad(disposition);
    }
    for row in conn.rows(NUMBERS, vec![asked]).await? {
        let (id, number) = (row.int("id")?, phone(&row, "number")?);
        let (tried, bad) = tried.get(&(id, number.as_str().to_owned())).copied().unwrap_or_default();
        let place = u32::try_from(row.count("place")?).unwrap_or(u32::MAX);
        let Some(lead) = leads.get_mut(&LeadId(id)) else { continue };
        if lead.number == number {
            (lead.numbers.place, lead.numbers.tried) = (place, tried);
        } else {
            let zones = if in_zones.contains(&LeadId(id)) { lead.zones.clone() } else { row.json("zones")? };
            let (kind, bad) = (row.word("kind")?, bad || row.int("elsewhere")? != 0);
            lead.numbers.others.push(OtherNumber { number, zones, kind, place, tried, bad });
        }
    }
    Ok(())
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
