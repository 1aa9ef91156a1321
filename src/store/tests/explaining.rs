//! Why campaigns dialled as much as they did.

use super::*;
use crate::model::decision::{Decision, Forecast};
use crate::store::DecisionCursor;

fn decision(seconds: u64, forecast: Option<Forecast>) -> Decision {
    Decision {
        campaign: key("family-plan"),
        at: after(seconds),
        placed: 3,
        limit: "idleness_below_campaign".to_owned(),
        idle: 41,
        idle_with_slot: 37,
        slots: 120,
        pending: 205,
        abandons_left: 12,
        refusals: [("outside_window".to_owned(), 4), ("attempt_cap".to_owned(), 1)].into(),
        forecast,
    }
}

fn forecast(abandon_price: Option<f64>) -> Forecast {
    Forecast {
        agents_free: 12.345_678_9,
        answers_expected: 33.333_333_3,
        answer_share: 0.123_456_7,
        abandon_chance: 0.031_415_9,
        abandon_price,
        caller_price: 1.234_567_8,
        more: 4,
    }
}

#[tokio::test]
async fn decisions_are_read_as_they_were_written_newest_first_by_pages_and_times() {
    let rig = Rig::new().await;
    let other = Decision { campaign: key("other"), refusals: Default::default(), ..decision(2, None) };
    let written: Vec<Decision> = (0..5)
        .map(|second| match second {
            0 => decision(second, None),
            1 => decision(second, Some(forecast(None))),
            _ => decision(second, Some(forecast(Some(40.0)))),
        })
        .collect();
    rig.store.record_decisions(written.iter().cloned().chain([other.clone()]).collect()).await.unwrap();
    let all = |from: u64, to: u64, cursor, limit| {
        let (store, campaign) = (rig.store.clone(), key("family-plan"));
        async move { store.decisions(&campaign, after(from), after(to), cursor, limit).await.unwrap() }
    };
    let first: Vec<(DecisionCursor, Decision)> = all(0, 9, None, 3).await;
    let rest = all(0, 9, Some(first[2].0), 3).await;
    let read: Vec<Decision> = first.into_iter().chain(rest).map(|(_, decision)| decision).collect();
    assert_eq!(read, written.iter().rev().cloned().collect::<Vec<_>>());
    let within: Vec<Decision> = all(1, 3, None, 9).await.into_iter().map(|(_, decision)| decision).collect();
    assert_eq!(within, [written[2].clone(), written[1].clone()], "the end is left out");
    let of_other = rig.store.decisions(&key("other"), NOW, after(9), None, 9).await.unwrap();
    assert_eq!(of_other.into_iter().map(|(_, decision)| decision).collect::<Vec<_>>(), [other]);
}

#[tokio::test]
async fn what_is_too_old_is_removed_and_nothing_else() {
    let rig = Rig::new().await;
    // More than is removed in one transaction.
    rig.store.record_decisions((0..4500).map(|second| decision(second, None)).collect()).await.unwrap();
    assert_eq!(rig.store.forget_decisions(after(4400)).await.unwrap(), 4400);
    assert_eq!(rig.store.forget_decisions(after(4400)).await.unwrap(), 0);
    let left = rig.store.decisions(&key("family-plan"), NOW, after(9000), None, 1000).await.unwrap();
    assert_eq!((left.len(), left.last().unwrap().1.at), (100, after(4400)));
}

/// What `retention.decisions_days` is documented to cost.
#[tokio::test]
async fn a_day_of_decisions_of_one_campaign_takes_no_more_than_is_said() {
    const SAID_BYTES: u64 = 22_000_000;
    const SECONDS_OF_A_DAY: u64 = 86_400;
    const WRITTEN: u64 = 8_640;
    let mut sizes = Vec::new();
    for rows in [0, WRITTEN] {
        let rig = Rig::in_file(Options::default()).await;
        for begin in (0..rows).step_by(1000) {
            let batch = (begin..(begin + 1000).min(rows)).map(|second| decision(second, Some(forecast(Some(40.0)))));
            rig.store.record_decisions(batch.collect()).await.unwrap();
        }
        rig.store.close().await;
        sizes.push(std::fs::metadata(rig.path()).unwrap().len());
    }
    let each_day = (sizes[1] - sizes[0]) * SECONDS_OF_A_DAY / WRITTEN;
    assert!(each_day <= SAID_BYTES && each_day > SAID_BYTES / 2, "{each_day} bytes a day");
}
