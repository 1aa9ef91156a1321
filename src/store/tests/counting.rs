//! Counts by the hour against a full count with statements of their own.

use std::time::Duration;

use super::db::{Statement, params};
use super::*;
use crate::model::zone::Zone;

const FULL: Statement = Statement {
    name: "FULL",
    text: "select count(*) as attempts, count(answered_at) as answered, count(connected_at) as connected,
                  count(*) filter (where disposition = 'accepted') as accepted,
                  count(distinct lead_id) as leads_dialled,
                  count(distinct case when answered_at is not null then lead_id end) as leads_answered,
                  count(distinct case when connected_at is not null then lead_id end) as leads_connected,
                  cast(coalesce(sum(ended_at - connected_at), 0) as bigint) as talk_ms
           from attempts where campaign = $1 and at >= $2 and at < $3",
};

const EVERYTHING: (Timestamp, Timestamp) = (Timestamp::from_millis(0), Timestamp::from_millis(i64::MAX));

async fn full(rig: &Rig, from: Timestamp, to: Timestamp) -> Figures {
    let mut conn = rig.store.reader().await.unwrap();
    let row = conn.one(FULL, params!["spring", from, to]).await.unwrap();
    let count = |name| row.count(name).unwrap();
    Figures {
        attempts: count("attempts"),
        answered: count("answered"),
        connected: count("connected"),
        accepted: count("accepted"),
        leads_dialled: count("leads_dialled"),
        leads_answered: count("leads_answered"),
        leads_connected: count("leads_connected"),
        talk_ms: count("talk_ms"),
        ..Figures::default()
    }
}

/// What [`full`] counts of these.
fn counted(figures: Figures) -> Figures {
    Figures { live: 0, machines: 0, abandoned: 0, ring_ms: 0, wait_ms: 0, ..figures }
}

async fn sum(rig: &Rig, from: Timestamp, to: Timestamp, by: By) -> Figures {
    let mut sum = Figures::default();
    for figures in rig.store.figures(&key("spring"), from, to, by).await.unwrap().into_values() {
        sum += figures;
    }
    sum
}

/// All parts of all breakdowns.
async fn whole_parts(rig: &Rig) -> Vec<(By, BTreeMap<Part, Figures>)> {
    let (from, to) = EVERYTHING;
    let mut parts = Vec::new();
    for by in [By::Hour, By::List, By::Agent, By::Disposition, By::Result] {
        parts.push((by, rig.store.figures(&key("spring"), from, to, by).await.unwrap()));
    }
    parts
}

/// Four hours of calls: leads that are called again and again, some answered, some connected, some of these accepted.
async fn calls(rig: &mut Rig) -> Vec<(AttemptId, LeadId)> {
    let mut connected = Vec::new();
    for who in 0..12_u64 {
        let text = format!("+8613800000{who:03}");
        let lead = rig.lead(&text).await;
        for round in 0..3_u64 {
            let at = after(1200 * who + 700 * round);
            let intent = Intent { at, ..rig.intent(lead, &text) };
            let attempt = intent.attempt;
            assert_eq!(rig.record(intent).await, IntentOutcome::Recorded);
            let answered = (who + round) % 3 > 0;
            let talked = answered && (who * round) % 4 != 1;
            let how = if talked { Disposition::NotRecorded } else { Disposition::NoAnswer };
            let ended = AttemptEnd {
                rang_at: Some(at + Duration::from_secs(2)),
                answered_at: answered.then_some(at + Duration::from_secs(9)),
                connected_at: talked.then_some(at + Duration::from_secs(10)),
                ended_at: at + Duration::from_secs(60),
                agent: talked.then_some(UserId((who % 3) as i64 + 1)),
                ..end(attempt, how, Some(LeadNext::Retry { at }))
            };
            rig.store.end_attempt(ended).await.unwrap();
            if talked {
                connected.push((attempt, lead));
            }
        }
    }
    connected
}

#[tokio::test]
async fn figures_are_those_of_a_full_count_whatever_has_been_counted_by_the_hour() {
    let mut rig = Rig::new().await;
    let connected = calls(&mut rig).await;
    let (from, to) = EVERYTHING;
    let whole = full(&rig, from, to).await;
    assert_eq!((whole.attempts, whole.leads_dialled), (36, 12));
    assert!(whole.leads_answered < whole.answered && whole.leads_connected < whole.connected);
    for by in [By::Hour, By::List, By::Agent, By::Disposition, By::Result] {
        assert_eq!(counted(sum(&rig, from, to, by).await), whole, "before anything was counted, by {by:?}");
    }
    // The last hour is not over, so it is not counted.
    assert_eq!(rig.store.count_hours(after(3600 * 4)).await.unwrap(), 4);
    assert_eq!(rig.store.count_hours(after(3600 * 4)).await.unwrap(), 0, "what is counted is counted once");
    for by in [By::Hour, By::List, By::Agent, By::Disposition, By::Result] {
        assert_eq!(counted(sum(&rig, from, to, by).await), whole, "by {by:?}");
    }
    // Nor is its day over; a day later it is counted, and the last hour before it.
    assert_eq!(rig.store.count_days(after(3600 * 4)).await.unwrap(), 0);
    let parts = whole_parts(&rig).await;
    rig.store.count_hours(after(86_400)).await.unwrap();
    assert_eq!(rig.store.count_days(after(86_400)).await.unwrap(), 1);
    assert_eq!(rig.store.count_days(after(86_400)).await.unwrap(), 0, "what is counted is counted once");
    assert_eq!(whole_parts(&rig).await, parts, "part by part as from the hours");
    // A time that is no full hour at either end.
    let (some, later) = (after(1111), after(9999));
    assert_eq!(sum(&rig, some, later, By::List).await.attempts, full(&rig, some, later).await.attempts);
    // Results come after the hour was counted, and are corrected.
    for (place, (attempt, lead)) in connected.iter().enumerate() {
        rig.store.record_result(result(*attempt, *lead, place as i64 + 1, Disposition::Accepted)).await.unwrap();
    }
    let accepted = sum(&rig, from, to, By::Result).await;
    assert_eq!((accepted.accepted, accepted.conversion()), (connected.len() as u64, Some(1.0)));
    rig.store.count_hours(after(86_400)).await.unwrap();
    assert_eq!(sum(&rig, from, to, By::Result).await, accepted, "the day is read from its hours until it is counted");
    assert_eq!(rig.store.count_days(after(86_400)).await.unwrap(), 1);
    assert_eq!(sum(&rig, from, to, By::Result).await, accepted);
    let (attempt, lead) = connected[0];
    rig.store.record_result(result(attempt, lead, 999, Disposition::Declined)).await.unwrap();
    let corrected = rig.store.figures(&key("spring"), from, to, By::Disposition).await.unwrap();
    assert_eq!(corrected[&Part::Word("declined".to_owned())].attempts, 1);
    assert_eq!(corrected[&Part::Word("accepted".to_owned())].attempts, connected.len() as u64 - 1);
    let recount = rig.store.recount(&key("spring"), &mut |_, _| {}).await.unwrap();
    assert_eq!((recount.attempts, recount.wrong), (36, vec![]));
}

#[tokio::test]
async fn a_recount_finds_a_count_that_was_tampered_with_and_mends_it() {
    let mut rig = Rig::new().await;
    calls(&mut rig).await;
    rig.store.count_hours(after(86_400)).await.unwrap();
    let (from, to) = EVERYTHING;
    let before = sum(&rig, from, to, By::List).await;
    let mut beside = rig.beside().await;
    beside
        .control("update figures set answered = answered + 1 where attempts = (select max(attempts) from figures)")
        .await
        .unwrap();
    assert!(sum(&rig, from, to, By::List).await.answered > before.answered, "what is kept is what is read");
    let mut heard = Vec::new();
    let recount = rig.store.recount(&key("spring"), &mut |done, of| heard.push((done, of))).await.unwrap();
    assert!(!recount.wrong.is_empty() && heard.last() == Some(&(recount.hours, recount.hours)));
    assert_eq!(sum(&rig, from, to, By::List).await, before);
    assert_eq!(rig.store.recount(&key("spring"), &mut |_, _| {}).await.unwrap().wrong, Vec::<i64>::new());
}

#[tokio::test]
async fn a_recount_finds_a_day_that_was_tampered_with_and_mends_it() {
    let mut rig = Rig::new().await;
    calls(&mut rig).await;
    rig.store.count_hours(after(86_400)).await.unwrap();
    rig.store.count_days(after(86_400)).await.unwrap();
    let right = whole_parts(&rig).await;
    let mut beside = rig.beside().await;
    for tampering in [
        "update figures_days set answered = answered + 1 where kind = 'list'",
        "update figures_days set talk_ms = talk_ms - 1 where kind = 'hour'",
        "update figures_days set word = 'fax' where kind = 'disposition' and word = 'no_answer'",
        "update figures_days set number = 4711 where kind = 'agent' and number = 1",
        "delete from figures_days where kind = 'result'",
        "delete from figures_days",
    ] {
        beside.control(tampering).await.unwrap();
        assert_ne!(whole_parts(&rig).await, right, "what is kept is what is read");
        let wrong = rig.store.recount(&key("spring"), &mut |_, _| {}).await.unwrap().wrong;
        assert_eq!(wrong.len(), 1, "{tampering}");
        assert_eq!(whole_parts(&rig).await, right, "{tampering}");
        rig.store.count_hours(after(86_400)).await.unwrap();
        assert_eq!(whole_parts(&rig).await, right, "{tampering}");
        assert_eq!(rig.store.count_days(after(86_400)).await.unwrap(), 1);
        assert_eq!(whole_parts(&rig).await, right, "{tampering}");
        assert_eq!(rig.store.recount(&key("spring"), &mut |_, _| {}).await.unwrap().wrong, Vec::<i64>::new());
    }
}

#[tokio::test]
async fn calls_that_are_removed_stay_in_the_figures() {
    let mut rig = Rig::new().await;
    let connected = calls(&mut rig).await;
    for (place, (attempt, lead)) in connected.iter().enumerate() {
        rig.store.record_result(result(*attempt, *lead, place as i64 + 1, Disposition::Declined)).await.unwrap();
    }
    rig.store.count_hours(after(7200)).await.unwrap();
    let (from, to) = EVERYTHING;
    let before = rig.store.figures(&key("spring"), from, to, By::Hour).await.unwrap();
    let removed = rig.store.forget_calls(after(9000)).await.unwrap();
    assert!(removed > 0 && full(&rig, from, to).await.attempts == 36 - removed);
    assert_eq!(rig.store.figures(&key("spring"), from, to, By::Hour).await.unwrap(), before);
    rig.store.count_hours(after(86_400)).await.unwrap();
    assert_eq!(rig.store.figures(&key("spring"), from, to, By::Hour).await.unwrap(), before);
    assert_eq!(rig.store.count_days(after(86_400)).await.unwrap(), 1);
    assert_eq!(rig.store.figures(&key("spring"), from, to, By::Hour).await.unwrap(), before);
    let recount = rig.store.recount(&key("spring"), &mut |_, _| {}).await.unwrap();
    assert_eq!((recount.attempts, recount.wrong), (36, vec![]));
}

#[tokio::test]
async fn a_day_begins_at_the_midnight_of_its_zone_also_within_an_hour_of_utc() {
    let mut rig = Rig::new().await;
    calls(&mut rig).await;
    rig.store.count_hours(after(86_400)).await.unwrap();
    // 2026-11-22T03:34:56Z and some hours: midnight is within them in Honolulu (10:00 UTC), Apia, and Kathmandu's is at :15.
    for name in ["Asia/Kathmandu", "Asia/Kolkata", "Pacific/Marquesas", "America/St_Johns", "Asia/Shanghai"] {
        let zone = Zone::named(name).unwrap();
        let start = zone.day_began(NOW);
        // So that midnight falls among the calls, whatever the zone.
        let (from, to) = (start - Duration::from_secs(86_400), start + Duration::from_secs(3 * 86_400));
        let days = rig.store.figures_by_day(&key("spring"), from, to, &zone).await.unwrap();
        let mut sum = Figures::default();
        for (day, figures) in days {
            let begin = day.to_zoned(zone.as_jiff().clone()).unwrap();
            let end = day.tomorrow().unwrap().to_zoned(zone.as_jiff().clone()).unwrap();
            let count = full(&rig, Timestamp::from(begin.timestamp()), Timestamp::from(end.timestamp())).await;
            assert_eq!(figures.attempts, count.attempts, "{name} {day}");
            sum += figures;
        }
        assert_eq!(sum.attempts, 36, "{name}");
    }
}

#[tokio::test]
async fn each_figure_lists_the_attempts_it_counts() {
    let mut rig = Rig::new().await;
    let connected = calls(&mut rig).await;
    for (place, (attempt, lead)) in connected.iter().take(3).enumerate() {
        rig.store.record_result(result(*attempt, *lead, place as i64 + 1, Disposition::Accepted)).await.unwrap();
    }
    let (from, to) = EVERYTHING;
    let all = Behind {
        campaign: key("spring"),
        from,
        to,
        disposition: None,
        result: None,
        list: None,
        agent: None,
        stage: None,
        recorded: None,
    };
    for counted_until in [0, 2, 5, 24] {
        rig.store.count_hours(after(counted_until * 3600)).await.unwrap();
        rig.store.count_days(after(counted_until * 3600)).await.unwrap();
        let figures = sum(&rig, from, to, By::List).await;
        for (stage, count) in [
            (None, figures.attempts),
            (Some(Stage::Dialled), figures.leads_dialled),
            (Some(Stage::Answered), figures.leads_answered),
            (Some(Stage::Connected), figures.leads_connected),
            (Some(Stage::Accepted), figures.accepted),
        ] {
            let of = Behind { stage, ..all.clone() };
            assert_eq!(rig.store.attempts_behind(&of, None, 100).await.unwrap().len() as u64, count, "{stage:?}");
            // Page by page nothing is missed or told twice, and the latest come first.
            let (mut told, mut after) = (Vec::new(), None);
            loop {
                let page = rig.store.attempts_behind(&of, after, 5).await.unwrap();
                let Some(last) = page.last() else { break };
                after = Some(AttemptCursor { at: last.at, id: last.id });
                told.extend(page.iter().map(|row| (row.at, row.id)));
            }
            assert!(told.is_sorted_by(|a, b| a > b) && told.len() as u64 == count, "{stage:?}: {told:?}");
        }
        for (part, figures) in rig.store.figures(&key("spring"), from, to, By::Agent).await.unwrap() {
            let Part::Number(agent) = part else { panic!("{part:?}") };
            let of = Behind { agent: Some(UserId(agent)), ..all.clone() };
            let rows = rig.store.attempts_behind(&of, None, 100).await.unwrap();
            assert_eq!(rows.len() as u64, figures.attempts, "agent {agent}");
        }
        let of = Behind { disposition: Some(Disposition::Accepted), list: Some(rig.list), ..all.clone() };
        assert_eq!(rig.store.attempts_behind(&of, None, 100).await.unwrap().len(), 3);
        let none = Behind { list: Some(ListId(4711)), ..all.clone() };
        assert_eq!(rig.store.attempts_behind(&none, None, 100).await.unwrap(), vec![]);
    }
    assert_eq!(rig.store.lead_total(&key("spring")).await.unwrap(), 12);
}
