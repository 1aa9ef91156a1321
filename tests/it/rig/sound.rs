//! Tones and how to find them: what was heard is told from what was said by its pitch.

use std::f64::consts::TAU;
use std::path::Path;

/// Samples per second of the telephone.
pub(super) const RATE: u32 = 8_000;
/// What is looked at at once: 50 ms.
const WINDOW: usize = 400;
/// Share of a window's energy that must be in the tone.
const SHARE: f64 = 0.75;
/// Share of it that a foreign packet of 20 ms leaves at least; other tones and their edges leave less.
const TRACE: f64 = 0.08;
/// Windows quieter than this mean amplitude hold nothing.
const QUIET: f64 = 300.0;

/// A sine that goes on for ever.
#[derive(Clone, Debug)]
pub struct Tone {
    hz: f64,
    at: u64,
}

impl Tone {
    /// From its beginning.
    pub fn new(hz: f64) -> Tone {
        Tone { hz, at: 0 }
    }

    /// The next samples.
    pub fn samples(&mut self, count: usize) -> Vec<i16> {
        let from = self.at;
        self.at += count as u64;
        (from..self.at).map(|at| ((TAU * self.hz * at as f64 / f64::from(RATE)).sin() * 9_000.0) as i16).collect()
    }

    /// Writes a WAV file of it.
    pub fn write(mut self, file: &Path, seconds: u32) {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: RATE,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(file, spec).expect("a WAV file can be made");
        for sample in self.samples((seconds * RATE) as usize) {
            writer.write_sample(sample).expect("a WAV file can be written");
        }
        writer.finalize().expect("a WAV file can be finished");
    }
}

/// How many windows of 50 ms are clearly this tone.
pub fn loud_windows_of(hz: f64, samples: &[i16]) -> usize {
    samples.chunks_exact(WINDOW).filter(|window| is_tone(hz, window)).count()
}

/// Windows in which there is a trace of this tone beside whatever else is said, as of packets that came in between.
pub fn traces_of(hz: f64, samples: &[i16]) -> usize {
    samples.chunks_exact(WINDOW).filter(|window| share_of(hz, window).is_some_and(|share| share > TRACE)).count()
}

fn is_tone(hz: f64, window: &[i16]) -> bool {
    share_of(hz, window).is_some_and(|share| share > SHARE)
}

/// How much of a window's energy is at this frequency; `None` of silence.
fn share_of(hz: f64, window: &[i16]) -> Option<f64> {
    let energy: f64 = window.iter().map(|s| f64::from(*s) * f64::from(*s)).sum();
    let count = window.len() as f64;
    if (energy / count).sqrt() < QUIET {
        return None;
    }
    // Goertzel: the energy of one frequency.
    let step = TAU * hz / f64::from(RATE);
    let (mut before, mut last) = (0.0, 0.0);
    for sample in window {
        let next = f64::from(*sample) + 2.0 * step.cos() * last - before;
        (before, last) = (last, next);
    }
    let power = last * last + before * before - 2.0 * step.cos() * last * before;
    Some(power * 2.0 / count / energy)
}

/// µ-law or A-law.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// PCMU, payload type 0.
    Mu,
    /// PCMA, payload type 8.
    A,
}

impl Law {
    /// Its payload type.
    pub fn payload_type(self) -> u8 {
        match self {
            Law::Mu => 0,
            Law::A => 8,
        }
    }

    pub(super) fn encode(self, sample: i16) -> u8 {
        // The nearest code, found by trying all: slow, and certainly what the other direction says.
        let far = |code: u8| (i32::from(self.decode(code)) - i32::from(sample)).abs();
        (0..=255).min_by_key(|code| far(*code)).unwrap_or(0)
    }

    pub(super) fn decode(self, code: u8) -> i16 {
        match self {
            Law::Mu => {
                let code = !code;
                let (exponent, mantissa) = ((code >> 4) & 7, i32::from(code & 15));
                let magnitude = ((2 * mantissa + 33) << exponent) - 33;
                narrow(if code & 0x80 == 0 { magnitude * 4 } else { -magnitude * 4 })
            }
            Law::A => {
                let code = code ^ 0x55;
                let (exponent, mantissa) = ((code >> 4) & 7, i32::from(code & 15));
                let magnitude = match exponent {
                    0 => 2 * mantissa + 1,
                    _ => (2 * mantissa + 33) << (exponent - 1),
                };
                narrow(if code & 0x80 == 0 { -magnitude * 8 } else { magnitude * 8 })
            }
        }
    }
}

fn narrow(value: i32) -> i16 {
    i16::try_from(value.clamp(-32_768, 32_767)).unwrap_or(0)
}

/// The two channels of a recording: G.711 in a WAV file, read by hand.
#[track_caller]
pub fn two_channels(file: &Path) -> (Vec<i16>, Vec<i16>) {
    let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    assert_eq!((&bytes[..4], &bytes[8..12]), (&b"RIFF"[..], &b"WAVE"[..]), "not a WAV file");
    let (mut at, mut law, mut channels) = (12, None, 0);
    while at + 8 <= bytes.len() {
        let length = u32::from_le_bytes([bytes[at + 4], bytes[at + 5], bytes[at + 6], bytes[at + 7]]) as usize;
        let body = &bytes[at + 8..(at + 8 + length).min(bytes.len())];
        match &bytes[at..at + 4] {
            b"fmt " => {
                law = match u16::from_le_bytes([body[0], body[1]]) {
                    6 => Some(Law::A),
                    7 => Some(Law::Mu),
                    other => panic!("format {other} of a recording"),
                };
                channels = body[2];
            }
            b"data" => {
                let law = law.expect("the format comes before the samples");
                assert_eq!(channels, 2);
                let channel = |of: usize| body.iter().skip(of).step_by(2).map(|code| law.decode(*code)).collect();
                return (channel(0), channel(1));
            }
            _ => {}
        }
        at += 8 + length + length % 2;
    }
    panic!("a recording without samples");
}

#[test]
fn a_tone_is_found_in_both_laws_and_no_other_is() {
    for law in [Law::Mu, Law::A] {
        let said: Vec<i16> = Tone::new(900.0).samples(4_000);
        let heard: Vec<i16> = said.iter().map(|s| law.decode(law.encode(*s))).collect();
        assert_eq!(loud_windows_of(900.0, &heard), 10);
        for other in [400.0, 620.0, 1300.0] {
            assert_eq!(loud_windows_of(other, &heard), 0, "{other} Hz is not there");
        }
    }
}
