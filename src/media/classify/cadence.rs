//! Words, pauses and greetings, from the level of 10 ms blocks.

use super::{AmdSettings, Rule, Verdict};

/// Milliseconds of one block.
const BLOCK_MS: u32 = 10;
/// The noise floor is the level that this share of blocks stays under.
const FLOOR_SHARE: f32 = 0.1;
/// Sound must be this many times the noise floor.
const OVER_FLOOR: f32 = 2.5;
/// The threshold never rises above this many times the configured one: a caller who talks without a pause is not noise.
const THRESHOLD_RISE_MAX: f32 = 2.5;
/// Levels are counted in steps of a quarter octave, 16 octaves.
const BINS: usize = 64;

/// The cadence of what was heard so far.
#[derive(Debug)]
pub(super) struct Cadence {
    settings: AmdSettings,
    noise: NoiseFloor,
    stage: Stage,
    /// Blocks of sound and of silence in a row.
    sound_ms: u32,
    silence_ms: u32,
    /// The sound that goes on was counted as a word.
    in_word: bool,
    words: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// No word yet; how long it has been silent.
    Waiting { silent_ms: u32 },
    /// From the beginning of the first word on.
    Greeting { lasted_ms: u32 },
}

impl Cadence {
    pub fn new(settings: AmdSettings) -> Cadence {
        Cadence {
            settings,
            noise: NoiseFloor::default(),
            stage: Stage::Waiting { silent_ms: 0 },
            sound_ms: 0,
            silence_ms: 0,
            in_word: false,
            words: 0,
        }
    }

    /// Whether at least one word was heard.
    pub fn has_spoken(&self) -> bool {
        self.words > 0
    }

    /// The level above which a block is sound.
    pub fn threshold(&self) -> f32 {
        let base = self.settings.silence_threshold as f32;
        (self.noise.floor * OVER_FLOOR).clamp(base, base * THRESHOLD_RISE_MAX)
    }

    /// Takes 10 ms. While a tone sounds, neither words nor silence are counted.
    pub fn block(&mut self, level: f32, in_tone: bool) -> Option<(Verdict, Rule, f32)> {
        if in_tone {
            self.sound_ms = 0;
            self.silence_ms = 0;
            self.in_word = false;
            return None;
        }
        self.noise.add(level);
        if level > self.threshold() {
            self.sound_ms += BLOCK_MS;
            if self.sound_ms >= BLOCK_MS * 2 {
                self.silence_ms = 0; // one loud block alone is a click
            }
        } else {
            self.silence_ms += BLOCK_MS;
            if self.silence_ms >= self.settings.between_words_ms {
                self.sound_ms = 0;
                self.in_word = false;
            }
        }
        let new_word = !self.in_word && self.sound_ms >= self.settings.min_word_ms;
        if new_word {
            self.in_word = true;
            self.words += 1;
        }
        self.advance(new_word)
    }

    fn advance(&mut self, new_word: bool) -> Option<(Verdict, Rule, f32)> {
        match &mut self.stage {
            Stage::Waiting { .. } if new_word => {
                self.stage = Stage::Greeting { lasted_ms: self.sound_ms };
                None
            }
            Stage::Waiting { silent_ms } => {
                if self.sound_ms == 0 {
                    *silent_ms += BLOCK_MS;
                }
                let silent = *silent_ms >= self.settings.initial_silence_ms;
                silent.then_some((Verdict::Silence, Rule::InitialSilence, 0.8))
            }
            Stage::Greeting { lasted_ms } => {
                *lasted_ms += BLOCK_MS;
                let spoken_ms = lasted_ms.saturating_sub(self.silence_ms);
                if self.words > self.settings.max_words {
                    return Some((Verdict::Machine, Rule::WordCount, 0.75));
                }
                if self.silence_ms >= self.settings.after_greeting_silence_ms {
                    return Some((Verdict::Human, Rule::AfterGreetingSilence, self.human_confidence(spoken_ms)));
                }
                // Long because it is spoken, not because a pause is waited out.
                (self.in_word && spoken_ms > self.settings.greeting_ms).then_some((
                    Verdict::Machine,
                    Rule::LongGreeting,
                    0.85,
                ))
            }
        }
    }

    /// One short word is almost surely a person; a greeting close to the limit might be a terse machine.
    fn human_confidence(&self, spoken_ms: u32) -> f32 {
        let share = (spoken_ms as f32 / self.settings.greeting_ms as f32).min(1.0);
        0.95 - 0.3 * share
    }
}

/// The level under which a tenth of all blocks lie.
#[derive(Debug)]
struct NoiseFloor {
    bins: [u32; BINS],
    blocks: u32,
    floor: f32,
}

impl Default for NoiseFloor {
    fn default() -> NoiseFloor {
        NoiseFloor { bins: [0; BINS], blocks: 0, floor: 0.0 }
    }
}

impl NoiseFloor {
    fn add(&mut self, level: f32) {
        let bin = (level.max(1.0).log2() * 4.0) as usize;
        self.bins[bin.min(BINS - 1)] += 1;
        self.blocks += 1;
        let wanted = (self.blocks as f32 * FLOOR_SHARE).ceil() as u32;
        let mut below = 0;
        let reached = self.bins.iter().position(|count| {
            below += count;
            below >= wanted
        });
        // The upper edge of the bin.
        self.floor = reached.map_or(0.0, |bin| ((bin + 1) as f32 / 4.0).exp2());
    }
}
