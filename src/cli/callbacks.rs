//! `lull callback`: calls that were promised to customers.

use clap::{Args, Subcommand, ValueEnum};

use super::place::Installation;
use super::{Failure, Outcome, Place, in_columns, show};
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::store::{CallbackFilter, CallbackRow, CallbackState, Whose};

/// Calls that were promised to customers.
#[derive(Debug, Subcommand)]
pub(crate) enum Callbacks {
    /// Lists them, the longest overdue first. They are changed on the managers' page, or by the API.
    List(List),
}

/// Lists promised calls, the longest overdue first.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only of this campaign.
    #[arg(long)]
    campaign: Option<CampaignKey>,
    /// Only those that this agent promised in person, by login.
    #[arg(long, value_name = "LOGIN", conflicts_with = "team")]
    agent: Option<String>,
    /// Only those that anyone of the group may take.
    #[arg(long)]
    team: bool,
    /// Only those that stand like this.
    #[arg(long, value_enum)]
    state: Option<Standing>,
    /// At most so many, up to 500.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

/// How a promised call stands.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Standing {
    /// Its time has not come.
    Coming,
    /// Its time has come, less than 15 minutes ago.
    Due,
    /// Its time is over by 15 minutes or more.
    Overdue,
}

impl Callbacks {
    pub(crate) fn run(self, place: &Place) -> Result<Outcome, Failure> {
        let installation = Installation::open(place)?;
        match self {
            Callbacks::List(list) => list.run(place, &installation),
        }
    }
}

impl List {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        if let Some(campaign) = &self.campaign {
            installation.must_know(campaign)?;
        }
        let now = installation.now();
        let standing = self.state.map(|state| match state {
            Standing::Coming => CallbackState::Coming,
            Standing::Due => CallbackState::Due,
            Standing::Overdue => CallbackState::Overdue,
        });
        let (from, before) = standing.map_or((None, None), |standing| standing.span(now));
        let whose = match (self.agent, self.team) {
            (Some(login), _) => Whose::Agent(login),
            (None, true) => Whose::Team,
            (None, false) => Whose::All,
        };
        let filter = CallbackFilter { campaign: self.campaign, whose, from, before };
        let limit = usize::from(self.limit);
        let rows = installation.with_store(|store, _| async move { store.callbacks(&filter, None, limit).await })?;
        show(place.json, &rows, || table(&rows, now));
        Ok(Outcome::Done)
    }
}

fn table(rows: &[CallbackRow], now: Timestamp) -> String {
    if rows.is_empty() {
        return "No call is promised.".to_owned();
    }
    let head = ["promised for", "state", "campaign", "whose", "number", "customer", "note"].map(str::to_owned).to_vec();
    let line = |row: &CallbackRow| {
        let state = match CallbackState::of(row.at, now) {
            CallbackState::Coming => "coming".to_owned(),
            CallbackState::Due => "due".to_owned(),
            CallbackState::Overdue => {
                format!("overdue by {} min", (now.as_millis() - row.at.as_millis()) / 60_000)
            }
        };
        // One line for each, whatever was typed.
        let note = row.note.split_whitespace().collect::<Vec<_>>().join(" ");
        let whose = row.agent.clone().unwrap_or_else(|| "team".to_owned());
        vec![row.at.to_string(), state, row.campaign.to_string(), whose, row.number.to_string(), row.name.clone(), note]
    };
    in_columns(&std::iter::once(head).chain(rows.iter().map(line)).collect::<Vec<_>>())
}
