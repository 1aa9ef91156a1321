//! What customers, callers, agents and the network do by themselves.

use super::trial::Lane;
use super::{Caller, Dial, Doing, Fate, Happening, Seat, Stage, World, seconds};
use crate::engine::event::{AgentAction, Event, RecordedOutcome};
use crate::model::agent::{Device, DeviceLeg};
use crate::model::attempt::{AnsweredBy, CallFailure, CallRef, FailureKind};
use crate::model::campaign::CampaignState;
use crate::model::disposition::Disposition;
use crate::model::id::{AttemptId, InboundId, SessionId, UserId};
use crate::sim::scenario::wiring::{RESULT, RESULT_NO_MORE, SERVICE_NUMBER, campaign_key, trunk};
use crate::sim::streams::{Kind, Stream};

/// Why an agent who leaves is paused until then.
const LEAVING: &str = "leaving";
/// A number that is not in use: the network says so at once, and means the customer, not the trunk (RFC 3261, 21.4.5).
const STATUS_FAILED: u16 = 404;
/// In a trial, share of customers who answer and do not wait as long as they might.
const LEAVES_EARLY: f64 = 0.05;
/// In a trial, share of agents who press Ready as soon as they have sent a result, and do not wait until it is durable.
const IMPATIENT: f64 = 0.15;
/// Nobody answered in the network's own time (RFC 3261, 21.4.18).
const STATUS_NO_ANSWER: u16 = 480;

impl World<'_> {
    pub(super) fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Staffing { group } => self.staff(group),
            Happening::Activity { campaign } => self.activity(campaign),
            Happening::WrappedUp { seat, call } => self.wrapped_up(seat, call),
            Happening::SaysAgain { seat, call } => self.says(seat, call),
            Happening::Looked { seat, lead } => self.act(user(seat), AgentAction::StartCall { lead }),
            Happening::TalkOver { call } => self.talk_over(call),
            Happening::Caller => self.caller_comes(),
            Happening::Outcome { attempt } => self.outcome(attempt),
            Happening::Detected { attempt } => self.detected(attempt),
            Happening::CallerLeaves { call } => self.caller_leaves(call),
            Happening::CustomerLeaves { attempt } => self.customer_leaves(attempt),
            Happening::Sample => self.sample(),
            Happening::Arrives { key } => self.arrives(key),
            Happening::Rings { attempt } => self.rings(attempt),
            Happening::PromptOver { call } => self.prompt_over(call),
            Happening::AgentNotices { call } => self.agent_notices(call),
            Happening::Silent { call } => self.silent(call),
            Happening::Commit => self.commit(),
            Happening::Fault { index, ends } => self.fault(index, ends),
            Happening::Restart => self.restart(),
            Happening::Tick => self.tick(),
            Happening::Drains => self.drains(),
        }
    }

    fn activity(&mut self, campaign: usize) {
        let runs = self.scenario.outbound[campaign].runs_at(self.at_s());
        let state = if runs { CampaignState::Running } else { CampaignState::Paused };
        let request = self.request();
        self.tell(Event::CampaignControl { request, campaign: campaign_key(campaign), state });
    }

    // ---- agents ----

    /// Brings the number of signed-in agents to what it is to be: idle ones leave first, busy ones when they finish.
    pub(super) fn staff(&mut self, group: usize) {
        let wanted = self.scenario.agents[group].count.at(self.at_s()).round() as usize;
        let here = |seat: &Seat| seat.group == group && seat.signed_in.is_some();
        let staying: Vec<usize> =
            (0..self.seats.len()).filter(|place| here(&self.seats[*place]) && !self.seats[*place].leaving).collect();
        if staying.len() > wanted {
            let surplus = staying.len() - wanted;
            let idle = staying.iter().filter(|place| self.seats[**place].doing == Doing::Idle);
            let busy = staying.iter().filter(|place| self.seats[**place].doing != Doing::Idle);
            let leavers: Vec<usize> = idle.chain(busy).take(surplus).copied().collect();
            leavers.into_iter().for_each(|place| self.leave(place));
            return;
        }
        let mut missing = wanted - staying.len();
        for place in 0..self.seats.len() {
            if missing > 0 && here(&self.seats[place]) && self.seats[place].leaving {
                self.seats[place].leaving = false; // still at work: stays on
                missing -= 1;
            }
        }
        for _ in 0..missing {
            self.sign_in(group);
        }
    }

    pub(super) fn leave(&mut self, place: usize) {
        let user = user(place);
        if self.seats[place].doing == Doing::Idle {
            return self.act(user, AgentAction::SignOut);
        }
        self.seats[place].leaving = true;
        self.act(user, AgentAction::NotReady { reason: LEAVING.to_owned() });
    }

    fn sign_in(&mut self, group: usize) {
        if self.trial.as_ref().is_some_and(|trial| trial.down) {
            return;
        }
        let free = (0..self.seats.len())
            .find(|place| self.seats[*place].group == group && self.seats[*place].signed_in.is_none());
        let place = free.unwrap_or_else(|| self.new_seat(group));
        self.seats[place].signed_in = Some(self.now.instant);
        self.seats[place].leaving = false;
        let request = self.request();
        let user = user(place);
        // In a scenario's world a bridge takes no time (scenario.md); on a trial's day phones ring, some or all.
        let nailed_up = self.scenario.law.as_ref().is_none_or(|law| law.nailed_up && place.is_multiple_of(2));
        let leg = if nailed_up { DeviceLeg::NailedUp } else { DeviceLeg::PerCall };
        let device = Device { phone: format!("seat-{place}"), leg };
        let groups = self.wiring.memberships[group].clone();
        let (session, name) = (SessionId(user.0), format!("agent-{place}"));
        let login = name.clone();
        self.tell(Event::AgentSignedIn { request, user, session, name, login, groups, device });
        self.act(user, AgentAction::Ready);
    }

    fn new_seat(&mut self, group: usize) -> usize {
        let place = self.seats.len();
        let index = self.seats.iter().filter(|seat| seat.group == group).count() as u64;
        let mut chance = self.streams.stream(Kind::Agent, group, index);
        let factor = self.scenario.agents[group].handle_factor.as_ref().map_or(1.0, |factor| factor.draw(&mut chance));
        let (signed_in, leaving, doing, wrapping, gone) = (None, false, Doing::Nothing, None, false);
        self.seats.push(Seat { group, factor, signed_in, leaving, doing, wrapping, gone });
        self.places.insert(user(place), place);
        place
    }

    pub(super) fn act(&mut self, user: UserId, action: AgentAction) {
        let place = self.places.get(&user).copied();
        if place.is_some_and(|place| self.seats[place].gone) {
            return;
        }
        let request = self.request();
        if let (Some(trial), Some(place), AgentAction::Record { call, .. }) = (self.trial.as_mut(), place, &action) {
            trial.results.insert(request, (place, *call));
        }
        self.tell(Event::AgentActed { request, user, session: SessionId(user.0), action });
    }

    fn wrapped_up(&mut self, seat: usize, call: CallRef) {
        if self.seats[seat].wrapping == Some(call) {
            self.says(seat, call);
        }
    }

    /// The agent records what came of the call; the desk sends it twice if that is what goes wrong.
    fn says(&mut self, seat: usize, call: CallRef) {
        let result = match call {
            CallRef::Outbound(attempt) => self.result_of(attempt).to_owned(),
            CallRef::Inbound(_) => Disposition::Handled.as_str().to_owned(),
        };
        let twice = self.trial.as_mut().is_some_and(|trial| trial.chance.unit() < trial.doubled);
        let outcome =
            RecordedOutcome { result, answers: Default::default(), note: String::new(), callback: None, order: None };
        let action = AgentAction::Record { call, outcome };
        if twice {
            self.act(user(seat), action.clone());
        }
        self.act(user(seat), action);
        let wraps_up = self.seats[seat].wrapping == Some(call) && !self.seats[seat].leaving;
        if wraps_up && self.trial.as_mut().is_some_and(|trial| trial.impatience.unit() < IMPATIENT) {
            self.act(user(seat), AgentAction::Ready);
        }
    }

    /// What the customer of an attempt said: the same however often it is asked.
    fn result_of(&self, attempt: AttemptId) -> &'static str {
        let number = self.trial.as_ref().and_then(|trial| trial.books.attempts.get(&attempt));
        let last = number.and_then(|row| row.intent.number.digits().bytes().last());
        // Customers whose number ends in this digit want no more calls.
        if last == Some(b'7') { RESULT_NO_MORE } else { RESULT }
    }

    fn talk_over(&mut self, call: CallRef) {
        match call {
            CallRef::Outbound(attempt) if self.dials.contains_key(&attempt) => {
                self.notice(call);
                self.report(Event::AttemptHungUp { attempt });
            }
            CallRef::Inbound(id) if self.callers.contains_key(&id) => {
                self.notice(call);
                self.report(Event::InboundHungUp { call: id });
            }
            CallRef::Outbound(_) | CallRef::Inbound(_) => {} // ended before, by the engine's own limit
        }
    }

    // ---- callers ----

    fn caller_comes(&mut self) {
        self.caller_comes_besides();
        self.plan_caller();
    }

    /// A caller who comes without being followed by the next.
    pub(super) fn caller_comes_besides(&mut self) {
        let Some(inbound) = &self.scenario.inbound else { return };
        let mut chance = self.streams.stream(Kind::Caller, 0, self.callers_came);
        let _ = chance.exponential(); // of the time between arrivals
        let talk_s = inbound.talk_s.draw(&mut chance);
        let wrap_up = seconds(inbound.wrap_up_s.draw(&mut chance));
        let patience = inbound.patience_s.as_ref().map(|patience| seconds(patience.draw(&mut chance)));
        let balks = chance.unit() < inbound.balking;
        #[cfg(test)]
        self.seen.push(format!("caller {:?} {talk_s} {wrap_up:?} {patience:?} {balks}", self.now.instant));
        self.callers_came += 1;
        let call = InboundId(i64::try_from(self.callers_came).unwrap_or(i64::MAX));
        if self.trial.as_ref().is_some_and(|trial| trial.down) {
            return; // nobody answers
        }
        self.callers.insert(call, Caller { came: self.now.instant, talking: false, talk_s, wrap_up });
        self.day.inbound_offered += u64::from(self.counts());
        let did = SERVICE_NUMBER.to_owned();
        self.tell(Event::InboundOffered { call, trunk: trunk(), did, caller: None, story: None });
        let waits = self.callers.get(&call).is_some_and(|caller| !caller.talking);
        if waits && balks {
            self.caller_leaves(call);
        } else if waits && let Some(patience) = patience {
            self.plan_in(patience, Happening::CallerLeaves { call });
        }
    }

    fn caller_leaves(&mut self, call: InboundId) {
        let Some(caller) = self.callers.get(&call).filter(|caller| !caller.talking) else { return };
        let wait_s = self.now.instant.since(caller.came).as_secs_f64();
        if self.counts() {
            self.day.inbound_abandoned += 1;
            self.day.abandoned_wait_s += wait_s;
        }
        self.falls_silent(CallRef::Inbound(call));
        self.report(Event::InboundHungUp { call });
    }

    // ---- customers ----

    /// A dial leaves: what becomes of it is drawn now.
    pub(super) fn dial(&mut self, attempt: AttemptId) {
        let Some((campaign, lead)) = self.leads.get(&attempt).copied() else { return };
        let outbound = &self.scenario.outbound[campaign];
        let index = self.supplies[campaign].dials;
        self.supplies[campaign].dials += 1;
        let class = self.class(campaign, lead);
        let mut chance = self.streams.stream(Kind::Dial, campaign, index);
        let fate = self.fate(campaign, class, &mut chance);
        let time_s = match fate {
            Fate::Person => outbound.answer_s.draw(&mut chance),
            Fate::Machine => outbound.machine_s.draw(&mut chance),
            Fate::Failure => outbound.failure_s.draw(&mut chance),
            Fate::NoAnswer => outbound.ring_timeout_s,
        };
        let fate = if fate == Fate::Person && time_s > outbound.ring_timeout_s { Fate::NoAnswer } else { fate };
        let after_s = if fate == Fate::NoAnswer { outbound.ring_timeout_s } else { time_s };
        let detection = seconds(outbound.detection_s.draw(&mut chance));
        let patience = seconds(outbound.patience_s.draw(&mut chance));
        let talk_s = outbound.talk_s.draw(&mut chance);
        let wrap_up = seconds(outbound.wrap_up_s.draw(&mut chance));
        #[cfg(test)]
        self.seen.push(format!("dial {campaign}/{index} {fate:?} {after_s} {talk_s} {wrap_up:?} {patience:?}"));
        let stage = Stage::Ringing;
        self.dials.insert(attempt, Dial { campaign, fate, stage, detection, patience, talk_s, wrap_up });
        self.ringing += 1;
        self.day.dials += u64::from(self.counts());
        self.answer(Lane::Carrier, Event::AttemptSent { attempt, trunk: trunk() });
        // Where the engine's own ring timeout is the scenario's, the engine gives up and the network need not.
        let engine_gives_up = f64::from(outbound.engine_ring_timeout_s()) == outbound.ring_timeout_s;
        if fate != Fate::NoAnswer || !engine_gives_up {
            self.plan_in(seconds(after_s), Happening::Outcome { attempt });
        }
    }

    /// The class of a lead: known before it is dialled, as the list it came with.
    pub(super) fn class(&self, campaign: usize, lead: u64) -> usize {
        let classes = &self.scenario.outbound[campaign].classes;
        if classes.len() < 2 {
            return 0;
        }
        let mut left = self.streams.stream(Kind::Lead, campaign, lead).unit();
        let chosen = classes.iter().position(|class| {
            left -= class.share;
            left < 0.0
        });
        chosen.unwrap_or(classes.len() - 1)
    }

    fn fate(&self, campaign: usize, class: usize, chance: &mut Stream) -> Fate {
        let Some(class) = self.scenario.outbound[campaign].classes.get(class) else { return Fate::NoAnswer };
        let at_s = self.at_s();
        let mut left = chance.unit();
        let fates = [(Fate::Person, &class.person), (Fate::Machine, &class.machine), (Fate::Failure, &class.failure)];
        for (fate, probability) in fates {
            left -= probability.at(at_s);
            if left < 0.0 {
                return fate;
            }
        }
        Fate::NoAnswer
    }

    fn outcome(&mut self, attempt: AttemptId) {
        let counts = self.counts();
        let Some(dial) = self.dials.get_mut(&attempt).filter(|dial| dial.stage == Stage::Ringing) else { return };
        self.ringing -= 1;
        match dial.fate {
            Fate::Person => {
                dial.stage = Stage::Answered { detected: false };
                self.day.answered += u64::from(counts);
                self.person_answers(attempt);
            }
            Fate::Machine => {
                dial.stage = Stage::Answered { detected: true };
                self.day.machines += u64::from(counts);
                self.report(Event::AttemptAnswered { attempt });
            }
            Fate::Failure => {
                self.day.failures += u64::from(counts);
                self.end_on_network(attempt, STATUS_FAILED);
            }
            Fate::NoAnswer => {
                self.day.no_answers += u64::from(counts);
                self.end_on_network(attempt, STATUS_NO_ANSWER);
            }
        }
    }

    fn end_on_network(&mut self, attempt: AttemptId, status: u16) {
        let rang = status == STATUS_NO_ANSWER;
        let failure = CallFailure { kind: FailureKind::Rejected, status, q850: 0, rang, retry_after_s: None };
        self.dials.remove(&attempt);
        self.report(Event::AttemptFailed { attempt, failure });
    }

    fn person_answers(&mut self, attempt: AttemptId) {
        let Some(dial) = self.dials.get(&attempt) else { return };
        let (detection, patience) = (dial.detection, dial.patience);
        let outbound = &self.scenario.outbound[dial.campaign];
        if let Some(trial) = self.trial.as_mut()
            && trial.chance.unit() < LEAVES_EARLY
        {
            let left_s = patience.as_secs_f64() * trial.chance.unit();
            self.plan_in(seconds(left_s), Happening::CustomerLeaves { attempt });
        }
        // The engine's deadline ends the wait of a customer whose patience is the same for all and who was told from a
        // machine in time; any other hangs up by themselves.
        if outbound.patience().is_none() || detection > patience {
            self.plan_in(patience, Happening::CustomerLeaves { attempt });
        }
        self.report(Event::AttemptAnswered { attempt });
    }

    /// The engine asks who answered.
    pub(super) fn classify(&mut self, attempt: AttemptId) {
        let Some(dial) = self.dials.get(&attempt) else { return };
        let (machine, detection) = (dial.fate == Fate::Machine, dial.detection);
        if machine {
            self.dials.remove(&attempt);
            // Told too late, it is with an agent already, and says nothing after its greeting.
            self.falls_silent(CallRef::Outbound(attempt));
            self.answer(Lane::Carrier, classified(attempt, AnsweredBy::Machine, 0));
        } else if detection.is_zero() {
            if let Some(verdict) = self.verdict(attempt) {
                self.answer(Lane::Carrier, verdict);
            }
        } else {
            self.plan_in(detection, Happening::Detected { attempt });
        }
    }

    fn verdict(&mut self, attempt: AttemptId) -> Option<Event> {
        let dial = self.dials.get_mut(&attempt)?;
        dial.stage = Stage::Answered { detected: true };
        let took_ms = u32::try_from(dial.detection.as_millis()).unwrap_or(u32::MAX);
        Some(classified(attempt, AnsweredBy::Person, took_ms))
    }

    fn detected(&mut self, attempt: AttemptId) {
        if let Some(verdict) = self.verdict(attempt) {
            self.report(verdict);
        }
    }

    fn customer_leaves(&mut self, attempt: AttemptId) {
        let counts = self.counts();
        let Some(dial) = self.dials.get(&attempt) else { return };
        let waits = match dial.stage {
            Stage::Answered { .. } if self.trial.is_some() => true,
            Stage::Answered { detected } => !detected || self.scenario.outbound[dial.campaign].patience().is_none(),
            Stage::Ringing | Stage::Talking => false,
        };
        if waits {
            self.day.abandoned += u64::from(counts);
            self.dials.remove(&attempt);
            self.falls_silent(CallRef::Outbound(attempt));
            self.report(Event::AttemptHungUp { attempt });
        }
    }

    fn sample(&mut self) {
        let Some(mut trace) = self.trace.take() else { return };
        let snapshot = self.engine.snapshot(self.now);
        let at_s = self.at_s();
        let (mut outbound, mut inbound) = (0u32, 0u32);
        for seat in &self.seats {
            match seat.doing {
                Doing::Busy { call: CallRef::Outbound(_), .. } => outbound += 1,
                Doing::Busy { call: CallRef::Inbound(_), .. } => inbound += 1,
                Doing::Nothing | Doing::Idle | Doing::Looking => {}
            }
        }
        trace.sample(at_s, [outbound, inbound, self.idle()], self.ringing, &self.day, &snapshot);
        let next = trace.interval();
        self.trace = Some(trace);
        self.plan_in(next, Happening::Sample);
    }
}

/// The agent at a place.
pub(super) fn user(place: usize) -> UserId {
    UserId(i64::try_from(place).unwrap_or(i64::MAX - 1) + 1)
}

fn classified(attempt: AttemptId, by: AnsweredBy, took_ms: u32) -> Event {
    Event::AttemptClassified { attempt, by, confidence: 100, took_ms }
}
