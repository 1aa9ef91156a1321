//! Running a journal again: the same inputs at the same times, through a fresh engine of the same seed.
//!
//! The driver writes a line for every input, and with it a [`Checksum`] of all commands so far. A replay that comes to the
//! same checksum at every line has given the same commands, all of them, in the same order; where it first differs, that
//! input is the one to look at. Reading files is not done here. Read [`Entry`] and [`Replay`] first.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Engine;
use super::command::Command;
use super::event::Event;
use crate::model::time::{Instant, Now, Timestamp};
use crate::model::zone::Zone;

/// One input with its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Monotonic time in microseconds since the run's origin.
    #[serde(rename = "i")]
    pub instant: Instant,
    /// Calendar time.
    #[serde(rename = "t")]
    pub timestamp: Timestamp,
    /// What the engine was told; `None`: one of its deadlines passed.
    #[serde(rename = "e")]
    pub event: Option<Event>,
    /// Over all commands of the run up to and with this input's; `None` in older journals, and where the program ended
    /// before the engine had answered.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub commands: Option<Sum>,
}

/// The value of a [`Checksum`]; 16 hexadecimal digits in a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum(pub u64);

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A text is not a checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a checksum of 16 hexadecimal digits")]
pub struct NotASum;

impl FromStr for Sum {
    type Err = NotASum;
    fn from_str(text: &str) -> Result<Sum, NotASum> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits.then(|| u64::from_str_radix(text, 16).ok()).flatten().map(Sum).ok_or(NotASum)
    }
}

impl Serialize for Sum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Sum, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A running checksum of everything the engine said.
///
/// Multiply and rotate over the commands' JSON, eight bytes at a time: it guards against mistakes, not against forgers,
/// and must cost less than what it watches. It runs on from input to input, so that the last line vouches for all before
/// it, and it is taken at every input, so that a difference is found where it begins.
#[derive(Clone, Debug, Default)]
pub struct Checksum {
    state: u64,
    text: Vec<u8>,
}

/// An odd number with well mixed bits (the golden ratio's).
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl Checksum {
    /// Takes in one command.
    pub fn see(&mut self, command: &Command) {
        self.text.clear();
        // Every command has a JSON form; of one that had none, what was written before is taken.
        drop(serde_json::to_writer(&mut self.text, command));
        let mut words = self.text.chunks_exact(8);
        for word in &mut words {
            self.state = mix(self.state, word.try_into().map_or(0, u64::from_le_bytes));
        }
        let mut rest = [0u8; 8];
        rest[..words.remainder().len()].copy_from_slice(words.remainder());
        self.state = mix(self.state, u64::from_le_bytes(rest));
        self.state = mix(self.state, self.text.len() as u64);
    }

    /// Over all commands so far.
    pub fn sum(&self) -> Sum {
        let folded = (self.state ^ (self.state >> 32)).wrapping_mul(FACTOR);
        Sum(folded ^ (folded >> 29))
    }
}

fn mix(state: u64, word: u64) -> u64 {
    (state.rotate_left(23) ^ word).wrapping_mul(FACTOR)
}

/// What a replay has done so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Inputs that were run.
    pub inputs: u64,
    /// Of these, deadlines of the engine that passed.
    pub deadlines: u64,
    /// Inputs whose commands were proved equal.
    pub proved: u64,
    /// Commands by kind.
    pub commands: BTreeMap<&'static str, u64>,
    /// Time of the first input.
    pub from: Option<Timestamp>,
    /// Time of the last one.
    pub to: Option<Timestamp>,
    /// Beginnings of the days that inputs fell on, by the zone of the installation.
    pub days: BTreeSet<Timestamp>,
}

/// The engine gave other commands than it did when the journal was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// As the journal has it.
    pub recorded: Sum,
    /// As it is now.
    pub replayed: Sum,
}

/// One run of the program, run again.
#[derive(Debug)]
pub struct Replay {
    engine: Engine,
    checksum: Checksum,
    tally: Tally,
    zone: Zone,
    /// The quarter of an hour of the last input: days are looked up only when it changes.
    quarter: Option<i64>,
}

/// No zone begins its day within one.
const QUARTER_MS: i64 = 15 * 60_000;

impl Replay {
    /// With the seed of the journal's header.
    pub fn new(seed: u64) -> Replay {
        Replay {
            engine: Engine::new(seed),
            checksum: Checksum::default(),
            tally: Tally::default(),
            zone: Zone::utc(),
            quarter: None,
        }
    }

    /// Runs the next input.
    ///
    /// # Errors
    /// The engine's commands are not those of the journal. What follows can be run, and proves nothing.
    pub fn run(&mut self, entry: Entry) -> Result<(), Difference> {
        self.run_seen(entry, &mut |_| {})
    }

    /// Runs the next input, and shows every command of it to whoever wants to know what the engine did then.
    ///
    /// # Errors
    /// As [`Replay::run`].
    pub fn run_seen(&mut self, entry: Entry, seen: &mut dyn FnMut(&Command)) -> Result<(), Difference> {
        let now = Now { instant: entry.instant, timestamp: entry.timestamp };
        self.count(now, entry.event.as_ref());
        match entry.event {
            Some(event) => self.engine.handle(now, event),
            None => self.engine.handle_timeout(now),
        }
        while let Some(command) = self.engine.poll_command() {
            self.checksum.see(&command);
            seen(&command);
            *self.tally.commands.entry(command.kind()).or_default() += 1;
        }
        let replayed = self.checksum.sum();
        match entry.commands {
            Some(recorded) if recorded != replayed => Err(Difference { recorded, replayed }),
            Some(_) => {
                self.tally.proved += 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn count(&mut self, now: Now, event: Option<&Event>) {
        if let Some(Event::SettingsApplied { settings }) = event {
            self.zone = Zone::named(&settings.zone).unwrap_or_else(|_| Zone::utc());
        }
        let at = now.timestamp;
        self.tally.inputs += 1;
        self.tally.deadlines += u64::from(event.is_none());
        self.tally.from = self.tally.from.or(Some(at));
        self.tally.to = Some(at);
        let quarter = at.as_millis().div_euclid(QUARTER_MS);
        if self.quarter != Some(quarter) {
            self.quarter = Some(quarter);
            self.tally.days.insert(self.zone.day_began(at));
        }
    }

    /// What was done so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::UserId;

    #[test]
    fn the_checksum_knows_order_and_where_one_command_ends() {
        let sum = |users: &[i64]| {
            let mut checksum = Checksum::default();
            users.iter().for_each(|user| checksum.see(&Command::RingAgent { user: UserId(*user) }));
            checksum.sum()
        };
        assert_eq!(sum(&[1, 2]), sum(&[1, 2]));
        let all = [sum(&[]), sum(&[1]), sum(&[2]), sum(&[1, 2]), sum(&[2, 1]), sum(&[1, 2, 2])];
        let distinct: BTreeSet<u64> = all.iter().map(|sum| sum.0).collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn a_checksum_reads_back_and_a_line_without_one_is_an_older_one() {
        let sum = Sum(0x00ab_cdef_0123_4567);
        assert_eq!(sum.to_string().parse(), Ok(sum));
        assert_eq!("+0abcdef01234567".parse::<Sum>(), Err(NotASum));
        let old: Entry = serde_json::from_str(r#"{"i":1,"t":2,"e":null}"#).unwrap();
        assert_eq!(old.commands, None);
        assert_eq!(serde_json::to_string(&old).unwrap(), r#"{"i":1,"t":2,"e":null}"#);
    }
}
