//! Records of the running that nobody waits for: dialogs for recovery, and what agents do. They are gathered for a moment
//! and written together, because at two hundred calls a second each alone would cost more than the call.
//!
//! Not results, attempts or intents: those are written at once. Read [`Running`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::RETRY_AFTER;
use crate::model::id::{LegId, UserId};
use crate::model::time::Timestamp;
use crate::sip::DialogRecord;
use crate::store::{AgentStateChange, RunningDialog, Store};

/// Gathered for this long. A call that began and ended within it leaves no dialog behind; one that a crash within it leaves
/// over is ended by its intent (`recovery`).
const GATHER: Duration = Duration::from_millis(50);

/// What waits to be written. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Running {
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Debug, Default)]
struct Waiting {
    dialogs: BTreeMap<LegId, Option<(Box<DialogRecord>, Timestamp)>>,
    /// Legs that have a row: only their end has to be written.
    saved: BTreeSet<LegId>,
    /// What each agent does now. A state that was over before it could be written is left out: nobody does anything for
    /// so short a time.
    changes: BTreeMap<UserId, AgentStateChange>,
    /// A task writes, or is about to.
    busy: bool,
}

impl Running {
    /// A dialog is up, or has changed. `true`: the caller must start [`Running::write`].
    pub(super) fn dialog(&self, record: Box<DialogRecord>, at: Timestamp) -> bool {
        let mut waiting = self.lock();
        waiting.dialogs.insert(record.leg, Some((record, at)));
        waiting.begins()
    }

    /// A dialog is over. `true`: the caller must start [`Running::write`].
    pub(super) fn dialog_over(&self, leg: LegId) -> bool {
        let mut waiting = self.lock();
        if !waiting.saved.remove(&leg) {
            waiting.dialogs.remove(&leg);
            return false;
        }
        waiting.dialogs.insert(leg, None);
        waiting.begins()
    }

    /// An agent does something else. `true`: the caller must start [`Running::write`].
    pub(super) fn agent(&self, change: AgentStateChange) -> bool {
        let mut waiting = self.lock();
        waiting.changes.insert(change.user, change);
        waiting.begins()
    }

    /// Writes until nothing waits. Tried again as long as the store may recover.
    pub(super) async fn write(self, store: Store) {
        loop {
            tokio::time::sleep(GATHER).await;
            let Some((dialogs, changes)) = self.take() else { return };
            while let Err(error) = store.log_running(dialogs.clone(), changes.clone()).await {
                tracing::error!(%error, "the store does not take records of the running");
                if !error.is_transient() {
                    break;
                }
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
    }

    fn take(&self) -> Option<(Vec<RunningDialog>, Vec<AgentStateChange>)> {
        let mut waiting = self.lock();
        let dialogs = std::mem::take(&mut waiting.dialogs);
        let changes: Vec<AgentStateChange> = std::mem::take(&mut waiting.changes).into_values().collect();
        if dialogs.is_empty() && changes.is_empty() {
            waiting.busy = false;
            return None;
        }
        waiting.saved.extend(dialogs.iter().filter(|(_, record)| record.is_some()).map(|(leg, _)| *leg));
        let text =
            |(record, at): (Box<DialogRecord>, Timestamp)| (serde_json::to_string(&record).unwrap_or_default(), at);
        let dialogs = dialogs.into_iter();
        let dialogs = dialogs.map(|(leg, up)| RunningDialog { id: leg.to_string(), up: up.map(text) }).collect();
        Some((dialogs, changes))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A panic while it was held leaves whole records.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Whether a task must be started, which then is.
    fn begins(&mut self) -> bool {
        !std::mem::replace(&mut self.busy, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(at: i64) -> AgentStateChange {
        AgentStateChange { user: UserId(at), at: Timestamp::from_millis(at), state: None }
    }

    #[test]
    fn one_task_is_started_and_the_next_one_only_after_nothing_was_left() {
        let running = Running::default();
        assert!(running.agent(change(1)));
        assert!(!running.agent(change(2)), "the task that was started writes this one too");
        let (_, changes) = running.take().expect("two changes");
        assert_eq!(changes.len(), 2);
        assert!(running.take().is_none());
        assert!(running.agent(change(3)), "the task has ended");
    }

    #[test]
    fn a_state_that_was_over_before_it_could_be_written_is_left_out() {
        let running = Running::default();
        for at in [1, 2, 3] {
            running.agent(AgentStateChange { user: UserId(7), at: Timestamp::from_millis(at), state: None });
        }
        let (_, changes) = running.take().expect("one change");
        assert_eq!(changes.iter().map(|change| change.at.as_millis()).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn the_end_of_a_dialog_is_written_only_if_its_beginning_was() {
        let running = Running::default();
        running.lock().saved.insert(LegId(7));
        assert!(!running.dialog_over(LegId(6)), "nothing of it was ever written");
        assert!(running.dialog_over(LegId(7)));
        let (dialogs, _) = running.take().expect("one end");
        assert_eq!(dialogs, [RunningDialog { id: LegId(7).to_string(), up: None }]);
        assert!(running.lock().saved.is_empty());
    }
}
