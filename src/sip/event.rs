//! What goes in and out of the [`super::Endpoint`]: calls to place, facts that happened, bytes to send.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::settings::Target;
use super::token::CallToken;
use crate::model::id::LegId;

/// Bytes to send, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where.
    pub to: Destination,
    /// What.
    pub bytes: Bytes,
}

/// Where bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// One UDP datagram from a listener.
    Datagram(Target),
    /// An open connection, by the id the driver gave it.
    Connection(u64),
    /// A stream listener's target without a connection known to the endpoint: open one (tell
    /// [`super::Endpoint::stream_opened`]), or use the one that is being opened, and send there.
    Connect(Target),
}

/// Who an INVITE goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callee {
    /// Through a trunk, by its name.
    Trunk(Arc<str>),
    /// To the phone that is registered for a user, on the flow it registered from.
    Phone(Arc<str>),
}

/// A name and an address in From, To or P-Asserted-Identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    /// Display name; control characters are removed, quotes are escaped.
    pub display: Option<String>,
    /// User part, unescaped: the stack escapes it.
    pub user: String,
    /// Host.
    pub host: String,
}

/// A call to place. The stack does not look into the SDP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallSpec {
    /// Through what.
    pub callee: Callee,
    /// Resolved addresses in the order they are tried; at most [`super::TARGETS_MAX`]. Empty for phones.
    pub targets: Vec<Target>,
    /// The Request-URI; for phones `None` means the registered contact.
    pub request_uri: Option<String>,
    /// Who calls.
    pub from: Party,
    /// Who is called.
    pub to: Party,
    /// P-Asserted-Identity, for trunks that take the caller's number from there.
    pub asserted_identity: Option<Party>,
    /// Further headers, for example `Alert-Info`. Line breaks are removed.
    pub headers: Vec<(String, String)>,
    /// The offer.
    pub sdp: Bytes,
    /// What Call-ID, tag and branches follow from, for calls that a process that knows no more than their number must be
    /// able to end ([`super::Endpoint::end_unrecorded`]); `None` makes them random.
    pub token: Option<CallToken>,
}

impl CallSpec {
    /// The Call-IDs it has at each of its servers, if they follow from a token.
    pub fn call_ids(&self) -> Vec<String> {
        let of = |token: &CallToken| (0..self.targets.len()).map(|place| token.call_id(place)).collect();
        self.token.as_ref().map(of).unwrap_or_default()
    }
}

/// Why a call was not placed; nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginateError {
    /// No trunk of this name.
    #[error("no trunk of this name is configured")]
    UnknownTrunk,
    /// The phone is not registered.
    #[error("the phone is not registered")]
    NotRegistered,
    /// No targets, more than [`super::TARGETS_MAX`], or a listener that does not exist.
    #[error("no usable target")]
    NoTarget,
    /// The leg's id is in use.
    #[error("a leg of this id is already live")]
    LegInUse,
    /// The number of live legs is at its limit.
    #[error("the limit of live legs is reached")]
    Full,
    /// The Request-URI is not a URI.
    #[error("the request URI is malformed")]
    RequestUri,
}

/// Why a command on a leg did nothing. The leg may have ended in the meantime: that is normal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LegError {
    /// No leg of this id is live.
    #[error("no live leg of this id")]
    Gone,
    /// The leg is in a state that does not know this command.
    #[error("the leg is in a state that does not allow this")]
    State,
}

/// Why an outbound leg was not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The peer's status; 408 for no answer and 503 for an unreachable peer stand in where none came.
    pub status: u16,
    /// The peer's reason phrase, as written.
    pub phrase: String,
    /// The Q.850 cause of a Reason header.
    pub q850: Option<u16>,
    /// Retry-After, as sent: the caller caps it.
    pub retry_after_s: Option<u32>,
    /// What kind of failure it is.
    pub kind: FailureKind,
}

/// Kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// A final response of 400 to 699.
    Rejected,
    /// No response at all, or no final one in [`super::RINGING_MAX`].
    Timeout,
    /// The address could not be reached.
    Transport,
    /// Credentials are missing, wrong, or were asked for by somebody they are not meant for.
    AuthFailed,
    /// [`super::Endpoint::cancel`] ended it.
    Cancelled,
    /// A 3xx, which is never followed.
    Redirected,
}

/// Who ended a leg that was up, or an inbound leg that was not answered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// The peer sent BYE, or answered a request of ours with 481.
    Remote,
    /// [`super::Endpoint::hang_up`] or [`super::Endpoint::reject`].
    Local,
    /// The caller cancelled before the answer.
    CallerCancelled,
    /// The session timer ran out.
    SessionTimer,
    /// No ACK or no PRACK came in time.
    Unacknowledged,
    /// A request of ours in the dialog was never answered.
    Unreachable,
}

/// Reason of a BYE or CANCEL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndReason {
    /// Q.850 cause.
    pub q850: Option<u16>,
    /// Text of the Reason header, or its raw value.
    pub text: String,
}

/// Where an inbound call came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A trunk, by its name.
    Trunk(Arc<str>),
    /// A phone that proved its password.
    Phone(Arc<str>),
}

/// An INVITE that was accepted for handling; nothing but 100 was answered yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// Minted here.
    pub leg: LegId,
    /// Who sent it.
    pub source: Source,
    /// The peer's address.
    pub remote: SocketAddr,
    /// The user part of the Request-URI, unescaped: the number that was dialled.
    pub dialled: String,
    /// The user part of To, unescaped.
    pub to_user: String,
    /// The user part of From, unescaped; a claim of the peer.
    pub from_user: String,
    /// The display name of From.
    pub from_display: String,
    /// The user part of the first P-Asserted-Identity.
    pub asserted_user: Option<String>,
    /// The user part of the first Diversion.
    pub diverted_by: Option<String>,
    /// The dialog's Call-ID, for traces.
    pub call_id: String,
    /// The offer; `None` asks for one in the answer.
    pub sdp: Option<Bytes>,
}

/// What happened. Each leg ends in exactly one [`Event::Failed`] or [`Event::Ended`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Outbound: a first 100 came.
    Trying {
        /// The leg.
        leg: LegId,
    },
    /// Outbound: the INVITE was sent again, corrected or to the next server: what was recorded of the dialog no longer ends
    /// the call.
    Resent {
        /// The leg.
        leg: LegId,
    },
    /// Outbound: 180 to 199 came, perhaps repeatedly.
    Ringing {
        /// The leg.
        leg: LegId,
        /// 180, 181, 182, 183 or 199.
        status: u16,
        /// SDP of early media.
        early_sdp: Option<Bytes>,
    },
    /// Outbound: 2xx, already acknowledged.
    Answered {
        /// The leg.
        leg: LegId,
        /// The answer; empty if the peer sent none.
        sdp: Bytes,
        /// It crossed our CANCEL: the person has picked up, decide what they hear.
        crossed_cancel: bool,
    },
    /// Outbound: not answered. Terminal.
    Failed {
        /// The leg.
        leg: LegId,
        /// Why.
        cause: Failure,
    },
    /// A leg is over. Terminal.
    Ended {
        /// The leg.
        leg: LegId,
        /// Who ended it.
        by: EndedBy,
        /// The Reason header of the peer's BYE or CANCEL.
        reason: EndReason,
    },
    /// The peer wants to change the session; answer with `answer_reoffer` or `reject_reoffer`.
    Reoffer {
        /// The leg.
        leg: LegId,
        /// The offer; `None` asks for one.
        sdp: Option<Bytes>,
    },
    /// Our `reinvite` was answered, or the peer answered (in ACK) the offer we made in `answer` or `answer_reoffer`.
    ReofferAnswered {
        /// The leg.
        leg: LegId,
        /// The answer, or the status that refused it (the session stays as it was).
        result: Result<Bytes, u16>,
    },
    /// A new inbound call; answer with `ring`, `progress`, `answer` or `reject`.
    Incoming(Incoming),
    /// A phone registered, or moved to another address or contact; refreshes are silent.
    Registered {
        /// The user.
        user: Arc<str>,
        /// Its contact URI.
        contact: String,
        /// Where it was seen.
        remote: SocketAddr,
        /// Seconds granted.
        expires_s: u32,
        /// What it calls itself.
        user_agent: String,
    },
    /// A phone signed off, its registration ran out, or its connection closed.
    Unregistered {
        /// The user.
        user: Arc<str>,
    },
    /// A trunk answers its OPTIONS (again).
    TrunkUp {
        /// The trunk.
        trunk: Arc<str>,
    },
    /// No target of a trunk answers its OPTIONS.
    TrunkDown {
        /// The trunk.
        trunk: Arc<str>,
        /// The status of the last failed probe: 408 for silence.
        status: u16,
    },
    /// A key was pressed, told by INFO; RFC 4733 is the media's business.
    Dtmf {
        /// The leg.
        leg: LegId,
        /// 0-9, *, #, A-D.
        key: char,
    },
    /// A phone's credentials were wrong.
    AuthFailure {
        /// From where.
        remote: SocketAddr,
        /// Whom it claimed to be.
        user: String,
    },
    /// Close this connection: what came over it cannot be read.
    CloseStream {
        /// The driver's id.
        connection: u64,
    },
}

/// Sizes of all tables; after a load all but registrations and connections return to zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the size of the table of that name")]
pub struct Counts {
    pub legs: usize,
    pub client_transactions: usize,
    pub server_transactions: usize,
    pub dialog_tags: usize,
    /// Tags of legs that ended less than 32 s ago, kept to answer late retransmissions.
    pub afterglow: usize,
    pub registrations: usize,
    pub connections: usize,
    pub timers: usize,
    pub unsent: usize,
    pub unread_events: usize,
}

/// Messages that led to nothing, by cause; only ever growing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each counts what its name says")]
pub struct Discarded {
    pub unknown_source: u64,
    pub unreadable: u64,
    pub stray_response: u64,
    pub stray_ack: u64,
    pub malformed: u64,
    pub overload: u64,
    pub foreign_challenge: u64,
    pub would_amplify: u64,
}

/// Everything needed to end a dialog after a crash, to be kept in a journal. Take it after `originate`, and again at
/// [`Event::Answered`] or after `answer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialogRecord {
    /// The leg.
    pub leg: LegId,
    /// Through which trunk; `None` for phones.
    pub trunk: Option<Arc<str>>,
    /// The dialog.
    pub dialog: super::dialog::Dialog,
    /// How far it was.
    pub stage: Stage,
}

/// How far a recorded dialog was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Our INVITE was not finally answered: its bytes, from which the CANCEL is made.
    Early {
        /// The INVITE.
        invite: String,
    },
    /// The peer's INVITE was not finally answered: there is nothing to end, its transaction runs out.
    Offered,
    /// Up.
    Confirmed,
}
