//! The funnel: each stage is a set of leads, counted and listed by one query.

use super::*;
use crate::model::attempt::AttemptEnd;
use crate::model::order::{Money, NewOrder, OrderItem, OrderState};

/// Columns that the statements below leave out are given by the tables' own checks.
async fn run(rig: &Rig, statements: &[String]) {
    let mut conn = rig.beside().await;
    for text in statements {
        conn.run_made("TEST", text, vec![]).await.unwrap_or_else(|error| panic!("{error}: {text}"));
    }
}

fn phone(place: usize) -> String {
    format!("+86138000{:05}", place + 1)
}

/// A message of the outreach to a lead, in a state, with its recipient and link.
fn message(place: usize, lead: LeadId, variant: &str, state: &str) -> Vec<String> {
    let id = 1000 + place;
    let sent = if matches!(state, "sent" | "delivered") { "5000" } else { "null" };
    vec![
        format!(
            "insert into messages (id, direction, gateway, campaign, number, ours, text, parts, purpose, state,
                                   created_by, created_at, sending_at, sent_at, outreach, variant)
             values ({id}, 'out', 'main', 'spring', '{}', '1069', 'x', 2, 'direct', '{state}', 'ann', 1, null, {sent},
                     'may', '{variant}')",
            phone(place)
        ),
        format!(
            "insert into outreach_recipients (campaign, outreach, lead_id, number, variant, language, state, message_id)
             values ('spring', 'may', {}, '{}', '{variant}', 'zh', 'given', {id})",
            lead.0,
            phone(place)
        ),
        format!(
            "insert into links (id, token_hash, campaign, number, lead_id, message_id, created_at, expires_at)
             values ({id}, 'hash{place}', 'spring', '{}', {}, {id}, 1, 2)",
            phone(place),
            lead.0
        ),
    ]
}

fn visit(place: usize, kind: &str) -> String {
    format!(
        "insert into visits (id, campaign, link_id, kind, at, agent)
         values ({}, 'spring', {}, '{kind}', 7200000, 'browser')",
        place + 1,
        1000 + place
    )
}

fn registration(id: i64, place: usize, lead: LeadId, asked_at: Timestamp) -> String {
    format!(
        "insert into pre_registrations (id, campaign, number, lead_id, channel, source, asked_at, created_at, became,
                                        promise, priority_from, priority_to, counts_from, decays_until)
         values ({id}, 'spring', '{}', {}, 'web', 'page', {at}, {at}, 'new', 'none', 90, 90, {at}, {at})",
        phone(place),
        lead.0,
        at = asked_at.as_millis()
    )
}

fn reply(id: i64, place: usize, meaning: &str) -> String {
    format!(
        "insert into messages (id, direction, gateway, campaign, number, ours, text, parts, purpose, state, meaning,
                               created_by, created_at)
         values ({id}, 'in', 'main', 'spring', '{}', '1069', 'y', 1, 'reply', 'received', '{meaning}', 'them', 1)",
        phone(place)
    )
}

fn connected(attempt: AttemptId) -> AttemptEnd {
    AttemptEnd {
        answered_at: Some(after(5)),
        connected_at: Some(after(6)),
        agent: Some(UserId(7)),
        ..end(attempt, Disposition::NotRecorded, None)
    }
}

/// Ten leads that came as far as their place says, and the order of the last: a rig whose funnel is known.
async fn way() -> (Rig, Vec<LeadId>) {
    let mut rig = Rig::new().await;
    let mut leads = Vec::new();
    for place in 0..10 {
        leads.push(rig.lead(&phone(place)).await);
    }
    let mut statements = Vec::new();
    for (place, lead) in leads.iter().enumerate() {
        let state = match place {
            0 => "queued",
            1 => "sent",
            _ => "delivered",
        };
        statements.extend(message(place, *lead, if place % 2 == 0 { "a" } else { "b" }, state));
    }
    statements.push(visit(2, "preview")); // no person
    statements.extend((3..10).filter(|place| *place != 5).map(|place| visit(place, "visit")));
    statements.push(reply(1, 5, "interested"));
    statements.push(reply(2, 2, "opt_out")); // no interest
    for (place, lead) in leads.iter().enumerate().skip(4) {
        statements.push(registration(place as i64 + 1, place, *lead, NOW));
    }
    statements.push(registration(99, 9, leads[9], after(1000))); // once more
    statements.push(format!("update leads set extra = '{{\"city\":\"上海\"}}' where id >= {}", leads[5].0));
    run(&rig, &statements).await;
    for (place, lead) in leads.iter().enumerate().skip(5) {
        let intent = Intent { at: after(60 * place as u64), ..rig.intent(*lead, &phone(place)) };
        let attempt = intent.attempt;
        assert_eq!(rig.record(intent).await, IntentOutcome::Recorded);
        let ended = match place {
            5 => end(attempt, Disposition::NoAnswer, None),
            6 => AttemptEnd { answered_at: Some(after(9)), ..end(attempt, Disposition::Abandoned, None) },
            _ => connected(attempt),
        };
        rig.store.end_attempt(ended).await.unwrap();
        if place >= 8 {
            let items = vec![OrderItem { name: "card".to_owned(), quantity: 1, price: Money(10_000) }];
            let order = NewOrder {
                items,
                currency: "CNY".to_owned(),
                recipient: String::new(),
                address: String::new(),
                note: String::new(),
            };
            let said = CallResult { order: Some(order), ..result(attempt, *lead, place as i64, Disposition::Accepted) };
            rig.store.record_result(said).await.unwrap();
        }
    }
    let orders = rig.store.orders(&OrderFilter::default(), None, 9).await.unwrap();
    let to = |place: usize, state| OrderMove {
        order: orders[place].order,
        state,
        at: None,
        carrier: None,
        tracking: None,
        detail: String::new(),
    };
    use OrderState::{Delivered, Dispatched, Refused};
    let moves = vec![to(0, Dispatched), to(0, Delivered), to(1, Dispatched), to(1, Refused)];
    assert!(rig.store.set_orders(moves, "ann", "page", after(200)).await.unwrap().iter().all(|m| *m == Moved::Changed));
    (rig, leads)
}

const WAY: [u64; 10] = [10, 9, 8, 7, 6, 5, 4, 3, 2, 1];

#[tokio::test]
async fn each_stage_is_the_set_that_a_click_lists_and_those_that_are_contained_are() {
    let (rig, leads) = way().await;
    let spring = key("spring");
    let counts = rig.store.funnel(&spring, &FunnelBy::Nothing).await.unwrap();
    assert_eq!((counts.total, counts.parts.len()), (WAY, 0));
    let mut before: Option<Vec<LeadId>> = None;
    for (stage, count) in FunnelStage::ALL.into_iter().zip(WAY) {
        let mut listed = Vec::new();
        loop {
            let after = listed.last().copied();
            let page = rig.store.funnel_leads(&spring, stage, &FunnelBy::Nothing, None, after, 4).await.unwrap();
            listed.extend(page.iter().map(|lead| lead.lead));
            if page.len() < 4 {
                break;
            }
        }
        assert_eq!(listed, leads[leads.len() - count as usize..], "{stage:?}");
        if let Some(before) = before.filter(|_| stage.is_within_previous()) {
            assert!(listed.iter().all(|lead| before.contains(lead)), "{stage:?}");
        }
        before = Some(listed);
    }
    assert_eq!(rig.store.funnel(&key("autumn"), &FunnelBy::Nothing).await.unwrap().total, [0; 10]);
}

#[tokio::test]
async fn parts_add_up_to_the_whole_and_list_their_own_leads() {
    let (rig, leads) = way().await;
    let spring = key("spring");
    let whole = rig.store.funnel(&spring, &FunnelBy::Nothing).await.unwrap();
    let city = FunnelBy::Column("city".to_owned());
    for by in [
        FunnelBy::Variant,
        FunnelBy::Language,
        FunnelBy::Channel,
        FunnelBy::ReplyHour,
        FunnelBy::Agent,
        FunnelBy::List,
        city.clone(),
        FunnelBy::Column("no such".to_owned()),
    ] {
        let counts = rig.store.funnel(&spring, &by).await.unwrap();
        for (place, stage) in FunnelStage::ALL.into_iter().enumerate() {
            let sum: u64 = counts.parts.iter().map(|part| part.leads[place]).sum();
            assert_eq!((sum, counts.total[place]), (whole.total[place], whole.total[place]), "{by:?} {stage:?}");
            for part in &counts.parts {
                let keys = [part.key.clone()];
                let listed = rig.store.funnel_leads(&spring, stage, &by, Some(&keys), None, 99).await.unwrap();
                assert_eq!(listed.len() as u64, part.leads[place], "{by:?} {stage:?} {}", part.key);
            }
        }
    }
    let parts = |counts: FunnelCounts| -> Vec<(String, u64)> {
        counts.parts.into_iter().map(|part| (part.key, part.leads[0])).collect()
    };
    let of = async |by: &FunnelBy| parts(rig.store.funnel(&spring, by).await.unwrap());
    assert_eq!(of(&FunnelBy::Variant).await, [("may/a".to_owned(), 5), ("may/b".to_owned(), 5)]);
    assert_eq!(of(&city).await, [(String::new(), 5), ("上海".to_owned(), 5)]);
    assert_eq!(of(&FunnelBy::Channel).await, [(String::new(), 4), ("web".to_owned(), 6)]);
    let hour = (NOW.as_millis() / 3_600_000).to_string();
    assert_eq!(of(&FunnelBy::ReplyHour).await, [(String::new(), 3), ("2".to_owned(), 1), (hour, 6)]);
    assert_eq!(of(&FunnelBy::Agent).await, [(String::new(), 7), ("7".to_owned(), 3)]);
    assert_eq!(leads.len(), 10);
}

#[tokio::test]
async fn costs_speed_and_lost_orders_are_those_of_the_rows() {
    let (rig, _) = way().await;
    let counts = rig.store.funnel(&key("spring"), &FunnelBy::Nothing).await.unwrap();
    assert_eq!((counts.lost, counts.delivered_orders, counts.delivered_value), (1, 1, Money(10_000)));
    // Nine messages of two SMS left; three customers talked for 24 s.
    let used = (counts.used.sms, counts.used.dials, counts.used.talk_ms, counts.used.deliveries);
    assert_eq!(used, (18, 5, 3 * 24_000, 2));
    let speed: Vec<_> = counts.speed.iter().map(|one| (one.within_minutes, one.leads, one.accepted)).collect();
    assert_eq!(speed, [(Some(5), 1, 0), (Some(15), 4, 2), (None, 1, 0)]);
}
