//! Who gets whom: idle agents for callers and answered customers, and what a freed agent takes.
//!
//! An agent is reserved first, then the customer hears that the call is recorded if the campaign wants that, then both
//! are bridged: a customer is never told so and then left without an agent. Read [`Engine::serve_freed`] first.

use super::agent::{Customer, Desk, PHONE_FAILED, Recorded};
use super::group::Group;
use super::queue::{Caller, CallerStage};
use crate::engine::Engine;
use crate::engine::command::Command;
use crate::engine::dialer::attempt::{CALL_LIMIT, Stage};
use crate::engine::timers::Timer;
use crate::model::agent::{AgentState, DeskCall};
use crate::model::attempt::{CallRef, InboundOutcome, RecordedCaller};
use crate::model::campaign::{Assignment, Campaign};
use crate::model::id::{AttemptId, InboundId, UserId};
use crate::model::name::{GroupName, QueueName};
use crate::model::settings::{IdleThreshold, ServeFirst};
use crate::model::time::{Instant, Now};

/// Who waits for an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// A customer who answered.
    Customer(AttemptId),
    /// A caller in a queue.
    Caller(InboundId),
}

impl Engine {
    /// Gives every agent who became idle the next customer. Those who stay idle are news to the pacing.
    pub(in crate::engine) fn serve_freed(&mut self, now: Now) {
        while let Some(user) = self.freed.pop_first() {
            if self.idle_since(user).is_none() {
                continue;
            }
            match self.next_for(user) {
                Some(Waiting::Customer(attempt)) => self.connect_customer(now, attempt, user),
                Some(Waiting::Caller(call)) => {
                    self.leave_queue(call);
                    self.connect_caller(now, call, user);
                }
                None => {
                    let Some(agent) = self.agents.get(&user) else { continue };
                    for name in &agent.groups {
                        let Some(group) = self.groups.get_mut(name) else { continue };
                        group.agent_freed = true;
                        if group.settings.idle_threshold == IdleThreshold::Auto {
                            group.steered.draw(&mut self.chance);
                        }
                    }
                }
            }
        }
    }

    /// Who is next for an idle agent, if anybody may have this one.
    pub(super) fn next_for(&self, user: UserId) -> Option<Waiting> {
        let agent = self.agents.get(&user)?;
        let groups = || agent.groups.iter().filter_map(|name| self.groups.get(name));
        let customer = groups()
            .filter_map(|group| group.answered.first().map(|first| (*first, group.settings.serve_first)))
            .min_by_key(|(first, _)| *first);
        let caller = self.caller_for(&agent.groups).filter(|_| !self.is_kept(user));
        let (((_, attempt), serve_first), (call, below_target)) = match (customer, caller) {
            (Some(customer), Some(caller)) => (customer, caller),
            (Some(((_, attempt), _)), None) => return Some(Waiting::Customer(attempt)),
            (None, Some((call, _))) => return Some(Waiting::Caller(call)),
            (None, None) => return None,
        };
        let inbound_first = match serve_first {
            ServeFirst::Answered => false,
            ServeFirst::Inbound => true,
            // The law before the service level: not at the price of an abandoned call that the cap forbids.
            ServeFirst::Auto => below_target && self.may_lose(attempt),
        };
        Some(if inbound_first { Waiting::Caller(call) } else { Waiting::Customer(attempt) })
    }

    /// Whether the abandon budget of the attempt's campaign has something left.
    fn may_lose(&self, attempt: AttemptId) -> bool {
        let board = self.attempts.get(&attempt).and_then(|attempt| self.campaigns.get(&attempt.campaign.key));
        board.is_some_and(|board| board.abandons_left(self.settings.profiles.get(&board.campaign.profile)) > 0)
    }

    /// The caller who is next: by the queue's priority, then by its place in the group's list, then by arrival; and
    /// whether the queue is below its service level.
    fn caller_for(&self, groups: &[GroupName]) -> Option<(InboundId, bool)> {
        let groups = groups.iter().filter_map(|name| self.groups.get(name));
        let queues = groups.flat_map(|group| group.settings.queues.iter().enumerate());
        let best = queues
            .filter_map(|(place, name)| {
                let queue = self.queues.get(name)?;
                let (since, call) = queue.waiting.first()?;
                Some(((std::cmp::Reverse(queue.settings.priority), place, *since, *call), queue.is_below_target()))
            })
            .min_by_key(|(order, _)| *order);
        best.map(|((_, _, _, call), below_target)| (call, below_target))
    }

    /// Gives waiting callers the agents who only look at a lead: inbound first, and the lead can wait.
    pub(in crate::engine) fn serve_previewing(&mut self, now: Now) {
        let users: Vec<UserId> = self.offered.values().copied().collect();
        for user in users {
            let Some(agent) = self.agents.get(&user) else { continue };
            if let Some((call, _)) = self.caller_for(&agent.groups) {
                self.leave_queue(call);
                self.connect_caller(now, call, user);
            }
        }
    }

    /// The agent for a caller: of an inbound-only group before a blended one, the longest idle in each who is not kept
    /// for an answer; with nobody idle, who looks at a lead since the shortest time.
    pub(in crate::engine) fn agent_for_queue(&self, queue: &QueueName) -> Option<UserId> {
        let serving = self.groups.values().filter(|group| group.settings.queues.contains(queue));
        let first = |group: &Group| group.idle.iter().find(|(_, user)| !self.is_kept(*user)).copied();
        let best: Option<(bool, (Instant, UserId))> =
            serving.filter_map(|group| first(group).map(|first| (group.settings.outbound, first))).min();
        let looking = || {
            let serving = self.groups.values().filter(|group| group.settings.queues.contains(queue));
            serving.filter_map(|group| group.previewing.last().copied()).max()
        };
        best.map(|(_, first)| first).or_else(looking).map(|(_, user)| user)
    }

    /// The agent for a customer who answered: who started the call, else an idle one.
    pub(in crate::engine) fn agent_for_customer(&mut self, attempt: AttemptId) -> Option<UserId> {
        let attempt = self.attempts.get(&attempt)?;
        if attempt.own_agent.is_some() {
            return attempt.own_agent;
        }
        let promised = attempt.lead.callback.as_ref().and_then(|callback| callback.agent.clone());
        let (group, assignment) = (attempt.group.clone(), attempt.campaign.assignment);
        self.idle_agent(&group, promised.as_deref(), assignment)
    }

    /// An idle agent of the group: whoever promised the callback, else by the campaign's setting.
    pub(in crate::engine) fn idle_agent(
        &mut self,
        group: &GroupName,
        promised: Option<&str>,
        assignment: Assignment,
    ) -> Option<UserId> {
        let group = self.groups.get(group)?;
        if let Some(login) = promised {
            let own =
                group.idle.iter().find(|(_, user)| self.agents.get(user).is_some_and(|agent| agent.login == login));
            if let Some((_, user)) = own {
                return Some(*user);
            }
        }
        if group.idle.is_empty() {
            return None;
        }
        let place = match assignment {
            Assignment::LongestIdle => 0,
            Assignment::Random => self.chance.below(group.idle.len()),
        };
        group.idle.iter().nth(place).map(|(_, user)| *user)
    }

    /// Connects a caller, who is in no queue any more, to an idle agent.
    pub(in crate::engine) fn connect_caller(&mut self, now: Now, call: InboundId, user: UserId) {
        let Some(caller) = self.callers.get(&call) else { return };
        let campaign = caller.campaign.as_ref().and_then(|key| self.campaigns.get(key));
        let campaign = campaign.map(|board| board.campaign.clone());
        let wrap_up_s = campaign.as_deref().map(|campaign| campaign.wrap_up_s);
        let consent_heard = caller.consent_heard;
        let waited = now.instant.since(caller.offered.instant);
        let desk_call = DeskCall {
            call: CallRef::Inbound(call),
            campaign: campaign.as_deref().map(|campaign| campaign.key.clone()),
            lead: caller.story.as_ref().map(|story| story.lead),
            queue: caller.queue.clone(),
            number: caller.number.clone(),
            since: now.timestamp,
            waited_ms: u64::try_from(waited.as_millis()).unwrap_or(u64::MAX),
            answered: true,
            recorded: false,
        };
        let wrap_up_s = wrap_up_s.unwrap_or_else(|| self.wrap_up_of(user, desk_call.queue.as_ref()));
        self.reserve(now, user, desk_call, Customer::default(), wrap_up_s);
        let consent = campaign.as_deref().is_some_and(asks_consent);
        let Some(caller) = self.callers.get_mut(&call) else { return };
        if consent && !consent_heard {
            caller.stage = CallerStage::Consent { user };
        } else {
            caller.stage = CallerStage::Connecting { user };
        }
        self.begin_talk(now, CallRef::Inbound(call), user, consent && !consent_heard, campaign.as_deref());
    }

    /// Connects a customer who answered to an idle agent.
    pub(in crate::engine) fn connect_customer(&mut self, now: Now, id: AttemptId, user: UserId) {
        let Some(attempt) = self.attempts.get(&id) else { return };
        let campaign = attempt.campaign.clone();
        let answered = attempt.answered.unwrap_or(now);
        let waited = now.instant.since(answered.instant);
        let consent_heard = attempt.consent_heard;
        let desk_call = DeskCall {
            call: CallRef::Outbound(id),
            campaign: Some(campaign.key.clone()),
            lead: Some(attempt.lead.id),
            queue: None,
            number: Some(attempt.lead.number.clone()),
            since: answered.timestamp,
            waited_ms: u64::try_from(waited.as_millis()).unwrap_or(u64::MAX),
            answered: true,
            recorded: false,
        };
        if attempt.own_agent == Some(user) {
            // The agent has been held for the call since it was started.
            if let Some(desk) = self.agents.get_mut(&user).and_then(|agent| agent.desk.as_mut()) {
                desk.call = desk_call;
            }
            self.touch(user);
        } else {
            let customer = Customer::of(&attempt.lead);
            self.reserve(now, user, desk_call, customer, campaign.wrap_up_s);
        }
        let asks = asks_consent(&campaign) && !consent_heard;
        let stage = if asks { Stage::Consent { user } } else { Stage::Connecting { user, since: now.instant } };
        self.set_stage(id, stage);
        self.begin_talk(now, CallRef::Outbound(id), user, asks, Some(&campaign));
    }

    /// Puts the call on the agent's desk.
    pub(in crate::engine) fn reserve(
        &mut self,
        now: Now,
        user: UserId,
        call: DeskCall,
        customer: Customer,
        wrap_up_s: u32,
    ) {
        let reference = call.call;
        let Some(agent) = self.agents.get_mut(&user) else { return };
        assert!(agent.desk.is_none(), "an agent was given a second call");
        agent.desk = Some(Desk {
            call,
            customer,
            recorded: Recorded::No,
            result: None,
            connected: None,
            over: None,
            extended: false,
            wrap_up_s,
        });
        self.set_state(now, user, AgentState::Reserved { call: reference });
    }

    fn begin_talk(&mut self, now: Now, call: CallRef, user: UserId, asks: bool, campaign: Option<&Campaign>) {
        let prompt = campaign.and_then(|campaign| campaign.recording.consent_prompt.clone()).filter(|_| asks);
        match prompt {
            Some(prompt) => {
                self.commands.push_back(Command::Play { call, prompt, repeat: false });
                let overdue = now.instant + super::queue::PROMPT_LIMIT;
                self.timers.set(Timer::PromptOverdue { call }, overdue);
            }
            None => self.bridge(call, user),
        }
    }

    /// Lets both hear each other.
    pub(in crate::engine) fn bridge(&mut self, call: CallRef, user: UserId) {
        let record = self.campaign_of(call).is_some_and(|campaign| campaign.recording.on);
        if record
            && let CallRef::Inbound(id) = call
            && let Some(caller) = self.callers.get(&id)
        {
            let caller = recorded_caller(id, caller, user);
            self.commands.push_back(Command::RecordCaller { caller });
        }
        self.commands.push_back(Command::Bridge { call, user, record });
    }

    /// The campaign of a call that is up.
    pub fn campaign_of(&self, call: CallRef) -> Option<&Campaign> {
        match call {
            CallRef::Outbound(id) => self.attempts.get(&id).map(|attempt| &*attempt.campaign),
            CallRef::Inbound(id) => {
                let key = self.callers.get(&id).and_then(|caller| caller.campaign.as_ref());
                key.and_then(|key| self.campaigns.get(key)).map(|board| &*board.campaign)
            }
        }
    }

    /// Wrap-up after an inbound call: of the agent's group that serves the queue.
    fn wrap_up_of(&self, user: UserId, queue: Option<&QueueName>) -> u32 {
        let Some(agent) = self.agents.get(&user) else { return 0 };
        let groups = agent.groups.iter().filter_map(|name| self.groups.get(name));
        let serving = groups.filter(|group| queue.is_some_and(|queue| group.settings.queues.contains(queue)));
        serving.map(|group| group.settings.wrap_up_s).next().unwrap_or_default()
    }

    /// Customer and agent hear each other.
    pub(in crate::engine) fn bridged(&mut self, now: Now, call: CallRef, user: UserId) {
        let connects = match call {
            CallRef::Outbound(id) => self.attempts.get(&id).is_some_and(|a| a.stage.connects(user)),
            CallRef::Inbound(id) => self.callers.get(&id).is_some_and(|c| c.stage == CallerStage::Connecting { user }),
        };
        if !connects {
            return self.stale();
        }
        match call {
            CallRef::Outbound(id) => self.customer_connected(now, id, user),
            CallRef::Inbound(id) => self.caller_connected(now, id, user),
        }
        if let Some(desk) = self.agents.get_mut(&user).and_then(|agent| agent.desk.as_mut()) {
            desk.connected = Some(now);
        }
        self.set_state(now, user, AgentState::Talking { call });
        self.timers.set(Timer::CallLimit { call }, now.instant + CALL_LIMIT);
    }

    fn caller_connected(&mut self, now: Now, call: InboundId, user: UserId) {
        let Some(caller) = self.callers.get_mut(&call) else { return };
        caller.stage = CallerStage::Connected { user };
        caller.agent = Some(user);
        if caller.connected.is_some() {
            return; // counted when the first agent took it
        }
        caller.connected = Some(now);
        let wait = now.instant.since(caller.offered.instant);
        let Some(name) = caller.queue.clone() else { return };
        let Some(queue) = self.queues.get_mut(&name) else { return };
        let in_time = wait.as_secs_f64() <= queue.settings.within_s;
        queue.day.answered += 1;
        queue.day.answered_wait_ms += u64::try_from(wait.as_millis()).unwrap_or_default();
        queue.day.answered_in_time += u64::from(in_time);
        self.note_wait(&name, in_time);
        self.learn_patience(&name, wait, false);
    }

    /// The agent's phone did not answer: the agent is paused and the customer goes to the next one.
    pub(in crate::engine) fn bridge_failed(&mut self, now: Now, call: CallRef, user: UserId) {
        if !self.agents.get(&user).is_some_and(|agent| agent.holds(call)) {
            return self.stale();
        }
        if let Some(agent) = self.agents.get_mut(&user) {
            agent.desk = None;
            agent.pause_next = None;
        }
        self.set_state(now, user, AgentState::NotReady { reason: PHONE_FAILED.to_owned() });
        self.agent_lost(now, call, user);
    }

    /// The customer's agent is gone: to the next agent, or to the front of those who wait.
    pub(in crate::engine) fn agent_lost(&mut self, now: Now, call: CallRef, user: UserId) {
        self.timers.cancel(&Timer::CallLimit { call });
        match call {
            CallRef::Outbound(id) => self.customer_lost_agent(now, id, user),
            CallRef::Inbound(id) => self.caller_lost_agent(now, id),
        }
    }

    /// The agent hung up, or the call lasted too long: it is over for both.
    pub(in crate::engine) fn call_over(&mut self, now: Now, call: CallRef) {
        match call {
            CallRef::Outbound(id) => self.connected_attempt_over(now, id),
            CallRef::Inbound(id) => self.end_inbound(now, id, InboundOutcome::Answered),
        }
    }

    /// The customer left before the agent was connected: the agent is free at once (reliability.md I-19).
    pub(in crate::engine) fn release_reserved(&mut self, now: Now, user: UserId) {
        if let Some(agent) = self.agents.get_mut(&user) {
            agent.desk = None;
        }
        self.rest(now, user);
    }
}

fn recorded_caller(call: InboundId, caller: &Caller, agent: UserId) -> RecordedCaller {
    RecordedCaller {
        call,
        queue: caller.queue.clone(),
        campaign: caller.campaign.clone(),
        did: caller.did.clone(),
        caller: caller.number.clone(),
        offered_at: caller.offered.timestamp,
        agent,
    }
}

/// Whether the customer is to be told about a recording.
fn asks_consent(campaign: &Campaign) -> bool {
    campaign.recording.on && campaign.recording.consent_prompt.is_some()
}
