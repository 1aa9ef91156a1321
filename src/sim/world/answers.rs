//! What the world answers to each command.

use std::collections::BTreeMap;

use super::people::user;
use super::trial::Lane;
use super::{Doing, Happening, Stage, World, seconds};
use crate::engine::command::{CancelReason, Command};
use crate::engine::event::{AgentAction, Event};
use crate::model::agent::AgentState;
use crate::model::attempt::{CallFailure, CallRef, CallResult, FailureKind, Refusal};
use crate::model::disposition::Disposition;
use crate::model::id::{AttemptId, LeadId, ListId, UserId};
use crate::model::lead::{Lead, NumberFacts};
use crate::model::name::CampaignKey;
use crate::sim::scenario::wiring::{campaign_key, lead_number};
use crate::sim::streams::Kind;

/// Leads of one campaign are numbered apart from those of the next.
const LEADS_PER_CAMPAIGN_BITS: u32 = 40;
/// What a store without end says is left.
const PLENTY: u64 = 1_000_000;

impl World<'_> {
    pub(super) fn react(&mut self, command: Command) {
        let Some(command) = self.tried(command) else { return };
        match command {
            Command::FetchLeads { campaign, limit, held, question } => self.fetch(&campaign, limit, &held, question),
            Command::RecordIntent { intent } => {
                let (campaign, lead) = place_of(intent.lead);
                self.supplies[campaign].handed_out.remove(&lead);
                self.leads.insert(intent.attempt, (campaign, lead));
                self.answers.push_back(Event::IntentRecorded { attempt: intent.attempt });
            }
            Command::Dial { attempt, .. } => self.dial(attempt),
            Command::WithdrawDial { attempt } => {
                self.answers.push_back(Event::DialDeferred { attempt, refusal: Refusal::Pacing });
            }
            Command::CancelAttempt { attempt, why } => self.cancel(attempt, why),
            Command::Classify { attempt } => self.classify(attempt),
            Command::Play { call: CallRef::Outbound(attempt), repeat: false, .. } => {
                self.informed(attempt);
                self.answers.push_back(Event::PromptEnded { call: CallRef::Outbound(attempt) });
            }
            Command::Play { call: call @ CallRef::Inbound(_), repeat: false, .. } => {
                self.answers.push_back(Event::PromptEnded { call });
            }
            Command::RingAgent { user } => self.answers.push_back(Event::AgentLegUp { user }),
            Command::Bridge { call, user, .. } => {
                self.bridge(call, user);
                self.answers.push_back(Event::Bridged { call, user });
            }
            Command::RecordAttempt { end } => {
                let placed = self.leads.remove(&end.attempt);
                if let Some((campaign, lead)) = placed.filter(|_| end.disposition == Disposition::NotDialled) {
                    self.supplies[campaign].handed_out.insert(lead);
                }
            }
            Command::RecordResult { result: CallResult { request: Some(request), .. } }
            | Command::RecordCampaignState { request: Some(request), .. }
            | Command::RecordCampaignLimits { request, .. }
            | Command::RecordGroupControl { request, .. } => {
                self.answers.push_back(Event::Recorded { request, ok: true });
            }
            Command::RecordAgentState { user, state, .. } => self.agent_state(user, state),
            Command::RecordInbound { end } => {
                // One who talked is remembered until the agent has begun to wrap up.
                if self.callers.get(&end.call).is_some_and(|caller| !caller.talking) {
                    self.callers.remove(&end.call);
                }
            }
            // Nobody listens to music, watches a desk or reads a record here.
            Command::Play { repeat: true, .. }
            | Command::PutOffLead { .. }
            | Command::AnswerInbound { .. }
            | Command::RejectInbound { .. }
            | Command::HangUp { .. }
            | Command::ReleaseAgent { .. }
            | Command::RecordResult { result: CallResult { request: None, .. } }
            | Command::SettleLead { .. }
            | Command::RecordCaller { .. }
            | Command::RecordGate { .. }
            | Command::RecordDecision { .. }
            | Command::RecordCampaignState { request: None, .. }
            | Command::Reply { .. }
            | Command::AgentChanged { .. }
            | Command::AgentGone { .. } => {}
        }
    }

    /// Hands out leads: first those that came back, then new ones.
    fn fetch(&mut self, campaign: &CampaignKey, limit: u32, held: &[LeadId], question: u64) {
        let Some(place) = (0..self.supplies.len()).find(|place| campaign_key(*place) == *campaign) else { return };
        let total = self.scenario.outbound[place].leads;
        let held: std::collections::BTreeSet<u64> = held.iter().map(|id| place_of(*id).1).collect();
        let supply = &mut self.supplies[place];
        let back = supply.handed_out.iter().filter(|lead| !held.contains(lead)).take(limit as usize);
        let mut chosen: Vec<u64> = back.copied().collect();
        while chosen.len() < limit as usize && total.is_none_or(|total| supply.next < total) {
            supply.handed_out.insert(supply.next);
            chosen.push(supply.next);
            supply.next += 1;
        }
        let open_total = total.map_or(PLENTY, |total| total - supply.next + supply.handed_out.len() as u64);
        let leads = chosen.into_iter().map(|lead| self.lead(place, campaign, lead)).collect();
        let (campaign, question) = (campaign.clone(), Some(question));
        self.answers.push_back(Event::LeadsFetched { campaign, leads, next_due: None, open_total, question });
    }

    fn lead(&self, place: usize, campaign: &CampaignKey, lead: u64) -> Lead {
        let class = self.class(place, lead);
        Lead {
            id: lead_id(place, lead),
            campaign: campaign.clone(),
            list: ListId(i64::try_from(class).unwrap_or_default() + 1),
            number: lead_number(place, lead),
            zones: vec!["UTC".to_owned()],
            attempts: BTreeMap::new(),
            numbers: Default::default(),
            facts: NumberFacts::default(),
            callback: None,
        }
    }

    fn cancel(&mut self, attempt: AttemptId, why: CancelReason) {
        let counts = u64::from(self.counts());
        if self.trial.is_some() && !self.is_ringing(attempt) {
            return; // an answer or an end is on its way, or was lost
        }
        if let Some(dial) = self.dials.get(&attempt)
            && dial.stage == Stage::Ringing
        {
            self.dials.remove(&attempt);
            self.ringing -= 1;
            match why {
                CancelReason::RingTimeout => self.day.no_answers += counts,
                CancelReason::InboundNeedsAgents | CancelReason::Suppressed | CancelReason::Stopped => {
                    self.day.cancelled += counts;
                }
            }
        }
        let kind = FailureKind::Cancelled;
        let failure = CallFailure { kind, status: 487, q850: 0, rang: true, retry_after_s: None };
        self.answer(Lane::Carrier, Event::AttemptFailed { attempt, failure });
    }

    /// The customer hears the information message: nobody came.
    pub(super) fn informed(&mut self, attempt: AttemptId) {
        if self.dials.remove(&attempt).is_some() {
            self.day.abandoned += u64::from(self.counts());
        }
    }

    /// Both hear each other.
    pub(super) fn bridge(&mut self, call: CallRef, user: UserId) {
        let factor = self.places.get(&user).map_or(1.0, |place| self.seats[*place].factor);
        let counts = self.counts();
        let talk_s = match call {
            CallRef::Outbound(attempt) => {
                let Some(dial) = self.dials.get_mut(&attempt) else { return };
                dial.stage = Stage::Talking;
                self.day.connected += u64::from(counts);
                dial.talk_s
            }
            CallRef::Inbound(call) => {
                let Some(caller) = self.callers.get_mut(&call) else { return };
                caller.talking = true;
                let wait_s = self.now.instant.since(caller.came).as_secs_f64();
                let talk_s = caller.talk_s;
                if counts {
                    self.count_answer(wait_s);
                }
                talk_s
            }
        };
        self.plan_in(seconds(talk_s * factor), Happening::TalkOver { call });
    }

    fn count_answer(&mut self, wait_s: f64) {
        let within_s = self.scenario.inbound.as_ref().map_or(0.0, |inbound| inbound.within_s);
        self.day.inbound_answered += 1;
        self.day.answered_wait_s += wait_s;
        self.day.inbound_in_time += u64::from(wait_s <= within_s);
    }

    fn agent_state(&mut self, who: UserId, state: Option<AgentState>) {
        let Some(place) = self.places.get(&who).copied() else { return };
        let now = self.now.instant;
        match state {
            Some(AgentState::Ready) => self.becomes(place, Doing::Idle),
            Some(AgentState::Previewing { lead, .. }) => {
                self.becomes(place, Doing::Looking);
                let look = self.look(lead);
                self.plan_in(look, Happening::Looked { seat: place, lead });
            }
            Some(AgentState::Talking { call }) => self.becomes(place, Doing::Busy { call, since: now }),
            Some(AgentState::WrapUp { call, .. }) => {
                let wrap_up = match call {
                    CallRef::Outbound(attempt) => self.dials.remove(&attempt).map(|dial| dial.wrap_up),
                    CallRef::Inbound(call) => self.callers.remove(&call).map(|caller| caller.wrap_up),
                };
                self.seats[place].wrapping = Some(call);
                self.plan_in(wrap_up.unwrap_or_default(), Happening::WrappedUp { seat: place, call });
            }
            Some(AgentState::NotReady { .. }) => {
                self.becomes(place, Doing::Nothing);
                self.rest(place);
            }
            Some(AgentState::Reserved { .. } | AgentState::Connecting) => {}
            None => {
                self.becomes(place, Doing::Nothing);
                if let Some(since) = self.seats[place].signed_in.take() {
                    self.day.agent_s += self.counted_s(since);
                }
            }
        }
    }

    /// How long a lead is looked at before it is called.
    fn look(&self, lead: LeadId) -> std::time::Duration {
        let (campaign, place) = place_of(lead);
        let Some(outbound) = self.scenario.outbound.get(campaign) else { return std::time::Duration::ZERO };
        let mut chance = self.streams.stream(Kind::Look, campaign, place);
        seconds(outbound.look_s.draw(&mut chance))
    }

    fn becomes(&mut self, place: usize, doing: Doing) {
        self.count_busy(place);
        self.seats[place].wrapping = None;
        self.seats[place].doing = doing;
    }

    /// An agent who asked for a pause during a call has finished it: leaves, or stays on after all.
    fn rest(&mut self, place: usize) {
        let user = user(place);
        let action = if self.seats[place].leaving { AgentAction::SignOut } else { AgentAction::Ready };
        if !self.seats[place].gone && (self.seats[place].leaving || self.was_leaving(place)) {
            let request = self.request();
            let session = crate::model::id::SessionId(user.0);
            self.answers.push_back(Event::AgentActed { request, user, session, action });
        }
    }

    /// Paused, and not because the agent has just signed in: that one presses Ready as it is.
    fn was_leaving(&self, place: usize) -> bool {
        self.seats[place].signed_in.is_some_and(|since| since < self.now.instant)
    }
}

fn lead_id(campaign: usize, lead: u64) -> LeadId {
    LeadId(i64::try_from((campaign as u64) << LEADS_PER_CAMPAIGN_BITS | lead).unwrap_or(i64::MAX))
}

fn place_of(lead: LeadId) -> (usize, u64) {
    let bits = lead.0.unsigned_abs();
    ((bits >> LEADS_PER_CAMPAIGN_BITS) as usize, bits & ((1 << LEADS_PER_CAMPAIGN_BITS) - 1))
}
