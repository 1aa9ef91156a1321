//! Leads by state, for pages that are looked at again and again.
//!
//! Unlike attempts they are not added up by the hour: every dial moves one. Counting takes the time of some ten thousand leads in a
//! millisecond, so the counts of a large campaign are kept for a while. Read [`CountedLeads`].

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::store::{LeadCounts, Store, StoreError};

/// Counts are kept for this long for each thousand leads: about twenty times as long as counting takes, and of a campaign with a
/// hundred thousand leads for a fifth of a second.
const KEPT_PER_THOUSAND: Duration = Duration::from_millis(2);

/// The counts that were asked for last, by campaign.
#[derive(Debug, Default)]
pub(super) struct CountedLeads {
    kept: Mutex<BTreeMap<CampaignKey, (LeadCounts, Timestamp)>>,
}

impl CountedLeads {
    /// The leads of a campaign by state, now or a moment ago.
    pub(super) async fn of(
        &self,
        store: &Store,
        campaign: &CampaignKey,
        now: Timestamp,
    ) -> Result<LeadCounts, StoreError> {
        let kept = self.lock().get(campaign).copied();
        let fresh = |(counts, at): &(LeadCounts, Timestamp)| *at <= now && now.since(*at) < kept_for(counts);
        if let Some((counts, _)) = kept.filter(fresh) {
            return Ok(counts);
        }
        let counts = store.lead_counts(campaign).await?;
        self.lock().insert(campaign.clone(), (counts, now));
        Ok(counts)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<CampaignKey, (LeadCounts, Timestamp)>> {
        // A panic while it was held leaves whole counts.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn kept_for(counts: &LeadCounts) -> Duration {
    let LeadCounts { open, dialling, callback, done, given_up, left_out } = counts;
    let thousands = (open + dialling + callback + done + given_up + left_out) / 1000;
    KEPT_PER_THOUSAND * u32::try_from(thousands).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_leads_the_longer_their_counts_are_kept() {
        let of = |done| kept_for(&LeadCounts { done, ..LeadCounts::default() });
        assert_eq!((of(999), of(100_000)), (Duration::ZERO, Duration::from_millis(200)));
        assert_eq!(of(10_000_000), Duration::from_secs(20));
    }
}
