//! What goes wrong, when its time comes, and how the world is put in order again.

use std::time::Duration;

use super::people::user;
use super::trial::{Kill, Trial};
use super::{Doing, Happening, Stage, World, seconds};
use crate::engine::clocks::{CLOCK_STEP_MAX, Clocks};
use crate::engine::command::Command;
use crate::engine::event::{AgentAction, DayCounts, Event, OpenAttempt};
use crate::engine::recovery::{Found, FoundCampaign, first_inputs};
use crate::model::attempt::CallRef;
use crate::model::campaign::{CampaignState, Pacing};
use crate::model::id::{LeadId, ListId};
use crate::model::lead::{Lead, LeadState, NumberFacts, SuppressionReason};
use crate::model::live_limits::LiveLimits;
use crate::model::phone::PhoneNumber;
use crate::model::settings::{IdleThreshold, ServeFirst};
use crate::model::time::Timestamp;
use crate::model::zone::Zone;
use crate::sim::books::Write;
use crate::sim::checker::{Checker, GroupRules, Rules, Violation};
use crate::sim::faults::Fault;
use crate::sim::scenario::wiring::campaign_key;
use crate::sim::streams::Kind;

/// A trial's driver looks around at least this often.
const TICK: Duration = Duration::from_secs(5);
/// A program is killed within so many commands after its hour has come.
const KILLED_WITHIN: u64 = 40;
/// Half of all crashes wait for one of these: between an intent and its dial, an end and its record, a result and its
/// acknowledgement.
const KILLED_AT: [&str; 8] =
    ["record_intent", "dial", "cancel_attempt", "bridge", "hang_up", "record_attempt", "record_result", "reply"];
/// See [`KILLED_AT`]: within so many of them.
const KILLED_AT_WITHIN: u64 = 4;
/// Where nobody says how many leads there are.
const LEADS_MAX: u64 = 20_000;
/// Before the end of a trial that was made for it nothing new begins for so long, so that nothing may be left.
pub(in crate::sim) const DRAIN_S: f64 = 240.0;

/// How a trial ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The first invariant that did not hold.
    pub found: Option<Violation>,
    /// Dials placed.
    pub dials: u64,
    /// Crashes survived.
    pub crashes: u64,
}

impl World<'_> {
    /// Makes a trial of the day, if its scenario has faults.
    pub(super) fn prepare_trial(&mut self) {
        let scenario = self.scenario;
        let Some(law) = scenario.law.clone() else { return };
        let mut chance = self.streams.stream(Kind::Trial, 0, 0);
        let mut rules = std::collections::BTreeMap::new();
        for (place, outbound) in scenario.outbound.iter().enumerate() {
            let known = Rules {
                group: self.wiring.dialling[place].clone(),
                ring_min: seconds(outbound.ring_min_s),
                heard_within: outbound.patience(),
                abandon_rate_max: outbound.max_abandon_rate,
                within_budget: is_within_budget(&outbound.pacing, outbound.max_abandon_rate),
                caller_id: self.wiring.campaigns[place].caller_id.clone(),
            };
            rules.insert(campaign_key(place), known);
        }
        let groups = self.wiring.settings.groups.iter().map(|(name, group)| {
            let reserve = match group.idle_threshold {
                IdleThreshold::Above(_) => Some(group.reserve),
                IdleThreshold::Auto | IdleThreshold::Off => None,
            };
            let (inbound, inbound_first) = (!group.queues.is_empty(), group.serve_first == ServeFirst::Inbound);
            (name.clone(), GroupRules { inbound, reserve, inbound_first, keeps: group.keep_for_answers })
        });
        let mut checker = Checker::new(law.clone(), rules, groups.collect());
        self.midnight = law.begins;
        self.now.timestamp = law.begins - self.zero.since(crate::model::time::Instant::ZERO);
        let mut books = crate::sim::books::Books::default();
        for number in 0..law.numbers.min(LEADS_MAX) {
            let number = law.number(number);
            if chance.unit() < law.consent_share {
                checker.consent(&number, true);
                books.consents.insert(number.clone());
            }
            if chance.unit() < law.suppressed_share {
                checker.suppress(&number);
                books.suppressed.insert(number, SuppressionReason::DoNotCall);
            }
        }
        for (place, outbound) in scenario.outbound.iter().enumerate() {
            let key = campaign_key(place);
            for lead in 0..outbound.leads.unwrap_or(LEADS_MAX).min(LEADS_MAX) {
                let number = law.number(law.place_of(place, lead));
                let zones = law.zones_of(&number).iter().map(|zone| (*zone).to_owned()).collect();
                let id = LeadId(i64::try_from(((place as u64) << 32) | lead).unwrap_or(i64::MAX));
                let (campaign, list) = (key.clone(), ListId(1));
                let (attempts, facts) = (Default::default(), NumberFacts::default());
                let numbers = Default::default();
                let lead = Lead { id, campaign, list, number, zones, numbers, attempts, facts, callback: None };
                books.add(lead, Timestamp::from_millis(0));
            }
            books.states.insert(key, CampaignState::Running);
        }
        let faults = scenario.faults.clone();
        let quiet = faults.iter().map(|fault| fault.span().to_s).fold(0.0, f64::max);
        let chances = [chance, self.streams.stream(Kind::Trial, 3, 0)];
        let mut trial = Trial::new(faults, checker, chances, Clocks::new(self.now));
        trial.books = books;
        trial.quiet = self.instant(quiet);
        self.trial = Some(Box::new(trial));
    }

    /// Plans what will go wrong.
    pub(super) fn plan_faults(&mut self) {
        let Some(trial) = &self.trial else { return };
        let spans: Vec<_> = trial.faults.iter().map(Fault::span).collect();
        for (index, span) in spans.into_iter().enumerate() {
            self.plan(self.instant(span.from_s), Happening::Fault { index, ends: false });
            self.plan(self.instant(span.to_s), Happening::Fault { index, ends: true });
        }
        self.plan_in(TICK, Happening::Tick);
        if self.scenario.drains {
            self.plan(self.instant(self.scenario.duration_s - DRAIN_S), Happening::Drains);
        }
    }

    /// The driver looks around; agents without work see to it that they get some.
    pub(super) fn tick(&mut self) {
        self.plan_in(TICK, Happening::Tick);
        self.turn(None);
        for place in 0..self.seats.len() {
            let seat = &self.seats[place];
            let since = seat.signed_in.map(|since| self.now.instant.since(since));
            if since.is_some_and(|since| since >= TICK) && !seat.gone && !seat.leaving && seat.doing == Doing::Nothing {
                self.act(user(place), AgentAction::Ready);
            }
        }
    }

    pub(super) fn fault(&mut self, index: usize, ends: bool) {
        let now = self.now;
        let Some(trial) = self.trial.as_mut() else { return };
        let Some(fault) = trial.faults.get(index).copied() else { return };
        match fault {
            Fault::CarrierOutage(_) if !ends => self.carrier_fails(),
            Fault::CarrierOutage(_) => trial.outage = false,
            Fault::SlowAnswers { up_to_s, .. } => trial.slow_s = if ends { 0.0 } else { up_to_s },
            Fault::Lost { share, .. } => trial.lost = if ends { 0.0 } else { share },
            Fault::Doubled { share, .. } => trial.doubled = if ends { 0.0 } else { share },
            Fault::StoreStall(span) => {
                if !ends {
                    trial.stalled_until = now.instant + seconds(span.to_s - span.from_s);
                }
                // A short stall is not noticed.
                if span.to_s - span.from_s > 5.0 {
                    self.tell(Event::StoreHealth { up: ends });
                }
            }
            Fault::StoreRefusal(_) => {
                trial.refuses = !ends;
                self.tell(Event::StoreHealth { up: ends });
            }
            Fault::Crash { .. } if trial.down => {} // it is down already
            Fault::Crash { down_s, .. } if !ends => {
                let (left, place) = (trial.chance.bits(), trial.chance.bits() as usize % (2 * KILLED_AT.len()));
                let kind = KILLED_AT.get(place).copied();
                let within = if kind.is_some() { KILLED_AT_WITHIN } else { KILLED_WITHIN };
                trial.kill = Some(Kill { left: left % within, kind, down_s });
            }
            Fault::Crash { .. } => {
                if let Some(Kill { down_s, .. }) = trial.kill.take() {
                    self.crash(down_s); // it said no such thing since
                }
            }
            Fault::ClockStep { by_s, .. } if !ends => {
                trial.offset_ms += (by_s * 1000.0) as i64;
                if Duration::from_secs_f64(by_s.abs()) > CLOCK_STEP_MAX && !trial.down {
                    trial.checker.stepped(now.instant);
                }
                let at = now.instant;
                self.pass_to(at);
                self.turn(None);
            }
            Fault::AgentsVanish { count, .. } if !ends => self.vanish(count),
            Fault::AgentsVanish { .. } => self.come_back(),
            Fault::Suppressed { count, .. } if !ends => self.suppress_some(count),
            Fault::Revoked { count, .. } if !ends => self.revoke_some(count),
            Fault::SignOut { .. } if !ends => self.sign_all_out(),
            Fault::SignOut { .. } => self.staff_all(),
            Fault::Burst { callers, .. } if !ends => (0..callers).for_each(|_| self.caller_comes_besides()),
            Fault::Pause { .. } => {
                let state = if ends { CampaignState::Running } else { CampaignState::Paused };
                self.set_campaign(0, state);
            }
            Fault::ClockStep { .. } | Fault::Suppressed { .. } | Fault::Revoked { .. } | Fault::Burst { .. } => {}
        }
        if ends && self.trial.as_ref().is_some_and(|trial| trial.quiet == now.instant) {
            self.calm_down();
        }
    }

    /// What was broken is whole; what a refusal left undone is asked for again.
    fn calm_down(&mut self) {
        self.tell(Event::StoreHealth { up: true });
        for campaign in 0..self.scenario.outbound.len() {
            self.set_campaign(campaign, CampaignState::Running);
        }
        self.staff_all();
    }

    fn set_campaign(&mut self, campaign: usize, state: CampaignState) {
        let request = self.request();
        self.tell(Event::CampaignControl { request, campaign: campaign_key(campaign), state });
    }

    /// Nothing new begins.
    pub(super) fn drains(&mut self) {
        self.look_for_life();
        for campaign in 0..self.scenario.outbound.len() {
            self.set_campaign(campaign, CampaignState::Paused);
        }
    }

    fn staff_all(&mut self) {
        if self.trial.as_ref().is_some_and(|trial| trial.down) {
            return;
        }
        (0..self.scenario.agents.len()).for_each(|group| self.staff(group));
    }

    /// What rings is lost, and nobody says so.
    fn carrier_fails(&mut self) {
        if let Some(trial) = self.trial.as_mut() {
            trial.outage = true;
        }
        self.dials.retain(|_, dial| dial.stage != Stage::Ringing);
        self.ringing = 0;
    }

    // ---- agents ----

    fn vanish(&mut self, count: u32) {
        let here = (0..self.seats.len()).filter(|place| self.seats[*place].signed_in.is_some());
        let gone: Vec<usize> = here.take(count as usize).collect();
        for place in gone {
            self.seats[place].gone = true;
            self.tell(Event::AgentPresence { user: user(place), present: false });
            self.tell(Event::AgentLegDown { user: user(place) });
        }
    }

    fn come_back(&mut self) {
        for place in 0..self.seats.len() {
            if std::mem::replace(&mut self.seats[place].gone, false) {
                self.tell(Event::AgentPresence { user: user(place), present: true });
                if let Some(call) = self.seats[place].wrapping {
                    self.plan_in(TICK, Happening::WrappedUp { seat: place, call });
                }
            }
        }
        self.staff_all();
    }

    fn sign_all_out(&mut self) {
        for place in 0..self.seats.len() {
            if self.seats[place].signed_in.is_some() && !self.seats[place].gone {
                self.leave(place);
            }
        }
    }

    // ---- numbers ----

    /// Numbers that ring, and numbers that wait: both are at hand.
    fn numbers_at_hand(&mut self, count: u32) -> Vec<PhoneNumber> {
        let Some(trial) = self.trial.as_mut() else { return Vec::new() };
        let rows = trial.books.attempts.values().filter(|row| row.end.is_none());
        let mut numbers: Vec<PhoneNumber> = rows.map(|row| row.intent.number.clone()).collect();
        let open = trial.books.leads.values().filter(|row| row.state == LeadState::Open);
        numbers.extend(open.take(20).map(|row| row.lead.number.clone()));
        let mut chosen = Vec::new();
        for _ in 0..count {
            if !numbers.is_empty() {
                let place = trial.chance.bits() as usize % numbers.len();
                chosen.push(numbers.swap_remove(place));
            }
        }
        chosen
    }

    fn suppress_some(&mut self, count: u32) {
        for number in self.numbers_at_hand(count) {
            let Some(trial) = self.trial.as_mut() else { return };
            let reason = SuppressionReason::OptOut;
            trial.books.suppressed.insert(number.clone(), reason);
            trial.checker.suppress(&number);
            self.tell(Event::Suppressed { number, campaign: None, reason });
        }
    }

    fn revoke_some(&mut self, count: u32) {
        for number in self.numbers_at_hand(count) {
            let Some(trial) = self.trial.as_mut() else { return };
            trial.books.consents.remove(&number);
            trial.checker.consent(&number, false);
        }
    }

    // ---- the end of a program, and a new beginning ----

    /// Counts a command down to the end. `true`: it was the last, and is not carried out.
    pub(super) fn killed(&mut self, command: &Command) -> bool {
        let kill = self.trial.as_mut().and_then(|trial| trial.kill.as_mut());
        let Some(kill) = kill.filter(|kill| kill.kind.is_none_or(|kind| kind == command.kind())) else { return false };
        if kill.left > 0 {
            kill.left -= 1;
            return false;
        }
        let down_s = kill.down_s;
        if let Some(trial) = self.trial.as_mut() {
            trial.kill = None;
        }
        self.crash(down_s);
        true
    }

    /// What is not durable is lost; of what was on its way to the disk, the first part arrived.
    fn crash(&mut self, down_s: f64) {
        let now = self.now;
        self.replace_engine();
        self.answers.clear();
        let Some(trial) = self.trial.as_mut() else { return };
        trial.crashes += 1;
        let arrived = trial.chance.bits() as usize % (trial.writes.len() + 1);
        let mut writes = std::mem::take(&mut trial.writes);
        let refuses = trial.refuses;
        let lost = writes.split_off(arrived);
        for write in writes {
            self.make_durable(write, refuses);
        }
        let midnight = self.midnight_before();
        let Some(trial) = self.trial.as_mut() else { return };
        let books = &trial.books;
        trial.checker.crashed(now, |key| books.judged(key, midnight).abandoned);
        for write in lost {
            if let Write::End(end) = write {
                trial.checker.reopen(end.attempt);
            }
        }
        trial.late.clear();
        trial.results.clear();
        trial.down = true;
        self.dials.clear();
        self.callers.clear();
        self.leads.clear();
        self.ringing = 0;
        for seat in &mut self.seats {
            (seat.signed_in, seat.leaving, seat.gone) = (None, false, false);
            (seat.doing, seat.wrapping) = (Doing::Nothing, None);
        }
        self.plan_in(seconds(down_s), Happening::Restart);
    }

    fn midnight_before(&self) -> Timestamp {
        Zone::utc().day_began(self.now.timestamp)
    }

    pub(super) fn restart(&mut self) {
        let midnight = self.midnight_before();
        let now = self.now;
        let Some(trial) = self.trial.as_mut().filter(|trial| trial.down) else { return };
        trial.down = false;
        trial.clocks = Clocks::new(now);
        let (books, mut campaigns) = (&trial.books, Vec::new());
        for campaign in &self.wiring.campaigns {
            let state = books.states.get(&campaign.key).copied().unwrap_or(CampaignState::Paused);
            let today = books.today(&campaign.key, midnight);
            campaigns.push(FoundCampaign {
                campaign: std::sync::Arc::new(campaign.clone()),
                state,
                today,
                used: books.used(&campaign.key),
                limits: LiveLimits::default(),
                hours: Vec::new(),
            });
        }
        let open: Vec<OpenAttempt> = books.open();
        let settings = std::sync::Arc::new(self.wiring.settings.clone());
        let (stalled, refuses) = (trial.stalled_until > now.instant, trial.refuses);
        for event in first_inputs(Found { settings, campaigns, queues: Default::default(), open }) {
            self.tell(event);
        }
        if stalled || refuses {
            self.tell(Event::StoreHealth { up: false });
        }
        self.staff_all();
        // It was down when all else was put in order.
        if self.trial.as_ref().is_some_and(|trial| trial.quiet <= now.instant) {
            self.calm_down();
        }
    }

    // ---- the verdict ----

    /// Faults are over: dialling must have begun again, unless a rule of ours forbids it.
    fn look_for_life(&mut self) {
        let (now, snapshot) = (self.now, self.engine.snapshot(self.now));
        let Some(trial) = self.trial.as_mut() else { return };
        if trial.checker.last_dial() >= Some(trial.quiet) {
            return;
        }
        let dead = ["store_down", "clock_unsure", "trunk_down", "draining", "no_agent", "campaign_state"];
        let reasons: Vec<&str> = snapshot.campaigns.iter().filter_map(|view| view.not_dialling.as_deref()).collect();
        if !reasons.is_empty() && reasons.iter().all(|reason| dead.contains(reason)) {
            trial.checker.violated(now, "liveness", format!("dialling did not resume: {}", reasons.join(", ")));
        }
    }

    /// Nothing may be left of a trial that was made to end, and the live counts must be those of the record.
    pub(super) fn judge(&mut self) {
        let (now, tables, snapshot) = (self.now, self.engine.tables(), self.engine.snapshot(self.now));
        let midnight = self.midnight_before();
        let drains = self.scenario.drains;
        let began = self.scenario.law.as_ref().map(|law| Zone::utc().day_began(law.begins));
        let Some(trial) = self.trial.as_mut().filter(|_| drains) else { return };
        let (callers, calls) = trial.checker.left();
        if callers + calls + tables.attempts + tables.callers + tables.requests > 0 {
            let what = format!("{callers} callers and {calls} calls never end; the engine holds {tables:?}");
            trial.checker.violated(now, "liveness", what);
        }
        if let Some((attempt, _)) = trial.books.attempts.iter().find(|(_, row)| row.end.is_none()) {
            let what = format!("the record of {attempt} has no end");
            trial.checker.violated(now, "I-13", what);
        }
        if let Some((lead, _)) = trial.books.leads.iter().find(|(_, row)| row.state == LeadState::Dialling) {
            let what = format!("lead {lead} is being dialled for ever");
            trial.checker.violated(now, "liveness", what);
        }
        trial.checker.day_ends(now);
        let one_day = began == Some(midnight) && trial.offset_ms == 0;
        for view in snapshot.campaigns.iter().filter(|_| one_day) {
            let record = trial.books.judged(&view.campaign, midnight);
            let known: &DayCounts = &view.today;
            if *known != record {
                let what = format!("{}: the record says {record:?}, the engine {known:?}", view.campaign);
                trial.checker.violated(now, "I-36", what);
            }
        }
    }

    /// What came of the trial; `None` if it was none.
    pub(in crate::sim) fn came_of_it(&self) -> Option<Verdict> {
        let trial = self.trial.as_ref()?;
        let found = trial.checker.found().cloned();
        Some(Verdict { found, dials: trial.checker.dials, crashes: trial.crashes })
    }

    pub(super) fn prompt_over(&mut self, call: CallRef) {
        let here = match call {
            CallRef::Outbound(_) => true,
            CallRef::Inbound(id) => self.callers.contains_key(&id),
        };
        if here {
            self.answer(super::trial::Lane::Carrier, Event::PromptEnded { call });
        }
    }

    /// Whether somebody still waits at the other end.
    pub(super) fn is_ringing(&self, attempt: crate::model::id::AttemptId) -> bool {
        self.dials.get(&attempt).is_some_and(|dial| dial.stage == Stage::Ringing)
    }
}

/// Whether a pacing promises to keep the abandon budget at every moment.
fn is_within_budget(pacing: &Pacing, abandon_rate_max: f64) -> bool {
    match pacing {
        // Predictive pacing keeps it by its price: over a day. Where nothing may be lost, every line has its agent.
        Pacing::Predictive { .. } => abandon_rate_max <= 0.0,
        Pacing::Progressive { .. } | Pacing::Preview(_) => true,
        Pacing::Ratio { within_budget, .. } | Pacing::Adaptive { within_budget, .. } => *within_budget,
    }
}
