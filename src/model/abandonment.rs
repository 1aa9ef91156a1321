//! The measure of abandoned calls that a law uses: over which time, of whose calls, as a share of what.
//!
//! Laws differ in all three (regulations in `campaigns/profiles/`), so they are data. Read [`AbandonMeasure`] first.

use serde::{Deserialize, Serialize};

/// Over which time abandoned calls are counted. The calendar day always counts as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AbandonWindow {
    /// The day alone, in the installation's zone.
    #[default]
    Day,
    /// The last 24 hours (Ofcom).
    #[serde(rename = "rolling_24_hours")]
    Rolling24Hours,
    /// The last 30 days (FTC, 16 CFR 310.4(b)(4)).
    #[serde(rename = "rolling_30_days")]
    Rolling30Days,
    /// Since the first of the month, in the installation's zone (CRTC).
    CalendarMonth,
}

/// Whose calls are counted together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AbandonScope {
    /// The campaign's own.
    #[default]
    Campaign,
    /// Those of all campaigns under the same profile.
    Centre,
}

/// What abandoned calls are a share of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AbandonDenominator {
    /// Calls answered by a person, those included who hung up at once.
    #[default]
    Answered,
    /// Calls abandoned and calls passed to an agent.
    AbandonedOrConnected,
}

/// How a law measures abandoned calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct AbandonMeasure {
    /// Over which time.
    pub window: AbandonWindow,
    /// Whose calls.
    pub scope: AbandonScope,
    /// As a share of what.
    pub denominator: AbandonDenominator,
    /// Share of calls taken for machines that are presumed to have been people, 0 to 1: they were hung up on, and count
    /// as abandoned. No agent hears them, so it cannot be learned from results: it is the operator's reasoned estimate,
    /// from listening to a sample.
    pub machine_error_share: f64,
    /// A number taken for a machine is left alone for this time, in seconds.
    pub machine_cool_off_s: u64,
}

/// Calls that ended one way or another, as far as the measure asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbandonTally {
    /// Answered by people.
    pub answered: u64,
    /// Of these, connected to an agent.
    pub connected: u64,
    /// Of these, abandoned.
    pub abandoned: u64,
    /// Taken for machines.
    pub machines: u64,
}

impl AbandonTally {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: AbandonTally) -> AbandonTally {
        AbandonTally {
            answered: self.answered + other.answered,
            connected: self.connected + other.connected,
            abandoned: self.abandoned + other.abandoned,
            machines: self.machines + other.machines,
        }
    }

    /// What came since an earlier count; nothing where a count went back.
    #[must_use]
    pub fn since(self, earlier: AbandonTally) -> AbandonTally {
        AbandonTally {
            answered: self.answered.saturating_sub(earlier.answered),
            connected: self.connected.saturating_sub(earlier.connected),
            abandoned: self.abandoned.saturating_sub(earlier.abandoned),
            machines: self.machines.saturating_sub(earlier.machines),
        }
    }
}

impl AbandonMeasure {
    /// Abandoned calls with the presumed ones, and what they are a share of.
    pub fn share_of(&self, tally: AbandonTally) -> (f64, f64) {
        let presumed = self.machine_error_share * tally.machines as f64;
        let whole = match self.denominator {
            AbandonDenominator::Answered => tally.answered,
            AbandonDenominator::AbandonedOrConnected => tally.abandoned + tally.connected,
        };
        (tally.abandoned as f64 + presumed, whole as f64 + presumed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_denominator_counts_what_it_says_and_presumed_people_count_on_both_sides() {
        let tally = AbandonTally { answered: 120, connected: 97, abandoned: 3, machines: 100 };
        let answered = AbandonMeasure::default();
        assert_eq!(answered.share_of(tally), (3.0, 120.0));
        let passed = AbandonMeasure { denominator: AbandonDenominator::AbandonedOrConnected, ..answered };
        assert_eq!(passed.share_of(tally), (3.0, 100.0));
        let errors = AbandonMeasure { machine_error_share: 0.02, ..passed };
        assert_eq!(errors.share_of(tally), (5.0, 102.0));
    }

    #[test]
    fn tallies_add_up_and_never_go_below_nothing() {
        let (one, two) = (
            AbandonTally { answered: 5, connected: 4, abandoned: 1, machines: 2 },
            AbandonTally { answered: 7, connected: 5, abandoned: 2, machines: 2 },
        );
        assert_eq!(one.plus(two.since(one)), two);
        assert_eq!(one.since(two), AbandonTally::default());
    }
}
