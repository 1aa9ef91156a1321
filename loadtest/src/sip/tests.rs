//! Calls between two stations over loopback.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::answering::{Answering, Rang};
use super::call::Turn;
use super::calling::{Calling, Order, Progress};
use super::digest::Account;
use super::sdp::{self, Law};
use super::station::{Received, Station};

async fn station() -> (Arc<Station>, mpsc::Receiver<Received>) {
    Station::open("127.0.0.1:0".parse().unwrap()).await.unwrap()
}

fn order(to: &Station, account: Option<Account>) -> Order {
    let sdp = sdp::write("127.0.0.1:4000".parse().unwrap(), 1, &[Law::Mu]);
    Order {
        to: format!("sip:+447700900001@{}", to.local()),
        from_user: "+441632960000".into(),
        peer: to.local(),
        sdp,
        account,
    }
}

async fn arrival(station: &Arc<Station>, strangers: &mut mpsc::Receiver<Received>) -> Answering {
    let invite = strangers.recv().await.unwrap();
    let seat = station.seat(invite.message.call_id()).unwrap();
    Answering::take(seat, invite, "+447700900001").unwrap()
}

#[tokio::test]
async fn a_call_rings_is_answered_and_hung_up_by_the_called_side() {
    let ((one, _), (two, mut arrivals)) = (station().await, station().await);
    let mut calling = Calling::start(&one, order(&two, None));
    let mut answering = arrival(&two, &mut arrivals).await;
    answering.progress(180, None);
    assert!(matches!(calling.next().await, Progress::Ringing(180)));
    let sdp = sdp::write("127.0.0.1:4002".parse().unwrap(), 1, &[Law::Mu]);
    let (called, progress) = tokio::join!(answering.answer(&sdp), calling.next());
    let Progress::Answered(mut call) = progress else { panic!("{progress:?}") };
    assert_eq!(call.audio.address.port(), 4002);
    let (agreed, turn) = tokio::join!(called.unwrap().hang_up(), call.next());
    assert!(agreed);
    assert_eq!(turn, Turn::HungUp);
    drop((call, calling));
    assert_eq!((one.calls(), two.calls()), (0, 0));
}

#[tokio::test]
async fn a_cancelled_call_ends_with_487_on_both_sides() {
    let ((one, _), (two, mut arrivals)) = (station().await, station().await);
    let mut calling = Calling::start(&one, order(&two, None));
    let mut answering = arrival(&two, &mut arrivals).await;
    answering.progress(180, None);
    assert!(matches!(calling.next().await, Progress::Ringing(180)));
    let (rang, ()) = tokio::join!(answering.ring(Duration::from_secs(20)), calling.cancel());
    assert_eq!(rang, Rang::Cancelled);
    drop(answering);
    assert_eq!((one.calls(), two.calls()), (0, 0));
}

#[tokio::test]
async fn a_refusal_is_acknowledged() {
    let ((one, _), (two, mut arrivals)) = (station().await, station().await);
    let mut calling = Calling::start(&one, order(&two, None));
    let answering = arrival(&two, &mut arrivals).await;
    let (acknowledged, progress) = tokio::join!(answering.refuse(486, "Busy Here", &[]), calling.next());
    assert!(acknowledged);
    assert!(matches!(progress, Progress::Refused(486)), "{progress:?}");
}

#[tokio::test]
async fn a_challenge_is_answered_by_who_knows_the_password_and_by_nobody_else() {
    let account = Account { username: "lull".into(), password: "right".into() };
    let wrong = Account { username: "lull".into(), password: "wrong".into() };
    for (given, proven) in [(account.clone(), true), (wrong, false)] {
        let ((one, _), (two, mut arrivals)) = (station().await, station().await);
        let mut calling = Calling::start(&one, order(&two, Some(given)));
        let answering = arrival(&two, &mut arrivals).await;
        let challenged = answering.challenge(&account, "carrier");
        let refused = async {
            let progress = tokio::time::timeout(Duration::from_secs(5), calling.next()).await;
            matches!(progress, Ok(Progress::Refused(403)))
        };
        tokio::pin!(challenged, refused);
        if proven {
            let back = tokio::select! {
                back = &mut challenged => back,
                _ = &mut refused => None,
            };
            assert!(back.is_some());
        } else {
            let (back, refused) = tokio::join!(challenged, refused);
            assert!(back.is_none() && refused);
        }
    }
}
