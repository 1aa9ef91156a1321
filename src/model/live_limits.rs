//! Limits of a campaign that can be set while it runs, over its definition.
//!
//! Not the definition's limits ([`super::limits`]), which these replace while they are set. Read [`LiveLimits`] first.

use serde::{Deserialize, Serialize};

use super::campaign::Campaign;

/// A limit that can be set live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitName {
    /// Calls on their way to a customer at once. A definition has none.
    LinesMax,
    /// Dials on one day of the installation.
    DialsPerDayMax,
    /// The cap of abandoned calls, 0 to 1.
    AbandonRateMax,
}

impl LimitName {
    /// All of them, in the order in which they are shown.
    pub const ALL: [LimitName; 3] = [LimitName::LinesMax, LimitName::DialsPerDayMax, LimitName::AbandonRateMax];

    /// As it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            LimitName::LinesMax => "lines_max",
            LimitName::DialsPerDayMax => "dials_per_day_max",
            LimitName::AbandonRateMax => "abandon_rate_max",
        }
    }
}

impl std::str::FromStr for LimitName {
    type Err = String;

    fn from_str(text: &str) -> Result<LimitName, String> {
        let found = LimitName::ALL.into_iter().find(|name| name.as_str() == text);
        let names = LimitName::ALL.map(LimitName::as_str).join(", ");
        found.ok_or_else(|| format!("`{text}` is no limit that can be set live; expected one of {names}"))
    }
}

/// What somebody set; `None`: as the definition says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveLimits {
    /// Calls on their way to a customer at once: decided, ringing, or not yet given to anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines_max: Option<u32>,
    /// Dials on one day of the installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dials_per_day_max: Option<u64>,
    /// The campaign's cap of abandoned calls, 0 to 1. The profile's holds beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abandon_rate_max: Option<f64>,
}

/// A change of live limits. What is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitChange {
    /// What is set.
    pub set: LiveLimits,
    /// What goes back to the definition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub back: Vec<LimitName>,
}

impl LiveLimits {
    /// What the definition of a campaign says of these limits.
    pub fn defined_by(campaign: &Campaign) -> LiveLimits {
        LiveLimits {
            lines_max: None,
            dials_per_day_max: campaign.limits.dials_per_day_max,
            abandon_rate_max: Some(campaign.abandon_rate_max),
        }
    }

    /// One of them, if it is set.
    pub fn get(&self, name: LimitName) -> Option<f64> {
        match name {
            LimitName::LinesMax => self.lines_max.map(f64::from),
            LimitName::DialsPerDayMax => self.dials_per_day_max.map(|most| most as f64),
            LimitName::AbandonRateMax => self.abandon_rate_max,
        }
    }

    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        *self == LiveLimits::default()
    }

    /// Whether this one is set.
    pub fn has(&self, name: LimitName) -> bool {
        self.get(name).is_some()
    }

    /// What is set after a change.
    pub fn changed(mut self, change: &LimitChange) -> LiveLimits {
        for back in &change.back {
            match back {
                LimitName::LinesMax => self.lines_max = None,
                LimitName::DialsPerDayMax => self.dials_per_day_max = None,
                LimitName::AbandonRateMax => self.abandon_rate_max = None,
            }
        }
        let LiveLimits { lines_max, dials_per_day_max, abandon_rate_max } = change.set;
        LiveLimits {
            lines_max: lines_max.or(self.lines_max),
            dials_per_day_max: dials_per_day_max.or(self.dials_per_day_max),
            abandon_rate_max: abandon_rate_max.or(self.abandon_rate_max),
        }
    }
}

impl LiveLimits {
    /// Of each limit the stricter of this and the other, where `defined` holds if nothing is set.
    pub fn stricter(self, other: LiveLimits, defined: LiveLimits) -> LiveLimits {
        fn lower<T: Copy + PartialOrd>(one: Option<T>, other: Option<T>, defined: Option<T>) -> Option<T> {
            match (one.or(defined), other.or(defined)) {
                (_, None) => one,
                (Some(held), Some(wanted)) if held <= wanted => one,
                (_, Some(_)) => other,
            }
        }
        LiveLimits {
            lines_max: lower(self.lines_max, other.lines_max, defined.lines_max),
            dials_per_day_max: lower(self.dials_per_day_max, other.dials_per_day_max, defined.dials_per_day_max),
            abandon_rate_max: lower(self.abandon_rate_max, other.abandon_rate_max, defined.abandon_rate_max),
        }
    }
}

impl LimitChange {
    /// The first limit that is both set and taken back.
    pub fn contradiction(&self) -> Option<LimitName> {
        self.back.iter().copied().find(|name| self.set.has(*name))
    }

    /// As the audit trail keeps it: `null` is what went back to the definition.
    pub fn told(&self) -> serde_json::Map<String, serde_json::Value> {
        let LiveLimits { lines_max, dials_per_day_max, abandon_rate_max } = self.set;
        let back = self.back.iter().map(|name| (name.as_str(), serde_json::Value::Null));
        let set = [
            (LimitName::LinesMax, lines_max.map(Into::into)),
            (LimitName::DialsPerDayMax, dials_per_day_max.map(Into::into)),
            (LimitName::AbandonRateMax, abandon_rate_max.map(Into::into)),
        ];
        let set = set.into_iter().filter_map(|(name, value)| Some((name.as_str(), value?)));
        back.chain(set).map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_the_stricter_holds_and_what_the_definition_says_counts_where_nothing_is_set() {
        let defined = LiveLimits { dials_per_day_max: Some(100), abandon_rate_max: Some(0.03), lines_max: None };
        let before = LiveLimits { lines_max: Some(5), dials_per_day_max: Some(50), abandon_rate_max: None };
        let change = LimitChange {
            set: LiveLimits { lines_max: Some(9), abandon_rate_max: Some(0.01), ..LiveLimits::default() },
            back: vec![LimitName::DialsPerDayMax],
        };
        let held = before.stricter(before.changed(&change), defined);
        assert_eq!(held, LiveLimits { abandon_rate_max: Some(0.01), ..before });
        // Nothing set and nothing defined is the laxest.
        let first = LiveLimits { lines_max: Some(3), ..LiveLimits::default() };
        assert_eq!(LiveLimits::default().stricter(first, LiveLimits::default()), first);
        assert_eq!(first.stricter(LiveLimits::default(), LiveLimits::default()), first);
    }

    #[test]
    fn what_is_absent_stays_and_what_goes_back_is_told_as_nothing() {
        let set = LiveLimits { lines_max: Some(5), abandon_rate_max: Some(0.01), ..LiveLimits::default() };
        let change = LimitChange {
            set: LiveLimits { dials_per_day_max: Some(90), ..LiveLimits::default() },
            back: vec![LimitName::LinesMax],
        };
        let expected = LiveLimits { lines_max: None, dials_per_day_max: Some(90), abandon_rate_max: Some(0.01) };
        assert_eq!(set.changed(&change), expected);
        assert_eq!(serde_json::Value::from(change.told()).to_string(), r#"{"dials_per_day_max":90,"lines_max":null}"#);
        assert_eq!(change.contradiction(), None);
        let both = LimitChange { set, back: vec![LimitName::DialsPerDayMax, LimitName::LinesMax] };
        assert_eq!(both.contradiction(), Some(LimitName::LinesMax));
    }
}
