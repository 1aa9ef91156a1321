//! The world of a rehearsal: recorded callers, agents and customers around a fresh engine.
//!
//! Callers come and agents sign in, rest and leave when they did. What becomes of the i-th dial of a campaign is drawn from
//! the recorded dials of that hour, by a stream that belongs to the dial and not to the setting: so two settings are
//! compared on the same customers. What was seen only in part is completed by `survival`. As in the simulator, the world
//! answers commands and takes no decision of the engine's. Read [`World::run`] first. The file is long because it is one
//! machine: every command is answered, and everything that happens by itself happens, to the same calls and agents.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::gather::{is_machine, session_of};
use super::survival::Seen;
use super::tally::{Hours, Tally};
use super::traffic::{CampaignLore, Deed, Fate, Stretch, Traffic};
use crate::engine::Engine;
use crate::engine::command::{Answer, Command};
use crate::engine::event::{AgentAction, Event, RecordedOutcome};
use crate::model::agent::AgentState;
use crate::model::attempt::{AnsweredBy, CallFailure, CallRef, CallResult, FailureKind, Refusal};
use crate::model::campaign::Campaign;
use crate::model::disposition::Disposition;
use crate::model::id::{AttemptId, InboundId, LeadId, ListId, RequestId, SessionId, UserId};
use crate::model::lead::{Lead, LeadNext, NumberFacts};
use crate::model::name::{CampaignKey, TrunkName};
use crate::model::phone::PhoneNumber;
use crate::model::time::{Instant, Now, Timestamp};
use crate::sim::streams::{Kind, Stream, Streams};

/// Steps between two looks at whether to go on.
const LOOK_EVERY: u32 = 4096;
/// What a list without end says is left.
const PLENTY: u64 = 1_000_000;
/// Calls of one stretch are numbered apart from those of the next.
const CALLS_PER_STRETCH_BITS: u32 = 32;
/// Why an agent who leaves is paused until then.
const LEAVING: &str = "leaving";

/// What happens by itself. At one instant, agents become free before customers look for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    WrappedUp { user: UserId, call: CallRef },
    TalkOver { call: CallRef },
    Connected { call: CallRef, user: UserId },
    Rings { attempt: AttemptId },
    Ends { attempt: AttemptId },
    Classified { attempt: AttemptId },
    PromptOver { call: CallRef },
    CallerLeaves { call: InboundId },
    CustomerLeaves { attempt: AttemptId },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Ringing,
    Waiting,
    Talking,
}

/// A dial or a caller.
#[derive(Clone, Debug)]
struct Call {
    stage: Stage,
    fate: Fate,
    patience_s: Option<f64>,
    talk_s: f64,
    wrap_up_s: f64,
    bridging_s: f64,
}

#[derive(Clone, Debug)]
struct Agent {
    session: SessionId,
    state: AgentState,
    leaving: bool,
    /// Became willing again while wrapping up: no pause follows.
    resumes: bool,
}

/// The list of a campaign, as a store would hand it out.
#[derive(Clone, Debug, Default)]
struct Supply {
    next: u64,
    new: u64,
    dials: u64,
    /// Handed out, and not dialled so far.
    back: Vec<u64>,
    /// Leads of these time zones may not be called before then.
    closed: BTreeMap<u64, Timestamp>,
}

/// One stretch, lived through again.
#[derive(Debug)]
pub struct World<'t> {
    traffic: &'t Traffic,
    stretch: &'t Stretch,
    plans: &'t [(Duration, Event)],
    place: usize,
    streams: Streams,
    engine: Engine,
    tally: Tally,
    now: Now,
    heap: BinaryHeap<Reverse<(Instant, u64, Happening)>>,
    sequence: u64,
    answers: VecDeque<Event>,
    campaigns: BTreeMap<CampaignKey, std::sync::Arc<Campaign>>,
    supplies: BTreeMap<CampaignKey, Supply>,
    intents: BTreeMap<AttemptId, (CampaignKey, u64)>,
    /// Whose customers agents wrap up after.
    wrapping: BTreeMap<AttemptId, CampaignKey>,
    calls: BTreeMap<CallRef, Call>,
    agents: BTreeMap<UserId, Agent>,
    recording: BTreeMap<RequestId, UserId>,
    requests: i64,
}

impl<'t> World<'t> {
    /// The `place`-th stretch of this traffic, with these settings and campaigns, under the chance of one replication.
    pub fn new(
        traffic: &'t Traffic,
        place: usize,
        plans: &'t [(Duration, Event)],
        streams: Streams,
        tally: Tally,
    ) -> Option<World<'t>> {
        let stretch = traffic.stretches.get(place)?;
        let seed = streams.stream(Kind::Day, place, 0).bits();
        Some(World {
            traffic,
            stretch,
            plans,
            place,
            streams,
            engine: Engine::new(seed),
            tally,
            now: stretch.origin,
            heap: BinaryHeap::new(),
            sequence: 0,
            answers: VecDeque::new(),
            campaigns: BTreeMap::new(),
            supplies: BTreeMap::new(),
            intents: BTreeMap::new(),
            wrapping: BTreeMap::new(),
            calls: BTreeMap::new(),
            agents: BTreeMap::new(),
            recording: BTreeMap::new(),
            requests: 0,
        })
    }

    /// Lives through it; `None` if it was told to stop.
    pub fn run(mut self, stop: &AtomicBool) -> Option<Hours> {
        let (mut plans, mut deeds) = (self.plans.iter().peekable(), self.stretch.deeds.iter().peekable());
        let origin = self.stretch.origin.instant;
        let end = origin + self.stretch.end.since(self.stretch.origin.timestamp);
        let mut steps = 0;
        loop {
            steps += 1;
            if steps % LOOK_EVERY == 0 && stop.load(Ordering::Relaxed) {
                return None;
            }
            let plan = plans.peek().map(|(at, _)| origin + *at);
            let deed = deeds.peek().map(|(at, _)| origin + *at);
            let happens = self.heap.peek().map(|Reverse((at, ..))| *at);
            let due = self.engine.poll_timeout().map(|(at, _)| at);
            let Some(at) = [plan, happens, deed, due].into_iter().flatten().min().filter(|at| *at < end) else { break };
            self.pass_to(at);
            if plan == Some(at) {
                if let Some((_, event)) = plans.next() {
                    self.tell_plan(event.clone());
                }
            } else if happens == Some(at) {
                if let Some(Reverse((_, _, happening))) = self.heap.pop() {
                    self.happen(happening);
                }
            } else if deed == Some(at) {
                if let Some((_, deed)) = deeds.next() {
                    self.deed(deed);
                }
            } else {
                self.feed(None);
                self.settle();
            }
        }
        Some(self.tally.finish(self.stretch.end))
    }

    fn pass_to(&mut self, at: Instant) {
        let origin = self.stretch.origin;
        let at = at.max(self.now.instant);
        self.now = Now { instant: at, timestamp: origin.timestamp + at.since(origin.instant) };
    }

    fn plan_in(&mut self, span_s: f64, happening: Happening) {
        self.sequence += 1;
        let span = Duration::from_micros((span_s.max(0.0) * 1e6).round() as u64);
        self.heap.push(Reverse((self.now.instant + span, self.sequence, happening)));
    }

    fn request(&mut self) -> RequestId {
        self.requests += 1;
        RequestId(self.requests)
    }

    // ---- the engine ----

    fn tell(&mut self, event: Event) {
        self.feed(Some(event));
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(event) = self.answers.pop_front() {
            self.feed(Some(event));
        }
    }

    fn feed(&mut self, event: Option<Event>) {
        match event {
            Some(event) => {
                self.tally.told(self.now, &event);
                self.engine.handle(self.now, event);
            }
            None => self.engine.handle_timeout(self.now),
        }
        while let Some(command) = self.engine.poll_command() {
            self.tally.said(self.now, &command);
            self.react(command);
        }
    }

    /// Settings and controls as they were set, with requests of our own.
    fn tell_plan(&mut self, event: Event) {
        let own = self.request();
        let event = match event {
            Event::CampaignControl { campaign, state, .. } => Event::CampaignControl { request: own, campaign, state },
            Event::CampaignLimits { campaign, change, .. } => Event::CampaignLimits { request: own, campaign, change },
            Event::GroupControl { group, change, .. } => Event::GroupControl { request: own, group, change },
            other => other,
        };
        if let Event::CampaignApplied { campaign, .. } = &event {
            self.campaigns.insert(campaign.key.clone(), campaign.clone());
        }
        self.tell(event);
    }

    fn react(&mut self, command: Command) {
        match command {
            Command::FetchLeads { campaign, limit, held, question } => {
                self.fetch(campaign, limit as usize, &held, question);
            }
            Command::RecordIntent { intent } => {
                let lead = intent.lead.0.unsigned_abs();
                if let Some(supply) = self.supplies.get_mut(&intent.campaign) {
                    supply.back.retain(|back| *back != lead);
                }
                self.intents.insert(intent.attempt, (intent.campaign, lead));
                self.answers.push_back(Event::IntentRecorded { attempt: intent.attempt });
            }
            Command::Dial { attempt, trunks, .. } => self.dial(attempt, trunks),
            Command::WithdrawDial { attempt } => {
                self.answers.push_back(Event::DialDeferred { attempt, refusal: Refusal::Pacing });
            }
            Command::CancelAttempt { attempt, .. } => self.cancel(attempt),
            Command::Classify { attempt } => self.classify(attempt),
            Command::Play { call, prompt, repeat: false } => {
                let long_s = self.traffic.lore.prompts.get(&prompt).copied().unwrap_or_default();
                self.plan_in(long_s, Happening::PromptOver { call });
            }
            Command::Bridge { call, user, .. } => {
                let bridging_s = self.calls.get(&call).map_or(0.0, |call| call.bridging_s);
                self.plan_in(bridging_s, Happening::Connected { call, user });
            }
            Command::RecordAttempt { end } => {
                if let Some((key, lead)) = self.intents.remove(&end.attempt) {
                    if end.disposition == Disposition::NotDialled {
                        self.supplies.entry(key).or_default().back.push(lead);
                    } else if end.agent.is_some() {
                        self.wrapping.insert(end.attempt, key);
                    }
                }
                self.forget_unless_talking(CallRef::Outbound(end.attempt));
            }
            Command::RecordInbound { end } => self.forget_unless_talking(CallRef::Inbound(end.call)),
            Command::RecordResult { result: CallResult { request: Some(request), .. } }
            | Command::RecordCampaignState { request: Some(request), .. }
            | Command::RecordCampaignLimits { request, .. }
            | Command::RecordGroupControl { request, .. } => {
                self.answers.push_back(Event::Recorded { request, ok: true });
            }
            Command::RecordAgentState { user, state, .. } => self.agent_state(user, state),
            Command::PutOffLead { campaign, lead, next, .. } => self.put_off(campaign, lead, &next),
            Command::RingAgent { user } => self.answers.push_back(Event::AgentLegUp { user }),
            Command::Reply { request, answer } => {
                let user = self.recording.remove(&request);
                if let (Some(user), Answer::Refused { .. }) = (user, answer) {
                    // A result that this campaign does not take: the wrap-up ends without one.
                    self.act_later(user, AgentAction::Ready);
                }
            }
            Command::Play { repeat: true, .. }
            | Command::AnswerInbound { .. }
            | Command::RejectInbound { .. }
            | Command::HangUp { .. }
            | Command::ReleaseAgent { .. }
            | Command::RecordResult { result: CallResult { request: None, .. } }
            | Command::SettleLead { .. }
            | Command::RecordCaller { .. }
            | Command::RecordGate { .. }
            | Command::RecordDecision { .. }
            | Command::RecordCampaignState { request: None, .. }
            | Command::AgentChanged { .. }
            | Command::AgentGone { .. } => {}
        }
    }

    // ---- the list ----

    /// Hands out leads: first those that came back, then new ones, each of a number of its own.
    fn fetch(&mut self, key: CampaignKey, limit: usize, held: &[LeadId], question: u64) {
        let known = self.traffic.lore.campaigns.get(&key).filter(|lore| !lore.dials.is_empty());
        // Who was never dialled cannot be: nothing is known of them.
        let max = known.map_or(0, |lore| lore.dials_max.unwrap_or(u64::MAX));
        let kinds = known.map_or(1, |lore| lore.zones.len().max(1)) as u64;
        let now = self.now.timestamp;
        let supply = self.supplies.entry(key.clone()).or_default();
        supply.closed.retain(|_, until| *until > now);
        let may = |lead: &u64| !supply.closed.contains_key(&(lead % kinds));
        let back = supply.back.iter().filter(|lead| may(lead) && !held.contains(&lead_id(**lead)));
        let mut chosen: Vec<u64> = back.take(limit).copied().collect();
        let mut skipped = 0;
        while chosen.len() < limit && supply.new < max && skipped < kinds {
            supply.next += 1;
            if supply.closed.contains_key(&(supply.next % kinds)) {
                skipped += 1;
                continue;
            }
            (skipped, supply.new) = (0, supply.new + 1);
            supply.back.push(supply.next);
            chosen.push(supply.next);
        }
        let left = if max == u64::MAX { PLENTY } else { max - supply.new };
        let (open_total, next_due) = (left + supply.back.len() as u64, supply.closed.values().min().copied());
        let leads = chosen.into_iter().map(|lead| self.lead(&key, lead)).collect();
        let question = Some(question);
        self.answers.push_back(Event::LeadsFetched { campaign: key, leads, next_due, open_total, question });
    }

    /// Leads like this one may not be called before a time.
    fn put_off(&mut self, key: CampaignKey, lead: LeadId, next: &LeadNext) {
        let kinds = self.traffic.lore.campaigns.get(&key).map_or(1, |lore| lore.zones.len().max(1)) as u64;
        let supply = self.supplies.entry(key).or_default();
        match next {
            LeadNext::Retry { at } | LeadNext::Other { at, .. } => {
                supply.closed.insert(lead.0.unsigned_abs() % kinds, *at);
            }
            LeadNext::Callback(_) | LeadNext::Done | LeadNext::GivenUp => {
                supply.back.retain(|back| lead_id(*back) != lead);
            }
        }
    }

    /// A lead as good as any: with consent, in a time zone that one of the recorded leads had.
    fn lead(&self, key: &CampaignKey, lead: u64) -> Lead {
        let place = self.traffic.lore.campaigns.keys().position(|other| other == key).unwrap_or_default();
        let digits = format!("+1{:03}{:010}", place % 1000, lead % 10_000_000_000);
        let number = PhoneNumber::from_e164(&digits).unwrap_or_else(|error| panic!("{error}"));
        let zones = self.traffic.lore.campaigns.get(key).map_or(&[][..], |lore| &lore.zones);
        let kind = usize::try_from(lead).unwrap_or_default() % zones.len().max(1);
        let zones = zones.get(kind).cloned().unwrap_or_else(|| vec!["UTC".to_owned()]);
        let facts = NumberFacts { consent: true, ..NumberFacts::default() };
        let (id, campaign, list) = (lead_id(lead), key.clone(), ListId(1));
        Lead {
            id,
            campaign,
            list,
            number,
            zones,
            numbers: Default::default(),
            attempts: BTreeMap::new(),
            facts,
            callback: None,
        }
    }

    // ---- dials ----

    fn dial(&mut self, attempt: AttemptId, trunks: Vec<TrunkName>) {
        let Some((key, _)) = self.intents.get(&attempt).cloned() else { return };
        let supply = self.supplies.entry(key.clone()).or_default();
        let index = (self.place as u64) << CALLS_PER_STRETCH_BITS | supply.dials;
        supply.dials += 1;
        let part = self.traffic.lore.campaigns.keys().position(|other| *other == key).unwrap_or_default();
        let mut chance = self.streams.stream(Kind::Dial, part, index);
        let Some(trunk) = trunks.into_iter().next() else { return };
        self.answers.push_back(Event::AttemptSent { attempt, trunk });
        let lore = self.traffic.lore.campaigns.get(&key);
        let drawn = lore.and_then(|lore| drawn(lore, self.now.timestamp, &mut chance));
        let Some((call, rang_s, ends_s)) = drawn else { return };
        let mut call = call;
        call.bridging_s = self.traffic.lore.bridging.draw(&mut chance).map_or(0.0, |drawn| drawn.seen.s);
        self.calls.insert(CallRef::Outbound(attempt), call);
        if let Some(rang_s) = rang_s {
            self.plan_in(rang_s, Happening::Rings { attempt });
        }
        if let Some(ends_s) = ends_s {
            self.plan_in(ends_s, Happening::Ends { attempt });
        }
    }

    fn is_ringing(&self, attempt: AttemptId) -> bool {
        self.calls.get(&CallRef::Outbound(attempt)).is_some_and(|call| call.stage == Stage::Ringing)
    }

    fn cancel(&mut self, attempt: AttemptId) {
        if self.is_ringing(attempt) {
            self.calls.remove(&CallRef::Outbound(attempt));
        }
        let kind = FailureKind::Cancelled;
        let failure = CallFailure { kind, status: 487, q850: 0, rang: true, retry_after_s: None };
        self.answers.push_back(Event::AttemptFailed { attempt, failure });
    }

    fn ends(&mut self, attempt: AttemptId) {
        let call = CallRef::Outbound(attempt);
        let Some(dial) = self.calls.get_mut(&call).filter(|dial| dial.stage == Stage::Ringing) else { return };
        match dial.fate {
            Fate::Open => {}
            Fate::Failed(failure) => {
                self.calls.remove(&call);
                self.tell(Event::AttemptFailed { attempt, failure });
            }
            Fate::Answered(_) => {
                dial.stage = Stage::Waiting;
                if let Some(patience_s) = dial.patience_s {
                    self.plan_in(patience_s, Happening::CustomerLeaves { attempt });
                }
                self.tell(Event::AttemptAnswered { attempt });
            }
        }
    }

    /// The engine asks who answered.
    fn classify(&mut self, attempt: AttemptId) {
        let fate = self.calls.get(&CallRef::Outbound(attempt)).map(|dial| dial.fate);
        let took_ms = match fate {
            Some(Fate::Answered(Some((_, _, took_ms)))) => took_ms,
            _ => 0,
        };
        self.plan_in(f64::from(took_ms) / 1000.0, Happening::Classified { attempt });
    }

    fn classified(&mut self, attempt: AttemptId) {
        let Some(dial) = self.calls.get(&CallRef::Outbound(attempt)) else { return };
        // Not told from a person in time, then or now: taken for one.
        let verdict = match dial.fate {
            Fate::Answered(Some(verdict)) => verdict,
            Fate::Answered(None) | Fate::Open | Fate::Failed(_) => (AnsweredBy::Unsure, 0, 0),
        };
        let (by, confidence, took_ms) = verdict;
        self.tell(Event::AttemptClassified { attempt, by, confidence, took_ms });
    }

    // ---- callers and agents ----

    fn deed(&mut self, deed: &Deed) {
        match deed {
            Deed::SignsIn(event) => self.signs_in(event),
            Deed::Willing(user) => {
                let Some(agent) = self.agents.get_mut(user) else { return };
                agent.leaving = false;
                // To press Ready while wrapping up would end it.
                agent.resumes = matches!(agent.state, AgentState::WrapUp { .. });
                if !agent.resumes {
                    self.act(*user, AgentAction::Ready);
                }
            }
            Deed::Rests(user, reason) => {
                if let Some(agent) = self.agents.get_mut(user) {
                    agent.resumes = false;
                }
                self.act(*user, AgentAction::NotReady { reason: reason.clone() });
            }
            Deed::Leaves(user) => self.leaves(*user),
            Deed::Caller(place) => self.caller_comes(*place),
        }
    }

    fn signs_in(&mut self, event: &Event) {
        let Some((user, session)) = session_of(event) else { return };
        let own = self.request();
        let mut event = event.clone();
        if let Event::AgentSignedIn { request, .. } = &mut event {
            *request = own;
        }
        let state = AgentState::NotReady { reason: String::new() };
        let known = self.agents.entry(user).or_insert(Agent { session, state, leaving: false, resumes: false });
        (known.session, known.leaving) = (session, false);
        self.tell(event);
    }

    fn leaves(&mut self, user: UserId) {
        let Some(agent) = self.agents.get_mut(&user) else { return };
        match agent.state {
            AgentState::Reserved { .. } | AgentState::Talking { .. } | AgentState::WrapUp { .. } => {
                agent.leaving = true;
                self.act(user, AgentAction::NotReady { reason: LEAVING.to_owned() });
            }
            AgentState::Ready
            | AgentState::Previewing { .. }
            | AgentState::Connecting
            | AgentState::NotReady { .. } => {
                self.act(user, AgentAction::SignOut);
            }
        }
    }

    fn act(&mut self, user: UserId, action: AgentAction) {
        self.act_later(user, action);
        self.settle();
    }

    fn act_later(&mut self, user: UserId, action: AgentAction) {
        let Some(session) = self.agents.get(&user).map(|agent| agent.session) else { return };
        let request = self.request();
        if matches!(action, AgentAction::Record { .. }) {
            self.recording.insert(request, user);
        }
        self.answers.push_back(Event::AgentActed { request, user, session, action });
    }

    fn agent_state(&mut self, user: UserId, state: Option<AgentState>) {
        let Some(state) = state else {
            self.agents.remove(&user);
            return;
        };
        if let AgentState::WrapUp { call, .. } = state {
            let wrap_up_s = self.calls.remove(&call).map_or(0.0, |call| call.wrap_up_s);
            self.plan_in(wrap_up_s, Happening::WrappedUp { user, call });
        }
        let Some(agent) = self.agents.get_mut(&user) else { return };
        let rests = matches!(state, AgentState::NotReady { .. });
        agent.state = state;
        if rests && agent.leaving {
            self.act_later(user, AgentAction::SignOut);
        }
    }

    fn caller_comes(&mut self, place: usize) {
        let Some(seen) = self.stretch.callers.get(place) else { return };
        let number = (self.place as u64) << CALLS_PER_STRETCH_BITS | place as u64;
        let mut chance = self.streams.stream(Kind::Caller, 0, number);
        let call = InboundId(i64::try_from(number).unwrap_or(i64::MAX) + 1);
        let lore = self.traffic.lore.queues.get(&seen.queue);
        let patience_s = match lore {
            Some(lore) => lore.patience.complete(seen.patience, &mut chance),
            None => Some(seen.patience.s).filter(|_| seen.patience.whole),
        };
        let talk_s = lore.map_or(0.0, |lore| completed(&lore.talk, seen.talk, &mut chance));
        let wrap_up_s = lore.map_or(0.0, |lore| completed(&lore.wrap_up, seen.wrap_up, &mut chance));
        let bridging_s = self.traffic.lore.bridging.draw(&mut chance).map_or(0.0, |drawn| drawn.seen.s);
        let (stage, fate) = (Stage::Waiting, Fate::Open);
        let it = Call { stage, fate, patience_s, talk_s, wrap_up_s, bridging_s };
        self.calls.insert(CallRef::Inbound(call), it);
        if let Some(patience_s) = patience_s {
            self.plan_in(patience_s, Happening::CallerLeaves { call });
        }
        let (trunk, did) = (seen.trunk.clone(), seen.did.clone());
        self.tell(Event::InboundOffered { call, trunk, did, caller: None, story: None });
    }

    // ---- what happens by itself ----

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::WrappedUp { user, call } => self.wrapped_up(user, call),
            Happening::TalkOver { call } => self.talk_over(call),
            Happening::Connected { call, user } => self.connected(call, user),
            Happening::Rings { attempt } => {
                if self.is_ringing(attempt) {
                    self.tell(Event::AttemptRinging { attempt });
                }
            }
            Happening::Ends { attempt } => self.ends(attempt),
            Happening::Classified { attempt } => self.classified(attempt),
            Happening::PromptOver { call } => self.tell(Event::PromptEnded { call }),
            Happening::CallerLeaves { call } => {
                if self.waits(CallRef::Inbound(call)) {
                    self.tell(Event::InboundHungUp { call });
                }
            }
            Happening::CustomerLeaves { attempt } => {
                if self.waits(CallRef::Outbound(attempt)) {
                    self.tell(Event::AttemptHungUp { attempt });
                }
            }
        }
    }

    fn waits(&self, call: CallRef) -> bool {
        self.calls.get(&call).is_some_and(|call| call.stage == Stage::Waiting)
    }

    /// Both hear each other, unless the customer has gone or the agent was taken away meanwhile.
    fn connected(&mut self, call: CallRef, user: UserId) {
        let reserved = self.agents.get(&user).map(|agent| agent.state.clone());
        let still = reserved == Some(AgentState::Reserved { call });
        let Some(it) = self.calls.get_mut(&call).filter(|_| still) else { return };
        it.stage = Stage::Talking;
        let talk_s = it.talk_s;
        self.plan_in(talk_s, Happening::TalkOver { call });
        self.tell(Event::Bridged { call, user });
    }

    fn talk_over(&mut self, call: CallRef) {
        if !self.calls.contains_key(&call) {
            return; // ended before, by the engine's own limit
        }
        match call {
            CallRef::Outbound(attempt) => self.tell(Event::AttemptHungUp { attempt }),
            CallRef::Inbound(call) => self.tell(Event::InboundHungUp { call }),
        }
    }

    fn forget_unless_talking(&mut self, call: CallRef) {
        if self.calls.get(&call).is_some_and(|it| it.stage != Stage::Talking) {
            self.calls.remove(&call);
        }
    }

    fn wrapped_up(&mut self, user: UserId, call: CallRef) {
        let state = self.agents.get(&user).map(|agent| &agent.state);
        if !matches!(state, Some(AgentState::WrapUp { call: own, .. }) if *own == call) {
            return;
        }
        let resumes = self.agents.get_mut(&user).is_some_and(|agent| std::mem::take(&mut agent.resumes));
        if resumes {
            return self.act(user, AgentAction::Ready);
        }
        let result = match call {
            CallRef::Inbound(_) => Disposition::Handled.as_str().to_owned(),
            CallRef::Outbound(attempt) => self.result(attempt),
        };
        let outcome =
            RecordedOutcome { result, answers: BTreeMap::new(), note: "-".to_owned(), callback: None, order: None };
        self.act(user, AgentAction::Record { call, outcome });
    }

    /// A result that asks for no answers, if the campaign has one.
    fn result(&mut self, attempt: AttemptId) -> String {
        let campaign = self.wrapping.remove(&attempt).and_then(|key| self.campaigns.get(&key));
        let results = campaign.map_or(&[][..], |campaign| &campaign.results);
        let declined = results.iter().find(|result| result.disposition == Disposition::Declined);
        declined.or(results.first()).map(|result| result.key.clone()).unwrap_or_default()
    }
}

/// The customer at the other end of a dial: who it is, when it rings and when that ends.
fn drawn(lore: &CampaignLore, at: Timestamp, chance: &mut Stream) -> Option<(Call, Option<f64>, Option<f64>)> {
    let drawn = lore.around(at)?.draw(chance)?;
    let seen = lore.dials.get(drawn.of)?;
    let machine = matches!(seen.fate, Fate::Answered(Some((by, _, _))) if is_machine(by));
    let patience_s = match seen.patience {
        _ if machine => None,
        Some(patience) => lore.times.patience.complete(patience, chance),
        None => None,
    };
    let call = Call {
        stage: Stage::Ringing,
        fate: if drawn.seen.whole { seen.fate } else { Fate::Open },
        patience_s,
        talk_s: completed(&lore.times.talk, seen.talk, chance),
        wrap_up_s: completed(&lore.times.wrap_up, seen.wrap_up, chance),
        bridging_s: 0.0,
    };
    Some((call, seen.rang_s, drawn.seen.whole.then_some(drawn.seen.s)))
}

/// A time as it was, completed where it was cut off, or another's where there was none.
fn completed(of: &super::survival::Observations<()>, seen: Option<Seen>, chance: &mut Stream) -> f64 {
    match seen {
        Some(seen) => of.complete(seen, chance).unwrap_or(seen.s),
        None => of.draw(chance).map_or(0.0, |drawn| drawn.seen.s),
    }
}

fn lead_id(lead: u64) -> LeadId {
    LeadId(i64::try_from(lead).unwrap_or(i64::MAX))
}
