//! A person's numbers: what each is, and a campaign's rules about which is dialled when.
//!
//! Not which one is next, which is the engine's to decide (`engine::dialer::numbers`). Read [`Numbers`] and [`NumberRules`] first.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::calling_hours::WeeklyHours;
use super::disposition::Disposition;
use super::phone::PhoneNumber;

/// Most numbers of one person.
pub const NUMBERS_MAX: usize = 5;

/// Where a number rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NumberKind {
    /// In a pocket.
    Mobile,
    /// At home.
    Home,
    /// At work.
    Work,
    /// Nobody said where.
    Other,
}

impl NumberKind {
    /// All of them.
    pub const ALL: [NumberKind; 4] = [NumberKind::Mobile, NumberKind::Home, NumberKind::Work, NumberKind::Other];

    /// As it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            NumberKind::Mobile => "mobile",
            NumberKind::Home => "home",
            NumberKind::Work => "work",
            NumberKind::Other => "other",
        }
    }
}

/// What is known of a lead's numbers when a dial is decided, besides the number itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Numbers {
    /// Where the number to dial rings.
    pub kind: Option<NumberKind>,
    /// Its place among the person's numbers in the list, from 0.
    pub place: u32,
    /// Attempts to it that counted, for this lead.
    pub tried: u32,
    /// The person's other numbers, in the order of their list. Empty for most people.
    pub others: Vec<OtherNumber>,
}

impl Numbers {
    /// One number, of which nothing is known: what is not written down.
    pub fn is_usual(&self) -> bool {
        *self == Numbers::default()
    }
}

/// Another number of a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OtherNumber {
    /// The number.
    pub number: PhoneNumber,
    /// IANA names of every time zone it may be in.
    pub zones: Vec<String>,
    /// Where it rings.
    pub kind: NumberKind,
    /// Its place among the person's numbers in the list, from 0.
    pub place: u32,
    /// Attempts to it that counted, for this lead.
    pub tried: u32,
    /// It was found to be nobody's, somebody else's or a fax, or another lead of the campaign has it: not dialled for this lead.
    pub bad: bool,
}

/// Which of a person's numbers a campaign dials, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct NumberRules {
    /// Time until the next number is dialled after one where nobody was reached, in seconds.
    pub next_after_s: u64,
    /// Which kinds come first; those that are not named come after, in the order of the list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<NumberKind>,
    /// When numbers of a kind may be called, within the campaign's hours.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub hours: BTreeMap<NumberKind, WeeklyHours>,
}

impl Default for NumberRules {
    fn default() -> NumberRules {
        NumberRules { next_after_s: 300, order: Vec::new(), hours: BTreeMap::new() }
    }
}

impl NumberRules {
    /// The rules of a campaign that says nothing about them.
    pub fn is_usual(&self) -> bool {
        *self == NumberRules::default()
    }

    /// How early a kind comes; lower is earlier.
    pub fn turn(&self, kind: NumberKind) -> usize {
        self.order.iter().position(|one| *one == kind).unwrap_or(self.order.len())
    }
}

/// Whether an attempt that ended like this shows that the number does not reach the person.
pub fn is_bad(disposition: Disposition) -> bool {
    matches!(disposition, Disposition::InvalidNumber | Disposition::WrongPerson | Disposition::Fax)
}

/// Whether nobody was reached at the number, so that another one is worth a try.
pub fn nobody_reached(disposition: Disposition) -> bool {
    matches!(
        disposition,
        Disposition::Busy
            | Disposition::NoAnswer
            | Disposition::Rejected
            | Disposition::Machine
            | Disposition::AgentMachine
    )
}
