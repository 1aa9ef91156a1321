//! Times as people write them on the command line.

use jiff::civil;

use super::Failure;
use crate::model::time::Timestamp;
use crate::model::zone::Zone;

/// A time as somebody wrote it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    Instant(Timestamp),
    Civil(civil::DateTime),
    Day(civil::Date),
}

pub(super) fn moment(text: &str) -> Result<Moment, String> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(Moment::Instant(Timestamp::from(at)));
    }
    if let (true, Ok(day)) = (text.len() == 10, text.parse()) {
        return Ok(Moment::Day(day));
    }
    let expected = || "expected 2026-11-16, 2026-11-16T08:00 or 2026-11-16T00:00:00Z".to_owned();
    text.parse().map(Moment::Civil).map_err(|_| expected())
}

impl Moment {
    /// When that is in a zone; of a day its beginning, or where something `ends` its end.
    pub(super) fn at(self, zone: &Zone, ends: bool) -> Result<Timestamp, Failure> {
        let civil = match self {
            Moment::Instant(at) => return Ok(at),
            Moment::Civil(civil) => civil,
            Moment::Day(day) if ends => day.tomorrow()?.to_datetime(civil::Time::midnight()),
            Moment::Day(day) => day.to_datetime(civil::Time::midnight()),
        };
        Ok(Timestamp::from(civil.to_zoned(zone.as_jiff().clone())?.timestamp()))
    }
}
