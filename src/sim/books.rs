//! The store of a trial: what is durable, and outlives the engine.
//!
//! It keeps facts and applies what the engine decided, as `store` does with a database; the guard it passes is the
//! engine's. Read [`Books`] first.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::event::{DayCounts, Event, OpenAttempt};
use crate::engine::guard;
use crate::engine::recovery::DayTotals;
use crate::model::attempt::{AttemptEnd, CallRef, CallResult, InboundEnd, Intent, Refusal};
use crate::model::campaign::{Campaign, CampaignState};
use crate::model::disposition::Disposition;
use crate::model::id::{AttemptId, LeadId, RequestId};
use crate::model::lead::{Callback, Lead, LeadNext, LeadState, NumberFacts, PastAttempt, SuppressionReason};
use crate::model::limits::Used;
use crate::model::name::CampaignKey;
use crate::model::phone::PhoneNumber;
use crate::model::profile::Profile;
use crate::model::time::Timestamp;

/// Something to be written.
#[derive(Clone, Debug)]
pub enum Write {
    /// An intent, if the guard lets it pass.
    Intent(Intent),
    /// An attempt is over.
    End(AttemptEnd),
    /// An agent's result.
    Result(CallResult),
    /// An inbound call is over.
    Inbound(InboundEnd),
    /// A campaign's state.
    State(Option<RequestId>, CampaignKey, CampaignState),
    /// A lead is put off or given up without an attempt.
    PutOff(LeadId, LeadNext),
    /// A lead of the run before.
    Settle(LeadId, LeadNext),
}

/// A lead.
#[derive(Clone, Debug)]
pub struct LeadRow {
    /// As it is handed out, without what changes.
    pub lead: Lead,
    /// Where it stands.
    pub state: LeadState,
    /// Not before.
    pub due: Timestamp,
    /// Its callback.
    pub callback: Option<Callback>,
    attempts: Vec<AttemptId>,
}

/// An attempt.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its intent.
    pub intent: Intent,
    /// Its end.
    pub end: Option<AttemptEnd>,
    /// What an agent said.
    pub result: Option<CallResult>,
}

impl Row {
    /// What counts as its outcome.
    pub fn disposition(&self) -> Option<Disposition> {
        let said = self.result.as_ref().map(|result| result.disposition);
        said.or(self.end.as_ref().map(|end| end.disposition))
    }
}

/// Everything that is durable.
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// Leads.
    pub leads: BTreeMap<LeadId, LeadRow>,
    /// Attempts.
    pub attempts: BTreeMap<AttemptId, Row>,
    /// Inbound calls that have ended.
    pub inbound: Vec<InboundEnd>,
    /// Suppressed numbers.
    pub suppressed: BTreeMap<PhoneNumber, SuppressionReason>,
    /// Numbers with consent.
    pub consents: BTreeSet<PhoneNumber>,
    /// States of campaigns.
    pub states: BTreeMap<CampaignKey, CampaignState>,
    by_number: BTreeMap<PhoneNumber, Vec<AttemptId>>,
}

impl Books {
    /// A lead comes onto a list.
    pub fn add(&mut self, lead: Lead, due: Timestamp) {
        let row = LeadRow { lead, state: LeadState::Open, due, callback: None, attempts: Vec::new() };
        self.leads.insert(row.lead.id, row);
    }

    /// What the guard must know about a number.
    pub fn facts(&self, number: &PhoneNumber) -> NumberFacts {
        let rows = self.by_number.get(number).into_iter().flatten().rev().filter_map(|id| self.attempts.get(id));
        let past = rows.clone().map(|row| PastAttempt {
            at: row.intent.at,
            campaign: row.intent.campaign.clone(),
            disposition: row.disposition(),
            elsewhere: false,
        });
        NumberFacts {
            suppressed: self.suppressed.get(number).copied(),
            consent: self.consents.contains(number),
            live_attempt: rows.clone().find(|row| row.end.is_none()).map(|row| row.intent.attempt),
            past: past.collect(),
        }
    }

    /// Leads that are due, best first.
    pub fn fetch(
        &self,
        at: Timestamp,
        campaign: &Campaign,
        profile: &Profile,
        limit: usize,
        held: &BTreeSet<LeadId>,
        question: u64,
    ) -> Event {
        let own = self.leads.values().filter(|row| row.lead.campaign == campaign.key);
        let open = own.filter(|row| matches!(row.state, LeadState::Open | LeadState::Callback));
        let free = open.clone().filter(|row| !held.contains(&row.lead.id));
        let mut due: Vec<&LeadRow> = free.clone().filter(|row| row.due <= at).collect();
        due.sort_by_key(|row| (row.due, row.lead.id));
        let callable = due.iter().filter(|row| guard::is_open(at, campaign, profile, &row.lead.zones));
        let leads: Vec<Lead> = callable.take(limit).map(|row| self.hand_out(row)).collect();
        let next_due = if leads.len() < limit {
            let later = free.clone().filter(|row| row.due > at).map(|row| row.due);
            let closed = due.iter().filter(|row| !guard::is_open(at, campaign, profile, &row.lead.zones));
            let opens = closed.filter_map(|row| guard::opens(at, campaign, profile, &row.lead.zones));
            later.chain(opens).min()
        } else {
            None
        };
        let open_total = open.count() as u64;
        Event::LeadsFetched { campaign: campaign.key.clone(), leads, next_due, open_total, question: Some(question) }
    }

    fn hand_out(&self, row: &LeadRow) -> Lead {
        let mut attempts: BTreeMap<Disposition, u32> = BTreeMap::new();
        for disposition in row.attempts.iter().filter_map(|id| self.attempts.get(id)).filter_map(Row::disposition) {
            *attempts.entry(disposition).or_default() += 1;
        }
        let facts = self.facts(&row.lead.number);
        Lead { attempts, facts, callback: row.callback.clone(), ..row.lead.clone() }
    }

    /// Records an intent.
    ///
    /// # Errors
    /// The guard does not let it pass.
    pub fn begin(&mut self, intent: &Intent, campaign: &Campaign, profile: &Profile) -> Result<(), Refusal> {
        guard::check_intent(intent, campaign, profile, &self.facts(&intent.number))?;
        self.by_number.entry(intent.number.clone()).or_default().push(intent.attempt);
        if let Some(lead) = self.leads.get_mut(&intent.lead) {
            lead.state = LeadState::Dialling;
            lead.attempts.push(intent.attempt);
        }
        self.attempts.insert(intent.attempt, Row { intent: intent.clone(), end: None, result: None });
        Ok(())
    }

    /// Records the end of an attempt; one that has ended keeps its end, and one that never began has none.
    pub fn end(&mut self, end: AttemptEnd) {
        let Some(row) = self.attempts.get_mut(&end.attempt).filter(|row| row.end.is_none()) else { return };
        let (lead, number, next) = (row.intent.lead, row.intent.number.clone(), end.next.clone());
        let unwanted = end.disposition == Disposition::Unwanted;
        let said = row.result.is_some();
        row.end = Some(end);
        if let Some(next) = next.filter(|_| !said) {
            self.apply(lead, next);
        }
        if unwanted {
            self.suppressed.insert(number, SuppressionReason::Unwanted);
        }
    }

    /// Records what an agent said; a later word replaces an earlier one.
    pub fn say(&mut self, result: CallResult) {
        if let (Some(reason), Some(number)) = (result.suppress, result.number.clone()) {
            self.suppressed.insert(number, reason);
        }
        if let (Some(lead), Some(next)) = (result.lead, result.next.clone()) {
            self.apply(lead, next);
        }
        if let CallRef::Outbound(id) = result.call
            && let Some(row) = self.attempts.get_mut(&id)
        {
            row.result = Some(result);
        }
    }

    /// What becomes of a lead.
    pub fn apply(&mut self, lead: LeadId, next: LeadNext) {
        let Some(row) = self.leads.get_mut(&lead) else { return };
        row.callback = None;
        match next {
            LeadNext::Retry { at } => (row.state, row.due) = (LeadState::Open, at),
            LeadNext::Other { at, number, .. } => {
                (row.state, row.due) = (LeadState::Open, at);
                row.lead.number = number;
            }
            LeadNext::Callback(callback) => {
                (row.state, row.due) = (LeadState::Callback, callback.at);
                row.callback = Some(callback);
            }
            LeadNext::Done => row.state = LeadState::Done,
            LeadNext::GivenUp => row.state = LeadState::GivenUp,
        }
    }

    /// Attempts without an end, and those whose agent's word is missing.
    pub fn open(&self) -> Vec<OpenAttempt> {
        let awaits = |row: &Row| {
            let lead = self.leads.get(&row.intent.lead);
            row.result.is_none()
                && row.end.as_ref().is_some_and(|end| end.next.is_none())
                && lead.is_some_and(|lead| lead.state == LeadState::Dialling)
        };
        let rows = self.attempts.values().filter(|row| row.end.is_none() || awaits(row));
        rows.map(|row| OpenAttempt::of(row.intent.clone(), row.end.is_some())).collect()
    }

    /// What a campaign has done since midnight, counted as a store does it: what an engine begins with.
    pub fn today(&self, campaign: &CampaignKey, midnight: Timestamp) -> DayCounts {
        let mut totals = DayTotals::default();
        let mut by: BTreeMap<Disposition, u64> = BTreeMap::new();
        for row in self.since(campaign, midnight) {
            let end = row.end.as_ref();
            totals.attempts += 1;
            totals.answered += u64::from(end.is_some_and(|end| end.answered_at.is_some()));
            totals.connected += u64::from(end.is_some_and(|end| end.connected_at.is_some()));
            totals.abandoned += u64::from(end.is_some_and(|end| end.disposition == Disposition::Abandoned));
            if let Some(disposition) = row.disposition() {
                *by.entry(disposition).or_default() += 1;
            }
        }
        totals.day(|disposition| by.get(&disposition).copied().unwrap_or_default())
    }

    /// The same from the record alone, one attempt after the other: not by the sums that the engine begins with.
    pub fn judged(&self, campaign: &CampaignKey, midnight: Timestamp) -> DayCounts {
        let mut day = DayCounts::default();
        for row in self.since(campaign, midnight) {
            let end = row.end.as_ref();
            let machine = matches!(row.disposition(), Some(Disposition::Machine | Disposition::Fax));
            let answered = end.is_some_and(|end| end.answered_at.is_some());
            day.dialled += u64::from(row.disposition() != Some(Disposition::NotDialled));
            day.machines += u64::from(machine);
            day.answered += u64::from(answered && !machine);
            day.connected += u64::from(end.is_some_and(|end| end.connected_at.is_some()));
            day.abandoned += u64::from(end.is_some_and(|end| end.disposition == Disposition::Abandoned));
            day.hung_up += u64::from(row.disposition() == Some(Disposition::HungUp));
            day.accepted += u64::from(row.disposition() == Some(Disposition::Accepted));
        }
        day
    }

    /// What a campaign has used since the beginning: as an engine begins with it.
    pub fn used(&self, campaign: &CampaignKey) -> Used {
        let mut used = Used::default();
        for row in self.since(campaign, Timestamp::from_millis(i64::MIN)) {
            used.dialled += u64::from(row.disposition() != Some(Disposition::NotDialled));
            used.accepted += u64::from(row.disposition() == Some(Disposition::Accepted));
            let talked = row.end.as_ref().and_then(|end| Some(end.ended_at.since(end.connected_at?)));
            used.talk_ms += talked.map_or(0, |talked| u64::try_from(talked.as_millis()).unwrap_or(u64::MAX));
        }
        used
    }

    fn since(&self, campaign: &CampaignKey, midnight: Timestamp) -> impl Iterator<Item = &Row> {
        self.attempts.values().filter(move |row| row.intent.campaign == *campaign && row.intent.at >= midnight)
    }
}
