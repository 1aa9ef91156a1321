//! What each event says: read from the database within the transaction that made it so, and only where somebody wants it.
//!
//! The members are documented in docs/webhooks.md and only ever added to. Times are RFC 3339 in UTC, numbers E.164, ids as
//! the API writes them.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{Event, EventType, tell};
use crate::model::attempt::CallResult;
use crate::model::campaign::CampaignState;
use crate::model::id::{
    AttemptId, ConsentId, ImportId, InboundId, LeadId, ListId, MessageId, RegistrationId, SuppressionId,
};
use crate::model::lead::LeadState;
use crate::model::name::CampaignKey;
use crate::model::order::{Money, OrderItem, OrderNumber, OrderState};
use crate::model::time::Timestamp;
use crate::store::Ids;
use crate::store::calls::call_key;
use crate::store::db::{Conn, Row, Value, params, rows, statements, word};
use crate::store::error::StoreError;
use crate::store::import::ImportCounts;
use crate::store::suppressions::{Scope, Suppression};

statements! {
    CALLS = "
        select a.id as id, a.campaign as campaign, a.number as number, a.caller_id as caller_id, a.trunk as trunk,
            a.at as at, a.rang_at as rang_at, a.answered_at as answered_at, a.connected_at as connected_at,
            a.ended_at as ended_at, a.disposition as disposition, a.network_disposition as network_disposition,
            a.answered_by as answered_by, a.failure_kind as failure_kind, a.sip_status as sip_status, a.q850 as q850,
            a.ordinal as ordinal, a.result as result, u.login as agent, l.id as lead_id, l.list_id as list_id,
            k.name as list_name, l.name as lead_name, l.extra as extra
        from json_each($1) j cross join attempts a
        left join users u on u.id = a.agent_id
        left join leads l on l.id = a.lead_id
        left join lists k on k.id = l.list_id
        where a.id = cast(j.value ->> 0 as bigint)";
    INBOUND = "
        select i.id as id, i.queue as queue, i.campaign as campaign, i.did as did, i.caller as caller,
            i.offered_at as offered_at, i.connected_at as connected_at, i.ended_at as ended_at, i.outcome as outcome,
            u.login as agent
        from json_each($1) j cross join inbound_calls i
        left join users u on u.id = i.agent_id
        where i.id = cast(j.value ->> 0 as bigint)";
    RESULTS = "
        select r.direction as direction, r.call_id as call_id, r.revision as revision, r.campaign as campaign,
            r.number as number, r.result as result, r.disposition as disposition, r.answers as answers,
            r.note as note, r.at as at, r.talk_ms as talk_ms, r.wrap_up_ms as wrap_up_ms, u.login as agent,
            l.id as lead_id, l.list_id as list_id, k.name as list_name, l.name as lead_name, l.extra as extra,
            l.number as lead_number
        from json_each($1) j cross join results r
        left join users u on u.id = r.agent_id
        left join leads l on l.id = r.lead_id
        left join lists k on k.id = l.list_id
        where r.direction = j.value ->> 0 and r.call_id = cast(j.value ->> 1 as bigint)
          and r.revision = cast(j.value ->> 2 as bigint)";
    LEADS = "
        select l.id as lead_id, l.campaign as campaign, l.list_id as list_id, k.name as list_name, l.number as number,
            l.name as lead_name, l.extra as extra, l.state as state, l.callback_at as callback_at,
            l.callback_agent as callback_agent, l.closed_by as closed_by
        from json_each($1) j cross join leads l
        left join lists k on k.id = l.list_id
        where l.id = cast(j.value ->> 0 as bigint)";
    SUPPRESSION = "
        select number, scope, reason, source, note, added_by, added_at, expires_at, lifted_by, lifted_at, lifted_why
        from suppressions where id = $1";
    CONSENT = "
        select c.number as number, c.purpose as purpose, c.kind as kind, c.text as text, c.text_version as text_version,
            c.channel as channel, c.source as source, c.at as at, c.expires_at as expires_at,
            c.recorded_by as recorded_by, k.place as place, k.hash as hash
        from consents c cross join consent_chain k where c.id = $1 and k.consent_id = c.id";
    MESSAGE = "
        select gateway, campaign, number, ours, text, meaning, answers from messages where id = $1";
    PROMISES = "
        select p.id as id, p.campaign as campaign, p.number as number, p.channel as channel, p.source as source,
            p.message_id as message_id, p.asked_at as asked_at, p.preferred_at as preferred_at,
            p.promised_at as promised_at, l.id as lead_id, l.list_id as list_id, k.name as list_name,
            l.name as lead_name, l.extra as extra
        from json_each($1) j cross join pre_registrations p
        left join leads l on l.id = p.lead_id
        left join lists k on k.id = l.list_id
        where p.id = cast(j.value ->> 0 as bigint) order by p.promised_at, p.id";
    ORDER = "
        select o.id as id, o.campaign as campaign, o.direction as direction, o.call_id as call_id, o.number as number,
            u.login as agent, o.state as state, o.state_at as state_at, o.items as items, o.currency as currency,
            o.value as value, o.recipient as recipient, o.address as address, o.note as note, o.carrier as carrier,
            o.tracking as tracking, o.attention as attention, o.opened_at as opened_at, l.id as lead_id,
            l.list_id as list_id, k.name as list_name, l.name as lead_name, l.extra as extra
        from orders o
        left join users u on u.id = o.agent_id
        left join leads l on l.id = o.lead_id
        left join lists k on k.id = l.list_id
        where o.id = $1";
    IMPORT = "select kind, campaign, list_id, file, started_by, started_at from imports where id = $1";
}

const LEAD_EVENTS: [EventType; 3] = [EventType::LeadDone, EventType::LeadGivenUp, EventType::LeadCallback];

/// Attempts that ended now.
pub(in crate::store) async fn calls_ended(
    conn: &mut Conn,
    ids: &Ids,
    attempts: impl Iterator<Item = AttemptId>,
) -> Result<(), StoreError> {
    let Some(keys) = keys(ids, &[EventType::CallEnded], attempts.map(|attempt| params![attempt.0])) else {
        return Ok(());
    };
    let mut events = Vec::new();
    for row in conn.rows(CALLS, vec![keys]).await? {
        let at = row.opt_time("ended_at")?.map_or_else(|| row.time("at"), Ok)?;
        let data = json!({
            "direction": "outbound",
            "call": AttemptId(row.int("id")?),
            "campaign": row.opt_text("campaign")?,
            "number": row.text("number")?,
            "caller_id": row.text("caller_id")?,
            "trunk": row.text("trunk")?,
            "attempt": row.count("ordinal")? + 1,
            "disposition": row.opt_text("disposition")?,
            "network_disposition": row.opt_text("network_disposition")?,
            "result": row.opt_text("result")?,
            "answered_by": row.opt_text("answered_by")?,
            "failure": failure(&row)?,
            "agent": row.opt_text("agent")?,
            "began_at": time(&row, "at")?,
            "rang_at": time(&row, "rang_at")?,
            "answered_at": time(&row, "answered_at")?,
            "connected_at": time(&row, "connected_at")?,
            "ended_at": time(&row, "ended_at")?,
            "lead": lead(&row)?,
        });
        events.push(Event { kind: EventType::CallEnded, at, campaign: row.opt_text("campaign")?, data });
    }
    tell(conn, ids, events).await
}

/// Inbound calls that ended now.
pub(in crate::store) async fn inbound_ended(
    conn: &mut Conn,
    ids: &Ids,
    calls: impl Iterator<Item = InboundId>,
) -> Result<(), StoreError> {
    let Some(keys) = keys(ids, &[EventType::CallEnded], calls.map(|call| params![call.0])) else { return Ok(()) };
    let mut events = Vec::new();
    for row in conn.rows(INBOUND, vec![keys]).await? {
        let data = json!({
            "direction": "inbound",
            "call": InboundId(row.int("id")?),
            "campaign": row.opt_text("campaign")?,
            "queue": row.opt_text("queue")?,
            "number": row.opt_text("caller")?,
            "dialled": row.text("did")?,
            "outcome": row.text("outcome")?,
            "agent": row.opt_text("agent")?,
            "began_at": time(&row, "offered_at")?,
            "connected_at": time(&row, "connected_at")?,
            "ended_at": time(&row, "ended_at")?,
        });
        let (at, campaign) = (row.time("ended_at")?, row.opt_text("campaign")?);
        events.push(Event { kind: EventType::CallEnded, at, campaign, data });
    }
    tell(conn, ids, events).await
}

/// Results that were taken, with their revisions.
pub(in crate::store) async fn results_recorded(
    conn: &mut Conn,
    ids: &Ids,
    taken: &[(&CallResult, u64)],
) -> Result<(), StoreError> {
    let places = taken.iter().map(|(result, revision)| {
        let (direction, call) = call_key(result.call);
        params![direction, call, *revision]
    });
    let Some(keys) = keys(ids, &[EventType::ResultRecorded], places) else { return Ok(()) };
    let mut events = Vec::new();
    for row in conn.rows(RESULTS, vec![keys]).await? {
        let (direction, call) = (row.text("direction")?, row.int("call_id")?);
        let call = if direction == "outbound" { json!(AttemptId(call)) } else { json!(InboundId(call)) };
        let number = row.opt_text("number")?.map_or_else(|| row.opt_text("lead_number"), |number| Ok(Some(number)))?;
        let data = json!({
            "direction": direction,
            "call": call,
            "revision": row.count("revision")?,
            "campaign": row.opt_text("campaign")?,
            "number": number,
            "agent": row.opt_text("agent")?,
            "result": row.text("result")?,
            "disposition": row.text("disposition")?,
            "answers": row.json::<BTreeMap<String, String>>("answers")?,
            "note": row.text("note")?,
            "talk_ms": row.int("talk_ms")?,
            "wrap_up_ms": row.int("wrap_up_ms")?,
            "recorded_at": time(&row, "at")?,
            "lead": lead(&row)?,
        });
        let (at, campaign) = (row.time("at")?, row.opt_text("campaign")?);
        events.push(Event { kind: EventType::ResultRecorded, at, campaign, data });
    }
    tell(conn, ids, events).await
}

/// Leads that were moved on now, with when that was decided: what has become of those that left the list, or will be
/// called back.
pub(in crate::store) async fn leads_moved(
    conn: &mut Conn,
    ids: &Ids,
    moved: impl Iterator<Item = (LeadId, Timestamp)>,
) -> Result<(), StoreError> {
    if !ids.outbox.wants_any(&LEAD_EVENTS) {
        return Ok(());
    }
    let moved: BTreeMap<LeadId, Timestamp> = moved.collect();
    let Some(keys) = keys(ids, &LEAD_EVENTS, moved.keys().map(|lead| params![lead.0])) else { return Ok(()) };
    let mut events = Vec::new();
    for row in conn.rows(LEADS, vec![keys]).await? {
        let kind = match row.word::<LeadState>("state")? {
            LeadState::Done => EventType::LeadDone,
            LeadState::GivenUp => EventType::LeadGivenUp,
            LeadState::Callback => EventType::LeadCallback,
            LeadState::Open | LeadState::Dialling => continue,
        };
        let mut data = json!({
            "campaign": row.opt_text("campaign")?,
            "number": row.text("number")?,
            "lead": lead(&row)?,
        });
        match kind {
            EventType::LeadCallback => {
                data["callback_at"] = time(&row, "callback_at")?;
                data["callback_agent"] = json!(row.opt_text("callback_agent")?);
            }
            EventType::LeadGivenUp => data["closed_by"] = json!(row.opt_text("closed_by")?),
            _ => {}
        }
        let at = moved.get(&LeadId(row.int("lead_id")?)).copied().unwrap_or_default();
        events.push(Event { kind, at, campaign: row.opt_text("campaign")?, data });
    }
    tell(conn, ids, events).await
}

/// A suppression that was not there before.
pub(in crate::store) async fn suppression_added(
    conn: &mut Conn,
    ids: &Ids,
    id: SuppressionId,
    suppression: &Suppression,
    by: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    if !ids.outbox.wants(EventType::SuppressionAdded) {
        return Ok(());
    }
    let campaign = campaign_of(&suppression.scope);
    let data = json!({
        "suppression": id,
        "number": suppression.number,
        "campaign": campaign,
        "reason": suppression.reason,
        "source": suppression.source,
        "note": suppression.note,
        "added_by": by,
        "expires_at": suppression.expires_at.map(|at| at.to_string()),
    });
    tell(conn, ids, vec![Event { kind: EventType::SuppressionAdded, at, campaign, data }]).await
}

/// A suppression that was lifted now.
pub(in crate::store) async fn suppression_lifted(
    conn: &mut Conn,
    ids: &Ids,
    id: SuppressionId,
    at: Timestamp,
) -> Result<(), StoreError> {
    if !ids.outbox.wants(EventType::SuppressionLifted) {
        return Ok(());
    }
    let row = conn.one(SUPPRESSION, params![id.0]).await?;
    let campaign = campaign_of(&row.parsed("scope")?);
    let data = json!({
        "suppression": id,
        "number": row.text("number")?,
        "campaign": campaign,
        "reason": row.text("reason")?,
        "source": row.text("source")?,
        "added_by": row.text("added_by")?,
        "added_at": time(&row, "added_at")?,
        "lifted_by": row.opt_text("lifted_by")?,
        "lifted_why": row.opt_text("lifted_why")?,
    });
    tell(conn, ids, vec![Event { kind: EventType::SuppressionLifted, at, campaign, data }]).await
}

/// A consent or a revocation that was not there before.
pub(in crate::store) async fn consent_recorded(
    conn: &mut Conn,
    ids: &Ids,
    id: ConsentId,
    at: Timestamp,
) -> Result<(), StoreError> {
    if !ids.outbox.wants_any(&[EventType::ConsentGiven, EventType::ConsentRevoked]) {
        return Ok(());
    }
    let row = conn.one(CONSENT, params![id.0]).await?;
    let kind = if row.text("kind")? == "given" { EventType::ConsentGiven } else { EventType::ConsentRevoked };
    let campaign = campaign_of(&row.parsed("purpose")?);
    let data = json!({
        "consent": id,
        "number": row.text("number")?,
        "campaign": campaign,
        "text": row.text("text")?,
        "text_version": row.text("text_version")?,
        "channel": row.text("channel")?,
        "source": row.text("source")?,
        "said_at": time(&row, "at")?,
        "expires_at": time(&row, "expires_at")?,
        "recorded_by": row.text("recorded_by")?,
        "place": row.int("place")?,
        "hash": row.text("hash")?,
    });
    tell(conn, ids, vec![Event { kind, at, campaign, data }]).await
}

/// A message of a customer, in the transaction that takes it in.
pub(in crate::store) async fn message_received(
    conn: &mut Conn,
    ids: &Ids,
    id: MessageId,
    at: Timestamp,
) -> Result<(), StoreError> {
    if !ids.outbox.wants(EventType::MessageReceived) {
        return Ok(());
    }
    let row = conn.one(MESSAGE, params![id.0]).await?;
    let campaign = row.opt_text("campaign")?;
    let data = json!({
        "message": id,
        "number": row.text("number")?,
        "campaign": campaign,
        "gateway": row.text("gateway")?,
        "to": row.text("ours")?,
        "text": row.text("text")?,
        "meaning": row.text("meaning")?,
        "answers": row.opt_int("answers")?.map(MessageId),
    });
    tell(conn, ids, vec![Event { kind: EventType::MessageReceived, at, campaign, data }]).await
}

/// Promises that came to be at risk.
pub(in crate::store) async fn promises_at_risk(
    conn: &mut Conn,
    ids: &Ids,
    promises: &[RegistrationId],
    at: Timestamp,
) -> Result<(), StoreError> {
    promises_stand(conn, ids, EventType::PromiseAtRisk, promises, at).await
}

/// Promises that broke.
pub(in crate::store) async fn promises_broken(
    conn: &mut Conn,
    ids: &Ids,
    promises: &[RegistrationId],
    at: Timestamp,
) -> Result<(), StoreError> {
    promises_stand(conn, ids, EventType::PromiseBroken, promises, at).await
}

async fn promises_stand(
    conn: &mut Conn,
    ids: &Ids,
    kind: EventType,
    promises: &[RegistrationId],
    at: Timestamp,
) -> Result<(), StoreError> {
    let Some(keys) = keys(ids, &[kind], promises.iter().map(|promise| params![promise.0])) else { return Ok(()) };
    let mut events = Vec::new();
    for row in conn.rows(PROMISES, vec![keys]).await? {
        let campaign = row.opt_text("campaign")?;
        let data = json!({
            "pre_registration": RegistrationId(row.int("id")?),
            "campaign": campaign,
            "number": row.text("number")?,
            "channel": row.text("channel")?,
            "source": row.text("source")?,
            "message": row.opt_int("message_id")?.map(MessageId),
            "asked_at": time(&row, "asked_at")?,
            "preferred_at": time(&row, "preferred_at")?,
            "promised_until": time(&row, "promised_at")?,
            "lead": lead(&row)?,
        });
        events.push(Event { kind, at, campaign, data });
    }
    tell(conn, ids, events).await
}

/// An order was opened, or came from a state into another, or was corrected.
pub(in crate::store) async fn order_told(
    conn: &mut Conn,
    ids: &Ids,
    kind: EventType,
    order: OrderNumber,
    before: Option<OrderState>,
    at: Timestamp,
) -> Result<(), StoreError> {
    if !ids.outbox.wants(kind) {
        return Ok(());
    }
    let row = conn.one(ORDER, params![order.0]).await?;
    let call = row.int("call_id")?;
    let direction = row.text("direction")?;
    let campaign = row.opt_text("campaign")?;
    let mut data = json!({
        "order": order,
        "campaign": campaign,
        "direction": direction,
        "call": if direction == "outbound" { json!(AttemptId(call)) } else { json!(InboundId(call)) },
        "number": row.opt_text("number")?,
        "agent": row.opt_text("agent")?,
        "state": row.text("state")?,
        "state_at": time(&row, "state_at")?,
        "items": row.json::<Vec<OrderItem>>("items")?,
        "currency": row.text("currency")?,
        "value": Money(row.int("value")?),
        "recipient": row.text("recipient")?,
        "address": row.text("address")?,
        "note": row.text("note")?,
        "carrier": row.text("carrier")?,
        "tracking": row.text("tracking")?,
        "attention": row.opt_text("attention")?,
        "opened_at": time(&row, "opened_at")?,
        "lead": lead(&row)?,
    });
    if let Some(before) = before {
        data["state_before"] = json!(before);
    }
    tell(conn, ids, vec![Event { kind, at, campaign, data }]).await
}

/// A campaign's state was changed.
pub(in crate::store) async fn campaign_changed(
    conn: &mut Conn,
    ids: &Ids,
    key: &CampaignKey,
    (before, state): (CampaignState, CampaignState),
    (by, why): (&str, &str),
    at: Timestamp,
) -> Result<(), StoreError> {
    let kind = match state {
        CampaignState::Running => EventType::CampaignStarted,
        CampaignState::Paused => EventType::CampaignPaused,
        CampaignState::Ended => EventType::CampaignEnded,
        CampaignState::Ready => return Ok(()),
    };
    let data = json!({ "campaign": key, "state_before": word(&before), "state": word(&state), "by": by, "why": why });
    tell(conn, ids, vec![Event { kind, at, campaign: Some(key.to_string()), data }]).await
}

/// An import came to its end.
pub(in crate::store) async fn import_finished(
    conn: &mut Conn,
    ids: &Ids,
    import: ImportId,
    counts: &ImportCounts,
    failed: Option<&str>,
    at: Timestamp,
) -> Result<(), StoreError> {
    if !ids.outbox.wants(EventType::ImportFinished) {
        return Ok(());
    }
    let row = conn.one(IMPORT, params![import.0]).await?;
    let campaign = row.opt_text("campaign")?;
    let data = json!({
        "import": import,
        "kind": row.text("kind")?,
        "campaign": campaign,
        "list": row.opt_int("list_id")?.map(ListId),
        "file": row.text("file")?,
        "state": if failed.is_some() { "failed" } else { "done" },
        "error": failed,
        "rows": counts.rows,
        "accepted": counts.accepted,
        "updated": counts.updated,
        "duplicate": counts.duplicate,
        "invalid": counts.invalid,
        "suppressed": counts.suppressed,
        "started_by": row.text("started_by")?,
        "started_at": time(&row, "started_at")?,
    });
    tell(conn, ids, vec![Event { kind: EventType::ImportFinished, at, campaign, data }]).await
}

/// The rows to be read; none where nobody wants to hear of them, or there are none.
fn keys(ids: &Ids, events: &[EventType], rows_of: impl Iterator<Item = Vec<Value>>) -> Option<Value> {
    if !ids.outbox.wants_any(events) {
        return None;
    }
    let all: Vec<_> = rows_of.collect();
    (!all.is_empty()).then(|| rows(all))
}

fn campaign_of(scope: &Scope) -> Option<String> {
    match scope {
        Scope::All => None,
        Scope::Campaign(key) => Some(key.to_string()),
    }
}

fn time(row: &Row, column: &'static str) -> Result<Json, StoreError> {
    Ok(json!(row.opt_time(column)?.map(|at| at.to_string())))
}

/// What the lists said of the customer; null where the lead is gone, or there was none.
fn lead(row: &Row) -> Result<Json, StoreError> {
    let Some(id) = row.opt_int("lead_id")? else { return Ok(Json::Null) };
    Ok(json!({
        "id": LeadId(id),
        "list": row.opt_int("list_id")?.map(ListId),
        "list_name": row.opt_text("list_name")?,
        "name": row.text("lead_name")?,
        "columns": row.json::<BTreeMap<String, String>>("extra")?,
    }))
}

/// How the network refused it; null where it did not.
fn failure(row: &Row) -> Result<Json, StoreError> {
    let Some(kind) = row.opt_text("failure_kind")? else { return Ok(Json::Null) };
    Ok(json!({ "kind": kind, "sip_status": row.opt_int("sip_status")?, "q850": row.opt_int("q850")? }))
}
