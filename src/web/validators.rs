//! `ETag`, `If-None-Match` and `If-Match` (RFC 9110, section 13): whoever has an answer already is not sent it again, and whoever
//! changes a text says which one was changed.
//!
//! Tags of answers are weak: they are hashes of what was said, before it is compressed. The tag of a campaign's revision is
//! strong. Read [`unchanged`] and [`Base`] first.

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use sha2::{Digest as _, Sha256};

use super::problem::{Kind, Problem};
use crate::store::Base;

/// Longest answer that is hashed, in bytes: a page of any list, and well below a millisecond of work.
const HASHED_MAX: u64 = 1024 * 1024;

/// Answers a GET that names what it has with 304, where that is what it would get.
pub(super) async fn unchanged(request: Request, next: Next) -> Response {
    if request.method() != Method::GET {
        return next.run(request).await;
    }
    let known = tags(request.headers(), &header::IF_NONE_MATCH);
    let response = next.run(request).await;
    let (mut parts, body) = response.into_parts();
    if parts.status != StatusCode::OK {
        return Response::from_parts(parts, body);
    }
    let json = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    let short = body.size_hint().exact().is_some_and(|length| length <= HASHED_MAX);
    let body = match (parts.headers.contains_key(header::ETAG), json && short) {
        (true, _) => body,
        (false, false) => return Response::from_parts(parts, body),
        (false, true) => {
            // A body of known length is in memory already.
            let Ok(bytes) = to_bytes(body, usize::MAX).await else {
                parts.status = StatusCode::INTERNAL_SERVER_ERROR;
                return Response::from_parts(parts, Body::empty());
            };
            let hash: String = Sha256::digest(&bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
            if let Ok(tag) = HeaderValue::from_str(&format!("W/\"{hash}\"")) {
                parts.headers.insert(header::ETAG, tag);
            }
            Body::from(bytes)
        }
    };
    let tag = parts.headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).unwrap_or_default();
    // Weak comparison: what a proxy made weak is still the same.
    let same = |one: &String| one == "*" || weakly(one) == weakly(tag);
    if !known.iter().any(same) {
        return Response::from_parts(parts, body);
    }
    parts.status = StatusCode::NOT_MODIFIED;
    for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH] {
        parts.headers.remove(name);
    }
    Response::from_parts(parts, Body::empty())
}

fn weakly(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// The tags of a header, with their quotation marks. No tag of ours has a comma in it.
fn tags(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let tags = values.flat_map(|value| value.split(',')).map(|tag| tag.trim().to_owned());
    tags.filter(|tag| !tag.is_empty()).collect()
}

/// The tag of a campaign's revision.
pub(super) fn of_revision(revision: u64) -> [(HeaderName, String); 1] {
    [(header::ETAG, format!("\"revision-{revision}\""))]
}

/// What a change of a campaign is based on: `If-Match` with tags of revisions or `*`, or `If-None-Match: *`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BasedOn(pub Base);

impl<S: Send + Sync> FromRequestParts<S> for BasedOn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<BasedOn, Problem> {
        let matching = tags(&parts.headers, &header::IF_MATCH);
        let differing = tags(&parts.headers, &header::IF_NONE_MATCH);
        match (matching.as_slice(), differing.as_slice()) {
            ([], []) => Ok(BasedOn(Base::Any)),
            ([], [all]) if all == "*" => Ok(BasedOn(Base::Nothing)),
            ([all], []) if all == "*" => Ok(BasedOn(Base::Something)),
            // A tag of something else matches no revision, and neither does a weak one.
            (all, []) => Ok(BasedOn(Base::Revisions(all.iter().filter_map(|tag| revision(tag)).collect()))),
            (_, _) => {
                let detail = "expected If-Match with the tag of a revision or *, or If-None-Match: *";
                Err(Problem::new(Kind::BadHeader, detail))
            }
        }
    }
}

fn revision(tag: &str) -> Option<u64> {
    tag.strip_prefix("\"revision-")?.strip_suffix('"')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn based_on(pairs: &[(HeaderName, &'static str)]) -> Result<Base, Kind> {
        let mut request = axum::http::Request::new(());
        for (name, value) in pairs {
            request.headers_mut().append(name, HeaderValue::from_static(value));
        }
        let (mut parts, ()) = request.into_parts();
        let read = BasedOn::from_request_parts(&mut parts, &()).await;
        read.map(|BasedOn(base)| base).map_err(|problem| problem.kind())
    }

    #[tokio::test]
    async fn what_a_change_is_based_on_is_read_from_its_headers() {
        let (matching, differing) = (header::IF_MATCH, header::IF_NONE_MATCH);
        assert_eq!(based_on(&[]).await, Ok(Base::Any));
        assert_eq!(based_on(&[(matching.clone(), "\"revision-7\"")]).await, Ok(Base::Revisions(vec![7])));
        let both = [(matching.clone(), "\"revision-7\", \"revision-9\""), (matching.clone(), "\"revision-12\"")];
        assert_eq!(based_on(&both).await, Ok(Base::Revisions(vec![7, 9, 12])));
        for no_tag in ["W/\"revision-7\"", "revision-7", "\"7\"", "\"revision-x\""] {
            assert_eq!(based_on(&[(matching.clone(), no_tag)]).await, Ok(Base::Revisions(vec![])), "{no_tag}");
        }
        assert_eq!(based_on(&[(matching.clone(), "*")]).await, Ok(Base::Something));
        assert_eq!(based_on(&[(differing.clone(), "*")]).await, Ok(Base::Nothing));
        assert_eq!(based_on(&[(differing.clone(), "\"revision-7\"")]).await, Err(Kind::BadHeader));
        assert_eq!(based_on(&[(matching, "*"), (differing, "*")]).await, Err(Kind::BadHeader));
    }
}
