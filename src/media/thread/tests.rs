use super::*;
use crate::media::classify::{AmdSettings, Verdict};
use crate::media::dtmf::{Digit, TelephoneEvent};
use crate::media::g711::Law;
use crate::media::leg::SourceRule;
use crate::media::plane::{PromptEnd, Repeat, Voice};
use crate::media::ports::{MediaPorts, PortSettings};
use crate::media::prompt::Prompt;
use crate::media::rtp::{HEADER_LEN, Header, Packet};
use crate::media::sdp::{Codec, Direction, Negotiated};
use std::net::{Ipv4Addr, UdpSocket as Peer};

const PATIENCE: Duration = Duration::from_secs(10);
/// Long enough for a packet that must not come, short enough to wait for.
const NOTHING: Duration = Duration::from_millis(60);

#[expect(clippy::disallowed_methods, reason = "the loop under test runs on real sockets and needs the real clock")]
fn real_clock() -> Clock {
    let origin = std::time::Instant::now();
    Box::new(move || Instant::from_micros(origin.elapsed().as_micros() as u64 + 1_000_000))
}

/// A running media thread, its ports and its events.
struct Rig {
    ports: MediaPorts,
    handle: MediaHandle,
    thread: MediaThread,
    events: std::sync::mpsc::Receiver<Event>,
}

/// A far end with its socket and the stream it sends.
struct Phone {
    leg: LegId,
    socket: Peer,
    to: SocketAddr,
    law: Law,
    header: Header,
}

impl Rig {
    fn new(first_port: u16) -> Rig {
        let ports = MediaPorts::new(PortSettings {
            address: Ipv4Addr::LOCALHOST.into(),
            range: first_port..=first_port + 39,
            with_rtcp: true,
            files_max: 1_000,
        });
        let (sender, events) = sync_channel(4_096);
        let listener = Box::new(move |event| sender.send(event).unwrap());
        let (handle, thread) = start(MediaSettings { legs_max: 10, seed: 7 }, real_clock(), listener).unwrap();
        Rig { ports: ports.unwrap(), handle, thread, events }
    }

    fn phone(&mut self, id: i64, law: Law) -> Phone {
        self.phone_with(id, law, Idle::Nothing, SourceRule::Signalled)
    }

    fn phone_with(&mut self, id: i64, law: Law, idle: Idle, source: SourceRule) -> Phone {
        let ports = self.ports.take().unwrap();
        let to = ports.local().unwrap();
        let socket = Peer::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let leg = LegId(id);
        self.handle.open(leg, ports, idle).unwrap();
        let media = agreed(law, socket.local_addr().unwrap());
        self.handle.send(Command::SetRemote { leg, media, source }).unwrap();
        let header = Header {
            marker: false,
            payload_type: law.payload_type(),
            sequence: 65_530,
            timestamp: u32::MAX - 500,
            ssrc: id as u32,
        };
        Phone { leg, socket, to, law, header }
    }

    fn event<T>(&self, pick: impl Fn(Event) -> Option<T>) -> T {
        loop {
            if let Some(found) = pick(self.events.recv_timeout(PATIENCE).unwrap()) {
                return found;
            }
        }
    }

    /// Everything must be back: legs, ports, recordings.
    fn end(self, legs: &[&Phone]) {
        for phone in legs {
            self.handle.send(Command::CloseLeg { leg: phone.leg }).unwrap();
            self.event(|event| matches!(event, Event::LegClosed { leg, .. } if leg == phone.leg).then_some(()));
        }
        let counts = self.handle.counts(PATIENCE).unwrap();
        assert_eq!((counts.legs, counts.bridges, counts.clocked, counts.prompts), (0, 0, 0, 0));
        assert_eq!(self.ports.taken(), 0);
        self.thread.stop();
        assert!(matches!(self.handle.counts(PATIENCE), Err(MediaError::Stopped)));
    }
}

impl Phone {
    fn say(&mut self, text: &[u8]) {
        self.header.sequence = self.header.sequence.wrapping_add(1);
        self.header.timestamp = self.header.timestamp.wrapping_add(160);
        self.send(self.header, text);
    }

    fn send(&self, header: Header, payload: &[u8]) {
        let mut head = [0; HEADER_LEN];
        header.write(&mut head);
        self.socket.send_to(&[&head[..], payload].concat(), self.to).unwrap();
    }

    fn hear(&self) -> (Header, Vec<u8>) {
        let mut buffer = [0; 2_000];
        let (length, from) = self.socket.recv_from(&mut buffer).unwrap();
        assert_eq!(from, self.to);
        let packet = Packet::parse(&buffer[..length]).unwrap();
        (packet.header, packet.payload.to_vec())
    }

    fn hears_nothing(&self) {
        self.socket.set_read_timeout(Some(NOTHING)).unwrap();
        let mut buffer = [0; 2_000];
        assert!(self.socket.recv_from(&mut buffer).is_err(), "a packet came that must not");
        self.socket.set_read_timeout(Some(PATIENCE)).unwrap();
    }
}

fn agreed(law: Law, target: SocketAddr) -> Negotiated {
    Negotiated {
        target: Some(target),
        codec: Codec { payload_type: law.payload_type(), law },
        telephone_event_out: Some(101),
        telephone_event_in: Some(101),
        direction: Direction::SendReceive,
    }
}

/// 160 bytes that differ from frame to frame.
fn speech(seed: u8) -> Vec<u8> {
    (0..160u32).map(|at| (at.wrapping_mul(37) as u8).wrapping_add(seed)).collect()
}

fn as_law(from: Law, to: Law, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0; bytes.len()];
    from.copy_as(to, bytes, &mut out);
    out
}

#[test]
fn two_legs_hear_each_other_by_content_with_one_steady_stream_each() {
    let mut rig = Rig::new(32_000);
    let (mut customer, mut agent) = (rig.phone(1, Law::A), rig.phone(2, Law::Mu));
    rig.handle.send(Command::Bridge { a: customer.leg, b: agent.leg }).unwrap();
    rig.handle.counts(PATIENCE).unwrap();
    let mut last: Option<Header> = None;
    for round in 0..20u8 {
        customer.say(&speech(round));
        let (header, payload) = agent.hear();
        assert_eq!(payload, as_law(customer.law, agent.law, &speech(round)));
        assert_eq!((header.payload_type, header.marker), (0, round == 0));
        if let Some(last) = last {
            assert_eq!(header.sequence, last.sequence.wrapping_add(1));
            assert_eq!((header.timestamp, header.ssrc), (last.timestamp.wrapping_add(160), last.ssrc));
        }
        last = Some(header);
        agent.say(&speech(round ^ 0x55));
        assert_eq!(customer.hear().1, as_law(agent.law, customer.law, &speech(round ^ 0x55)));
    }
    let first = rig.event(|event| match event {
        Event::FirstAudioOut { leg, voice, .. } => Some((leg, voice)),
        _ => None,
    });
    assert_eq!(first, (agent.leg, Voice::Bridge));
    rig.end(&[&customer, &agent]);
}

#[test]
fn a_stranger_is_neither_heard_nor_answered_before_or_after_the_latch() {
    let mut rig = Rig::new(32_050);
    let (mut customer, mut agent) = (rig.phone(1, Law::A), rig.phone(2, Law::A));
    rig.handle.send(Command::Bridge { a: customer.leg, b: agent.leg }).unwrap();
    let stranger = Phone { socket: Peer::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(), ..rig.phone(3, Law::A) };
    let stranger = Phone { to: customer.to, header: customer.header, ..stranger };
    for _ in 0..50 {
        stranger.send(stranger.header, &[0x11; 160]);
    }
    customer.say(&speech(1));
    assert_eq!(agent.hear().1, speech(1), "the first that is heard is the customer");
    let source = rig.event(|event| match event {
        Event::LegLatched { leg, source } => Some((leg, source)),
        _ => None,
    });
    assert_eq!(source, (customer.leg, customer.socket.local_addr().unwrap()));
    stranger.send(stranger.header, &[0x22; 160]);
    customer.say(&speech(2));
    assert_eq!(agent.hear().1, speech(2));
    agent.say(&speech(3));
    assert_eq!(customer.hear().1, speech(3));
    stranger.hears_nothing();
    rig.handle.send(Command::CloseLeg { leg: customer.leg }).unwrap();
    let stats = rig.event(|event| match event {
        Event::LegClosed { stats, .. } => Some(stats),
        _ => None,
    });
    assert_eq!((stats.packets_in, stats.packets_out), (2, 1));
    assert!(stats.dropped_source >= 50, "{stats:?}");
    rig.handle.send(Command::CloseLeg { leg: LegId(3) }).unwrap();
    rig.end(&[&agent]);
}

#[test]
fn a_customer_moves_from_prompt_to_agent_to_another_agent_within_one_stream() {
    let mut rig = Rig::new(32_100);
    let customer = rig.phone(1, Law::A);
    let (mut first, mut second) = (rig.phone(2, Law::A), rig.phone(3, Law::A));
    let prompt = Arc::new(Prompt::from_samples("wait", &[8_000; 8_000]));
    let repeat = Repeat::Loop { pause_ms: 0 };
    rig.handle.send(Command::Play { leg: customer.leg, prompt: Arc::clone(&prompt), repeat }).unwrap();
    let (begin, payload) = customer.hear();
    assert_eq!((begin.marker, &payload[..]), (true, &prompt.bytes(Law::A)[..160]));
    rig.handle.send(Command::Bridge { a: customer.leg, b: first.leg }).unwrap();
    let end = rig.event(|event| match event {
        Event::PromptEnded { end, .. } => Some(end),
        _ => None,
    });
    assert_eq!(end, PromptEnd::Bridged);
    first.say(&speech(1));
    let mut heard = customer.hear();
    while heard.1 == payload {
        heard = customer.hear(); // frames that left before the bridge
    }
    assert_eq!((heard.0.marker, heard.1), (true, speech(1)));
    rig.handle.send(Command::Bridge { a: second.leg, b: customer.leg }).unwrap();
    rig.handle.counts(PATIENCE).unwrap();
    first.say(&speech(2));
    second.say(&speech(3));
    let (header, payload) = customer.hear();
    assert_eq!((header.marker, payload), (true, speech(3)), "the first agent is no longer heard");
    assert_eq!((header.ssrc, header.sequence), (begin.ssrc, heard.0.sequence.wrapping_add(1)));
    let ahead = header.timestamp.wrapping_sub(begin.timestamp);
    assert!((320..80_000).contains(&ahead), "the timestamp goes on with time: {ahead}");
    rig.end(&[&customer, &first, &second]);
}

#[test]
fn a_prompt_is_paced_by_the_clock_and_ends_once() {
    let mut rig = Rig::new(32_150);
    let customer = rig.phone(1, Law::Mu);
    let samples: Vec<i16> = (0..1_650).map(|at| (at * 19) as i16).collect();
    let prompt = Arc::new(Prompt::from_samples("short", &samples));
    let clock = real_clock();
    let began = clock();
    rig.handle.send(Command::Play { leg: customer.leg, prompt: Arc::clone(&prompt), repeat: Repeat::Once }).unwrap();
    let frames: Vec<_> = (0..11).map(|_| customer.hear()).collect();
    let took = clock().since(began);
    let mut heard: Vec<u8> = frames.iter().flat_map(|(_, payload)| payload.clone()).collect();
    assert!(heard[1_650..].iter().all(|byte| *byte == 0xFF), "the last frame is filled with silence");
    heard.truncate(1_650);
    assert_eq!(heard, prompt.bytes(Law::Mu)[..]);
    // How late frames come depends on the machine; how early, on the wheel.
    assert!(took >= Duration::from_millis(10 * 20 - 2), "{took:?}");
    let (name, end) = rig.event(|event| match event {
        Event::PromptEnded { prompt, end, .. } => Some((prompt, end)),
        _ => None,
    });
    assert_eq!((&*name, end), ("short", PromptEnd::Finished));
    customer.hears_nothing();
    rig.end(&[&customer]);
}

#[test]
fn a_recording_holds_both_sides_and_reports_its_hash() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("call.wav");
    let mut rig = Rig::new(32_200);
    let (mut customer, mut agent) = (rig.phone(1, Law::A), rig.phone(2, Law::Mu));
    rig.handle.send(Command::Bridge { a: customer.leg, b: agent.leg }).unwrap();
    rig.handle.send(Command::Record { leg: customer.leg, file: file.clone(), announce: None }).unwrap();
    rig.handle.counts(PATIENCE).unwrap();
    for round in 0..5u8 {
        customer.say(&[0x10 + round; 160]);
        agent.hear();
        agent.say(&[0x90 + round; 160]);
        customer.hear();
    }
    rig.handle.send(Command::StopRecord { leg: customer.leg }).unwrap();
    let (bytes, dropped, sha256) = rig.event(|event| match event {
        Event::Recorded { bytes, dropped_frames, sha256, .. } => Some((bytes, dropped_frames, sha256)),
        _ => None,
    });
    let written = std::fs::read(&file).unwrap();
    assert_eq!((bytes, dropped), (written.len() as u64, 0));
    assert_eq!(sha256, <[u8; 32]>::from(<sha2::Sha256 as sha2::Digest>::digest(&written)));
    assert_eq!(written[20], 6, "A-law, as the customer");
    let audio = &written[crate::media::wav::HEADER_LEN..];
    for round in 0..5u8 {
        let said = audio.iter().step_by(2).filter(|byte| **byte == 0x10 + round).count();
        let heard = as_law(Law::Mu, Law::A, &[0x90 + round])[0];
        let sent = audio.iter().skip(1).step_by(2).filter(|byte| **byte == heard).count();
        assert!(said >= 160 && sent >= 160, "{round}: {said} {sent}");
    }
    rig.handle.send(Command::Record { leg: customer.leg, file, announce: None }).unwrap();
    let why = rig.event(|event| match event {
        Event::RecordFailed { why, .. } => Some(why.to_string()),
        _ => None,
    });
    assert!(why.starts_with("cannot write: File exists"), "{why}");
    customer.say(&speech(9));
    assert_eq!(agent.hear().1, as_law(Law::A, Law::Mu, &speech(9)), "the call goes on");
    rig.end(&[&customer, &agent]);
}

#[test]
fn garbage_and_floods_on_one_port_leave_the_call_and_others_alone() {
    let mut rig = Rig::new(32_250);
    let (mut customer, agent) = (rig.phone(1, Law::Mu), rig.phone(2, Law::Mu));
    rig.handle.send(Command::Bridge { a: customer.leg, b: agent.leg }).unwrap();
    customer.say(&speech(0));
    assert_eq!(agent.hear().1, speech(0));
    let mut rtcp = customer.to;
    rtcp.set_port(customer.to.port() + 1);
    for junk in [&b""[..], &[0x80], &[0xFF; 1_400], &[0; 9_000], &[0x80, 200, 0, 6], &[0x80, 0, 0, 0, 0, 0, 0, 0]] {
        customer.socket.send_to(junk, customer.to).unwrap();
        customer.socket.send_to(junk, rtcp).unwrap();
    }
    customer.send(Header { payload_type: 77, ..customer.header }, &[1; 160]);
    customer.send(Header { payload_type: 13, ..customer.header }, &[1]);
    customer.send(customer.header, &[]);
    customer.send(Header { payload_type: 0, ..customer.header }, &[1; 1_480]);
    customer.header.ssrc = 99;
    customer.header.sequence = 4;
    customer.header.timestamp = 1 << 31;
    customer.say(&speech(1));
    let mut heard = agent.hear();
    while heard.1.len() != 160 {
        heard = agent.hear();
    }
    assert_eq!(heard.1, speech(1), "a changed SSRC is heard at once");
    assert!(heard.0.marker);
    rig.handle.send(Command::CloseLeg { leg: customer.leg }).unwrap();
    let stats = rig.event(|event| match event {
        Event::LegClosed { stats, .. } => Some(stats),
        _ => None,
    });
    assert_eq!((stats.dropped_payload, stats.streams_in), (3, 2), "{stats:?}");
    assert!(stats.dropped_malformed >= 5, "{stats:?}");
    rig.end(&[&agent]);
}

#[test]
fn keys_are_passed_on_reported_once_and_can_be_pressed() {
    let mut rig = Rig::new(32_300);
    let (customer, agent) = (rig.phone(1, Law::Mu), rig.phone(2, Law::Mu));
    rig.handle.send(Command::Bridge { a: customer.leg, b: agent.leg }).unwrap();
    rig.handle.counts(PATIENCE).unwrap();
    let mut header = Header { payload_type: 101, marker: true, ..customer.header };
    for (end, duration) in [(false, 160), (false, 320), (true, 480), (true, 480), (true, 480)] {
        header.sequence = header.sequence.wrapping_add(1);
        customer.send(header, &TelephoneEvent { code: 7, end, duration }.bytes());
        let (passed, payload) = agent.hear();
        assert_eq!(passed.payload_type, 101);
        assert_eq!(TelephoneEvent::parse(&payload).unwrap(), TelephoneEvent { code: 7, end, duration });
    }
    let heard = rig.event(|event| match event {
        Event::Digit { leg, digit, duration } => Some((leg, digit.label(), duration)),
        _ => None,
    });
    assert_eq!(heard, (customer.leg, '7', Duration::from_millis(60)));
    let digits = "1#".chars().filter_map(Digit::from_char).collect();
    rig.handle.send(Command::PressDigits { leg: agent.leg, digits }).unwrap();
    let packets: Vec<_> = (0..16).map(|_| agent.hear()).collect();
    let ends: Vec<u8> = packets.iter().filter(|(_, payload)| payload[1] & 0x80 != 0).map(|(_, p)| p[0]).collect();
    assert_eq!(ends, [1, 1, 1, 11, 11, 11]);
    assert_eq!(packets.iter().filter(|(header, _)| header.marker).count(), 2);
    rig.event(|event| matches!(event, Event::DigitsSent { .. }).then_some(()));
    rig.end(&[&customer, &agent]);
}

#[test]
fn a_peer_whose_port_closes_and_opens_again_hears_the_next_packet() {
    let mut rig = Rig::new(32_550);
    let (mut customer, mut agent) = (rig.phone(1, Law::Mu), rig.phone(2, Law::Mu));
    rig.handle.send(Command::Bridge { a: customer.leg, b: agent.leg }).unwrap();
    agent.say(&speech(0)); // locks and connects the agent's leg
    assert_eq!(customer.hear().1, speech(0));
    let address = agent.socket.local_addr().unwrap();
    agent.socket = Peer::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    for round in 0..5 {
        customer.say(&speech(round));
        rig.handle.counts(PATIENCE).unwrap();
    }
    agent.socket = Peer::bind(address).unwrap();
    agent.socket.set_read_timeout(Some(PATIENCE)).unwrap();
    customer.say(&speech(6));
    while agent.hear().1 != speech(6) {} // one that was still on its way when the port opened
    rig.end(&[&customer, &agent]);
}

#[test]
fn a_hundred_calls_come_and_go_and_every_port_is_back() {
    // By the kernel's own list, of these ports alone, which it gives to nobody by itself: other tests open sockets beside this one.
    let open_sockets = || {
        let udp = std::fs::read_to_string("/proc/self/net/udp").unwrap();
        let port = |line: &str| u16::from_str_radix(line.split_whitespace().nth(1)?.split_once(':')?.1, 16).ok();
        udp.lines().filter_map(port).filter(|port| (21_000..=21_999).contains(port)).count()
    };
    let (sender, events) = sync_channel(4_096);
    let listener = Box::new(move |event| sender.send(event).unwrap());
    let (handle, thread) = start(MediaSettings { legs_max: 400, seed: 7 }, real_clock(), listener).unwrap();
    let settings = PortSettings {
        address: Ipv4Addr::LOCALHOST.into(),
        range: 21_000..=21_999,
        with_rtcp: true,
        files_max: 10_000,
    };
    let mut ports = MediaPorts::new(settings).unwrap();
    let far = Peer::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    handle.counts(PATIENCE).unwrap();
    assert_eq!(open_sockets(), 0);
    for round in 0..2i64 {
        for id in 0..200i64 {
            let leg = LegId(round * 1_000 + id);
            handle.open(leg, ports.take().unwrap(), Idle::Silence).unwrap();
            let media = agreed(Law::Mu, far.local_addr().unwrap());
            handle.send(Command::SetRemote { leg, media, source: SourceRule::Signalled }).unwrap();
            if id % 2 == 1 {
                handle.send(Command::Bridge { a: leg, b: LegId(leg.0 - 1) }).unwrap();
            }
        }
        let counts = handle.counts(PATIENCE).unwrap();
        assert_eq!((counts.legs, counts.bridges, ports.taken()), (200, 100, 200));
        assert_eq!(open_sockets(), 400);
        for id in 0..200i64 {
            handle.send(Command::CloseLeg { leg: LegId(round * 1_000 + id) }).unwrap();
        }
        let counts = handle.counts(PATIENCE).unwrap();
        assert_eq!((counts.legs, counts.bridges, counts.clocked, ports.taken()), (0, 0, 0, 0));
        assert_eq!(open_sockets(), 0);
    }
    thread.stop();
    assert_eq!(events.try_iter().filter(|event| matches!(event, Event::LegClosed { .. })).count(), 400);
}

#[test]
fn a_command_wakes_the_loop_at_once() {
    let rig = Rig::new(32_600);
    let clock = real_clock();
    let mut waits: Vec<Duration> = (0..100)
        .map(|_| {
            let asked = clock();
            rig.handle.counts(PATIENCE).unwrap();
            clock().since(asked)
        })
        .collect();
    waits.sort();
    // There and back; a busy machine may delay many of them, a loop that is not woken delays all.
    assert!(waits[25] < Duration::from_millis(5), "{waits:?}");
    rig.end(&[]);
}

#[test]
fn a_learned_source_needs_three_packets_and_is_then_locked() {
    let mut rig = Rig::new(32_350);
    let rule = SourceRule::Learned { from: Some(Ipv4Addr::LOCALHOST.into()) };
    let agent = rig.phone_with(1, Law::Mu, Idle::Silence, rule);
    let mut moved = Phone { socket: Peer::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(), ..rig.phone(2, Law::Mu) };
    moved.socket.set_read_timeout(Some(PATIENCE)).unwrap();
    moved.to = agent.to;
    agent.hear(); // silence goes to the signalled address until then
    for round in 0..3 {
        moved.say(&speech(round));
    }
    let latched = rig.event(|event| match event {
        Event::LegLatched { source, .. } => Some(source),
        _ => None,
    });
    assert_eq!(latched, moved.socket.local_addr().unwrap());
    assert_eq!(moved.hear().1, [0xFF; 160]);
    rig.handle.send(Command::CloseLeg { leg: LegId(2) }).unwrap();
    rig.end(&[&agent]);
}

#[test]
fn detection_reports_a_verdict_from_packets() {
    let mut rig = Rig::new(32_400);
    let mut customer = rig.phone(1, Law::A);
    let settings = AmdSettings { initial_silence_ms: 300, ..AmdSettings::default() };
    rig.handle.send(Command::Classify { leg: customer.leg, settings }).unwrap();
    for _ in 0..15 {
        customer.say(&[0xD5; 160]);
    }
    let verdict = rig.event(|event| match event {
        Event::Classified { leg, classification } => Some((leg, classification.verdict)),
        _ => None,
    });
    assert_eq!(verdict, (customer.leg, Verdict::Silence));
    assert_eq!(rig.handle.counts(PATIENCE).unwrap().classifiers, 0);
    rig.end(&[&customer]);
}

#[test]
fn stopping_closes_legs_and_finishes_recordings() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(32_450);
    let mut customer = rig.phone(1, Law::Mu);
    let file = folder.path().join("cut.wav");
    rig.handle.send(Command::Record { leg: customer.leg, file: file.clone(), announce: None }).unwrap();
    customer.say(&speech(1));
    rig.event(|event| matches!(event, Event::LegLatched { .. }).then_some(()));
    rig.thread.stop();
    let ended: Vec<Event> = rig.events.try_iter().collect();
    assert!(matches!(&ended[..], [Event::LegClosed { .. }, Event::Recorded { .. }]), "{ended:?}");
    assert_eq!(rig.ports.taken(), 0);
    assert!(std::fs::metadata(&file).unwrap().len() > 58);
}

#[test]
fn commands_that_cannot_be_done_are_refused_by_name() {
    let mut rig = Rig::new(32_500);
    let customer = rig.phone(1, Law::Mu);
    let ports = rig.ports.take().unwrap();
    rig.handle.open(customer.leg, ports, Idle::Nothing).unwrap();
    rig.handle.send(Command::Bridge { a: customer.leg, b: customer.leg }).unwrap();
    rig.handle.send(Command::Bridge { a: customer.leg, b: LegId(77) }).unwrap();
    rig.handle.send(Command::Unbridge { leg: LegId(77) }).unwrap();
    let refusals: Vec<String> = (0..3)
        .map(|_| {
            rig.event(|event| match event {
                Event::Refused { why, .. } => Some(why.to_string()),
                _ => None,
            })
        })
        .collect();
    assert_eq!(refusals[0], "the leg is open already");
    assert_eq!(refusals[1], "a leg cannot be bridged with itself");
    assert!(refusals[2].starts_with("the leg to bridge with, leg_"), "{}", refusals[2]);
    assert_eq!(rig.handle.counts(PATIENCE).unwrap().stale_commands, 2);
    rig.end(&[&customer]);
}
