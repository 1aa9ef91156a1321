//! Messages that a person is to read: what waits, what is suggested, and what each decision does, once.

use super::messaging::{arrived, message, replies};
use super::*;
use crate::model::id::MessageId;
use crate::model::lead::LeadState;

const ANN: &str = "+8613800000001";
const BEN: &str = "+8613800000002";

impl Rig {
    /// Campaign `spring` takes replies and wrote to this number; the customer answers.
    async fn answers(&self, from: &str, text: &str) -> MessageId {
        let of_spring = NewMessage { campaign: Some(key("spring")), ..message(from, "回复1") };
        let id = self.store.queue_message(of_spring, "ann", NOW).await.unwrap();
        self.claimed().await;
        let taken = vec![(id, after(5), Handed::Taken(vec![id.to_string()]))];
        self.store.messages_handed(&"smsc".parse().unwrap(), taken, after(6)).await.unwrap();
        self.takes(arrived(from, text)).await.message.unwrap()
    }

    async fn waiting(&self) -> Vec<(MessageId, Option<Reading>)> {
        let rows = self.store.reviews(None, None, 9).await.unwrap();
        rows.into_iter().map(|row| (row.message, row.suggestion.map(|suggestion| suggestion.decision))).collect()
    }

    async fn decides(&self, message: MessageId, decision: Reading) -> Result<Decided, DecidedBefore> {
        self.store.decide_review(message, decision, None, "mei", after(600)).await.unwrap()
    }

    async fn is_suppressed(&self, text: &str) -> bool {
        self.store.is_written_off(&number(text), Some(&key("spring")), after(700)).await.unwrap()
    }

    async fn has_consent(&self, text: &str) -> bool {
        self.store.has_consent(&number(text), &Scope::Campaign(key("spring")), after(700)).await.unwrap()
    }
}

#[tokio::test]
async fn what_no_rule_fits_waits_and_a_person_pre_registers_by_it_once() {
    let rig = Rig::registering("spring", replies()).await;
    rig.answers(BEN, "1").await;
    assert_eq!(rig.waiting().await, [], "a word of the campaign waits for nobody");
    let free = rig.answers(ANN, "是的，请晚上打").await;
    let row = rig.store.reviews(Some(&key("spring")), None, 9).await.unwrap().remove(0);
    assert_eq!((row.text.as_str(), row.answers.as_deref()), ("是的，请晚上打", Some("回复1")));
    let suggestion =
        Suggestion { decision: Reading::Interested, reason: ReadingReason::Near { word: "是".to_owned() } };
    assert_eq!(row.suggestion, Some(suggestion));
    assert!(!rig.has_consent(ANN).await);
    let decided = rig.decides(free, Reading::Interested).await.unwrap();
    assert_eq!(decided.registered, Some((key("spring"), Registered::New)));
    let consent = rig.store.consents_of(&number(ANN)).await.unwrap().remove(0);
    let source = format!("sms {free}, read by mei");
    assert_eq!((consent.text.as_str(), consent.source, consent.at), ("回复1即同意来电", source, after(8)));
    let lead = rig.lead_at(ANN).await;
    assert_eq!((lead.state, lead.extra["reply"].as_str()), (LeadState::Open, "是的，请晚上打"));
    let again = rig.decides(free, Reading::OptOut).await.unwrap_err();
    assert_eq!((again.decision, again.by.as_str(), again.at), (Reading::Interested, "mei", after(600)));
    assert!(!rig.is_suppressed(ANN).await, "who comes second changes nothing");
    let asked = rig.store.registrations_of_lead(lead.id, 9).await.unwrap();
    assert_eq!((asked.len(), asked[0].words.as_deref()), (1, Some("是的，请晚上打")));
    assert_eq!((rig.waiting().await, rig.store.count_reviews().await.unwrap()), (vec![], 0));
    // The same words of another customer: what was decided before is suggested.
    rig.answers("+8613800000003", "是的 请晚上打！").await;
    let row = rig.store.reviews(None, None, 9).await.unwrap().remove(0);
    let suggestion = Suggestion { decision: Reading::Interested, reason: ReadingReason::Before { times: 1 } };
    assert_eq!(row.suggestion, Some(suggestion));
}

#[tokio::test]
async fn free_words_that_may_opt_out_hold_the_number_until_they_are_read() {
    let rig = Rig::registering("spring", replies()).await;
    rig.lead(ANN).await;
    let first = rig.answers(ANN, "别再晚上打").await;
    let second = rig.takes(arrived(ANN, "投诉你们")).await.message.unwrap();
    let expected = [(first, Some(Reading::OptOut)), (second, Some(Reading::OptOut))];
    assert_eq!(rig.waiting().await, expected);
    rig.decides(first, Reading::Other).await.unwrap();
    assert!(rig.is_suppressed(ANN).await, "another of theirs waits");
    rig.decides(second, Reading::Interested).await.unwrap();
    assert!(!rig.is_suppressed(ANN).await);
    assert!(rig.has_consent(ANN).await, "what the message took back in case, it gives");
    assert_eq!(rig.lead_at(ANN).await.state, LeadState::Open);
    // Meant: nobody lifts it by reading another one.
    let meant = rig.answers(BEN, "别再打了").await;
    let later = rig.takes(arrived(BEN, "多少钱，别打")).await.message.unwrap();
    assert!(rig.decides(meant, Reading::OptOut).await.unwrap().suppressed);
    rig.decides(later, Reading::Other).await.unwrap();
    assert!(rig.is_suppressed(BEN).await && !rig.has_consent(BEN).await);
    let entries = rig.store.suppressions_of(&number(BEN)).await.unwrap();
    assert_eq!((entries.len(), entries[0].note.as_str()), (1, "别再打了"));
}

#[tokio::test]
async fn a_stop_after_the_message_stands_whatever_is_read_into_it() {
    let rig = Rig::registering("spring", replies()).await;
    let free = rig.answers(ANN, "是吧").await;
    rig.store.take_in(arrived(ANN, "STOP"), "", after(30)).await.unwrap();
    let decided = rig.decides(free, Reading::Interested).await.unwrap();
    assert_eq!(decided.registered, Some((key("spring"), Registered::Suppressed)));
    assert!(rig.is_suppressed(ANN).await && !rig.has_consent(ANN).await);
    assert!(rig.store.leads_of_number(&number(ANN)).await.unwrap().is_empty());
}

#[tokio::test]
async fn who_is_not_interested_is_not_called_and_what_cannot_be_decided_stays() {
    let rig = Rig::registering("spring", replies()).await;
    rig.lead(ANN).await;
    let no = rig.answers(ANN, "不需要，谢谢").await;
    assert_eq!(rig.waiting().await, [(no, Some(Reading::NotInterested))]);
    rig.decides(no, Reading::NotInterested).await.unwrap();
    assert_eq!(rig.lead_at(ANN).await.state, LeadState::GivenUp);
    assert!(!rig.is_suppressed(ANN).await);
    // It answers nothing of ours, and no campaign was named.
    let nowhere = rig.takes(Arrived { ours: "10690001".to_owned(), ..arrived(BEN, "call me") }).await.message.unwrap();
    let refused = rig.store.decide_review(nowhere, Reading::Interested, None, "mei", after(9)).await.unwrap_err();
    assert!(refused.to_string().contains("[replies]"), "{refused}");
    assert_eq!(rig.waiting().await, [(nowhere, None)], "nothing is decided");
    let spring = Some(key("spring"));
    let decided =
        rig.store.decide_review(nowhere, Reading::Interested, spring, "mei", after(9)).await.unwrap().unwrap();
    assert_eq!(decided.registered, Some((key("spring"), Registered::New)));
    assert!(rig.store.decide_review(MessageId(7), Reading::Other, None, "mei", after(9)).await.is_err());
    let bank = Arrived { number: Err("BANK".to_owned()), ..arrived(ANN, "hello") };
    rig.takes(bank).await;
    assert_eq!(rig.waiting().await, [], "what comes from no number can have no answer");
    assert_eq!(rig.store.forget_messages(after(9)).await.unwrap(), 4, "the answer still waits");
    let mut conn = rig.store.reader().await.unwrap();
    let left = conn.rows_made("test", "select count(*) as count from reviews", vec![]).await.unwrap();
    assert_eq!(left[0].count("count").unwrap(), 0, "they go with their messages");
}
