//! The engine: one deterministic struct. Events go in, commands come out; time is an argument, chance is a seed.
//!
//! It does no I/O and reads no clock. Two drivers run it: `runtime` with real calls, and the simulator in virtual time.
//! Read [`event::Event`], [`command::Command`] and [`snapshot::Snapshot`] first: they are its whole surface.
//!
//! A driver loops: wait for an input or for [`Engine::poll_timeout`], give it to [`Engine::handle`] or
//! [`Engine::handle_timeout`], then take every [`Engine::poll_command`] until there is none.

pub mod acd;
pub mod clocks;
pub mod command;
pub mod dialer;
pub mod event;
pub mod guard;
pub mod ledger;
pub mod pacing;
pub mod random;
pub mod recovery;
pub mod replay;
pub mod requests;
pub mod snapshot;
pub mod stats;
pub mod timers;
mod view;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use acd::agent::Agent;
use acd::group::Group;
use acd::queue::{Caller, Queue};
use command::{Answer, Command, RequestRefusal};
use dialer::attempt::Attempt;
use dialer::board::Board;
use dialer::trunk::Trunk;
use event::{Event, GroupChange};
use random::Chance;
use requests::{Pending, Requests};
pub use timers::Timer;
use timers::Timers;
pub use view::Tables;

use crate::model::attempt::CallRef;
use crate::model::id::{AttemptId, InboundId, Mint, RequestId, UserId};
use crate::model::name::{CampaignKey, GroupName, QueueName, TrunkName};
use crate::model::phone::PhoneNumber;
use crate::model::settings::Settings;
use crate::model::time::{Instant, Now, Timestamp};
use crate::model::zone::Zone;

/// The whole of Lull's decisions.
///
/// Equal seeds and equal inputs give equal commands: that is what a journal is replayed for.
#[derive(Debug)]
pub struct Engine {
    mint: Mint,
    chance: Chance,
    settings: Arc<Settings>,
    zone: Option<Zone>,
    /// The hour in which the windows of laws were last read.
    books_hour: i64,
    day_ends: Timestamp,
    groups: BTreeMap<GroupName, Group>,
    queues: BTreeMap<QueueName, Queue>,
    agents: BTreeMap<UserId, Agent>,
    callers: BTreeMap<InboundId, Caller>,
    campaigns: BTreeMap<CampaignKey, Board>,
    attempts: BTreeMap<AttemptId, Attempt>,
    /// One live attempt per number, over all campaigns.
    numbers: BTreeMap<PhoneNumber, AttemptId>,
    /// Numbers of leads that agents look at: on one desk each, and dialled by nobody else meanwhile.
    offered: BTreeMap<PhoneNumber, UserId>,
    trunks: BTreeMap<TrunkName, Trunk>,
    requests: Requests,
    timers: Timers,
    commands: VecDeque<Command>,
    /// Agents who became idle in this input.
    freed: BTreeSet<UserId>,
    /// Agents whose desk is to be shown anew after this input.
    changed_agents: BTreeSet<UserId>,
    idle_total: u32,
    /// Agents who are signed in to more than one group.
    in_many_groups: u32,
    /// When an attempt last ended or was answered at the very instant of its dial.
    outcome_at_once: Option<Instant>,
    dials: u64,
    store_up: bool,
    clock_sure: bool,
    draining: bool,
    /// Questions for leads that were asked.
    questions: u64,
    stale_events: u64,
}

impl Engine {
    /// An engine that knows nothing yet: settings, campaigns and agents come as events.
    pub fn new(seed: u64) -> Engine {
        let mut chance = Chance::new(seed);
        Engine {
            mint: Mint::new(chance.bits()),
            chance,
            settings: Arc::new(Settings::default()),
            zone: None,
            books_hour: i64::MIN,
            day_ends: Timestamp::from_millis(i64::MIN),
            groups: BTreeMap::new(),
            queues: BTreeMap::new(),
            agents: BTreeMap::new(),
            callers: BTreeMap::new(),
            campaigns: BTreeMap::new(),
            attempts: BTreeMap::new(),
            numbers: BTreeMap::new(),
            offered: BTreeMap::new(),
            trunks: BTreeMap::new(),
            requests: Requests::default(),
            timers: Timers::default(),
            commands: VecDeque::new(),
            freed: BTreeSet::new(),
            changed_agents: BTreeSet::new(),
            idle_total: 0,
            in_many_groups: 0,
            outcome_at_once: None,
            dials: 0,
            store_up: true,
            clock_sure: true,
            draining: false,
            questions: 0,
            stale_events: 0,
        }
    }

    /// Takes in one fact or wish.
    ///
    /// # Panics
    /// If the commands of the input before were not all taken: they belong to it.
    pub fn handle(&mut self, now: Now, event: Event) {
        self.begin(now);
        self.dispatch(now, event);
        self.finish(now);
    }

    /// Takes in that time has passed: every deadline up to now fires.
    ///
    /// # Panics
    /// If the commands of the input before were not all taken.
    pub fn handle_timeout(&mut self, now: Now) {
        self.begin(now);
        let (mut fired, mut told) = (0u32, 0u32);
        while let Some(timer) = self.timers.pop_due(now.instant) {
            fired += 1;
            told += u32::from(matches!(timer, Timer::Explain { .. }));
            self.fire(now, timer);
        }
        // Telling why is no reason to decide anew: a day is the same whether it is told or not.
        if fired == 0 || told < fired {
            self.finish(now);
        }
    }

    /// The next thing to be done, in order; `None` when the input is dealt with.
    pub fn poll_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// When [`Engine::handle_timeout`] is to be called if nothing happens before, and what for.
    pub fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        self.timers.next().map(|(at, timer)| (at, timer.clone()))
    }

    fn begin(&mut self, now: Now) {
        assert!(self.commands.is_empty(), "commands of the input before were left behind");
        self.advance_idleness(now);
        if now.timestamp >= self.day_ends {
            self.begin_day(now);
        } else if self.day_ends.since(now.timestamp) > DAY_MAX + SET_BACK_MAX {
            self.set_midnight(now); // the calendar was far ahead
        }
    }

    /// What follows from every input, in this order: agents for whoever waits, gates, ringing that is given up, dials
    /// that are placed, leads that are fetched, desks that are shown.
    fn finish(&mut self, now: Now) {
        self.keep_books(now);
        self.serve_freed(now);
        self.serve_spared(now);
        self.serve_previewing(now);
        self.look_at_gates(now);
        self.return_offers(now);
        self.serve_freed(now); // whose lead is taken back may have somebody waiting
        self.yield_ringing(now);
        self.serve_spared(now); // a line that is given up needs no agent
        if self.outcome_at_once != Some(now.instant) {
            self.pace(now);
        }
        self.refill(now);
        while let Some(user) = self.changed_agents.pop_first() {
            let Some(agent) = self.agents.get_mut(&user) else { continue };
            agent.revision += 1;
            let view = Box::new(agent.view());
            self.commands.push_back(Command::AgentChanged { view });
        }
    }

    fn dispatch(&mut self, now: Now, event: Event) {
        match event {
            Event::SettingsApplied { settings } => self.apply_settings(now, settings),
            Event::CampaignApplied { campaign, state, today } => self.apply_campaign(campaign, state, today),
            Event::BooksRecovered { campaign, hours } => self.books_recovered(now, &campaign, hours),
            Event::UseRecovered { campaign, used } => self.use_recovered(&campaign, used),
            Event::LimitsRecovered { campaign, limits } => self.limits_recovered(&campaign, limits),
            Event::CampaignLimits { request, campaign, change } => {
                self.limit_campaign(now, request, campaign, change);
            }
            Event::CampaignControl { request, campaign, state } => {
                self.control_campaign(now, request, campaign, state);
            }
            Event::GroupControl { request, group, change } => self.control_group(now, request, group, change),
            Event::Recovered { attempts } => self.recovered(now, attempts),
            Event::QueuesRecovered { queues } => self.queues_recovered(queues),
            Event::Drain => self.draining = true,

            Event::LeadsFetched { campaign, leads, next_due, open_total, question } => {
                self.leads_fetched(now, &campaign, question, leads, next_due, open_total);
            }
            Event::LeadsChanged { campaign } => match self.campaigns.get_mut(&campaign) {
                Some(board) => board.hopper.changed(),
                None => self.stale(),
            },
            Event::IntentRecorded { attempt } => self.intent_recorded(now, attempt),
            Event::IntentRefused { attempt, refusal } => self.intent_refused(now, attempt, refusal),
            Event::IntentFailed { attempt } => self.intent_failed(now, attempt),
            Event::DialDeferred { attempt, refusal } => self.dial_deferred(now, attempt, refusal),
            Event::Suppressed { number, campaign, reason } => {
                self.number_suppressed(now, &number, campaign.as_ref(), reason);
            }

            Event::AttemptSent { attempt, trunk } => self.attempt_sent(now, attempt, trunk),
            Event::AttemptRinging { attempt } => self.attempt_ringing(now, attempt),
            Event::AttemptAnswered { attempt } => self.attempt_answered(now, attempt),
            Event::AttemptClassified { attempt, by, confidence, took_ms } => {
                self.attempt_classified(now, attempt, by, confidence, took_ms);
            }
            Event::AttemptFailed { attempt, failure } => self.attempt_failed(now, attempt, failure),
            Event::AttemptHungUp { attempt } => self.attempt_hung_up(now, attempt),

            Event::InboundOffered { call, trunk, did, caller, story } => {
                self.inbound_offered(now, call, trunk, did, caller, story);
            }
            Event::InboundHungUp { call } => self.inbound_hung_up(now, call),
            Event::PromptEnded { call } => self.prompt_ended(now, call),

            Event::AgentSignedIn { request, user, session, name, login, groups, device } => {
                // Journals from before logins were told promised by what people read.
                let login = if login.is_empty() { name.clone() } else { login };
                self.sign_in(now, request, user, session, name, login, groups, device);
            }
            Event::AgentActed { request, user, session, action } => self.act(now, request, user, session, action),
            Event::AgentPresence { user, present } => self.presence(now, user, present),
            Event::AgentLegUp { user } => self.leg_up(now, user),
            Event::AgentLegDown { user } => self.leg_down(now, user),
            Event::Bridged { call, user } => self.bridged(now, call, user),
            Event::BridgeFailed { call, user } => self.bridge_failed(now, call, user),
            Event::RecordingFailed { campaign, reason, .. } => self.recording_failed(now, campaign, reason),

            Event::TrunkHealth { trunk, up } => self.trunks.entry(trunk).or_default().up = up,
            Event::StoreHealth { up } => self.store_up = up,
            Event::ClockHealth { sure } => self.clock_sure = sure,
            Event::Recorded { request, ok } => self.recorded(now, request, ok),
        }
    }

    fn fire(&mut self, now: Now, timer: Timer) {
        match timer {
            // A day that has come began with the input; here the calendar was set back meanwhile.
            Timer::Midnight => self.wait_for_midnight(now),
            Timer::Books => {} // they are read after every input in a new hour
            // Looked at after every input: the timer only makes sure that there is one.
            Timer::Gate { .. }
            | Timer::RingMinimum { .. }
            | Timer::Pacing { .. }
            | Timer::LeadsDue { .. }
            | Timer::StoreRest { .. }
            | Timer::TrunkCoolOff { .. } => {}
            Timer::Explain { campaign } => self.explain(now, &campaign),
            Timer::RingTimeout { attempt } => self.ring_timeout(now, attempt),
            Timer::ConnectDeadline { attempt } => self.connect_deadline(now, attempt),
            Timer::CancelOverdue { attempt } => self.cancel_overdue(now, attempt),
            Timer::PromptOverdue { call } => self.prompt_ended(now, call),
            Timer::CallLimit { call } => {
                self.commands.push_back(Command::HangUp { call });
                self.call_over(now, call);
            }
            Timer::WaitLimit { call } => self.wait_limit_reached(now, call),
            Timer::WrapUp { user } => self.wrap_up_over(now, user),
            Timer::Preview { user } => self.preview_over(now, user),
            Timer::Presence { user } => self.presence_over(now, user),
            Timer::RingAgent { user } => self.ring_again(user),
            Timer::FetchOverdue { campaign } => self.fetch_overdue(&campaign),
        }
    }

    fn prompt_ended(&mut self, now: Now, call: CallRef) {
        match call {
            CallRef::Outbound(id) => self.attempt_prompt_ended(now, id),
            CallRef::Inbound(id) => self.inbound_prompt_ended(now, id),
        }
    }

    fn apply_settings(&mut self, now: Now, settings: Arc<Settings>) {
        let old = std::mem::replace(&mut self.settings, settings.clone());
        self.zone = Zone::named(&settings.zone).ok();
        self.apply_groups(now, &old, &settings);
        for (name, wanted) in &settings.queues {
            match self.queues.get_mut(name) {
                Some(queue) => queue.settings = wanted.clone(),
                None => {
                    self.queues.insert(name.clone(), Queue::new(wanted.clone()));
                }
            }
        }
        // A queue that is gone stays until its last caller has left; its own limits still hold.
        let used: BTreeSet<&QueueName> = self.callers.values().filter_map(|caller| caller.queue.as_ref()).collect();
        self.queues.retain(|name, _| settings.queues.contains_key(name) || used.contains(name));
        for name in settings.trunks.keys() {
            self.trunks.entry(name.clone()).or_default();
        }
        self.trunks.retain(|name, trunk| settings.trunks.contains_key(name) || trunk.channels > 0);
        self.set_midnight(now);
    }

    fn control_group(&mut self, now: Now, request: RequestId, group: GroupName, change: GroupChange) {
        if let Err(why) = check_change(&change) {
            return self.refuse(request, why);
        }
        if self.requests.is_full() {
            return self.refuse(request, RequestRefusal::StoreDown);
        }
        if self.change_group(&group, &change).is_none() {
            return self.refuse(request, RequestRefusal::UnknownGroup { group });
        }
        self.requests.insert(request, Pending::Control);
        self.commands.push_back(Command::RecordGroupControl { request, group, change, at: now.timestamp });
    }

    fn recorded(&mut self, now: Now, request: RequestId, ok: bool) {
        match self.requests.take(request) {
            Some(Pending::Result(result)) => self.result_recorded(now, request, &result, ok),
            Some(Pending::CampaignState { campaign, state }) => {
                self.campaign_state_recorded(request, &campaign, state, ok);
            }
            Some(Pending::Limits { campaign, change }) => {
                self.limits_recorded(request, &campaign, &change, ok);
            }
            Some(Pending::Control) if ok => self.reply(request, Answer::Done),
            Some(Pending::Control) => self.refuse(request, RequestRefusal::StoreDown),
            None => self.stale(),
        }
    }

    /// A new day in the installation's zone: figures of today begin anew, with the calls whose outcome is still open, so
    /// that the sums agree at every moment (reliability.md I-16).
    fn begin_day(&mut self, now: Now) {
        let first = self.day_ends == Timestamp::from_millis(i64::MIN);
        self.set_midnight(now);
        if first {
            return; // the store's counts of today came with the campaigns
        }
        for queue in self.queues.values_mut() {
            queue.day = stats::QueueDay::default();
        }
        for caller in self.callers.values().filter(|caller| caller.is_undecided()) {
            if let Some(queue) = caller.queue.as_ref().and_then(|name| self.queues.get_mut(name)) {
                queue.day.offered += 1;
            }
        }
        for board in self.campaigns.values_mut() {
            board.ledger.write(now.timestamp, board.today.tally());
            board.today = event::DayCounts::default();
            board.refusals.clear();
            for attempt in board.live.iter().filter_map(|id| self.attempts.get(id)) {
                let (dialled, answered) = attempt.carried_over();
                board.today.dialled += u64::from(dialled);
                board.today.answered += u64::from(answered);
            }
            board.ledger.begin_day(board.today.tally());
            board.legal = None;
        }
    }

    fn set_midnight(&mut self, now: Now) {
        self.day_ends = self.next_midnight(now.timestamp);
        self.wait_for_midnight(now);
    }

    fn wait_for_midnight(&mut self, now: Now) {
        self.timers.set(Timer::Midnight, now.instant + self.day_ends.since(now.timestamp));
    }

    fn next_midnight(&self, at: Timestamp) -> Timestamp {
        let utc = Zone::utc();
        let zone = self.zone.as_ref().unwrap_or(&utc).as_jiff().clone();
        let day = at.to_jiff().to_zoned(zone.clone()).date();
        let next = day.tomorrow().ok().and_then(|next| next.to_zoned(zone).ok());
        next.map_or(Timestamp::from_millis(i64::MAX), |next| Timestamp::from(next.timestamp()))
    }

    fn reply(&mut self, request: RequestId, answer: Answer) {
        self.commands.push_back(Command::Reply { request, answer });
    }

    fn refuse(&mut self, request: RequestId, why: RequestRefusal) {
        self.reply(request, Answer::Refused { why });
    }

    /// An event about something that is already gone: normal, and counted.
    fn stale(&mut self) {
        self.stale_events += 1;
    }
}

/// Live controls within their ranges.
fn check_change(change: &GroupChange) -> Result<(), RequestRefusal> {
    let range = |field: &str, value: Option<f64>, max: f64, expected: &str| match value {
        Some(value) if !(0.0..=max).contains(&value) => Err(RequestRefusal::OutOfRange {
            field: field.to_owned(),
            value: value.to_string(),
            expected: expected.to_owned(),
        }),
        Some(_) | None => Ok(()),
    };
    range("idle_threshold", change.idle_threshold, 1.0, "0 to 1")?;
    range("hysteresis", change.hysteresis, 1.0, "0 to 1")?;
    range("dwell_s", change.dwell_s, DWELL_MAX_S, "0 to 3600 seconds")?;
    range("reserve", change.reserve.map(f64::from), f64::from(RESERVE_MAX), "0 to 10000 agents")
}

/// No civil day is longer (a clock put back adds an hour, rarely two).
const DAY_MAX: std::time::Duration = std::time::Duration::from_secs(26 * 3600);
/// A calendar that is set back by no more than this does not begin its day again: what was abandoned before the step would
/// be forgotten at a second midnight, and as much could be abandoned once more.
const SET_BACK_MAX: std::time::Duration = std::time::Duration::from_secs(12 * 3600);
/// Longest dwell: a gate that takes longer than an hour to open is closed.
const DWELL_MAX_S: f64 = 3600.0;
/// Largest reserve: more than any group has agents.
const RESERVE_MAX: u32 = 10_000;

#[cfg(test)]
mod tests;
