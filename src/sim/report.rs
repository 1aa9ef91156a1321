//! Reports: a table for people and one object for programs. Equal seeds give equal bytes.

use std::fmt::Write;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::figures::{Figure, Figures};

/// What came of one policy.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    /// Its name.
    pub pacing: String,
    /// Its figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// A row of the table.
enum Row {
    Share(&'static str, &'static str, fn(&Figures) -> Figure),
    Number(&'static str, &'static str, fn(&Figures) -> Figure),
    Plain(&'static str, &'static str, fn(&Figures) -> Option<f64>),
}

const ROWS: &[Row] = &[
    Row::Share("agent_utilisation", "agents in use", |f| f.agent_utilisation),
    Row::Share("outbound_utilisation", "  on outbound", |f| f.outbound_utilisation),
    Row::Share("inbound_occupancy", "  on inbound", |f| f.inbound_occupancy),
    Row::Number("outbound_connects_per_agent_hour", "outbound connects per agent hour", |f| {
        f.outbound_connects_per_agent_hour
    }),
    Row::Number("dials", "dials a day", |f| f.dials),
    Row::Number("answered", "  answered by people", |f| f.answered),
    Row::Number("outbound_connected", "    connected", |f| f.outbound_connected),
    Row::Number("abandoned", "    abandoned", |f| f.abandoned),
    Row::Number("machines", "  machines", |f| f.machines),
    Row::Number("failures", "  failures", |f| f.failures),
    Row::Number("no_answers", "  not answered", |f| f.no_answers),
    Row::Number("cancelled", "  given up", |f| f.cancelled),
    Row::Share("abandon_rate", "abandon rate", |f| f.abandon_rate),
    Row::Plain("worst_day_abandon_rate", "  worst day", |f| f.worst_day_abandon_rate),
    Row::Number("inbound_offered", "callers a day", |f| f.inbound_offered),
    Row::Number("inbound_answered", "  answered", |f| f.inbound_answered),
    Row::Number("inbound_abandoned", "  abandoned", |f| f.inbound_abandoned),
    Row::Share("service_level", "service level", |f| f.service_level),
    Row::Number("asa_s", "mean wait of answered callers, s", |f| f.asa_s),
    Row::Number("mean_wait_s", "mean wait of all callers, s", |f| f.mean_wait_s),
];

/// Each line of the table: what people read, and one cell for each policy.
pub fn lines(told: &[Told]) -> Vec<(&'static str, Vec<String>)> {
    let cells = |of: &dyn Fn(&Figures) -> String| told.iter().map(|told| of(&told.figures)).collect();
    ROWS.iter()
        .map(|row| match row {
            Row::Share(_, title, of) => (*title, cells(&|figures| share(of(figures)))),
            Row::Number(_, title, of) => (*title, cells(&|figures| number(of(figures)))),
            Row::Plain(_, title, of) => (*title, cells(&|figures| plain(of(figures)))),
        })
        .collect()
}

/// For people.
pub fn table(told: &[Told]) -> String {
    let lines = lines(told);
    let title_width = lines.iter().map(|(title, _)| title.chars().count()).max().unwrap_or_default();
    let width = |place: usize| {
        let cells = lines.iter().filter_map(|(_, cells)| cells.get(place)).map(|cell| cell.chars().count());
        cells.chain(told.get(place).map(|told| told.pacing.chars().count())).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..told.len()).map(width).collect();
    let mut text = format!("{:title_width$}", "");
    let put = |text: &mut String, cells: &mut dyn Iterator<Item = &str>| {
        for (cell, width) in cells.zip(&widths) {
            let _ = write!(text, "  {cell:>width$}"); // writing to a string cannot fail
        }
        text.push('\n');
    };
    put(&mut text, &mut told.iter().map(|told| told.pacing.as_str()));
    for (title, cells) in &lines {
        let _ = write!(text, "{title:title_width$}");
        put(&mut text, &mut cells.iter().map(String::as_str));
    }
    let hours = told.first().map_or(0.0, |told| told.figures.simulated_hours);
    let _ = writeln!(text, "{hours} hours simulated; ± is the half-width of the 95 % interval over the days.");
    text
}

/// For programs: the figures by name; by policy, where several were compared.
pub fn object(told: &[Told], compared: bool) -> Value {
    let one = |told: &Told| serde_json::to_value(told).unwrap_or_default();
    match told {
        [only] if !compared => one(only),
        _ => {
            let policies: Map<String, Value> = told.iter().map(|told| (told.pacing.clone(), one(told))).collect();
            json!({ "policies": policies })
        }
    }
}

/// A share in per cent.
fn share(figure: Figure) -> String {
    match (figure.mean, figure.ci95) {
        (Some(mean), Some(ci95)) => format!("{:.2} ± {:.2} %", mean * 100.0, ci95 * 100.0),
        (Some(mean), None) => format!("{:.2} %", mean * 100.0),
        (None, _) => "–".to_owned(),
    }
}

fn number(figure: Figure) -> String {
    match (figure.mean, figure.ci95) {
        (Some(mean), Some(ci95)) => format!("{mean:.2} ± {ci95:.2}"),
        (Some(mean), None) => format!("{mean:.2}"),
        (None, _) => "–".to_owned(),
    }
}

fn plain(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{:.2} %", value * 100.0))
}

/// The keys of the table's rows, in order.
pub fn keys() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| match row {
        Row::Share(key, _, _) | Row::Number(key, _, _) | Row::Plain(key, _, _) => *key,
    })
}
