//! The chain over the consent ledger: whatever is done to the ledger behind our back shows.

use super::*;

fn given(text: &str, at: u64) -> ConsentGiven {
    ConsentGiven {
        number: number("+8613800000001"),
        purpose: Scope::Campaign(key("spring")),
        text: text.to_owned(),
        text_version: "1".to_owned(),
        channel: "sms".to_owned(),
        source: format!("message {at}"),
        at: after(at),
        expires_at: None,
    }
}

fn revoked(at: u64) -> ConsentRevoked {
    ConsentRevoked {
        number: number("+8613800000001"),
        purpose: Scope::All,
        channel: "sms".to_owned(),
        source: format!("message {at}"),
        text: "STOP".to_owned(),
        at: after(at),
    }
}

impl Rig {
    /// Five entries by every way in: one, one that is a repetition, three together, a revocation.
    async fn ledger(&self) -> ChainEnd {
        self.store.record_consent(given("yes\0", 1), "ann", after(1)).await.unwrap();
        self.store.record_consent(given("yes\0", 1), "ann", after(2)).await.unwrap();
        let three = vec![given("一", 3), given("yes", 1), given("二", 4), given("三", 5)];
        self.store.record_consents(three, "ann", after(6)).await.unwrap();
        self.store.revoke_consent(revoked(7), "ann", after(7)).await.unwrap();
        self.store.consent_chain_end().await.unwrap().unwrap()
    }

    async fn behind_our_back(&self, statement: &'static str) {
        self.beside().await.control(statement).await.unwrap();
    }

    async fn look(&self, noted: Option<&ChainEnd>) -> ChainReport {
        self.store.verify_consents(noted, &mut |_| {}).await.unwrap()
    }

    async fn faults(&self, noted: Option<&ChainEnd>) -> Vec<(ChainFaultKind, Option<u64>)> {
        self.look(noted).await.faults.iter().map(|fault| (fault.kind, fault.place)).collect()
    }
}

#[tokio::test]
async fn every_entry_is_in_the_chain_once_and_in_its_order() {
    let rig = Rig::new().await;
    assert_eq!(rig.look(None).await, ChainReport::default());
    let first = {
        rig.store.record_consent(given("yes\0", 1), "ann", after(1)).await.unwrap();
        rig.store.consent_chain_end().await.unwrap().unwrap()
    };
    let end = rig.ledger().await;
    assert_eq!((first.place, end.place), (1, 5));
    let mut told = Vec::new();
    let report = rig.store.verify_consents(Some(&first), &mut |done| told.push(done)).await.unwrap();
    assert_eq!((report.entries, report.end.as_ref(), report.faults_in_all), (5, Some(&end), 0));
    assert_eq!(told, [5]);
    let evidence = rig.store.consent_evidence(number("+8613800000001"), after(9)).await.unwrap();
    let texts: Vec<&str> = evidence.entries.iter().map(|one| one.entry.text.as_str()).collect();
    assert_eq!(texts, ["yes\u{fffd}", "一", "二", "三", "STOP"]);
    assert_eq!(evidence.entries.last().map(|last| (last.place, &last.hash)), Some((5, &end.hash)));
    assert_eq!(evidence.end, Some(end));
    let links = evidence.entries.windows(2).filter(|two| two[1].previous == two[0].hash).count();
    assert_eq!(links, 4);
    assert!(rig.store.consent_evidence(number("+8613800000002"), NOW).await.unwrap().entries.is_empty());
}

#[tokio::test]
async fn an_entry_that_was_changed_taken_out_or_put_in_shows() {
    for (statement, expected) in [
        ("update consents set text = 'no' where text = '一'", (ChainFaultKind::Changed, Some(2))),
        ("update consents set expires_at = 1 where text = '二'", (ChainFaultKind::Changed, Some(3))),
        ("delete from consents where kind = 'revoked'", (ChainFaultKind::Removed, Some(5))),
        ("update consent_chain set consent_id = consent_id + 1 where place = 5", (ChainFaultKind::Removed, Some(5))),
        ("update consents set kind = 'given', number = 'x' where text = '一'", (ChainFaultKind::Changed, Some(2))),
        ("update consent_chain set place = 0 where place = 1", (ChainFaultKind::Broken, Some(0))),
        ("update consent_chain set place = -3 where place = 5", (ChainFaultKind::Broken, None)),
        ("update consent_chain set place = 9 where place = 5", (ChainFaultKind::Broken, Some(9))),
        (
            "insert into consents select id + 1, number, purpose, kind, text, text_version, channel, 'forged', at,
                expires_at, recorded_by, recorded_at from consents where kind = 'given' and text = '三'",
            (ChainFaultKind::Unchained, None),
        ),
    ] {
        let rig = Rig::new().await;
        rig.ledger().await;
        rig.behind_our_back(statement).await;
        let found = rig.faults(None).await;
        assert!(found.contains(&expected), "{statement}: {found:?}");
    }
}

#[tokio::test]
async fn a_pair_that_is_taken_out_together_breaks_the_chain() {
    let rig = Rig::new().await;
    rig.ledger().await;
    rig.behind_our_back("delete from consents where text = '一'; delete from consent_chain where place = 2").await;
    assert_eq!(rig.faults(None).await, [(ChainFaultKind::Broken, Some(3))]);
}

#[tokio::test]
async fn a_ledger_without_a_chain_is_taken_in_and_a_chain_made_anew_is_told_from_the_one_that_was_noted() {
    let rig = Rig::new().await;
    let end = rig.ledger().await;
    rig.behind_our_back("delete from consent_chain").await;
    assert_eq!(rig.look(None).await.faults_in_all, 5);
    let rig = rig.crash().await;
    let found = rig.look(Some(&end)).await;
    assert_eq!((found.entries, found.faults_in_all), (5, 0), "nothing was changed, so the chain is the same");
    rig.behind_our_back("update consents set text = 'no' where text = '一'; delete from consent_chain").await;
    let rig = rig.crash().await;
    assert_eq!(rig.faults(None).await, []);
    assert_eq!(rig.faults(Some(&end)).await, [(ChainFaultKind::NotThere, Some(5))]);
}
