//! Answering machine detection: who or what answered, by the cadence of what is heard and by tones.
//!
//! Not speech recognition, and not certain: each verdict says which rule decided, how sure it is and how long it took, so
//! that results can be measured per trunk. Deterministic over samples: the same audio gives the same verdict. Read
//! [`AmdSettings`], [`Classifier`] and [`Rule`].

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::g711::Law;

mod cadence;
mod tones;

use cadence::Cadence;
use tones::{Tones, WINDOW};

/// Samples of one level measurement: 10 ms.
const BLOCK: usize = 80;

/// How detection decides. Times are in milliseconds of heard audio. The cadence's parameters mean what operators know
/// from other systems; the defaults answer in 0.8 to 2.5 s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AmdSettings {
    /// Nothing but silence for this long: [`Verdict::Silence`]. 2500.
    pub initial_silence_ms: u32,
    /// A greeting longer than this is a machine's. 1500.
    pub greeting_ms: u32,
    /// Silence for this long after a short greeting: a person who waits for an answer. 800.
    pub after_greeting_silence_ms: u32,
    /// After this long without a verdict: [`Verdict::Unsure`]. 5000.
    pub total_analysis_ms: u32,
    /// Sound shorter than this is no word. 100.
    pub min_word_ms: u32,
    /// Silence of this length ends a word. 50.
    pub between_words_ms: u32,
    /// More words than this in one greeting are a machine's. 3.
    pub max_words: u32,
    /// Mean absolute sample value (of 32767) up to which a quiet line is silent. On a noisy line the threshold rises by
    /// itself, to at most two and a half times this. 256.
    pub silence_threshold: u32,
    /// A single steady tone of this length after or instead of a greeting is a voicemail beep. 200.
    pub beep_ms: u32,
}

impl Default for AmdSettings {
    fn default() -> AmdSettings {
        AmdSettings {
            initial_silence_ms: 2_500,
            greeting_ms: 1_500,
            after_greeting_silence_ms: 800,
            total_analysis_ms: 5_000,
            min_word_ms: 100,
            between_words_ms: 50,
            max_words: 3,
            silence_threshold: 256,
            beep_ms: 200,
        }
    }
}

/// A setting out of its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is {value}, expected {least} to {most}")]
pub struct AmdSettingError {
    /// The field.
    pub name: &'static str,
    /// Its value.
    pub value: u32,
    /// The smallest that makes sense.
    pub least: u32,
    /// The largest that makes sense.
    pub most: u32,
}

impl AmdSettings {
    /// Checks every field; the first that is out of range is the error.
    pub fn check(&self) -> Result<(), AmdSettingError> {
        let fields = [
            ("initial_silence_ms", self.initial_silence_ms, 200, 30_000),
            ("greeting_ms", self.greeting_ms, 200, 30_000),
            ("after_greeting_silence_ms", self.after_greeting_silence_ms, 100, 10_000),
            ("total_analysis_ms", self.total_analysis_ms, 500, 60_000),
            ("min_word_ms", self.min_word_ms, 20, 2_000),
            ("between_words_ms", self.between_words_ms, 20, 2_000),
            ("max_words", self.max_words, 1, 100),
            ("silence_threshold", self.silence_threshold, 16, 8_000),
            ("beep_ms", self.beep_ms, 100, 5_000),
        ];
        match fields.into_iter().find(|(_, value, least, most)| !(*least..=*most).contains(value)) {
            Some((name, value, least, most)) => Err(AmdSettingError { name, value, least, most }),
            None => Ok(()),
        }
    }
}

/// Who or what answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A person.
    Human,
    /// Voicemail or an announcement.
    Machine,
    /// A fax machine or modem.
    Fax,
    /// The network's special information tone: number not in service, congestion, ….
    SpecialInformationTone,
    /// Ringback after answer: the trunk reports an answer that is none (false answer supervision).
    Ringback,
    /// Nobody speaks.
    Silence,
    /// No rule applied in time.
    Unsure,
}

/// Which rule decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Silence from the beginning.
    InitialSilence,
    /// The greeting goes on too long.
    LongGreeting,
    /// The greeting has too many words.
    WordCount,
    /// A short greeting, then silence.
    AfterGreetingSilence,
    /// A single steady tone.
    VoicemailBeep,
    /// Three rising tones near 950, 1400 and 1800 Hz (ITU-T E.180).
    SpecialInformationTone,
    /// 1100 Hz: a fax machine calls (ITU-T T.30 CNG).
    FaxCalling,
    /// 2100 Hz: a fax machine or modem answers (ITU-T T.30 CED, V.25).
    FaxAnswer,
    /// 400 to 480 Hz in the rhythm of ringing.
    RingbackHeard,
    /// The time is up.
    TimeIsUp,
}

impl Rule {
    /// The name in logs and reports.
    pub fn name(self) -> &'static str {
        match self {
            Rule::InitialSilence => "initial_silence",
            Rule::LongGreeting => "long_greeting",
            Rule::WordCount => "word_count",
            Rule::AfterGreetingSilence => "after_greeting_silence",
            Rule::VoicemailBeep => "voicemail_beep",
            Rule::SpecialInformationTone => "special_information_tone",
            Rule::FaxCalling => "fax_calling",
            Rule::FaxAnswer => "fax_answer",
            Rule::RingbackHeard => "ringback_heard",
            Rule::TimeIsUp => "time_is_up",
        }
    }
}

/// The result of detection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Classification {
    /// Who or what answered.
    pub verdict: Verdict,
    /// How sure, 0 to 1: a rank among rules, not a measured frequency.
    pub confidence: f32,
    /// Heard audio that it took, silence of missing packets included.
    pub took: Duration,
    /// Which rule decided.
    pub rule: Rule,
}

/// Listens to one leg until it has a verdict. About 1 µs per 20 ms.
#[derive(Debug)]
pub struct Classifier {
    cadence: Cadence,
    tones: Tones,
    window: [f32; WINDOW],
    filled: usize,
    heard_samples: u64,
    total_ms: u64,
    verdict: Option<Classification>,
}

impl Classifier {
    /// Starts listening.
    pub fn new(settings: AmdSettings) -> Classifier {
        Classifier {
            cadence: Cadence::new(settings),
            tones: Tones::new(settings.beep_ms),
            window: [0.0; WINDOW],
            filled: 0,
            heard_samples: 0,
            total_ms: settings.total_analysis_ms.into(),
            verdict: None,
        }
    }

    /// Takes audio. The verdict is given once, at the sample that decides; what follows is ignored.
    pub fn feed(&mut self, law: Law, audio: &[u8]) -> Option<Classification> {
        if self.verdict.is_some() {
            return None;
        }
        for byte in audio {
            if let Some(found) = self.sample(f32::from(law.decode(*byte))) {
                return Some(found);
            }
        }
        None
    }

    /// Takes silence in place of audio that did not arrive.
    pub fn feed_silence(&mut self, samples: u64) -> Option<Classification> {
        if self.verdict.is_some() {
            return None;
        }
        // No more than what the time limit lets count, however long the pause.
        let counted = samples.min((self.total_ms + 20) * 8);
        (0..counted).find_map(|_| self.sample(0.0))
    }

    /// The verdict, once there is one.
    pub fn verdict(&self) -> Option<Classification> {
        self.verdict
    }

    fn sample(&mut self, sample: f32) -> Option<Classification> {
        self.window[self.filled] = sample;
        self.filled += 1;
        self.heard_samples += 1;
        if self.filled < WINDOW {
            return None;
        }
        self.filled = 0;
        let (verdict, rule, confidence) = self.judge_window()?;
        let took = Duration::from_millis(self.heard_samples / 8);
        self.verdict = Some(Classification { verdict, confidence, took, rule });
        self.verdict
    }

    fn judge_window(&mut self) -> Option<(Verdict, Rule, f32)> {
        let (first, second) = self.window.split_at(BLOCK);
        let levels = [level(first), level(second)];
        let sounding = levels.iter().any(|level| *level > self.cadence.threshold());
        let by_tone = self.tones.window(&self.window, sounding, self.cadence.has_spoken());
        if by_tone.is_some() {
            return by_tone;
        }
        let in_tone = self.tones.is_sounding();
        let by_cadence = levels.into_iter().find_map(|level| self.cadence.block(level, in_tone));
        if by_cadence.is_some() {
            return by_cadence;
        }
        (self.heard_samples / 8 >= self.total_ms).then_some((Verdict::Unsure, Rule::TimeIsUp, 0.5))
    }
}

/// Mean absolute value.
fn level(block: &[f32]) -> f32 {
    block.iter().map(|sample| sample.abs()).sum::<f32>() / block.len() as f32
}

#[cfg(test)]
mod tests;
