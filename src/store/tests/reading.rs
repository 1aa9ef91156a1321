//! Pages, stories and figures.

use super::*;
use crate::model::attempt::{AnsweredBy, CallFailure, FailureKind, InboundEnd, InboundOutcome};
use crate::model::id::InboundId;

fn inbound(id: i64, outcome: InboundOutcome, connected: Option<u64>, ended: u64) -> InboundEnd {
    InboundEnd {
        call: InboundId(id),
        queue: Some("service".parse().unwrap()),
        campaign: None,
        did: "+862112345678".to_owned(),
        caller: Some(number("+8613800000001")),
        offered_at: NOW,
        connected_at: connected.map(after),
        ended_at: after(ended),
        agent: None,
        outcome,
    }
}

#[tokio::test]
async fn attempts_page_by_cursor_and_every_filter_narrows_them() {
    let mut rig = Rig::new().await;
    let mut made = Vec::new();
    for place in 0..5 {
        let text = format!("+8613800000{place:03}");
        let (lead, attempt) = rig.dialling(&text).await;
        let failed =
            CallFailure { kind: FailureKind::Rejected, status: 486, q850: 17, rang: true, retry_after_s: None };
        let ended = AttemptEnd {
            failure: Some(failed),
            rang_at: Some(after(2)),
            agent: (place == 2).then_some(UserId(7)),
            classified: Some((AnsweredBy::Person, 90, 600)),
            ..end(attempt, Disposition::Busy, Some(LeadNext::GivenUp))
        };
        rig.store.end_attempt(ended).await.unwrap();
        made.push((lead, attempt));
    }
    let all = AttemptFilter::default();
    let first = rig.store.attempts(&all, None, 3).await.unwrap();
    let last = first.last().unwrap();
    let cursor = AttemptCursor { at: last.at, id: last.id };
    let rest = rig.store.attempts(&all, Some(cursor), 3).await.unwrap();
    let ids: Vec<AttemptId> = first.iter().chain(&rest).map(|row| row.id).collect();
    assert_eq!(ids, made.iter().rev().map(|(_, attempt)| *attempt).collect::<Vec<_>>());
    let row = &first[0];
    assert_eq!((row.sip_status, row.q850, row.failure), (Some(486), Some(17), Some(FailureKind::Rejected)));
    assert_eq!((row.answered_by, row.confidence, row.live), (Some(AnsweredBy::Person), Some(90), false));
    let filters = [
        (AttemptFilter { lead: Some(made[1].0), ..all.clone() }, 1),
        (AttemptFilter { number: Some(number("+8613800000003")), ..all.clone() }, 1),
        (AttemptFilter { agent: Some(UserId(7)), ..all.clone() }, 1),
        (AttemptFilter { campaign: Some(key("spring")), disposition: Some(Disposition::Busy), ..all.clone() }, 5),
        (AttemptFilter { campaign: Some(key("spring")), disposition: Some(Disposition::Fax), ..all.clone() }, 0),
        (AttemptFilter { from: Some(after(1)), ..all.clone() }, 0),
        (AttemptFilter { to: Some(NOW), ..all.clone() }, 0),
        (AttemptFilter { from: Some(NOW), to: Some(after(1)), ..all.clone() }, 5),
    ];
    for (filter, count) in filters {
        assert_eq!(rig.store.attempts(&filter, None, 100).await.unwrap().len(), count, "{filter:?}");
    }
}

#[tokio::test]
async fn a_customer_who_calls_back_comes_with_the_story_of_the_last_attempt() {
    let mut rig = Rig::new().await;
    let who = number("+8613800000001");
    assert_eq!(rig.store.story(&who).await.unwrap(), None);
    let (lead, attempt) = rig.dialling("+8613800000001").await;
    rig.store.end_attempt(end(attempt, Disposition::NotRecorded, None)).await.unwrap();
    rig.store.record_result(result(attempt, lead, 1, Disposition::Considering)).await.unwrap();
    rig.store.record_inbound(inbound(1, InboundOutcome::Answered, Some(4), 60)).await.unwrap();
    let story = rig.store.story(&who).await.unwrap().unwrap();
    assert_eq!((story.attempt.id, story.attempt.disposition), (attempt, Some(Disposition::Considering)));
    assert_eq!(story.lead.unwrap().name, "王芳");
    assert_eq!(story.result.unwrap().answers["plan"], "family");
    let history = rig.store.number_history(&who, 10).await.unwrap();
    assert_eq!((history.leads.len(), history.attempts.len(), history.inbound.len()), (1, 1, 1));
    let detail = rig.store.lead_detail(lead).await.unwrap().unwrap();
    assert_eq!((detail.attempts.len(), detail.results.len(), detail.suppressions.len()), (1, 1, 0));
    assert_eq!(rig.store.leads_of_campaign(&key("spring"), None, None, 10).await.unwrap().len(), 1);
    assert!(rig.store.leads_of_campaign(&key("spring"), None, Some(lead), 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn totals_count_each_attempt_once_and_the_abandon_rate_is_of_people_who_answered() {
    let mut rig = Rig::new().await;
    assert_eq!(rig.store.campaign_totals(&key("spring"), NOW).await.unwrap().total.figures.abandon_rate(), None);
    let answered = |attempt, disposition, connected| AttemptEnd {
        answered_at: Some(after(5)),
        connected_at: connected,
        ..end(attempt, disposition, Some(LeadNext::GivenUp))
    };
    let (_, one) = rig.dialling("+8613800000001").await;
    rig.store.end_attempt(answered(one, Disposition::NotRecorded, Some(after(6)))).await.unwrap();
    let (_, two) = rig.dialling("+8613800000002").await;
    rig.store.end_attempt(answered(two, Disposition::Abandoned, None)).await.unwrap();
    let (_, three) = rig.dialling("+8613800000003").await;
    rig.store.end_attempt(end(three, Disposition::NoAnswer, Some(LeadNext::GivenUp))).await.unwrap();
    rig.dialling("+8613800000004").await;
    let totals = rig.store.campaign_totals(&key("spring"), NOW).await.unwrap();
    let AttemptTotals { figures, by_disposition } = totals.today.clone();
    let Figures { attempts, live, answered, connected, abandoned, .. } = figures;
    assert_eq!((attempts, live, answered, connected, abandoned), (4, 1, 2, 1, 1));
    assert_eq!(by_disposition.values().sum::<u64>() + live, attempts);
    assert_eq!(figures.abandon_rate(), Some(0.5));
    let leads = rig.store.lead_counts(&key("spring")).await.unwrap();
    assert_eq!((leads.dialling, leads.given_up), (1, 3));
    let tomorrow = rig.store.campaign_totals(&key("spring"), after(86_400)).await.unwrap();
    assert_eq!((tomorrow.today.figures.attempts, tomorrow.total.figures.attempts), (0, 4));
}

#[tokio::test]
async fn the_service_level_leaves_out_who_hung_up_before_anybody_could_answer_in_time() {
    let rig = Rig::new().await;
    let calls = [
        inbound(1, InboundOutcome::Answered, Some(4), 64),
        inbound(2, InboundOutcome::Answered, Some(30), 90),
        inbound(3, InboundOutcome::Abandoned, None, 3),
        inbound(4, InboundOutcome::Abandoned, None, 40),
        inbound(5, InboundOutcome::Closed, None, 1),
    ];
    for call in calls {
        rig.store.record_inbound(call).await.unwrap();
    }
    let queue = "service".parse().unwrap();
    let figures = rig.store.inbound_figures(&queue, NOW, after(86_400), 10_000).await.unwrap();
    let expected = InboundFigures {
        offered: 4,
        answered: 2,
        answered_in_time: 1,
        abandoned: 2,
        abandoned_in_time: 1,
        overflowed: 0,
        closed: 1,
        answer_wait_ms: 34_000,
        wait_max_ms: 40_000,
        talk_ms: 120_000,
    };
    assert_eq!(figures, expected);
    assert_eq!(figures.service_level(), Some(1.0 / 3.0));
    assert_eq!(figures.average_answer_ms(), Some(17_000));
    assert_eq!(InboundFigures::default().service_level(), None);
    assert_eq!(rig.store.inbound_calls(Some(&queue), NOW, None, 3).await.unwrap().len(), 3);
    let before = Some((NOW, InboundId(3)));
    assert_eq!(rig.store.inbound_calls(None, NOW, before, 9).await.unwrap().len(), 2);
}

/// What may be read from end to end: the leads found before, the batch handed in, the campaigns, no table at all.
const SMALL: [&str; 5] = ["SCAN d", "SCAN w", "SCAN j VIRTUAL TABLE", "SCAN c USING COVERING", "SCAN CONSTANT ROW"];
/// These sort what they found, which is little.
const SORT_FEW: [&str; 9] = [
    "FACTS",
    "PAST",
    "DUE_LEADS",
    "DUE_ATTEMPTS",
    "SUPPRESSED_AMONG",
    "AWAITING",
    "NUMBERS",
    "TRIED",
    "CARDS_OF_NUMBER",
];

/// Questions the hopper and the pages ask all the time must be answered from an index, in its order.
#[tokio::test]
async fn the_questions_asked_all_the_time_are_answered_from_an_index_without_sorting() {
    let rig = Rig::in_file(Options::default()).await;
    let mut conn = rig.store.reader().await.unwrap();
    for (name, statements) in [
        ("NEXT_RANK", due::STATEMENTS),
        ("NEXT_RANKS", due::STATEMENTS),
        ("DUE_KEYS", due::STATEMENTS),
        ("NUMBERS", due::STATEMENTS),
        ("TRIED", due::STATEMENTS),
        ("SELECTED", due::STATEMENTS),
        ("WINDOW", placing::STATEMENTS),
        ("PLACE", placing::STATEMENTS),
        ("DUE_LEADS", due::STATEMENTS),
        ("DUE_ATTEMPTS", due::STATEMENTS),
        ("NEXT_DUE", due::STATEMENTS),
        ("PRESENT_AMONG", import::NUMBERS_STATEMENTS),
        ("SUPPRESSED_AMONG", import::NUMBERS_STATEMENTS),
        ("AWAITING", attempts::STATEMENTS),
        ("FACTS", attempts::STATEMENTS),
        ("PAST", attempts::STATEMENTS),
        ("END", attempts::STATEMENTS),
        ("LEADS_DIALLING", attempts::STATEMENTS),
        ("KNOWN", attempts::STATEMENTS),
        ("NEXT", leads::STATEMENTS),
        ("OTHER_NUMBER", leads::STATEMENTS),
        ("CARDS_OF_NUMBER", leads::STATEMENTS),
        ("RESULTS_OF_REQUESTS", calls::STATEMENTS),
        ("LATEST_RESULTS", calls::STATEMENTS),
        ("RESULTS_OF_ATTEMPTS", calls::STATEMENTS),
        ("DROP_DIALOGS", calls::STATEMENTS),
        ("CLOSE_LEADS", suppressions::STATEMENTS),
        ("OF_CAMPAIGN", history::STATEMENTS),
        ("OF_NUMBER", history::STATEMENTS),
        ("ALL", history::STATEMENTS),
    ] {
        let statement = statements.iter().find(|statement| statement.name == name).unwrap();
        let plan = conn.explain(*statement).await.unwrap();
        let whole_table = |step: &String| {
            step.starts_with("SCAN")
                && !step.contains("USING INDEX")
                && !SMALL.iter().any(|small| step.starts_with(small))
        };
        assert!(!plan.iter().any(whole_table), "{name}: {plan:?}");
        let sorts = plan.iter().any(|step| step.contains("TEMP B-TREE"));
        assert!(!sorts || SORT_FEW.contains(&name), "{name}: {plan:?}");
    }
}
