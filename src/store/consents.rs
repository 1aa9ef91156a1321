//! The consent ledger: what a customer allowed, in which words, when, by which channel, and what was revoked.
//!
//! Append-only. A revocation is a row of its own; a consent covers a campaign when it was given for it or for
//! everything, has not expired, and nothing later revokes it. Every entry is a link of a [`chain`].

pub(super) mod chain;

use serde::{Deserialize, Serialize};

use super::attempts::phone;
use super::db::{Conn, Row, params, statements, storable};
use super::error::StoreError;
use super::suppressions::Scope;
use super::{Ids, Store, outbox};
use crate::model::id::ConsentId;
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;

/// How the purpose "everything" is written.
pub const PURPOSE_ALL: &str = "*";
/// Consents added in one transaction.
const PER_WRITE: usize = 500;
/// Most rows on a page.
const PAGE_MAX: usize = 1000;

/// A consent to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentGiven {
    /// Whose.
    pub number: PhoneNumber,
    /// For which campaigns.
    pub purpose: Scope,
    /// The words the customer agreed to.
    pub text: String,
    /// Which version of these words.
    pub text_version: String,
    /// By which channel: `web`, `sms`, `call`, `paper`…
    pub channel: String,
    /// Where the record comes from: a form, a file's name.
    pub source: String,
    /// When the customer agreed.
    pub at: Timestamp,
    /// Until when it holds; `None`: until revoked.
    pub expires_at: Option<Timestamp>,
}

/// A revocation to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentRevoked {
    /// Whose.
    pub number: PhoneNumber,
    /// For which campaigns; `All` revokes everything.
    pub purpose: Scope,
    /// By which channel.
    pub channel: String,
    /// Where the record comes from.
    pub source: String,
    /// What the customer said.
    pub text: String,
    /// When.
    pub at: Timestamp,
}

/// Given or revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConsentKind {
    /// The customer agreed.
    Given,
    /// The customer took it back.
    Revoked,
}

impl ConsentKind {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            ConsentKind::Given => "given",
            ConsentKind::Revoked => "revoked",
        }
    }
}

/// A row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ConsentRow {
    /// Its id.
    pub id: ConsentId,
    /// Whose.
    pub number: PhoneNumber,
    /// For which campaigns.
    pub purpose: Scope,
    /// Given or revoked.
    pub kind: ConsentKind,
    /// The words.
    pub text: String,
    /// Their version.
    pub text_version: String,
    /// By which channel.
    pub channel: String,
    /// Where the record comes from.
    pub source: String,
    /// When the customer said so.
    pub at: Timestamp,
    /// Until when it holds.
    pub expires_at: Option<Timestamp>,
    /// Who recorded it.
    pub recorded_by: String,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

statements! {
    APPEND = "
        insert into consents (id, number, purpose, kind, text, text_version, channel, source, at, expires_at,
                              recorded_by, recorded_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        on conflict (number, purpose, kind, at, source) do nothing";
    EXISTING = "
        select id from consents where number = $1 and purpose = $2 and kind = $3 and at = $4 and source = $5";
    OF_NUMBER = "
        select id, number, purpose, kind, text, text_version, channel, source, at, expires_at, recorded_by, recorded_at
        from consents where number = $1 order by at desc, id desc limit 1000";
    PAGE = "
        select id, number, purpose, kind, text, text_version, channel, source, at, expires_at, recorded_by, recorded_at
        from consents where id < $1 order by id desc limit $2";
    COUNT = "select count(*) as count from consents";
    COVERS = "
        select 1 as yes from consents g
        where g.number = $1 and g.kind = 'given' and g.purpose in ('*', $2) and g.at <= $3
          and (g.expires_at is null or g.expires_at > $3)
          and not exists (
              select 1 from consents r
              where r.number = g.number and r.kind = 'revoked' and r.purpose in ('*', g.purpose, $2) and r.at >= g.at)
        limit 1";
}

impl Store {
    /// How many entries there are.
    pub async fn count_consents(&self) -> Result<u64, StoreError> {
        let mut conn = self.reader().await?;
        conn.one(COUNT, vec![]).await?.count("count")
    }

    /// Records a consent. Recording the same one again (number, purpose, time, source) answers the same id.
    pub async fn record_consent(
        &self,
        consent: ConsentGiven,
        by: &str,
        at: Timestamp,
    ) -> Result<ConsentId, StoreError> {
        let entry = consent.entry(by, at);
        self.record_consent_entry(entry).await
    }

    /// Records many, in transactions of 500. Webhooks hear of the import, not of each.
    pub async fn record_consents(
        &self,
        consents: Vec<ConsentGiven>,
        by: &str,
        at: Timestamp,
    ) -> Result<u64, StoreError> {
        for some in consents.chunks(PER_WRITE) {
            let (ids, some): (_, Vec<ConsentRow>) = (self.ids(), some.iter().map(|one| one.entry(by, at)).collect());
            self.write(move |conn| {
                Box::pin(async move {
                    let mut fresh = Vec::with_capacity(some.len());
                    for mut entry in some {
                        if append(conn, &ids, &mut entry).await? {
                            fresh.push(entry);
                        }
                    }
                    chain::add(conn, &fresh).await
                })
            })
            .await?;
        }
        Ok(consents.len() as u64)
    }

    /// Records a revocation.
    pub async fn revoke_consent(
        &self,
        revocation: ConsentRevoked,
        by: &str,
        at: Timestamp,
    ) -> Result<ConsentId, StoreError> {
        let entry = revocation.entry(by, at);
        self.record_consent_entry(entry).await
    }

    async fn record_consent_entry(&self, entry: ConsentRow) -> Result<ConsentId, StoreError> {
        let ids = self.ids();
        self.write(move |conn| Box::pin(async move { record(conn, &ids, entry).await })).await
    }

    /// Everything recorded about a number's consent, newest first.
    pub async fn consents_of(&self, number: &PhoneNumber) -> Result<Vec<ConsentRow>, StoreError> {
        let mut conn = self.reader().await?;
        conn.rows(OF_NUMBER, params![number.as_str()]).await?.iter().map(row).collect()
    }

    /// A page of the ledger, newest first, before `before`.
    pub async fn consents(&self, before: Option<ConsentId>, limit: usize) -> Result<Vec<ConsentRow>, StoreError> {
        let mut conn = self.reader().await?;
        let values = params![before.map_or(i64::MAX, |id| id.0), limit.min(PAGE_MAX) as u64];
        conn.rows(PAGE, values).await?.iter().map(row).collect()
    }

    /// Whether a consent covers a campaign (or, for `All`, everything) at `now`.
    pub async fn has_consent(&self, number: &PhoneNumber, purpose: &Scope, now: Timestamp) -> Result<bool, StoreError> {
        let mut conn = self.reader().await?;
        let values = params![number.as_str(), purpose.to_string(), now];
        Ok(conn.row(COVERS, values).await?.is_some())
    }
}

impl ConsentGiven {
    /// The entry it becomes; its id is given when it is recorded.
    pub(super) fn entry(&self, by: &str, recorded_at: Timestamp) -> ConsentRow {
        ConsentRow {
            id: ConsentId(0),
            number: self.number.clone(),
            purpose: self.purpose.clone(),
            kind: ConsentKind::Given,
            text: storable(self.text.clone()),
            text_version: storable(self.text_version.clone()),
            channel: storable(self.channel.clone()),
            source: storable(self.source.clone()),
            at: self.at,
            expires_at: self.expires_at,
            recorded_by: by.to_owned(),
            recorded_at,
        }
    }
}

impl ConsentRevoked {
    /// The entry it becomes; its id is given when it is recorded.
    pub(super) fn entry(&self, by: &str, recorded_at: Timestamp) -> ConsentRow {
        ConsentRow {
            id: ConsentId(0),
            number: self.number.clone(),
            purpose: self.purpose.clone(),
            kind: ConsentKind::Revoked,
            text: storable(self.text.clone()),
            text_version: String::new(),
            channel: storable(self.channel.clone()),
            source: storable(self.source.clone()),
            at: self.at,
            expires_at: None,
            recorded_by: by.to_owned(),
            recorded_at,
        }
    }
}

/// Records an entry with its link of the chain, and tells of it; or finds the one that says the same.
pub(super) async fn record(conn: &mut Conn, ids: &Ids, mut entry: ConsentRow) -> Result<ConsentId, StoreError> {
    let recorded_at = entry.recorded_at;
    let fresh = append(conn, ids, &mut entry).await?;
    let id = entry.id;
    if fresh {
        chain::add(conn, &[entry]).await?;
        outbox::consent_recorded(conn, ids, id, recorded_at).await?;
    }
    Ok(id)
}

/// Adds an entry and gives it its id, or that of the one that says the same. Says also whether it is new.
async fn append(conn: &mut Conn, ids: &Ids, entry: &mut ConsentRow) -> Result<bool, StoreError> {
    let id = ids.next(entry.recorded_at);
    let purpose = entry.purpose.to_string();
    let kind = entry.kind.as_str();
    let values = params![
        id,
        entry.number.as_str(),
        purpose.as_str(),
        kind,
        entry.text.as_str(),
        entry.text_version.as_str(),
        entry.channel.as_str(),
        entry.source.as_str(),
        entry.at,
        entry.expires_at,
        entry.recorded_by.as_str(),
        entry.recorded_at
    ];
    let fresh = conn.run(APPEND, values).await? == 1;
    entry.id = if fresh {
        ConsentId(id)
    } else {
        let values = params![entry.number.as_str(), purpose, kind, entry.at, entry.source.as_str()];
        ConsentId(conn.one(EXISTING, values).await?.int("id")?)
    };
    Ok(fresh)
}

fn row(row: &Row) -> Result<ConsentRow, StoreError> {
    Ok(ConsentRow {
        id: ConsentId(row.int("id")?),
        number: phone(row, "number")?,
        purpose: row.parsed("purpose")?,
        kind: row.word("kind")?,
        text: row.text("text")?,
        text_version: row.text("text_version")?,
        channel: row.text("channel")?,
        source: row.text("source")?,
        at: row.time("at")?,
        expires_at: row.opt_time("expires_at")?,
        recorded_by: row.text("recorded_by")?,
        recorded_at: row.time("recorded_at")?,
    })
}
