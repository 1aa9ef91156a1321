//! `lull campaign limit`: limits of a campaign that are set while it runs.

use clap::Args;
use serde::Serialize;

use super::people::BY;
use super::place::Installation;
use super::{Failure, Outcome, Place, show};
use crate::model::live_limits::{LimitChange, LimitName, LiveLimits};
use crate::model::name::CampaignKey;
use crate::runtime::control::Say;

const NO_SERVICE: &str = "no service runs here, and it is a running one that sets live limits; `lull serve` starts it. \
    Without it, `dials_per_day_max` and `abandon_rate_max` can be set in the campaign's file";

/// Sets limits of a campaign over its definition, at once and also after a restart; without any, shows them.
#[derive(Debug, Args)]
pub(crate) struct Limit {
    /// The campaign.
    campaign: CampaignKey,
    /// Calls on their way to a customer at once; 0: none.
    #[arg(long, value_name = "LINES")]
    lines_max: Option<u32>,
    /// Dials on one day; 0: none.
    #[arg(long, value_name = "DIALS")]
    dials_per_day_max: Option<u64>,
    /// The cap of abandoned calls, 0 to that of the profile (0.01: 1 %).
    #[arg(long, value_name = "RATE", value_parser = rate)]
    abandon_rate_max: Option<f64>,
    /// Goes back to what the definition says: lines_max, dials_per_day_max, abandon_rate_max.
    #[arg(long, value_name = "LIMIT")]
    to_definition: Vec<LimitName>,
}

#[derive(Debug, Serialize)]
struct Shown {
    campaign: CampaignKey,
    /// What is set over the definition.
    set: LiveLimits,
    /// What the definition says.
    defined: LiveLimits,
}

impl Limit {
    pub(super) fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let Limit { campaign, lines_max, dials_per_day_max, abandon_rate_max, to_definition } = self;
        installation.must_know(&campaign)?;
        let change =
            LimitChange { set: LiveLimits { lines_max, dials_per_day_max, abandon_rate_max }, back: to_definition };
        if let Some(both) = change.contradiction() {
            let both = both.as_str();
            return Err(Failure::new(format!("{both} is set and goes back to the definition; expected one of them")));
        }
        if change != LimitChange::default() {
            let (by, at) = (BY.to_owned(), installation.now());
            let say = Say::CampaignLimits { campaign: campaign.clone(), change, by, at };
            if !installation.tell(&say)? {
                return Err(Failure::new(NO_SERVICE));
            }
        }
        let key = campaign.clone();
        let (set, row) = installation
            .with_store(|store, _| async move { Ok((store.live_limits(&key).await?, store.campaign(&key).await?)) })?;
        let defined = row.map_or_else(LiveLimits::default, |row| LiveLimits::defined_by(&row.campaign));
        let text = LimitName::ALL.map(|name| told(name, &set, &defined)).join("\n");
        show(place.json, &Shown { campaign, set, defined }, || text);
        Ok(Outcome::Done)
    }
}

/// A share of calls. The profile says how much of it is allowed.
fn rate(text: &str) -> Result<f64, String> {
    let read = text.parse::<f64>().ok().filter(|rate| (0.0..=1.0).contains(rate));
    read.ok_or_else(|| "expected a number from 0 to 1, as 0.01 for 1 %".to_owned())
}

fn told(name: LimitName, set: &LiveLimits, defined: &LiveLimits) -> String {
    let value = |limits: &LiveLimits| limits.get(name).map(|most| most.to_string());
    let defined = value(defined).unwrap_or_else(|| "no limit".to_owned());
    let name = name.as_str();
    match value(set) {
        Some(set) => format!("{name:<18} {set} (set live; the definition says {defined})"),
        None => format!("{name:<18} {defined}"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        limit: Limit,
    }

    #[test]
    fn a_rate_is_a_number_from_0_to_1() {
        for (text, expected) in [("0", 0.0), ("0.015", 0.015), ("1", 1.0)] {
            assert_eq!(rate(text), Ok(expected), "{text}");
        }
        for text in ["nan", "NaN", "inf", "-inf", "infinity", "-0.1", "1.01", "1e9", "1%", ""] {
            assert!(rate(text).is_err_and(|said| said.contains("from 0 to 1")), "{text}");
        }
        let read = |rate: &str| Line::try_parse_from(["limit", "spring", "--abandon-rate-max", rate]);
        assert_eq!(read("0.01").unwrap().limit.abandon_rate_max, Some(0.01));
        let refused = read("nan").err().unwrap().to_string();
        assert!(refused.contains("'nan' for '--abandon-rate-max <RATE>': expected a number from 0 to 1"), "{refused}");
    }

    #[test]
    fn each_limit_says_what_is_set_and_what_the_definition_says() {
        let set = LiveLimits { lines_max: Some(4), ..LiveLimits::default() };
        let defined = LiveLimits { abandon_rate_max: Some(0.03), ..LiveLimits::default() };
        let lines = LimitName::ALL.map(|name| told(name, &set, &defined));
        assert_eq!(lines[0], "lines_max          4 (set live; the definition says no limit)");
        assert_eq!(lines[1], "dials_per_day_max  no limit");
        assert_eq!(lines[2], "abandon_rate_max   0.03");
        assert!(
            "ringing_max".parse::<LimitName>().unwrap_err().contains("expected one of lines_max, dials_per_day_max")
        );
    }
}
