//! Pre-registrations as records: what became of each, and the times that customers wish for.

use super::*;
use crate::model::lead::{LeadState, SuppressionReason};
use crate::model::pre_registration::PreRegistration;

const ANN: &str = "+8613800000001";
const BEN: &str = "+8613800000002";

fn registration(text: &str) -> Registration {
    Registration {
        campaign: key("spring"),
        number: number(text),
        name: "李雷".to_owned(),
        consent: "call me".to_owned(),
        consent_version: "1".to_owned(),
        consent_until: None,
        channel: "web".to_owned(),
        source: "form 7".to_owned(),
        at: after(0),
        priority: 90,
        list: "web".to_owned(),
        extra: BTreeMap::new(),
        preferred: None,
        message: None,
        link: Some(9),
    }
}

impl Rig {
    async fn registers(&self, registration: Registration, at: Timestamp) -> Registered {
        self.store.pre_register(registration, "ann", at).await.unwrap().0
    }

    async fn due_at(&self, at: Timestamp) -> Vec<PhoneNumber> {
        let selection = Selection::default();
        let spring = key("spring");
        let found = self.store.fetch_leads(&spring, &selection, at, 9, &HashSet::new(), &|_| true).await.unwrap();
        found.into_iter().map(|lead| lead.number).collect()
    }
}

#[tokio::test]
async fn every_registration_is_a_record_with_what_became_of_it() {
    let mut rig = Rig::new().await;
    let (_, done) = rig.dialling(BEN).await;
    rig.store.end_attempt(end(done, Disposition::Declined, Some(LeadNext::Done))).await.unwrap();
    rig.store
        .suppress(
            Suppression {
                number: number("+8613800000003"),
                scope: Scope::All,
                reason: SuppressionReason::OptOut,
                source: "test".to_owned(),
                note: String::new(),
                expires_at: None,
            },
            "ann",
            NOW,
        )
        .await
        .unwrap();
    assert_eq!(rig.registers(registration(ANN), after(1)).await, Registered::New);
    assert_eq!(rig.registers(registration(ANN), after(2)).await, Registered::Forward);
    assert_eq!(rig.registers(registration(BEN), after(3)).await, Registered::Stays);
    assert_eq!(rig.registers(registration("+8613800000003"), after(4)).await, Registered::Suppressed);
    let mut conn = rig.store.reader().await.unwrap();
    let rows = conn
        .rows_made(
            "test",
            "select became, lead_id, channel, source, link_id from pre_registrations order by id",
            vec![],
        )
        .await
        .unwrap();
    let became: Vec<_> =
        rows.iter().map(|row| (row.text("became").unwrap(), row.opt_int("lead_id").unwrap().is_some())).collect();
    let expected = [("new", true), ("forward", true), ("stays", true), ("suppressed", false)];
    assert_eq!(became, expected.map(|(became, lead)| (became.to_owned(), lead)));
    assert_eq!(
        (rows[0].text("channel").unwrap(), rows[0].text("source").unwrap(), rows[0].opt_int("link_id").unwrap()),
        ("web".to_owned(), "form 7".to_owned(), Some(9))
    );
}

#[tokio::test]
async fn a_wished_time_is_waited_for_and_comes_before_all_others() {
    let rig = Rig::new().await;
    let wishes = |seconds| Registration { preferred: Some(after(seconds)), ..registration(ANN) };
    rig.lead_of("spring", rig.list, BEN, 99, "Asia/Shanghai").await;
    assert_eq!(rig.registers(wishes(3600), after(1)).await, Registered::New);
    assert_eq!(rig.due_at(after(3599)).await, [number(BEN)]);
    assert_eq!(rig.due_at(after(3600)).await, [number(ANN), number(BEN)]);
    let lead = rig.store.leads_of_number(&number(ANN)).await.unwrap().remove(0);
    assert_eq!(
        (lead.state, lead.callback.map(|call| (call.at, call.agent))),
        (LeadState::Callback, Some((after(3600), None)))
    );
    // The customer changes the wish, and takes it back.
    assert_eq!(rig.registers(wishes(1800), after(2)).await, Registered::Forward);
    assert_eq!(rig.due_at(after(1800)).await, [number(ANN), number(BEN)]);
    assert_eq!(rig.registers(registration(ANN), after(3)).await, Registered::Forward);
    assert_eq!(rig.due_at(after(3)).await, [number(BEN), number(ANN)]);
}

fn minutes(count: u64) -> u64 {
    count * 60
}

impl Rig {
    /// The campaign promises a call within an hour, and lets priorities fall within a day.
    async fn promising() -> Rig {
        let rig = Rig::new().await;
        let rules = PreRegistration {
            call_within_minutes: Some(60),
            escalate_before_minutes: 15,
            decay_hours: Some(24),
            priority_floor: 50,
            rest_after_inbound_hours: 4,
        };
        let definition = Campaign { pre_registration: Some(rules), ..campaign("spring") };
        rig.store.apply_campaign(definition, "text with promises", "ann", "promises", NOW).await.unwrap();
        rig
    }

    /// What the service does each second, with hours that are always open.
    async fn watches(&self, at: Timestamp) -> Watched {
        let asked = self.store.asked_promises().await.unwrap();
        let rules = self.store.campaign(&key("spring")).await.unwrap().unwrap().campaign.pre_registration.unwrap();
        let until = asked.iter().map(|one| (one.id, rules.deadline(one.counts_from, &[], &[])));
        self.store.date_promises(until.collect(), at).await.unwrap();
        self.store.watch_promises(at).await.unwrap()
    }

    async fn owed(&self) -> Vec<(PhoneNumber, PromiseState, Timestamp)> {
        let page = self.store.promises(None, None, None, 9).await.unwrap();
        page.into_iter().map(|row| (row.number, row.state, row.promised_at)).collect()
    }

    async fn promise_of(&self, number: &str) -> Vec<String> {
        let mut conn = self.store.reader().await.unwrap();
        let asked = format!("select promise from pre_registrations where number = '{number}' order by id");
        conn.rows_made("test", &asked, vec![]).await.unwrap().iter().map(|row| row.text("promise").unwrap()).collect()
    }

    async fn priority_of(&self, text: &str) -> u8 {
        self.store.leads_of_number(&number(text)).await.unwrap().remove(0).priority
    }

    async fn dials(&mut self, text: &str, at: Timestamp) -> AttemptId {
        let lead = self.store.leads_of_number(&number(text)).await.unwrap().remove(0);
        let intent = Intent { at, ..self.intent(lead.id, text) };
        let attempt = intent.attempt;
        assert_eq!(self.record(intent).await, IntentOutcome::Recorded);
        attempt
    }

    async fn ends(&self, attempt: AttemptId, disposition: Disposition, next: LeadNext) {
        self.store.end_attempt(end(attempt, disposition, Some(next))).await.unwrap();
    }

    async fn told_of_promises(&self, webhook: crate::model::id::WebhookId) -> Vec<(String, String)> {
        let due = self.store.due_deliveries(webhook, after(90_000), 99).await.unwrap();
        let told = due.iter().map(|one| serde_json::from_str::<serde_json::Value>(&one.body).unwrap());
        told.map(|one| (one["type"].as_str().unwrap().to_owned(), one["data"]["number"].as_str().unwrap().to_owned()))
            .collect()
    }
}

#[tokio::test]
async fn a_promise_is_owed_escalated_broken_and_closed_by_the_call_each_once() {
    let mut rig = Rig::promising().await;
    let these = Wants::These(vec![EventType::PromiseAtRisk, EventType::PromiseBroken]);
    let webhook = NewWebhook {
        name: "crm".to_owned(),
        url: "https://crm.example/hook".to_owned(),
        events: these,
        campaign: None,
    };
    let webhook = rig.store.add_webhook(webhook, "ann", NOW).await.unwrap().id;
    rig.store.webhooks().await.unwrap();
    rig.lead_of("spring", rig.list, BEN, 95, "Asia/Shanghai").await;
    rig.registers(registration(ANN), after(1)).await;
    assert_eq!(rig.owed().await, [], "it is not known yet until when");
    rig.watches(after(2)).await;
    assert_eq!(rig.owed().await, [(number(ANN), PromiseState::Open, after(minutes(60)))]);
    assert_eq!(rig.due_at(after(3)).await, [number(BEN), number(ANN)]);
    assert_eq!(rig.watches(after(minutes(45) - 1)).await.at_risk, 0);
    let watched = rig.watches(after(minutes(45))).await;
    assert_eq!((watched.at_risk, watched.moved), (1, [key("spring")].into()));
    assert_eq!(rig.watches(after(minutes(46))).await.at_risk, 0, "once");
    assert_eq!(rig.due_at(after(minutes(46))).await, [number(ANN), number(BEN)], "what is at risk comes first");
    let counts = rig.store.promise_counts().await.unwrap();
    assert_eq!(counts[&key("spring")], OwedCounts { at_risk: 1, ..OwedCounts::default() });
    rig = rig.crash().await;
    rig.store.webhooks().await.unwrap();
    assert_eq!(rig.watches(after(minutes(60) + 5)).await.broken, 0);
    assert_eq!(rig.watches(after(minutes(60) + 6)).await.broken, 1);
    assert_eq!(rig.watches(after(minutes(60) + 7)).await.broken, 0, "once");
    assert_eq!(rig.store.promises(None, Some(Owed::Overdue), None, 9).await.unwrap().len(), 1);
    assert_eq!(rig.store.promises(None, Some(Owed::AtRisk), None, 9).await.unwrap().len(), 0);
    let expected = [("promise.at_risk", ANN), ("promise.broken", ANN)];
    assert_eq!(rig.told_of_promises(webhook).await, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    let late = rig.dials(ANN, after(minutes(61))).await;
    rig.ends(late, Disposition::NoAnswer, LeadNext::Retry { at: after(minutes(90)) }).await;
    assert_eq!(rig.owed().await, [], "the customer was called, late");
    assert_eq!(rig.promise_of(ANN).await, ["broken"]);
    rig.watches(after(minutes(62))).await;
    assert_eq!(rig.priority_of(ANN).await, 90, "it has been called, and is before others no longer than the rest");
    let report = rig.store.registration_counts(None, NOW, after(9)).await.unwrap();
    assert_eq!(report.len(), 1);
    let waited_ms = minutes(61) * 1000;
    assert_eq!((report[0].promise, report[0].dialled, report[0].waited_ms), (PromiseState::Broken, 1, waited_ms));
}

#[tokio::test]
async fn the_first_dial_that_reaches_the_phone_keeps_a_promise_and_what_never_left_does_not() {
    let mut rig = Rig::promising().await;
    rig.registers(registration(ANN), after(1)).await;
    rig.watches(after(2)).await;
    let lost = rig.dials(ANN, after(10)).await;
    rig.ends(lost, Disposition::TrunkFailure, LeadNext::Retry { at: after(20) }).await;
    assert_eq!(rig.owed().await.len(), 1, "a trunk that fails calls nobody");
    // It rings when the time runs out, and is waited for.
    let dial = rig.dials(ANN, after(minutes(60))).await;
    assert_eq!(rig.watches(after(minutes(60) + 30)).await.broken, 0);
    rig.ends(dial, Disposition::NoAnswer, LeadNext::Retry { at: after(minutes(90)) }).await;
    assert_eq!(rig.watches(after(minutes(60) + 31)).await.broken, 0);
    assert_eq!(rig.promise_of(ANN).await, ["kept"]);
    // Who asks again before the call has one promise; who wishes for another time has that one.
    rig.registers(registration(BEN), after(1)).await;
    rig.registers(registration(BEN), after(2)).await;
    let wish = Registration { preferred: Some(after(minutes(120))), ..registration(BEN) };
    rig.registers(wish, after(3)).await;
    rig.watches(after(4)).await;
    assert_eq!(rig.promise_of(BEN).await, ["void", "none", "open"]);
    assert_eq!(rig.owed().await, [(number(BEN), PromiseState::Open, after(minutes(180)))]);
    let early = rig.dials(BEN, after(minutes(121))).await;
    rig.ends(early, Disposition::NoAnswer, LeadNext::Retry { at: after(minutes(200)) }).await;
    assert_eq!(rig.promise_of(BEN).await, ["void", "none", "kept"]);
}

#[tokio::test]
async fn a_dial_that_was_on_its_way_keeps_a_promise_only_if_somebody_talked() {
    let mut rig = Rig::promising().await;
    for (text, connected) in [(ANN, None), (BEN, Some(after(20)))] {
        let (_, attempt) = rig.dialling(text).await;
        assert_eq!(rig.registers(registration(text), after(5)).await, Registered::Stays);
        rig.watches(after(6)).await;
        assert_eq!(rig.promise_of(text).await, ["open"]);
        let next = Some(LeadNext::Retry { at: after(60) });
        let (connected_at, answered_at) = (connected, connected);
        let over = end(attempt, Disposition::NoAnswer, next);
        rig.store.end_attempt(AttemptEnd { connected_at, answered_at, ..over }).await.unwrap();
    }
    assert_eq!(rig.promise_of(ANN).await, ["open"]);
    assert_eq!(rig.promise_of(BEN).await, ["kept"]);
}

#[tokio::test]
async fn who_asks_while_the_last_dial_rings_in_vain_is_called_once_more() {
    let mut rig = Rig::promising().await;
    let (_, attempt) = rig.dialling(ANN).await;
    assert_eq!(rig.registers(registration(ANN), after(5)).await, Registered::Stays);
    rig.ends(attempt, Disposition::NoAnswer, LeadNext::GivenUp).await;
    assert_eq!(rig.due_at(after(89)).await, []);
    assert_eq!(rig.due_at(after(90)).await, [number(ANN)]);
    rig.watches(after(91)).await;
    assert_eq!(rig.promise_of(ANN).await, ["open"]);
    // The call that was asked for was tried.
    let again = rig.dials(ANN, after(90)).await;
    rig.ends(again, Disposition::NoAnswer, LeadNext::GivenUp).await;
    assert_eq!(rig.due_at(after(9_000)).await, []);
    let (_, soon) = rig.dialling(BEN).await;
    assert_eq!(rig.registers(registration(BEN), after(5)).await, Registered::Stays);
    rig.ends(soon, Disposition::NoAnswer, LeadNext::Retry { at: after(7_200) }).await;
    assert_eq!(rig.due_at(after(90)).await, [number(BEN)], "not in two hours");
    let lead = rig.store.leads_of_number(&number(ANN)).await.unwrap().remove(0);
    assert_eq!(lead.state, LeadState::GivenUp);
}

#[tokio::test]
async fn who_asks_during_a_call_that_is_abandoned_or_unknown_has_its_rest_all_the_same() {
    let mut rig = Rig::promising().await;
    for (text, disposition) in [(ANN, Disposition::Abandoned), (BEN, Disposition::Unknown)] {
        let (_, attempt) = rig.dialling(text).await;
        let wish = Registration { preferred: Some(after(1800)), ..registration(text) };
        assert_eq!(rig.registers(wish, after(5)).await, Registered::Stays);
        rig.ends(attempt, disposition, LeadNext::Retry { at: after(7_200) }).await;
    }
    assert_eq!(rig.due_at(after(7_199)).await, []);
    assert_eq!(rig.due_at(after(7_200)).await.len(), 2);
    let (_, attempt) = rig.dialling("+8613800000003").await;
    assert_eq!(rig.registers(registration("+8613800000003"), after(5)).await, Registered::Stays);
    rig.ends(attempt, Disposition::InvalidNumber, LeadNext::GivenUp).await;
    let lead = rig.store.leads_of_number(&number("+8613800000003")).await.unwrap().remove(0);
    assert_eq!(lead.state, LeadState::GivenUp);
}

#[tokio::test]
async fn a_wish_that_comes_while_a_dial_rings_in_vain_is_kept() {
    let mut rig = Rig::promising().await;
    for (text, next) in [(ANN, LeadNext::Retry { at: after(300) }), (BEN, LeadNext::GivenUp)] {
        let (_, attempt) = rig.dialling(text).await;
        let wish = |seconds| Registration { preferred: Some(after(seconds)), ..registration(text) };
        assert_eq!(rig.registers(wish(1800), after(5)).await, Registered::Stays);
        assert_eq!(rig.registers(wish(3600), after(6)).await, Registered::Stays);
        rig.ends(attempt, Disposition::NoAnswer, next).await;
        let lead = rig.store.leads_of_number(&number(text)).await.unwrap().remove(0);
        assert_eq!(lead.callback.map(|call| call.at), Some(after(3600)), "{text}");
    }
    assert_eq!(rig.due_at(after(3599)).await, []);
    assert_eq!(rig.due_at(after(3600)).await.len(), 2);
}

#[tokio::test]
async fn a_customer_who_calls_us_has_the_promise_kept_and_is_left_alone_for_a_while() {
    let rig = Rig::promising().await;
    rig.registers(registration(ANN), after(1)).await;
    rig.watches(after(2)).await;
    let call = |id, connected_at| crate::model::attempt::InboundEnd {
        call: crate::model::id::InboundId(id),
        queue: None,
        campaign: None,
        did: "4000".to_owned(),
        caller: Some(number(ANN)),
        offered_at: after(10),
        connected_at,
        ended_at: after(300),
        agent: None,
        outcome: crate::model::attempt::InboundOutcome::Abandoned,
    };
    rig.store.record_inbound(call(1, None)).await.unwrap();
    assert_eq!(rig.promise_of(ANN).await, ["open"], "nobody talked to them");
    rig.store.record_inbound(call(2, Some(after(20)))).await.unwrap();
    assert_eq!(rig.promise_of(ANN).await, ["kept"]);
    assert_eq!(rig.due_at(after(600)).await, []);
    assert_eq!(rig.due_at(after(20 + 4 * 3600)).await, [number(ANN)]);
    let report = rig.store.registration_counts(Some(&key("spring")), NOW, after(9)).await.unwrap();
    assert_eq!((report[0].talked_in_time, report[0].dialled), (1, 0));
}

#[tokio::test]
async fn who_opts_out_or_is_done_is_owed_nothing() {
    let mut rig = Rig::promising().await;
    for text in [ANN, BEN, "+8613800000003"] {
        rig.registers(registration(text), after(1)).await;
    }
    rig.watches(after(2)).await;
    let suppression = Suppression {
        number: number(ANN),
        scope: Scope::All,
        reason: SuppressionReason::OptOut,
        source: "test".to_owned(),
        note: String::new(),
        expires_at: None,
    };
    rig.store.suppress(suppression, "ann", after(3)).await.unwrap();
    let dial = rig.dials(BEN, after(4)).await;
    rig.ends(dial, Disposition::Declined, LeadNext::Done).await;
    let wish = Registration { preferred: Some(after(900)), ..registration("+8613800000003") };
    rig.registers(wish, after(5)).await;
    let third = rig.store.leads_of_number(&number("+8613800000003")).await.unwrap().remove(0).id;
    let cancel = CallbackChange::Cancel { why: "the customer said so".to_owned(), back_to_list: false };
    rig.store.change_callback(third, after(900), cancel, "ann", after(6)).await.unwrap();
    assert_eq!(rig.watches(after(7)).await.over, 1);
    assert_eq!(rig.promise_of(ANN).await, ["void"]);
    assert_eq!(rig.promise_of(BEN).await, ["kept"]);
    assert_eq!(rig.promise_of("+8613800000003").await, ["void", "void"]);
    assert_eq!(rig.watches(after(minutes(90))).await, Watched::default());
}

#[tokio::test]
async fn a_priority_falls_with_age_and_no_further_than_it_was() {
    let rig = Rig::promising().await;
    rig.lead_of("spring", rig.list, BEN, 70, "Asia/Shanghai").await;
    for text in [ANN, BEN] {
        rig.registers(registration(text), after(1)).await;
    }
    let hours = |count: u64| after(count * 3600);
    assert_eq!((rig.priority_of(ANN).await, rig.priority_of(BEN).await), (90, 90));
    rig.watches(after(2)).await;
    assert_eq!(rig.priority_of(ANN).await, 90);
    let watched = rig.watches(hours(3)).await;
    assert_eq!(watched.fell, 0, "what is at risk does not fall: {watched:?}");
    assert_eq!(rig.priority_of(ANN).await, 99);
    // Without a promise.
    let rules = PreRegistration { decay_hours: Some(24), priority_floor: 50, ..PreRegistration::default() };
    let definition = Campaign { pre_registration: Some(rules), ..campaign("spring") };
    rig.store.apply_campaign(definition, "text 2", "ann", "none", after(3)).await.unwrap();
    let (cem, dan) = ("+8613800000003", "+8613800000004");
    rig.lead_of("spring", rig.list, dan, 70, "Asia/Shanghai").await;
    for text in [cem, dan] {
        rig.registers(registration(text), after(4)).await;
    }
    let mut seen = vec![];
    for count in [1, 3, 12, 23, 24, 48] {
        rig.watches(hours(count)).await;
        seen.push((rig.priority_of(cem).await, rig.priority_of(dan).await));
    }
    assert_eq!(seen, [(90, 90), (85, 88), (70, 80), (55, 73), (50, 70), (50, 70)]);
    // Who asks again comes forward again, and falls from then on to where it was before the first time.
    let again = Registration { at: hours(48), ..registration(dan) };
    assert_eq!(rig.registers(again, hours(48)).await, Registered::Forward);
    assert_eq!(rig.priority_of(dan).await, 90);
    rig.watches(hours(72)).await;
    assert_eq!(rig.priority_of(dan).await, 70);
}

#[tokio::test]
async fn what_is_watched_is_read_by_an_index_however_many_registrations_there_were() {
    let rig = Rig::in_file(Options::default()).await;
    let mut conn = rig.store.reader().await.unwrap();
    for name in ["ASKED", "AT_RISK", "BREAKING", "OVER", "FALLING", "PAGE", "COUNTS", "FORGET", "CLOSE_OF_LEAD"] {
        let all = crate::store::promises::STATEMENTS.iter().chain(crate::store::promises::READING_STATEMENTS);
        let statement = all.into_iter().find(|one| one.name == name).unwrap();
        let plan = conn.explain(*statement).await.unwrap().join("\n");
        let by_index =
            plan.contains("USING INDEX pre_registrations_") || plan.contains("USING COVERING INDEX pre_registrations_");
        assert!(by_index && !plan.contains("SCAN pre_registrations\n"), "{name}:\n{plan}");
        assert!(!plan.contains("SCAN a") && !plan.contains("SCAN l"), "{name}:\n{plan}");
    }
}
