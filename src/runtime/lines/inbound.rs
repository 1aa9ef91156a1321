//! Customers who call: from the INVITE of a trunk to the answer.

use bytes::Bytes;

use super::{Fact, Lines, Purpose};
use crate::engine::event::{Event, Story};
use crate::media::plane::Idle;
use crate::media::sdp;
use crate::model::dialable;
use crate::model::id::{InboundId, LegId};
use crate::model::name::TrunkName;
use crate::model::phone::PhoneNumber;
use crate::model::time::Now;
use crate::sip;

/// A carrier whose channels are all in use is asked to wait this long before the next try.
const BUSY_RETRY_AFTER_S: u32 = 5;

/// A call that was offered and not yet answered by us.
#[derive(Debug)]
pub(super) struct Offer {
    leg: LegId,
    trunk: TrunkName,
    description: Option<Bytes>,
}

/// A call that has arrived. The driver adds the story and tells the engine.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Its id.
    pub call: InboundId,
    /// The trunk.
    pub trunk: TrunkName,
    /// The number that was dialled.
    pub did: String,
    /// The caller, where it could be read.
    pub caller: Option<PhoneNumber>,
}

impl Arrival {
    /// As the engine wants it.
    pub fn offered(self, story: Option<Story>) -> Event {
        Event::InboundOffered { call: self.call, trunk: self.trunk, did: self.did, caller: self.caller, story }
    }
}

impl Lines {
    pub(super) fn incoming(&mut self, now: Now, incoming: sip::Incoming) {
        let leg = incoming.leg;
        // A call that our own phones place is not a customer: agents reach customers through the desk.
        let named = match &incoming.source {
            sip::Source::Trunk(name) => name.parse::<TrunkName>().ok(),
            sip::Source::Phone(_) => return self.turn_away(now, leg, 403, None),
        };
        let Some((trunk, plan, in_use)) =
            named.and_then(|name| self.trunks.get(&name).map(|t| (name, t.plan.clone(), t.in_use.len())))
        else {
            return self.turn_away(now, leg, 404, None);
        };
        if in_use >= plan.trunk.channels_max as usize {
            return self.turn_away(now, leg, 503, Some(BUSY_RETRY_AFTER_S));
        }
        // What cannot be heard is refused before anybody is interrupted for it (488, RFC 3261 section 13.3.1.3).
        if let Some(offer) = &incoming.sdp
            && let Err(error) = sdp::parse(offer, &self.plan.media_policy)
        {
            tracing::warn!(%trunk, %error, "an inbound call offers media we cannot use");
            return self.turn_away(now, leg, 488, None);
        }
        let read = |text: &str| {
            PhoneNumber::from_e164(text).ok().or_else(|| dialable::read(text, Some(plan.region)).ok().map(|d| d.number))
        };
        let did = read(&incoming.dialled).map_or_else(|| incoming.dialled.clone(), |number| number.to_string());
        let caller = read(incoming.asserted_user.as_deref().unwrap_or(&incoming.from_user));
        let call = InboundId(self.mint.next(now.timestamp));
        if let Some(held) = self.trunks.get_mut(&trunk) {
            held.in_use.insert(leg);
        }
        self.offers.insert(call, Offer { leg, trunk: trunk.clone(), description: incoming.sdp });
        self.facts.push_back(Fact::Arrived(Arrival { call, trunk, did, caller }));
    }

    /// The caller hung up before we answered; `false` if this leg is no such call.
    pub(super) fn offer_ended(&mut self, leg: LegId) -> bool {
        let Some(call) = self.offers.iter().find(|(_, offer)| offer.leg == leg).map(|(call, _)| *call) else {
            return false;
        };
        self.withdraw_offer(call);
        self.tell(Event::InboundHungUp { call });
        true
    }

    /// Answers, so that the caller can be heard.
    pub fn answer_inbound(&mut self, now: Now, call: InboundId) {
        let Some(offer) = self.withdraw_offer(call) else {
            // The caller hung up while the story was looked up, before the engine knew of the call.
            return self.tell(Event::InboundHungUp { call });
        };
        let leg = offer.leg;
        let Some((laws, source)) = self.trunks.get(&offer.trunk).map(|t| (t.plan.laws.clone(), t.plan.source())) else {
            return self.refuse(now, leg, call, 404);
        };
        if let Err(why) = self.open(leg, Purpose::Inbound(call), Some(offer.trunk), &laws, source, Idle::Silence) {
            tracing::error!(%call, why, "no media for the call");
            return self.refuse(now, leg, call, 503);
        }
        let answer = match &offer.description {
            Some(description) => self.answer_offer(leg, description),
            // An INVITE without an offer asks for ours (RFC 3261 section 13.2.1); the ACK brings the answer.
            None => self.legs.get(&leg).map(|line| sdp::offer(&line.local)),
        };
        match answer {
            Some(description) => {
                self.sip(leg, |endpoint| endpoint.answer(now, leg, description));
                self.remember_dialog(leg);
            }
            None => {
                self.forget(leg);
                self.refuse(now, leg, call, 488);
            }
        }
    }

    /// Refuses a call that was not answered.
    pub fn reject_inbound(&mut self, now: Now, call: InboundId, status: u16) {
        match self.withdraw_offer(call) {
            Some(offer) => self.turn_away(now, offer.leg, status, None),
            None => self.stale(),
        }
    }

    fn refuse(&mut self, now: Now, leg: LegId, call: InboundId, status: u16) {
        self.turn_away(now, leg, status, None);
        self.tell(Event::InboundHungUp { call });
    }

    fn turn_away(&mut self, now: Now, leg: LegId, status: u16, retry_after_s: Option<u32>) {
        self.sip(leg, |endpoint| endpoint.reject(now, leg, status, retry_after_s));
    }

    fn withdraw_offer(&mut self, call: InboundId) -> Option<Offer> {
        let offer = self.offers.remove(&call)?;
        if let Some(trunk) = self.trunks.get_mut(&offer.trunk) {
            trunk.in_use.remove(&offer.leg);
        }
        Some(offer)
    }
}
