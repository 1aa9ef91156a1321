//! Attempts on the wire: which trunk, when its rate allows, and what comes of the INVITE.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use super::{LinePlan, Lines, Purpose};
use crate::config::{self, CallerIdHeader, NumberForm};
use crate::engine::command::CancelReason;
use crate::engine::event::Event;
use crate::media::g711::Law;
use crate::media::leg::SourceRule;
use crate::media::plane::{Command as MediaCommand, Idle};
use crate::media::sdp;
use crate::model::attempt::{CallFailure, CallRef, FailureKind, Refusal};
use crate::model::dialable::Region;
use crate::model::id::{AttemptId, LegId};
use crate::model::name::TrunkName;
use crate::model::phone::PhoneNumber;
use crate::model::time::{Instant, Now};
use crate::runtime::rates::{Rate, Turn};
use crate::sip;

/// A carrier's wish to be left alone is obeyed, up to this (F-66).
const RETRY_AFTER_MAX_S: u32 = 300;

/// One trunk, as the lines need it.
#[derive(Clone, Debug, PartialEq)]
pub struct TrunkPlan {
    /// What the operator configured: limits, numbers it may be asked to reach, how it wants them written.
    pub trunk: config::Trunk,
    /// Host in the addresses we send, such as the carrier's domain.
    pub domain: String,
    /// Where its INVITEs go, in the order in which they are tried, resolved.
    pub targets: Vec<sip::Target>,
    /// Laws in the order in which they are offered.
    pub laws: Vec<Law>,
    /// Region of numbers that it sends without country code.
    pub region: Region,
}

impl TrunkPlan {
    /// Whose audio is listened to.
    pub(super) fn source(&self) -> SourceRule {
        if self.trunk.nat { SourceRule::Learned { from: None } } else { SourceRule::Signalled }
    }
}

/// One dial, decided and durable.
#[derive(Clone, Debug, PartialEq)]
pub struct Dial {
    /// The attempt.
    pub attempt: AttemptId,
    /// The number.
    pub number: PhoneNumber,
    /// Shown to the customer.
    pub caller_id: PhoneNumber,
}

/// A trunk at work.
#[derive(Debug)]
pub(super) struct Trunk {
    pub(super) rate: Rate<Dial>,
    pub(super) in_use: BTreeSet<LegId>,
    pub(super) ask_at: Option<Instant>,
    pub(super) plan: TrunkPlan,
}

/// Trunks of a plan; those that were there keep their calls, and their rate unless it changed. Dials that waited for a
/// rate that is no more are given back.
pub(super) fn trunks(
    plan: &LinePlan,
    mut before: BTreeMap<TrunkName, Trunk>,
) -> (BTreeMap<TrunkName, Trunk>, Vec<AttemptId>) {
    let limits = |plan: &TrunkPlan| (plan.trunk.calls_per_second, plan.trunk.burst);
    let fresh = |plan: &TrunkPlan| Rate::new(plan.trunk.calls_per_second, plan.trunk.burst);
    let mut trunks = BTreeMap::new();
    let mut unsent = Vec::new();
    for (name, plan) in &plan.trunks {
        let trunk = match before.remove(name) {
            Some(old) if limits(&old.plan) == limits(plan) => Trunk { plan: plan.clone(), ..old },
            Some(mut old) => {
                unsent.extend(old.rate.drain().map(|dial| dial.attempt));
                let mut rate = fresh(plan);
                rate.hold(old.rate.held_until());
                Trunk { rate, in_use: old.in_use, ask_at: None, plan: plan.clone() }
            }
            None => Trunk { rate: fresh(plan), in_use: BTreeSet::new(), ask_at: None, plan: plan.clone() },
        };
        trunks.insert(name.clone(), trunk);
    }
    unsent.extend(before.values_mut().flat_map(|old| old.rate.drain().map(|dial| dial.attempt).collect::<Vec<_>>()));
    (trunks, unsent)
}

impl Trunk {
    fn has_channel(&self) -> bool {
        self.in_use.len() + self.rate.len() < self.plan.trunk.channels_max as usize
    }
}

impl Lines {
    /// Sends an attempt to the first of the trunks that has room, as soon as its rate allows.
    pub fn dial(&mut self, now: Now, dial: Dial, trunks: &[TrunkName]) {
        let attempt = dial.attempt;
        let mut why = Refusal::TrunkDown;
        let mut dial = Some(dial);
        for name in trunks {
            let Some(trunk) = self.trunks.get_mut(name) else { continue };
            let Some(waiting) = dial.take() else { break };
            if !trunk.plan.trunk.may_dial(&waiting.number) {
                dial = Some(waiting);
                continue;
            }
            if !trunk.has_channel() {
                (why, dial) = (Refusal::TrunkChannels, Some(waiting));
                continue;
            }
            match trunk.rate.queue(now.instant, waiting) {
                Ok(()) => return self.turn_trunk(now, &name.clone()),
                Err(back) => (why, dial) = (Refusal::TrunkRate, Some(back)),
            }
        }
        self.tell(Event::DialDeferred { attempt, refusal: why });
    }

    /// Lets dials leave whose time has come.
    pub fn handle_timeout(&mut self, now: Now) {
        let due: Vec<TrunkName> = self
            .trunks
            .iter()
            .filter(|(_, trunk)| trunk.ask_at.is_some_and(|at| at <= now.instant))
            .map(|(name, _)| name.clone())
            .collect();
        for name in due {
            self.turn_trunk(now, &name);
        }
        self.give_up_phones(now);
    }

    /// Stops ringing, or takes a dial back that has not left.
    pub fn cancel(&mut self, now: Now, attempt: AttemptId, why: CancelReason) {
        if let Some(leg) = self.calls.get(&CallRef::Outbound(attempt)).copied() {
            let reason = match why {
                CancelReason::RingTimeout => "no answer",
                CancelReason::InboundNeedsAgents | CancelReason::Suppressed | CancelReason::Stopped => "cancelled",
            };
            let reason = sip::EndReason { q850: None, text: reason.to_owned() };
            return self.sip(leg, |endpoint| endpoint.cancel(now, leg, Some(&reason)));
        }
        self.withdraw(attempt);
    }

    /// Takes a dial back that waits for its trunk's rate.
    pub fn withdraw(&mut self, attempt: AttemptId) {
        let waited = self.trunks.values_mut().any(|trunk| trunk.rate.remove(|d| d.attempt == attempt).is_some());
        match waited {
            true => self.tell(Event::DialDeferred { attempt, refusal: Refusal::Pacing }),
            false => self.stale(),
        }
    }

    /// Listens to who answered.
    pub fn classify(&mut self, attempt: AttemptId) {
        match self.calls.get(&CallRef::Outbound(attempt)).copied() {
            Some(leg) => {
                let settings = self.plan.detection;
                self.media(MediaCommand::Classify { leg, settings });
            }
            None => self.stale(),
        }
    }

    fn turn_trunk(&mut self, now: Now, name: &TrunkName) {
        loop {
            let Some(trunk) = self.trunks.get_mut(name) else { return };
            trunk.ask_at = None;
            match trunk.rate.next(now.instant) {
                Turn::Nothing => return,
                Turn::Go(dial) => self.place(now, &dial, name),
                Turn::TooLate(dial) => {
                    self.tell(Event::DialDeferred { attempt: dial.attempt, refusal: Refusal::TrunkRate });
                }
                Turn::AskAt(at) => {
                    trunk.ask_at = Some(at);
                    return;
                }
            }
        }
    }

    /// The INVITE leaves.
    fn place(&mut self, now: Now, dial: &Dial, name: &TrunkName) {
        let Some(plan) = self.trunks.get(name).map(|trunk| trunk.plan.clone()) else { return };
        let attempt = dial.attempt;
        let leg = LegId(self.mint.next(now.timestamp));
        let source = plan.source();
        if let Err(why) =
            self.open(leg, Purpose::Attempt(attempt), Some(name.clone()), &plan.laws, source, Idle::Silence)
        {
            tracing::error!(%attempt, why, "no media for the call");
            return self.tell(Event::DialDeferred { attempt, refusal: Refusal::TrunkChannels });
        }
        let Some(offer) = self.legs.get(&leg).map(|line| sdp::offer(&line.local)) else { return };
        let spec = spec(&plan, name, dial, &self.secret, offer);
        match self.endpoint.originate(now, leg, spec) {
            Ok(()) => {
                self.remember_dialog(leg);
                self.tell(Event::AttemptSent { attempt, trunk: name.clone() });
            }
            Err(error) => {
                tracing::error!(%attempt, %error, "the call could not be begun");
                self.forget(leg);
                self.tell(Event::DialDeferred { attempt, refusal: Refusal::TrunkDown });
            }
        }
    }

    pub(super) fn ringing(&mut self, leg: LegId, early: Option<Bytes>) {
        let Some(line) = self.legs.get_mut(&leg) else { return self.stale() };
        if early.is_some() {
            line.early = early;
        }
        if !std::mem::replace(&mut line.rang, true)
            && let Purpose::Attempt(attempt) = line.purpose
        {
            self.tell(Event::AttemptRinging { attempt });
        }
    }

    pub(super) fn answered(&mut self, now: Now, leg: LegId, description: Bytes) {
        let Some(line) = self.legs.get_mut(&leg) else {
            // Let go of while it rang, and the answer crossed: nobody is there to hear it.
            return self.sip(leg, |endpoint| endpoint.hang_up(now, leg, None));
        };
        let purpose = line.purpose;
        // A 200 after a reliable 18x with an answer need not repeat it.
        let description = match (description.is_empty(), line.early.take()) {
            (true, Some(early)) => early,
            (_, _) => description,
        };
        self.remember_dialog(leg);
        let agreed = self.agree(leg, &description);
        match purpose {
            Purpose::Attempt(attempt) if agreed => self.tell(Event::AttemptAnswered { attempt }),
            Purpose::Agent(user) if agreed => self.phone_up(now, user, leg),
            // Accepted by us, so only a re-offer can be answered on it, and that is not reported here.
            Purpose::Inbound(_) => {}
            Purpose::Attempt(attempt) => {
                self.release(now, leg);
                let failure =
                    CallFailure { kind: FailureKind::Media, status: 200, q850: 0, rang: true, retry_after_s: None };
                self.tell(Event::AttemptFailed { attempt, failure });
            }
            Purpose::Agent(user) => {
                self.release(now, leg);
                self.phone_down(user, leg);
            }
        }
    }

    pub(super) fn failed(&mut self, now: Now, leg: LegId, failure: &sip::Failure) {
        let Some(line) = self.legs.get(&leg) else { return self.stale() };
        let (rang, trunk) = (line.rang, line.trunk.clone());
        let Some(purpose) = self.forget(leg) else { return };
        let attempt = match purpose {
            Purpose::Attempt(attempt) => attempt,
            Purpose::Agent(user) => return self.phone_down(user, leg),
            Purpose::Inbound(call) => return self.tell(Event::InboundHungUp { call }),
        };
        if failure.kind == sip::FailureKind::AuthFailed {
            let trunk = trunk.as_ref().map(TrunkName::as_str);
            tracing::error!(trunk, status = failure.status, "the trunk does not take our credentials, or has none");
        }
        let retry_after_s = failure.retry_after_s.map(|s| s.min(RETRY_AFTER_MAX_S));
        if let Some(wait_s) = retry_after_s
            && let Some(trunk) = trunk.and_then(|name| self.trunks.get_mut(&name))
            && failure.status == 503
        {
            trunk.rate.hold(now.instant + std::time::Duration::from_secs(u64::from(wait_s)));
        }
        // Q.850 causes are 0 to 127.
        let q850 = failure.q850.and_then(|cause| u8::try_from(cause).ok()).unwrap_or(0);
        let kind = match failure.kind {
            sip::FailureKind::Rejected => FailureKind::Rejected,
            sip::FailureKind::Timeout => FailureKind::Timeout,
            sip::FailureKind::Transport => FailureKind::Transport,
            sip::FailureKind::AuthFailed => FailureKind::AuthFailed,
            sip::FailureKind::Cancelled => FailureKind::Cancelled,
            sip::FailureKind::Redirected => FailureKind::Redirected,
        };
        let failure = CallFailure { kind, status: failure.status, q850, rang, retry_after_s };
        self.tell(Event::AttemptFailed { attempt, failure });
    }
}

/// How a dial is said to a trunk. The same of the same attempt each time, but for the offer.
pub fn spec(plan: &TrunkPlan, name: &TrunkName, dial: &Dial, secret: &[u8; 32], offer: Bytes) -> sip::CallSpec {
    let party = |number: &PhoneNumber| sip::Party {
        display: None,
        user: if plan.trunk.number_form == NumberForm::Plus {
            number.as_str().to_owned()
        } else {
            number.digits().to_owned()
        },
        host: plan.domain.clone(),
    };
    let (from, to) = (party(&dial.caller_id), party(&dial.number));
    sip::CallSpec {
        callee: sip::Callee::Trunk(Arc::from(name.as_str())),
        targets: plan.targets.clone(),
        request_uri: Some(format!("sip:{}@{}", to.user, to.host)),
        asserted_identity: (plan.trunk.caller_id_header == CallerIdHeader::PAssertedIdentity).then(|| from.clone()),
        headers: identity_headers(plan.trunk.caller_id_header, &from),
        from,
        to,
        sdp: offer,
        token: Some(sip::CallToken::of(secret, dial.attempt.0)),
    }
}

/// Identity headers that the stack does not write by itself.
fn identity_headers(identity: CallerIdHeader, from: &sip::Party) -> Vec<(String, String)> {
    let address = format!("<sip:{}@{}>", from.user, from.host);
    match identity {
        CallerIdHeader::From | CallerIdHeader::PAssertedIdentity => Vec::new(),
        CallerIdHeader::PPreferredIdentity => vec![("P-Preferred-Identity".to_owned(), address)],
        CallerIdHeader::RemotePartyId => {
            vec![("Remote-Party-ID".to_owned(), format!("{address};party=calling;screen=yes"))]
        }
    }
}
