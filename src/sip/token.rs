//! Names of a call that can be found again: Call-ID, tag and branches that follow from a secret and the call's number.
//!
//! A process that is killed right after an INVITE left has not yet written down what it was called. The next one knows
//! from the intent, which was durable before, that there may be such a call, and can name it. To everybody else the names
//! are as good as random (RFC 3261, 8.1.1.4, 8.1.1.7 and 19.3): they are HMAC-SHA-256 of what never repeats.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What the names of one call follow from.
#[derive(Clone, PartialEq, Eq)]
pub struct CallToken([u8; 32]);

impl std::fmt::Debug for CallToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CallToken(***)")
    }
}

impl CallToken {
    /// The token of the call of this number. The secret is the installation's own and outlives the process.
    pub fn of(secret: &[u8; 32], number: i64) -> CallToken {
        CallToken(mac(secret, &[b"call", &number.to_be_bytes()]))
    }

    /// The Call-ID at the server of this place in the list: to another server it is another call.
    pub(super) fn call_id(&self, place: usize) -> String {
        self.half(b"id", place, 0).iter().map(|half| format!("{half:016x}")).collect()
    }

    /// Our tag there.
    pub(super) fn tag(&self, place: usize) -> u64 {
        self.half(b"tag", place, 0)[0]
    }

    /// The branch of the INVITE with this CSeq there.
    pub(super) fn branch(&self, place: usize, cseq: u32) -> u64 {
        self.half(b"branch", place, cseq)[0]
    }

    fn half(&self, what: &[u8], place: usize, cseq: u32) -> [u64; 2] {
        let place = u64::try_from(place).unwrap_or(u64::MAX);
        let bytes = u128::from_be_bytes(first_half(mac(&self.0, &[what, &place.to_be_bytes(), &cseq.to_be_bytes()])));
        [(bytes >> 64) as u64, bytes as u64]
    }
}

fn first_half(bytes: [u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    half
}

fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // A key shorter than a block is filled up with zeros (RFC 2104, 2).
    let mut block = [0; 64];
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in parts {
        // The lengths keep two lists of parts apart that read alike when joined.
        mac.update(&[u8::try_from(part.len()).unwrap_or(u8::MAX)]);
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_a_call_are_the_same_each_time_and_shared_with_no_other() {
        let names = |secret: u8, number| {
            let token = CallToken::of(&[secret; 32], number);
            [token.tag(0), token.tag(1), token.branch(0, 1), token.branch(0, 2), token.branch(1, 1)]
        };
        assert_eq!(names(1, 7), names(1, 7));
        let mut all: Vec<u64> = [(1, 7), (1, 8), (2, 7)].into_iter().flat_map(|(s, n)| names(s, n)).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 15);
        assert_eq!(CallToken::of(&[1; 32], 7).call_id(0).len(), 32);
    }
}
