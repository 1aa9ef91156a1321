use std::sync::Arc;

use super::*;
use crate::media::classify::AmdSettings;
use crate::media::dtmf::{Digit, TelephoneEvent};
use crate::media::g711::Law;
use crate::media::leg::SourceRule;
use crate::media::prompt::Prompt;
use crate::media::record::{Recorder, recorder};
use crate::media::rtp::{Header, Packet};
use crate::media::sdp::{Codec, Direction, Negotiated};
use proptest::prelude::*;

/// A plane in virtual time, with what came out of it.
struct Rig {
    plane: Plane,
    now: Instant,
    /// Milliseconds, place, header, payload.
    sent: Vec<(u64, u32, Header, Vec<u8>)>,
    told: Vec<Event>,
    released: Vec<u32>,
}

impl Rig {
    fn new() -> Rig {
        Rig::with_recorder(None)
    }

    fn with_recorder(recorder: Option<RecorderHandle>) -> Rig {
        let plane = Plane::new(PlaneSettings { legs_max: 5_000, seed: 3, recorder });
        Rig { plane, now: Instant::from_micros(50_000_000), sent: vec![], told: vec![], released: vec![] }
    }

    fn leg(&mut self, id: i64, idle: Idle) -> u32 {
        let slot = self.plane.open(self.now, LegId(id), idle).unwrap();
        self.agree(id, Direction::SendReceive);
        slot
    }

    fn agree(&mut self, id: i64, direction: Direction) {
        let media = Negotiated {
            target: Some(peer(id)),
            codec: Codec { payload_type: 0, law: Law::Mu },
            telephone_event_out: Some(101),
            telephone_event_in: Some(101),
            direction,
        };
        self.command(Command::SetRemote { leg: LegId(id), media, source: SourceRule::Signalled });
    }

    fn command(&mut self, command: Command) {
        self.plane.handle(self.now, command);
        self.drain();
    }

    fn drain(&mut self) {
        let ms = self.now.as_micros() / 1_000;
        while let Some(transmit) = self.plane.poll_transmit(self.now) {
            let packet = Packet::parse(transmit.packet).unwrap();
            self.sent.push((ms, transmit.slot, packet.header, packet.payload.to_vec()));
        }
        while let Some(effect) = self.plane.poll_effect() {
            match effect {
                Effect::Tell(event) => self.told.push(event),
                Effect::Release { slot } => self.released.push(slot),
                Effect::Connect { .. } => {}
            }
        }
    }

    /// Steps from deadline to deadline.
    fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(at) = self.plane.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.plane.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    fn say(&mut self, slot: u32, id: i64, sequence: u16, payload: &[u8]) {
        self.say_as(slot, id, sequence, 0, payload);
    }

    fn say_as(&mut self, slot: u32, id: i64, sequence: u16, payload_type: u8, payload: &[u8]) {
        let timestamp = u32::from(sequence) * 160;
        let header = Header { marker: false, payload_type, sequence, timestamp, ssrc: id as u32 };
        let mut head = [0; HEADER_LEN];
        header.write(&mut head);
        let datagram = [&head[..], payload].concat();
        let ms = self.now.as_micros() / 1_000;
        if let Some(transmit) = self.plane.receive(self.now, slot, peer(id), &datagram) {
            let packet = Packet::parse(transmit.packet).unwrap();
            self.sent.push((ms, transmit.slot, packet.header, packet.payload.to_vec()));
        }
        self.drain();
    }
}

fn peer(id: i64) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, id as u8], 12_000))
}

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn prompt(frames: usize) -> Arc<Prompt> {
    Arc::new(Prompt::from_samples("p", &vec![5_000; frames * 160]))
}

#[test]
fn a_prompt_leaves_every_twenty_milliseconds_exactly() {
    let mut rig = Rig::new();
    rig.leg(1, Idle::Nothing);
    rig.command(Command::Play { leg: LegId(1), prompt: prompt(50), repeat: Repeat::Once });
    rig.pass(ms(3_000));
    assert_eq!(rig.sent.len(), 50);
    for pair in rig.sent.windows(2) {
        assert_eq!(pair[1].0 - pair[0].0, 20);
        assert_eq!(pair[1].2.timestamp, pair[0].2.timestamp.wrapping_add(160));
        assert_eq!(pair[1].2.sequence, pair[0].2.sequence.wrapping_add(1));
    }
    assert!(matches!(rig.told[0], Event::FirstAudioOut { voice: Voice::Prompt, after, .. } if after <= ms(20)));
    assert!(matches!(rig.told[1], Event::PromptEnded { end: PromptEnd::Finished, .. }));
    assert_eq!((rig.told.len(), rig.plane.counts().clocked), (2, 0));
}

#[test]
fn a_looped_prompt_pauses_with_silence_and_stops_on_command() {
    let mut rig = Rig::new();
    rig.leg(1, Idle::Nothing);
    rig.command(Command::Play { leg: LegId(1), prompt: prompt(2), repeat: Repeat::Loop { pause_ms: 60 } });
    rig.pass(ms(300));
    let shape: Vec<bool> = rig.sent.iter().map(|sent| sent.3[0] != 0xFF).collect();
    assert_eq!(shape[..10], [true, true, false, false, false, true, true, false, false, false]);
    rig.command(Command::StopPlay { leg: LegId(1) });
    let before = rig.sent.len();
    rig.pass(ms(300));
    assert_eq!(rig.sent.len(), before);
    assert!(matches!(rig.told.last(), Some(Event::PromptEnded { end: PromptEnd::Stopped, .. })));
}

#[test]
fn many_prompts_are_spread_over_the_wheel() {
    let mut rig = Rig::new();
    for id in 0..200 {
        rig.leg(id, Idle::Silence);
    }
    rig.pass(ms(1_000));
    assert_eq!(rig.sent.len(), 200 * 50);
    let busiest = (0..1_000u64).map(|at| rig.sent.iter().filter(|sent| sent.0 == 50_001 + at).count()).max();
    assert_eq!(busiest, Some(10), "200 legs over 20 slots");
}

#[test]
fn after_a_stall_frames_are_left_out_and_the_timestamp_goes_on() {
    let mut rig = Rig::new();
    rig.leg(1, Idle::Silence);
    rig.pass(ms(100));
    rig.sent.clear();
    rig.now += ms(2_000); // the machine was asleep
    rig.plane.handle_timeout(rig.now);
    rig.drain();
    assert_eq!(rig.sent.len(), 1, "not a burst of a hundred");
    let stalled = rig.sent[0].2;
    assert!(stalled.marker);
    rig.pass(ms(20));
    assert_eq!(rig.sent[1].2.timestamp, stalled.timestamp.wrapping_add(160));
}

#[test]
fn a_kept_awake_leg_hears_silence_until_the_peer_speaks_and_again_when_it_pauses() {
    let mut rig = Rig::new();
    let (customer, agent) = (rig.leg(1, Idle::Nothing), rig.leg(2, Idle::Silence));
    rig.command(Command::Bridge { a: LegId(1), b: LegId(2) });
    rig.pass(ms(200));
    assert_eq!(rig.sent.len(), 10, "nobody spoke yet");
    rig.sent.clear();
    for sequence in 0..50 {
        rig.say(customer, 1, sequence, &[1; 160]);
        rig.pass(ms(20));
    }
    assert!(rig.sent.iter().all(|sent| sent.1 == agent && sent.3 == [1; 160]));
    assert_eq!(rig.sent.len(), 50);
    rig.sent.clear();
    rig.pass(ms(1_000));
    assert!((38..=41).contains(&rig.sent.len()), "silence after 200 ms: {}", rig.sent.len());
    rig.say(customer, 1, 100, &[2; 160]);
    let (_, _, header, payload) = rig.sent.last().unwrap();
    assert_eq!((header.marker, &payload[..]), (true, &[2; 160][..]));
}

#[test]
fn a_bridge_carries_the_very_next_packet_and_ends_for_both() {
    let mut rig = Rig::new();
    let (one, two) = (rig.leg(1, Idle::Nothing), rig.leg(2, Idle::Nothing));
    rig.say(one, 1, 1, &[1; 160]);
    assert!(rig.sent.is_empty());
    rig.command(Command::Bridge { a: LegId(1), b: LegId(2) });
    rig.pass(ms(3));
    rig.say(one, 1, 2, &[2; 160]);
    assert_eq!((rig.sent.len(), rig.sent[0].1), (1, two));
    assert!(rig.told.iter().any(
        |event| matches!(event, Event::FirstAudioOut { leg: LegId(2), voice: Voice::Bridge, after } if *after == ms(3))
    ));
    rig.command(Command::Unbridge { leg: LegId(2) });
    rig.say(one, 1, 3, &[3; 160]);
    rig.say(two, 2, 3, &[3; 160]);
    assert_eq!(rig.sent.len(), 1);
}

#[test]
fn a_prompt_on_a_bridged_leg_is_heard_instead_of_the_peer_and_then_the_peer_again() {
    let mut rig = Rig::new();
    let (one, two) = (rig.leg(1, Idle::Nothing), rig.leg(2, Idle::Nothing));
    rig.command(Command::Bridge { a: LegId(1), b: LegId(2) });
    rig.command(Command::Play { leg: LegId(2), prompt: prompt(3), repeat: Repeat::Once });
    for sequence in 0..10 {
        rig.say(one, 1, sequence, &[1; 160]);
        rig.say(two, 2, sequence, &[2; 160]);
        rig.pass(ms(20));
    }
    let to_two: Vec<bool> = rig.sent.iter().filter(|sent| sent.1 == two).map(|sent| sent.3 == [1; 160]).collect();
    assert_eq!(to_two.iter().filter(|is_peer| !**is_peer).count(), 3);
    assert!(to_two.ends_with(&[true; 6]), "{to_two:?}");
    assert_eq!(rig.sent.iter().filter(|sent| sent.1 == one).count(), 10, "the other side hears all");
}

#[test]
fn silence_of_a_peer_is_told_every_thirty_seconds_unless_on_hold() {
    let mut rig = Rig::new();
    let slot = rig.leg(1, Idle::Nothing);
    rig.say(slot, 1, 1, &[1; 160]);
    rig.told.clear();
    rig.pass(ms(29_900));
    assert!(rig.told.is_empty());
    rig.pass(ms(200));
    let began = Instant::from_micros(50_000_000);
    assert!(matches!(rig.told[..], [Event::RtpSilent { leg: LegId(1), since, refused_sources: 0 }] if since == began));
    rig.pass(ms(60_200));
    assert_eq!(rig.told.len(), 3);
    rig.agree(1, Direction::ReceiveOnly);
    rig.pass(ms(300_000));
    assert_eq!(rig.told.len(), 3, "on hold nobody need speak");
    rig.agree(1, Direction::SendReceive);
    rig.pass(ms(29_000));
    assert_eq!(rig.told.len(), 3, "the time begins anew");
}

#[test]
fn a_key_whose_release_was_lost_is_reported_by_the_sweep() {
    let mut rig = Rig::new();
    let slot = rig.leg(1, Idle::Nothing);
    let held = TelephoneEvent { code: 5, end: false, duration: 400 };
    rig.say_as(slot, 1, 1, 101, &held.bytes());
    rig.pass(ms(500));
    let keys: Vec<char> = rig
        .told
        .iter()
        .filter_map(|event| match event {
            Event::Digit { digit, .. } => Some(digit.label()),
            _ => None,
        })
        .collect();
    assert_eq!(keys, ['5']);
}

#[test]
fn detection_counts_missing_packets_as_silence_and_leaves_keys_out() {
    let mut rig = Rig::new();
    let slot = rig.leg(1, Idle::Nothing);
    rig.command(Command::Classify { leg: LegId(1), settings: AmdSettings::default() });
    rig.say_as(slot, 1, 1, 101, &TelephoneEvent { code: 5, end: true, duration: 400 }.bytes());
    rig.pass(ms(3_000));
    let found = rig.told.iter().find_map(|event| match event {
        Event::Classified { classification, .. } => Some(*classification),
        _ => None,
    });
    let found = found.unwrap();
    assert_eq!(found.rule.name(), "initial_silence");
    assert_eq!(rig.plane.counts().classifiers, 0);
}

#[test]
fn a_recording_is_fed_by_position_and_a_codec_change_keeps_its_law() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.wav");
    let (handle, writer): (RecorderHandle, Recorder) = recorder();
    let (ends, ended) = std::sync::mpsc::sync_channel(4);
    let thread = writer.spawn(move |end| ends.send(end).unwrap()).unwrap();
    let mut rig = Rig::with_recorder(Some(handle.clone()));
    let slot = rig.leg(1, Idle::Nothing);
    rig.command(Command::Record { leg: LegId(1), file: file.clone(), announce: Some(prompt(2)) });
    rig.command(Command::Record { leg: LegId(1), file: file.clone(), announce: None });
    assert!(matches!(rig.told.last(), Some(Event::RecordFailed { why: RecordFault::AlreadyRecording, .. })));
    rig.say(slot, 1, 1, &[0x20; 160]);
    rig.pass(ms(40)); // the second packet is lost
    rig.say_as(slot, 1, 3, 8, &[0x2A; 160]);
    rig.pass(ms(40));
    rig.command(Command::CloseLeg { leg: LegId(1) });
    assert_eq!(rig.plane.counts().recordings, 1, "until the writer says so");
    rig.plane.recorded(ended.recv().unwrap());
    rig.drain();
    assert!(matches!(rig.told.last(), Some(Event::Recorded { dropped_frames: 0, .. })), "{:?}", rig.told);
    assert_eq!(rig.plane.counts().recordings, 0);
    handle.shutdown();
    thread.join().unwrap();
    let audio = std::fs::read(&file).unwrap().split_off(crate::media::wav::HEADER_LEN);
    let heard: Vec<u8> = audio.iter().copied().step_by(2).collect();
    let sent: Vec<u8> = audio.iter().copied().skip(1).step_by(2).collect();
    assert!(heard[..160].iter().all(|byte| *byte == 0x20) && heard[160..320].iter().all(|byte| *byte == 0xFF));
    assert!(heard[320..480].iter().all(|byte| *byte == Law::Mu.encode(Law::A.decode(0x2A))));
    assert_eq!(sent.iter().filter(|byte| **byte == Law::Mu.encode(5_000)).count(), 320, "the announcement");
}

#[test]
fn limits_refuse_and_places_are_used_again() {
    let mut plane = Plane::new(PlaneSettings { legs_max: 2, seed: 1, recorder: None });
    let first = plane.open(Instant::ZERO, LegId(1), Idle::Silence).unwrap();
    plane.open(Instant::ZERO, LegId(2), Idle::Nothing).unwrap();
    assert!(matches!(plane.open(Instant::ZERO, LegId(3), Idle::Nothing), Err(CommandFault::TooManyLegs { .. })));
    plane.handle(Instant::ZERO, Command::CloseLeg { leg: LegId(1) });
    assert_eq!(plane.open(Instant::ZERO, LegId(3), Idle::Nothing).unwrap(), first);
    plane.close_all();
    assert_eq!(plane.counts().legs, 0);
    assert_eq!(plane.poll_timeout(), None, "an empty plane sleeps");
}

proptest! {
    /// Whatever is commanded in whatever order: bridges have two ends, and closing everything leaves nothing.
    #[test]
    fn any_commands_keep_the_books_straight(steps in proptest::collection::vec((0..9u8, 0..5i64, 0..5i64), 0..120)) {
        let mut rig = Rig::new();
        for (step, (kind, id, other)) in steps.into_iter().enumerate() {
            let leg = LegId(id);
            match kind {
                0 | 1 => {
                    if rig.plane.open(rig.now, leg, if other == 0 { Idle::Silence } else { Idle::Nothing }).is_ok() {
                        rig.agree(id, Direction::SendReceive);
                    }
                }
                2 | 3 => rig.command(Command::Bridge { a: leg, b: LegId(other) }),
                4 => rig.command(Command::Play { leg, prompt: prompt(3), repeat: Repeat::Loop { pause_ms: 20 } }),
                5 => rig.command(Command::Unbridge { leg }),
                6 => rig.command(Command::CloseLeg { leg }),
                7 => rig.command(Command::PressDigits { leg, digits: Digit::from_char('1').into_iter().collect() }),
                _ => rig.command(Command::Classify { leg, settings: AmdSettings::default() }),
            }
            for slot in 0..5 {
                rig.say(slot, id, step as u16, &[1; 160]);
            }
            rig.pass(ms(7));
        }
        rig.plane.close_all();
        rig.drain();
        let counts = rig.plane.counts();
        prop_assert_eq!((counts.legs, counts.bridges, counts.clocked, counts.prompts, counts.classifiers), (0, 0, 0, 0, 0));
    }
}
