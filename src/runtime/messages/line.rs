//! One gateway: connects, and again when the connection is lost; takes in what it tells.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::sender::Sender;
use super::{CONNECT_MAX, STORE_AGAIN, Tools, callbacks, connect};
use crate::config::Gateway;
use crate::model::dialable::{self, Region};
use crate::model::lead::SuppressionReason;
use crate::model::name::GatewayName;
use crate::model::phone::PhoneNumber;
use crate::model::reply::opt_out;
use crate::runtime::handle::{CallOfGateway, GatewayState};
use crate::sms::{Fact, Facts, Incoming, Session};
use crate::store::{Arrived, StoreError, TakenIn};

/// Waits between tries to connect: doubled each time, from the first to the longest.
const AGAIN_FIRST: Duration = Duration::from_secs(1);
const AGAIN_MAX: Duration = Duration::from_secs(60);
/// A connection that held this long begins with the first wait again.
const HELD: Duration = Duration::from_secs(60);
/// Facts that are being written down at once: the store's writer puts them into one transaction.
pub(super) const FACTS_AT_ONCE: usize = 64;
/// Pieces of a message that are missing for this long are not waited for any more.
const PIECES_MAX: Duration = Duration::from_secs(300);
/// How often it is looked for those.
const PIECES_EVERY: Duration = Duration::from_secs(30);

/// One gateway.
pub(super) struct Line {
    pub(super) name: GatewayName,
    pub(super) settings: Gateway,
    pub(super) region: Region,
    pub(super) tools: Tools,
}

impl Line {
    /// Until told to stop.
    pub(super) async fn run(self, calls: mpsc::Receiver<CallOfGateway>, stop: watch::Receiver<bool>) {
        let line = Arc::new(self);
        // Ends with this task, however that ends.
        let mut answering = JoinSet::new();
        answering.spawn(callbacks::answer(Arc::clone(&line), calls, stop.clone()));
        line.keep_up(stop).await;
        while answering.join_next().await.is_some() {}
    }

    /// Connects, sends and takes in, and again, until told to stop.
    async fn keep_up(self: &Arc<Line>, mut stop: watch::Receiver<bool>) {
        let line = self;
        let mut wait = AGAIN_FIRST;
        loop {
            line.tools.show(&line.name, GatewayState::Connecting, None);
            let bound = tokio::select! {
                () = told(&mut stop) => return,
                bound = timeout(CONNECT_MAX, connect(&line.settings)) => bound,
            };
            let bound = bound.unwrap_or_else(|_| Err(format!("no answer within {} s", CONNECT_MAX.as_secs())));
            let why = match bound {
                Err(why) => why,
                Ok((session, facts)) => {
                    tracing::info!(gateway = %line.name, "an SMS gateway is connected");
                    line.tools.show(&line.name, GatewayState::Up, None);
                    let since = line.tools.clock.now().instant;
                    let over = line.serve(session, facts, &mut stop).await;
                    if line.tools.clock.now().instant.since(since) >= HELD {
                        wait = AGAIN_FIRST;
                    }
                    match over {
                        None => return,
                        Some(why) => why,
                    }
                }
            };
            tracing::warn!(gateway = %line.name, why, again_s = wait.as_secs(), "an SMS gateway is not connected");
            line.tools.show(&line.name, GatewayState::Down, Some(why));
            tokio::select! {
                () = told(&mut stop) => return,
                () = sleep(wait) => {}
            }
            wait = (wait * 2).min(AGAIN_MAX);
        }
    }

    /// Sends and takes in until the connection is over, and says why; or until told to stop.
    async fn serve(
        self: &Arc<Line>,
        session: Session,
        mut facts: Facts,
        stop: &mut watch::Receiver<bool>,
    ) -> Option<String> {
        let (end, ended) = watch::channel(false);
        let sender = Sender::new(self.name.clone(), &self.settings, session.clone(), self.tools.clone(), ended);
        // Ends with this connection, however that ends.
        let mut sending = JoinSet::new();
        sending.spawn(sender.run());
        let room = Arc::new(Semaphore::new(FACTS_AT_ONCE));
        let mut taking = JoinSet::new();
        let mut look = tokio::time::interval(PIECES_EVERY);
        // With all rooms taken the gateway waits, as its connection does.
        let mut own = None;
        let over = loop {
            tokio::select! {
                () = told(stop) => break None,
                _ = look.tick() => self.stale_pieces().await,
                Ok(room) = Arc::clone(&room).acquire_owned(), if own.is_none() => own = Some(room),
                fact = facts.next(), if own.is_some() => {
                    while taking.try_join_next().is_some() {}
                    let (fact, token) = match fact {
                        Ok(told) => told,
                        Err(why) => break Some(why),
                    };
                    let (line, session, room) = (Arc::clone(self), session.clone(), own.take());
                    taking.spawn(async move {
                        if line.take(fact).await {
                            session.acknowledge(token).await;
                        }
                        drop(room);
                    });
                }
            }
        };
        end.send_replace(true);
        // What is on its way gets its answer, or none.
        while sending.join_next().await.is_some() {}
        while taking.join_next().await.is_some() {}
        if over.is_none() {
            session.end().await;
        }
        over
    }

    /// Writes down what the gateway told; whether it is durable and may be acknowledged.
    pub(super) async fn take(&self, fact: Fact) -> bool {
        let store = &self.tools.store;
        match fact {
            Fact::Ignored(what) => {
                tracing::info!(gateway = %self.name, what, "an SMS gateway told something that concerns nobody");
                true
            }
            Fact::Receipt(receipt) => {
                let at = self.tools.clock.now().timestamp;
                let kept =
                    self.persist(|| store.receipt(&self.name, &receipt.id, receipt.state, &receipt.says, at)).await;
                kept.is_some()
            }
            Fact::Came(message) => {
                let arrived = self.arrived(message);
                // Whoever says stop is let go of at once, also while the database takes no writes.
                if let (Ok(number), None, Some(_)) = (&arrived.number, arrived.piece, opt_out(&arrived.text)) {
                    self.let_go(number.clone()).await;
                }
                let at = self.tools.clock.now().timestamp;
                let confirmation = &self.settings.opt_out_confirmation;
                let Some(taken) = self.persist(|| store.take_in(arrived.clone(), confirmation, at)).await else {
                    return false;
                };
                self.tell(taken).await;
                true
            }
        }
    }

    /// Does a write until it is taken; gives up on one that the database refuses for what it says.
    async fn persist<T, F>(&self, write: impl Fn() -> F) -> Option<T>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        loop {
            match write().await {
                Ok(done) => return Some(done),
                Err(error) if error.is_outage() => sleep(STORE_AGAIN).await,
                Err(error) => {
                    tracing::error!(gateway = %self.name, %error, "what an SMS gateway told cannot be written down");
                    return None;
                }
            }
        }
    }

    fn arrived(&self, message: Incoming) -> Arrived {
        let Incoming { from, international, to, text, piece, id } = message;
        Arrived {
            gateway: self.name.clone(),
            number: number(&from, international, self.region).ok_or(from),
            ours: to,
            text,
            gateway_id: id,
            piece: piece.map(|piece| (piece.reference, piece.number, piece.of)),
        }
    }

    async fn tell(&self, taken: TakenIn) {
        if let Some(campaign) = taken.registered
            && let Err(error) = self.tools.handle.leads_changed(campaign)
        {
            tracing::warn!(gateway = %self.name, %error, "the dialer finds a pre-registered customer a little later");
        }
        if let Some(number) = taken.suppressed {
            self.let_go(number).await;
        }
    }

    /// Has the dialer give up what rings and forget what it holds.
    async fn let_go(&self, number: PhoneNumber) {
        if let Err(error) = self.tools.handle.suppressed(number, None, SuppressionReason::OptOut).await {
            tracing::error!(gateway = %self.name, %error, "the dialer does not hear of a customer who opted out");
        }
    }

    async fn stale_pieces(&self) {
        let now = self.tools.clock.now().timestamp;
        let confirmation = &self.settings.opt_out_confirmation;
        match self.tools.store.take_in_stale_pieces(&self.name, confirmation, now - PIECES_MAX, now).await {
            Ok(taken) => {
                for one in taken {
                    self.tell(one).await;
                }
            }
            Err(error) => tracing::error!(gateway = %self.name, %error, "pieces of messages wait"),
        }
    }
}

/// Waits until told to stop. A dropped sender means that the program ends as well.
pub(super) async fn told(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

/// A number as a gateway writes it: in international form with or without the sign, or in that of the region.
fn number(text: &str, international: bool, region: Region) -> Option<PhoneNumber> {
    let digits = text.trim_start_matches('+');
    let digits = digits.strip_prefix("00").unwrap_or(digits);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain
        && (international || text.starts_with('+') || text.starts_with("00"))
        && let Ok(number) = PhoneNumber::from_e164(&format!("+{digits}"))
    {
        return Some(number);
    }
    let read = |text: &str, region| dialable::read(text, region).ok().map(|read| read.number);
    // Many gateways leave the sign out and do not say so.
    read(text, Some(region)).or_else(|| read(&format!("+{digits}"), None).filter(|_| plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_gateways_write_it() {
        let china: Region = "CN".parse().unwrap();
        let read = |text: &str, international| number(text, international, china).map(|read| read.as_str().to_owned());
        let expected = Some("+8613800138000".to_owned());
        for (text, international) in [
            ("8613800138000", true),
            ("+8613800138000", false),
            ("8613800138000", false),
            ("13800138000", false),
            ("008613800138000", true),
            ("008613800138000", false),
            ("+86 138 0013 8000", false),
        ] {
            assert_eq!(read(text, international), expected, "{text} {international}");
        }
        assert_eq!(read("442079460958", false), Some("+442079460958".to_owned()));
        for text in ["", "+", "BANK", "10086", "abc8613800138000"] {
            assert_eq!(read(text, false), None, "{text}");
        }
    }
}
