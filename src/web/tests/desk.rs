//! The agent's desk.

use axum::http::StatusCode;
use serde_json::json;

use super::rig::{Rig, talking};
use crate::engine::command::RequestRefusal;
use crate::engine::event::{AgentAction, Event};
use crate::model::attempt::{CallRef, Refusal};
use crate::model::id::{AttemptId, LeadId};
use crate::web::access::Role;

/// An agent who is logged in and signed in: user, token, and the desk's session.
async fn at_desk(rig: &mut Rig) -> (crate::model::id::UserId, String, String) {
    let user = rig.add_user("agent", Role::Agent).await;
    let token = rig.log_in("agent").await;
    let answered = rig.send("POST", "/desk/sign-in", Some(&token), Some(json!({}))).await;
    assert_eq!(answered.status, StatusCode::OK, "{answered:?}");
    let session = answered.json()["session"].as_str().unwrap().to_owned();
    match rig.event().await {
        Event::AgentSignedIn { user: signed_in, session: told, groups, device, .. } => {
            assert_eq!((signed_in, told.to_string()), (user, session.clone()));
            assert_eq!((groups.len(), device.phone.as_str()), (1, "101"));
        }
        other => panic!("{other:?}"),
    }
    (user, token, session)
}

#[tokio::test]
async fn an_agent_signs_in_and_acts_and_the_engine_hears_each_act() {
    let mut rig = Rig::new().await;
    let (user, token, session) = at_desk(&mut rig).await;
    let acts = [
        (json!({"action": "ready"}), AgentAction::Ready),
        (json!({"action": "not_ready", "reason": "break"}), AgentAction::NotReady { reason: "break".into() }),
        (json!({"action": "hang_up"}), AgentAction::HangUp),
        (json!({"action": "extend_wrap_up"}), AgentAction::ExtendWrapUp),
        (json!({"action": "start_call", "lead": LeadId(9).to_string()}), AgentAction::StartCall { lead: LeadId(9) }),
        (
            json!({"action": "skip_lead", "lead": LeadId(9).to_string(), "reason": "wrong-data"}),
            AgentAction::SkipLead { lead: LeadId(9), reason: "wrong-data".into() },
        ),
        (json!({"action": "sign_out"}), AgentAction::SignOut),
    ];
    for (action, expected) in acts {
        let body = json!({"session": session, "action": action});
        let answered = rig.send("POST", "/desk/act", Some(&token), Some(body)).await;
        assert_eq!(answered.status, StatusCode::NO_CONTENT, "{answered:?}");
        match rig.event().await {
            Event::AgentActed { user: who, session: told, action, .. } => {
                assert_eq!((who, told.to_string(), action), (user, session.clone(), expected));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_result_reaches_the_engine_with_answers_and_a_personal_callback() {
    let mut rig = Rig::new().await;
    let (_, token, session) = at_desk(&mut rig).await;
    let outcome = json!({"result": "later", "answers": {"broadband": "是"}, "note": "call on Friday",
        "callback": {"at": 1_795_400_000_000_i64, "personal": true}});
    let call = json!({"direction": "outbound", "id": AttemptId(5).to_string()});
    let body = json!({"session": session, "action": {"action": "record", "call": call, "outcome": outcome}});
    let answered = rig.send("POST", "/desk/act", Some(&token), Some(body)).await;
    assert_eq!(answered.status, StatusCode::NO_CONTENT, "{answered:?}");
    let Event::AgentActed { action: AgentAction::Record { call, outcome }, .. } = rig.event().await else {
        panic!("no result came")
    };
    assert_eq!(call, CallRef::Outbound(AttemptId(5)));
    assert_eq!(outcome.answers["broadband"], "是");
    assert_eq!(outcome.callback.unwrap().agent.as_deref(), Some("agent"));
}

#[tokio::test]
async fn a_refusal_of_the_engine_has_its_own_code_and_its_place() {
    let mut rig = Rig::new().await;
    let (_, token, session) = at_desk(&mut rig).await;
    let refusals = [
        (RequestRefusal::Replaced, StatusCode::CONFLICT, "replaced", ""),
        (RequestRefusal::WrongState { state: "talking".into() }, StatusCode::CONFLICT, "wrong_state", ""),
        (RequestRefusal::NoteRequired, StatusCode::CONFLICT, "note_required", "/action/outcome/note"),
        (RequestRefusal::LeadGone, StatusCode::CONFLICT, "lead_gone", ""),
        (RequestRefusal::Dial { refusal: Refusal::OutsideWindow }, StatusCode::CONFLICT, "dial", "/action/lead"),
        (
            RequestRefusal::UnknownSkipReason { reason: "because".into(), expected: "other".into() },
            StatusCode::CONFLICT,
            "unknown_skip_reason",
            "/action/reason",
        ),
        (
            RequestRefusal::BadAnswer { question: "age/x".into(), problem: "expected a number".into() },
            StatusCode::UNPROCESSABLE_ENTITY,
            "bad_answer",
            "/action/outcome/answers/age~1x",
        ),
        (RequestRefusal::StoreDown, StatusCode::SERVICE_UNAVAILABLE, "store_down", ""),
    ];
    for (refusal, status, code, pointer) in refusals {
        rig.refuse_next(refusal);
        let body = json!({"session": session, "action": {"action": "ready"}});
        let answered = rig.send("POST", "/desk/act", Some(&token), Some(body)).await;
        assert_eq!((answered.status, answered.code().as_str()), (status, code), "{answered:?}");
        assert_eq!(answered.json()["errors"][0]["pointer"].as_str().unwrap_or_default(), pointer);
    }
}

#[tokio::test]
async fn bad_acts_are_refused_before_the_engine_hears_of_them() {
    let mut rig = Rig::new().await;
    let (_, token, session) = at_desk(&mut rig).await;
    let bad = [
        (json!({"session": session, "action": {"action": "not_ready", "reason": "boredom"}}), "/action/reason"),
        (json!({"session": session, "action": {"action": "ready", "loud": true}}), "/action"),
        (json!({"session": "lead_0000000000001", "action": {"action": "ready"}}), "/session"),
        (json!({"session": session, "action": {"action": "fly"}}), "/action"),
    ];
    for (body, pointer) in bad {
        let answered = rig.send("POST", "/desk/act", Some(&token), Some(body.clone())).await;
        assert_eq!(answered.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {answered:?}");
        let told = answered.json()["errors"][0]["pointer"].as_str().unwrap_or_default().to_owned();
        assert!(told.starts_with(pointer), "{body}: {told}");
    }
    assert!(rig.events.try_recv().is_err(), "the engine was bothered");
}

#[tokio::test]
async fn an_agent_signs_in_to_their_own_groups_and_needs_a_phone() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Agent).await;
    let body = json!({"groups": ["blend", "others"]});
    let answered = rig.send("POST", "/desk/sign-in", Some(&token), Some(body)).await;
    assert_eq!(answered.json()["errors"][0]["code"], "unknown_group", "{answered:?}");
    super::people::without_phone(&rig, "bare").await;
    let bare = rig.log_in("bare").await;
    let answered = rig.send("POST", "/desk/sign-in", Some(&bare), Some(json!({}))).await;
    assert_eq!((answered.status, answered.code().as_str()), (StatusCode::CONFLICT, "no_phone"), "{answered:?}");
}

#[tokio::test]
async fn the_screen_shows_customer_and_campaign_of_the_call_at_hand_and_of_no_other() {
    let mut rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    rig.apply_family_plan(&manager).await;
    let csv = "phone,name\n13800138000,<script>alert(1)</script>\n";
    super::campaigns::import(&rig, &manager, "first", csv).await;
    let lead = super::campaigns::only_lead(&rig).await;
    assert!(matches!(rig.event().await, Event::LeadsChanged { .. }));
    let (user, token, _) = at_desk(&mut rig).await;
    assert!(rig.get("/desk", &token).await.json()["view"].is_null());
    let denied = rig.get(&format!("/leads/{lead}"), &token).await;
    assert_eq!((denied.status, denied.code().as_str()), (StatusCode::FORBIDDEN, "not_at_hand"));
    rig.show_desk(talking(user, "+8613800138000", Some(lead))).await;
    let screen = rig.get("/desk", &token).await.json();
    assert_eq!(screen["view"]["state"], "talking");
    assert_eq!(screen["lead"]["name"], "<script>alert(1)</script>");
    assert_eq!(screen["campaign"]["key"], "family-plan");
    assert_eq!(screen["customer"]["number"], "+8613800138000");
    assert_eq!(rig.get(&format!("/leads/{lead}"), &token).await.status, StatusCode::OK);
    assert_eq!(rig.get("/customers?number=%2B8613800138000", &token).await.status, StatusCode::OK);
    let other = rig.get("/customers?number=%2B8613800138001", &token).await;
    assert_eq!(other.code(), "not_at_hand");
}

#[tokio::test]
async fn pause_reasons_are_the_configured_ones() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Agent).await;
    assert_eq!(rig.get("/settings/reasons", &token).await.json(), json!(["break", "training"]));
}
