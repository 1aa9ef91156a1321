//! Campaigns and their lists.

use axum::body::Body;
use axum::http::{StatusCode, header};
use serde_json::{Value, json};

use super::rig::{Answered, FAMILY_PLAN, Rig, request};
use crate::engine::command::RequestRefusal;
use crate::engine::event::Event;
use crate::model::campaign::CampaignState;
use crate::model::decision::{Decision, Forecast};
use crate::model::id::LeadId;
use crate::model::time::Timestamp;
use crate::web::access::Role;

/// Sends a CSV file to the family plan.
pub(super) async fn upload(rig: &Rig, token: &str, query: &str, csv: impl Into<Body>) -> Answered {
    let path = format!("/campaigns/family-plan/lists?{query}");
    let mut request = request("POST", &path, Some(token), None);
    request.headers_mut().insert(header::CONTENT_TYPE, "text/csv".parse().unwrap());
    *request.body_mut() = csv.into();
    rig.answer(request).await
}

pub(super) async fn import(rig: &Rig, token: &str, name: &str, csv: &str) -> Value {
    let answered = upload(rig, token, &format!("name={name}"), csv.to_owned()).await;
    assert_eq!(answered.status, StatusCode::OK, "{answered:?}");
    answered.json()
}

pub(super) async fn only_lead(rig: &Rig) -> LeadId {
    let number = super::rig::number("+8613800138000");
    rig.store.leads_of_number(&number).await.unwrap()[0].id
}

#[tokio::test]
async fn a_text_with_errors_is_refused_with_each_place_and_changes_nothing() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let text = FAMILY_PLAN.replacen("priority = 60", "priority = 600", 1).replacen("tier = 3", "teir = 3", 1);
    let answered = rig.send("PUT", "/campaigns/family-plan", Some(&token), Some(json!({"text": text}))).await;
    assert_eq!((answered.status, answered.code().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "bad_campaign"));
    let body = answered.json();
    let errors = body["errors"].as_array().unwrap();
    assert!(errors.len() >= 2, "{errors:?}");
    for error in errors {
        assert_eq!(error["file"], "family-plan.toml");
        assert!(error["line"].as_u64().unwrap() > 0 && error["column"].as_u64().unwrap() > 0);
    }
    assert!(
        errors.iter().any(|error| error["code"] == "out_of_range" && error["detail"].as_str().unwrap().contains("600"))
    );
    let checked = rig.send("POST", "/campaigns/check", Some(&token), Some(json!({"text": text}))).await;
    assert_eq!((checked.status, checked.json()["ok"].as_bool()), (StatusCode::OK, Some(false)));
    assert_eq!(checked.json()["errors"].as_array().unwrap().len(), errors.len());
    assert_eq!(rig.get("/campaigns/family-plan", &token).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_applied_campaign_reaches_the_engine_and_is_there_with_its_revisions() {
    let mut rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    rig.apply_family_plan(&token).await;
    let again = json!({"text": FAMILY_PLAN, "why": "nothing new"});
    let same = rig.send("PUT", "/campaigns/family-plan", Some(&token), Some(again)).await;
    assert_eq!(
        (same.json()["changed"].as_bool(), same.json()["revision"].as_u64()),
        (Some(false), Some(1)),
        "{same:?}"
    );
    let text = FAMILY_PLAN.replacen("priority = 60", "priority = 61", 1);
    let changed = json!({"text": text, "why": "more weight"});
    let changed = rig.send("PUT", "/campaigns/family-plan", Some(&token), Some(changed)).await;
    assert_eq!((changed.json()["changed"].as_bool(), changed.json()["revision"].as_u64()), (Some(true), Some(2)));
    let detail = rig.get("/campaigns/family-plan", &token).await.json();
    assert_eq!(detail["campaign"]["priority"], 61);
    assert_eq!(detail["text"], text);
    assert_eq!(detail["revisions"].as_array().unwrap().len(), 2);
    assert_eq!(detail["revisions"][0]["why"], "more weight");
    assert_eq!(detail["profile"]["name"], "cn");
    let list = rig.get("/campaigns", &token).await.json();
    assert_eq!((list[0]["key"].as_str(), list[0]["state"].as_str()), (Some("family-plan"), Some("ready")));
}

#[tokio::test]
async fn a_check_tells_what_would_change_and_any_two_revisions_compare() {
    let mut rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let check = async |rig: &Rig, text: &str| {
        rig.send("POST", "/campaigns/check", Some(&token), Some(json!({"text": text}))).await.json()
    };
    let new = check(&rig, FAMILY_PLAN).await;
    assert_eq!((new["revision"].is_null(), new["differences"]["values"][0]["from"].is_null()), (true, true), "{new}");
    rig.apply_family_plan(&token).await;
    let text = FAMILY_PLAN.replacen("priority = 60", "priority = 61", 1);
    let planned = check(&rig, &text).await;
    let change = json!([{ "key": "priority", "from": 60, "to": 61 }]);
    assert_eq!((&planned["differences"]["values"], planned["revision"].as_u64()), (&change, Some(1)), "{planned}");
    assert_eq!(check(&rig, FAMILY_PLAN).await["differences"]["lines"], json!([]));
    let changed = json!({"text": text, "why": "more weight"});
    rig.send("PUT", "/campaigns/family-plan", Some(&token), Some(changed)).await;
    let compared = rig.get("/campaigns/family-plan/compare", &token).await.json();
    assert_eq!((compared["from"].as_u64(), compared["to"].as_u64()), (Some(1), Some(2)), "{compared}");
    assert_eq!(compared["differences"], planned["differences"]);
    let first = rig.get("/campaigns/family-plan/compare?from=0&to=1", &token).await.json();
    assert!(first["differences"]["values"].as_array().is_some_and(|values| values.len() > 20), "{first}");
    let back = rig.get("/campaigns/family-plan/text?revision=1", &token).await.json();
    assert_eq!((back["text"].as_str(), back["revision"].as_u64()), (Some(FAMILY_PLAN), Some(1)));
    let missing = rig.get("/campaigns/family-plan/text?revision=9", &token).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND, "{missing:?}");
    assert_eq!(rig.get("/campaigns/none/compare", &token).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_key_of_the_text_must_be_the_key_of_the_address() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let answered = rig.send("PUT", "/campaigns/other", Some(&token), Some(json!({"text": FAMILY_PLAN}))).await;
    assert_eq!(answered.json()["errors"][0]["code"], "other_key", "{answered:?}");
}

#[tokio::test]
async fn starting_and_pausing_goes_to_the_engine_and_its_refusal_comes_back() {
    let mut rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let answered =
        rig.send("POST", "/campaigns/family-plan/state", Some(&token), Some(json!({"state": "running"}))).await;
    assert_eq!(answered.status, StatusCode::NO_CONTENT);
    match rig.event().await {
        Event::CampaignControl { campaign, state, .. } => {
            assert_eq!((campaign.as_str(), state), ("family-plan", CampaignState::Running));
        }
        other => panic!("{other:?}"),
    }
    rig.refuse_next(RequestRefusal::CampaignEnded);
    let answered =
        rig.send("POST", "/campaigns/family-plan/state", Some(&token), Some(json!({"state": "paused"}))).await;
    assert_eq!((answered.status, answered.code().as_str()), (StatusCode::CONFLICT, "campaign_ended"));
    let ready = rig.send("POST", "/campaigns/family-plan/state", Some(&token), Some(json!({"state": "ready"}))).await;
    assert_eq!(ready.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_file_becomes_leads_and_its_rejected_rows_can_be_fetched() {
    let mut rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    rig.apply_family_plan(&token).await;
    let csv = "phone,name,plan\n13800138000,王,A\n13800138000,王,A\nnonsense,李,B\n13900139000,赵,C\n";
    let report = import(&rig, &token, "spring", csv).await;
    assert_eq!(report["rows"], 4);
    assert_eq!((&report["accepted"], &report["duplicate"], &report["invalid"]), (&json!(2), &json!(1), &json!(1)));
    match rig.event().await {
        Event::LeadsChanged { campaign } => assert_eq!(campaign.as_str(), "family-plan"),
        other => panic!("{other:?}"),
    }
    let address = report["rejected_file"].as_str().unwrap().strip_prefix("/api/v1").unwrap();
    let rejected = rig.get(address, &token).await;
    assert_eq!(rejected.status, StatusCode::OK);
    assert!(rejected.header("content-disposition").starts_with("attachment"));
    assert!(rejected.text.contains("nonsense") && rejected.text.contains("not_a_number"), "{}", rejected.text);
    let lists = rig.get("/campaigns/family-plan/lists", &token).await.json();
    assert_eq!((&lists[0]["name"], &lists[0]["accepted"]), (&json!("spring"), &json!(2)), "{lists}");
    assert_eq!(lists[0]["rejected_file"], report["rejected_file"]);
    let left = std::fs::read_dir(rig.directory.path().join("uploads")).unwrap().count();
    assert_eq!(left, 0, "a received file was left behind");
}

#[tokio::test]
async fn a_dry_run_counts_and_keeps_nothing() {
    let mut rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    rig.apply_family_plan(&token).await;
    let csv = "phone,name\n13800138000,王\n";
    let answered = upload(&rig, &token, "name=spring&dry_run=true", csv).await;
    assert_eq!(
        (answered.json()["accepted"].as_u64(), answered.json()["dry_run"].as_bool()),
        (Some(1), Some(true)),
        "{answered:?}"
    );
    assert_eq!(rig.get("/campaigns/family-plan/lists", &token).await.json(), json!([]));
    assert!(rig.events.try_recv().is_err());
}

#[tokio::test]
async fn a_file_that_cannot_be_a_list_is_refused_as_a_whole() {
    let mut rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    rig.apply_family_plan(&token).await;
    let long = vec![b'1'; (1 << 20) + 1];
    let answered = upload(&rig, &token, "name=a", long).await;
    assert_eq!((answered.status, answered.code().as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "too_large"));
    let answered = upload(&rig, &token, "name=a", "colour,size\nred,1\n").await;
    assert_eq!(
        (answered.status, answered.code().as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "bad_file"),
        "{answered:?}"
    );
    let answered = upload(&rig, &token, "name=a&region=XX", "phone\n13800138000\n").await;
    assert_eq!(answered.status, StatusCode::UNPROCESSABLE_ENTITY, "{answered:?}");
    let answered = upload(&rig, &token, "name=", "phone\n13800138000\n").await;
    assert_eq!(answered.code(), "bad_query");
    let mut other = request("POST", "/campaigns/family-plan/lists?name=a", Some(&token), None);
    other.headers_mut().insert(header::CONTENT_TYPE, "text/html".parse().unwrap());
    assert_eq!(rig.answer(other).await.code(), "media_type");
    let left = std::fs::read_dir(rig.directory.path().join("uploads")).unwrap().count();
    assert_eq!(left, 0, "a received file was left behind");
}

#[tokio::test]
async fn why_a_campaign_dialled_is_read_by_pages_and_times() {
    let mut rig = Rig::new().await;
    let token = rig.token(Role::Marketing).await;
    let manager = rig.token(Role::Manager).await;
    rig.apply_family_plan(&manager).await;
    let empty = rig.get("/campaigns/family-plan/decisions", &token).await.json();
    assert_eq!(empty, json!({"items": [], "next_cursor": null}));
    let decision = |second: i64| Decision {
        campaign: "family-plan".parse().unwrap(),
        at: Timestamp::from_millis(second * 1000),
        placed: 2,
        limit: "price".into(),
        idle: 3,
        idle_with_slot: 2,
        slots: 4,
        pending: 5,
        abandons_left: 1,
        refusals: [("outside_window".to_owned(), 1)].into(),
        forecast: Some(Forecast { agents_free: 1.5, abandon_price: None, ..Forecast::default() }),
    };
    rig.store.record_decisions((1..=5).map(decision).collect()).await.unwrap();
    let first = rig.get("/campaigns/family-plan/decisions?limit=3&from=1000&to=5000", &token).await.json();
    let times = |page: &serde_json::Value| -> Vec<i64> {
        page["items"].as_array().unwrap().iter().map(|item| item["at"].as_i64().unwrap()).collect()
    };
    assert_eq!(times(&first), [4000, 3000, 2000]);
    assert_eq!(
        (&first["items"][0]["limit"], &first["items"][0]["refusals"]["outside_window"]),
        (&json!("price"), &json!(1))
    );
    assert_eq!(first["items"][0]["forecast"]["agents_free"], 1.5);
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = rig.get(&format!("/campaigns/family-plan/decisions?from=1000&to=5000&cursor={cursor}"), &token).await;
    assert_eq!((times(&rest.json()), rest.json()["next_cursor"].is_null()), (vec![1000], true));
    for bad in ["limit=0", "limit=1001", "from=5&to=5", "cursor=x"] {
        let answered = rig.get(&format!("/campaigns/family-plan/decisions?{bad}"), &token).await;
        assert_eq!(answered.status, StatusCode::BAD_REQUEST, "{bad}: {answered:?}");
    }
    let none = rig.get("/campaigns/nothing/decisions", &token).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_program_may_do_what_its_key_says_and_its_role_allows_until_it_is_revoked() {
    use crate::store::NewKey;
    let mut rig = Rig::new().await;
    let boss = rig.token(Role::Manager).await;
    rig.apply_family_plan(&boss).await;
    let scopes = |scopes: &[&str]| scopes.iter().map(|scope| scope.parse().unwrap()).collect::<Vec<_>>();
    let new = |name: &str, role: Role, granted: &[&str]| NewKey {
        name: name.to_owned(),
        role,
        scopes: scopes(granted),
        expires_at: None,
    };
    let now = rig.now();
    let key =
        rig.store.add_key(new("crm", Role::Manager, &["campaigns:read", "lists:write"]), "ann", now).await.unwrap();
    assert!(key.starts_with("lull_") && key.len() == 69, "{key}");
    assert_eq!(rig.get("/campaigns/family-plan", &key).await.status, StatusCode::OK);
    assert_eq!(import(&rig, &key, "may", "phone\n13800138000\n").await["accepted"], 1);
    // Not its scope, whatever its role may.
    let paused = rig.send("POST", "/campaigns/family-plan/state", Some(&key), Some(json!({"state": "paused"}))).await;
    assert_eq!(paused.status, StatusCode::FORBIDDEN, "{paused:?}");
    assert!(paused.text.contains("lacks the scope campaigns:write"), "{paused:?}");
    assert_eq!(rig.get("/board", &key).await.status, StatusCode::FORBIDDEN);
    // Not its role, whatever its scope says.
    let all = rig.store.add_key(new("reports", Role::Marketing, &["*:write"]), "ann", now).await.unwrap();
    assert_eq!(rig.get("/board", &all).await.status, StatusCode::OK);
    let applied = rig.send("PUT", "/campaigns/family-plan", Some(&all), Some(json!({"text": FAMILY_PLAN}))).await;
    assert_eq!(applied.status, StatusCode::FORBIDDEN, "{applied:?}");
    // A name is taken while its key is good; an agent's role and no scope are none.
    let again = rig.store.add_key(new("crm", Role::Manager, &["*:read"]), "ann", now).await;
    assert!(again.unwrap_err().to_string().contains("exists already"));
    assert!(rig.store.add_key(new("x", Role::Agent, &["*:read"]), "ann", now).await.is_err());
    assert!(rig.store.add_key(new("x", Role::Manager, &[]), "ann", now).await.is_err());
    rig.store.revoke_key("crm", "ann", now).await.unwrap();
    let gone = rig.get("/campaigns/family-plan", &key).await;
    assert_eq!(gone.status, StatusCode::UNAUTHORIZED, "{gone:?}");
    assert!(rig.store.revoke_key("crm", "ann", now).await.is_err());
    let ends = NewKey {
        expires_at: Some(rig.now() + std::time::Duration::from_secs(60)),
        ..new("short", Role::Operator, &["*:read"])
    };
    let short = rig.store.add_key(ends, "ann", now).await.unwrap();
    assert_eq!(rig.get("/trunks", &short).await.status, StatusCode::OK);
    rig.later(std::time::Duration::from_secs(61));
    assert_eq!(rig.get("/trunks", &short).await.status, StatusCode::UNAUTHORIZED);
    let kept = rig.store.keys().await.unwrap();
    assert_eq!(kept.len(), 3);
    assert!(kept.iter().all(|key| key.seen_at.is_some()), "{kept:?}");
}
