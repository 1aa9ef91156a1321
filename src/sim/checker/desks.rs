//! What must be true of agents and callers.

use std::collections::BTreeSet;

use super::{Call, Checker};
use crate::model::agent::{AgentState, DeviceLeg};
use crate::model::attempt::CallRef;
use crate::model::id::{AttemptId, InboundId, UserId};
use crate::model::name::GroupName;
use crate::model::time::Now;

/// One agent, as seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Desk {
    pub(super) groups: BTreeSet<GroupName>,
    pub(super) idle: bool,
    /// Signed in, not paused, phone connected.
    staffed: bool,
    /// Reserved for it or talking.
    holds: Option<CallRef>,
    /// Has it, or wraps it up.
    works_at: Option<CallRef>,
    /// Was given it last.
    call: Option<CallRef>,
    /// The phone is up between calls: a bridge is heard at once.
    nailed_up: bool,
}

impl Desk {
    /// Has a customer, or wraps up after one.
    pub(super) fn is_outbound(&self) -> bool {
        self.works_at.is_some_and(|call| !is_inbound(call))
    }
}

impl Checker {
    pub(super) fn sign_in(&mut self, user: UserId, groups: &[GroupName], leg: DeviceLeg) {
        let desk = self.agents.entry(user).or_default();
        desk.groups = groups.iter().cloned().collect();
        desk.nailed_up = leg == DeviceLeg::NailedUp;
    }

    pub(super) fn agent_state(&mut self, now: Now, user: UserId, state: Option<&AgentState>) {
        let idle_before = self.agents.get(&user).is_some_and(|desk| desk.idle || desk.holds.is_some());
        let Some(state) = state else {
            self.agents.remove(&user);
            self.agents_lost = Some(now.instant);
            return;
        };
        let desk = self.agents.entry(user).or_default();
        desk.idle = *state == AgentState::Ready;
        (desk.holds, desk.works_at) = match state {
            AgentState::Reserved { call } | AgentState::Talking { call } => (Some(*call), Some(*call)),
            AgentState::WrapUp { call, .. } => (None, Some(*call)),
            AgentState::Connecting
            | AgentState::Ready
            | AgentState::Previewing { .. }
            | AgentState::NotReady { .. } => (None, None),
        };
        let previews = matches!(state, AgentState::Previewing { .. });
        desk.staffed = desk.idle || previews || desk.works_at.is_some();
        // Paused, without a phone, or with a caller.
        let taken = matches!(desk.works_at, Some(CallRef::Inbound(_))) || !desk.staffed;
        if idle_before && taken {
            self.agents_lost = Some(now.instant);
        }
    }

    /// An agent is free, or wraps up, as soon as the call is over (I-19, I-20).
    pub(super) fn nobody_stays_with_a_call_that_is_over(&mut self, now: Now) {
        for call in std::mem::take(&mut self.over) {
            let held = self.agents.iter().find(|(_, desk)| desk.holds == Some(call));
            if let Some(user) = held.map(|(user, _)| *user) {
                self.violated(now, "I-20", format!("{user} is still with {call:?}, which is over"));
            }
        }
    }

    /// Agents of a group that outbound may have beside those it has, by this checker's own count; `None` where no fixed
    /// number is kept for callers (I-21).
    pub(super) fn slots_free(&self, group: &GroupName) -> Option<i64> {
        let reserve = self.groups.get(group)?.reserve?;
        let members = || self.agents.values().filter(|desk| desk.groups.contains(group) && desk.staffed);
        let works =
            |inbound| members().filter(move |desk| desk.works_at.map(is_inbound) == Some(inbound)).count() as i64;
        let takes_callers = members().any(|desk| self.takes_callers(desk));
        let waiting = if takes_callers { self.waiting.len() as i64 } else { 0 };
        Some(members().count() as i64 - works(true) - works(false) - waiting - i64::from(reserve))
    }

    fn takes_callers(&self, desk: &Desk) -> bool {
        desk.groups.iter().any(|name| self.groups.get(name).is_some_and(|group| group.inbound))
    }

    /// An agent is given a call.
    pub(super) fn bridge(&mut self, now: Now, call: CallRef, user: UserId) {
        let before = self.agents.get(&user).and_then(|desk| desk.call);
        let held = before.filter(|before| *before != call && self.with.get(before) == Some(&user));
        if held.is_some_and(|held| self.is_live(held)) {
            self.violated(now, "I-19", format!("{user} has a call and is given another"));
        }
        if !self.agents.contains_key(&user) {
            self.violated(now, "I-20", format!("{user}, who is not there, is given a call"));
        }
        if !self.is_live(call) {
            self.violated(now, "I-20", format!("{user} is given a call that is over"));
        }
        if let Some(other) = self.with.get(&call).filter(|other| **other != user).copied()
            && self.agents.get(&other).is_some_and(|desk| desk.holds == Some(call))
        {
            self.violated(now, "I-19", format!("{call:?} is given to {user} while {other} has it"));
        }
        if let CallRef::Outbound(id) = call {
            self.callers_go_first(now, id, user);
        }
        let mut at_once = false;
        if let Some(desk) = self.agents.get_mut(&user) {
            desk.call = Some(call);
            at_once = desk.nailed_up;
        }
        self.with.insert(call, user);
        match call {
            CallRef::Outbound(id) => self.call(id, |call| {
                call.given = true;
                call.heard |= at_once;
            }),
            CallRef::Inbound(id) => {
                self.waiting.remove(&id);
            }
        }
    }

    fn is_live(&self, call: CallRef) -> bool {
        match call {
            CallRef::Outbound(id) => self.calls.get(&id).is_some_and(|call| !call.ended),
            CallRef::Inbound(id) => self.callers.contains(&id),
        }
    }

    /// A caller hears something: music while waiting, or a last word.
    pub(super) fn waits(&mut self, call: InboundId, waits: bool) {
        if waits {
            self.waiting.insert(call);
        } else {
            self.waiting.remove(&call);
        }
    }

    pub(super) fn caller_gone(&mut self, call: InboundId) {
        self.callers.remove(&call);
        self.over.push(CallRef::Inbound(call));
        self.waiting.remove(&call);
        self.with.remove(&CallRef::Inbound(call));
    }

    /// Where callers go first, no customer gets an agent whom a caller waits for (I-21).
    fn callers_go_first(&mut self, now: Now, id: AttemptId, user: UserId) {
        let Some(caller) = self.waiting.first().copied() else { return };
        let rules = self.calls.get(&id).and_then(|call| self.rules.get(&call.campaign));
        let group = rules.and_then(|rules| self.groups.get(&rules.group));
        let first = group.is_some_and(|group| group.inbound_first && !group.keeps);
        if first && self.agents.get(&user).is_some_and(|desk| self.takes_callers(desk)) {
            self.violated(now, "I-21", format!("{user} is given to {id} while {caller} waits, who goes first"));
        }
    }

    /// Inbound first: nobody waits while somebody who takes callers is idle, unless idle agents are kept for lines that
    /// ring.
    pub(super) fn nobody_waits_beside_an_idle_agent(&mut self, now: Now) {
        let Some(caller) = self.waiting.first().copied() else { return };
        let keeps = self.groups.values().any(|group| group.keeps);
        if keeps && self.calls.values().any(Call::is_pending) {
            return;
        }
        let idle = self.agents.iter().find(|(_, desk)| desk.idle && self.takes_callers(desk));
        if let Some(user) = idle.map(|(user, _)| *user) {
            self.violated(now, "I-21", format!("{caller} waits while {user} is idle"));
        }
    }

    /// A new day begins with the calls whose outcome is open.
    pub(super) fn look_at_time(&mut self, now: Now) {
        let day = day_of(now);
        if day <= self.day {
            return;
        }
        self.day = day;
        self.answers.clear();
        self.excused.clear();
        for call in self.calls.values().filter(|call| call.answered.is_some() && !call.heard && !call.ended) {
            self.answers.entry(call.campaign.clone()).or_default().answered += 1;
        }
    }
}

/// The day by the installation's calendar.
pub(super) fn day_of(now: Now) -> i64 {
    const DAY_MS: i64 = 86_400_000;
    now.timestamp.as_millis().div_euclid(DAY_MS)
}

fn is_inbound(call: CallRef) -> bool {
    match call {
        CallRef::Inbound(_) => true,
        CallRef::Outbound(_) => false,
    }
}
