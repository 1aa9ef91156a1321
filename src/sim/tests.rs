//! Known results and promises, by the real engine in virtual time. No clock, fixed seeds.

mod behaviour;
mod closed_form;
mod predictive;
mod queueing;
mod reading;
pub(crate) mod rehearsal;
mod threshold;
mod trials;

use std::io;

use super::run::Outcome;
use super::{Scenario, run, scenario};

/// A scenario from its text; it names no files.
fn read(text: &str) -> Scenario {
    read_with(text, &|_| Err(io::Error::from(io::ErrorKind::NotFound)))
}

fn read_with(text: &str, files: scenario::Files<'_>) -> Scenario {
    scenario::read("test.toml", text, files).unwrap_or_else(|complaints| panic!("{complaints}"))
}

fn live(text: &str) -> Outcome {
    run(&read(text), 1, false, &|| {}, None)
}

/// The figure's mean, and whether the expected value lies within its interval.
#[track_caller]
fn expect(what: &str, figure: super::figures::Figure, expected: f64) {
    let (mean, ci95) = (figure.mean.unwrap(), figure.ci95.unwrap());
    assert!((mean - expected).abs() <= ci95, "{what}: {mean} ± {ci95}, expected {expected}");
}
