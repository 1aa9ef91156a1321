//! The agent's state machine.
//!
//! ```text
//!              sign-in             leg up, Ready pressed
//!   (gone) ──▶ Connecting ───────▶ Ready ──▶ Reserved ──▶ Talking ──▶ WrapUp ──▶ Ready, or NotReady if asked
//!                  │ leg up          ▲  ▲        │ call ended or           │
//!                  ▼                 │  └────────┘ phone failed (NotReady) │
//!              NotReady ─────────────┘◀────────────────────────────────────┘
//! ```
//!
//! With preview, Ready ──▶ Previewing: the agent sees a lead. Starting the call leads to Reserved, anything else back.
//!
//! A phone rung per call needs no `Connecting`. Every change of state goes through [`Engine::set_state`], which keeps
//! the counters of the agent's groups.

use std::collections::BTreeMap;
use std::time::Duration;

use super::group::Engagement;
use crate::engine::Engine;
use crate::engine::command::{Answer, Command, RequestRefusal};
use crate::engine::dialer::preview::Offer;
use crate::engine::timers::Timer;
use crate::model::agent::{AgentState, AgentView, DeskCall, DeskNotice, Device, DeviceLeg};
use crate::model::attempt::CallRef;
use crate::model::disposition::Disposition;
use crate::model::id::{RequestId, SessionId, UserId};
use crate::model::lead::Lead;
use crate::model::name::{CampaignKey, GroupName};
use crate::model::numbers::Numbers;
use crate::model::time::{Instant, Now};

/// The reason of the pause after sign-in, until the agent presses Ready.
pub const SIGNED_IN: &str = "signed-in";
/// The reason of the pause after a phone could not be reached or was lost.
pub const PHONE_FAILED: &str = "phone-failed";
/// The reason of the pause after the desk's connection was lost for longer than the grace.
pub const DESK_LOST: &str = "desk-lost";
/// A desk may be gone this long before its agent is paused (reliability.md I-22).
pub const PRESENCE_GRACE: Duration = Duration::from_secs(15);
/// A nailed-up phone that could not be reached is rung again after this.
pub const RING_AGAIN: Duration = Duration::from_secs(5);
/// So often a nailed-up phone is rung before its agent is paused and must look after it.
pub const RING_TRIES: u32 = 3;

/// The leg to the agent's phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phone {
    /// Rung for each call: there is nothing to hold.
    PerCall,
    /// Being rung, for the how-manieth time.
    Ringing {
        /// From 1.
        tries: u32,
    },
    /// Connected for the shift.
    Up,
    /// Could not be reached; rung again when the agent presses Ready.
    Down,
}

/// Whether the agent's browser is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is.
    Here,
    /// It was lost a moment ago; the grace runs.
    Lost,
    /// It was lost and the grace is over.
    Away,
}

/// How far the result of a call is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// Not at all.
    No,
    /// On its way to the store.
    Pending {
        /// Who waits for it.
        request: RequestId,
        /// A result was durable before; this one corrects it.
        again: bool,
    },
    /// Durable.
    Yes,
}

/// The call on an agent's desk.
#[derive(Clone, Debug)]
pub struct Desk {
    /// As it is shown.
    pub call: DeskCall,
    /// What was known of the customer before the call.
    pub customer: Customer,
    /// How far the result is recorded.
    pub recorded: Recorded,
    /// The result that is durable.
    pub result: Option<Disposition>,
    /// When customer and agent heard each other.
    pub connected: Option<Now>,
    /// When the customer's call was over.
    pub over: Option<Now>,
    /// Wrap-up was extended.
    pub extended: bool,
    /// Wrap-up of this call, in seconds.
    pub wrap_up_s: u32,
}

/// What is known of a customer before a call; nothing of who calls by themselves.
#[derive(Clone, Debug, Default)]
pub struct Customer {
    /// Time zones.
    pub zones: Vec<String>,
    /// Results of the lead, for the retry rules.
    pub attempts: BTreeMap<Disposition, u32>,
    /// The person's numbers, for the same.
    pub numbers: Numbers,
}

impl Customer {
    /// What a lead says.
    pub fn of(lead: &Lead) -> Customer {
        let Lead { zones, attempts, numbers, .. } = lead;
        Customer { zones: zones.clone(), attempts: attempts.clone(), numbers: numbers.clone() }
    }
}

/// One agent who is signed in.
#[derive(Debug)]
pub struct Agent {
    /// Who.
    pub user: UserId,
    /// The newest sign-in; older ones are refused.
    pub session: SessionId,
    /// What people read.
    pub name: String,
    /// The name used to log in, which callbacks are promised under.
    pub login: String,
    /// The groups signed in to.
    pub groups: Vec<GroupName>,
    /// How the agent hears and speaks.
    pub device: Device,
    /// The leg to the phone.
    pub phone: Phone,
    /// What the agent is doing.
    pub state: AgentState,
    /// Since when.
    pub since: Now,
    /// Pause after the call at hand, with this reason.
    pub pause_next: Option<String>,
    /// Ready was pressed while the phone was being reached.
    pub ready_next: bool,
    /// Whether the browser is there.
    pub presence: Presence,
    /// The call at hand.
    pub desk: Option<Desk>,
    /// The call before, whose result may still be corrected.
    pub previous: Option<Desk>,
    /// The lead the agent sees and decides about.
    pub offer: Option<Box<Offer>>,
    /// What became of the last lead, until the agent acts again.
    pub notice: Option<DeskNotice>,
    /// Leads skipped one after the other.
    pub skips: u32,
    /// Leads one after the other that went back because nothing was decided.
    pub undecided: u32,
    /// The campaign whose customer the agent is at work with.
    pub customer_of: Option<CampaignKey>,
    /// Raised at every change.
    pub revision: u64,
}

impl Agent {
    /// As the desk and the wallboard show it.
    pub fn view(&self) -> AgentView {
        AgentView {
            user: self.user,
            name: self.name.clone(),
            groups: self.groups.clone(),
            state: self.state.clone(),
            since: self.since.timestamp,
            pause_next: self.pause_next.clone(),
            call: self.desk.as_ref().map(|desk| desk.call.clone()),
            preview: self.offer.as_ref().map(|offer| offer.view(self.skips)),
            notice: self.notice.clone(),
            phone_up: self.phone_usable(),
            revision: self.revision,
        }
    }

    fn phone_usable(&self) -> bool {
        match self.phone {
            Phone::PerCall | Phone::Up => true,
            Phone::Ringing { .. } | Phone::Down => false,
        }
    }

    /// Reserved for this call or talking to it.
    pub fn holds(&self, call: CallRef) -> bool {
        match &self.state {
            AgentState::Reserved { call: own } | AgentState::Talking { call: own } => *own == call,
            AgentState::Connecting
            | AgentState::Ready
            | AgentState::Previewing { .. }
            | AgentState::WrapUp { .. }
            | AgentState::NotReady { .. } => false,
        }
    }

    /// With a customer, or about to be.
    pub fn in_call(&self) -> bool {
        match &self.state {
            AgentState::Reserved { .. } | AgentState::Talking { .. } => true,
            AgentState::Connecting
            | AgentState::Ready
            | AgentState::Previewing { .. }
            | AgentState::WrapUp { .. }
            | AgentState::NotReady { .. } => false,
        }
    }
}

impl Engine {
    /// An agent signs in, or signs in again: the newest session owns the desk and keeps the call at hand.
    pub(in crate::engine) fn sign_in(
        &mut self,
        now: Now,
        request: RequestId,
        user: UserId,
        session: SessionId,
        name: String,
        login: String,
        groups: Vec<GroupName>,
        device: Device,
    ) {
        let groups = without_repetition(groups);
        if let Some(group) = groups.iter().find(|name| !self.settings.groups.contains_key(*name)) {
            let why = RequestRefusal::UnknownGroup { group: group.clone() };
            return self.reply(request, Answer::Refused { why });
        }
        if let Some(agent) = self.agents.get(&user) {
            if agent.session != session {
                self.commands.push_back(Command::AgentGone { user });
            }
            self.move_groups(user, groups);
            self.take_over(now, user, session, name, login, device);
        } else {
            self.first_sign_in(now, user, session, name, login, groups, device);
        }
        self.timers.cancel(&Timer::Presence { user });
        self.touch(user);
        self.reply(request, Answer::Done);
    }

    fn first_sign_in(
        &mut self,
        now: Now,
        user: UserId,
        session: SessionId,
        name: String,
        login: String,
        groups: Vec<GroupName>,
        device: Device,
    ) {
        let (state, phone) = match device.leg {
            DeviceLeg::NailedUp => (AgentState::Connecting, Phone::Ringing { tries: 1 }),
            DeviceLeg::PerCall => (AgentState::NotReady { reason: SIGNED_IN.to_owned() }, Phone::PerCall),
        };
        for name in &groups {
            let Some(group) = self.groups.get_mut(name) else { continue };
            group.enter(user, Engagement::of(&state), now.instant);
        }
        self.record_state(now, user, &state);
        let agent = Agent {
            user,
            session,
            name,
            login,
            groups,
            device,
            phone,
            state,
            since: now,
            pause_next: None,
            ready_next: false,
            presence: Presence::Here,
            desk: None,
            previous: None,
            offer: None,
            notice: None,
            skips: 0,
            undecided: 0,
            customer_of: None,
            revision: 0,
        };
        self.in_many_groups += u32::from(agent.groups.len() > 1);
        if agent.phone == (Phone::Ringing { tries: 1 }) {
            self.commands.push_back(Command::RingAgent { user });
        }
        self.agents.insert(user, agent);
    }

    fn take_over(&mut self, now: Now, user: UserId, session: SessionId, name: String, login: String, device: Device) {
        let Some(agent) = self.agents.get_mut(&user) else { return };
        agent.session = session;
        agent.name = name;
        agent.login = login;
        agent.presence = Presence::Here;
        if agent.pause_next.as_deref() == Some(DESK_LOST) {
            agent.pause_next = None;
        }
        // Another phone is taken only between calls: the call at hand goes on where it is heard.
        if agent.device == device || agent.desk.is_some() {
            return;
        }
        if agent.device.leg == DeviceLeg::NailedUp {
            self.commands.push_back(Command::ReleaseAgent { user });
        }
        agent.device = device;
        agent.ready_next = false;
        match agent.device.leg {
            DeviceLeg::NailedUp => {
                agent.phone = Phone::Ringing { tries: 1 };
                self.commands.push_back(Command::RingAgent { user });
                self.set_state(now, user, AgentState::Connecting);
            }
            DeviceLeg::PerCall => {
                agent.phone = Phone::PerCall;
                self.timers.cancel(&Timer::RingAgent { user });
                self.set_state(now, user, AgentState::NotReady { reason: SIGNED_IN.to_owned() });
            }
        }
    }

    fn move_groups(&mut self, user: UserId, groups: Vec<GroupName>) {
        let Some(agent) = self.agents.get_mut(&user) else { return };
        let (engagement, since) = (Engagement::of(&agent.state), agent.since.instant);
        let old = std::mem::replace(&mut agent.groups, groups.clone());
        let (state, customer_of) = (agent.state.clone(), agent.customer_of.clone());
        self.in_many_groups -= u32::from(old.len() > 1);
        self.in_many_groups += u32::from(groups.len() > 1);
        for name in &old {
            let Some(group) = self.groups.get_mut(name) else { continue };
            group.leave(user, engagement, since);
        }
        for name in &groups {
            let Some(group) = self.groups.get_mut(name) else { continue };
            group.enter(user, engagement, since);
            group.note_work(user, &state, since, customer_of.as_ref());
        }
    }

    /// The agent leaves for good. Refused by the caller during a call.
    pub(in crate::engine) fn sign_out(&mut self, now: Now, user: UserId) {
        self.leave_offer(now, user, None);
        self.close_desk(now, user);
        let Some(agent) = self.agents.remove(&user) else { return };
        self.in_many_groups -= u32::from(agent.groups.len() > 1);
        for name in &agent.groups {
            let Some(group) = self.groups.get_mut(name) else { continue };
            group.leave(user, Engagement::of(&agent.state), agent.since.instant);
        }
        self.count_idle(Engagement::of(&agent.state), Engagement::Away);
        self.count_with_agents(agent.customer_of.as_ref(), None);
        for timer in [Timer::WrapUp { user }, Timer::Presence { user }, Timer::RingAgent { user }] {
            self.timers.cancel(&timer);
        }
        match agent.device.leg {
            DeviceLeg::NailedUp => self.commands.push_back(Command::ReleaseAgent { user }),
            DeviceLeg::PerCall => {}
        }
        self.commands.push_back(Command::RecordAgentState { user, state: None, at: now.timestamp });
        self.commands.push_back(Command::AgentGone { user });
        self.changed_agents.remove(&user);
    }

    /// The one way an agent's state changes: keeps the counters of the groups, records it, and shows it.
    pub(in crate::engine) fn set_state(&mut self, now: Now, user: UserId, state: AgentState) {
        let Some(agent) = self.agents.get_mut(&user) else { return };
        let (before, since) = (Engagement::of(&agent.state), agent.since.instant);
        let after = Engagement::of(&state);
        if agent.state == state {
            return;
        }
        let was = std::mem::replace(&mut agent.state, state.clone());
        agent.since = now;
        let customer_of = match (after, before) {
            (Engagement::Outbound, Engagement::Outbound) => agent.customer_of.clone(),
            (Engagement::Outbound, _) => agent.desk.as_ref().and_then(|desk| desk.call.campaign.clone()),
            (Engagement::Away | Engagement::Idle | Engagement::Preview | Engagement::Inbound, _) => None,
        };
        let was_with = std::mem::replace(&mut agent.customer_of, customer_of.clone());
        let groups = agent.groups.clone();
        for name in &groups {
            let Some(group) = self.groups.get_mut(name) else { continue };
            group.leave(user, before, since);
            if before == Engagement::Inbound {
                group.shifts.inbound.learn(now.instant, &was, since);
            }
            group.enter(user, after, now.instant);
            group.note_work(user, &state, now.instant, customer_of.as_ref());
        }
        if let Some(board) = was_with.as_ref().and_then(|key| self.campaigns.get_mut(key)) {
            board.handling.learn(now.instant, &was, since);
        }
        self.count_with_agents(was_with.as_ref(), customer_of.as_ref());
        self.count_idle(before, after);
        if after == Engagement::Idle {
            self.freed.insert(user);
        }
        self.record_state(now, user, &state);
        self.touch(user);
        match state {
            AgentState::Previewing { .. } => {}
            AgentState::Connecting
            | AgentState::Ready
            | AgentState::Reserved { .. }
            | AgentState::Talking { .. }
            | AgentState::WrapUp { .. }
            | AgentState::NotReady { .. } => self.leave_offer(now, user, Some(&state)),
        }
    }

    /// An agent went from one campaign's customer to another's.
    fn count_with_agents(&mut self, before: Option<&CampaignKey>, after: Option<&CampaignKey>) {
        if before == after {
            return;
        }
        for (key, step) in [(before, -1), (after, 1)] {
            let Some(board) = key.and_then(|key| self.campaigns.get_mut(key)) else { continue };
            let count = board.with_agents.checked_add_signed(step);
            board.with_agents = count.unwrap_or_else(|| panic!("an agent was counted out twice"));
        }
    }

    fn record_state(&mut self, now: Now, user: UserId, state: &AgentState) {
        self.commands.push_back(Command::RecordAgentState { user, state: Some(state.clone()), at: now.timestamp });
    }

    /// The desk is shown anew at the end of this input.
    pub(in crate::engine) fn touch(&mut self, user: UserId) {
        self.changed_agents.insert(user);
    }

    /// Between calls: ready, unless a pause was asked for, the desk is gone or the phone is not there.
    pub(in crate::engine) fn rest(&mut self, now: Now, user: UserId) {
        let Some(agent) = self.agents.get_mut(&user) else { return };
        if let Some(reason) = agent.pause_next.take() {
            return self.set_state(now, user, AgentState::NotReady { reason });
        }
        match agent.phone {
            Phone::PerCall | Phone::Up => self.set_state(now, user, AgentState::Ready),
            Phone::Ringing { .. } => {
                agent.ready_next = true;
                self.set_state(now, user, AgentState::Connecting);
            }
            Phone::Down => {
                self.set_state(now, user, AgentState::NotReady { reason: PHONE_FAILED.to_owned() });
            }
        }
    }

    /// The nailed-up phone answered.
    pub(in crate::engine) fn leg_up(&mut self, now: Now, user: UserId) {
        let Some(agent) = self.agents.get_mut(&user) else { return self.stale() };
        match agent.phone {
            Phone::Ringing { .. } | Phone::Down => {}
            Phone::PerCall | Phone::Up => return self.stale(),
        }
        agent.phone = Phone::Up;
        self.timers.cancel(&Timer::RingAgent { user });
        self.touch(user);
        let Some(agent) = self.agents.get_mut(&user) else { return };
        if agent.state != AgentState::Connecting {
            return;
        }
        if std::mem::take(&mut agent.ready_next) {
            self.rest(now, user);
        } else {
            let reason = agent.pause_next.take().unwrap_or_else(|| SIGNED_IN.to_owned());
            self.set_state(now, user, AgentState::NotReady { reason });
        }
    }

    /// The agent's leg is gone, or could not be set up. A customer on it goes to the next agent.
    pub(in crate::engine) fn leg_down(&mut self, now: Now, user: UserId) {
        let Some(agent) = self.agents.get_mut(&user) else { return self.stale() };
        self.changed_agents.insert(user);
        match agent.phone {
            Phone::PerCall => {}
            Phone::Down => return self.stale(),
            Phone::Up => {
                agent.phone = Phone::Ringing { tries: 1 };
                self.commands.push_back(Command::RingAgent { user });
            }
            Phone::Ringing { tries } if tries < RING_TRIES => {
                self.timers.set(Timer::RingAgent { user }, now.instant + RING_AGAIN);
            }
            Phone::Ringing { .. } => agent.phone = Phone::Down,
        }
        let phone = agent.phone;
        match agent.state.clone() {
            // A phone that is rung per call and hangs up ends the call, as people expect of a phone.
            AgentState::Talking { call } if phone == Phone::PerCall => {
                self.commands.push_back(Command::HangUp { call });
                self.call_over(now, call);
            }
            AgentState::Reserved { call } | AgentState::Talking { call } => {
                self.desk_lost_call(now, user);
                self.agent_lost(now, call, user);
            }
            AgentState::Ready | AgentState::Previewing { .. } => match phone {
                Phone::PerCall => {}
                Phone::Ringing { .. } | Phone::Up | Phone::Down => {
                    agent.ready_next = true;
                    self.set_state(now, user, AgentState::Connecting);
                }
            },
            AgentState::Connecting if phone == Phone::Down => {
                self.set_state(now, user, AgentState::NotReady { reason: PHONE_FAILED.to_owned() });
            }
            AgentState::Connecting | AgentState::WrapUp { .. } | AgentState::NotReady { .. } => {}
        }
    }

    /// The call was taken from an agent whose phone failed: it is over for this desk, without a result.
    pub(in crate::engine) fn desk_lost_call(&mut self, now: Now, user: UserId) {
        let Some(agent) = self.agents.get_mut(&user) else { return };
        agent.desk = None;
        match agent.phone {
            Phone::Ringing { .. } => {
                agent.ready_next = agent.pause_next.is_none();
                self.set_state(now, user, AgentState::Connecting);
            }
            Phone::PerCall | Phone::Up | Phone::Down => {
                agent.pause_next = None;
                self.set_state(now, user, AgentState::NotReady { reason: PHONE_FAILED.to_owned() });
            }
        }
    }

    /// Time to ring a nailed-up phone again.
    pub(in crate::engine) fn ring_again(&mut self, user: UserId) {
        let Some(agent) = self.agents.get_mut(&user) else { return };
        match agent.phone {
            Phone::Ringing { tries } => agent.phone = Phone::Ringing { tries: tries + 1 },
            Phone::PerCall | Phone::Up | Phone::Down => return,
        }
        self.commands.push_back(Command::RingAgent { user });
    }

    /// The desk's connection was lost or is back.
    pub(in crate::engine) fn presence(&mut self, now: Now, user: UserId, present: bool) {
        let Some(agent) = self.agents.get_mut(&user) else { return self.stale() };
        let timer = Timer::Presence { user };
        if present {
            agent.presence = Presence::Here;
            if agent.pause_next.as_deref() == Some(DESK_LOST) {
                agent.pause_next = None;
            }
            self.timers.cancel(&timer);
            self.touch(user);
        } else if agent.presence == Presence::Here {
            agent.presence = Presence::Lost;
            self.timers.set(timer, now.instant + PRESENCE_GRACE);
        }
    }

    /// The grace is over: paused at once, or after the call at hand.
    pub(in crate::engine) fn presence_over(&mut self, now: Now, user: UserId) {
        let Some(agent) = self.agents.get_mut(&user) else { return };
        agent.presence = Presence::Away;
        let reason = DESK_LOST.to_owned();
        match agent.state {
            AgentState::Ready | AgentState::Previewing { .. } => {
                self.set_state(now, user, AgentState::NotReady { reason });
            }
            AgentState::Connecting => {
                agent.ready_next = false;
                agent.pause_next = Some(reason);
            }
            AgentState::Reserved { .. } | AgentState::Talking { .. } | AgentState::WrapUp { .. } => {
                agent.pause_next = Some(reason);
                self.touch(user);
            }
            AgentState::NotReady { .. } => {}
        }
    }

    /// Idle since when, for the choice of the longest idle.
    pub(in crate::engine) fn idle_since(&self, user: UserId) -> Option<Instant> {
        let agent = self.agents.get(&user)?;
        (Engagement::of(&agent.state) == Engagement::Idle).then_some(agent.since.instant)
    }
}

fn without_repetition(groups: Vec<GroupName>) -> Vec<GroupName> {
    let mut seen = std::collections::BTreeSet::new();
    groups.into_iter().filter(|group| seen.insert(group.clone())).collect()
}
