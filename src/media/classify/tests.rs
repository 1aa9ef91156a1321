use super::*;
use proptest::prelude::*;
use std::f32::consts::TAU;

/// What a line carries, one piece after another, in milliseconds.
#[derive(Clone, Copy)]
enum Sound {
    Silence(u32),
    /// Voiced speech: harmonics of a moving fundamental, syllables of about 180 ms.
    Speech(u32),
    Tone(&'static [f32], u32),
}
use Sound::{Silence, Speech, Tone};

/// How a line is: mean level of what sounds, level of its noise.
#[derive(Clone, Copy)]
struct Line {
    level: f32,
    noise: f32,
}

const CLEAN: Line = Line { level: 4_000.0, noise: 4.0 };

/// A small generator of our own, so that tests repeat.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 40) as f32 / 8_388_608.0) - 1.0
    }
}

fn audio(line: Line, sounds: &[Sound], law: Law) -> Vec<u8> {
    let mut noise = Noise(42);
    let mut out = Vec::new();
    let mut phase = 0.0f32;
    for sound in sounds {
        let (Silence(length_ms) | Speech(length_ms) | Tone(_, length_ms)) = *sound;
        for at in 0..length_ms * 8 {
            let seconds = at as f32 / 8_000.0;
            let value = match sound {
                Silence(_) => 0.0,
                Speech(_) => {
                    let pitch = 140.0 + 30.0 * (TAU * 1.7 * seconds).sin();
                    phase = (phase + pitch / 8_000.0) % 1.0;
                    let voiced: f32 = (1..=12)
                        .map(|harmonic| {
                            let shape = 1.0 / (1.0 + ((harmonic as f32 * pitch - 600.0) / 500.0).powi(2));
                            shape * (TAU * phase * harmonic as f32).sin()
                        })
                        .sum();
                    // Syllables dip but do not pause.
                    voiced * (0.65 + 0.35 * (TAU * 5.5 * seconds).cos()) * 0.7
                }
                Tone(frequencies, _) => {
                    let sum: f32 = frequencies.iter().map(|hz| (TAU * hz * seconds).sin()).sum();
                    sum / frequencies.len() as f32 * 1.5
                }
            };
            let sample = value * line.level + noise.next() * 2.0 * line.noise;
            out.push(law.encode(sample.clamp(-32_767.0, 32_767.0) as i16));
        }
    }
    out
}

fn classify_on(line: Line, sounds: &[Sound]) -> Classification {
    let mut all = sounds.to_vec();
    all.push(Silence(8_000));
    let verdicts = [Law::Mu, Law::A].map(|law| {
        let mut classifier = Classifier::new(AmdSettings::default());
        let bytes = audio(line, &all, law);
        bytes.chunks(160).find_map(|frame| classifier.feed(law, frame)).expect("the time limit gives a verdict at last")
    });
    assert_eq!((verdicts[0].verdict, verdicts[0].rule), (verdicts[1].verdict, verdicts[1].rule), "both laws agree");
    verdicts[0]
}

fn classify(sounds: &[Sound]) -> (Verdict, Rule) {
    let found = classify_on(CLEAN, sounds);
    (found.verdict, found.rule)
}

#[test]
fn a_short_greeting_and_silence_is_a_person() {
    for greeting_ms in [250, 500, 900, 1_300] {
        let found = classify_on(CLEAN, &[Silence(300), Speech(greeting_ms)]);
        assert_eq!((found.verdict, found.rule), (Verdict::Human, Rule::AfterGreetingSilence), "{greeting_ms}");
        let expected_ms = u128::from(300 + greeting_ms + 800);
        assert!(found.took.as_millis().abs_diff(expected_ms) <= 60, "{greeting_ms}: {:?}", found.took);
    }
    assert_eq!(classify(&[Silence(300), Speech(400), Silence(250), Speech(500)]).0, Verdict::Human, "hello, … hello?");
}

#[test]
fn shorter_greetings_are_surer() {
    let short = classify_on(CLEAN, &[Silence(300), Speech(300)]);
    let long = classify_on(CLEAN, &[Silence(300), Speech(1_300)]);
    assert!(short.confidence > long.confidence && long.confidence > 0.5);
}

#[test]
fn a_long_greeting_is_a_machine() {
    let found = classify_on(CLEAN, &[Silence(400), Speech(4_000)]);
    assert_eq!((found.verdict, found.rule), (Verdict::Machine, Rule::LongGreeting));
    assert!(found.took < Duration::from_millis(2_100), "{:?}", found.took);
}

#[test]
fn many_words_are_a_machine() {
    let word = [Speech(150), Silence(100)];
    let sounds: Vec<Sound> = [Silence(300)].into_iter().chain(word.into_iter().cycle().take(10)).collect();
    assert_eq!(classify(&sounds), (Verdict::Machine, Rule::WordCount));
}

#[test]
fn silence_from_the_beginning_is_told_as_such() {
    let found = classify_on(CLEAN, &[]);
    assert_eq!((found.verdict, found.rule), (Verdict::Silence, Rule::InitialSilence));
    assert_eq!(found.took, Duration::from_millis(2_500));
}

#[test]
fn clicks_are_no_words() {
    let clicks: Vec<Sound> = [Speech(10), Silence(300)].into_iter().cycle().take(16).collect();
    assert_eq!(classify(&clicks), (Verdict::Silence, Rule::InitialSilence));
}

#[test]
fn a_voicemail_beep_is_heard_at_any_pitch_with_and_without_a_greeting() {
    for hz in [&[440.0][..], &[620.0], &[800.0], &[950.0], &[1_000.0], &[1_209.0], &[1_400.0], &[2_000.0]] {
        let after = classify_on(CLEAN, &[Silence(300), Speech(900), Silence(300), Tone(hz, 600)]);
        assert_eq!((after.verdict, after.rule), (Verdict::Machine, Rule::VoicemailBeep), "{hz:?}");
        let alone = classify_on(CLEAN, &[Silence(500), Tone(hz, 400)]);
        assert_eq!((alone.verdict, alone.rule), (Verdict::Machine, Rule::VoicemailBeep), "{hz:?}");
        assert!(alone.confidence < after.confidence);
    }
}

#[test]
fn the_special_information_tone_is_told_from_a_beep_in_all_its_forms() {
    for (first, second, third, part_ms) in [
        (&[950.0][..], &[1_400.0][..], &[1_800.0][..], 330),
        (&[913.8], &[1_370.6], &[1_776.7], 380),
        (&[985.2], &[1_428.5], &[1_776.7], 276),
        (&[985.2], &[1_370.6], &[1_776.7], 276),
    ] {
        let sounds = [Silence(200), Tone(first, part_ms), Tone(second, part_ms), Tone(third, 380), Speech(3_000)];
        assert_eq!(classify(&sounds), (Verdict::SpecialInformationTone, Rule::SpecialInformationTone), "{first:?}");
        let spaced = [Tone(first, part_ms), Silence(30), Tone(second, part_ms), Silence(30), Tone(third, 380)];
        assert_eq!(classify(&spaced).0, Verdict::SpecialInformationTone, "{first:?}");
    }
}

#[test]
fn fax_machines_are_recognised_both_ways() {
    let calling = [Silence(500), Tone(&[1_100.0], 500), Silence(3_000)];
    assert_eq!(classify(&calling), (Verdict::Fax, Rule::FaxCalling));
    assert_eq!(classify(&[Silence(1_000), Tone(&[2_100.0], 3_000)]), (Verdict::Fax, Rule::FaxAnswer));
}

#[test]
fn ringback_after_answer_is_false_supervision() {
    for ring in [
        &[Tone(&[425.0], 1_000), Silence(4_000)][..],
        &[Tone(&[440.0, 480.0], 2_000), Silence(4_000)],
        &[Tone(&[400.0, 450.0], 400), Silence(200), Tone(&[400.0, 450.0], 400), Silence(2_000)],
    ] {
        let sounds = [&[Silence(200)], ring].concat();
        assert_eq!(classify(&sounds), (Verdict::Ringback, Rule::RingbackHeard));
    }
}

#[test]
fn verdicts_hold_for_quiet_loud_and_noisy_lines() {
    for line in [
        Line { level: 1_200.0, noise: 2.0 },
        Line { level: 12_000.0, noise: 50.0 },
        Line { level: 6_000.0, noise: 200.0 },
        Line { level: 8_000.0, noise: 400.0 },
    ] {
        let shown = (line.level, line.noise);
        let human = classify_on(line, &[Silence(500), Speech(600)]);
        assert_eq!(human.verdict, Verdict::Human, "{shown:?} {human:?}");
        let machine = classify_on(line, &[Silence(500), Speech(4_000)]);
        assert_eq!(machine.verdict, Verdict::Machine, "{shown:?} {machine:?}");
        let silence = classify_on(line, &[]);
        assert_eq!(silence.verdict, Verdict::Silence, "{shown:?} {silence:?}");
        let beep = classify_on(line, &[Silence(500), Tone(&[1_000.0], 600)]);
        assert_eq!(beep.rule, Rule::VoicemailBeep, "{shown:?} {beep:?}");
    }
}

#[test]
fn nothing_that_fits_is_unsure_when_the_time_is_up() {
    let mut settings = AmdSettings { greeting_ms: 30_000, max_words: 100, ..AmdSettings::default() };
    settings.total_analysis_ms = 1_000;
    let mut classifier = Classifier::new(settings);
    let bytes = audio(CLEAN, &[Speech(3_000)], Law::A);
    let found = bytes.chunks(160).find_map(|frame| classifier.feed(Law::A, frame)).unwrap();
    assert_eq!((found.verdict, found.rule, found.took.as_millis()), (Verdict::Unsure, Rule::TimeIsUp, 1_000));
    assert_eq!(classifier.feed(Law::A, &bytes), None, "a verdict is given once");
}

#[test]
fn the_size_of_packets_and_a_long_pause_do_not_matter() {
    let bytes = audio(CLEAN, &[Silence(300), Speech(600), Silence(2_000)], Law::Mu);
    let verdicts = [1, 80, 160, 240, 480].map(|size| {
        let mut classifier = Classifier::new(AmdSettings::default());
        bytes.chunks(size).find_map(|frame| classifier.feed(Law::Mu, frame))
    });
    assert!(verdicts[0].is_some() && verdicts.iter().all(|verdict| *verdict == verdicts[0]), "{verdicts:?}");
    let mut classifier = Classifier::new(AmdSettings::default());
    assert_eq!(classifier.feed_silence(u64::MAX).unwrap().verdict, Verdict::Silence);
}

#[test]
fn settings_are_read_with_defaults_and_checked() {
    let read: AmdSettings = serde_json::from_str(r#"{"greeting_ms": 1800}"#).unwrap();
    assert_eq!(read, AmdSettings { greeting_ms: 1_800, ..AmdSettings::default() });
    assert!(serde_json::from_str::<AmdSettings>(r#"{"greeting": 1}"#).is_err());
    assert_eq!(AmdSettings::default().check(), Ok(()));
    let error = AmdSettings { beep_ms: 5, ..AmdSettings::default() }.check().unwrap_err();
    assert_eq!(error.to_string(), "beep_ms is 5, expected 100 to 5000");
}

proptest! {
    #[test]
    fn any_audio_gets_exactly_one_verdict_in_time(seed: u64, law in prop_oneof![Just(Law::Mu), Just(Law::A)]) {
        let mut noise = Noise(seed);
        let mut loudness = 1.0;
        let mut classifier = Classifier::new(AmdSettings::default());
        let mut verdicts = 0;
        for _ in 0..300 {
            if noise.next() > 0.9 {
                loudness = noise.next().abs() * 30_000.0;
            }
            let frame: Vec<u8> = (0..160).map(|_| law.encode((noise.next() * loudness) as i16)).collect();
            if let Some(found) = classifier.feed(law, &frame) {
                verdicts += 1;
                prop_assert!((0.0..=1.0).contains(&found.confidence) && found.took <= Duration::from_millis(5_020));
            }
        }
        prop_assert_eq!(verdicts, 1);
    }
}
