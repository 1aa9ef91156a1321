//! Why campaigns dialled as much as they did: written many at a time, read by pages, removed when they are old.

use std::collections::BTreeMap;

use super::Store;
use super::db::{Row, json, params, rows, statements};
use super::error::StoreError;
use crate::model::decision::{Decision, Forecast};
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;

/// Most rows on a page: one more than a page shows, to tell whether there is another.
const PAGE_MAX: usize = 1001;

/// Where the next page begins: the last row of the page before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecisionCursor {
    /// When it was taken.
    pub at: Timestamp,
    /// Its row.
    pub id: i64,
}

statements! {
    INSERT_DECISIONS = "
        insert into decisions (id, campaign, at, placed, binding, idle, idle_with_slot, slots, pending, abandons_left,
                               refusals, agents_free, answers_expected, answer_share, abandon_chance, abandon_price,
                               caller_price, more)
        select cast(j.value ->> 0 as bigint), j.value ->> 1, cast(j.value ->> 2 as bigint),
            cast(j.value ->> 3 as bigint), j.value ->> 4, cast(j.value ->> 5 as bigint),
            cast(j.value ->> 6 as bigint), cast(j.value ->> 7 as bigint), cast(j.value ->> 8 as bigint),
            cast(j.value ->> 9 as bigint), j.value ->> 10, cast(j.value ->> 11 as double precision),
            cast(j.value ->> 12 as double precision), cast(j.value ->> 13 as double precision),
            cast(j.value ->> 14 as double precision), cast(j.value ->> 15 as double precision),
            cast(j.value ->> 16 as double precision), cast(j.value ->> 17 as bigint)
        from json_each($1) j where true";
    DECISIONS = "
        select * from decisions
        where campaign = $1 and (at, id) < ($2, $3) and at >= $4
        order by at desc, id desc limit $5";
    FORGET_DECISIONS = "
        delete from decisions where id in (
            select o.id from (select id, at from decisions order by id limit $2) o where o.at < $1)";
}

impl Store {
    /// Records decisions, all in one statement.
    pub async fn record_decisions(&self, decisions: Vec<Decision>) -> Result<(), StoreError> {
        let row = |decision: Decision| {
            let Decision { campaign, at, placed, limit, refusals, forecast, .. } = &decision;
            let of = |read: fn(&Forecast) -> f64| forecast.as_ref().map(read);
            params![
                self.ids().next(*at),
                campaign.as_str(),
                *at,
                *placed,
                limit.as_str(),
                decision.idle,
                decision.idle_with_slot,
                decision.slots,
                decision.pending,
                decision.abandons_left,
                (!refusals.is_empty()).then(|| json(refusals)),
                of(|forecast| forecast.agents_free),
                of(|forecast| forecast.answers_expected),
                of(|forecast| forecast.answer_share),
                of(|forecast| forecast.abandon_chance),
                forecast.as_ref().and_then(|forecast| forecast.abandon_price),
                of(|forecast| forecast.caller_price),
                forecast.as_ref().map(|forecast| i64::from(forecast.more)),
            ]
        };
        let values = rows(decisions.into_iter().map(row));
        self.write(move |conn| Box::pin(async move { conn.run(INSERT_DECISIONS, vec![values]).await.map(drop) })).await
    }

    /// A page of a campaign's decisions from `from` until before `to`, newest first, after the row `after` of the page
    /// before. At most 1,001. Each comes with where the page after it begins.
    pub async fn decisions(
        &self,
        campaign: &CampaignKey,
        from: Timestamp,
        to: Timestamp,
        after: Option<DecisionCursor>,
        limit: usize,
    ) -> Result<Vec<(DecisionCursor, Decision)>, StoreError> {
        let mut conn = self.reader().await?;
        let end = (to.as_millis(), i64::MIN);
        let (at, id) = after.map_or(end, |cursor| (cursor.at.as_millis(), cursor.id).min(end));
        let values = params![campaign.as_str(), at, id, from, limit.min(PAGE_MAX) as u64];
        conn.rows(DECISIONS, values).await?.iter().map(decision_row).collect()
    }

    /// Removes decisions taken before a time, a little at a time. Says how many.
    pub async fn forget_decisions(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.in_pieces(FORGET_DECISIONS, params![before]).await
    }
}

fn decision_row(row: &Row) -> Result<(DecisionCursor, Decision), StoreError> {
    let small = |column| row.count(column).map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    let at = row.time("at")?;
    let forecast = match row.opt_real("agents_free")? {
        Some(agents_free) => Some(Forecast {
            agents_free,
            answers_expected: row.real("answers_expected")?,
            answer_share: row.real("answer_share")?,
            abandon_chance: row.real("abandon_chance")?,
            abandon_price: row.opt_real("abandon_price")?,
            caller_price: row.real("caller_price")?,
            more: small("more")?,
        }),
        None => None,
    };
    let refusals = match row.opt_text("refusals")? {
        Some(_) => row.json("refusals")?,
        None => BTreeMap::new(),
    };
    let decision = Decision {
        campaign: row.parsed("campaign")?,
        at,
        placed: small("placed")?,
        limit: row.text("binding")?,
        idle: small("idle")?,
        idle_with_slot: small("idle_with_slot")?,
        slots: small("slots")?,
        pending: small("pending")?,
        abandons_left: small("abandons_left")?,
        refusals,
        forecast,
    };
    Ok((DecisionCursor { at, id: row.int("id")? }, decision))
}
