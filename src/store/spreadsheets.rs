//! Results and leads with all that is known of them, page by page: what files are written from, beside the calls of `results`.
//!
//! Read [`SaidRecord`] and [`LeadRecord`] first.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Store;
use super::attempts::phone;
use super::db::{Row, params, statements};
use super::error::StoreError;
use crate::model::attempt::CallRef;
use crate::model::disposition::Disposition;
use crate::model::id::{AttemptId, InboundId, LeadId};
use crate::model::lead::LeadState;
use crate::model::name::CampaignKey;
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;

/// A result that was recorded, or a correction of one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SaidRecord {
    /// Where the next page begins.
    pub cursor: SaidCursor,
    /// When it was recorded.
    pub at: Timestamp,
    /// No later correction takes its place.
    pub counts: bool,
    /// The number, where it is known.
    pub number: Option<String>,
    /// The customer's name; empty where there is no lead.
    pub name: String,
    /// The list the lead came with.
    pub list: String,
    /// The campaign's own name of the result.
    pub result: String,
    /// What it means.
    pub disposition: Disposition,
    /// Login of the agent.
    pub agent: Option<String>,
    /// Talk, in ms.
    pub talk_ms: i64,
    /// Wrap-up, in ms.
    pub wrap_up_ms: i64,
    /// What the agent wrote.
    pub note: String,
    /// Answers by question.
    pub answers: BTreeMap<String, String>,
    /// Further cells of the lead's row, by heading.
    pub extra: BTreeMap<String, String>,
}

/// A result's place in the order of results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SaidCursor {
    /// When it was recorded.
    pub at: Timestamp,
    /// `inbound` or `outbound`.
    pub direction: String,
    /// The call.
    pub call: i64,
    /// 1, then higher with each correction.
    pub revision: u64,
}

impl SaidCursor {
    /// The call it is about.
    pub fn call(&self) -> CallRef {
        match self.direction.as_str() {
            "inbound" => CallRef::Inbound(InboundId(self.call)),
            _ => CallRef::Outbound(AttemptId(self.call)),
        }
    }
}

/// A lead with the result that was recorded last.
#[derive(Clone, Debug, PartialEq)]
pub struct LeadRecord {
    /// Its id.
    pub id: LeadId,
    /// The number.
    pub number: PhoneNumber,
    /// The customer's name.
    pub name: String,
    /// The list it came with.
    pub list: String,
    /// IANA names of every time zone the number may be in.
    pub zones: Vec<String>,
    /// 0 to 99.
    pub priority: u64,
    /// Where it stands.
    pub state: LeadState,
    /// When it may be dialled next.
    pub due_at: Option<Timestamp>,
    /// When a call is promised for.
    pub callback_at: Option<Timestamp>,
    /// By whom.
    pub callback_agent: Option<String>,
    /// When it was brought in.
    pub created_at: Timestamp,
    /// The campaign's own name of the last result.
    pub result: Option<String>,
    /// What it means.
    pub disposition: Option<Disposition>,
    /// When it was recorded.
    pub said_at: Option<Timestamp>,
    /// By whom.
    pub agent: Option<String>,
    /// What the agent wrote.
    pub note: String,
    /// Answers by question.
    pub answers: BTreeMap<String, String>,
    /// Further cells of its row, by heading.
    pub extra: BTreeMap<String, String>,
}

// Leads are read in the order of their ids, whatever campaign they are of: an index by campaign would have each page sort all
// that are left.
statements! {
    SAID = "
        select r.at as at, r.direction as direction, r.call_id as call, r.revision as revision,
               case when exists (select 1 from results n where n.direction = r.direction and n.call_id = r.call_id
                                 and n.revision > r.revision) then 0 else 1 end as counts,
               coalesce(r.number, l.number) as number, coalesce(l.name, '') as name, coalesce(k.name, '') as list,
               r.result as result, r.disposition as disposition, u.login as agent, r.talk_ms as talk_ms,
               r.wrap_up_ms as wrap_up_ms, r.note as note, r.answers as answers, coalesce(l.extra, '{}') as extra
        from results r
        left join leads l on l.id = r.lead_id
        left join lists k on k.id = l.list_id
        left join users u on u.id = r.agent_id
        where r.campaign = $1 and r.at >= $2 and r.at < $3
          and (r.at, r.direction, r.call_id, r.revision) > ($4, $5, $6, $7)
        order by r.at, r.direction, r.call_id, r.revision limit $8";
    COUNT_SAID = "select count(*) as count from results where campaign = $1 and at >= $2 and at < $3";
    LEADS = "
        select l.id as id, l.number as number, l.name as name, k.name as list, l.zones as zones, l.priority as priority,
               l.state as state, l.due_at as due_at, case when l.state = 'callback' then l.callback_at end as callback_at,
               l.callback_agent as callback_agent, l.created_at as created_at, r.result as result,
               r.disposition as disposition, r.at as said_at, u.login as agent, coalesce(r.note, '') as note,
               coalesce(r.answers, '{}') as answers, l.extra as extra
        from leads l
        join lists k on k.id = l.list_id
        left join results r on r.lead_id = l.id
             and not exists (
                 select 1 from results n
                 where n.lead_id = l.id and (n.at, n.call_id, n.revision) > (r.at, r.call_id, r.revision))
        left join users u on u.id = r.agent_id
        where l.id > $1 and coalesce(l.campaign, '') = $2 and l.created_at >= $3 and l.created_at < $4
        order by l.id limit $5";
    COUNT_LEADS = "
        select count(*) as count from leads where campaign = $1 and created_at >= $2 and created_at < $3";
}

impl Store {
    /// The next results of a campaign, in the order in which they were recorded.
    pub async fn said(
        &self,
        campaign: &CampaignKey,
        (from, to): (Timestamp, Timestamp),
        after: Option<&SaidCursor>,
        limit: usize,
    ) -> Result<Vec<SaidRecord>, StoreError> {
        let first = SaidCursor { at: from, direction: String::new(), call: i64::MIN, revision: 0 };
        let SaidCursor { at, direction, call, revision } = after.unwrap_or(&first);
        let values = params![campaign.as_str(), from, to, *at, direction.as_str(), *call, *revision, limit as u64];
        let mut conn = self.reader().await?;
        conn.rows(SAID, values).await?.iter().map(said).collect()
    }

    /// How many results of a campaign were recorded in a time.
    pub async fn count_said(&self, campaign: &CampaignKey, from: Timestamp, to: Timestamp) -> Result<u64, StoreError> {
        let mut conn = self.reader().await?;
        conn.one(COUNT_SAID, params![campaign.as_str(), from, to]).await?.count("count")
    }

    /// The next leads of a campaign that were brought in in a time, in that order.
    pub async fn leads_with_results(
        &self,
        campaign: &CampaignKey,
        (from, to): (Timestamp, Timestamp),
        after: Option<LeadId>,
        limit: usize,
    ) -> Result<Vec<LeadRecord>, StoreError> {
        let values = params![after.map_or(0, |id| id.0), campaign.as_str(), from, to, limit as u64];
        let mut conn = self.reader().await?;
        conn.rows(LEADS, values).await?.iter().map(lead).collect()
    }

    /// How many leads of a campaign were brought in in a time.
    pub async fn count_leads(&self, campaign: &CampaignKey, from: Timestamp, to: Timestamp) -> Result<u64, StoreError> {
        let mut conn = self.reader().await?;
        conn.one(COUNT_LEADS, params![campaign.as_str(), from, to]).await?.count("count")
    }
}

pub(super) fn said(row: &Row) -> Result<SaidRecord, StoreError> {
    let cursor = SaidCursor {
        at: row.time("at")?,
        direction: row.text("direction")?,
        call: row.int("call")?,
        revision: row.count("revision")?,
    };
    Ok(SaidRecord {
        at: cursor.at,
        cursor,
        counts: row.int("counts")? != 0,
        number: row.opt_text("number")?,
        name: row.text("name")?,
        list: row.text("list")?,
        result: row.text("result")?,
        disposition: row.parsed("disposition")?,
        agent: row.opt_text("agent")?,
        talk_ms: row.int("talk_ms")?,
        wrap_up_ms: row.int("wrap_up_ms")?,
        note: row.text("note")?,
        answers: row.json("answers")?,
        extra: row.json("extra")?,
    })
}

fn lead(row: &Row) -> Result<LeadRecord, StoreError> {
    Ok(LeadRecord {
        id: LeadId(row.int("id")?),
        number: phone(row, "number")?,
        name: row.text("name")?,
        list: row.text("list")?,
        zones: row.json("zones")?,
        priority: row.count("priority")?,
        state: row.word("state")?,
        // A fresh lead's place is no time.
        due_at: row.opt_time("due_at")?.filter(|due| due.as_millis() > 0),
        callback_at: row.opt_time("callback_at")?,
        callback_agent: row.opt_text("callback_agent")?,
        created_at: row.time("created_at")?,
        result: row.opt_text("result")?,
        disposition: row.opt_parsed("disposition")?,
        said_at: row.opt_time("said_at")?,
        agent: row.opt_text("agent")?,
        note: row.text("note")?,
        answers: row.json("answers")?,
        extra: row.json("extra")?,
    })
}
