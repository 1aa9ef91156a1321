//! Reading a file of leads into the staging file, row by row, each checked by itself.

use tokio::sync::mpsc;

use super::checks::check_lead;
use super::headers::{Columns, OF_LEADS};
use super::source::Source;
use super::staging::Staging;
use super::{ImportError, ImportPlan, ImportStage, Progress, ReadNumber};

/// Rows and bytes handed from the reading thread at once, and how many such parcels may wait.
pub(super) const PARCEL_ROWS: usize = 2000;
const PARCEL_BYTES: usize = 1 << 20;
pub(super) const PARCELS_WAITING: usize = 2;

/// Reads and checks the whole file into the staging file.
pub(super) async fn stage(
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
