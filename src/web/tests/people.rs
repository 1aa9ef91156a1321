//! The people who log in; and what the other tests need to be in the store.

use axum::http::StatusCode;
use serde_json::json;

use super::rig::{PASSWORD, Rig, device, number};
use crate::model::attempt::Intent;
use crate::model::id::{AttemptId, LeadId, UserId};
use crate::store::NewUser;
use crate::web::access::Role;

/// Adds a user with the test's password and a phone.
pub(super) async fn add_user(rig: &Rig, login: &str, role: Role) -> UserId {
    let groups = vec!["blend".parse().unwrap()];
    let user = NewUser {
        login: login.to_owned(),
        name: login.to_owned(),
        role,
        language: "en".to_owned(),
        device: Some(device()),
        groups,
    };
    rig.store.add_user(user, PASSWORD, "setup", rig.now()).await.unwrap()
}

/// An agent without a phone.
pub(super) async fn without_phone(rig: &Rig, login: &str) {
    let user = NewUser {
        login: login.to_owned(),
        name: login.to_owned(),
        role: Role::Agent,
        language: "en".to_owned(),
        device: None,
        groups: vec!["blend".parse().unwrap()],
    };
    rig.store.add_user(user, PASSWORD, "setup", rig.now()).await.unwrap();
}

/// An attempt that is on its way to a lead.
pub(super) async fn one_attempt(rig: &Rig, lead: LeadId) {
    let intent = Intent {
        attempt: AttemptId(5),
        campaign: "family-plan".parse().unwrap(),
        lead,
        number: number("+8613800138000"),
        caller_id: number("+861000000000"),
        trunk: "carrier".parse().unwrap(),
        at: rig.now(),
        kind: None,
        zones: vec!["Asia/Shanghai".to_owned()],
        tzdata: "2026b".to_owned(),
        number_of_attempt: 0,
    };
    rig.store
        .set_campaign_state(
            &intent.campaign.clone(),
            crate::model::campaign::CampaignState::Running,
            "setup",
            "",
            rig.now(),
        )
        .await
        .unwrap();
    let outcome = rig.store.record_intent(intent, std::sync::Arc::new(|_| Ok(()))).await.unwrap();
    assert!(matches!(outcome, crate::store::IntentOutcome::Recorded), "{outcome:?}");
}

#[tokio::test]
async fn an_operator_adds_changes_and_disables_a_user() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Operator).await;
    let new = json!({"login": "Mei", "name": "Mei Lin", "role": "agent", "password": PASSWORD, "groups": ["blend"],
        "device": {"phone": "101", "leg": "per_call"}});
    let added = rig.send("POST", "/users", Some(&token), Some(new.clone())).await;
    assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
    assert!(!added.text.contains("argon2") && !added.text.contains(PASSWORD));
    let id = added.json()["id"].as_str().unwrap().to_owned();
    let twice = rig.send("POST", "/users", Some(&token), Some(new)).await;
    assert_eq!((twice.status, twice.code().as_str()), (StatusCode::CONFLICT, "conflict"));
    let mei = rig.log_in("mei").await;
    let path = format!("/users/{id}");
    let changed = rig.send("PATCH", &path, Some(&token), Some(json!({"name": "Lin Mei", "device": null}))).await;
    assert_eq!((changed.json()["name"].as_str(), changed.json()["device"].is_null()), (Some("Lin Mei"), true));
    assert_eq!(changed.json()["groups"], json!(["blend"]));
    assert_eq!(rig.get("/me", &mei).await.status, StatusCode::OK);
    let disabled = rig.send("PATCH", &path, Some(&token), Some(json!({"disabled": true}))).await;
    assert!(disabled.json()["disabled_at"].is_i64(), "{disabled:?}");
    assert_eq!(rig.get("/me", &mei).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn nobody_rises_above_themselves_or_locks_themselves_out() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let operator = rig.add_user("root", Role::Operator).await;
    let new = json!({"login": "x", "name": "x", "role": "operator", "password": PASSWORD});
    assert_eq!(rig.send("POST", "/users", Some(&token), Some(new)).await.code(), "forbidden");
    let path = format!("/users/{operator}");
    let change = json!({"password": "a password of my own choice"});
    assert_eq!(rig.send("PATCH", &path, Some(&token), Some(change)).await.code(), "forbidden");
    let me = rig.get("/me", &token).await.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/users/{me}");
    assert_eq!(rig.send("PATCH", &path, Some(&token), Some(json!({"role": "operator"}))).await.code(), "forbidden");
    assert_eq!(rig.send("PATCH", &path, Some(&token), Some(json!({"disabled": true}))).await.code(), "conflict");
}

#[tokio::test]
async fn a_new_role_ends_the_sessions_of_the_old_one() {
    let rig = Rig::new().await;
    let operator = rig.token(Role::Operator).await;
    let manager = rig.add_user("mei", Role::Manager).await;
    let token = rig.log_in("mei").await;
    let path = format!("/users/{manager}");
    let changed = rig.send("PATCH", &path, Some(&operator), Some(json!({"role": "marketing"}))).await;
    assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
    assert_eq!(rig.get("/me", &token).await.status, StatusCode::UNAUTHORIZED);
    let token = rig.log_in("mei").await;
    assert_eq!(rig.get("/users", &token).await.code(), "forbidden");
}

#[tokio::test]
async fn what_a_user_refers_to_must_be_configured_and_a_password_must_be_long() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Operator).await;
    let with = |key: &str, value: serde_json::Value| {
        let mut user = json!({"login": "x", "name": "x", "role": "agent", "password": PASSWORD});
        user[key] = value;
        user
    };
    let bad = [
        (with("groups", json!(["blend", "none"])), "/groups/1"),
        (with("device", json!({"phone": "999", "leg": "nailed_up"})), "/device/phone"),
        (with("password", json!("short")), "/password"),
        (with("login", json!("a b")), "/login"),
        (with("language", json!("xx")), "/language"),
        (with("name", json!(" ")), "/name"),
    ];
    for (user, pointer) in bad {
        let answered = rig.send("POST", "/users", Some(&token), Some(user)).await;
        assert_eq!(answered.status, StatusCode::UNPROCESSABLE_ENTITY, "{answered:?}");
        assert_eq!(answered.json()["errors"][0]["pointer"], pointer, "{answered:?}");
        assert!(!answered.text.contains("short\""), "the password came back: {answered:?}");
    }
}
