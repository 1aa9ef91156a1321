//! Yielding: ringing attempts beyond what agents can take are given up, long before inbound suffers.
//!
//! Dials that still wait for their trunk go first: nobody's phone has rung. What rings is not given up before the
//! profile's minimum ring time, unless the campaign says so; a timer then looks again. A suppression does not wait (reliability.md I-2). An answered call is never given up. A paused or ended campaign, and a program
//! that drains, let go of all that rings in the same way.

use crate::engine::Engine;
use crate::engine::command::{CancelReason, Command};
use crate::engine::timers::Timer;
use crate::model::campaign::CampaignState;
use crate::model::id::AttemptId;
use crate::model::lead::{LeadNext, SuppressionReason};
use crate::model::name::CampaignKey;
use crate::model::phone::PhoneNumber;
use crate::model::time::{Instant, Now};

use super::attempt::{Attempt, Stage};

impl Engine {
    /// Gives up what rings in excess; campaigns of low priority first, and in each what has rung longest.
    pub(in crate::engine) fn yield_ringing(&mut self, now: Now) {
        let mut order: Vec<(u8, CampaignKey)> = Vec::new();
        for (key, board) in self.campaigns.iter().filter(|(_, board)| board.pending + board.held > 0) {
            order.push((board.campaign.priority, key.clone()));
        }
        order.sort();
        for (_, key) in order {
            let (excess, why) = self.excess(&key);
            if excess > 0 {
                self.give_up(now, &key, excess, why);
            }
        }
    }

    /// How many attempts of the campaign are more than the agents can take.
    pub(in crate::engine) fn excess(&self, key: &CampaignKey) -> (u32, CancelReason) {
        let Some(board) = self.campaigns.get(key) else { return (0, CancelReason::Stopped) };
        if self.draining || board.state != CampaignState::Running {
            return (board.pending + board.held, CancelReason::Stopped);
        }
        let figures = self.figures(board);
        let keep = board.pacer.keep(&figures);
        (figures.pending_alike.saturating_sub(keep).min(board.pending), CancelReason::InboundNeedsAgents)
    }

    fn give_up(&mut self, now: Now, key: &CampaignKey, excess: u32, why: CancelReason) {
        let Some(board) = self.campaigns.get(key) else { return };
        let mut left = excess;
        let mut unsent: Vec<AttemptId> = Vec::new();
        let mut out: Vec<(Instant, AttemptId)> = Vec::new();
        for id in &board.live {
            let Some(attempt) = self.attempts.get(id) else { continue };
            if attempt.own_agent.is_some() && why != CancelReason::Stopped {
                continue; // it has its agent
            }
            match attempt.stage {
                // Its intent is looked at again when it is durable, and ended there.
                Stage::Recording => left = left.saturating_sub(1),
                Stage::Sending if attempt.withdrawn => left = left.saturating_sub(1),
                Stage::Sending => unsent.push(*id),
                Stage::Out if !attempt.campaign.may_cancel_ringing => {} // it rings to its end
                Stage::Out => {
                    let since = attempt.rang.or(attempt.sent).map_or(now.instant, |at| at.instant);
                    let minimum = attempt.ring_min;
                    let rings_free = attempt.campaign.cancel_before_ring_min;
                    out.push((if rings_free { since } else { since + minimum }, *id));
                }
                Stage::Cancelling { .. }
                | Stage::Classifying
                | Stage::Waiting
                | Stage::Consent { .. }
                | Stage::Connecting { .. }
                | Stage::Connected { .. }
                | Stage::Informing => {}
            }
        }
        // The youngest has waited least for its turn.
        for id in unsent.into_iter().rev().take(left as usize) {
            left -= 1;
            self.withdraw(id);
        }
        out.sort();
        for (allowed, id) in out.into_iter().take(left as usize) {
            if allowed <= now.instant {
                self.cancel_attempt(now, id, why);
            } else {
                self.timers.set(Timer::RingMinimum { attempt: id }, allowed);
            }
        }
    }

    fn withdraw(&mut self, id: AttemptId) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        attempt.withdrawn = true;
        self.commands.push_back(Command::WithdrawDial { attempt: id });
    }

    /// A number was suppressed: out of all hoppers, and its ringing attempt is given up at once.
    pub(in crate::engine) fn number_suppressed(
        &mut self,
        now: Now,
        number: &PhoneNumber,
        campaign: Option<&CampaignKey>,
        reason: SuppressionReason,
    ) {
        let applies = |key: &CampaignKey| campaign.is_none_or(|only| only == key);
        let refusal = crate::model::attempt::Refusal::Suppressed { by: reason };
        for (key, board) in self.campaigns.iter_mut().filter(|(key, _)| applies(key)) {
            for lead in board.hopper.drop_number(number) {
                board.count(refusal);
                let (campaign, next) = (key.clone(), LeadNext::GivenUp);
                self.commands.push_back(Command::PutOffLead { campaign, lead, next, refusal });
            }
        }
        self.suppress_offer(now, number, refusal, applies);
        // Usually one at most: a person's other numbers are on lists of their own seldom.
        let theirs = |attempt: &Attempt| applies(&attempt.campaign.key) && attempt.lead.is_called_at(number);
        let ids: Vec<AttemptId> =
            self.attempts.iter().filter(|(_, attempt)| theirs(attempt)).map(|(id, _)| *id).collect();
        for id in ids {
            self.suppress_attempt(now, id, reason);
        }
    }

    fn suppress_attempt(&mut self, now: Now, id: AttemptId, reason: SuppressionReason) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        match attempt.stage {
            Stage::Recording => attempt.suppressed = Some(reason),
            Stage::Sending | Stage::Out => {
                attempt.suppressed = Some(reason);
                self.cancel_attempt(now, id, CancelReason::Suppressed);
            }
            Stage::Cancelling { .. } => attempt.suppressed = Some(reason),
            // Left to the agent, whose result decides.
            Stage::Classifying
            | Stage::Waiting
            | Stage::Consent { .. }
            | Stage::Connecting { .. }
            | Stage::Connected { .. }
            | Stage::Informing => {}
        }
    }
}
