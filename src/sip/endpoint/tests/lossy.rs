//! Two endpoints joined by a network that loses, doubles, delays and reorders: whatever happens, every leg ends once on
//! each side and nothing is left in any table (I-40, F-40).

use std::collections::BTreeSet;

use super::*;

const CALLER: &str = "192.0.2.1:5060";
const CALLED: &str = "192.0.2.2:5060";

/// How bad the network is, in percent and milliseconds.
#[derive(Clone, Copy, Debug)]
struct Weather {
    lost: u64,
    doubled: u64,
    delay_ms: u64,
}

/// What one of the two sides decides to do later.
#[derive(Clone, Copy, Debug)]
enum Plan {
    Originate(LegId),
    Cancel(LegId),
    HangUp(LegId),
    Ring(LegId),
    Answer(LegId),
    Reject(LegId),
    Deliver(usize),
}

struct Side {
    endpoint: Endpoint,
    address: SocketAddr,
    live: BTreeSet<LegId>,
    ended: BTreeSet<LegId>,
    calls: BTreeSet<String>,
}

struct World {
    sides: [Side; 2],
    now: Now,
    chance: ChaCha12Rng,
    weather: Weather,
    agenda: BTreeMap<(Instant, u64), (usize, Plan)>,
    mail: Vec<Bytes>,
    sequence: u64,
}

impl World {
    fn new(seed: u64, weather: Weather) -> World {
        let rig = Rig::new();
        let side = |own: &str, other: &str, seed| {
            let trunk = Trunk {
                name: "carrier".into(),
                sources: Vec::new(),
                targets: vec![target(other)],
                account: None,
                probe_interval_s: None,
            };
            let address = address(own);
            let host = address.ip().to_string();
            let listeners = vec![Listener { transport: Transport::Udp, host, port: 5060 }];
            // Session timers find the calls whose BYE was lost eleven times.
            let settings =
                Settings { listeners, trunks: vec![trunk], session_expires_s: Some(90), ..Settings::default() };
            let endpoint = Endpoint::new(settings, [seed; 32], rig.now);
            Side { endpoint, address, live: BTreeSet::new(), ended: BTreeSet::new(), calls: BTreeSet::new() }
        };
        World {
            sides: [side(CALLER, CALLED, seed as u8), side(CALLED, CALLER, seed as u8 ^ 0x55)],
            now: rig.now,
            chance: ChaCha12Rng::seed_from_u64(seed),
            weather,
            agenda: BTreeMap::new(),
            mail: Vec::new(),
            sequence: 0,
        }
    }

    fn roll(&mut self, below: u64) -> u64 {
        self.chance.next_u64() % below.max(1)
    }

    fn plan(&mut self, side: usize, in_ms: u64, plan: Plan) {
        self.sequence += 1;
        self.agenda.insert((self.now.instant + Duration::from_millis(in_ms), self.sequence), (side, plan));
    }

    /// Runs until nothing is left to do or the time is over.
    fn run(&mut self, end: Instant) {
        loop {
            let planned = self.agenda.first_key_value().map(|((at, _), _)| *at);
            let due = self.sides.iter().filter_map(|side| side.endpoint.poll_timeout().map(|(at, _)| at));
            let Some(next) = due.chain(planned).min().filter(|at| *at <= end) else { return };
            self.now.instant = next.max(self.now.instant);
            if planned.is_some_and(|at| at <= self.now.instant) {
                let (_, (side, plan)) = self.agenda.pop_first().expect("looked at");
                self.act(side, plan);
            }
            for side in 0..2 {
                self.sides[side].endpoint.handle_timeout(self.now);
                self.drain(side);
            }
        }
    }

    fn act(&mut self, side: usize, plan: Plan) {
        let now = self.now;
        let other = self.sides[1 - side].address;
        let Side { endpoint, live, .. } = &mut self.sides[side];
        // A leg may have ended in the meantime: then the command says so and does nothing.
        match plan {
            Plan::Originate(leg) => {
                endpoint.originate(now, leg, spec(&[CALLED])).expect("placed");
                live.insert(leg);
            }
            Plan::Cancel(leg) => drop(endpoint.cancel(now, leg, None)),
            Plan::HangUp(leg) => drop(endpoint.hang_up(now, leg, None)),
            Plan::Ring(leg) => drop(endpoint.ring(now, leg)),
            Plan::Answer(leg) => drop(endpoint.answer(now, leg, Bytes::from_static(b"v=0 answer"))),
            Plan::Reject(leg) => drop(endpoint.reject(now, leg, 486, None)),
            Plan::Deliver(mail) => {
                let bytes = self.mail[mail].clone();
                self.sides[side].endpoint.receive_datagram(now, 0, other, &bytes);
            }
        }
        self.drain(side);
    }

    fn drain(&mut self, side: usize) {
        while let Some(out) = self.sides[side].endpoint.poll_transmit() {
            assert_eq!(out.to, Destination::Datagram(Target { listener: 0, remote: self.sides[1 - side].address }));
            let copies =
                u64::from(self.roll(100) >= self.weather.lost) + u64::from(self.roll(100) < self.weather.doubled);
            self.mail.push(out.bytes);
            for _ in 0..copies {
                let delay = 1 + self.roll(self.weather.delay_ms);
                self.plan(1 - side, delay, Plan::Deliver(self.mail.len() - 1));
            }
        }
        while let Some(event) = self.sides[side].endpoint.poll_event() {
            self.hear(side, event);
        }
    }

    fn hear(&mut self, side: usize, event: Event) {
        match event {
            Event::Incoming(incoming) => {
                assert!(self.sides[side].calls.insert(incoming.call_id), "one call arrives as one call");
                self.sides[side].live.insert(incoming.leg);
                let wait = self.roll(8_000);
                match self.roll(10) {
                    0 => self.plan(side, wait, Plan::Reject(incoming.leg)),
                    // Nobody does anything: the caller's CANCEL or the limit ends it.
                    1 => {}
                    _ => {
                        self.plan(side, wait / 2, Plan::Ring(incoming.leg));
                        self.plan(side, wait, Plan::Answer(incoming.leg));
                        let talk = self.roll(200_000);
                        self.plan(side, wait + talk, Plan::HangUp(incoming.leg));
                    }
                }
            }
            Event::Answered { leg, .. } => {
                assert!(self.sides[side].live.contains(&leg));
                let talk = self.roll(200_000);
                self.plan(side, talk, Plan::HangUp(leg));
            }
            Event::Failed { leg, .. } | Event::Ended { leg, .. } => {
                let Side { live, ended, .. } = &mut self.sides[side];
                assert!(live.remove(&leg) && ended.insert(leg), "a leg ends exactly once");
            }
            Event::Trying { leg } | Event::Ringing { leg, .. } | Event::Reoffer { leg, .. } => {
                assert!(self.sides[side].live.contains(&leg));
            }
            Event::ReofferAnswered { leg, .. } => assert!(self.sides[side].live.contains(&leg)),
            other => panic!("{other:?}"),
        }
    }
}

/// Runs `calls` calls; returns how many arrived.
fn storm(seed: u64, weather: Weather, calls: i64) -> usize {
    let mut world = World::new(seed, weather);
    for leg in 1..=calls {
        let start = world.roll(60_000);
        world.plan(0, start, Plan::Originate(LegId(leg)));
        if world.roll(3) == 0 {
            let patience = world.roll(12_000);
            world.plan(0, start + patience, Plan::Cancel(LegId(leg)));
        }
    }
    world.run(world.now.instant + secs(900));
    for (index, side) in world.sides.iter().enumerate() {
        assert!(side.live.is_empty(), "seed {seed}, side {index}: {:?} never ended", side.live);
        assert_eq!(side.endpoint.counts(), Counts::default(), "seed {seed}, side {index}");
    }
    assert_eq!(world.sides[0].ended.len() as i64, calls, "seed {seed}");
    world.sides[1].ended.len()
}

#[test]
fn on_a_good_network_every_call_arrives_and_ends_once_on_both_sides() {
    assert_eq!(storm(1, Weather { lost: 0, doubled: 0, delay_ms: 30 }, 200), 200);
}

#[test]
fn on_a_bad_network_every_leg_still_ends_once_and_nothing_stays() {
    for seed in 2..6 {
        let arrived = storm(seed, Weather { lost: 20, doubled: 10, delay_ms: 500 }, 150);
        assert!(arrived >= 145, "seed {seed}: repetition gets the calls through, {arrived}");
    }
}

#[test]
fn on_a_network_that_loses_half_no_leg_is_forgotten() {
    for seed in 6..10 {
        storm(seed, Weather { lost: 50, doubled: 10, delay_ms: 300 }, 150);
    }
}
