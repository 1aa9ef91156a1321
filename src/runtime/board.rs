//! When pictures of the engine are taken, and what of them is kept for the charts.

use std::time::Duration;

use super::handle::{BoardSample, Driver, GroupSample};
use crate::engine::Engine;
use crate::engine::snapshot::Snapshot;
use crate::model::time::{Instant, Now};

/// Shortest time between two pictures: faster than a person reads, slow enough to cost nothing.
const PICTURE_EVERY: Duration = Duration::from_millis(250);
/// Time between two samples of the charts.
const SAMPLE_EVERY: Duration = Duration::from_secs(2);

/// Keeps the times.
#[derive(Debug, Default)]
pub struct Board {
    next_picture: Instant,
    next_sample: Instant,
}

impl Board {
    /// When the next picture is due.
    pub fn due(&self) -> Option<Instant> {
        Some(self.next_picture)
    }

    /// Takes a picture if it is time.
    pub fn look(&mut self, now: Now, engine: &Engine, driver: &Driver) {
        if now.instant < self.next_picture {
            return;
        }
        self.next_picture = now.instant + PICTURE_EVERY;
        let snapshot = engine.snapshot(now);
        let sample = (now.instant >= self.next_sample).then(|| {
            self.next_sample = now.instant + SAMPLE_EVERY;
            sample(&snapshot)
        });
        driver.show(snapshot, sample);
    }
}

fn sample(snapshot: &Snapshot) -> BoardSample {
    let ringing = |group: &crate::model::name::GroupName| {
        snapshot.campaigns.iter().filter(|c| c.group == *group).map(|c| c.ringing).sum()
    };
    let groups = snapshot
        .groups
        .iter()
        .map(|view| {
            let sample = GroupSample {
                idleness: view.idleness,
                idle_threshold: view.idle_threshold,
                gate_open: view.gate_open,
                slots: view.slots,
                staffed: view.staffed,
                inbound_busy: view.inbound_busy,
                outbound_busy: view.outbound_busy,
                waiting: view.waiting,
                ringing: ringing(&view.group),
            };
            (view.group.clone(), sample)
        })
        .collect();
    BoardSample { at: snapshot.at, groups }
}
