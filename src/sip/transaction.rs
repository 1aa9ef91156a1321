//! Transactions (RFC 3261, 17; RFC 6026), their keys and tables.
//!
//! Kept small: a client transaction is gone with its final response (2xx to INVITE included; the leg keeps the ACK), and
//! only INVITE has server transactions: every other request is answered again from the dialog or from scratch.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::ops::{Deref, DerefMut};

use bytes::Bytes;

use super::codec::{Message, Name};
use super::header::{NameAddr, Via};
use super::settings::Target;
use super::timers::Handle;
use super::vocabulary::Method;
use crate::model::id::LegId;
use std::sync::Arc;

/// Round-trip estimate T1 in microseconds (RFC 3261, 17.1.1.1).
pub(super) const T1_US: u64 = 500_000;
/// Longest interval between repeated requests and final responses, T2.
pub(super) const T2_US: u64 = 4_000_000;
/// How long a datagram may linger in the network, T4.
pub(super) const T4_US: u64 = 5_000_000;
/// 64·T1: timers B, D, F, H, J, L and M.
pub(super) const PATIENCE_US: u64 = 64 * T1_US;

/// Where a message came from or goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hop {
    pub(super) target: Target,
    pub(super) connection: Option<u64>,
}

/// Our branch; CANCEL shares the INVITE's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ClientKey {
    pub(super) branch: u64,
    pub(super) cancel: bool,
}

/// The keyed hash of what identifies a peer's transaction (RFC 3261, 17.2.3).
pub(super) type ServerKey = u128;

/// What a request is for: decides what its answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Invite,
    /// A re-INVITE that refreshes the session.
    Reinvite,
    Cancel,
    /// Of a leg that is already gone.
    Bye,
    Update,
    Prack,
    Probe(Arc<str>, Target),
}

/// A request on its way.
#[derive(Debug)]
pub(super) struct ClientTransaction {
    pub(super) purpose: Purpose,
    pub(super) method: Method,
    pub(super) leg: Option<LegId>,
    pub(super) trunk: Option<Arc<str>>,
    pub(super) cseq: u32,
    /// The request.
    pub(super) bytes: Bytes,
    pub(super) hop: Hop,
    pub(super) state: ClientState,
    pub(super) interval_us: u64,
    pub(super) resend: Option<Handle>,
    pub(super) deadline: Option<Handle>,
    /// How often the request was sent again with credentials or with a longer session interval.
    pub(super) again: Again,
}

/// How often a request was corrected; each way has its own limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Again {
    /// With credentials.
    pub(super) credentials: u8,
    /// With the session interval that a 422 asked for.
    pub(super) interval: u8,
}

/// A request to be sent and watched over.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) key: ClientKey,
    pub(super) purpose: Purpose,
    pub(super) method: Method,
    pub(super) leg: Option<LegId>,
    pub(super) cseq: u32,
    pub(super) bytes: Bytes,
    pub(super) hop: Hop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientState {
    Calling,
    Proceeding,
    /// INVITE only: a non-2xx came and is acknowledged again when it is repeated.
    Completed,
}

/// A peer's INVITE.
#[derive(Debug)]
pub(super) struct ServerTransaction {
    /// The INVITE, until it is finally answered.
    pub(super) request: Option<Message>,
    pub(super) hop: Hop,
    pub(super) leg: LegId,
    /// What the same request over another way would share with it (RFC 3261, 8.2.2.2).
    pub(super) merge: Option<u128>,
    /// The last response, sent again when the request is repeated.
    pub(super) last: Option<Bytes>,
    pub(super) state: ServerState,
    pub(super) interval_us: u64,
    pub(super) resend: Option<Handle>,
    pub(super) deadline: Option<Handle>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServerState {
    Proceeding,
    /// A non-2xx was sent and waits for its ACK.
    Completed,
    /// The ACK came, or a 2xx was sent, which the leg repeats: repeated requests are absorbed (RFC 6026).
    Absorbing,
}

/// A map whose keys are random or keyed hashes already, and which gives back the room it needed at a peak: 200 calls a second
/// leave 6,400 ended dialogs, and a `HashMap` would keep their 4 MB for ever.
pub(super) struct Table<K, V>(HashMap<K, V, BuildHasherDefault<MixHasher>>);

/// No table is made smaller than this many entries.
const TABLE_ROOM_MIN: usize = 128;

impl<K: Eq + Hash, V> Table<K, V> {
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let gone = self.0.remove(key);
        // An eighth in use: the entries that are moved now were paid for by those that went.
        if self.0.capacity() > TABLE_ROOM_MIN && self.0.len() < self.0.capacity() / 8 {
            self.0.shrink_to((self.0.len() * 2).max(TABLE_ROOM_MIN / 2));
        }
        gone
    }
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Table(HashMap::default())
    }
}

impl<K, V> Deref for Table<K, V> {
    type Target = HashMap<K, V, BuildHasherDefault<MixHasher>>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<K, V> DerefMut for Table<K, V> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

/// Multiplies and folds: enough for keys that no peer can choose.
#[derive(Default)]
pub(super) struct MixHasher(u64);

impl Hasher for MixHasher {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0 ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23);
    }

    fn write_i64(&mut self, value: i64) {
        self.write_u64(value as u64);
    }

    fn write_u128(&mut self, value: u128) {
        self.write_u64(value as u64);
        self.write_u64((value >> 64) as u64);
    }
}

/// Hashes texts under a secret, so that no peer can make two of them meet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seal(pub(super) [u64; 2]);

impl Seal {
    pub(super) fn of(&self, parts: &[&[u8]]) -> u128 {
        let half = |secret: u64| {
            let mut hasher = std::hash::DefaultHasher::new();
            hasher.write_u64(secret);
            for part in parts {
                hasher.write(part);
                hasher.write_usize(part.len());
            }
            hasher.finish()
        };
        (u128::from(half(self.0[0])) << 64) | u128::from(half(self.0[1]))
    }

    /// The key of the transaction that a request, its CANCEL and its ACK share.
    pub(super) fn transaction(&self, request: &Message, via: &Via<'_>) -> ServerKey {
        match via.branch() {
            Some(branch) if branch.len() > 7 && branch.starts_with("z9hG4bK") => {
                let port = via.port.unwrap_or(0).to_be_bytes();
                self.of(&[branch.as_bytes(), via.host.as_bytes(), &port])
            }
            // RFC 2543 clients: everything that INVITE, CANCEL and ACK have in common (RFC 3261, 17.2.3).
            Some(_) | None => {
                let from = request.text(Name::From).unwrap_or_default();
                let tag = NameAddr::read(&from).and_then(|from| from.tag()).unwrap_or("");
                let cseq = request.raw(Name::CSeq).unwrap_or(&[]);
                let number = cseq.split(|byte| byte.is_ascii_whitespace()).next().unwrap_or(&[]);
                let uri = request.request_uri();
                let call_id = request.raw(Name::CallId).unwrap_or(&[]);
                self.of(&[b"2543", uri.as_bytes(), tag.as_bytes(), call_id, number, via.host.as_bytes()])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_gives_back_the_room_it_needed_at_a_peak() {
        let mut table: Table<u64, [u8; 64]> = Table::default();
        for key in 0..10_000 {
            table.insert(key, [0; 64]);
        }
        let peak = table.capacity();
        for key in 0..9_990 {
            assert!(table.remove(&key).is_some());
        }
        assert!(peak >= 10_000 && table.capacity() <= 2 * TABLE_ROOM_MIN, "{peak}, {}", table.capacity());
        assert!((9_990..10_000).all(|key| table.contains_key(&key)));
    }
}
