//! From number prefixes to time zones.

use std::sync::LazyLock;

use rlibphonenumber::PHONE_NUMBER_UTIL;

use crate::model::phone::PhoneNumber;
use crate::model::zone::Zone;

/// Release of libphonenumber whose prefix table is built in.
pub const ZONE_DATA_VERSION: &str = "9.0.43";
const TABLE: &str = include_str!("zone_prefixes.txt");

struct Prefix {
    digits: &'static str,
    zones: Vec<Zone>,
}

/// Sorted by prefix as text.
static PREFIXES: LazyLock<Vec<Prefix>> = LazyLock::new(|| {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('|'))
        .map(|(digits, names)| Prefix { digits, zones: zones(names) })
        .collect()
});

/// A table entry with a zone that the database does not know would lose a restriction. A test holds that there is none.
fn zones(names: &str) -> Vec<Zone> {
    let mut zones: Vec<Zone> = Vec::new();
    for name in names.split('&') {
        match Zone::named(name) {
            Ok(zone) if !zones.contains(&zone) => zones.push(zone),
            Ok(_) => {}
            Err(_) => return Vec::new(),
        }
    }
    zones
}

/// Zones of a number that has been parsed. Numbers not bound to a place get the whole country's.
pub(super) fn zones_of(number: &PhoneNumber, parsed: &rlibphonenumber::PhoneNumber) -> &'static [Zone] {
    if PHONE_NUMBER_UTIL.is_number_geographical(parsed) {
        longest_prefix(number.digits())
    } else {
        longest_prefix(&parsed.country_code.to_string())
    }
}

fn longest_prefix(digits: &str) -> &'static [Zone] {
    for length in (1..=digits.len()).rev() {
        if let Some(prefix) = digits.get(..length)
            && let Ok(found) = PREFIXES.binary_search_by(|entry| entry.digits.cmp(prefix))
        {
            return PREFIXES.get(found).map_or(&[], |entry| &entry.zones);
        }
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_every_zone_of_it_is_known() {
        assert_eq!(PREFIXES.len(), 3240);
        assert!(PREFIXES.windows(2).all(|pair| pair[0].digits < pair[1].digits));
        for entry in PREFIXES.iter() {
            assert!(!entry.zones.is_empty(), "{} has a zone that is not known", entry.digits);
        }
        assert!(TABLE.contains(&format!("version {ZONE_DATA_VERSION}")));
    }
}
