//! Messages that a person is to read: what no rule fits, and free words that may opt out. Each is decided once, and the decision
//! does what the words would have done.
//!
//! Read [`Store::decide_review`] first.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Meaning;
use super::taking::{Reader, Tools, Whole, opts_out, register};
use crate::model::id::{LeadId, MessageId, SuppressionId};
use crate::model::name::CampaignKey;
use crate::model::phone::PhoneNumber;
use crate::model::reply::{Likeness, likeness, plain};
use crate::model::time::Timestamp;
use crate::store::attempts::phone;
use crate::store::db::{Conn, Row, params, statements, word};
use crate::store::error::StoreError;
use crate::store::leads::with_number;
use crate::store::opting_out::TO_BE_READ;
use crate::store::registrations::Registered;
use crate::store::{Store, audit, outbox, promises, suppressions};

/// Most messages of a page.
const PAGE_MAX: usize = 200;

/// What a person says that a message means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// The customer wants to be called.
    Interested,
    /// No more calls and messages.
    OptOut,
    /// The customer does not want what the campaign offers.
    NotInterested,
    /// None of these.
    Other,
}

/// Why a decision is suggested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(tag = "because", rename_all = "snake_case")]
pub enum ReadingReason {
    /// People decided so for the same words before.
    Before {
        /// So often.
        times: u64,
    },
    /// It is nearly a word of the campaign's, or begins or ends with it.
    Near {
        /// The word.
        word: String,
    },
    /// It says no, or reads as if somebody may want to be left alone.
    Words,
}

/// A decision that is suggested to whoever reads a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Suggestion {
    /// It.
    pub decision: Reading,
    /// Why.
    #[serde(flatten)]
    pub reason: ReadingReason,
}

/// A message that waits for a person to read it.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ReviewRow {
    /// The message.
    pub message: MessageId,
    /// Who sent it.
    pub number: PhoneNumber,
    /// What it says.
    pub text: String,
    /// What it was taken for: `other` or `perhaps_opt_out`. The number of the latter is suppressed until it is read.
    pub meaning: Meaning,
    /// The campaign whose message it answers.
    pub campaign: Option<CampaignKey>,
    /// What that message says.
    pub answers: Option<String>,
    /// When it came.
    pub created_at: Timestamp,
    /// What it may mean.
    pub suggestion: Option<Suggestion>,
}

/// What a decision did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// Who sent the message.
    pub number: PhoneNumber,
    /// What became of the pre-registration, and of which campaign.
    pub registered: Option<(CampaignKey, Registered)>,
    /// The number is suppressed by it.
    pub suppressed: bool,
}

/// Somebody decided earlier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecidedBefore {
    /// What.
    pub decision: Reading,
    /// Who, by login.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

statements! {
    ADD_REVIEW = "
        insert into reviews (message_id, campaign, number, plain, perhaps, created_at, decision, decided_by, decided_at)
        values ($1, $2, $3, $4, $5, $6, null, null, null)";
    WAITING = "
        select r.message_id as id, r.campaign as campaign, r.number as number, r.plain as plain, r.perhaps as perhaps,
               r.created_at as created_at, m.text as text, a.text as answers
        from reviews r cross join messages m left join messages a on a.id = m.answers
        where r.decision is null and r.message_id > $1 and m.id = r.message_id
          and (cast($2 as text) is null or r.campaign = $2)
        order by r.message_id limit $3";
    COUNT = "select count(*) as count from reviews where decision is null";
    BEFORE = "
        select decision, count(*) as count from reviews where plain = $1 and decision is not null
        group by decision order by 2 desc, 1 limit 1";
    ONE = "
        select r.campaign as campaign, r.number as number, r.perhaps as perhaps, r.created_at as created_at,
               r.decision as decision, r.decided_by as decided_by, r.decided_at as decided_at,
               m.text as text, m.gateway as gateway, m.ours as ours
        from reviews r cross join messages m where r.message_id = $1 and m.id = r.message_id";
    DECIDE = "
        update reviews set decision = $2, decided_by = $3, decided_at = $4
        where message_id = $1 and decision is null";
    MEANS = "update messages set meaning = $2, campaign = coalesce($3, campaign) where id = $1";
    WAITS_ELSEWHERE = "
        select 1 as yes from reviews where number = $1 and decision is null and perhaps limit 1";
    TO_LIFT = "
        select id from suppressions
        where number = $1 and scope = '*' and reason = 'opt_out' and lifted_at is null
          and substr(note, 1, length(cast($2 as text))) = $2";
    GIVE_UP = concat!("
        update leads set state = 'given_up', due_at = null, callback_at = null, callback_agent = null,
            closed_by = 'attempt', changed_at = $3
        where id in (", with_number!(), ") and campaign = $2 and state in ('open', 'callback')
        returning id");
}

/// A message waits for a person to read it, within the caller's transaction.
pub(super) async fn add(
    conn: &mut Conn,
    id: MessageId,
    campaign: Option<&CampaignKey>,
    number: &PhoneNumber,
    text: &str,
    meaning: Meaning,
    at: Timestamp,
) -> Result<(), StoreError> {
    let values = params![
        id.0,
        campaign.map(CampaignKey::as_str),
        number.as_str(),
        plain(text),
        meaning == Meaning::PerhapsOptOut,
        at
    ];
    conn.run(ADD_REVIEW, values).await.map(drop)
}

impl Store {
    /// Messages that wait for a person to read them, those that wait longest first, after `after`.
    pub async fn reviews(
        &self,
        campaign: Option<&CampaignKey>,
        after: Option<MessageId>,
        limit: usize,
    ) -> Result<Vec<ReviewRow>, StoreError> {
        let rules: BTreeMap<CampaignKey, Vec<String>> =
            self.reply_rules().await?.into_iter().map(|(key, replies)| (key, replies.interested)).collect();
        let mut conn = self.reader().await?;
        let values =
            params![after.map_or(0, |after| after.0), campaign.map(CampaignKey::as_str), limit.min(PAGE_MAX) as u64];
        let mut rows = Vec::new();
        for row in conn.rows(WAITING, values).await? {
            let plain = row.text("plain")?;
            let mut review = review(&row)?;
            let before = conn.row(BEFORE, params![plain.as_str()]).await?.filter(|_| !plain.is_empty());
            review.suggestion = match before {
                Some(before) => Some(Suggestion {
                    decision: before.word("decision")?,
                    reason: ReadingReason::Before { times: before.count("count")? },
                }),
                None => {
                    let keywords = review.campaign.as_ref().and_then(|campaign| rules.get(campaign));
                    suggested(&review.text, keywords.map(Vec::as_slice).unwrap_or_default())
                }
            };
            rows.push(review);
        }
        Ok(rows)
    }

    /// How many messages wait for a person to read them.
    pub async fn count_reviews(&self) -> Result<u64, StoreError> {
        let mut conn = self.reader().await?;
        conn.one(COUNT, vec![]).await?.count("count")
    }

    /// Decides what a message means, once, and does what follows: with `Interested` the customer is pre-registered as a word of the
    /// campaign would, by the campaign's consent text, at the time of the message; with `OptOut` the number is suppressed for
    /// everything; with `NotInterested` the campaign's lead is given up. What was only suppressed until somebody had read it is lifted, but
    /// with `OptOut`. `campaign`: where the message answers none, or another is meant.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where no such message waits or waited; [`StoreError::Unfit`] for a campaign that pre-registers
    /// nobody by messages. Nothing is decided then.
    pub async fn decide_review(
        &self,
        message: MessageId,
        decision: Reading,
        campaign: Option<CampaignKey>,
        by: &str,
        at: Timestamp,
    ) -> Result<Result<Decided, DecidedBefore>, StoreError> {
        let (ids, by) = (self.ids(), by.to_owned());
        let rules = self.reply_rules().await?;
        self.write(move |conn| {
            Box::pin(async move {
                let tools = Tools { ids, confirmation: String::new(), rules, at };
                decide(conn, &tools, (message, decision, campaign), &by).await
            })
        })
        .await
    }
}

async fn decide(
    conn: &mut Conn,
    tools: &Tools,
    (message, decision, chosen): (MessageId, Reading, Option<CampaignKey>),
    by: &str,
) -> Result<Result<Decided, DecidedBefore>, StoreError> {
    let (ids, at) = (&tools.ids, tools.at);
    let missing = || StoreError::NotFound { what: "message to be read", name: message.to_string() };
    let row = conn.row(ONE, params![message.0]).await?.ok_or_else(missing)?;
    if let Some(decision) = row.opt_word("decision")? {
        let by = row.opt_text("decided_by")?.unwrap_or_default();
        return Ok(Err(DecidedBefore { decision, by, at: row.opt_time("decided_at")?.unwrap_or(at) }));
    }
    let campaign: Option<CampaignKey> = chosen.or(row.opt_parsed("campaign")?);
    let (number, text, perhaps) = (phone(&row, "number")?, row.text("text")?, row.bool("perhaps")?);
    let whole = Whole {
        gateway: row.parsed("gateway")?,
        number: number.as_str().to_owned(),
        ours: row.text("ours")?,
        gateway_id: None,
    };
    conn.run(DECIDE, params![message.0, word(&decision), by, at]).await?;
    if perhaps && decision != Reading::OptOut {
        lift_unread(conn, tools, &number, message, by).await?;
    }
    let mut decided = Decided { number: number.clone(), registered: None, suppressed: false };
    let said = (message, &number, text.as_str());
    match decision {
        Reading::Interested => {
            let rule = tools.rules.iter().find(|(key, _)| Some(key) == campaign.as_ref());
            let (key, replies) = rule.ok_or_else(|| StoreError::Unfit {
                what: "campaign",
                value: campaign.as_ref().map_or_else(|| "none".to_owned(), CampaignKey::to_string),
                expected: "one that has not ended and has [replies], to whose words the customer agrees".to_owned(),
            })?;
            // What the message itself took back, in case, it gives.
            let asked_at = row.time("created_at")? + Duration::from_millis(u64::from(perhaps));
            let reader = Reader::Person { login: by, asked_at };
            let registered = register(conn, tools, &whole, said, (key, replies), &reader).await?;
            decided.registered = Some((key.clone(), registered));
        }
        Reading::OptOut => {
            opts_out(conn, tools, &whole, said, true, by).await?;
            decided.suppressed = true;
        }
        Reading::NotInterested => {
            if let Some(campaign) = &campaign {
                let mut closed = Vec::new();
                for row in conn.rows(GIVE_UP, params![number.as_str(), campaign.as_str(), at]).await? {
                    let lead = LeadId(row.int("id")?);
                    promises::close(conn, lead, at).await?;
                    closed.push((lead, at));
                }
                outbox::leads_moved(conn, ids, closed.into_iter()).await?;
            }
        }
        Reading::Other => {}
    }
    let meaning = match decision {
        Reading::Interested => Meaning::Interested,
        Reading::OptOut => Meaning::OptOut,
        Reading::NotInterested | Reading::Other => Meaning::Other,
    };
    let of = decided.registered.as_ref().map(|(campaign, _)| campaign.as_str());
    conn.run(MEANS, params![message.0, word(&meaning), of]).await?;
    audit::note(conn, ids, at, by, "reply_read", &message.to_string(), &word(&decision)).await?;
    Ok(Ok(decided))
}

/// Lifts what suppresses the number only until somebody has read its messages, unless another of them waits.
async fn lift_unread(
    conn: &mut Conn,
    tools: &Tools,
    number: &PhoneNumber,
    message: MessageId,
    by: &str,
) -> Result<(), StoreError> {
    if conn.row(WAITS_ELSEWHERE, params![number.as_str()]).await?.is_some() {
        return Ok(());
    }
    for row in conn.rows(TO_LIFT, params![number.as_str(), TO_BE_READ]).await? {
        let id = SuppressionId(row.int("id")?);
        suppressions::lift(conn, &tools.ids, id, by, &format!("read {message}: it does not opt out"), tools.at).await?;
    }
    Ok(())
}

fn suggested(text: &str, keywords: &[String]) -> Option<Suggestion> {
    Some(match likeness(text, keywords)? {
        Likeness::Interested { word } => {
            Suggestion { decision: Reading::Interested, reason: ReadingReason::Near { word } }
        }
        Likeness::Refuses => Suggestion { decision: Reading::NotInterested, reason: ReadingReason::Words },
        Likeness::OptsOut => Suggestion { decision: Reading::OptOut, reason: ReadingReason::Words },
    })
}

fn review(row: &Row) -> Result<ReviewRow, StoreError> {
    Ok(ReviewRow {
        message: MessageId(row.int("id")?),
        number: phone(row, "number")?,
        text: row.text("text")?,
        meaning: if row.bool("perhaps")? { Meaning::PerhapsOptOut } else { Meaning::Other },
        campaign: row.opt_parsed("campaign")?,
        answers: row.opt_text("answers")?,
        created_at: row.time("created_at")?,
        suggestion: None,
    })
}
