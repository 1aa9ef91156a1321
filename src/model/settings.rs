//! What the operator sets up and the engine must know: trunks' limits, groups, queues, numbers that lead to them.
//!
//! Addresses, certificates and passwords are not here; `config` keeps them from the engine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::calling_hours::WeeklyHours;
use super::name::{CampaignKey, GroupName, ProfileName, PromptName, QueueName, TrunkName};
use super::profile::Profile;

/// Everything the engine is configured with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Trunks by name.
    pub trunks: BTreeMap<TrunkName, TrunkLimits>,
    /// Agent groups by name.
    pub groups: BTreeMap<GroupName, GroupSettings>,
    /// Inbound queues by name.
    pub queues: BTreeMap<QueueName, QueueSettings>,
    /// What a dialled number leads to, by its digits as the trunk sends them (normalised to E.164 where possible).
    pub numbers: BTreeMap<String, NumberRoute>,
    /// Compliance profiles by name.
    pub profiles: BTreeMap<ProfileName, Profile>,
    /// IANA zone of the installation: what "today" means on the wallboard.
    pub zone: String,
    /// Version of the time zone data in use.
    pub tzdata: String,
}

/// What one trunk can carry.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrunkLimits {
    /// Calls at once, both directions.
    pub channels_max: u32,
    /// New calls per second. The driver's governor keeps the rate; the engine does not offer more than this in flight.
    pub calls_per_second: f64,
}

/// One agent group: its gate, its slots, and whom it serves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GroupSettings {
    /// What people read.
    pub title: String,
    /// Queues its agents take callers from, in order of priority.
    pub queues: Vec<QueueName>,
    /// Whether its agents take outbound calls.
    pub outbound: bool,
    /// When outbound slots open.
    #[schema(value_type = IdleThresholdText)]
    pub idle_threshold: IdleThreshold,
    /// The gate closes when idleness falls below threshold minus this.
    pub hysteresis: f64,
    /// Idleness must have exceeded the threshold for this long before the gate opens, in seconds.
    pub dwell_s: f64,
    /// Agents kept out of outbound so that inbound finds one; used where the idle threshold is a number.
    pub reserve: u32,
    /// Time constant of the smoothing of idleness, in seconds; 0 for none.
    pub smoothing_s: f64,
    /// Who gets a freed agent.
    pub serve_first: ServeFirst,
    /// Callers are not given the idle agents that ringing lines need, beyond what the abandon budget could lose.
    pub keep_for_answers: bool,
    /// Wrap-up after an inbound call, in seconds.
    pub wrap_up_s: u32,
}

/// When an agent group's outbound slots open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum IdleThreshold {
    /// The gate opens above this idleness, 0 to 1, and keeps the group's reserve: obeyed as it was set.
    Above(f64),
    /// Always open; a reserve is steered by the measured service level of the group's queues.
    Auto,
    /// Always open, without slots or a reserve: outbound may have every idle agent.
    Off,
}

/// How an [`IdleThreshold`] is written: a number from 0 to 1, `"auto"` or `"off"`.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum IdleThresholdText {
    /// Idleness, 0 to 1.
    Number(f64),
    /// `auto` or `off`.
    Word(String),
}

/// What kind of gate a group has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateMode {
    /// By a threshold that somebody set.
    Number,
    /// By a reserve that the service level steers.
    Auto,
    /// None.
    Off,
}

impl IdleThreshold {
    /// The threshold that was set, if it is a number.
    pub fn number(self) -> Option<f64> {
        match self {
            IdleThreshold::Above(idleness) => Some(idleness),
            IdleThreshold::Auto | IdleThreshold::Off => None,
        }
    }

    /// Idleness from which a gate can open at all: 0 where there is no gate.
    pub fn floor(self) -> f64 {
        self.number().unwrap_or(0.0)
    }

    /// Its kind.
    pub fn mode(self) -> GateMode {
        match self {
            IdleThreshold::Above(_) => GateMode::Number,
            IdleThreshold::Auto => GateMode::Auto,
            IdleThreshold::Off => GateMode::Off,
        }
    }
}

impl Serialize for IdleThreshold {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            IdleThreshold::Above(idleness) => serializer.serialize_f64(*idleness),
            IdleThreshold::Auto => serializer.serialize_str("auto"),
            IdleThreshold::Off => serializer.serialize_str("off"),
        }
    }
}

impl<'de> Deserialize<'de> for IdleThreshold {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<IdleThreshold, D::Error> {
        match IdleThresholdText::deserialize(deserializer)? {
            IdleThresholdText::Number(idleness) => Ok(IdleThreshold::Above(idleness)),
            IdleThresholdText::Word(word) if word == "auto" => Ok(IdleThreshold::Auto),
            IdleThresholdText::Word(word) if word == "off" => Ok(IdleThreshold::Off),
            IdleThresholdText::Word(word) => {
                Err(serde::de::Error::custom(format!("`{word}` is neither a number nor `auto` nor `off`")))
            }
        }
    }
}

/// Who gets a freed agent when an answered customer and a caller in the queue both wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServeFirst {
    /// The answered customer, who has two seconds.
    Answered,
    /// The caller.
    Inbound,
    /// The answered customer, unless inbound is below its service level.
    #[default]
    Auto,
}

/// One inbound queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct QueueSettings {
    /// What people read.
    pub title: String,
    /// When it is open, in the zone of the installation; `None`: always.
    pub hours: Option<WeeklyHours>,
    /// Share of callers to be answered within `within_s`, 0 to 1.
    pub service_level_target: f64,
    /// Time within which they are to be answered, in seconds.
    pub within_s: f64,
    /// Callers who wait longer are sent to the overflow, in seconds.
    pub wait_max_s: f64,
    /// Callers beyond this many waiting are sent to the overflow at once.
    pub waiting_max: u32,
    /// Heard while waiting.
    pub hold_prompt: PromptName,
    /// Heard before the hold prompt ("please wait").
    pub greeting_prompt: Option<PromptName>,
    /// Heard outside the opening hours, then hung up.
    pub closed_prompt: PromptName,
    /// Heard at overflow, then hung up.
    pub overflow_prompt: PromptName,
    /// Queues of higher priority are served first, 0 to 99.
    pub priority: u8,
}

/// What a dialled number leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", tag = "to")]
pub enum NumberRoute {
    /// A queue.
    Queue {
        /// Its name.
        queue: QueueName,
    },
    /// A campaign's caller ID: callers who return its call go to this queue, with the story on the screen.
    Campaign {
        /// Its name.
        campaign: CampaignKey,
        /// Where the callers wait.
        queue: QueueName,
    },
    /// A message, then hung up.
    Prompt {
        /// Its name.
        prompt: PromptName,
    },
}
