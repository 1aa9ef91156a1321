//! Calls with all that is known of them, in the order in which they were made: what exports are written from.
//!
//! Read [`CallPage`] first.

use std::collections::BTreeMap;

use super::Store;
use super::attempts::phone;
use super::db::{Row, params, statements};
use super::error::StoreError;
use crate::model::attempt::AnsweredBy;
use crate::model::disposition::Disposition;
use crate::model::id::AttemptId;
use crate::model::name::CampaignKey;
use crate::model::phone::PhoneNumber;
use crate::model::recording::{RecordingReason, RecordingState};
use crate::model::time::Timestamp;

/// One attempt with its lead and the result that counts.
#[derive(Clone, Debug, PartialEq)]
pub struct CallRecord {
    /// The attempt.
    pub id: AttemptId,
    /// When it began.
    pub at: Timestamp,
    /// The number that was dialled.
    pub number: PhoneNumber,
    /// The customer's name; empty where the lead is gone.
    pub name: String,
    /// The list the lead came with.
    pub list: String,
    /// Attempts of the lead before this one.
    pub ordinal: u32,
    /// What counts; none while it is under way.
    pub disposition: Option<Disposition>,
    /// How the network or the dialer saw it.
    pub network_disposition: Option<Disposition>,
    /// The campaign's own name of the result.
    pub result: Option<String>,
    /// Login of the agent.
    pub agent: Option<String>,
    /// When it first rang.
    pub rang_at: Option<Timestamp>,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// When an agent was connected.
    pub connected_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// Who or what answered.
    pub answered_by: Option<AnsweredBy>,
    /// Talk and wrap-up of the agent, in ms; none without a result.
    pub talk_ms: Option<i64>,
    /// Wrap-up, in ms.
    pub wrap_up_ms: Option<i64>,
    /// How the recording stands; none for a call that was never connected to an agent.
    pub recording: Option<RecordingState>,
    /// Why it is not whole, or not there.
    pub no_recording: Option<RecordingReason>,
    /// Name of its file in the folder of recordings.
    pub recording_file: Option<String>,
    /// Its length, in ms.
    pub recording_ms: Option<i64>,
    /// Since when its file is known to be gone.
    pub recording_lost_at: Option<Timestamp>,
    /// What the agent wrote.
    pub note: String,
    /// Answers by question.
    pub answers: BTreeMap<String, String>,
    /// Further cells of the lead's row, by heading.
    pub extra: BTreeMap<String, String>,
}

/// Which calls, and where the page begins.
#[derive(Clone, Debug, PartialEq)]
pub struct CallPage {
    /// Whose.
    pub campaign: CampaignKey,
    /// Begun at or after.
    pub from: Timestamp,
    /// Begun before.
    pub to: Timestamp,
    /// The last call of the page before.
    pub after: Option<(Timestamp, AttemptId)>,
    /// At most so many.
    pub limit: usize,
}

statements! {
    CALLS = "
        select a.id as id, a.at as at, a.number as number, coalesce(l.name, '') as name, coalesce(k.name, '') as list,
               a.ordinal as ordinal, a.disposition as disposition, a.network_disposition as network_disposition,
               a.result as result, u.login as agent, a.rang_at as rang_at, a.answered_at as answered_at,
               a.connected_at as connected_at, a.ended_at as ended_at, a.answered_by as answered_by,
               r.talk_ms as talk_ms, r.wrap_up_ms as wrap_up_ms, c.state as recording, c.reason as no_recording,
               c.file as recording_file, c.length_ms as recording_ms, c.lost_at as recording_lost_at,
               coalesce(r.note, '') as note,
               coalesce(r.answers, '{}') as answers, coalesce(l.extra, '{}') as extra
        from attempts a
        left join leads l on l.id = a.lead_id
        left join lists k on k.id = l.list_id
        left join users u on u.id = a.agent_id
        left join recordings c on c.direction = 'outbound' and c.call_id = a.id
        left join results r on r.direction = 'outbound' and r.call_id = a.id
             and r.revision = (select max(n.revision) from results n
                               where n.direction = 'outbound' and n.call_id = a.id)
        where a.campaign = $1 and a.at >= $2 and a.at < $3 and (a.at, a.id) > ($4, $5)
        order by a.at, a.id limit $6";
    COUNT = "select count(*) as count from attempts where campaign = $1 and at >= $2 and at < $3";
}

impl Store {
    /// The next calls, in the order in which they began.
    pub async fn calls(&self, page: &CallPage) -> Result<Vec<CallRecord>, StoreError> {
        let CallPage { campaign, from, to, after, limit } = page;
        let (at, id) = after.map_or((*from, i64::MIN), |(at, id)| (at, id.0));
        let mut conn = self.reader().await?;
        let values = params![campaign.as_str(), *from, *to, at, id, *limit as u64];
        conn.rows(CALLS, values).await?.iter().map(call).collect()
    }

    /// How many calls of a campaign began in this time.
    pub async fn count_calls(&self, campaign: &CampaignKey, from: Timestamp, to: Timestamp) -> Result<u64, StoreError> {
        let mut conn = self.reader().await?;
        conn.one(COUNT, params![campaign.as_str(), from, to]).await?.count("count")
    }
}

fn call(row: &Row) -> Result<CallRecord, StoreError> {
    Ok(CallRecord {
        id: AttemptId(row.int("id")?),
        at: row.time("at")?,
        number: phone(row, "number")?,
        name: row.text("name")?,
        list: row.text("list")?,
        ordinal: u32::try_from(row.int("ordinal")?).unwrap_or_default(),
        disposition: row.opt_parsed("disposition")?,
        network_disposition: row.opt_parsed("network_disposition")?,
        result: row.opt_text("result")?,
        agent: row.opt_text("agent")?,
        rang_at: row.opt_time("rang_at")?,
        answered_at: row.opt_time("answered_at")?,
        connected_at: row.opt_time("connected_at")?,
        ended_at: row.opt_time("ended_at")?,
        answered_by: row.opt_word("answered_by")?,
        talk_ms: row.opt_int("talk_ms")?,
        wrap_up_ms: row.opt_int("wrap_up_ms")?,
        recording: row.opt_word("recording")?,
        no_recording: row.opt_word("no_recording")?,
        recording_file: row.opt_text("recording_file")?,
        recording_ms: row.opt_int("recording_ms")?,
        recording_lost_at: row.opt_time("recording_lost_at")?,
        note: row.text("note")?,
        answers: row.json("answers")?,
        extra: row.json("extra")?,
    })
}
