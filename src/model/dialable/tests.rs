use proptest::prelude::*;

use super::*;

fn region(code: &str) -> Option<Region> {
    Some(code.parse().unwrap())
}

fn number(text: &str, code: &str) -> String {
    read(text, region(code)).map_or_else(|error| panic!("{text}: {error}"), |d| d.number.to_string())
}

fn zone_names(e164: &str) -> Vec<&'static str> {
    zones_of(&PhoneNumber::from_e164(e164).unwrap()).iter().map(Zone::name).collect()
}

#[test]
fn one_number_is_read_from_every_way_people_write_it() {
    for text in [
        "13800138000",
        "138 0013 8000",
        "138-0013-8000",
        "+86 138 0013 8000",
        "8613800138000",
        "008613800138000",
        "(+86) 13800138000",
        "１３８００１３８０００",
        "＋８６　１３８００１３８０００",
        "\u{feff}\u{202a}+86 138\u{a0}0013\u{2011}8000\u{202c}",
        "'13800138000",
        "tel:+8613800138000",
    ] {
        assert_eq!(number(text, "CN"), "+8613800138000", "{text:?}");
    }
    assert_eq!(number("020 7183 8750", "GB"), "+442071838750");
    assert_eq!(number("7911 123456", "GB"), "+447911123456", "the trunk zero may be left out");
    assert_eq!(number("010-82345678", "CN"), "+861082345678");
    assert_eq!(number("(208) 555-1234", "US"), "+12085551234");
    assert_eq!(number("+44 20 7183 8750", "CN"), "+442071838750", "a plus overrides the list's region");
}

#[test]
fn every_refusal_has_its_own_code() {
    for (text, code, expected) in [
        ("", "CN", NotDialable::Empty),
        (" \u{3000}\u{feff}", "CN", NotDialable::Empty),
        ("1.38E+10", "CN", NotDialable::Scientific),
        ("1,38001E+10", "CN", NotDialable::Scientific),
        ("13800138000.0", "CN", NotDialable::Decimal),
        ("13800138000/13900139000", "CN", NotDialable::SeveralNumbers),
        ("13800138000、13900139000", "CN", NotDialable::SeveralNumbers),
        ("020 7183 8750 ext 5", "GB", NotDialable::Extension),
        ("010-82345678转802", "CN", NotDialable::Extension),
        ("n/a", "CN", NotDialable::NotANumber),
        ("无", "CN", NotDialable::NotANumber),
        ("1-800-FLOWERS", "US", NotDialable::NotANumber),
        ("+999 12345678", "CN", NotDialable::CountryUnknown),
        ("8613800138000", "GB", NotDialable::MissingPlus),
        ("612345678", "IT", NotDialable::MissingZero),
        ("+86 138001380", "CN", NotDialable::NotInUse),
        ("1380013800", "CN", NotDialable::NotInUse),
        ("138001380001", "CN", NotDialable::NotInUse),
        ("+86 1380013800012345", "CN", NotDialable::TooLong),
        ("+86 12", "CN", NotDialable::TooShort),
        ("110", "CN", NotDialable::Emergency),
        ("999", "GB", NotDialable::Emergency),
        ("12", "CN", NotDialable::TooShort),
        ("10086", "CN", NotDialable::Service),
        ("95588", "CN", NotDialable::Service),
        ("+1 800 356 9377", "US", NotDialable::Service),
        ("0909 879 0000", "GB", NotDialable::Premium),
    ] {
        assert_eq!(read(text, region(code)).map(|d| d.number.to_string()), Err(expected), "{text:?} in {code}");
    }
    assert_eq!(read("13800138000", None).unwrap_err(), NotDialable::NoRegion);
    assert_eq!(read("5551234", region("US")).unwrap_err(), NotDialable::LocalOnly);
}

#[test]
fn codes_are_distinct_and_match_what_is_stored() {
    let all = [NotDialable::Empty, NotDialable::MissingPlus, NotDialable::SeveralNumbers, NotDialable::NotInUse];
    for error in all {
        assert_eq!(serde_json::to_value(error).unwrap(), error.code());
        assert!(error.to_string().contains(';'), "says what to do: {error}");
    }
}

#[test]
fn a_number_tells_every_zone_it_may_be_in() {
    assert_eq!(zone_names("+8613800138000"), ["Asia/Shanghai"]);
    assert_eq!(zone_names("+12085551234"), ["America/Boise", "America/Los_Angeles"]);
    assert_eq!(zone_names("+12125551234"), ["America/New_York"]);
    assert_eq!(zone_names("+61412345678").len(), 8, "an Australian mobile is bound to no place");
    assert_eq!(zone_names("+61293744000"), ["Australia/Sydney"]);
    assert!(zone_names("+18003569377").len() > 30);
    assert!(zone_names("+99912345678").is_empty());
    assert_eq!(read("+12085551234", None).unwrap().zones.len(), 2);
}

#[test]
fn regions_are_country_codes_with_telephone_numbers() {
    assert_eq!("cn".parse::<Region>().unwrap().to_string(), "CN");
    for bad in ["", "C", "CHN", "中国", "ZZ", "86"] {
        assert!(bad.parse::<Region>().is_err(), "{bad:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
        if let Ok(dialable) = read(&text, region("CN")) {
            let again = read(dialable.number.as_str(), None).unwrap();
            prop_assert_eq!(again.number, dialable.number);
        }
    }

    #[test]
    fn digits_with_any_punctuation_are_read_or_refused(text in "[+0-9 ()./eE-]{1,20}") {
        if let Ok(dialable) = read(&text, region("GB")) {
            prop_assert!(!dialable.zones.is_empty(), "{} has no zone", dialable.number);
        }
    }
}
