//! Figures, their goals, and how they are shown.
//!
//! Read [`Figure`] and [`Report`] first.

use std::fmt::Write as _;

use serde::Serialize;

use crate::report::percentile;

/// What became of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The goal is met.
    Pass,
    /// It is not.
    Miss,
    /// There is a goal and no figure.
    NotMeasured,
    /// There is no goal: shown to judge others by.
    Shown,
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// A stable name.
    pub name: &'static str,
    /// What it is, for people.
    pub what: String,
    /// Its unit; `x` for a ratio.
    pub unit: &'static str,
    /// It should be this at most.
    pub goal: Option<f64>,
    /// What was measured, or why nothing was.
    pub measured: Result<f64, String>,
    /// Circumstances.
    pub note: String,
    /// Whether the goal is met.
    pub verdict: Verdict,
}

impl Figure {
    /// A figure with a goal.
    pub fn judged(
        name: &'static str,
        what: impl Into<String>,
        unit: &'static str,
        goal: f64,
        measured: Result<f64, String>,
        note: impl Into<String>,
    ) -> Figure {
        let verdict = match &measured {
            Ok(value) if *value <= goal => Verdict::Pass,
            Ok(_) => Verdict::Miss,
            Err(_) => Verdict::NotMeasured,
        };
        Figure { name, what: what.into(), unit, goal: Some(goal), measured, note: note.into(), verdict }
    }

    /// A figure without one.
    pub fn shown(name: &'static str, what: impl Into<String>, unit: &'static str, value: f64) -> Figure {
        let (goal, measured, note) = (None, Ok(value), String::new());
        Figure { name, what: what.into(), unit, goal, measured, note, verdict: Verdict::Shown }
    }

    /// With a note.
    #[must_use]
    pub fn noted(mut self, note: impl Into<String>) -> Figure {
        self.note = note.into();
        self
    }
}

/// What may have spoilt a measurement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Disturbance {
    /// During which measurement.
    pub during: String,
    /// What happened.
    pub what: String,
}

/// All figures of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Version of the program that was measured.
    pub program: String,
    /// Shortened: good for trying the tool, not for quoting.
    pub quick: bool,
    /// The figures.
    pub figures: Vec<Figure>,
    /// What may have spoilt them.
    pub disturbances: Vec<Disturbance>,
}

impl Report {
    /// Whether every goal is met, and every figure with a goal was measured.
    pub fn is_good(&self) -> bool {
        self.figures.iter().all(|figure| matches!(figure.verdict, Verdict::Pass | Verdict::Shown))
    }

    /// As a table.
    pub fn table(&self) -> String {
        let mut text = format!("{:<12} {:>10} {:>12}  figure\n", "", "goal", "measured");
        for figure in &self.figures {
            let verdict = match figure.verdict {
                Verdict::Pass => "pass",
                Verdict::Miss => "MISS",
                Verdict::NotMeasured => "NOT MEASURED",
                Verdict::Shown => "",
            };
            let unit = if figure.unit == "x" { "x".to_owned() } else { format!(" {}", figure.unit) };
            let goal = figure.goal.map_or(String::new(), |goal| format!("≤ {goal}{unit}"));
            let measured =
                figure.measured.as_ref().map_or("–".to_owned(), |value| format!("{}{unit}", rounded(*value)));
            let _ = writeln!(text, "{verdict:<12} {goal:>10} {measured:>12}  {}", figure.what);
            if let Err(why) = &figure.measured {
                // Figures of one measurement fail for one reason.
                let said = format!("{:<37} because: {why}\n", "");
                if !text.contains(&said) {
                    text.push_str(&said);
                }
            }
            if !figure.note.is_empty() {
                let _ = writeln!(text, "{:<37} {}", "", figure.note);
            }
        }
        for disturbance in &self.disturbances {
            let _ = writeln!(text, "DISTURBED    {}: {}", disturbance.during, disturbance.what);
        }
        if self.quick {
            text.push_str("This was a quick run: figures are not to be quoted.\n");
        }
        text
    }
}

/// Three digits that matter.
fn rounded(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// How times are spread.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// How many there are.
    pub count: usize,
    /// Median, in ms.
    pub p50_ms: f64,
    /// 95 % lie below, in ms.
    pub p95_ms: f64,
    /// 99 % lie below, in ms.
    pub p99_ms: f64,
    /// The longest, in ms.
    pub max_ms: f64,
}

impl Spread {
    /// Of times in µs; `None` without any.
    pub fn of(mut times_us: Vec<u64>) -> Option<Spread> {
        times_us.sort_unstable();
        let at = |share| percentile(&times_us, share).map(|us| us as f64 / 1000.0);
        Some(Spread { count: times_us.len(), p50_ms: at(0.5)?, p95_ms: at(0.95)?, p99_ms: at(0.99)?, max_ms: at(1.0)? })
    }

    /// In a line.
    pub fn line(&self) -> String {
        format!(
            "{} calls: p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms, longest {:.1} ms",
            self.count, self.p50_ms, self.p95_ms, self.p99_ms, self.max_ms
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_missed_or_open() {
        let figure = |measured| Figure::judged("f", "a figure", "x", 3.0, measured, "");
        assert_eq!(figure(Ok(3.0)).verdict, Verdict::Pass);
        assert_eq!(figure(Ok(3.01)).verdict, Verdict::Miss);
        assert_eq!(figure(Err("no such program".into())).verdict, Verdict::NotMeasured);
        let good = Report { figures: vec![figure(Ok(1.0)), Figure::shown("g", "g", "µs", 9.0)], ..Report::default() };
        assert!(good.is_good());
        let open = Report { figures: vec![figure(Err("x".into()))], ..Report::default() };
        assert!(!open.is_good(), "what was not measured is not known to be good");
    }

    #[test]
    fn the_table_says_what_was_missed_and_why_something_was_not_measured() {
        let report = Report {
            figures: vec![
                Figure::judged("a", "first thing", "x", 3.0, Ok(4.5), "rate 200/s"),
                Figure::judged("b", "second thing", "ms", 40.0, Err("no rtpengine".into()), ""),
            ],
            disturbances: vec![Disturbance { during: "a".into(), what: "5 datagrams lost".into() }],
            quick: true,
            ..Report::default()
        };
        let table = report.table();
        for part in ["MISS", "≤ 3x", "4.50x", "rate 200/s", "NOT MEASURED", "because: no rtpengine", "5 datagrams lost"]
        {
            assert!(table.contains(part), "{part} is not in\n{table}");
        }
    }

    #[test]
    fn a_spread_names_times_that_occurred() {
        let spread = Spread::of((1..=200).rev().map(|ms| ms * 1000).collect()).expect("there are some");
        assert_eq!((spread.p50_ms, spread.p95_ms, spread.p99_ms, spread.max_ms), (100.0, 190.0, 198.0, 200.0));
        assert_eq!(Spread::of(Vec::new()), None);
    }

    #[test]
    fn values_are_rounded_to_what_matters() {
        let all = [0.0, 0.1234, 1.234, 12.34, 123.4].map(rounded);
        assert_eq!(all, ["0", "0.123", "1.23", "12.3", "123"]);
    }
}
