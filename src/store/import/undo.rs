//! Taking an import back: its leads that were never dialled are removed, the others given up, leads that it brought up to date say
//! again what they said before, and numbers that it gave them are theirs no more.
//!
//! Within a set time: later, people have worked with what it brought. Read [`Store::undo_import`] first.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

use super::staging::Lock;
use super::{ImportError, ImportRow};
use crate::model::id::{ImportId, LeadId};
use crate::model::time::Timestamp;
use crate::store::Store;
use crate::store::db::{params, rows, statements};
use crate::store::error::StoreError;
use crate::store::placing;

/// What an import brought up to date and nobody else has since. `$1` is the import.
macro_rules! own_updates {
    () => {
        "u.import_id = $1 and not exists (
             select 1 from lead_updates n
             where n.lead_id = u.lead_id and (n.updated_at, n.import_id) > (u.updated_at, u.import_id))"
    };
}

/// What was true of the number that was next then; another one that is next now has zones of its own, unless they were those of
/// the person.
macro_rules! as_before {
    ($column:literal) => {
        concat!(
            "case when f.number = leads.number or f.zone_source = 'column' then f.",
            $column,
            " else coalesce((select n.",
            $column,
            " from lead_numbers n where n.lead_id = leads.id and n.number = leads.number), f.",
            $column,
            ") end"
        )
    };
}

/// The next leads of an import that go.
macro_rules! undone {
    () => {
        "select l.id from leads l
         where l.import_id = $1 and l.last_attempt is null and l.state <> 'dialling' order by l.id limit $2"
    };
}

/// Whether a number `n` that the lead `l` got stays: it was called for this lead, or a call is promised for it.
macro_rules! stays {
    () => {
        "(exists (select 1 from attempts a where a.lead_id = n.lead_id and a.number = n.number)
          or (l.state = 'callback' and l.number = n.number))"
    };
}

/// The leads of a batch.
macro_rules! of_batch {
    () => {
        "(select cast(j.value ->> 0 as bigint) from json_each($1) j)"
    };
}

/// The next rows of what leads said before, as many as one transaction takes.
macro_rules! next_updates {
    ($limit:literal) => {
        concat!("(select lead_id from lead_updates where import_id = $1 order by lead_id limit ", $limit, ")")
    };
}

statements! {
    UNDO_SOME = concat!("
        delete from leads where id in (", undone!(), ")");
    UNDO_NUMBERS = concat!("delete from lead_numbers where lead_id in (", undone!(), ")");
    LIST_SHRANK = "
        update lists set leads = coalesce(leads, 0) - $2 where id = (select i.list_id from imports i where i.id = $1)";
    UNDO_REST = "
        update leads set state = 'given_up', due_at = null, closed_by = 'undo', changed_at = $2
        where import_id = $1 and state in ('open', 'callback')";
    // The number that a person had then may have got the zones of the file when it got company, and numbers of the file that stay
    // have them.
    ZONES_OF_NUMBERS = concat!("
        update lead_numbers set zones = f.zones, zone_source = f.zone_source
        from (select u.lead_id, u.number, u.zones, u.zone_source
              from lead_updates u
              where ", own_updates!(), " and u.lead_id in ", next_updates!("$2"), ") f
        where lead_numbers.lead_id = f.lead_id and lead_numbers.zone_source = 'column'
          and (lead_numbers.number = f.number or lead_numbers.import_id = $1)");
    RESTORE_SOME = concat!("
        update leads set
            name = f.name, zones = ", as_before!("zones"), ", zone_source = ", as_before!("zone_source"), ",
            rank = leads.rank - leads.priority + f.priority, priority = f.priority, score = f.score,
            replied_at = f.replied_at, extra = f.extra, changed_at = $2
        from (select u.lead_id, u.number, u.name, u.zones, u.zone_source, u.priority, u.score, u.replied_at, u.extra
              from lead_updates u
              where ", own_updates!(), " and u.lead_id in ", next_updates!("$3"), ") f
        where leads.id = f.lead_id
        returning leads.id");
    RESTORED = concat!("
        delete from lead_updates where import_id = $1 and lead_id in ", next_updates!("$2"));
    TAKE_NUMBERS = concat!("
        delete from lead_numbers where (lead_id, place) in (
            select n.lead_id, n.place from lead_numbers n join leads l on l.id = n.lead_id
            where n.import_id = $1 and not ", stays!(), " limit $2)
        returning lead_id");
    NEXT_IS_GONE = concat!("
        select l.id as id from leads l
        where l.id in ", of_batch!(), "
          and not exists (select 1 from lead_numbers n where n.lead_id = l.id and n.number = l.number)");
    BACK_TO_FIRST = concat!("
        update leads set number = n.number, kind = n.kind,
            zones = case when leads.zone_source = 'column' then leads.zones else n.zones end,
            zone_source = case when leads.zone_source = 'column' then leads.zone_source else n.zone_source end
        from lead_numbers n
        where leads.id in ", of_batch!(), " and n.lead_id = leads.id and n.place = (
            select min(f.place) from lead_numbers f
            where f.lead_id = leads.id and not exists (
                select 1 from leads o where o.number = f.number and o.campaign = f.campaign and o.id <> f.lead_id))");
    COUNT_NUMBERS = concat!("
        update leads set changed_at = $2, numbers = (
            select nullif(count(*), 1) from lead_numbers n where n.lead_id = leads.id)
        where id in ", of_batch!());
    ONE_NUMBER = concat!("
        delete from lead_numbers where lead_id in (
            select l.id from leads l where l.id in ", of_batch!(), " and l.numbers is null)");
    OUTLOOK_OF_NUMBERS = concat!("
        select count(*) filter (where not ", stays!(), ") as numbers, count(*) filter (where ", stays!(), ") as kept
        from lead_numbers n join leads l on l.id = n.lead_id where n.import_id = $1");
    FINGERPRINT = "select fingerprint from imports where id = $1";
    UNDONE = "update imports set state = 'undone' where id = $1";
    OUTLOOK = "
        select count(*) filter (where last_attempt is null and state <> 'dialling') as removed,
               count(*) filter (where last_attempt is not null and state in ('open', 'callback')) as given_up
        from leads where import_id = $1";
    OUTLOOK_OF_UPDATES = concat!("
        select count(*) as restored from lead_updates u join leads l on l.id = u.lead_id where ", own_updates!());
    FORGET = "
        delete from lead_updates where updated_at < $1 and (import_id, lead_id) in (
            select import_id, lead_id from lead_updates where updated_at < $1 order by updated_at limit $2)";
}

/// What was taken back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Undone {
    /// Leads that were never dialled, and are gone.
    pub removed: u64,
    /// Leads that were dialled: they stay with their calls and are dialled no more.
    pub given_up: u64,
    /// Leads that were there before, and say again what they said.
    pub restored: u64,
    /// Numbers that people who were there before got from it, and have no more.
    pub numbers: u64,
    /// Such numbers that stay: they were called since, or a call to them is promised.
    pub numbers_kept: u64,
}

/// What an undo would do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoOutlook {
    /// The import.
    pub import: ImportRow,
    /// What would be taken back.
    pub would: Undone,
    /// Until when it may be.
    pub until: Timestamp,
}

impl ImportRow {
    /// Until when it may be taken back, where that is possible for `within` after its end.
    pub fn undo_until(&self, within: Duration) -> Timestamp {
        self.ended_at.unwrap_or(self.started_at) + within
    }
}

impl Store {
    /// What taking an import back would do.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown import of leads.
    pub async fn undo_outlook(&self, import: ImportId, within: Duration) -> Result<UndoOutlook, StoreError> {
        let row = self.import_of_leads(import).await?;
        let mut conn = self.reader().await?;
        let leads = conn.one(OUTLOOK, params![import.0]).await?;
        let updates = conn.one(OUTLOOK_OF_UPDATES, params![import.0]).await?;
        let numbers = conn.one(OUTLOOK_OF_NUMBERS, params![import.0]).await?;
        let would = Undone {
            removed: leads.count("removed")?,
            given_up: leads.count("given_up")?,
            restored: updates.count("restored")?,
            numbers: numbers.count("numbers")?,
            numbers_kept: numbers.count("kept")?,
        };
        Ok(UndoOutlook { until: row.undo_until(within), import: row, would })
    }

    /// Takes an import back, where it ended no longer than `within` ago.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown import of leads, [`StoreError::Unfit`] for one that was undone before or is under
    /// way, [`StoreError::TooLate`] says since when it is.
    pub async fn undo_import(
        &self,
        import: ImportId,
        by: &str,
        at: Timestamp,
        within: Duration,
    ) -> Result<Undone, StoreError> {
        let row = self.import_of_leads(import).await?;
        if row.state == "undone" {
            let expected = "an import that has not been undone".to_owned();
            return Err(StoreError::Unfit { what: "import", value: import.to_string(), expected });
        }
        let until = row.undo_until(within);
        if at > until {
            return Err(StoreError::TooLate { what: "import", name: import.to_string(), until });
        }
        // Held to the end, so that the same import cannot begin meanwhile either.
        let _lock = self.must_rest(import).await?;
        // Before what leads said: what they said of zones they said of the number that they have then.
        let numbers = self.take_numbers(import, at).await?;
        let mut undone = Undone { numbers, restored: self.restore(&row, at).await?, ..Undone::default() };
        let limit = self.rows_per_merge() as u64;
        loop {
            let some = self
                .write(move |conn| {
                    Box::pin(async move {
                        conn.run(UNDO_NUMBERS, params![import.0, limit]).await?;
                        let gone = conn.run(UNDO_SOME, params![import.0, limit]).await?;
                        conn.run(LIST_SHRANK, params![import.0, gone]).await?;
                        Ok(gone)
                    })
                })
                .await?;
            undone.removed += some;
            if some == 0 {
                break;
            }
        }
        let (ids, by) = (self.ids(), by.to_owned());
        self.write(move |conn| {
            Box::pin(async move {
                undone.given_up = conn.run(UNDO_REST, params![import.0, at]).await?;
                conn.run(UNDONE, params![import.0]).await?;
                undone.numbers_kept = conn.one(OUTLOOK_OF_NUMBERS, params![import.0]).await?.count("kept")?;
                let Undone { removed, given_up, restored, numbers, numbers_kept } = undone;
                let detail = format!(
                    "{removed} removed, {given_up} given up, {restored} as before, {numbers} numbers taken back, {numbers_kept} kept"
                );
                crate::store::audit::note(conn, &ids, at, &by, "import_undone", &import.to_string(), &detail).await?;
                Ok(undone)
            })
        })
        .await
    }

    /// Removes what leads said before imports that can be taken back no more; how many rows.
    pub async fn forget_lead_updates(&self, before: Timestamp) -> Result<u64, StoreError> {
        let (mut removed, rows) = (0, self.rows_per_merge() as u64);
        loop {
            let gone =
                self.write(move |conn| Box::pin(async move { conn.run(FORGET, params![before, rows]).await })).await?;
            removed += gone;
            if gone == 0 {
                return Ok(removed);
            }
        }
    }

    /// Numbers that an import gave to people who were there are theirs no more, unless they were called since.
    async fn take_numbers(&self, import: ImportId, at: Timestamp) -> Result<u64, StoreError> {
        let (mut taken, limit) = (0, self.rows_per_merge() as u64);
        loop {
            let some = self
                .write(move |conn| {
                    Box::pin(async move {
                        let gone = conn.rows(TAKE_NUMBERS, params![import.0, limit]).await?;
                        let leads: BTreeSet<i64> =
                            gone.iter().map(|row| row.int("lead_id")).collect::<Result<_, _>>()?;
                        let leads = || rows(leads.iter().map(|lead| params![*lead]));
                        let stray = conn.rows(NEXT_IS_GONE, vec![leads()]).await?;
                        let stray: Vec<i64> = stray.iter().map(|row| row.int("id")).collect::<Result<_, _>>()?;
                        conn.run(BACK_TO_FIRST, vec![rows(stray.iter().map(|lead| params![*lead]))]).await?;
                        conn.run(COUNT_NUMBERS, params![leads(), at]).await?;
                        conn.run(ONE_NUMBER, vec![leads()]).await?;
                        Ok(gone.len() as u64)
                    })
                })
                .await?;
            taken += some;
            if some == 0 {
                return Ok(taken);
            }
        }
    }

    /// Leads that an import brought up to date say again what they said before, unless a later one did the same.
    async fn restore(&self, row: &ImportRow, at: Timestamp) -> Result<u64, StoreError> {
        let (mut restored, rows) = (0, self.rows_per_merge() as u64);
        let (import, Some(campaign)) = (row.id, &row.campaign) else { return Ok(0) };
        loop {
            let campaign = campaign.clone();
            let (some, seen) = self
                .write(move |conn| {
                    Box::pin(async move {
                        // First: the number that is next may be one of these.
                        conn.run(ZONES_OF_NUMBERS, params![import.0, rows]).await?;
                        let some = conn.rows(RESTORE_SOME, params![import.0, at, rows]).await?;
                        let ids: Vec<LeadId> =
                            some.iter().map(|row| row.int("id").map(LeadId)).collect::<Result<_, _>>()?;
                        placing::place_again(conn, &campaign, &ids).await?;
                        Ok((ids.len() as u64, conn.run(RESTORED, params![import.0, rows]).await?))
                    })
                })
                .await?;
            restored += some;
            if seen == 0 {
                return Ok(restored);
            }
        }
    }

    /// Nobody may be bringing the import in; the lock with which they would keep others away. Imports from before have none.
    async fn must_rest(&self, import: ImportId) -> Result<Option<Lock>, StoreError> {
        let mut conn = self.reader().await?;
        let Some(fingerprint) = conn.one(FINGERPRINT, params![import.0]).await?.opt_text("fingerprint")? else {
            return Ok(None);
        };
        drop(conn);
        Lock::of(&self.staging_place("import", &fingerprint)).map(Some).map_err(|error| {
            let expected = match error {
                ImportError::Running => "one that is not under way; cancel it, or wait until it is done".to_owned(),
                other => format!("a lock that can be taken: {other}"),
            };
            StoreError::Unfit { what: "import", value: import.to_string(), expected }
        })
    }

    async fn import_of_leads(&self, import: ImportId) -> Result<ImportRow, StoreError> {
        let row = self.import(import).await?.filter(|row| row.kind == "leads");
        row.ok_or_else(|| StoreError::NotFound { what: "import of leads", name: import.to_string() })
    }
}
