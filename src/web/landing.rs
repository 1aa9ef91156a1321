//! The landing page of a campaign: a customer reads the offer on any phone, agrees to a call, says when it would suit, or opts out.
//!
//! It is open to everybody and stands apart from the pages and the API of those who sign in: no script, no cookie, its own headers,
//! and a router that can listen on an address of its own. Opening a page changes nothing but a count. Read [`router`], [`open`]
//! and [`act`] first; what a form does is in `store::landing`.

mod forms;
pub(super) mod limits;
pub(super) mod operations;
mod page;
mod robots;
mod times;
mod words;

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use sha2::{Digest as _, Sha256};

use self::forms::Seal;
use self::page::{Asking, Page};
use self::times::{Choice, choices};
use self::words::Words;
use super::WebState;
use super::frame::Client;
use super::problem::{Language, Problem};
use crate::model::campaign::{Campaign, CampaignState, Landing, LandingText};
use crate::model::dialable::{self, zones_of};
use crate::model::lead::SuppressionReason;
use crate::model::message::way;
use crate::model::name::CampaignKey;
use crate::model::phone::PhoneNumber;
use crate::model::profile::Profile;
use crate::model::promise;
use crate::model::time::Timestamp;
use crate::model::zone::Zone;
use crate::runtime::handle::{Handle, HandleError};
use crate::store::{FormAct, FormAnswer, Link, NewMessage, Registration, SentForm, VisitKind};

/// The style sheet of what is no visit.
const PLAIN_STYLE: &str = "/landing.css";
/// A time further away than this was never offered.
const AHEAD_MAX: Duration = Duration::from_secs(5 * 86_400);
/// A day.
const DAY: Duration = Duration::from_secs(86_400);
/// The dialer had no room for a word: how long until it is told again.
const DIALER_AGAIN: Duration = Duration::from_millis(20);

/// The landing pages, and nothing else.
pub(super) fn router(state: WebState) -> Router {
    Router::new()
        .route("/r/{token}", get(open_link).post(act_on_link))
        .route("/r/{token}/page.css", get(visit_link))
        .route("/p/{campaign}", get(open_page).post(act_on_page))
        .route("/p/{campaign}/page.css", get(visit_page))
        .route(PLAIN_STYLE, get(|| async { style() }))
        .layer(DefaultBodyLimit::max(forms::BODY_MAX))
        .with_state(state)
}

/// What is answered at an address that is none, where only landing pages are served.
pub(super) async fn nothing_here(uri: Uri, headers: HeaderMap) -> Response {
    plain(language(&uri, &headers), StatusCode::NOT_FOUND, |words| (words.unknown_title, words.unknown))
}

async fn open_link(
    State(state): State<WebState>,
    client: Client,
    token: Result<Path<String>, PathRejection>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let Ok(Path(token)) = token else { return nothing_here(uri, headers).await };
    answered(open(&state, &client, &Way::Link(token), &method, &uri, &headers).await, &uri, &headers)
}

async fn open_page(
    State(state): State<WebState>,
    client: Client,
    campaign: Result<Path<String>, PathRejection>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let Ok(Path(campaign)) = campaign else { return nothing_here(uri, headers).await };
    answered(open(&state, &client, &Way::Page(campaign), &method, &uri, &headers).await, &uri, &headers)
}

async fn act_on_link(
    State(state): State<WebState>,
    client: Client,
    token: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Ok(Path(token)) = token else { return nothing_here(uri, headers).await };
    answered(act(&state, &client, &Way::Link(token), &uri, &headers, body).await, &uri, &headers)
}

async fn act_on_page(
    State(state): State<WebState>,
    client: Client,
    campaign: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Ok(Path(campaign)) = campaign else { return nothing_here(uri, headers).await };
    answered(act(&state, &client, &Way::Page(campaign), &uri, &headers, body).await, &uri, &headers)
}

async fn visit_link(
    State(state): State<WebState>,
    client: Client,
    token: Result<Path<String>, PathRejection>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    if let Ok(Path(token)) = token {
        visited(&state, &client, &Way::Link(token), &method, &headers).await;
    }
    style()
}

async fn visit_page(
    State(state): State<WebState>,
    client: Client,
    campaign: Result<Path<String>, PathRejection>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    if let Ok(Path(campaign)) = campaign {
        visited(&state, &client, &Way::Page(campaign), &method, &headers).await;
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
        let _logged = place.count(state, VisitKind::Visit, client, now.timestamp).await;
    }
}

/// How somebody comes to a page.
enum Way {
    /// By the token of a link.
    Link(String),
    /// By the campaign's name.
    Page(String),
}

/// What is at an address.
enum Found {
    /// Nothing that is known.
    Nothing,
    /// Something that is over; whoever was sent the link can still opt out.
    Over(Option<Link>),
    /// A page.
    Here(Box<Place>),
}

/// A page, for one visitor.
struct Place {
    campaign: Campaign,
    landing: Landing,
    link: Option<Link>,
    path: String,
    language: Language,
    text: LandingText,
    profile: Option<Profile>,
}

async fn find(state: &WebState, way: &Way, asked: Language, now: Timestamp) -> Result<Found, Problem> {
    let (link, key, path) = match way {
        Way::Link(token) => {
            let Some(link) = state.records.link(token).await? else { return Ok(Found::Nothing) };
            let key = link.campaign.clone();
            (Some(link), key, format!("/r/{token}"))
        }
        Way::Page(name) => {
            let Ok(key) = name.parse::<CampaignKey>() else { return Ok(Found::Nothing) };
            let path = format!("/p/{key}");
            (None, key, path)
        }
    };
    let row = state.records.landing_campaign(&key).await?;
    let Some((campaign, landing, stands)) = row
        .and_then(|row| Some((row.campaign.landing.clone()?, row)))
        .map(|(landing, row)| (row.campaign, landing, row.state))
    else {
        return Ok(if link.is_some() { Found::Over(link) } else { Found::Nothing });
    };
    if stands == CampaignState::Ended || link.as_ref().is_some_and(|link| link.expires_at <= now) {
        return Ok(Found::Over(link));
    }
    let chinese = landing.zh.clone().map(|text| (Language::Chinese, text));
    let english = landing.en.clone().map(|text| (Language::English, text));
    let shown = if asked == Language::Chinese { chinese.or(english) } else { english.or(chinese) };
    let Some((language, text)) = shown else { return Ok(Found::Nothing) };
    let profile = state.settings().known.profiles.get(&campaign.profile).cloned();
    Ok(Found::Here(Box::new(Place { campaign, landing, link, path, language, text, profile })))
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
                place.count(state, VisitKind::Preview, client, now.timestamp).await?;
                PLAIN_STYLE.clone_into(&mut style);
            }
            place.first(state, now.timestamp, StatusCode::OK, &style, &BTreeMap::new(), None)
        }
    }
}

/// Does what a form asks for.
async fn act(
    state: &WebState,
    client: &Client,
    way: &Way,
    uri: &Uri,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let (now, language) = (state.now(), language(uri, headers));
    let body = match body {
        Ok(body) => body,
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
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
    if let Err(wait) = state.landing_limits.form(now.instant, client.address, &place.campaign.key) {
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

impl Place {
    fn words(&self) -> &'static Words {
        Words::of(self.language)
    }

    async fn count(&self, state: &WebState, kind: VisitKind, client: &Client, now: Timestamp) -> Result<(), Problem> {
        let link = self.link.as_ref().map(|link| link.id);
        state.records.note_visit(&self.campaign.key, link, kind, &client.agent, now).await
    }

    /// The address of its forms, which keeps the language.
    fn action(&self) -> String {
        format!("{}?lang={}", self.path, self.words().tag)
    }

    fn page(&self, status: StatusCode, style: &str, title: &str, body: String) -> Response {
        let both = self.landing.zh.is_some() && self.landing.en.is_some();
        let elsewhere = both.then_some(self.path.as_str());
        let embed_from = &self.landing.embed_from;
        Page { language: self.language, status, elsewhere, style, embed_from, title, body }.answer()
    }

    /// What a form is sealed over: what of it must not change between being shown and being sent.
    fn subject(&self, number: &PhoneNumber) -> String {
        let consent = format!("{}\n{}", self.landing.consent_version, self.text.consent);
        let consent = forms::hex(&Sha256::digest(consent.as_bytes()));
        match &self.link {
            Some(link) => format!("link {} {consent}", link.id),
            None => format!("code {} {number} {consent}", self.campaign.key),
        }
    }

    fn subject_of_number(&self) -> String {
        format!("number {}", self.campaign.key)
    }

    /// The page as it is opened, or after something was wrong with what was sent.
    fn first(
        &self,
        state: &WebState,
        now: Timestamp,
        status: StatusCode,
        style: &str,
        fields: &BTreeMap<String, String>,
        fault: Option<&str>,
    ) -> Result<Response, Problem> {
        let words = self.words();
        let mut body = page::offer(&self.text);
        if let Some(link) = &self.link {
            body.push_str(&self.asking(state, now, &link.number, None, fields, fault)?);
        } else if self.sends_codes(state).is_some() {
            let seal = sealed(state, &self.subject_of_number(), now)?;
            let typed = fields.get("number").map(String::as_str).unwrap_or_default();
            body.push_str(&page::number_form(&self.action(), &seal, words, typed, fault));
        } else {
            body.push_str(&page::says(words.invited_only));
        }
        Ok(self.page(status, style, &self.text.headline, body))
    }

    /// The form by which this number is pre-registered.
    fn asking(
        &self,
        state: &WebState,
        now: Timestamp,
        number: &PhoneNumber,
        typed: Option<&str>,
        fields: &BTreeMap<String, String>,
        fault: Option<&str>,
    ) -> Result<String, Problem> {
        let choices: Vec<Choice> = choices(now, &self.campaign, self.profile.as_ref(), zones_of(number));
        let seal = sealed(state, &self.subject(number), now)?;
        let asking = Asking {
            action: &self.action(),
            seal: &seal,
            number: &number.masked(),
            proven_by_code: typed,
            consent: &self.text.consent,
            choices: &choices,
            when: fields.get("when").map(String::as_str).unwrap_or_default(),
            agreed: fields.contains_key("agree"),
            fault,
        };
        Ok(page::asking_form(&asking, self.words()))
    }

    /// The page once more, with what was typed and what is wrong with it.
    fn again(
        &self,
        state: &WebState,
        now: Timestamp,
        fields: &BTreeMap<String, String>,
        fault: impl FnOnce(&'static Words) -> &'static str,
    ) -> Result<Response, Problem> {
        let fault = fault(self.words());
        self.first(state, now, StatusCode::UNPROCESSABLE_ENTITY, PLAIN_STYLE, fields, Some(fault))
    }

    /// The page on which a code is typed, once more or for the first time.
    fn code_page(
        &self,
        state: &WebState,
        now: Timestamp,
        number: &PhoneNumber,
        fields: &BTreeMap<String, String>,
        fault: Option<&str>,
    ) -> Result<Response, Problem> {
        let typed = fields.get("number").map(String::as_str).unwrap_or_default();
        let form = self.asking(state, now, number, Some(typed), fields, fault)?;
        let status = if fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        Ok(self.page(status, PLAIN_STYLE, &self.text.headline, form))
    }

    fn too_often(
        &self,
        state: &WebState,
        now: Timestamp,
        fields: &BTreeMap<String, String>,
        wait: Duration,
    ) -> Result<Response, Problem> {
        let fault = Some(self.words().too_often);
        // Whoever has a code already keeps the page on which it is typed.
        let page = match (&self.link, fields.contains_key("code"), self.number(state, fields)) {
            (None, true, Ok(number)) => self.code_page(state, now, &number, fields, fault),
            _ => self.first(state, now, StatusCode::TOO_MANY_REQUESTS, PLAIN_STYLE, fields, fault),
        };
        page.map(|mut page| {
            *page.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            later(page, wait)
        })
    }

    /// The gateway and sender of codes, if whoever has no link may register.
    fn sends_codes(&self, state: &WebState) -> Option<(crate::model::name::GatewayName, String)> {
        let senders = state.handle.gateways().into_iter().map(|(name, gateway)| (name, gateway.senders)).collect();
        self.landing.for_everybody.then(|| way(&senders, self.landing.gateway.as_ref(), None).ok()).flatten()
    }

    /// The number that was typed: one of our own country.
    fn number(&self, state: &WebState, fields: &BTreeMap<String, String>) -> Result<PhoneNumber, &'static str> {
        let words = self.words();
        let typed = fields.get("number").map(|typed| typed.trim()).unwrap_or_default();
        let region = state.region(None).unwrap_or_default();
        let read = dialable::read(typed, region).map_err(|fault| words.fault(fault))?;
        if region.is_some() && read.region != region { Err(words.number_elsewhere) } else { Ok(read.number) }
    }

    /// Sends a code to the number that was typed. Whether one left is not told: that would tell who has opted out.
    async fn send_code(
        &self,
        state: &WebState,
        client: &Client,
        fields: &BTreeMap<String, String>,
    ) -> Result<Response, Problem> {
        let (now, words) = (state.now(), self.words());
        let Some((gateway, sender)) = self.sends_codes(state) else {
            return self.again(state, now.timestamp, fields, |words| words.invited_only);
        };
        let form = match self.unsealed(state, &self.subject_of_number(), fields, now.timestamp) {
            Ok(form) => form,
            Err(_) => return self.again(state, now.timestamp, fields, |words| words.send_again),
        };
        let number = match self.number(state, fields) {
            Ok(number) => number,
            Err(fault) => return self.again(state, now.timestamp, fields, |_| fault),
        };
        let admitted = state.landing_limits.number(now.instant, &number);
        let admitted =
            admitted.and_then(|()| state.landing_limits.code(now.instant, client.address, &self.campaign.key));
        if let Err(wait) = admitted {
            return self.too_often(state, now.timestamp, fields, wait);
        }
        let message = NewMessage {
            gateway,
            number: number.clone(),
            sender,
            text: words.code_message.to_owned(),
            campaign: Some(self.campaign.key.clone()),
        };
        let asked = state.records.send_code(&form, &self.campaign.key, message, now.timestamp).await?;
        tracing::debug!(number = %number.masked(), campaign = %self.campaign.key, ?asked, "a code was asked for");
        self.code_page(state, now.timestamp, &number, fields, None)
    }

    /// Pre-registers the customer, or takes them off the list. `code`: what was typed to prove the number.
    async fn decide(
        &self,
        state: &WebState,
        client: &Client,
        fields: &BTreeMap<String, String>,
        number: PhoneNumber,
        code: Option<String>,
    ) -> Result<Response, Problem> {
        let (now, words) = (state.now(), self.words());
        let fail = |fault: &'static str| match &code {
            None => self.again(state, now.timestamp, fields, |_| fault),
            Some(_) => self.code_page(state, now.timestamp, &number, fields, Some(fault)),
        };
        let form = match self.unsealed(state, &self.subject(&number), fields, now.timestamp) {
            Ok(form) => form,
            Err(_) => return self.again(state, now.timestamp, fields, |words| words.send_again),
        };
        if let Err(wait) = state.landing_limits.number(now.instant, &number) {
            return self.too_often(state, now.timestamp, fields, wait);
        }
        let wants_out = fields.get("do").is_some_and(|asked| asked == "opt_out");
        let act = if wants_out {
            let text = words.opt_out.to_owned();
            FormAct::OptOut { number: number.clone(), text, source: self.source(client) }
        } else {
            if !fields.contains_key("agree") {
                return fail(words.agree_first);
            }
            let Ok(preferred) = self.preferred(fields, &number, now.timestamp) else { return fail(words.choose_again) };
            FormAct::Register(Box::new(self.registration(client, &number, preferred, now.timestamp)))
        };
        let id = format!("{form} {}", if wants_out { "opt_out" } else { "register" });
        let done = state
            .records
            .take_form(SentForm { id, campaign: self.campaign.key.clone(), act, code: code.clone() }, now.timestamp);
        let done = done.await?;
        if done.is_due {
            // The dialer finds it in any case, a little later.
            let _told = state.handle.leads_changed(self.campaign.key.clone());
        }
        match done.answer {
            FormAnswer::WrongCode => fail(words.wrong_code),
            FormAnswer::Registered => {
                let mut body = page::says(self.text.done.as_deref().unwrap_or(words.done));
                if self.link.is_some() {
                    let seal = sealed(state, &self.subject(&number), now.timestamp)?;
                    body.push_str(&page::opt_out_form(&self.action(), &seal, words));
                }
                Ok(self.page(StatusCode::OK, PLAIN_STYLE, words.done_title, body))
            }
            FormAnswer::Suppressed => {
                Ok(self.page(StatusCode::OK, PLAIN_STYLE, words.suppressed_title, page::says(words.suppressed)))
            }
            FormAnswer::OptedOut => {
                tokio::spawn(let_go(state.handle.clone(), number));
                Ok(self.page(StatusCode::OK, PLAIN_STYLE, words.opted_out_title, page::says(words.opted_out)))
            }
        }
    }

    /// The name of the form that came back, if it is ours.
    fn unsealed(
        &self,
        state: &WebState,
        subject: &str,
        fields: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<String, Seal> {
        let sealed = fields.get("form").map(String::as_str).unwrap_or_default();
        forms::open(&state.form_secret, subject, sealed, now)
    }

    /// When the customer wishes to be called, if at a certain time.
    fn preferred(
        &self,
        fields: &BTreeMap<String, String>,
        number: &PhoneNumber,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, ()> {
        let chosen = fields.get("when").map(String::as_str).unwrap_or_default();
        if chosen.is_empty() {
            return Ok(None);
        }
        let at = Timestamp::from_millis(chosen.parse().map_err(|_| ())?);
        let zones: Vec<String> = zones_of(number).iter().map(|zone: &Zone| zone.name().to_owned()).collect();
        let allowed = promise::check(now, at, &self.campaign, self.profile.as_ref(), &zones, None).is_ok();
        if allowed && at <= now + AHEAD_MAX { Ok(Some(at)) } else { Err(()) }
    }

    fn registration(
        &self,
        client: &Client,
        number: &PhoneNumber,
        preferred: Option<Timestamp>,
        now: Timestamp,
    ) -> Registration {
        Registration {
            campaign: self.campaign.key.clone(),
            number: number.clone(),
            name: String::new(),
            consent: self.text.consent.clone(),
            consent_version: self.landing.consent_version.clone(),
            consent_until: self.landing.consent_days.map(|days| now + DAY * days),
            channel: "web".to_owned(),
            source: self.source(client),
            at: now,
            priority: self.landing.priority,
            list: self.landing.list.clone(),
            extra: BTreeMap::new(),
            preferred,
            message: self.link.as_ref().and_then(|link| link.message),
            link: self.link.as_ref().map(|link| link.id),
        }
    }

    /// Where a consent or an opt-out can be found again: the page, the link and its message, and the address it came from.
    fn source(&self, client: &Client) -> String {
        source(&self.campaign.key, self.link.as_ref(), client)
    }
}

fn source(campaign: &CampaignKey, link: Option<&Link>, client: &Client) -> String {
    let mut source = format!("page {campaign}");
    if let Some(link) = link {
        source.push_str(&format!(" link {}", link.id));
        if let Some(message) = link.message {
            source.push_str(&format!(" message {message}"));
        }
    }
    source.push_str(&format!(" ip {}", client.address));
    source
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
    let admitted = state.landing_limits.form(now.instant, client.address, &link.campaign);
    if let Err(wait) = admitted.and_then(|()| state.landing_limits.number(now.instant, &link.number)) {
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
    tokio::spawn(let_go(state.handle.clone(), number));
    Ok(bare(language, StatusCode::OK, words.opted_out_title, page::says(words.opted_out)))
}

/// Has the dialer give up what rings and forget what it holds; with the store's word no new call is possible either.
async fn let_go(handle: Handle, number: PhoneNumber) {
    loop {
        match handle.suppressed(number.clone(), None, SuppressionReason::OptOut) {
            Ok(()) => return,
            Err(HandleError::Overloaded) => tokio::time::sleep(DIALER_AGAIN).await,
            Err(error) => {
                tracing::error!(%error, "the dialer does not hear of a customer who opted out on a page");
                return;
            }
        }
    }
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
