//! Passwords: what is demanded of them (NIST SP 800-63B-4) and how they are kept (argon2id).
//!
//! Length counts, composition rules do not help. A short list refuses what is long enough and still guessed first.

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};

use super::error::StoreError;

/// Fewest characters where the operator says nothing else: SP 800-63B-4 for a password that is the only factor.
pub const PASSWORD_LENGTH_MIN: u32 = 15;
/// Most characters: bounds the work of hashing.
pub const PASSWORD_LENGTH_MAX: usize = 128;
/// Hashes computed at once: each takes 19 MiB and a core for about 0.1 s.
pub(super) const HASHES_AT_ONCE: usize = 2;

/// Long enough and still guessed first.
const COMMON: &[&str] = &[
    "passwordpassword",
    "password12345678",
    "password123456789",
    "passwort12345678",
    "123456789012345",
    "1234567890123456",
    "12345678901234567890",
    "qwertyuiopasdfgh",
    "qwertyuiopasdfghjkl",
    "1qaz2wsx3edc4rfv",
    "1qaz2wsx3edc4rfv5tgb",
    "qwerty1234567890",
    "abcdefghijklmnop",
    "abcdefghijklmno",
    "iloveyouiloveyou",
    "adminadminadmin",
    "administrator123",
    "letmeinletmeinletmein",
    "changemechangeme",
    "welcomewelcome12",
    "woaini1314520woaini",
    "correcthorsebatterystaple",
];

/// A hash of nothing anybody can type, so that an unknown login takes as long as a wrong password.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5bm9ib2R5$3xUGp4eo9CuW2jyRKdHtTqXQLEGFhSmfWTC9hGxdtTk";

/// Why a password is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordFault {
    /// Too short.
    #[error(
        "the password has {length} characters; at least {min} are needed (access.password_length_min): four or five words are easy to keep in mind"
    )]
    TooShort {
        /// Its length.
        length: usize,
        /// What is demanded.
        min: usize,
    },
    /// Too long.
    #[error("the password has {length} characters; at most {PASSWORD_LENGTH_MAX} are taken")]
    TooLong {
        /// Its length.
        length: usize,
    },
    /// Among the first that are guessed.
    #[error("the password is among the first that are guessed (a common one, one pattern repeated, or the login name)")]
    Common,
    /// A character that cannot be typed reliably.
    #[error("the password contains a control character")]
    ControlCharacter,
}

/// Whether `password` may be the password of `login`, with at least `min` characters.
pub(super) fn check(password: &str, login: &str, min: usize) -> Result<(), PasswordFault> {
    let length = password.chars().count();
    if length < min {
        return Err(PasswordFault::TooShort { length, min });
    }
    if length > PASSWORD_LENGTH_MAX {
        return Err(PasswordFault::TooLong { length });
    }
    if password.chars().any(char::is_control) {
        return Err(PasswordFault::ControlCharacter);
    }
    let plain = password.to_lowercase();
    // "annannannannann" is the login; an empty rest is only the login repeated.
    let only_login = !login.is_empty() && plain.replace(&login.to_lowercase(), "").chars().count() < 6;
    if COMMON.contains(&plain.as_str()) || only_login || repeats(&plain) {
        return Err(PasswordFault::Common);
    }
    Ok(())
}

/// One pattern of at most four characters over and over.
fn repeats(text: &str) -> bool {
    let letters: Vec<char> = text.chars().collect();
    (1..=4).any(|period| letters.iter().zip(letters.iter().skip(period)).all(|(a, b)| a == b))
}

/// The PHC string to keep. Takes about 0.1 s of a core: not for an async thread.
pub(super) fn hash(password: &str) -> Result<String, StoreError> {
    let hashed = Argon2::default().hash_password(password.as_bytes());
    hashed.map(|hash| hash.to_string()).map_err(|error| StoreError::Unfit {
        what: "password",
        value: "(not shown)".to_owned(),
        expected: format!("something argon2 can hash: {error}"),
    })
}

/// Whether `password` fits the kept hash. Without a hash it takes as long and says no.
pub(super) fn fits(password: &str, kept: Option<&str>) -> bool {
    let known = kept.is_some();
    let fits = Argon2::default().verify_password(password.as_bytes(), kept.unwrap_or(NOBODY)).is_ok();
    fits && known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_are_taken_and_what_is_guessed_first_is_not() {
        for good in ["vier gelbe Enten tauchen", "四只黄色的鸭子在湖里安静地潜水呢", "x7k-plm-22q-zzt-9"]
        {
            assert_eq!(check(good, "ann", 15), Ok(()), "{good}");
        }
        assert_eq!(check("short", "ann", 15), Err(PasswordFault::TooShort { length: 5, min: 15 }));
        assert_eq!(check(&"ab c".repeat(40), "ann", 15), Err(PasswordFault::TooLong { length: 160 }));
        assert_eq!(check("a control\u{7} character", "ann", 15), Err(PasswordFault::ControlCharacter));
        assert_eq!(check("zehn lange", "ann", 10), Ok(()), "the operator may ask for less");
        for common in ["PasswordPassword", "aaaaaaaaaaaaaaaa", "abcabcabcabcabca", "marketing.lead1marketing.lead1"] {
            assert_eq!(check(common, "marketing.lead1", 15), Err(PasswordFault::Common), "{common}");
        }
    }

    #[test]
    fn a_hash_fits_its_password_only_and_nobody_has_none() {
        let kept = hash("vier gelbe Enten tauchen").unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(fits("vier gelbe Enten tauchen", Some(&kept)));
        assert!(!fits("vier gelbe Enten tauchten", Some(&kept)));
        assert!(!fits("vier gelbe Enten tauchen", None));
    }

    #[test]
    fn an_unknown_login_costs_the_same_work_because_the_stand_in_is_a_valid_hash() {
        use argon2::password_hash::phc::PasswordHash;
        let stand_in = PasswordHash::new(NOBODY).unwrap();
        let real = hash("vier gelbe Enten tauchen").unwrap();
        assert_eq!(stand_in.params, PasswordHash::new(&real).unwrap().params);
        assert!(stand_in.salt.is_some() && stand_in.hash.is_some());
    }
}
