//! Suppressions and consents, and who sees numbers.

use axum::http::StatusCode;
use serde_json::json;

use super::rig::{Rig, talking};
use crate::engine::event::Event;
use crate::model::lead::SuppressionReason;
use crate::web::access::Role;

#[tokio::test]
async fn a_suppression_is_in_the_ledger_and_the_engine_hears_of_it() {
    let mut rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let body = json!({"number": "138 0013 8000", "region": "CN", "reason": "opt_out", "note": "by letter"});
    let answered = rig.send("POST", "/suppressions", Some(&token), Some(body)).await;
    assert_eq!(answered.status, StatusCode::CREATED, "{answered:?}");
    match rig.event().await {
        Event::Suppressed { number, campaign, reason } => {
            assert_eq!(number.as_str(), "+8613800138000");
            assert_eq!((campaign, reason), (None, SuppressionReason::OptOut));
        }
        other => panic!("{other:?}"),
    }
    let id = answered.json()["id"].as_str().unwrap().to_owned();
    let entries = rig.get("/suppressions?number=%2B8613800138000", &token).await.json();
    assert_eq!((entries[0]["id"].as_str(), entries[0]["added_by"].as_str()), (Some(id.as_str()), Some("manager")));
    let unexplained = rig.send("DELETE", &format!("/suppressions/{id}"), Some(&token), Some(json!({"why": " "}))).await;
    assert_eq!(unexplained.status, StatusCode::UNPROCESSABLE_ENTITY);
    let why = json!({"why": "wrong number in the letter"});
    let lifted = rig.send("DELETE", &format!("/suppressions/{id}"), Some(&token), Some(why.clone())).await;
    assert_eq!(lifted.status, StatusCode::NO_CONTENT, "{lifted:?}");
    let entries = rig.get("/suppressions?number=%2B8613800138000", &token).await.json();
    assert_eq!(entries[0]["lifted_why"], "wrong number in the letter");
    let again = rig.send("DELETE", &format!("/suppressions/{id}"), Some(&token), Some(why)).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_agent_suppresses_the_number_of_the_call_at_hand_only() {
    let mut rig = Rig::new().await;
    let user = rig.add_user("agent", Role::Agent).await;
    let token = rig.log_in("agent").await;
    let body = json!({"number": "+8613800138000", "reason": "do_not_call"});
    let denied = rig.send("POST", "/suppressions", Some(&token), Some(body.clone())).await;
    assert_eq!((denied.status, denied.code().as_str()), (StatusCode::FORBIDDEN, "not_at_hand"));
    rig.show_desk(talking(user, "+8613800138000", None)).await;
    let done = rig.send("POST", "/suppressions", Some(&token), Some(body)).await;
    assert_eq!(done.status, StatusCode::CREATED, "{done:?}");
    assert!(matches!(rig.event().await, Event::Suppressed { .. }));
}

#[tokio::test]
async fn a_number_that_cannot_be_read_is_named_with_what_was_expected() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let body = json!({"number": "call me", "reason": "manual"});
    let answered = rig.send("POST", "/suppressions", Some(&token), Some(body)).await;
    assert_eq!(answered.json()["errors"][0]["code"], "not_a_number", "{answered:?}");
    let body = json!({"number": "13800138000", "region": "ZZ", "reason": "manual"});
    let answered = rig.send("POST", "/suppressions", Some(&token), Some(body)).await;
    assert_eq!(answered.json()["errors"][0]["code"], "unknown_region", "{answered:?}");
    let body = json!({"number": "13800138000", "reason": "manual", "campaign": "no-such"});
    let answered = rig.send("POST", "/suppressions", Some(&token), Some(body)).await;
    assert_eq!(answered.status, StatusCode::NOT_FOUND, "{answered:?}");
}

#[tokio::test]
async fn a_consent_is_evidence_and_its_revocation_is_a_further_entry() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let consent = json!({"number": "+8613800138000", "purpose": "family-plan", "text": "我同意接听",
        "text_version": "2", "channel": "web"});
    let given = rig.send("POST", "/consents", Some(&token), Some(consent)).await;
    assert_eq!(given.status, StatusCode::CREATED, "{given:?}");
    rig.later(std::time::Duration::from_secs(60));
    let id = given.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/consents/{id}/revoke");
    let revoked = rig.send("POST", &path, Some(&token), Some(json!({"channel": "call"}))).await;
    assert_eq!(
        (revoked.status, revoked.json()["kind"].as_str()),
        (StatusCode::CREATED, Some("revoked")),
        "{revoked:?}"
    );
    let entries = rig.get("/consents?number=%2B8613800138000", &token).await.json();
    assert_eq!(entries.as_array().unwrap().len(), 2, "{entries}");
    let fetched = rig.get("/consents/evidence?number=138%200013%208000&region=CN", &token).await;
    let evidence = fetched.json();
    assert_eq!(
        (&evidence["end"]["place"], &evidence["entries"][1]["kind"]),
        (&json!(2), &json!("revoked")),
        "{evidence}"
    );
    assert_eq!(evidence["entries"][1]["previous"], evidence["entries"][0]["hash"]);
    assert_eq!(evidence["entries"][1]["hash"], evidence["end"]["hash"]);
    assert_eq!(fetched.headers["content-disposition"], "attachment; filename=\"consents-8613800138000.json\"");
    let written = rig.store.audit_of("+8613800138000", &["consent_evidence"], None, 9).await.unwrap();
    assert_eq!(written.len(), 1, "who fetched it is in the audit log");
    let missing = "/consents/con_0000000000001/revoke";
    let answered = rig.send("POST", missing, Some(&token), Some(json!({"channel": "call"}))).await;
    assert_eq!(answered.status, StatusCode::NOT_FOUND);
    let empty = json!({"number": "+8613800138000", "purpose": "*", "text": " ", "text_version": "", "channel": "web"});
    assert_eq!(rig.send("POST", "/consents", Some(&token), Some(empty)).await.code(), "bad_field");
}

#[tokio::test]
async fn marketing_sees_masked_numbers_and_no_names() {
    let mut rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let marketing = rig.token(Role::Marketing).await;
    rig.apply_family_plan(&manager).await;
    super::campaigns::import(&rig, &manager, "a", "phone,name,street\n13800138000,王小明,长安街\n").await;
    let lead = super::campaigns::only_lead(&rig).await;
    super::people::one_attempt(&rig, lead).await;
    for path in [format!("/leads/{lead}"), "/campaigns/family-plan/attempts".to_owned()] {
        let open = rig.get(&path, &manager).await;
        assert!(open.text.contains("+8613800138000"), "{path}: {open:?}");
        let masked = rig.get(&path, &marketing).await;
        assert_eq!(masked.status, StatusCode::OK, "{path}: {masked:?}");
        assert!(masked.text.contains("+86138****8000"), "{path}: {masked:?}");
        for secret in ["+8613800138000", "小明", "长安街"] {
            assert!(!masked.text.contains(secret), "{path} tells {secret}");
        }
    }
}
