//! Identifiers: minted by the program, never by the database.
//!
//! An id is 64 bits: 42 bits of milliseconds since 2020, 21 bits of a counter or of chance. It sorts by age, fits a
//! `bigint`, and is shown with a prefix that says what it names (`lead_04kq2v7c1f00g`), in Crockford's base 32, so that
//! one can be read out on the phone.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::time::Timestamp;

/// 2020-01-01T00:00:00Z in milliseconds since 1970.
const EPOCH_MS: i64 = 1_577_836_800_000;
/// Bits below the time.
const COUNTER_BITS: u32 = 21;
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Why a text is not an id of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The prefix is missing or names something else.
    #[error("expected an id that starts with `{expected}_`")]
    Prefix {
        /// The prefix that was expected, without underscore.
        expected: &'static str,
    },
    /// The part after the prefix is not 13 digits of Crockford's base 32.
    #[error("expected 13 letters and digits after `{expected}_`")]
    Digits {
        /// The prefix in front of the bad digits.
        expected: &'static str,
    },
}

/// Mints ids that never repeat within a process and sort by the time they were minted.
///
/// The counter starts at a random place each millisecond-independent run, so that two runs that overlap in time (a
/// command beside the service) do not mint the same id; the store's primary keys would refuse it if they did.
#[derive(Clone, Debug)]
pub struct Mint {
    last: u64,
    salt: u64,
}

impl Mint {
    /// A mint whose counter starts at `salt`, which should be random.
    pub fn new(salt: u64) -> Mint {
        Mint { last: 0, salt: salt & ((1 << COUNTER_BITS) - 1) }
    }

    /// The next id as a bare number; wrap it in the kind it names.
    pub fn next(&mut self, now: Timestamp) -> i64 {
        let millis = now.as_millis().saturating_sub(EPOCH_MS).clamp(0, (1 << 42) - 1).unsigned_abs();
        let fresh = (millis << COUNTER_BITS) | self.salt;
        // A clock that stepped back, or many ids in one millisecond, must not repeat one.
        self.last = fresh.max(self.last + 1);
        i64::try_from(self.last & (i64::MAX as u64)).unwrap_or(i64::MAX)
    }
}

fn write_digits(f: &mut fmt::Formatter<'_>, value: i64) -> fmt::Result {
    let bits = value as u64;
    for place in (0..13).rev() {
        let digit = (bits >> (place * 5)) & 31;
        write!(f, "{}", DIGITS[digit as usize] as char)?;
    }
    Ok(())
}

fn read_digits(text: &str) -> Option<i64> {
    if text.len() != 13 {
        return None;
    }
    let mut bits: u64 = 0;
    for (index, byte) in text.bytes().enumerate() {
        let digit = DIGITS.iter().position(|d| *d == byte.to_ascii_lowercase())? as u64;
        if index == 0 && digit > 7 {
            return None; // 13 digits hold 65 bits, and ids are not negative
        }
        bits = (bits << 5) | digit;
    }
    i64::try_from(bits).ok()
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, utoipa::ToSchema)]
        #[schema(value_type = String)]
        pub struct $name(pub i64);

        impl $name {
            /// The prefix shown before the digits.
            pub const PREFIX: &'static str = $prefix;
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!($prefix, "_"))?;
                write_digits(f, self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<$name, IdError> {
                let digits = text
                    .strip_prefix(concat!($prefix, "_"))
                    .ok_or(IdError::Prefix { expected: $prefix })?;
                read_digits(digits).map($name).ok_or(IdError::Digits { expected: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// One time that a customer asked to be called.
    RegistrationId = "preg";
    /// A contact's place on a campaign's list, with its state and attempts.
    LeadId = "lead";
    /// A set of contacts brought in at once.
    ListId = "list";
    /// One try to reach a lead by phone.
    AttemptId = "att";
    /// One inbound call.
    InboundId = "inb";
    /// One SIP dialog between Lull and a trunk or an agent.
    LegId = "leg";
    /// A person who signs in: agent, manager, marketing or operator.
    UserId = "user";
    /// One sign-in of a user in a browser or by the API.
    SessionId = "ses";
    /// A promised later call.
    CallbackId = "cb";
    /// One entry on a suppression list.
    SuppressionId = "sup";
    /// One entry of the consent ledger.
    ConsentId = "con";
    /// A request to the engine that somebody waits for.
    RequestId = "req";
    /// One run of an import.
    ImportId = "imp";
    /// An import that works while nobody waits.
    JobId = "job";
    /// A file that is received in pieces.
    UploadId = "upl";
    /// An endpoint that is told what happened.
    WebhookId = "hook";
    /// A file that somebody asked for.
    ExportId = "exp";
    /// An SMS, ours or a customer's.
    MessageId = "msg";
    /// A key of a program that uses the API.
    KeyId = "key";
    /// Something that webhooks are told: the `webhook-id` of every try to tell it.
    EventId = "evt";
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_sort_by_age_and_do_not_repeat_when_the_clock_steps_back() {
        let mut mint = Mint::new(7);
        let first = mint.next(Timestamp::from_millis(1_795_000_000_000));
        let back = mint.next(Timestamp::from_millis(1_794_000_000_000));
        let later = mint.next(Timestamp::from_millis(1_795_000_000_009));
        assert!(first < back && back < later, "{first} {back} {later}");
    }

    #[test]
    fn an_id_of_another_kind_is_refused_by_its_prefix() {
        let lead = LeadId(42).to_string();
        assert_eq!(lead.parse::<AttemptId>(), Err(IdError::Prefix { expected: "att" }));
        assert_eq!("lead_xyz".parse::<LeadId>(), Err(IdError::Digits { expected: "lead" }));
        assert_eq!("lead_zzzzzzzzzzzzz".parse::<LeadId>(), Err(IdError::Digits { expected: "lead" }));
    }

    proptest! {
        #[test]
        fn every_id_reads_back_as_it_was_written(value in 0..i64::MAX) {
            prop_assert_eq!(LeadId(value).to_string().parse::<LeadId>(), Ok(LeadId(value)));
        }
    }
}
