//! What providers of SMS tell by HTTP: outside of logins, since they prove who they are in a way of their own.
//!
//! Nothing is decided here: the gateway checks who calls, and what was told. It is answered when that is durable.

use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method};
use axum::response::{IntoResponse as _, Response};
use tokio::time::timeout;

use super::WebState;
use super::body::{Named, NamedIn};
use super::frame::Client;
use super::problem::{ErrorItem, Kind, Problem};
use crate::model::name::GatewayName;
use crate::runtime::handle::{Call, Called};

/// Longest body of a call, in bytes.
const BODY_MAX: usize = 64 * 1024;
/// How long a body may take to come, and then to become durable. A provider that is told to do so calls again.
const BODY_WITHIN: Duration = Duration::from_secs(10);
const KEPT_WITHIN: Duration = Duration::from_secs(20);

/// Take receipts and customers' messages of a gateway's provider, which signs them as the configuration says
/// (`gateways.NAME.callback`): JSON or a form, of 64 KiB at most. Answered with 200 when all of it is durable. What is told twice
/// changes nothing.
#[utoipa::path(post, path = "/gateways/{name}/callback", tag = "messages", params(("name" = String, Path)), security(()),
    responses((status = 200)))]
pub async fn gateway_callback(
    State(state): State<WebState>,
    Named(name): Named<GatewayName>,
    request: Request,
) -> Result<Response, Problem> {
    called(&state, &name, None, request).await
}

/// The same for a provider that cannot sign: the secret is in the address, where `proof = "address"` allows it.
#[utoipa::path(post, path = "/gateways/{name}/callback/{secret}", tag = "messages",
    params(("name" = String, Path), ("secret" = String, Path)), security(()), responses((status = 200)))]
pub async fn gateway_callback_with_secret(
    State(state): State<WebState>,
    NamedIn(name, secret): NamedIn<GatewayName, String>,
    request: Request,
) -> Result<Response, Problem> {
    called(&state, &name, Some(secret), request).await
}

/// The same for a provider that tells by a query.
#[utoipa::path(get, path = "/gateways/{name}/callback/{secret}", tag = "messages",
    params(("name" = String, Path), ("secret" = String, Path)), security(()), responses((status = 200)))]
pub async fn gateway_callback_by_query(
    State(state): State<WebState>,
    NamedIn(name, secret): NamedIn<GatewayName, String>,
    request: Request,
) -> Result<Response, Problem> {
    called(&state, &name, Some(secret), request).await
}

async fn called(
    state: &WebState,
    name: &GatewayName,
    secret: Option<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let Ok(Client { address: from, .. }) = Client::from_request_parts(&mut parts, state).await;
    let too_large = |_| Problem::new(Kind::TooLarge, format!("the body is longer than {BODY_MAX} bytes, or broke off"));
    let body = match timeout(BODY_WITHIN, to_bytes(body, BODY_MAX)).await {
        Ok(body) => body.map_err(too_large)?,
        Err(_) => return Err(Problem::new(Kind::TooSlow, format!("no body within {} s", BODY_WITHIN.as_secs()))),
    };
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let call = Call { from, get: parts.method == Method::GET, query, secret, headers: parts.headers, body };
    let called = match timeout(KEPT_WITHIN, state.handle.call_gateway(name, call)).await {
        Ok(None) => return Err(Problem::not_found(format!("SMS gateway `{name}` that takes calls"))),
        Ok(Some(called)) => called?,
        Err(_) => return Err(Problem::new(Kind::Unavailable, "storage does not answer; call again").retry_after(30)),
    };
    match called {
        Called::Taken(answer) => Ok(answered(answer)),
        Called::Forged(why) => {
            state.throttle.forged(state, from)?;
            tracing::warn!(gateway = %name, %from, why, "a call that does not come from the provider was refused");
            Err(Problem::new(Kind::Unproven, why))
        }
        Called::Unreadable(wrong) => {
            let says = format!("{} of what was told cannot be understood; the rest was taken", wrong.len());
            tracing::warn!(gateway = %name, says, first = wrong.first().map(|one| &*one.says), "a provider's call");
            let items = wrong.into_iter().map(|one| ErrorItem::at(one.pointer, "not_understood", one.says));
            Err(Problem::new(Kind::BadField, says).with_errors(items.collect()))
        }
        Called::NotKept => Err(Problem::new(Kind::Internal, "it could not be kept")),
    }
}

fn answered(answer: String) -> Response {
    let kind = if answer.starts_with(['{', '[']) { "application/json" } else { "text/plain; charset=utf-8" };
    let mut response = answer.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
