//! Promised calls on the manager's page and on the agent's desk.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::rig::Rig;
use crate::engine::event::Event;
use crate::model::attempt::{CallRef, CallResult, InboundEnd, InboundOutcome};
use crate::model::disposition::Disposition;
use crate::model::id::{InboundId, LeadId, UserId};
use crate::model::lead::{Callback, LeadNext};
use crate::model::time::Timestamp;
use crate::web::access::Role;

const MINUTE: i64 = 60_000;

/// A lead of the family plan to which a call is promised so long after now, by a customer who called.
async fn promised(rig: &Rig, lead: LeadId, call: i64, in_ms: i64, agent: Option<&str>) -> i64 {
    let now = rig.now();
    let at = now.as_millis() + in_ms;
    let inbound = InboundEnd {
        call: InboundId(call),
        queue: None,
        campaign: Some("family-plan".parse().unwrap()),
        did: "1000".to_owned(),
        caller: None,
        offered_at: now,
        connected_at: Some(now),
        ended_at: now,
        agent: Some(UserId(1)),
        outcome: InboundOutcome::Answered,
    };
    rig.store.record_inbound(inbound).await.unwrap();
    let callback = Callback { at: Timestamp::from_millis(at), agent: agent.map(str::to_owned) };
    let result = CallResult {
        request: None,
        call: CallRef::Inbound(InboundId(call)),
        campaign: Some("family-plan".parse().unwrap()),
        lead: Some(lead),
        number: None,
        agent: UserId(1),
        result: "later".to_owned(),
        disposition: Disposition::Callback,
        answers: Default::default(),
        note: "after work".to_owned(),
        at: now,
        talk_ms: 1,
        wrap_up_ms: 1,
        next: Some(LeadNext::Callback(callback)),
        suppress: None,
        order: None,
    };
    rig.store.record_result(result).await.unwrap();
    at
}

/// A manager's token and two leads of the family plan.
async fn two_leads(rig: &mut Rig) -> (String, Vec<LeadId>) {
    let manager = rig.token(Role::Manager).await;
    rig.apply_family_plan(&manager).await;
    super::campaigns::import(rig, &manager, "first", "phone,name\n13800138000,Ann\n13800138001,Ben\n").await;
    assert!(matches!(rig.event().await, Event::LeadsChanged { .. }));
    let leads = rig.store.leads_of_campaign(&"family-plan".parse().unwrap(), None, None, 10).await.unwrap();
    (manager, leads.iter().map(|lead| lead.id).collect())
}

async fn change(rig: &Rig, token: &str, lead: LeadId, at: i64, change: Value) -> Value {
    let body = json!({"callbacks": [{"lead": lead, "at": at}], "change": change});
    let answered = rig.send("POST", "/callbacks/change", Some(token), Some(body)).await;
    assert_eq!(answered.status, StatusCode::OK, "{answered:?}");
    answered.json()
}

#[tokio::test]
async fn promised_calls_are_listed_by_state_and_by_whom_with_what_was_said() {
    let mut rig = Rig::new().await;
    let (manager, leads) = two_leads(&mut rig).await;
    rig.add_user("mei", Role::Agent).await;
    promised(&rig, leads[0], 1, 20 * MINUTE, Some("mei")).await;
    promised(&rig, leads[1], 2, MINUTE, None).await;
    let names = async |query: &str| -> Vec<(String, String)> {
        let page = rig.get(&format!("/callbacks{query}"), &manager).await.json();
        let text = |item: &Value, key: &str| item[key].as_str().unwrap().to_owned();
        page["items"].as_array().unwrap().iter().map(|item| (text(item, "name"), text(item, "state"))).collect()
    };
    let told = |pairs: &[(&str, &str)]| pairs.iter().map(|(n, s)| (n.to_string(), s.to_string())).collect::<Vec<_>>();
    assert_eq!(names("").await, told(&[("Ben", "coming"), ("Ann", "coming")]));
    rig.later(std::time::Duration::from_secs(16 * 60));
    assert_eq!(names("").await, told(&[("Ben", "overdue"), ("Ann", "coming")]));
    rig.later(std::time::Duration::from_secs(4 * 60));
    assert_eq!(names("?state=due").await, told(&[("Ann", "due")]));
    assert_eq!(names("?state=overdue").await, told(&[("Ben", "overdue")]));
    assert_eq!(names("?state=coming").await, told(&[]));
    assert_eq!(names("?team=true").await, told(&[("Ben", "overdue")]));
    assert_eq!(names("?agent=mei&campaign=family-plan").await, told(&[("Ann", "due")]));
    assert_eq!(names("?campaign=none").await, told(&[]));

    let first = rig.get("/callbacks?limit=1", &manager).await.json();
    let one = &first["items"][0];
    assert_eq!(
        (&one["number"], &one["note"], &one["late_ms"]),
        (&"+8613800138001".into(), &"after work".into(), &(19 * MINUTE).into())
    );
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = rig.get(&format!("/callbacks?limit=1&cursor={cursor}"), &manager).await.json();
    assert_eq!((&rest["items"][0]["name"], &rest["next_cursor"]), (&"Ann".into(), &Value::Null));
    assert_eq!(rig.get("/callbacks?agent=mei&team=true", &manager).await.code(), "bad_query");
    assert_eq!(rig.get("/callbacks?cursor=5", &manager).await.code(), "bad_query");
    assert_eq!(rig.get("/callbacks?limit=0", &manager).await.code(), "bad_query");

    let agent = rig.log_in("mei").await;
    let own = rig.get("/desk/callbacks", &agent).await.json();
    assert_eq!((own["items"].as_array().unwrap().len(), &own["items"][0]["number"]), (1, &"+86138****8000".into()));
}

#[tokio::test]
async fn a_manager_moves_gives_and_cancels_and_the_dialer_hears_of_each() {
    let mut rig = Rig::new().await;
    let (manager, leads) = two_leads(&mut rig).await;
    rig.add_user("mei", Role::Agent).await;
    let at = promised(&rig, leads[0], 1, 20 * MINUTE, None).await;
    let later = at + 60 * MINUTE;
    let moved = change(&rig, &manager, leads[0], at, json!({"do": "move", "at": later})).await;
    assert_eq!(moved, json!({"changed": 1, "refused": []}));
    assert!(matches!(rig.event().await, Event::LeadsChanged { campaign } if campaign.as_str() == "family-plan"));
    let given = change(&rig, &manager, leads[0], later, json!({"do": "give", "agent": "mei"})).await;
    assert_eq!(given["changed"], 1, "{given}");
    assert!(matches!(rig.event().await, Event::LeadsChanged { .. }));
    let item = rig.get("/callbacks", &manager).await.json()["items"][0].clone();
    assert_eq!((&item["at"], &item["agent"]), (&later.into(), &"mei".into()));
    let cancelled = json!({"do": "cancel", "why": "the customer wrote", "back_to_list": true});
    assert_eq!(change(&rig, &manager, leads[0], later, cancelled).await["changed"], 1);
    assert!(matches!(rig.event().await, Event::LeadsChanged { .. }));
    assert_eq!(rig.get("/callbacks", &manager).await.json()["items"], json!([]));
    let trail = rig.store.audit_trail(None, 10).await.unwrap();
    let whats: Vec<&str> =
        trail.iter().map(|entry| entry.what.as_str()).filter(|w| w.starts_with("callback")).collect();
    assert_eq!(whats, ["callback_cancelled", "callback_given", "callback_moved"]);
}

#[tokio::test]
async fn what_cannot_be_changed_is_told_for_each_and_the_others_are_changed() {
    let mut rig = Rig::new().await;
    let (manager, leads) = two_leads(&mut rig).await;
    let at = promised(&rig, leads[0], 1, 20 * MINUTE, None).await;
    let body = json!({
        "callbacks": [{"lead": leads[0], "at": at}, {"lead": leads[1], "at": at}],
        "change": {"do": "cancel", "why": "the offer is over"},
    });
    let answered = rig.send("POST", "/callbacks/change", Some(&manager), Some(body)).await.json();
    assert_eq!((&answered["changed"], &answered["refused"][0]["code"]), (&1.into(), &"callback_gone".into()));
    assert_eq!(answered["refused"][0]["lead"], json!(leads[1]));
    assert!(matches!(rig.event().await, Event::LeadsChanged { .. }));

    let at = promised(&rig, leads[1], 2, 20 * MINUTE, None).await;
    let code = async |seen: i64, wanted: Value| {
        let told = change(&rig, &manager, leads[1], seen, wanted).await;
        assert_eq!(told["changed"], 0, "{told}");
        (told["refused"][0]["code"].as_str().unwrap().to_owned(), told["refused"][0]["next"].as_i64())
    };
    let refused = |code: &str| (code.to_owned(), None);
    assert_eq!(code(at + 1, json!({"do": "give", "agent": null})).await, refused("callback_moved"));
    assert_eq!(code(at, json!({"do": "move", "at": rig.now().as_millis()})).await, refused("out_of_range"));
    assert_eq!(code(at, json!({"do": "give", "agent": "nobody"})).await, refused("unknown_agent"));
    assert_eq!(code(at, json!({"do": "give", "agent": "manager"})).await, refused("unknown_agent"));
    // Eleven at night in China: the next time is that at which an agent could have agreed on one.
    let (told, next) = code(at, json!({"do": "move", "at": rig.now().as_millis() + 13 * 60 * MINUTE})).await;
    assert_eq!(told, "callback_outside_window");
    assert!(next.is_some_and(|next| next > rig.now().as_millis() + 13 * 60 * MINUTE));
    assert!(rig.events.try_recv().is_err(), "the dialer was bothered");

    let bad = |body| rig.send("POST", "/callbacks/change", Some(&manager), Some(body));
    let nothing = bad(json!({"callbacks": [], "change": {"do": "give", "agent": null}})).await;
    assert_eq!(nothing.json()["errors"][0]["pointer"], "/callbacks");
    let why = bad(json!({"callbacks": [{"lead": leads[1], "at": at}], "change": {"do": "cancel", "why": " "}})).await;
    assert_eq!(why.json()["errors"][0]["pointer"], "/change/why");
}
