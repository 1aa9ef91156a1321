//! A SIP phone that registers and answers by itself.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::stopped;
use crate::rtp::{Audio, Stream};
use crate::sip::answering::Answering;
use crate::sip::call::Turn;
use crate::sip::calling::ask;
use crate::sip::digest::Account;
use crate::sip::message::Message;
use crate::sip::sdp;
use crate::sip::station::{Received, Seat, Station, answer_stranger};
use crate::sound::Mouth;

/// Registrations are asked for this long.
const EXPIRES_S: u64 = 120;
/// After a failure the next try comes after this time.
const TRY_AGAIN: Duration = Duration::from_secs(2);
/// The phone's good-bye must be done by then.
const LEAVE_WITHIN: Duration = Duration::from_secs(3);

/// The audio of the call that is up on a phone, if one is.
pub type Line = Arc<Mutex<Option<Stream>>>;

/// A phone.
#[derive(Debug)]
pub struct Phone {
    station: Arc<Station>,
    account: Account,
    domain: String,
    registrar: SocketAddr,
    line: Line,
}

impl Phone {
    /// Plugs the phone in.
    ///
    /// # Errors
    /// No socket can be had.
    pub async fn open(
        registrar: SocketAddr,
        domain: &str,
        account: Account,
    ) -> std::io::Result<(Phone, mpsc::Receiver<Received>)> {
        let local = if registrar.ip().is_loopback() { registrar.ip() } else { [0, 0, 0, 0].into() };
        let (station, strangers) = Station::open(SocketAddr::new(local, 0)).await?;
        let phone = Phone { station, account, domain: domain.to_owned(), registrar, line: Line::default() };
        Ok((phone, strangers))
    }

    /// The audio of the call that is up.
    pub fn line(&self) -> Line {
        self.line.clone()
    }

    /// Registers and takes calls until it is told to stop; then hangs up and takes its registration back.
    /// `trouble` is told codes of what goes wrong.
    pub async fn work(
        self,
        mut strangers: mpsc::Receiver<Received>,
        mut stops: watch::Receiver<bool>,
        trouble: impl Fn(&str),
    ) {
        let Some(mut seat) = self.station.seat(&self.station.token()) else { return };
        let mut number = 0;
        let mut due = Instant::now();
        let mut calls = tokio::task::JoinSet::new();
        loop {
            tokio::select! {
                () = stopped(&mut stops) => break,
                () = sleep_until(due) => {
                    due = Instant::now() + match self.register(&mut seat, &mut number, EXPIRES_S).await {
                        Some(200) => Duration::from_secs(EXPIRES_S / 2),
                        Some(status) => {
                            trouble(&format!("register_{status}"));
                            TRY_AGAIN
                        }
                        None => {
                            trouble("register_silence");
                            TRY_AGAIN
                        }
                    };
                }
                received = strangers.recv() => match received {
                    Some(received) if received.message.method() == Some("INVITE") => {
                        if let Some(seat) = self.station.seat(received.message.call_id()) {
                            calls.spawn(take(seat, received, self.account.username.clone(), self.line(), stops.clone()));
                        }
                    }
                    Some(received) => answer_stranger(&self.station, &received),
                    None => break,
                },
                Some(_) = calls.join_next() => {}
            }
        }
        let good_bye = async {
            while calls.join_next().await.is_some() {}
            self.register(&mut seat, &mut number, 0).await;
        };
        let _ = timeout(LEAVE_WITHIN, good_bye).await;
    }

    async fn register(&self, seat: &mut Seat, number: &mut u32, expires_s: u64) -> Option<u16> {
        let user = &self.account.username;
        let address = format!("<sip:{user}@{}>", self.domain);
        *number += 2; // a challenge takes one more
        let request = Message::request("REGISTER", &format!("sip:{}", self.domain))
            .with("Via", self.station.via())
            .with("Max-Forwards", 70)
            .with("From", format!("{address};tag={}", self.station.token()))
            .with("To", &address)
            .with("Call-ID", seat.call_id())
            .with("CSeq", format!("{number} REGISTER"))
            .with("Contact", format!("<sip:{user}@{}>", self.station.local()))
            .with("Expires", expires_s);
        ask(&self.station, seat, request, self.registrar, Some(&self.account)).await?.status()
    }
}

/// Answers a call and keeps its audio on the line until it is over. A second call finds the line busy.
async fn take(seat: Seat, invite: Received, user: String, line: Line, mut stops: watch::Receiver<bool>) {
    let Some(answering) = Answering::take(seat, invite, &user) else { return };
    if line.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
        answering.refuse(486, "Busy Here", &[]).await;
        return;
    }
    let local = answering.offer().address.ip();
    let local = if local.is_loopback() { local } else { [0, 0, 0, 0].into() };
    let (Ok(audio), Some(law)) = (Audio::open(local).await, answering.offer().laws.first().copied()) else {
        answering.refuse(500, "Server Internal Error", &[]).await;
        return;
    };
    let sdp = sdp::write(audio.local(), 1, &[law]);
    let stream = audio.start(answering.offer(), law, Mouth::Silent);
    *line.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
    if let Some(mut call) = answering.answer(&sdp).await {
        loop {
            tokio::select! {
                () = stopped(&mut stops) => {
                    call.hang_up().await;
                    break;
                }
                turn = call.next() => match turn {
                    Turn::HungUp => break,
                    Turn::Changed => {
                        if let Some(stream) = &*line.lock().unwrap_or_else(PoisonError::into_inner) {
                            stream.move_to(&call.audio);
                        }
                    }
                    Turn::Nothing => {}
                },
            }
        }
    }
    line.lock().unwrap_or_else(PoisonError::into_inner).take();
}
