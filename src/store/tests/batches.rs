//! Many writes in one go: as if each had come alone.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::attempt::{InboundEnd, InboundOutcome, Refusal};
use crate::model::id::InboundId;
use crate::model::lead::Callback;

const LEADS: i64 = 4;

fn phone(n: i64) -> String {
    format!("+86138000000{n:02}")
}

fn intent_write(intent: Intent) -> Write {
    Write::Intent(Box::new(intent), Arc::new(|_| Ok(())))
}

/// A write about one of the attempts 1 to [`LEADS`], or one that was never begun.
fn write((kind, which, how): (u8, i64, u8)) -> Write {
    let attempt = AttemptId(which);
    let next = match how % 4 {
        0 => None,
        1 => Some(LeadNext::Retry { at: after(u64::from(how)) }),
        2 => Some(LeadNext::Callback(Callback { at: after(7200), agent: Some("ann".to_owned()) })),
        _ => Some(LeadNext::GivenUp),
    };
    match kind % 3 {
        0 => Write::End(Box::new(end(attempt, Disposition::NoAnswer, next))),
        1 => {
            let disposition = if how & 16 > 0 { Disposition::Accepted } else { Disposition::Declined };
            let said = result(attempt, LeadId(0), i64::from(how % 8), disposition);
            // The lead is filled in where the leads' ids are known.
            Write::Result(Box::new(CallResult { next, ..said }))
        }
        _ => Write::Inbound(Box::new(InboundEnd {
            call: InboundId(which),
            queue: Some("service".parse().unwrap()),
            campaign: None,
            did: "100".to_owned(),
            caller: None,
            offered_at: NOW,
            connected_at: None,
            ended_at: after(u64::from(how)),
            agent: None,
            outcome: InboundOutcome::Abandoned,
        })),
    }
}

/// Everything the writes could have changed.
async fn picture(rig: &Rig) -> Vec<String> {
    let mut conn = rig.store.reader().await.unwrap();
    let mut lines = Vec::new();
    for statement in PICTURE {
        for row in conn.rows(*statement, vec![]).await.unwrap() {
            lines.push(row.text("line").unwrap());
        }
    }
    lines
}

super::super::db::statements! {
    PICTURE_LEADS = "
        select number || ' ' || state || ' ' || coalesce(cast(due_at as text), '-') || ' '
            || coalesce(callback_agent, '-') || ' ' || cast(rank as text) || ' ' || coalesce(closed_by, '-') || ' '
            || cast(changed_at as text) as line
        from leads order by number";
    PICTURE_ATTEMPTS = "
        select cast(id as text) || ' ' || state || ' ' || coalesce(disposition, '-') || ' '
            || coalesce(network_disposition, '-') || ' ' || coalesce(result, '-') || ' '
            || coalesce(cast(agent_id as text), '-') || ' ' || coalesce(cast(ended_at as text), '-') as line
        from attempts order by id";
    PICTURE_RESULTS = "
        select cast(call_id as text) || ' ' || cast(revision as text) || ' ' || coalesce(cast(request_id as text), '-')
            || ' ' || disposition || ' ' || cast(at as text) as line
        from results order by call_id, revision";
    PICTURE_INBOUND = "
        select cast(id as text) || ' ' || cast(ended_at as text) || ' ' || outcome as line
        from inbound_calls order by id";
    PICTURE_TOLD = "
        select v.type || ' ' || cast(v.at as text) || ' ' || d.state as line
        from webhook_events v join webhook_deliveries d on d.event_id = v.id order by v.type, v.at";
}
const PICTURE: &[super::super::db::Statement] = STATEMENTS;

/// Four leads that are being dialled with somebody who is told what becomes of them, and the same writes with their leads' ids.
async fn dialled(writes: &[Write]) -> (Rig, Vec<Write>) {
    let mut rig = Rig::new().await;
    let mut leads = Vec::new();
    for n in 1..=LEADS {
        leads.push(rig.dialling(&phone(n)).await.0);
    }
    let new = NewWebhook {
        name: "crm".to_owned(),
        url: "https://crm.example/".to_owned(),
        events: Wants::All,
        campaign: None,
    };
    rig.store.add_webhook(new, "ann", NOW).await.unwrap();
    let mut writes = writes.to_vec();
    for write in &mut writes {
        if let Write::Result(result) = write
            && let CallRef::Outbound(AttemptId(n)) = result.call
        {
            result.lead = usize::try_from(n - 1).ok().and_then(|place| leads.get(place)).copied();
        }
    }
    (rig, writes)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn a_batch_leaves_what_its_writes_would_have_left_one_by_one(
        steps in prop::collection::vec((any::<u8>(), 1..=LEADS + 1, any::<u8>()), 1..14)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let writes: Vec<Write> = steps.iter().copied().map(write).collect();
            let (together, batch) = dialled(&writes).await;
            let receipts = together.store.record(batch).await;
            let (alone, singles) = dialled(&writes).await;
            for (single, receipt) in singles.into_iter().zip(receipts) {
                let own = alone.store.record(vec![single]).await.pop().unwrap();
                assert_eq!(own, receipt);
            }
            assert_eq!(picture(&together).await, picture(&alone).await);
        });
    }
}

#[tokio::test]
async fn what_ends_in_a_batch_frees_its_number_for_an_intent_of_the_same_batch() {
    let mut rig = Rig::new().await;
    let (lead, attempt) = rig.dialling(&phone(1)).await;
    let again = rig.intent(lead, &phone(1));
    let next = Some(LeadNext::Retry { at: NOW });
    let batch = vec![intent_write(again), Write::End(Box::new(end(attempt, Disposition::Busy, next)))];
    let receipts = rig.store.record(batch).await;
    assert_eq!(receipts[0], Ok(Receipt::Intent(IntentOutcome::Recorded)));
    assert_eq!(receipts[1], Ok(Receipt::End { fresh: true }));
}

#[tokio::test]
async fn of_two_intents_to_one_number_in_a_batch_one_is_recorded() {
    let mut rig = Rig::new().await;
    let summer = rig.campaign("summer").await;
    let one = rig.lead(&phone(1)).await;
    let other = rig.lead_of("summer", summer, &phone(1), 0, "Asia/Shanghai").await;
    let first = rig.intent(one, &phone(1));
    let second = Intent { campaign: key("summer"), ..rig.intent(other, &phone(1)) };
    let receipts = rig.store.record(vec![intent_write(first), intent_write(second)]).await;
    assert_eq!(receipts[0], Ok(Receipt::Intent(IntentOutcome::Recorded)));
    assert_eq!(receipts[1], Ok(Receipt::Intent(IntentOutcome::Refused(Refusal::NumberBusy))));
    assert_eq!(rig.store.lead(other).await.unwrap().unwrap().state, crate::model::lead::LeadState::Open);
}

#[tokio::test]
async fn one_write_that_the_database_refuses_fails_alone() {
    let mut rig = Rig::new().await;
    let (lead, attempt) = rig.dialling(&phone(1)).await;
    let (other, second) = rig.dialling(&phone(2)).await;
    // Stands for whatever a database may refuse: the statement of the whole batch fails.
    let refuses = match rig.place {
        DatabasePlace::File(_) => {
            "create trigger refuses before insert on results when new.request_id = 1
             begin select raise(abort, 'no'); end"
        }
        DatabasePlace::Server(_) => "alter table results add check (request_id <> 1)",
    };
    rig.beside().await.control(refuses).await.unwrap();
    let bad = result(attempt, lead, 1, Disposition::Accepted);
    let good = result(second, other, 2, Disposition::Declined);
    let unknown = result(AttemptId(77), lead, 3, Disposition::Declined);
    let batch = vec![Write::Result(Box::new(bad)), Write::Result(Box::new(good)), Write::Result(Box::new(unknown))];
    let receipts = rig.store.record(batch).await;
    assert!(matches!(receipts[0], Err(StoreError::Statement { .. })), "{receipts:?}");
    assert!(receipts[1].is_ok(), "{receipts:?}");
    assert!(matches!(receipts[2], Err(StoreError::NotFound { .. })), "{receipts:?}");
}
