//! Agents' phones that register, answer by themselves, and speak their tone for the whole shift.
//!
//! Not the agents of the demo: these have no voice, no manners and no desk, so that nothing but the service is measured.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::LoadError;
use super::mouths::{Mouths, audio_socket, tone};
use crate::sip::answering::Answering;
use crate::sip::call::Turn;
use crate::sip::calling::ask;
use crate::sip::digest::Account;
use crate::sip::message::Message;
use crate::sip::sdp::{self, Law};
use crate::sip::station::{Received, Seat, Station, answer_stranger};

/// Longer than any measurement, so that nothing is registered anew in between.
const EXPIRES_S: u64 = 3600;
/// Phones have an address of their own: from the carrier's nobody may register.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));
/// A registration must be answered by then.
const REGISTER_WITHIN: Duration = Duration::from_secs(10);

/// A phone at work until this is dropped. What it does at its end is nothing: the service is ended before.
#[derive(Debug)]
pub struct Phone {
    task: JoinHandle<()>,
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How a phone speaks.
#[derive(Clone, Copy, Debug)]
pub struct Speech {
    /// Whose tone it is.
    pub speaker: u16,
    /// ms between two packets.
    pub every_ms: u64,
}

impl Phone {
    /// Registers a phone.
    ///
    /// # Errors
    /// The registrar refuses, or does not answer.
    pub async fn register(
        registrar: SocketAddr,
        domain: &str,
        account: Account,
        mouths: Arc<Mouths>,
        speech: Speech,
    ) -> Result<Phone, LoadError> {
        let (station, strangers) = Station::open((HERE, 0).into()).await?;
        let user = account.username.clone();
        let address = format!("<sip:{user}@{domain}>");
        let mut seat = station.seat(&station.token()).ok_or_else(|| LoadError::Other("no seat".into()))?;
        let request = Message::request("REGISTER", &format!("sip:{domain}"))
            .with("Via", station.via())
            .with("Max-Forwards", 70)
            .with("From", format!("{address};tag={}", station.token()))
            .with("To", &address)
            .with("Call-ID", seat.call_id())
            .with("CSeq", "1 REGISTER")
            .with("Contact", format!("<sip:{user}@{}>", station.local()))
            .with("Expires", EXPIRES_S);
        let asked = ask(&station, &mut seat, request, registrar, Some(&account));
        let answer = tokio::time::timeout(REGISTER_WITHIN, asked).await.ok().flatten();
        match answer.as_ref().and_then(Message::status) {
            Some(200) => {}
            Some(status) => return Err(LoadError::Other(format!("phone {user}: REGISTER was answered {status}"))),
            None => return Err(LoadError::Other(format!("phone {user}: REGISTER was not answered"))),
        }
        let task = tokio::spawn(take_calls(station, strangers, user, mouths, speech));
        Ok(Phone { task })
    }
}

async fn take_calls(
    station: Arc<Station>,
    mut strangers: mpsc::Receiver<Received>,
    user: String,
    mouths: Arc<Mouths>,
    speech: Speech,
) {
    let mut calls = tokio::task::JoinSet::new();
    while let Some(received) = strangers.recv().await {
        match received.message.method() {
            Some("INVITE") => {
                if let Some(seat) = station.seat(received.message.call_id()) {
                    calls.spawn(take(seat, received, user.clone(), mouths.clone(), speech));
                }
            }
            _ => answer_stranger(&station, &received),
        }
        while calls.try_join_next().is_some() {}
    }
}

async fn take(seat: Seat, invite: Received, user: String, mouths: Arc<Mouths>, speech: Speech) {
    let Some(answering) = Answering::take(seat, invite, &user) else { return };
    let Ok(socket) = audio_socket(HERE) else { return };
    let Ok(local) = socket.local_addr() else { return };
    let remote = answering.offer().address;
    let Ok(_speaking) = mouths.speak(socket, remote, tone(speech.speaker), speech.every_ms) else { return };
    let Some(mut call) = answering.answer(&sdp::write(local, 1, &[Law::Mu])).await else { return };
    while call.next().await != Turn::HungUp {}
}
