//! What is older than it is to be kept: attempts with their results, inbound calls, what agents and gates did.
//!
//! Not suppressions and consents, which are kept for good, and not the attempts of a lead that may still be dialled: they say how
//! often that was done. Read [`Store::forget_calls`] first.

use super::Store;
use super::db::{Statement, params, statements};
use super::error::StoreError;
use crate::model::time::Timestamp;

/// Rows removed in one transaction, which holds the writer for some milliseconds.
const REMOVED_AT_ONCE: u32 = 500;

statements! {
    RESULTS_OF_ATTEMPTS = "
        delete from results where direction = 'outbound' and call_id in (
            select a.id from attempts a
            where a.at < $1 and a.state = 'ended' and not exists (
                select 1 from leads l where l.id = a.lead_id and l.state in ('open', 'dialling', 'callback'))
            order by a.at, a.id limit $2)";
    ATTEMPTS = "
        delete from attempts where id in (
            select a.id from attempts a
            where a.at < $1 and a.state = 'ended' and not exists (
                select 1 from leads l where l.id = a.lead_id and l.state in ('open', 'dialling', 'callback'))
            order by a.at, a.id limit $2)";
    RESULTS_OF_INBOUND = "
        delete from results where direction = 'inbound' and call_id in (
            select id from inbound_calls where offered_at < $1 order by offered_at, id limit $2)";
    INBOUND = "
        delete from inbound_calls where id in (
            select id from inbound_calls where offered_at < $1 order by offered_at, id limit $2)";
    GATE_CHANGES = "
        delete from gate_changes where id in (
            select o.id from (select id, at from gate_changes order by id limit $2) o where o.at < $1)";
    AGENT_STATES = "
        delete from agent_states where id in (
            select o.id from (select id, at from agent_states order by id limit $2) o where o.at < $1)";
}

/// Each with what goes before it in the same transaction.
const KINDS: [(Option<Statement>, Statement); 4] = [
    (Some(RESULTS_OF_ATTEMPTS), ATTEMPTS),
    (Some(RESULTS_OF_INBOUND), INBOUND),
    (None, GATE_CHANGES),
    (None, AGENT_STATES),
];

impl Store {
    /// Removes calls that began before this, with their results, and what agents and gates did before it; how many rows.
    pub async fn forget_calls(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut removed = 0;
        for (first, then) in KINDS {
            loop {
                let gone = self
                    .write(move |conn| {
                        Box::pin(async move {
                            if let Some(first) = first {
                                conn.run(first, params![before, REMOVED_AT_ONCE]).await?;
                            }
                            conn.run(then, params![before, REMOVED_AT_ONCE]).await
                        })
                    })
                    .await?;
                removed += gone;
                if gone < u64::from(REMOVED_AT_ONCE) {
                    break;
                }
            }
        }
        Ok(removed)
    }
}
