//! `lull results`: what became of calls, as figures, and as files for people who work with spreadsheets.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

use super::exports::{How, span};
use super::moment::{Moment, moment};
use super::place::Installation;
use super::{Failure, Outcome, Place, bar, in_columns, show};
use crate::export::Kind;
use crate::model::name::CampaignKey;
use crate::model::recording::Recorded;
use crate::report::{self, Breakdown, Question, Report, ReportLine};
use crate::store::{Figures, Found, Search};

/// Shows what became of a campaign's calls, and writes it to a file.
#[derive(Debug, Subcommand)]
pub(crate) enum Results {
    /// Shows sums, rates and the funnel, by day, hour, list, agent, result or disposition.
    Show(ShowFigures),
    /// Looks for a text in what agents wrote: notes, and answers of the questionnaire.
    Search(SearchFor),
    /// Counts all attempts again and compares the figures with them.
    Recount(Recount),
    /// Writes one row for each call: when, whom, what became of it, the agent's result and the customer's answers.
    Export(Export),
}

/// Writes one row for each call, in the order in which they began; `lull export` writes other files too.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The campaign.
    campaign: CampaignKey,
    /// The file: its name ends in .csv or .xlsx.
    file: PathBuf,
    #[command(flatten)]
    how: How,
}

/// Shows a campaign's results.
#[derive(Debug, Args)]
pub(crate) struct ShowFigures {
    /// The campaign.
    campaign: CampaignKey,
    /// Attempts that began at or after this: 2026-11-16, 2026-11-16T08:00 or 2026-11-16T00:00:00Z; without it, all.
    #[arg(long, value_parser = moment)]
    from: Option<Moment>,
    /// Attempts that began before this, or on this day; without it, until now.
    #[arg(long, value_parser = moment)]
    to: Option<Moment>,
    /// The parts.
    #[arg(long, default_value = Breakdown::Day.as_str(), value_parser = breakdown())]
    by: Breakdown,
}

/// Looks for a text in what agents wrote, the latest first.
#[derive(Debug, Args)]
pub(crate) struct SearchFor {
    /// The campaign.
    campaign: CampaignKey,
    /// What to look for, in upper or lower case; with --question, an empty one finds every answer.
    text: String,
    /// Only in the answer to this question, by its key.
    #[arg(long, value_name = "KEY")]
    question: Option<String>,
    /// Results that were recorded at or after this: 2026-11-16, 2026-11-16T08:00 or 2026-11-16T00:00:00Z; without it, all.
    #[arg(long, value_parser = moment)]
    from: Option<Moment>,
    /// Results that were recorded before this, or on this day; without it, until now.
    #[arg(long, value_parser = moment)]
    to: Option<Moment>,
    /// Only of calls with a recording that can be heard (yes), that need none (no), or whose recording is missing.
    #[arg(long, value_name = "yes|no|missing")]
    recording: Option<Recorded>,
    /// At most so many.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    limit: u16,
}

/// Counts all attempts of a campaign again.
#[derive(Debug, Args)]
pub(crate) struct Recount {
    /// The campaign.
    campaign: CampaignKey,
}

/// Reads a breakdown, and names them all in the help.
fn breakdown() -> impl TypedValueParser<Value = Breakdown> {
    let words = PossibleValuesParser::new(Breakdown::ALL.map(Breakdown::as_str));
    words.map(|word| Breakdown::ALL.into_iter().find(|by| by.as_str() == word).unwrap_or_default())
}

impl Results {
    pub(crate) fn run(self, place: &Place) -> Result<Outcome, Failure> {
        let installation = Installation::open(place)?;
        let (Results::Show(ShowFigures { campaign, .. })
        | Results::Recount(Recount { campaign })
        | Results::Search(SearchFor { campaign, .. })
        | Results::Export(Export { campaign, .. })) = &self;
        installation.must_know(campaign)?;
        match self {
            Results::Show(show) => show.run(place, &installation),
            Results::Search(search) => search.run(place, &installation),
            Results::Recount(recount) => recount.run(place, &installation),
            Results::Export(Export { campaign, file, how }) => {
                how.write(place, &installation, (Kind::Calls, None), Some(campaign), file)
            }
        }
    }
}

impl ShowFigures {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let zone = installation.zone();
        let (from, to) = span(self.from, self.to, &zone, installation.now())?;
        let question = Question { campaign: self.campaign, from, to, by: self.by };
        let report = installation.with_store(|store, _| {
            let (question, zone) = (&question, &zone);
            async move { report::report(&store, question, zone).await }
        })?;
        show(place.json, &report, || drawn(&report));
        Ok(Outcome::Done)
    }
}

impl SearchFor {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let SearchFor { campaign, text, question, from, to, recording, limit } = self;
        if text.trim().is_empty() && question.is_none() {
            return Err(Failure::new("the text is empty: expected something to look for, or --question KEY"));
        }
        let (from, to) = span(from, to, &installation.zone(), installation.now())?;
        let search = Search { campaign, text, question, from, to, recorded: recording };
        let limit = usize::from(limit);
        let (found, looked_through) = installation.with_store(|store, _| {
            let search = &search;
            async move {
                let (mut found, mut looked_through, mut next) = (Vec::new(), 0, None);
                loop {
                    let page = store.search_results(search, next.as_ref(), limit - found.len()).await?;
                    found.extend(page.found);
                    looked_through += page.looked_through;
                    next = page.next;
                    if next.is_none() || found.len() >= limit {
                        return Ok((found, looked_through));
                    }
                }
            }
        })?;
        show(place.json, &found, || told(&found, looked_through));
        Ok(Outcome::Done)
    }
}

/// What was found, as people read it.
fn told(found: &[Found], looked_through: u64) -> String {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = |one: &Found| {
        let said = &one.said;
        let answers = one.in_answers.iter().filter_map(|key| Some(format!("{key}: {}", said.answers.get(key)?)));
        let note = one.in_note.then(|| said.note.clone());
        let text: Vec<String> = note.into_iter().chain(answers).map(|text| one_line(&text)).collect();
        let who = said.number.as_deref().unwrap_or_default();
        format!("{} {who} {} {}  {}\n", said.at, said.name, said.result, text.join("; "))
    };
    let lines: String = found.iter().map(line).collect();
    format!("{lines}{} found in {looked_through} results.", found.len())
}

/// The report as people read it.
fn drawn(report: &Report) -> String {
    let share = |rate: Option<f64>| rate.map_or_else(|| "–".to_owned(), |rate| format!("{:.1} %", 100.0 * rate));
    let row = |line: &ReportLine| {
        let Figures { attempts, answered, connected, abandoned, accepted, .. } = line.figures;
        let name = match (&line.title, line.key.as_str()) {
            (Some(title), _) => title.clone(),
            (None, "") => "(none)".to_owned(),
            (None, key) => key.to_owned(),
        };
        let talk = line.rates.mean_talk_s.map_or_else(|| "–".to_owned(), |seconds| format!("{seconds:.0} s"));
        let counts = [attempts, answered, connected, abandoned, accepted].map(|count| count.to_string());
        let mut cells = vec![name];
        cells.extend(counts);
        cells.extend([
            share(line.rates.answer_rate),
            share(line.rates.abandon_rate),
            share(line.rates.conversion),
            talk,
        ]);
        cells
    };
    let mut table = vec![
        [report.by.as_str(), "attempts", "answered", "connected", "abandoned", "accepted"]
            .into_iter()
            .chain(["answer rate", "abandon rate", "conversion", "mean talk"])
            .map(str::to_owned)
            .collect(),
    ];
    table.extend(report.lines.iter().map(row));
    table.push(row(&ReportLine { title: Some("all".to_owned()), ..report.total.clone() }));
    let mut text = in_columns(&table);
    let steps = report.funnel.iter().map(|step| {
        let stage = step.stage.as_ref().map_or_else(|| "on the lists".to_owned(), crate::model::word::word);
        vec![stage, step.leads.to_string(), share(step.of_previous)]
    });
    text.push_str("\n\n");
    text.push_str(&in_columns(
        &std::iter::once(vec!["leads".to_owned(), String::new(), "of the step before".to_owned()])
            .chain(steps)
            .collect::<Vec<_>>(),
    ));
    text
}

impl Recount {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let bar = bar(place.json);
        let mut told = |done: u64, of: u64| {
            bar.set_length(of);
            bar.set_position(done);
        };
        let campaign = self.campaign;
        let recount = installation.with_store(|store, _| {
            let (campaign, told) = (&campaign, &mut told);
            async move { store.recount(campaign, told).await }
        })?;
        bar.finish_and_clear();
        show(place.json, &recount, || match recount.wrong.len() {
            0 => {
                format!(
                    "Counted again (attempts: {}, hours: {}): all figures are right.",
                    recount.attempts, recount.hours
                )
            }
            wrong => format!(
                "Counted again (attempts: {}, hours: {}): {wrong} hours were wrong and are mended.",
                recount.attempts, recount.hours
            ),
        });
        Ok(if recount.wrong.is_empty() { Outcome::Done } else { Outcome::Findings })
    }
}
