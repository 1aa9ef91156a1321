//! At the end: do the wallboard, the API, the database and the outside world tell the same story?

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Row};

use super::children::{Ended, Said};
use super::phones::Seen;
use super::plan::Plan;
use super::{Options, show};
use crate::http::Client;
use crate::report::Finding;

/// Asks the API for everything that is compared.
pub async fn ask_api(plan: &Plan, manager: &mut Client) -> Value {
    let mut said = json!({});
    let questions = [("board", "/api/v1/board"), ("gate", "/api/v1/board/gate-changes?limit=500")];
    for (name, path) in questions {
        said[name] = manager.get(path).await.unwrap_or_else(|error| json!({ "error": error.to_string() }));
    }
    for campaign in &plan.campaigns {
        let path = format!("/api/v1/campaigns/{}", campaign.key);
        let detail = manager.get(&path).await.unwrap_or_else(|error| json!({ "error": error.to_string() }));
        said["campaigns"][campaign.key] = json!({ "totals": detail["totals"], "leads": detail["leads"] });
    }
    said
}

/// Sums of the database.
#[derive(Debug, Default, PartialEq)]
struct Kept {
    /// Ended attempts by campaign and disposition.
    attempts: BTreeMap<String, BTreeMap<String, u64>>,
    /// Attempts that a customer's network answered in any way.
    reached: u64,
    /// Attempts connected to an agent.
    connected: u64,
    /// Attempts without an end.
    live: u64,
    /// Inbound calls by outcome.
    inbound: BTreeMap<String, u64>,
    /// Calls with a recorded result of an agent.
    results: u64,
    /// Dialogs that were not ended.
    dialogs: u64,
    /// Customers who were pre-registered by SMS.
    registered: u64,
    /// Customers who opted out by SMS.
    opted_out: u64,
}

async fn read_database(plan: &Plan) -> Result<Kept, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(plan.folder.join("lull.db"));
    let mut db = options.connect().await?;
    let mut kept = Kept::default();
    let rows = "select campaign, disposition, count(*) as n from attempts where state = 'ended' group by 1, 2";
    for row in sqlx::query(rows).fetch_all(&mut db).await? {
        let disposition = row.try_get::<Option<String>, _>("disposition")?.unwrap_or_default();
        let count = row.try_get::<i64, _>("n")?.unsigned_abs();
        kept.attempts.entry(row.try_get("campaign")?).or_default().insert(disposition, count);
    }
    for row in sqlx::query("select outcome, count(*) as n from inbound_calls group by 1").fetch_all(&mut db).await? {
        kept.inbound.insert(row.try_get("outcome")?, row.try_get::<i64, _>("n")?.unsigned_abs());
    }
    kept.reached = count(
        &mut db,
        "select count(*) from attempts where state = 'ended' and network_disposition not in ('trunk_failure', 'not_dialled')",
    )
    .await?;
    kept.connected = count(&mut db, "select count(*) from attempts where connected_at is not null").await?;
    kept.live = count(&mut db, "select count(*) from attempts where state = 'live'").await?;
    kept.results = count(
        &mut db,
        "select count(*) from (select distinct direction, call_id from results where disposition <> 'not_recorded')",
    )
    .await?;
    kept.dialogs = count(&mut db, "select count(*) from dialogs").await?;
    kept.registered = count(&mut db, "select count(*) from pre_registrations where channel = 'sms'").await?;
    kept.opted_out = count(&mut db, "select count(*) from messages where meaning = 'opt_out'").await?;
    Ok(kept)
}

async fn count(db: &mut SqliteConnection, question: &'static str) -> Result<u64, sqlx::Error> {
    sqlx::query_scalar::<_, i64>(question).fetch_one(db).await.map(i64::unsigned_abs)
}

/// Compares. Every difference is a finding.
pub async fn sums(plan: &Plan, api: &Value, ended: &Ended) -> Vec<Finding> {
    let kept = match read_database(plan).await {
        Ok(kept) => kept,
        Err(error) => return vec![Finding { what: "database".into(), detail: error.to_string() }],
    };
    compare(&kept, api, &ended.carrier.report, &ended.agents.report, ended.phones)
}

fn compare(kept: &Kept, api: &Value, carrier: &Value, agents: &Value, phones: Seen) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut equal = |what: &str, one: (&str, u64), other: (&str, u64)| {
        if one.1 != other.1 {
            let detail = format!("{what}: {} says {}, {} says {}", one.0, one.1, other.0, other.1);
            findings.push(Finding { what: "sums".into(), detail });
        }
    };
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let total = |list: &str, pointer: &str| -> u64 {
        let items = api["board"][list].as_array().into_iter().flatten();
        items.filter_map(|item| item.pointer(pointer).and_then(Value::as_u64)).sum()
    };
    equal(
        "calls placed",
        ("the board", total("campaigns", "/today/dialled")),
        ("the carrier", number(&carrier["arrived"])),
    );
    equal("calls placed", ("the database", kept.reached), ("the carrier", number(&carrier["arrived"])));
    equal("connected", ("the board", total("campaigns", "/today/connected")), ("the database", kept.connected));
    equal("attempts without an end", ("the database", kept.live), ("the rule", 0));
    equal("dialogs left over", ("the database", kept.dialogs), ("the rule", 0));
    equal("calls still up", ("the carrier", number(&carrier["calls_still_up"])), ("the rule", 0));
    equal("pre-registered by SMS", ("the database", kept.registered), ("the phones", phones.interested));
    equal("opted out by SMS", ("the database", kept.opted_out), ("the phones", phones.stopped));
    for (campaign, dispositions) in &kept.attempts {
        let totals = &api["campaigns"][campaign]["totals"];
        for (disposition, count) in dispositions {
            equal(
                &format!("{campaign}, {disposition}"),
                ("the database", *count),
                ("the API", number(&totals[disposition])),
            );
        }
    }
    // Callers go on coming while the API is asked: the database may have more, never fewer.
    let offered = total("queues", "/offered").saturating_sub(total("queues", "/waiting"));
    let inbound: u64 = kept.inbound.values().sum();
    if inbound + total("queues", "/waiting") < offered.saturating_sub(total("groups", "/inbound_busy")) {
        let detail = format!("inbound calls: the board says {offered}, the database says {inbound}");
        findings.push(Finding { what: "sums".into(), detail });
    }
    let acknowledged = number(&agents["results_acknowledged"]);
    if kept.results < acknowledged {
        let detail = format!("{acknowledged} results were acknowledged, {} are in the database", kept.results);
        findings.push(Finding { what: "lost_result".into(), detail });
    }
    findings
}

/// Everything that is worth keeping of a run.
pub fn report(
    plan: &Plan,
    options: &Options,
    api: &Value,
    (carrier, agents, phones): (&Said, &Said, Seen),
    findings: &[Finding],
) -> Value {
    let changes = api["gate"].as_array().or_else(|| api["gate"]["items"].as_array());
    let gate = |open: bool| changes.into_iter().flatten().filter(|change| change["open"] == open).count();
    json!({
        "seed": plan.seed,
        "agents": plan.agents.len(),
        "customers": plan.carrier_setup.customers.len(),
        "outbound": !options.no_outbound,
        "duration_s": options.duration,
        "wave_period_s": options.wave_period,
        "service_level": show::service_level(&api["board"]),
        "gate": { "opened": gate(true), "closed": gate(false) },
        "attempts": api["campaigns"],
        "queues": api["board"]["queues"],
        "refusals": refusals(&api["board"]),
        "carrier": carrier.report,
        "agents": agents.report,
        "phones": phones,
        "findings": findings,
    })
}

/// Why it was not dialled, over all campaigns.
fn refusals(board: &Value) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for campaign in board["campaigns"].as_array().into_iter().flatten() {
        for (code, count) in campaign["refusals"].as_object().into_iter().flatten() {
            *sums.entry(code.clone()).or_default() += count.as_u64().unwrap_or(0);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    fn story() -> (Kept, Value, Value, Value) {
        let kept = Kept {
            attempts: BTreeMap::from([("offer".into(), BTreeMap::from([("busy".into(), 3), ("accepted".into(), 2)]))]),
            reached: 5,
            connected: 2,
            results: 4,
            inbound: BTreeMap::from([("answered".into(), 7)]),
            ..Kept::default()
        };
        let api = json!({
            "board": {
                "campaigns": [{ "today": { "dialled": 5, "connected": 2 } }],
                "queues": [{ "offered": 7, "waiting": 0 }],
            },
            "campaigns": { "offer": { "totals": { "busy": 3, "accepted": 2 } } },
        });
        (kept, api, json!({ "arrived": 5, "calls_still_up": 0 }), json!({ "results_acknowledged": 4 }))
    }

    #[test]
    fn one_story_has_no_findings() {
        let (kept, api, carrier, agents) = story();
        assert_eq!(compare(&kept, &api, &carrier, &agents, Seen::default()), vec![]);
    }

    #[test]
    fn each_difference_is_found() {
        let (mut kept, mut api, carrier, agents) = story();
        kept.results = 3;
        kept.live = 1;
        api["board"]["campaigns"][0]["today"]["dialled"] = json!(6);
        api["campaigns"]["offer"]["totals"]["busy"] = json!(2);
        let found = compare(&kept, &api, &carrier, &agents, Seen::default());
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found.iter().any(|finding| finding.what == "lost_result"));
        assert!(
            found.iter().any(|finding| finding.detail.contains("offer, busy: the database says 3, the API says 2"))
        );
    }
}
