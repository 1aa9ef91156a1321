//! Prompts: what a caller hears that no person says, encoded in both laws once and shared by all legs.
//!
//! Not playback: the plane paces it. Built-in prompts are synthesised tones, so that Lull works before anybody has
//! recorded anything; they carry no words. **An operator must record real ones**: the information message in particular
//! is a legal text in many countries, and a chime does not satisfy the law. Read [`Prompt`] and [`PromptShelf`].

use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::g711::{Law, SAMPLE_RATE_HZ};

/// The longest prompt: ten minutes, 9.6 MB in both laws. Hold music loops.
pub const PROMPT_S_MAX: u32 = 600;
/// The most prompts on a shelf.
pub const PROMPTS_MAX: usize = 1_024;
/// The sample rates a WAV file may have.
pub const RATES_HZ: [u32; 5] = [8_000, 16_000, 32_000, 44_100, 48_000];

/// Audio ready to be sent in either law.
#[derive(Clone, PartialEq, Eq)]
pub struct Prompt {
    name: Arc<str>,
    mu: Arc<[u8]>,
    a: Arc<[u8]>,
}

impl std::fmt::Debug for Prompt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prompt").field("name", &self.name).field("samples", &self.mu.len()).finish()
    }
}

/// Why a prompt file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// Not there, not readable, or not a WAV file.
    #[error("prompt file {}: {source}; expected a WAV file (PCM or float)", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What was wrong.
        source: hound::Error,
    },
    /// A sample rate that is not resampled.
    #[error("prompt file {}: sample rate is {rate_hz} Hz, expected 8000, 16000, 32000, 44100 or 48000", file.display())]
    Rate {
        /// The file.
        file: PathBuf,
        /// Its rate.
        rate_hz: u32,
    },
    /// More channels than stereo.
    #[error("prompt file {}: {channels} channels, expected 1 or 2", file.display())]
    Channels {
        /// The file.
        file: PathBuf,
        /// How many.
        channels: u16,
    },
    /// Nothing in it.
    #[error("prompt file {}: no audio, expected at least one sample", file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
    /// Longer than [`PROMPT_S_MAX`].
    #[error("prompt file {}: {seconds} s long, expected at most {PROMPT_S_MAX} s", file.display())]
    TooLong {
        /// The file.
        file: PathBuf,
        /// Its length.
        seconds: u32,
    },
    /// More than [`PROMPTS_MAX`].
    #[error("more than {PROMPTS_MAX} prompts")]
    ShelfFull,
}

impl Prompt {
    /// Encodes linear samples at 8 kHz.
    pub fn from_samples(name: &str, samples: &[i16]) -> Prompt {
        let encode = |law: Law| samples.iter().map(|sample| law.encode(*sample)).collect();
        Prompt { name: name.into(), mu: encode(Law::Mu), a: encode(Law::A) }
    }

    /// Reads a WAV file; stereo is mixed, other rates are resampled.
    pub fn from_wav(name: &str, file: &Path) -> Result<Prompt, PromptError> {
        let unreadable = |source| PromptError::Unreadable { file: file.to_owned(), source };
        let mut reader = hound::WavReader::open(file).map_err(unreadable)?;
        let spec = reader.spec();
        if !RATES_HZ.contains(&spec.sample_rate) {
            return Err(PromptError::Rate { file: file.to_owned(), rate_hz: spec.sample_rate });
        }
        if !(1..=2).contains(&spec.channels) {
            return Err(PromptError::Channels { file: file.to_owned(), channels: spec.channels });
        }
        let seconds = reader.duration() / spec.sample_rate;
        if seconds > PROMPT_S_MAX {
            return Err(PromptError::TooLong { file: file.to_owned(), seconds });
        }
        let interleaved: Vec<f32> = match spec.sample_format {
            hound::SampleFormat::Float => reader.samples::<f32>().collect::<Result<_, _>>().map_err(unreadable)?,
            hound::SampleFormat::Int => {
                let full = 2f32.powi(i32::from(spec.bits_per_sample) - 1);
                let scaled = reader.samples::<i32>().map(|sample| sample.map(|value| value as f32 / full));
                scaled.collect::<Result<_, _>>().map_err(unreadable)?
            }
        };
        let channels = usize::from(spec.channels);
        let mono: Vec<f32> =
            interleaved.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32).collect();
        if mono.is_empty() {
            return Err(PromptError::Empty { file: file.to_owned() });
        }
        let samples: Vec<i16> =
            resampled(mono, spec.sample_rate).into_iter().map(|sample| (sample * 32_767.0) as i16).collect();
        Ok(Prompt::from_samples(name, &samples))
    }

    /// What it is called.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// One byte per sample in a law.
    pub fn bytes(&self, law: Law) -> &Arc<[u8]> {
        match law {
            Law::Mu => &self.mu,
            Law::A => &self.a,
        }
    }

    /// Length in milliseconds.
    pub fn length_ms(&self) -> u64 {
        self.mu.len() as u64 / super::g711::SAMPLES_PER_MS
    }
}

/// To 8 kHz: a moving average removes what 8 kHz cannot carry, then samples are drawn on the line between neighbours.
/// Plain, but prompts are speech and the telephone's band ends at 3.4 kHz.
fn resampled(mono: Vec<f32>, rate_hz: u32) -> Vec<f32> {
    if rate_hz == SAMPLE_RATE_HZ {
        return mono;
    }
    let step = f64::from(rate_hz) / f64::from(SAMPLE_RATE_HZ);
    let width = step.round().max(1.0) as usize;
    let smooth: Vec<f32> = (0..mono.len())
        .map(|at| {
            let window = &mono[at..(at + width).min(mono.len())];
            window.iter().sum::<f32>() / window.len() as f32
        })
        .collect();
    let count = (smooth.len() as f64 / step).floor().max(1.0) as usize;
    (0..count)
        .map(|index| {
            let place = index as f64 * step;
            let left = place.floor() as usize;
            let between = (place - place.floor()) as f32;
            let here = smooth.get(left).copied().unwrap_or(0.0);
            let next = smooth.get(left + 1).copied().unwrap_or(here);
            here + (next - here) * between
        })
        .collect()
}

/// Prompts by name. Replaced as a whole when settings are reloaded; a prompt that is playing lives until it ends.
#[derive(Clone, Debug, Default)]
pub struct PromptShelf {
    prompts: BTreeMap<String, Arc<Prompt>>,
}

impl PromptShelf {
    /// The built-in prompts, by the names `hold`, `please_wait`, `information`, `beep`, `consent` and `ringback`.
    pub fn built_in() -> PromptShelf {
        let made: [(&str, Vec<i16>); 6] = [
            ("hold", hold_melody()),
            ("please_wait", chime(&[(659.26, 350), (523.25, 600)])),
            ("information", chime(&[(523.25, 250), (659.26, 250), (783.99, 250), (659.26, 250), (523.25, 700)])),
            ("beep", tone(&[1_000.0], 400, 9_000.0)),
            ("consent", tone(&[1_400.0], 300, 6_000.0)),
            ("ringback", [tone(&[425.0], 1_000, 6_000.0), vec![0; 8 * 4_000]].concat()),
        ];
        let prompts = made
            .into_iter()
            .map(|(name, samples)| (name.to_owned(), Arc::new(Prompt::from_samples(name, &samples))))
            .collect();
        PromptShelf { prompts }
    }

    /// Puts a WAV file on the shelf, in place of what had that name.
    pub fn load(&mut self, name: &str, file: &Path) -> Result<(), PromptError> {
        self.put(name, Arc::new(Prompt::from_wav(name, file)?))
    }

    /// Puts a prompt on the shelf, in place of what had that name.
    pub fn put(&mut self, name: &str, prompt: Arc<Prompt>) -> Result<(), PromptError> {
        if self.prompts.len() >= PROMPTS_MAX && !self.prompts.contains_key(name) {
            return Err(PromptError::ShelfFull);
        }
        self.prompts.insert(name.to_owned(), prompt);
        Ok(())
    }

    /// The prompt of this name.
    pub fn find(&self, name: &str) -> Option<Arc<Prompt>> {
        self.prompts.get(name).cloned()
    }

    /// All names, in order, for error messages and settings pages.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.prompts.keys().map(String::as_str)
    }
}

/// Sines of equal strength with 10 ms ramps, so that they do not click.
fn tone(frequencies_hz: &[f64], length_ms: u32, peak: f64) -> Vec<i16> {
    let count = length_ms * 8;
    let ramp = 80.0;
    (0..count)
        .map(|index| {
            let at = f64::from(index);
            let edge = (at / ramp).min(f64::from(count - index) / ramp).min(1.0);
            let sum: f64 = frequencies_hz.iter().map(|hz| (TAU * hz * at / 8_000.0).sin()).sum();
            (sum / frequencies_hz.len() as f64 * peak * edge) as i16
        })
        .collect()
}

/// Notes that ring out like a struck bar.
fn chime(notes: &[(f64, u32)]) -> Vec<i16> {
    notes
        .iter()
        .flat_map(|(hz, length_ms)| {
            let struck = tone(&[*hz, hz * 2.0], *length_ms, 8_000.0);
            let half_life = 8.0 * 180.0;
            struck
                .into_iter()
                .enumerate()
                .map(move |(at, sample)| (f64::from(sample) * 0.5f64.powf(at as f64 / half_life)) as i16)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// A short broken-chord melody of our own, about ten seconds, made to be looped.
fn hold_melody() -> Vec<i16> {
    const CHORDS: [[f64; 4]; 4] = [
        [261.63, 329.63, 392.00, 523.25],
        [220.00, 261.63, 329.63, 440.00],
        [174.61, 220.00, 261.63, 349.23],
        [196.00, 246.94, 293.66, 392.00],
    ];
    CHORDS
        .iter()
        .flat_map(|chord| [0, 1, 2, 3, 2, 1].map(|note| chord[note]))
        .flat_map(|hz| tone(&[hz, hz * 2.0], 420, 4_000.0))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(channels: u16, rate_hz: u32, seconds: f64, hz: f64) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("prompt.wav");
        let spec = hound::WavSpec {
            channels,
            sample_rate: rate_hz,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(&file, spec).unwrap();
        for index in 0..(f64::from(rate_hz) * seconds) as u32 {
            let sample = ((TAU * hz * f64::from(index) / f64::from(rate_hz)).sin() * 10_000.0) as i16;
            for _ in 0..channels {
                writer.write_sample(sample).unwrap();
            }
        }
        writer.finalize().unwrap();
        (folder, file)
    }

    /// Upward zero crossings per second.
    fn pitch_hz(prompt: &Prompt) -> f64 {
        let samples: Vec<i16> = prompt.bytes(Law::Mu).iter().map(|byte| Law::Mu.decode(*byte)).collect();
        let crossings = samples.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
        crossings as f64 * 8_000.0 / samples.len() as f64
    }

    #[test]
    fn a_wav_of_every_rate_keeps_its_length_and_pitch() {
        for rate_hz in RATES_HZ {
            for channels in [1, 2] {
                let (_folder, file) = wav(channels, rate_hz, 0.5, 440.0);
                let prompt = Prompt::from_wav("p", &file).unwrap();
                assert!((499..=500).contains(&prompt.length_ms()), "{rate_hz}: {}", prompt.length_ms());
                assert!((pitch_hz(&prompt) - 440.0).abs() < 5.0, "{rate_hz}: {}", pitch_hz(&prompt));
                assert_eq!(prompt.bytes(Law::A).len(), prompt.bytes(Law::Mu).len());
            }
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told_with_its_name() {
        let (_folder, odd) = wav(1, 11_025, 0.1, 440.0);
        let (_other, empty) = wav(1, 8_000, 0.0, 440.0);
        let (_third, long) = wav(1, 8_000, 601.0, 440.0);
        let (_fourth, many) = wav(3, 8_000, 0.1, 440.0);
        let text = empty.with_file_name("text.wav");
        std::fs::write(&text, "not audio").unwrap();
        for (file, expected) in [
            (odd, "sample rate is 11025 Hz, expected 8000"),
            (empty, "no audio"),
            (long, "601 s long, expected at most 600 s"),
            (many, "3 channels, expected 1 or 2"),
            (text.clone(), "expected a WAV file"),
            (text.with_file_name("missing.wav"), "expected a WAV file"),
        ] {
            let error = Prompt::from_wav("p", &file).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains(&file.display().to_string()), "{error}");
        }
    }

    #[test]
    fn the_built_in_prompts_are_audible_and_not_clipped() {
        let shelf = PromptShelf::built_in();
        assert_eq!(
            shelf.names().collect::<Vec<_>>(),
            ["beep", "consent", "hold", "information", "please_wait", "ringback"]
        );
        for name in shelf.names() {
            let prompt = shelf.find(name).unwrap();
            let loudest = prompt.bytes(Law::A).iter().map(|byte| Law::A.decode(*byte).unsigned_abs()).max().unwrap();
            assert!((2_000..20_000).contains(&loudest), "{name}: {loudest}");
            assert!(prompt.length_ms() >= 300, "{name}");
        }
    }

    #[test]
    fn a_loaded_prompt_takes_the_place_of_the_built_in_one() {
        let (_folder, file) = wav(1, 8_000, 2.0, 440.0);
        let mut shelf = PromptShelf::built_in();
        shelf.load("information", &file).unwrap();
        assert_eq!(shelf.find("information").unwrap().length_ms(), 2_000);
        assert!(shelf.find("nothing").is_none());
    }
}
