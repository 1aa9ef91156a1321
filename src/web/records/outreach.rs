//! Outreach.

use super::Records;
use crate::model::id::{LeadId, MessageId};
use crate::model::name::{CampaignKey, OutreachName};
use crate::model::outreach::{Outreach, Way};
use crate::model::time::Timestamp;
use crate::store::{AudienceSeen, CampaignRow, OutreachCount, OutreachRow, RecipientRow, TestSend};
use crate::web::problem::Problem;

impl Records {
    pub(in crate::web) async fn campaign_row(&self, key: &CampaignKey) -> Result<Option<CampaignRow>, Problem> {
        Ok(self.store.campaign(key).await?)
    }

    pub(in crate::web) async fn outreaches(&self, campaign: &CampaignKey) -> Result<Vec<OutreachRow>, Problem> {
        Ok(self.store.outreaches(Some(campaign)).await?)
    }

    pub(in crate::web) async fn outreach_progress(
        &self,
        campaign: &CampaignKey,
        name: &OutreachName,
    ) -> Result<(Vec<OutreachCount>, Option<Timestamp>), Problem> {
        let counts = self.store.outreach_counts(campaign, name).await?;
        Ok((counts, self.store.next_recipient_at(campaign, name).await?))
    }

    pub(in crate::web) async fn audience(
        &self,
        campaign: &CampaignKey,
        name: &OutreachName,
        outreach: &Outreach,
        link: &str,
        most: u64,
    ) -> Result<AudienceSeen, Problem> {
        Ok(self.store.audience(campaign, name, outreach, link, most).await?)
    }

    pub(in crate::web) async fn start_outreach(
        &self,
        campaign: &CampaignKey,
        name: &OutreachName,
        by: &str,
        now: Timestamp,
    ) -> Result<OutreachRow, Problem> {
        self.store.start_outreach(campaign, name, by, now).await?;
        let row = self.store.outreach(campaign, name).await?;
        row.ok_or_else(|| Problem::internal("starting an outreach", "it is not there"))
    }

    /// `None`: it was never started.
    pub(in crate::web) async fn pause_outreach(
        &self,
        campaign: &CampaignKey,
        name: &OutreachName,
        by: &str,
        now: Timestamp,
    ) -> Result<Option<OutreachRow>, Problem> {
        self.store.pause_outreach(campaign, name, by, now).await?;
        Ok(self.store.outreach(campaign, name).await?)
    }

    pub(in crate::web) async fn test_outreach(
        &self,
        of: (&CampaignKey, &OutreachName),
        says: (&Outreach, &Way),
        test: TestSend,
        by: &str,
        now: Timestamp,
    ) -> Result<Option<Vec<MessageId>>, Problem> {
        Ok(self.store.test_outreach(of, says, test, by, now).await?)
    }

    pub(in crate::web) async fn recipients(
        &self,
        of: (&CampaignKey, &OutreachName),
        which: (&str, &str),
        after: Option<LeadId>,
        limit: usize,
    ) -> Result<Vec<RecipientRow>, Problem> {
        Ok(self.store.recipients(of, which, after, limit).await?)
    }
}
