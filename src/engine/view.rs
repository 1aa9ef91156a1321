//! The engine's state as people see it. Built when it is asked for, never kept.

use std::collections::BTreeMap;

use super::Engine;
use super::acd::agent::{Agent, Presence};
use super::acd::group::Group;
use super::acd::queue::Queue;
use super::dialer::attempt::Stage;
use super::dialer::board::Board;
use super::snapshot::{AbandonWindowView, CampaignView, GroupView, QueueView, Snapshot, TrunkView};
use super::stats;
use crate::model::agent::AgentState;
use crate::model::calling_hours::callable;
use crate::model::name::{GroupName, QueueName};
use crate::model::settings::IdleThreshold;
use crate::model::time::Now;

/// How many rows each table has: after a load run all but `agents` must be 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// Attempts that have not ended.
    pub attempts: usize,
    /// Numbers being dialled or talked to.
    pub numbers: usize,
    /// Inbound calls that have not ended.
    pub callers: usize,
    /// Agents who are signed in.
    pub agents: usize,
    /// Requests that wait for the store.
    pub requests: usize,
    /// Channels in use over all trunks.
    pub channels: usize,
    /// Deadlines of calls and agents (not of gates, hoppers, trunks and the day, which outlive calls).
    pub deadlines: usize,
}

impl Engine {
    /// Everything at this moment.
    pub fn snapshot(&self, now: Now) -> Snapshot {
        Snapshot {
            at: now.timestamp,
            groups: self.groups.iter().map(|(name, group)| self.group_view(now, name, group)).collect(),
            queues: self.queues.iter().map(|(name, queue)| self.queue_view(now, name, queue)).collect(),
            campaigns: self.campaigns.values().map(|board| self.campaign_view(board)).collect(),
            agents: self.agents.values().map(|agent| agent.view()).collect(),
            trunks: self.trunk_views(now),
            draining: self.draining,
            stale_events: self.stale_events,
        }
    }

    /// How many rows each table has.
    pub fn tables(&self) -> Tables {
        Tables {
            attempts: self.attempts.len(),
            numbers: self.numbers.len(),
            callers: self.callers.len(),
            agents: self.agents.len(),
            requests: self.requests.len(),
            channels: self.trunks.values().map(|trunk| trunk.channels as usize).sum(),
            deadlines: self.timers.of_calls(),
        }
    }

    /// Whether no call is up and none is on its way: a program that drains may exit.
    pub fn is_idle(&self) -> bool {
        self.attempts.is_empty() && self.callers.is_empty() && self.requests.is_empty()
    }

    /// Agents at their desks who record the result of a call that is over. Whose desk is gone records nothing.
    pub fn wrapping_up(&self) -> usize {
        let here = |agent: &&Agent| agent.presence == Presence::Here;
        self.agents.values().filter(here).filter(|agent| matches!(agent.state, AgentState::WrapUp { .. })).count()
    }

    fn group_view(&self, now: Now, name: &GroupName, group: &Group) -> GroupView {
        let mut agents: BTreeMap<String, u32> = BTreeMap::new();
        for agent in group.members.iter().filter_map(|user| self.agents.get(user)) {
            *agents.entry(agent.state.code().to_owned()).or_default() += 1;
        }
        let mut idleness = group.idleness;
        idleness.advance(now.instant);
        GroupView {
            group: name.clone(),
            title: group.settings.title.clone(),
            agents,
            staffed: group.staffed,
            inbound_busy: group.inbound_busy,
            outbound_busy: group.outbound_busy,
            waiting: group.waiting,
            idleness: idleness.value(),
            idleness_now: group.idleness_now(),
            gate_mode: group.settings.idle_threshold.mode(),
            idle_threshold: group.settings.idle_threshold.floor(),
            hysteresis: group.settings.hysteresis,
            dwell_s: group.settings.dwell_s,
            reserve: group.reserve(),
            reserve_steered: match group.settings.idle_threshold {
                IdleThreshold::Auto => group.steered.wish(),
                IdleThreshold::Above(_) | IdleThreshold::Off => 0.0,
            },
            gate_open: group.gate.is_open(),
            gate_since: group.gate_since,
            slots: group.slots(),
        }
    }

    fn queue_view(&self, now: Now, name: &QueueName, queue: &Queue) -> QueueView {
        let settings = &queue.settings;
        let longest = queue.waiting.first().map(|(since, _)| now.instant.since(*since).as_millis());
        let zone = self.zone.as_slice();
        QueueView {
            queue: name.clone(),
            title: settings.title.clone(),
            open: settings.hours.as_ref().is_none_or(|hours| callable(now.timestamp, zone, &[hours])),
            waiting: count(queue.waiting.len()),
            longest_wait_ms: longest.map_or(0, |ms| u64::try_from(ms).unwrap_or(u64::MAX)),
            offered: queue.day.offered,
            answered: queue.day.answered,
            answered_in_time: queue.day.answered_in_time,
            abandoned: queue.day.abandoned,
            overflowed: queue.day.overflowed,
            answered_wait_ms: queue.day.answered_wait_ms,
            service_level: queue.day.service_level(),
            service_level_target: settings.service_level_target,
            within_s: settings.within_s,
        }
    }

    fn campaign_view(&self, board: &Board) -> CampaignView {
        let (mut dialling, mut ringing, mut waiting, mut connected) = (0, 0, 0, 0);
        for attempt in board.live.iter().filter_map(|id| self.attempts.get(id)) {
            match attempt.stage {
                Stage::Recording | Stage::Sending => dialling += 1,
                Stage::Out | Stage::Cancelling { .. } => ringing += 1,
                Stage::Classifying
                | Stage::Waiting
                | Stage::Consent { .. }
                | Stage::Connecting { .. }
                | Stage::Informing => waiting += 1,
                Stage::Connected { .. } => connected += 1,
            }
        }
        let offers = self.offered.values().filter_map(|user| self.agents.get(user)?.offer.as_ref());
        let previewing = offers.filter(|offer| offer.campaign.key == board.campaign.key).count();
        let profile = self.settings.profiles.get(&board.campaign.profile);
        let today = board.today.clone();
        let cap = board.abandon_rate_max(profile);
        let windows = board.accounts(profile).map(|(window, abandoned, whole)| AbandonWindowView {
            window,
            abandoned,
            whole,
            rate: (whole > 0.0).then(|| abandoned / whole),
            left: stats::abandons_left(abandoned, whole, cap),
        });
        CampaignView {
            campaign: board.campaign.key.clone(),
            title: board.campaign.title.clone(),
            group: board.campaign.group.clone(),
            state: board.state,
            previewing: count(previewing),
            dialling,
            ringing,
            answered_waiting: waiting,
            connected,
            hopper: count(board.hopper.in_hand().count()),
            leads_open: board.hopper.open_total,
            next_due: board.hopper.next_due,
            abandon_rate: (today.answered > 0).then(|| today.abandoned as f64 / today.answered as f64),
            today,
            abandon_rate_max: cap,
            abandon_windows: windows.collect(),
            not_dialling: board.holding.map(|refusal| refusal.code().to_owned()),
            refusals: board.refusals.iter().map(|(code, count)| ((*code).to_owned(), *count)).collect(),
            forecast: board.pacer.forecast(),
            decision: board.account.told().cloned(),
        }
    }

    fn trunk_views(&self, now: Now) -> Vec<TrunkView> {
        let views = self.trunks.iter().map(|(name, trunk)| TrunkView {
            trunk: name.clone(),
            up: trunk.is_usable(now.instant),
            channels: trunk.channels,
            channels_max: self.settings.trunks.get(name).map_or(0, |limits| limits.channels_max),
        });
        views.collect()
    }
}

fn count(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}
