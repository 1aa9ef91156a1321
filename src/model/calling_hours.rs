//! When people may be called: weekly intervals in the callee's own time, minus holidays.
//!
//! Not cron, and not a span of the dialer's clock: each lead is judged in every time zone its number may belong to, and
//! may be called only while all of them are open. Read [`WeeklyHours`], [`callable`] and [`next_callable`] first.
//!
//! Whether it is open depends on nothing but what a clock on the callee's wall shows. When the clocks are put forward,
//! the missing hour is simply not there; when they are put back, the repeated hour is open both times if it is open.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::time::Timestamp;
use super::zone::Zone;

/// How far ahead an opening is searched: a year and a month, so that hours open on one day of the year are found.
pub const SEARCH_DAYS: u32 = 400;
/// Names of the weekdays as files write them, Monday first.
pub const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;
const DAY_MINUTES: u16 = 1440;

/// Minutes since midnight, 0 to 1440.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct MinuteOfDay(pub u16);

/// A half-open span of one civil day: `from` belongs to it, `to` does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DaySpan {
    /// First minute that is open.
    pub from: MinuteOfDay,
    /// First minute that is closed again; after `from`.
    pub to: MinuteOfDay,
}

/// A civil date as `YYYY-MM-DD`.
pub type Date = jiff::civil::Date;

/// Weekly hours with exceptions. Days are Monday = 0 to Sunday = 6.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WeeklyHours {
    /// Spans of each weekday, sorted and not overlapping. An empty day is closed.
    pub days: [Vec<DaySpan>; 7],
    /// Closed all day, whatever the weekday says.
    #[schema(value_type = Vec<String>)]
    pub holidays: Vec<Date>,
    /// Worked in spite of weekend or holiday, with the hours of Monday (make-up workdays, 调休).
    #[schema(value_type = Vec<String>)]
    pub workdays: Vec<Date>,
}

/// May a number be called: is it open in every zone, by every one of the hours?
///
/// No zone means that nobody knows what time it is at the callee's: `false`. No hours means no restriction.
pub fn callable(at: Timestamp, zones: &[Zone], hours: &[&WeeklyHours]) -> bool {
    !zones.is_empty() && zones.iter().all(|zone| hours.iter().all(|hours| hours.open_at(at, zone)))
}

/// The first moment, not before `at`, at which [`callable`] is true; `None` if there is none within [`SEARCH_DAYS`].
pub fn next_callable(at: Timestamp, zones: &[Zone], hours: &[&WeeklyHours]) -> Option<Timestamp> {
    if zones.is_empty() {
        return None;
    }
    let horizon = at + Duration::from_millis(u64::from(SEARCH_DAYS) * DAY_MS.unsigned_abs());
    let mut from = at;
    // Every round moves to the latest of the next openings, before which at least one of them is closed.
    loop {
        let mut latest = from;
        for zone in zones {
            for hours in hours {
                latest = latest.max(hours.next_open_before(from, zone, horizon)?);
            }
        }
        if latest == from {
            return Some(from);
        }
        from = latest;
    }
}

impl WeeklyHours {
    /// Open at every hour of every day.
    pub fn always() -> WeeklyHours {
        WeeklyHours::every_day(DaySpan { from: MinuteOfDay(0), to: MinuteOfDay(DAY_MINUTES) })
    }

    /// The same span on all seven days.
    pub fn every_day(span: DaySpan) -> WeeklyHours {
        WeeklyHours { days: std::array::from_fn(|_| vec![span]), ..WeeklyHours::default() }
    }

    /// Whether a clock on the wall in this zone shows an open time.
    pub fn open_at(&self, at: Timestamp, zone: &Zone) -> bool {
        let wall_ms = zone.wall_ms(at);
        let since_midnight = wall_ms.rem_euclid(DAY_MS);
        self.spans_of_day(wall_ms.div_euclid(DAY_MS)).iter().any(|span| span.contains(since_midnight))
    }

    /// The first moment, not before `at`, at which it is open in all zones; `None` if there is none within
    /// [`SEARCH_DAYS`], or no zone.
    pub fn next_open(&self, at: Timestamp, zones: &[Zone]) -> Option<Timestamp> {
        next_callable(at, zones, &[self])
    }

    /// Hours that are open only when both are, to be shown to people.
    ///
    /// A date that is a make-up workday in only one of them may not be expressible; it is then closed, never open by
    /// mistake. Decisions are made by [`callable`] with both.
    pub fn intersect(&self, other: &WeeklyHours) -> WeeklyHours {
        let days = std::array::from_fn(|day| common_spans(&self.days[day], &other.days[day]));
        let mut both = WeeklyHours { days, ..WeeklyHours::default() };
        let mut dates: Vec<Date> =
            [&self.holidays, &self.workdays, &other.holidays, &other.workdays].into_iter().flatten().copied().collect();
        dates.sort_unstable();
        dates.dedup();
        for date in dates {
            let day = days_since_1970(date);
            let exact = common_spans(self.spans_of_day(day), other.spans_of_day(day));
            if exact == both.days[weekday_of(day)] {
                continue;
            }
            let monday_is_safe = common_spans(&both.days[0], &exact) == both.days[0];
            if !exact.is_empty() && monday_is_safe { both.workdays.push(date) } else { both.holidays.push(date) }
        }
        both
    }

    /// Whether it is closed on all seven weekdays and on every make-up workday.
    pub fn is_never_open(&self) -> bool {
        self.days.iter().all(Vec::is_empty)
    }

    /// The spans of a civil day, counted from 1970-01-01.
    fn spans_of_day(&self, day: i64) -> &[DaySpan] {
        // Dates are compared only where there are exceptions: this runs for every lead that is offered.
        if !(self.holidays.is_empty() && self.workdays.is_empty())
            && let Some(date) = date_of(day)
        {
            if self.workdays.contains(&date) {
                return &self.days[0];
            }
            if self.holidays.contains(&date) {
                return &[];
            }
        }
        &self.days[weekday_of(day)]
    }

    /// The first open moment in `at .. horizon` in one zone.
    ///
    /// Between two changes of the zone's offset the wall runs evenly, so that the search is made on the wall and
    /// translated back; what lies beyond the change is looked for again from there.
    fn next_open_before(&self, at: Timestamp, zone: &Zone, horizon: Timestamp) -> Option<Timestamp> {
        let mut from = at;
        while from < horizon {
            let end = zone.next_change(from).map_or(horizon, |change| change.min(horizon));
            let offset_ms = zone.offset_ms(from);
            let found = self.next_open_on_wall(from.as_millis() + offset_ms, end.as_millis() + offset_ms);
            if let Some(wall_ms) = found {
                return Some(Timestamp::from_millis(wall_ms - offset_ms));
            }
            from = end;
        }
        None
    }

    /// The first open reading in `from .. end` of a clock that runs evenly, in ms since 1970-01-01 on the wall.
    fn next_open_on_wall(&self, from: i64, end: i64) -> Option<i64> {
        for day in from.div_euclid(DAY_MS)..=end.div_euclid(DAY_MS) {
            let midnight = day * DAY_MS;
            for span in self.spans_of_day(day) {
                let opens = (midnight + span.from.as_millis()).max(from);
                if opens < midnight + span.to.as_millis() && opens < end {
                    return Some(opens);
                }
            }
        }
        None
    }
}

impl MinuteOfDay {
    fn as_millis(self) -> i64 {
        i64::from(self.0) * MINUTE_MS
    }
}

/// As `09:00`; the end of a day is `24:00`.
impl fmt::Display for MinuteOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl DaySpan {
    fn contains(self, since_midnight_ms: i64) -> bool {
        self.from.as_millis() <= since_midnight_ms && since_midnight_ms < self.to.as_millis()
    }
}

/// As `09:00-12:00`.
impl fmt::Display for DaySpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from, self.to)
    }
}

/// Why a text is not a span of a day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// Not two times with a hyphen between them.
    #[error("`{0}` is not a span of time; expected two times such as 09:00-12:00")]
    Shape(String),
    /// A part is not a time of the day.
    #[error("`{0}` is not a time of the day; expected hours and minutes from 00:00 to 24:00")]
    Time(String),
    /// It ends before it begins, or is empty.
    #[error("`{span}` ends before it begins; a span over midnight is written as two, up to 24:00 and from 00:00")]
    Backwards {
        /// The whole text.
        span: String,
    },
}

impl FromStr for DaySpan {
    type Err = SpanError;
    fn from_str(text: &str) -> Result<DaySpan, SpanError> {
        let (from, to) = text.split_once('-').ok_or_else(|| SpanError::Shape(text.to_owned()))?;
        let span = DaySpan { from: from.trim().parse()?, to: to.trim().parse()? };
        if span.from >= span.to {
            return Err(SpanError::Backwards { span: text.to_owned() });
        }
        Ok(span)
    }
}

impl FromStr for MinuteOfDay {
    type Err = SpanError;
    fn from_str(text: &str) -> Result<MinuteOfDay, SpanError> {
        let wrong = || SpanError::Time(text.to_owned());
        let (hours, minutes) = text.split_once(':').ok_or_else(wrong)?;
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if !(matches!(hours.len(), 1 | 2) && minutes.len() == 2 && digits(hours) && digits(minutes)) {
            return Err(wrong());
        }
        let hours: u16 = hours.parse().map_err(|_| wrong())?;
        let minutes: u16 = minutes.parse().map_err(|_| wrong())?;
        let total = hours * 60 + minutes;
        if minutes > 59 || total > DAY_MINUTES { Err(wrong()) } else { Ok(MinuteOfDay(total)) }
    }
}

fn common_spans(left: &[DaySpan], right: &[DaySpan]) -> Vec<DaySpan> {
    let mut spans: Vec<DaySpan> = left
        .iter()
        .flat_map(|l| right.iter().map(|r| DaySpan { from: l.from.max(r.from), to: l.to.min(r.to) }))
        .filter(|span| span.from < span.to)
        .collect();
    spans.sort_by_key(|span| span.from);
    spans
}

/// 1970-01-01 was a Thursday.
fn weekday_of(day: i64) -> usize {
    (day + 3).rem_euclid(7).unsigned_abs() as usize
}

fn date_of(day: i64) -> Option<Date> {
    Date::constant(1970, 1, 1).checked_add(jiff::Span::new().try_days(day).ok()?).ok()
}

fn days_since_1970(date: Date) -> i64 {
    date.duration_since(Date::constant(1970, 1, 1)).as_hours() / 24
}

#[cfg(test)]
mod tests;
