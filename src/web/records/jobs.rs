//! Jobs that import, uploads that are looked at, and templates of columns, in the shapes of the API.

use std::path::Path;
use std::sync::Arc;

use super::Records;
use super::lists::{Incoming, duplicates, format, rejected_address, rejected_path, report};
use crate::model::id::{ImportId, JobId, UploadId};
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::store::{
    FileFormat, FilePreview, ImportError, ImportOutcome, JobOutcome, JobProblem, JobRow, JobState, Mapping, NewJob,
    Progress, Stop,
};
use crate::web::Settings;
use crate::web::jobs::{ImportJob, ImportRequest};
use crate::web::problem::Problem;
use crate::web::templates::TemplateView;
use crate::web::uploads::PreviewView;
use crate::web::uploads::shelf::Shelf;

/// How a job ended.
#[derive(Clone, Debug)]
pub(in crate::web) struct Ended {
    /// How it stands.
    pub(in crate::web) state: JobState,
    /// The import it made, or went on with.
    pub(in crate::web) import: Option<ImportId>,
    /// What it came to.
    pub(in crate::web) outcome: Option<JobOutcome>,
    /// What stood in its way.
    pub(in crate::web) problem: Option<JobProblem>,
}

impl Records {
    /// One job.
    pub(in crate::web) async fn job(&self, id: JobId) -> Result<Option<ImportJob>, Problem> {
        self.store.job(id).await?.map(|row| self.job_view(row)).transpose()
    }

    /// The latest jobs of a campaign.
    pub(in crate::web) async fn jobs(&self, campaign: &CampaignKey, limit: u32) -> Result<Vec<ImportJob>, Problem> {
        self.store.jobs(campaign, limit).await?.into_iter().map(|row| self.job_view(row)).collect()
    }

    /// Jobs that wait, in their order.
    pub(in crate::web) async fn queued_jobs(&self) -> Result<Vec<ImportJob>, Problem> {
        self.store.queued_jobs().await?.into_iter().map(|row| self.job_view(row)).collect()
    }

    /// Jobs made of an upload.
    pub(in crate::web) async fn jobs_of_upload(&self, upload: UploadId) -> Result<Vec<JobRow>, Problem> {
        Ok(self.store.jobs_of_upload(upload).await?)
    }

    /// Writes a job down.
    pub(in crate::web) async fn add_job(&self, id: JobId, job: NewJob, by: &str, at: Timestamp) -> Result<(), Problem> {
        Ok(self.store.add_job(id, job, by, at).await?)
    }

    /// A job's turn has come; whether it still waits.
    pub(in crate::web) async fn begin_job(&self, id: JobId, at: Timestamp) -> Result<bool, Problem> {
        Ok(self.store.begin_job(id, at).await?)
    }

    /// A job makes this import. If that cannot be written down now, it is with the job's end.
    pub(in crate::web) async fn job_brings(&self, id: JobId, import: ImportId) {
        if let Err(error) = self.store.job_brings(id, import).await {
            tracing::warn!(%error, job = %id, "it could not be written down which import a job makes");
        }
    }

    /// A job is over.
    pub(in crate::web) async fn end_job(&self, id: JobId, ended: Ended, at: Timestamp) -> Result<(), Problem> {
        let Ended { state, import, outcome, problem } = ended;
        Ok(self.store.end_job(id, state, import, outcome, problem, at).await?)
    }

    /// A job that ended before its end waits again; whether it was one.
    pub(in crate::web) async fn queue_job_again(&self, id: JobId) -> Result<bool, Problem> {
        Ok(self.store.queue_job_again(id).await?)
    }

    /// Jobs that an earlier run of the service worked on are broken off.
    pub(in crate::web) async fn break_jobs_off(&self, at: Timestamp) -> Result<(), Problem> {
        let count = self.store.break_jobs_off(at).await?;
        if count > 0 {
            tracing::warn!(count, "imports were broken off when the service ended; they can be resumed");
        }
        Ok(())
    }

    /// Does a job, to its end or until it is stopped.
    pub(in crate::web) async fn do_job(
        &self,
        job: &ImportJob,
        settings: &Settings,
        stop: Stop,
        progress: impl Fn(Progress) + Send + Sync + 'static,
        at: Timestamp,
    ) -> Ended {
        let begun = Arc::new(std::sync::OnceLock::new());
        let failed = |import, problem| Ended { state: JobState::Failed, import, outcome: None, problem: Some(problem) };
        let incoming = match self.incoming(job, settings, stop, at).await {
            Ok(incoming) => incoming,
            Err(problem) => return failed(job.import, problem),
        };
        let (store, seen) = (self.store.clone(), Arc::clone(&begun));
        // A task of its own: what panics ends the job and nothing else.
        let done = tokio::spawn(async move {
            let mut told = |told: Progress| {
                told.import.map(|import| seen.set(import));
                progress(told);
            };
            super::lists::import(&store, incoming, &mut told).await
        });
        let done = done.await;
        // A run before this one may have begun it.
        let import = begun.get().copied().or(job.import);
        match done {
            Ok(Ok(outcome)) => Ended {
                state: if outcome.stopped { JobState::Cancelled } else { JobState::Done },
                import: outcome.import,
                outcome: Some(job_outcome(outcome)),
                problem: None,
            },
            Ok(Err(ImportError::Stopped)) => {
                Ended { state: JobState::Cancelled, import, outcome: self.so_far(import).await, problem: None }
            }
            Ok(Err(error)) => Ended { outcome: self.so_far(import).await, ..failed(import, problem_of(&error)) },
            Err(error) => {
                tracing::error!(%error, job = %job.id, "an import ended unexpectedly");
                let detail = "something failed on our side; the log has the cause".to_owned();
                failed(import, JobProblem { code: "internal".to_owned(), detail })
            }
        }
    }

    /// What an import that did not come to its end has brought in.
    pub(in crate::web) async fn so_far(&self, import: Option<ImportId>) -> Option<JobOutcome> {
        let row = self.store.import(import?).await.ok().flatten()?;
        let data_dir = self.settings.borrow().data_dir.clone();
        let rejected_file = rejected_path(&data_dir, row.id).is_file();
        Some(JobOutcome { counts: row.counts, rejected_file, ..JobOutcome::default() })
    }

    async fn incoming(
        &self,
        job: &ImportJob,
        settings: &Settings,
        stop: Stop,
        at: Timestamp,
    ) -> Result<Incoming, JobProblem> {
        let unfit = |detail: String| JobProblem { code: "option_unfit".to_owned(), detail };
        let path = Shelf::of(&settings.data_dir).content(job.request.upload);
        if !path.is_file() {
            let detail = "the file is not kept any more; send it again".to_owned();
            return Err(JobProblem { code: "upload_gone".to_owned(), detail });
        }
        let ImportRequest {
            name,
            dry_run,
            region,
            encoding,
            delimiter,
            sheet,
            mapping,
            duplicates_in,
            on_duplicate,
            ..
        } = job.request.clone();
        let region = region.map(|region| region.parse()).transpose();
        let region = region.map_err(|error: crate::model::dialable::UnknownRegion| unfit(error.to_string()))?;
        let read = format(encoding.as_deref(), delimiter.as_deref(), sheet, region);
        let windows = self.windows(&job.campaign, settings, at).await;
        Ok(Incoming {
            path,
            campaign: job.campaign.clone(),
            name,
            region,
            format: read.map_err(|_| unfit("the options of the file".to_owned()))?,
            number_column: None,
            mapping: Mapping::new(mapping).map_err(|error| unfit(error.to_string()))?,
            duplicates: duplicates(duplicates_in, on_duplicate),
            dry_run,
            run: ImportId(job.id.0),
            data_dir: settings.data_dir.clone(),
            windows: windows.map_err(|_| JobProblem { code: "store".to_owned(), detail: STORE_FAILED.to_owned() })?,
            stop,
            by: job.created_by.clone(),
            at,
        })
    }

    fn job_view(&self, row: JobRow) -> Result<ImportJob, Problem> {
        let request: ImportRequest =
            serde_json::from_str(&row.job.plan).map_err(|error| Problem::internal("reading a job", error))?;
        let data_dir = &self.settings.borrow().data_dir;
        let run = row.import.unwrap_or(ImportId(row.id.0));
        let report = row.outcome.map(|outcome| {
            let there = outcome.rejected_file && rejected_path(data_dir, run).is_file();
            let JobOutcome { counts, rejected, resumed, .. } = outcome;
            report(run, row.list, request.dry_run, counts, rejected, there.then(|| rejected_address(run)), resumed)
        });
        Ok(ImportJob {
            id: row.id,
            campaign: row.job.campaign,
            file: row.job.file,
            request,
            state: row.state,
            progress: None,
            import: row.import,
            list: row.list,
            report,
            problem: row.problem,
            created_by: row.created_by,
            created_at: row.created_at,
            started_at: row.started_at,
            ended_at: row.ended_at,
        })
    }

    /// How a file begins, and the template that fits it.
    pub(in crate::web) async fn preview(
        &self,
        path: &Path,
        format: &FileFormat,
        rows: usize,
    ) -> Result<PreviewView, Problem> {
        let preview: FilePreview = self.store.preview_file(path, format, rows).await?;
        let headings: Vec<String> = preview.columns.iter().map(|column| column.heading.clone()).collect();
        let template = self.store.fitting_template(&headings).await?.map(TemplateView::from);
        Ok(PreviewView { preview, template })
    }

    /// All templates.
    pub(in crate::web) async fn templates(&self) -> Result<Vec<TemplateView>, Problem> {
        Ok(self.store.templates().await?.into_iter().map(TemplateView::from).collect())
    }

    /// One template.
    pub(in crate::web) async fn template(&self, name: &str) -> Result<TemplateView, Problem> {
        Ok(self.store.template(name).await?.into())
    }

    /// Saves a template.
    pub(in crate::web) async fn save_template(
        &self,
        name: &str,
        mapping: Mapping,
        by: &str,
        at: Timestamp,
    ) -> Result<TemplateView, Problem> {
        self.store.save_template(name, mapping, by, at).await?;
        self.template(name).await
    }

    /// Removes a template.
    pub(in crate::web) async fn remove_template(&self, name: &str, by: &str, at: Timestamp) -> Result<(), Problem> {
        Ok(self.store.remove_template(name, by, at).await?)
    }
}

/// What is said where the store fails; the log has the cause.
const STORE_FAILED: &str = "storage does not answer; what was brought in before stays, and the job can go on later";

fn job_outcome(outcome: ImportOutcome) -> JobOutcome {
    let ImportOutcome { counts, rejected, error_file, resumed, .. } = outcome;
    JobOutcome { counts, rejected, rejected_file: error_file.is_some(), resumed }
}

/// An import's error, without what is nobody's business: our paths, and the database's words.
fn problem_of(error: &ImportError) -> JobProblem {
    let detail = match error {
        ImportError::Open { .. } | ImportError::ErrorFile { .. } => {
            tracing::error!(%error, "an import failed");
            "a file of ours cannot be read or written; the log has the cause".to_owned()
        }
        ImportError::Store(cause) => {
            tracing::error!(%cause, "an import failed");
            STORE_FAILED.to_owned()
        }
        other => other.to_string(),
    };
    JobProblem { code: error.code().to_owned(), detail }
}
