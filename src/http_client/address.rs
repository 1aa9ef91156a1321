//! Where a server is, and whether the service may be sent there.
//!
//! An address is judged when it is connected to, after its name was looked up, so that a name that leads elsewhere tomorrow is
//! judged tomorrow. Read [`Target::judge`] and [`Bounds`] first.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use hyper::Uri;

use crate::model::network::Network;

/// IPv4 networks that are nobody's on the internet (the registry of special-purpose addresses, RFC 6890), and multicast.
const SPECIAL_V4: [([u8; 4], u8); 15] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];
/// Parts of the global IPv6 addresses, 2000::/3, that are not: protocols and tunnels (2001::/23, 2002::/16), documentation.
const SPECIAL_V6: [([u16; 2], u8); 4] =
    [([0x2001, 0], 23), ([0x2001, 0x0db8], 32), ([0x2002, 0], 16), ([0x3fff, 0], 20)];

/// Why an address cannot be an endpoint's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressFault {
    /// It is no address.
    #[error("`{0}` is not an address; expected one such as https://crm.example/hooks/lull")]
    NoAddress(String),
    /// It has a user or a password in it, and addresses are shown.
    #[error("the address has a user or a password in it, and addresses are shown; expected one without")]
    Credentials,
    /// It leads into a network of ours.
    #[error("{address} is not an address of the internet; name its network in webhooks.allow_private to allow it")]
    Private {
        /// What it leads to.
        address: IpAddr,
    },
    /// What is sent would be read on the way.
    #[error("{address} is reached without encryption; expected https://, or its network in webhooks.allow_private")]
    Plain {
        /// What it leads to.
        address: IpAddr,
    },
    /// What is sent would be read on the way, and a password with it.
    #[error("{address} is an address of the internet and reached without encryption; expected https://")]
    Open {
        /// What it leads to.
        address: IpAddr,
    },
}

/// Where a request may go.
#[derive(Clone, Copy, Debug)]
pub enum Bounds<'a> {
    /// To whatever users of the service name: to the internet, encrypted, or into one of these networks.
    Internet(&'a [Network]),
    /// To what the operator's own configuration names: anywhere, to the internet only encrypted.
    Configured,
}

/// An address that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whether it is encrypted.
    pub tls: bool,
    /// Name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Host and port as they were written.
    pub authority: String,
    /// Path and query.
    pub path: String,
}

impl FromStr for Target {
    type Err = AddressFault;
    fn from_str(text: &str) -> Result<Target, AddressFault> {
        let no = || AddressFault::NoAddress(text.to_owned());
        // A fragment is for browsers; the parser would drop it unseen.
        let uri: Uri =
            Some(text).filter(|text| !text.contains('#')).and_then(|text| text.parse().ok()).ok_or_else(no)?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => return Err(no()),
        };
        let authority = uri.authority().ok_or_else(no)?;
        if authority.as_str().contains('@') {
            return Err(AddressFault::Credentials);
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty()
            || (authority.as_str().rsplit(']').next().unwrap_or_default().contains(':')
                && authority.port_u16().is_none())
        {
            return Err(no());
        }
        Ok(Target {
            tls,
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            authority: authority.as_str().to_owned(),
            path: uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", if self.tls { "https" } else { "http" }, self.authority, self.path)
    }
}

impl Target {
    /// The address that is written in it, if it is no name.
    pub fn literal(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// What it leads to now.
    ///
    /// # Errors
    /// What the system says.
    pub async fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        if let Some(address) = self.literal() {
            return Ok(vec![SocketAddr::new(address, self.port)]);
        }
        Ok(tokio::net::lookup_host((self.host.as_str(), self.port)).await?.collect())
    }

    /// Whether it may be connected to at this address.
    ///
    /// # Errors
    /// Why not.
    pub fn judge(&self, address: IpAddr, bounds: Bounds<'_>) -> Result<(), AddressFault> {
        let allowed = match bounds {
            Bounds::Internet(allowed) => allowed,
            Bounds::Configured if self.tls || !is_public(address) => return Ok(()),
            Bounds::Configured => return Err(AddressFault::Open { address }),
        };
        if allowed.iter().any(|network| network.contains(address)) {
            return Ok(());
        }
        if !is_public(address) {
            return Err(AddressFault::Private { address });
        }
        if !self.tls {
            return Err(AddressFault::Plain { address });
        }
        Ok(())
    }
}

/// Whether an address is somebody's on the internet.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let within = |(network, prefix): &([u8; 4], u8)| {
        (address.to_bits() ^ u32::from_be_bytes(*network)) >> (32 - u32::from(*prefix)) == 0
    };
    !SPECIAL_V4.iter().any(within)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, ..] = address.segments();
    // An IPv4 address behind a translator (RFC 6052) is judged as what it leads to.
    if [a, b, c, d, e, f] == [0x64, 0xff9b, 0, 0, 0, 0] {
        let [.., w, x, y, z] = address.octets();
        return is_public_v4(Ipv4Addr::new(w, x, y, z));
    }
    let head = (u32::from(a) << 16) | u32::from(b);
    let within = |(network, prefix): &([u16; 2], u8)| {
        let network = (u32::from(network[0]) << 16) | u32::from(network[1]);
        (head ^ network) >> (32 - u32::from(*prefix)) == 0
    };
    a >> 13 == 1 && !SPECIAL_V6.iter().any(within)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2400:3200::1",
            "2001:200::1",
            "2a00:1450::5",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:1ff::1",
            "2001:db8::1",
            "2002:a00:1::1",
            "3fff:fff::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn a_network_of_ours_is_entered_where_it_is_named_and_plain_http_spoken_only_there() {
        let target = |text: &str| text.parse::<Target>().unwrap();
        let (plain, sealed) = (target("http://crm/"), target("https://crm/"));
        let (ours, public): (IpAddr, IpAddr) = ("10.1.2.3".parse().unwrap(), "1.1.1.1".parse().unwrap());
        let mapped = "::ffff:10.1.2.3".parse().unwrap();
        let allowed = ["10.1.0.0/16".parse().unwrap()];
        for (target, address, networks, expected) in [
            (&sealed, public, &[][..], Ok(())),
            (&plain, public, &[][..], Err(AddressFault::Plain { address: public })),
            (&plain, public, &allowed[..], Err(AddressFault::Plain { address: public })),
            (&sealed, ours, &[][..], Err(AddressFault::Private { address: ours })),
            (&sealed, mapped, &[][..], Err(AddressFault::Private { address: mapped })),
            (&sealed, ours, &allowed[..], Ok(())),
            (&plain, ours, &allowed[..], Ok(())),
            (&plain, mapped, &allowed[..], Ok(())),
        ] {
            let judged = target.judge(address, Bounds::Internet(networks));
            assert_eq!(judged, expected, "{target} at {address} with {networks:?}");
        }
        for (target, address, expected) in [
            (&sealed, public, Ok(())),
            (&sealed, ours, Ok(())),
            (&plain, ours, Ok(())),
            (&plain, mapped, Ok(())),
            (&plain, public, Err(AddressFault::Open { address: public })),
        ] {
            assert_eq!(target.judge(address, Bounds::Configured), expected, "{target} at {address}, as configured");
        }
    }

    #[test]
    fn addresses_are_read_and_what_is_none_is_refused() {
        for (text, host, port, path) in [
            ("https://crm.example/hooks?x=1", "crm.example", 443, "/hooks?x=1"),
            ("http://10.0.0.1:8080", "10.0.0.1", 8080, "/"),
            ("https://[2606:4700::1111]:8443/a", "2606:4700::1111", 8443, "/a"),
            ("https://[2606:4700::1111]/a", "2606:4700::1111", 443, "/a"),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!((target.host.as_str(), target.port, target.path.as_str()), (host, port, path));
        }
        for text in [
            "",
            "crm.example",
            "ftp://crm.example/",
            "/hooks",
            "https://",
            "https://a b/",
            "https://a/#b",
            "https://a:99999/",
            "file:///etc/passwd",
        ] {
            assert!(matches!(text.parse::<Target>(), Err(AddressFault::NoAddress(_))), "{text}");
        }
        assert_eq!("https://ann:secret@crm.example/".parse::<Target>(), Err(AddressFault::Credentials));
        assert_eq!("https://crm.example@10.0.0.1/".parse::<Target>(), Err(AddressFault::Credentials));
    }

    #[test]
    fn a_number_that_the_system_reads_as_an_address_is_no_address_of_the_internet_by_that() {
        // The system's resolver reads these as 127.0.0.1; what counts is what it gives, which is judged.
        for text in ["http://2130706433/", "http://0x7f.1/", "http://127.1/"] {
            assert_eq!(text.parse::<Target>().unwrap().literal(), None, "{text}");
        }
    }
}
