//! Rehearsals as jobs.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::rig::{Answered, FAMILY_PLAN, Rig};
use crate::web::access::Role;
use crate::whatif::tests::{MIDNIGHT, end, write};

const PATH: &str = "/campaigns/campaign-0/whatif";

/// The site with two campaigns; of the first there is recorded traffic.
async fn rig() -> (Rig, String) {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    for key in ["campaign-0", "family-plan"] {
        let text = FAMILY_PLAN.replacen("key = \"family-plan\"", &format!("key = \"{key}\""), 1);
        let applied = rig.send("PUT", &format!("/campaigns/{key}"), Some(&token), Some(json!({"text": text}))).await;
        assert_eq!(applied.status, StatusCode::OK, "{applied:?}");
    }
    write(&rig.directory.path().join("journal"));
    (rig, token)
}

async fn ask(rig: &Rig, token: &str, path: &str, set: Value) -> Answered {
    let body = json!({ "from": MIDNIGHT, "to": end(), "set": set, "replications": 2 });
    rig.send("POST", path, Some(token), Some(body)).await
}

/// Asks until the job is over: it runs on a thread of its own.
async fn outcome(rig: &Rig, token: &str, path: &str) -> Value {
    loop {
        let view = rig.get(path, token).await.json();
        if view["busy"].is_null() {
            return view["job"].clone();
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_rehearsal_runs_beside_the_calls_and_its_answer_stays_until_it_is_thrown_away() {
    let (rig, token) = rig().await;
    let empty = rig.get(PATH, &token).await;
    assert_eq!((empty.status, empty.json()), (StatusCode::OK, json!({"job": null, "busy": null})));
    let begun = ask(&rig, &token, PATH, json!({"idle_threshold": "0.8"})).await;
    assert_eq!((begun.status, begun.json()["job"]["state"].as_str()), (StatusCode::ACCEPTED, Some("running")));
    let second = ask(&rig, &token, "/campaigns/family-plan/whatif", json!({})).await;
    assert_eq!((second.status, second.code().as_str()), (StatusCode::CONFLICT, "conflict"));
    assert!(second.text.contains("`campaign-0`"), "{}", second.text);

    let job = outcome(&rig, &token, PATH).await;
    assert_eq!(
        (&job["state"], &job["progress"], &job["problem"]),
        (&json!("done"), &Value::Null, &Value::Null),
        "{job}"
    );
    assert_eq!(job["told"]["changes"][0], json!({"key": "idle_threshold", "from": "0.1", "to": "0.8"}));
    let rows = job["told"]["rows"].as_array().unwrap();
    let connects = rows.iter().find(|row| row["key"] == "outbound_connects_per_agent_hour").unwrap();
    assert!(connects["difference"]["mean"].as_f64().unwrap() < 0.0, "{connects}");
    assert!(
        rig.get("/campaigns/family-plan/whatif", &token).await.json()["job"].is_null(),
        "it is the other campaign's"
    );

    assert_eq!(rig.send("DELETE", PATH, Some(&token), None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(rig.send("DELETE", PATH, Some(&token), None).await.status, StatusCode::NOT_FOUND);
    assert!(rig.get(PATH, &token).await.json()["job"].is_null());
}

#[tokio::test]
async fn a_rehearsal_can_be_stopped() {
    let (rig, token) = rig().await;
    let body = json!({ "from": MIDNIGHT, "to": end(), "replications": 1000 });
    let begun = rig.send("POST", PATH, Some(&token), Some(body)).await;
    assert_eq!(begun.status, StatusCode::ACCEPTED, "{begun:?}");
    assert_eq!(rig.send("DELETE", PATH, Some(&token), None).await.status, StatusCode::NO_CONTENT);
    let job = outcome(&rig, &token, PATH).await;
    assert_eq!((&job["state"], &job["told"]), (&json!("cancelled"), &Value::Null), "{job}");
}

#[tokio::test]
async fn what_cannot_be_answered_says_why() {
    let (rig, token) = rig().await;
    assert_eq!(ask(&rig, &token, PATH, json!({"reserve": "-1"})).await.status, StatusCode::ACCEPTED);
    let job = outcome(&rig, &token, PATH).await;
    assert_eq!((&job["state"], &job["problem"]["code"]), (&json!("failed"), &json!("bad_change")), "{job}");
    assert_eq!(job["problem"]["errors"][0]["key"], "reserve", "{job}");

    let other = "/campaigns/family-plan/whatif";
    assert_eq!(ask(&rig, &token, other, json!({})).await.status, StatusCode::ACCEPTED);
    let job = outcome(&rig, &token, other).await;
    assert_eq!(job["problem"]["code"], "no_traffic", "{job}");
    assert!(job["problem"]["detail"].as_str().unwrap().contains("journals exist from"), "{job}");

    for (body, pointer) in [
        (json!({"from": end(), "to": MIDNIGHT}), "/to"),
        (json!({"from": 0, "to": MIDNIGHT}), "/from"),
        (json!({"replications": 1}), "/replications"),
    ] {
        let answered = rig.send("POST", PATH, Some(&token), Some(body)).await;
        assert_eq!(answered.status, StatusCode::UNPROCESSABLE_ENTITY, "{answered:?}");
        assert_eq!(answered.json()["errors"][0]["pointer"], pointer);
    }
    assert_eq!(ask(&rig, &token, "/campaigns/nothing/whatif", json!({})).await.status, StatusCode::NOT_FOUND);
    let operator = rig.token(Role::Operator).await;
    assert_eq!(rig.get(PATH, &operator).await.status, StatusCode::FORBIDDEN);
}
