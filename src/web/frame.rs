//! The frame around all handlers: request ids, the bodies of problems, and the headers that keep browsers safe.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;

use super::WebState;
use super::problem::{Language, Problem};
use crate::model::id::RequestId;

/// Names a request in the log and in problems.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id that is taken over from a proxy.
const REQUEST_ID_MAX: usize = 64;
/// Longest name of a browser that is kept with a session.
const USER_AGENT_MAX: usize = 200;

/// No inline script, no foreign source, in nobody's frame. Style elements need the page's nonce.
const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
     object-src 'none'; img-src 'self' data:; media-src 'self' blob:";

/// What a browser may use of the machine: the microphone for calls, on our own pages.
const PERMISSIONS: &str = "microphone=(self), camera=(), geolocation=(), payment=(), usb=()";

/// The address a connection came from, put into each of its requests by the listener.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub SocketAddr);

/// Where a request came from.
#[derive(Clone, Debug)]
pub struct Client {
    /// The address: the peer's, or what a trusted proxy says.
    pub address: IpAddr,
    /// What the browser calls itself.
    pub agent: String,
}

impl FromRequestParts<WebState> for Client {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &WebState) -> Result<Client, Self::Rejection> {
        let peer = parts.extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
        let address = forwarded(&parts.headers, peer.to_canonical(), &state.settings().trusted_proxies);
        let agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(Client { address, agent: agent.chars().take(USER_AGENT_MAX).collect() })
    }
}

/// Walks `X-Forwarded-For` from its end as long as what was said came from a proxy we trust.
fn forwarded(headers: &HeaderMap, peer: IpAddr, trusted: &[IpAddr]) -> IpAddr {
    let mut address = peer;
    let hops: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for hop in hops.into_iter().rev() {
        if !trusted.contains(&address) {
            break;
        }
        match hop.trim().parse::<IpAddr>() {
            Ok(said) => address = said.to_canonical(),
            Err(_) => break,
        }
    }
    address
}

/// A nonce for the style elements of one page.
#[derive(Clone, Debug)]
pub(super) struct Nonce(pub String);

/// Runs a request inside its frame.
pub(super) async fn frame(State(state): State<WebState>, mut request: Request, next: Next) -> Response {
    let id = request_id(request.headers()).unwrap_or_else(|| RequestId(state.mint(state.now().timestamp)).to_string());
    let language = Language::of_header(request.headers().get(header::ACCEPT_LANGUAGE));
    let span = tracing::info_span!("request", %id, method = %request.method(), path = shown(request.uri().path()));
    if let Ok(value) = HeaderValue::from_str(&id) {
        request.headers_mut().insert(REQUEST_ID, value);
    }
    let mut response = next.run(request).instrument(span).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = with_body(response, problem, &id, language);
    }
    protect(&mut response, &id);
    response
}

/// An address as the log may have it: without the secret by which a provider of SMS proves who it is.
fn shown(path: &str) -> &str {
    const SECRET_AFTER: &str = "/callback/";
    match path.find(SECRET_AFTER) {
        Some(at) => path.get(..at + SECRET_AFTER.len()).unwrap_or(path),
        None => path,
    }
}

/// A request id of a proxy, if it is one that is safe in a log.
fn request_id(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(REQUEST_ID)?.to_str().ok()?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (!text.is_empty() && text.len() <= REQUEST_ID_MAX && text.chars().all(fits)).then(|| text.to_owned())
}

fn with_body(response: Response, problem: Problem, id: &str, language: Language) -> Response {
    let (mut parts, _) = response.into_parts();
    let body = serde_json::to_vec(&problem.body(id, language)).unwrap_or_default();
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, body.into())
}

fn protect(response: &mut Response, id: &str) {
    let nonce = response.extensions_mut().remove::<Nonce>();
    let headers = response.headers_mut();
    let policy = match &nonce {
        Some(Nonce(nonce)) => format!("{POLICY}; style-src 'self' 'nonce-{nonce}'"),
        None => POLICY.to_owned(),
    };
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("permissions-policy"), PERMISSIONS),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Only what says otherwise (assets with a hash in their name) may be kept: all else may tell of people.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed_about_the_address() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_static("6.6.6.6, 198.51.100.7, 10.0.0.2"));
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(forwarded(&headers, ip("203.0.113.9"), &[]), ip("203.0.113.9"));
        let trusted = [ip("10.0.0.1"), ip("10.0.0.2")];
        assert_eq!(forwarded(&headers, ip("10.0.0.1"), &trusted), ip("198.51.100.7"));
        assert_eq!(forwarded(&headers, ip("203.0.113.9"), &trusted), ip("203.0.113.9"));
    }

    #[test]
    fn a_request_id_that_could_break_a_log_line_is_not_taken_over() {
        let with = |value: &'static [u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
            request_id(&headers)
        };
        assert_eq!(with(b"abc-1.2_3"), Some("abc-1.2_3".to_owned()));
        assert_eq!(with(b"a b"), None);
        assert_eq!(with(b"\xff"), None);
    }
}
