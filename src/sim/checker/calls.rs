//! What must be true of every call to a customer, from the answer to its one end.

use std::time::Duration;

use super::{Checker, Due};
use crate::engine::command::CancelReason;
use crate::model::attempt::{AnsweredBy, AttemptEnd, CallRef};
use crate::model::disposition::Disposition;
use crate::model::id::AttemptId;
use crate::model::phone::PhoneNumber;
use crate::model::time::Now;

/// A number that is suppressed while it rings is given up within this (I-2).
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(2);
/// Times are counted in microseconds.
const ROUNDING: Duration = Duration::from_micros(10);

impl Checker {
    pub(super) fn answered(&mut self, now: Now, id: AttemptId) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if !call.dialled || call.ended || call.answered.is_some() {
            return; // told twice, or too late
        }
        call.answered = Some(now.instant);
        if call.cancelled {
            self.agents_lost = Some(now.instant); // to one on whom no agent waited any more
        }
        let campaign = call.campaign.clone();
        self.answers.entry(campaign.clone()).or_default().answered += 1;
        if let Some(within) = self.rules.get(&campaign).and_then(|rules| rules.heard_within) {
            self.due.insert((now.instant + within + ROUNDING, Due::Heard(id)));
        }
    }

    pub(super) fn classified(&mut self, id: AttemptId, by: AnsweredBy) {
        let machine = match by {
            AnsweredBy::Person | AnsweredBy::Unsure => false,
            AnsweredBy::Machine | AnsweredBy::Fax | AnsweredBy::Announcement => true,
        };
        let Some(call) = self.calls.get_mut(&id).filter(|call| machine && !call.machine && !call.heard) else { return };
        call.machine = true;
        if call.answered.is_some()
            && let Some(answers) = self.answers.get_mut(&call.campaign)
        {
            answers.answered = answers.answered.saturating_sub(1);
        }
    }

    /// The call is over. A customer who answered must have heard somebody before; a machine need not.
    pub(super) fn hung_up(&mut self, now: Now, call: CallRef) {
        let CallRef::Outbound(id) = call else { return };
        let Some(call) = self.calls.get_mut(&id) else { return };
        let heard = std::mem::replace(&mut call.heard, true);
        if call.answered.is_some() && !heard && !call.machine && !call.ended {
            self.violated(now, "I-32", format!("{id} was answered and is hung up without a word"));
        }
    }

    /// Customer and agent hear each other.
    pub(super) fn bridged(&mut self, call: CallRef) {
        if let CallRef::Outbound(id) = call {
            self.call(id, |call| (call.heard, call.connected) = (true, true));
        }
    }

    /// The customer hears the message: abandoned, unless an agent was there before.
    pub(super) fn message(&mut self, id: AttemptId) {
        self.with.remove(&CallRef::Outbound(id));
        let Some(call) = self.calls.get_mut(&id) else { return };
        let first = !call.connected;
        call.heard = true;
        if !first {
            return;
        }
        let (decided, given, campaign) = (call.decided, call.given, call.campaign.clone());
        let group = self.rules.get(&campaign).map(|rules| &rules.group);
        let beside = self.agents.values().any(|desk| desk.idle && group.is_some_and(|name| desk.groups.contains(name)));
        // Not for want of agents: a phone was too slow, or there was no time left to ring one; or agents went meanwhile.
        let excused = given || beside || self.agents_lost.is_some_and(|at| at >= decided);
        if let Some(answers) = self.answers.get_mut(&campaign) {
            answers.abandoned += 1;
        }
        if excused {
            *self.excused.entry(campaign).or_default() += 1;
        }
    }

    pub(super) fn cancelled(&mut self, now: Now, id: AttemptId, why: CancelReason) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.cancelled = true;
        let Some(since) = call.rang.or(call.sent) else { return };
        let rang = now.instant.since(since);
        let minimum = match why {
            CancelReason::Suppressed => Duration::ZERO,
            CancelReason::RingTimeout | CancelReason::InboundNeedsAgents | CancelReason::Stopped => {
                self.rules.get(&call.campaign).map_or(Duration::ZERO, |rules| rules.ring_min)
            }
        };
        if rang < minimum {
            self.violated(now, "I-33", format!("{id} is given up after {} s ({why:?})", rang.as_secs_f64()));
        }
    }

    pub(super) fn suppression_told(&mut self, now: Now, number: &PhoneNumber) {
        let own = self.by_number.get(number).into_iter().flatten();
        let ringing = own.filter(|id| {
            let call = self.calls.get(id);
            call.is_some_and(|call| call.dialled && call.is_pending() && call.answered.is_none())
        });
        let due: Vec<_> = ringing.map(|id| (now.instant + GIVEN_UP_WITHIN, Due::GivenUp(*id))).collect();
        self.due.extend(due);
    }

    pub(super) fn look_at_due(&mut self, now: Now, due: Due) {
        match due {
            Due::Heard(id) if self.calls.get(&id).is_some_and(|call| !call.heard && !call.ended) => {
                self.violated(now, "I-32", format!("{id} was answered, and nobody spoke in time"));
            }
            Due::GivenUp(id)
                if self.calls.get(&id).is_some_and(|call| call.is_pending() && call.answered.is_none()) =>
            {
                self.violated(now, "I-2", format!("{id} still rings after its number was suppressed"));
            }
            Due::Heard(_) | Due::GivenUp(_) => {}
        }
    }

    pub(super) fn ended(&mut self, now: Now, end: &AttemptEnd) {
        let id = end.attempt;
        let Some(call) = self.calls.get_mut(&id) else { return }; // of an intent that never was
        let twice = std::mem::replace(&mut call.ended, true);
        call.outcome = Some(end.disposition);
        call.heard = true;
        let (answered, dialled) = (end.answered_at.is_some(), call.dialled);
        self.with.remove(&CallRef::Outbound(id));
        self.over.push(CallRef::Outbound(id));
        if twice {
            self.violated(now, "I-13", format!("{id} ended twice"));
        }
        let sums = match end.disposition {
            Disposition::Abandoned | Disposition::HungUp => end.connected_at.is_none() && dialled,
            Disposition::Machine | Disposition::Fax => answered && end.connected_at.is_none(),
            Disposition::Unknown => !answered,
            Disposition::NotDialled => !answered && end.connected_at.is_none(),
            Disposition::Busy
            | Disposition::NoAnswer
            | Disposition::InvalidNumber
            | Disposition::Rejected
            | Disposition::Unwanted
            | Disposition::Congestion
            | Disposition::TrunkFailure
            | Disposition::Cancelled => !answered && dialled,
            Disposition::Accepted
            | Disposition::Considering
            | Disposition::Declined
            | Disposition::Callback
            | Disposition::WrongPerson
            | Disposition::AgentMachine
            | Disposition::Disconnected
            | Disposition::DoNotCall
            | Disposition::Complaint
            | Disposition::Handled
            | Disposition::Other
            | Disposition::NotRecorded => end.connected_at.is_some() && end.agent.is_some(),
        };
        if !sums {
            self.violated(now, "I-16", format!("{id} ended as {} and that does not fit its call", end.disposition));
        }
    }
}
