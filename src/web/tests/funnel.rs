//! The funnel by API: counts, parts, the people behind them, and files.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::rig::{Rig, number};
use crate::store::{NewLead, ZoneSource};
use crate::web::access::Role;

const PATH: &str = "/campaigns/family-plan/funnel";

#[tokio::test]
async fn counts_parts_and_people_agree_and_marketing_sees_no_numbers() {
    let mut rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    rig.apply_family_plan(&manager).await;
    let empty = rig.get(PATH, &manager).await.json();
    assert_eq!(empty["stages"].as_array().unwrap().len(), 10);
    assert!(empty["stages"].as_array().unwrap().iter().all(|stage| stage["leads"] == 0), "{empty}");
    assert_eq!((&empty["currency"], &empty["costs"]["per_delivered_order"]), (&json!("CNY"), &Value::Null));
    let key = "family-plan".parse().unwrap();
    let list = rig.store.create_list(&key, "may", "ann", rig.now()).await.unwrap();
    for (text, city) in [("+8613800138000", "上海"), ("+8613800138001", "北京")] {
        let lead = NewLead {
            number: number(text),
            name: "王芳".to_owned(),
            zones: vec!["Asia/Shanghai".to_owned()],
            zone_source: ZoneSource::Number,
            priority: 50,
            score: None,
            replied_at: None,
            extra: [("city".to_owned(), city.to_owned())].into(),
        };
        rig.store.add_lead(&key, list, lead, rig.now()).await.unwrap().unwrap();
    }
    // One of them asks to be called again.
    let body = json!({"number": "+8613800138000", "channel": "web", "source": "page", "consent": "yes"});
    rig.send("POST", "/campaigns/family-plan/pre-registrations", Some(&manager), Some(body)).await;
    let by_city = rig.get(&format!("{PATH}?by=city"), &manager).await.json();
    assert_eq!(by_city["by"], "column:city");
    for stage in ["audience", "registered", "delivered"] {
        let listed = rig.get(&format!("{PATH}/{stage}"), &manager).await.json();
        let counted = by_city["stages"].as_array().unwrap().iter().find(|one| one["stage"] == stage).unwrap();
        assert_eq!(json!(listed["items"].as_array().unwrap().len()), counted["leads"], "{stage}");
    }
    let csv = rig.get(&format!("{PATH}?by=city&format=csv"), &manager).await;
    assert!(csv.text.starts_with("column:city,audience,sent,") && csv.text.contains("\nall,0,0,"), "{csv:?}");
    for (path, status) in [
        (format!("{PATH}/nowhere"), StatusCode::NOT_FOUND),
        ("/campaigns/none/funnel".to_owned(), StatusCode::NOT_FOUND),
        ("/campaigns/none/funnel/sent".to_owned(), StatusCode::NOT_FOUND),
        (format!("{PATH}?by=column:"), StatusCode::BAD_REQUEST),
        (format!("{PATH}/sent?part=x"), StatusCode::BAD_REQUEST),
        (format!("{PATH}/sent?limit=0"), StatusCode::BAD_REQUEST),
        (format!("{PATH}/sent?cursor=1"), StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(rig.get(&path, &manager).await.status, status, "{path}");
    }
    let marketing = rig.token(Role::Marketing).await;
    let seen = rig.get(&format!("{PATH}/registered"), &marketing).await;
    assert!(
        seen.status == StatusCode::OK && !seen.text.contains("王芳") && !seen.text.contains("13800138000"),
        "{seen:?}"
    );
}
