//! `lull campaign`: campaign files are checked and applied.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::check::{self, CheckArgs};
use super::limits::Limit;
use super::people::BY;
use super::place::Installation;
use super::{Failure, Outcome, Place, show};
use crate::model::campaign::{Campaign, CampaignState};
use crate::model::campaign_file;
use crate::model::changes::{Differences, LineKind};
use crate::model::document::Complaints;
use crate::model::name::CampaignKey;
use crate::runtime::control::Say;
use crate::store::RevisionRow;

/// Checks and applies campaign files.
#[derive(Debug, Subcommand)]
pub(crate) enum Campaigns {
    /// Checks files against the configuration; nothing is changed.
    Check(CheckArgs),
    /// Makes a file the newest revision of its campaign.
    Apply(Apply),
    /// Shows what files would change, and changes nothing. Ends with 3 if something would change.
    Plan(Plan),
    /// Gives back a text that was applied, as it was written.
    Export(Export),
    /// Shows what two revisions of a campaign differ in. Ends with 3 if they do.
    Diff(Diff),
    /// Lists everything that was ever applied for a campaign: when, by whom, why.
    History(History),
    /// Lists the campaigns with their state and leads.
    List,
    /// Shows what limits of a campaign can be set while it runs, and sets them over its definition.
    Limit(Limit),
    /// Prints the JSON Schema of campaign files, by which editors complete keys and mark mistakes.
    Schema,
}

/// Makes a file the newest revision of its campaign.
#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// The campaign file.
    file: PathBuf,
    /// Why, for the record.
    #[arg(long, default_value = "")]
    why: String,
    /// Starts the campaign at once.
    #[arg(long)]
    start: bool,
}

/// Shows what files would change, against the revisions in force.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// Campaign files (TOML).
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Gives back a text that was applied, as it was written.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The campaign.
    campaign: CampaignKey,
    /// The revision; without it, the one in force.
    #[arg(long)]
    revision: Option<u64>,
}

/// Shows what two revisions of a campaign differ in.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The campaign.
    campaign: CampaignKey,
    /// The earlier revision; without it, the one before the later.
    #[arg(long)]
    from: Option<u64>,
    /// The later revision; without it, the one in force.
    #[arg(long)]
    to: Option<u64>,
}

/// Lists everything that was ever applied for a campaign.
#[derive(Debug, Args)]
pub(crate) struct History {
    /// The campaign.
    campaign: CampaignKey,
}

#[derive(Debug, Serialize)]
struct Planned {
    file: String,
    campaign: CampaignKey,
    /// The revision in force; none for a new campaign.
    revision: Option<u64>,
    differences: Differences,
}

#[derive(Debug, Serialize)]
struct Applied {
    campaign: CampaignKey,
    revision: u64,
    state: CampaignState,
    running_service_told: bool,
}

#[derive(Debug, Serialize)]
struct Row {
    campaign: CampaignKey,
    title: String,
    state: CampaignState,
    revision: u64,
    leads_open: u64,
    leads_total: u64,
}

impl Campaigns {
    pub(crate) fn run(self, place: &Place) -> Result<Outcome, Failure> {
        // The schema is the same everywhere: no installation is needed for it.
        let installation = || Installation::open(place);
        match self {
            Campaigns::Check(args) => {
                let colour = std::io::stdout().is_terminal();
                let mut out = std::io::stdout().lock();
                Ok(check::run(&args, &installation()?.config, place.json, colour, &mut out)?)
            }
            Campaigns::Apply(apply) => apply.run(place, &installation()?),
            Campaigns::Plan(plan) => plan.run(place, &installation()?),
            Campaigns::Export(export) => export.run(place, &installation()?),
            Campaigns::Diff(diff) => diff.run(place, &installation()?),
            Campaigns::History(history) => history.run(place, &installation()?),
            Campaigns::List => list(place, &installation()?),
            Campaigns::Limit(limit) => limit.run(place, &installation()?),
            Campaigns::Schema => {
                show(true, &campaign_file::schema(), String::new);
                Ok(Outcome::Done)
            }
        }
    }
}

impl Apply {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let (campaign, text) = match read(installation, &self.file) {
            Ok(read) => read,
            Err(complaints) => {
                show(place.json, &complaints.located(), || rendered(&complaints));
                return Ok(Outcome::Findings);
            }
        };
        let (definition, why, start) = (campaign.clone(), self.why, self.start);
        let (revision, state) = installation.with_store(|store, now| async move {
            let key = definition.key.clone();
            let revision = store.apply_campaign(definition, &text, BY, &why, now).await?;
            if start {
                store.set_campaign_state(&key, CampaignState::Running, BY, &why, now).await?;
            }
            let state = store.campaign(&key).await?.map(|row| row.state).unwrap_or_default();
            Ok((revision, state))
        })?;
        let key = campaign.key.clone();
        let told = installation.tell(&Say::CampaignApplied { campaign: Box::new(campaign), state })?;
        let applied = Applied { campaign: key, revision, state, running_service_told: told };
        show(place.json, &applied, || {
            let service = if told { "the running service uses it now" } else { "no service is running" };
            format!("`{}` is at revision {revision}, {}; {service}.", applied.campaign, state_text(state))
        });
        Ok(Outcome::Done)
    }
}

impl Plan {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let mut read = Vec::new();
        for file in &self.files {
            match self::read(installation, file) {
                Ok(found) => read.push((file.display().to_string(), found)),
                Err(complaints) => {
                    show(place.json, &complaints.located(), || rendered(&complaints));
                    return Ok(Outcome::Failed);
                }
            }
        }
        let planned = installation.with_store(|store, _| async move {
            let mut planned = Vec::new();
            for (file, (campaign, text)) in read {
                let (revision, differences) = store.plan(&campaign, &text).await?;
                planned.push(Planned { file, campaign: campaign.key, revision, differences });
            }
            Ok(planned)
        })?;
        show(place.json, &planned, || {
            let one = |plan: &Planned| {
                let Planned { file, campaign, revision, differences } = plan;
                match revision {
                    None => format!("{file}: `{campaign}` is new\n"),
                    Some(revision) if differences.lines.is_empty() => {
                        format!("{file}: `{campaign}` is at revision {revision} already\n")
                    }
                    Some(revision) => {
                        format!("{file}: `{campaign}` would change from revision {revision}\n{}", shown(differences))
                    }
                }
            };
            planned.iter().map(one).collect()
        });
        let same = planned.iter().all(|plan| plan.revision.is_some() && plan.differences.lines.is_empty());
        Ok(if same { Outcome::Done } else { Outcome::Findings })
    }
}

impl Export {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        installation.must_know(&self.campaign)?;
        let (key, revision) = (self.campaign, self.revision);
        let row = installation.with_store(|store, _| async move { store.revision(&key, revision).await })?;
        match row {
            // To the last byte, so that it can be applied again and is the same revision.
            Some(row) if !place.json => print!("{}", row.text),
            Some(row) => show(place.json, &row, String::new),
            None => {}
        }
        Ok(Outcome::Done)
    }
}

impl Diff {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        installation.must_know(&self.campaign)?;
        let (key, from, to) = (self.campaign.clone(), self.from, self.to);
        let compared =
            installation.with_store(|store, _| async move { store.compare_revisions(&key, from, to).await })?;
        let Some((from, to, differences)) = compared else { return Ok(Outcome::Done) };
        let told = serde_json::json!({ "campaign": self.campaign, "from": from, "to": to, "differences": differences });
        show(place.json, &told, || match differences.lines.is_empty() {
            true => format!("Revisions {from} and {to} of `{}` are the same.", self.campaign),
            false => format!("`{}` from revision {from} to {to}\n{}", self.campaign, shown(&differences)),
        });
        Ok(if differences.lines.is_empty() { Outcome::Done } else { Outcome::Findings })
    }
}

impl History {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        installation.must_know(&self.campaign)?;
        let key = self.campaign;
        let rows = installation.with_store(|store, _| async move { store.revisions(&key).await })?;
        show(place.json, &rows, || {
            let line = |row: &RevisionRow| {
                format!("{:>5}  {}  {:<16} {}\n", row.revision, row.applied_at, row.applied_by, row.why)
            };
            rows.iter().map(line).collect()
        });
        Ok(Outcome::Done)
    }
}

/// Values first, then the lines as every tool writes them.
fn shown(differences: &Differences) -> String {
    let value = |value: &Option<serde_json::Value>| value.as_ref().map_or("(nothing)".to_owned(), ToString::to_string);
    let mut text = String::new();
    for change in &differences.values {
        text += &format!("  {}: {} -> {}\n", change.key, value(&change.from), value(&change.to));
    }
    if differences.values.is_empty() {
        text += "  nothing but comments, order or spaces\n";
    }
    for line in &differences.lines {
        let mark = match line.kind {
            LineKind::Kept => ' ',
            LineKind::Added => '+',
            LineKind::Removed => '-',
            LineKind::Gap => '@',
        };
        text += &format!("    {mark} {}\n", line.text);
    }
    text
}

fn list(place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
    let rows = installation.with_store(|store, _| async move {
        let mut rows = Vec::new();
        for row in store.campaigns().await? {
            let leads = store.lead_counts(&row.campaign.key).await?;
            rows.push(Row {
                campaign: row.campaign.key,
                title: row.campaign.title,
                state: row.state,
                revision: row.revision,
                leads_open: leads.open + leads.callback,
                leads_total: leads.total(),
            });
        }
        Ok(rows)
    })?;
    show(place.json, &rows, || {
        if rows.is_empty() {
            return "There are no campaigns yet. Apply one: lull campaign apply campaigns/family-plan.toml".to_owned();
        }
        rows.iter()
            .map(|row| {
                let (key, state) = (row.campaign.as_str(), state_text(row.state));
                let (open, total) = (row.leads_open, row.leads_total);
                format!("{key:<24} {state:<8} {open:>8} of {total:>8} leads open  {}\n", row.title)
            })
            .collect()
    });
    Ok(Outcome::Done)
}

fn read(installation: &Installation, file: &Path) -> Result<(Campaign, String), Complaints> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| Complaints::unreadable(&name, &error))?;
    let campaign = campaign_file::read(&name, &text, Some(&installation.config.known()))?;
    Ok((campaign, text))
}

fn rendered(complaints: &Complaints) -> String {
    complaints.rendered(std::io::stdout().is_terminal())
}

fn state_text(state: CampaignState) -> &'static str {
    match state {
        CampaignState::Ready => "ready",
        CampaignState::Running => "running",
        CampaignState::Paused => "paused",
        CampaignState::Ended => "ended",
    }
}
