//! The words of the trade, valid by construction.

pub mod id;
pub mod time;
