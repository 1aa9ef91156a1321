//! Landing pages: links, visits, codes and forms.

use super::Records;
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::store::{CampaignRow, CodeAsked, FormDone, LandingCounts, Link, NewLink, NewMessage, SentForm, VisitKind};
use crate::web::problem::Problem;

impl Records {
    pub(in crate::web) async fn landing_campaign(&self, key: &CampaignKey) -> Result<Option<CampaignRow>, Problem> {
        Ok(self.store.campaign(key).await?)
    }

    pub(in crate::web) async fn link(&self, token: &str) -> Result<Option<Link>, Problem> {
        Ok(self.store.link(token).await?)
    }

    pub(in crate::web) async fn make_link(&self, link: NewLink, now: Timestamp) -> Result<String, Problem> {
        let made = self.store.make_links(vec![link], now).await?;
        made.into_iter().next().ok_or_else(|| Problem::internal("making a link", "it is not there"))
    }

    pub(in crate::web) async fn note_visit(
        &self,
        campaign: &CampaignKey,
        link: Option<i64>,
        kind: VisitKind,
        agent: &str,
        now: Timestamp,
    ) -> Result<(), Problem> {
        Ok(self.store.note_visit(campaign, link, kind, agent, now).await?)
    }

    pub(in crate::web) async fn send_code(
        &self,
        form: &str,
        campaign: &CampaignKey,
        message: NewMessage,
        now: Timestamp,
    ) -> Result<CodeAsked, Problem> {
        Ok(self.store.send_code(form, campaign, message, now).await?)
    }

    pub(in crate::web) async fn take_form(&self, form: SentForm, now: Timestamp) -> Result<FormDone, Problem> {
        Ok(self.store.take_form(form, now).await?)
    }

    pub(in crate::web) async fn landing_counts(&self, campaign: &CampaignKey) -> Result<LandingCounts, Problem> {
        Ok(self.store.landing_counts(campaign).await?)
    }
}
