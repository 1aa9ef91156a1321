//! The media plane without sockets: all legs, their bridges, and the wheel that paces what we send ourselves.
//!
//! Not a loop: [`super::thread`] drives it with datagrams, commands and time, and does what [`Effect`] says. After each input
//! the driver drains [`Plane::poll_transmit`] and [`Plane::poll_effect`] to `None`. Read [`Command`], [`Event`], [`Plane`].

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::record::RecorderHandle;
use super::rtp::{DATAGRAM_MAX, HEADER_LEN};
use crate::model::id::LegId;
use crate::model::time::Instant;

mod command;
mod event;
mod seat;
mod work;

pub use command::{Command, CommandFault, Idle, Repeat};
pub use event::{Event, PromptEnd, RecordFault, Voice};
use seat::Seat;

/// Slots of the wheel: one per millisecond of a 20 ms frame, so that thousands of streams do not all fire at once.
pub(crate) const WHEEL_SLOTS: u64 = 20;
/// After the loop was held up for longer than this, frames are left out instead of sent in a burst.
const CATCH_UP_MS: u64 = 100;
/// How often silence of peers and ends of digits are looked for.
const SWEEP_EVERY: Duration = Duration::from_millis(100);
/// Without RTP or RTCP for this long while not on hold, a leg is reported (I-42), and again after each such time.
pub const SILENT_AFTER: Duration = Duration::from_secs(30);
/// Effects that may wait; the driver drains them after every input, and one input makes a few per leg.
const EFFECTS_MAX: usize = 1 << 20;

/// What the driver must do.
#[derive(Debug)]
pub enum Effect {
    /// Connect the leg's socket to its locked source.
    Connect {
        /// The place of the leg.
        slot: u32,
        /// The source.
        peer: SocketAddr,
    },
    /// Close the leg's sockets.
    Release {
        /// The place of the leg, free for another after this.
        slot: u32,
    },
    /// Tell the owner.
    Tell(Event),
}

/// A packet to send.
#[derive(Debug, PartialEq, Eq)]
pub struct Transmit<'a> {
    /// The place of the leg.
    pub slot: u32,
    /// Where to; the driver may have connected the socket there.
    pub to: SocketAddr,
    /// The datagram.
    pub packet: &'a [u8],
}

/// Limits and the recorder.
#[derive(Debug)]
pub struct PlaneSettings {
    /// Legs at once.
    pub legs_max: usize,
    /// Chance from which SSRCs and first numbers are drawn; must be secret, or strangers could forge streams.
    pub seed: u64,
    /// Where recordings go; `None` refuses them.
    pub recorder: Option<RecorderHandle>,
}

/// How much is open; all but the totals return to zero when all legs are closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlaneCounts {
    /// Legs.
    pub legs: usize,
    /// Bridges.
    pub bridges: usize,
    /// Prompts that play.
    pub prompts: usize,
    /// Detections under way.
    pub classifiers: usize,
    /// Recordings whose end was not reported yet.
    pub recordings: usize,
    /// Legs on the wheel.
    pub clocked: usize,
    /// Commands about legs that were gone, in total.
    pub stale_commands: u64,
    /// Packets sent, in total.
    pub packets_out: u64,
    /// Packets heard, in total.
    pub packets_in: u64,
}

/// All legs, bridges and streams.
#[derive(Debug)]
pub struct Plane {
    settings: PlaneSettings,
    seats: Vec<Option<Seat>>,
    free: Vec<u32>,
    index: HashMap<LegId, u32>,
    wheel: [Vec<u32>; WHEEL_SLOTS as usize],
    clocked: usize,
    next_phase: u64,
    wheel_ms: u64,
    sweep_at: Instant,
    due: VecDeque<u32>,
    effects: VecDeque<Effect>,
    out: [u8; DATAGRAM_MAX],
    recordings: usize,
    next_recording: u64,
    drawn: u64,
    stale_commands: u64,
    packets_in: u64,
    packets_out: u64,
}

impl Plane {
    /// An empty plane.
    pub fn new(settings: PlaneSettings) -> Plane {
        Plane {
            settings,
            seats: Vec::new(),
            free: Vec::new(),
            index: HashMap::new(),
            wheel: Default::default(),
            clocked: 0,
            next_phase: 0,
            wheel_ms: 0,
            sweep_at: Instant::ZERO,
            due: VecDeque::new(),
            effects: VecDeque::new(),
            out: [0; DATAGRAM_MAX],
            recordings: 0,
            next_recording: 0,
            drawn: 0,
            stale_commands: 0,
            packets_in: 0,
            packets_out: 0,
        }
    }

    /// Opens a leg and returns its place, by which the driver names its sockets.
    pub fn open(&mut self, now: Instant, leg: LegId, idle: Idle) -> Result<u32, CommandFault> {
        if self.index.contains_key(&leg) {
            return Err(CommandFault::AlreadyOpen);
        }
        if self.index.len() >= self.settings.legs_max {
            return Err(CommandFault::TooManyLegs { legs_max: self.settings.legs_max });
        }
        let chance = self.draw();
        let phase = self.next_phase % WHEEL_SLOTS;
        self.next_phase += 1;
        let seat = Some(Seat::new(now, leg, idle, phase as usize, chance));
        let slot = match self.free.pop() {
            Some(slot) => {
                self.seats[slot as usize] = seat;
                slot
            }
            None => {
                self.seats.push(seat);
                (self.seats.len() - 1) as u32
            }
        };
        self.index.insert(leg, slot);
        self.touch_wheel(now, slot);
        Ok(slot)
    }

    /// Carries out one command.
    pub fn handle(&mut self, now: Instant, command: Command) {
        match command {
            Command::SetRemote { leg, media, source } => self.set_remote(now, leg, media, source),
            Command::Bridge { a, b } => self.bridge(now, a, b),
            Command::Unbridge { leg } => self.with(leg, |plane, slot| plane.unbridge(slot)),
            Command::Play { leg, prompt, repeat } => {
                self.with(leg, |plane, slot| plane.play(now, slot, prompt, repeat));
            }
            Command::StopPlay { leg } => self.with(leg, |plane, slot| plane.stop_prompt(slot, PromptEnd::Stopped)),
            Command::PressDigits { leg, digits } => {
                self.with(leg, |plane, slot| plane.press_digits(now, slot, &digits));
            }
            Command::Classify { leg, settings } => {
                self.with(leg, |plane, slot| plane.classify(now, slot, settings));
            }
            Command::StopClassify { leg } => self.with(leg, |plane, slot| plane.stop_classify(slot)),
            Command::Record { leg, file, announce } => {
                self.with(leg, |plane, slot| plane.record(now, slot, file, announce));
            }
            Command::StopRecord { leg } => self.with(leg, |plane, slot| plane.stop_record(slot)),
            Command::SetIdle { leg, idle } => self.with(leg, |plane, slot| plane.set_idle(now, slot, idle)),
            Command::CloseLeg { leg } => self.with(leg, |plane, slot| plane.close(slot)),
        }
        assert!(self.effects.len() < EFFECTS_MAX, "the driver drains effects after every input");
    }

    /// Closes every leg, for the end of the service.
    pub fn close_all(&mut self) {
        for slot in 0..self.seats.len() as u32 {
            self.close(slot);
        }
    }

    /// Ends a leg whose sockets the driver could not watch.
    pub fn refuse(&mut self, slot: u32, why: CommandFault) {
        if let Some(leg) = self.remove(slot).map(|seat| seat.id) {
            self.tell(Event::Refused { leg, why });
        }
    }

    /// The next packet that the wheel made due.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Transmit<'_>> {
        while let Some(slot) = self.due.pop_front() {
            if let Some((to, length)) = self.clock_frame(now, slot) {
                self.packets_out += 1;
                return Some(Transmit { slot, to, packet: &self.out[..length] });
            }
        }
        None
    }

    /// The next thing for the driver to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When [`Plane::handle_timeout`] is due, if anything waits.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.index.is_empty() {
            return None;
        }
        let wheel = (1..=WHEEL_SLOTS)
            .map(|ahead| self.wheel_ms + ahead)
            .find(|ms| !self.wheel[(ms % WHEEL_SLOTS) as usize].is_empty())
            .filter(|_| self.clocked > 0)
            .map(|ms| Instant::from_micros(ms * 1_000));
        Some(wheel.map_or(self.sweep_at, |at| at.min(self.sweep_at)))
    }

    /// Turns the wheel to now, and sweeps.
    pub fn handle_timeout(&mut self, now: Instant) {
        let target = now.as_micros() / 1_000;
        if target.saturating_sub(self.wheel_ms) > CATCH_UP_MS {
            self.wheel_ms = target - WHEEL_SLOTS;
        }
        while self.wheel_ms < target {
            self.wheel_ms += 1;
            self.due.extend(&self.wheel[(self.wheel_ms % WHEEL_SLOTS) as usize]);
        }
        if now >= self.sweep_at {
            self.sweep_at = now + SWEEP_EVERY;
            self.sweep(now);
        }
    }

    /// A packet the system would not send.
    pub fn send_failed(&mut self, slot: u32) {
        if let Some(seat) = self.seat(slot) {
            seat.leg.stats.send_failed += 1;
        }
    }

    /// How much is open.
    pub fn counts(&self) -> PlaneCounts {
        let seats = || self.seats.iter().flatten();
        PlaneCounts {
            legs: self.index.len(),
            bridges: seats().filter(|seat| seat.bridge.is_some()).count() / 2,
            prompts: seats().filter(|seat| seat.playing.is_some()).count(),
            classifiers: seats().filter(|seat| seat.classifying.is_some()).count(),
            recordings: self.recordings,
            clocked: self.clocked,
            stale_commands: self.stale_commands,
            packets_out: self.packets_out,
            packets_in: self.packets_in,
        }
    }

    fn with(&mut self, leg: LegId, act: impl FnOnce(&mut Plane, u32)) {
        match self.index.get(&leg) {
            Some(slot) => {
                let slot = *slot;
                act(self, slot);
            }
            None => self.stale_commands += 1,
        }
    }

    fn seat(&mut self, slot: u32) -> Option<&mut Seat> {
        self.seats.get_mut(slot as usize)?.as_mut()
    }

    fn tell(&mut self, event: Event) {
        self.effects.push_back(Effect::Tell(event));
    }

    /// Numbers for one stream. Hashed, because a peer that sees its own stream's must not reckon those of others.
    fn draw(&mut self) -> u64 {
        self.drawn += 1;
        let mut hash = Sha256::new();
        hash.update(self.settings.seed.to_be_bytes());
        hash.update(self.drawn.to_be_bytes());
        hash.finalize().iter().take(8).fold(0, |bits, byte| (bits << 8) | u64::from(*byte))
    }

    /// Puts a leg on the wheel if it needs the clock; leaving happens when its turn comes.
    fn touch_wheel(&mut self, now: Instant, slot: u32) {
        if self.clocked == 0 {
            self.wheel_ms = now.as_micros() / 1_000;
        }
        let Some(seat) = self.seat(slot) else { return };
        if seat.on_wheel || !seat.needs_clock() {
            return;
        }
        seat.on_wheel = true;
        let phase = seat.phase;
        self.wheel[phase].push(slot);
        self.clocked += 1;
    }

    fn leave_wheel(&mut self, slot: u32, phase: usize) {
        let list = &mut self.wheel[phase];
        if let Some(at) = list.iter().position(|other| *other == slot) {
            list.swap_remove(at);
            self.clocked -= 1;
        }
    }
}

/// Room for a payload behind the header.
pub(crate) const PAYLOAD_MAX: usize = DATAGRAM_MAX - HEADER_LEN;

#[cfg(test)]
mod tests;
