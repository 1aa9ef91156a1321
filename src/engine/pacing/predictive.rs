//! Predictive: dials ahead of need, by its own forecast of agents and customers.
//!
//! At each event it asks of one dial more: when it is answered, will an agent be free? For each moment at which it may be
//! answered, agents who will be free by then (idle ones, and busy ones by how long they have talked or wrapped up) are
//! weighed against customers of lines that ring (by how long they have rung) and callers. A customer who finds nobody
//! costs Λ, a customer connected is worth 1, less κ·ρ^(x−1) for the agent taken from callers who would have found x.
//! It dials while that is worth it. Neither price comes from a model: Λ follows what is left of the abandon budget, κ
//! what is left of the service level. So a wrong forecast is paid back within minutes, and one set of constants does for
//! every centre. What is not known at first is guessed carefully (`learned`), so that a campaign without history dials
//! almost progressively and opens up. Read [`Predictive::look`] and [`Prices`] first.

use std::time::Duration;

use super::balance::{Balance, Chances};
use super::learned::{Handling, Lasting, STEP_S, STEPS};
use super::outlook::Phase;
use super::yardstick::Service;
use super::{Figures, Limit, Outlook, Pacer, ringing_max_or, within};
use crate::model::decision::Forecast;
use crate::model::time::{Instant, Now};

/// Price of an abandoned call, in connected ones, at a cap of 3 % and an even account. Rather too high than too low: what
/// is saved is credit and lowers it, while at the end of the budget every dial must wait for an agent.
const ABANDON_PRICE: f64 = 50.0;
/// The cap meant; at others the price goes by how many times stricter they are.
const ABANDON_PRICE_CAP: f64 = 0.03;
/// So many abandoned calls of credit or debt change the price by a factor e.
const ABANDON_CREDIT: f64 = 4.0;
/// With no call of the budget left the price is so many powers of e higher: an agent who is held for a line may be taken by a
/// caller, so that a line for each of them is not safe then.
const SPENT_POWERS: f64 = 0.25;
/// A campaign with no agent, where others of its group have some, pays prices so many powers of e lower: the account makes
/// up for it, and the agents are shared.
const SHARE_POWERS: f64 = 1.0;
/// Kept back from the budget, times the square root of the calls it allows: as much as chance deviates by. With half of it one
/// or two days in a hundred end a call over their cap, and 0.2 % more are connected.
const BUDGET_MARGIN: f64 = 1.0;
/// A line that rings counts as so many: whoever takes an agent may leave one who answers later without.
const OTHERS_WEIGHT: f64 = 1.15;
/// Limits of the price.
const ABANDON_PRICES: std::ops::RangeInclusive<f64> = 1.0..=5_000.0;
/// Price of taking the last idle agent from callers, at an even account.
const CALLER_PRICE: f64 = 0.003;
/// Callers who gave up beyond those of progressive dialling: where they are so large a share of today's callers, and a few
/// more, the price is [`CALLER_POWERS`] powers of e higher, and what is worth taking an agent from callers is worth nothing.
const GIVEN_UP_SHARE: f64 = 0.01;
const GIVEN_UP_FEW: f64 = 6.0;
/// The same for those who were to be answered in time and were not: a service level is a promise.
const LATE_SHARE: f64 = 0.003;
const LATE_FEW: f64 = 3.0;
/// Where progressive dialling misses it too it cannot be kept to the last caller: of the share by which it is missed, so
/// much more may be answered late.
const LATE_UNREACHED: f64 = 0.1;
const CALLER_POWERS: f64 = 5.8;
/// For how long what callers would get under progressive dialling is taken to hold.
const YARDSTICK_KEPT: Duration = Duration::from_secs(30);
/// Limit of the price.
const CALLER_PRICE_MAX: f64 = 20.0;
/// An agent who becomes free so long after the answer is in time: the connect deadline less what connecting takes.
const SLACK_S: f64 = 0.5;
/// Customers who answered are not thought more patient than the strictest laws do, in seconds.
const DEADLINE_MAX_S: f64 = 2.2;
/// Steps in which so small a share of answers comes are left out.
const NO_WEIGHT: f64 = 1e-4;
/// Below so many agents an idle one always has a line, which is given up when a caller takes the agent: no forecast is
/// sure enough of so few to do better. Where ringing may not be given up, the forecast decides here too.
const SMALL_TEAM: u32 = 10;
/// Above so many agents and lines the decision is taken anew only after a while, in seconds for each of them: one event
/// changes little, and there are many.
const LARGE: usize = 200;
const REST_S_EACH: f64 = 0.0002;
/// However seldom customers answer, a line is taken to need so much of an agent when campaigns share them.
const ANSWER_SHARE_MIN: f64 = 0.01;
/// A busy agent is never counted on more than this.
const SURE_MAX: f64 = 0.98;
/// Most dials considered in one decision for each agent who may be free.
const DIALS_PER_AGENT_MAX: f64 = 20.0;

/// The pacer and its last decision.
#[derive(Clone, Debug)]
pub struct Predictive {
    ringing_max: Option<u32>,
    /// Attempts on their way that are wanted, counted as [`Figures::pending_alike`] does.
    target: u32,
    forecast: Forecast,
    /// Lines beyond idle agents are given up: the cap is 0, or a small team's agent went to a caller.
    held_only: bool,
    /// No new decision before this; `None`: whenever something happens.
    rests_until: Option<Instant>,
    callers: Callers,
}

/// What is asked of dialling on behalf of today's callers.
#[derive(Clone, Copy, Debug)]
struct Callers {
    /// Those of today who wait no longer.
    over: u64,
    /// Of these, under progressive dialling so many would have been answered in time, and so many would have given up.
    in_time: f64,
    give_ups: f64,
    /// What they would get now under progressive dialling, for how many agents, and since when.
    yardstick: Option<(Service, u32, Instant)>,
}

/// What is paid, in connected calls.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Prices {
    /// For an abandoned call.
    abandon: f64,
    /// For taking the last idle agent from callers.
    caller: f64,
}

/// The future in steps: the balance at the middle of each, and the chance that a new dial is answered in it.
struct Future {
    steps: Vec<Step>,
}

struct Step {
    balance: Balance,
    /// Share of a new dial's answers that come in this step.
    weight: f64,
    /// Chance that a new dial has been answered by then.
    answered: f64,
}

impl Predictive {
    /// Nothing decided yet.
    pub fn new(ringing_max: Option<u32>) -> Predictive {
        let callers = Callers { over: 0, in_time: 0.0, give_ups: 0.0, yardstick: None };
        Predictive {
            ringing_max,
            target: 0,
            forecast: Forecast::default(),
            held_only: false,
            rests_until: None,
            callers,
        }
    }

    fn decide(&mut self, now: Now, figures: &Figures, outlook: &Outlook<'_>) {
        // Room opens little by little: whoever dials at a hair's breadth more of it takes it all, turn or no turn.
        let bonus = (-SHARE_POWERS * outlook.lacking()).exp();
        let spent = if figures.abandons_left == 0 { SPENT_POWERS.exp() } else { 1.0 };
        let prices = Prices {
            abandon: abandon_price(outlook) * spent * bonus,
            caller: self.callers.price(now, outlook) * bonus,
        };
        let fates = outlook.fates();
        self.forecast = Forecast {
            abandon_price: prices.abandon.is_finite().then_some(prices.abandon),
            caller_price: prices.caller,
            answer_share: fates.ever(),
            ..Forecast::default()
        };
        let held = figures.idle_with_slot;
        // With a cap of 0 an agent is held for every dial, and what callers may take of them has no price.
        self.held_only = prices.abandon.is_infinite();
        if self.held_only || fates.is_failing() {
            self.target = held;
            self.forecast.more = held.saturating_sub(figures.pending_alike);
            return;
        }
        let mut future = Future::of(now, figures, outlook);
        let rho = caller_rather_than_agent(now, outlook);
        let agents = f64::from(outlook.staffed());
        let most = (agents * DIALS_PER_AGENT_MAX).ceil() as u32;
        let may_cancel = outlook.may_cancel_ringing();
        let small = outlook.staffed() < SMALL_TEAM && may_cancel;
        let (mut more, mut chance) = (0, 0.0);
        while more < most {
            let (value, none_left) = future.worth(prices, rho);
            if more == 0 {
                chance = none_left;
                self.forecast.agents_free = future.mean();
                self.held_only = small && value <= 0.0;
            }
            if value <= 0.0 {
                break;
            }
            let batch = future.batch(most - more);
            future.add(batch);
            more += batch;
        }
        self.forecast.abandon_chance = chance;
        self.forecast.answers_expected = Lines::of(now, outlook).expected();
        self.forecast.more = more;
        self.target = figures.pending_alike + more;
        if small {
            self.target = self.target.max(held);
        }
    }
}

impl Pacer for Predictive {
    fn look(&mut self, now: Now, figures: &Figures, outlook: &Outlook<'_>) {
        if self.rests_until.is_some_and(|until| now.instant < until) {
            // A line that ended meanwhile is not followed by another: an agent may have gone with it.
            self.target = self.target.min(figures.pending_alike);
            return;
        }
        let parts = (outlook.staffed() + figures.pending) as usize;
        let rest = Duration::from_secs_f64(parts as f64 * REST_S_EACH);
        self.rests_until = (parts > LARGE).then(|| now.instant + rest);
        self.decide(now, figures, outlook);
    }

    fn next_look(&self) -> Option<Instant> {
        self.rests_until
    }

    fn agents_per_line(&self, budget_spent: bool) -> f64 {
        if self.held_only || budget_spent { 1.0 } else { self.forecast.answer_share.clamp(ANSWER_SHARE_MIN, 1.0) }
    }

    fn place(&self, figures: &Figures) -> u32 {
        let affordable = if figures.abandons_left == 0 { figures.idle_with_slot } else { u32::MAX };
        let wanted = self.target.min(affordable).saturating_sub(figures.pending_alike);
        within(if figures.slots == 0 { 0 } else { wanted }, figures, self.ringing_max)
    }

    fn keep(&self, figures: &Figures) -> u32 {
        // What rings has been paid for: it is given up only when outbound loses its agents.
        match (figures.slots, self.held_only) {
            (0, _) => 0,
            (_, true) => figures.idle_with_slot,
            (_, false) => u32::MAX,
        }
    }

    fn limit(&self, figures: &Figures) -> Limit {
        let held = self.held_only || figures.abandons_left == 0;
        ringing_max_or(if held { Limit::AgentsHeld } else { Limit::Price }, figures, self.ringing_max)
    }

    fn forecast(&self) -> Option<Forecast> {
        Some(self.forecast)
    }
}

/// The price of an abandoned call. Who has none left of the agents that a line takes may be a customer of any campaign of
/// the group: each of their prices has the weight of its customers, and the price is the same for all.
fn abandon_price(outlook: &Outlook<'_>) -> f64 {
    if outlook.abandon_rate_max() <= 0.0 {
        return f64::INFINITY;
    }
    let (mut sum, mut weights) = (0.0, 0.0);
    for board in outlook.at_stake() {
        let profile = outlook.profile(board);
        // A cap of 0 is no price: while such a campaign has lines, an agent is held for every line beside them (see the figures).
        let cap = board.abandon_rate_max(profile);
        if cap > 0.0 {
            let weight = board.today.answered as f64 + 1.0;
            sum += weight * price_of_one(cap, board.accounts(profile).map(|(_, abandoned, whole)| (abandoned, whole)));
            weights += weight;
        }
    }
    sum / weights
}

/// The price by the accounts of one campaign: what was abandoned, and of how many.
fn price_of_one(cap: f64, accounts: impl Iterator<Item = (f64, f64)>) -> f64 {
    let credits = accounts.map(|(abandoned, whole)| {
        let allowed = cap * whole;
        allowed - BUDGET_MARGIN * allowed.sqrt() - abandoned
    });
    let credit = credits.fold(f64::INFINITY, f64::min);
    let even = ABANDON_PRICE * ABANDON_PRICE_CAP / cap;
    (even * (-credit / ABANDON_CREDIT).exp()).clamp(*ABANDON_PRICES.start(), *ABANDON_PRICES.end())
}

impl Callers {
    /// The price of taking the last idle agent from callers, by how today's account stands. What no dialer could have
    /// done is not asked: where even progressive dialling misses the service level, or callers give up, as much is
    /// allowed.
    fn price(&mut self, now: Now, outlook: &Outlook<'_>) -> f64 {
        let (day, target) = outlook.callers_today();
        let over = day.answered + day.abandoned + day.overflowed;
        if over < self.over {
            // A new day.
            (self.over, self.in_time, self.give_ups) = (0, 0.0, 0.0);
        }
        let staffed = outlook.staffed();
        let fresh = |since: Instant| now.instant.since(since) < YARDSTICK_KEPT;
        let known = self.yardstick.filter(|(_, agents, since)| *agents == staffed && fresh(*since));
        let (service, ..) =
            *self.yardstick.insert(known.unwrap_or_else(|| (outlook.under_progressive(now), staffed, now.instant)));
        let more = (over - self.over) as f64;
        self.over = over;
        self.in_time += more * service.level;
        self.give_ups += more * service.give_ups;
        // Over the day, not at each moment: the quiet hours make up for the busy ones under progressive dialling too.
        let late = self.in_time.min(target * over as f64) - day.answered_in_time as f64;
        let given_up = day.abandoned as f64 - self.give_ups;
        let unreached = (target * over as f64 - self.in_time).max(0.0);
        let dearer = |callers: f64, borne: f64| (CALLER_POWERS * callers / borne).exp();
        let given_up = dearer(given_up, GIVEN_UP_SHARE * over as f64 + GIVEN_UP_FEW);
        let late = dearer(late, LATE_SHARE * over as f64 + LATE_FEW + LATE_UNREACHED * unreached);
        (CALLER_PRICE * (late + given_up)).min(CALLER_PRICE_MAX)
    }
}

impl Future {
    fn of(now: Now, figures: &Figures, outlook: &Outlook<'_>) -> Future {
        let own = outlook.fates().within(0.0);
        let ever = own[STEPS - 1].max(1e-6);
        let parts = (outlook.staffed() + figures.pending) as usize;
        let free = outlook.agents_free(figures) - i64::from(outlook.waiting_customers());
        let callers_per_s = outlook.shifts().callers.per_s(now.instant);
        let grace_s = (outlook.connect_deadline_s().min(DEADLINE_MAX_S) - SLACK_S).max(0.0);
        let (shift, lines) = (AtWork::of(now, outlook), Lines::of(now, outlook));
        let mut steps = Vec::with_capacity(STEPS);
        let mut before = 0.0;
        for (step, answered) in own.iter().enumerate() {
            let weight = (answered - before) / ever;
            let halfway = (before + answered) / 2.0;
            before = *answered;
            if weight < NO_WEIGHT {
                continue;
            }
            let until_s = (step as f64 + 0.5) * STEP_S;
            let mut balance = Balance::known(free, parts);
            shift.release(&mut balance, until_s + grace_s);
            lines.answer(&mut balance, step);
            balance.lose_poisson(callers_per_s * until_s);
            // Of the dials placed together with it, half of those that are answered in its own step are before it.
            steps.push(Step { balance, weight, answered: halfway });
        }
        Future { steps }
    }

    /// What one dial more is worth, in connected calls for each answer, and the chance that its answer finds nobody.
    fn worth(&self, prices: Prices, rho: f64) -> (f64, f64) {
        let (mut value, mut none) = (0.0, 0.0);
        for step in &self.steps {
            let none_left = step.balance.none_left();
            // What is worth next to nothing needs no sum.
            let free = prices.caller < NO_WEIGHT;
            let taken = if free { 0.0 } else { prices.caller * step.balance.taken_from_callers(rho) };
            value += step.weight * ((1.0 - none_left) - taken - prices.abandon * none_left);
            none += step.weight * none_left;
        }
        (value, none)
    }

    /// How many dials are added before it is asked again: one at a time in a small centre, more in a large one, where
    /// each changes little.
    fn batch(&self, most: u32) -> u32 {
        let large = self.steps.iter().find_map(|step| match step.balance {
            Balance::Moments { variance, .. } => Some(variance.sqrt() / 4.0),
            Balance::Exact { .. } => None,
        });
        (large.unwrap_or(1.0).floor().max(1.0) as u32).min(most.max(1))
    }

    fn add(&mut self, dials: u32) {
        for step in &mut self.steps {
            step.balance.lose_each(step.answered, dials);
        }
    }

    /// Agents free on average when a new dial is answered.
    fn mean(&self) -> f64 {
        let mean = |balance: &Balance| match balance {
            Balance::Moments { mean, .. } => *mean,
            Balance::Exact { lowest, chances } => {
                chances.iter().enumerate().map(|(place, chance)| (*lowest as f64 + place as f64) * chance).sum()
            }
        };
        self.steps.iter().map(|step| step.weight * mean(&step.balance)).sum()
    }
}

/// Agents at work, by what is known of when they will be free.
#[derive(Default)]
struct AtWork<'l> {
    /// Hazards of the talks, per second: with callers and with the customers of each campaign.
    talks: Vec<(&'l Handling, Chances)>,
    /// Who wraps up after what, and for how long so far, in seconds.
    wrapping: Vec<(&'l Lasting, f64)>,
}

impl<'l> AtWork<'l> {
    fn of(now: Now, outlook: &Outlook<'l>) -> AtWork<'l> {
        let mut at_work = AtWork::default();
        for busy in outlook.busy() {
            let age_s = now.instant.since(busy.since).as_secs_f64();
            let handling = outlook.handling(busy);
            match busy.phase {
                Phase::Talking => {
                    let hazard = handling.talk.hazard(age_s);
                    match at_work.talks.iter_mut().find(|(other, _)| std::ptr::eq(*other, handling)) {
                        Some((_, chances)) => chances.push(hazard),
                        None => {
                            let mut chances = Chances::default();
                            chances.push(hazard);
                            at_work.talks.push((handling, chances));
                        }
                    }
                }
                Phase::WrappingUp => at_work.wrapping.push((&handling.wrap_up, age_s)),
            }
        }
        at_work
    }

    /// Those who may be free within a time.
    fn release(&self, balance: &mut Balance, within_s: f64) {
        for (handling, talks) in &self.talks {
            let wrapped_s = wrapped_up(&handling.wrap_up, within_s);
            balance.gain_each(talks, wrapped_s, SURE_MAX);
        }
        for (wrap_up, age_s) in &self.wrapping {
            balance.gain(wrap_up.ends_within(*age_s, within_s).min(SURE_MAX));
        }
    }
}

/// The seconds of a span after which a talk that ends leaves enough of it for the wrap-up: ∫ W(u) du.
fn wrapped_up(wrap_up: &Lasting, within_s: f64) -> f64 {
    /// Points of the sum; the function is smooth.
    const POINTS: u32 = 8;
    let width_s = within_s / f64::from(POINTS);
    (0..POINTS).map(|point| wrap_up.over_within((f64::from(point) + 0.5) * width_s) * width_s).sum()
}

/// Lines on their way, alike ones together.
struct Lines<'l> {
    ringing: Vec<Alike<'l>>,
    /// Answered, and it is not known yet by whom: the chance that it is a person.
    answering: Vec<(f64, u32)>,
}

/// Lines of one list that have rung equally long.
struct Alike<'l> {
    within: &'l [f64; STEPS],
    likelier: f64,
    count: u32,
}

impl<'l> Lines<'l> {
    fn of(now: Now, outlook: &Outlook<'l>) -> Lines<'l> {
        let mut lines = Lines { ringing: Vec::new(), answering: Vec::new() };
        for board in outlook.boards() {
            let fates = &board.fates;
            for (rang_s, list, count) in board.ringing(now.instant) {
                let likelier = fates.likelier(list);
                lines.ringing.push(Alike { within: fates.within(rang_s), likelier, count });
            }
            lines.ringing.push(Alike { within: fates.within(0.0), likelier: 1.0, count: board.not_sent() });
            lines.answering.push((board.person_share(), board.answering));
        }
        lines
    }

    /// Those whose customers may have answered by the middle of a step.
    fn answer(&self, balance: &mut Balance, step: usize) {
        for alike in &self.ringing {
            let before = if step == 0 { 0.0 } else { alike.within[step - 1] };
            let chance = (before + alike.within[step]) / 2.0 * alike.likelier * OTHERS_WEIGHT;
            balance.lose_each(chance.min(SURE_MAX), alike.count);
        }
        for (chance, count) in &self.answering {
            balance.lose_each(*chance, *count);
        }
    }

    /// Answers expected of them within the time looked ahead.
    fn expected(&self) -> f64 {
        let ringing =
            self.ringing.iter().map(|alike| alike.within[STEPS - 1] * alike.likelier * f64::from(alike.count));
        let answering = self.answering.iter().map(|(chance, count)| chance * f64::from(*count));
        ringing.chain(answering).sum()
    }
}

/// ρ: how likely the next to come is a caller rather than an agent who becomes free.
fn caller_rather_than_agent(now: Now, outlook: &Outlook<'_>) -> f64 {
    let shifts = outlook.shifts();
    let releases = outlook.busy().map(|busy| {
        let age_s = now.instant.since(busy.since).as_secs_f64();
        let handling = outlook.handling(busy);
        match busy.phase {
            Phase::Talking => handling.talk.hazard(age_s),
            Phase::WrappingUp => handling.wrap_up.hazard(age_s),
        }
    });
    let callers = shifts.callers.per_s(now.instant);
    callers / (callers + releases.sum::<f64>()).max(1e-9)
}
