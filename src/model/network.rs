//! Networks in CIDR notation: who may register, and which trunk a call comes from.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A network such as `10.0.0.0/8`. A single address is a network of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Why a text is not a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// No address in front of the slash.
    #[error("`{0}` is not a network")]
    Address(String),
    /// The prefix is not a number, or too long.
    #[error("`{0}` has a prefix that does not fit its address")]
    Prefix(String),
    /// Bits beyond the prefix are set: a slip, or another network than was meant.
    #[error("`{text}` has bits beyond its prefix; the network is {network}")]
    HostBits {
        /// What was written.
        text: String,
        /// What it would be.
        network: Network,
    },
}

impl Network {
    /// The network of one address.
    pub fn single(address: IpAddr) -> Network {
        Network { address, prefix: bits(address).1 }
    }

    /// Whether an address belongs to it. IPv4 addresses in IPv6 form are judged as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let ((network, width), (address, other)) = (bits(self.address), bits(address));
        width == other && masked(network, self.prefix, width) == masked(address, self.prefix, width)
    }

    /// Whether it is this machine talking to itself.
    pub fn is_loopback(&self) -> bool {
        self.address.is_loopback()
    }
}

fn bits(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}

fn masked(bits: u128, prefix: u8, width: u8) -> u128 {
    let host_bits = u32::from(width - prefix);
    bits.checked_shr(host_bits).unwrap_or(0).checked_shl(host_bits).unwrap_or(0)
}

impl FromStr for Network {
    type Err = NetworkError;
    fn from_str(text: &str) -> Result<Network, NetworkError> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Address(text.to_owned()))?;
        let (value, width) = bits(address);
        let prefix = match prefix {
            None => width,
            Some(digits) => digits
                .parse()
                .ok()
                .filter(|prefix| *prefix <= width && digits.bytes().all(|b| b.is_ascii_digit()))
                .ok_or_else(|| NetworkError::Prefix(text.to_owned()))?,
        };
        let inside = masked(value, prefix, width);
        if inside != value {
            let address = match address {
                IpAddr::V4(_) => IpAddr::V4(u32::try_from(inside).unwrap_or(0).into()),
                IpAddr::V6(_) => IpAddr::V6(inside.into()),
            };
            return Err(NetworkError::HostBits { text: text.to_owned(), network: Network { address, prefix } });
        }
        Ok(Network { address, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_its_addresses_and_no_others() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("fd00::/8", "fdff::1", "fe80::1"),
            ("127.0.0.0/8", "::ffff:127.0.0.1", "::1"),
        ] {
            let network: Network = network.parse().unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{network} {inside}");
            assert!(!network.contains(outside.parse().unwrap()), "{network} {outside}");
        }
        let everything: Network = "0.0.0.0/0".parse().unwrap();
        assert!(everything.contains("203.0.113.9".parse().unwrap()));
        assert!(!everything.contains("::1".parse().unwrap()));
    }

    #[test]
    fn slips_are_refused_with_what_was_probably_meant() {
        for (bad, says) in [
            ("10.0.0.1/8", "the network is 10.0.0.0/8"),
            ("10.0.0.0/33", "prefix"),
            ("10.0.0.0/+8", "prefix"),
            ("10.0.0/8", "not a network"),
            ("", "not a network"),
        ] {
            let error = bad.parse::<Network>().unwrap_err().to_string();
            assert!(error.contains(says), "{bad}: {error}");
        }
    }
}
