//! Merging: staged rows become leads, or bring leads up to date, batch by batch in the order of their numbers.

use std::collections::{BTreeMap, BTreeSet};

use super::checks::PRIORITY_DEFAULT;
use super::judging::{Judged, judge};
use super::numbers::{self, Further, People, RowNumber};
use super::staging::{Staged, Staging, Taken, Verdict};
use super::windows::NoWindow;
use super::{DuplicatePolicy, DuplicateScope, ImportError, ImportPlan, ImportStage, Progress};
use crate::model::id::{ImportId, LeadId, ListId};
use crate::model::name::CampaignKey;
use crate::model::selection::{Mixed, Selected};
use crate::model::time::Timestamp;
use crate::store::Store;
use crate::store::db::{Conn, Value, params, rows as batch, statements, word};
use crate::store::error::StoreError;
use crate::store::leads::ZoneSource;
use crate::store::placing::{self, Chosen};

// `cross join` makes SQLite look up each number of the batch; left to itself it reads the whole campaign for each batch.
statements! {
    MERGE = "
        insert into leads (id, campaign, list_id, import_id, number, name, zones, zone_source, priority, score,
                           replied_at, rank, extra, state, due_at, kind, created_at, changed_at)
        select cast(j.value ->> 0 as bigint), $2, $3, $4, j.value ->> 1, j.value ->> 2, j.value ->> 3, j.value ->> 4,
               cast(j.value ->> 5 as bigint), cast(j.value ->> 6 as bigint), cast(j.value ->> 7 as bigint),
               cast(j.value ->> 8 as bigint), j.value ->> 9, 'open', cast(j.value ->> 10 as bigint),
               j.value ->> 11, $5, $5
        from json_each($1) j where true";
    KEEP_FORMER = "
        insert into lead_updates (import_id, lead_id, number, name, zones, zone_source, priority, score, replied_at, extra, updated_at)
        select $2, l.id, l.number, l.name, l.zones, l.zone_source, l.priority, l.score, l.replied_at, l.extra, $3
        from json_each($1) j cross join leads l
        where l.id = cast(j.value ->> 0 as bigint)
        on conflict (import_id, lead_id) do nothing";
    UPDATE = "
        update leads set
            name = case when u.name = '' then leads.name else u.name end,
            zones = case when u.zone_source = 'column' then u.zones else leads.zones end,
            zone_source = case when u.zone_source = 'column' then u.zone_source else leads.zone_source end,
            rank = leads.rank - leads.priority + coalesce(u.priority, leads.priority),
            priority = coalesce(u.priority, leads.priority),
            score = coalesce(u.score, leads.score),
            replied_at = coalesce(u.replied_at, leads.replied_at),
            extra = json_patch(leads.extra, u.extra),
            changed_at = $2
        from (select cast(j.value ->> 0 as bigint) as id, j.value ->> 1 as name, j.value ->> 2 as zones, j.value ->> 3 as zone_source,
                     cast(j.value ->> 4 as bigint) as priority, j.value ->> 5 as extra,
                     cast(j.value ->> 6 as bigint) as score, cast(j.value ->> 7 as bigint) as replied_at
              from json_each($1) j) u
        where leads.id = u.id";
    LIST_GREW = "update lists set leads = coalesce(leads, 0) + $2 where id = $1";
    ADD_ZONES = "insert into campaign_zones (campaign, zones) values ($1, $2) on conflict do nothing";
}

/// What an import, or a check, works for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Into {
    /// The import, also of a check of a file that was imported before.
    pub(super) import: Option<ImportId>,
    /// The list that new leads are on; a check has none.
    pub(super) list: Option<ListId>,
}

/// What became of a batch.
struct Merged {
    verdicts: Vec<Verdict>,
    numbers: Vec<Taken>,
    /// Which parts of a mix come next.
    mixed: Mixed,
}

impl Store {
    /// Goes through the staged rows by number, and notes in the staging file what became of each.
    ///
    /// # Errors
    /// [`ImportError::Stopped`] at the end of a batch, if it was asked to; `staging` knows how far it came.
    pub(super) async fn merge(
        &self,
        plan: &ImportPlan,
        into: Into,
        staging: &mut Staging,
        no_window: &mut NoWindow,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(), ImportError> {
        let mut done = 0;
        let mut last: Option<(String, u64)> = None; // number and first line of it
        let mut mixed = self.mixed(&plan.campaign).await?;
        loop {
            let rows = staging.next_by_number(self.rows_per_merge()).await?;
            let Some(end) = rows.last().map(|row| (row.number.clone(), row.line)) else { return Ok(()) };
            if plan.stop.is_asked() {
                return Err(ImportError::Stopped);
            }
            let count = rows.len() as u64;
            let mut verdicts = Vec::new();
            let mut fresh: Vec<Staged> = Vec::with_capacity(rows.len());
            // The first row of a number counts; it may have been in a batch before.
            let mut first = last.clone();
            for row in rows {
                match &first {
                    Some((number, line)) if *number == row.number => {
                        verdicts.push(Verdict::duplicate_in_file(row.line, *line));
                    }
                    Some(_) | None => {
                        first = Some((row.number.clone(), row.line));
                        fresh.push(row);
                    }
                }
            }
            let closed = no_window.among(&fresh);
            let merged = self.merge_batch(plan, into, fresh, staging, mixed).await?;
            verdicts.extend(merged.verdicts);
            mixed = merged.mixed;
            no_window.count(closed, &verdicts);
            staging.judge(end, &verdicts, &merged.numbers).await?;
            done += count;
            last = first;
            let import = into.list.and(into.import);
            progress(Progress { stage: ImportStage::Merging, rows: done, bytes_read: 0, bytes_total: 0, import });
        }
    }

    async fn merge_batch(
        &self,
        plan: &ImportPlan,
        Into { import, list }: Into,
        rows: Vec<Staged>,
        staging: &mut Staging,
        mut mixed: Mixed,
    ) -> Result<Merged, StoreError> {
        let (campaign, duplicates, at) = (plan.campaign.clone(), plan.duplicates, plan.at);
        let everywhere = duplicates.scope == DuplicateScope::Everywhere;
        let in_file = staging.taken(&rows).await?;
        let (Some(import), Some(list)) = (import, list) else {
            let mut conn = self.reader().await?;
            let mut people = People::read(&mut conn, &rows, in_file, &campaign, everywhere, at).await?;
            // What earlier batches would have added stands nowhere else.
            let gained = staging.gained(people.leads()).await?;
            people.gained(gained);
            let Judged { verdicts, numbers, .. } = judge(&rows, people, &campaign, duplicates, import);
            return Ok(Merged { verdicts, numbers, mixed });
        };
        let (ids, name) = (self.ids(), plan.list.clone());
        self.write(move |conn| {
            Box::pin(async move {
                let people = People::read(conn, &rows, in_file, &campaign, everywhere, at).await?;
                let judged = judge(&rows, people, &campaign, duplicates, Some(import));
                let Judged { verdicts, taken, known, numbers } = judged;
                let chosen = placing::chosen(conn, &campaign).await?;
                let mut leads = Vec::with_capacity(taken.len());
                let mut people = Vec::new();
                for (row, further) in &taken {
                    let id = ids.next(at);
                    leads.push(lead_row(row, further, id, (&name, at), &chosen, &mut mixed));
                    people.extend(row.numbers.first().map(|own| (LeadId(id), own, further.as_slice())));
                }
                let merged = params![batch(leads), campaign.as_str(), list.0, import.0, at];
                let grown = conn.run(MERGE, merged).await?;
                conn.run(LIST_GREW, params![list.0, grown]).await?;
                numbers::begin(conn, &campaign, &people).await?;
                // A person who stands twice among them, by different numbers, is brought up to date twice.
                let mut rest = known;
                while !rest.is_empty() {
                    let mut people = BTreeSet::new();
                    let once = |known: &(&Staged, Further<'_>)| people.insert(known.1.lead);
                    let (some, later): (Vec<_>, Vec<_>) = rest.into_iter().partition(once);
                    update(conn, &campaign, duplicates.policy, (import, at), &some).await?;
                    rest = later;
                }
                let zones = rows.iter().flat_map(|row| {
                    std::iter::once(row.zones.as_str()).chain(row.numbers.iter().map(|one| one.zones.as_str()))
                });
                for zones in zones.collect::<BTreeSet<&str>>() {
                    conn.run(ADD_ZONES, params![campaign.as_str(), zones]).await?;
                }
                Ok(Merged { verdicts, numbers, mixed })
            })
        })
        .await
    }
}

/// The row of a new lead: with the first of its numbers by the campaign's order, and where it stands.
fn lead_row(
    row: &Staged,
    further: &[&RowNumber],
    id: i64,
    (list, at): (&str, Timestamp),
    chosen: &Chosen,
    mixed: &mut Mixed,
) -> Vec<Value> {
    let priority = row.priority.unwrap_or(PRIORITY_DEFAULT);
    let extra: BTreeMap<String, String> = match chosen.leads.only.is_empty() {
        true => BTreeMap::new(),
        false => serde_json::from_str(&row.extra).unwrap_or_default(),
    };
    let (score, replied_at) = (row.score, row.replied_at);
    let lead = Selected { id: LeadId(id), list, priority, score, replied_at, created_at: at, extra: &extra };
    let place = placing::place(&chosen.leads, &lead, mixed);
    let own = row.numbers.first();
    // The first of those whose kind comes first; one of which nobody knows when it may be called comes last.
    let turn = |one: &&RowNumber| (one.zone_source == ZoneSource::None, chosen.numbers.turn(one.kind));
    let first = own.into_iter().chain(further.iter().copied()).min_by_key(turn);
    let (number, zones, source, kind) = match first {
        Some(one) => (&one.number, &one.zones, word(&one.zone_source), Some(one.kind.as_str())),
        None => (&row.number, &row.zones, row.zone_source.clone(), None),
    };
    params![
        id,
        number.as_str(),
        &*row.name,
        zones.as_str(),
        source,
        u32::from(priority),
        score,
        replied_at,
        place.rank,
        &*row.extra,
        place.due_at,
        kind,
    ]
}

/// Brings leads that are there up to date, as far as the policy goes.
async fn update(
    conn: &mut Conn,
    campaign: &CampaignKey,
    policy: DuplicatePolicy,
    (import, at): (ImportId, Timestamp),
    known: &[(&Staged, Further<'_>)],
) -> Result<(), StoreError> {
    // First, so that the number a person had keeps its own zones, whatever the row says of the person's.
    numbers::add(conn, campaign, import, known.iter().map(|(_, further)| further)).await?;
    let ids: Vec<LeadId> = known.iter().map(|(_, further)| further.lead).collect();
    if policy == DuplicatePolicy::Update {
        conn.run(KEEP_FORMER, params![batch(ids.iter().map(|id| params![id.0])), import.0, at]).await?;
        let rows = known.iter().map(|(row, further)| {
            params![
                further.lead.0,
                &*row.name,
                &*row.zones,
                &*row.zone_source,
                row.priority.map(i64::from),
                &*row.extra,
                row.score,
                row.replied_at,
            ]
        });
        conn.run(UPDATE, params![batch(rows), at]).await?;
        placing::place_again(conn, campaign, &ids).await?;
    }
    Ok(())
}
