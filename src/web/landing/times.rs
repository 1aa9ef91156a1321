//! Times at which a customer may wish to be called: pieces of two hours of the next days, as the customer's own clock shows them.

use std::time::Duration;

use crate::model::calling_hours::{Date, callable, next_callable};
use crate::model::campaign::Campaign;
use crate::model::profile::Profile;
use crate::model::time::Timestamp;
use crate::model::zone::Zone;

/// Days that are offered, today included.
const DAYS: u32 = 3;
/// When pieces of a day begin, in hours, and how long each is.
const PIECES: [u8; 7] = [8, 10, 12, 14, 16, 18, 20];
const PIECE: Duration = Duration::from_secs(2 * 3600);
/// Of a piece at least so much must be allowed, and its allowed part is told in steps of it.
const STEP: Duration = Duration::from_secs(900);

/// A time that may be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    /// The first moment of it.
    pub(super) at: Timestamp,
    /// Days from today.
    pub(super) days: u32,
    /// The day, as the customer's clock shows it.
    pub(super) date: Date,
    /// From when to when, such as `14:00–16:00`.
    pub(super) span: String,
}

/// What may be chosen now; empty where nobody knows what time it is at the customer's.
pub(super) fn choices(now: Timestamp, campaign: &Campaign, profile: Option<&Profile>, zones: &[Zone]) -> Vec<Choice> {
    let Some(zone) = zones.first() else { return Vec::new() };
    let hours = campaign.hours_for(profile, None);
    let mut choices = Vec::new();
    let mut date = zone.date(now);
    for days in 0..DAYS {
        for hour in PIECES {
            let wall = date.at(i8::try_from(hour).unwrap_or_default(), 0, 0, 0);
            let Ok(begins) = wall.to_zoned(zone.as_jiff().clone()).map(|begins| begins.timestamp().into()) else {
                continue;
            };
            if begins <= now {
                continue; // what has begun is as soon as possible
            }
            let end = begins + PIECE;
            let Some(at) = next_callable(begins, zones, &hours).filter(|at| *at + STEP <= end) else { continue };
            let mut until = end;
            while until > at + STEP && !callable(until - Duration::from_millis(1), zones, &hours) {
                until = until - STEP;
            }
            choices.push(Choice { at, days, date, span: format!("{}–{}", clock(at, zone), clock(until, zone)) });
        }
        let Ok(next) = date.tomorrow() else { break };
        date = next;
    }
    choices
}

fn clock(at: Timestamp, zone: &Zone) -> String {
    at.to_jiff().to_zoned(zone.as_jiff().clone()).strftime("%H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::campaign_file;

    fn campaign(hours: &str) -> Campaign {
        let text = include_str!("../../../campaigns/family-plan.toml");
        let (before, rest) = text.split_once("[hours]\n").unwrap();
        let after = rest.split_once("\n[pacing]").unwrap().1;
        let text = format!("{before}[hours]\n{hours}\n\n[pacing]{after}");
        campaign_file::read("f.toml", &text, None).unwrap_or_else(|complaints| panic!("{complaints}"))
    }

    fn shown(at: &str, hours: &str) -> Vec<String> {
        let zones = [Zone::named("Asia/Shanghai").unwrap()];
        let now = at.parse::<jiff::Timestamp>().unwrap().into();
        let found = choices(now, &campaign(hours), None, &zones);
        found.iter().map(|one| format!("{} {} {}", one.days, one.date, one.span)).collect()
    }

    #[test]
    fn times_lie_in_the_hours_and_in_the_future_as_the_customers_clock_shows_them() {
        // Monday, 15:10 in Shanghai.
        let found = shown("2026-11-30T07:10:00Z", "mon-fri = [\"09:30-12:00\", \"14:00-19:30\"]");
        assert_eq!(
            found,
            [
                "0 2026-11-30 16:00–18:00",
                "0 2026-11-30 18:00–19:30",
                "1 2026-12-01 09:30–10:00",
                "1 2026-12-01 10:00–12:00",
                "1 2026-12-01 14:00–16:00",
                "1 2026-12-01 16:00–18:00",
                "1 2026-12-01 18:00–19:30",
                "2 2026-12-02 09:30–10:00",
                "2 2026-12-02 10:00–12:00",
                "2 2026-12-02 14:00–16:00",
                "2 2026-12-02 16:00–18:00",
                "2 2026-12-02 18:00–19:30",
            ]
        );
    }

    #[test]
    fn a_holiday_has_none_and_so_has_a_customer_in_no_zone() {
        let hours = "every-day = [\"10:00-12:00\"]\nholidays = [\"2026-12-01\"]";
        assert_eq!(shown("2026-11-30T07:10:00Z", hours), ["2 2026-12-02 10:00–12:00"]);
        assert_eq!(choices(Timestamp::from_millis(0), &campaign(hours), None, &[]), []);
    }
}
