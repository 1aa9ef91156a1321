//! The funnel.

use super::Records;
use crate::model::id::LeadId;
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::model::zone::Zone;
use crate::report::funnel::{self, Funnel, FunnelBreakdown};
use crate::store::{FunnelLead, FunnelStage};
use crate::web::problem::Problem;

impl Records {
    pub(in crate::web) async fn funnel(
        &self,
        campaign: &CampaignKey,
        by: &FunnelBreakdown,
        zone: &Zone,
        now: Timestamp,
    ) -> Result<Option<Funnel>, Problem> {
        Ok(funnel::funnel(&self.store, campaign, by, zone, now).await?)
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
