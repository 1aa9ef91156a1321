//! A UDP socket that says SIP or RTP by hand: for what an honest implementation would not say.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use super::{SERVICE, free_port};

/// Somebody at an address.
#[derive(Debug)]
pub struct Stranger {
    socket: UdpSocket,
    address: SocketAddr,
    service: SocketAddr,
}

impl Stranger {
    /// At this address, talking to the service's SIP port.
    pub fn at(address: &str, sip_port: u16) -> Stranger {
        let socket = UdpSocket::bind((address, free_port())).expect("a free port can be bound");
        let address = socket.local_addr().expect("a bound socket has an address");
        let service = SocketAddr::new(SERVICE.parse().expect("an address"), sip_port);
        Stranger { socket, address, service }
    }

    /// Sends bytes as they are.
    pub fn say(&self, bytes: &[u8]) {
        self.socket.send_to(bytes, self.service).expect("a datagram can be sent");
    }

    /// A request of this method with all that RFC 3261 wants, and nothing more.
    pub fn request(&self, method: &str, user: &str, id: &str) -> String {
        let (us, them) = (self.address, self.service);
        format!(
            "{method} sip:{user}@{them} SIP/2.0\r\nVia: SIP/2.0/UDP {us};branch=z9hG4bK-{id};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{user}@lull.local>;tag={id}\r\nTo: <sip:{user}@lull.local>\r\n\
             Call-ID: {id}@{us}\r\nCSeq: 1 {method}\r\nContact: <sip:{user}@{us}>\r\nContent-Length: 0\r\n\r\n"
        )
    }

    /// Sends a datagram to another port of the service.
    pub fn say_to(&self, port: u16, bytes: &[u8]) {
        self.socket.send_to(bytes, (SERVICE, port)).expect("a datagram can be sent");
    }

    /// The next datagram, if one comes in time.
    pub fn hears(&self, within: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(within)).expect("a timeout can be set");
        let mut buffer = [0; 65_535];
        let (length, _) = self.socket.recv_from(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }
}
