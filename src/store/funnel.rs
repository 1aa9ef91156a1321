//! How far the leads of a campaign came, from the message to the delivery: each stage is a set of leads, said by one query, and its
//! count is the count of that set.
//!
//! Not the figures of calls, which count attempts ([`super::figures`]). Read [`FunnelStage`] and its `set` first.

use serde::{Deserialize, Serialize};

use super::Store;
use super::db::{Conn, Row, Value, params, statements};
use super::error::StoreError;
use super::figures::{AttemptTotals, totals};
use crate::model::costs::Usage;
use crate::model::disposition::Disposition;
use crate::model::id::LeadId;
use crate::model::lead::LeadState;
use crate::model::name::CampaignKey;
use crate::model::order::Money;
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;

/// Most parts that the leads are broken down into: no page shows more.
const PARTS_MAX: usize = 5000;
/// Most leads on a page.
const PAGE_MAX: usize = 1000;

/// How far a lead came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FunnelStage {
    /// In the audience of an outreach.
    Audience,
    /// A gateway took a message of the outreach for it.
    Sent,
    /// The phone has the message, as its receipt says.
    Received,
    /// Opened its link, or sent a message back that does not opt out.
    Responded,
    /// Asked to be called, by whatever channel.
    Registered,
    /// A call of ours left for it, and is over.
    Dialled,
    /// Somebody or something picked up.
    Answered,
    /// Talked to an agent in a call of ours.
    Connected,
    /// Took the offer: the result that counts says so, of a call of ours or of the customer's own.
    Accepted,
    /// Has what was ordered.
    Delivered,
}

impl FunnelStage {
    /// All of them, from the first to the last.
    pub const ALL: [FunnelStage; 10] = [
        FunnelStage::Audience,
        FunnelStage::Sent,
        FunnelStage::Received,
        FunnelStage::Responded,
        FunnelStage::Registered,
        FunnelStage::Dialled,
        FunnelStage::Answered,
        FunnelStage::Connected,
        FunnelStage::Accepted,
        FunnelStage::Delivered,
    ];

    /// As it is written and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            FunnelStage::Audience => "audience",
            FunnelStage::Sent => "sent",
            FunnelStage::Received => "received",
            FunnelStage::Responded => "responded",
            FunnelStage::Registered => "registered",
            FunnelStage::Dialled => "dialled",
            FunnelStage::Answered => "answered",
            FunnelStage::Connected => "connected",
            FunnelStage::Accepted => "accepted",
            FunnelStage::Delivered => "delivered",
        }
    }

    /// Whether whoever is here was in the stage before, by nature. A customer may respond to a message of which no receipt came,
    /// register without a message, be dialled without having registered, and accept in a call of their own.
    pub fn is_within_previous(self) -> bool {
        match self {
            FunnelStage::Sent | FunnelStage::Received | FunnelStage::Answered | FunnelStage::Connected => true,
            FunnelStage::Audience
            | FunnelStage::Responded
            | FunnelStage::Registered
            | FunnelStage::Dialled
            | FunnelStage::Accepted
            | FunnelStage::Delivered => false,
        }
    }

    /// The leads that came so far, of the campaign `$1`: the only place that says so. A lead may be among them several times.
    fn set(self) -> &'static str {
        match self {
            FunnelStage::Audience => "select r.lead_id as lead_id from outreach_recipients r where r.campaign = $1",
            FunnelStage::Sent => {
                "select r.lead_id as lead_id from outreach_recipients r cross join messages m
                 where r.campaign = $1 and r.state = 'given' and m.id = r.message_id and m.sent_at is not null"
            }
            FunnelStage::Received => {
                "select r.lead_id as lead_id from outreach_recipients r cross join messages m
                 where r.campaign = $1 and r.state = 'given' and m.id = r.message_id and m.sent_at is not null
                   and m.state = 'delivered'"
            }
            FunnelStage::Responded => {
                "select k.lead_id as lead_id from visits v cross join links k
                 where v.campaign = $1 and v.kind = 'visit' and k.id = v.link_id and k.lead_id is not null
                 union all
                 select r.lead_id as lead_id from messages i cross join outreach_recipients r
                 where i.campaign = $1 and i.direction = 'in' and i.meaning in ('interested', 'other')
                   and r.message_id = i.answers
                 union all
                 select w.id as lead_id from messages i cross join leads w
                 where i.campaign = $1 and i.direction = 'in' and i.meaning in ('interested', 'other')
                   and w.number = i.number and w.campaign = $1"
            }
            FunnelStage::Registered => {
                "select p.lead_id as lead_id from pre_registrations p where p.campaign = $1 and p.lead_id is not null"
            }
            FunnelStage::Dialled => {
                "select a.lead_id as lead_id from attempts a where a.campaign = $1 and a.first_dialled"
            }
            FunnelStage::Answered => {
                "select a.lead_id as lead_id from attempts a where a.campaign = $1 and a.first_answered"
            }
            FunnelStage::Connected => {
                "select a.lead_id as lead_id from attempts a where a.campaign = $1 and a.first_connected"
            }
            FunnelStage::Accepted => ACCEPTED_SET,
            FunnelStage::Delivered => {
                "select o.lead_id as lead_id from orders o
                 where o.campaign = $1 and o.state = 'delivered' and o.lead_id is not null"
            }
        }
    }
}

impl std::str::FromStr for FunnelStage {
    type Err = String;
    fn from_str(text: &str) -> Result<FunnelStage, String> {
        let found = FunnelStage::ALL.into_iter().find(|stage| stage.as_str() == text);
        let names = FunnelStage::ALL.map(FunnelStage::as_str).join(", ");
        found.ok_or_else(|| format!("`{text}` is no stage of the funnel; expected one of {names}"))
    }
}

macro_rules! accepted_set {
    () => {
        "select a.lead_id as lead_id from attempts a where a.campaign = $1 and a.disposition = 'accepted'
         union all
         select r.lead_id as lead_id from results r
         where r.campaign = $1 and r.direction = 'inbound' and r.disposition = 'accepted' and r.lead_id is not null
           and not exists (select 1 from results n
                           where n.direction = r.direction and n.call_id = r.call_id and n.revision > r.revision)"
    };
}
const ACCEPTED_SET: &str = accepted_set!();

/// What the leads are broken down by. Each lead is in one part; the part of leads of which it is not known has an empty key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunnelBy {
    /// Not at all.
    Nothing,
    /// Outreach and variant, as `outreach/variant`; of several the first by name.
    Variant,
    /// The language of the message.
    Language,
    /// The channel of the first pre-registration.
    Channel,
    /// The hour, counted from 1970 in UTC, in which the customer first registered, else first opened a link.
    ReplyHour,
    /// The agent who first talked to the customer, by id.
    Agent,
    /// The list, by id.
    List,
    /// A column of the list.
    Column(String),
}

impl FunnelBy {
    /// The part of the lead `s.lead_id`.
    fn part(&self) -> &'static str {
        match self {
            FunnelBy::Nothing => "''",
            FunnelBy::Variant => {
                "(select min(r.outreach || '/' || r.variant) from outreach_recipients r
                  where r.lead_id = s.lead_id and r.campaign = $1)"
            }
            FunnelBy::Language => {
                "(select min(r.language) from outreach_recipients r where r.lead_id = s.lead_id and r.campaign = $1)"
            }
            FunnelBy::Channel => {
                "(select p.channel from pre_registrations p where p.lead_id = s.lead_id and p.campaign = $1
                  order by p.id limit 1)"
            }
            FunnelBy::ReplyHour => {
                "cast(coalesce(
                    (select min(p.asked_at) from pre_registrations p where p.lead_id = s.lead_id and p.campaign = $1),
                    (select min(v.at) from outreach_recipients r cross join links k cross join visits v
                     where r.lead_id = s.lead_id and r.campaign = $1 and k.message_id = r.message_id
                       and v.link_id = k.id and v.kind = 'visit')) / 3600000 as text)"
            }
            FunnelBy::Agent => {
                "(select cast(a.agent_id as text) from attempts a
                  where a.lead_id = s.lead_id and a.campaign = $1 and a.first_connected and a.agent_id is not null
                  order by a.at, a.id limit 1)"
            }
            FunnelBy::List => "cast(s.list_id as text)",
            FunnelBy::Column(_) => "(select j.value ->> cast($2 as text) from json_each('[' || s.extra || ']') j)",
        }
    }

    fn values(&self, campaign: &CampaignKey) -> Vec<Value> {
        match self {
            FunnelBy::Column(column) => params![campaign.as_str(), column.as_str()],
            FunnelBy::Nothing
            | FunnelBy::Variant
            | FunnelBy::Language
            | FunnelBy::Channel
            | FunnelBy::ReplyHour
            | FunnelBy::Agent
            | FunnelBy::List => params![campaign.as_str()],
        }
    }
}

/// One part: how many leads came how far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunnelPart {
    /// What they have in common; empty where it is not known.
    pub key: String,
    /// In the order of [`FunnelStage::ALL`].
    pub leads: [u64; FunnelStage::ALL.len()],
}

/// How soon after they asked customers were called first, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FunnelSpeed {
    /// Within so many minutes, and not within fewer; `null`: not called yet.
    pub within_minutes: Option<u64>,
    /// Leads who asked.
    pub leads: u64,
    /// Of these, accepted.
    pub accepted: u64,
}

/// The whole way of a campaign at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunnelCounts {
    /// All leads together, in the order of [`FunnelStage::ALL`].
    pub total: [u64; FunnelStage::ALL.len()],
    /// The parts, in the order of their keys; empty if nothing was asked for.
    pub parts: Vec<FunnelPart>,
    /// How soon customers were called, soonest first.
    pub speed: Vec<FunnelSpeed>,
    /// Leads who accepted and of whom every order was refused, came back or was called off.
    pub lost: u64,
    /// What was used of what has a price.
    pub used: Usage,
    /// Orders that were delivered, and what they are worth; of customers on no list too.
    pub delivered_orders: u64,
    /// What they are worth.
    pub delivered_value: Money,
}

/// A lead of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FunnelLead {
    /// Its id.
    pub lead: LeadId,
    /// The number.
    pub number: PhoneNumber,
    /// The customer's name.
    pub name: String,
    /// Where it stands.
    pub state: LeadState,
    /// The part that it is in.
    pub part: String,
}

/// Minutes that first calls are told apart by; the last one is longer than any campaign.
macro_rules! bucket {
    () => {
        "case when c.called_at is null then null
              when c.called_at - c.asked_at <= 300000 then 5
              when c.called_at - c.asked_at <= 900000 then 15
              when c.called_at - c.asked_at <= 1800000 then 30
              when c.called_at - c.asked_at <= 3600000 then 60
              when c.called_at - c.asked_at <= 7200000 then 120
              when c.called_at - c.asked_at <= 14400000 then 240
              when c.called_at - c.asked_at <= 86400000 then 1440
              else 525600 end"
    };
}

statements! {
    SPEED = concat!("
        with asked as (
            select p.lead_id as lead_id, min(p.asked_at) as asked_at
            from pre_registrations p join leads l on l.id = p.lead_id and l.campaign = $1
            where p.campaign = $1 group by p.lead_id),
        called as (
            select asked.lead_id as lead_id, asked.asked_at as asked_at,
                (select min(a.at) from attempts a
                 where a.lead_id = asked.lead_id and a.campaign = $1 and a.at >= asked.asked_at
                   and coalesce(a.network_disposition, '') <> 'not_dialled') as called_at
            from asked),
        accepted as (select distinct x.lead_id as lead_id from (", accepted_set!(), ") x)
        select cast(", bucket!(), " as bigint) as within_minutes, count(*) as leads, count(t.lead_id) as accepted
        from called c left join accepted t on t.lead_id = c.lead_id
        group by 1 order by 1");
    LOST = concat!("
        select count(*) as leads
        from (select distinct x.lead_id as lead_id from (", accepted_set!(), ") x) t
        join leads l on l.id = t.lead_id and l.campaign = $1
        where exists (select 1 from orders o where o.lead_id = t.lead_id and o.campaign = $1)
          and not exists (select 1 from orders o where o.lead_id = t.lead_id and o.campaign = $1
                          and o.state not in ('refused', 'returned', 'cancelled'))");
    SMS_OF_OUTREACH = "
        select cast(coalesce(sum(parts), 0) as bigint) as sms from messages
        where campaign = $1 and outreach is not null
          and state in ('sending', 'sent', 'delivered', 'undeliverable', 'expired', 'unknown')";
    OTHER_SMS = "
        select cast(coalesce(sum(parts), 0) as bigint) as sms from messages
        where campaign = $1 and direction = 'out' and outreach is null
          and state in ('sending', 'sent', 'delivered', 'undeliverable', 'expired', 'unknown')";
    ORDERS = "
        select count(*) filter (where state not in ('confirmed', 'cancelled')) as dispatched,
            count(*) filter (where state = 'delivered') as delivered,
            cast(coalesce(sum(case when state = 'delivered' then value else 0 end), 0) as bigint) as value
        from orders where campaign = $1";
}

impl Store {
    /// How far the leads of a campaign came, all together and broken down, at one moment.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] for a column with more than 5,000 values.
    pub async fn funnel(&self, campaign: &CampaignKey, by: &FunnelBy) -> Result<FunnelCounts, StoreError> {
        let mut conn = self.reader().await?;
        // Figures of calls have a moment of their own.
        let (start, end) = (Timestamp::from_millis(0), Timestamp::from_millis(i64::MAX));
        let calls = totals(&mut conn, campaign, start, end).await?;
        conn.begin_snapshot().await?;
        let counted = count(&mut conn, campaign, by, &calls).await;
        conn.control("commit").await?;
        counted
    }

    /// A page of the leads that came so far, in the order in which they were brought in; with `parts` only those in one of them.
    pub async fn funnel_leads(
        &self,
        campaign: &CampaignKey,
        stage: FunnelStage,
        by: &FunnelBy,
        parts: Option<&[String]>,
        after: Option<LeadId>,
        limit: usize,
    ) -> Result<Vec<FunnelLead>, StoreError> {
        let mut values = by.values(campaign);
        values.push(after.map_or(i64::MIN, |after| after.0).into());
        let cursor = values.len();
        let wanted = match parts {
            None => String::new(),
            Some(parts) => {
                values.push(super::db::rows(parts.iter().map(|part| params![part.as_str()])));
                let place = values.len();
                format!("and coalesce({}, '') in (select j.value ->> 0 from json_each(${place}) j)", by.part())
            }
        };
        values.push((limit.min(PAGE_MAX) as u64).into());
        let text = format!(
            "select s.lead_id as lead_id, s.number as number, s.name as name, s.state as state,
                    coalesce({}, '') as part
             from ({}) s where s.lead_id > ${cursor} {wanted} order by s.lead_id limit ${}",
            by.part(),
            leads_of(stage),
            values.len(),
        );
        let mut conn = self.reader().await?;
        let lead = |row: &Row| {
            Ok(FunnelLead {
                lead: LeadId(row.int("lead_id")?),
                number: super::attempts::phone(row, "number")?,
                name: row.text("name")?,
                state: row.word("state")?,
                part: row.text("part")?,
            })
        };
        conn.rows_made("FUNNEL_LEADS", &text, values).await?.iter().map(lead).collect()
    }
}

/// The leads of a stage, each once: what is counted and what is listed. Leads of an import that was taken back are gone.
fn leads_of(stage: FunnelStage) -> String {
    format!(
        "select l.id as lead_id, l.list_id as list_id, l.extra as extra, l.number as number, l.name as name,
                l.state as state
         from (select distinct x.lead_id as lead_id from ({}) x) d
         cross join leads l where l.id = d.lead_id and l.campaign = $1",
        stage.set()
    )
}

async fn count(
    conn: &mut Conn,
    campaign: &CampaignKey,
    by: &FunnelBy,
    calls: &AttemptTotals,
) -> Result<FunnelCounts, StoreError> {
    let mut counts = FunnelCounts::default();
    let mut parts = std::collections::BTreeMap::<String, FunnelPart>::new();
    for (place, stage) in FunnelStage::ALL.into_iter().enumerate() {
        let text = format!(
            "select coalesce({}, '') as part, count(*) as leads from ({}) s group by 1 limit {}",
            by.part(),
            leads_of(stage),
            PARTS_MAX + 1,
        );
        for row in conn.rows_made("FUNNEL", &text, by.values(campaign)).await? {
            let (key, leads) = (row.text("part")?, row.count("leads")?);
            counts.total[place] += leads;
            parts.entry(key).or_default().leads[place] = leads;
        }
        if parts.len() > PARTS_MAX {
            let value = match by {
                FunnelBy::Column(column) => column.clone(),
                other => format!("{other:?}"),
            };
            let expected = format!("a column with at most {PARTS_MAX} values");
            return Err(StoreError::Unfit { what: "column of the funnel", value, expected });
        }
    }
    if *by != FunnelBy::Nothing {
        counts.parts = parts.into_iter().map(|(key, part)| FunnelPart { key, ..part }).collect();
    }
    let of = || params![campaign.as_str()];
    for row in conn.rows(SPEED, of()).await? {
        let within_minutes = row.opt_int("within_minutes")?.and_then(|minutes| u64::try_from(minutes).ok());
        counts.speed.push(FunnelSpeed { within_minutes, leads: row.count("leads")?, accepted: row.count("accepted")? });
    }
    // Those who were not called come last, whatever the database sorts nulls by.
    counts.speed.sort_by_key(|speed| speed.within_minutes.unwrap_or(u64::MAX));
    counts.lost = conn.one(LOST, of()).await?.count("leads")?;
    let sms = conn.one(SMS_OF_OUTREACH, of()).await?.count("sms")? + conn.one(OTHER_SMS, of()).await?.count("sms")?;
    let orders = conn.one(ORDERS, of()).await?;
    let deliveries = orders.count("dispatched")?;
    let dials = calls.figures.attempts.saturating_sub(calls.of(Disposition::NotDialled));
    counts.used = Usage { sms, dials, talk_ms: calls.figures.talk_ms, deliveries };
    counts.delivered_orders = orders.count("delivered")?;
    counts.delivered_value = Money(orders.int("value")?);
    Ok(counts)
}
