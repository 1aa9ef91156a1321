//! Imports that work while nobody waits: who wants which file brought in how, and what became of it.
//!
//! Not the work itself, which is the import's, and not the queue, which is the service's: what is written here is what a restart
//! finds. Read [`JobRow`] first.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Store;
use super::db::{Row, json, params, statements, word};
use super::error::StoreError;
use super::import::ImportCounts;
use crate::model::id::{ImportId, JobId, ListId, UploadId};
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It waits for its turn.
    Queued,
    /// It is worked on.
    Running,
    /// It came to its end.
    Done,
    /// The file cannot be imported, or the database failed.
    Failed,
    /// Somebody stopped it.
    Cancelled,
    /// The service ended while it was worked on.
    BrokenOff,
}

impl JobState {
    /// Whether it still is to be done.
    pub fn is_open(self) -> bool {
        matches!(self, JobState::Queued | JobState::Running)
    }

    /// Whether it ended before its end, and may go on.
    pub fn may_go_on(self) -> bool {
        matches!(self, JobState::Failed | JobState::Cancelled | JobState::BrokenOff)
    }
}

/// A job to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// Whose leads they become.
    pub campaign: CampaignKey,
    /// The file.
    pub upload: UploadId,
    /// What the file is called.
    pub file: String,
    /// JSON of how it is to be brought in.
    pub plan: String,
    /// Only count and check.
    pub dry_run: bool,
}

/// What a job came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobOutcome {
    /// What became of the rows.
    pub counts: ImportCounts,
    /// Rejected rows by code.
    pub rejected: BTreeMap<String, u64>,
    /// There is a file of the rejected rows.
    pub rejected_file: bool,
    /// The counts are also those of an earlier run.
    pub resumed: bool,
}

/// What stood in a job's way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JobProblem {
    /// A stable code.
    pub code: String,
    /// What is wrong, and what to do.
    pub detail: String,
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRow {
    /// Its id.
    pub id: JobId,
    /// What is to be done.
    pub job: NewJob,
    /// How it stands.
    pub state: JobState,
    /// The import that it began, or went on with.
    pub import: Option<ImportId>,
    /// The list of that import.
    pub list: Option<ListId>,
    /// What it came to; of a job that was stopped, as far as it came.
    pub outcome: Option<JobOutcome>,
    /// What stood in its way.
    pub problem: Option<JobProblem>,
    /// Who asked for it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it was begun.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
}

/// The columns of a job. The list is its import's.
macro_rules! jobs {
    ($rest:literal) => {
        concat!(
            "select j.id, j.campaign, j.upload, j.file, j.plan, j.dry_run, j.state, j.import_id, i.list_id, j.outcome,
                    j.problem, j.created_by, j.created_at, j.started_at, j.ended_at
             from import_jobs j left join imports i on i.id = j.import_id ",
            $rest
        )
    };
}

statements! {
    ADD = "
        insert into import_jobs (id, campaign, upload, file, plan, dry_run, state, created_by, created_at)
        values ($1, $2, $3, $4, $5, $6, 'queued', $7, $8)";
    ONE = jobs!("where j.id = $1");
    OF_CAMPAIGN = jobs!("where j.campaign = $1 order by j.id desc limit $2");
    OF_UPLOAD = jobs!("where j.upload = $1 order by j.id");
    QUEUED = jobs!("where j.state = 'queued' order by j.id");
    BEGIN = "update import_jobs set state = 'running', started_at = $2 where id = $1 and state = 'queued'";
    BROUGHT = "update import_jobs set import_id = $2 where id = $1";
    END = "
        update import_jobs set state = $2, import_id = coalesce($3, import_id), outcome = $4, problem = $5, ended_at = $6
        where id = $1";
    AGAIN = "
        update import_jobs set state = 'queued', outcome = null, problem = null, started_at = null, ended_at = null
        where id = $1 and state in ('failed', 'cancelled', 'broken_off')";
    FORGET = "
        delete from import_jobs where coalesce(ended_at, created_at) < $1 and state not in ('queued', 'running')";
    BREAK_OFF = "update import_jobs set state = 'broken_off', ended_at = $1 where state = 'running'";
}

impl Store {
    /// Writes a job down, to be done in its turn.
    pub async fn add_job(&self, id: JobId, job: NewJob, by: &str, at: Timestamp) -> Result<(), StoreError> {
        let NewJob { campaign, upload, file, plan, dry_run } = job;
        let values = params![id.0, campaign.as_str(), upload.0, file, plan, dry_run, by, at];
        self.write(move |conn| Box::pin(async move { conn.run(ADD, values).await.map(drop) })).await
    }

    /// One job.
    pub async fn job(&self, id: JobId) -> Result<Option<JobRow>, StoreError> {
        let mut conn = self.reader().await?;
        conn.row(ONE, params![id.0]).await?.as_ref().map(job).transpose()
    }

    /// The latest jobs of a campaign, newest first.
    pub async fn jobs(&self, campaign: &CampaignKey, limit: u32) -> Result<Vec<JobRow>, StoreError> {
        let mut conn = self.reader().await?;
        conn.rows(OF_CAMPAIGN, params![campaign.as_str(), limit]).await?.iter().map(job).collect()
    }

    /// Jobs made of an upload, oldest first.
    pub async fn jobs_of_upload(&self, upload: UploadId) -> Result<Vec<JobRow>, StoreError> {
        let mut conn = self.reader().await?;
        conn.rows(OF_UPLOAD, params![upload.0]).await?.iter().map(job).collect()
    }

    /// Jobs that wait, in their order.
    pub async fn queued_jobs(&self) -> Result<Vec<JobRow>, StoreError> {
        let mut conn = self.reader().await?;
        conn.rows(QUEUED, vec![]).await?.iter().map(job).collect()
    }

    /// A job's turn has come; whether it still waits.
    pub async fn begin_job(&self, id: JobId, at: Timestamp) -> Result<bool, StoreError> {
        let values = params![id.0, at];
        self.write(move |conn| Box::pin(async move { Ok(conn.run(BEGIN, values).await? > 0) })).await
    }

    /// A job has begun this import, or goes on with it.
    pub async fn job_brings(&self, id: JobId, import: ImportId) -> Result<(), StoreError> {
        let values = params![id.0, import.0];
        self.write(move |conn| Box::pin(async move { conn.run(BROUGHT, values).await.map(drop) })).await
    }

    /// A job is over.
    pub async fn end_job(
        &self,
        id: JobId,
        state: JobState,
        import: Option<ImportId>,
        outcome: Option<JobOutcome>,
        problem: Option<JobProblem>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (outcome, problem) = (outcome.as_ref().map(json), problem.as_ref().map(json));
        let values = params![id.0, word(&state), import.map(|import| import.0), outcome, problem, at];
        self.write(move |conn| Box::pin(async move { conn.run(END, values).await.map(drop) })).await
    }

    /// A job that ended before its end waits again; whether it was one.
    pub async fn queue_job_again(&self, id: JobId) -> Result<bool, StoreError> {
        let values = params![id.0];
        self.write(move |conn| Box::pin(async move { Ok(conn.run(AGAIN, values).await? > 0) })).await
    }

    /// Removes jobs that were over before this time; how many. What they brought in stays, with its counts.
    pub async fn forget_jobs(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.write(move |conn| Box::pin(async move { conn.run(FORGET, params![before]).await })).await
    }

    /// Jobs that were worked on when the service before this one ended are broken off; how many.
    pub async fn break_jobs_off(&self, at: Timestamp) -> Result<u64, StoreError> {
        let values = params![at];
        self.write(move |conn| Box::pin(async move { conn.run(BREAK_OFF, values).await })).await
    }
}

fn job(row: &Row) -> Result<JobRow, StoreError> {
    let read = |column| row.opt_text(column);
    let unreadable = |what, value: &str| StoreError::Unreadable { what, value: value.to_owned() };
    let outcome = read("outcome")?;
    let outcome =
        outcome.map(|text| serde_json::from_str(&text).map_err(|_| unreadable("outcome", &text))).transpose()?;
    let problem = read("problem")?;
    let problem =
        problem.map(|text| serde_json::from_str(&text).map_err(|_| unreadable("problem", &text))).transpose()?;
    Ok(JobRow {
        id: JobId(row.int("id")?),
        job: NewJob {
            campaign: row.parsed("campaign")?,
            upload: UploadId(row.int("upload")?),
            file: row.text("file")?,
            plan: row.text("plan")?,
            dry_run: row.bool("dry_run")?,
        },
        state: row.word("state")?,
        import: row.opt_int("import_id")?.map(ImportId),
        list: row.opt_int("list_id")?.map(ListId),
        outcome,
        problem,
        created_by: row.text("created_by")?,
        created_at: row.time("created_at")?,
        started_at: row.opt_time("started_at")?,
        ended_at: row.opt_time("ended_at")?,
    })
}
