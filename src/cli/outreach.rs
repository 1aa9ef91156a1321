//! `lull outreach`: the messages that campaigns start with.

use clap::{Args, Subcommand};

use super::ledgers::Numbered;
use super::people::BY;
use super::place::Installation;
use super::{Failure, Outcome, Place, in_columns, show};
use crate::model::campaign::link_address;
use crate::model::id::LeadId;
use crate::model::name::{CampaignKey, OutreachName};
use crate::model::outreach::{LINK_SAMPLE, Outreach, TOKEN_SAMPLE, named, prepared};
use crate::store::{AudienceSeen, CampaignRow, OutreachCount, OutreachRow, RecipientRow, TestSend};

/// Leads that are looked at to say what would be sent: those of a big list take some seconds.
const LOOKED_AT_MAX: u64 = 2_000_000;

/// The messages that campaigns start with.
#[derive(Debug, Subcommand)]
pub(crate) enum Outreaches {
    /// Lists the outreaches of a campaign, or of all, and how far each is.
    List(List),
    /// Shows what an outreach would say, to how many, and to whom not. Sends nothing. Exit code 3 if nobody would get a message.
    Preview(One),
    /// Sends a text to numbers of your own, as the first of the audience would get it.
    Test(Test),
    /// Starts an outreach, or goes on with it. Nobody gets a second message.
    Start(One),
    /// Pauses an outreach. What no gateway has begun to send does not leave until it is started again.
    Pause(One),
    /// Lists recipients and what became of their messages.
    Recipients(Recipients),
}

/// Lists outreaches.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only of this campaign.
    campaign: Option<CampaignKey>,
}

/// An outreach.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// The campaign.
    campaign: CampaignKey,
    /// The outreach: NAME of [outreach.NAME] in its file.
    name: OutreachName,
}

/// Sends a text to numbers of your own.
#[derive(Debug, Args)]
pub(crate) struct Test {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    number: Numbered,
    /// Which text; the first without it.
    #[arg(long)]
    variant: Option<OutreachName>,
    /// In which language; the usual one without it.
    #[arg(long)]
    language: Option<String>,
}

/// Lists recipients.
#[derive(Debug, Args)]
pub(crate) struct Recipients {
    #[command(flatten)]
    one: One,
    /// Only those who wait (`waiting`), who were left out (`skipped`, or why, such as `blank`), or whose message is like this
    /// (`sent`, `delivered`, `unknown`…).
    #[arg(long, default_value = "")]
    state: String,
    /// Only those of this text.
    #[arg(long, default_value = "")]
    variant: String,
    /// Only those after this lead.
    #[arg(long)]
    after: Option<LeadId>,
    /// At most so many, up to 500.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

impl Outreaches {
    pub(crate) fn run(self, place: &Place) -> Result<Outcome, Failure> {
        let installation = Installation::open(place)?;
        match self {
            Outreaches::List(list) => list.run(place, &installation),
            Outreaches::Preview(one) => one.preview(place, &installation),
            Outreaches::Test(test) => test.run(place, &installation),
            Outreaches::Start(one) => one.start(place, &installation),
            Outreaches::Pause(one) => one.pause(place, &installation),
            Outreaches::Recipients(recipients) => recipients.run(place, &installation),
        }
    }
}

impl One {
    fn campaign(&self, installation: &Installation) -> Result<CampaignRow, Failure> {
        installation.must_know(&self.campaign)?;
        let key = self.campaign.clone();
        let row = installation.with_store(|store, _| async move { store.campaign(&key).await })?;
        let row = row.ok_or_else(|| Failure::new(format!("there is no campaign `{}`", self.campaign)))?;
        self.outreach(&row)?;
        Ok(row)
    }

    fn outreach<'c>(&self, row: &'c CampaignRow) -> Result<&'c Outreach, Failure> {
        named(&row.campaign, &self.name).map_err(|error| Failure::new(error.to_string()))
    }

    fn look(&self, installation: &Installation, row: &CampaignRow) -> Result<AudienceSeen, Failure> {
        let outreach = self.outreach(row)?.clone();
        let link = link_address(installation.config.http.landing_base(), TOKEN_SAMPLE);
        let link = link.unwrap_or_else(|_| LINK_SAMPLE.to_owned());
        let (key, name) = (self.campaign.clone(), self.name.clone());
        installation
            .with_store(|store, _| async move { store.audience(&key, &name, &outreach, &link, LOOKED_AT_MAX).await })
    }

    fn preview(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let row = self.campaign(installation)?;
        let seen = self.look(installation, &row)?;
        let cost = seen.cost(row.campaign.costs.per_sms);
        show(place.json, &seen, || match cost {
            Some(cost) => format!("{}\n\nThe SMS cost {cost:.2}, by costs.per_sms.", previewed(&seen)),
            None => previewed(&seen),
        });
        Ok(if seen.texts.is_empty() { Outcome::Findings } else { Outcome::Done })
    }

    fn start(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let row = self.campaign(installation)?;
        let today = installation.zone().date(installation.now());
        prepared(&row.campaign, row.state, &self.name, &installation.config.known(), today)
            .map_err(|held| Failure::new(format!("the outreach cannot start: {held}")))?;
        let seen = self.look(installation, &row)?;
        if let Some(obstacle) = seen.obstacle(self.outreach(&row)?) {
            return Err(Failure::new(format!("{obstacle}\n{}", previewed(&seen))));
        }
        let (key, name) = (self.campaign.clone(), self.name.clone());
        let started =
            installation.with_store(|store, now| async move { store.start_outreach(&key, &name, BY, now).await })?;
        let told = serde_json::json!({ "campaign": self.campaign, "outreach": self.name, "started": started });
        show(place.json, &told, || match started {
            true => format!(
                "{} of {} runs: it sends as soon as the service does, as hours and gateway allow.",
                self.name, self.campaign
            ),
            false => format!("{} of {} runs already.", self.name, self.campaign),
        });
        Ok(Outcome::Done)
    }

    fn pause(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        installation.must_know(&self.campaign)?;
        let (key, name) = (self.campaign.clone(), self.name.clone());
        let (paused, row) = installation.with_store(|store, now| async move {
            let paused = store.pause_outreach(&key, &name, BY, now).await?;
            Ok((paused, store.outreach(&key, &name).await?))
        })?;
        let row = row.ok_or_else(|| Failure::new(format!("the outreach `{}` was never started", self.name)))?;
        show(place.json, &row, || match paused {
            true => format!("{} of {} is paused.", self.name, self.campaign),
            false => format!("{} of {} does not run: it is {}.", self.name, self.campaign, row.state.as_str()),
        });
        Ok(Outcome::Done)
    }
}

impl Test {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let row = self.one.campaign(installation)?;
        let number = self.number.read(installation)?;
        let (asked, key) = (number.clone(), self.one.campaign.clone());
        let suppressed =
            installation.with_store(|store, now| async move { store.is_written_off(&asked, Some(&key), now).await })?;
        if suppressed {
            show(place.json, &serde_json::json!({ "number": number, "suppressed": true }), || {
                format!("{number} is suppressed: no message leaves for it.")
            });
            return Ok(Outcome::Findings);
        }
        let today = installation.zone().date(installation.now());
        let (outreach, way) = prepared(&row.campaign, row.state, &self.one.name, &installation.config.known(), today)
            .map_err(|held| Failure::new(format!("nothing can be sent: {held}")))?;
        let test = TestSend { variant: self.variant, language: self.language, numbers: vec![number.clone()] };
        let (key, name, outreach) = (self.one.campaign, self.one.name, outreach.clone());
        let names: Vec<String> = outreach.variants.keys().map(|name| name.to_string()).collect();
        let sent = installation.with_store(|store, now| async move {
            store.test_outreach((&key, &name), (&outreach, &way), test, BY, now).await
        })?;
        let sent =
            sent.ok_or_else(|| Failure::new(format!("there is no such variant; there are: {}", names.join(", "))))?;
        show(place.json, &sent, || format!("a test to {number} waits for the gateway."));
        Ok(Outcome::Done)
    }
}

impl List {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        if let Some(campaign) = &self.campaign {
            installation.must_know(campaign)?;
        }
        let wanted = self.campaign;
        let found = installation.with_store(|store, _| async move {
            let mut found: Vec<(CampaignKey, OutreachName, Option<OutreachRow>, Vec<OutreachCount>)> = Vec::new();
            let mut runs = store.outreaches(wanted.as_ref()).await?;
            for row in store.campaigns().await? {
                let key = row.campaign.key;
                if wanted.as_ref().is_some_and(|wanted| *wanted != key) {
                    continue;
                }
                for name in row.campaign.outreach.keys() {
                    let at = runs.iter().position(|run| run.campaign == key && run.name == *name);
                    found.push((key.clone(), name.clone(), at.map(|at| runs.remove(at)), Vec::new()));
                }
            }
            found.extend(runs.into_iter().map(|run| (run.campaign.clone(), run.name.clone(), Some(run), Vec::new())));
            for (key, name, run, counts) in &mut found {
                if run.is_some() {
                    *counts = store.outreach_counts(key, name).await?;
                }
            }
            Ok(found)
        })?;
        let told: Vec<_> = found
            .iter()
            .map(|(campaign, name, run, counts)| {
                serde_json::json!({ "campaign": campaign, "outreach": name, "run": run, "counts": counts })
            })
            .collect();
        show(place.json, &told, || {
            if found.is_empty() {
                return "there is no outreach: a campaign file has it as [outreach.NAME]; see docs/outreach.md"
                    .to_owned();
            }
            let lines = found.iter().map(|(campaign, name, run, counts)| {
                let state = run.as_ref().map_or("not started", |run| run.state.as_str());
                let held = run.as_ref().and_then(|run| run.held.as_deref());
                let held = held.map_or_else(String::new, |held| format!(" ({held})"));
                vec![campaign.to_string(), name.to_string(), format!("{state}{held}"), counted(counts)]
            });
            in_columns(&lines.collect::<Vec<_>>())
        });
        Ok(Outcome::Done)
    }
}

impl Recipients {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let One { campaign, name } = self.one;
        installation.must_know(&campaign)?;
        let (state, variant, after, limit) = (self.state, self.variant, self.after, usize::from(self.limit));
        let rows = installation.with_store(|store, _| async move {
            store.recipients((&campaign, &name), (&state, &variant), after, limit).await
        })?;
        show(place.json, &rows, || listed(&rows));
        Ok(Outcome::Done)
    }
}

/// `812 delivered, 3 unknown, 120 waiting`.
fn counted(counts: &[OutreachCount]) -> String {
    let mut by = std::collections::BTreeMap::new();
    for one in counts {
        let what = match (one.message, one.skipped) {
            (Some(state), _) => state.as_str().to_owned(),
            (None, Some(why)) => format!("left out ({})", why.as_str()),
            (None, None) => "waiting".to_owned(),
        };
        *by.entry(what).or_insert(0) += one.count;
    }
    by.into_iter().map(|(what, count)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
}

fn listed(rows: &[RecipientRow]) -> String {
    if rows.is_empty() {
        return "there are no such recipients.".to_owned();
    }
    let line = |row: &RecipientRow| {
        let state = match (row.state, row.skipped, row.due_at) {
            (Some(state), _, _) => state.as_str().to_owned(),
            (None, Some(why), _) => format!("left out ({})", why.as_str()),
            (None, None, Some(due)) => format!("waiting until {due}"),
            (None, None, None) => "sent".to_owned(),
        };
        let detail = row.detail.as_deref().or(row.error.as_deref()).unwrap_or_default().to_owned();
        let name = row.name.clone().unwrap_or_default();
        vec![
            row.lead.to_string(),
            row.number.clone(),
            name,
            row.variant.to_string(),
            row.language.clone(),
            state,
            detail,
        ]
    };
    in_columns(&rows.iter().map(line).collect::<Vec<_>>())
}

fn previewed(seen: &AudienceSeen) -> String {
    let mut lines = Vec::new();
    let of = if seen.whole { "" } else { " of the first" };
    lines.push(format!("{} of{of} {} people on the list are in the audience.", seen.people, seen.looked_at));
    for text in &seen.texts {
        lines.push(String::new());
        let most = text.parts_max;
        let (people, sms) = (text.people, text.sms);
        lines.push(format!("{}, {}: {people} people, {sms} SMS (at most {most} each)", text.variant, text.language));
        lines.extend(text.samples.iter().map(|sample| format!("  {}", sample.text.replace('\n', "\n  "))));
    }
    for skipped in &seen.skipped {
        let detail = skipped.detail.as_ref().map_or_else(String::new, |column| format!(" in `{column}`"));
        lines.push(format!("left out: {} ({}{detail})", skipped.people, skipped.why.as_str()));
    }
    for column in &seen.unknown {
        lines.push(format!("nobody has the column `{column}`; there are: name, {}", seen.columns.join(", ")));
    }
    lines.join("\n")
}
