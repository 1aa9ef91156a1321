//! One campaign as the engine runs it: its leads in hand, its attempts, its counts of today, and why it does not dial.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::decision::Account;
use super::hopper::Hopper;
use crate::engine::Engine;
use crate::engine::acd::gate::Gate;
use crate::engine::command::{Answer, Command, RequestRefusal};
use crate::engine::event::DayCounts;
use crate::engine::ledger::{self, Ledger};
use crate::engine::pacing::learned::{Fates, Handling};
use crate::engine::pacing::{Pacer, pacer};
use crate::engine::requests::Pending;
use crate::engine::stats;
use crate::engine::timers::Timer;
use crate::model::abandonment::{AbandonScope, AbandonTally, AbandonWindow};
use crate::model::attempt::{CallRef, Refusal};
use crate::model::campaign::{Campaign, CampaignState, WhenRecordingFails};
use crate::model::disposition::Disposition;
use crate::model::id::{AttemptId, LeadId, ListId, RequestId};
use crate::model::limits::{Limits, Used};
use crate::model::live_limits::LiveLimits;
use crate::model::name::CampaignKey;
use crate::model::profile::Profile;
use crate::model::recording::RecordingReason;
use crate::model::time::{Instant, Now};
use crate::model::zone::Zone;

/// One campaign at work.
pub struct Board {
    /// Its definition.
    pub campaign: Arc<Campaign>,
    /// What somebody set of its limits over that, as it is durable.
    pub limits_set: LiveLimits,
    /// What holds of it: the stricter, while a change is not durable yet.
    pub live_limits: LiveLimits,
    /// Whether it dials.
    pub state: CampaignState,
    /// It was paused by itself since somebody last asked for another state.
    pub paused_itself: bool,
    /// How many it starts.
    pub pacer: Box<dyn Pacer + Send>,
    /// Its own gate, used if it demands more idleness than its group.
    pub gate: Gate,
    /// Counts of today.
    pub today: DayCounts,
    /// What it has used since its beginning.
    pub used: Used,
    /// What a law's window is read from.
    pub ledger: Ledger,
    /// What the law's window held when it was last read, and today's counts then; `None`: the law looks at the day alone.
    pub legal: Option<(AbandonTally, AbandonTally)>,
    /// How often each reason held a dial back today: once for each lead that was refused, and once each time another
    /// reason became the binding one.
    pub refusals: BTreeMap<&'static str, u64>,
    /// What is to be told of it, and was told last.
    pub account: Account,
    /// Why it places no further dial at this moment.
    pub holding: Option<Refusal>,
    /// Its leads in hand.
    pub hopper: Hopper,
    /// Its attempts.
    pub live: BTreeSet<AttemptId>,
    /// Of these, on their way to an agent.
    pub pending: u32,
    /// Its attempts on their way to the agents who started them.
    pub held: u32,
    /// Leads that agents have laid aside lately, and when.
    pub aside: VecDeque<(Instant, LeadId)>,
    /// Of `pending`, ringing: since when, and with which list their leads came.
    pub ringing: BTreeMap<(Instant, AttemptId), ListId>,
    /// Of these, answered by who knows whom.
    pub answering: u32,
    /// Of these, waiting for an agent.
    pub waiting: u32,
    /// Agents with its customers: reserved for them, talking, or wrapping up after them.
    pub with_agents: u32,
    /// What was learned of its dials.
    pub fates: Fates,
    /// What was learned of how long agents are at work with its customers.
    pub handling: Handling,
    /// When it last placed a dial, counted in dials of the engine: whoever waited longest goes first among equals.
    pub last_dial: u64,
    /// The store failed to record an intent: nothing is tried before this.
    pub rests_until: Instant,
}

impl std::fmt::Debug for Board {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Board")
            .field("campaign", &self.campaign.key)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Board {
    /// A campaign without attempts.
    pub fn new(campaign: Arc<Campaign>, state: CampaignState, today: DayCounts) -> Board {
        Board {
            pacer: pacer(&campaign.pacing),
            campaign,
            limits_set: LiveLimits::default(),
            live_limits: LiveLimits::default(),
            state,
            paused_itself: false,
            gate: Gate::Closed,
            ledger: Ledger::found(Vec::new(), today.tally()),
            used: Used::default(),
            today,
            legal: None,
            refusals: BTreeMap::new(),
            account: Account::default(),
            holding: None,
            hopper: Hopper::default(),
            live: BTreeSet::new(),
            pending: 0,
            held: 0,
            aside: VecDeque::new(),
            ringing: BTreeMap::new(),
            answering: 0,
            waiting: 0,
            with_agents: 0,
            fates: Fates::default(),
            handling: Handling::default(),
            last_dial: 0,
            rests_until: Instant::ZERO,
        }
    }

    /// Whether no limit binds.
    pub fn is_unlimited(&self) -> bool {
        self.campaign.limits.is_empty() && self.live_limits.is_empty()
    }

    /// The limits that hold: the definition's, with what was set over them.
    pub fn limits(&self) -> Limits {
        let mut limits = self.campaign.limits.clone();
        limits.dials_per_day_max = self.live_limits.dials_per_day_max.or(limits.dials_per_day_max);
        limits
    }

    /// The cap that applies: the stricter of the campaign's, or what was set over it, and the profile's.
    pub fn abandon_rate_max(&self, profile: Option<&Profile>) -> f64 {
        let cap = self.live_limits.abandon_rate_max.unwrap_or(self.campaign.abandon_rate_max);
        profile.map_or(cap, |profile| cap.min(profile.abandon_rate_max))
    }

    /// Abandoned calls, and what they are a share of: of today, and of the law's window where it looks at another one.
    pub fn accounts(&self, profile: Option<&Profile>) -> impl Iterator<Item = (AbandonWindow, f64, f64)> {
        let measure = profile.map(|profile| profile.abandon).unwrap_or_default();
        let today = self.today.tally();
        let legal = self.legal.map(|(window, then)| (measure.window, window.plus(today.since(then))));
        let both = [Some((AbandonWindow::Day, today)), legal].into_iter().flatten();
        both.map(move |(window, tally)| {
            let (abandoned, whole) = measure.share_of(tally);
            (window, abandoned, whole)
        })
    }

    /// How many more calls may be abandoned, today and in the law's window.
    pub fn abandons_left(&self, profile: Option<&Profile>) -> u32 {
        let cap = self.abandon_rate_max(profile);
        let left = self.accounts(profile).map(|(_, abandoned, whole)| stats::abandons_left(abandoned, whole, cap));
        left.min().unwrap_or_default()
    }

    /// Answers of the attempts on their way that the abandon budget could not lose: with the budget spent all of them,
    /// else as many as are expected beyond it.
    pub fn answers_at_risk(&self, profile: Option<&Profile>) -> u32 {
        match self.abandons_left(profile) {
            0 => self.pending,
            left => {
                let expected = f64::from(self.pending) * stats::answer_share(&self.today);
                (expected.ceil() as u32).min(self.pending).saturating_sub(left)
            }
        }
    }

    /// Ringing lines, those of one second and one list together: how long they have rung, in seconds, the list, how many.
    pub fn ringing(&self, now: Instant) -> Vec<(f64, ListId, u32)> {
        let mut alike: Vec<(f64, ListId, u32)> = Vec::new();
        let mut second = (u64::MAX, 0);
        for ((since, _), list) in &self.ringing {
            let rang_s = now.since(*since).as_secs_f64();
            if second.0 != rang_s as u64 {
                second = (rang_s as u64, alike.len());
            }
            match alike[second.1..].iter_mut().find(|(_, other, _)| other == list) {
                Some((_, _, count)) => *count += 1,
                None => alike.push((rang_s, *list, 1)),
            }
        }
        alike
    }

    /// Attempts that were decided and whose INVITE has not left.
    pub fn not_sent(&self) -> u32 {
        let sent = u32::try_from(self.ringing.len()).unwrap_or(u32::MAX);
        self.pending.saturating_sub(sent).saturating_sub(self.answering).saturating_sub(self.waiting)
    }

    /// Of those who answer, the share who are people.
    pub fn person_share(&self) -> f64 {
        /// Answers that the first guess, everybody, weighs as much as.
        const GUESS: f64 = 5.0;
        let (people, machines) = (self.today.answered as f64, self.today.machines as f64);
        (people + GUESS) / (people + machines + GUESS)
    }

    /// Counts the refusal of a lead.
    pub fn count(&mut self, refusal: Refusal) {
        *self.refusals.entry(refusal.code()).or_default() += 1;
        self.account.note_refusal(refusal);
    }

    /// The binding reason from now on; counted when it changes.
    pub fn hold(&mut self, refusal: Option<Refusal>) {
        let changed = refusal.map(Refusal::code) != self.holding.map(Refusal::code);
        self.holding = refusal;
        if let Some(refusal) = refusal.filter(|_| changed) {
            *self.refusals.entry(refusal.code()).or_default() += 1;
        }
    }
}

impl Engine {
    /// A campaign was applied, or read at start.
    pub(in crate::engine) fn apply_campaign(
        &mut self,
        campaign: Arc<Campaign>,
        state: CampaignState,
        today: Option<DayCounts>,
    ) {
        let key = campaign.key.clone();
        match self.campaigns.get_mut(&key) {
            Some(board) => {
                board.pacer = pacer(&campaign.pacing);
                board.gate = if board.campaign.group == campaign.group { board.gate } else { Gate::Closed };
                let selects = board.campaign.leads != campaign.leads;
                board.campaign = campaign;
                board.state = state;
                if let Some(today) = today {
                    board.today = today;
                    board.ledger.begin_day(board.today.tally());
                    board.legal = None;
                }
                // What is in hand was chosen by the old selection.
                if selects {
                    board.hopper.empty();
                } else {
                    board.hopper.look_again();
                }
            }
            None => {
                self.campaigns.insert(key.clone(), Board::new(campaign, state, today.unwrap_or_default()));
            }
        }
        self.follow_state(&key);
    }

    /// The store told what happened before the start.
    pub(in crate::engine) fn books_recovered(
        &mut self,
        now: Now,
        campaign: &CampaignKey,
        hours: Vec<(i64, AbandonTally)>,
    ) {
        let Some(board) = self.campaigns.get_mut(campaign) else { return self.stale() };
        board.ledger = Ledger::found(hours, board.today.tally());
        self.read_books(now);
    }

    /// The store told what the campaign had used before the start.
    pub(in crate::engine) fn use_recovered(&mut self, campaign: &CampaignKey, used: Used) {
        match self.campaigns.get_mut(campaign) {
            Some(board) => board.used = used,
            None => self.stale(),
        }
    }

    /// Writes down what calls came to, and reads the windows of laws anew when something did or an hour has passed.
    pub(in crate::engine) fn keep_books(&mut self, now: Now) {
        let mut news = false;
        for board in self.campaigns.values_mut() {
            news |= board.ledger.write(now.timestamp, board.today.tally());
        }
        let hour = ledger::hour_of(now.timestamp);
        if news || hour != self.books_hour {
            self.books_hour = hour;
            self.read_books(now);
        }
    }

    fn read_books(&mut self, now: Now) {
        let zone = self.zone.clone().unwrap_or_else(Zone::utc);
        let measure_of = |board: &Board| self.settings.profiles.get(&board.campaign.profile).map(|it| it.abandon);
        let mut read: Vec<(CampaignKey, AbandonTally)> = Vec::new();
        for (key, board) in &self.campaigns {
            let Some(measure) = measure_of(board) else { continue };
            let Some(from) = ledger::began(measure.window, now.timestamp, &zone) else { continue };
            let alike = |other: &&Board| match measure.scope {
                AbandonScope::Campaign => other.campaign.key == *key,
                AbandonScope::Centre => other.campaign.profile == board.campaign.profile,
            };
            let books = self.campaigns.values().filter(alike).map(|board| board.ledger.since(from));
            read.push((key.clone(), books.fold(AbandonTally::default(), AbandonTally::plus)));
        }
        for board in self.campaigns.values_mut() {
            board.legal = None;
        }
        if !read.is_empty() {
            self.timers.set(Timer::Books, now.instant + ledger::hour_ends(now.timestamp).since(now.timestamp));
        }
        for (key, window) in read {
            if let Some(board) = self.campaigns.get_mut(&key) {
                board.legal = Some((window, board.today.tally()));
            }
        }
    }

    /// Somebody starts, pauses or ends a campaign. It stops at once and starts when that is durable.
    pub(in crate::engine) fn control_campaign(
        &mut self,
        now: Now,
        request: RequestId,
        campaign: CampaignKey,
        state: CampaignState,
    ) {
        let Some(board) = self.campaigns.get_mut(&campaign) else {
            return self.refuse(request, RequestRefusal::UnknownCampaign { campaign });
        };
        if board.state == CampaignState::Ended && state != CampaignState::Ended {
            return self.refuse(request, RequestRefusal::CampaignEnded);
        }
        if self.requests.is_full() {
            return self.refuse(request, RequestRefusal::StoreDown);
        }
        if state != CampaignState::Running {
            board.state = state;
        }
        board.paused_itself = false;
        let at = now.timestamp;
        let (request_of, key) = (Some(request), campaign.clone());
        self.commands.push_back(Command::RecordCampaignState {
            request: request_of,
            campaign: key,
            state,
            why: None,
            at,
        });
        self.requests.insert(request, Pending::CampaignState { campaign: campaign.clone(), state });
        self.follow_state(&campaign);
    }

    /// The store has answered a change of state. One that could not be stored leaves a campaign stopped.
    pub(in crate::engine) fn campaign_state_recorded(
        &mut self,
        request: RequestId,
        campaign: &CampaignKey,
        state: CampaignState,
        ok: bool,
    ) {
        let stops = self.requests.stops(campaign);
        if ok && let Some(board) = self.campaigns.get_mut(campaign) {
            // A pause that came in between holds, durable or not.
            let stopped = stops || board.paused_itself || board.state == CampaignState::Ended;
            let overtaken = state == CampaignState::Running && stopped;
            board.state = if overtaken { board.state } else { state };
        }
        self.follow_state(campaign);
        let refused = Answer::Refused { why: RequestRefusal::StoreDown };
        self.reply(request, if ok { Answer::Done } else { refused });
    }

    /// A recording could not be made or written: a campaign that is not to go on without them is paused at once.
    pub(in crate::engine) fn recording_failed(&mut self, now: Now, campaign: CampaignKey, why: RecordingReason) {
        let Some(board) = self.campaigns.get_mut(&campaign) else { return self.stale() };
        let pauses = board.campaign.recording.when_it_fails == WhenRecordingFails::Pause;
        if !pauses || board.state != CampaignState::Running {
            return;
        }
        board.state = CampaignState::Paused;
        board.paused_itself = true;
        self.follow_state(&campaign);
        let (state, why, at) = (CampaignState::Paused, Some(why), now.timestamp);
        self.commands.push_back(Command::RecordCampaignState { request: None, campaign, state, why, at });
    }

    fn follow_state(&mut self, key: &CampaignKey) {
        let Some(board) = self.campaigns.get_mut(key) else { return };
        match board.state {
            CampaignState::Running => {
                if let Some(group) = self.groups.get_mut(&board.campaign.group) {
                    group.agent_freed = true;
                }
            }
            CampaignState::Ready | CampaignState::Paused | CampaignState::Ended => {
                board.hopper.empty();
                self.timers.cancel(&Timer::LeadsDue { campaign: key.clone() });
            }
        }
    }

    /// A durable result counts: accepted offers of today, and the attempt's own disposition.
    pub(in crate::engine) fn note_result(
        &mut self,
        call: CallRef,
        campaign: Option<&CampaignKey>,
        before: Option<Disposition>,
        disposition: Disposition,
    ) {
        if let CallRef::Outbound(id) = call
            && let Some(attempt) = self.attempts.get_mut(&id)
        {
            attempt.result = Some(disposition);
        }
        let Some(board) = campaign.and_then(|key| self.campaigns.get_mut(key)) else { return };
        let was = before == Some(Disposition::Accepted);
        let is = disposition == Disposition::Accepted;
        match (was, is) {
            (false, true) => {
                board.today.accepted += 1;
                board.used.accepted += 1;
            }
            (true, false) => {
                board.today.accepted = board.today.accepted.saturating_sub(1);
                board.used.accepted = board.used.accepted.saturating_sub(1);
            }
            (true, true) | (false, false) => {}
        }
    }
}
