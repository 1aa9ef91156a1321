//! Hands messages to one connection: at its rate, within its window, each at most once.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use governor::clock::{Clock as _, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Tools;
use super::line::told;
use crate::config::Gateway;
use crate::model::id::MessageId;
use crate::model::message::parts;
use crate::model::name::GatewayName;
use crate::runtime::handle::GatewayState;
use crate::sms::smpp::Session;
use crate::sms::{Outgoing, Piece, Refusal};
use crate::store::{Claimed, Handed};

/// How often it is looked for messages while there are none.
const EVERY: Duration = Duration::from_millis(250);
/// What was answered within this time is written down together.
const GATHER: Duration = Duration::from_millis(10);
/// Messages of so many seconds are claimed at once: what is claimed can be held up by the rate, and a number that is
/// suppressed meanwhile still gets it.
const CLAIM_S: f64 = 0.5;
/// Most messages claimed at once.
const CLAIM_MAX: usize = 1000;
/// After the gateway asked for fewer, nothing is sent for this long: doubled each time, up to the longest.
const THROTTLED_FIRST: Duration = Duration::from_secs(1);
const THROTTLED_MAX: Duration = Duration::from_secs(30);
/// A part after the first is tried this often before the message counts as rejected.
const TRIES_MAX: u32 = 8;
/// After the store could not be asked it is asked again so often.
const STORE_AGAIN: Duration = Duration::from_secs(1);

type Limiter = RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<std::time::Instant>>;

/// The sending side of one connection.
pub(super) struct Sender {
    name: GatewayName,
    tools: Tools,
    post: Arc<Post>,
    claim: usize,
}

/// What every message on its way shares.
struct Post {
    session: Session,
    limiter: Limiter,
    window: Semaphore,
    reference: AtomicU16,
}

impl Sender {
    pub(super) fn new(name: GatewayName, settings: &Gateway, session: Session, tools: Tools) -> Sender {
        let quota = Quota::with_period(Duration::from_secs_f64(1.0 / settings.per_second))
            .unwrap_or(Quota::per_second(NonZeroU32::MIN))
            .allow_burst(burst(settings.per_second));
        let post = Post {
            session,
            limiter: RateLimiter::direct_with_clock(quota, MonotonicClock),
            window: Semaphore::new(settings.window as usize),
            reference: AtomicU16::new(0),
        };
        let claim = ((settings.per_second * CLAIM_S) as usize).clamp(1, CLAIM_MAX);
        Sender { name, tools, post: Arc::new(post), claim }
    }

    /// Until told to stop; what is on its way then gets its answer.
    pub(super) async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut flights: JoinSet<(MessageId, Handed, bool)> = JoinSet::new();
        let mut pause = Duration::ZERO;
        let mut stopped = false;
        loop {
            if stopped && flights.is_empty() {
                return;
            }
            // More is claimed when half of what was claimed before has left.
            if !stopped && flights.len() <= self.claim / 2 {
                let now = self.tools.clock.now().timestamp;
                match self.tools.store.claim_messages(&self.name, self.claim, now).await {
                    Ok(claimed) => self.depart(claimed, &mut flights),
                    Err(error) => {
                        tracing::error!(gateway = %self.name, %error, "messages wait");
                        sleep(STORE_AGAIN).await;
                    }
                }
            }
            tokio::select! {
                () = told(&mut stop), if !stopped => stopped = true,
                Some(landed) = flights.join_next() => {
                    let throttled = self.land(landed, &mut flights).await;
                    pause = match (throttled, pause) {
                        (false, _) => Duration::ZERO,
                        (true, Duration::ZERO) => THROTTLED_FIRST,
                        (true, before) => (before * 2).min(THROTTLED_MAX),
                    };
                    let state = if throttled { GatewayState::Throttled } else { GatewayState::Up };
                    if !stopped {
                        self.tools.show(&self.name, state, None);
                    }
                    if throttled && !stopped {
                        tokio::select! {
                            () = told(&mut stop) => stopped = true,
                            () = sleep(pause) => {}
                        }
                    }
                }
                () = sleep(EVERY), if flights.is_empty() => {}
            }
        }
    }

    fn depart(&self, claimed: Vec<Claimed>, flights: &mut JoinSet<(MessageId, Handed, bool)>) {
        for message in claimed {
            let post = Arc::clone(&self.post);
            flights.spawn(async move {
                let id = message.id;
                let (handed, throttled) = post.hand(message).await;
                (id, handed, throttled)
            });
        }
    }

    /// Writes down what has landed; whether the gateway asked for fewer.
    async fn land(
        &self,
        first: Result<(MessageId, Handed, bool), tokio::task::JoinError>,
        flights: &mut JoinSet<(MessageId, Handed, bool)>,
    ) -> bool {
        sleep(GATHER).await;
        let mut landed = vec![first];
        while let Some(next) = flights.try_join_next() {
            landed.push(next);
        }
        let mut throttled = false;
        let mut handed = Vec::with_capacity(landed.len());
        for one in landed {
            match one {
                Ok((id, outcome, asked)) => {
                    throttled |= asked;
                    handed.push((id, outcome));
                }
                // It stays marked as being sent, and is unknown after the next start.
                Err(error) => tracing::error!(gateway = %self.name, %error, "a message ended unexpectedly"),
            }
        }
        loop {
            let now = self.tools.clock.now().timestamp;
            match self.tools.store.messages_handed(&self.name, handed.clone(), now).await {
                Ok(()) => return throttled,
                Err(error) if error.is_outage() => sleep(STORE_AGAIN).await,
                Err(error) => {
                    tracing::error!(gateway = %self.name, %error, "what became of messages cannot be written down");
                    return throttled;
                }
            }
        }
    }
}

impl Post {
    /// Hands over all parts of a message, one after the other; what came of it, and whether the gateway asked for fewer.
    async fn hand(&self, message: Claimed) -> (Handed, bool) {
        let split = parts(&message.text);
        let of = u8::try_from(split.texts.len()).unwrap_or(u8::MAX);
        let reference = self.reference.fetch_add(1, Ordering::Relaxed);
        let (mut taken, mut throttled) = (Vec::with_capacity(split.texts.len()), false);
        for (place, text) in split.texts.iter().enumerate() {
            let number = u8::try_from(place + 1).unwrap_or(u8::MAX);
            let part = Outgoing {
                from: &message.sender,
                to: message.number.as_str(),
                alphabet: split.alphabet,
                text,
                piece: (of > 1).then_some(Piece { reference, number, of }),
            };
            let mut tries = 0;
            loop {
                match self.submit(part).await {
                    Ok(id) => {
                        taken.push(id);
                        break;
                    }
                    Err(Refusal::Throttled(_) | Refusal::NotSent(_)) if taken.is_empty() && tries == 0 => {
                        return (Handed::NotSent, true);
                    }
                    Err(Refusal::Throttled(why)) => {
                        (throttled, tries) = (true, tries + 1);
                        if tries > TRIES_MAX {
                            return (Handed::Rejected(taken, why), throttled);
                        }
                        sleep(THROTTLED_FIRST * tries).await;
                    }
                    Err(Refusal::Rejected(why)) => return (Handed::Rejected(taken, why), throttled),
                    // Some of it may be on a phone.
                    Err(Refusal::NotSent(why) | Refusal::Unanswered(why)) => {
                        return (Handed::Unknown(taken, why), throttled);
                    }
                }
            }
        }
        (Handed::Taken(taken), throttled)
    }

    async fn submit(&self, part: Outgoing<'_>) -> Result<String, Refusal> {
        while let Err(until) = self.limiter.check() {
            sleep(until.wait_time_from(MonotonicClock.now()).max(Duration::from_millis(1))).await;
        }
        // Never closed.
        let Ok(_room) = self.window.acquire().await else { return Err(Refusal::NotSent("no window".to_owned())) };
        self.session.submit(part).await
    }
}

/// What may leave at the same instant: a timer is no finer than some milliseconds, and the rate is to be reached.
fn burst(per_second: f64) -> NonZeroU32 {
    NonZeroU32::new((per_second / 50.0).ceil() as u32).unwrap_or(NonZeroU32::MIN)
}
