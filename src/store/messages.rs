//! SMS: what is to be sent, what became of it, and what customers sent.
//!
//! A message of ours is marked as being sent before the gateway sees it, and never handed over a second time: what a crash
//! or a silent gateway leaves is `unknown`. A message of a customer that opts out suppresses the number, revokes consent and
//! withdraws what waits for that number in the transaction that takes it in. Read [`Store::claim_messages`] and
//! [`Store::take_in`] first; the loop that calls them is `runtime::messages`.

use serde::{Deserialize, Serialize};

use super::consents::{self, ConsentRevoked};
use super::db::{Conn, Row, params, rows, statements, storable};
use super::error::StoreError;
use super::suppressions::{self, Scope, Suppression};
use super::{Ids, Store};
use crate::model::id::MessageId;
use crate::model::lead::SuppressionReason;
use crate::model::message::{MessageState, parts};
use crate::model::name::GatewayName;
use crate::model::phone::PhoneNumber;
use crate::model::reply::{OptOut, opt_out};
use crate::model::time::Timestamp;

/// Most rows on a page.
const PAGE_MAX: usize = 500;
/// Who did what a customer's own message asked for.
const BY_CUSTOMER: &str = "customer";

statements! {
    ADD = "
        insert into messages (id, direction, gateway, number, ours, text, parts, purpose, state, meaning, answers, gateway_id,
                              created_by, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    NEXT = "
        select m.id as id, m.number as number, m.ours as ours, m.text as text, m.purpose as purpose,
               case when exists (
                   select 1 from suppressions s
                   where s.number = m.number and s.scope = '*' and s.lifted_at is null
                     and (s.expires_at is null or s.expires_at > $3)
               ) then 1 else 0 end as suppressed
        from messages m where m.gateway = $1 and m.state = 'queued' order by m.id limit $2";
    BEGIN = "
        update messages set state = 'sending', sending_at = $2
        where id in (select cast(j.value ->> 0 as bigint) from json_each($1) j) and state = 'queued'";
    WITHDRAW = "
        update messages set state = 'suppressed', ended_at = $2, error = 'the number is suppressed'
        where id in (select cast(j.value ->> 0 as bigint) from json_each($1) j) and state = 'queued'";
    WITHDRAW_NUMBER = "
        update messages set state = 'suppressed', ended_at = $2, error = 'the number is suppressed'
        where number = $1 and state = 'queued' and purpose <> 'confirmation'";
    OUTCOME = "
        update messages set state = $2, error = $3, sent_at = $4, ended_at = $5 where id = $1 and state = 'sending'";
    PUT_BACK = "update messages set state = 'queued', sending_at = null where id = $1 and state = 'sending'";
    ADD_PART = "
        insert into message_parts (message_id, part, gateway, gateway_id, state) values ($1, $2, $3, $4, null)";
    EARLY = "select state, says, received_at from early_receipts where gateway = $1 and gateway_id = $2";
    FORGET_EARLY = "delete from early_receipts where gateway = $1 and gateway_id = $2";
    FORGET_OLD_EARLY = "delete from early_receipts where received_at < $1";
    KEEP_EARLY = "
        insert into early_receipts (gateway, gateway_id, state, says, received_at) values ($1, $2, $3, $4, $5)
        on conflict (gateway, gateway_id) do update set
            state = coalesce(excluded.state, early_receipts.state), says = excluded.says, received_at = excluded.received_at";
    PART = "
        select message_id, part, state from message_parts
        where gateway = $1 and gateway_id = $2 order by message_id desc limit 1";
    PART_ENDED = "update message_parts set state = $3 where message_id = $1 and part = $2";
    STATES = "select p.state as state, m.parts as parts from messages m join message_parts p on p.message_id = m.id where m.id = $1";
    ENDED = "update messages set state = $2, error = $3, ended_at = $4 where id = $1 and direction = 'out'";
    LEFT_OVER = "
        update messages set state = 'unknown', error = 'the service ended while it was being sent', ended_at = $1
        where state = 'sending'";
    REPEATED = "select id from messages where gateway = $1 and gateway_id = $2";
    ADD_PIECE = "
        insert into message_pieces (gateway, number, ours, reference, pieces, piece, text, received_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        on conflict (gateway, number, ours, reference, pieces, piece) do nothing";
    PIECES = "
        select piece, text from message_pieces
        where gateway = $1 and number = $2 and ours = $3 and reference = $4 and pieces = $5 order by piece";
    FORGET_PIECES = "
        delete from message_pieces
        where gateway = $1 and number = $2 and ours = $3 and reference = $4 and pieces = $5";
    STALE_PIECES = "
        select gateway, number, ours, reference, pieces from message_pieces
        group by gateway, number, ours, reference, pieces having max(received_at) < $1 limit 100";
    LAST_TO = "
        select id from messages
        where number = $1 and direction = 'out' and gateway = $2 and state in ('sending', 'sent', 'delivered', 'unknown')
        order by id desc limit 1";
    OPTED_OUT = "
        select 1 as yes from suppressions
        where number = $1 and scope = '*' and reason = 'opt_out' and lifted_at is null
          and (expires_at is null or expires_at > $2) limit 1";
    OF_NUMBER = "
        select id, direction, gateway, number, ours, text, parts, purpose, state, meaning, answers, error, created_by,
               created_at, sent_at, ended_at
        from messages where number = $1 and id < $2 order by id desc limit $3";
    PAGE = "
        select id, direction, gateway, number, ours, text, parts, purpose, state, meaning, answers, error, created_by,
               created_at, sent_at, ended_at
        from messages where id < $1 order by id desc limit $2";
    ONE = "
        select id, direction, gateway, number, ours, text, parts, purpose, state, meaning, answers, error, created_by,
               created_at, sent_at, ended_at
        from messages where id = $1";
    WAITING = "select count(*) as count from messages where gateway = $1 and state = 'queued'";
    FORGET_PARTS = "
        delete from message_parts where message_id in (select id from messages where created_at < $1)";
    FORGET = "delete from messages where created_at < $1 and state not in ('queued', 'sending')";
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
}

/// A message of a customer, or a piece of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Through which gateway.
    pub gateway: GatewayName,
    /// The customer's number; as the gateway wrote it where that is none.
    pub number: Result<PhoneNumber, String>,
    /// The number of ours that it was sent to.
    pub ours: String,
    /// The text.
    pub text: String,
    /// The id that the gateway gave it, where it gives any: what comes twice is taken in once.
    pub gateway_id: Option<String>,
    /// Of a piece: what all pieces have in common, which it is from 1, and how many there are.
    pub piece: Option<(u16, u8, u8)>,
}

/// What was done with a message of a customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakenIn {
    /// The message; none while pieces are missing, or if it was there already.
    pub message: Option<MessageId>,
    /// The number that it suppressed, for the dialer to hear of.
    pub suppressed: Option<PhoneNumber>,
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
                    if row.int("suppressed")? != 0 && row.word::<MessagePurpose>("purpose")? != MessagePurpose::Confirmation {
                        withdrawn.push(params![id]);
                        continue;
                    }
                    claimed.push(Claimed {
                        id: MessageId(id),
                        number: super::attempts::phone(&row, "number")?,
                        sender: row.text("ours")?,
                        text: row.text("text")?,
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

    /// Writes down what came of messages that were claimed.
    pub async fn messages_handed(
        &self,
        gateway: &GatewayName,
        handed: Vec<(MessageId, Handed)>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let gateway = gateway.clone();
        self.write(move |conn| {
            Box::pin(async move {
                for (id, handed) in &handed {
                    apply_handed(conn, &gateway, *id, handed, at).await?;
                }
                Ok(())
            })
        })
        .await
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

    /// Takes in a message of a customer, or a piece of one: on return it is durable, and so is what it asks for.
    /// `confirmation` is said to somebody who opted out, once; nothing where it is empty.
    pub async fn take_in(&self, arrived: Arrived, confirmation: &str, at: Timestamp) -> Result<TakenIn, StoreError> {
        let (ids, confirmation) = (self.ids(), confirmation.to_owned());
        self.write(move |conn| Box::pin(async move { take_in(conn, &ids, arrived, &confirmation, at).await })).await
    }

    /// Takes in messages of which pieces have been missing since before `before`, with what is there.
    pub async fn take_in_stale_pieces(
        &self,
        confirmation: &str,
        before: Timestamp,
        at: Timestamp,
    ) -> Result<Vec<TakenIn>, StoreError> {
        let (ids, confirmation) = (self.ids(), confirmation.to_owned());
        self.write(move |conn| {
            Box::pin(async move {
                conn.run(FORGET_OLD_EARLY, params![before]).await?;
                let mut taken = Vec::new();
                for row in conn.rows(STALE_PIECES, params![before]).await? {
                    let whole = Whole {
                        gateway: row.parsed("gateway")?,
                        number: row.text("number")?,
                        ours: row.text("ours")?,
                        gateway_id: None,
                    };
                    let (reference, pieces) = (row.int("reference")?, row.int("pieces")?);
                    let text = joined(conn, &whole, reference, pieces, false).await?.unwrap_or_default();
                    taken.push(take_in_whole(conn, &ids, whole, text, &confirmation, at).await?);
                }
                Ok(taken)
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

    /// Removes messages that were written or came before `before`, but for those that wait; how many.
    pub async fn forget_messages(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                conn.run(FORGET_PARTS, params![before]).await?;
                conn.run(FORGET, params![before]).await
            })
        })
        .await
    }
}

async fn queue(
    conn: &mut Conn,
    ids: &Ids,
    message: &NewMessage,
    purpose: MessagePurpose,
    answers: Option<MessageId>,
    by: &str,
    at: Timestamp,
) -> Result<MessageId, StoreError> {
    let id = ids.next(at);
    let text = storable(message.text.clone());
    let pieces = parts(&text).texts.len() as u64;
    let purpose = match purpose {
        MessagePurpose::Direct => "direct",
        MessagePurpose::Confirmation => "confirmation",
        MessagePurpose::Reply => "reply",
    };
    let values = params![
        id,
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
        by,
        at
    ];
    conn.run(ADD, values).await?;
    Ok(MessageId(id))
}

async fn apply_handed(
    conn: &mut Conn,
    gateway: &GatewayName,
    id: MessageId,
    handed: &Handed,
    at: Timestamp,
) -> Result<(), StoreError> {
    let (state, parts, error) = match handed {
        Handed::Taken(parts) => (MessageState::Sent, parts, None),
        Handed::Rejected(parts, why) => (MessageState::Rejected, parts, Some(why.as_str())),
        Handed::Unknown(parts, why) => (MessageState::Unknown, parts, Some(why.as_str())),
        Handed::NotSent => return conn.run(PUT_BACK, params![id.0]).await.map(drop),
    };
    let ended = (state != MessageState::Sent).then_some(at);
    let sent = (state == MessageState::Sent).then_some(at);
    conn.run(OUTCOME, params![id.0, state.as_str(), error, sent, ended]).await?;
    for (part, gateway_id) in parts.iter().enumerate() {
        let gateway_id = storable(gateway_id.clone());
        let values = params![id.0, part as u64 + 1, gateway.as_str(), gateway_id.as_str()];
        conn.run(ADD_PART, values).await?;
        let key = || params![gateway.as_str(), gateway_id.as_str()];
        let Some(early) = conn.row(EARLY, key()).await? else { continue };
        conn.run(FORGET_EARLY, key()).await?;
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
    for row in conn.rows(STATES, params![id]).await? {
        of = row.count("parts")?;
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

/// A message of a customer without its text.
struct Whole {
    gateway: GatewayName,
    number: String,
    ours: String,
    gateway_id: Option<String>,
}

async fn take_in(
    conn: &mut Conn,
    ids: &Ids,
    arrived: Arrived,
    confirmation: &str,
    at: Timestamp,
) -> Result<TakenIn, StoreError> {
    let Arrived { gateway, number, ours, text, gateway_id, piece } = arrived;
    let number = number.map_or_else(storable, |number| number.as_str().to_owned());
    let whole = Whole { gateway, number, ours: storable(ours), gateway_id: gateway_id.map(storable) };
    let text = storable(text);
    if let Some(id) = &whole.gateway_id
        && conn.row(REPEATED, params![whole.gateway.as_str(), id.as_str()]).await?.is_some()
    {
        return Ok(TakenIn::default());
    }
    let Some((reference, piece, pieces)) = piece else {
        return take_in_whole(conn, ids, whole, text, confirmation, at).await;
    };
    let (reference, pieces) = (i64::from(reference), i64::from(pieces));
    let values = params![
        whole.gateway.as_str(),
        whole.number.as_str(),
        whole.ours.as_str(),
        reference,
        pieces,
        i64::from(piece),
        text,
        at
    ];
    conn.run(ADD_PIECE, values).await?;
    match joined(conn, &whole, reference, pieces, true).await? {
        Some(text) => take_in_whole(conn, ids, whole, text, confirmation, at).await,
        None => Ok(TakenIn::default()),
    }
}

/// The text of all pieces that are there, which are forgotten then; with `all` only if none is missing.
async fn joined(
    conn: &mut Conn,
    whole: &Whole,
    reference: i64,
    pieces: i64,
    all: bool,
) -> Result<Option<String>, StoreError> {
    let key =
        || params![whole.gateway.as_str(), whole.number.as_str(), whole.ours.as_str(), reference, pieces];
    let found = conn.rows(PIECES, key()).await?;
    if all && (found.len() as i64) < pieces {
        return Ok(None);
    }
    let (mut text, mut next) = (String::new(), 1);
    for row in &found {
        let piece = row.int("piece")?;
        if piece > next {
            text.push('…');
        }
        text.push_str(&row.text("text")?);
        next = piece + 1;
    }
    if next <= pieces {
        text.push('…');
    }
    conn.run(FORGET_PIECES, key()).await?;
    Ok(Some(text))
}

async fn take_in_whole(
    conn: &mut Conn,
    ids: &Ids,
    whole: Whole,
    text: String,
    confirmation: &str,
    at: Timestamp,
) -> Result<TakenIn, StoreError> {
    let id = MessageId(ids.next(at));
    let phone = PhoneNumber::from_e164(&whole.number).ok();
    let meaning = match opt_out(&text) {
        Some(OptOut::Yes) => Meaning::OptOut,
        Some(OptOut::Perhaps) => Meaning::PerhapsOptOut,
        None => Meaning::Other,
    };
    let answers = conn.row(LAST_TO, params![whole.number.as_str(), whole.gateway.as_str()]).await?;
    let answers = answers.map(|row| row.int("id")).transpose()?;
    let values = params![
        id.0,
        "in",
        whole.gateway.as_str(),
        whole.number.as_str(),
        whole.ours.as_str(),
        text.as_str(),
        parts(&text).texts.len() as u64,
        "reply",
        "received",
        Some(match meaning {
            Meaning::OptOut => "opt_out",
            Meaning::PerhapsOptOut => "perhaps_opt_out",
            Meaning::Other => "other",
        }),
        answers,
        whole.gateway_id.as_deref(),
        BY_CUSTOMER,
        at
    ];
    conn.run(ADD, values).await?;
    let (Some(number), Meaning::OptOut | Meaning::PerhapsOptOut) = (phone, meaning) else {
        return Ok(TakenIn { message: Some(id), suppressed: None });
    };
    let heard_before = conn.row(OPTED_OUT, params![number.as_str(), at]).await?.is_some();
    let source = format!("sms {id}");
    let suppression = Suppression {
        number: number.clone(),
        scope: Scope::All,
        reason: SuppressionReason::OptOut,
        source: source.clone(),
        note: match meaning {
            Meaning::PerhapsOptOut => format!("to be read by a person: {text}"),
            _ => text.clone(),
        },
        expires_at: None,
    };
    suppressions::apply(conn, ids, &suppression, BY_CUSTOMER, at).await?;
    let revoked =
        ConsentRevoked { number: number.clone(), purpose: Scope::All, channel: "sms".to_owned(), source, text, at };
    consents::record(conn, ids, revoked.entry(BY_CUSTOMER, at)).await?;
    conn.run(WITHDRAW_NUMBER, params![number.as_str(), at]).await?;
    if meaning == Meaning::OptOut && !heard_before && !confirmation.is_empty() {
        let message = NewMessage {
            gateway: whole.gateway,
            number: number.clone(),
            sender: whole.ours,
            text: confirmation.to_owned(),
        };
        queue(conn, ids, &message, MessagePurpose::Confirmation, Some(id), BY_CUSTOMER, at).await?;
    }
    Ok(TakenIn { message: Some(id), suppressed: Some(number) })
}

fn row(row: &Row) -> Result<MessageRow, StoreError> {
    Ok(MessageRow {
        id: MessageId(row.int("id")?),
        direction: row.word("direction")?,
        gateway: row.parsed("gateway")?,
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
