//! The wallboard.

use axum::body::HttpBody as _;
use axum::http::StatusCode;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::timeout;
use tower::ServiceExt as _;

use super::rig::{Rig, request, talking};
use crate::engine::snapshot::{Snapshot, TrunkView};
use crate::model::attempt::GateChange;
use crate::model::id::UserId;
use crate::model::time::Timestamp;
use crate::web::access::Role;

fn picture(at: i64, up: bool) -> Snapshot {
    let trunk = TrunkView { trunk: "carrier".parse().unwrap(), up, channels: 3, channels_max: 30 };
    Snapshot { at: Timestamp::from_millis(at), trunks: vec![trunk], ..Snapshot::default() }
}

async fn next_text(body: &mut axum::body::Body) -> String {
    let frame = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx));
    let frame = timeout(Duration::from_secs(10), frame).await.expect("no event came").unwrap().unwrap();
    String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn the_board_is_the_engines_latest_picture() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Marketing).await;
    rig.show(picture(5_000, true)).await;
    let answered = rig.get("/board", &token).await;
    assert_eq!(answered.status, StatusCode::OK);
    assert_eq!(answered.json()["at"], 5_000);
    assert_eq!(answered.json()["trunks"][0]["trunk"], "carrier");
    assert!(answered.json()["history_from"].is_null());
}

#[tokio::test]
async fn board_events_begin_with_the_latest_picture_and_skip_what_was_overtaken() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    rig.show(picture(1, true)).await;
    let mut asked = request("GET", "/board/events", Some(&token), None);
    asked.headers_mut().insert("accept-encoding", "gzip".parse().unwrap());
    let response = rig.router.clone().oneshot(asked).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert!(response.headers().get("content-encoding").is_none(), "a compressor would hold events back");
    let mut body = response.into_body();
    let first = next_text(&mut body).await;
    assert!(first.starts_with("event: snapshot\nid: 1\ndata: {") && first.ends_with("}\n\n"), "{first}");
    for at in 2..=9 {
        rig.show(picture(at, true)).await;
    }
    let second = next_text(&mut body).await;
    assert!(second.contains("id: 9\n"), "overtaken pictures were queued: {second}");
    rig.state.close_streams();
    let frame = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx));
    assert!(timeout(Duration::from_secs(10), frame).await.expect("the stream was not closed").is_none());
}

#[tokio::test]
async fn the_board_does_not_tell_the_numbers_of_customers_on_the_line() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Marketing).await;
    let agent = talking(UserId(1), "+8613800138000", None);
    rig.show(Snapshot { agents: vec![agent], ..picture(5, true) }).await;
    let answered = rig.get("/board", &token).await;
    assert_eq!(answered.json()["agents"][0]["state"], "talking");
    let response = rig.router.clone().oneshot(request("GET", "/board/events", Some(&token), None)).await.unwrap();
    let event = next_text(&mut response.into_body()).await;
    for text in [&answered.text, &event] {
        assert!(text.contains("talking") && !text.contains("13800138000"), "{text}");
    }
}

#[tokio::test]
async fn readiness_names_what_stands_in_the_way() {
    let rig = Rig::new().await;
    rig.show(picture(rig.now().as_millis(), true)).await;
    let ready = rig.send("GET", "/readyz", None, None).await;
    assert_eq!(ready.status, StatusCode::OK, "{ready:?}");
    rig.show(Snapshot { draining: true, ..picture(rig.now().as_millis(), false) }).await;
    rig.later(Duration::from_secs(60));
    let answered = rig.send("GET", "/readyz", None, None).await;
    assert_eq!(answered.status, StatusCode::SERVICE_UNAVAILABLE);
    let body = answered.json();
    let codes: Vec<_> = body["problems"].as_array().unwrap().iter().map(|p| p["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["engine_silent", "draining", "trunks_down"]);
    assert_eq!(rig.send("GET", "/livez", None, None).await.status, StatusCode::OK);
}

#[tokio::test]
async fn gate_changes_come_latest_first() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Operator).await;
    for minute in 1..=3 {
        let change = GateChange {
            group: "blend".parse().unwrap(),
            at: rig.now() - Duration::from_secs(60 * minute),
            open: minute % 2 == 1,
            idleness: 0.5,
            idle_threshold: 0.4,
            agents: 10,
            inbound_busy: 4,
            waiting: 0,
            slots: 5,
        };
        rig.store.record_gate(change).await.unwrap();
    }
    let answered = rig.get("/board/gate-changes?group=blend&limit=2", &token).await;
    let body = answered.json();
    let ages: Vec<_> =
        body.as_array().unwrap().iter().map(|c| rig.now().as_millis() - c["at"].as_i64().unwrap()).collect();
    assert_eq!(ages, [60_000, 120_000], "{answered:?}");
    assert_eq!(rig.get("/board/gate-changes?limit=0", &token).await.code(), "bad_query");
    assert_eq!(rig.get("/board/gate-changes?grup=blend", &token).await.code(), "bad_query");
}
