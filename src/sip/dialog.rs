//! A dialog (RFC 3261, 12) and the state of the leg that owns it.
//!
//! ```text
//! originate ─> Calling ──2xx──────────────> Up ──BYE either way──> gone
//! INVITE ────> Offered ──answer──> Accepted ──ACK──> Up
//! ```
//! Calling and Offered end in a final response; Accepted ends without ACK by BYE.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::event::{CallSpec, EndReason};
use super::settings::Target;
use super::timers::Handle;
use super::transaction::{ClientKey, Hop, ServerKey};
use crate::model::id::LegId;
use crate::model::time::Instant;

/// What both ends agreed on, as this end sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialog {
    pub(super) call_id: String,
    /// Our tag; it also finds the leg when a request comes in.
    pub(super) local_tag: u64,
    pub(super) remote_tag: Option<String>,
    /// Our name and address, without tag.
    pub(super) local: String,
    /// The peer's name and address, without tag.
    pub(super) remote: String,
    pub(super) local_cseq: u32,
    pub(super) remote_cseq: Option<u32>,
    /// Route headers of our requests, in their order.
    pub(super) routes: Vec<String>,
    /// The peer's Contact.
    pub(super) remote_target: String,
    /// Where our requests go: never an address outside the trunk's own.
    pub(super) target: Target,
    /// The connection it came over; not worth remembering over a restart.
    #[serde(skip)]
    pub(super) connection: Option<u64>,
    /// Whether this end sent the first INVITE: it then waits longer after a 491 (RFC 3261, 14.1).
    pub(super) caller: bool,
}

impl Dialog {
    /// The Call-ID, for traces.
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    pub(super) fn hop(&self) -> Hop {
        Hop { target: self.target, connection: self.connection }
    }
}

/// One leg.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) id: LegId,
    /// Through which trunk; `None` for phones.
    pub(super) trunk: Option<Arc<str>>,
    pub(super) dialog: Dialog,
    pub(super) phase: Phase,
    pub(super) session: Option<Session>,
    /// The last SDP we sent, repeated in a re-INVITE that only refreshes.
    pub(super) local_sdp: Bytes,
    /// The peer's Allow names UPDATE.
    pub(super) peer_updates: bool,
    /// Number and answer of the last request in the dialog other than INVITE, to answer it again alike.
    pub(super) answered: Option<(u32, Bytes)>,
}

#[derive(Debug)]
pub(super) enum Phase {
    Calling(Calling),
    Offered(Offered),
    /// 2xx sent; `Some` in `hang_up`: BYE goes out as soon as the ACK is here (RFC 3261, 15).
    Accepted {
        answer: Unacked,
        hang_up: Option<EndReason>,
    },
    Up(Up),
}

#[derive(Debug)]
pub(super) struct Calling {
    /// `None`: a call that a crash left over; nobody is told what becomes of it.
    pub(super) spec: Option<Box<CallSpec>>,
    pub(super) target_index: usize,
    pub(super) invite: ClientKey,
    pub(super) invite_cseq: u32,
    pub(super) progress: Progress,
    pub(super) cancel: Cancel,
    pub(super) last_rseq: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Progress {
    Silent,
    Trying,
    Ringing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cancel {
    No,
    /// Wanted, and to be sent at the first provisional response (RFC 3261, 9.1).
    Wanted(EndReason),
    Sent,
    /// Sent because nothing final came in [`super::RINGING_MAX`].
    Overdue,
}

#[derive(Debug)]
pub(super) struct Offered {
    pub(super) transaction: ServerKey,
    pub(super) has_offer: bool,
    pub(super) provisional: Provisional,
}

/// How provisional responses to a peer's INVITE are sent (RFC 3262). Ours never hold SDP, so a 2xx need not wait for a
/// PRACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Provisional {
    Unreliable,
    /// The peer requires 100rel; the number of the last one sent.
    Reliable(u32),
    /// That one waits for its PRACK.
    Unpracked(u32),
}

/// A 2xx of ours on its way.
#[derive(Debug)]
pub(super) struct Unacked {
    pub(super) bytes: Bytes,
    pub(super) hop: Hop,
    pub(super) cseq: u32,
    pub(super) interval_us: u64,
    pub(super) resend: Handle,
    pub(super) deadline: Handle,
    /// The 2xx holds an offer, so the ACK holds the answer.
    pub(super) offers: bool,
}

#[derive(Debug, Default)]
pub(super) struct Up {
    pub(super) tail: Tail,
    pub(super) reoffer: Reoffer,
}

/// What answers repeated and second 2xx, while the leg is up and for a while after.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// Number and bytes of our ACK, sent again for each repeated 2xx.
    pub(super) ack: Option<(u32, Bytes)>,
    /// Tags of other forks that were answered too and got their BYE.
    pub(super) forks: Vec<String>,
}

/// A leg that is over: its tag is known for 64·T1 more.
#[derive(Debug)]
pub(super) struct Afterglow {
    pub(super) dialog: Dialog,
    pub(super) tail: Tail,
}

#[derive(Debug, Default)]
pub(super) enum Reoffer {
    #[default]
    None,
    /// Our re-INVITE that refreshes the session is out.
    Refreshing,
    /// The peer's re-INVITE waits for an answer.
    Asked { transaction: ServerKey, has_offer: bool },
    /// The peer's UPDATE waits for an answer.
    AskedByUpdate { request: Box<super::codec::Message>, hop: Hop },
    /// Our 2xx to a re-INVITE waits for its ACK.
    Unacked(Unacked),
}

/// Session timer (RFC 4028).
#[derive(Clone, Copy, Debug)]
pub(super) struct Session {
    pub(super) interval_s: u32,
    /// When the peer will take the session for dead.
    pub(super) expires: Instant,
    pub(super) timer: Handle,
}
