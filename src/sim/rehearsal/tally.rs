//! What a stretch came to, for one campaign and its agent group: counted from what the engine is told and says.
//!
//! Recorded and rehearsed traffic is counted by the same [`Tally`], hour by hour.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::traffic::{HOUR_MS, hour};
use crate::engine::command::Command;
use crate::engine::event::Event;
use crate::model::agent::AgentState;
use crate::model::attempt::{AnsweredBy, AttemptEnd, CallRef, InboundEnd, InboundOutcome};
use crate::model::disposition::Disposition;
use crate::model::id::{AttemptId, UserId};
use crate::model::name::{CampaignKey, GroupName};
use crate::model::settings::Settings;
use crate::model::time::{Now, Timestamp};
use crate::sim::figures::Day;

/// Counts of one hour.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Hour {
    /// Calls and agents.
    pub day: Day,
    /// How often the gate opened.
    pub gate_openings: u64,
}

/// Counts by the hour since 1970.
pub type Hours = BTreeMap<i64, Hour>;

impl Hour {
    /// Takes in the counts of another hour.
    pub fn add(&mut self, other: &Hour) {
        let (sum, more) = (&mut self.day, &other.day);
        sum.agent_s += more.agent_s;
        sum.outbound_busy_s += more.outbound_busy_s;
        sum.inbound_busy_s += more.inbound_busy_s;
        sum.dials += more.dials;
        sum.answered += more.answered;
        sum.connected += more.connected;
        sum.abandoned += more.abandoned;
        sum.machines += more.machines;
        sum.failures += more.failures;
        sum.no_answers += more.no_answers;
        sum.cancelled += more.cancelled;
        sum.inbound_offered += more.inbound_offered;
        sum.inbound_answered += more.inbound_answered;
        sum.inbound_in_time += more.inbound_in_time;
        sum.inbound_abandoned += more.inbound_abandoned;
        sum.answered_wait_s += more.answered_wait_s;
        sum.abandoned_wait_s += more.abandoned_wait_s;
        self.gate_openings += other.gate_openings;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// Not there, or paused.
    Away,
    Idle,
    Outbound,
    Inbound,
}

impl Work {
    fn of(state: &AgentState) -> Work {
        match state {
            AgentState::Connecting | AgentState::NotReady { .. } => Work::Away,
            AgentState::Ready | AgentState::Previewing { .. } | AgentState::Reserved { .. } => Work::Idle,
            AgentState::Talking { call } | AgentState::WrapUp { call, .. } => match call {
                CallRef::Outbound(_) => Work::Outbound,
                CallRef::Inbound(_) => Work::Inbound,
            },
        }
    }
}

/// Counts as it goes.
#[derive(Debug)]
pub struct Tally {
    campaign: CampaignKey,
    from: Timestamp,
    to: Timestamp,
    group: Option<GroupName>,
    settings: Option<Arc<Settings>>,
    groups_of: BTreeMap<UserId, Vec<GroupName>>,
    work: BTreeMap<UserId, (Timestamp, Work)>,
    /// Attempts of the campaign that have not ended; whether an agent was connected.
    open: BTreeMap<AttemptId, bool>,
    hours: Hours,
}

impl Tally {
    /// For a campaign and its group, from one time to another.
    pub fn new(campaign: CampaignKey, from: Timestamp, to: Timestamp) -> Tally {
        Tally {
            campaign,
            from,
            to,
            group: None,
            settings: None,
            groups_of: BTreeMap::new(),
            work: BTreeMap::new(),
            open: BTreeMap::new(),
            hours: Hours::new(),
        }
    }

    /// An input of the engine.
    pub fn told(&mut self, now: Now, event: &Event) {
        match event {
            Event::SettingsApplied { settings } => self.settings = Some(settings.clone()),
            Event::CampaignApplied { campaign, .. } if campaign.key == self.campaign => {
                self.group = Some(campaign.group.clone());
            }
            Event::AgentSignedIn { user, groups, .. } => {
                self.groups_of.insert(*user, groups.clone());
            }
            Event::AttemptSent { attempt, .. } if self.open.contains_key(attempt) => {
                self.count(now.timestamp, |hour| hour.day.dials += 1);
            }
            Event::Bridged { call: CallRef::Outbound(attempt), .. } => {
                let first = self.open.get_mut(attempt).is_some_and(|connected| !std::mem::replace(connected, true));
                if first {
                    self.count(now.timestamp, |hour| hour.day.connected += 1);
                }
            }
            _ => {} // figures need no more
        }
    }

    /// A command of the engine.
    pub fn said(&mut self, now: Now, command: &Command) {
        match command {
            Command::RecordIntent { intent } if intent.campaign == self.campaign => {
                self.open.insert(intent.attempt, false);
            }
            Command::RecordAttempt { end } => self.attempt_ended(end),
            Command::RecordInbound { end } => self.inbound_ended(end),
            Command::RecordAgentState { user, state, .. } => {
                let work = state.as_ref().map_or(Work::Away, Work::of);
                self.works(now.timestamp, *user, work);
            }
            Command::RecordGate { change } if change.open && Some(&change.group) == self.group.as_ref() => {
                self.count(now.timestamp, |hour| hour.gate_openings += 1);
            }
            _ => {} // figures need no more
        }
    }

    /// The counts, up to `at`.
    pub fn finish(mut self, at: Timestamp) -> Hours {
        let users: BTreeSet<UserId> = self.work.keys().copied().collect();
        users.into_iter().for_each(|user| self.works(at, user, Work::Away));
        self.hours
    }

    fn count(&mut self, at: Timestamp, change: impl FnOnce(&mut Hour)) {
        if (self.from..self.to).contains(&at) {
            change(self.hours.entry(hour(at)).or_default());
        }
    }

    fn attempt_ended(&mut self, end: &AttemptEnd) {
        let Some(connected) = self.open.remove(&end.attempt) else { return };
        let machine = end.classified.is_some_and(|(by, _, _)| match by {
            AnsweredBy::Machine | AnsweredBy::Fax | AnsweredBy::Announcement => true,
            AnsweredBy::Person | AnsweredBy::Unsure => false,
        });
        let answered = end.answered_at.is_some();
        self.count(end.ended_at, |hour| {
            let day = &mut hour.day;
            match end.disposition {
                Disposition::NotDialled => {}
                _ if answered && machine => day.machines += 1,
                _ if answered => {
                    day.answered += 1;
                    day.abandoned += u64::from(!connected && end.disposition == Disposition::Abandoned);
                }
                Disposition::NoAnswer | Disposition::Busy => day.no_answers += 1,
                Disposition::Cancelled => day.cancelled += 1,
                _ => day.failures += 1,
            }
        });
    }

    fn inbound_ended(&mut self, end: &InboundEnd) {
        let served = |settings: &Settings, group: &GroupName| {
            let queue = end.queue.as_ref()?;
            settings
                .groups
                .get(group)?
                .queues
                .contains(queue)
                .then(|| settings.queues.get(queue))?
                .map(|it| it.within_s)
        };
        let within_s = self.settings.as_ref().zip(self.group.as_ref()).and_then(|(all, group)| served(all, group));
        let Some(within_s) = within_s else { return };
        let waited = |until: Timestamp| until.since(end.offered_at).as_secs_f64();
        self.count(end.offered_at, |hour| {
            let day = &mut hour.day;
            match (end.outcome, end.connected_at) {
                (InboundOutcome::Closed | InboundOutcome::Unrouted, _) => return,
                (_, Some(connected)) => {
                    day.inbound_answered += 1;
                    day.answered_wait_s += waited(connected);
                    day.inbound_in_time += u64::from(waited(connected) <= within_s);
                }
                // Sent away is given up as well, by us.
                (_, None) => {
                    day.inbound_abandoned += 1;
                    day.abandoned_wait_s += waited(end.ended_at);
                }
            }
            day.inbound_offered += 1;
        });
    }

    /// An agent does something else from now on.
    fn works(&mut self, now: Timestamp, user: UserId, work: Work) {
        let before = self.work.insert(user, (now, work));
        let Some((since, was)) = before else { return };
        let own = self.group.as_ref().zip(self.groups_of.get(&user)).is_some_and(|(group, all)| all.contains(group));
        if was == Work::Away || !own {
            return;
        }
        let (mut at, end) = (since.max(self.from), now.min(self.to));
        while at < end {
            let next = Timestamp::from_millis((hour(at) + 1) * HOUR_MS).min(end);
            let span_s = next.since(at).as_secs_f64();
            self.count(at, |hour| {
                hour.day.agent_s += span_s;
                match was {
                    Work::Outbound => hour.day.outbound_busy_s += span_s,
                    Work::Inbound => hour.day.inbound_busy_s += span_s,
                    Work::Idle | Work::Away => {}
                }
            });
            at = next;
        }
    }
}
