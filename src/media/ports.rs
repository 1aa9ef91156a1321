//! Media ports: an even UDP port for RTP and, if wished, the next one for RTCP, from a configured range.
//!
//! Not a table of ports: the operating system knows which are taken. Only a count is kept, so that calls are refused
//! before the range or the file limit is exhausted. Read [`MediaPorts`] and [`LegPorts`].

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Beyond this share of the ports or of the file limit, calls are refused: the rest is kept for what is already running
/// (recordings, the database, signalling), and finding a free port would take ever more tries.
const USABLE_PERCENT: usize = 90;
/// Tries before the range counts as occupied by others: each is one system call.
const TRIES_MAX: usize = 256;
/// Receive buffer asked for: 0.5 s of a leg at twenty times its normal rate; the kernel's default of 208 kB is shared
/// with its own overhead, so a flood on one leg does not need more.
const RECEIVE_BUFFER_BYTES: usize = 128 * 1024;
/// Expedited forwarding (RFC 3246) in the TOS byte, so that networks that care put voice first.
const TOS_EXPEDITED: u32 = 0xB8;

/// Where media ports come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortSettings {
    /// The local address to bind.
    pub address: IpAddr,
    /// The ports to use; RTP takes even ones, RTCP the odd one after.
    pub range: RangeInclusive<u16>,
    /// Whether to bind the RTCP port too. It costs a second file per leg; a peer's RTCP is then a sign of life.
    pub with_rtcp: bool,
    /// How many files the process may have open (`RLIMIT_NOFILE`).
    pub files_max: usize,
}

/// Why there is no port.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// The range holds no even port with its neighbour.
    #[error("media port range {first}-{last} holds no pair of an even and an odd port above 1023")]
    Range {
        /// Its first port.
        first: u16,
        /// Its last port.
        last: u16,
    },
    /// 90 % of the ports are taken by us.
    #[error("{used} of {limit} usable media ports are taken: widen the media port range")]
    PortsTaken {
        /// Legs that hold ports.
        used: usize,
        /// How many may.
        limit: usize,
    },
    /// 90 % of the file limit would be taken by media alone.
    #[error("{used} media legs reach 90 % of the file limit {files_max}: raise the limit of open files")]
    FilesTaken {
        /// Legs that hold files.
        used: usize,
        /// The limit.
        files_max: usize,
    },
    /// Ports are free by our count, but other programs hold them.
    #[error("{tries} media ports in a row are used by other programs")]
    Occupied {
        /// How many were tried.
        tries: usize,
    },
    /// The address is not ours, or the system refuses sockets.
    #[error("cannot bind media port {port} on {address}: {source}")]
    Bind {
        /// The address.
        address: IpAddr,
        /// The port that was tried.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
}

/// Hands out ports. Owned by one place; what it hands out may be dropped anywhere.
#[derive(Debug)]
pub struct MediaPorts {
    settings: PortSettings,
    first: u16,
    pairs: usize,
    cursor: usize,
    taken: Arc<AtomicUsize>,
}

/// The sockets of one leg; dropping it gives the ports back.
#[derive(Debug)]
pub struct LegPorts {
    // Declared before the lease: sockets close first, then the count goes down.
    /// For RTP, bound, not connected, not blocking.
    pub rtp: UdpSocket,
    /// For RTCP on the next port.
    pub rtcp: Option<UdpSocket>,
    /// Keeps the count.
    pub lease: PortLease,
}

/// One leg in the count of [`MediaPorts`].
#[derive(Debug)]
pub struct PortLease {
    taken: Arc<AtomicUsize>,
}

impl Drop for PortLease {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

impl LegPorts {
    /// The address RTP is received on.
    pub fn local(&self) -> io::Result<SocketAddr> {
        self.rtp.local_addr()
    }

    /// The RTP port, for [`super::sdp::LocalMedia`].
    pub fn port(&self) -> io::Result<u16> {
        Ok(self.local()?.port())
    }
}

impl MediaPorts {
    /// Checks the range; binds nothing yet.
    pub fn new(settings: PortSettings) -> Result<MediaPorts, PortError> {
        let (first, last) = (*settings.range.start(), *settings.range.end());
        let even = first.max(1024).next_multiple_of(2);
        let pairs = (usize::from(last) + 1).saturating_sub(usize::from(even)) / 2;
        if pairs == 0 {
            return Err(PortError::Range { first, last });
        }
        Ok(MediaPorts { settings, first: even, pairs, cursor: 0, taken: Arc::default() })
    }

    /// Legs that hold ports now.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// How many legs may hold ports at once.
    pub fn limit(&self) -> usize {
        self.ports_limit().min(self.files_limit())
    }

    /// Binds the next free pair. Ports are taken in turn, so that one just given back rests as long as possible and late
    /// packets of its last call find nobody.
    pub fn take(&mut self) -> Result<LegPorts, PortError> {
        let used = self.taken();
        if used >= self.ports_limit() {
            return Err(PortError::PortsTaken { used, limit: self.ports_limit() });
        }
        if used >= self.files_limit() {
            return Err(PortError::FilesTaken { used, files_max: self.settings.files_max });
        }
        let tries = self.pairs.min(TRIES_MAX);
        for _ in 0..tries {
            let port = self.first + (self.cursor * 2) as u16;
            self.cursor = (self.cursor + 1) % self.pairs;
            match self.bind_pair(port) {
                Ok((rtp, rtcp)) => {
                    self.taken.fetch_add(1, Ordering::Relaxed);
                    return Ok(LegPorts { rtp, rtcp, lease: PortLease { taken: Arc::clone(&self.taken) } });
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(source) => return Err(PortError::Bind { address: self.settings.address, port, source }),
            }
        }
        Err(PortError::Occupied { tries })
    }

    fn ports_limit(&self) -> usize {
        (self.pairs * USABLE_PERCENT / 100).max(1)
    }

    fn files_limit(&self) -> usize {
        let per_leg = if self.settings.with_rtcp { 2 } else { 1 };
        self.settings.files_max.saturating_mul(USABLE_PERCENT) / 100 / per_leg
    }

    fn bind_pair(&self, port: u16) -> io::Result<(UdpSocket, Option<UdpSocket>)> {
        let rtp = bind(SocketAddr::new(self.settings.address, port))?;
        let rtcp =
            if self.settings.with_rtcp { Some(bind(SocketAddr::new(self.settings.address, port + 1))?) } else { None };
        Ok((rtp, rtcp))
    }
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, Some(socket2::Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        // IPv4 peers in IPv6 clothes would not compare equal to what their SDP says.
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    // Both are wishes: a system that refuses them still carries calls.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    let _ = if address.is_ipv4() { socket.set_tos_v4(TOS_EXPEDITED) } else { socket.set_tclass_v6(TOS_EXPEDITED) };
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn settings(range: RangeInclusive<u16>) -> PortSettings {
        PortSettings { address: Ipv4Addr::LOCALHOST.into(), range, with_rtcp: true, files_max: 1_000 }
    }

    #[test]
    fn ports_are_even_with_their_neighbour_and_come_back_when_dropped() {
        let mut ports = MediaPorts::new(settings(31_001..=31_020)).unwrap();
        assert_eq!(ports.limit(), 8, "90 % of the nine pairs from 31002 to 31019");
        let legs: Vec<LegPorts> = (0..8).map(|_| ports.take().unwrap()).collect();
        for leg in &legs {
            let port = leg.port().unwrap();
            assert_eq!(port % 2, 0);
            assert_eq!(leg.rtcp.as_ref().unwrap().local_addr().unwrap().port(), port + 1);
        }
        assert!(matches!(ports.take(), Err(PortError::PortsTaken { used: 8, limit: 8 })));
        drop(legs);
        assert_eq!(ports.taken(), 0);
        assert!(ports.take().is_ok());
    }

    #[test]
    fn a_port_just_given_back_rests_while_others_are_free() {
        let mut ports = MediaPorts::new(settings(31_100..=31_119)).unwrap();
        let first = ports.take().unwrap().port().unwrap();
        let second = ports.take().unwrap().port().unwrap();
        assert_ne!(first, second);
    }

    #[test]
    fn ports_of_other_programs_are_passed_over() {
        let other = UdpSocket::bind((Ipv4Addr::LOCALHOST, 31_201)).unwrap();
        let mut ports = MediaPorts::new(settings(31_200..=31_203)).unwrap();
        assert_eq!(ports.take().unwrap().port().unwrap(), 31_202, "31200 is free but its neighbour is not");
        let rest = UdpSocket::bind((Ipv4Addr::LOCALHOST, 31_202)).unwrap();
        assert!(matches!(ports.take(), Err(PortError::Occupied { tries: 2 })));
        drop((other, rest));
    }

    #[test]
    fn the_file_limit_refuses_before_it_is_reached() {
        let mut ports = MediaPorts::new(PortSettings { files_max: 5, ..settings(31_300..=31_399) }).unwrap();
        let _legs = [ports.take().unwrap(), ports.take().unwrap()];
        assert!(matches!(ports.take(), Err(PortError::FilesTaken { used: 2, files_max: 5 })));
    }

    #[test]
    fn a_useless_range_or_address_is_told() {
        assert!(MediaPorts::new(settings(31_001..=31_001)).is_err());
        let foreign = PortSettings { address: Ipv4Addr::new(192, 0, 2, 1).into(), ..settings(31_400..=31_410) };
        let error = MediaPorts::new(foreign).unwrap().take().unwrap_err().to_string();
        assert!(error.starts_with("cannot bind media port 31400 on 192.0.2.1"), "{error}");
    }
}
