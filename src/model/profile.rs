//! Compliance profiles: what a law or a code of conduct asks of a campaign, as data.
//!
//! Lull ships profiles as files beside the campaigns. They are inputs to be verified with counsel, not legal advice.

use serde::{Deserialize, Serialize};

use super::abandonment::AbandonMeasure;
use super::calling_hours::WeeklyHours;
use super::name::ProfileName;
use super::outreach::MessageRules;

/// At most `max` attempts to one number within `within_s`, over all campaigns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AttemptCap {
    /// Attempts allowed.
    pub max: u32,
    /// Length of the rolling window in seconds.
    pub within_s: u64,
}

/// What a law or code asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Profile {
    /// The name campaigns refer to, such as `cn` or `uk-ofcom`.
    pub name: ProfileName,
    /// What people read.
    pub title: String,
    /// Where each rule was read, one line each.
    pub sources: Vec<String>,
    /// Says that counsel must confirm it.
    pub notice: String,
    /// When people may be called, in their own time.
    pub hours: WeeklyHours,
    /// Largest share of abandoned calls among calls answered by people, 0 to 1.
    pub abandon_rate_max: f64,
    /// How that share is measured.
    #[serde(default)]
    pub abandon: AbandonMeasure,
    /// From the answer until an agent or the information message is heard, in seconds.
    pub connect_deadline_s: f64,
    /// Ringing attempts are not given up earlier than this, in seconds.
    pub ring_min_s: f64,
    /// Attempt caps per number.
    pub attempt_caps: Vec<AttemptCap>,
    /// A number that was abandoned is called again only after this time, in seconds, unless an agent is held for it.
    pub abandon_cool_off_s: u64,
    /// Whether a dial needs a recorded consent of the customer.
    pub consent_required: bool,
    /// What the information message must say; shown to whoever records it.
    pub information_message: String,
    /// What a message of an outreach must have.
    #[serde(default, skip_serializing_if = "MessageRules::is_empty")]
    pub messages: MessageRules,
}
