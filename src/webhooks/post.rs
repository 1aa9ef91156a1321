//! One request to one endpoint: looked up, judged, connected, posted, read to a bound. Follows nothing.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::address::{AddressFault, Target};
use super::signature::BadSecret;
use crate::config::Network;
use crate::model::time::Timestamp;

/// Bytes of an answer that are read, and how many of its characters are kept.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
const ANSWER_KEPT_MAX: usize = 500;
/// Bytes of headers, and of what is read ahead.
const BUFFER_MAX: usize = 32 * 1024;
/// A name may lead to many addresses; so many are tried.
const ADDRESSES_MAX: usize = 4;
/// Each of several addresses gets this long to take the connection, so that the next has a turn.
const CONNECT_MAX: Duration = Duration::from_secs(4);

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostError {
    /// Where it would have gone is refused.
    #[error(transparent)]
    Refused(#[from] AddressFault),
    /// It cannot be signed.
    #[error(transparent)]
    Secret(#[from] BadSecret),
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
    Unconnected {
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
    /// The exchange broke off.
    #[error("the answer did not come: {0}")]
    Broken(#[from] hyper::Error),
    /// It cannot be written as a request.
    #[error("the request cannot be made: {0}")]
    Unmade(#[from] hyper::http::Error),
    /// It took too long.
    #[error("no answer within {seconds} s")]
    TooSlow {
        /// How long was waited.
        seconds: u32,
    },
}

/// What is sent.
pub(super) struct Letter {
    /// The id of the event.
    pub(super) id: String,
    /// When it is sent, in seconds since 1970.
    pub(super) seconds: i64,
    /// By the secrets in force.
    pub(super) signature: String,
    /// To the byte.
    pub(super) body: String,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: u16,
    /// For how long the receiver wants to be left alone.
    pub(super) retry_after: Option<Duration>,
    /// The beginning of the body.
    pub(super) text: String,
}

/// Posts a letter; the caller bounds the time.
pub(super) async fn post(
    target: &Target,
    letter: Letter,
    allowed: &[Network],
    trusting: &Arc<ClientConfig>,
    now: Timestamp,
) -> Result<Answer, PostError> {
    let request = Request::post(&target.path)
        .header(HOST, &target.authority)
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("Lull/", env!("CARGO_PKG_VERSION")))
        .header(CONNECTION, "close")
        .header("webhook-id", letter.id)
        .header("webhook-timestamp", letter.seconds)
        .header("webhook-signature", letter.signature)
        .body(Full::new(Bytes::from(letter.body)))?;
    let stream = connect(target, allowed).await?;
    if !target.tls {
        return exchange(stream, request, now).await;
    }
    let failed = |cause: io::Error| PostError::Tls { host: target.host.clone(), cause };
    let name = ServerName::try_from(target.host.clone()).map_err(|error| failed(io::Error::other(error)))?;
    let stream = TlsConnector::from(Arc::clone(trusting)).connect(name, stream).await.map_err(failed)?;
    exchange(stream, request, now).await
}

/// Connects to the first address that may be connected to and takes the connection. What was judged is what is connected to.
async fn connect(target: &Target, allowed: &[Network]) -> Result<TcpStream, PostError> {
    let host = || target.host.clone();
    let found = target.addresses().await.map_err(|cause| PostError::Unresolved { host: host(), cause })?;
    let mut last = PostError::Nowhere { host: host() };
    for address in found.into_iter().take(ADDRESSES_MAX) {
        if let Err(refused) = target.judge(address.ip(), allowed) {
            last = refused.into();
            continue;
        }
        let slow = || io::Error::from(io::ErrorKind::TimedOut);
        let connecting = tokio::time::timeout(CONNECT_MAX, TcpStream::connect(address));
        match connecting.await.unwrap_or_else(|_| Err(slow())) {
            Ok(stream) => return Ok(stream),
            Err(cause) => last = PostError::Unconnected { address, cause },
        }
    }
    Err(last)
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>, now: Timestamp) -> Result<Answer, PostError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        http1::Builder::new().max_buf_size(BUFFER_MAX).handshake(TokioIo::new(stream)).await?;
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

/// Reads an answer to a bound. Once the status is there the rest only serves whoever reads the log.
async fn read(response: Response<Incoming>, now: Timestamp) -> Answer {
    let status = response.status().as_u16();
    let retry_after = retry_after(response.headers(), now);
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while bytes.len() < ANSWER_BYTES_MAX {
        match body.frame().await {
            Some(Ok(frame)) => bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data)),
            Some(Err(_)) | None => break,
        }
    }
    Answer { status, retry_after, text: readable(&bytes) }
}

/// The beginning, without what could harm a terminal or a database.
fn readable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let clean = text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c });
    clean.take(ANSWER_KEPT_MAX).collect::<String>().trim().to_owned()
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
    fn a_receiver_says_when_to_come_back_in_seconds_or_by_date() {
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
        assert_eq!(readable(b" ok\x1b[31m\0\nnext\xff "), "ok [31m \nnext\u{fffd}");
        assert_eq!(readable("x".repeat(10_000).as_bytes()).len(), ANSWER_KEPT_MAX);
    }
}
