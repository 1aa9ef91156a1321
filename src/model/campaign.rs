//! A campaign: what is offered to which leads, when, by whom and how fast.
//!
//! This is the campaign as the program uses it. How a person writes it in a file, and every complaint about what is
//! written there, is `model::campaign_file`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::calling_hours::WeeklyHours;
use super::costs::Costs;
use super::disposition::Disposition;
use super::limits::Limits;
use super::name::{CampaignKey, GatewayName, GroupName, OutreachName, ProfileName, PromptName, TrunkName};
use super::numbers::{NumberKind, NumberRules};
use super::order::OrderRules;
use super::outreach::Outreach;
use super::phone::PhoneNumber;
use super::pre_registration::PreRegistration;
use super::profile::{AttemptCap, Profile};
use super::schedule::Planned;
use super::selection::Selection;

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
    /// Further ones: each customer is shown the one most like their own number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caller_ids: Vec<PhoneNumber>,
    /// Trunks in the order in which they are tried.
    pub trunks: Vec<TrunkName>,
    /// How long it rings before it counts as no answer, in seconds.
    pub ring_timeout_s: u32,
    /// Ringing may be given up before the profile's minimum when inbound needs the agents.
    pub cancel_before_ring_min: bool,
    /// Ringing may be given up at all when agents vanish or the campaign stops; if not, what rings goes on to its end.
    #[serde(default = "yes")]
    pub may_cancel_ringing: bool,
    /// From when to when it dials, and how much it may use.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    /// Which of its leads it dials, and in which order.
    #[serde(default, skip_serializing_if = "Selection::is_usual")]
    pub leads: Selection,
    /// Which of a person's numbers it dials, and when.
    #[serde(default, skip_serializing_if = "NumberRules::is_usual")]
    pub numbers: NumberRules,
    /// When it starts and pauses by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedule: Vec<Planned>,
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
    /// How promised calls are kept.
    #[serde(default, skip_serializing_if = "Callbacks::is_default")]
    pub callbacks: Callbacks,
    /// Which messages of customers pre-register them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replies: Option<Replies>,
    /// Messages that it may start with, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = std::collections::BTreeMap<String, Outreach>)]
    pub outreach: BTreeMap<OutreachName, Outreach>,
    /// The page on which customers pre-register themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landing: Option<Landing>,
    /// What is promised to customers who asked to be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pre_registration: Option<PreRegistration>,
    /// What can be ordered; without it a customer who accepts opens no order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderRules>,
    /// What SMS, calls and deliveries cost, for the funnel.
    #[serde(default, skip_serializing_if = "Costs::is_empty")]
    pub costs: Costs,
    /// Played to a person who answered and found no agent.
    pub information_message: PromptName,
}

impl Campaign {
    /// All hours that hold for a number: its own, the law's, and those of the number's kind.
    pub fn hours_for<'h>(&'h self, profile: Option<&'h Profile>, kind: Option<NumberKind>) -> Vec<&'h WeeklyHours> {
        let of_kind = kind.and_then(|kind| self.numbers.hours.get(&kind));
        std::iter::once(&self.hours).chain(profile.map(|profile| &profile.hours)).chain(of_kind).collect()
    }

    /// The number that this customer is shown: the one that begins most like the customer's own, so that a call comes from
    /// near by; always the same one. Among equals it follows from the number, so that a pool is used evenly.
    pub fn caller_id_for(&self, number: &PhoneNumber) -> &PhoneNumber {
        let alike = |id: &PhoneNumber| {
            id.as_str().bytes().zip(number.as_str().bytes()).take_while(|(one, other)| one == other).count()
        };
        let pool = || std::iter::once(&self.caller_id).chain(&self.caller_ids);
        let most = pool().map(alike).max().unwrap_or(0);
        let best = || pool().filter(|id| alike(id) == most);
        let turn =
            number.as_str().bytes().fold(0usize, |sum, digit| sum.wrapping_mul(31).wrapping_add(usize::from(digit)));
        best().nth(turn % best().count().max(1)).unwrap_or(&self.caller_id)
    }
}

/// How promised calls are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Callbacks {
    /// So long after the promised time a personal callback waits for its agent, in minutes; then anyone of the group takes it.
    /// 0: anyone at once, the agent first if idle.
    pub wait_for_agent_minutes: u32,
}

impl Callbacks {
    fn is_default(&self) -> bool {
        *self == Callbacks::default()
    }
}

/// Priority of a lead that a customer's reply made, where the campaign says nothing else: before what a list brought in.
pub const REPLY_PRIORITY: u8 = 90;

/// Which messages of customers pre-register them, and with what consent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Replies {
    /// A message that is one of these words, and nothing more, says that the customer is interested.
    pub interested: Vec<String>,
    /// Numbers of ours: a message to one of them counts even if it answers none of ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// The words that the customer agrees to with such a message, as they were told.
    pub consent: String,
    /// Version of these words.
    pub consent_version: String,
    /// How long the consent holds, in days; until it is revoked, without it.
    pub consent_days: Option<u32>,
    /// Priority of the lead, 0 to 99.
    pub priority: u8,
    /// The list that these leads are on; it is made with the first.
    pub list: String,
    /// What is answered, once for each customer.
    pub answer: Option<String>,
}

/// The page on which customers of a campaign pre-register themselves or opt out, in at least one language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Landing {
    /// In Chinese.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zh: Option<LandingText>,
    /// In English.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub en: Option<LandingText>,
    /// Version of the words that are agreed to.
    pub consent_version: String,
    /// How long the consent holds, in days; until it is revoked, without it.
    pub consent_days: Option<u32>,
    /// Priority of the lead, 0 to 99.
    pub priority: u8,
    /// The list that these leads are on; it is made with the first.
    pub list: String,
    /// How long a link to it that is sent to a customer leads there, in days.
    pub link_days: u32,
    /// Whoever has no link may type a number, which is proven by a code that is sent to it.
    pub for_everybody: bool,
    /// The gateway that sends codes; it may be left out where there is only one.
    #[schema(value_type = Option<String>)]
    pub gateway: Option<GatewayName>,
    /// Sites that may show the page inside their own, by their origins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub embed_from: Vec<String>,
}

/// What a landing page says in one language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LandingText {
    /// The offer in a few words.
    pub headline: String,
    /// The offer; an empty line begins another paragraph.
    pub text: String,
    /// The words that the customer agrees to.
    pub consent: String,
    /// What is said to whoever has pre-registered; a usual sentence without it.
    pub done: Option<String>,
}

/// How long a link to a landing page holds where nothing is said, in days.
pub const LINK_DAYS: u32 = 14;

/// Nobody said how customers reach landing pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the configuration does not say how customers reach landing pages; set landing_url in [http], such as \"https://go.example.com\""
)]
pub struct NoLandingUrl;

/// The whole address of a link to a landing page, as it stands in a message. `base`: `http.landing_url`, or `http.public_url`.
///
/// # Errors
/// That there is no base.
pub fn link_address(base: Option<&str>, token: &str) -> Result<String, NoLandingUrl> {
    Ok(format!("{}/r/{token}", base.ok_or(NoLandingUrl)?.trim_end_matches('/')))
}

/// The whole address of a campaign's landing page, for whoever has no link.
///
/// # Errors
/// That there is no base.
pub fn page_address(base: Option<&str>, campaign: &CampaignKey) -> Result<String, NoLandingUrl> {
    Ok(format!("{}/p/{campaign}", base.ok_or(NoLandingUrl)?.trim_end_matches('/')))
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
        /// Lines without an agent held for them never exceed what today's abandon budget could lose.
        #[serde(default = "yes")]
        within_budget: bool,
        /// With nothing on its way it is decided at every event, whatever `on` says: idle agents are not forgotten.
        #[serde(default = "yes")]
        restarts: bool,
    },
    /// Dials ahead of need, by its own forecast of agents and customers.
    Predictive {
        /// Never more ringing than this.
        ringing_max: Option<u32>,
    },
    /// An idle agent with a slot sees a lead first and starts the call; the agent is held for it.
    Preview(Preview),
    /// A level of lines per agent, steered by the balance of waiting agents and waiting customers.
    Adaptive {
        /// Its parameters.
        #[serde(flatten)]
        rules: Adaptive,
        /// Never more ringing than this.
        ringing_max: Option<u32>,
        /// Lines without an agent held for them never exceed what today's abandon budget could lose.
        #[serde(default = "yes")]
        within_budget: bool,
    },
}

/// What JSON that was stored before a field existed means by its absence.
fn yes() -> bool {
    true
}

/// The parameters of preview.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Preview {
    /// How long an agent may look at a lead, in seconds.
    pub time_limit_s: u32,
    /// What happens then.
    pub on_time_out: OnTimeOut,
    /// Leads that an agent may skip one after the other; 0: none. `None`: as many as the agent likes.
    pub skips_max: Option<u32>,
    /// Why a lead may be skipped.
    pub skip_reasons: Vec<String>,
    /// A lead that was skipped is not offered again earlier than this, in seconds.
    pub skipped_rest_s: u64,
}

impl Default for Preview {
    fn default() -> Preview {
        let reasons = ["wrong-time", "wrong-data", "spoken-lately", "other"];
        Preview {
            time_limit_s: 120,
            on_time_out: OnTimeOut::Return,
            skips_max: None,
            skip_reasons: reasons.map(str::to_owned).to_vec(),
            skipped_rest_s: 3600,
        }
    }
}

/// What happens to a lead whose agent has not decided in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnTimeOut {
    /// It is dialled, as if the agent had started the call.
    Dial,
    /// It goes back, and the agent gets the next one.
    Return,
}

/// The parameters of adaptive pacing, after the field's best-known open controller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Adaptive {
    /// The level it begins with, in lines per agent.
    pub level_start: f64,
    /// The highest level; the lowest is 1.
    pub level_max: f64,
    /// Agents that may wait less, or customers more: −1 keeps one agent free on average, 1 keeps one customer waiting.
    pub target: i32,
    /// Per cent by which the level rises faster and falls slower.
    pub intensity_percent: f64,
    /// What happens when more calls are abandoned than allowed.
    pub drop_rule: DropRule,
    /// Share of abandoned calls from which the drop rule holds, 0 to 1.
    pub drop_max: f64,
    /// Until when the tapered rule allows more, as a clock shows it: hours × 100 + minutes.
    pub taper_until: u32,
    /// Time between two steps of the level, in seconds.
    pub level_every_s: f64,
    /// Time between two looks at the abandoned calls, in seconds.
    pub drops_every_s: f64,
    /// Time between two rounds of dialling, in seconds.
    pub dial_every_s: f64,
    /// Only idle agents are counted, and only calls without an agent.
    pub available_only: bool,
    /// The target is added to the agents at each round, and not only to the level.
    pub target_in_rounds: bool,
    /// With an agent idle, inbound calls do not count as calls that are there already.
    pub inbound_override: bool,
    /// Nothing is dialled while a caller waits.
    pub callers_first: bool,
    /// The level is 1 with fewer agents signed in than this.
    pub agents_min: u32,
}

impl Default for Adaptive {
    fn default() -> Adaptive {
        Adaptive {
            level_start: 1.0,
            level_max: 3.0,
            target: 0,
            intensity_percent: 0.0,
            drop_rule: DropRule::HardLimit,
            drop_max: 0.03,
            taper_until: 2100,
            level_every_s: 15.0,
            drops_every_s: 60.0,
            dial_every_s: 2.5,
            available_only: false,
            target_in_rounds: false,
            inbound_override: true,
            callers_first: false,
            agents_min: 0,
        }
    }
}

/// What adaptive pacing does when more calls are abandoned than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DropRule {
    /// The level is 1.
    HardLimit,
    /// The level is halved.
    Average,
    /// The level is lowered the more, the nearer the end of the day.
    Tapered,
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
    /// What becomes of the campaign when a recording cannot be made or written.
    #[serde(default)]
    pub when_it_fails: WhenRecordingFails,
}

/// What a campaign does when a recording cannot be made or written. The call itself always goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenRecordingFails {
    /// It dials on.
    #[default]
    GoOn,
    /// It is paused.
    Pause,
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
