//! Counts the hours of the figures that are over, minute by minute, so that pages need not count attempts.

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
        if let Err(error) = store.count_hours(clock.now().timestamp).await {
            tracing::warn!(%error, "hours of the figures could not be counted; pages count their attempts meanwhile");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            changed = running.changed() => if changed.is_err() { return },
        }
    }
}
