//! The engine: one deterministic struct. Events go in, commands come out; time is an argument, chance is a seed.
//!
//! It does no I/O and reads no clock. Two drivers run it: `runtime` with real calls, and the simulator in virtual time.
//! Read [`event::Event`], [`command::Command`] and [`snapshot::Snapshot`] first: they are its whole surface.

pub mod command;
pub mod event;
pub mod snapshot;
