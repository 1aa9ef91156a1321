//! SMS: what becomes of them, which alphabet a text needs and into how many parts it is split.
//!
//! One place for the counter that people see before they send and for the parts that are sent. Alphabet and lengths are
//! those of 3GPP TS 23.038 (6.2.1, 6.2.1.1) and 23.040 (9.2.3.24.1, concatenation with a reference of 8 bits).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::name::GatewayName;

/// Units of one part: septets of the GSM alphabet or UTF-16 code units.
const ALONE_GSM: usize = 160;
const ALONE_UCS2: usize = 70;
/// With the header that ties parts together, of six octets.
const JOINED_GSM: usize = 153;
const JOINED_UCS2: usize = 67;
/// Most parts of a message: more is a mistake, and the price of as many messages.
pub const PARTS_MAX: usize = 10;
/// More octets than that many parts can have, whatever the characters.
const TEXT_OCTETS_MAX: usize = 4 * 153 * PARTS_MAX;

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// Ours: it waits for its gateway.
    Queued,
    /// Ours: it is being handed to the gateway. From here on it is never sent a second time.
    Sending,
    /// Ours: the gateway has taken it.
    Sent,
    /// Ours: it is on the customer's phone.
    Delivered,
    /// Ours: it never will be.
    Undeliverable,
    /// Ours: the network gave up.
    Expired,
    /// Ours: the gateway did not take it.
    Rejected,
    /// Ours: whether the gateway took it, or what became of it, is not known.
    Unknown,
    /// Ours: the number was suppressed before it left.
    Suppressed,
    /// The customer's.
    Received,
}

impl MessageState {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            MessageState::Queued => "queued",
            MessageState::Sending => "sending",
            MessageState::Sent => "sent",
            MessageState::Delivered => "delivered",
            MessageState::Undeliverable => "undeliverable",
            MessageState::Expired => "expired",
            MessageState::Rejected => "rejected",
            MessageState::Unknown => "unknown",
            MessageState::Suppressed => "suppressed",
            MessageState::Received => "received",
        }
    }
}

/// Why a message cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{says}")]
pub struct Unfit {
    /// What is wrong: `gateway`, `sender` or `text`.
    pub field: &'static str,
    /// A stable word for it.
    pub code: &'static str,
    /// In a sentence.
    pub says: String,
}

/// The gateway and the sender of a message. `senders`: those of each gateway, the usual one first. What is not named is chosen
/// where there is no choice.
///
/// # Errors
/// Names what is there.
pub fn way(
    senders: &BTreeMap<GatewayName, Vec<String>>,
    gateway: Option<&GatewayName>,
    sender: Option<&str>,
) -> Result<(GatewayName, String), Unfit> {
    let names = || senders.keys().map(GatewayName::as_str).collect::<Vec<_>>().join(", ");
    let unfit = |field, code, says| Unfit { field, code, says };
    let found = match (gateway, senders.len()) {
        (_, 0) => {
            let says = "there is no SMS gateway; add one to the configuration, [gateways.NAME]".to_owned();
            return Err(unfit("gateway", "no_gateway", says));
        }
        (Some(name), _) => senders.get_key_value(name).ok_or_else(|| {
            unfit("gateway", "unknown_name", format!("`{name}` is not a gateway; expected one of: {}", names()))
        })?,
        (None, 1) => senders.first_key_value().ok_or_else(|| unfit("gateway", "no_gateway", names()))?,
        (None, _) => {
            return Err(unfit("gateway", "missing", format!("there are several gateways; name one of: {}", names())));
        }
    };
    let (name, its) = found;
    let sender = match sender {
        None => its.first().cloned().unwrap_or_default(),
        Some(sender) if its.iter().any(|one| one == sender) => sender.to_owned(),
        Some(sender) => {
            let says = format!("`{sender}` is not a sender of {name}; expected one of: {}", its.join(", "));
            return Err(unfit("sender", "unknown_name", says));
        }
    };
    Ok((name.clone(), sender))
}

/// Whether a text can be sent as one message.
///
/// # Errors
/// Says how long it is.
pub fn fit(text: &str) -> Result<(), Unfit> {
    if text.trim().is_empty() {
        return Err(Unfit { field: "text", code: "empty", says: "a message must say something".to_owned() });
    }
    // So much is never one message; splitting it would be work for nothing.
    let octets = text.len();
    let count = if octets > TEXT_OCTETS_MAX { usize::MAX } else { parts(text).texts.len() };
    if count == usize::MAX {
        let says = format!("it has {octets} octets; at most {PARTS_MAX} SMS are sent as one message");
        return Err(Unfit { field: "text", code: "too_long", says });
    }
    if count > PARTS_MAX {
        let says = format!("it takes {count} SMS; at most {PARTS_MAX} are sent as one message");
        return Err(Unfit { field: "text", code: "too_long", says });
    }
    Ok(())
}

/// How characters are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Alphabet {
    /// The GSM 7 bit default alphabet, with its extension table.
    Gsm,
    /// UTF-16, big endian, which networks call UCS-2.
    Ucs2,
}

/// A text as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts<'t> {
    /// Of all parts.
    pub alphabet: Alphabet,
    /// The text of each, in order; joined they are the whole. At least one.
    pub texts: Vec<&'t str>,
    /// Units that the last part has room for.
    pub room: usize,
}

/// The default alphabet: the place of a character is its code. The escape at 0x1b is no character.
const GSM: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{1b}ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// The extension table: each after an escape.
const GSM_EXTENDED: &[(char, u8)] = &[
    ('\u{c}', 0x0a),
    ('^', 0x14),
    ('{', 0x28),
    ('}', 0x29),
    ('\\', 0x2f),
    ('[', 0x3c),
    ('~', 0x3d),
    (']', 0x3e),
    ('|', 0x40),
    ('€', 0x65),
];
const ESCAPE: u8 = 0x1b;

/// Splits a text into the parts that are sent. No character is torn: neither an escape from what it escapes, nor the two
/// units of a character beyond the Basic Multilingual Plane.
pub fn parts(text: &str) -> Parts<'_> {
    let alphabet = if text.chars().all(|character| septets(character) > 0) { Alphabet::Gsm } else { Alphabet::Ucs2 };
    let (alone, joined) = match alphabet {
        Alphabet::Gsm => (ALONE_GSM, JOINED_GSM),
        Alphabet::Ucs2 => (ALONE_UCS2, JOINED_UCS2),
    };
    let units = |character: char| match alphabet {
        Alphabet::Gsm => septets(character),
        Alphabet::Ucs2 => character.len_utf16(),
    };
    let whole: usize = text.chars().map(units).sum();
    if whole <= alone {
        return Parts { alphabet, texts: vec![text], room: alone - whole };
    }
    let (mut texts, mut begin, mut taken) = (Vec::new(), 0, 0);
    for (at, character) in text.char_indices() {
        let more = units(character);
        if taken + more > joined {
            texts.extend(text.get(begin..at));
            (begin, taken) = (at, 0);
        }
        taken += more;
    }
    texts.extend(text.get(begin..));
    Parts { alphabet, texts, room: joined - taken }
}

/// A part as octets: one septet each in the GSM alphabet, as SMPP and HTTP carry them, or UTF-16 big endian. What is not in
/// the alphabet becomes a question mark; [`parts`] chooses one that has everything.
pub fn octets(alphabet: Alphabet, text: &str) -> Vec<u8> {
    match alphabet {
        Alphabet::Ucs2 => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        Alphabet::Gsm => {
            let mut octets = Vec::with_capacity(text.len());
            for character in text.chars() {
                match (basic(character), extended(character)) {
                    (Some(code), _) => octets.push(code),
                    (None, Some(code)) => octets.extend([ESCAPE, code]),
                    (None, None) => octets.push(b'?'),
                }
            }
            octets
        }
    }
}

/// The text of octets that came: what cannot be read becomes U+FFFD, nothing is left out.
pub fn text(alphabet: Alphabet, octets: &[u8]) -> String {
    match alphabet {
        Alphabet::Ucs2 => {
            let pairs = octets.chunks(2).map(|pair| match pair {
                [high, low] => u16::from_be_bytes([*high, *low]),
                _ => u16::from_be_bytes([0xff, 0xfd]),
            });
            char::decode_utf16(pairs).map(|read| read.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        Alphabet::Gsm => {
            let mut text = String::with_capacity(octets.len());
            let mut octets = octets.iter().copied();
            while let Some(octet) = octets.next() {
                let read = if octet == ESCAPE {
                    // An unknown escape is shown as the character that it would be without (23.038, 6.2.1.1).
                    octets.next().and_then(|code| of_extended(code).or_else(|| of_basic(code)))
                } else {
                    of_basic(octet)
                };
                text.push(read.unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            text
        }
    }
}

/// Septets of a character; 0: it is not in the alphabet.
fn septets(character: char) -> usize {
    match (basic(character), extended(character)) {
        (Some(_), _) => 1,
        (None, Some(_)) => 2,
        (None, None) => 0,
    }
}

fn basic(character: char) -> Option<u8> {
    // Most characters have in it the place that they have in ASCII.
    if matches!(character, ' '..='#' | '%'..='?' | 'A'..='Z' | 'a'..='z') {
        return u8::try_from(character).ok();
    }
    if u32::from(character) == u32::from(ESCAPE) {
        return None;
    }
    GSM.chars().position(|one| one == character).and_then(|place| u8::try_from(place).ok())
}

fn extended(character: char) -> Option<u8> {
    GSM_EXTENDED.iter().find(|(one, _)| *one == character).map(|(_, code)| *code)
}

fn of_basic(code: u8) -> Option<char> {
    GSM.chars().nth(usize::from(code)).filter(|_| code != ESCAPE)
}

fn of_extended(code: u8) -> Option<char> {
    GSM_EXTENDED.iter().find(|(_, one)| *one == code).map(|(character, _)| *character)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counted(text: &str) -> (Alphabet, usize, usize) {
        let parts = parts(text);
        (parts.alphabet, parts.texts.len(), parts.room)
    }

    #[test]
    fn the_alphabet_has_128_places_and_each_character_one() {
        assert_eq!(GSM.chars().count(), 128);
        for (place, character) in GSM.chars().enumerate().filter(|(place, _)| *place != usize::from(ESCAPE)) {
            assert_eq!(basic(character).map(usize::from), Some(place), "{character:?}");
        }
        assert_eq!(
            (basic('$'), basic('@'), basic('à'), basic('\u{1b}'), basic('是')),
            (Some(2), Some(0), Some(127), None, None)
        );
    }

    #[test]
    fn lengths_are_those_of_the_standard() {
        assert_eq!(counted(""), (Alphabet::Gsm, 1, 160));
        assert_eq!(counted(&"a".repeat(160)), (Alphabet::Gsm, 1, 0));
        assert_eq!(counted(&"a".repeat(161)), (Alphabet::Gsm, 2, 145));
        assert_eq!(counted(&"a".repeat(306)), (Alphabet::Gsm, 2, 0));
        assert_eq!(counted(&"a".repeat(307)), (Alphabet::Gsm, 3, 152));
        assert_eq!(counted(&"€".repeat(80)), (Alphabet::Gsm, 1, 0));
        assert_eq!(counted(&"是".repeat(70)), (Alphabet::Ucs2, 1, 0));
        assert_eq!(counted(&"是".repeat(71)), (Alphabet::Ucs2, 2, 63));
        assert_eq!(counted(&format!("{}是", "a".repeat(69))), (Alphabet::Ucs2, 1, 0));
    }

    #[test]
    fn no_character_is_torn_between_two_parts() {
        // The euro sign takes two septets, of which only one would fit.
        let text = format!("{}€{}", "a".repeat(152), "b".repeat(20));
        let split = parts(&text);
        assert_eq!((split.texts[0].len(), split.texts[1].chars().next()), (152, Some('€')));
        let text = format!("{}😀{}", "是".repeat(66), "是".repeat(20));
        let split = parts(&text);
        assert_eq!((split.texts[0].chars().count(), split.texts[1].chars().next()), (66, Some('😀')));
    }

    #[test]
    fn octets_are_those_of_the_standard() {
        assert_eq!(octets(Alphabet::Gsm, "@a€ü"), [0x00, 0x61, 0x1b, 0x65, 0x7e]);
        assert_eq!(octets(Alphabet::Ucs2, "是😀"), [0x66, 0x2f, 0xd8, 0x3d, 0xde, 0x00]);
        assert_eq!(text(Alphabet::Gsm, &[0x1b, 0x61, 0x80, 0x1b]), "a\u{fffd}\u{fffd}");
        assert_eq!(text(Alphabet::Ucs2, &[0xd8, 0x3d, 0x00]), "\u{fffd}\u{fffd}");
    }

    #[test]
    fn what_is_not_named_is_chosen_where_there_is_no_choice() {
        let name = |text: &str| text.parse::<GatewayName>().unwrap();
        let one = BTreeMap::from([(name("a"), vec!["+1".to_owned(), "Lull".to_owned()])]);
        let two = BTreeMap::from([(name("a"), vec!["+1".to_owned()]), (name("b"), vec!["+2".to_owned()])]);
        assert_eq!(way(&one, None, None), Ok((name("a"), "+1".to_owned())));
        assert_eq!(way(&one, None, Some("Lull")), Ok((name("a"), "Lull".to_owned())));
        assert_eq!(way(&two, Some(&name("b")), None), Ok((name("b"), "+2".to_owned())));
        let none = BTreeMap::new();
        let wrong = |senders, gateway: Option<&str>, sender| {
            let unfit = way(senders, gateway.map(name).as_ref(), sender).unwrap_err();
            (unfit.field, unfit.code)
        };
        assert_eq!(wrong(&none, None, None), ("gateway", "no_gateway"));
        assert_eq!(wrong(&two, None, None), ("gateway", "missing"));
        assert_eq!(wrong(&two, Some("c"), None), ("gateway", "unknown_name"));
        assert_eq!(wrong(&one, None, Some("+2")), ("sender", "unknown_name"));
        assert_eq!(fit(" \n").map_err(|unfit| unfit.code), Err("empty"));
        assert_eq!(fit(&"是".repeat(670)), Ok(()));
        assert_eq!(fit(&"是".repeat(671)).map_err(|unfit| unfit.code), Err("too_long"));
    }

    proptest! {
        #[test]
        fn every_text_is_its_parts_and_comes_back_from_their_octets(whole in ".{0,400}") {
            let split = parts(&whole);
            prop_assert_eq!(split.texts.concat(), whole.clone());
            let most = match (split.alphabet, split.texts.len()) {
                (Alphabet::Gsm, 1) => ALONE_GSM,
                (Alphabet::Gsm, _) => JOINED_GSM,
                (Alphabet::Ucs2, 1) => 2 * ALONE_UCS2,
                (Alphabet::Ucs2, _) => 2 * JOINED_UCS2,
            };
            let mut back = String::new();
            for part in &split.texts {
                let octets = octets(split.alphabet, part);
                prop_assert!(octets.len() <= most);
                back.push_str(&text(split.alphabet, &octets));
            }
            prop_assert_eq!(back, whole);
        }

        #[test]
        fn no_octets_bring_it_to_a_stop(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(text(Alphabet::Gsm, &octets).chars().count() <= octets.len());
            prop_assert!(text(Alphabet::Ucs2, &octets).chars().count() <= octets.len().div_ceil(2));
        }
    }
}
