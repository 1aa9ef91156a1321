//! What the calendar says, and the wall clocks around the world: wherever a demo runs, it is late morning somewhere.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// Now, by the program's own reader of the clocks.
pub fn now() -> Timestamp {
    lull::clock::Clock::start().now().timestamp.to_jiff()
}

/// One zone for each hour of the clock, west to east, populated and without summer time where there is a choice.
const ZONES: [&str; 24] = [
    "Pacific/Pago_Pago",
    "Pacific/Honolulu",
    "America/Anchorage",
    "America/Los_Angeles",
    "America/Phoenix",
    "America/Costa_Rica",
    "America/Bogota",
    "America/La_Paz",
    "America/Sao_Paulo",
    "America/Noronha",
    "Atlantic/Cape_Verde",
    "Africa/Accra",
    "Africa/Lagos",
    "Africa/Johannesburg",
    "Africa/Nairobi",
    "Asia/Dubai",
    "Asia/Karachi",
    "Asia/Dhaka",
    "Asia/Bangkok",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Australia/Brisbane",
    "Pacific/Noumea",
    "Pacific/Auckland",
];

/// The wall clock in a zone; `None` if there is no such zone.
pub fn wall_clock(zone: &str, at: Timestamp) -> Option<Zoned> {
    Some(at.to_zoned(TimeZone::get(zone).ok()?))
}

/// The zone where the wall clock is nearest to this hour.
pub fn zone_where_it_is(hour: f64, at: Timestamp) -> &'static str {
    let distance = |zone: &&str| {
        let clock = wall_clock(zone, at).map_or(0.0, |c| f64::from(c.hour()) + f64::from(c.minute()) / 60.0);
        let apart = (clock - hour).rem_euclid(24.0);
        (apart.min(24.0 - apart) * 60.0) as i64
    };
    ZONES.iter().min_by_key(|zone| distance(zone)).copied().unwrap_or("Etc/UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_any_time_it_is_late_morning_somewhere() {
        for hour in 0..24 {
            let at = Timestamp::from_second(1_795_318_496 + hour * 3600).unwrap();
            let clock = wall_clock(zone_where_it_is(11.0, at), at).unwrap();
            assert!((10..=12).contains(&clock.hour()), "{clock}");
        }
    }
}
