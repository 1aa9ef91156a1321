//! Import: a file becomes leads, suppressions or consents, and every row is accounted for.
//!
//! Not in memory: rows go through a staging file, are sorted by number there, and are merged in short transactions, so
//! that the dialer's own writes go between them. Read [`ImportPlan`], [`ImportCounts`] and [`Store::import_leads`] first.

mod checks;
mod headers;
mod ledger;
mod mapping;
mod numbers;
mod plan;
mod preview;
mod rows;
mod sheet;
mod source;
mod staging;
mod text;
mod undo;
mod windows;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use self::checks::{PRIORITY_DEFAULT, check_lead};
use self::headers::{Columns, OF_LEADS};
use self::numbers::{Further, People, RowNumber};
use self::source::Source;
use self::staging::{Staged, Staging, Verdict};
use self::windows::NoWindow;
use super::Store;
use super::db::{Conn, Row, Value, params, rows as batch, statements, word};
use super::error::StoreError;
use super::leads::ZoneSource;
use super::placing::{self, Chosen};
use crate::model::database::DatabasePlace;
use crate::model::id::{ImportId, LeadId, ListId};
use crate::model::name::CampaignKey;
use crate::model::numbers::NUMBERS_MAX;
use crate::model::selection::{Mixed, Selected};
use crate::model::time::Timestamp;

pub use ledger::{LedgerDefaults, LedgerKind, LedgerPlan};
pub use mapping::{ColumnUse, MappedColumn, Mapping};
#[cfg(test)]
pub(in crate::store) use numbers::STATEMENTS as NUMBERS_STATEMENTS;
pub use plan::{
    Delimiter, Dialable, DuplicatePolicy, DuplicateScope, Duplicates, FileFormat, ImportCounts, ImportError,
    ImportMode, ImportOutcome, ImportPlan, ImportRow, ImportStage, Progress, ReadNumber, Rejection, Stop, TextEncoding,
};
pub use preview::{FilePreview, PreviewColumn, PreviewFault, PreviewRow};
#[cfg(test)]
pub(in crate::store) use undo::STATEMENTS as UNDO_STATEMENTS;
pub use undo::{UndoOutlook, Undone};
pub use windows::Windows;

/// Rows merged in one transaction: holds the writer for some 20 ms.
const ROWS_PER_MERGE: usize = 2500;
/// The same for a server, which takes longer over a row.
const ROWS_PER_MERGE_OF_SERVER: usize = 600;
/// Rows and bytes handed from the reading thread at once, and how many such parcels may wait.
const PARCEL_ROWS: usize = 2000;
const PARCEL_BYTES: usize = 1 << 20;
const PARCELS_WAITING: usize = 2;

/// The columns of an import.
macro_rules! imports {
    ($rest:literal) => {
        concat!(
            "select i.id, i.kind, i.campaign, i.list_id, l.name as list_name, i.file, i.state, i.rows, i.accepted,
                    coalesce(i.updated, 0) as updated, i.duplicate, i.invalid, i.suppressed, i.detail, i.started_by,
                    i.started_at, i.ended_at
             from imports i left join lists l on l.id = i.list_id ",
            $rest
        )
    };
}

// `cross join` makes SQLite look up each number of the batch; left to itself it reads the whole campaign for each batch.
statements! {
    BEGIN_IMPORT = "
        insert into imports (id, kind, campaign, list_id, file, state, rows, accepted, duplicate, invalid, suppressed,
                             detail, started_by, started_at, fingerprint)
        values ($1, $2, $3, $4, $5, 'running', 0, 0, 0, 0, 0, '', $6, $7, $8)";
    SAME_IMPORT = "
        select id, list_id from imports where fingerprint = $1 and state <> 'undone' order by id desc limit 1";
    CREATE_LIST = "insert into lists (id, campaign, name, created_by, created_at) values ($1, $2, $3, $4, $5)";
    END_IMPORT = "
        update imports set state = $2, rows = $3, accepted = $4, duplicate = $5, invalid = $6, suppressed = $7,
                           detail = $8, ended_at = $9, updated = $10
        where id = $1";
    IMPORT_ROW = imports!("where i.id = $1");
    IMPORTS = imports!("order by i.id desc limit $1");
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
    BROUGHT_IN = "select count(*) as count from leads where import_id = $1";
    ADD_ZONES = "insert into campaign_zones (campaign, zones) values ($1, $2) on conflict do nothing";
}

impl Store {
    /// Imports leads from a file: reads and checks all of it, then merges it into a new list of the campaign.
    ///
    /// # Errors
    /// [`ImportError`] says what is wrong with the file as a whole; single bad rows are counted and written to the
    /// error file, which has the original columns and four more, and can be corrected and imported again.
    pub async fn import_leads(
        &self,
        plan: ImportPlan,
        read: ReadNumber,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<ImportOutcome, ImportError> {
        let mut conn = self.reader().await?;
        super::campaigns::must_exist(&mut conn, &plan.campaign).await?;
        drop(conn);
        let source = open(&plan.path, &plan.format).await?;
        let id = self.inner.ids.next(plan.at);
        let fingerprint = fingerprint(&plan, source.digest());
        let kind = match plan.mode {
            ImportMode::DryRun => "check",
            ImportMode::Run => "import",
        };
        let mut staging = Staging::create(self.staging_place(kind, &fingerprint)).await?;
        let columns = stage(&plan, source, read, &mut staging, progress).await?;
        let begun = match plan.mode {
            ImportMode::DryRun => None,
            ImportMode::Run => Some(self.begin_import(&plan, id, fingerprint).await?),
        };
        let into = begun.map(|(import, list, _)| (import, list));
        let mut no_window = NoWindow::by(plan.windows.clone());
        let finished = self.finish(&plan, into, &columns, &mut staging, &mut no_window, progress).await;
        if let Some((import, ..)) = begun {
            let mut counts = staging.counts().await?;
            if finished.is_err() {
                counts.accepted = self.brought_in(import).await?;
                counts.left = counts.rows.saturating_sub(counts.accepted + counts.updated + counts.rejected());
            }
            self.end_import(import, &counts, finished.as_ref().err(), plan.at).await?;
        }
        let error_file = finished?;
        let (mut counts, rejected) = (staging.counts().await?, staging.rejected_by_code().await?);
        counts.no_window = no_window.rows();
        let (import, list) = into.unzip();
        let resumed = begun.is_some_and(|(_, _, again)| again);
        Ok(ImportOutcome { import, list, counts, rejected, error_file, resumed })
    }

    /// Merges what was staged, and writes down what was rejected; gives the file of it.
    async fn finish(
        &self,
        plan: &ImportPlan,
        into: Option<(ImportId, ListId)>,
        columns: &Columns,
        staging: &mut Staging,
        no_window: &mut NoWindow,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Option<PathBuf>, ImportError> {
        self.merge(plan, into, staging, no_window, progress).await?;
        let import = into.map(|(import, _)| import);
        progress(Progress { stage: ImportStage::WritingErrors, rows: 0, bytes_read: 0, bytes_total: 0, import });
        match &plan.error_file {
            Some(path) if staging.counts().await?.rejected() > 0 => {
                staging.write_errors(columns, path).await?;
                Ok(Some(path.clone()))
            }
            Some(_) | None => Ok(None),
        }
    }

    /// The latest imports, newest first.
    pub async fn imports(&self, limit: usize) -> Result<Vec<ImportRow>, StoreError> {
        let mut conn = self.reader().await?;
        let rows = conn.rows(IMPORTS, params![limit.min(1000) as u64]).await?;
        rows.iter().map(import_row).collect()
    }

    /// One import; `None` where there is none of this id.
    pub async fn import(&self, id: ImportId) -> Result<Option<ImportRow>, StoreError> {
        let mut conn = self.reader().await?;
        conn.row(IMPORT_ROW, params![id.0]).await?.as_ref().map(import_row).transpose()
    }

    /// Leads that an import has brought in, by all of its runs.
    async fn brought_in(&self, import: ImportId) -> Result<u64, StoreError> {
        let mut conn = self.reader().await?;
        conn.one(BROUGHT_IN, params![import.0]).await?.count("count")
    }

    /// Where the rows of an import, or of a check, are staged.
    fn staging_place(&self, kind: &str, fingerprint: &str) -> PathBuf {
        self.place().beside(&format!("{kind}-{}", fingerprint.get(..16).unwrap_or_default()))
    }

    /// Rows that one transaction of an import takes or takes back.
    pub(super) fn rows_per_merge(&self) -> usize {
        match self.place() {
            DatabasePlace::File(_) => ROWS_PER_MERGE,
            DatabasePlace::Server(_) => ROWS_PER_MERGE_OF_SERVER,
        }
    }

    /// Begins an import, or goes on with that of the same file: one that was broken off, or one that is done.
    async fn begin_import(
        &self,
        plan: &ImportPlan,
        id: i64,
        fingerprint: String,
    ) -> Result<(ImportId, ListId, bool), StoreError> {
        let list = self.inner.ids.next(plan.at);
        let ids = self.ids();
        let plan = plan.clone();
        self.write(move |conn| {
            Box::pin(async move {
                let file = file_name(&plan.path);
                let (campaign, by) = (plan.campaign.as_str(), plan.by.as_str());
                if let Some(row) = conn.row(SAME_IMPORT, params![fingerprint.as_str()]).await?
                    && let Some(list) = row.opt_int("list_id")?
                {
                    let import = ImportId(row.int("id")?);
                    let object = import.to_string();
                    super::audit::note(conn, &ids, plan.at, by, "import_resumed", &object, &file).await?;
                    return Ok((import, ListId(list), true));
                }
                conn.run(CREATE_LIST, params![list, campaign, plan.list.as_str(), by, plan.at]).await?;
                let fingerprint = Some(fingerprint.as_str());
                let values = params![id, "leads", Some(campaign), Some(list), file.as_str(), by, plan.at, fingerprint];
                conn.run(BEGIN_IMPORT, values).await?;
                let object = ImportId(id).to_string();
                super::audit::note(conn, &ids, plan.at, by, "import_started", &object, &file).await?;
                Ok((ImportId(id), ListId(list), false))
            })
        })
        .await
    }

    async fn end_import(
        &self,
        import: ImportId,
        counts: &ImportCounts,
        failed: Option<&ImportError>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (ids, counts, detail) = (self.ids(), *counts, failed.map(ToString::to_string));
        self.write(move |conn| {
            Box::pin(async move {
                let state = if detail.is_some() { "failed" } else { "done" };
                let ImportCounts { rows, accepted, updated, duplicate, invalid, suppressed, .. } = counts;
                let said = detail.as_deref().unwrap_or_default();
                let values =
                    params![import.0, state, rows, accepted, duplicate, invalid, suppressed, said, at, updated];
                conn.run(END_IMPORT, values).await?;
                super::outbox::import_finished(conn, &ids, import, &counts, detail.as_deref(), at).await
            })
        })
        .await
    }

    /// Goes through the staged rows by number, and notes in the staging file what became of each.
    async fn merge(
        &self,
        plan: &ImportPlan,
        into: Option<(ImportId, ListId)>,
        staging: &mut Staging,
        no_window: &mut NoWindow,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(), ImportError> {
        let mut done = 0;
        let mut last: Option<(String, u64)> = None; // number and first line of it
        let mut seen: Option<(String, u64)> = None; // where the batch before ended
        let mut mixed = self.mixed(&plan.campaign).await?;
        loop {
            let rows = staging.next_by_number(seen.as_ref(), self.rows_per_merge()).await?;
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
            let (judged, ahead) = self.merge_batch(plan, into, fresh, mixed).await?;
            verdicts.extend(judged);
            mixed = ahead;
            no_window.count(closed, &verdicts);
            staging.judge(&verdicts).await?;
            done += count;
            (last, seen) = (first, Some(end));
            let import = into.map(|(import, _)| import);
            progress(Progress { stage: ImportStage::Merging, rows: done, bytes_read: 0, bytes_total: 0, import });
        }
    }

    async fn merge_batch(
        &self,
        plan: &ImportPlan,
        into: Option<(ImportId, ListId)>,
        rows: Vec<Staged>,
        mut mixed: Mixed,
    ) -> Result<(Vec<Verdict>, Mixed), StoreError> {
        let (campaign, duplicates, at) = (plan.campaign.clone(), plan.duplicates, plan.at);
        let Some((import, list)) = into else {
            let mut conn = self.reader().await?;
            let judged = judge_batch(&mut conn, &campaign, duplicates, None, at, &rows).await?;
            return Ok((judged.verdicts, mixed));
        };
        let (ids, name) = (self.ids(), plan.list.clone());
        self.write(move |conn| {
            Box::pin(async move {
                let Judged { verdicts, taken, known } =
                    judge_batch(conn, &campaign, duplicates, Some(import), at, &rows).await?;
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
                Ok((verdicts, mixed))
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
    numbers::add(conn, campaign, known.iter().map(|(_, further)| further)).await
}

fn import_row(row: &Row) -> Result<ImportRow, StoreError> {
    let mut counts = ImportCounts {
        rows: row.count("rows")?,
        accepted: row.count("accepted")?,
        updated: row.count("updated")?,
        duplicate: row.count("duplicate")?,
        invalid: row.count("invalid")?,
        suppressed: row.count("suppressed")?,
        ..ImportCounts::default()
    };
    counts.left = counts.rows.saturating_sub(counts.accepted + counts.updated + counts.rejected());
    Ok(ImportRow {
        id: ImportId(row.int("id")?),
        kind: row.text("kind")?,
        campaign: row.opt_parsed("campaign")?,
        list: row.opt_int("list_id")?.map(ListId),
        list_name: row.opt_text("list_name")?,
        file: row.text("file")?,
        state: row.text("state")?,
        counts,
        detail: row.text("detail")?,
        started_by: row.text("started_by")?,
        started_at: row.time("started_at")?,
        ended_at: row.opt_time("ended_at")?,
    })
}

/// What becomes of a batch: rows that are not taken or only bring what is known up to date, rows that are taken with the further
/// numbers that their people get, and those whose leads are there.
struct Judged<'r> {
    verdicts: Vec<Verdict>,
    taken: Vec<(&'r Staged, Vec<&'r RowNumber>)>,
    known: Vec<(&'r Staged, Further<'r>)>,
}

/// Which rows of a batch can be taken; those that the import took before are neither taken nor not.
async fn judge_batch<'r>(
    conn: &mut Conn,
    campaign: &CampaignKey,
    duplicates: Duplicates,
    import: Option<ImportId>,
    at: Timestamp,
    rows: &'r [Staged],
) -> Result<Judged<'r>, StoreError> {
    let everywhere = duplicates.scope == DuplicateScope::Everywhere;
    let mut people = People::read(conn, rows, campaign, everywhere, at).await?;
    let mut judged = Judged { verdicts: Vec::new(), taken: Vec::with_capacity(rows.len()), known: Vec::new() };
    for row in rows {
        let holder = people.holder(&row.number).cloned();
        let own = holder.as_ref().filter(|holder| holder.campaign == *campaign);
        if own.is_some_and(|holder| holder.is_of(import)) {
            continue;
        }
        if people.is_suppressed(row) {
            judged.verdicts.push(Verdict::suppressed(row.line));
            continue;
        }
        match (&holder, own) {
            (None, _) if people.is_taken(&row.number) => {
                judged.verdicts.push(Verdict::duplicate_in_campaign(row.line, campaign));
            }
            (None, _) => judged.taken.push((row, people.take(row, NUMBERS_MAX - 1))),
            (Some(_), Some(holder)) if duplicates.policy != DuplicatePolicy::Skip => {
                let further = Further { lead: holder.lead, numbers: people.take(row, holder.room()) };
                if duplicates.policy == DuplicatePolicy::AddNumbers && further.numbers.is_empty() {
                    judged.verdicts.push(Verdict::duplicate_in_campaign(row.line, campaign));
                    continue;
                }
                judged.verdicts.push(Verdict::updated(row.line));
                judged.known.push((row, further));
            }
            (Some(holder), _) => judged.verdicts.push(Verdict::duplicate_in_campaign(row.line, &holder.campaign)),
        }
    }
    Ok(judged)
}

/// Reads and checks the whole file into the staging file.
async fn stage(
    plan: &ImportPlan,
    source: Source,
    read: ReadNumber,
    staging: &mut Staging,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Columns, ImportError> {
    let bytes_total = source.bytes();
    let (sender, mut parcels) = mpsc::channel(PARCELS_WAITING);
    let (number_column, mapping) = (plan.number_column.clone(), plan.mapping.clone());
    let reading = tokio::task::spawn_blocking(move || -> Result<(Columns, u64), ImportError> {
        let mut known: Option<Columns> = None;
        let (mut parcel, mut bytes, mut count, mut at) = (Vec::new(), 0, 0, 0);
        source.each(&mut |record, bytes_read| {
            at = bytes_read;
            let Some(columns) = &known else {
                known = Some(Columns::mapped(&record.fields, OF_LEADS, number_column.as_deref(), &mapping)?);
                return Ok(true);
            };
            count += 1;
            bytes += record.fields.iter().map(String::len).sum::<usize>();
            parcel.push(check_lead(&record, columns, &*read));
            if parcel.len() >= PARCEL_ROWS || bytes >= PARCEL_BYTES {
                bytes = 0;
                // A failure of the other side ends this one, and is told there.
                return Ok(sender.blocking_send((std::mem::take(&mut parcel), bytes_read)).is_ok());
            }
            Ok(true)
        })?;
        // Nobody takes it where the other side failed, which tells why.
        let _ = sender.blocking_send((parcel, at));
        Ok((known.ok_or(ImportError::Empty)?, count))
    });
    let mut done = 0;
    while let Some((parcel, bytes_read)) = parcels.recv().await {
        if plan.stop.is_asked() {
            return Err(ImportError::Stopped);
        }
        done += parcel.len() as u64;
        staging.add(&parcel).await?;
        progress(Progress { stage: ImportStage::Reading, rows: done, bytes_read, bytes_total, import: None });
    }
    let (columns, count) = reading.await.map_err(|error| ImportError::Read { detail: error.to_string() })??;
    if count == 0 {
        return Err(ImportError::HeaderOnly);
    }
    staging.sort().await?;
    Ok(columns)
}

/// What tells an import of leads from every other: the file, and all that decides what its rows become.
fn fingerprint(plan: &ImportPlan, digest: [u8; 32]) -> String {
    let ImportPlan { campaign, list, format, number_column, mapping, duplicates, .. } = plan;
    let mut hasher = Sha256::new();
    hasher.update(digest);
    hasher.update(format!("{campaign:?} {list:?} {format:?} {number_column:?} {duplicates:?}"));
    if !mapping.is_empty() {
        hasher.update(format!("{mapping:?}"));
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Looks at the whole of a file, on a thread that may wait.
async fn open(path: &Path, format: &FileFormat) -> Result<Source, ImportError> {
    let (path, format) = (path.to_path_buf(), format.clone());
    let opened = tokio::task::spawn_blocking(move || Source::open(&path, &format));
    opened.await.map_err(|error| ImportError::Read { detail: error.to_string() })?
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
