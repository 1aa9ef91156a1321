//! What the parts of the world tell each other: one JSON object a line on standard output, and an end when standard
//! input closes.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::oneshot;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub enum Line {
    /// The part is at work.
    Ready,
    /// Figures of the moment.
    Status {
        /// By name.
        figures: Value,
    },
    /// Something that must not happen has happened.
    Finding(Finding),
    /// All figures, at the end.
    Report {
        /// By name.
        figures: Value,
    },
}

/// Something that must not happen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// What, as a code.
    pub what: String,
    /// Where and with which values.
    pub detail: String,
}

/// Says a line.
#[expect(clippy::print_stdout, reason = "standard output is how a part speaks to the conductor")]
pub fn say(line: &Line) {
    if let Ok(text) = serde_json::to_string(line) {
        println!("{text}");
    }
}

/// Becomes ready when standard input closes: the conductor wants the part to end, or is no more.
pub fn standard_input_closes() -> oneshot::Receiver<()> {
    let (closed, closes) = oneshot::channel();
    // A thread, because reading standard input cannot be cancelled.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = closed.send(());
    });
    closes
}

/// The value below which this share of the sorted values lies; `None` if there are none.
pub fn percentile(sorted: &[u64], share: f64) -> Option<u64> {
    let index = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(index).copied()
}

/// Count, median, 95th and 99th percentile and maximum.
pub fn spread(mut values: Vec<u64>) -> Value {
    values.sort_unstable();
    serde_json::json!({
        "count": values.len(),
        "p50": percentile(&values, 0.5),
        "p95": percentile(&values, 0.95),
        "p99": percentile(&values, 0.99),
        "max": values.last(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<u64> = (1..=100).collect();
        assert_eq!(percentile(&values, 0.5), Some(50));
        assert_eq!(percentile(&values, 0.99), Some(99));
        assert_eq!(percentile(&[7], 0.5), Some(7));
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn lines_read_back() {
        let finding = Line::Finding(Finding { what: "double_dial".into(), detail: "x".into() });
        assert_eq!(serde_json::from_str::<Line>(&serde_json::to_string(&finding).unwrap()).unwrap(), finding);
    }
}
