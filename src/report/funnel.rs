//! The whole way of a campaign as people read it: parts with names, shares, speed, and what an order costs.
//!
//! It defines no figure: the store's funnel does. It names the parts, and divides. Read [`Funnel`] and [`funnel`] first.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::model::costs::{Costs, Usage};
use crate::model::id::{LeadId, ListId, UserId};
use crate::model::name::CampaignKey;
use crate::model::order::Money;
use crate::model::time::Timestamp;
use crate::model::zone::Zone;
use crate::store::{FunnelBy, FunnelCounts, FunnelLead, FunnelSpeed, FunnelStage, Store, StoreError};

/// Parts that are named; those with fewer leads are one part together.
const PARTS_SHOWN: usize = 200;
/// The key of the parts that are not named.
pub const OTHERS: &str = "…";
/// What a column's name begins with where it could be taken for another breakdown.
const COLUMN: &str = "column:";

/// What the funnel is broken down by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FunnelBreakdown {
    /// Not at all.
    #[default]
    Nothing,
    /// Outreach and variant.
    Variant,
    /// The language of the message.
    Language,
    /// The channel of the first pre-registration.
    Channel,
    /// The day, by the installation's calendar, on which the customer first registered or opened a link.
    Day,
    /// The hour of that, 0 to 23.
    Hour,
    /// The agent who first talked to the customer.
    Agent,
    /// The list.
    List,
    /// A column of the list.
    Column(String),
}

impl FunnelBreakdown {
    fn by(&self) -> FunnelBy {
        match self {
            FunnelBreakdown::Nothing => FunnelBy::Nothing,
            FunnelBreakdown::Variant => FunnelBy::Variant,
            FunnelBreakdown::Language => FunnelBy::Language,
            FunnelBreakdown::Channel => FunnelBy::Channel,
            FunnelBreakdown::Day | FunnelBreakdown::Hour => FunnelBy::ReplyHour,
            FunnelBreakdown::Agent => FunnelBy::Agent,
            FunnelBreakdown::List => FunnelBy::List,
            FunnelBreakdown::Column(column) => FunnelBy::Column(column.clone()),
        }
    }
}

impl fmt::Display for FunnelBreakdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FunnelBreakdown::Nothing => Ok(()),
            FunnelBreakdown::Variant => f.write_str("variant"),
            FunnelBreakdown::Language => f.write_str("language"),
            FunnelBreakdown::Channel => f.write_str("channel"),
            FunnelBreakdown::Day => f.write_str("day"),
            FunnelBreakdown::Hour => f.write_str("hour"),
            FunnelBreakdown::Agent => f.write_str("agent"),
            FunnelBreakdown::List => f.write_str("list"),
            FunnelBreakdown::Column(column) => write!(f, "{COLUMN}{column}"),
        }
    }
}

/// A text names no breakdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected variant, language, channel, day, hour, agent, list or the name of a column, at most 100 characters")]
pub struct NoBreakdown;

/// Whatever is none of the words is the name of a column; `column:` before it makes it one in any case.
impl FromStr for FunnelBreakdown {
    type Err = NoBreakdown;
    fn from_str(text: &str) -> Result<FunnelBreakdown, NoBreakdown> {
        let text = text.trim();
        if text.chars().count() > 100 + COLUMN.len() {
            return Err(NoBreakdown);
        }
        Ok(match text {
            "" => FunnelBreakdown::Nothing,
            "variant" => FunnelBreakdown::Variant,
            "language" => FunnelBreakdown::Language,
            "channel" => FunnelBreakdown::Channel,
            "day" => FunnelBreakdown::Day,
            "hour" => FunnelBreakdown::Hour,
            "agent" => FunnelBreakdown::Agent,
            "list" => FunnelBreakdown::List,
            COLUMN => return Err(NoBreakdown),
            column => FunnelBreakdown::Column(column.strip_prefix(COLUMN).unwrap_or(column).to_owned()),
        })
    }
}

impl Serialize for FunnelBreakdown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How many leads came so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct FunnelCount {
    /// How far.
    pub stage: FunnelStage,
    /// How many.
    pub leads: u64,
    /// Of those of the stage before; `null` if there are none.
    pub of_previous: Option<f64>,
    /// Whether all of them were in the stage before, by nature.
    pub within_previous: bool,
}

/// One part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FunnelLine {
    /// Its name for programs: a day, an hour, an id, a value. Empty for leads of which it is not known, `…` for those of further
    /// parts.
    pub key: String,
    /// Its name for people, where it has another one.
    pub title: Option<String>,
    /// How many leads came how far, stage by stage.
    pub leads: Vec<u64>,
}

/// What it cost, in the campaign's currency.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct FunnelCosts {
    /// The unit costs of the campaign's file.
    pub prices: Costs,
    /// What was used.
    pub used: Usage,
    /// All of it together, what is fixed included.
    pub total: f64,
    /// For each delivered order; `null` while there is none.
    pub per_delivered_order: Option<f64>,
}

/// The whole way of a campaign.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Funnel {
    /// Whose.
    #[schema(value_type = String)]
    pub campaign: CampaignKey,
    /// When it was counted.
    pub at: Timestamp,
    /// The zone of days and hours.
    pub zone: String,
    /// What the parts are; empty: there are none.
    #[schema(value_type = String)]
    pub by: FunnelBreakdown,
    /// All leads together, stage by stage.
    pub stages: Vec<FunnelCount>,
    /// The parts: days and hours in their order, else the largest first.
    pub parts: Vec<FunnelLine>,
    /// How soon after they asked customers were called first, and what came of it.
    pub speed: Vec<FunnelSpeed>,
    /// Leads who accepted and of whom every order was refused, came back or was called off.
    pub lost: u64,
    /// Accepted without those, among connected: a refused delivery counts against it.
    pub net_conversion: Option<f64>,
    /// ISO 4217, where something can be ordered.
    pub currency: Option<String>,
    /// Orders that were delivered; of customers on no list too.
    pub delivered_orders: u64,
    /// What they are worth.
    pub delivered_value: Money,
    /// What it cost.
    pub costs: FunnelCosts,
}

/// Counts a campaign's funnel; none where there is no such campaign.
///
/// # Errors
/// What the database says; [`StoreError::Unfit`] for a column with too many values.
pub async fn funnel(
    store: &Store,
    campaign: &CampaignKey,
    by: &FunnelBreakdown,
    zone: &Zone,
    now: Timestamp,
) -> Result<Option<Funnel>, StoreError> {
    let Some(row) = store.campaign(campaign).await? else { return Ok(None) };
    let counts = store.funnel(campaign, &by.by()).await?;
    let parts = parts(store, campaign, by, zone, &counts).await?;
    let FunnelCounts { total, speed, lost, used, delivered_orders, delivered_value, .. } = counts;
    let at = |stage: FunnelStage| total[stage as usize];
    let prices = row.campaign.costs;
    let cost = prices.of(used) + prices.fixed;
    Ok(Some(Funnel {
        campaign: campaign.clone(),
        at: now,
        zone: zone.name().to_owned(),
        by: by.clone(),
        stages: stages(&total),
        parts,
        speed,
        lost,
        net_conversion: share(at(FunnelStage::Accepted).saturating_sub(lost), at(FunnelStage::Connected)),
        currency: row.campaign.order.map(|order| order.currency),
        delivered_orders,
        delivered_value,
        costs: FunnelCosts {
            prices,
            used,
            total: cost,
            per_delivered_order: (delivered_orders > 0).then(|| cost / delivered_orders as f64),
        },
    }))
}

/// A page of the leads behind a count, in the order in which they were brought in.
///
/// # Errors
/// What the database says.
pub async fn leads(
    store: &Store,
    campaign: &CampaignKey,
    stage: FunnelStage,
    (by, part): (&FunnelBreakdown, Option<&str>),
    zone: &Zone,
    after: Option<LeadId>,
    limit: usize,
) -> Result<Vec<FunnelLead>, StoreError> {
    let kind = by.by();
    let wanted = match (by, part) {
        (_, None) => None,
        // Parts that are counted together have several keys, which only a count tells.
        (FunnelBreakdown::Day | FunnelBreakdown::Hour, Some(part)) if !part.is_empty() => {
            let counts = store.funnel(campaign, &kind).await?;
            let keys = counts.parts.into_iter().map(|part| part.key);
            Some(keys.filter(|key| named(by, key, zone) == part).collect())
        }
        (_, Some(OTHERS)) => {
            let counts = store.funnel(campaign, &kind).await?;
            let shown = largest(by, sums(by, &counts, zone));
            let keys = counts.parts.into_iter().map(|part| part.key);
            Some(keys.filter(|key| !shown.iter().any(|(named, _)| named == key)).collect())
        }
        (_, Some(part)) => Some(vec![stored(by, part)]),
    };
    store.funnel_leads(campaign, stage, &kind, wanted.as_deref(), after, limit).await
}

/// The counts as a table with headings: the whole, then each part.
pub fn table(funnel: &Funnel) -> Vec<Vec<String>> {
    let heading = if funnel.by == FunnelBreakdown::Nothing { "leads".to_owned() } else { funnel.by.to_string() };
    let headings = FunnelStage::ALL.iter().map(|stage| stage.as_str().to_owned());
    let row = |name: &str, leads: &mut dyn Iterator<Item = u64>| {
        std::iter::once(name.to_owned()).chain(leads.map(|leads| leads.to_string())).collect()
    };
    let mut rows: Vec<Vec<String>> = vec![std::iter::once(heading).chain(headings).collect()];
    rows.push(row("all", &mut funnel.stages.iter().map(|stage| stage.leads)));
    for part in &funnel.parts {
        let name = match (&part.title, part.key.as_str()) {
            (Some(title), _) => title.as_str(),
            (None, "") => "(not known)",
            (None, key) => key,
        };
        rows.push(row(name, &mut part.leads.iter().copied()));
    }
    rows
}

fn stages(total: &[u64; FunnelStage::ALL.len()]) -> Vec<FunnelCount> {
    let before = std::iter::once(0).chain(total.iter().copied());
    let one = |((stage, leads), before): ((FunnelStage, u64), u64)| FunnelCount {
        stage,
        leads,
        of_previous: share(leads, before),
        within_previous: stage.is_within_previous(),
    };
    FunnelStage::ALL.into_iter().zip(total.iter().copied()).zip(before).map(one).collect()
}

fn share(part: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}

type Sums = Vec<(String, [u64; FunnelStage::ALL.len()])>;

/// The parts by the names that people tell them apart by: hours of one day are that day.
fn sums(by: &FunnelBreakdown, counts: &FunnelCounts, zone: &Zone) -> Sums {
    let mut sums = BTreeMap::<String, [u64; FunnelStage::ALL.len()]>::new();
    for part in &counts.parts {
        let sum = sums.entry(named(by, &part.key, zone)).or_default();
        sum.iter_mut().zip(part.leads).for_each(|(sum, leads)| *sum += leads);
    }
    sums.into_iter().collect()
}

/// Days and hours in their order, else the largest first and no more than are shown.
fn largest(by: &FunnelBreakdown, mut sums: Sums) -> Sums {
    if !matches!(by, FunnelBreakdown::Day | FunnelBreakdown::Hour) {
        let size = |leads: &[u64]| leads.iter().copied().max().unwrap_or(0);
        sums.sort_by(|a, b| size(&b.1).cmp(&size(&a.1)).then_with(|| a.0.cmp(&b.0)));
        sums.truncate(PARTS_SHOWN);
    }
    sums
}

async fn parts(
    store: &Store,
    campaign: &CampaignKey,
    by: &FunnelBreakdown,
    zone: &Zone,
    counts: &FunnelCounts,
) -> Result<Vec<FunnelLine>, StoreError> {
    let titles: BTreeMap<String, String> = match by {
        FunnelBreakdown::List => {
            store.list_names(campaign).await?.into_iter().map(|(id, name)| (id.to_string(), name)).collect()
        }
        FunnelBreakdown::Agent => {
            store.users().await?.into_iter().map(|user| (user.id.to_string(), user.name)).collect()
        }
        FunnelBreakdown::Nothing => return Ok(Vec::new()),
        FunnelBreakdown::Variant
        | FunnelBreakdown::Language
        | FunnelBreakdown::Channel
        | FunnelBreakdown::Day
        | FunnelBreakdown::Hour
        | FunnelBreakdown::Column(_) => BTreeMap::new(),
    };
    let shown = largest(by, sums(by, counts, zone));
    let mut rest = counts.total;
    for (_, leads) in &shown {
        rest.iter_mut().zip(leads).for_each(|(rest, leads)| *rest -= leads);
    }
    let line = |(key, leads): (String, [u64; FunnelStage::ALL.len()])| {
        let key = shown_key(by, &key);
        FunnelLine { title: titles.get(&key).cloned(), key, leads: leads.to_vec() }
    };
    let mut lines: Vec<FunnelLine> = shown.into_iter().map(line).collect();
    if rest.iter().any(|leads| *leads > 0) {
        lines.push(FunnelLine { key: OTHERS.to_owned(), title: None, leads: rest.to_vec() });
    }
    Ok(lines)
}

/// The name under which a stored key is counted.
fn named(by: &FunnelBreakdown, key: &str, zone: &Zone) -> String {
    let began = |hour: i64| Timestamp::from_millis(hour.saturating_mul(3_600_000));
    match (by, key.parse::<i64>()) {
        (FunnelBreakdown::Day, Ok(hour)) => zone.date(began(hour)).to_string(),
        (FunnelBreakdown::Hour, Ok(hour)) => format!("{:02}", zone.hour_of_day(began(hour))),
        (_, _) => key.to_owned(),
    }
}

/// Ids as everywhere else.
fn shown_key(by: &FunnelBreakdown, key: &str) -> String {
    match (by, key.parse::<i64>()) {
        (FunnelBreakdown::List, Ok(id)) => ListId(id).to_string(),
        (FunnelBreakdown::Agent, Ok(id)) => UserId(id).to_string(),
        (_, _) => key.to_owned(),
    }
}

/// The other way round.
fn stored(by: &FunnelBreakdown, part: &str) -> String {
    let id = match by {
        FunnelBreakdown::List => part.parse::<ListId>().ok().map(|id| id.0),
        FunnelBreakdown::Agent => part.parse::<UserId>().ok().map(|id| id.0),
        _ => None,
    };
    id.map_or_else(|| part.to_owned(), |id| id.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::FunnelPart;

    fn counts(parts: &[(String, u64)]) -> FunnelCounts {
        let part = |(key, leads): &(String, u64)| FunnelPart { key: key.clone(), leads: [*leads; 10] };
        let total = [parts.iter().map(|(_, leads)| leads).sum(); 10];
        FunnelCounts { total, parts: parts.iter().map(part).collect(), ..FunnelCounts::default() }
    }

    #[test]
    fn hours_are_days_and_hours_of_the_installations_clock() {
        let zone = Zone::named("Asia/Shanghai").unwrap();
        // 2026-11-22T15:00Z and an hour later, which is the next day there.
        let hour = 1_795_359_600_000_i64 / 3_600_000;
        let counts = counts(&[(hour.to_string(), 2), ((hour + 1).to_string(), 3), ((hour + 24).to_string(), 4)]);
        let of = |by| sums(&by, &counts, &zone).into_iter().map(|(key, leads)| (key, leads[0])).collect::<Vec<_>>();
        assert_eq!(of(FunnelBreakdown::Day), [("2026-11-22".into(), 2), ("2026-11-23".into(), 7)]);
        assert_eq!(of(FunnelBreakdown::Hour), [("00".into(), 3), ("23".into(), 6)]);
    }

    #[test]
    fn a_share_is_of_the_stage_before_and_nothing_is_divided_by_nothing() {
        let stages = stages(&[10, 8, 4, 6, 0, 0, 0, 0, 0, 0]);
        let shares: Vec<_> = stages.iter().map(|stage| stage.of_previous).collect();
        assert_eq!(shares[..6], [None, Some(0.8), Some(0.5), Some(1.5), Some(0.0), None]);
        assert!(stages[1].within_previous && !stages[3].within_previous);
    }

    #[test]
    fn a_word_is_a_breakdown_and_whatever_else_a_column() {
        for word in ["variant", "language", "channel", "day", "hour", "agent", "list", "column:day", "column:城市"] {
            assert_eq!(word.parse::<FunnelBreakdown>().unwrap().to_string(), word);
        }
        assert_eq!("城市".parse(), Ok(FunnelBreakdown::Column("城市".to_owned())));
        assert_eq!("".parse(), Ok(FunnelBreakdown::Nothing));
        assert_eq!("column:".parse::<FunnelBreakdown>(), Err(NoBreakdown));
        assert_eq!("x".repeat(200).parse::<FunnelBreakdown>(), Err(NoBreakdown));
    }
}
