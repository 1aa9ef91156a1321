//! The hopper: leads in hand, so that a dial need not wait for the store.
//!
//! One fetch is on its way at a time, unless the store takes long. When the store has no more, it is asked again
//! when the next lead is due, when leads changed, or after a while.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::engine::Engine;
use crate::engine::command::Command;
use crate::engine::pacing::lines_per_agent;
use crate::engine::timers::Timer;
use crate::model::campaign::CampaignState;
use crate::model::id::LeadId;
use crate::model::lead::Lead;
use crate::model::name::CampaignKey;
use crate::model::phone::PhoneNumber;
use crate::model::time::{Instant, Now, Timestamp};

/// Leads in hand for each line that the agents may keep busy: refused ones must not leave an agent waiting.
const LEADS_PER_LINE: f64 = 2.0;
/// Fewest and most leads in hand.
const SIZE: std::ops::RangeInclusive<u32> = 8..=1000;
/// A fetch that was not answered is repeated after this.
pub const FETCH_LIMIT: Duration = Duration::from_secs(30);
/// The store is asked again after this even if it said that nothing is due: a safety net, not a clock.
pub const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// An answer without a new lead is not followed by another question earlier than this.
pub const LOOK_AGAIN_MIN: Duration = Duration::from_secs(1);

/// Whether there may be leads to fetch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// There may be some now.
    #[default]
    Now,
    /// Asked; the answer is on its way.
    Asked {
        /// At most so many.
        limit: u32,
        /// The number of the question.
        question: u64,
    },
    /// None before this.
    Later {
        /// When to ask again.
        at: Instant,
    },
}

/// Leads in hand.
#[derive(Debug, Default)]
pub struct Hopper {
    /// Best first.
    pub leads: VecDeque<Lead>,
    /// Promised calls that wait for their agent, by login name.
    pub promised: BTreeMap<String, Lead>,
    /// Where more come from.
    pub source: Source,
    /// Leads changed while a fetch was on its way.
    changed_meanwhile: bool,
    /// The number of the last question, and of the first one that is still asked: what answers an earlier one may be what another
    /// selection chose.
    asked: u64,
    asked_since: u64,
    /// When a lead becomes due of which the answer that is on its way cannot tell: it ended a call meanwhile.
    expected: Option<Instant>,
    /// Leads that are neither done nor given up, when last asked.
    pub open_total: u64,
    /// When the next lead is due, if none was when last asked.
    pub next_due: Option<Timestamp>,
}

impl Hopper {
    /// Lets go of all leads: the store has them.
    pub fn empty(&mut self) {
        self.leads.clear();
        self.promised.clear();
        self.asked_since = self.asked + 1;
        self.look_again();
    }

    /// Leads were changed in the store: what is promised there may be promised for another time or by another agent now.
    pub fn changed(&mut self) {
        self.leads.retain(|lead| lead.callback.is_none());
        self.promised.clear();
        self.look_again();
    }

    /// Whether a dial may find a lead here.
    pub fn is_empty(&self) -> bool {
        self.leads.is_empty() && self.promised.is_empty()
    }

    /// All leads in hand.
    pub fn in_hand(&self) -> impl Iterator<Item = &Lead> {
        self.leads.iter().chain(self.promised.values())
    }

    /// Lets go of the leads of whoever may be called at a number; which.
    pub fn drop_number(&mut self, number: &PhoneNumber) -> Vec<LeadId> {
        let dropped = self.in_hand().filter(|lead| lead.is_called_at(number)).map(|lead| lead.id).collect();
        self.leads.retain(|lead| !lead.is_called_at(number));
        self.promised.retain(|_, lead| !lead.is_called_at(number));
        dropped
    }

    /// There may be other leads now.
    pub fn look_again(&mut self) {
        match self.source {
            Source::Asked { .. } => self.changed_meanwhile = true,
            Source::Now | Source::Later { .. } => self.source = Source::Now,
        }
    }

    /// A lead of this campaign becomes due at this time.
    pub fn expect(&mut self, at: Instant) {
        match self.source {
            Source::Later { at: known } => self.source = Source::Later { at: at.min(known) },
            Source::Now | Source::Asked { .. } => {
                self.expected = Some(self.expected.map_or(at, |known| known.min(at)));
            }
        }
    }
}

impl Engine {
    /// Asks for leads where the hopper runs low.
    pub(in crate::engine) fn refill(&mut self, now: Now) {
        let draining = self.draining || !self.store_up;
        let mut at_desks: BTreeMap<CampaignKey, Vec<LeadId>> = BTreeMap::new();
        for offer in self.offered.values().filter_map(|user| self.agents.get(user)?.offer.as_ref()) {
            at_desks.entry(offer.campaign.key.clone()).or_default().push(offer.lead.id);
        }
        for (key, board) in &mut self.campaigns {
            if board.state != CampaignState::Running || draining {
                continue;
            }
            let staffed = self.groups.get(&board.campaign.group).map_or(0, |group| group.staffed);
            let lines = f64::from(staffed) * lines_per_agent(&board.campaign.pacing) * LEADS_PER_LINE;
            let size = (lines.ceil() as u32).clamp(*SIZE.start(), *SIZE.end());
            let in_hand = u32::try_from(board.hopper.leads.len()).unwrap_or(u32::MAX);
            let timer = Timer::LeadsDue { campaign: key.clone() };
            match board.hopper.source {
                Source::Asked { .. } => continue,
                Source::Later { at } if at > now.instant => {
                    self.timers.set(timer, at);
                    continue;
                }
                Source::Later { .. } | Source::Now => {}
            }
            self.timers.cancel(&timer);
            if in_hand > size / 2 {
                continue;
            }
            let limit = size - in_hand;
            let mut held: Vec<LeadId> = board.hopper.in_hand().map(|lead| lead.id).collect();
            held.extend(board.live.iter().filter_map(|id| self.attempts.get(id)).map(|attempt| attempt.lead.id));
            held.extend(at_desks.remove(key).unwrap_or_default());
            held.extend(board.settling(now.instant));
            self.questions += 1;
            let question = self.questions;
            board.hopper.source = Source::Asked { limit, question };
            board.hopper.asked = question;
            self.timers.set(Timer::FetchOverdue { campaign: key.clone() }, now.instant + FETCH_LIMIT);
            self.commands.push_back(Command::FetchLeads { campaign: key.clone(), limit, held, question });
        }
    }

    /// Leads came.
    pub(in crate::engine) fn leads_fetched(
        &mut self,
        now: Now,
        key: &CampaignKey,
        question: Option<u64>,
        leads: Vec<Lead>,
        next_due: Option<Timestamp>,
        open_total: u64,
    ) {
        let Some(board) = self.campaigns.get_mut(key) else { return self.stale() };
        let Source::Asked { limit, question: asked } = board.hopper.source else { return self.stale() };
        // A slow store answers after it was asked again: that is as good as an answer to the last question.
        let question = question.unwrap_or(asked);
        let outdated = question < board.hopper.asked_since;
        if outdated && question != asked {
            return self.stale();
        }
        self.timers.cancel(&Timer::FetchOverdue { campaign: key.clone() });
        let offers = self.offered.values().filter_map(|user| self.agents.get(user)?.offer.as_ref());
        let at_desks: Vec<LeadId> = offers.map(|offer| offer.lead.id).collect();
        board.hopper.open_total = open_total;
        board.hopper.next_due = next_due;
        let full = leads.len() >= limit as usize;
        let mut fresh = 0usize;
        if board.state == CampaignState::Running && !outdated {
            if board.hopper.leads.is_empty()
                && let Some(group) = self.groups.get_mut(&board.campaign.group)
            {
                group.agent_freed = true; // idle agents had nothing to dial
            }
            let mut promised = 0usize;
            let live = board.live.iter().filter_map(|id| self.attempts.get(id)).map(|attempt| attempt.lead.id);
            let mut known: BTreeSet<LeadId> = live.chain(board.hopper.in_hand().map(|lead| lead.id)).collect();
            known.extend(at_desks);
            for lead in leads.into_iter().filter(|lead| lead.campaign == *key) {
                if !known.insert(lead.id) {
                    continue;
                }
                fresh += 1;
                if lead.callback.is_some() {
                    board.hopper.leads.insert(promised.min(board.hopper.leads.len()), lead);
                    promised += 1;
                } else {
                    board.hopper.leads.push_back(lead);
                }
            }
        }
        let due = next_due.map(|due| now.instant + due.since(now.timestamp));
        let earliest = if fresh == 0 { now.instant + LOOK_AGAIN_MIN } else { now.instant };
        let latest = now.instant + LOOK_AGAIN;
        board.hopper.source = if board.hopper.changed_meanwhile || (full && fresh > 0) {
            Source::Now
        } else {
            let at = due.unwrap_or(latest).clamp(earliest, latest);
            let expected = board.hopper.expected.take();
            Source::Later { at: expected.map_or(at, |expected| at.min(expected.max(earliest))) }
        };
        board.hopper.changed_meanwhile = false;
    }

    /// The answer to a fetch is overdue: it may have been lost with the store.
    pub(in crate::engine) fn fetch_overdue(&mut self, key: &CampaignKey) {
        let Some(board) = self.campaigns.get_mut(key) else { return };
        if let Source::Asked { .. } = board.hopper.source {
            board.hopper.source = Source::Now;
        }
    }
}
