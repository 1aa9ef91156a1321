//! What the plane is told.

use std::path::PathBuf;
use std::sync::Arc;

use crate::media::classify::AmdSettings;
use crate::media::dtmf::Digit;
use crate::media::leg::SourceRule;
use crate::media::prompt::Prompt;
use crate::media::sdp::Negotiated;
use crate::model::id::LegId;

/// What to do with legs. A command about a leg that is gone is counted as stale, not answered.
#[derive(Debug)]
pub enum Command {
    /// Takes what SDP agreed on, at first and at each re-offer.
    SetRemote {
        /// The leg.
        leg: LegId,
        /// From [`crate::media::sdp::answer`] or [`crate::media::sdp::accept_answer`].
        media: Negotiated,
        /// Whom to listen to; the first that is said stays for the life of the leg.
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
    /// Its time runs even while the peer is on hold or nothing is negotiated yet.
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
    /// Starts answering machine detection on what a leg says; ends with [`super::Event::Classified`].
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
    /// Ends the recording; [`super::Event::Recorded`] follows when the file is complete.
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
    /// Ends a leg and gives its ports back; [`super::Event::LegClosed`] follows.
    CloseLeg {
        /// The leg.
        leg: LegId,
    },
}

impl Command {
    /// The leg a command is about; of a bridge, the first.
    pub fn leg(&self) -> LegId {
        match self {
            Command::Bridge { a, .. } => *a,
            Command::SetRemote { leg, .. }
            | Command::Unbridge { leg }
            | Command::Play { leg, .. }
            | Command::StopPlay { leg }
            | Command::PressDigits { leg, .. }
            | Command::Classify { leg, .. }
            | Command::StopClassify { leg }
            | Command::Record { leg, .. }
            | Command::StopRecord { leg }
            | Command::SetIdle { leg, .. }
            | Command::CloseLeg { leg } => *leg,
        }
    }
}

/// What a leg is sent while nobody speaks to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Idle {
    /// Nothing: for legs that only ring.
    Nothing,
    /// Silence, 50 packets per second, as soon as something is negotiated: the default. It keeps NAT pinholes and the media
    /// timers of phones and carriers awake, and a carrier that itself waits for the first packet to learn our source would
    /// otherwise never send: detection would hear silence. Also fills pauses of a bridged peer longer than 200 ms.
    #[default]
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

/// Why a command was refused.
#[derive(Debug, thiserror::Error)]
pub enum CommandFault {
    /// A leg of this id is open.
    #[error("the leg is open already")]
    AlreadyOpen,
    /// [`super::PlaneSettings::legs_max`] are open.
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
