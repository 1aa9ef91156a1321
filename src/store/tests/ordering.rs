//! Orders: opened by results, corrected with them, moved on by people and by files, erased.

use super::*;
use crate::model::order::{Money, NewOrder, OrderItem, OrderNumber, OrderState};

const ANN: &str = "+8613800000001";
const BEN: &str = "+8613800000002";

fn card(quantity: u32) -> NewOrder {
    NewOrder {
        items: vec![OrderItem { name: "card".to_owned(), quantity, price: Money(19_900) }],
        currency: "CNY".to_owned(),
        recipient: "王芳".to_owned(),
        address: "北京市 1 号".to_owned(),
        note: String::new(),
    }
}

fn accepted(attempt: AttemptId, lead: LeadId, request: i64, order: NewOrder) -> CallResult {
    CallResult {
        number: Some(number(ANN)),
        order: Some(order),
        ..result(attempt, lead, request, Disposition::Accepted)
    }
}

fn to(order: OrderNumber, state: OrderState) -> OrderMove {
    OrderMove { order, state, at: None, carrier: None, tracking: None, detail: String::new() }
}

impl Rig {
    /// A customer who accepted; the order.
    async fn ordered(&mut self, text: &str, request: i64) -> (LeadId, AttemptId, OrderNumber) {
        let (lead, attempt) = self.dialling(text).await;
        let said = CallResult { number: Some(number(text)), ..accepted(attempt, lead, request, card(1)) };
        self.store.record_result(said).await.unwrap();
        let newest = self.all().await.remove(0);
        assert_eq!((newest.lead, newest.state), (Some(lead), OrderState::Confirmed));
        (lead, attempt, newest.order)
    }

    async fn all(&self) -> Vec<OrderRow> {
        self.store.orders(&OrderFilter::default(), None, 100).await.unwrap()
    }

    async fn move_to(&self, order: OrderNumber, states: &[OrderState]) -> Vec<Moved> {
        let moves = states.iter().map(|state| to(order, *state)).collect();
        self.store.set_orders(moves, "ann", "page", after(100)).await.unwrap()
    }

    async fn states(&self, order: OrderNumber) -> Vec<(OrderState, String)> {
        let (_, history) = self.store.order(order).await.unwrap().unwrap();
        history.into_iter().map(|change| (change.state, change.source)).collect()
    }

    async fn file(&self, text: &str, mode: ImportMode) -> Result<OrderFileOutcome, ImportError> {
        let path = self.directory.path().join("parcels.csv");
        std::fs::write(&path, text).unwrap();
        let plan = OrderFilePlan {
            path,
            name: "parcels.csv".to_owned(),
            format: FileFormat::default(),
            zone: crate::model::zone::Zone::named("Asia/Shanghai").unwrap(),
            mode,
            by: "ann".to_owned(),
            at: after(86_400),
        };
        self.store.import_orders(plan).await
    }
}

#[tokio::test]
async fn a_result_that_is_sent_twice_opens_one_order_and_one_that_a_crash_follows_keeps_it() {
    let mut rig = Rig::new().await;
    let (lead, attempt) = rig.dialling(ANN).await;
    let said = accepted(attempt, lead, 1, card(2));
    assert!(!rig.store.record_result(said.clone()).await.unwrap().repeated);
    assert!(rig.store.record_result(said.clone()).await.unwrap().repeated);
    let again = CallResult { request: Some(RequestId(2)), ..said };
    assert!(rig.store.record_result(again).await.unwrap().repeated);
    let rig = rig.crash().await;
    let orders = rig.all().await;
    assert_eq!(orders.len(), 1);
    let order = &orders[0];
    assert_eq!((order.value, order.currency.as_str(), order.address.as_str()), (Money(39_800), "CNY", "北京市 1 号"));
    assert_eq!((order.number.clone(), order.campaign.clone()), (Some(number(ANN)), key("spring")));
    assert_eq!(order.order, OrderNumber::following(None));
    assert_eq!(rig.states(order.order).await, [(OrderState::Confirmed, "result".to_owned())]);
}

#[tokio::test]
async fn a_corrected_result_corrects_calls_off_and_confirms_its_order_again_until_it_has_left() {
    let mut rig = Rig::new().await;
    let (lead, attempt, order) = rig.ordered(ANN, 1).await;
    // Only the order differs: still a correction.
    let more = CallResult { at: after(70), ..accepted(attempt, lead, 2, card(3)) };
    assert!(!rig.store.record_result(more.clone()).await.unwrap().repeated);
    assert_eq!(rig.all().await[0].value, Money(59_700));
    let declined = |request| CallResult { at: after(80), ..result(attempt, lead, request, Disposition::Declined) };
    rig.store.record_result(declined(3)).await.unwrap();
    assert_eq!(rig.all().await[0].state, OrderState::Cancelled);
    assert_eq!(
        rig.move_to(order, &[OrderState::Dispatched]).await,
        [Moved::CannotFollow { state: OrderState::Cancelled }]
    );
    rig.store.record_result(CallResult { request: Some(RequestId(4)), at: after(90), ..more }).await.unwrap();
    assert_eq!(rig.all().await[0].state, OrderState::Confirmed);
    // It can be called off again, and has left after that no more.
    assert_eq!(rig.move_to(order, &[OrderState::Dispatched]).await, [Moved::Changed]);
    rig.store.record_result(declined(5)).await.unwrap();
    let left = rig.all().await.remove(0);
    assert_eq!((left.state, left.attention), (OrderState::Dispatched, Some(Attention::ResultCorrected)));
    let flagged = OrderFilter { attention: true, ..OrderFilter::default() };
    assert_eq!(rig.store.orders(&flagged, None, 9).await.unwrap().len(), 1);
    let seen = OrderAmended { seen: true, ..OrderAmended::default() };
    assert_eq!(rig.store.amend_order(order, seen, "ann", "page", after(110)).await.unwrap().attention, None);
    let late = OrderAmended { address: Some("elsewhere".to_owned()), ..OrderAmended::default() };
    let error = rig.store.amend_order(order, late, "ann", "page", after(111)).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unfit { .. }), "{error}");
    assert_eq!(rig.all().await.len(), 1);
}

#[tokio::test]
async fn states_follow_each_other_and_whatever_cannot_follow_says_why() {
    let mut rig = Rig::new().await;
    let (_, _, order) = rig.ordered(ANN, 1).await;
    use OrderState::{Cancelled, Confirmed, Delivered, Dispatched, Refused, Returned};
    let done = rig
        .move_to(order, &[Delivered, Dispatched, Dispatched, Cancelled, Refused, Dispatched, Delivered, Returned])
        .await;
    assert_eq!(
        done,
        [
            Moved::CannotFollow { state: Confirmed },
            Moved::Changed,
            Moved::AlreadySo { state: Dispatched },
            Moved::CannotFollow { state: Dispatched },
            Moved::Changed,
            Moved::AlreadySo { state: Refused },
            Moved::CannotFollow { state: Refused },
            Moved::Changed,
        ]
    );
    let wrong = to(OrderNumber::following(Some(order)), Delivered);
    assert_eq!(rig.store.set_orders(vec![wrong], "ann", "page", after(9)).await.unwrap(), [Moved::Unknown]);
    let (_, _, second) = rig.ordered(BEN, 2).await;
    let at = |at| OrderMove { at: Some(at), ..to(second, Dispatched) };
    let moves = vec![at(after(90_000)), at(NOW - std::time::Duration::from_secs(90_000))];
    let done = rig.store.set_orders(moves, "ann", "page", after(100)).await.unwrap();
    assert_eq!(done, [Moved::InFuture, Moved::BeforeOpened { at: after(60) }]);
    assert!(done[1].problem(Dispatched).unwrap().contains("before the order was opened"));
    let counts = rig.store.count_orders(Some(&key("spring"))).await.unwrap();
    let counts: Vec<_> = counts.iter().map(|count| (count.state, count.orders, count.value)).collect();
    assert_eq!(counts, [(Confirmed, 1, Money(19_900)), (Returned, 1, Money(19_900))]);
}

#[tokio::test]
async fn orders_are_found_by_each_filter_page_by_page() {
    let mut rig = Rig::new().await;
    let (_, _, first) = rig.ordered(ANN, 1).await;
    let (_, _, second) = rig.ordered(BEN, 2).await;
    rig.move_to(first, &[OrderState::Dispatched]).await;
    let found = async |filter: OrderFilter| -> Vec<OrderNumber> {
        rig.store.orders(&filter, None, 9).await.unwrap().iter().map(|row| row.order).collect()
    };
    let none = OrderFilter::default;
    assert_eq!(found(none()).await, [second, first]);
    assert_eq!(found(OrderFilter { state: Some(OrderState::Dispatched), ..none() }).await, [first]);
    assert_eq!(found(OrderFilter { number: Some(number(BEN)), ..none() }).await, [second]);
    assert_eq!(
        found(OrderFilter { campaign: Some(key("spring")), from: Some(after(60)), ..none() }).await,
        [second, first]
    );
    assert_eq!(found(OrderFilter { before: Some(after(60)), ..none() }).await, []);
    assert_eq!(found(OrderFilter { agent: Some("nobody".to_owned()), ..none() }).await, []);
    let page = rig.store.orders(&none(), Some(second), 1).await.unwrap();
    assert_eq!(page[0].order, first);
}

#[tokio::test]
async fn a_delivery_file_is_applied_once_row_by_row_and_complains_with_the_line() {
    let mut rig = Rig::new().await;
    let (_, _, order) = rig.ordered(ANN, 1).await;
    let wrong = order.0 + 1;
    let text = format!(
        "订单号,状态,时间,快递公司,运单号\n{order},已发货,2026-11-22 18:00,顺丰,SF1\n{order},已签收,2026/11/22 20:00,,\n\
         {wrong},已签收,,,\n{order},lost,,,\n{order},拒收,,,\n{order},退回,yesterday,,\n"
    );
    let expected = |changed, already| OrderFileOutcome { rows: 6, changed, already, complained: 4, complaints: vec![] };
    for (mode, changed, already) in
        [(ImportMode::DryRun, 2, 0), (ImportMode::Run, 2, 0), (ImportMode::Run, 0, 2), (ImportMode::DryRun, 0, 2)]
    {
        let mut outcome = rig.file(&text, mode).await.unwrap();
        let complaints = std::mem::take(&mut outcome.complaints);
        assert_eq!(outcome, expected(changed, already), "{mode:?}");
        let lines: Vec<_> = complaints.iter().map(|complaint| complaint.line).collect();
        assert_eq!(lines, [4, 5, 6, 7], "{complaints:?}");
        for (complaint, part) in complaints.iter().zip(["check digit", "no state", "expected returned", "not a date"]) {
            assert!(complaint.problem.contains(part), "{complaint:?}");
        }
    }
    let (row, history) = rig.store.order(order).await.unwrap().unwrap();
    assert_eq!((row.carrier.as_str(), row.tracking.as_str(), row.state), ("顺丰", "SF1", OrderState::Delivered));
    assert!(row.state_at.to_string().starts_with("2026-11-22T12:00:00"), "{}", row.state_at);
    assert_eq!((history.len(), history[2].source.as_str()), (3, "parcels.csv"));
    let error = rig.file("phone,state\n1,2\n", ImportMode::Run).await.unwrap_err();
    assert!(error.to_string().contains("订单号"), "{error}");
}

#[tokio::test]
async fn what_is_erased_tells_nobody_who_the_customer_was_and_still_counts() {
    let mut rig = Rig::new().await;
    let (lead, attempt, first) = rig.ordered(ANN, 1).await;
    let (_, _, second) = rig.ordered(BEN, 2).await;
    rig.move_to(second, &[OrderState::Dispatched, OrderState::Delivered]).await;
    assert_eq!(rig.store.erase_orders_of(&number(ANN), "ann", "asked", after(200)).await, Ok(1));
    assert_eq!(rig.store.forget_orders(after(61), after(300)).await, Ok(1));
    for order in [first, second] {
        let (row, history) = rig.store.order(order).await.unwrap().unwrap();
        assert_eq!((row.number, row.recipient.as_str(), row.address.as_str()), (None, "", ""));
        assert!(row.erased_at.is_some() && history.iter().all(|change| change.detail.is_empty()));
        assert_eq!(row.value, Money(19_900));
    }
    assert_eq!(rig.store.erase_orders_of(&number(ANN), "ann", "asked", after(400)).await, Ok(0));
    // A correction that comes later does not bring it back.
    let late = CallResult { at: after(500), ..accepted(attempt, lead, 3, card(2)) };
    rig.store.record_result(late).await.unwrap();
    let erased = rig.store.order(first).await.unwrap().unwrap().0;
    assert_eq!((erased.address.as_str(), erased.attention), ("", Some(Attention::ResultCorrected)));
    let copied = rig.directory.path().join("copy.db");
    back_up(&rig.place, &copied, &mut |_| {}).await.unwrap();
    let copy = Store::open(&copied, Options::default()).await.unwrap();
    assert_eq!(copy.orders(&OrderFilter::default(), None, 9).await.unwrap(), rig.all().await);
}
