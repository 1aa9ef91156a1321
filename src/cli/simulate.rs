//! `lull simulate`: a day of a contact centre in virtual time, by the same engine as in production.

mod trials;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Failure, Outcome, Place, show};
use crate::clock::Clock;
use crate::model::document::Complaints;
use crate::sim::checker::Violation;
use crate::sim::report::{self, Told};
use crate::sim::spans::{Spans, Watch};
use crate::sim::trace::Trace;
use crate::sim::{Policy, Scenario, page, run, scenario};

/// Simulates a day of a contact centre that a file describes. The figures go to standard output, and are the same bytes
/// for the same seed; speed and progress go to standard error. `docs/simulate.md` tells how to write a scenario.
#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// The scenario (TOML).
    #[arg(value_name = "SCENARIO", required_unless_present = "faults", conflicts_with = "faults")]
    scenario: Option<PathBuf>,
    /// Lives through short days on which things go wrong (carrier, store, crashes, clocks, agents), one for each seed, and
    /// holds what must hold after every event. Exit code 3 if something did not; the seed is told.
    #[arg(long, conflicts_with_all = ["html", "compare", "replications", "seed"])]
    faults: bool,
    /// With --faults: which days, such as 0..200.
    #[arg(long, value_name = "FROM..TO", value_parser = seeds, default_value = "0..200", requires = "faults")]
    seeds: Range<u64>,
    /// With --faults: tells the days first, every input and, marked ->, every command, a line each as JSON after the second
    /// it came at. For whoever looks into a violation.
    #[arg(long, requires = "faults")]
    story: bool,
    /// Writes a page with charts of the first day and the figures.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Runs these policies side by side on the same callers and customers: progressive, ratio, adaptive, predictive.
    #[arg(long, value_name = "POLICIES", value_delimiter = ',', value_parser = policy)]
    compare: Vec<Policy>,
    /// Days to simulate, instead of the scenario's.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    replications: Option<u32>,
    /// Seed of all chance, instead of the scenario's.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Threads to use; without it, one for each processor.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

fn policy(text: &str) -> Result<Policy, String> {
    let known = Policy::ALL.iter().find(|(name, _)| *name == text).map(|(_, policy)| *policy);
    known.ok_or_else(|| "expected progressive, ratio, adaptive or predictive".to_owned())
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let ends = text.split_once("..").and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    let seeds: Option<Range<u64>> = ends.map(|(from, to)| from..to);
    seeds.filter(|seeds| !seeds.is_empty()).ok_or_else(|| "expected two numbers that rise, such as 0..200".to_owned())
}

/// What came of each policy: figures, charts where they were asked for, and what broke an invariant on which day.
type Lived = (Vec<Told>, Vec<Option<Trace>>, Vec<(u32, Violation)>);

impl Simulate {
    pub(crate) fn run(self, place: &Place) -> Result<Outcome, Failure> {
        let Some(path) = &self.scenario else {
            if self.story {
                trials::tell(&self.seeds);
            }
            return Ok(trials::run(&self.seeds, self.threads(), place.json));
        };
        let mut scenario = match read(path) {
            Ok(scenario) => scenario,
            Err(complaints) => return Ok(complain(&complaints, place.json)),
        };
        scenario.replications = self.replications.unwrap_or(scenario.replications);
        scenario.seed = self.seed.unwrap_or(scenario.seed);
        let (told, traces, found) = self.live(&scenario, self.threads(), place.json);
        show(place.json, &report::object(&told, !self.compare.is_empty()), || report::table(&told));
        if let Some(html) = &self.html {
            let title = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            let page = page::page(&title, &told, &traces);
            std::fs::write(html, page)
                .map_err(|error| Failure::new(format!("{} cannot be written: {error}", html.display())))?;
        }
        let seed = scenario.seed;
        for (day, violation) in &found {
            eprintln!("day {day} of seed {seed}: {violation}");
            eprintln!("again: lull simulate {} --seed {seed} --replications {}", path.display(), day + 1);
        }
        Ok(if found.is_empty() { Outcome::Done } else { Outcome::Findings })
    }

    fn threads(&self) -> usize {
        let threads = self.threads.map(usize::from);
        threads.or_else(|| std::thread::available_parallelism().ok().map(usize::from)).unwrap_or(1)
    }

    /// Runs each policy in turn, and says how fast that was.
    fn live(&self, scenario: &Scenario, threads: usize, quiet: bool) -> Lived {
        let runs: Vec<(String, Scenario)> = match self.compare.as_slice() {
            [] => vec![(usual_name(scenario), scenario.clone())],
            policies => policies.iter().map(|it| (it.name().to_owned(), it.applied(scenario))).collect(),
        };
        let bar = bar(u64::from(scenario.replications) * runs.len() as u64, quiet);
        let clock = Clock::start();
        let (mut told, mut traces, mut found) = (Vec::new(), Vec::new(), Vec::new());
        let mut spans = Spans::default();
        let passed = || clock.now().instant.since(crate::model::time::Instant::ZERO);
        for (pacing, scenario) in runs {
            let outcome = run(&scenario, threads, self.html.is_some(), &|| bar.inc(1), Some(Watch(&passed)));
            spans.add(&outcome.spans);
            told.push(Told { pacing, figures: outcome.figures });
            let verdicts = outcome.verdicts.into_iter();
            found.extend(verdicts.filter_map(|(day, verdict)| Some((day, verdict.found?))));
            traces.push(outcome.trace);
        }
        bar.finish_and_clear();
        let took = passed();
        let hours: f64 = told.iter().map(|told| told.figures.simulated_hours).sum();
        let speed = hours * 3600.0 / took.as_secs_f64().max(1e-6);
        let used = threads.min(scenario.replications as usize).max(1);
        let micros = |span: Duration| span.as_secs_f64() * 1e6;
        eprintln!(
            "{hours} hours in {:.2} s: {speed:.0} times real time, {:.0} on each of {used} threads; {} inputs of the engine, each \
             decided in {:.1} µs on average, 99 of 100 within {:.0} µs, the longest in {:.0} µs",
            took.as_secs_f64(),
            speed / used as f64,
            spans.count(),
            micros(spans.mean()),
            micros(spans.within(0.99)),
            micros(spans.longest())
        );
        (told, traces, found)
    }
}

/// The pacing of all campaigns, or each one's.
fn usual_name(scenario: &Scenario) -> String {
    let mut names: Vec<&str> = scenario.outbound.iter().map(|it| Policy::of(&it.pacing).name()).collect();
    names.dedup();
    if names.is_empty() { "inbound".to_owned() } else { names.join(" + ") }
}

fn read(path: &Path) -> Result<Scenario, Complaints> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| Complaints::unreadable(&name, &error))?;
    let beside = path.parent().unwrap_or(Path::new("."));
    scenario::read(&name, &text, &|file| std::fs::read_to_string(beside.join(file)))
}

fn complain(complaints: &Complaints, json: bool) -> Outcome {
    if json {
        let error = format!("the scenario has {} mistakes", complaints.len());
        show(true, &serde_json::json!({ "error": error, "complaints": complaints.located() }), String::new);
    }
    eprint!("{}", complaints.rendered(std::io::IsTerminal::is_terminal(&std::io::stderr())));
    Outcome::Failed
}

fn bar(days: u64, quiet: bool) -> ProgressBar {
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(days), target);
    // The template is ours; one that is wrong would only leave the usual bar.
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} days, {eta} left") {
        bar.set_style(style);
    }
    bar
}
