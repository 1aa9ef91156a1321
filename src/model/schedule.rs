//! Times that come again, as cron expressions of five fields in civil time: `0 9 * * mon-fri` is nine o'clock on working days
//! by the calendar on the wall.
//!
//! The `cron` crate reads the fields and counts days; it is kept away from time zones, in which it skips jobs and repeats others.
//! A time that a change of the clocks skips happens at the end of the gap, one that comes twice happens the first time. Not
//! calling hours, which are spans and not moments. Read [`Schedule`] and [`wanted`] first.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike as _, NaiveDate, Timelike as _, Utc};
use jiff::civil;
use jiff::tz::AmbiguousOffset;
use serde::{Deserialize, Serialize};

use super::campaign::CampaignState;
use super::time::Timestamp;
use super::zone::Zone;

/// Names of weekdays as the crate writes them; POSIX counts them from Sunday.
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
/// Occurrences looked at around a moment: those of the longest gap that clocks ever made, a day, at one a minute.
const AROUND_MAX: usize = 1500;
/// Longest expression.
const LENGTH_MAX: usize = 200;

/// A cron expression: minute, hour, day of the month, month, weekday. Days of both kinds are united where both are limited.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Schedule {
    text: String,
    parts: Vec<cron::Schedule>,
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Schedule) -> bool {
        self.text == other.text
    }
}

/// A text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a schedule: {why}")]
pub struct NoSchedule {
    text: String,
    why: &'static str,
}

/// What a schedule does with its campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// It dials from then on.
    Start,
    /// It stops dialling.
    Pause,
}

/// What is to happen again and again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Planned {
    /// When.
    #[schema(value_type = String)]
    pub at: Schedule,
    /// What.
    #[serde(rename = "do")]
    pub deed: Deed,
}

/// The state that a plan wants a campaign to have now: that of the latest moment, if nobody has set the state since. `None` where
/// nothing is to be changed.
///
/// Moments that passed while the service was down are made up for by their latest. Of two at one moment the one that stands last
/// counts. Whoever pauses a campaign by hand has paused it until the next moment; one that has ended stays so.
pub fn wanted(
    plan: &[Planned],
    state: CampaignState,
    since: Timestamp,
    now: Timestamp,
    zone: &Zone,
) -> Option<CampaignState> {
    let mut latest: Option<(Timestamp, Deed)> = None;
    for planned in plan {
        if let Some(at) = planned.at.last(now, zone)
            && latest.is_none_or(|(before, _)| at >= before)
        {
            latest = Some((at, planned.deed));
        }
    }
    let (at, deed) = latest.filter(|(at, _)| *at > since)?;
    let wanted = match deed {
        Deed::Start => CampaignState::Running,
        Deed::Pause => CampaignState::Paused,
    };
    // One that has never been started has nothing to pause.
    let idle = state == CampaignState::Ready && deed == Deed::Pause;
    debug_assert!(at <= now);
    (state != wanted && state != CampaignState::Ended && !idle).then_some(wanted)
}

impl Schedule {
    /// The last moment up to `at`, by the calendar of a zone.
    pub fn last(&self, at: Timestamp, zone: &Zone) -> Option<Timestamp> {
        // A moment that was moved out of a gap stands in the calendar before it; a day is longer than any gap.
        let wall = on_wall(at, zone).checked_add_signed(chrono::Duration::days(1))?;
        let of = |part: &cron::Schedule| {
            let before = part.after(&wall).rev().take(AROUND_MAX).filter_map(|civil| moment(civil, zone));
            before.take_while(|moment| at.since(*moment) < YEARS).find(|moment| *moment <= at)
        };
        self.parts.iter().filter_map(of).max()
    }

    /// The first moment after `at`, by the calendar of a zone.
    pub fn next(&self, at: Timestamp, zone: &Zone) -> Option<Timestamp> {
        let wall = on_wall(at, zone).checked_sub_signed(chrono::Duration::days(1))?;
        let of = |part: &cron::Schedule| {
            part.after(&wall).take(2 * AROUND_MAX).filter_map(|civil| moment(civil, zone)).find(|moment| *moment > at)
        };
        self.parts.iter().filter_map(of).min()
    }
}

/// What no calendar repeats within: the 29th of February on a given weekday comes after 40 years at most.
const YEARS: std::time::Duration = std::time::Duration::from_secs(41 * 366 * 86_400);

/// What a calendar on the wall shows, as a time without a zone: the crate knows those as times of UTC.
fn on_wall(at: Timestamp, zone: &Zone) -> DateTime<Utc> {
    let wall = at.to_jiff().to_zoned(zone.as_jiff().clone()).datetime();
    let date = NaiveDate::from_ymd_opt(
        i32::from(wall.year()),
        wall.month().unsigned_abs().into(),
        wall.day().unsigned_abs().into(),
    );
    let (hour, minute, second) = (wall.hour(), wall.minute(), wall.second());
    let [hour, minute, second] = [hour, minute, second].map(|part| u32::from(part.unsigned_abs()));
    date.and_then(|date| date.and_hms_opt(hour, minute, second)).unwrap_or_default().and_utc()
}

/// When the wall shows it: at the end of the gap that skips it, or for the first time.
fn moment(civil: DateTime<Utc>, zone: &Zone) -> Option<Timestamp> {
    let small = |part: u32| i8::try_from(part).ok();
    let date = civil::Date::new(i16::try_from(civil.year()).ok()?, small(civil.month())?, small(civil.day())?).ok()?;
    let time = civil::Time::new(small(civil.hour())?, small(civil.minute())?, small(civil.second())?, 0).ok()?;
    let zone = zone.as_jiff();
    let found = zone.to_ambiguous_timestamp(date.to_datetime(time));
    let at = match found.offset() {
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => found.earlier().ok()?,
        AmbiguousOffset::Gap { .. } => zone.following(found.earlier().ok()?).next()?.timestamp(),
    };
    Some(Timestamp::from(at))
}

impl FromStr for Schedule {
    type Err = NoSchedule;

    fn from_str(text: &str) -> Result<Schedule, NoSchedule> {
        let no = |why| NoSchedule { text: text.to_owned(), why };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(no("expected five fields, minute hour day month weekday, such as `0 9 * * mon-fri`"));
        };
        if text.len() > LENGTH_MAX {
            return Err(no("it is too long"));
        }
        let weekdays = weekdays(weekday).ok_or_else(|| no("expected weekdays from 0 to 7 or sun to sat"))?;
        let part = |day: &str, weekdays: &str| {
            let text = format!("0 {minute} {hour} {day} {month} {weekdays} *");
            cron::Schedule::from_str(&text).map_err(|_| no("one of minute, hour, day and month is out of range"))
        };
        // As cron has it since the seventies: both limited means either.
        let parts = match (day.starts_with('*'), weekday.starts_with('*')) {
            (false, false) => vec![part(day, "*")?, part("*", &weekdays)?],
            (_, _) => vec![part(day, &weekdays)?],
        };
        let schedule = Schedule { text: fields.join(" "), parts };
        // Far from the end of the crate's calendar, near the beginning of ours.
        let from = Timestamp::from_millis(1_600_000_000_000);
        schedule.next(from, &Zone::utc()).ok_or_else(|| no("there is no such day"))?;
        Ok(schedule)
    }
}

/// A weekday field in the crate's words, which counts from another day: each day by its name.
fn weekdays(field: &str) -> Option<String> {
    if field == "*" {
        return Some(field.to_owned());
    }
    let day = |word: &str| {
        let named = WEEKDAYS.iter().position(|name| name.eq_ignore_ascii_case(word));
        named.or_else(|| word.parse::<usize>().ok().filter(|day| *day <= 7))
    };
    let mut found = [false; 7];
    for item in field.split(',') {
        let (span, step) = match item.split_once('/') {
            Some((span, step)) => (span, step.parse::<usize>().ok().filter(|step| (1..=7).contains(step))?),
            None => (item, 1),
        };
        let (from, to) = match span.split_once('-') {
            _ if span == "*" => (0, 6),
            Some((from, to)) => (day(from)?, day(to)?),
            None if item.contains('/') => (day(span)?, 6),
            None => (day(span)?, day(span)?),
        };
        // A span may go round the end of the week.
        let to = if to < from { to + 7 } else { to };
        for day in (from..=to).step_by(step) {
            found[day % 7] = true;
        }
    }
    let named: Vec<&str> = WEEKDAYS.iter().zip(found).filter(|(_, found)| *found).map(|(name, _)| *name).collect();
    Some(named.join(","))
}

impl TryFrom<String> for Schedule {
    type Error = NoSchedule;
    fn try_from(text: String) -> Result<Schedule, NoSchedule> {
        text.parse()
    }
}

impl From<Schedule> for String {
    fn from(schedule: Schedule) -> String {
        schedule.text
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from(text.parse::<jiff::Timestamp>().unwrap())
    }

    fn zone(name: &str) -> Zone {
        Zone::named(name).unwrap()
    }

    fn schedule(text: &str) -> Schedule {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    /// The moments after one, in civil time.
    fn after(text: &str, from: &str, name: &str, count: usize) -> Vec<String> {
        let (schedule, zone) = (schedule(text), zone(name));
        let mut moment = at(from);
        let mut told = Vec::new();
        for _ in 0..count {
            moment = schedule.next(moment, &zone).unwrap();
            told.push(moment.to_jiff().to_zoned(zone.as_jiff().clone()).strftime("%a %m-%d %H:%M %:z").to_string());
        }
        told
    }

    #[test]
    fn five_fields_mean_what_they_mean_everywhere() {
        let shanghai = "Asia/Shanghai";
        // 2026-11-30 is a Monday.
        let monday = "2026-11-29T20:00:00Z";
        assert_eq!(after("0 9 * * 1", monday, shanghai, 2), ["Mon 11-30 09:00 +08:00", "Mon 12-07 09:00 +08:00"]);
        assert_eq!(after("0 9 * * 7", monday, shanghai, 1), ["Sun 12-06 09:00 +08:00"]);
        assert_eq!(after("0 9 * * 0", monday, shanghai, 1), after("0 9 * * sun", monday, shanghai, 1));
        assert_eq!(
            after("30 8,13 * * mon-fri", "2026-12-04T04:00:00Z", shanghai, 3),
            ["Fri 12-04 13:30 +08:00", "Mon 12-07 08:30 +08:00", "Mon 12-07 13:30 +08:00"]
        );
        assert_eq!(
            after("0 9 * * fri-mon", monday, shanghai, 3)[1..],
            ["Fri 12-04 09:00 +08:00", "Sat 12-05 09:00 +08:00"]
        );
        // Days of both kinds: the first of the month, or a Monday.
        assert_eq!(
            after("0 9 1 * mon", monday, shanghai, 3),
            ["Mon 11-30 09:00 +08:00", "Tue 12-01 09:00 +08:00", "Mon 12-07 09:00 +08:00"]
        );
        assert_eq!(after("*/20 9 * * *", monday, shanghai, 2), ["Mon 11-30 09:00 +08:00", "Mon 11-30 09:20 +08:00"]);
    }

    #[test]
    fn what_a_change_of_the_clocks_skips_happens_after_it_and_what_comes_twice_happens_once() {
        let york = "America/New_York";
        assert_eq!(
            after("30 2 * * *", "2027-03-13T12:00:00Z", york, 2),
            ["Sun 03-14 03:00 -04:00", "Mon 03-15 02:30 -04:00"]
        );
        assert_eq!(
            after("30 1 * * *", "2027-11-06T12:00:00Z", york, 2),
            ["Sun 11-07 01:30 -04:00", "Mon 11-08 01:30 -05:00"]
        );
        // Several in one gap are one moment.
        assert_eq!(after("*/30 2 * * *", "2027-03-14T06:00:00Z", york, 2)[..1], ["Sun 03-14 03:00 -04:00"]);
        // Samoa left out a whole day.
        assert_eq!(
            after("0 9 * * *", "2011-12-29T23:00:00Z", "Pacific/Apia", 2),
            ["Sat 12-31 00:00 +14:00", "Sat 12-31 09:00 +14:00"]
        );
    }

    #[test]
    fn the_last_moment_is_the_one_before_the_next_and_moments_only_go_forward() {
        for name in ["America/New_York", "Australia/Lord_Howe", "Asia/Shanghai", "Pacific/Apia"] {
            let zone = zone(name);
            for text in ["30 2 * * *", "15 1 * * sun", "0 9,17 1 * *", "*/30 1-3 * * *"] {
                let schedule = schedule(text);
                let mut moment = at("2026-10-01T00:00:00Z");
                for _ in 0..400 {
                    let next = schedule.next(moment, &zone).unwrap();
                    assert!(next > moment, "{text} in {name}");
                    assert_eq!(schedule.last(next, &zone), Some(next), "{text} in {name}");
                    let shortly = next - std::time::Duration::from_millis(1);
                    assert!(schedule.last(shortly, &zone).is_none_or(|last| last < next), "{text} in {name}");
                    if moment > at("2026-10-01T00:00:00Z") {
                        assert_eq!(schedule.last(shortly, &zone), Some(moment), "{text} in {name}, before {next}");
                    }
                    moment = next;
                }
            }
        }
    }

    #[test]
    fn what_is_no_schedule_says_why() {
        for (text, why) in [
            ("9 o'clock", "five fields"),
            ("0 9 * *", "five fields"),
            ("0 0 9 * * *", "five fields"),
            ("60 9 * * *", "out of range"),
            ("0 24 * * *", "out of range"),
            ("0 9 * 13 *", "out of range"),
            ("0 9 * * 8", "0 to 7"),
            ("0 9 * * someday", "0 to 7"),
            ("0 9 30 2 *", "no such day"),
        ] {
            let error = text.parse::<Schedule>().unwrap_err().to_string();
            assert!(error.contains(why) && error.contains(text), "{error}");
        }
        assert_eq!(schedule("0  9 * * MON-fri").to_string(), "0 9 * * MON-fri");
    }

    #[test]
    fn the_latest_moment_counts_until_somebody_sets_the_state_by_hand() {
        let zone = zone("Asia/Shanghai");
        let plan = vec![
            Planned { at: schedule("0 9 * * mon-fri"), deed: Deed::Start },
            Planned { at: schedule("30 17 * * *"), deed: Deed::Pause },
        ];
        let asked = |state, since: &str, now: &str| wanted(&plan, state, at(since), at(now), &zone);
        use CampaignState::{Ended, Paused, Ready, Running};
        let evening = "2026-11-29T09:30:00Z"; // Sunday, 17:30 there
        assert_eq!(asked(Paused, evening, "2026-11-30T00:59:59Z"), None);
        assert_eq!(asked(Paused, evening, "2026-11-30T01:00:00Z"), Some(Running), "Monday at nine");
        assert_eq!(asked(Ready, evening, "2026-11-30T02:00:00Z"), Some(Running), "the service was down at nine");
        assert_eq!(asked(Running, evening, "2026-11-30T02:00:00Z"), None, "it runs already");
        assert_eq!(asked(Paused, "2026-11-30T02:00:00Z", "2026-11-30T03:00:00Z"), None, "paused by hand");
        assert_eq!(asked(Running, "2026-11-30T02:00:00Z", "2026-11-30T09:30:00Z"), Some(Paused));
        assert_eq!(asked(Ready, "2026-11-30T02:00:00Z", "2026-11-30T09:30:00Z"), None);
        assert_eq!(asked(Ended, evening, "2026-11-30T02:00:00Z"), None, "it is over");
        assert_eq!(wanted(&[], Paused, at(evening), at("2026-12-30T00:00:00Z"), &zone), None);
    }
}
