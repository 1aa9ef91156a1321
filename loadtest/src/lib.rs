//! The outside world of Lull: a carrier with its customers and callers, agents with their phones, and the conductor of
//! `make demo`.
//!
//! Nothing of the program's own SIP or media code is used here: what is observed is observed by somebody else's eyes.
//! Each part is a process of its own (see `bin/lull-world.rs`) that ends when its standard input closes and reports on
//! standard output, one JSON object a line ([`report::Line`]).

pub mod agents;
pub mod calendar;
pub mod carrier;
pub mod chance;
pub mod demo;
pub mod http;
pub mod lists;
pub mod load;
pub mod numbers;
pub mod report;
pub mod rtp;
pub mod sip;
pub mod socket;
pub mod sound;
