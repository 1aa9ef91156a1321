//! The side that calls: an INVITE from its departure until it is answered, refused or given up; and requests outside of
//! calls.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use super::call::{Call, GIVE_UP, T1, T2, calling_side};
use super::digest::{self, Account};
use super::message::Message;
use super::sdp;
use super::station::{Seat, Station};

/// Who calls whom.
#[derive(Clone, Debug)]
pub struct Order {
    /// Request-URI and To.
    pub to: String,
    /// The caller's user part, shown as number.
    pub from_user: String,
    /// Where the INVITE is sent.
    pub peer: SocketAddr,
    /// Our offer.
    pub sdp: String,
    /// What challenges are answered with.
    pub account: Option<Account>,
}

/// An INVITE that has no final answer yet.
#[derive(Debug)]
pub struct Calling {
    seat: Seat,
    order: Order,
    invite: Message,
    contact: String,
    heard_of: bool,
    interval: std::time::Duration,
    repeat_at: Instant,
    give_up: Instant,
}

/// How the INVITE goes on.
#[derive(Debug)]
pub enum Progress {
    /// A provisional answer above 100.
    Ringing(u16),
    /// It was answered, and acknowledged.
    Answered(Box<Call>),
    /// It was refused, and acknowledged.
    Refused(u16),
    /// Nobody answers at all.
    Silence,
}

impl Calling {
    /// Sends the INVITE.
    pub fn start(station: &Arc<Station>, order: Order) -> Calling {
        let call_id = station.token();
        let contact = format!("<sip:{}@{}>", order.from_user, station.local());
        let invite = Message::request("INVITE", &order.to)
            .with("Via", station.via())
            .with("Max-Forwards", 70)
            .with("From", format!("<sip:{}@{}>;tag={}", order.from_user, station.local().ip(), station.token()))
            .with("To", format!("<{}>", order.to))
            .with("Call-ID", &call_id)
            .with("CSeq", "1 INVITE")
            .with("Contact", &contact)
            .with("Allow", super::call::ALLOW)
            .with_sdp(&order.sdp);
        let seat = loop {
            // A token is never given twice, so the place is free at the first try.
            if let Some(seat) = station.seat(&call_id) {
                break seat;
            }
        };
        station.send(&invite, order.peer);
        let now = Instant::now();
        Calling {
            seat,
            order,
            invite,
            contact,
            heard_of: false,
            interval: T1,
            repeat_at: now + T1,
            give_up: now + GIVE_UP,
        }
    }

    /// What happens next. To be dropped and called again at will; after a final answer the call is over.
    pub async fn next(&mut self) -> Progress {
        loop {
            let wake = if self.heard_of { None } else { Some(self.repeat_at.min(self.give_up)) };
            let received = match wake {
                None => self.seat.next().await,
                Some(at) => match timeout_at(at, self.seat.next()).await {
                    Ok(received) => received,
                    Err(_) if Instant::now() >= self.give_up => return Progress::Silence,
                    Err(_) => {
                        self.seat.station.send(&self.invite, self.order.peer);
                        self.interval = (self.interval * 2).min(T2);
                        self.repeat_at = Instant::now() + self.interval;
                        continue;
                    }
                },
            };
            let message = &received.message;
            let (Some(status), true) = (message.status(), message.cseq() == self.invite.cseq()) else { continue };
            self.heard_of = true;
            match status {
                100 => {}
                101..200 => return Progress::Ringing(status),
                200..300 => match self.answered(message, received.from) {
                    Some(call) => return Progress::Answered(Box::new(call)),
                    None => return Progress::Refused(status),
                },
                _ => {
                    self.acknowledge(message);
                    if (status == 401 || status == 407) && self.prove(message) {
                        continue;
                    }
                    return Progress::Refused(status);
                }
            }
        }
    }

    fn answered(&mut self, answer: &Message, from: SocketAddr) -> Option<Call> {
        let dialog = calling_side(&self.invite, answer, from, self.contact.clone())?;
        let number = dialog.cseq;
        let mut ack = Message::request("ACK", &dialog.target)
            .with("Via", self.seat.station.via())
            .with("Max-Forwards", 70)
            .with("From", &dialog.local)
            .with("To", &dialog.remote)
            .with("Call-ID", self.seat.call_id())
            .with("CSeq", format!("{number} ACK"));
        for route in &dialog.routes {
            ack = ack.with("Route", route);
        }
        self.seat.station.send(&ack, dialog.peer);
        let audio = sdp::read(&answer.body)?;
        // The call gets the place of the INVITE; what is left here owns an empty one.
        let station = self.seat.station.clone();
        let seat = std::mem::replace(&mut self.seat, station.seat(&station.token())?);
        Some(Call { seat, dialog, audio, sdp: self.order.sdp.clone(), last: Some((number, ack)) })
    }

    /// ACK for a refusal: it belongs to the INVITE's transaction (RFC 3261 17.1.1.3).
    fn acknowledge(&self, refusal: &Message) {
        let ack = self.of_transaction("ACK").with("To", refusal.header("To").unwrap_or_default());
        self.seat.station.send(&ack, self.order.peer);
    }

    fn of_transaction(&self, method: &str) -> Message {
        let number = self.invite.cseq().map_or(1, |(number, _)| number);
        let mut message = Message::request(method, &self.order.to);
        for name in ["Via", "From", "Call-ID"] {
            message = message.with(name, self.invite.header(name).unwrap_or_default());
        }
        message.with("Max-Forwards", 70).with("CSeq", format!("{number} {method}"))
    }

    /// Answers a challenge once. `false`: it cannot be answered.
    fn prove(&mut self, challenge: &Message) -> bool {
        let (number, _) = self.invite.cseq().unwrap_or((1, ""));
        let Some(account) = self.order.account.as_ref().filter(|_| number == 1) else { return false };
        let Some((name, value)) = proof(challenge, account, "INVITE", &self.order.to, &self.seat.station.token())
        else {
            return false;
        };
        self.invite.set("CSeq", format!("{} INVITE", number + 1));
        self.invite.set("Via", self.seat.station.via());
        self.invite.set(name, value);
        self.heard_of = false;
        self.interval = T1;
        self.repeat_at = Instant::now() + T1;
        self.seat.station.send(&self.invite, self.order.peer);
        true
    }

    /// Gives up. If the answer crosses, the call is ended at once.
    pub async fn cancel(mut self) {
        if self.heard_of {
            let cancel = self.of_transaction("CANCEL").with("To", format!("<{}>", self.order.to));
            self.seat.station.send(&cancel, self.order.peer);
        }
        let end = Instant::now() + GIVE_UP;
        while let Ok(progress) = timeout_at(end, self.next()).await {
            match progress {
                Progress::Ringing(_) => {}
                Progress::Answered(call) => {
                    call.hang_up().await;
                    return;
                }
                Progress::Refused(_) | Progress::Silence => return,
            }
        }
    }
}

/// The header that answers a 401 or 407.
fn proof(
    challenge: &Message,
    account: &Account,
    method: &str,
    uri: &str,
    cnonce: &str,
) -> Option<(&'static str, String)> {
    let (asks, answers) = match challenge.status() {
        Some(401) => ("WWW-Authenticate", "Authorization"),
        _ => ("Proxy-Authenticate", "Proxy-Authorization"),
    };
    let value = challenge.all(asks).find_map(|asked| digest::answer(asked, account, method, uri, cnonce))?;
    Some((answers, value))
}

/// Sends a request outside of calls and answers one challenge. Gives the final answer; `None`: there was none.
pub async fn ask(
    station: &Arc<Station>,
    seat: &mut Seat,
    mut request: Message,
    peer: SocketAddr,
    account: Option<&Account>,
) -> Option<Message> {
    let method = request.method()?.to_owned();
    let first = request.cseq()?.0;
    loop {
        let answer = exchange(station, seat, &request, peer).await?;
        let (number, _) = request.cseq()?;
        let challenged = matches!(answer.status(), Some(401 | 407)) && number == first;
        let Some((name, value)) = account
            .filter(|_| challenged)
            .and_then(|account| proof(&answer, account, &method, request.uri(), &station.token()))
        else {
            return Some(answer);
        };
        request.set("CSeq", format!("{} {method}", number + 1));
        request.set("Via", station.via());
        request.set(name, value);
    }
}

async fn exchange(station: &Station, seat: &mut Seat, request: &Message, peer: SocketAddr) -> Option<Message> {
    let give_up = Instant::now() + GIVE_UP;
    let mut interval = T1;
    loop {
        station.send(request, peer);
        let again = (Instant::now() + interval).min(give_up);
        while let Ok(received) = timeout_at(again, seat.next()).await {
            let answers = received.message.cseq() == request.cseq();
            if answers && received.message.status().is_some_and(|status| status >= 200) {
                return Some(received.message);
            }
        }
        if again >= give_up {
            return None;
        }
        interval = (interval * 2).min(T2);
    }
}
