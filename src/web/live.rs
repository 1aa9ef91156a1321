//! Bodies that are written while they are sent: the board's events, and files.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, sleep_until};

use super::WebState;
use super::access::SignedIn;
use super::desk_socket::still_signed_in;
use super::problem::{Kind, Problem};
use crate::engine::snapshot::Snapshot;

/// Least time between two pictures on one connection: at most four a second.
pub(super) const PICTURE_EVERY: Duration = Duration::from_millis(250);
/// Time between comments that keep the connection alive through proxies.
pub(super) const HEARTBEAT_EVERY: Duration = Duration::from_secs(15);
/// How often it is looked whether the session is still valid.
pub(super) const SESSION_CHECK_EVERY: Duration = Duration::from_secs(5);
/// A reader that takes nothing for this long is dropped.
pub(super) const STALLED_MAX: Duration = Duration::from_secs(30);
/// Pieces that wait for a slow reader. Pictures in between are skipped, not queued.
const PIECES_MAX: usize = 2;

/// A body whose pieces come through a channel.
pub(super) struct Written(mpsc::Receiver<Result<Bytes, std::io::Error>>);

impl Written {
    /// The body, and where its pieces go in. The body ends when the sender is dropped.
    pub(super) fn channel() -> (mpsc::Sender<Result<Bytes, std::io::Error>>, Body) {
        let (sender, receiver) = mpsc::channel(PIECES_MAX);
        (sender, Body::new(Written(receiver)))
    }
}

impl HttpBody for Written {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

/// The board's events for one reader.
pub(super) fn board_events(state: &WebState, signed_in: &SignedIn) -> Result<Response, Problem> {
    let signed_in = signed_in.clone();
    events(state, |state, pieces| async move { write_board(&state, &signed_in, pieces).await })
}

/// Server-sent events for one reader, which a task of their own writes.
pub(super) fn events<W: Future<Output = ()> + Send + 'static>(
    state: &WebState,
    write: impl FnOnce(WebState, mpsc::Sender<Result<Bytes, std::io::Error>>) -> W,
) -> Result<Response, Problem> {
    let permit = state
        .streams
        .clone()
        .try_acquire_owned()
        .map_err(|_| Problem::new(Kind::Overloaded, "too many desks and boards are connected").retry_after(5))?;
    let (pieces, body) = Written::channel();
    let writing = write(state.clone(), pieces);
    tokio::spawn(async move {
        writing.await;
        drop(permit);
    });
    Ok(event_stream(body))
}

/// An answer of events.
fn event_stream(body: Body) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // A proxy that buffers would turn live into late.
        (header::HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    (headers, body).into_response()
}

async fn write_board(state: &WebState, signed_in: &SignedIn, pieces: mpsc::Sender<Result<Bytes, std::io::Error>>) {
    let mut pictures = state.handle.snapshots();
    pictures.mark_changed();
    let mut closing = state.closing.subscribe();
    let mut heartbeat = tokio::time::interval(HEARTBEAT_EVERY);
    let mut check = tokio::time::interval(SESSION_CHECK_EVERY);
    for timer in [&mut heartbeat, &mut check] {
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        timer.reset();
    }
    let mut not_before = Instant::now();
    loop {
        let piece = tokio::select! {
            biased;
            () = raised(&mut closing) => return,
            () = pieces.closed() => return,
            _ = check.tick() => {
                if still_signed_in(state, signed_in).await {
                    continue;
                }
                return;
            }
            _ = heartbeat.tick() => Bytes::from_static(b": \n\n"),
            picture = next_picture(state, &mut pictures, not_before) => {
                let Some(piece) = picture else { return };
                not_before = Instant::now() + PICTURE_EVERY;
                piece
            }
        };
        if pieces.send_timeout(Ok(piece), STALLED_MAX).await.is_err() {
            return;
        }
    }
}

/// Lets what changes in between fall into one event.
pub(super) async fn pause(closing: &mut watch::Receiver<bool>, span: Duration) {
    tokio::select! {
        () = raised(closing) => {}
        () = tokio::time::sleep(span) => {}
    }
}

/// Returns when a flag is raised, or nobody is left to raise it.
pub(super) async fn raised(flag: &mut watch::Receiver<bool>) {
    drop(flag.wait_for(|raised| *raised).await);
}

/// The latest picture as an event, when there is a new one and it is time.
async fn next_picture(
    state: &WebState,
    pictures: &mut watch::Receiver<Arc<Snapshot>>,
    not_before: Instant,
) -> Option<Bytes> {
    // Waiting first, so that what changes meanwhile is in the picture; cancelling loses nothing.
    sleep_until(not_before).await;
    pictures.changed().await.ok()?;
    let picture = pictures.borrow_and_update().clone();
    state.last_event.of(picture)
}

/// The event of the latest picture, written once for all readers.
#[derive(Default)]
pub(super) struct LastEvent(Mutex<Option<(Arc<Snapshot>, Bytes)>>);

impl LastEvent {
    fn of(&self, picture: Arc<Snapshot>) -> Option<Bytes> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((written, event)) = last.as_ref()
            && Arc::ptr_eq(written, &picture)
        {
            return Some(event.clone());
        }
        let json = serde_json::to_string(&for_the_wall(&picture)).ok()?;
        let event = Bytes::from(format!("event: snapshot\nid: {}\ndata: {json}\n\n", picture.at.as_millis()));
        *last = Some((picture, event.clone()));
        Some(event)
    }
}

/// A picture as it may hang on a wall: without the numbers of the customers on the line.
pub(super) fn for_the_wall(picture: &Snapshot) -> Snapshot {
    let mut picture = picture.clone();
    for call in picture.agents.iter_mut().filter_map(|agent| agent.call.as_mut()) {
        call.number = None;
    }
    for agent in &mut picture.agents {
        agent.preview.iter_mut().for_each(|preview| preview.number = None);
        agent.notice.iter_mut().for_each(|notice| notice.number = None);
    }
    picture
}
