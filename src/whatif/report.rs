//! The answer for people: a table, and a page with charts.

use std::fmt::Write;

use super::Told;
use crate::sim::figures::Figure;
use crate::sim::rehearsal::compare::{Row, Unit};
use crate::sim::rehearsal::page;

/// What people call each figure.
const TITLES: &[(&str, &str)] = &[
    ("outbound_connects_per_agent_hour", "outbound connects per agent hour"),
    ("agent_utilisation", "agents in use"),
    ("outbound_utilisation", "  on outbound"),
    ("inbound_occupancy", "  on inbound"),
    ("dials", "dials"),
    ("outbound_connected", "  connected"),
    ("abandon_rate", "abandon rate"),
    ("worst_day_abandon_rate", "  worst day"),
    ("inbound_offered", "callers"),
    ("service_level", "service level"),
    ("inbound_abandonment", "callers who gave up"),
    ("mean_wait_s", "mean wait of callers, s"),
    ("gate_openings", "gate openings"),
];

/// Heads of the columns.
const HEADS: [&str; 4] = ["recorded", "as it was", "with the change", "difference"];

fn title(row: &Row) -> &'static str {
    TITLES.iter().find(|(key, _)| *key == row.key).map_or(row.key, |(_, title)| title)
}

fn cells(row: &Row) -> [String; 4] {
    let recorded = Figure { mean: row.recorded, ci95: None };
    let (as_it_was, changed) = (shown(row.unit, row.as_it_was, false), shown(row.unit, row.changed, false));
    [shown(row.unit, recorded, false), as_it_was, changed, shown(row.unit, row.difference, true)]
}

fn shown(unit: Unit, figure: Figure, signed: bool) -> String {
    let Some(mean) = figure.mean else { return "–".to_owned() };
    let (factor, mark) = match unit {
        Unit::Share => (100.0, if signed { " pp" } else { " %" }),
        Unit::Number | Unit::Seconds => (1.0, ""),
    };
    // Nothing is neither more nor less.
    let mean = if mean == 0.0 { 0.0 } else { mean * factor };
    let mut text = if signed { format!("{mean:+.2}") } else { format!("{mean:.2}") };
    if let Some(ci95) = figure.ci95 {
        let _ = write!(text, " ± {:.2}", ci95 * factor); // writing to a string cannot fail
    }
    text + mark
}

/// What was asked, in a line.
fn asked(told: &Told) -> String {
    if told.changes.is_empty() {
        return "nothing is changed".to_owned();
    }
    let changes = told.changes.iter().map(|it| format!("{} {} → {}", it.key, it.from, it.to));
    changes.collect::<Vec<_>>().join(", ")
}

/// Whether the rehearsal can be believed, in a line.
fn judged(told: &Told) -> String {
    if told.comparison.matches {
        return "\"As it was\" comes close to what was recorded: the difference can be believed.".to_owned();
    }
    let off = told.comparison.rows.iter().filter(|row| row.close == Some(false)).map(|row| title(row).trim());
    format!(
        "WARNING: \"as it was\" does not come close to what was recorded ({}). Do not trust the difference: something in \
         this traffic is not captured by the rehearsal.",
        off.collect::<Vec<_>>().join(", ")
    )
}

/// For a terminal.
pub fn table(told: &Told) -> String {
    let mut text = format!(
        "{} (`{}`, group {}), {} to {}\n{}\n\n",
        told.title,
        told.campaign,
        told.group,
        told.from,
        told.to,
        asked(told)
    );
    let lines: Vec<(&str, [String; 4])> = told.comparison.rows.iter().map(|row| (title(row), cells(row))).collect();
    let wide = |text: &str| text.chars().count();
    let first = lines.iter().map(|(title, _)| wide(title)).max().unwrap_or_default();
    let widths: Vec<usize> = (0..HEADS.len())
        .map(|column| {
            lines.iter().map(|(_, cells)| wide(&cells[column])).chain([wide(HEADS[column])]).max().unwrap_or(0)
        })
        .collect();
    let mut put = |title: &str, cells: &[&str]| {
        let _ = write!(text, "{title:first$}");
        for (cell, width) in cells.iter().zip(&widths) {
            let _ = write!(text, "  {cell:>width$}");
        }
        text.push('\n');
    };
    put("", &HEADS);
    for (title, cells) in &lines {
        put(title, &cells.each_ref().map(String::as_str));
    }
    let count = told.comparison.replications;
    let _ = writeln!(text, "\n{count} replications; ± is the half-width of the 95 % interval on this traffic.");
    let _ = writeln!(text, "{}", judged(told));
    for note in &told.notes {
        let _ = writeln!(text, "Note: {}.", note.text());
    }
    text
}

/// One page that needs nothing else, with charts.
pub fn page(told: &Told) -> String {
    let heading = format!("{}: what if", told.title);
    let mut lines = vec![format!("{} to {}, group {}", told.from, told.to, told.group), asked(told), judged(told)];
    lines.extend(told.notes.iter().map(|note| format!("Note: {}.", note.text())));
    lines.push(format!(
        "{} replications; ± is the half-width of the 95 % interval on this traffic.",
        told.comparison.replications
    ));
    let rows: Vec<(&str, [String; 4])> = told.comparison.rows.iter().map(|row| (title(row), cells(row))).collect();
    page::page(&heading, &lines, HEADS, &rows, &told.comparison)
}
