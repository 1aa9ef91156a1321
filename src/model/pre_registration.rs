//! What is promised to customers who asked to be called, and how long their leads come before others.
//!
//! A promise is kept in time that counts: that in which the customer may be called. So one that is made at 23:00 is kept from the
//! next morning on, and nobody is called at a forbidden time for its sake. Read [`PreRegistration`], [`deadline`] and
//! [`Decay`] first.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::calling_hours::{WeeklyHours, next_callable};
use super::time::Timestamp;
use super::zone::Zone;

const MINUTE_MS: i64 = 60_000;
/// A priority falls in so many steps: each moves a lead within the index of those that are due, and each rank that occurs is one
/// more to be asked for when leads are fetched.
const STEPS: i64 = 8;
/// The priority of a lead whose promise is at risk: before all that are not promised for a time.
pub const AT_RISK_PRIORITY: u8 = 99;

/// What a campaign says of those who asked to be called, by whatever channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PreRegistration {
    /// They are promised a call within so many minutes of the hours in which they may be called; without it nothing is
    /// promised.
    pub call_within_minutes: Option<u32>,
    /// So many of these minutes before its end a promise is at risk.
    pub escalate_before_minutes: u32,
    /// After so many hours the lead's priority has fallen to `priority_floor`; without it, it does not fall.
    pub decay_hours: Option<u32>,
    /// How far the priority falls; never below what it was before the customer asked.
    pub priority_floor: u8,
    /// So many hours after one of our agents talked to a customer who called us, the customer is not called for this.
    pub rest_after_inbound_hours: u32,
}

/// From when on a promise is at risk, and until when it is to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// From then on it is at risk.
    pub at_risk_at: Timestamp,
    /// Until then it is to be kept.
    pub promised_at: Timestamp,
}

impl PreRegistration {
    /// Until when a customer is to be called who asked for it at `from`, or wished for that time; `None` where nothing is
    /// promised, or nobody may ever call.
    pub fn deadline(&self, from: Timestamp, zones: &[Zone], hours: &[&WeeklyHours]) -> Option<Deadline> {
        let within = self.call_within_minutes?;
        let safe = within.saturating_sub(self.escalate_before_minutes);
        Some(Deadline {
            at_risk_at: deadline(from, safe, zones, hours)?,
            promised_at: deadline(from, within, zones, hours)?,
        })
    }

    /// How the priority of a lead falls, from `from` on, that comes in with `priority` and had `before` until then.
    pub fn decay(&self, from: Timestamp, priority: u8, before: Option<u8>) -> Decay {
        let to = self.priority_floor.max(before.unwrap_or(0)).min(priority);
        match self.decay_hours {
            Some(hours) => Decay { priority, to, from, until: from + Duration::from_secs(3600) * hours },
            None => Decay { priority, to: priority, from, until: from },
        }
    }
}

/// When `minutes` have passed since `from`, counting only time in which the customer may be called. Without a zone no time is
/// known in which that is, and all counts: nobody is called, and it shows. `None` if the hours do not open any more.
pub fn deadline(from: Timestamp, minutes: u32, zones: &[Zone], hours: &[&WeeklyHours]) -> Option<Timestamp> {
    if zones.is_empty() {
        return Some(from + Duration::from_secs(60) * minutes);
    }
    let mut left = i64::from(minutes) * MINUTE_MS;
    let mut at = next_callable(from, zones, hours)?;
    // Hours open and close at full minutes, also where the clocks are changed.
    loop {
        let next = (at.as_millis().div_euclid(MINUTE_MS) + 1) * MINUTE_MS;
        let passes = next - at.as_millis();
        if left <= passes {
            return Some(Timestamp::from_millis(at.as_millis() + left));
        }
        left -= passes;
        at = next_callable(Timestamp::from_millis(next), zones, hours)?;
    }
}

/// How the priority of a lead falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decay {
    /// What it is at first.
    pub priority: u8,
    /// What it is in the end.
    pub to: u8,
    /// When it begins to fall.
    pub from: Timestamp,
    /// When it has fallen.
    pub until: Timestamp,
}

impl Decay {
    /// What the priority is at `now`, and when it falls next; it does not any more without that.
    pub fn at(&self, now: Timestamp) -> (u8, Option<Timestamp>) {
        let (from, until) = (self.from.as_millis(), self.until.as_millis());
        if now >= self.until || self.priority <= self.to {
            return (self.to.min(self.priority), None);
        }
        let span = until - from;
        let passed = (now.as_millis() - from).max(0);
        let step = passed * STEPS / span;
        let falls = i64::from(self.priority - self.to) * step / STEPS;
        let next = from + ((step + 1) * span + STEPS - 1) / STEPS;
        let priority = u8::try_from(i64::from(self.priority) - falls).unwrap_or(self.to);
        (priority, Some(Timestamp::from_millis(next)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::calling_hours::{DaySpan, MinuteOfDay, callable};

    fn zone(name: &str) -> Zone {
        Zone::named(name).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::from(text.parse::<jiff::Timestamp>().unwrap())
    }

    fn nine_to_six() -> WeeklyHours {
        WeeklyHours::every_day(DaySpan { from: MinuteOfDay(9 * 60), to: MinuteOfDay(18 * 60) })
    }

    #[test]
    fn only_time_in_which_the_customer_may_be_called_counts() {
        let (zones, hours) = ([zone("Asia/Shanghai")], nine_to_six());
        let until = |from: &str| deadline(at(from), 120, &zones, &[&hours]).unwrap();
        assert_eq!(until("2026-11-30T02:00:30Z"), at("2026-11-30T04:00:30Z"), "10:00:30 to 12:00:30");
        assert_eq!(until("2026-11-30T15:00:00Z"), at("2026-12-01T03:00:00Z"), "23:00 counts from 9:00");
        assert_eq!(
            until("2026-11-30T09:30:00Z"),
            at("2026-12-01T02:30:00Z"),
            "half an hour in the evening, the rest in the morning"
        );
        assert_eq!(until("2026-11-30T08:00:00Z"), at("2026-11-30T10:00:00Z"), "until the hours close");
    }

    #[test]
    fn whoever_may_be_in_two_zones_is_owed_a_call_while_both_are_open() {
        // 9:00 to 18:00 in both is 12:00 to 18:00 in New York.
        let (zones, hours) = ([zone("America/New_York"), zone("America/Los_Angeles")], nine_to_six());
        let until = deadline(at("2026-11-30T14:00:00Z"), 60, &zones, &[&hours]).unwrap();
        assert_eq!(until, at("2026-11-30T18:00:00Z"));
    }

    #[test]
    fn a_change_of_the_clocks_takes_and_adds_no_minute() {
        let always = WeeklyHours::always();
        let berlin = [zone("Europe/Berlin")];
        // At 2:00 it is 3:00, and in autumn at 3:00 it is 2:00: an hour is an hour.
        for from in ["2026-03-29T00:30:00Z", "2026-10-25T00:30:00Z"] {
            assert_eq!(deadline(at(from), 60, &berlin, &[&always]).unwrap(), at(from) + Duration::from_secs(3600));
        }
        // Open from 2:30 to 4:00 by the wall: half an hour of it is missing in spring, an hour is there twice in autumn.
        let night = WeeklyHours::every_day(DaySpan { from: MinuteOfDay(150), to: MinuteOfDay(240) });
        let spring = deadline(at("2026-03-29T00:00:00Z"), 61, &berlin, &[&night]).unwrap();
        assert_eq!(
            spring,
            at("2026-03-30T00:31:00Z"),
            "3:00 to 4:00 holds sixty minutes, the next is of the day after at 2:30"
        );
        let autumn = deadline(at("2026-10-25T00:00:00Z"), 120, &berlin, &[&night]).unwrap();
        assert_eq!(autumn, at("2026-10-25T03:00:00Z"), "2:30 to 3:00 twice, and 3:00 to 4:00");
    }

    #[test]
    fn a_promise_is_at_risk_before_its_end_and_both_count_the_hours_only() {
        let rules = PreRegistration {
            call_within_minutes: Some(60),
            escalate_before_minutes: 15,
            ..PreRegistration::default()
        };
        let (zones, hours) = ([zone("Asia/Shanghai")], nine_to_six());
        let asked = at("2026-11-30T02:00:00Z");
        let promised = rules.deadline(at("2026-11-30T09:40:00Z"), &zones, &[&hours]).unwrap();
        assert_eq!(promised.at_risk_at, at("2026-12-01T01:25:00Z"), "twenty minutes, and 25 of the next day");
        assert_eq!(promised.promised_at, at("2026-12-01T01:40:00Z"));
        assert_eq!(rules.deadline(asked, &zones, &[&hours]).unwrap().promised_at, at("2026-11-30T03:00:00Z"));
        assert_eq!(PreRegistration::default().deadline(asked, &zones, &[&hours]), None);
        assert_eq!(rules.deadline(asked, &zones, &[&WeeklyHours::default()]), None, "never open");
        assert_eq!(rules.deadline(asked, &[], &[&hours]).unwrap().promised_at, at("2026-11-30T03:00:00Z"));
    }

    #[test]
    fn a_priority_falls_in_few_steps_to_where_it_was_at_least() {
        let rules = PreRegistration { decay_hours: Some(24), priority_floor: 50, ..PreRegistration::default() };
        let from = at("2026-11-30T00:00:00Z");
        let decay = rules.decay(from, 90, None);
        let mut seen = vec![];
        let mut now = from;
        loop {
            let (priority, next) = decay.at(now);
            seen.push(priority);
            let Some(next) = next else { break };
            assert!(next > now);
            now = next;
        }
        assert_eq!(seen, [90, 85, 80, 75, 70, 65, 60, 55, 50]);
        assert_eq!(now, from + Duration::from_secs(24 * 3600));
        assert_eq!(rules.decay(from, 90, Some(70)).to, 70, "a list had it before others already");
        assert_eq!(rules.decay(from, 40, None).at(now), (40, None), "what is lower does not rise");
        let none = PreRegistration::default().decay(from, 90, None);
        assert_eq!(none.at(from), (90, None));
    }

    proptest! {
        #[test]
        fn a_deadline_has_so_many_callable_minutes_before_it(
            start in 1_770_000_000_000i64..1_800_000_000_000, minutes in 0u32..1500, opens in 0u16..1380, long in 30u16..600
        ) {
            let span = DaySpan { from: MinuteOfDay(opens), to: MinuteOfDay((opens + long).min(1440)) };
            let (zones, hours) = ([zone("America/New_York")], WeeklyHours::every_day(span));
            let from = Timestamp::from_millis(start);
            let until = deadline(from, minutes, &zones, &[&hours]).unwrap();
            // Counted another way: second by second would be slow, tenths of a minute are exact for whole minutes and starts.
            let open = (start..until.as_millis()).step_by(1000)
                .filter(|ms| callable(Timestamp::from_millis(*ms), &zones, &[&hours])).count() as i64;
            prop_assert!((open - i64::from(minutes) * 60).abs() <= 2 + i64::from(minutes) / 30, "{open} s, {minutes} min");
        }

        #[test]
        fn a_priority_never_rises_and_ends(priority in 0u8..100, floor in 0u8..100, hours in 1u32..1000, passed in 0i64..5_000_000_000) {
            let rules = PreRegistration { decay_hours: Some(hours), priority_floor: floor, ..PreRegistration::default() };
            let decay = rules.decay(Timestamp::from_millis(0), priority, None);
            let (now, next) = decay.at(Timestamp::from_millis(passed));
            prop_assert!(now <= priority && now >= floor.min(priority));
            if let Some(next) = next {
                prop_assert!(next.as_millis() > passed && decay.at(next).0 <= now);
            }
        }
    }
}
