//! Single steady tones: voicemail beeps, special information tones, fax, ringback.
//!
//! For each 20 ms the frequency is estimated from two autocorrelations (Pisarenko's method, exact for one sine in white
//! noise), then Goertzel's algorithm at that frequency tells how much of the energy it holds.

use std::f32::consts::TAU;

use super::{Rule, Verdict};

/// Samples of one window: 20 ms.
pub(super) const WINDOW: usize = 160;
const WINDOW_MS: u32 = 20;
const RATE_HZ: f32 = 8_000.0;
/// Share of the energy that a tone must hold.
const PURITY_MIN: f32 = 0.8;
/// How far a window's frequency may lie from its tone's.
const STEADY_HZ: f32 = 25.0;
/// A gap up to this long between the parts of a special information tone; its own are at most 30 ms.
const SIT_GAP_MS: u32 = 100;
/// The parts last 276 or 380 ms; windows at their edges are not pure.
const SIT_PART_MS: std::ops::RangeInclusive<u32> = 160..=480;
/// Fax calling tone is 500 ms ± 15 %.
const CNG_MS: u32 = 400;
/// The answer tone lasts 2.6 s and more.
const CED_MS: u32 = 400;
/// A ring is 1 s or 2 s in most countries.
const RING_MS: u32 = 800;
/// British rings: twice 400 ms, 200 ms apart.
const DOUBLE_RING_MS: std::ops::RangeInclusive<u32> = 340..=460;
const DOUBLE_RING_GAP_MS: u32 = 260;
/// Beeps lie here; lower is hum, higher is fax.
const BEEP_HZ: std::ops::RangeInclusive<f32> = 390.0..=2_050.0;

/// What a frequency may belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    SitFirst,
    SitSecond,
    SitThird,
    Cng,
    Ced,
    Ring,
    Beep,
    Other,
}

fn kind_of(hz: f32) -> Kind {
    match hz {
        390.0..=490.0 => Kind::Ring,
        890.0..=1_010.0 => Kind::SitFirst,
        1_062.0..=1_138.0 => Kind::Cng,
        1_345.0..=1_455.0 => Kind::SitSecond,
        1_750.0..=1_825.0 => Kind::SitThird,
        2_075.0..=2_125.0 => Kind::Ced,
        hz if BEEP_HZ.contains(&hz) => Kind::Beep,
        _ => Kind::Other, // f32 has no exhaustive ranges
    }
}

/// The tone that sounds, or the last that ended.
#[derive(Clone, Copy, Debug)]
struct Tone {
    hz: f32,
    lasted_ms: u32,
}

/// Tones heard so far.
#[derive(Debug)]
pub(super) struct Tones {
    beep_ms: u32,
    sounding: Option<Tone>,
    /// Tones that ended and may be the beginning of a pattern, and the time since.
    ended: Vec<Tone>,
    since_ms: u32,
}

impl Tones {
    pub fn new(beep_ms: u32) -> Tones {
        Tones { beep_ms, sounding: None, ended: Vec::new(), since_ms: 0 }
    }

    /// Whether a tone of at least two windows sounds.
    pub fn is_sounding(&self) -> bool {
        self.sounding.is_some_and(|tone| tone.lasted_ms >= 2 * WINDOW_MS)
    }

    /// Takes 20 ms. `audible` says whether it is above the silence threshold, `spoken` whether words came before.
    pub fn window(&mut self, samples: &[f32; WINDOW], audible: bool, spoken: bool) -> Option<(Verdict, Rule, f32)> {
        let hz = if audible { pure_tone_hz(samples).or_else(|| ring_band_hz(samples)) } else { None };
        match (hz, &mut self.sounding) {
            (Some(hz), Some(tone)) if is_same_tone(tone.hz, hz) => {
                tone.lasted_ms += WINDOW_MS;
                tone.hz += (hz - tone.hz) / 4.0;
                let tone = *tone;
                return self.judge_sounding(tone, spoken);
            }
            (Some(hz), _) => {
                let ended = self.end_tone();
                self.sounding = Some(Tone { hz, lasted_ms: WINDOW_MS });
                return ended;
            }
            (None, Some(_)) => {
                if let Some(found) = self.end_tone() {
                    return Some(found);
                }
            }
            (None, None) => {}
        }
        self.since_ms += WINDOW_MS;
        self.judge_pause(spoken)
    }

    /// A tone that goes on: those that need no end to be known.
    fn judge_sounding(&self, tone: Tone, spoken: bool) -> Option<(Verdict, Rule, f32)> {
        match kind_of(tone.hz) {
            Kind::Cng if tone.lasted_ms >= CNG_MS => Some((Verdict::Fax, Rule::FaxCalling, 0.95)),
            Kind::Ced if tone.lasted_ms >= CED_MS => Some((Verdict::Fax, Rule::FaxAnswer, 0.95)),
            Kind::Ring if tone.lasted_ms >= RING_MS => Some((Verdict::Ringback, Rule::RingbackHeard, 0.85)),
            Kind::Beep if tone.lasted_ms >= self.beep_ms => Some(beep(spoken)),
            // Longer than a part of the information tone: a beep that happens to have its pitch.
            Kind::SitFirst | Kind::SitSecond | Kind::SitThird if tone.lasted_ms > *SIT_PART_MS.end() => {
                Some(beep(spoken))
            }
            Kind::Cng
            | Kind::Ced
            | Kind::Ring
            | Kind::Beep
            | Kind::SitFirst
            | Kind::SitSecond
            | Kind::SitThird
            | Kind::Other => None,
        }
    }

    /// A tone ended: is a pattern complete, or might one have begun?
    fn end_tone(&mut self) -> Option<(Verdict, Rule, f32)> {
        let tone = self.sounding.take()?;
        if tone.lasted_ms < 3 * WINDOW_MS {
            return None; // a vowel, or the edge between two tones
        }
        let gap_ms = std::mem::take(&mut self.since_ms);
        let before = self.ended.last().copied();
        let is_part = SIT_PART_MS.contains(&tone.lasted_ms);
        match (kind_of(tone.hz), before.map(|tone| kind_of(tone.hz))) {
            (Kind::SitThird, Some(Kind::SitSecond)) if self.ended.len() == 2 && is_part && gap_ms <= SIT_GAP_MS => {
                return Some((Verdict::SpecialInformationTone, Rule::SpecialInformationTone, 0.95));
            }
            (Kind::SitSecond, Some(Kind::SitFirst)) if is_part && gap_ms <= SIT_GAP_MS => {}
            (Kind::Ring, Some(Kind::Ring))
                if DOUBLE_RING_MS.contains(&tone.lasted_ms)
                    && before.is_some_and(|first| DOUBLE_RING_MS.contains(&first.lasted_ms)) =>
            {
                return Some((Verdict::Ringback, Rule::RingbackHeard, 0.8));
            }
            _ => self.ended.clear(),
        }
        let is_known = kind_of(tone.hz) != Kind::Other;
        if is_known && tone.lasted_ms >= self.beep_ms.min(*SIT_PART_MS.start()) {
            self.ended.push(tone);
        }
        None
    }

    /// Silence or speech after a tone that began no pattern: then it was a beep.
    fn judge_pause(&mut self, spoken: bool) -> Option<(Verdict, Rule, f32)> {
        let last = *self.ended.last()?;
        let patience_ms = match kind_of(last.hz) {
            Kind::Ring => DOUBLE_RING_GAP_MS,
            Kind::SitFirst | Kind::SitSecond | Kind::SitThird => SIT_GAP_MS,
            Kind::Cng | Kind::Ced | Kind::Beep | Kind::Other => 0,
        };
        if self.since_ms <= patience_ms {
            return None;
        }
        self.ended.clear();
        (last.lasted_ms >= self.beep_ms).then(|| beep(spoken))
    }
}

/// A beep after a greeting is surer than one that comes first.
fn beep(spoken: bool) -> (Verdict, Rule, f32) {
    (Verdict::Machine, Rule::VoicemailBeep, if spoken { 0.95 } else { 0.8 })
}

/// The frequency of a window that is a single tone.
fn pure_tone_hz(samples: &[f32; WINDOW]) -> Option<f32> {
    let energy: f32 = samples.iter().map(|sample| sample * sample).sum();
    let lag = |distance: usize| -> f32 {
        samples.iter().zip(&samples[distance..]).map(|(a, b)| a * b).sum::<f32>() / (WINDOW - distance) as f32
    };
    let (one, two) = (lag(1), lag(2));
    if energy < 1.0 || (one == 0.0 && two >= 0.0) {
        return None;
    }
    // Two forms of the same root: each loses its digits where the other is exact.
    let root = (two * two + 8.0 * one * one).sqrt();
    let cosine = if two < 0.0 { 2.0 * one / (root - two) } else { (two + root) / (4.0 * one) };
    if !(-1.0..=1.0).contains(&cosine) {
        return None;
    }
    let hz = cosine.acos() * RATE_HZ / TAU;
    if !(300.0..=2_300.0).contains(&hz) {
        return None; // voices' fundamentals lie below, nothing we look for above
    }
    (power_at(samples, cosine) >= PURITY_MIN * energy).then_some(hz)
}

/// Ringing of two frequencies beats, and in the beat's nulls there is no single tone: there the whole band is looked at.
/// The four bins are orthogonal over 20 ms, so their powers add up.
fn ring_band_hz(samples: &[f32; WINDOW]) -> Option<f32> {
    let energy: f32 = samples.iter().map(|sample| sample * sample).sum();
    let power: f32 =
        [350.0, 400.0, 450.0, 500.0].map(|hz: f32| power_at(samples, (TAU * hz / RATE_HZ).cos())).iter().sum();
    (power >= PURITY_MIN * energy).then_some(450.0)
}

fn is_same_tone(before: f32, now: f32) -> bool {
    (before - now).abs() <= STEADY_HZ || (kind_of(before) == Kind::Ring && kind_of(now) == Kind::Ring)
}

/// The energy of a window at one frequency, by Goertzel's algorithm.
fn power_at(samples: &[f32; WINDOW], cosine: f32) -> f32 {
    let coefficient = 2.0 * cosine;
    let (mut before, mut last) = (0.0, 0.0);
    for sample in samples {
        let next = sample + coefficient * last - before;
        before = last;
        last = next;
    }
    2.0 * (last * last + before * before - coefficient * last * before) / WINDOW as f32
}
