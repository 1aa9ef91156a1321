//! Starts and pauses campaigns at the times of their schedules, as somebody at a page would: by the engine, and on record.
//!
//! Which state a schedule wants is [`schedule::wanted`]'s to say; here it is only asked, minute by minute.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::handle::Handle;
use crate::clock::Clock;
use crate::config::Config;
use crate::model::schedule;
use crate::model::time::Timestamp;
use crate::model::zone::Zone;
use crate::store::{Store, StoreError};

/// Who set the state, as the record has it.
const BY: &str = "schedule";
/// Schedules have minutes and no seconds: looked at as often as that, and at each full minute.
const MINUTE_MS: i64 = 60_000;

/// Follows the schedules for as long as the service runs.
pub(super) async fn keep(mut running: watch::Receiver<Arc<Config>>, store: Store, handle: Handle, clock: Clock) {
    loop {
        let now = clock.now().timestamp;
        let zone = running.borrow_and_update().installation.zone.clone();
        if let Err(error) = look(&store, &handle, now, &zone).await {
            tracing::warn!(%error, "schedules cannot be looked at; they are again in a minute");
        }
        let left = MINUTE_MS - clock.now().timestamp.as_millis().rem_euclid(MINUTE_MS);
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(left.unsigned_abs())) => {}
            changed = running.changed() => if changed.is_err() { return },
        }
    }
}

async fn look(store: &Store, handle: &Handle, now: Timestamp, zone: &Zone) -> Result<(), StoreError> {
    for row in store.campaigns().await? {
        let (key, plan) = (row.campaign.key, row.campaign.schedule);
        let Some(state) = schedule::wanted(&plan, row.state, row.state_at, now, zone) else { continue };
        match handle.control_campaign(now, BY, key.clone(), state).await {
            Ok(()) => tracing::info!(campaign = %key, ?state, "set by its schedule"),
            Err(error) => tracing::warn!(campaign = %key, ?state, %error, "its schedule could not be followed"),
        }
    }
    Ok(())
}
