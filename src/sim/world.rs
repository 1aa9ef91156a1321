//! The world around the engine: customers, carrier, callers, agents and store, in virtual time.
//!
//! It answers commands and decides nothing that the engine decides. What it sees it counts. Read [`World::run`] first;
//! `answers` reacts to commands, `people` lets things happen. With
//! faults it is a trial: `trial` is its driver, `failing` lets things go wrong.

mod answers;
mod failing;
mod people;
mod trial;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

pub use failing::Verdict;
use trial::Trial;

use super::figures::Day;
use super::scenario::wiring::{self, Wiring};
use super::scenario::{Arrivals, Scenario};
use super::spans::{Spans, Watch};
use super::streams::{Kind, Streams};
use super::trace::Trace;
use crate::engine::Engine;
use crate::engine::event::{DayCounts, Event};
use crate::model::attempt::CallRef;
use crate::model::campaign::CampaignState;
use crate::model::id::{AttemptId, InboundId, LeadId, RequestId, UserId};
use crate::model::time::{Instant, Now, Timestamp};

/// A Monday at midnight in UTC: time 0 of every day, so that the engine's counts of today begin with it.
pub(crate) const MIDNIGHT: Timestamp = Timestamp::from_millis(1_795_392_000_000);

/// What happens by itself. At one instant things happen in the order of [`rank`]: agents become free before customers
/// look for one, and whoever's patience ends at that instant has waited that long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    /// The number of agents of a group changes.
    Staffing { group: usize },
    /// A campaign begins or ceases to run.
    Activity { campaign: usize },
    /// An agent has wrapped up.
    WrappedUp { seat: usize, call: CallRef },
    /// An agent says a result again: nobody acknowledged it.
    SaysAgain { seat: usize, call: CallRef },
    /// An agent has looked at a lead for long enough.
    Looked { seat: usize, lead: LeadId },
    /// A customer or caller has nothing more to say.
    TalkOver { call: CallRef },
    /// A caller comes.
    Caller,
    /// A dial comes to its end on the network's side.
    Outcome { attempt: AttemptId },
    /// It is known that a person answered.
    Detected { attempt: AttemptId },
    /// A caller hangs up, unless somebody answered.
    CallerLeaves { call: InboundId },
    /// A customer hangs up, unless somebody answered.
    CustomerLeaves { attempt: AttemptId },
    /// A point of the charts.
    Sample,
    /// A fact arrives that was on its way.
    Arrives { key: u64 },
    /// A phone at the other end rings.
    Rings { attempt: AttemptId },
    /// A prompt was played to its end.
    PromptOver { call: CallRef },
    /// An agent notices that the customer has gone.
    AgentNotices { call: CallRef },
    /// Nothing has been heard of the customer for so long that the driver ends the call.
    Silent { call: CallRef },
    /// The store commits.
    Commit,
    /// Something goes wrong, or has passed.
    Fault { index: usize, ends: bool },
    /// The program is started again.
    Restart,
    /// The driver looks around.
    Tick,
    /// Nothing new begins.
    Drains,
}

fn rank(happening: &Happening) -> u8 {
    match happening {
        Happening::Staffing { .. } | Happening::Activity { .. } => 0,
        Happening::WrappedUp { .. }
        | Happening::SaysAgain { .. }
        | Happening::Looked { .. }
        | Happening::TalkOver { .. } => 1,
        Happening::Caller => 2,
        Happening::Outcome { .. } | Happening::Detected { .. } => 3,
        Happening::CallerLeaves { .. } | Happening::CustomerLeaves { .. } => 4,
        Happening::Sample => 5,
        Happening::Fault { .. } | Happening::Restart | Happening::Tick | Happening::Drains => 0,
        Happening::Commit
        | Happening::Arrives { .. }
        | Happening::Rings { .. }
        | Happening::PromptOver { .. }
        | Happening::AgentNotices { .. }
        | Happening::Silent { .. } => 2,
    }
}

/// What becomes of a dial, drawn when it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Person,
    Machine,
    Failure,
    /// The network ends it, if the engine does not.
    NoAnswer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Ringing,
    /// A person answered; it is not known yet, or no agent is there yet.
    Answered {
        detected: bool,
    },
    Talking,
}

/// One dial and the customer at its other end.
#[derive(Clone, Debug)]
struct Dial {
    campaign: usize,
    fate: Fate,
    stage: Stage,
    detection: Duration,
    patience: Duration,
    talk_s: f64,
    wrap_up: Duration,
}

/// One caller.
#[derive(Clone, Debug)]
struct Caller {
    came: Instant,
    talking: bool,
    talk_s: f64,
    wrap_up: Duration,
}

/// What an agent does, as far as the world sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Nothing,
    Idle,
    /// Looks at a lead, and is then connecting it.
    Looking,
    Busy {
        call: CallRef,
        since: Instant,
    },
}

/// A place for an agent.
#[derive(Clone, Debug)]
struct Seat {
    group: usize,
    factor: f64,
    signed_in: Option<Instant>,
    leaving: bool,
    doing: Doing,
    wrapping: Option<CallRef>,
    /// Vanished: neither desk nor phone answers.
    gone: bool,
}

/// The leads of a campaign, as a store would hand them out.
#[derive(Clone, Debug, Default)]
struct Supply {
    next: u64,
    handed_out: BTreeSet<u64>,
    dials: u64,
}

/// What came of a day.
#[derive(Debug)]
pub struct Lived {
    /// What was counted.
    pub day: Day,
    /// What the charts show, if that was asked for.
    pub trace: Option<Trace>,
    /// What the checker found, if it was a trial.
    pub verdict: Option<Verdict>,
    /// How long the engine took over each input, if it was watched.
    pub spans: Spans,
}

/// One day with everything in it.
#[derive(Debug)]
pub struct World<'s> {
    scenario: &'s Scenario,
    wiring: Wiring,
    streams: Streams,
    engine: Engine,
    now: Now,
    zero: Instant,
    end: Instant,
    heap: BinaryHeap<Reverse<(Instant, u8, u64, Happening)>>,
    sequence: u64,
    answers: VecDeque<Event>,
    seats: Vec<Seat>,
    places: BTreeMap<UserId, usize>,
    dials: BTreeMap<AttemptId, Dial>,
    leads: BTreeMap<AttemptId, (usize, u64)>,
    callers: BTreeMap<InboundId, Caller>,
    supplies: Vec<Supply>,
    pub(super) ringing: u32,
    callers_came: u64,
    busyness: f64,
    last_arrival_s: f64,
    requests: i64,
    spans: Spans,
    watch: Option<Watch<'s>>,
    pub(super) day: Day,
    trace: Option<Trace>,
    midnight: Timestamp,
    trial: Option<Box<Trial>>,
    /// Looks at the world after everything that happens.
    #[cfg(test)]
    pub(super) witness: Option<fn(&World<'_>)>,
    /// Callers and dials as they came, a line each.
    #[cfg(test)]
    pub(super) seen: Vec<String>,
    /// Is told every input and every command, a line each.
    story: Option<fn(&str)>,
    /// Inputs with their checksums, as a journal has them.
    #[cfg(test)]
    pub(super) journal: Option<(crate::engine::replay::Checksum, Vec<crate::engine::replay::Entry>)>,
}

impl<'s> World<'s> {
    /// The world of one replication, at the beginning of its warm-up.
    pub fn new(scenario: &'s Scenario, replication: u32) -> World<'s> {
        let wiring = wiring::wire(scenario);
        let streams = Streams::new(scenario.seed, u64::from(replication));
        let mut chance = streams.stream(Kind::Day, 0, 0);
        let seed = chance.bits();
        let busyness = scenario.inbound.as_ref().and_then(|inbound| inbound.busyness.as_ref());
        let busyness = busyness.map_or(1.0, |busyness| busyness.draw(&mut chance));
        let (warm_up, duration) = (seconds(scenario.warm_up_s), seconds(scenario.duration_s));
        let zero = Instant::ZERO + warm_up;
        let mut world = World {
            streams,
            engine: Engine::new(seed),
            now: Now { instant: Instant::ZERO, timestamp: MIDNIGHT - warm_up },
            zero,
            end: zero + duration,
            heap: BinaryHeap::new(),
            sequence: 0,
            answers: VecDeque::new(),
            seats: Vec::new(),
            places: BTreeMap::new(),
            dials: BTreeMap::new(),
            leads: BTreeMap::new(),
            callers: BTreeMap::new(),
            supplies: vec![Supply::default(); scenario.outbound.len()],
            ringing: 0,
            callers_came: 0,
            busyness,
            last_arrival_s: -scenario.warm_up_s,
            requests: 0,
            spans: Spans::default(),
            watch: None,
            day: Day::default(),
            trace: None,
            midnight: MIDNIGHT,
            trial: None,
            #[cfg(test)]
            witness: None,
            #[cfg(test)]
            seen: Vec::new(),
            story: None,
            #[cfg(test)]
            journal: None,
            scenario,
            wiring,
        };
        world.prepare_trial();
        world
    }

    /// Keeps what the charts show.
    pub fn traced(mut self) -> World<'s> {
        self.trace = Some(Trace::new(self.scenario));
        self
    }

    /// Notes how long the engine takes over each input, if there is something to see it by.
    pub fn watched(mut self, watch: Option<Watch<'s>>) -> World<'s> {
        self.watch = watch;
        self
    }

    /// Tells what happens: every input and, marked with an arrow, every command, as JSON after the second it came at.
    pub fn told(mut self, story: fn(&str)) -> World<'s> {
        self.story = Some(story);
        self
    }

    /// Lives through the day.
    pub fn run(mut self) -> Lived {
        self.live_through();
        let verdict = self.came_of_it();
        Lived { day: self.day, trace: self.trace, verdict, spans: self.spans }
    }

    pub(super) fn live_through(&mut self) {
        self.begin();
        loop {
            let happens = self.heap.peek().map(|Reverse((at, ..))| *at);
            let due = self.engine.poll_timeout().map(|(at, _)| at);
            let by_itself = match (happens, due) {
                (Some(happens), Some(due)) => happens <= due,
                (Some(_), None) => true,
                (None, _) => false,
            };
            let Some(at) = (if by_itself { happens } else { due }) else { break };
            if at >= self.end {
                break;
            }
            self.pass_to(at);
            if by_itself {
                let Some(Reverse((.., happening))) = self.heap.pop() else { break };
                self.happen(happening);
            } else {
                self.time_passed();
            }
            if self.trial.as_ref().is_some_and(|trial| trial.checker.found().is_some()) {
                return; // what follows from a fault is no second one
            }
        }
        self.pass_to(self.end);
        self.judge();
        self.finish();
    }

    fn begin(&mut self) {
        self.tell(Event::SettingsApplied { settings: Arc::new(self.wiring.settings.clone()) });
        for campaign in 0..self.scenario.outbound.len() {
            let definition = Arc::new(self.wiring.campaigns[campaign].clone());
            let runs = self.scenario.outbound[campaign].runs_at(self.at_s());
            let state = if runs { CampaignState::Running } else { CampaignState::Paused };
            self.tell(Event::CampaignApplied { campaign: definition, state, today: Some(DayCounts::default()) });
            let spans = self.scenario.outbound[campaign].active.iter().flat_map(|(from_s, to_s)| [*from_s, *to_s]);
            let changes: Vec<f64> = spans.filter(|at_s| *at_s > self.at_s()).collect();
            for at_s in changes {
                self.plan(self.instant(at_s), Happening::Activity { campaign });
            }
        }
        for group in 0..self.scenario.agents.len() {
            self.staff(group);
            let changes = self.scenario.agents[group].count.changes();
            let changes: Vec<f64> = changes.filter(|at_s| *at_s > self.at_s()).collect();
            for at_s in changes {
                self.plan(self.instant(at_s), Happening::Staffing { group });
            }
        }
        self.plan_caller();
        self.plan_faults();
        if self.trace.is_some() {
            self.plan(self.zero, Happening::Sample);
        }
    }

    /// When the next caller comes.
    fn plan_caller(&mut self) {
        let Some(inbound) = &self.scenario.inbound else { return };
        let at_s = match &inbound.arrivals {
            Arrivals::PerHour(rate) => {
                let mut chance = self.streams.stream(Kind::Caller, 0, self.callers_came);
                let rate = rate.scaled(self.busyness / 3600.0);
                rate.gathered(self.last_arrival_s, chance.exponential())
            }
            Arrivals::Replay(times) => {
                let skipped = times.partition_point(|at_s| *at_s < -self.scenario.warm_up_s);
                let place = skipped as u64 + self.callers_came;
                usize::try_from(place).ok().and_then(|place| times.get(place)).copied()
            }
        };
        if let Some(at_s) = at_s.filter(|at_s| *at_s < self.scenario.duration_s) {
            self.last_arrival_s = at_s;
            self.plan(self.instant(at_s), Happening::Caller);
        }
    }

    /// Tells the engine, and answers all that it says.
    fn tell(&mut self, event: Event) {
        if self.trial.is_some() {
            return self.turn(Some(event));
        }
        self.feed(Some(event));
        self.settle();
    }

    fn time_passed(&mut self) {
        if self.trial.is_some() {
            return self.turn(None);
        }
        self.feed(None);
        self.settle();
    }

    /// One input of the engine, and what it says to it.
    fn feed(&mut self, event: Option<Event>) {
        if let Some(trial) = self.trial.as_mut() {
            trial.checker.begins(self.now);
            if let Some(event) = &event {
                trial.checker.told(self.now, event);
            }
        }
        self.tell_story("", &event);
        #[cfg(test)]
        self.note_input(event.as_ref());
        let began = self.watch.map(|Watch(passed)| passed());
        match event {
            Some(event) => self.engine.handle(self.now, event),
            None => self.engine.handle_timeout(self.now),
        }
        if let (Some(Watch(passed)), Some(began)) = (self.watch, began) {
            self.spans.note(passed().saturating_sub(began));
        }
        while let Some(command) = self.engine.poll_command() {
            if self.killed(&command) {
                break; // before it was carried out: as if it had not been said
            }
            if let Some(trial) = self.trial.as_mut() {
                trial.checker.said(self.now, &command);
            }
            self.tell_story("->", &command);
            #[cfg(test)]
            if let Some((checksum, _)) = self.journal.as_mut() {
                checksum.see(&command);
            }
            self.react(command);
        }
        #[cfg(test)]
        if let Some((checksum, entries)) = self.journal.as_mut()
            && let Some(entry) = entries.last_mut()
        {
            entry.commands = Some(checksum.sum());
        }
    }

    fn tell_story(&self, mark: &str, of: &impl serde::Serialize) {
        let Some(story) = self.story else { return };
        if let Ok(text) = serde_json::to_string(of) {
            story(&format!("{:>12.6} {mark:>2} {text}", self.now.instant.as_secs_f64()));
        }
    }

    #[cfg(test)]
    fn note_input(&mut self, event: Option<&Event>) {
        if let Some((_, entries)) = self.journal.as_mut() {
            let (instant, timestamp, event) = (self.now.instant, self.now.timestamp, event.cloned());
            entries.push(crate::engine::replay::Entry { instant, timestamp, event, commands: None });
        }
    }

    fn settle(&mut self) {
        while let Some(event) = self.answers.pop_front() {
            if self.trial.as_ref().is_some_and(|trial| trial.checker.found().is_some()) {
                return; // what follows from a fault is no second one
            }
            self.feed(Some(event));
        }
        if let Some(trial) = self.trial.as_mut() {
            trial.checker.settled(self.now);
        }
        #[cfg(test)]
        if let Some(witness) = self.witness {
            witness(self);
        }
    }

    fn plan(&mut self, at: Instant, happening: Happening) {
        self.sequence += 1;
        self.heap.push(Reverse((at, rank(&happening), self.sequence, happening)));
    }

    fn plan_in(&mut self, span: Duration, happening: Happening) {
        self.plan(self.now.instant + span, happening);
    }

    fn pass_to(&mut self, at: Instant) {
        if self.now.instant < self.zero && at >= self.zero {
            self.day.ringing_before = u64::from(self.ringing);
        }
        self.now = self.now.later(at.since(self.now.instant));
        // Milliseconds of the calendar are taken from the origin, so that rounding never adds up.
        let whole = at.since(Instant::ZERO);
        self.now.timestamp = self.midnight - self.zero.since(Instant::ZERO) + whole;
        if let Some(trial) = &self.trial {
            self.now.timestamp = trial.told_by_the_clock(self.now.timestamp);
        }
    }

    /// The time as the scenario counts it, in seconds.
    fn at_s(&self) -> f64 {
        self.now.instant.as_secs_f64() - self.zero.as_secs_f64()
    }

    fn instant(&self, at_s: f64) -> Instant {
        if at_s >= 0.0 { self.zero + seconds(at_s) } else { self.zero - seconds(-at_s) }
    }

    /// Whether what happens now counts.
    fn counts(&self) -> bool {
        self.now.instant >= self.zero && self.now.instant < self.end
    }

    /// The part of a span up to now that lies in the counted day, in seconds.
    fn counted_s(&self, since: Instant) -> f64 {
        self.now.instant.min(self.end).since(since.max(self.zero)).as_secs_f64()
    }

    fn request(&mut self) -> RequestId {
        self.requests += 1;
        RequestId(self.requests)
    }

    fn finish(&mut self) {
        for place in 0..self.seats.len() {
            self.count_busy(place);
            if let Some(since) = self.seats[place].signed_in {
                self.day.agent_s += self.counted_s(since);
            }
        }
        self.day.still_ringing = u64::from(self.ringing);
    }

    /// Agents who are idle.
    pub(super) fn idle(&self) -> u32 {
        let idle = self.seats.iter().filter(|seat| seat.doing == Doing::Idle).count();
        u32::try_from(idle).unwrap_or(u32::MAX)
    }

    /// Counts what the agent did until now.
    fn count_busy(&mut self, place: usize) {
        let Doing::Busy { call, since } = self.seats[place].doing else { return };
        let span_s = self.counted_s(since);
        match call {
            CallRef::Outbound(_) => self.day.outbound_busy_s += span_s,
            CallRef::Inbound(_) => self.day.inbound_busy_s += span_s,
        }
    }
}

/// A span of so many seconds, to the microsecond.
fn seconds(s: f64) -> Duration {
    Duration::from_micros((s.max(0.0) * 1e6).round() as u64)
}
