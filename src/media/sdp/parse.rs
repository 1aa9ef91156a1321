//! Reading a description: lenient in form, strict in where audio may go.

use std::net::{IpAddr, SocketAddr};

use super::{Codec, Direction, FORMATS_MAX, MediaPolicy, RemoteMedia, SDP_BYTES_MAX, STREAMS_MAX, SdpError, Stream};
use crate::media::g711::Law;

/// Characters of a faulty line that an error shows.
const SHOWN_MAX: usize = 80;
/// The longest packet time that is believed; the rest is taken as not said.
const PTIME_MAX_MS: u16 = 200;

/// Reads a description and chooses its first usable audio stream.
///
/// Bare line feeds, blanks before a line, unknown lines and attributes, and bytes that are not UTF-8 are tolerated.
pub fn parse(body: &[u8], policy: &MediaPolicy) -> Result<RemoteMedia, SdpError> {
    if body.len() > SDP_BYTES_MAX {
        return Err(SdpError::TooLarge { bytes: body.len() });
    }
    let text = String::from_utf8_lossy(body);
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    if lines.next() != Some("v=0") {
        return Err(SdpError::NoVersion);
    }
    let mut session = Section::default();
    let mut media: Vec<(&str, Section<'_>)> = Vec::new();
    for line in lines {
        let Some((kind, value)) = line.split_once('=') else { continue };
        match kind.trim() {
            "m" if media.len() == STREAMS_MAX => return Err(SdpError::TooManyStreams),
            "m" => media.push((value.trim(), Section::default())),
            "c" => media.last_mut().map_or(&mut session, |(_, section)| section).connection = Some(value.trim()),
            "a" => media.last_mut().map_or(&mut session, |(_, section)| section).attribute(value.trim()),
            _ => {} // o=, s=, t=, b= and whatever else says nothing that is needed
        }
    }
    choose(&session, &media, policy)
}

/// The lines of the session, or of one stream.
#[derive(Default)]
struct Section<'a> {
    connection: Option<&'a str>,
    direction: Option<Direction>,
    ptime_ms: Option<u16>,
    rtcp_port: Option<u16>,
    rtcp_mux: bool,
    rtpmaps: Vec<(u8, &'a str)>,
}

impl<'a> Section<'a> {
    fn attribute(&mut self, text: &'a str) {
        let (name, value) = text.split_once(':').map_or((text, ""), |(name, value)| (name.trim(), value.trim()));
        match name {
            "sendrecv" => self.direction = Some(Direction::SendReceive),
            "sendonly" => self.direction = Some(Direction::SendOnly),
            "recvonly" => self.direction = Some(Direction::ReceiveOnly),
            "inactive" => self.direction = Some(Direction::Inactive),
            "ptime" => self.ptime_ms = value.parse().ok().filter(|ms| (1..=PTIME_MAX_MS).contains(ms)),
            "rtcp" => self.rtcp_port = value.split(' ').next().and_then(|port| port.parse().ok()),
            "rtcp-mux" => self.rtcp_mux = true,
            "rtpmap" if self.rtpmaps.len() < FORMATS_MAX => {
                if let Some((number, encoding)) = value.split_once(' ')
                    && let Ok(number) = number.parse()
                {
                    self.rtpmaps.push((number, encoding.trim()));
                }
            }
            _ => {} // an attribute we do not know changes nothing (RFC 4566 section 5.13)
        }
    }

    fn encoding_of(&self, payload_type: u8) -> Option<&'a str> {
        self.rtpmaps.iter().find(|(number, _)| *number == payload_type).map(|(_, encoding)| *encoding)
    }
}

/// The parts of an `m=` line.
struct MediaLine<'a> {
    port: u16,
    transport: &'a str,
    formats: Vec<&'a str>,
}

fn choose(session: &Section<'_>, media: &[(&str, Section<'_>)], policy: &MediaPolicy) -> Result<RemoteMedia, SdpError> {
    // The first audio stream that works is taken; if none does, the first one's fault is told.
    let mut fault = SdpError::NoAudio;
    for (index, (line, section)) in media.iter().enumerate() {
        if line.split_whitespace().next() != Some("audio") {
            continue;
        }
        match audio(session, line, section, policy) {
            Ok(mut remote) => {
                remote.streams = media.iter().map(|(line, _)| stream(line)).collect();
                remote.chosen = index;
                return Ok(remote);
            }
            Err(error) if fault == SdpError::NoAudio => fault = error,
            Err(_) => {}
        }
    }
    Err(fault)
}

fn audio(
    session: &Section<'_>,
    line: &str,
    section: &Section<'_>,
    policy: &MediaPolicy,
) -> Result<RemoteMedia, SdpError> {
    let parts = media_line(line).ok_or_else(|| SdpError::MediaLine { line: shown(&format!("m={line}")) })?;
    if parts.port == 0 {
        return Err(SdpError::AudioRefused);
    }
    if !matches!(parts.transport, "RTP/AVP" | "RTP/AVPF") {
        return Err(SdpError::Transport { transport: shown(parts.transport) });
    }
    if parts.port < 1024 {
        return Err(SdpError::PrivilegedPort { port: parts.port });
    }
    let address = connection(section.connection.or(session.connection).ok_or(SdpError::NoConnection)?)?;
    let held = address.is_unspecified() && address.is_ipv4();
    if !held {
        policy.check(address).map_err(|why| SdpError::Forbidden { address, why })?;
    }
    let (codecs, telephone_event) = formats(&parts, section);
    if codecs.is_empty() {
        return Err(SdpError::NoCommonCodec);
    }
    let said = section.direction.or(session.direction).unwrap_or_default();
    Ok(RemoteMedia {
        target: (!held).then(|| SocketAddr::new(address, parts.port)),
        codecs,
        telephone_event,
        direction: if held { said.and(Direction::SendOnly) } else { said },
        ptime_ms: section.ptime_ms.or(session.ptime_ms),
        rtcp_port: section.rtcp_port,
        rtcp_mux: section.rtcp_mux || session.rtcp_mux,
        streams: Vec::new(),
        chosen: 0,
    })
}

fn media_line(line: &str) -> Option<MediaLine<'_>> {
    let mut words = line.split_whitespace().skip(1);
    // "49170/2" is a port with a count, for layered streams; the first port is the one.
    let port = words.next()?.split('/').next()?.parse().ok()?;
    let transport = words.next()?;
    Some(MediaLine { port, transport, formats: words.take(FORMATS_MAX).collect() })
}

fn connection(value: &str) -> Result<IpAddr, SdpError> {
    let fault = || SdpError::Connection { line: shown(&format!("c={value}")) };
    let mut words = value.split_whitespace();
    let (Some("IN"), Some(family), Some(address)) = (words.next(), words.next(), words.next()) else {
        return Err(fault());
    };
    let address: IpAddr = address.split('/').next().unwrap_or(address).parse().map_err(|_| fault())?;
    match (family, address) {
        ("IP4", IpAddr::V4(_)) | ("IP6", IpAddr::V6(_)) => Ok(address),
        _ => Err(fault()),
    }
}

fn formats(parts: &MediaLine<'_>, section: &Section<'_>) -> (Vec<Codec>, Option<u8>) {
    let mut codecs: Vec<Codec> = Vec::new();
    let mut telephone_event = None;
    for payload_type in parts.formats.iter().filter_map(|format| format.parse::<u8>().ok()).filter(|pt| *pt < 128) {
        match section.encoding_of(payload_type) {
            Some(encoding) if is_encoding(encoding, "telephone-event") => {
                telephone_event = telephone_event.or(Some(payload_type));
            }
            Some(encoding) => {
                let law = [Law::Mu, Law::A].into_iter().find(|law| is_encoding(encoding, law.name()));
                codecs.extend(law.map(|law| Codec { payload_type, law }));
            }
            None => codecs.extend(Law::of_payload_type(payload_type).map(|law| Codec { payload_type, law })),
        }
    }
    (codecs, telephone_event)
}

/// `PCMU/8000` or `PCMU/8000/1`, in any case.
fn is_encoding(encoding: &str, name: &str) -> bool {
    let mut parts = encoding.split('/').map(str::trim);
    parts.next().is_some_and(|said| said.eq_ignore_ascii_case(name))
        && parts.next() == Some("8000")
        && parts.next().is_none_or(|channels| channels == "1")
}

fn stream(line: &str) -> Stream {
    let mut words = line.split_whitespace();
    let kind = words.next().unwrap_or("audio").to_owned();
    let transport = words.nth(1).unwrap_or("RTP/AVP").to_owned();
    let formats: Vec<&str> = words.take(FORMATS_MAX).collect();
    let formats = if formats.is_empty() { "0".to_owned() } else { formats.join(" ") };
    Stream { kind, transport, formats }
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_MAX).collect()
}
