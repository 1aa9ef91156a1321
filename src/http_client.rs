//! HTTP client: one request to one server, on a connection of its own. Follows nothing, and reads answers to a bound.
//!
//! Whoever asks can tell whether anything left: [`connect`] fails before, [`Connected::exchange`] perhaps after. Read these two
//! first, then [`address`], which says where a request may go.

pub mod address;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::model::time::Timestamp;
use address::{AddressFault, Bounds, Target};

/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// Bytes of headers, and of what is read ahead.
const BUFFER_MAX: usize = 32 * 1024;
/// A name may lead to many addresses; so many are tried.
const ADDRESSES_MAX: usize = 4;
/// Each of several addresses gets this long to take the connection, so that the next has a turn.
const CONNECT_MAX: Duration = Duration::from_secs(4);

/// Why there is no connection. Nothing left.
#[derive(Debug, thiserror::Error)]
pub enum Unconnected {
    /// Where it would have gone is refused.
    #[error(transparent)]
    Refused(#[from] AddressFault),
    /// Its name cannot be looked up.
    #[error("the name `{host}` cannot be looked up: {cause}")]
    Unresolved {
        /// The name.
        host: String,
        /// What the system says.
        cause: io::Error,
    },
    /// Its name leads nowhere.
    #[error("the name `{host}` leads to no address")]
    Nowhere {
        /// The name.
        host: String,
    },
    /// No connection.
    #[error("no connection to {address}: {cause}")]
    Unreached {
        /// Where.
        address: SocketAddr,
        /// Why.
        cause: io::Error,
    },
    /// The other side does not prove its name.
    #[error("no trusted TLS with {host}: {cause}")]
    Tls {
        /// Whose name.
        host: String,
        /// Why.
        cause: io::Error,
    },
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// For how long the server wants to be left alone.
    pub retry_after: Option<Duration>,
    /// The body, or its beginning.
    pub body: Vec<u8>,
    /// Whether that is all of the body.
    pub whole: bool,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A connection on which nothing has been said.
pub struct Connected {
    stream: Box<dyn Stream>,
    authority: String,
    /// Where it leads.
    pub address: SocketAddr,
}

/// Connects to the first address that may be connected to and takes the connection. What was judged is what is connected to.
/// The caller bounds the time.
///
/// # Errors
/// Why there is no connection.
pub async fn connect(
    target: &Target,
    bounds: Bounds<'_>,
    trusting: &Arc<ClientConfig>,
) -> Result<Connected, Unconnected> {
    let (stream, address) = reach(target, bounds).await?;
    let authority = target.authority.clone();
    if !target.tls {
        return Ok(Connected { stream: Box::new(stream), authority, address });
    }
    let failed = |cause: io::Error| Unconnected::Tls { host: target.host.clone(), cause };
    let name = ServerName::try_from(target.host.clone()).map_err(|error| failed(io::Error::other(error)))?;
    let stream = TlsConnector::from(Arc::clone(trusting)).connect(name, stream).await.map_err(failed)?;
    Ok(Connected { stream: Box::new(stream), authority, address })
}

async fn reach(target: &Target, bounds: Bounds<'_>) -> Result<(TcpStream, SocketAddr), Unconnected> {
    let host = || target.host.clone();
    let found = target.addresses().await.map_err(|cause| Unconnected::Unresolved { host: host(), cause })?;
    let mut last = Unconnected::Nowhere { host: host() };
    for address in found.into_iter().take(ADDRESSES_MAX) {
        if let Err(refused) = target.judge(address.ip(), bounds) {
            last = refused.into();
            continue;
        }
        let slow = || io::Error::from(io::ErrorKind::TimedOut);
        let connecting = tokio::time::timeout(CONNECT_MAX, TcpStream::connect(address));
        match connecting.await.unwrap_or_else(|_| Err(slow())) {
            Ok(stream) => return Ok((stream, address)),
            Err(cause) => last = Unconnected::Unreached { address, cause },
        }
    }
    Err(last)
}

impl Connected {
    /// Sends a request and reads the answer; the caller bounds the time.
    ///
    /// # Errors
    /// The exchange broke off: the server may have the request all the same.
    pub async fn exchange(self, mut request: Request<Full<Bytes>>, now: Timestamp) -> Result<Answer, hyper::Error> {
        let headers = request.headers_mut();
        if let Ok(authority) = HeaderValue::from_str(&self.authority) {
            headers.insert(HOST, authority);
        }
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("Lull/", env!("CARGO_PKG_VERSION"))));
        let (mut sender, connection) =
            http1::Builder::new().max_buf_size(BUFFER_MAX).handshake(TokioIo::new(self.stream)).await?;
        let mut exchanged = std::pin::pin!(async move {
            let response = sender.send_request(request).await?;
            Ok(read(response, now).await)
        });
        tokio::select! {
            answer = exchanged.as_mut() => answer,
            // Whatever it had read by then is still to be had.
            _ended = connection => exchanged.await,
        }
    }
}

/// Reads an answer to a bound. A body that breaks off is one that is not whole.
async fn read(response: Response<Incoming>, now: Timestamp) -> Answer {
    let (head, mut body) = response.into_parts();
    let retry_after = retry_after(&head.headers, now);
    let mut bytes = Vec::new();
    let whole = loop {
        if bytes.len() > ANSWER_BYTES_MAX {
            bytes.truncate(ANSWER_BYTES_MAX);
            break false;
        }
        match body.frame().await {
            Some(Ok(frame)) => bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data)),
            Some(Err(_)) => break false,
            None => break true,
        }
    };
    Answer { status: head.status.as_u16(), headers: head.headers, retry_after, body: bytes, whole }
}

/// The beginning of what somebody else wrote, at most `max` characters, without what could harm a terminal or a database.
pub fn readable(bytes: &[u8], max: usize) -> String {
    let text = String::from_utf8_lossy(bytes);
    let clean = text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c });
    clean.take(max).collect::<String>().trim().to_owned()
}

/// `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Timestamp::from(at).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_says_when_to_come_back_in_seconds_or_by_date() {
        // 2026-11-22T03:34:56Z.
        let now = Timestamp::from_millis(1_795_318_496_000);
        let asked = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers, now)
        };
        assert_eq!(asked("120"), Some(Duration::from_secs(120)));
        assert_eq!(asked("Sun, 22 Nov 2026 03:36:56 GMT"), Some(Duration::from_secs(120)));
        assert_eq!(asked("Sun, 22 Nov 2026 01:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(asked("soon"), None);
        assert_eq!(asked("-5"), None);
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn what_is_kept_of_an_answer_is_short_and_harmless() {
        assert_eq!(readable(b" ok\x1b[31m\0\nnext\xff ", 500), "ok [31m \nnext\u{fffd}");
        assert_eq!(readable("x".repeat(10_000).as_bytes(), 500).len(), 500);
    }
}
