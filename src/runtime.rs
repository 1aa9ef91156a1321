//! The real driver: it runs the engine with real calls.
//!
//! It owns the sockets, the clock's readings, the store's queue and the media thread, and nothing that decides. Read
//! [`handle::Handle`] first: it is all that the pages and the API see of it.

pub mod control;
pub mod handle;
pub mod journal;
pub mod rates;
pub mod wire;
