//! The suppression ledger: numbers that must not be dialled, why, since when, until when, and who lifted it.
//!
//! Nothing is deleted. A suppression that does not expire takes the number's leads out of the hopper in the same
//! transaction; one that expires puts them off until then.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::attempts::phone;
use super::db::{Conn, Row, params, statements};
use super::error::StoreError;
use super::leads::with_number;
use super::placing::ranked;
use super::{Ids, Store, outbox};
use crate::model::id::{LeadId, SuppressionId};
use crate::model::lead::SuppressionReason;
use crate::model::name::{CampaignKey, NameError};
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;

/// How the scope "every campaign" is written. No campaign can have this key.
pub const SCOPE_ALL: &str = "*";
/// Suppressions added in one transaction.
const PER_WRITE: usize = 500;
/// Most rows on a page.
const PAGE_MAX: usize = 1000;

/// Which campaigns a suppression applies to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Every one.
    All,
    /// Only this one.
    Campaign(CampaignKey),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::All => f.write_str(SCOPE_ALL),
            Scope::Campaign(key) => f.write_str(key.as_str()),
        }
    }
}

impl FromStr for Scope {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Scope, NameError> {
        if text == SCOPE_ALL { Ok(Scope::All) } else { text.parse().map(Scope::Campaign) }
    }
}

/// A suppression to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// The number.
    pub number: PhoneNumber,
    /// For which campaigns.
    pub scope: Scope,
    /// Why.
    pub reason: SuppressionReason,
    /// Where it came from: `call`, `hand`, `api`, or a file's name.
    pub source: String,
    /// Anything else worth knowing.
    pub note: String,
    /// Until when; `None`: for good.
    pub expires_at: Option<Timestamp>,
}

/// A suppression as it stands in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SuppressionRow {
    /// Its id.
    pub id: SuppressionId,
    /// The number.
    pub number: PhoneNumber,
    /// For which campaigns.
    pub scope: Scope,
    /// Why.
    pub reason: SuppressionReason,
    /// Where it came from.
    pub source: String,
    /// Anything else.
    pub note: String,
    /// Who added it.
    pub added_by: String,
    /// When.
    pub added_at: Timestamp,
    /// Until when; `None`: for good.
    pub expires_at: Option<Timestamp>,
    /// Who lifted it.
    pub lifted_by: Option<String>,
    /// When.
    pub lifted_at: Option<Timestamp>,
    /// Why.
    pub lifted_why: Option<String>,
}

impl SuppressionRow {
    /// Whether it holds at `now`.
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.lifted_at.is_none() && self.expires_at.is_none_or(|end| end > now)
    }
}

statements! {
    ADD = "
        insert into suppressions (id, number, scope, reason, source, note, added_by, added_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        on conflict (number, scope, reason) where lifted_at is null do update set
            expires_at = case
                when suppressions.expires_at is null or excluded.expires_at is null then null
                when suppressions.expires_at > excluded.expires_at then suppressions.expires_at
                else excluded.expires_at end,
            -- What only a reading of the customer's words had begun is said for sure now: no reader lifts it any more.
            note = case when suppressions.note like 'to be read by a person: %'
                         and excluded.note not like 'to be read by a person: %'
                        then excluded.note else suppressions.note end,
            source = case when suppressions.note like 'to be read by a person: %'
                           and excluded.note not like 'to be read by a person: %'
                          then excluded.source else suppressions.source end
        returning id";
    CLOSE_LEADS = concat!("
        update leads set state = 'given_up', due_at = null, callback_at = null, callback_agent = null,
            closed_by = 'suppression', changed_at = $3
        where id in (", with_number!(), ") and state in ('open', 'callback') and ($2 = '*' or campaign = $2)
        returning id");
    PUT_LEADS_OFF = concat!("
        update leads set due_at = $3
        where id in (", with_number!(), ") and state in ('open', 'callback') and ($2 = '*' or campaign = $2)
          and due_at < $3");
    IN_FORCE = "
        select 1 as yes from suppressions
        where number = $1 and scope in ('*', $2) and lifted_at is null and (expires_at is null or expires_at > $3)
        limit 1";
    OF_NUMBER = "
        select id, number, scope, reason, source, note, added_by, added_at, expires_at, lifted_by, lifted_at, lifted_why
        from suppressions where number = $1 order by added_at desc, id desc limit 1000";
    PAGE = "
        select id, number, scope, reason, source, note, added_by, added_at, expires_at, lifted_by, lifted_at, lifted_why
        from suppressions where id < $1 order by id desc limit $2";
    ADDED_SINCE = "
        select id, number, scope, reason, source, note, added_by, added_at, expires_at, lifted_by, lifted_at, lifted_why
        from suppressions
        where added_at >= $1 and lifted_at is null and (expires_at is null or expires_at > $1)
        order by added_at, id limit 10000";
    LIFT = "
        update suppressions set lifted_by = $2, lifted_at = $3, lifted_why = $4
        where id = $1 and lifted_at is null
        returning number, scope";
    REOPEN_LEADS = concat!("
        update leads set state = 'open', due_at = $3, closed_by = null, changed_at = $3, rank = ", ranked!("false"), "
        where id in (", with_number!(), ")
          and state = 'given_up' and closed_by = 'suppression' and ($2 = '*' or campaign = $2)
          and not exists (
              select 1 from suppressions s
              where s.number in (
                      select leads.number union all select n.number from lead_numbers n where n.lead_id = leads.id)
                and s.scope in ('*', leads.campaign) and s.lifted_at is null
                and (s.expires_at is null or s.expires_at > $3))");
    COUNT_ALL = "select count(*) as count from suppressions";
    COUNT = "
        select count(*) as count from suppressions
        where lifted_at is null and (expires_at is null or expires_at > $1)";
}

impl Store {
    /// Adds a suppression. What is there already (same number, scope and reason) keeps its id; the later expiry counts.
    pub async fn suppress(
        &self,
        suppression: Suppression,
        by: &str,
        at: Timestamp,
    ) -> Result<SuppressionId, StoreError> {
        let (ids, by) = (self.ids(), by.to_owned());
        self.write(move |conn| Box::pin(async move { apply(conn, &ids, &suppression, &by, at).await })).await
    }

    /// Adds many, in transactions of 500: the dialer's own writes go between them. Webhooks hear of the import, not of each.
    pub async fn suppress_all(
        &self,
        suppressions: Vec<Suppression>,
        by: &str,
        at: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut added = 0;
        for some in suppressions.chunks(PER_WRITE) {
            let (ids, by, some) = (self.ids(), by.to_owned(), some.to_vec());
            added += some.len() as u64;
            self.write(move |conn| {
                Box::pin(async move {
                    for suppression in &some {
                        add(conn, &ids, suppression, &by, at).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        }
        Ok(added)
    }

    /// Every suppression a number ever had, newest first.
    pub async fn suppressions_of(&self, number: &PhoneNumber) -> Result<Vec<SuppressionRow>, StoreError> {
        let mut conn = self.reader().await?;
        conn.rows(OF_NUMBER, params![number.as_str()]).await?.iter().map(row).collect()
    }

    /// A page of the ledger, newest first, before `before`.
    pub async fn suppressions(
        &self,
        before: Option<SuppressionId>,
        limit: usize,
    ) -> Result<Vec<SuppressionRow>, StoreError> {
        let mut conn = self.reader().await?;
        let values = params![before.map_or(i64::MAX, |id| id.0), limit.min(PAGE_MAX) as u64];
        conn.rows(PAGE, values).await?.iter().map(row).collect()
    }

    /// Suppressions in force that were added at or after `since`, oldest first, at most 10,000: how a running service
    /// learns what a command beside it added.
    pub async fn suppressions_since(&self, since: Timestamp) -> Result<Vec<SuppressionRow>, StoreError> {
        let mut conn = self.reader().await?;
        conn.rows(ADDED_SINCE, params![since]).await?.iter().map(row).collect()
    }

    /// How many there are, those that were lifted or are over too.
    pub async fn count_all_suppressions(&self) -> Result<u64, StoreError> {
        let mut conn = self.reader().await?;
        conn.one(COUNT_ALL, vec![]).await?.count("count")
    }

    /// How many are in force.
    pub async fn count_suppressions(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut conn = self.reader().await?;
        conn.one(COUNT, params![now]).await?.count("count")
    }

    /// Lifts a suppression and reopens the leads that only it had closed.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none of this id in force.
    pub async fn lift_suppression(
        &self,
        id: SuppressionId,
        by: &str,
        why: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (ids, by, why) = (self.ids(), by.to_owned(), why.to_owned());
        self.write(move |conn| Box::pin(async move { lift(conn, &ids, id, &by, &why, at).await })).await
    }
}

/// The same within the caller's transaction.
pub(super) async fn lift(
    conn: &mut Conn,
    ids: &Ids,
    id: SuppressionId,
    by: &str,
    why: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let Some(row) = conn.row(LIFT, params![id.0, by, at, why]).await? else {
        return Err(StoreError::NotFound { what: "suppression in force", name: id.to_string() });
    };
    conn.run(REOPEN_LEADS, params![row.text("number")?, row.text("scope")?, at]).await?;
    outbox::suppression_lifted(conn, ids, id, at).await?;
    super::audit::note(conn, ids, at, by, "suppression_lifted", &id.to_string(), why).await
}

/// Adds a suppression within the caller's transaction, and tells webhooks of one that is new.
pub(super) async fn apply(
    conn: &mut Conn,
    ids: &Ids,
    suppression: &Suppression,
    by: &str,
    at: Timestamp,
) -> Result<SuppressionId, StoreError> {
    let Added { id, fresh, closed } = add(conn, ids, suppression, by, at).await?;
    if fresh {
        outbox::suppression_added(conn, ids, id, suppression, by, at).await?;
    }
    outbox::leads_moved(conn, ids, closed.into_iter().map(|lead| (lead, at))).await?;
    Ok(id)
}

/// A suppression that is in force.
struct Added {
    id: SuppressionId,
    /// It was not there before.
    fresh: bool,
    /// Leads that it took off their lists.
    closed: Vec<LeadId>,
}

async fn add(
    conn: &mut Conn,
    ids: &Ids,
    suppression: &Suppression,
    by: &str,
    at: Timestamp,
) -> Result<Added, StoreError> {
    let scope = suppression.scope.to_string();
    let number = suppression.number.as_str();
    let minted = ids.next(at);
    let values = params![
        minted,
        number,
        scope.as_str(),
        suppression.reason.as_str(),
        suppression.source.as_str(),
        suppression.note.as_str(),
        by,
        at,
        suppression.expires_at,
    ];
    let id = conn.one(ADD, values).await?.int("id")?;
    let mut closed = Vec::new();
    match suppression.expires_at {
        None => {
            for row in conn.rows(CLOSE_LEADS, params![number, scope, at]).await? {
                closed.push(LeadId(row.int("id")?));
            }
        }
        Some(end) => drop(conn.run(PUT_LEADS_OFF, params![number, scope, end]).await?),
    }
    Ok(Added { id: SuppressionId(id), fresh: id == minted, closed })
}

/// Whether a number is suppressed for a campaign at `now`.
pub(super) async fn is_suppressed(
    conn: &mut Conn,
    number: &PhoneNumber,
    campaign: &CampaignKey,
    now: Timestamp,
) -> Result<bool, StoreError> {
    Ok(conn.row(IN_FORCE, params![number.as_str(), campaign.as_str(), now]).await?.is_some())
}

fn row(row: &Row) -> Result<SuppressionRow, StoreError> {
    Ok(SuppressionRow {
        id: SuppressionId(row.int("id")?),
        number: phone(row, "number")?,
        scope: row.parsed("scope")?,
        reason: row.parsed("reason")?,
        source: row.text("source")?,
        note: row.text("note")?,
        added_by: row.text("added_by")?,
        added_at: row.time("added_at")?,
        expires_at: row.opt_time("expires_at")?,
        lifted_by: row.opt_text("lifted_by")?,
        lifted_at: row.opt_time("lifted_at")?,
        lifted_why: row.opt_text("lifted_why")?,
    })
}
