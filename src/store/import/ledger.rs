//! Suppressions and consents from a file: checked as a whole first, then added in short transactions.
//!
//! Adding what is there changes nothing, so no staging is needed: the file is read twice and can be imported again.

use std::path::PathBuf;

use jiff::tz::TimeZone;
use tokio::sync::mpsc;

use super::checks::{check_shape, read_number, read_time};
use super::headers::{Columns, Meaning, OF_CONSENTS, OF_SUPPRESSIONS};
use super::reading::{PARCEL_ROWS, PARCELS_WAITING};
use super::rows::Record;
use super::source::Source;
use super::staging::{ErrorFile, Verdict};
use super::{
    BEGIN_IMPORT, END_IMPORT, FileFormat, ImportCounts, ImportError, ImportMode, ImportOutcome, ImportStage, Progress,
    ReadNumber, file_name,
};
use crate::model::id::ImportId;
use crate::model::lead::SuppressionReason;
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;
use crate::store::Store;
use crate::store::consents::ConsentGiven;
use crate::store::db::params;
use crate::store::error::StoreError;
use crate::store::suppressions::{Scope, Suppression};

/// Which ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerKind {
    /// Columns: number, reason, campaign, expiry, note.
    Suppressions,
    /// Columns: number, campaign, time, text, version, channel, expiry.
    Consents,
}

/// What holds where the file says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerDefaults {
    /// Why numbers are suppressed.
    pub reason: SuppressionReason,
    /// For which campaigns.
    pub scope: Scope,
    /// Until when.
    pub expires_at: Option<Timestamp>,
    /// The channel of consents.
    pub channel: String,
    /// The words of consents.
    pub text: String,
    /// Their version.
    pub text_version: String,
}

impl Default for LedgerDefaults {
    /// Do not call, for every campaign, for good; consents without words, which the file must bring.
    fn default() -> LedgerDefaults {
        LedgerDefaults {
            reason: SuppressionReason::DoNotCall,
            scope: Scope::All,
            expires_at: None,
            channel: String::new(),
            text: String::new(),
            text_version: String::new(),
        }
    }
}

/// An import into a ledger.
#[derive(Clone, Debug)]
pub struct LedgerPlan {
    /// The file.
    pub path: PathBuf,
    /// Which ledger.
    pub kind: LedgerKind,
    /// What holds where the file says nothing.
    pub defaults: LedgerDefaults,
    /// IANA name of the zone in which dates of the file are meant.
    pub zone: String,
    /// How the file is to be read.
    pub format: FileFormat,
    /// The number's column, where several could be meant.
    pub number_column: Option<String>,
    /// What to do.
    pub mode: ImportMode,
    /// Where rejected rows are written.
    pub error_file: Option<PathBuf>,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A row that was understood.
enum Entry {
    Suppression(Suppression),
    Consent(ConsentGiven),
}

/// What is understood of some rows, or why the file cannot be read further, and the bytes read so far.
type Parcels = mpsc::Receiver<(Result<Parcel, ImportError>, u64)>;
type Parcel = Vec<Result<Entry, (Verdict, Vec<String>)>>;

impl Store {
    /// Imports suppressions or consents from a file. Rows that are there already count as accepted.
    ///
    /// # Errors
    /// As [`Store::import_leads`]; nothing is added unless the whole file can be read.
    pub async fn import_ledger(
        &self,
        plan: LedgerPlan,
        read: ReadNumber,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<ImportOutcome, ImportError> {
        let zone = TimeZone::get(&plan.zone).map_err(|_| ImportError::Cell {
            what: "time zone",
            value: plan.zone.clone(),
            expected: "an IANA name such as Asia/Shanghai".to_owned(),
        })?;
        let (columns, bytes_total) = self.check_ledger(&plan).await?;
        let import = match plan.mode {
            ImportMode::DryRun => None,
            ImportMode::Run => Some(self.begin_ledger(&plan).await?),
        };
        let mut parcels = parse(&plan, columns.clone(), zone, read);
        let mut counts = ImportCounts::default();
        let mut rejected = std::collections::BTreeMap::new();
        let mut errors: Option<ErrorFile> = None;
        while let Some((parcel, bytes_read)) = parcels.recv().await {
            let (mut suppressions, mut consents) = (Vec::new(), Vec::new());
            for row in parcel? {
                counts.rows += 1;
                match row {
                    Ok(Entry::Suppression(one)) => suppressions.push(one),
                    Ok(Entry::Consent(one)) => consents.push(one),
                    Err((verdict, mut cells)) => {
                        counts.invalid += 1;
                        *rejected.entry(verdict.code().to_owned()).or_insert(0) += 1;
                        if let Some(path) = &plan.error_file {
                            if errors.is_none() {
                                errors = Some(ErrorFile::create(path, &columns.names)?);
                            }
                            cells.extend(verdict.cells());
                            errors.as_mut().map_or(Ok(()), |file| file.write(&cells))?;
                        }
                    }
                }
            }
            counts.accepted += (suppressions.len() + consents.len()) as u64;
            if import.is_some() {
                self.suppress_all(suppressions, &plan.by, plan.at).await?;
                self.record_consents(consents, &plan.by, plan.at).await?;
            }
            progress(Progress { stage: ImportStage::Merging, rows: counts.rows, bytes_read, bytes_total, import });
        }
        if let Some(import) = import {
            self.end_ledger(import, counts, plan.at).await?;
        }
        let error_file = plan.error_file.filter(|_| errors.is_some());
        errors.map_or(Ok(()), ErrorFile::finish)?;
        Ok(ImportOutcome { import, list: None, counts, rejected, error_file, resumed: false, stopped: false })
    }

    /// Reads the whole file once, so that a fault of the file is found before anything is added.
    async fn check_ledger(&self, plan: &LedgerPlan) -> Result<(Columns, u64), ImportError> {
        let plan = plan.clone();
        let checked = tokio::task::spawn_blocking(move || {
            let source = Source::open(&plan.path, &plan.format)?;
            let (bytes_total, mut count, mut columns) = (source.bytes(), 0_u64, None);
            source.each(&mut |record, _| {
                match columns {
                    Some(_) => count += 1,
                    None => {
                        columns = Some(Columns::read(&record.fields, wanted(plan.kind), plan.number_column.as_deref())?)
                    }
                }
                Ok(true)
            })?;
            let columns = columns.ok_or(ImportError::Empty)?;
            if count == 0 { Err(ImportError::HeaderOnly) } else { Ok((columns, bytes_total)) }
        });
        checked.await.map_err(|error| ImportError::Read { detail: error.to_string() })?
    }

    async fn begin_ledger(&self, plan: &LedgerPlan) -> Result<ImportId, StoreError> {
        let (ids, plan) = (self.ids(), plan.clone());
        let id = ids.next(plan.at);
        self.write(move |conn| {
            Box::pin(async move {
                let (file, by) = (file_name(&plan.path), plan.by.as_str());
                let kind = match plan.kind {
                    LedgerKind::Suppressions => "suppressions",
                    LedgerKind::Consents => "consents",
                };
                let values = params![id, kind, None::<&str>, None::<i64>, file.as_str(), by, plan.at, None::<&str>];
                conn.run(BEGIN_IMPORT, values).await?;
                let object = ImportId(id).to_string();
                crate::store::audit::note(conn, &ids, plan.at, by, "import_started", &object, &file).await?;
                Ok(ImportId(id))
            })
        })
        .await
    }

    async fn end_ledger(&self, import: ImportId, counts: ImportCounts, at: Timestamp) -> Result<(), StoreError> {
        let ids = self.ids();
        self.write(move |conn| {
            Box::pin(async move {
                let ImportCounts { rows, accepted, updated, duplicate, invalid, suppressed, .. } = counts;
                let values = params![import.0, "done", rows, accepted, duplicate, invalid, suppressed, "", at, updated];
                conn.run(END_IMPORT, values).await?;
                crate::store::outbox::import_finished(conn, &ids, import, &counts, None, at).await
            })
        })
        .await
    }
}

fn wanted(kind: LedgerKind) -> &'static [Meaning] {
    match kind {
        LedgerKind::Suppressions => OF_SUPPRESSIONS,
        LedgerKind::Consents => OF_CONSENTS,
    }
}

/// Reads the file on a thread of its own and sends what its rows mean.
fn parse(plan: &LedgerPlan, columns: Columns, zone: TimeZone, read: ReadNumber) -> Parcels {
    let (sender, parcels) = mpsc::channel(PARCELS_WAITING);
    let reader = Reader { plan: plan.clone(), columns, zone, read };
    tokio::task::spawn_blocking(move || {
        let (mut parcel, mut at, mut header) = (Parcel::new(), 0, true);
        let read = Source::open(&reader.plan.path, &reader.plan.format).and_then(|source| {
            source.each(&mut |record, bytes_read| {
                at = bytes_read;
                if !std::mem::take(&mut header) {
                    parcel.push(reader.row(&record));
                }
                let full = parcel.len() >= PARCEL_ROWS;
                Ok(!full || sender.blocking_send((Ok(std::mem::take(&mut parcel)), at)).is_ok())
            })
        });
        // Nobody takes it where the other side failed, which tells why.
        let _ = sender.blocking_send((read.map(|()| parcel), at));
    });
    parcels
}

struct Reader {
    plan: LedgerPlan,
    columns: Columns,
    zone: TimeZone,
    read: ReadNumber,
}

impl Reader {
    fn row(&self, record: &Record) -> Result<Entry, (Verdict, Vec<String>)> {
        let understood = check_shape(record, &self.columns).and_then(|()| self.understand(record));
        understood.map_err(|verdict| (verdict, self.columns.originals(&record.fields)))
    }

    fn understand(&self, record: &Record) -> Result<Entry, Verdict> {
        let defaults = &self.plan.defaults;
        let cell = read_number(self.columns.field(&record.fields, Meaning::Number), &*self.read);
        let number = cell.map_err(|fault| self.refuse(record, Meaning::Number, fault.code, fault.message))?.number;
        let scope = match self.columns.field(&record.fields, Meaning::Scope) {
            "" => defaults.scope.clone(),
            text => text.parse().map_err(|fault: crate::model::name::NameError| {
                self.refuse(record, Meaning::Scope, "campaign_invalid", format!("{fault}; or `*` for all"))
            })?,
        };
        // A date holds to its end: a suppression "until 1 May" still holds on 1 May.
        let expires_at = self.time(record, Meaning::Expires, true)?.or(defaults.expires_at);
        match self.plan.kind {
            LedgerKind::Suppressions => self.suppression(record, number, scope, expires_at),
            LedgerKind::Consents => self.consent(record, number, scope, expires_at),
        }
    }

    fn suppression(
        &self,
        record: &Record,
        number: PhoneNumber,
        scope: Scope,
        expires_at: Option<Timestamp>,
    ) -> Result<Entry, Verdict> {
        let reason = match self.columns.field(&record.fields, Meaning::Reason) {
            "" => self.plan.defaults.reason,
            text => text.parse().map_err(|text| {
                let known: Vec<&str> = SuppressionReason::ALL.iter().map(|reason| reason.as_str()).collect();
                let message = format!("`{text}` is not a reason; expected one of {}, or nothing", known.join(", "));
                self.refuse(record, Meaning::Reason, "reason_unknown", message)
            })?,
        };
        let note = self.columns.field(&record.fields, Meaning::Note).to_owned();
        let source = file_name(&self.plan.path);
        Ok(Entry::Suppression(Suppression { number, scope, reason, source, note, expires_at }))
    }

    fn consent(
        &self,
        record: &Record,
        number: PhoneNumber,
        purpose: Scope,
        expires_at: Option<Timestamp>,
    ) -> Result<Entry, Verdict> {
        let defaults = &self.plan.defaults;
        let or = |meaning, default: &str| match self.columns.field(&record.fields, meaning) {
            "" => default.to_owned(),
            text => text.to_owned(),
        };
        let text = or(Meaning::Text, &defaults.text);
        if text.is_empty() {
            let message = "the words the customer agreed to are missing; give a column or a default".to_owned();
            return Err(self.refuse(record, Meaning::Text, "text_missing", message));
        }
        let Some(at) = self.time(record, Meaning::At, false)? else {
            let message = "the time at which the customer agreed is missing".to_owned();
            return Err(self.refuse(record, Meaning::At, "time_missing", message));
        };
        if at > self.plan.at {
            let message = "the time at which the customer agreed lies ahead".to_owned();
            return Err(self.refuse(record, Meaning::At, "time_ahead", message));
        }
        Ok(Entry::Consent(ConsentGiven {
            number,
            purpose,
            text,
            text_version: or(Meaning::TextVersion, &defaults.text_version),
            channel: or(Meaning::Channel, &defaults.channel),
            source: file_name(&self.plan.path),
            at,
            expires_at,
        }))
    }

    /// A cell with a date or time; a date alone is its beginning or its end.
    fn time(&self, record: &Record, meaning: Meaning, end_of_day: bool) -> Result<Option<Timestamp>, Verdict> {
        let text = self.columns.field(&record.fields, meaning);
        read_time(text, &self.zone, end_of_day).map_err(|message| self.refuse(record, meaning, "date_invalid", message))
    }

    fn refuse(&self, record: &Record, meaning: Meaning, code: &'static str, message: String) -> Verdict {
        Verdict::invalid(record.line, &self.columns.name(meaning), code, message)
    }
}
