//! Attempts: the intent that is durable before anything leaves, its end, and what a crash left open.
//!
//! Read [`Store::record_intent`] first: it is the last gate before a dial.

use super::Store;
use super::db::{Conn, Row, json, params, statements, word};
use super::error::StoreError;
use super::journal::Entry;
use super::leads::apply_next;
use crate::model::attempt::{AttemptEnd, Intent, Refusal};
use crate::model::campaign::CampaignState;
use crate::model::disposition::Disposition;
use crate::model::id::{AttemptId, LeadId, UserId};
use crate::model::lead::{LeadState, NumberFacts, PAST_ATTEMPTS_DAYS, PastAttempt};
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;

/// Milliseconds of the days for which past attempts are read.
pub(super) const PAST_MS: i64 = PAST_ATTEMPTS_DAYS as i64 * 24 * 3600 * 1000;

/// The guard, called once with the facts of the moment.
pub type IntentCheck = Box<dyn FnOnce(&NumberFacts) -> Result<(), Refusal> + Send>;

/// What became of an intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntentOutcome {
    /// It is on the disk: the INVITE may leave.
    Recorded,
    /// Nothing was recorded and nothing may leave.
    Refused(Refusal),
}

/// An attempt that a crash left without an outcome, or whose lead still waits for a result.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenAttempt {
    /// What was intended.
    pub intent: Intent,
    /// How far it came.
    pub stage: OpenStage,
}

/// How far an open attempt came.
#[derive(Clone, Debug, PartialEq)]
pub enum OpenStage {
    /// Its end was never recorded: it is `unknown` now. End it with [`Store::end_attempt`].
    Live,
    /// It ended, and no result said what becomes of the lead. Record one, or [`Store::settle_lead`].
    AwaitingResult(Ended),
}

/// What is known of an attempt that ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// What counts so far.
    pub disposition: Disposition,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// When an agent was connected.
    pub connected_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Timestamp,
    /// The agent that was connected.
    pub agent: Option<UserId>,
}

statements! {
    FACTS = "
        select
            (select s.reason from suppressions s
             where s.number = $1 and s.scope in ('*', $2) and s.lifted_at is null
               and (s.expires_at is null or s.expires_at > $3)
             order by s.added_at limit 1) as suppressed,
            case when exists (
                select 1 from consents g
                where g.number = $1 and g.kind = 'given' and g.purpose in ('*', $2) and g.at <= $3
                  and (g.expires_at is null or g.expires_at > $3)
                  and not exists (
                      select 1 from consents r
                      where r.number = g.number and r.kind = 'revoked' and r.purpose in ('*', g.purpose, $2)
                        and r.at >= g.at)
            ) then 1 else 0 end as consent,
            (select a.id from attempts a where a.number = $1 and a.state = 'live') as live_attempt";
    PAST = "
        select at, campaign, disposition from attempts
        where number = $1 and at > $2 order by at desc, id desc limit 64";
    STANDING = "
        select c.state as campaign_state, l.state as lead_state, l.number as number
        from campaigns c left join leads l on l.id = $2 and l.campaign = c.key
        where c.key = $1";
    INSERT_INTENT = "
        insert into attempts (id, campaign, lead_id, number, caller_id, trunk, at, zones, tzdata, ordinal, state)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'live')
        on conflict do nothing";
    LEAD_DIALLING = "
        update leads set state = 'dialling', due_at = null, callback_agent = null, last_attempt = $2, changed_at = $3
        where id = $1 and state in ('open', 'callback')";
    END = "
        update attempts set
            state = 'ended', network_disposition = $2, disposition = coalesce(disposition, $2),
            rang_at = $3, answered_at = $4, connected_at = $5, ended_at = $6, agent_id = coalesce($7, agent_id),
            failure_kind = $8, sip_status = $9, q850 = $10, rang = $11,
            answered_by = $12, confidence = $13, classify_ms = $14
        where id = $1 and state = 'live'
        returning lead_id";
    STATE = "select state from attempts where id = $1";
    LIVE = "
        select id, campaign, lead_id, number, caller_id, trunk, at, zones, tzdata, ordinal, disposition,
               answered_at, connected_at, ended_at, agent_id
        from attempts where state = 'live' order by at, id";
    AWAITING = "
        select a.id, a.campaign, a.lead_id, a.number, a.caller_id, a.trunk, a.at, a.zones, a.tzdata, a.ordinal, a.disposition,
               a.answered_at, a.connected_at, a.ended_at, a.agent_id
        from campaigns c cross join leads l cross join attempts a
        where l.campaign = c.key and l.state = 'dialling' and a.id = l.last_attempt and a.state = 'ended'
        order by a.at, a.id";
}

impl Store {
    /// Records an intent after the guard has seen the facts of the very transaction that records it.
    ///
    /// The campaign must run and the lead must be due; both are read here as well, so that a pause or a suppression
    /// that was committed a moment ago holds. "One live attempt per number" is a constraint of the table: it holds even
    /// if `check` would let a second one pass.
    ///
    /// # Errors
    /// On any error nothing may be dialled. After [`StoreError::Unresolved`] the row may exist: [`Store::open_attempts`]
    /// will tell, and no other attempt to the number can begin until it is ended.
    pub async fn record_intent(&self, intent: Intent, check: IntentCheck) -> Result<IntentOutcome, StoreError> {
        self.write(move |conn| Box::pin(async move { apply_intent(conn, &intent, check).await })).await
    }

    /// Records how an attempt ended. The first end counts: a repetition changes nothing and answers `false`.
    ///
    /// While the database cannot write, the end is kept in the journal, durably, and `true` is answered.
    pub async fn end_attempt(&self, end: AttemptEnd) -> Result<bool, StoreError> {
        let entry = Entry::AttemptEnd(end.clone());
        let written = self.write(move |conn| Box::pin(async move { apply_end(conn, &end).await })).await;
        match written {
            Ok(fresh) => Ok(fresh),
            Err(error) => self.keep(error, entry).await.map(|()| true),
        }
    }

    /// What the last run left open, oldest first: to be resolved before dialling resumes.
    pub async fn open_attempts(&self) -> Result<Vec<OpenAttempt>, StoreError> {
        let mut conn = self.reader().await?;
        let live = conn.rows(LIVE, vec![]).await?;
        let awaiting = conn.rows(AWAITING, vec![]).await?;
        live.iter().chain(&awaiting).map(open_attempt).collect()
    }
}

async fn apply_intent(conn: &mut Conn, intent: &Intent, check: IntentCheck) -> Result<IntentOutcome, StoreError> {
    let standing = conn.row(STANDING, params![intent.campaign.as_str(), intent.lead.0]).await?;
    if let Some(refusal) = standing_refusal(standing.as_ref(), intent)? {
        return Ok(IntentOutcome::Refused(refusal));
    }
    let facts = facts(conn, intent).await?;
    if let Err(refusal) = check(&facts) {
        return Ok(IntentOutcome::Refused(refusal));
    }
    let inserted = conn
        .run(
            INSERT_INTENT,
            params![
                intent.attempt.0,
                intent.campaign.as_str(),
                intent.lead.0,
                intent.number.as_str(),
                intent.caller_id.as_str(),
                intent.trunk.as_str(),
                intent.at,
                json(&intent.zones),
                intent.tzdata.as_str(),
                intent.number_of_attempt,
            ],
        )
        .await?;
    if inserted == 0 {
        return Ok(IntentOutcome::Refused(Refusal::NumberBusy));
    }
    conn.run(LEAD_DIALLING, params![intent.lead.0, intent.attempt.0, intent.at]).await?;
    Ok(IntentOutcome::Recorded)
}

/// What forbids a dial whatever the guard says: campaign and lead as they are now.
fn standing_refusal(standing: Option<&Row>, intent: &Intent) -> Result<Option<Refusal>, StoreError> {
    let Some(row) = standing else {
        return Err(StoreError::NotFound { what: "campaign", name: intent.campaign.to_string() });
    };
    let state: CampaignState = row.word("campaign_state")?;
    if state != CampaignState::Running {
        return Ok(Some(Refusal::CampaignState { state }));
    }
    let (Some(lead), Some(number)) = (row.opt_word::<LeadState>("lead_state")?, row.opt_text("number")?) else {
        return Ok(Some(Refusal::NoLeadDue));
    };
    if number != intent.number.as_str() {
        return Err(StoreError::Unfit {
            what: "number of the intent",
            value: intent.number.masked(),
            expected: format!("the number of {}", intent.lead),
        });
    }
    Ok(match lead {
        LeadState::Open | LeadState::Callback => None,
        LeadState::Dialling => Some(Refusal::NumberBusy),
        LeadState::Done | LeadState::GivenUp => Some(Refusal::NoLeadDue),
    })
}

async fn facts(conn: &mut Conn, intent: &Intent) -> Result<NumberFacts, StoreError> {
    let row = conn.one(FACTS, params![intent.number.as_str(), intent.campaign.as_str(), intent.at]).await?;
    let since = intent.at.as_millis().saturating_sub(PAST_MS);
    let past = conn.rows(PAST, params![intent.number.as_str(), since]).await?;
    let mut facts = number_facts(&row)?;
    facts.past = past.iter().map(past_attempt).collect::<Result<_, _>>()?;
    Ok(facts)
}

/// The columns of [`FACTS`], which other statements select under the same names.
pub(super) fn number_facts(row: &Row) -> Result<NumberFacts, StoreError> {
    Ok(NumberFacts {
        suppressed: row.opt_parsed("suppressed")?,
        consent: row.int("consent")? != 0,
        live_attempt: row.opt_int("live_attempt")?.map(AttemptId),
        past: Vec::new(),
    })
}

pub(super) fn past_attempt(row: &Row) -> Result<PastAttempt, StoreError> {
    Ok(PastAttempt {
        at: row.time("at")?,
        campaign: row.parsed("campaign")?,
        disposition: row.opt_parsed("disposition")?,
    })
}

/// Ends an attempt; `false` if it had ended before.
pub(super) async fn apply_end(conn: &mut Conn, end: &AttemptEnd) -> Result<bool, StoreError> {
    let failure = end.failure.as_ref();
    let values = params![
        end.attempt.0,
        end.disposition.as_str(),
        end.rang_at,
        end.answered_at,
        end.connected_at,
        end.ended_at,
        end.agent.map(|agent| agent.0),
        failure.map(|failure| word(&failure.kind)),
        failure.map(|failure| i64::from(failure.status)),
        failure.map(|failure| i64::from(failure.q850)),
        failure.map(|failure| failure.rang),
        end.classified.map(|(by, _, _)| word(&by)),
        end.classified.map(|(_, confidence, _)| i64::from(confidence)),
        end.classified.map(|(_, _, took_ms)| i64::from(took_ms)),
    ];
    let Some(row) = conn.row(END, values).await? else {
        return match conn.row(STATE, params![end.attempt.0]).await? {
            Some(_) => Ok(false),
            None => Err(StoreError::NotFound { what: "attempt", name: end.attempt.to_string() }),
        };
    };
    if let Some(next) = &end.next {
        let lead = LeadId(row.int("lead_id")?);
        apply_next(conn, lead, super::leads::Decider::End(end.attempt), next, end.ended_at).await?;
    }
    Ok(true)
}

fn open_attempt(row: &Row) -> Result<OpenAttempt, StoreError> {
    let stage = match row.opt_time("ended_at")? {
        None => OpenStage::Live,
        Some(ended_at) => OpenStage::AwaitingResult(Ended {
            disposition: row.parsed("disposition")?,
            answered_at: row.opt_time("answered_at")?,
            connected_at: row.opt_time("connected_at")?,
            ended_at,
            agent: row.opt_int("agent_id")?.map(UserId),
        }),
    };
    Ok(OpenAttempt { intent: intent(row)?, stage })
}

fn intent(row: &Row) -> Result<Intent, StoreError> {
    Ok(Intent {
        attempt: AttemptId(row.int("id")?),
        campaign: row.parsed("campaign")?,
        lead: LeadId(row.int("lead_id")?),
        number: phone(row, "number")?,
        caller_id: phone(row, "caller_id")?,
        trunk: row.parsed("trunk")?,
        at: row.time("at")?,
        zones: row.json("zones")?,
        tzdata: row.text("tzdata")?,
        number_of_attempt: u32::try_from(row.count("ordinal")?).unwrap_or(u32::MAX),
    })
}

/// A stored number, which is E.164.
pub(super) fn phone(row: &Row, column: &'static str) -> Result<PhoneNumber, StoreError> {
    let text = row.text(column)?;
    PhoneNumber::from_e164(&text).map_err(|_| StoreError::Unreadable { what: column, value: text })
}

/// A stored number that may be missing.
pub(super) fn opt_phone(row: &Row, column: &'static str) -> Result<Option<PhoneNumber>, StoreError> {
    let Some(text) = row.opt_text(column)? else { return Ok(None) };
    PhoneNumber::from_e164(&text).map(Some).map_err(|_| StoreError::Unreadable { what: column, value: text })
}

/// Zones as they are stored: sorted, so that one set has one spelling.
pub(super) fn zones_text(zones: &[String]) -> String {
    let mut zones: Vec<&str> = zones.iter().map(String::as_str).collect();
    zones.sort_unstable();
    zones.dedup();
    json(&zones)
}
