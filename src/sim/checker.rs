//! Holds the invariants of reliability.md over a trial, from what the world sees: what the engine is told, what it says,
//! and what became durable.
//!
//! It has books of its own and judges by its own arithmetic; the engine's counters are not asked, except at the end to be
//! compared. `gate` holds what must be true of a dial, `calls` what must be true of a call, `desks` of agents and callers.
//! Read [`Checker`] first.

mod calls;
mod desks;
mod gate;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use super::books::Write;
use super::faults::Law;
use crate::engine::command::{Answer, Command};
use crate::engine::event::{AgentAction, Event};
use crate::model::attempt::CallRef;
use crate::model::campaign::CampaignState;
use crate::model::disposition::Disposition;
use crate::model::id::{AttemptId, InboundId, LeadId, RequestId, UserId};
use crate::model::name::{CampaignKey, GroupName};
use crate::model::phone::PhoneNumber;
use crate::model::time::{Instant, Now, Timestamp};

/// With more inputs at one instant time stands still.
const AT_ONCE_MAX: u32 = 10_000;

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which, as reliability.md numbers it, or `liveness`.
    pub rule: &'static str,
    /// What was seen.
    pub what: String,
    /// When.
    pub at: Now,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {} s ({}): {}", self.rule, self.at.instant.as_secs_f64(), self.at.timestamp, self.what)
    }
}

/// What the checker knows of a campaign.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Whose agents it is for.
    pub group: GroupName,
    /// Rings at least so long before it is given up.
    pub ring_min: Duration,
    /// From the answer until the customer hears somebody; `None`: the scenario's customers wait as they please.
    pub heard_within: Option<Duration>,
    /// Largest share of abandoned calls.
    pub abandon_rate_max: f64,
    /// The pacing keeps within the budget at every moment.
    pub within_budget: bool,
    /// The number its customers see.
    pub caller_id: PhoneNumber,
}

/// What the checker knows of an agent group.
#[derive(Clone, Debug)]
pub struct GroupRules {
    /// Takes callers.
    pub inbound: bool,
    /// Agents kept for callers; `None` where there is no fixed number of them.
    pub reserve: Option<u32>,
    /// Callers go before customers who answered.
    pub inbound_first: bool,
    /// Callers do not get the idle agents that ringing lines need.
    pub keeps: bool,
}

/// One attempt, as it was seen.
#[derive(Clone, Debug)]
struct Call {
    campaign: CampaignKey,
    lead: LeadId,
    number: PhoneNumber,
    decided_at: Timestamp,
    decided: Instant,
    durable: bool,
    dialled: bool,
    sent: Option<Instant>,
    rang: Option<Instant>,
    answered: Option<Instant>,
    machine: bool,
    cancelled: bool,
    /// An agent was told to take it.
    given: bool,
    connected: bool,
    /// An agent, the message, or the end of the call.
    heard: bool,
    ended: bool,
    outcome: Option<Disposition>,
}

impl Call {
    /// On its way to an agent.
    fn is_pending(&self) -> bool {
        !self.ended && !self.cancelled && !self.heard && !self.given
    }
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// The customer must have heard somebody.
    Heard(AttemptId),
    /// A suppressed number must not ring any more.
    GivenUp(AttemptId),
}

/// One campaign's answers of today.
#[derive(Clone, Copy, Debug, Default)]
struct Answers {
    answered: u64,
    abandoned: u64,
}

/// Watches one trial.
#[derive(Clone, Debug)]
pub struct Checker {
    law: Law,
    rules: BTreeMap<CampaignKey, Rules>,
    found: Option<Violation>,
    calls: BTreeMap<AttemptId, Call>,
    by_number: BTreeMap<PhoneNumber, Vec<AttemptId>>,
    suppressed: BTreeSet<PhoneNumber>,
    consents: BTreeSet<PhoneNumber>,
    running: BTreeMap<CampaignKey, bool>,
    /// Campaigns of which the record says that they do not run.
    stopped: BTreeSet<CampaignKey>,
    starting: BTreeMap<RequestId, CampaignKey>,
    gates: BTreeMap<GroupName, bool>,
    store_up: bool,
    stepped: Option<Instant>,
    due: BTreeSet<(Instant, Due)>,
    answers: BTreeMap<CampaignKey, Answers>,
    day: i64,
    agents: BTreeMap<UserId, desks::Desk>,
    with: BTreeMap<CallRef, UserId>,
    waiting: BTreeSet<InboundId>,
    callers: BTreeSet<InboundId>,
    groups: BTreeMap<GroupName, GroupRules>,
    /// Calls that ended in this input.
    over: Vec<CallRef>,
    /// When agents were last lost to customers, whatever took them.
    agents_lost: Option<Instant>,
    /// Calls that were abandoned through no fault of the pacing, by campaign.
    excused: BTreeMap<CampaignKey, u64>,
    /// Requests of agents to record a result.
    results: BTreeSet<RequestId>,
    durable_results: BTreeSet<RequestId>,
    /// Dials that left, by campaign.
    left: BTreeMap<CampaignKey, u64>,
    /// Calls of which an agent's word is durable.
    said: BTreeSet<CallRef>,
    last_dial: Option<Instant>,
    /// Inputs at this instant.
    at_once: (Instant, u32),
    /// Dials seen.
    pub dials: u64,
}

impl Checker {
    /// A checker that has seen nothing.
    pub fn new(law: Law, rules: BTreeMap<CampaignKey, Rules>, groups: BTreeMap<GroupName, GroupRules>) -> Checker {
        Checker {
            law,
            rules,
            groups,
            over: Vec::new(),
            agents_lost: None,
            excused: BTreeMap::new(),
            found: None,
            calls: BTreeMap::new(),
            by_number: BTreeMap::new(),
            suppressed: BTreeSet::new(),
            consents: BTreeSet::new(),
            running: BTreeMap::new(),
            stopped: BTreeSet::new(),
            starting: BTreeMap::new(),
            left: BTreeMap::new(),
            gates: BTreeMap::new(),
            store_up: true,
            stepped: None,
            due: BTreeSet::new(),
            answers: BTreeMap::new(),
            day: i64::MIN,
            agents: BTreeMap::new(),
            with: BTreeMap::new(),
            waiting: BTreeSet::new(),
            callers: BTreeSet::new(),
            results: BTreeSet::new(),
            durable_results: BTreeSet::new(),
            said: BTreeSet::new(),
            last_dial: None,
            at_once: (Instant::ZERO, 0),
            dials: 0,
        }
    }

    /// The first invariant that did not hold.
    pub fn found(&self) -> Option<&Violation> {
        self.found.as_ref()
    }

    /// When a dial was last seen.
    pub fn last_dial(&self) -> Option<Instant> {
        self.last_dial
    }

    /// Callers who wait or talk, and attempts that have not ended.
    pub fn left(&self) -> (usize, usize) {
        (self.callers.len(), self.calls.values().filter(|call| call.durable && !call.ended).count())
    }

    /// Notes that something was wrong; the first one is kept.
    pub fn violated(&mut self, at: Now, rule: &'static str, what: String) {
        self.found.get_or_insert(Violation { rule, what, at });
    }

    /// The engine is about to be told something, or that time has passed.
    pub fn begins(&mut self, now: Now) {
        self.look_at_time(now);
        let (since, inputs) = self.at_once;
        self.at_once = if since == now.instant { (since, inputs + 1) } else { (now.instant, 0) };
        if inputs > AT_ONCE_MAX {
            self.violated(now, "liveness", format!("{inputs} inputs at one instant, and no end"));
        }
    }

    /// The engine is told something.
    pub fn told(&mut self, now: Now, event: &Event) {
        match event {
            Event::CampaignApplied { campaign, state, .. } => {
                // After a crash the engine is told by its own recovery; what the record says counts.
                let runs = *state == CampaignState::Running && !self.stopped.contains(&campaign.key);
                self.running.insert(campaign.key.clone(), runs);
            }
            Event::CampaignControl { request, campaign, state } => {
                if *state == CampaignState::Running {
                    self.starting.insert(*request, campaign.clone());
                } else {
                    self.running.insert(campaign.clone(), false);
                    self.starting.retain(|_, key| key != campaign);
                }
            }
            Event::Recorded { request, ok: true } => {
                if let Some(campaign) = self.starting.remove(request) {
                    self.running.insert(campaign, true);
                }
            }
            Event::StoreHealth { up } => self.store_up = *up,
            Event::Suppressed { number, .. } => self.suppression_told(now, number),
            Event::IntentRefused { attempt, .. } => {
                self.calls.remove(attempt); // it never was
            }
            Event::AttemptSent { attempt, .. } => self.sent(now, *attempt),
            Event::AttemptRinging { attempt } => {
                self.call(*attempt, |call| call.rang = call.rang.or(Some(now.instant)))
            }
            Event::AttemptAnswered { attempt } => self.answered(now, *attempt),
            Event::AttemptClassified { attempt, by, .. } => self.classified(*attempt, *by),
            Event::InboundOffered { call, .. } => {
                self.callers.insert(*call);
            }
            Event::AgentSignedIn { user, groups, device, .. } => self.sign_in(*user, groups, device.leg),
            // From here on, not from the record on: it may be acknowledged before it is even sent to the store.
            Event::AgentActed { request, action: AgentAction::Record { .. }, .. } => {
                self.results.insert(*request);
            }
            Event::Bridged { call, .. } => self.bridged(*call),
            Event::BridgeFailed { call, user } => {
                self.agents_lost = Some(now.instant);
                if self.with.get(call) == Some(user) {
                    self.with.remove(call);
                }
            }
            _ => {} // about nothing that is held here
        }
    }

    /// The engine says something.
    pub fn said(&mut self, now: Now, command: &Command) {
        match command {
            Command::RecordIntent { intent } => self.intent(now, intent),
            Command::Dial { attempt, number, caller_id, .. } => self.dial(now, *attempt, number, caller_id),
            Command::CancelAttempt { attempt, why } => self.cancelled(now, *attempt, *why),
            Command::Play { call: CallRef::Outbound(id), repeat: false, .. } => self.message(*id),
            Command::Play { call: call @ CallRef::Inbound(id), repeat, .. } => {
                self.with.remove(call);
                self.waits(*id, *repeat);
            }
            Command::RejectInbound { call, .. } => self.caller_gone(*call),
            Command::Bridge { call, user, .. } => self.bridge(now, *call, *user),
            Command::HangUp { call } => self.hung_up(now, *call),
            Command::RecordAttempt { end } => self.ended(now, end),
            Command::RecordInbound { end } => {
                if !self.callers.contains(&end.call) {
                    self.violated(now, "I-16", format!("{} ended twice, or never came", end.call));
                }
                self.caller_gone(end.call);
            }
            Command::RecordGate { change } => {
                self.gates.insert(change.group.clone(), change.open);
            }
            Command::RecordAgentState { user, state, .. } => self.agent_state(now, *user, state.as_ref()),
            Command::Reply { request, answer: Answer::Done }
                if self.results.contains(request) && !self.durable_results.contains(request) =>
            {
                self.violated(now, "I-14", format!("{request} was acknowledged and is not durable"));
            }
            _ => {} // about nothing that is held here
        }
    }

    /// The engine has said all that follows from an input.
    pub fn settled(&mut self, now: Now) {
        self.nobody_stays_with_a_call_that_is_over(now);
        self.nobody_waits_beside_an_idle_agent(now);
        while let Some((at, due)) = self.due.first().copied().filter(|(at, _)| *at <= now.instant) {
            self.due.remove(&(at, due));
            self.look_at_due(now, due);
        }
    }

    /// Something became durable.
    pub fn durable(&mut self, now: Now, write: &Write) {
        match write {
            Write::Intent(intent) => self.intent_durable(now, intent),
            Write::Result(result) => {
                if let Some(request) = result.request
                    && !self.durable_results.insert(request)
                {
                    self.violated(now, "I-14", format!("the result of {request} was applied twice"));
                }
                let said_before = self.said.contains(&result.call);
                match result.request {
                    Some(_) => drop(self.said.insert(result.call)),
                    None if said_before => {
                        let what = format!("what was said of {:?} is replaced by silence", result.call);
                        self.violated(now, "I-14", what);
                    }
                    None => {} // the agent said nothing in time
                }
                if let Some(number) = result.number.as_ref().filter(|_| result.suppress.is_some()) {
                    self.suppressed.insert(number.clone());
                    self.suppression_told(now, number);
                }
            }
            Write::State(_, campaign, state) => {
                if *state == CampaignState::Running {
                    self.stopped.remove(campaign);
                } else {
                    self.stopped.insert(campaign.clone());
                }
            }
            Write::End(_) | Write::Inbound(_) | Write::PutOff(..) | Write::Settle(..) => {}
        }
    }

    /// A number is suppressed, durably.
    pub fn suppress(&mut self, number: &PhoneNumber) {
        self.suppressed.insert(number.clone());
    }

    /// A customer consents, or does no more.
    pub fn consent(&mut self, number: &PhoneNumber, consents: bool) {
        if consents {
            self.consents.insert(number.clone());
        } else {
            self.consents.remove(number);
        }
    }

    /// The wall clock stepped.
    pub fn stepped(&mut self, at: Instant) {
        self.stepped = Some(at);
    }

    /// The engine is gone, with all that was not durable.
    pub fn crashed(&mut self, now: Now, abandoned: impl Fn(&CampaignKey) -> u64) {
        self.due.clear();
        self.agents.clear();
        self.with.clear();
        self.waiting.clear();
        self.callers.clear();
        self.gates.clear();
        self.over.clear();
        self.excused.clear();
        self.agents_lost = Some(now.instant);
        self.starting.clear();
        self.running.clear();
        self.store_up = true;
        self.stepped = None; // a program that begins knows of no other time
        self.day = desks::day_of(now); // nor of another day
        // What was never recorded never left.
        self.calls.retain(|_, call| call.durable);
        for (key, answers) in &mut self.answers {
            answers.abandoned = abandoned(key);
            self.excused.insert(key.clone(), answers.abandoned);
        }
    }

    /// An end was said and lost in a crash: the recovery makes up for it.
    pub fn reopen(&mut self, attempt: AttemptId) {
        self.call(attempt, |call| (call.ended, call.outcome) = (false, None));
    }

    fn call(&mut self, attempt: AttemptId, change: impl FnOnce(&mut Call)) {
        if let Some(call) = self.calls.get_mut(&attempt) {
            change(call);
        }
    }
}
