//! Which leads are fetched, and in which order, by a campaign's selection and over its changes.

use super::*;
use crate::model::lead::{Callback, LeadState};
use crate::model::selection::{Again, Condition, LeadOrder, Share};

/// Applies a campaign with this selection.
async fn select(rig: &Rig, selection: &Selection) {
    apply(&rig.store, selection).await;
}

async fn apply(store: &Store, selection: &Selection) {
    let campaign = Campaign { leads: selection.clone(), ..campaign("spring") };
    let text = format!("{selection:?}");
    store.apply_campaign(campaign, &text, "boss", "test", NOW).await.unwrap();
}

async fn fetched(rig: &Rig, selection: &Selection) -> Vec<String> {
    let leads = rig.store.fetch_leads(&key("spring"), selection, after(7200), 100, &HashSet::new(), &|_| true).await;
    leads.unwrap().into_iter().map(|lead| lead.number.as_str()[9..].to_owned()).collect()
}

/// A lead whose number ends in `ending`.
async fn lead(rig: &Rig, list: ListId, ending: u32, city: &str, score: Option<i64>, replied: u64) -> LeadId {
    let lead = NewLead {
        number: number(&format!("+86138000{ending:05}")),
        name: String::new(),
        zones: vec!["Asia/Shanghai".to_owned()],
        zone_source: ZoneSource::Number,
        priority: 50,
        score,
        replied_at: Some(after(replied)),
        extra: BTreeMap::from([("city".to_owned(), city.to_owned())]),
    };
    rig.store.add_lead(&key("spring"), list, lead, NOW).await.unwrap().unwrap()
}

async fn sorted(rig: &Rig) -> Vec<(u64, u64)> {
    let mut told = Vec::new();
    assert!(!rig.store.leads_are_placed(&key("spring")).await.unwrap());
    assert!(rig.store.place_leads(&key("spring"), &mut |done, of| told.push((done, of))).await.unwrap());
    assert!(rig.store.leads_are_placed(&key("spring")).await.unwrap());
    told
}

fn ends(of: &[&str]) -> Vec<String> {
    of.iter().map(|ending| (*ending).to_owned()).collect()
}

fn city(is: &str) -> Condition {
    Condition { column: "city".to_owned(), is: vec![is.to_owned()], not: vec![], at_least: None, at_most: None }
}

#[tokio::test]
async fn an_order_holds_for_leads_that_come_later_and_a_new_one_for_those_that_are_there() {
    let rig = Rig::new().await;
    let ordered = |order| Selection { order, ..Selection::default() };
    let list = rig.list;
    lead(&rig, list, 1, "a", Some(5), 10).await;
    lead(&rig, list, 2, "a", None, 30).await;
    let usual = Selection::default();
    assert_eq!(fetched(&rig, &usual).await, ends(&["00001", "00002"]));
    select(&rig, &ordered(LeadOrder::Newest)).await;
    lead(&rig, list, 3, "a", Some(9), 20).await;
    assert_eq!(sorted(&rig).await, [(3, 3)]);
    assert_eq!(fetched(&rig, &ordered(LeadOrder::Newest)).await, ends(&["00002", "00003", "00001"]));
    select(&rig, &ordered(LeadOrder::Score)).await;
    sorted(&rig).await;
    lead(&rig, list, 4, "a", Some(7), 0).await;
    assert_eq!(fetched(&rig, &ordered(LeadOrder::Score)).await, ends(&["00003", "00004", "00001", "00002"]));
    select(&rig, &usual).await;
    sorted(&rig).await;
    assert_eq!(fetched(&rig, &usual).await, ends(&["00001", "00002", "00003", "00004"]));
}

#[tokio::test]
async fn whoever_was_dialled_before_comes_last_or_first() {
    let mut rig = Rig::new().await;
    let again = lead(&rig, rig.list, 1, "a", None, 0).await;
    lead(&rig, rig.list, 2, "a", None, 0).await;
    let intent = rig.intent(again, "+8613800000001");
    let attempt = intent.attempt;
    assert_eq!(rig.record(intent).await, IntentOutcome::Recorded);
    let next = Some(LeadNext::Retry { at: after(60) });
    rig.store.end_attempt(end(attempt, Disposition::NoAnswer, next)).await.unwrap();
    assert_eq!(rig.store.lead(again).await.unwrap().unwrap().state, LeadState::Open);
    let first = Selection { again: Again::First, ..Selection::default() };
    assert_eq!(fetched(&rig, &Selection::default()).await, ends(&["00002", "00001"]));
    assert_eq!(fetched(&rig, &first).await, ends(&["00001", "00002"]));
}

#[tokio::test]
async fn who_is_left_out_is_not_fetched_at_once_and_stays_so_through_calls_until_the_selection_changes() {
    let mut rig = Rig::new().await;
    let list = rig.list;
    let there = lead(&rig, list, 1, "上海", None, 0).await;
    let other = lead(&rig, list, 2, "北京", None, 0).await;
    let only = Selection { only: vec![city("上海")], ..Selection::default() };
    // Not placed yet, and left out all the same.
    assert_eq!(fetched(&rig, &only).await, ends(&["00001"]));
    select(&rig, &only).await;
    sorted(&rig).await;
    lead(&rig, list, 3, "北京", None, 0).await;
    assert_eq!(fetched(&rig, &Selection::default()).await, ends(&["00001"]), "the index leaves them out as well");
    let counts = rig.store.lead_counts(&key("spring")).await.unwrap();
    assert_eq!((counts.open, counts.left_out, counts.total()), (1, 2, 3));
    assert_eq!(rig.store.next_due(&key("spring"), &|_| true).await.unwrap(), Some(Timestamp::from_millis(0)));
    // A callback agreed with somebody who is left out is kept; then the lead is left out again.
    let intent = rig.intent(other, "+8613800000002");
    let attempt = intent.attempt;
    assert_eq!(rig.record(intent).await, IntentOutcome::Recorded);
    let promised = LeadNext::Callback(Callback { at: after(600), agent: None });
    rig.store.end_attempt(end(attempt, Disposition::Callback, Some(promised))).await.unwrap();
    assert_eq!(fetched(&rig, &only).await, ends(&["00002", "00001"]));
    let intent = Intent { at: after(600), ..rig.intent(other, "+8613800000002") };
    let attempt = intent.attempt;
    assert_eq!(rig.record(intent).await, IntentOutcome::Recorded);
    let later = Some(LeadNext::Retry { at: after(900) });
    rig.store.end_attempt(end(attempt, Disposition::NoAnswer, later)).await.unwrap();
    assert_eq!(fetched(&rig, &only).await, ends(&["00001"]));
    assert_eq!(rig.store.lead_counts(&key("spring")).await.unwrap().left_out, 2);
    // One that is being dialled while the selection changes is placed with the others.
    let intent = rig.intent(there, "+8613800000001");
    let attempt = intent.attempt;
    assert_eq!(rig.record(intent).await, IntentOutcome::Recorded);
    let only = Selection { only: vec![city("北京")], ..Selection::default() };
    select(&rig, &only).await;
    sorted(&rig).await;
    let later = Some(LeadNext::Retry { at: after(60) });
    rig.store.end_attempt(end(attempt, Disposition::NoAnswer, later)).await.unwrap();
    assert_eq!(fetched(&rig, &Selection::default()).await, ends(&["00003", "00002"]));
    let counts = rig.store.lead_counts(&key("spring")).await.unwrap();
    assert_eq!((counts.open, counts.left_out), (2, 1));
}

#[tokio::test]
async fn lists_of_a_mix_are_fetched_in_their_shares() {
    let rig = Rig::new().await;
    let web = rig.store.create_list(&key("spring"), "web", "boss", NOW).await.unwrap();
    let mixed = Selection { mix: vec![Share { list: "web".to_owned(), share: 3 }], ..Selection::default() };
    for ending in 0..20 {
        lead(&rig, if ending < 10 { rig.list } else { web }, ending, "a", None, 0).await;
    }
    select(&rig, &mixed).await;
    sorted(&rig).await;
    let order = fetched(&rig, &mixed).await;
    let of_web = |order: &[String]| order.iter().filter(|ending| ending.as_str() >= "00010").count();
    assert_eq!((of_web(&order[..4]), of_web(&order[..8]), of_web(&order[..12])), (3, 6, 9));
    assert_eq!(order.len(), 20);
}

#[tokio::test]
async fn a_selection_that_changes_while_leads_are_placed_is_placed_by_the_next_time() {
    let rig = Rig::new().await;
    lead(&rig, rig.list, 1, "a", Some(1), 0).await;
    select(&rig, &Selection { order: LeadOrder::Score, ..Selection::default() }).await;
    let newest = Selection { order: LeadOrder::Newest, ..Selection::default() };
    // A command beside the service applies the other one when the first leads are in their places.
    let command = async || {
        let beside = Options { opener: Opener::Command, ..Options::default() };
        apply(&Store::open(&rig.place, beside).await.unwrap(), &newest).await;
    };
    let mut told = |_, _| {
        std::thread::scope(|scope| {
            scope.spawn(|| tokio::runtime::Runtime::new().unwrap().block_on(command())).join().unwrap();
        });
    };
    assert!(!rig.store.place_leads(&key("spring"), &mut told).await.unwrap());
    sorted(&rig).await;
    assert_eq!(fetched(&rig, &newest).await, ends(&["00001"]));
}

#[tokio::test]
async fn leads_that_came_in_under_a_selection_that_was_given_up_again_are_placed_by_the_one_before() {
    let rig = Rig::new().await;
    lead(&rig, rig.list, 1, "上海", None, 0).await;
    let only = |town: &str| Selection { only: vec![city(town)], ..Selection::default() };
    select(&rig, &only("上海")).await;
    sorted(&rig).await;
    select(&rig, &only("北京")).await;
    lead(&rig, rig.list, 2, "上海", None, 0).await;
    select(&rig, &only("上海")).await;
    sorted(&rig).await;
    assert_eq!(fetched(&rig, &only("上海")).await, ends(&["00001", "00002"]));
    // Back to the usual one as well.
    select(&rig, &only("北京")).await;
    select(&rig, &Selection::default()).await;
    sorted(&rig).await;
    assert_eq!(fetched(&rig, &Selection::default()).await, ends(&["00001", "00002"]));
}
