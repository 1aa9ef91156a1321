//! Room: media.
pub mod dtmf;
pub mod g711;
pub mod ports;
pub mod prompt;
pub mod rtp;
pub mod sdp;
pub mod wav;
