//! A rehearsal: recorded traffic lived through again, as it was and with a setting changed.
//!
//! [`gather`] takes the inputs and commands of a journal and keeps what came from outside: callers, agents at their desks,
//! what became of dials. [`world`] plays that to a fresh engine, with the recorded settings or changed ones. Recorded and
//! rehearsed figures are counted by one [`tally`], so that they can be compared. What is not known, because a call ended
//! before it could be seen, is drawn by [`survival`]. No file is read here: `whatif` does.
//!
//! Read [`Traffic`], [`World`](world::World) and [`Comparison`] first; `docs/whatif.md` is for users.

pub mod compare;
pub mod gather;
pub mod page;
pub mod survival;
pub mod tally;
pub mod traffic;
pub mod world;

pub use compare::{Comparison, Variant, compare};
pub use gather::Gatherer;
pub use traffic::Traffic;
