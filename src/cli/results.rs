//! `lull results`: what became of calls, as files for people who work with spreadsheets.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::moment::{Moment, moment};
use super::place::Installation;
use super::{Failure, Outcome, Place, bar, show};
use crate::export::{self, Ask, ExportError, Format};
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::model::zone::Zone;

/// Writes what became of a campaign's calls to a file.
#[derive(Debug, Subcommand)]
pub(crate) enum Results {
    /// Writes one row for each call: when, whom, what became of it, the agent's result and the customer's answers.
    Export(Export),
}

/// Writes one row for each call, in the order in which they began.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The campaign.
    campaign: CampaignKey,
    /// The file: its name ends in .csv or .xlsx.
    file: PathBuf,
    /// Calls that began at or after this: 2026-11-16, 2026-11-16T08:00 or 2026-11-16T00:00:00Z; without it, all.
    #[arg(long, value_parser = moment)]
    from: Option<Moment>,
    /// Calls that began before this, or on this day; without it, until now.
    #[arg(long, value_parser = moment)]
    to: Option<Moment>,
    /// Begins a CSV file with a byte order mark, which Excel needs to read Chinese.
    #[arg(long)]
    bom: bool,
    /// Masks numbers and leaves out names, notes and cells of lists: what tells who a customer is.
    #[arg(long)]
    masked: bool,
}

impl Results {
    pub(crate) fn run(self, place: &Place) -> Result<Outcome, Failure> {
        let Results::Export(export) = self;
        let installation = Installation::open(place)?;
        installation.must_know(&export.campaign)?;
        export.run(place, &installation)
    }
}

impl Export {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let ending = self.file.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        let format = match ending.as_deref() {
            Some("csv") => Format::Csv { mark: self.bom },
            Some("xlsx") => Format::Xlsx,
            _ => {
                let file = self.file.display();
                return Err(Failure::new(format!("{file}: expected a name that ends in .csv or .xlsx")));
            }
        };
        let zone = Zone::named(&installation.config.settings().zone).unwrap_or_else(|_| Zone::utc());
        let from = self.from.map_or(Ok(Timestamp::from_millis(0)), |from| from.at(&zone, false))?;
        let to = self.to.map_or(Ok(installation.now()), |to| to.at(&zone, true))?;
        if from >= to {
            return Err(Failure::new(format!("--from is {from} and --to is {to}: expected from before to")));
        }
        let ask = Ask { campaign: self.campaign, from, to, format, masked: self.masked, zone };
        let bar = bar(place.json);
        let mut drawn = |progress: export::Progress| {
            bar.set_length(progress.of);
            bar.set_position(progress.rows);
        };
        let file = self.file;
        let rows = installation.with_store(|store, _| {
            let (ask, file, drawn) = (&ask, &file, &mut drawn);
            async move {
                match export::write(&store, ask, file, drawn).await {
                    Err(ExportError::Store(error)) => Err(error),
                    other => Ok(other),
                }
            }
        })??;
        bar.finish_and_clear();
        let told = serde_json::json!({ "file": file, "rows": rows, "from": from, "to": to });
        show(place.json, &told, || match rows {
            0 => format!("`{}` made no call in that time; {} has the headings only.", ask.campaign, file.display()),
            1 => format!("1 call is in {}.", file.display()),
            _ => format!("{rows} calls are in {}.", file.display()),
        });
        Ok(Outcome::Done)
    }
}
