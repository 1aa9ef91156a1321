//! Who did what, and the sums that must agree.
//!
//! [`Store::audit_sums`] looks for anything that breaks the promises "one live attempt per number", "every intent ends
//! exactly once" and "the sums agree". It finds nothing in a sound database.

use serde::Serialize;

use super::db::{Conn, Row, params, rows, statements};
use super::error::StoreError;
use super::{Ids, Store};
use crate::model::time::Timestamp;

/// Most findings of one rule that are listed.
const FINDINGS_MAX: u64 = 100;
/// Most entries on a page.
const PAGE_MAX: usize = 1000;

/// An entry of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct AuditEntry {
    /// Raised with each entry; the cursor of the next page.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// Login name or command.
    pub who: String,
    /// What was done, as a code.
    pub what: String,
    /// To which object.
    pub object: String,
    /// Details.
    pub detail: String,
}

/// Something that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Discrepancy {
    /// Which rule.
    pub rule: &'static str,
    /// What breaks it: an id, or a campaign.
    pub object: String,
    /// What was found.
    pub found: String,
}

statements! {
    INSERT = "insert into audit (id, at, who, what, object, detail) values ($1, $2, $3, $4, $5, $6)";
    PAGE = "select id, at, who, what, object, detail from audit where id < $1 order by id desc limit $2";
    OF_OBJECT = "
        select a.id as id, a.at as at, a.who as who, a.what as what, a.object as object, a.detail as detail
        from audit a
        where a.object = $1 and a.id < $3 and a.what in (select j.value ->> 0 from json_each($2) j)
        order by a.at desc, a.id desc limit $4";
    TWO_LIVE = "
        select number as object, cast(count(*) as text) || ' live attempts' as found
        from attempts where state = 'live' group by number having count(*) > 1 limit $1";
    LIVE_TOO_LONG = "
        select cast(id as text) as object, 'live since ' || cast(at as text) as found
        from attempts where state = 'live' and at < $2 order by at limit $1";
    ENDED_WITHOUT_OUTCOME = "
        select cast(id as text) as object, 'ended without a disposition' as found
        from attempts where state = 'ended' and (disposition is null or network_disposition is null) limit $1";
    LEAD_WITHOUT_ATTEMPT = "
        select cast(l.id as text) as object, 'dialling without a live attempt or a result' as found
        from campaigns c join leads l on l.campaign = c.key and l.state = 'dialling'
        left join attempts a on a.id = l.last_attempt
        where a.id is null or (a.state = 'ended' and a.ended_at < $2) limit $1";
    SUM_OF_ATTEMPTS = "
        select campaign as object,
               cast(count(*) as text) || ' intents, ' || cast(count(*) filter (where state = 'live') as text)
               || ' live, ' || cast(count(*) filter (where state = 'ended') as text) || ' ended' as found
        from attempts group by campaign
        having count(*) <> count(*) filter (where state = 'live') + count(*) filter (where state = 'ended') limit $1";
    ANSWERED_WITHOUT_FATE = "
        select cast(id as text) as object, 'answered, not connected, but ' || network_disposition as found
        from attempts
        where state = 'ended' and answered_at is not null and connected_at is null
          and network_disposition in ('busy', 'no_answer', 'invalid_number', 'rejected', 'congestion') limit $1";
    CONNECTED_WITHOUT_ANSWER = "
        select cast(id as text) as object, 'connected without an answer' as found
        from attempts where connected_at is not null and answered_at is null limit $1";
    RESULT_NOT_COUNTED = "
        select cast(a.id as text) as object, 'counts as ' || coalesce(a.disposition, 'nothing') || ', recorded as '
               || r.disposition as found
        from results r join attempts a on a.id = r.call_id
        where r.direction = 'outbound'
          and r.revision = (select max(x.revision) from results x
                            where x.direction = r.direction and x.call_id = r.call_id)
          and (a.disposition is null or a.disposition <> r.disposition) limit $1";
    RESULT_WITHOUT_ATTEMPT = "
        select cast(r.call_id as text) as object, 'a result of an attempt that is not there' as found
        from results r left join attempts a on a.id = r.call_id
        where r.direction = 'outbound' and a.id is null limit $1";
}

impl Store {
    /// Looks for what breaks the rules at `now`; `attempt_max_s` is the longest an attempt can take.
    pub async fn audit_sums(&self, now: Timestamp, attempt_max_s: u64) -> Result<Vec<Discrepancy>, StoreError> {
        let overdue = now - std::time::Duration::from_secs(attempt_max_s);
        let rules = [
            ("one live attempt per number", TWO_LIVE, params![FINDINGS_MAX]),
            ("every intent ends", LIVE_TOO_LONG, params![FINDINGS_MAX, overdue]),
            ("an ended attempt has an outcome", ENDED_WITHOUT_OUTCOME, params![FINDINGS_MAX]),
            ("a lead that is dialling has an attempt", LEAD_WITHOUT_ATTEMPT, params![FINDINGS_MAX, overdue]),
            ("intents are live or ended", SUM_OF_ATTEMPTS, params![FINDINGS_MAX]),
            ("an answered call has a fate", ANSWERED_WITHOUT_FATE, params![FINDINGS_MAX]),
            ("a connected call was answered", CONNECTED_WITHOUT_ANSWER, params![FINDINGS_MAX]),
            ("the latest result counts", RESULT_NOT_COUNTED, params![FINDINGS_MAX]),
            ("a result has an attempt", RESULT_WITHOUT_ATTEMPT, params![FINDINGS_MAX]),
        ];
        let mut conn = self.reader().await?;
        let mut found = Vec::new();
        for (rule, statement, values) in rules {
            for row in conn.rows(statement, values).await? {
                found.push(Discrepancy { rule, object: row.text("object")?, found: row.text("found")? });
            }
        }
        Ok(found)
    }

    /// Adds an entry to the audit trail: for what is done outside the store.
    pub async fn audit(
        &self,
        who: &str,
        what: &str,
        object: &str,
        detail: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let ids = self.ids();
        let (who, what, object, detail) = (who.to_owned(), what.to_owned(), object.to_owned(), detail.to_owned());
        self.write(move |conn| Box::pin(async move { note(conn, &ids, at, &who, &what, &object, &detail).await })).await
    }

    /// A page of the audit trail, newest first, before `before`.
    pub async fn audit_trail(&self, before: Option<i64>, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        let mut conn = self.reader().await?;
        let rows = conn.rows(PAGE, params![before.unwrap_or(i64::MAX), limit.min(PAGE_MAX) as u64]).await?;
        rows.iter().map(entry).collect()
    }

    /// What was done to an object, of these kinds, newest first, before `before`: by an index of objects.
    pub async fn audit_of(
        &self,
        object: &str,
        whats: &[&str],
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let whats = rows(whats.iter().map(|what| params![*what]));
        let mut values = params![object];
        values.push(whats);
        values.extend(params![before.unwrap_or(i64::MAX), limit.min(PAGE_MAX) as u64]);
        let mut conn = self.reader().await?;
        conn.rows(OF_OBJECT, values).await?.iter().map(entry).collect()
    }
}

fn entry(row: &Row) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        id: row.int("id")?,
        at: row.time("at")?,
        who: row.text("who")?,
        what: row.text("what")?,
        object: row.text("object")?,
        detail: row.text("detail")?,
    })
}

/// Adds an entry within the caller's transaction.
pub(super) async fn note(
    conn: &mut Conn,
    ids: &Ids,
    at: Timestamp,
    who: &str,
    what: &str,
    object: &str,
    detail: &str,
) -> Result<(), StoreError> {
    conn.run(INSERT, params![ids.next(at), at, who, what, object, detail]).await.map(drop)
}
