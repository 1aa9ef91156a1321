//! Keys of programs, made and revoked on a page.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::rig::Rig;
use crate::web::access::Role;

async fn made(rig: &Rig, token: &str, role: &str, scope: &str) -> (StatusCode, Value) {
    let body = json!({"name": format!("{role} {scope}"), "role": role, "scopes": [scope]});
    let answered = rig.send("POST", "/keys", Some(token), Some(body)).await;
    (answered.status, answered.json())
}

#[tokio::test]
async fn a_key_is_shown_once_opens_its_scopes_and_nothing_after_it_is_revoked() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let ends = rig.now().as_millis() + 3_600_000;
    let body = json!({"name": "crm", "role": "manager", "scopes": ["campaigns:read"], "expires_at": ends});
    let added = rig.send("POST", "/keys", Some(&manager), Some(body.clone())).await;
    assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
    let key = added.json()["key"].as_str().unwrap().to_owned();
    assert_eq!(rig.get("/campaigns", &key).await.status, StatusCode::OK);
    assert_eq!(rig.get("/users", &key).await.code(), "forbidden");
    let list = rig.get("/keys", &manager).await;
    assert!(!list.text.contains(&key), "the key is shown again");
    let seen = &list.json()["keys"][0];
    assert_eq!(
        (&seen["name"], &seen["created_by"], &seen["expires_at"]),
        (&"crm".into(), &"manager".into(), &ends.into())
    );
    assert_eq!((&seen["scopes"], &seen["seen_at"]), (&json!(["campaigns:read"]), &rig.now().as_millis().into()));
    assert!(list.json()["parts"].as_array().unwrap().contains(&"callbacks".into()));
    let again = rig.send("POST", "/keys", Some(&manager), Some(body)).await;
    assert_eq!((again.status, again.code().as_str()), (StatusCode::CONFLICT, "conflict"));
    let address = format!("/keys/{}", seen["id"].as_str().unwrap());
    assert_eq!(rig.send("DELETE", &address, Some(&manager), None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(rig.get("/campaigns", &key).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(rig.send("DELETE", &address, Some(&manager), None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(rig.get("/keys", &manager).await.json()["keys"][0]["revoked_at"], rig.now().as_millis());
}

#[tokio::test]
async fn nobody_rises_above_themselves_by_a_key_and_no_key_makes_keys() {
    let rig = Rig::new().await;
    let (manager, operator) = (rig.token(Role::Manager).await, rig.token(Role::Operator).await);
    let (status, told) = made(&rig, &manager, "operator", "*:read").await;
    assert_eq!((status, told["code"].as_str()), (StatusCode::FORBIDDEN, Some("forbidden")));
    let (status, told) = made(&rig, &operator, "operator", "*:write").await;
    assert_eq!(status, StatusCode::CREATED, "{told}");
    let key = told["key"].as_str().unwrap();
    let (status, told) = made(&rig, key, "operator", "keys:write").await;
    assert_eq!((status, told["code"].as_str()), (StatusCode::FORBIDDEN, Some("forbidden")), "{told}");
    let id = rig.get("/keys", &manager).await.json()["keys"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(rig.send("DELETE", &format!("/keys/{id}"), Some(&manager), None).await.code(), "forbidden");
    assert_eq!(rig.send("DELETE", &format!("/keys/{id}"), Some(key), None).await.code(), "forbidden");
    assert_eq!(rig.send("DELETE", &format!("/keys/{id}"), Some(&operator), None).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_key_that_cannot_be_is_refused_by_its_field() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let good = json!({"name": "crm", "role": "manager", "scopes": ["lists:write"]});
    let bad = [
        ("scopes", json!(["lists:write", "lists"]), "/scopes/1", "expected PART:read or PART:write"),
        ("scopes", json!(["list:write"]), "/scopes/0", "lists"),
        ("scopes", json!([]), "/scopes", "at least one"),
        ("role", json!("agent"), "/role", "manager, marketing or operator"),
        ("name", json!(" "), "/name", "1 to 60 characters"),
        ("expires_at", json!(rig.now().as_millis()), "/expires_at", "a time to come"),
    ];
    for (field, value, pointer, expected) in bad {
        let mut body = good.clone();
        body[field] = value;
        let answered = rig.send("POST", "/keys", Some(&manager), Some(body)).await;
        let told = answered.json();
        assert_eq!(
            (answered.status, &told["errors"][0]["pointer"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &pointer.into()),
            "{told}"
        );
        assert!(told["detail"].as_str().unwrap().contains(expected), "{told}");
    }
}
