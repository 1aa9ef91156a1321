//! Sound that can be recognised: who is heard is told by two tones that are mixed into the voice.
//!
//! Not speech. A voice has the cadence of speech, which machine detection listens to, and a [`Mark`], which the other
//! end looks for: an agent hears whether this is the customer whose number is on the screen. Two tones of equal strength
//! are neither a beep nor DTMF; all are multiples of 10 Hz, so that 100 ms hold whole periods of every one.
//! Read [`Mark`], [`Mouth`] and [`hear`] first.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// Samples in a second.
pub const RATE: usize = 8000;
/// Samples in a packet of 20 ms.
pub const FRAME: usize = 160;
/// Samples that are listened to at once: 100 ms, a resolution of 10 Hz.
pub const WINDOW: usize = 800;

// Chosen away from DTMF, from fax and network tones, and from the notes of hold music and their octaves.
const LOW_HZ: [u32; 7] = [410, 450, 490, 540, 580, 620, 650];
const HIGH_HZ: [u32; 8] = [1020, 1070, 1150, 1250, 1290, 1410, 1520, 1560];
/// The first marks are those of agents.
const AGENT_MARKS: u8 = 24;
const MARKS: u8 = 56;
/// Mean square below which nothing is being said.
const QUIET: f64 = 200.0 * 200.0;

/// By what a voice is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Mark(u8);

impl Mark {
    /// Of the agent with this number; the 25th sounds like the first.
    pub fn agent(index: usize) -> Mark {
        Mark((index % usize::from(AGENT_MARKS)) as u8)
    }

    /// Of the customer with this phone number, however it is spelt.
    pub fn customer(number: &str) -> Mark {
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        let mut chance = crate::chance::Chance::of(0, &digits);
        Mark(AGENT_MARKS + (chance.below(usize::from(MARKS - AGENT_MARKS))) as u8)
    }

    /// Whether it is an agent's.
    pub fn is_agent(self) -> bool {
        self.0 < AGENT_MARKS
    }

    fn tones(self) -> (f64, f64) {
        let index = usize::from(self.0);
        (f64::from(LOW_HZ[index / HIGH_HZ.len() % LOW_HZ.len()]), f64::from(HIGH_HZ[index % HIGH_HZ.len()]))
    }
}

/// What somebody says, frame by frame.
#[derive(Clone, Debug)]
pub enum Mouth {
    /// Silence is sent.
    Silent,
    /// A person who was called: "hello?", listens, then talks and pauses.
    Called(Mark),
    /// A person who talks and pauses from the beginning: an agent, a caller.
    Talking(Mark),
    /// An answering machine: a greeting of several seconds without a pause for an answer, a beep, silence.
    Machine {
        /// How long the greeting is, in frames.
        greeting_frames: u64,
    },
}

/// Frames before a called person says hello.
const HELLO_FROM: u64 = 20;
/// Frames after which the hello is over.
const HELLO_TO: u64 = 48;
/// Frames after which a called person talks on.
const TALK_FROM: u64 = 130;
/// Frames of talking and pausing.
const SPURT: u64 = 70;
const SPURT_AND_PAUSE: u64 = 100;
/// Length of the machine's beep in frames.
const BEEP: u64 = 20;
/// Frequency of the beep.
const BEEP_HZ: f64 = 1400.0;

impl Mouth {
    /// The samples of frame `index` as µ-law.
    pub fn frame(&self, index: u64) -> [u8; FRAME] {
        match self {
            Mouth::Silent => SILENCE,
            Mouth::Called(mark) => match index {
                HELLO_FROM..HELLO_TO => voice(*mark, index),
                TALK_FROM.. if (index - TALK_FROM) % SPURT_AND_PAUSE < SPURT => voice(*mark, index),
                _ => SILENCE,
            },
            Mouth::Talking(mark) if index % SPURT_AND_PAUSE < SPURT => voice(*mark, index),
            Mouth::Talking(_) => SILENCE,
            Mouth::Machine { greeting_frames } => machine(*greeting_frames, index),
        }
    }
}

/// One frame of silence, µ-law.
pub const SILENCE: [u8; FRAME] = [0xff; FRAME];

fn machine(greeting_frames: u64, index: u64) -> [u8; FRAME] {
    // Words of 0.4 s with gaps of 80 ms: nobody who waits for an answer speaks like this.
    let words = 15..(15 + greeting_frames);
    let beep = (words.end + 15)..(words.end + 15 + BEEP);
    if words.contains(&index) && index % 24 < 20 {
        voice(Mark(MARKS), index)
    } else if beep.contains(&index) {
        render(index, |t| 8000.0 * (t * BEEP_HZ * std::f64::consts::TAU).sin())
    } else {
        SILENCE
    }
}

/// 100 ms of a voice, rendered once: its tones and its syllables repeat.
type Loops = BTreeMap<u8, Arc<[[u8; FRAME]; 10]>>;
static VOICES: LazyLock<Mutex<Loops>> = LazyLock::new(Mutex::default);

fn voice(mark: Mark, index: u64) -> [u8; FRAME] {
    let mut voices = VOICES.lock().unwrap_or_else(PoisonError::into_inner);
    let voice = voices.entry(mark.0).or_insert_with(|| {
        let mut frames = [SILENCE; 10];
        for (frame, samples) in frames.iter_mut().enumerate() {
            *samples = render(frame as u64, |t| sample(mark, t));
        }
        Arc::new(frames)
    });
    voice[(index % 10) as usize]
}

/// Two tones and a murmur of low ones, in syllables of 200 ms.
fn sample(mark: Mark, t: f64) -> f64 {
    let tone = |hz: f64| (t * hz * std::f64::consts::TAU).sin();
    let syllable = 0.65 + 0.35 * tone(5.0);
    // The machine's voice has no mark: nobody is to be recognised by it.
    let (low, high) = if mark.0 < MARKS { mark.tones() } else { (340.0, 870.0) };
    syllable * (4200.0 * tone(low) + 4200.0 * tone(high) + 1200.0 * tone(120.0) + 1000.0 * tone(240.0))
}

fn render(frame: u64, at: impl Fn(f64) -> f64) -> [u8; FRAME] {
    let mut out = SILENCE;
    for (index, byte) in out.iter_mut().enumerate() {
        let t = (frame as f64 * FRAME as f64 + index as f64) / RATE as f64;
        *byte = to_ulaw(at(t) as i16);
    }
    out
}

/// What was heard in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hearing {
    /// Nothing.
    Quiet,
    /// Sound that is nobody's voice: a prompt, music, a beep.
    Sound,
    /// This voice.
    Voice(Mark),
}

/// Listens to 100 ms.
pub fn hear(window: &[i16]) -> Hearing {
    let energy = window.iter().map(|s| f64::from(*s) * f64::from(*s)).sum::<f64>() / window.len().max(1) as f64;
    if energy < QUIET {
        return Hearing::Quiet;
    }
    let strongest = |tones: &[u32]| {
        let mut best = (0, 0.0);
        for (index, hz) in tones.iter().enumerate() {
            let power = power(window, f64::from(*hz));
            if power > best.1 {
                best = (index, power);
            }
        }
        best
    };
    let (low, low_power) = strongest(&LOW_HZ);
    let (high, high_power) = strongest(&HIGH_HZ);
    // Each of the two carries about 45 % of a voice; 20 % leaves room for a mix, noise and lost packets.
    if low_power > 0.2 * energy && high_power > 0.2 * energy {
        Hearing::Voice(Mark((low * HIGH_HZ.len() + high) as u8))
    } else {
        Hearing::Sound
    }
}

/// Mean square of one tone in a window (Goertzel).
fn power(window: &[i16], hz: f64) -> f64 {
    let turn = 2.0 * (std::f64::consts::TAU * hz / RATE as f64).cos();
    let (mut one, mut two) = (0.0, 0.0);
    for sample in window {
        (one, two) = (f64::from(*sample) + turn * one - two, one);
    }
    let length = window.len().max(1) as f64;
    2.0 * (one * one + two * two - turn * one * two) / (length * length)
}

/// G.711 µ-law of a sample.
pub fn to_ulaw(sample: i16) -> u8 {
    let magnitude = i32::from(sample).abs().min(32_635) + 132;
    let exponent = (31 - magnitude.leading_zeros()).saturating_sub(7).min(7);
    let mantissa = (magnitude >> (exponent + 3)) & 0x0f;
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(sign | ((exponent as u8) << 4) | mantissa as u8)
}

/// A sample of G.711 µ-law.
pub fn from_ulaw(byte: u8) -> i16 {
    let byte = !byte;
    let magnitude = ((i32::from(byte & 0x0f) << 3) + 132) << ((byte >> 4) & 7);
    let value = magnitude - 132;
    (if byte & 0x80 != 0 { -value } else { value }) as i16
}

/// G.711 A-law of a sample.
pub fn to_alaw(sample: i16) -> u8 {
    let value = if sample < 0 { !sample } else { sample } >> 3;
    let code = if value < 32 {
        (value >> 1) as u8
    } else {
        let exponent = (15 - (value as u16).leading_zeros()) as u8 - 4;
        (exponent << 4) | ((value >> exponent) & 0x0f) as u8
    };
    (if sample < 0 { code } else { code | 0x80 }) ^ 0x55
}

/// A sample of G.711 A-law.
pub fn from_alaw(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let exponent = (byte >> 4) & 7;
    let base = (i16::from(byte & 0x0f) << 4) + 8;
    let value = if exponent == 0 { base } else { (base + 0x100) << (exponent - 1) };
    if byte & 0x80 != 0 { value } else { -value }
}

/// Writes what a mouth says as raw µ-law: what SIPp's `rtp_stream` plays.
///
/// # Errors
/// The file cannot be written.
pub fn write_raw(out: &mut impl Write, mouth: &Mouth, frames: u64) -> io::Result<()> {
    (0..frames).try_for_each(|index| out.write_all(&mouth.frame(index)))
}

/// Writes what a mouth says as 16-bit mono WAV: what phones and prompts take.
///
/// # Errors
/// The file cannot be written.
pub fn write_wav(out: &mut impl Write, mouth: &Mouth, frames: u64) -> io::Result<()> {
    let bytes = u32::try_from(frames * FRAME as u64 * 2).map_err(|_| io::ErrorKind::InvalidInput)?;
    out.write_all(b"RIFF")?;
    out.write_all(&(bytes + 36).to_le_bytes())?;
    out.write_all(b"WAVEfmt \x10\0\0\0\x01\0\x01\0")?;
    out.write_all(&(RATE as u32).to_le_bytes())?;
    out.write_all(&(RATE as u32 * 2).to_le_bytes())?;
    out.write_all(b"\x02\0\x10\0data")?;
    out.write_all(&bytes.to_le_bytes())?;
    for index in 0..frames {
        for byte in mouth.frame(index) {
            out.write_all(&from_ulaw(byte).to_le_bytes())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(mouth: &Mouth, from: u64) -> Vec<i16> {
        (from..from + 5).flat_map(|index| mouth.frame(index)).map(from_ulaw).collect()
    }

    #[test]
    fn every_voice_is_recognised_and_no_other() {
        for index in 0..MARKS {
            assert_eq!(hear(&window(&Mouth::Talking(Mark(index)), 0)), Hearing::Voice(Mark(index)));
        }
    }

    #[test]
    fn two_voices_at_once_are_still_sound_and_silence_is_quiet() {
        let one = window(&Mouth::Talking(Mark::agent(0)), 0);
        let two = window(&Mouth::Talking(Mark::customer("+447700900001")), 0);
        let mix: Vec<i16> = one.iter().zip(&two).map(|(a, b)| a / 2 + b / 2).collect();
        assert_ne!(hear(&mix), Hearing::Quiet);
        assert_eq!(hear(&window(&Mouth::Silent, 0)), Hearing::Quiet);
        assert_eq!(hear(&[]), Hearing::Quiet);
    }

    #[test]
    fn a_beep_and_a_machine_are_nobodys_voice() {
        let machine = Mouth::Machine { greeting_frames: 200 };
        assert_eq!(hear(&window(&machine, 49)), Hearing::Sound);
        assert_eq!(hear(&window(&machine, 232)), Hearing::Sound);
        assert_eq!(hear(&window(&machine, 260)), Hearing::Quiet);
    }

    #[test]
    fn a_called_person_says_a_short_hello_and_then_waits() {
        let mouth = Mouth::Called(Mark::customer("+447700900001"));
        assert_eq!(hear(&window(&mouth, 0)), Hearing::Quiet);
        assert!(matches!(hear(&window(&mouth, 30)), Hearing::Voice(_)));
        assert_eq!(hear(&window(&mouth, 60)), Hearing::Quiet);
        assert_eq!(hear(&window(&mouth, 120)), Hearing::Quiet);
        assert!(matches!(hear(&window(&mouth, 150)), Hearing::Voice(_)));
    }

    #[test]
    fn both_laws_keep_a_sample_within_their_precision() {
        for sample in (-32_000i16..32_000).step_by(97) {
            let bound = i32::from(sample).abs() / 16 + 16;
            for back in [from_ulaw(to_ulaw(sample)), from_alaw(to_alaw(sample))] {
                assert!((i32::from(back) - i32::from(sample)).abs() <= bound, "{sample} became {back}");
            }
        }
        // ITU-T G.711: silence is 0xff in µ-law and 0xd5 in A-law.
        assert_eq!((to_ulaw(0), to_alaw(0)), (0xff, 0xd5));
    }

    #[test]
    fn a_written_wav_says_how_long_it_is() {
        let mut out = Vec::new();
        write_wav(&mut out, &Mouth::Talking(Mark::agent(3)), 50).unwrap();
        assert_eq!(out.len(), 44 + 50 * 320);
        assert_eq!(&out[40..44], &16_000u32.to_le_bytes());
    }
}
