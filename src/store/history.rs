//! What happened, for pages and the desk: attempts with filters and a cursor, a lead's detail, a number's story.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Store;
use super::attempts::{opt_phone, phone};
use super::calls::call_key;
use super::db::{Conn, Row, Value, params, statements, word};
use super::error::StoreError;
use super::leads::{LeadCard, with_number};
use super::suppressions::SuppressionRow;
use crate::model::attempt::{AnsweredBy, CallRef, FailureKind, InboundOutcome};
use crate::model::disposition::Disposition;
use crate::model::id::{AttemptId, InboundId, LeadId, UserId};
use crate::model::name::{CampaignKey, QueueName, TrunkName};
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;

/// Most rows on a page.
pub(super) const PAGE_MAX: usize = 1000;

/// An attempt with all that is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct AttemptRow {
    /// Its id.
    pub id: AttemptId,
    /// Whose lead.
    pub campaign: CampaignKey,
    /// Which lead.
    pub lead: LeadId,
    /// The number dialled.
    pub number: PhoneNumber,
    /// The number shown.
    pub caller_id: PhoneNumber,
    /// The trunk it was meant for.
    pub trunk: TrunkName,
    /// When its intent was recorded.
    pub at: Timestamp,
    /// Attempts of the lead before it.
    pub ordinal: u32,
    /// On its way.
    pub live: bool,
    /// When it first rang.
    pub rang_at: Option<Timestamp>,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// When an agent was connected.
    pub connected_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// The agent.
    pub agent: Option<UserId>,
    /// How the network or the dialer saw it.
    pub network_disposition: Option<Disposition>,
    /// What counts.
    pub disposition: Option<Disposition>,
    /// The campaign's own name of the result.
    pub result: Option<String>,
    /// How it failed.
    #[schema(value_type = Option<String>)]
    pub failure: Option<FailureKind>,
    /// SIP status, where there was one.
    pub sip_status: Option<u16>,
    /// Q.850 cause, where there was one.
    pub q850: Option<u8>,
    /// Who or what answered.
    pub answered_by: Option<AnsweredBy>,
    /// How sure the detection was, in per cent.
    pub confidence: Option<u8>,
    /// How long the detection took, in ms.
    pub classify_ms: Option<u32>,
}

/// Which attempts to list; all that is set must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttemptFilter {
    /// Of a campaign.
    pub campaign: Option<CampaignKey>,
    /// Of a lead.
    pub lead: Option<LeadId>,
    /// To a number.
    pub number: Option<PhoneNumber>,
    /// By an agent.
    pub agent: Option<UserId>,
    /// That count as.
    pub disposition: Option<Disposition>,
    /// Begun at or after.
    pub from: Option<Timestamp>,
    /// Begun before.
    pub to: Option<Timestamp>,
}

/// Where the next page begins: the last row of the page before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AttemptCursor {
    /// When it began.
    pub at: Timestamp,
    /// Its id.
    pub id: AttemptId,
}

/// A result with its revision.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ResultRow {
    /// The call.
    pub call: CallRef,
    /// 1 for the first; the highest counts.
    pub revision: u64,
    /// The campaign.
    pub campaign: Option<CampaignKey>,
    /// The lead.
    pub lead: Option<LeadId>,
    /// Who.
    pub agent: UserId,
    /// The campaign's own name of the result.
    pub result: String,
    /// What it means.
    pub disposition: Disposition,
    /// Answers by question key.
    pub answers: BTreeMap<String, String>,
    /// Free text.
    pub note: String,
    /// When.
    pub at: Timestamp,
    /// Talk and wrap-up, in ms.
    pub talk_ms: u64,
    /// Wrap-up, in ms.
    pub wrap_up_ms: u64,
}

/// An inbound call.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct InboundRow {
    /// Its id.
    pub id: InboundId,
    /// The queue it waited in.
    pub queue: Option<QueueName>,
    /// The campaign whose call was returned.
    pub campaign: Option<CampaignKey>,
    /// The number that was dialled.
    pub did: String,
    /// The caller.
    pub caller: Option<PhoneNumber>,
    /// When it arrived.
    pub offered_at: Timestamp,
    /// When an agent was connected.
    pub connected_at: Option<Timestamp>,
    /// When it was over; none while it is up and being recorded.
    pub ended_at: Option<Timestamp>,
    /// The agent.
    pub agent: Option<UserId>,
    /// How it ended; none while it is up.
    pub outcome: Option<InboundOutcome>,
}

/// A lead with its attempts and results, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct LeadDetail {
    /// The lead.
    pub lead: LeadCard,
    /// Its attempts, at most 1,000.
    pub attempts: Vec<AttemptRow>,
    /// Every revision of every result of it, at most 1,000.
    pub results: Vec<ResultRow>,
    /// What its number is or was suppressed for.
    pub suppressions: Vec<SuppressionRow>,
}

/// Everything with one number, for the desk: newest first.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct NumberHistory {
    /// Leads with the number.
    pub leads: Vec<LeadCard>,
    /// Calls we made.
    pub attempts: Vec<AttemptRow>,
    /// Calls we got.
    pub inbound: Vec<InboundRow>,
}

/// Why a customer may be calling back: the last attempt to the number, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Story {
    /// The last attempt.
    pub attempt: AttemptRow,
    /// Its lead.
    pub lead: Option<LeadCard>,
    /// The result that counts.
    pub result: Option<ResultRow>,
}

// The filter that narrows most leads; its column is the first of an index, and the others are tested on the rows found.
statements! {
    ALL = "
        select * from attempts
        where (at, id) < ($1, $2) and at >= $3
          and (cast($4 as text) is null or campaign = $4) and (cast($5 as bigint) is null or lead_id = $5)
          and (cast($6 as text) is null or number = $6) and (cast($7 as bigint) is null or agent_id = $7)
          and (cast($8 as text) is null or disposition = $8)
        order by at desc, id desc limit $9";
    OF_CAMPAIGN = "
        select * from attempts
        where campaign = $4 and (at, id) < ($1, $2) and at >= $3
          and (cast($5 as bigint) is null or lead_id = $5) and (cast($6 as text) is null or number = $6)
          and (cast($7 as bigint) is null or agent_id = $7) and (cast($8 as text) is null or disposition = $8)
        order by at desc, id desc limit $9";
    OF_LEAD = "
        select * from attempts
        where lead_id = $5 and (at, id) < ($1, $2) and at >= $3
          and (cast($4 as text) is null or campaign = $4) and (cast($6 as text) is null or number = $6)
          and (cast($7 as bigint) is null or agent_id = $7) and (cast($8 as text) is null or disposition = $8)
        order by at desc, id desc limit $9";
    OF_NUMBER = "
        select * from attempts
        where number = $6 and (at, id) < ($1, $2) and at >= $3
          and (cast($4 as text) is null or campaign = $4) and (cast($5 as bigint) is null or lead_id = $5)
          and (cast($7 as bigint) is null or agent_id = $7) and (cast($8 as text) is null or disposition = $8)
        order by at desc, id desc limit $9";
    OF_AGENT = "
        select * from attempts
        where agent_id = $7 and (at, id) < ($1, $2) and at >= $3
          and (cast($4 as text) is null or campaign = $4) and (cast($5 as bigint) is null or lead_id = $5)
          and (cast($6 as text) is null or number = $6) and (cast($8 as text) is null or disposition = $8)
        order by at desc, id desc limit $9";
    ONE = "select * from attempts where id = $1";
    LAST_TO_NUMBER = "select * from attempts where number = $1 order by at desc, id desc limit 1";
    LAST_TO_PERSON = concat!("
        select * from attempts where lead_id in (", with_number!(), ") order by at desc, id desc limit 1");
    RESULTS_OF_LEAD = "select * from results where lead_id = $1 order by at desc, revision desc limit 1000";
    RESULTS_OF_CALL = "
        select * from results where direction = $1 and call_id = $2 order by revision desc limit 1000";
    INBOUND_OF_CALLER = "
        select id, queue, campaign, did, caller, offered_at, connected_at, ended_at, agent_id, outcome
        from inbound_calls where caller = $1
        union all
        select id, queue, campaign, did, caller, offered_at, null, null, agent_id, null
        from recorded_callers where caller = $1
        order by offered_at desc, id desc limit $2";
    INBOUND = "
        select * from inbound_calls
        where (offered_at, id) < ($1, $2) and offered_at >= $3 and (cast($4 as text) is null or queue = $4)
        order by offered_at desc, id desc limit $5";
}

impl Store {
    /// A page of attempts, newest first, after the row `after` of the page before. At most 1,000.
    pub async fn attempts(
        &self,
        filter: &AttemptFilter,
        after: Option<AttemptCursor>,
        limit: usize,
    ) -> Result<Vec<AttemptRow>, StoreError> {
        let mut conn = self.reader().await?;
        attempts(&mut conn, filter, after, limit).await
    }

    /// One attempt: also how to learn whether an intent whose commit was unresolved is there.
    pub async fn attempt(&self, id: AttemptId) -> Result<Option<AttemptRow>, StoreError> {
        let mut conn = self.reader().await?;
        conn.row(ONE, params![id.0]).await?.as_ref().map(attempt_row).transpose()
    }

    /// All revisions of a call's result, newest first.
    pub async fn results_of(&self, call: CallRef) -> Result<Vec<ResultRow>, StoreError> {
        let mut conn = self.reader().await?;
        results_of_call(&mut conn, call).await
    }

    /// A lead with its attempts, results and suppressions.
    pub async fn lead_detail(&self, id: LeadId) -> Result<Option<LeadDetail>, StoreError> {
        let Some(lead) = self.lead(id).await? else { return Ok(None) };
        let mut suppressions = self.suppressions_of(&lead.number).await?;
        // One of another number is one of the person.
        for (number, _) in lead.numbers.iter().filter(|(number, _)| *number != lead.number) {
            suppressions.extend(self.suppressions_of(number).await?);
        }
        let mut conn = self.reader().await?;
        let filter = AttemptFilter { lead: Some(id), ..AttemptFilter::default() };
        let attempts = attempts(&mut conn, &filter, None, PAGE_MAX).await?;
        let rows = conn.rows(RESULTS_OF_LEAD, params![id.0]).await?;
        let results = rows.iter().map(result_row).collect::<Result<_, _>>()?;
        Ok(Some(LeadDetail { lead, attempts, results, suppressions }))
    }

    /// The last calls with a number in both directions, at most `limit` each.
    pub async fn number_history(&self, number: &PhoneNumber, limit: usize) -> Result<NumberHistory, StoreError> {
        let leads = self.leads_of_number(number).await?;
        let mut conn = self.reader().await?;
        let filter = AttemptFilter { number: Some(number.clone()), ..AttemptFilter::default() };
        let attempts = attempts(&mut conn, &filter, None, limit).await?;
        let values = params![number.as_str(), limit.min(PAGE_MAX) as u64];
        let inbound = conn.rows(INBOUND_OF_CALLER, values).await?;
        Ok(NumberHistory { leads, attempts, inbound: inbound.iter().map(inbound_row).collect::<Result<_, _>>()? })
    }

    /// The last attempt to a number, or else to whoever may be called at it, with its lead and result: what the desk shows when
    /// the customer calls back.
    pub async fn story(&self, number: &PhoneNumber) -> Result<Option<Story>, StoreError> {
        let mut conn = self.reader().await?;
        let mut row = conn.row(LAST_TO_NUMBER, params![number.as_str()]).await?;
        if row.is_none() {
            row = conn.row(LAST_TO_PERSON, params![number.as_str()]).await?;
        }
        let Some(row) = row else { return Ok(None) };
        let attempt = attempt_row(&row)?;
        let result = results_of_call(&mut conn, CallRef::Outbound(attempt.id)).await?.into_iter().next();
        drop(conn);
        let lead = self.lead(attempt.lead).await?;
        Ok(Some(Story { attempt, lead, result }))
    }

    /// A page of inbound calls that arrived from `from` until before the row `before`, newest first.
    pub async fn inbound_calls(
        &self,
        queue: Option<&QueueName>,
        from: Timestamp,
        before: Option<(Timestamp, InboundId)>,
        limit: usize,
    ) -> Result<Vec<InboundRow>, StoreError> {
        let mut conn = self.reader().await?;
        let (at, id) = before.map_or((i64::MAX, i64::MAX), |(at, id)| (at.as_millis(), id.0));
        let values = params![at, id, from, queue.map(QueueName::as_str), limit.min(PAGE_MAX) as u64];
        conn.rows(INBOUND, values).await?.iter().map(inbound_row).collect()
    }
}

async fn attempts(
    conn: &mut Conn,
    filter: &AttemptFilter,
    after: Option<AttemptCursor>,
    limit: usize,
) -> Result<Vec<AttemptRow>, StoreError> {
    let end = filter.to.map_or((i64::MAX, i64::MIN), |to| (to.as_millis(), i64::MIN));
    let (at, id) = after.map_or(end, |cursor| (cursor.at.as_millis(), cursor.id.0).min(end));
    let values: Vec<Value> = params![
        at,
        id,
        filter.from.map_or(i64::MIN, Timestamp::as_millis),
        filter.campaign.as_ref().map(CampaignKey::as_str),
        filter.lead.map(|lead| lead.0),
        filter.number.as_ref().map(PhoneNumber::as_str),
        filter.agent.map(|agent| agent.0),
        filter.disposition.as_ref().map(word),
        limit.min(PAGE_MAX) as u64,
    ];
    let statement = if filter.lead.is_some() {
        OF_LEAD
    } else if filter.number.is_some() {
        OF_NUMBER
    } else if filter.agent.is_some() {
        OF_AGENT
    } else if filter.campaign.is_some() {
        OF_CAMPAIGN
    } else {
        ALL
    };
    conn.rows(statement, values).await?.iter().map(attempt_row).collect()
}

async fn results_of_call(conn: &mut Conn, call: CallRef) -> Result<Vec<ResultRow>, StoreError> {
    let (direction, id) = call_key(call);
    conn.rows(RESULTS_OF_CALL, params![direction, id]).await?.iter().map(result_row).collect()
}

fn small<T: TryFrom<i64>>(row: &Row, column: &'static str) -> Result<Option<T>, StoreError> {
    let Some(value) = row.opt_int(column)? else { return Ok(None) };
    T::try_from(value).map(Some).map_err(|_| StoreError::Unreadable { what: column, value: value.to_string() })
}

pub(super) fn attempt_row(row: &Row) -> Result<AttemptRow, StoreError> {
    Ok(AttemptRow {
        id: AttemptId(row.int("id")?),
        campaign: row.parsed("campaign")?,
        lead: LeadId(row.int("lead_id")?),
        number: phone(row, "number")?,
        caller_id: phone(row, "caller_id")?,
        trunk: row.parsed("trunk")?,
        at: row.time("at")?,
        ordinal: small(row, "ordinal")?.unwrap_or(0),
        live: row.opt_int("ended_at")?.is_none(),
        rang_at: row.opt_time("rang_at")?,
        answered_at: row.opt_time("answered_at")?,
        connected_at: row.opt_time("connected_at")?,
        ended_at: row.opt_time("ended_at")?,
        agent: row.opt_int("agent_id")?.map(UserId),
        network_disposition: row.opt_parsed("network_disposition")?,
        disposition: row.opt_parsed("disposition")?,
        result: row.opt_text("result")?,
        failure: row.opt_word("failure_kind")?,
        sip_status: small(row, "sip_status")?,
        q850: small(row, "q850")?,
        answered_by: row.opt_word("answered_by")?,
        confidence: small(row, "confidence")?,
        classify_ms: small(row, "classify_ms")?,
    })
}

fn result_row(row: &Row) -> Result<ResultRow, StoreError> {
    let id = row.int("call_id")?;
    let call = match row.text("direction")?.as_str() {
        "outbound" => CallRef::Outbound(AttemptId(id)),
        "inbound" => CallRef::Inbound(InboundId(id)),
        other => return Err(StoreError::Unreadable { what: "direction", value: other.to_owned() }),
    };
    Ok(ResultRow {
        call,
        revision: row.count("revision")?,
        campaign: row.opt_parsed("campaign")?,
        lead: row.opt_int("lead_id")?.map(LeadId),
        agent: UserId(row.int("agent_id")?),
        result: row.text("result")?,
        disposition: row.parsed("disposition")?,
        answers: row.json("answers")?,
        note: row.text("note")?,
        at: row.time("at")?,
        talk_ms: row.count("talk_ms")?,
        wrap_up_ms: row.count("wrap_up_ms")?,
    })
}

fn inbound_row(row: &Row) -> Result<InboundRow, StoreError> {
    Ok(InboundRow {
        id: InboundId(row.int("id")?),
        queue: row.opt_parsed("queue")?,
        campaign: row.opt_parsed("campaign")?,
        did: row.text("did")?,
        caller: opt_phone(row, "caller")?,
        offered_at: row.time("offered_at")?,
        connected_at: row.opt_time("connected_at")?,
        ended_at: row.opt_time("ended_at")?,
        agent: row.opt_int("agent_id")?.map(UserId),
        outcome: row.opt_word("outcome")?,
    })
}
