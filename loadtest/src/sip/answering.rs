//! The side that is called: an INVITE from its arrival until it is answered, refused or cancelled.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::call::{Call, Dialog, GIVE_UP, T1, T2, called_side};
use super::digest::{self, Account};
use super::message::Message;
use super::sdp::{self, Remote};
use super::station::{Received, Seat};

/// An INVITE that has no final answer yet.
#[derive(Debug)]
pub struct Answering {
    seat: Seat,
    invite: Received,
    dialog: Dialog,
    offer: Remote,
    last: Message,
}

/// How a time of ringing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rang {
    /// The time is over.
    Long,
    /// The caller cancelled; the INVITE has been answered with 487.
    Cancelled,
}

impl Answering {
    /// Takes an INVITE. `None`, after a refusal where one can be sent: it is no call that could be answered.
    pub fn take(seat: Seat, invite: Received, user: &str) -> Option<Answering> {
        let station = seat.station.clone();
        let contact = format!("<sip:{user}@{}>", station.local());
        let to = invite.message.header("To").unwrap_or_default();
        let local = format!("{to};tag={}", station.token());
        let offer = sdp::read(&invite.message.body);
        let dialog = called_side(&invite.message, invite.from, local, contact);
        let (Some(dialog), Some(offer)) = (dialog, offer) else {
            station.send(&Message::response(&invite.message, 488, "Not Acceptable Here"), invite.from);
            return None;
        };
        let last = Message::response(&invite.message, 100, "Trying");
        station.send(&last, invite.from);
        Some(Answering { seat, invite, dialog, offer, last })
    }

    /// Where the caller wants its audio.
    pub fn offer(&self) -> &Remote {
        &self.offer
    }

    /// The request.
    pub fn invite(&self) -> &Message {
        &self.invite.message
    }

    fn response(&self, status: u16, phrase: &str) -> Message {
        let mut response = Message::response(&self.invite.message, status, phrase);
        response.set("To", &self.dialog.local);
        response.with("Contact", &self.dialog.contact)
    }

    fn send(&mut self, response: Message) {
        self.seat.station.send(&response, self.invite.from);
        self.last = response;
    }

    /// Says that it rings (180), or with a description that something can be heard (183).
    pub fn progress(&mut self, status: u16, sdp: Option<&str>) {
        let response = self.response(status, if status == 180 { "Ringing" } else { "Session Progress" });
        self.send(match sdp {
            Some(sdp) => response.with_sdp(sdp),
            None => response,
        });
    }

    /// Lets it ring.
    pub async fn ring(&mut self, time: Duration) -> Rang {
        let end = Instant::now() + time;
        while let Ok(received) = timeout_at(end, self.seat.next()).await {
            match received.message.method() {
                Some("CANCEL") => {
                    self.seat.station.send(&Message::response(&received.message, 200, "OK"), received.from);
                    let terminated = self.response(487, "Request Terminated");
                    self.finish(terminated).await;
                    return Rang::Cancelled;
                }
                Some("INVITE") => self.seat.station.send(&self.last, self.invite.from),
                _ => {}
            }
        }
        Rang::Long
    }

    /// Refuses the call; ends when the refusal is acknowledged. `false`: it never was.
    pub async fn refuse(mut self, status: u16, phrase: &str, headers: &[(&str, String)]) -> bool {
        let mut response = self.response(status, phrase);
        for (name, value) in headers {
            response = response.with(name, value);
        }
        self.finish(response).await
    }

    /// Asks for a proof of this account. Gives the call back, with the proven INVITE, or nothing.
    pub async fn challenge(mut self, account: &Account, realm: &str) -> Option<Answering> {
        let nonce = self.seat.station.token();
        let proven = |message: &Message| {
            let proof = message.header("Proxy-Authorization");
            proof.is_some_and(|proof| digest::proves(proof, account, &nonce, "INVITE"))
        };
        let asked = self.response(407, "Proxy Authentication Required");
        self.send(asked.with("Proxy-Authenticate", digest::challenge(realm, &nonce)));
        let end = Instant::now() + GIVE_UP;
        while let Ok(received) = timeout_at(end, self.seat.next()).await {
            if received.message.method() != Some("INVITE") {
                continue;
            }
            if proven(&received.message) {
                let user = super::message::user(received.message.uri()).to_owned();
                return Answering::take(self.seat, received, &user);
            }
            if received.message.cseq() == self.invite.message.cseq() {
                self.seat.station.send(&self.last, received.from);
            } else {
                self.invite = received;
                let refusal = self.response(403, "Forbidden");
                self.finish(refusal).await;
                return None;
            }
        }
        None
    }

    /// Sends a final refusal until it is acknowledged.
    async fn finish(&mut self, response: Message) -> bool {
        let give_up = Instant::now() + GIVE_UP;
        let mut interval = T1;
        self.send(response);
        loop {
            let again = (Instant::now() + interval).min(give_up);
            while let Ok(received) = timeout_at(again, self.seat.next()).await {
                match received.message.method() {
                    Some("ACK") => return true,
                    Some("CANCEL") => {
                        self.seat.station.send(&Message::response(&received.message, 200, "OK"), received.from)
                    }
                    _ => {}
                }
            }
            if again >= give_up {
                return false;
            }
            self.seat.station.send(&self.last, self.invite.from);
            interval = (interval * 2).min(T2);
        }
    }

    /// Answers. `None`: the caller never acknowledged, or hung up at once.
    pub async fn answer(mut self, sdp: &str) -> Option<Call> {
        let number = self.invite.message.cseq().map_or(0, |(number, _)| number);
        let answer = self.response(200, "OK").with("Allow", super::call::ALLOW).with_sdp(sdp);
        self.send(answer);
        let mut call = Call {
            seat: self.seat,
            dialog: self.dialog,
            audio: self.offer,
            sdp: sdp.to_owned(),
            last: Some((number, self.last.clone())),
        };
        let give_up = Instant::now() + GIVE_UP;
        let mut interval = T1;
        loop {
            let again = (Instant::now() + interval).min(give_up);
            while let Ok(received) = timeout_at(again, call.seat.next()).await {
                if received.message.method() == Some("ACK") {
                    return Some(call);
                }
                if call.take(&received) == super::call::Turn::HungUp {
                    return None;
                }
            }
            if again >= give_up {
                call.hang_up().await;
                return None;
            }
            call.seat.station.send(&self.last, self.invite.from);
            interval = (interval * 2).min(T2);
        }
    }
}
