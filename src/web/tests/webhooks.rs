//! Endpoints that are told what happened, as a page deals with them.

use axum::http::StatusCode;
use serde_json::json;

use super::rig::Rig;
use crate::web::access::Role;

#[tokio::test]
async fn what_is_named_of_an_endpoint_is_changed_and_the_rest_stays() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let body = json!({"name": "crm", "url": "https://1.1.1.1/a", "events": ["call.ended"]});
    let added = rig.send("POST", "/webhooks", Some(&manager), Some(body)).await;
    assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
    let secret = added.json()["secret"].as_str().unwrap().to_owned();
    let address = format!("/webhooks/{}", added.json()["webhook"]["id"].as_str().unwrap());
    let change = |body| rig.send("PATCH", &address, Some(&manager), Some(body));

    let moved = change(json!({"url": "https://1.1.1.1/b"})).await;
    assert_eq!(moved.status, StatusCode::OK, "{moved:?}");
    assert!(!moved.text.contains(&secret));
    let told = moved.json();
    assert_eq!(
        (&told["url"], &told["name"], &told["events"]),
        (&"https://1.1.1.1/b".into(), &"crm".into(), &json!(["call.ended"]))
    );
    let all = change(json!({"events": null, "name": "the CRM"})).await.json();
    assert_eq!(
        (&all["events"], &all["name"], &all["url"]),
        (&json!(null), &"the CRM".into(), &"https://1.1.1.1/b".into())
    );
    assert_eq!(rig.get(&address, &manager).await.json(), all);
    let trail = rig.store.audit_trail(None, 1).await.unwrap();
    assert_eq!(
        (trail[0].what.as_str(), trail[0].who.as_str(), trail[0].object.as_str()),
        ("webhook_changed", "manager", "crm")
    );

    for (body, pointer) in [
        (json!({"url": "http://1.1.1.1/b"}), "/url"),
        (json!({"url": "https://127.0.0.1/b"}), "/url"),
        (json!({"events": []}), "/events"),
        (json!({"events": ["webhook.test"]}), "/events/0"),
        (json!({"name": ""}), "/name"),
    ] {
        let refused = change(body.clone()).await;
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer, "{body}: {refused:?}");
    }
    assert_eq!(change(json!({"campaign": "none"})).await.status, StatusCode::NOT_FOUND);
    let other = json!({"name": "other", "url": "https://1.1.1.1/c"});
    assert_eq!(rig.send("POST", "/webhooks", Some(&manager), Some(other)).await.status, StatusCode::CREATED);
    assert_eq!(change(json!({"name": "other"})).await.status, StatusCode::CONFLICT);
    assert_eq!(rig.get(&address, &manager).await.json(), all, "a refusal changes nothing");
}
