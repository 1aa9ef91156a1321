//! A lead: a contact on a campaign's list, and what is known about its number when a dial is decided.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::disposition::Disposition;
use super::id::{AttemptId, LeadId, ListId};
use super::name::CampaignKey;
use super::numbers::Numbers;
use super::phone::PhoneNumber;
use super::time::Timestamp;

/// A lead as the hopper holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lead {
    /// Its id.
    pub id: LeadId,
    /// Whose lead it is.
    pub campaign: CampaignKey,
    /// The list it came with.
    pub list: ListId,
    /// The number to dial.
    pub number: PhoneNumber,
    /// IANA names of every time zone the number may be in. Empty: unknown, which is never dialled.
    pub zones: Vec<String>,
    /// What is known of it and of the person's other numbers.
    #[serde(default, skip_serializing_if = "Numbers::is_usual")]
    pub numbers: Numbers,
    /// Attempts already made for this lead in this campaign, by how they ended.
    pub attempts: BTreeMap<Disposition, u32>,
    /// What is known about the number at the time it was fetched; read again when the intent is recorded.
    pub facts: NumberFacts,
    /// Due because a callback was agreed: for this agent if personal.
    pub callback: Option<Callback>,
}

impl Lead {
    /// Whether this is one of the person's numbers.
    pub fn is_called_at(&self, number: &PhoneNumber) -> bool {
        self.number == *number || self.numbers.others.iter().any(|other| other.number == *number)
    }
}

/// A promised call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Callback {
    /// When it was promised for.
    pub at: Timestamp,
    /// The agent it was promised by, by login name; `None` for anyone of the group.
    pub agent: Option<String>,
}

/// What the guard needs to know about a number. The store reads it, inside the transaction that records the intent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NumberFacts {
    /// On a suppression list that applies to the campaign.
    pub suppressed: Option<SuppressionReason>,
    /// A consent that covers the campaign exists, is not revoked and has not expired.
    pub consent: bool,
    /// An attempt of any campaign to this number has not ended.
    pub live_attempt: Option<AttemptId>,
    /// Attempts to this number over all campaigns in the last [`PAST_ATTEMPTS_DAYS`] days, newest first, at most
    /// [`PAST_ATTEMPTS_MAX`].
    pub past: Vec<PastAttempt>,
}

/// How far back attempts are read: the longest window any shipped profile counts (30 days), and a day of margin.
pub const PAST_ATTEMPTS_DAYS: u32 = 31;
/// Most attempts read for one number. Caps are far below; a number with more is refused by them in any case.
pub const PAST_ATTEMPTS_MAX: usize = 64;

/// An attempt made earlier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastAttempt {
    /// When its intent was recorded.
    pub at: Timestamp,
    /// By which campaign.
    pub campaign: CampaignKey,
    /// How it ended; `None` while it is open.
    pub disposition: Option<Disposition>,
    /// It was made to another number of the same person: it counts for caps, and this number need not rest after it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub elsewhere: bool,
}

/// Why a number must not be dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SuppressionReason {
    /// On a public or internal do-not-call list.
    DoNotCall,
    /// The customer opted out, by any channel.
    OptOut,
    /// The customer complained.
    Complaint,
    /// A court or an authority forbids it.
    CourtOrder,
    /// The callee's network said the call is unwanted (607).
    Unwanted,
    /// Put there by hand for another reason.
    Manual,
}

impl SuppressionReason {
    /// All of them, in the order in which they are shown.
    pub const ALL: &'static [SuppressionReason] = &[
        SuppressionReason::DoNotCall,
        SuppressionReason::OptOut,
        SuppressionReason::Complaint,
        SuppressionReason::CourtOrder,
        SuppressionReason::Unwanted,
        SuppressionReason::Manual,
    ];

    /// As it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            SuppressionReason::DoNotCall => "do_not_call",
            SuppressionReason::OptOut => "opt_out",
            SuppressionReason::Complaint => "complaint",
            SuppressionReason::CourtOrder => "court_order",
            SuppressionReason::Unwanted => "unwanted",
            SuppressionReason::Manual => "manual",
        }
    }
}

impl std::str::FromStr for SuppressionReason {
    type Err = String;
    /// The error is the text that was not understood.
    fn from_str(text: &str) -> Result<SuppressionReason, String> {
        SuppressionReason::ALL.iter().copied().find(|r| r.as_str() == text).ok_or_else(|| text.to_owned())
    }
}

/// Where a lead stands in its campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeadState {
    /// May be dialled when it is due.
    Open,
    /// An attempt is on its way.
    Dialling,
    /// A callback was agreed.
    Callback,
    /// Reached, and nothing is left to do.
    Done,
    /// Given up: attempts used up, invalid, suppressed.
    GivenUp,
}

impl LeadState {
    /// As it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            LeadState::Open => "open",
            LeadState::Dialling => "dialling",
            LeadState::Callback => "callback",
            LeadState::Done => "done",
            LeadState::GivenUp => "given_up",
        }
    }
}

impl LeadNext {
    /// When the lead is dialled again by itself.
    pub fn again(&self) -> Option<Timestamp> {
        match self {
            LeadNext::Retry { at } | LeadNext::Other { at, .. } => Some(*at),
            LeadNext::Callback(_) | LeadNext::Done | LeadNext::GivenUp => None,
        }
    }
}

/// What becomes of a lead after an attempt, as the engine's retry rules decide it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LeadNext {
    /// Dial again at this time.
    Retry {
        /// Not before.
        at: Timestamp,
    },
    /// Dial another of the person's numbers at this time.
    Other {
        /// Not before.
        at: Timestamp,
        /// Which.
        number: PhoneNumber,
        /// What becomes of the lead if another lead has that number by now, or the person has it no more. `None` in what a
        /// version before this one wrote: its own number is dialled again then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        otherwise: Option<Box<LeadNext>>,
    },
    /// Dial again at the agreed time.
    Callback(Callback),
    /// Nothing more to do.
    Done,
    /// Given up.
    GivenUp,
}
