//! Callers, agents, and who gets whom.
//!
//! Not here: which customers are dialled (`dialer`). Read [`agent::Agent`], [`gate::Gate`] and [`group::Group`] first.

pub mod agent;
pub mod assignment;
pub mod desk;
pub mod gate;
pub mod group;
pub mod keeping;
pub mod queue;
pub mod reserve;
pub mod result;
