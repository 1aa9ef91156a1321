//! What was learned of customers and agents while the program ran: how long things last, and what becomes of a dial.
//!
//! Not a model with parameters to be fitted: hazards by age, counted, with forgetting. "How likely does a phone that has
//! rung for 8 s without an answer be answered within the next 4?" is read off, whatever the distribution is. At first
//! there is a guess worth a few observations, chosen so that dialling begins carefully: customers seem more eager to
//! answer and agents slower to become free than they usually are. Read [`Lasting`] and [`Fates`] first.

use std::collections::BTreeMap;

use crate::model::agent::AgentState;
use crate::model::id::ListId;
use crate::model::time::Instant;

/// Ages at which cells of talk and wrap-up begin, in seconds: finer where a decision looks.
const AGES_S: [f64; 44] = [
    0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0, 20.0, 24.0, 28.0, 32.0, 36.0, 40.0, 48.0,
    56.0, 64.0, 80.0, 96.0, 112.0, 128.0, 160.0, 192.0, 224.0, 256.0, 320.0, 384.0, 448.0, 512.0, 640.0, 768.0, 896.0,
    1024.0, 1280.0, 1536.0, 1792.0, 2048.0, 3072.0, 4096.0,
];
/// What has been seen is forgotten with this time constant, in seconds, but never below so many observations.
const DURATIONS_MEMORY_S: f64 = 7200.0;
const DURATIONS_MIN: f64 = 300.0;
/// Dials change faster: an answer rate may halve at noon.
const DIALS_MEMORY_S: f64 = 1800.0;
const DIALS_MIN: f64 = 500.0;
/// Observations that the first guess is worth.
const GUESS: f64 = 5.0;
/// First guesses of talk and wrap-up, in seconds.
const TALK_GUESS_S: f64 = 300.0;
const WRAP_UP_GUESS_S: f64 = 60.0;
/// First guess of a dial: every second one is answered, after 10 s on average.
const ANSWER_GUESS: f64 = 0.5;
const RING_GUESS_S: f64 = 10.0;
/// Dials that the first guess of a campaign is worth.
const DIALS_GUESS: f64 = 10.0;
/// Dials of a list after which its own share of answers counts as much as the campaign's.
const LIST_WEIGHT: f64 = 40.0;
/// A dial that ends without a person earlier than this failed, and so many of them in a row are no chance: where one dial
/// in two fails, a run of twenty comes once in a million.
const FAILURE_S: f64 = 5.0;
const FAILURES: u32 = 20;
/// Whole seconds of ringing that are told apart; older dials are alike.
pub const RING_AGES: usize = 96;
/// Length of a step of the future, in seconds, and how many there are.
pub const STEP_S: f64 = 2.0;
/// See [`STEP_S`].
pub const STEPS: usize = 16;
/// Tables are computed anew after so many observations, as a share of what is remembered.
const STALE_SHARE: f64 = 0.02;

/// Forgetting: how much of what was seen is kept when time has passed.
#[derive(Clone, Copy, Debug)]
struct Memory {
    mass: f64,
    at: Instant,
    time_constant_s: f64,
    mass_min: f64,
}

impl Memory {
    fn new(time_constant_s: f64, mass_min: f64) -> Memory {
        Memory { mass: 0.0, at: Instant::ZERO, time_constant_s, mass_min }
    }

    /// One observation more; by what everything before is to be multiplied.
    fn remember(&mut self, now: Instant) -> f64 {
        let span_s = now.since(self.at).as_secs_f64();
        self.at = now;
        let faded = self.mass * (-span_s / self.time_constant_s).exp();
        let kept = faded.max(self.mass.min(self.mass_min));
        let factor = if self.mass > 0.0 { kept / self.mass } else { 1.0 };
        self.mass = kept + 1.0;
        factor
    }
}

/// How long something lasts.
#[derive(Clone, Debug)]
pub struct Lasting {
    exposure_s: Vec<f64>,
    ends: Vec<f64>,
    /// Those that ended the instant they began, and all.
    at_once: f64,
    all: f64,
    memory: Memory,
    /// Cumulative hazard at the beginning of each cell.
    cumulative: Vec<f64>,
    hazards: Vec<f64>,
    /// Mean, in seconds.
    mean_s: f64,
    unseen: f64,
}

impl Lasting {
    /// Nothing seen yet: an exponential guess.
    pub fn guessed(mean_s: f64) -> Lasting {
        let survives = |age_s: f64| (-age_s / mean_s).exp();
        let ends_of = |cell: usize| {
            let next = AGES_S.get(cell + 1).map_or(0.0, |age_s| survives(*age_s));
            GUESS * (survives(AGES_S[cell]) - next)
        };
        let ends: Vec<f64> = (0..AGES_S.len()).map(ends_of).collect();
        let exposure_s = ends.iter().map(|ends| ends * mean_s).collect();
        let mut lasting = Lasting {
            exposure_s,
            ends,
            at_once: 0.0,
            all: GUESS,
            memory: Memory::new(DURATIONS_MEMORY_S, DURATIONS_MIN),
            cumulative: vec![0.0; AGES_S.len()],
            hazards: vec![0.0; AGES_S.len()],
            mean_s,
            unseen: 0.0,
        };
        lasting.tabulate();
        lasting
    }

    /// One more was seen to last so long, in seconds.
    pub fn observe(&mut self, now: Instant, lasted_s: f64) {
        let keep = self.memory.remember(now);
        if keep < 1.0 {
            self.exposure_s.iter_mut().chain(&mut self.ends).for_each(|value| *value *= keep);
            self.at_once *= keep;
            self.all *= keep;
        }
        self.all += 1.0;
        if lasted_s <= 0.0 {
            self.at_once += 1.0;
        } else {
            let last = cell(lasted_s);
            let ends = AGES_S[1..].iter().copied().chain([f64::INFINITY]);
            for ((exposure_s, begins_s), ends_s) in self.exposure_s.iter_mut().zip(AGES_S).zip(ends).take(last + 1) {
                *exposure_s += ends_s.min(lasted_s) - begins_s;
            }
            self.ends[last] += 1.0;
        }
        self.unseen += 1.0;
        if self.unseen > STALE_SHARE * self.all {
            self.tabulate();
        }
    }

    fn tabulate(&mut self) {
        self.unseen = 0.0;
        let (mut sum, mut hazard) = (0.0, 0.0);
        for (place, begins_s) in AGES_S.into_iter().enumerate() {
            self.cumulative[place] = sum;
            // A cell that nobody reached keeps the hazard of the one before.
            if self.exposure_s[place] > 1e-9 {
                hazard = self.ends[place] / self.exposure_s[place];
            }
            self.hazards[place] = hazard;
            sum += hazard * AGES_S.get(place + 1).map_or(0.0, |next| next - begins_s);
        }
        self.mean_s = self.exposure_s.iter().sum::<f64>() / self.all.max(1e-9);
    }

    /// How long it lasts on average, in seconds.
    pub fn mean_s(&self) -> f64 {
        self.mean_s
    }

    /// Ends per second at an age.
    pub fn hazard(&self, age_s: f64) -> f64 {
        self.hazards[cell(age_s)]
    }

    /// Chance that what has lasted so long ends within the next `span_s`.
    pub fn ends_within(&self, age_s: f64, span_s: f64) -> f64 {
        1.0 - (self.cumulative_at(age_s) - self.cumulative_at(age_s + span_s)).exp()
    }

    /// Chance that one that begins now is over within `span_s`.
    pub fn over_within(&self, span_s: f64) -> f64 {
        let at_once = (self.at_once / self.all).clamp(0.0, 1.0);
        at_once + (1.0 - at_once) * self.ends_within(0.0, span_s)
    }

    fn cumulative_at(&self, age_s: f64) -> f64 {
        let place = cell(age_s);
        self.cumulative[place] + self.hazards[place] * (age_s - AGES_S[place])
    }
}

/// The cell an age lies in.
fn cell(age_s: f64) -> usize {
    AGES_S.partition_point(|begins_s| *begins_s <= age_s).saturating_sub(1)
}

/// How a dial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A person answered.
    Person,
    /// A machine, a failure, or nobody until the ring timeout.
    Other,
    /// It was given up: what would have become of it is not known.
    GivenUp,
}

/// What becomes of a campaign's dials.
#[derive(Clone, Debug)]
pub struct Fates {
    at_risk: Vec<f64>,
    persons: Vec<f64>,
    others: Vec<f64>,
    lists: BTreeMap<ListId, (f64, f64)>,
    memory: Memory,
    unseen: f64,
    /// Chance that a person answers within a number of steps, by whole seconds it has rung.
    within: Vec<[f64; STEPS]>,
    /// Chance that a new dial is ever answered by a person.
    ever: f64,
    /// How long a dial occupies its line on average, in seconds.
    lasts_s: f64,
    /// So many dials in a row came to nothing before a phone could ring.
    failures: u32,
}

impl Default for Fates {
    fn default() -> Fates {
        let hazard = 1.0 / RING_GUESS_S;
        let survives = |age: usize| (-hazard * age as f64).exp();
        let at_risk: Vec<f64> = (0..RING_AGES).map(|age| DIALS_GUESS * survives(age)).collect();
        let ends = |age: usize| at_risk[age] * (1.0 - (-hazard).exp());
        let persons: Vec<f64> = (0..RING_AGES).map(|age| ANSWER_GUESS * ends(age)).collect();
        let others: Vec<f64> = (0..RING_AGES).map(|age| (1.0 - ANSWER_GUESS) * ends(age)).collect();
        let mut fates = Fates {
            at_risk,
            persons,
            others,
            lists: BTreeMap::new(),
            memory: Memory::new(DIALS_MEMORY_S, DIALS_MIN),
            unseen: 0.0,
            within: vec![[0.0; STEPS]; RING_AGES],
            ever: ANSWER_GUESS,
            lasts_s: RING_GUESS_S,
            failures: 0,
        };
        fates.memory.mass = DIALS_GUESS;
        fates.tabulate();
        fates
    }
}

impl Fates {
    /// A dial ended so many seconds after it left.
    pub fn observe(&mut self, now: Instant, list: ListId, rang_s: f64, fate: Fate) {
        match fate {
            Fate::Other if rang_s < FAILURE_S => self.failures = self.failures.saturating_add(1),
            Fate::Person | Fate::Other => self.failures = 0,
            Fate::GivenUp => {}
        }
        if self.is_failing() {
            return;
        }
        let keep = self.memory.remember(now);
        if keep < 1.0 {
            let all = self.at_risk.iter_mut().chain(&mut self.persons).chain(&mut self.others);
            all.for_each(|value| *value *= keep);
            for (dials, persons) in self.lists.values_mut() {
                *dials *= keep;
                *persons *= keep;
            }
        }
        let last = age(rang_s);
        // A dial is at risk in the second in which it ends; one that was given up only until then.
        let seen = if fate == Fate::GivenUp { last } else { last + 1 };
        self.at_risk[..seen].iter_mut().for_each(|at_risk| *at_risk += 1.0);
        match fate {
            Fate::Person => self.persons[last] += 1.0,
            Fate::Other => self.others[last] += 1.0,
            Fate::GivenUp => {}
        }
        if fate != Fate::GivenUp {
            let (dials, persons) = self.lists.entry(list).or_default();
            *dials += 1.0;
            *persons += f64::from(u8::from(fate == Fate::Person));
        }
        self.unseen += 1.0;
        if self.unseen > STALE_SHARE * self.memory.mass {
            self.tabulate();
        }
    }

    fn tabulate(&mut self) {
        self.unseen = 0.0;
        let share = |of: &[f64], age: usize| {
            let age = age.min(RING_AGES - 1);
            if self.at_risk[age] > 1e-9 { (of[age] / self.at_risk[age]).min(1.0) } else { 0.0 }
        };
        let answered: Vec<f64> = (0..RING_AGES).map(|age| share(&self.persons, age)).collect();
        let over: Vec<f64> = (0..RING_AGES).map(|age| share(&self.others, age)).collect();
        let per_step = STEP_S as usize;
        for begin in 0..RING_AGES {
            let (mut alive, mut sum) = (1.0, 0.0);
            for step in 0..STEPS {
                for second in 0..per_step {
                    let age = (begin + step * per_step + second).min(RING_AGES - 1);
                    sum += alive * answered[age];
                    alive *= (1.0 - answered[age] - over[age]).max(0.0);
                }
                self.within[begin][step] = sum;
            }
        }
        let (mut alive, mut ever, mut lasts_s) = (1.0, 0.0, 0.0);
        for age in 0..RING_AGES {
            ever += alive * answered[age];
            let ends = alive * (answered[age] + over[age]).min(1.0);
            alive -= ends;
            // One that ends within a second ends in its middle.
            lasts_s += alive + ends / 2.0;
        }
        self.ever = ever;
        self.lasts_s = lasts_s;
    }

    /// Persons reached per second by a line that is dialled again whenever it is free.
    pub fn connects_per_s(&self) -> f64 {
        self.ever / self.lasts_s.max(0.5)
    }

    /// Chances that a dial that has rung so long is answered by a person within 1, 2, … steps.
    pub fn within(&self, rang_s: f64) -> &[f64; STEPS] {
        &self.within[age(rang_s)]
    }

    /// Chance that a new dial is ever answered by a person.
    pub fn ever(&self) -> f64 {
        self.ever
    }

    /// How much likelier a lead of this list answers than the campaign's leads on the whole.
    pub fn likelier(&self, list: ListId) -> f64 {
        let Some((dials, persons)) = self.lists.get(&list).filter(|_| self.lists.len() > 1) else { return 1.0 };
        if self.ever <= 1e-6 {
            return 1.0;
        }
        (persons + LIST_WEIGHT * self.ever) / (dials + LIST_WEIGHT) / self.ever
    }

    /// Nothing gets through: what dials come to now says nothing of the customers, and dialling more would only use up
    /// leads and, once calls get through again, reach far too many people at once.
    pub fn is_failing(&self) -> bool {
        self.failures >= FAILURES
    }

    /// Dials that are remembered.
    pub fn seen(&self) -> f64 {
        self.memory.mass
    }
}

/// The second of ringing that a time lies in.
fn age(rang_s: f64) -> usize {
    (rang_s.max(0.0) as usize).min(RING_AGES - 1)
}

/// How often something happens, with forgetting.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    per_s: f64,
    at: Instant,
    memory_s: f64,
}

/// Time constant of a rate that forecasts the next minute, in seconds: long enough to be steady, short enough for a
/// morning's rise.
const RATE_MEMORY_S: f64 = 900.0;
/// Of one from which sums are drawn that grow faster than the rate does, so that its chance deviation must be small.
const RATE_STEADY_S: f64 = 7200.0;

impl Rate {
    /// Not seen yet; forgotten with this time constant.
    pub fn new(memory_s: f64) -> Rate {
        Rate { per_s: 0.0, at: Instant::ZERO, memory_s }
    }
}

impl Rate {
    /// It happened.
    pub fn observe(&mut self, now: Instant) {
        self.per_s = self.per_s(now) + 1.0 / self.memory_s;
        self.at = now;
    }

    /// Times per second.
    pub fn per_s(&self, now: Instant) -> f64 {
        self.per_s * (-now.since(self.at).as_secs_f64() / self.memory_s).exp()
    }
}

/// How soon callers give up waiting.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    waited_s: f64,
    given_up: f64,
}

/// First guess of a caller's patience, in seconds, worth one caller who gave up.
const PATIENCE_GUESS_S: f64 = 120.0;
/// Share of what is remembered that each further caller leaves.
const PATIENCE_KEPT: f64 = 0.999;

impl Default for Patience {
    fn default() -> Patience {
        Patience { waited_s: PATIENCE_GUESS_S, given_up: 1.0 }
    }
}

impl Patience {
    /// A caller waited so long, in seconds, and then gave up or was answered.
    pub fn observe(&mut self, waited_s: f64, gave_up: bool) {
        self.waited_s = self.waited_s * PATIENCE_KEPT + waited_s;
        self.given_up = self.given_up * PATIENCE_KEPT + f64::from(u8::from(gave_up));
    }

    /// Share of waiting callers who give up in a second: give-ups over time waited, which is the most likely value where
    /// patience is exponential, whoever was answered first counted rightly.
    pub fn give_ups_per_s(&self) -> f64 {
        self.given_up / self.waited_s.max(1e-3)
    }
}

/// How long agents are at work with a call: with customers of one campaign, or with callers of one group.
#[derive(Clone, Debug)]
pub struct Handling {
    /// Talk.
    pub talk: Lasting,
    /// Wrap-up after it.
    pub wrap_up: Lasting,
}

impl Default for Handling {
    fn default() -> Handling {
        Handling { talk: Lasting::guessed(TALK_GUESS_S), wrap_up: Lasting::guessed(WRAP_UP_GUESS_S) }
    }
}

impl Handling {
    /// An agent was in this state until now.
    pub fn learn(&mut self, now: Instant, was: &AgentState, since: Instant) {
        let lasted_s = now.since(since).as_secs_f64();
        match was {
            AgentState::Talking { .. } => self.talk.observe(now, lasted_s),
            AgentState::WrapUp { .. } => self.wrap_up.observe(now, lasted_s),
            AgentState::Connecting
            | AgentState::Ready
            | AgentState::Previewing { .. }
            | AgentState::NotReady { .. }
            | AgentState::Reserved { .. } => {}
        }
    }

    /// Talk and wrap-up on average, in seconds.
    pub fn mean_s(&self) -> f64 {
        self.talk.mean_s() + self.wrap_up.mean_s()
    }
}

/// What was learned of a group's callers, and of its agents with them.
#[derive(Clone, Debug)]
pub struct Shifts {
    /// Agents with callers.
    pub inbound: Handling,
    /// Callers, as they come now.
    pub callers: Rate,
    /// Callers, as they come over an hour.
    pub callers_steady: Rate,
    /// How long they wait before they give up.
    pub patience: Patience,
}

impl Default for Shifts {
    fn default() -> Shifts {
        Shifts {
            inbound: Handling::default(),
            callers: Rate::new(RATE_MEMORY_S),
            callers_steady: Rate::new(RATE_STEADY_S),
            patience: Patience::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::Chance;

    fn at(s: f64) -> Instant {
        Instant::from_micros((s * 1e6) as u64)
    }

    #[test]
    fn the_chance_to_end_is_that_of_the_distribution_seen() {
        let mut lasting = Lasting::guessed(300.0);
        let mut chance = Chance::new(3);
        for n in 0..20_000 {
            lasting.observe(at(f64::from(n) * 0.01), -180.0 * (1.0 - chance.unit()).ln());
        }
        for age_s in [0.0, 30.0, 300.0] {
            let expected = 1.0 - (-20.0f64 / 180.0).exp();
            let learned = lasting.ends_within(age_s, 20.0);
            assert!((learned - expected).abs() < 0.012, "at {age_s}: {learned}, expected {expected}");
        }
    }

    #[test]
    fn what_never_takes_time_is_over_at_once() {
        let mut lasting = Lasting::guessed(60.0);
        for n in 0..500 {
            lasting.observe(at(f64::from(n)), 0.0);
        }
        assert!(lasting.over_within(0.0) > 0.98);
    }

    #[test]
    fn a_ringing_dial_is_answered_as_often_as_those_before_it_were_at_its_age() {
        let mut fates = Fates::default();
        // Three in ten answer after 9.5 s; the others ring for 25 s.
        for n in 0..3_000 {
            let person = n % 10 < 3;
            let (rang_s, fate) = if person { (9.5, Fate::Person) } else { (25.0, Fate::Other) };
            fates.observe(at(f64::from(n)), ListId(1), rang_s, fate);
        }
        assert!((fates.ever() - 0.3).abs() < 0.01, "{}", fates.ever());
        assert!((fates.within(0.0)[4] - 0.3).abs() < 0.01 && fates.within(0.0)[3] < 0.01);
        assert!((fates.within(9.0)[0] - 0.3).abs() < 0.01, "{:?}", fates.within(9.0));
        assert!(fates.within(10.0)[STEPS - 1] < 0.01, "who has not answered by then never does");
    }

    #[test]
    fn means_and_rates_are_those_of_what_was_seen() {
        let mut lasting = Lasting::guessed(300.0);
        let mut fates = Fates::default();
        let mut patience = Patience::default();
        for n in 0..5_000 {
            lasting.observe(at(f64::from(n)), if n % 2 == 0 { 100.0 } else { 200.0 });
            let person = n % 10 < 3;
            let (rang_s, fate) = if person { (9.5, Fate::Person) } else { (24.5, Fate::Other) };
            fates.observe(at(f64::from(n)), ListId(1), rang_s, fate);
            patience.observe(if n % 4 == 0 { 20.0 } else { 0.0 }, n % 16 == 0);
        }
        assert!((lasting.mean_s() - 150.0).abs() < 5.0, "{}", lasting.mean_s());
        let expected = 0.3 / (0.3 * 9.5 + 0.7 * 24.5);
        assert!((fates.connects_per_s() / expected - 1.0).abs() < 0.03, "{}", fates.connects_per_s());
        assert!((patience.give_ups_per_s() * 80.0 - 1.0).abs() < 0.03, "{}", patience.give_ups_per_s());
    }

    #[test]
    fn a_new_answer_rate_is_learned_within_an_hour_and_little_is_remembered_of_the_old_one() {
        let mut fates = Fates::default();
        let dial = |fates: &mut Fates, s: u32, person: bool| {
            fates.observe(at(f64::from(s)), ListId(1), 9.5, if person { Fate::Person } else { Fate::Other });
        };
        for s in 0..3600 {
            dial(&mut fates, s, s % 10 < 4);
        }
        for s in 3600..7200 {
            dial(&mut fates, s, s % 10 < 2);
        }
        assert!((fates.ever() - 0.2).abs() < 0.04, "{}", fates.ever());
    }

    #[test]
    fn a_trunk_that_fails_teaches_nothing_of_the_customers() {
        let mut fates = Fates::default();
        for n in 0..2_000 {
            let (rang_s, fate) = if n % 10 < 3 { (9.5, Fate::Person) } else { (25.0, Fate::Other) };
            fates.observe(at(f64::from(n)), ListId(1), rang_s, fate);
        }
        let before = fates.ever();
        for n in 0..10_000 {
            assert_eq!(fates.is_failing(), n >= FAILURES);
            fates.observe(at(2_000.0 + f64::from(n) * 0.1), ListId(1), 1.5, Fate::Other);
        }
        assert!((fates.ever() - before).abs() < 0.02, "{} after {before}", fates.ever());
        fates.observe(at(3_001.0), ListId(1), 25.0, Fate::Other);
        assert!(!fates.is_failing(), "a phone rang");
    }

    #[test]
    fn lists_that_answer_more_often_are_told_from_those_that_do_not() {
        let mut fates = Fates::default();
        for n in 0..4_000 {
            let list = ListId(1 + i64::from(n % 2));
            let person = if n % 2 == 0 { n % 10 < 6 } else { n % 10 < 2 };
            fates.observe(at(f64::from(n)), list, 9.5, if person { Fate::Person } else { Fate::Other });
        }
        assert!(fates.likelier(ListId(1)) > 1.3 && fates.likelier(ListId(2)) < 0.7);
        assert_eq!(fates.likelier(ListId(3)), 1.0);
    }
}
