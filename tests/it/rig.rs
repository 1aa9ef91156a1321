//! The real parts, put together for one test: the program itself, SIPp as carrier and callers, baresip as phone.
//!
//! Each test gets a folder, ports and processes of its own; all of it ends with the test, also when it fails. Nothing
//! here sleeps for a fixed time: waits end with what was waited for, or fail at a deadline. Read [`Centre`] first, then
//! [`Sipp`], [`Phone`] and [`Ear`].
//!
//! Addresses tell the parties apart on one machine: the service and the phones are at 127.0.0.1 (baresip sends its audio
//! from there whatever it signals), the carrier is at 127.7.0.1, and a stranger at 127.9.0.1.

use std::time::{Duration, Instant};

mod centre;
mod child;
mod desk;
mod disk;
mod ear;
mod http;
mod names;
mod phone;
mod ports;
mod receiver;
pub mod scenario;
mod sipp;
mod smsc;
mod sound;
mod stranger;
mod tunnel;
mod turn;

pub use centre::{Centre, PASSWORD, Plan};
pub use child::Child;
pub use desk::Desk;
pub use disk::Disk;
pub use ear::{Ear, rtp};
pub use http::{Api, Reply};
pub use names::{Names, Record};
pub use phone::Phone;
pub use ports::free_port;
pub use receiver::{Answer, Receiver};
pub use sipp::{Message, Sipp};
pub use smsc::{SMSC_PASSWORD, SYSTEM_ID, Smsc};
pub use sound::{Law, Tone, loud_windows_of, traces_of, two_channels};
pub use stranger::Stranger;
pub use tunnel::{Proof, Tunnel};

/// The service.
pub const SERVICE: &str = "127.0.0.1";
/// The carrier's network.
pub const CARRIER: &str = "127.7.0.1";
/// The phones' network.
pub const PHONES: &str = "127.0.0.1";
/// Nobody we know.
pub const STRANGER: &str = "127.9.0.1";

/// Waits that end with an event fail after this. Generous: it is reached by failing tests only, and machines that run
/// tests are busy.
pub const SOON: Duration = Duration::from_secs(20);
/// How often something is looked at that cannot be waited for.
const LOOK: Duration = Duration::from_millis(15);

/// What a customer's voice sounds like in these tests, in Hz. The four tones are no multiples of each other.
pub const CUSTOMER_HZ: f64 = 900.0;
/// An agent's voice.
pub const AGENT_HZ: f64 = 1300.0;
/// The hold prompt.
pub const HOLD_HZ: f64 = 400.0;
/// The information message.
pub const INFORMATION_HZ: f64 = 620.0;

/// The clock of the tests.
#[expect(clippy::disallowed_methods, reason = "tests of running processes take real time")]
pub fn now() -> Instant {
    Instant::now()
}

/// Looks until something is so.
#[track_caller]
pub fn until<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let end = now() + within;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(now() < end, "{what}: not within {within:?}");
        std::thread::park_timeout(LOOK);
    }
}
