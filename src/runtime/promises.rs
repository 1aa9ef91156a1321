//! Watches what is promised to customers who asked to be called, for as long as the service runs.
//!
//! What becomes due of a promise is the store's to do ([`Store::watch_promises`]), and until when it is to be kept is
//! [`PreRegistration::deadline`](crate::model::pre_registration::PreRegistration::deadline)'s to say; here it is only asked, with the
//! campaigns and profiles in force.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::handle::Handle;
use crate::clock::Clock;
use crate::config::Config;
use crate::model::campaign::Campaign;
use crate::model::name::{CampaignKey, ProfileName};
use crate::model::pre_registration::Deadline;
use crate::model::profile::Profile;
use crate::model::time::Timestamp;
use crate::model::zone::read_zones;
use crate::store::{AskedPromise, Store, StoreError, Watched};

/// How often it is looked: whoever pre-registers somebody sees the promise at once, and indexes hold what is due alone.
const EVERY: Duration = Duration::from_secs(1);

/// Looks for as long as the service runs.
pub(super) async fn keep(mut running: watch::Receiver<Arc<Config>>, store: Store, handle: Handle, clock: Clock) {
    loop {
        let config = Arc::clone(&running.borrow_and_update());
        let more = match look(&store, &config.profiles, clock.now().timestamp).await {
            Ok(watched) => {
                told(&watched);
                for campaign in watched.moved {
                    // One that cannot hear of it now asks again by itself.
                    let _ = handle.leads_changed(campaign);
                }
                watched.more
            }
            Err(error) => {
                tracing::warn!(%error, "promises to customers cannot be watched; it is tried again");
                false
            }
        };
        if more {
            continue;
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            changed = running.changed() => if changed.is_err() { return },
        }
    }
}

async fn look(store: &Store, profiles: &BTreeMap<ProfileName, Profile>, now: Timestamp) -> Result<Watched, StoreError> {
    let asked = store.asked_promises().await?;
    if !asked.is_empty() {
        let rows = store.campaigns().await?;
        let campaigns: BTreeMap<CampaignKey, Campaign> =
            rows.into_iter().map(|row| (row.campaign.key.clone(), row.campaign)).collect();
        let until = asked.iter().map(|one| {
            let campaign = campaigns.get(&one.campaign);
            (one.id, campaign.and_then(|campaign| deadline(one, campaign, profiles)))
        });
        store.date_promises(until.collect(), now).await?;
    }
    store.watch_promises(now).await
}

fn deadline(asked: &AskedPromise, campaign: &Campaign, profiles: &BTreeMap<ProfileName, Profile>) -> Option<Deadline> {
    let zones = read_zones(&asked.zones).unwrap_or_default();
    let hours = campaign.hours_for(profiles.get(&campaign.profile), asked.kind);
    campaign.pre_registration.as_ref()?.deadline(asked.counts_from, &zones, &hours)
}

fn told(watched: &Watched) {
    let Watched { at_risk, broken, over, fell, .. } = *watched;
    if over + fell > 0 {
        tracing::debug!(over, fell, "looked at promises to customers");
    }
    if at_risk > 0 {
        tracing::warn!(at_risk, "calls that were promised to customers are at risk");
    }
    if broken > 0 {
        tracing::warn!(broken, "calls that were promised to customers were not made in time");
    }
}
