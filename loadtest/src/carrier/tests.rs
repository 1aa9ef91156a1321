//! The carrier and a minimal caller over loopback.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::fate::Manners;
use super::waves::{Shape, Waves};
use super::{Carrier, Setup, caller};
use crate::rtp::Audio;
use crate::sip::answering::Answering;
use crate::sip::calling::{Calling, Order, Progress};
use crate::sip::sdp::{self, Law};
use crate::sip::station::Station;
use crate::sound::{Mark, Mouth};

const NUMBER: &str = "+12015550142";

fn setup(manners: Manners) -> Setup {
    let local = "127.0.0.1:0".parse().unwrap();
    Setup {
        seed: 1,
        listen: local,
        centre: local,
        manners: Manners { speed: 20.0, ..manners },
        waves: None,
        hotlines: vec!["+441632960000".into()],
        caller_ids: BTreeSet::from(["+441632960010".into()]),
        customers: BTreeMap::new(),
        never: BTreeSet::new(),
        hours: (8, 21),
        attempts_max: 3,
        account: None,
    }
}

/// Everybody behaves like this one share.
fn only(set: impl FnOnce(&mut Manners)) -> Manners {
    let mut manners = Manners {
        invalid: 0.0,
        has_machine: 0.0,
        person: 0.0,
        busy: 0.0,
        declined: 0.0,
        congested: 0.0,
        fleeting: 0.0,
        hangs_up_first: 1.0,
        silence_s: 60.0,
        talk_s: 60.0,
        ..Manners::default()
    };
    set(&mut manners);
    manners
}

struct Centre {
    station: Arc<Station>,
    audio: Audio,
}

impl Centre {
    async fn open() -> Centre {
        let (station, _) = Station::open("127.0.0.1:0".parse().unwrap()).await.unwrap();
        Centre { station, audio: Audio::open("127.0.0.1".parse().unwrap()).await.unwrap() }
    }

    fn order(&self, carrier: &Carrier) -> Order {
        Order {
            to: format!("sip:{NUMBER}@{}", carrier.local()),
            from_user: "+441632960010".into(),
            peer: carrier.local(),
            sdp: sdp::write(self.audio.local(), 1, &[Law::Mu, Law::A]),
            account: None,
        }
    }
}

async fn final_answer(calling: &mut Calling) -> Progress {
    loop {
        match calling.next().await {
            Progress::Ringing(_) => {}
            progress => return progress,
        }
    }
}

/// The carrier has seen the end of every call.
async fn all_over(carrier: &Carrier) {
    while carrier.calls() > 0 || !carrier.ledger().is_idle() {
        tokio::task::yield_now().await;
    }
}

async fn refusal(manners: Manners) -> u16 {
    let carrier = Carrier::open(setup(manners)).await.unwrap();
    let centre = Centre::open().await;
    let mut calling = Calling::start(&centre.station, centre.order(&carrier));
    match final_answer(&mut calling).await {
        Progress::Refused(status) => status,
        progress => panic!("{progress:?}"),
    }
}

#[tokio::test]
async fn each_way_of_not_answering_has_its_status() {
    assert_eq!(refusal(only(|manners| manners.invalid = 1.0)).await, 404);
    assert_eq!(refusal(only(|manners| manners.busy = 1.0)).await, 486);
    assert_eq!(refusal(only(|manners| manners.declined = 1.0)).await, 603);
    assert_eq!(refusal(only(|manners| manners.congested = 1.0)).await, 503);
}

#[tokio::test]
async fn a_person_answers_hears_the_agent_and_hangs_up_and_both_are_recognised() {
    let carrier = Carrier::open(setup(only(|manners| manners.person = 1.0))).await.unwrap();
    let centre = Centre::open().await;
    let mut calling = Calling::start(&centre.station, centre.order(&carrier));
    let Progress::Answered(mut call) = final_answer(&mut calling).await else { panic!("not answered") };
    let law = call.audio.laws[0];
    let stream = centre.audio.start(&call.audio, law, Mouth::Talking(Mark::agent(3)));
    let hung_up = call.until(tokio::time::Instant::now() + Duration::from_secs(25), |_| {}).await;
    assert!(hung_up, "the person never hung up");
    assert_eq!(stream.heard().voice(), Some(Mark::customer(NUMBER)));
    drop((call, calling));
    all_over(&carrier).await;
    assert_eq!(carrier.ledger().ends.get("talked"), Some(&1));
    assert!(carrier.ledger().take_findings().is_empty());
}

#[tokio::test]
async fn two_calls_to_one_number_at_once_are_a_double_dial_and_a_forbidden_number_is_found() {
    let mut setup = setup(only(|_| {}));
    setup.never.insert(NUMBER.into());
    let carrier = Carrier::open(setup).await.unwrap();
    let centre = Centre::open().await;
    let mut first = Calling::start(&centre.station, centre.order(&carrier));
    let mut second = Calling::start(&centre.station, centre.order(&carrier));
    assert!(matches!(first.next().await, Progress::Ringing(180)));
    assert!(matches!(second.next().await, Progress::Ringing(180)));
    tokio::join!(first.cancel(), second.cancel());
    all_over(&carrier).await;
    let counts = carrier.ledger().finding_counts().clone();
    assert_eq!(counts, BTreeMap::from([("double_dial".into(), 1), ("never_dial".into(), 2)]));
    assert_eq!(carrier.ledger().ends.get("cancelled"), Some(&2));
}

#[tokio::test]
async fn a_caller_waits_for_an_agents_voice_and_gives_up_without_one() {
    let (station, mut arrivals) = Station::open("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let mut setup = setup(only(|_| {}));
    setup.centre = station.local();
    let carrier = Carrier::open(setup).await.unwrap();
    let waves = Waves {
        light_per_hour: 0.0,
        heavy_per_hour: 0.0,
        period_s: 1.0,
        heavy_share: 0.5,
        shape: Shape::Square,
        patience_s: 0.01,
        talk_s: 1.0,
        returning: 0.0,
    };
    let calling = {
        let carrier = carrier.clone();
        tokio::spawn(async move { caller::call(&carrier, &waves, 0).await })
    };
    let invite = arrivals.recv().await.unwrap();
    let seat = station.seat(invite.message.call_id()).unwrap();
    let answering = Answering::take(seat, invite, "+441632960000").unwrap();
    let audio = Audio::open("127.0.0.1".parse().unwrap()).await.unwrap();
    let sdp = sdp::write(audio.local(), 1, &[Law::Mu]);
    let _silence = audio.start(answering.offer(), Law::Mu, Mouth::Silent);
    let mut call = answering.answer(&sdp).await.unwrap();
    assert_eq!(call.next().await, crate::sip::call::Turn::HungUp);
    assert_eq!(calling.await.unwrap(), "gave_up");
}
