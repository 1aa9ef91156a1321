//! Phone numbers, normalised to one spelling before anything is decided about them.
//!
//! [`PhoneNumber`] is E.164 with its plus sign. Two spellings of one number are one value, so that a suppression, a cap
//! or "one live attempt per number" cannot be passed by writing it another way.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A number in E.164: `+`, then 6 to 15 digits, the first of which is not zero (ITU-T E.164).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, utoipa::ToSchema)]
#[schema(value_type = String, example = "+8613800138000")]
pub struct PhoneNumber(Arc<str>);

/// A text is not E.164.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a number in international form; expected `+`, the country code and the number, such as +8613800138000"
)]
pub struct NotE164(pub String);

impl PhoneNumber {
    /// Takes a text that is already in E.164; nothing is guessed. To read what people write, use
    /// `model::dialable` with a region.
    pub fn from_e164(text: &str) -> Result<PhoneNumber, NotE164> {
        let digits = text.strip_prefix('+').ok_or_else(|| NotE164(text.to_owned()))?;
        let fits =
            (6..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        if fits { Ok(PhoneNumber(Arc::from(text))) } else { Err(NotE164(text.to_owned())) }
    }

    /// With the plus sign.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without the plus sign, as many carriers want it.
    pub fn digits(&self) -> &str {
        &self.0[1..]
    }

    /// For logs and for people who need not know the whole number: `+86138****8000`.
    pub fn masked(&self) -> String {
        let text = &*self.0;
        let tail = 4.min(text.len() / 3);
        let head = (text.len() - tail).saturating_sub(4).min(6);
        format!("{}****{}", &text[..head], &text[text.len() - tail..])
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Masked, so that a debug log does not tell a customer's number.
impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl Serialize for PhoneNumber {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PhoneNumber {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<PhoneNumber, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        PhoneNumber::from_e164(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_e164_is_taken_as_it_is() {
        assert!(PhoneNumber::from_e164("+8613800138000").is_ok());
        for bad in ["13800138000", "+0123456789", "+86 138", "+", "+1234567890123456", "+12a45678", "＋8613800138000"]
        {
            assert!(PhoneNumber::from_e164(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn a_debug_log_shows_a_masked_number() {
        let number = PhoneNumber::from_e164("+8613800138000").unwrap();
        assert_eq!(format!("{number:?}"), "+86138****8000");
        let short = PhoneNumber::from_e164("+123456").unwrap();
        assert!(!format!("{short:?}").contains("3456"), "{short:?}");
    }
}
