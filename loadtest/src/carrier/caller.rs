//! Callers: they come in waves, wait, talk and hang up; some call back a number that called them.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use super::Carrier;
use super::waves::Waves;
use crate::chance::Chance;
use crate::numbers;
use crate::rtp::{Audio, Stream};
use crate::sip::call::{Call, Turn};
use crate::sip::calling::{Calling, Order, Progress};
use crate::sip::sdp::{self, Law};
use crate::sound::{Mark, Mouth};

/// How often a caller thinks about what is heard.
const THINK_EVERY: Duration = Duration::from_millis(100);
/// No caller of the demo talks longer.
const TALK_MAX: Duration = Duration::from_secs(240);

/// Sends callers until it is dropped.
pub async fn come(carrier: Arc<Carrier>) {
    let Some(waves) = carrier.setup.waves.clone() else { return };
    let mut arrivals = Chance::of(carrier.setup.seed, "arrivals");
    let start = Instant::now();
    let mut at_s = 0.0;
    for index in 0usize.. {
        at_s = waves.next_after(at_s, &mut arrivals);
        sleep_until(start + Duration::from_secs_f64(at_s)).await;
        let carrier = carrier.clone();
        let waves = waves.clone();
        // A caller who was under way when the world ends is ended with it.
        tokio::spawn(async move {
            let Ok(_room) = carrier.room.clone().try_acquire_owned() else { return };
            let how = call(&carrier, &waves, index).await;
            carrier.ledger().caller_ended(how);
        });
    }
}

/// One caller's call.
pub async fn call(carrier: &Arc<Carrier>, waves: &Waves, index: usize) -> &'static str {
    let mut chance = Chance::of(carrier.setup.seed, &format!("caller {index}"));
    let returns = chance.happens(waves.returning).then(|| carrier.ledger().calls_back()).flatten();
    let (number, dials) = match returns {
        Some(pair) => pair,
        None if carrier.setup.hotlines.is_empty() => return "nowhere",
        None => (numbers::caller(chance.below(numbers::CALLERS_MAX)), chance.pick(&carrier.setup.hotlines).clone()),
    };
    let patience = Duration::from_secs_f64(chance.exponential(waves.patience_s).clamp(2.0, 600.0));
    let talk = Duration::from_secs_f64(chance.lognormal(waves.talk_s, 0.7).clamp(4.0, TALK_MAX.as_secs_f64()));
    let ends_it = chance.happens(0.6);
    let Ok(audio) = Audio::open(carrier.local().ip()).await else { return "no_port" };
    let order = Order {
        to: format!("sip:{dials}@{}", carrier.setup.centre),
        from_user: number.clone(),
        peer: carrier.setup.centre,
        sdp: sdp::write(audio.local(), 1, &[Law::Mu, Law::A]),
        account: carrier.setup.account.clone(),
    };
    let began = Instant::now();
    let gives_up = began + patience;
    let mut calling = Calling::start(&carrier.station, order);
    let mut up = loop {
        let think = Instant::now() + THINK_EVERY;
        match timeout_at(gives_up.min(think), calling.next()).await {
            Ok(Progress::Ringing(_)) => {}
            Ok(Progress::Answered(call)) => break call,
            Ok(Progress::Refused(_)) => return "refused",
            Ok(Progress::Silence) => {
                carrier.ledger().find("no_answer_to_invite", format!("{number} called {dials} and nothing came"));
                return "nothing";
            }
            Err(_) if Instant::now() < gives_up && !carrier.is_stopping() => {}
            Err(_) => {
                calling.cancel().await;
                return "gave_up";
            }
        }
    };
    let law = up.audio.laws.first().copied().unwrap_or(Law::Mu);
    let stream = audio.start(&up.audio, law, Mouth::Talking(Mark::customer(&number)));
    let (how, hung_up) = stay(carrier, &mut up, &stream, began, gives_up, ends_it.then_some(talk)).await;
    carrier.judge(&number, began.elapsed(), &stream.heard());
    if !hung_up && !up.hang_up().await {
        carrier.ledger().find("no_bye_answer", format!("{number}: the BYE was never answered"));
    }
    how
}

/// Waits, talks. Gives how it ended and whether the centre hung up.
async fn stay(
    carrier: &Carrier,
    call: &mut Call,
    stream: &Stream,
    began: Instant,
    gives_up: Instant,
    talk: Option<Duration>,
) -> (&'static str, bool) {
    let mut met: Option<Instant> = None;
    loop {
        let now = Instant::now();
        if met.is_none() && stream.heard().agent_windows() > 0 {
            met = Some(now);
            carrier.ledger().put_through(began.elapsed());
        }
        let leave_at = met.map_or(gives_up, |met| met + talk.unwrap_or(TALK_MAX));
        if now >= leave_at || carrier.is_stopping() {
            return (if met.is_some() { "talked" } else { "gave_up" }, false);
        }
        let mut changed = false;
        tokio::select! {
            turn = call.next() => match turn {
                Turn::HungUp => return (if met.is_some() { "talked" } else { "sent_away" }, true),
                Turn::Changed => changed = true,
                Turn::Nothing => {}
            },
            () = sleep_until(leave_at.min(now + THINK_EVERY)) => {}
        }
        if changed {
            stream.move_to(&call.audio);
        }
    }
}
