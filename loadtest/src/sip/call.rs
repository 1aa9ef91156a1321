//! A call that is up, on either side: its dialog, what arrives within it, and its end.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use super::message::{Message, address, parameter, target};
use super::sdp::{self, Remote};
use super::station::{Received, Seat};

/// Methods that are understood.
pub const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO";
/// First interval of retransmission (RFC 3261 17.1.1.1).
pub const T1: Duration = Duration::from_millis(500);
/// Longest interval of retransmission.
pub const T2: Duration = Duration::from_secs(4);
/// A transaction that has no answer by then never gets one.
pub const GIVE_UP: Duration = Duration::from_secs(32);

/// The two ends of a call and how far each has counted.
#[derive(Clone, Debug)]
pub struct Dialog {
    /// From or To of this end, with tag.
    pub local: String,
    /// From or To of the other end, with tag.
    pub remote: String,
    /// The other end's Contact.
    pub target: String,
    /// Where requests are sent: the other end's socket.
    pub peer: SocketAddr,
    /// Our Contact.
    pub contact: String,
    /// Last CSeq of this end.
    pub cseq: u32,
    /// Route set, in the order in which it is sent.
    pub routes: Vec<String>,
}

/// A call that was answered.
#[derive(Debug)]
pub struct Call {
    /// Its messages.
    pub seat: Seat,
    /// Its dialog.
    pub dialog: Dialog,
    /// What the other end said about its audio, at last.
    pub audio: Remote,
    /// What this end says about its audio.
    pub sdp: String,
    /// What is sent again when its cause arrives again: a 200 for an INVITE, or an ACK for a 200.
    pub last: Option<(u32, Message)>,
}

/// Something the other end did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It hung up, and was answered.
    HungUp,
    /// It changed its audio.
    Changed,
    /// Something that changes nothing; it was answered.
    Nothing,
}

impl Call {
    /// Waits until the other end does something that matters.
    pub async fn next(&mut self) -> Turn {
        loop {
            let received = self.seat.next().await;
            match self.take(&received) {
                Turn::Nothing => {}
                turn => return turn,
            }
        }
    }

    /// Answers one message of the call.
    pub fn take(&mut self, received: &Received) -> Turn {
        let message = &received.message;
        let Some(method) = message.method() else {
            if message.cseq().is_some_and(|(_, method)| method == "INVITE") && message.status() == Some(200) {
                self.repeat(message.cseq().map_or(0, |(number, _)| number));
            }
            return Turn::Nothing;
        };
        match method {
            "ACK" => Turn::Nothing,
            "BYE" => {
                self.reply(received, Message::response(message, 200, "OK"));
                Turn::HungUp
            }
            "INVITE" => self.change(received),
            "UPDATE" if !message.body.is_empty() => self.change(received),
            "UPDATE" | "OPTIONS" | "INFO" => {
                self.reply(received, Message::response(message, 200, "OK").with("Contact", &self.dialog.contact));
                Turn::Nothing
            }
            "CANCEL" => {
                // It crossed the 200: it is too late, and the BYE follows (RFC 3261 9.2).
                self.reply(received, Message::response(message, 200, "OK"));
                Turn::Nothing
            }
            _ => {
                self.reply(received, Message::response(message, 501, "Not Implemented"));
                Turn::Nothing
            }
        }
    }

    /// A re-INVITE or an UPDATE with a description, or the first INVITE once more.
    fn change(&mut self, received: &Received) -> Turn {
        let number = received.message.cseq().map_or(0, |(number, _)| number);
        if self.last.as_ref().is_some_and(|(last, _)| *last == number) {
            self.repeat(number);
            return Turn::Nothing;
        }
        if let Some(contact) = received.message.header("Contact") {
            self.dialog.target = address(contact).to_owned();
        }
        let changed = sdp::read(&received.message.body);
        let mut response = Message::response(&received.message, 200, "OK").with("Contact", &self.dialog.contact);
        if let Some(expires) = received.message.header("Session-Expires") {
            response = response.with("Session-Expires", expires);
        }
        let response = response.with_sdp(&self.sdp);
        self.reply(received, response.clone());
        self.last = Some((number, response));
        match changed {
            Some(audio) if audio != self.audio => {
                self.audio = audio;
                Turn::Changed
            }
            _ => Turn::Nothing,
        }
    }

    fn repeat(&self, number: u32) {
        if let Some((last, message)) = &self.last
            && *last == number
        {
            self.seat.station.send(message, self.dialog.peer);
        }
    }

    fn reply(&self, to: &Received, response: Message) {
        self.seat.station.send(&response, to.from);
    }

    /// A request within the dialog.
    pub fn request(&mut self, method: &str) -> Message {
        self.dialog.cseq += 1;
        let mut message = Message::request(method, &self.dialog.target)
            .with("Via", self.seat.station.via())
            .with("Max-Forwards", 70)
            .with("From", &self.dialog.local)
            .with("To", &self.dialog.remote)
            .with("Call-ID", self.seat.call_id())
            .with("CSeq", format!("{} {method}", self.dialog.cseq))
            .with("Contact", &self.dialog.contact);
        for route in &self.dialog.routes {
            message = message.with("Route", route);
        }
        message
    }

    /// Hangs up and waits until the other end has agreed. `false`: it never did.
    pub async fn hang_up(mut self) -> bool {
        let bye = self.request("BYE");
        let number = self.dialog.cseq;
        let give_up = Instant::now() + GIVE_UP;
        let mut interval = T1;
        loop {
            self.seat.station.send(&bye, self.dialog.peer);
            let again = (Instant::now() + interval).min(give_up);
            while let Ok(received) = timeout_at(again, self.seat.next()).await {
                let answered = received.message.status().is_some_and(|status| status >= 200);
                if answered && received.message.cseq() == Some((number, "BYE")) {
                    return true;
                }
                // Both hung up at once: each answers the other and nothing more is owed.
                if self.take(&received) == Turn::HungUp {
                    return true;
                }
            }
            if again >= give_up {
                return false;
            }
            interval = (interval * 2).min(T2);
        }
    }

    /// Follows the call until the other end hangs up or the time comes. `true`: the other end hung up.
    pub async fn until(&mut self, end: Instant, mut changed: impl FnMut(&Remote)) -> bool {
        loop {
            tokio::select! {
                turn = self.next() => match turn {
                    Turn::HungUp => return true,
                    Turn::Changed => changed(&self.audio),
                    Turn::Nothing => {}
                },
                () = sleep_until(end) => return false,
            }
        }
    }
}

/// The dialog as the side that was called sees it. `None`: the INVITE is not fit for one.
pub fn called_side(invite: &Message, from: SocketAddr, local: String, contact: String) -> Option<Dialog> {
    let remote = invite.header("From")?.to_owned();
    parameter(&remote, "tag")?;
    Some(Dialog {
        local,
        remote,
        target: address(invite.header("Contact")?).to_owned(),
        peer: from,
        contact,
        cseq: 0,
        routes: invite.all("Record-Route").map(str::to_owned).collect(),
    })
}

/// The dialog as the side that called sees it.
pub fn calling_side(invite: &Message, answer: &Message, from: SocketAddr, contact: String) -> Option<Dialog> {
    let target_uri = address(answer.header("Contact")?).to_owned();
    let mut routes: Vec<String> = answer.all("Record-Route").map(str::to_owned).collect();
    routes.reverse();
    Some(Dialog {
        local: invite.header("From")?.to_owned(),
        remote: answer.header("To")?.to_owned(),
        peer: if routes.is_empty() { target(&target_uri).unwrap_or(from) } else { from },
        target: target_uri,
        contact,
        cseq: invite.cseq()?.0,
        routes,
    })
}
