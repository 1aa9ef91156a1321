//! Searching what agents wrote.

use super::*;
use crate::store::db::params;

fn wanted(text: &str, question: Option<&str>) -> Search {
    Search {
        campaign: key("spring"),
        text: text.to_owned(),
        question: question.map(str::to_owned),
        from: NOW,
        to: after(1_000_000),
        recorded: None,
    }
}

impl Rig {
    async fn wrote(&mut self, text: &str, seconds: u64, note: &str, plan: &str) -> LeadId {
        let (lead, attempt) = self.dialling(text).await;
        self.store.end_attempt(end(attempt, Disposition::NotRecorded, None)).await.unwrap();
        let answers =
            if plan.is_empty() { BTreeMap::new() } else { BTreeMap::from([("plan".to_owned(), plan.to_owned())]) };
        let said = CallResult {
            note: note.to_owned(),
            answers,
            at: after(seconds),
            ..result(attempt, lead, 0, Disposition::Declined)
        };
        self.store.record_result(said).await.unwrap();
        lead
    }

    async fn found(&self, search: &Search) -> Vec<Option<LeadId>> {
        let page = self.store.search_results(search, None, 100).await.unwrap();
        assert_eq!(page.next, None);
        page.found.iter().map(|found| found.lead).collect()
    }
}

#[tokio::test]
async fn a_text_is_found_in_notes_and_answers_in_any_case_and_alphabet_the_latest_first() {
    let mut rig = Rig::new().await;
    let ann = rig.wrote("+8613800000001", 100, "Moves to MÜNCHEN in May", "").await;
    let ben = rig.wrote("+8613800000002", 200, "", "München flat").await;
    let cat = rig.wrote("+8613800000003", 300, "王女士想要套餐", "family").await;
    assert_eq!(rig.found(&wanted("münchen", None)).await, [Some(ben), Some(ann)]);
    assert_eq!(rig.found(&wanted("套餐", None)).await, [Some(cat)]);
    assert_eq!(rig.found(&wanted("münchen", Some("plan"))).await, [Some(ben)]);
    assert_eq!(rig.found(&wanted("", Some("plan"))).await, [Some(cat), Some(ben)]);
    assert_eq!(rig.found(&wanted("100% %_", None)).await, []);
    assert_eq!(rig.found(&Search { to: after(200), ..wanted("münchen", None) }).await, [Some(ann)]);
    assert_eq!(rig.found(&Search { campaign: key("summer"), ..wanted("münchen", None) }).await, []);
    let page = rig.store.search_results(&wanted("münchen", None), None, 1).await.unwrap();
    let hit = &page.found[0];
    assert_eq!((hit.in_note, hit.in_answers.as_slice()), (false, &["plan".to_owned()][..]));
    assert_eq!((hit.said.number.as_deref(), page.looked_through), (Some("+8613800000002"), 2));
    let rest = rig.store.search_results(&wanted("münchen", None), page.next.as_ref(), 1).await.unwrap();
    assert_eq!(rest.found[0].lead, Some(ann));
}

#[tokio::test]
async fn what_was_corrected_away_is_not_found() {
    let mut rig = Rig::new().await;
    let (lead, attempt) = rig.dialling("+8613800000001").await;
    rig.store.end_attempt(end(attempt, Disposition::NotRecorded, None)).await.unwrap();
    let said = |request: i64, note: &str, seconds: u64| CallResult {
        note: note.to_owned(),
        at: after(seconds),
        ..result(attempt, lead, request, Disposition::Declined)
    };
    rig.store.record_result(said(1, "wrong customer", 60)).await.unwrap();
    rig.store.record_result(said(2, "right customer", 61)).await.unwrap();
    assert_eq!(rig.found(&wanted("wrong", None)).await, []);
    assert_eq!(rig.found(&wanted("customer", None)).await, [Some(lead)]);
}

#[tokio::test]
async fn one_question_looks_through_a_bounded_number_and_the_next_goes_on() {
    let rig = Rig::new().await;
    let mut conn = rig.beside().await;
    // More results than one page looks through; the oldest has what is looked for.
    let rows = (0..25_000u64).map(|n| {
        let note = if n == 0 { "needle" } else { "hay" };
        params![n, after(n), note]
    });
    let text =
        "insert into results (direction, call_id, revision, campaign, agent_id, result, disposition, answers, note, at,
                                     talk_ms, wrap_up_ms)
                select 'inbound', cast(j.value ->> 0 as bigint), 1, 'spring', 1, 'other', 'other', '{}', j.value ->> 2,
                       cast(j.value ->> 1 as bigint), 1, 1
                from json_each($1) j where true";
    conn.run_made("fill", text, vec![db::rows(rows)]).await.unwrap();
    let first = rig.store.search_results(&wanted("needle", None), None, 10).await.unwrap();
    assert_eq!((first.found.len(), first.looked_through), (0, 20_000));
    assert_eq!(first.next.as_ref().unwrap().at, after(5_000));
    let rest = rig.store.search_results(&wanted("needle", None), first.next.as_ref(), 10).await.unwrap();
    assert_eq!((rest.found.len(), rest.looked_through, rest.next), (1, 5_000, None));
}
