//! `lull consent verify` and `lull consent evidence`: the ledger as proof.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::ledgers::{Numbered, scope_text};
use super::place::Installation;
use super::{Failure, Outcome, Place, bar, show};
use crate::store::{ChainEnd, ChainFault, ChainFaultKind, ChainReport};

/// Looks through the whole ledger: whether an entry was changed, taken out or put in since it was recorded.
///
/// Ends with 3 if something is wrong. It tells the end of the chain of hashes: note it where whoever can write the database
/// cannot, and name it with --end the next time.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// An end of the chain that was noted earlier, such as 1200:9f86d0…; it must still be in the chain.
    #[arg(long)]
    end: Option<ChainEnd>,
}

/// Everything that a customer agreed to and took back, with its places in the chain, as a JSON document.
#[derive(Debug, Args)]
pub(crate) struct Evidence {
    #[command(flatten)]
    number: Numbered,
    /// Where to write it; standard output without it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Verify {
    pub(super) fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let bar = bar(place.json);
        let report = installation.with_store(|store, _| {
            let bar = &bar;
            async move {
                bar.set_length(store.count_consents().await?);
                store.verify_consents(self.end.as_ref(), &mut |done| bar.set_position(done)).await
            }
        })?;
        bar.finish_and_clear();
        show(place.json, &report, || told(&report));
        Ok(if report.faults_in_all == 0 { Outcome::Done } else { Outcome::Findings })
    }
}

fn told(report: &ChainReport) -> String {
    let mut text = String::new();
    for ChainFault { kind, place, consent } in &report.faults {
        let entry = consent.map_or_else(String::new, |consent| format!(" {consent}"));
        let at = place.map_or_else(String::new, |place| format!(" at place {place}"));
        let _ = match kind {
            ChainFaultKind::Changed => writeln!(text, "changed: entry{entry}{at} does not say what was recorded"),
            ChainFaultKind::Removed => writeln!(text, "removed: entry{entry}{at} is gone"),
            ChainFaultKind::Broken => writeln!(text, "broken: entry{entry}{at} does not follow the one before it"),
            ChainFaultKind::Unchained => writeln!(text, "not recorded by Lull: entry{entry}"),
            ChainFaultKind::NotThere => {
                writeln!(
                    text,
                    "the end that you named{at} is not in the chain: it was made anew, or is another ledger's"
                )
            }
        };
    }
    let more = report.faults_in_all.saturating_sub(report.faults.len() as u64);
    if more > 0 {
        let _ = writeln!(text, "and {more} more");
    }
    match (&report.end, report.faults_in_all) {
        (None, 0) => text.push_str("the ledger is empty."),
        (None, _) => text.push_str("there is no chain."),
        (Some(end), 0) => {
            let _ = write!(text, "{} entries, each as it was recorded.\nend of the chain: {end}", report.entries);
        }
        (Some(end), faults) => {
            let _ = write!(text, "{} entries, {faults} faults.\nend of the chain: {end}", report.entries);
        }
    }
    text
}

impl Evidence {
    pub(super) fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let number = self.number.read(installation)?;
        let document =
            installation.with_store(|store, now| async move { store.consent_evidence(number, now).await })?;
        let text = serde_json::to_string_pretty(&document).map_err(|error| Failure::new(error.to_string()))?;
        let Some(out) = self.out else {
            show(true, &document, String::new);
            return Ok(Outcome::Done);
        };
        // Evidence that lies there already is not written over.
        let written =
            std::fs::File::create_new(&out).and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
        written.map_err(|error| Failure::new(format!("{}: {error}", out.display())))?;
        let all: Vec<String> = document
            .entries
            .iter()
            .map(|one| format!("{} for {}", one.entry.kind.as_str(), scope_text(&one.entry.purpose)))
            .collect();
        show(place.json, &serde_json::json!({ "file": out, "entries": all.len() }), || match all.as_slice() {
            [] => format!("{}: nothing is recorded about {}.", out.display(), document.number),
            all => format!("{}: {} entries about {} ({}).", out.display(), all.len(), document.number, all.join(", ")),
        });
        Ok(Outcome::Done)
    }
}
