//! `lull campaign`: campaign files are checked and applied.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::check::{self, CheckArgs};
use super::people::BY;
use super::place::Installation;
use super::{Failure, Outcome, Place, show};
use crate::model::campaign::{Campaign, CampaignState};
use crate::model::campaign_file;
use crate::model::document::Complaints;
use crate::model::name::CampaignKey;
use crate::runtime::control::Say;

/// Checks and applies campaign files.
#[derive(Debug, Subcommand)]
pub(crate) enum Campaigns {
    /// Checks files against the configuration; nothing is changed.
    Check(CheckArgs),
    /// Makes a file the newest revision of its campaign.
    Apply(Apply),
    /// Lists the campaigns with their state and leads.
    List,
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
        let installation = Installation::open(place)?;
        match self {
            Campaigns::Check(args) => {
                let colour = std::io::stdout().is_terminal();
                let mut out = std::io::stdout().lock();
                Ok(check::run(&args, &installation.config, place.json, colour, &mut out)?)
            }
            Campaigns::Apply(apply) => apply.run(place, &installation),
            Campaigns::List => list(place, &installation),
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
