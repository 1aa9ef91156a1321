//! Limits of campaigns that were set while they ran: what holds over each definition, with who and when.

use super::Store;
use super::db::{Conn, params, statements};
use super::error::StoreError;
use crate::model::live_limits::{LimitChange, LiveLimits};
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;

statements! {
    SET = "
        insert into campaign_limits (campaign, lines_max, dials_per_day_max, abandon_rate_max, changed_by, changed_at)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (campaign) do update set
            lines_max = excluded.lines_max, dials_per_day_max = excluded.dials_per_day_max,
            abandon_rate_max = excluded.abandon_rate_max, changed_by = excluded.changed_by,
            changed_at = excluded.changed_at";
    OF_CAMPAIGN = "
        select lines_max, dials_per_day_max, abandon_rate_max from campaign_limits where campaign = $1";
}

impl Store {
    /// Changes a campaign's live limits. What is absent stays as the row has it then: changes may come in any order.
    pub async fn set_live_limits(
        &self,
        campaign: &CampaignKey,
        change: &LimitChange,
        by: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (change, told) = (change.clone(), serde_json::Value::from(change.told()).to_string());
        let (ids, campaign, by) = (self.ids(), campaign.clone(), by.to_owned());
        self.write(move |conn| {
            Box::pin(async move {
                let LiveLimits { lines_max, dials_per_day_max, abandon_rate_max } =
                    read(conn, &campaign).await?.changed(&change);
                let dials = dials_per_day_max.map(|most| i64::try_from(most).unwrap_or(i64::MAX));
                let lines = lines_max.map(i64::from);
                conn.run(SET, params![campaign.as_str(), lines, dials, abandon_rate_max, by.as_str(), at]).await?;
                super::audit::note(conn, &ids, at, &by, "campaign_limits", campaign.as_str(), &told).await
            })
        })
        .await
    }

    /// What is set of a campaign's limits; nothing where nobody set any.
    pub async fn live_limits(&self, campaign: &CampaignKey) -> Result<LiveLimits, StoreError> {
        let mut conn = self.reader().await?;
        read(&mut conn, campaign).await
    }
}

async fn read(conn: &mut Conn, campaign: &CampaignKey) -> Result<LiveLimits, StoreError> {
    let Some(row) = conn.row(OF_CAMPAIGN, params![campaign.as_str()]).await? else {
        return Ok(LiveLimits::default());
    };
    Ok(LiveLimits {
        lines_max: row.opt_int("lines_max")?.map(|most| u32::try_from(most).unwrap_or(u32::MAX)),
        dials_per_day_max: row.opt_int("dials_per_day_max")?.map(i64::unsigned_abs),
        abandon_rate_max: row.opt_real("abandon_rate_max")?,
    })
}
