//! Outreach: who is in an audience, who has had a message, and how far it is.
//!
//! A recipient is a row with at most one message: the message is queued in the transaction that says so, and what becomes of
//! it from there on is the messages' business. So nobody gets two, whenever the program ends. Read [`Store::set_outreach`],
//! [`gathering`] and [`releasing`] first; the loop that calls them is `runtime::outreach`.

pub(super) mod gathering;
pub(super) mod releasing;

use serde::{Deserialize, Serialize};

use super::Store;
use super::db::{Conn, Row, params, rows, statements};
use super::error::StoreError;
use crate::model::id::{LeadId, MessageId};
use crate::model::message::MessageState;
use crate::model::name::{CampaignKey, OutreachName};
use crate::model::time::Timestamp;

/// Most rows on a page.
const PAGE_MAX: usize = 500;
/// Later than anything that is queued.
const EVERYTHING: std::time::Duration = std::time::Duration::from_secs(86_400);

statements! {
    ALL = "
        select campaign, name, state, state_by, state_at, started_by, started_at, looked_to, looked_at, held
        from outreaches order by campaign, name";
    OF_CAMPAIGN = "
        select campaign, name, state, state_by, state_at, started_by, started_at, looked_to, looked_at, held
        from outreaches where campaign = $1 order by name";
    ONE = "
        select campaign, name, state, state_by, state_at, started_by, started_at, looked_to, looked_at, held
        from outreaches where campaign = $1 and name = $2";
    START = "
        insert into outreaches (campaign, name, state, state_by, state_at, started_by, started_at, looked_to, looked_at, held)
        values ($1, $2, 'running', $3, $4, $3, $4, 0, 0, null)
        on conflict (campaign, name) do update set
            state = 'running', state_by = excluded.state_by, state_at = excluded.state_at, held = null,
            looked_to = case when outreaches.looked_to < 0 then 0 else outreaches.looked_to end,
            looked_at = case when outreaches.looked_to < 0 then 0 else outreaches.looked_at end
        where outreaches.state <> 'running'";
    END = "
        update outreaches set state = $3, state_by = $4, state_at = $5, held = null
        where campaign = $1 and name = $2 and state = 'running'";
    HOLD = "
        update outreaches set held = $3 where campaign = $1 and name = $2 and coalesce(held, '') <> coalesce($3, '')";
    QUEUED = "
        select id from messages
        where campaign = $1 and outreach = $2 and state = 'queued' and created_at < $3 order by id";
    TAKE_BACK = "
        update outreach_recipients set state = 'waiting', due_at = $2, message_id = null
        where message_id in (select cast(j.value ->> 0 as bigint) from json_each($1) j)";
    FORGET_QUEUED = "
        delete from messages
        where id in (select cast(j.value ->> 0 as bigint) from json_each($1) j) and state = 'queued'";
    FORGET_LINKS = "
        delete from links where message_id in (select cast(j.value ->> 0 as bigint) from json_each($1) j)";
    RECIPIENTS = "
        select variant, state, reason, language, count(*) as count from outreach_recipients
        where campaign = $1 and outreach = $2 group by variant, state, reason, language";
    MESSAGES = "
        select variant, state, count(*) as count from messages
        where campaign = $1 and outreach = $2 group by state, variant";
    NEXT_DUE = "
        select due_at from outreach_recipients
        where campaign = $1 and outreach = $2 and due_at is not null order by due_at limit 1";
    PAGE = "
        select r.lead_id as lead_id, r.number as number, l.name as name, r.variant as variant, r.language as language,
               r.state as state, r.reason as reason, r.detail as detail, r.due_at as due_at, r.message_id as message_id,
               m.state as message, m.error as error
        from outreach_recipients r left join leads l on l.id = r.lead_id left join messages m on m.id = r.message_id
        where r.campaign = $1 and r.outreach = $2 and r.lead_id > $3
          and ($4 = '' or r.state = $4 or m.state = $4 or r.reason = $4) and ($5 = '' or r.variant = $5)
        order by r.lead_id limit $6";
}

/// Whether an outreach sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutreachState {
    /// It sends as hours and gateway allow.
    Running,
    /// It was paused.
    Paused,
    /// Everybody in its audience has had a message, or gets none.
    Done,
}

impl OutreachState {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            OutreachState::Running => "running",
            OutreachState::Paused => "paused",
            OutreachState::Done => "done",
        }
    }
}

/// Why somebody in the audience gets no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Skipped {
    /// Nothing stands in a column that the text needs.
    Blank,
    /// With what stands in the columns the text takes too many SMS.
    TooLong,
    /// The number is one of the fixed network.
    Landline,
    /// They replied before it was their turn.
    Replied,
    /// They were done, or given up, before it was their turn.
    NotOpen,
    /// Where they are is not known, or there is no hour at which a message may come.
    NoHours,
    /// The last day was over before it was their turn.
    TooLate,
}

impl Skipped {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Skipped::Blank => "blank",
            Skipped::TooLong => "too_long",
            Skipped::Landline => "landline",
            Skipped::Replied => "replied",
            Skipped::NotOpen => "not_open",
            Skipped::NoHours => "no_hours",
            Skipped::TooLate => "too_late",
        }
    }
}

/// An outreach that was started once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct OutreachRow {
    /// Whose.
    pub campaign: CampaignKey,
    /// Its name.
    pub name: OutreachName,
    /// Whether it sends.
    pub state: OutreachState,
    /// Who said so last.
    pub state_by: String,
    /// When.
    #[schema(value_type = i64)]
    pub state_at: Timestamp,
    /// Who started it first.
    pub started_by: String,
    /// When.
    #[schema(value_type = i64)]
    pub started_at: Timestamp,
    /// How many people of the list were looked at for the audience.
    pub looked_at: u64,
    /// All of them were.
    pub gathered: bool,
    /// Why it cannot send although it runs.
    pub held: Option<String>,
    #[serde(skip)]
    pub(super) looked_to: i64,
}

/// How many recipients of one kind there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct OutreachCount {
    /// The text that they get.
    #[schema(value_type = String)]
    pub variant: OutreachName,
    /// In which language, of those who have no message yet or get none.
    pub language: Option<String>,
    /// What became of their message; none: they wait, or were skipped.
    pub message: Option<MessageState>,
    /// Why they get none.
    pub skipped: Option<Skipped>,
    /// How many.
    pub count: u64,
}

/// Somebody in an audience.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct RecipientRow {
    /// The lead.
    #[schema(value_type = String)]
    pub lead: LeadId,
    /// Their number.
    pub number: String,
    /// Their name.
    pub name: Option<String>,
    /// The text that they get.
    #[schema(value_type = String)]
    pub variant: OutreachName,
    /// In which language.
    pub language: String,
    /// When it may leave, of one that waits.
    #[schema(value_type = Option<i64>)]
    pub due_at: Option<Timestamp>,
    /// Why they get none.
    pub skipped: Option<Skipped>,
    /// Of a column in which nothing stands: which.
    pub detail: Option<String>,
    /// Their message.
    #[schema(value_type = Option<String>)]
    pub message: Option<MessageId>,
    /// What became of it; none: it was too old to be kept.
    pub state: Option<MessageState>,
    /// What the gateway said.
    pub error: Option<String>,
}

impl Store {
    /// All outreaches that were ever started.
    pub async fn outreaches(&self, campaign: Option<&CampaignKey>) -> Result<Vec<OutreachRow>, StoreError> {
        let mut conn = self.reader().await?;
        let found = match campaign {
            Some(campaign) => conn.rows(OF_CAMPAIGN, params![campaign.as_str()]).await?,
            None => conn.rows(ALL, vec![]).await?,
        };
        found.iter().map(row).collect()
    }

    /// One that was started.
    pub async fn outreach(
        &self,
        campaign: &CampaignKey,
        name: &OutreachName,
    ) -> Result<Option<OutreachRow>, StoreError> {
        let mut conn = self.reader().await?;
        conn.row(ONE, params![campaign.as_str(), name.as_str()]).await?.as_ref().map(row).transpose()
    }

    /// Starts an outreach, for the first time or again: then whoever came onto its list since is looked at as well. Whether
    /// that changed anything.
    pub async fn start_outreach(
        &self,
        campaign: &CampaignKey,
        name: &OutreachName,
        by: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (campaign, name, by) = (campaign.clone(), name.clone(), by.to_owned());
        self.write(move |conn| {
            Box::pin(async move {
                super::campaigns::must_exist(conn, &campaign).await?;
                let before =
                    conn.row(ONE, params![campaign.as_str(), name.as_str()]).await?.as_ref().map(row).transpose()?;
                let started = conn.run(START, params![campaign.as_str(), name.as_str(), by, now]).await? > 0;
                if before.is_some_and(|before| before.state == OutreachState::Paused) {
                    // What was under way when it was paused and did not leave: with what the text says now.
                    take_back(conn, &campaign, &name, now + EVERYTHING, now).await?;
                }
                Ok(started)
            })
        })
        .await
    }

    /// Pauses an outreach: what no gateway has begun to send yet is taken back, and leaves when it goes on. Whether it ran.
    pub async fn pause_outreach(
        &self,
        campaign: &CampaignKey,
        name: &OutreachName,
        by: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.end_outreach(campaign, name, OutreachState::Paused, by, now).await
    }

    /// Takes back what was queued before `before` and has not left: a gateway that is away must not send it at night, or to
    /// somebody who has replied meanwhile. Whether anything is still queued.
    pub async fn take_back_messages(
        &self,
        campaign: &CampaignKey,
        name: &OutreachName,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut conn = self.reader().await?;
        let key = || params![campaign.as_str(), name.as_str()];
        if conn.rows(QUEUED, [key(), params![before]].concat()).await?.is_empty() {
            return Ok(!conn.rows(QUEUED, [key(), params![now + EVERYTHING]].concat()).await?.is_empty());
        }
        drop(conn);
        let (campaign, name) = (campaign.clone(), name.clone());
        self.write(move |conn| Box::pin(async move { take_back(conn, &campaign, &name, before, now).await })).await?;
        Ok(true)
    }

    /// Nobody of the audience is left to be sent to. Whether it ran.
    pub async fn finish_outreach(
        &self,
        campaign: &CampaignKey,
        name: &OutreachName,
        by: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.end_outreach(campaign, name, OutreachState::Done, by, now).await
    }

    async fn end_outreach(
        &self,
        campaign: &CampaignKey,
        name: &OutreachName,
        state: OutreachState,
        by: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (campaign, name, by) = (campaign.clone(), name.clone(), by.to_owned());
        self.write(move |conn| {
            Box::pin(async move {
                let key = || params![campaign.as_str(), name.as_str()];
                let ended = [key(), params![state.as_str(), by, now]].concat();
                if conn.run(END, ended).await? == 0 {
                    return Ok(false);
                }
                if state == OutreachState::Paused {
                    take_back(conn, &campaign, &name, now + EVERYTHING, now).await?;
                }
                Ok(true)
            })
        })
        .await
    }

    /// Writes down why an outreach that runs cannot send, or that it can again.
    pub async fn hold_outreach(
        &self,
        campaign: &CampaignKey,
        name: &OutreachName,
        why: Option<String>,
    ) -> Result<(), StoreError> {
        let (campaign, name) = (campaign.clone(), name.clone());
        self.write(move |conn| {
            Box::pin(async move { conn.run(HOLD, params![campaign.as_str(), name.as_str(), why]).await.map(drop) })
        })
        .await
    }

    /// How many recipients an outreach has, by text and by what became of them.
    pub async fn outreach_counts(
        &self,
        campaign: &CampaignKey,
        name: &OutreachName,
    ) -> Result<Vec<OutreachCount>, StoreError> {
        let mut conn = self.reader().await?;
        let key = || params![campaign.as_str(), name.as_str()];
        let mut counts = Vec::new();
        let mut given = std::collections::BTreeMap::new();
        for row in conn.rows(RECIPIENTS, key()).await? {
            let (variant, count): (OutreachName, u64) = (row.parsed("variant")?, row.count("count")?);
            if row.text("state")? == "given" {
                *given.entry(variant).or_insert(0) += count;
                continue;
            }
            let (language, skipped) = (Some(row.text("language")?), row.opt_word("reason")?);
            counts.push(OutreachCount { variant, language, message: None, skipped, count });
        }
        for row in conn.rows(MESSAGES, key()).await? {
            let (variant, count): (OutreachName, u64) = (row.parsed("variant")?, row.count("count")?);
            if let Some(left) = given.get_mut(&variant) {
                *left = left.saturating_sub(count);
            }
            let message = Some(row.word::<MessageState>("state")?);
            counts.push(OutreachCount { variant, language: None, message, skipped: None, count });
        }
        // Messages that were kept long enough are forgotten; that they were sent is not.
        let forgotten = given.into_iter().filter(|(_, count)| *count > 0).map(|(variant, count)| OutreachCount {
            variant,
            language: None,
            message: Some(MessageState::Sent),
            skipped: None,
            count,
        });
        counts.extend(forgotten);
        Ok(counts)
    }

    /// When the next of those who wait may be sent to.
    pub async fn next_recipient_at(
        &self,
        campaign: &CampaignKey,
        name: &OutreachName,
    ) -> Result<Option<Timestamp>, StoreError> {
        let mut conn = self.reader().await?;
        let found = conn.row(NEXT_DUE, params![campaign.as_str(), name.as_str()]).await?;
        found.map(|row| row.time("due_at")).transpose()
    }

    /// Recipients in the order of their leads, after `after`. `state`: what they or their messages are, or why they were
    /// skipped; empty for all. `variant`: empty for all.
    pub async fn recipients(
        &self,
        (campaign, name): (&CampaignKey, &OutreachName),
        (state, variant): (&str, &str),
        after: Option<LeadId>,
        limit: usize,
    ) -> Result<Vec<RecipientRow>, StoreError> {
        let mut conn = self.reader().await?;
        let values = params![
            campaign.as_str(),
            name.as_str(),
            after.map_or(0, |lead| lead.0),
            state,
            variant,
            limit.min(PAGE_MAX) as u64
        ];
        conn.rows(PAGE, values).await?.iter().map(recipient).collect()
    }
}

/// Takes back what was queued before `before` and no gateway has begun to send: as many as are queued ahead of a gateway.
async fn take_back(
    conn: &mut Conn,
    campaign: &CampaignKey,
    name: &OutreachName,
    before: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    let found = conn.rows(QUEUED, params![campaign.as_str(), name.as_str(), before]).await?;
    let ids: Vec<_> = found.iter().map(|row| row.int("id")).collect::<Result<_, StoreError>>()?;
    let ids = || rows(ids.iter().map(|id| params![*id]));
    conn.run(TAKE_BACK, vec![ids(), now.into()]).await?;
    conn.run(FORGET_QUEUED, vec![ids()]).await?;
    conn.run(FORGET_LINKS, vec![ids()]).await.map(drop)
}

fn row(row: &Row) -> Result<OutreachRow, StoreError> {
    let looked_to = row.int("looked_to")?;
    Ok(OutreachRow {
        campaign: row.parsed("campaign")?,
        name: row.parsed("name")?,
        state: row.word("state")?,
        state_by: row.text("state_by")?,
        state_at: row.time("state_at")?,
        started_by: row.text("started_by")?,
        started_at: row.time("started_at")?,
        looked_at: row.count("looked_at")?,
        gathered: looked_to < 0,
        held: row.opt_text("held")?,
        looked_to,
    })
}

fn recipient(row: &Row) -> Result<RecipientRow, StoreError> {
    Ok(RecipientRow {
        lead: LeadId(row.int("lead_id")?),
        number: row.text("number")?,
        name: row.opt_text("name")?.filter(|name| !name.is_empty()),
        variant: row.parsed("variant")?,
        language: row.text("language")?,
        due_at: row.opt_time("due_at")?,
        skipped: row.opt_word("reason")?,
        detail: row.opt_text("detail")?,
        message: row.opt_int("message_id")?.map(MessageId),
        state: row.opt_word("message")?,
        error: row.opt_text("error")?,
    })
}
