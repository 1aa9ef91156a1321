//! What if: a campaign's recorded traffic under another setting, as a job.
//!
//! One at a time, on a thread of its own at a low priority: calls come first. The last one's outcome is kept until the
//! next begins or it is thrown away. Read [`Rehearsals`] first; what is computed is `crate::whatif`'s.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::WebState;
use super::access::{Can, Managers};
use super::body::{Named, Sent};
use super::campaigns::no_campaign;
use super::problem::{ErrorItem, Kind, Problem};
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::whatif::{self, Ask, CHANGES_MAX, Progress, REPLICATIONS, REPLICATIONS_MAX, Told, WhatifError};

/// Where nobody says from when: a week.
const SPAN: Duration = Duration::from_secs(7 * 86_400);
/// Longest span, in days. Journals are kept for two weeks.
const SPAN_DAYS_MAX: u64 = 62;

/// A question.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WhatifQuestion {
    /// From when; without it, a week before the end.
    pub from: Option<Timestamp>,
    /// Until when; without it, until now.
    pub to: Option<Timestamp>,
    /// Values by key, as a person writes them: `{"idle_threshold": "0.2", "pacing": "ratio"}`. Empty: nothing is changed,
    /// and only the rehearsal is tried.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// How often each setting is lived through, 2 to 1000; 10 without it.
    pub replications: Option<u32>,
}

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhatifState {
    /// It is worked on.
    Running,
    /// There is an answer.
    Done,
    /// There is none; `problem` tells why.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

/// A job.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct WhatifJob {
    /// Whose traffic.
    #[schema(value_type = String)]
    pub campaign: CampaignKey,
    /// Who asked.
    pub by: String,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
    /// What was asked.
    pub set: BTreeMap<String, String>,
    /// How it stands.
    pub state: WhatifState,
    /// How far it is, while it is worked on.
    pub progress: Option<Progress>,
    /// The answer.
    pub told: Option<Told>,
    /// Why there is none.
    pub problem: Option<WhatifProblem>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct WhatifProblem {
    /// A stable code.
    pub code: WhatifCode,
    /// For people.
    pub detail: String,
    /// What is wrong with the change, by key.
    pub errors: Vec<ErrorItem>,
}

/// The kinds of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhatifCode {
    /// There is no traffic of this campaign in the span, or there are no journals.
    NoTraffic,
    /// The beginning of the run is gone, or another version wrote it.
    NotReplayable,
    /// The change is wrong.
    BadChange,
    /// The span is too large.
    TooLarge,
    /// A journal cannot be read.
    Journal,
    /// A fault of ours.
    Internal,
}

/// What there is of a campaign.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct WhatifView {
    /// The campaign's last job; `null` when there is none.
    pub job: Option<WhatifJob>,
    /// The campaign that is being rehearsed now, this one or another; `null` when none is.
    #[schema(value_type = Option<String>)]
    pub busy: Option<CampaignKey>,
}

/// The one job there can be.
#[derive(Debug, Default)]
pub(super) struct Rehearsals(Mutex<Option<Slot>>);

#[derive(Debug)]
struct Slot {
    job: WhatifJob,
    stop: Arc<AtomicBool>,
}

impl Rehearsals {
    fn slot(&self) -> MutexGuard<'_, Option<Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn view(&self, campaign: &CampaignKey) -> WhatifView {
        let slot = self.slot();
        let job = slot.as_ref().map(|slot| &slot.job);
        WhatifView {
            job: job.filter(|job| job.campaign == *campaign).cloned(),
            busy: job.filter(|job| job.state == WhatifState::Running).map(|job| job.campaign.clone()),
        }
    }

    /// Begins a job, unless another is worked on.
    fn begin(&self, job: WhatifJob) -> Result<Arc<AtomicBool>, Problem> {
        let mut slot = self.slot();
        if let Some(Slot { job: other, .. }) = slot.as_ref().filter(|slot| slot.job.state == WhatifState::Running) {
            let detail = format!(
                "a rehearsal of `{}` that {} asked for is being worked on; wait for it or cancel it",
                other.campaign, other.by
            );
            return Err(Problem::new(Kind::Conflict, detail).retry_after(10));
        }
        let stop = Arc::new(AtomicBool::new(false));
        *slot = Some(Slot { job, stop: stop.clone() });
        Ok(stop)
    }

    /// Changes the job that this belongs to, if it is still there.
    fn change(&self, stop: &Arc<AtomicBool>, change: impl FnOnce(&mut WhatifJob)) {
        if let Some(slot) = self.slot().as_mut().filter(|slot| Arc::ptr_eq(&slot.stop, stop)) {
            change(&mut slot.job);
        }
    }

    /// Stops the campaign's job if it is worked on, else throws its outcome away; whether there was one.
    fn cancel(&self, campaign: &CampaignKey) -> bool {
        let mut slot = self.slot();
        let Some(own) = slot.as_mut().filter(|slot| slot.job.campaign == *campaign) else { return false };
        if own.job.state == WhatifState::Running {
            own.stop.store(true, Ordering::Relaxed);
        } else {
            *slot = None;
        }
        true
    }

    /// Ends whatever is worked on.
    pub(super) fn stop(&self) {
        if let Some(slot) = self.slot().as_ref() {
            slot.stop.store(true, Ordering::Relaxed);
        }
    }
}

/// How a rehearsal of a campaign's traffic stands, and its answer.
#[utoipa::path(get, path = "/campaigns/{key}/whatif", tag = "campaigns", params(("key" = String, Path)),
    security(("session" = ["manager"])), responses((status = 200, body = WhatifView)))]
pub async fn whatif(
    State(state): State<WebState>,
    _user: Can<Managers>,
    Named(key): Named<CampaignKey>,
) -> Result<Json<WhatifView>, Problem> {
    if !state.records.campaign_exists(&key).await? {
        return Err(no_campaign(&key));
    }
    Ok(Json(state.rehearsals.view(&key)))
}

/// Rehearse recorded traffic under another setting. One at a time; nothing of the campaign is changed.
#[utoipa::path(post, path = "/campaigns/{key}/whatif", tag = "campaigns", params(("key" = String, Path)),
    request_body = WhatifQuestion, security(("session" = ["manager"])), responses((status = 202, body = WhatifView)))]
pub async fn ask_whatif(
    State(state): State<WebState>,
    user: Can<Managers>,
    Named(key): Named<CampaignKey>,
    Sent(question): Sent<WhatifQuestion>,
) -> Result<(StatusCode, Json<WhatifView>), Problem> {
    if !state.records.campaign_exists(&key).await? {
        return Err(no_campaign(&key));
    }
    let ask = asked(&state, key.clone(), question)?;
    let job = WhatifJob {
        campaign: key.clone(),
        by: user.login.clone(),
        from: ask.from,
        to: ask.to,
        set: ask.changes.iter().cloned().collect(),
        state: WhatifState::Running,
        progress: None,
        told: None,
        problem: None,
    };
    let stop = state.rehearsals.begin(job)?;
    let (folder, work) = (state.settings().data_dir.join("journal"), state.clone());
    let begun = stop.clone();
    let thread = std::thread::Builder::new().name("whatif".to_owned()).spawn(move || run(&work, &folder, &ask, &begun));
    if let Err(error) = thread {
        state.rehearsals.change(&stop, |job| job.state = WhatifState::Failed);
        return Err(Problem::internal("the thread of a rehearsal", error));
    }
    Ok((StatusCode::ACCEPTED, Json(state.rehearsals.view(&key))))
}

/// Stop a rehearsal, or throw its answer away.
#[utoipa::path(delete, path = "/campaigns/{key}/whatif", tag = "campaigns", params(("key" = String, Path)),
    security(("session" = ["manager"])), responses((status = 204)))]
pub async fn cancel_whatif(
    State(state): State<WebState>,
    _user: Can<Managers>,
    Named(key): Named<CampaignKey>,
) -> Result<StatusCode, Problem> {
    match state.rehearsals.cancel(&key) {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found(format!("rehearsal of `{key}`"))),
    }
}

/// The question, checked as far as that takes no time.
fn asked(state: &WebState, campaign: CampaignKey, question: WhatifQuestion) -> Result<Ask, Problem> {
    let to = question.to.unwrap_or_else(|| state.now().timestamp);
    let from = question.from.unwrap_or(to - SPAN);
    if from >= to {
        return Err(Problem::field("/to", "out_of_range", format!("the span ends at {to}; expected after {from}")));
    }
    if to.since(from) > Duration::from_secs(SPAN_DAYS_MAX * 86_400) {
        let detail = format!("the span is longer than {SPAN_DAYS_MAX} days; expected a shorter one");
        return Err(Problem::field("/from", "out_of_range", detail));
    }
    let replications = question.replications.unwrap_or(REPLICATIONS);
    if !(2..=REPLICATIONS_MAX).contains(&replications) {
        let detail = format!("replications is {replications}; expected 2 to {REPLICATIONS_MAX}");
        return Err(Problem::field("/replications", "out_of_range", detail));
    }
    if question.set.len() > CHANGES_MAX {
        let detail = format!("{} keys are changed; expected at most {CHANGES_MAX}", question.set.len());
        return Err(Problem::field("/set", "too_long", detail));
    }
    let changes = question.set.into_iter().collect();
    Ok(Ask { campaign, from, to, changes, replications, seed: 1, threads: 1 })
}

/// The work of the job's thread.
fn run(state: &WebState, folder: &Path, ask: &Ask, stop: &Arc<AtomicBool>) {
    // Of this thread alone, on Linux: whatever the dialer has to do comes first.
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::warn!(%error, "a rehearsal runs at the usual priority");
    }
    let progress = |progress| state.rehearsals.change(stop, |job| job.progress = Some(progress));
    let told = catch_unwind(AssertUnwindSafe(|| whatif::ask(folder, ask, stop, &progress)));
    state.rehearsals.change(stop, |job| {
        job.progress = None;
        (job.state, job.told, job.problem) = match told {
            Ok(Ok(told)) => (WhatifState::Done, Some(told), None),
            Ok(Err(WhatifError::Cancelled)) => (WhatifState::Cancelled, None, None),
            Ok(Err(error)) => (WhatifState::Failed, None, Some(problem(&error))),
            Err(_) => {
                let detail = "something failed on our side; the log has the cause".to_owned();
                let problem = WhatifProblem { code: WhatifCode::Internal, detail, errors: Vec::new() };
                (WhatifState::Failed, None, Some(problem))
            }
        };
    });
}

/// How far a rehearsal steps back behind the dialer: it gets a tenth of a processor that is busy, and all of one that is not.
const NICENESS: i32 = 10;

fn problem(error: &WhatifError) -> WhatifProblem {
    let mut errors = Vec::new();
    let code = match error {
        WhatifError::NoJournals(_) | WhatifError::NoTraffic { .. } => WhatifCode::NoTraffic,
        WhatifError::BeginningGone { .. } | WhatifError::Different { .. } => WhatifCode::NotReplayable,
        WhatifError::UnknownKey { .. } | WhatifError::Backwards { .. } | WhatifError::Preview => WhatifCode::BadChange,
        WhatifError::Change(complaints) => {
            errors = complaints.located().into_iter().map(super::located).collect();
            WhatifCode::BadChange
        }
        WhatifError::TooMany(_) => WhatifCode::TooLarge,
        WhatifError::Journal(_) => WhatifCode::Journal,
        WhatifError::Cancelled => WhatifCode::Internal,
    };
    WhatifProblem { code, detail: error.to_string(), errors }
}
