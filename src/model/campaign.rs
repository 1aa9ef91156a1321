//! A campaign: what is offered to which leads, when, by whom and how fast.
//!
//! This is the campaign as the program uses it. How a person writes it in a file, and every complaint about what is
//! written there, is `model::campaign_file`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::calling_hours::WeeklyHours;
use super::disposition::Disposition;
use super::name::{CampaignKey, GroupName, ProfileName, PromptName, TrunkName};
use super::phone::PhoneNumber;
use super::profile::AttemptCap;

/// Everything that defines a campaign. Live controls (running, paused) are not part of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Campaign {
    /// The name in addresses and commands.
    pub key: CampaignKey,
    /// What people read.
    pub title: String,
    /// What is recommended.
    pub offer: Offer,
    /// What the agent says, in order.
    pub script: Vec<ScriptSection>,
    /// What the agent asks and records.
    pub questionnaire: Vec<Question>,
    /// The results an agent may choose from, in order; the first nine get the keys 1 to 9.
    pub results: Vec<AgentResult>,
    /// When its leads may be called, in their own time; cut with the profile's hours.
    pub hours: WeeklyHours,
    /// How many attempts are started and when.
    pub pacing: Pacing,
    /// The agents that work it; their gate, reserve and threshold apply.
    pub group: GroupName,
    /// Idleness this campaign demands beyond the group's threshold, 0 to 1.
    pub idle_threshold_min: Option<f64>,
    /// Who among the slot holders gets an answered customer.
    pub assignment: Assignment,
    /// The law or code it is held to.
    pub profile: ProfileName,
    /// The number shown to customers.
    pub caller_id: PhoneNumber,
    /// Trunks in the order in which they are tried.
    pub trunks: Vec<TrunkName>,
    /// How long it rings before it counts as no answer, in seconds.
    pub ring_timeout_s: u32,
    /// Ringing may be given up before the profile's minimum when inbound needs the agents.
    pub cancel_before_ring_min: bool,
    /// What follows each disposition; a disposition that is missing here ends the lead.
    pub retry: BTreeMap<Disposition, RetryRule>,
    /// Attempt caps per number, on top of the profile's.
    pub attempt_caps: Vec<AttemptCap>,
    /// Most attempts for one lead in the whole campaign.
    pub attempts_max: u32,
    /// Largest share of abandoned calls; the profile's own maximum holds if it is smaller.
    pub abandon_rate_max: f64,
    /// Time an agent has after a call to record the result, in seconds.
    pub wrap_up_s: u32,
    /// Campaigns of higher priority get slots first, 0 to 99.
    pub priority: u8,
    /// Point tier of the incentive scheme, 1 to 5.
    pub tier: u8,
    /// Tell machines from people, or connect whoever answers.
    pub detect_machines: bool,
    /// Record the calls.
    pub recording: Recording,
    /// Played to a person who answered and found no agent.
    pub information_message: PromptName,
}

/// What is recommended to the customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Offer {
    /// Its name.
    pub name: String,
    /// Reasons to take it.
    pub selling_points: Vec<String>,
    /// How it is processed once accepted, step by step.
    pub steps: Vec<String>,
}

/// A part of the script; `{name}` and the list's extra columns are filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ScriptSection {
    /// Heading.
    pub title: String,
    /// What is said.
    pub text: String,
}

/// A question of the questionnaire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Question {
    /// Column name of its answer.
    pub key: String,
    /// What is asked.
    pub text: String,
    /// What may be answered.
    pub answer: Answer,
    /// Must be answered before an agent result other than a refusal can be recorded.
    pub required: bool,
}

/// What may be answered to a question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Answer {
    /// One of these.
    Choice {
        /// The choices, in order.
        options: Vec<String>,
    },
    /// A number.
    Number {
        /// Smallest allowed.
        min: Option<f64>,
        /// Largest allowed.
        max: Option<f64>,
    },
    /// Free text.
    Text {
        /// Most characters.
        length_max: u32,
    },
    /// A date, `YYYY-MM-DD`.
    Date,
}

/// A result that an agent may choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AgentResult {
    /// Its name in reports, unique in the campaign.
    pub key: String,
    /// What the agent reads.
    pub title: String,
    /// What it means.
    pub disposition: Disposition,
    /// Whether a note must be written.
    pub note_required: bool,
}

/// How many attempts are started and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum Pacing {
    /// Ringing attempts never exceed the idle agents with a slot.
    Progressive {
        /// Never more ringing than this.
        ringing_max: Option<u32>,
    },
    /// A fixed number of lines for each idle agent.
    Ratio {
        /// Lines per idle agent with a slot.
        lines_per_agent: f64,
        /// Idle agents of all groups below which nothing is placed.
        min_idle_total: u32,
        /// When it is decided.
        on: RatioOn,
        /// Never more ringing than this.
        ringing_max: Option<u32>,
    },
}

/// When the ratio is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RatioOn {
    /// At every event.
    EveryEvent,
    /// Once whenever an agent becomes idle.
    AgentFreed,
}

/// Who among the slot holders gets an answered customer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Assignment {
    /// At random, as the source documents have it.
    #[default]
    Random,
    /// Whoever has been idle longest.
    LongestIdle,
}

/// What follows a disposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RetryRule {
    /// Time until the next attempt, in seconds.
    pub after_s: u64,
    /// Most attempts that may end like this before the lead is given up.
    pub attempts_max: u32,
}

/// Whether calls are recorded, and what the customer hears about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Recording {
    /// Record connected calls.
    pub on: bool,
    /// Played to the customer before the agent is connected.
    pub consent_prompt: Option<PromptName>,
}

/// Whether a campaign dials. A live control, not part of the definition.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CampaignState {
    /// Applied and never started.
    #[default]
    Ready,
    /// Dials when it may.
    Running,
    /// Dials nothing; calls that are up go on.
    Paused,
    /// Over; cannot be started again without being applied again.
    Ended,
}
