//! The chain of hashes over the consent ledger: whoever noted the last hash sees any later change of what is before it.
//!
//! The hash of an entry is SHA-256 over a JSON array, without spaces and in UTF-8, of its place, the hash before it and all
//! its columns ([`hash`]; `docs/consents.md` has the order). There is one writer, so the chain has one end. It keeps nobody
//! who can write the database from making it anew, entry by entry: for that the end is told to others, in webhooks, evidence
//! and `lull consent verify`, which also says whether an end that was noted earlier is still in it.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{ConsentRow, row};
use crate::model::id::ConsentId;
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;
use crate::store::Store;
use crate::store::db::{Conn, params, rows, statements};
use crate::store::error::StoreError;

/// What stands before the first entry.
const NONE_BEFORE: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Entries read at once.
const PER_READ: u64 = 1000;
/// Faults that are named; more are counted.
const FAULTS_NAMED: usize = 100;

statements! {
    HEAD = "select place, hash from consent_chain order by place desc limit 1";
    LINK = "
        insert into consent_chain (place, consent_id, previous, hash)
        select cast(j.value ->> 0 as bigint), cast(j.value ->> 1 as bigint), j.value ->> 2, j.value ->> 3
        from json_each($1) j where true";
    UNTAKEN = "select 1 as yes from consents where not exists (select 1 from consent_chain) limit 1";
    OLDEST = "
        select id, number, purpose, kind, text, text_version, channel, source, at, expires_at, recorded_by, recorded_at
        from consents where id > $1 order by id limit $2";
    LINKS = "
        select k.place as place, k.consent_id as consent_id, k.previous as previous, k.hash as hash, c.id as id,
               c.number as number, c.purpose as purpose, c.kind as kind, c.text as text, c.text_version as text_version,
               c.channel as channel, c.source as source, c.at as at, c.expires_at as expires_at,
               c.recorded_by as recorded_by, c.recorded_at as recorded_at
        from consent_chain k left join consents c on c.id = k.consent_id
        where k.place > $1 order by k.place limit $2";
    UNCHAINED = "
        select id from consents c
        where not exists (select 1 from consent_chain k where k.consent_id = c.id) order by id";
    OF_NUMBER = "
        select k.place as place, k.previous as previous, k.hash as hash, c.id as id,
               c.number as number, c.purpose as purpose, c.kind as kind, c.text as text, c.text_version as text_version,
               c.channel as channel, c.source as source, c.at as at, c.expires_at as expires_at,
               c.recorded_by as recorded_by, c.recorded_at as recorded_at
        from consents c cross join consent_chain k
        where c.number = $1 and k.consent_id = c.id order by k.place";
}

/// An entry's place in the chain and its hash; of the last one: the end of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ChainEnd {
    /// How many entries there are up to it.
    pub place: u64,
    /// SHA-256 in hexadecimal digits.
    pub hash: String,
}

impl std::fmt::Display for ChainEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.place, self.hash)
    }
}

/// Not the end of a chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the end of a chain; expected a place and a hash, as in `1200:9f86d0…`, 64 digits of 0-9 and a-f")]
pub struct NoChainEnd(String);

impl std::str::FromStr for ChainEnd {
    type Err = NoChainEnd;
    fn from_str(text: &str) -> Result<ChainEnd, NoChainEnd> {
        let wrong = || NoChainEnd(text.to_owned());
        let (place, hash) = text.trim().split_once(':').ok_or_else(wrong)?;
        let hash = hash.to_ascii_lowercase();
        if hash.len() != NONE_BEFORE.len() || !hash.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        Ok(ChainEnd { place: place.parse().map_err(|_| wrong())?, hash })
    }
}

/// What is wrong at a place of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChainFaultKind {
    /// The entry says something else than when it was recorded, or its hash was changed.
    Changed,
    /// The entry is gone.
    Removed,
    /// It does not follow the one before it: something between them was taken out or put in.
    Broken,
    /// The entry is not in the chain: it was not recorded by Lull.
    Unchained,
    /// The end that was noted is not in the chain: it was made anew since, or this is another ledger.
    NotThere,
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChainFault {
    /// What it is.
    pub kind: ChainFaultKind,
    /// Where in the chain; none for an entry that is not in it.
    pub place: Option<u64>,
    /// The entry it is about, where there is one.
    pub consent: Option<ConsentId>,
}

/// What a look through the whole ledger found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChainReport {
    /// Entries in the chain.
    pub entries: u64,
    /// Its end; none where there are no entries. To be noted elsewhere, for the next look.
    pub end: Option<ChainEnd>,
    /// The first hundred faults.
    pub faults: Vec<ChainFault>,
    /// How many there are.
    pub faults_in_all: u64,
}

impl ChainReport {
    fn fault(&mut self, kind: ChainFaultKind, place: Option<u64>, consent: Option<ConsentId>) {
        self.faults_in_all += 1;
        if self.faults.len() < FAULTS_NAMED {
            self.faults.push(ChainFault { kind, place, consent });
        }
    }
}

/// An entry with its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ChainedConsent {
    /// Its place, counted from 1.
    pub place: u64,
    /// The hash of the entry before it.
    pub previous: String,
    /// Its own.
    pub hash: String,
    /// What was recorded.
    #[serde(flatten)]
    pub entry: ConsentRow,
}

/// Everything recorded about one number's consent, to be handed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ConsentEvidence {
    /// Whose.
    pub number: PhoneNumber,
    /// When it was made.
    #[schema(value_type = i64)]
    pub made_at: Timestamp,
    /// The end of the chain at that moment.
    pub end: Option<ChainEnd>,
    /// Oldest first.
    pub entries: Vec<ChainedConsent>,
}

impl Store {
    /// The end of the chain; none where nothing was recorded.
    pub async fn consent_chain_end(&self) -> Result<Option<ChainEnd>, StoreError> {
        end(&mut self.reader().await?).await
    }

    /// Everything recorded about a number's consent with its places in the chain.
    pub async fn consent_evidence(&self, number: PhoneNumber, now: Timestamp) -> Result<ConsentEvidence, StoreError> {
        let mut conn = self.reader().await?;
        conn.begin_snapshot().await?;
        let evidence = evidence(&mut conn, number, now).await;
        conn.control("commit").await?;
        evidence
    }

    /// Looks through the whole ledger as it is now. `noted`: an end that was noted earlier, which must be in the chain.
    /// `progress` is told how many entries have been looked at.
    pub async fn verify_consents(
        &self,
        noted: Option<&ChainEnd>,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<ChainReport, StoreError> {
        let mut conn = self.reader().await?;
        conn.begin_snapshot().await?;
        let report = verify(&mut conn, noted, progress).await;
        conn.control("commit").await?;
        report
    }
}

async fn evidence(conn: &mut Conn, number: PhoneNumber, made_at: Timestamp) -> Result<ConsentEvidence, StoreError> {
    let found = conn.rows(OF_NUMBER, params![number.as_str()]).await?;
    let entries = found.iter().map(|found| {
        Ok(ChainedConsent {
            place: found.count("place")?,
            previous: found.text("previous")?,
            hash: found.text("hash")?,
            entry: row(found)?,
        })
    });
    let entries = entries.collect::<Result<_, StoreError>>()?;
    Ok(ConsentEvidence { number, made_at, end: end(conn).await?, entries })
}

async fn verify(
    conn: &mut Conn,
    noted: Option<&ChainEnd>,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<ChainReport, StoreError> {
    let mut report = ChainReport::default();
    let mut before = ChainEnd { place: 0, hash: NONE_BEFORE.to_owned() };
    let mut found_noted = noted.is_none_or(|noted| *noted == before);
    // From wherever somebody may have put one.
    let mut after = i64::MIN;
    loop {
        let links = conn.rows(LINKS, params![after, PER_READ]).await?;
        if links.is_empty() {
            break;
        }
        for link in &links {
            after = link.int("place")?;
            let kept = link.text("hash")?;
            let Ok(place) = u64::try_from(after) else {
                report.fault(ChainFaultKind::Broken, None, Some(ConsentId(link.int("consent_id")?)));
                continue;
            };
            let (previous, consent) = (link.text("previous")?, ConsentId(link.int("consent_id")?));
            if place != before.place + 1 || previous != before.hash {
                report.fault(ChainFaultKind::Broken, Some(place), Some(consent));
            }
            if link.opt_int("id")?.is_none() {
                report.fault(ChainFaultKind::Removed, Some(place), Some(consent));
            } else if row(link).map_or(true, |entry| hash(place, &previous, &entry) != kept) {
                // Also what cannot be read any more: Lull wrote nothing of the kind.
                report.fault(ChainFaultKind::Changed, Some(place), Some(consent));
            }
            report.entries += 1;
            before = ChainEnd { place, hash: kept };
            found_noted |= noted == Some(&before);
        }
        progress(report.entries);
    }
    for unchained in conn.rows(UNCHAINED, vec![]).await? {
        report.fault(ChainFaultKind::Unchained, None, Some(ConsentId(unchained.int("id")?)));
    }
    if !found_noted {
        report.fault(ChainFaultKind::NotThere, noted.map(|noted| noted.place), None);
    }
    report.end = (before.place > 0).then_some(before);
    Ok(report)
}

/// The end of the chain.
pub(super) async fn end(conn: &mut Conn) -> Result<Option<ChainEnd>, StoreError> {
    let found = conn.row(HEAD, vec![]).await?;
    found.map(|found| Ok(ChainEnd { place: found.count("place")?, hash: found.text("hash")? })).transpose()
}

/// Adds these entries, in this order, in the transaction that records them.
pub(super) async fn add(conn: &mut Conn, entries: &[ConsentRow]) -> Result<(), StoreError> {
    let mut last = end(conn).await?.unwrap_or(ChainEnd { place: 0, hash: NONE_BEFORE.to_owned() });
    let mut links = Vec::with_capacity(entries.len());
    for entry in entries {
        let place = last.place + 1;
        let own = hash(place, &last.hash, entry);
        links.push(params![place, entry.id.0, last.hash.as_str(), own.as_str()]);
        last = ChainEnd { place, hash: own };
    }
    conn.run(LINK, vec![rows(links)]).await?;
    Ok(())
}

/// Takes in the entries of a ledger that has no chain yet, oldest first: once, whole or not at all.
pub(in crate::store) async fn take_in(conn: &mut Conn) -> Result<(), StoreError> {
    if conn.row(UNTAKEN, vec![]).await?.is_none() {
        return Ok(());
    }
    conn.begin_write().await?;
    match take_in_all(conn).await {
        Ok(()) => conn.control("release item; commit").await,
        Err(error) => {
            conn.control("rollback").await?;
            Err(error)
        }
    }
}

async fn take_in_all(conn: &mut Conn) -> Result<(), StoreError> {
    // Another process may have done it meanwhile.
    if conn.row(UNTAKEN, vec![]).await?.is_none() {
        return Ok(());
    }
    let mut after = i64::MIN;
    loop {
        let page = conn.rows(OLDEST, params![after, PER_READ]).await?;
        let entries: Vec<ConsentRow> = page.iter().map(row).collect::<Result<_, _>>()?;
        let Some(last) = entries.last() else { return Ok(()) };
        after = last.id.0;
        add(conn, &entries).await?;
    }
}

/// The hash of an entry, as `docs/consents.md` describes it.
fn hash(place: u64, previous: &str, entry: &ConsentRow) -> String {
    let covered = (
        place,
        previous,
        entry.id,
        &entry.number,
        entry.purpose.to_string(),
        entry.kind,
        &entry.text,
        &entry.text_version,
        &entry.channel,
        &entry.source,
        entry.at,
        entry.expires_at,
        &entry.recorded_by,
        entry.recorded_at,
    );
    let digest = Sha256::digest(crate::store::db::json(&covered));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{ConsentKind, Scope};

    /// The expected hash was made by the program in `docs/consents.md`.
    #[test]
    fn a_hash_covers_what_the_documentation_says() {
        let entry = ConsentRow {
            id: "con_0000000000001".parse().unwrap(),
            number: PhoneNumber::from_e164("+8613800138000").unwrap(),
            purpose: Scope::Campaign("family-plan".parse().unwrap()),
            kind: ConsentKind::Given,
            text: "我同意\n\"接听\"".to_owned(),
            text_version: "2".to_owned(),
            channel: "web".to_owned(),
            source: "page family-plan 203.0.113.7".to_owned(),
            at: Timestamp::from_millis(1_795_318_496_000),
            expires_at: None,
            recorded_by: "ann".to_owned(),
            recorded_at: Timestamp::from_millis(1_795_318_497_000),
        };
        let expected = "95c2ba3ec9fa285448de426f11b24fc0ef0f9c4eb38696832252cd60570e74cb";
        assert_eq!(hash(2, &"ab".repeat(32), &entry), expected);
    }

    #[test]
    fn an_end_is_read_as_it_is_told_and_nothing_else_is() {
        let end = ChainEnd { place: 12, hash: "0f".repeat(32) };
        assert_eq!(end.to_string().parse(), Ok(end.clone()));
        assert_eq!(format!(" 12:{} ", "0F".repeat(32)).parse(), Ok(end));
        for wrong in ["", "12", ":", "12:0f", &format!("x:{}", "0f".repeat(32)), &format!("1:{}", "0g".repeat(32))] {
            assert!(wrong.parse::<ChainEnd>().is_err(), "{wrong}");
        }
    }
}
