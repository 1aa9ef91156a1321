//! `lull promise`: calls that were promised to customers who asked for them.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::exports::span;
use super::moment::{Moment, moment};
use super::place::Installation;
use super::{Failure, Outcome, Place, in_columns, show};
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::report::{self, PromiseFigures, PromiseReport};
use crate::store::{Owed, PromiseRow};

/// Calls that were promised to customers who asked for them.
#[derive(Debug, Subcommand)]
pub(crate) enum Promises {
    /// Lists those that are owed, the longest overdue first.
    List(List),
    /// Reports how many customers asked and were called in time, by day and channel.
    Report(Sum),
}

/// Lists promises that are owed, the longest overdue first.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only of this campaign.
    #[arg(long)]
    campaign: Option<CampaignKey>,
    /// Only those that stand like this.
    #[arg(long, value_enum)]
    state: Option<Standing>,
    /// At most so many, up to 500.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

/// How a promise that is owed stands.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Standing {
    /// In time, and not at risk.
    InTime,
    /// In time, and at risk.
    AtRisk,
    /// Its time has run out.
    Overdue,
}

/// Reports how many customers asked and were called in time.
#[derive(Debug, Args)]
pub(crate) struct Sum {
    /// Only of this campaign.
    #[arg(long)]
    campaign: Option<CampaignKey>,
    /// Who asked at or after this: 2026-11-16, 2026-11-16T08:00 or 2026-11-16T00:00:00Z; without it, all.
    #[arg(long, value_parser = moment)]
    from: Option<Moment>,
    /// Who asked before this, or on this day; without it, until now.
    #[arg(long, value_parser = moment)]
    to: Option<Moment>,
    /// Writes it to this file as CSV instead.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

impl Promises {
    pub(crate) fn run(self, place: &Place) -> Result<Outcome, Failure> {
        let installation = Installation::open(place)?;
        let (Promises::List(List { campaign, .. }) | Promises::Report(Sum { campaign, .. })) = &self;
        if let Some(campaign) = campaign {
            installation.must_know(campaign)?;
        }
        match self {
            Promises::List(list) => list.run(place, &installation),
            Promises::Report(sum) => sum.run(place, &installation),
        }
    }
}

impl List {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let now = installation.now();
        let state = self.state.map(|state| match state {
            Standing::InTime => Owed::InTime,
            Standing::AtRisk => Owed::AtRisk,
            Standing::Overdue => Owed::Overdue,
        });
        let (campaign, limit) = (self.campaign, usize::from(self.limit));
        let rows = installation
            .with_store(|store, _| async move { store.promises(campaign.as_ref(), state, None, limit).await })?;
        show(place.json, &rows, || table(&rows, now));
        Ok(Outcome::Done)
    }
}

fn table(rows: &[PromiseRow], now: Timestamp) -> String {
    if rows.is_empty() {
        return "No call is owed.".to_owned();
    }
    let head = ["promised until", "state", "campaign", "number", "customer", "channel", "asked at", "words"];
    let line = |row: &PromiseRow| {
        let minutes = (row.promised_at.as_millis() - now.as_millis()) / 60_000;
        let state = match row.owed() {
            Owed::InTime => format!("{minutes} min left"),
            Owed::AtRisk => format!("at risk, {minutes} min left"),
            Owed::Overdue => format!("overdue by {} min", -minutes),
        };
        // One line for each, whatever was written.
        let words = row.words.as_deref().unwrap_or_default();
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        vec![
            row.promised_at.to_string(),
            state,
            row.campaign.to_string(),
            row.number.to_string(),
            row.name.clone(),
            row.channel.clone(),
            row.asked_at.to_string(),
            words,
        ]
    };
    let head = head.map(str::to_owned).to_vec();
    in_columns(&std::iter::once(head).chain(rows.iter().map(line)).collect::<Vec<_>>())
}

impl Sum {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let zone = installation.zone();
        let span = span(self.from, self.to, &zone, installation.now())?;
        let campaign = self.campaign;
        let report = installation.with_store(|store, _| {
            let (campaign, zone) = (campaign.as_ref(), &zone);
            async move { report::promise_report(&store, campaign, span, zone).await }
        })?;
        if let Some(file) = self.csv {
            let written = std::fs::write(&file, report::promise_csv(&report));
            written.map_err(|error| Failure::new(format!("{}: cannot be written: {error}", file.display())))?;
            return Ok(Outcome::Done);
        }
        show(place.json, &report, || drawn(&report));
        Ok(Outcome::Done)
    }
}

fn drawn(report: &PromiseReport) -> String {
    if report.total.asked == 0 {
        return "Nobody asked to be called.".to_owned();
    }
    let head =
        ["day", "channel", "asked", "promised", "kept", "broken", "owed", "void", "talked in time", "kept of due"];
    let line = |day: String, channel: &str, figures: &PromiseFigures| {
        let share = figures.kept_share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0));
        let counts = [
            figures.asked,
            figures.promised,
            figures.kept,
            figures.broken,
            figures.owed,
            figures.void,
            figures.talked_in_time,
        ];
        let counts = counts.map(|count| count.to_string());
        [day, channel.to_owned()].into_iter().chain(counts).chain([share]).collect::<Vec<_>>()
    };
    let parts = report.parts.iter().map(|part| line(part.day.to_string(), &part.channel, &part.figures));
    let total = line("all".to_owned(), "", &report.total);
    let head = head.map(str::to_owned).to_vec();
    in_columns(&std::iter::once(head).chain(parts).chain([total]).collect::<Vec<_>>())
}
