//! Landing pages in the store: links that only their holders know, visits, codes, and forms that are done once.

use super::*;

const ANN: &str = "+8613800000001";

fn link_of(to: &str) -> NewLink {
    NewLink { campaign: key("spring"), number: number(to), lead: None, message: None, expires_at: after(3600) }
}

#[tokio::test]
async fn a_link_is_found_by_its_token_alone_which_the_database_does_not_hold() {
    let rig = Rig::new().await;
    let asked: Vec<_> = (0..1000).map(|at| link_of(&format!("+86138{at:08}"))).collect();
    let tokens = rig.store.make_links(asked, NOW).await.unwrap();
    assert_eq!(tokens.iter().collect::<HashSet<_>>().len(), 1000);
    let found = rig.store.link(&tokens[7]).await.unwrap().unwrap();
    assert_eq!(found.number, number("+8613800000007"));
    assert_eq!((found.campaign, found.expires_at), (key("spring"), after(3600)));
    for wrong in ["", "1", "000000000000", &format!("{}1", tokens[7]), "é".repeat(6).as_str()] {
        assert_eq!(rig.store.link(wrong).await.unwrap(), None, "{wrong}");
    }
    let mut conn = rig.store.reader().await.unwrap();
    let text = "select count(*) as count from links where token_hash = $1";
    let kept = conn.rows_made("KEPT", text, vec![tokens[7].as_str().into()]).await.unwrap();
    assert_eq!(kept[0].int("count").unwrap(), 0);
    let elsewhere = NewLink { campaign: key("none"), ..link_of(ANN) };
    assert!(matches!(rig.store.make_links(vec![elsewhere], NOW).await, Err(StoreError::NotFound { .. })));
}

#[tokio::test]
async fn one_link_in_a_message_is_made_in_the_transaction_of_the_message() {
    let rig = Rig::new().await;
    let ids = rig.store.ids();
    let token = rig
        .store
        .write(move |conn| Box::pin(async move { links::make(conn, &ids, &link_of(ANN), NOW).await }))
        .await
        .unwrap();
    assert_eq!(token.len(), 12);
    assert!(rig.store.link(&token).await.unwrap().is_some());
}

#[tokio::test]
async fn a_page_that_is_loaded_again_is_one_visit_and_what_programs_look_at_is_counted_apart() {
    let rig = Rig::new().await;
    let token = rig.store.make_links(vec![link_of(ANN)], NOW).await.unwrap().remove(0);
    let id = rig.store.link(&token).await.unwrap().unwrap().id;
    let visit = async |link, kind, seconds| {
        rig.store.note_visit(&key("spring"), link, kind, "Mozilla/5.0", after(seconds)).await.unwrap();
    };
    visit(Some(id), VisitKind::Preview, 1).await;
    visit(Some(id), VisitKind::Visit, 10).await;
    visit(Some(id), VisitKind::Visit, 20).await;
    visit(Some(id), VisitKind::Visit, 4000).await;
    visit(None, VisitKind::Visit, 30).await;
    let counts = rig.store.landing_counts(&key("spring")).await.unwrap();
    assert_eq!(counts, LandingCounts { links: 1, visits: 3, visited: 1, previews: 1 });
    assert_eq!(rig.store.landing_counts(&key("other")).await.unwrap(), LandingCounts::default());
    assert_eq!(rig.store.forget_links(after(3700)).await.unwrap(), 4);
    let counts = rig.store.landing_counts(&key("spring")).await.unwrap();
    assert_eq!(counts, LandingCounts { links: 0, visits: 1, visited: 1, previews: 0 });
}
