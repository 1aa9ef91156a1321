//! What must be true of agents and callers.

use std::collections::BTreeSet;

use super::Checker;
use crate::model::agent::{AgentState, DeviceLeg};
use crate::model::attempt::CallRef;
use crate::model::id::{InboundId, UserId};
use crate::model::name::GroupName;
use crate::model::time::Now;

/// One agent, as seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Desk {
    pub(super) groups: BTreeSet<GroupName>,
    pub(super) idle: bool,
    call: Option<CallRef>,
    /// The phone is up between calls: a bridge is heard at once.
    nailed_up: bool,
}

impl Checker {
    pub(super) fn sign_in(&mut self, user: UserId, groups: &[GroupName], leg: DeviceLeg) {
        let desk = self.agents.entry(user).or_default();
        desk.groups = groups.iter().cloned().collect();
        desk.nailed_up = leg == DeviceLeg::NailedUp;
    }

    pub(super) fn agent_state(&mut self, user: UserId, state: Option<&AgentState>) {
        match state {
            Some(state) => self.agents.entry(user).or_default().idle = *state == AgentState::Ready,
            None => {
                self.agents.remove(&user);
            }
        }
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
        self.waiting.remove(&call);
        self.with.remove(&CallRef::Inbound(call));
    }

    /// Inbound first: nobody waits while somebody who takes callers is idle.
    pub(super) fn nobody_waits_beside_an_idle_agent(&mut self, now: Now) {
        let Some(caller) = self.waiting.first().copied() else { return };
        let idle = self.agents.iter().find(|(_, desk)| desk.idle && !desk.groups.is_disjoint(&self.inbound_groups));
        if let Some(user) = idle.map(|(user, _)| *user) {
            self.violated(now, "I-21", format!("{caller} waits while {user} is idle"));
        }
    }

    /// A new day begins with the calls whose outcome is open.
    pub(super) fn look_at_time(&mut self, now: Now) {
        const DAY_MS: i64 = 86_400_000;
        let day = now.timestamp.as_millis().div_euclid(DAY_MS);
        if day <= self.day {
            return;
        }
        self.day = day;
        self.answers.clear();
        for call in self.calls.values().filter(|call| call.answered.is_some() && !call.heard && !call.ended) {
            self.answers.entry(call.campaign.clone()).or_default().answered += 1;
        }
    }
}
