//! The landing page of a campaign: a customer reads the offer on any phone, agrees to a call, says when it would suit, or opts out.
//!
//! It is open to everybody and stands apart from the pages and the API of those who sign in: no script, no cookie, its own headers,
//! and a router that can listen on an address of its own. Opening a page changes nothing but a count. Read [`router`], [`open`],
//! [`act`] and [`place`] first; what a form does is in `store::landing`.

mod forms;
pub(super) mod limits;
pub(super) mod operations;
mod page;
mod place;
mod robots;
mod times;
mod words;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde::Deserialize;

use self::page::Page;
use self::place::{Found, Way, find, source};
use self::words::Words;
use super::WebState;
use super::frame::Client;
use super::problem::{Language, Problem};
use crate::model::lead::SuppressionReason;
use crate::model::time::Timestamp;
use crate::store::{FormAct, Link, SentForm, VisitKind};

/// The style sheet of what is no visit.
const PLAIN_STYLE: &str = "/landing.css";
/// A form must be there by then.
const BODY_WITHIN: Duration = Duration::from_secs(10);
/// A day.
const DAY: Duration = Duration::from_secs(86_400);

/// The landing pages, and nothing else.
pub(super) fn router(state: WebState) -> Router {
    Router::new()
        .route("/r/{token}", get(open_way).post(act_on_way))
        .route("/r/{token}/page.css", get(visit))
        .route("/p/{campaign}", get(open_way).post(act_on_way))
        .route("/p/{campaign}/page.css", get(visit))
        .route(PLAIN_STYLE, get(|| async { style() }))
        .layer(DefaultBodyLimit::max(forms::BODY_MAX))
        .with_state(state)
}

/// What is answered at an address that is none, where only landing pages are served.
pub(super) async fn nothing_here(uri: Uri, headers: HeaderMap) -> Response {
    plain(language(&uri, &headers), StatusCode::NOT_FOUND, |words| (words.unknown_title, words.unknown))
}

impl FromRequestParts<WebState> for Way {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &WebState) -> Result<Way, Response> {
        /// One of them, by the route.
        #[derive(Deserialize)]
        struct Named {
            token: Option<String>,
            campaign: Option<String>,
        }
        let named = Path::<Named>::from_request_parts(parts, state).await.ok();
        let way = named.and_then(|Path(named)| named.token.map(Way::Link).or(named.campaign.map(Way::Page)));
        // An address that is no text.
        match way {
            Some(way) => Ok(way),
            None => Err(nothing_here(parts.uri.clone(), parts.headers.clone()).await),
        }
    }
}

async fn open_way(
    State(state): State<WebState>,
    client: Client,
    way: Way,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    answered(open(&state, &client, &way, &method, &uri, &headers).await, &uri, &headers)
}

async fn act_on_way(
    State(state): State<WebState>,
    client: Client,
    way: Way,
    uri: Uri,
    headers: HeaderMap,
    Posted(body): Posted,
) -> Response {
    answered(act(&state, &client, &way, &uri, &headers, body).await, &uri, &headers)
}

/// The style sheet, which is the same at each of its addresses.
async fn visit(
    State(state): State<WebState>,
    client: Client,
    way: Result<Way, Response>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    if let Ok(way) = way {
        visited(&state, &client, &way, &method, &headers).await;
    }
    style()
}

fn style() -> Response {
    let mut response = ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], page::STYLE).into_response();
    page::protect(&mut response, &[]);
    response
}

/// A browser that shows a page loads its style sheet, which those that only look at a link do not.
async fn visited(state: &WebState, client: &Client, way: &Way, method: &Method, headers: &HeaderMap) {
    let now = state.now();
    if robots::is_program(method, headers) || state.landing_limits.page(now.instant, client.address).is_err() {
        return;
    }
    // What cannot be counted was logged, and keeps nobody from the page.
    if let Ok(Found::Here(place)) = find(state, way, Language::English, now.timestamp).await {
        let _logged = place.count(state, VisitKind::Visit, client, now).await;
    }
}

/// Shows a page.
async fn open(
    state: &WebState,
    client: &Client,
    way: &Way,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let (now, language) = (state.now(), language(uri, headers));
    if let Err(wait) = state.landing_limits.page(now.instant, client.address) {
        return Ok(later(
            plain(language, StatusCode::TOO_MANY_REQUESTS, |words| (words.trouble_title, words.too_often)),
            wait,
        ));
    }
    match find(state, way, language, now.timestamp).await? {
        Found::Nothing => Ok(plain(language, StatusCode::NOT_FOUND, |words| (words.unknown_title, words.unknown))),
        Found::Over(link) => over(state, way, link.as_ref(), language, now.timestamp),
        Found::Here(place) => {
            let mut style = format!("{}/page.css", place.path);
            if robots::is_program(method, headers) {
                place.count(state, VisitKind::Preview, client, now).await?;
                PLAIN_STYLE.clone_into(&mut style);
            }
            place.first(state, now.timestamp, &style)
        }
    }
}

/// What was posted, or why it could not be read. Whoever announces a form and does not send it keeps no place for long.
struct Posted(Result<Bytes, StatusCode>);

impl<S: Send + Sync> FromRequest<S> for Posted {
    type Rejection = Infallible;

    async fn from_request(request: Request, state: &S) -> Result<Posted, Infallible> {
        Ok(Posted(match tokio::time::timeout(BODY_WITHIN, Bytes::from_request(request, state)).await {
            Ok(read) => read.map_err(|rejection| rejection.status()),
            Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
        }))
    }
}

/// Does what a form asks for.
async fn act(
    state: &WebState,
    client: &Client,
    way: &Way,
    uri: &Uri,
    headers: &HeaderMap,
    body: Result<Bytes, StatusCode>,
) -> Result<Response, Problem> {
    let (now, language) = (state.now(), language(uri, headers));
    let body = match body {
        Ok(body) => body,
        Err(StatusCode::PAYLOAD_TOO_LARGE) => {
            return Ok(plain(language, StatusCode::PAYLOAD_TOO_LARGE, |words| {
                (words.too_large_title, words.too_large)
            }));
        }
        Err(_) => {
            return Ok(plain(language, StatusCode::BAD_REQUEST, |words| (words.unreadable_title, words.unreadable)));
        }
    };
    let Some(fields) = forms::fields(headers, &body) else {
        return Ok(plain(language, StatusCode::BAD_REQUEST, |words| (words.unreadable_title, words.unreadable)));
    };
    if forms::is_from_elsewhere(headers, &state.settings().landing_url.iter().cloned().collect::<Vec<_>>()) {
        return Ok(plain(language, StatusCode::FORBIDDEN, |words| (words.other_site_title, words.other_site)));
    }
    let asked = fields.get("do").map(String::as_str).unwrap_or_default();
    let place = match find(state, way, language, now.timestamp).await? {
        Found::Nothing => {
            return Ok(plain(language, StatusCode::NOT_FOUND, |words| (words.unknown_title, words.unknown)));
        }
        Found::Over(Some(link)) if asked == "opt_out" => {
            return opt_out_of_what_is_over(state, client, way, &link, &fields, language).await;
        }
        Found::Over(link) => return over(state, way, link.as_ref(), language, now.timestamp),
        Found::Here(place) => place,
    };
    let admitted = match &place.link {
        // Strangers who use a campaign's forms up keep nobody with a link from opting out.
        Some(_) => state.landing_limits.address(now.instant, client.address),
        None => state.landing_limits.form(now.instant, client.address, &place.campaign.key),
    };
    if let Err(wait) = admitted {
        return place.too_often(state, now.timestamp, &fields, wait);
    }
    match (asked, &place.link) {
        ("send_code", None) => place.send_code(state, client, &fields).await,
        ("register" | "opt_out", Some(link)) => {
            let number = link.number.clone();
            place.decide(state, client, &fields, number, None).await
        }
        ("register" | "opt_out", None) => {
            let Ok(number) = place.number(state, &fields) else {
                return place.again(state, now.timestamp, &fields, |words| words.send_again);
            };
            let code = digits(fields.get("code").map(String::as_str).unwrap_or_default());
            place.decide(state, client, &fields, number, Some(code)).await
        }
        _ => Ok(plain(language, StatusCode::BAD_REQUEST, |words| (words.unreadable_title, words.unreadable))),
    }
}

/// A link that leads nowhere any more: the customer can still opt out.
fn over(
    state: &WebState,
    way: &Way,
    link: Option<&Link>,
    language: Language,
    now: Timestamp,
) -> Result<Response, Problem> {
    let words = Words::of(language);
    let mut body = page::says(words.over);
    if let (Some(link), Way::Link(token)) = (link, way) {
        let seal = sealed(state, &subject_of_over(link), now)?;
        body.push_str(&page::opt_out_form(&format!("/r/{token}?lang={}", words.tag), &seal, words));
    }
    Ok(bare(language, StatusCode::GONE, words.over_title, body))
}

fn subject_of_over(link: &Link) -> String {
    format!("over {}", link.id)
}

async fn opt_out_of_what_is_over(
    state: &WebState,
    client: &Client,
    way: &Way,
    link: &Link,
    fields: &BTreeMap<String, String>,
    language: Language,
) -> Result<Response, Problem> {
    let (now, words) = (state.now(), Words::of(language));
    if let Err(wait) = state.landing_limits.address(now.instant, client.address) {
        let mut page = over(state, way, Some(link), language, now.timestamp)?;
        *page.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        return Ok(later(page, wait));
    }
    let sealed = fields.get("form").map(String::as_str).unwrap_or_default();
    let Ok(form) = forms::open(&state.form_secret, &subject_of_over(link), sealed, now.timestamp) else {
        return over(state, way, Some(link), language, now.timestamp);
    };
    let (number, text) = (link.number.clone(), words.opt_out.to_owned());
    let act = FormAct::OptOut { number: number.clone(), text, source: source(&link.campaign, Some(link), client) };
    let form = SentForm { id: format!("{form} opt_out"), campaign: link.campaign.clone(), act, code: None };
    state.records.take_form(form, now.timestamp).await?;
    state.handle.let_go(number, None, SuppressionReason::OptOut);
    Ok(bare(language, StatusCode::OK, words.opted_out_title, page::says(words.opted_out)))
}

fn sealed(state: &WebState, subject: &str, now: Timestamp) -> Result<String, Problem> {
    forms::seal(&state.form_secret, subject, now).map_err(|error| Problem::internal("sealing a form", error))
}

/// The language that the visitor asks for: by the address, else by what the browser prefers.
fn language(uri: &Uri, headers: &HeaderMap) -> Language {
    let asked = uri.query().unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("lang="));
    match asked {
        Some(tag) if tag.starts_with("zh") => Language::Chinese,
        Some(tag) if tag.starts_with("en") => Language::English,
        _ => Language::of_header(headers.get(header::ACCEPT_LANGUAGE)),
    }
}

/// ASCII digits, also of those that an input method writes wide; spaces and hyphens are dropped.
fn digits(typed: &str) -> String {
    let narrow = |c: char| match c {
        '０'..='９' => char::from_digit(c as u32 - '０' as u32, 10),
        c if c.is_ascii_digit() => Some(c),
        _ => None,
    };
    typed.chars().filter_map(narrow).collect()
}

/// A page without a campaign.
fn bare(language: Language, status: StatusCode, title: &str, body: String) -> Response {
    Page { language, status, elsewhere: None, style: PLAIN_STYLE, embed_from: &[], title, body }.answer()
}

/// A page of one title and one sentence.
fn plain(
    language: Language,
    status: StatusCode,
    of: impl FnOnce(&'static Words) -> (&'static str, &'static str),
) -> Response {
    let (title, text) = of(Words::of(language));
    bare(language, status, title, page::says(text))
}

fn later(mut page: Response, wait: Duration) -> Response {
    page.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
    page
}

/// What goes wrong on our side is a page as well; the cause is in the log already.
fn answered(answer: Result<Response, Problem>, uri: &Uri, headers: &HeaderMap) -> Response {
    answer.unwrap_or_else(|_logged| {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        plain(language(uri, headers), status, |words| (words.trouble_title, words.trouble))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        assert_eq!(digits("１２３ 456"), "123456");
        assert_eq!(digits("12-34-56\n"), "123456");
        assert_eq!(digits("abc"), "");
    }
}
