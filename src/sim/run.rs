//! Running a scenario: its days side by side on the processors there are, always with the same result.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::checker::Violation;
use super::faults;
use super::figures::{Day, Figures};
use super::scenario::Scenario;
use super::spans::{Spans, Watch};
use super::trace::Trace;
use super::world::{Lived, Verdict, World};
use crate::model::campaign::{Adaptive, Pacing, Preview, RatioOn};
use crate::model::time::Now;

/// Lines per agent of `ratio` where the scenario does not say how many.
const RATIO_LINES: f64 = 1.5;

/// A policy of dialling that a scenario can be run under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// `progressive`.
    Progressive,
    /// `ratio`.
    Ratio,
    /// `adaptive`.
    Adaptive,
    /// `predictive`.
    Predictive,
    /// An agent sees each lead first.
    Preview,
}

impl Policy {
    /// All of them, by name.
    pub const ALL: [(&'static str, Policy); 5] = [
        ("progressive", Policy::Progressive),
        ("ratio", Policy::Ratio),
        ("adaptive", Policy::Adaptive),
        ("predictive", Policy::Predictive),
        ("preview", Policy::Preview),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Policy::ALL.iter().find(|(_, policy)| *policy == self).map_or("", |(name, _)| name)
    }

    /// Of a pacing.
    pub fn of(pacing: &Pacing) -> Policy {
        match pacing {
            Pacing::Progressive { .. } => Policy::Progressive,
            Pacing::Ratio { .. } => Policy::Ratio,
            Pacing::Adaptive { .. } => Policy::Adaptive,
            Pacing::Predictive { .. } => Policy::Predictive,
            Pacing::Preview(_) => Policy::Preview,
        }
    }

    /// The scenario under this policy: with a campaign's own parameters where it has this policy already, else with the
    /// usual ones.
    pub fn applied(self, scenario: &Scenario) -> Scenario {
        let ringing_max = None;
        let usual = match self {
            Policy::Progressive => Pacing::Progressive { ringing_max },
            Policy::Ratio => Pacing::Ratio {
                lines_per_agent: RATIO_LINES,
                min_idle_total: 0,
                on: RatioOn::EveryEvent,
                ringing_max,
                within_budget: false,
                restarts: false,
            },
            Policy::Predictive => Pacing::Predictive { ringing_max },
            Policy::Preview => Pacing::Preview(Preview::default()),
            Policy::Adaptive => Pacing::Adaptive { rules: Adaptive::default(), ringing_max, within_budget: false },
        };
        let mut scenario = scenario.clone();
        for campaign in scenario.outbound.iter_mut().filter(|campaign| Policy::of(&campaign.pacing) != self) {
            campaign.pacing = usual.clone();
        }
        scenario
    }
}

/// Told after each day, from whichever thread lived it.
pub type Progress<'p> = &'p (dyn Fn() + Sync);

/// What came of a scenario.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Each day, in order.
    pub days: Vec<Day>,
    /// All days together.
    pub figures: Figures,
    /// The first day's moments, if charts were asked for.
    pub trace: Option<Trace>,
    /// What the checker found on each day of a trial.
    pub verdicts: Vec<(u32, Verdict)>,
    /// How long the engine took over each input, by the watch that was given.
    pub spans: Spans,
}

/// Runs all days of a scenario on so many threads.
pub fn run(
    scenario: &Scenario,
    threads: usize,
    charts: bool,
    progress: Progress<'_>,
    watch: Option<Watch<'_>>,
) -> Outcome {
    let next = AtomicU32::new(0);
    let lived: Mutex<Vec<(u32, Lived)>> = Mutex::default();
    let work = || {
        loop {
            let replication = next.fetch_add(1, Ordering::Relaxed);
            if replication >= scenario.replications {
                break;
            }
            let world = World::new(scenario, replication).watched(watch);
            let world = if charts && replication == 0 { world.traced() } else { world };
            let it = world.run();
            if let Ok(mut lived) = lived.lock() {
                lived.push((replication, it));
            }
            progress();
        }
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.max(1)).map(|_| scope.spawn(work)).collect();
        work();
        drop(others); // joined at the end of the scope, where a panic of one becomes ours
    });
    let mut lived = lived.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    lived.sort_by_key(|(replication, _)| *replication);
    let trace = lived.first_mut().and_then(|(_, lived)| lived.trace.take());
    let verdicts =
        lived.iter().filter_map(|(replication, lived)| Some((*replication, lived.verdict.clone()?))).collect();
    let mut spans = Spans::default();
    lived.iter().for_each(|(_, lived)| spans.add(&lived.spans));
    let days: Vec<Day> = lived.into_iter().map(|(_, lived)| lived.day).collect();
    let hours_each = (scenario.warm_up_s + scenario.duration_s) / 3600.0;
    Outcome { figures: Figures::of(&days, hours_each), days, trace, verdicts, spans }
}

/// What came of one seed.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The seed.
    pub seed: u64,
    /// How it ended.
    pub verdict: Verdict,
    /// Simulated, in seconds.
    pub simulated_s: f64,
}

/// Lives through the trials of these seeds, on so many threads; in the order of the seeds.
pub fn trials(seeds: Range<u64>, threads: usize, progress: &(dyn Fn(&Tried) + Sync)) -> Vec<Tried> {
    let next = AtomicU64::new(seeds.start);
    let lived: Mutex<Vec<Tried>> = Mutex::default();
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            let tried = trial(seed);
            progress(&tried);
            if let Ok(mut lived) = lived.lock() {
                lived.push(tried);
            }
        }
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.max(1)).map(|_| scope.spawn(work)).collect();
        work();
        drop(others); // joined at the end of the scope
    });
    let mut lived = lived.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    lived.sort_by_key(|tried| tried.seed);
    lived
}

/// Lives through the first day of a scenario and tells every input and every command, a line each.
pub fn told(scenario: &Scenario, story: fn(&str)) {
    // A panic of the engine ends the story; whoever lives through the trial again is told of it.
    let _ = catch_unwind(AssertUnwindSafe(|| World::new(scenario, 0).told(story).run()));
}

/// Lives through the trial of a seed. A panic of the engine is a violation like any other.
pub fn trial(seed: u64) -> Tried {
    let scenario = faults::day(seed);
    let lived = catch_unwind(AssertUnwindSafe(|| World::new(&scenario, 0).run().verdict));
    let verdict = lived.ok().flatten().unwrap_or_else(|| {
        let what = "the engine panicked".to_owned();
        let found = Some(Violation { rule: "panic", what, at: Now::default() });
        Verdict { found, dials: 0, crashes: 0 }
    });
    Tried { seed, verdict, simulated_s: scenario.warm_up_s + scenario.duration_s }
}
