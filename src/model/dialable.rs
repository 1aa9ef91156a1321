//! Reads phone numbers as people write them, and says which time zones they may be in.
//!
//! Not the number itself, which is [`PhoneNumber`], and not a decision to dial, which is the guard's. Read [`read`],
//! [`Dialable`] and [`NotDialable`] first.
//!
//! What can be read in only one way is accepted, whatever its punctuation; what a spreadsheet has damaged, or what needs
//! a guess, is refused with advice. Numbers that no campaign should call (emergency, premium rate, service lines) are
//! refused too.

mod zones;

use std::fmt;
use std::str::FromStr;

use rlibphonenumber::{PHONE_NUMBER_UTIL, ParseError, PhoneNumberFormat, PhoneNumberType, ValidationError};
use serde::{Deserialize, Serialize};

pub use zones::ZONE_DATA_VERSION;

use super::phone::PhoneNumber;
use super::zone::Zone;

/// Longest text that is looked at, in bytes: four times the longest number with generous punctuation.
const TEXT_LENGTH_MAX: usize = 96;
/// Numbers that reach the police, the fire brigade or an ambulance somewhere, as dialled.
const EMERGENCY: [&str; 15] =
    ["000", "061", "110", "111", "112", "113", "115", "117", "118", "119", "120", "122", "911", "995", "999"];
/// Longest short code, in digits. Nobody's telephone has a number this short.
const SHORT_CODE_DIGITS_MAX: usize = 6;

/// A country or territory by its ISO 3166 code, in whose national form numbers may be written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(rlibphonenumber::Region);

/// A text is not the code of a region with telephone numbers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a region; expected a two-letter country code such as CN, GB or US")]
pub struct UnknownRegion(pub String);

impl FromStr for Region {
    type Err = UnknownRegion;
    fn from_str(text: &str) -> Result<Region, UnknownRegion> {
        let unknown = || UnknownRegion(text.to_owned());
        let region = rlibphonenumber::Region::from_code(text).map_err(|_| unknown())?;
        PHONE_NUMBER_UTIL.get_country_code_for_region(region).map(|_| Region(region)).ok_or_else(unknown)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.as_region_str())
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Region {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.as_region_str())
    }
}

impl<'de> Deserialize<'de> for Region {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Region, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A number that could be dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialable {
    /// In E.164.
    pub number: PhoneNumber,
    /// Every time zone it may be in. It tells where the number was issued, not where its owner is.
    pub zones: &'static [Zone],
    /// Where the number belongs, if one region can be told.
    pub region: Option<Region>,
}

/// Why a text is not taken as a number to dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotDialable {
    /// Nothing is written.
    Empty,
    /// A spreadsheet has turned it into scientific notation: digits are lost.
    Scientific,
    /// A spreadsheet or a script has turned it into a decimal number.
    Decimal,
    /// Several numbers in one field.
    SeveralNumbers,
    /// It has an extension, which only a person can dial.
    Extension,
    /// No number in it, or letters.
    NotANumber,
    /// It is national, and the list names no region.
    NoRegion,
    /// No country has this code.
    CountryUnknown,
    /// International, but without its `+`.
    MissingPlus,
    /// It would be right with a zero in front.
    MissingZero,
    /// Without its area code.
    LocalOnly,
    /// Too few digits.
    TooShort,
    /// Too many digits.
    TooLong,
    /// The right length, but no such number is in use in its country.
    NotInUse,
    /// An emergency number.
    Emergency,
    /// Premium rate or shared cost.
    Premium,
    /// Toll-free, a short code or another service line: nobody's own telephone.
    Service,
}

impl NotDialable {
    /// A stable code for files, logs and translations.
    pub fn code(self) -> &'static str {
        match self {
            NotDialable::Empty => "empty",
            NotDialable::Scientific => "scientific",
            NotDialable::Decimal => "decimal",
            NotDialable::SeveralNumbers => "several_numbers",
            NotDialable::Extension => "extension",
            NotDialable::NotANumber => "not_a_number",
            NotDialable::NoRegion => "no_region",
            NotDialable::CountryUnknown => "country_unknown",
            NotDialable::MissingPlus => "missing_plus",
            NotDialable::MissingZero => "missing_zero",
            NotDialable::LocalOnly => "local_only",
            NotDialable::TooShort => "too_short",
            NotDialable::TooLong => "too_long",
            NotDialable::NotInUse => "not_in_use",
            NotDialable::Emergency => "emergency",
            NotDialable::Premium => "premium",
            NotDialable::Service => "service",
        }
    }
}

/// What is wrong and what to do about it, as one sentence without the number.
impl fmt::Display for NotDialable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotDialable::Empty => "no number is given; fill in the column or remove the row",
            NotDialable::Scientific => {
                "a spreadsheet has turned the number into scientific notation and lost digits; format the column as text \
                 and export it again from the source"
            }
            NotDialable::Decimal => {
                "the number has become a decimal number; format the column as text and export it again"
            }
            NotDialable::SeveralNumbers => "the field holds several numbers; give one, or one row for each",
            NotDialable::Extension => "the number has an extension, which cannot be dialled by itself; give a direct line",
            NotDialable::NotANumber => "this is not a telephone number; expected digits, as in +8613800138000",
            NotDialable::NoRegion => {
                "the number is written in national form; write it with + and the country code, or give the list a region"
            }
            NotDialable::CountryUnknown => "no country has this country code; check the digits after the +",
            NotDialable::MissingPlus => "this looks like an international number without its +; write the + in front",
            NotDialable::MissingZero => {
                "the leading zero seems to be lost, as spreadsheets do; format the column as text and put it back"
            }
            NotDialable::LocalOnly => "the area code is missing; write the number with it",
            NotDialable::TooShort => "the number has too few digits for its country; check it at the source",
            NotDialable::TooLong => "the number has too many digits for its country; check it at the source",
            NotDialable::NotInUse => "no such number is in use in its country; check that no digit is missing or too many, and the list's region",
            NotDialable::Emergency => "this is an emergency number, which is never dialled; remove the row",
            NotDialable::Premium => "this is a premium-rate or shared-cost number, which is never dialled; remove the row",
            NotDialable::Service => "this is a service line and not a person's telephone; remove the row",
        })
    }
}

impl std::error::Error for NotDialable {}

/// Reads a number as people write it: with or without `+`, spaces, brackets, hyphens, full-width digits. What is in
/// national form is read as of `region`.
pub fn read(text: &str, region: Option<Region>) -> Result<Dialable, NotDialable> {
    let text = plain(text)?;
    refuse_damage(&text)?;
    let national = !text.starts_with('+');
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if national && digits.len() <= SHORT_CODE_DIGITS_MAX {
        return Err(short_code(&digits, &text));
    }
    let parsed = match PHONE_NUMBER_UTIL.parse(&text, region.map(|r| r.0)) {
        Ok(parsed) => parsed,
        Err(ParseError::InvalidCountryCode) if national && region.is_none() => return Err(NotDialable::NoRegion),
        Err(error) => return Err(unparsed(&error)),
    };
    if parsed.extension.as_deref().is_some_and(|extension| !extension.is_empty()) {
        return Err(NotDialable::Extension);
    }
    if !parsed.is_valid() {
        return Err(unusable(&parsed, national.then_some((digits.as_str(), region))));
    }
    match parsed.get_type() {
        PhoneNumberType::PremiumRate | PhoneNumberType::SharedCost => return Err(NotDialable::Premium),
        PhoneNumberType::TollFree | PhoneNumberType::Pager | PhoneNumberType::UAN | PhoneNumberType::VoiceMail => {
            return Err(NotDialable::Service);
        }
        PhoneNumberType::FixedLine
        | PhoneNumberType::Mobile
        | PhoneNumberType::FixedLineOrMobile
        | PhoneNumberType::VoIP
        | PhoneNumberType::PersonalNumber
        | PhoneNumberType::Unknown => {}
    }
    let number =
        PhoneNumber::from_e164(&parsed.format_as(PhoneNumberFormat::E164)).map_err(|_| NotDialable::NotANumber)?;
    let zones = zones::zones_of(&number, &parsed);
    Ok(Dialable { number, zones, region: parsed.get_region_code().map(Region) })
}

/// Whether a call to the number costs more than a call: premium rate or shared cost.
pub fn is_premium(number: &PhoneNumber) -> bool {
    PHONE_NUMBER_UTIL
        .parse(number.as_str(), None)
        .is_ok_and(|parsed| matches!(parsed.get_type(), PhoneNumberType::PremiumRate | PhoneNumberType::SharedCost))
}

/// Whether a number is one of the fixed network, which no SMS reaches.
pub fn is_landline(number: &PhoneNumber) -> bool {
    PHONE_NUMBER_UTIL
        .parse(number.as_str(), None)
        .is_ok_and(|parsed| matches!(parsed.get_type(), PhoneNumberType::FixedLine))
}

/// A number as it is dialled within its country, without a prefix for long distance: `13800138000`.
pub fn national(number: &PhoneNumber) -> String {
    match PHONE_NUMBER_UTIL.parse(number.as_str(), None) {
        Ok(parsed) => parsed.get_national_significant_number(),
        Err(_) => number.digits().to_owned(),
    }
}

/// Every time zone a number may be in; empty if no country has its code.
///
/// Mobile and toll-free numbers are not bound to a place in most countries, whatever their digits: they get every zone
/// of the country.
pub fn zones_of(number: &PhoneNumber) -> &'static [Zone] {
    match PHONE_NUMBER_UTIL.parse(number.as_str(), None) {
        Ok(parsed) => zones::zones_of(number, &parsed),
        Err(_) => &[],
    }
}

/// ASCII digits and punctuation; what cannot be seen is dropped.
fn plain(text: &str) -> Result<String, NotDialable> {
    if text.len() > TEXT_LENGTH_MAX {
        return Err(NotDialable::NotANumber);
    }
    let plain: String = text
        .chars()
        .filter_map(|c| match c {
            // Full-width forms, U+FF01 to U+FF5E, stand for ASCII 0x21 to 0x7E.
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0),
            // Zero-width characters and direction marks come along when numbers are copied from chats and contacts.
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => {
                None
            }
            '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}' | '\t' => Some(' '),
            '\u{2010}'..='\u{2015}' | '\u{2212}' => Some('-'),
            other => Some(other),
        })
        .collect();
    // Excel writes an apostrophe in front of what shall stay text.
    let plain = plain.trim().trim_start_matches('\'').trim();
    if plain.is_empty() { Err(NotDialable::Empty) } else { Ok(plain.to_owned()) }
}

/// What programs do to numbers, and what a number parser would silently make another number of.
fn refuse_damage(text: &str) -> Result<(), NotDialable> {
    if let Some((mantissa, exponent)) = text.split_once(['e', 'E'])
        && mantissa.bytes().any(|b| b.is_ascii_digit())
        && mantissa.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b',' | b'+' | b'-'))
        && exponent.trim_start_matches(['+', '-']).bytes().all(|b| b.is_ascii_digit())
    {
        return Err(NotDialable::Scientific);
    }
    if let Some((whole, fraction)) = text.split_once('.')
        && whole.len() > SHORT_CODE_DIGITS_MAX
        && whole.bytes().all(|b| b.is_ascii_digit())
        && fraction.bytes().all(|b| b == b'0')
    {
        return Err(NotDialable::Decimal);
    }
    let parts = text.split(['/', ';', ',', '、', '|', '\n']);
    if parts.filter(|part| part.bytes().filter(u8::is_ascii_digit).count() >= 5).count() > 1 {
        return Err(NotDialable::SeveralNumbers);
    }
    if text.contains('#') && text.bytes().any(|b| b.is_ascii_digit()) {
        return Err(NotDialable::Extension);
    }
    // Letters would be read as the digits of a keypad.
    let lower = text.to_ascii_lowercase();
    let body = lower.strip_prefix("tel:").unwrap_or(&lower);
    let letters: String = body.chars().filter(|c| c.is_alphabetic()).collect();
    match letters.as_str() {
        "" => Ok(()),
        "x" | "ext" | "extension" | "转" => Err(NotDialable::Extension),
        _ => Err(NotDialable::NotANumber),
    }
}

fn short_code(digits: &str, text: &str) -> NotDialable {
    if digits.is_empty() || digits.len() != text.chars().filter(|c| c.is_alphanumeric()).count() {
        NotDialable::NotANumber
    } else if EMERGENCY.contains(&digits) {
        NotDialable::Emergency
    } else if (3..=SHORT_CODE_DIGITS_MAX).contains(&digits.len()) {
        NotDialable::Service
    } else {
        NotDialable::TooShort
    }
}

fn unparsed(error: &ParseError) -> NotDialable {
    match error {
        ParseError::InvalidCountryCode => NotDialable::CountryUnknown,
        ParseError::NotANumber(_) => NotDialable::NotANumber,
        ParseError::TooShortAfterIdd | ParseError::TooShortNsn => NotDialable::TooShort,
        ParseError::TooLongNsn => NotDialable::TooLong,
    }
}

/// Why a number that has the form of one is none, with the likely damage first.
fn unusable(parsed: &rlibphonenumber::PhoneNumber, national: Option<(&str, Option<Region>)>) -> NotDialable {
    if let Some((digits, region)) = national {
        let valid = |text: String, region: Option<Region>| {
            PHONE_NUMBER_UTIL.parse(&text, region.map(|r| r.0)).is_ok_and(|number| number.is_valid())
        };
        if !digits.starts_with('0') && valid(format!("0{digits}"), region) {
            return NotDialable::MissingZero;
        }
        if !digits.starts_with('0') && valid(format!("+{digits}"), None) {
            return NotDialable::MissingPlus;
        }
    }
    match parsed.is_possible_with_reason() {
        Ok(rlibphonenumber::NumberLengthType::IsPossibleLocalOnly) => NotDialable::LocalOnly,
        Ok(rlibphonenumber::NumberLengthType::IsPossible) => NotDialable::NotInUse,
        Err(ValidationError::TooShort) => NotDialable::TooShort,
        Err(ValidationError::TooLong) => NotDialable::TooLong,
        Err(ValidationError::InvalidCountryCode) => NotDialable::CountryUnknown,
        Err(ValidationError::InvalidLength) => NotDialable::NotInUse,
    }
}

#[cfg(test)]
mod tests;
