//! How often something may be tried by one: a [`Rate`]. And how often a login may be: for each account, and for each network it is
//! tried from.
//!
//! An account counts every try. A network counts failures only: at the start of a shift a whole call centre logs in
//! from one address.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::ops::Add;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock as _, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use super::Site;
use super::problem::{Kind, Problem};
use crate::model::time::Instant;

/// Tries a minute where the settings say nothing.
const TRIES_PER_MINUTE: NonZeroU32 = NonZeroU32::new(5).unwrap();
/// Accounts and networks that are remembered. Beyond it logins are refused until old ones are forgotten: guessing from
/// very many addresses must not take the memory.
const KEYS_MAX: usize = 100_000;
/// How long is waited then.
const CROWDED: Duration = Duration::from_secs(60);

/// How often each of many may do something.
pub(super) struct Rate<K: Clone + Eq + Hash> {
    limiter: Limiter<K>,
    clock: SteppedClock,
}

impl<K: Clone + Eq + Hash> Rate<K> {
    /// Lets so many pass.
    pub(super) fn new(quota: Quota) -> Rate<K> {
        let clock = SteppedClock::default();
        Rate { limiter: RateLimiter::new(quota, DashMapStateStore::default(), clock.clone()), clock }
    }

    /// Counts a try of one; how long is to be waited where that was one too many.
    pub(super) fn admit(&self, now: Instant, key: &K) -> Result<(), Duration> {
        self.clock.step(now);
        if self.limiter.len() >= KEYS_MAX {
            self.limiter.retain_recent();
            if self.limiter.len() >= KEYS_MAX {
                return Err(CROWDED);
            }
        }
        self.limiter.check_key(key).map_err(|refusal| refusal.wait_time_from(self.clock.now()))
    }
}

/// Counts tries.
pub(super) struct Throttle {
    accounts: Rate<String>,
    failures: Rate<Network>,
    forgeries: Rate<Network>,
    /// Networks that failed too often, and until when they wait.
    waiting: Mutex<BTreeMap<Network, Instant>>,
}

/// A network: an IPv4 address, or the /64 of an IPv6 address, which one customer of a provider has for himself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Network {
    /// One address.
    V4([u8; 4]),
    /// The first 64 bits.
    V6([u8; 8]),
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Network {
        match address.to_canonical() {
            IpAddr::V4(address) => Network::V4(address.octets()),
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Network::V6([a, b, c, d, e, f, g, h])
            }
        }
    }
}

type Limiter<K> = RateLimiter<K, DashMapStateStore<K>, SteppedClock, NoOpMiddleware<Tick>>;

impl Throttle {
    /// Lets so many tries a minute pass.
    pub(super) fn new(per_minute: Option<NonZeroU32>) -> Throttle {
        let quota = Quota::per_minute(per_minute.unwrap_or(TRIES_PER_MINUTE));
        // Calls that prove nothing are no logins, which an operator may let pass more often.
        let forgeries = Rate::new(Quota::per_minute(TRIES_PER_MINUTE));
        Throttle { accounts: Rate::new(quota), failures: Rate::new(quota), forgeries, waiting: Mutex::default() }
    }

    /// Counts a try to log in.
    pub(super) fn admit(&self, site: &Site, login: &str, address: IpAddr) -> Result<(), Problem> {
        let now = site.now().instant;
        let until = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).get(&address.into()).copied();
        if let Some(until) = until.filter(|until| *until > now) {
            return Err(throttled(until - now));
        }
        self.admit_account(site, login)
    }

    /// Counts a try to prove who one is, for one account.
    pub(super) fn admit_account(&self, site: &Site, login: &str) -> Result<(), Problem> {
        let key = login.chars().take(100).collect::<String>().to_lowercase();
        self.accounts.admit(site.now().instant, &key).map_err(throttled)
    }

    /// Counts a call from a network that did not prove who it is. Those that do are never counted: a stranger keeps nobody out.
    pub(super) fn forged(&self, site: &Site, address: IpAddr) -> Result<(), Problem> {
        self.forgeries.admit(site.now().instant, &address.into()).map_err(throttled)
    }

    /// Counts a failed login from a network.
    pub(super) fn failed(&self, site: &Site, address: IpAddr) {
        let now = site.now().instant;
        let network = Network::from(address);
        let Err(wait) = self.failures.admit(now, &network) else { return };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= KEYS_MAX {
            waiting.retain(|_, until| *until > now);
        }
        waiting.insert(network, now + wait);
    }
}

fn throttled(wait: Duration) -> Problem {
    let seconds = wait.as_secs() + 1;
    Problem::new(Kind::Throttled, format!("too many tries; try again in {seconds} s")).retry_after(seconds)
}

/// The program's own monotonic clock for the limiter, which would otherwise read the operating system's.
#[derive(Clone, Debug, Default)]
struct SteppedClock(std::sync::Arc<std::sync::atomic::AtomicU64>);

impl SteppedClock {
    fn step(&self, now: Instant) {
        self.0.fetch_max(now.as_micros(), std::sync::atomic::Ordering::Relaxed);
    }
}

impl governor::clock::Clock for SteppedClock {
    type Instant = Tick;
    fn now(&self) -> Tick {
        Tick(self.0.load(std::sync::atomic::Ordering::Relaxed))
    }
}

/// Microseconds of the stepped clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Tick(u64);

impl Add<Nanos> for Tick {
    type Output = Tick;
    fn add(self, span: Nanos) -> Tick {
        Tick(self.0.saturating_add(micros(span)))
    }
}

impl Reference for Tick {
    fn duration_since(&self, earlier: Tick) -> Nanos {
        Nanos::from(Duration::from_micros(self.0.saturating_sub(earlier.0)))
    }

    fn saturating_sub(&self, span: Nanos) -> Tick {
        Tick(self.0.saturating_sub(micros(span)))
    }
}

fn micros(span: Nanos) -> u64 {
    span.as_u64() / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_in_one_ipv6_network_are_one_and_mapped_ipv4_is_ipv4() {
        let of = |text: &str| Network::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
