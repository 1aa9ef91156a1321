//! Messages of customers: put together from their pieces, kept, and what they ask for done, in one transaction.

use super::{ADD, MessagePurpose, NewMessage, queue};
use crate::model::id::MessageId;
use crate::model::lead::SuppressionReason;
use crate::model::message::parts;
use crate::model::name::GatewayName;
use crate::model::phone::PhoneNumber;
use crate::model::reply::{OptOut, opt_out};
use crate::model::time::Timestamp;
use crate::store::consents::{self, ConsentRevoked};
use crate::store::db::{Conn, params, statements, storable};
use crate::store::error::StoreError;
use crate::store::suppressions::{self, Scope, Suppression};
use crate::store::{Ids, Meaning, Store};

/// Who did what a customer's own message asked for.
const BY_CUSTOMER: &str = "customer";

statements! {
    WITHDRAW_NUMBER = "
        update messages set state = 'suppressed', ended_at = $2, error = 'the number is suppressed'
        where number = $1 and state = 'queued' and purpose <> 'confirmation'";
    FORGET_OLD_EARLY = "delete from early_receipts where received_at < $1";
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

impl Store {
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
