//! Places: where leads stand among those of their campaign, by its selection.
//!
//! A place is two numbers of a lead. `rank` is its priority, and tells by what is added to it whether a callback is agreed and
//! whether the campaign leaves it out ([`rank`]); `due_at` is 0 or less while it is fresh, and its
//! [place](crate::model::selection) then. Both are columns of the index that leads are fetched by. Leads are placed when
//! they come in, and all of them again when the selection changes. Read [`Store::place_leads`] first.

use std::collections::BTreeMap;

use super::Store;
use super::db::{Conn, Row, Value, params, rows, statements};
use super::error::StoreError;
use crate::model::id::LeadId;
use crate::model::name::CampaignKey;
use crate::model::numbers::NumberRules;
use crate::model::pre_registration::PreRegistration;
use crate::model::selection::{Mixed, Selected, Selection};
use crate::model::time::Timestamp;

/// Added to the rank of a lead with a callback.
pub(super) const CALLBACK: i64 = 100;
/// Added to the rank of a lead that is left out, and of one with a callback that would be but for it.
pub(super) const LEFT_OUT: i64 = -1000;
pub(super) const CALLBACK_OF_LEFT_OUT: i64 = 300;
/// Leads placed in one transaction: a few milliseconds.
const PLACED_AT_ONCE: usize = 500;
/// A window of leads that others keep changing is left for the next time after so many tries.
const TRIES_MAX: u32 = 5;

/// A rank of each kind, as SQL: what was left out stays left out, whatever becomes of it.
macro_rules! ranked {
    ($callback:literal) => {
        concat!(
            "leads.priority + case when leads.rank < 0 or leads.rank >= 300 then case when ",
            $callback,
            " then 300 else -1000 end else case when ",
            $callback,
            " then 100 else 0 end end"
        )
    };
}
pub(super) use ranked;

statements! {
    SELECTION = "
        select r.definition as definition from campaigns c
        join campaign_revisions r on r.campaign = c.key and r.revision = c.revision where c.key = $1";
    IN_FORCE = "select key, revision from campaigns order by key";
    PLACED = "select placed from campaigns where key = $1";
    // The campaign is no term of an index here, so that leads are read in the order of their ids.
    WINDOW = "
        select l.id as id, s.name as list, l.priority as priority, l.score as score, l.replied_at as replied_at,
               l.created_at as created_at, l.changed_at as changed_at, l.extra as extra, l.state as state,
               l.rank as rank, l.due_at as due_at
        from leads l cross join lists s
        where l.id > $1 and l.campaign || '' = $2 and s.id = l.list_id order by l.id limit $3";
    PLACE = "
        update leads set rank = leads.priority + w.kind,
            due_at = case when leads.due_at = w.due_at then w.place else leads.due_at end
        from (select cast(j.value ->> 0 as bigint) as id, cast(j.value ->> 1 as bigint) as changed_at,
                  cast(j.value ->> 2 as bigint) as kind, cast(j.value ->> 3 as bigint) as due_at,
                  cast(j.value ->> 4 as bigint) as place
              from json_each($1) j) w
        where leads.id = w.id and leads.changed_at = w.changed_at";
    OF_LEADS = "
        select l.id as id, s.name as list, l.priority as priority, l.score as score, l.replied_at as replied_at,
               l.created_at as created_at, l.changed_at as changed_at, l.extra as extra, l.state as state,
               l.rank as rank, l.due_at as due_at
        from json_each($1) j cross join leads l cross join lists s
        where l.id = cast(j.value ->> 0 as bigint) and s.id = l.list_id";
    SETTLE = "update campaigns set placed = $2 where key = $1";
    UNSETTLE = "update campaigns set placed = '-' where key = $1";
    SIZE = "select cast(coalesce(sum(leads), 0) as bigint) as leads from lists where campaign = $1";
    LEFT_OUT_COUNT = "
        select count(*) as count from campaign_zones z cross join leads l
        where z.campaign = $1 and l.campaign = $1 and l.zones = z.zones and l.rank < 0 and l.due_at is not null";
}

/// What is added to a priority.
pub(super) fn kind(admitted: bool, callback: bool) -> i64 {
    match (admitted, callback) {
        (true, false) => 0,
        (true, true) => CALLBACK,
        (false, false) => LEFT_OUT,
        (false, true) => CALLBACK_OF_LEFT_OUT,
    }
}

/// What a campaign's definition in force says of its leads, of their numbers, and of customers who asked to be called.
#[derive(Default, serde::Deserialize)]
pub(super) struct Chosen {
    #[serde(default)]
    pub(super) leads: Selection,
    #[serde(default)]
    pub(super) numbers: NumberRules,
    #[serde(default)]
    pub(super) pre_registration: Option<PreRegistration>,
}

/// What is in force; the usual where there is no such campaign.
pub(super) async fn chosen(conn: &mut Conn, campaign: &CampaignKey) -> Result<Chosen, StoreError> {
    let row = conn.row(SELECTION, params![campaign.as_str()]).await?;
    let chosen: Option<Chosen> = row.map(|row| row.json("definition")).transpose()?;
    Ok(chosen.unwrap_or_default())
}

/// The selection in force.
pub(super) async fn selection(conn: &mut Conn, campaign: &CampaignKey) -> Result<Selection, StoreError> {
    chosen(conn, campaign).await.map(|chosen| chosen.leads)
}

/// Places leads anew whose cells have changed. In a mix they keep their turn.
pub(super) async fn place_again(conn: &mut Conn, campaign: &CampaignKey, ids: &[LeadId]) -> Result<(), StoreError> {
    let selection = &selection(conn, campaign).await?;
    if selection.is_usual() || ids.is_empty() {
        return Ok(());
    }
    let found = conn.rows(OF_LEADS, vec![rows(ids.iter().map(|id| params![id.0]))]).await?;
    let leads: Vec<Placed> = found.iter().map(Placed::of).collect::<Result<_, _>>()?;
    let moves = leads.iter().filter_map(|lead| match selection.mix.is_empty() {
        true => lead.moved(selection, &mut Mixed::after(None)),
        false => lead.ranked(selection),
    });
    conn.run(PLACE, vec![rows(moves)]).await.map(drop)
}

/// The selection changes, and leads come in by the new one from now on: whatever they were placed by before, it is not known
/// any more until all of them have been gone through.
pub(super) async fn unsettle(conn: &mut Conn, campaign: &CampaignKey) -> Result<(), StoreError> {
    conn.run(UNSETTLE, params![campaign.as_str()]).await.map(drop)
}

/// How many leads that may be dialled the campaign leaves out.
pub(super) async fn left_out(conn: &mut Conn, campaign: &CampaignKey) -> Result<u64, StoreError> {
    conn.one(LEFT_OUT_COUNT, params![campaign.as_str()]).await?.count("count")
}

/// Where one lead stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) rank: i64,
    pub(super) due_at: i64,
}

/// Where a fresh lead stands.
pub(super) fn place(selection: &Selection, lead: &Selected<'_>, mixed: &mut Mixed) -> Place {
    let rank = i64::from(lead.priority) + kind(selection.admits(lead), false);
    Place { rank, due_at: selection.place(lead, mixed) }
}

impl Store {
    /// Where a mix goes on: at the fresh lead of the campaign that is dialled next.
    pub(super) async fn mixed(&self, campaign: &CampaignKey) -> Result<Mixed, StoreError> {
        let next = self.next_due(campaign, &|_| true).await?;
        Ok(Mixed::after(next.map(|due| due.as_millis()).filter(|due| *due < 0)))
    }

    /// The revision in force of each campaign.
    pub async fn revisions_in_force(&self) -> Result<Vec<(CampaignKey, u64)>, StoreError> {
        let mut conn = self.reader().await?;
        let rows = conn.rows(IN_FORCE, vec![]).await?;
        rows.iter().map(|row| Ok((row.parsed("key")?, row.count("revision")?))).collect()
    }

    /// Whether all leads of a campaign stand where its selection wants them.
    pub async fn leads_are_placed(&self, campaign: &CampaignKey) -> Result<bool, StoreError> {
        let mut conn = self.reader().await?;
        let wanted = selection(&mut conn, campaign).await?.placing();
        let row = conn.row(PLACED, params![campaign.as_str()]).await?;
        let placed = row.map(|row| row.opt_text("placed")).transpose()?.flatten();
        Ok(placed.unwrap_or_default() == wanted)
    }

    /// Places all leads of a campaign by its selection, in short transactions, so that the dialer's own writes go between
    /// them. `told` hears how many are done, of how many. `false`: it was not finished, because the selection or the leads
    /// changed meanwhile; it is to be tried again.
    pub async fn place_leads(
        &self,
        campaign: &CampaignKey,
        told: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<bool, StoreError> {
        let mut conn = self.reader().await?;
        let selection = selection(&mut conn, campaign).await?;
        let size = conn.one(SIZE, params![campaign.as_str()]).await?.count("leads")?;
        drop(conn);
        let (mut done, mut last, mut mixed) = (0, LeadId(0), Mixed::after(None));
        let mut tries = 0;
        loop {
            let mut conn = self.reader().await?;
            let window = params![last.0, campaign.as_str(), PLACED_AT_ONCE as u64];
            let window: Vec<Placed> =
                conn.rows(WINDOW, window).await?.iter().map(Placed::of).collect::<Result<_, _>>()?;
            drop(conn);
            let Some(end) = window.last().map(|lead| lead.id) else { break };
            let mut ahead = mixed.clone();
            let moves: Vec<_> = window.iter().filter_map(|lead| lead.moved(&selection, &mut ahead)).collect();
            let wanted = moves.len() as u64;
            if wanted > 0 {
                let moves = rows(moves);
                let moved = self.write(move |conn| Box::pin(async move { conn.run(PLACE, vec![moves]).await })).await?;
                if moved < wanted {
                    tries += 1;
                    if tries > TRIES_MAX {
                        return Ok(false);
                    }
                    continue; // somebody changed one of them: they are looked at again
                }
            }
            (mixed, last, tries) = (ahead, end, 0);
            done += window.len() as u64;
            told(done, size.max(done));
        }
        let campaign = campaign.clone();
        self.write(move |conn| {
            Box::pin(async move {
                let placing = selection.placing();
                if self::selection(conn, &campaign).await?.placing() != placing {
                    return Ok(false);
                }
                conn.run(SETTLE, params![campaign.as_str(), (!placing.is_empty()).then_some(placing)]).await?;
                Ok(true)
            })
        })
        .await
    }
}

/// A lead as it is placed now.
struct Placed {
    id: LeadId,
    list: String,
    priority: u8,
    score: Option<i64>,
    replied_at: Option<Timestamp>,
    created_at: Timestamp,
    changed_at: Timestamp,
    extra: BTreeMap<String, String>,
    callback: bool,
    rank: i64,
    due_at: Option<i64>,
}

impl Placed {
    fn of(row: &Row) -> Result<Placed, StoreError> {
        Ok(Placed {
            id: LeadId(row.int("id")?),
            list: row.text("list")?,
            priority: u8::try_from(row.count("priority")?).unwrap_or(99),
            score: row.opt_int("score")?,
            replied_at: row.opt_time("replied_at")?,
            created_at: row.time("created_at")?,
            changed_at: row.time("changed_at")?,
            extra: row.json("extra")?,
            callback: row.text("state")? == "callback",
            rank: row.int("rank")?,
            due_at: row.opt_int("due_at")?,
        })
    }

    fn selected(&self) -> Selected<'_> {
        Selected {
            id: self.id,
            list: &self.list,
            priority: self.priority,
            score: self.score,
            replied_at: self.replied_at,
            created_at: self.created_at,
            extra: &self.extra,
        }
    }

    /// What is to be written, if anything.
    fn moved(&self, selection: &Selection, mixed: &mut Mixed) -> Option<Vec<Value>> {
        // Whoever was dialled before is due at a time, which stays.
        let fresh = self.due_at.filter(|due| *due <= 0);
        let place = fresh.map(|_| selection.place(&self.selected(), mixed));
        self.written(selection, place.or(self.due_at))
    }

    /// The same, but for the place among others.
    fn ranked(&self, selection: &Selection) -> Option<Vec<Value>> {
        self.written(selection, self.due_at)
    }

    fn written(&self, selection: &Selection, place: Option<i64>) -> Option<Vec<Value>> {
        let kind = kind(selection.admits(&self.selected()), self.callback);
        let stands = self.rank == i64::from(self.priority) + kind && self.due_at == place;
        (!stands).then(|| params![self.id.0, self.changed_at, kind, self.due_at, place])
    }
}

const _: () =
    assert!(CALLBACK == 100 && LEFT_OUT == -1000 && CALLBACK_OF_LEFT_OUT == 300, "the statements write them out");
