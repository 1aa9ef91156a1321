//! Recordings of calls: which calls have one, how it stands, and why others have none. The audio is in files beside the database.
//!
//! Calls that are not to be recorded have no row: each costs a write of a call. A row is written when an agent is connected and once
//! more when the recording is over; a crash in between leaves it `running`, and the next start mends it. Read [`RecordingRow`] and [`Store::record_recordings`] first.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Store;
use super::calls::call_key;
use super::db::{Row, Value, params, rows, statements, word};
use super::error::StoreError;
use crate::model::attempt::CallRef;
use crate::model::id::{AttemptId, InboundId, UserId};
use crate::model::name::CampaignKey;
use crate::model::phone::PhoneNumber;
use crate::model::recording::{CallRecording, Recorded, RecordingReason, RecordingState};
use crate::model::time::Timestamp;

/// Most rows of a page.
const PAGE_MAX: usize = 1000;

/// A recording with what the database adds to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordingRow {
    /// The recording, or why there is none.
    #[serde(flatten)]
    pub recording: CallRecording,
    /// The campaign of the call, if it is of one.
    pub campaign: Option<CampaignKey>,
    /// Since when its file is known to be gone.
    pub lost_at: Option<Timestamp>,
}

impl RecordingRow {
    /// Whether it can be heard, need not be there, or is missing.
    pub fn recorded(&self) -> Recorded {
        match self.recording.state {
            _ if self.lost_at.is_some() => Recorded::Missing,
            RecordingState::Whole | RecordingState::CutOff => Recorded::Yes,
            RecordingState::None => Recorded::Missing,
            RecordingState::Running | RecordingState::Removed => Recorded::No,
        }
    }
}

/// [`RecordingRow::recorded`] of a row `r`, as the database says it; a test holds the two together.
macro_rules! recorded_word {
    () => {
        "case when r.lost_at is not null then 'missing' when r.state in ('whole', 'cut_off') then 'yes'
              when r.state = 'none' then 'missing' else 'no' end"
    };
}
pub(super) use recorded_word;

/// Which rows `r` are [`Recorded::Missing`], in the words of the indexes that have them alone.
macro_rules! missing {
    () => {
        "(r.lost_at is not null or r.state = 'none')"
    };
}
pub(super) use missing;

/// The rows of the calls in `$1`, to be changed.
macro_rules! those_calls {
    () => {
        "(select j.value ->> 0 as direction, cast(j.value ->> 1 as bigint) as call_id from json_each($1) j) w
        where recordings.direction = w.direction and recordings.call_id = w.call_id"
    };
}

/// Which recordings; all that is set must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordingFilter {
    /// Of calls of this campaign.
    pub campaign: Option<CampaignKey>,
    /// Begun at or after.
    pub from: Option<Timestamp>,
    /// Begun before.
    pub to: Option<Timestamp>,
    /// Whether there is one.
    pub recorded: Option<Recorded>,
}

/// Where the next page begins: the last row of the page before.
pub type RecordingCursor = (Timestamp, CallRef);

statements! {
    RECORD = "
        insert into recordings (direction, call_id, campaign, agent_id, began_at, state, reason, file, ended_at, length_ms,
                                bytes, sha256, dropped_frames, called_at)
        select w.direction, w.call_id, coalesce(a.campaign, i.campaign, c.campaign),
               coalesce(w.agent_id, a.agent_id, i.agent_id, c.agent_id), w.began_at, w.state, w.reason, w.file, w.ended_at,
               w.length_ms, w.bytes, w.sha256, w.dropped_frames, a.at
        from (select j.value ->> 0 as direction, cast(j.value ->> 1 as bigint) as call_id,
                  cast(j.value ->> 2 as bigint) as agent_id, cast(j.value ->> 3 as bigint) as began_at,
                  j.value ->> 4 as state, j.value ->> 5 as reason, j.value ->> 6 as file,
                  cast(j.value ->> 7 as bigint) as ended_at, cast(j.value ->> 8 as bigint) as length_ms,
                  cast(j.value ->> 9 as bigint) as bytes, j.value ->> 10 as sha256,
                  cast(j.value ->> 11 as bigint) as dropped_frames
              from json_each($1) j) w
        left join attempts a on w.direction = 'outbound' and a.id = w.call_id
        left join inbound_calls i on w.direction = 'inbound' and i.id = w.call_id
        left join recorded_callers c on w.direction = 'inbound' and c.id = w.call_id
        where true
        on conflict (direction, call_id) do update set
            campaign = coalesce(recordings.campaign, excluded.campaign), state = excluded.state, reason = excluded.reason,
            file = excluded.file, ended_at = excluded.ended_at, length_ms = excluded.length_ms, bytes = excluded.bytes,
            sha256 = excluded.sha256, dropped_frames = excluded.dropped_frames
        where recordings.state = 'running' or (recordings.state = 'none' and excluded.file is not null
              and excluded.state <> 'running')";
    // A caller's campaign may be written after the recording.
    OF_CALLERS = "
        update recordings set campaign = i.campaign
        from inbound_calls i
        where recordings.direction = 'inbound' and recordings.campaign is null and i.id = recordings.call_id
          and i.campaign is not null
          and recordings.call_id in (select cast(j.value ->> 0 as bigint) from json_each($1) j)";
    ONE = "select r.* from recordings r where r.direction = $1 and r.call_id = $2";
    OF_CALLS = "
        select r.* from json_each($1) j cross join recordings r
        where r.direction = j.value ->> 0 and r.call_id = cast(j.value ->> 1 as bigint)";
    RUNNING = "select r.* from recordings r where r.state = 'running' order by r.began_at, r.direction, r.call_id";
    PAGE = concat!("
        select r.* from recordings r
        where (r.began_at, r.direction, r.call_id) < ($1, $2, $3) and r.began_at >= $4
          and (cast($5 as text) is null or ", recorded_word!(), " = $5)
        order by r.began_at desc, r.direction desc, r.call_id desc limit $6");
    PAGE_OF_CAMPAIGN = concat!("
        select r.* from recordings r
        where r.campaign = $7 and (r.began_at, r.direction, r.call_id) < ($1, $2, $3) and r.began_at >= $4
          and (cast($5 as text) is null or ", recorded_word!(), " = $5)
        order by r.began_at desc, r.direction desc, r.call_id desc limit $6");
    // Of what is missing there is an index of its own, so that where nothing is nothing is read.
    PAGE_OF_MISSING = concat!("
        select r.* from recordings r
        where ", missing!(), " and (r.began_at, r.direction, r.call_id) < ($1, $2, $3) and r.began_at >= $4
          and (cast($5 as text) is null or r.campaign = $5)
        order by r.began_at desc, r.direction desc, r.call_id desc limit $6");
    FILED = "
        select r.* from recordings r
        where r.began_at < $1 and r.file is not null and r.state <> 'running'
          and (r.began_at, r.direction, r.call_id) > ($2, $3, $4)
        order by r.began_at, r.direction, r.call_id limit $5";
    OF_PERSON = "
        select r.* from recordings r join attempts a on r.direction = 'outbound' and a.id = r.call_id
        where a.number = $1 and r.file is not null
        union all
        select r.* from recordings r join inbound_calls i on r.direction = 'inbound' and i.id = r.call_id
        where i.caller = $1 and r.file is not null
        union all
        select r.* from recordings r join recorded_callers c on r.direction = 'inbound' and r.call_id = c.id
        where c.caller = $1 and r.file is not null";
    REMOVE = concat!("
        update recordings set state = 'removed', reason = $2, file = null, sha256 = null, lost_at = null
        from ", those_calls!(), " and recordings.file is not null");
    LOST = concat!("
        update recordings set lost_at = $2
        from ", those_calls!(), " and recordings.lost_at is null and recordings.file is not null
          and recordings.state <> 'running'");
    FOUND = concat!("
        update recordings set lost_at = null
        from ", those_calls!(), " and recordings.lost_at is not null");
}

impl Store {
    /// Records how these stand, each of another call. What is over already stays as it is, except where a file turns up of which there
    /// was none.
    pub async fn record_recordings(&self, recordings: Vec<CallRecording>) -> Result<(), StoreError> {
        let values = vec![rows(recordings.iter().map(row_of))];
        self.write(move |conn| Box::pin(async move { conn.run(RECORD, values).await.map(drop) })).await
    }

    /// The recording of a call, or why there is none; nothing for a call that reached no agent or was not to be recorded.
    pub async fn recording(&self, call: CallRef) -> Result<Option<RecordingRow>, StoreError> {
        let (direction, id) = call_key(call);
        let mut conn = self.reader().await?;
        conn.row(ONE, params![direction, id]).await?.as_ref().map(recording_row).transpose()
    }

    /// Those of many calls.
    pub async fn recordings_of(
        &self,
        calls: impl IntoIterator<Item = CallRef>,
    ) -> Result<BTreeMap<CallRef, RecordingRow>, StoreError> {
        let keys: Vec<Vec<Value>> = calls.into_iter().map(key_of).collect();
        if keys.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut conn = self.reader().await?;
        let found = conn.rows(OF_CALLS, vec![rows(keys)]).await?;
        found.iter().map(|row| recording_row(row).map(|row| (row.recording.call, row))).collect()
    }

    /// Those that run, or ran when the last run of the service ended.
    pub async fn running_recordings(&self) -> Result<Vec<RecordingRow>, StoreError> {
        let mut conn = self.reader().await?;
        conn.rows(RUNNING, vec![]).await?.iter().map(recording_row).collect()
    }

    /// A page of recordings and of calls without one, latest first, after the row `after` of the page before. At most 1,000.
    pub async fn recordings(
        &self,
        filter: &RecordingFilter,
        after: Option<RecordingCursor>,
        limit: usize,
    ) -> Result<Vec<RecordingRow>, StoreError> {
        let to = filter.to.map_or(i64::MAX, Timestamp::as_millis);
        // Before this, and at the same moment before this call: no direction sorts before the empty one.
        let (at, direction, id) = after.map_or((to, "", i64::MIN), |(at, call)| {
            let (direction, id) = call_key(call);
            (at.as_millis(), direction, id)
        });
        let from = filter.from.map_or(i64::MIN, Timestamp::as_millis);
        let recorded = filter.recorded.map(Recorded::as_str);
        let (campaign, limit) = (filter.campaign.as_ref().map(CampaignKey::as_str), limit.min(PAGE_MAX) as u64);
        let mut conn = self.reader().await?;
        let found = match (filter.recorded, campaign) {
            (Some(Recorded::Missing), _) => {
                conn.rows(PAGE_OF_MISSING, params![at, direction, id, from, campaign, limit]).await?
            }
            (_, Some(_)) => {
                conn.rows(PAGE_OF_CAMPAIGN, params![at, direction, id, from, recorded, limit, campaign]).await?
            }
            (_, None) => conn.rows(PAGE, params![at, direction, id, from, recorded, limit]).await?,
        };
        found.iter().map(recording_row).collect()
    }

    /// A page of recordings that are over and have a file, and that began before this, the oldest first, after the row `after` of the
    /// page before.
    pub async fn filed_recordings(
        &self,
        before: Timestamp,
        after: Option<RecordingCursor>,
        limit: usize,
    ) -> Result<Vec<RecordingRow>, StoreError> {
        let (at, direction, id) = after.map_or((i64::MIN, "", i64::MIN), |(at, call)| {
            let (direction, id) = call_key(call);
            (at.as_millis(), direction, id)
        });
        let mut conn = self.reader().await?;
        let found = conn.rows(FILED, params![before, at, direction, id, limit.min(PAGE_MAX) as u64]).await?;
        found.iter().map(recording_row).collect()
    }

    /// Recordings with a file of calls to and from a number.
    pub async fn recordings_of_number(&self, number: &PhoneNumber) -> Result<Vec<RecordingRow>, StoreError> {
        let mut conn = self.reader().await?;
        conn.rows(OF_PERSON, params![number.as_str()]).await?.iter().map(recording_row).collect()
    }

    /// The files of these calls are gone for good: their rows tell that there was one, and no more what was in it.
    pub async fn recordings_removed(&self, calls: &[CallRef], why: RecordingReason) -> Result<u64, StoreError> {
        let mut values = vec![rows(calls.iter().copied().map(key_of))];
        values.extend(params![word(&why)]);
        self.write(move |conn| Box::pin(async move { conn.run(REMOVE, values).await })).await
    }

    /// What was found when their files were looked for: which are gone, and which are there again.
    pub async fn recordings_seen(&self, gone: &[CallRef], there: &[CallRef], at: Timestamp) -> Result<(), StoreError> {
        let mut lost = vec![rows(gone.iter().copied().map(key_of))];
        lost.extend(params![at]);
        let found = vec![rows(there.iter().copied().map(key_of))];
        let (any_lost, any_found) = (!gone.is_empty(), !there.is_empty());
        self.write(move |conn| {
            Box::pin(async move {
                if any_lost {
                    conn.run(LOST, lost).await?;
                }
                if any_found {
                    conn.run(FOUND, found).await?;
                }
                Ok(())
            })
        })
        .await
    }
}

/// Recordings of callers learn their campaign: told by `calls` when calls of these ids are written down.
pub(super) async fn learn_campaigns(conn: &mut super::db::Conn, calls: &[InboundId]) -> Result<(), StoreError> {
    conn.run(OF_CALLERS, vec![rows(calls.iter().map(|call| params![call.0]))]).await.map(drop)
}

fn key_of(call: CallRef) -> Vec<Value> {
    let (direction, id) = call_key(call);
    params![direction, id]
}

fn row_of(recording: &CallRecording) -> Vec<Value> {
    let (direction, id) = call_key(recording.call);
    let int = |value: Option<u64>| value.map(|value| i64::try_from(value).unwrap_or(i64::MAX));
    params![
        direction,
        id,
        recording.agent.map(|agent| agent.0),
        recording.began_at,
        word(&recording.state),
        recording.reason.as_ref().map(word),
        recording.file.as_deref(),
        recording.ended_at,
        int(recording.length_ms),
        int(recording.bytes),
        recording.sha256.as_deref(),
        int(recording.dropped_frames),
    ]
}

fn recording_row(row: &Row) -> Result<RecordingRow, StoreError> {
    let id = row.int("call_id")?;
    let call = match row.text("direction")?.as_str() {
        "inbound" => CallRef::Inbound(InboundId(id)),
        _ => CallRef::Outbound(AttemptId(id)),
    };
    let count = |column| Ok::<_, StoreError>(row.opt_int(column)?.and_then(|value| u64::try_from(value).ok()));
    Ok(RecordingRow {
        recording: CallRecording {
            call,
            agent: row.opt_int("agent_id")?.map(UserId),
            began_at: row.time("began_at")?,
            state: row.word("state")?,
            reason: row.opt_word("reason")?,
            file: row.opt_text("file")?,
            ended_at: row.opt_time("ended_at")?,
            length_ms: count("length_ms")?,
            bytes: count("bytes")?,
            sha256: row.opt_text("sha256")?,
            dropped_frames: count("dropped_frames")?,
        },
        campaign: row.opt_parsed("campaign")?,
        lost_at: row.opt_time("lost_at")?,
    })
}
