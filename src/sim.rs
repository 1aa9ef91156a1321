//! The simulator: the same engine as production, in virtual time, against a world of chance.
//!
//! The world (customers, carrier, callers, agents, store) only *answers* commands: it takes no decision that the engine
//! takes, and no rule of the engine is written here a second time. Figures are counted by the world from what it sees. No
//! clock is read and nothing is written: `cli` reads files, measures speed and prints.
//!
//! A scenario with faults is a trial: [`faults`] says what goes wrong, [`checker`] holds the invariants.
//!
//! Read [`Scenario`], [`World`](world::World) and [`Figures`] first; `docs/simulate.md` is for users.

mod books;
pub mod checker;
pub mod distribution;
pub mod faults;
pub mod figures;
pub mod page;
pub mod profile;
pub mod rehearsal;
pub mod report;
pub mod run;
pub mod scenario;
pub mod spans;
pub mod streams;
pub mod student;
pub mod trace;
pub mod world;

pub use figures::{Day, Figures};
pub use run::{Policy, Progress, run};
pub use scenario::Scenario;

#[cfg(test)]
pub(crate) mod tests;
