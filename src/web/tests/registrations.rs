//! Pre-registrations by API.

use axum::http::StatusCode;
use serde_json::json;

use super::rig::Rig;
use crate::engine::event::Event;
use crate::web::access::Role;

const PATH: &str = "/campaigns/family-plan/pre-registrations";

#[tokio::test]
async fn a_customer_of_another_channel_is_a_consented_lead_and_the_dialer_hears_of_it() {
    let mut rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    rig.apply_family_plan(&manager).await;
    let body = json!({"number": "138 0013 8000", "region": "CN", "name": "王芳", "channel": "mini-program", "source": "form 7",
        "consent": "我同意接听一次来电", "columns": {"reply": "请晚上打"}});
    let made = rig.send("POST", PATH, Some(&manager), Some(body.clone())).await;
    assert_eq!((made.status, &made.json()["outcome"]), (StatusCode::CREATED, &json!("new")), "{made:?}");
    loop {
        if matches!(rig.event().await, Event::LeadsChanged { campaign, .. } if campaign.as_str() == "family-plan") {
            break;
        }
    }
    let id = made.json()["lead"].as_str().unwrap().to_owned();
    let lead = rig.get(&format!("/leads/{id}"), &manager).await;
    assert!(lead.text.contains("请晚上打") && lead.text.contains("+8613800138000"), "{lead:?}");
    let consents = rig.get("/consents?number=%2B8613800138000", &manager).await.json();
    assert_eq!((&consents[0]["purpose"], &consents[0]["source"]), (&json!("family-plan"), &json!("form 7")));
    let again = rig.send("POST", PATH, Some(&manager), Some(body)).await;
    assert_eq!((&again.json()["outcome"], &again.json()["lead"]), (&json!("forward"), &json!(null)), "{again:?}");
}

#[tokio::test]
async fn what_cannot_be_a_pre_registration_is_refused_with_its_place_and_changes_nothing() {
    let mut rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    rig.apply_family_plan(&manager).await;
    let sound = json!({"number": "+8613800138000", "channel": "web", "source": "page", "consent": "yes"});
    for (field, value, code) in [
        ("number", json!("call me"), "not_a_number"),
        ("consent", json!(" "), "empty"),
        ("source", json!(""), "empty"),
        ("at", json!(9_000_000_000_000_i64), "in_future"),
        ("consent_until", json!(1), "out_of_range"),
        ("priority", json!(100), "out_of_range"),
        ("list", json!(" "), "empty"),
        ("columns", json!({"a/b": "x".repeat(3000)}), "too_long"),
    ] {
        let mut body = sound.clone();
        body[field] = value;
        let refused = rig.send("POST", PATH, Some(&manager), Some(body)).await;
        let errors = refused.json()["errors"].clone();
        assert_eq!(
            (refused.status, &errors[0]["code"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!(code)),
            "{refused:?}"
        );
        assert!(errors[0]["pointer"].as_str().unwrap().starts_with(&format!("/{field}")), "{errors}");
    }
    let nowhere = rig.send("POST", "/campaigns/autumn/pre-registrations", Some(&manager), Some(sound)).await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
    assert_eq!(rig.get("/consents?number=%2B8613800138000", &manager).await.json(), json!([]));
}
