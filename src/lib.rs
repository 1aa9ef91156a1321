//! Lull: outbound campaigns and predictive dialling in the lulls of inbound traffic.
//!
//! One crate, several rooms. `ARCHITECTURE.md` tells what each room is for and what it must not import;
//! `tests/it/fences.rs` holds them to it.

pub mod certificate;
pub mod cli;
pub mod clock;
pub mod config;
pub mod engine;
pub mod export;
pub mod http_client;
pub mod media;
pub mod model;
pub mod report;
pub mod runtime;
pub mod sim;
pub mod sip;
pub mod sms;
pub mod store;
pub mod web;
pub mod webhooks;
pub mod whatif;
