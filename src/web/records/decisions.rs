//! Why campaigns dialled as much as they did.

use super::Records;
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::store::DecisionCursor;
use crate::web::campaigns::DecisionPage;
use crate::web::problem::{Kind, Problem};

impl Records {
    /// A page of a campaign's decisions, latest first.
    pub(in crate::web) async fn decisions(
        &self,
        key: &CampaignKey,
        from: Timestamp,
        to: Timestamp,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<DecisionPage, Problem> {
        let after = cursor.map(read_cursor).transpose()?;
        // One more than asked for tells whether there is a next page.
        let limit = limit as usize;
        let mut rows = self.store.decisions(key, from, to, after, limit + 1).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more);
        let next_cursor = last.map(|(cursor, _)| format!("{}.{}", cursor.at.as_millis(), cursor.id));
        Ok(DecisionPage { items: rows.into_iter().map(|(_, decision)| decision).collect(), next_cursor })
    }
}

fn read_cursor(text: &str) -> Result<DecisionCursor, Problem> {
    let read = text.split_once('.').and_then(|(at, id)| {
        let at = Timestamp::from_millis(at.parse().ok()?);
        Some(DecisionCursor { at, id: id.parse().ok()? })
    });
    read.ok_or_else(|| Problem::new(Kind::BadQuery, "cursor: expected `next_cursor` of the page before"))
}
