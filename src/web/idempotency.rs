//! `Idempotency-Key`: a request that is sent again, because its answer got lost, is answered again and not done again.
//!
//! The answer of a success is kept for a day under who asked and the key; what was refused changed nothing and may be corrected
//! under the same key. Between the change and the keeping of its answer lies a moment: after a crash within it the request is
//! done again, which suppressions, users and webhooks recognise by themselves. Read [`keyed`] first.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use axum::body::{Body, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};
use tracing::Instrument as _;

use super::WebState;
use super::access::{self, SignedIn};
use super::body::JSON_MAX;
use super::problem::{Kind, Problem};
use crate::store::KeptAnswer;

/// What a request is known by.
pub(super) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Marks an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longest key, in characters.
const KEY_MAX: usize = 255;
/// Longest answer that is kept, in bytes; those of the operations below are far shorter.
const ANSWER_MAX: usize = 256 * 1024;

/// The operations that heed a key: those that make something. An import in one request knows the same file by itself.
/// A key of a program is in no answer that is kept: it is shown once.
pub(super) const OPERATIONS: [&str; 9] = [
    "/suppressions",
    "/consents",
    "/messages",
    "/consents/{id}/revoke",
    "/users",
    "/webhooks",
    "/exports",
    "/campaigns/{key}/import-jobs",
    "/campaigns/{key}/pre-registrations",
];

/// Requests that are under way, by who asked and the key. As many as there are connections at most.
#[derive(Debug, Default)]
pub(super) struct UnderWay(Mutex<BTreeSet<String>>);

impl UnderWay {
    /// Marks one; none where it is under way already.
    fn begin(&self, id: &str) -> Option<Mark<'_>> {
        let fresh = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
        fresh.then(|| Mark { of: self, id: id.to_owned() })
    }
}

/// A request that is under way until this is dropped, whatever ends it.
struct Mark<'w> {
    of: &'w UnderWay,
    id: String,
}

impl Drop for Mark<'_> {
    fn drop(&mut self) {
        self.of.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// Heeds the key of a request, where it has one and its operation heeds keys.
pub(super) async fn keyed(State(state): State<WebState>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
    let below = path.strip_prefix(super::API_BASE).unwrap_or(path);
    let heeds = request.method() == Method::POST && OPERATIONS.contains(&below);
    let Some(key) = request.headers().get(&KEY).filter(|_| heeds).cloned() else { return next.run(request).await };
    // On its own, so that it comes to its end, and its answer is kept, although whoever asked went away.
    let asked = tokio::spawn(async move { answered(&state, &key, request, next).await }.in_current_span());
    let answer = asked.await.unwrap_or_else(|error| Err(Problem::internal("a request with a key", error)));
    answer.unwrap_or_else(|problem| problem.into_response())
}

async fn answered(state: &WebState, key: &HeaderValue, request: Request, next: Next) -> Result<Response, Problem> {
    let key = read_key(key)?;
    let (mut parts, body) = request.into_parts();
    let signed_in = access::identify(&parts.headers, state).await?;
    let too_large = |_| Problem::new(Kind::TooLarge, format!("the body is longer than {JSON_MAX} bytes"));
    let body = to_bytes(body, JSON_MAX).await.map_err(too_large)?;
    let id = hash(&[b"id", who(&signed_in).as_bytes(), key.as_bytes()]);
    let asked = hash(&[b"request", key.as_bytes(), parts.uri.to_string().as_bytes(), &body]);
    // Before it is looked whether there is an answer: else two might both find none.
    let Some(_mark) = state.under_way.begin(&id) else {
        let detail = "a request with this Idempotency-Key is under way; ask again when it is done";
        return Err(Problem::new(Kind::KeyInUse, detail).retry_after(1));
    };
    if let Some(kept) = state.records.kept_answer(&id, state.now().timestamp).await? {
        if kept.request != asked {
            let detail = "this Idempotency-Key was used for another request; expected a new one for a new request";
            return Err(Problem::new(Kind::KeyReused, detail));
        }
        return Ok(replayed(kept));
    }
    parts.extensions.insert(signed_in);
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    if !response.status().is_success() {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, ANSWER_MAX).await.map_err(|error| Problem::internal("keeping an answer", error))?;
    let content_type =
        parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kept = KeptAnswer {
        request: asked,
        status: parts.status.as_u16(),
        content_type: content_type.to_owned(),
        body: String::from_utf8_lossy(&bytes).into_owned(),
    };
    state.records.keep_answer(id, kept, state.now().timestamp).await;
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

fn replayed(kept: KeptAnswer) -> Response {
    let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
    let mut response = (status, kept.body).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    if let Ok(kind) = HeaderValue::from_str(&kept.content_type)
        && !kind.is_empty()
    {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

fn read_key(value: &HeaderValue) -> Result<String, Problem> {
    let text = value.to_str().unwrap_or_default();
    if text.is_empty() || text.len() > KEY_MAX {
        let detail =
            format!("Idempotency-Key: expected 1 to {KEY_MAX} printable ASCII characters, such as a random UUID");
        return Err(Problem::new(Kind::BadHeader, detail));
    }
    Ok(text.to_owned())
}

/// A key of one caller says nothing about that of another.
fn who(signed_in: &SignedIn) -> String {
    // In another role the same person may see less.
    let role = signed_in.account.role.as_str();
    match &signed_in.key {
        Some(key) => format!("key {} {role}", key.id),
        None => format!("{} {role}", signed_in.account.id),
    }
}

/// Parts with their lengths, so that no two lists of parts give the same bytes.
fn hash(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_under_way_until_its_mark_is_dropped() {
        let under_way = UnderWay::default();
        let mark = under_way.begin("a");
        assert!(mark.is_some() && under_way.begin("a").is_none() && under_way.begin("b").is_some());
        drop(mark);
        assert!(under_way.begin("a").is_some());
    }

    #[test]
    fn where_one_part_ends_and_the_next_begins_counts() {
        assert_ne!(hash(&[b"ab", b"c"]), hash(&[b"a", b"bc"]));
        assert_eq!(hash(&[b"ab", b"c"]), hash(&[b"ab", b"c"]));
    }

    #[test]
    fn a_key_can_be_read() {
        let read = |bytes: &[u8]| read_key(&HeaderValue::from_bytes(bytes).unwrap()).is_ok();
        assert!(read(b"8e03978e-40d5-43dd-bc93-6894a57f9324") && read(&[b'x'; KEY_MAX]));
        assert!(!read(b"") && !read(&[b'x'; KEY_MAX + 1]) && !read("schlüssel".as_bytes()));
    }
}
