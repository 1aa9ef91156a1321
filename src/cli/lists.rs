//! `lull list`: customers are brought in from files.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use super::people::BY;
use super::place::Installation;
use super::templates::Templates;
use super::{Failure, Outcome, Place, show};
use crate::model::dialable::{self, Region};
use crate::model::name::CampaignKey;
use crate::model::window::opens_at_all;
use crate::runtime::control::Say;
use crate::store::{
    Delimiter, Dialable, DuplicatePolicy, DuplicateScope, Duplicates, FileFormat, ImportMode, ImportOutcome,
    ImportPlan, ImportStage, MappedColumn, Mapping, Progress, ReadNumber, Rejection, Stop, Store, StoreError,
    TextEncoding, Undone, Windows,
};

/// Imports lists of customers.
#[derive(Debug, Subcommand)]
pub(crate) enum Lists {
    /// Brings the customers of a file (CSV or XLSX, with header) onto a campaign's list.
    Import(Import),
    /// Takes an import back, within the hours of lists.undo_hours: its leads that were not dialled yet, and its updates.
    Undo(Undo),
    /// What the columns of a kind of file are for, saved under a name.
    #[command(subcommand)]
    Template(Templates),
}

/// How a file is to be read; what is left out is found out.
#[derive(Debug, Args)]
pub(super) struct Reading {
    /// Country of numbers in national form; without it, the region of the configuration.
    #[arg(long)]
    region: Option<Region>,
    /// Encoding of a text file (utf-8, gb18030, utf-16le, big5, windows-1252 ...); without it, what it looks like.
    #[arg(long)]
    encoding: Option<TextEncoding>,
    /// What stands between cells: comma, semicolon, tab, pipe, or the sign; without it, the likeliest in the header.
    #[arg(long)]
    delimiter: Option<Delimiter>,
    /// Sheet of a workbook, where several have cells.
    #[arg(long)]
    sheet: Option<String>,
    /// Heading of the number's column, where several could be meant.
    #[arg(long, value_name = "HEADING")]
    pub(super) number_column: Option<String>,
}

impl Reading {
    pub(super) fn region(&self, installation: &Installation) -> Region {
        self.region.unwrap_or(installation.config.installation.region)
    }

    pub(super) fn format(&self, region: Region) -> FileFormat {
        FileFormat {
            encoding: self.encoding,
            delimiter: self.delimiter,
            sheet: self.sheet.clone(),
            country: Some(region.to_string().to_ascii_lowercase()),
        }
    }
}

/// Brings the customers of a file onto a campaign's list: CSV or XLSX, with a header. Killed on its way, it goes on where it
/// was when the same file is imported again to the same list.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The campaign.
    campaign: CampaignKey,
    /// The file.
    file: PathBuf,
    /// Name of the list; without it, the name of the file.
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    reading: Reading,
    /// A column and what it is for: number, name, zone, priority, custom, custom:NAME or ignore. May be given repeatedly; other
    /// columns are understood by their headings.
    #[arg(long = "map", value_name = "HEADING=USE")]
    map: Vec<MappedColumn>,
    /// A template that says what the columns are for; --map goes before it.
    #[arg(long, value_name = "NAME")]
    template: Option<String>,
    /// Where a number may be already.
    #[arg(long, value_enum, default_value_t)]
    duplicates_in: Within,
    /// What becomes of a row whose number is on the campaign already.
    #[arg(long, value_enum, default_value_t)]
    on_duplicate: Known,
    /// Checks the whole file and changes nothing.
    #[arg(long)]
    dry_run: bool,
    /// Where rejected rows are written; without it, beside the file as FILE.rejected.csv.
    #[arg(long, value_name = "FILE")]
    rejected: Option<PathBuf>,
}

/// Where a number may be already.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Within {
    /// On the campaign.
    #[default]
    Campaign,
    /// On any campaign.
    Everywhere,
}

/// What becomes of a row whose number is on the campaign already.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Known {
    /// It is left out.
    #[default]
    Skip,
    /// Its cells that are not empty go to the lead that is there, and further numbers are added.
    Update,
    /// Its further numbers are added to the lead that is there, and nothing else.
    AddNumbers,
}

/// Takes an import back.
#[derive(Debug, Args)]
pub(crate) struct Undo {
    /// The import, as `lull list import` named it.
    import: String,
}

impl Lists {
    pub(crate) fn run(self, place: &Place) -> Result<Outcome, Failure> {
        let installation = Installation::open(place)?;
        match self {
            Lists::Import(import) => import.run(place, &installation),
            Lists::Undo(undo) => undo.run(place, &installation),
            Lists::Template(templates) => templates.run(place, &installation),
        }
    }
}

impl Import {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        installation.must_know(&self.campaign)?;
        let region = self.reading.region(installation);
        let mapping = mapping(self.map, self.template, installation)?;
        let windows = windows(&self.campaign, installation)?;
        let mut rejected = self.file.clone().into_os_string();
        rejected.push(".rejected.csv");
        let list = self.file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let plan = ImportPlan {
            path: self.file,
            campaign: self.campaign.clone(),
            list: self.name.unwrap_or(list),
            format: self.reading.format(region),
            number_column: self.reading.number_column,
            mapping,
            duplicates: Duplicates {
                scope: match self.duplicates_in {
                    Within::Campaign => DuplicateScope::Campaign,
                    Within::Everywhere => DuplicateScope::Everywhere,
                },
                policy: match self.on_duplicate {
                    Known::Skip => DuplicatePolicy::Skip,
                    Known::Update => DuplicatePolicy::Update,
                    Known::AddNumbers => DuplicatePolicy::AddNumbers,
                },
            },
            mode: if self.dry_run { ImportMode::DryRun } else { ImportMode::Run },
            error_file: Some(self.rejected.unwrap_or_else(|| rejected.into())),
            windows,
            stop: Stop::default(),
            by: BY.to_owned(),
            at: installation.now(),
        };
        let bar = bar(place.json);
        let mut progress = |progress: Progress| draw(&bar, progress);
        let read = reader(region);
        let outcome = installation
            .with_store(|store: Store, _| async move {
                Ok::<_, StoreError>(store.import_leads(plan, read, &mut progress).await)
            })?
            .map_err(Failure::from)?;
        bar.finish_and_clear();
        if outcome.list.is_some() {
            installation.tell(&Say::LeadsChanged { campaign: self.campaign })?;
        }
        show(place.json, &outcome, || text(&outcome));
        Ok(if outcome.counts.rejected() == 0 { Outcome::Done } else { Outcome::Findings })
    }
}

impl Undo {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let import = self.import.parse()?;
        let within = Duration::from_secs(3600) * installation.config.lists.undo_hours;
        let undone =
            installation.with_store(|store, now| async move { store.undo_import(import, BY, now, within).await })?;
        let Undone { removed, given_up, restored, numbers, numbers_kept } = undone;
        let told = serde_json::json!({
            "import": self.import, "removed": removed, "given_up": given_up, "restored": restored,
            "numbers": numbers, "numbers_kept": numbers_kept,
        });
        show(place.json, &told, || {
            let mut text = format!("{removed} leads that were not dialled yet are removed");
            for (count, says) in [
                (given_up, "that were dialled are given up"),
                (restored, "say again what they said before"),
                (numbers, "numbers that it gave to people who were there are gone"),
                (numbers_kept, "such numbers were called since, or a call to them is promised, and stay"),
            ] {
                if count > 0 {
                    text += &format!(", {count} {says}");
                }
            }
            text + "."
        });
        Ok(Outcome::Done)
    }
}

/// What is said of columns, over what a template says.
fn mapping(said: Vec<MappedColumn>, template: Option<String>, installation: &Installation) -> Result<Mapping, Failure> {
    let said = Mapping::new(said)?;
    let Some(name) = template else { return Ok(said) };
    let saved = installation.with_store(|store, _| async move { store.template(&name).await })?;
    Ok(said.over(saved.mapping)?)
}

/// Which leads of a campaign can be dialled at all.
fn windows(campaign: &CampaignKey, installation: &Installation) -> Result<Option<Windows>, Failure> {
    let key = campaign.clone();
    let row = installation.with_store(|store, _| async move { store.campaign(&key).await })?;
    let (now, calendar, profiles) = (installation.now(), installation.zone(), &installation.config.profiles);
    Ok(row.map(|row| {
        let profile = profiles.get(&row.campaign.profile).cloned();
        Windows(Arc::new(move |zones| opens_at_all(now, &row.campaign, profile.as_ref(), zones, &calendar)))
    }))
}

/// Reads numbers as people write them, with every zone they may be in.
pub(super) fn reader(region: Region) -> ReadNumber {
    Arc::new(move |text| {
        dialable::read(text, Some(region))
            .map(|found| Dialable {
                number: found.number,
                zones: found.zones.iter().map(|zone| zone.name().to_owned()).collect(),
            })
            .map_err(|error| Rejection { code: error.code(), message: error.to_string() })
    })
}

/// A bar on a terminal; nothing where a program reads.
pub(super) fn bar(json: bool) -> ProgressBar {
    if json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{msg:<10} {wide_bar} {bytes}/{total_bytes} {eta}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}

pub(super) fn draw(bar: &ProgressBar, progress: Progress) {
    bar.set_length(progress.bytes_total);
    bar.set_position(progress.bytes_read);
    bar.set_message(match progress.stage {
        ImportStage::Reading => "reading",
        ImportStage::Merging => "merging",
        ImportStage::WritingErrors => "rejected",
    });
}

pub(super) fn text(outcome: &ImportOutcome) -> String {
    let counts = &outcome.counts;
    let mut text = format!(
        "{} {}: {} accepted, {}{} duplicate, {} invalid, {} suppressed\n",
        counts.rows,
        if counts.rows == 1 { "row" } else { "rows" },
        counts.accepted,
        if counts.updated > 0 { format!("{} updated, ", counts.updated) } else { String::new() },
        counts.duplicate,
        counts.invalid,
        counts.suppressed
    );
    for (code, count) in &outcome.rejected {
        text += &format!("  {count:>8} {code}\n");
    }
    if outcome.resumed {
        text += "this file was imported to this list before, or was broken off on its way; the counts are those of all runs\n";
    }
    if counts.without_zone > 0 {
        text += &format!("{} of the accepted have no known time zone and will not be dialled\n", counts.without_zone);
    }
    if counts.numbers_unread > 0 {
        text += &format!(
            "{} cells with a further number could not be read: their rows were taken without it, and agents see the cell\n",
            counts.numbers_unread
        );
    }
    let no_window = counts.no_window.saturating_sub(counts.without_zone);
    if no_window > 0 {
        text += &format!(
            "{no_window} of the accepted have no calling hours before the campaign ends and will not be dialled\n"
        );
    }
    if let Some(file) = &outcome.error_file {
        text += &format!("rejected rows, to be corrected and imported again: {}\n", file.display());
    }
    match outcome.import {
        Some(import) => text += &format!("can be taken back with: lull list undo {import}\n"),
        None => text += "nothing was changed\n",
    }
    text
}
