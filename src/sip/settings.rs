//! What the operator decides about signalling: listeners, trunks, phone networks, phones, limits.
//!
//! Not the configuration file: the runtime reads that one and fills these in.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::digest::{Account, Algorithm};

/// How bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Datagrams; requests and answers are repeated until they are heard of.
    Udp,
    /// A stream.
    Tcp,
    /// A stream under TLS.
    Tls,
}

impl Transport {
    /// The token in Via.
    pub fn token(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
        }
    }

    /// The port meant when none is written.
    pub fn default_port(self) -> u16 {
        match self {
            Transport::Udp | Transport::Tcp => 5060,
            Transport::Tls => 5061,
        }
    }
}

/// A local address that the driver listens on, or, for streams, connects from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// What it speaks.
    pub transport: Transport,
    /// The host that peers are told (Via, Contact): an address as they reach it, IPv6 in brackets, or a name.
    pub host: String,
    /// The port that peers are told.
    pub port: u16,
}

/// Where a request goes: a resolved address, and the listener (index in [`Settings::listeners`]) whose transport and
/// local address it leaves by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    /// Index in [`Settings::listeners`].
    pub listener: u8,
    /// The peer.
    pub remote: SocketAddr,
}

/// An address range such as `192.0.2.0/24`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Why a text is not a [`Network`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// No address before the slash.
    #[error("expected an address such as 192.0.2.7 or a network such as 192.0.2.0/24")]
    Address,
    /// The prefix is no number, or longer than the address.
    #[error("expected a prefix length of at most 32 (IPv4) or 128 (IPv6) after the slash")]
    Prefix,
}

impl Network {
    /// Whether the address lies in the network. IPv4-mapped IPv6 addresses count as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(one)) => {
                let shift = 32 - u32::from(self.prefix);
                net.to_bits().checked_shr(shift).unwrap_or(0) == one.to_bits().checked_shr(shift).unwrap_or(0)
            }
            (IpAddr::V6(net), IpAddr::V6(one)) => {
                let shift = 128 - u32::from(self.prefix);
                net.to_bits().checked_shr(shift).unwrap_or(0) == one.to_bits().checked_shr(shift).unwrap_or(0)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Network {
        let address = address.to_canonical();
        Network { address, prefix: if address.is_ipv4() { 32 } else { 128 } }
    }
}

impl FromStr for Network {
    type Err = NetworkError;
    fn from_str(text: &str) -> Result<Network, NetworkError> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let whole = Network::from(address.parse::<IpAddr>().map_err(|_| NetworkError::Address)?);
        let Some(prefix) = prefix else { return Ok(whole) };
        let prefix = prefix.parse::<u8>().ok().filter(|bits| *bits <= whole.prefix).ok_or(NetworkError::Prefix)?;
        Ok(Network { prefix, ..whole })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// The credentials Lull has at a trunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkAccount {
    /// The only realm this account is used for. `None`: whatever realm the trunk's own addresses ask with.
    pub realm: Option<String>,
    /// Name and password.
    pub account: Account,
    /// Whether MD5 challenges are answered; SHA-256 and SHA-512/256 always are.
    pub md5: bool,
}

/// A carrier or PBX.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// Addresses that requests are taken from, besides those it is dialled at.
    pub sources: Vec<Network>,
    /// Where it is dialled, resolved: it is probed there, and requests from there are its own.
    pub targets: Vec<Target>,
    /// How Lull signs in, if the trunk asks.
    pub account: Option<TrunkAccount>,
    /// Seconds between OPTIONS to each of its targets; `None` sends none.
    pub probe_interval_s: Option<u32>,
}

/// A SIP phone that may register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone {
    /// The user part of its address of record; the host part is not looked at.
    pub user: Arc<str>,
    /// What it signs in with.
    pub account: Account,
}

/// All of it. A reload makes a new one ([`super::Endpoint::reconfigure`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Local addresses; targets refer to them by index, so a reload may add some but must keep the order.
    pub listeners: Vec<Listener>,
    /// User-Agent and Server.
    pub user_agent: String,
    /// The realm phones are challenged with.
    pub realm: String,
    /// Carriers and PBXs.
    pub trunks: Vec<Trunk>,
    /// Where phones may register from.
    pub phone_networks: Vec<Network>,
    /// Phones.
    pub phones: Vec<Phone>,
    /// Hashes offered to phones, best first; each adds a challenge to a 401.
    pub phone_algorithms: Vec<Algorithm>,
    /// Shortest and longest registration in seconds.
    pub registration_s: (u32, u32),
    /// Session-Expires of our calls in seconds; `None` neither asks for nor offers session timers of its own accord.
    pub session_expires_s: Option<u32>,
    /// The shortest session interval accepted (RFC 4028 allows no less than 90).
    pub min_session_expires_s: u32,
    /// Live legs; one more INVITE gets 503.
    pub legs_max: usize,
    /// Retry-After of that 503.
    pub overload_retry_after_s: u32,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            listeners: Vec::new(),
            user_agent: "Lull".into(),
            realm: "lull".into(),
            trunks: Vec::new(),
            phone_networks: Vec::new(),
            phones: Vec::new(),
            phone_algorithms: vec![Algorithm::Sha256, Algorithm::Md5],
            registration_s: (60, 3_600),
            session_expires_s: Some(1_800),
            min_session_expires_s: 90,
            // 10,000 legs of about 3 kB are 30 MB, far above what one machine's media can carry.
            legs_max: 10_000,
            overload_retry_after_s: 5,
        }
    }
}

impl Settings {
    pub(super) fn trunk(&self, name: &str) -> Option<&Trunk> {
        self.trunks.iter().find(|trunk| trunk.name.as_ref() == name)
    }

    pub(super) fn transport(&self, listener: u8) -> Transport {
        self.listeners.get(usize::from(listener)).map_or(Transport::Udp, |listener| listener.transport)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_the_addresses_of_its_prefix() {
        let net: Network = "192.0.2.128/25".parse().expect("valid");
        assert!(net.contains("192.0.2.200".parse().expect("address")));
        assert!(net.contains("::ffff:192.0.2.200".parse().expect("address")));
        assert!(!net.contains("192.0.2.1".parse().expect("address")));
        let all: Network = "0.0.0.0/0".parse().expect("valid");
        assert!(all.contains("8.8.8.8".parse().expect("address")) && !all.contains("::1".parse().expect("address")));
        assert_eq!("192.0.2.0/33".parse::<Network>(), Err(NetworkError::Prefix));
        assert_eq!("example.com".parse::<Network>(), Err(NetworkError::Address));
    }
}
