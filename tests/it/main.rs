//! One integration binary: a rig, then one file per capability.

mod commands;
mod fences;
mod rig;
