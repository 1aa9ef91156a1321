use super::*;
use crate::media::rtp::HEADER_LEN;
use crate::media::sdp::{Codec, Direction};
use proptest::prelude::*;

const PEER: &str = "198.51.100.7:12000";

fn media(target: &str) -> Negotiated {
    Negotiated {
        target: Some(target.parse().unwrap()),
        codec: Codec { payload_type: 8, law: Law::A },
        telephone_event_out: Some(96),
        telephone_event_in: Some(101),
        direction: Direction::SendReceive,
    }
}

fn datagram(sequence: u16, ssrc: u32, payload_type: u8, payload: &[u8]) -> Vec<u8> {
    let header = Header { marker: false, payload_type, sequence, timestamp: u32::from(sequence) * 160, ssrc };
    let mut head = [0; HEADER_LEN];
    header.write(&mut head);
    [&head[..], payload].concat()
}

fn at(ms: u64) -> Instant {
    Instant::from_micros(ms * 1_000)
}

fn leg(rule: SourceRule) -> Leg {
    let mut leg = Leg::new(at(0), 0x0102_0304_0506_0708);
    assert_eq!(leg.agree(at(0), media(PEER), rule), None);
    leg
}

fn outcome(leg: &mut Leg, now: Instant, source: &str, datagram: &[u8]) -> Result<(), Refusal> {
    leg.admit(now, source.parse().unwrap(), datagram).outcome.map(|_| ())
}

#[test]
fn nothing_is_heard_before_something_is_signalled() {
    let mut leg = Leg::new(at(0), 1);
    assert_eq!(outcome(&mut leg, at(0), PEER, &datagram(1, 1, 8, &[1; 160])), Err(Refusal::Source));
    assert_eq!(leg.target(), None);
}

#[test]
fn only_the_signalled_address_and_port_are_heard() {
    let mut leg = leg(SourceRule::Signalled);
    for stranger in ["198.51.100.7:12002", "198.51.100.8:12000"] {
        assert_eq!(outcome(&mut leg, at(0), stranger, &datagram(1, 1, 8, &[1; 160])), Err(Refusal::Source));
    }
    assert!(leg.admit(at(0), PEER.parse().unwrap(), &datagram(1, 1, 8, &[1; 160])).latched);
    assert!(!leg.admit(at(1), PEER.parse().unwrap(), &datagram(2, 1, 8, &[1; 160])).latched);
    assert_eq!(leg.stats().dropped_source, 2);
}

#[test]
fn garbage_from_the_right_source_does_not_latch() {
    let mut leg = leg(SourceRule::Signalled);
    for (junk, refusal) in [
        (vec![0x00; 200], Refusal::Malformed),
        (vec![0x80; 5], Refusal::Malformed),
        (datagram(1, 1, 8, &[]), Refusal::Empty),
        (datagram(1, 1, 13, &[1]), Refusal::ComfortNoise),
        (datagram(1, 1, 3, &[1; 33]), Refusal::PayloadType),
        (datagram(1, 1, 8, &[0; 1_500]), Refusal::Oversize),
        (datagram(1, 1, 101, &[1]), Refusal::Malformed),
    ] {
        let admission = leg.admit(at(0), PEER.parse().unwrap(), &junk);
        assert_eq!((admission.outcome, admission.latched), (Err(refusal), false));
    }
}

#[test]
fn a_spray_of_strangers_does_not_win_the_learning() {
    let mut leg = leg(SourceRule::Learned { from: None });
    let phone = "203.0.113.5:4000";
    for round in 0..40u16 {
        let stranger = format!("192.0.2.{round}:6000");
        assert_eq!(outcome(&mut leg, at(0), &stranger, &datagram(7, 9, 8, &[1; 160])), Err(Refusal::Learning));
    }
    assert_eq!(leg.target(), Some(PEER.parse().unwrap()), "nothing is sent to an unlocked source");
    for sequence in 1..=2 {
        assert_eq!(outcome(&mut leg, at(0), phone, &datagram(sequence, 1, 8, &[1; 160])), Err(Refusal::Learning));
    }
    assert_eq!(outcome(&mut leg, at(0), phone, &datagram(3, 1, 8, &[1; 160])), Ok(()));
    assert_eq!(leg.target(), Some(phone.parse().unwrap()));
    assert_eq!(outcome(&mut leg, at(0), "192.0.2.1:6000", &datagram(4, 1, 8, &[1; 160])), Err(Refusal::Source));
}

#[test]
fn a_learned_host_can_be_limited_to_where_sip_comes_from() {
    let mut leg = leg(SourceRule::Learned { from: Some("203.0.113.5".parse().unwrap()) });
    for sequence in 1..=5 {
        let heard = outcome(&mut leg, at(0), "203.0.113.6:4000", &datagram(sequence, 1, 8, &[1; 160]));
        assert_eq!(heard, Err(Refusal::Source));
    }
}

#[test]
fn a_re_offer_moves_the_leg_and_a_hold_does_not() {
    let mut leg = leg(SourceRule::Signalled);
    assert_eq!(outcome(&mut leg, at(0), PEER, &datagram(1, 1, 8, &[1; 160])), Ok(()));
    let held = Negotiated { target: None, direction: Direction::ReceiveOnly, ..media(PEER) };
    assert_eq!(leg.agree(at(1), held, SourceRule::Signalled), None);
    assert_eq!(leg.target(), None, "a peer on hold is sent nothing");
    assert_eq!(outcome(&mut leg, at(1), PEER, &datagram(2, 1, 8, &[1; 160])), Ok(()), "its hold music is heard");
    assert_eq!(leg.agree(at(2), media(PEER), SourceRule::Signalled), None);
    assert_eq!(leg.target(), Some(PEER.parse().unwrap()));
    let moved = "198.51.100.9:20000";
    assert_eq!(leg.agree(at(3), media(moved), SourceRule::Signalled), Some(moved.parse().unwrap()));
    assert_eq!(outcome(&mut leg, at(3), PEER, &datagram(3, 1, 8, &[1; 160])), Err(Refusal::Source));
    assert_eq!(outcome(&mut leg, at(3), moved, &datagram(3, 1, 8, &[1; 160])), Ok(()));
}

#[test]
fn a_flood_from_the_right_source_is_cut_to_the_rate_and_the_call_goes_on() {
    let mut leg = leg(SourceRule::Signalled);
    let mut heard = 0;
    for packet in 0..25_000u64 {
        let now = Instant::from_micros(packet * 400); // 2,500 per second for ten seconds
        heard += u64::from(outcome(&mut leg, now, PEER, &datagram(packet as u16, 1, 8, &[1; 160])).is_ok());
    }
    assert!((4_000..4_200).contains(&heard), "{heard}");
    assert_eq!(outcome(&mut leg, at(10_500), PEER, &datagram(9, 2, 8, &[1; 160])), Ok(()));
}

#[test]
fn rtcp_is_a_sign_of_life_from_the_peer_only() {
    let mut leg = leg(SourceRule::Signalled);
    let report = [0x80, 201, 0, 1, 1, 2, 3, 4];
    leg.admit_rtcp(at(5), "198.51.100.7:12001".parse().unwrap(), &report);
    assert_eq!((leg.alive_at, leg.stats().rtcp_in), (at(5), 1));
    leg.admit_rtcp(at(6), "203.0.113.1:12001".parse().unwrap(), &report);
    leg.admit_rtcp(at(6), "198.51.100.7:12001".parse().unwrap(), &report[..6]);
    assert_eq!(leg.alive_at, at(5));
    assert_eq!(outcome(&mut leg, at(7), PEER, &report), Ok(()), "on the RTP port it is tolerated");
    assert_eq!(leg.stats().packets_in, 0);
}

#[test]
fn a_switch_continues_the_numbers_with_a_marker_and_the_time_that_passed() {
    let mut stream = SenderStream::new(0xAABB_CCDD_FFFE_0000);
    let heard = |sequence, timestamp, ssrc| Header { marker: false, payload_type: 8, sequence, timestamp, ssrc };
    let first = stream.relay(at(0), 1, &heard(500, 1_000, 7)).unwrap();
    let second = stream.relay(at(20), 1, &heard(501, 1_160, 7)).unwrap();
    assert_eq!((first.marker, second.marker, first.ssrc), (true, false, 0xAABB_CCDD));
    assert_eq!(second.sequence, first.sequence.wrapping_add(1));
    let prompt = stream.clock(at(60), 8, false);
    assert_eq!((prompt.marker, prompt.timestamp), (true, second.timestamp.wrapping_add(320)));
    let other = stream.relay(at(80), 2, &heard(9, 99, 8)).unwrap();
    assert_eq!((other.marker, other.sequence), (true, prompt.sequence.wrapping_add(1)));
    assert_eq!(other.timestamp, prompt.timestamp.wrapping_add(160));
    assert_eq!(stream.relay(at(81), 2, &heard(8, 0, 8)), None, "older than the switch");
    let jumped = stream.relay(at(100), 2, &heard(10, 1 << 30, 8)).unwrap();
    assert_eq!((jumped.marker, jumped.timestamp), (true, other.timestamp.wrapping_add(160)));
}

#[test]
fn loss_reordering_and_pauses_keep_their_distances() {
    let mut stream = SenderStream::new(5);
    let heard = |sequence, timestamp| Header { marker: false, payload_type: 8, sequence, timestamp, ssrc: 1 };
    let base = stream.relay(at(0), 1, &heard(65_534, u32::MAX - 100)).unwrap();
    let later = stream.relay(at(60), 1, &heard(1, (u32::MAX - 100).wrapping_add(480))).unwrap();
    assert_eq!(later.sequence.wrapping_sub(base.sequence), 3);
    assert_eq!(later.timestamp.wrapping_sub(base.timestamp), 480);
    let late = stream.relay(at(61), 1, &heard(0, (u32::MAX - 100).wrapping_add(320))).unwrap();
    assert_eq!(late.sequence.wrapping_sub(base.sequence), 2);
    let after_pause = stream.relay(at(10_060), 1, &heard(2, (u32::MAX - 100).wrapping_add(80_480))).unwrap();
    assert_eq!((after_pause.marker, after_pause.timestamp.wrapping_sub(later.timestamp)), (false, 80_000));
}

#[test]
fn a_key_held_for_long_keeps_its_timestamp_and_the_audio_after_it_its_place() {
    let mut stream = SenderStream::new(5);
    let event = |sequence| Header { marker: sequence == 1, payload_type: 101, sequence, timestamp: 4_000, ssrc: 1 };
    let first = stream.relay(at(0), 1, &event(1)).unwrap();
    for sequence in 2..200u16 {
        let header = stream.relay(at(u64::from(sequence) * 20), 1, &event(sequence)).unwrap();
        assert_eq!(header.timestamp, first.timestamp);
    }
    let audio = Header { marker: false, payload_type: 8, sequence: 200, timestamp: 4_000 + 32_000, ssrc: 1 };
    assert_eq!(stream.relay(at(4_000), 1, &audio).unwrap().timestamp, first.timestamp.wrapping_add(32_000));
}

#[test]
fn the_quality_estimate_falls_with_loss() {
    let line = |packets_in, lost_in| LegStats { packets_in, lost_in, ..LegStats::default() }.mos_estimate();
    assert!((line(1_000, 0) - 4.41).abs() < 0.01, "{}", line(1_000, 0));
    assert!((line(950, 50) - 3.9).abs() < 0.2, "{}", line(950, 50));
    assert!(line(800, 200) < 2.8 && line(0, 1_000) >= 1.0);
}

proptest! {
    #[test]
    fn any_datagram_from_anyone_at_any_time_is_judged_without_panic(
        steps in proptest::collection::vec((any::<u32>(), any::<bool>(), proptest::collection::vec(any::<u8>(), 0..40)), 0..60),
    ) {
        let mut leg = leg(SourceRule::Signalled);
        let mut now = at(0);
        for (pause, is_peer, mut bytes) in steps {
            now += Duration::from_micros(u64::from(pause % 100_000));
            if let Some(first) = bytes.first_mut() {
                *first = 0x80 | (*first & 0x1F);
            }
            let source = if is_peer { PEER } else { "192.0.2.1:5000" };
            let admission = leg.admit(now, source.parse().unwrap(), &bytes);
            prop_assert!(is_peer || admission.outcome.is_err());
            if let Ok(Admitted::Audio { packet, .. }) = admission.outcome {
                leg.sender.relay(now, 1, &packet.header);
            }
        }
    }
}
