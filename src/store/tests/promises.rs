//! Promised calls: what the page lists, and what managers change.

use super::*;
use crate::model::attempt::Refusal;
use crate::model::lead::{Callback, LeadState};

impl Rig {
    /// A lead to which a call is promised.
    async fn promised(&mut self, text: &str, at: Timestamp, agent: Option<&str>) -> LeadId {
        let (lead, attempt) = self.dialling(text).await;
        self.store.end_attempt(end(attempt, Disposition::NotRecorded, None)).await.unwrap();
        let callback = Callback { at, agent: agent.map(str::to_owned) };
        let next = Some(LeadNext::Callback(callback));
        let said = CallResult { next, note: format!("call {text}"), ..result(attempt, lead, 0, Disposition::Callback) };
        self.store.record_result(said).await.unwrap();
        lead
    }

    async fn list(&self, filter: CallbackFilter) -> Vec<CallbackRow> {
        self.store.callbacks(&filter, None, 100).await.unwrap()
    }
}

const ANN: &str = "+8613800000001";
const BEN: &str = "+8613800000002";
const CAT: &str = "+8613800000003";

#[tokio::test]
async fn promised_calls_are_listed_the_longest_overdue_first_by_whom_where_and_when() {
    let mut rig = Rig::new().await;
    let user = NewUser {
        login: "mei".to_owned(),
        name: "Mei Lin".to_owned(),
        role: Role::Agent,
        language: "en".to_owned(),
        groups: vec![],
        device: None,
    };
    rig.store.add_user(user, "four quiet lulls an hour", "ann", NOW).await.unwrap();
    let late = rig.promised(ANN, after(300), Some("mei")).await;
    let early = rig.promised(BEN, after(100), None).await;
    let gone = rig.promised(CAT, after(200), Some("gone")).await;
    let leads = |rows: &[CallbackRow]| rows.iter().map(|row| row.lead).collect::<Vec<_>>();
    let all = rig.list(CallbackFilter::default()).await;
    assert_eq!(leads(&all), [early, gone, late]);
    let of_mei = &all[2];
    assert_eq!((of_mei.agent.as_deref(), of_mei.agent_name.as_deref()), (Some("mei"), Some("Mei Lin")));
    assert_eq!((of_mei.at, of_mei.note.as_str()), (after(300), "call +8613800000001"));
    assert_eq!((of_mei.result.as_deref(), of_mei.said_at), (Some("callback"), Some(after(60))));
    assert_eq!(all[1].agent_name, None);

    let whose = |whose| CallbackFilter { whose, ..CallbackFilter::default() };
    assert_eq!(leads(&rig.list(whose(Whose::Team)).await), [early]);
    assert_eq!(leads(&rig.list(whose(Whose::Agent("mei".to_owned()))).await), [late]);
    let within = CallbackFilter { from: Some(after(100)), before: Some(after(300)), ..CallbackFilter::default() };
    assert_eq!(leads(&rig.list(within).await), [early, gone]);
    let elsewhere = CallbackFilter { campaign: Some(key("summer")), ..CallbackFilter::default() };
    assert_eq!(leads(&rig.list(elsewhere).await), []);

    let first = rig.store.callbacks(&CallbackFilter::default(), None, 2).await.unwrap();
    let cursor = CallbackCursor { at: first[1].at, lead: first[1].lead };
    let rest = rig.store.callbacks(&CallbackFilter::default(), Some(cursor), 2).await.unwrap();
    assert_eq!((leads(&first), leads(&rest)), (vec![early, gone], vec![late]));
}

#[tokio::test]
async fn a_promise_that_is_put_off_is_promised_for_its_time_all_the_same() {
    let mut rig = Rig::new().await;
    let lead = rig.promised(ANN, after(100), None).await;
    rig.store.put_off(vec![(lead, after(500), None)]).await.unwrap();
    let row = &rig.list(CallbackFilter::default()).await[0];
    assert_eq!((row.at, row.due_at), (after(100), after(500)));
    let card = rig.store.lead(lead).await.unwrap().unwrap();
    assert_eq!((card.callback.unwrap().at, card.due_at), (after(100), Some(after(500))));
}

#[tokio::test]
async fn a_promise_is_moved_given_and_cancelled_with_who_and_why_on_record() {
    let mut rig = Rig::new().await;
    let hook = NewWebhook {
        name: "crm".to_owned(),
        url: "https://crm.example/hook".to_owned(),
        events: Wants::These(vec![EventType::LeadCallback, EventType::LeadGivenUp]),
        campaign: None,
    };
    let (first, second) = (rig.promised(ANN, after(100), Some("mei")).await, rig.promised(BEN, after(100), None).await);
    let hook = rig.store.add_webhook(hook, "ann", NOW).await.unwrap();
    rig.store.webhooks().await.unwrap();
    let store = rig.store.clone();
    let change = async |lead, seen, change| store.change_callback(lead, seen, change, "boss", after(70)).await;

    let moved = change(first, after(100), CallbackChange::Move { at: after(900) }).await;
    assert_eq!(moved, Ok(key("spring")));
    let stale = change(first, after(100), CallbackChange::Move { at: after(950) }).await.unwrap_err();
    assert!(stale.to_string().contains(&after(900).to_string()), "{stale}");
    change(first, after(900), CallbackChange::Give { agent: None }).await.unwrap();
    let row = rig.list(CallbackFilter::default()).await.pop().unwrap();
    assert_eq!((row.lead, row.at, row.due_at, row.agent), (first, after(900), after(900), None));
    let why = || "the customer wrote".to_owned();
    change(first, after(900), CallbackChange::Cancel { why: why(), back_to_list: true }).await.unwrap();
    change(second, after(100), CallbackChange::Cancel { why: why(), back_to_list: false }).await.unwrap();
    assert_eq!(rig.list(CallbackFilter::default()).await, []);
    let cards = [store.lead(first).await.unwrap().unwrap(), store.lead(second).await.unwrap().unwrap()];
    assert_eq!((cards[0].state, cards[0].due_at), (LeadState::Open, Some(after(70))));
    assert_eq!((cards[1].state, cards[1].due_at), (LeadState::GivenUp, None));
    let gone = change(second, after(100), CallbackChange::Give { agent: None }).await.unwrap_err();
    assert!(matches!(gone, StoreError::NotFound { .. }), "{gone}");

    let trail = store.audit_trail(None, 10).await.unwrap();
    let told: Vec<_> = trail.iter().filter(|entry| entry.what.starts_with("callback_")).collect();
    let whats: Vec<_> = told.iter().rev().map(|entry| (entry.what.as_str(), entry.who.as_str())).collect();
    assert_eq!(
        whats,
        [
            ("callback_moved", "boss"),
            ("callback_given", "boss"),
            ("callback_cancelled", "boss"),
            ("callback_cancelled", "boss")
        ]
    );
    assert!(told[0].detail.ends_with("the customer wrote"), "{:?}", told[0]);
    assert_eq!(told[2].detail, "from mei to the team");
    let heard = store.due_deliveries(hook.id, after(80), 100).await.unwrap();
    let kinds: Vec<String> = heard
        .iter()
        .map(|due| serde_json::from_str::<serde_json::Value>(&due.body).unwrap()["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["lead.callback_agreed", "lead.callback_agreed", "lead.given_up"]);
}

#[tokio::test]
async fn a_promise_that_was_moved_while_its_dial_was_decided_is_not_dialled_before_its_time() {
    let mut rig = Rig::new().await;
    let lead = rig.promised(ANN, after(100), None).await;
    let intent = Intent { at: after(200), ..rig.intent(lead, ANN) };
    rig.store
        .change_callback(lead, after(100), CallbackChange::Move { at: after(900) }, "boss", after(150))
        .await
        .unwrap();
    assert_eq!(rig.record(intent.clone()).await, IntentOutcome::Refused(Refusal::NoLeadDue));
    assert_eq!(rig.record(Intent { at: after(900), ..intent }).await, IntentOutcome::Recorded);
    let being_called =
        rig.store.change_callback(lead, after(900), CallbackChange::Give { agent: None }, "boss", after(901));
    assert!(matches!(being_called.await, Err(StoreError::NotFound { .. })));
}

#[tokio::test]
async fn a_dial_that_reached_no_phone_leaves_the_call_promised_and_tells_nobody_anew() {
    let mut rig = Rig::new().await;
    let lead = rig.promised(ANN, after(100), Some("mei")).await;
    let hook = NewWebhook {
        name: "crm".to_owned(),
        url: "https://crm.example/hook".to_owned(),
        events: Wants::These(vec![EventType::LeadCallback]),
        campaign: None,
    };
    let hook = rig.store.add_webhook(hook, "ann", NOW).await.unwrap();
    rig.store.webhooks().await.unwrap();
    for (second, disposition, promised) in [
        (200, Disposition::TrunkFailure, true),
        (300, Disposition::NotDialled, true),
        (400, Disposition::NoAnswer, false),
    ] {
        let intent = Intent { at: after(second), ..rig.intent(lead, ANN) };
        let attempt = intent.attempt;
        assert_eq!(rig.record(intent).await, IntentOutcome::Recorded);
        assert_eq!(rig.list(CallbackFilter::default()).await, [], "it is being called");
        let next = Some(LeadNext::Retry { at: after(second + 10) });
        rig.store
            .end_attempt(AttemptEnd { ended_at: after(second + 5), ..end(attempt, disposition, next) })
            .await
            .unwrap();
        let rows = rig.list(CallbackFilter::default()).await;
        let told: Vec<_> = rows.iter().map(|row| (row.at, row.due_at, row.agent.as_deref())).collect();
        let expected = promised.then_some((after(100), after(second + 10), Some("mei")));
        assert_eq!(told, expected.into_iter().collect::<Vec<_>>(), "{disposition:?}");
    }
    let card = rig.store.lead(lead).await.unwrap().unwrap();
    assert_eq!((card.state, card.callback), (LeadState::Open, None));
    assert_eq!(rig.store.due_deliveries(hook.id, after(500), 10).await.unwrap().len(), 0);
}
