//! One integration binary: a rig, then one file per capability.

mod api;
mod browser;
mod commands;
mod fences;
mod rig;
