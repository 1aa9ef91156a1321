//! Files that were asked for.

use std::path::Path;

use super::Records;
use crate::export::{self, Ask, Progress};
use crate::model::id::ExportId;
use crate::model::time::Timestamp;
use crate::store::{ExportAsked, ExportRow, ExportStep};
use crate::web::problem::Problem;

impl Records {
    /// Writes calls to a file; how many.
    pub(in crate::web) async fn export(&self, ask: &Ask, path: &Path) -> Result<u64, Problem> {
        Ok(export::write(&self.store, ask, path, &mut |_| {}).await?)
    }

    /// Writes rows to a file and tells how far it is; what is wrong is told in words, for the list of files.
    pub(in crate::web) async fn export_watched(
        &self,
        ask: &Ask,
        path: &Path,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<u64, String> {
        export::write(&self.store, ask, path, progress).await.map_err(|error| error.to_string())
    }

    pub(in crate::web) async fn add_export(
        &self,
        asked: ExportAsked,
        by: &str,
        now: Timestamp,
    ) -> Result<ExportRow, Problem> {
        let id = self.store.add_export(asked, by, now).await?;
        let row = self.store.export(id).await?;
        row.ok_or_else(|| Problem::internal("an export", "it is gone as soon as it was asked for"))
    }

    pub(in crate::web) async fn exports(
        &self,
        by: Option<&str>,
        before: Option<ExportId>,
        limit: usize,
    ) -> Result<Vec<ExportRow>, Problem> {
        Ok(self.store.exports(by, before, limit).await?)
    }

    pub(in crate::web) async fn export_job(&self, id: ExportId) -> Result<Option<ExportRow>, Problem> {
        Ok(self.store.export(id).await?)
    }

    /// Writes down how a job stands. A failure is logged: the work goes on, and after a restart it counts as interrupted.
    pub(in crate::web) async fn step_export(&self, id: ExportId, step: ExportStep, now: Timestamp) {
        if let Err(error) = self.store.step_export(id, step, now).await {
            tracing::error!(%error, %id, "how an export stands could not be written down");
        }
    }

    pub(in crate::web) async fn remove_export(&self, id: ExportId, by: &str, now: Timestamp) -> Result<(), Problem> {
        Ok(self.store.remove_export(id, by, now).await?)
    }
}
