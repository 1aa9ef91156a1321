//! From when to when a campaign dials, and how much it may use.
//!
//! Not calling hours, which are about the customer's day, and not attempt caps, which are about one number. Read [`Limits`] and
//! [`Limits::reached`] first.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::attempt::Refusal;

/// Ends of a campaign, quotas and a budget. Whatever is absent does not bind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Limits {
    /// The first day on which it dials, by the installation's calendar.
    #[schema(value_type = Option<String>)]
    pub first_day: Option<Date>,
    /// The last one.
    #[schema(value_type = Option<String>)]
    pub last_day: Option<Date>,
    /// It stops when so many customers have accepted. Whoever is on the line by then may be one more.
    pub accepted_max: Option<u64>,
    /// Dials in all.
    pub dials_max: Option<u64>,
    /// Dials on one day of the installation.
    pub dials_per_day_max: Option<u64>,
    /// Hours that its customers and agents talk, in all; calls that are up then go on.
    pub talk_hours_max: Option<f64>,
    /// What it may cost.
    pub budget: Option<Budget>,
}

/// Money, in whatever unit the prices are in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Budget {
    /// What may be spent.
    pub amount: f64,
    /// Price of a dial.
    pub per_dial: f64,
    /// Price of a minute that customer and agent are connected.
    pub per_talk_minute: f64,
}

/// What a campaign has used since its beginning, and on this day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Dials.
    pub dialled: u64,
    /// Customers who accepted.
    pub accepted: u64,
    /// Time that customers and agents talked, in ms.
    pub talk_ms: u64,
}

impl Budget {
    /// What was spent.
    pub fn spent(&self, used: Used) -> f64 {
        self.per_dial * used.dialled as f64 + self.per_talk_minute * used.talk_ms as f64 / 60_000.0
    }
}

impl Limits {
    /// The limit that forbids one more dial, if any does. `today` is the installation's day, `dialled_today` its dials.
    pub fn reached(&self, today: Date, used: Used, dialled_today: u64) -> Option<Refusal> {
        let full = |limit: Option<u64>, used: u64| limit.is_some_and(|limit| used >= limit);
        if self.first_day.is_some_and(|first| today < first) {
            return Some(Refusal::BeforeFirstDay);
        }
        if self.last_day.is_some_and(|last| today > last) {
            return Some(Refusal::AfterLastDay);
        }
        let talked_h = used.talk_ms as f64 / 3_600_000.0;
        if full(self.accepted_max, used.accepted)
            || full(self.dials_max, used.dialled)
            || full(self.dials_per_day_max, dialled_today)
            || self.talk_hours_max.is_some_and(|most| talked_h >= most)
        {
            return Some(Refusal::QuotaReached);
        }
        // The dial itself must still be affordable.
        let dearer = Used { dialled: used.dialled + 1, ..used };
        if self.budget.is_some_and(|budget| budget.spent(dearer) > budget.amount) {
            return Some(Refusal::BudgetSpent);
        }
        None
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Limits::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_and_the_last_day_are_days_of_the_campaign() {
        let limits =
            Limits { first_day: Some(date("2026-12-01")), last_day: Some(date("2026-12-24")), ..Limits::default() };
        for (day, expected) in [
            ("2026-11-30", Some(Refusal::BeforeFirstDay)),
            ("2026-12-01", None),
            ("2026-12-24", None),
            ("2026-12-25", Some(Refusal::AfterLastDay)),
        ] {
            assert_eq!(limits.reached(date(day), Used::default(), 0), expected, "{day}");
        }
    }

    #[test]
    fn each_quota_binds_when_it_is_reached_and_not_before() {
        let day = date("2026-12-01");
        let none = Limits::default();
        let used = Used { dialled: 10, accepted: 3, talk_ms: 3_600_000 };
        assert!(none.is_empty() && none.reached(day, used, 10).is_none());
        let with = |change: &dyn Fn(&mut Limits)| {
            let mut limits = Limits::default();
            change(&mut limits);
            limits.reached(day, used, 4)
        };
        assert_eq!(with(&|limits| limits.accepted_max = Some(4)), None);
        assert_eq!(with(&|limits| limits.accepted_max = Some(3)), Some(Refusal::QuotaReached));
        assert_eq!(with(&|limits| limits.dials_max = Some(11)), None);
        assert_eq!(with(&|limits| limits.dials_max = Some(10)), Some(Refusal::QuotaReached));
        assert_eq!(with(&|limits| limits.dials_per_day_max = Some(5)), None);
        assert_eq!(with(&|limits| limits.dials_per_day_max = Some(4)), Some(Refusal::QuotaReached));
        assert_eq!(with(&|limits| limits.talk_hours_max = Some(1.01)), None);
        assert_eq!(with(&|limits| limits.talk_hours_max = Some(1.0)), Some(Refusal::QuotaReached));
        let budget = |amount| Some(Budget { amount, per_dial: 0.5, per_talk_minute: 0.1 });
        // 10 dials and 60 minutes cost 11; the next dial makes it 11.5.
        assert_eq!(with(&|limits| limits.budget = budget(11.5)), None);
        assert_eq!(with(&|limits| limits.budget = budget(11.4)), Some(Refusal::BudgetSpent));
    }
}
