//! Results: checked, durable before they are acknowledged, each once.

use std::time::Duration;

use super::rig::*;
use crate::engine::command::{Command, RequestRefusal};
use crate::engine::event::{AgentAction, Event, RecordedOutcome};
use crate::model::agent::AgentState;
use crate::model::attempt::CallRef;
use crate::model::calling_hours::{DaySpan, MinuteOfDay, WeeklyHours};
use crate::model::campaign::Campaign;
use crate::model::disposition::Disposition;
use crate::model::id::{AttemptId, RequestId, SessionId};
use crate::model::lead::{Callback, LeadNext, SuppressionReason};
use crate::model::time::Timestamp;

fn talking(campaign: Campaign) -> (Rig, CallRef, AttemptId) {
    let mut rig = Rig::dialling(1, campaign);
    let attempt = rig.ringing()[0];
    rig.answer(attempt);
    rig.wait(10.0);
    (rig, CallRef::Outbound(attempt), attempt)
}

fn try_record(rig: &mut Rig, call: CallRef, outcome: RecordedOutcome) -> Result<(), RequestRefusal> {
    rig.act(1, AgentAction::Record { call, outcome })
}

#[test]
fn a_result_recorded_while_talking_ends_the_call_without_wrap_up() {
    let (mut rig, call, attempt) = talking(campaign());
    rig.record(1, call, "took-it").unwrap();
    assert_eq!(rig.state(1), AgentState::Talking { call }, "the talk goes on");
    rig.wait(5.0);
    rig.hang_up(attempt);
    assert_eq!(rig.state(1), AgentState::Ready);
    let end = rig.end_of(attempt).unwrap();
    assert_eq!((end.disposition, end.next), (Disposition::Accepted, None));
    let result = rig.result_of(call).unwrap();
    assert_eq!((result.talk_ms, result.wrap_up_ms, result.next), (10_000, 0, Some(LeadNext::Done)));
    assert_eq!(rig.board().today.accepted, 1);
}

#[test]
fn a_result_recorded_in_wrap_up_ends_it_when_it_is_durable() {
    let (mut rig, call, attempt) = talking(campaign());
    rig.hang_up(attempt);
    rig.manners.records = None;
    rig.wait(5.0);
    rig.record(1, call, "no").unwrap();
    assert!(matches!(rig.state(1), AgentState::WrapUp { .. }));
    rig.wait(60.0);
    assert!(matches!(rig.state(1), AgentState::WrapUp { .. }), "a result on its way is waited for");
    let request = rig.result_of(call).and_then(|result| result.request).unwrap();
    assert_eq!(rig.answer_to(request), None);
    rig.tell(Event::Recorded { request, ok: true });
    assert_eq!(rig.answer_to(request), Some(Ok(())));
    assert_eq!(rig.state(1), AgentState::Ready);
    assert_eq!(rig.count(|c| matches!(c, Command::RecordResult { .. })), 1);
}

#[test]
fn a_result_that_the_store_refuses_can_be_tried_again() {
    let (mut rig, call, attempt) = talking(campaign());
    rig.hang_up(attempt);
    rig.wait(29.0);
    rig.manners.records = Some(false);
    assert_eq!(rig.record(1, call, "took-it"), Err(RequestRefusal::StoreDown));
    rig.wait(20.0);
    assert!(matches!(rig.state(1), AgentState::WrapUp { .. }), "there is time to try again");
    rig.manners.records = Some(true);
    assert_eq!(rig.record(1, call, "took-it"), Ok(()));
    assert_eq!(rig.state(1), AgentState::Ready);
    assert_eq!(rig.board().today.accepted, 1);
}

#[test]
fn wrap_up_that_runs_out_records_that_nothing_was_said() {
    let mut patient = campaign();
    let rule = crate::model::campaign::RetryRule { after_s: 60, attempts_max: 2 };
    patient.retry.insert(Disposition::NotRecorded, rule);
    let (mut rig, call, attempt) = talking(patient);
    rig.hang_up(attempt);
    rig.wait(30.0);
    let result = rig.result_of(call).unwrap();
    assert_eq!((result.request, result.disposition), (None, Disposition::NotRecorded));
    assert_eq!(result.next, Some(LeadNext::Retry { at: rig.now.timestamp + Duration::from_secs(60) }));
    assert_eq!(result.wrap_up_ms, 30_000);
    assert_eq!(rig.record(1, call, "took-it"), Ok(()), "and can still be corrected");
    assert_eq!(rig.board().today.accepted, 1);
}

#[test]
fn a_correction_replaces_what_was_recorded() {
    let (mut rig, call, _) = talking(campaign());
    rig.record(1, call, "took-it").unwrap();
    rig.record(1, call, "no").unwrap();
    assert_eq!(rig.result_of(call).unwrap().disposition, Disposition::Declined);
    assert_eq!(rig.board().today.accepted, 0);
}

#[test]
fn what_is_said_again_while_the_store_stalls_counts_once_even_when_the_desk_has_moved_on() {
    let (mut rig, call, attempt) = talking(campaign());
    rig.hang_up(attempt);
    rig.record(1, call, "took-it").unwrap();
    assert_eq!((rig.state(1), rig.board().today.accepted), (AgentState::Ready, 1));
    // The acknowledgement got lost on its way: the desk asks again, and the store is slow.
    rig.manners.records = None;
    rig.record(1, call, "took-it").unwrap();
    let again = crate::model::id::RequestId(rig.next_id);
    rig.manners.records = Some(true);
    for _ in 0..2 {
        let attempt = rig.ringing()[0];
        rig.answer(attempt);
        rig.wait(10.0);
        rig.hang_up(attempt);
        rig.record(1, CallRef::Outbound(attempt), "no").unwrap();
    }
    rig.tell(crate::engine::event::Event::Recorded { request: again, ok: true });
    assert_eq!(rig.board().today.accepted, 1);
}

#[test]
fn results_are_checked_against_the_campaign() {
    let (mut rig, call, _) = talking(campaign());
    let refused = rig.record(1, call, "maybe");
    assert!(matches!(&refused, Err(RequestRefusal::UnknownResult { expected, .. }) if expected.contains("took-it")));
    let mut missing = outcome("took-it");
    missing.answers.clear();
    assert!(matches!(try_record(&mut rig, call, missing.clone()), Err(RequestRefusal::BadAnswer { .. })));
    missing.result = "no".into();
    assert_eq!(try_record(&mut rig, call, missing), Ok(()), "a refusal needs no answers");
    for (key, answer) in [("age", "200"), ("age", "old"), ("age", "inf"), ("height", "180")] {
        let mut bad = outcome("took-it");
        bad.answers.insert(key.into(), answer.into());
        let refused = try_record(&mut rig, call, bad);
        assert!(matches!(&refused, Err(RequestRefusal::BadAnswer { question, .. }) if question == key), "{refused:?}");
    }
    assert_eq!(rig.record(1, call, "other"), Err(RequestRefusal::NoteRequired));
    let foreign = CallRef::Outbound(AttemptId(1));
    assert_eq!(rig.record(1, foreign, "took-it"), Err(RequestRefusal::NotYourCall));
}

#[test]
fn a_result_that_means_accepted_carries_the_order_at_the_campaigns_prices() {
    use crate::model::order::{AskedOrder, Money, OfferedItem, OrderRules};
    let item = |name: &str, quantity| OfferedItem { name: name.into(), price: Money(500), quantity, quantity_max: 2 };
    let items = vec![item("card", 1), item("router", 0)];
    let rules = OrderRules { currency: "CNY".into(), address_required: true, items };
    let (mut rig, call, _) = talking(Campaign { order: Some(rules), ..campaign() });
    let with = |result: &str, items: &[(&str, u32)], address: &str| {
        let items = items.iter().map(|(name, quantity)| ((*name).to_owned(), *quantity)).collect();
        let order = Some(AskedOrder { items, address: address.into(), ..AskedOrder::default() });
        RecordedOutcome { order, ..outcome(result) }
    };
    for (outcome, field) in [
        (outcome("took-it"), "address"),
        (with("took-it", &[("card", 1)], " "), "address"),
        (with("took-it", &[("phone", 1)], "Street 1"), "items"),
        (with("no", &[("card", 1)], "Street 1"), "items"),
    ] {
        let refused = try_record(&mut rig, call, outcome);
        assert!(matches!(&refused, Err(RequestRefusal::BadOrder { field: at, .. }) if at == field), "{refused:?}");
    }
    assert_eq!(rig.count(|c| matches!(c, Command::RecordResult { .. })), 0);
    assert_eq!(try_record(&mut rig, call, with("took-it", &[("router", 2)], "Street 1")), Ok(()));
    let result = rig.result_of(call);
    let order = result.unwrap().order.unwrap();
    assert_eq!((order.items[0].quantity, order.items[0].price, order.currency.as_str()), (2, Money(500), "CNY"));
    assert_eq!(try_record(&mut rig, call, outcome("no")), Ok(()));
    let (mut rig, call, _) = talking(campaign());
    let refused = try_record(&mut rig, call, with("took-it", &[("card", 1)], "Street 1"));
    assert!(matches!(&refused, Err(RequestRefusal::BadOrder { problem, .. }) if problem.contains("nothing to order")));
}

fn daytime() -> Campaign {
    let hour = |h: u16| MinuteOfDay(h * 60);
    let mut campaign = campaign();
    campaign.hours = WeeklyHours::every_day(DaySpan { from: hour(9), to: hour(18) });
    campaign
}

#[test]
fn a_callback_needs_a_time_within_the_customers_hours() {
    let (mut rig, call, _) = talking(daytime());
    assert_eq!(rig.record(1, call, "later"), Err(RequestRefusal::CallbackRequired));
    let at = |hours: i64| Timestamp::from_millis(MORNING_MS + hours * 3_600_000);
    let promise = |hours| {
        let callback = Some(Callback { at: at(hours), agent: None });
        RecordedOutcome { callback, ..outcome("later") }
    };
    let night = try_record(&mut rig, call, promise(10)); // 20:00
    assert_eq!(night, Err(RequestRefusal::CallbackOutsideWindow { next: Some(at(23)) }));
    assert!(matches!(try_record(&mut rig, call, promise(-1)), Err(RequestRefusal::OutOfRange { .. })));
    assert_eq!(try_record(&mut rig, call, promise(24)), Ok(()));
    let next = rig.result_of(call).unwrap().next;
    assert_eq!(next, Some(LeadNext::Callback(Callback { at: at(24), agent: None })));
}

#[test]
fn do_not_call_suppresses_the_number_with_the_result() {
    let (mut rig, call, attempt) = talking(campaign());
    let number = rig.engine.attempts[&attempt].lead.number.clone();
    rig.record(1, call, "stop").unwrap();
    let result = rig.result_of(call).unwrap();
    assert_eq!((result.suppress, result.number), (Some(SuppressionReason::DoNotCall), Some(number)));
    assert_eq!(result.next, Some(LeadNext::GivenUp));
    assert_eq!(rig.state(1), AgentState::Talking { call }, "the agent ends the talk");
}

#[test]
fn a_plain_inbound_call_is_recorded_by_the_name_of_the_disposition() {
    let mut rig = Rig::bare(settings());
    rig.staff(1);
    let call = CallRef::Inbound(rig.caller());
    assert!(matches!(rig.record(1, call, "took-it"), Err(RequestRefusal::UnknownResult { .. })));
    assert_eq!(rig.record(1, call, "handled"), Ok(()));
    assert_eq!(rig.result_of(call).unwrap().next, None);
}

#[test]
fn a_result_from_an_older_tab_is_refused() {
    let (mut rig, call, _) = talking(campaign());
    let request = RequestId(rig.id());
    let action = AgentAction::Record { call, outcome: outcome("took-it") };
    rig.tell(Event::AgentActed { request, user: user(1), session: SessionId(99), action });
    assert_eq!(rig.answer_to(request), Some(Err(RequestRefusal::Replaced)));
    assert_eq!(rig.count(|c| matches!(c, Command::RecordResult { .. })), 0);
}
