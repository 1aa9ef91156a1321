//! Outbound: which leads are dialled, each attempt's life, and what follows it.
//!
//! How many are dialled at once is `pacing`; whether a number may be dialled is `guard`. Read [`attempt::Stage`],
//! [`board::Board`] and [`retry`] first.

pub mod answer;
pub mod attempt;
pub mod board;
pub mod cause;
pub mod decision;
pub mod dial;
pub mod hopper;
mod limits;
pub mod numbers;
pub mod preview;
mod promise;
pub mod retry;
pub mod trunk;
pub mod turns;
pub mod yielding;
