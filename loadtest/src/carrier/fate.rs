//! What becomes of a call to a number: by seed, number and how often it was called before.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::chance::Chance;
use crate::sip::sdp::Law;

/// How people and machines behave, as shares and times.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Manners {
    /// Share of numbers that do not exist (404). A property of the number, not of the attempt.
    pub invalid: f64,
    /// Share of numbers with an answering machine that answers when nobody does.
    pub has_machine: f64,
    /// Share of attempts that a person answers.
    pub person: f64,
    /// Share of attempts that find the line busy (486).
    pub busy: f64,
    /// Share of attempts that are declined while ringing (603).
    pub declined: f64,
    /// Share of attempts that find no room in the network (503 with Retry-After).
    pub congested: f64,
    /// Share of attempts that are answered and hung up within a second.
    pub fleeting: f64,
    /// Mean time until a person answers, in seconds (lognormal, cv 0.4).
    pub ring_s: f64,
    /// Mean time a person talks before wanting to end, in seconds (lognormal, cv 0.7).
    pub talk_s: f64,
    /// Share of calls that the customer ends.
    pub hangs_up_first: f64,
    /// Mean time a person says hello to nobody before hanging up, in seconds (lognormal, cv 0.3).
    pub silence_s: f64,
    /// All times are divided by this.
    pub speed: f64,
}

impl Default for Manners {
    fn default() -> Manners {
        Manners {
            invalid: 0.04,
            has_machine: 0.35,
            person: 0.42,
            busy: 0.08,
            declined: 0.02,
            congested: 0.005,
            fleeting: 0.01,
            ring_s: 10.0,
            talk_s: 45.0,
            hangs_up_first: 0.4,
            silence_s: 5.0,
            speed: 1.0,
        }
    }
}

/// What becomes of one call.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// 404, at once.
    Invalid,
    /// 486, soon.
    Busy,
    /// 503 with Retry-After.
    Congested,
    /// 603 after some ringing.
    Declined {
        /// How long it rings.
        ring: Duration,
    },
    /// Nobody answers.
    NoAnswer,
    /// A machine answers.
    Machine {
        /// How long it rings.
        ring: Duration,
        /// Length of its greeting, in frames.
        greeting_frames: u64,
    },
    /// A person answers and is gone.
    Fleeting {
        /// How long it rings.
        ring: Duration,
        /// How long the call is up.
        hold: Duration,
    },
    /// A person answers.
    Person(Person),
}

/// A person who answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// How long it rings.
    pub ring: Duration,
    /// How long the person talks to an agent before ending it; `None`: leaves that to the agent.
    pub talk: Option<Duration>,
    /// How long the person says hello to nobody.
    pub silence: Duration,
    /// The law the person's network speaks.
    pub law: Law,
    /// Something is heard before the answer (183 instead of 180).
    pub early_media: bool,
}

impl Manners {
    /// What becomes of the call to this number that is the `ordinal`-th, from 0.
    pub fn fate(&self, seed: u64, number: &str, ordinal: u32) -> Fate {
        let mut lasting = Chance::of(seed, number);
        if lasting.happens(self.invalid) {
            return Fate::Invalid;
        }
        let has_machine = lasting.happens(self.has_machine);
        let law = if lasting.happens(0.25) { Law::A } else { Law::Mu };
        let early_media = lasting.happens(0.15);
        let mut now = Chance::of(seed, &format!("{number}/{ordinal}"));
        let weights = [self.person, self.busy, self.declined, self.congested, self.fleeting];
        let rest = (1.0 - weights.iter().sum::<f64>()).max(0.0);
        let kind = now.weighted(&[weights[0], weights[1], weights[2], weights[3], weights[4], rest]);
        let ring = self.time(now.lognormal(self.ring_s, 0.4));
        match kind {
            Some(0) => Fate::Person(Person {
                ring,
                talk: now.happens(self.hangs_up_first).then(|| self.time(now.lognormal(self.talk_s, 0.7).max(4.0))),
                silence: self.time(now.lognormal(self.silence_s, 0.3).max(3.0)),
                law,
                early_media,
            }),
            Some(1) => Fate::Busy,
            Some(2) => Fate::Declined { ring },
            Some(3) => Fate::Congested,
            Some(4) => Fate::Fleeting { ring, hold: Duration::from_secs_f64(now.between(0.2, 0.9)) },
            _ if has_machine => Fate::Machine {
                ring: self.time(now.between(14.0, 19.0)),
                greeting_frames: (now.between(4.0, 8.0) * 50.0) as u64,
            },
            _ => Fate::NoAnswer,
        }
    }

    fn time(&self, seconds: f64) -> Duration {
        Duration::from_secs_f64((seconds / self.speed.max(0.01)).clamp(0.0, 3600.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::customer;

    #[test]
    fn a_number_has_the_same_fate_in_every_run_of_a_seed() {
        let manners = Manners::default();
        for index in 0..200 {
            let number = customer(index);
            assert_eq!(manners.fate(5, &number, 0), manners.fate(5, &number, 0));
        }
        let differ = (0..200).filter(|i| manners.fate(5, &customer(*i), 0) != manners.fate(6, &customer(*i), 0));
        assert!(differ.count() > 100);
    }

    #[test]
    fn a_number_that_does_not_exist_never_does() {
        let manners = Manners::default();
        let invalid = (0..3000).map(customer).filter(|number| manners.fate(5, number, 0) == Fate::Invalid);
        for number in invalid {
            assert!((1..5).all(|ordinal| manners.fate(5, &number, ordinal) == Fate::Invalid), "{number}");
        }
    }

    #[test]
    fn shares_and_times_are_those_asked_for() {
        let manners = Manners::default();
        let fates: Vec<Fate> = (0..5000).map(|index| manners.fate(9, &customer(index), 0)).collect();
        let people: Vec<&Person> =
            fates.iter().filter_map(|f| if let Fate::Person(person) = f { Some(person) } else { None }).collect();
        let share = people.len() as f64 / fates.len() as f64;
        assert!((0.37..0.44).contains(&share), "{share}");
        let ring = people.iter().map(|p| p.ring.as_secs_f64()).sum::<f64>() / people.len() as f64;
        assert!((9.5..10.5).contains(&ring), "{ring}");
        let machines = fates.iter().filter(|f| matches!(f, Fate::Machine { .. })).count();
        assert!((600..1000).contains(&machines), "{machines}");
    }
}
