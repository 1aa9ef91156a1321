//! The media plane without sockets: all legs, their bridges, and the wheel that paces what we send ourselves.
//!
//! Not a loop: [`super::thread`] drives it with datagrams, commands and time, and does what [`Effect`] says. After each input
//! the driver drains [`Plane::poll_transmit`] and [`Plane::poll_effect`] to `None`. Read [`Command`], [`Event`], [`Plane`].

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::classify::{AmdSettings, Classification};
use super::dtmf::Digit;
use super::leg::{LegStats, SourceRule};
use super::prompt::Prompt;
use super::record::RecorderHandle;
use super::rtp::{DATAGRAM_MAX, HEADER_LEN};
use super::sdp::Negotiated;
use crate::model::id::LegId;
use crate::model::time::Instant;

mod seat;
mod work;

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

/// What to do with legs. A command about a leg that is gone is counted as stale, not answered.
#[derive(Debug)]
pub enum Command {
    /// Takes what SDP agreed on, at first and at each re-offer.
    SetRemote {
        /// The leg.
        leg: LegId,
        /// From [`super::sdp::answer`] or [`super::sdp::accept_answer`].
        media: Negotiated,
        /// Whom to listen to.
        source: SourceRule,
    },
    /// Lets two legs hear each other from the next packet on. Ends bridges and prompts they had.
    Bridge {
        /// One.
        a: LegId,
        /// The other.
        b: LegId,
    },
    /// Ends the bridge of a leg, for both.
    Unbridge {
        /// Either side.
        leg: LegId,
    },
    /// Plays a prompt to a leg, in place of what plays. A bridged leg hears it instead of its peer until it ends.
    Play {
        /// The leg.
        leg: LegId,
        /// What.
        prompt: Arc<Prompt>,
        /// How often.
        repeat: Repeat,
    },
    /// Stops what plays.
    StopPlay {
        /// The leg.
        leg: LegId,
    },
    /// Presses keys towards a leg; what it hears else waits meanwhile.
    PressDigits {
        /// The leg.
        leg: LegId,
        /// Up to 64 at once.
        digits: Vec<Digit>,
    },
    /// Starts answering machine detection on what a leg says; ends with [`Event::Classified`].
    Classify {
        /// The leg.
        leg: LegId,
        /// How.
        settings: AmdSettings,
    },
    /// Stops it without an event.
    StopClassify {
        /// The leg.
        leg: LegId,
    },
    /// Records a leg: left what it says, right what it hears. `announce` is played at once and is on the recording.
    Record {
        /// The leg.
        leg: LegId,
        /// The file, which must not exist.
        file: PathBuf,
        /// A tone or message that says so to the leg.
        announce: Option<Arc<Prompt>>,
    },
    /// Ends the recording; [`Event::Recorded`] follows when the file is complete.
    StopRecord {
        /// The leg.
        leg: LegId,
    },
    /// What a leg is sent while nobody speaks to it.
    SetIdle {
        /// The leg.
        leg: LegId,
        /// What.
        idle: Idle,
    },
    /// Ends a leg and gives its ports back; [`Event::LegClosed`] follows.
    CloseLeg {
        /// The leg.
        leg: LegId,
    },
}

/// What a leg is sent while nobody speaks to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Idle {
    /// Nothing: the default, and right for customers of trunks.
    #[default]
    Nothing,
    /// Silence, 50 packets per second: for nailed-up agents, so that NAT pinholes and phones' timers stay awake. Also fills
    /// pauses of a bridged peer that last longer than 200 ms.
    Silence,
}

/// How often a prompt plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Once.
    Once,
    /// Until stopped, with silence between.
    Loop {
        /// Length of the silence.
        pause_ms: u32,
    },
}

/// Why a prompt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptEnd {
    /// It was heard to its end.
    Finished,
    /// [`Command::StopPlay`].
    Stopped,
    /// Another prompt took its place.
    Replaced,
    /// The leg was bridged.
    Bridged,
}

/// What is heard first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// The bridged leg.
    Bridge,
    /// A prompt.
    Prompt,
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// The leg listens to this source only, from now on.
    LegLatched {
        /// The leg.
        leg: LegId,
        /// The source.
        source: SocketAddr,
    },
    /// A prompt ended.
    PromptEnded {
        /// The leg.
        leg: LegId,
        /// Its name.
        prompt: Arc<str>,
        /// Why.
        end: PromptEnd,
    },
    /// A key was pressed and released.
    Digit {
        /// The leg.
        leg: LegId,
        /// Which key.
        digit: Digit,
        /// How long it was held.
        duration: Duration,
    },
    /// All digits of [`Command::PressDigits`] were sent.
    DigitsSent {
        /// The leg.
        leg: LegId,
    },
    /// Detection has a verdict.
    Classified {
        /// The leg.
        leg: LegId,
        /// Verdict, confidence, time taken and the rule that decided.
        classification: Classification,
    },
    /// Nothing came from the peer for [`SILENT_AFTER`] although it is not on hold. Repeats while it lasts.
    RtpSilent {
        /// The leg.
        leg: LegId,
        /// Since when.
        since: Instant,
    },
    /// The first packet after a bridge or the start of a prompt went out to the leg.
    FirstAudioOut {
        /// The leg.
        leg: LegId,
        /// What it hears.
        voice: Voice,
        /// Time since the command was carried out.
        after: Duration,
    },
    /// A recording is complete.
    Recorded {
        /// The leg.
        leg: LegId,
        /// The file.
        file: PathBuf,
        /// Its length.
        length: Duration,
        /// Its size.
        bytes: u64,
        /// 20 ms pieces that are missing.
        dropped_frames: u64,
        /// SHA-256 over the file.
        sha256: [u8; 32],
    },
    /// A recording could not be begun or went wrong; the call goes on.
    RecordFailed {
        /// The leg.
        leg: LegId,
        /// The file.
        file: PathBuf,
        /// Why.
        why: RecordFault,
    },
    /// A command could not be carried out.
    Refused {
        /// The leg.
        leg: LegId,
        /// Why.
        why: CommandFault,
    },
    /// The leg is closed and its ports are back.
    LegClosed {
        /// The leg.
        leg: LegId,
        /// Its figures.
        stats: LegStats,
    },
}

/// Why a recording failed.
#[derive(Debug, thiserror::Error)]
pub enum RecordFault {
    /// The disk.
    #[error("cannot write: {0}")]
    Disk(std::io::Error),
    /// The leg is being recorded already.
    #[error("the leg is being recorded already")]
    AlreadyRecording,
    /// Nothing is negotiated, so the law of the file is not known.
    #[error("the leg has no negotiated media yet")]
    NoMedia,
    /// Too many at once, or the recorder has stopped.
    #[error("the recorder takes no more recordings")]
    RecorderFull,
}

/// Why a command was refused.
#[derive(Debug, thiserror::Error)]
pub enum CommandFault {
    /// A leg of this id is open.
    #[error("the leg is open already")]
    AlreadyOpen,
    /// [`PlaneSettings::legs_max`] are open.
    #[error("{legs_max} legs are open, no more are taken")]
    TooManyLegs {
        /// The limit.
        legs_max: usize,
    },
    /// The socket cannot be watched.
    #[error("cannot watch the media socket: {0}")]
    Socket(std::io::Error),
    /// A leg cannot be bridged with itself.
    #[error("a leg cannot be bridged with itself")]
    BridgeWithItself,
    /// The other leg of a bridge is gone.
    #[error("the leg to bridge with, {other}, is not open")]
    OtherLegGone {
        /// The missing one.
        other: LegId,
    },
    /// The peer takes no telephone events.
    #[error("the peer takes no telephone events")]
    NoTelephoneEvents,
    /// More than 64 digits wait.
    #[error("{refused} digits do not fit into the queue")]
    TooManyDigits {
        /// How many were left out.
        refused: usize,
    },
    /// The prompt has no audio.
    #[error("the prompt is empty")]
    EmptyPrompt,
}

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

    /// SplitMix64: numbers for streams, from the secret seed.
    fn draw(&mut self) -> u64 {
        self.settings.seed = self.settings.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.settings.seed;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
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
