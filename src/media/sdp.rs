//! Session descriptions (RFC 4566) of one audio stream: offer, lenient reading, answer (RFC 3264).
//!
//! Not a general SDP library: G.711 and telephone events over RTP/AVP, everything else is refused by name or answered with
//! port 0. A parsed description is safe to send to: forbidden addresses and ports are errors here, not later.
//! Read [`LocalMedia`], [`RemoteMedia`] and [`Negotiated`].

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use bytes::Bytes;

use super::g711::Law;

mod parse;

pub use parse::parse;

/// The largest description that is read. Real ones are below 4 kB; a 1 MB body is an attack.
pub const SDP_BYTES_MAX: usize = 16 * 1024;
/// The most `m=` lines of one description: each must be repeated in the answer.
pub const STREAMS_MAX: usize = 16;
/// The most formats of one `m=` line that are looked at.
pub const FORMATS_MAX: usize = 64;
/// The payload type we offer for telephone events.
pub const TELEPHONE_EVENT: u8 = 101;

/// Which ways the audio flows, seen from the side that says it (RFC 3264 section 5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendReceive,
    /// That side only talks: the usual way to put the other on hold with music.
    SendOnly,
    /// That side only listens.
    ReceiveOnly,
    /// Neither: hold without music.
    Inactive,
}

impl Direction {
    fn of(sends: bool, receives: bool) -> Direction {
        match (sends, receives) {
            (true, true) => Direction::SendReceive,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::ReceiveOnly,
            (false, false) => Direction::Inactive,
        }
    }

    /// Whether that side talks.
    pub fn sends(self) -> bool {
        matches!(self, Direction::SendReceive | Direction::SendOnly)
    }

    /// Whether that side listens.
    pub fn receives(self) -> bool {
        matches!(self, Direction::SendReceive | Direction::ReceiveOnly)
    }

    /// The same flow seen from the other side.
    pub fn reversed(self) -> Direction {
        Direction::of(self.receives(), self.sends())
    }

    /// What both allow.
    pub fn and(self, other: Direction) -> Direction {
        Direction::of(self.sends() && other.sends(), self.receives() && other.receives())
    }

    /// The attribute's name.
    pub fn name(self) -> &'static str {
        match self {
            Direction::SendReceive => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::ReceiveOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }
}

/// One law under the payload type that a description gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codec {
    /// The RTP payload type, 0 to 127.
    pub payload_type: u8,
    /// The law.
    pub law: Law,
}

/// Our side of a call: what an offer or an answer is built from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalMedia {
    /// Where we receive: the address the peer can reach, which may differ from the one the socket is bound to.
    pub address: IpAddr,
    /// The RTP port; RTCP is on the next.
    pub port: u16,
    /// Laws we take, the one we like best first.
    pub codecs: Vec<Law>,
    /// The payload type of telephone events in our offers.
    pub telephone_event: u8,
    /// Which ways audio may flow for us: `SendOnly` or `Inactive` puts the peer on hold.
    pub direction: Direction,
    /// Number of the session, unique for this peer; chance or a clock gives it.
    pub session_id: u64,
    /// Version of this description; each changed offer or answer of one call raises it by one.
    pub version: u64,
}

impl LocalMedia {
    /// Both laws, µ-law first, telephone events, both ways.
    pub fn new(address: IpAddr, port: u16, session_id: u64) -> LocalMedia {
        LocalMedia {
            address,
            port,
            codecs: vec![Law::Mu, Law::A],
            telephone_event: TELEPHONE_EVENT,
            direction: Direction::SendReceive,
            session_id,
            version: 1,
        }
    }
}

/// Which addresses and ports we are willing to send audio to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaPolicy {
    /// Loopback is for demonstrations and tests, where everything runs on one machine.
    pub allow_loopback: bool,
    /// When not empty, the peer's media must lie in one of these networks.
    pub networks: Vec<Network>,
}

/// A network as address and prefix length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Any address in it.
    pub address: IpAddr,
    /// How many leading bits count.
    pub prefix_bits: u8,
}

impl Network {
    /// Whether an address lies in the network.
    pub fn contains(&self, address: IpAddr) -> bool {
        let shared = |ours: u128, theirs: u128, width: u32| {
            let ignored = width.saturating_sub(u32::from(self.prefix_bits));
            (ours ^ theirs).checked_shr(ignored).unwrap_or(0) == 0
        };
        match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => shared(u32::from(ours).into(), u32::from(theirs).into(), 32),
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => shared(ours.into(), theirs.into(), 128),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// A text that is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no network, expected an address with prefix length like 198.51.100.0/24 or a single address")]
pub struct NetworkError {
    /// The text.
    pub text: String,
}

impl FromStr for Network {
    type Err = NetworkError;
    fn from_str(text: &str) -> Result<Network, NetworkError> {
        let fault = || NetworkError { text: text.to_owned() };
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.trim().parse().map_err(|_| fault())?;
        let widest = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = match prefix {
            None => widest,
            Some(bits) => bits.trim().parse().ok().filter(|bits| *bits <= widest).ok_or_else(fault)?,
        };
        Ok(Network { address, prefix_bits })
    }
}

/// The peer's side of a call, as its description says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteMedia {
    /// Where it receives; `None` for the old way of hold, `c=IN IP4 0.0.0.0` (RFC 3264 section 8.4).
    pub target: Option<SocketAddr>,
    /// The laws it takes, in its order; never empty.
    pub codecs: Vec<Codec>,
    /// Its payload type for telephone events, if it takes them.
    pub telephone_event: Option<u8>,
    /// Which ways audio flows, seen from the peer. Hold by address counts as `SendOnly`.
    pub direction: Direction,
    /// Packet time it asks for, if it said a sensible one.
    pub ptime_ms: Option<u16>,
    /// Where it receives RTCP, if it is not on the next port.
    pub rtcp_port: Option<u16>,
    /// It sends RTCP on the RTP port (RFC 5761). Such packets are tolerated in any case.
    pub rtcp_mux: bool,
    /// All `m=` lines, because an answer repeats each.
    pub streams: Vec<Stream>,
    /// Which of [`RemoteMedia::streams`] is the audio described above.
    pub chosen: usize,
}

/// One `m=` line of a description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// `audio`, `video`, ….
    pub kind: String,
    /// `RTP/AVP`, ….
    pub transport: String,
    /// The formats as written.
    pub formats: String,
}

/// What both sides agreed on: all that a leg needs to send and to judge what it receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// Where audio is sent; `None` while held by address.
    pub target: Option<SocketAddr>,
    /// What is sent, and expected.
    pub codec: Codec,
    /// Payload type of telephone events we send, if the peer takes them.
    pub telephone_event_out: Option<u8>,
    /// Payload type under which the peer sends telephone events.
    pub telephone_event_in: Option<u8>,
    /// Which ways audio flows, seen from us.
    pub direction: Direction,
}

impl Negotiated {
    /// Whether the peer does not listen: it has put us on hold.
    pub fn is_held(&self) -> bool {
        !self.direction.sends() || self.target.is_none()
    }
}

/// What is wrong with a description; the signalling side answers 488 or ends the call, and logs the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// Longer than [`SDP_BYTES_MAX`].
    #[error("SDP body is {bytes} bytes, expected at most {SDP_BYTES_MAX}")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// The first line is not `v=0`.
    #[error("SDP does not begin with v=0")]
    NoVersion,
    /// More than [`STREAMS_MAX`] `m=` lines.
    #[error("SDP has more than {STREAMS_MAX} m= lines")]
    TooManyStreams,
    /// No `m=audio`.
    #[error("SDP has no m=audio line")]
    NoAudio,
    /// An `m=audio` that cannot be read.
    #[error("SDP line `{line}`: expected m=audio PORT RTP/AVP FORMATS")]
    MediaLine {
        /// The beginning of the line.
        line: String,
    },
    /// Every `m=audio` has port 0: the peer refuses audio.
    #[error("SDP refuses audio: m=audio has port 0")]
    AudioRefused,
    /// A port below 1024: never RTP, often a service to be hurt.
    #[error("SDP asks for audio to port {port}, expected 1024 or above")]
    PrivilegedPort {
        /// The port.
        port: u16,
    },
    /// Encrypted or other transport.
    #[error("SDP offers audio over {transport}, expected RTP/AVP")]
    Transport {
        /// As written.
        transport: String,
    },
    /// Neither at the stream nor at the session.
    #[error("SDP has no c= line for its audio")]
    NoConnection,
    /// A `c=` line that is no IP address; names are not resolved for media.
    #[error("SDP line `{line}`: expected c=IN IP4 or IP6 with an address in digits")]
    Connection {
        /// The beginning of the line.
        line: String,
    },
    /// An address to which audio must never go.
    #[error("SDP asks for audio to {address}: {why}")]
    Forbidden {
        /// The address.
        address: IpAddr,
        /// What it is.
        why: ForbiddenAddress,
    },
    /// No law that we take.
    #[error("SDP has no codec in common: expected PCMU or PCMA at 8000 Hz")]
    NoCommonCodec,
    /// IPv4 on one side and IPv6 on the other.
    #[error("SDP address {remote} and our {local} are of different IP versions")]
    AddressFamily {
        /// The peer's.
        remote: IpAddr,
        /// Ours.
        local: IpAddr,
    },
}

/// Why an address is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForbiddenAddress {
    /// 224.0.0.0/4, ff00::/8.
    #[error("multicast")]
    Multicast,
    /// 255.255.255.255.
    #[error("broadcast")]
    Broadcast,
    /// 127.0.0.0/8, ::1 without [`MediaPolicy::allow_loopback`].
    #[error("loopback, which the media policy does not allow")]
    Loopback,
    /// 169.254.0.0/16, fe80::/10.
    #[error("link local")]
    LinkLocal,
    /// 0.0.0.0/8 other than the hold address, 240.0.0.0/4.
    #[error("reserved")]
    Reserved,
    /// Not in [`MediaPolicy::networks`].
    #[error("outside the peer's media networks")]
    OutsideNetworks,
}

impl MediaPolicy {
    /// Whether audio may be sent to an address.
    pub fn check(&self, address: IpAddr) -> Result<(), ForbiddenAddress> {
        // An IPv4 address in IPv6 clothes must not slip past the rules for IPv4.
        let address = address.to_canonical();
        if address.is_multicast() {
            return Err(ForbiddenAddress::Multicast);
        }
        if address.is_loopback() && !self.allow_loopback {
            return Err(ForbiddenAddress::Loopback);
        }
        match address {
            IpAddr::V4(v4) if v4 == Ipv4Addr::BROADCAST => return Err(ForbiddenAddress::Broadcast),
            IpAddr::V4(v4) if v4.is_link_local() => return Err(ForbiddenAddress::LinkLocal),
            IpAddr::V4(v4) if v4.octets()[0] == 0 || v4.octets()[0] >= 240 => return Err(ForbiddenAddress::Reserved),
            IpAddr::V6(v6) if v6.is_unspecified() => return Err(ForbiddenAddress::Reserved),
            IpAddr::V6(v6) if v6.is_unicast_link_local() => return Err(ForbiddenAddress::LinkLocal),
            IpAddr::V4(_) | IpAddr::V6(_) => {}
        }
        if !self.networks.is_empty() && !self.networks.iter().any(|network| network.contains(address)) {
            return Err(ForbiddenAddress::OutsideNetworks);
        }
        Ok(())
    }
}

/// The description we offer.
pub fn offer(local: &LocalMedia) -> Bytes {
    let mut text = session_lines(local);
    let codecs: Vec<Codec> =
        local.codecs.iter().map(|law| Codec { payload_type: law.payload_type(), law: *law }).collect();
    write_audio(&mut text, local.port, &codecs, Some(local.telephone_event), local.direction);
    Bytes::from(text)
}

/// Answers an offer: our description, and what was agreed.
///
/// The law is the first of ours that the peer takes, so that calls to agents of one codec need no conversion. Streams other
/// than the chosen audio are answered with port 0 (RFC 3264 section 6).
pub fn answer(local: &LocalMedia, remote: &RemoteMedia) -> Result<(Bytes, Negotiated), SdpError> {
    let codec = local
        .codecs
        .iter()
        .find_map(|law| remote.codecs.iter().find(|codec| codec.law == *law))
        .ok_or(SdpError::NoCommonCodec)?;
    let agreed = agree(local, remote, *codec, remote.telephone_event)?;
    let mut text = session_lines(local);
    for (index, stream) in remote.streams.iter().enumerate() {
        if index == remote.chosen {
            write_audio(&mut text, local.port, &[*codec], remote.telephone_event, agreed.direction);
        } else {
            let _ = write!(text, "m={} 0 {} {}\r\n", stream.kind, stream.transport, stream.formats);
        }
    }
    Ok((Bytes::from(text), agreed))
}

/// Takes the answer to an offer of ours: the peer's first law that we offered.
pub fn accept_answer(local: &LocalMedia, remote: &RemoteMedia) -> Result<Negotiated, SdpError> {
    let codec = remote.codecs.iter().find(|codec| local.codecs.contains(&codec.law)).ok_or(SdpError::NoCommonCodec)?;
    agree(local, remote, *codec, Some(local.telephone_event))
}

fn agree(
    local: &LocalMedia,
    remote: &RemoteMedia,
    codec: Codec,
    telephone_event_in: Option<u8>,
) -> Result<Negotiated, SdpError> {
    if let Some(target) = remote.target
        && target.is_ipv4() != local.address.is_ipv4()
    {
        return Err(SdpError::AddressFamily { remote: target.ip(), local: local.address });
    }
    Ok(Negotiated {
        target: remote.target,
        codec,
        telephone_event_out: remote.telephone_event,
        telephone_event_in,
        direction: local.direction.and(remote.direction.reversed()),
    })
}

fn session_lines(local: &LocalMedia) -> String {
    let family = if local.address.is_ipv4() { "IP4" } else { "IP6" };
    let LocalMedia { address, session_id, version, .. } = local;
    format!("v=0\r\no=lull {session_id} {version} IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\n")
}

fn write_audio(text: &mut String, port: u16, codecs: &[Codec], telephone_event: Option<u8>, direction: Direction) {
    let _ = write!(text, "m=audio {port} RTP/AVP");
    for codec in codecs {
        let _ = write!(text, " {}", codec.payload_type);
    }
    if let Some(payload_type) = telephone_event {
        let _ = write!(text, " {payload_type}");
    }
    text.push_str("\r\n");
    for codec in codecs {
        let _ = write!(text, "a=rtpmap:{} {}/8000\r\n", codec.payload_type, codec.law.name());
    }
    if let Some(payload_type) = telephone_event {
        let _ = write!(text, "a=rtpmap:{payload_type} telephone-event/8000\r\na=fmtp:{payload_type} 0-15\r\n");
    }
    let _ = write!(text, "a=ptime:20\r\na={}\r\n", direction.name());
}

#[cfg(test)]
mod tests;
