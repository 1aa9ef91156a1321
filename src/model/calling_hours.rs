//! When people may be called: weekly intervals in the callee's own time, minus holidays.
//!
//! Not cron, and not a span of the dialer's clock: each lead is judged in every time zone its number may belong to, and
//! may be called only while all of them are open.

use serde::{Deserialize, Serialize};

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
