//! The media room: audio between people, prompts, key presses, recordings and answering machine detection.
//!
//! It turns datagrams into facts for the dialer ("a machine", "key 5", "silent for 30 s") and commands into datagrams. It
//! knows nothing of calls, campaigns or SIP, and 20 ms frames never leave it. Not in here: SRTP, browser legs, conferences,
//! transcoding beyond the two laws of G.711.
//!
//! Read first: [`thread::MediaHandle`] (what the runtime holds), [`plane::Command`] and [`plane::Event`] (what is said),
//! [`plane::Plane`] (where it is decided, without sockets or clocks).
//!
//! # The walk of one call
//!
//! 1. Once: [`ports::MediaPorts::new`], then [`thread::start`] with a clock and a listener that forwards events to the
//!    runtime's own bounded queue; the listener runs on the media thread and must not block. [`prompt::PromptShelf`] has
//!    the prompts.
//! 2. Before an INVITE: [`ports::MediaPorts::take`] (an error is a refusal to dial, with its reason), build
//!    [`sdp::LocalMedia`] from [`ports::LegPorts::port`], then [`thread::MediaHandle::open`] with [`plane::Idle::Silence`]; send
//!    [`sdp::offer`].
//! 3. On a 183 or 200 with a body: [`sdp::parse`] with the trunk's [`sdp::MediaPolicy`], [`sdp::accept_answer`], then
//!    [`plane::Command::SetRemote`]. For an inbound INVITE: `parse`, [`sdp::answer`], `SetRemote`. An [`sdp::SdpError`] is a
//!    488 or a BYE, and its text goes to the log.
//! 4. On answer, if the campaign wants it: [`plane::Command::Classify`]; [`plane::Event::Classified`] comes after 0.8 to 5 s.
//! 5. [`plane::Command::Bridge`] with the agent's leg (rung or nailed up, it is a leg like any other);
//!    [`plane::Event::FirstAudioOut`] of the customer's leg says how long it took. [`plane::Command::Record`] on the
//!    customer's leg records both sides. A tone that tells the agent of the call: `Bridge` first, then `Play` on the
//!    agent's leg; the customer is not held up by it. When no agent is free: [`plane::Command::Play`] and wait for `PromptEnded`.
//! 6. A re-INVITE: `parse`, raise [`sdp::LocalMedia::version`], `answer`, `SetRemote` again; bridges stay. A re-INVITE
//!    without a body is answered with [`sdp::offer`]; its ACK's body goes through `accept_answer`.
//! 7. At the end: [`plane::Command::CloseLeg`]; [`plane::Event::LegClosed`] says that ports are back, and how the line was.
//!    [`plane::Event::Recorded`] may follow later.

pub mod classify;
pub mod dtmf;
pub mod g711;
pub mod leg;
pub mod plane;
pub mod ports;
pub mod prompt;
pub mod record;
pub mod rtp;
pub mod sdp;
pub mod thread;
pub mod wav;
