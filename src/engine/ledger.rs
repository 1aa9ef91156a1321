//! The book of abandoned calls that a law's window is read from: what happened in each hour of the last month.
//!
//! Hours of UTC, so that a clock change moves nothing. An hour that lies only partly in a window counts with its
//! abandoned calls and without its answers: the error is on the safe side, and at most an hour long. Read [`Ledger`] first.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::abandonment::{AbandonTally, AbandonWindow};
use crate::model::time::Timestamp;
use crate::model::zone::Zone;

/// Hours that are kept: a month of 31 days and the hour under way.
pub const HOURS_KEPT: i64 = 31 * 24 + 1;
const HOUR_MS: i64 = 3_600_000;

/// One campaign's book.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// What happened in each hour, the oldest first; hours in which nothing happened are not kept.
    hours: VecDeque<(i64, AbandonTally)>,
    /// Today's counts when they were last written down.
    written: AbandonTally,
}

impl Ledger {
    /// What a store knew of the past, today included; `today` is what today's counts stand at.
    pub fn found(mut hours: Vec<(i64, AbandonTally)>, today: AbandonTally) -> Ledger {
        hours.sort_by_key(|(hour, _)| *hour);
        Ledger { hours: hours.into(), written: today }
    }

    /// Writes down what today's counts have grown by; says whether they had.
    pub fn write(&mut self, at: Timestamp, today: AbandonTally) -> bool {
        if today == self.written {
            return false;
        }
        let more = today.since(self.written);
        self.written = today;
        let hour = hour_of(at);
        match self.hours.back_mut() {
            // A clock that was set back does not open an hour again.
            Some((last, tally)) if *last >= hour => *tally = tally.plus(more),
            _ => self.hours.push_back((hour, more)),
        }
        while self.hours.front().is_some_and(|(first, _)| *first <= hour - HOURS_KEPT) {
            self.hours.pop_front();
        }
        true
    }

    /// Today's counts begin anew at this; what they hold already was written down yesterday.
    pub fn begin_day(&mut self, today: AbandonTally) {
        self.written = today;
    }

    /// What happened since a moment.
    pub fn since(&self, from: Timestamp) -> AbandonTally {
        let first = hour_of(from);
        let whole = from.as_millis() == first * HOUR_MS;
        let mut sum = AbandonTally::default();
        for (hour, tally) in self.hours.iter().rev().take_while(|(hour, _)| *hour >= first) {
            let partly = *hour == first && !whole;
            sum = sum.plus(if partly {
                AbandonTally { answered: tally.abandoned, connected: 0, ..*tally }
            } else {
                *tally
            });
        }
        sum
    }
}

/// When a window began; `None`: it is the day, which is counted anyway.
pub fn began(window: AbandonWindow, at: Timestamp, zone: &Zone) -> Option<Timestamp> {
    let day = Duration::from_secs(86_400);
    match window {
        AbandonWindow::Day => None,
        AbandonWindow::Rolling24Hours => Some(at - day),
        AbandonWindow::Rolling30Days => Some(at - 30 * day),
        AbandonWindow::CalendarMonth => Some(zone.month_began(at)),
    }
}

/// The hour of UTC a moment lies in.
pub fn hour_of(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(HOUR_MS)
}

/// When that hour ends.
pub fn hour_ends(at: Timestamp) -> Timestamp {
    Timestamp::from_millis((hour_of(at) + 1) * HOUR_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from(text.parse::<jiff::Timestamp>().unwrap())
    }

    fn counts(answered: u64, abandoned: u64) -> AbandonTally {
        AbandonTally { answered, connected: answered - abandoned, abandoned, machines: 0 }
    }

    #[test]
    fn what_has_left_the_window_counts_no_longer_and_a_partial_hour_counts_on_the_safe_side() {
        let mut ledger = Ledger::default();
        ledger.write(at("2026-03-01T10:30:00Z"), counts(100, 4));
        ledger.write(at("2026-03-01T12:10:00Z"), counts(150, 5));
        let last_day = |now: &str| ledger.since(began(AbandonWindow::Rolling24Hours, at(now), &Zone::utc()).unwrap());
        assert_eq!(last_day("2026-03-02T10:00:00Z"), counts(150, 5));
        let partly = last_day("2026-03-02T10:15:00Z");
        assert_eq!((partly.answered, partly.abandoned), (54, 5), "the answers of the hour are left out");
        assert_eq!(last_day("2026-03-02T11:00:00Z"), counts(50, 1));
        assert_eq!(last_day("2026-03-02T13:00:00Z"), AbandonTally::default());
    }

    #[test]
    fn a_month_begins_at_local_midnight_whatever_the_clocks_did_in_it() {
        // Berlin: summer time began on 29 March, so the month began at UTC+1 and April does at UTC+2.
        let berlin: Zone = "Europe/Berlin".parse().unwrap();
        let began = |now: &str| began(AbandonWindow::CalendarMonth, at(now), &berlin).unwrap();
        assert_eq!(began("2026-03-31T21:59:00Z"), at("2026-02-28T23:00:00Z"));
        assert_eq!(began("2026-03-31T22:00:00Z"), at("2026-03-31T22:00:00Z"));
        let mut ledger = Ledger::default();
        ledger.write(at("2026-03-31T21:30:00Z"), counts(100, 3));
        ledger.begin_day(AbandonTally::default());
        ledger.write(at("2026-03-31T22:30:00Z"), counts(10, 0));
        assert_eq!(ledger.since(began("2026-03-31T22:40:00Z")), counts(10, 0));
        assert_eq!(ledger.since(began("2026-03-31T21:40:00Z")), counts(110, 3));
    }

    #[test]
    fn midnight_counts_nothing_twice_and_old_hours_go() {
        let mut ledger = Ledger::default();
        ledger.write(at("2026-03-01T23:50:00Z"), counts(10, 1));
        // One answered customer waits over midnight.
        ledger.begin_day(AbandonTally { answered: 1, ..AbandonTally::default() });
        ledger.write(at("2026-03-02T00:00:01Z"), AbandonTally { answered: 1, connected: 1, ..AbandonTally::default() });
        let all = ledger.since(at("2026-02-01T00:00:00Z"));
        assert_eq!((all.answered, all.connected, all.abandoned), (10, 10, 1));
        let mut today = counts(1, 0);
        for hour in 0..2_000 {
            today.answered += 1;
            ledger.write(at("2026-03-02T01:00:00Z") + Duration::from_secs(hour * 3600), today);
        }
        assert!(ledger.hours.len() <= HOURS_KEPT as usize);
    }

    #[test]
    fn a_restart_goes_on_where_the_store_stood() {
        let hour = hour_of(at("2026-03-02T09:00:00Z"));
        let mut ledger = Ledger::found(vec![(hour, counts(40, 1)), (hour - 5, counts(60, 2))], counts(40, 1));
        ledger.write(at("2026-03-02T09:30:00Z"), counts(41, 1));
        assert_eq!(ledger.since(at("2026-03-01T00:00:00Z")), counts(101, 3));
    }
}
