//! An agent group: who is in it, how idle inbound leaves it, and how many of its agents outbound may have.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::gate::{Gate, GateRule};
use super::queue::Queue;
use super::reserve::Reserve;
use crate::engine::Engine;
use crate::engine::command::Command;
use crate::engine::event::{Configured, GroupChange};
use crate::engine::pacing::learned::Shifts;
use crate::engine::pacing::{Busy, Phase};
use crate::engine::stats::Smoothed;
use crate::engine::timers::Timer;
use crate::model::agent::AgentState;
use crate::model::attempt::{CallRef, GateChange};
use crate::model::id::{AttemptId, UserId};
use crate::model::name::{CampaignKey, GroupName, QueueName};
use crate::model::settings::{GroupSettings, IdleThreshold, Settings};
use crate::model::time::{Instant, Now, Timestamp};

/// What an agent's state means for idleness and slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engagement {
    /// Signed in but not staffed: paused, or the phone is not connected.
    Away,
    /// Staffed and idle.
    Idle,
    /// Staffed, and looks at a lead in a slot of outbound.
    Preview,
    /// Handling, wrapping up or reserved for inbound.
    Inbound,
    /// Handling, wrapping up or reserved for outbound.
    Outbound,
}

impl Engagement {
    /// What this state means.
    pub fn of(state: &AgentState) -> Engagement {
        match state {
            AgentState::Connecting | AgentState::NotReady { .. } => Engagement::Away,
            AgentState::Ready => Engagement::Idle,
            AgentState::Previewing { .. } => Engagement::Preview,
            AgentState::Reserved { call } | AgentState::Talking { call } | AgentState::WrapUp { call, .. } => {
                match call {
                    CallRef::Outbound(_) => Engagement::Outbound,
                    CallRef::Inbound(_) => Engagement::Inbound,
                }
            }
        }
    }
}

/// One agent group with its counters, kept up to date at each change of an agent.
#[derive(Debug)]
pub struct Group {
    /// As the file has it, with the live controls in force.
    pub settings: GroupSettings,
    /// Who signed in to it.
    pub members: BTreeSet<UserId>,
    /// Of these, idle, the longest idle first.
    pub idle: BTreeSet<(Instant, UserId)>,
    /// Signed in and not paused, phone connected.
    pub staffed: u32,
    /// Of these, engaged by inbound.
    pub inbound_busy: u32,
    /// Of these, engaged by outbound.
    pub outbound_busy: u32,
    /// Of these, looking at a lead, since when.
    pub previewing: BTreeSet<(Instant, UserId)>,
    /// Who is at work, with what and since when.
    pub busy: BTreeMap<UserId, Busy>,
    /// What was learned of its agents and callers.
    pub shifts: Shifts,
    /// Inbound callers waiting in its queues.
    pub waiting: u32,
    /// Attempts of its campaigns on their way to an agent.
    pub pending: u32,
    /// Customers who answered and wait, the most urgent first.
    pub answered: BTreeSet<(Instant, AttemptId)>,
    /// 1 − inbound occupancy, smoothed.
    pub idleness: Smoothed,
    /// Staffed agents at the last look at the gate.
    staffed_before: u32,
    /// Its gate.
    pub gate: Gate,
    /// Since when the gate is open or closed.
    pub gate_since: Timestamp,
    /// The reserve in force where the idle threshold is `auto`.
    pub steered: Reserve,
    /// Something happened that pacing by freed agents waits for.
    pub agent_freed: bool,
}

impl Group {
    /// A group without agents, its gate closed.
    pub fn new(settings: GroupSettings, now: Now) -> Group {
        Group {
            idleness: Smoothed::new(0.0, now.instant, settings.smoothing_s),
            settings,
            members: BTreeSet::new(),
            idle: BTreeSet::new(),
            staffed: 0,
            inbound_busy: 0,
            outbound_busy: 0,
            previewing: BTreeSet::new(),
            busy: BTreeMap::new(),
            shifts: Shifts::default(),
            waiting: 0,
            pending: 0,
            answered: BTreeSet::new(),
            staffed_before: 0,
            gate: Gate::Closed,
            gate_since: now.timestamp,
            steered: Reserve::default(),
            agent_freed: false,
        }
    }

    /// 1 − inbound occupancy at this moment, 0 to 1; 0 without staffed agents.
    pub fn idleness_now(&self) -> f64 {
        if self.staffed == 0 {
            return 0.0;
        }
        let occupied = f64::from(self.inbound_busy) + f64::from(self.waiting);
        (1.0 - occupied / f64::from(self.staffed)).clamp(0.0, 1.0)
    }

    /// Agents that may be on outbound at once: staffed − inbound need − reserve while the gate is open; every staffed
    /// agent where there is no gate.
    pub fn slots(&self) -> u32 {
        if !self.gate.is_open() {
            return 0;
        }
        if self.settings.idle_threshold == IdleThreshold::Off {
            return self.staffed;
        }
        let need = self.inbound_busy.saturating_add(self.waiting).saturating_add(self.reserve());
        self.staffed.saturating_sub(need)
    }

    /// The whole reserve in force.
    pub fn reserve(&self) -> u32 {
        match self.settings.idle_threshold {
            IdleThreshold::Off => 0,
            IdleThreshold::Above(_) => self.settings.reserve,
            IdleThreshold::Auto => self.steered.agents(),
        }
    }

    /// Slots that no agent on outbound uses.
    pub fn slots_free(&self) -> u32 {
        self.slots().saturating_sub(self.outbound_busy)
    }

    /// The rule of its gate.
    pub fn rule(&self) -> GateRule {
        self.rule_of(self.settings.idle_threshold.floor())
    }

    /// The rule of a campaign that demands more idleness.
    pub fn rule_of(&self, idle_threshold: f64) -> GateRule {
        GateRule {
            idle_threshold: idle_threshold.max(self.settings.idle_threshold.floor()),
            hysteresis: self.settings.hysteresis,
            dwell: Duration::try_from_secs_f64(self.settings.dwell_s).unwrap_or_default(),
        }
    }

    /// Counts an agent in (`+1`) or out (`-1`).
    fn count(&mut self, engagement: Engagement, step: i32) {
        let add = |count: &mut u32| {
            *count = count.checked_add_signed(step).unwrap_or_else(|| panic!("an agent was counted out twice"));
        };
        match engagement {
            Engagement::Away => {}
            Engagement::Idle => add(&mut self.staffed),
            Engagement::Inbound => {
                add(&mut self.staffed);
                add(&mut self.inbound_busy);
            }
            Engagement::Preview | Engagement::Outbound => {
                add(&mut self.staffed);
                add(&mut self.outbound_busy);
            }
        }
    }

    /// An agent of this engagement is a member from now on.
    pub fn enter(&mut self, user: UserId, engagement: Engagement, since: Instant) {
        self.members.insert(user);
        self.count(engagement, 1);
        match engagement {
            Engagement::Idle => drop(self.idle.insert((since, user))),
            Engagement::Preview => drop(self.previewing.insert((since, user))),
            Engagement::Away | Engagement::Inbound | Engagement::Outbound => {}
        }
    }

    /// What an agent who has just entered is at, if at work.
    pub fn note_work(&mut self, user: UserId, state: &AgentState, since: Instant, customer_of: Option<&CampaignKey>) {
        let phase = match state {
            AgentState::Reserved { .. } | AgentState::Talking { .. } => Phase::Talking,
            AgentState::WrapUp { .. } => Phase::WrappingUp,
            AgentState::Connecting
            | AgentState::Ready
            | AgentState::Previewing { .. }
            | AgentState::NotReady { .. } => return,
        };
        let busy = Busy { user, engagement: Engagement::of(state), phase, since, customer_of: customer_of.cloned() };
        self.busy.insert(user, busy);
    }

    /// An agent of this engagement is no member any more.
    pub fn leave(&mut self, user: UserId, engagement: Engagement, since: Instant) {
        self.members.remove(&user);
        self.busy.remove(&user);
        self.count(engagement, -1);
        match engagement {
            Engagement::Idle => assert!(self.idle.remove(&(since, user)), "an idle agent was not among the idle"),
            Engagement::Preview => {
                assert!(self.previewing.remove(&(since, user)), "an agent who looks was not among those who do");
            }
            Engagement::Away | Engagement::Inbound | Engagement::Outbound => {}
        }
    }
}

impl Engine {
    /// Brings smoothed idleness up to now, with the input that held since the last event.
    pub(in crate::engine) fn advance_idleness(&mut self, now: Now) {
        for group in self.groups.values_mut() {
            group.idleness.advance(now.instant);
        }
    }

    /// Looks at all gates with the figures after this event, and sets the timer of the next look.
    pub(in crate::engine) fn look_at_gates(&mut self, now: Now) {
        let names: Vec<GroupName> = self.groups.keys().cloned().collect();
        for name in names {
            self.look_at_gate(now, &name);
        }
    }

    fn look_at_gate(&mut self, now: Now, name: &GroupName) {
        let waiting = self.waiting_for(name);
        let Some(group) = self.groups.get_mut(name) else { return };
        group.waiting = waiting;
        let input = group.idleness_now();
        if group.staffed == 0 {
            group.idleness.restart(0.0);
        } else if group.staffed_before == 0 {
            group.idleness.restart(input); // an average without a past begins at its first value
        } else {
            group.idleness.feed(input);
        }
        group.staffed_before = group.staffed;
        let was_open = group.gate.is_open();
        let (gate, mut next) = match group.settings.idle_threshold {
            IdleThreshold::Above(_) => {
                let gate = group.gate.after(now.instant, &group.idleness, &group.rule(), group.staffed);
                (gate, gate.next_look(&group.idleness, &group.rule()))
            }
            IdleThreshold::Auto | IdleThreshold::Off => {
                (if group.staffed > 0 { Gate::Open } else { Gate::Closed }, None)
            }
        };
        group.gate = gate;
        let changed = group.gate.is_open() != was_open;
        if changed {
            group.gate_since = now.timestamp;
            group.agent_freed |= group.gate.is_open();
            let change = group.change(name, now.timestamp);
            self.commands.push_back(Command::RecordGate { change });
        }
        let Some(group) = self.groups.get_mut(name) else { return };
        for board in self.campaigns.values_mut().filter(|board| board.campaign.group == *name) {
            let Some(threshold) = board.campaign.idle_threshold_min else { continue };
            let rule = group.rule_of(threshold);
            let was_open = board.gate.is_open();
            board.gate = board.gate.after(now.instant, &group.idleness, &rule, group.staffed);
            group.agent_freed |= board.gate.is_open() && !was_open;
            next = match (next, board.gate.next_look(&group.idleness, &rule)) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
        let timer = Timer::Gate { group: name.clone() };
        match next {
            Some(at) => self.timers.set(timer, at),
            None => self.timers.cancel(&timer),
        }
    }

    /// Callers who wait for agents of the group.
    pub(in crate::engine) fn waiting_for(&self, name: &GroupName) -> u32 {
        let Some(group) = self.groups.get(name) else { return 0 };
        let waiting = |queue: &Queue| u32::try_from(queue.waiting.len()).unwrap_or(u32::MAX);
        if group.settings.queues.is_empty() {
            let theirs = self.queues.iter().filter(|(_, queue)| !queue.waiting.is_empty());
            return theirs.filter(|(queue, _)| self.serves(name, queue)).map(|(_, queue)| waiting(queue)).sum();
        }
        group.settings.queues.iter().filter_map(|queue| self.queues.get(queue)).map(waiting).sum()
    }

    /// Whether the group's agents take callers from the queue: by the group itself or, where it has no queues, by
    /// another group that some of them are in.
    pub(in crate::engine) fn serves(&self, name: &GroupName, queue: &QueueName) -> bool {
        let Some(group) = self.groups.get(name) else { return false };
        let takes = |group: &Group| group.settings.queues.contains(queue);
        if !group.settings.queues.is_empty() {
            return takes(group);
        }
        let others = self.groups.iter().filter(|(other, group)| *other != name && takes(group));
        let mut shared = others.flat_map(|(_, other)| other.members.iter());
        shared.any(|user| group.members.contains(user))
    }

    /// Takes over the groups of new settings. A live control stays as it was set unless the file's own value changed.
    pub(in crate::engine) fn apply_groups(&mut self, now: Now, old: &Settings, new: &Settings) {
        for (name, wanted) in &new.groups {
            let Some(group) = self.groups.get_mut(name) else {
                self.groups.insert(name.clone(), Group::new(wanted.clone(), now));
                continue;
            };
            let mut settings = wanted.clone();
            if let Some(before) = old.groups.get(name) {
                let live = &group.settings;
                let keep = |was: f64, is: f64, live: f64| if was == is { live } else { is };
                if before.idle_threshold == wanted.idle_threshold {
                    settings.idle_threshold = live.idle_threshold;
                }
                settings.hysteresis = keep(before.hysteresis, wanted.hysteresis, live.hysteresis);
                settings.dwell_s = keep(before.dwell_s, wanted.dwell_s, live.dwell_s);
                settings.reserve = if before.reserve == wanted.reserve { live.reserve } else { wanted.reserve };
            }
            group.idleness.set_time_constant(settings.smoothing_s);
            group.settings = settings;
        }
        // A group that is gone stays until its last agent has left; it has no queues and gives no slots.
        let gone: Vec<GroupName> = self.groups.keys().filter(|name| !new.groups.contains_key(*name)).cloned().collect();
        for name in gone {
            let Some(group) = self.groups.get_mut(&name) else { continue };
            group.settings.queues.clear();
            group.settings.outbound = false;
            if group.members.is_empty() && group.pending == 0 && group.answered.is_empty() {
                self.groups.remove(&name);
                self.timers.cancel(&Timer::Gate { group: name });
            }
        }
    }

    /// Changes live controls, at once; what is refused changes nothing.
    pub(in crate::engine) fn change_group(&mut self, name: &GroupName, change: &GroupChange) -> Option<()> {
        let group = self.groups.get_mut(name)?;
        let settings = &mut group.settings;
        for configured in &change.back {
            match *configured {
                Configured::IdleThreshold(threshold) => settings.idle_threshold = threshold,
                Configured::Hysteresis(hysteresis) => settings.hysteresis = hysteresis,
                Configured::DwellS(dwell_s) => settings.dwell_s = dwell_s,
                Configured::Reserve(reserve) => settings.reserve = reserve,
            }
        }
        settings.idle_threshold = change.idle_threshold.map_or(settings.idle_threshold, IdleThreshold::Above);
        settings.hysteresis = change.hysteresis.unwrap_or(settings.hysteresis);
        settings.dwell_s = change.dwell_s.unwrap_or(settings.dwell_s);
        settings.reserve = change.reserve.unwrap_or(settings.reserve);
        Some(())
    }
}

impl Group {
    fn change(&self, name: &GroupName, at: Timestamp) -> GateChange {
        GateChange {
            group: name.clone(),
            at,
            open: self.gate.is_open(),
            idleness: self.idleness.value(),
            idle_threshold: self.settings.idle_threshold.floor(),
            agents: self.staffed,
            inbound_busy: self.inbound_busy,
            waiting: self.waiting,
            slots: self.slots(),
        }
    }
}
