//! SIP, audio, trunks and phones.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use super::{certificate, codecs, parsed, parsed_if_there, password, text_if_there};
use crate::config::{
    CallerIdHeader, Codec, Config, Network, NumberForm, Phone, PhoneDigest, Rtp, Sip, SipListener, Target, Transport,
    Trunk,
};
use crate::model::document::{At, Complaint, ComplaintCode, Readable, Spot, Table};
use crate::model::name::TrunkName;

const TRANSPORTS: &[(&str, Transport)] = &[("udp", Transport::Udp), ("tcp", Transport::Tcp), ("tls", Transport::Tls)];
const DIGESTS: &[(&str, PhoneDigest)] =
    &[("md5", PhoneDigest::Md5), ("sha256", PhoneDigest::Sha256), ("both", PhoneDigest::Both)];
/// Most listeners: one for each transport and network interface.
const LISTENERS_MAX: usize = 32;
/// Shortest password of a phone: registrars are guessed at day and night.
const PHONE_PASSWORD_LENGTH_MIN: usize = 12;
/// Shortest session timer, in seconds (RFC 4028 section 5).
const SESSION_EXPIRES_S_MIN: u32 = 90;

pub(super) fn sip(table: &Table<'_>, base: &Path) -> Option<Sip> {
    let listeners = listeners(table);
    let advertised = parsed_if_there::<IpAddr>(table, "advertised", "an address such as 203.0.113.5");
    let certificate = certificate(table, base);
    let domain = table.required_at::<String>("domain").and_then(|domain| {
        if is_host(&domain.value) {
            return Some(domain.value);
        }
        let says = format!("`{}` is not a domain", domain.value);
        table.spot("domain")?.wrong(ComplaintCode::WrongValue, says, "expected one such as lull.local")
    });
    let session_expires_s = table.within("session_expires_s", SESSION_EXPIRES_S_MIN..=86_400, 1800);
    let phone_networks: Option<Vec<Network>> = table.or("phone_networks", Vec::new());
    let phone_digest = table.word("phone_digest", DIGESTS, PhoneDigest::default());
    let authorities_file = text_if_there(table, "authorities_file");
    let resolver = parsed_if_there::<SocketAddr>(table, "resolver", "an address and a port such as 192.0.2.53:53");
    Some(Sip {
        listeners: listeners?,
        advertised: advertised?,
        certificate: certificate?,
        authorities_file: authorities_file?.map(|file| Config::beside(base, &file)),
        resolver: resolver?,
        domain: domain?,
        session_expires_s: session_expires_s?,
        phone_networks: phone_networks?,
        phone_digest: phone_digest?,
    })
}

fn listeners(table: &Table<'_>) -> Option<Vec<SipListener>> {
    let count = match table.spot("listeners") {
        Some(spot) => spot.items("a list of listeners")?.len(),
        None => {
            table.missing("listeners");
            return None;
        }
    };
    let mut listeners: Vec<SipListener> = Vec::new();
    for inner in table.tables("listeners") {
        let transport = inner.word("transport", TRANSPORTS, Transport::Udp);
        let address = parsed(&inner, "address", "an address and a port such as 0.0.0.0:5060");
        if let (Some(transport), Some(address)) = (transport, address) {
            let listener = SipListener { transport, address };
            if listeners.contains(&listener) {
                return inner.spot("address")?.wrong(
                    ComplaintCode::Duplicate,
                    format!("{address} is listed twice"),
                    "remove one of them",
                );
            }
            listeners.push(listener);
        }
    }
    if count == 0 || count > LISTENERS_MAX {
        let expected = format!("expected 1 to {LISTENERS_MAX}");
        return table.spot("listeners")?.wrong(
            ComplaintCode::OutOfRange,
            format!("there are {count} listeners"),
            expected,
        );
    }
    (listeners.len() == count).then_some(listeners)
}

pub(super) fn rtp(table: &Table<'_>) -> Option<Rtp> {
    let address = parsed(table, "address", "an address such as 0.0.0.0");
    let advertised = parsed_if_there(table, "advertised", "an address such as 203.0.113.5");
    let port_min: Option<u16> = table.required_within("port_min", 1024..=65_534);
    let port_max: Option<u16> = table.required_within("port_max", 1025..=65_535);
    let allow_loopback = table.or("allow_loopback", false);
    if let (Some(min), Some(max), Some(spot)) = (port_min, port_max, table.spot("port_min")) {
        if min % 2 == 1 {
            return spot.wrong(ComplaintCode::WrongValue, format!("{min} is odd"), "audio begins at an even port");
        }
        if u32::from(min) + 1 > u32::from(max) {
            let says = format!("port_min {min} is above port_max {max}");
            return spot.wrong(ComplaintCode::Conflict, says, "leave at least two ports, two for each leg");
        }
    }
    Some(Rtp {
        address: address?,
        advertised: advertised?,
        port_min: port_min?,
        port_max: port_max?,
        allow_loopback: allow_loopback?,
    })
}

pub(super) fn trunks(root: &Table<'_>, base: &Path) -> Option<BTreeMap<TrunkName, Trunk>> {
    let mut trunks = BTreeMap::new();
    let mut sound = root.spot("trunks").is_none_or(|spot| spot.is_table());
    for (name, table) in root.named("trunks") {
        match (parse_name::<TrunkName>(&table, &name), trunk(&table, base)) {
            (Some(name), Some(trunk)) => {
                trunks.insert(name, trunk);
            }
            (_, _) => sound = false,
        }
    }
    sound.then_some(trunks)
}

/// Each trunk needs a listener that speaks as it does: what we send leaves from there, and nothing may leave in the clear
/// that was meant to be under TLS.
pub(super) fn spoken(root: &Table<'_>, sip: &Sip, trunks: &BTreeMap<TrunkName, Trunk>) -> Option<()> {
    let mut sound = true;
    for (name, table) in root.named("trunks") {
        // Its keys have been judged when the trunks were read.
        table.accept_rest();
        let trunk = trunks.iter().find(|(known, _)| known.as_str() == name.value).map(|(_, trunk)| trunk);
        let Some(wanted) = trunk.map(|trunk| trunk.transport) else { continue };
        if sip.listeners.iter().any(|listener| listener.transport == wanted) {
            continue;
        }
        let word = TRANSPORTS.iter().find(|(_, transport)| *transport == wanted).map_or("", |(word, _)| *word);
        let port = if wanted == Transport::Tls { 5061 } else { 5060 };
        let (place, key) = match table.spot("transport") {
            Some(spot) => (spot.place(), format!("{}.transport", name.key)),
            None => (name.place, name.key.clone()),
        };
        let says = format!("no listener speaks {word}, so nothing could be sent to this trunk");
        let expected = format!("add {{ transport = \"{word}\", address = \"0.0.0.0:{port}\" }} to sip.listeners");
        table.reader().complain(Complaint::new(ComplaintCode::Conflict, place, &key, says).expecting(expected));
        sound = false;
    }
    sound.then_some(())
}

fn trunk(table: &Table<'_>, base: &Path) -> Option<Trunk> {
    const HEADERS: &[(&str, CallerIdHeader)] = &[
        ("from", CallerIdHeader::From),
        ("p_asserted_identity", CallerIdHeader::PAssertedIdentity),
        ("p_preferred_identity", CallerIdHeader::PPreferredIdentity),
        ("remote_party_id", CallerIdHeader::RemotePartyId),
    ];
    let targets: Option<Vec<Target>> = table.required("targets");
    if let (Some(targets), Some(spot)) = (&targets, table.spot("targets"))
        && targets.is_empty()
    {
        spot.wrong::<()>(ComplaintCode::WrongValue, "the list is empty", "name at least one host and port");
    }
    let transport = table.word("transport", TRANSPORTS, Transport::Udp);
    let sources = table.or("sources", Vec::new());
    let username = text_if_there(table, "username");
    let password = password(table, base);
    let realm = text_if_there(table, "realm");
    if let (Some(Some(_)), Some(None)) = (&password, &username) {
        table.missing("username");
    }
    let caller_id_header = table.word("caller_id_header", HEADERS, CallerIdHeader::From);
    let number_form =
        table.word("number_form", &[("plus", NumberForm::Plus), ("digits", NumberForm::Digits)], NumberForm::Plus);
    let channels_max = table.required_within("channels_max", 1..=100_000);
    let calls_per_second = table.required_within("calls_per_second", 0.01..=1000.0);
    let burst = table.within("burst", 1..=3, 1);
    let keep_alive_s = table.within("keep_alive_s", 0..=3600, 30);
    let codecs = codecs(table, &[Codec::Pcma, Codec::Pcmu]);
    let nat = table.or("nat", false);
    let allowed_prefixes = prefixes(table, "allowed_prefixes");
    let denied_prefixes = prefixes(table, "denied_prefixes");
    Some(Trunk {
        targets: targets?,
        transport: transport?,
        sources: sources?,
        username: username?,
        password: password?,
        realm: realm?,
        caller_id_header: caller_id_header?,
        number_form: number_form?,
        channels_max: channels_max?,
        calls_per_second: calls_per_second?,
        burst: burst?,
        keep_alive_s: keep_alive_s?,
        codecs: codecs?,
        nat: nat?,
        allowed_prefixes: allowed_prefixes?,
        denied_prefixes: denied_prefixes?,
    })
}

fn prefixes(table: &Table<'_>, key: &'static str) -> Option<Vec<String>> {
    let Some(spot) = table.spot(key) else { return Some(Vec::new()) };
    let mut prefixes = Vec::new();
    for item in spot.items("a list of prefixes")? {
        let text = item.text("a prefix such as \"+86\"")?;
        let digits = text.strip_prefix('+').unwrap_or("");
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return item.wrong(
                ComplaintCode::WrongValue,
                format!("`{text}` is not a prefix"),
                "expected one such as \"+86\"",
            );
        }
        prefixes.push(text.to_owned());
    }
    Some(prefixes)
}

pub(super) fn phones(root: &Table<'_>, base: &Path) -> Option<BTreeMap<String, Phone>> {
    let mut phones = BTreeMap::new();
    let mut sound = root.spot("phones").is_none_or(|spot| spot.is_table());
    for (name, table) in root.named("phones") {
        let fits = !name.value.is_empty()
            && name.value.len() <= crate::model::name::NAME_LENGTH_MAX
            && name
                .value
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.'));
        if !fits {
            let says = format!("`{}` cannot be the name of a phone", name.value);
            let complaint = Complaint::new(ComplaintCode::WrongValue, name.place, &name.key, says);
            let expected = "expected lower-case letters, digits, `-`, `_` and `.`";
            table.reader().complain(complaint.expecting(expected));
            sound = false;
        }
        match phone(&table, base) {
            Some(phone) => {
                phones.insert(name.value, phone);
            }
            None => sound = false,
        }
    }
    sound.then_some(phones)
}

fn phone(table: &Table<'_>, base: &Path) -> Option<Phone> {
    let password = password(table, base);
    if let Some(None) = password {
        table.missing("password_file");
    }
    let nat = table.or("nat", false);
    let codecs = codecs(table, &[Codec::Pcmu, Codec::Pcma]);
    let password = password??;
    if password.reveal().chars().count() < PHONE_PASSWORD_LENGTH_MIN {
        let spot = table.spot("password").or_else(|| table.spot("password_file"))?;
        let expected = format!("expected at least {PHONE_PASSWORD_LENGTH_MIN} characters");
        return spot.wrong(ComplaintCode::WrongValue, "the password is too short", expected);
    }
    Some(Phone { password, nat: nat?, codecs: codecs? })
}

/// A key as a name.
pub(super) fn parse_name<T: std::str::FromStr<Err: std::fmt::Display>>(
    table: &Table<'_>,
    name: &At<String>,
) -> Option<T> {
    match name.value.parse() {
        Ok(name) => Some(name),
        Err(error) => {
            table.reader().complain(Complaint::new(
                ComplaintCode::WrongValue,
                name.place,
                &name.key,
                format!("{error}"),
            ));
            None
        }
    }
}

impl Readable for Network {
    fn read(spot: &Spot<'_>) -> Option<Network> {
        spot.parsed("a network such as 10.0.0.0/8")
    }
}

impl Readable for Target {
    fn read(spot: &Spot<'_>) -> Option<Target> {
        const EXPECTED: &str = "HOST:PORT such as sip.example.com:5060 or [2001:db8::5]:5060, or srv:DOMAIN";
        let text = spot.text(EXPECTED)?;
        let wrong = || {
            spot.wrong(ComplaintCode::WrongValue, format!("`{text}` is not a target"), format!("expected {EXPECTED}"))
        };
        if let Some(domain) = text.strip_prefix("srv:") {
            return if is_host(domain) { Some(Target::Srv { domain: domain.to_owned() }) } else { wrong() };
        }
        if let Ok(address) = text.parse::<std::net::SocketAddr>() {
            return Some(Target::Host { host: address.ip().to_string(), port: address.port() });
        }
        match text.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>())) {
            Some((host, Ok(port))) if is_host(host) && port > 0 => Some(Target::Host { host: host.to_owned(), port }),
            Some(_) | None => wrong(),
        }
    }
}

/// A DNS name or an IPv4 address.
fn is_host(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        })
}
