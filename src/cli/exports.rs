//! `lull export`: calls, results, leads and ledgers as files for people who work with spreadsheets.

use std::path::{Path, PathBuf};

use clap::Args;

use super::moment::{Moment, moment};
use super::place::Installation;
use super::{Failure, Outcome, Place, bar, show};
use crate::export::{self, Ask, ExportError, Format, Kind};
use crate::model::name::CampaignKey;
use crate::model::order::OrderState;
use crate::model::time::Timestamp;
use crate::model::zone::Zone;

/// Writes calls, results, leads, suppressions, consents or orders to a file, one row for each.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// What each row is: calls, results, leads, suppressions, consents or orders.
    kind: Kind,
    /// The file: its name ends in .csv or .xlsx.
    file: PathBuf,
    /// The campaign; needed for calls, results and leads.
    #[arg(long)]
    campaign: Option<CampaignKey>,
    #[command(flatten)]
    how: How,
}

/// Of when, and in which form.
#[derive(Debug, Args)]
pub(super) struct How {
    /// From this time on: 2026-11-16, 2026-11-16T08:00 or 2026-11-16T00:00:00Z; without it, all.
    #[arg(long, value_parser = moment)]
    from: Option<Moment>,
    /// Before this, or on this day; without it, until now.
    #[arg(long, value_parser = moment)]
    to: Option<Moment>,
    /// Begins a CSV file with a byte order mark, which Excel needs to read Chinese.
    #[arg(long)]
    bom: bool,
    /// Masks numbers and leaves out names, notes and cells of lists: what tells who a customer is.
    #[arg(long)]
    masked: bool,
}

impl Export {
    pub(crate) fn run(self, place: &Place) -> Result<Outcome, Failure> {
        let Export { kind, file, campaign, how } = self;
        if kind.needs_campaign() && campaign.is_none() {
            let kind = kind.as_str();
            return Err(Failure::new(format!("{kind} are of one campaign: expected --campaign KEY")));
        }
        how.write(place, &Installation::open(place)?, (kind, None), campaign, file)
    }
}

impl How {
    /// Writes the file and says how many rows are in it.
    pub(super) fn write(
        self,
        place: &Place,
        installation: &Installation,
        (kind, state): (Kind, Option<OrderState>),
        campaign: Option<CampaignKey>,
        file: PathBuf,
    ) -> Result<Outcome, Failure> {
        let format = format(&file, self.bom)?;
        if let Some(campaign) = &campaign {
            installation.must_know(campaign)?;
        }
        let zone = installation.zone();
        let (from, to) = span(self.from, self.to, &zone, installation.now())?;
        let ask = Ask { kind, campaign, state, from, to, format, masked: self.masked, zone };
        let bar = bar(place.json);
        let mut drawn = |progress: export::Progress| {
            bar.set_length(progress.of);
            bar.set_position(progress.rows);
        };
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
        show(place.json, &told, || match (rows, kind) {
            (0, Kind::Calls) => format!("There was no call in that time; {} has the headings only.", file.display()),
            (1, Kind::Calls) => format!("1 call is in {}.", file.display()),
            (_, kind) => format!("{rows} {} are in {}.", kind.as_str(), file.display()),
        });
        Ok(Outcome::Done)
    }
}

fn format(file: &Path, bom: bool) -> Result<Format, Failure> {
    let ending = file.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    match ending.as_deref() {
        Some("csv") => Ok(Format::Csv { mark: bom }),
        Some("xlsx") => Ok(Format::Xlsx),
        _ => Err(Failure::new(format!("{}: expected a name that ends in .csv or .xlsx", file.display()))),
    }
}

/// From when to when, as two options say it; from the beginning until now without them.
pub(super) fn span(
    from: Option<Moment>,
    to: Option<Moment>,
    zone: &Zone,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), Failure> {
    let from = from.map_or(Ok(Timestamp::from_millis(0)), |from| from.at(zone, false))?;
    let to = to.map_or(Ok(now), |to| to.at(zone, true))?;
    if from >= to {
        return Err(Failure::new(format!("--from is {from} and --to is {to}: expected from before to")));
    }
    Ok((from, to))
}
