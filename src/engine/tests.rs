//! What the engine promises, in virtual time. `rig` is the world, `invariants` is checked after every input.

mod abandonment;
mod agents;
mod campaigns;
mod decisions;
mod gate;
mod inbound;
mod invariants;
mod limits;
mod outbound;
mod preview;
mod promises;
mod properties;
mod results;
pub(in crate::engine) mod rig;
mod yielding;
