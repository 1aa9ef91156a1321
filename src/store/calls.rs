//! What agents recorded, inbound calls, and the running record of gates, agents, refusals and dialogs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::db::{Conn, json, params, statements};
use super::error::StoreError;
use super::journal::Entry;
use super::leads::{Decider, apply_next};
use super::suppressions::{Scope, Suppression};
use super::{Ids, Store};
use crate::model::agent::AgentState;
use crate::model::attempt::{CallRef, CallResult, GateChange, InboundEnd};
use crate::model::id::{RequestId, UserId};
use crate::model::name::{CampaignKey, GroupName};
use crate::model::time::Timestamp;

/// What became of a result that was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResultReceipt {
    /// 1 for the first result of a call, higher for corrections. 0 while it is only in the journal.
    pub revision: u64,
    /// Nothing was changed: the same request, or the same content, had been recorded before.
    pub repeated: bool,
    /// It is durable in the journal and will be in the database as soon as that can write.
    pub journalled: bool,
}

/// A change of what an agent does.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentStateChange {
    /// Who.
    pub user: UserId,
    /// When.
    pub at: Timestamp,
    /// What from now on; `None`: signed out.
    pub state: Option<AgentState>,
}

/// How often a dial was refused for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RefusalCount {
    /// Whose dials.
    pub campaign: CampaignKey,
    /// The civil day of the installation, `YYYY-MM-DD`.
    #[schema(value_type = String)]
    pub day: jiff::civil::Date,
    /// `Refusal::code`.
    pub code: String,
    /// How often.
    pub count: u64,
}

/// A SIP dialog that began, changed or ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningDialog {
    /// Its id.
    pub id: String,
    /// What is needed to end it after a crash, and since when; `None`: it is over.
    pub up: Option<(String, Timestamp)>,
}

/// A SIP dialog that was up when the last run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftoverDialog {
    /// Its id, as it was saved.
    pub id: String,
    /// What is needed to end it, as it was saved.
    pub record: String,
    /// When it was saved.
    pub saved_at: Timestamp,
}

statements! {
    RESULT_OF_REQUEST = "select revision from results where request_id = $1";
    LATEST_RESULT = "
        select revision, agent_id, result, disposition, answers, note from results
        where direction = $1 and call_id = $2 order by revision desc limit 1";
    INSERT_RESULT = "
        insert into results (direction, call_id, revision, request_id, campaign, lead_id, number, agent_id, result,
                             disposition, answers, note, at, talk_ms, wrap_up_ms)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    RESULT_OF_ATTEMPT = "
        update attempts set disposition = $2, result = $3, agent_id = coalesce(agent_id, $4) where id = $1";
    INSERT_INBOUND = "
        insert into inbound_calls (id, queue, campaign, did, caller, offered_at, connected_at, ended_at, agent_id,
                                   outcome)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        on conflict (id) do nothing";
    INSERT_GATE_CHANGE = "
        insert into gate_changes (id, group_name, at, open, idleness, idle_threshold, agents, inbound_busy, waiting,
                                  slots)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    GATE_CHANGES = "
        select group_name, at, open, idleness, idle_threshold, agents, inbound_busy, waiting, slots
        from gate_changes where group_name = $1 and at >= $2 and at < $3 order by at, id limit 5000";
    INSERT_AGENT_STATES = "
        insert into agent_states (id, user_id, at, state, reason)
        select j.value ->> 0, j.value ->> 1, j.value ->> 2,
               j.value ->> 3, j.value ->> 4
        from json_each($1) j where true";
    COUNT_REFUSAL = "
        insert into refusals (campaign, day, code, count) values ($1, $2, $3, $4)
        on conflict (campaign, day, code) do update set count = refusals.count + excluded.count";
    REFUSALS = "
        select campaign, day, code, count from refusals
        where campaign = $1 and day >= $2 and day <= $3 order by day, code";
    SAVE_DIALOG = "
        insert into dialogs (id, record, saved_at) values ($1, $2, $3)
        on conflict (id) do update set record = excluded.record, saved_at = excluded.saved_at";
    DROP_DIALOG = "delete from dialogs where id = $1";
    DIALOGS = "select id, record, saved_at from dialogs order by saved_at, id";
}

impl Store {
    /// Records what an agent said about a call: the result, the lead's future and a suppression in one transaction.
    ///
    /// A repetition (same request, or same content as what counts now) changes nothing and answers the same revision.
    /// Other content is a correction: a further revision. A result without a request (wrap-up ran out) never replaces
    /// one that is there. While the database cannot write, the result is kept in the journal, durably.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an attempt that was never begun; any error means: not recorded.
    pub async fn record_result(&self, result: CallResult) -> Result<ResultReceipt, StoreError> {
        let entry = Entry::Result(result.clone());
        let ids = self.ids();
        let written = self.write(move |conn| Box::pin(async move { apply_result(conn, &ids, &result).await })).await;
        match written {
            Ok(receipt) => Ok(receipt),
            Err(error) => {
                self.keep(error, entry).await?;
                Ok(ResultReceipt { revision: 0, repeated: false, journalled: true })
            }
        }
    }

    /// Records a finished inbound call, once. Kept in the journal while the database cannot write.
    pub async fn record_inbound(&self, end: InboundEnd) -> Result<(), StoreError> {
        let entry = Entry::InboundEnd(end.clone());
        let written = self.write(move |conn| Box::pin(async move { apply_inbound(conn, &end).await })).await;
        match written {
            Ok(()) => Ok(()),
            Err(error) => self.keep(error, entry).await,
        }
    }

    /// Records an opening or closing of an idle gate.
    pub async fn record_gate(&self, change: GateChange) -> Result<(), StoreError> {
        let id = self.inner.ids.next(change.at);
        self.write(move |conn| {
            Box::pin(async move {
                let values = params![
                    id,
                    change.group.as_str(),
                    change.at,
                    change.open,
                    change.idleness,
                    change.idle_threshold,
                    change.agents,
                    change.inbound_busy,
                    change.waiting,
                    change.slots,
                ];
                conn.run(INSERT_GATE_CHANGE, values).await.map(drop)
            })
        })
        .await
    }

    /// Openings and closings of a group's gate from `from` until before `to`, oldest first, at most 5,000.
    pub async fn gate_changes(
        &self,
        group: &GroupName,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<GateChange>, StoreError> {
        let mut conn = self.reader().await?;
        let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let rows = conn.rows(GATE_CHANGES, params![group.as_str(), from, to]).await?;
        rows.iter()
            .map(|row| {
                Ok(GateChange {
                    group: row.parsed("group_name")?,
                    at: row.time("at")?,
                    open: row.bool("open")?,
                    idleness: row.real("idleness")?,
                    idle_threshold: row.real("idle_threshold")?,
                    agents: small(row.count("agents")?),
                    inbound_busy: small(row.count("inbound_busy")?),
                    waiting: small(row.count("waiting")?),
                    slots: small(row.count("slots")?),
                })
            })
            .collect()
    }

    /// Records changes of what agents do, in order.
    pub async fn log_agent_states(&self, changes: Vec<AgentStateChange>) -> Result<(), StoreError> {
        let rows = self.agent_state_rows(&changes);
        self.write(move |conn| Box::pin(async move { conn.run(INSERT_AGENT_STATES, params![rows]).await.map(drop) }))
            .await
    }

    /// Writes what nobody waits for in one transaction: dialogs that are up (with their text) or over, and changes of
    /// agents.
    pub async fn log_running(
        &self,
        dialogs: Vec<RunningDialog>,
        changes: Vec<AgentStateChange>,
    ) -> Result<(), StoreError> {
        let rows = self.agent_state_rows(&changes);
        self.write(move |conn| {
            Box::pin(async move {
                for RunningDialog { id, up } in dialogs {
                    match up {
                        Some((record, at)) => conn.run(SAVE_DIALOG, params![id, record, at]).await?,
                        None => conn.run(DROP_DIALOG, params![id]).await?,
                    };
                }
                if !changes.is_empty() {
                    conn.run(INSERT_AGENT_STATES, params![rows]).await?;
                }
                Ok(())
            })
        })
        .await
    }

    fn agent_state_rows(&self, changes: &[AgentStateChange]) -> String {
        let row = |change: &AgentStateChange| {
            let reason = match &change.state {
                Some(AgentState::NotReady { reason }) => Some(reason.clone()),
                Some(_) | None => None,
            };
            let state = change.state.as_ref().map(AgentState::code);
            (self.ids().next(change.at), change.user.0, change.at, state, reason)
        };
        json(&changes.iter().map(row).collect::<Vec<_>>())
    }

    /// Adds to the counts of refused dials.
    pub async fn count_refusals(&self, counts: Vec<RefusalCount>) -> Result<(), StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                for one in counts {
                    let values = params![one.campaign.as_str(), one.day.to_string(), one.code, one.count];
                    conn.run(COUNT_REFUSAL, values).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Refused dials of a campaign, from one day to another, both included.
    pub async fn refusals(
        &self,
        campaign: &CampaignKey,
        from: jiff::civil::Date,
        to: jiff::civil::Date,
    ) -> Result<Vec<RefusalCount>, StoreError> {
        let mut conn = self.reader().await?;
        let rows = conn.rows(REFUSALS, params![campaign.as_str(), from.to_string(), to.to_string()]).await?;
        rows.iter()
            .map(|row| {
                Ok(RefusalCount {
                    campaign: row.parsed("campaign")?,
                    day: row.parsed("day")?,
                    code: row.text("code")?,
                    count: row.count("count")?,
                })
            })
            .collect()
    }

    /// Remembers a SIP dialog that is up, so that a restart after a crash can end it at the carrier.
    pub async fn save_dialog(&self, id: &str, record: &str, at: Timestamp) -> Result<(), StoreError> {
        let (id, record) = (id.to_owned(), record.to_owned());
        self.write(move |conn| Box::pin(async move { conn.run(SAVE_DIALOG, params![id, record, at]).await.map(drop) }))
            .await
    }

    /// Forgets a dialog that is over.
    pub async fn drop_dialog(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.write(move |conn| Box::pin(async move { conn.run(DROP_DIALOG, params![id]).await.map(drop) })).await
    }

    /// The dialogs the last run left behind, oldest first.
    pub async fn leftover_dialogs(&self) -> Result<Vec<LeftoverDialog>, StoreError> {
        let mut conn = self.reader().await?;
        let rows = conn.rows(DIALOGS, vec![]).await?;
        rows.iter()
            .map(|row| {
                Ok(LeftoverDialog { id: row.text("id")?, record: row.text("record")?, saved_at: row.time("saved_at")? })
            })
            .collect()
    }
}

/// Direction and number of a call, as they are stored.
pub(super) fn call_key(call: CallRef) -> (&'static str, i64) {
    match call {
        CallRef::Outbound(attempt) => ("outbound", attempt.0),
        CallRef::Inbound(call) => ("inbound", call.0),
    }
}

/// Applies a result. Also what the journal's replay calls, so it must tell a repetition by itself.
pub(super) async fn apply_result(conn: &mut Conn, ids: &Ids, result: &CallResult) -> Result<ResultReceipt, StoreError> {
    let (direction, call) = call_key(result.call);
    let repeated = |revision| ResultReceipt { revision, repeated: true, journalled: false };
    if let Some(RequestId(request)) = result.request
        && let Some(row) = conn.row(RESULT_OF_REQUEST, params![request]).await?
    {
        return Ok(repeated(row.count("revision")?));
    }
    let revision = match next_revision(conn, result).await? {
        Revision::Repeated(revision) => return Ok(repeated(revision)),
        Revision::Fresh(revision) => revision,
    };
    let values = params![
        direction,
        call,
        revision,
        result.request.map(|request| request.0),
        result.campaign.as_ref().map(CampaignKey::as_str),
        result.lead.map(|lead| lead.0),
        result.number.as_ref().map(|number| number.as_str()),
        result.agent.0,
        result.result.as_str(),
        result.disposition.as_str(),
        json(&result.answers),
        result.note.as_str(),
        result.at,
        result.talk_ms,
        result.wrap_up_ms,
    ];
    conn.run(INSERT_RESULT, values).await?;
    if let CallRef::Outbound(attempt) = result.call {
        let values = params![attempt.0, result.disposition.as_str(), result.result.as_str(), result.agent.0];
        if conn.run(RESULT_OF_ATTEMPT, values).await? == 0 {
            return Err(StoreError::NotFound { what: "attempt", name: attempt.to_string() });
        }
    }
    if let (Some(lead), Some(next)) = (result.lead, &result.next) {
        apply_next(conn, lead, Decider::Result(result.call), next, result.at).await?;
    }
    suppress_with(conn, ids, result).await?;
    Ok(ResultReceipt { revision, repeated: false, journalled: false })
}

enum Revision {
    Fresh(u64),
    Repeated(u64),
}

/// Which revision of its call a result is, or which one it repeats.
async fn next_revision(conn: &mut Conn, result: &CallResult) -> Result<Revision, StoreError> {
    let (direction, call) = call_key(result.call);
    let Some(latest) = conn.row(LATEST_RESULT, params![direction, call]).await? else {
        return Ok(Revision::Fresh(1));
    };
    let same = latest.int("agent_id")? == result.agent.0
        && latest.text("result")? == result.result
        && latest.text("disposition")? == result.disposition.as_str()
        && latest.json::<BTreeMap<String, String>>("answers")? == result.answers
        && latest.text("note")? == result.note;
    let before = latest.count("revision")?;
    Ok(if same || result.request.is_none() { Revision::Repeated(before) } else { Revision::Fresh(before + 1) })
}

async fn suppress_with(conn: &mut Conn, ids: &Ids, result: &CallResult) -> Result<(), StoreError> {
    let (direction, _) = call_key(result.call);
    if let (Some(reason), Some(number)) = (result.suppress, &result.number) {
        let suppression = Suppression {
            number: number.clone(),
            scope: Scope::All,
            reason,
            source: "call".to_owned(),
            note: format!("{direction} call, result {}", result.result),
            expires_at: None,
        };
        let by = result.agent.to_string();
        super::suppressions::apply(conn, ids, &suppression, &by, result.at).await?;
    }
    Ok(())
}

pub(super) async fn apply_inbound(conn: &mut Conn, end: &InboundEnd) -> Result<(), StoreError> {
    let values = params![
        end.call.0,
        end.queue.as_ref().map(|queue| queue.as_str()),
        end.campaign.as_ref().map(CampaignKey::as_str),
        end.did.as_str(),
        end.caller.as_ref().map(|caller| caller.as_str()),
        end.offered_at,
        end.connected_at,
        end.ended_at,
        end.agent.map(|agent| agent.0),
        end.outcome.as_str(),
    ];
    conn.run(INSERT_INBOUND, values).await.map(drop)
}
