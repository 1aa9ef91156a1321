//! From the answer to an agent, or to the information message: the seconds the law counts.
//!
//! Read [`Engine::attempt_answered`] first, then `seek_agent` and [`Engine::connect_deadline`].

use std::time::Duration;

use super::attempt::Stage;
use crate::engine::Engine;
use crate::engine::acd::agent::{PHONE_FAILED, Phone};
use crate::engine::acd::queue::PROMPT_LIMIT;
use crate::engine::command::Command;
use crate::engine::pacing::learned::Fate;
use crate::engine::timers::Timer;
use crate::model::agent::AgentState;
use crate::model::attempt::{AnsweredBy, CallRef};
use crate::model::disposition::Disposition;
use crate::model::id::{AttemptId, UserId};
use crate::model::time::{Instant, Now};

/// The information message is started this much before the deadline: a prompt is heard one packet (20 ms) and a turn of
/// the driver after it was asked for.
pub const MESSAGE_MARGIN: Duration = Duration::from_millis(200);

/// A phone rung per call that has had this long without answering has failed; with less, its agent is not to blame.
pub const PHONE_PATIENCE: Duration = Duration::from_secs(1);

impl Engine {
    /// A 200 came: from now on the connect deadline runs. An answer that crosses a cancellation is an answer (I-18).
    pub(in crate::engine) fn attempt_answered(&mut self, now: Now, id: AttemptId) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return self.stale() };
        match attempt.stage {
            Stage::Sending | Stage::Out | Stage::Cancelling { .. } => {}
            Stage::Recording
            | Stage::Classifying
            | Stage::Waiting
            | Stage::Consent { .. }
            | Stage::Connecting { .. }
            | Stage::Connected { .. }
            | Stage::Informing => return self.stale(),
        }
        self.note_outcome(now, id);
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        attempt.answered = Some(now);
        attempt.deadline = now.instant + attempt.connect_deadline.saturating_sub(MESSAGE_MARGIN);
        let (deadline, trunk) = (attempt.deadline, attempt.trunk.clone());
        let detects = attempt.campaign.detect_machines;
        self.leave(now, id);
        self.trunks.entry(trunk).or_default().works();
        for timer in [
            Timer::RingTimeout { attempt: id },
            Timer::RingMinimum { attempt: id },
            Timer::CancelOverdue { attempt: id },
        ] {
            self.timers.cancel(&timer);
        }
        self.timers.set(Timer::ConnectDeadline { attempt: id }, deadline);
        self.set_stage(id, Stage::Classifying);
        if detects {
            self.commands.push_back(Command::Classify { attempt: id });
        } else {
            self.person_answered(now, id);
        }
    }

    /// Machine detection has decided.
    pub(in crate::engine) fn attempt_classified(
        &mut self,
        now: Now,
        id: AttemptId,
        by: AnsweredBy,
        confidence: u8,
        took_ms: u32,
    ) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return self.stale() };
        if attempt.stage != Stage::Classifying {
            return self.stale();
        }
        attempt.classified = Some((by, confidence, took_ms));
        let disposition = match by {
            AnsweredBy::Person | AnsweredBy::Unsure => return self.person_answered(now, id),
            AnsweredBy::Machine | AnsweredBy::Announcement => Disposition::Machine,
            AnsweredBy::Fax => Disposition::Fax,
        };
        if let Some(board) = self.campaigns.get_mut(&attempt.campaign.key) {
            board.today.machines += 1;
        }
        self.learn_answer(now, id, Fate::Other);
        self.commands.push_back(Command::HangUp { call: CallRef::Outbound(id) });
        self.end_attempt(now, id, disposition, None);
    }

    fn person_answered(&mut self, now: Now, id: AttemptId) {
        let Some(attempt) = self.attempts.get(&id) else { return };
        if let Some(board) = self.campaigns.get_mut(&attempt.campaign.key) {
            board.today.answered += 1;
        }
        self.learn_answer(now, id, Fate::Person);
        self.seek_agent(now, id);
    }

    /// An idle agent at once, else the customer waits until the deadline, else hears the message.
    fn seek_agent(&mut self, now: Now, id: AttemptId) {
        let Some(attempt) = self.attempts.get(&id) else { return };
        let deadline = attempt.deadline;
        let late = now.instant >= deadline;
        let user = self.agent_for_customer(id);
        // At the deadline a phone that is up is heard at once; for one that has to be rung it is too late.
        if let Some(user) = user.filter(|user| !late || !self.is_rung_per_call(*user)) {
            return self.connect_customer(now, id, user);
        }
        if late {
            return self.inform(now, id);
        }
        self.set_stage(id, Stage::Waiting);
        self.timers.set(Timer::ConnectDeadline { attempt: id }, deadline);
    }

    fn is_rung_per_call(&self, user: UserId) -> bool {
        self.agents.get(&user).is_some_and(|agent| agent.phone == Phone::PerCall)
    }

    /// The customer must hear something now.
    pub(in crate::engine) fn connect_deadline(&mut self, now: Now, id: AttemptId) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        match attempt.stage {
            Stage::Classifying => {
                let took = attempt.answered.map_or(Duration::ZERO, |at| now.instant.since(at.instant));
                let took_ms = u32::try_from(took.as_millis()).unwrap_or(u32::MAX);
                attempt.classified = Some((AnsweredBy::Unsure, 0, took_ms));
                self.person_answered(now, id);
            }
            Stage::Waiting => self.inform(now, id),
            Stage::Connecting { user, since } => self.phone_too_slow(now, id, user, since),
            Stage::Recording
            | Stage::Sending
            | Stage::Out
            | Stage::Cancelling { .. }
            | Stage::Consent { .. }
            | Stage::Connected { .. }
            | Stage::Informing => {}
        }
    }

    /// The agent's phone, rung for this call, does not answer in time. A nailed-up leg is bridged in milliseconds.
    fn phone_too_slow(&mut self, now: Now, id: AttemptId, user: UserId, since: Instant) {
        let Some(agent) = self.agents.get_mut(&user) else { return };
        match agent.phone {
            Phone::PerCall => {}
            Phone::Up | Phone::Ringing { .. } | Phone::Down => return,
        }
        self.commands.push_back(Command::ReleaseAgent { user });
        self.let_go(id);
        self.inform(now, id);
        if now.instant.since(since) >= PHONE_PATIENCE {
            if let Some(agent) = self.agents.get_mut(&user) {
                agent.desk = None;
                agent.pause_next = None;
            }
            self.set_state(now, user, AgentState::NotReady { reason: PHONE_FAILED.to_owned() });
        } else {
            self.release_reserved(now, user);
        }
    }

    /// Plays the information message. Unless an agent had been connected before, the call is abandoned.
    fn inform(&mut self, now: Now, id: AttemptId) {
        self.timers.cancel(&Timer::ConnectDeadline { attempt: id });
        self.set_stage(id, Stage::Informing);
        let Some(attempt) = self.attempts.get(&id) else { return };
        if attempt.connected.is_none()
            && let Some(board) = self.campaigns.get_mut(&attempt.campaign.key)
        {
            board.today.abandoned += 1;
        }
        let (call, prompt) = (CallRef::Outbound(id), attempt.campaign.information_message.clone());
        self.commands.push_back(Command::Play { call, prompt, repeat: false });
        self.timers.set(Timer::PromptOverdue { call }, now.instant + PROMPT_LIMIT);
    }

    /// A prompt was played to the end, or its end is overdue.
    pub(in crate::engine) fn attempt_prompt_ended(&mut self, now: Now, id: AttemptId) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return self.stale() };
        let call = CallRef::Outbound(id);
        match attempt.stage {
            Stage::Consent { user } => {
                attempt.consent_heard = true;
                self.timers.cancel(&Timer::PromptOverdue { call });
                self.set_stage(id, Stage::Connecting { user, since: now.instant });
                self.bridge(call, user);
            }
            Stage::Informing => {
                self.commands.push_back(Command::HangUp { call });
                self.end_informed(now, id);
            }
            Stage::Recording
            | Stage::Sending
            | Stage::Out
            | Stage::Cancelling { .. }
            | Stage::Classifying
            | Stage::Waiting
            | Stage::Connecting { .. }
            | Stage::Connected { .. } => self.stale(),
        }
    }

    /// Customer and agent hear each other.
    pub(in crate::engine) fn customer_connected(&mut self, now: Now, id: AttemptId, user: UserId) {
        self.timers.cancel(&Timer::ConnectDeadline { attempt: id });
        self.set_stage(id, Stage::Connected { user });
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        attempt.agent = Some(user);
        if attempt.connected.is_some() {
            return; // counted when the first agent took it
        }
        attempt.connected = Some(now);
        if let Some(board) = self.campaigns.get_mut(&attempt.campaign.key) {
            board.today.connected += 1;
        }
    }

    /// The customer's agent is gone: the next one, within the deadline that is left; a new one if they were talking.
    pub(in crate::engine) fn customer_lost_agent(&mut self, now: Now, id: AttemptId, user: UserId) {
        if self.attempts.get(&id).is_some_and(|attempt| attempt.own_agent == Some(user)) {
            self.let_go(id);
        }
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        match attempt.stage {
            Stage::Consent { user: own } | Stage::Connecting { user: own, .. } if own == user => {}
            Stage::Connected { user: own } if own == user => {
                attempt.deadline = now.instant + attempt.connect_deadline.saturating_sub(MESSAGE_MARGIN);
            }
            Stage::Recording
            | Stage::Sending
            | Stage::Out
            | Stage::Cancelling { .. }
            | Stage::Classifying
            | Stage::Waiting
            | Stage::Consent { .. }
            | Stage::Connecting { .. }
            | Stage::Connected { .. }
            | Stage::Informing => return,
        }
        self.timers.cancel(&Timer::PromptOverdue { call: CallRef::Outbound(id) });
        self.seek_agent(now, id);
    }
}
