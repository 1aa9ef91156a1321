//! Whose turn it is: how campaigns of one group share its agents.
//!
//! Higher priority goes first. Among equals whoever has fewest agents in use does, whatever its lines come to and however
//! long its talks are: agents at work with its customers count, and the part of one that each of its lines counts on. Read
//! [`Engine::pace`] first.

use std::cmp::Reverse;

use super::board::Board;
use crate::engine::Engine;
use crate::engine::pacing::{Outlook, Progressive};
use crate::engine::timers::Timer;
use crate::model::campaign::CampaignState;
use crate::model::name::{CampaignKey, GroupName};
use crate::model::time::Now;

/// A campaign in the order in which they dial.
struct Turn {
    priority: u8,
    /// Agents in use, in thousandths.
    in_use: u64,
    /// When it dialled last; of those alike whoever waited longest goes first.
    last_dial: u64,
    key: CampaignKey,
    group: GroupName,
    /// It runs and has leads.
    dials: bool,
}

impl Turn {
    fn rank(&self) -> (Reverse<u8>, u64, u64, &CampaignKey) {
        (Reverse(self.priority), self.in_use, self.last_dial, &self.key)
    }

    /// Whether both ask for the same agents with the same right.
    fn vies_with(&self, other: &Turn) -> bool {
        other.dials && self.priority == other.priority && self.group == other.group
    }
}

impl Engine {
    /// Places dials for all campaigns.
    pub(in crate::engine) fn pace(&mut self, now: Now) {
        let mut turns: Vec<Turn> = self.campaigns.values().map(|board| self.turn_of(board)).collect();
        turns.sort_by(|one, other| one.rank().cmp(&other.rank()));
        for turn in &turns {
            self.look_ahead(now, &turn.key, lacking(turn, &turns));
        }
        // First a part of what there is room for, then what others left.
        for (place, turn) in turns.iter().enumerate().filter(|(_, turn)| turn.dials && turns.len() > 1) {
            let sharers = turns[place..].iter().filter(|other| turn.vies_with(other)).count();
            self.place(now, &turn.key, sharers as u32);
        }
        for turn in &turns {
            let reason = self.place(now, &turn.key, 1);
            if let Some(board) = self.campaigns.get_mut(&turn.key) {
                board.hold(reason);
            }
            self.explain(now, &turn.key);
        }
        for group in self.groups.values_mut() {
            group.agent_freed = false;
        }
    }

    fn turn_of(&self, board: &Board) -> Turn {
        let counted_on = match board.pending {
            0 => 0.0, // so it is with most campaigns, and this is asked after every event
            lines => f64::from(lines) * board.pacer.agents_per_line(self.figures(board).abandons_left == 0),
        };
        Turn {
            priority: board.campaign.priority,
            in_use: ((f64::from(board.with_agents) + counted_on) * 1000.0).round() as u64,
            last_dial: board.last_dial,
            key: board.campaign.key.clone(),
            group: board.campaign.group.clone(),
            dials: board.state == CampaignState::Running && !board.hopper.is_empty(),
        }
    }

    /// Shows the campaign's pacer what there is, and sets the timer of its next look.
    fn look_ahead(&mut self, now: Now, key: &CampaignKey, lacking: f64) {
        let Some(board) = self.campaigns.get(key) else { return };
        let figures = self.figures(board);
        let timer = Timer::Pacing { campaign: key.clone() };
        if board.state != CampaignState::Running {
            if board.pacer.next_look().is_some() {
                self.timers.cancel(&timer);
            }
            return;
        }
        let Some(board) = self.campaigns.get_mut(key) else { return };
        // Out of the board while it looks at all boards.
        let mut pacer = std::mem::replace(&mut board.pacer, Box::new(Progressive::default()));
        if let Some(own) = self.campaigns.get(key)
            && let Some(group) = self.groups.get(&own.campaign.group)
        {
            let (name, profiles, zone) = (&own.campaign.group, &self.settings.profiles, self.zone.as_ref());
            let (queues, boards) = (&self.queues, &self.campaigns);
            let outlook = Outlook { name, group, queues, boards, own, lacking, profiles, zone };
            pacer.look(now, &figures, &outlook);
        }
        if let Some(at) = pacer.next_look() {
            self.timers.set(timer, at);
        }
        if let Some(board) = self.campaigns.get_mut(key) {
            board.pacer = pacer;
        }
    }
}

/// The part of its fair share of the agents in use that a campaign lacks: 0 where it has it or more, 1 where it has none.
fn lacking(turn: &Turn, turns: &[Turn]) -> f64 {
    let (mut sum, mut sharers) = (0, 0);
    for other in turns.iter().filter(|other| turn.vies_with(other)) {
        sum += other.in_use;
        sharers += 1;
    }
    let fair = sum as f64 / f64::from(sharers.max(1));
    if turn.dials && fair > 0.0 { (1.0 - turn.in_use as f64 / fair).max(0.0) } else { 0.0 }
}
