//! Files that somebody asked for: who, what of, and how far each is. The files themselves are `export`'s.
//!
//! Read [`ExportRow`] first.

use serde::{Deserialize, Serialize};

use super::Store;
use super::db::{Row, params, statements, word};
use super::error::StoreError;
use crate::model::id::ExportId;
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;

/// Most rows of a page.
const PAGE_MAX: usize = 500;

/// How the writing of a file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportState {
    /// Others are written first.
    Waiting,
    /// It is written.
    Running,
    /// The file is there.
    Done,
    /// It could not be written.
    Failed,
    /// Somebody stopped it.
    Cancelled,
    /// The service ended while it was written; it can be started again.
    Interrupted,
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportAsked {
    /// What each row is, as `export` names it.
    pub kind: String,
    /// Of this campaign; none: of all.
    pub campaign: Option<CampaignKey>,
    /// From this time on.
    pub from: Timestamp,
    /// Until before this time.
    pub to: Timestamp,
    /// `csv` or `xlsx`.
    pub format: String,
    /// A CSV file begins with a byte order mark.
    pub bom: bool,
    /// What tells who a customer is was left out.
    pub masked: bool,
}

/// A file that somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportRow {
    /// Its id.
    pub id: ExportId,
    /// What it holds.
    pub asked: ExportAsked,
    /// How it stands.
    pub state: ExportState,
    /// Rows of the file, when it is done.
    pub rows: u64,
    /// Its length, when it is done.
    pub bytes: u64,
    /// Why it could not be written.
    pub error: Option<String>,
    /// Who asked.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it was done, failed or was stopped.
    pub finished_at: Option<Timestamp>,
}

/// What became of the writing of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportStep {
    /// How it stands now.
    pub state: ExportState,
    /// Rows of the file.
    pub rows: u64,
    /// Its length.
    pub bytes: u64,
    /// Why it could not be written.
    pub error: Option<String>,
}

statements! {
    ADD = "
        insert into exports (id, kind, campaign, from_at, to_at, format, bom, masked, state, rows, bytes, created_by, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, 'waiting', 0, 0, $9, $10)";
    PAGE = "
        select id, kind, campaign, from_at, to_at, format, bom, masked, state, rows, bytes, error, created_by, created_at,
               finished_at
        from exports
        where id < $1 and (cast($2 as text) is null or created_by = $2)
        order by id desc limit $3";
    ONE = "
        select id, kind, campaign, from_at, to_at, format, bom, masked, state, rows, bytes, error, created_by, created_at,
               finished_at
        from exports where id = $1";
    STEP = "
        update exports set state = $2, rows = $3, bytes = $4, error = $5,
            finished_at = case when $2 in ('waiting', 'running') then null else cast($6 as bigint) end
        where id = $1";
    INTERRUPT = "
        update exports set state = 'interrupted', finished_at = $1 where state in ('waiting', 'running')";
    REMOVE = "delete from exports where id = $1";
    FORGET = "
        delete from exports where created_at < $1 and state not in ('waiting', 'running')";
}

impl Store {
    /// Writes down that a file was asked for.
    pub async fn add_export(&self, asked: ExportAsked, by: &str, at: Timestamp) -> Result<ExportId, StoreError> {
        let (ids, id, by) = (self.ids(), self.inner.ids.next(at), by.to_owned());
        self.write(move |conn| {
            Box::pin(async move {
                let ExportAsked { kind, campaign, from, to, format, bom, masked } = asked;
                let campaign = campaign.as_ref().map(CampaignKey::as_str);
                let values =
                    params![id, kind.as_str(), campaign, from, to, format.as_str(), bom, masked, by.as_str(), at];
                conn.run(ADD, values).await?;
                let detail = format!("{kind} from {from} to {to} as {format}{}", if masked { ", masked" } else { "" });
                let object = campaign.unwrap_or("all");
                super::audit::note(conn, &ids, at, &by, "export_asked", object, &detail).await?;
                Ok(ExportId(id))
            })
        })
        .await
    }

    /// A page of the files that were asked for, newest first, before `before`; only those of one person if `by` names one.
    pub async fn exports(
        &self,
        by: Option<&str>,
        before: Option<ExportId>,
        limit: usize,
    ) -> Result<Vec<ExportRow>, StoreError> {
        let mut conn = self.reader().await?;
        let values = params![before.map_or(i64::MAX, |id| id.0), by, limit.min(PAGE_MAX) as u64];
        conn.rows(PAGE, values).await?.iter().map(row).collect()
    }

    /// One of them.
    pub async fn export(&self, id: ExportId) -> Result<Option<ExportRow>, StoreError> {
        let mut conn = self.reader().await?;
        conn.row(ONE, params![id.0]).await?.as_ref().map(row).transpose()
    }

    /// Writes down how one stands.
    pub async fn step_export(&self, id: ExportId, step: ExportStep, at: Timestamp) -> Result<(), StoreError> {
        let ExportStep { state, rows, bytes, error } = step;
        let values = params![id.0, word(&state), rows, bytes, error, at];
        self.write(move |conn| Box::pin(async move { conn.run(STEP, values).await.map(drop) })).await
    }

    /// What the last run left waiting or half written was interrupted; how many.
    pub async fn interrupt_exports(&self, at: Timestamp) -> Result<u64, StoreError> {
        self.write(move |conn| Box::pin(async move { conn.run(INTERRUPT, params![at]).await })).await
    }

    /// Removes one from the list; its file is removed by whoever wrote it.
    pub async fn remove_export(&self, id: ExportId, by: &str, at: Timestamp) -> Result<(), StoreError> {
        let (ids, by) = (self.ids(), by.to_owned());
        self.write(move |conn| {
            Box::pin(async move {
                if conn.run(REMOVE, params![id.0]).await? > 0 {
                    super::audit::note(conn, &ids, at, &by, "export_removed", &id.to_string(), "").await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Removes those that were asked for before a time and are not being written; how many.
    pub async fn forget_exports(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.write(move |conn| Box::pin(async move { conn.run(FORGET, params![before]).await })).await
    }
}

fn row(row: &Row) -> Result<ExportRow, StoreError> {
    Ok(ExportRow {
        id: ExportId(row.int("id")?),
        asked: ExportAsked {
            kind: row.text("kind")?,
            campaign: row.opt_parsed("campaign")?,
            from: row.time("from_at")?,
            to: row.time("to_at")?,
            format: row.text("format")?,
            bom: row.bool("bom")?,
            masked: row.bool("masked")?,
        },
        state: row.word("state")?,
        rows: row.count("rows")?,
        bytes: row.count("bytes")?,
        error: row.opt_text("error")?,
        created_by: row.text("created_by")?,
        created_at: row.time("created_at")?,
        finished_at: row.opt_time("finished_at")?,
    })
}
