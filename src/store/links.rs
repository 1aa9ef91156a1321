//! Links to landing pages, and who came by them.
//!
//! A link is for one number and one campaign. What stands in its address, the token, is drawn by the operating system and kept
//! as a hash only. Read [`make_all`] and [`Store::link`] first; what is done on a page is `landing`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::attempts::phone;
use super::db::{Conn, params, rows, statements, storable};
use super::error::StoreError;
use super::{Ids, Store};
use crate::model::id::{LeadId, MessageId};
use crate::model::name::CampaignKey;
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;

/// What tokens are made of: base 58, without the signs that are taken for others.
const SIGNS: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// Signs of a token: 70 bits, which nobody hits by trying, and few enough for an SMS.
const TOKEN_SIGNS: usize = 12;
/// One customer who loads a page again is one visit for so long.
const SAME_VISIT: Duration = Duration::from_secs(1800);
/// Longest name of a browser that is kept, in characters.
const AGENT_MAX: usize = 200;

statements! {
    ADD = "
        insert into links (id, token_hash, campaign, number, lead_id, message_id, created_at, expires_at)
        select cast(j.value ->> 0 as bigint), j.value ->> 1, j.value ->> 2, j.value ->> 3, cast(j.value ->> 4 as bigint),
               cast(j.value ->> 5 as bigint), cast(j.value ->> 6 as bigint), cast(j.value ->> 7 as bigint)
        from json_each($1) j";
    BY_TOKEN = "
        select id, campaign, number, lead_id, message_id, expires_at from links where token_hash = $1";
    SEEN = "
        select 1 as yes from visits where link_id = $1 and kind = $2 and at > $3 limit 1";
    ADD_VISIT = "insert into visits (id, campaign, link_id, kind, at, agent) values ($1, $2, $3, $4, $5, $6)";
    COUNTS = "
        select (select count(*) from links where campaign = $1) as links,
               (select count(*) from visits where campaign = $1 and kind = 'visit') as visits,
               (select count(distinct link_id) from visits where campaign = $1 and kind = 'visit') as visited,
               (select count(*) from visits where campaign = $1 and kind = 'preview') as previews,
               (select count(*) from pre_registrations
                where campaign = $1 and channel = 'web' and source like 'page ' || $1 || ' %') as registrations";
    // By all numbers of the person: each link was sent to one of them.
    OF_LEAD = "
        select count(*) as count, max(v.at) as last_at
        from (select number from leads where id = $1 union select number from lead_numbers where lead_id = $1) w
        join links k on k.number = w.number join visits v on v.link_id = k.id
        where k.campaign = (select campaign from leads where id = $1) and v.kind = 'visit'";
    FORGET_VISITS = "
        delete from visits where id in (select id from visits where at < $1 order by at, id limit $2)";
    FORGET_LINKS = "
        delete from links where id in (select id from links where expires_at < $1 order by expires_at, id limit $2)";
}

/// How often a customer opened the campaign's page by a link of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = LinkVisits)]
pub struct Visits {
    /// How often; a page that is loaded again within half an hour counts once.
    pub count: u64,
    /// When for the last time; none: never.
    #[schema(value_type = Option<i64>)]
    pub last_at: Option<Timestamp>,
}

/// A link to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLink {
    /// Whose page it leads to.
    pub campaign: CampaignKey,
    /// The number of whoever gets it.
    pub number: PhoneNumber,
    /// The lead, where it is one.
    pub lead: Option<LeadId>,
    /// The message that it stands in.
    pub message: Option<MessageId>,
    /// From when on it leads nowhere.
    pub expires_at: Timestamp,
}

/// A link that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its id.
    pub id: i64,
    /// Whose page it leads to.
    pub campaign: CampaignKey,
    /// The number of whoever got it.
    pub number: PhoneNumber,
    /// The lead, where it is one.
    pub lead: Option<LeadId>,
    /// The message that it stands in.
    pub message: Option<MessageId>,
    /// From when on it leads nowhere.
    pub expires_at: Timestamp,
}

/// Who opened a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VisitKind {
    /// A person, as far as can be told.
    Visit,
    /// A program: the preview of a messenger, a search engine, a scanner of links.
    Preview,
}

impl VisitKind {
    fn as_str(self) -> &'static str {
        match self {
            VisitKind::Visit => "visit",
            VisitKind::Preview => "preview",
        }
    }
}

/// What came of a campaign's landing page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct LandingCounts {
    /// Links that were made and not yet forgotten.
    pub links: u64,
    /// Visits of people.
    pub visits: u64,
    /// Links by which at least one person came.
    pub visited: u64,
    /// Times that a program looked.
    pub previews: u64,
    /// Times that a customer asked to be called there.
    pub registrations: u64,
}

/// Makes links within the caller's transaction; their tokens in the same order. One statement, however many there are.
pub(super) async fn make_all(
    conn: &mut Conn,
    ids: &Ids,
    links: &[NewLink],
    now: Timestamp,
) -> Result<Vec<String>, StoreError> {
    let tokens = links.iter().map(|_| token()).collect::<Result<Vec<_>, _>>()?;
    let row = |(link, token): (&NewLink, &String)| {
        params![
            ids.next(now),
            hash(token),
            link.campaign.as_str(),
            link.number.as_str(),
            link.lead.map(|lead| lead.0),
            link.message.map(|message| message.0),
            now,
            link.expires_at
        ]
    };
    if !links.is_empty() {
        conn.run(ADD, vec![rows(links.iter().zip(&tokens).map(row))]).await?;
    }
    Ok(tokens)
}

/// Makes one link within the caller's transaction; its token.
pub(super) async fn make(conn: &mut Conn, ids: &Ids, link: &NewLink, now: Timestamp) -> Result<String, StoreError> {
    let made = make_all(conn, ids, std::slice::from_ref(link), now).await?;
    Ok(made.into_iter().next().unwrap_or_default())
}

impl Store {
    /// Makes links; their tokens in the same order.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a campaign that is not there.
    pub async fn make_links(&self, links: Vec<NewLink>, now: Timestamp) -> Result<Vec<String>, StoreError> {
        let ids = self.ids();
        self.write(move |conn| {
            Box::pin(async move {
                for link in &links {
                    super::campaigns::must_exist(conn, &link.campaign).await?;
                }
                make_all(conn, &ids, &links, now).await
            })
        })
        .await
    }

    /// The link with this token, also one that has expired.
    pub async fn link(&self, token: &str) -> Result<Option<Link>, StoreError> {
        if token.len() != TOKEN_SIGNS || !token.bytes().all(|byte| SIGNS.contains(&byte)) {
            return Ok(None);
        }
        let mut conn = self.reader().await?;
        let Some(row) = conn.row(BY_TOKEN, params![hash(token)]).await? else { return Ok(None) };
        Ok(Some(Link {
            id: row.int("id")?,
            campaign: row.parsed("campaign")?,
            number: phone(&row, "number")?,
            lead: row.opt_int("lead_id")?.map(LeadId),
            message: row.opt_int("message_id")?.map(MessageId),
            expires_at: row.time("expires_at")?,
        }))
    }

    /// Counts somebody who opened a page. One link is visited once in half an hour, however often its page is loaded.
    pub async fn note_visit(
        &self,
        campaign: &CampaignKey,
        link: Option<i64>,
        kind: VisitKind,
        agent: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (ids, campaign) = (self.ids(), campaign.clone());
        let agent = storable(agent.chars().take(AGENT_MAX).collect());
        self.write(move |conn| {
            Box::pin(async move {
                if let Some(link) = link
                    && conn.row(SEEN, params![link, kind.as_str(), at - SAME_VISIT]).await?.is_some()
                {
                    return Ok(());
                }
                let values = params![ids.next(at), campaign.as_str(), link, kind.as_str(), at, agent];
                conn.run(ADD_VISIT, values).await.map(drop)
            })
        })
        .await
    }

    /// How often the customer of a lead opened the campaign's page.
    pub async fn visits_of_lead(&self, lead: LeadId) -> Result<Visits, StoreError> {
        let row = self.reader().await?.one(OF_LEAD, params![lead.0]).await?;
        Ok(Visits { count: row.count("count")?, last_at: row.opt_time("last_at")? })
    }

    /// What came of a campaign's landing page.
    pub async fn landing_counts(&self, campaign: &CampaignKey) -> Result<LandingCounts, StoreError> {
        let mut conn = self.reader().await?;
        let row = conn.one(COUNTS, params![campaign.as_str()]).await?;
        Ok(LandingCounts {
            links: row.count("links")?,
            visits: row.count("visits")?,
            visited: row.count("visited")?,
            previews: row.count("previews")?,
            registrations: row.count("registrations")?,
        })
    }

    /// Removes visits before `before`, and links that had expired by then; how many rows.
    pub async fn forget_links(&self, before: Timestamp) -> Result<u64, StoreError> {
        let visits = self.in_pieces(FORGET_VISITS, params![before]).await?;
        Ok(visits + self.in_pieces(FORGET_LINKS, params![before]).await?)
    }
}

/// A token that nobody can guess.
fn token() -> Result<String, StoreError> {
    // The largest multiple of 58 in a byte: what is above would make some signs likelier than others.
    const EVEN: u8 = 232;
    let mut token = String::with_capacity(TOKEN_SIGNS);
    let mut bytes = [0; 2 * TOKEN_SIGNS];
    while token.len() < TOKEN_SIGNS {
        getrandom::fill(&mut bytes).map_err(|error| StoreError::Unfit {
            what: "randomness of the operating system",
            value: error.to_string(),
            expected: "random bits for a link".to_owned(),
        })?;
        let signs = bytes.iter().filter(|byte| **byte < EVEN).map(|byte| SIGNS[usize::from(byte % 58)]);
        token.extend(signs.take(TOKEN_SIGNS - token.len()).map(char::from));
    }
    Ok(token)
}

fn hash(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
