//! A world in which things go wrong: facts take their time, the store can stall and refuse, the program can be killed.
//!
//! It is the driver of a trial as much as its world: every turn looks at the clocks first, every input and every command
//! passes the checker, and after a crash a new engine begins with what is durable. Read [`World::turn`] first; `failing`
//! lets things go wrong.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::people::user;
use super::{Happening, Stage, World};
use crate::engine::Engine;
use crate::engine::clocks::Clocks;
use crate::engine::command::{Answer, Command};
use crate::engine::event::Event;
use crate::model::attempt::{CallFailure, CallRef, FailureKind, Refusal};
use crate::model::id::{AttemptId, LeadId, RequestId, UserId};
use crate::model::name::CampaignKey;
use crate::model::time::{Instant, Timestamp};
use crate::sim::books::{Books, Write};
use crate::sim::checker::Checker;
use crate::sim::faults::Fault;
use crate::sim::scenario::wiring::{campaign_key, trunk};
use crate::sim::streams::Stream;

/// Who reports something. Facts of one reporter arrive in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) enum Lane {
    Carrier,
    Store,
    Phones,
    /// The driver itself: nothing of it gets lost.
    Own,
}

/// How late the facts of a lane are at the least and at the most, in seconds, when nothing is wrong.
const USUAL_S: [(f64, f64); 4] = [(0.0, 0.05), (0.0005, 0.005), (0.02, 0.4), (0.0, 0.02)];
/// A commit takes so long, in seconds.
const COMMIT_S: (f64, f64) = (0.001, 0.008);
/// Share of dials that find no room on the trunk.
const DEFERRED: f64 = 0.03;
/// Share of phones that do not answer when a call is given to them.
const PHONE_FAILS: f64 = 0.01;
/// The information message lasts so long.
const MESSAGE: Duration = Duration::from_secs(3);
/// An agent whose result was refused tries again after this.
const AGAIN: Duration = Duration::from_secs(3);
/// A driver ends a call on which nothing has been heard for so long (reliability.md I-42).
const SILENCE: Duration = Duration::from_secs(30);
/// A call that the customer has left is noticed by the agent after this.
const NOTICED: Duration = Duration::from_secs(5);

/// A program that is about to be killed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kill {
    /// Commands that are still carried out.
    pub(super) left: u64,
    /// Which commands count; `None`: all.
    pub(super) kind: Option<&'static str>,
    /// It is started again after this, in seconds.
    pub(super) down_s: f64,
}

/// What a trial has beyond a day.
#[derive(Debug)]
pub(in crate::sim) struct Trial {
    pub(super) faults: Vec<Fault>,
    pub(in crate::sim) books: Books,
    pub(in crate::sim) checker: Checker,
    pub(super) chance: Stream,
    /// Of agents who do not wait; apart, so that all else stays as it is.
    pub(super) impatience: Stream,
    pub(super) clocks: Clocks,
    pub(super) offset_ms: i64,
    pub(super) late: BTreeMap<u64, Event>,
    late_key: u64,
    pub(super) lanes: [Instant; 4],
    pub(super) writes: VecDeque<Write>,
    committing: Instant,
    pub(super) stalled_until: Instant,
    pub(super) refuses: bool,
    pub(super) slow_s: f64,
    pub(super) lost: f64,
    pub(super) doubled: f64,
    pub(super) outage: bool,
    pub(super) down: bool,
    pub(super) kill: Option<Kill>,
    pub(super) results: BTreeMap<RequestId, (usize, CallRef)>,
    pub(super) quiet: Instant,
    pub(super) crashes: u64,
}

impl Trial {
    pub(super) fn new(
        faults: Vec<Fault>,
        checker: Checker,
        [chance, impatience]: [Stream; 2],
        clocks: Clocks,
    ) -> Trial {
        Trial {
            faults,
            books: Books::default(),
            checker,
            chance,
            impatience,
            clocks,
            offset_ms: 0,
            late: BTreeMap::new(),
            late_key: 0,
            lanes: [Instant::ZERO; 4],
            writes: VecDeque::new(),
            committing: Instant::ZERO,
            stalled_until: Instant::ZERO,
            refuses: false,
            slow_s: 0.0,
            lost: 0.0,
            doubled: 0.0,
            outage: false,
            down: false,
            kill: None,
            results: BTreeMap::new(),
            quiet: Instant::ZERO,
            crashes: 0,
        }
    }

    /// What the wall clock shows when it is so late.
    pub(super) fn told_by_the_clock(&self, at: Timestamp) -> Timestamp {
        Timestamp::from_millis(at.as_millis().saturating_add(self.offset_ms))
    }

    pub(super) fn between(&mut self, (from, to): (f64, f64)) -> f64 {
        from + (to - from) * self.chance.unit()
    }
}

impl World<'_> {
    /// One turn of a trial's driver: the clocks, then the input.
    pub(super) fn turn(&mut self, event: Option<Event>) {
        let Some(trial) = self.trial.as_mut().filter(|trial| !trial.down) else { return };
        if let Some(sure) = trial.clocks.look(self.now) {
            self.feed(Some(Event::ClockHealth { sure }));
            self.settle();
        }
        if event.is_some() || self.engine.poll_timeout().is_some_and(|(at, _)| at <= self.now.instant) {
            self.feed(event);
            self.settle();
        }
    }

    /// What is reported, now or late.
    pub(super) fn answer(&mut self, lane: Lane, event: Event) {
        let Some(trial) = self.trial.as_mut() else { return self.answers.push_back(event) };
        let mut copies = 1;
        if lane == Lane::Carrier {
            let may_get_lost = match &event {
                Event::AttemptRinging { .. }
                | Event::AttemptFailed { .. }
                | Event::AttemptHungUp { .. }
                | Event::InboundHungUp { .. }
                | Event::PromptEnded { .. } => true,
                _ => false, // a driver knows what it did itself, and an answer is repeated until it is acknowledged
            };
            if may_get_lost && trial.chance.unit() < trial.lost {
                return;
            }
        }
        if let Some(trial) = self.trial.as_mut().filter(|_| matches!(lane, Lane::Carrier | Lane::Phones)) {
            copies += u32::from(trial.chance.unit() < trial.doubled);
        }
        for _ in 0..copies {
            let Some(trial) = self.trial.as_mut() else { return };
            let usual = USUAL_S[lane as usize];
            let slow = trial.slow_s;
            let span_s = trial.between(usual) + trial.between((0.0, slow));
            let at = self.now.instant + super::seconds(span_s);
            let at = at.max(trial.lanes[lane as usize]);
            trial.lanes[lane as usize] = at;
            trial.late_key += 1;
            let key = trial.late_key;
            trial.late.insert(key, event.clone());
            self.plan(at, Happening::Arrives { key });
        }
    }

    /// Something that happened by itself.
    pub(super) fn report(&mut self, event: Event) {
        if self.trial.is_some() { self.answer(Lane::Carrier, event) } else { self.tell(event) }
    }

    pub(super) fn arrives(&mut self, key: u64) {
        if let Some(event) = self.trial.as_mut().and_then(|trial| trial.late.remove(&key)) {
            self.tell(event);
        }
    }

    /// What is answered otherwise in a trial; gives back what is not.
    pub(super) fn tried(&mut self, command: Command) -> Option<Command> {
        let Some(trial) = self.trial.as_mut() else { return Some(command) };
        match command {
            Command::FetchLeads { campaign, limit, held, question } => {
                self.fetch_from_books(&campaign, limit, &held, question);
            }
            Command::RecordIntent { intent } => self.write(Write::Intent(intent)),
            Command::Dial { attempt, .. } => self.dial_in_trial(attempt),
            Command::WithdrawDial { .. } => {} // it has left
            Command::RecordAttempt { end } => {
                if self.dials.get(&end.attempt).is_some_and(|dial| dial.stage != Stage::Talking) {
                    self.forget_dial(end.attempt);
                }
                self.write(Write::End(end));
            }
            Command::RecordResult { result } => self.write(Write::Result(result)),
            Command::RecordInbound { end } => {
                self.write(Write::Inbound(end.clone()));
                return Some(Command::RecordInbound { end });
            }
            Command::RecordCampaignState { request, campaign, state, .. } => {
                self.write(Write::State(request, campaign, state));
            }
            Command::PutOffLead { lead, next, .. } => self.write(Write::PutOff(lead, next)),
            Command::SettleLead { lead, next, .. } => self.write(Write::Settle(lead, next)),
            Command::HangUp { call: CallRef::Outbound(id) } => {
                if self.dials.get(&id).is_some_and(|dial| dial.stage != Stage::Talking) {
                    self.forget_dial(id);
                }
            }
            Command::Bridge { call, user, .. } => self.bridge_in_trial(call, user),
            Command::RingAgent { user } => {
                let here = self.is_here(user);
                let event = if here { Event::AgentLegUp { user } } else { Event::AgentLegDown { user } };
                self.answer(Lane::Phones, event);
            }
            Command::Play { call, repeat: false, .. } => {
                if let CallRef::Outbound(attempt) = call {
                    self.informed(attempt);
                }
                self.plan_in(MESSAGE, Happening::PromptOver { call });
            }
            Command::Reply { request, answer } => {
                let (seat, call) = trial.results.remove(&request)?;
                match answer {
                    Answer::Refused { .. } => self.plan_in(AGAIN, Happening::WrappedUp { seat, call }),
                    // The acknowledgement got lost on its way to the desk.
                    Answer::Done if trial.chance.unit() < trial.lost => {
                        self.plan_in(AGAIN, Happening::SaysAgain { seat, call });
                    }
                    Answer::Done => {}
                }
            }
            other => return Some(other),
        }
        None
    }

    fn is_here(&self, user: UserId) -> bool {
        let seat = self.places.get(&user).map(|place| &self.seats[*place]);
        seat.is_some_and(|seat| !seat.gone && seat.signed_in.is_some())
    }

    pub(super) fn forget_dial(&mut self, attempt: AttemptId) {
        if self.dials.remove(&attempt).is_some_and(|dial| dial.stage == Stage::Ringing) {
            self.ringing -= 1;
        }
    }

    fn fetch_from_books(&mut self, key: &CampaignKey, limit: u32, held: &[LeadId], question: u64) {
        let Some(place) = self.wiring.campaigns.iter().position(|campaign| campaign.key == *key) else { return };
        let Some(trial) = &self.trial else { return };
        let campaign = &self.wiring.campaigns[place];
        let Some(profile) = self.wiring.settings.profiles.get(&campaign.profile) else { return };
        let held = held.iter().copied().collect();
        let event = if trial.refuses {
            let question = Some(question);
            Event::LeadsFetched { campaign: key.clone(), leads: Vec::new(), next_due: None, open_total: 0, question }
        } else {
            trial.books.fetch(self.now.timestamp, campaign, profile, limit as usize, &held, question)
        };
        self.answer(Lane::Store, event);
    }

    fn dial_in_trial(&mut self, attempt: AttemptId) {
        let Some(trial) = self.trial.as_mut() else { return };
        if trial.chance.unit() < DEFERRED {
            return self.answer(Lane::Carrier, Event::DialDeferred { attempt, refusal: Refusal::TrunkRate });
        }
        let Some(row) = trial.books.attempts.get(&attempt) else { return };
        let (key, lead) = (row.intent.campaign.clone(), row.intent.lead);
        if trial.outage {
            let silent = trial.chance.unit() < 0.5;
            let (kind, status) = if silent { (FailureKind::Timeout, 408) } else { (FailureKind::Rejected, 503) };
            let failure = CallFailure { kind, status, q850: 0, rang: false, retry_after_s: None };
            self.answer(Lane::Carrier, Event::AttemptSent { attempt, trunk: trunk() });
            return self.answer(Lane::Carrier, Event::AttemptFailed { attempt, failure });
        }
        let campaign = (0..self.supplies.len()).find(|place| campaign_key(*place) == key).unwrap_or_default();
        self.leads.insert(attempt, (campaign, lead.0.unsigned_abs() & 0xffff_ffff));
        self.dial(attempt);
        let rings_s = self.trial.as_mut().map_or(0.0, |trial| trial.between((0.2, 2.0)));
        self.plan_in(super::seconds(rings_s), Happening::Rings { attempt });
    }

    pub(super) fn rings(&mut self, attempt: AttemptId) {
        if self.dials.get(&attempt).is_some_and(|dial| dial.stage == Stage::Ringing) {
            self.answer(Lane::Carrier, Event::AttemptRinging { attempt });
        }
    }

    fn bridge_in_trial(&mut self, call: CallRef, who: UserId) {
        let fails = self.trial.as_mut().is_some_and(|trial| trial.chance.unit() < PHONE_FAILS);
        if fails || !self.is_here(who) {
            return self.answer(Lane::Phones, Event::BridgeFailed { call, user: who });
        }
        self.bridge(call, who);
        self.answer(Lane::Phones, Event::Bridged { call, user: who });
    }

    /// The customer has left, and it may be that nobody was told: the agent notices, if there is one.
    pub(super) fn notice(&mut self, call: CallRef) {
        if self.trial.is_some() {
            self.plan_in(NOTICED, Happening::AgentNotices { call });
        }
        self.falls_silent(call);
    }

    /// The customer has left. If that gets lost, the driver ends the call as in production: it hears no audio any more.
    pub(super) fn falls_silent(&mut self, call: CallRef) {
        if self.trial.is_some() {
            self.plan_in(SILENCE, Happening::Silent { call });
        }
    }

    pub(super) fn silent(&mut self, call: CallRef) {
        let event = match call {
            CallRef::Outbound(attempt) => Event::AttemptHungUp { attempt },
            CallRef::Inbound(call) => Event::InboundHungUp { call },
        };
        self.answer(Lane::Own, event);
    }

    // ---- the store ----

    fn write(&mut self, write: Write) {
        let Some(trial) = self.trial.as_mut() else { return };
        trial.writes.push_back(write);
        let span_s = trial.between(COMMIT_S);
        let at = (self.now.instant + super::seconds(span_s)).max(trial.committing);
        trial.committing = at;
        self.plan(at, Happening::Commit);
    }

    /// The oldest write becomes durable, or is refused.
    pub(super) fn commit(&mut self) {
        let Some(trial) = self.trial.as_mut() else { return };
        if trial.stalled_until > self.now.instant {
            let at = trial.stalled_until;
            return self.plan(at, Happening::Commit);
        }
        let Some(write) = trial.writes.pop_front() else { return };
        let refuses = trial.refuses;
        if let Some(event) = self.make_durable(write, refuses) {
            self.answer(Lane::Store, event);
        }
    }

    /// What the store answers.
    pub(super) fn make_durable(&mut self, write: Write, refuses: bool) -> Option<Event> {
        let now = self.now;
        let trial = self.trial.as_mut()?;
        match &write {
            Write::Intent(intent) => {
                let attempt = intent.attempt;
                let recorded_after_all = !refuses || trial.chance.unit() < 0.5;
                let campaign = self.wiring.campaigns.iter().find(|campaign| campaign.key == intent.campaign)?;
                let profile = self.wiring.settings.profiles.get(&campaign.profile)?;
                let outcome = if recorded_after_all { trial.books.begin(intent, campaign, profile) } else { Ok(()) };
                if recorded_after_all && outcome.is_ok() {
                    trial.checker.durable(now, &write);
                }
                Some(match outcome {
                    _ if refuses => Event::IntentFailed { attempt },
                    Ok(()) => Event::IntentRecorded { attempt },
                    Err(refusal) => Event::IntentRefused { attempt, refusal },
                })
            }
            Write::End(end) => {
                trial.books.end(end.clone());
                None
            }
            Write::Result(result) => {
                trial.books.say(result.clone());
                trial.checker.durable(now, &write);
                result.request.map(|request| Event::Recorded { request, ok: true })
            }
            Write::Inbound(end) => {
                trial.books.inbound.push(end.clone());
                None
            }
            Write::State(request, campaign, state) => {
                if !refuses {
                    trial.books.states.insert(campaign.clone(), *state);
                    trial.checker.durable(now, &write);
                }
                request.map(|request| Event::Recorded { request, ok: !refuses })
            }
            Write::PutOff(lead, next) => {
                if !refuses {
                    trial.books.apply(*lead, next.clone());
                }
                None
            }
            Write::Settle(lead, next) => {
                trial.books.apply(*lead, next.clone());
                None
            }
        }
    }

    /// A fresh engine in the place of one that is gone.
    pub(super) fn replace_engine(&mut self) {
        let seed = self.trial.as_mut().map_or(0, |trial| trial.chance.bits());
        self.engine = Engine::new(seed);
    }

    pub(super) fn agent_notices(&mut self, call: CallRef) {
        let talking = |seat: &super::Seat| {
            matches!(seat.doing, super::Doing::Busy { call: own, .. } if own == call) && seat.wrapping.is_none()
        };
        let place = self.seats.iter().position(|seat| talking(seat) && !seat.gone);
        if let Some(place) = place {
            self.act(user(place), crate::engine::event::AgentAction::HangUp);
        }
    }
}
