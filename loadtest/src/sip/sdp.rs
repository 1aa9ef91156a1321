//! Session descriptions with one audio stream of G.711.

use std::net::{IpAddr, SocketAddr};

/// G.711 by its static payload type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub enum Law {
    /// µ-law, 0.
    Mu,
    /// A-law, 8.
    A,
}

impl Law {
    /// Payload type.
    pub fn payload_type(self) -> u8 {
        match self {
            Law::Mu => 0,
            Law::A => 8,
        }
    }
}

/// Where the other end wants its audio, and in what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Address of its RTP.
    pub address: SocketAddr,
    /// The laws it takes, in its order.
    pub laws: Vec<Law>,
}

/// Reads an offer or an answer. `None`: no usable audio in it.
pub fn read(body: &[u8]) -> Option<Remote> {
    let text = String::from_utf8_lossy(body);
    let lines = || text.lines().map(str::trim_end);
    let media = lines().find_map(|line| line.strip_prefix("m=audio "))?;
    let mut words = media.split(' ');
    let port: u16 = words.next()?.parse().ok()?;
    let laws = words.skip(1).filter_map(|word| match word {
        "0" => Some(Law::Mu),
        "8" => Some(Law::A),
        _ => None,
    });
    let connection = lines().skip_while(|line| !line.starts_with("m=audio")).find(|line| line.starts_with("c="));
    let connection = connection.or_else(|| lines().find(|line| line.starts_with("c=")))?;
    let host: IpAddr = connection.split(' ').nth(2)?.parse().ok()?;
    let remote = Remote { address: SocketAddr::new(host, port), laws: laws.collect() };
    (port != 0 && !remote.laws.is_empty()).then_some(remote)
}

/// Writes an offer or an answer.
pub fn write(ours: SocketAddr, version: u32, laws: &[Law]) -> String {
    let family = if ours.is_ipv4() { "IP4" } else { "IP6" };
    let (ip, port) = (ours.ip(), ours.port());
    let types: Vec<String> = laws.iter().map(|law| law.payload_type().to_string()).collect();
    let maps: String = laws
        .iter()
        .map(|law| {
            format!("a=rtpmap:{} {}/8000\r\n", law.payload_type(), if *law == Law::Mu { "PCMU" } else { "PCMA" })
        })
        .collect();
    format!(
        "v=0\r\no=- {port} {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP {} 101\r\n{maps}a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n",
        types.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let ours = "127.0.0.1:4000".parse().unwrap();
        let remote = read(write(ours, 1, &[Law::A, Law::Mu]).as_bytes()).unwrap();
        assert_eq!(remote, Remote { address: ours, laws: vec![Law::A, Law::Mu] });
    }

    #[test]
    fn a_refused_stream_and_a_foreign_codec_are_not_usable() {
        assert_eq!(read(b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 0 RTP/AVP 0\r\n"), None);
        assert_eq!(read(b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 18\r\n"), None);
    }

    #[test]
    fn the_address_of_the_stream_goes_before_that_of_the_session() {
        let remote = read(b"c=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\nc=IN IP4 127.0.0.2\r\n").unwrap();
        assert_eq!(remote.address.to_string(), "127.0.0.2:4000");
    }
}
