//! Compliance profiles as files: reading them, and the ones Lull ships.
//!
//! Not legal advice: what a shipped profile says was read in the sources it names, or is marked as not verified. Read
//! [`read`] and [`shipped`] first.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::abandonment::{AbandonDenominator, AbandonMeasure, AbandonScope, AbandonWindow};
use super::calendar::read_hours;
use super::document::{ComplaintCode, Complaints, Document, Reader, SourceKind, Table};
use super::name::ProfileName;
use super::outreach::MessageRules;
use super::profile::{AttemptCap, Profile};

/// Shipped profiles: file name and text. Those of the configuration's directory override them by name.
pub const SHIPPED: [(&str, &str); 9] = [
    ("profiles/cn.toml", include_str!("../../campaigns/profiles/cn.toml")),
    ("profiles/us-ftc.toml", include_str!("../../campaigns/profiles/us-ftc.toml")),
    ("profiles/us-fl.toml", include_str!("../../campaigns/profiles/us-fl.toml")),
    ("profiles/us-ok.toml", include_str!("../../campaigns/profiles/us-ok.toml")),
    ("profiles/ca-crtc.toml", include_str!("../../campaigns/profiles/ca-crtc.toml")),
    ("profiles/de.toml", include_str!("../../campaigns/profiles/de.toml")),
    ("profiles/fr.toml", include_str!("../../campaigns/profiles/fr.toml")),
    ("profiles/au.toml", include_str!("../../campaigns/profiles/au.toml")),
    ("profiles/uk-ofcom.toml", include_str!("../../campaigns/profiles/uk-ofcom.toml")),
];

/// Longest window of an attempt cap, in seconds: attempts are remembered for 31 days.
pub const CAP_WINDOW_S_MAX: u64 = super::lead::PAST_ATTEMPTS_DAYS as u64 * 86_400;

/// The profiles built into the program, by name. A test holds that all of them can be read.
pub fn shipped() -> BTreeMap<ProfileName, Profile> {
    static PROFILES: LazyLock<BTreeMap<ProfileName, Profile>> = LazyLock::new(|| {
        let profiles = SHIPPED.iter().filter_map(|(name, text)| read(name, text).ok());
        profiles.map(|profile| (profile.name.clone(), profile)).collect()
    });
    PROFILES.clone()
}

/// Reads a profile.
pub fn read(file: &str, text: &str) -> Result<Profile, Complaints> {
    let document = Document::parse(SourceKind::File, file, text);
    let reader = Reader::new(&document);
    let profile = profile(&reader.root());
    reader.finish(profile)
}

fn profile(root: &Table<'_>) -> Option<Profile> {
    let name = root.required("name");
    let title = root.required("title");
    let sources: Option<Vec<String>> = root.required("sources");
    let notice = root.required("notice");
    let hours = root.required_table("hours").and_then(|table| read_hours(&table));
    let abandon_rate_max = root.required_within("abandon_rate_max", 0.0..=1.0);
    let abandon = match root.table("abandon") {
        Some(table) => measure(&table),
        None if root.has("abandon") => None,
        None => Some(AbandonMeasure::default()),
    };
    let connect_deadline_s = root.required_within("connect_deadline_s", 0.1..=60.0);
    let ring_min_s = root.required_within("ring_min_s", 0.0..=120.0);
    let attempt_caps = read_caps(root);
    let abandon_cool_off_s = root.within("abandon_cool_off_s", 0..=CAP_WINDOW_S_MAX, 0);
    let consent_required = root.required("consent_required");
    let information_message = root.required("information_message");
    let messages = match root.table("messages") {
        Some(table) => {
            let signature = table.or("signature", false);
            let opt_out = table.or("opt_out", Vec::new());
            signature.zip(opt_out).map(|(signature, opt_out)| MessageRules { signature, opt_out })
        }
        None if root.has("messages") => None,
        None => Some(MessageRules::default()),
    };
    if let Some(hours) = &hours
        && hours.is_never_open()
        && let Some(spot) = root.spot("hours")
    {
        spot.wrong::<()>(
            ComplaintCode::WrongValue,
            "the hours are never open",
            "name at least one weekday with a span",
        );
        return None;
    }
    Some(Profile {
        name: name?,
        title: title?,
        sources: sources?,
        notice: notice?,
        hours: hours?,
        abandon_rate_max: abandon_rate_max?,
        abandon: abandon?,
        connect_deadline_s: connect_deadline_s?,
        ring_min_s: ring_min_s?,
        attempt_caps: attempt_caps?,
        abandon_cool_off_s: abandon_cool_off_s?,
        consent_required: consent_required?,
        information_message: information_message?,
        messages: messages?,
    })
}

const WINDOWS: &[(&str, AbandonWindow)] = &[
    ("day", AbandonWindow::Day),
    ("rolling_24_hours", AbandonWindow::Rolling24Hours),
    ("rolling_30_days", AbandonWindow::Rolling30Days),
    ("calendar_month", AbandonWindow::CalendarMonth),
];
const SCOPES: &[(&str, AbandonScope)] = &[("campaign", AbandonScope::Campaign), ("centre", AbandonScope::Centre)];
const DENOMINATORS: &[(&str, AbandonDenominator)] =
    &[("answered", AbandonDenominator::Answered), ("abandoned_or_connected", AbandonDenominator::AbandonedOrConnected)];

fn measure(table: &Table<'_>) -> Option<AbandonMeasure> {
    let window = table.word("window", WINDOWS, AbandonWindow::default());
    let scope = table.word("scope", SCOPES, AbandonScope::default());
    let denominator = table.word("denominator", DENOMINATORS, AbandonDenominator::default());
    let machine_error_share = table.within("machine_error_share", 0.0..=1.0, 0.0);
    let machine_cool_off_s = table.within("machine_cool_off_s", 0..=CAP_WINDOW_S_MAX, 0);
    Some(AbandonMeasure {
        window: window?,
        scope: scope?,
        denominator: denominator?,
        machine_error_share: machine_error_share?,
        machine_cool_off_s: machine_cool_off_s?,
    })
}

/// Reads `attempt_caps`, a list that may be left out.
pub(super) fn read_caps(root: &Table<'_>) -> Option<Vec<AttemptCap>> {
    let sound = root.spot("attempt_caps").is_none_or(|spot| spot.items("a list of caps").is_some());
    let caps: Vec<Option<AttemptCap>> = if sound { root.tables("attempt_caps") } else { Vec::new() }
        .into_iter()
        .map(|table| {
            let max = table.required("max");
            let within_s = table.required_within("within_s", 1..=CAP_WINDOW_S_MAX);
            Some(AttemptCap { max: max?, within_s: within_s? })
        })
        .collect();
    if sound { caps.into_iter().collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_profiles_can_be_read_and_ask_for_counsel() {
        assert_eq!(shipped().len(), SHIPPED.len());
        for (file, text) in SHIPPED {
            let profile = read(file, text).unwrap_or_else(|complaints| panic!("{complaints}"));
            assert_eq!(format!("profiles/{}.toml", profile.name), file);
            assert!(profile.notice.to_lowercase().contains("verify with counsel"), "{file}");
            assert!(!profile.sources.is_empty(), "{file}");
            assert!(profile.connect_deadline_s <= 2.0 && profile.ring_min_s >= 15.0, "{file}");
        }
    }

    #[test]
    fn a_spoilt_line_is_read_or_complained_about() {
        let mut refused = 0;
        for (file, text) in SHIPPED {
            refused += crate::model::document::spoilt(text).filter(|spoilt| read(file, spoilt).is_err()).count();
        }
        assert!(refused > 100, "only {refused} were refused");
    }

    #[test]
    fn the_measure_of_abandoned_calls_is_the_laws_and_a_wrong_word_is_told() {
        let of = |name: &str| {
            let (file, text) = SHIPPED.iter().find(|(file, _)| file.ends_with(name)).unwrap();
            (read(file, text).unwrap().abandon, *text)
        };
        assert_eq!(of("us-ftc.toml").0.window, AbandonWindow::Rolling30Days);
        assert_eq!(of("ca-crtc.toml").0.window, AbandonWindow::CalendarMonth);
        let (uk, text) = of("uk-ofcom.toml");
        assert_eq!(uk.window, AbandonWindow::Rolling24Hours);
        assert_eq!(uk.denominator, AbandonDenominator::AbandonedOrConnected);
        assert_eq!((uk.machine_error_share, uk.machine_cool_off_s), (0.01, 86_400));
        let wrong =
            text.replace("rolling_24_hours", "rolling_week").replace("scope = \"campaign\"", "scope = \"center\"");
        let error = read("uk-ofcom.toml", &wrong).unwrap_err().to_string();
        assert!(error.contains("rolling_week") && error.contains("rolling_24_hours"), "{error}");
        assert!(error.contains("center") && error.contains("`centre`"), "{error}");
    }

    #[test]
    fn a_cap_beyond_what_is_remembered_is_refused() {
        let text = SHIPPED[0].1.replace("within_s = 86400", "within_s = 8640000");
        assert_ne!(text, SHIPPED[0].1);
        let error = read("cn.toml", &text).unwrap_err().to_string();
        assert!(error.contains("`8640000` is out of range; expected 1 to 2678400"), "{error}");
    }
}
