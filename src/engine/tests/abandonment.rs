//! The abandon budget by the measure of each law: windows that pass, scopes, denominators, presumed people.

use std::sync::Arc;

use super::rig::*;
use crate::engine::event::{DayCounts, Event};
use crate::engine::ledger::hour_of;
use crate::engine::snapshot::AbandonWindowView;
use crate::model::abandonment::*;
use crate::model::campaign::{Campaign, CampaignState, Pacing, RatioOn};
use crate::model::settings::Settings;

const HOUR_S: f64 = 3600.0;

fn under(measure: AbandonMeasure) -> Settings {
    let mut settings = settings();
    for profile in settings.profiles.values_mut() {
        profile.abandon = measure;
    }
    settings
}

/// Two lines for each agent, as far as the budget goes.
fn eager(key: &str) -> Campaign {
    let pacing = Pacing::Ratio {
        lines_per_agent: 2.0,
        min_idle_total: 0,
        on: RatioOn::EveryEvent,
        ringing_max: None,
        within_budget: true,
        restarts: true,
    };
    Campaign { key: key.parse().unwrap(), pacing, ..campaign() }
}

fn tally(answered: u64, abandoned: u64) -> AbandonTally {
    AbandonTally { answered, connected: answered - abandoned, abandoned, machines: 0 }
}

/// Four agents and a campaign that did this so many hours ago.
fn after(measure: AbandonMeasure, past: &[(i64, AbandonTally)]) -> Rig {
    let mut rig = Rig::bare(under(measure));
    rig.begin(4, eager("offer"));
    tell_books(&mut rig, "offer", past);
    rig.wait(6.0);
    rig
}

fn tell_books(rig: &mut Rig, key: &str, past: &[(i64, AbandonTally)]) {
    let now = hour_of(rig.now.timestamp);
    let hours = past.iter().map(|(ago, tally)| (now - ago, *tally)).collect();
    rig.tell(Event::BooksRecovered { campaign: key.parse().unwrap(), hours });
}

fn window(rig: &Rig, window: AbandonWindow) -> AbandonWindowView {
    let windows = rig.board().abandon_windows;
    *windows.iter().find(|view| view.window == window).unwrap_or_else(|| panic!("{windows:?}"))
}

fn measure(window: AbandonWindow) -> AbandonMeasure {
    AbandonMeasure { window, ..AbandonMeasure::default() }
}

#[test]
fn a_window_that_is_spent_allows_held_dials_only_though_the_day_is_young() {
    let rig = after(measure(AbandonWindow::Rolling24Hours), &[(20, tally(200, 6))]);
    assert_eq!(rig.ringing().len(), 4, "one line for each agent");
    let spent = window(&rig, AbandonWindow::Rolling24Hours);
    assert_eq!((spent.abandoned, spent.whole, spent.left), (6.0, 200.0, 0));
    assert_eq!(window(&rig, AbandonWindow::Day).left, 1, "the day would allow one");
}

#[test]
fn what_has_left_the_window_is_forgotten() {
    let mut rig = after(measure(AbandonWindow::Rolling24Hours), &[(20, tally(200, 6))]);
    assert_eq!(window(&rig, AbandonWindow::Rolling24Hours).left, 0);
    rig.wait(5.0 * HOUR_S);
    let fresh = window(&rig, AbandonWindow::Rolling24Hours);
    assert_eq!((fresh.abandoned, fresh.left), (0.0, 1), "{fresh:?}");
}

#[test]
fn thirty_days_remember_what_a_day_does_not() {
    let past = [(29 * 24, tally(1000, 40))];
    assert_eq!(window(&after(measure(AbandonWindow::Rolling30Days), &past), AbandonWindow::Rolling30Days).left, 0);
    assert_eq!(window(&after(measure(AbandonWindow::Rolling24Hours), &past), AbandonWindow::Rolling24Hours).left, 1);
    let beyond = [(30 * 24 + 1, tally(1000, 40))];
    assert_eq!(window(&after(measure(AbandonWindow::Rolling30Days), &beyond), AbandonWindow::Rolling30Days).left, 1);
}

#[test]
fn a_calendar_month_begins_anew_on_its_first_day() {
    // The rig begins on the 23rd of November.
    let mut rig = after(measure(AbandonWindow::CalendarMonth), &[(10 * 24, tally(1000, 40))]);
    assert_eq!(window(&rig, AbandonWindow::CalendarMonth).left, 0);
    rig.set_campaign(CampaignState::Paused);
    rig.wait(8.0 * 24.0 * HOUR_S);
    let december = window(&rig, AbandonWindow::CalendarMonth);
    assert_eq!((december.whole, december.left), (0.0, 1), "{december:?}");
}

#[test]
fn a_centre_is_one_account_and_campaigns_are_many() {
    for (scope, left) in [(AbandonScope::Centre, 0), (AbandonScope::Campaign, 1)] {
        let mut rig = after(AbandonMeasure { scope, ..measure(AbandonWindow::Rolling24Hours) }, &[]);
        let (campaign, state) = (Arc::new(eager("other")), CampaignState::Paused);
        rig.tell(Event::CampaignApplied { campaign, state, today: Some(DayCounts::default()) });
        tell_books(&mut rig, "other", &[(3, tally(150, 9))]);
        rig.wait(1.0);
        assert_eq!(window(&rig, AbandonWindow::Rolling24Hours).left, left, "{scope:?}");
    }
}

#[test]
fn people_who_were_presumably_taken_for_machines_count_as_abandoned() {
    let past = [(3, AbandonTally { machines: 300, ..tally(400, 8) })];
    let without = after(measure(AbandonWindow::Rolling24Hours), &past);
    assert_eq!(window(&without, AbandonWindow::Rolling24Hours).left, 4);
    let with = AbandonMeasure { machine_error_share: 0.01, ..measure(AbandonWindow::Rolling24Hours) };
    let with = window(&after(with, &past), AbandonWindow::Rolling24Hours);
    assert_eq!((with.abandoned, with.whole, with.left), (11.0, 403.0, 1));
}

#[test]
fn calls_of_the_day_count_in_the_window_at_once() {
    let mut rig = after(measure(AbandonWindow::Rolling30Days), &[(5, tally(200, 5))]);
    assert_eq!(window(&rig, AbandonWindow::Rolling30Days).left, 1);
    let ringing = rig.ringing();
    assert_eq!(ringing.len(), 5, "one line more than there are agents");
    for attempt in ringing {
        rig.answer(attempt);
    }
    rig.wait(3.0);
    let after = window(&rig, AbandonWindow::Rolling30Days);
    assert_eq!((after.abandoned, after.whole, after.left), (6.0, 205.0, 0));
}

#[test]
fn a_cap_of_nothing_never_dials_ahead_whatever_the_window_saved() {
    let mut settings = under(measure(AbandonWindow::Rolling30Days));
    settings.profiles.values_mut().for_each(|profile| profile.abandon_rate_max = 0.0);
    let mut rig = Rig::bare(settings);
    rig.begin(4, eager("offer"));
    tell_books(&mut rig, "offer", &[(5, tally(10_000, 0))]);
    rig.wait(6.0);
    assert_eq!(rig.ringing().len(), 4);
}

#[test]
fn a_number_taken_for_a_machine_rests_as_long_as_the_profile_says() {
    use crate::model::disposition::Disposition;
    let measure = AbandonMeasure { machine_cool_off_s: 86_400, ..AbandonMeasure::default() };
    let profile = crate::model::profile::Profile { abandon: measure, ..profile() };
    let at = Rig::bare(settings()).now.timestamp;
    let mut campaign = campaign();
    campaign.retry.insert(Disposition::Machine, crate::model::campaign::RetryRule { after_s: 60, attempts_max: 3 });
    campaign.attempts_max = 5;
    let next = crate::engine::dialer::retry::after_attempt(
        at,
        &campaign,
        Some(&profile),
        &Default::default(),
        &Default::default(),
        Disposition::Machine,
    );
    let day = std::time::Duration::from_secs(86_400);
    assert_eq!(next, crate::model::lead::LeadNext::Retry { at: at + day });
}
