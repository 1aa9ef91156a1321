//! Whether a lead can be dialled at all while its campaign lasts.
//!
//! Not whether it may be dialled now, which the engine's guard decides with the same hours. Read [`opens_at_all`] first.

use jiff::civil::Date;

use super::calling_hours::{WeeklyHours, next_callable};
use super::campaign::Campaign;
use super::profile::Profile;
use super::time::Timestamp;
use super::zone::Zone;

/// Whether there is a moment, from `now` on and between the campaign's first and last day by `calendar`, at which it is open in
/// all of these zones, by their IANA names, by the campaign's hours and the profile's, where there is one. No zone is never open.
pub fn opens_at_all(
    now: Timestamp,
    campaign: &Campaign,
    profile: Option<&Profile>,
    zones: &[String],
    calendar: &Zone,
) -> bool {
    let zones: Result<Vec<Zone>, _> = zones.iter().map(|name| Zone::named(name)).collect();
    let Ok(zones) = zones else { return false };
    let begins = |day: Date| day.to_zoned(calendar.as_jiff().clone()).ok().map(|start| start.timestamp().into());
    let from = campaign.limits.first_day.and_then(begins).map_or(now, |first: Timestamp| first.max(now));
    let ends: Option<Timestamp> = campaign.limits.last_day.and_then(|last| begins(last.tomorrow().ok()?));
    let hours: Vec<&WeeklyHours> =
        std::iter::once(&campaign.hours).chain(profile.map(|profile| &profile.hours)).collect();
    next_callable(from, &zones, &hours).is_some_and(|opens| ends.is_none_or(|ends| opens < ends))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::campaign_file;
    use crate::model::limits::Limits;
    use crate::model::profile_file;

    #[test]
    fn a_lead_without_an_open_hour_before_the_last_day_ends_is_told() {
        let text = include_str!("../../campaigns/family-plan.toml");
        let mut campaign = campaign_file::read("family-plan.toml", text, None).unwrap();
        campaign.hours = WeeklyHours::always();
        campaign.hours.days = std::array::from_fn(|day| match day {
            0..5 => vec!["09:00-12:00".parse().unwrap()],
            _ => vec![],
        });
        let zone = |name: &str| Zone::named(name).unwrap();
        let calendar = zone("Asia/Shanghai");
        // Friday 2026-12-04, 11:00 in Shanghai.
        let now: Timestamp = "2026-12-04T03:00:00Z".parse::<jiff::Timestamp>().unwrap().into();
        let opens = |campaign: &Campaign, names: &[&str]| {
            let zones: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            opens_at_all(now, campaign, None, &zones, &calendar)
        };
        assert!(opens(&campaign, &["Asia/Shanghai"]) && opens(&campaign, &["America/New_York"]));
        assert!(!opens(&campaign, &[]), "nobody knows what time it is there");
        assert!(!opens(&campaign, &["Asia/Shanghai", "America/Los_Angeles"]), "never open in both at once");
        // Until the end of Friday in Shanghai: in New York it is Friday 11:00 by then, in Honolulu 06:00.
        let day = |text: &str| Some(text.parse().unwrap());
        campaign.limits = Limits { last_day: day("2026-12-04"), ..Limits::default() };
        assert!(opens(&campaign, &["America/New_York"]) && !opens(&campaign, &["Pacific/Honolulu"]));
        // A weekend only.
        campaign.limits = Limits { first_day: day("2026-12-05"), last_day: day("2026-12-06"), ..Limits::default() };
        assert!(!opens(&campaign, &["Asia/Shanghai"]));
        let profiles = profile_file::shipped();
        let mut closed = profiles.values().next().unwrap().clone();
        closed.hours = WeeklyHours::default();
        campaign.limits = Limits::default();
        assert!(!opens_at_all(now, &campaign, Some(&closed), &["Asia/Shanghai".to_owned()], &calendar));
    }
}
