//! What a row must satisfy, and what the row of a lead means.

use std::collections::BTreeMap;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::headers::{Columns, Meaning};
use super::numbers::RowNumber;
use super::plan::{Dialable, Rejection};
use super::rows::{ROW_BYTES_MAX, Record};
use super::staging::{Staged, Verdict};
use crate::model::selection::SCORE_MAX;
use crate::model::time::Timestamp;
use crate::store::attempts::zones_text;
use crate::store::db::{json, word};
use crate::store::leads::ZoneSource;

/// Most characters of one cell.
const CELL_CHARS_MAX: usize = 10_000;
/// Priority of leads without one.
pub(super) const PRIORITY_DEFAULT: u8 = 50;

/// A row as it will be staged: with what it means, or with what is wrong with it.
pub(super) fn check_lead(
    record: &Record,
    columns: &Columns,
    read: &dyn Fn(&str) -> Result<Dialable, Rejection>,
) -> Staged {
    let mut staged = Staged { line: record.line, originals: columns.originals(&record.fields), ..Staged::default() };
    if let Err(verdict) = check_shape(record, columns).and_then(|()| understand(record, columns, read, &mut staged)) {
        staged.verdict = Some(verdict);
    }
    staged
}

/// What every row must satisfy, whatever it is for.
pub(super) fn check_shape(record: &Record, columns: &Columns) -> Result<(), Verdict> {
    let refuse = |column: &str, code, message: String| Err(Verdict::invalid(record.line, column, code, message));
    if record.too_long {
        let message = format!("the row is longer than {} bytes", ROW_BYTES_MAX);
        return refuse("", "row_too_long", message);
    }
    let surplus: Vec<&str> =
        record.fields.iter().skip(columns.width).map(|text| text.trim()).filter(|text| !text.is_empty()).collect();
    if record.fields.len() < columns.width || !surplus.is_empty() {
        let mut message = format!("the row has {} fields, the header {}", record.fields.len(), columns.width);
        if !surplus.is_empty() {
            message.push_str(&format!("; surplus: {}", surplus.join(" | ")));
        }
        return refuse("", "ragged_row", message);
    }
    for (name, place) in columns.names.iter().zip(&columns.places) {
        let text = record.fields.get(*place).map_or("", String::as_str);
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return refuse(name, "control_character", "the cell contains a control character".to_owned());
        }
        if text.len() > CELL_CHARS_MAX && text.chars().count() > CELL_CHARS_MAX {
            return refuse(name, "cell_too_long", format!("the cell has more than {CELL_CHARS_MAX} characters"));
        }
    }
    Ok(())
}

fn understand(
    record: &Record,
    columns: &Columns,
    read: &dyn Fn(&str) -> Result<Dialable, Rejection>,
    staged: &mut Staged,
) -> Result<(), Verdict> {
    let refuse = |meaning, code, message| Verdict::invalid(record.line, &columns.name(meaning), code, message);
    let field = |meaning| columns.field(&record.fields, meaning);
    let cells = columns.numbers(&record.fields);
    let Some((kind, column, text)) = cells.first().copied() else {
        let rejection = missing();
        return Err(Verdict::invalid(record.line, &columns.number_name(), rejection.code, rejection.message));
    };
    let dialable = read_number(text, read)
        .map_err(|rejection| Verdict::invalid(record.line, column, rejection.code, rejection.message))?;
    let zone = field(Meaning::Zone);
    let (zones, source) = if !zone.is_empty() {
        // Zone names are case-insensitive to people and to the database of zones; one spelling is kept.
        let known = jiff::tz::TimeZone::get(zone).ok();
        let name = known.as_ref().and_then(|zone| zone.iana_name()).map(str::to_owned);
        let expected = || format!("`{zone}` is not a time zone; expected a name such as Asia/Shanghai, or nothing");
        (vec![name.ok_or_else(|| refuse(Meaning::Zone, "zone_unknown", expected()))?], ZoneSource::Column)
    } else {
        of_number(&dialable)
    };
    staged.priority = match field(Meaning::Priority) {
        "" => None,
        text => match text.parse::<u8>() {
            Ok(priority) if priority <= 99 => Some(priority),
            _ => {
                let message = format!("`{text}` is not a priority; expected a whole number from 0 to 99, or nothing");
                return Err(refuse(Meaning::Priority, "priority_invalid", message));
            }
        },
    };
    staged.score = match field(Meaning::Score) {
        "" => None,
        text => match text.replace(',', "").parse::<f64>() {
            Ok(score) if score.abs() <= SCORE_MAX as f64 => Some(score.round() as i64),
            _ => {
                let message = format!("`{text}` is not a score; expected a number up to {SCORE_MAX}, or nothing");
                return Err(refuse(Meaning::Score, "score_invalid", message));
            }
        },
    };
    // In the customer's own zone, unless the cell names another.
    let zone = zones.first().and_then(|zone| jiff::tz::TimeZone::get(zone).ok()).unwrap_or(jiff::tz::TimeZone::UTC);
    staged.replied_at = read_time(field(Meaning::Replied), &zone, false)
        .map_err(|message| refuse(Meaning::Replied, "date_invalid", message))?;
    staged.number = dialable.number.as_str().to_owned();
    staged.name = field(Meaning::Name).to_owned();
    staged.zones = zones_text(&zones);
    staged.zone_source = word(&source);
    let mut extra: BTreeMap<&str, &str> = columns.extra(&record.fields).collect();
    let own = RowNumber { number: staged.number.clone(), zones: staged.zones.clone(), zone_source: source, kind };
    staged.numbers.push(own);
    for (kind, column, text) in cells.into_iter().skip(1) {
        let Ok(further) = read_number(text, read) else {
            // Nothing is lost: an agent sees what it says.
            staged.unread += 1;
            extra.insert(column, text);
            continue;
        };
        let number = further.number.as_str().to_owned();
        if staged.numbers.iter().all(|one| one.number != number) {
            let (zones, zone_source) =
                if source == ZoneSource::Column { (zones.clone(), source) } else { of_number(&further) };
            staged.numbers.push(RowNumber { number, zones: zones_text(&zones), zone_source, kind });
        }
    }
    // A person who can be called at one of the numbers has a zone.
    if let Some(known) = staged.numbers.iter().find(|one| one.zone_source != ZoneSource::None) {
        staged.zone_source = word(&known.zone_source);
    }
    staged.extra = json(&extra);
    Ok(())
}

/// The zones a number may be in.
fn of_number(dialable: &Dialable) -> (Vec<String>, ZoneSource) {
    match dialable.zones.is_empty() {
        true => (Vec::new(), ZoneSource::None),
        false => (dialable.zones.clone(), ZoneSource::Number),
    }
}

fn missing() -> Rejection {
    Rejection { code: "number_missing", message: "the phone number is missing".to_owned() }
}

/// Reads a cell with a date or time; a date alone is its beginning or its end. Nothing is no time.
pub(super) fn read_time(text: &str, zone: &TimeZone, end_of_day: bool) -> Result<Option<Timestamp>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(Some(at.into()));
    }
    let civil = match (text.parse::<Date>(), text.parse::<DateTime>()) {
        // `2026-05-01` parses as both; the date decides.
        (Ok(date), _) if text.len() <= 10 => {
            let day = if end_of_day { date.tomorrow().unwrap_or(date) } else { date };
            Some(day.to_datetime(jiff::civil::Time::midnight()))
        }
        (_, Ok(time)) => Some(time),
        (_, Err(_)) => None,
    };
    let at = civil.and_then(|civil| zone.to_ambiguous_zoned(civil).compatible().ok());
    at.map(|at| Some(at.timestamp().into()))
        .ok_or_else(|| format!("`{text}` is not a date; expected 2026-05-01, 2026-05-01 12:00 or 2026-05-01T12:00:00Z"))
}

/// Reads a number's cell; what Excel does to numbers is told apart from a wrong one.
pub(super) fn read_number(
    text: &str,
    read: &dyn Fn(&str) -> Result<Dialable, Rejection>,
) -> Result<Dialable, Rejection> {
    if text.is_empty() {
        return Err(missing());
    }
    let scientific = text.contains(['e', 'E']) && text.contains(['.', '+']) && text.parse::<f64>().is_ok();
    if scientific {
        let message = format!(
            "`{text}` is a number Excel has rounded, its last digits are lost; format the column as text and paste the numbers again"
        );
        return Err(Rejection { code: "number_rounded", message });
    }
    read(text)
}
