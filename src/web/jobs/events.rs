//! A job's events for one reader.

use axum::body::Bytes;
use axum::response::Response;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::ImportJob;
use crate::web::WebState;
use crate::web::access::SignedIn;
use crate::web::desk_socket::still_signed_in;
use crate::web::live::{self, HEARTBEAT_EVERY, PICTURE_EVERY, SESSION_CHECK_EVERY, STALLED_MAX, pause, raised};
use crate::web::problem::Problem;

/// How a job goes on, until its end.
pub(super) fn of_job(state: &WebState, signed_in: &SignedIn, job: ImportJob) -> Result<Response, Problem> {
    let signed_in = signed_in.clone();
    live::events(state, |state, pieces| async move {
        match state.jobs.watch(job.id) {
            Some(seen) => write(&state, &signed_in, seen, pieces).await,
            // It is over: one event says all.
            None => drop(pieces.send_timeout(Ok(event(&job)), STALLED_MAX).await),
        }
    })
}

async fn write(
    state: &WebState,
    signed_in: &SignedIn,
    mut seen: watch::Receiver<ImportJob>,
    pieces: mpsc::Sender<Result<Bytes, std::io::Error>>,
) {
    seen.mark_changed();
    let mut closing = state.closing.subscribe();
    let (mut heartbeat, mut check) = (interval(HEARTBEAT_EVERY), interval(SESSION_CHECK_EVERY));
    for timer in [&mut heartbeat, &mut check] {
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        timer.reset();
    }
    loop {
        let (piece, over) = tokio::select! {
            biased;
            () = raised(&mut closing) => return,
            () = pieces.closed() => return,
            _ = check.tick() => {
                if still_signed_in(state, signed_in).await {
                    continue;
                }
                return;
            }
            _ = heartbeat.tick() => (Bytes::from_static(b": \n\n"), false),
            changed = seen.changed() => {
                if changed.is_err() {
                    return;
                }
                let job = seen.borrow_and_update().clone();
                (event(&job), !job.state.is_open())
            }
        };
        if pieces.send_timeout(Ok(piece), STALLED_MAX).await.is_err() || over {
            return;
        }
        pause(&mut closing, PICTURE_EVERY).await;
    }
}

fn event(job: &ImportJob) -> Bytes {
    let name = if job.state.is_open() { "job" } else { "end" };
    // A job always has a JSON form; without one the reader asks again.
    let json = serde_json::to_string(job).unwrap_or_default();
    Bytes::from(format!("event: {name}\ndata: {json}\n\n"))
}
