//! Sizes of the tables of the running service, for the test that calls leave nothing behind.
//!
//! Not figures of the business: the wallboard has those. Read [`Internals`].

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::lines::Lines;
use super::records::Records;
use crate::engine::Engine;
use crate::media::thread::MediaHandle;
use crate::model::time::Timestamp;

/// The media thread answers within a turn; a later answer means that it hangs, and its tables are left out.
const MEDIA_PATIENCE: Duration = Duration::from_millis(500);

/// Entries in each table at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Internals {
    /// When.
    pub at: Timestamp,
    /// Entries by name of the table, such as `sip.legs`. Without calls all but those of agents, phones, connections,
    /// campaigns and timers are 0, about 32 s after the last call.
    pub tables: BTreeMap<String, u64>,
}

impl Internals {
    /// What the loop's own parts hold. The media thread is asked by [`Internals::with_media`].
    pub(super) fn of_loop(at: Timestamp, engine: &Engine, lines: &mut Lines, records: &Records) -> Internals {
        let mut internals = Internals { at, tables: BTreeMap::new() };
        let engine = engine.tables();
        internals.add(
            "engine",
            [
                ("attempts", engine.attempts),
                ("numbers", engine.numbers),
                ("callers", engine.callers),
                ("agents", engine.agents),
                ("requests", engine.requests),
                ("channels", engine.channels),
                ("deadlines", engine.deadlines),
            ],
        );
        let counts = lines.counts();
        internals.add("lines", [("legs", counts.legs), ("calls", counts.calls), ("ports", counts.ports)]);
        let sip = lines.endpoint().counts();
        internals.add(
            "sip",
            [
                ("legs", sip.legs),
                ("client_transactions", sip.client_transactions),
                ("server_transactions", sip.server_transactions),
                ("dialog_tags", sip.dialog_tags),
                ("afterglow", sip.afterglow),
                ("registrations", sip.registrations),
                ("connections", sip.connections),
                ("timers", sip.timers),
                ("unsent", sip.unsent),
                ("unread_events", sip.unread_events),
            ],
        );
        internals.add("records", [("writes", records.under_way())]);
        internals
    }

    /// Adds what the media thread holds. Blocks until it answers.
    pub(super) fn with_media(mut self, media: &MediaHandle) -> Internals {
        if let Ok(counts) = media.counts(MEDIA_PATIENCE) {
            self.add(
                "media",
                [
                    ("legs", counts.legs),
                    ("bridges", counts.bridges),
                    ("prompts", counts.prompts),
                    ("classifiers", counts.classifiers),
                    ("recordings", counts.recordings),
                    ("clocked", counts.clocked),
                ],
            );
        }
        self
    }

    fn add<const N: usize>(&mut self, room: &str, sizes: [(&str, usize); N]) {
        for (name, size) in sizes {
            self.tables.insert(format!("{room}.{name}"), u64::try_from(size).unwrap_or(u64::MAX));
        }
    }
}
