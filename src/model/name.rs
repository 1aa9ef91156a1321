//! Names that people give to things in files: short, lower case, safe in an address, a log line and a file name.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Longest name, in characters: fits a column of the wallboard.
pub const NAME_LENGTH_MAX: usize = 48;

/// Why a text cannot be a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("a name must not be empty")]
    Empty,
    /// Too long to be shown.
    #[error("`{0}` is longer than {NAME_LENGTH_MAX} characters")]
    TooLong(String),
    /// A character outside the alphabet.
    #[error(
        "`{text}` contains `{character}`; a name has lower-case letters, digits and `-`, and starts with a letter or digit"
    )]
    Character {
        /// The whole text.
        text: String,
        /// The first character that does not fit.
        character: char,
    },
}

fn checked(text: &str) -> Result<Arc<str>, NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.chars().count() > NAME_LENGTH_MAX {
        return Err(NameError::TooLong(text.to_owned()));
    }
    let fits = |(index, c): (usize, char)| c.is_ascii_lowercase() || c.is_ascii_digit() || (c == '-' && index > 0);
    match text.chars().enumerate().find(|&pair| !fits(pair)) {
        Some((_, character)) => Err(NameError::Character { text: text.to_owned(), character }),
        None => Ok(Arc::from(text)),
    }
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, utoipa::ToSchema)]
        #[schema(value_type = String)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<$name, NameError> {
                checked(text).map($name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
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

names! {
    /// A campaign, by the name its file gives it.
    CampaignKey;
    /// A carrier or PBX that calls go through.
    TrunkName;
    /// An outreach of a campaign, or one of the texts that it tries.
    OutreachName;
    /// An SMS gateway.
    GatewayName;
    /// A queue of inbound callers.
    QueueName;
    /// A group of agents that share an idle gate.
    GroupName;
    /// A compliance profile: the law or code a campaign is held to.
    ProfileName;
    /// Something to be played to a caller.
    PromptName;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_refuse_what_would_be_unsafe_in_an_address_or_a_file_name() {
        assert!("spring-offer-2026".parse::<CampaignKey>().is_ok());
        for bad in ["", "-a", "A", "a b", "a/b", "a.b", "..", "活动", &"a".repeat(49)] {
            assert!(bad.parse::<CampaignKey>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn the_error_names_the_character_that_does_not_fit() {
        let error = "spring offer".parse::<CampaignKey>().unwrap_err().to_string();
        assert!(error.contains("contains ` `"), "{error}");
    }
}
