//! Figures for Prometheus, of the running service.

use std::collections::BTreeSet;

use crate::rig::{Api, Centre, Plan, free_port};

/// Names of ours in a text.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("lull_") || word.starts_with("process_")).map(str::to_owned).collect()
}

#[test]
fn figures_are_read_beside_the_pages_and_the_dashboard_asks_for_none_that_is_not_there() {
    let centre = Centre::prepared(Plan { agents: 0, ..Plan::default() });
    let port = free_port();
    let settings =
        centre.read("lull.toml").replace("[http]\n", &format!("[http]\nmetrics_listen = \"127.0.0.1:{port}\"\n"));
    centre.write("lull.toml", &settings);
    let mut centre = centre;
    centre.serve();
    let place = format!("127.0.0.1:{port}").parse().expect("it is an address");
    let reply = Api::anonymous(place).send("GET", "/metrics", None).expect("it answers");
    assert_eq!(reply.status, 200);
    let text = reply.text();
    for line in [
        "lull_ready 1.0",
        "lull_store_up 1.0",
        "lull_campaign_running{campaign=\"spring\"} 1.0",
        "lull_attempts{campaign=\"spring\",stage=\"ringing\"} 0.0",
        "lull_calls_total{campaign=\"spring\",outcome=\"connected\"} 0",
        "lull_trunk_channels{trunk=\"carrier\"} 0.0",
        "# TYPE lull_calls counter",
        "lull_webhook_tries_total{outcome=\"delivered\"} 0",
        "lull_webhook_waiting 0.0",
        "# EOF",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    let told = names(&text);
    let asked = names(include_str!("../../packaging/grafana-lull.json"));
    // Before the first call there is no rate and no level; families without a value have no name of their own.
    let missing: Vec<&String> = asked.difference(&told).collect();
    let later = ["lull_abandon_rate", "lull_queue_service_level", "lull_refusals_total"];
    assert!(missing.iter().all(|name| later.contains(&name.as_str())), "{missing:?} is not in\n{text}");
    assert_eq!(Api::anonymous(place).send("GET", "/readyz", None).expect("it answers").status, 200);
    // Nothing else is there, and the pages do not tell the figures.
    assert_eq!(Api::anonymous(place).send("GET", "/api/v1/board", None).expect("it answers").status, 404);
    let pages = Api::anonymous(centre.http()).send("GET", "/metrics", None).expect("it answers");
    assert!(!pages.text().contains("lull_ready"), "{}", pages.status);
}
