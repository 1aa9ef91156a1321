//! Agents' phones: nailed up for the shift, or rung for each call, and joined with customers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Lines, Purpose};
use crate::engine::event::Event;
use crate::media::g711::Law;
use crate::media::leg::SourceRule;
use crate::media::plane::{Command as MediaCommand, Idle};
use crate::media::sdp;
use crate::model::agent::{Device, DeviceLeg};
use crate::model::attempt::CallRef;
use crate::model::id::{LegId, UserId};
use crate::model::name::CampaignKey;
use crate::model::time::{Instant, Now};
use crate::sip;

/// An agent's phone that is not picked up within this time is given up: somebody waits for it.
const PHONE_RING_MAX: Duration = Duration::from_secs(20);

/// One phone, as the lines need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhonePlan {
    /// Laws in the order in which they are offered.
    pub laws: Vec<Law>,
    /// Its audio may come from another address than it signals.
    pub behind_nat: bool,
    /// What is shown on its display.
    pub display: String,
}

/// An agent's phone at work.
#[derive(Debug)]
pub(super) struct AgentLine {
    device: Device,
    state: PhoneState,
}

/// ```text
/// Down ──ring──▶ Ringing ──answer──▶ Up ⇄ Talking
///   ▲                │                │       │
///   └──── refusal, hang-up, loss ─────┴───────┘
/// ```
#[derive(Debug)]
enum PhoneState {
    Down,
    Ringing { leg: LegId, customer: Option<Customer>, until: Instant },
    Up { leg: LegId },
    Talking { leg: LegId, call: CallRef },
}

impl PhoneState {
    fn rings_until(&self) -> Option<Instant> {
        match self {
            PhoneState::Ringing { until, .. } => Some(*until),
            PhoneState::Down | PhoneState::Up { .. } | PhoneState::Talking { .. } => None,
        }
    }

    fn leg(&self) -> Option<LegId> {
        match self {
            PhoneState::Down => None,
            PhoneState::Ringing { leg, .. } | PhoneState::Up { leg } | PhoneState::Talking { leg, .. } => Some(*leg),
        }
    }
}

/// A customer who waits for the phone to answer.
#[derive(Clone, Debug)]
struct Customer {
    call: CallRef,
    /// The campaign for which the call is recorded.
    record: Option<CampaignKey>,
}

impl Lines {
    /// Tells which phone an agent has, at sign-in.
    pub fn seat(&mut self, user: UserId, device: Device) {
        match self.agents.get_mut(&user) {
            // A phone that is in use stays the agent's until it is down: the engine goes on with it too.
            Some(agent) if matches!(agent.state, PhoneState::Down) => agent.device = device,
            Some(_) => {}
            None => drop(self.agents.insert(user, AgentLine { device, state: PhoneState::Down })),
        }
    }

    /// Rings a phone that will stay connected.
    pub fn ring_agent(&mut self, now: Now, user: UserId) {
        if !self.ending {
            self.ring_phone(now, user, None);
        }
    }

    /// Lets go of a phone: its agent leaves, or it has rung in vain. The agent's place is kept for the next sign-in.
    pub fn release_agent(&mut self, now: Now, user: UserId) {
        let Some(agent) = self.agents.get_mut(&user) else { return self.stale() };
        let state = std::mem::replace(&mut agent.state, PhoneState::Down);
        self.drop_phone(now, &state);
    }

    /// Joins a customer and an agent, ringing the phone first where it is rung per call. `record`: the campaign for which the call
    /// is recorded.
    pub fn bridge(&mut self, now: Now, call: CallRef, user: UserId, record: Option<CampaignKey>) {
        if !self.calls.contains_key(&call) {
            // The customer is gone, and the engine hears that separately; nobody's phone is rung for nobody.
            return self.tell(Event::BridgeFailed { call, user });
        }
        let customer = Customer { call, record };
        match self.agents.get(&user).map(|agent| (&agent.state, agent.device.leg)) {
            Some((PhoneState::Up { leg } | PhoneState::Talking { leg, .. }, _)) => {
                let leg = *leg;
                self.join(now, user, leg, &customer);
            }
            Some((PhoneState::Down, DeviceLeg::PerCall)) => self.ring_phone(now, user, Some(customer)),
            Some((PhoneState::Ringing { .. } | PhoneState::Down, _)) | None => {
                self.tell(Event::BridgeFailed { call, user });
            }
        }
    }

    /// When a phone has rung long enough.
    pub(super) fn phones_due(&self) -> Option<Instant> {
        self.agents.values().filter_map(|agent| agent.state.rings_until()).min()
    }

    /// Gives up phones that have rung long enough.
    pub(super) fn give_up_phones(&mut self, now: Now) {
        let late = |agent: &AgentLine| agent.state.rings_until().is_some_and(|until| until <= now.instant);
        let users: Vec<UserId> = self.agents.iter().filter(|(_, a)| late(a)).map(|(user, _)| *user).collect();
        for user in users {
            let Some(leg) = self.agents.get(&user).and_then(|agent| agent.state.leg()) else { continue };
            self.sip(leg, |endpoint| endpoint.cancel(now, leg, None));
            self.phone_down(user, leg);
        }
    }

    /// Takes the phone away from a customer who is gone: a nailed-up one stays connected, the other is hung up.
    pub(super) fn withdraw_phone(&mut self, now: Now, call: CallRef) {
        let held = |state: &PhoneState| match state {
            PhoneState::Talking { call: theirs, .. } => *theirs == call,
            PhoneState::Ringing { customer: Some(customer), .. } => customer.call == call,
            PhoneState::Ringing { customer: None, .. } | PhoneState::Up { .. } | PhoneState::Down => false,
        };
        let Some(user) = self.agents.iter().find(|(_, a)| held(&a.state)).map(|(user, _)| *user) else { return };
        let Some(agent) = self.agents.get_mut(&user) else { return };
        match (&agent.state, agent.device.leg) {
            (PhoneState::Talking { leg, .. }, DeviceLeg::NailedUp) => {
                let leg = *leg;
                agent.state = PhoneState::Up { leg };
                self.media(MediaCommand::Unbridge { leg });
            }
            (PhoneState::Talking { .. }, DeviceLeg::PerCall) | (PhoneState::Ringing { .. }, _) => {
                let state = std::mem::replace(&mut agent.state, PhoneState::Down);
                self.drop_phone(now, &state);
            }
            (PhoneState::Up { .. } | PhoneState::Down, _) => {}
        }
    }

    /// The phone answered.
    pub(super) fn phone_up(&mut self, now: Now, user: UserId, leg: LegId) {
        let agent = self.agents.get_mut(&user).filter(|agent| agent.state.leg() == Some(leg));
        let Some(agent) = agent else {
            // Nobody wants this phone any more: the answer crossed the CANCEL.
            return self.release(now, leg);
        };
        let waiting = match std::mem::replace(&mut agent.state, PhoneState::Up { leg }) {
            PhoneState::Ringing { customer, .. } => customer,
            PhoneState::Up { .. } | PhoneState::Talking { .. } | PhoneState::Down => None,
        };
        match waiting {
            Some(customer) => self.join(now, user, leg, &customer),
            None => self.tell(Event::AgentLegUp { user }),
        }
    }

    /// The phone hung up, did not answer, or was lost.
    pub(super) fn phone_down(&mut self, user: UserId, leg: LegId) {
        let agent = self.agents.get_mut(&user).filter(|agent| agent.state.leg() == Some(leg));
        // A leg that was let go before is no news.
        let Some(agent) = agent else { return };
        match std::mem::replace(&mut agent.state, PhoneState::Down) {
            PhoneState::Ringing { customer: Some(customer), .. } => {
                self.tell(Event::BridgeFailed { call: customer.call, user });
            }
            PhoneState::Ringing { customer: None, .. }
            | PhoneState::Up { .. }
            | PhoneState::Talking { .. }
            | PhoneState::Down => self.tell(Event::AgentLegDown { user }),
        }
    }

    fn ring_phone(&mut self, now: Now, user: UserId, customer: Option<Customer>) {
        match self.try_ring(now, user) {
            Ok(leg) => {
                if let Some(agent) = self.agents.get_mut(&user) {
                    let until = now.instant + PHONE_RING_MAX;
                    agent.state = PhoneState::Ringing { leg, customer, until };
                }
            }
            Err(why) => {
                tracing::warn!(%user, why, "the agent's phone cannot be rung");
                match customer {
                    Some(customer) => self.tell(Event::BridgeFailed { call: customer.call, user }),
                    None => self.tell(Event::AgentLegDown { user }),
                }
            }
        }
    }

    fn try_ring(&mut self, now: Now, user: UserId) -> Result<LegId, String> {
        let agent = self.agents.get(&user).ok_or("nobody is signed in")?;
        let phone = agent.device.phone.clone();
        let plan = self.plan.phones.get(&phone).cloned().ok_or_else(|| format!("there is no phone `{phone}`"))?;
        let leg = LegId(self.mint.next(now.timestamp));
        // Behind NAT only the address the phone registered from may send its audio.
        let from = self.registered.get(&phone).map(|registration| registration.address.ip());
        let source = if plan.behind_nat { SourceRule::Learned { from } } else { SourceRule::Signalled };
        self.open(leg, Purpose::Agent(user), None, &plan.laws, source, Idle::Silence)?;
        let offer = self.legs.get(&leg).map(|line| sdp::offer(&line.local)).unwrap_or_default();
        let spec = spec(&phone, &plan, &self.plan.domain, offer);
        if let Err(error) = self.endpoint.originate(now, leg, spec) {
            self.forget(leg);
            return Err(error.to_string());
        }
        self.remember_dialog(leg);
        Ok(leg)
    }

    fn join(&mut self, now: Now, user: UserId, phone: LegId, customer: &Customer) {
        let call = customer.call;
        let Some(leg) = self.calls.get(&call).copied() else {
            // The customer hung up while the phone was being rung; the engine hears that separately.
            return self.tell(Event::BridgeFailed { call, user });
        };
        if let Some(agent) = self.agents.get_mut(&user) {
            agent.state = PhoneState::Talking { leg: phone, call };
        }
        self.media(MediaCommand::Bridge { a: leg, b: phone });
        self.record(now, leg, call, user, customer.record.clone());
        self.tell(Event::Bridged { call, user });
    }

    fn drop_phone(&mut self, now: Now, state: &PhoneState) {
        match state {
            PhoneState::Down => {}
            PhoneState::Ringing { leg, .. } => {
                self.sip(*leg, |endpoint| endpoint.cancel(now, *leg, None));
                // What still comes of it (a 487, or an answer that crosses) finds no agent and is cleared up there.
            }
            PhoneState::Up { leg } | PhoneState::Talking { leg, .. } => {
                self.release(now, *leg);
            }
        }
    }
}

/// The phone is asked to answer by itself, in the three ways that phones understand.
fn spec(phone: &str, plan: &PhonePlan, domain: &str, offer: Bytes) -> sip::CallSpec {
    sip::CallSpec {
        callee: sip::Callee::Phone(Arc::from(phone)),
        targets: Vec::new(),
        request_uri: None,
        from: sip::Party { display: Some(plan.display.clone()), user: "lull".to_owned(), host: domain.to_owned() },
        to: sip::Party { display: None, user: phone.to_owned(), host: domain.to_owned() },
        asserted_identity: None,
        headers: vec![
            ("Call-Info".to_owned(), format!("<sip:{domain}>;answer-after=0")),
            ("Alert-Info".to_owned(), format!("<sip:{domain}>;info=alert-autoanswer;delay=0")),
            // RFC 5373
            ("Answer-Mode".to_owned(), "Auto".to_owned()),
        ],
        sdp: offer,
        token: None,
    }
}
