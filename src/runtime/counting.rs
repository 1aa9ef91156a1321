//! Counts the hours and days of the figures that are over, minute by minute, so that pages need not count attempts.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::Config;
use crate::store::Store;

/// How often it is looked for hours that changed.
const EVERY: Duration = Duration::from_secs(60);

/// Counts for as long as the service runs. What is not counted yet is read from the attempts, so nobody waits for it.
pub(super) async fn keep(mut running: watch::Receiver<Arc<Config>>, store: Store, clock: Clock) {
    loop {
        let now = clock.now().timestamp;
        if let Err(error) = store.count_hours(now).await {
            tracing::warn!(%error, "hours of the figures could not be counted; pages count their attempts meanwhile");
        } else if let Err(error) = store.count_days(now).await {
            tracing::warn!(%error, "days of the figures could not be counted; pages add up their hours meanwhile");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            changed = running.changed() => if changed.is_err() { return },
        }
    }
}
