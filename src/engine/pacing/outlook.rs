//! What a pacer sees beyond the figures: each call that comes, each agent at work, each caller who waits.
//!
//! A look through a window, not a copy: whoever needs one number walks past the others, and a policy that needs none of
//! them costs nothing. Read [`Outlook`] first.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Figures;
use super::learned::{Fates, Handling, Shifts};
use super::yardstick::{Load, Service};
use crate::engine::acd::group::{Engagement, Group};
use crate::engine::acd::queue::Queue;
use crate::engine::dialer::board::Board;
use crate::engine::event::DayCounts;
use crate::engine::stats::QueueDay;
use crate::model::id::UserId;
use crate::model::name::{CampaignKey, GroupName, ProfileName, QueueName};
use crate::model::profile::Profile;
use crate::model::time::{Instant, Now};
use crate::model::zone::Zone;

/// The group of the campaign that is asked, with everything on its way to it.
#[derive(Debug)]
pub struct Outlook<'e> {
    pub(in crate::engine) name: &'e GroupName,
    pub(in crate::engine) group: &'e Group,
    pub(in crate::engine) queues: &'e BTreeMap<QueueName, Queue>,
    pub(in crate::engine) boards: &'e BTreeMap<CampaignKey, Board>,
    pub(in crate::engine) own: &'e Board,
    pub(in crate::engine) lacking: f64,
    pub(in crate::engine) profiles: &'e BTreeMap<ProfileName, Profile>,
    pub(in crate::engine) zone: Option<&'e Zone>,
}

/// What a busy agent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// With a customer, or about to be.
    Talking,
    /// Wrapping up.
    WrappingUp,
}

/// An agent of the group who is not idle and not paused.
#[derive(Clone, Debug)]
pub struct Busy {
    /// Who.
    pub user: UserId,
    /// With what kind of call.
    pub engagement: Engagement,
    /// What the agent does.
    pub phase: Phase,
    /// Since when.
    pub since: Instant,
    /// The campaign whose customer it is.
    pub customer_of: Option<CampaignKey>,
}

impl<'e> Outlook<'e> {
    /// Agents of the group who are at work.
    pub fn busy(&self) -> impl Iterator<Item = &'e Busy> + 'e {
        self.group.busy.values()
    }

    /// How long an agent may be at what it is at: with customers that differs from campaign to campaign.
    pub fn handling(&self, busy: &Busy) -> &'e Handling {
        match &busy.customer_of {
            Some(key) => self.boards.get(key).map_or(&self.own.handling, |board| &board.handling),
            None => &self.group.shifts.inbound,
        }
    }

    /// Agents of the group who are signed in and not paused.
    pub fn staffed(&self) -> u32 {
        self.group.staffed
    }

    /// Idle agents whom outbound may have; below 0: as many agents as callers and the reserve are short of.
    pub fn agents_free(&self, figures: &Figures) -> i64 {
        if figures.idle_with_slot > 0 {
            return i64::from(figures.idle_with_slot);
        }
        let wanted = i64::from(self.group.waiting) + i64::from(self.group.reserve());
        (self.group.idle.len() as i64 - wanted).min(0)
    }

    /// The campaign's own knowledge of what becomes of dials.
    pub fn fates(&self) -> &'e Fates {
        &self.own.fates
    }

    /// What was learned of the group's agents and callers.
    pub fn shifts(&self) -> &'e Shifts {
        &self.group.shifts
    }

    /// The campaigns of the group.
    pub fn boards(&self) -> impl Iterator<Item = &'e Board> + '_ {
        self.boards.values().filter(|board| board.campaign.group == *self.name)
    }

    /// The cap that applies to the campaign.
    pub fn abandon_rate_max(&self) -> f64 {
        self.own.abandon_rate_max(self.profile(self.own))
    }

    /// The part of its fair share of the group's agents that the campaign lacks, 0 to 1.
    pub fn lacking(&self) -> f64 {
        self.lacking
    }

    /// The campaign and those beside it whose customers a line of it may leave without an agent.
    pub fn at_stake(&self) -> impl Iterator<Item = &'e Board> + '_ {
        let own = &self.own.campaign.key;
        self.boards().filter(move |board| board.pending > 0 || board.campaign.key == *own)
    }

    /// The rules that hold for a campaign.
    pub fn profile(&self, board: &Board) -> Option<&'e Profile> {
        self.profiles.get(&board.campaign.profile)
    }

    /// Whether the campaign's ringing lines may be given up.
    pub fn may_cancel_ringing(&self) -> bool {
        self.own.campaign.may_cancel_ringing
    }

    /// How long a customer who answered may wait, in seconds.
    pub fn connect_deadline_s(&self) -> f64 {
        self.profile(self.own).map_or(0.0, |profile| profile.connect_deadline_s)
    }

    /// Today's callers of the queues that the group serves: counts, and the share to be answered in time.
    pub fn callers_today(&self) -> (QueueDay, f64) {
        let queues = self.group.settings.queues.iter().filter_map(|name| self.queues.get(name));
        let (mut sum, mut weighted) = (QueueDay::default(), 0.0);
        for queue in queues {
            let day = &queue.day;
            sum.offered += day.offered;
            sum.answered += day.answered;
            sum.answered_in_time += day.answered_in_time;
            sum.abandoned += day.abandoned;
            sum.overflowed += day.overflowed;
            weighted += day.offered as f64 * queue.settings.service_level_target;
        }
        (sum, if sum.offered > 0 { weighted / sum.offered as f64 } else { 0.0 })
    }

    /// What callers would get if the campaign's agents were dialled for progressively, by what was learned.
    pub fn under_progressive(&self, now: Now) -> Service {
        let (shifts, fates) = (&self.group.shifts, &self.own.fates);
        let queues = self.group.settings.queues.iter().filter_map(|name| self.queues.get(name));
        let within_s = queues.map(|queue| queue.settings.within_s).fold(f64::INFINITY, f64::min);
        let load = Load {
            agents: self.group.staffed,
            reserve: self.group.reserve(),
            callers_per_s: shifts.callers_steady.per_s(now.instant),
            inbound_s: shifts.inbound.mean_s(),
            outbound_s: self.own.handling.mean_s(),
            connects_per_s: fates.connects_per_s(),
            give_ups_per_s: shifts.patience.give_ups_per_s(),
            within_s: if within_s.is_finite() { within_s } else { 0.0 },
        };
        load.under_progressive()
    }

    /// Agents who are signed in to the group, whatever they do.
    pub fn signed_in(&self) -> u32 {
        u32::try_from(self.group.members.len()).unwrap_or(u32::MAX)
    }

    /// Customers who answered and wait for an agent of the group.
    pub fn waiting_customers(&self) -> u32 {
        u32::try_from(self.group.answered.len()).unwrap_or(u32::MAX)
    }

    /// Callers who wait in its queues.
    pub fn waiting_callers(&self) -> u32 {
        self.group.waiting
    }

    /// How long the callers in its queues have waited, per queue the longest first.
    pub fn callers(&self, now: Now) -> impl Iterator<Item = Duration> + '_ {
        let queues = self.group.settings.queues.iter().filter_map(|name| self.queues.get(name));
        queues.flat_map(move |queue| queue.waiting.iter().map(move |(since, _)| now.instant.since(*since)))
    }

    /// Whether its agents take callers too.
    pub fn is_blended(&self) -> bool {
        !self.group.settings.queues.is_empty()
    }

    /// The campaign's counts of today.
    pub fn today(&self) -> &DayCounts {
        &self.own.today
    }

    /// What a clock on the wall of the installation shows, as hours × 100 + minutes.
    pub fn wall_clock(&self, now: Now) -> u32 {
        let utc = Zone::utc();
        let zone = self.zone.unwrap_or(&utc).as_jiff().clone();
        let time = now.timestamp.to_jiff().to_zoned(zone).time();
        u32::from(time.hour().unsigned_abs()) * 100 + u32::from(time.minute().unsigned_abs())
    }
}
