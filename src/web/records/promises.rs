//! Promises to customers who asked to be called.

use std::collections::BTreeMap;

use super::Records;
use crate::model::id::LeadId;
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::model::zone::Zone;
use crate::report::{self, PromiseReport};
use crate::store::{AskedRow, Owed, OwedCounts, PromiseCursor, PromiseRow};
use crate::web::customers::AskedView;
use crate::web::problem::{Kind, Problem};
use crate::web::promises::{PromisePage, PromiseView};

/// Times that a customer asked which a desk shows.
const ASKED_SHOWN: usize = 5;

impl Records {
    /// A page of the promises that are owed.
    pub(in crate::web) async fn promises(
        &self,
        campaign: Option<&CampaignKey>,
        owed: Option<Owed>,
        cursor: Option<&str>,
        limit: u32,
        now: Timestamp,
    ) -> Result<PromisePage, Problem> {
        let after = cursor.map(read_cursor).transpose()?;
        // One more than asked for tells whether there is a next page.
        let limit = limit as usize;
        let mut rows = self.store.promises(campaign, owed, after, limit + 1).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more);
        let next_cursor = last.map(|row| format!("{}.{}", row.promised_at.as_millis(), row.id));
        let titles: BTreeMap<CampaignKey, String> =
            self.store.campaigns().await?.into_iter().map(|row| (row.campaign.key, row.campaign.title)).collect();
        let items = rows.into_iter().map(|row| view(row, &titles, now)).collect();
        Ok(PromisePage { items, next_cursor })
    }

    pub(in crate::web) async fn promise_counts(&self) -> Result<BTreeMap<CampaignKey, OwedCounts>, Problem> {
        Ok(self.store.promise_counts().await?)
    }

    pub(in crate::web) async fn promise_report(
        &self,
        campaign: Option<&CampaignKey>,
        span: (Timestamp, Timestamp),
        zone: &Zone,
    ) -> Result<PromiseReport, Problem> {
        Ok(report::promise_report(&self.store, campaign, span, zone).await?)
    }

    /// When the customer of a lead asked to be called, the last time first.
    pub(super) async fn asked(&self, lead: LeadId) -> Result<Vec<AskedView>, Problem> {
        let rows = self.store.registrations_of_lead(lead, ASKED_SHOWN).await?;
        Ok(rows.into_iter().map(AskedView::from).collect())
    }
}

fn view(row: PromiseRow, titles: &BTreeMap<CampaignKey, String>, now: Timestamp) -> PromiseView {
    PromiseView {
        campaign_title: titles.get(&row.campaign).cloned().unwrap_or_else(|| row.campaign.to_string()),
        state: row.owed(),
        left_ms: row.promised_at.as_millis() - now.as_millis(),
        id: row.id,
        lead: row.lead,
        campaign: row.campaign,
        number: (&row.number).into(),
        name: row.name,
        zones: row.zones,
        channel: row.channel,
        source: row.source,
        message: row.message,
        words: row.words,
        asked_at: row.asked_at,
        preferred_at: row.preferred_at,
        promised_until: row.promised_at,
        escalated_at: row.escalated_at,
        due_at: row.due_at,
    }
}

impl From<AskedRow> for AskedView {
    fn from(row: AskedRow) -> AskedView {
        AskedView {
            id: row.id,
            channel: row.channel,
            words: row.words,
            asked_at: row.asked_at,
            preferred_at: row.preferred_at,
            promise: row.promise,
            promised_until: row.promised_at,
        }
    }
}

fn read_cursor(text: &str) -> Result<PromiseCursor, Problem> {
    let read = text.split_once('.').and_then(|(at, id)| {
        let promised_at = Timestamp::from_millis(at.parse().ok()?);
        Some(PromiseCursor { promised_at, id: id.parse().ok()? })
    });
    read.ok_or_else(|| Problem::new(Kind::BadQuery, "cursor: expected `next_cursor` of the page before"))
}
