//! Every deadline of the engine, by name.
//!
//! It does not wait: the driver asks for the next deadline and comes back when it has passed. Read [`Timer`] first.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::attempt::CallRef;
use crate::model::id::{AttemptId, InboundId, UserId};
use crate::model::name::{CampaignKey, GroupName, TrunkName};
use crate::model::time::Instant;

/// What a deadline is for. At one instant they fire in this order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "timer")]
pub enum Timer {
    /// The day of the installation ends: counts of today begin anew.
    Midnight,
    /// An hour of UTC ends: what it held may leave the window of a law.
    Books,
    /// Smoothed idleness crosses a threshold, or the dwell is over.
    Gate {
        /// Whose gate.
        group: GroupName,
    },
    /// It rang as long as the campaign wants.
    RingTimeout {
        /// Which attempt.
        attempt: AttemptId,
    },
    /// It rang as long as the law wants, and may now be given up for inbound.
    RingMinimum {
        /// Which attempt.
        attempt: AttemptId,
    },
    /// The person who answered must hear an agent or the information message now.
    ConnectDeadline {
        /// Which attempt.
        attempt: AttemptId,
    },
    /// The end of a cancelled attempt was never reported.
    CancelOverdue {
        /// Which attempt.
        attempt: AttemptId,
    },
    /// The end of a prompt was never reported.
    PromptOverdue {
        /// To whom it is played.
        call: CallRef,
    },
    /// No call lasts longer.
    CallLimit {
        /// Which call.
        call: CallRef,
    },
    /// The caller waited as long as the queue allows.
    WaitLimit {
        /// Which call.
        call: InboundId,
    },
    /// Wrap-up ends by itself.
    WrapUp {
        /// Whose.
        user: UserId,
    },
    /// An agent looks at a lead for too long.
    Preview {
        /// Who.
        user: UserId,
    },
    /// The desk has been gone for too long.
    Presence {
        /// Whose.
        user: UserId,
    },
    /// The nailed-up phone is rung again.
    RingAgent {
        /// Whose.
        user: UserId,
    },
    /// A policy of dialling that goes by the clock wants to be asked.
    Pacing {
        /// Of which campaign.
        campaign: CampaignKey,
    },
    /// Why so many dials were placed may be told again.
    Explain {
        /// Of which campaign.
        campaign: CampaignKey,
    },
    /// Leads may be due.
    LeadsDue {
        /// For which campaign.
        campaign: CampaignKey,
    },
    /// Leads that were asked for never came.
    FetchOverdue {
        /// For which campaign.
        campaign: CampaignKey,
    },
    /// The store may be asked to record an intent again.
    StoreRest {
        /// For which campaign.
        campaign: CampaignKey,
    },
    /// The trunk may be tried again.
    TrunkCoolOff {
        /// Which trunk.
        trunk: TrunkName,
    },
}

/// The deadlines that are set, at most one of each name.
#[derive(Debug, Default)]
pub struct Timers {
    at: BTreeMap<Timer, Instant>,
    order: BTreeSet<(Instant, Timer)>,
}

impl Timers {
    /// Sets a deadline, or moves it.
    pub fn set(&mut self, timer: Timer, at: Instant) {
        if let Some(earlier) = self.at.insert(timer.clone(), at) {
            if earlier == at {
                return;
            }
            self.order.remove(&(earlier, timer.clone()));
        }
        self.order.insert((at, timer));
    }

    /// Takes a deadline back, if it is set.
    pub fn cancel(&mut self, timer: &Timer) {
        if let Some(at) = self.at.remove(timer) {
            self.order.remove(&(at, timer.clone()));
        }
    }

    /// When this one fires, if it is set.
    pub fn when(&self, timer: &Timer) -> Option<Instant> {
        self.at.get(timer).copied()
    }

    /// The next deadline.
    pub fn next(&self) -> Option<(Instant, &Timer)> {
        self.order.first().map(|(at, timer)| (*at, timer))
    }

    /// Takes the next deadline that has passed.
    pub fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        let (at, _) = self.order.first()?;
        if *at > now {
            return None;
        }
        let (_, timer) = self.order.pop_first()?;
        self.at.remove(&timer);
        Some(timer)
    }

    /// How many belong to calls and agents.
    pub fn of_calls(&self) -> usize {
        let lasting = |timer: &&Timer| match timer {
            Timer::Midnight
            | Timer::Books
            | Timer::Gate { .. }
            | Timer::Pacing { .. }
            | Timer::Explain { .. }
            | Timer::LeadsDue { .. }
            | Timer::FetchOverdue { .. }
            | Timer::StoreRest { .. }
            | Timer::TrunkCoolOff { .. } => true,
            Timer::RingTimeout { .. }
            | Timer::RingMinimum { .. }
            | Timer::ConnectDeadline { .. }
            | Timer::CancelOverdue { .. }
            | Timer::PromptOverdue { .. }
            | Timer::CallLimit { .. }
            | Timer::WaitLimit { .. }
            | Timer::WrapUp { .. }
            | Timer::Preview { .. }
            | Timer::Presence { .. }
            | Timer::RingAgent { .. } => false,
        };
        self.at.len() - self.at.keys().filter(lasting).count()
    }

    /// How many are set.
    pub fn len(&self) -> usize {
        self.at.len()
    }

    /// Whether none is set.
    pub fn is_empty(&self) -> bool {
        self.at.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Instant {
        Instant::from_micros(micros)
    }

    #[test]
    fn a_deadline_that_is_moved_fires_once_and_at_the_new_time() {
        let mut timers = Timers::default();
        let timer = Timer::WrapUp { user: UserId(1) };
        timers.set(timer.clone(), at(10));
        timers.set(timer.clone(), at(20));
        assert_eq!(timers.pop_due(at(15)), None);
        assert_eq!(timers.pop_due(at(20)), Some(timer));
        assert_eq!(timers.pop_due(at(30)), None);
        assert!(timers.is_empty());
    }

    #[test]
    fn deadlines_fire_in_the_order_of_time() {
        let mut timers = Timers::default();
        timers.set(Timer::Midnight, at(30));
        timers.set(Timer::Presence { user: UserId(2) }, at(10));
        timers.set(Timer::WrapUp { user: UserId(1) }, at(20));
        timers.cancel(&Timer::WrapUp { user: UserId(1) });
        assert_eq!(timers.next().map(|(at, _)| at), Some(at(10)));
        assert_eq!(timers.pop_due(at(99)), Some(Timer::Presence { user: UserId(2) }));
        assert_eq!(timers.pop_due(at(99)), Some(Timer::Midnight));
        assert_eq!(timers.len(), 0);
    }
}
