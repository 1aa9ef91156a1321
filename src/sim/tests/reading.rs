//! What a scenario file may say, and what is told about one that is wrong.

use std::io;

use super::{read, read_with};
use crate::model::campaign::{Pacing, RatioOn};
use crate::model::settings::IdleThreshold;
use crate::sim::distribution::Distribution;
use crate::sim::scenario;

/// A small scenario that is right; line numbers of the tests count in it.
pub(super) const SMALL: &str = "\
seed = 1
replications = 2
warm_up_s = 600
duration_s = 3600

[[agents]]
name = \"blend\"
count = 10
serves = [\"inbound\", \"outbound\"]

[inbound]
arrivals_per_hour = 60
talk_s = { distribution = \"lognormal\", mean = 180, cv = 0.9 }
wrap_up_s = { distribution = \"lognormal\", mean = 30, cv = 0.5 }
patience_s = { distribution = \"exponential\", mean = 120 }

[[outbound]]
name = \"offer\"
person_probability = 0.30
machine_probability = 0.25
machine_s = { distribution = \"uniform\", min = 15, max = 24 }
failure_probability = 0.05
failure_s = { distribution = \"uniform\", min = 1, max = 4 }
answer_s = { distribution = \"lognormal\", mean = 10, cv = 0.4 }
ring_timeout_s = 25
talk_s = { distribution = \"lognormal\", mean = 150, cv = 0.9 }
wrap_up_s = { distribution = \"lognormal\", mean = 30, cv = 0.5 }
patience_s = { distribution = \"constant\", value = 2 }
pacing = { mode = \"progressive\" }
idle_threshold = \"off\"
serve_first = \"answered\"
";

fn complaints(from: &str, to: &str) -> Vec<(usize, usize, String)> {
    let text = SMALL.replacen(from, to, 1);
    assert_ne!(text, SMALL);
    let none = |_: &str| Err(io::Error::from(io::ErrorKind::NotFound));
    let complaints = scenario::read("small.toml", &text, &none).unwrap_err();
    let told = complaints.located().into_iter();
    told.map(|at| (at.line, at.column, format!("{} {}", at.message, at.expected.unwrap_or_default()))).collect()
}

#[test]
fn what_is_wrong_is_told_with_its_line_and_column() {
    for (from, to, line, column, says) in [
        ("warm_up_s", "warmup_s", 3, 1, "did you mean `warm_up_s`?"),
        ("count = 10", "count = \"ten\"", 8, 9, "expected a number"),
        ("\"outbound\"]", "\"outbund\"]", 9, 22, "did you mean `outbound`?"),
        ("mean = 180, ", "", 13, 10, "`mean` is missing"),
        ("\"exponential\", mean = 120", "\"exponentail\", mean = 120", 15, 31, "did you mean `exponential`?"),
        ("probability = 0.30", "probability = 0.90", 19, 22, "sum to 1.2"),
        ("min = 15, max = 24", "min = 25, max = 24", 21, 47, "swap them"),
        ("idle_threshold = \"off\"", "idle_threshold = \"of\"", 30, 18, "did you mean `off`?"),
        ("[inbound]", "[faults]\ncarrier = 1\n\n[inbound]", 12, 1, "`carrier` is not a known key"),
    ] {
        let told = complaints(from, to);
        assert_eq!((told[0].0, told[0].1), (line, column), "{to}: {told:?}");
        assert!(told[0].2.contains(says), "{to}: {told:?}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let told = complaints("seed = 1\nreplications = 2", "seed = -1\nreplicatons = 2");
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn profiles_classes_files_and_every_pacing_are_read() {
    let text = SMALL
        .replace("count = 10", "count = [{ at_s = 0, value = 4 }, { at_s = 1800, value = 6 }]")
        .replace("arrivals_per_hour = 60", "replay = { file = \"x.csv\", column = \"arrival_s\", separator = \";\" }")
        .replace(
            "person_probability = 0.30",
            "lead_classes = [{ share = 0.2, person_probability = 0.6 }, { share = 0.8 }]",
        )
        .replace("mode = \"progressive\"", "mode = \"ratio\", lines_per_agent = 1.5, on = \"agent_freed\"")
        .replace("\"off\"", "0.3");
    let files =
        |name: &str| if name == "x.csv" { Ok("id;arrival_s\n1;12.5\n2;3\n".to_owned()) } else { panic!("{name}") };
    let scenario = scenario::read("small.toml", &text, &files).unwrap_or_else(|complaints| panic!("{complaints}"));
    assert_eq!(scenario.agents[0].count.at(2000.0), 6.0);
    let arrivals = &scenario.inbound.as_ref().unwrap().arrivals;
    assert_eq!(*arrivals, scenario::Arrivals::Replay([3.0, 12.5].into()));
    let campaign = &scenario.outbound[0];
    assert_eq!((campaign.classes[0].person.at(0.0), campaign.classes[1].person.at(0.0)), (0.6, 0.0));
    assert_eq!(campaign.classes[1].machine.at(0.0), 0.25, "what a class leaves out is as for all");
    assert_eq!(campaign.gate.idle_threshold, IdleThreshold::Above(0.3));
    let Pacing::Ratio { on, within_budget, restarts, .. } = campaign.pacing else { panic!("{:?}", campaign.pacing) };
    assert_eq!((on, within_budget, restarts), (RatioOn::AgentFreed, false, false), "the bare rule");
}

#[test]
fn what_is_left_out_is_nothing_or_for_ever() {
    let scenario = read(
        "duration_s = 60\n[[agents]]\nname = \"a\"\ncount = 1\nserves = [\"outbound\"]\n\
        [[outbound]]\nname = \"o\"\ntalk_s = { distribution = \"constant\", value = 1 }\npacing = { mode = \"adaptive\" }\n",
    );
    let campaign = &scenario.outbound[0];
    assert_eq!((campaign.leads, campaign.wrap_up_s.clone()), (None, Distribution::ZERO));
    assert!(campaign.runs_at(-1e6) && campaign.may_cancel_ringing && scenario.inbound.is_none());
}

#[test]
fn every_shipped_scenario_can_be_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("loadtest/pacing");
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(&path).unwrap();
            if text.contains("../shared/data/") && !folder.join("../../../shared/data").is_dir() {
                eprintln!("SKIPPED: {} wants the recorded data, which is not there", path.display());
                continue;
            }
            read_with(&text, &|name| std::fs::read_to_string(folder.join(name)));
            count += 1;
        }
    }
    assert!(count >= 10, "only {count}");
}
