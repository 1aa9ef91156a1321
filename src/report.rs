//! A campaign's results: sums, rates and the funnel, broken down. The same for page, API and command line.
//!
//! Read [`Report`] and [`report`] first. It defines no figure: [`Figures`] does. It names the parts, and divides.

pub mod funnel;
mod promises;

pub use promises::{PromiseFigures, PromisePart, PromiseReport, promise_csv, promise_report};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::id::{ListId, UserId};
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::model::zone::Zone;
use crate::store::{By, Figures, Part, Stage, Store, StoreError};

/// What results are broken down by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Breakdown {
    /// Days of the installation's calendar.
    #[default]
    Day,
    /// Hours of the day, 0 to 23, by the installation's clock.
    Hour,
    /// The lists that leads came with.
    List,
    /// Agents who were connected.
    Agent,
    /// The campaign's own results.
    Result,
    /// Outcomes, in the words that all campaigns share.
    Disposition,
}

impl Breakdown {
    /// All of them.
    pub const ALL: [Breakdown; 6] =
        [Breakdown::Day, Breakdown::Hour, Breakdown::List, Breakdown::Agent, Breakdown::Result, Breakdown::Disposition];

    /// As it is written and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Breakdown::Day => "day",
            Breakdown::Hour => "hour",
            Breakdown::List => "list",
            Breakdown::Agent => "agent",
            Breakdown::Result => "result",
            Breakdown::Disposition => "disposition",
        }
    }
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Whose results.
    pub campaign: CampaignKey,
    /// Of attempts that began at or after.
    pub from: Timestamp,
    /// And before.
    pub to: Timestamp,
    /// The parts.
    pub by: Breakdown,
}

/// What follows from sums by division; `null` where there is nothing to divide by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Rates {
    /// Answered among attempts that are over.
    pub answer_rate: Option<f64>,
    /// Abandoned among people who answered.
    pub abandon_rate: Option<f64>,
    /// Accepted among connected.
    pub conversion: Option<f64>,
    /// Mean time that customer and agent were connected, in seconds.
    pub mean_talk_s: Option<f64>,
}

/// One part.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ReportLine {
    /// Its name for programs: a day, an hour, an id, a code. Empty for attempts without one.
    pub key: String,
    /// Its name for people, where it has another one.
    pub title: Option<String>,
    /// Sums.
    pub figures: Figures,
    /// What follows from them.
    pub rates: Rates,
}

/// How many leads came so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct FunnelStep {
    /// How far; `null` for all leads on the campaign's lists.
    pub stage: Option<Stage>,
    /// How many.
    pub leads: u64,
    /// Of those of the step before.
    pub of_previous: Option<f64>,
}

/// A campaign's results.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Report {
    /// Whose.
    #[schema(value_type = String)]
    pub campaign: CampaignKey,
    /// Of attempts that began at or after.
    pub from: Timestamp,
    /// And before.
    pub to: Timestamp,
    /// The zone of days and hours.
    pub zone: String,
    /// The parts.
    pub by: Breakdown,
    /// All of them together.
    pub total: ReportLine,
    /// The parts: days and hours in their order, else the largest first.
    pub lines: Vec<ReportLine>,
    /// How far leads came in this time. Those on the lists are those of today, whatever the time.
    pub funnel: Vec<FunnelStep>,
}

/// Answers a question.
///
/// # Errors
/// What the database says.
pub async fn report(store: &Store, question: &Question, zone: &Zone) -> Result<Report, StoreError> {
    let Question { campaign, from, to, by } = question;
    let parts = parts(store, question, zone).await?;
    let mut total = Figures::default();
    let mut lines = Vec::with_capacity(parts.len());
    for (key, title, figures) in parts {
        total += figures;
        lines.push(line(key, title, figures));
    }
    if !matches!(by, Breakdown::Day | Breakdown::Hour) {
        lines.sort_by(|a, b| b.figures.attempts.cmp(&a.figures.attempts).then_with(|| a.key.cmp(&b.key)));
    }
    Ok(Report {
        campaign: campaign.clone(),
        from: *from,
        to: *to,
        zone: zone.name().to_owned(),
        by: *by,
        total: line(String::new(), None, total),
        lines,
        funnel: funnel(store.lead_total(campaign).await?, &total),
    })
}

async fn parts(
    store: &Store,
    question: &Question,
    zone: &Zone,
) -> Result<Vec<(String, Option<String>, Figures)>, StoreError> {
    let Question { campaign, from, to, by } = question;
    let by = match by {
        Breakdown::Day => {
            let days = store.figures_by_day(campaign, *from, *to, zone).await?;
            return Ok(days.into_iter().map(|(day, figures)| (day.to_string(), None, figures)).collect());
        }
        Breakdown::Hour => By::Hour,
        Breakdown::List => By::List,
        Breakdown::Agent => By::Agent,
        Breakdown::Result => By::Result,
        Breakdown::Disposition => By::Disposition,
    };
    let mut sums: BTreeMap<Part, Figures> = BTreeMap::new();
    for (part, figures) in store.figures(campaign, *from, *to, by).await? {
        let part = match part {
            Part::Number(hour) if by == By::Hour => {
                let began = Timestamp::from_millis(hour.saturating_mul(3_600_000));
                Part::Number(i64::from(zone.hour_of_day(began)))
            }
            other => other,
        };
        *sums.entry(part).or_default() += figures;
    }
    let titles: BTreeMap<String, String> = match by {
        By::List => store.list_names(campaign).await?.into_iter().map(|(id, name)| (id.to_string(), name)).collect(),
        By::Agent => store.users().await?.into_iter().map(|user| (user.id.to_string(), user.name)).collect(),
        By::Result => {
            let row = store.campaign(campaign).await?;
            let results = row.map(|row| row.campaign.results).unwrap_or_default();
            results.into_iter().map(|result| (result.key, result.title)).collect()
        }
        By::Hour | By::Disposition => BTreeMap::new(),
    };
    let named = |part: Part| match part {
        Part::Word(word) => word,
        // Ids as everywhere else; none of them is 0.
        Part::Number(0) if by != By::Hour => String::new(),
        Part::Number(id) if by == By::List => ListId(id).to_string(),
        Part::Number(id) if by == By::Agent => UserId(id).to_string(),
        Part::Number(hour) => format!("{hour:02}"),
    };
    let parts = sums.into_iter().map(|(part, figures)| {
        let key = named(part);
        let title = titles.get(&key).cloned();
        (key, title, figures)
    });
    Ok(parts.collect())
}

fn line(key: String, title: Option<String>, figures: Figures) -> ReportLine {
    let rates = Rates {
        answer_rate: figures.answer_rate(),
        abandon_rate: figures.abandon_rate(),
        conversion: figures.conversion(),
        mean_talk_s: figures.mean_talk_ms().map(|ms| ms as f64 / 1e3),
    };
    ReportLine { key, title, figures, rates }
}

fn funnel(leads: u64, total: &Figures) -> Vec<FunnelStep> {
    let reached = Stage::ALL.map(|stage| {
        let leads = match stage {
            Stage::Dialled => total.leads_dialled,
            Stage::Answered => total.leads_answered,
            Stage::Connected => total.leads_connected,
            Stage::Accepted => total.accepted,
        };
        (Some(stage), leads)
    });
    let mut before: Option<u64> = None;
    let mut steps = Vec::with_capacity(reached.len() + 1);
    for (stage, leads) in std::iter::once((None, leads)).chain(reached) {
        let of_previous = before.filter(|before| *before > 0).map(|before| leads as f64 / before as f64);
        steps.push(FunnelStep { stage, leads, of_previous });
        before = Some(leads);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_of_the_funnel_is_a_share_of_the_one_before_and_nothing_is_divided_by_nothing() {
        let total =
            Figures { leads_dialled: 40, leads_answered: 20, leads_connected: 10, accepted: 3, ..Figures::default() };
        let steps: Vec<_> = funnel(80, &total).iter().map(|step| (step.leads, step.of_previous)).collect();
        assert_eq!(steps, [(80, None), (40, Some(0.5)), (20, Some(0.5)), (10, Some(0.5)), (3, Some(0.3))]);
        assert!(funnel(0, &Figures::default()).iter().all(|step| step.of_previous.is_none()));
    }
}
