//! `lull simulate --faults`: days on which things go wrong, one for each seed.

use std::ops::Range;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::{Outcome, show};
use crate::clock::Clock;
use crate::model::time::Instant;
use crate::sim::faults;
use crate::sim::run::{self, Tried};

/// Tells what happens on these days, one after the other, to standard output.
pub(super) fn tell(seeds: &Range<u64>) {
    for seed in seeds.clone() {
        let scenario = faults::day(seed);
        line(&format!("seed {seed}: {:?}", scenario.faults));
        run::told(&scenario, line);
    }
}

fn line(text: &str) {
    println!("{text}");
}

/// Lives through them and tells what was found. Violations go to standard output; progress to standard error.
pub(super) fn run(seeds: &Range<u64>, threads: usize, quiet: bool) -> Outcome {
    let bar = bar(seeds.end - seeds.start, quiet);
    let clock = Clock::start();
    let tried = run::trials(seeds.clone(), threads, &|tried| {
        bar.inc(1);
        if let Some(text) = violation(tried) {
            bar.suspend(|| eprintln!("{text}"));
        }
    });
    bar.finish_and_clear();
    let took_s = clock.now().instant.since(Instant::ZERO).as_secs_f64();
    let found: Vec<&Tried> = tried.iter().filter(|tried| tried.verdict.found.is_some()).collect();
    let hours = tried.iter().map(|tried| tried.simulated_s).sum::<f64>() / 3600.0;
    let dials: u64 = tried.iter().map(|tried| tried.verdict.dials).sum();
    let crashes: u64 = tried.iter().map(|tried| tried.verdict.crashes).sum();
    let violations: Vec<_> = found
        .iter()
        .filter_map(|tried| {
            let found = tried.verdict.found.as_ref()?;
            let (rule, what, at) = (found.rule, &found.what, found.at.instant.as_secs_f64());
            Some(serde_json::json!({ "seed": tried.seed, "rule": rule, "what": what, "at_s": at, "again": again(tried) }))
        })
        .collect();
    let object = serde_json::json!({
        "seeds": tried.len(),
        "simulated_hours": hours,
        "dials": dials,
        "crashes": crashes,
        "violations": violations,
        "took_s": took_s,
    });
    show(quiet, &object, || {
        format!(
            "{} seeds, {hours} simulated hours, {dials} dials, {crashes} crashes: {} violations in {took_s:.1} s",
            tried.len(),
            found.len(),
        )
    });
    if found.is_empty() { Outcome::Done } else { Outcome::Findings }
}

fn violation(tried: &Tried) -> Option<String> {
    let found = tried.verdict.found.as_ref()?;
    Some(format!("seed {}: {found}\n  again: {}", tried.seed, again(tried)))
}

/// The command that shows it again.
fn again(tried: &Tried) -> String {
    format!("lull simulate --faults --seeds {}..{}", tried.seed, tried.seed + 1)
}

fn bar(seeds: u64, quiet: bool) -> ProgressBar {
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(seeds), target);
    // The template is ours; one that is wrong would only leave the usual bar.
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} seeds, {eta} left") {
        bar.set_style(style);
    }
    bar
}
