//! SIP: a thin stack without sockets or clocks. Bytes and time go in, bytes and events come out.
//!
//! Not a proxy, not a parser library, and it decides nothing about calls: `runtime` drives it, `engine` decides. Read
//! [`Endpoint`], [`Event`] and [`CallSpec`] first; `endpoint` walks through one outbound and one inbound call.
//!
//! `rsip` is a vocabulary here, fenced in `vocabulary`, and an oracle in tests; the codec is ours, because ordinary traffic
//! breaks that crate's parser and printer.

pub mod codec;
mod dialog;
pub mod digest;
mod endpoint;
mod event;
pub mod header;
mod registrar;
mod settings;
mod timers;
mod token;
mod transaction;
pub mod uri;
pub mod vocabulary;
mod writer;

use std::time::Duration;

pub use dialog::Dialog;
pub use digest::{Account, Algorithm};
pub use endpoint::Endpoint;
pub use event::*;
pub use settings::*;
pub use token::CallToken;

/// Addresses tried for one call.
pub const TARGETS_MAX: usize = 8;
/// A server that has not said a word to an INVITE for this long is dead, and the next one is tried. Long before timer B
/// (RFC 3261, 17.1.1.2), which is longer than phones ring: a server that is alive sends a 100 within 200 ms.
pub const FAIL_OVER_AFTER: Duration = Duration::from_secs(4);
/// A call that neither is answered nor fails is given up after this, whatever its caller does.
pub const RINGING_MAX: Duration = Duration::from_secs(300);
