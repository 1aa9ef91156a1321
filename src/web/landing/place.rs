//! A campaign's page for one visitor: what it shows, and what becomes of the forms that are sent from it.
//!
//! Read [`find`], [`Place::first`] and [`Place::decide`] first.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Response;
use sha2::{Digest as _, Sha256};

use super::forms::{self, Seal};
use super::page::{self, Asking, Page};
use super::times::{Choice, choices};
use super::words::Words;
use super::{DAY, PLAIN_STYLE, later, sealed};
use crate::model::campaign::{Campaign, CampaignState, Landing, LandingText};
use crate::model::dialable::{self, zones_of};
use crate::model::lead::SuppressionReason;
use crate::model::message::way;
use crate::model::name::{CampaignKey, GatewayName};
use crate::model::phone::PhoneNumber;
use crate::model::profile::Profile;
use crate::model::promise;
use crate::model::time::{Now, Timestamp};
use crate::model::zone::Zone;
use crate::store::{FormAct, FormAnswer, Link, NewMessage, Registration, SentForm, VisitKind};
use crate::web::WebState;
use crate::web::frame::Client;
use crate::web::problem::{Language, Problem};

/// A time further away than this was never offered.
const AHEAD_MAX: Duration = Duration::from_secs(5 * 86_400);

/// How somebody comes to a page.
pub(super) enum Way {
    /// By the token of a link.
    Link(String),
    /// By the campaign's name.
    Page(String),
}

/// What is at an address.
pub(super) enum Found {
    /// Nothing that is known.
    Nothing,
    /// Something that is over; whoever was sent the link can still opt out.
    Over(Option<Link>),
    /// A page.
    Here(Box<Place>),
}

/// A page, for one visitor.
pub(super) struct Place {
    pub(super) campaign: Campaign,
    pub(super) landing: Landing,
    pub(super) link: Option<Link>,
    pub(super) path: String,
    pub(super) language: Language,
    pub(super) text: LandingText,
    pub(super) profile: Option<Profile>,
}

pub(super) async fn find(state: &WebState, way: &Way, asked: Language, now: Timestamp) -> Result<Found, Problem> {
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

impl Place {
    pub(super) fn words(&self) -> &'static Words {
        Words::of(self.language)
    }

    /// Counts whoever opened it.
    pub(super) async fn count(
        &self,
        state: &WebState,
        kind: VisitKind,
        client: &Client,
        now: Now,
    ) -> Result<(), Problem> {
        let (key, link) = (&self.campaign.key, self.link.as_ref().map(|link| link.id));
        if link.is_none() && !state.landing_limits.is_new_visitor(now.instant, key, client) {
            return Ok(());
        }
        state.records.note_visit(key, link, kind, &client.agent, now.timestamp).await
    }

    /// The address of its forms, which keeps the language.
    fn action(&self) -> String {
        format!("{}?lang={}", self.path, self.words().tag)
    }

    /// A page that can be opened anew in the other language, if there is one.
    fn opened(&self, style: &str, body: String) -> Response {
        let both = self.landing.zh.is_some() && self.landing.en.is_some();
        let elsewhere = both.then_some(self.path.as_str());
        let (language, embed_from, title) = (self.language, &*self.landing.embed_from, &*self.text.headline);
        Page { language, status: StatusCode::OK, elsewhere, style, embed_from, title, body }.answer()
    }

    /// A page that answers a form.
    fn answer(&self, status: StatusCode, title: &str, body: String) -> Response {
        let (language, embed_from) = (self.language, &*self.landing.embed_from);
        Page { language, status, elsewhere: None, style: PLAIN_STYLE, embed_from, title, body }.answer()
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

    /// The page as it is opened.
    pub(super) fn first(&self, state: &WebState, now: Timestamp, style: &str) -> Result<Response, Problem> {
        Ok(self.opened(style, self.front(state, now, &BTreeMap::new(), None)?))
    }

    /// The offer with its form: empty, or as it was filled in and with what is wrong with that.
    fn front(
        &self,
        state: &WebState,
        now: Timestamp,
        fields: &BTreeMap<String, String>,
        fault: Option<&str>,
    ) -> Result<String, Problem> {
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
        Ok(body)
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
    pub(super) fn again(
        &self,
        state: &WebState,
        now: Timestamp,
        fields: &BTreeMap<String, String>,
        fault: impl FnOnce(&'static Words) -> &'static str,
    ) -> Result<Response, Problem> {
        let body = self.front(state, now, fields, Some(fault(self.words())))?;
        Ok(self.answer(StatusCode::UNPROCESSABLE_ENTITY, &self.text.headline, body))
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
        Ok(self.answer(status, &self.text.headline, form))
    }

    pub(super) fn too_often(
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
            _ => self.again(state, now, fields, |words| words.too_often),
        };
        page.map(|mut page| {
            *page.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            later(page, wait)
        })
    }

    /// The gateway and sender of codes, if whoever has no link may register.
    fn sends_codes(&self, state: &WebState) -> Option<(GatewayName, String)> {
        let senders = state.handle.gateways().into_iter().map(|(name, gateway)| (name, gateway.senders)).collect();
        self.landing.for_everybody.then(|| way(&senders, self.landing.gateway.as_ref(), None).ok()).flatten()
    }

    /// The number that was typed: one of our own country.
    pub(super) fn number(
        &self,
        state: &WebState,
        fields: &BTreeMap<String, String>,
    ) -> Result<PhoneNumber, &'static str> {
        let words = self.words();
        let typed = fields.get("number").map(|typed| typed.trim()).unwrap_or_default();
        let region = state.region(None).unwrap_or_default();
        let read = dialable::read(typed, region).map_err(|fault| words.fault(fault))?;
        if region.is_some() && read.region != region { Err(words.number_elsewhere) } else { Ok(read.number) }
    }

    /// Sends a code to the number that was typed. Whether one left is not told: that would tell who has opted out.
    pub(super) async fn send_code(
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
        // The address first: whoever has used up its codes counts against no number any more.
        let admitted = state.landing_limits.code(now.instant, client.address, &self.campaign.key);
        let admitted = admitted.and_then(|()| state.landing_limits.number(now.instant, &number));
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
    pub(super) async fn decide(
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
        if self.link.is_none()
            && let Err(wait) = state.landing_limits.number(now.instant, &number)
        {
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
                Ok(self.answer(StatusCode::OK, words.done_title, body))
            }
            FormAnswer::Suppressed => {
                Ok(self.answer(StatusCode::OK, words.suppressed_title, page::says(words.suppressed)))
            }
            FormAnswer::OptedOut => {
                state.handle.let_go(number, None, SuppressionReason::OptOut);
                Ok(self.answer(StatusCode::OK, words.opted_out_title, page::says(words.opted_out)))
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

pub(super) fn source(campaign: &CampaignKey, link: Option<&Link>, client: &Client) -> String {
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
