//! The real driver: it runs the engine with real calls.
//!
//! It owns the sockets, the clock's readings, the store's queue and the media thread, and nothing that decides. Read
//! [`handle::Handle`] first: it is all that the pages and the API see of it; then [`core`], the loop.

pub mod board;
pub mod control;
pub mod core;
mod counting;
pub mod handle;
pub mod internals;
pub mod journal;
pub mod lines;
pub mod messages;
pub mod outreach;
pub mod peers;
mod placing;
mod promises;
pub mod rates;
pub mod recordings;
pub mod records;
pub mod recovery;
pub mod retention;
mod schedules;
pub mod service;
pub mod setup;
pub mod targets;
pub mod wire;
