//! Placing dials: as many as the pacing wants, with leads that pass the guard, on trunks that have room.
//!
//! A dial is decided here, made durable by the store, and looked at once more before the INVITE leaves. Each thing that
//! holds it back has a reason, counted and shown. Read [`Engine::place`] and [`Engine::intent_recorded`] first.

use std::collections::BTreeSet;
use std::time::Duration;

use super::attempt::{Attempt, Stage};
use super::board::Board;
use super::{numbers, retry};
use crate::engine::Engine;
use crate::engine::acd::group::{Engagement, Group};
use crate::engine::command::Command;
use crate::engine::guard::{self, Called};
use crate::engine::pacing::Figures;
use crate::engine::timers::Timer;
use crate::model::agent::NoticeKind;
use crate::model::attempt::{Intent, Refusal};
use crate::model::campaign::{CampaignState, Pacing};
use crate::model::disposition::Disposition;
use crate::model::id::{AttemptId, UserId};
use crate::model::lead::{Lead, LeadNext};
use crate::model::limits::Used;
use crate::model::name::{CampaignKey, GroupName, TrunkName};
use crate::model::time::{Instant, Now};
use crate::model::zone::Zone;

/// After the store failed to record an intent, the campaign tries no other for this long.
pub const INTENT_FAILED_REST: Duration = Duration::from_secs(1);

impl Engine {
    /// Places the campaign's dials, one in `sharers` of what it has room for. Gives what holds the next one back.
    pub(super) fn place(&mut self, now: Now, key: &CampaignKey, sharers: u32) -> Option<Refusal> {
        let board = self.campaigns.get(key)?;
        if let Some(reason) = self.standing_reason(now, board) {
            return Some(reason);
        }
        let figures = self.figures(board);
        let wanted = board.pacer.place(&figures);
        if wanted == 0 {
            let unbound = board.pacer.place(&Figures { abandons_left: u32::MAX, ..figures });
            return Some(if unbound > 0 { Refusal::AbandonBudget } else { Refusal::Pacing });
        }
        // Rounded up: whoever has fewest agents in use has the one that is left.
        for _ in 0..wanted.div_ceil(sharers) {
            let board = self.campaigns.get(key)?;
            if let Some(reason) = self.limit_reached(now, board, self.not_left(board)) {
                return Some(reason);
            }
            if self.are_lines_reached(board, 1) {
                return Some(Refusal::LinesReached);
            }
            let trunk = match self.trunk_for(now, &board.campaign) {
                Ok(trunk) => trunk,
                Err(reason) => return Some(reason),
            };
            let previews = matches!(board.campaign.pacing, Pacing::Preview(_));
            let Some(lead) = self.next_lead(now, key) else { return Some(Refusal::NoLeadDue) };
            if previews {
                self.offer(now, key, lead);
            } else {
                self.begin_attempt(now, key, lead, trunk, None);
            }
        }
        Some(Refusal::Pacing)
    }

    /// What holds back every dial of the campaign, whatever the pacing says. The gravest first.
    pub(super) fn standing_reason(&self, now: Now, board: &Board) -> Option<Refusal> {
        let state = board.state;
        if state != CampaignState::Running || !self.settings.profiles.contains_key(&board.campaign.profile) {
            return Some(Refusal::CampaignState { state });
        }
        if self.draining {
            return Some(Refusal::Draining);
        }
        if let Some(reason) = self.limit_reached(now, board, 0) {
            return Some(reason);
        }
        if !self.store_up || board.rests_until > now.instant {
            return Some(Refusal::StoreDown);
        }
        if !self.clock_sure {
            return Some(Refusal::ClockUnsure);
        }
        let group = self.groups.get(&board.campaign.group).filter(|group| group.staffed > 0 && group.settings.outbound);
        let Some(group) = group else { return Some(Refusal::NoAgent) };
        if !group.gate.is_open() {
            return Some(Refusal::GateClosed);
        }
        if !own_gate_open(board) {
            return Some(Refusal::IdlenessBelowCampaign);
        }
        if group.slots() == 0 {
            return Some(Refusal::NoSlot);
        }
        None
    }

    /// The campaign's own limit that forbids one more dial beside `decided` ones that have not left.
    fn limit_reached(&self, now: Now, board: &Board, decided: u64) -> Option<Refusal> {
        if board.is_unlimited() {
            return None; // asked after every event
        }
        let today = self.zone.as_ref().map_or_else(|| Zone::utc().date(now.timestamp), |zone| zone.date(now.timestamp));
        let used = Used { dialled: board.used.dialled + decided, ..board.used };
        board.limits().reached(today, used, board.today.dialled + decided)
    }

    /// Whether more calls than somebody allowed at once would be on their way with so many `more`. 0: of a dial that is one of
    /// them.
    pub(super) fn are_lines_reached(&self, board: &Board, more: u64) -> bool {
        board.live_limits.lines_max.is_some_and(|most| self.lines_of(board) + more > u64::from(most))
    }

    /// The campaign's calls that nobody talks with, and leads that may become some at once.
    fn lines_of(&self, board: &Board) -> u64 {
        let talks = |attempt: &&Attempt| matches!(attempt.stage, Stage::Connecting { .. } | Stage::Connected { .. });
        let lines = board.live.iter().filter_map(|id| self.attempts.get(id)).filter(|attempt| !talks(attempt)).count();
        lines as u64 + self.offered_of(board)
    }

    /// Dials that are decided, by the campaign or by an agent's leave to start one, and have not left.
    fn not_left(&self, board: &Board) -> u64 {
        if board.is_unlimited() {
            return 0;
        }
        let waits = |attempt: &&Attempt| matches!(attempt.stage, Stage::Recording | Stage::Sending);
        let waiting = board.live.iter().filter_map(|id| self.attempts.get(id)).filter(waits).count();
        waiting as u64 + self.offered_of(board)
    }

    /// Leads of the campaign that are shown on desks: any of them may be dialled at once.
    fn offered_of(&self, board: &Board) -> u64 {
        let offers = self.offered.values().filter_map(|user| self.agents.get(user)?.offer.as_ref());
        offers.filter(|offer| offer.campaign.key == board.campaign.key).count() as u64
    }

    /// What the pacer may know.
    pub(in crate::engine) fn figures(&self, board: &Board) -> Figures {
        let profile = self.settings.profiles.get(&board.campaign.profile);
        let base = Figures {
            idle_total: self.idle_total,
            pending_own: board.pending,
            abandons_left: board.abandons_left(profile),
            ..Figures::default()
        };
        let Some(group) = self.groups.get(&board.campaign.group) else {
            let pending = board.pending;
            return Figures { pending, pending_alike: pending, pending_risked: pending, ..base };
        };
        let open = own_gate_open(board) && group.settings.outbound;
        let idle = u32::try_from(group.idle.len()).unwrap_or(u32::MAX);
        let idle = idle.min(self.idle_left_by_others(&board.campaign.group, group));
        let figures = Figures {
            slots: if open { group.slots() } else { 0 },
            idle_with_slot: if open { idle.min(group.slots_free()) } else { 0 },
            pending: group.pending,
            pending_alike: group.pending,
            pending_risked: group.pending,
            agent_freed: group.agent_freed,
            ..base
        };
        if group.pending == board.pending {
            return figures;
        }
        // A line too many may cost the customer of any campaign that has lines: the smallest budget counts.
        let budgets =
            self.beside(board).map(|other| other.abandons_left(self.settings.profiles.get(&other.campaign.profile)));
        let abandons_left = budgets.fold(figures.abandons_left, u32::min);
        let (mut agents, mut risked) = (0.0, 0.0);
        for other in self.beside(board) {
            let (lines, counted_on) = (f64::from(other.pending), other.pacer.agents_per_line(abandons_left == 0));
            agents += lines * counted_on;
            risked += if other.pacer.forecast().is_some() { lines * counted_on } else { lines };
        }
        // Rounded down: of a part of an agent a line may still be had.
        let down = |lines: f64| (lines + 1e-9).floor() as u32;
        Figures {
            abandons_left,
            pending_alike: board.pending + down(agents / board.pacer.agents_per_line(abandons_left == 0)),
            pending_risked: board.pending + down(risked),
            ..figures
        }
    }

    /// Other campaigns of the group that have lines on their way.
    fn beside<'e>(&'e self, own: &'e Board) -> impl Iterator<Item = &'e Board> {
        let (key, group) = (&own.campaign.key, &own.campaign.group);
        let others = self.campaigns.values().filter(move |other| other.campaign.key != *key);
        others.filter(move |other| other.pending > 0 && other.campaign.group == *group)
    }

    /// Where agents are in several outbound groups, one idle agent must not be held for two attempts: all idle agents of
    /// the groups that share agents with this one, less what those groups have on its way.
    fn idle_left_by_others(&self, own: &GroupName, group: &Group) -> u32 {
        let others = self.groups.iter().filter(|(name, group)| *name != own && group.settings.outbound);
        if self.in_many_groups == 0 || others.map(|(_, other)| other.pending).sum::<u32>() == 0 {
            return u32::MAX; // nothing is on its way that could need them
        }
        let mut names: BTreeSet<&GroupName> = BTreeSet::new();
        for agent in group.members.iter().filter_map(|user| self.agents.get(user)) {
            names.extend(agent.groups.iter());
        }
        let others = || names.iter().filter(|name| **name != own).filter_map(|name| self.groups.get(*name));
        let mut idle: BTreeSet<UserId> = group.idle.iter().map(|(_, user)| *user).collect();
        let mut pending = 0u32;
        for other in others().filter(|other| other.settings.outbound) {
            idle.extend(other.idle.iter().map(|(_, user)| *user));
            pending = pending.saturating_add(other.pending);
        }
        u32::try_from(idle.len()).unwrap_or(u32::MAX).saturating_sub(pending)
    }

    /// The next lead that the guard lets pass. Those it refuses are counted and put off.
    fn next_lead(&mut self, now: Now, key: &CampaignKey) -> Option<Lead> {
        loop {
            let lead = match self.promise_to_keep(now, key) {
                Some(lead) => lead,
                None => {
                    let lead = self.campaigns.get_mut(key)?.hopper.leads.pop_front()?;
                    let Some(lead) = self.waits_for_agent(now, key, lead) else { continue };
                    lead
                }
            };
            let Err((refusal, next)) = self.judge(now, key, &lead) else { return Some(lead) };
            self.put_off(now, key, &lead, next, refusal);
        }
    }

    /// Whether a lead may be dialled, by what was known when it was fetched. If not, why, and what becomes of it.
    pub(super) fn judge(&self, now: Now, key: &CampaignKey, lead: &Lead) -> Result<(), (Refusal, LeadNext)> {
        let rules = self.campaigns.get(key).and_then(|board| {
            let profile = self.settings.profiles.get(&board.campaign.profile)?;
            Some((board, profile))
        });
        let Some((board, profile)) = rules else {
            let state = CampaignState::Paused;
            return Err((
                Refusal::CampaignState { state },
                LeadNext::Retry { at: now.timestamp + guard::PUT_OFF_HOLD },
            ));
        };
        let (campaign, facts) = (&board.campaign, &lead.facts);
        if self.numbers.contains_key(&lead.number) || self.offered.contains_key(&lead.number) {
            let refusal = Refusal::NumberBusy;
            return Err((
                refusal,
                guard::after_refusal(now.timestamp, campaign, profile, Called::of(lead), facts, refusal),
            ));
        }
        if counted_attempts(lead) >= campaign.attempts_max {
            return Err((Refusal::AttemptCap, LeadNext::GivenUp));
        }
        guard::check(now.timestamp, campaign, board.state, profile, Called::of(lead), facts).map_err(|refusal| {
            let next = guard::after_refusal(now.timestamp, campaign, profile, Called::of(lead), facts, refusal);
            (refusal, numbers::instead(now.timestamp, campaign, Some(profile), lead, refusal, next))
        })
    }

    pub(super) fn put_off(&mut self, now: Now, key: &CampaignKey, lead: &Lead, next: LeadNext, refusal: Refusal) {
        let Some(board) = self.campaigns.get_mut(key) else { return };
        board.count(refusal);
        if let Some(at) = next.again() {
            board.hopper.expect(now.instant + at.since(now.timestamp));
        }
        self.commands.push_back(Command::PutOffLead { campaign: key.clone(), lead: lead.id, next, refusal });
    }

    /// An attempt begins, for any agent or for the one who starts it.
    pub(super) fn begin_attempt(
        &mut self,
        now: Now,
        key: &CampaignKey,
        lead: Lead,
        trunk: TrunkName,
        own_agent: Option<UserId>,
    ) -> Option<AttemptId> {
        let id = AttemptId(self.mint.next(now.timestamp));
        self.dials += 1;
        let board = self.campaigns.get_mut(key)?;
        board.last_dial = self.dials;
        board.account.note_dial();
        board.live.insert(id);
        let campaign = board.campaign.clone();
        let profile = self.settings.profiles.get(&campaign.profile);
        let seconds = |s: Option<f64>| s.and_then(|s| Duration::try_from_secs_f64(s).ok()).unwrap_or_default();
        let connect_deadline = seconds(profile.map(|profile| profile.connect_deadline_s));
        let ring_min = seconds(profile.map(|profile| profile.ring_min_s));
        let intent = Intent {
            attempt: id,
            campaign: key.clone(),
            lead: lead.id,
            number: lead.number.clone(),
            caller_id: campaign.caller_id_for(&lead.number).clone(),
            trunk: trunk.clone(),
            at: now.timestamp,
            zones: lead.zones.clone(),
            kind: lead.numbers.kind,
            tzdata: self.settings.tzdata.clone(),
            number_of_attempt: counted_attempts(&lead),
        };
        self.numbers.insert(lead.number.clone(), id);
        self.take_channel(&trunk);
        let attempt = Attempt {
            lead,
            group: campaign.group.clone(),
            trunk,
            stage: Stage::Recording,
            connect_deadline,
            ring_min,
            campaign,
            sent: None,
            rang: None,
            answered: None,
            connected: None,
            deadline: Instant::ZERO,
            own_agent,
            agent: None,
            classified: None,
            result: None,
            consent_heard: false,
            suppressed: None,
            withdrawn: false,
        };
        self.attempts.insert(id, attempt);
        self.count_stage(id, None, Some(Stage::Recording), Instant::ZERO);
        self.commands.push_back(Command::RecordIntent { intent });
        Some(id)
    }

    /// The intent is durable. The last look: has anything changed since it was decided?
    pub(in crate::engine) fn intent_recorded(&mut self, now: Now, id: AttemptId) {
        let Some(attempt) = self.attempts.get(&id).filter(|attempt| attempt.stage == Stage::Recording) else {
            return self.stale();
        };
        let key = attempt.campaign.key.clone();
        let (campaign, trunk) = (attempt.campaign.clone(), attempt.trunk.clone());
        let refusal = self.second_thought(now, &key, attempt);
        let trunks = self.trunks_for_dial(now, &campaign, &trunk);
        let refusal = refusal.or_else(|| trunks.is_empty().then_some(Refusal::TrunkDown));
        if let Some(refusal) = refusal {
            if let Some(board) = self.campaigns.get_mut(&key) {
                board.count(refusal);
            }
            return self.end_refused(now, id, refusal);
        }
        let Some(attempt) = self.attempts.get(&id) else { return };
        let number = attempt.lead.number.clone();
        let caller_id = campaign.caller_id_for(&number).clone();
        self.commands.push_back(Command::Dial { attempt: id, number, caller_id, trunks });
        self.set_stage(id, Stage::Sending);
    }

    fn second_thought(&self, now: Now, key: &CampaignKey, attempt: &Attempt) -> Option<Refusal> {
        if let Some(by) = attempt.suppressed {
            return Some(Refusal::Suppressed { by });
        }
        let board = self.campaigns.get(key)?;
        let standing = self.standing_reason(now, board).or_else(|| {
            // The store may have stalled over the intent: the window of its customer is looked at again (I-6).
            let profile = self.settings.profiles.get(&attempt.campaign.profile)?;
            let open = guard::is_open_for(now.timestamp, &attempt.campaign, profile, Called::of(&attempt.lead));
            (!open).then_some(Refusal::OutsideWindow)
        });
        // One that its agent has started needs no other.
        let needs_agent = attempt.own_agent.is_none();
        standing.or_else(|| (needs_agent && self.excess(key).0 > 0).then_some(Refusal::NoSlot))
    }

    /// Ends an attempt that was not dialled after all; who started it is told why.
    pub(super) fn end_refused(&mut self, now: Now, id: AttemptId, refusal: Refusal) {
        let held = self.attempts.get(&id).and_then(|attempt| Some((attempt.own_agent?, attempt.lead.number.clone())));
        self.end_attempt(now, id, Disposition::NotDialled, None);
        if let Some((user, number)) = held {
            self.notify(now, user, NoticeKind::Refused { refusal }, number);
        }
    }

    /// The store's last look at the number said no: there is no attempt.
    pub(in crate::engine) fn intent_refused(&mut self, now: Now, id: AttemptId, refusal: Refusal) {
        let Some(attempt) = self.attempts.get(&id).filter(|attempt| attempt.stage == Stage::Recording) else {
            return self.stale();
        };
        let (key, lead) = (attempt.campaign.key.clone(), attempt.lead.clone());
        let next = match self.settings.profiles.get(&attempt.campaign.profile) {
            Some(profile) => {
                let (campaign, at) = (&attempt.campaign, now.timestamp);
                let next = guard::after_refusal(at, campaign, profile, Called::of(&lead), &lead.facts, refusal);
                numbers::instead(at, campaign, Some(profile), &lead, refusal, next)
            }
            None => LeadNext::Retry { at: now.timestamp + guard::PUT_OFF_HOLD },
        };
        let own_agent = attempt.own_agent;
        self.forget_attempt(id);
        self.put_off(now, &key, &lead, next, refusal);
        if let Some(user) = own_agent {
            self.release_caller(now, user, NoticeKind::Refused { refusal }, lead.number);
        }
    }

    /// The intent could not be recorded, or nobody knows whether it was: nothing is dialled, and its end is written in
    /// case it was.
    pub(in crate::engine) fn intent_failed(&mut self, now: Now, id: AttemptId) {
        let Some(attempt) = self.attempts.get(&id).filter(|attempt| attempt.stage == Stage::Recording) else {
            return self.stale();
        };
        if let Some(board) = self.campaigns.get_mut(&attempt.campaign.key) {
            board.count(Refusal::StoreDown);
            board.rests_until = now.instant + INTENT_FAILED_REST;
            let campaign = attempt.campaign.key.clone();
            self.timers.set(Timer::StoreRest { campaign }, board.rests_until);
        }
        let next = LeadNext::Retry { at: now.timestamp + retry::REQUEUE };
        let held = self.attempts.get(&id).and_then(|attempt| Some((attempt.own_agent?, attempt.lead.number.clone())));
        self.end_attempt_with(now, id, Disposition::NotDialled, None, Some(next));
        if let Some((user, number)) = held {
            self.notify(now, user, NoticeKind::Refused { refusal: Refusal::StoreDown }, number);
        }
    }

    /// Takes an attempt out of the tables that never existed for the store.
    fn forget_attempt(&mut self, id: AttemptId) {
        let Some(attempt) = self.attempts.get(&id) else { return };
        self.count_stage(id, Some(attempt.stage), None, attempt.deadline);
        let Some(attempt) = self.attempts.remove(&id) else { return };
        if self.numbers.get(&attempt.lead.number) == Some(&id) {
            self.numbers.remove(&attempt.lead.number);
        }
        self.give_channel(&attempt.trunk);
        if let Some(board) = self.campaigns.get_mut(&attempt.campaign.key) {
            board.live.remove(&id);
        }
    }

    /// Idle agents over all groups, each counted once.
    pub(in crate::engine) fn count_idle(&mut self, before: Engagement, after: Engagement) {
        let step = i32::from(after == Engagement::Idle) - i32::from(before == Engagement::Idle);
        self.idle_total = self.idle_total.checked_add_signed(step).unwrap_or_default();
    }
}

/// A campaign that demands more idleness than its group has a gate of its own.
fn own_gate_open(board: &Board) -> bool {
    board.campaign.idle_threshold_min.is_none() || board.gate.is_open()
}

/// Attempts of the lead that counted.
fn counted_attempts(lead: &Lead) -> u32 {
    lead.attempts.iter().filter(|(disposition, _)| disposition.counts_as_attempt()).map(|(_, count)| *count).sum()
}
