//! Leads: what pages show of them, what becomes of a lead after an attempt, and their counts. [`due`](super::due) is what the
//! hopper fetches.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::attempts::{phone, zones_text};
use super::db::{Conn, Row, json, params, rows, statements};
use super::due::FETCH_MAX;
use super::error::StoreError;
use super::placing::{self, ranked};
use super::{Ids, Store, outbox, registrations};
use crate::model::id::{AttemptId, LeadId, ListId};
use crate::model::lead::{Callback, LeadNext, LeadState};
use crate::model::name::CampaignKey;
use crate::model::numbers::NumberKind;
use crate::model::phone::PhoneNumber;
use crate::model::selection::{Mixed, Selected};
use crate::model::time::Timestamp;

/// Most leads handed to one write: bounds how long it holds the writer.
const LEADS_PER_WRITE: usize = 500;

/// Where a lead's time zones come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ZoneSource {
    /// The file said so.
    Column,
    /// Derived from the number.
    Number,
    /// Unknown: the lead is never dialled.
    None,
}

/// A lead as pages and the desk show it.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct LeadCard {
    /// Its id.
    pub id: LeadId,
    /// Whose lead it is.
    pub campaign: CampaignKey,
    /// The list it came with.
    pub list: ListId,
    /// The number.
    pub number: PhoneNumber,
    /// The person's name; empty where the list had none.
    pub name: String,
    /// Time zones the number may be in.
    pub zones: Vec<String>,
    /// Where they come from.
    pub zone_source: ZoneSource,
    /// 0 to 99; higher first.
    pub priority: u8,
    /// Its score, where its list had one.
    pub score: Option<i64>,
    /// When the customer replied, where its list says so.
    pub replied_at: Option<Timestamp>,
    /// The list's other columns.
    pub extra: BTreeMap<String, String>,
    /// All numbers of the person in the order of the list, where there are several or one says where it rings.
    pub numbers: Vec<(PhoneNumber, NumberKind)>,
    /// Where it stands.
    pub state: LeadState,
    /// When it is due, while it may be dialled.
    pub due_at: Option<Timestamp>,
    /// The agreed callback.
    pub callback: Option<Callback>,
    /// When it was brought in.
    pub created_at: Timestamp,
    /// When its state changed last.
    pub changed_at: Timestamp,
}

impl LeadCard {
    /// Where the number that is next rings, if the list said so.
    pub fn kind(&self) -> Option<NumberKind> {
        self.numbers.iter().find(|(number, _)| *number == self.number).map(|(_, kind)| *kind)
    }
}

/// A single lead to be added, outside an import.
#[derive(Clone, Debug, PartialEq)]
pub struct NewLead {
    /// The number.
    pub number: PhoneNumber,
    /// The person's name.
    pub name: String,
    /// Time zones.
    pub zones: Vec<String>,
    /// Where they come from.
    pub zone_source: ZoneSource,
    /// 0 to 99.
    pub priority: u8,
    /// How promising it is; higher is better.
    pub score: Option<i64>,
    /// When the customer replied.
    pub replied_at: Option<Timestamp>,
    /// Other columns.
    pub extra: BTreeMap<String, String>,
}

/// How many leads of a campaign are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct LeadCounts {
    /// May be dialled when due.
    pub open: u64,
    /// An attempt is on its way.
    pub dialling: u64,
    /// A callback was agreed.
    pub callback: u64,
    /// Reached, nothing left to do.
    pub done: u64,
    /// Given up.
    pub given_up: u64,
    /// May be dialled, but the campaign's selection leaves them out.
    pub left_out: u64,
}

impl LeadCounts {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.open + self.dialling + self.callback + self.done + self.given_up + self.left_out
    }
}

/// What decides about a lead, and therefore in which state of the lead it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decider {
    /// The end of an attempt: only while the lead still waits for it.
    End,
    /// A result of an attempt: also after an earlier revision decided otherwise.
    Result,
    /// A result of an inbound call: not while the lead is being dialled.
    Inbound,
    /// A manager, about a promised call.
    Manager,
}

/// The leads of everybody who may be called at a number, as SQL; `$1` is the number.
macro_rules! with_number {
    () => {
        "select l.id from leads l where l.number = $1
         union all select n.lead_id from lead_numbers n where n.number = $1"
    };
}
pub(super) use with_number;

/// A dial rang in vain, and while it was on its way the customer asked to be called: there is another one at most a minute
/// later, also after the last that there was to be. Not after one that ended otherwise: an abandoned call, a number that does
/// not exist and a call of which nothing is known have rests of their own.
macro_rules! asked_meanwhile {
    () => {
        "$2 = 'end' and w.state in ('open', 'given_up') and leads.replied_at is not null and exists (
            select 1 from pre_registrations p, attempts a
            where a.id = w.attempt and a.disposition in ('busy', 'no_answer') and p.lead_id = leads.id
              and p.created_at >= a.at)"
    };
}

statements! {
    COUNTS = "select state, count(*) as count from leads where campaign = $1 group by state";
    CARD = "
        select id, campaign, list_id, number, name, zones, zone_source, priority, score, replied_at, extra,
               state, due_at, callback_agent, callback_at, created_at, changed_at, kind
        from leads where id = $1";
    NUMBERS_OF = "
        select n.lead_id as id, n.number as number, n.kind as kind from json_each($1) j cross join lead_numbers n
        where n.lead_id = cast(j.value ->> 0 as bigint) order by n.lead_id, n.place";
    CARDS_OF_NUMBER = concat!("
        select id, campaign, list_id, number, name, zones, zone_source, priority, score, replied_at, extra,
               state, due_at, callback_agent, callback_at, created_at, changed_at, kind
        from leads where id in (", with_number!(), ")
        order by created_at desc, id desc");
    CARDS_OF_CAMPAIGN = "
        select id, campaign, list_id, number, name, zones, zone_source, priority, score, replied_at, extra,
               state, due_at, callback_agent, callback_at, created_at, changed_at, kind
        from leads
        where campaign = $1 and id > $2 and (cast($3 as text) is null or state = $3)
        order by id limit $4";
    NEXT = concat!("
        update leads set changed_at = w.at,
            due_at = case when ", asked_meanwhile!(), " and (w.due_at is null or w.due_at > w.at + 60000) then w.at + 60000
                          else w.due_at end,
            state = case when w.keeps and leads.callback_at is not null then 'callback'
                         when ", asked_meanwhile!(), " then 'open' else w.state end,
            callback_agent = case when w.keeps then leads.callback_agent else w.agent end,
            callback_at = case when w.keeps then leads.callback_at when w.state = 'callback' then w.due_at end,
            closed_by = case when w.state in ('done', 'given_up') and not (", asked_meanwhile!(), ") then 'attempt' end,
            rank = ", ranked!("(w.state = 'callback' or (w.keeps and leads.callback_at is not null))"), "
        from (select cast(j.value ->> 0 as bigint) as id, j.value ->> 1 as state,
                  cast(j.value ->> 2 as bigint) as due_at, j.value ->> 3 as agent,
                  cast(j.value ->> 4 as bigint) as at, cast(j.value ->> 5 as bigint) as attempt,
                  cast(j.value ->> 6 as boolean) as keeps
              from json_each($1) j) w
        where leads.id = w.id and case $2
            when 'end' then leads.state = 'dialling' and leads.last_attempt = w.attempt
            when 'result' then leads.last_attempt = w.attempt
            when 'manager' then leads.state = 'callback'
            else leads.state <> 'dialling' end
        returning leads.id, leads.changed_at, leads.numbers, leads.replied_at");
    WISHED_MEANWHILE = "
        select p.lead_id as lead_id, p.preferred_at as preferred_at
        from (select cast(j.value ->> 0 as bigint) as lead_id, cast(j.value ->> 1 as bigint) as attempt,
                  cast(j.value ->> 2 as bigint) as at
              from json_each($1) j) w
        join attempts a on a.id = w.attempt and a.disposition not in ('unknown', 'abandoned')
        join pre_registrations p on p.lead_id = w.lead_id and p.created_at >= a.at and p.preferred_at > w.at
        order by p.id";
    OTHER_NUMBER = "
        update leads set number = n.number, kind = n.kind,
            zones = case when leads.zone_source = 'column' then leads.zones else n.zones end,
            zone_source = case when leads.zone_source = 'column' then leads.zone_source else n.zone_source end
        from (select cast(j.value ->> 0 as bigint) as id, j.value ->> 1 as number from json_each($1) j) w, lead_numbers n
        where leads.id = w.id and n.lead_id = w.id and n.number = w.number
          and not exists (
              select 1 from leads o where o.number = n.number and o.campaign = leads.campaign and o.id <> leads.id)";
    NOT_THEIRS = "
        select l.id as id from json_each($1) j cross join leads l
        where l.id = cast(j.value ->> 0 as bigint) and (
            exists (select 1 from leads o
                    where o.number = j.value ->> 1 and o.campaign = l.campaign and o.id <> l.id)
            or not exists (select 1 from lead_numbers n where n.lead_id = l.id and n.number = j.value ->> 1))";
    PUT_OFF = "
        update leads set due_at = $2 where id = $1 and state in ('open', 'callback') and due_at < $2";
    GIVE_UP = "
        update leads set state = 'given_up', due_at = null, closed_by = 'attempt', changed_at = $2
        where id = $1 and state in ('open', 'callback')";
    CREATE_LIST = "insert into lists (id, campaign, name, created_by, created_at) values ($1, $2, $3, $4, $5)";
    LIST_NAMED = "select id from lists where campaign = $1 and name = $2 order by id limit 1";
    LIST_NAME = "select name from lists where id = $1";
    LIST_GREW = "update lists set leads = coalesce(leads, 0) + $2 where id = $1";
    ADD_ZONES = "insert into campaign_zones (campaign, zones) values ($1, $2) on conflict do nothing";
    ADD_LEAD = "
        insert into leads (id, campaign, list_id, import_id, number, name, zones, zone_source, priority, score,
                           replied_at, rank, extra, state, due_at, created_at, changed_at)
        values ($1, $2, $3, null, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'open', $13, $14, $14)
        on conflict (number, campaign) do nothing";
}

impl Store {
    /// How many leads of a campaign are in each state.
    pub async fn lead_counts(&self, campaign: &CampaignKey) -> Result<LeadCounts, StoreError> {
        let mut conn = self.reader().await?;
        let mut counts = LeadCounts::default();
        for row in conn.rows(COUNTS, params![campaign.as_str()]).await? {
            let count = row.count("count")?;
            match row.word::<LeadState>("state")? {
                LeadState::Open => counts.open = count,
                LeadState::Dialling => counts.dialling = count,
                LeadState::Callback => counts.callback = count,
                LeadState::Done => counts.done = count,
                LeadState::GivenUp => counts.given_up = count,
            }
        }
        // Counted a moment later than the others.
        counts.left_out = placing::left_out(&mut conn, campaign).await?.min(counts.open);
        counts.open -= counts.left_out;
        Ok(counts)
    }

    /// One lead.
    pub async fn lead(&self, id: LeadId) -> Result<Option<LeadCard>, StoreError> {
        let mut conn = self.reader().await?;
        let mut leads: Vec<LeadCard> =
            conn.rows(CARD, params![id.0]).await?.iter().map(card).collect::<Result<_, _>>()?;
        read_numbers(&mut conn, &mut leads).await?;
        Ok(leads.pop())
    }

    /// The leads with this number, newest first: at most one per campaign.
    pub async fn leads_of_number(&self, number: &PhoneNumber) -> Result<Vec<LeadCard>, StoreError> {
        let mut conn = self.reader().await?;
        let found = conn.rows(CARDS_OF_NUMBER, params![number.as_str()]).await?;
        let mut leads: Vec<LeadCard> = found.iter().map(card).collect::<Result<_, _>>()?;
        read_numbers(&mut conn, &mut leads).await?;
        Ok(leads)
    }

    /// A page of a campaign's leads in the order they were brought in, after `after`.
    pub async fn leads_of_campaign(
        &self,
        campaign: &CampaignKey,
        state: Option<LeadState>,
        after: Option<LeadId>,
        limit: usize,
    ) -> Result<Vec<LeadCard>, StoreError> {
        let mut conn = self.reader().await?;
        let limit = limit.min(FETCH_MAX) as u64;
        let values = params![campaign.as_str(), after.map_or(0, |id| id.0), state.map(LeadState::as_str), limit];
        let found = conn.rows(CARDS_OF_CAMPAIGN, values).await?;
        let mut leads: Vec<LeadCard> = found.iter().map(card).collect::<Result<_, _>>()?;
        read_numbers(&mut conn, &mut leads).await?;
        Ok(leads)
    }

    /// Puts leads off until a later time, without an attempt: their window is closed, their number cools off. With a number, that
    /// one of the person's is tried then.
    pub async fn put_off(&self, leads: Vec<(LeadId, Timestamp, Option<PhoneNumber>)>) -> Result<(), StoreError> {
        for some in leads.chunks(LEADS_PER_WRITE) {
            let some = some.to_vec();
            self.write(move |conn| {
                Box::pin(async move {
                    for (lead, until, number) in some {
                        let put_off = conn.run(PUT_OFF, params![lead.0, until]).await?;
                        if let Some(number) = number.filter(|_| put_off > 0) {
                            let moved = rows([params![lead.0, number.as_str()]]);
                            conn.run(OTHER_NUMBER, vec![moved]).await?;
                        }
                    }
                    Ok(())
                })
            })
            .await?;
        }
        Ok(())
    }

    /// Gives leads up without an attempt: their caps can never allow one again.
    pub async fn give_up(&self, leads: Vec<LeadId>, at: Timestamp) -> Result<(), StoreError> {
        for some in leads.chunks(LEADS_PER_WRITE) {
            let (ids, some) = (self.ids(), some.to_vec());
            self.write(move |conn| {
                Box::pin(async move {
                    let mut given_up = Vec::new();
                    for lead in some {
                        if conn.run(GIVE_UP, params![lead.0, at]).await? > 0 {
                            given_up.push((lead, at));
                        }
                    }
                    outbox::leads_moved(conn, &ids, given_up.into_iter()).await
                })
            })
            .await?;
        }
        Ok(())
    }

    /// Says what becomes of a lead whose attempt ended and for which no result will come (after a crash).
    pub async fn settle_lead(
        &self,
        lead: LeadId,
        attempt: AttemptId,
        next: LeadNext,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let ids = self.ids();
        self.write(move |conn| {
            Box::pin(async move {
                apply_nexts(
                    conn,
                    &ids,
                    Decider::End,
                    &[Next { lead, attempt, next: &next, at, number: None, keeps_promise: false }],
                )
                .await
            })
        })
        .await
    }

    /// Makes an empty list for a campaign.
    pub async fn create_list(
        &self,
        campaign: &CampaignKey,
        name: &str,
        by: &str,
        at: Timestamp,
    ) -> Result<ListId, StoreError> {
        let id = self.inner.ids.next(at);
        let (campaign, name, by) = (campaign.clone(), name.to_owned(), by.to_owned());
        self.write(move |conn| {
            Box::pin(async move {
                super::campaigns::must_exist(conn, &campaign).await?;
                conn.run(CREATE_LIST, params![id, campaign.as_str(), name, by, at]).await?;
                Ok(ListId(id))
            })
        })
        .await
    }

    /// Adds one lead to a list, due at once. `None` if the number is on the campaign already or suppressed for it.
    pub async fn add_lead(
        &self,
        campaign: &CampaignKey,
        list: ListId,
        lead: NewLead,
        at: Timestamp,
    ) -> Result<Option<LeadId>, StoreError> {
        let (ids, campaign) = (self.ids(), campaign.clone());
        let mut mixed = self.mixed(&campaign).await?;
        self.write(move |conn| Box::pin(async move { add(conn, &ids, &campaign, list, &lead, &mut mixed, at).await }))
            .await
    }
}

/// Adds one lead to a list within the caller's transaction, due at once. `None` if the number is on the campaign already or
/// suppressed for it.
pub(super) async fn add(
    conn: &mut Conn,
    ids: &Ids,
    campaign: &CampaignKey,
    list: ListId,
    lead: &NewLead,
    mixed: &mut Mixed,
    at: Timestamp,
) -> Result<Option<LeadId>, StoreError> {
    if super::suppressions::is_suppressed(conn, &lead.number, campaign, at).await? {
        return Ok(None);
    }
    let id = ids.next(at);
    let zones = zones_text(&lead.zones);
    let selection = placing::selection(conn, campaign).await?;
    let name = conn.one(LIST_NAME, params![list.0]).await?.text("name")?;
    let selected = Selected {
        id: LeadId(id),
        list: &name,
        priority: lead.priority.min(99),
        score: lead.score,
        replied_at: lead.replied_at,
        created_at: at,
        extra: &lead.extra,
    };
    let place = placing::place(&selection, &selected, mixed);
    let values = params![
        id,
        campaign.as_str(),
        list.0,
        lead.number.as_str(),
        lead.name.as_str(),
        zones.as_str(),
        super::db::word(&lead.zone_source),
        u32::from(lead.priority.min(99)),
        lead.score,
        lead.replied_at,
        place.rank,
        json(&lead.extra),
        place.due_at,
        at,
    ];
    let added = conn.run(ADD_LEAD, values).await?;
    conn.run(LIST_GREW, params![list.0, added]).await?;
    conn.run(ADD_ZONES, params![campaign.as_str(), zones]).await?;
    Ok((added == 1).then_some(LeadId(id)))
}

/// The list of this name of a campaign, which is made if there is none.
pub(super) async fn list_named(
    conn: &mut Conn,
    ids: &Ids,
    campaign: &CampaignKey,
    name: &str,
    by: &str,
    at: Timestamp,
) -> Result<ListId, StoreError> {
    if let Some(row) = conn.row(LIST_NAMED, params![campaign.as_str(), name]).await? {
        return Ok(ListId(row.int("id")?));
    }
    let id = ids.next(at);
    conn.run(CREATE_LIST, params![id, campaign.as_str(), name, by, at]).await?;
    Ok(ListId(id))
}

/// These leads are called on this number from now on, if it is one of theirs.
pub(super) async fn call_on(conn: &mut Conn, leads: &[LeadId], number: &PhoneNumber) -> Result<(), StoreError> {
    let leads = rows(leads.iter().map(|lead| params![lead.0, number.as_str()]));
    conn.run(OTHER_NUMBER, vec![leads]).await.map(drop)
}

/// The promise of a lead, by its columns.
pub(super) fn callback(state: LeadState, at: Option<Timestamp>, agent: Option<String>) -> Option<Callback> {
    at.filter(|_| state == LeadState::Callback).map(|at| Callback { at, agent })
}

/// The numbers of those who have several.
async fn read_numbers(conn: &mut Conn, leads: &mut [LeadCard]) -> Result<(), StoreError> {
    let mut numbers: BTreeMap<LeadId, Vec<(PhoneNumber, NumberKind)>> = BTreeMap::new();
    for row in conn.rows(NUMBERS_OF, vec![rows(leads.iter().map(|lead| params![lead.id.0]))]).await? {
        numbers.entry(LeadId(row.int("id")?)).or_default().push((phone(&row, "number")?, row.word("kind")?));
    }
    for lead in leads {
        if let Some(numbers) = numbers.remove(&lead.id) {
            lead.numbers = numbers;
        }
    }
    Ok(())
}

fn card(row: &Row) -> Result<LeadCard, StoreError> {
    Ok(LeadCard {
        id: LeadId(row.int("id")?),
        campaign: row.parsed("campaign")?,
        list: ListId(row.int("list_id")?),
        number: phone(row, "number")?,
        name: row.text("name")?,
        zones: row.json("zones")?,
        zone_source: row.word("zone_source")?,
        priority: u8::try_from(row.count("priority")?).unwrap_or(99),
        score: row.opt_int("score")?,
        replied_at: row.opt_time("replied_at")?,
        extra: row.json("extra")?,
        numbers: match row.opt_word::<NumberKind>("kind")? {
            Some(kind) => vec![(phone(row, "number")?, kind)],
            None => Vec::new(),
        },
        state: row.word("state")?,
        // A fresh lead's place is no time.
        due_at: row.opt_time("due_at")?.map(|due| due.max(Timestamp::from_millis(0))),
        callback: callback(row.word("state")?, row.opt_time("callback_at")?, row.opt_text("callback_agent")?),
        created_at: row.time("created_at")?,
        changed_at: row.time("changed_at")?,
    })
}

/// What becomes of a lead.
pub(super) struct Next<'a> {
    /// Which lead.
    pub(super) lead: LeadId,
    /// The attempt that decides it; of no meaning where an inbound call does.
    pub(super) attempt: AttemptId,
    /// What becomes of it.
    pub(super) next: &'a LeadNext,
    /// When it was decided.
    pub(super) at: Timestamp,
    /// The number that was called, where somebody spoke on it: what is agreed is agreed for that one.
    pub(super) number: Option<&'a PhoneNumber>,
    /// The customer's phone was never reached: a call that was promised is still promised when it is tried again.
    pub(super) keeps_promise: bool,
}

impl<'a> Next<'a> {
    /// The same, where the number that was to be dialled is not the person's any more (`strays`): what was decided for that.
    fn past(&self, strays: &BTreeSet<LeadId>) -> Next<'a> {
        let next = match self.next {
            LeadNext::Other { otherwise: Some(otherwise), .. } if strays.contains(&self.lead) => otherwise,
            next => next,
        };
        Next { next, ..*self }
    }
}

/// Leads whose next number another lead of the campaign has by now, or which they have no more.
async fn strays(conn: &mut Conn, nexts: &[Next<'_>]) -> Result<BTreeSet<LeadId>, StoreError> {
    let asked: Vec<_> = nexts
        .iter()
        .filter_map(|next| match next.next {
            LeadNext::Other { number, .. } => Some(params![next.lead.0, number.as_str()]),
            LeadNext::Retry { .. } | LeadNext::Callback(_) | LeadNext::Done | LeadNext::GivenUp => None,
        })
        .collect();
    if asked.is_empty() {
        return Ok(BTreeSet::new());
    }
    let found = conn.rows(NOT_THEIRS, vec![rows(asked)]).await?;
    found.iter().map(|row| row.int("id").map(LeadId)).collect()
}

/// Those whose customers wished for a time to be called while a dial was on its way that reached nobody wait for it.
async fn wishes(conn: &mut Conn, ids: &Ids, ended: Vec<(LeadId, AttemptId, Timestamp)>) -> Result<(), StoreError> {
    if ended.is_empty() {
        return Ok(());
    }
    let given = rows(ended.iter().map(|(lead, attempt, at)| params![lead.0, attempt.0, *at]));
    let mut wished = BTreeMap::new();
    for row in conn.rows(WISHED_MEANWHILE, vec![given]).await? {
        // Whoever wished twice wishes for what they said last.
        wished.insert(LeadId(row.int("lead_id")?), row.time("preferred_at")?);
    }
    for (lead, _, ended_at) in ended {
        if let Some(at) = wished.get(&lead) {
            registrations::wished(conn, ids, lead, *at, ended_at).await?;
        }
    }
    Ok(())
}

/// Moves leads on. No lead may stand twice among them with the same attempt.
pub(super) async fn apply_nexts(
    conn: &mut Conn,
    ids: &Ids,
    decider: Decider,
    nexts: &[Next<'_>],
) -> Result<(), StoreError> {
    if nexts.is_empty() {
        return Ok(());
    }
    let strays = strays(conn, nexts).await?;
    let nexts: Vec<Next<'_>> = nexts.iter().map(|next| next.past(&strays)).collect();
    let keeps = |next: &Next<'_>| next.keeps_promise && matches!(next.next, LeadNext::Retry { .. });
    let row = |next: &Next<'_>| {
        let (state, due_at, agent) = match next.next {
            LeadNext::Retry { at } | LeadNext::Other { at, .. } => (LeadState::Open, Some(*at), None),
            LeadNext::Callback(callback) => (LeadState::Callback, Some(callback.at), callback.agent.clone()),
            LeadNext::Done => (LeadState::Done, None, None),
            LeadNext::GivenUp => (LeadState::GivenUp, None, None),
        };
        params![next.lead.0, state.as_str(), due_at, agent, next.at, next.attempt.0, keeps(next)]
    };
    let word = match decider {
        Decider::End => "end",
        Decider::Result => "result",
        Decider::Inbound => "inbound",
        Decider::Manager => "manager",
    };
    let moved = conn.rows(NEXT, vec![rows(nexts.iter().map(row)), word.into()]).await?;
    let (mut several, mut asked) = (BTreeSet::new(), BTreeSet::new());
    for row in &moved {
        if row.opt_int("numbers")?.is_some() {
            several.insert(LeadId(row.int("id")?));
        }
        if row.opt_time("replied_at")?.is_some() {
            asked.insert(LeadId(row.int("id")?));
        }
    }
    let moved: Vec<_> =
        moved.iter().map(|row| Ok((LeadId(row.int("id")?), row.time("changed_at")?))).collect::<Result<_, _>>()?;
    let others = nexts.iter().filter(|next| several.contains(&next.lead)).filter_map(|next| {
        let number = match next.next {
            LeadNext::Other { number, .. } => Some(number),
            // Where another lead has the number that was spoken on by now, this one keeps its own.
            LeadNext::Retry { .. } | LeadNext::Callback(_) => next.number,
            LeadNext::Done | LeadNext::GivenUp => None,
        };
        number.map(|number| params![next.lead.0, number.as_str()])
    });
    let others: Vec<_> = others.collect();
    if !others.is_empty() {
        conn.run(OTHER_NUMBER, vec![rows(others)]).await?;
    }
    if decider == Decider::End {
        let asked = nexts.iter().filter(|next| asked.contains(&next.lead));
        wishes(conn, ids, asked.map(|next| (next.lead, next.attempt, next.at)).collect()).await?;
    }
    // That a promise still stands is no news.
    let kept: BTreeSet<LeadId> = nexts.iter().filter(|next| keeps(next)).map(|next| next.lead).collect();
    outbox::leads_moved(conn, ids, moved.into_iter().filter(|(lead, _)| !kept.contains(lead))).await
}
