//! What the engine is told. Every input is one of these, so that a journal of them is the whole history.
//!
//! An event about something that is already gone (an answer crosses a hang-up) is normal: it is counted as stale and
//! never an error.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::stats::QueueDay;
use crate::model::abandonment::AbandonTally;
use crate::model::agent::Device;
use crate::model::attempt::{AnsweredBy, CallFailure, CallRef, Refusal};
use crate::model::campaign::{Campaign, CampaignState};
use crate::model::disposition::Disposition;
use crate::model::id::{AttemptId, InboundId, LeadId, RequestId, SessionId, UserId};
use crate::model::lead::{Callback, Lead, SuppressionReason};
use crate::model::limits::Used;
use crate::model::live_limits::{LimitChange, LiveLimits};
use crate::model::name::{CampaignKey, GroupName, QueueName, TrunkName};
use crate::model::order::AskedOrder;
use crate::model::phone::PhoneNumber;
use crate::model::recording::RecordingReason;
use crate::model::settings::{IdleThreshold, Settings};
use crate::model::time::Timestamp;

/// One input of the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    // ---- what is set up ----
    /// New settings: at start, and at each reload. Calls that are up go on.
    SettingsApplied {
        /// All of them.
        settings: Arc<Settings>,
    },
    /// A campaign was applied, or read at start.
    CampaignApplied {
        /// Its definition.
        campaign: Arc<Campaign>,
        /// Its live state.
        state: CampaignState,
        /// Counts of today, read from the store at start; `None` when a running campaign gets a new definition.
        today: Option<DayCounts>,
    },
    /// A campaign's calls of the last month by the hour, as the store counted them; after the campaign itself.
    BooksRecovered {
        /// Which campaign.
        campaign: CampaignKey,
        /// Hours of UTC since 1970, and what happened in them, today included.
        hours: Vec<(i64, AbandonTally)>,
    },
    /// What a campaign has used since its beginning, as the store counted it; after the campaign itself.
    UseRecovered {
        /// Which campaign.
        campaign: CampaignKey,
        /// Today included.
        used: Used,
    },
    /// Somebody started, paused or ended a campaign.
    CampaignControl {
        /// Answered by [`super::command::Command::Reply`].
        request: RequestId,
        /// Which campaign.
        campaign: CampaignKey,
        /// What it becomes.
        state: CampaignState,
    },
    /// What somebody had set of a campaign's limits before the start; after the campaign itself.
    LimitsRecovered {
        /// Which campaign.
        campaign: CampaignKey,
        /// What holds over its definition.
        limits: LiveLimits,
    },
    /// Somebody set limits of a campaign, or took them back.
    CampaignLimits {
        /// Answered by [`super::command::Command::Reply`].
        request: RequestId,
        /// Which campaign.
        campaign: CampaignKey,
        /// The change.
        change: LimitChange,
    },
    /// Somebody changed a live control of an agent group. `None` leaves a value as it is.
    GroupControl {
        /// Answered by [`super::command::Command::Reply`].
        request: RequestId,
        /// Which group.
        group: GroupName,
        /// The change.
        change: GroupChange,
    },
    /// What the queues have done today, as the store counted it.
    QueuesRecovered {
        /// By queue.
        queues: BTreeMap<QueueName, QueueDay>,
    },
    /// Attempts that had no end when the program stopped. Each becomes `unknown`; none is dialled again before its
    /// cool-off.
    Recovered {
        /// The attempts.
        attempts: Vec<OpenAttempt>,
    },
    /// The program shuts down: no new calls, those that are up finish.
    Drain,

    // ---- leads and intents ----
    /// Leads that are due, as asked for.
    LeadsFetched {
        /// For which campaign.
        campaign: CampaignKey,
        /// The leads, best first.
        leads: Vec<Lead>,
        /// When the next lead becomes due, if these are all there are now.
        next_due: Option<Timestamp>,
        /// Leads of the campaign that are neither done nor given up.
        open_total: u64,
        /// Which question this answers; without it, the one that is asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        question: Option<u64>,
    },
    /// New leads came in or old ones changed: ask again.
    LeadsChanged {
        /// For which campaign.
        campaign: CampaignKey,
    },
    /// The intent is durable: the INVITE may leave.
    IntentRecorded {
        /// Which attempt.
        attempt: AttemptId,
    },
    /// The last look at the number said no.
    IntentRefused {
        /// Which attempt.
        attempt: AttemptId,
        /// Why.
        refusal: Refusal,
    },
    /// The intent could not be recorded; nothing is dialled.
    IntentFailed {
        /// Which attempt.
        attempt: AttemptId,
    },
    /// The driver could not start the call now: the trunks' rate or channels are used up, or none is up. The intent is
    /// ended without having counted, and the lead goes back.
    DialDeferred {
        /// Which attempt.
        attempt: AttemptId,
        /// Why.
        refusal: Refusal,
    },
    /// The number was suppressed a moment ago, durably.
    Suppressed {
        /// The number.
        number: PhoneNumber,
        /// For one campaign, or for all.
        campaign: Option<CampaignKey>,
        /// Why.
        reason: SuppressionReason,
    },

    // ---- outbound calls ----
    /// The INVITE left.
    AttemptSent {
        /// Which attempt.
        attempt: AttemptId,
        /// By which trunk, after failover.
        trunk: TrunkName,
    },
    /// A 18x came.
    AttemptRinging {
        /// Which attempt.
        attempt: AttemptId,
    },
    /// A 200 came. From now on the connect deadline runs.
    AttemptAnswered {
        /// Which attempt.
        attempt: AttemptId,
    },
    /// Machine detection has decided.
    AttemptClassified {
        /// Which attempt.
        attempt: AttemptId,
        /// The verdict.
        by: AnsweredBy,
        /// Confidence in per cent.
        confidence: u8,
        /// Time since the answer, in ms.
        took_ms: u32,
    },
    /// It ended before it was answered.
    AttemptFailed {
        /// Which attempt.
        attempt: AttemptId,
        /// How.
        failure: CallFailure,
    },
    /// The customer hung up, or the call was lost, after it was answered.
    AttemptHungUp {
        /// Which attempt.
        attempt: AttemptId,
    },

    // ---- inbound calls ----
    /// A call arrived from a trunk.
    InboundOffered {
        /// The id the driver gave it.
        call: InboundId,
        /// By which trunk.
        trunk: TrunkName,
        /// The number that was dialled: E.164 where it could be read, else as the trunk sent it.
        did: String,
        /// The caller, where the trunk told and it could be read.
        caller: Option<PhoneNumber>,
        /// The call of ours that the caller returns, looked up by the driver.
        story: Option<Story>,
    },
    /// The caller hung up, at whatever stage.
    InboundHungUp {
        /// Which call.
        call: InboundId,
    },
    /// A prompt that does not repeat was played to its end (closed, overflow, information message, consent).
    PromptEnded {
        /// Which call.
        call: CallRef,
    },

    // ---- agents ----
    /// An agent signs in. A later session of the same user replaces an earlier one.
    AgentSignedIn {
        /// Answered by [`super::command::Command::Reply`].
        request: RequestId,
        /// Who.
        user: UserId,
        /// Fences out older tabs.
        session: SessionId,
        /// What people read.
        name: String,
        /// The name used to log in, which callbacks are promised under; empty in journals from before it was told.
        #[serde(default)]
        login: String,
        /// The groups.
        groups: Vec<GroupName>,
        /// How the agent hears and speaks.
        device: Device,
    },
    /// An agent acts at the desk.
    AgentActed {
        /// Answered by [`super::command::Command::Reply`].
        request: RequestId,
        /// Who.
        user: UserId,
        /// Must be the newest sign-in of the user.
        session: SessionId,
        /// What.
        action: AgentAction,
    },
    /// The desk's connection was lost (`false`) or is back (`true`). A call goes on; a ready agent is paused after a
    /// grace.
    AgentPresence {
        /// Who.
        user: UserId,
        /// Whether the desk is there.
        present: bool,
    },
    /// The agent's leg is up: a nailed-up phone answered.
    AgentLegUp {
        /// Who.
        user: UserId,
    },
    /// The agent's leg is gone, or the phone could not be reached.
    AgentLegDown {
        /// Who.
        user: UserId,
    },
    /// Customer and agent hear each other.
    Bridged {
        /// Which call.
        call: CallRef,
        /// Who.
        user: UserId,
    },
    /// The recording of a call could not be made or written. The call goes on, or is over already.
    RecordingFailed {
        /// Which call.
        call: CallRef,
        /// Whose.
        campaign: CampaignKey,
        /// Why.
        reason: RecordingReason,
    },
    /// The agent's phone did not answer.
    BridgeFailed {
        /// Which call.
        call: CallRef,
        /// Who.
        user: UserId,
    },

    // ---- the world around ----
    /// A trunk's keep-alive began or ceased to be answered.
    TrunkHealth {
        /// Which trunk.
        trunk: TrunkName,
        /// Whether it is up.
        up: bool,
    },
    /// The store stopped or resumed answering.
    StoreHealth {
        /// Whether it is up.
        up: bool,
    },
    /// Wall clock and monotonic clock diverged by more than 2 s within 60 s (`false`), or agree again (`true`).
    ClockHealth {
        /// Whether calendar time can be trusted.
        sure: bool,
    },
    /// A write that somebody waits for is durable, or was refused by the store.
    Recorded {
        /// Who waits.
        request: RequestId,
        /// Whether it is durable.
        ok: bool,
    },
}

/// What an agent does at the desk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum AgentAction {
    /// Willing to take calls.
    Ready,
    /// Paused, at once or after the call at hand.
    NotReady {
        /// One of the configured reasons.
        reason: String,
    },
    /// Ends the customer's call.
    HangUp,
    /// Calls the lead that the agent sees.
    StartCall {
        /// The lead.
        lead: LeadId,
    },
    /// Passes over the lead that the agent sees.
    SkipLead {
        /// The lead.
        lead: LeadId,
        /// One of the campaign's reasons.
        reason: String,
    },
    /// Records the result of the call at hand or being wrapped up.
    Record {
        /// The call.
        call: CallRef,
        /// What was recorded.
        outcome: RecordedOutcome,
    },
    /// Doubles the wrap-up time, once per call.
    ExtendWrapUp,
    /// Leaves. Refused during a call.
    SignOut,
}

/// What an agent records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedOutcome {
    /// The campaign's own name of the result; for a plain inbound call, the disposition's name.
    pub result: String,
    /// Answers by question key, as text.
    pub answers: BTreeMap<String, String>,
    /// Free text.
    pub note: String,
    /// A later call that was agreed.
    pub callback: Option<Callback>,
    /// What the customer ordered; without it what is ordered usually.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<AskedOrder>,
}

/// A change of a group's live controls.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupChange {
    /// 0 to 1.
    pub idle_threshold: Option<f64>,
    /// 0 to 1.
    pub hysteresis: Option<f64>,
    /// Seconds.
    pub dwell_s: Option<f64>,
    /// Agents.
    pub reserve: Option<u32>,
    /// Controls that go back to the configuration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub back: Vec<Configured>,
}

/// A control with what the configuration says of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Configured {
    /// When outbound slots open.
    IdleThreshold(IdleThreshold),
    /// 0 to 1.
    Hysteresis(f64),
    /// Seconds.
    DwellS(f64),
    /// Agents.
    Reserve(u32),
}

impl Configured {
    /// The control, as fields and figures name it.
    pub fn name(&self) -> &'static str {
        match self {
            Configured::IdleThreshold(_) => "idle_threshold",
            Configured::Hysteresis(_) => "hysteresis",
            Configured::DwellS(_) => "dwell_s",
            Configured::Reserve(_) => "reserve",
        }
    }
}

impl GroupChange {
    /// What a change and a later one come to together.
    pub fn and_then(&mut self, later: &GroupChange) {
        let GroupChange { idle_threshold, hysteresis, dwell_s, reserve, back } = later;
        for one in back {
            self.back.retain(|other| other.name() != one.name());
            self.back.push(*one);
            match one {
                Configured::IdleThreshold(_) => self.idle_threshold = None,
                Configured::Hysteresis(_) => self.hysteresis = None,
                Configured::DwellS(_) => self.dwell_s = None,
                Configured::Reserve(_) => self.reserve = None,
            }
        }
        self.idle_threshold = idle_threshold.or(self.idle_threshold);
        self.hysteresis = hysteresis.or(self.hysteresis);
        self.dwell_s = dwell_s.or(self.dwell_s);
        self.reserve = reserve.or(self.reserve);
        let set = [
            ("idle_threshold", idle_threshold.is_some()),
            ("hysteresis", hysteresis.is_some()),
            ("dwell_s", dwell_s.is_some()),
            ("reserve", reserve.is_some()),
        ];
        self.back.retain(|one| !set.contains(&(one.name(), true)));
    }
}

/// An attempt without an end, as the store found it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenAttempt {
    /// Which attempt.
    pub attempt: AttemptId,
    /// Whose.
    pub campaign: CampaignKey,
    /// For which lead.
    pub lead: LeadId,
    /// To which number.
    pub number: PhoneNumber,
    /// When its intent was recorded.
    pub at: Timestamp,
    /// Attempts of the lead that ended `unknown` before.
    pub unknown_before: u32,
    /// The call itself had ended; only the agent's result was missing.
    pub ended: bool,
}

/// An earlier call of ours that an inbound caller returns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Story {
    /// The campaign that called.
    pub campaign: CampaignKey,
    /// The lead that was called.
    pub lead: LeadId,
    /// When.
    pub at: Timestamp,
    /// How it ended.
    pub disposition: Option<Disposition>,
}

impl DayCounts {
    /// What a law's measure asks of it.
    pub fn tally(&self) -> AbandonTally {
        let DayCounts { answered, connected, abandoned, machines, .. } = *self;
        AbandonTally { answered, connected, abandoned, machines }
    }
}

/// A campaign's counts of one day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DayCounts {
    /// INVITEs that left.
    pub dialled: u64,
    /// Of these, answered by people (or by what could not be told from people).
    pub answered: u64,
    /// Of these, connected to an agent.
    pub connected: u64,
    /// Of these, abandoned.
    pub abandoned: u64,
    /// Of these, hung up by the customer before an agent could be connected in time.
    pub hung_up: u64,
    /// Answered by machines and the like.
    pub machines: u64,
    /// Accepted offers.
    pub accepted: u64,
}
