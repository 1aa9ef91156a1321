//! Searching what agents wrote.

use axum::http::StatusCode;

use super::rig::Rig;
use crate::model::attempt::{CallRef, CallResult};
use crate::model::disposition::Disposition;
use crate::model::id::{InboundId, UserId};
use crate::web::access::Role;

#[tokio::test]
async fn a_note_is_found_by_a_manager_and_by_nobody_else() {
    let mut rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    rig.apply_family_plan(&manager).await;
    for call in 1..=3 {
        let said = CallResult {
            request: None,
            call: CallRef::Inbound(InboundId(call)),
            campaign: Some("family-plan".parse().unwrap()),
            lead: None,
            number: None,
            agent: UserId(1),
            result: "later".to_owned(),
            disposition: Disposition::Other,
            answers: [("family_size".to_owned(), call.to_string())].into(),
            note: format!("Wants it in May, {call}"),
            at: rig.now(),
            talk_ms: 1,
            wrap_up_ms: 1,
            next: None,
            suppress: None,
            order: None,
        };
        rig.store.record_result(said).await.unwrap();
    }
    let path = "/campaigns/family-plan/search?text=in%20may&limit=2";
    let first = rig.get(path, &manager).await.json();
    let notes = |page: &serde_json::Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|item| item["note"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(notes(&first), ["Wants it in May, 3", "Wants it in May, 2"]);
    assert_eq!(first["items"][0]["in_note"], true);
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = rig.get(&format!("{path}&cursor={cursor}"), &manager).await.json();
    assert_eq!((notes(&rest), &rest["next_cursor"]), (vec!["Wants it in May, 1".to_owned()], &serde_json::Value::Null));
    let answer = rig.get("/campaigns/family-plan/search?text=2&question=family_size", &manager).await.json();
    assert_eq!((notes(&answer).len(), &answer["items"][0]["in_answers"][0]), (1, &"family_size".into()));
    for bad in ["text=", "text=a&limit=0", "text=a&cursor=1", "text=a&from=5&to=5", "texte=a"] {
        let refused = rig.get(&format!("/campaigns/family-plan/search?{bad}"), &manager).await;
        assert_eq!(refused.code(), "bad_query", "{bad}");
    }
    let long = "x".repeat(201);
    assert_eq!(rig.get(&format!("/campaigns/family-plan/search?text={long}"), &manager).await.code(), "bad_query");
    assert_eq!(rig.get("/campaigns/none/search?text=a", &manager).await.status, StatusCode::NOT_FOUND);
    let marketing = rig.token(Role::Marketing).await;
    assert_eq!(rig.get(path, &marketing).await.code(), "forbidden");
}
