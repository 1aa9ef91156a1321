//! Several numbers of a person: brought in, dialled in turn, suppressed together.

use super::importing::{errors, import, plan, reader};
use super::*;
use crate::model::lead::{LeadState, SuppressionReason};
use crate::model::numbers::{NumberKind, NumberRules};

const FILE: &str = "姓名,手机,家庭电话,单位电话\n\
    王芳,13800000001,13800000011,13800000021\n\
    李伟,13800000002,,x12\n\
    张敏,,13800000013,\n\
    赵强,13800000011,13800000014,\n\
    陈静,13800000005,13800000002,13800000025\n";

async fn people(rig: &Rig) -> ImportCounts {
    import(rig, FILE).await.unwrap().counts
}

async fn due(rig: &Rig, at: Timestamp) -> Vec<Lead> {
    rig.store.fetch_leads(&key("spring"), &Selection::default(), at, 9, &HashSet::new(), &|_| true).await.unwrap()
}

fn ending(number: &PhoneNumber) -> &str {
    &number.as_str()[12..]
}

fn others(lead: &Lead) -> Vec<(&str, NumberKind, u32, bool)> {
    lead.numbers.others.iter().map(|other| (ending(&other.number), other.kind, other.tried, other.bad)).collect()
}

/// Dials a lead's number, and ends the attempt so.
async fn dial(rig: &mut Rig, lead: &Lead, at: Timestamp, disposition: Disposition, next: LeadNext) {
    let intent = Intent { at, ..rig.intent(lead.id, lead.number.as_str()) };
    let attempt = intent.attempt;
    assert_eq!(rig.record(intent).await, IntentOutcome::Recorded);
    rig.store.end_attempt(end(attempt, disposition, Some(next))).await.unwrap();
}

#[tokio::test]
async fn a_person_has_the_numbers_of_the_row_and_a_number_is_one_persons() {
    let rig = Rig::new().await;
    let counts = people(&rig).await;
    assert_eq!((counts.rows, counts.accepted, counts.duplicate, counts.numbers_unread), (5, 4, 1, 1));
    let told: Vec<Vec<String>> = errors(&rig);
    assert_eq!((told.len(), told[1][0].as_str(), told[1][6].as_str()), (2, "赵强", "duplicate_in_campaign"));
    let leads = due(&rig, NOW).await;
    let first = &leads[0];
    assert_eq!((ending(&first.number), first.numbers.kind, first.numbers.place), ("01", Some(NumberKind::Mobile), 0));
    assert_eq!(others(first), [("11", NumberKind::Home, 0, false), ("21", NumberKind::Work, 0, false)]);
    let second = &leads[1];
    assert_eq!((ending(&second.number), second.numbers.others.len()), ("02", 0));
    let card = rig.store.lead(second.id).await.unwrap().unwrap();
    assert_eq!(card.extra.get("单位电话").map(String::as_str), Some("x12"), "nothing is lost");
    // A number that somebody has is left out of the row, and a row may begin with any of its numbers.
    let (third, fourth) = (&leads[2], &leads[3]);
    assert_eq!((ending(&third.number), others(third)), ("05", vec![("25", NumberKind::Work, 0, false)]));
    assert_eq!((ending(&fourth.number), fourth.numbers.kind), ("13", Some(NumberKind::Home)));
    // Each of them finds the person.
    let found = rig.store.leads_of_number(&number("+8613800000021")).await.unwrap();
    assert_eq!(found.iter().map(|card| card.name.as_str()).collect::<Vec<_>>(), ["王芳"]);
    // The same file again is the same import, also when numbers have taken turns.
    let again = import(&rig, FILE).await.unwrap();
    assert!(again.resumed && again.counts == counts, "{:?}", again.counts);
    assert_eq!(rig.store.lead_counts(&key("spring")).await.unwrap().total(), 4);
}

#[tokio::test]
async fn the_campaigns_order_says_which_number_is_the_first() {
    let rig = Rig::new().await;
    let numbers = NumberRules { order: vec![NumberKind::Work, NumberKind::Home], ..NumberRules::default() };
    let ordered = Campaign { numbers, ..campaign("spring") };
    rig.store.apply_campaign(ordered, "ordered", "ann", "test", NOW).await.unwrap();
    people(&rig).await;
    let leads = due(&rig, NOW).await;
    assert_eq!(
        (ending(&leads[0].number), leads[0].numbers.kind, leads[0].numbers.place),
        ("21", Some(NumberKind::Work), 2)
    );
    assert_eq!(others(&leads[0]), [("01", NumberKind::Mobile, 0, false), ("11", NumberKind::Home, 0, false)]);
}

#[tokio::test]
async fn attempts_are_counted_for_each_number_and_the_next_one_is_due_when_it_was_said() {
    let mut rig = Rig::new().await;
    people(&rig).await;
    let lead = due(&rig, NOW).await.remove(0);
    let home = LeadNext::Other { at: after(300), number: number("+8613800000011") };
    dial(&mut rig, &lead, NOW, Disposition::NoAnswer, home).await;
    assert!(due(&rig, after(299)).await.iter().all(|other| other.id != lead.id));
    let next = due(&rig, after(300)).await.into_iter().find(|other| other.id == lead.id).unwrap();
    assert_eq!((ending(&next.number), next.numbers.kind, next.numbers.tried), ("11", Some(NumberKind::Home), 0));
    assert_eq!(others(&next), [("01", NumberKind::Mobile, 1, false), ("21", NumberKind::Work, 0, false)]);
    // Attempts to the other number count for caps.
    let past: Vec<bool> = next.facts.past.iter().map(|past| past.elsewhere).collect();
    assert_eq!(past, [true]);
    let work = LeadNext::Other { at: after(600), number: number("+8613800000021") };
    dial(&mut rig, &next, after(300), Disposition::InvalidNumber, work).await;
    let last = due(&rig, after(600)).await.into_iter().find(|other| other.id == lead.id).unwrap();
    assert_eq!(others(&last), [("01", NumberKind::Mobile, 1, false), ("11", NumberKind::Home, 1, true)]);
    // The person is still one of the same import.
    assert!(import(&rig, FILE).await.unwrap().resumed);
    assert_eq!(rig.store.lead_counts(&key("spring")).await.unwrap().total(), 4);
}

#[tokio::test]
async fn a_suppression_of_one_number_is_one_of_the_person_until_it_is_lifted() {
    let mut rig = Rig::new().await;
    people(&rig).await;
    let lead = due(&rig, NOW).await.remove(0);
    let stop = |text: &str| Suppression {
        number: number(text),
        scope: Scope::All,
        reason: SuppressionReason::OptOut,
        source: "hand".to_owned(),
        note: String::new(),
        expires_at: None,
    };
    let suppressed = rig.store.suppress(stop("+8613800000021"), "ann", NOW).await.unwrap();
    let state = async |id| rig.store.lead(id).await.unwrap().unwrap().state;
    assert_eq!(state(lead.id).await, LeadState::GivenUp);
    rig.store.lift_suppression(suppressed, "ann", "by mistake", after(10)).await.unwrap();
    assert_eq!(state(lead.id).await, LeadState::Open);
    // While it rings at one number, another is suppressed: the last look before the next dial sees it.
    let ringing = due(&rig, after(20)).await.into_iter().find(|other| other.id == lead.id).unwrap();
    let intent = Intent { at: after(20), ..rig.intent(lead.id, ringing.number.as_str()) };
    let attempt = intent.attempt;
    assert_eq!(rig.record(intent).await, IntentOutcome::Recorded);
    rig.store.suppress(stop("+8613800000011"), "ann", after(30)).await.unwrap();
    let work = LeadNext::Other { at: after(60), number: number("+8613800000021") };
    rig.store.end_attempt(end(attempt, Disposition::NoAnswer, Some(work))).await.unwrap();
    let next = due(&rig, after(60)).await.into_iter().find(|other| other.id == lead.id).unwrap();
    assert_eq!((ending(&next.number), next.facts.suppressed), ("21", Some(SuppressionReason::OptOut)));
    // A row with a suppressed number is suppressed, whichever it is.
    let counts = import(&rig, "phone,home phone\n13800000031,13800000011\n").await.unwrap().counts;
    assert_eq!((counts.accepted, counts.suppressed), (0, 1));
}

#[tokio::test]
async fn further_numbers_are_added_to_people_who_are_there_up_to_five() {
    let rig = Rig::new().await;
    import(&rig, "phone,name\n13800000001,Ann\n13800000002,Bob\n").await.unwrap();
    let more = "phone,phone 2,phone 3,phone 4,phone 5,name\n\
        13800000001,13800000101,13800000102,13800000103,13800000104,Anna\n\
        13800000002,13800000001,,,,Bobby\n\
        13800000003,13800000203,,,,Cid\n";
    let adding = ImportPlan {
        duplicates: Duplicates { policy: DuplicatePolicy::AddNumbers, ..Duplicates::default() },
        ..plan(&rig, more)
    };
    let counts = rig.store.import_leads(adding, reader(), &mut |_| {}).await.unwrap().counts;
    assert_eq!((counts.accepted, counts.updated, counts.duplicate), (1, 1, 1), "Bob has nothing new");
    let card = rig.store.leads_of_number(&number("+8613800000103")).await.unwrap().remove(0);
    let card = rig.store.lead(card.id).await.unwrap().unwrap();
    let numbers: Vec<&str> = card.numbers.iter().map(|(number, _)| ending(number)).collect();
    assert_eq!((card.name.as_str(), numbers), ("Ann", vec!["01", "01", "02", "03", "04"]));
    let update = ImportPlan {
        duplicates: Duplicates { policy: DuplicatePolicy::Update, ..Duplicates::default() },
        ..plan(&rig, "phone,phone 2,name\n13800000001,13800000105,Anne\n13800000104,,Annie\n")
    };
    let outcome = rig.store.import_leads(update, reader(), &mut |_| {}).await.unwrap();
    assert_eq!(outcome.counts.updated, 2, "any of the numbers is the person's");
    let card = rig.store.lead(card.id).await.unwrap().unwrap();
    assert_eq!((card.name.as_str(), card.numbers.len()), ("Annie", 5), "there is no sixth");
    // What was brought in goes with its numbers.
    let third = rig.store.leads_of_number(&number("+8613800000203")).await.unwrap().remove(0);
    let import = rig.store.imports(9).await.unwrap().into_iter().find(|row| row.counts.accepted == 1).unwrap().id;
    rig.store.undo_import(import, "ann", NOW, std::time::Duration::from_secs(60)).await.unwrap();
    assert_eq!(rig.store.lead(third.id).await.unwrap(), None);
    assert_eq!(rig.store.leads_of_number(&number("+8613800000203")).await.unwrap(), vec![]);
}

#[tokio::test]
async fn a_call_is_promised_for_the_number_it_was_spoken_on_and_a_caller_is_known_by_any_number() {
    let mut rig = Rig::new().await;
    people(&rig).await;
    let lead = due(&rig, NOW).await.remove(0);
    let work = LeadNext::Other { at: after(300), number: number("+8613800000021") };
    dial(&mut rig, &lead, NOW, Disposition::NoAnswer, work).await;
    // Back from the number that was called, and from one that was never called.
    for caller in ["+8613800000001", "+8613800000011"] {
        let story = rig.store.story(&number(caller)).await.unwrap().unwrap();
        assert_eq!(story.lead.unwrap().id, lead.id, "{caller}");
    }
    let promised = CallResult {
        call: CallRef::Inbound(crate::model::id::InboundId(7)),
        number: Some(number("+8613800000001")),
        disposition: Disposition::Callback,
        next: Some(LeadNext::Callback(crate::model::lead::Callback { at: after(900), agent: None })),
        ..result(AttemptId(1), lead.id, 5, Disposition::Callback)
    };
    rig.store.record_result(promised).await.unwrap();
    let next = due(&rig, after(900)).await.into_iter().find(|other| other.id == lead.id).unwrap();
    assert_eq!((ending(&next.number), next.callback.is_some()), ("01", true));
    // Put off with another number, that one is next; an intent for the one before is refused and no failure.
    rig.store.put_off(vec![(lead.id, after(1000), Some(number("+8613800000011")))]).await.unwrap();
    let stale = Intent { at: after(1000), ..rig.intent(lead.id, "+8613800000001") };
    assert_eq!(rig.record(stale).await, IntentOutcome::Refused(crate::model::attempt::Refusal::NoLeadDue));
}

#[tokio::test]
async fn the_zone_of_a_list_is_the_persons_and_an_undo_gives_each_number_its_own_back() {
    let mut rig = Rig::new().await;
    import(&rig, "phone,phone 2\n13800000001,+12025550101\n").await.unwrap();
    let lead = due(&rig, NOW).await.remove(0);
    let own = lead.numbers.others[0].zones.clone();
    assert_ne!(own, lead.zones);
    let update = ImportPlan {
        duplicates: Duplicates { policy: DuplicatePolicy::Update, ..Duplicates::default() },
        ..plan(&rig, "phone,time zone\n13800000001,Europe/London\n")
    };
    let update = rig.store.import_leads(update, reader(), &mut |_| {}).await.unwrap().import.unwrap();
    let lead = due(&rig, NOW).await.remove(0);
    let london = vec!["Europe/London".to_owned()];
    assert_eq!((&lead.zones, &lead.numbers.others[0].zones), (&london, &london));
    let second = LeadNext::Other { at: after(300), number: number("+12025550101") };
    dial(&mut rig, &lead, NOW, Disposition::NoAnswer, second).await;
    assert_eq!(due(&rig, after(300)).await[0].zones, london);
    rig.store.undo_import(update, "ann", NOW, std::time::Duration::from_secs(60)).await.unwrap();
    let back = due(&rig, after(300)).await.remove(0);
    assert_eq!((back.number.as_str(), &back.zones), ("+12025550101", &own));
    assert_eq!(back.numbers.others[0].zones, ["Asia/Shanghai"]);
}
