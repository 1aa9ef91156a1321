//! Promises as pages and reports show them: those that are owed, and counts of all.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::PromiseState;
use crate::model::id::{LeadId, MessageId, RegistrationId};
use crate::model::name::CampaignKey;
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;
use crate::store::Store;
use crate::store::attempts::phone;
use crate::store::db::{Row, params, statements};
use crate::store::error::StoreError;
use crate::store::registrations::Registered;

/// Most promises of a page.
const PAGE_MAX: usize = 500;
/// Registrations are counted by spans of so many ms, which are parts of a day in every time zone.
const QUARTER_MS: i64 = 900_000;

/// Which promises that are owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Owed {
    /// In time, and not at risk.
    InTime,
    /// In time, and at risk.
    AtRisk,
    /// Broken, and the customer has not been called yet.
    Overdue,
}

impl Owed {
    fn as_str(self) -> &'static str {
        match self {
            Owed::InTime => "in_time",
            Owed::AtRisk => "at_risk",
            Owed::Overdue => "overdue",
        }
    }
}

/// A promise that is owed, with what the customer said.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PromiseRow {
    /// Which.
    pub id: RegistrationId,
    /// The lead that is called for it.
    pub lead: Option<LeadId>,
    /// By which campaign.
    pub campaign: CampaignKey,
    /// Whose number.
    pub number: PhoneNumber,
    /// The customer's name, where it is known.
    pub name: String,
    /// IANA names of every time zone the number may be in.
    pub zones: Vec<String>,
    /// By which channel the customer asked.
    pub channel: String,
    /// Where that can be found again.
    pub source: String,
    /// The message that it came by.
    pub message: Option<MessageId>,
    /// The customer's own words, where there are any.
    pub words: Option<String>,
    /// When the customer asked.
    pub asked_at: Timestamp,
    /// The time that the customer wishes to be called at.
    pub preferred_at: Option<Timestamp>,
    /// From when on it is at risk.
    pub at_risk_at: Timestamp,
    /// Until when the call was promised.
    pub promised_at: Timestamp,
    /// When it came to be at risk.
    pub escalated_at: Option<Timestamp>,
    /// How it stands.
    pub state: PromiseState,
    /// When the dialer may try next, where that is a time.
    pub due_at: Option<Timestamp>,
}

/// Where the next page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromiseCursor {
    /// Until when the last of the page before was promised.
    pub promised_at: Timestamp,
    /// Which it was.
    pub id: RegistrationId,
}

/// How many promises are owed, and how they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct OwedCounts {
    /// In time, and not at risk.
    pub in_time: u64,
    /// In time, and at risk.
    pub at_risk: u64,
    /// Broken, and the customer has not been called yet.
    pub overdue: u64,
}

/// Registrations of one time, channel, and standing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationCount {
    /// When they came in: the begin of a quarter of an hour.
    pub at: Timestamp,
    /// By which channel.
    pub channel: String,
    /// What became of them.
    pub became: Registered,
    /// How their promises stand.
    pub promise: PromiseState,
    /// So many of these.
    pub count: u64,
    /// So many of these talked to an agent before the time ran out.
    pub talked_in_time: u64,
    /// So many of these were dialled.
    pub dialled: u64,
    /// How long these had waited for it, together, in ms.
    pub waited_ms: u64,
}

impl PromiseRow {
    /// How it stands, as something that is owed.
    pub fn owed(&self) -> Owed {
        match (self.state, self.escalated_at) {
            (PromiseState::Broken, _) => Owed::Overdue,
            (_, Some(_)) => Owed::AtRisk,
            (_, None) => Owed::InTime,
        }
    }
}

/// A time that the customer of a lead asked to be called.
#[derive(Clone, Debug, PartialEq)]
pub struct AskedRow {
    /// Which.
    pub id: RegistrationId,
    /// By which channel.
    pub channel: String,
    /// The customer's own words, where there are any.
    pub words: Option<String>,
    /// When.
    pub asked_at: Timestamp,
    /// The time that the customer wishes to be called at.
    pub preferred_at: Option<Timestamp>,
    /// How the promise of a call stands.
    pub promise: PromiseState,
    /// Until when it was promised.
    pub promised_at: Option<Timestamp>,
}

statements! {
    OF_LEAD = "
        select p.id as id, p.channel as channel, m.text as text, p.asked_at as asked_at, p.preferred_at as preferred_at,
               p.promise as promise, p.promised_at as promised_at
        from pre_registrations p left join messages m on m.id = p.message_id
        where p.lead_id = $1 order by p.id desc limit $2";
    PAGE = "
        select p.id as id, p.lead_id as lead_id, p.campaign as campaign, p.number as number, l.name as name,
               l.zones as zones, l.extra as extra, l.due_at as due_at, p.channel as channel, p.source as source,
               p.message_id as message_id, m.text as text, p.asked_at as asked_at, p.preferred_at as preferred_at,
               p.at_risk_at as at_risk_at, p.promised_at as promised_at, p.escalated_at as escalated_at,
               p.promise as promise
        from pre_registrations p
        left join leads l on l.id = p.lead_id
        left join messages m on m.id = p.message_id
        where p.closed_at is null and (p.promised_at, p.id) > ($1, $2)
          and (cast($3 as text) is null or p.campaign = $3)
          and (cast($4 as text) is null
               or case when p.promise = 'broken' then 'overdue' when p.escalated_at is not null then 'at_risk'
                       else 'in_time' end = $4)
        order by p.promised_at, p.id limit $5";
    COUNTS = "
        select p.campaign as campaign,
               case when p.promise = 'broken' then 'overdue' when p.escalated_at is not null then 'at_risk'
                    else 'in_time' end as owed, count(*) as count
        from pre_registrations p
        where p.closed_at is null and p.promised_at is not null
        group by p.campaign, case when p.promise = 'broken' then 'overdue' when p.escalated_at is not null then 'at_risk'
                                  else 'in_time' end";
    REPORT = "
        select p.created_at / 900000 as quarter, p.channel as channel, p.became as became, p.promise as promise,
               count(*) as count,
               cast(coalesce(sum(case when p.connected_at <= p.promised_at then 1 else 0 end), 0) as bigint) as talked_in_time,
               count(p.dialled_at) as dialled,
               cast(coalesce(sum(p.dialled_at - p.asked_at), 0) as bigint) as waited_ms
        from pre_registrations p
        where p.created_at >= $1 and p.created_at < $2 and (cast($3 as text) is null or p.campaign = $3)
        group by p.created_at / 900000, p.channel, p.became, p.promise
        order by 1, 2, 3, 4";
}

impl Store {
    /// A page of the promises that are owed, the longest overdue first, after `after`.
    pub async fn promises(
        &self,
        campaign: Option<&CampaignKey>,
        owed: Option<Owed>,
        after: Option<PromiseCursor>,
        limit: usize,
    ) -> Result<Vec<PromiseRow>, StoreError> {
        let begin = after.map_or((i64::MIN, i64::MIN), |after| (after.promised_at.as_millis(), after.id.0));
        let values = params![
            begin.0,
            begin.1,
            campaign.map(CampaignKey::as_str),
            owed.map(Owed::as_str),
            limit.min(PAGE_MAX) as u64
        ];
        let mut conn = self.reader().await?;
        conn.rows(PAGE, values).await?.iter().map(promise_row).collect()
    }

    /// When the customer of a lead asked to be called, the last time first.
    pub async fn registrations_of_lead(&self, lead: LeadId, limit: usize) -> Result<Vec<AskedRow>, StoreError> {
        let mut conn = self.reader().await?;
        let read = |row: &Row| {
            Ok(AskedRow {
                id: RegistrationId(row.int("id")?),
                channel: row.text("channel")?,
                words: row.opt_text("text")?,
                asked_at: row.time("asked_at")?,
                preferred_at: row.opt_time("preferred_at")?,
                promise: row.word("promise")?,
                promised_at: row.opt_time("promised_at")?,
            })
        };
        conn.rows(OF_LEAD, params![lead.0, limit.min(PAGE_MAX) as u64]).await?.iter().map(read).collect()
    }

    /// How many promises each campaign owes; nothing of those that owe none.
    pub async fn promise_counts(&self) -> Result<BTreeMap<CampaignKey, OwedCounts>, StoreError> {
        let mut conn = self.reader().await?;
        let mut counts: BTreeMap<CampaignKey, OwedCounts> = BTreeMap::new();
        for row in conn.rows(COUNTS, vec![]).await? {
            let of = counts.entry(row.parsed("campaign")?).or_default();
            let count = row.count("count")?;
            match row.word::<Owed>("owed")? {
                Owed::InTime => of.in_time = count,
                Owed::AtRisk => of.at_risk = count,
                Owed::Overdue => of.overdue = count,
            }
        }
        Ok(counts)
    }

    /// Registrations that came in from `from` until before `to`, counted by time, channel and standing, the earliest first.
    pub async fn registration_counts(
        &self,
        campaign: Option<&CampaignKey>,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<RegistrationCount>, StoreError> {
        let mut conn = self.reader().await?;
        let found = conn.rows(REPORT, params![from, to, campaign.map(CampaignKey::as_str)]).await?;
        let read = |row: &Row| {
            Ok(RegistrationCount {
                at: Timestamp::from_millis(row.int("quarter")? * QUARTER_MS),
                channel: row.text("channel")?,
                became: row.word("became")?,
                promise: row.word("promise")?,
                count: row.count("count")?,
                talked_in_time: row.count("talked_in_time")?,
                dialled: row.count("dialled")?,
                waited_ms: row.count("waited_ms")?,
            })
        };
        found.iter().map(read).collect()
    }
}

fn promise_row(row: &Row) -> Result<PromiseRow, StoreError> {
    let extra: BTreeMap<String, String> =
        if row.opt_text("extra")?.is_some() { row.json("extra")? } else { BTreeMap::new() };
    Ok(PromiseRow {
        id: RegistrationId(row.int("id")?),
        lead: row.opt_int("lead_id")?.map(LeadId),
        campaign: row.parsed("campaign")?,
        number: phone(row, "number")?,
        name: row.opt_text("name")?.unwrap_or_default(),
        zones: if row.opt_text("zones")?.is_some() { row.json("zones")? } else { Vec::new() },
        channel: row.text("channel")?,
        source: row.text("source")?,
        message: row.opt_int("message_id")?.map(MessageId),
        // What the message said, if it came by one that is still there, else the lead's column.
        words: row.opt_text("text")?.or_else(|| extra.get("reply").cloned()),
        asked_at: row.time("asked_at")?,
        preferred_at: row.opt_time("preferred_at")?,
        at_risk_at: row.time("at_risk_at")?,
        promised_at: row.time("promised_at")?,
        escalated_at: row.opt_time("escalated_at")?,
        state: row.word("promise")?,
        due_at: row.opt_time("due_at")?.filter(|due| due.as_millis() > 0),
    })
}
