//! Predictive pacing: nearer to the optimum than the others, and under the cap on every day.

use super::read;
use crate::sim::figures::Figures;
use crate::sim::{Policy, run};

/// Twenty agents, steady callers, everything about customers unknown at first. `person` answer in so many of 100 cases.
fn centre(person: f64, cap: f64, agents: &str) -> String {
    format!(
        r#"seed = 11
replications = 2
warm_up_s = 3600
duration_s = 10800

[[agents]]
name = "blend"
count = {agents}
serves = ["inbound", "outbound"]

[inbound]
arrivals_per_hour = 120
talk_s = {{ distribution = "lognormal", mean = 180, cv = 0.9 }}
wrap_up_s = {{ distribution = "lognormal", mean = 30, cv = 0.5 }}
patience_s = {{ distribution = "exponential", mean = 120 }}
service_level = {{ target = 0.80, within_s = 10 }}

[[outbound]]
name = "offer"
person_probability = {person}
machine_probability = 0.25
machine_s = {{ distribution = "uniform", min = 15, max = 24 }}
failure_probability = 0.05
failure_s = {{ distribution = "uniform", min = 1, max = 4 }}
answer_s = {{ distribution = "lognormal", mean = 10, cv = 0.4 }}
ring_timeout_s = 25
talk_s = {{ distribution = "lognormal", mean = 150, cv = 0.9 }}
wrap_up_s = {{ distribution = "lognormal", mean = 30, cv = 0.5 }}
patience_s = {{ distribution = "constant", value = 2 }}
max_abandon_rate = {cap}
pacing = {{ mode = "predictive" }}
idle_threshold = "off"
serve_first = "answered"
"#
    )
}

fn figures(text: &str, policy: Policy) -> Figures {
    run(&policy.applied(&read(text)), 2, false, &|| {}, None).figures
}

fn connects(figures: &Figures) -> f64 {
    figures.outbound_connects_per_agent_hour.mean.unwrap()
}

#[test]
fn it_connects_far_more_than_progressive_under_the_cap_and_above_the_service_level() {
    let text = centre(0.3, 0.03, "20");
    let predictive = figures(&text, Policy::Predictive);
    let progressive = figures(&text, Policy::Progressive);
    let gain = connects(&predictive) / connects(&progressive);
    assert!(gain > 1.08, "{gain}");
    assert!(predictive.worst_day_abandon_rate.unwrap() <= 0.03, "{predictive:?}");
    assert!(predictive.service_level.mean.unwrap() >= 0.8);
}

#[test]
fn customers_without_patience_are_connected_where_an_agent_is_held_for_each() {
    let text = centre(0.3, 0.03, "20").replace(r#""constant", value = 2 }"#, r#""constant", value = 0 }"#);
    let figures = figures(&text.replace("arrivals_per_hour = 120", "arrivals_per_hour = 0"), Policy::Progressive);
    assert_eq!(figures.abandoned.mean, Some(0.0), "{figures:?}");
    assert!(figures.outbound_connected.mean.unwrap() > 100.0, "{figures:?}");
}

#[test]
fn a_stricter_cap_is_kept_as_well_and_costs_connects() {
    let loose = figures(&centre(0.3, 0.03, "20"), Policy::Predictive);
    let strict = figures(&centre(0.3, 0.01, "20"), Policy::Predictive);
    assert!(strict.worst_day_abandon_rate.unwrap() <= 0.01, "{strict:?}");
    assert!(connects(&strict) < connects(&loose));
    let none = figures(&centre(0.3, 0.0, "20"), Policy::Predictive);
    assert_eq!(none.abandoned.mean, Some(0.0), "a cap of 0: an agent is held for every dial");
}

#[test]
fn an_answer_rate_that_doubles_at_noon_does_not_break_the_cap() {
    let doubling = "[{ at_s = 0, value = 0.2 }, { at_s = 5400, value = 0.4 }]";
    let text = centre(0.3, 0.03, "20").replace("person_probability = 0.3", &format!("person_probability = {doubling}"));
    let figures = figures(&text, Policy::Predictive);
    assert!(figures.worst_day_abandon_rate.unwrap() <= 0.03, "{figures:?}");
}

#[test]
fn half_of_the_agents_may_leave_at_once() {
    let leaving = "[{ at_s = 0, value = 20 }, { at_s = 5400, value = 10 }]";
    let figures = figures(&centre(0.3, 0.03, leaving), Policy::Predictive);
    assert!(figures.worst_day_abandon_rate.unwrap() <= 0.03, "{figures:?}");
}

#[test]
fn a_small_team_gains_too() {
    // Little, at five agents: over fewer days chance is larger than the gain.
    let text = centre(0.3, 0.03, "5").replace("replications = 2", "replications = 10");
    let text = text.replace("arrivals_per_hour = 120", "arrivals_per_hour = 20");
    let predictive = figures(&text, Policy::Predictive);
    assert!(connects(&predictive) > connects(&figures(&text, Policy::Progressive)), "{predictive:?}");
    assert!(predictive.abandon_rate.mean.unwrap() <= 0.03, "{predictive:?}");
}
