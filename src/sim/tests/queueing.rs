//! Erlang's and Palm's formulas, met within the confidence interval.

use super::closed_form::{erlang_a, erlang_b, erlang_c};
use super::{expect, live};

fn queue(agents: u32, per_hour: f64, more: &str) -> String {
    format!(
        "seed = 3\nreplications = 8\nwarm_up_s = 3600\nduration_s = 14400\n\
         [[agents]]\nname = \"service\"\ncount = {agents}\nserves = [\"inbound\"]\n\
         [inbound]\narrivals_per_hour = {per_hour}\ntalk_s = {{ distribution = \"exponential\", mean = 180 }}\n\
         service_level = {{ target = 0.8, within_s = 20 }}\n{more}\n"
    )
}

#[test]
fn callers_who_do_not_wait_are_lost_as_erlang_says() {
    let figures = live(&queue(10, 200.0, "balking = 1.0")).figures;
    let lost = erlang_b(10, 10.0);
    expect("in time", figures.service_level, 1.0 - lost);
    expect("in use", figures.agent_utilisation, (1.0 - lost) * 10.0 / 10.0);
    assert_eq!(figures.mean_wait_s.mean, Some(0.0));
}

#[test]
fn callers_who_wait_for_ever_wait_as_erlang_says() {
    let figures = live(&queue(10, 160.0, "")).figures;
    let (waits, spare) = (erlang_c(10, 8.0), (10.0 - 8.0) / 180.0);
    expect("mean wait", figures.mean_wait_s, waits / spare);
    expect("in time", figures.service_level, 1.0 - waits * (-spare * 20.0f64).exp());
    expect("in use", figures.agent_utilisation, 0.8);
}

#[test]
fn callers_who_lose_patience_leave_as_palm_says() {
    let patience = "patience_s = { distribution = \"exponential\", mean = 120 }";
    let outcome = live(&queue(10, 210.0, patience));
    let (leave, wait_s) = erlang_a(10, 210.0 / 3600.0, 1.0 / 180.0, 1.0 / 120.0);
    expect("mean wait", outcome.figures.mean_wait_s, wait_s);
    expect("in use", outcome.figures.agent_utilisation, 210.0 / 3600.0 * 180.0 * (1.0 - leave) / 10.0);
    for day in &outcome.days {
        assert!(day.inbound_answered + day.inbound_abandoned + 30 > day.inbound_offered, "{day:?}");
    }
}
