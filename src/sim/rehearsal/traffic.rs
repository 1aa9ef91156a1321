//! Recorded traffic: what came from outside, apart from what the engine made of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::survival::{Observations, Seen};
use super::tally::Hours;
use crate::engine::event::Event;
use crate::model::attempt::{AnsweredBy, CallFailure};
use crate::model::id::UserId;
use crate::model::name::{CampaignKey, PromptName, QueueName, TrunkName};
use crate::model::time::{Now, Timestamp};

/// Fewer dials than this say too little about an hour; its neighbours are asked as well.
const DIALS_FEW: usize = 60;
/// Milliseconds of an hour.
pub const HOUR_MS: i64 = 3_600_000;

/// Everything of a span.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Without interruption each: the service was not restarted within one.
    pub stretches: Vec<Stretch>,
    /// What they say together.
    pub lore: Lore,
}

/// A stretch of one run of the service.
#[derive(Debug)]
pub struct Stretch {
    /// When it begins; until the span it is a warm-up: learned from, not counted.
    pub origin: Now,
    /// When it ends.
    pub end: Timestamp,
    /// Settings, campaigns, controls and health, in order, by the time since the origin.
    pub plans: Vec<(Duration, Event)>,
    /// What agents did of their own accord, and callers, in order.
    pub deeds: Vec<(Duration, Deed)>,
    /// Callers, in the order in which they came.
    pub callers: Vec<CallerSeen>,
    /// Dials of each campaign, in the order in which they left.
    pub dials: BTreeMap<CampaignKey, Vec<DialSeen>>,
    /// Campaigns whose list had come to its end at some time.
    pub ran_dry: BTreeSet<CampaignKey>,
    /// Time zones of leads that were handed out, a sample of each campaign's.
    pub zones: BTreeMap<CampaignKey, Vec<Vec<String>>>,
    /// How long it took to connect an agent, in seconds.
    pub bridging: Vec<f64>,
    /// How long prompts are, in seconds.
    pub prompts: BTreeMap<PromptName, f64>,
    /// What it came to.
    pub recorded: Hours,
}

/// Something that happened by itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// An agent signed in; the event as it was.
    SignsIn(Box<Event>),
    /// An agent became willing.
    Willing(UserId),
    /// An agent was paused, or the phone or desk was lost.
    Rests(UserId, String),
    /// An agent left.
    Leaves(UserId),
    /// A caller came: the place in [`Stretch::callers`].
    Caller(usize),
}

/// One caller.
#[derive(Clone, Debug, PartialEq)]
pub struct CallerSeen {
    /// By which trunk.
    pub trunk: TrunkName,
    /// The dialled number.
    pub did: String,
    /// The queue, if the caller came that far.
    pub queue: Option<QueueName>,
    /// How long the caller would wait.
    pub patience: Seen,
    /// Talk, where there was any.
    pub talk: Option<Seen>,
    /// The agent's wrap-up, where there was any.
    pub wrap_up: Option<Seen>,
}

/// One dial.
#[derive(Clone, Debug, PartialEq)]
pub struct DialSeen {
    /// When it left.
    pub at: Timestamp,
    /// When it rang, in seconds from then.
    pub rang_s: Option<f64>,
    /// From the dial to its end on the network's side, as far as it was seen.
    pub rings: Seen,
    /// How it ended there; [`Fate::Open`] where it was given up before.
    pub fate: Fate,
    /// How long the customer would wait for an agent.
    pub patience: Option<Seen>,
    /// Talk, where there was any.
    pub talk: Option<Seen>,
    /// The agent's wrap-up, where there was any.
    pub wrap_up: Option<Seen>,
}

/// How a dial ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    /// Given up while it rang, or still ringing: not known.
    Open,
    /// The network said no.
    Failed(CallFailure),
    /// Somebody or something answered; with the verdict of detection, its confidence and its time in ms.
    Answered(Option<(AnsweredBy, u8, u32)>),
}

/// What all stretches say together: from here is drawn what was not seen.
#[derive(Debug, Default)]
pub struct Lore {
    /// By campaign.
    pub campaigns: BTreeMap<CampaignKey, CampaignLore>,
    /// By queue; `None` for callers who came to none.
    pub queues: BTreeMap<Option<QueueName>, Times>,
    /// How long it took to connect an agent, in seconds.
    pub bridging: Observations<()>,
    /// How long prompts are, in seconds.
    pub prompts: BTreeMap<PromptName, f64>,
}

/// Times of customers or callers of one kind.
#[derive(Debug, Default)]
pub struct Times {
    /// How long they wait.
    pub patience: Observations<()>,
    /// How long they talk.
    pub talk: Observations<()>,
    /// How long the agent wraps up.
    pub wrap_up: Observations<()>,
}

/// What is known of a campaign's customers.
#[derive(Debug, Default)]
pub struct CampaignLore {
    /// All dials, in order.
    pub dials: Vec<DialSeen>,
    /// Ring times by the hour; what they belong to is the place in `dials`.
    hours: BTreeMap<i64, Observations<usize>>,
    /// Of those who answered.
    pub times: Times,
    /// Most dials, where the list ran dry.
    pub dials_max: Option<u64>,
    /// Time zones of its leads, one entry a lead.
    pub zones: Vec<Vec<String>>,
}

impl Lore {
    /// Of these stretches.
    pub fn of(stretches: &[Stretch]) -> Lore {
        let mut dials: BTreeMap<CampaignKey, (Vec<DialSeen>, bool)> = BTreeMap::new();
        let mut callers: BTreeMap<Option<QueueName>, Vec<&CallerSeen>> = BTreeMap::new();
        let mut lore = Lore::default();
        for stretch in stretches {
            for (key, seen) in &stretch.dials {
                dials.entry(key.clone()).or_default().0.extend(seen.iter().cloned());
            }
            for key in &stretch.ran_dry {
                dials.entry(key.clone()).or_default().1 = true;
            }
            for caller in &stretch.callers {
                callers.entry(caller.queue.clone()).or_default().push(caller);
            }
            for (prompt, s) in &stretch.prompts {
                let known = lore.prompts.entry(prompt.clone()).or_default();
                *known = known.max(*s);
            }
        }
        let bridging = stretches.iter().flat_map(|stretch| &stretch.bridging);
        lore.bridging = Observations::of(bridging.map(|s| (Seen::whole(*s), ())));
        lore.campaigns = dials.into_iter().map(|(key, (seen, dry))| (key, CampaignLore::of(seen, dry))).collect();
        for (key, zones) in stretches.iter().flat_map(|stretch| &stretch.zones) {
            if let Some(campaign) = lore.campaigns.get_mut(key) {
                campaign.zones.extend(zones.iter().cloned());
            }
        }
        for (queue, seen) in callers {
            let times = Times {
                patience: Observations::of(seen.iter().map(|caller| (caller.patience, ()))),
                talk: Observations::of(seen.iter().filter_map(|caller| Some((caller.talk?, ())))),
                wrap_up: Observations::of(seen.iter().filter_map(|caller| Some((caller.wrap_up?, ())))),
            };
            lore.queues.insert(queue, times);
        }
        lore
    }
}

impl CampaignLore {
    fn of(mut dials: Vec<DialSeen>, ran_dry: bool) -> CampaignLore {
        dials.sort_by_key(|dial| dial.at);
        let times = Times {
            patience: Observations::of(dials.iter().filter_map(|dial| Some((dial.patience?, ())))),
            talk: Observations::of(dials.iter().filter_map(|dial| Some((dial.talk?, ())))),
            wrap_up: Observations::of(dials.iter().filter_map(|dial| Some((dial.wrap_up?, ())))),
        };
        let dials_max = ran_dry.then_some(dials.len() as u64);
        let mut lore = CampaignLore { dials, hours: BTreeMap::new(), times, dials_max, zones: Vec::new() };
        let hours = lore.dials.iter().map(|dial| hour(dial.at));
        let distinct: BTreeSet<i64> = hours.collect();
        lore.hours = distinct.into_iter().map(|hour| (hour, lore.of_hour(hour))).collect();
        lore
    }

    /// The dials of an hour, and of its neighbours while they are few.
    fn of_hour(&self, hour: i64) -> Observations<usize> {
        let count = self.dials.len();
        let mut from = self.dials.partition_point(|dial| self::hour(dial.at) < hour);
        let mut to = self.dials.partition_point(|dial| self::hour(dial.at) <= hour);
        let missing = DIALS_FEW.saturating_sub(to - from);
        from = from.saturating_sub(missing.div_ceil(2));
        to = (to + missing.div_ceil(2)).min(count);
        Observations::of((from..to).map(|place| (self.dials[place].rings, place)))
    }

    /// Ring times of dials around a time: of its hour, or of the nearest hour that has any.
    pub fn around(&self, at: Timestamp) -> Option<&Observations<usize>> {
        let wanted = hour(at);
        let before = self.hours.range(..=wanted).next_back();
        let after = self.hours.range(wanted..).next();
        let nearest = [before, after].into_iter().flatten().min_by_key(|(other, _)| (*other - wanted).abs());
        nearest.map(|(_, seen)| seen)
    }
}

/// The hour since 1970 that a time falls into.
pub fn hour(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(HOUR_MS)
}
