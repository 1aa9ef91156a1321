//! Every deadline of the stack in one ordered structure; each has a name.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::transaction::{ClientKey, ServerKey};
use crate::model::id::LegId;
use crate::model::time::Instant;

/// What falls due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// Timers A and E: send a request again.
    RequestResend(ClientKey),
    /// Timers B, D and F: no answer came, or no repeated answer is expected any more.
    RequestDeadline(ClientKey),
    /// Timer G, or RFC 3262: send a final non-2xx, or a reliable provisional response, again.
    ResponseResend(ServerKey),
    /// Timers H, I and L: the ACK did not come, or repeated requests are no longer expected; or nobody answered a call.
    ResponseDeadline(ServerKey),
    /// RFC 3261, 13.3.1.4: send the 2xx again.
    AnswerResend(LegId),
    /// RFC 3261, 13.3.1.4: no ACK for the 2xx.
    AnswerDeadline(LegId),
    /// RFC 4028: refresh the session.
    SessionRefresh(LegId),
    /// RFC 4028: the session was not refreshed.
    SessionExpiry(LegId),
    /// The tag of a leg that is over is forgotten.
    Afterglow(u64),
    /// A registration ends.
    Registration(Arc<str>),
    /// The next OPTIONS to a trunk.
    Probe(Arc<str>),
    /// A message begun on a stream was not finished.
    StreamStall(u64),
}

impl Timer {
    fn name(&self) -> &'static str {
        match self {
            Timer::RequestResend(_) => "request_resend",
            Timer::RequestDeadline(_) => "request_deadline",
            Timer::ResponseResend(_) => "response_resend",
            Timer::ResponseDeadline(_) => "response_deadline",
            Timer::AnswerResend(_) => "answer_resend",
            Timer::AnswerDeadline(_) => "answer_deadline",
            Timer::SessionRefresh(_) => "session_refresh",
            Timer::SessionExpiry(_) => "session_expiry",
            Timer::Afterglow(_) => "afterglow",
            Timer::Registration(_) => "registration",
            Timer::Probe(_) => "probe",
            Timer::StreamStall(_) => "stream_stall",
        }
    }
}

/// Names a set timer, so that it can be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handle(Instant, u64);

/// Deadlines in their order; ties fall due in the order they were set.
#[derive(Debug, Default)]
pub(super) struct Timers {
    queue: BTreeMap<(Instant, u64), Timer>,
    sequence: u64,
}

impl Timers {
    pub(super) fn set(&mut self, at: Instant, timer: Timer) -> Handle {
        self.sequence += 1;
        self.queue.insert((at, self.sequence), timer);
        Handle(at, self.sequence)
    }

    pub(super) fn cancel(&mut self, handle: Option<Handle>) {
        if let Some(Handle(at, sequence)) = handle {
            self.queue.remove(&(at, sequence));
        }
    }

    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        let first = self.queue.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    pub(super) fn next(&self) -> Option<(Instant, &'static str)> {
        self.queue.first_key_value().map(|((at, _), timer)| (*at, timer.name()))
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }
}
