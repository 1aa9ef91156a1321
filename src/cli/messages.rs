//! `lull message`: SMS to one number, and what was sent and came.

use clap::{Args, Subcommand};

use super::ledgers::Numbered;
use super::people::BY;
use super::place::Installation;
use super::{Failure, Outcome, Place, in_columns, show};
use crate::model::message::{fit, parts, way};
use crate::model::name::{CampaignKey, GatewayName};
use crate::store::{Meaning, MessageDirection, MessageRow, NewMessage};

/// SMS to one number, and what was sent and came.
#[derive(Debug, Subcommand)]
pub(crate) enum Messages {
    /// Sends an SMS to one number, as soon as the service runs and the gateway takes it. Exit code 3 if the number is
    /// suppressed.
    Send(Send),
    /// Lists messages in both directions, newest first.
    List(List),
}

/// Sends an SMS to one number.
#[derive(Debug, Args)]
pub(crate) struct Send {
    #[command(flatten)]
    number: Numbered,
    /// What it says.
    text: String,
    /// Through which gateway; it may be left out where there is only one.
    #[arg(long)]
    gateway: Option<GatewayName>,
    /// Number or name to be shown as the sender: one of the gateway's; the usual one without it.
    #[arg(long)]
    sender: Option<String>,
    /// The campaign that it belongs to: a reply to it is one to the campaign.
    #[arg(long)]
    campaign: Option<CampaignKey>,
}

/// Lists messages, newest first.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those from and to this number.
    #[arg(long)]
    number: Option<String>,
    /// Country of a number in national form; without it, the region of the configuration.
    #[arg(long)]
    region: Option<crate::model::dialable::Region>,
    /// At most so many, up to 500.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

impl Messages {
    pub(crate) fn run(self, place: &Place) -> Result<Outcome, Failure> {
        let installation = Installation::open(place)?;
        match self {
            Messages::Send(send) => send.run(place, &installation),
            Messages::List(list) => list.run(place, &installation),
        }
    }
}

impl Send {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let number = self.number.read(installation)?;
        let gateways = &installation.config.gateways;
        let senders = gateways.iter().map(|(name, gateway)| (name.clone(), gateway.senders.clone())).collect();
        let failed = |unfit: crate::model::message::Unfit| Failure::new(unfit.to_string());
        let (gateway, sender) = way(&senders, self.gateway.as_ref(), self.sender.as_deref()).map_err(failed)?;
        fit(&self.text).map_err(failed)?;
        let count = parts(&self.text).texts.len();
        let (wanted, campaign) = (number.clone(), self.campaign.clone());
        let (known, suppressed) = installation.with_store(|store, now| async move {
            let known = match &campaign {
                Some(campaign) => store.campaigns().await?.iter().any(|row| row.campaign.key == *campaign),
                None => true,
            };
            Ok((known, store.is_written_off(&wanted, campaign.as_ref(), now).await?))
        })?;
        if let (Some(campaign), false) = (&self.campaign, known) {
            return Err(Failure::new(format!("there is no campaign `{campaign}`; `lull campaign list` tells")));
        }
        if suppressed {
            show(place.json, &serde_json::json!({ "number": number, "suppressed": true }), || {
                format!("{number} is suppressed: no message leaves for it.")
            });
            return Ok(Outcome::Findings);
        }
        let message = NewMessage {
            gateway: gateway.clone(),
            number: number.clone(),
            sender,
            text: self.text,
            campaign: self.campaign,
        };
        let id = installation.with_store(|store, now| async move { store.queue_message(message, BY, now).await })?;
        let told = serde_json::json!({ "id": id, "number": number, "gateway": gateway, "parts": count });
        show(place.json, &told, || format!("{id} to {number} waits for the gateway {gateway}: {count} SMS."));
        Ok(Outcome::Done)
    }
}

impl List {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let number = match self.number {
            Some(number) => Some(Numbered { number, region: self.region }.read(installation)?),
            None => None,
        };
        let limit = usize::from(self.limit);
        let rows = installation.with_store(|store, _| async move {
            store.messages(number.as_ref().map(|number| number.as_str()), None, limit).await
        })?;
        show(place.json, &rows, || table(&rows));
        Ok(Outcome::Done)
    }
}

fn table(rows: &[MessageRow]) -> String {
    if rows.is_empty() {
        return "there are no messages.".to_owned();
    }
    let line = |row: &MessageRow| {
        let way = match row.direction {
            MessageDirection::Out => "to",
            MessageDirection::In => "from",
        };
        let state = match row.meaning {
            Some(Meaning::OptOut) => "opted out",
            Some(Meaning::PerhapsOptOut) => "opted out? read it",
            Some(Meaning::Interested) => "interested",
            Some(Meaning::Other) | None => row.state.as_str(),
        };
        let error = row.error.as_deref().map_or_else(String::new, |error| format!(" ({error})"));
        vec![
            row.created_at.to_string(),
            way.to_owned(),
            row.number.clone(),
            format!("{state}{error}"),
            row.text.replace('\n', " "),
        ]
    };
    in_columns(&rows.iter().map(line).collect::<Vec<_>>())
}
