//! Figures: what one day counted, and what several days together say.
//!
//! Read [`Day`] and [`Figures`] first; `docs/simulate.md` has the formula of each.

use serde::Serialize;

use super::student::half_width;

/// Answers below which a day's abandon rate says little.
pub(super) const ANSWERS_FEW: u64 = 100;

/// What the world counted in one day, from time 0 to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Day {
    /// Agent-seconds signed in, over all groups.
    pub agent_s: f64,
    /// Of these, talking or wrapping up after customers of campaigns.
    pub outbound_busy_s: f64,
    /// Of these, talking or wrapping up after callers.
    pub inbound_busy_s: f64,
    /// Dials placed.
    pub dials: u64,
    /// Persons who answered.
    pub answered: u64,
    /// Persons who were connected to an agent.
    pub connected: u64,
    /// Persons who answered, and whose patience ended without an agent.
    pub abandoned: u64,
    /// Machines that were recognised and released.
    pub machines: u64,
    /// Dials that failed.
    pub failures: u64,
    /// Dials that rang to the ring timeout.
    pub no_answers: u64,
    /// Dials that were given up while they rang.
    pub cancelled: u64,
    /// Dials ringing at time 0.
    pub ringing_before: u64,
    /// Dials ringing at the end.
    pub still_ringing: u64,
    /// Callers who came.
    pub inbound_offered: u64,
    /// Callers who were answered.
    pub inbound_answered: u64,
    /// Of these, in time.
    pub inbound_in_time: u64,
    /// Callers who hung up before.
    pub inbound_abandoned: u64,
    /// Waits of those who were answered, in seconds.
    pub answered_wait_s: f64,
    /// Waits of those who hung up, in seconds.
    pub abandoned_wait_s: f64,
}

/// A figure over several days.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = WhatifFigure)]
pub struct Figure {
    /// A rate pooled over the days, or the mean of a count per day; `None` where nothing was counted.
    pub mean: Option<f64>,
    /// Half-width of its 95 % interval, over the days; `None` for fewer than two.
    pub ci95: Option<f64>,
}

/// What several days together say.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Share of signed-in time that agents talk or wrap up.
    pub agent_utilisation: Figure,
    /// The same for customers of campaigns alone.
    pub outbound_utilisation: Figure,
    /// The same for callers alone.
    pub inbound_occupancy: Figure,
    /// Customers connected for each hour of an agent.
    pub outbound_connects_per_agent_hour: Figure,
    /// Dials placed.
    pub dials: Figure,
    /// Persons who answered.
    pub answered: Figure,
    /// Persons who were connected.
    pub outbound_connected: Figure,
    /// Persons who were abandoned.
    pub abandoned: Figure,
    /// Abandoned among abandoned and connected.
    pub abandon_rate: Figure,
    /// The largest of a single day with 100 answers or more; `None` if there is no such day.
    pub worst_day_abandon_rate: Option<f64>,
    /// Machines.
    pub machines: Figure,
    /// Dials that failed.
    pub failures: Figure,
    /// Dials that nobody answered.
    pub no_answers: Figure,
    /// Dials that were given up while they rang.
    pub cancelled: Figure,
    /// Callers who came.
    pub inbound_offered: Figure,
    /// Callers who were answered.
    pub inbound_answered: Figure,
    /// Callers who hung up before.
    pub inbound_abandoned: Figure,
    /// Share of callers answered in time, among all who came.
    pub service_level: Figure,
    /// Mean wait of answered callers, in seconds.
    pub asa_s: Figure,
    /// Mean wait of all callers, in seconds.
    pub mean_wait_s: Figure,
    /// Hours that were simulated, warm-up included.
    pub simulated_hours: f64,
}

/// A part and the whole it is of.
type Part = fn(&Day) -> (f64, f64);

impl Day {
    /// Persons whose fate is decided, and of these the share abandoned.
    pub fn abandon_rate(&self) -> Option<f64> {
        let decided = self.abandoned + self.connected;
        (decided > 0).then(|| self.abandoned as f64 / decided as f64)
    }
}

impl Figures {
    /// The figures of these days, each of so many hours with its warm-up.
    pub fn of(days: &[Day], hours_each: f64) -> Figures {
        let count = |of: fn(&Day) -> u64| counted(days, of);
        let rate = |part: Part| pooled(days, part);
        let worst = days.iter().filter(|day| day.answered >= ANSWERS_FEW).filter_map(Day::abandon_rate);
        Figures {
            agent_utilisation: rate(|day| (day.outbound_busy_s + day.inbound_busy_s, day.agent_s)),
            outbound_utilisation: rate(|day| (day.outbound_busy_s, day.agent_s)),
            inbound_occupancy: rate(|day| (day.inbound_busy_s, day.agent_s)),
            outbound_connects_per_agent_hour: rate(|day| (3600.0 * day.connected as f64, day.agent_s)),
            dials: count(|day| day.dials),
            answered: count(|day| day.answered),
            outbound_connected: count(|day| day.connected),
            abandoned: count(|day| day.abandoned),
            abandon_rate: rate(|day| (day.abandoned as f64, (day.abandoned + day.connected) as f64)),
            worst_day_abandon_rate: worst.reduce(f64::max),
            machines: count(|day| day.machines),
            failures: count(|day| day.failures),
            no_answers: count(|day| day.no_answers),
            cancelled: count(|day| day.cancelled),
            inbound_offered: count(|day| day.inbound_offered),
            inbound_answered: count(|day| day.inbound_answered),
            inbound_abandoned: count(|day| day.inbound_abandoned),
            service_level: rate(|day| (day.inbound_in_time as f64, day.inbound_offered as f64)),
            asa_s: rate(|day| (day.answered_wait_s, day.inbound_answered as f64)),
            mean_wait_s: rate(|day| {
                let over = day.inbound_answered + day.inbound_abandoned;
                (day.answered_wait_s + day.abandoned_wait_s, over as f64)
            }),
            simulated_hours: hours_each * days.len() as f64,
        }
    }
}

/// A count per day.
fn counted(days: &[Day], of: fn(&Day) -> u64) -> Figure {
    let values: Vec<f64> = days.iter().map(|day| of(day) as f64).collect();
    let mean = (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    Figure { mean, ci95: half_width(&values) }
}

/// A rate of all days together; days on which there was nothing to take a share of say nothing about its spread.
fn pooled(days: &[Day], part: Part) -> Figure {
    let parts: Vec<(f64, f64)> = days.iter().map(part).filter(|(_, whole)| *whole > 0.0).collect();
    let whole: f64 = parts.iter().map(|(_, whole)| whole).sum();
    let sum: f64 = parts.iter().map(|(part, _)| part).sum();
    let rates: Vec<f64> = parts.iter().map(|(part, whole)| part / whole).collect();
    Figure { mean: (whole > 0.0).then(|| sum / whole), ci95: half_width(&rates) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_pooled_and_their_spread_is_that_of_the_days() {
        let day = |abandoned, connected| Day { abandoned, connected, answered: 200, agent_s: 3600.0, ..Day::default() };
        let figures = Figures::of(&[day(1, 99), day(9, 291)], 2.0);
        assert_eq!(figures.abandon_rate.mean, Some(10.0 / 400.0));
        let expected = 12.706 * ((0.03f64 - 0.01) / 2.0);
        assert!((figures.abandon_rate.ci95.unwrap() - expected).abs() < 1e-9);
        assert_eq!(figures.worst_day_abandon_rate, Some(0.03));
        assert_eq!(figures.outbound_connects_per_agent_hour.mean, Some(195.0));
        assert_eq!((figures.service_level.mean, figures.simulated_hours), (None, 4.0));
    }
}
