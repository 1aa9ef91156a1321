//! Pre-registrations as records: what became of each, and the times that customers wish for.

use super::*;
use crate::model::lead::{LeadState, SuppressionReason};

const ANN: &str = "+8613800000001";
const BEN: &str = "+8613800000002";

fn registration(text: &str) -> Registration {
    Registration {
        campaign: key("spring"),
        number: number(text),
        name: "李雷".to_owned(),
        consent: "call me".to_owned(),
        consent_version: "1".to_owned(),
        consent_until: None,
        channel: "web".to_owned(),
        source: "form 7".to_owned(),
        at: after(0),
        priority: 90,
        list: "web".to_owned(),
        extra: BTreeMap::new(),
        preferred: None,
        message: None,
        link: Some(9),
    }
}

impl Rig {
    async fn registers(&self, registration: Registration, at: Timestamp) -> Registered {
        self.store.pre_register(registration, "ann", at).await.unwrap().0
    }

    async fn due_at(&self, at: Timestamp) -> Vec<PhoneNumber> {
        let selection = Selection::default();
        let spring = key("spring");
        let found = self.store.fetch_leads(&spring, &selection, at, 9, &HashSet::new(), &|_| true).await.unwrap();
        found.into_iter().map(|lead| lead.number).collect()
    }
}

#[tokio::test]
async fn every_registration_is_a_record_with_what_became_of_it() {
    let mut rig = Rig::new().await;
    let (_, done) = rig.dialling(BEN).await;
    rig.store.end_attempt(end(done, Disposition::Declined, Some(LeadNext::Done))).await.unwrap();
    rig.store
        .suppress(
            Suppression {
                number: number("+8613800000003"),
                scope: Scope::All,
                reason: SuppressionReason::OptOut,
                source: "test".to_owned(),
                note: String::new(),
                expires_at: None,
            },
            "ann",
            NOW,
        )
        .await
        .unwrap();
    assert_eq!(rig.registers(registration(ANN), after(1)).await, Registered::New);
    assert_eq!(rig.registers(registration(ANN), after(2)).await, Registered::Forward);
    assert_eq!(rig.registers(registration(BEN), after(3)).await, Registered::Stays);
    assert_eq!(rig.registers(registration("+8613800000003"), after(4)).await, Registered::Suppressed);
    let mut conn = rig.store.reader().await.unwrap();
    let rows = conn
        .rows_made(
            "test",
            "select became, lead_id, channel, source, link_id from pre_registrations order by id",
            vec![],
        )
        .await
        .unwrap();
    let became: Vec<_> =
        rows.iter().map(|row| (row.text("became").unwrap(), row.opt_int("lead_id").unwrap().is_some())).collect();
    let expected = [("new", true), ("forward", true), ("stays", true), ("suppressed", false)];
    assert_eq!(became, expected.map(|(became, lead)| (became.to_owned(), lead)));
    assert_eq!(
        (rows[0].text("channel").unwrap(), rows[0].text("source").unwrap(), rows[0].opt_int("link_id").unwrap()),
        ("web".to_owned(), "form 7".to_owned(), Some(9))
    );
}

#[tokio::test]
async fn a_wished_time_is_waited_for_and_comes_before_all_others() {
    let rig = Rig::new().await;
    let wishes = |seconds| Registration { preferred: Some(after(seconds)), ..registration(ANN) };
    rig.lead_of("spring", rig.list, BEN, 99, "Asia/Shanghai").await;
    assert_eq!(rig.registers(wishes(3600), after(1)).await, Registered::New);
    assert_eq!(rig.due_at(after(3599)).await, [number(BEN)]);
    assert_eq!(rig.due_at(after(3600)).await, [number(ANN), number(BEN)]);
    let lead = rig.store.leads_of_number(&number(ANN)).await.unwrap().remove(0);
    assert_eq!(
        (lead.state, lead.callback.map(|call| (call.at, call.agent))),
        (LeadState::Callback, Some((after(3600), None)))
    );
    // The customer changes the wish, and takes it back.
    assert_eq!(rig.registers(wishes(1800), after(2)).await, Registered::Forward);
    assert_eq!(rig.due_at(after(1800)).await, [number(ANN), number(BEN)]);
    assert_eq!(rig.registers(registration(ANN), after(3)).await, Registered::Forward);
    assert_eq!(rig.due_at(after(3)).await, [number(BEN), number(ANN)]);
}
