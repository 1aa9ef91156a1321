//! Which desk of an agent is the newest, and which connection shows it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use crate::model::id::{SessionId, UserId};

/// The newest desk of each agent. As many entries as there are agents who ever signed in.
#[derive(Default)]
pub(super) struct Desks(Mutex<BTreeMap<UserId, watch::Sender<Seat>>>);

/// A desk and the count of its connections, of which the latest shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    session: SessionId,
    connection: u64,
}

impl Desks {
    /// A newer sign-in: connections of earlier ones end.
    pub(super) fn signed_in(&self, user: UserId, session: SessionId) {
        let mut desks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seat = desks.entry(user).or_insert_with(|| watch::Sender::new(Seat { session, connection: 0 }));
        seat.send_modify(|seat| *seat = Seat { session, connection: seat.connection + 1 });
    }

    /// A connection to a desk; an earlier connection to it ends. `None` if the desk is not the newest.
    pub(super) fn connect(&self, user: UserId, session: SessionId) -> Option<Connected> {
        let desks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seat = desks.get(&user)?;
        if seat.borrow().session != session {
            return None;
        }
        seat.send_modify(|seat| seat.connection += 1);
        let changes = seat.subscribe();
        let mine = *changes.borrow();
        Some(Connected { mine, changes })
    }
}

/// One connection's claim to show a desk.
pub(super) struct Connected {
    mine: Seat,
    changes: watch::Receiver<Seat>,
}

impl Connected {
    /// Whether no newer sign-in or connection came.
    pub(super) fn is_newest(&self) -> bool {
        *self.changes.borrow() == self.mine
    }

    /// Returns when a newer one came.
    pub(super) async fn replaced(&mut self) {
        let mine = self.mine;
        // The sender lives as long as the site does; without it there is nothing to be replaced by.
        if self.changes.wait_for(|seat| *seat != mine).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_sign_in_and_its_newest_connection_win() {
        let desks = Desks::default();
        let user = UserId(1);
        desks.signed_in(user, SessionId(1));
        let first = desks.connect(user, SessionId(1)).unwrap();
        let reloaded = desks.connect(user, SessionId(1)).unwrap();
        assert!(!first.is_newest() && reloaded.is_newest());
        desks.signed_in(user, SessionId(2));
        assert!(!reloaded.is_newest());
        assert!(desks.connect(user, SessionId(1)).is_none(), "an older tab came back");
        assert!(desks.connect(UserId(9), SessionId(2)).is_none());
    }
}
