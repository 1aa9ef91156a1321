//! Sorts the leads of campaigns whose selection has changed, while everything goes on.
//!
//! Where a lead stands is [`selection`](crate::model::selection)'s to say; here it is only looked for campaigns whose leads do not
//! stand there yet.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::handle::{Handle, Sorting};
use crate::config::Config;
use crate::model::name::CampaignKey;
use crate::store::{Store, StoreError};

/// How often it is looked: whoever applies a campaign wants to see it sorted.
const EVERY: Duration = Duration::from_secs(2);

/// Sorts leads for as long as the service runs.
pub(super) async fn keep(mut running: watch::Receiver<Arc<Config>>, store: Store, handle: Handle) {
    let mut known = BTreeMap::new();
    loop {
        if let Err(error) = look(&store, &handle, &mut known).await {
            tracing::warn!(%error, "leads could not be sorted anew; it is tried again");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            changed = running.changed() => if changed.is_err() { return },
        }
    }
}

/// `known`: the revision of each campaign whose leads are known to be in their places.
async fn look(store: &Store, handle: &Handle, known: &mut BTreeMap<CampaignKey, u64>) -> Result<(), StoreError> {
    for (key, revision) in store.revisions_in_force().await? {
        if known.get(&key) == Some(&revision) {
            continue;
        }
        if !store.leads_are_placed(&key).await? {
            let mut told = |done, of| handle.sorts(&key, Some(Sorting { done, of }));
            let placed = store.place_leads(&key, &mut told).await;
            handle.sorts(&key, None);
            if !placed? {
                continue;
            }
            tracing::info!(campaign = %key, revision, "its leads are sorted");
            // One that cannot hear of it now asks again by itself.
            let _ = handle.leads_changed(key.clone());
        }
        known.insert(key, revision);
    }
    Ok(())
}
