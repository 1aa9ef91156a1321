//! One event to one endpoint: judged, connected, posted, read to a bound.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::CONTENT_TYPE;
use rustls::ClientConfig;

use super::signature::BadSecret;
use crate::http_client::address::{AddressFault, Bounds, Target};
use crate::http_client::{Unconnected, connect, readable};
use crate::model::network::Network;
use crate::model::time::Timestamp;

/// How many characters of an answer are kept.
const ANSWER_KEPT_MAX: usize = 500;

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostError {
    /// Its address is none.
    #[error(transparent)]
    Address(#[from] AddressFault),
    /// It cannot be signed.
    #[error(transparent)]
    Secret(#[from] BadSecret),
    /// No connection.
    #[error(transparent)]
    Unconnected(#[from] Unconnected),
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
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", letter.id)
        .header("webhook-timestamp", letter.seconds)
        .header("webhook-signature", letter.signature)
        .body(Full::new(Bytes::from(letter.body)))?;
    let connected = connect(target, Bounds::Internet(allowed), trusting).await?;
    let answer = connected.exchange(request, now).await?;
    let text = readable(&answer.body, ANSWER_KEPT_MAX);
    Ok(Answer { status: answer.status, retry_after: answer.retry_after, text })
}
