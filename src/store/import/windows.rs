//! Counts the accepted rows that can never be dialled.
//!
//! Zones are few and rows are many: each set of zones is judged once. Read [`Windows`] first.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::staging::{Staged, Verdict};

/// Tells whether leads in these zones can be dialled at all before the campaign ends: by its hours, its days and its profile.
#[derive(Clone)]
pub struct Windows(pub Arc<Opens>);

/// Whether there is such a moment in all of these zones, by their IANA names.
pub type Opens = dyn Fn(&[String]) -> bool + Send + Sync;

impl fmt::Debug for Windows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Windows")
    }
}

/// The count, batch by batch.
pub(super) struct NoWindow {
    windows: Option<Windows>,
    /// What was judged, by the zones as they are stored.
    judged: BTreeMap<String, bool>,
    rows: u64,
}

impl NoWindow {
    /// Counts nothing where nobody tells which zones open.
    pub(super) fn by(windows: Option<Windows>) -> NoWindow {
        NoWindow { windows, judged: BTreeMap::new(), rows: 0 }
    }

    /// The lines of a batch that can never be dialled.
    pub(super) fn among(&mut self, rows: &[Staged]) -> Vec<u64> {
        let Some(Windows(opens)) = self.windows.clone() else { return Vec::new() };
        let mut lines = Vec::new();
        for row in rows {
            // Any of the person's numbers will do.
            let further = row.numbers.iter().map(|number| &number.zones);
            let open = std::iter::once(&row.zones).chain(further).any(|text| match self.judged.get(text) {
                Some(open) => *open,
                None => {
                    let zones: Vec<String> = serde_json::from_str(text).unwrap_or_default();
                    let open = opens(&zones);
                    self.judged.insert(text.clone(), open);
                    open
                }
            });
            if !open {
                lines.push(row.line);
            }
        }
        lines
    }

    /// Counts those of these lines that were accepted: nothing was said against them.
    pub(super) fn count(&mut self, mut lines: Vec<u64>, verdicts: &[Verdict]) {
        if !lines.is_empty() {
            let judged: std::collections::BTreeSet<u64> = verdicts.iter().map(Verdict::line).collect();
            lines.retain(|line| !judged.contains(line));
        }
        self.rows += lines.len() as u64;
    }

    /// Accepted rows that can never be dialled.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }
}
