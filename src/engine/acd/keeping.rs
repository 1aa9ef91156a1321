//! Agents kept for customers whose phones ring.
//!
//! A line was dialled because an agent was idle. If inbound takes that agent meanwhile, whoever answers hears the
//! information message and counts as abandoned, however carefully was dialled. So an idle agent is not given to a caller
//! while more answers are expected than the abandon budget could lose; the caller waits for the next freed agent, or
//! until a line ends. With the budget spent every ringing line has its agent (reliability.md I-31). Lines are given up
//! as soon as the law allows (`yielding`), so nobody waits long. Read [`Engine::serve_spared`].

use crate::engine::Engine;
use crate::model::id::UserId;
use crate::model::name::GroupName;
use crate::model::time::Now;

impl Engine {
    /// How many idle agents of a group callers may not have.
    pub(in crate::engine) fn kept_for_answers(&self, name: &GroupName) -> u32 {
        let Some(group) = self.groups.get(name).filter(|group| group.settings.keep_for_answers) else { return 0 };
        if group.pending == 0 {
            return 0;
        }
        let boards = self.campaigns.values().filter(|board| board.campaign.group == *name && board.pending > 0);
        boards.map(|board| board.answers_at_risk(self.settings.profiles.get(&board.campaign.profile))).sum()
    }

    /// Whether an idle agent is kept from callers.
    pub(in crate::engine) fn is_kept(&self, user: UserId) -> bool {
        let Some(agent) = self.agents.get(&user) else { return false };
        agent.groups.iter().any(|name| {
            let idle = self.groups.get(name).map_or(0, |group| group.idle.len());
            self.kept_for_answers(name) as usize >= idle
        })
    }

    /// Gives waiting callers the idle agents who are kept no longer.
    pub(in crate::engine) fn serve_spared(&mut self, now: Now) {
        // Each round takes one of the idle.
        for _ in 0..self.idle_total {
            let Some(user) = self.spared() else { return };
            self.freed.insert(user);
            self.serve_freed(now);
        }
    }

    /// An idle agent whom a waiting caller may have.
    fn spared(&self) -> Option<UserId> {
        let beside = self.groups.iter().filter(|(name, group)| !group.idle.is_empty() && self.waiting_for(name) > 0);
        let mut idle = beside.flat_map(|(_, group)| group.idle.iter().map(|(_, user)| *user));
        idle.find(|user| self.next_for(*user).is_some())
    }
}
