//! `lull whatif`: what a setting would have done, on recorded traffic.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::moment::{Moment, moment};
use super::place::load;
use super::{Failure, Outcome, Place, show};
use crate::clock::Clock;
use crate::model::name::CampaignKey;
use crate::model::zone::Zone;
use crate::whatif::{self, Ask, KEYS, Progress, REPLICATIONS, WhatifError};

/// Where nobody says from when: a week.
const SPAN: Duration = Duration::from_secs(7 * 86_400);

/// Lives through recorded traffic of a campaign again, as it was and with a setting changed, and compares. Callers, agents and
/// customers are those of the journals; nothing is dialled and nothing is changed. `docs/whatif.md` tells what the figures
/// mean and when not to trust them.
#[derive(Debug, Args)]
#[command(after_help = after_help())]
pub(crate) struct Whatif {
    /// The campaign.
    #[arg(value_name = "CAMPAIGN")]
    campaign: CampaignKey,
    /// From when: 2026-11-16, 2026-11-16T08:00 (in the zone of the installation) or 2026-11-16T00:00:00Z; without it, a week.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Moment>,
    /// Until when; a day is until its end. Without it, until now.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Moment>,
    /// Writes a page with the figures and charts.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// How often each setting is lived through.
    #[arg(long, value_name = "N", default_value_t = REPLICATIONS,
        value_parser = clap::value_parser!(u32).range(2..=i64::from(whatif::REPLICATIONS_MAX)))]
    replications: u32,
    /// Seed of all chance: the same gives the same figures.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Threads to use; without it, one for each processor.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

fn after_help() -> String {
    let keys: Vec<&str> = KEYS.iter().map(|(key, _)| *key).collect();
    format!(
        "Examples:\n  \
         lull whatif family-plan --from 2026-11-16 --to 2026-11-20 --set idle_threshold=0.2\n  \
         lull whatif family-plan --set pacing=ratio --set lines_per_agent=1.5 --html whatif.html\n  \
         lull whatif family-plan            how well the rehearsal fits the last week, nothing changed\n\n\
         Keys of --set here, as in the configuration and the campaign file: {}. A key with a dot, such as data.directory, is \
         one of the configuration.\n\n\
         Exit codes: 0 done, 1 failure, 2 wrong usage, 3 the rehearsal does not come close to what was recorded: do not trust \
         the difference.",
        keys.join(", ")
    )
}

impl Whatif {
    pub(crate) fn run(self, place: &Place) -> Result<Outcome, Failure> {
        let (changes, place) = split(place)?;
        let config = load(&place)?;
        let zone = Zone::named(&config.settings().zone).unwrap_or_else(|_| Zone::utc());
        let to = match self.to {
            Some(to) => to.at(&zone, true)?,
            None => Clock::start().now().timestamp,
        };
        let from = self.from.map_or(Ok(to - SPAN), |from| from.at(&zone, false))?;
        let threads = self.threads.map(usize::from);
        let threads = threads.or_else(|| std::thread::available_parallelism().ok().map(usize::from)).unwrap_or(1);
        let (campaign, replications, seed) = (self.campaign, self.replications, self.seed);
        let ask = Ask { campaign, from, to, changes, replications, seed, threads };
        let bar = bar(place.json);
        let told = whatif::ask(&config.data.directory.join("journal"), &ask, &AtomicBool::new(false), &|progress| {
            move_to(&bar, progress);
        });
        bar.finish_and_clear();
        let told = told.map_err(|error| match error {
            WhatifError::Change(complaints) => {
                let colour = std::io::IsTerminal::is_terminal(&std::io::stderr());
                Failure::new(format!("the change is wrong\n{}", complaints.rendered(colour).trim_end()))
            }
            other => Failure::from(other),
        })?;
        show(place.json, &told, || whatif::table(&told));
        if let Some(html) = &self.html {
            std::fs::write(html, whatif::page(&told))
                .map_err(|error| Failure::new(format!("{} cannot be written: {error}", html.display())))?;
        }
        Ok(if told.comparison.matches { Outcome::Done } else { Outcome::Findings })
    }
}

/// What is asked about, and what is the configuration's: its keys have a dot.
fn split(place: &Place) -> Result<(Vec<(String, String)>, Place), Failure> {
    let mut changes = Vec::new();
    let mut set = Vec::new();
    for pair in &place.set {
        match pair.split_once('=') {
            Some((key, _)) if key.contains('.') => set.push(pair.clone()),
            Some((key, value)) => changes.push((key.trim().to_owned(), value.trim().to_owned())),
            None => return Err(Failure::new(format!("--set {pair}: expected KEY=VALUE such as idle_threshold=0.2"))),
        }
    }
    Ok((changes, Place { config: place.config.clone(), set, json: place.json }))
}

fn bar(quiet: bool) -> ProgressBar {
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(0), target);
    // The template is ours; one that is wrong would only leave the usual bar.
    if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {percent} %, {eta} left") {
        bar.set_style(style);
    }
    bar
}

fn move_to(bar: &ProgressBar, progress: Progress) {
    let (what, done, of) = match progress {
        Progress::Reading { done, of } => ("reading journals", done, of),
        Progress::Rehearsing { done, of } => ("rehearsing", done, of),
    };
    if bar.message() != what {
        bar.reset();
        bar.set_message(what);
    }
    bar.set_length(of);
    bar.set_position(done);
}
