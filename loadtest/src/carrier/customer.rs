//! One call from the centre to a customer, from the INVITE to its end.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Carrier;
use super::fate::{Fate, Person};
use crate::rtp::{Audio, Heard, Stream};
use crate::sip::answering::{Answering, Rang};
use crate::sip::call::{Call, Turn};
use crate::sip::sdp::{self, Law};
use crate::sip::station::{Received, Seat};
use crate::sound::{Mark, Mouth};

/// The network gives up on a call that rings this long, as most do.
const RING_MAX: Duration = Duration::from_secs(60);
/// No call of the demo lasts longer.
const TALK_MAX: Duration = Duration::from_secs(300);
/// A machine hangs up this long after its beep.
const MESSAGE_MAX: Duration = Duration::from_secs(20);
/// How often a person thinks about what is heard.
const THINK_EVERY: Duration = Duration::from_millis(100);
/// Whoever talked to an agent this long must have been heard, and have heard.
const AUDIO_DUE: Duration = Duration::from_secs(4);

/// Takes one call.
pub async fn take(carrier: &Carrier, seat: Seat, invite: Received, called: &str, ordinal: u32) {
    let user = crate::sip::message::user(invite.message.uri()).to_owned();
    let Some(mut answering) = Answering::take(seat, invite, &user) else {
        carrier.ledger().ended("unfit");
        return;
    };
    if let Some(account) = &carrier.setup.account {
        match answering.challenge(account, "carrier").await {
            Some(proven) => answering = proven,
            None => return carrier.ledger().ended("unproven"),
        }
    }
    let Ok(_room) = carrier.room.clone().try_acquire_owned() else {
        answering.refuse(503, "Service Unavailable", &[("Retry-After", "5".into())]).await;
        return carrier.ledger().ended("congested");
    };
    let how = meet(carrier, answering, called, ordinal).await;
    carrier.ledger().ended(how);
}

async fn meet(carrier: &Carrier, mut call: Answering, called: &str, ordinal: u32) -> &'static str {
    match carrier.setup.manners.fate(carrier.setup.seed, called, ordinal) {
        Fate::Invalid => {
            call.refuse(404, "Not Found", &[("Reason", "Q.850;cause=1".into())]).await;
            "invalid"
        }
        Fate::Congested => {
            call.refuse(503, "Service Unavailable", &[("Retry-After", "2".into())]).await;
            "congested"
        }
        Fate::Busy => {
            if call.ring(Duration::from_millis(800)).await == Rang::Cancelled {
                return "cancelled";
            }
            call.refuse(486, "Busy Here", &[("Reason", "Q.850;cause=17".into())]).await;
            "busy"
        }
        Fate::Declined { ring } => {
            call.progress(180, None);
            if call.ring(ring.min(RING_MAX)).await == Rang::Cancelled {
                carrier.ledger().missed(called);
                return "cancelled";
            }
            call.refuse(603, "Decline", &[]).await;
            "declined"
        }
        Fate::NoAnswer => {
            call.progress(180, None);
            let rang = call.ring(RING_MAX).await;
            carrier.ledger().missed(called);
            if rang == Rang::Cancelled {
                return "cancelled";
            }
            call.refuse(480, "Temporarily Unavailable", &[("Reason", "Q.850;cause=19".into())]).await;
            "no_answer"
        }
        Fate::Machine { ring, greeting_frames } => {
            let mouth = Mouth::Machine { greeting_frames };
            let Some((call, stream)) = pick_up(carrier, call, ring, mouth, Law::Mu, called).await else {
                return "cancelled";
            };
            machine(carrier, call, stream, greeting_frames).await;
            "machine"
        }
        Fate::Fleeting { ring, hold } => {
            let mouth = Mouth::Called(Mark::customer(called));
            let Some((mut call, stream)) = pick_up(carrier, call, ring, mouth, Law::Mu, called).await else {
                return "cancelled";
            };
            if !call.until(Instant::now() + hold, |remote| stream.move_to(remote)).await {
                call.hang_up().await;
            }
            "fleeting"
        }
        Fate::Person(person) => {
            if person.early_media {
                call.progress(183, None);
            }
            let mouth = Mouth::Called(Mark::customer(called));
            let Some((call, stream)) = pick_up(carrier, call, person.ring, mouth, person.law, called).await else {
                return "cancelled";
            };
            talk(carrier, call, stream, &person, called).await
        }
    }
}

/// Rings, answers and begins to speak. `None`: cancelled before.
async fn pick_up(
    carrier: &Carrier,
    mut call: Answering,
    ring: Duration,
    mouth: Mouth,
    law: Law,
    called: &str,
) -> Option<(Call, Stream)> {
    call.progress(180, None);
    if call.ring(ring.min(RING_MAX)).await == Rang::Cancelled {
        carrier.ledger().missed(called);
        return None;
    }
    let audio = Audio::open(carrier.local().ip()).await.ok()?;
    let law = if call.offer().laws.contains(&law) { law } else { *call.offer().laws.first()? };
    let sdp = sdp::write(audio.local(), 1, &[law]);
    // Whoever answers speaks before the ACK is there.
    let stream = audio.start(call.offer(), law, mouth);
    Some((call.answer(&sdp).await?, stream))
}

async fn machine(carrier: &Carrier, mut call: Call, stream: Stream, greeting_frames: u64) {
    let end = Instant::now() + Duration::from_millis(greeting_frames * 20) + MESSAGE_MAX;
    while Instant::now() < end && !carrier.is_stopping() {
        if call.until(end.min(Instant::now() + THINK_EVERY), |remote| stream.move_to(remote)).await {
            return;
        }
    }
    call.hang_up().await;
}

/// Listens and talks until somebody hangs up.
async fn talk(carrier: &Carrier, mut call: Call, stream: Stream, person: &Person, called: &str) -> &'static str {
    let answered = Instant::now();
    let mut met: Option<Instant> = None;
    let hung_up = loop {
        let now = Instant::now();
        let heard = stream.heard();
        if met.is_none() && heard.agent_windows() > 0 {
            met = Some(now);
        }
        let leave_at = match (met, person.talk) {
            (Some(met), Some(talk)) => met + talk,
            (Some(met), None) => met + TALK_MAX,
            // Who hears something (an announcement) waits longer than who hears nothing.
            (None, _) if heard.sound > 0 => answered + person.silence + Duration::from_secs(15),
            (None, _) => answered + person.silence,
        };
        if now >= leave_at || carrier.is_stopping() {
            break false;
        }
        let mut changed = None;
        tokio::select! {
            turn = call.next() => match turn {
                Turn::HungUp => break true,
                Turn::Changed => changed = Some(call.audio.clone()),
                Turn::Nothing => {}
            },
            () = sleep_until(leave_at.min(now + THINK_EVERY)) => {}
        }
        if let Some(remote) = changed {
            stream.move_to(&remote);
        }
    };
    let heard = stream.heard();
    carrier.judge(called, answered.elapsed(), &heard);
    if !hung_up && !call.hang_up().await {
        carrier.ledger().find("no_bye_answer", format!("{called}: the BYE was never answered"));
    }
    match (met.is_some(), heard.sound > 0) {
        (true, _) => "talked",
        (false, true) => "announced",
        (false, false) => "silent",
    }
}

impl Carrier {
    /// Holds what a person heard against what a person must hear.
    pub(super) fn judge(&self, called: &str, lasted: Duration, heard: &Heard) {
        let mut ledger = self.ledger();
        ledger.heard(heard);
        if lasted >= AUDIO_DUE && heard.packets == 0 {
            ledger.find("no_audio", format!("{called} heard no packet in {:.1} s", lasted.as_secs_f64()));
        } else if lasted >= AUDIO_DUE && heard.sound == 0 {
            ledger.find("silence", format!("{called} heard nothing in {:.1} s", lasted.as_secs_f64()));
        }
        let customers = heard.voices.keys().filter(|mark| !mark.is_agent()).count();
        if customers > 0 && heard.agent_windows() == 0 && heard.voice().is_some() {
            ledger.find("crossed", format!("{called} heard another customer"));
        }
    }
}
