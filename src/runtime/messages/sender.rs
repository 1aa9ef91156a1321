//! Hands messages to one gateway: at its rate, within its window, each at most once.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use governor::clock::{Clock as _, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::{Mutex, Notify, Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::line::told;
use super::{STORE_AGAIN, Tools};
use crate::config::Gateway;
use crate::model::id::MessageId;
use crate::model::message::parts;
use crate::model::name::{CampaignKey, GatewayName};
use crate::model::phone::PhoneNumber;
use crate::model::time::{Instant, Timestamp};
use crate::runtime::handle::GatewayState;
use crate::sms::{Outgoing, Piece, Refusal, Session};
use crate::store::{Claimed, Handed};

/// How often it is looked for messages while there are none.
const EVERY: Duration = Duration::from_millis(250);
/// What was answered within this time is written down together.
const GATHER: Duration = Duration::from_millis(10);
/// Messages of so many seconds are claimed at once: what is claimed and has not left when the program is killed is unknown.
const CLAIM_S: f64 = 0.2;
/// Most messages claimed at once.
const CLAIM_MAX: usize = 1000;
/// After the gateway asked for fewer, nothing is sent for this long: doubled each time, up to the longest.
const THROTTLED_FIRST: Duration = Duration::from_secs(1);
const THROTTLED_MAX: Duration = Duration::from_secs(30);
/// The longest pause that a gateway may ask for.
const ASKED_MAX: Duration = Duration::from_secs(3600);
/// Numbers that are asked for at once, whether they are suppressed.
const ASKED_AT_ONCE: usize = 500;
/// A part after the first is tried this often before the message counts as rejected.
const TRIES_MAX: u32 = 8;

type Limiter = RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<std::time::Instant>>;
/// What came of a message, with the time of its claim.
type Landed = (MessageId, Timestamp, Handed);

/// The sending side of one connection.
pub(super) struct Sender {
    name: GatewayName,
    tools: Tools,
    post: Arc<Post>,
    claim: usize,
    asked: Option<mpsc::Receiver<Asked>>,
}

/// Whether a message may still leave: by number and campaign, answered with whether the number is suppressed.
type Asked = (PhoneNumber, Option<CampaignKey>, oneshot::Sender<bool>);

/// What every message on its way shares.
struct Post {
    name: GatewayName,
    tools: Tools,
    /// Whoever has a turn asks here whether it is still wanted.
    asks: mpsc::Sender<Asked>,
    session: Session,
    limiter: Limiter,
    window: Semaphore,
    /// Messages that are claimed and have had no turn.
    waiting: AtomicUsize,
    /// One of them had its turn.
    turned: Notify,
    reference: AtomicU16,
    pause: Mutex<Pause>,
    /// Nothing leaves any more.
    stop: watch::Receiver<bool>,
}

/// Until when nothing is sent, and how long the next pause is.
#[derive(Clone, Copy)]
struct Pause {
    until: Instant,
    next: Duration,
}

impl Sender {
    /// One that sends until it hears of the end by `stop`.
    pub(super) fn new(
        name: GatewayName,
        settings: &Gateway,
        session: Session,
        tools: Tools,
        stop: watch::Receiver<bool>,
    ) -> Sender {
        let quota = Quota::with_period(Duration::from_secs_f64(1.0 / settings.per_second))
            .unwrap_or(Quota::per_second(NonZeroU32::MIN))
            .allow_burst(burst(settings.per_second));
        let (asks, asked) = mpsc::channel(ASKED_AT_ONCE);
        let post = Post {
            name: name.clone(),
            tools: tools.clone(),
            asks,
            session,
            limiter: RateLimiter::direct_with_clock(quota, MonotonicClock),
            window: Semaphore::new(settings.window as usize),
            waiting: AtomicUsize::new(0),
            turned: Notify::new(),
            reference: AtomicU16::new(0),
            pause: Mutex::new(Pause { until: Instant::ZERO, next: THROTTLED_FIRST }),
            stop,
        };
        let claim = ((settings.per_second * CLAIM_S) as usize).clamp(1, CLAIM_MAX);
        Sender { name, tools, post: Arc::new(post), claim, asked: Some(asked) }
    }

    /// Until told to stop; what is on its way then gets its answer, and what had no turn yet goes back.
    pub(super) async fn run(mut self) {
        let mut stop = self.post.stop.clone();
        // Ends with this.
        let mut guard = JoinSet::new();
        if let Some(asked) = self.asked.take() {
            guard.spawn(answer(self.name.clone(), self.tools.clone(), asked));
        }
        let mut flights: JoinSet<Landed> = JoinSet::new();
        let mut held: BTreeSet<MessageId> = BTreeSet::new();
        let mut stopped = false;
        loop {
            if stopped && flights.is_empty() {
                return;
            }
            // More is claimed when half of what was claimed before has had its turn, however many are on their way.
            let waiting = self.post.waiting.load(Ordering::Relaxed);
            if !stopped && waiting <= self.claim / 2 {
                self.claim(&mut flights, &mut held).await;
            }
            tokio::select! {
                () = told(&mut stop), if !stopped => stopped = true,
                Some(landed) = flights.join_next() => self.land(landed, &mut flights, &mut held).await,
                () = self.post.turned.notified(), if waiting > 0 => {}
                () = sleep(EVERY) => {}
            }
        }
    }

    async fn claim(&self, flights: &mut JoinSet<Landed>, held: &mut BTreeSet<MessageId>) {
        let now = self.tools.clock.now().timestamp;
        let claimed = match self.tools.store.claim_messages(&self.name, self.claim, now).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::error!(gateway = %self.name, %error, "messages wait");
                sleep(STORE_AGAIN).await;
                // It may have been done all the same, and then nobody holds what was claimed.
                let ids = held.iter().copied().collect();
                if let Err(error) = self.tools.store.put_back_unheld(&self.name, ids).await {
                    tracing::error!(gateway = %self.name, %error, "messages that were claimed may wait for the next start");
                }
                return;
            }
        };
        for message in claimed {
            held.insert(message.id);
            let waits = Waits::new(&self.post);
            flights.spawn(async move {
                let (id, at, post) = (message.id, message.at, Arc::clone(&waits.post));
                (id, at, post.hand(message, waits).await)
            });
        }
    }

    /// Writes down what has landed.
    async fn land(
        &self,
        first: Result<Landed, tokio::task::JoinError>,
        flights: &mut JoinSet<Landed>,
        held: &mut BTreeSet<MessageId>,
    ) {
        sleep(GATHER).await;
        let mut landed = vec![first];
        while let Some(next) = flights.try_join_next() {
            landed.push(next);
        }
        let mut handed = Vec::with_capacity(landed.len());
        for one in landed {
            match one {
                Ok(one) => handed.push(one),
                // It stays marked as being sent, and is unknown after the next start.
                Err(error) => tracing::error!(gateway = %self.name, %error, "a message ended unexpectedly"),
            }
        }
        if !self.write(handed.clone()).await {
            // One that the database refuses must not hold up the others.
            for one in handed.iter().cloned() {
                self.write(vec![one]).await;
            }
        }
        for (id, _, _) in &handed {
            held.remove(id);
        }
        self.post.show().await;
    }

    /// Tries until the database takes or refuses it; whether it took it.
    async fn write(&self, handed: Vec<Landed>) -> bool {
        loop {
            let now = self.tools.clock.now().timestamp;
            match self.tools.store.messages_handed(&self.name, handed.clone(), now).await {
                Ok(()) => return true,
                Err(error) if error.is_outage() => sleep(STORE_AGAIN).await,
                Err(error) => {
                    tracing::error!(gateway = %self.name, %error, "what became of messages cannot be written down");
                    return false;
                }
            }
        }
    }
}

/// A message that has had no turn yet; whatever becomes of it, it does not wait for ever.
struct Waits {
    post: Arc<Post>,
}

impl Waits {
    fn new(post: &Arc<Post>) -> Waits {
        post.waiting.fetch_add(1, Ordering::Relaxed);
        Waits { post: Arc::clone(post) }
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.post.waiting.fetch_sub(1, Ordering::Relaxed);
        self.post.turned.notify_one();
    }
}

impl Post {
    /// Hands over all parts of a message, one after the other, or all of it at once; what came of it.
    async fn hand(&self, message: Claimed, waits: Waits) -> Handed {
        let mut waits = Some(waits);
        let mut split = parts(&message.text);
        if self.session.takes_whole_texts() {
            split.texts = vec![message.text.as_str()];
        }
        let id = message.id.to_string();
        let of = u8::try_from(split.texts.len()).unwrap_or(u8::MAX);
        let reference = self.reference.fetch_add(1, Ordering::Relaxed);
        let mut taken = Vec::with_capacity(split.texts.len());
        for (place, text) in split.texts.iter().enumerate() {
            let number = u8::try_from(place + 1).unwrap_or(u8::MAX);
            let part = Outgoing {
                from: &message.sender,
                to: message.number.as_str(),
                id: &id,
                alphabet: split.alphabet,
                text,
                piece: (of > 1).then_some(Piece { reference, number, of }),
            };
            let mut tries = 0;
            loop {
                let room = self.turn(place == 0).await;
                drop(waits.take());
                let Some(_room) = room else { return Handed::NotSent };
                // It may have waited for its turn: whoever opted out meanwhile gets nothing.
                if place == 0 && !message.confirms && self.is_written_off(&message).await {
                    return Handed::Suppressed;
                }
                match self.session.submit(part, self.tools.clock.now().timestamp).await {
                    Ok(id) => {
                        taken.push(id);
                        self.pause.lock().await.next = THROTTLED_FIRST;
                        break;
                    }
                    Err(Refusal::Throttled { after, .. }) if taken.is_empty() => {
                        self.hold(after).await;
                        return Handed::NotSent;
                    }
                    Err(Refusal::NotSent(_)) if taken.is_empty() => return Handed::NotSent,
                    Err(Refusal::Throttled { why, after }) => {
                        self.hold(after).await;
                        tries += 1;
                        if tries > TRIES_MAX {
                            return Handed::Rejected(taken, why);
                        }
                    }
                    Err(Refusal::Rejected(why)) => return Handed::Rejected(taken, why),
                    // Some of it may be on a phone.
                    Err(Refusal::NotSent(why) | Refusal::Unanswered(why)) => return Handed::Unknown(taken, why),
                }
            }
        }
        Handed::Taken(taken)
    }

    /// Waits for its turn. At the end a message of which nothing has left gets none: it would only be lost.
    async fn turn(&self, first: bool) -> Option<tokio::sync::SemaphorePermit<'_>> {
        let mut stop = self.stop.clone();
        tokio::select! {
            () = told(&mut stop), if first => None,
            room = self.room() => room,
        }
    }

    /// Waits for the rate, the pause and the window.
    async fn room(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        loop {
            let until = self.pause.lock().await.until;
            let now = self.tools.clock.now().instant;
            if until > now {
                sleep(until.since(now)).await;
                continue;
            }
            match self.limiter.check() {
                Ok(()) => break,
                Err(until) => sleep(until.wait_time_from(MonotonicClock.now()).max(Duration::from_millis(1))).await,
            }
        }
        // Never closed.
        self.window.acquire().await.ok()
    }

    async fn is_written_off(&self, message: &Claimed) -> bool {
        let (reply, answer) = oneshot::channel();
        let asked = (message.number.clone(), message.campaign.clone(), reply);
        // Who answers ends after the last message.
        self.asks.send(asked).await.is_ok() && answer.await.unwrap_or(false)
    }

    /// The gateway asked for fewer: nothing is sent for a while, and for as long as it asked for.
    async fn hold(&self, after: Option<Duration>) {
        let now = self.tools.clock.now().instant;
        let mut pause = self.pause.lock().await;
        // Those that were on their way together ask once.
        if pause.until <= now {
            *pause = Pause { until: now + pause.next, next: (pause.next * 2).min(THROTTLED_MAX) };
        }
        pause.until = pause.until.max(now + after.unwrap_or_default().min(ASKED_MAX));
        drop(pause);
        self.show().await;
    }

    async fn show(&self) {
        let held = self.pause.lock().await.until > self.tools.clock.now().instant;
        let state = if held { GatewayState::Throttled } else { GatewayState::Up };
        self.tools.handle.show_gateways(|seen| {
            // A line that is being made anew says so itself.
            if let Some(gateway) = seen.get_mut(&self.name)
                && matches!(gateway.state, GatewayState::Up | GatewayState::Throttled)
                && gateway.state != state
            {
                (gateway.state, gateway.since) = (state, self.tools.clock.now().timestamp);
            }
        });
    }
}

/// Answers whether numbers are suppressed: those who ask while the database answers are asked for together.
async fn answer(name: GatewayName, tools: Tools, mut asks: mpsc::Receiver<Asked>) {
    let mut asked = Vec::new();
    while asks.recv_many(&mut asked, ASKED_AT_ONCE).await > 0 {
        let wanted: Vec<_> = asked.iter().map(|(number, campaign, _)| (number, campaign.as_ref())).collect();
        let now = tools.clock.now().timestamp;
        // What cannot be asked was asked when it was claimed.
        let suppressed = tools.store.written_off(&wanted, now).await.unwrap_or_else(|error| {
            tracing::warn!(gateway = %name, %error, "whether numbers are suppressed cannot be asked again");
            BTreeSet::new()
        });
        for (place, (.., reply)) in asked.drain(..).enumerate() {
            // Whoever asked may be gone.
            let _gone = reply.send(suppressed.contains(&place));
        }
    }
}

/// What may leave at the same instant: a timer is no finer than some milliseconds, and the rate is to be reached.
fn burst(per_second: f64) -> NonZeroU32 {
    NonZeroU32::new((per_second / 50.0).ceil() as u32).unwrap_or(NonZeroU32::MIN)
}
