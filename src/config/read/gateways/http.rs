//! Gateways that take messages by HTTP: how a message is sent, what answers mean, and what the provider tells on its own.

use std::path::Path;
use std::time::Duration;

use hyper::header::HeaderName;

use super::needed_password;
use crate::config::read::{password, text_if_there};
use crate::config::{HttpCallback, HttpGateway, Network, Secret};
use crate::http_client::address::Target;
use crate::model::document::{ComplaintCode, Readable, Spot, Table};
use crate::model::message::{Alphabet, MessageState};
use crate::sms::Outgoing;
use crate::sms::http::callback::{self, Encoding, MessagePlaces, Proof, ReceiptPlaces, Rules, Signature};
use crate::sms::http::template::{Escaping, Field, Template};
use crate::sms::http::{AnswerRules, ContentType, IdPlace, Method, Pointer, Settings};

const METHODS: &[(&str, Method)] = &[("POST", Method::Post), ("PUT", Method::Put), ("GET", Method::Get)];
const CONTENT_TYPES: &[(&str, ContentType)] =
    &[("application/json", ContentType::Json), ("application/x-www-form-urlencoded", ContentType::Form)];
const ENCODINGS: &[(&str, Encoding)] = &[("hex", Encoding::Hex), ("base64", Encoding::Base64)];
/// Headers that the service writes itself.
const OWN_HEADERS: [&str; 6] =
    ["host", "connection", "content-length", "content-type", "transfer-encoding", "user-agent"];
/// Statuses that ask for fewer, where nothing else is said.
const THROTTLED: &[u16] = &[429];
/// Statuses that are about us and not about the message: a wrong password or address, or a network that is not let in.
const REFUSED: &[u16] = &[401, 403, 404, 405, 407];
/// Shortest secret of whoever calls, in characters: it is all that stands between a stranger and a customer's opt-out.
const SECRET_MIN: usize = 16;

/// The words of states that a receipt may have, by the key that lists them.
const STATES: [(&str, MessageState); 5] = [
    ("delivered", MessageState::Delivered),
    ("undeliverable", MessageState::Undeliverable),
    ("expired", MessageState::Expired),
    ("rejected", MessageState::Rejected),
    ("unknown", MessageState::Unknown),
];

pub(super) fn gateway(table: &Table<'_>, base: &Path) -> Option<HttpGateway> {
    let password = password(table, base);
    let settings = settings(table);
    let callback = match table.table("callback") {
        Some(table) => callback(&table, base).map(Some),
        None => (!table.has("callback")).then_some(None),
    };
    let (settings, password) = (settings?, password?);
    let has = |field| {
        let templates = settings.headers.iter().map(|(_, value)| value).chain([&settings.path, &settings.body]);
        templates.into_iter().any(|template| template.has(field))
    };
    if password.is_none() && (has(Field::Password) || has(Field::Basic)) {
        table.missing("password_file");
        return None;
    }
    if settings.username.is_empty() && (has(Field::Username) || has(Field::Basic)) {
        table.missing("username");
        return None;
    }
    let password = password.unwrap_or_else(|| Secret::new(""));
    example(table, &settings, &password)?;
    Some(HttpGateway { settings, password, callback: callback? })
}

/// Whether a message can be written as a request, and whether anything of it is in there.
fn example(table: &Table<'_>, settings: &Settings, password: &Secret) -> Option<()> {
    const LACKS: &str = "expected {text} and one of {to}, {to_digits} and {to_national} in `url` or `body`";
    let has = |field| settings.path.has(field) || (settings.method != Method::Get && settings.body.has(field));
    let url = table.spot("url")?;
    if !has(Field::Text) || ![Field::To, Field::ToDigits, Field::ToNational].into_iter().any(has) {
        return url.wrong(ComplaintCode::WrongValue, "a request would not say what is sent to whom", LACKS);
    }
    let (from, to, id) = ("10", "+8613800138000", "1");
    let message = Outgoing { from, to, id, alphabet: Alphabet::Gsm, text: "1", piece: None };
    match settings.request(message, password.reveal()) {
        Ok(_) => Some(()),
        Err(says) => {
            url.wrong(ComplaintCode::WrongValue, says, "see that the password has no signs that a header cannot have")
        }
    }
}

fn settings(table: &Table<'_>) -> Option<Settings> {
    let target: Option<Target> = match table.spot("url") {
        Some(spot) => spot.parsed("an address such as https://sms.example.com/v1/messages"),
        None => {
            table.missing("url");
            None
        }
    };
    let path = target.as_ref().and_then(|target| template(&table.spot("url")?, &target.path, Escaping::Percent));
    let method = table.word("method", METHODS, Method::Post);
    let content_type = table.word("content_type", CONTENT_TYPES, ContentType::Json);
    let headers = headers(table);
    let body = match (method, content_type) {
        (Some(method), Some(content_type)) => body(table, method, content_type),
        (_, _) => None,
    };
    let username = text_if_there(table, "username");
    let answer = match table.table("answer") {
        Some(table) => answer(&table),
        None if table.has("answer") => None,
        None => {
            Some(AnswerRules { throttled: THROTTLED.to_vec(), refused: REFUSED.to_vec(), ..AnswerRules::default() })
        }
    };
    Some(Settings {
        target: target?,
        method: method?,
        path: path?,
        headers: headers?,
        content_type: content_type?,
        body: body?,
        username: username?.unwrap_or_default(),
        answer: answer?,
    })
}

fn template(spot: &Spot<'_>, text: &str, escaping: Escaping) -> Option<Template> {
    match Template::parse(text, escaping) {
        Ok(template) => Some(template),
        Err(fault) => spot.wrong(ComplaintCode::UnknownName, fault.to_string(), fault.expected),
    }
}

fn body(table: &Table<'_>, method: Method, content_type: ContentType) -> Option<Template> {
    let Some(spot) = table.spot("body") else {
        if method == Method::Get {
            return Template::parse("", Escaping::Plain).ok();
        }
        table.missing("body");
        return None;
    };
    if method == Method::Get {
        return spot.wrong(
            ComplaintCode::Conflict,
            "a GET has no body",
            "put the fields into `url`, or remove `method`",
        );
    }
    let text = spot.text("text in quotes")?;
    match content_type {
        ContentType::Form => template(&spot, text, Escaping::Percent),
        ContentType::Json => {
            let template = template(&spot, text, Escaping::Json)?;
            match serde_json::from_str::<serde_json::Value>(&template.fill(|_| "1".into())) {
                Ok(_) => Some(template),
                Err(error) => {
                    let says = format!("with its fields filled in it is not JSON: {error}");
                    spot.wrong(
                        ComplaintCode::WrongValue,
                        says,
                        "expected JSON with fields in its texts: \"to\": \"{to}\"",
                    )
                }
            }
        }
    }
}

fn headers(table: &Table<'_>) -> Option<Vec<(String, Template)>> {
    const EXPECTED: &str = "\"NAME: VALUE\" such as \"Authorization: Bearer {password}\"";
    let Some(spot) = table.spot("headers") else { return Some(Vec::new()) };
    let mut headers = Vec::new();
    for item in spot.items("a list of headers")? {
        let text = item.text(EXPECTED)?;
        let wrong = |says: &str, expected: &str| item.wrong(ComplaintCode::WrongValue, says, expected);
        let Some((name, value)) = text.split_once(':') else {
            return wrong("it is not a header", &format!("expected {EXPECTED}"));
        };
        let name = header_name(&item, name)?;
        if OWN_HEADERS.contains(&name.as_str()) {
            return wrong(&format!("the service writes `{name}` itself"), "remove it");
        }
        let value = template(&item, value.trim(), Escaping::Plain)?;
        if value.has(Field::Text) {
            return wrong("a header cannot have the text of a message", "put {text} into `body` or `url`");
        }
        if name == "authorization" && !value.has(Field::Password) && !value.has(Field::Basic) {
            let says = "what is written here is shown by `lull doctor`";
            return wrong(says, "expected {password} or {basic}, and the password in `password_file`");
        }
        headers.push((name, value));
    }
    Some(headers)
}

fn answer(table: &Table<'_>) -> Option<AnswerRules> {
    let taken = statuses(table, "taken", &[]);
    let throttled = statuses(table, "throttled", THROTTLED);
    let refused = statuses(table, "refused", REFUSED);
    let id = match table.spot("id") {
        Some(spot) => id_place(&spot).map(Some),
        None => Some(None),
    };
    let code = place_if_there(table, "code");
    let taken_codes: Option<Vec<String>> = table.or("taken_codes", Vec::new());
    let throttled_codes: Option<Vec<String>> = table.or("throttled_codes", Vec::new());
    let refused_codes: Option<Vec<String>> = table.or("refused_codes", Vec::new());
    let error = place_if_there(table, "error");
    let (code, taken_codes) = (code?, taken_codes?);
    if code.is_some() && taken_codes.is_empty() {
        table.missing("taken_codes");
        return None;
    }
    if code.is_none() && ["taken_codes", "throttled_codes", "refused_codes"].iter().any(|key| table.has(key)) {
        table.missing("code");
        return None;
    }
    Some(AnswerRules {
        taken: taken?,
        throttled: throttled?,
        refused: refused?,
        id: id?,
        code,
        taken_codes,
        throttled_codes: throttled_codes?,
        refused_codes: refused_codes?,
        error: error?,
    })
}

fn id_place(spot: &Spot<'_>) -> Option<IdPlace> {
    match spot.text("a place in JSON such as /data/id, or header:NAME")?.strip_prefix("header:") {
        Some(name) => header_name(spot, name).map(IdPlace::Header),
        None => Pointer::read(spot).map(IdPlace::Body),
    }
}

fn header_name(spot: &Spot<'_>, name: &str) -> Option<String> {
    let name = name.trim().to_ascii_lowercase();
    match HeaderName::from_bytes(name.as_bytes()) {
        Ok(_) => Some(name),
        Err(_) => {
            let says = format!("`{name}` cannot be the name of a header");
            spot.wrong(ComplaintCode::WrongValue, says, "expected a name such as X-Signature")
        }
    }
}

fn statuses(table: &Table<'_>, key: &'static str, fallback: &[u16]) -> Option<Vec<u16>> {
    let found: Vec<u16> = table.or(key, fallback.to_vec())?;
    match found.iter().find(|status| !(100..=599).contains(*status)) {
        None => Some(found),
        Some(status) => {
            let says = format!("{status} is no status of HTTP");
            table.spot(key)?.wrong(ComplaintCode::OutOfRange, says, "expected 100 to 599")
        }
    }
}

impl Readable for Pointer {
    fn read(spot: &Spot<'_>) -> Option<Pointer> {
        spot.parsed("a place in JSON such as /data/id")
    }
}

fn place_if_there(table: &Table<'_>, key: &'static str) -> Option<Option<Pointer>> {
    match table.spot(key) {
        Some(spot) => Pointer::read(&spot).map(Some),
        None => Some(None),
    }
}

fn callback(table: &Table<'_>, base: &Path) -> Option<HttpCallback> {
    let password = needed_password(table, base);
    let by_signature = table.word("proof", &[("signature", true), ("address", false)], true);
    let proof = match by_signature {
        Some(true) => table.required_table("signature").and_then(|table| signature(&table)).map(Proof::Signature),
        // Unless there is one, which then is a key that does not belong here.
        Some(false) => Some(Proof::Address),
        None => {
            if let Some(signature) = table.table("signature") {
                signature.accept_rest();
            }
            None
        }
    };
    let networks: Option<Vec<Network>> = table.or("networks", Vec::new());
    let items = table.or("items", Pointer::default());
    let answer = text_if_there(table, "answer");
    let receipts = inner(table, "receipts", receipts);
    let messages = inner(table, "messages", messages);
    let (receipts, messages, password) = (receipts?, messages?, password?);
    if receipts.is_none() && messages.is_none() {
        table.missing("receipts");
        return None;
    }
    if password.reveal().chars().count() < SECRET_MIN {
        let spot = table.spot("password").or_else(|| table.spot("password_file"))?;
        let expected = format!("expected at least {SECRET_MIN} characters");
        return spot.wrong(ComplaintCode::WrongValue, "the password is too short", expected);
    }
    let (proof, networks, items) = (proof?, networks?, items?);
    let rules = Rules { proof, networks, items, receipts, messages, answer: answer?.unwrap_or_default() };
    Some(HttpCallback { rules, password })
}

/// A table that may be left out: `Some(None)`.
fn inner<T>(table: &Table<'_>, key: &'static str, read: fn(&Table<'_>) -> Option<T>) -> Option<Option<T>> {
    match table.table(key) {
        Some(table) => read(&table).map(Some),
        None => (!table.has(key)).then_some(None),
    }
}

fn signature(table: &Table<'_>) -> Option<Signature> {
    let header = match table.spot("header") {
        Some(spot) => spot.text("the name of a header").and_then(|name| header_name(&spot, name)),
        None => {
            table.missing("header");
            None
        }
    };
    let prefix = text_if_there(table, "prefix");
    let encoding = table.word("encoding", ENCODINGS, Encoding::Hex);
    let timestamp_header = match table.spot("timestamp_header") {
        Some(spot) => spot.text("the name of a header").and_then(|name| header_name(&spot, name)).map(Some),
        None => Some(None),
    };
    let timestamp_max_s = table.within("timestamp_max_s", 1..=3600_u32, 300);
    let timestamp_header = timestamp_header?;
    let usual = if timestamp_header.is_some() { "{timestamp}.{body}" } else { callback::BODY };
    let signed = table.or("signed", usual.to_owned())?;
    let timed = signed.contains(callback::TIMESTAMP);
    if signed.matches(callback::BODY).count() != 1 || timed != timestamp_header.is_some() {
        let says = format!("`{signed}` cannot be what is signed");
        let expected = "expected {body} once, and {timestamp} if `timestamp_header` names its header, and only then";
        return table.spot("signed")?.wrong(ComplaintCode::WrongValue, says, expected);
    }
    let apart_max = Duration::from_secs(u64::from(timestamp_max_s?));
    Some(Signature {
        header: header?,
        prefix: prefix?.unwrap_or_default(),
        encoding: encoding?,
        signed,
        timestamp: timestamp_header.map(|name| (name, apart_max)),
    })
}

fn receipts(table: &Table<'_>) -> Option<ReceiptPlaces> {
    let id = table.required("id");
    let state = table.required("state");
    let error = place_if_there(table, "error");
    let mut words = Vec::new();
    let mut sound = true;
    for (key, state) in STATES {
        let Some(listed) = table.or::<Vec<String>>(key, Vec::new()) else {
            sound = false;
            continue;
        };
        words.extend(listed.into_iter().map(|word| (word, state)));
    }
    if !words.iter().any(|(_, state)| *state == MessageState::Delivered) && !table.has("delivered") {
        table.missing("delivered");
        return None;
    }
    sound.then_some(())?;
    Some(ReceiptPlaces { id: id?, state: state?, error: error?, words })
}

fn messages(table: &Table<'_>) -> Option<MessagePlaces> {
    let id = place_if_there(table, "id");
    let from = table.required("from");
    let to = place_if_there(table, "to");
    let text = table.required("text");
    Some(MessagePlaces { id: id?, from: from?, to: to?, text: text? })
}
