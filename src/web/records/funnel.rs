//! The funnel, kept for a while where counting it takes long.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::Mutex;

use super::Records;
use crate::model::id::LeadId;
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::model::zone::Zone;
use crate::report::funnel::{self, Funnel, FunnelBreakdown};
use crate::store::{FunnelLead, FunnelStage};
use crate::web::problem::Problem;

/// Counts are kept for this long for each thousand leads: about ten times as long as counting takes, for a campaign with a million
/// some two minutes, and for one with less than a thousand not at all.
const KEPT_PER_THOUSAND: Duration = Duration::from_millis(120);

/// The funnels that were asked for last, by campaign and parts. Its lock is held while one is counted: whoever asks meanwhile waits
/// and is given the same, so that many readers cost no more than one.
#[derive(Debug, Default)]
pub(super) struct CountedFunnels {
    kept: Mutex<BTreeMap<(CampaignKey, String), Funnel>>,
}

fn is_fresh(funnel: &Funnel, now: Timestamp) -> bool {
    let thousands = funnel.stages.iter().map(|stage| stage.leads).max().unwrap_or(0) / 1000;
    let kept = KEPT_PER_THOUSAND * u32::try_from(thousands).unwrap_or(u32::MAX);
    funnel.at <= now && now.since(funnel.at) < kept
}

impl Records {
    pub(in crate::web) async fn funnel(
        &self,
        campaign: &CampaignKey,
        by: &FunnelBreakdown,
        zone: &Zone,
        now: Timestamp,
    ) -> Result<Option<Funnel>, Problem> {
        let key = (campaign.clone(), by.to_string());
        let mut kept = self.funnels.kept.lock().await;
        kept.retain(|_, funnel| is_fresh(funnel, now));
        if let Some(funnel) = kept.get(&key) {
            return Ok(Some(funnel.clone()));
        }
        let counted = funnel::funnel(&self.store, campaign, by, zone, now).await?;
        if let Some(funnel) = counted.as_ref().filter(|funnel| is_fresh(funnel, now)) {
            kept.insert(key, funnel.clone());
        }
        Ok(counted)
    }

    /// A page of leads of a stage, and where the next one begins.
    pub(in crate::web) async fn funnel_leads(
        &self,
        campaign: &CampaignKey,
        stage: FunnelStage,
        part: (&FunnelBreakdown, Option<&str>),
        zone: &Zone,
        after: Option<LeadId>,
        limit: usize,
    ) -> Result<(Vec<FunnelLead>, Option<LeadId>), Problem> {
        // One more than asked for tells whether there is a next page.
        let mut rows = funnel::leads(&self.store, campaign, stage, part, zone, after, limit + 1).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|row| row.lead);
        Ok((rows, next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{NewLead, Options, Store, ZoneSource};

    #[tokio::test]
    async fn the_more_leads_the_longer_a_funnel_is_kept_and_a_small_one_is_counted_each_time() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("lull.db"), Options::default()).await.unwrap();
        let file = include_str!("../../../campaigns/family-plan.toml");
        let campaign = crate::model::campaign_file::read("f.toml", file, None).unwrap();
        let (key, at) = (campaign.key.clone(), Timestamp::from_millis(1_000));
        store.apply_campaign(campaign, file, "ann", "test", at).await.unwrap();
        let list = store.create_list(&key, "may", "ann", at).await.unwrap();
        let lead = NewLead {
            number: crate::model::phone::PhoneNumber::from_e164("+8613800138000").unwrap(),
            name: String::new(),
            zones: vec![],
            zone_source: ZoneSource::None,
            priority: 1,
            score: None,
            replied_at: None,
            extra: BTreeMap::new(),
        };
        store.add_lead(&key, list, lead, at).await.unwrap();
        let counted = funnel::funnel(&store, &key, &FunnelBreakdown::Nothing, &Zone::utc(), at).await.unwrap();
        let mut funnel = counted.unwrap();
        let later = |ms: u64| at + Duration::from_millis(ms);
        assert!(!is_fresh(&funnel, at), "of few it is counted each time");
        funnel.stages[0].leads = 1_000_000;
        assert!(is_fresh(&funnel, later(119_999)) && !is_fresh(&funnel, later(120_000)));
        assert!(!is_fresh(&funnel, Timestamp::from_millis(0)), "a clock that was set back counts again");
    }
}
