//! What is older than it is to be kept: attempts with their results, inbound calls, what agents and gates did, and which calls
//! were recorded, once the files are gone.
//!
//! Not suppressions and consents, which are kept for good, and not the attempts of a lead that may still be dialled: they say how
//! often that was done. What they add to the figures is kept. Read [`Store::forget_calls`] first.

use super::Store;
use super::db::{Row, Statement, Value, params, statements};
use super::error::StoreError;
use super::figures::{columns, hour_began, upkeep};
use crate::model::time::Timestamp;

/// The oldest attempts that may go.
macro_rules! old_attempts {
    () => {
        "(select a.id from attempts a
          where a.at < $1 and a.state = 'ended' and not exists (
              select 1 from leads l where l.id = a.lead_id and l.state in ('open', 'dialling', 'callback'))
          order by a.at, a.id limit $2)"
    };
}

/// Rows removed or changed in one transaction, which holds the writer for some milliseconds.
pub(super) const ROWS_AT_ONCE: u32 = 500;

statements! {
    KEEP_FIGURES = concat!("
        insert into figures_kept (campaign, hour, list_id, agent_id, disposition, result, ", columns!(), ")
        select campaign, hour, list_id, agent_id, disposition, result, sum(attempts), sum(live), sum(answered),
               sum(machines), sum(connected), sum(abandoned), sum(accepted), sum(leads_dialled), sum(leads_answered),
               sum(leads_connected), sum(ring_ms), sum(wait_ms), sum(talk_ms)
        from attempt_figures where id in ", old_attempts!(), "
        group by campaign, hour, list_id, agent_id, disposition, result
        on conflict (campaign, hour, list_id, agent_id, disposition, result) do update set
            attempts = figures_kept.attempts + excluded.attempts, live = figures_kept.live + excluded.live,
            answered = figures_kept.answered + excluded.answered, machines = figures_kept.machines + excluded.machines,
            connected = figures_kept.connected + excluded.connected,
            abandoned = figures_kept.abandoned + excluded.abandoned,
            accepted = figures_kept.accepted + excluded.accepted,
            leads_dialled = figures_kept.leads_dialled + excluded.leads_dialled,
            leads_answered = figures_kept.leads_answered + excluded.leads_answered,
            leads_connected = figures_kept.leads_connected + excluded.leads_connected,
            ring_ms = figures_kept.ring_ms + excluded.ring_ms, wait_ms = figures_kept.wait_ms + excluded.wait_ms,
            talk_ms = figures_kept.talk_ms + excluded.talk_ms");
    CHANGED_HOURS = concat!("
        select distinct a.campaign as campaign, a.at / 3600000 as hour from attempts a
        where a.id in ", old_attempts!());
    RESULTS_OF_ATTEMPTS = concat!("
        delete from results where direction = 'outbound' and call_id in ", old_attempts!());
    ATTEMPTS = concat!("
        delete from attempts where id in ", old_attempts!());
    RESULTS_OF_INBOUND = "
        delete from results where direction = 'inbound' and call_id in (
            select id from inbound_calls where offered_at < $1 order by offered_at, id limit $2)";
    // The next start makes calls of those that a crash left; what it cannot is not kept for longer than a call.
    CALLERS = "
        delete from recorded_callers where id in (
            select id from recorded_callers where offered_at < $1 order by offered_at, id limit $2)";
    INBOUND = "
        delete from inbound_calls where id in (
            select id from inbound_calls where offered_at < $1 order by offered_at, id limit $2)";
    GATE_CHANGES = "
        delete from gate_changes where id in (
            select o.id from (select id, at from gate_changes order by id limit $2) o where o.at < $1)";
    RECORDINGS = "
        delete from recordings where (direction, call_id) in (
            select r.direction, r.call_id from recordings r
            where r.began_at < $1 and r.file is null and r.state <> 'running' order by r.began_at limit $2)";
    AGENT_STATES = "
        delete from agent_states where id in (
            select o.id from (select id, at from agent_states order by id limit $2) o where o.at < $1)";
}

/// What is removed of each kind, in the order in which one transaction does it; the last is counted.
const KINDS: [&[Statement]; 5] = [
    &[KEEP_FIGURES, RESULTS_OF_ATTEMPTS, ATTEMPTS],
    &[RESULTS_OF_INBOUND, CALLERS, INBOUND],
    &[GATE_CHANGES],
    &[AGENT_STATES],
    &[RECORDINGS],
];

impl Store {
    /// Removes calls that began before this, with their results, and what agents and gates did before it; how many rows.
    pub async fn forget_calls(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut removed = 0;
        for (place, kind) in KINDS.into_iter().enumerate() {
            loop {
                let ids = self.ids();
                let gone = self
                    .write(move |conn| {
                        Box::pin(async move {
                            let mut gone = 0;
                            if place == 0 {
                                let changed = conn.rows(CHANGED_HOURS, params![before, ROWS_AT_ONCE]).await?;
                                let hour = |row: &Row| Ok((row.parsed("campaign")?, hour_began(row.int("hour")?)));
                                let changed: Vec<_> = changed.iter().map(hour).collect::<Result<_, StoreError>>()?;
                                upkeep::mark(conn, &ids, changed).await?;
                            }
                            for statement in kind {
                                gone = conn.run(*statement, params![before, ROWS_AT_ONCE]).await?;
                            }
                            Ok(gone)
                        })
                    })
                    .await?;
                removed += gone;
                if gone < u64::from(ROWS_AT_ONCE) {
                    break;
                }
            }
        }
        Ok(removed)
    }

    /// Runs a statement that removes or changes a bounded number of rows, its last parameter, until nothing is left for it; how
    /// many it did.
    pub(super) async fn in_pieces(&self, statement: Statement, mut values: Vec<Value>) -> Result<u64, StoreError> {
        values.push(ROWS_AT_ONCE.into());
        let mut all = 0;
        loop {
            let values = values.clone();
            let some = self.write(move |conn| Box::pin(async move { conn.run(statement, values).await })).await?;
            all += some;
            if some < u64::from(ROWS_AT_ONCE) {
                return Ok(all);
            }
        }
    }
}
