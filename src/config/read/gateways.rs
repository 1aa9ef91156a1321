//! SMS gateways.

mod http;

use std::collections::BTreeMap;
use std::path::Path;

use super::telephony::parse_name;
use super::{password, text_if_there};
use crate::config::{Config, Gateway, GatewayProtocol, Secret, SmppGateway, Target};
use crate::model::document::{ComplaintCode, Table};
use crate::model::message::parts;
use crate::model::name::GatewayName;
use crate::sms::smpp::Version;

#[derive(Clone, Copy)]
enum Protocol {
    Smpp(Version),
    Http,
}

const PROTOCOLS: &[(&str, Protocol)] = &[
    ("smpp-3.4", Protocol::Smpp(Version::V3_4)),
    ("smpp-5.0", Protocol::Smpp(Version::V5_0)),
    ("http", Protocol::Http),
];
/// Longest fields of a bind, in characters (SMPP 3.4, 4.1.5).
const SYSTEM_ID_MAX: usize = 15;
const PASSWORD_MAX: usize = 8;
const SYSTEM_TYPE_MAX: usize = 12;
/// Longest name, and longest number, that is shown as a sender (3GPP TS 23.040, 9.1.2.5).
const SENDER_NAME_MAX: usize = 11;
const SENDER_NUMBER_MAX: usize = 20;
/// What is said to somebody who opted out, where the operator says nothing else. One SMS.
const CONFIRMATION: &str = "已退订：我们不再给您打电话或发短信。You are unsubscribed.";

pub(super) fn gateways(root: &Table<'_>, base: &Path) -> Option<BTreeMap<GatewayName, Gateway>> {
    let mut gateways = BTreeMap::new();
    let mut sound = root.spot("gateways").is_none_or(|spot| spot.is_table());
    for (name, table) in root.named("gateways") {
        match (parse_name::<GatewayName>(&table, &name), gateway(&table, base)) {
            (Some(name), Some(gateway)) => {
                gateways.insert(name, gateway);
            }
            (_, _) => sound = false,
        }
    }
    sound.then_some(gateways)
}

fn gateway(table: &Table<'_>, base: &Path) -> Option<Gateway> {
    let protocol = match table.word("protocol", PROTOCOLS, Protocol::Smpp(Version::V3_4)) {
        Some(Protocol::Smpp(version)) => smpp(table, base, version).map(GatewayProtocol::Smpp),
        Some(Protocol::Http) => http::gateway(table, base).map(GatewayProtocol::Http),
        None => {
            // What the other keys mean is not known.
            table.accept_rest();
            return None;
        }
    };
    let authorities_file = text_if_there(table, "authorities_file");
    let senders = senders(table);
    let per_second = table.within("per_second", 0.1..=10_000.0, 10.0);
    let window = table.within("window", 1..=1000, 10);
    let response_timeout_s = table.within("response_timeout_s", 1..=600, 30);
    let opt_out_confirmation = text_if_there(table, "opt_out_confirmation");
    if let Some(Some(text)) = &opt_out_confirmation
        && parts(text).texts.len() > 1
        && let Some(spot) = table.spot("opt_out_confirmation")
    {
        let says = format!("it takes {} SMS", parts(text).texts.len());
        return spot.wrong(
            ComplaintCode::OutOfRange,
            says,
            "expected at most one: 70 characters, or 160 of the GSM alphabet",
        );
    }
    Some(Gateway {
        protocol: protocol?,
        authorities_file: authorities_file?.map(|file| Config::beside(base, &file)),
        senders: senders?,
        per_second: per_second?,
        window: window?,
        response_timeout_s: response_timeout_s?,
        opt_out_confirmation: opt_out_confirmation?.unwrap_or_else(|| CONFIRMATION.to_owned()),
    })
}

fn smpp(table: &Table<'_>, base: &Path, version: Version) -> Option<SmppGateway> {
    let target = table.required::<Target>("target").and_then(|target| match target {
        Target::Host { host, port } => Some((host, port)),
        Target::Srv { .. } => {
            let spot = table.spot("target")?;
            spot.wrong(ComplaintCode::WrongValue, "a gateway is not looked up by SRV", "expected HOST:PORT")
        }
    });
    let tls = table.or("tls", false);
    let system_id = bounded(table, "system_id", SYSTEM_ID_MAX);
    let system_type = match table.has("system_type") {
        true => bounded(table, "system_type", SYSTEM_TYPE_MAX),
        false => Some(String::new()),
    };
    let password = needed_password(table, base);
    let (host, port) = target?;
    let password = password?;
    if password.reveal().chars().count() > PASSWORD_MAX {
        let spot = table.spot("password").or_else(|| table.spot("password_file"))?;
        let expected = format!("SMPP has room for {PASSWORD_MAX} characters");
        return spot.wrong(ComplaintCode::WrongValue, "the password is too long", expected);
    }
    Some(SmppGateway { version, host, port, tls: tls?, system_id: system_id?, password, system_type: system_type? })
}

/// A password that must be there.
fn needed_password(table: &Table<'_>, base: &Path) -> Option<Secret> {
    let password = password(table, base)?;
    if password.is_none() {
        table.missing("password_file");
    }
    password
}

fn bounded(table: &Table<'_>, key: &'static str, max: usize) -> Option<String> {
    let Some(text) = text_if_there(table, key)? else {
        table.missing(key);
        return None;
    };
    if text.is_ascii() && text.len() <= max {
        return Some(text);
    }
    let expected = format!("expected at most {max} ASCII characters");
    table.spot(key)?.wrong(ComplaintCode::WrongValue, format!("`{text}` does not fit"), expected)
}

fn senders(table: &Table<'_>) -> Option<Vec<String>> {
    const EXPECTED: &str =
        "a number such as \"+8610…\", a short code such as \"10690000\", or a name of at most 11 characters";
    let Some(spot) = table.spot("senders") else {
        table.missing("senders");
        return None;
    };
    let mut senders = Vec::new();
    for item in spot.items("a list of senders")? {
        let text = item.text(EXPECTED)?;
        let digits = text.strip_prefix('+').unwrap_or(text);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let fits = match is_number {
            true => digits.len() <= SENDER_NUMBER_MAX,
            false => {
                !text.trim().is_empty()
                    && text.len() <= SENDER_NAME_MAX
                    && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
            }
        };
        if !fits {
            return item.wrong(
                ComplaintCode::WrongValue,
                format!("`{text}` cannot be a sender"),
                format!("expected {EXPECTED}"),
            );
        }
        senders.push(text.to_owned());
    }
    if senders.is_empty() {
        return spot.wrong(ComplaintCode::WrongValue, "the list is empty", format!("name at least one: {EXPECTED}"));
    }
    Some(senders)
}
