//! Why campaigns dialled as much as they did, on its way to the store: gathered for some seconds and written together.
//!
//! It is for people, so the dialer comes first: nothing waits for it, and a store that is down or slow costs the oldest of
//! it, never a call. Read [`Decisions`].

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::RETRY_AFTER;
use crate::model::decision::Decision;
use crate::store::Store;

/// Gathered for this long: a page that shows them is read by people, and a crash loses no more of them.
const GATHER: Duration = Duration::from_secs(2);
/// Most that wait for a store that does not take them; the oldest are left out. Twenty campaigns for some minutes.
const WAITING_MAX: usize = 5000;

/// What waits to be written. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Decisions {
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Debug, Default)]
struct Waiting {
    decisions: VecDeque<Decision>,
    left_out: u64,
    /// A task writes, or is about to.
    busy: bool,
}

impl Decisions {
    /// Takes one. `true`: the caller must start [`Decisions::write`].
    pub(super) fn take(&self, decision: Decision) -> bool {
        let mut waiting = self.lock();
        waiting.decisions.push_back(decision);
        if waiting.decisions.len() > WAITING_MAX {
            waiting.decisions.pop_front();
            waiting.left_out += 1;
        }
        !std::mem::replace(&mut waiting.busy, true)
    }

    /// Writes until nothing waits. Tried again as long as the store may recover.
    pub(super) async fn write(self, store: Store) {
        loop {
            tokio::time::sleep(GATHER).await;
            let Some(decisions) = self.gathered() else { return };
            if let Err(error) = store.record_decisions(decisions.clone()).await {
                tracing::warn!(%error, count = decisions.len(), "the store does not take why campaigns dialled");
                if error.is_transient() {
                    self.put_back(decisions);
                    tokio::time::sleep(RETRY_AFTER).await;
                }
            }
        }
    }

    fn gathered(&self) -> Option<Vec<Decision>> {
        let mut waiting = self.lock();
        let left_out = std::mem::take(&mut waiting.left_out);
        if left_out > 0 {
            tracing::warn!(left_out, "why campaigns dialled is not kept for some moments: the store was behind");
        }
        if waiting.decisions.is_empty() {
            waiting.busy = false;
            return None;
        }
        Some(waiting.decisions.drain(..).collect())
    }

    fn put_back(&self, decisions: Vec<Decision>) {
        let mut waiting = self.lock();
        let room = WAITING_MAX.saturating_sub(waiting.decisions.len());
        let surplus = decisions.len().saturating_sub(room);
        waiting.left_out += surplus as u64;
        for decision in decisions.into_iter().skip(surplus).rev() {
            waiting.decisions.push_front(decision);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A panic while it was held leaves whole records.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;

    fn decision(at: i64) -> Decision {
        Decision {
            campaign: "spring".parse().unwrap(),
            at: Timestamp::from_millis(at),
            placed: 1,
            limit: "price".to_owned(),
            idle: 0,
            idle_with_slot: 0,
            slots: 0,
            pending: 0,
            abandons_left: 0,
            refusals: Default::default(),
            forecast: None,
        }
    }

    fn times(decisions: &[Decision]) -> Vec<i64> {
        decisions.iter().map(|decision| decision.at.as_millis()).collect()
    }

    #[test]
    fn one_task_is_started_and_what_was_not_taken_goes_before_what_came_since() {
        let decisions = Decisions::default();
        assert!(decisions.take(decision(1)));
        assert!(!decisions.take(decision(2)), "the task that was started writes this one too");
        let batch = decisions.gathered().expect("two");
        decisions.take(decision(3));
        decisions.put_back(batch);
        assert_eq!(times(&decisions.gathered().expect("three")), [1, 2, 3]);
        assert!(decisions.gathered().is_none());
        assert!(decisions.take(decision(4)), "the task has ended");
    }

    #[test]
    fn a_store_that_is_down_costs_the_oldest_and_no_memory() {
        let decisions = Decisions::default();
        for at in 0..WAITING_MAX as i64 + 3 {
            decisions.take(decision(at));
        }
        let batch = decisions.gathered().expect("all that is kept");
        assert_eq!((batch.len(), batch[0].at.as_millis()), (WAITING_MAX, 3));
        decisions.take(decision(9_999));
        decisions.put_back(batch);
        let kept = decisions.gathered().expect("as many again");
        assert_eq!((kept.len(), kept[0].at.as_millis(), kept[WAITING_MAX - 1].at.as_millis()), (WAITING_MAX, 4, 9_999));
    }
}
