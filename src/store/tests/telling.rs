//! What webhooks are told: with the change that it tells or not at all, to whoever wants it and to nobody else.

use std::time::Duration;

use serde_json::Value as Json;

use super::*;
use crate::model::attempt::{InboundEnd, InboundOutcome};
use crate::model::id::{InboundId, WebhookId};
use crate::model::lead::{Callback, SuppressionReason};

const ANN: &str = "+8613800000001";
const BEN: &str = "+8613800000002";

fn wanted(name: &str, events: Wants) -> NewWebhook {
    NewWebhook { name: name.to_owned(), url: "https://crm.example/hook".to_owned(), events, campaign: None }
}

fn these(types: &[EventType]) -> Wants {
    Wants::These(types.to_vec())
}

impl Rig {
    async fn webhook(&self, name: &str, events: Wants) -> Webhook {
        let webhook = self.store.add_webhook(wanted(name, events), "ann", NOW).await.unwrap();
        // What the service does all the time.
        self.store.webhooks().await.unwrap();
        webhook
    }

    /// What waits for an endpoint, as it would be sent.
    async fn told(&self, webhook: &Webhook) -> Vec<Json> {
        let due = self.store.due_deliveries(webhook.id, NOW, 100).await.unwrap();
        due.iter().map(|due| serde_json::from_str(&due.body).unwrap()).collect()
    }

    async fn types(&self, webhook: &Webhook) -> Vec<String> {
        self.told(webhook).await.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }

    async fn count(&self, table: &str) -> i64 {
        let mut conn = self.store.reader().await.unwrap();
        let text = format!("select count(*) as count from {table}");
        conn.rows_made("count", &text, vec![]).await.unwrap()[0].int("count").unwrap()
    }
}

fn tried(webhook: WebhookId, event: crate::model::id::EventId, verdict: Verdict) -> Tried {
    let (status, error) = match verdict {
        Verdict::Delivered => (Some(204), None),
        Verdict::Again { .. } | Verdict::GivenUp => (Some(500), Some("answered 500".to_owned())),
    };
    Tried {
        webhook,
        event,
        at: NOW,
        took: Duration::from_millis(250),
        status,
        error,
        response: "thanks\u{0}".to_owned(),
        verdict,
        disable: None,
    }
}

fn suppression(text: &str) -> Suppression {
    Suppression {
        number: number(text),
        scope: Scope::All,
        reason: SuppressionReason::OptOut,
        source: "hand".to_owned(),
        note: String::new(),
        expires_at: None,
    }
}

#[tokio::test]
async fn a_call_with_its_result_is_told_with_all_that_a_crm_needs() {
    let mut rig = Rig::new().await;
    let all = rig.webhook("crm", Wants::All).await;
    let (lead, attempt) = rig.dialling(ANN).await;
    let ended = AttemptEnd {
        answered_at: Some(after(5)),
        connected_at: Some(after(6)),
        ..end(attempt, Disposition::Accepted, None)
    };
    rig.store.end_attempt(ended).await.unwrap();
    rig.store.record_result(result(attempt, lead, 1, Disposition::Accepted)).await.unwrap();
    let told = rig.told(&all).await;
    let types: Vec<&str> = told.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["call.ended", "result.recorded", "lead.done"]);
    let call = &told[0];
    assert_eq!((&call["version"], &call["timestamp"]), (&1.into(), &"2026-11-22T03:35:26.000Z".into()), "{call}");
    let data = &call["data"];
    assert_eq!(data["call"], attempt.to_string());
    assert_eq!(
        (&data["direction"], &data["campaign"], &data["number"]),
        (&"outbound".into(), &"spring".into(), &ANN.into())
    );
    assert_eq!(
        (&data["disposition"], &data["attempt"], &data["failure"]),
        (&"accepted".into(), &1.into(), &Json::Null)
    );
    assert_eq!((&data["answered_at"], &data["rang_at"]), (&"2026-11-22T03:35:01.000Z".into(), &Json::Null));
    assert_eq!((&data["lead"]["id"], &data["lead"]["name"]), (&lead.to_string().into(), &"王芳".into()));
    assert_eq!((&data["lead"]["list"], &data["lead"]["list_name"]), (&rig.list.to_string().into(), &"list".into()));
    let said = &told[1]["data"];
    assert_eq!((&said["revision"], &said["answers"]["plan"]), (&1.into(), &"family".into()), "{said}");
    assert_eq!((&said["number"], &said["lead"]["id"]), (&ANN.into(), &lead.to_string().into()), "{said}");
    // The same again changes nothing and tells nothing; a correction is told as a further revision.
    rig.store.record_result(result(attempt, lead, 1, Disposition::Accepted)).await.unwrap();
    assert!(!rig.store.end_attempt(end(attempt, Disposition::NoAnswer, None)).await.unwrap());
    assert_eq!(rig.told(&all).await.len(), 3);
    let corrected = CallResult { next: Some(LeadNext::GivenUp), ..result(attempt, lead, 2, Disposition::Declined) };
    rig.store.record_result(corrected).await.unwrap();
    let told = rig.told(&all).await;
    assert_eq!((&told[3]["data"]["revision"], &told[3]["data"]["disposition"]), (&2.into(), &"declined".into()));
    assert_eq!((&told[4]["type"], &told[4]["data"]["closed_by"]), (&"lead.given_up".into(), &"attempt".into()));
}

#[tokio::test]
async fn callbacks_inbound_calls_ledgers_campaigns_and_imports_are_told() {
    let mut rig = Rig::new().await;
    let all = rig.webhook("crm", Wants::All).await;
    let (lead, attempt) = rig.dialling(ANN).await;
    rig.store.end_attempt(end(attempt, Disposition::Callback, None)).await.unwrap();
    let next = Some(LeadNext::Callback(Callback { at: after(7200), agent: Some("mei".to_owned()) }));
    rig.store.record_result(CallResult { next, ..result(attempt, lead, 1, Disposition::Callback) }).await.unwrap();
    let inbound = InboundEnd {
        call: InboundId(9),
        queue: Some("service".parse().unwrap()),
        campaign: None,
        did: "100".to_owned(),
        caller: Some(number(BEN)),
        offered_at: NOW,
        connected_at: None,
        ended_at: after(20),
        agent: None,
        outcome: InboundOutcome::Abandoned,
    };
    rig.store.record_inbound(inbound.clone()).await.unwrap();
    rig.store.record_inbound(inbound).await.unwrap();
    let id = rig.store.suppress(suppression(ANN), "ann", NOW).await.unwrap();
    rig.store.suppress(suppression(ANN), "ann", NOW).await.unwrap();
    rig.store.lift_suppression(id, "ann", "a mistake", NOW).await.unwrap();
    let consent = ConsentGiven {
        number: number(BEN),
        purpose: Scope::Campaign(key("spring")),
        text: "call me".to_owned(),
        text_version: "1".to_owned(),
        channel: "web".to_owned(),
        source: "form".to_owned(),
        at: NOW,
        expires_at: None,
    };
    rig.store.record_consent(consent.clone(), "ann", NOW).await.unwrap();
    rig.store.record_consent(consent, "ann", NOW).await.unwrap();
    let revoked = ConsentRevoked {
        number: number(BEN),
        purpose: Scope::All,
        channel: "call".to_owned(),
        source: "agent".to_owned(),
        text: "no more".to_owned(),
        at: after(1),
    };
    rig.store.revoke_consent(revoked, "ann", after(1)).await.unwrap();
    for state in [CampaignState::Paused, CampaignState::Paused, CampaignState::Running, CampaignState::Ended] {
        rig.store.set_campaign_state(&key("spring"), state, "ann", "why", NOW).await.unwrap();
    }
    let told = rig.told(&all).await;
    let types: Vec<&str> = told.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let expected = [
        "call.ended",
        "result.recorded",
        "lead.callback_agreed",
        "call.ended",
        "suppression.added",
        "lead.given_up",
        "suppression.lifted",
        "consent.given",
        "consent.revoked",
        "campaign.paused",
        "campaign.started",
        "campaign.ended",
    ];
    assert_eq!(types, expected);
    assert_eq!(
        (&told[2]["data"]["callback_agent"], &told[2]["data"]["callback_at"]),
        (&"mei".into(), &"2026-11-22T05:34:56.000Z".into())
    );
    assert_eq!((&told[3]["data"]["outcome"], &told[3]["data"]["number"]), (&"abandoned".into(), &BEN.into()));
    assert_eq!(told[5]["data"]["closed_by"], "suppression");
    assert_eq!((&told[6]["data"]["lifted_why"], &told[6]["data"]["number"]), (&"a mistake".into(), &ANN.into()));
    assert_eq!((&told[7]["data"]["campaign"], &told[8]["data"]["campaign"]), (&"spring".into(), &Json::Null));
    assert_eq!((&told[9]["data"]["state_before"], &told[9]["data"]["why"]), (&"running".into(), &"why".into()));
}

#[tokio::test]
async fn each_endpoint_hears_what_it_asked_for_of_the_campaign_it_asked_for() {
    let mut rig = Rig::new().await;
    rig.campaign("autumn").await;
    let ends = rig.webhook("ends", these(&[EventType::CallEnded, EventType::CampaignPaused])).await;
    let of_autumn = NewWebhook { campaign: Some(key("autumn")), ..wanted("autumn", Wants::All) };
    let of_autumn = rig.store.add_webhook(of_autumn, "ann", NOW).await.unwrap();
    let unknown = NewWebhook { campaign: Some(key("winter")), ..wanted("winter", Wants::All) };
    let unknown = rig.store.add_webhook(unknown, "ann", NOW).await.unwrap_err();
    assert_eq!(unknown, StoreError::NotFound { what: "campaign", name: "winter".to_owned() });
    let (_, attempt) = rig.dialling(ANN).await;
    rig.store.end_attempt(end(attempt, Disposition::NoAnswer, Some(LeadNext::GivenUp))).await.unwrap();
    rig.store.set_campaign_state(&key("autumn"), CampaignState::Paused, "ann", "", NOW).await.unwrap();
    rig.store.suppress(suppression(BEN), "ann", NOW).await.unwrap();
    assert_eq!(rig.types(&ends).await, ["call.ended", "campaign.paused"]);
    assert_eq!(rig.types(&of_autumn).await, ["campaign.paused"]);
    assert_eq!(rig.count("webhook_events").await, 2, "what nobody wants is not written down");
}

#[tokio::test]
async fn without_an_endpoint_nothing_is_written_and_what_was_refused_is_not_told() {
    let mut rig = Rig::new().await;
    assert!(!rig.store.inner.ids.outbox.wants_any(&EventType::TOLD));
    let (_, attempt) = rig.dialling(ANN).await;
    rig.store.end_attempt(end(attempt, Disposition::NoAnswer, None)).await.unwrap();
    assert_eq!(rig.count("webhook_events").await, 0);
    let all = rig.webhook("crm", Wants::All).await;
    // An attempt that was never begun, beside one that was: the one is refused alone.
    let (_, attempt) = rig.dialling(BEN).await;
    let writes = [AttemptId(999), attempt].map(|id| Write::End(Box::new(end(id, Disposition::NoAnswer, None))));
    let receipts = rig.store.record(writes.to_vec()).await;
    assert!(receipts[0].is_err() && receipts[1].is_ok(), "{receipts:?}");
    let missing = rig.store.set_campaign_state(&key("winter"), CampaignState::Paused, "ann", "", NOW).await;
    assert!(missing.is_err());
    assert_eq!(rig.types(&all).await, ["call.ended"]);
    // Whoever opens the database knows at once what is wanted.
    let rig = rig.crash().await;
    assert!(rig.store.inner.ids.outbox.wants(EventType::CallEnded));
    assert_eq!(rig.types(&all).await, ["call.ended"], "and what waits is still there");
}

#[tokio::test]
async fn an_endpoint_that_a_command_adds_is_heard_of_when_the_service_looks() {
    let mut rig = Rig::new().await;
    let command = Options { opener: Opener::Command, ..Options::default() };
    let beside = Store::open(&rig.place, command).await.unwrap();
    let webhook = beside.add_webhook(wanted("crm", Wants::All), "cli", NOW).await.unwrap();
    rig.store.webhooks().await.unwrap();
    let (_, attempt) = rig.dialling(ANN).await;
    rig.store.end_attempt(end(attempt, Disposition::NoAnswer, None)).await.unwrap();
    // And what a command does is told as well.
    beside.suppress(suppression(BEN), "cli", NOW).await.unwrap();
    // In the order in which it happened: the call ended half a minute later.
    assert_eq!(rig.types(&webhook).await, ["suppression.added", "call.ended"]);
    beside.remove_webhook(webhook.id, "cli", NOW).await.unwrap();
    assert_eq!(rig.store.webhooks().await.unwrap(), []);
    assert_eq!(rig.count("webhook_deliveries").await, 0);
    rig.store.suppress(suppression(ANN), "ann", NOW).await.unwrap();
    assert_eq!(rig.count("webhook_events").await, 2);
}

#[tokio::test]
async fn the_bell_rings_when_what_was_told_is_on_the_disk() {
    let rig = Rig::new().await;
    rig.webhook("crm", Wants::All).await;
    rig.store.told().await;
    rig.store.suppress(suppression(ANN), "ann", NOW).await.unwrap();
    rig.store.told().await;
    assert_eq!(rig.store.deliveries_waiting().await.unwrap(), Waiting { count: 1, oldest: Some(NOW) });
}

#[tokio::test]
async fn a_delivery_is_tried_until_it_arrives_and_every_try_is_in_the_log() {
    let rig = Rig::new().await;
    let crm = rig.webhook("crm", Wants::All).await;
    rig.store.suppress(suppression(ANN), "ann", NOW).await.unwrap();
    let due = rig.store.due_deliveries(crm.id, NOW, 10).await.unwrap();
    assert_eq!((due.len(), due[0].attempts), (1, 0));
    let event = due[0].event;
    rig.store.record_try(tried(crm.id, event, Verdict::Again { at: after(5) })).await.unwrap();
    assert_eq!(rig.store.due_deliveries(crm.id, after(4), 10).await.unwrap(), []);
    let due = rig.store.due_deliveries(crm.id, after(5), 10).await.unwrap();
    assert_eq!((due.len(), due[0].attempts, due[0].event), (1, 1, event));
    assert!(rig.store.webhooks().await.unwrap()[0].failing_since.is_some());
    rig.store.record_try(tried(crm.id, event, Verdict::Delivered)).await.unwrap();
    let now = rig.store.webhooks().await.unwrap().remove(0);
    assert!(now.failing_since.is_none() && now.succeeded_at.is_some(), "{now:?}");
    assert_eq!(rig.store.due_deliveries(crm.id, after(9999), 10).await.unwrap(), []);
    let rows = rig.store.deliveries(crm.id, None, None, 10).await.unwrap();
    assert_eq!(
        (rows[0].state, rows[0].attempts, rows[0].status, rows[0].kind.as_str()),
        (DeliveryState::Delivered, 2, Some(204), "suppression.added")
    );
    let tries = rig.store.tries(crm.id, Some(event), None, 10).await.unwrap();
    assert_eq!(tries.iter().map(|one| one.status).collect::<Vec<_>>(), [Some(204), Some(500)]);
    assert_eq!((tries[1].error.as_deref(), tries[1].duration_ms), (Some("answered 500"), 250));
    let older = rig.store.tries(crm.id, None, Some(tries[0].id), 10).await.unwrap();
    assert_eq!(older.len(), 1);
    // A late answer to what is done changes nothing.
    rig.store.record_try(tried(crm.id, event, Verdict::GivenUp)).await.unwrap();
    assert_eq!(rig.store.deliveries(crm.id, Some(DeliveryState::Failed), None, 10).await.unwrap(), []);
}

#[tokio::test]
async fn what_failed_is_sent_again_by_hand() {
    let rig = Rig::new().await;
    let crm = rig.webhook("crm", Wants::All).await;
    for text in [ANN, BEN] {
        rig.store.suppress(suppression(text), "ann", NOW).await.unwrap();
    }
    let due = rig.store.due_deliveries(crm.id, NOW, 10).await.unwrap();
    for due in &due {
        rig.store.record_try(tried(crm.id, due.event, Verdict::GivenUp)).await.unwrap();
    }
    assert_eq!(rig.store.deliveries_waiting().await.unwrap(), Waiting::default());
    rig.store.resend(crm.id, due[0].event, "ann", NOW).await.unwrap();
    let again = rig.store.due_deliveries(crm.id, NOW, 10).await.unwrap();
    assert_eq!(again, [Due { attempts: 0, ..due[0].clone() }], "under the same id, with all its tries before it");
    assert_eq!(rig.store.resend_failed(crm.id, "ann", NOW).await.unwrap(), 1);
    assert_eq!(rig.store.due_deliveries(crm.id, NOW, 10).await.unwrap().len(), 2);
    let missing = rig.store.resend(crm.id, crate::model::id::EventId(1), "ann", NOW).await.unwrap_err();
    assert!(matches!(missing, StoreError::NotFound { what: "delivery", .. }), "{missing}");
}

#[tokio::test]
async fn a_disabled_endpoint_is_told_nothing_and_hears_what_waited_when_it_is_enabled() {
    let rig = Rig::new().await;
    let crm = rig.webhook("crm", Wants::All).await;
    rig.store.suppress(suppression(ANN), "ann", NOW).await.unwrap();
    let event = rig.store.due_deliveries(crm.id, NOW, 10).await.unwrap()[0].event;
    let disable = Some("the receiver answered 410 Gone".to_owned());
    rig.store.record_try(Tried { disable, ..tried(crm.id, event, Verdict::Again { at: after(5) }) }).await.unwrap();
    let now = rig.store.webhooks().await.unwrap().remove(0);
    assert_eq!(now.disabled_why.as_deref(), Some("the receiver answered 410 Gone"));
    rig.store.suppress(suppression(BEN), "ann", NOW).await.unwrap();
    assert_eq!(rig.store.deliveries_waiting().await.unwrap(), Waiting::default());
    rig.store.enable_webhook(crm.id, "ann", NOW).await.unwrap();
    let now = rig.store.webhooks().await.unwrap().remove(0);
    assert!(now.disabled_at.is_none() && now.disabled_why.is_none() && now.failing_since.is_none());
    assert_eq!(
        rig.store.due_deliveries(crm.id, after(5), 10).await.unwrap().len(),
        1,
        "what happened meanwhile is not told"
    );
    let trail = rig.store.audit_trail(None, 10).await.unwrap();
    let entries: Vec<_> = trail.iter().map(|entry| (entry.what.as_str(), entry.who.as_str())).collect();
    assert_eq!(entries[..2], [("webhook_enabled", "ann"), ("webhook_disabled", "service")]);
}

#[tokio::test]
async fn a_secret_is_rotated_with_the_one_before_counting_for_a_while() {
    let rig = Rig::new().await;
    let crm = rig.webhook("crm", Wants::All).await;
    assert!(crm.secrets.now.starts_with(SECRET_PREFIX) && !format!("{crm:?}").contains(&crm.secrets.now));
    let fresh = rig.store.rotate_webhook(crm.id, Duration::from_secs(60), "ann", NOW).await.unwrap();
    let now = rig.store.webhooks().await.unwrap().remove(0);
    assert_eq!(now.secrets.at(after(59)).collect::<Vec<_>>(), [fresh.as_str(), crm.secrets.now.as_str()]);
    assert_eq!(now.secrets.at(after(60)).collect::<Vec<_>>(), [fresh.as_str()]);
    let gone = rig.store.rotate_webhook(WebhookId(1), Duration::ZERO, "ann", NOW).await.unwrap_err();
    assert!(matches!(gone, StoreError::NotFound { what: "webhook", .. }), "{gone}");
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_one_is_refused_with_what_would_fit() {
    let rig = Rig::new().await;
    rig.webhook("crm", Wants::All).await;
    let refused = async |new: NewWebhook| rig.store.add_webhook(new, "ann", NOW).await.unwrap_err().to_string();
    assert!(refused(wanted("crm", Wants::All)).await.contains("exists already"));
    assert!(refused(wanted(" ", Wants::All)).await.contains("1 to 60 characters"));
    assert!(refused(wanted("none", these(&[]))).await.contains("at least one type"));
    let ftp = NewWebhook { url: "ftp://crm.example".to_owned(), ..wanted("ftp", Wants::All) };
    assert!(refused(ftp).await.contains("https://"));
    for count in 1..50 {
        rig.store.add_webhook(wanted(&format!("crm {count}"), Wants::All), "ann", NOW).await.unwrap();
    }
    assert!(refused(wanted("one too many", Wants::All)).await.contains("at most 50"));
}

#[tokio::test]
async fn a_test_is_in_the_log_and_is_not_tried_again() {
    let rig = Rig::new().await;
    let crm = rig.webhook("crm", these(&[EventType::CallEnded])).await;
    let (event, body) = rig.store.test_event(&crm, "ann", NOW);
    rig.store.record_test(tried(crm.id, event, Verdict::GivenUp), body).await.unwrap();
    assert_eq!(rig.store.due_deliveries(crm.id, after(9999), 10).await.unwrap(), []);
    let rows = rig.store.deliveries(crm.id, Some(DeliveryState::Failed), None, 10).await.unwrap();
    assert_eq!((rows.len(), rows[0].kind.as_str(), rows[0].attempts), (1, "webhook.test", 1));
}

#[tokio::test]
async fn the_log_is_forgotten_but_not_what_still_waits() {
    let rig = Rig::new().await;
    let crm = rig.webhook("crm", Wants::All).await;
    rig.store.suppress(suppression(ANN), "ann", NOW).await.unwrap();
    rig.store.suppress(suppression(BEN), "ann", after(1)).await.unwrap();
    let due = rig.store.due_deliveries(crm.id, NOW, 10).await.unwrap();
    rig.store.record_try(tried(crm.id, due[0].event, Verdict::Delivered)).await.unwrap();
    rig.store.record_try(tried(crm.id, due[1].event, Verdict::Again { at: after(60) })).await.unwrap();
    assert_eq!(rig.store.forget_webhook_log(NOW).await.unwrap(), 0);
    assert_eq!(rig.store.forget_webhook_log(after(1000)).await.unwrap(), 1);
    assert_eq!((rig.count("webhook_events").await, rig.count("webhook_attempts").await), (1, 1));
    rig.store.disable_webhook(crm.id, "no more", "ann", NOW).await.unwrap();
    assert_eq!(rig.store.forget_webhook_log(after(1000)).await.unwrap(), 1, "nobody will ever take it");
    for table in ["webhook_events", "webhook_deliveries", "webhook_attempts"] {
        assert_eq!(rig.count(table).await, 0, "{table}");
    }
}
