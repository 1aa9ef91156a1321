//! What a provider tells on its own by HTTP: receipts, and messages of customers.
//!
//! Whoever calls must prove who it is ([`Rules::check`]); what was told is read by places that the configuration names
//! ([`Rules::read`]). What is told twice changes nothing, which is the business of whoever takes it in.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use hyper::HeaderMap;
use hyper::header::CONTENT_TYPE;
use serde_json::Value;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::{Pointer, form};
use crate::http_client::readable;
use crate::model::message::MessageState;
use crate::model::network::Network;
use crate::model::time::Timestamp;
use crate::sms::receipt::Receipt;
use crate::sms::{Fact, INCOMING_MAX, Incoming};

/// Most things that are told with one call.
const ITEMS_MAX: usize = 1000;
/// So many places that were not understood are named.
const WRONG_MAX: usize = 20;
/// Longest words of a provider that are kept, in characters.
const SAID_MAX: usize = 200;
/// A number of this size is milliseconds, not seconds: the year 5138, or 1973.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// Where in what a signature is over the body stands, and the time.
pub const BODY: &str = "{body}";
/// The same for the time.
pub const TIMESTAMP: &str = "{timestamp}";

/// Who may call, and what calls mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How a caller proves who it is.
    pub proof: Proof,
    /// Networks that calls come from; none: any.
    pub networks: Vec<Network>,
    /// Where the list of what is told is; the whole body, or its items where it is a list, without it.
    pub items: Pointer,
    /// What a receipt is.
    pub receipts: Option<ReceiptPlaces>,
    /// What a message of a customer is.
    pub messages: Option<MessagePlaces>,
    /// The body of our answer.
    pub answer: String,
}

/// How a caller proves who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// By an HMAC-SHA256 of the body in a header.
    Signature(Signature),
    /// By a secret in the address.
    Address,
}

/// A signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The header it is in.
    pub header: String,
    /// What it begins with there.
    pub prefix: String,
    /// How it is written.
    pub encoding: Encoding,
    /// What it is over, with the fields [`BODY`], once, and [`TIMESTAMP`].
    pub signed: String,
    /// The header with the time, and how far it may be from ours.
    pub timestamp: Option<(String, Duration)>,
}

/// How octets are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Two digits for each, small or large.
    Hex,
    /// With padding.
    Base64,
}

/// Where the parts of a receipt are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptPlaces {
    /// The id that the gateway gave the message.
    pub id: Pointer,
    /// A word for what became of it.
    pub state: Pointer,
    /// What went wrong.
    pub error: Option<Pointer>,
    /// What the words mean, without regard to case; all others: it is on its way.
    pub words: Vec<(String, MessageState)>,
}

/// Where the parts of a customer's message are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessagePlaces {
    /// The id that the gateway gave it, by which a repetition is known; without it what comes twice is taken in twice.
    pub id: Option<Pointer>,
    /// The customer's number.
    pub from: Pointer,
    /// The number of ours.
    pub to: Option<Pointer>,
    /// The text.
    pub text: Pointer,
}

/// A call.
#[derive(Clone, Debug)]
pub struct Call {
    /// From where.
    pub from: IpAddr,
    /// Whether it is a GET, whose query is what is told.
    pub get: bool,
    /// The query of its address.
    pub query: String,
    /// The secret in its address.
    pub secret: Option<String>,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// What was read from a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// What was understood.
    pub facts: Vec<Fact>,
    /// What was not.
    pub wrong: Vec<Wrong>,
}

/// A part of a call that was not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Where in the body (RFC 6901).
    pub pointer: String,
    /// What was expected there.
    pub says: String,
}

impl Rules {
    /// Whether a call comes from whoever has the secret.
    ///
    /// # Errors
    /// Why that is not believed.
    pub fn check(&self, secret: &str, call: &Call, now: Timestamp) -> Result<(), String> {
        if !self.networks.is_empty() && !self.networks.iter().any(|network| network.contains(call.from)) {
            return Err(format!("{} is not in one of its networks", call.from));
        }
        match &self.proof {
            Proof::Address => {
                let told = call.secret.as_deref().unwrap_or_default();
                let same = bool::from(told.as_bytes().ct_eq(secret.as_bytes()));
                if same { Ok(()) } else { Err("the secret in the address is missing or wrong".to_owned()) }
            }
            Proof::Signature(_) if call.get => Err("a GET has no body that could be signed".to_owned()),
            Proof::Signature(signature) => signature.check(secret, call, now),
        }
    }

    /// What a call tells.
    pub fn read(&self, call: &Call) -> Told {
        let mut told = Told::default();
        let body = match body(call) {
            Ok(body) => body,
            Err(says) => {
                told.wrong.push(Wrong { pointer: String::new(), says });
                return told;
            }
        };
        let Some(found) = self.items.of(&body) else {
            let says = format!("expected what is told at {}", self.items);
            told.wrong.push(Wrong { pointer: String::new(), says });
            return told;
        };
        let place = self.items.to_string();
        let items: Vec<(String, &Value)> = match found {
            Value::Array(items) => items.iter().enumerate().map(|(at, item)| (format!("{place}/{at}"), item)).collect(),
            one => vec![(place, one)],
        };
        if items.len() > ITEMS_MAX {
            let says = format!("{} things are told at once; expected at most {ITEMS_MAX}", items.len());
            told.wrong.push(Wrong { pointer: self.items.to_string(), says });
            return told;
        }
        for (pointer, item) in items {
            match self.fact(item) {
                Some(fact) => told.facts.push(fact),
                None if told.wrong.len() < WRONG_MAX => told.wrong.push(Wrong { pointer, says: self.expected() }),
                None => {}
            }
        }
        told
    }

    /// A receipt, where its word is one that the configuration lists; else a customer's message, where it is one; else a
    /// receipt of what is on its way.
    fn fact(&self, item: &Value) -> Option<Fact> {
        let receipt = self.receipts.as_ref().and_then(|places| places.read(item));
        if receipt.as_ref().is_some_and(|receipt| receipt.state.is_some()) {
            return receipt.map(Fact::Receipt);
        }
        let message = self.messages.as_ref().and_then(|places| places.read(item));
        message.map(Fact::Came).or(receipt.map(Fact::Receipt))
    }

    fn expected(&self) -> String {
        let receipt = self.receipts.as_ref().map(|at| format!("a receipt with {} and {}", at.id, at.state));
        let message = self.messages.as_ref().map(|at| format!("a customer's message with {} and {}", at.from, at.text));
        let all: Vec<String> = receipt.into_iter().chain(message).collect();
        format!("expected {}", all.join(", or "))
    }
}

impl Signature {
    fn check(&self, secret: &str, call: &Call, now: Timestamp) -> Result<(), String> {
        let header = |name: &str| call.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let told = header(&self.header).ok_or_else(|| format!("the header {} is missing", self.header))?;
        let told = told.strip_prefix(&self.prefix).ok_or_else(|| format!("{} has another beginning", self.header))?;
        let told = match self.encoding {
            Encoding::Hex => unhex(told),
            Encoding::Base64 => STANDARD.decode(told).ok(),
        };
        let told = told.ok_or_else(|| format!("{} is not written as configured", self.header))?;
        let timestamp = match &self.timestamp {
            None => "",
            Some((name, apart_max)) => {
                let text = header(name).ok_or_else(|| format!("the header {name} is missing"))?;
                let at = text.parse().ok().and_then(moment).ok_or_else(|| format!("{name} is no time since 1970"))?;
                if at.since(now).max(now.since(at)) > *apart_max {
                    return Err(format!("{name} is too far from our time"));
                }
                text
            }
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|error| error.to_string())?;
        let (before, after) = self.signed.split_once(BODY).unwrap_or(("", ""));
        mac.update(before.replace(TIMESTAMP, timestamp).as_bytes());
        mac.update(&call.body);
        mac.update(after.replace(TIMESTAMP, timestamp).as_bytes());
        mac.verify_slice(&told).map_err(|_| "the signature is wrong".to_owned())
    }
}

/// A time in seconds or milliseconds since 1970.
fn moment(number: i64) -> Option<Timestamp> {
    let millis = if number.abs() < MILLISECONDS_FROM { number.checked_mul(1000)? } else { number };
    (0..i64::MAX / 2).contains(&millis).then(|| Timestamp::from_millis(millis))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits?;
    let pairs = digits.chunks_exact(2);
    pairs
        .remainder()
        .is_empty()
        .then(|| pairs.map(|pair| pair.iter().fold(0, |octet, digit| octet << 4 | digit)).collect())
}

/// What was told, as JSON.
fn body(call: &Call) -> Result<Value, String> {
    if call.get {
        return Ok(form(call.query.as_bytes()));
    }
    let kind = call.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let begins = call.body.iter().find(|byte| !byte.is_ascii_whitespace());
    // Many providers name no type, or a wrong one; a form does not begin like this.
    if kind.contains("json") || matches!(begins, Some(b'{' | b'[')) {
        return serde_json::from_slice(&call.body).map_err(|error| format!("expected JSON: {error}"));
    }
    match begins {
        Some(_) => Ok(form(&call.body)),
        None => Err("the body is empty; expected JSON or a form".to_owned()),
    }
}

impl ReceiptPlaces {
    fn read(&self, item: &Value) -> Option<Receipt> {
        let (id, word) = (self.id.text(item)?, self.state.text(item)?);
        let meant = self.words.iter().find(|(known, _)| known.eq_ignore_ascii_case(&word)).map(|(_, state)| *state);
        let error = self.error.as_ref().and_then(|error| error.text(item)).unwrap_or_default();
        let says = readable(format!("{word} {error}").as_bytes(), SAID_MAX);
        Some(Receipt { id, state: meant, says })
    }
}

impl MessagePlaces {
    fn read(&self, item: &Value) -> Option<Incoming> {
        let from = self.from.text(item)?;
        let mut text = match self.text.of(item)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        if text.len() > INCOMING_MAX {
            text.truncate(text.floor_char_boundary(INCOMING_MAX));
            text.push('…');
        }
        let found = |place: &Option<Pointer>| place.as_ref().and_then(|place| place.text(item));
        let (id, to) = (found(&self.id), found(&self.to).unwrap_or_default());
        Some(Incoming { from, international: false, to, text, piece: None, id })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const SECRET: &str = "a secret of the tests";
    /// 2026-11-22T03:34:56Z.
    const NOW: Timestamp = Timestamp::from_millis(1_795_318_496_000);

    fn at(text: &str) -> Pointer {
        text.parse().unwrap()
    }

    fn rules() -> Rules {
        let word = |word: &str, state| (word.to_owned(), state);
        Rules {
            proof: Proof::Address,
            networks: Vec::new(),
            items: Pointer::default(),
            receipts: Some(ReceiptPlaces {
                id: at("/sid"),
                state: at("/status"),
                error: Some(at("/code")),
                words: vec![word("DELIVRD", MessageState::Delivered), word("UNDELIV", MessageState::Undeliverable)],
            }),
            messages: Some(MessagePlaces {
                id: Some(at("/sid")),
                from: at("/mobile"),
                to: Some(at("/port")),
                text: at("/text"),
            }),
            answer: String::new(),
        }
    }

    fn signed(encoding: Encoding, signed: &str, timestamp: Option<&str>) -> Rules {
        let timestamp = timestamp.map(|name| (name.to_owned(), Duration::from_secs(300)));
        let (header, prefix, signed) = ("x-signature".to_owned(), "sha256=".to_owned(), signed.to_owned());
        Rules { proof: Proof::Signature(Signature { header, prefix, encoding, signed, timestamp }), ..rules() }
    }

    fn call(body: impl Into<Bytes>) -> Call {
        let from = "203.0.113.9".parse().unwrap();
        Call { from, get: false, query: String::new(), secret: None, headers: HeaderMap::new(), body: body.into() }
    }

    fn with(mut call: Call, name: &'static str, value: &str) -> Call {
        call.headers.insert(name, value.parse().unwrap());
        call
    }

    #[test]
    fn a_signature_is_believed_and_nothing_that_looks_like_one() {
        // `printf %s '{"a":1}' | openssl dgst -sha256 -hmac 'a secret of the tests'`.
        const HEX: &str = "4710764b482ac5a7b8df67d132c115dead230643af8b2406eef5c05cb544c26d";
        let rules = signed(Encoding::Hex, "{body}", None);
        let good = with(call("{\"a\":1}"), "x-signature", &format!("sha256={HEX}"));
        assert_eq!(rules.check(SECRET, &good, NOW), Ok(()));
        let upper = with(good.clone(), "x-signature", &format!("sha256={}", HEX.to_uppercase()));
        assert_eq!(rules.check(SECRET, &upper, NOW), Ok(()));
        let base64 = STANDARD.encode(unhex(HEX).unwrap());
        let other = with(good.clone(), "x-signature", &format!("sha256={base64}"));
        assert_eq!(signed(Encoding::Base64, "{body}", None).check(SECRET, &other, NOW), Ok(()));
        for (call, says) in [
            (call("{\"a\":1}"), "the header x-signature is missing"),
            (with(good.clone(), "x-signature", HEX), "another beginning"),
            (with(good.clone(), "x-signature", "sha256=12"), "the signature is wrong"),
            (with(good.clone(), "x-signature", "sha256="), "the signature is wrong"),
            (with(good.clone(), "x-signature", "sha256=123"), "not written as configured"),
            (Call { body: "{\"a\":2}".into(), ..good.clone() }, "the signature is wrong"),
            (Call { get: true, ..good.clone() }, "a GET has no body"),
        ] {
            let why = rules.check(SECRET, &call, NOW).unwrap_err();
            assert!(why.contains(says), "{why}");
        }
        assert!(rules.check("another secret", &good, NOW).is_err());
    }

    #[test]
    fn an_old_call_is_not_believed_where_the_time_is_signed() {
        let rules = signed(Encoding::Hex, "{timestamp}.{body}", Some("x-time"));
        let sealed = |seconds: &str| {
            let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
            mac.update(format!("{seconds}.x").as_bytes());
            let hex: String = mac.finalize().into_bytes().iter().map(|octet| format!("{octet:02x}")).collect();
            with(with(call("x"), "x-signature", &format!("sha256={hex}")), "x-time", seconds)
        };
        for time in ["1795318496", "1795318196", "1795318796", "1795318496000"] {
            assert_eq!(rules.check(SECRET, &sealed(time), NOW), Ok(()), "{time}");
        }
        for time in ["1795318195", "1795318797", "0", "-1", "9223372036854775807", "soon", ""] {
            assert!(rules.check(SECRET, &sealed(time), NOW).is_err(), "{time}");
        }
        let moved = with(sealed("1795318496"), "x-time", "1795318497");
        assert_eq!(rules.check(SECRET, &moved, NOW), Err("the signature is wrong".to_owned()));
    }

    #[test]
    fn a_secret_in_the_address_and_a_network_are_both_needed() {
        let rules = Rules { networks: vec!["203.0.113.0/24".parse().unwrap()], ..rules() };
        let good = Call { secret: Some(SECRET.to_owned()), ..call("") };
        assert_eq!(rules.check(SECRET, &good, NOW), Ok(()));
        for call in [
            call(""),
            Call { secret: Some(String::new()), ..good.clone() },
            Call { secret: Some("a secret of the test".to_owned()), ..good.clone() },
            Call { from: "198.51.100.1".parse().unwrap(), ..good },
        ] {
            assert!(rules.check(SECRET, &call, NOW).is_err(), "{call:?}");
        }
    }

    fn receipt(id: &str, state: Option<MessageState>, says: &str) -> Fact {
        Fact::Receipt(Receipt { id: id.to_owned(), state, says: says.to_owned() })
    }

    fn came(id: Option<&str>, text: &str) -> Fact {
        let (from, to) = ("13800138000".to_owned(), "10690000".to_owned());
        let id = id.map(str::to_owned);
        Fact::Came(Incoming { from, international: false, to, text: text.to_owned(), piece: None, id })
    }

    #[test]
    fn receipts_and_messages_are_read_alone_and_in_lists_from_json_and_from_forms() {
        let delivered = json!({ "sid": 7, "status": "delivrd", "mobile": "138", "text": "what we sent" });
        let lost = json!({ "sid": "8", "status": "UNDELIV", "code": "MK:0001" });
        let moving = json!({ "sid": "9", "status": "ACCEPTED" });
        let message = json!({ "sid": "m", "status": "received", "mobile": 13_800_138_000_u64, "port": "10690000", "text": "退订" });
        let facts = vec![
            receipt("7", Some(MessageState::Delivered), "delivrd"),
            receipt("8", Some(MessageState::Undeliverable), "UNDELIV MK:0001"),
            receipt("9", None, "ACCEPTED"),
            came(Some("m"), "退订"),
        ];
        let all = json!([delivered, lost, moving, message]);
        assert_eq!(rules().read(&call(all.to_string())), Told { facts: facts.clone(), wrong: Vec::new() });
        let inner = Rules { items: at("/data/list"), ..rules() };
        let nested = json!({ "data": { "list": all } });
        assert_eq!(inner.read(&call(nested.to_string())).facts, facts);
        assert_eq!(rules().read(&call(lost.to_string())).facts, facts[1..2]);
        let form = with(
            call("sid=m&mobile=13800138000&port=10690000&text=%E9%80%80%E8%AE%A2"),
            "content-type",
            "application/x-www-form-urlencoded",
        );
        assert_eq!(rules().read(&form).facts, facts[3..]);
        let get = Call { get: true, query: "mobile=13800138000&port=10690000&text=".to_owned(), ..call("") };
        assert_eq!(rules().read(&get).facts, [came(None, "")]);
    }

    #[test]
    fn what_is_not_understood_is_named_and_what_is_beside_it_is_taken() {
        let told = rules().read(&call(json!([{ "sid": "9", "status": "x" }, { "sid": "9" }, 3]).to_string()));
        assert_eq!(told.facts, [receipt("9", None, "x")]);
        let places: Vec<&str> = told.wrong.iter().map(|wrong| wrong.pointer.as_str()).collect();
        assert_eq!(places, ["/1", "/2"]);
        assert_eq!(
            told.wrong[0].says,
            "expected a receipt with /sid and /status, or a customer's message with /mobile and /text"
        );
        for (body, says) in [("{", "expected JSON"), ("[1", "expected JSON"), (" ", "the body is empty")] {
            let told = rules().read(&call(body));
            assert!(told.facts.is_empty() && told.wrong[0].says.contains(says), "{told:?}");
        }
        let many = rules().read(&call(format!("[{}0]", "0,".repeat(ITEMS_MAX))));
        assert!(many.wrong.len() == 1 && many.wrong[0].says.contains("at most 1000"), "{many:?}");
        let long = json!({ "mobile": "1", "text": "退".repeat(INCOMING_MAX) }).to_string();
        let Fact::Came(message) = rules().read(&call(long)).facts.remove(0) else { panic!("it is a message") };
        assert!(message.text.len() < INCOMING_MAX + 4 && message.text.ends_with("退…"));
    }

    proptest! {
        #[test]
        fn no_call_makes_the_reader_fail(body in any::<Vec<u8>>(), query in ".*", header in "[ -~]{0,80}", get in any::<bool>()) {
            let call = with(Call { get, query, secret: Some(header.clone()), ..call(body) }, "x-signature", &header);
            let call = with(call, "x-time", &header);
            let told = rules().read(&call);
            let list = !get && call.body.trim_ascii_start().starts_with(b"[");
            prop_assert!(list || told.facts.len() + told.wrong.len() == 1);
            for rules in [rules(), signed(Encoding::Hex, "{body}", None), signed(Encoding::Base64, "{timestamp}{body}", Some("x-time"))] {
                prop_assert!(rules.check(SECRET, &call, NOW).is_err());
            }
        }
    }
}
