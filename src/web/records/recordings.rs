//! Recordings of calls.

use super::Records;
use crate::model::attempt::CallRef;
use crate::model::time::Timestamp;
use crate::store::RecordingRow;
use crate::web::problem::Problem;

impl Records {
    /// The recording of a call, or why there is none.
    pub(in crate::web) async fn recording(&self, call: CallRef) -> Result<Option<RecordingRow>, Problem> {
        Ok(self.store.recording(call).await?)
    }

    /// Its file was looked for and not found.
    pub(in crate::web) async fn recording_gone(&self, call: CallRef, now: Timestamp) -> Result<(), Problem> {
        Ok(self.store.recordings_seen(&[call], &[], now).await?)
    }
}
