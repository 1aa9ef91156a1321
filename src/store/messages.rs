//! SMS: what is to be sent, what became of it, and what customers sent.
//!
//! A message of ours is marked as being sent before the gateway sees it, and never handed over a second time: what a crash
//! or a silent gateway leaves is `unknown`. A message of a customer that opts out suppresses the number, revokes consent and
//! withdraws what waits for that number in the transaction that takes it in. Read [`Store::claim_messages`] and
//! [`Store::take_in`] first; the loop that calls them is `runtime::messages`.

pub(super) mod reviewing;
pub(super) mod taking;

use serde::{Deserialize, Serialize};

use std::collections::{BTreeMap, BTreeSet};

use super::db::{Conn, Row, params, rows, statements, storable};
use super::error::StoreError;
use super::{Ids, Store};
use crate::model::id::MessageId;
use crate::model::message::{MessageState, parts};
use crate::model::name::{CampaignKey, GatewayName};
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;

/// Most rows on a page.
const PAGE_MAX: usize = 500;
/// Messages removed in one transaction: a few milliseconds.
const FORGOTTEN_AT_ONCE: u64 = 500;

statements! {
    ADD = "
        insert into messages (id, direction, gateway, number, ours, text, parts, purpose, state, meaning, answers, gateway_id,
                              campaign, created_by, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    NEXT = "
        select m.id as id, m.number as number, m.ours as ours, m.text as text, m.purpose as purpose,
               m.campaign as campaign, case when exists (
                   select 1 from suppressions s
                   where s.number = m.number and s.scope in ('*', coalesce(m.campaign, '*')) and s.lifted_at is null
                     and (s.expires_at is null or s.expires_at > $3)
               ) then 1 else 0 end as suppressed
        from messages m where m.gateway = $1 and m.state = 'queued'
          and (m.outreach is null or (
              -- One that has waited longer is taken back, and judged again by hours and what has become of its recipient.
              m.created_at > $3 - 120000
              and not exists (select 1 from outreaches o
                              where o.campaign = m.campaign and o.name = m.outreach and o.state = 'paused')))
        order by m.id limit $2";
    WRITTEN_OFF = "
        select w.place as place
        from (select cast(j.value ->> 0 as bigint) as place, j.value ->> 1 as number, j.value ->> 2 as scope
              from json_each($1) j) w
        where exists (
            select 1 from suppressions s
            where s.number = w.number and s.scope in ('*', w.scope) and s.lifted_at is null
              and (s.expires_at is null or s.expires_at > $2))";
    BEGIN = "
        update messages set state = 'sending', sending_at = $2
        where id in (select cast(j.value ->> 0 as bigint) from json_each($1) j) and state = 'queued'";
    WITHDRAW = "
        update messages set state = 'suppressed', ended_at = $2, error = 'the number is suppressed'
        where id in (select cast(j.value ->> 0 as bigint) from json_each($1) j) and state = 'queued'";
    OUTCOMES = "
        update messages set state = w.state, error = w.error,
            sent_at = case when w.state = 'sent' then cast($2 as bigint) end,
            ended_at = case when w.state <> 'sent' then cast($2 as bigint) end
        from (select cast(j.value ->> 0 as bigint) as id, cast(j.value ->> 1 as bigint) as claimed_at, j.value ->> 2 as state,
                  j.value ->> 3 as error
              from json_each($1) j) w
        where messages.id = w.id and messages.state = 'sending' and messages.sending_at = w.claimed_at
        returning messages.id";
    PUT_BACK = "
        update messages set state = 'queued', sending_at = null
        from (select cast(j.value ->> 0 as bigint) as id, cast(j.value ->> 1 as bigint) as claimed_at from json_each($1) j) w
        where messages.id = w.id and messages.state = 'sending' and messages.sending_at = w.claimed_at";
    PUT_BACK_UNHELD = "
        update messages set state = 'queued', sending_at = null
        where gateway = $1 and state = 'sending'
          and id not in (select cast(j.value ->> 0 as bigint) from json_each($2) j)";
    ADD_PARTS = "
        insert into message_parts (message_id, part, gateway, gateway_id, state)
        select cast(j.value ->> 0 as bigint), cast(j.value ->> 1 as bigint), $2, j.value ->> 2, null from json_each($1) j
        where true
        on conflict (message_id, part) do nothing";
    EARLY = "
        select gateway_id, state, says, received_at from early_receipts
        where gateway = $1 and gateway_id in (select j.value ->> 0 from json_each($2) j)";
    FORGET_EARLY = "delete from early_receipts where gateway = $1 and gateway_id = $2";
    KEEP_EARLY = "
        insert into early_receipts (gateway, gateway_id, state, says, received_at) values ($1, $2, $3, $4, $5)
        on conflict (gateway, gateway_id) do update set
            state = coalesce(excluded.state, early_receipts.state), says = excluded.says, received_at = excluded.received_at";
    PART = "
        select message_id, part, state from message_parts
        where gateway = $1 and gateway_id = $2 order by message_id desc limit 1";
    PART_ENDED = "update message_parts set state = $3 where message_id = $1 and part = $2";
    STATES = "
        select p.state as state, m.sent_at as sent_at, m.parts as parts
        from messages m join message_parts p on p.message_id = m.id where m.id = $1";
    ENDED = "update messages set state = $2, error = $3, ended_at = $4 where id = $1 and direction = 'out'";
    LEFT_OVER = "
        update messages set state = 'unknown', error = 'the service ended while it was being sent', ended_at = $1
        where state = 'sending'";
    OF_NUMBER = "
        select id, direction, gateway, campaign, number, ours, text, parts, purpose, state, meaning, answers, error, created_by,
               created_at, sent_at, ended_at
        from messages where number = $1 and id < $2 order by id desc limit $3";
    PAGE = "
        select id, direction, gateway, campaign, number, ours, text, parts, purpose, state, meaning, answers, error, created_by,
               created_at, sent_at, ended_at
        from messages where id < $1 order by id desc limit $2";
    ONE = "
        select id, direction, gateway, campaign, number, ours, text, parts, purpose, state, meaning, answers, error, created_by,
               created_at, sent_at, ended_at
        from messages where id = $1";
    WAITING = "select count(*) as count from messages where gateway = $1 and state = 'queued'";
    OLD = "
        select id from messages
        where created_at < $1 and state not in ('queued', 'sending') order by created_at, id limit $2";
    FORGET_PARTS = "
        delete from message_parts
        where message_id in (select cast(j.value ->> 0 as bigint) from json_each($1) j)";
    FORGET_REVIEWS = "
        delete from reviews where message_id in (select cast(j.value ->> 0 as bigint) from json_each($1) j)";
    FORGET = "delete from messages where id in (select cast(j.value ->> 0 as bigint) from json_each($1) j)";
}

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageDirection {
    /// From us.
    Out,
    /// From a customer.
    In,
}

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessagePurpose {
    /// Somebody wrote it to one number.
    Direct,
    /// Tells a customer who opted out that this was heard; the one message that a suppressed number still gets.
    Confirmation,
    /// A customer's.
    Reply,
}

/// What a customer's message means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// No more calls and messages.
    OptOut,
    /// The customer wants to be called: it pre-registers.
    Interested,
    /// It reads as if; the number is suppressed until a person has read it and lifted that.
    PerhapsOptOut,
    /// Anything else.
    Other,
}

/// A message that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    /// Through which gateway.
    pub gateway: GatewayName,
    /// To whom.
    pub number: PhoneNumber,
    /// Number or name that is shown as its sender.
    pub sender: String,
    /// What it says.
    pub text: String,
    /// The campaign that it belongs to: a reply to it is one to the campaign.
    pub campaign: Option<CampaignKey>,
}

/// A message to be handed to its gateway now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// Its id.
    pub id: MessageId,
    /// To whom.
    pub number: PhoneNumber,
    /// Number or name that is shown as its sender.
    pub sender: String,
    /// What it says.
    pub text: String,
    /// The campaign that it belongs to.
    pub campaign: Option<CampaignKey>,
    /// It leaves although the number is suppressed.
    pub confirms: bool,
    /// When it was claimed: what came of it counts for this claim and no other.
    pub at: Timestamp,
}

/// What came of handing a message over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handed {
    /// The gateway took all parts and gave them these ids, in their order.
    Taken(Vec<String>),
    /// It did not take it, and said why. Parts before the one that was refused have these ids.
    Rejected(Vec<String>, String),
    /// Nobody knows. Parts that were taken for certain have these ids.
    Unknown(Vec<String>, String),
    /// Nothing of it left: it waits again.
    NotSent,
    /// Nothing of it left, and nothing will: the number was suppressed meanwhile.
    Suppressed,
}

/// A message as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct MessageRow {
    /// Its id.
    pub id: MessageId,
    /// Which way it went.
    pub direction: MessageDirection,
    /// Through which gateway.
    pub gateway: GatewayName,
    /// The campaign that it belongs to, or whose words it answers.
    pub campaign: Option<CampaignKey>,
    /// The customer's number; of one that came perhaps whatever the gateway wrote.
    pub number: String,
    /// Our number or name.
    pub ours: String,
    /// What it says.
    pub text: String,
    /// How many SMS it takes.
    pub parts: u32,
    /// What it is for.
    pub purpose: MessagePurpose,
    /// What became of it.
    pub state: MessageState,
    /// Of a customer's: what it means.
    pub meaning: Option<Meaning>,
    /// The message that it answers.
    pub answers: Option<MessageId>,
    /// What the gateway said, or why it was not sent.
    pub error: Option<String>,
    /// Who wrote it.
    pub created_by: String,
    /// When it was written or came.
    #[schema(value_type = i64)]
    pub created_at: Timestamp,
    /// When the gateway had taken it.
    #[schema(value_type = Option<i64>)]
    pub sent_at: Option<Timestamp>,
    /// When it was known what became of it.
    #[schema(value_type = Option<i64>)]
    pub ended_at: Option<Timestamp>,
}

impl Store {
    /// Puts a message into the queue of its gateway.
    pub async fn queue_message(&self, message: NewMessage, by: &str, at: Timestamp) -> Result<MessageId, StoreError> {
        let (ids, by) = (self.ids(), by.to_owned());
        self.write(move |conn| {
            Box::pin(async move { queue(conn, &ids, &message, MessagePurpose::Direct, None, &by, at).await })
        })
        .await
    }

    /// Whether no message leaves for a number: it is suppressed for this campaign, or for everything.
    pub async fn is_written_off(
        &self,
        number: &PhoneNumber,
        campaign: Option<&CampaignKey>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(self.written_off(&[(number, campaign)], now).await?.contains(&0))
    }

    /// For which of these no message leaves, by their places.
    pub async fn written_off(
        &self,
        wanted: &[(&PhoneNumber, Option<&CampaignKey>)],
        now: Timestamp,
    ) -> Result<BTreeSet<usize>, StoreError> {
        let asked = wanted.iter().enumerate().map(|(place, (number, campaign))| {
            params![place as u64, number.as_str(), campaign.map_or("*", CampaignKey::as_str)]
        });
        let mut conn = self.reader().await?;
        let found = conn.rows(WRITTEN_OFF, params![rows(asked), now]).await?;
        found.iter().map(|row| Ok(row.count("place")? as usize)).collect()
    }

    /// Takes the next messages of a gateway to be handed over, oldest first, and marks them as being sent: on return that is
    /// durable, and each must be handed over at most once and then told of by [`Store::messages_handed`]. What is for a
    /// number that is suppressed now is withdrawn instead.
    pub async fn claim_messages(
        &self,
        gateway: &GatewayName,
        most: usize,
        now: Timestamp,
    ) -> Result<Vec<Claimed>, StoreError> {
        // Mostly there is none, which a reader sees without a turn of the writer.
        if self.reader().await?.rows(NEXT, params![gateway.as_str(), 1_u64, now]).await?.is_empty() {
            return Ok(Vec::new());
        }
        let gateway = gateway.clone();
        self.write(move |conn| {
            Box::pin(async move {
                let (mut claimed, mut withdrawn) = (Vec::new(), Vec::new());
                for row in conn.rows(NEXT, params![gateway.as_str(), most as u64, now]).await? {
                    let id = row.int("id")?;
                    let confirms = row.word::<MessagePurpose>("purpose")? == MessagePurpose::Confirmation;
                    if row.int("suppressed")? != 0 && !confirms {
                        withdrawn.push(params![id]);
                        continue;
                    }
                    claimed.push(Claimed {
                        id: MessageId(id),
                        number: super::attempts::phone(&row, "number")?,
                        sender: row.text("ours")?,
                        text: row.text("text")?,
                        campaign: row.opt_parsed("campaign")?,
                        confirms,
                        at: now,
                    });
                }
                if !withdrawn.is_empty() {
                    conn.run(WITHDRAW, vec![rows(withdrawn), now.into()]).await?;
                }
                if !claimed.is_empty() {
                    let ids = rows(claimed.iter().map(|one| params![one.id.0]));
                    conn.run(BEGIN, vec![ids, now.into()]).await?;
                }
                Ok(claimed)
            })
        })
        .await
    }

    /// Writes down what came of messages, each with the time of its claim.
    pub async fn messages_handed(
        &self,
        gateway: &GatewayName,
        handed: Vec<(MessageId, Timestamp, Handed)>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let gateway = gateway.clone();
        self.write(move |conn| Box::pin(async move { apply_handed(conn, &gateway, &handed, at).await })).await
    }

    /// What a gateway says became of a part. `state`: none while it is on its way.
    pub async fn receipt(
        &self,
        gateway: &GatewayName,
        gateway_id: &str,
        state: Option<MessageState>,
        says: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (gateway, gateway_id, says) = (gateway.clone(), storable(gateway_id.to_owned()), storable(says.to_owned()));
        self.write(move |conn| {
            Box::pin(async move {
                if apply_receipt(conn, &gateway, &gateway_id, state, &says, at).await? {
                    return Ok(());
                }
                let state = state.map(MessageState::as_str);
                conn.run(KEEP_EARLY, params![gateway.as_str(), gateway_id, state, says, at]).await.map(drop)
            })
        })
        .await
    }

    /// What was being sent when the program ended is `unknown` from now on; how many there were.
    pub async fn settle_messages(&self, at: Timestamp) -> Result<u64, StoreError> {
        self.write(move |conn| Box::pin(async move { conn.run(LEFT_OVER, params![at]).await })).await
    }

    /// One message.
    pub async fn message(&self, id: MessageId) -> Result<Option<MessageRow>, StoreError> {
        let mut conn = self.reader().await?;
        conn.row(ONE, params![id.0]).await?.as_ref().map(row).transpose()
    }

    /// Messages, newest first, before `before`: all, or those from and to one number.
    pub async fn messages(
        &self,
        number: Option<&str>,
        before: Option<MessageId>,
        limit: usize,
    ) -> Result<Vec<MessageRow>, StoreError> {
        let (before, limit) = (before.map_or(i64::MAX, |id| id.0), limit.min(PAGE_MAX) as u64);
        let mut conn = self.reader().await?;
        let found = match number {
            Some(number) => conn.rows(OF_NUMBER, params![number, before, limit]).await?,
            None => conn.rows(PAGE, params![before, limit]).await?,
        };
        found.iter().map(row).collect()
    }

    /// How many messages wait for a gateway.
    pub async fn count_waiting_messages(&self, gateway: &GatewayName) -> Result<u64, StoreError> {
        let mut conn = self.reader().await?;
        conn.one(WAITING, params![gateway.as_str()]).await?.count("count")
    }

    /// Removes messages that were written or came before `before`, but for those that wait, a few at a time; how many.
    pub async fn forget_messages(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        loop {
            let gone = self
                .write(move |conn| {
                    Box::pin(async move {
                        let found = conn.rows(OLD, params![before, FORGOTTEN_AT_ONCE]).await?;
                        let ids: Vec<_> =
                            found.iter().map(|row| Ok(params![row.int("id")?])).collect::<Result<_, StoreError>>()?;
                        if ids.is_empty() {
                            return Ok(0);
                        }
                        conn.run(FORGET_PARTS, vec![rows(ids.clone())]).await?;
                        conn.run(FORGET_REVIEWS, vec![rows(ids.clone())]).await?;
                        conn.run(FORGET, vec![rows(ids)]).await
                    })
                })
                .await?;
            forgotten += gone;
            if gone < FORGOTTEN_AT_ONCE {
                return Ok(forgotten);
            }
        }
    }

    /// Puts messages of a gateway back that are marked as being sent and are not among `held`: nobody ever got hold of them,
    /// because whoever claimed them was not told. Only for whoever alone claims for that gateway.
    pub async fn put_back_unheld(&self, gateway: &GatewayName, held: Vec<MessageId>) -> Result<u64, StoreError> {
        let gateway = gateway.clone();
        self.write(move |conn| {
            Box::pin(async move {
                let held = rows(held.iter().map(|id| params![id.0]));
                conn.run(PUT_BACK_UNHELD, vec![gateway.as_str().into(), held]).await
            })
        })
        .await
    }
}

pub(super) async fn queue(
    conn: &mut Conn,
    ids: &Ids,
    message: &NewMessage,
    purpose: MessagePurpose,
    answers: Option<MessageId>,
    by: &str,
    at: Timestamp,
) -> Result<MessageId, StoreError> {
    let id = MessageId(ids.next(at));
    put(conn, id, message, (purpose, answers), by, at).await?;
    Ok(id)
}

/// Queues a message under an id that was minted before.
pub(super) async fn queue_as(
    conn: &mut Conn,
    id: MessageId,
    message: &NewMessage,
    by: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    put(conn, id, message, (MessagePurpose::Direct, None), by, at).await
}

async fn put(
    conn: &mut Conn,
    id: MessageId,
    message: &NewMessage,
    (purpose, answers): (MessagePurpose, Option<MessageId>),
    by: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let text = storable(message.text.clone());
    let pieces = parts(&text).texts.len() as u64;
    let purpose = match purpose {
        MessagePurpose::Direct => "direct",
        MessagePurpose::Confirmation => "confirmation",
        MessagePurpose::Reply => "reply",
    };
    let values = params![
        id.0,
        "out",
        message.gateway.as_str(),
        message.number.as_str(),
        message.sender.as_str(),
        text.as_str(),
        pieces,
        purpose,
        "queued",
        None::<&str>,
        answers.map(|id| id.0),
        None::<&str>,
        message.campaign.as_ref().map(CampaignKey::as_str),
        by,
        at
    ];
    conn.run(ADD, values).await.map(drop)
}

async fn apply_handed(
    conn: &mut Conn,
    gateway: &GatewayName,
    handed: &[(MessageId, Timestamp, Handed)],
    at: Timestamp,
) -> Result<(), StoreError> {
    let (mut outcomes, mut back) = (Vec::new(), Vec::new());
    let mut taken: BTreeMap<i64, &[String]> = BTreeMap::new();
    for (id, claimed_at, handed) in handed {
        let (state, parts, error) = match handed {
            Handed::Taken(parts) => (MessageState::Sent, parts.as_slice(), None),
            Handed::Rejected(parts, why) => (MessageState::Rejected, parts.as_slice(), Some(why.as_str())),
            Handed::Unknown(parts, why) => (MessageState::Unknown, parts.as_slice(), Some(why.as_str())),
            Handed::NotSent => {
                back.push(params![id.0, *claimed_at]);
                continue;
            }
            Handed::Suppressed => (MessageState::Suppressed, [].as_slice(), Some("the number is suppressed")),
        };
        let error = error.map(|why| storable(why.to_owned()));
        outcomes.push(params![id.0, *claimed_at, state.as_str(), error]);
        taken.insert(id.0, parts);
    }
    if !back.is_empty() {
        conn.run(PUT_BACK, vec![rows(back)]).await?;
    }
    if outcomes.is_empty() {
        return Ok(());
    }
    // Of another claim, or settled: what is known of it stands already.
    let moved = conn.rows(OUTCOMES, params![rows(outcomes), at]).await?;
    let (mut parts, mut named) = (Vec::new(), Vec::new());
    for row in &moved {
        let id = row.int("id")?;
        // A gateway that gives no id tells no receipt either.
        let ids = taken.get(&id).copied().unwrap_or_default().iter().enumerate().filter(|(_, id)| !id.is_empty());
        for (place, gateway_id) in ids {
            let gateway_id = storable(gateway_id.clone());
            parts.push(params![id, place as u64 + 1, gateway_id.as_str()]);
            named.push(params![gateway_id]);
        }
    }
    if parts.is_empty() {
        return Ok(());
    }
    conn.run(ADD_PARTS, params![rows(parts), gateway.as_str()]).await?;
    for early in conn.rows(EARLY, params![gateway.as_str(), rows(named)]).await? {
        let gateway_id = early.text("gateway_id")?;
        conn.run(FORGET_EARLY, params![gateway.as_str(), gateway_id.as_str()]).await?;
        let (state, says) = (early.opt_word("state")?, early.text("says")?);
        apply_receipt(conn, gateway, &gateway_id, state, &says, early.time("received_at")?).await?;
    }
    Ok(())
}

/// Whether the part is known.
async fn apply_receipt(
    conn: &mut Conn,
    gateway: &GatewayName,
    gateway_id: &str,
    state: Option<MessageState>,
    says: &str,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let Some(part) = conn.row(PART, params![gateway.as_str(), gateway_id]).await? else { return Ok(false) };
    let known: Option<MessageState> = part.opt_word("state")?;
    // The end of a part is said once; only "unknown" may still be found out.
    let (Some(state), None | Some(MessageState::Unknown)) = (state, known) else { return Ok(true) };
    let id = part.int("message_id")?;
    conn.run(PART_ENDED, params![id, part.int("part")?, state.as_str()]).await?;
    let mut ends = Vec::new();
    let mut of = 0;
    let found = conn.rows(STATES, params![id]).await?;
    for row in &found {
        // What was taken has as many receipts as the gateway gave ids: one, where it splits texts itself.
        let taken = row.opt_time("sent_at")?.is_some();
        of = if taken { found.len() as u64 } else { row.count("parts")? };
        ends.extend(row.opt_word::<MessageState>("state")?);
    }
    // One part that is lost is a message that is not read.
    let lost = ends.iter().copied().filter(|end| *end != MessageState::Delivered).max();
    let whole = match lost {
        Some(lost) => lost,
        None if ends.len() as u64 == of => MessageState::Delivered,
        None => return Ok(true),
    };
    let error = (whole != MessageState::Delivered).then_some(says);
    conn.run(ENDED, params![id, whole.as_str(), error, at]).await?;
    Ok(true)
}

fn row(row: &Row) -> Result<MessageRow, StoreError> {
    Ok(MessageRow {
        id: MessageId(row.int("id")?),
        direction: row.word("direction")?,
        gateway: row.parsed("gateway")?,
        campaign: row.opt_parsed("campaign")?,
        number: row.text("number")?,
        ours: row.text("ours")?,
        text: row.text("text")?,
        parts: u32::try_from(row.count("parts")?).unwrap_or(u32::MAX),
        purpose: row.word("purpose")?,
        state: row.word("state")?,
        meaning: row.opt_word("meaning")?,
        answers: row.opt_int("answers")?.map(MessageId),
        error: row.opt_text("error")?,
        created_by: row.text("created_by")?,
        created_at: row.time("created_at")?,
        sent_at: row.opt_time("sent_at")?,
        ended_at: row.opt_time("ended_at")?,
    })
}
