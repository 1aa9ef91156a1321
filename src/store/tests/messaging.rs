//! SMS in the store: handed over at most once, receipts in any order, and opting out in one transaction.

use super::*;
use crate::model::campaign::Replies;
use crate::model::message::MessageState;
use crate::model::name::GatewayName;

const ANN: &str = "+8613800000001";
const BEN: &str = "+8613800000002";
const CONFIRMED: &str = "You are off the list.";

fn gateway() -> GatewayName {
    "smsc".parse().unwrap()
}

pub(super) fn message(to: &str, text: &str) -> NewMessage {
    NewMessage {
        gateway: gateway(),
        number: number(to),
        sender: "10690000".to_owned(),
        text: text.to_owned(),
        campaign: None,
    }
}

pub(super) fn arrived(from: &str, text: &str) -> Arrived {
    Arrived {
        gateway: gateway(),
        number: Ok(number(from)),
        ours: "10690000".to_owned(),
        text: text.to_owned(),
        gateway_id: None,
        piece: None,
    }
}

impl Rig {
    async fn queued(&self, to: &str, text: &str) -> crate::model::id::MessageId {
        self.store.queue_message(message(to, text), "ann", NOW).await.unwrap()
    }

    pub(super) async fn claimed(&self) -> Vec<String> {
        let claimed = self.store.claim_messages(&gateway(), 9, after(5)).await.unwrap();
        claimed.into_iter().map(|one| one.text).collect()
    }

    async fn handed(&self, id: crate::model::id::MessageId, handed: Handed) {
        self.store.messages_handed(&gateway(), vec![(id, after(5), handed)], after(6)).await.unwrap();
    }

    async fn receipts(&self, id: &str, state: Option<MessageState>, says: &str) {
        self.store.receipt(&gateway(), id, state, says, after(7)).await.unwrap();
    }

    pub(super) async fn takes(&self, arrived: Arrived) -> TakenIn {
        self.store.take_in(arrived, CONFIRMED, after(8)).await.unwrap()
    }

    async fn stands(&self, id: crate::model::id::MessageId) -> (MessageState, Option<String>) {
        let row = self.store.message(id).await.unwrap().unwrap();
        (row.state, row.error)
    }
}

#[tokio::test]
async fn what_is_claimed_is_never_claimed_again_not_even_after_a_crash() {
    let rig = Rig::new().await;
    let first = rig.queued(ANN, "first").await;
    let second = rig.queued(BEN, "second").await;
    assert_eq!(rig.store.claim_messages(&"other".parse().unwrap(), 9, NOW).await.unwrap(), []);
    assert_eq!(rig.store.count_waiting_messages(&gateway()).await.unwrap(), 2);
    assert_eq!(rig.claimed().await, ["first", "second"]);
    assert_eq!(rig.claimed().await, [""; 0]);
    rig.handed(second, Handed::NotSent).await;
    assert_eq!(rig.stands(second).await.0, MessageState::Queued);
    let rig = rig.crash().await;
    assert_eq!(rig.store.settle_messages(after(9)).await.unwrap(), 1);
    let (state, error) = rig.stands(first).await;
    assert_eq!((state, error.as_deref()), (MessageState::Unknown, Some("the service ended while it was being sent")));
    assert_eq!(rig.claimed().await, ["second"]);
    // Told late, by a task that outlived its claim: what was settled stays.
    rig.handed(first, Handed::Taken(vec!["late".to_owned()])).await;
    assert_eq!(rig.stands(first).await.0, MessageState::Unknown);
}

#[tokio::test]
async fn a_message_is_delivered_when_all_parts_are_and_lost_when_one_is() {
    let rig = Rig::new().await;
    let long = "x".repeat(200);
    let whole = rig.queued(ANN, &long).await;
    let torn = rig.queued(BEN, &long).await;
    assert_eq!(rig.claimed().await.len(), 2);
    // One receipt comes before it is known what the gateway called the part.
    rig.receipts("b", Some(MessageState::Delivered), "DELIVRD").await;
    rig.handed(whole, Handed::Taken(vec!["a".to_owned(), "b".to_owned()])).await;
    rig.handed(torn, Handed::Taken(vec!["c".to_owned(), "d".to_owned()])).await;
    assert_eq!(rig.stands(whole).await, (MessageState::Sent, None));
    rig.receipts("a", None, "ENROUTE").await;
    assert_eq!(rig.stands(whole).await, (MessageState::Sent, None));
    rig.receipts("a", Some(MessageState::Delivered), "DELIVRD").await;
    rig.receipts("a", Some(MessageState::Expired), "EXPIRED").await;
    assert_eq!(rig.stands(whole).await, (MessageState::Delivered, None), "the first end of a part counts");
    rig.receipts("c", Some(MessageState::Unknown), "UNKNOWN").await;
    assert_eq!(rig.stands(torn).await, (MessageState::Unknown, Some("UNKNOWN".to_owned())));
    rig.receipts("c", Some(MessageState::Delivered), "DELIVRD").await;
    rig.receipts("d", Some(MessageState::Undeliverable), "UNDELIV 34").await;
    assert_eq!(rig.stands(torn).await, (MessageState::Undeliverable, Some("UNDELIV 34".to_owned())));
    let row = rig.store.message(whole).await.unwrap().unwrap();
    assert_eq!((row.parts, row.sent_at, row.ended_at), (2, Some(after(6)), Some(after(7))));
}

#[tokio::test]
async fn a_long_message_that_the_gateway_splits_itself_is_delivered_with_its_one_receipt() {
    let rig = Rig::new().await;
    let long = "x".repeat(200);
    let (first, second) = (rig.queued(ANN, &long).await, rig.queued(BEN, &long).await);
    rig.claimed().await;
    rig.handed(first, Handed::Taken(vec!["a".to_owned()])).await;
    rig.receipts("a", Some(MessageState::Unknown), "?").await;
    rig.receipts("a", Some(MessageState::Delivered), "delivered").await;
    assert_eq!(rig.stands(first).await, (MessageState::Delivered, None));
    assert_eq!(rig.store.message(first).await.unwrap().unwrap().parts, 2, "what it costs stays known");
    // The receipt comes before it is known what the gateway called it.
    rig.receipts("b", Some(MessageState::Delivered), "delivered").await;
    rig.handed(second, Handed::Taken(vec!["b".to_owned()])).await;
    assert_eq!(rig.stands(second).await, (MessageState::Delivered, None));
}

#[tokio::test]
async fn what_is_not_known_of_a_message_can_still_be_found_out() {
    let rig = Rig::new().await;
    let id = rig.queued(ANN, "x").await;
    rig.claimed().await;
    rig.handed(id, Handed::Unknown(vec!["a".to_owned()], "no answer".to_owned())).await;
    assert_eq!(rig.stands(id).await, (MessageState::Unknown, Some("no answer".to_owned())));
    rig.receipts("a", Some(MessageState::Delivered), "DELIVRD").await;
    assert_eq!(rig.stands(id).await, (MessageState::Delivered, None));
}

#[tokio::test]
async fn who_opts_out_is_suppressed_revoked_withdrawn_and_confirmed_in_one_go() {
    let rig = Rig::new().await;
    let lead = rig.lead(ANN).await;
    let sent = rig.queued(ANN, "reply R to stop").await;
    rig.claimed().await;
    rig.handed(sent, Handed::Taken(vec!["a".to_owned()])).await;
    let waits = rig.queued(ANN, "waits").await;
    let other = rig.queued(BEN, "to somebody else").await;
    let taken = rig.takes(arrived(ANN, "退订")).await;
    assert_eq!(taken.suppressed, Some(number(ANN)));
    let came = rig.store.message(taken.message.unwrap()).await.unwrap().unwrap();
    assert_eq!((came.meaning, came.answers, came.direction), (Some(Meaning::OptOut), Some(sent), MessageDirection::In));
    assert_eq!(rig.stands(waits).await.0, MessageState::Suppressed);
    assert_eq!(rig.stands(other).await.0, MessageState::Queued);
    let entries = rig.store.suppressions_of(&number(ANN)).await.unwrap();
    assert_eq!((entries.len(), entries[0].scope.clone()), (1, Scope::All));
    let consents = rig.store.consents_of(&number(ANN)).await.unwrap();
    assert_eq!((consents.len(), consents[0].kind, consents[0].text.as_str()), (1, ConsentKind::Revoked, "退订"));
    let detail = rig.store.lead(lead).await.unwrap().unwrap();
    assert_eq!(detail.state, crate::model::lead::LeadState::GivenUp);
    // The confirmation leaves although the number is suppressed; nothing else does, and it is said once.
    assert_eq!(rig.takes(arrived(ANN, "STOP")).await.suppressed, Some(number(ANN)));
    rig.queued(ANN, "in spite of it").await;
    assert_eq!(rig.claimed().await, ["to somebody else", CONFIRMED]);
    assert_eq!(rig.store.consents_of(&number(ANN)).await.unwrap().len(), 2, "each time it was said is on record");
    assert_eq!(rig.store.verify_consents(None, &mut |_| {}).await.unwrap().faults, []);
}

#[tokio::test]
async fn free_words_suppress_too_and_say_that_somebody_must_read_them() {
    let rig = Rig::new().await;
    let taken = rig.takes(arrived(ANN, "please stop calling")).await;
    assert_eq!(taken.suppressed, Some(number(ANN)));
    let entries = rig.store.suppressions_of(&number(ANN)).await.unwrap();
    assert_eq!(entries[0].note, "to be read by a person: please stop calling");
    assert_eq!(rig.claimed().await, [""; 0], "nothing is confirmed");
    assert_eq!(rig.takes(arrived(BEN, "办理")).await.suppressed, None);
    assert!(rig.store.suppressions_of(&number(BEN)).await.unwrap().is_empty());
}

pub(super) fn replies() -> Replies {
    Replies {
        interested: vec!["1".to_owned(), "是".to_owned()],
        to: vec!["+10690000".to_owned()],
        consent: "回复1即同意来电".to_owned(),
        consent_version: "3".to_owned(),
        consent_days: Some(2),
        priority: 90,
        list: "sms".to_owned(),
        answer: Some("谢谢".to_owned()),
    }
}

impl Rig {
    pub(super) async fn registering(name: &str, replies: Replies) -> Rig {
        let rig = Rig::new().await;
        rig.campaign(name).await;
        let definition = Campaign { replies: Some(replies), ..campaign(name) };
        rig.store.apply_campaign(definition, "text with replies", "ann", "replies", NOW).await.unwrap();
        rig
    }

    pub(super) async fn lead_at(&self, text: &str) -> LeadCard {
        let mut found = self.store.number_history(&number(text), 9).await.unwrap().leads;
        assert_eq!(found.len(), 1);
        found.remove(0)
    }
}

#[tokio::test]
async fn a_customer_who_answers_is_a_lead_with_consent_at_once_and_answered_once() {
    let rig = Rig::registering("summer", replies()).await;
    let summer = Scope::Campaign(key("summer"));
    let taken = rig.takes(arrived(ANN, " １ 。")).await;
    assert_eq!(taken.registered, Some(key("summer")));
    let came = rig.store.message(taken.message.unwrap()).await.unwrap().unwrap();
    assert_eq!((came.meaning, came.campaign), (Some(Meaning::Interested), Some(key("summer"))));
    let lead = rig.lead_at(ANN).await;
    assert_eq!((lead.priority, lead.replied_at, lead.zones), (90, Some(after(8)), vec!["Asia/Shanghai".to_owned()]));
    assert_eq!(lead.extra.get("reply").map(String::as_str), Some(" １ 。"));
    let consent = rig.store.consents_of(&number(ANN)).await.unwrap().remove(0);
    let expected = ("回复1即同意来电", "3", "sms", format!("sms {}", taken.message.unwrap()));
    assert_eq!(
        (consent.text.as_str(), consent.text_version.as_str(), consent.channel.as_str(), consent.source),
        expected
    );
    assert!(rig.store.has_consent(&number(ANN), &summer, after(9)).await.unwrap());
    assert!(!rig.store.has_consent(&number(ANN), &summer, after(8 + 2 * 86_400)).await.unwrap());
    assert!(!rig.store.has_consent(&number(ANN), &Scope::Campaign(key("spring")), after(9)).await.unwrap());
    let due = rig.store.count_due(&key("summer"), after(9), &|_| true).await.unwrap();
    assert_eq!(due, 1);
    // Once more: no second lead, no second answer; what was said is on record.
    rig.takes(arrived(ANN, "是")).await;
    assert_eq!(rig.lead_at(ANN).await.id, lead.id);
    assert_eq!(rig.claimed().await, ["谢谢"]);
    assert_eq!(rig.store.consents_of(&number(ANN)).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_reply_belongs_to_the_campaign_whose_message_it_answers() {
    let mut rig = Rig::registering("summer", replies()).await;
    let definition = Campaign { replies: Some(Replies { to: vec![], ..replies() }), ..campaign("spring") };
    rig.store.apply_campaign(definition, "text with replies", "ann", "replies", NOW).await.unwrap();
    let of_spring = NewMessage { campaign: Some(key("spring")), ..message(ANN, "回复1") };
    let id = rig.store.queue_message(of_spring, "ann", NOW).await.unwrap();
    rig.claimed().await;
    rig.handed(id, Handed::Taken(vec!["a".to_owned()])).await;
    assert_eq!(rig.takes(arrived(ANN, "1")).await.registered, Some(key("spring")));
    // Somebody to whom nothing was sent writes to a number that one campaign takes messages to.
    assert_eq!(rig.takes(arrived(BEN, "1")).await.registered, Some(key("summer")));
    let elsewhere = Arrived { ours: "10690001".to_owned(), ..arrived("+8613800000003", "1") };
    assert_eq!(rig.takes(elsewhere).await.registered, None);
    assert_eq!(rig.takes(arrived("+8613800000004", "10")).await.registered, None);
    rig.store.set_campaign_state(&key("summer"), CampaignState::Ended, "ann", "over", NOW).await.unwrap();
    assert_eq!(rig.takes(arrived("+8613800000005", "1")).await.registered, None);
    rig.attempts += 1;
}

#[tokio::test]
async fn a_reply_brings_a_lead_forward_and_never_one_that_is_done_or_suppressed() {
    let mut rig = Rig::registering("spring", replies()).await;
    let waits = rig.lead(ANN).await;
    rig.store.put_off(vec![(waits, after(9_000), None)]).await.unwrap();
    assert_eq!(rig.takes(arrived(ANN, "1")).await.registered, Some(key("spring")));
    let lead = rig.lead_at(ANN).await;
    assert_eq!((lead.id, lead.due_at, lead.priority), (waits, Some(after(8)), 90));
    assert!(lead.replied_at.is_some());

    // Nobody was reached, and the lead was given up.
    let (given_up, attempt) = rig.dialling(BEN).await;
    rig.store.end_attempt(end(attempt, Disposition::NoAnswer, Some(LeadNext::GivenUp))).await.unwrap();
    assert_eq!(rig.lead_at(BEN).await.state, crate::model::lead::LeadState::GivenUp);
    assert_eq!(rig.takes(arrived(BEN, "1")).await.registered, Some(key("spring")));
    assert_eq!(
        (rig.lead_at(BEN).await.state, rig.lead_at(BEN).await.id),
        (crate::model::lead::LeadState::Open, given_up)
    );

    // A lead that is being dialled is due again by its attempt's end, before others.
    let (dialled, _) = rig.dialling("+8613800000006").await;
    assert_eq!(rig.takes(arrived("+8613800000006", "1")).await.registered, None);
    let lead = rig.lead_at("+8613800000006").await;
    assert_eq!((lead.id, lead.state, lead.priority), (dialled, crate::model::lead::LeadState::Dialling, 90));

    // Somebody said no to it, and somebody said stop.
    let (_, attempt) = rig.dialling("+8613800000003").await;
    rig.store.end_attempt(end(attempt, Disposition::Declined, Some(LeadNext::Done))).await.unwrap();
    assert_eq!(rig.takes(arrived("+8613800000003", "1")).await.registered, None);
    rig.takes(arrived("+8613800000004", "STOP")).await;
    assert_eq!(rig.takes(arrived("+8613800000004", "1")).await.registered, None);
    assert!(rig.store.number_history(&number("+8613800000004"), 9).await.unwrap().leads.is_empty());
}

#[tokio::test]
async fn a_message_is_told_with_what_it_means_and_what_it_leads_to() {
    let rig = Rig::registering("summer", replies()).await;
    let these = Wants::These(vec![EventType::MessageReceived, EventType::ConsentGiven]);
    let webhook = NewWebhook {
        name: "crm".to_owned(),
        url: "https://crm.example/hook".to_owned(),
        events: these,
        campaign: None,
    };
    let webhook = rig.store.add_webhook(webhook, "ann", NOW).await.unwrap();
    rig.store.webhooks().await.unwrap();
    let id = rig.takes(arrived(ANN, "是")).await.message.unwrap();
    let due = rig.store.due_deliveries(webhook.id, after(9), 9).await.unwrap();
    let told: Vec<serde_json::Value> = due.iter().map(|one| serde_json::from_str(&one.body).unwrap()).collect();
    let types: Vec<&str> = told.iter().map(|one| one["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["message.received", "consent.given"]);
    let data = &told[0]["data"];
    assert_eq!((&data["message"], &data["meaning"]), (&id.to_string().into(), &"interested".into()), "{data}");
    assert_eq!((&data["campaign"], &data["text"]), (&"summer".into(), &"是".into()), "{data}");
}

#[tokio::test]
async fn a_person_with_several_numbers_is_one_lead_and_is_called_on_the_number_that_asked() {
    let rig = Rig::registering("spring", replies()).await;
    let lead = rig.lead(ANN).await;
    // A further number of the same person, as an import brings it.
    let zones = "'[\"Asia/Shanghai\"]', 'number', 'mobile'";
    let both = format!(
        "insert into lead_numbers (lead_id, place, number, campaign, zones, zone_source, kind, import_id)
         select id, 0, '{ANN}', 'spring', {zones}, null from leads;
         insert into lead_numbers (lead_id, place, number, campaign, zones, zone_source, kind, import_id)
         select id, 1, '{BEN}', 'spring', {zones}, null from leads;
         update leads set numbers = 2, kind = 'mobile'"
    );
    let mut conn = rig.beside().await;
    for statement in both.split(';') {
        conn.run_made("test", statement, vec![]).await.unwrap();
    }
    assert_eq!(rig.takes(arrived(BEN, "1")).await.registered, Some(key("spring")));
    let found = rig.lead_at(BEN).await;
    assert_eq!((found.id, found.number, found.priority), (lead, number(BEN), 90));
    assert_eq!(rig.store.count_due(&key("spring"), after(9), &|_| true).await.unwrap(), 1);
}

#[tokio::test]
async fn an_import_that_is_taken_back_leaves_those_who_asked_to_be_called() {
    use super::importing::{DAY, import};
    let rig = Rig::registering("spring", replies()).await;
    let outcome = import(&rig, "phone\n13800000001\n13800000002\n").await.unwrap();
    assert_eq!(rig.takes(arrived(ANN, "1")).await.registered, Some(key("spring")));
    let undone = rig.store.undo_import(outcome.import.unwrap(), "ann", after(60), DAY).await.unwrap();
    assert_eq!(undone.removed, 1, "{undone:?}");
    assert_eq!(rig.lead_at(ANN).await.priority, 90);
    assert!(rig.store.number_history(&number(BEN), 9).await.unwrap().leads.is_empty());
}

#[tokio::test]
async fn an_opt_out_that_was_meant_takes_the_place_of_one_that_was_only_read_as_if() {
    let rig = Rig::new().await;
    rig.takes(arrived(ANN, "别再打了")).await;
    rig.takes(arrived(ANN, "退订")).await;
    let entries = rig.store.suppressions_of(&number(ANN)).await.unwrap();
    assert_eq!((entries.len(), entries[0].note.as_str()), (1, "退订"), "nobody is asked to read it any more");
    assert_eq!(rig.claimed().await, [CONFIRMED]);
    rig.takes(arrived(ANN, "别再打了")).await;
    rig.takes(arrived(ANN, "STOP")).await;
    assert_eq!(rig.store.suppressions_of(&number(ANN)).await.unwrap()[0].note, "退订");
    assert_eq!(rig.claimed().await, [""; 0]);
}

#[tokio::test]
async fn what_was_claimed_and_never_told_of_waits_again_and_a_claim_of_before_changes_nothing() {
    let rig = Rig::new().await;
    let lost = rig.queued(ANN, "lost").await;
    let held = rig.queued(BEN, "held").await;
    rig.claimed().await;
    assert_eq!(rig.store.put_back_unheld(&gateway(), vec![held]).await.unwrap(), 1);
    let again = rig.store.claim_messages(&gateway(), 9, after(20)).await.unwrap();
    assert_eq!((again[0].id, again[0].at), (lost, after(20)));
    rig.handed(lost, Handed::NotSent).await;
    assert_eq!(rig.stands(lost).await.0, MessageState::Sending, "that was an earlier claim");
    let taken = (lost, after(20), Handed::Taken(vec!["a".to_owned()]));
    rig.store.messages_handed(&gateway(), vec![taken], after(21)).await.unwrap();
    assert_eq!(rig.stands(lost).await.0, MessageState::Sent);
    rig.handed(held, Handed::Suppressed).await;
    assert_eq!(rig.stands(held).await.0, MessageState::Suppressed);
}

#[tokio::test]
async fn the_queue_is_read_by_its_index_however_many_messages_there_were() {
    let rig = Rig::in_file(Options::default()).await;
    let mut conn = rig.store.reader().await.unwrap();
    for name in ["NEXT", "WAITING", "LEFT_OVER", "OLD"] {
        let statement = messages::STATEMENTS.iter().find(|one| one.name == name).unwrap();
        let plan = conn.explain(*statement).await.unwrap().join("\n");
        assert!(!plan.contains("SCAN m") || plan.contains("USING"), "{name}:\n{plan}");
        assert!(
            plan.contains("USING INDEX messages_") || plan.contains("USING COVERING INDEX messages_"),
            "{name}:\n{plan}"
        );
    }
}

#[tokio::test]
async fn what_a_gateway_tells_twice_is_taken_in_once() {
    let rig = Rig::new().await;
    let twice = Arrived { gateway_id: Some("g-1".to_owned()), ..arrived(ANN, "1") };
    assert!(rig.takes(twice.clone()).await.message.is_some());
    assert_eq!(rig.takes(twice.clone()).await, TakenIn::default());
    let elsewhere = Arrived { gateway: "other".parse().unwrap(), ..twice };
    assert!(rig.takes(elsewhere).await.message.is_some());
    let nobody = Arrived { number: Err("BANK\0".to_owned()), ..arrived(ANN, "STOP\0") };
    let taken = rig.takes(nobody).await;
    assert_eq!(taken.suppressed, None);
    let row = rig.store.message(taken.message.unwrap()).await.unwrap().unwrap();
    assert_eq!((row.number.as_str(), row.text.as_str()), ("BANK\u{fffd}", "STOP\u{fffd}"));
}

#[tokio::test]
async fn pieces_wait_for_each_other_and_not_for_ever() {
    let rig = Rig::new().await;
    let piece = |place, text: &str| Arrived { piece: Some((7, place, 3)), ..arrived(ANN, text) };
    assert_eq!(rig.takes(piece(3, "sing me")).await, TakenIn::default());
    assert_eq!(rig.takes(piece(1, "please stop ")).await, TakenIn::default());
    let none = rig.store.take_in_stale_pieces(&gateway(), CONFIRMED, after(8), after(60)).await.unwrap();
    assert_eq!(none, []);
    let taken = rig.store.take_in_stale_pieces(&gateway(), CONFIRMED, after(9), after(60)).await.unwrap();
    let row = rig.store.message(taken[0].message.unwrap()).await.unwrap().unwrap();
    assert_eq!((row.text.as_str(), row.meaning), ("please stop …sing me", Some(Meaning::PerhapsOptOut)));
    assert_eq!(taken[0].suppressed, Some(number(ANN)), "what may mean to opt out does so, though a piece is missing");
    for (place, text) in [(2, "b"), (3, "c"), (3, "c")] {
        assert_eq!(rig.takes(piece(place, text)).await, TakenIn::default());
    }
    let whole = rig.takes(piece(1, "a")).await.message.unwrap();
    assert_eq!(rig.store.message(whole).await.unwrap().unwrap().text, "abc");
}

#[tokio::test]
async fn old_messages_are_forgotten_and_what_waits_is_not() {
    let rig = Rig::new().await;
    let sent = rig.queued(ANN, "sent").await;
    rig.claimed().await;
    rig.handed(sent, Handed::Taken(vec!["a".to_owned()])).await;
    let waits = rig.queued(ANN, "waits").await;
    let came = rig.takes(arrived(BEN, "hello")).await.message.unwrap();
    assert_eq!(rig.store.forget_messages(after(1)).await.unwrap(), 1);
    let left: Vec<_> = rig.store.messages(None, None, 9).await.unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(left, [came, waits]);
    assert_eq!(rig.store.messages(Some(ANN), None, 9).await.unwrap().len(), 1);
    assert_eq!(rig.store.messages(None, Some(came), 9).await.unwrap().len(), 1);
}
