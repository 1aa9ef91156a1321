//! What files are written from: results and leads with all that is known of them.

use super::*;

#[tokio::test]
async fn results_come_in_order_with_their_corrections_and_leads_with_the_last_of_theirs() {
    let mut rig = Rig::new().await;
    let (ann, first) = rig.dialling("+8613800000001").await;
    let (ben, second) = rig.dialling("+8613800000002").await;
    let untouched = rig.lead("+8613800000003").await;
    rig.store.end_attempt(end(first, Disposition::NotRecorded, None)).await.unwrap();
    rig.store.end_attempt(end(second, Disposition::NotRecorded, None)).await.unwrap();
    rig.store.record_result(result(first, ann, 1, Disposition::Declined)).await.unwrap();
    rig.store
        .record_result(CallResult { at: after(61), ..result(second, ben, 2, Disposition::Declined) })
        .await
        .unwrap();
    let corrected =
        CallResult { at: after(62), note: "yes".to_owned(), ..result(first, ann, 3, Disposition::Accepted) };
    rig.store.record_result(corrected).await.unwrap();
    let (campaign, time) = (key("spring"), (NOW, after(100)));

    let page = rig.store.said(&campaign, time, None, 2).await.unwrap();
    let rest = rig.store.said(&campaign, time, page.last().map(|row| &row.cursor), 2).await.unwrap();
    let told: Vec<_> = page.iter().chain(&rest).map(|row| (row.cursor.revision, row.counts, row.disposition)).collect();
    assert_eq!(
        told,
        [(1, false, Disposition::Declined), (1, true, Disposition::Declined), (2, true, Disposition::Accepted)]
    );
    assert_eq!((page[0].number.as_deref(), page[0].name.as_str()), (Some("+8613800000001"), "王芳"));
    assert_eq!(rig.store.count_said(&campaign, NOW, after(62)).await.unwrap(), 2);

    let leads = rig.store.leads_with_results(&campaign, time, None, 2).await.unwrap();
    let last = rig.store.leads_with_results(&campaign, time, leads.last().map(|row| row.id), 2).await.unwrap();
    assert_eq!([leads[0].id, leads[1].id, last[0].id], [ann, ben, untouched]);
    assert_eq!((leads[0].note.as_str(), leads[0].disposition), ("yes", Some(Disposition::Accepted)));
    assert_eq!((last[0].result.as_deref(), last[0].answers.len(), last.len()), (None, 0, 1));
    assert_eq!(leads[0].answers["plan"], "family");
    assert_eq!(rig.store.leads_with_results(&key("summer"), time, None, 9).await.unwrap(), []);
    assert_eq!(rig.store.count_leads(&campaign, NOW, after(1)).await.unwrap(), 3);
}
