//! What the plane keeps for one leg: the leg itself and what is done with it.

use std::sync::Arc;

use super::{Idle, PAYLOAD_MAX, Repeat, Voice};
use crate::media::classify::Classifier;
use crate::media::dtmf::{DigitReceiver, DigitSender};
use crate::media::g711::Law;
use crate::media::leg::Leg;
use crate::media::prompt::Prompt;
use crate::media::record::{RecorderHandle, RecordingId};
use crate::media::wav::Channel;
use crate::model::id::LegId;
use crate::model::time::Instant;

/// A stretch of audio whose place in the recording drifts from its arrival by more than this is placed anew: 200 ms.
const TAP_DRIFT_MAX: u64 = 1_600;

/// One leg in the plane.
#[derive(Debug)]
pub(crate) struct Seat {
    pub id: LegId,
    pub leg: Leg,
    pub idle: Idle,
    pub phase: usize,
    pub on_wheel: bool,
    /// The place of the leg it talks to.
    pub bridge: Option<u32>,
    /// When the other leg's audio last went out here.
    pub relayed_at: Option<Instant>,
    pub playing: Option<Playing>,
    /// Set by a bridge or prompt, taken by the first packet that goes out.
    pub awaiting_first: Option<(Voice, Instant)>,
    pub keys_heard: DigitReceiver,
    pub keys_pressed: DigitSender,
    /// The timestamp of the event that is being sent.
    pub key_began: u32,
    pub classifying: Option<Box<Classifying>>,
    pub recording: Option<Box<Recording>>,
    /// When silence of the peer was last reported, or its audio last heard.
    pub silence_told_at: Instant,
}

/// A prompt on its way.
#[derive(Debug)]
pub(crate) struct Playing {
    pub prompt: Arc<Prompt>,
    pub repeat: Repeat,
    pub stage: Stage,
}

/// Where a prompt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The next frame begins at this byte.
    Sound { at: usize },
    /// Silence between two rounds.
    Pause { frames_left: u32 },
}

/// What the wheel sends of a prompt.
pub(crate) enum PromptFrame {
    /// Bytes from this place on.
    Sound { at: usize },
    /// A frame of the pause.
    Silence,
    /// It is over.
    Over,
}

impl Playing {
    pub fn next(&mut self) -> PromptFrame {
        let length = self.prompt.bytes(Law::Mu).len();
        match self.stage {
            Stage::Sound { at } if at < length => {
                self.stage = Stage::Sound { at: at + 160 };
                PromptFrame::Sound { at }
            }
            Stage::Sound { .. } => match self.repeat {
                Repeat::Once => PromptFrame::Over,
                Repeat::Loop { pause_ms } if pause_ms < 20 => {
                    self.stage = Stage::Sound { at: 160 };
                    PromptFrame::Sound { at: 0 }
                }
                Repeat::Loop { pause_ms } => {
                    self.stage = Stage::Pause { frames_left: pause_ms / 20 - 1 };
                    PromptFrame::Silence
                }
            },
            Stage::Pause { frames_left: 0 } => {
                self.stage = Stage::Sound { at: 160 };
                PromptFrame::Sound { at: 0 }
            }
            Stage::Pause { frames_left } => {
                self.stage = Stage::Pause { frames_left: frames_left - 1 };
                PromptFrame::Silence
            }
        }
    }
}

/// Detection under way. Its clock is the wall's: what does not arrive counts as silence.
#[derive(Debug)]
pub(crate) struct Classifying {
    pub classifier: Classifier,
    pub began: Instant,
    pub fed_samples: u64,
}

impl Classifying {
    /// Samples that should have come by now.
    pub fn elapsed_samples(&self, now: Instant) -> u64 {
        now.since(self.began).as_micros() as u64 / 125
    }
}

/// A recording under way: where each channel's audio lies in the file.
#[derive(Debug)]
pub(crate) struct Recording {
    pub id: RecordingId,
    pub law: Law,
    pub began: Instant,
    pub dropped: u64,
    heard: Option<Anchor>,
    sent: Option<Anchor>,
}

/// One timestamp of a stream and its place in the file.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    ssrc: u32,
    timestamp: u32,
    at: u64,
}

impl Recording {
    pub fn new(id: RecordingId, law: Law, began: Instant) -> Recording {
        Recording { id, law, began, dropped: 0, heard: None, sent: None }
    }

    /// Hands audio to the recorder in the file's law; what finds no room is counted.
    pub fn push(&mut self, recorder: &RecorderHandle, channel: Channel, at: u64, law: Law, audio: &[u8]) {
        self.dropped += if law == self.law {
            recorder.push(self.id, channel, at, audio)
        } else {
            let mut converted = [0; PAYLOAD_MAX];
            let converted = &mut converted[..audio.len()];
            law.copy_as(self.law, audio, converted);
            recorder.push(self.id, channel, at, converted)
        };
    }

    /// Where audio lies in the file: by its timestamp, so that jitter leaves no holes; by its arrival when a stream begins
    /// or jumps.
    pub fn place(&mut self, now: Instant, channel: Channel, ssrc: u32, timestamp: u32) -> u64 {
        let arrival = now.since(self.began).as_micros() as u64 / 125;
        let anchor = match channel {
            Channel::Heard => &mut self.heard,
            Channel::Sent => &mut self.sent,
        };
        if let Some(known) = anchor.as_mut().filter(|known| known.ssrc == ssrc) {
            let step = i64::from(timestamp.wrapping_sub(known.timestamp) as i32);
            let at = known.at.saturating_add_signed(step);
            if at.abs_diff(arrival) <= TAP_DRIFT_MAX {
                if step > 0 {
                    *known = Anchor { ssrc, timestamp, at };
                }
                return at;
            }
        }
        *anchor = Some(Anchor { ssrc, timestamp, at: arrival });
        arrival
    }
}

impl Seat {
    pub fn new(now: Instant, id: LegId, idle: Idle, phase: usize, chance: u64) -> Seat {
        Seat {
            id,
            leg: Leg::new(now, chance),
            idle,
            phase,
            on_wheel: false,
            bridge: None,
            relayed_at: None,
            playing: None,
            awaiting_first: None,
            keys_heard: DigitReceiver::default(),
            keys_pressed: DigitSender::default(),
            key_began: 0,
            classifying: None,
            recording: None,
            silence_told_at: now,
        }
    }

    /// Whether this leg must be looked at every 20 ms.
    pub fn needs_clock(&self) -> bool {
        self.playing.is_some()
            || self.idle == Idle::Silence
            || self.keys_pressed.is_busy()
            || self.classifying.is_some()
    }

    /// Whether a packet of the bridged leg may go out now.
    pub fn hears_bridge(&self) -> bool {
        self.playing.is_none() && !self.keys_pressed.is_busy()
    }
}
