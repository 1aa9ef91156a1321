//! Bad input: a clear answer with its place, and nothing else happens.

use axum::body::Body;
use axum::http::{StatusCode, header};
use serde_json::json;

use super::rig::{PASSWORD, Rig, request};
use crate::web::access::Role;

#[tokio::test]
async fn a_body_that_is_not_json_says_where() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    for text in ["{\"text\": ", "", "not json", "{\"text\": \"\u{0}\"}"] {
        let mut request = request("POST", "/campaigns/check", Some(&token), Some(json!(0)));
        *request.body_mut() = Body::from(text);
        let answered = rig.answer(request).await;
        assert_eq!(
            (answered.status, answered.code().as_str()),
            (StatusCode::BAD_REQUEST, "malformed_json"),
            "{text:?}"
        );
        assert!(answered.json()["detail"].as_str().unwrap().contains("column"), "{answered:?}");
    }
}

#[tokio::test]
async fn unknown_and_wrong_fields_are_named() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let body = json!({"text": "", "role": "operator"});
    let answered = rig.send("POST", "/campaigns/check", Some(&token), Some(body)).await;
    assert_eq!((answered.status, answered.code().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "bad_field"));
    assert!(answered.json()["detail"].as_str().unwrap().contains("unknown field `role`"), "{answered:?}");
    let answered = rig.send("PATCH", "/groups/blend", Some(&token), Some(json!({"reserve": "two"}))).await;
    assert_eq!(answered.json()["errors"][0]["pointer"], "/reserve", "{answered:?}");
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_not_read() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let body = json!({"text": "x".repeat(600 * 1024)});
    let answered = rig.send("POST", "/campaigns/check", Some(&token), Some(body)).await;
    assert_eq!((answered.status, answered.code().as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "too_large"));
}

#[tokio::test]
async fn a_deeply_nested_body_is_refused_and_takes_nothing_down() {
    let rig = Rig::new().await;
    let mut request = request("POST", "/login", None, Some(json!(0)));
    *request.body_mut() = Body::from("[".repeat(200_000));
    let answered = rig.answer(request).await;
    assert!(answered.status.is_client_error(), "{answered:?}");
}

#[tokio::test]
async fn a_form_cannot_pose_as_json() {
    let rig = Rig::new().await;
    rig.add_user("mei", Role::Manager).await;
    let mut request = request("POST", "/login", None, Some(json!({"login": "mei", "password": PASSWORD})));
    request.headers_mut().insert(header::CONTENT_TYPE, "text/plain".parse().unwrap());
    assert_eq!(rig.answer(request).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn names_and_ids_that_cannot_exist_are_not_found() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    for path in ["/campaigns/..%2f..%2fetc", "/campaigns/Nope", "/leads/42", "/leads/user_0000000000001"] {
        let answered = rig.get(path, &token).await;
        assert_eq!((answered.status, answered.code().as_str()), (StatusCode::NOT_FOUND, "not_found"), "{path}");
    }
    for path in ["/imports/..%2f..%2flull.db/rejected.csv", "/imports/imp_0000000000001/rejected.csv"] {
        assert_eq!(rig.get(path, &token).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn what_customers_are_called_stays_text_in_an_answer() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Operator).await;
    let name = "</script><script>alert(1)</script>";
    let user = json!({"login": "x", "name": name, "role": "agent", "password": PASSWORD});
    let answered = rig.send("POST", "/users", Some(&token), Some(user)).await;
    assert_eq!(answered.status, StatusCode::CREATED, "{answered:?}");
    assert_eq!(answered.json()["name"], name);
    assert_eq!(answered.header("content-type"), "application/json");
    assert_eq!(answered.header("x-content-type-options"), "nosniff");
}
