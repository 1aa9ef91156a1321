//! Gateways that take messages by HTTP, as the configuration describes them: one request for each message, of any length.
//!
//! What is sent are templates, what an answer means are rules, so that a provider needs no code. A message without a clear answer
//! is not sent again, and takes the gateway down for a while: what waits must not be lost to a provider that does not work. Read
//! [`Settings`], [`Session::submit`] and [`AnswerRules`] first; what the provider tells on its own is [`callback`].

pub mod callback;
pub mod template;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::CONTENT_TYPE;
use rustls::ClientConfig;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Fact, Outgoing, Refusal};
use crate::http_client::address::{Bounds, Target};
use crate::http_client::{Answer, Connected, connect, readable};
use crate::model::dialable::national;
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;
use template::{Field, Template};

/// How much of what a provider says of a message is kept, in characters.
const SAID_MAX: usize = 200;
/// Longest id of a provider that is kept.
const ID_MAX: usize = 200;

/// How a message is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Which server.
    pub target: Target,
    /// By which method.
    pub method: Method,
    /// Path and query.
    pub path: Template,
    /// Names and values of headers.
    pub headers: Vec<(String, Template)>,
    /// What the body is.
    pub content_type: ContentType,
    /// The body.
    pub body: Template,
    /// Who we are to it; empty where it knows us by the password alone.
    pub username: String,
    /// What its answers mean.
    pub answer: AnswerRules,
}

/// A method of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// With a body.
    Post,
    /// With a body.
    Put,
    /// Without one.
    Get,
}

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentType {
    /// `application/json`.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
}

/// What answers mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerRules {
    /// Statuses of a message that was taken; none: 200 to 299.
    pub taken: Vec<u16>,
    /// Statuses that ask for fewer.
    pub throttled: Vec<u16>,
    /// Statuses that refuse us, whatever the message is.
    pub refused: Vec<u16>,
    /// Where the id of the message is.
    pub id: Option<IdPlace>,
    /// Where a code says what became of the message, whatever the status.
    pub code: Option<Pointer>,
    /// Codes of a message that was taken.
    pub taken_codes: Vec<String>,
    /// Codes that ask for fewer.
    pub throttled_codes: Vec<String>,
    /// Codes that refuse us, whatever the message is.
    pub refused_codes: Vec<String>,
    /// Where it says what is wrong.
    pub error: Option<Pointer>,
}

/// A place in JSON (RFC 6901).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pointer(String);

/// A text is no place in JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a place in JSON")]
pub struct NoPointer(String);

impl std::str::FromStr for Pointer {
    type Err = NoPointer;
    fn from_str(text: &str) -> Result<Pointer, NoPointer> {
        let fits = text.is_empty() || text.starts_with('/');
        if fits { Ok(Pointer(text.to_owned())) } else { Err(NoPointer(text.to_owned())) }
    }
}

impl std::fmt::Display for Pointer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Pointer {
    /// What is there.
    pub(super) fn of<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        value.pointer(&self.0)
    }

    /// The text or number that is there, as text. Nothing where it is empty or something else.
    pub(super) fn text(&self, value: &Value) -> Option<String> {
        let text = match self.of(value)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(switch) => switch.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        Some(text).filter(|text| !text.is_empty())
    }
}

/// Where the id of a message is in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdPlace {
    /// In its body.
    Body(Pointer),
    /// In this header.
    Header(String),
}

/// A gateway that can be asked, from several tasks at once.
#[derive(Clone, Debug)]
pub struct Session(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    settings: Settings,
    password: String,
    trusting: Arc<ClientConfig>,
    patience: Duration,
    failed: AtomicBool,
    over: mpsc::Sender<String>,
}

/// Tells when the gateway cannot be asked any more.
#[derive(Debug)]
pub struct Facts(mpsc::Receiver<String>);

/// Looks whether the gateway can be reached; no request is made. `patience`: how long a connection, and then an answer, may take.
///
/// # Errors
/// Says why not.
pub async fn open(
    settings: Settings,
    password: &str,
    trusting: Arc<ClientConfig>,
    patience: Duration,
) -> Result<(Session, Facts), String> {
    drop(reach(&settings.target, &trusting, patience).await?);
    let (over, told) = mpsc::channel(1);
    let (password, failed) = (password.to_owned(), AtomicBool::new(false));
    Ok((Session(Arc::new(Inside { settings, password, trusting, patience, failed, over })), Facts(told)))
}

async fn reach(target: &Target, trusting: &Arc<ClientConfig>, patience: Duration) -> Result<Connected, String> {
    match timeout(patience, connect(target, Bounds::Configured, trusting)).await {
        Ok(connected) => connected.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no connection to {} within {} s", target.authority, patience.as_secs())),
    }
}

impl Facts {
    /// Waits until the gateway cannot be asked any more, and says why.
    pub async fn next(&mut self) -> Result<(Fact, u32), String> {
        Err(self.0.recv().await.unwrap_or_else(|| "the gateway is not asked any more".to_owned()))
    }
}

impl Session {
    /// Sends a message; the id that the gateway gave it, empty where it gave none.
    ///
    /// # Errors
    /// Says whether it may be sent again.
    pub async fn submit(&self, message: Outgoing<'_>, now: Timestamp) -> Result<String, Refusal> {
        if self.0.failed.load(Ordering::Acquire) {
            return Err(Refusal::NotSent("the gateway did not work".to_owned()));
        }
        let answered = self.exchange(message, now).await;
        let judged = answered.and_then(|answer| self.0.settings.answer.judge(&answer));
        if let Err(Refusal::NotSent(why) | Refusal::Unanswered(why)) = &judged
            && !self.0.failed.swap(true, Ordering::AcqRel)
        {
            // There is room for the only one; nobody listens any more when the line is ending anyway.
            drop(self.0.over.try_send(why.clone()));
        }
        judged
    }

    async fn exchange(&self, message: Outgoing<'_>, now: Timestamp) -> Result<Answer, Refusal> {
        let Inside { settings, password, trusting, patience, .. } = &*self.0;
        let request = settings.request(message, password).map_err(Refusal::Rejected)?;
        let connected = reach(&settings.target, trusting, *patience).await.map_err(Refusal::NotSent)?;
        // From here on the gateway may have the message, whatever happens.
        match timeout(*patience, connected.exchange(request, now)).await {
            Ok(answer) => answer.map_err(|error| Refusal::Unanswered(format!("the answer did not come: {error}"))),
            Err(_) => Err(Refusal::Unanswered(format!("no answer within {} s", patience.as_secs()))),
        }
    }
}

impl Settings {
    /// The request for a message.
    ///
    /// # Errors
    /// What cannot be written as one; nothing secret is in it.
    pub fn request(&self, message: Outgoing<'_>, password: &str) -> Result<Request<Full<Bytes>>, String> {
        let value = |field| -> Cow<'_, str> {
            match field {
                Field::To => message.to.into(),
                Field::ToDigits => message.to.trim_start_matches('+').into(),
                Field::ToNational => match PhoneNumber::from_e164(message.to) {
                    Ok(number) => national(&number).into(),
                    Err(_) => message.to.into(),
                },
                Field::From => message.from.into(),
                Field::Text => message.text.into(),
                Field::Id => message.id.into(),
                Field::Username => self.username.as_str().into(),
                Field::Password => password.into(),
                Field::Basic => STANDARD.encode(format!("{}:{password}", self.username)).into(),
            }
        };
        let mut request = Request::builder().uri(self.path.fill(value)).method(match self.method {
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Get => "GET",
        });
        let body = match self.method {
            Method::Get => Bytes::new(),
            Method::Post | Method::Put => {
                request = request.header(
                    CONTENT_TYPE,
                    match self.content_type {
                        ContentType::Json => "application/json; charset=utf-8",
                        ContentType::Form => "application/x-www-form-urlencoded; charset=utf-8",
                    },
                );
                self.body.fill(value).into()
            }
        };
        for (name, template) in &self.headers {
            request = request.header(name.as_str(), template.fill(value));
        }
        // Its error would say what could not be read, and a password may be a part of that.
        request.body(Full::new(body)).map_err(|_| "the address or a header cannot be written as HTTP".to_owned())
    }
}

impl AnswerRules {
    /// What an answer means: the id of the message, empty where there is none to be read, or what became of it instead.
    ///
    /// # Errors
    /// That.
    pub fn judge(&self, answer: &Answer) -> Result<String, Refusal> {
        let json: Option<Value> = answer.whole.then(|| serde_json::from_slice(&answer.body).ok()).flatten();
        let found = |pointer: &Option<Pointer>| pointer.as_ref()?.text(json.as_ref()?);
        let (code, error) = (found(&self.code), found(&self.error));
        let status = answer.status;
        let said = || match (&code, &error) {
            (None, None) => format!("{status} {}", readable(&answer.body, SAID_MAX)),
            (code, error) => {
                let parts = [code.as_deref(), error.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
                format!("{status} {}", readable(parts.as_bytes(), SAID_MAX))
            }
        };
        let said = || said().trim_end().to_owned();
        let is = |codes: &[String]| code.as_ref().is_some_and(|code| codes.contains(code));
        if self.throttled.contains(&status) || is(&self.throttled_codes) {
            return Err(Refusal::Throttled { why: said(), after: answer.retry_after });
        }
        let taken = if self.taken.is_empty() { (200..300).contains(&status) } else { self.taken.contains(&status) };
        // Sent elsewhere to ask again, nothing was done; sent elsewhere to look (303, and 302 as it is used), it may have been.
        let elsewhere = matches!(status, 301 | 307 | 308) && !taken;
        if self.refused.contains(&status) || is(&self.refused_codes) || elsewhere {
            return Err(Refusal::NotSent(format!("it refuses to be asked: {}", said())));
        }
        if !taken {
            // Only an answer that says that the request is wrong says for certain that nothing came of it.
            return match status {
                408 | 425 => Err(Refusal::Unanswered(said())),
                200..=299 | 400..=499 => Err(Refusal::Rejected(said())),
                _ => Err(Refusal::Unanswered(said())),
            };
        }
        if let Some(place) = &self.code {
            if code.is_none() {
                return Err(Refusal::Unanswered(format!("its answer has nothing at {place}: {}", said())));
            }
            if !is(&self.taken_codes) {
                return Err(Refusal::Rejected(said()));
            }
        }
        let id = self.id.as_ref().and_then(|place| match place {
            IdPlace::Body(pointer) => pointer.text(json.as_ref()?),
            IdPlace::Header(name) => Some(answer.headers.get(name)?.to_str().ok()?.to_owned()),
        });
        if self.id.is_some() && id.is_none() {
            tracing::warn!(
                answer = said(),
                "an SMS gateway took a message and gave it no id: no receipt will be known"
            );
        }
        Ok(id.filter(|id| id.len() <= ID_MAX).unwrap_or_default())
    }
}

/// A form, or a query, as an object of texts. The first value of a name counts.
pub(super) fn form(bytes: &[u8]) -> Value {
    let mut object = serde_json::Map::new();
    for pair in bytes.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
            Some(at) => (pair.get(..at).unwrap_or_default(), pair.get(at + 1..).unwrap_or_default()),
            None => (pair, &[][..]),
        };
        object.entry(decoded(name)).or_insert_with(|| Value::String(decoded(value)));
    }
    Value::Object(object)
}

fn decoded(mut bytes: &[u8]) -> String {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut octets = Vec::with_capacity(bytes.len());
    while let [first, rest @ ..] = bytes {
        let escaped = match rest {
            [high, low, ..] if *first == b'%' => digit(high).zip(digit(low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        octets.push(escaped.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        bytes = if escaped.is_some() { rest.get(2..).unwrap_or_default() } else { rest };
    }
    String::from_utf8_lossy(&octets).into_owned()
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use hyper::HeaderMap;
    use proptest::prelude::*;

    use super::template::Escaping;
    use super::*;
    use crate::model::message::Alphabet;

    fn answer(status: u16, body: &str) -> Answer {
        let (headers, body) = (HeaderMap::new(), body.as_bytes().to_vec());
        Answer { status, headers, retry_after: None, body, whole: true }
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    /// A provider that answers 200 whatever happened.
    fn coded() -> AnswerRules {
        AnswerRules {
            throttled: vec![429],
            refused: vec![401],
            id: Some(IdPlace::Body("/data/sid".parse().unwrap())),
            code: Some("/code".parse().unwrap()),
            taken_codes: words(&["0", "OK"]),
            throttled_codes: words(&["22"]),
            refused_codes: words(&["-3"]),
            error: Some("/msg".parse().unwrap()),
            ..AnswerRules::default()
        }
    }

    fn rejected(why: &str) -> Result<String, Refusal> {
        Err(Refusal::Rejected(why.to_owned()))
    }

    fn unanswered(why: &str) -> Result<String, Refusal> {
        Err(Refusal::Unanswered(why.to_owned()))
    }

    #[test]
    fn a_code_in_the_body_counts_where_the_status_says_nothing() {
        let judged = |body: &str| coded().judge(&answer(200, body));
        assert_eq!(judged(r#"{"code":0,"msg":"ok","data":{"sid":17}}"#), Ok("17".to_owned()));
        assert_eq!(judged(r#"{"code":"OK","data":{"sid":"a-1"}}"#), Ok("a-1".to_owned()));
        assert_eq!(judged(r#"{"code":0}"#), Ok(String::new()), "taken, and no receipt will be known");
        assert_eq!(judged(r#"{"code":2,"msg":"手机号错误"}"#), rejected("200 2 手机号错误"));
        assert_eq!(
            judged(r#"{"code":22,"msg":"slow"}"#),
            Err(Refusal::Throttled { why: "200 22 slow".to_owned(), after: None })
        );
        assert_eq!(
            judged(r#"{"code":-3,"msg":"余额不足"}"#),
            Err(Refusal::NotSent("it refuses to be asked: 200 -3 余额不足".to_owned()))
        );
        assert_eq!(judged("<html>"), unanswered("its answer has nothing at /code: 200 <html>"));
        assert_eq!(judged(""), unanswered("its answer has nothing at /code: 200"));
    }

    #[test]
    fn a_status_counts_where_there_is_no_code() {
        let rules = AnswerRules { code: None, ..coded() };
        let judged = |status, body: &str| rules.judge(&answer(status, body));
        assert_eq!(judged(201, r#"{"data":{"sid":"x"}}"#), Ok("x".to_owned()));
        assert_eq!(judged(202, "garbage"), Ok(String::new()));
        assert_eq!(judged(400, r#"{"msg":"bad number"}"#), rejected("400 bad number"));
        assert_eq!(judged(422, "no\u{1b}[31m"), rejected("422 no [31m"));
        for status in [500, 502, 503, 504, 408, 199, 700, 302, 303] {
            assert_eq!(judged(status, "x"), unanswered(&format!("{status} x")));
        }
        for status in [401, 301, 307, 308] {
            assert!(matches!(judged(status, ""), Err(Refusal::NotSent(_))), "{status}");
        }
        let asked = Answer { retry_after: Some(Duration::from_secs(7)), ..answer(429, "") };
        let after = Some(Duration::from_secs(7));
        assert_eq!(rules.judge(&asked), Err(Refusal::Throttled { why: "429".to_owned(), after }));
        let named = AnswerRules { taken: vec![202], ..rules.clone() };
        assert_eq!(named.judge(&answer(200, "x")), rejected("200 x"));
        let by_header = AnswerRules { id: Some(IdPlace::Header("x-message-id".to_owned())), ..rules.clone() };
        let mut headed = answer(202, "");
        headed.headers.insert("x-message-id", "h-1".parse().unwrap());
        assert_eq!(by_header.judge(&headed), Ok("h-1".to_owned()));
    }

    #[test]
    fn an_answer_that_was_cut_off_is_not_read() {
        let cut = Answer { whole: false, ..answer(200, r#"{"code":0}"#) };
        assert!(matches!(coded().judge(&cut), Err(Refusal::Unanswered(_))));
    }

    fn settings(headers: &[(&str, &str)], body: &str) -> Settings {
        let target: Target = "https://sms.example/v1/{username}?key={password}".parse().unwrap();
        let template = |text: &str, escaping| Template::parse(text, escaping).unwrap();
        Settings {
            method: Method::Post,
            path: template(&target.path, Escaping::Percent),
            target,
            headers: headers.iter().map(|(n, v)| ((*n).to_owned(), template(v, Escaping::Plain))).collect(),
            content_type: ContentType::Json,
            body: template(body, Escaping::Json),
            username: "lull".to_owned(),
            answer: AnswerRules::default(),
        }
    }

    fn outgoing(text: &str) -> Outgoing<'_> {
        let (from, to, id) = ("10690000", "+8613800138000", "msg_1");
        Outgoing { from, to, id, alphabet: Alphabet::Ucs2, text, piece: None }
    }

    #[tokio::test]
    async fn a_request_is_what_its_template_says() {
        let body = r#"{"to":["{to}","{to_digits}","{to_national}"],"from":"{from}","text":"{text}","ref":"{id}"}"#;
        let headers = [("authorization", "Basic {basic}"), ("X-Key", "{password}")];
        let request = settings(&headers, body).request(outgoing("\"退\"\n"), "p w").unwrap();
        assert_eq!(request.method(), "POST");
        assert_eq!(request.uri(), "/v1/lull?key=p%20w");
        assert_eq!(request.headers()["authorization"], format!("Basic {}", STANDARD.encode("lull:p w")).as_str());
        assert_eq!(request.headers()["x-key"], "p w");
        assert_eq!(request.headers()["content-type"], "application/json; charset=utf-8");
        let sent = request.into_body().collect().await.unwrap().to_bytes();
        let expected = serde_json::json!({
            "to": ["+8613800138000", "8613800138000", "13800138000"], "from": "10690000", "text": "\"退\"\n", "ref": "msg_1"
        });
        assert_eq!(serde_json::from_slice::<Value>(&sent).unwrap(), expected);
    }

    #[test]
    fn what_cannot_be_a_request_does_not_show_the_password() {
        let why = settings(&[("x-key", "{password}")], "{}").request(outgoing("x"), "pass\nword").unwrap_err();
        assert_eq!(why, "the address or a header cannot be written as HTTP");
    }

    #[test]
    fn forms_are_read_as_they_come() {
        assert_eq!(
            form(b"a=1&b=%E9%80%80+x&&c&a=2&d=%zz%4&=e"),
            serde_json::json!({ "a": "1", "b": "退 x", "c": "", "d": "%zz%4", "": "e" })
        );
        assert_eq!(form(b""), serde_json::json!({}));
    }

    proptest! {
        #[test]
        fn no_answer_makes_the_reader_fail(status in any::<u16>(), body in any::<Vec<u8>>(), whole in any::<bool>()) {
            let answer = Answer { status, headers: HeaderMap::new(), retry_after: None, body: body.clone(), whole };
            for rules in [coded(), AnswerRules::default()] {
                let judged = rules.judge(&answer);
                // Nothing but a status that says so is a message that was taken.
                prop_assert!(judged.is_err() || (200..300).contains(&status));
            }
            form(&body);
        }
    }
}
