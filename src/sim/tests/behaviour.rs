//! What the simulator promises beyond formulas.

use super::reading::SMALL;
use super::{live, read};
use crate::sim::figures::Day;
use crate::sim::report::{self, Told};
use crate::sim::world::World;
use crate::sim::{Policy, Scenario, page, run};

/// A day of the scenario under a policy.
fn day(scenario: &Scenario) -> Day {
    World::new(scenario, 0).run().day
}

#[track_caller]
fn conserved(day: &Day) {
    let ended = day.answered + day.machines + day.failures + day.no_answers + day.cancelled;
    assert_eq!(day.ringing_before + day.dials, ended + day.still_ringing, "{day:?}");
    // Those answered before time 0, and those who wait at the end, are few.
    assert!((day.connected + day.abandoned).abs_diff(day.answered) <= 5, "{day:?}");
}

#[test]
fn every_dial_ends_in_one_way_under_every_policy() {
    for (name, policy) in Policy::ALL {
        let day = day(&policy.applied(&read(SMALL)));
        conserved(&day);
        assert!(day.dials > 100 && day.machines > 10 && day.no_answers > 10 && day.failures > 0, "{name}: {day:?}");
        assert!(day.inbound_offered > 30 && day.agent_s == 36_000.0, "{name}: {day:?}");
    }
}

#[test]
fn equal_seeds_print_equal_bytes_on_any_number_of_threads() {
    let scenario = read(SMALL);
    let print = |scenario: &Scenario, threads| {
        let outcome = run(scenario, threads, true, &|| {}, None);
        let told = [Told { pacing: "progressive".into(), figures: outcome.figures }];
        let object = report::object(&told, false).to_string();
        object + &report::table(&told) + &page::page("small", &told, &[outcome.trace])
    };
    let first = print(&scenario, 1);
    assert!(first == print(&scenario, 2));
    assert!(first != print(&Scenario { seed: 2, ..scenario }, 1));
    assert!(first.contains("<svg") && !first.contains("<script") && !first.contains("http"));
}

#[test]
fn the_same_callers_come_and_the_same_customers_are_dialled_whatever_the_policy() {
    let seen: Vec<Vec<String>> = Policy::ALL
        .iter()
        .map(|(_, policy)| {
            let scenario = policy.applied(&read(SMALL));
            let mut world = World::new(&scenario, 0);
            world.live_through();
            world.seen
        })
        .collect();
    let common = |one: &[String], other: &[String], what: &str| {
        let of = |seen: &[String]| seen.iter().filter(|line| line.starts_with(what)).cloned().collect::<Vec<_>>();
        let (one, other) = (of(one), of(other));
        let shared = one.len().min(other.len());
        assert!(shared > 50, "{shared} of `{what}`");
        assert_eq!(one[..shared], other[..shared]);
    };
    for other in &seen[1..] {
        common(&seen[0], other, "caller");
        common(&seen[0], other, "dial");
    }
    assert_ne!(seen[0], seen[1], "the policies do differ");
}

#[test]
fn agents_who_see_each_lead_first_abandon_nobody_and_dial_less_the_longer_they_look() {
    let looking = |look_s: u32| {
        let look = format!("look_s = {{ distribution = \"constant\", value = {look_s} }}\npacing = ");
        let text = SMALL.replace("pacing = ", &look).replace("mode = \"progressive\"", "mode = \"preview\"");
        day(&read(&text))
    };
    let (briefly, long) = (looking(5), looking(60));
    assert_eq!((briefly.abandoned, long.abandoned), (0, 0));
    assert!(briefly.connected > 0 && long.connected > 0, "{briefly:?} {long:?}");
    assert!(long.dials * 3 < briefly.dials * 2, "{} and {} dials", briefly.dials, long.dials);
    // Beyond the time limit the lead goes back, and nobody is called.
    assert_eq!(looking(121).dials, 0);
    let first = day(&Policy::Preview.applied(&read(SMALL)));
    let progressive = day(&Policy::Progressive.applied(&read(SMALL)));
    assert!(first.dials < progressive.dials, "{} and {} dials", first.dials, progressive.dials);
}

#[test]
fn progressive_never_rings_more_than_agents_are_idle() {
    let scenario = read(SMALL);
    let mut world = World::new(&scenario, 0);
    world.witness = Some(|world| assert!(world.ringing <= world.idle(), "{} ring for {}", world.ringing, world.idle()));
    world.live_through();
    assert!(world.day.cancelled > 0, "callers take agents for whom it rings");
    assert_eq!(world.day.abandoned, 0);
}

#[test]
fn what_may_not_be_given_up_rings_to_its_end() {
    let day = day(&read(&format!("{SMALL}may_cancel_ringing = false\n")));
    conserved(&day);
    assert_eq!(day.cancelled, 0);
}

#[test]
fn agents_come_and_go_with_the_profile_and_finish_their_calls() {
    let steps = "count = [{ at_s = 0, value = 10 }, { at_s = 1200, value = 2 }, { at_s = 2400, value = 12 }]";
    let day = day(&read(&SMALL.replace("count = 10", steps)));
    conserved(&day);
    let signed_in_s = 1200.0 * (10.0 + 2.0 + 12.0);
    assert!(day.agent_s >= signed_in_s && day.agent_s < signed_in_s * 1.2, "{}", day.agent_s);
}

#[test]
fn a_campaign_dials_within_its_hours_and_each_lead_once() {
    let day = day(&read(&format!("{SMALL}active = [{{ from_s = 600, to_s = 1200 }}]\n")));
    assert!(day.dials > 20 && day.still_ringing == 0, "{day:?}");
    let once = read(&format!("{SMALL}leads = 40\n").replace("warm_up_s = 600", "warm_up_s = 0"));
    assert_eq!(World::new(&once, 0).run().day.dials, 40);
}

#[test]
fn campaigns_and_groups_of_several_kinds_share_their_agents() {
    let second = SMALL[SMALL.find("[[outbound]]").unwrap()..].replace("\"offer\"", "\"second\"");
    let groups = "[[agents]]\nname = \"out\"\ncount = 4\nserves = [\"outbound\"]\n\
                  [[agents]]\nname = \"in\"\ncount = 2\nserves = [\"inbound\"]\n\n[inbound]";
    let text = SMALL.replace("[inbound]", groups) + &second.replace("\"off\"", "\"auto\"");
    let figures = live(&text).figures;
    assert!(figures.agent_utilisation.mean.unwrap() > 0.6, "{figures:?}");
    assert!(figures.service_level.mean.unwrap() > 0.8, "{figures:?}");
}

#[test]
fn detection_that_outlasts_the_patience_abandons_everybody() {
    let day = day(&read(&format!("{SMALL}detection_s = {{ distribution = \"constant\", value = 3 }}\n")));
    conserved(&day);
    assert_eq!(day.connected, 0);
    assert!(day.abandoned > 50, "{day:?}");
    let in_time = read(&format!("{SMALL}detection_s = {{ distribution = \"constant\", value = 1.5 }}\n"));
    assert_eq!(World::new(&in_time, 0).run().day.abandoned, 0);
}

#[test]
fn a_dial_that_ends_at_once_decides_nothing_at_the_same_instant() {
    let text = SMALL
        .replace("machine_probability = 0.25", "machine_probability = 0.0")
        .replace("failure_probability = 0.05", "failure_probability = 0.7")
        .replace("\"uniform\", min = 1, max = 4", "\"constant\", value = 0");
    let day = day(&read(&text));
    conserved(&day);
    // A few dials for each event, not as many as it takes to reach a person.
    assert!(day.failures > 100 && day.dials < 3000, "{day:?}");
}

#[test]
fn decided_on_freed_agents_a_ratio_dials_once_for_each() {
    let ratio = "mode = \"ratio\", lines_per_agent = 1.0, on = \"agent_freed\"";
    let text =
        SMALL.replace("mode = \"progressive\"", ratio).replace("arrivals_per_hour = 60", "arrivals_per_hour = 0");
    let alone =
        text.replace("count = 10", "count = 1").replace("person_probability = 0.30", "person_probability = 0.60");
    let day = day(&read(&alone.replace("warm_up_s = 600", "warm_up_s = 0")));
    conserved(&day);
    // One dial at the start and one after each call; the first that reaches nobody is the last.
    assert_eq!(day.dials, 1 + day.connected, "{day:?}");
    assert!(day.dials < 15, "{day:?}");
}
