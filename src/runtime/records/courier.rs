//! The dialer's writes on their way to the store, gathered while an earlier batch is written.
//!
//! The first after a quiet moment leaves at once; under load they leave together every [`GATHER`], because a commit and
//! its statements cost more than a call. Nobody feels it: an INVITE leaves a blink of an eye later, of the ten seconds
//! that the customer's phone rings, and an agent's result is acknowledged as much later. Read [`Courier`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use super::{BY_DIALER, RETRY_AFTER, tell};
use crate::engine::event::Event;
use crate::model::attempt::AttemptEnd;
use crate::model::disposition::Disposition;
use crate::model::id::InboundId;
use crate::model::lead::SuppressionReason;
use crate::model::time::Timestamp;
use crate::store::{IntentOutcome, Receipt, Scope, Store, StoreError, Suppression, Write};

/// Time between two batches under load.
const GATHER: Duration = Duration::from_millis(50);
/// Most writes in one batch: bounds how long its transaction is.
const BATCH_MAX: usize = 512;

/// What waits to be written. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Courier {
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Default)]
struct Waiting {
    writes: Vec<Write>,
    /// A task writes, or is about to.
    busy: bool,
}

impl Courier {
    /// Takes a write. `true`: the caller must start [`Courier::deliver`].
    pub(super) fn take(&self, write: Write) -> bool {
        let mut waiting = self.lock();
        waiting.writes.push(write);
        !std::mem::replace(&mut waiting.busy, true)
    }

    /// Writes that wait.
    pub(super) fn len(&self) -> usize {
        self.lock().writes.len()
    }

    /// Writes until nothing waits, and tells the loop what became of it.
    pub(super) async fn deliver(self, store: Store, events: mpsc::Sender<Vec<Event>>) {
        while let Some(writes) = self.next() {
            let receipts = store.record(writes.clone()).await;
            let mut told = Vec::new();
            let mut again = Vec::new();
            for (write, receipt) in writes.into_iter().zip(receipts) {
                match settle(&store, &write, receipt).await {
                    Settled::Told(event) => told.extend(event),
                    Settled::Again => again.push(write),
                }
            }
            tell(&events, told).await;
            if again.is_empty() {
                tokio::time::sleep(GATHER).await;
                continue;
            }
            // What could not be written goes before what came since: an end is not overtaken by a later attempt.
            self.put_back(again);
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    fn next(&self) -> Option<Vec<Write>> {
        let mut waiting = self.lock();
        if waiting.writes.is_empty() {
            waiting.busy = false;
            return None;
        }
        let batch = waiting.writes.len().min(BATCH_MAX);
        let rest = waiting.writes.split_off(batch);
        Some(std::mem::replace(&mut waiting.writes, rest))
    }

    fn put_back(&self, mut writes: Vec<Write>) {
        let mut waiting = self.lock();
        writes.append(&mut waiting.writes);
        waiting.writes = writes;
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A panic while it was held leaves whole writes.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What follows from a receipt.
enum Settled {
    /// It is done with; the loop may have to know.
    Told(Option<Event>),
    /// To be tried again.
    Again,
}

async fn settle(store: &Store, write: &Write, receipt: Result<Receipt, StoreError>) -> Settled {
    match write {
        Write::Intent(intent, _) => {
            let attempt = intent.attempt;
            Settled::Told(Some(match receipt {
                Ok(Receipt::Intent(IntentOutcome::Refused(refusal))) => Event::IntentRefused { attempt, refusal },
                Ok(_) => Event::IntentRecorded { attempt },
                Err(error) => {
                    tracing::error!(%attempt, %error, "the intent could not be recorded; nothing is dialled");
                    Event::IntentFailed { attempt }
                }
            }))
        }
        Write::End(end) => ended(store, end, receipt).await,
        Write::Result(result) => match (receipt, result.request) {
            (Ok(_), request) => Settled::Told(request.map(|request| Event::Recorded { request, ok: true })),
            (Err(error), None) if error.is_transient() => later(&error),
            (Err(error), request) => {
                tracing::error!(%error, call = ?result.call, result = result.result, "the store refused a result");
                Settled::Told(request.map(|request| Event::Recorded { request, ok: false }))
            }
        },
        Write::Caller(caller) => inbound(caller.call, receipt),
        Write::Inbound(end) => inbound(end.call, receipt),
    }
}

fn inbound(call: InboundId, receipt: Result<Receipt, StoreError>) -> Settled {
    match receipt {
        Ok(_) => Settled::Told(None),
        Err(error) if error.is_transient() => later(&error),
        Err(error) => {
            tracing::error!(%error, %call, "the store refused an inbound call");
            Settled::Told(None)
        }
    }
}

fn later(error: &StoreError) -> Settled {
    tracing::error!(%error, "the store does not take a record; it is tried again");
    Settled::Again
}

/// A number whose network called the call unwanted (607) is suppressed for all campaigns.
async fn ended(store: &Store, end: &AttemptEnd, receipt: Result<Receipt, StoreError>) -> Settled {
    let written = match receipt {
        Ok(_) if end.disposition == Disposition::Unwanted => suppress(store, end).await,
        Ok(_) => Ok(()),
        // Its intent was never committed, so there is nothing to end.
        Err(StoreError::NotFound { .. }) if end.disposition == Disposition::NotDialled => Ok(()),
        Err(error) => Err(error),
    };
    match written {
        Ok(()) => Settled::Told(None),
        Err(error) if error.is_transient() => later(&error),
        Err(error) => {
            tracing::error!(%error, attempt = %end.attempt, "the store refused the end of an attempt");
            Settled::Told(None)
        }
    }
}

async fn suppress(store: &Store, end: &AttemptEnd) -> Result<(), StoreError> {
    let Some(attempt) = store.attempt(end.attempt).await? else { return Ok(()) };
    let suppression = Suppression {
        number: attempt.number,
        scope: Scope::All,
        reason: SuppressionReason::Unwanted,
        source: end.attempt.to_string(),
        note: String::new(),
        expires_at: None,
    };
    let at: Timestamp = end.ended_at;
    store.suppress(suppression, BY_DIALER, at).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::attempt::{InboundEnd, InboundOutcome};

    fn write(id: i64) -> Write {
        Write::Inbound(Box::new(InboundEnd {
            call: InboundId(id),
            queue: None,
            campaign: None,
            did: "100".to_owned(),
            caller: None,
            offered_at: Timestamp::from_millis(1),
            connected_at: None,
            ended_at: Timestamp::from_millis(2),
            agent: None,
            outcome: InboundOutcome::Abandoned,
        }))
    }

    fn ids(writes: &[Write]) -> Vec<i64> {
        let id = |write: &Write| match write {
            Write::Inbound(end) => Some(end.call.0),
            Write::Intent(..) | Write::End(_) | Write::Result(_) | Write::Caller(_) => None,
        };
        writes.iter().filter_map(id).collect()
    }

    #[test]
    fn one_task_is_started_and_what_failed_goes_before_what_came_since() {
        let courier = Courier::default();
        assert!(courier.take(write(1)));
        assert!(!courier.take(write(2)), "the task that was started writes this one too");
        let batch = courier.next().expect("two writes");
        assert_eq!(ids(&batch), [1, 2]);
        courier.take(write(3));
        courier.put_back(batch);
        assert_eq!(ids(&courier.next().expect("three writes")), [1, 2, 3]);
        assert!(courier.next().is_none());
        assert!(courier.take(write(4)), "the task has ended");
    }

    #[test]
    fn a_batch_has_a_limit_and_loses_nothing() {
        let courier = Courier::default();
        for id in 0..BATCH_MAX as i64 + 3 {
            courier.take(write(id));
        }
        assert_eq!(courier.next().map(|batch| batch.len()), Some(BATCH_MAX));
        assert_eq!(courier.next().map(|batch| ids(&batch)), Some((BATCH_MAX as i64..BATCH_MAX as i64 + 3).collect()));
    }
}
