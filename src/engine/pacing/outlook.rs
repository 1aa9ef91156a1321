//! What a pacer sees beyond the figures: each call that comes, each agent at work, each caller who waits.
//!
//! A look through a window, not a copy: whoever needs one number walks past the others, and a policy that needs none of
//! them costs nothing. Read [`Outlook`] first.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::engine::acd::agent::Agent;
use crate::engine::acd::group::{Engagement, Group};
use crate::engine::acd::queue::Queue;
use crate::engine::dialer::attempt::Attempt;
use crate::engine::event::DayCounts;
use crate::model::agent::AgentState;
use crate::model::id::{AttemptId, ListId, UserId};
use crate::model::name::{CampaignKey, GroupName, QueueName, TrunkName};
use crate::model::time::{Instant, Now};
use crate::model::zone::Zone;

/// The group of the campaign that is asked, with everything on its way to it.
#[derive(Debug)]
pub struct Outlook<'e> {
    pub(in crate::engine) name: &'e GroupName,
    pub(in crate::engine) group: &'e Group,
    pub(in crate::engine) agents: &'e BTreeMap<UserId, Agent>,
    pub(in crate::engine) attempts: &'e BTreeMap<AttemptId, Attempt>,
    pub(in crate::engine) queues: &'e BTreeMap<QueueName, Queue>,
    pub(in crate::engine) today: &'e DayCounts,
    pub(in crate::engine) zone: Option<&'e Zone>,
}

/// An attempt on its way to an agent of the group.
#[derive(Clone, Copy, Debug)]
pub struct Coming<'e> {
    /// Whose.
    pub campaign: &'e CampaignKey,
    /// The list its lead came with: leads of one list are alike.
    pub list: ListId,
    /// Counted attempts of the lead before this one.
    pub attempt: u32,
    /// By which trunk.
    pub trunk: &'e TrunkName,
    /// When it was sent; `None` while the intent is being recorded.
    pub sent: Option<Instant>,
    /// When it was answered; from then on it is classified or waits.
    pub answered: Option<Instant>,
}

/// What a busy agent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// With a customer, or about to be.
    Talking,
    /// Wrapping up.
    WrappingUp,
}

/// An agent of the group who is not idle and not paused.
#[derive(Clone, Copy, Debug)]
pub struct Busy {
    /// Who.
    pub user: UserId,
    /// With what kind of call.
    pub engagement: Engagement,
    /// What the agent does.
    pub phase: Phase,
    /// Since when.
    pub since: Instant,
}

impl<'e> Outlook<'e> {
    /// Attempts on their way to an agent of the group, those that wait for one included.
    pub fn coming(&self) -> impl Iterator<Item = Coming<'e>> + '_ {
        let pending =
            self.attempts.values().filter(|attempt| attempt.group == *self.name && attempt.stage.is_pending());
        pending.map(|attempt| Coming {
            campaign: &attempt.campaign.key,
            list: attempt.lead.list,
            attempt: attempt.lead.attempts.values().sum(),
            trunk: &attempt.trunk,
            sent: attempt.sent.map(|at| at.instant),
            answered: attempt.answered.map(|at| at.instant),
        })
    }

    /// Agents of the group who are at work.
    pub fn busy(&self) -> impl Iterator<Item = Busy> + '_ {
        let members = self.group.members.iter().filter_map(|user| self.agents.get(user));
        members.filter_map(|agent| {
            let phase = match &agent.state {
                AgentState::Reserved { .. } | AgentState::Talking { .. } => Phase::Talking,
                AgentState::WrapUp { .. } => Phase::WrappingUp,
                AgentState::Connecting | AgentState::Ready | AgentState::NotReady { .. } => return None,
            };
            let (user, since) = (agent.user, agent.since.instant);
            Some(Busy { user, engagement: Engagement::of(&agent.state), phase, since })
        })
    }

    /// Agents who are signed in to the group, whatever they do.
    pub fn signed_in(&self) -> u32 {
        u32::try_from(self.group.members.len()).unwrap_or(u32::MAX)
    }

    /// Customers who answered and wait for an agent of the group.
    pub fn waiting_customers(&self) -> u32 {
        u32::try_from(self.group.answered.len()).unwrap_or(u32::MAX)
    }

    /// Callers who wait in its queues.
    pub fn waiting_callers(&self) -> u32 {
        self.group.waiting
    }

    /// How long the callers in its queues have waited, per queue the longest first.
    pub fn callers(&self, now: Now) -> impl Iterator<Item = Duration> + '_ {
        let queues = self.group.settings.queues.iter().filter_map(|name| self.queues.get(name));
        queues.flat_map(move |queue| queue.waiting.iter().map(move |(since, _)| now.instant.since(*since)))
    }

    /// Whether its agents take callers too.
    pub fn is_blended(&self) -> bool {
        !self.group.settings.queues.is_empty()
    }

    /// The campaign's counts of today.
    pub fn today(&self) -> &DayCounts {
        self.today
    }

    /// What a clock on the wall of the installation shows, as hours × 100 + minutes.
    pub fn wall_clock(&self, now: Now) -> u32 {
        let utc = Zone::utc();
        let zone = self.zone.unwrap_or(&utc).as_jiff().clone();
        let time = now.timestamp.to_jiff().to_zoned(zone).time();
        u32::from(time.hour().unsigned_abs()) * 100 + u32::from(time.minute().unsigned_abs())
    }
}
