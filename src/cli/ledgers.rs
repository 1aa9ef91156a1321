//! `lull suppression` and `lull consent`: the two ledgers that decide whom not to call and whom one may call.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::consents::{Evidence, Verify};
use super::lists::{self, Reading};
use super::people::BY;
use super::place::Installation;
use super::{Failure, Outcome, Place, show};
use crate::model::dialable::{self, Region};
use crate::model::lead::SuppressionReason;
use crate::model::name::CampaignKey;
use crate::model::phone::PhoneNumber;
use crate::runtime::control::Say;
use crate::store::{
    ConsentGiven, ConsentRevoked, ConsentRow, ImportMode, LedgerDefaults, LedgerKind, LedgerPlan, Progress, Scope,
    StoreError, Suppression, SuppressionRow,
};

/// Numbers that must not be dialled.
#[derive(Debug, Subcommand)]
pub(crate) enum Suppressions {
    /// Suppresses one number, now.
    Add(AddSuppression),
    /// Suppresses every number of a CSV file.
    Import(ImportSuppressions),
    /// Shows whether a number is suppressed, and its history. Exit code 3 if it is.
    Show(Numbered),
}

/// Suppresses one number, now.
#[derive(Debug, Args)]
pub(crate) struct AddSuppression {
    #[command(flatten)]
    number: Numbered,
    #[command(flatten)]
    why: Why,
    /// A note for the record.
    #[arg(long, default_value = "")]
    note: String,
}

/// Suppresses every number of a file.
#[derive(Debug, Args)]
pub(crate) struct ImportSuppressions {
    #[command(flatten)]
    file: LedgerFile,
    #[command(flatten)]
    why: Why,
}

/// A file to be imported into a ledger.
#[derive(Debug, Args)]
pub(crate) struct LedgerFile {
    /// The file: CSV or XLSX with a header; what it has no column for is taken from the other options.
    file: PathBuf,
    #[command(flatten)]
    reading: Reading,
    /// Checks the whole file and changes nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Why a number is suppressed, and how far.
#[derive(Debug, Args)]
pub(crate) struct Why {
    /// do_not_call, opt_out, complaint, court_order, unwanted or manual.
    #[arg(long, default_value = "manual", value_parser = reason)]
    reason: SuppressionReason,
    /// Only for this campaign; without it, for all.
    #[arg(long)]
    campaign: Option<CampaignKey>,
}

/// A number.
#[derive(Debug, Args)]
pub(crate) struct Numbered {
    /// The number, in international form or in that of the region.
    pub(super) number: String,
    /// Country of numbers in national form; without it, the region of the configuration.
    #[arg(long)]
    pub(super) region: Option<Region>,
}

/// Customers' permissions.
#[derive(Debug, Subcommand)]
pub(crate) enum Consents {
    /// Records that a customer agreed.
    Add(AddConsent),
    /// Records the consents of a CSV file.
    Import(ImportConsents),
    /// Records that a customer no longer agrees.
    Revoke(RevokeConsent),
    /// Shows what a customer agreed to.
    Show(Numbered),
    Evidence(Evidence),
    Verify(Verify),
}

/// Records that a customer agreed.
#[derive(Debug, Args)]
pub(crate) struct AddConsent {
    #[command(flatten)]
    number: Numbered,
    /// The campaign it covers; without it, all.
    #[arg(long)]
    campaign: Option<CampaignKey>,
    /// The exact text the customer agreed to.
    #[arg(long)]
    text: String,
    /// Version of that text.
    #[arg(long, default_value = "1")]
    text_version: String,
    /// How: web, sms, call, paper or another word.
    #[arg(long)]
    channel: String,
    /// Where it can be found again: a message id, a page, a form.
    #[arg(long, default_value = "")]
    source: String,
}

/// Records the consents of a CSV file.
#[derive(Debug, Args)]
pub(crate) struct ImportConsents {
    #[command(flatten)]
    file: LedgerFile,
    /// The campaign they cover where the file does not say; without it, all.
    #[arg(long)]
    campaign: Option<CampaignKey>,
    /// The text the customers agreed to where the file does not say.
    #[arg(long, default_value = "")]
    text: String,
    /// Version of that text.
    #[arg(long, default_value = "1")]
    text_version: String,
    /// How they agreed where the file does not say: web, sms, call, paper or another word.
    #[arg(long, default_value = "")]
    channel: String,
}

/// Records that a customer no longer agrees.
#[derive(Debug, Args)]
pub(crate) struct RevokeConsent {
    #[command(flatten)]
    number: Numbered,
    /// The campaign; without it, all.
    #[arg(long)]
    campaign: Option<CampaignKey>,
    /// How: web, sms, call, paper or another word.
    #[arg(long)]
    channel: String,
    /// What the customer said.
    #[arg(long, default_value = "")]
    text: String,
}

impl Numbered {
    pub(super) fn read(&self, installation: &Installation) -> Result<PhoneNumber, Failure> {
        let region = self.region.unwrap_or(installation.config.installation.region);
        let read = dialable::read(&self.number, Some(region));
        read.map(|dialable| dialable.number).map_err(|error| Failure::new(format!("`{}`: {error}", self.number)))
    }
}

impl Suppressions {
    pub(crate) fn run(self, place: &Place) -> Result<Outcome, Failure> {
        let installation = Installation::open(place)?;
        match self {
            Suppressions::Add(add) => add.run(place, &installation),
            Suppressions::Import(import) => import.run(place, &installation),
            Suppressions::Show(number) => show_suppressions(place, &installation, &number),
        }
    }
}

impl Why {
    fn suppression(&self, number: PhoneNumber, source: &str, note: &str) -> Suppression {
        Suppression {
            number,
            scope: scope(self.campaign.clone()),
            reason: self.reason,
            source: source.to_owned(),
            note: note.to_owned(),
            expires_at: None,
        }
    }

    fn say(&self, number: PhoneNumber) -> Say {
        Say::Suppressed { number, campaign: self.campaign.clone(), reason: self.reason }
    }
}

impl AddSuppression {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let number = self.number.read(installation)?;
        let suppression = self.why.suppression(number.clone(), BY, &self.note);
        let id = installation.with_store(|store, now| async move { store.suppress(suppression, BY, now).await })?;
        // The store has it, so no new call is possible; the service also stops a phone that is ringing.
        installation.tell(&self.why.say(number.clone()))?;
        show(place.json, &serde_json::json!({ "id": id, "number": number }), || {
            format!("{number} is suppressed and will not be dialled.")
        });
        Ok(Outcome::Done)
    }
}

impl ImportSuppressions {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let defaults = LedgerDefaults {
            reason: self.why.reason,
            scope: scope(self.why.campaign.clone()),
            ..LedgerDefaults::default()
        };
        let since = installation.now();
        let outcome = self.file.import(place, installation, LedgerKind::Suppressions, defaults)?;
        // The service cannot know which of them ring at this moment, so it is told of each.
        let added = installation.with_store(|store, _| async move { store.suppressions_since(since).await })?;
        for row in added {
            let campaign = match row.scope {
                Scope::All => None,
                Scope::Campaign(campaign) => Some(campaign),
            };
            if !installation.tell(&Say::Suppressed { number: row.number, campaign, reason: row.reason })? {
                break;
            }
        }
        Ok(outcome)
    }
}

impl LedgerFile {
    fn import(
        self,
        place: &Place,
        installation: &Installation,
        kind: LedgerKind,
        defaults: LedgerDefaults,
    ) -> Result<Outcome, Failure> {
        let region = self.reading.region(installation);
        let mut rejected = self.file.clone().into_os_string();
        rejected.push(".rejected.csv");
        let plan = LedgerPlan {
            path: self.file,
            kind,
            defaults,
            zone: installation.config.installation.zone.name().to_owned(),
            format: self.reading.format(region),
            number_column: self.reading.number_column,
            mode: if self.dry_run { ImportMode::DryRun } else { ImportMode::Run },
            error_file: Some(rejected.into()),
            by: BY.to_owned(),
            at: installation.now(),
        };
        let bar = lists::bar(place.json);
        let mut progress = |progress: Progress| lists::draw(&bar, progress);
        let read = lists::reader(region);
        let outcome = installation
            .with_store(
                |store, _| async move { Ok::<_, StoreError>(store.import_ledger(plan, read, &mut progress).await) },
            )?
            .map_err(Failure::from)?;
        bar.finish_and_clear();
        show(place.json, &outcome, || lists::text(&outcome));
        Ok(if outcome.counts.rejected() == 0 { Outcome::Done } else { Outcome::Findings })
    }
}

fn show_suppressions(place: &Place, installation: &Installation, number: &Numbered) -> Result<Outcome, Failure> {
    let number = number.read(installation)?;
    let wanted = number.clone();
    let rows: Vec<SuppressionRow> =
        installation.with_store(|store, _| async move { store.suppressions_of(&wanted).await })?;
    let now = installation.now();
    show(place.json, &rows, || {
        if rows.is_empty() {
            return format!("{number} is not suppressed and never was.");
        }
        rows.iter()
            .map(|row| {
                let force = if row.in_force(now) { "in force" } else { "no longer in force" };
                let (reason, scope) = (row.reason.as_str(), scope_text(&row.scope));
                format!("{number} {reason} for {scope}, {force}: by {} at {}\n", row.added_by, row.added_at)
            })
            .collect()
    });
    Ok(if rows.iter().any(|row| row.in_force(now)) { Outcome::Findings } else { Outcome::Done })
}

impl Consents {
    pub(crate) fn run(self, place: &Place) -> Result<Outcome, Failure> {
        let installation = Installation::open(place)?;
        match self {
            Consents::Add(add) => add.run(place, &installation),
            Consents::Import(import) => {
                let defaults = LedgerDefaults {
                    scope: scope(import.campaign),
                    channel: import.channel,
                    text: import.text,
                    text_version: import.text_version,
                    ..LedgerDefaults::default()
                };
                import.file.import(place, &installation, LedgerKind::Consents, defaults)
            }
            Consents::Revoke(revoke) => revoke.run(place, &installation),
            Consents::Show(number) => show_consents(place, &installation, &number),
            Consents::Evidence(evidence) => evidence.run(place, &installation),
            Consents::Verify(verify) => verify.run(place, &installation),
        }
    }
}

impl AddConsent {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let number = self.number.read(installation)?;
        let given = ConsentGiven {
            number: number.clone(),
            purpose: scope(self.campaign),
            text: self.text,
            text_version: self.text_version,
            channel: self.channel,
            source: self.source,
            at: installation.now(),
            expires_at: None,
        };
        let id = installation.with_store(|store, now| async move { store.record_consent(given, BY, now).await })?;
        show(place.json, &serde_json::json!({ "id": id, "number": number }), || {
            format!("the consent of {number} is recorded.")
        });
        Ok(Outcome::Done)
    }
}

impl RevokeConsent {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let number = self.number.read(installation)?;
        let revoked = ConsentRevoked {
            number: number.clone(),
            purpose: scope(self.campaign),
            channel: self.channel,
            source: BY.to_owned(),
            text: self.text,
            at: installation.now(),
        };
        let id = installation.with_store(|store, now| async move { store.revoke_consent(revoked, BY, now).await })?;
        show(place.json, &serde_json::json!({ "id": id, "number": number }), || {
            format!("{number} no longer agrees; campaigns that need consent will not dial it.")
        });
        Ok(Outcome::Done)
    }
}

fn show_consents(place: &Place, installation: &Installation, number: &Numbered) -> Result<Outcome, Failure> {
    let number = number.read(installation)?;
    let wanted = number.clone();
    let rows: Vec<ConsentRow> = installation.with_store(|store, _| async move { store.consents_of(&wanted).await })?;
    show(place.json, &rows, || {
        if rows.is_empty() {
            return format!("nothing is recorded about what {number} agreed to.");
        }
        rows.iter()
            .map(|row| {
                let scope = scope_text(&row.purpose);
                format!("{:?} for {scope} by {} at {}: {}\n", row.kind, row.channel, row.at, row.text)
            })
            .collect()
    });
    Ok(Outcome::Done)
}

fn scope(campaign: Option<CampaignKey>) -> Scope {
    campaign.map_or(Scope::All, Scope::Campaign)
}

pub(super) fn scope_text(scope: &Scope) -> String {
    match scope {
        Scope::All => "all campaigns".to_owned(),
        Scope::Campaign(campaign) => format!("`{campaign}`"),
    }
}

fn reason(text: &str) -> Result<SuppressionReason, String> {
    text.parse().map_err(|text| {
        let known: Vec<&str> = SuppressionReason::ALL.iter().map(|r| r.as_str()).collect();
        format!("`{text}` is not a reason; expected one of: {}", known.join(", "))
    })
}
