//! What the conductor says to the person who started it.
#![expect(clippy::print_stdout, reason = "this is what the person reads")]

use std::time::Duration;

use serde_json::Value;

use super::DemoError;
use super::children::World;
use super::plan::Plan;
use crate::http::HttpError;

/// Lines of the service's log that are shown when it could not start.
const LAST_LINES: usize = 15;

/// Before anything is started.
pub fn beginning(plan: &Plan) {
    println!("Lull demo: seed {}, {} agents, files in {}", plan.seed, plan.agents.len(), plan.folder.display());
}

/// Everything runs.
pub fn open(plan: &Plan, after: Duration) {
    println!();
    println!("  Wallboard   http://{}/          (ready after {:.1} s)", plan.http, after.as_secs_f64());
    println!();
    for login in std::iter::once(&plan.manager).chain(&plan.others) {
        println!("  {:<10}  {:<20}  {}", login.login, login.password, login.name);
    }
    if let Some((name, agent)) = plan.agents.first() {
        println!(
            "  {:<10}  {:<20}  {name} (an agent; works by itself, your sign-in takes over)",
            agent.login, agent.password
        );
    }
    println!();
    println!("  Customers have 555-01xx numbers and callers 020 7946 0xxx, which nobody has. Ctrl-C ends everything.");
    println!();
}

/// What an import counted.
pub fn imported(campaign: &str, counts: &Value) {
    let counts = if counts["counts"].is_object() { &counts["counts"] } else { counts };
    let get = |name: &str| counts[name].as_u64().map_or("?".into(), |count| count.to_string());
    println!(
        "  {campaign}: {} rows = {} accepted + {} duplicate + {} suppressed + {} invalid",
        get("rows"),
        get("accepted"),
        get("duplicate"),
        get("suppressed"),
        get("invalid")
    );
}

/// One line about the moment.
pub fn status(board: &Result<Value, HttpError>, world: &World) {
    match board {
        Ok(board) => println!("{}{}", status_line(board), sms(world)),
        Err(error) => println!("  the board cannot be read: {error}"),
    }
    let findings = [&world.carrier, &world.agents].into_iter().flatten().map(|part| part.said().findings.len());
    let findings: usize = findings.sum();
    if findings > 0 {
        println!("  {findings} findings so far");
    }
}

/// What customers were sent and answered.
fn sms(world: &World) -> String {
    let Some(phones) = &world.phones else { return String::new() };
    let seen = phones.seen();
    format!(" | SMS: {} sent, {} interested, {} opted out", seen.received, seen.interested, seen.stopped)
}

/// Attempts that are out or up.
pub fn outbound_calls(board: &Value) -> u64 {
    let campaigns = board["campaigns"].as_array().into_iter().flatten();
    let states = ["dialling", "ringing", "answered_waiting", "connected"];
    campaigns.map(|campaign| states.iter().filter_map(|state| campaign[state].as_u64()).sum::<u64>()).sum()
}

fn status_line(board: &Value) -> String {
    let total = |list: &str, pointer: &str| -> u64 {
        let items = board[list].as_array().into_iter().flatten();
        items.filter_map(|item| item.pointer(pointer).and_then(Value::as_u64)).sum()
    };
    let group = &board["groups"][0];
    let agents: Vec<String> = group["agents"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(state, count)| format!("{count} {}", state.replace('_', " ")))
        .collect();
    let why =
        board["campaigns"].as_array().into_iter().flatten().find_map(|campaign| campaign["not_dialling"].as_str());
    let open = group["gate_open"] == true;
    format!(
        "  idle {:>3.0} %  gate {:<6}  slots {:>2} | in: {:>2} busy {:>2} waiting, level {} | out: {:>2} ringing {:>2} talking, {:>4} dialled {:>3} connected {:>2} abandoned | {}{}",
        group["idleness"].as_f64().unwrap_or(0.0) * 100.0,
        if open { "OPEN" } else { "closed" },
        group["slots"].as_u64().unwrap_or(0),
        group["inbound_busy"].as_u64().unwrap_or(0),
        group["waiting"].as_u64().unwrap_or(0),
        service_level(board).map_or("–".into(), |level| format!("{:.0} %", level * 100.0)),
        total("campaigns", "/ringing"),
        total("campaigns", "/connected"),
        total("campaigns", "/today/dialled"),
        total("campaigns", "/today/connected"),
        total("campaigns", "/today/abandoned"),
        agents.join(", "),
        why.map(|why| format!(" | not dialling: {why}")).unwrap_or_default(),
    )
}

/// Share answered in time over all queues, of callers who no longer wait.
pub fn service_level(board: &Value) -> Option<f64> {
    let total = |name: &str| -> u64 {
        board["queues"].as_array().into_iter().flatten().filter_map(|queue| queue[name].as_u64()).sum()
    };
    let done = total("offered").saturating_sub(total("waiting"));
    (done > 0).then(|| total("answered_in_time") as f64 / done as f64)
}

/// What stopped the demo.
pub fn error(error: &DemoError) {
    println!("lull-world: {error}");
}

/// The end of the service's log.
pub fn last_words(plan: &Plan) {
    let log = std::fs::read_to_string(plan.folder.join("lull.log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    println!("The service's last words (all of them in {}):", plan.folder.join("lull.log").display());
    lines.iter().skip(lines.len().saturating_sub(LAST_LINES)).for_each(|line| println!("  {line}"));
}

/// The end.
pub fn summary(report: &Value) {
    println!();
    println!("  calls placed     {}", report["carrier"]["arrived"]);
    println!("  ended as         {}", report["carrier"]["ends"]);
    println!("  callers          {}", report["carrier"]["callers"]);
    let phones = &report["phones"];
    println!(
        "  SMS              {} received, {} customers pre-registered, {} opted out",
        phones["received"], phones["interested"], phones["stopped"]
    );
    println!(
        "  service level    {} by the board, {} as callers heard it",
        report["service_level"], report["carrier"]["service_level"]
    );
    println!("  gate             opened {} times, closed {} times", report["gate"]["opened"], report["gate"]["closed"]);
    println!("  results          {} acknowledged", report["agents"]["results_acknowledged"]);
    let findings = report["findings"].as_array().map_or(&[][..], Vec::as_slice);
    if findings.is_empty() {
        println!("  findings         none");
    }
    for finding in findings.iter().take(20) {
        println!(
            "  FINDING          {}: {}",
            finding["what"].as_str().unwrap_or_default(),
            finding["detail"].as_str().unwrap_or_default()
        );
    }
    if findings.len() > 20 {
        println!("  … and {} more in the report", findings.len() - 20);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_line_tells_agents_idleness_gate_and_calls() {
        let board = json!({
            "groups": [{ "idleness": 0.61, "gate_open": true, "slots": 5, "inbound_busy": 3, "waiting": 1,
                "agents": { "ready": 6, "wrap_up": 2 } }],
            "queues": [{ "offered": 12, "waiting": 2, "answered_in_time": 9 }],
            "campaigns": [{ "ringing": 4, "connected": 2, "not_dialling": "no_slot",
                "today": { "dialled": 40, "connected": 11, "abandoned": 0 } }],
        });
        let line = status_line(&board);
        for part in ["idle  61 %", "gate OPEN", "level 90 %", "4 ringing", "6 ready", "2 wrap up", "no_slot"] {
            assert!(line.contains(part), "{part} is not in {line}");
        }
        assert_eq!(outbound_calls(&board), 6);
    }
}
