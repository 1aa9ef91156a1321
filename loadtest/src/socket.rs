//! A WebSocket (RFC 6455) as a client that listens: texts come in, pings are answered, nothing else is sent.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::http::{HttpError, connect, read_line};

/// Longest message: a desk with its campaign.
const MESSAGE_MAX: usize = 4 * 1024 * 1024;
/// The handshake must be done by then.
const OPEN_WITHIN: Duration = Duration::from_secs(10);

/// An open socket.
#[derive(Debug)]
pub struct Socket {
    stream: BufReader<TcpStream>,
    text: Vec<u8>,
}

impl Socket {
    /// Opens a socket.
    ///
    /// # Errors
    /// No connection, or the service does not switch protocols.
    pub async fn open(service: SocketAddr, from: Option<IpAddr>, path: &str, token: &str) -> Result<Socket, HttpError> {
        timeout(OPEN_WITHIN, shake_hands(service, from, path, token)).await.unwrap_or(Err(HttpError::Slow))
    }

    /// The next text; `None` when the other end closed.
    ///
    /// # Errors
    /// The connection failed, or what came is not a WebSocket's. Not to be dropped and called again.
    pub async fn next(&mut self) -> Result<Option<String>, HttpError> {
        loop {
            let (last, opcode, payload) = self.frame().await?;
            match opcode {
                0 | 1 => {
                    if self.text.len() + payload.len() > MESSAGE_MAX {
                        return Err(HttpError::Garbled("the message is too long"));
                    }
                    self.text.extend_from_slice(&payload);
                    if last {
                        let text = String::from_utf8(std::mem::take(&mut self.text));
                        return text.map(Some).map_err(|_| HttpError::Garbled("text that is not UTF-8"));
                    }
                }
                8 => {
                    self.send(8, &payload).await?;
                    return Ok(None);
                }
                9 => self.send(10, &payload).await?,
                _ => {}
            }
        }
    }

    async fn frame(&mut self) -> Result<(bool, u8, Vec<u8>), HttpError> {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head).await?;
        let length = match head[1] & 0x7f {
            126 => usize::from(self.stream.read_u16().await?),
            127 => usize::try_from(self.stream.read_u64().await?).unwrap_or(usize::MAX),
            short => usize::from(short),
        };
        if length > MESSAGE_MAX || head[1] & 0x80 != 0 {
            return Err(HttpError::Garbled("a frame that a server must not send"));
        }
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).await?;
        Ok((head[0] & 0x80 != 0, head[0] & 0x0f, payload))
    }

    /// Control frames only: at most 125 bytes.
    async fn send(&mut self, opcode: u8, payload: &[u8]) -> Result<(), HttpError> {
        let payload = &payload[..payload.len().min(125)];
        let mask = (crate::chance::fresh_seed() as u32).to_be_bytes();
        let mut frame = vec![0x80 | opcode, 0x80 | payload.len() as u8];
        frame.extend_from_slice(&mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        Ok(self.stream.write_all(&frame).await?)
    }
}

async fn shake_hands(service: SocketAddr, from: Option<IpAddr>, path: &str, token: &str) -> Result<Socket, HttpError> {
    let mut stream = BufReader::new(connect(service, from).await?);
    // Any sixteen bytes do as a key; that the answer fits it is not checked, because there is no proxy in between.
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {service}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: bHVsbCBkZW1vIHdvcmxkIQ==\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let line = read_line(&mut stream).await?;
    let status = line.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or(HttpError::Garbled("status line"))?;
    while !read_line(&mut stream).await?.is_empty() {}
    if status != 101 {
        return Err(HttpError::Refused { status, body: line.into(), retry_after_s: None });
    }
    Ok(Socket { stream, text: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn texts_are_put_together_and_pings_answered() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 1024];
            let length = stream.read(&mut request).await.unwrap();
            stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").await.unwrap();
            stream.write_all(b"\x01\x02{\"\x89\x02hi\x80\x04a\":1").await.unwrap();
            stream.write_all(b"\x81\x01}\x88\x00").await.unwrap();
            let mut pong = [0; 8];
            stream.read_exact(&mut pong).await.unwrap();
            (String::from_utf8_lossy(&request[..length]).into_owned(), pong)
        });
        let mut socket = Socket::open(address, None, "/desk/socket?session=ses_1", "secret").await.unwrap();
        assert_eq!(socket.next().await.unwrap().as_deref(), Some("{\"a\":1"));
        assert_eq!(socket.next().await.unwrap().as_deref(), Some("}"));
        assert_eq!(socket.next().await.unwrap(), None);
        let (request, pong) = server.await.unwrap();
        assert!(request.contains("Authorization: Bearer secret"), "{request}");
        assert_eq!(pong[..2], [0x8a, 0x82]);
        assert_eq!([pong[6] ^ pong[2], pong[7] ^ pong[3]], *b"hi");
    }
}
