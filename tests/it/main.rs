//! One integration binary: a rig, then one file per capability.

mod api;
mod browser;
mod calls;
mod commands;
mod crashes;
mod databases;
mod disk;
mod fences;
mod gate;
mod gateways;
mod imports;
mod inbound;
mod messages;
mod metrics;
mod outreach;
mod phones;
mod preview;
mod recordings;
mod replay;
mod rig;
mod torture;
mod trunks;
mod webhooks;
mod whatif;
