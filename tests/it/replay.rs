//! A journal of real calls, run again.

use serde_json::Value;

use crate::rig::{AGENT_HZ, CARRIER, CUSTOMER_HZ, Centre, Ear, Law, Phone, Plan, SOON, Sipp, scenario};

const ANN: &str = "+8613800000001";
const BEN: &str = "+8613800000002";

#[test]
fn a_journal_of_real_calls_gives_the_same_commands_again_and_a_changed_one_does_not() {
    let mut centre = Centre::running(Plan::default());
    let ear = Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu);
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 8, 100), 2);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN, BEN]);
    centre.good(&["campaign", "limit", "spring", "--lines-max", "1"]);
    let desk = centre.agent_ready(1);
    for customer in 0..2 {
        let screen = desk.until_state("talking");
        desk.hang_up();
        desk.until_state("wrap_up");
        let number = screen["view"]["call"]["number"].as_str().expect("a number").to_owned();
        desk.record(&screen["view"]["call"]["call"], "taken", "Agreed.").good();
        assert_eq!(centre.until_ended(&number)["disposition"], "accepted", "customer {customer}");
    }
    carrier.finish(SOON);
    centre.service().close_stdin();
    assert_eq!(centre.service().ended(SOON).code(), Some(0));

    let ran = centre.run(&["replay", "data/journal", "--json"], "");
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let told: Value = serde_json::from_str(&ran.out).expect("--json gives JSON");
    let run = &told["runs"][0];
    assert_eq!((&run["verdict"], &run["difference"]), (&"proved".into(), &Value::Null), "{told}");
    assert_eq!(run["proved"], run["inputs"], "{told}");
    let counts = ["dial", "bridge", "record_result"].map(|kind| run["commands"][kind].as_u64());
    assert_eq!(counts, [Some(2); 3], "{told}");
    assert_eq!(run["commands"]["record_campaign_limits"], 1, "{told}");

    // A customer who answered, and as the journal now has it hung up.
    let file = run["files"][0].as_str().expect("a file").to_owned();
    let journal = centre.read(&file);
    let line = journal.lines().position(|line| line.contains("attempt_answered")).expect("somebody answered") + 1;
    let changed = journal.replacen("attempt_answered", "attempt_hung_up", 1);
    centre.write("changed.jsonl", &changed);
    let ran = centre.run(&["replay", "changed.jsonl"], "");
    assert_eq!(ran.code, 3, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains(&format!("changed.jsonl:{line}: commands differ")), "{}", ran.out);
    assert!(ran.out.contains("attempt_hung_up"), "the input is named: {}", ran.out);

    // As an older version wrote it.
    let old = journal.lines().map(|line| match line.split_once(",\"c\":\"") {
        Some((input, _)) => format!("{input}}}\n"),
        None => format!("{line}\n"),
    });
    centre.write("old.jsonl", &old.collect::<String>());
    let ran = centre.run(&["replay", "old.jsonl"], "");
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("cannot be proved, only run again: 0 of"), "{}", ran.out);

    assert_eq!(centre.run(&["replay", "data/recordings"], "").code, 1, "no journal");
    assert_eq!(centre.run(&["replay"], "").code, 2);
}
