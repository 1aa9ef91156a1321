//! What agents recorded, inbound calls, and the running record of gates, agents, refusals and dialogs.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::attempts::{Changed, opt_phone};
use super::batch::{Receipt, Write};
use super::db::{Conn, Row, Value, json, params, rows, statements};
use super::error::StoreError;
use super::leads::{self, Decider, Next};
use super::suppressions::{Scope, Suppression};
use super::{Ids, Store, outbox};
use crate::model::agent::AgentState;
use crate::model::attempt::{CallRef, CallResult, GateChange, InboundEnd, RecordedCaller};
use crate::model::id::{AttemptId, InboundId, UserId};
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
    RESULTS_OF_REQUESTS = "
        select r.request_id as request_id, r.revision as revision
        from json_each($1) j cross join results r where r.request_id = cast(j.value ->> 0 as bigint)";
    LATEST_RESULTS = "
        with w as materialized (
            select cast(j.value ->> 0 as bigint) as place, j.value ->> 1 as direction,
                cast(j.value ->> 2 as bigint) as call_id
            from json_each($1) j)
        select w.place as place, r.revision as revision, r.agent_id as agent_id, r.result as result,
            r.disposition as disposition, r.answers as answers, r.note as note, o.items as order_items,
            o.recipient as order_recipient, o.address as order_address, o.note as order_note
        from w cross join results r
        left join orders o on o.direction = r.direction and o.call_id = r.call_id
        where r.direction = w.direction and r.call_id = w.call_id
          and r.revision = (select max(n.revision) from results n
                            where n.direction = w.direction and n.call_id = w.call_id)";
    INSERT_RESULTS = "
        insert into results (direction, call_id, revision, request_id, campaign, lead_id, number, agent_id, result,
                             disposition, answers, note, at, talk_ms, wrap_up_ms)
        select j.value ->> 0, cast(j.value ->> 1 as bigint), cast(j.value ->> 2 as bigint),
            cast(j.value ->> 3 as bigint), j.value ->> 4, cast(j.value ->> 5 as bigint), j.value ->> 6,
            cast(j.value ->> 7 as bigint), j.value ->> 8, j.value ->> 9, j.value ->> 10, j.value ->> 11,
            cast(j.value ->> 12 as bigint), cast(j.value ->> 13 as bigint), cast(j.value ->> 14 as bigint)
        from json_each($1) j where true";
    RESULTS_OF_ATTEMPTS = "
        update attempts set disposition = w.disposition, result = w.result,
            agent_id = coalesce(attempts.agent_id, w.agent_id)
        from (select cast(j.value ->> 0 as bigint) as id, j.value ->> 1 as disposition, j.value ->> 2 as result,
                  cast(j.value ->> 3 as bigint) as agent_id
              from json_each($1) j) w
        where attempts.id = w.id
        returning attempts.id, attempts.campaign, attempts.at";
    INSERT_INBOUND = "
        insert into inbound_calls (id, queue, campaign, did, caller, offered_at, connected_at, ended_at, agent_id,
                                   outcome)
        select cast(j.value ->> 0 as bigint), j.value ->> 1, j.value ->> 2, j.value ->> 3, j.value ->> 4,
            cast(j.value ->> 5 as bigint), cast(j.value ->> 6 as bigint), cast(j.value ->> 7 as bigint),
            cast(j.value ->> 8 as bigint), j.value ->> 9
        from json_each($1) j where true
        on conflict (id) do nothing
        returning id";
    // Of a call that is over there is nothing left to say.
    INSERT_CALLERS = "
        insert into recorded_callers (id, queue, campaign, did, caller, offered_at, agent_id)
        select w.id, w.queue, w.campaign, w.did, w.caller, w.offered_at, w.agent_id
        from (select cast(j.value ->> 0 as bigint) as id, j.value ->> 1 as queue, j.value ->> 2 as campaign,
                  j.value ->> 3 as did, j.value ->> 4 as caller, cast(j.value ->> 5 as bigint) as offered_at,
                  cast(j.value ->> 6 as bigint) as agent_id
              from json_each($1) j) w
        where not exists (select 1 from inbound_calls i where i.id = w.id)
        on conflict (id) do nothing";
    DROP_CALLERS = "
        delete from recorded_callers where id in (select cast(j.value ->> 0 as bigint) from json_each($1) j)";
    CALLERS = "
        select id, queue, campaign, did, caller, offered_at, agent_id from recorded_callers order by offered_at, id";
    INSERT_GATE_CHANGE = "
        insert into gate_changes (id, group_name, at, open, idleness, idle_threshold, agents, inbound_busy, waiting,
                                  slots)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    GATE_CHANGES = "
        select group_name, at, open, idleness, idle_threshold, agents, inbound_busy, waiting, slots
        from gate_changes where group_name = $1 and at >= $2 and at < $3 order by at, id limit 5000";
    INSERT_AGENT_STATES = "
        insert into agent_states (id, user_id, at, state, reason)
        select cast(j.value ->> 0 as bigint), cast(j.value ->> 1 as bigint), cast(j.value ->> 2 as bigint),
               j.value ->> 3, j.value ->> 4
        from json_each($1) j where true";
    COUNT_REFUSAL = "
        insert into refusals (campaign, day, code, count) values ($1, $2, $3, $4)
        on conflict (campaign, day, code) do update set count = refusals.count + excluded.count";
    REFUSALS = "
        select campaign, day, code, count from refusals
        where campaign = $1 and day >= $2 and day <= $3 order by day, code";
    SAVE_DIALOGS = "
        insert into dialogs (id, record, saved_at)
        select j.value ->> 0, j.value ->> 1, cast(j.value ->> 2 as bigint) from json_each($1) j where true
        on conflict (id) do update set record = excluded.record, saved_at = excluded.saved_at";
    DROP_DIALOGS = "delete from dialogs where id in (select j.value ->> 0 from json_each($1) j)";
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
        match self.record_one(Write::Result(Box::new(result))).await? {
            Receipt::Result(receipt) => Ok(receipt),
            other @ (Receipt::Intent(_) | Receipt::End { .. } | Receipt::Inbound) => Err(other.unexpected()),
        }
    }

    /// Records a finished inbound call, once. Kept in the journal while the database cannot write.
    pub async fn record_inbound(&self, end: InboundEnd) -> Result<(), StoreError> {
        self.record_one(Write::Inbound(Box::new(end))).await.map(drop)
    }

    /// Callers who are being recorded, or were when the last run of the service ended.
    pub async fn recorded_callers(&self) -> Result<Vec<RecordedCaller>, StoreError> {
        let mut conn = self.reader().await?;
        let caller = |row: &Row| {
            Ok(RecordedCaller {
                call: InboundId(row.int("id")?),
                queue: row.opt_parsed("queue")?,
                campaign: row.opt_parsed("campaign")?,
                did: row.text("did")?,
                caller: opt_phone(row, "caller")?,
                offered_at: row.time("offered_at")?,
                agent: UserId(row.int("agent_id")?),
            })
        };
        conn.rows(CALLERS, vec![]).await?.iter().map(caller).collect()
    }

    /// These were connected to nobody and not recorded after all.
    pub async fn forget_callers(&self, calls: &[InboundId]) -> Result<(), StoreError> {
        let gone = rows(calls.iter().map(|call| params![call.0]));
        self.write(move |conn| Box::pin(async move { conn.run(DROP_CALLERS, vec![gone]).await.map(drop) })).await
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
        self.log_running(Vec::new(), changes).await
    }

    /// Writes what nobody waits for in one transaction: dialogs that are up (with their text) or over, and changes of
    /// agents.
    pub async fn log_running(
        &self,
        dialogs: Vec<RunningDialog>,
        changes: Vec<AgentStateChange>,
    ) -> Result<(), StoreError> {
        let states = self.agent_state_rows(&changes);
        self.write(move |conn| {
            Box::pin(async move {
                let (up, over): (Vec<_>, Vec<_>) = dialogs.into_iter().partition(|dialog| dialog.up.is_some());
                if !up.is_empty() {
                    let saved = up
                        .into_iter()
                        .filter_map(|RunningDialog { id, up }| up.map(|(record, at)| params![id, record, at]));
                    conn.run(SAVE_DIALOGS, vec![rows(saved)]).await?;
                }
                if !over.is_empty() {
                    conn.run(DROP_DIALOGS, vec![rows(over.into_iter().map(|dialog| params![dialog.id]))]).await?;
                }
                if !changes.is_empty() {
                    conn.run(INSERT_AGENT_STATES, vec![states]).await?;
                }
                Ok(())
            })
        })
        .await
    }

    fn agent_state_rows(&self, changes: &[AgentStateChange]) -> Value {
        let row = |change: &AgentStateChange| {
            let reason = match &change.state {
                Some(AgentState::NotReady { reason }) => Some(reason.clone()),
                Some(_) | None => None,
            };
            let state = change.state.as_ref().map(AgentState::code);
            params![self.ids().next(change.at), change.user.0, change.at, state, reason]
        };
        rows(changes.iter().map(row))
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
        let up = Some((record.to_owned(), at));
        self.log_running(vec![RunningDialog { id: id.to_owned(), up }], Vec::new()).await
    }

    /// Forgets a dialog that is over.
    pub async fn drop_dialog(&self, id: &str) -> Result<(), StoreError> {
        self.log_running(vec![RunningDialog { id: id.to_owned(), up: None }], Vec::new()).await
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

/// Applies results, of which no two may be of one call. Tells repetitions by itself, as a replay of the journal needs.
pub(super) async fn apply_results(
    conn: &mut Conn,
    ids: &Ids,
    results: &[&CallResult],
    changed: &mut Changed,
) -> Result<Vec<Result<ResultReceipt, StoreError>>, StoreError> {
    let revisions = revisions(conn, results).await?;
    let fresh = |place: usize| matches!(revisions[place], Revision::Fresh(_));
    let outbound = results.iter().enumerate().filter_map(|(place, result)| match result.call {
        CallRef::Outbound(attempt) if fresh(place) => {
            let disposition = result.disposition.as_str();
            Some(params![attempt.0, disposition, result.result.as_str(), result.agent.0])
        }
        CallRef::Outbound(_) | CallRef::Inbound(_) => None,
    });
    let outbound: Vec<_> = outbound.collect();
    let mut known: BTreeSet<AttemptId> = BTreeSet::new();
    if !outbound.is_empty() {
        for row in conn.rows(RESULTS_OF_ATTEMPTS, vec![rows(outbound)]).await? {
            known.insert(AttemptId(row.int("id")?));
            changed.push((row.parsed("campaign")?, row.time("at")?));
        }
    }
    let mut receipts = Vec::with_capacity(results.len());
    let mut taken: Vec<(&CallResult, u64)> = Vec::new();
    for (result, revision) in results.iter().zip(revisions) {
        receipts.push(match (revision, result.call) {
            (Revision::Repeated(revision), _) => Ok(ResultReceipt { revision, repeated: true, journalled: false }),
            (Revision::Fresh(_), CallRef::Outbound(attempt)) if !known.contains(&attempt) => {
                Err(StoreError::NotFound { what: "attempt", name: attempt.to_string() })
            }
            (Revision::Fresh(revision), CallRef::Outbound(_) | CallRef::Inbound(_)) => {
                taken.push((result, revision));
                Ok(ResultReceipt { revision, repeated: false, journalled: false })
            }
        });
    }
    if !taken.is_empty() {
        conn.run(INSERT_RESULTS, vec![rows(taken.iter().map(|(result, revision)| result_row(result, *revision)))])
            .await?;
    }
    outbox::results_recorded(conn, ids, &taken).await?;
    super::orders::follow_results(conn, ids, &taken).await?;
    move_leads(conn, ids, &taken).await?;
    for (result, _) in &taken {
        suppress_with(conn, ids, result).await?;
    }
    Ok(receipts)
}

fn result_row(result: &CallResult, revision: u64) -> Vec<Value> {
    let (direction, call) = call_key(result.call);
    params![
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
    ]
}

/// What the results make of their leads.
async fn move_leads(conn: &mut Conn, ids: &Ids, taken: &[(&CallResult, u64)]) -> Result<(), StoreError> {
    let mut dialled = Vec::new();
    for (result, _) in taken {
        let (Some(lead), Some(next)) = (result.lead, &result.next) else { continue };
        let (at, number) = (result.at, result.number.as_ref());
        match result.call {
            CallRef::Outbound(attempt) => dialled.push(Next { lead, attempt, next, at, number, keeps_promise: false }),
            // Two callers may be one customer: each decides in turn.
            CallRef::Inbound(_) => {
                let next = Next { lead, attempt: AttemptId(0), next, at, number, keeps_promise: false };
                leads::apply_nexts(conn, ids, Decider::Inbound, &[next]).await?;
            }
        }
    }
    leads::apply_nexts(conn, ids, Decider::Result, &dialled).await
}

enum Revision {
    Fresh(u64),
    Repeated(u64),
}

/// Which revision of its call each result is, or which one it repeats.
async fn revisions(conn: &mut Conn, results: &[&CallResult]) -> Result<Vec<Revision>, StoreError> {
    let requests: Vec<_> =
        results.iter().filter_map(|result| result.request.map(|request| params![request.0])).collect();
    let mut done: BTreeMap<i64, u64> = BTreeMap::new();
    if !requests.is_empty() {
        for row in conn.rows(RESULTS_OF_REQUESTS, vec![rows(requests)]).await? {
            done.insert(row.int("request_id")?, row.count("revision")?);
        }
    }
    let mut latest: BTreeMap<u64, Revision> = BTreeMap::new();
    let calls = results.iter().enumerate().map(|(place, result)| {
        let (direction, call) = call_key(result.call);
        params![place as u64, direction, call]
    });
    for row in conn.rows(LATEST_RESULTS, vec![rows(calls)]).await? {
        let place = row.count("place")?;
        if let Some(result) = usize::try_from(place).ok().and_then(|place| results.get(place)) {
            latest.insert(place, revision(&row, result)?);
        }
    }
    let of = |(place, result): (usize, &&CallResult)| {
        let repeated = result.request.and_then(|request| done.get(&request.0));
        match repeated {
            Some(revision) => Revision::Repeated(*revision),
            None => latest.remove(&(place as u64)).unwrap_or(Revision::Fresh(1)),
        }
    };
    Ok(results.iter().enumerate().map(of).collect())
}

/// What a result is beside the latest one of its call.
fn revision(latest: &Row, result: &CallResult) -> Result<Revision, StoreError> {
    let same = latest.int("agent_id")? == result.agent.0
        && latest.text("result")? == result.result
        && latest.text("disposition")? == result.disposition.as_str()
        && latest.json::<BTreeMap<String, String>>("answers")? == result.answers
        && latest.text("note")? == result.note
        && super::orders::holds(latest, result.order.as_ref())?;
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

/// Records callers who are being recorded, each another; repetitions change nothing.
pub(super) async fn apply_callers(conn: &mut Conn, callers: &[&RecordedCaller]) -> Result<(), StoreError> {
    let row = |caller: &&RecordedCaller| {
        params![
            caller.call.0,
            caller.queue.as_ref().map(|queue| queue.as_str()),
            caller.campaign.as_ref().map(CampaignKey::as_str),
            caller.did.as_str(),
            caller.caller.as_ref().map(|caller| caller.as_str()),
            caller.offered_at,
            caller.agent.0,
        ]
    };
    conn.run(INSERT_CALLERS, vec![rows(callers.iter().map(row))]).await.map(drop)
}

/// Records inbound calls that are over; repetitions change nothing.
pub(super) async fn apply_inbounds(conn: &mut Conn, ids: &Ids, ends: &[&InboundEnd]) -> Result<(), StoreError> {
    let row = |end: &&InboundEnd| {
        params![
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
        ]
    };
    let inserted = conn.rows(INSERT_INBOUND, vec![rows(ends.iter().map(row))]).await?;
    let fresh: Vec<InboundId> = inserted.iter().map(|row| row.int("id").map(InboundId)).collect::<Result<_, _>>()?;
    conn.run(DROP_CALLERS, vec![rows(fresh.iter().map(|call| params![call.0]))]).await?;
    super::recordings::learn_campaigns(conn, &fresh).await?;
    let talked = ends.iter().filter(|end| fresh.contains(&end.call));
    let talked: Vec<_> = talked.filter_map(|end| Some((end.caller.as_ref()?, end.connected_at?))).collect();
    super::promises::talked(conn, &talked).await?;
    outbox::inbound_ended(conn, ids, fresh.into_iter()).await
}
