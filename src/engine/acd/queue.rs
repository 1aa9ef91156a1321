//! Inbound callers: from the dialled number to a queue, an agent, or a message.
//!
//! ```text
//!   offered ─┬─▶ Waiting ──▶ Consent ──▶ Connecting ──▶ Connected ──▶ recorded
//!            │      │  ▲                     │ agent lost │
//!            │      │  └─────────────────────┴────────────┘
//!            └──────┴────▶ Leaving (a message is played, then hung up)
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::engine::Engine;
use crate::engine::command::Command;
use crate::engine::event::Story;
use crate::engine::pacing::learned::Shifts;
use crate::engine::stats::QueueDay;
use crate::engine::timers::Timer;
use crate::model::attempt::{CallRef, InboundEnd, InboundOutcome};
use crate::model::calling_hours::callable;
use crate::model::id::{InboundId, UserId};
use crate::model::name::{CampaignKey, PromptName, QueueName, TrunkName};
use crate::model::phone::PhoneNumber;
use crate::model::settings::{NumberRoute, QueueSettings};
use crate::model::time::{Instant, Now};

/// No prompt lasts longer; one whose end was not reported by then is over.
pub const PROMPT_LIMIT: Duration = Duration::from_secs(120);
/// Nothing leads from the dialled number to a queue (RFC 3261, 21.4.5).
const STATUS_UNROUTED: u16 = 404;
/// The program is shutting down (RFC 3261, 21.5.4).
const STATUS_DRAINING: u16 = 503;

/// One queue.
#[derive(Debug)]
pub struct Queue {
    /// As the file has it.
    pub settings: QueueSettings,
    /// Who waits, the first comer first.
    pub waiting: BTreeSet<(Instant, InboundId)>,
    /// Figures of today.
    pub day: QueueDay,
}

impl Queue {
    /// An empty queue.
    pub fn new(settings: QueueSettings) -> Queue {
        Queue { settings, waiting: BTreeSet::new(), day: QueueDay::default() }
    }

    /// Fewer callers than wanted were answered in time today.
    pub fn is_below_target(&self) -> bool {
        self.day.service_level().is_some_and(|level| level < self.settings.service_level_target)
    }
}

/// What a caller is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerStage {
    /// Waits in the queue.
    Waiting,
    /// An agent is reserved; the caller hears that the call is recorded.
    Consent {
        /// Who.
        user: UserId,
    },
    /// An agent is being connected.
    Connecting {
        /// Who.
        user: UserId,
    },
    /// Talks to an agent.
    Connected {
        /// Who.
        user: UserId,
    },
    /// Hears a message and is then hung up.
    Leaving {
        /// Why.
        outcome: InboundOutcome,
    },
}

/// One inbound call.
#[derive(Debug)]
pub struct Caller {
    /// By which trunk.
    pub trunk: TrunkName,
    /// The dialled number.
    pub did: String,
    /// The caller, where the trunk told.
    pub number: Option<PhoneNumber>,
    /// The queue.
    pub queue: Option<QueueName>,
    /// The campaign whose call is returned.
    pub campaign: Option<CampaignKey>,
    /// That call.
    pub story: Option<Story>,
    /// When it arrived.
    pub offered: Now,
    /// What the caller is doing.
    pub stage: CallerStage,
    /// When an agent was first connected.
    pub connected: Option<Now>,
    /// The agent connected last.
    pub agent: Option<UserId>,
    /// The caller has heard that the call is recorded.
    pub consent_heard: bool,
}

impl Caller {
    /// Offered to a queue, and neither answered nor sent away so far.
    pub fn is_undecided(&self) -> bool {
        let leaving = matches!(self.stage, CallerStage::Leaving { .. });
        self.queue.is_some() && self.connected.is_none() && !leaving
    }
}

impl Engine {
    /// The figures of today go on where the last run left them.
    pub(in crate::engine) fn queues_recovered(&mut self, days: BTreeMap<QueueName, QueueDay>) {
        for (name, day) in days {
            if let Some(queue) = self.queues.get_mut(&name) {
                queue.day = day;
            }
        }
    }

    /// A call arrived from a trunk.
    pub(in crate::engine) fn inbound_offered(
        &mut self,
        now: Now,
        call: InboundId,
        trunk: TrunkName,
        did: String,
        number: Option<PhoneNumber>,
        story: Option<Story>,
    ) {
        if self.callers.contains_key(&call) {
            return self.stale();
        }
        let stage = CallerStage::Waiting;
        let (queue, campaign) = (None, None);
        let (connected, agent, consent_heard) = (None, None, false);
        let caller =
            Caller { trunk, did, number, queue, campaign, story, offered: now, stage, connected, agent, consent_heard };
        if self.draining {
            return self.turn_away(now, call, caller, STATUS_DRAINING, InboundOutcome::Closed);
        }
        match self.route(&caller.did) {
            Some(NumberRoute::Queue { queue }) if self.queues.contains_key(&queue) => {
                self.admit(now, call, Caller { queue: Some(queue), ..caller });
            }
            Some(NumberRoute::Campaign { campaign, queue }) if self.queues.contains_key(&queue) => {
                let told = caller.story.as_ref().map(|story| story.campaign.clone());
                let campaign = Some(told.unwrap_or(campaign));
                self.admit(now, call, Caller { queue: Some(queue), campaign, ..caller });
            }
            Some(NumberRoute::Prompt { prompt }) => {
                self.take_channel(&caller.trunk);
                self.callers.insert(call, caller);
                self.commands.push_back(Command::AnswerInbound { call });
                self.play_and_leave(now, call, prompt, InboundOutcome::Closed);
            }
            Some(NumberRoute::Queue { .. } | NumberRoute::Campaign { .. }) | None => {
                self.turn_away(now, call, caller, STATUS_UNROUTED, InboundOutcome::Unrouted);
            }
        }
    }

    /// What a dialled number leads to, with or without its plus sign.
    fn route(&self, did: &str) -> Option<NumberRoute> {
        let numbers = &self.settings.numbers;
        let bare = did.strip_prefix('+').unwrap_or(did);
        numbers.get(did).or_else(|| numbers.get(bare)).or_else(|| numbers.get(&format!("+{bare}"))).cloned()
    }

    fn turn_away(&mut self, now: Now, call: InboundId, caller: Caller, status: u16, outcome: InboundOutcome) {
        self.commands.push_back(Command::RejectInbound { call, status });
        let end = inbound_end(now, call, &caller, outcome);
        self.commands.push_back(Command::RecordInbound { end });
    }

    fn admit(&mut self, now: Now, call: InboundId, caller: Caller) {
        let Some(name) = caller.queue.clone() else { return };
        let Some(queue) = self.queues.get_mut(&name) else { return };
        let settings = queue.settings.clone();
        let since = caller.offered.instant;
        self.commands.push_back(Command::AnswerInbound { call });
        let zone = self.zone.clone();
        let open = settings.hours.as_ref().is_none_or(|hours| {
            zone.is_some_and(|zone| callable(now.timestamp, std::slice::from_ref(&zone), &[hours]))
        });
        self.trunks.entry(caller.trunk.clone()).or_default().channels += 1;
        self.callers.insert(call, caller);
        if !open {
            return self.play_and_leave(now, call, settings.closed_prompt, InboundOutcome::Closed);
        }
        queue.day.offered += 1;
        self.learn_arrival(now, &name);
        if let Some(user) = self.agent_for_queue(&name) {
            return self.connect_caller(now, call, user);
        }
        let Some(queue) = self.queues.get_mut(&name) else { return };
        if queue.waiting.len() >= settings.waiting_max as usize {
            queue.day.overflowed += 1;
            self.note_wait(&name, false);
            return self.play_and_leave(now, call, settings.overflow_prompt, InboundOutcome::Overflowed);
        }
        queue.waiting.insert((since, call));
        self.wait_limit(now, call, &settings, since);
        let (prompt, repeat) = match settings.greeting_prompt {
            Some(greeting) => (greeting, false),
            None => (settings.hold_prompt, true),
        };
        self.commands.push_back(Command::Play { call: CallRef::Inbound(call), prompt, repeat });
    }

    fn learn_arrival(&mut self, now: Now, queue: &QueueName) {
        self.learn(queue, |shifts| {
            shifts.callers.observe(now.instant);
            shifts.callers_steady.observe(now.instant);
        });
    }

    pub(in crate::engine) fn learn_patience(&mut self, queue: &QueueName, waited: Duration, gave_up: bool) {
        self.learn(queue, |shifts| shifts.patience.observe(waited.as_secs_f64(), gave_up));
    }

    /// All groups that serve the queue learn something of its callers.
    fn learn(&mut self, queue: &QueueName, what: impl Fn(&mut Shifts)) {
        for name in self.groups.keys().cloned().collect::<Vec<_>>() {
            if self.serves(&name, queue)
                && let Some(group) = self.groups.get_mut(&name)
            {
                what(&mut group.shifts);
            }
        }
    }

    fn wait_limit(&mut self, now: Now, call: InboundId, settings: &QueueSettings, since: Instant) {
        let limit = Duration::try_from_secs_f64(settings.wait_max_s).unwrap_or(Duration::MAX);
        self.timers.set(Timer::WaitLimit { call }, (since + limit).max(now.instant));
    }

    fn play_and_leave(&mut self, now: Now, call: InboundId, prompt: PromptName, outcome: InboundOutcome) {
        let Some(caller) = self.callers.get_mut(&call) else { return };
        caller.stage = CallerStage::Leaving { outcome };
        let call = CallRef::Inbound(call);
        self.commands.push_back(Command::Play { call, prompt, repeat: false });
        self.timers.set(Timer::PromptOverdue { call }, now.instant + PROMPT_LIMIT);
    }

    /// The caller waited as long as the queue allows.
    pub(in crate::engine) fn wait_limit_reached(&mut self, now: Now, call: InboundId) {
        let Some(caller) = self.callers.get(&call) else { return };
        if caller.stage != CallerStage::Waiting {
            return;
        }
        // A caller who had talked to an agent, lost the agent and waited again was answered all the same.
        let talked = caller.connected.is_some();
        if let Some(queue) = caller.queue.clone().filter(|_| !talked) {
            self.note_wait(&queue, false);
        }
        let outcome = if talked { InboundOutcome::Answered } else { InboundOutcome::Overflowed };
        let prompt = self.leave_queue(call).map(|queue| {
            queue.day.overflowed += u64::from(!talked);
            queue.settings.overflow_prompt.clone()
        });
        match prompt {
            Some(prompt) => self.play_and_leave(now, call, prompt, outcome),
            None => self.end_inbound(now, call, outcome),
        }
    }

    /// Takes a waiting caller out of the queue.
    pub(in crate::engine) fn leave_queue(&mut self, call: InboundId) -> Option<&mut Queue> {
        self.timers.cancel(&Timer::WaitLimit { call });
        let caller = self.callers.get(&call)?;
        let queue = self.queues.get_mut(caller.queue.as_ref()?)?;
        queue.waiting.remove(&(caller.offered.instant, call));
        Some(queue)
    }

    /// The agent was lost: the caller goes to another agent, or back to the place in the queue where the wait began.
    pub(in crate::engine) fn caller_lost_agent(&mut self, now: Now, call: InboundId) {
        let Some(caller) = self.callers.get_mut(&call) else { return };
        caller.stage = CallerStage::Waiting;
        let since = caller.offered.instant;
        let Some(name) = caller.queue.clone() else { return };
        if let Some(user) = self.agent_for_queue(&name) {
            return self.connect_caller(now, call, user);
        }
        let Some(queue) = self.queues.get_mut(&name) else {
            self.commands.push_back(Command::HangUp { call: CallRef::Inbound(call) });
            return self.end_inbound(now, call, InboundOutcome::Overflowed);
        };
        queue.waiting.insert((since, call));
        let settings = queue.settings.clone();
        // A caller who has talked already begins a new wait; one who has not keeps the old limit.
        let talked = self.callers.get(&call).is_some_and(|caller| caller.connected.is_some());
        self.wait_limit(now, call, &settings, if talked { now.instant } else { since });
        let call = CallRef::Inbound(call);
        self.commands.push_back(Command::Play { call, prompt: settings.hold_prompt, repeat: true });
    }

    /// The caller hung up.
    pub(in crate::engine) fn inbound_hung_up(&mut self, now: Now, call: InboundId) {
        let Some(caller) = self.callers.get(&call) else { return self.stale() };
        let outcome = match caller.stage {
            CallerStage::Leaving { outcome } => outcome,
            CallerStage::Connected { .. } => InboundOutcome::Answered,
            CallerStage::Waiting | CallerStage::Consent { .. } | CallerStage::Connecting { .. } => {
                if caller.connected.is_some() { InboundOutcome::Answered } else { InboundOutcome::Abandoned }
            }
        };
        self.end_inbound(now, call, outcome);
    }

    /// An inbound call is over, whoever ended it.
    pub(in crate::engine) fn end_inbound(&mut self, now: Now, call: InboundId, outcome: InboundOutcome) {
        let abandoned = outcome == InboundOutcome::Abandoned;
        self.leave_queue(call);
        let Some(caller) = self.callers.remove(&call) else { return };
        if abandoned && let Some(name) = &caller.queue {
            if let Some(queue) = self.queues.get_mut(name) {
                queue.day.abandoned += 1;
            }
            self.note_wait(name, false);
            self.learn_patience(name, now.instant.since(caller.offered.instant), true);
        }
        let whole = CallRef::Inbound(call);
        self.timers.cancel(&Timer::PromptOverdue { call: whole });
        self.timers.cancel(&Timer::CallLimit { call: whole });
        self.give_channel(&caller.trunk);
        let end = inbound_end(now, call, &caller, outcome);
        self.commands.push_back(Command::RecordInbound { end });
        match caller.stage {
            CallerStage::Connected { user } => self.begin_wrap_up(now, user, whole),
            CallerStage::Consent { user } | CallerStage::Connecting { user } => self.release_reserved(now, user),
            CallerStage::Waiting | CallerStage::Leaving { .. } => {}
        }
    }

    /// A prompt was played to the end, or its end is overdue.
    pub(in crate::engine) fn inbound_prompt_ended(&mut self, now: Now, call: InboundId) {
        let Some(caller) = self.callers.get_mut(&call) else { return self.stale() };
        let whole = CallRef::Inbound(call);
        self.timers.cancel(&Timer::PromptOverdue { call: whole });
        match caller.stage {
            CallerStage::Leaving { outcome } => {
                self.commands.push_back(Command::HangUp { call: whole });
                self.end_inbound(now, call, outcome);
            }
            CallerStage::Waiting => {
                let queue = caller.queue.as_ref().and_then(|name| self.queues.get(name));
                let Some(prompt) = queue.map(|queue| queue.settings.hold_prompt.clone()) else { return };
                self.commands.push_back(Command::Play { call: whole, prompt, repeat: true });
            }
            CallerStage::Consent { user } => {
                caller.consent_heard = true;
                caller.stage = CallerStage::Connecting { user };
                self.bridge(whole, user);
            }
            CallerStage::Connecting { .. } | CallerStage::Connected { .. } => self.stale(),
        }
    }
}

fn inbound_end(now: Now, call: InboundId, caller: &Caller, outcome: InboundOutcome) -> InboundEnd {
    InboundEnd {
        call,
        queue: caller.queue.clone(),
        campaign: caller.campaign.clone(),
        did: caller.did.clone(),
        caller: caller.number.clone(),
        offered_at: caller.offered.timestamp,
        connected_at: caller.connected.map(|at| at.timestamp),
        ended_at: now.timestamp,
        agent: caller.agent,
        outcome,
    }
}
