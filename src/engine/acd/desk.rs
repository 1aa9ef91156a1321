//! What an agent does at the desk: ready, pause, hang up, wrap-up, sign out. Recording a result is `result`.

use std::time::Duration;

use super::agent::{Desk, Phone, Recorded};
use crate::engine::Engine;
use crate::engine::command::{Answer, Command, RequestRefusal};
use crate::engine::event::AgentAction;
use crate::engine::timers::Timer;
use crate::model::agent::AgentState;
use crate::model::attempt::CallRef;
use crate::model::id::{RequestId, SessionId, UserId};
use crate::model::time::Now;

impl Engine {
    /// An agent acts; the answer goes to the request.
    pub(in crate::engine) fn act(
        &mut self,
        now: Now,
        request: RequestId,
        user: UserId,
        session: SessionId,
        action: AgentAction,
    ) {
        let Some(agent) = self.agents.get_mut(&user) else {
            return self.refuse(request, RequestRefusal::NotSignedIn);
        };
        if agent.session != session {
            return self.refuse(request, RequestRefusal::Replaced);
        }
        if agent.notice.take().is_some() {
            self.changed_agents.insert(user);
        }
        let done = match action {
            AgentAction::Ready => self.press_ready(now, user),
            AgentAction::NotReady { reason } => self.press_not_ready(now, user, reason),
            AgentAction::HangUp => self.press_hang_up(now, user),
            AgentAction::ExtendWrapUp => self.extend_wrap_up(now, user),
            AgentAction::StartCall { lead } => self.start_call(now, user, lead),
            AgentAction::SkipLead { lead, reason } => self.skip_lead(now, user, lead, &reason),
            AgentAction::SignOut if agent.in_call() => Err(wrong_state(&agent.state)),
            AgentAction::SignOut => {
                self.sign_out(now, user);
                Ok(())
            }
            AgentAction::Record { call, outcome } => match self.record_result(now, request, user, call, outcome) {
                Ok(()) => return, // answered when it is durable
                Err(why) => Err(why),
            },
        };
        match done {
            Ok(()) => self.reply(request, Answer::Done),
            Err(why) => self.refuse(request, why),
        }
    }

    fn press_ready(&mut self, now: Now, user: UserId) -> Result<(), RequestRefusal> {
        let Some(agent) = self.agents.get_mut(&user) else { return Err(RequestRefusal::NotSignedIn) };
        agent.pause_next = None;
        match &agent.state {
            AgentState::Ready | AgentState::Previewing { .. } => {}
            AgentState::Connecting => agent.ready_next = true,
            // During a call it takes back a pause that was asked for.
            AgentState::Reserved { .. } | AgentState::Talking { .. } => {}
            AgentState::WrapUp { .. } => self.finish_wrap_up(now, user),
            AgentState::NotReady { .. } => match agent.phone {
                Phone::PerCall | Phone::Up => self.set_state(now, user, AgentState::Ready),
                Phone::Ringing { .. } => {
                    agent.ready_next = true;
                    self.set_state(now, user, AgentState::Connecting);
                }
                Phone::Down => {
                    agent.ready_next = true;
                    agent.phone = Phone::Ringing { tries: 1 };
                    self.commands.push_back(Command::RingAgent { user });
                    self.set_state(now, user, AgentState::Connecting);
                }
            },
        }
        self.touch(user);
        Ok(())
    }

    fn press_not_ready(&mut self, now: Now, user: UserId, reason: String) -> Result<(), RequestRefusal> {
        let Some(agent) = self.agents.get_mut(&user) else { return Err(RequestRefusal::NotSignedIn) };
        match &agent.state {
            AgentState::Ready | AgentState::Previewing { .. } | AgentState::NotReady { .. } => {
                agent.pause_next = None;
                self.set_state(now, user, AgentState::NotReady { reason });
            }
            AgentState::Connecting => {
                agent.ready_next = false;
                agent.pause_next = Some(reason);
            }
            AgentState::Reserved { .. } | AgentState::Talking { .. } | AgentState::WrapUp { .. } => {
                agent.pause_next = Some(reason);
            }
        }
        self.touch(user);
        Ok(())
    }

    fn press_hang_up(&mut self, now: Now, user: UserId) -> Result<(), RequestRefusal> {
        let Some(agent) = self.agents.get(&user) else { return Err(RequestRefusal::NotSignedIn) };
        match &agent.state {
            AgentState::Talking { call } => {
                let call = *call;
                self.commands.push_back(Command::HangUp { call });
                self.call_over(now, call);
                Ok(())
            }
            AgentState::Connecting
            | AgentState::Ready
            | AgentState::Previewing { .. }
            | AgentState::Reserved { .. }
            | AgentState::WrapUp { .. }
            | AgentState::NotReady { .. } => Err(wrong_state(&agent.state)),
        }
    }

    fn extend_wrap_up(&mut self, now: Now, user: UserId) -> Result<(), RequestRefusal> {
        let Some(agent) = self.agents.get_mut(&user) else { return Err(RequestRefusal::NotSignedIn) };
        let AgentState::WrapUp { call, .. } = agent.state else { return Err(wrong_state(&agent.state)) };
        let Some(desk) = agent.desk.as_mut() else { return Err(wrong_state(&agent.state)) };
        if desk.extended {
            return Err(RequestRefusal::AlreadyExtended);
        }
        desk.extended = true;
        let began = desk.over.unwrap_or(now);
        let span = Duration::from_secs(2 * u64::from(desk.wrap_up_s));
        let ends = began.later(span);
        agent.state = AgentState::WrapUp { call, until: ends.timestamp };
        self.timers.set(Timer::WrapUp { user }, ends.instant);
        self.touch(user);
        Ok(())
    }

    /// The customer's call of a connected agent is over: wrap-up begins, unless the result is recorded already.
    pub(in crate::engine) fn begin_wrap_up(&mut self, now: Now, user: UserId, call: CallRef) {
        let Some(agent) = self.agents.get_mut(&user) else { return };
        let Some(desk) = agent.desk.as_mut() else { return };
        desk.over = Some(now);
        let ends = now.later(Duration::from_secs(u64::from(desk.wrap_up_s)));
        self.set_state(now, user, AgentState::WrapUp { call, until: ends.timestamp });
        let Some(desk) = self.agents.get(&user).and_then(|agent| agent.desk.as_ref()) else { return };
        match desk.recorded {
            Recorded::Yes => self.finish_wrap_up(now, user),
            Recorded::No | Recorded::Pending { .. } if desk.wrap_up_s == 0 => self.wrap_up_over(now, user),
            Recorded::No | Recorded::Pending { .. } => self.timers.set(Timer::WrapUp { user }, ends.instant),
        }
    }

    /// The wrap-up time is over. A result on its way to the store is waited for.
    pub(in crate::engine) fn wrap_up_over(&mut self, now: Now, user: UserId) {
        let Some(desk) = self.agents.get(&user).and_then(|agent| agent.desk.as_ref()) else { return };
        match desk.recorded {
            Recorded::Pending { .. } => {}
            Recorded::No | Recorded::Yes => self.finish_wrap_up(now, user),
        }
    }

    /// Ends wrap-up; a call without a result is recorded as such.
    pub(in crate::engine) fn finish_wrap_up(&mut self, now: Now, user: UserId) {
        self.close_desk(now, user);
        self.rest(now, user);
    }

    /// Takes the call off the desk. It stays at hand as the previous one, so that its result can be corrected.
    pub(in crate::engine) fn close_desk(&mut self, now: Now, user: UserId) {
        self.timers.cancel(&Timer::WrapUp { user });
        let Some(desk) = self.agents.get_mut(&user).and_then(|agent| agent.desk.take()) else { return };
        match desk.recorded {
            Recorded::No => self.record_nothing_said(now, user, &desk),
            Recorded::Pending { .. } | Recorded::Yes => {}
        }
        self.remember_desk(user, desk);
    }

    fn remember_desk(&mut self, user: UserId, desk: Desk) {
        if let Some(agent) = self.agents.get_mut(&user) {
            agent.previous = Some(desk);
        }
    }
}

/// The action does not fit this state.
pub(in crate::engine) fn wrong_state(state: &AgentState) -> RequestRefusal {
    RequestRefusal::WrongState { state: state.code().to_owned() }
}
