//! Messages of customers: put together from their pieces, kept, and what they ask for done, in one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{ADD, MessagePurpose, NewMessage, queue, reviewing};
use crate::model::campaign::Replies;
use crate::model::id::MessageId;
use crate::model::message::parts;
use crate::model::name::{CampaignKey, GatewayName};
use crate::model::phone::PhoneNumber;
use crate::model::reply::{self, is_keyword};
use crate::model::time::Timestamp;
use crate::store::db::{Conn, params, statements, storable};
use crate::store::error::StoreError;
use crate::store::opting_out::{BY_CUSTOMER, OptOut, opt_out as opt_out_of_all};
use crate::store::registrations::{self, Registered, Registration};
use crate::store::{Ids, Meaning, Store, outbox};

/// Who did what a campaign's rules made of a customer's message.
const BY_CAMPAIGN: &str = "reply";
/// A day.
const DAY: Duration = Duration::from_secs(86_400);

statements! {
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
        where gateway = $2
        group by gateway, number, ours, reference, pieces having max(received_at) < $1 limit 100";
    LAST_TO = "
        select id, campaign from messages
        where number = $1 and direction = 'out' and gateway = $2 and state in ('sending', 'sent', 'delivered', 'unknown')
        order by id desc limit 1";
    ANSWERED = "
        select 1 as yes from messages
        where number = $1 and direction = 'out' and campaign = $2 and created_by = $3 limit 1";
    RULES = "
        select c.key as campaign, j.value ->> 'replies' as replies
        from campaigns c cross join campaign_revisions r cross join json_each('[' || r.definition || ']') j
        where c.state <> 'ended' and r.campaign = c.key and r.revision = c.revision
          and j.value ->> 'replies' is not null
        order by c.key";
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
    /// The campaign that the customer was pre-registered for, for the dialer to hear of.
    pub registered: Option<CampaignKey>,
}

impl Store {
    /// Which messages pre-register, for which campaigns that have not ended. A campaign that changes meanwhile changes nothing
    /// for a message that has already come.
    pub(super) async fn reply_rules(&self) -> Result<Vec<(CampaignKey, Replies)>, StoreError> {
        let mut conn = self.reader().await?;
        let found = conn.rows(RULES, vec![]).await?;
        // What another version wrote and this one cannot read must not keep messages out.
        Ok(found.iter().filter_map(|row| Some((row.parsed("campaign").ok()?, row.json("replies").ok()?))).collect())
    }

    /// Takes in a message of a customer, or a piece of one: on return it is durable, and so is what it asks for.
    /// `confirmation` is said to somebody who opted out, once; nothing where it is empty.
    pub async fn take_in(&self, arrived: Arrived, confirmation: &str, at: Timestamp) -> Result<TakenIn, StoreError> {
        let (ids, confirmation) = (self.ids(), confirmation.to_owned());
        let rules = self.reply_rules().await?;
        self.write(move |conn| {
            Box::pin(async move { take_in(conn, &Tools { ids, confirmation, rules, at }, arrived).await })
        })
        .await
    }

    /// Takes in messages of a gateway of which pieces have been missing since before `before`, with what is there.
    pub async fn take_in_stale_pieces(
        &self,
        gateway: &GatewayName,
        confirmation: &str,
        before: Timestamp,
        at: Timestamp,
    ) -> Result<Vec<TakenIn>, StoreError> {
        let (ids, confirmation, gateway) = (self.ids(), confirmation.to_owned(), gateway.clone());
        let rules = self.reply_rules().await?;
        self.write(move |conn| {
            Box::pin(async move {
                let tools = Tools { ids, confirmation, rules, at };
                conn.run(FORGET_OLD_EARLY, params![before]).await?;
                let mut taken = Vec::new();
                for row in conn.rows(STALE_PIECES, params![before, gateway.as_str()]).await? {
                    let whole = Whole {
                        gateway: row.parsed("gateway")?,
                        number: row.text("number")?,
                        ours: row.text("ours")?,
                        gateway_id: None,
                    };
                    let (reference, pieces) = (row.int("reference")?, row.int("pieces")?);
                    let text = joined(conn, &whole, reference, pieces, false).await?.unwrap_or_default();
                    taken.push(take_in_whole(conn, &tools, whole, text).await?);
                }
                Ok(taken)
            })
        })
        .await
    }
}

/// A message of a customer without its text.
pub(super) struct Whole {
    pub(super) gateway: GatewayName,
    pub(super) number: String,
    pub(super) ours: String,
    pub(super) gateway_id: Option<String>,
}

async fn take_in(conn: &mut Conn, tools: &Tools, arrived: Arrived) -> Result<TakenIn, StoreError> {
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
        return take_in_whole(conn, tools, whole, text).await;
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
        tools.at
    ];
    conn.run(ADD_PIECE, values).await?;
    match joined(conn, &whole, reference, pieces, true).await? {
        Some(text) => take_in_whole(conn, tools, whole, text).await,
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
    let key = || params![whole.gateway.as_str(), whole.number.as_str(), whole.ours.as_str(), reference, pieces];
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

async fn take_in_whole(conn: &mut Conn, tools: &Tools, whole: Whole, text: String) -> Result<TakenIn, StoreError> {
    let Tools { ids, at, .. } = tools;
    let (id, at) = (MessageId(ids.next(*at)), *at);
    let answered = conn.row(LAST_TO, params![whole.number.as_str(), whole.gateway.as_str()]).await?;
    let (answers, of) = match &answered {
        Some(row) => (Some(row.int("id")?), row.opt_parsed::<CampaignKey>("campaign")?),
        None => (None, None),
    };
    let rule = tools.rule(of.as_ref(), &whole.ours, &text);
    let meaning = match (reply::opt_out(&text), rule) {
        (Some(reply::OptOut::Yes), _) => Meaning::OptOut,
        (Some(reply::OptOut::Perhaps), _) => Meaning::PerhapsOptOut,
        (None, Some(_)) => Meaning::Interested,
        (None, None) => Meaning::Other,
    };
    let campaign = rule.filter(|_| meaning == Meaning::Interested).map(|(campaign, _)| campaign.clone()).or(of);
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
            Meaning::Interested => "interested",
            Meaning::Other => "other",
        }),
        answers,
        whole.gateway_id.as_deref(),
        campaign.as_ref().map(CampaignKey::as_str),
        BY_CUSTOMER,
        at
    ];
    conn.run(ADD, values).await?;
    outbox::message_received(conn, ids, id, at).await?;
    let mut taken = TakenIn { message: Some(id), ..TakenIn::default() };
    let Ok(number) = PhoneNumber::from_e164(&whole.number) else { return Ok(taken) };
    if matches!(meaning, Meaning::PerhapsOptOut | Meaning::Other) {
        reviewing::add(conn, id, campaign.as_ref(), &number, &text, meaning, at).await?;
    }
    match (meaning, rule) {
        (Meaning::OptOut | Meaning::PerhapsOptOut, _) => {
            opts_out(conn, tools, &whole, (id, &number, &text), meaning == Meaning::OptOut, BY_CUSTOMER).await?;
            taken.suppressed = Some(number);
        }
        (Meaning::Interested, Some((campaign, replies))) => {
            let said = (id, &number, text.as_str());
            if register(conn, tools, &whole, said, (campaign, replies), &Reader::Rule).await?.is_due() {
                taken.registered = Some(campaign.clone());
            }
        }
        (Meaning::Interested | Meaning::Other, _) => {}
    }
    Ok(taken)
}

/// A message: its id, who sent it, and what it says.
pub(super) type Said<'m> = (MessageId, &'m PhoneNumber, &'m str);

/// Suppresses the number, revokes consent, withdraws what waits for the number, and confirms what was meant for sure, once.
pub(super) async fn opts_out(
    conn: &mut Conn,
    tools: &Tools,
    whole: &Whole,
    (id, number, text): Said<'_>,
    sure: bool,
    by: &str,
) -> Result<(), StoreError> {
    let Tools { ids, confirmation, at, .. } = tools;
    let source = format!("sms {id}");
    let said = OptOut { number, text, sure, channel: "sms", source: &source, by };
    let sure_before = opt_out_of_all(conn, ids, &said, *at).await?;
    if sure && !sure_before && !confirmation.is_empty() {
        let message = whole.answer(number, confirmation, None);
        queue(conn, ids, &message, MessagePurpose::Confirmation, Some(id), by, *at).await?;
    }
    Ok(())
}

/// Who says that a message pre-registers the customer.
pub(super) enum Reader<'r> {
    /// It is one of the campaign's words.
    Rule,
    /// This person read it so.
    Person {
        /// Login.
        login: &'r str,
        /// When the customer asked.
        asked_at: Timestamp,
    },
}

/// Pre-registers the customer and answers, once; what became of it.
pub(super) async fn register(
    conn: &mut Conn,
    tools: &Tools,
    whole: &Whole,
    (id, number, text): Said<'_>,
    (campaign, replies): (&CampaignKey, &Replies),
    reader: &Reader<'_>,
) -> Result<Registered, StoreError> {
    let Tools { ids, at, .. } = tools;
    let (by, source, asked_at) = match reader {
        Reader::Rule => (BY_CUSTOMER, format!("sms {id}"), *at),
        Reader::Person { login, asked_at } => (*login, format!("sms {id}, read by {login}"), *asked_at),
    };
    let registration = Registration {
        campaign: campaign.clone(),
        number: number.clone(),
        name: String::new(),
        consent: replies.consent.clone(),
        consent_version: replies.consent_version.clone(),
        consent_until: replies.consent_days.map(|days| asked_at + DAY * days),
        channel: "sms".to_owned(),
        source,
        at: asked_at,
        priority: replies.priority,
        list: replies.list.clone(),
        extra: BTreeMap::from([("reply".to_owned(), text.to_owned())]),
        preferred: None,
        message: Some(id),
        link: None,
    };
    let (registered, _) = registrations::register_from(conn, ids, &registration, *at, by, *at).await?;
    if registered.is_due()
        && let Some(answer) = &replies.answer
        && conn.row(ANSWERED, params![number.as_str(), campaign.as_str(), BY_CAMPAIGN]).await?.is_none()
    {
        let message = whole.answer(number, answer, Some(campaign.clone()));
        queue(conn, ids, &message, MessagePurpose::Direct, Some(id), BY_CAMPAIGN, *at).await?;
    }
    Ok(registered)
}

/// What the messages of customers are judged by.
pub(super) struct Tools {
    pub(super) ids: Arc<Ids>,
    pub(super) confirmation: String,
    pub(super) rules: Vec<(CampaignKey, Replies)>,
    pub(super) at: Timestamp,
}

impl Tools {
    /// The rule that a text fits: of the campaign whose message it answers, else of one that takes messages to this number.
    fn rule(&self, of: Option<&CampaignKey>, ours: &str, text: &str) -> Option<(&CampaignKey, &Replies)> {
        let ours = ours.trim_start_matches('+');
        let takes = |replies: &Replies| replies.to.iter().any(|number| number.trim_start_matches('+') == ours);
        let fits = |replies: &Replies| replies.interested.iter().any(|word| is_keyword(text, word));
        let rules = || self.rules.iter().map(|(campaign, replies)| (campaign, replies));
        let answered = rules().find(|(campaign, replies)| Some(*campaign) == of && fits(replies));
        answered.or_else(|| rules().find(|(_, replies)| takes(replies) && fits(replies)))
    }
}

impl Whole {
    /// An answer to it.
    fn answer(&self, number: &PhoneNumber, text: &str, campaign: Option<CampaignKey>) -> NewMessage {
        NewMessage {
            gateway: self.gateway.clone(),
            number: number.clone(),
            sender: self.ours.clone(),
            text: text.to_owned(),
            campaign,
        }
    }
}
