//! Calling hours as people write them in campaign files, profiles and the configuration.
//!
//! ```toml
//! [hours]
//! mon-fri  = ["09:00-12:00", "14:00-20:00"]
//! sat      = ["10:00-18:00"]
//! holidays = ["2026-10-01"]
//! workdays = ["2026-10-10"]
//! ```
//!
//! A weekday that is not named is closed. `workdays = "cn-workdays-2026"` names a calendar that Lull ships. Not the
//! judgement whether it is open, which is `calling_hours`.

use super::calling_hours::{Date, DaySpan, WEEKDAYS, WeeklyHours};
use super::document::{ComplaintCode, Readable, Spot, Table, Value, did_you_mean};

/// Days of a year that a shipped calendar knows.
struct Calendar {
    name: &'static str,
    holidays: &'static [(i16, i8, i8)],
    workdays: &'static [(i16, i8, i8)],
}

/// Only what a source was read for is shipped. For China these are the weekend working days of 2026 after the State
/// Council's notice of holidays; the holidays themselves are to be given by date until they have been verified.
const CALENDARS: [Calendar; 1] = [Calendar {
    name: "cn-workdays-2026",
    holidays: &[],
    workdays: &[(2026, 1, 4), (2026, 2, 14), (2026, 2, 28), (2026, 5, 9), (2026, 9, 20), (2026, 10, 10)],
}];

/// Keys of days and groups of days. Singles are read after the groups, so that `sun` overrides `every-day`.
const DAYS: [(&str, &[usize]); 10] = [
    ("every-day", &[0, 1, 2, 3, 4, 5, 6]),
    ("mon-fri", &[0, 1, 2, 3, 4]),
    ("sat-sun", &[5, 6]),
    (WEEKDAYS[0], &[0]),
    (WEEKDAYS[1], &[1]),
    (WEEKDAYS[2], &[2]),
    (WEEKDAYS[3], &[3]),
    (WEEKDAYS[4], &[4]),
    (WEEKDAYS[5], &[5]),
    (WEEKDAYS[6], &[6]),
];

/// Reads an `hours` table. `None` after a complaint.
pub fn read_hours(table: &Table<'_>) -> Option<WeeklyHours> {
    let mut hours = WeeklyHours::default();
    let mut sound = true;
    for (key, days) in DAYS {
        let Some(spot) = table.spot(key) else { continue };
        match spans(&spot) {
            Some(spans) => days.iter().for_each(|day| hours.days[*day].clone_from(&spans)),
            None => sound = false,
        }
    }
    for (key, is_holiday) in [("holidays", true), ("workdays", false)] {
        let Some(spot) = table.spot(key) else { continue };
        let Some(dates) = dates(&spot, is_holiday) else {
            sound = false;
            continue;
        };
        if is_holiday { hours.holidays = dates } else { hours.workdays = dates }
    }
    if let Some(both) = hours.holidays.iter().find(|date| hours.workdays.contains(date))
        && let Some(spot) = table.spot("workdays")
    {
        let says = format!("{both} is among the holidays and the workdays");
        return spot.wrong(ComplaintCode::Conflict, says, "remove it from one of them");
    }
    sound.then_some(hours)
}

/// The spans of a day, sorted. Overlapping ones are refused: one of them is surely a slip.
fn spans(spot: &Spot<'_>) -> Option<Vec<DaySpan>> {
    let mut spans = Vec::<DaySpan>::read(spot)?;
    spans.sort_by_key(|span| span.from);
    if let Some(pair) = spans.windows(2).find(|pair| pair[0].to > pair[1].from) {
        let says = format!("{} and {} overlap", pair[0], pair[1]);
        return spot.wrong(ComplaintCode::Conflict, says, "write spans that follow one another");
    }
    Some(spans)
}

/// Dates in quotes or without, or the name of a shipped calendar.
fn dates(spot: &Spot<'_>, is_holiday: bool) -> Option<Vec<Date>> {
    if let Value::Text(name) = &spot.node.value {
        let days_of = |calendar: &Calendar| if is_holiday { calendar.holidays } else { calendar.workdays };
        let fitting = || CALENDARS.iter().filter(|calendar| !days_of(calendar).is_empty());
        let Some(calendar) = fitting().find(|calendar| calendar.name == name) else {
            let kind = if is_holiday { "holidays" } else { "workdays" };
            let says = format!("`{name}` is not a calendar of {kind}");
            let expected = did_you_mean(name, fitting().map(|calendar| calendar.name));
            let dates = "expected a list of dates such as [\"2026-10-01\"]";
            return spot.wrong(ComplaintCode::UnknownName, says, expected.unwrap_or_else(|| dates.into()));
        };
        let days = days_of(calendar);
        return Some(days.iter().filter_map(|&(year, month, day)| Date::new(year, month, day).ok()).collect());
    }
    let mut dates = Vec::<DateText>::read(spot)?.into_iter().map(|date| date.0).collect::<Vec<Date>>();
    dates.sort_unstable();
    dates.dedup();
    Some(dates)
}

/// A date, in quotes or as TOML has it.
pub(super) struct DateText(pub(super) Date);

impl Readable for DateText {
    fn read(spot: &Spot<'_>) -> Option<DateText> {
        const EXPECTED: &str = "a date such as \"2026-10-01\"";
        let text = match &spot.node.value {
            Value::Moment(text) => text,
            _ => spot.text(EXPECTED)?,
        };
        // jiff also takes a date with a time; a day is not one.
        match text.parse::<Date>() {
            Ok(date) if text.len() == 10 => Some(DateText(date)),
            Ok(_) | Err(_) => {
                spot.wrong(ComplaintCode::WrongValue, format!("`{text}` is not a date"), format!("expected {EXPECTED}"))
            }
        }
    }
}

/// Writes hours as an `hours` table has them: equal weekdays together.
pub fn write_hours(hours: &WeeklyHours) -> toml::Table {
    let mut table = toml::Table::new();
    let texts = |spans: &[DaySpan]| -> toml::Value {
        toml::Value::Array(spans.iter().map(|span| toml::Value::String(span.to_string())).collect())
    };
    let dates = |dates: &[Date]| -> toml::Value {
        toml::Value::Array(dates.iter().map(|date| toml::Value::String(date.to_string())).collect())
    };
    let working_days_alike = hours.days[..5].iter().all(|day| *day == hours.days[0]);
    if working_days_alike && !hours.days[0].is_empty() {
        table.insert("mon-fri".into(), texts(&hours.days[0]));
    }
    for (name, spans) in WEEKDAYS.iter().zip(&hours.days).skip(if working_days_alike { 5 } else { 0 }) {
        if !spans.is_empty() {
            table.insert((*name).into(), texts(spans));
        }
    }
    for (key, list) in [("holidays", &hours.holidays), ("workdays", &hours.workdays)] {
        if !list.is_empty() {
            table.insert(key.into(), dates(list));
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::document::{Document, Reader, SourceKind};

    fn read(text: &str) -> Result<WeeklyHours, String> {
        let document = Document::parse(SourceKind::File, "hours.toml", text);
        let reader = Reader::new(&document);
        let hours = read_hours(&reader.root());
        reader.finish(hours).map_err(|complaints| complaints.to_string())
    }

    #[test]
    fn groups_of_days_are_read_before_single_days() {
        let hours =
            read("every-day = [\"09:00-18:00\"]\nsun = []\nsat = [\"14:00-16:00\", \"09:00-12:00\"]\n").unwrap();
        assert_eq!(hours.days[0].len(), 1);
        assert_eq!(hours.days[5][0].to_string(), "09:00-12:00", "spans are sorted");
        assert!(hours.days[6].is_empty());
    }

    #[test]
    fn dates_are_read_with_and_without_quotes_and_a_calendar_by_its_name() {
        let hours = read("holidays = [2026-10-02, \"2026-10-01\"]\nworkdays = \"cn-workdays-2026\"\n").unwrap();
        assert_eq!(hours.holidays.len(), 2);
        assert!(hours.workdays.contains(&"2026-10-10".parse().unwrap()));
        assert!(
            read("holidays = \"de\"\n").unwrap_err().contains("`de` is not a calendar of holidays; expected a list")
        );
        assert!(read("workdays = \"cn-workdays\"\n").unwrap_err().contains("did you mean `cn-workdays-2026`?"));
    }

    #[test]
    fn mistakes_name_the_value_and_what_was_expected() {
        for (text, says) in [
            ("mon-fri = [\"09:00-12:00\", \"11:00-13:00\"]", "09:00-12:00 and 11:00-13:00 overlap"),
            ("mon = [\"12:00-09:00\"]", "hours.toml:1:8: mon[0]: `12:00-09:00` ends before it begins"),
            ("monday = []", "did you mean `mon`?"),
            ("mon = \"09:00-12:00\"", "expected a list"),
            ("holidays = [\"2026-02-30\"]", "`2026-02-30` is not a date"),
            ("holidays = [\"2026-10-01\"]\nworkdays = [\"2026-10-01\"]", "among the holidays and the workdays"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_written_reads_back_alike() {
        for text in ["every-day = [\"08:00-21:00\"]", "mon = [\"09:00-10:00\"]\nholidays = [\"2026-10-01\"]", ""] {
            let hours = read(text).unwrap();
            assert_eq!(read(&write_hours(&hours).to_string()).unwrap(), hours, "{text}");
        }
    }
}
