//! Attempts: the intent that is durable before anything leaves, its end, and what a crash left open.
//!
//! Read [`Store::record_intent`] first: it is the last gate before a dial.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Store;
use super::batch::{Receipt, Write};
use super::db::{Conn, Row, Value, json, params, rows, statements, word};
use super::error::StoreError;
use super::leads::{self, Next};
use super::promises::{self, Dialled};
use super::{Ids, outbox};
use crate::model::attempt::{AttemptEnd, Intent, Refusal};
use crate::model::campaign::CampaignState;
use crate::model::disposition::Disposition;
use crate::model::id::{AttemptId, LeadId, UserId};
use crate::model::lead::{
    LeadState, NumberFacts, PAST_ATTEMPTS_DAYS, PAST_ATTEMPTS_MAX, PastAttempt, SuppressionReason,
};
use crate::model::name::CampaignKey;
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;

/// Milliseconds of the days for which past attempts are read.
const PAST_MS: i64 = PAST_ATTEMPTS_DAYS as i64 * 24 * 3600 * 1000;

/// Campaign and begin of attempts that a transaction changed: their hours are to be counted again.
pub(super) type Changed = Vec<(CampaignKey, Timestamp)>;

/// The guard, called with the facts of the moment; again if the transaction has to be repeated.
pub type IntentCheck = Arc<dyn Fn(&NumberFacts) -> Result<(), Refusal> + Send + Sync>;

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

/// What is known of a number: columns `suppressed`, `consent` and `live_attempt`. Who has several numbers is spared them all where
/// one of them is suppressed.
macro_rules! number_facts {
    ($number:literal, $campaign:literal, $lead:literal, $several:literal, $at:literal) => {
        concat!(
            "
            coalesce(
                (select s.reason from suppressions s
                 where s.number = ",
            $number,
            " and s.scope in ('*', ",
            $campaign,
            ") and s.lifted_at is null
                   and (s.expires_at is null or s.expires_at > ",
            $at,
            ")
                 order by s.added_at limit 1),
                case when ",
            $several,
            " is not null then
                    (select s.reason from lead_numbers n cross join suppressions s
                     where n.lead_id = ",
            $lead,
            " and s.number = n.number and s.scope in ('*', ",
            $campaign,
            ")
                       and s.lifted_at is null and (s.expires_at is null or s.expires_at > ",
            $at,
            ")
                     order by s.added_at limit 1) end) as suppressed,
            case when exists (
                select 1 from consents g
                where g.number = ",
            $number,
            " and g.kind = 'given' and g.purpose in ('*', ",
            $campaign,
            ")
                  and g.at <= ",
            $at,
            " and (g.expires_at is null or g.expires_at > ",
            $at,
            ")
                  and not exists (
                      select 1 from consents r
                      where r.number = g.number and r.kind = 'revoked' and r.purpose in ('*', g.purpose, ",
            $campaign,
            ")
                        and r.at >= g.at)
            ) then 1 else 0 end as consent,
            (select a.id from attempts a where a.number = ",
            $number,
            " and a.state = 'live') as live_attempt"
        )
    };
}
pub(super) use number_facts;

// Each takes a batch: rows as a JSON array of arrays, read in the order in which the program made them.
statements! {
    FACTS = concat!("
        with w as materialized (
            select cast(j.value ->> 0 as bigint) as place, j.value ->> 1 as campaign,
                cast(j.value ->> 2 as bigint) as lead, j.value ->> 3 as number, cast(j.value ->> 4 as bigint) as at
            from json_each($1) j)
        select w.place as place, c.state as campaign_state, l.state as lead_state, l.number as lead_number,
            l.due_at as lead_due, l.numbers as numbers,", number_facts!("w.number", "w.campaign", "w.lead", "l.numbers", "w.at"), "
        from w
        left join campaigns c on c.key = w.campaign
        left join leads l on l.id = w.lead and l.campaign = w.campaign");
    PAST = "
        with w as materialized (
            select cast(j.value ->> 0 as bigint) as place, j.value ->> 1 as number,
                cast(j.value ->> 2 as bigint) as since, cast(j.value ->> 3 as bigint) as lead
            from json_each($1) j)
        select w.place as place, a.id as id, a.at as at, a.campaign as campaign, a.disposition as disposition,
               0 as elsewhere
        from w cross join attempts a
        where a.number = w.number and a.at > w.since
        union all
        select w.place, a.id, a.at, a.campaign, a.disposition, 1
        from w cross join lead_numbers n cross join attempts a
        where n.lead_id = w.lead and n.number <> w.number and a.number = n.number and a.at > w.since
        order by place, at desc, id desc";
    INSERT_INTENTS = "
        insert into attempts (id, campaign, lead_id, number, caller_id, trunk, at, zones, tzdata, ordinal, state)
        select cast(j.value ->> 0 as bigint), j.value ->> 1, cast(j.value ->> 2 as bigint), j.value ->> 3,
            j.value ->> 4, j.value ->> 5, cast(j.value ->> 6 as bigint), j.value ->> 7, j.value ->> 8,
            cast(j.value ->> 9 as bigint), 'live'
        from json_each($1) j where true
        on conflict do nothing
        returning id";
    LEADS_DIALLING = "
        update leads set state = 'dialling', due_at = null, last_attempt = w.attempt, changed_at = w.at
        from (select cast(j.value ->> 0 as bigint) as id, cast(j.value ->> 1 as bigint) as attempt,
                  cast(j.value ->> 2 as bigint) as at
              from json_each($1) j) w
        where leads.id = w.id and leads.state in ('open', 'callback')";
    END = "
        update attempts set
            state = 'ended', network_disposition = w.disposition,
            disposition = coalesce(attempts.disposition, w.disposition),
            rang_at = w.rang_at, answered_at = w.answered_at, connected_at = w.connected_at, ended_at = w.ended_at,
            agent_id = coalesce(w.agent_id, attempts.agent_id),
            failure_kind = w.failure_kind, sip_status = w.sip_status, q850 = w.q850, rang = w.rang,
            answered_by = w.answered_by, confidence = w.confidence, classify_ms = w.classify_ms,
            first_dialled = (w.disposition <> 'not_dialled' and not exists (
                select 1 from attempts b where b.lead_id = attempts.lead_id and b.first_dialled)),
            first_answered = (w.answered_at is not null and not exists (
                select 1 from attempts b where b.lead_id = attempts.lead_id and b.first_answered)),
            first_connected = (w.connected_at is not null and not exists (
                select 1 from attempts b where b.lead_id = attempts.lead_id and b.first_connected))
        from (select cast(j.value ->> 0 as bigint) as id, j.value ->> 1 as disposition,
                  cast(j.value ->> 2 as bigint) as rang_at, cast(j.value ->> 3 as bigint) as answered_at,
                  cast(j.value ->> 4 as bigint) as connected_at, cast(j.value ->> 5 as bigint) as ended_at,
                  cast(j.value ->> 6 as bigint) as agent_id, j.value ->> 7 as failure_kind,
                  cast(j.value ->> 8 as bigint) as sip_status, cast(j.value ->> 9 as bigint) as q850,
                  cast(j.value ->> 10 as boolean) as rang, j.value ->> 11 as answered_by,
                  cast(j.value ->> 12 as bigint) as confidence, cast(j.value ->> 13 as bigint) as classify_ms
              from json_each($1) j) w
        where attempts.id = w.id and attempts.state = 'live'
        returning attempts.id, attempts.lead_id, attempts.campaign, attempts.at";
    KNOWN = "
        select a.id as id from json_each($1) j cross join attempts a where a.id = cast(j.value ->> 0 as bigint)";
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
        match self.record_one(Write::Intent(Box::new(intent), check)).await? {
            Receipt::Intent(outcome) => Ok(outcome),
            other @ (Receipt::End { .. } | Receipt::Result(_) | Receipt::Inbound) => Err(other.unexpected()),
        }
    }

    /// Records how an attempt ended. The first end counts: a repetition changes nothing and answers `false`.
    ///
    /// While the database cannot write, the end is kept in the journal, durably, and `true` is answered.
    pub async fn end_attempt(&self, end: AttemptEnd) -> Result<bool, StoreError> {
        match self.record_one(Write::End(Box::new(end))).await? {
            Receipt::End { fresh } => Ok(fresh),
            other @ (Receipt::Intent(_) | Receipt::Result(_) | Receipt::Inbound) => Err(other.unexpected()),
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

/// Passes each intent through the guard and records those that it lets pass.
pub(super) async fn apply_intents(
    conn: &mut Conn,
    intents: &[(&Intent, &IntentCheck)],
    changed: &mut Changed,
) -> Result<Vec<Result<IntentOutcome, StoreError>>, StoreError> {
    let asked: Vec<Asked<'_>> = intents
        .iter()
        .map(|(intent, _)| Asked {
            campaign: &intent.campaign,
            lead: intent.lead,
            number: &intent.number,
            at: intent.at,
        })
        .collect();
    let facts = seen(conn, &asked).await?;
    let mut outcomes = Vec::with_capacity(intents.len());
    let mut allowed = Vec::new();
    for ((intent, check), seen) in intents.iter().zip(facts) {
        let verdict = match seen.standing(intent) {
            Ok(Some(refusal)) => Ok(IntentOutcome::Refused(refusal)),
            Ok(None) => match check(&seen.facts) {
                Err(refusal) => Ok(IntentOutcome::Refused(refusal)),
                // Put off since it was fetched: a promised call was moved.
                Ok(()) if seen.due_at.is_some_and(|due| due > intent.at) => {
                    Ok(IntentOutcome::Refused(Refusal::NoLeadDue))
                }
                Ok(()) => {
                    allowed.push(*intent);
                    Ok(IntentOutcome::Recorded)
                }
            },
            Err(error) => Err(error),
        };
        outcomes.push(verdict);
    }
    if allowed.is_empty() {
        return Ok(outcomes);
    }
    let inserted = insert_intents(conn, &allowed).await?;
    let begun = allowed.iter().filter(|intent| inserted.contains(&intent.attempt));
    changed.extend(begun.map(|intent| (intent.campaign.clone(), intent.at)));
    for ((intent, _), outcome) in intents.iter().zip(&mut outcomes) {
        if *outcome == Ok(IntentOutcome::Recorded) && !inserted.contains(&intent.attempt) {
            *outcome = Ok(IntentOutcome::Refused(Refusal::NumberBusy));
        }
    }
    Ok(outcomes)
}

/// Those that the table took: at most one live attempt per number.
async fn insert_intents(conn: &mut Conn, intents: &[&Intent]) -> Result<BTreeSet<AttemptId>, StoreError> {
    let row = |intent: &&Intent| {
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
        ]
    };
    let returned = conn.rows(INSERT_INTENTS, vec![rows(intents.iter().map(row))]).await?;
    let inserted: BTreeSet<AttemptId> =
        returned.iter().map(|row| row.int("id").map(AttemptId)).collect::<Result<_, _>>()?;
    let taken = intents.iter().filter(|intent| inserted.contains(&intent.attempt));
    let leads = taken.map(|intent| params![intent.lead.0, intent.attempt.0, intent.at]);
    conn.run(LEADS_DIALLING, vec![rows(leads)]).await?;
    Ok(inserted)
}

/// A lead whose number somebody wants to dial.
pub(super) struct Asked<'a> {
    /// Which campaign.
    pub(super) campaign: &'a CampaignKey,
    /// Which lead.
    pub(super) lead: LeadId,
    /// The number.
    pub(super) number: &'a PhoneNumber,
    /// When.
    pub(super) at: Timestamp,
}

/// What the database knows about a lead that may be dialled, and its number.
pub(super) struct Seen {
    campaign: Option<CampaignState>,
    lead: Option<(LeadState, String)>,
    due_at: Option<Timestamp>,
    pub(super) facts: NumberFacts,
}

impl Seen {
    /// What forbids a dial whatever the guard says: campaign and lead as they are now.
    fn standing(&self, intent: &Intent) -> Result<Option<Refusal>, StoreError> {
        let Some(state) = self.campaign else {
            return Err(StoreError::NotFound { what: "campaign", name: intent.campaign.to_string() });
        };
        if state != CampaignState::Running {
            return Ok(Some(Refusal::CampaignState { state }));
        }
        let Some((lead, number)) = &self.lead else { return Ok(Some(Refusal::NoLeadDue)) };
        // Another of the person's numbers has taken its turn since the lead was fetched.
        if number != intent.number.as_str() {
            return Ok(Some(Refusal::NoLeadDue));
        }
        Ok(match lead {
            LeadState::Open | LeadState::Callback => None,
            LeadState::Dialling => Some(Refusal::NumberBusy),
            LeadState::Done | LeadState::GivenUp => Some(Refusal::NoLeadDue),
        })
    }
}

/// The facts of each, in their order.
pub(super) async fn seen(conn: &mut Conn, asked: &[Asked<'_>]) -> Result<Vec<Seen>, StoreError> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let places = || asked.iter().enumerate().map(|(place, of)| (place as u64, of));
    let asked = places().map(|(place, of)| params![place, of.campaign.as_str(), of.lead.0, of.number.as_str(), of.at]);
    let mut seen: BTreeMap<u64, (Seen, bool)> = BTreeMap::new();
    let columns =
        "place, campaign_state, lead_state, lead_number, lead_due, numbers, suppressed, consent, live_attempt";
    type Found = (
        u64,
        Option<CampaignState>,
        Option<LeadState>,
        Option<String>,
        Option<i64>,
        Option<i64>,
        Option<SuppressionReason>,
        i64,
        Option<i64>,
    );
    for found in conn.tuples::<Found>(FACTS, columns, vec![rows(asked)]).await? {
        let (place, campaign, state, number, due_at, numbers, suppressed, consent, live_attempt) = found;
        let live_attempt = live_attempt.map(AttemptId);
        let facts = NumberFacts { suppressed, consent: consent != 0, live_attempt, past: Vec::new() };
        let due_at = due_at.map(Timestamp::from_millis);
        seen.insert(place, (Seen { campaign, lead: state.zip(number), due_at, facts }, numbers.is_some()));
    }
    let asked = places().map(|(place, of)| Called {
        place,
        number: of.number,
        at: of.at,
        lead: seen.get(&place).is_some_and(|(_, several)| *several).then_some(of.lead),
    });
    for (place, past) in past(conn, asked).await? {
        if let Some((of, _)) = seen.get_mut(&place) {
            of.facts.past = past;
        }
    }
    let missing = StoreError::Statement { statement: FACTS.name, detail: "gave no row for what was asked".to_owned() };
    places().map(|(place, _)| Ok(seen.remove(&place).ok_or_else(|| missing.clone())?.0)).collect()
}

/// A number whose attempts are asked for.
pub(super) struct Called<'a> {
    /// Which of them it is.
    pub(super) place: u64,
    /// The number.
    pub(super) number: &'a PhoneNumber,
    /// When.
    pub(super) at: Timestamp,
    /// Whose it is, where the person has others.
    pub(super) lead: Option<LeadId>,
}

/// The attempts to each of these people, newest first; nothing for those who were not called.
pub(super) async fn past(
    conn: &mut Conn,
    asked: impl Iterator<Item = Called<'_>>,
) -> Result<BTreeMap<u64, Vec<PastAttempt>>, StoreError> {
    let asked = asked.map(|of| {
        let since = of.at.as_millis().saturating_sub(PAST_MS);
        params![of.place, of.number.as_str(), since, of.lead.map(|lead| lead.0)]
    });
    let mut past: BTreeMap<u64, Vec<PastAttempt>> = BTreeMap::new();
    for row in conn.rows(PAST, vec![rows(asked)]).await? {
        let of = past.entry(row.count("place")?).or_default();
        if of.len() < PAST_ATTEMPTS_MAX {
            of.push(past_attempt(&row)?);
        }
    }
    Ok(past)
}

fn past_attempt(row: &Row) -> Result<PastAttempt, StoreError> {
    Ok(PastAttempt {
        at: row.time("at")?,
        campaign: row.parsed("campaign")?,
        disposition: row.opt_parsed("disposition")?,
        elsewhere: row.int("elsewhere")? != 0,
    })
}

/// Ends attempts; `false` for those that had ended before. No attempt may stand twice among them.
pub(super) async fn apply_ends(
    conn: &mut Conn,
    ids: &Ids,
    ends: &[&AttemptEnd],
    changed: &mut Changed,
) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
    let (mut leads, mut began): (BTreeMap<AttemptId, LeadId>, BTreeMap<AttemptId, Timestamp>) = Default::default();
    for row in conn.rows(END, vec![rows(ends.iter().map(|end| end_row(end)))]).await? {
        let attempt = AttemptId(row.int("id")?);
        leads.insert(attempt, LeadId(row.int("lead_id")?));
        began.insert(attempt, row.time("at")?);
        changed.push((row.parsed("campaign")?, row.time("at")?));
    }
    let missing = || ends.iter().filter(|end| !leads.contains_key(&end.attempt));
    let mut known: BTreeSet<AttemptId> = BTreeSet::new();
    if missing().next().is_some() {
        for row in conn.rows(KNOWN, vec![rows(missing().map(|end| params![end.attempt.0]))]).await? {
            known.insert(AttemptId(row.int("id")?));
        }
    }
    let decided = ends.iter().filter_map(|end| {
        let (lead, next) = (leads.get(&end.attempt)?, end.next.as_ref()?);
        let keeps_promise =
            matches!(end.disposition, Disposition::NotDialled | Disposition::Congestion | Disposition::TrunkFailure);
        Some(Next { lead: *lead, attempt: end.attempt, next, at: end.ended_at, number: None, keeps_promise })
    });
    leads::apply_nexts(conn, ids, leads::Decider::End, &decided.collect::<Vec<_>>()).await?;
    let dials = ends.iter().filter_map(|end| {
        let (lead, at) = (*leads.get(&end.attempt)?, *began.get(&end.attempt)?);
        let counts = end.disposition.counts_as_attempt();
        Some(Dialled { lead, attempt: end.attempt, at, counts, connected_at: end.connected_at })
    });
    promises::dialled(conn, &dials.collect::<Vec<_>>()).await?;
    outbox::calls_ended(conn, ids, leads.keys().copied()).await?;
    let outcome = |end: &&AttemptEnd| match (leads.contains_key(&end.attempt), known.contains(&end.attempt)) {
        (true, _) => Ok(true),
        (false, true) => Ok(false),
        (false, false) => Err(StoreError::NotFound { what: "attempt", name: end.attempt.to_string() }),
    };
    Ok(ends.iter().map(outcome).collect())
}

fn end_row(end: &AttemptEnd) -> Vec<Value> {
    let failure = end.failure.as_ref();
    params![
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
    ]
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
        // Judged when it was recorded, and not again.
        kind: None,
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
