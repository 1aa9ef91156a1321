//! An attempt's life, from the intent to its end.
//!
//! ```text
//!   Recording ─▶ Sending ─▶ Out ─┬──────────────▶ Classifying ─▶ Waiting ─▶ Consent ─▶ Connecting ─▶ Connected
//!                    │        │  └─▶ Cancelling ──(late answer)──▶ ▲          ▲  │          │            │
//!                    └────────┴──────────┴─▶ over                  │          └──┴─(agent lost)──────────┘
//!                                                 Informing ◀──────┘ (deadline: nobody is free)
//! ```
//!
//! Every path ends in [`Engine::end_attempt`], which records it once. From the answer the connect deadline runs, through
//! detection and waiting, until the customer hears an agent, the recording's consent prompt, or the information message.

use std::sync::Arc;
use std::time::Duration;

use super::board::Board;
use super::{cause, retry};
use crate::engine::Engine;
use crate::engine::command::{CancelReason, Command};
use crate::engine::event::OpenAttempt;
use crate::engine::guard;
use crate::engine::pacing::learned::Fate;
use crate::engine::timers::Timer;
use crate::model::agent::NoticeKind;
use crate::model::attempt::{AnsweredBy, AttemptEnd, CallFailure, CallRef, FailureKind, Refusal};
use crate::model::campaign::Campaign;
use crate::model::disposition::Disposition;
use crate::model::id::{AttemptId, UserId};
use crate::model::lead::{Lead, LeadNext, SuppressionReason};
use crate::model::name::{GroupName, TrunkName};
use crate::model::numbers::Numbers;
use crate::model::time::{Instant, Now};

/// The end of a cancelled call is reported by then (RFC 3261 timer B, 32 s, and a margin); if not, it is over.
pub const CANCEL_LIMIT: Duration = Duration::from_secs(40);
/// No call lasts longer (reliability.md I-42).
pub const CALL_LIMIT: Duration = Duration::from_secs(2 * 3600);

/// Where an attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The intent is on its way to the store.
    Recording,
    /// The driver was told to dial; the INVITE has not left.
    Sending,
    /// The INVITE left; it may ring.
    Out,
    /// Given up; an answer may still cross.
    Cancelling {
        /// Why.
        why: CancelReason,
    },
    /// Answered; person or machine?
    Classifying,
    /// A person waits for an agent.
    Waiting,
    /// An agent is reserved; the customer hears that the call is recorded.
    Consent {
        /// Who.
        user: UserId,
    },
    /// An agent is being connected.
    Connecting {
        /// Who.
        user: UserId,
        /// Since when.
        since: Instant,
    },
    /// Talks to an agent.
    Connected {
        /// Who.
        user: UserId,
    },
    /// Hears the information message.
    Informing,
}

impl Stage {
    /// On its way to an agent: what pacing counts.
    pub fn is_pending(self) -> bool {
        match self {
            Stage::Recording | Stage::Sending | Stage::Out | Stage::Classifying | Stage::Waiting => true,
            Stage::Cancelling { .. }
            | Stage::Consent { .. }
            | Stage::Connecting { .. }
            | Stage::Connected { .. }
            | Stage::Informing => false,
        }
    }

    /// Decided, and its INVITE has not left.
    pub fn is_sending(self) -> bool {
        matches!(self, Stage::Recording | Stage::Sending)
    }

    /// This agent is being connected.
    pub fn connects(self, agent: UserId) -> bool {
        matches!(self, Stage::Connecting { user, .. } if user == agent)
    }
}

/// One attempt.
#[derive(Debug)]
pub struct Attempt {
    /// The lead.
    pub lead: Lead,
    /// The campaign as it was when the dial was decided.
    pub campaign: Arc<Campaign>,
    /// The group whose agents it is for.
    pub group: GroupName,
    /// The trunk whose channel it holds.
    pub trunk: TrunkName,
    /// Where it is.
    pub stage: Stage,
    /// From the answer to an agent or the message.
    pub connect_deadline: Duration,
    /// Rings at least this long.
    pub ring_min: Duration,
    /// When the INVITE left.
    pub sent: Option<Now>,
    /// When it first rang.
    pub rang: Option<Now>,
    /// When it was answered.
    pub answered: Option<Now>,
    /// When an agent was first connected.
    pub connected: Option<Now>,
    /// When the customer must hear something.
    pub deadline: Instant,
    /// Who started it from a preview and is held for it: counted apart from what other agents must take.
    pub own_agent: Option<UserId>,
    /// The agent connected last.
    pub agent: Option<UserId>,
    /// What detection said.
    pub classified: Option<(AnsweredBy, u8, u32)>,
    /// The agent's result, once durable.
    pub result: Option<Disposition>,
    /// The customer has heard that the call is recorded.
    pub consent_heard: bool,
    /// The number was suppressed while the intent was on its way.
    pub suppressed: Option<SuppressionReason>,
    /// The driver was asked to take the dial back before its INVITE leaves.
    pub withdrawn: bool,
}

impl Engine {
    /// The one way an attempt's stage changes: keeps what pacing and assignment count.
    pub(in crate::engine) fn set_stage(&mut self, id: AttemptId, stage: Stage) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        let before = std::mem::replace(&mut attempt.stage, stage);
        let deadline = attempt.deadline;
        self.count_stage(id, Some(before), Some(stage), deadline);
    }

    /// Moves an attempt's weight from one stage to another; `None` is outside the tables.
    pub(in crate::engine) fn count_stage(
        &mut self,
        id: AttemptId,
        before: Option<Stage>,
        after: Option<Stage>,
        deadline: Instant,
    ) {
        let Some(attempt) = self.attempts.get(&id) else { return };
        let step = i32::from(after.is_some_and(Stage::is_pending)) - i32::from(before.is_some_and(Stage::is_pending));
        let count = |count: &mut u32| {
            *count = count.checked_add_signed(step).unwrap_or_else(|| panic!("an attempt was counted out twice"));
        };
        let held = attempt.own_agent.is_some();
        if let Some(board) = self.campaigns.get_mut(&attempt.campaign.key) {
            count(if held { &mut board.held } else { &mut board.pending });
            if before != after && !held {
                board.note_stage(id, attempt, before, -1);
                board.note_stage(id, attempt, after, 1);
            }
        }
        if let Some(group) = self.groups.get_mut(&attempt.group).filter(|_| !held) {
            count(&mut group.pending);
            if before == Some(Stage::Waiting) {
                group.answered.remove(&(deadline, id));
            }
            if after == Some(Stage::Waiting) {
                group.answered.insert((deadline, id));
            }
        }
        let step = i32::from(after.is_some_and(Stage::is_sending)) - i32::from(before.is_some_and(Stage::is_sending));
        if step != 0 {
            let trunk = self.trunks.entry(attempt.trunk.clone()).or_default();
            trunk.sending = trunk.sending.checked_add_signed(step).unwrap_or_default();
        }
    }

    /// The INVITE left.
    pub(in crate::engine) fn attempt_sent(&mut self, now: Now, id: AttemptId, trunk: TrunkName) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return self.stale() };
        let known = match attempt.stage {
            Stage::Sending | Stage::Cancelling { .. } => attempt.sent.is_some(),
            Stage::Recording
            | Stage::Out
            | Stage::Classifying
            | Stage::Waiting
            | Stage::Consent { .. }
            | Stage::Connecting { .. }
            | Stage::Connected { .. }
            | Stage::Informing => true,
        };
        if known {
            return self.stale();
        }
        self.leave(now, id);
        let Some(attempt) = self.attempts.get(&id) else { return };
        let (stage, own) = (attempt.stage, attempt.trunk.clone());
        let rings = attempt.ring_timeout();
        if stage == Stage::Sending {
            self.set_stage(id, Stage::Out);
            self.timers.set(Timer::RingTimeout { attempt: id }, now.instant + rings);
        }
        if own != trunk {
            self.give_channel(&own);
            self.take_channel(&trunk);
            if let Some(attempt) = self.attempts.get_mut(&id) {
                attempt.trunk = trunk;
            }
        }
    }

    /// Notes, once, that the INVITE left.
    pub(in crate::engine) fn leave(&mut self, now: Now, id: AttemptId) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        if attempt.sent.is_some() {
            return;
        }
        attempt.sent = Some(now);
        if let Some(board) = self.campaigns.get_mut(&attempt.campaign.key) {
            board.today.dialled += 1;
            board.used.dialled += 1;
        }
    }

    /// It rings: from now on the ring time counts.
    pub(in crate::engine) fn attempt_ringing(&mut self, now: Now, id: AttemptId) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return self.stale() };
        match attempt.stage {
            Stage::Out | Stage::Sending if attempt.rang.is_none() => attempt.rang = Some(now),
            Stage::Cancelling { .. } if attempt.rang.is_none() => {
                attempt.rang = Some(now);
                return;
            }
            Stage::Out | Stage::Sending | Stage::Cancelling { .. } => return, // a second 18x
            Stage::Recording
            | Stage::Classifying
            | Stage::Waiting
            | Stage::Consent { .. }
            | Stage::Connecting { .. }
            | Stage::Connected { .. }
            | Stage::Informing => return self.stale(),
        }
        let (rings, trunk, stage) = (attempt.ring_timeout(), attempt.trunk.clone(), attempt.stage);
        self.leave(now, id);
        if stage == Stage::Sending {
            self.set_stage(id, Stage::Out);
        }
        self.trunks.entry(trunk).or_default().works();
        self.timers.set(Timer::RingTimeout { attempt: id }, now.instant + rings);
    }

    /// It rang as long as the campaign wants.
    pub(in crate::engine) fn ring_timeout(&mut self, now: Now, id: AttemptId) {
        if self.attempts.get(&id).is_some_and(|attempt| attempt.stage == Stage::Out) {
            self.cancel_attempt(now, id, CancelReason::RingTimeout);
        }
    }

    /// An outcome at the very instant of its dial decides no further dial at that instant: a carrier that refuses at
    /// once would empty the hopper in one turn.
    pub(in crate::engine) fn note_outcome(&mut self, now: Now, id: AttemptId) {
        let sent = self.attempts.get(&id).and_then(|attempt| attempt.sent);
        if sent.is_some_and(|sent| sent.instant == now.instant) {
            self.outcome_at_once = Some(now.instant);
        }
    }

    /// Gives an attempt up that has not been answered.
    pub(in crate::engine) fn cancel_attempt(&mut self, now: Now, id: AttemptId, why: CancelReason) {
        self.set_stage(id, Stage::Cancelling { why });
        self.timers.cancel(&Timer::RingTimeout { attempt: id });
        self.timers.cancel(&Timer::RingMinimum { attempt: id });
        self.timers.set(Timer::CancelOverdue { attempt: id }, now.instant + CANCEL_LIMIT);
        self.commands.push_back(Command::CancelAttempt { attempt: id, why });
    }

    /// The end of a cancelled call was never reported.
    pub(in crate::engine) fn cancel_overdue(&mut self, now: Now, id: AttemptId) {
        let Some(attempt) = self.attempts.get(&id) else { return };
        let rang = attempt.rang.is_some();
        self.commands.push_back(Command::HangUp { call: CallRef::Outbound(id) });
        let kind = FailureKind::Cancelled;
        self.attempt_failed(now, id, CallFailure { kind, status: 0, q850: 0, rang, retry_after_s: None });
    }

    /// The information message was heard, or the customer hung up on it.
    pub(in crate::engine) fn end_informed(&mut self, now: Now, id: AttemptId) {
        let connected = self.attempts.get(&id).is_some_and(|attempt| attempt.connected.is_some());
        let disposition = if connected { Disposition::Disconnected } else { Disposition::Abandoned };
        self.end_attempt(now, id, disposition, None);
    }

    /// The agent hung up.
    pub(in crate::engine) fn connected_attempt_over(&mut self, now: Now, id: AttemptId) {
        let result = self.attempts.get(&id).and_then(|attempt| attempt.result);
        self.end_attempt(now, id, result.unwrap_or(Disposition::NotRecorded), None);
    }

    /// The customer hung up after the answer.
    pub(in crate::engine) fn attempt_hung_up(&mut self, now: Now, id: AttemptId) {
        let Some(attempt) = self.attempts.get(&id) else { return self.stale() };
        match attempt.stage {
            Stage::Connected { .. } => self.connected_attempt_over(now, id),
            Stage::Informing => self.end_informed(now, id),
            Stage::Waiting | Stage::Consent { .. } | Stage::Connecting { .. } if attempt.connected.is_some() => {
                self.end_attempt(now, id, Disposition::Disconnected, None);
            }
            Stage::Classifying => self.hung_up_early(now, id, 1, None),
            Stage::Waiting | Stage::Consent { .. } | Stage::Connecting { .. } => self.hung_up_early(now, id, 0, None),
            Stage::Recording | Stage::Sending | Stage::Out | Stage::Cancelling { .. } => self.stale(),
        }
    }

    /// A person answered and was gone before an agent was there. `answered` is 1 if the answer was not counted yet.
    fn hung_up_early(&mut self, now: Now, id: AttemptId, answered: u64, failure: Option<CallFailure>) {
        let key = self.attempts.get(&id).map(|attempt| &attempt.campaign.key);
        if let Some(board) = key.and_then(|key| self.campaigns.get_mut(key)) {
            board.today.answered += answered;
            board.today.hung_up += 1;
        }
        if answered > 0 {
            self.learn_answer(now, id, Fate::Person);
        }
        self.end_attempt(now, id, Disposition::HungUp, failure);
    }

    /// It ended before it was answered.
    pub(in crate::engine) fn attempt_failed(&mut self, now: Now, id: AttemptId, failure: CallFailure) {
        let Some(attempt) = self.attempts.get(&id) else { return self.stale() };
        let cancelled = match attempt.stage {
            Stage::Cancelling { why } => Some(why),
            Stage::Sending | Stage::Out => None,
            Stage::Recording
            | Stage::Classifying
            | Stage::Waiting
            | Stage::Consent { .. }
            | Stage::Connecting { .. }
            | Stage::Connected { .. }
            | Stage::Informing => return self.stale(),
        };
        self.note_outcome(now, id);
        // A driver that says anything but "cancelled" has sent the INVITE, whether it said so before or not.
        if failure.kind != FailureKind::Cancelled {
            self.leave(now, id);
        }
        let Some(attempt) = self.attempts.get(&id) else { return };
        let disposition = cause::disposition(&failure, cancelled, attempt.sent.is_some());
        let trunk = attempt.trunk.clone();
        if disposition == Disposition::HungUp {
            return self.hung_up_early(now, id, 1, Some(failure));
        }
        if cause::is_trunk_level(disposition) {
            let rest = self.trunks.entry(trunk.clone()).or_default().failed(&failure);
            self.rest_trunk(now, &trunk, rest.unwrap_or_default());
        } else if failure.status != 0 && failure.kind == FailureKind::Rejected {
            self.trunks.entry(trunk).or_default().works();
        }
        self.end_attempt(now, id, disposition, Some(failure));
    }

    /// The one end of every attempt: out of the tables, agent freed or wrapping up, recorded with what becomes of the
    /// lead.
    pub(in crate::engine) fn end_attempt(
        &mut self,
        now: Now,
        id: AttemptId,
        disposition: Disposition,
        failure: Option<CallFailure>,
    ) {
        let Some(attempt) = self.attempts.get(&id) else { return };
        let profile = self.settings.profiles.get(&attempt.campaign.profile);
        // A connected call is decided by the agent's result, recorded now or during wrap-up.
        let next = match (attempt.stage, attempt.suppressed) {
            (Stage::Connected { .. }, _) => None,
            (_, Some(_)) => Some(LeadNext::GivenUp),
            (_, None) => {
                let (campaign, Lead { attempts, numbers, .. }) = (&attempt.campaign, &attempt.lead);
                Some(retry::after_attempt(now.timestamp, campaign, profile, attempts, numbers, disposition))
            }
        };
        self.end_attempt_with(now, id, disposition, failure, next);
    }

    /// As [`Engine::end_attempt`], with what becomes of the lead.
    pub(in crate::engine) fn end_attempt_with(
        &mut self,
        now: Now,
        id: AttemptId,
        disposition: Disposition,
        failure: Option<CallFailure>,
        next: Option<LeadNext>,
    ) {
        let Some(attempt) = self.attempts.get(&id) else { return };
        self.count_stage(id, Some(attempt.stage), None, attempt.deadline);
        self.learn_unanswered(now, id, disposition);
        let Some(attempt) = self.attempts.remove(&id) else { return };
        let number = attempt.lead.number.clone();
        if self.numbers.get(&number) == Some(&id) {
            self.numbers.remove(&number);
        }
        self.give_channel(&attempt.trunk);
        let call = CallRef::Outbound(id);
        for timer in [
            Timer::RingTimeout { attempt: id },
            Timer::RingMinimum { attempt: id },
            Timer::ConnectDeadline { attempt: id },
            Timer::CancelOverdue { attempt: id },
            Timer::PromptOverdue { call },
            Timer::CallLimit { call },
        ] {
            self.timers.cancel(&timer);
        }
        if let Some(board) = self.campaigns.get_mut(&attempt.campaign.key) {
            board.live.remove(&id);
            let talked = attempt.connected.map(|since| now.instant.since(since.instant));
            board.used.talk_ms += talked.map_or(0, |talked| u64::try_from(talked.as_millis()).unwrap_or(u64::MAX));
            if let Some(at) = next.as_ref().and_then(LeadNext::again) {
                board.hopper.expect(now.instant + at.since(now.timestamp));
            }
        }
        let end = AttemptEnd {
            attempt: id,
            disposition,
            failure,
            rang_at: attempt.rang.map(|at| at.timestamp),
            answered_at: attempt.answered.map(|at| at.timestamp),
            connected_at: attempt.connected.map(|at| at.timestamp),
            ended_at: now.timestamp,
            agent: attempt.agent,
            classified: attempt.classified,
            next,
        };
        self.commands.push_back(Command::RecordAttempt { end });
        if disposition == Disposition::Unwanted {
            self.number_suppressed(now, &number, None, SuppressionReason::Unwanted);
        }
        let reserved = match attempt.stage {
            Stage::Connected { user } => return self.begin_wrap_up(now, user, call),
            Stage::Consent { user } | Stage::Connecting { user, .. } => Some(user),
            Stage::Recording
            | Stage::Sending
            | Stage::Out
            | Stage::Cancelling { .. }
            | Stage::Classifying
            | Stage::Waiting
            | Stage::Informing => attempt.own_agent,
        };
        let Some(user) = reserved else { return };
        if attempt.own_agent.is_none() {
            return self.release_reserved(now, user);
        }
        let what = match attempt.suppressed {
            Some(by) => NoticeKind::Refused { refusal: Refusal::Suppressed { by } },
            None => NoticeKind::Unreached { disposition },
        };
        self.release_caller(now, user, what, number);
    }

    /// What became of a dial that nobody answered. A failure of the trunk says nothing about customers.
    fn learn_unanswered(&mut self, now: Now, id: AttemptId, disposition: Disposition) {
        let Some(attempt) = self.attempts.get(&id) else { return };
        let Some(sent) = attempt.sent.filter(|_| attempt.answered.is_none()) else { return };
        if cause::is_trunk_level(disposition) {
            return;
        }
        let fate = match attempt.stage {
            Stage::Cancelling { why: CancelReason::RingTimeout } => Fate::Other,
            Stage::Cancelling { .. } => Fate::GivenUp,
            Stage::Recording
            | Stage::Sending
            | Stage::Out
            | Stage::Classifying
            | Stage::Waiting
            | Stage::Consent { .. }
            | Stage::Connecting { .. }
            | Stage::Connected { .. }
            | Stage::Informing => Fate::Other,
        };
        self.learn_fate(now, id, now.instant.since(sent.instant).as_secs_f64(), fate);
    }

    /// A dial was answered, by a person or by something else.
    pub(in crate::engine) fn learn_answer(&mut self, now: Now, id: AttemptId, fate: Fate) {
        let Some(attempt) = self.attempts.get(&id) else { return };
        if let (Some(sent), Some(answered)) = (attempt.sent, attempt.answered) {
            self.learn_fate(now, id, answered.instant.since(sent.instant).as_secs_f64(), fate);
        }
    }

    fn learn_fate(&mut self, now: Now, id: AttemptId, rang_s: f64, fate: Fate) {
        let Some(attempt) = self.attempts.get(&id) else { return };
        if let Some(board) = self.campaigns.get_mut(&attempt.campaign.key) {
            board.fates.observe(now.instant, attempt.lead.list, rang_s, fate);
        }
    }

    /// Attempts without an end when the program stopped: unknown, and at rest for the cool-off.
    pub(in crate::engine) fn recovered(&mut self, now: Now, attempts: Vec<OpenAttempt>) {
        for open in attempts.into_iter().filter(|open| !self.attempts.contains_key(&open.attempt)) {
            let outcome = if open.ended { Disposition::NotRecorded } else { Disposition::Unknown };
            let before = [(Disposition::Unknown, open.unknown_before)].into();
            let next = match self.campaigns.get(&open.campaign) {
                Some(board) => {
                    let profile = self.settings.profiles.get(&board.campaign.profile);
                    let numbers = Numbers::default();
                    retry::after_attempt(now.timestamp, &board.campaign, profile, &before, &numbers, outcome)
                }
                None => LeadNext::Retry { at: now.timestamp + guard::UNKNOWN_COOL_OFF },
            };
            if open.ended {
                let (lead, attempt, at) = (open.lead, open.attempt, now.timestamp);
                self.commands.push_back(Command::SettleLead { lead, attempt, next, at });
                continue;
            }
            let end = AttemptEnd {
                attempt: open.attempt,
                disposition: Disposition::Unknown,
                failure: None,
                rang_at: None,
                answered_at: None,
                connected_at: None,
                ended_at: now.timestamp,
                agent: None,
                classified: None,
                next: Some(next),
            };
            self.commands.push_back(Command::RecordAttempt { end });
        }
    }

    /// The driver could not start the call now.
    pub(in crate::engine) fn dial_deferred(&mut self, now: Now, id: AttemptId, refusal: Refusal) {
        let Some(attempt) = self.attempts.get(&id) else { return self.stale() };
        match attempt.stage {
            Stage::Sending | Stage::Cancelling { .. } if attempt.sent.is_none() => {}
            Stage::Recording
            | Stage::Sending
            | Stage::Out
            | Stage::Cancelling { .. }
            | Stage::Classifying
            | Stage::Waiting
            | Stage::Consent { .. }
            | Stage::Connecting { .. }
            | Stage::Connected { .. }
            | Stage::Informing => return self.stale(),
        }
        let trunk = attempt.trunk.clone();
        let taken_back = attempt.withdrawn || matches!(attempt.stage, Stage::Cancelling { .. });
        if let Some(board) = self.campaigns.get_mut(&attempt.campaign.key) {
            board.count(refusal);
        }
        if !taken_back {
            self.rest_trunk(now, &trunk, super::trunk::DEFERRED_REST);
        }
        self.end_refused(now, id, refusal);
    }
}

impl Board {
    /// An attempt of the campaign enters (`+1`) or leaves (`-1`) a stage.
    fn note_stage(&mut self, id: AttemptId, attempt: &Attempt, stage: Option<Stage>, step: i32) {
        match stage {
            Some(Stage::Out) => {
                let since = attempt.sent.map_or(Instant::ZERO, |sent| sent.instant);
                if step > 0 {
                    self.ringing.insert((since, id), attempt.lead.list);
                } else {
                    self.ringing.remove(&(since, id));
                }
            }
            Some(Stage::Classifying) => self.answering = self.answering.saturating_add_signed(step),
            Some(Stage::Waiting) => self.waiting = self.waiting.saturating_add_signed(step),
            Some(
                Stage::Recording
                | Stage::Sending
                | Stage::Cancelling { .. }
                | Stage::Consent { .. }
                | Stage::Connecting { .. }
                | Stage::Connected { .. }
                | Stage::Informing,
            )
            | None => {}
        }
    }
}

impl Attempt {
    /// How long it rings: as long as the campaign wants, never shorter than the law does.
    fn ring_timeout(&self) -> Duration {
        Duration::from_secs(u64::from(self.campaign.ring_timeout_s)).max(self.ring_min)
    }

    /// Whether it counts as dialled, and as answered by a person, among what is still open: the share of a new day.
    pub fn carried_over(&self) -> (bool, bool) {
        let open = self.sent.is_some() && self.connected.is_none();
        match self.stage {
            Stage::Recording | Stage::Sending | Stage::Out | Stage::Cancelling { .. } | Stage::Classifying => {
                (open, false)
            }
            Stage::Waiting | Stage::Consent { .. } | Stage::Connecting { .. } => (open, open),
            Stage::Connected { .. } | Stage::Informing => (false, false),
        }
    }
}
