//! Recordings of calls: how they stand, and the audio, for managers alone.
//!
//! Agents see the customer of the call at hand and nobody else, and a recording is of a call that is over: so they hear none, not
//! even of their own calls. Marketing works with figures, not with people. Every hearing is in the audit log before a byte is
//! sent. Read [`RecordingView`] and [`recording_audio`] first.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;

use super::WebState;
use super::access::{Can, Managers};
use super::body::Named;
use super::problem::{Kind, Problem};
use super::ranges::{self, Stored};
use crate::model::attempt::CallRef;
use crate::model::id::UserId;
use crate::model::name::CampaignKey;
use crate::model::recording::{Recorded, RecordingReason, RecordingState, file_of};
use crate::model::time::Timestamp;
use crate::store::RecordingRow;

/// A player asks for many pieces of one file, and again when somebody seeks: within this time that is one hearing.
const HEARING: Duration = Duration::from_secs(600);
/// Hearings that are remembered; beyond it each request counts as one.
const HEARINGS_MAX: usize = 10_000;

/// How the recording of a call stands.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct RecordingView {
    /// Whether it can be heard (`yes`), need not be there (`no`), or is missing.
    pub recorded: Recorded,
    /// How it stands.
    pub state: RecordingState,
    /// Why there is none, or none any more, or why it was cut off.
    pub reason: Option<RecordingReason>,
    /// Its length, in ms, once it is over.
    pub length_ms: Option<u64>,
}

/// A recording with what tells whether it is whole.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct RecordingDetail {
    /// The call.
    pub call: CallRef,
    /// Its campaign, if it is of one.
    pub campaign: Option<CampaignKey>,
    /// The first agent that was connected, where that is known.
    pub agent: Option<UserId>,
    /// How it stands.
    #[serde(flatten)]
    pub view: RecordingView,
    /// When it began, or would have begun.
    pub began_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Name of the file in the folder of recordings.
    pub file: Option<String>,
    /// Length of the file.
    pub bytes: Option<u64>,
    /// SHA-256 over the file, in hexadecimal.
    pub sha256: Option<String>,
    /// 20 ms pieces of audio that are missing: they came too late, or the disk was too slow.
    pub dropped_frames: Option<u64>,
    /// Since when the file is known to be gone.
    pub lost_at: Option<Timestamp>,
}

/// Who heard what not long ago.
#[derive(Debug, Default)]
pub(super) struct Heard(Mutex<BTreeMap<(UserId, CallRef), Timestamp>>);

impl Heard {
    /// Whether this belongs to a hearing that is written down already.
    fn goes_on(&self, user: UserId, call: CallRef, now: Timestamp) -> bool {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back makes no hearing longer.
        heard.retain(|_, at| *at <= now && now.since(*at) < HEARING);
        heard.contains_key(&(user, call))
    }

    /// One begins, and is written down.
    fn begins(&self, user: UserId, call: CallRef, now: Timestamp) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.len() < HEARINGS_MAX {
            heard.insert((user, call), now);
        }
    }
}

/// How the recording of a call stands, by the call's id (`att_…` or `inb_…`).
#[utoipa::path(get, path = "/recordings/{id}", tag = "recordings", params(("id" = String, Path)),
    security(("session" = ["manager"])), responses((status = 200, body = RecordingDetail)))]
pub async fn recording(
    State(state): State<WebState>,
    _user: Can<Managers>,
    Named(call): Named<CallRef>,
) -> Result<Json<RecordingDetail>, Problem> {
    let row = state.records.recording(call).await?.ok_or_else(|| not_connected(call))?;
    Ok(Json(row.into()))
}

/// The audio: WAV with G.711, left the customer, right what the customer heard. A part of it with `Range`, so that a player can seek.
/// Who heard it is written in the audit log, once in ten minutes for each person and call. 404 `no_recording` tells why
/// there is none, 410 `recording_removed` and `recording_lost` that there is none any more.
#[utoipa::path(get, path = "/recordings/{id}/audio", tag = "recordings", params(("id" = String, Path),
    ("Range" = Option<String>, Header, description = "one range of bytes")),
    security(("session" = ["manager"])),
    responses((status = 200, body = String, content_type = "audio/wav"), (status = 206, body = String, content_type = "audio/wav")))]
pub async fn recording_audio(
    State(state): State<WebState>,
    user: Can<Managers>,
    Named(call): Named<CallRef>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let row = state.records.recording(call).await?.ok_or_else(|| not_connected(call))?;
    let sha256 = audible(&row)?;
    let file = file_of(call);
    let stored = Stored {
        path: state.settings().recordings_dir.join(&file),
        media: "audio/wav",
        name: file,
        tag: format!("\"{sha256}\""),
    };
    let now = state.now().timestamp;
    let Some(response) = ranges::send(&stored, &headers).await? else {
        tracing::error!(%call, file = %stored.path.display(), "the file of a recording is gone");
        state.records.recording_gone(call, now).await?;
        return Err(lost(call));
    };
    if response.status().is_success() && !state.heard.goes_on(user.id, call, now) {
        // Nobody hears what is not written down.
        state.records.audit(&user.login, "recording_heard", &call.to_string(), "", now).await?;
        state.heard.begins(user.id, call, now);
    }
    Ok(response)
}

/// The hash of a recording that can be heard, or why it cannot.
fn audible(row: &RecordingRow) -> Result<&str, Problem> {
    let recording = &row.recording;
    let why = recording.reason.map_or("it is not known why", RecordingReason::told);
    match (recording.state, &recording.sha256) {
        // It may be there again: whoever asks looks.
        (RecordingState::Whole | RecordingState::CutOff, Some(sha256)) => Ok(sha256),
        (RecordingState::Removed, _) => {
            Err(Problem::new(Kind::RecordingRemoved, format!("the recording of `{}` is gone: {why}", recording.call)))
        }
        (RecordingState::Running, _) => {
            let detail = format!("`{}` is still being recorded; it can be heard when the call is over", recording.call);
            Err(Problem::new(Kind::NoRecording, detail))
        }
        (RecordingState::Whole | RecordingState::CutOff | RecordingState::None, _) => {
            Err(Problem::new(Kind::NoRecording, format!("there is no recording of `{}`: {why}", recording.call)))
        }
    }
}

fn not_connected(call: CallRef) -> Problem {
    let detail = format!(
        "there is no recording of `{call}`: no such call was connected to an agent, or its campaign does not record"
    );
    Problem::new(Kind::NoRecording, detail)
}

fn lost(call: CallRef) -> Problem {
    let detail = format!("the file of the recording of `{call}` is not in the folder of recordings");
    Problem::new(Kind::RecordingLost, detail)
}

impl From<RecordingRow> for RecordingView {
    fn from(row: RecordingRow) -> RecordingView {
        RecordingView {
            recorded: row.recorded(),
            state: row.recording.state,
            reason: row.recording.reason,
            length_ms: row.recording.length_ms,
        }
    }
}

impl From<RecordingRow> for RecordingDetail {
    fn from(row: RecordingRow) -> RecordingDetail {
        let RecordingRow { recording, campaign, lost_at } = row.clone();
        RecordingDetail {
            call: recording.call,
            campaign,
            agent: recording.agent,
            view: row.into(),
            began_at: recording.began_at,
            ended_at: recording.ended_at,
            file: recording.file,
            bytes: recording.bytes,
            sha256: recording.sha256,
            dropped_frames: recording.dropped_frames,
            lost_at,
        }
    }
}
