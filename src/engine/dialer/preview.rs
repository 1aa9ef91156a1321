//! Preview: an agent sees a lead first, and starts the call or skips it.
//!
//! An offer is not an attempt: nothing of it is written down. One lead is on one desk, its number on no other; whatever
//! takes it away before the agent decides (a caller, a closed gate, a pause, the end of the program) leaves it as it
//! was. The guard that let it pass is asked again when the call is started, and a third time in the transaction that
//! records the intent. From then on the agent is held for the attempt ([`Attempt::own_agent`]): whoever answers is put
//! through to that very agent, and nobody is abandoned. Read [`Engine::offer`] and [`Engine::begin_call`] first.
//!
//! [`Attempt::own_agent`]: super::attempt::Attempt::own_agent

use std::sync::Arc;
use std::time::Duration;

use crate::engine::Engine;
use crate::engine::acd::agent::Customer;
use crate::engine::command::RequestRefusal;
use crate::engine::guard;
use crate::engine::timers::Timer;
use crate::model::agent::{AgentState, DeskCall, DeskNotice, DeskPreview, NoticeKind};
use crate::model::attempt::{CallRef, Refusal};
use crate::model::campaign::{Campaign, CampaignState, OnTimeOut, Pacing, Preview};
use crate::model::id::{AttemptId, LeadId, UserId};
use crate::model::lead::{Lead, LeadNext};
use crate::model::name::CampaignKey;
use crate::model::phone::PhoneNumber;
use crate::model::time::{Instant, Now, Timestamp};

/// An agent who let so many leads in a row go back undecided is not there, and is paused.
pub const UNDECIDED_MAX: u32 = 3;
/// The reason of that pause.
pub const NOT_DECIDING: &str = "not-deciding";
/// A lead that left a desk by being skipped is not fetched again within this time: the store may not have been told yet.
const SKIP_SETTLES: Duration = Duration::from_secs(10);

/// A lead on an agent's desk.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The lead.
    pub lead: Lead,
    /// Its campaign, as it was when the lead was offered.
    pub campaign: Arc<Campaign>,
    /// How it previews.
    pub rules: Preview,
    /// When the decision is taken from the agent.
    pub until: Timestamp,
}

impl Offer {
    /// As the desk shows it to an agent who has skipped so many in a row.
    pub fn view(&self, skips: u32) -> DeskPreview {
        DeskPreview {
            lead: self.lead.id,
            campaign: self.campaign.key.clone(),
            number: Some(self.lead.number.clone()),
            until: self.until,
            on_time_out: self.rules.on_time_out,
            skips_left: self.rules.skips_max.map(|most| most.saturating_sub(skips)),
        }
    }
}

impl Engine {
    /// Shows a lead that the guard let pass to an idle agent of the campaign's group.
    pub(in crate::engine) fn offer(&mut self, now: Now, key: &CampaignKey, lead: Lead) {
        let Some(board) = self.campaigns.get_mut(key) else { return };
        let campaign = board.campaign.clone();
        let Pacing::Preview(rules) = &campaign.pacing else { return };
        self.dials += 1;
        board.last_dial = self.dials;
        let promised = lead.callback.as_ref().and_then(|callback| callback.agent.as_deref());
        let Some(user) = self.idle_agent(&campaign.group, promised, campaign.assignment) else {
            return self.give_back(key, lead);
        };
        let ends = now.later(Duration::from_secs(u64::from(rules.time_limit_s)));
        let (id, until) = (lead.id, ends.timestamp);
        self.offered.insert(lead.number.clone(), user);
        if let Some(agent) = self.agents.get_mut(&user) {
            agent.offer = Some(Box::new(Offer { lead, rules: rules.clone(), campaign, until }));
        }
        self.set_state(now, user, AgentState::Previewing { lead: id, until });
        self.timers.set(Timer::Preview { user }, ends.instant);
    }

    /// The agent starts the call.
    pub(in crate::engine) fn start_call(&mut self, now: Now, user: UserId, lead: LeadId) -> Result<(), RequestRefusal> {
        self.offer_of(user, lead)?;
        self.begin_call(now, user).map_err(|refusal| RequestRefusal::Dial { refusal })
    }

    /// The agent passes the lead over: it rests, and the next one comes.
    pub(in crate::engine) fn skip_lead(
        &mut self,
        now: Now,
        user: UserId,
        lead: LeadId,
        reason: &str,
    ) -> Result<(), RequestRefusal> {
        let offer = self.offer_of(user, lead)?;
        let (rules, skips) = (offer.rules.clone(), self.agents.get(&user).map_or(0, |agent| agent.skips));
        if let Some(skips_max) = rules.skips_max.filter(|most| skips >= *most) {
            return Err(RequestRefusal::SkipsUsedUp { skips_max });
        }
        if !rules.skip_reasons.iter().any(|known| known == reason) {
            let (reason, expected) = (reason.to_owned(), rules.skip_reasons.join(", "));
            return Err(RequestRefusal::UnknownSkipReason { reason, expected });
        }
        self.decided(user, skips + 1);
        self.lay_aside(now, user, Duration::from_secs(rules.skipped_rest_s), Refusal::Skipped);
        self.rest(now, user);
        Ok(())
    }

    /// The agent has looked for as long as the campaign allows.
    pub(in crate::engine) fn preview_over(&mut self, now: Now, user: UserId) {
        let Some(offer) = self.agents.get(&user).and_then(|agent| agent.offer.as_ref()) else { return };
        let (number, on_time_out) = (offer.number(), offer.rules.on_time_out);
        // What has no line now goes back all the same; what the guard refuses has left the desk.
        let called = on_time_out == OnTimeOut::Dial && self.begin_call(now, user).is_ok();
        if called || self.agents.get(&user).is_none_or(|agent| agent.offer.is_none()) {
            return;
        }
        self.lay_aside(now, user, guard::PUT_OFF_MIN, Refusal::NotDecided);
        self.notify(now, user, NoticeKind::TimedOut, number);
        let Some(agent) = self.agents.get_mut(&user) else { return };
        agent.undecided += 1;
        if agent.undecided < UNDECIDED_MAX {
            return self.rest(now, user);
        }
        agent.undecided = 0;
        self.set_state(now, user, AgentState::NotReady { reason: NOT_DECIDING.to_owned() });
    }

    /// Begins the attempt that the agent is held for. Without a line the lead stays on the desk; a lead that the guard
    /// does not let pass any more leaves it.
    ///
    /// # Errors
    /// Why it is not called.
    fn begin_call(&mut self, now: Now, user: UserId) -> Result<(), Refusal> {
        let key = self.agents.get(&user).and_then(|agent| agent.offer.as_ref()).map(|offer| offer.campaign.key.clone());
        let Some((key, board)) = key.and_then(|key| self.campaigns.get(&key).map(|board| (key, board))) else {
            return Err(Refusal::NoLeadDue);
        };
        if let Some(reason) = self.standing_reason(now, board) {
            return Err(reason); // the end of this input takes it back
        }
        if self.are_lines_reached(board, 0) {
            return Err(Refusal::LinesReached);
        }
        let trunk = self.trunk_for(now, &board.campaign)?;
        let Some(offer) = self.take_offer(user) else { return Err(Refusal::NoLeadDue) };
        self.decided(user, 0);
        let (number, lead) = (offer.number(), offer.lead);
        if let Err((refusal, next)) = self.judge(now, &key, &lead) {
            self.put_off(now, &key, &lead, next, refusal);
            self.notify(now, user, NoticeKind::Refused { refusal }, number);
            self.rest(now, user);
            return Err(refusal);
        }
        if let Some(id) = self.begin_attempt(now, &key, lead, trunk, Some(user)) {
            self.hold_for(now, id, user);
        }
        Ok(())
    }

    /// Puts the call that the agent has started on the desk.
    fn hold_for(&mut self, now: Now, id: AttemptId, user: UserId) {
        let Some(attempt) = self.attempts.get(&id) else { return };
        let campaign = attempt.campaign.clone();
        let call = DeskCall {
            call: CallRef::Outbound(id),
            campaign: Some(campaign.key.clone()),
            lead: Some(attempt.lead.id),
            queue: None,
            number: Some(attempt.lead.number.clone()),
            since: now.timestamp,
            waited_ms: 0,
            answered: false,
            recorded: false,
        };
        let customer = Customer::of(&attempt.lead);
        self.reserve(now, user, call, customer, campaign.wrap_up_s);
    }

    /// The agent who started an attempt is gone from it: it is one like others now, for any idle agent.
    pub(in crate::engine) fn let_go(&mut self, id: AttemptId) {
        let Some(attempt) = self.attempts.get(&id) else { return };
        let (stage, deadline) = (attempt.stage, attempt.deadline);
        self.count_stage(id, Some(stage), None, deadline);
        if let Some(attempt) = self.attempts.get_mut(&id) {
            attempt.own_agent = None;
        }
        self.count_stage(id, None, Some(stage), deadline);
    }

    /// The attempt that the agent started is over before anybody was connected.
    pub(in crate::engine) fn release_caller(&mut self, now: Now, user: UserId, what: NoticeKind, number: PhoneNumber) {
        self.notify(now, user, what, number);
        self.release_reserved(now, user);
    }

    /// Tells the desk what became of a lead.
    pub(in crate::engine) fn notify(&mut self, now: Now, user: UserId, what: NoticeKind, number: PhoneNumber) {
        if let Some(agent) = self.agents.get_mut(&user) {
            agent.notice = Some(DeskNotice { what, number: Some(number), at: now.timestamp });
            self.touch(user);
        }
    }

    /// Takes leads back whose campaign may not dial now, or not with these agents.
    pub(in crate::engine) fn return_offers(&mut self, now: Now) {
        let users: Vec<UserId> = self.offered.values().copied().collect();
        for user in users {
            let Some(agent) = self.agents.get(&user) else { continue };
            let Some(offer) = agent.offer.as_ref() else { continue };
            let board = self.campaigns.get(&offer.campaign.key);
            let fits = board.is_some_and(|board| {
                let previews = matches!(board.campaign.pacing, Pacing::Preview(_));
                previews && agent.groups.contains(&board.campaign.group)
            });
            let refusal = match board.filter(|_| fits) {
                Some(board) if self.are_lines_reached(board, 0) => Some(Refusal::LinesReached),
                Some(board) => self.standing_reason(now, board),
                None => Some(Refusal::NoLeadDue),
            };
            if let Some(refusal) = refusal {
                let number = offer.lead.number.clone();
                self.notify(now, user, NoticeKind::Refused { refusal }, number);
                self.rest(now, user);
            }
        }
    }

    /// The number must not be called any more: off the desk with it.
    pub(in crate::engine) fn suppress_offer(
        &mut self,
        now: Now,
        number: &PhoneNumber,
        refusal: Refusal,
        applies: impl Fn(&CampaignKey) -> bool,
    ) {
        let theirs = |user: &UserId| {
            let offer = self.agents.get(user).and_then(|agent| agent.offer.as_ref());
            offer.is_some_and(|offer| applies(&offer.campaign.key) && offer.lead.is_called_at(number))
        };
        let Some(user) = self.offered.values().copied().find(theirs) else { return };
        let Some(offer) = self.take_offer(user) else { return };
        self.put_off(now, &offer.campaign.key, &offer.lead, LeadNext::GivenUp, refusal);
        self.notify(now, user, NoticeKind::Refused { refusal }, number.clone());
        self.rest(now, user);
    }

    /// The agent does something else from now on: a lead that was left undecided goes back as it was.
    pub(in crate::engine) fn leave_offer(&mut self, now: Now, user: UserId, state: Option<&AgentState>) {
        let Some(offer) = self.take_offer(user) else { return };
        match state {
            Some(AgentState::Reserved { call: CallRef::Inbound(_) }) => {
                self.notify(now, user, NoticeKind::CallerFirst, offer.number());
            }
            Some(
                AgentState::Reserved { call: CallRef::Outbound(_) }
                | AgentState::Connecting
                | AgentState::Ready
                | AgentState::Previewing { .. }
                | AgentState::Talking { .. }
                | AgentState::WrapUp { .. }
                | AgentState::NotReady { .. },
            )
            | None => {}
        }
        let key = offer.campaign.key.clone();
        self.give_back(&key, offer.lead);
    }

    fn offer_of(&self, user: UserId, lead: LeadId) -> Result<&Offer, RequestRefusal> {
        let offer = self.agents.get(&user).and_then(|agent| agent.offer.as_deref());
        offer.filter(|offer| offer.lead.id == lead).ok_or(RequestRefusal::LeadGone)
    }

    fn take_offer(&mut self, user: UserId) -> Option<Box<Offer>> {
        let offer = self.agents.get_mut(&user)?.offer.take()?;
        self.offered.remove(&offer.lead.number);
        self.timers.cancel(&Timer::Preview { user });
        Some(offer)
    }

    /// The agent has decided about a lead, having skipped so many in a row.
    fn decided(&mut self, user: UserId, skips: u32) {
        if let Some(agent) = self.agents.get_mut(&user) {
            agent.skips = skips;
            agent.undecided = 0;
        }
    }

    fn lay_aside(&mut self, now: Now, user: UserId, rest: Duration, refusal: Refusal) {
        let Some(offer) = self.take_offer(user) else { return };
        let key = offer.campaign.key.clone();
        if let Some(board) = self.campaigns.get_mut(&key) {
            board.laid_aside(now.instant, offer.lead.id);
        }
        self.put_off(now, &key, &offer.lead, LeadNext::Retry { at: now.timestamp + rest }, refusal);
    }

    /// To the front of the hopper; the store has the leads of a campaign that does not run.
    fn give_back(&mut self, key: &CampaignKey, lead: Lead) {
        if let Some(board) = self.campaigns.get_mut(key).filter(|board| board.state == CampaignState::Running) {
            board.hopper.leads.push_front(lead);
        }
    }
}

impl Offer {
    fn number(&self) -> PhoneNumber {
        self.lead.number.clone()
    }
}

impl super::board::Board {
    /// A lead left a desk and rests.
    fn laid_aside(&mut self, now: Instant, lead: LeadId) {
        self.aside.push_back((now, lead));
    }

    /// Leads that were laid aside so lately that the store may hand them out once more.
    pub(super) fn settling(&mut self, now: Instant) -> impl Iterator<Item = LeadId> + '_ {
        self.aside.retain(|(at, _)| now.since(*at) < SKIP_SETTLES);
        self.aside.iter().map(|(_, lead)| *lead)
    }
}
