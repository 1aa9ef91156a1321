//! What goes wrong in a scenario, and when; and the law under which a trial's customers live.
//!
//! A scenario without faults is a day as one plans it; with them it is a trial, in which the world takes time to answer,
//! the store can crash, and a checker watches. `days` makes trials from seeds. Read [`Fault`] and [`Law`] first.

mod days;

pub use days::day;

use std::collections::BTreeMap;

use crate::model::calling_hours::{DaySpan, MinuteOfDay, WeeklyHours};
use crate::model::campaign::RetryRule;
use crate::model::disposition::Disposition;
use crate::model::phone::PhoneNumber;
use crate::model::profile::AttemptCap;
use crate::model::time::Timestamp;
use crate::sim::scenario::wiring::lead_number;

/// A span in which something is wrong, in seconds of the scenario.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// From here on.
    pub from_s: f64,
    /// Until here.
    pub to_s: f64,
}

/// One thing that goes wrong. Times are in seconds of the scenario.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// The carrier takes no call, and loses those that ring.
    CarrierOutage(Span),
    /// Facts of calls, phones and the store come late, by chance, up to so many seconds; in their order.
    SlowAnswers {
        /// When.
        span: Span,
        /// At most this late.
        up_to_s: f64,
    },
    /// Facts of calls get lost: ringing, failures, hang-ups, ends of prompts.
    Lost {
        /// When.
        span: Span,
        /// Which share, 0 to 1.
        share: f64,
    },
    /// Facts of calls come twice.
    Doubled {
        /// When.
        span: Span,
        /// Which share, 0 to 1.
        share: f64,
    },
    /// The store answers nothing until the end of the span.
    StoreStall(Span),
    /// The store takes no write: intents fail, some of them after all recorded; results are kept beside it.
    StoreRefusal(Span),
    /// The program is killed, in the middle of what it does, and started again.
    Crash {
        /// When.
        at_s: f64,
        /// Started again after this.
        down_s: f64,
    },
    /// The wall clock steps.
    ClockStep {
        /// When.
        at_s: f64,
        /// By so much.
        by_s: f64,
    },
    /// Agents vanish at once: desk and phone are gone.
    AgentsVanish {
        /// When.
        at_s: f64,
        /// How many.
        count: u32,
        /// They come back after this.
        back_s: f64,
    },
    /// Numbers are suppressed while they ring or are queued.
    Suppressed {
        /// When.
        at_s: f64,
        /// How many.
        count: u32,
    },
    /// Customers revoke their consent while their numbers ring or are queued.
    Revoked {
        /// When.
        at_s: f64,
        /// How many.
        count: u32,
    },
    /// All agents sign out.
    SignOut {
        /// When.
        at_s: f64,
        /// They come back after this.
        back_s: f64,
    },
    /// Callers come all at once.
    Burst {
        /// When.
        at_s: f64,
        /// How many.
        callers: u32,
    },
    /// A campaign is paused.
    Pause {
        /// When.
        span: Span,
    },
}

impl Fault {
    /// When it begins and when it has passed.
    pub fn span(&self) -> Span {
        match *self {
            Fault::CarrierOutage(span)
            | Fault::SlowAnswers { span, .. }
            | Fault::Lost { span, .. }
            | Fault::Doubled { span, .. }
            | Fault::StoreStall(span)
            | Fault::StoreRefusal(span)
            | Fault::Pause { span } => span,
            Fault::Crash { at_s, down_s } => Span { from_s: at_s, to_s: at_s + down_s },
            Fault::ClockStep { at_s, .. } => Span { from_s: at_s, to_s: at_s + 60.0 },
            Fault::AgentsVanish { at_s, back_s, .. } | Fault::SignOut { at_s, back_s } => {
                Span { from_s: at_s, to_s: at_s + back_s }
            }
            Fault::Suppressed { at_s, .. } | Fault::Revoked { at_s, .. } | Fault::Burst { at_s, .. } => {
                Span { from_s: at_s, to_s: at_s }
            }
        }
    }
}

/// Under which rules a trial's customers may be called, and what is known about them.
#[derive(Clone, Debug, PartialEq)]
pub struct Law {
    /// Calendar time of time 0.
    pub begins: Timestamp,
    /// Hours of the profile, minutes of the customer's day.
    pub open: (u16, u16),
    /// Hours of the campaigns.
    pub campaign_open: (u16, u16),
    /// A weekday on which nobody is called, Monday = 0.
    pub closed_day: Option<u8>,
    /// Zones that a number may be in, by number.
    pub zones: Vec<Vec<&'static str>>,
    /// Attempt caps of the profile.
    pub caps: Vec<AttemptCap>,
    /// Whether consent is needed.
    pub consent_required: bool,
    /// Share of numbers with consent.
    pub consent_share: f64,
    /// Share of numbers that are suppressed from the beginning.
    pub suppressed_share: f64,
    /// Rest after an abandoned call, in seconds.
    pub abandon_cool_off_s: u64,
    /// Numbers there are; leads of all campaigns share them.
    pub numbers: u64,
    /// Retry rules of the campaigns.
    pub retry: BTreeMap<Disposition, RetryRule>,
    /// Attempts for each lead.
    pub attempts_max: u32,
    /// Dials of each campaign.
    pub dials_max: Option<u64>,
    /// The clock ends wrap-up after this, in seconds; `None`: the agents do.
    pub wrap_up_max_s: Option<u32>,
    /// Every second phone is held up between calls.
    pub nailed_up: bool,
    /// Callers do not get the idle agents that ringing lines need.
    pub keeps_for_answers: bool,
}

impl Law {
    /// Anybody at any time, one number for each lead: what a scenario of a file has.
    pub fn none(begins: Timestamp) -> Law {
        Law {
            begins,
            open: (0, 1440),
            campaign_open: (0, 1440),
            closed_day: None,
            zones: vec![vec!["UTC"]],
            caps: Vec::new(),
            consent_required: false,
            consent_share: 1.0,
            suppressed_share: 0.0,
            abandon_cool_off_s: 0,
            numbers: 1_000_000,
            retry: BTreeMap::new(),
            attempts_max: 1,
            dials_max: None,
            wrap_up_max_s: None,
            nailed_up: false,
            keeps_for_answers: false,
        }
    }

    /// The number of a lead: leads of all campaigns share the numbers there are.
    pub fn place_of(&self, campaign: usize, lead: u64) -> u64 {
        /// Odd, so that each campaign goes through all numbers, in its own order.
        const STRIDE: u64 = 7;
        (lead * STRIDE + campaign as u64 * 1_000_003) % self.numbers.max(1)
    }

    /// A number by its place.
    pub fn number(&self, place: u64) -> PhoneNumber {
        lead_number(0, place)
    }

    /// The zones a number may be in.
    pub fn zones_of(&self, number: &PhoneNumber) -> &[&'static str] {
        let digits = number.digits();
        let place: usize = digits.get(4..).and_then(|place| place.parse().ok()).unwrap_or_default();
        self.zones.get(place % self.zones.len().max(1)).map_or(&[], Vec::as_slice)
    }

    /// Hours as the engine knows them.
    pub fn hours(&self, (from, to): (u16, u16)) -> WeeklyHours {
        let mut hours = WeeklyHours::every_day(DaySpan { from: MinuteOfDay(from), to: MinuteOfDay(to) });
        if let Some(day) = self.closed_day.and_then(|day| hours.days.get_mut(usize::from(day))) {
            day.clear();
        }
        hours
    }
}
