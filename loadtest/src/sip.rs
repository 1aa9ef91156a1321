//! A small SIP of its own, over UDP: enough of RFC 3261 to be a carrier, a caller or a phone, and independent of the
//! program's stack.
//!
//! It is written call by call: one task follows one call from INVITE to BYE ([`call`]), and a [`station::Station`] brings
//! it its messages. It does not scale to thousands of calls a second, which is SIPp's part (`loadtest/sipp`).

pub mod answering;
pub mod call;
pub mod calling;
pub mod digest;
pub mod message;
pub mod sdp;
pub mod station;

#[cfg(test)]
mod tests;
