//! `lull funnel`: the whole way of a campaign's customers, from the message to the delivery.

use std::fmt::Write as _;

use clap::Args;

use super::place::Installation;
use super::{Failure, Outcome, Place, in_columns, show};
use crate::export::csv_of;
use crate::model::id::LeadId;
use crate::model::name::CampaignKey;
use crate::report::funnel::{self, Funnel, FunnelBreakdown, table};
use crate::store::{FunnelLead, FunnelStage};

/// Leads of a stage that are read at once.
const PAGE: usize = 1000;

/// The whole way of a campaign's customers, from the message to the delivery, and what it cost. docs/funnel.md tells more.
#[derive(Debug, Args)]
pub(crate) struct FunnelCommand {
    /// The campaign.
    campaign: CampaignKey,
    /// Breaks it down: variant, language, channel, day or hour (of the reply), agent, list, or a column of the list.
    #[arg(long, default_value = "")]
    by: FunnelBreakdown,
    /// Prints the counts as CSV.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Lists the leads that came so far instead: audience, sent, received, responded, registered, dialled, answered, connected,
    /// accepted or delivered.
    #[arg(long)]
    stage: Option<FunnelStage>,
    /// Of that stage only those in this part, by its key.
    #[arg(long, requires = "stage")]
    part: Option<String>,
}

impl FunnelCommand {
    pub(crate) fn run(self, place: &Place) -> Result<Outcome, Failure> {
        let installation = Installation::open(place)?;
        installation.must_know(&self.campaign)?;
        match self.stage {
            Some(stage) => self.list(place, &installation, stage),
            None => self.count(place, &installation),
        }
    }

    fn count(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let zone = installation.zone();
        let FunnelCommand { campaign, by, csv, .. } = self;
        let key = campaign.clone();
        let counted =
            installation.with_store(|store, now| async move { funnel::funnel(&store, &key, &by, &zone, now).await })?;
        let counted = counted.ok_or_else(|| Failure::new(format!("there is no campaign `{campaign}`")))?;
        show(place.json, &counted, || if csv { csv_of(&table(&counted)) } else { told(&counted) });
        Ok(Outcome::Done)
    }

    fn list(self, place: &Place, installation: &Installation, stage: FunnelStage) -> Result<Outcome, Failure> {
        if self.by == FunnelBreakdown::Nothing && self.part.is_some() {
            return Err(Failure::new("--part: expected --by as well"));
        }
        let zone = installation.zone();
        let FunnelCommand { campaign, by, csv, part, .. } = self;
        let rows = installation.with_store(|store, _| async move {
            let mut rows: Vec<FunnelLead> = Vec::new();
            loop {
                let after: Option<LeadId> = rows.last().map(|row| row.lead);
                let wanted = (&by, part.as_deref());
                let page = funnel::leads(&store, &campaign, stage, wanted, &zone, after, PAGE).await?;
                let end = page.len() < PAGE;
                rows.extend(page);
                if end {
                    return Ok(rows);
                }
            }
        })?;
        let cells = |row: &FunnelLead| {
            vec![row.lead.to_string(), row.number.to_string(), row.name.clone(), row.state.as_str().to_owned()]
        };
        show(place.json, &rows, || {
            if csv {
                let headings = ["lead", "number", "name", "state"].map(str::to_owned).to_vec();
                return csv_of(&std::iter::once(headings).chain(rows.iter().map(cells)).collect::<Vec<_>>());
            }
            if rows.is_empty() {
                return "nobody came so far.".to_owned();
            }
            in_columns(&rows.iter().map(cells).collect::<Vec<_>>())
        });
        Ok(Outcome::Done)
    }
}

fn told(funnel: &Funnel) -> String {
    let share = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", share * 100.0));
    let mut rows = vec![vec!["leads".to_owned(), String::new(), "of the stage before".to_owned()]];
    rows.extend(funnel.stages.iter().map(|one| {
        let of = share(one.of_previous);
        // A share of people of whom some were not there says something else.
        let of = if one.within_previous || one.of_previous.is_none() { of } else { format!("({of})") };
        vec![one.stage.as_str().to_owned(), one.leads.to_string(), of]
    }));
    let mut text = in_columns(&rows);
    text.push_str("\n(in brackets: not all of them were in the stage before)\n");
    if !funnel.parts.is_empty() {
        let _ = write!(text, "\n{}\n", in_columns(&table(funnel)));
    }
    if !funnel.speed.is_empty() {
        let mut rows = vec![["called within", "leads", "accepted", ""].map(str::to_owned).to_vec()];
        rows.extend(funnel.speed.iter().map(|speed| {
            let within =
                speed.within_minutes.map_or_else(|| "not called".to_owned(), |minutes| format!("{minutes} min"));
            let of = (speed.leads > 0).then(|| speed.accepted as f64 / speed.leads as f64);
            vec![within, speed.leads.to_string(), speed.accepted.to_string(), share(of)]
        }));
        let _ = write!(text, "\n{}\n", in_columns(&rows));
    }
    let _ = writeln!(
        text,
        "\nnet conversion: {} (accepted without {} whose orders were refused, came back or were called off, of connected)",
        share(funnel.net_conversion),
        funnel.lost
    );
    let currency = funnel.currency.as_deref().unwrap_or_default();
    let costs = &funnel.costs;
    let _ = writeln!(
        text,
        "used: {} SMS, {} dials, {:.1} minutes of talk, {} deliveries",
        costs.used.sms,
        costs.used.dials,
        costs.used.talk_ms as f64 / 60_000.0,
        costs.used.deliveries
    );
    let each = costs.per_delivered_order.map_or_else(|| "–".to_owned(), |cost| format!("{cost:.2} {currency}"));
    let _ = writeln!(
        text,
        "cost: {:.2} {currency}; for each of {} delivered orders: {each}; they are worth {} {currency}",
        costs.total, funnel.delivered_orders, funnel.delivered_value
    );
    text
}
