//! Running a scenario: its days side by side on the processors there are, always with the same result.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use super::figures::{Day, Figures};
use super::scenario::Scenario;
use super::trace::Trace;
use super::world::World;
use crate::model::campaign::{Adaptive, Pacing, RatioOn};

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
}

impl Policy {
    /// All of them, by name.
    pub const ALL: [(&'static str, Policy); 4] = [
        ("progressive", Policy::Progressive),
        ("ratio", Policy::Ratio),
        ("adaptive", Policy::Adaptive),
        ("predictive", Policy::Predictive),
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
}

/// Runs all days of a scenario on so many threads.
pub fn run(scenario: &Scenario, threads: usize, charts: bool, progress: Progress<'_>) -> Outcome {
    let next = AtomicU32::new(0);
    let lived: Mutex<Vec<(u32, Day, Option<Trace>)>> = Mutex::default();
    let work = || {
        loop {
            let replication = next.fetch_add(1, Ordering::Relaxed);
            if replication >= scenario.replications {
                break;
            }
            let world = World::new(scenario, replication);
            let world = if charts && replication == 0 { world.traced() } else { world };
            let (day, trace) = world.run();
            if let Ok(mut lived) = lived.lock() {
                lived.push((replication, day, trace));
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
    lived.sort_by_key(|(replication, _, _)| *replication);
    let trace = lived.first_mut().and_then(|(_, _, trace)| trace.take());
    let days: Vec<Day> = lived.into_iter().map(|(_, day, _)| day).collect();
    let hours_each = (scenario.warm_up_s + scenario.duration_s) / 3600.0;
    Outcome { figures: Figures::of(&days, hours_each), days, trace }
}
